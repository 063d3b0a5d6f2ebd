/**
 * Every event contract, once. A contract gives the TypeScript type, the rule pattern, the parser of what
 * arrives, the maker of what is published, and a valid example. Infrastructure, handlers, publisher and tools
 * all import it from here, so a pattern cannot ask for what a publisher does not send.
 */
import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { redactEmails } from './personal-data';

/** The states of an order. `STATUS_TRANSITIONS` says which may follow which. */
export const ORDER_STATUSES = ['PENDING', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED'] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

/** An order only moves forward, so that statuses have an order that needs no clock (see `order.ts`). */
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

/** What every detail carries beside its own fields. */
export interface EventMetadata {
  /** Identity of the event for idempotency; the envelope's `id` if the publisher gave none. */
  readonly eventId: string;
  /** Version of the contract that the detail follows. */
  readonly version: number;
  /** Shared by all events that one request caused; the event's own id if the publisher gave none. */
  readonly correlationId: string;
  /** Id of the event that caused this one. */
  readonly causationId?: string | undefined;
}

/** An event as EventBridge delivers it (https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html). */
export interface EventEnvelope {
  readonly version: string;
  readonly id: string;
  readonly 'detail-type': string;
  readonly source: string;
  readonly account: string;
  /** ISO 8601 with milliseconds, UTC, once parsed; EventBridge writes whole seconds. */
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
  /** Set on replayed events only. */
  readonly 'replay-name'?: string;
}

/** What a contract's `parse` returns: the detail with its defaults filled in, apart from its metadata. */
export interface ParsedEvent<Detail> {
  /** The envelope's id: EventBridge gives a new one to each PutEvents entry. */
  readonly id: string;
  readonly source: string;
  readonly detailType: string;
  /** ISO 8601 with milliseconds, UTC. */
  readonly time: string;
  readonly metadata: EventMetadata;
  readonly detail: Detail;
}

/**
 * An event that no retry can help: its shape or version is not one this code reads. Thrown before anything is
 * written; the event ends, whole, in the failed-events queue.
 */
export class PoisonEventError extends Error {
  override readonly name = 'PoisonEventError';
  constructor(
    /** `source/detail-type`, as far as it is known. */
    readonly eventType: string,
    /** Dotted path of the offending field, e.g. `detail.total`. */
    readonly field: string,
    problem: string,
  ) {
    super(`${eventType}: ${field}: ${problem}`);
  }
}

/** A rule's pattern for one contract, as it stands in the template. */
export interface ContractPattern {
  readonly source: readonly string[];
  readonly 'detail-type': readonly string[];
  readonly detail?: Readonly<Record<string, readonly unknown[]>>;
}

/** A contract narrowed to some values: what `subscribe` takes. A contract is its own widest selection. */
export interface EventSelection {
  readonly pattern: ContractPattern;
}

type AnyObjectSchema = v.ObjectSchema<v.ObjectEntries, undefined>;

interface ContractDefinition<Schema extends AnyObjectSchema, Detail> {
  readonly source: string;
  readonly detailType: string;
  readonly version: number;
  /** The detail's own fields, as published. */
  readonly schema: Schema;
  /** Fills what a publisher may leave out, from the event's time (ISO 8601 with milliseconds, UTC). */
  readonly complete: (detail: v.InferOutput<Schema>, time: string) => Detail;
  /** Fields of the detail that tell who a person is. They are kept from logs and analytics. */
  readonly personalData: readonly (keyof v.InferOutput<Schema> & string)[];
  /** A valid detail. */
  readonly example: v.InferInput<Schema>;
}

/** Ids a caller may give to a new event; each has a default. */
export interface EventIds {
  /** Default: a new UUID. */
  readonly eventId?: string | undefined;
  /** Default: the event id. */
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
}

export class EventContract<Schema extends AnyObjectSchema = AnyObjectSchema, Detail = v.InferOutput<Schema>>
  implements EventSelection
{
  readonly source: string;
  readonly detailType: string;
  readonly version: number;
  readonly schema: Schema;
  readonly personalData: readonly string[];
  readonly example: v.InferInput<Schema>;
  readonly pattern: ContractPattern;
  readonly #complete: (detail: v.InferOutput<Schema>, time: string) => Detail;

  constructor(definition: ContractDefinition<Schema, Detail>) {
    this.source = definition.source;
    this.detailType = definition.detailType;
    this.version = definition.version;
    this.schema = definition.schema;
    this.personalData = definition.personalData;
    this.example = definition.example;
    this.pattern = { source: [definition.source], 'detail-type': [definition.detailType] };
    this.#complete = definition.complete;
  }

  /** The events of this contract whose detail has one of the given values in each given field. */
  where(
    values: { readonly [Field in keyof v.InferOutput<Schema>]?: readonly v.InferOutput<Schema>[Field][] },
  ): EventSelection {
    return { pattern: { ...this.pattern, detail: values as Record<string, readonly unknown[]> } };
  }

  /**
   * Reads an event of this contract as EventBridge delivered it.
   * @throws PoisonEventError naming the first field that is not as the contract says.
   */
  parse(event: unknown): ParsedEvent<Detail> {
    const envelope = parseEnvelope(event);
    const type = `${envelope.source}/${envelope['detail-type']}`;
    if (type !== this.type)
      throw new PoisonEventError(type, 'detail-type', `expected an event of type ${this.type}.`);
    const metadata = parseMetadata(type, envelope.detail.metadata, envelope.id, this.version);
    const detail = check(type, 'detail', this.schema, envelope.detail, this.personalData);
    return {
      id: envelope.id,
      source: envelope.source,
      detailType: envelope['detail-type'],
      time: envelope.time,
      metadata,
      detail: this.#complete(detail, envelope.time),
    };
  }

  /**
   * Makes the detail to publish: the given fields, checked, with their metadata.
   * @throws PoisonEventError naming the first field that is not as the contract says.
   */
  create(
    detail: v.InferInput<Schema>,
    ids: EventIds = {},
  ): v.InferInput<Schema> & { metadata: EventMetadata } {
    check(this.type, 'detail', this.schema, detail, this.personalData);
    const eventId = ids.eventId ?? randomUUID();
    const given = { ...ids, eventId, version: this.version };
    return { ...detail, metadata: parseMetadata(this.type, given, eventId, this.version) };
  }

  /** `source/detail-type`, the name of the contract in messages. */
  get type(): string {
    return `${this.source}/${this.detailType}`;
  }
}

// The message of each rule below says what is expected; `check` says what was received.

/** Ids stand in logs: no blanks, and no @, so that nobody's address is taken for one. */
const Id = v.pipe(
  v.string(),
  v.regex(/^[\w.:/#+=-]{1,128}$/, '1 to 128 letters, digits or any of . _ : / # + = -'),
);

/** What a timestamp becomes: one spelling for each instant, so that timestamps compare as strings. */
const TIMESTAMP_LENGTH = '2026-01-15T10:00:00.000Z'.length;

export const Timestamp = v.pipe(
  v.string(),
  v.isoTimestamp('a date and time with its zone, e.g. 2026-01-15T10:00:00Z'),
  v.check(isOnCalendar, 'a date that exists'),
  v.transform((text) => new Date(text).toISOString()),
  v.check((text) => text.length === TIMESTAMP_LENGTH, 'a year from 0000 to 9999'),
);

const Envelope = v.looseObject({
  version: v.string(),
  id: Id,
  'detail-type': v.string(),
  source: v.string(),
  account: v.string(),
  time: Timestamp,
  region: v.string(),
  resources: v.array(v.string()),
  detail: v.record(v.string(), v.unknown()),
});

export const Metadata = v.object({
  eventId: v.optional(Id),
  version: v.optional(v.pipe(v.number(), v.integer('a whole number')), 1),
  correlationId: v.optional(Id),
  causationId: v.optional(Id),
});

/**
 * Reads the envelope that every event has, whatever its type.
 * @throws PoisonEventError if it is not an EventBridge event.
 */
export function parseEnvelope(event: unknown): EventEnvelope {
  return check('event', '', Envelope, event) as EventEnvelope;
}

/**
 * Reads a detail's metadata, filling what is missing.
 * @param given undefined if the detail has none
 * @param id the envelope's
 * @throws PoisonEventError for malformed metadata and for another version.
 */
export function parseMetadata(type: string, given: unknown, id: string, version: number): EventMetadata {
  const metadata = check(type, 'detail.metadata', Metadata, given ?? {});
  if (metadata.version !== version) {
    throw new PoisonEventError(
      type,
      'detail.metadata.version',
      `is ${metadata.version}, but this code reads version ${version} only.`,
    );
  }
  const { eventId = id, correlationId = eventId, causationId } = metadata;
  return { eventId, version, correlationId, ...(causationId && { causationId }) };
}

/**
 * Checks `value` and throws the first problem as a PoisonEventError with its dotted path. The message quotes the
 * offending value, as far as it fits in a log: no e-mail address, no personal field, no whole object.
 * @param at the path of `value` in the event
 */
export function check<Schema extends v.GenericSchema>(
  type: string,
  at: string,
  schema: Schema,
  value: unknown,
  personalData: readonly string[] = [],
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue) ?? '';
  const field = [at, path].filter(Boolean).join('.') || 'event';
  // A type that is wrong is told by `expected`; a value that breaks a rule by the rule's own message.
  const expected = issue.kind === 'schema' && issue.expected ? issue.expected : issue.message;
  const received = personalData.includes(path) ? `a ${typeof issue.input}` : quote(issue.input);
  throw new PoisonEventError(type, field, `expected ${expected}, received ${received}.`);
}

/** Longest value in an error message, in characters. */
const QUOTE_LENGTH = 80;

function quote(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = redactEmails(JSON.stringify(value));
  return text.length > QUOTE_LENGTH ? `${text.slice(0, QUOTE_LENGTH)}...` : text;
}

/** `Date` takes 30 February for 2 March. */
function isOnCalendar(timestamp: string): boolean {
  const day = timestamp.slice(0, 'YYYY-MM-DD'.length);
  // `toJSON` gives null for what is no date at all.
  const isDay = new Date(`${day}T00:00:00Z`).toJSON()?.startsWith(day) ?? false;
  return isDay && !Number.isNaN(Date.parse(timestamp));
}

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
);

/** The shape only, and generously: an order is not refused for an unusual address. */
export const Email = v.pipe(
  v.string(),
  v.regex(
    /^[\w.!#$%&'*+/=?^`{|}~\u00a1-\uffff-]{1,64}@[\w.\u00a1-\uffff-]{1,187}\.[\w\u00a1-\uffff-]{2,63}$/,
    'an e-mail address',
  ),
);

const Status = v.picklist(ORDER_STATUSES);

const Count = v.pipe(v.number(), v.integer('a whole number'), v.minValue(0, 'at least 0'));

/** DynamoDB keeps numbers from 1e-130; the SDK writes none that JavaScript may have rounded. */
const isStorable = (number: number) =>
  Math.abs(number) <= Number.MAX_SAFE_INTEGER && (number === 0 || Math.abs(number) >= 1e-130);

/** Bytes of JSON. An item of the table takes 400 KB, with the other attributes and DynamoDB's own overhead. */
const ITEMS_SIZE = 256 * 1024;
/** Levels of nesting inside an order's items; DynamoDB has 32 in all. */
const ITEMS_DEPTH = 24;

const Items = v.pipe(
  v.array(v.record(v.string(), v.unknown())),
  v.check((items) => isStorableDeep(items, ITEMS_DEPTH), `at most ${ITEMS_DEPTH} levels, numbers up to 2^53`),
  v.check(
    (items) => Buffer.byteLength(JSON.stringify(items)) <= ITEMS_SIZE,
    `at most ${ITEMS_SIZE} bytes of JSON`,
  ),
);

function isStorableDeep(value: unknown, levels: number): boolean {
  if (typeof value === 'number') return isStorable(value);
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((child) => isStorableDeep(child, levels - 1));
}

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
  }),
  complete: (detail, time) => ({ ...detail, createdAt: detail.createdAt ?? time }),
  personalData: ['customerEmail'],
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
  }),
  complete: (detail, time) => ({ ...detail, updatedAt: detail.updatedAt ?? time }),
  personalData: ['customerEmail'],
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

/** The detail of a contract with its defaults filled in. */
export type DetailOf<Contract extends { parse(event: unknown): ParsedEvent<unknown> }> = ReturnType<
  Contract['parse']
>['detail'];
