import { randomUUID } from 'node:crypto';
import { PublishError, publishEvents } from '../lambdas/publisher';
import type { App, EventToPublish, PublishOutcome } from '../tools/app';

/** Events of one call of the publisher, between which sending can be ended. */
const BATCH = 10;

/**
 * Publishes events of any contract by the app's own publisher.
 * @throws what kept all of them from being sent, such as missing credentials
 */
export const publishContractEvents: NonNullable<App['publish']> = async (
  events,
  { busName, client, signal, onSent },
) => {
  const outcomes: PublishOutcome[] = [];
  let isBroken = false;
  for (let start = 0; start < events.length; start += BATCH) {
    const batch = events.slice(start, start + BATCH).map(withId);
    if (signal.aborted || isBroken) {
      const message = isBroken ? 'the call before it failed' : 'interrupted';
      outcomes.push(...batch.map(({ ids: { eventId } }) => ({ eventId, code: 'NotSent', message })));
      continue;
    }
    try {
      const published = await publishEvents(batch as never, { busName, eventBridge: client });
      outcomes.push(...published);
    } catch (error) {
      if (!(error instanceof PublishError)) throw error;
      isBroken = error.cause !== undefined;
      if (isBroken && start === 0 && error.published.length === 0) throw error.cause;
      outcomes.push(...inOrder(batch.length, error));
    }
    onSent(batch.length);
  }
  return outcomes;
};

/** The id is chosen here, so that it is known of an event that was not sent, too. */
const withId = (event: EventToPublish) => ({
  ...event,
  ids: { ...event.ids, eventId: event.ids.eventId ?? randomUUID() },
});

function inOrder(count: number, { failures, published }: PublishError): PublishOutcome[] {
  const rest = [...published];
  return Array.from({ length: count }, (_, index) => {
    const failure = failures.find((each) => each.index === index);
    if (failure) return { eventId: failure.eventId, code: failure.code, message: failure.message };
    return rest.shift() as PublishOutcome;
  });
}
