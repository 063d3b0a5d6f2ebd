/**
 * Evaluation of CloudWatch's alarms: metric alarms with missing data, M out of N periods and metric math, and
 * composite alarms. Pure: metrics and time are passed in.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
 */
import { evaluateExpression, MetricMathError, type Series } from './metric-math';

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

export interface Metric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: string }[];
}

/**
 * Value of a metric's statistic from `start` on and before `end`, in milliseconds since 1970-01-01 UTC; undefined
 * without data.
 * @param statistic e.g. Sum, Average, p99
 */
export type MetricSource = (
  metric: Metric,
  statistic: string,
  start: number,
  end: number,
) => number | undefined;

export interface MetricDataQuery {
  readonly Id: string;
  readonly Expression?: string;
  readonly MetricStat?: { readonly Metric: Metric; readonly Period: number | string; readonly Stat: string };
  /** @default true */
  readonly ReturnData?: boolean | string;
  readonly Label?: string;
}

/** Properties of `AWS::CloudWatch::Alarm` that decide its state. */
export interface MetricAlarm extends Partial<Metric> {
  readonly Statistic?: string;
  readonly ExtendedStatistic?: string;
  /** Seconds. */
  readonly Period?: number | string;
  readonly Metrics?: readonly MetricDataQuery[];
  readonly ComparisonOperator: string;
  readonly Threshold?: number | string;
  readonly EvaluationPeriods: number | string;
  readonly DatapointsToAlarm?: number | string;
  readonly TreatMissingData?: string;
}

export interface AlarmEvaluation {
  readonly state: AlarmState;
  /** Reason, worded like CloudWatch's. */
  readonly reason: string;
  /** Evaluated values, the latest first. */
  readonly datapoints: readonly number[];
}

/** Error of an alarm that uses an unknown operator, function or kind. */
export class UnknownAlarmError extends Error {
  override readonly name = 'UnknownAlarmError';
}

interface Comparison {
  readonly words: string;
  readonly breaches: (value: number, threshold: number) => boolean;
}

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  GreaterThanOrEqualToThreshold: {
    words: 'greater than or equal to',
    breaches: (value, threshold) => value >= threshold,
  },
  GreaterThanThreshold: { words: 'greater than', breaches: (value, threshold) => value > threshold },
  LessThanThreshold: { words: 'less than', breaches: (value, threshold) => value < threshold },
  LessThanOrEqualToThreshold: {
    words: 'less than or equal to',
    breaches: (value, threshold) => value <= threshold,
  },
};

const MINUTE_MS = 60_000;
/** Additional periods that CloudWatch reads, so that late data counts. Their number is not documented. */
const MORE_PERIODS = 2;

/**
 * State of an alarm at a time.
 * @param now milliseconds since 1970-01-01 UTC; the last period ends with the minute before
 * @param before present state, which missing data may keep
 * @param morePeriods number of periods that are read besides the evaluated ones
 * @throws UnknownAlarmError for an operator, a function or a kind of alarm that is not known here
 */
export function evaluateAlarm(
  alarm: MetricAlarm,
  source: MetricSource,
  now: number,
  before: AlarmState = 'INSUFFICIENT_DATA',
  morePeriods = MORE_PERIODS,
): AlarmEvaluation {
  const comparison = COMPARISONS[alarm.ComparisonOperator];
  if (!comparison || alarm.Threshold === undefined) {
    throw new UnknownAlarmError(`The comparison ${alarm.ComparisonOperator} is not known here.`);
  }
  const threshold = Number(alarm.Threshold);
  const periods = Number(alarm.EvaluationPeriods);
  const toAlarm = Number(alarm.DatapointsToAlarm ?? periods);
  const values = readPeriods(alarm, source, now, periods + morePeriods);
  /** Existing values by age in periods, the latest first. */
  const existing = values
    .map((value, index) => ({ value, age: values.length - index }))
    .filter((each): each is { value: number; age: number } => each.value !== undefined)
    .reverse();
  const judged = existing.slice(0, periods);
  const isBreaching = ({ value }: { value: number }) => comparison.breaches(value, threshold);
  const breaching = judged.filter(isBreaching);
  const state = decide({
    ...{ periods, toAlarm, before, treatment: alarm.TreatMissingData ?? 'missing' },
    ...{ existing: judged.length, breaching: breaching.length },
    oldestAge: judged.at(-1)?.age ?? 0,
  });
  const datapoints = judged.map(({ value }) => value);
  return { state, datapoints, reason: describe(state, datapoints, breaching.length, comparison, threshold) };
}

