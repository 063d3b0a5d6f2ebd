import type { Context } from 'aws-lambda';
import { inBatches } from '../../lambdas/in-batches';

const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:work';
const context = {} as Context;
const batch = (bodies: readonly string[], queue = QUEUE) => ({
  Records: bodies.map((body, index) => ({
    messageId: `message-${index}`,
    body,
    eventSource: 'aws:sqs',
    eventSourceARN: queue,
  })),
});

/** Handles anything but an event with `bad`, and remembers what it got. */
function handler() {
  const seen: unknown[] = [];
  const handle = inBatches(async (event) => {
    seen.push(event);
    if (typeof event !== 'object' || (event as { bad?: boolean }).bad) throw new Error('bad');
    return 'handled';
  });
  return { seen, handle };
}

test('each message is an event of its own, and those that fail are reported', async () => {
  const { seen, handle } = handler();
  const bodies = ['{"id":1}', '{"id":2,"bad":true}', 'no JSON', '{"id":3}'];
  expect(await handle(batch(bodies), context)).toEqual({
    batchItemFailures: [{ itemIdentifier: 'message-1' }, { itemIdentifier: 'message-2' }],
  });
  expect(seen).toEqual([{ id: 1 }, { id: 2, bad: true }, 'no JSON', { id: 3 }]);
});

test('of a FIFO queue nothing overtakes a message that failed', async () => {
  const { seen, handle } = handler();
  const bodies = ['{"id":1}', '{"id":2,"bad":true}', '{"id":3}'];
  expect(await handle(batch(bodies, `${QUEUE}.fifo`), context)).toEqual({
    batchItemFailures: [{ itemIdentifier: 'message-1' }, { itemIdentifier: 'message-2' }],
  });
  expect(seen).toHaveLength(2);
});

test.each([{ id: 7 }, { Records: 'none' }, { Records: [null] }])(
  'an event that comes alone is handled as one: %j',
  async (event) => {
    const { seen, handle } = handler();
    expect(await handle(event, context)).toBe('handled');
    expect(seen).toEqual([event]);
  },
);

test('nothing is handed on as it is', async () => {
  const { seen, handle } = handler();
  await expect(handle(undefined, context)).rejects.toThrow('bad');
  expect(seen).toEqual([undefined]);
});
