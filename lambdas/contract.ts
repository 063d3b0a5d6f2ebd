/**
 * Event contracts. A contract gives the TypeScript type, the rule pattern, the parser for consumers, the factory for
 * publishers, and a valid example. It has every version that was ever released, each with its schema and an upcaster to
 * the next, so that events of the archive, the queues and older publishers stay readable.
 */
import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { redactedStart } from './personal-data';
import { elementSchema, fieldSchemas } from './schema-fields';

/** Metadata of every detail, beside its own fields. */
export interface EventMetadata {
  /** Identity of the event for idempotency; the envelope's `id` if the publisher gave none. */
  readonly eventId: string;
  /** Version of the contract that the detail was published under. */
  readonly version: number;
  /** Id shared by all events of one request; the event's own id if the publisher gave none. */
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
  /** Name of the replay; only on replayed events. */
  readonly 'replay-name'?: string;
}

/** A parsed event: the detail in the newest version, with its defaults filled in. */
export interface ParsedEvent<Detail> {
  /** The envelope's id: EventBridge gives a new one to each PutEvents entry. */
  readonly id: string;
  readonly source: string;
  readonly detailType: string;
  /** ISO 8601 with milliseconds, UTC. */
  readonly time: string;
  readonly metadata: EventMetadata;
  readonly detail: Detail;
  /** Names of lenient fields that were dropped, since their values are invalid. Absent if there are none. */
  readonly dropped?: readonly string[];
}

/**
 * Error of an event that no retry can help: this code cannot read its shape or version. Thrown before anything is
 * written; the whole event goes to the failed-events queue.
 */
export class PoisonEventError extends Error {
  override readonly name = 'PoisonEventError';
  constructor(
    /** `source/detail-type`, as far as it is known. */
    readonly eventType: string,
    /** Dotted path of the invalid field, e.g. `detail.total`. */
    readonly field: string,
    /** The error, in words. */
    readonly problem: string,
  ) {
    super(`${eventType}: ${field}: ${problem}`);
  }
}

/** A rule's pattern for one contract, as in the template. */
export interface ContractPattern {
  readonly source: readonly string[];
  readonly 'detail-type': readonly string[];
  readonly detail?: Readonly<Record<string, readonly unknown[]>>;
}

/** Events of a contract, limited to some values, for `subscribe`. A contract is the selection of all its events. */
export interface EventSelection {
  readonly pattern: ContractPattern;
}

type AnyObjectSchema = v.ObjectSchema<v.ObjectEntries, undefined>;

/** The previous version, and its upcaster. */
interface PreviousVersion<Schema extends AnyObjectSchema, Before> {
  // biome-ignore lint/suspicious/noExplicitAny: the previous version may have any schema
  readonly contract: EventContract<any, Before>;
  /** Converts a detail of the previous version to one of this version, as a publisher would send it. */
  readonly upcast: (detail: Before) => v.InferInput<Schema>;
}

interface ContractDefinition<Schema extends AnyObjectSchema, Detail, Before> {
  readonly source: string;
  readonly detailType: string;
  readonly version: number;
  /** Absent from the first version only. */
  readonly previous?: PreviousVersion<Schema, Before>;
  /** The detail's own fields, as published. */
  readonly schema: Schema;
  /** Fills in optional fields from the event's time (ISO 8601 with milliseconds, UTC). */
  readonly complete: (detail: v.InferOutput<Schema>, time: string) => Detail;
  /** Fields of the detail with personal data. They are kept out of logs and analytics. */
  readonly personalData: readonly (keyof v.InferOutput<Schema> & string)[];
  /**
   * Optional fields that never invalidate the event: null and `""` count as absent, and an invalid value is dropped when
   * the event is read.
   */
  readonly lenient?: readonly (keyof v.InferOutput<Schema> & string)[];
  /** A valid detail. */
  readonly example: v.InferInput<Schema>;
}

/** Ids that a caller may give to a new event; each has a default. */
export interface EventIds {
  /** @default a new UUID */
  readonly eventId?: string | undefined;
  /** @default the event id */
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
}

export class EventContract<
  Schema extends AnyObjectSchema = AnyObjectSchema,
  Detail = v.InferOutput<Schema>,
  // biome-ignore lint/suspicious/noExplicitAny: the previous version may have any detail
  Before = any,
