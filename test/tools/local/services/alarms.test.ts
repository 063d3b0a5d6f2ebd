import { AlarmMonitor } from '../../../../tools/local/services/alarms';
import { ManualClock } from '../../../../tools/local/services/clock';
import { MetricRecorder } from '../../../../tools/local/services/metric-recorder';
import { Metrics } from '../../../../tools/local/services/metrics';
import { Queue } from '../../../../tools/local/services/queue';
import { Topic } from '../../../../tools/local/services/topic';
import { SystemWorld } from '../../../../tools/local/services/world';
import type { Step } from '../../../../tools/local/steps';
import type { Resource } from '../../../../tools/template/assembly';

const MINUTE_MS = 60_000;
const START = Date.UTC(2026, 0, 16, 8);

const resource = (type: string, name: string, properties: object): Resource =>
  ({
    ...{ type, name, properties, logicalId: name.replaceAll('-', ''), ref: name },
    arn: `arn:aws:any:us-east-1:000000000000:${name}`,
  }) as unknown as Resource;

const TOPIC = resource('AWS::SNS::Topic', 'alarms', {});
const alarm = (name: string, properties: object) =>
  resource('AWS::CloudWatch::Alarm', name, {
    ...{ Statistic: 'Sum', Period: 60, EvaluationPeriods: 1, Threshold: 0, TreatMissingData: 'notBreaching' },
    ...{ ComparisonOperator: 'GreaterThanThreshold', AlarmActions: [TOPIC.arn], OKActions: [TOPIC.arn] },
    ...properties,
  });

function run(...resources: readonly Resource[]) {
  const clock = new ManualClock(START);
  const world = new SystemWorld(clock);
  const metrics = new Metrics(clock);
  const steps: Step[] = [];
  const onStep = (step: Step) => void steps.push(step);
  const queue = new Queue(resource('AWS::SQS::Queue', 'dlq', {}), world);
  const topic = new Topic(TOPIC, world, {
    ...{ subscriptions: [], queues: [], onStep },
    maySend: () => ({ allowed: true, reason: '' }),
  });
  const recorder = new MetricRecorder(metrics, clock, {
    ...{ queues: [queue], deliveryStreams: [] },
    machineArn: (name) => name,
    ruleNamed: (rule) => ({ busName: rule === 'daily' ? 'default' : 'bus', scheduler: undefined }),
  });
  const of = (type: string) => resources.filter((each) => each.type === type);
  const alarms = new AlarmMonitor({
    resources: { metric: of('AWS::CloudWatch::Alarm'), composite: of('AWS::CloudWatch::CompositeAlarm') },
    ...{ metrics, recorder, clock, topics: [topic], onStep },
  });
  alarms.start();
  const states = () =>
    Object.fromEntries(alarms.statuses().map(({ resource: { name }, state }) => [name, state]));
  return { clock, metrics, recorder, alarms, queue, steps, states };
}

const metric = (Namespace: string, MetricName: string, dimensions: Record<string, string> = {}) => ({
  ...{ Namespace, MetricName },
  Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
});

const failedInvocation: Step = {
  ...{ kind: 'invocation-failed', function: 'f', requestId: 'r', attempt: 1, durationMs: 5 },
  ...{ errorType: 'E', errorMessage: 'm' },
};

