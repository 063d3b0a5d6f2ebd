import { metricFields } from '../../cloudwatch/embedded-metrics';

/** Reads lines of a function's log for people: structured ones by their message and their fields. */
export interface LogText {
  readonly text: string;
  /** Other fields, as `name=value`. */
  readonly fields: string;
  readonly isError: boolean;
}

/** Fields that say nothing beside the time, the function and the event. */
const NOISE: ReadonlySet<string> = new Set([
  ...['level', 'timestamp', 'message', 'service', 'requestId', 'xray_trace_id', 'eventId', 'correlationId'],
  ...['function_arn', 'function_memory_size', 'function_name', 'function_request_id', 'cold_start'],
]);

/** @returns undefined for a line of metrics alone, and for what the platform writes about the invocation */
export function readLog(line: string): LogText | undefined {
  if (/^(START|END|REPORT) RequestId: /.test(line)) return undefined;
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return { text: line.trimEnd(), fields: '', isError: /^\S*\s*ERROR\b/.test(line) };
  }
  if (typeof entry !== 'object' || entry === null)
    return { text: line.trimEnd(), fields: '', isError: false };
  const record = entry as Record<string, unknown>;
  const isMetrics = '_aws' in record && record.message === undefined;
  if (isMetrics || String(record.type).startsWith('platform.')) return undefined;
  const ofMetrics = metricFields(record);
  const fields = Object.entries(record)
    .filter(([name]) => !NOISE.has(name) && !ofMetrics.has(name))
    .map(([name, value]) => `${name}=${textOf(value)}`);
  const { message, level } = record;
  const error = message as { errorType?: unknown; errorMessage?: unknown } | undefined;
  const text = error?.errorType === undefined ? textOf(message) : `${error.errorType}: ${error.errorMessage}`;
  return { text, fields: fields.join(' '), isError: level === 'ERROR' || level === 'FATAL' };
}

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
