/**
 * Times of the AWS calls that a handler makes for an event, for its log line: they tell a slow service from a slow
 * function.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** Times of an event's calls, as fields of the log line. */
export interface CallTimes {
  /** Milliseconds by operation, e.g. `PutItem`: from the SDK's start to its end, retries and pauses among them. */
  readonly callMs?: Readonly<Record<string, number>>;
  /** Number of calls of the operations that were called more than once; their times are sums. */
  readonly callCounts?: Readonly<Record<string, number>>;
}

interface Call {
  readonly operation: string;
  readonly ms: number;
}

/** Calls of the event that is being handled; none outside of a handler. */
const current = new AsyncLocalStorage<Call[]>();

type Next = (args: never) => Promise<unknown>;

/** An SDK client, as far as it takes a middleware. */
interface Client {
  readonly middlewareStack: {
    add(
      middleware: (next: Next, context: { readonly commandName?: string }) => Next,
      options: { readonly step: 'initialize'; readonly priority: 'high'; readonly name: string },
    ): void;
  };
}

/** Makes a client report its calls, failed ones too, to `recordCalls`. */
export function timed<Timed extends Client>(client: Timed): Timed {
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        const start = performance.now();
        try {
          return await next(args);
        } finally {
          const operation = commandName.replace(/Command$/, '');
          current.getStore()?.push({ operation, ms: performance.now() - start });
        }
      },
    // First of all, so that serialization and retries are in the time.
    { step: 'initialize', priority: 'high', name: 'callTimes' },
  );
  return client;
}

/**
 * Runs `work` and records the calls of timed clients in it.
 * @param work gets a function that returns the times so far
 */
export function recordCalls<Result>(work: (times: () => CallTimes) => Promise<Result>): Promise<Result> {
  const calls: Call[] = [];
  return current.run(calls, () => work(() => timesOf(calls)));
}

function timesOf(calls: readonly Call[]): CallTimes {
  const ms: Record<string, number> = {};
  const counts: Record<string, number> = {};
  for (const call of calls) {
    ms[call.operation] = (ms[call.operation] ?? 0) + call.ms;
    counts[call.operation] = (counts[call.operation] ?? 0) + 1;
  }
  const repeated = Object.entries(counts).filter(([, count]) => count > 1);
  return {
    ...(calls.length > 0 && {
      callMs: Object.fromEntries(Object.entries(ms).map(([name, sum]) => [name, Math.round(sum)])),
    }),
    ...(repeated.length > 0 && { callCounts: Object.fromEntries(repeated) }),
  };
}

/** Number of calls of each operation, by the log line of an event; none for a line without them. */
export function callCountsOf(line: Readonly<Record<string, unknown>>): Readonly<Record<string, number>> {
  const { callMs = {}, callCounts = {} } = line as CallTimes;
  return Object.fromEntries(Object.keys(callMs).map((operation) => [operation, callCounts[operation] ?? 1]));
}
