/** `npm run e2e`, by what AWS's services answer: places that are not reached, and what is removed in any case. */
import { gzipSync } from 'node:zlib';
import { orderJourney } from '../../../bin/app-journey';
import { UNDESCRIBED } from '../../../tools/app';
import { followJourney, type Journey } from '../../../tools/ops/e2e';
import {
  FUNCTIONS,
  message,
  NOW,
  OUTPUTS,
  operate,
  queues,
  Refusal,
  rule,
  rules,
  type Script,
  type Surroundings,
} from './scripted-aws';

const MACHINE = 'arn:aws:states:us-east-1:111122223333:stateMachine:event-driven-flow';
const execution = {
  executionArn: `${MACHINE}:1`,
  stateMachineArn: MACHINE,
  name: '1',
  startDate: NOW / 1_000,
};

const listing = (key: string, time = NOW) =>
  `<ListBucketResult><Contents><Key>${key}</Key><LastModified>${new Date(time).toISOString()}</LastModified></Contents></ListBucketResult>`;

/** Answers with which the journey reaches every place. */
const reached = (journey: Journey): Script => {
  let status = 'PENDING';
  return {
    ...rules([
      [rule('flow', { 'detail-type': ['OrderCreated'] }), MACHINE],
      [rule('off', { 'detail-type': ['OrderCreated'] }, { State: 'DISABLED' }), 'analytics'],
    ]),
    ...queues({ 'failed-events': [message('m-0', 'of another'), message('m-1', journey.failing.id)] }),
    PutEvents: ({ Entries: [{ DetailType }] }) => {
      if (DetailType === 'OrderStatusChanged') status = 'SHIPPED';
      return { FailedEntryCount: 0, Entries: [{ EventId: 'id' }] };
    },
    GetItem: () => ({
      Item: {
        orderId: { S: journey.id },
        status: { S: status },
        total: { N: journey.entries[0]?.item.total },
      },
    }),
    DeleteItem: {},
    FilterLogEvents: {
      events: [
        {
          eventId: 'a',
          timestamp: NOW,
          message: JSON.stringify({ message: 'OrderStatusChanged', outcome: 'sent' }),
        },
      ],
    },
    ListObjectsV2: listing('day/object.gz'),
    GetObject: gzipSync(JSON.stringify({ orderId: journey.id })),
    ListExecutions: { executions: [{ ...execution, status: 'RUNNING' }] },
    DescribeExecution: { input: JSON.stringify({ id: journey.id }) },
    StopExecution: {},
  };
};

const run = (
  more: (journey: Journey) => Script = () => ({}),
  {
    failing = true,
    timeout = 0,
    ...surroundings
  }: Surroundings & { failing?: boolean; timeout?: number } = {},
) => {
  const journey = orderJourney();
  return operate(
    { ...reached(journey), ...more(journey) },
    (session) => followJourney(session, journey, { timeout, failing }, 1),
    {
      json: true,
      resources: [...FUNCTIONS, { type: 'AWS::StepFunctions::StateMachine', id: MACHINE }],
      ...surroundings,
    },
  );
};

test('every place is reached, the failing event is taken from its queue, and what was made is removed', async () => {
  const { json, exitCode, aws } = await run();
  expect(json.missing).toEqual([]);
  expect(exitCode).toBe(0);
  expect(
    json.reached.map(({ place, found }: { place: string; found: string }) => `${place}: ${found}`),
  ).toEqual([
    'table: OrderCreated: status PENDING, total 99.99',
    'table: OrderStatusChanged: status SHIPPED',
    'state machine: flow: RUNNING',
    'topic: notifier: sent',
    'bucket: day/object.gz',
    'queue of failed events: m-1',
  ]);
  expect(aws.inputsOf('DeleteMessage').map(({ ReceiptHandle }) => ReceiptHandle)).toEqual(['handle-m-1']);
  expect(aws.inputsOf('StopExecution')).toMatchObject([{ executionArn: execution.executionArn }]);
  expect(aws.inputsOf('DeleteItem')).toHaveLength(2);
});

test('without a failing event none is published and its queue is not looked into', async () => {
  const { json, aws } = await run(undefined, { failing: false });
  expect(aws.inputsOf('PutEvents')).toHaveLength(2);
  expect(json.reached.map(({ place }: { place: string }) => place)).not.toContain('queue of failed events');
});

