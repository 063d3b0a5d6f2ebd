import './environment';
import { SNSClient } from '@aws-sdk/client-sns';
import { ScanCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import fc from 'fast-check';
import { CLIENT_CONFIG } from '../../lambdas/client-config';
import { PoisonEventError } from '../../lambdas/contract';
import { parseNotificationInput } from '../../lambdas/notification';
import { makeHandler } from '../../lambdas/notifier/handler';
import { notification, subject } from '../../lambdas/notifier/message';
import input from '../../samples/inputs/notifier.json';
import withoutEmail from '../../samples/inputs/notifier-without-email.json';
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

/** The input as of a new event. */
let events = 0;
const withNewEvent = <Input extends object>(given: Input) => ({
  ...given,
  metadata: { eventId: `event-${++events}`, version: 1, correlationId: 'checkout-7' },
});

/** Message attributes of a Publish request in SNS's form encoding. */
function attributesOf(fields: Record<string, string>): Record<string, string | undefined> {
  const names = Object.entries(fields).filter(([field]) =>
    /^MessageAttributes\.entry\.\d+\.Name$/.test(field),
  );
  return Object.fromEntries(
    names.map(([field, name]) => [name, fields[field.replace('.Name', '.Value.StringValue')]]),
  );
}

describe('a notification', () => {
  test('has the subject, the message and the e-mail attribute that subscribers rely on', async () => {
    const { response } = await notify(input);
    expect(response).toEqual({ statusCode: 200 });
    const [published, ...others] = aws.inputs('Publish');
    expect(others).toEqual([]);
    expect(published).toMatchObject({
      TopicArn: 'arn:aws:sns:us-east-1:123456789012:notifications',
      Subject: 'Order order-1001 - SHIPPED',
    });
    expect(JSON.parse(published.Message)).toEqual({
      email: 'jane@example.com',
      subject: 'Order Update: order-1001',
      body: 'Your order order-1001 has been SHIPPED',
      timestamp: NOW,
    });
    expect(attributesOf(published)).toStrictEqual({
      email: 'jane@example.com',
      status: 'SHIPPED',
      eventId: 'order-1001-shipped',
    });
  });

  test('without an e-mail address has neither the attribute nor the field, and SNS takes it', async () => {
    const { response } = await notify(withoutEmail);
    expect(response).toEqual({ statusCode: 200 });
    const [published] = aws.inputs('Publish');
    expect(attributesOf(published)).toStrictEqual({ status: 'CANCELLED', eventId: 'order-1002-cancelled' });
    expect(JSON.parse(published.Message)).not.toHaveProperty('email');
  });

  test('of an event without metadata is known by the id of its envelope', async () => {
    const { lines } = await notify({ ...input, metadata: '', id: 'envelope-1' });
    expect(lines).toEqual([
      expect.objectContaining({ eventId: 'envelope-1', correlationId: 'envelope-1', outcome: 'sent' }),
    ]);
  });
});

describe('once for each event', () => {
  test('the same event again is a success and publishes nothing', async () => {
    const event = withNewEvent(input);
    expect(await notify(event)).toMatchObject({
      response: { statusCode: 200 },
      lines: [{ level: 'INFO', outcome: 'sent', eventId: event.metadata.eventId, orderId: 'order-1001' }],
      metrics: { NotificationsSent: 1 },
    });
    expect(await notify(event)).toMatchObject({
      response: { statusCode: 200 },
      lines: [{ level: 'INFO', outcome: 'duplicate' }],
      metrics: { DuplicateEvents: 1 },
    });
    expect(aws.inputs('Publish')).toHaveLength(1);
  });

  test('another function that starts later remembers it too: it is in the table, not in the process', async () => {
    const event = withNewEvent(input);
    await invoke(makeNotifier(), event);
    await invoke(makeNotifier(), event);
    expect(aws.inputs('Publish')).toHaveLength(1);
  });

  test('two events of one order are two notifications, even with the same status', async () => {
    await notify(withNewEvent(input));
    await notify(withNewEvent(input));
    expect(aws.inputs('Publish')).toHaveLength(2);
  });

  test('the same event twice at the same time is published once; the other call fails and is retried', async () => {
    const event = withNewEvent(input);
    const handler = makeNotifier();
    const { response: results } = await invoke(
      (both: unknown) => Promise.allSettled((both as unknown[]).map((one) => handler(one, context))),
      [event, event],
    );
    expect(aws.inputs('Publish')).toHaveLength(1);
    const failures = results?.filter(({ status }) => status === 'rejected') ?? [];
    for (const failure of failures) {
      expect(failure).toMatchObject({ reason: { name: 'IdempotencyAlreadyInProgressError' } });
    }
    expect((await notify(event)).lines).toMatchObject([{ outcome: 'duplicate' }]);
    expect(aws.inputs('Publish')).toHaveLength(1);
  });

  test('when SNS refuses, the error is thrown and the retry publishes', async () => {
    const event = withNewEvent(input);
    aws.answerNext('Publish', () => ({ error: 'AuthorizationError', message: 'not authorized' }));
    const { error, lines, metrics } = await notify(event);
    expect(error).toMatchObject({ name: 'AuthorizationErrorException' });
    expect(lines).toMatchObject([{ level: 'ERROR', outcome: 'failed', reason: 'not authorized' }]);
    expect(metrics).toEqual({});
    expect((await notify(event)).lines).toMatchObject([{ outcome: 'sent' }]);
    expect(aws.inputs('Publish')).toHaveLength(2);
  });

  test('a call that died half-way gives way to the retry once its time is over', async () => {
    const event = withNewEvent(input);
    // The function is killed while it waits for SNS: its promise never settles.
    await new Promise<void>((killed) => {
      const stuck = new SNSClient(CLIENT_CONFIG);
      jest.spyOn(stuck, 'send').mockImplementation(() => new Promise(() => killed()));
      void makeHandler({ sns: stuck, dynamodb: database.client })(event, context);
    });
    expect((await notify(event)).error).toMatchObject({ name: 'IdempotencyAlreadyInProgressError' });

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
    expect((await notify(event)).lines).toMatchObject([{ outcome: 'sent' }]);
  });

  test('an event is remembered longer than it can wait in a queue, and the table forgets it by itself', async () => {
    await notify(withNewEvent(input));
    const { Items: records = [] } = await database.documents.send(
      new ScanCommand({ TableName: 'idempotency' }),
    );
    const days = records.map(({ expiration }) => (expiration - Date.now() / 1_000) / (24 * 60 * 60));
    expect(Math.min(...days)).toBeGreaterThan(14);
    expect(Math.max(...days)).toBeLessThan(16);
    // Powertools' own prefix would hold the name of a function, which minifying changes.
    for (const { id } of records) expect(id).toMatch(/^notification#/);
  });
});

describe('the input', () => {
  test.each([['jane at example'], [null], ['']])(
    'with the address %p is notified without one',
    async (email) => {
      const { response } = await notify({ ...withNewEvent(input), email });
      expect(response).toEqual({ statusCode: 200 });
      expect(JSON.stringify(aws.inputs('Publish'))).not.toMatch(/email/i);
    },
  );

  test.each([
    ['null', null, 'event'],
    ['an order id that is missing', { orderId: '' }, 'orderId'],
    ['an order id that is an object', { orderId: {} }, 'orderId'],
    ['a status nobody is notified of', { status: 'CONFIRMED' }, 'status'],
    ['metadata that is text', { metadata: 'text' }, 'metadata'],
    ['an event id that is a number', { metadata: { eventId: 5 } }, 'detail.metadata.eventId'],
    ['another version', { metadata: { version: 2 } }, 'detail.metadata.version'],
  ])('%s is poison: nothing is written, nothing published', async (_, change, field) => {
    const { error, metrics, output } = await notify(change && { ...withNewEvent(input), ...change });
    expect(error).toBeInstanceOf(PoisonEventError);
    expect(error).toMatchObject({ field });
    expect(metrics).toEqual({ PoisonEvents: 1 });
    expect(aws.calls).toEqual([]);
    expect(output).not.toContain('jane');
    expect(output).toContain('"message":"OrderStatusChanged"');
  });

  test('no line of the log holds an e-mail address', async () => {
    const { output } = await notify(withNewEvent(input));
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
    const longest = { ...input, orderId: 'o'.repeat(128) };
    const { Subject } = notification(parseNotificationInput(longest), NOW);
    expect(Subject).toBe(`Order ${'o'.repeat(94)}`);
  });
});