> implements EventSelection
{
  readonly source: string;
  readonly detailType: string;
  readonly version: number;
  readonly schema: Schema;
  readonly personalData: readonly string[];
  readonly lenient: readonly string[];
  readonly example: v.InferInput<Schema>;
  readonly pattern: ContractPattern;
  readonly #previous: PreviousVersion<Schema, Before> | undefined;
  readonly #complete: (detail: v.InferOutput<Schema>, time: string) => Detail;

  constructor(definition: ContractDefinition<Schema, Detail, Before>) {
    this.source = definition.source;
    this.detailType = definition.detailType;
    this.version = definition.version;
    this.schema = definition.schema;
    this.personalData = definition.personalData;
    this.lenient = definition.lenient ?? [];
    this.example = definition.example;
    this.pattern = { source: [definition.source], 'detail-type': [definition.detailType] };
    this.#previous = definition.previous;
    this.#complete = definition.complete;
    const before = this.#previous?.contract;
    if (before && (before.type !== this.type || before.version !== this.version - 1)) {
      throw new Error(
        `Version ${this.version} of ${this.type} cannot follow version ${before.version} of ${before.type}.`,
      );
    }
  }

  /** Selects the events whose detail has one of the given values in each given field. */
  where(
    values: { readonly [Field in keyof v.InferOutput<Schema>]?: readonly v.InferOutput<Schema>[Field][] },
  ): EventSelection {
    return { pattern: { ...this.pattern, detail: values as Record<string, readonly unknown[]> } };
  }

  /** All versions that this code reads, oldest first, this one last. */
  get versions(): readonly EventContract[] {
    // No version knows the types of another.
    return [...(this.#previous?.contract.versions ?? []), this as unknown as EventContract];
  }

  /**
   * Reads an event of this contract, of any version, as EventBridge delivered it.
   * @returns its detail in this version
   * @throws PoisonEventError naming the first field that violates the event's version
   */
  parse(event: unknown): ParsedEvent<Detail> {
    const envelope = parseEnvelope(event);
    const type = `${envelope.source}/${envelope['detail-type']}`;
    if (type !== this.type)
      throw new PoisonEventError(type, 'detail-type', `expected an event of type ${this.type}.`);
    return {
      id: envelope.id,
      source: envelope.source,
      detailType: envelope['detail-type'],
      time: envelope.time,
      ...this.parseDetail(envelope.detail, envelope),
    };
  }

  /**
   * Reads a detail of any version.
   * @param envelope id and time (ISO 8601 with milliseconds, UTC) of its event, for defaults
   * @throws PoisonEventError naming the first field that violates the detail's version
   */
  parseDetail(
    detail: Readonly<Record<string, unknown>>,
    envelope: Pick<EventEnvelope, 'id' | 'time'>,
  ): Pick<ParsedEvent<Detail>, 'metadata' | 'detail' | 'dropped'> {
    const metadata = this.parseMetadata(detail.metadata, envelope.id);
    const published = this.versions.find(({ version }) => version === metadata.version) ?? this;
    const { detail: usable, dropped } = published.#withoutUnusable(detail);
    return {
      metadata,
      detail: this.#read(metadata.version, usable, envelope.time),
      ...(dropped.length > 0 && { dropped }),
    };
  }

  #withoutUnusable(detail: Readonly<Record<string, unknown>>): {
    readonly detail: Readonly<Record<string, unknown>>;
    readonly dropped: readonly string[];
  } {
    const given = this.lenient.filter((field) => detail[field] !== undefined);
    const isNone = (field: string) => detail[field] === null || detail[field] === '';
    const isUsable = (field: string) => v.is(this.schema.entries[field] as v.GenericSchema, detail[field]);
    const unusable = given.filter((field) => isNone(field) || !isUsable(field));
    const usable = Object.entries(detail).filter(([field]) => !unusable.includes(field));
    return {
      detail: unusable.length > 0 ? Object.fromEntries(usable) : detail,
      dropped: unusable.filter((field) => !isNone(field)),
    };
  }

  /**
   * Reads a detail's metadata and fills in defaults.
   * @param given undefined if the detail has none
   * @param id id of the envelope
   * @throws PoisonEventError for malformed metadata and for a version that this code does not read
   */
  parseMetadata(given: unknown, id: string): EventMetadata {
    const metadata = check(this.type, 'detail.metadata', Metadata, given ?? {});
    const oldest = this.versions[0]?.version ?? this.version;
    if (metadata.version > this.version || metadata.version < oldest) {
      const problem =
        metadata.version > this.version
          ? `newer than ${this.version}, the newest version that this code reads: deploy first, then redrive.`
          : `older than ${oldest}, the oldest version that this code reads.`;
      throw new PoisonEventError(this.type, 'detail.metadata.version', `is ${metadata.version}, ${problem}`);
    }
    const { eventId = id, version, correlationId = eventId, causationId } = metadata;
    return { eventId, version, correlationId, ...(causationId && { causationId }) };
  }

  #read(version: number, detail: unknown, time: string): Detail {
    const checked =
      version === this.version || !this.#previous
        ? check(this.type, 'detail', this.schema, detail, this.personalData)
        : this.#upcast(this.#previous, this.#previous.contract.#read(version, detail, time));
    return this.#complete(checked, time);
  }

  /** Upcasts a parsed detail of the previous version, and checks the result. */
  #upcast({ contract, upcast }: PreviousVersion<Schema, Before>, before: Before): v.InferOutput<Schema> {
    try {
      return check(this.type, 'detail', this.schema, upcast(before), this.personalData);
    } catch (error) {
      const [field, problem] =
        error instanceof PoisonEventError ? [error.field, error.problem] : ['detail', String(error)];
      const versions = `upcast from version ${contract.version} to ${this.version}`;
      throw new PoisonEventError(this.type, field, `${versions}: ${problem}`);
    }
  }

  /**
   * Creates the detail to publish: the checked fields with their metadata.
   * @throws PoisonEventError naming the first field that violates the contract, or that it does not have
   */
  create(
    detail: v.InferInput<Schema>,
    ids: EventIds = {},
  ): v.InferInput<Schema> & { metadata: EventMetadata } {
    check(this.type, 'detail', this.schema, this.#withoutUnusable(detail).detail, this.personalData);
    const surplus = surplusField(this.schema, detail);
    if (surplus !== undefined) {
      const known = Object.keys(this.schema.entries).join(', ');
      const problem = `is no field of version ${this.version}; those are ${known}.`;
      throw new PoisonEventError(this.type, `detail.${surplus}`, problem);
    }
    const eventId = ids.eventId ?? randomUUID();
    const given = { ...ids, eventId, version: this.version };
    return { ...detail, metadata: this.parseMetadata(given, eventId) };
  }

  /** `source/detail-type`, the name of the contract in messages. */
  get type(): string {
    return `${this.source}/${this.detailType}`;
  }
}

