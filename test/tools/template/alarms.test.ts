/** Alarms that tell of a symptom, and the reasons why others do not. */
import { type Symptom, TemplateAlarms } from '../../../tools/template/alarms';
import { assemblyOf } from './template';

const TOPIC = 'arn:aws:sns:us-east-1:000000000000:alarms';
const alarm = (properties: object) => ({
  Type: 'AWS::CloudWatch::Alarm',
  Properties: {
    ...{ Namespace: 'AWS/SQS', MetricName: 'Depth', Statistic: 'Maximum', Threshold: 0 },
    ...{ ComparisonOperator: 'GreaterThanThreshold', AlarmActions: [TOPIC] },
    Dimensions: [{ Name: 'QueueName', Value: 'jobs' }],
    ...properties,
  },
});
const composite = (AlarmRule: string, properties: object = {}) => ({
  Type: 'AWS::CloudWatch::CompositeAlarm',
  Properties: { AlarmName: 'all', AlarmRule, AlarmActions: [TOPIC], ...properties },
});
const symptom: Symptom = { name: 'Depth', namespace: 'AWS/SQS', dimensions: { QueueName: 'jobs' } };
const telling = (resources: Record<string, object>, more: Partial<Symptom> = {}) =>
  new TemplateAlarms(assemblyOf(resources)).telling({ ...symptom, ...more });
const MISSING = 'no alarm watches Depth of AWS/SQS with QueueName=jobs';

test('an alarm tells of the symptom that sets it off', () => {
  const { alarms, problem } = telling({ A: alarm({ AlarmName: 'depth' }) });
  expect(alarms).toMatchObject([{ name: 'depth', tells: true, actions: [TOPIC] }]);
  expect(problem).toBeUndefined();
});

test.each<[object, Partial<Symptom>, string]>([
  [{ ComparisonOperator: 'LessThanThreshold' }, {}, 'depth goes off when it is small'],
  [{}, { below: true }, 'depth goes off when it is large'],
  [{ Statistic: 'Minimum' }, {}, 'depth watches its Minimum'],
  [{ Statistic: undefined, ExtendedStatistic: 'SampleCount' }, {}, 'depth watches its SampleCount'],
  [{ Threshold: 5 }, { at: 3 }, 'depth does not go off at 3, only above 5'],
  [{ Threshold: 5 }, { at: 5 }, 'depth does not go off at 5, only above 5'],
  [
    { ComparisonOperator: 'LessThanThreshold', Threshold: 5, Statistic: 'Minimum' },
    { below: true, at: 7 },
    'depth does not go off at 7, only below 5',
  ],
  [{ Dimensions: undefined }, {}, 'depth watches it with no dimensions'],
])('an alarm with %j of %j: %s', (properties, more, problem) => {
  expect(telling({ A: alarm({ AlarmName: 'depth', ...properties }) }, more)).toEqual({
    alarms: [],
    problem: `${MISSING}: ${problem}`,
  });
});

test.each([
  [{ ComparisonOperator: 'GreaterThanOrEqualToThreshold', Threshold: 5 }, { at: 5 }],
  [{ ComparisonOperator: 'LessThanThreshold', Threshold: 5, Statistic: 'Minimum' }, { below: true }],
  [{ Threshold: { 'Fn::ImportValue': 'elsewhere' } }, { at: 5 }],
])('an alarm with %j tells of %j', (properties, more) => {
  expect(telling({ A: alarm(properties) }, more).alarms).toHaveLength(1);
});

test('the alarm that was probably meant is the one that shares most dimensions; of several strangers none', () => {
  const of = (AlarmName: string, ...queues: string[]) =>
    alarm({
      AlarmName,
      Dimensions: queues.map((Value, index) => ({ Name: ['QueueName', 'Stage'][index], Value })),
    });
  expect(telling({ A: of('other', 'other'), B: of('near', 'jobs', 'dev') }).problem).toBe(
    `${MISSING}: near watches it with QueueName=jobs, Stage=dev`,
  );
  expect(telling({ A: of('other', 'other'), B: of('another', 'another') }).problem).toBe(MISSING);
  expect(telling({}).problem).toBe(MISSING);
});

test('an alarm whose actions are off tells nobody', () => {
  expect(telling({ A: alarm({ ActionsEnabled: false }) }).alarms).toMatchObject([
    { tells: false, actions: [] },
  ]);
});

describe('a composite alarm', () => {
  const quiet = { AlarmName: 'depth', AlarmActions: [] };
  test.each([
    ['ALARM(depth)', true],
    ['ALARM("depth") OR ALARM(other)', true],
    ['OK(depth)', false],
    ['ALARM(depth', false],
  ])('of %s tells of the alarm: %s', (rule, tells) => {
    expect(telling({ A: alarm(quiet), C: composite(rule) }).alarms).toMatchObject([{ tells }]);
  });

  test('that only holds others back tells by them', () => {
    const { all } = new TemplateAlarms(
      assemblyOf({
        A: composite('ALARM(depth)', { AlarmName: 'upper', ActionsSuppressor: 'lower' }),
        B: composite('ALARM(depth)', { AlarmName: 'lower', AlarmActions: [] }),
        C: composite('ALARM(depth)', { AlarmName: 'lost', AlarmActions: [], ActionsEnabled: false }),
      }),
    );
    expect(all.map(({ name, tells }) => [name, tells])).toEqual([
      ['upper', true],
      ['lower', true],
      ['lost', false],
    ]);
  });
});
