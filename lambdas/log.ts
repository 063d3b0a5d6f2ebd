/**
 * Lines on stdout, which Lambda takes to the function's log group: log lines in the form of Powertools for AWS
 * Lambda, and metrics in CloudWatch's embedded metric format
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

/** Writes a line, unless its level is below POWERTOOLS_LOG_LEVEL. Fields that are undefined or empty are left out. */
export function writeLog(level: Level, message: string, fields: Readonly<Record<string, unknown>>): void {
  if (LEVELS.indexOf(level) < lowest()) return;
  const line: Record<string, unknown> = {
    level,
    timestamp: new Date().toISOString(),
    service: process.env.POWERTOOLS_SERVICE_NAME,
    message,
  };
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && value !== null && value !== '') line[name] = value;
  }
  const trace = traceId();
  if (trace !== undefined) line.xray_trace_id = trace;
  write(line);
}

/** Id of the X-Ray trace of the present call. */
const traceId = (): string | undefined => /Root=([^;]+)/.exec(process.env._X_AMZN_TRACE_ID ?? '')?.[1];

export interface MetricValue {
  readonly value: number;
  readonly unit: 'Count' | 'None';
}

/**
 * Writes the metrics of one event.
 * @param dimensions beside the service's
 */
export function writeMetrics(
  metrics: Readonly<Record<string, MetricValue>>,
  dimensions: Readonly<Record<string, string>>,
): void {
  const values = Object.entries(metrics);
  if (values.length === 0) return;
  const all = { service: process.env.POWERTOOLS_SERVICE_NAME, ...dimensions };
  write({
    _aws: {
      Timestamp: Date.now(),
      CloudWatchMetrics: [
        {
          Namespace: process.env.POWERTOOLS_METRICS_NAMESPACE,
          Dimensions: [Object.keys(all)],
          Metrics: values.map(([Name, { unit: Unit }]) => ({ Name, Unit })),
        },
      ],
    },
    ...all,
    ...Object.fromEntries(values.map(([name, { value }]) => [name, value])),
  });
}

function write(line: object): void {
  const text = `${JSON.stringify(line)}\n`;
  if (!isRehearsed()) process.stdout.write(text);
}
