/**
 * All event contracts. Infrastructure, handlers, publisher and tools import them from here, so that patterns always
 * agree with published events.
 *
 * To raise a version, keep the contract under another name (`OrderCreatedV1`), and refer to it as `previous` in the new
 * one, with an upcaster. `npm run contracts` compares both with the released contracts.
 */
import * as v from 'valibot';
import { EventContract, Id, isJsonObject, JsonObject, Timestamp } from './contract';
import { storedSize } from './stored-size';

/** Statuses of an order; `STATUS_TRANSITIONS` has the transitions between them. */
export const ORDER_STATUSES = ['PENDING', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED'] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

/** Allowed transitions. They only go forward, so that statuses are ordered without a clock (see `status-order.ts`). */
export const STATUS_TRANSITIONS: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  PENDING: ['CONFIRMED', 'SHIPPED', 'CANCELLED'],
  CONFIRMED: ['SHIPPED', 'CANCELLED'],
  SHIPPED: ['DELIVERED'],
  DELIVERED: [],
  CANCELLED: [],
};

/** Statuses of which the customer is notified. */
export const NOTIFIED_STATUSES = [
  'SHIPPED',
  'DELIVERED',
  'CANCELLED',
] as const satisfies readonly OrderStatus[];

/**
 * Order id. The notifier's input template has it inside quotes, where EventBridge escapes nothing: a quote or a backslash
 * would make the notification undeliverable. It is also a DynamoDB key, and is logged.
 */
export const OrderId = v.pipe(
  v.string(),
  v.regex(/^[\w.:/#-]{1,128}$/, '1 to 128 letters, digits or any of . _ : / # -'),
);

const CustomerId = v.pipe(
  v.string(),
  v.minLength(1, 'at least 1 character'),
  v.maxLength(256, 'at most 256 characters'),
  v.check((text) => isWellFormed(text), 'no half of a surrogate pair'),
);

/** Maximum length of an address, in characters (RFC 5321: 64 before the @, 255 after it). */
const EMAIL_LENGTH = 320;

/**
 * E-mail address; only its shape is checked: any address that a mail server could accept, in any alphabet and with a
 * quoted part, but none that could break out of a header or of a list of addresses.
 */
const Email = v.pipe(
  v.string(),
  v.check(
    (text) =>
      text.length <= EMAIL_LENGTH &&
      /^(?:"(?:[^"\\\p{Cc}\p{Cs}]|\\[^\p{Cc}\p{Cs}])+"|[^\s"(),:;<>@[\]\\\p{Cc}\p{Cs}]+)@[^\s"(),:;<>@\\\p{Cc}\p{Cs}]+$/u.test(
        text,
      ),
    'an e-mail address',
  ),
);

const Status = v.picklist(ORDER_STATUSES);

const Count = v.pipe(v.number(), v.integer('a whole number'), v.minValue(0, 'at least 0'));

/**
 * Revision of the order in the table when the publisher decided. It shows whether one decision knew of another, which no
 * clock can.
 */
const Revision = v.pipe(Count, v.maxValue(Number.MAX_SAFE_INTEGER, 'at most 2^53 - 1'));

/** Checks that DynamoDB (from 1e-130) and the SDK (no rounded numbers) can store a number. */
const isStorable = (number: number) =>
  Math.abs(number) <= Number.MAX_SAFE_INTEGER && (number === 0 || Math.abs(number) >= 1e-130);

/** Maximum size of an order's items, in bytes of JSON. */
const ITEMS_SIZE = 256 * 1024;
/** Maximum size of an order's items in the table, in bytes. The other attributes and conflicts have the rest of 400 KB. */
const ITEMS_STORED_SIZE = 386 * 1024;
/** Maximum nesting of an order's items, in levels; DynamoDB allows 32 in all. */
const ITEMS_DEPTH = 24;
/** Maximum size of a key in DynamoDB, in bytes. */
const KEY_SIZE = 64 * 1024 - 1;

/** Checks that a text has no lone surrogate, which UTF-8, the table's encoding, cannot represent. */
const isWellFormed = (text: string) => !/\p{Surrogate}/u.test(text);

/** Checks the name of an attribute. `__proto__` would be lost as a key of an object. */
const isStorableKey = (key: string) =>
  key !== '' && key !== '__proto__' && isWellFormed(key) && Buffer.byteLength(key) <= KEY_SIZE;

/** Checks all values in a JSON value, and its depth. */
function isEach(value: unknown, levels: number, isAllowed: (value: unknown) => boolean): boolean {
  if (!isAllowed(value)) return false;
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((child) => isEach(child, levels - 1, isAllowed));
}

const everywhere = (isAllowed: (value: unknown) => boolean) => (items: Readonly<Record<string, unknown>>[]) =>
  isEach(items, ITEMS_DEPTH, isAllowed);

const Items = v.pipe(
  v.array(JsonObject),
  v.check(
    everywhere((value) => typeof value !== 'number' || isStorable(value)),
    `at most ${ITEMS_DEPTH} levels, numbers up to 2^53`,
  ),
  v.check(
    everywhere((value) => !isJsonObject(value) || Object.keys(value).every(isStorableKey)),
    'keys that a table can have: not empty, not __proto__',
  ),
  v.check(
    everywhere((value) => typeof value !== 'string' || isWellFormed(value)),
    'texts without half a surrogate pair',
  ),
  v.check(
    (items) => Buffer.byteLength(JSON.stringify(items)) <= ITEMS_SIZE,
    `at most ${ITEMS_SIZE} bytes of JSON`,
  ),
  v.check(
    (items) => storedSize(items) <= ITEMS_STORED_SIZE,
    `at most ${ITEMS_STORED_SIZE} bytes in the table`,
  ),
);

