/**
 * Keys and indexes of the tables that `lib` creates: the orders, written by the order processor and read by the daily
 * report and the publisher; the latest daily reports; and the sent notifications.
 */
import { createHash } from 'node:crypto';

/** Partition key of the orders table. */
export const ORDER_KEY = 'orderId';

/** Attribute with the time at which DynamoDB deletes an order, in seconds, where orders expire. */
export const ORDER_EXPIRY = 'expiresAt';

/**
 * Index for the daily report. Its partition key is `<day>#<shard>`: a single partition for each day would get all writes
 * of that day, so each day is spread over `DAY_SHARDS` by a hash of the order id.
 */
export const DAY_INDEX = {
  name: 'orders-by-day',
  partitionKey: 'dayShard',
  sortKey: 'orderId',
  /** Attributes beside the keys. */
  projected: ['status', 'total'],
} as const;

/** The same index without attributes beside the keys: no change of an order's status is written to it. */
export const DAY_KEY_INDEX = { ...DAY_INDEX, name: 'orders-by-day-keys', projected: [] } as const;

/** Number of partitions of one day: 8 take 8,000 new orders per second (1,000 writes per second each). */
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

/** Partition key of the reports table: the counted day, `YYYY-MM-DD`. */
export const REPORT_KEY = 'date';

/** Attributes of the idempotency table, by Powertools' defaults. */
export const IDEMPOTENCY_KEY = 'id';
export const IDEMPOTENCY_EXPIRY = 'expiration';
