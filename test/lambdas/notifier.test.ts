import './environment';
import { createHash } from 'node:crypto';
import { SNSClient } from '@aws-sdk/client-sns';
import { PutCommand, ScanCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import fc from 'fast-check';
import { CLIENT_CONFIG } from '../../lambdas/client-config';
import { PoisonEventError } from '../../lambdas/contract';
import { type OrderStatus, OrderStatusChanged } from '../../lambdas/events';
import {
  NOTIFICATION_INPUT_PATHS,
  NOTIFICATION_INPUT_TEMPLATE,
  parseNotificationInput,
} from '../../lambdas/notification';
import { makeHandler } from '../../lambdas/notifier/handler';
import { notification, shownOrderId, subject } from '../../lambdas/notifier/message';
import { makeHandler as makeOrderProcessor } from '../../lambdas/order-processor/handler';
import { readOrderEvent } from '../../lambdas/order-processor/order';
import created from '../../samples/events/order-created.json';
import shipped from '../../samples/events/order-shipped.json';
import input from '../../samples/inputs/notifier.json';
import { compileInput } from '../../tools/eventbridge/input-transformer';
import { AwsEndpoint } from './aws-endpoint';
import { startDatabase, type TestDatabase } from './dynamodb';
import { context, invoke } from './invocation';

const NOW = '2026-02-01T12:00:00.000Z';

let database: TestDatabase;
let aws: AwsEndpoint;
let sns: SNSClient;
beforeAll(async () => {
  [database, aws] = await Promise.all([startDatabase(), AwsEndpoint.start()]);
  sns = new SNSClient({ ...CLIENT_CONFIG, endpoint: aws.url });
});
afterAll(async () => {
  sns.destroy();
  await Promise.all([database.stop(), aws.stop()]);
});
beforeEach(() => aws.reset());

const makeNotifier = () => makeHandler({ sns, dynamodb: database.client, now: () => new Date(NOW) });
const notify = (event: unknown) => invoke(makeNotifier(), event);

let events = 0;
const newEventId = () => `event-${++events}`;

/** Input transformer of the rule for changes of an order. */
const transform = compileInput({
  Id: 'Notifier',
  InputTransformer: {
    InputPathsMap: { ...NOTIFICATION_INPUT_PATHS },
    InputTemplate: NOTIFICATION_INPUT_TEMPLATE,
  },
});
function inputOf(detail: object, envelope: object = {}): unknown {
  const event = { ...shipped, ...envelope, detail };
  const made = transform(event as never, { ruleArn: '', ruleName: '', ingestionTime: event.time });
  if (!made.delivered) throw new Error(made.reason);
  return JSON.parse(made.body);
}
const changeOf = (orderId: string, status: string, more: object = {}) =>
  inputOf({
    orderId,
    status,
    updatedAt: '2026-01-16T08:30:00.000Z',
    metadata: { eventId: newEventId() },
    ...more,
  });

const processed = async (detailType: string, detail: object) => {
  const event = { ...created, 'detail-type': detailType, id: newEventId(), detail };
  const { error } = await invoke(makeOrderProcessor({ client: database.documents }), event);
  expect(error).toBeUndefined();
};
const place = (orderId: string, more: object = { customerEmail: 'jane@example.com' }) =>
  processed('OrderCreated', { orderId, customerId: 'c', total: 1, ...more });
const move = (orderId: string, status: OrderStatus, updatedAt = '2026-01-16T08:30:00.000Z') =>
  processed('OrderStatusChanged', { orderId, status, updatedAt });

/** A new order in the table. */
let orders = 0;
async function newOrder(...statuses: OrderStatus[]): Promise<string> {
  const orderId = `order-${++orders}-of-this-test`;
  await place(orderId);
  for (const status of statuses) await move(orderId, status);
  return orderId;
}

/** Message attributes of a Publish request in SNS's form encoding. */
function attributesOf(fields: Record<string, string>): Record<string, string | undefined> {
  const names = Object.entries(fields).filter(([field]) =>
    /^MessageAttributes\.entry\.\d+\.Name$/.test(field),
  );
  return Object.fromEntries(
    names.map(([field, name]) => [name, fields[field.replace('.Name', '.Value.StringValue')]]),
  );
}
const published = () =>
  aws
    .inputs('Publish')
    .map((fields) => ({ ...fields, body: JSON.parse(fields.Message), attributes: attributesOf(fields) }));

describe('a notification', () => {
  test('has the subject, the message and the e-mail attribute that subscribers rely on', async () => {
    await place('order-1001');
    const { response } = await notify(input);
    expect(response).toEqual({ statusCode: 200 });
    const [message, ...others] = published();
    expect(others).toEqual([]);
    expect(message).toMatchObject({
      TopicArn: 'arn:aws:sns:us-east-1:123456789012:notifications',
      Subject: 'Order order-1001 - SHIPPED',
      body: {
        email: 'jane@example.com',
        subject: 'Order Update: order-1001',
        body: 'Your order order-1001 has been SHIPPED',
        timestamp: NOW,
        status: 'SHIPPED',
        changedAt: '2026-01-16T08:30:00.000Z',
      },
    });
    expect(message?.attributes).toStrictEqual({
      email: 'jane@example.com',
      orderId: 'order-1001',
      status: 'SHIPPED',
      eventId: 'order-1001-shipped',
    });
  });

  test('goes to the address of the order, whatever address an event names', async () => {
    const orderId = await newOrder();
    await notify(changeOf(orderId, 'SHIPPED', { customerEmail: 'somebody.else@example.org' }));
    expect(published()).toMatchObject([
      { body: { email: 'jane@example.com' }, attributes: { email: 'jane@example.com' } },
    ]);
    expect(JSON.stringify(aws.calls)).not.toContain('somebody');
  });

  test('of an order without an address has neither the attribute nor the field, and SNS takes it', async () => {
    await place('order-without', {});
    const { response } = await notify(
      changeOf('order-without', 'CANCELLED', { customerEmail: 'x@example.com' }),
    );
    expect(response).toEqual({ statusCode: 200 });
    expect(published()[0]?.attributes).not.toHaveProperty('email');
    expect(published()[0]?.body).not.toHaveProperty('email');
  });

  test('says when the change happened: at the time of the event if it does not tell', async () => {
    const orderId = await newOrder();
    await notify(changeOf(orderId, 'SHIPPED', { updatedAt: undefined }));
    expect(published()).toMatchObject([{ body: { changedAt: '2026-01-16T08:30:00.000Z' } }]);
  });

  test('of an event without metadata is known by the id of its envelope', async () => {
    const orderId = await newOrder();
    const { lines } = await notify(inputOf({ orderId, status: 'SHIPPED' }, { id: 'envelope-1' }));
    expect(lines).toMatchObject([{ eventId: 'envelope-1', outcome: 'sent' }]);
  });

  test('has no link in what a customer reads, whatever id the order has', () => {
    const orderId = fc.stringMatching(/^[\w.:/#-]{1,128}$/);
    const link = /[a-z]:\/\/|\w\.\w|:|\//i;
    fc.assert(
      fc.property(
        fc.oneof(orderId, fc.constantFrom('https://evil.example/pay', 'www.evil.example', 'a/b.c')),
        (id) => {
          const change = {
            ...parseNotificationInput(input),
            orderId: id,
            message: `Your order ${id} has been SHIPPED`,
          };
          const { Subject, Message } = notification({ ...change, timestamp: NOW });
          const { subject, body } = JSON.parse(Message ?? '');
          for (const text of [
            Subject?.replace(/^Order /, ''),
            subject.replace(/^Order Update: /, ''),
            body,
          ]) {
            expect(text).not.toMatch(link);
          }
        },
      ),
    );
    expect(shownOrderId('https://evil.example/pay')).toBe('https-evil-example-pay');
    expect(shownOrderId('order-1001')).toBe('order-1001');
  });
});

describe('what the table contradicts is not said', () => {
  const stale = {
    response: { statusCode: 200 },
    lines: [{ level: 'INFO', outcome: 'stale' }],
    metrics: { StaleNotifications: 1 },
  };

  test.each<[string, OrderStatus[], OrderStatus]>([
    ['SHIPPED of an order that is DELIVERED', ['SHIPPED', 'DELIVERED'], 'SHIPPED'],
    ['CANCELLED of an order that is SHIPPED', ['SHIPPED'], 'CANCELLED'],
    ['SHIPPED of an order that is CANCELLED', ['CANCELLED'], 'SHIPPED'],
    ['DELIVERED of an order that is CANCELLED', ['CANCELLED'], 'DELIVERED'],
  ])('%s is stale', async (_, statuses, status) => {
    const orderId = await newOrder(...statuses);
    expect(await notify(changeOf(orderId, status))).toMatchObject(stale);
    expect(aws.calls).toEqual([]);
  });

  test.each<[string, OrderStatus[], OrderStatus]>([
    ['the status that the table has', ['SHIPPED'], 'SHIPPED'],
    ['a status that has not reached the table yet', [], 'SHIPPED'],
    ['a status whose predecessor has not reached the table yet', [], 'DELIVERED'],
  ])('%s is said', async (_, statuses, status) => {
    const orderId = await newOrder(...statuses);
    expect(await notify(changeOf(orderId, status))).toMatchObject({ lines: [{ outcome: 'sent' }] });
  });

  test('of an order that was never created fails with a reason, so that Lambda tries again', async () => {
    const change = changeOf('nobody-ordered-this', 'SHIPPED');
    expect(await notify(change)).toMatchObject({
      error: { name: 'OrderNotThereError', orderId: 'nobody-ordered-this' },
      lines: [{ level: 'ERROR', outcome: 'failed', reason: expect.stringContaining('is not in the table') }],
    });
    expect(aws.calls).toEqual([]);
    // Only its status has arrived: that is no order yet.
    await move('nobody-ordered-this', 'SHIPPED');
    expect((await notify(change)).error).toMatchObject({ name: 'OrderNotThereError' });
    await place('nobody-ordered-this');
    expect((await notify(change)).lines).toMatchObject([{ outcome: 'sent' }]);
  });

  test('of an order whose status is one of a newer version cannot be told, and fails with a reason', async () => {
    await database.documents.send(
      new PutCommand({
        TableName: 'orders',
        Item: { orderId: 'newer', status: 'PACKED', createdBy: 'e', createdAt: NOW },
      }),
    );
    const { error } = await notify(changeOf('newer', 'SHIPPED'));
    expect(error).toMatchObject({
      name: 'UndecidedNotificationError',
      message: expect.stringContaining('"PACKED"'),
    });
    expect(aws.calls).toEqual([]);
  });

  test('of an item that the code before wrote is judged as well', async () => {
    const Item = {
      orderId: 'before',
      status: 'DELIVERED',
      statusVersion: '3#2026-01-20T00:00:00.000Z#e',
      createdVersion: `${NOW}#e`,
      createdAt: NOW,
    };
    await database.documents.send(new PutCommand({ TableName: 'orders', Item }));
    expect(await notify(changeOf('before', 'SHIPPED'))).toMatchObject(stale);
  });

  test('and a table that cannot be read is an error, and nothing is said', async () => {
    const handler = makeHandler({ sns, dynamodb: database.client, ordersTable: 'no-such-table' });
    expect((await invoke(handler, input)).error).toMatchObject({ name: 'ResourceNotFoundException' });
    expect(aws.calls).toEqual([]);
  });
});

describe('once for each change of an order', () => {
  test('the same event again is a success and publishes nothing', async () => {
    const orderId = await newOrder();
    const change = changeOf(orderId, 'SHIPPED');
    expect(await notify(change)).toMatchObject({
      response: { statusCode: 200 },
      lines: [{ level: 'INFO', outcome: 'sent', orderId }],
      metrics: { NotificationsSent: 1 },
    });
    expect(await notify(change)).toMatchObject({
      response: { statusCode: 200 },
      lines: [{ level: 'INFO', outcome: 'duplicate' }],
      metrics: { DuplicateEvents: 1 },
    });
    expect(aws.inputs('Publish')).toHaveLength(1);
  });

  test('two events that say the same, of two publishers or of a double click, are one notification', async () => {
    const orderId = await newOrder();
    await notify(changeOf(orderId, 'SHIPPED'));
    expect(await notify(changeOf(orderId, 'SHIPPED'))).toMatchObject({ lines: [{ outcome: 'duplicate' }] });
    expect(aws.inputs('Publish')).toHaveLength(1);
  });

  test('two changes under the same event id are two notifications', async () => {
    const orderId = await newOrder();
    const metadata = { eventId: 'request-1' };
    await notify(changeOf(orderId, 'SHIPPED', { metadata }));
    await notify(changeOf(orderId, 'DELIVERED', { metadata }));
    await notify(changeOf(await newOrder(), 'SHIPPED', { metadata }));
    expect(published().map(({ attributes }) => attributes.status)).toEqual([
      'SHIPPED',
      'DELIVERED',
      'SHIPPED',
    ]);
  });

  test('what was told before the upgrade is not told again: its key is of the event', async () => {
    const orderId = await newOrder();
    const remember = (eventId: string, expiration: number) => {
      const id = `notification#${createHash('md5').update(JSON.stringify(eventId)).digest('base64')}`;
      return database.documents.send(
        new PutCommand({ TableName: 'idempotency', Item: { id, status: 'COMPLETED', expiration } }),
      );
    };
    await remember('told-before', Date.parse(NOW) / 1_000 + 1);
    await remember('told-long-ago', Date.parse(NOW) / 1_000 - 1);
    const change = (eventId: string) => changeOf(orderId, 'SHIPPED', { metadata: { eventId } });
    expect(await notify(change('told-before'))).toMatchObject({ lines: [{ outcome: 'duplicate' }] });
    expect(await notify(change('told-long-ago'))).toMatchObject({ lines: [{ outcome: 'sent' }] });
  });

  test('the same change twice at the same time is published once; the other call fails and is retried', async () => {
    const orderId = await newOrder();
    const changes = [changeOf(orderId, 'SHIPPED'), changeOf(orderId, 'SHIPPED')];
    const handler = makeNotifier();
    const { response: results } = await invoke(
      (both: unknown) => Promise.allSettled((both as unknown[]).map((one) => handler(one, context))),
      changes,
    );
    expect(aws.inputs('Publish')).toHaveLength(1);
    const failures = results?.filter(({ status }) => status === 'rejected') ?? [];
    for (const failure of failures) {
      expect(failure).toMatchObject({ reason: { name: 'IdempotencyAlreadyInProgressError' } });
    }
    expect((await notify(changes[0])).lines).toMatchObject([{ outcome: 'duplicate' }]);
    expect(aws.inputs('Publish')).toHaveLength(1);
  });

  test('when SNS refuses, the error is thrown and the retry publishes', async () => {
    const change = changeOf(await newOrder(), 'SHIPPED');
    aws.answerNext('Publish', () => ({ error: 'AuthorizationError', message: 'not authorized' }));
    const { error, lines, metrics } = await notify(change);
    expect(error).toMatchObject({ name: 'AuthorizationErrorException' });
    expect(lines).toMatchObject([{ level: 'ERROR', outcome: 'failed', reason: 'not authorized' }]);
    expect(metrics).toEqual({});
    expect((await notify(change)).lines).toMatchObject([{ outcome: 'sent' }]);
    expect(aws.inputs('Publish')).toHaveLength(2);
  });

  test('when the answer of SNS is lost it is published again, and both name the same change', async () => {
    const change = changeOf(await newOrder(), 'SHIPPED');
    aws.answerNext('Publish', () => undefined);
    const requestHandler = { ...CLIENT_CONFIG.requestHandler, requestTimeout: 50 };
    const impatient = new SNSClient({ ...CLIENT_CONFIG, requestHandler, endpoint: aws.url });
    const handler = makeHandler({ sns: impatient, dynamodb: database.client });
    expect((await invoke(handler, change)).lines).toMatchObject([{ outcome: 'sent' }]);
    impatient.destroy();
    const [first, second] = published();
    expect(second?.attributes).toEqual(first?.attributes);
    expect(second?.body).toEqual(first?.body);
  });

  test('a call that died half-way gives way to the retry once its time is over', async () => {
    const change = changeOf(await newOrder(), 'SHIPPED');
    // The function is killed while it waits for SNS: its promise never settles.
    await new Promise<void>((killed) => {
      const stuck = new SNSClient(CLIENT_CONFIG);
      jest.spyOn(stuck, 'send').mockImplementation(() => new Promise(() => killed()));
      void makeHandler({ sns: stuck, dynamodb: database.client })(change, context);
    });
    expect((await notify(change)).error).toMatchObject({ name: 'IdempotencyAlreadyInProgressError' });

    const records = await database.documents.send(new ScanCommand({ TableName: 'idempotency' }));
    const inProgress = records.Items?.filter(({ status }) => status === 'INPROGRESS') ?? [];
    expect(inProgress).toHaveLength(1);
    expect(inProgress[0]?.in_progress_expiration - Date.now()).toBeLessThanOrEqual(30_000);
    await database.documents.send(
      new UpdateCommand({
        TableName: 'idempotency',
        Key: { id: inProgress[0]?.id },
        UpdateExpression: 'SET in_progress_expiration = :past',
        ExpressionAttributeValues: { ':past': Date.now() - 1 },
      }),
    );
    expect((await notify(change)).lines).toMatchObject([{ outcome: 'sent' }]);
  });

  test('a change is remembered longer than it can wait in a queue, and the table forgets it by itself', async () => {
    const before = new Set(
      (await database.documents.send(new ScanCommand({ TableName: 'idempotency' }))).Items?.map(
        ({ id }) => id,
      ),
    );
    await notify(changeOf(await newOrder(), 'SHIPPED'));
    const { Items: all = [] } = await database.documents.send(new ScanCommand({ TableName: 'idempotency' }));
    const records = all.filter(({ id }) => !before.has(id));
    expect(records).toHaveLength(1);
    const [{ id, expiration }] = records as [{ id: string; expiration: number }];
    const days = (expiration - Date.now() / 1_000) / (24 * 60 * 60);
    expect(days).toBeGreaterThan(14);
    expect(days).toBeLessThan(16);
    // Powertools' own prefix would hold the name of a function, which minifying changes.
    expect(id).toMatch(/^notification#/);
  });
});

describe('the input', () => {
  test.each([
    ['null', null, 'event'],
    ['no detail', { detail: undefined }, 'detail'],
    ['an id that is an object', { id: {} }, 'id'],
  ])('%s is poison: nothing is read, nothing published', async (_, change, field) => {
    const { error, metrics, output } = await notify(
      change && JSON.parse(JSON.stringify({ ...input, ...change })),
    );
    expect(error).toBeInstanceOf(PoisonEventError);
    expect(error).toMatchObject({ field });
    expect(metrics).toEqual({ PoisonEvents: 1 });
    expect(aws.calls).toEqual([]);
    expect(output).not.toContain('jane');
    expect(output).toContain('"message":"OrderStatusChanged"');
  });

  test.each([
    ['an order id that is missing', { orderId: undefined }],
    ['an order id that is an object', { orderId: {} }],
    ['a status that there is not', { status: 'LOST' }],
    ['a status before that there is not', { previousStatus: 'LOST' }],
    ['a time that is none', { updatedAt: 'yesterday' }],
    ['a time that is empty', { updatedAt: '' }],
    ['metadata that is text', { metadata: 'text' }],
    ['metadata that is empty text', { metadata: '' }],
    ['an event id that is a number', { metadata: { eventId: 5 } }],
    ['a version that is newer', { metadata: { version: 99 } }],
    ['a revision that is none', { revision: -1 }],
    ['nothing wrong', {}],
  ])('%s is the same to the notifier as to the order processor', async (_, more) => {
    const detail = JSON.parse(
      JSON.stringify({ orderId: 'order-1', status: 'SHIPPED', metadata: { eventId: 'e' }, ...more }),
    );
    const refusal = (read: () => unknown) => {
      try {
        read();
        return undefined;
      } catch (error) {
        return error;
      }
    };
    const byNotifier = refusal(() => parseNotificationInput(inputOf(detail)));
    expect(byNotifier).toEqual(refusal(() => readOrderEvent({ ...shipped, detail })));
  });

  test('of a status nobody is notified of is poison', () => {
    expect(() => parseNotificationInput(inputOf({ orderId: 'order-1', status: 'CONFIRMED' }))).toThrow(
      'app.orders/OrderStatusChanged: detail.status: expected one of SHIPPED, DELIVERED, CANCELLED, received CONFIRMED.',
    );
  });

  test('of the template before, which may wait in a queue when this is deployed, is read as well', async () => {
    const orderId = await newOrder();
    const before = {
      orderId,
      status: 'SHIPPED',
      email: 'jane@example.com',
      message: `Your order ${orderId} has been SHIPPED`,
      id: 'envelope-1',
      metadata: { eventId: newEventId(), version: 1 },
    };
    expect(await notify(before)).toMatchObject({ lines: [{ outcome: 'sent' }] });
    expect(published()[0]?.body).not.toHaveProperty('changedAt');
    expect((await notify({ ...before, orderId: await newOrder(), metadata: '' })).lines).toMatchObject([
      { outcome: 'sent', eventId: 'envelope-1' },
    ]);
    for (const wrong of [{ orderId: '' }, { status: 'CONFIRMED' }, { metadata: 'text' }]) {
      expect((await notify({ ...before, ...wrong })).error).toBeInstanceOf(PoisonEventError);
    }
  });

  test('any detail is accepted or refused as by the contract', () => {
    const detail = fc.dictionary(
      fc.constantFrom(
        'orderId',
        'status',
        'previousStatus',
        'updatedAt',
        'revision',
        'customerEmail',
        'metadata',
      ),
      fc.oneof(
        fc.constantFrom<unknown>('SHIPPED', 'order-1', '', null, 5, {}, '2026-01-16T08:30:00Z'),
        fc.jsonValue(),
      ),
    );
    fc.assert(
      fc.property(detail, (fields) => {
        const given = { orderId: 'order-1', status: 'SHIPPED', ...fields };
        const accepts = (read: () => unknown) => {
          try {
            read();
            return true;
          } catch (error) {
            expect(error).toBeInstanceOf(PoisonEventError);
            return false;
          }
        };
        fc.pre(
          given.status === 'SHIPPED' && typeof given.orderId === 'string' && !/["\\]/.test(given.orderId),
        );
        const event = { ...shipped, detail: given };
        expect(accepts(() => parseNotificationInput(inputOf(given)))).toBe(
          accepts(() => OrderStatusChanged.parse(event)),
        );
      }),
    );
  });

  test('no line of the log holds an e-mail address', async () => {
    const { output } = await notify(
      changeOf(await newOrder(), 'SHIPPED', { customerEmail: 'jane@example.com' }),
    );
    expect(output).not.toContain('@');
  });
});

describe('the subject', () => {
  test('is cut to 100 characters', () => {
    expect(subject(`Order ${'x'.repeat(200)} - SHIPPED`)).toHaveLength(100);
  });

  test('has no line breaks and no control characters', () => {
    expect(subject('Order 1\r\nBcc: x\u0000\u0007 - SHIPPED\u2028')).toBe('Order 1 Bcc: x - SHIPPED');
  });

  test('keeps letters of every script whole', () => {
    expect(subject('注文 1 – отправлен')).toBe('注文 1 – отправлен');
    expect(subject('📦'.repeat(120))).toBe('📦'.repeat(100));
  });

  test('of any text is what SNS accepts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const line = subject(text);
        expect(Array.from(line).length).toBeLessThanOrEqual(100);
        expect(line).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  test('of every order that the contract accepts holds the whole id or its beginning', () => {
    const longest = { ...parseNotificationInput(input), orderId: 'o'.repeat(128), timestamp: NOW };
    expect(notification(longest).Subject).toBe(`Order ${'o'.repeat(64)} - SHIPPED`);
  });
});
