import './environment';
import { randomUUID } from 'node:crypto';
import { GetCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import fc from 'fast-check';
import { PoisonEventError } from '../../lambdas/contract';
import { OrderCreated, type OrderStatus } from '../../lambdas/events';
import { MOST_CONFLICTS } from '../../lambdas/order-processor/fold';
import { makeHandler } from '../../lambdas/order-processor/handler';
import { DAY_INDEX } from '../../lambdas/order-table';
import { storedSize } from '../../lambdas/stored-size';
import dailyReport from '../../samples/events/daily-report-generated.json';
import minimalCreated from '../../samples/events/minimal-order-created.json';
import created from '../../samples/events/order-created.json';
import shipped from '../../samples/events/order-shipped.json';
import poison from '../../samples/events/poison.json';
import { startDatabase, type TestDatabase } from './dynamodb';
import { invoke } from './invocation';

const NOW = '2026-02-01T12:00:00.000Z';

let database: TestDatabase;
beforeAll(async () => {
  database = await startDatabase();
});
afterAll(() => database.stop());

const handlerAt = (time: string) => makeHandler({ client: database.documents, now: () => new Date(time) });
const process = (event: unknown, time = NOW) => invoke(handlerAt(time), event);

async function itemOf(orderId: string): Promise<Record<string, unknown> | undefined> {
  const answer = await database.documents.send(new GetCommand({ TableName: 'orders', Key: { orderId } }));
  return answer.Item;
}

/** A fresh order for each test. */
let orders = 0;
const newOrderId = () => `order-${++orders}`;

/** An event of the order, as EventBridge would deliver it. */
function eventOf(
  orderId: string,
  detailType: string,
  eventId: string,
  detail: Record<string, unknown>,
): Record<string, unknown> & { detail: Record<string, unknown> } {
  return {
    ...created,
    id: eventId,
    'detail-type': detailType,
    detail: { orderId, metadata: { eventId }, ...detail },
  };
}
const createdEvent = (orderId: string, eventId = 'c1', more: Record<string, unknown> = {}) =>
  eventOf(orderId, 'OrderCreated', eventId, { customerId: 'customer-1', total: 10, ...more });
const statusEvent = (
  orderId: string,
  status: OrderStatus,
  eventId: string,
  updatedAt = '2026-01-20T00:00:00Z',
) => eventOf(orderId, 'OrderStatusChanged', eventId, { status, updatedAt });

describe('the example of the put-events command', () => {
  const shippedLater = { ...shipped, detail: { orderId: '123', status: 'SHIPPED' } };

  test('ends as an item, with items empty and createdAt from the time of the event', async () => {
    const { response } = await process(minimalCreated);
    expect(response).toEqual({ statusCode: 200, body: '{"orderId":"123"}' });
    expect(await itemOf('123')).toEqual({
      orderId: '123',
      customerId: '456',
      items: [],
      total: 99.99,
      status: 'PENDING',
      createdAt: '2026-01-15T09:59:58.000Z',
      processedAt: NOW,
      correlationId: minimalCreated.id,
      createdBy: minimalCreated.id,
      revision: 1,
      dayShard: expect.stringMatching(/^2026-01-15#[0-7]$/),
    });
  });

  test('given twice it changes nothing and is a success', async () => {
    const before = await itemOf('123');
    const { response, lines, metrics } = await process(minimalCreated, '2026-03-01T00:00:00Z');
    expect(response).toEqual({ statusCode: 200, body: '{"orderId":"123"}' });
    expect(await itemOf('123')).toEqual(before);
    expect(lines).toEqual([expect.objectContaining({ level: 'INFO', outcome: 'duplicate' })]);
    expect(metrics).toEqual({ DuplicateEvents: 1 });
  });

  test('given after a SHIPPED it does not reset the status', async () => {
    await process(shippedLater);
    expect(await itemOf('123')).toMatchObject({ status: 'SHIPPED' });
    await process(minimalCreated);
    expect(await itemOf('123')).toMatchObject({ status: 'SHIPPED' });
  });
});

describe('one event', () => {
  test('an order is stored with all that its event says', async () => {
    await process(created);
    expect(await itemOf('order-1001')).toMatchObject({
      customerId: 'customer-42',
      customerEmail: 'jane@example.com',
      items: [{ sku: 'book-1', quantity: 2, price: 49.995 }],
      total: 99.99,
      status: 'PENDING',
      createdAt: '2026-01-15T10:00:00.000Z',
      correlationId: 'checkout-7',
    });
  });

  test('an order is found in the index by its day', async () => {
    const { dayShard } = (await itemOf('order-1001')) ?? {};
    const { Items } = await database.documents.send(
      new QueryCommand({
        TableName: 'orders',
        IndexName: DAY_INDEX.name,
        KeyConditionExpression: 'dayShard = :shard AND orderId = :orderId',
        ExpressionAttributeValues: { ':shard': dayShard, ':orderId': 'order-1001' },
      }),
    );
    expect(Items).toEqual([{ dayShard, orderId: 'order-1001', status: 'PENDING', total: 99.99 }]);
  });

  test('a status change moves the status and says when', async () => {
    await process(shipped);
    expect(await itemOf('order-1001')).toMatchObject({
      status: 'SHIPPED',
      updatedAt: '2026-01-16T08:30:00.000Z',
    });
  });

  test('a status change given twice changes nothing and is a success', async () => {
    const { response, lines, metrics } = await process(shipped);
    expect(response).toEqual({ statusCode: 200, body: '{"orderId":"order-1001"}' });
    expect(lines).toMatchObject([{ level: 'INFO', outcome: 'duplicate' }]);
    expect(metrics).toEqual({ DuplicateEvents: 1 });
  });

  test('a status that arrives before its order waits as a partial item, and the order completes it', async () => {
    const orderId = newOrderId();
    await process(statusEvent(orderId, 'CONFIRMED', 's1'));
    expect(await itemOf(orderId)).toEqual({
      orderId,
      status: 'CONFIRMED',
      updatedAt: '2026-01-20T00:00:00.000Z',
      fact_CONFIRMED: { at: '2026-01-20T00:00:00.000Z', by: 's1' },
      revision: 1,
    });
    const { metrics } = await process(createdEvent(orderId));
    expect(await itemOf(orderId)).toMatchObject({ status: 'CONFIRMED', total: 10, processedAt: NOW });
    expect(metrics).toEqual({ OrdersProcessed: 1, Revenue: 10 });
  });

  test('a status that the order has left behind is superseded, whatever its time', async () => {
    const orderId = newOrderId();
    await process(statusEvent(orderId, 'DELIVERED', 's3', '2026-01-01T00:00:00Z'));
    const { lines, metrics } = await process(statusEvent(orderId, 'SHIPPED', 's2', '2026-01-30T00:00:00Z'));
    expect(await itemOf(orderId)).toMatchObject({ status: 'DELIVERED' });
    expect(lines).toEqual([expect.objectContaining({ outcome: 'superseded' })]);
    expect(metrics).toEqual({});
  });

  test('a status that skips others moves the order and is told, since they may be late', async () => {
    const orderId = newOrderId();
    await process(createdEvent(orderId));
    const { lines, metrics } = await process(statusEvent(orderId, 'DELIVERED', 's3'));
    expect(await itemOf(orderId)).toMatchObject({ status: 'DELIVERED' });
    expect(lines).toEqual([expect.objectContaining({ level: 'INFO', outcome: 'ahead' })]);
    expect(metrics).toEqual({});
    expect(await process(statusEvent(orderId, 'SHIPPED', 's2'))).toMatchObject({
      lines: [{ outcome: 'superseded' }],
    });
    expect(await itemOf(orderId)).toMatchObject({
      status: 'DELIVERED',
      fact_SHIPPED: { by: 's2' },
      fact_DELIVERED: { by: 's3' },
    });
  });

  test('an ordinary order that was delivered has less than 1 KB with all its facts', async () => {
    const orderId = randomUUID();
    const event = (detailType: string, detail: object) => ({
      ...created,
      'detail-type': detailType,
      detail: { ...detail, orderId, metadata: { eventId: randomUUID(), correlationId: randomUUID() } },
    });
    await process(event('OrderCreated', { ...OrderCreated.example, customerId: randomUUID() }));
    const statuses = ['CONFIRMED', 'SHIPPED', 'DELIVERED'];
    for (const [revision, status] of statuses.entries()) {
      const detail = { status, updatedAt: '2026-01-20T00:00:00.123Z', revision: revision + 1 };
      await process(event('OrderStatusChanged', detail));
    }
    const item = await itemOf(orderId);
    expect(item).toMatchObject({ status: 'DELIVERED', revision: 4 });
    expect(storedSize(item)).toBeLessThan(1_024);
  });
});

describe('an order that expires', () => {
  const DAY_SECONDS = 86_400;
  const processFor = (event: unknown, time: string, orderDays?: number) =>
    invoke(makeHandler({ client: database.documents, orderDays, now: () => new Date(time) }), event);
  const expiryOf = async (orderId: string) => (await itemOf(orderId))?.expiresAt;
  const daysAfter = (time: string, days: number) => Date.parse(time) / 1_000 + days * DAY_SECONDS;

  test('does so some days after its last change, whatever order its events come in', async () => {
    const orderId = newOrderId();
    const [first, second, third] = ['2026-02-01T12:00:00Z', '2026-02-03T12:00:00Z', '2026-02-05T12:00:00Z'];
    // The change comes before the order, as a change of one that is gone does: nothing of it stays for ever.
    await processFor(statusEvent(orderId, 'SHIPPED', 's2'), first, 90);
    expect(await expiryOf(orderId)).toBe(daysAfter(first, 90));
    await processFor(createdEvent(orderId), second, 90);
    expect(await expiryOf(orderId)).toBe(daysAfter(second, 90));
    await processFor(statusEvent(orderId, 'CONFIRMED', 's1'), third, 90);
    expect(await expiryOf(orderId)).toBe(daysAfter(third, 90));
    const { lines } = await processFor(createdEvent(orderId), '2026-03-01T12:00:00Z', 90);
    expect(lines).toMatchObject([{ outcome: 'duplicate' }]);
    expect(await expiryOf(orderId)).toBe(daysAfter(third, 90));
  });

  test('is not made without the setting', async () => {
    const orderId = newOrderId();
    await processFor(createdEvent(orderId), NOW);
    expect(await itemOf(orderId)).not.toHaveProperty('expiresAt');
  });
});

describe('conflicts', () => {
  const conflict = { lines: [{ level: 'WARN', outcome: 'conflict' }], metrics: { OrderConflicts: 1 } };

  test.each<[OrderStatus, OrderStatus]>([
    ['SHIPPED', 'CANCELLED'],
    ['CANCELLED', 'SHIPPED'],
    ['DELIVERED', 'CANCELLED'],
    ['CANCELLED', 'DELIVERED'],
  ])(
    'of %s and then %s the first stays, whatever the clocks say; the other is kept, told and counted',
    async (one, other) => {
      const orderId = newOrderId();
      await process(createdEvent(orderId));
      await process(statusEvent(orderId, one, 's1', '2026-01-20T00:05:00Z'));
      for (const updatedAt of ['2026-01-20T00:00:00Z', '2026-01-20T00:10:00Z']) {
        const lost = { ...statusEvent(orderId, other, `s-${updatedAt}`, updatedAt) };
        const { lines, metrics } = await process(lost);
        expect({ lines, metrics }).toMatchObject(conflict);
        expect(lines[0]?.reason).toBe(
          `the order is ${one} and stays it; ${other} is kept as a conflict in its item`,
        );
        const again = await process(lost);
        expect(again).toMatchObject({ lines: [{ outcome: 'duplicate' }], metrics: { DuplicateEvents: 1 } });
      }
      expect(await itemOf(orderId)).toMatchObject({
        status: one,
        updatedAt: '2026-01-20T00:05:00.000Z',
        conflicts: ['2026-01-20T00:00:00Z', '2026-01-20T00:10:00Z'].map((at) => ({
          type: 'OrderStatusChanged',
          status: other,
          at: new Date(at).toISOString(),
          by: `s-${at}`,
        })),
      });
    },
  );

  test('a conflict does not keep the order from moving on', async () => {
    const orderId = newOrderId();
    for (const status of ['SHIPPED', 'CANCELLED', 'DELIVERED'] as const) {
      await process(statusEvent(orderId, status, status));
    }
    expect(await itemOf(orderId)).toMatchObject({
      status: 'DELIVERED',
      conflicts: [{ status: 'CANCELLED', by: 'CANCELLED' }],
    });
  });

  test('of two different creations the first stays, whatever their clocks say, and the other is kept', async () => {
    const orderId = newOrderId();
    await process(createdEvent(orderId, 'first', { createdAt: '2026-01-02T00:00:00Z', total: 20 }));
    const second = createdEvent(orderId, 'second', {
      createdAt: '0001-01-01T00:00:00Z',
      customerId: 'customer-2',
      customerEmail: 'second@example.com',
    });
    const { lines, metrics, output } = await process(second);
    expect({ lines, metrics }).toMatchObject(conflict);
    expect(output).not.toContain('customer-2');
    const item = await itemOf(orderId);
    expect(item).toMatchObject({
      customerId: 'customer-1',
      total: 20,
      createdBy: 'first',
      conflicts: [
        {
          type: 'OrderCreated',
          by: 'second',
          at: '0001-01-01T00:00:00.000Z',
          customerId: 'customer-2',
          total: 10,
          correlationId: 'second',
        },
      ],
    });
    expect(item).not.toHaveProperty('customerEmail');
    expect(await process(second)).toMatchObject({ lines: [{ outcome: 'duplicate' }] });
  });

  test('a creation with an older revision takes the place of one that came before it', async () => {
    const orderId = newOrderId();
    await process(
      createdEvent(orderId, 'late', {
        customerEmail: 'late@example.com',
        customerId: 'customer-2',
        total: 20,
      }),
    );
    const { lines, metrics } = await process(createdEvent(orderId, 'early', { revision: 0 }));
    expect({ lines, metrics }).toMatchObject(conflict);
    const item = await itemOf(orderId);
    expect(item).toMatchObject({
      total: 10,
      createdBy: 'early',
      createdRevision: 0,
      conflicts: [{ type: 'OrderCreated', by: 'late', customerId: 'customer-2', total: 20 }],
    });
    expect(item).not.toHaveProperty('customerEmail');
    expect(await process(createdEvent(orderId, 'late'))).toMatchObject({ lines: [{ outcome: 'duplicate' }] });
  });

  test('however many there are, the item keeps a bounded number of them', async () => {
    const orderId = newOrderId();
    await process(createdEvent(orderId));
    for (let n = 0; n < MOST_CONFLICTS + 3; n++) {
      expect(await process(createdEvent(orderId, `x${n}`))).toMatchObject({ metrics: { OrderConflicts: 1 } });
    }
    expect((await itemOf(orderId))?.conflicts).toHaveLength(MOST_CONFLICTS);
  });

  test('a decision on another revision than the order has is told with both', async () => {
    const orderId = newOrderId();
    await process(createdEvent(orderId));
    const decided = (status: OrderStatus, revision: number) => {
      const event = statusEvent(orderId, status, status);
      return { ...event, detail: { ...event.detail, revision } };
    };
    const { lines } = await process(decided('CONFIRMED', 1));
    expect(lines[0]).not.toHaveProperty('decidedOn');
    expect(await process(decided('SHIPPED', 1))).toMatchObject({
      lines: [{ outcome: 'stored', decidedOn: 1, found: 2 }],
    });
    expect(await itemOf(orderId)).toMatchObject({
      fact_CONFIRMED: { by: 'CONFIRMED', revision: 1 },
      fact_SHIPPED: { by: 'SHIPPED', revision: 1 },
    });
  });

  test('of two events that say the same status, the one decided on the older revision stands', async () => {
    const orderId = newOrderId();
    const shippedOn = (eventId: string, revision: number) => {
      const event = statusEvent(orderId, 'SHIPPED', eventId, `2026-01-2${revision}T00:00:00Z`);
      return { ...event, detail: { ...event.detail, revision } };
    };
    await process(shippedOn('a', 2));
    const { lines, metrics } = await process(shippedOn('b', 1));
    expect(lines).toMatchObject([{ level: 'INFO', outcome: 'repeated' }]);
    expect(metrics).toEqual({});
    expect(await itemOf(orderId)).toMatchObject({
      fact_SHIPPED: { by: 'b' },
      updatedAt: '2026-01-21T00:00:00.000Z',
    });
  });
});

describe('one event, again', () => {
  test('processedAt is the time of the first processing', async () => {
    const orderId = newOrderId();
    await process(
      createdEvent(orderId, 'late', { createdAt: '2026-01-02T00:00:00Z' }),
      '2026-01-02T00:00:05Z',
    );
    await process(
      createdEvent(orderId, 'early', { createdAt: '2026-01-01T00:00:00Z' }),
      '2026-01-09T00:00:00Z',
    );
    expect(await itemOf(orderId)).toMatchObject({ processedAt: '2026-01-02T00:00:05.000Z' });
  });
});

describe('the largest order that the contract accepts', () => {
  test.each([
    ['texts', { text: 'x'.repeat(1_000) }],
    ['small numbers', { n: Array.from({ length: 500 }, () => 0) }],
    ['empty objects', {}],
  ])('fits into the table: items of %s', async (_, element) => {
    const orderId = newOrderId();
    const length = Math.floor((256 * 1024 - 2) / (JSON.stringify(element).length + 1));
    const { response } = await process(
      createdEvent(orderId, 'c1', {
        items: Array.from({ length }, () => element),
        customerId: 'c'.repeat(256),
        customerEmail: `${'e'.repeat(64)}@${'e'.repeat(180)}.com`,
        total: Number.MAX_SAFE_INTEGER,
      }),
    );
    expect(response).toMatchObject({ statusCode: 200 });
  });
});

test('items that fit into an event and not into the table are refused before any write, with the field', async () => {
  const orderId = newOrderId();
  const items = Array.from({ length: 285 }, () => ({ n: Array.from({ length: 100 }, () => [[[[]]]]) }));
  expect(JSON.stringify(items).length).toBeLessThan(256 * 1024);
  const { error } = await process(createdEvent(orderId, 'c1', { items }));
  expect(error).toMatchObject({
    name: 'PoisonEventError',
    field: 'detail.items',
    message: expect.stringMatching(/expected at most \d+ bytes in the table, received an array\.$/),
  });
  expect(await itemOf(orderId)).toBeUndefined();
});

describe('an e-mail address', () => {
  test('that nobody can use is left out, logged without its text, and counted', async () => {
    const orderId = newOrderId();
    const event = createdEvent(orderId, 'c1', { customerEmail: 'Jane Doe, Main Street 1' });
    const { lines, metrics, output } = await process(event);
    expect(lines).toMatchObject([{ level: 'INFO', outcome: 'stored', dropped: 'customerEmail' }]);
    expect(metrics).toEqual({ OrdersProcessed: 1, Revenue: 10, UnusableEmails: 1 });
    expect(output).not.toContain('Jane');
    expect(await itemOf(orderId)).not.toHaveProperty('customerEmail');
  });

  test.each([[''], [null]])('that is %p is none, and nothing is said of it', async (customerEmail) => {
    const { lines, metrics } = await process(createdEvent(newOrderId(), 'c1', { customerEmail }));
    expect(lines[0]).not.toHaveProperty('dropped');
    expect(metrics).toEqual({ OrdersProcessed: 1, Revenue: 10 });
  });

  test.each(['"john doe"@example.com', 'jane@localhost', 'jo\u0308rg@example.com', '😀@example.com'])(
    'that is odd is stored as it is: %s',
    async (customerEmail) => {
      const orderId = newOrderId();
      const { metrics, output } = await process(createdEvent(orderId, 'c1', { customerEmail }));
      expect(metrics).not.toHaveProperty('UnusableEmails');
      expect(output).not.toContain('@');
      expect(await itemOf(orderId)).toMatchObject({ customerEmail });
    },
  );
});

describe('items', () => {
  test.each<[string, unknown]>([
    ['a nested key constructor', { a: { constructor: 'x', prototype: [{ constructor: {} }] } }],
    ['nested lists', { a: [[[['x'], []]], {}] }],
    ['every type of JSON', { a: null, b: false, c: -1.5e-7, d: '', e: '😀', length: 3, toString: 'x' }],
  ])('are stored as they are: %s', async (_, item) => {
    const orderId = newOrderId();
    await process(createdEvent(orderId, 'c1', { items: [item] }));
    expect((await itemOf(orderId))?.items).toEqual([item]);
  });

  test('of any JSON are stored as they are, or refused with the field before any write', async () => {
    const handler = handlerAt(NOW);
    const keys = fc.oneof(
      fc.string(),
      fc.constantFrom('__proto__', 'constructor', 'prototype', 'toJSON', 'then', 'length', ''),
    );
    const values = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(null, true, -0, 1e300, 0.1, '\ud800', 'text'),
        fc.string({ unit: 'binary' }),
        fc.array(tie('value')),
        fc.array(fc.tuple(keys, tie('value'))).map((entries) => Object.fromEntries(entries)),
      ),
    })).value;
    await fc.assert(
      fc.asyncProperty(fc.array(values), async (given) => {
        // What arrives is JSON.
        const items = JSON.parse(JSON.stringify(given));
        const orderId = newOrderId();
        const { error } = await invoke(handler, createdEvent(orderId, 'c1', { items }));
        const stored = await itemOf(orderId);
        if (error) {
          expect(error).toBeInstanceOf(PoisonEventError);
          expect(error).toMatchObject({ field: expect.stringMatching(/^detail\.items/) });
          expect(stored).toBeUndefined();
        } else {
          expect(JSON.stringify(sorted(stored?.items))).toBe(JSON.stringify(sorted(items)));
        }
      }),
      { numRuns: 60 },
    );
  });

  /** Value with the keys of each object in one order: a table keeps none. */
  function sorted(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== 'object' || value === null) return value;
    return Object.entries(value)
      .sort()
      .map(([key, child]) => [key, sorted(child)]);
  }
});

