/** State machines in a running stack: what their tasks reach, by their role, and what the SDK gets to know of them. */
import {
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  RedriveExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  StartSyncExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { ManualClock } from '../../../../tools/local/services/clock';
import { SystemWorld } from '../../../../tools/local/services/world';
import { LocalStack } from '../../../../tools/local/stack';
import type { TimedStep } from '../../../../tools/local/steps';
import { ARN, assemblyOf, functionResources } from '../../template/template';
import { chain } from './executions';

const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const optimized = (resource: string, Parameters: object, more: object = {}) => ({
  ...{ Type: 'Task', Resource: `arn:aws:states:::${resource}`, Parameters, ...more },
});
const TOPIC = ARN('sns', 'news');
const url = 'https://sqs.us-east-1.amazonaws.com/000000000000/jobs';
const invoke = (Payload: object, more: object = {}) =>
  optimized('lambda:invoke', { FunctionName: ARN('lambda', 'function:work'), Payload }, more);

/** A task of each service, one after the other; each keeps its result. */
const ALL = chain(
  invoke({ 'n.$': '$.n' }, { ResultPath: '$.invoked', ResultSelector: { 'got.$': '$.Payload' } }),
  { Type: 'Task', Resource: ARN('lambda', 'function:work'), InputPath: '$.invoked', ResultPath: '$.plain' },
  optimized(
    'lambda:invoke',
    { FunctionName: 'work', Payload: {}, InvocationType: 'Event' },
    { ResultPath: '$.later' },
  ),
  optimized('sqs:sendMessage', { QueueUrl: url, MessageBody: { 'n.$': '$.n' } }, { ResultPath: null }),
  optimized(
    'sns:publish',
    { TopicArn: TOPIC, 'Message.$': '$.plain', Subject: 'News' },
    { ResultPath: null },
  ),
  optimized(
    'events:putEvents',
    { Entries: [{ Source: 'flow', DetailType: 'Done', Detail: { 'n.$': '$.n' } }] },
    { ResultPath: '$.put', ResultSelector: { 'failed.$': '$.FailedEntryCount' } },
  ),
  optimized(
    'dynamodb:putItem',
    { TableName: 'orders', Item: { id: { S: 'o' }, n: { 'N.$': "States.Format('{}', $.n)" } } },
    { ResultPath: null },
  ),
  optimized(
    'dynamodb:updateItem',
    {
      TableName: 'orders',
      Key: { id: { S: 'o' } },
      UpdateExpression: 'SET n = n + :one',
      ExpressionAttributeValues: { ':one': { N: '1' } },
    },
    { ResultPath: null },
  ),
  optimized('dynamodb:getItem', { TableName: 'orders', Key: { id: { S: 'o' } } }, { ResultPath: '$.item' }),
  optimized('dynamodb:deleteItem', { TableName: 'orders', Key: { id: { S: 'o' } } }, { ResultPath: null }),
);

/** Parameters that not every task has. */
const MORE = chain(
  optimized('sqs:sendMessage', {
    ...{ QueueUrl: `${url}.fifo`, MessageBody: { a: 1 }, MessageGroupId: 'g', MessageDeduplicationId: 'd' },
    MessageAttributes: {
      kind: { DataType: 'String', StringValue: 'news' },
      seal: { DataType: 'Binary', BinaryValue: 'eA==' },
    },
  }),
  optimized('sqs:sendMessage', { QueueUrl: url, MessageBody: 'later', DelaySeconds: 60 }),
  optimized('sqs:sendMessage', { QueueUrl: url }, { ResultPath: null }),
  optimized('events:putEvents', {
    Entries: [
      {
        ...{ Source: 'flow', DetailType: 'More', Detail: '{"text": true}', Resources: ['order-1'] },
        EventBusName: ARN('events', 'event-bus/default'),
      },
    ],
  }),
  optimized('lambda:invoke', { FunctionName: ARN('lambda', 'function:work:$LATEST') }),
  optimized('dynamodb:getItem', { TableName: ARN('dynamodb', 'table/orders'), Key: { id: { S: 'none' } } }),
);

/** A state of each failure, which the next one catches. */
const caught = (state: object, index: number) => ({
  ...state,
  ...{
    ResultPath: null,
    Catch: [{ ErrorEquals: ['States.ALL'], Next: `S${index + 2}`, ResultPath: `$.e${index}` }],
  },
});
const FAILURES = [
  invoke({ fail: 'OrderNotFound' }),
  optimized('lambda:invoke', { FunctionName: 'nobody' }),
  optimized('sqs:sendMessage', { QueueUrl: `${url}-not`, MessageBody: 'x' }),
  optimized('sns:publish', { TopicArn: `${TOPIC}-not`, Message: 'x' }),
  optimized('events:putEvents', { Entries: [{ Source: 'flow', DetailType: '', Detail: {} }] }),
  optimized('dynamodb:putItem', { TableName: 'orders', Item: {} }),
];
const PLACE = '$';
/** Tasks whose parameters nothing can be done with. */
const MALFORMED = [
  optimized('events:putEvents', { Entries: 'none' }),
  { Type: 'Task', Resource: 'arn:aws:states:::sqs:sendMessage', InputPath: '$$.Execution.Name' },
  optimized('sqs:sendMessage', { QueueUrl: `${url}.fifo`, MessageBody: 'x' }),
];

const machine = (name: string, definition: object, properties: object = {}, role = 'Role') => ({
  [name]: {
    Type: 'AWS::StepFunctions::StateMachine',
    Properties: {
      ...{ StateMachineName: name.toLowerCase(), RoleArn: arnOf(role), ...properties },
      DefinitionString: JSON.stringify(definition),
    },
  },
});
const role = (id: string, Action: string | string[], Service = 'states.amazonaws.com') => ({
  [id]: {
    Type: 'AWS::IAM::Role',
    Properties: {
      RoleName: id,
      AssumeRolePolicyDocument: {
        Statement: [{ Effect: 'Allow', Principal: { Service }, Action: 'sts:AssumeRole' }],
      },
      Policies: [
        { PolicyName: 'p', PolicyDocument: { Statement: [{ Effect: 'Allow', Action, Resource: '*' }] } },
      ],
    },
  },
});

const HANDLER = `exports.handler = async (event) => {
  if (event.fail) throw Object.assign(new Error('no'), { name: event.fail });
  return event.n === undefined ? 'again' : { twice: 2 * event.n };
};`;

const clock = new ManualClock(Date.UTC(2026, 0, 15, 10));
const steps: TimedStep[] = [];
let stack: LocalStack;
let client: SFNClient;
beforeAll(async () => {
  const every = ['lambda:InvokeFunction', 'sqs:*', 'sns:*', 'events:*', 'dynamodb:*'];
  const assembly = assemblyOf(
    {
      ...functionResources('Work'),
      ...{ Jobs: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'jobs' } } },
      JobsFifo: {
        ...{ Type: 'AWS::SQS::Queue', Properties: { QueueName: 'jobs.fifo', FifoQueue: true } },
      },
      ...{ News: { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'news' } } },
      Orders: {
        Type: 'AWS::DynamoDB::Table',
        Properties: {
          TableName: 'orders',
          KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
          BillingMode: 'PAY_PER_REQUEST',
        },
      },
      ...role('Role', every),
      ...role('Powerless', 's3:*'),
      ...role('Untrusted', every, 'lambda.amazonaws.com'),
      ...machine('All', ALL),
      ...machine('Quick', chain({ Type: 'Pass', Result: 1 }), { StateMachineType: 'EXPRESS' }),
      ...machine('More', MORE),
      ...Object.assign({}, ...MALFORMED.map((state, index) => machine(`Malformed${index}`, chain(state)))),
      ...Object.assign(
        {},
        ...['ALL', 'ERROR', 'FATAL', 'OFF'].map((Level) => ({
          [`Logs${Level}`]: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: `/logs/${Level}` } },
          ...machine(
            `Logged${Level}`,
            chain(caught(invoke({ fail: 'Broken' }), 0), { Type: 'Fail', Error: 'End' }),
            {
              LoggingConfiguration: {
                ...{ Level, ...(Level === 'ALL' && { IncludeExecutionData: true }) },
                Destinations: [{ CloudWatchLogsLogGroup: { LogGroupArn: arnOf(`Logs${Level}`) } }],
              },
            },
          ),
        })),
      ),
      Filled: {
        Type: 'AWS::StepFunctions::StateMachine',
        Properties: {
          ...{ StateMachineName: 'filled', RoleArn: arnOf('Role') },
          Definition: chain({ Type: 'Pass', Result: `${PLACE}{word} ${PLACE}{other}` }),
          DefinitionSubstitutions: { word: 'filled in' },
        },
      },
      ...Object.fromEntries(
        [{}, { DefinitionS3Location: { Bucket: 'b', Key: 'k' } }].map((more, index) => [
          `Undefined${index}`,
          {
            Type: 'AWS::StepFunctions::StateMachine',
            Properties: { StateMachineName: `undefined${index}`, RoleArn: arnOf('Role'), ...more },
          },
        ]),
      ),
      ...machine('Slow', chain({ Type: 'Wait', Seconds: 3_600 }, { Type: 'Fail', Error: 'Late' })),
      ...machine('Failing', chain(...FAILURES.map(caught), { Type: 'Pass' })),
      ...machine('Denied', chain(...FAILURES.map(caught), { Type: 'Pass' }), {}, 'Powerless'),
      ...machine('Refused', chain(invoke({})), {}, 'Untrusted'),
      ...machine('Strange', { ...chain({ Type: 'Pass' }), QueryLanguage: 'JSONata' }),
    },
    { Work: { 'index.js': HANDLER } },
  );
  stack = await LocalStack.start({
    ...{ assembly, world: new SystemWorld(clock), port: 0, parts: { isWatched: false } },
    onStep: (step) => steps.push(step),
  });
  client = new SFNClient({
    ...{ endpoint: stack.url, region: 'us-east-1', maxAttempts: 1 },
    // The SDK puts `sync-` before the host of StartSyncExecution.
    disableHostPrefix: true,
    credentials: { accessKeyId: 'k', secretAccessKey: 's' },
  });
});
afterAll(async () => {
  client.destroy();
  await stack.stop();
});

