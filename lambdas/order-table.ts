/**
 * The shape of the tables that `lib` creates: the orders, which the order processor writes and the daily report and
 * the publisher read; the daily reports that were made; and what was already notified.
 */
import { createHash } from 'node:crypto';

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

/** The index partition of an order created at `createdAt` (ISO 8601, UTC). */
export function dayShard(createdAt: string, orderId: string): string {
  const shard = createHash('sha256').update(orderId).digest().readUInt8() % DAY_SHARDS;
  return `${createdAt.slice(0, 'YYYY-MM-DD'.length)}#${shard}`;
}

/** All index partitions of a day (`YYYY-MM-DD`, UTC). */
export function dayShards(day: string): string[] {
  return Array.from({ length: DAY_SHARDS }, (_, shard) => `${day}#${shard}`);
}

/** The partition key of the reports table: the day that was counted, `YYYY-MM-DD`. */
export const REPORT_KEY = 'date';

/** The idempotency table's attributes, as Powertools names them by default. */
export const IDEMPOTENCY_KEY = 'id';
export const IDEMPOTENCY_EXPIRY = 'expiration';
