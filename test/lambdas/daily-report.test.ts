import './environment';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { FirehoseClient } from '@aws-sdk/client-firehose';
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import fc from 'fast-check';
import { DailyTally, parseReportRequest, reportedDay } from '../../lambdas/analytics/daily-report';
import { makeHandler } from '../../lambdas/analytics/handler';
import { CLIENT_CONFIG } from '../../lambdas/client-config';
import { PoisonEventError } from '../../lambdas/contract';
import { DailyReportGenerated } from '../../lambdas/events';
import { makeHandler as makeOrderProcessor } from '../../lambdas/order-processor/handler';
import { DAY_INDEX, DAY_KEY_INDEX, dayShards } from '../../lambdas/order-table';
import { PublishError } from '../../lambdas/publisher';
import reportGenerated from '../../samples/events/daily-report-generated.json';
import created from '../../samples/events/order-created.json';
import reportRequest from '../../samples/inputs/daily-report.json';
import { AwsEndpoint } from './aws-endpoint';
import { startDatabase, type TestDatabase } from './dynamodb';
import { invoke } from './invocation';

type Keys = readonly { readonly orderId: { readonly S: string } }[];

const NOW = '2026-01-16T09:00:01.500Z';

let database: TestDatabase;
let aws: AwsEndpoint;
let firehose: FirehoseClient;
let eventBridge: EventBridgeClient;
beforeAll(async () => {
  [database, aws] = await Promise.all([startDatabase(), AwsEndpoint.start()]);
  firehose = new FirehoseClient({ ...CLIENT_CONFIG, endpoint: aws.url });
  eventBridge = new EventBridgeClient({ ...CLIENT_CONFIG, endpoint: aws.url });
});
afterAll(async () => {
  firehose.destroy();
  eventBridge.destroy();
  await Promise.all([database.stop(), aws.stop()]);
});
beforeEach(() => aws.reset());

const ask = (
  request: unknown,
  { now = NOW, table = 'orders', index = DAY_INDEX.name as string, reportsTable = 'reports' } = {},
) =>
  invoke(
    makeHandler({
      table,
      index,
      reportsTable,
      dynamodb: database.client,
      firehose,
      eventBridge,
      now: () => new Date(now),
    }),
    request,
  );
/** Asks for the report of a day, some time later. */
const report = (date: string, more: object = {}, now = '2027-01-01T09:00:00Z') =>
  ask({ type: 'daily_report', date, ...more }, { now });

const published = () =>
  aws
    .inputs('PutEvents')
    .flatMap(({ Entries }) =>
      Entries.map(({ Detail, ...entry }: { Detail: string }) => ({ ...entry, detail: JSON.parse(Detail) })),
    );

const order = async (orderId: string, createdAt: string, total: number, status?: string) => {
  const process = makeOrderProcessor({ client: database.documents });
  const event = (detailType: string, detail: object) => ({
    ...created,
    'detail-type': detailType,
    id: `${detailType}-${orderId}`,
    detail: { orderId, ...detail },
  });
  await invoke(process, event('OrderCreated', { customerId: 'c', total, createdAt }));
  if (status) await invoke(process, event('OrderStatusChanged', { status }));
};
/** Items as the table may have them whatever code wrote them. */
const put = (...items: object[]) =>
  Promise.all(items.map((Item) => database.documents.send(new PutCommand({ TableName: 'orders', Item }))));