// The message of each check below says what is expected; `check` adds what was received.

/** Id without blanks and without @, since ids are logged and an address must not pass as one. */
export const Id = v.pipe(
  v.string(),
  v.regex(/^[\w.:/#+=-]{1,128}$/, '1 to 128 letters, digits or any of . _ : / # + = -'),
);

/** Length of a parsed timestamp. Each instant has one spelling, so that timestamps compare as strings. */
const TIMESTAMP_LENGTH = '2026-01-15T10:00:00.000Z'.length;

export const Timestamp = v.pipe(
  v.string(),
  v.isoTimestamp('a date and time with its zone, e.g. 2026-01-15T10:00:00Z'),
  v.check(isOnCalendar, 'a date that exists'),
  v.transform((text) => new Date(text).toISOString()),
  v.check((text) => text.length === TIMESTAMP_LENGTH, 'a year from 0000 to 9999'),
);

/** Checks whether a JSON value is an object. */
export const isJsonObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Any JSON object, unchanged. (Valibot's `record` accepts arrays, and drops the keys `__proto__`, `constructor` and
 * `prototype` silently.)
 */
export const JsonObject = v.pipe(
  v.custom<Readonly<Record<string, unknown>>>(isJsonObject, 'an object'),
  // For the catalogue, since a check in code has no JSON Schema.
  v.metadata({ type: 'object', propertyNames: { type: 'string' }, additionalProperties: {} }),
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
  detail: JsonObject,
});

export const Metadata = v.object({
  eventId: v.optional(Id),
  version: v.optional(v.pipe(v.number(), v.integer('a whole number')), 1),
  correlationId: v.optional(Id),
  causationId: v.optional(Id),
});

/**
 * Reads the envelope of an event of any type.
 * @throws PoisonEventError if it is not an EventBridge event
 */
export function parseEnvelope(event: unknown): EventEnvelope {
  return check('event', '', Envelope, event) as EventEnvelope;
}

/**
 * Checks `value` and throws the first problem as a PoisonEventError with its dotted path. The message quotes the
 * invalid value as far as a log may have it: no e-mail address, no personal field, no whole object.
 * @param at path of `value` in the event
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
  // `expected` describes a wrong type; the check's own message describes an invalid value.
  const isType = issue.kind === 'schema' && issue.type !== 'custom' && issue.expected;
  const expected = isType ? issue.expected : issue.message;
  const received = personalData.includes(path) ? `a ${typeof issue.input}` : quote(issue.input);
  throw new PoisonEventError(type, field, `expected ${expected}, received ${received}.`);
}

/** Dotted path of the first field that the schema does not have, also inside objects. */
function surplusField(schema: v.GenericSchema, value: unknown): string | undefined {
  if (Array.isArray(value)) {
    const element = elementSchema(schema);
    for (const [index, each] of value.entries()) {
      const found = element && surplusField(element, each);
      if (found !== undefined) return `${index}.${found}`;
    }
    return undefined;
  }
  const fields = fieldSchemas(schema);
  if (!fields || !isJsonObject(value)) return undefined;
  for (const [name, child] of Object.entries(value)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (!field) return name;
    const found = surplusField(field, child);
    if (found !== undefined) return `${name}.${found}`;
  }
  return undefined;
}

/** Maximum length of a quoted value in an error message, in characters. */
const QUOTE_LENGTH = 80;

function quote(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  const text = redactedStart(value, QUOTE_LENGTH);
  return `${JSON.stringify(text)}${value.length > QUOTE_LENGTH ? '...' : ''}`;
}

/** `Date` takes 30 February for 2 March. */
function isOnCalendar(timestamp: string): boolean {
  const day = timestamp.slice(0, 'YYYY-MM-DD'.length);
  // `toJSON` returns null for an invalid date.
  const isDay = new Date(`${day}T00:00:00Z`).toJSON()?.startsWith(day) === true;
  return isDay && !Number.isNaN(Date.parse(timestamp));
}

/** The detail of a contract with its defaults filled in. */
export type DetailOf<Contract extends { parse(event: unknown): ParsedEvent<unknown> }> = ReturnType<
  Contract['parse']
>['detail'];