describe('poison', () => {
  const refused = async (event: unknown) => {
    const { error, metrics, lines } = await process(event);
    expect(error).toBeInstanceOf(PoisonEventError);
    expect(metrics).toEqual({ PoisonEvents: 1 });
    expect(lines).toHaveLength(1);
    return lines[0];
  };

  test('an event that no version can read is refused before any write, with the field that is wrong', async () => {
    expect(await refused(poison)).toMatchObject({
      level: 'ERROR',
      message: 'OrderCreated',
      outcome: 'poison',
      error: 'PoisonEventError',
      reason: 'app.orders/OrderCreated: detail.total: expected number, received "twelve".',
      eventId: 'order-1003-created',
      correlationId: 'checkout-9',
      orderId: 'order-1003',
      requestId: 'request-1',
    });
    expect(await itemOf('order-1003')).toBeUndefined();
  });

  test('an event of another type is refused', async () => {
    expect(await refused(dailyReport)).toMatchObject({
      reason: expect.stringContaining('detail-type: expected OrderCreated or OrderStatusChanged'),
    });
  });

  test('an event of the same name from another source is refused', async () => {
    expect(await refused({ ...created, source: 'app.shop' })).toMatchObject({
      reason: 'app.shop/OrderCreated: detail-type: expected an event of type app.orders/OrderCreated.',
    });
  });

  test('what is not an event at all is refused, and logged without its content', async () => {
    for (const event of [null, 'text', 42, [], {}, { detail: null }, { ...created, detail: 'text' }]) {
      expect(await refused(event)).toMatchObject({ level: 'ERROR', outcome: 'poison' });
    }
  });
});

