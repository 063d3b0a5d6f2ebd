/**
 * Lines on stdout, which Lambda takes to the function's log group: log lines in the form of Powertools for AWS
 * Lambda, with the metrics of the event in CloudWatch's embedded metric format
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
 * Powertools' own logger and metrics would be 34 KB of each bundle.
 */
import { isRehearsed } from './rehearsal';

type Level = 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';

/** Log levels, the lowest first. */
const LEVELS: readonly string[] = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'CRITICAL', 'SILENT'];

/** An unknown level in the environment is taken for INFO. */
const lowest = (): number => {
  const level = LEVELS.indexOf((process.env.POWERTOOLS_LOG_LEVEL ?? '').toUpperCase());
  return level < 0 ? LEVELS.indexOf('INFO') : level;
};

export interface MetricValue {
  readonly value: number;
  readonly unit: 'Count' | 'None';
}

/** Metrics of one event. */
export interface EventMetrics {
  readonly values: Readonly<Record<string, MetricValue>>;
  /** Dimensions beside the service's. */
  readonly dimensions: Readonly<Record<string, string>>;
}

/**
 * Writes a log line and the metrics of the same event, both in one line. Below POWERTOOLS_LOG_LEVEL the line is the
 * metrics alone; without metrics there is none. Fields that are undefined or empty are left out.
 */
export function writeLog(
  level: Level,
  message: string,
  fields: Readonly<Record<string, unknown>>,
  metrics?: EventMetrics,
): void {
  const line = {
    ...(LEVELS.indexOf(level) >= lowest() && logged(level, message, fields)),
    ...(metrics && embedded(metrics)),
  };
  if (Object.keys(line).length > 0 && !isRehearsed()) process.stdout.write(`${JSON.stringify(line)}\n`);
}

function logged(level: Level, message: string, fields: Readonly<Record<string, unknown>>): object {
  const given = Object.entries(fields).filter(
    ([, value]) => value !== undefined && value !== null && value !== '',
  );
  const trace = tracedBy();
  return {
    level,
    timestamp: new Date().toISOString(),
    service: process.env.POWERTOOLS_SERVICE_NAME,
    message,
    ...Object.fromEntries(given),
    ...(trace !== undefined && { xray_trace_id: trace }),
  };
}

/** Id of the present call's trace, if X-Ray keeps it: Lambda gives every call an id. */
const tracedBy = (): string | undefined =>
  /Root=([^;]+).*Sampled=1/.exec(process.env._X_AMZN_TRACE_ID ?? '')?.[1];

function embedded({ values, dimensions }: EventMetrics): object {
  const metrics = Object.entries(values);
  if (metrics.length === 0) return {};
  const all = { service: process.env.POWERTOOLS_SERVICE_NAME, ...dimensions };
  return {
    _aws: {
      Timestamp: Date.now(),
      CloudWatchMetrics: [
        {
          Namespace: process.env.POWERTOOLS_METRICS_NAMESPACE,
          Dimensions: [Object.keys(all)],
          Metrics: metrics.map(([Name, { unit: Unit }]) => ({ Name, Unit })),
        },
      ],
    },
    ...all,
    ...Object.fromEntries(metrics.map(([name, { value }]) => [name, value])),
  };
}
