/** A pipe from the stream of a table to a bus, in the local run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '../../../tools/local/services/clock';
import { SystemWorld } from '../../../tools/local/services/world';
import { LocalStack } from '../../../tools/local/stack';
import type { TimedStep } from '../../../tools/local/steps';
import { knownInPart, notRun } from '../../../tools/local/supported';
import { pipedTable } from '../piped-table';
import { assemblyOf } from '../proof/assembly';

type Change = Parameters<typeof pipedTable>[0];

async function running(change: Change, run: (local: Local) => Promise<void>, dataDirectory?: string) {
  const steps: TimedStep[] = [];
  const clock = new ManualClock(Date.UTC(2026, 0, 15, 10));
  const stack = await LocalStack.start({
    ...{ assembly: assemblyOf(pipedTable(change)), world: new SystemWorld(clock), port: 0 },
    ...(dataDirectory && { dataDirectory }),
    onStep: (step) => void steps.push(step),
  });
  const write = (operation: 'PutItem' | 'UpdateItem' | 'DeleteItem' | 'BatchWriteItem', input: object) =>
    stack.tables.request(operation, { TableName: 'outbox', ...input });
  try {
    await run({ stack, clock, steps, write });
  } finally {
    await stack.stop();
  }
}

interface Local {
  readonly stack: LocalStack;
  readonly clock: ManualClock;
  readonly steps: readonly TimedStep[];
  write(
    operation: 'PutItem' | 'UpdateItem' | 'DeleteItem' | 'BatchWriteItem',
    input: object,
  ): Promise<object>;
}

const S = (text: string) => ({ S: text });
const of = <Kind extends TimedStep['kind']>({ steps }: Local, kind: Kind) =>
  steps.filter((step): step is TimedStep & { kind: Kind } => step.kind === kind);
const events = (local: Local) => of(local, 'event-put').map(({ event }) => event);
// biome-ignore lint/suspicious/noExplicitAny: the record of a stream
const records = (local: Local) => events(local).map(({ detail }) => detail as any);

test('each change is an event in the order of the changes, with the images of the stream', () =>
  running({ view: 'NEW_AND_OLD_IMAGES' }, async (local) => {
    const { write, stack } = local;
    await Promise.all([
      write('PutItem', { Item: { id: S('a'), n: S('1') } }),
      write('UpdateItem', {
        ...{ Key: { id: S('a') }, UpdateExpression: 'SET n = :n' },
        ExpressionAttributeValues: { ':n': S('2') },
      }),
      // It changes nothing, and leaves no record; this one is refused.
      write('PutItem', { Item: { n: S('2'), id: S('a') } }),
      expect(write('PutItem', { Item: { n: S('2') } })).rejects.toMatchObject({
        code: 'ValidationException',
      }),
      write('DeleteItem', { Key: { id: S('a') } }),
    ]);
    const requests = ['b', 'c'].map((id) => ({ PutRequest: { Item: { id: S(id) } } }));
    await write('BatchWriteItem', {
      RequestItems: { outbox: [...requests, { DeleteRequest: { Key: { id: S('a') } } }] },
    });
    await stack.settled();
    expect(
      records(local).map(({ eventName, dynamodb: { Keys, NewImage, OldImage } }) => [
        eventName,
        Keys.id.S,
        OldImage?.n?.S,
        NewImage?.n?.S,
      ]),
    ).toEqual([
      ['INSERT', 'a', undefined, '1'],
      ['MODIFY', 'a', '1', '2'],
      ['REMOVE', 'a', '2', undefined],
      ['INSERT', 'b', undefined, undefined],
      ['INSERT', 'c', undefined, undefined],
    ]);
    const [event] = events(local);
    expect(event).toMatchObject({ source: 'Pipe outbox-pipe', 'detail-type': 'Event from aws:dynamodb' });
    const numbers = records(local).map(({ dynamodb }) => dynamodb.SequenceNumber);
    expect([...numbers].sort()).toEqual(numbers);
    expect(stack.notices).toEqual([]);
  }));

test('filter, template, and parameters out of the record decide what the event is', () =>
  running(
    {
      pipe: {
        SourceParameters: {
          FilterCriteria: { Filters: [{ Pattern: '{"dynamodb": {"NewImage": {"type": {"S": ["Sold"]}}}}' }] },
          DynamoDBStreamParameters: {
            StartingPosition: 'LATEST',
            BatchSize: 10,
            MaximumBatchingWindowInSeconds: 5,
          },
        },
      },
      target: {
        InputTemplate: '{"id": <$.dynamodb.Keys.id.S>, "by": "<aws.pipes.pipe-name>"}',
        EventBridgeEventBusParameters: {
          ...{ Source: '$.dynamodb.NewImage.source.S', DetailType: '$.dynamodb.NewImage.type.S' },
          Resources: ['arn:aws:s3:::b'],
        },
      },
    },
    async (local) => {
      const { write, stack, clock } = local;
      for (const type of ['Sold', 'Seen', 'Sold'])
        await write('PutItem', {
          Item: { id: S(`${type}${Math.random()}`), type: S(type), source: S('app.shop') },
        });
      await stack.settled();
      expect(events(local)).toEqual([]);
      await clock.advance(5000);
      await stack.settled();
      const sold = {
        source: 'app.shop',
        'detail-type': 'Sold',
        resources: ['arn:aws:s3:::b'],
        detail: { by: 'outbox-pipe' },
      };
      expect(events(local)).toMatchObject([sold, sold]);
    },
  ));

const DETAIL = { InputTemplate: '{"n": <$.dynamodb.NewImage.n.S>}' };
const put = ({ write }: Local, ...ids: string[]) =>
  write('BatchWriteItem', {
    RequestItems: {
      outbox: ids.map((id) => ({ PutRequest: { Item: { id: S(id), ...(id !== 'bad' && { n: S(id) }) } } })),
    },
  });

test.each([
  ['whole', undefined, ['later'], 3],
  ['by halves, down to the bad record', 'AUTOMATIC_BISECT', ['a', 'b', 'c', 'later'], 1],
])('a batch with a bad record is given up %s', (_, OnPartialBatchItemFailure, arrived, lost) =>
  running(
    {
      target: DETAIL,
      stream: { BatchSize: 4, MaximumBatchingWindowInSeconds: 1, OnPartialBatchItemFailure },
    },
    async (local) => {
      const { stack, clock } = local;
      await put(local, 'a', 'bad', 'b');
      await clock.advance(1000);
      await stack.settled();
      await put(local, 'c', 'later');
      await clock.advance(60_000);
      await stack.settled();
      const ids = new Set(records(local).map(({ n }) => n));
      for (const id of arrived) expect(ids).toContain(id);
      expect(of(local, 'pipe-given-up')).toMatchObject([
        { pipe: 'outbox-pipe', queue: 'dead', condition: 'RetryAttemptsExhausted', records: lost },
      ]);
    },
  ),
);

test.each<[string, Change, object]>([
  [
    'no dead-letter queue',
    { stream: { DeadLetterConfig: undefined } },
    { message: 'The pipe has no dead-letter queue.' },
  ],
  [
    'a role that may not send',
    { actions: ['events:PutEvents'] },
    { message: expect.stringMatching(/^The pipe's role may not send/) },
  ],
  [
    'no time left',
    { stream: { DeadLetterConfig: undefined, MaximumRetryAttempts: -1, MaximumRecordAgeInSeconds: 60 } },
    { condition: 'RecordAgeExceeded' },
  ],
])('with %s a record that fails is told to be lost', (_, change, told) =>
  running({ target: DETAIL, ...change }, async (local) => {
    await put(local, 'bad');
    await local.stack.settled();
    await local.clock.advance(120_000);
    await local.stack.settled();
    expect(of(local, 'pipe-lost')).toMatchObject([told]);
  }),
);

test('what is deleted by its time to live is told as DynamoDB’s own doing', () =>
  running({ view: 'OLD_IMAGE' }, async (local) => {
    const { write, stack, clock } = local;
    const expiresAt = { N: String(Math.floor(clock.now() / 1000) + 60) };
    await write('PutItem', { Item: { id: S('a'), expiresAt } });
    await clock.advance(2 * 60 * 60_000);
    for (let turn = 0; turn < 200 && records(local).length < 2; turn++)
      await stack.settled().then(() => new Promise(setImmediate));
    expect(records(local).at(-1)).toMatchObject({
      eventName: 'REMOVE',
      userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' },
      dynamodb: { OldImage: { id: S('a') } },
    });
  }));

test('what is not on the bus at the end is put there by the next run', async () => {
  const data = mkdtempSync(join(tmpdir(), 'pipe-'));
  try {
    const target = { InputTemplate: '{"n": <$.dynamodb.Keys.id.S>}' };
    await running(
      { target, actions: ['sqs:SendMessage'] },
      async (local) => {
        await put(local, 'left');
        await local.stack.settled();
        expect(events(local)).toEqual([]);
      },
      data,
    );
    await running(
      { target },
      async (local) => {
        await local.stack.settled();
        expect(records(local)).toEqual([{ n: 'left' }]);
      },
      data,
    );
  } finally {
    rmSync(data, { recursive: true });
  }
});

test('a pipe that is stopped puts nothing', () =>
  running({ target: DETAIL, pipe: { DesiredState: 'STOPPED' } }, async (local) => {
    await put(local, 'a');
    await local.stack.settled();
    expect(events(local)).toEqual([]);
  }));

test.each<[string, Change, string]>([
  [
    'a parameter',
    { target: { SqsQueueParameters: {} } },
    'does not know its property TargetParameters.SqsQueueParameters',
  ],
  ['a template', { target: { InputTemplate: '<detail>' } }, 'its InputTemplate has no variable <detail>.'],
])('%s that is not known stops the start with its name', async (_, change, message) => {
  await expect(running(change, async () => {})).rejects.toThrow(message);
});

test.each<[string, object, string]>([
  [
    'an enrichment',
    { Enrichment: 'arn:aws:lambda:us-east-1:000000000000:function:f' },
    'it has an enrichment',
  ],
  [
    'another target',
    { Target: { 'Fn::GetAtt': ['Dead', 'Arn'] } },
    'its target is not an event bus of this stack',
  ],
  [
    'another source',
    { Source: { 'Fn::GetAtt': ['Dead', 'Arn'] } },
    'its source is not the stream of a table of this stack',
  ],
  [
    'a dead-letter queue of elsewhere',
    {
      SourceParameters: {
        DynamoDBStreamParameters: {
          ...{
            StartingPosition: 'LATEST',
            DeadLetterConfig: { Arn: 'arn:aws:sqs:us-east-1:111122223333:dead' },
          },
        },
      },
    },
    'its dead-letter queue is not a queue of this stack',
  ],
])('a pipe with %s is named as one that does not run', (_, pipe, reason) => {
  const assembly = assemblyOf(pipedTable({ pipe }));
  expect(notRun(assembly)).toEqual([`AWS::Pipes::Pipe Pipe does not run here: ${reason}.`]);
  const unread = 'AWS::DynamoDB::Table Table runs without its StreamSpecification: nobody gets its changes.';
  expect(knownInPart(assembly)).toContain(unread);
});
