/** A template that changes while the stack runs is taken over wholly or not at all. */

import { RunningStack } from '../../../tools/local/running-stack';
import { ManualClock } from '../../../tools/local/services/clock';
import { SystemWorld } from '../../../tools/local/services/world';
import type { TimedStep } from '../../../tools/local/steps';
import { assemblyOf, functionResources } from '../template/template';

const START = Date.UTC(2026, 0, 15, 10);
const stacks: RunningStack[] = [];
afterEach(() => Promise.all(stacks.splice(0).map((each) => each.stop())));

const table = (name: string, key = 'id') => ({
  Orders: {
    Type: 'AWS::DynamoDB::Table',
    Properties: {
      TableName: name,
      KeySchema: [{ AttributeName: key, KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: key, AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    },
  },
});

/** An order processor that writes into the table of its environment, and fails if the event says so. */
const CODE = `
  const { DynamoDBClient, PutItemCommand } = require(${JSON.stringify(require.resolve('@aws-sdk/client-dynamodb'))});
  const client = new DynamoDBClient({ maxAttempts: 1 });
  exports.handler = async ({ detail }) => {
    if (detail.fails) throw new Error('no');
    await client.send(new PutItemCommand({ TableName: process.env.TABLE, Item: { id: { S: detail.id } } }));
  };`;

function shop(orders: object, more: object = {}, functionProperties: object = {}) {
  const statements = [{ Effect: 'Allow', Action: 'dynamodb:PutItem', Resource: '*' }];
  return assemblyOf(
    {
      ...functionResources(
        'Worker',
        { Timeout: 20, Environment: { Variables: { TABLE: { Ref: 'Orders' } } }, ...functionProperties },
        statements,
      ),
      ...(orders as Record<string, object>),
      ...(more as Record<string, object>),
      May: {
        Type: 'AWS::Lambda::Permission',
        Properties: {
          FunctionName: { Ref: 'Worker' },
          Action: 'lambda:InvokeFunction',
          Principal: 'events.amazonaws.com',
        },
      },
      Placed: {
        Type: 'AWS::Events::Rule',
        Properties: {
          Name: 'placed',
          EventPattern: { source: ['app'] },
          Targets: [{ Id: 'T', Arn: { 'Fn::GetAtt': ['Worker', 'Arn'] } }],
        },
      },
    },
    { Worker: { 'index.js': CODE } },
  );
}

async function start(assembly: ReturnType<typeof shop>) {
  const clock = new ManualClock(START);
  const steps: TimedStep[] = [];
  const running = await RunningStack.start({
    ...{ assembly, world: new SystemWorld(clock), port: 0, isReplaceable: true },
    onStep: (step) => void steps.push(step),
  });
  stacks.push(running);
  const put = async (detail: object) => {
    const entry = { Source: 'app', DetailType: 'Placed', Detail: JSON.stringify(detail) };
    running.current.eventBridge.putEvents([entry]);
    await running.current.settled();
  };
  const items = async (name: string) => {
    const { Items } = await running.current.tables.request('Scan', { TableName: name });
    return (Items as { id: { S: string } }[]).map(({ id }) => id.S).sort();
  };
  return { running, clock, steps, put, items };
}

test('a renamed table is there for the next order, on the same address, and what waited is handled too', async () => {
  const { running, clock, put, items, steps } = await start(shop(table('orders')));
  const { url } = running.current;
  await put({ id: 'before' });
  await put({ id: 'later', fails: true });
  expect(await items('orders')).toEqual(['before']);

  const takeover = await running.takeOver(shop(table('new-orders')));
  expect(takeover).toEqual({ how: 'restarted', because: ['Orders'], resumed: 1, left: [] });
  expect(running.current.url).toBe(url);
  await put({ id: 'after' });
  expect(await items('new-orders')).toEqual(['after']);
  expect(running.current.waitingForRetry).toBe(1);
  await clock.advance(60_000);
  await running.current.settled();
  expect(steps.filter(({ kind }) => kind === 'invocation-failed')).toHaveLength(2);
});

test('what a table and a queue hold stays over a restart for another resource', async () => {
  const jobs = { Jobs: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'jobs' } } };
  const more = { More: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'more' } } };
  const { running, put, items } = await start(shop(table('orders'), jobs));
  await put({ id: 'before' });
  running.current.queues[0]?.send({ body: 'job' });
  expect(await running.takeOver(shop(table('orders'), { ...jobs, ...more }))).toMatchObject({
    because: ['More'],
  });
  await put({ id: 'after' });
  expect(await items('orders')).toEqual(['after', 'before']);
  expect(running.current.queues.map((queue) => queue.peek().map(({ body }) => body))).toEqual([['job'], []]);
});

test('a change of rules and functions alone is taken over while everything runs', async () => {
  const { running, put, items } = await start(shop(table('orders')));
  const before = running.current;
  const changed = shop(table('orders'), {}, { Timeout: 10 });
  expect(await running.takeOver(changed)).toEqual({ how: 'in place' });
  expect(running.current).toBe(before);
  await put({ id: 'after' });
  expect(await items('orders')).toEqual(['after']);
});

test.each([
  ['is not known here', shop(table('orders'), {}, { VpcConfig: {} }), 'does not know its property VpcConfig'],
  [
    'is not known here, beside one that needs a restart',
    shop(table('renamed'), {
      M: { Type: 'AWS::SQS::Queue', Properties: { FifoThroughputLimit: 'perQueue' } },
    }),
    'does not know its property FifoThroughputLimit',
  ],
  ['only shows with the data at hand', shop(table('orders', 'other')), 'with other keys or indexes'],
])('an update with something that %s changes nothing', async (_, assembly, message) => {
  const { running, put, items } = await start(shop(table('orders')));
  const { url } = running.current;
  await put({ id: 'before', fails: true });
  await expect(running.takeOver(assembly)).rejects.toThrow(message);
  expect(running.current.url).toBe(url);
  expect(running.current.waitingForRetry).toBe(1);
  await put({ id: 'after' });
  expect(await items('orders')).toEqual(['after']);
});