describe('a place that is not reached in time is missing, and fails the run', () => {
  const other = () => ({
    events: [{ eventId: 'a', timestamp: NOW, message: '{"message":"X","outcome":"skipped"}' }],
  });
  test.each<[string, string, Script]>([
    ['the item has another status', 'table: OrderCreated', { GetItem: { Item: { status: { S: 'LOST' } } } }],
    ['there is no item', 'table: OrderStatusChanged', { GetItem: {} }],
    ['the function logged another outcome', 'topic', { FilterLogEvents: other }],
    ['the function has never logged', 'topic', { FilterLogEvents: new Refusal('ResourceNotFoundException') }],
    ['the object is older than the run', 'bucket', { ListObjectsV2: listing('old', NOW - 3_600_000) }],
    ['the object is of another order', 'bucket', { GetObject: 'another' }],
    ['the bucket is empty', 'bucket', { ListObjectsV2: '<ListBucketResult/>' }],
    ['the execution is of another order', 'state machine: flow', { DescribeExecution: { input: '{}' } }],
    [
      'the execution is older than the run',
      'state machine: flow',
      {
        ListExecutions: {
          executions: [{ ...execution, startDate: NOW / 1_000 - 3_600, status: 'SUCCEEDED' }],
        },
      },
    ],
    ['there is no execution', 'state machine: flow', { ListExecutions: { executions: [] } }],
    ['no event failed', 'queue of failed events', queues({})],
  ])('%s', async (_, place, more) => {
    let time = NOW;
    const { json, exitCode, aws } = await run(() => more, { now: () => time++ });
    expect(json.missing).toContain(place);
    expect(exitCode).toBe(1);
    expect(aws.inputsOf('DeleteItem')).toHaveLength(2);
  });
});

test('an event in the dead-letter queue fails the run, although every place was reached', async () => {
  const { stdout, exitCode } = await run(
    ({ id, failing }) => queues({ dlq: [message('m-2', id)], 'failed-events': [message('m-1', failing.id)] }),
    { json: false },
  );
  expect(stdout).toMatch(/delivery: an event of it was in the dead-letter queue +never +MISSING\n$/);
  expect(exitCode).toBe(1);
});

test('a place that is reached late is waited for', async () => {
  const { json, stderr } = await run(
    (journey) => ({
      FilterLogEvents: (_, call) =>
        call < 2 ? { events: [] } : (reached(journey).FilterLogEvents as object),
    }),
    { timeout: 5, isTerminal: true },
  );
  expect(json.missing).toEqual([]);
  expect(stderr).toContain('Waiting for topic, 0 s');
});

test('an execution that has ended is not stopped; an Express machine, which keeps none, is not looked at', async () => {
  const { aws } = await run(() => ({
    ListExecutions: { executions: [{ ...execution, status: 'SUCCEEDED' }] },
  }));
  expect(aws.inputsOf('StopExecution')).toEqual([]);
  const express = await run(() => ({ ListExecutions: new Refusal('StateMachineTypeNotSupported') }));
  expect(express.json.reached).toContainEqual(
    expect.objectContaining({ place: 'state machine: flow', found: 'not looked at: it is Express' }),
  );
});

test('without a state machine none is looked for', async () => {
  const { json, aws } = await run(undefined, { resources: FUNCTIONS });
  expect(json.missing).toEqual([]);
  expect(aws.inputsOf('ListRules')).toEqual([]);
});

test('a function that the stack does not have is looked for by its name in the journey', async () => {
  const { aws } = await run(undefined, { resources: [] });
  expect(aws.inputsOf('FilterLogEvents')[0].logGroupName).toBe('/aws/lambda/notifier');
});

test('an event that the bus refuses ends the run, and what was made is removed', async () => {
  const put = { FailedEntryCount: 1, Entries: [{ ErrorCode: 'InternalFailure' }] };
  const refused = run(() => ({ PutEvents: put }));
  await expect(refused).rejects.toThrow('The bus refuses OrderCreated: InternalFailure: ');
});

test.each([
  ['the executions', { ListExecutions: new Refusal('AccessDeniedException', 'may not') }],
  ['the log', { FilterLogEvents: new Refusal('AccessDeniedException', 'may not') }],
])('what may not be looked at ends the run: %s', async (_, more) => {
  await expect(run(() => more)).rejects.toThrow('may not');
});

test('an app without an entity cannot be followed', async () => {
  await expect(run(undefined, { app: UNDESCRIBED })).rejects.toThrow(
    'This app is not described with an entity and its table.',
  );
});

test('Ctrl-C ends the waiting, names what was not seen, and removes what was made', async () => {
  const { json, exitCode, aws } = await run(
    () => ({
      GetItem: () => {
        process.emit('SIGINT');
        return {};
      },
    }),
    { timeout: 60 },
  );
  expect(exitCode).toBe(130);
  expect(json.missing).toContain('table: OrderCreated');
  expect(aws.inputsOf('DeleteItem')).toHaveLength(2);
});

test('outputs that the journey needs and the stack lacks are named', async () => {
  const { AnalyticsBucketName: _, ...outputs } = OUTPUTS;
  await expect(run(undefined, { outputs })).rejects.toThrow(
    'Stack event-driven has no output AnalyticsBucketName',
  );
});
