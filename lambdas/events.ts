/**
 * Every event contract, once. Infrastructure, handlers, publisher and tools all import it from here, so a pattern
 * cannot ask for what a publisher does not send.
 *
 * To raise a version, keep the contract as it is under another name (`OrderCreatedV1`), and let the new one name it
 * as `previous`, with an upcaster. `npm run contracts` then holds both to what was released.
 */
import * as v from 'valibot';
import { EventContract, Id, isJsonObject, JsonObject, Timestamp } from './contract';
import { storedSize } from './stored-size';

/** The states of an order. `STATUS_TRANSITIONS` says which may follow which. */
export const ORDER_STATUSES = ['PENDING', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED'] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

/** An order only moves forward, so that statuses have an order that needs no clock (see `status-order.ts`). */
export const STATUS_TRANSITIONS: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  PENDING: ['CONFIRMED', 'SHIPPED', 'CANCELLED'],
  CONFIRMED: ['SHIPPED', 'CANCELLED'],
  SHIPPED: ['DELIVERED'],
  DELIVERED: [],
  CANCELLED: [],
};

/** The statuses a customer hears of. */
export const NOTIFIED_STATUSES = [
  'SHIPPED',
  'DELIVERED',
  'CANCELLED',
] as const satisfies readonly OrderStatus[];

/**
 * An order id stands inside quotes in the notifier's input template, where EventBridge escapes nothing: a quote
 * or a backslash in it would make the notification undeliverable. It is also a DynamoDB key, and stands in logs.
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

/** Characters of an address (RFC 5321: 64 before the @, 255 after it). */
const EMAIL_LENGTH = 320;

/**
 * The shape only, and generously: what a mail server could take, in any alphabet and with a quoted part. Not what
 * could break out of a header or of a list of addresses.
 */
export const Email = v.pipe(
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
 * The order's revision that the publisher decided on, as its item in the table has it. It tells decisions that knew
 * of each other from those that did not, which no clock can.
 */
const Revision = v.pipe(Count, v.maxValue(Number.MAX_SAFE_INTEGER, 'at most 2^53 - 1'));

/** DynamoDB keeps numbers from 1e-130; the SDK writes none that JavaScript may have rounded. */
const isStorable = (number: number) =>
  Math.abs(number) <= Number.MAX_SAFE_INTEGER && (number === 0 || Math.abs(number) >= 1e-130);

/** Bytes of JSON. */
const ITEMS_SIZE = 256 * 1024;
/** Bytes in the table. An item takes 400 KB; the other attributes and conflicts have the rest. */
const ITEMS_STORED_SIZE = 386 * 1024;
/** Levels of nesting inside an order's items; DynamoDB has 32 in all. */
const ITEMS_DEPTH = 24;
/** Bytes of a key, in DynamoDB. */
const KEY_SIZE = 64 * 1024 - 1;

/** UTF-8, in which the table keeps texts, has no half of a surrogate pair. */
const isWellFormed = (text: string) => !/\p{Surrogate}/u.test(text);

/** An attribute's name. `__proto__` is lost where a name becomes a key of an object. */
const isStorableKey = (key: string) =>
  key !== '' && key !== '__proto__' && isWellFormed(key) && Buffer.byteLength(key) <= KEY_SIZE;

/** Whether all the values in a value of JSON are as they must be, and it is not too deep. */
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

/** An order was placed. The first event of each order; the table's item is made of it. */
export const OrderCreated = new EventContract({
  source: 'app.orders',
  detailType: 'OrderCreated',
  version: 1,
  schema: v.object({
    orderId: OrderId,
    customerId: CustomerId,
    customerEmail: v.optional(Email),
    /** Any JSON objects: the order processor stores them as they are. */
    items: v.optional(Items, []),
    /** In the currency's unit. */
    total: v.pipe(v.number(), v.minValue(0, 'at least 0'), v.check(isStorable, 'at most 2^53 - 1')),
    /** Default: the event's time. */
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
    /** Default: the event's time. */
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

/** The orders of one day were counted. */
export const DailyReportGenerated = new EventContract({
  source: 'app.analytics',
  detailType: 'DailyReportGenerated',
  version: 1,
  schema: v.object({
    /** The day that was counted (UTC), `YYYY-MM-DD`. */
    date: v.pipe(v.string(), v.isoDate('a date as in 2026-01-15')),
    /** Orders created on that day. */
    orders: Count,
    /** Sum of their totals, in the currency's unit, the cancelled ones included. */
    revenue: v.number(),
    /** The same by its clearer name. */
    grossRevenue: v.optional(v.number()),
    /** Revenue without that of the cancelled orders. */
    netRevenue: v.optional(v.number()),
    /** Orders that are cancelled now. */
    cancelled: v.optional(Count),
    /** Orders and revenue by the status that the orders have now. */
    byStatus: v.record(Status, v.object({ orders: Count, revenue: v.number() })),
    /** Those whose status in the table is none that this version knows; they are in the sums. */
    unknownStatus: v.optional(v.object({ orders: Count, revenue: v.number() })),
    /** Orders whose item has no total that is a number, so that no revenue counts them. */
    withoutTotal: v.optional(Count),
    /** 1 for the first report of the day. */
    revision: v.optional(v.pipe(v.number(), v.integer('a whole number'), v.minValue(1, 'at least 1'))),
    /** Event id of the report that this one replaces. */
    replaces: v.optional(Id),
    /** The day was not over. */
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

/** All contracts, for tools that go through them. */
export const CONTRACTS = [OrderCreated, OrderStatusChanged, DailyReportGenerated] as const;

/** The contract of a type of event, if there is one. */
export function findContract(source: string, detailType: string) {
  return CONTRACTS.find((contract) => contract.source === source && contract.detailType === detailType);
}
