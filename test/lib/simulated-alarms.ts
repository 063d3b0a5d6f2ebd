/** The alarms of the stack over time: what is put into metrics, and which mails come of it. */
import type { Template } from 'aws-cdk-lib/assertions';
import type { MetricSource } from '../../tools/cloudwatch/alarm';
import { type AlarmChange, simulateAlarms } from '../../tools/cloudwatch/simulation';
import { compile } from '../../tools/eventbridge/event-pattern';
import type { Assembly, Resource } from '../../tools/template/assembly';
import { assemblyOf } from '../tools/proof/assembly';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const START = Date.parse('2026-01-15T00:00:00Z');

/** A time on a day of January 2026; day 15 is the first. */
export const at = (day: number, time: string) =>
  START + (day - 15) * DAY + Date.parse(`1970-01-01T${time}:05Z`);

/** A value of a metric. */
export interface Point {
  readonly metric: string;
  /** Value of any one of its dimensions: a function, a rule, a queue, a table, a topic, a service. */
  readonly of: string;
  readonly time: number;
  readonly value: number;
}

export interface Mail {
  readonly time: string;
  readonly alarm: string;
  readonly topic: string;
  readonly says: 'alarm' | 'over';
}

export class SimulatedAlarms {
  readonly assembly: Assembly;

  constructor(template: Template) {
    this.assembly = assemblyOf(template.toJSON());
  }

  names(type: string): string[] {
    return this.assembly.ofType(type).map(({ name }) => name);
  }

  run(
    points: readonly Point[],
    { start = START, end = START + DAY, only = /./, morePeriods = 2, step = 5 * MINUTE } = {},
  ): AlarmChange[] {
    const ofType = (type: string) =>
      this.assembly
        .ofType(type)
        .filter(({ name }) => only.test(name))
        .map(({ properties }) => properties);
    return simulateAlarms(
      ofType('AWS::CloudWatch::Alarm'),
      ofType('AWS::CloudWatch::CompositeAlarm'),
      sourceOf(points),
      { start, end, morePeriods, step },
    );
  }

  /** Mails that somebody gets who reads all topics that alarms tell, in their order. */
  mails(points: readonly Point[], options: Parameters<SimulatedAlarms['run']>[1] = {}): Mail[] {
    const rules = this.assembly.ofType('AWS::Events::Rule').flatMap((rule) => recoveryOf(rule));
    return this.run(points, options).flatMap((change) => {
      const mail = { time: new Date(change.time).toISOString().slice(8, 16), alarm: short(change.alarm) };
      const told = change.actions.map((arn) => ({ ...mail, topic: short(arn), says: 'alarm' as const }));
      const event = stateChange(change);
      const over = rules
        .filter(({ pattern }) => pattern.matches(event as never))
        .map(({ topic }) => ({ ...mail, topic, says: 'over' as const }));
      return [...told, ...over];
    });
  }
}

const short = (nameOrArn: string): string => nameOrArn.split(':').at(-1)?.replace('event-driven-', '') ?? '';

function recoveryOf({ properties }: Resource) {
  const { EventPattern, Targets } = properties;
  if (!EventPattern?.source?.includes('aws.cloudwatch')) return [];
  return [{ pattern: compile(EventPattern), topic: short(Targets[0].Arn) }];
}

/** Event of CloudWatch for a change of an alarm's state. */
function stateChange({ alarm: alarmName, state, previous, wasSuppressed, time }: AlarmChange) {
  return {
    version: '0',
    id: 'c4c1c1c9-6542-e61b-6ef0-8c4d36933a92',
    'detail-type': 'CloudWatch Alarm State Change',
    source: 'aws.cloudwatch',
    account: '123456789012',
    time: new Date(time).toISOString(),
    region: 'us-east-1',
    resources: [],
    detail: {
      alarmName,
      state: { value: state },
      previousState: { value: previous, ...(wasSuppressed && { actionsSuppressedBy: 'Alarm' }) },
    },
  };
}

function sourceOf(points: readonly Point[]): MetricSource {
  const byMetric = new Map<string, Point[]>();
  for (const point of [...points].sort((a, b) => a.time - b.time)) {
    const key = `${point.metric} ${point.of}`;
    const known = byMetric.get(key);
    if (known) known.push(point);
    else byMetric.set(key, [point]);
  }
  return ({ MetricName, Dimensions = [] }, statistic, start, end) => {
    // A metric without dimensions is of the account.
    const owners = Dimensions.length > 0 ? Dimensions.map(({ Value }) => Value) : ['account'];
    const values = owners.flatMap((owner) => within(byMetric.get(`${MetricName} ${owner}`), start, end));
    if (values.length === 0) return undefined;
    const sum = values.reduce((total, value) => total + value, 0);
    if (statistic === 'Maximum') return Math.max(...values);
    return statistic === 'Sum' ? sum : sum / values.length;
  };
}

function within(points: readonly Point[] | undefined, start: number, end: number): number[] {
  const last = points?.at(-1);
  if (!points || !last || last.time < start) return [];
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle] as Point).time < start) low = middle + 1;
    else high = middle;
  }
  const values: number[] = [];
  for (let index = low; index < points.length; index++) {
    const { time, value } = points[index] as Point;
    if (time >= end) break;
    values.push(value);
  }
  return values;
}

/** A point each minute. */
export function every(
  metric: string,
  of: string,
  { from, to, value = 1, step = MINUTE }: { from: number; to: number; value?: number; step?: number },
): Point[] {
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, index) => ({
    metric,
    of,
    time: from + index * step,
    value,
  }));
}

/** An event for the function fails at every try, and is given up. */
export const fails = (name: string, time: number): Point[] => [
  ...[0, 1, 3].map((minutes) => ({ metric: 'Errors', of: name, time: time + minutes * MINUTE, value: 1 })),
  ...[0, 1, 3].map((minutes) => ({
    metric: 'Duration',
    of: name,
    time: time + minutes * MINUTE,
    value: 60_000,
  })),
  { metric: 'AsyncEventAge', of: name, time: time + 3 * MINUTE, value: 190_000 },
  { metric: 'AsyncEventsDropped', of: name, time: time + 3 * MINUTE + 1_000, value: 1 },
];
export const waiting = (queue: string, from: number, to: number): Point[] => [
  ...every('ApproximateNumberOfMessagesVisible', queue, { from, to }),
  ...every('ApproximateAgeOfOldestMessage', queue, { from, to }).map((point) => ({
    ...point,
    value: (point.time - from) / 1_000,
  })),
];
