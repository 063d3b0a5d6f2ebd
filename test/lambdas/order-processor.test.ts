import './environment';
import { DeleteCommand, GetCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import fc from 'fast-check';
import { ORDER_STATUSES, type OrderStatus, PoisonEventError, STATUS_TRANSITIONS } from '../../lambdas/events';
import { makeHandler } from '../../lambdas/order-processor/handler';
import { DAY_INDEX } from '../../lambdas/order-table';
import dailyReport from '../../samples/events/daily-report-generated.json';
import minimalCreated from '../../samples/events/minimal-order-created.json';
import created from '../../samples/events/order-created.json';
import shipped from '../../samples/events/order-shipped.json';
import poison from '../../samples/events/poison.json';
import { startDatabase, type TestDatabase } from './dynamodb';
import { context, invoke } from './invocation';

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

const handleAll = (handler: ReturnType<typeof handlerAt>, events: readonly unknown[]) =>
  Promise.all(events.map((event) => handler(event, context)));

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
      createdVersion: `2026-01-15T09:59:58.000Z#${minimalCreated.id}`,
      statusVersion: '0',
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
      statusVersion: '1#2026-01-20T00:00:00.000Z#s1',
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

  test('of two events that both create the order, the earlier one stands, with its e-mail or without', async () => {
    const orderId = newOrderId();
    const late = { createdAt: '2026-01-02T00:00:00Z', customerEmail: 'late@example.com', total: 20 };
    await process(createdEvent(orderId, 'late', late), '2026-01-02T00:00:05Z');
    const { lines, metrics } = await process(
      createdEvent(orderId, 'early', { createdAt: '2026-01-01T00:00:00Z' }),
    );
    expect(await itemOf(orderId)).toMatchObject({ total: 10, createdAt: '2026-01-01T00:00:00.000Z' });
    expect(await itemOf(orderId)).not.toHaveProperty('customerEmail');
    expect(lines).toEqual([expect.objectContaining({ outcome: 'stored' })]);
    expect(metrics).toEqual({});
    expect(await process(createdEvent(orderId, 'late', late))).toMatchObject({
      lines: [{ outcome: 'superseded' }],
    });
  });

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

describe('many events', () => {
  const day = (n: number) => `2026-01-${String(n).padStart(2, '0')}T00:00:00Z`;

  /** Facts about one order, legal or not: up to two creations, up to five statuses, clocks that disagree. */
  const facts = fc
    .record({
      creations: fc.array(
        fc.record({ day: fc.integer({ min: 1, max: 3 }), hasEmail: fc.boolean(), total: fc.nat(1_000) }),
        { maxLength: 2 },
      ),
      statuses: fc.array(
        fc.record({ day: fc.integer({ min: 1, max: 3 }), status: fc.constantFrom(...ORDER_STATUSES) }),
        { maxLength: 5 },
      ),
    })
    .filter(({ creations, statuses }) => creations.length + statuses.length > 0);

  type Facts = typeof facts extends fc.Arbitrary<infer Value> ? Value : never;

  const eventsOf = (orderId: string, { creations, statuses }: Facts) => [
    ...creations.map(({ day: n, hasEmail, total }, index) =>
      createdEvent(orderId, `c${index}`, {
        total,
        createdAt: day(n),
        ...(hasEmail && { customerEmail: `c${index}@example.com` }),
      }),
    ),
    ...statuses.map(({ day: n, status }, index) => statusEvent(orderId, status, `s${index}`, day(n))),
  ];

  /** Positions of the facts: each at least once, some several times, in any order. */
  const arrivals = facts.chain((given) => {
    const count = given.creations.length + given.statuses.length;
    const each = Array.from({ length: count }, (_, index) => index);
    const shuffled = fc
      .array(fc.nat(count - 1), { maxLength: 4 })
      .chain((again) => fc.shuffledSubarray([...each, ...again], { minLength: count + again.length }));
    return fc.tuple(fc.constant(given), shuffled);
  });

  const forget = (orderId: string) =>
    database.documents.send(new DeleteCommand({ TableName: 'orders', Key: { orderId } }));

  test('any order of arrival, with any duplicates, at once or in turn, ends in the same item', async () => {
    const handler = handlerAt(NOW);
    await fc.assert(
      fc.asyncProperty(arrivals, fc.boolean(), async ([given, order], atOnce) => {
        const orderId = newOrderId();
        const events = eventsOf(orderId, given);
        for (const event of events) await invoke(handler, event);
        const expected = await itemOf(orderId);
        expect(expected).toBeDefined();
        await forget(orderId);

        const arriving = order.map((index) => events[index]);
        if (atOnce) await invoke((all: unknown) => handleAll(handler, all as unknown[]), arriving);
        else for (const event of arriving) await invoke(handler, event);
        expect(await itemOf(orderId)).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  test('of every legal history, in any order of arrival and with any clocks, the last status stands', async () => {
    /** A walk along the transitions, and a shuffled arrival of it. */
    const history = fc.array(fc.nat(2), { maxLength: 4 }).map((choices) => {
      const walk: OrderStatus[] = ['PENDING'];
      for (const choice of choices) {
        const next = STATUS_TRANSITIONS[walk.at(-1) as OrderStatus];
        if (next.length > 0) walk.push(next[choice % next.length] as OrderStatus);
      }
      return walk;
    });
    const handler = handlerAt(NOW);
    await fc.assert(
      fc.asyncProperty(
        history.chain((walk) =>
          fc.tuple(fc.constant(walk), fc.shuffledSubarray(walk, { minLength: walk.length })),
        ),
        fc.infiniteStream(fc.integer({ min: 1, max: 28 })),
        async ([walk, arriving], days) => {
          const orderId = newOrderId();
          for (const status of arriving) {
            await invoke(handler, statusEvent(orderId, status, status, day(days.next().value)));
          }
          expect(await itemOf(orderId)).toMatchObject({ status: walk.at(-1) });
        },
      ),
      { numRuns: 40 },
    );
  });
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