const machineArn = (name: string) => ARN('states', `stateMachine:${name}`);
const start = (name: string, input: object = {}) =>
  client.send(new StartExecutionCommand({ stateMachineArn: machineArn(name), input: JSON.stringify(input) }));
const describeIt = (executionArn: string | undefined) =>
  client.send(new DescribeExecutionCommand({ executionArn }));

/** Runs an execution to its end. */
async function run(name: string, input: object = {}) {
  const { executionArn } = await start(name, input);
  await stack.settled();
  const { output, ...more } = await describeIt(executionArn);
  return { output: output === undefined ? undefined : JSON.parse(output), ...more };
}

test('tasks reach functions, queues, topics, buses and tables', async () => {
  const { status, output } = await run('all', { n: 4 });
  expect({ status, output }).toMatchObject({
    status: 'SUCCEEDED',
    output: {
      ...{ n: 4, invoked: { got: { twice: 8 } }, plain: 'again', later: { StatusCode: 202 } },
      ...{ put: { failed: 0 }, item: { Item: { n: { N: '5' } } } },
    },
  });
  expect(stack.queues[0]?.peek()).toMatchObject([{ body: '{"n":4}' }]);
  expect(steps).toContainEqual(
    expect.objectContaining({ kind: 'message-published', subject: 'News', body: 'again' }),
  );
  const put = steps.find((step) => step.kind === 'event-put');
  expect(put).toMatchObject({
    event: {
      source: 'flow',
      detail: { n: 4 },
      resources: [/:execution:all:/, machineArn('all')].map((each) =>
        typeof each === 'string' ? each : expect.stringMatching(each),
      ),
    },
  });
});

