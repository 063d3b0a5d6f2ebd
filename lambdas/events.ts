/**
 * Every event contract, once. A contract gives the TypeScript type, the rule pattern, the parser of what
 * arrives, the maker of what is published, and a valid example. Infrastructure, handlers, publisher and tools
 * all import it from here, so a pattern cannot ask for what a publisher does not send.
 */
import { randomUUID } from 'node:crypto';
import * as v from 'valibot';

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
  /** ISO 8601, whole seconds, UTC. */
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: unknown;
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
    /** `source/detail-type` as far as known. */
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
  readonly eventId?: string;
  /** Default: the event id. */
  readonly correlationId?: string;
  readonly causationId?: string;
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
    const metadata = parseMetadata(type, envelope, this.version);
    const time = new Date(envelope.time).toISOString();
    const detail = check(type, 'detail', this.schema, envelope.detail);
    return {
      id: envelope.id,
      source: envelope.source,
      detailType: envelope['detail-type'],
      time,
      metadata,
      detail: this.#complete(detail, time),
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
    check(this.type, 'detail', this.schema, detail);
    const eventId = ids.eventId ?? randomUUID();
    const { correlationId = eventId, causationId } = ids;
    return {
      ...detail,
      metadata: { eventId, version: this.version, correlationId, ...(causationId && { causationId }) },
    };
  }

  /** `source/detail-type`, the name of the contract in messages. */
  get type(): string {
    return `${this.source}/${this.detailType}`;
  }
}

const Identifier = v.pipe(v.string(), v.minLength(1), v.maxLength(256));
const Timestamp = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.check((text) => !Number.isNaN(Date.parse(text)), 'Not a date that exists'),
  // One spelling for each instant, so that timestamps compare as strings.
  v.transform((text) => new Date(text).toISOString()),
);

const Envelope = v.looseObject({
  version: v.string(),
  id: Identifier,
  'detail-type': v.string(),
  source: v.string(),
  account: v.string(),
  time: v.pipe(v.string(), v.isoTimestamp()),
  region: v.string(),
  resources: v.array(v.string()),
  detail: v.unknown(),
});

const Metadata = v.looseObject({
  eventId: v.optional(Identifier),
  version: v.optional(v.number(), 1),
  correlationId: v.optional(Identifier),
  causationId: v.optional(Identifier),
});

/**
 * Reads the envelope that every event has, whatever its type.
 * @throws PoisonEventError if it is not an EventBridge event.
 */
export function parseEnvelope(event: unknown): EventEnvelope {
  return check('event', '', Envelope, event) as EventEnvelope;
}

/**
 * Reads `detail.metadata`, filling what is missing from the envelope.
 * @param knownVersion if given, the only version that is accepted
 * @throws PoisonEventError for malformed metadata or another version.
 */
export function parseMetadata(type: string, envelope: EventEnvelope, knownVersion?: number): EventMetadata {
  const given = (envelope.detail as { metadata?: unknown } | null)?.metadata ?? {};
  const metadata = check(type, 'detail.metadata', Metadata, given);
  if (knownVersion !== undefined && metadata.version !== knownVersion) {
    throw new PoisonEventError(
      type,
      'detail.metadata.version',
      `is ${metadata.version}, but this code reads version ${knownVersion} only.`,
    );
  }
  const eventId = metadata.eventId ?? envelope.id;
  return {
    eventId,
    version: metadata.version,
    correlationId: metadata.correlationId ?? eventId,
    causationId: metadata.causationId,
  };
}

/** Checks `value` and throws the first problem as a PoisonEventError with its dotted path. */
export function check<Schema extends v.GenericSchema>(
  type: string,
  at: string,
  schema: Schema,
  value: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const field = [at, v.getDotPath(issue)].filter(Boolean).join('.') || 'event';
  throw new PoisonEventError(type, field, `${issue.message}.`);
}

/**
 * An order id stands inside quotes in the notifier's input template, where EventBridge escapes nothing: a quote
 * or a backslash in it would make the notification undeliverable. It is also a DynamoDB key.
 */
const OrderId = v.pipe(
  v.string(),
  v.regex(/^[\w.:/#@-]{1,128}$/, 'Must be 1 to 128 letters, digits or any of . _ : / # @ -'),
);
const Email = v.pipe(v.string(), v.maxLength(254), v.email());
const Status = v.picklist(ORDER_STATUSES);

/** An order was placed. The first event of each order; the table's item is made of it. */
export const OrderCreated = new EventContract({
  source: 'app.orders',
  detailType: 'OrderCreated',
  version: 1,
  schema: v.object({
    orderId: OrderId,
    customerId: Identifier,
    customerEmail: v.optional(Email),
    /** Any JSON objects: the order processor stores them as they are. */
    items: v.optional(v.array(v.record(v.string(), v.unknown())), []),
    total: v.pipe(v.number(), v.finite(), v.minValue(0)),
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
    date: v.pipe(v.string(), v.isoDate()),
    /** Orders created on that day. */
    orders: v.pipe(v.number(), v.integer(), v.minValue(0)),
    /** Sum of their totals, in the currency's unit. */
    revenue: v.number(),
    /** The same by the status that the orders have now. */
    byStatus: v.record(
      Status,
      v.object({ orders: v.pipe(v.number(), v.integer(), v.minValue(0)), revenue: v.number() }),
    ),
    generatedAt: v.optional(Timestamp),
  }),
  complete: (detail, time) => ({ ...detail, generatedAt: detail.generatedAt ?? time }),
  personalData: [],
  example: {
    date: '2026-01-15',
    orders: 2,
    revenue: 149.98,
    byStatus: { SHIPPED: { orders: 1, revenue: 99.99 }, CANCELLED: { orders: 1, revenue: 49.99 } },
    generatedAt: '2026-01-16T09:00:01.000Z',
  },
});

/** All contracts, for tools that go through them. */
export const CONTRACTS = [OrderCreated, OrderStatusChanged, DailyReportGenerated] as const;

/** The detail of a contract with its defaults filled in. */
export type DetailOf<Contract> =
  Contract extends EventContract<AnyObjectSchema, infer Detail> ? Detail : never;
