/** Metrics of CloudWatch: what the run counts, what handlers write into their logs, and what is put by clients. */
import type { Metric } from '../../cloudwatch/alarm';
import type { Clock } from './clock';
import { ServiceError } from './service-error';

/** Values of one minute. */
interface Bucket {
  sum: number;
  count: number;
  min: number;
  max: number;
  /** Values for percentiles; the latest ones if there are many. */
  readonly values: number[];
}

export interface StatisticSet {
  readonly SampleCount: number;
  readonly Sum: number;
  readonly Minimum: number;
  readonly Maximum: number;
}

const MINUTE_MS = 60_000;
/** Three days, as CloudWatch keeps its finest data. */
const MAX_MINUTES = 3 * 24 * 60;
const MAX_VALUES = 1_000;

export class Metrics {
  readonly #clock: Clock;
  readonly #metrics = new Map<string, { readonly metric: Metric; readonly buckets: Map<number, Bucket> }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param at milliseconds since 1970-01-01 UTC. @default now
   * @param count so many times the value
   */
  add(metric: Metric, value: number, at = this.#clock.now(), count = 1): void {
    const set = { SampleCount: count, Sum: value * count, Minimum: value, Maximum: value };
    const { values } = this.#merge(metric, set, at);
    values.push(value);
    if (values.length > MAX_VALUES) values.shift();
  }

  addSet(metric: Metric, set: StatisticSet, at: number): void {
    this.#merge(metric, set, at);
  }

  get all(): readonly Metric[] {
    return [...this.#metrics.values()].map(({ metric }) => metric);
  }

  has(metric: Metric): boolean {
    return this.#metrics.has(keyOf(metric));
  }

  /**
   * Statistic of what was counted from `start` on and before `end`; undefined without data. Times count by the minute.
   * @throws ServiceError (InvalidParameterValue) for a statistic that is not known here
   */
  statistic(metric: Metric, statistic: string, start: number, end: number): number | undefined {
    const buckets = this.#metrics.get(keyOf(metric))?.buckets;
    if (!buckets) return undefined;
    const found: Bucket[] = [];
    if ((end - start) / MINUTE_MS < buckets.size) {
      for (let minute = Math.floor(start / MINUTE_MS); minute * MINUTE_MS < end; minute++) {
        const bucket = buckets.get(minute);
        if (bucket) found.push(bucket);
      }
    } else {
      for (const [minute, bucket] of buckets) {
        if (minute * MINUTE_MS >= start && minute * MINUTE_MS < end) found.push(bucket);
      }
    }
    return found.length === 0 ? undefined : reduce(statistic, found);
  }

  #merge(metric: Metric, { SampleCount, Sum, Minimum, Maximum }: StatisticSet, at: number): Bucket {
    const key = keyOf(metric);
    const { buckets } = this.#metrics.get(key) ?? { buckets: new Map<number, Bucket>() };
    this.#metrics.set(key, { metric, buckets });
    const minute = Math.floor(at / MINUTE_MS);
    let bucket = buckets.get(minute);
    if (!bucket) {
      bucket = { sum: 0, count: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY, values: [] };
      buckets.set(minute, bucket);
      const [oldest] = buckets.keys();
      if (buckets.size > MAX_MINUTES && oldest !== undefined) buckets.delete(oldest);
    }
    bucket.sum += Sum;
    bucket.count += SampleCount;
    bucket.min = Math.min(bucket.min, Minimum);
    bucket.max = Math.max(bucket.max, Maximum);
    return bucket;
  }
}

/** CloudWatch knows a metric by all of its dimensions, in any order. */
function keyOf({ Namespace, MetricName, Dimensions = [] }: Metric): string {
  const sorted =
    Dimensions.length < 2 ? Dimensions : [...Dimensions].sort((a, b) => (a.Name < b.Name ? -1 : 1));
  let key = part(Namespace) + part(MetricName);
  for (const { Name, Value } of sorted) key += part(Name) + part(Value);
  return key;
}

/** The length keeps texts apart, whatever they hold. */
const part = (text: string): string => `${String(text).length} ${text}`;

function reduce(statistic: string, buckets: readonly Bucket[]): number {
  const sum = buckets.reduce((total, bucket) => total + bucket.sum, 0);
  const count = buckets.reduce((total, bucket) => total + bucket.count, 0);
  switch (statistic) {
    case 'Sum':
      return sum;
    case 'SampleCount':
      return count;
    case 'Average':
      return sum / count;
    case 'Minimum':
      return Math.min(...buckets.map(({ min }) => min));
    case 'Maximum':
      return Math.max(...buckets.map(({ max }) => max));
  }
  const [, percent] = /^p(\d+(?:\.\d+)?)$/.exec(statistic) ?? [];
  if (percent === undefined) {
    throw new ServiceError(
      'InvalidParameterValue',
      `The statistic ${statistic} is not known to the local run.`,
    );
  }
  const values = buckets.flatMap((bucket) => bucket.values).sort((a, b) => a - b);
  const rank = Math.ceil((Number(percent) / 100) * values.length);
  return values[Math.max(0, rank - 1)] ?? sum / count;
}
