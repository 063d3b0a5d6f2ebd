/** Targets of rules, queues that functions are fed from, and what only records. */
import { ManualClock } from '../../../tools/local/services/clock';
import { MessageMoves } from '../../../tools/local/services/message-moves';
import { SystemWorld } from '../../../tools/local/services/world';
import { LocalStack } from '../../../tools/local/stack';
import type { TimedStep } from '../../../tools/local/steps';
import { ARN, assemblyOf, type Code, functionResources } from '../template/template';

const running: LocalStack[] = [];
afterEach(() => Promise.all(running.splice(0).map((stack) => stack.stop())));

async function start(resources: Record<string, object>, code: Code = {}) {
  const clock = new ManualClock(Date.UTC(2026, 0, 15, 10));
  const steps: TimedStep[] = [];
  const assembly = assemblyOf(resources, code);
  const stack = await LocalStack.start({
    assembly,
    world: new SystemWorld(clock),
    port: 0,
    onStep: (step) => void steps.push(step),
  });
  running.push(stack);
  const put = async (detail: object = {}) => {
    stack.eventBridge.putEvents([{ Source: 'app', DetailType: 'Placed', Detail: JSON.stringify(detail) }]);
    await stack.settled();
  };
  const queue = (name: string) => stack.queues.find((each) => each.name === name);
  const bodies = (name: string) => (queue(name)?.peek() ?? []).map(({ body }) => body);
  const of = (kind: string) => steps.filter((step) => step.kind === kind);
  return { stack, clock, steps, put, queue, bodies, of };
}

const rule = (target: object, bus?: unknown, id = 'Placed') => ({
  [id]: {
    Type: 'AWS::Events::Rule',
    Properties: {
      Name: id.toLowerCase(),
      ...(bus !== undefined && { EventBusName: bus }),
      EventPattern: { source: ['app'] },
      Targets: [{ Id: 'T', ...target }],
    },
  },
});
const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const queueOf = (id: string, properties: object = {}) => ({
  [id]: { Type: 'AWS::SQS::Queue', Properties: { QueueName: id.toLowerCase(), ...properties } },
});
/** A role that EventBridge takes on, for these actions. */
const roleOf = (actions: string | string[], service = 'events.amazonaws.com') => ({
  Role: {
    Type: 'AWS::IAM::Role',
    Properties: {
      RoleName: 'delivers',
      AssumeRolePolicyDocument: {
        Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
      },
      Policies: [
        {
          PolicyName: 'p',
          PolicyDocument: { Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] },
        },
      ],
    },
  },
});

describe('a target with a role', () => {
  const toJobs = { ...rule({ Arn: arnOf('Jobs'), RoleArn: arnOf('Role') }), ...queueOf('Jobs') };

  test('is reached by what the role may do, without a policy of its own', async () => {
    const { put, bodies } = await start({ ...toJobs, ...roleOf('sqs:SendMessage') });
    await put({ id: 7 });
    expect(JSON.parse(bodies('jobs')[0] ?? '')).toMatchObject({ detail: { id: 7 } });
  });

  test.each([
    ['may not do it', roleOf('sqs:ReceiveMessage')],
    ['may not be taken on by EventBridge', roleOf('sqs:SendMessage', 'lambda.amazonaws.com')],
  ])('is not reached if the role %s', async (_, role) => {
    const { put, bodies, of } = await start({ ...toJobs, ...role });
    await put();
    expect(bodies('jobs')).toEqual([]);
    expect(of('delivery-lost')).toMatchObject([{ code: 'NO_PERMISSIONS' }]);
  });
});

test('a FIFO queue gets events in the group of its target, a duplicate only once', async () => {
  const { put, queue } = await start({
    ...rule({
      Arn: arnOf('Jobs'),
      RoleArn: arnOf('Role'),
      InputPath: '$.detail',
      SqsParameters: { MessageGroupId: 'g' },
    }),
    ...queueOf('Jobs', { QueueName: 'jobs.fifo', FifoQueue: true, ContentBasedDeduplication: true }),
    ...roleOf('sqs:SendMessage'),
  });
  await put({ id: 7 });
  await put({ id: 7 });
  await put({ id: 8 });
  const messages = queue('jobs.fifo')?.peek() ?? [];
  expect(messages.map(({ body, groupId }) => [body, groupId])).toEqual([
    ['{"id":7}', 'g'],
    ['{"id":8}', 'g'],
  ]);
});

