/**
 * What a function tells its operator: one short JSON line for each event, and its metrics in CloudWatch's
 * embedded metric format. Handlers say what happened; that it is written, and how, is decided here.
 */
import { LogFormatter, Logger, LogItem } from '@aws-lambda-powertools/logger';
import type { LogAttributes, UnformattedAttributes } from '@aws-lambda-powertools/logger/types';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Context } from 'aws-lambda';
import { PoisonEventError } from './contract';
import { METRICS, type MetricName } from './metrics';
import { redactedStart } from './personal-data';

/** What a handler did with its event. */
export interface Handled<Response> {
  /** One word, e.g. `stored` or `duplicate`. */
  readonly outcome: string;
  /** Default: the event's, as far as it tells. */
  readonly eventId?: string;
  /** What somebody has to know of, in words: makes the line a WARN. */
  readonly warning?: string;
  /** More for the line. */
  readonly details?: Readonly<Record<string, number | string>>;
  readonly metrics?: { readonly [Name in MetricName]?: number };
  /** Of the metrics, beside the service; each has values of a small, known set. */
  readonly dimensions?: Readonly<Record<string, string>>;
  /** What the function returns. */
  readonly response: Response;
}

/** Powertools' line without the keys that are the same in every line of a function. */
class ShortFormatter extends LogFormatter {
  override formatAttributes(attributes: UnformattedAttributes, more: LogAttributes): LogItem {
    const { logLevel, timestamp, serviceName, message, xRayTraceId } = attributes;
    const line = {
      level: logLevel,
      timestamp: this.formatTimestamp(timestamp),
      service: serviceName,
      message,
    };
    return new LogItem({ attributes: line }).addAttributes({ ...more, xray_trace_id: xRayTraceId });
  }
}

/** Longest reason in a log line, in characters. */
const REASON_LENGTH = 500;

const logger = new Logger({ logFormatter: new ShortFormatter() });
const metrics = new Metrics();

/**
 * Makes the function that Lambda calls: runs `handle`, writes one line (INFO, or WARN or ERROR with the reason), sends
 * the metrics in both cases, and throws what `handle` threw, so that Lambda retries.
 * @param type the line's message for events that do not tell their own type
 */
export function observed<Response>(
  handle: (event: unknown, context: Context) => Promise<Handled<Response>>,
  type = 'unknown',
): (event: unknown, context: Context) => Promise<Response> {
  return async (event, context) => {
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
      const line = { ...ids, ...(eventId && { eventId, correlationId: eventId }), outcome, ...details };
      if (warning === undefined) logger.info(message, line);
      else logger.warn(message, { ...line, reason: redactedStart(warning, REASON_LENGTH) });
      metrics.addDimensions({ ...dimensions });
      for (const [name, value] of Object.entries(counts)) count(name, value);
      return response;
    } catch (error) {
      const poison = error instanceof PoisonEventError;
      logger.error(message, {
        ...ids,
        outcome: poison ? 'poison' : 'failed',
        error: error instanceof Error ? error.name : typeof error,
        reason: reasonOf(error),
        requestId: context.awsRequestId,
      });
      if (poison) count(METRICS.poisonEvents, 1);
      throw redacted(error);
    } finally {
      if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
    }
  };
}

function count(name: string, value: number): void {
  metrics.addMetric(name, name === METRICS.revenue ? MetricUnit.NoUnit : MetricUnit.Count, value);
}

/** The message of an error and of what caused it, fit for a log. */
function reasonOf(error: unknown): string {
  const messages: string[] = [];
  for (let current = error; current !== undefined; ) {
    messages.push(current instanceof Error ? current.message : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return redactedStart(messages.join(': '), REASON_LENGTH);
}

/** Characters of a stack trace; the failure record of an event has room for little more than the event. */
const STACK_LENGTH = 2_000;

/**
 * The error as Lambda may have it, which logs it and puts it into the failure record: with its texts redacted and cut,
 * like those of the handler's own line.
 */
function redacted(error: unknown): unknown {
  if (typeof error === 'string') return redactedStart(error, REASON_LENGTH);
  if (!(error instanceof Error)) return error;
  const message = redactedStart(error.message, REASON_LENGTH);
  // A stack begins with name and message.
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
    // Lambda logs what is enumerable.
    Object.defineProperty(error, name, { value, configurable: true, writable: true, enumerable: false });
  }
  return error;
}

/** What a log line says of an event. */
interface Identity {
  /** The detail-type, or what stands for it. */
  readonly message?: string;
  readonly eventId?: string;
  readonly correlationId?: string;
  readonly orderId?: string;
}

/**
 * What can be said of an event, an input of the notifier or a report's request, before it was checked: anything
 * may be missing from it, and what does not look like an id is not taken for one.
 */
function identify(event: unknown): Identity {
  const given = fieldsOf(event);
  const detail = fieldsOf(given.detail);
  const metadata = fieldsOf(detail.metadata ?? given.metadata);
  const eventId = identifier(metadata.eventId) ?? identifier(given.id);
  const identity = {
    message: identifier(given['detail-type'] ?? given.type),
    eventId,
    correlationId: identifier(metadata.correlationId) ?? eventId,
    orderId: identifier(detail.orderId ?? given.orderId),
  };
  return Object.fromEntries(Object.entries(identity).filter(([, value]) => value !== undefined));
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** A detail-type may have blanks; nothing may have an @, which makes an address. */
function identifier(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.:/#+= -]{1,128}$/.test(value) ? value : undefined;
}
