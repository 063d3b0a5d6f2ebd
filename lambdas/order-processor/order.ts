/** Reads an event as a creation or a status change of an order. */
import { type DetailOf, isJsonObject, type ParsedEvent, PoisonEventError, parseEnvelope } from '../contract';
import { OrderCreated, OrderStatusChanged } from '../events';
import type { Creation } from '../order-item';
import { DAY_INDEX, dayShard } from '../order-table';
import type { StatusChange } from './fold';

export type OrderEvent = {
  readonly orderId: string;
  /** Names of lenient fields that were dropped, since their values are invalid. */
  readonly dropped?: readonly string[] | undefined;
} & (
  | {
      readonly kind: 'created';
      readonly creation: Creation;
      /** Attributes of the item; undefined for those that it must not have. */
      readonly attributes: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'status'; readonly change: StatusChange }
);

/**
 * Reads an event that the order processor subscribes to.
 * @throws PoisonEventError if it is no event of those two contracts
 */
export function readOrderEvent(event: unknown): OrderEvent {
  // The contract reads the whole event, this field too.
  const type = isJsonObject(event) ? event['detail-type'] : undefined;
  if (type === OrderCreated.detailType) return created(OrderCreated.parse(event));
  if (type === OrderStatusChanged.detailType) return statusChanged(OrderStatusChanged.parse(event));
  const { source, 'detail-type': detailType } = parseEnvelope(event);
  throw new PoisonEventError(
    `${source}/${detailType}`,
    'detail-type',
    `expected ${OrderCreated.detailType} or ${OrderStatusChanged.detailType}.`,
  );
}

function created({ detail, metadata, dropped }: ParsedEvent<DetailOf<typeof OrderCreated>>): OrderEvent {
  const { orderId, customerId, customerEmail, items, total, createdAt, revision } = detail;
  const { eventId: by, correlationId } = metadata;
  return {
    orderId,
    dropped,
    kind: 'created',
    creation: {
      customerId,
      total,
      at: createdAt,
      by,
      correlationId,
      ...(revision !== undefined && { revision }),
    },
    attributes: {
      customerId,
      customerEmail,
      items: items.map(asMaps),
      total,
      createdAt,
      createdBy: by,
      createdRevision: revision,
      correlationId,
      [DAY_INDEX.partitionKey]: dayShard(createdAt, orderId),
    },
  };
}

function statusChanged({
  detail,
  metadata,
  dropped,
}: ParsedEvent<DetailOf<typeof OrderStatusChanged>>): OrderEvent {
  const { orderId, status, updatedAt: at, revision } = detail;
  const fact = { at, by: metadata.eventId, ...(revision !== undefined && { revision }) };
  return { orderId, dropped, kind: 'status', change: { status, fact } };
}

/** Converts objects to maps for the SDK, which does not recognize an object with a key `constructor`. */
function asMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asMaps);
  if (typeof value !== 'object' || value === null) return value;
  return new Map(Object.entries(value).map(([key, child]) => [key, asMaps(child)]));
}