describe('the daily report', () => {
  test('of a day without orders says so', async () => {
    await ask({ type: 'daily_report', date: '2020-05-05T09:00:00Z' });
    expect(published()[0].detail).toMatchObject({
      date: '2020-05-04',
      orders: 0,
      grossRevenue: 0,
      netRevenue: 0,
      cancelled: 0,
      byStatus: {},
    });
  });

  test('counts the orders of the day before, in UTC, and their revenue, by the status they have now', async () => {
    await order('day-before', '2026-01-14T23:59:59.999Z', 1_000);
    await order('first', '2026-01-15T00:00:00Z', 0.1);
    await order('last', '2026-01-15T23:59:59.999Z', 0.2);
    await order('elsewhere', '2026-01-16T01:30:00+02:00', 0.3, 'SHIPPED');
    await order('gone', '2026-01-15T12:00:00Z', 49.99, 'CANCELLED');
    await order('day-after', '2026-01-16T00:00:00Z', 1_000);
    const { response, lines, metrics } = await ask(reportRequest);
    expect(response).toMatchObject({ statusCode: 200 });
    const [{ detail, ...entry }] = published();
    expect(entry).toMatchObject({
      EventBusName: 'bus',
      Source: 'app.analytics',
      DetailType: 'DailyReportGenerated',
    });
    expect(detail).toMatchObject({
      date: '2026-01-15',
      orders: 4,
      revenue: 50.59,
      grossRevenue: 50.59,
      netRevenue: 0.6,
      cancelled: 1,
      byStatus: {
        CANCELLED: { orders: 1, revenue: 49.99 },
        PENDING: { orders: 2, revenue: 0.3 },
        SHIPPED: { orders: 1, revenue: 0.3 },
      },
      revision: 1,
      generatedAt: NOW,
      metadata: { eventId: 'daily-report-2026-01-15', correlationId: 'daily-report-2026-01-15' },
    });
    expect(detail).not.toHaveProperty('replaces');
    expect(detail).not.toHaveProperty('unknownStatus');
    expect(lines).toMatchObject([
      { level: 'INFO', message: 'daily_report', eventId: 'daily-report-2026-01-15', outcome: 'published' },
    ]);
    expect(metrics).toEqual({ DailyReportsPublished: 1 });
  });

  test('is not written to the stream by itself: as an event it comes back by the rule for all events', async () => {
    await ask(reportRequest);
    expect(aws.inputs('PutRecordBatch')).toEqual([]);
    const delivered = { ...reportGenerated, detail: published()[0].detail };
    expect(DailyReportGenerated.parse(delivered).metadata.eventId).toBe('daily-report-2026-01-15');
    await ask(delivered);
    const [{ Records: records }] = aws.inputs('PutRecordBatch');
    expect(JSON.parse(Buffer.from(records[0].Data, 'base64').toString())).toMatchObject({
      eventId: 'daily-report-2026-01-15',
      detail: { orders: 4 },
    });
  });

  test('tells whoever invoked the function which report it made, and of what', async () => {
    const { response } = await report('2026-01-15');
    expect(JSON.parse(response?.body ?? '')).toEqual({
      date: '2026-01-15',
      outcome: 'published',
      eventId: 'daily-report-2026-01-15',
      revision: 1,
      figures: expect.objectContaining({ orders: 4, netRevenue: 0.6 }),
    });
  });

  test('reads all pages of all shards', async () => {
    const day = '2026-03-10';
    const items = dayShards(day).flatMap((dayShard) =>
      [1, 2, 3, 4, 5].map((n) => ({ orderId: `${dayShard}-${n}`, dayShard, total: 1, status: 'PENDING' })),
    );
    await put(...items);
    // Pages end at 1 MB; here they end at two orders.
    let pages = 0;
    const { middlewareStack } = database.client;
    middlewareStack.add(
      (next, context) => (args) => {
        if (context.commandName !== 'QueryCommand') return next(args);
        pages++;
        return next({ ...args, input: { ...args.input, Limit: 2 } });
      },
      { step: 'initialize', name: 'shortPages' },
    );
    await report('2026-03-10');
    middlewareStack.remove('shortPages');
    expect(pages).toBe(3 * dayShards(day).length);
    expect(published()[0].detail).toMatchObject({ orders: 40, grossRevenue: 40 });
  });

  test('that cannot be published is an error with the code of the service, and the retry publishes the same event', async () => {
    await order('one', '2026-04-01T12:00:00Z', 1);
    aws.answerNext('PutEvents', () => ({ error: 'AccessDeniedException', message: 'not authorized' }));
    const { error, lines, metrics } = await report('2026-04-01');
    expect(error).toBeInstanceOf(PublishError);
    expect(lines).toMatchObject([
      { level: 'ERROR', outcome: 'failed', error: 'PublishError', message: 'daily_report' },
    ]);
    expect(metrics).toEqual({});
    await report('2026-04-01');
    expect(published().at(-1).detail).toMatchObject({
      revision: 1,
      metadata: { eventId: 'daily-report-2026-04-01' },
    });
  });

  test.each(['table', 'reportsTable'])(
    'without the %s is an error, and nothing is published',
    async (table) => {
      const { error } = await ask(reportRequest, { [table]: 'no-such-table' });
      expect(error).toMatchObject({ name: 'ResourceNotFoundException' });
      expect(published()).toEqual([]);
    },
  );
});

