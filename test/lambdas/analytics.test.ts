import './environment';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { FirehoseClient } from '@aws-sdk/client-firehose';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import fc from 'fast-check';
import { DailyTally, reportedDay } from '../../lambdas/analytics/daily-report';
import { makeHandler, RecordRefusedError } from '../../lambdas/analytics/handler';
import { analyticsRecord, RECORD_SIZE, recordLine } from '../../lambdas/analytics/record';
import { CLIENT_CONFIG } from '../../lambdas/client-config';
import { DailyReportGenerated, PoisonEventError } from '../../lambdas/events';
import { makeHandler as makeOrderProcessor } from '../../lambdas/order-processor/handler';
import { dayShard, dayShards } from '../../lambdas/order-table';
import { PublishError } from '../../lambdas/publisher';
import reportGenerated from '../../samples/events/daily-report-generated.json';
import minimalCreated from '../../samples/events/minimal-order-created.json';
import created from '../../samples/events/order-created.json';
import poison from '../../samples/events/poison.json';
import unknownType from '../../samples/events/unknown-type.json';
import reportRequest from '../../samples/inputs/daily-report.json';
import { AwsEndpoint } from './aws-endpoint';
import { startDatabase, type TestDatabase } from './dynamodb';
import { invoke } from './invocation';

const NOW = '2026-01-16T09:00:01.500Z';

let database: TestDatabase;
let aws: AwsEndpoint;
let firehose: FirehoseClient;
let eventBridge: EventBridgeClient;
const pauses: number[] = [];
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
beforeEach(() => {
  aws.reset();
  pauses.length = 0;
});

const analyse = (event: unknown, table = 'orders') =>
  invoke(
    makeHandler({
      table,
      dynamodb: database.documents,
      firehose,
      eventBridge,
      now: () => new Date(NOW),
      backoff: { sleep: async (ms) => pauses.push(ms), random: () => 0.5 },
    }),
    event,
  );

/** What the stream got, as text. */
const written = () =>
  aws
    .inputs('PutRecordBatch')
    .flatMap(({ Records }) =>
      Records.map(({ Data }: { Data: string }) => Buffer.from(Data, 'base64').toString()),
    );