describe('a log group', () => {
  const logs = {
    Logs: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: '/aws/events/placed' } },
    MayLog: {
      Type: 'AWS::Logs::ResourcePolicy',
      Properties: {
        PolicyName: 'p',
        PolicyDocument: JSON.stringify({
          Statement: [
            {
              ...{ Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' } },
              ...{ Action: ['logs:CreateLogStream', 'logs:PutLogEvents'] },
              Resource: `${ARN('logs', 'log-group:/aws/events/placed')}:*`,
            },
          ],
        }),
      },
    },
  };
  const arn = ARN('logs', 'log-group:/aws/events/placed');
  const transformed = (InputTemplate: string) => ({
    ...{ Arn: arn, InputTransformer: { InputPathsMap: { id: '$.detail.id' }, InputTemplate } },
  });
  const noon = Date.UTC(2026, 0, 15, 12);

  test.each<[string, object, object]>([
    ['whole events at the present time', { Arn: arn }, { message: expect.stringContaining('"id":7') }],
    [
      'a time and a text',
      transformed('{"timestamp": "2026-01-15T12:00:00Z", "message": "It was <id>"}'),
      { timestamp: noon, message: 'It was 7' },
    ],
    [
      'a time as a number',
      transformed(`{"timestamp": ${noon}, "message": {"id": <id>}}`),
      { timestamp: noon, message: '{"id":7}' },
    ],
    ['a time that is none', transformed('{"timestamp": "noon", "message": "x"}'), { message: 'x' }],
    ['other text', transformed('"It was <id>"'), { message: '"It was 7"' }],
  ])('takes %s', async (_, target, event) => {
    const { put, stack, clock } = await start({ ...logs, ...rule(target) });
    await put({ id: 7 });
    expect(stack.logGroups.events('/aws/events/placed')).toMatchObject([
      { timestamp: clock.now(), ...event },
    ]);
  });

  test('takes nothing that its policy does not allow', async () => {
    const { MayLog: _, ...without } = logs;
    const { put, stack, of } = await start({ ...without, ...rule({ Arn: arn }) });
    await put({ id: 7 });
    expect(stack.logGroups.events('/aws/events/placed')).toEqual([]);
    expect(of('delivery-lost')).toMatchObject([{ code: 'NO_PERMISSIONS' }]);
  });
});