/** An order was placed. First event of each order; creates its item in the table. */
export const OrderCreated = new EventContract({
  source: 'app.orders',
  detailType: 'OrderCreated',
  version: 1,
  schema: v.object({
    orderId: OrderId,
    customerId: CustomerId,
    customerEmail: v.optional(Email),
    /** Any JSON objects; the order processor stores them unchanged. */
    items: v.optional(Items, []),
    /** Total in the currency's unit. */
    total: v.pipe(v.number(), v.minValue(0, 'at least 0'), v.check(isStorable, 'at most 2^53 - 1')),
    /** @default the event's time */
    createdAt: v.optional(Timestamp),
    revision: v.optional(Revision),
  }),
  complete: (detail, time) => ({ ...detail, createdAt: detail.createdAt ?? time }),
  personalData: ['customerEmail'],
  lenient: ['customerEmail'],
  example: {
    orderId: 'order-1001',
    customerId: 'customer-42',
    customerEmail: 'jane@example.com',
    items: [{ sku: 'book-1', quantity: 2, price: 49.995 }],
    total: 99.99,
    createdAt: '2026-01-15T10:00:00.000Z',
  },
});

/** An order moved to another status. */
export const OrderStatusChanged = new EventContract({
  source: 'app.orders',
  detailType: 'OrderStatusChanged',
  version: 1,
  schema: v.object({
    orderId: OrderId,
    status: Status,
    previousStatus: v.optional(Status),
    customerEmail: v.optional(Email),
    /** @default the event's time */
    updatedAt: v.optional(Timestamp),
    revision: v.optional(Revision),
  }),
  complete: (detail, time) => ({ ...detail, updatedAt: detail.updatedAt ?? time }),
  personalData: ['customerEmail'],
  lenient: ['customerEmail'],
  example: {
    orderId: 'order-1001',
    status: 'SHIPPED',
    previousStatus: 'PENDING',
    customerEmail: 'jane@example.com',
    updatedAt: '2026-01-16T08:30:00.000Z',
  },
});

/** Status in which an order waits for a decision: its customer is reminded, where a stage asks for it. */
export const REMINDED_STATUS = 'PENDING' as const satisfies OrderStatus;

/** An order was placed some days ago: whoever handles it decides by the table whether it still waits. */
export const OrderReminderDue = new EventContract({
  source: 'app.orders',
  detailType: 'OrderReminderDue',
  version: 1,
  schema: v.object({
    orderId: OrderId,
    /** Time at which the order was placed. */
    createdAt: Timestamp,
    /** @default the event's time */
    dueAt: v.optional(Timestamp),
  }),
  complete: (detail, time) => ({ ...detail, dueAt: detail.dueAt ?? time }),
  personalData: [],
  example: {
    orderId: 'order-1001',
    createdAt: '2026-01-15T10:00:00.000Z',
    dueAt: '2026-01-18T10:00:00.000Z',
  },
});

/** The orders of one day were counted. */
export const DailyReportGenerated = new EventContract({
  source: 'app.analytics',
  detailType: 'DailyReportGenerated',
  version: 1,
  schema: v.object({
    /** The day that was counted (UTC), `YYYY-MM-DD`. */
    date: v.pipe(v.string(), v.isoDate('a date as in 2026-01-15')),
    /** Number of orders created on that day. */
    orders: Count,
    /** Sum of their totals, in the currency's unit, the cancelled ones included. */
    revenue: v.number(),
    /** The same as `revenue`, by its clearer name. */
    grossRevenue: v.optional(v.number()),
    /** Revenue without that of the cancelled orders. */
    netRevenue: v.optional(v.number()),
    /** Number of orders that are now cancelled. */
    cancelled: v.optional(Count),
    /** Orders and revenue by present status. */
    byStatus: v.record(Status, v.object({ orders: Count, revenue: v.number() })),
    /** Orders with a status that this version does not know; included in the sums. */
    unknownStatus: v.optional(v.object({ orders: Count, revenue: v.number() })),
    /** Number of orders without a numeric total, which no revenue includes. */
    withoutTotal: v.optional(Count),
    /** Revision of the day's report, from 1. */
    revision: v.optional(v.pipe(v.number(), v.integer('a whole number'), v.minValue(1, 'at least 1'))),
    /** Event id of the report that this one replaces. */
    replaces: v.optional(Id),
    /** True if the day was not over. */
    partial: v.optional(v.boolean()),
    generatedAt: v.optional(Timestamp),
  }),
  complete: (detail, time) => ({ ...detail, generatedAt: detail.generatedAt ?? time }),
  personalData: [],
  example: {
    date: '2026-01-15',
    orders: 2,
    revenue: 149.98,
    grossRevenue: 149.98,
    netRevenue: 99.99,
    cancelled: 1,
    byStatus: { SHIPPED: { orders: 1, revenue: 99.99 }, CANCELLED: { orders: 1, revenue: 49.99 } },
    revision: 1,
    generatedAt: '2026-01-16T09:00:01.000Z',
  },
});

/** All contracts. */
export const CONTRACTS = [OrderCreated, OrderStatusChanged, OrderReminderDue, DailyReportGenerated] as const;

/** Finds the contract of an event type. */
export function findContract(source: string, detailType: string) {
  return CONTRACTS.find((contract) => contract.source === source && contract.detailType === detailType);
}
