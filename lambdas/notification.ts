/**
 * What the notifier is given of an OrderStatusChanged: the rule's input transformer and the reader of its
 * output, side by side, so that the rule and the handler cannot disagree.
 */
import * as v from 'valibot';
import { check, type EventMetadata, Id, JsonObject, PoisonEventError, Timestamp } from './contract';
import { NOTIFIED_STATUSES, type OrderStatus, OrderStatusChanged } from './events';

/** The transformer's input paths. */
export const NOTIFICATION_INPUT_PATHS = {
  orderId: '$.detail.orderId',
  status: '$.detail.status',
  email: '$.detail.customerEmail',
  id: '$.id',
  time: '$.time',
  detail: '$.detail',
} as const;

/**
 * The transformer's template. A bare `<name>` becomes a JSON value, one in quotes becomes text; a path that the
 * event does not have becomes `""` in both places. The whole detail is among them, since the contract can judge no
 * less: what it would fill in, upcast or refuse must not depend on which fields a template happens to name.
 */
export const NOTIFICATION_INPUT_TEMPLATE = `{
  "orderId": <orderId>,
  "status": <status>,
  "email": <email>,
  "message": "Your order <orderId> has been <status>",
  "id": <id>,
  "time": <time>,
  "detail": <detail>
}`;

/** A change of an order that its customer may have to hear of. */
export interface NotifiedChange {
  readonly orderId: string;
  readonly status: OrderStatus;
  /** What to tell, with the order's id as it is. */
  readonly message: string;
  /** When it happened, ISO 8601; undefined if the input does not tell. */
  readonly changedAt?: string | undefined;
  readonly metadata: EventMetadata;
}

const Message = v.pipe(v.string(), v.maxLength(1_000, 'at most 1000 characters'));

const Input = v.object({ message: Message, id: Id, time: Timestamp, detail: JsonObject });

/** Made by the template of before: it waits in the queue of failed events when this code is deployed. */
const InputBefore = v.object({
  orderId: v.unknown(),
  status: v.unknown(),
  email: v.optional(v.unknown()),
  message: Message,
  id: Id,
  metadata: v.union([v.literal(''), JsonObject]),
});

/**
 * Reads what the transformer made.
 * @throws PoisonEventError naming the first field that is not as the contract of OrderStatusChanged says.
 */
export function parseNotificationInput(input: unknown): NotifiedChange {
  const { type } = OrderStatusChanged;
  const given = check(type, '', JsonObject, input);
  const { message, ...event } = 'metadata' in given ? eventOfBefore(given) : check(type, '', Input, given);
  const { metadata, detail } = OrderStatusChanged.parseDetail(event.detail, event);
  const { orderId, status, updatedAt } = detail;
  if (!(NOTIFIED_STATUSES as readonly string[]).includes(status)) {
    const expected = NOTIFIED_STATUSES.join(', ');
    throw new PoisonEventError(type, 'detail.status', `expected one of ${expected}, received ${status}.`);
  }
  return { orderId, status, message, changedAt: updatedAt || undefined, metadata };
}

function eventOfBefore(given: unknown) {
  const { orderId, status, message, id, metadata } = check(OrderStatusChanged.type, '', InputBefore, given);
  const detail = { orderId, status, ...(metadata && { metadata }) };
  // It has no time: the contract then fills in none.
  return { message, id, time: '', detail };
}
