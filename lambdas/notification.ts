/**
 * What the notifier is given of an OrderStatusChanged: the rule's input transformer and the reader of its
 * output, side by side, so that the rule and the handler cannot disagree.
 */
import * as v from 'valibot';
import { check, type EventMetadata } from './contract';
import { Email, NOTIFIED_STATUSES, OrderId, type OrderStatus, OrderStatusChanged } from './events';

/** The transformer's input paths. */
export const NOTIFICATION_INPUT_PATHS = {
  orderId: '$.detail.orderId',
  status: '$.detail.status',
  email: '$.detail.customerEmail',
  id: '$.id',
  metadata: '$.detail.metadata',
} as const;

/**
 * The transformer's template. A bare `<name>` becomes a JSON value, one in quotes becomes text; a path that the
 * event does not have becomes `""` in both places.
 */
export const NOTIFICATION_INPUT_TEMPLATE = `{
  "orderId": <orderId>,
  "status": <status>,
  "email": <email>,
  "message": "Your order <orderId> has been <status>",
  "id": <id>,
  "metadata": <metadata>
}`;

export interface NotificationInput {
  readonly orderId: string;
  readonly status: OrderStatus;
  /** Undefined if the event had none that can be used. */
  readonly email?: string | undefined;
  readonly message: string;
  readonly metadata: EventMetadata;
}

const Missing = v.literal('');

const Input = v.object({
  orderId: OrderId,
  status: v.picklist(NOTIFIED_STATUSES),
  email: v.unknown(),
  message: v.string(),
  id: v.string(),
  metadata: v.union([Missing, v.record(v.string(), v.unknown())]),
});

/**
 * Reads what the transformer made.
 * @throws PoisonEventError naming the first field that is not as the contract of OrderStatusChanged says.
 */
export function parseNotificationInput(input: unknown): NotificationInput {
  const { id, email, metadata, ...rest } = check(OrderStatusChanged.type, '', Input, input);
  return {
    ...rest,
    email: v.is(Email, email) ? email : undefined,
    metadata: OrderStatusChanged.parseMetadata(metadata || undefined, id),
  };
}
