import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ManualClock } from '../../../../tools/local/services/clock';
import { type TableRequest, Tables } from '../../../../tools/local/services/tables';
import type { Step } from '../../../../tools/local/steps';
import { resource } from '../../template/resource';

const START = Date.parse('2026-01-01T00:00:00Z');
const orders = (properties: object = {}) =>
  resource('AWS::DynamoDB::Table', 'orders', {
    TableName: 'orders',
    KeySchema: [{ AttributeName: 'orderId', KeyType: 'HASH' }],
    AttributeDefinitions: [
      { AttributeName: 'orderId', AttributeType: 'S' },
      { AttributeName: 'day', AttributeType: 'S' },
    ],
    BillingMode: 'PAY_PER_REQUEST',
    GlobalSecondaryIndexes: [
      {
        IndexName: 'by-day',
        KeySchema: [
          { AttributeName: 'day', KeyType: 'HASH' },
          { AttributeName: 'orderId', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['status'] },
      },
    ],
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    ...properties,
  });
const account = { account: '000000000000', region: 'eu-west-1' };

let clock: ManualClock;
let tables: Tables | undefined;
let steps: Step[];
beforeEach(() => {
  clock = new ManualClock(START);
  steps = [];
});
afterEach(async () => {
  await tables?.stop();
  tables = undefined;
});

async function start(
  properties: object = {},
  options: { directory?: string; quiet?: boolean } = {},
): Promise<Tables> {
  const { quiet, ...others } = options;
  tables = await Tables.start([orders(properties)], clock, {
    ...account,
    ...others,
    ...(!quiet && { onStep: (step: Step) => steps.push(step) }),
  });
  return tables;
}
const key = (id: string) => ({ TableName: 'orders', Key: { orderId: { S: id } } });
const put = (id: string, more: object = {}) => ({
  TableName: 'orders',
  Item: { orderId: { S: id }, ...more },
});

test('answered requests are told, with the capacity that they used; who did not ask for it does not get it', async () => {
  const requests: TableRequest[] = [];
  tables = await Tables.start([orders()], clock, {
    ...account,
    onRequest: (each) => void requests.push(each),
  });
  expect(await tables.request('PutItem', put('a'))).toEqual({});
  const asked = await tables.request('GetItem', {
    ...key('a'),
    ConsistentRead: true,
    ReturnConsumedCapacity: 'TOTAL',
  });
  expect(asked.ConsumedCapacity).toEqual({ TableName: 'orders', CapacityUnits: 1 });
  const twice = { ...put('a'), ConditionExpression: 'attribute_not_exists(orderId)' };
  await expect(tables.request('PutItem', twice)).rejects.toThrow('conditional');
  await tables.request('DescribeTable', { TableName: 'orders' });
  expect(requests).toEqual([
    { operation: 'PutItem', tables: ['orders'], durationMs: 0, consumed: { orders: 1 } },
    { operation: 'GetItem', tables: ['orders'], durationMs: 0, consumed: { orders: 1 } },
    {
      ...{ operation: 'PutItem', tables: ['orders'], durationMs: 0, consumed: {} },
      error: { code: 'ConditionalCheckFailedException', status: 400 },
    },
  ]);
});

test("the template's tables are there, with keys, indexes and ARNs", async () => {
  const { Table } = await (await start()).request('DescribeTable', { TableName: 'orders' });
  expect(Table).toMatchObject({
    TableStatus: 'ACTIVE',
    TableArn: 'arn:aws:dynamodb:eu-west-1:000000000000:table/orders',
    KeySchema: [{ AttributeName: 'orderId', KeyType: 'HASH' }],
    GlobalSecondaryIndexes: [{ IndexName: 'by-day', IndexStatus: 'ACTIVE' }],
  });
});

test('an index is queried', async () => {
  const table = await start();
  await table.request('PutItem', put('a', { day: { S: '1' }, status: { S: 'PENDING' }, note: { S: 'x' } }));
  const { Items } = await table.request('Query', {
    TableName: 'orders',
    IndexName: 'by-day',
    KeyConditionExpression: '#d = :d',
    ExpressionAttributeNames: { '#d': 'day' },
    ExpressionAttributeValues: { ':d': { S: '1' } },
  });
  expect(Items).toEqual([{ orderId: { S: 'a' }, day: { S: '1' }, status: { S: 'PENDING' } }]);
});

test('a condition that fails is the error of the service, with the item if it was asked for', async () => {
  const table = await start();
  await table.request('PutItem', put('a', { n: { N: '1' } }));
  const failing = { ...put('a'), ConditionExpression: 'attribute_not_exists(orderId)' };
  await expect(table.request('PutItem', failing)).rejects.toMatchObject({
    code: 'ConditionalCheckFailedException',
    message: 'The conditional request failed',
    members: {},
  });
  await expect(
    table.request('PutItem', { ...failing, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }),
  ).rejects.toMatchObject({ members: { Item: { orderId: { S: 'a' }, n: { N: '1' } } } });
});

test('a table that is not there is the error of the service', async () => {
  await expect(
    (await start()).request('GetItem', { ...key('a'), TableName: 'nowhere' }),
  ).rejects.toMatchObject({
    code: 'ResourceNotFoundException',
    status: 400,
  });
});

describe('each write is a step with the item as it is then', () => {
  test('put, update and delete', async () => {
    const table = await start();
    await table.request(
      'PutItem',
      put('a', {
        n: { N: '1' },
        tags: { SS: ['x'] },
        m: { M: { l: { L: [{ BOOL: true }, { NULL: true }] } } },
      }),
    );
    const update = {
      ...key('a'),
      UpdateExpression: 'SET n = n + :one',
      ExpressionAttributeValues: { ':one': { N: '1' } },
    };
    expect(await table.request('UpdateItem', update)).toEqual({});
    expect(await table.request('UpdateItem', { ...update, ReturnValues: 'UPDATED_OLD' })).toEqual({
      Attributes: { n: { N: '2' } },
    });
    expect(await table.request('DeleteItem', key('a'))).toEqual({});
    const rest = { orderId: 'a', tags: ['x'], m: { l: [true, null] } };
    expect(steps).toEqual([
      { kind: 'item-written', table: 'orders', key: { orderId: 'a' }, item: { ...rest, n: 1 } },
      { kind: 'item-written', table: 'orders', key: { orderId: 'a' }, item: { ...rest, n: 2 } },
      { kind: 'item-written', table: 'orders', key: { orderId: 'a' }, item: { ...rest, n: 3 } },
      { kind: 'item-deleted', table: 'orders', key: { orderId: 'a' }, expired: false },
    ]);
  });

  test('a batch', async () => {
    const table = await start();
    await table.request('BatchWriteItem', {
      RequestItems: {
        orders: [
          { PutRequest: { Item: { orderId: { S: 'a' } } } },
          { DeleteRequest: { Key: { orderId: { S: 'b' } } } },
        ],
      },
    });
    expect(steps).toMatchObject([
      { kind: 'item-written', key: { orderId: 'a' } },
      { kind: 'item-deleted', key: { orderId: 'b' } },
    ]);
  });

  test('not a write that failed, nor a delete of nothing', async () => {
    const table = await start();
    await table.request('DeleteItem', key('a'));
    await expect(table.request('PutItem', put(''))).rejects.toMatchObject({ code: 'ValidationException' });
    expect(steps).toEqual([]);
  });
});

describe('time to live', () => {
  const seconds = (at: number) => ({ N: String(Math.floor(at / 1000)) });
  const hours = 60 * 60 * 1000;

  test('expired items go, others stay', async () => {
    const table = await start({ TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true } });
    await table.request('PutItem', put('soon', { expires: seconds(START + hours / 2) }));
    await table.request('PutItem', put('later', { expires: seconds(START + 48 * hours) }));
    await table.request('PutItem', put('never'));
    await table.request('PutItem', put('no number', { expires: { S: '1' } }));
    await table.request('PutItem', put('too long ago', { expires: { N: '1' } }));
    steps = [];
    await clock.advance(24 * hours);
    const { Items } = await table.request('Scan', { TableName: 'orders' });
    expect(Items.map((item: { orderId: { S: string } }) => item.orderId.S).sort()).toEqual([
      'later',
      'never',
      'no number',
      'too long ago',
    ]);
    expect(steps).toEqual([
      { kind: 'item-deleted', table: 'orders', key: { orderId: 'soon' }, expired: true },
    ]);
  });

  test('more items than one page expire', async () => {
    const table = await start(
      { TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true } },
      { quiet: true },
    );
    for (let n = 0; n < 8; n++) {
      await table.request(
        'PutItem',
        put(String(n), { expires: seconds(START), big: { S: 'x'.repeat(300_000) } }),
      );
    }
    await clock.advance(hours);
    expect(await table.request('Scan', { TableName: 'orders', Select: 'COUNT' })).toMatchObject({ Count: 0 });
  });

  test('is described as the template has it', async () => {
    const described = async (specification: object | undefined) => {
      await start(specification && { TimeToLiveSpecification: specification });
      const answer = await tables?.request('DescribeTimeToLive', { TableName: 'orders' });
      await tables?.stop();
      return answer?.TimeToLiveDescription;
    };
    expect(await described({ AttributeName: 'expires', Enabled: true })).toEqual({
      TimeToLiveStatus: 'ENABLED',
      AttributeName: 'expires',
    });
    expect(await described({ AttributeName: 'expires', Enabled: false })).toEqual({
      TimeToLiveStatus: 'DISABLED',
    });
    expect(await described(undefined)).toEqual({ TimeToLiveStatus: 'DISABLED' });
  });
});