describe('another bus as a target', () => {
  const buses = { Second: { Type: 'AWS::Events::EventBus', Properties: { Name: 'second' } } };
  const queuePolicy = {
    May: {
      Type: 'AWS::SQS::QueuePolicy',
      Properties: {
        Queues: [{ Ref: 'Jobs' }],
        PolicyDocument: {
          Statement: [
            {
              ...{ Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' } },
              ...{ Action: 'sqs:SendMessage', Resource: '*' },
            },
          ],
        },
      },
    },
  };

  test('gets the event as it is, and its rules take it from there', async () => {
    const { put, bodies, of } = await start({
      ...buses,
      ...queueOf('Jobs'),
      ...queuePolicy,
      ...rule({ Arn: arnOf('Second'), RoleArn: arnOf('Role') }),
      ...roleOf('events:PutEvents'),
      ...rule({ Arn: arnOf('Jobs') }, { Ref: 'Second' }, 'There'),
    });
    await put({ total: 300.5 });
    const [first, second] = of('event-put') as { bus: string; eventId: string }[];
    expect([first?.bus, second?.bus]).toEqual(['default', 'second']);
    expect(second?.eventId).toBe(first?.eventId);
    expect(JSON.parse(bodies('jobs')[0] ?? '')).toMatchObject({
      id: first?.eventId,
      detail: { total: 300.5 },
    });
  });

  test('hands an event that came by a rule on to no third bus, and says so', async () => {
    const { put, of } = await start({
      ...buses,
      Third: { Type: 'AWS::Events::EventBus', Properties: { Name: 'third' } },
      ...rule({ Arn: arnOf('Second'), RoleArn: arnOf('Role') }),
      ...roleOf('events:PutEvents'),
      ...rule({ Arn: arnOf('Third'), RoleArn: arnOf('Role') }, { Ref: 'Second' }, 'There'),
    });
    await put();
    expect(of('event-put').map((step) => (step as unknown as { bus: string }).bus)).toEqual([
      'default',
      'second',
    ]);
    expect(of('event-dropped')).toMatchObject([
      { bus: 'third', reason: expect.stringContaining('third bus') },
    ]);
  });

  test('gets nothing if the role may not put events there', async () => {
    const { put, of } = await start({
      ...buses,
      ...rule({ Arn: arnOf('Second'), RoleArn: arnOf('Role') }),
      ...roleOf('sqs:SendMessage'),
    });
    await put();
    expect(of('delivery-lost')).toMatchObject([{ code: 'NO_PERMISSIONS' }]);
    expect(of('event-put')).toHaveLength(1);
  });
});

test('a target that does not run here records what it is given, and is named once, as are other resources', async () => {
  const machine = ARN('states', 'stateMachine:ship');
  const { put, of, stack } = await start({
    ...rule({ Arn: machine, RoleArn: 'arn:aws:iam::000000000000:role/any', InputPath: '$.detail' }),
    ...rule({ Arn: machine }, undefined, 'Again'),
    Api: { Type: 'AWS::ApiGateway::RestApi', Properties: {} },
  });
  expect(stack.notices).toEqual([
    'AWS::ApiGateway::RestApi Api does not run here.',
    `${machine} is no target that runs here: what rules deliver to it is recorded.`,
  ]);
  await put({ id: 7 });
  expect(of('delivered')).toMatchObject([
    { isRecorded: true, payload: '{"id":7}', targetArn: machine },
    { isRecorded: true },
  ]);
});

test('a target of which only AWS knows the ARN records as well', async () => {
  const { put, of, stack } = await start({
    ...rule({ Arn: { 'Fn::GetAtt': ['Machine', 'Arn'] }, RoleArn: { 'Fn::GetAtt': ['Machine', 'Role'] } }),
    Machine: { Type: 'AWS::StepFunctions::StateMachine', Properties: {} },
  });
  expect(stack.notices).toHaveLength(2);
  await put({ id: 7 });
  expect(of('delivered')).toMatchObject([{ isRecorded: true }]);
});

describe('code', () => {
  test('may stand in the template', async () => {
    const resources = functionResources('Worker', {
      Code: { ZipFile: 'exports.handler = async (event) => ({ inline: event.a });' },
    });
    const { stack } = await start(resources);
    expect((await stack.functions[0]?.invoke('{"a": 1}'))?.payload).toBe('{"inline":1}');
  });

  test('that leaves the SDK to the runtime gets that of this project, which is said once', async () => {
    const code =
      'const { SQSClient } = require("@aws-sdk/client-sqs"); exports.handler = async () => typeof SQSClient;';
    const { stack } = await start(functionResources('Worker'), { Worker: { 'index.js': code } });
    expect((await stack.functions[0]?.invoke('{}'))?.payload).toBe('"function"');
    expect(stack.notices).toEqual([
      "worker leaves @aws-sdk/client-sqs to Lambda's runtime: here it gets what this project has.",
    ]);
    stack.replaceCode('worker', Buffer.from(code.replace('typeof SQSClient', '"new"')));
    expect((await stack.functions[0]?.invoke('{}'))?.payload).toBe('"new"');
  });

  test('that an ES module loads from beside it is what other code takes the place of', async () => {
    const loader = `import { createRequire } from 'node:module';
      const { handler, ready } = createRequire(import.meta.url)('./index.cjs');
      await ready;
      export { handler };`;
    const code = `let isReady = false;
      exports.ready = new Promise((resolve) => setTimeout(resolve, 50)).then(() => { isReady = true; });
      exports.handler = async () => ['old', isReady];`;
    const { stack } = await start(functionResources('Worker'), {
      Worker: { 'index.mjs': loader, 'index.cjs': code },
    });
    expect((await stack.functions[0]?.invoke('{}'))?.payload).toBe('["old",true]');
    stack.replaceCode('worker', Buffer.from(code.replace('old', 'new')));
    expect((await stack.functions[0]?.invoke('{}'))?.payload).toBe('["new",true]');
  });

  test('gets no other package of this project', async () => {
    const code = 'require("valibot"); exports.handler = async () => 1;';
    const { stack } = await start(functionResources('Worker'), { Worker: { 'index.js': code } });
    expect((await stack.functions[0]?.invoke('{}'))?.functionError).toBe('Unhandled');
  });
});

test('a failure record that is larger than the queue takes is told as lost', async () => {
  const { stack, of } = await start(
    {
      ...functionResources('Worker', {}, [{ Effect: 'Allow', Action: 'sqs:SendMessage', Resource: '*' }]),
      ...queueOf('Failed', { MaximumMessageSize: 1024 }),
      Config: {
        Type: 'AWS::Lambda::EventInvokeConfig',
        Properties: {
          FunctionName: { Ref: 'Worker' },
          MaximumRetryAttempts: 0,
          DestinationConfig: { OnFailure: { Destination: arnOf('Failed') } },
        },
      },
    },
    { Worker: { 'index.js': 'exports.handler = async () => { throw new Error("no"); };' } },
  );
  stack.functions[0]?.invokeAsync(JSON.stringify({ x: 'y'.repeat(1000) }));
  await stack.settled();
  expect(of('invocation-lost')).toMatchObject([
    { message: expect.stringMatching(/the record has \d+ bytes; the queue takes 1024/) },
  ]);
});

describe('a queue with a redrive policy', () => {
  const redrive = (policy: unknown) =>
    start({ ...queueOf('Jobs', { VisibilityTimeout: 30, RedrivePolicy: policy }), ...queueOf('Dead') });

  test.each([
    ['as an object', { deadLetterTargetArn: arnOf('Dead'), maxReceiveCount: 2 }],
    ['as text', JSON.stringify({ deadLetterTargetArn: ARN('sqs', 'dead'), maxReceiveCount: '2' })],
  ])('moves a message that was received as often as it says (%s)', async (_, policy) => {
    const { clock, queue, bodies, of } = await redrive(policy);
    const id = queue('jobs')?.send({ body: 'poison' });
    for (let n = 1; n <= 2; n++) {
      expect(await queue('jobs')?.receive()).toMatchObject([{ receiveCount: n }]);
      await clock.advance(31_000);
    }
    expect(bodies('dead')).toEqual([]);
    expect(await queue('jobs')?.receive()).toEqual([]);
    expect(bodies('jobs')).toEqual([]);
    expect(queue('dead')?.peek()).toMatchObject([{ id, body: 'poison', receiveCount: 2 }]);
    expect(of('message-moved')).toMatchObject([{ queue: 'jobs', to: 'dead', receiveCount: 2 }]);
  });

  test('gets back what SQS is told to move, as fast as it is told', async () => {
    const { clock, stack, queue, bodies } = await redrive({
      deadLetterTargetArn: arnOf('Dead'),
      maxReceiveCount: 2,
    });
    for (const body of ['a', 'b', 'c']) queue('dead')?.send({ body, attributes: { kind: 'test' } });
    const moves = new MessageMoves(stack.queues, new SystemWorld(clock));
    const SourceArn = ARN('sqs', 'dead');
    moves.start({ SourceArn, MaxNumberOfMessagesPerSecond: 2 });
    expect([bodies('jobs'), bodies('dead')]).toEqual([['a', 'b'], ['c']]);
    expect(() => moves.start({ SourceArn })).toThrow('There is already a task running');
    await clock.advance(1_000);
    expect([bodies('jobs'), bodies('dead')]).toEqual([['a', 'b', 'c'], []]);
    expect(moves.list(SourceArn, 10)).toMatchObject([
      { Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 3 },
    ]);
    expect(queue('jobs')?.peek()[0]).toMatchObject({ attributes: { kind: { StringValue: 'test' } } });
  });

  test.each([{ maxReceiveCount: 3 }, { deadLetterTargetArn: 'x', maxReceiveCount: 0 }, 'nonsense'])(
    'that SQS would refuse stops the start: %j',
    async (policy) => {
      await expect(redrive(policy)).rejects.toThrow('AWS::SQS::Queue Jobs: RedrivePolicy is');
    },
  );
});

describe('an event source mapping', () => {
  const allowed = [
    {
      Effect: 'Allow',
      Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
      Resource: '*',
    },
  ];
  const mapping = (properties: object = {}, statements: object[] = allowed, queue: object = {}) => ({
    ...queueOf('Jobs', { VisibilityTimeout: 30, ...queue }),
    ...functionResources('Worker', {}, statements),
    Mapping: {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: { EventSourceArn: arnOf('Jobs'), FunctionName: { Ref: 'Worker' }, ...properties },
    },
  });
  const worker = (text: string): Code => ({
    Worker: { 'index.js': `exports.handler = async ({ Records }) => { ${text} };` },
  });
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  test('hands messages over in batches, and deletes what was handled', async () => {
    const { queue, of, bodies } = await start(
      mapping({ BatchSize: 2, MaximumBatchingWindowInSeconds: 60 }),
      worker('return Records;'),
    );
    for (const body of ['a', 'b']) queue('jobs')?.send({ body, attributes: { kind: 'test' } });
    await until(() => of('batch-handled').length === 1);
    expect(of('batch-handled')).toMatchObject([
      { messages: 2, failed: 0, function: 'worker', queue: 'jobs' },
    ]);
    expect(bodies('jobs')).toEqual([]);
    const [{ result } = { result: '[]' }] = of('invocation-succeeded') as unknown as { result: string }[];
    expect(JSON.parse(result)).toMatchObject([
      {
        body: 'a',
        eventSource: 'aws:sqs',
        eventSourceARN: ARN('sqs', 'jobs'),
        awsRegion: 'us-east-1',
        attributes: { ApproximateReceiveCount: '1' },
        messageAttributes: { kind: { stringValue: 'test', dataType: 'String' } },
        md5OfBody: '0cc175b9c0f1b6a831c399e269772661',
      },
      { body: 'b' },
    ]);
  });

  test('hands messages over to an alias, which is its function here', async () => {
    const alias = { FunctionName: { Ref: 'Worker' }, FunctionVersion: '1', Name: 'live' };
    const { queue, of } = await start(
      {
        ...mapping({ FunctionName: { Ref: 'Live' } }),
        Live: { Type: 'AWS::Lambda::Alias', Properties: alias },
      },
      worker('return null;'),
    );
    queue('jobs')?.send({ body: 'a' });
    await until(() => of('batch-handled').length === 1);
    expect(of('batch-handled')).toMatchObject([{ messages: 1, failed: 0, function: 'worker' }]);
  });

  test.each([
    [
      'what it reports to have failed',
      { FunctionResponseTypes: ['ReportBatchItemFailures'] },
      'return { batchItemFailures: Records.filter(({ body }) => body === "b").map(({ messageId }) => ({ itemIdentifier: messageId })) };',
      ['b'],
    ],
    ['all if it throws', {}, 'throw new Error("no");', ['a', 'b']],
    [
      'all if its report names no message',
      { FunctionResponseTypes: ['ReportBatchItemFailures'] },
      'return { batchItemFailures: [{ itemIdentifier: "x" }] };',
      ['a', 'b'],
    ],
    ...[
      ['nothing if it returns nothing', 'return null;', []],
      ['nothing if it reports no list', 'return { batchItemFailures: null };', []],
      ['nothing if it returns something else', 'return { done: true };', []],
      ['all if it returns no object', 'return 7;', ['a', 'b']],
      ['all if its report is no list', 'return { batchItemFailures: "a" };', ['a', 'b']],
      ['all if its report has what is no message', 'return { batchItemFailures: [null] };', ['a', 'b']],
    ].map(([name, code, left]): [string, object, string, string[]] => [
      ...([String(name), { FunctionResponseTypes: ['ReportBatchItemFailures'] }, String(code)] as const),
      left as string[],
    ]),
    [
      'nothing if it reports although it is not asked',
      {},
      'return { batchItemFailures: [{ itemIdentifier: Records[0].messageId }] };',
      [],
    ],
  ])('leaves in the queue %s', async (_, properties, code, left) => {
    const { queue, of, bodies } = await start(
      mapping({ BatchSize: 2, MaximumBatchingWindowInSeconds: 60, ...properties }),
      worker(code),
    );
    for (const body of ['a', 'b']) queue('jobs')?.send({ body });
    await until(() => of('batch-handled').length === 1);
    expect(bodies('jobs')).toEqual(left);
  });

  test.each<[string, object[], string[], string[]]>([
    [
      'fields of a JSON body',
      [{ body: { kind: ['a'] } }],
      ['{"kind":"a"}', '{"kind":"b"}', 'a'],
      ['{"kind":"a"}'],
    ],
    ['a body that is text', [{ body: [{ prefix: 'a' }] }], ['ab', '"ab"', 'b', '{"a":1}'], ['ab']],
    [
      'one of several filters',
      [{ body: { n: [{ numeric: ['>', 5] }] } }, { body: { n: [{ exists: false }] } }],
      ['{"n":6}', '{"n":5}', '{"m":1}'],
      ['{"n":6}', '{"m":1}'],
    ],
    ['a filter that takes everything', [{ body: { a: [1] } }, {}], ['{"a":2}', 'x'], ['{"a":2}', 'x']],
  ])(
    'hands over, by %s, what the filters let through, and deletes the rest',
    async (_, patterns, sent, taken) => {
      const Filters = patterns.map((pattern) => ({ Pattern: JSON.stringify(pattern) }));
      const { queue, of, bodies } = await start(
        mapping({ BatchSize: 1, FilterCriteria: { Filters } }),
        worker('return Records[0].body;'),
      );
      for (const body of sent) queue('jobs')?.send({ body });
      await until(() => of('batch-handled').length === taken.length && bodies('jobs').length === 0);
      const handled = of('invocation-succeeded').map((step) =>
        JSON.parse((step as never as { result: string }).result),
      );
      expect(handled.sort()).toEqual([...taken].sort());
      const deleted = of('messages-filtered').map((step) => (step as never as { messages: number }).messages);
      expect(deleted.reduce((sum, each) => sum + each, 0)).toBe(sent.length - taken.length);
    },
  );

  test('with a redrive policy ends a message that always fails in the dead-letter queue', async () => {
    const redrive = { RedrivePolicy: { deadLetterTargetArn: arnOf('Dead'), maxReceiveCount: 2 } };
    const { queue, of, bodies, clock } = await start(
      { ...mapping({}, allowed, redrive), ...queueOf('Dead') },
      worker('throw new Error("no");'),
    );
    queue('jobs')?.send({ body: 'poison' });
    for (let n = 1; n <= 2; n++) {
      await until(() => of('batch-handled').length === n);
      await clock.advance(31_000);
    }
    await until(() => bodies('dead').length === 1);
    expect(of('batch-handled')).toHaveLength(2);
  });

  test('that is not enabled takes nothing', async () => {
    const { queue, of, clock, bodies } = await start(mapping({ Enabled: false }), worker('return Records;'));
    queue('jobs')?.send({ body: 'a' });
    await clock.advance(60_000);
    expect([bodies('jobs'), of('batch-handled')]).toEqual([['a'], []]);
  });

  test('from what is no queue does not run, and is named', async () => {
    const resources = mapping({ EventSourceArn: ARN('kinesis', 'stream/s') });
    expect((await start(resources, worker(''))).stack.notices).toEqual([
      'AWS::Lambda::EventSourceMapping Mapping does not run here: it is not from a queue of this stack to a function that runs.',
    ]);
  });

  test.each([
    ['its role may not receive', mapping({}, []), "the function's role may not sqs:ReceiveMessage on jobs"],
    [
      'the queue shows messages again too early',
      mapping({}, allowed, { VisibilityTimeout: 2 }),
      'Queue visibility timeout: 2 seconds is less than Function timeout: 3 seconds.',
    ],
    ['it has what is not known here', mapping({ KmsKeyArn: 'arn' }), 'does not know its property KmsKeyArn'],
    [
      'a filter is no pattern',
      mapping({ FilterCriteria: { Filters: [{ Pattern: '{"body":"x"}' }] } }),
      'FilterCriteria.Filters[0].Pattern: ',
    ],
    [
      'a filter has no pattern',
      mapping({ FilterCriteria: { Filters: [{}] } }),
      'FilterCriteria.Filters[0].Pattern is not the JSON of a pattern.',
    ],
    [
      'its filters are no list',
      mapping({ FilterCriteria: { Filters: {} } }),
      'FilterCriteria.Filters is not a list.',
    ],
    [
      'it has too many filters',
      mapping({ FilterCriteria: { Filters: Array(6).fill({ Pattern: '{}' }) } }),
      'FilterCriteria has 6 filters; AWS takes 5.',
    ],
  ])('is refused if %s', async (_, resources, message) => {
    await expect(start(resources, worker(''))).rejects.toThrow(message);
  });
});
