/** The stream of changes to a reader, as server-sent events. */
import type { Counts, Delta, PageUpdate } from './model';
import type { Recorder } from './recorder';
import { Rhythm } from './rhythm';

/** Interval at which a reader who waits is looked after, so that the first step after a pause is seen at once. */
const IDLE_MS = 20;
/** Interval at which is looked for what changes without a step, such as the clock and the time of a retry. */
const REST_MS = 500;

type Update = Omit<PageUpdate, 'events'> & Pick<Delta, 'frameMs'>;

/**
 * @param after number of the newest step that the reader knows
 * @param read reads the state that is sent beside the events
 */
export async function* changes(
  recorder: Recorder,
  after: number,
  read: () => Omit<PageUpdate, 'events'>,
  signal: AbortSignal,
  rhythm = new Rhythm(),
): AsyncGenerator<string> {
  const watch = recorder.watch(after);
  let sent: Update | undefined;
  let sentAt = Number.NEGATIVE_INFINITY;
  try {
    while (!signal.aborted) {
      const quiet = performance.now() - sentAt;
      if (sent === undefined || recorder.seq > sent.seq || quiet >= REST_MS) {
        const state = { ...read(), frameMs: rhythm.frameMs };
        const events = watch.take();
        const delta = { ...difference(sent, state), seq: state.seq, now: state.now, events };
        sent = state;
        sentAt = performance.now();
        yield `data: ${JSON.stringify(delta satisfies Delta)}\n\n`;
        rhythm.sent(events.length);
        await pause(rhythm.frameMs, signal);
      } else await pause(IDLE_MS, signal);
    }
  } finally {
    watch.close();
  }
}

/** The fields that differ; of counts, the entries that differ. */
function difference(before: Update | undefined, after: Update): Partial<Delta> {
  if (!before) return { ...after, nextDue: after.nextDue ?? null };
  const is = (field: keyof typeof after) => JSON.stringify(before[field]) === JSON.stringify(after[field]);
  return {
    ...counts('met', before.met, after.met),
    ...counts('passed', before.passed, after.passed),
    ...counts('queues', before.queues, after.queues),
    ...(!is('nextDue') && { nextDue: after.nextDue ?? null }),
    ...(!is('disabled') && { disabled: after.disabled }),
    ...(!is('broken') && { broken: after.broken }),
    ...(!is('dropped') && { dropped: after.dropped }),
    ...(!is('frameMs') && { frameMs: after.frameMs }),
  };
}

function counts<Name extends 'met' | 'passed' | 'queues'>(name: Name, before: Counts, after: Counts) {
  const changed = Object.entries(after).filter(([key, value]) => before[key] !== value);
  return changed.length > 0 && { [name]: Object.fromEntries(changed) };
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish);
  });
}
