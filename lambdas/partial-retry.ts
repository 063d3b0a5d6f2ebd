/**
 * Batch calls that can fail for some of their entries (PutEvents, PutRecordBatch): the call succeeds, and the
 * SDK's own retries do not see what failed. Only those entries are sent again.
 */

/** What a batch call answers for one entry. */
export type EntryResult = { readonly id: string } | EntryFailure;

export interface EntryFailure {
  readonly code: string;
  readonly message: string;
}

export const hasFailed = (result: EntryResult): result is EntryFailure => 'code' in result;

/** Where waiting and chance come from, so that tests need neither. */
export interface Backoff {
  /** @param ms milliseconds */
  readonly sleep: (ms: number) => Promise<unknown>;
  /** From 0 up to 1. */
  readonly random: () => number;
}

export const BACKOFF: Backoff = {
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: Math.random,
};

/** Calls in all: the first and three that repeat what failed. */
export const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 100;

/**
 * Sends entries, and again those whose failure `isTransient`, after a pause of 0 to 100, 200 and 400 ms ("full
 * jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 * @param send one call; answers in the order of its entries. What it throws is not caught: the SDK has retried it.
 * @returns the last answer for each entry, in the order of `entries`
 */
export async function sendWithRetries<Entry>(
  entries: readonly Entry[],
  send: (entries: readonly Entry[]) => Promise<readonly EntryResult[]>,
  isTransient: (failure: EntryFailure) => boolean,
  { sleep, random }: Backoff,
): Promise<readonly EntryResult[]> {
  const results = [...(await send(entries))];
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    const failed = [...results.entries()].filter(([, result]) => hasFailed(result) && isTransient(result));
    if (failed.length === 0) break;
    await sleep(random() * FIRST_PAUSE_MS * 2 ** (attempt - 1));
    const answers = await send(failed.map(([index]) => entries[index] as Entry));
    for (const [position, [index]] of failed.entries()) results[index] = answers[position] as EntryResult;
  }
  return results;
}
