import {
  type AlarmState,
  evaluateAlarm,
  evaluateComposite,
  type MetricAlarm,
  type MetricSource,
} from '../../../tools/cloudwatch/alarm';

const NOW = Date.UTC(2026, 0, 16, 9, 30);
const PERIOD_MS = 60_000;

/** The data of periods as the documentation draws them: `0` is fine, `X` breaches, `-` is missing; the last is the latest. */
const drawn =
  (picture: string): MetricSource =>
  (_, __, start) => {
    const marks = picture.split(' ');
    const mark = marks[marks.length - Math.round((NOW - start) / PERIOD_MS)];
    return mark === 'X' ? 10 : mark === '0' ? 0 : undefined;
  };

const alarm = (more: Partial<MetricAlarm> = {}): MetricAlarm => ({
  Namespace: 'N',
  MetricName: 'M',
  Statistic: 'Sum',
  Period: 60,
  ComparisonOperator: 'GreaterThanThreshold',
  Threshold: 5,
  EvaluationPeriods: 3,
  ...more,
});

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
describe("missing data, by the tables of CloudWatch's guide", () => {
  const BEFORE: AlarmState = 'OK';
  const INSUFFICIENT = 'INSUFFICIENT_DATA';
  test.each<[number, string, AlarmState, AlarmState, AlarmState, AlarmState]>([
    // M, data, missing, ignore, breaching, notBreaching
    [3, '0 - X - X', 'OK', 'OK', 'OK', 'OK'],
    [3, '0 - - - -', 'OK', 'OK', 'OK', 'OK'],
    [3, '- - - - -', INSUFFICIENT, BEFORE, 'ALARM', 'OK'],
    [3, '0 X X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
    [3, '- - X - -', 'ALARM', BEFORE, 'ALARM', 'OK'],
    [2, '0 - X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
    [2, '0 0 X 0 X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
    [2, '0 - X - -', 'OK', 'OK', 'ALARM', 'OK'],
    [2, '- - - - 0', 'OK', 'OK', 'ALARM', 'OK'],
    [2, '- - - X -', 'ALARM', BEFORE, 'ALARM', 'OK'],
  ])('%d out of 3: %s', (DatapointsToAlarm, picture, ...expected) => {
    const states = ['missing', 'ignore', 'breaching', 'notBreaching'].map(
      (TreatMissingData) =>
        evaluateAlarm(alarm({ DatapointsToAlarm, TreatMissingData }), drawn(picture), NOW, BEFORE).state,
    );
    expect(states).toEqual(expected);
  });
});

test.each<[string, number, AlarmState]>([
  ['GreaterThanThreshold', 5, 'OK'],
  ['GreaterThanOrEqualToThreshold', 5, 'ALARM'],
  ['LessThanThreshold', 5, 'OK'],
  ['LessThanOrEqualToThreshold', 5, 'ALARM'],
  ['GreaterThanThreshold', 6, 'ALARM'],
  ['LessThanThreshold', 4, 'ALARM'],
])('%s 5 at %d is %s', (ComparisonOperator, value, state) => {
  const one = alarm({ ComparisonOperator, EvaluationPeriods: 1 });
  expect(evaluateAlarm(one, () => value, NOW).state).toBe(state);
});

test('the last period ends with the minute, however long it is', () => {
  const asked: [number, number][] = [];
  const source: MetricSource = (_, __, start, end) => {
    asked.push([start, end]);
    return 0;
  };
  evaluateAlarm(alarm({ Period: 3600, EvaluationPeriods: 1 }), source, NOW + 59_999);
  expect(asked.at(-1)).toEqual([NOW - 3_600_000, NOW]);
});

describe('metric math', () => {
  const math = (Expression: string, values: Record<string, number | undefined>, more: object[] = []) => {
    const Metrics = [
      { Id: 'result', Expression, ReturnData: true },
      ...more,
      ...Object.keys(values).map((Id) => ({
        Id,
        ReturnData: false,
        MetricStat: { Metric: { Namespace: 'N', MetricName: Id }, Period: 60, Stat: 'Sum' },
      })),
    ] as MetricAlarm['Metrics'];
    const source: MetricSource = ({ MetricName }) => values[MetricName];
    const properties = alarm({ EvaluationPeriods: 1, ...(Metrics && { Metrics }) });
    return evaluateAlarm(properties, source, NOW).datapoints[0];
  };

  test.each<[string, Record<string, number | undefined>, number | undefined]>([
    ['MAX([a, b])', { a: 1, b: 3 }, 3],
    ['MAX([a, b])', { a: 1, b: undefined }, 1],
    ['SUM([a, b, c])', { a: 1, b: 3, c: 5 }, 9],
    ['AVG([a, b])', { a: 1, b: 3 }, 2],
    ['SUM(METRICS())', { a: 1, b: 3 }, 4],
    ['FILL(a, 0) + FILL(b, 0)', { a: undefined, b: 3 }, 3],
    ['a + b', { a: undefined, b: 3 }, undefined],
    ['a / b', { a: 1, b: 0 }, undefined],
    ['2 + 3 * a ^ 2 - -1', { a: 2 }, 15],
    ['100 * (a - b) / a', { a: 4, b: 1 }, 75],
    ['IF(a > 1, b, 7)', { a: 2, b: 3 }, 3],
    ['IF(a > 1, b, 7)', { a: 1, b: 3 }, 7],
    ['IF(a > 1, b)', { a: 1, b: 3 }, undefined],
    ['IF(a == 1 AND b != 1 || a < 0, 1, 0)', { a: 1, b: 3 }, 1],
    ['HOUR(a) * 60 + MINUTE(a)', { a: 1 }, 9 * 60 + 29],
    ['DAY(a)', { a: 1 }, 5],
    ['FLOOR(a / 2) + CEIL(a / 2)', { a: 3 }, 3],
    ['7', {}, 7],
    ['SUM(METRICS() * 2)', { a: 1, b: 3 }, 8],
    ['SUM(2 * METRICS())', { a: 1, b: 3 }, 8],
    ['a > 0 && b > 0', { a: 1, b: 3 }, 1],
    ['SUM(3)', {}, 3],
    ['MAX(a)', { a: 5 }, 5],
    ['MAX(a)', { a: undefined }, undefined],
    ['FILL(a, REPEAT)', { a: undefined }, undefined],
    ['FILL(a, b)', { a: undefined, b: 4 }, 4],
    ['IF(a > 1, b, 7)', { a: undefined, b: 3 }, undefined],
  ])('%s of %j is %s', (expression, values, expected) => {
    expect(math(expression, values)).toBe(expected);
  });

  test('an expression uses another one, wherever it stands', () => {
    expect(math('twice + 1', { a: 2 }, [{ Id: 'twice', Expression: 'a * 2', ReturnData: false }])).toBe(5);
  });

  test.each([
    ...['FORECAST(a)', 'a +', 'SUM([a', 'a $ b', 'nobody', 'a a', 'METRICS()', 'HOUR(3)'],
    'IF(METRICS(), 1, 0)',
  ])('%s is refused by name', (expression) => {
    expect(() => math(expression, { a: 1 })).toThrow(`Expression '${expression}'`);
  });
});

describe('a composite alarm', () => {
  const STATES: Readonly<Record<string, AlarmState>> = { a: 'ALARM', b: 'OK', 'c d': 'INSUFFICIENT_DATA' };
  test.each<[string, AlarmState]>([
    ['ALARM(a)', 'ALARM'],
    ['ALARM("a") AND ALARM("b")', 'OK'],
    ['ALARM(a) OR ALARM(b)', 'ALARM'],
    ['OK(b) AND NOT (ALARM(b) OR INSUFFICIENT_DATA(a))', 'ALARM'],
    ['INSUFFICIENT_DATA("c d") AND TRUE', 'ALARM'],
    ['FALSE', 'OK'],
  ])('%s is %s', (rule, state) => {
    expect(evaluateComposite(rule, (name) => STATES[name])).toBe(state);
  });

  test.each(['ALARM(nobody)', 'ALARM', 'ALARM(a', 'ALARM(a) XOR ALARM(b)', ''])('%s is refused', (rule) => {
    expect(() => evaluateComposite(rule, (name) => STATES[name])).toThrow('composite alarm');
  });
});
