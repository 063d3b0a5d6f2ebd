import fs from 'node:fs';
import path from 'node:path';
import { ManualClock } from '../../../tools/local/services/clock';
import { SystemWorld } from '../../../tools/local/services/world';
import { LocalStack } from '../../../tools/local/stack';
import type { TimedStep } from '../../../tools/local/steps';
import type { Assembly } from '../../../tools/template/assembly';
import { ARN, assemblyOf, type Code, functionResources, temporaryDirectory } from '../template/template';

const running: LocalStack[] = [];
afterEach(() => Promise.all(running.splice(0).map((stack) => stack.stop())));

async function start(assembly: Assembly) {
  const clock = new ManualClock(Date.UTC(2026, 0, 15, 10));
  const steps: TimedStep[] = [];
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
  const bodies = (name: string) =>
    (stack.queues.find((queue) => queue.name === name)?.peek() ?? []).map(({ body }) => body);
  return { stack, clock, steps, put, bodies };
}

const ruleTo = (arn: unknown, more: object = {}) => ({
  Placed: {
    Type: 'AWS::Events::Rule',
    Properties: {
      Name: 'placed',
      EventPattern: { source: ['app'] },
      Targets: [{ Id: 'T', Arn: arn, InputPath: '$.detail', ...more }],
    },
  },
});

const policy = (type: string, property: string, id: string, service: string, action: string) => ({
  [`${id}Policy`]: {
    Type: type,
    Properties: {
      [property]: [{ Ref: id }],
      PolicyDocument: {
        Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: action, Resource: '*' }],
      },
    },
  },
});

const permission = {
  Permission: {
    Type: 'AWS::Lambda::Permission',
    Properties: {
      Action: 'lambda:InvokeFunction',
      FunctionName: { Ref: 'Worker' },
      Principal: 'events.amazonaws.com',
    },
  },
};
const worker = (code: string): Code => ({ Worker: { 'index.js': code } });
const WORKER_ARN = { 'Fn::GetAtt': ['Worker', 'Arn'] };

describe('a rule', () => {
  test('may have a queue as its target', async () => {
    const { put, bodies } = await start(
      assemblyOf({
        ...ruleTo({ 'Fn::GetAtt': ['Jobs', 'Arn'] }),
        Jobs: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'jobs' } },
        ...policy('AWS::SQS::QueuePolicy', 'Queues', 'Jobs', 'events.amazonaws.com', 'sqs:SendMessage'),
      }),
    );
    await put({ id: 7 });
    expect(bodies('jobs')).toEqual(['{"id":7}']);
  });

  test('may have a topic as its target, and the topic a queue', async () => {
    const { put, bodies } = await start(
      assemblyOf({
        ...ruleTo({ Ref: 'News' }),
        News: { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'news' } },
        ...policy('AWS::SNS::TopicPolicy', 'Topics', 'News', 'events.amazonaws.com', 'sns:Publish'),
        Jobs: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'jobs' } },
        ...policy('AWS::SQS::QueuePolicy', 'Queues', 'Jobs', 'sns.amazonaws.com', 'sqs:SendMessage'),
        Subscription: {
          Type: 'AWS::SNS::Subscription',
          Properties: {
            TopicArn: { Ref: 'News' },
            Protocol: 'sqs',
            Endpoint: { 'Fn::GetAtt': ['Jobs', 'Arn'] },
            RawMessageDelivery: true,
          },
        },
      }),
    );
    await put({ id: 7 });
    expect(bodies('jobs')).toEqual(['{"id":7}']);
  });

  test('may have a function as its target, which its permission may give by name', async () => {
    const resources = { ...functionResources('Worker'), ...permission, ...ruleTo(WORKER_ARN) };
    const { put, steps } = await start(assemblyOf(resources, worker('exports.handler = (event) => event;')));
    await put({ id: 7 });
    expect(steps).toContainEqual(
      expect.objectContaining({ kind: 'invocation-succeeded', result: '{"id":7}' }),
    );
  });
});

test('a bundle that lacks a module fails as in AWS, though the folders above it have the module', async () => {
  const resources = { ...functionResources('Worker'), ...permission };
  const assembly = assemblyOf(resources, worker('exports.handler = require("left-out");'));
  const module = path.join(assembly.directory, 'node_modules', 'left-out');
  fs.mkdirSync(module, { recursive: true });
  fs.writeFileSync(path.join(module, 'index.js'), 'module.exports = () => "found";');
  const { stack } = await start(assembly);
  const { payload } = (await stack.functions[0]?.invoke('{}')) ?? { payload: '' };
  expect(JSON.parse(payload)).toMatchObject({
    errorType: 'Runtime.ImportModuleError',
    errorMessage: expect.stringContaining("Cannot find module 'left-out'"),
  });
});