describe('logs and metrics', () => {
  test('a stored order is one short line at INFO, and counts with its total', async () => {
    const orderId = newOrderId();
    const { lines, metrics, output } = await process(
      createdEvent(orderId, 'e1', {
        customerEmail: 'jane@example.com',
        metadata: { eventId: 'e1', correlationId: 'k1' },
      }),
    );
    expect(lines).toEqual([
      {
        level: 'INFO',
        timestamp: expect.any(String),
        service: 'service-under-test',
        message: 'OrderCreated',
        eventId: 'e1',
        correlationId: 'k1',
        orderId,
        outcome: 'stored',
      },
    ]);
    expect(JSON.stringify(lines[0]).length).toBeLessThan(250);
    expect(metrics).toEqual({ OrdersProcessed: 1, Revenue: 10 });
    expect(output).not.toContain('@');
  });

  test('metrics have the service as their only dimension', async () => {
    const { output } = await process(createdEvent(newOrderId()));
    const metricLine = output.split('\n').find((line) => line.includes('_aws')) ?? '';
    expect(JSON.parse(metricLine)).toMatchObject({
      service: 'service-under-test',
      _aws: { CloudWatchMetrics: [{ Namespace: 'namespace-under-test', Dimensions: [['service']] }] },
    });
  });

  test('when the table cannot be written the error is thrown as it is, for Lambda to retry, and logged', async () => {
    const handler = makeHandler({ client: database.documents, table: 'no-such-table' });
    const { error, lines, metrics } = await invoke(handler, created);
    expect(error).toMatchObject({ name: 'ResourceNotFoundException' });
    expect(lines).toEqual([
      expect.objectContaining({ level: 'ERROR', outcome: 'failed', error: 'ResourceNotFoundException' }),
    ]);
    expect(metrics).toEqual({});
  });
});
