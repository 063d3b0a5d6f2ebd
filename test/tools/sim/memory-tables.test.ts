/** Tables in memory, in a thread and without one, answer as dynalite does on its own store. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import type { TableStore } from '../../../tools/local/services/table-store';
import { TableThread } from '../../../tools/local/services/table-thread';
import { MemoryTables } from '../../../tools/sim/memory-tables';

const TABLE = {
  KeySchema: [
    { AttributeName: 'id', KeyType: 'HASH' },
    { AttributeName: 'at', KeyType: 'RANGE' },
  ],
  AttributeDefinitions: [
    ...['id', 'at', 'day'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
    { AttributeName: 'size', AttributeType: 'N' },
  ],
  BillingMode: 'PAY_PER_REQUEST',
  GlobalSecondaryIndexes: [
    {
      IndexName: 'by-day',
      KeySchema: [
        { AttributeName: 'day', KeyType: 'HASH' },
        { AttributeName: 'at', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'ALL' },
    },
    {
      IndexName: 'by-size',
      KeySchema: [
        { AttributeName: 'day', KeyType: 'HASH' },
        { AttributeName: 'size', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['note'] },
    },
  ],
};

const directory = mkdtempSync(path.join(os.tmpdir(), 'tables-'));
const stores: TableStore[] = [];
beforeAll(() => {
  const place = { account: '000000000000', region: 'us-east-1' };
  // With a folder, it is dynalite on LevelDB.
  const dynalite = new TableThread({ ...place, directory });
  stores.push(dynalite, new MemoryTables(new Map()), new TableThread(place));
});
afterAll(async () => {
  await Promise.all(stores.map((store) => store.stop()));
  rmSync(directory, { recursive: true });
});

async function ask(store: TableStore, operation: string, input: object) {
  const { status, body } = await store.request(operation, JSON.stringify(input));
  return { status, answer: JSON.parse(body) };
}

/** Asks all stores the same. */
async function everywhere(operation: string, input: object) {
  const [dynalite, ...others] = await Promise.all(stores.map((store) => ask(store, operation, input)));
  return { dynalite, others };
}

let tables = 0;
/** @returns the name of a new table in all of them */
async function create(): Promise<string> {
  const TableName = `orders-${++tables}`;
  await everywhere('CreateTable', { ...TABLE, TableName });
  const isActive = async () => {
    const { dynalite, others } = await everywhere('DescribeTable', { TableName });
    return [dynalite, ...others].every((each) => each?.answer.Table.TableStatus === 'ACTIVE');
  };
  while (!(await isActive()));
  return TableName;
}

const text = fc.constantFrom('a', 'b', 'c', 'B', 'é');
const key = fc.record({ id: text, at: text }).map(({ id, at }) => ({ id: { S: id }, at: { S: at } }));
const query = (IndexName: string | undefined, name: string) =>
  fc
    .record({
      value: text,
      low: text,
      high: text,
      isForward: fc.boolean(),
      limit: fc.integer({ min: 1, max: 5 }),
    })
    .map(({ value, low, high, isForward, limit }): [string, object] => [
      'Query',
      {
        ...{ IndexName, ScanIndexForward: isForward, Limit: limit },
        KeyConditionExpression: `${name} = :value AND #at BETWEEN :low AND :high`,
        ExpressionAttributeNames: { '#at': 'at' },
        ExpressionAttributeValues: { ':value': { S: value }, ':low': { S: low }, ':high': { S: high } },
      },
    ]);
const item = fc
  .record({ key, day: text, size: fc.constantFrom('-12.5', '0', '3', '20'), note: fc.option(text) })
  .map(({ key: id, day, size, note }) => ({
    ...{ ...id, day: { S: day }, size: { N: size } },
    ...(note !== null && { note: { S: note } }),
  }));
