/**
 * The rules by which events become an order's item. Each event is one conditional update, and the updates
 * commute: what stands is the smallest or the largest of all the facts of a kind, so whatever order they arrive
 * in, and however often, the item is the same. (Only `processedAt`, the time of the first processing, is about
 * the arrival itself.)
 *
 * - What an order is: said by the OrderCreated with the smallest (createdAt, event id). There is one, unless a
 *   publisher placed the same order twice.
 * - Its status: said by the OrderStatusChanged with the largest (rank, updatedAt, event id). The rank comes first
 *   because an order only moves forward: in every legal history the furthest status is the newest, whatever the
 *   clocks of the publishers say. Without any it is PENDING.
 */
import {
  type DetailOf,
  ORDER_STATUSES,
  OrderCreated,
  type OrderStatus,
  OrderStatusChanged,
  type ParsedEvent,
  PoisonEventError,
  parseEnvelope,
  STATUS_TRANSITIONS,
} from '../events';
import { DAY_INDEX, dayShard } from '../order-table';

/** One event as a conditional update of its order's item. */
export interface OrderUpdate {
  readonly orderId: string;
  /** The attribute that holds the version of the facts the event is about. */
  readonly versionAttribute: 'createdVersion' | 'statusVersion';
  /** The event's own version of them. The condition is that none stands that goes before it. */
  readonly version: string;
  /** The order's total if the event makes an order. */
  readonly total?: number;
  readonly expressions: {
    readonly UpdateExpression: string;
    readonly ConditionExpression: string;
    readonly ExpressionAttributeNames: Record<string, string>;
    readonly ExpressionAttributeValues: Record<string, unknown>;
  };
}

/** Sorts before every version of an OrderStatusChanged: they begin with `0#` or a higher rank. */
const NO_STATUS_YET = '0';

/** Steps from PENDING, by the longest way. */
const RANK = rankStatuses();

/**
 * Reads an event that the order processor subscribes to.
 * @param processedAt when it is processed, ISO 8601
 * @throws PoisonEventError if it is no event of those two contracts.
 */
export function orderUpdate(event: unknown, processedAt: string): OrderUpdate {
  const { source, 'detail-type': detailType } = parseEnvelope(event);
  switch (detailType) {
    case OrderCreated.detailType:
      return created(OrderCreated.parse(event), processedAt);
    case OrderStatusChanged.detailType:
      return statusChanged(OrderStatusChanged.parse(event));
    default:
      throw new PoisonEventError(
        `${source}/${detailType}`,
        'detail-type',
        `expected ${OrderCreated.detailType} or ${OrderStatusChanged.detailType}.`,
      );
  }
}

function created(event: ParsedEvent<DetailOf<typeof OrderCreated>>, processedAt: string): OrderUpdate {
  const { orderId, customerId, customerEmail, items, total, createdAt } = event.detail;
  const version = `${createdAt}#${event.metadata.eventId}`;
  const facts = {
    customerId,
    customerEmail,
    items,
    total,
    createdAt,
    createdVersion: version,
    correlationId: event.metadata.correlationId,
    [DAY_INDEX.partitionKey]: dayShard(createdAt, orderId),
  };
  const given = Object.entries(facts).filter(([, value]) => value !== undefined);
  const assignments = given.map(([name]) => `#${name} = :${name}`);
  return {
    orderId,
    versionAttribute: 'createdVersion',
    version,
    total,
    expressions: {
      UpdateExpression:
        `SET ${assignments.join(', ')}, #processedAt = if_not_exists(#processedAt, :processedAt), ` +
        '#status = if_not_exists(#status, :status), ' +
        '#statusVersion = if_not_exists(#statusVersion, :statusVersion)' +
        // A later OrderCreated that came first may have brought an address that this one does not have.
        (customerEmail === undefined ? ' REMOVE #customerEmail' : ''),
      ConditionExpression: 'attribute_not_exists(#createdVersion) OR #createdVersion > :createdVersion',
      ExpressionAttributeNames: placeholders('#', [
        ...Object.keys(facts),
        'processedAt',
        'status',
        'statusVersion',
      ]),
      ExpressionAttributeValues: {
        ...Object.fromEntries(given.map(([name, value]) => [`:${name}`, value])),
        ':processedAt': processedAt,
        ':status': 'PENDING' satisfies OrderStatus,
        ':statusVersion': NO_STATUS_YET,
      },
    },
  };
}

function statusChanged(event: ParsedEvent<DetailOf<typeof OrderStatusChanged>>): OrderUpdate {
  const { orderId, status, updatedAt } = event.detail;
  const version = `${RANK[status]}#${updatedAt}#${event.metadata.eventId}`;
  return {
    orderId,
    versionAttribute: 'statusVersion',
    version,
    expressions: {
      UpdateExpression: 'SET #status = :status, #updatedAt = :updatedAt, #statusVersion = :statusVersion',
      ConditionExpression: 'attribute_not_exists(#statusVersion) OR #statusVersion < :statusVersion',
      ExpressionAttributeNames: placeholders('#', ['status', 'updatedAt', 'statusVersion']),
      ExpressionAttributeValues: { ':status': status, ':updatedAt': updatedAt, ':statusVersion': version },
    },
  };
}

function placeholders(sign: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`${sign}${name}`, name]));
}

function rankStatuses(): Readonly<Record<OrderStatus, number>> {
  const rank = Object.fromEntries(ORDER_STATUSES.map((status) => [status, 0])) as Record<OrderStatus, number>;
  // A longest way has fewer steps than there are statuses.
  for (const _ of ORDER_STATUSES) {
    for (const from of ORDER_STATUSES) {
      for (const to of STATUS_TRANSITIONS[from]) rank[to] = Math.max(rank[to], rank[from] + 1);
    }
  }
  return rank;
}
