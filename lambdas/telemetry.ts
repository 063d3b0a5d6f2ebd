/**
 * Logs and metrics of the handlers: one short JSON line for each event, with its metrics. Handlers return the outcome;
 * this file writes it.
 */
import type { Context } from 'aws-lambda';
import { recordCalls } from './call-times';
import { PoisonEventError } from './contract';
import { type EventMetrics, writeLog } from './log';
import { METRICS, type MetricName } from './metrics';
import { redactedStart } from './personal-data';

/** Outcome of a handler's event. */
export interface Handled<Response> {
  /** One word, e.g. `stored` or `duplicate`. */
  readonly outcome: string;
  /** @default the id of the event, if it has one */
  readonly eventId?: string;
  /** Warning for the operator; makes the line a WARN. */
  readonly warning?: string;
  /** Further fields of the line. */
  readonly details?: Readonly<Record<string, number | string>>;
  readonly metrics?: { readonly [Name in MetricName]?: number };
  /** Dimensions of the metrics, beside the service; each with a small, known set of values. */
  readonly dimensions?: Readonly<Record<string, string>>;
  /** Return value of the function. */
  readonly response: Response;
}

/** Maximum length of a reason in a log line, in characters. */
const REASON_LENGTH = 500;

/**
 * Creates the function that Lambda calls: it runs `handle`, writes one line (INFO, or WARN or ERROR with the reason)
 * with the times of the AWS calls and the metrics, which are written at every log level, and rethrows an error of
 * `handle`, so that Lambda retries.
 * @param type message of the line for events without a type
 */
export function observed<Response>(
  handle: (event: unknown, context: Context) => Promise<Handled<Response>>,
  type = 'unknown',
): (event: unknown, context: Context) => Promise<Response> {
  return (event, context) =>
    recordCalls(async (callTimes) => {
      const { message = type, ...ids } = identify(event);
      try {
        const {
          outcome,
          eventId,
          warning,
          details,
          metrics: counts = {},
          dimensions = {},
          response,
        } = await handle(event, context);
        const named = eventId ? { ...ids, eventId, correlationId: undefined } : ids;
        const reason = warning === undefined ? undefined : redactedStart(warning, REASON_LENGTH);
        const line = { ...named, outcome, ...details, ...callTimes(), reason };
        writeLog(reason === undefined ? 'INFO' : 'WARN', message, line, metricsOf(counts, dimensions));
        return response;
      } catch (error) {
        const poison = error instanceof PoisonEventError;
        const line = {
          ...ids,
          outcome: poison ? 'poison' : 'failed',
          error: error instanceof Error ? error.name : typeof error,
          reason: reasonOf(error),
          requestId: context.awsRequestId,
          ...callTimes(),
        };
        writeLog('ERROR', message, line, metricsOf(poison ? { [METRICS.poisonEvents]: 1 } : {}));
        throw redacted(error);
      }
    });
}

function metricsOf(
  counts: { readonly [Name in MetricName]?: number },
  dimensions: Readonly<Record<string, string>> = {},
): EventMetrics {
  const values: EventMetrics['values'] = Object.fromEntries(
    Object.entries(counts).map(([name, value]) => [
      name,
      { value, unit: name === METRICS.revenue ? 'None' : 'Count' },
    ]),
  );
  return { values, dimensions };
}

/** Redacted messages of an error and its causes. */
function reasonOf(error: unknown): string {
  const messages: string[] = [];
  for (let current = error; current !== undefined; ) {
    messages.push(current instanceof Error ? current.message : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return redactedStart(messages.join(': '), REASON_LENGTH);
}

/** Maximum length of a stack trace, in characters, since a failure record has little room beside the event. */
const STACK_LENGTH = 2_000;

/**
 * The error for Lambda, which logs it and puts it into the failure record: its texts are redacted and cut, like those of
 * the handler's own line.
 */
function redacted(error: unknown): unknown {
  if (typeof error === 'string') return redactedStart(error, REASON_LENGTH);
  if (!(error instanceof Error)) return error;
  const message = redactedStart(error.message, REASON_LENGTH);
  // A stack trace begins with name and message.
  const [, frames = ''] = /(\n {4}at .*)/s.exec(error.stack ?? '') ?? [];
  const fields = {
    ...error,
    message,
    stack: redactedStart(`${error.name}: ${message}${frames}`, STACK_LENGTH),
    ...(error.cause !== undefined && { cause: redacted(error.cause) }),
  };
  for (const [name, field] of Object.entries(fields)) {
    const isText = typeof field === 'string' && name !== 'message' && name !== 'stack';
    const value = isText ? redactedStart(field, REASON_LENGTH) : field;
    // Lambda logs enumerable properties.
    Object.defineProperty(error, name, { value, configurable: true, writable: true, enumerable: false });
  }
  return error;
}

/** Fields of an event in its log line. */
interface Identity {
  /** Detail-type, or another name of the input's type. */
  readonly message?: string;
  readonly eventId?: string;
  /** Absent for the first event of its correlation, whose id is the same. */
  readonly correlationId?: string;
  readonly orderId?: string;
}

/**
 * Identifies an event, an input of the notifier or a report's request before it is checked: any field may be missing,
 * and a value that does not look like an id is ignored.
 */
function identify(event: unknown): Identity {
  const given = fieldsOf(event);
  const detail = fieldsOf(given.detail);
  const metadata = fieldsOf(detail.metadata ?? given.metadata);
  const eventId = identifier(metadata.eventId) ?? identifier(given.id);
  const correlationId = identifier(metadata.correlationId);
  const identity = {
    message: identifier(given['detail-type'] ?? given.type),
    eventId,
    correlationId: correlationId === eventId ? undefined : correlationId,
    orderId: identifier(detail.orderId ?? given.orderId),
  };
  return Object.fromEntries(Object.entries(identity).filter(([, value]) => value !== undefined));
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Accepts ids and detail-types: blanks are allowed, but no @, which may be an address. */
function identifier(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.:/#+= -]{1,128}$/.test(value) ? value : undefined;
}