describe('a report by an index of keys alone', () => {
  const DAY = '2026-03-11';
  const request = { type: 'daily_report', date: DAY };
  const later = '2027-01-01T09:00:00Z';
  /** Figures of the day, published twice: by the index of keys, and by the one with each status. */
  const figures = async () => {
    for (const { name: index } of [DAY_KEY_INDEX, DAY_INDEX]) await ask(request, { index, now: later });
    return published().map(({ detail: { metadata, generatedAt, ...detail } }) => detail);
  };
  /**
   * Leaves orders out of the answers to BatchGetItem.
   * @param left those that it leaves out, of the keys of a call
   * @param isTold whether the answer names them as unprocessed
   * @returns the numbers of keys that were asked for
   */
  const leavingOut = (left: (keys: Keys) => Keys, isTold = true) => {
    const asked: number[] = [];
    const { requestHandler } = database.client.config;
    const handle = requestHandler.handle.bind(requestHandler);
    jest.spyOn(requestHandler, 'handle').mockImplementation(async (request, options) => {
      if (!request.headers['x-amz-target']?.endsWith('.BatchGetItem')) return handle(request, options);
      const input = JSON.parse(new TextDecoder().decode(request.body));
      const { orders } = input.RequestItems;
      const out = left(orders.Keys);
      asked.push(orders.Keys.length);
      orders.Keys = orders.Keys.filter((key: Keys[number]) => !out.includes(key));
      const answer = orders.Keys.length > 0 ? await send(request, input, options ?? {}) : { Responses: {} };
      const UnprocessedKeys = out.length > 0 && isTold ? { orders: { Keys: out } } : {};
      const body = Readable.from([Buffer.from(JSON.stringify({ ...answer, UnprocessedKeys }))]);
      return { response: { statusCode: 200, headers: {}, body } as never };
    });
    const send = async (request: Parameters<typeof handle>[0], input: object, options: object) => {
      const body = JSON.stringify(input);
      const headers = { ...request.headers, 'content-length': String(Buffer.byteLength(body)) };
      const { response } = await handle({ ...request, headers, body } as typeof request, options);
      return JSON.parse(await text(response.body));
    };
    return asked;
  };
  afterEach(() => jest.restoreAllMocks());

  test('counts what the other index counts, in batches of a hundred keys', async () => {
    const [shard] = dayShards(DAY);
    const items = Array.from({ length: 230 }, (_, n) => ({
      ...{ orderId: `batch-${n}`, dayShard: shard, total: n, status: n % 3 ? 'SHIPPED' : 'CANCELLED' },
    }));
    // No more at once than the client has connections.
    for (let at = 0; at < items.length; at += 46) await put(...items.slice(at, at + 46));
    await order('in-another-shard', `${DAY}T12:00:00Z`, 0.5, 'DELIVERED');
    await put({ orderId: 'damaged', dayShard: shard, status: 7 });
    const asked = leavingOut(() => []);
    const [byKey, byStatus] = await figures();
    expect(byKey).toEqual(byStatus);
    expect(byKey).toMatchObject({ orders: 232, withoutTotal: 1, byStatus: { DELIVERED: { orders: 1 } } });
    expect(Math.max(...asked)).toBe(100);
    expect(asked.reduce((sum, keys) => sum + keys, 0)).toBe(232);
  });

  test('asks again for orders that DynamoDB left out, and counts each once', async () => {
    const refused = new Set<string>();
    leavingOut((keys) => {
      const left = keys.filter(({ orderId: { S } }) => S.endsWith('7') && !refused.has(S));
      for (const { orderId } of left) refused.add(orderId.S);
      return left;
    });
    const [byKey, byStatus] = await figures();
    expect(refused.size).toBeGreaterThan(20);
    expect(byKey).toEqual(byStatus);
    expect(byKey).toMatchObject({ orders: 232 });
  });

  test('fails if they are left out every time, and leaves out an order that is gone', async () => {
    const asked = leavingOut((keys) => keys);
    const { error } = await ask(request, { index: DAY_KEY_INDEX.name, now: later });
    expect(error).toMatchObject({ name: 'UnreadOrdersError', table: 'orders' });
    const { count } = error as { count: number };
    expect(asked.filter((keys) => keys === count)).toHaveLength(4);
    expect(published()).toEqual([]);
    jest.restoreAllMocks();
    leavingOut((keys) => keys.slice(0, 1), false);
    await ask(request, { index: DAY_KEY_INDEX.name, now: later });
    expect(published()[0].detail.orders).toBeLessThan(232);
  });
});

