import {
  type AlarmState,
  evaluateAlarm,
  evaluateComposite,
  type MetricAlarm,
  type MetricSource,
} from '../../../tools/cloudwatch/alarm';
import { simulateAlarms } from '../../../tools/cloudwatch/simulation';

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

describe('an alarm that cannot be evaluated', () => {
  const evaluate = (more: object) => () =>
    evaluateAlarm({ ...alarm(), ...more } as MetricAlarm, drawn('0 0 0'), NOW);

  test.each([
    [
      'of a comparison that is not known',
      { ComparisonOperator: 'Odd' },
      'The comparison Odd is not known here.',
    ],
    [
      'without a threshold',
      { Threshold: undefined },
      'The comparison GreaterThanThreshold is not known here.',
    ],
    ['without a metric that returns data', { Metrics: [] }, 'The alarm has no metric that returns data.'],
    [
      'of an expression that is none',
      { Metrics: [{ Id: 'e', Expression: 'NOTHING(m)' }] },
      "Expression 'NOTHING(m)': ",
    ],
  ])('%s says so', (_, more, message) => {
    expect(evaluate(more)).toThrow(message);
  });
});

test.each([
  [{ Statistic: undefined, ExtendedStatistic: 'p99' }, 'p99', PERIOD_MS],
  [{ Statistic: undefined }, 'Average', PERIOD_MS],
  [{ Period: undefined }, 'Sum', PERIOD_MS],
  [{ Period: 300 }, 'Sum', 5 * PERIOD_MS],
])('an alarm with %j reads %s of %d ms', (more, statistic, length) => {
  const asked = new Set<string>();
  const source: MetricSource = (_, stat, start, end) => {
    asked.add(`${stat} ${end - start}`);
    return undefined;
  };
  evaluateAlarm({ ...alarm(), ...more } as MetricAlarm, source, NOW);
  expect([...asked]).toEqual([`${statistic} ${length}`]);
});

test('where all that is there breaches, the state changes only if the oldest is old enough', () => {
  const young = drawn('- - X - X - -');
  const all = alarm({ EvaluationPeriods: 5, DatapointsToAlarm: 4, TreatMissingData: 'missing' });
  expect(evaluateAlarm(all, drawn('X'), NOW, 'OK').state).toBe('OK');
  expect(evaluateAlarm(all, young, NOW, 'OK').state).toBe('ALARM');
});

describe('a composite alarm whose actions another holds back', () => {
  const minute = (index: number) => NOW + index * PERIOD_MS;
  const of = (name: string) => ({
    ...alarm({ EvaluationPeriods: 1, TreatMissingData: 'notBreaching' }),
    AlarmName: name,
    MetricName: name,
  });
  /** Alarms that breach in these minutes. */
  const source =
    (minutes: Readonly<Record<string, readonly number[]>>): MetricSource =>
    ({ MetricName }, _, start) =>
      minutes[MetricName]?.includes(Math.round((start - NOW) / PERIOD_MS)) ? 10 : undefined;
  const told = (minutes: Readonly<Record<string, readonly number[]>>, more: object = {}) =>
    simulateAlarms(
      [of('cause'), of('upper')],
      [
        {
          ...{ AlarmName: 'all', AlarmRule: 'ALARM(cause)', AlarmActions: ['topic'] },
          ...{
            ActionsSuppressor: 'upper',
            ActionsSuppressorWaitPeriod: 120,
            ActionsSuppressorExtensionPeriod: 60,
          },
          ...more,
        },
      ],
      source(minutes),
      { start: NOW, end: minute(12), morePeriods: 0 },
    )
      .filter((each) => each.alarm === 'all' && each.actions.length > 0)
      .map(({ time }) => (time - NOW) / PERIOD_MS);
  const LONG = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

  test('waits for it to go off, and then tells', () => {
    expect(told({ cause: LONG })).toEqual([3]);
  });

  test('tells after the extension, if it is still in alarm then', () => {
    expect(told({ cause: LONG, upper: [0, 1, 2] })).toEqual([5]);
    expect(told({ cause: LONG, upper: [0, 1, 2] }, { ActionsSuppressorExtensionPeriod: undefined })).toEqual([
      4,
    ]);
  });

  test('tells at once without a wait, and never if its actions are off', () => {
    expect(told({ cause: LONG }, { ActionsSuppressorWaitPeriod: undefined })).toEqual([1]);
    expect(told({ cause: LONG }, { ActionsEnabled: false })).toEqual([]);
  });
});
