/** An event as analytics keeps it: one line of JSON, without personal data. */
import * as v from 'valibot';
import { type EventEnvelope, Metadata, parseEnvelope } from '../contract';
import { findContract } from '../events';
import { redactEmails } from '../personal-data';

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
  /** Null if the record would be over Firehose's limit with it. */
  readonly detail: unknown;
  /** Size of the detail that was left out, in bytes of JSON. */
  readonly omittedDetailBytes?: number;
}

/** Bytes, before base64 (https://docs.aws.amazon.com/firehose/latest/APIReference/API_Record.html). */
export const RECORD_SIZE = 1_000 * 1_024;

/** Deeper values are left out, so that no nesting, however deep, can exhaust the stack. */
const DETAIL_DEPTH = 64;

/** Metadata is taken as far as it can be read: an event is recorded even if no consumer can process it. */
const ReadableMetadata = v.fallback(
  v.object({
    eventId: v.fallback(Metadata.entries.eventId, undefined),
    version: v.fallback(Metadata.entries.version, 1),
    correlationId: v.fallback(Metadata.entries.correlationId, undefined),
    causationId: v.fallback(Metadata.entries.causationId, undefined),
  }),
  { version: 1 },
);

/**
 * Reads any event, of a known contract or not.
 * @throws PoisonEventError if it is not an EventBridge event.
 */
export function analyticsRecord(event: unknown): AnalyticsRecord {
  const envelope = parseEnvelope(event);
  const metadata = v.parse(ReadableMetadata, envelope.detail.metadata);
  const eventId = metadata.eventId ?? envelope.id;
  return {
    eventId,
    source: envelope.source,
    type: envelope['detail-type'],
    version: metadata.version,
    time: envelope.time,
    correlationId: metadata.correlationId ?? eventId,
    causationId: metadata.causationId,
    detail: withoutPersonalData(envelope),
  };
}

/** The record as a line of newline-delimited JSON, within Firehose's limit. */
export function recordLine(record: AnalyticsRecord): Uint8Array {
  const line = Buffer.from(`${JSON.stringify(record)}\n`);
  if (line.byteLength <= RECORD_SIZE) return line;
  const omittedDetailBytes = Buffer.byteLength(JSON.stringify(record.detail));
  return Buffer.from(`${JSON.stringify({ ...record, detail: null, omittedDetailBytes })}\n`);
}

/** The detail without its contract's personal fields, and without e-mail addresses wherever they stand. */
function withoutPersonalData(envelope: EventEnvelope): unknown {
  const contract = findContract(envelope.source, envelope['detail-type']);
  if (!contract) return redact(envelope.detail, DETAIL_DEPTH);
  // The metadata of a contract is in the record itself.
  const leftOut: readonly string[] = ['metadata', ...contract.personalData];
  const fields = Object.entries(envelope.detail).filter(([field]) => !leftOut.includes(field));
  return redact(Object.fromEntries(fields), DETAIL_DEPTH);
}

function redact(value: unknown, levels: number): unknown {
  if (typeof value === 'string') return redactEmails(value);
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) return null;
  if (Array.isArray(value)) return value.map((element) => redact(element, levels - 1));
  const fields = Object.entries(value).map(([key, child]) => [redactEmails(key), redact(child, levels - 1)]);
  return Object.fromEntries(fields);
}