describe('a day that is reported again', () => {
  const ids = () => published().map(({ detail }) => detail.metadata.eventId);

  test('is the same event if nothing has changed, whoever asks and when', async () => {
    await order('only', '2026-02-10T12:00:00Z', 5);
    await report('2026-02-10');
    await report('2026-02-11T09:00:59Z', {}, '2026-02-12T00:00:00Z');
    expect(ids()).toEqual(['daily-report-2026-02-10', 'daily-report-2026-02-10']);
  });

  test('is a new revision with an event id of its own, which says what it replaces, once an order came late', async () => {
    await order('early', '2026-02-11T12:00:00Z', 5);
    await report('2026-02-11');
    await order('late', '2026-02-11T13:00:00Z', 7);
    await report('2026-02-11');
    await report('2026-02-11');
    await order('early', '2026-02-11T12:00:00Z', 5, 'CANCELLED');
    await report('2026-02-11');
    expect(published().map(({ detail }) => detail)).toMatchObject([
      { revision: 1, orders: 1, metadata: { eventId: 'daily-report-2026-02-11' } },
      {
        revision: 2,
        orders: 2,
        replaces: 'daily-report-2026-02-11',
        metadata: { eventId: 'daily-report-2026-02-11-r2' },
      },
      {
        revision: 2,
        orders: 2,
        replaces: 'daily-report-2026-02-11',
        metadata: { eventId: 'daily-report-2026-02-11-r2' },
      },
      {
        revision: 3,
        netRevenue: 7,
        replaces: 'daily-report-2026-02-11-r2',
        metadata: { eventId: 'daily-report-2026-02-11-r3' },
      },
    ]);
  });

  test('by two calls at the same time has one revision more, never two of the same number', async () => {
    await order('first', '2026-02-12T12:00:00Z', 5);
    await report('2026-02-12');
    await order('second', '2026-02-12T12:00:00Z', 5);
    // Not by `report`: each call would silence the other's output.
    const handler = makeHandler({ dynamodb: database.client, firehose, eventBridge });
    const request = { type: 'daily_report', date: '2026-02-12' };
    await invoke(
      async (_, context) => Promise.all([handler(request, context), handler(request, context)]),
      request,
    );
    expect(new Set(ids())).toEqual(new Set(['daily-report-2026-02-12', 'daily-report-2026-02-12-r2']));
    const { Item: last } = await database.documents.send(
      new GetCommand({ TableName: 'reports', Key: { date: '2026-02-12' } }),
    );
    expect(last).toMatchObject({ revision: 2 });
  });

  test('only if it has none does nothing but tell of the one that it has', async () => {
    await order('known', '2026-02-13T12:00:00Z', 5);
    await report('2026-02-13', { onlyIfMissing: true });
    await order('later', '2026-02-13T12:00:00Z', 5);
    const { response, metrics, lines } = await report('2026-02-13', { onlyIfMissing: true });
    expect(published()).toHaveLength(1);
    expect(JSON.parse(response?.body ?? '')).toMatchObject({
      outcome: 'made before',
      revision: 1,
      figures: { orders: 1 },
    });
    expect(metrics).toEqual({});
    expect(lines).toMatchObject([{ outcome: 'made before' }]);
  });
});

