/**
 * `publish`: events from a file, from stdin, or a contract's example, onto the bus. All are checked before the
 * first is sent, so that a file with a mistake in it publishes nothing.
 *
 * An event is published anew: at the present time, and with a new id unless its metadata has an `eventId`, by
 * which consumers tell a second publishing from a first.
 */
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { EventTooLargeError, PublishError, publishEvents } from '../../lambdas/publisher';
import { EXIT, type ExitCode, InputError, oneLine } from '../cli/errors';
import { formatCount, formatCountOf } from '../cli/terminal';
import { type EventSource, eventsToPublish, type PlacedEvent } from './event-file';
import { interruptSignal, type Session } from './session';

export interface PublishOptions extends Omit<EventSource, 'file'> {
  readonly dryRun?: boolean;
}

interface Published {
  readonly type: string;
  readonly eventId: string;
  /** Given by EventBridge. */
  readonly envelopeId: string;
}

interface NotPublished {
  /** Where the event stands in the input, e.g. `line 3`. */
  readonly place: string;
  readonly type: string;
  readonly eventId: string;
  readonly code: string;
  readonly message: string;
}

/** Stands in the place of a call that is not made. */
class NotSentError extends Error {
  override readonly name = 'NotSent';
}

/** Failures that are told one by one; `--json` has all. */
const TOLD_FAILURES = 20;

export async function publish(
  { stack, terminal }: Session,
  { dryRun = false, ...source }: PublishOptions,
  [file]: readonly (string | undefined)[],
): Promise<ExitCode> {
  const busName = stack.output('EventBusName');
  const events = await eventsToPublish({ ...source, file }, [busName, stack.output('EventBusArn')]);

  const signal = interruptSignal();
  const eventBridge = new EventBridgeClient(stack.clientConfig);
  let tried = 0;
  // Around each call, since one `publishEvents` for all is what checks all before the first call.
  eventBridge.middlewareStack.add(
    (next) => async (call) => {
      if (dryRun) throw new NotSentError('--dry-run');
      if (signal.aborted) throw new NotSentError('interrupted');
      const answer = await next(call);
      tried += (call.input as { Entries: unknown[] }).Entries.length;
      if (events.length > 1) {
        terminal.progress(
          `${formatCount(Math.min(tried, events.length))} of ${formatCount(events.length)} sent`,
        );
      }
      return answer;
    },
    { step: 'initialize' },
  );
  const { published, failed } = await publishAll(events, busName, eventBridge);

  if (dryRun) {
    const types = events.map(({ event }) => event.contract.detailType);
    terminal.print(
      { dryRun, bus: busName, events: types.length },
      () =>
        `${formatCountOf(types.length, 'event')} would be published to ${busName}: ${[...new Set(types)].join(', ')}.`,
    );
    return EXIT.ok;
  }
  terminal.print({ bus: busName, interrupted: signal.aborted, published, failed }, () =>
    published.map(({ type, eventId }) => `${type}  ${eventId}`).join('\n'),
  );
  for (const { place, code, message } of failed.slice(0, TOLD_FAILURES)) {
    terminal.note(`${place}: ${code}: ${oneLine(message)}`);
  }
  terminal.note(
    failed.length === 0
      ? `${formatCountOf(published.length, 'event')} published to ${busName}.`
      : `${formatCount(published.length)} of ${formatCountOf(events.length, 'event')} published to ${busName}; ` +
          `${formatCount(failed.length)} not${failed.length > TOLD_FAILURES ? ', --json lists them all' : ''}.`,
  );
  if (signal.aborted) return EXIT.interrupted;
  return failed.length > 0 ? EXIT.failed : EXIT.ok;
}

/** @throws InputError if an event is too large, before any is sent; and what kept every event from being sent */
async function publishAll(
  events: readonly PlacedEvent[],
  busName: string,
  eventBridge: EventBridgeClient,
): Promise<{ published: Published[]; failed: NotPublished[] }> {
  const placeOf = (index: number) => events[index]?.place ?? `event ${index + 1}`;
  const typed = (published: { eventId: string; envelopeId: string }, index: number) => ({
    type: events[index]?.event.contract.detailType ?? '',
    ...published,
  });
  try {
    const published = await publishEvents(
      events.map(({ event }) => event),
      { busName, eventBridge },
    );
    return { published: published.map(typed), failed: [] };
  } catch (error) {
    if (error instanceof EventTooLargeError) {
      throw new InputError(
        `${placeOf(error.index)} has ${formatCount(error.size)} bytes, but EventBridge takes less than 1 MiB. ` +
          'Nothing was published.',
      );
    }
    if (!(error instanceof PublishError)) throw error;
    if (error.published.length === 0 && error.cause && !(error.cause instanceof NotSentError))
      throw error.cause;
    const failedIndices = new Set(error.failures.map(({ index }) => index));
    const publishedIndices = [...events.keys()].filter((index) => !failedIndices.has(index));
    return {
      published: error.published.map((published, position) =>
        typed(published, publishedIndices[position] ?? 0),
      ),
      failed: error.failures.map(({ index, ...failure }) => ({ place: placeOf(index), ...failure })),
    };
  }
}