test('an alarm changes its state in the time of the stack, tells its topic, and remembers both', async () => {
  const errors = alarm('f-errors', metric('AWS/Lambda', 'Errors', { FunctionName: 'f' }));
  const { clock, recorder, alarms, steps } = run(errors);
  recorder.record(failedInvocation);
  await clock.advance(MINUTE_MS);
  expect(steps.map(({ kind }) => kind)).toEqual(['alarm-changed', 'message-published']);
  expect(steps[0]).toMatchObject({ alarm: 'f-errors', from: 'OK', to: 'ALARM' });
  // CloudWatch looks two periods further back than it judges.
  await clock.advance(3 * MINUTE_MS);
  expect(steps[2]).toMatchObject({ alarm: 'f-errors', from: 'ALARM', to: 'OK' });
  expect(alarms.history.map(({ type, summary, at }) => [type, summary, at - START])).toEqual([
    ['StateUpdate', 'Alarm updated from OK to ALARM', MINUTE_MS],
    ['Action', `Successfully executed action ${TOPIC.arn}`, MINUTE_MS],
    ['StateUpdate', 'Alarm updated from ALARM to OK', 4 * MINUTE_MS],
    ['Action', `Successfully executed action ${TOPIC.arn}`, 4 * MINUTE_MS],
  ]);
  alarms.stop();
});

test('the first state is nobody’s news', () => {
  const { states, steps } = run(alarm('f-errors', metric('AWS/Lambda', 'Errors', { FunctionName: 'f' })));
  expect(states()).toEqual({ 'f-errors': 'OK' });
  expect(steps).toEqual([]);
});