test('tasks take the parameters that only some have', async () => {
  expect(await run('more')).toMatchObject({ status: 'SUCCEEDED', output: {} });
  const fifo = stack.queues.find(({ name }) => name === 'jobs.fifo');
  expect(fifo?.peek()).toMatchObject([
    {
      ...{ body: '{"a":1}', groupId: 'g' },
      attributes: {
        kind: { DataType: 'String', StringValue: 'news' },
        seal: { DataType: 'Binary', BinaryValue: 'eA==' },
      },
    },
  ]);
  const jobs = stack.queues.find(({ name }) => name === 'jobs');
  expect(jobs?.depth()).toMatchObject({ delayed: 1 });
  const put = steps.find((step) => step.kind === 'event-put' && step.event['detail-type'] === 'More');
  expect(put).toMatchObject({
    event: { detail: { text: true }, resources: ['order-1', ...[expect.any(String), machineArn('more')]] },
  });
});

test('what a task asks for is refused if it is malformed, by the errors of Step Functions and of the service', async () => {
  const ended = await Promise.all(MALFORMED.map((_, index) => run(`malformed${index}`)));
  expect(ended.map(({ error, cause }) => `${error}: ${cause}`)).toEqual([
    "States.Runtime: The parameter 'Entries' must be a list of objects.",
    'States.Runtime: The parameters of arn:aws:states:::sqs:sendMessage are no object.',
    expect.stringMatching(/^SQS\.\w+Exception: .*MessageGroupId/),
  ]);
});