const from = fc.option(key, { nil: undefined });
const request: fc.Arbitrary<[string, object]> = fc.oneof(
  item.map((Item): [string, object] => ['PutItem', { Item, ReturnConsumedCapacity: 'TOTAL' }]),
  key.map((Key): [string, object] => ['DeleteItem', { Key, ReturnValues: 'ALL_OLD' }]),
  key.map((Key): [string, object] => ['GetItem', { Key }]),
  fc.record({ key, day: text }).map(({ key: Key, day }): [string, object] => [
    'UpdateItem',
    {
      ...{ Key, UpdateExpression: 'SET #d = :day ADD #size :one', ReturnValues: 'ALL_NEW' },
      ExpressionAttributeNames: { '#d': 'day', '#size': 'size' },
      ExpressionAttributeValues: { ':day': { S: day }, ':one': { N: '1' } },
    },
  ]),
  query(undefined, 'id'),
  query('by-day', 'day'),
  fc.record({ value: text, isForward: fc.boolean() }).map(({ value, isForward }): [string, object] => [
    'Query',
    {
      ...{ IndexName: 'by-size', ScanIndexForward: isForward, KeyConditionExpression: '#d = :value' },
      ...{ ExpressionAttributeNames: { '#d': 'day' }, ExpressionAttributeValues: { ':value': { S: value } } },
    },
  ]),
  fc
    .record({ from, limit: fc.integer({ min: 1, max: 4 }) })
    .map(({ from: ExclusiveStartKey, limit: Limit }): [string, object] => [
      'Scan',
      { ExclusiveStartKey, Limit },
    ]),
  fc.integer({ min: 0, max: 2 }).map((Segment): [string, object] => ['Scan', { Segment, TotalSegments: 3 }]),
  fc
    .uniqueArray(key, { minLength: 1, maxLength: 3, selector: (each) => JSON.stringify(each) })
    .map((Keys): [string, object] => ['BatchGetItem', { RequestItems: { '<table>': { Keys } } }]),
  fc
    .record({ item, key })
    .map(({ item: Item, key: Key }): [string, object] => [
      'BatchWriteItem',
      { RequestItems: { '<table>': [{ PutRequest: { Item } }, { DeleteRequest: { Key } }] } },
    ]),
);

/** The input with the table's name. */
const inTable = (input: object, TableName: string): object => ({
  ...{ TableName, ...JSON.parse(JSON.stringify(input).replaceAll('<table>', TableName)) },
});

test('each request of a sequence has the same answer', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 40 }), async (requests) => {
      const TableName = await create();
      for (const [operation, input] of requests) {
        const { dynalite, others } = await everywhere(operation, inTable(input, TableName));
        for (const each of others)
          expect({ operation, input, ...each }).toEqual({ operation, input, ...dynalite });
      }
    }),
    { numRuns: 25 },
  );
});

test('what is refused is refused by the same error', async () => {
  const TableName = await create();
  for (const [operation, input] of [
    ['GetItem', { Key: {} }],
    ['GetItem', { TableName: 'none', Key: { id: { S: 'a' }, at: { S: 'a' } } }],
    ['PutItem', { Item: { id: { S: 'a' } } }],
  ] as const) {
    const { dynalite, others } = await everywhere(operation, { TableName, ...input });
    expect(dynalite?.status).toBe(400);
    for (const each of others) expect(each).toEqual(dynalite);
  }
});

test('tables are listed by name, from the one after a given one', async () => {
  const ExclusiveStartTableName = await create();
  await create();
  for (const input of [{}, { Limit: 1 }, { ExclusiveStartTableName }]) {
    const { dynalite, others } = await everywhere('ListTables', input);
    expect(dynalite?.answer.TableNames.length).toBeGreaterThan(0);
    for (const each of others) expect(each).toEqual(dynalite);
  }
});

test('a table that is deleted leaves nothing to one of its name', async () => {
  const TableName = await create();
  const Key = { id: { S: 'a' }, at: { S: 'b' } };
  const ResourceArn = `arn:aws:dynamodb:us-east-1:000000000000:table/${TableName}`;
  const [dynalite, , thread] = stores as [TableStore, TableStore, TableStore];
  const answers = [dynalite, thread].map(async (store) => {
    await ask(store, 'PutItem', { TableName, Item: Key });
    await ask(store, 'TagResource', { ResourceArn, Tags: [{ Key: 'team', Value: 'desk' }] });
    const tags = await ask(store, 'ListTagsOfResource', { ResourceArn });
    await ask(store, 'UntagResource', { ResourceArn, TagKeys: ['team'] });
    const untagged = await ask(store, 'ListTagsOfResource', { ResourceArn });
    const status = (await ask(store, 'DeleteTable', { TableName })).answer.TableDescription.TableStatus;
    const gone = await ask(store, 'GetItem', { TableName, Key });
    while ((await ask(store, 'DescribeTable', { TableName })).status === 200);
    const description = await ask(store, 'DescribeTable', { TableName });
    await ask(store, 'CreateTable', { ...TABLE, TableName });
    while ((await ask(store, 'DescribeTable', { TableName })).answer.Table.TableStatus !== 'ACTIVE');
    const items = await ask(store, 'Scan', { TableName });
    return { tags, untagged, status, gone, description, items };
  });
  const [expected, memory] = await Promise.all(answers);
  expect(expected?.items.answer.Count).toBe(0);
  expect(expected?.tags.answer.Tags).toHaveLength(1);
  expect(memory).toEqual(expected);
});
