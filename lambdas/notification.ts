/**
 * Input of the notifier from an OrderStatusChanged: the rule's input transformer and the parser of its output, side by
 * side, so that the rule and the handler agree.
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
 * The transformer's template. An unquoted `<name>` becomes a JSON value, a quoted one becomes text; a missing path
 * becomes `""` in both. It includes the whole detail, since the contract fills in, upcasts and refuses by all fields,
 * not only by those that a template names.
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

/** A change of an order of which its customer may have to be notified. */
export interface NotifiedChange {
  readonly orderId: string;
  readonly status: OrderStatus;
  /** Text of the notification, with the unchanged order id. */
  readonly message: string;
  /** Time of the change, ISO 8601; undefined if the input has none. */
  readonly changedAt?: string | undefined;
  readonly metadata: EventMetadata;
}

const Message = v.pipe(v.string(), v.maxLength(1_000, 'at most 1000 characters'));

/** Output of the transformer, as far as it is read. */
export const NotificationInput = v.object({ message: Message, id: Id, time: Timestamp, detail: JsonObject });

/** Input made by the previous template, which the queue of failed events may hold when this code is deployed. */
const InputBefore = v.object({
  orderId: v.unknown(),
  status: v.unknown(),
  email: v.optional(v.unknown()),
  message: Message,
  id: Id,
  metadata: v.union([v.literal(''), JsonObject]),
});

/**
 * Reads the transformer's output.
 * @throws PoisonEventError naming the first field that violates the contract of OrderStatusChanged
 */
export function parseNotificationInput(input: unknown): NotifiedChange {
  const { type } = OrderStatusChanged;
  const given = check(type, '', JsonObject, input);
  const { message, ...event } =
    'metadata' in given ? eventOfBefore(given) : check(type, '', NotificationInput, given);
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
  // It has no time, so the contract fills in none.
  return { message, id, time: '', detail };
}