describe('a record', () => {
  test('is one line of JSON with the ids, the type, the version, the time and the detail', async () => {
    const { response } = await analyse(reportGenerated);
    expect(response).toEqual({ statusCode: 200 });
    const [line] = written();
    expect(line).toMatch(/^\{[^\n]*\}\n$/);
    const { metadata, ...detail } = reportGenerated.detail;
    expect(JSON.parse(line)).toEqual({
      eventId: metadata.eventId,
      source: 'app.analytics',
      type: 'DailyReportGenerated',
      version: 1,
      time: '2026-01-16T09:00:01.000Z',
      correlationId: metadata.correlationId,
      detail,
    });
    expect(aws.inputs('PutRecordBatch')[0]).toMatchObject({ DeliveryStreamName: 'analytics' });
  });

  test('of an order has no personal field of its contract', async () => {
    await analyse(created);
    const [line] = written();
    expect(JSON.parse(line).detail).toEqual({
      orderId: 'order-1001',
      customerId: 'customer-42',
      items: [{ sku: 'book-1', quantity: 2, price: 49.995 }],
      total: 99.99,
      createdAt: '2026-01-15T10:00:00.000Z',
    });
    expect(line).not.toContain('jane');
  });

  test('of an event without metadata is known by its envelope', () => {
    expect(analyticsRecord(minimalCreated)).toMatchObject({
      eventId: minimalCreated.id,
      correlationId: minimalCreated.id,
      version: 1,
    });
  });

  test('tells what caused the event', () => {
    const caused = { ...created, detail: { metadata: { causationId: 'cause-1' } } };
    expect(analyticsRecord(caused)).toMatchObject({ causationId: 'cause-1', eventId: created.id });
  });

  test('is made of types without a contract too, with e-mail addresses redacted wherever they stand', async () => {
    await analyse({
      ...unknownType,
      detail: {
        ...unknownType.detail,
        metadata: { eventId: 'payment-1', version: 7, contact: 'a@b.example' },
        notes: [
          'call Jane <jane.o’hara+x@mail.example.co.uk>, or joe@example.com.',
          { deep: [['Jörg@exämple.de']] },
        ],
        'jane@example.com': true,
        link: 'https://shop.example/?user=jane%40example.com&x=1',
        handle: '@jane',
        amount: 99.99,
      },
    });
    const record = JSON.parse(written()[0]);
    expect(record).toMatchObject({
      eventId: 'payment-1',
      source: 'app.payments',
      type: 'PaymentReceived',
      version: 7,
      detail: {
        paymentId: 'pay-77',
        payer: '[redacted]',
        metadata: { contact: '[redacted]' },
        '[redacted]': true,
        notes: [expect.stringContaining('[redacted]'), { deep: [['[redacted]']] }],
        handle: '@jane',
        amount: 99.99,
      },
    });
    expect(JSON.stringify(record)).not.toMatch(/example\.co\.uk|joe@|%40/);
  });

  test('is made of an event that no consumer can process: what happened is counted all the same', async () => {
    const { response } = await analyse(poison);
    expect(response).toEqual({ statusCode: 200 });
    expect(JSON.parse(written()[0])).toMatchObject({
      eventId: 'order-1003-created',
      detail: { total: 'twelve' },
    });
    expect(analyticsRecord({ ...poison, detail: { metadata: 'text' } })).toMatchObject({
      eventId: poison.id,
    });
    expect(analyticsRecord({ ...poison, detail: { metadata: { eventId: {}, version: '2' } } })).toMatchObject(
      {
        eventId: poison.id,
        version: 1,
      },
    );
  });

  test('of any detail is one line within the limit, with no address in it, and never fails', () => {
    const address = fc.constantFrom('jane@example.com', 'x <joe.doe@mail.example.org>', '\n a@b.cd "quoted"');
    const detail = fc.dictionary(
      fc.oneof(fc.string(), address),
      fc.jsonValue({ maxDepth: 3 }).chain((value) => fc.oneof(fc.constant(value), address)),
    );
    fc.assert(
      fc.property(detail, (fields) => {
        const text = Buffer.from(recordLine(analyticsRecord({ ...unknownType, detail: fields }))).toString();
        expect(text.indexOf('\n')).toBe(text.length - 1);
        expect(JSON.parse(text)).toHaveProperty('detail');
        expect(text).not.toMatch(/jane@|joe\.doe@|a@b\.cd/);
      }),
    );
  });

  test('that would be over the limit of Firehose leaves its detail out and says how large it was', async () => {
    const text = 'x'.repeat(RECORD_SIZE);
    const { response } = await analyse({ ...unknownType, detail: { text } });
    expect(response).toEqual({ statusCode: 200 });
    expect(JSON.parse(written()[0])).toMatchObject({
      eventId: unknownType.id,
      detail: null,
      omittedDetailBytes: RECORD_SIZE + '{"text":""}'.length,
    });
    const fitting =
      RECORD_SIZE - recordLine(analyticsRecord({ ...unknownType, detail: { text: '' } })).byteLength;
    const line = recordLine(analyticsRecord({ ...unknownType, detail: { text: 'x'.repeat(fitting) } }));
    expect(line.byteLength).toBe(RECORD_SIZE);
    expect(JSON.parse(Buffer.from(line).toString())).not.toHaveProperty('omittedDetailBytes');
  });

  test('of a detail nested without end is cut, in depth', () => {
    const levels = 50_000;
    const nested = JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`);
    expect(() => recordLine(analyticsRecord({ ...unknownType, detail: nested }))).not.toThrow();
  });

  test('of a megabyte without an address is made in linear time', () => {
    const started = performance.now();
    for (const filler of ['a', '@', 'a@', '.', 'a.'])
      analyticsRecord({ ...unknownType, detail: { text: filler.repeat(1_000_000 / filler.length) } });
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('is one short line in the log, without the detail', async () => {
    const { lines, metrics, output } = await analyse(created);
    expect(lines).toEqual([
      {
        level: 'INFO',
        timestamp: expect.any(String),
        service: 'service-under-test',
        message: 'OrderCreated',
        eventId: 'order-1001-created',
        correlationId: 'checkout-7',
        orderId: 'order-1001',
        outcome: 'recorded',
      },
    ]);
    expect(metrics).toEqual({});
    expect(output).not.toMatch(/jane|customer/);
  });

  test('of what is no event is not made: that is poison', async () => {
    for (const event of [null, 'text', {}, { ...created, time: 'yesterday' }, { ...created, detail: null }]) {
      const { error, metrics } = await analyse(event);
      expect(error).toBeInstanceOf(PoisonEventError);
      expect(metrics).toEqual({ PoisonEvents: 1 });
    }
    expect(aws.calls).toEqual([]);
  });
});

describe('a stream that refuses', () => {
  const refusal = () => ({
    body: {
      FailedPutCount: 1,
      RequestResponses: [{ ErrorCode: 'ServiceUnavailableException', ErrorMessage: 'Slow down.' }],
    },
  });

  test('for a moment gets the record again, after growing pauses with jitter', async () => {
    aws.answerNext('PutRecordBatch', refusal, refusal, refusal);
    const { response } = await analyse(created);
    expect(response).toEqual({ statusCode: 200 });
    expect(aws.inputs('PutRecordBatch')).toHaveLength(4);
    expect(pauses).toEqual([50, 100, 200]);
  });

  test('for longer ends in a typed error with the code of the service', async () => {
    aws.answerNext('PutRecordBatch', refusal, refusal, refusal, refusal);
    const { error, lines } = await analyse(created);
    expect(error).toBeInstanceOf(RecordRefusedError);
    expect(error).toMatchObject({ stream: 'analytics', code: 'ServiceUnavailableException' });
    expect(lines).toMatchObject([
      {
        level: 'ERROR',
        outcome: 'failed',
        reason: 'Firehose stream analytics refused the record: ServiceUnavailableException: Slow down.',
      },
    ]);
    expect(aws.inputs('PutRecordBatch')).toHaveLength(4);
  });

  test('the call as a whole is an error that Lambda retries', async () => {
    aws.answerNext('PutRecordBatch', () => ({
      error: 'ResourceNotFoundException',
      message: 'no such stream',
    }));
    expect((await analyse(created)).error).toMatchObject({ name: 'ResourceNotFoundException' });
    expect(aws.inputs('PutRecordBatch')).toHaveLength(1);
  });
});

describe('the daily report', () => {
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
  const published = () => aws.inputs('PutEvents').flatMap(({ Entries }) => Entries);

  test('of a day without orders says so', async () => {
    await analyse({ type: 'daily_report', date: '2020-05-05T09:00:00Z' });
    expect(JSON.parse(published()[0].Detail)).toMatchObject({
      date: '2020-05-04',
      orders: 0,
      revenue: 0,
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
    const { response, lines, metrics } = await analyse(reportRequest);
    expect(response).toEqual({ statusCode: 200 });
    const [entry] = published();
    expect(entry).toMatchObject({
      EventBusName: 'bus',
      Source: 'app.analytics',
      DetailType: 'DailyReportGenerated',
    });
    expect(JSON.parse(entry.Detail)).toEqual({
      date: '2026-01-15',
      orders: 4,
      revenue: 50.59,
      byStatus: {
        CANCELLED: { orders: 1, revenue: 49.99 },
        PENDING: { orders: 2, revenue: 0.3 },
        SHIPPED: { orders: 1, revenue: 0.3 },
      },
      generatedAt: NOW,
      metadata: {
        eventId: 'daily-report-2026-01-15',
        version: 1,
        correlationId: 'daily-report-2026-01-15',
      },
    });
    expect(lines).toMatchObject([
      {
        level: 'INFO',
        message: 'daily_report',
        eventId: 'daily-report-2026-01-15',
        outcome: 'published',
      },
    ]);
    expect(metrics).toEqual({ DailyReportsPublished: 1 });
  });

  test('is not written to the stream by itself: as an event it comes back by the rule for all events', async () => {
    await analyse(reportRequest);
    expect(aws.inputs('PutRecordBatch')).toEqual([]);
    const [entry] = published();
    const delivered = { ...reportGenerated, detail: JSON.parse(entry.Detail) };
    expect(DailyReportGenerated.parse(delivered).metadata.eventId).toBe('daily-report-2026-01-15');
    await analyse(delivered);
    expect(JSON.parse(written()[0])).toMatchObject({
      eventId: 'daily-report-2026-01-15',
      detail: { orders: 4 },
    });
  });

  test('asked for twice is the same event twice', async () => {
    await analyse(reportRequest);
    await analyse({ ...reportRequest, date: '2026-01-16T09:00:59Z' });
    const ids = published().map(({ Detail }) => JSON.parse(Detail).metadata.eventId);
    expect(ids).toEqual(['daily-report-2026-01-15', 'daily-report-2026-01-15']);
  });

  test('reads all pages of all shards', async () => {
    const day = '2026-03-10';
    const items = dayShards(day).flatMap((dayShard) =>
      [1, 2, 3, 4, 5].map((n) => ({ orderId: `${dayShard}-${n}`, dayShard, total: 1, status: 'PENDING' })),
    );
    await Promise.all(
      items.map((Item) => database.documents.send(new PutCommand({ TableName: 'orders', Item }))),
    );
    // Pages end at 1 MB; here they end at two orders.
    let pages = 0;
    const { middlewareStack } = database.documents;
    middlewareStack.add(
      (next) => (args) => {
        pages++;
        return next({ ...args, input: { ...args.input, Limit: 2 } });
      },
      { step: 'initialize', name: 'shortPages' },
    );
    await analyse({ type: 'daily_report', date: '2026-03-11T09:00:00Z' });
    middlewareStack.remove('shortPages');
    expect(pages).toBe(3 * dayShards(day).length);
    expect(JSON.parse(published()[0].Detail)).toMatchObject({ orders: 40, revenue: 40 });
  });

  test('that cannot be published is an error with the code of the service', async () => {
    aws.answerNext('PutEvents', () => ({ error: 'AccessDeniedException', message: 'not authorized' }));
    const { error, lines, metrics } = await analyse(reportRequest);
    expect(error).toBeInstanceOf(PublishError);
    expect(lines).toMatchObject([
      { level: 'ERROR', outcome: 'failed', error: 'PublishError', message: 'daily_report' },
    ]);
    expect(metrics).toEqual({});
  });

  test('of orders that cannot be read is an error, and nothing is published', async () => {
    const { error } = await analyse(reportRequest, 'no-such-table');
    expect(error).toMatchObject({ name: 'ResourceNotFoundException' });
    expect(published()).toEqual([]);
  });

  test('asked for with a wrong date is poison that names it', async () => {
    for (const date of ['today', 20260116, undefined, '2026-02-30T09:00:00Z']) {
      const { error } = await analyse({ type: 'daily_report', date });
      expect(error).toBeInstanceOf(PoisonEventError);
      expect(error).toMatchObject({ field: 'date' });
    }
  });

  test('is about the day before, over the ends of months and years', () => {
    expect(reportedDay({ type: 'daily_report', date: '2026-01-01T09:00:00Z' })).toBe('2025-12-31');
    expect(reportedDay({ type: 'daily_report', date: '2028-03-01T00:00:00Z' })).toBe('2028-02-29');
  });

  test('is the same sum in whatever order the orders come', () => {
    const cents = fc.integer({ min: 0, max: 100_000_000 }).map((n) => n / 100);
    fc.assert(
      fc.property(fc.array(cents, { minLength: 1 }), (totals) => {
        const sum = (list: readonly number[]) => {
          const tally = new DailyTally();
          for (const total of list) tally.add({ status: 'PENDING', total });
          return tally.report('2026-01-15', NOW).revenue;
        };
        const exact = totals.reduce((all, total) => all + BigInt(Math.round(total * 100)), 0n);
        expect(sum(totals)).toBe(Number(exact) / 100);
        expect(sum([...totals].reverse())).toBe(sum(totals));
      }),
    );
  });
});

describe('the shards of a day', () => {
  test('hold every order in one of them, always the same, and about as many in each', () => {
    const day = '2026-01-15';
    const counts = new Map(dayShards(day).map((shard) => [shard, 0]));
    for (let index = 0; index < 8_000; index++) {
      const shard = dayShard(`${day}T10:00:00.000Z`, `order-${index}`);
      expect(shard).toBe(dayShard(`${day}T23:00:00.000Z`, `order-${index}`));
      counts.set(shard, (counts.get(shard) ?? Number.NaN) + 1);
    }
    expect(counts.size).toBe(8);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});
