/**
 * Record of an event for analytics: one line of JSON, without personal data. Fields are recorded by an allow-list: for an
 * event with a contract the fields of its schema that are not personal, for any other its size and the names of its
 * fields.
 */
import * as v from 'valibot';
import { type EventContract, type EventEnvelope, isJsonObject, Metadata, parseEnvelope } from '../contract';
import { findContract } from '../events';
import { redactEmails, redactedStart } from '../personal-data';
import { elementSchema, fieldSchemas, isScalarSchema } from '../schema-fields';

export interface AnalyticsRecord {
  readonly eventId: string;
  readonly source: string;
  /** The detail-type. */
  readonly type: string;
  /** Version of the event's contract. */
  readonly version: number;
  /** ISO 8601 with milliseconds, UTC. */
  readonly time: string;
  readonly correlationId: string;
  readonly causationId?: string | undefined;
  /** Recorded detail; null if the event has no contract, or the record would exceed Firehose's limit. */
  readonly detail: unknown;
  /** Size of an omitted detail, in bytes of JSON. */
  readonly omittedDetailBytes?: number;
  /** Names of the first fields of a detail without a contract. */
  readonly fields?: readonly string[];
}

/** Recording of an event without a contract: the names of its fields, or its detail without e-mail addresses. */
export type UnknownEventDetail = 'NAMES' | 'REDACTED';

/** Maximum size of a record in bytes, before base64 (https://docs.aws.amazon.com/firehose/latest/APIReference/API_Record.html). */
export const RECORD_SIZE = 1_000 * 1_024;

/** Maximum depth of recorded values, so that deep nesting cannot exhaust the stack. */
const DETAIL_DEPTH = 64;

/** Metadata as far as it is valid: an event is recorded even if no consumer can process it. */
const ReadableMetadata = v.fallback(
  v.object({
    eventId: v.fallback(Metadata.entries.eventId, undefined),
    version: v.fallback(Metadata.entries.version, 1),
    correlationId: v.fallback(Metadata.entries.correlationId, undefined),
    causationId: v.fallback(Metadata.entries.causationId, undefined),
  }),
  { version: 1 },
);

/** The contract of an event, in the version of the event, if this code knows it. */
function contractOf({ source, 'detail-type': detailType }: EventEnvelope, version: number) {
  const contract = findContract(source, detailType);
  return contract?.versions.find((each) => each.version === version);
}

/** Value of the dimension `eventType` of the metric EventsReceived, from a closed set. */
export function eventType({ source, type }: Pick<AnalyticsRecord, 'source' | 'type'>): string {
  return findContract(source, type)?.detailType ?? 'unknown';
}

/**
 * Reads any event, with or without a known contract.
 * @throws PoisonEventError if it is not an EventBridge event.
 */
export function analyticsRecord(
  event: unknown,
  unknownDetail: UnknownEventDetail = 'NAMES',
): AnalyticsRecord {
  const envelope = parseEnvelope(event);
  const metadata = v.parse(ReadableMetadata, envelope.detail.metadata);
  const eventId = metadata.eventId ?? envelope.id;
  const contract = contractOf(envelope, metadata.version);
  return {
    eventId,
    source: redactEmails(envelope.source),
    type: redactEmails(envelope['detail-type']),
    version: metadata.version,
    time: envelope.time,
    correlationId: metadata.correlationId ?? eventId,
    causationId: metadata.causationId,
    ...(contract ? { detail: allowedFields(contract, envelope.detail) } : unknown(envelope, unknownDetail)),
  };
}

/** The record as a line of newline-delimited JSON, within Firehose's limit. */
export function recordLine(record: AnalyticsRecord): Uint8Array {
  const line = Buffer.from(`${JSON.stringify(record)}\n`);
  if (line.byteLength <= RECORD_SIZE) return line;
  const omittedDetailBytes = Buffer.byteLength(JSON.stringify(record.detail));
  return Buffer.from(`${JSON.stringify({ ...record, detail: null, omittedDetailBytes })}\n`);
}

/** Fields of the contract that are not personal and are valid. */
function allowedFields({ schema, personalData }: EventContract, detail: object): Record<string, unknown> {
  const allowed = Object.entries(schema.entries).filter(
    ([name, field]) =>
      !personalData.includes(name) && Object.hasOwn(detail, name) && v.is(field, detail[name as never]),
  );
  return Object.fromEntries(allowed.map(([name, field]) => [name, named(field, detail[name as never])]));
}

/** A value without the fields that its schema does not name. */
function named(schema: v.GenericSchema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const element = elementSchema(schema);
    return element && value.map((each) => named(element, each));
  }
  if (isJsonObject(value)) {
    const fields = Object.entries(fieldSchemas(schema) ?? {}).filter(([name]) => Object.hasOwn(value, name));
    return Object.fromEntries(fields.map(([name, field]) => [name, named(field, value[name])]));
  }
  if (!isScalarSchema(schema)) return undefined;
  // Second line of defence: a text that should have no address may have one.
  return typeof value === 'string' ? redactEmails(value) : value;
}

/** Maximum number of recorded names, and of characters in each. */
const MOST_NAMES = 50;
const NAME_LENGTH = 64;

function unknown(
  { detail }: EventEnvelope,
  unknownDetail: UnknownEventDetail,
): Pick<AnalyticsRecord, 'detail' | 'fields' | 'omittedDetailBytes'> {
  if (unknownDetail === 'REDACTED') return { detail: redact(detail, DETAIL_DEPTH) };
  const names = Object.keys(detail).slice(0, MOST_NAMES);
  return {
    detail: null,
    omittedDetailBytes: jsonSize(detail),
    fields: names.map((name) => redactedStart(name, NAME_LENGTH)),
  };
}

function redact(value: unknown, levels: number): unknown {
  if (typeof value === 'string') return redactEmails(value);
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) return null;
  if (Array.isArray(value)) return value.map((element) => redact(element, levels - 1));
  const fields = Object.entries(value).map(([key, child]) => [redactEmails(key), redact(child, levels - 1)]);
  return Object.fromEntries(fields);
}

/** Size of a value as JSON, in bytes, at any depth. */
function jsonSize(value: unknown): number {
  const open = [value];
  let size = 0;
  while (open.length > 0) {
    const each = open.pop();
    if (typeof each !== 'object' || each === null) {
      size += Buffer.byteLength(JSON.stringify(each));
      continue;
    }
    const children = Object.values(each);
    // Two brackets, and a comma between each two.
    size += 2 + Math.max(0, children.length - 1);
    if (!Array.isArray(each)) {
      for (const key of Object.keys(each)) size += Buffer.byteLength(JSON.stringify(key)) + 1;
    }
    for (const child of children) open.push(child);
  }
  return size;
}
