import './environment';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import fc from 'fast-check';
import { CLIENT_CONFIG } from '../../lambdas/client-config';
import { PoisonEventError } from '../../lambdas/contract';
import { OrderCreated, type OrderStatus, OrderStatusChanged } from '../../lambdas/events';
import { makeHandler } from '../../lambdas/order-processor/handler';
import {
  createOrder,
  EVENT_SIZE,
  EventTooLargeError,
  ImpossibleTransitionError,
  type NewEvent,
  OrderNotFoundError,
  OrderNotPlacedError,
  OrderNotReadError,
  PublishError,
  publishEvent,
  publishEvents,
  updateOrderStatus,
} from '../../lambdas/publisher';
import { observed } from '../../lambdas/telemetry';
import { OrderNotCaughtUpError, type WaitOptions, waitForOrder } from '../../lambdas/wait-for-order';
import created from '../../samples/events/order-created.json';
import { AwsEndpoint } from './aws-endpoint';
import { startDatabase, type TestDatabase } from './dynamodb';
import { invoke } from './invocation';

const NOW = '2026-02-01T12:00:00.000Z';

let database: TestDatabase;
let aws: AwsEndpoint;
let eventBridge: EventBridgeClient;
const pauses: number[] = [];
beforeAll(async () => {
  [database, aws] = await Promise.all([startDatabase(), AwsEndpoint.start()]);
  eventBridge = new EventBridgeClient({ ...CLIENT_CONFIG, endpoint: aws.url });
});
afterAll(async () => {
  eventBridge.destroy();
  await Promise.all([database.stop(), aws.stop()]);
});
beforeEach(() => {
  aws.reset();
  pauses.length = 0;
});

const options = () => ({
  eventBridge,
  now: () => new Date(NOW),
  sleep: async (ms: number) => pauses.push(ms),
  random: () => 0.5,
});
const withTable = () => ({ ...options(), dynamodb: database.documents });

/** An order whose event has about so many bytes. */
const order = (orderId: string, size = 0): NewEvent => ({
  contract: OrderCreated,
  detail: {
    orderId,
    customerId: 'customer-1',
    total: 1,
    items: size > 0 ? [{ text: 'x'.repeat(size) }] : [],
  },
  ids: { eventId: `${orderId}-created` },
});
const orders = (count: number, size?: number) =>
  Array.from({ length: count }, (_, index) => order(`order-${index}`, size));

const sentOrders = () =>
  aws
    .inputs('PutEvents')
    .map(({ Entries }) =>
      Entries.map(({ Detail }: { Detail: string }) => JSON.parse(Detail).orderId as string),
    );
/** The service's answer for entries, of which those with a code failed. */
const answer =
  (...codes: (string | undefined)[]) =>
  () => ({
    body: {
      FailedEntryCount: codes.filter(Boolean).length,
      Entries: codes.map((code, index) =>
        code ? { ErrorCode: code, ErrorMessage: `${code}!` } : { EventId: `envelope-${index}` },
      ),
    },
  });

