import './environment';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { FirehoseClient } from '@aws-sdk/client-firehose';
import fc from 'fast-check';
import { makeHandler, RecordRefusedError } from '../../lambdas/analytics/handler';
import { analyticsRecord, RECORD_SIZE, recordLine } from '../../lambdas/analytics/record';
import { CLIENT_CONFIG } from '../../lambdas/client-config';
import { PoisonEventError } from '../../lambdas/contract';
import { dayShard, dayShards } from '../../lambdas/order-table';
import reportGenerated from '../../samples/events/daily-report-generated.json';
import minimalCreated from '../../samples/events/minimal-order-created.json';
import created from '../../samples/events/order-created.json';
import poison from '../../samples/events/poison.json';
import unknownType from '../../samples/events/unknown-type.json';
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
      dynamodb: database.client,
      firehose,
      eventBridge,
      now: () => new Date(NOW),
      backoff: { sleep: async (ms) => pauses.push(ms), random: () => 0.5 },
    }),
    event,
  );

/** Records that the stream got, as text. */
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
      items: [{}],
      total: 99.99,
      createdAt: '2026-01-15T10:00:00.000Z',
    });
    expect(line).not.toMatch(/jane|book-1/);
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

  test('of an order has no field that its contract does not name, at any depth', async () => {
    await analyse({
      ...created,
      detail: {
        ...created.detail,
        customerName: 'Jane Doe',
        phone: '+49 123 456',
        shippingAddress: { street: 'Main Street 1' },
        card: '4111111111111111',
        items: [{ sku: 'book-1', giftNote: 'For Jane from Joe' }],
      },
    });
    expect(written()[0]).not.toMatch(/Jane|Joe|123|Street|4111|book/);
  });

  test('of a report has the figures of every status, which its contract names', async () => {
    await analyse({
      ...reportGenerated,
      detail: { ...reportGenerated.detail, byStatus: { SHIPPED: { orders: 1, revenue: 2, by: 'Jane' } } },
    });
    expect(JSON.parse(written()[0]).detail.byStatus).toEqual({ SHIPPED: { orders: 1, revenue: 2 } });
  });

  test('redacts an address in a field that may be recorded, as a second line', async () => {
    await analyse({ ...created, detail: { ...created.detail, customerId: 'jane@localhost' } });
    expect(JSON.parse(written()[0]).detail.customerId).toBe('[redacted]');
  });

  const odd = {
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
  };

  test('of a type without a contract has its envelope, the size of its detail and the names of its fields', async () => {
    await analyse(odd);
    const record = JSON.parse(written()[0]);
    expect(record).toEqual({
      eventId: 'payment-1',
      source: 'app.payments',
      type: 'PaymentReceived',
      version: 7,
      time: expect.any(String),
      correlationId: 'payment-1',
      detail: null,
      omittedDetailBytes: Buffer.byteLength(JSON.stringify(odd.detail)),
      fields: [...Object.keys(unknownType.detail), 'metadata', 'notes', '[redacted]', 'link', 'handle'],
    });
  });

  test('of a version that this code does not know is that of a type without a contract', () => {
    const detail = { ...created.detail, metadata: { version: 2 } };
    expect(analyticsRecord({ ...created, detail })).toMatchObject({
      detail: null,
      version: 2,
      fields: expect.arrayContaining(['orderId', 'customerEmail']),
    });
  });

  test('of a type without a contract has all but e-mail addresses, if the stage says so', () => {
    const record = analyticsRecord(odd, 'REDACTED');
    expect(record).toMatchObject({
      type: 'PaymentReceived',
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

  test('is counted by its type: one of the contracts, or unknown', async () => {
    const { metrics, output } = await analyse(created);
    expect(metrics).toEqual({ EventsReceived: 1 });
    const metricLine = (text: string) =>
      JSON.parse(text.split('\n').find((line) => line.includes('_aws')) ?? '');
    expect(metricLine(output)).toMatchObject({
      eventType: 'OrderCreated',
      _aws: { CloudWatchMetrics: [{ Dimensions: [['service', 'eventType']] }] },
    });
    for (const event of [odd, { ...created, source: 'app.shop' }]) {
      expect(metricLine((await analyse(event)).output)).toMatchObject({ eventType: 'unknown' });
    }
  });

  test('is made of an event that no consumer can process: what happened is counted all the same', async () => {
    const { response } = await analyse(poison);
    expect(response).toEqual({ statusCode: 200 });
    const record = JSON.parse(written()[0]);
    expect(record).toMatchObject({ eventId: 'order-1003-created', detail: { orderId: 'order-1003' } });
    expect(record.detail).not.toHaveProperty('total');
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
      fc.property(detail, fc.constantFrom('NAMES' as const, 'REDACTED' as const), (fields, unknownDetail) => {
        const text = Buffer.from(
          recordLine(analyticsRecord({ ...unknownType, detail: fields }, unknownDetail)),
        ).toString();
        expect(text.indexOf('\n')).toBe(text.length - 1);
        expect(JSON.parse(text)).toHaveProperty('detail');
        expect(text).not.toMatch(/jane@|joe\.doe@|a@b\.cd/);
      }),
    );
  });

  test('that would be over the limit of Firehose leaves its detail out and says how large it was', async () => {
    const text = 'x'.repeat(RECORD_SIZE);
    const cut = recordLine(analyticsRecord({ ...unknownType, detail: { text } }, 'REDACTED'));
    expect(JSON.parse(Buffer.from(cut).toString())).toMatchObject({
      eventId: unknownType.id,
      detail: null,
      omittedDetailBytes: RECORD_SIZE + '{"text":""}'.length,
    });
    const fitting =
      RECORD_SIZE -
      recordLine(analyticsRecord({ ...unknownType, detail: { text: '' } }, 'REDACTED')).byteLength;
    const line = recordLine(
      analyticsRecord({ ...unknownType, detail: { text: 'x'.repeat(fitting) } }, 'REDACTED'),
    );
    expect(line.byteLength).toBe(RECORD_SIZE);
    expect(JSON.parse(Buffer.from(line).toString())).not.toHaveProperty('omittedDetailBytes');
  });

  test('of a detail nested without end is cut, in depth', () => {
    const levels = 50_000;
    const nested = JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`);
    for (const unknownDetail of ['NAMES', 'REDACTED'] as const) {
      const line = () => recordLine(analyticsRecord({ ...unknownType, detail: nested }, unknownDetail));
      expect(line).not.toThrow();
    }
  });

  test('of a megabyte without an address is made in linear time', () => {
    const started = performance.now();
    for (const filler of ['a', '@', 'a@', '.', 'a.'])
      analyticsRecord(
        { ...unknownType, detail: { text: filler.repeat(1_000_000 / filler.length) } },
        'REDACTED',
      );
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
    expect(metrics).toEqual({ EventsReceived: 1 });
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
