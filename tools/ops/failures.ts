/**
 * `failures`: the messages in the queues of failed events, grouped by consumer and cause. Deletes nothing; while it
 * reads, the messages are hidden from other readers (`queue-reader.ts`).
 */
import { SQSClient } from '@aws-sdk/client-sqs';
import { EXIT, type ExitCode } from '../cli/errors';
import { formatCount, formatCountOf } from '../cli/terminal';
import { type FailureGroup, FailureGroups, readFailedEvent } from './failed-event';
import { QueueReader } from './queue-reader';
import { interruptSignal, type Session } from './session';
import { formatAge, formatTime } from './time';

export interface FailuresOptions {
  /** Maximum number of messages to read from each queue. */
  readonly limit: number;
}

/** Seconds that a message stays hidden if the command is killed; enough to read about ten thousand. */
const VISIBILITY_SECONDS = 120;

export async function failures(session: Session, { limit }: FailuresOptions): Promise<ExitCode> {
  const { app, stack, terminal } = session;
  const signal = interruptSignal();
  const sqs = new SQSClient(stack.clientConfig);
  const groups = new FailureGroups();
  const readers = stack.failureQueueUrls.map((url) => new QueueReader(sqs, url, VISIBILITY_SECONDS));
  const seen = () => readers.reduce((sum, reader) => sum + reader.seen, 0);
  const others = await Promise.all(
    readers.map(async (reader) => {
      for await (const batch of reader.batches(signal, limit)) {
        for (const message of batch) groups.add(readFailedEvent(message, app));
        terminal.progress(`${formatCountOf(seen(), 'message')} read`);
      }
      return reader.close();
    }),
  );
  const unseen = others.reduce((sum, count) => sum + count, 0);

  const { all } = groups;
  const result = {
    seen: seen(),
    unseen,
    interrupted: signal.aborted,
    groups: all.map((group) => ({ ...group, oldest: formatTime(group.oldest) })),
  };
  terminal.print(result, () => {
    if (all.length === 0) return unseen > 0 ? 'No failure could be read.' : 'No failures.';
    return `${table(session, all)}\n\n${formatCountOf(seen(), 'failure')}. ${advice(all)}`;
  });
  if (unseen > 0) {
    terminal.note(
      `Not all: about ${formatCountOf(unseen, 'more message')} could not be read (limit ${formatCount(limit)} a queue; ` +
        'others may be reading, such as a redrive, or one that was killed a minute ago).',
    );
  }
  return signal.aborted ? EXIT.interrupted : EXIT.ok;
}

function table({ app, stack, terminal, now }: Session, groups: readonly FailureGroup[]): string {
  const rows = groups.map(({ consumer, cause, poison, count, oldest, sample }) => [
    stack.shortName(consumer),
    terminal.style(poison ? 'yellow' : 'red', cause),
    formatCount(count),
    formatAge(oldest, now()),
    [(app.entity && sample[app.entity.idField]) ?? sample.eventId, sample.reason].filter(Boolean).join(': '),
  ]);
  return terminal.table(['CONSUMER', 'CAUSE', 'COUNT', 'OLDEST', 'FOR EXAMPLE'], rows, [2]);
}

function advice(groups: readonly FailureGroup[]): string {
  if (groups.every(({ poison }) => poison)) {
    return 'All poison: fix what published it; or the code that reads it, then redrive --include-poison.';
  }
  return 'Mend the causes, then: npm run ops -- redrive';
}