const thrownBy = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('one event', () => {
  test('carries the trace of the function that publishes it, and none that PutEvents would refuse', async () => {
    const trace = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=557abcec3ee5a047;Sampled=1';
    const traceOf = async (given?: string) => {
      if (given !== undefined) process.env._X_AMZN_TRACE_ID = given;
      await publishEvents([order('1')], options());
      delete process.env._X_AMZN_TRACE_ID;
      return aws.inputs('PutEvents').at(-1).Entries[0].TraceHeader;
    };
    expect(await traceOf(trace)).toBe(trace);
    expect(await traceOf('x'.repeat(500))).toHaveLength(500);
    for (const none of [undefined, '', 'x'.repeat(501)]) expect(await traceOf(none)).toBeUndefined();
  });

  test('is published to the named bus, with its metadata', async () => {
    const ids = { eventId: 'e1', correlationId: 'k1', causationId: 'cause' };
    aws.answerNext('PutEvents', answer(undefined));
    const published = await publishEvent(OrderStatusChanged, { orderId: '1', status: 'SHIPPED' }, ids, {
      ...options(),
      busName: 'other-bus',
    });
    expect(published).toEqual({ eventId: 'e1', envelopeId: 'envelope-0' });
    const [{ Entries: entries }] = aws.inputs('PutEvents');
    expect(entries).toEqual([
      {
        EventBusName: 'other-bus',
        Source: 'app.orders',
        DetailType: 'OrderStatusChanged',
        Detail: JSON.stringify({
          orderId: '1',
          status: 'SHIPPED',
          metadata: { eventId: 'e1', version: 1, correlationId: 'k1', causationId: 'cause' },
        }),
        Time: Date.parse(NOW) / 1_000,
      },
    ]);
  });

  test('without ids gets one of its own, which is also its correlation id', async () => {
    const { eventId } = await publishEvent(OrderCreated, OrderCreated.example, {}, options());
    expect(eventId).toMatch(/^[0-9a-f-]{36}$/);
    const [{ Entries: entries }] = aws.inputs('PutEvents');
    expect(JSON.parse(entries[0].Detail).metadata).toEqual({ eventId, version: 1, correlationId: eventId });
  });

  test('goes to the bus of the environment if none is named', async () => {
    await publishEvent(OrderCreated, OrderCreated.example, {}, options());
    expect(aws.inputs('PutEvents')[0].Entries[0].EventBusName).toBe('bus');
  });

  test('without any bus is an error, and never goes to the default bus', async () => {
    const { EVENT_BUS_NAME } = process.env;
    delete process.env.EVENT_BUS_NAME;
    const error = await thrownBy(publishEvent(OrderCreated, OrderCreated.example, {}, options()));
    process.env.EVENT_BUS_NAME = EVENT_BUS_NAME;
    expect(error).toMatchObject({ name: 'MissingEnvironmentVariableError', variable: 'EVENT_BUS_NAME' });
    expect(aws.calls).toEqual([]);
  });

  test('that breaks its contract is not sent, nor are those with it', async () => {
    const wrong = { ...order('2'), detail: { orderId: '2', customerId: 'c', total: -1 } } as NewEvent;
    const error = await thrownBy(publishEvents([order('1'), wrong], options()));
    expect(error).toBeInstanceOf(PoisonEventError);
    expect(error).toMatchObject({ field: 'detail.total' });
    expect(aws.calls).toEqual([]);
  });
});

