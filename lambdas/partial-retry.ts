/**
 * Retries for batch calls that can fail for some of their entries (PutEvents, PutRecordBatch): the call succeeds, so the
 * SDK does not retry it. Only the failed entries are sent again.
 */

/** Result of a batch call for one entry. */
export type EntryResult = { readonly id: string } | EntryFailure;

export interface EntryFailure {
  readonly code: string;
  readonly message: string;
}

const NO_ANSWER: EntryFailure = { code: 'NoAnswer', message: 'the response has no such entry' };

/** Reads one entry of a service's answer, which has a code if it failed, otherwise an id. */
export function entryResult(id?: string, code?: string, message = ''): EntryResult {
  if (code) return { code, message };
  return id ? { id } : NO_ANSWER;
}

export const hasFailed = (result: EntryResult): result is EntryFailure => 'code' in result;

/** Sources of waiting and randomness, replaced in tests. */
export interface Backoff {
  /** @param ms milliseconds */
  readonly sleep: (ms: number) => Promise<unknown>;
  /** Random number from 0 up to 1. */
  readonly random: () => number;
}

export const BACKOFF: Backoff = {
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: Math.random,
};

/** Number of calls in all: the first, and three retries of failed entries. */
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 100;

export interface BatchOutcome {
  /** Last result for each entry, in the order of the entries. */
  readonly results: readonly EntryResult[];
  /** Error thrown by a call; its entries are among the failures. */
  readonly error?: unknown;
}

/**
 * Sends entries, and retries those whose failure `isTransient`, after a pause of up to 100, 200 and 400 ms ("full
 * jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). A call that throws is the last
 * one, since the SDK has already retried it.
 * @param send makes one call; returns results in the order of its entries
 */
export async function sendWithRetries<Entry>(
  entries: readonly Entry[],
  send: (entries: readonly Entry[]) => Promise<readonly EntryResult[]>,
  isTransient: (failure: EntryFailure) => boolean,
  { sleep, random }: Backoff,
): Promise<BatchOutcome> {
  const results: EntryResult[] = [];
  let open = entries.map((entry, index) => ({ entry, index }));
  for (let attempt = 1; ; attempt++) {
    try {
      const answers = await send(open.map(({ entry }) => entry));
      for (const [position, { index }] of open.entries()) results[index] = answers[position] ?? NO_ANSWER;
    } catch (error) {
      for (const { index } of open) results[index] = failureOf(error as NodeJS.ErrnoException);
      return { results, error };
    }
    open = open.filter(({ index }) => {
      const result = results[index] as EntryResult;
      return hasFailed(result) && isTransient(result);
    });
    if (open.length === 0 || attempt === ATTEMPTS) return { results };
    await sleep(random() * FIRST_PAUSE_MS * 2 ** (attempt - 1));
  }
}

/** Converts an error: Node's network errors have a code and maybe no message; the SDK's errors and an abort have a name. */
function failureOf({ code, name, message }: NodeJS.ErrnoException): EntryFailure {
  return { code: typeof code === 'string' ? code : name, message: message || name };
}