describe('an item that is damaged', () => {
  test('has its order counted all the same, and the report says what is odd', async () => {
    const [shard] = dayShards('2026-03-20');
    await order('whole', '2026-03-20T12:00:00Z', 10);
    await put(
      { orderId: 'odd-1', dayShard: shard, status: 'PACKED', total: 5 },
      { orderId: 'odd-2', dayShard: shard, total: 2 },
      { orderId: 'odd-3', dayShard: shard, status: 7, total: 1 },
      { orderId: 'odd-4', dayShard: shard, status: 'constructor', total: 1 },
      { orderId: 'odd-5', dayShard: shard, status: 'PENDING', total: 'twelve' },
      { orderId: 'odd-6', dayShard: shard, status: 'PENDING' },
    );
    const { error } = await report('2026-03-20');
    expect(error).toBeUndefined();
    expect(published()[0].detail).toMatchObject({
      orders: 7,
      grossRevenue: 19,
      netRevenue: 19,
      byStatus: { PENDING: { orders: 3, revenue: 10 } },
      unknownStatus: { orders: 4, revenue: 9 },
      withoutTotal: 2,
    });
  });
});

describe('the day that is asked for', () => {
  const dayOf = (date: string, now = NOW) =>
    reportedDay(parseReportRequest({ type: 'daily_report', date }), new Date(now));

  test.each([
    ['a time, as the schedule sends it', '2026-01-16T09:00:00Z', '2026-01-15'],
    ['a time in another zone', '2026-01-16T01:00:00+02:00', '2026-01-14'],
    ['a time at the turn of a year', '2026-01-01T09:00:00Z', '2025-12-31'],
    ['a time after a leap day', '2024-03-01T00:00:00Z', '2024-02-29'],
    ['a day', '2026-01-15', '2026-01-15'],
    ['today: the report made today, of the day before', 'today', '2026-01-15'],
  ])('%s', (_, date, day) => {
    expect(dayOf(date)).toBe(day);
  });

  test('of "today" changes at midnight UTC', () => {
    expect(dayOf('today', '2026-03-01T00:00:00.000Z')).toBe('2026-02-28');
    expect(dayOf('today', '2026-02-28T23:59:59.999Z')).toBe('2026-02-27');
  });

  test.each(['yesterday', 20260116, undefined, null, '2026-02-30', '2026-02-30T09:00:00Z', '2026-1-5', ''])(
    '%p is poison that names it',
    async (date) => {
      const { error } = await ask({ type: 'daily_report', date });
      expect(error).toBeInstanceOf(PoisonEventError);
      expect(error).toMatchObject({ field: 'date' });
      expect((error as Error).message).toContain(
        typeof date === 'string' ? 'a time as in' : 'expected string',
      );
      expect(aws.calls).toEqual([]);
    },
  );

  test.each([
    ['2026-01-16', '2026-01-16 is not over (UTC): ask for it tomorrow, or add "partial": true.'],
    ['2026-01-17T00:00:00Z', '2026-01-16 is not over (UTC)'],
    ['2026-01-17', '2026-01-17 has not begun (UTC).'],
  ])('%s is refused before it is over', async (date, reason) => {
    const { error } = await ask({ type: 'daily_report', date });
    expect(error).toBeInstanceOf(PoisonEventError);
    expect((error as Error).message).toContain(reason);
    expect(aws.calls).toEqual([]);
  });

  test('is refused once orders of it may be gone, so that no report counts fewer than there were', () => {
    const ask = (now: string) =>
      reportedDay(parseReportRequest({ type: 'daily_report', date: '2026-01-15' }), new Date(now), 15);
    expect(ask('2026-01-29T23:59:59.999Z')).toBe('2026-01-15');
    expect(() => ask('2026-01-30T00:00:00Z')).toThrow(
      'date: 2026-01-15 is too long ago: orders are kept for 15 days after their last change.',
    );
  });

  test('may be the present one for a partial report, which no later report replaces', async () => {
    await order('so-far', '2026-01-16T08:00:00Z', 3);
    const { lines, metrics } = await ask({ type: 'daily_report', date: '2026-01-16', partial: true });
    expect(lines).toMatchObject([{ outcome: 'partial' }]);
    // It is not the report that the alarm waits for.
    expect(metrics).toEqual({});
    await report('2026-01-16');
    expect(published().map(({ detail }) => detail)).toMatchObject([
      { partial: true, orders: 2, metadata: { eventId: `daily-report-2026-01-16-partial-${NOW}` } },
      { revision: 1, orders: 2, metadata: { eventId: 'daily-report-2026-01-16' } },
    ]);
    expect(published()[1].detail).not.toHaveProperty('replaces');
  });

  test('is no partial one once it is over, whatever was asked for', async () => {
    await report('2026-01-14', { partial: true });
    expect(published()[0].detail).not.toHaveProperty('partial');
  });
});