describe('a destination for failures', () => {
  const failing = (destination: unknown, statements: object[] = []) =>
    assemblyOf(
      {
        ...functionResources('Worker', {}, statements),
        ...permission,
        ...ruleTo(WORKER_ARN),
        Failed: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'failed' } },
        Config: {
          Type: 'AWS::Lambda::EventInvokeConfig',
          Properties: {
            FunctionName: { Ref: 'Worker' },
            Qualifier: '$LATEST',
            MaximumRetryAttempts: 0,
            DestinationConfig: { OnFailure: { Destination: destination } },
          },
        },
      },
      worker('exports.handler = () => { throw new Error("no luck"); };'),
    );
  const FAILED = { 'Fn::GetAtt': ['Failed', 'Arn'] };

  test("gets the envelope if the function's role may send there", async () => {
    const may = { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: FAILED };
    const { put, bodies } = await start(failing(FAILED, [may]));
    await put({ id: 7 });
    expect(bodies('failed').map((body) => JSON.parse(body))).toEqual([
      expect.objectContaining({ requestPayload: { id: 7 } }),
    ]);
  });

  test('gets nothing if it may not, which is told', async () => {
    const { put, bodies, steps } = await start(failing(FAILED));
    await put();
    expect(bodies('failed')).toEqual([]);
    expect(steps).toContainEqual(
      expect.objectContaining({
        kind: 'invocation-lost',
        message: expect.stringContaining('No statement allows sqs:SendMessage'),
      }),
    );
  });

  test('that does not exist gets nothing, which is told', async () => {
    const { put, steps } = await start(failing(ARN('sqs', 'gone')));
    await put();
    expect(steps).toContainEqual(
      expect.objectContaining({
        kind: 'invocation-lost',
        message: `${ARN('sqs', 'gone')} could not be reached: there is no such queue`,
      }),
    );
  });

  test('that is no queue stops the start', async () => {
    await expect(start(failing(ARN('sns', 'news')))).rejects.toThrow(
      `the local run does not know its destination for failures ${ARN('sns', 'news')}; it knows queues.`,
    );
  });
});

test('an update that cannot be taken over changes nothing', async () => {
  const resources = { ...functionResources('Worker'), ...permission, ...ruleTo(WORKER_ARN) };
  const code = worker('exports.handler = (event) => event;');
  const { stack, put, steps } = await start(assemblyOf(resources, code));
  const other = {
    ...functionResources('Worker', { VpcConfig: {} }),
    ...permission,
    ...ruleTo(WORKER_ARN, { InputPath: '$' }),
  };
  expect(() => stack.update(assemblyOf(other, code))).toThrow('does not know its property VpcConfig');
  await put({ id: 7 });
  expect(steps).toContainEqual(expect.objectContaining({ kind: 'invocation-succeeded', result: '{"id":7}' }));
});

test('an update is what CloudFormation tells from then on', async () => {
  const resources = { ...functionResources('Worker'), ...permission, ...ruleTo(WORKER_ARN) };
  const code = worker('exports.handler = (event) => event;');
  const { stack } = await start(assemblyOf(resources, code));
  const listed = async () => {
    const response = await fetch(stack.url, {
      method: 'POST',
      headers: {
        authorization: 'AWS4-HMAC-SHA256 Credential=me/20260101/us-east-1/cloudformation/aws4_request',
      },
      body: new URLSearchParams({ Action: 'ListStackResources', StackName: stack.assembly.stackName }),
    });
    return response.text();
  };
  expect(await listed()).not.toContain('<LogicalResourceId>Second</LogicalResourceId>');
  const rule = { Type: 'AWS::Events::Rule', Properties: { EventPattern: { source: ['second'] } } };
  stack.update(assemblyOf({ ...resources, Second: rule }, code));
  expect(await listed()).toContain('<LogicalResourceId>Second</LogicalResourceId>');
});

test('a start that fails leaves nothing behind', async () => {
  const temporary = temporaryDirectory();
  const before = process.env.TMPDIR;
  process.env.TMPDIR = temporary;
  try {
    const bad = { Bus: { Type: 'AWS::Events::EventBus', Properties: { Mood: {} } } };
    await expect(start(assemblyOf(bad))).rejects.toThrow('does not know its property Mood');
    await expect(start(assemblyOf(functionResources('Worker')))).rejects.toThrow('has no asset for its code');
    expect(fs.readdirSync(temporary)).toEqual([]);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});
