/**
 * The shape of the orders table: what `lib/order-store.ts` creates, the order processor writes, and the daily
 * report and the publisher read.
 */

/** The table's partition key. */
export const ORDER_KEY = 'orderId';

/**
 * The index the daily report reads. Its partition key is `<day>#<shard>`: one partition for each day would take
 * every write of that day, so each day is spread over `DAY_SHARDS` by a hash of the order id.
 */
export const DAY_INDEX = {
  name: 'orders-by-day',
  partitionKey: 'dayShard',
  sortKey: 'orderId',
  /** Attributes beside the keys. */
  projected: ['status', 'total'],
} as const;

/** Partitions of one day: 8 take 8,000 new orders a second (1,000 writes a second each). */
export const DAY_SHARDS = 8;

/** The idempotency table's attributes, as Powertools names them by default. */
export const IDEMPOTENCY_KEY = 'id';
export const IDEMPOTENCY_EXPIRY = 'expiration';