/** Values of the periods in order; undefined without data. */
function readPeriods(
  alarm: MetricAlarm,
  source: MetricSource,
  now: number,
  count: number,
): readonly (number | undefined)[] {
  const end = Math.floor(now / MINUTE_MS) * MINUTE_MS;
  const queries = alarm.Metrics ?? [{ Id: 'alarm', MetricStat: metricStatOf(alarm) }];
  const periodMs = 1000 * periodOf(queries);
  const times = Array.from({ length: count }, (_, index) => end - (count - index) * periodMs);
  const returned = queries.find(({ ReturnData = true }) => String(ReturnData) === 'true');
  const results = evaluateQueries(queries, source, times, periodMs);
  const series = returned && results.get(returned.Id);
  if (!series) throw new UnknownAlarmError('The alarm has no metric that returns data.');
  return times.map((time) => series.get(time));
}

function metricStatOf({
  Namespace = '',
  MetricName = '',
  Dimensions = [],
  Period = 60,
  Statistic,
  ExtendedStatistic,
}: MetricAlarm) {
  const Stat = Statistic ?? ExtendedStatistic ?? 'Average';
  return { Metric: { Namespace, MetricName, Dimensions }, Period, Stat };
}

function periodOf(queries: readonly MetricDataQuery[]): number {
  const periods = queries.flatMap(({ MetricStat }) => (MetricStat ? [Number(MetricStat.Period)] : []));
  return Math.max(60, ...periods);
}

/**
 * Results of metrics and expressions by their ids.
 * @param times starts of the periods, in their order
 * @throws UnknownAlarmError
 */
export function evaluateQueries(
  queries: readonly MetricDataQuery[],
  source: MetricSource,
  times: readonly number[],
  periodMs: number,
): ReadonlyMap<string, Series> {
  const results = new Map<string, Series>();
  for (const { Id, MetricStat } of queries) {
    if (!MetricStat) continue;
    const entries = times.flatMap((time) => {
      const value = source(MetricStat.Metric, MetricStat.Stat, time, time + periodMs);
      return value === undefined ? [] : [[time, value] as const];
    });
    results.set(Id, new Map(entries));
  }
  // An expression may use another one that stands after it.
  let waiting = queries.flatMap(({ Id, Expression }) =>
    Expression === undefined ? [] : [{ Id, Expression }],
  );
  while (waiting.length > 0) {
    const failed: { query: (typeof waiting)[number]; error: MetricMathError }[] = [];
    for (const query of waiting) {
      try {
        results.set(query.Id, evaluateExpression(query.Expression, { ids: results, times }));
      } catch (error) {
        if (!(error instanceof MetricMathError)) throw error;
        failed.push({ query, error });
      }
    }
    const [first] = failed;
    if (first && failed.length === waiting.length) {
      throw new UnknownAlarmError(`Expression '${first.query.Expression}': ${first.error.message}`);
    }
    waiting = failed.map(({ query }) => query);
  }
  return results;
}

interface Evidence {
  readonly periods: number;
  readonly toAlarm: number;
  readonly before: AlarmState;
  readonly treatment: string;
  /** Number of existing values, at most the number of evaluated periods. */
  readonly existing: number;
  readonly breaching: number;
  /** Age of the oldest of them, in periods. */
  readonly oldestAge: number;
}

/** The tables of "Configuring how CloudWatch alarms treat missing data". */
function decide(evidence: Evidence): AlarmState {
  const { periods, toAlarm, before, treatment, existing, breaching, oldestAge } = evidence;
  if (breaching >= toAlarm) return 'ALARM';
  const missing = periods - existing;
  if (missing <= 0) return 'OK';
  switch (treatment) {
    case 'breaching':
      return breaching + missing >= toAlarm ? 'ALARM' : 'OK';
    case 'notBreaching':
      return 'OK';
    case 'ignore':
      return existing > breaching ? 'OK' : before;
    default:
      if (existing === 0) return 'INSUFFICIENT_DATA';
      if (existing > breaching) return 'OK';
      // All existing values breach; that suffices if the oldest one is old enough.
      return oldestAge >= toAlarm ? 'ALARM' : before;
  }
}