test('a table that is protected against deletion cannot be deleted', async () => {
  const table = await start({ DeletionProtectionEnabled: true });
  await expect(table.request('DeleteTable', { TableName: 'orders' })).rejects.toMatchObject({
    code: 'ValidationException',
    message: expect.stringContaining('protected against deletion'),
  });
});

test('a property that is not known stops the start with its name', async () => {
  await expect(start({ ImportSourceSpecification: {} })).rejects.toThrow(
    /AWS::DynamoDB::Table Theorders: the local run does not know its property ImportSourceSpecification/,
  );
});

describe('with a directory', () => {
  let directory: string;
  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tables-'));
  });
  afterEach(async () => {
    await tables?.stop();
    fs.rmSync(directory, { recursive: true });
  });

  test('a restart finds the items again', async () => {
    await (await start({}, { directory })).request('PutItem', put('a', { n: { N: '1' } }));
    await tables?.stop();
    const { Item } = await (await start({}, { directory })).request('GetItem', key('a'));
    expect(Item).toEqual({ orderId: { S: 'a' }, n: { N: '1' } });
  });

  test('items under other keys are not taken for their own', async () => {
    await (await start({}, { directory })).stop();
    const other = {
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      GlobalSecondaryIndexes: undefined,
    };
    await expect(start(other, { directory })).rejects.toThrow(/holds the table orders with other keys/);
  });

  test('a folder that another run has open is an error', async () => {
    const first = await start({}, { directory });
    await expect(start({}, { directory })).rejects.toThrow(/cannot be opened .*Is another run using it\?/);
    await first.stop();
  });
});

test('an item of every type is told as plain JSON', async () => {
  const { request } = await start().then((started) => ({ request: started.request.bind(started) }));
  const Item = {
    ...{
      orderId: { S: 'o-1' },
      n: { N: '1.5' },
      ns: { NS: ['1', '2'] },
      ss: { SS: ['a'] },
      none: { NULL: true },
    },
    ...{
      yes: { BOOL: true },
      list: { L: [{ N: '1' }, { S: 'b' }] },
      map: { M: { a: { N: '2' } } },
      bytes: { B: 'eA==' },
    },
  };
  await request('PutItem', { TableName: 'orders', Item });
  expect(steps).toMatchObject([
    {
      kind: 'item-written',
      item: {
        ...{ orderId: 'o-1', n: 1.5, ns: [1, 2], ss: ['a'], none: null },
        ...{ yes: true, list: [1, 'b'], map: { a: 2 }, bytes: 'eA==' },
      },
    },
  ]);
});