describe('the sums', () => {
  /** Every total that the contract of OrderCreated allows. */
  const total = fc
    .oneof(
      fc.integer({ min: 0, max: 100_000_000 }).map((cents) => cents / 100),
      fc.double({ min: 0, max: Number.MAX_SAFE_INTEGER, noNaN: true }),
      fc.constantFrom(0, 1e-130, 1e-7, 0.00001, 0.1, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1),
    )
    .filter((value) => value === 0 || value >= 1e-130);

  /** Number in units of 10^-500, from its shortest text: an independent way to the exact sum. */
  const units = (value: number): bigint => {
    const [, digits = '', exponent = ''] = /^(\d\.\d*)e([+-]\d+)$/.exec(value.toExponential(20)) ?? [];
    const shortest = Number.parseFloat(`${digits}e${exponent}`);
    const [mantissa = '', power = '0'] = shortest.toExponential().split('e');
    const [whole = '', fraction = ''] = mantissa.split('.');
    return BigInt(whole + fraction) * 10n ** BigInt(500 + Number(power) - fraction.length);
  };
  const figures = (totals: readonly number[], write: (value: number) => string = String) => {
    const tally = new DailyTally();
    for (const [index, value] of totals.entries()) {
      tally.add({ status: { S: index % 3 === 0 ? 'CANCELLED' : 'SHIPPED' }, total: { N: write(value) } });
    }
    return tally.figures();
  };
  const nearest = (totals: readonly number[]) =>
    Number(`${totals.map(units).reduce((sum, value) => sum + value, 0n)}e-500`);

  test('are the numbers nearest to the exact ones, for every total that the contract allows', () => {
    fc.assert(
      fc.property(fc.array(total, { minLength: 1, maxLength: 40 }), (totals) => {
        const { grossRevenue, netRevenue, revenue } = figures(totals);
        expect(grossRevenue).toBe(nearest(totals));
        expect(revenue).toBe(grossRevenue);
        expect(netRevenue).toBe(nearest(totals.filter((_, index) => index % 3 !== 0)));
      }),
    );
  });

  test('do not depend on the order of the orders, nor on how DynamoDB writes a number', () => {
    fc.assert(
      fc.property(
        fc.array(
          total.filter((value) => value >= 1e-6 || value === 0),
          { minLength: 1 },
        ),
        (totals) => {
          const exponents = figures(totals, (value) => value.toExponential().replace('e', 'E'));
          expect(exponents).toEqual(figures(totals));
          const tally = new DailyTally();
          for (const value of [...totals].reverse())
            tally.add({ status: { S: 'SHIPPED' }, total: { N: `${value}` } });
          expect(tally.figures().grossRevenue).toBe(figures(totals).grossRevenue);
        },
      ),
    );
  });

  test('of very many of the largest totals are exact, too', () => {
    const tally = new DailyTally();
    for (let index = 0; index < 100_000; index++) {
      tally.add({ status: { S: 'SHIPPED' }, total: { N: `${Number.MAX_SAFE_INTEGER}` } });
    }
    expect(tally.figures().grossRevenue).toBe(Number(9_007_199_254_740_991n * 100_000n));
  });
});
