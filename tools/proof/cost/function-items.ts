/** Cost of functions: calls, durations, log lines, traces, metrics; and fixed monthly items. */
import { TemplateAlarms } from '../../template/alarms';
import type { Resource } from '../../template/assembly';
import {
  GB,
  groupBy,
  type Item,
  item,
  LOG_EVENT_OVERHEAD,
  MONTH_DAYS,
  MONTH_SECONDS,
  type PriceKey,
  sum,
} from './units';
import type { CallUsage, Times, Usage } from './usage';

/**
 * Share of the requests beyond the first of each second that X-Ray traces by default: the first request of each
 * second is traced and 5% of the others.
 * https://docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html
 */
const TRACED_SHARE = 0.05;

export function functionItems(usage: Usage, times: Times): Item[] {
  const attempts = (call: CallUsage) => usage.attempts(call, times);
  const seconds = (call: CallUsage, ms: number) => (ms / 1_000) * (call.call.memoryMb / 1_024);
  const price = ({ resource }: CallUsage): PriceKey =>
    resource.properties.Architectures?.[0] === 'arm64' ? 'lambda.arm64' : 'lambda.x86_64';
  const cold = usage.assumptions.coldStarts / 100;
  const durations = [...groupBy(usage.calls, ({ service }) => service)].map(([service, calls]) =>
    item(
      `Lambda: duration of ${service}`,
      price(calls[0] as CallUsage),
      sum(calls, (call) => attempts(call) * seconds(call, call.call.billedMs)),
    ),
  );
  const starts = [...groupBy(usage.calls, price)].map(([key, calls]) =>
    item(
      'Lambda: cold starts',
      key,
      sum(calls, (call) => attempts(call) * cold * seconds(call, call.function.initMs)),
    ),
  );
  return [item('Lambda: calls', 'lambda.request', sum(usage.calls, attempts)), ...durations, ...starts];
}

export function logItems(usage: Usage, times: Times): Item[] {
  const kept = (bytes: number, group: Resource | undefined) => ({
    bytes,
    stored: bytes * usage.monthsKept(Number(group?.properties.RetentionInDays ?? 0)),
  });
  const groups = usage.assembly.ofType('AWS::Logs::LogGroup');
  const byFunctions = usage.calls.map((call) => {
    const name = call.resource.properties.LoggingConfig?.LogGroup;
    const group = groups.find((each) => each.name === name);
    return kept(usage.attempts(call, times) * call.call.logBytes, group);
  });
  const byRules = usage.direct
    .filter(({ resource }) => groups.includes(resource))
    .map((delivery) =>
      kept(times(delivery) * (delivery.payloadBytes + LOG_EVENT_OVERHEAD), delivery.resource),
    );
  const written = [...byFunctions, ...byRules];
  return [
    item('CloudWatch: log lines', 'logs.ingestion', sum(written, ({ bytes }) => bytes) / GB),
    item('CloudWatch: log lines, kept', 'logs.storage', sum(written, ({ stored }) => stored) / GB),
  ];
}

export function traceItems(usage: Usage, times: Times): Item[] {
  const [sampling] = usage.assembly.ofType('AWS::XRay::SamplingRule');
  const share = Number(sampling?.properties.SamplingRule.FixedRate ?? TRACED_SHARE);
  const traced = usage.calls.filter(({ resource }) => resource.properties.TracingConfig?.Mode === 'Active');
  const traces = sum([...groupBy(traced, ({ service }) => service).values()], (calls) => {
    const perSecond = sum(calls, (call) => usage.attempts(call, times)) / MONTH_SECONDS;
    return MONTH_SECONDS * (Math.min(1, perSecond) + share * Math.max(0, perSecond - 1));
  });
  return [item('X-Ray: traces', 'xray.trace', traces)];
}

/** Monthly items that do not depend on the number of events. */
export function fixedItems(usage: Usage): Item[] {
  // A metric is billed for the hours in which it has values; one that a schedule counts has few.
  const hours = MONTH_DAYS * 24;
  const metrics = new Map<string, number>();
  for (const { service, measured, perEvent, perMonth } of usage.calls) {
    const share = perEvent > 0 ? 1 : Math.min(1, perMonth / hours);
    for (const name of measured.metrics) {
      const key = `${service} ${name}`;
      metrics.set(key, Math.max(share, metrics.get(key) ?? 0));
    }
  }
  const { all: alarms } = new TemplateAlarms(usage.assembly);
  return [
    item(
      'CloudWatch: metrics of the handlers',
      'cloudwatch.metric',
      sum([...metrics.values()], (share) => share),
    ),
    item(
      'CloudWatch: alarms',
      'cloudwatch.alarm',
      sum(alarms, ({ metricCount }) => metricCount),
    ),
    item(
      'CloudWatch: composite alarms',
      'cloudwatch.compositeAlarm',
      usage.assembly.ofType('AWS::CloudWatch::CompositeAlarm').length,
    ),
    item(
      'CloudWatch: dashboards',
      'cloudwatch.dashboard',
      usage.assembly.ofType('AWS::CloudWatch::Dashboard').length,
    ),
    item('KMS: keys', 'kms.key', usage.assembly.ofType('AWS::KMS::Key').length),
  ];
}