function describe(
  state: AlarmState,
  datapoints: readonly number[],
  breaching: number,
  { words }: Comparison,
  threshold: number,
): string {
  if (datapoints.length === 0) {
    return state === 'INSUFFICIENT_DATA'
      ? 'Insufficient Data: no datapoints were received.'
      : `Threshold Crossed: no datapoints were received, and missing datapoints were treated as ${state === 'ALARM' ? 'Breaching' : 'NonBreaching'}.`;
  }
  const isAlarm = state === 'ALARM';
  const count = isAlarm ? breaching : datapoints.length - breaching;
  return `Threshold Crossed: ${count} out of the last ${datapoints.length} datapoints [${datapoints.join(', ')}] ${count === 1 ? 'was' : 'were'} ${isAlarm ? '' : 'not '}${words} the threshold (${threshold}).`;
}

const RULE_TOKEN = /\s*([()]|"[^"]*"|[^\s()"]+)/y;

type StateOf = (nameOrArn: string) => AlarmState | undefined;
type Condition = (stateOf: StateOf) => boolean;

/**
 * State of a composite alarm: `ALARM("a") AND NOT (OK(b) OR INSUFFICIENT_DATA("c"))`, TRUE and FALSE.
 * @param stateOf an alarm's by name or ARN; undefined if there is none
 * @throws UnknownAlarmError
 */
export function evaluateComposite(rule: string, stateOf: StateOf): AlarmState {
  return readComposite(rule)(stateOf);
}

/**
 * Reads the rule of a composite alarm, once for many evaluations.
 * @returns what evaluates it, as `evaluateComposite` does
 * @throws UnknownAlarmError
 */
export function readComposite(rule: string): (stateOf: StateOf) => AlarmState {
  const tokens: string[] = [];
  RULE_TOKEN.lastIndex = 0;
  for (let token = RULE_TOKEN.exec(rule); token; token = RULE_TOKEN.exec(rule)) tokens.push(String(token[1]));
  const fail = (): never => {
    throw new UnknownAlarmError(`The rule of the composite alarm is not known here: ${rule}`);
  };
  const expect = (wanted: string) => {
    if (tokens.shift() !== wanted) fail();
  };
  const sides = (operator: string, side: () => Condition): readonly Condition[] => {
    const found = [side()];
    while (tokens[0] === operator) {
      tokens.shift();
      found.push(side());
    }
    return found;
  };
  // Every side is evaluated, also if the first one decides: an alarm that is not there is an error.
  const any = (): Condition => {
    const conditions = sides('OR', all);
    return (stateOf) => conditions.map((holds) => holds(stateOf)).includes(true);
  };
  const all = (): Condition => {
    const conditions = sides('AND', one);
    return (stateOf) => !conditions.map((holds) => holds(stateOf)).includes(false);
  };
  const one = (): Condition => {
    const token = tokens.shift() ?? fail();
    if (token === 'NOT') {
      const holds = one();
      return (stateOf) => !holds(stateOf);
    }
    if (token === 'TRUE' || token === 'FALSE') return () => token === 'TRUE';
    if (token === '(') {
      const holds = any();
      expect(')');
      return holds;
    }
    if (token !== 'ALARM' && token !== 'OK' && token !== 'INSUFFICIENT_DATA') return fail();
    expect('(');
    const name = (tokens.shift() ?? fail()).replaceAll('"', '');
    expect(')');
    return (stateOf) => {
      const state = stateOf(name);
      if (!state)
        throw new UnknownAlarmError(`The composite alarm asks for the alarm ${name}, which is not there.`);
      return state === token;
    };
  };
  const holds = any();
  if (tokens.length > 0) fail();
  return (stateOf) => (holds(stateOf) ? 'ALARM' : 'OK');
}
