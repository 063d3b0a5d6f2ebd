/** Handlers behind a queue, which Lambda calls with batches of messages. */
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';

/**
 * Makes a handler of events one of batches: it gets the body of each message, and reports those that failed, so that only
 * they are tried again. Of a FIFO queue it stops at the first failure, so that no message overtakes another. An event that
 * comes alone, as an operator sends it, is handled as such.
 * @param handle handler of one event, which throws if it fails
 */
export function inBatches(
  handle: (event: unknown, context: Context) => Promise<unknown>,
): (event: unknown, context: Context) => Promise<unknown> {
  return async (event, context): Promise<unknown> => {
    if (!isBatch(event)) return handle(event, context);
    const batchItemFailures: SQSBatchResponse['batchItemFailures'] = [];
    for (const { messageId, body, eventSourceARN } of event.Records) {
      const isHeldUp = batchItemFailures.length > 0 && eventSourceARN.endsWith('.fifo');
      // One after the other: they share the metrics of the invocation.
      if (isHeldUp || !(await succeeds(() => handle(parsed(body), context))))
        batchItemFailures.push({ itemIdentifier: messageId });
    }
    return { batchItemFailures };
  };
}

function isBatch(event: unknown): event is SQSEvent {
  const { Records } = (event ?? {}) as { Records?: unknown };
  return Array.isArray(Records) && Records.every((each: SQSRecord | null) => each?.eventSource === 'aws:sqs');
}

/** A body that is no JSON is handed on as text, which a handler refuses as it does any other input. */
function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** The handler has logged the error itself. */
async function succeeds(handle: () => Promise<unknown>): Promise<boolean> {
  try {
    await handle();
    return true;
  } catch {
    return false;
  }
}