describe('many events', () => {
  test('go in calls of ten, in order', async () => {
    const published = await publishEvents(orders(23), options());
    expect(sentOrders().map((batch) => batch.length)).toEqual([10, 10, 3]);
    expect(sentOrders().flat()).toEqual(orders(23).map(({ ids }) => ids?.eventId?.replace('-created', '')));
    expect(published.map(({ eventId }) => eventId)).toEqual(orders(23).map(({ ids }) => ids?.eventId));
  });

  test('go in calls under a megabyte', async () => {
    await publishEvents(orders(9, 250_000), options());
    expect(sentOrders().map((batch) => batch.length)).toEqual([4, 4, 1]);
  });

  test('none at all makes no call', async () => {
    expect(await publishEvents([], options())).toEqual([]);
    expect(aws.calls).toEqual([]);
  });

  test('of any sizes are each sent once, in calls that the service accepts, none of which could be spared', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 260_000 }), { maxLength: 30 }), async (sizes) => {
        aws.reset();
        // The endpoint refuses more than 10 entries and a megabyte.
        await publishEvents(
          sizes.map((size, index) => order(`order-${index}`, size)),
          options(),
        );
        expect(sentOrders().flat()).toEqual(sizes.map((_, index) => `order-${index}`));
        const weights = aws.inputs('PutEvents').map(({ Entries }) => ({
          count: Entries.length,
          size: Buffer.byteLength(JSON.stringify(Entries)),
          first: Buffer.byteLength(JSON.stringify(Entries[0])),
        }));
        for (const [index, { first }] of weights.entries()) {
          const before = weights[index - 1];
          if (before) expect(before.count === 10 || before.size + first >= 1_048_576).toBe(true);
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe('an event that is too large', () => {
  /** An event whose entry has exactly so many bytes, as PutEvents counts them. */
  const eventOf = (size: number): NewEvent => {
    const ids = { eventId: 'e' };
    // The only field without a limit of its own.
    const withNote = (customerEmail: string) => ({
      orderId: 'large',
      customerId: 'c',
      total: 1,
      customerEmail,
    });
    const detail = JSON.stringify(OrderCreated.create(withNote('é'), ids));
    const rest = size - 14 - Buffer.byteLength(`app.ordersOrderCreated${detail}`);
    return { contract: OrderCreated, detail: withNote(`é${'x'.repeat(rest)}`), ids };
  };

  test('is an error with its size, before anything is sent', async () => {
    const error = await thrownBy(publishEvents([order('1'), eventOf(EVENT_SIZE + 1)], options()));
    expect(error).toBeInstanceOf(EventTooLargeError);
    expect(error).toMatchObject({
      index: 1,
      type: 'app.orders/OrderCreated',
      size: EVENT_SIZE + 1,
      message: `#1 app.orders/OrderCreated has ${EVENT_SIZE + 1} bytes; an event may have ${EVENT_SIZE}, so that it can be redriven.`,
    });
    expect(aws.calls).toEqual([]);
  });

  test('is so by one byte of UTF-8: one less is sent', async () => {
    await publishEvents([eventOf(EVENT_SIZE)], options());
    expect(aws.inputs('PutEvents')).toHaveLength(1);
  });

  test('leaves room for the record of its failure, whatever the handler throws', async () => {
    await publishEvents([eventOf(EVENT_SIZE)], options());
    const [{ Entries: entries }] = aws.inputs('PutEvents');
    const { Source, DetailType, Detail } = entries[0];
    const { detail: _, ...envelope } = created;
    const event = { ...envelope, source: Source, 'detail-type': DetailType, detail: JSON.parse(Detail) };
    const error = new Error('é'.repeat(10_000), { cause: new Error('x'.repeat(10_000)) });
    error.stack = `${error.stack}${'\n    at a file of a bundle (/var/task/index.js:1:1)'.repeat(100)}`;
    const failing = observed(async () => {
      throw error;
    });
    const { error: thrown } = await invoke(failing, event);
    const record = {
      version: '1.0',
      timestamp: '2026-01-15T10:00:00.000Z',
      requestContext: {
        requestId: 'a3c2f1de-0000-0000-0000-000000000000',
        functionArn: `arn:aws:lambda:us-gov-west-1:123456789012:function:${'f'.repeat(64)}:$LATEST`,
        condition: 'RetriesExhausted',
        approximateInvokeCount: 3,
      },
      requestPayload: event,
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
      responsePayload: {
        errorType: (thrown as Error).name,
        errorMessage: (thrown as Error).message,
        trace: (thrown as Error).stack?.split('\n'),
      },
    };
    expect(Buffer.byteLength(JSON.stringify(event))).toBeLessThan(1_048_576);
    expect(Buffer.byteLength(JSON.stringify(record))).toBeLessThan(1_048_576);
  });
});

describe('entries that fail', () => {
  test('are sent again, and they alone, after growing pauses with jitter', async () => {
    aws.answerNext(
      'PutEvents',
      answer(undefined, 'ThrottlingException', 'InternalFailure'),
      answer('ThrottlingException', undefined),
      answer(undefined),
    );
    const published = await publishEvents(orders(3), options());
    expect(sentOrders()).toEqual([['order-0', 'order-1', 'order-2'], ['order-1', 'order-2'], ['order-1']]);
    expect(published.map(({ eventId }) => eventId)).toEqual([
      'order-0-created',
      'order-1-created',
      'order-2-created',
    ]);
    expect(pauses).toEqual([50, 100]);
  });

  test('for good are listed in one error, each with its place, its code and its message', async () => {
    const throttled = answer('ThrottlingException', 'ThrottlingException');
    aws.answerNext(
      'PutEvents',
      answer(undefined, 'ThrottlingException', 'ThrottlingException'),
      throttled,
      throttled,
      throttled,
    );
    const error = await thrownBy(publishEvents(orders(3), options()));
    expect(error).toBeInstanceOf(PublishError);
    expect(error).toMatchObject({
      failures: [
        {
          index: 1,
          type: 'app.orders/OrderCreated',
          eventId: 'order-1-created',
          code: 'ThrottlingException',
          message: 'ThrottlingException!',
        },
        { index: 2, eventId: 'order-2-created', code: 'ThrottlingException' },
      ],
      published: [{ eventId: 'order-0-created', envelopeId: 'envelope-0' }],
      message:
        '2 of 3 events were not published: ' +
        '#1 app.orders/OrderCreated order-1-created: ThrottlingException: ThrottlingException!; ' +
        '#2 app.orders/OrderCreated order-2-created: ThrottlingException: ThrottlingException!',
    });
    expect(aws.inputs('PutEvents')).toHaveLength(4);
  });

  test('with a code that no retry mends are not sent again, and the calls after them are made', async () => {
    aws.answerNext('PutEvents', answer(...Array(9).fill(undefined), 'NotAuthorizedForSourceException'));
    const error = await thrownBy(publishEvents(orders(12), options()));
    expect(error).toMatchObject({
      failures: [{ index: 9, code: 'NotAuthorizedForSourceException' }],
      published: { length: 11 },
    });
    expect(aws.inputs('PutEvents')).toHaveLength(2);
    expect(pauses).toEqual([]);
  });

  test('by the dozen are told by the first ten', async () => {
    const ten = () => answer(...Array(10).fill('MalformedDetail'));
    aws.answerNext('PutEvents', ten(), ten());
    const error = (await thrownBy(publishEvents(orders(20), options()))) as PublishError;
    expect(error.failures).toHaveLength(20);
    expect(error.message).toMatch(/^20 of 20 events were not published: #0 .* #9 .*; and 10 more$/);
  });

  test('because the response says nothing of them count as failed', async () => {
    aws.answerNext('PutEvents', answer(undefined), () => ({ body: {} }));
    expect(await thrownBy(publishEvents(orders(2), options()))).toMatchObject({
      failures: [{ index: 1, code: 'NoAnswer' }],
      published: { length: 1 },
    });
    expect(await thrownBy(publishEvents(orders(1), options()))).toMatchObject({ published: [] });
  });
});

describe('a call that fails as a whole', () => {
  test('lists all that was not published, with the reason, and stops', async () => {
    aws.answerNext('PutEvents', answer(...Array(10).fill(undefined)), () => ({
      error: 'AccessDeniedException',
      message: 'User is not authorized to perform: events:PutEvents',
    }));
    const error = (await thrownBy(publishEvents(orders(25), options()))) as PublishError;
    expect(error).toBeInstanceOf(PublishError);
    expect(error.published).toHaveLength(10);
    expect(error.failures.map(({ code }) => code)).toEqual([
      ...Array(10).fill('AccessDeniedException'),
      ...Array(5).fill('NotTried'),
    ]);
    expect(error.message).toContain('User is not authorized to perform: events:PutEvents');
    expect(error.cause).toMatchObject({ name: 'AccessDeniedException' });
    expect(aws.inputs('PutEvents')).toHaveLength(2);
  });

  test('after some of its entries were taken leaves those out of the list', async () => {
    aws.answerNext('PutEvents', answer(undefined, 'ThrottlingException'), () => ({
      error: 'InvalidRequest',
    }));
    expect(await thrownBy(publishEvents(orders(2), options()))).toMatchObject({
      published: [{ eventId: 'order-0-created' }],
      failures: [{ index: 1, code: 'InvalidRequest' }],
    });
  });

  test('because nobody listens is told like that', async () => {
    const nowhere = new EventBridgeClient({ endpoint: 'http://127.0.0.1:1', maxAttempts: 1 });
    const error = await thrownBy(publishEvents(orders(1), { ...options(), eventBridge: nowhere }));
    nowhere.destroy();
    expect(error).toBeInstanceOf(PublishError);
    expect((error as Error).message).toContain('ECONNREFUSED');
  });
});

describe('an order', () => {
  const stored = async (status: OrderStatus, customerEmail?: string) => {
    const orderId = `stored-${status}-${customerEmail ? 'mail' : 'plain'}`;
    const Item = { orderId, status, revision: 2, ...(customerEmail && { customerEmail }) };
    await database.documents.send(new PutCommand({ TableName: 'orders', Item }));
    return orderId;
  };
  const entry = () => {
    const [{ Entries: entries }] = aws.inputs('PutEvents');
    return { ...entries[0], Detail: JSON.parse(entries[0].Detail) };
  };

  test('is placed by one write, the event', async () => {
    const placed = await createOrder(
      { customerId: 'c', total: 5 },
      { ...options(), ids: { correlationId: 'k' } },
    );
    expect(placed).toEqual({ orderId: expect.any(String), customerId: 'c', total: 5, createdAt: NOW });
    expect(aws.calls).toHaveLength(1);
    expect(entry()).toMatchObject({
      DetailType: 'OrderCreated',
      Detail: { ...placed, metadata: { correlationId: 'k' } },
    });
  });

  test('keeps the id and the time that it has', async () => {
    const given = { orderId: 'mine', customerId: 'c', total: 5, createdAt: '2026-01-01T00:00:00.000Z' };
    expect(await createOrder(given, options())).toEqual(given);
  });

  test('placed and then delivered to the order processor is in the table', async () => {
    const { orderId } = await createOrder({ customerId: 'c', total: 5 }, options());
    const { Source, DetailType, Detail } = entry();
    const delivered = {
      version: '0',
      id: 'envelope-1',
      'detail-type': DetailType,
      source: Source,
      account: '123456789012',
      time: '2026-02-01T12:00:00Z',
      region: 'us-east-1',
      resources: [],
      detail: Detail,
    };
    await invoke(makeHandler({ client: database.documents }), delivered);
    expect(await updateOrderStatus(orderId, 'CONFIRMED', withTable())).toMatchObject({
      previousStatus: 'PENDING',
    });
  });

  test('moves on with the status, the revision and the e-mail address that the table has', async () => {
    const orderId = await stored('CONFIRMED', 'jane@example.com');
    const change = await updateOrderStatus(orderId, 'SHIPPED', withTable());
    expect(change).toEqual({
      orderId,
      status: 'SHIPPED',
      previousStatus: 'CONFIRMED',
      customerEmail: 'jane@example.com',
      updatedAt: NOW,
      revision: 2,
    });
    expect(entry()).toMatchObject({ DetailType: 'OrderStatusChanged', Detail: change });
    expect(aws.calls).toHaveLength(1);
  });

  test('without an e-mail address moves on without one', async () => {
    const orderId = await stored('PENDING');
    expect(await updateOrderStatus(orderId, 'CANCELLED', withTable())).not.toHaveProperty('customerEmail');
  });

  test('that is unknown is an error of that name', async () => {
    const error = await thrownBy(updateOrderStatus('nobody', 'SHIPPED', withTable()));
    expect(error).toBeInstanceOf(OrderNotFoundError);
    expect((error as Error).message).toContain('Order nobody is not in the table');
    expect(aws.calls).toEqual([]);
  });

  test('with an impossible id is an error that says what is allowed', async () => {
    const error = await thrownBy(updateOrderStatus('', 'SHIPPED', withTable()));
    expect(error).toMatchObject({ field: 'detail.orderId' });
  });

  test.each<[OrderStatus, string, string]>([
    ['PENDING', 'DELIVERED', 'it can become CONFIRMED or SHIPPED or CANCELLED'],
    ['SHIPPED', 'CANCELLED', 'it can become DELIVERED'],
    ['SHIPPED', 'SHIPPED', 'it can become DELIVERED'],
    ['DELIVERED', 'PENDING', 'that is its last status'],
    ['PENDING', 'LOST', 'it can become CONFIRMED or SHIPPED or CANCELLED'],
  ])('that is %s cannot become %s', async (from, to, allowed) => {
    const orderId = await stored(from);
    const error = await thrownBy(updateOrderStatus(orderId, to as OrderStatus, withTable()));
    expect(error).toBeInstanceOf(ImpossibleTransitionError);
    expect((error as Error).message).toBe(`Order ${orderId} is ${from} and cannot become ${to}; ${allowed}.`);
    expect(aws.calls).toEqual([]);
  });

  test.each([
    [
      'a status that only a newer version knows',
      { status: 'RETURNED' },
      OrderNotReadError,
      /"RETURNED".*update/,
    ],
    ['no status, as while it is rebuilt', {}, OrderNotFoundError, /is not in the table/],
  ])('of an item with %s is an error that says so', async (_, attributes, type, message) => {
    const Item = { orderId: 'odd', processedAt: NOW, ...attributes };
    await database.documents.send(new PutCommand({ TableName: 'orders', Item }));
    const error = await thrownBy(updateOrderStatus('odd', 'SHIPPED', withTable()));
    expect(error).toBeInstanceOf(type);
    expect((error as Error).message).toMatch(message);
    expect(aws.calls).toEqual([]);
  });

  test('that cannot be read is an error with the table and the reason', async () => {
    const error = await thrownBy(
      updateOrderStatus('1', 'SHIPPED', { ...withTable(), tableName: 'no-such-table' }),
    );
    expect(error).toBeInstanceOf(OrderNotReadError);
    expect((error as Error).message).toMatch(/^Order 1 could not be read from table no-such-table: Resource/);
    expect((error as Error).cause).toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

describe('an order that may not have been placed', () => {
  /** The service takes the event, and its answer is lost. */
  const lost = () => ({ error: 'InternalFailure', message: 'the answer was lost' });

  test('is an error with the id that it was given, by which it can be placed again, once', async () => {
    aws.answerNext('PutEvents', lost);
    const once = new EventBridgeClient({ ...CLIENT_CONFIG, maxAttempts: 1, endpoint: aws.url });
    const error = await thrownBy(
      createOrder({ customerId: 'c', total: 5 }, { ...options(), eventBridge: once }),
    );
    once.destroy();
    expect(error).toBeInstanceOf(OrderNotPlacedError);
    expect(error).toBeInstanceOf(PublishError);
    const { order: placed, eventId, message } = error as OrderNotPlacedError;
    expect(message).toContain(`Order ${placed.orderId} may not have been placed: `);
    expect(message).toContain(eventId);
    expect(await createOrder(placed, { ...options(), ids: { eventId } })).toEqual(placed);
    const [first, second] = aws.inputs('PutEvents').map(({ Entries }) => Entries[0].Detail);
    expect(second).toBe(first);
  });

  test('because it breaks the contract is no such error: nothing was sent', async () => {
    const error = await thrownBy(createOrder({ customerId: '', total: 5 }, options()));
    expect(error).toBeInstanceOf(PoisonEventError);
  });
});

describe('an abort signal', () => {
  const reason = new Error('the request was cancelled');

  test('that has come sends nothing', async () => {
    const error = await thrownBy(
      createOrder({ customerId: 'c', total: 5 }, { ...options(), signal: AbortSignal.abort(reason) }),
    );
    expect(error).toMatchObject({ order: { orderId: expect.any(String) }, cause: reason });
    expect(
      await thrownBy(
        updateOrderStatus('1', 'SHIPPED', { ...withTable(), signal: AbortSignal.abort(reason) }),
      ),
    ).toMatchObject({
      name: 'OrderNotReadError',
    });
    expect(aws.calls).toEqual([]);
  });

  test('ends a call that has no answer', async () => {
    aws.answerNext('PutEvents', () => undefined);
    const error = await thrownBy(publishEvents(orders(1), { ...options(), signal: AbortSignal.timeout(50) }));
    expect(error).toMatchObject({
      name: 'PublishError',
      failures: [{ code: expect.stringMatching(/^(Abort|Timeout)Error$/) }],
    });
  });

  test('ends a pause, and the events that were published are told', async () => {
    aws.answerNext('PutEvents', answer(undefined, 'ThrottlingException'));
    const controller = new AbortController();
    const sleep = () => {
      controller.abort(reason);
      return new Promise<never>(() => {});
    };
    const error = await thrownBy(
      publishEvents(orders(2), { ...options(), sleep, signal: controller.signal }),
    );
    expect(error).toMatchObject({ published: [{ eventId: 'order-0-created' }], cause: reason });
    expect(aws.inputs('PutEvents')).toHaveLength(1);
  });
});

describe('waiting for the table', () => {
  const put = (orderId: string, status: string) =>
    database.documents.send(
      new PutCommand({ TableName: 'orders', Item: { orderId, status, createdAt: NOW } }),
    );
  const wait = (orderId: string, more: WaitOptions = {}) =>
    waitForOrder(orderId, { dynamodb: database.documents, timeout: 5_000, ...more });

  test('ends when the order is there', async () => {
    const waiting = wait('awaited-1');
    setTimeout(() => void put('awaited-1', 'PENDING'), 80);
    expect(await waiting).toEqual({ orderId: 'awaited-1', status: 'PENDING' });
  });

  test('for a status ends when the order has it', async () => {
    await put('awaited-2', 'PENDING');
    const waiting = wait('awaited-2', { status: 'SHIPPED' });
    setTimeout(() => void put('awaited-2', 'SHIPPED'), 80);
    expect(await waiting).toEqual({ orderId: 'awaited-2', status: 'SHIPPED' });
  });

  test.each(['DELIVERED', 'CANCELLED'])(
    'for a status ends when the order cannot have it any more: %s',
    async (status) => {
      await put(`awaited-${status}`, status);
      expect(await wait(`awaited-${status}`, { status: 'SHIPPED', timeout: 0 })).toMatchObject({ status });
    },
  );

  test('does not take an order for there of which only a change of status has arrived', async () => {
    await database.documents.send(
      new PutCommand({ TableName: 'orders', Item: { orderId: 'awaited-3', status: 'SHIPPED' } }),
    );
    expect(await thrownBy(wait('awaited-3', { timeout: 0 }))).toBeInstanceOf(OrderNotCaughtUpError);
  });

  test('ends with an error that says what the table had', async () => {
    expect(await thrownBy(wait('nobody', { timeout: 20 }))).toMatchObject({
      name: 'OrderNotCaughtUpError',
      message: expect.stringContaining('Order nobody is not in the table after 20 ms.'),
    });
    await put('awaited-4', 'PENDING');
    expect(await thrownBy(wait('awaited-4', { status: 'SHIPPED', timeout: 0 }))).toMatchObject({
      message: expect.stringContaining('Order awaited-4 is still PENDING'),
    });
  });

  test('ends with the reason of a signal', async () => {
    const controller = new AbortController();
    const waiting = thrownBy(wait('nobody', { signal: controller.signal }));
    setTimeout(() => controller.abort(new Error('no more')), 30);
    expect(await waiting).toMatchObject({ message: expect.stringMatching(/no more|aborted/) });
  });
});

describe('without clients of its own', () => {
  test('the publisher uses those of the process, at the endpoint of the environment', async () => {
    const endpoint = await database.client.config.endpoint?.();
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: aws.url,
      AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${endpoint?.port}`,
    });
    const { orderId } = await createOrder({ customerId: 'c', total: 1 });
    const error = await thrownBy(updateOrderStatus(orderId, 'SHIPPED'));
    delete process.env.AWS_ENDPOINT_URL;
    delete process.env.AWS_ENDPOINT_URL_DYNAMODB;
    expect(error).toBeInstanceOf(OrderNotFoundError);
    expect(aws.inputs('PutEvents')).toHaveLength(1);
  });
});
