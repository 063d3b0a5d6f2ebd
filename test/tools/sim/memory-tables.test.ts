/** Tables in memory answer as dynalite does on its own store. */
import fc from 'fast-check';
import type { TableStore } from '../../../tools/local/services/table-store';
import { TableThread } from '../../../tools/local/services/table-thread';
import { MemoryTables } from '../../../tools/sim/memory-tables';

const TABLE = {
  KeySchema: [
    { AttributeName: 'id', KeyType: 'HASH' },
    { AttributeName: 'at', KeyType: 'RANGE' },
  ],
  AttributeDefinitions: ['id', 'at', 'day'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
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
  ],
};

const stores: TableStore[] = [];
beforeAll(() => {
  stores.push(new MemoryTables(new Map()), new TableThread({ account: '000000000000', region: 'us-east-1' }));
});
afterAll(() => Promise.all(stores.map((store) => store.stop())));

async function ask(store: TableStore, operation: string, input: object) {
  const { status, body } = await store.request(operation, JSON.stringify(input));
  return { status, answer: JSON.parse(body) };
}

/** Asks both stores the same. */
async function both(operation: string, input: object) {
  const [memory, dynalite] = await Promise.all(stores.map((store) => ask(store, operation, input)));
  return [memory, dynalite];
}

let tables = 0;
/** @returns the name of a new table in both */
async function create(): Promise<string> {
  const TableName = `orders-${++tables}`;
  await both('CreateTable', { ...TABLE, TableName });
  const isActive = (each: Awaited<ReturnType<typeof ask>> | undefined) =>
    each?.answer.Table.TableStatus === 'ACTIVE';
  while (!(await both('DescribeTable', { TableName })).every(isActive));
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
const request: fc.Arbitrary<[string, object]> = fc.oneof(
  fc
    .record({ key, day: text })
    .map(({ key: id, day }): [string, object] => ['PutItem', { Item: { ...id, day: { S: day } } }]),
  key.map((Key): [string, object] => ['DeleteItem', { Key, ReturnValues: 'ALL_OLD' }]),
  key.map((Key): [string, object] => ['GetItem', { Key }]),
  fc.record({ key, day: text }).map(({ key: Key, day }): [string, object] => [
    'UpdateItem',
    {
      Key,
      UpdateExpression: 'SET #d = :day',
      ExpressionAttributeNames: { '#d': 'day' },
      ExpressionAttributeValues: { ':day': { S: day } },
    },
  ]),
  query(undefined, 'id'),
  query('by-day', 'day'),
);

test('each request of a sequence has the same answer', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 40 }), async (requests) => {
      const TableName = await create();
      for (const [operation, input] of requests) {
        const [memory, dynalite] = await both(operation, { TableName, ...input });
        expect({ operation, input, ...memory }).toEqual({ operation, input, ...dynalite });
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
    const [memory, dynalite] = await both(operation, { TableName, ...input });
    expect(memory?.status).toBe(400);
    expect(memory).toEqual(dynalite);
  }
});