test('an execution is logged as far as the level says, with its data if it is asked for', async () => {
  const types: Record<string, string[]> = {};
  for (const level of ['ALL', 'ERROR', 'FATAL', 'OFF']) {
    await run(`logged${level.toLowerCase()}`, { secret: 1 });
    const lines = stack.logGroups.events(`/logs/${level}`).map(({ message }) => JSON.parse(message));
    types[level] = lines.map(({ type }) => type);
    const hasData = JSON.stringify(lines).includes('secret');
    expect([level, hasData]).toEqual([level, level === 'ALL']);
  }
  expect(types.ALL).toEqual(expect.arrayContaining(['ExecutionStarted', 'TaskFailed', 'ExecutionFailed']));
  expect(types).toMatchObject({
    ERROR: ['TaskFailed', 'ExecutionFailed'],
    FATAL: ['ExecutionFailed'],
    OFF: [],
  });
});

test('a definition is an object as well, and its substitutions are filled in', async () => {
  expect(await run('filled')).toMatchObject({ output: `filled in ${PLACE}{other}` });
  expect(stack.notices.join('\n')).toMatch(/Undefined0 does not run here: it has no definition/);
  expect(stack.notices.join('\n')).toMatch(/Undefined1 does not run here: its definition is in S3/);
});

test('failures have the names that Retry and Catch go by', async () => {
  const { output } = await run('failing');
  expect(Object.values(output).map((each) => (each as { Error: string }).Error)).toEqual([
    ...['OrderNotFound', 'Lambda.ResourceNotFoundException', 'SQS.QueueDoesNotExistException'],
    ...['SNS.NotFoundException', 'EventBridge.FailedEntry', 'DynamoDB.ValidationException'],
  ]);
  expect(JSON.parse(output.e0.Cause)).toMatchObject({ errorType: 'OrderNotFound', errorMessage: 'no' });
});

test('a task does only what the role of its machine may', async () => {
  const { output } = await run('denied');
  expect(Object.values(output).map((each) => (each as { Error: string }).Error)).toEqual([
    ...['Lambda.AWSLambdaException', 'Lambda.ResourceNotFoundException', 'SQS.QueueDoesNotExistException'],
    ...[
      'SNS.AmazonSNSException',
      'EventBridge.AmazonEventBridgeException',
      'DynamoDB.AmazonDynamoDBException',
    ],
  ]);
  expect(output.e0.Cause).toMatch(/not authorized to perform: lambda:InvokeFunction/);
  expect(await run('refused')).toMatchObject({ status: 'FAILED', error: 'Lambda.AWSLambdaException' });
});

test('an execution is described with its history, and listed by its status', async () => {
  const { executionArn } = await run('all', { n: 1 });
  const { events = [] } = await client.send(new GetExecutionHistoryCommand({ executionArn }));
  expect(events.slice(0, 3)).toMatchObject([
    { id: 1, type: 'ExecutionStarted', executionStartedEventDetails: { input: '{"n":1}' } },
    { id: 2, previousEventId: 1, type: 'TaskStateEntered', stateEnteredEventDetails: { name: 'S1' } },
    { type: 'TaskScheduled', taskScheduledEventDetails: { resourceType: 'lambda', resource: 'invoke' } },
  ]);
  const last = await client.send(
    new GetExecutionHistoryCommand({
      executionArn,
      reverseOrder: true,
      maxResults: 1,
      includeExecutionData: false,
    }),
  );
  expect(last.events).toMatchObject([{ type: 'ExecutionSucceeded', executionSucceededEventDetails: {} }]);
  expect(last.nextToken).toBeDefined();
  const list = (statusFilter: 'SUCCEEDED' | 'FAILED') =>
    client.send(new ListExecutionsCommand({ stateMachineArn: machineArn('all'), statusFilter }));
  expect((await list('SUCCEEDED')).executions).toContainEqual(expect.objectContaining({ executionArn }));
  expect((await list('FAILED')).executions).toEqual([]);
  await expect(client.send(new ListExecutionsCommand({}))).rejects.toMatchObject({
    name: 'ValidationException',
  });
});

