/**
 * `publish`: puts events from a file, from stdin, or a contract's example onto the bus. All are checked before the
 * first is sent, so that a file with a mistake publishes nothing.
 *
 * Each event gets the present time, and a new id unless its metadata has an `eventId`, by which consumers recognize
 * a duplicate.
 */
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { App, Sending } from '../app';
import { EXIT, type ExitCode, InputError, oneLine } from '../cli/errors';
import { formatCount, formatCountOf } from '../cli/terminal';
import { entrySize } from '../eventbridge/event';
import { PUT_EVENTS } from '../eventbridge/service-facts';
import { type EventSource, eventsToPublish, type PlacedEvent } from './event-file';
import { interruptSignal, type Session } from './session';

export interface PublishCommandOptions extends Omit<EventSource, 'file'> {
  readonly dryRun?: boolean;
}

interface Published {
  readonly type: string;
  readonly eventId: string;
  /** Id given by EventBridge. */
  readonly envelopeId: string;
}

interface NotPublished {
  /** Place of the event in the input, e.g. `line 3`. */
  readonly place: string;
  readonly type: string;
  readonly eventId: string;
  readonly code: string;
  readonly message: string;
}

/** Maximum number of failures in the text output; `--json` has all. */
const TOLD_FAILURES = 20;

export async function publish(
  { app, stack, terminal }: Session,
  { dryRun = false, ...source }: PublishCommandOptions,
  [file]: readonly (string | undefined)[],
): Promise<ExitCode> {
  const busName = stack.output('EventBusName');
  const events = await eventsToPublish({ ...source, file }, [busName, stack.output('EventBusArn')], app);
  for (const each of events) checkSize(app, each);
  if (dryRun) {
    const types = events.map(({ event }) => event.contract.detailType);
    terminal.print(
      { dryRun, bus: busName, events: types.length },
      () =>
        `${formatCountOf(types.length, 'event')} would be published to ${busName}: ${[...new Set(types)].join(', ')}.`,
    );
    return EXIT.ok;
  }

  const signal = interruptSignal();
  let sent = 0;
  const onSent = (entries: number) => {
    sent += entries;
    if (events.length > 1) terminal.progress(`${formatCount(sent)} of ${formatCount(events.length)} sent`);
  };
  const client = new EventBridgeClient(stack.clientConfig);
  const { published, failed } = await publishAll(app, events, { busName, client, signal, onSent });
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

/** @throws InputError if the event is larger than the app or EventBridge allows */
function checkSize(
  { maxEventBytes = PUT_EVENTS.maxBytes - 1 }: App,
  { place, event: { contract, detail, ids } }: PlacedEvent,
): void {
  const { source: Source, detailType: DetailType } = contract;
  const Detail = JSON.stringify(contract.create(detail, ids));
  const size = entrySize({ Time: new Date(), Source, DetailType, Detail });
  if (size <= maxEventBytes) return;
  throw new InputError(
    `${place} has ${formatCount(size)} bytes, but an event may have ${formatCount(maxEventBytes)}. Nothing was published.`,
  );
}

/** @throws the error that kept all events from being sent */
async function publishAll(
  { publish: send }: App,
  events: readonly PlacedEvent[],
  to: Sending,
): Promise<{ published: Published[]; failed: NotPublished[] }> {
  if (!send) throw new InputError('This app is not described with a way to publish its events.');
  const outcomes = await send(
    events.map(({ event }) => event),
    to,
  );
  const published: Published[] = [];
  const failed: NotPublished[] = [];
  for (const [index, { place, event }] of events.entries()) {
    const outcome = outcomes[index];
    if (!outcome) throw new Error(`no outcome of ${place}`);
    if ('envelopeId' in outcome) published.push({ type: event.contract.detailType, ...outcome });
    else failed.push({ place, type: event.contract.type, ...outcome });
  }
  return { published, failed };
}