test('what is too much shows at once when somebody asks', () => {
  const depth = metric('AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName: 'dlq' });
  const { states, queue } = run(alarm('depth', { ...depth, Statistic: 'Maximum', Period: 300 }));
  expect(states()).toEqual({ depth: 'OK' });
  queue.send({ body: 'x' });
  expect(states()).toEqual({ depth: 'ALARM' });
});

test('of a metric that is not counted here the alarm says so', () => {
  const { alarms } = run(alarm('throttled', metric('AWS/DynamoDB', 'AccountMaxReads', {})));
  expect(alarms.statuses()).toMatchObject([
    {
      state: 'INSUFFICIENT_DATA',
      reason: 'Unchecked: the local run does not count AccountMaxReads of AWS/DynamoDB.',
    },
  ]);
});

test('a composite alarm follows the others', () => {
  const { states, recorder } = run(
    alarm('f-errors', metric('AWS/Lambda', 'Errors', { FunctionName: 'f' })),
    resource('AWS::CloudWatch::CompositeAlarm', 'any', { AlarmRule: 'ALARM("f-errors")' }),
  );
  recorder.record(failedInvocation);
  expect(states()).toEqual({ 'f-errors': 'ALARM', any: 'ALARM' });
});

test('what happens is counted under the names and dimensions of the services', () => {
  const { metrics, recorder, clock } = run();
  const delivery = { eventId: 'e', target: 't', targetArn: 'a' };
  const steps: Step[] = [
    { kind: 'rule-matched', eventId: 'e', rule: 'created' },
    { kind: 'delivered', ...delivery, rule: 'created', payload: '{}', attempt: 1, requestId: 'r' },
    { kind: 'dead-lettered', ...delivery, rule: 'daily', queue: 'dlq', attributes: {} },
    { kind: 'delivery-lost', ...delivery, rule: 'created', code: 'NO_RESOURCE', message: 'm' },
    {
      kind: 'invocation-started',
      function: 'f',
      requestId: 'r',
      attempt: 1,
      coldStart: true,
      callTrace: 't',
    },
    failedInvocation,
    { kind: 'invocation-throttled', function: 'f', requestId: 'r', retryInMs: 1 },
    { kind: 'invocation-lost', function: 'f', requestId: 'r', condition: 'c', message: 'm' },
    {
      ...{ kind: 'log-line', function: 'f', logGroup: 'g' },
      message: JSON.stringify({
        _aws: {
          CloudWatchMetrics: [
            { Namespace: 'shop', Dimensions: [['service']], Metrics: [{ Name: 'Poison', Unit: 'Count' }] },
          ],
        },
        ...{ service: 'f', Poison: [1, 2] },
      }),
    },
  ];
  for (const step of steps) recorder.record(step);
  const sum = (namespace: string, name: string, dimensions: Record<string, string>) =>
    metrics.statistic(metric(namespace, name, dimensions), 'Sum', START, clock.now() + MINUTE_MS);
  const created = { RuleName: 'created', EventBusName: 'bus' };
  expect(sum('AWS/Events', 'MatchedEvents', created)).toBe(1);
  expect(sum('AWS/Events', 'Invocations', created)).toBe(1);
  expect(sum('AWS/Events', 'InvocationsFailedToBeSentToDlq', created)).toBe(1);
  expect(sum('AWS/Events', 'InvocationsSentToDlq', { RuleName: 'daily' })).toBe(1);
  const ofFunction = [
    'Invocations',
    'Errors',
    'Throttles',
    'AsyncEventsDropped',
    'DestinationDeliveryFailures',
  ];
  expect(ofFunction.map((name) => sum('AWS/Lambda', name, { FunctionName: 'f' }))).toEqual([1, 1, 1, 1, 1]);
  expect(sum('AWS/Lambda', 'ConcurrentExecutions', {})).toBe(1);
  expect(sum('shop', 'Poison', { service: 'f' })).toBe(3);
  expect(sum('shop', 'Poison', {})).toBeUndefined();
});

test('the requests of a table are counted by their outcome, as DynamoDB counts them', () => {
  const { recorder, metrics, clock } = run();
  const request = { tables: ['t'], durationMs: 3, consumed: {} };
  const failed = (code: string, status = 400) => ({ ...request, error: { code, status } });
  recorder.recordTableRequest({ ...request, operation: 'GetItem', consumed: { t: 0.5 } });
  recorder.recordTableRequest({ ...request, operation: 'PutItem', consumed: { t: 2 } });
  recorder.recordTableRequest({ ...failed('ConditionalCheckFailedException'), operation: 'PutItem' });
  recorder.recordTableRequest({ ...failed('ThrottlingException'), operation: 'Query', index: 'i' });
  recorder.recordTableRequest({ ...failed('ValidationException'), operation: 'Query' });
  recorder.recordTableRequest({ ...failed('InternalServerError', 500), operation: 'PutItem' });
  const sum = (name: string, dimensions: Record<string, string>) =>
    metrics.statistic(metric('AWS/DynamoDB', name, dimensions), 'Sum', START, clock.now() + MINUTE_MS);
  const TableName = 't';
  expect(sum('ConsumedReadCapacityUnits', { TableName })).toBe(0.5);
  expect(sum('ConsumedWriteCapacityUnits', { TableName })).toBe(2);
  expect(sum('SuccessfulRequestLatency', { TableName, Operation: 'GetItem' })).toBe(3);
  expect(sum('ConditionalCheckFailedRequests', { TableName })).toBe(1);
  expect(sum('ThrottledRequests', { TableName, Operation: 'Query' })).toBe(1);
  expect(sum('ReadThrottleEvents', { TableName, GlobalSecondaryIndexName: 'i' })).toBe(1);
  expect(sum('SystemErrors', { TableName, Operation: 'PutItem' })).toBe(1);
  expect(sum('UserErrors', {})).toBe(1);
});

test('statistics of many values', () => {
  const { metrics } = run();
  const of = metric('shop', 'Took');
  for (let value = 1; value <= 100; value++) metrics.add(of, value, START + value * 1000);
  const read = (name: string) => metrics.statistic(of, name, START, START + 5 * MINUTE_MS);
  expect(['SampleCount', 'Sum', 'Average', 'Minimum', 'Maximum', 'p50', 'p99'].map(read)).toEqual([
    100, 5050, 50.5, 1, 100, 50, 99,
  ]);
  expect(metrics.statistic(of, 'Maximum', START, START + MINUTE_MS)).toBe(59);
  expect(() => read('tm99')).toThrow('The statistic tm99 is not known');
});

test('an alarm that cannot be evaluated says why, and tells nobody', async () => {
  const errors = metric('AWS/Lambda', 'Errors', { FunctionName: 'f' });
  const { alarms, recorder } = run(
    alarm('odd', { ...errors, Statistic: undefined, ExtendedStatistic: 'tm99' }),
    resource('AWS::CloudWatch::CompositeAlarm', 'broken', { AlarmRule: 'ALARM(' }),
    resource('AWS::CloudWatch::CompositeAlarm', 'other', { AlarmRule: 'ALARM("nobody")' }),
  );
  recorder.record(failedInvocation);
  expect(alarms.statuses().map(({ state, reason }) => `${state} ${reason.split(':')[0]}`)).toEqual(
    alarms.statuses().map(() => 'INSUFFICIENT_DATA Unchecked'),
  );
});

test.each<[string, object, (string | RegExp)[]]>([
  ['that is switched off', { ActionsEnabled: false }, []],
  ['without any', { AlarmActions: undefined }, []],
  [
    'for a topic of elsewhere',
    { AlarmActions: ['arn:aws:sns:us-east-1:111122223333:pager'] },
    [/^Failed to execute action .*:pager/],
  ],
  ['that is longer than a message', { AlarmDescription: 'x'.repeat(300_000) }, [/^Failed to execute action/]],
])('an action %s changes nothing of the state', async (_, properties, actions) => {
  const errors = metric('AWS/Lambda', 'Errors', { FunctionName: 'f' });
  const { clock, recorder, alarms, states } = run(alarm('f-errors', { ...errors, ...properties }));
  recorder.record(failedInvocation);
  await clock.advance(MINUTE_MS);
  expect(states()).toEqual({ 'f-errors': 'ALARM' });
  const told = alarms.history.filter(({ type }) => type === 'Action');
  expect(told.map(({ summary }) => summary)).toEqual(actions.map((each) => expect.stringMatching(each)));
  alarms.stop();
});

test('metrics in a log line are counted for each of its dimensions, and what only looks like one is not', () => {
  const { metrics, recorder } = run();
  const log = (message: string) =>
    recorder.record({ kind: 'log-line', function: 'f', requestId: 'r', logGroup: 'g', message });
  const line = (embedded: object, fields: object = {}) => log(JSON.stringify({ _aws: embedded, ...fields }));
  const Metrics = [{ Name: 'Took' }];
  line(
    { CloudWatchMetrics: [{ Namespace: 'shop', Dimensions: [['kind'], []], Metrics }] },
    { kind: 'a', Took: [1, 2, 'x'] },
  );
  line({ CloudWatchMetrics: [{ Namespace: 'plain', Metrics }] }, { Took: 5 });
  for (const other of [{}, { CloudWatchMetrics: [{ Namespace: 'none' }] }]) line(other, { Took: 7 });
  log('{"_aws": ');
  log('plain');
  const sum = (namespace: string, dimensions = {}) =>
    metrics.statistic(metric(namespace, 'Took', dimensions), 'Sum', START, START + MINUTE_MS);
  expect([sum('shop', { kind: 'a' }), sum('shop'), sum('plain'), sum('none')]).toEqual([3, 3, 5, undefined]);
});

test('a metric is the same whatever the order of its dimensions, and a median is that of its last values', () => {
  const { metrics } = run();
  const [ab, ba] = [metric('shop', 'Took', { a: '1', b: '2' }), metric('shop', 'Took', { b: '2', a: '1' })];
  metrics.add(ab, 1, START);
  metrics.add(ba, 3, START);
  expect(metrics.all).toHaveLength(1);
  const read = (name: string) => metrics.statistic(ab, name, START, START + MINUTE_MS);
  expect([read('Sum'), read('p50'), read('p100')]).toEqual([4, 1, 3]);
  // A set of statistics has no values of its own: their average stands for them.
  const sets = metric('shop', 'Sets');
  metrics.addSet(sets, { SampleCount: 2, Sum: 8, Minimum: 1, Maximum: 7 }, START);
  expect(metrics.statistic(sets, 'p90', START, START + MINUTE_MS)).toBe(4);
});