test('state machines are listed and described, but for those that do not run here', async () => {
  const { stateMachines = [] } = await client.send(new ListStateMachinesCommand({}));
  const names = stateMachines.map(({ name }) => name);
  expect(names).toContain('quick');
  expect(names).not.toContain('strange');
  expect(stack.notices.join('\n')).toMatch(/Strange does not run here: .*query language JSONata/);
  const described = await client.send(
    new DescribeStateMachineCommand({ stateMachineArn: machineArn('quick') }),
  );
  expect(described).toMatchObject({
    type: 'EXPRESS',
    status: 'ACTIVE',
    roleArn: expect.stringContaining('role/Role'),
  });
});

test('an Express one answers who waits for it, and keeps no executions', async () => {
  const stateMachineArn = machineArn('quick');
  const answer = await client.send(new StartSyncExecutionCommand({ stateMachineArn }));
  expect(answer).toMatchObject({ status: 'SUCCEEDED', output: '1' });
  const refused = async (command: Promise<unknown>) =>
    command.then(
      () => 'done',
      ({ name }) => name,
    );
  expect(await refused(client.send(new ListExecutionsCommand({ stateMachineArn })))).toBe(
    'StateMachineTypeNotSupported',
  );
  expect(await refused(describeIt(answer.executionArn))).toBe('ExecutionDoesNotExist');
  const standard = client.send(new StartSyncExecutionCommand({ stateMachineArn: machineArn('all') }));
  expect(await refused(standard)).toBe('StateMachineTypeNotSupported');
});

test('an execution is stopped, or fails, and is redriven', async () => {
  const { executionArn } = await start('slow');
  await client.send(new StopExecutionCommand({ executionArn, error: 'Enough' }));
  expect(await describeIt(executionArn)).toMatchObject({
    status: 'ABORTED',
    error: 'Enough',
    redriveStatus: 'REDRIVABLE',
  });
  // A second stop changes nothing.
  await client.send(new StopExecutionCommand({ executionArn, error: 'Again' }));
  expect(await describeIt(executionArn)).toMatchObject({ error: 'Enough' });
  const { redriveDate } = await client.send(new RedriveExecutionCommand({ executionArn }));
  expect(redriveDate).toEqual(new Date(clock.now()));
  for (const [redriveFilter, count] of [
    ['REDRIVEN', 1],
    ['NOT_REDRIVEN', 0],
  ] as const) {
    const stateMachineArn = machineArn('slow');
    const listed = await client.send(new ListExecutionsCommand({ stateMachineArn, redriveFilter }));
    expect(listed.executions).toHaveLength(count);
  }
  await stack.settled();
  await clock.advance(3_600_000);
  expect(await describeIt(executionArn)).toMatchObject({ status: 'FAILED', error: 'Late', redriveCount: 1 });
  await clock.advance(15 * 24 * 3_600_000);
  await expect(client.send(new RedriveExecutionCommand({ executionArn }))).rejects.toMatchObject({
    name: 'ExecutionNotRedrivable',
  });
});

test('a name starts one execution, and input that is no JSON none', async () => {
  const startNamed = (name: string, input: string) =>
    client.send(new StartExecutionCommand({ stateMachineArn: machineArn('slow'), name, input }));
  const first = await startNamed('once', '{}');
  expect(await startNamed('once', '{}')).toEqual(
    expect.objectContaining({ executionArn: first.executionArn }),
  );
  await expect(startNamed('once', '{"other": 1}')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
  await expect(startNamed('other', '{')).rejects.toMatchObject({ name: 'InvalidExecutionInput' });
  const long = JSON.stringify('ü'.repeat(200_000));
  await expect(startNamed('other', long)).rejects.toMatchObject({ name: 'InvalidExecutionInput' });
  await expect(start('nobody')).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' });
  await client.send(new StopExecutionCommand({ executionArn: first.executionArn }));
});
