/** Reminders of orders that wait: the schedule that a new order gets, and what is told when it is due. */
import './environment';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { SNSClient } from '@aws-sdk/client-sns';
import fc from 'fast-check';
import { CLIENT_CONFIG } from '../../lambdas/client-config';
import { OrderId, OrderReminderDue } from '../../lambdas/events';
import { makeHandler as makeOrderProcessor } from '../../lambdas/order-processor/handler';
import { makeHandler } from '../../lambdas/reminders/handler';
import { dueTime, scheduleName } from '../../lambdas/reminders/reminder';
import created from '../../samples/events/order-created.json';
import { AwsEndpoint } from './aws-endpoint';
import { startDatabase, type TestDatabase } from './dynamodb';
import { invoke } from './invocation';

const NOW = '2026-02-01T12:00:00.000Z';

let database: TestDatabase;
let aws: AwsEndpoint;
let sns: SNSClient;
let scheduler: SchedulerClient;
beforeAll(async () => {
  [database, aws] = await Promise.all([startDatabase(), AwsEndpoint.start()]);
  sns = new SNSClient({ ...CLIENT_CONFIG, endpoint: aws.url });
  scheduler = new SchedulerClient({ ...CLIENT_CONFIG, endpoint: aws.url });
});
afterAll(async () => {
  sns.destroy();
  scheduler.destroy();
  await Promise.all([database.stop(), aws.stop()]);
});
beforeEach(() => aws.reset());

const handle = (event: unknown, now = NOW) =>
  invoke(makeHandler({ scheduler, sns, dynamodb: database.client, now: () => new Date(now) }), event);

const placed = (orderId: string, detail: object = {}, envelope: object = {}) => ({
  ...created,
  ...envelope,
  detail: {
    ...{ orderId, customerId: 'c', customerEmail: 'jane@example.com', total: 1, createdAt: NOW },
    metadata: { eventId: `event-of-${orderId}`, correlationId: 'request-1' },
    ...detail,
  },
});
const due = (orderId: string) => ({
  ...created,
  'detail-type': OrderReminderDue.detailType,
  detail: {
    orderId,
    createdAt: NOW,
    dueAt: '2026-02-04T12:00:00.000Z',
    metadata: { eventId: `due-${orderId}` },
  },
});

describe('a new order', () => {
  test('gets one schedule, which puts its reminder on the bus, has a role, retries and a queue, and is deleted then', async () => {
    const { response, lines } = await handle(placed('order-1001'));
    expect(response).toEqual({ statusCode: 200 });
    expect(lines).toMatchObject([{ orderId: 'order-1001', outcome: 'scheduled' }]);
    const [{ ClientToken: _, ...request }, ...others] = aws.inputs('CreateSchedule');
    expect(others).toEqual([]);
    const { Input, ...target } = request.Target;
    expect({ ...request, Target: target }).toEqual({
      ...{ Name: scheduleName('order-1001'), GroupName: 'order-reminders' },
      ScheduleExpression: 'at(2026-02-04T12:00:00)',
      ...{ FlexibleTimeWindow: { Mode: 'OFF' }, ActionAfterCompletion: 'DELETE' },
      Target: {
        Arn: process.env.REMINDER_BUS_ARN,
        RoleArn: process.env.REMINDER_ROLE_ARN,
        EventBridgeParameters: { Source: 'app.orders', DetailType: 'OrderReminderDue' },
        RetryPolicy: { MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: 3600 },
        DeadLetterConfig: { Arn: process.env.REMINDER_DEAD_LETTER_QUEUE_ARN },
      },
    });
    const detail = JSON.parse(Input);
    expect(detail).toMatchObject({
      ...{ orderId: 'order-1001', createdAt: NOW, dueAt: '2026-02-04T12:00:00.000Z' },
      metadata: { correlationId: 'request-1', causationId: 'event-of-order-1001' },
    });
    const { source, detailType } = OrderReminderDue;
    const event = { ...created, source, 'detail-type': detailType, detail };
    expect(OrderReminderDue.parse(event).detail).toEqual({ ...detail, metadata: undefined });
    expect(JSON.stringify(request)).not.toContain('jane');
  });

  test('that came before has its schedule: the second is a duplicate and no failure', async () => {
    aws.answerNext('CreateSchedule', () => ({ error: 'ConflictException' }));
    const { error, lines, metrics } = await handle(placed('order-1001'));
    expect(error).toBeUndefined();
    expect([lines[0]?.outcome, metrics]).toEqual(['duplicate', { DuplicateEvents: 1 }]);
  });

  test('fails with what Scheduler refuses, so that Lambda tries again', async () => {
    aws.answerNext('CreateSchedule', () => ({ error: 'ServiceQuotaExceededException', message: 'too many' }));
    const { error } = await handle(placed('order-1001'));
    expect(error).toMatchObject({ name: 'ServiceQuotaExceededException', message: 'too many' });
  });

  test('whose reminder would be in the past gets none', async () => {
    for (const createdAt of ['2026-01-29T12:00:00Z', '2020-01-01T00:00:00Z']) {
      const { lines } = await handle(placed('order-1001', { createdAt }));
      expect(lines[0]?.outcome).toBe('too-late');
    }
    expect(aws.calls).toEqual([]);
  });
});

test('a reminder is due that many days after the order was placed, by the earlier of two clocks, and never in the past', () => {
  const time = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true });
  fc.assert(
    fc.property(time, time, fc.integer({ min: 1, max: 365 }), (createdAt, now, days) => {
      const found = dueTime(createdAt.toISOString(), days, now);
      const expected = Math.min(createdAt.getTime(), now.getTime()) + days * 86_400_000;
      expect(found?.getTime()).toEqual(expected > now.getTime() ? expected : undefined);
    }),
  );
});

test('each order id has a schedule name of its own, which Scheduler takes', () => {
  const orderId = fc.stringMatching(OrderId.pipe[1].requirement);
  fc.assert(
    fc.property(orderId, orderId, (one, other) => {
      expect(scheduleName(one)).toMatch(/^[0-9a-zA-Z-_.]{1,64}$/);
      expect(scheduleName(one) === scheduleName(other)).toBe(one === other);
    }),
  );
  expect(scheduleName('a/b')).not.toBe(scheduleName('a:b'));
});

describe('a reminder that is due', () => {
  const place = async (orderId: string, ...statuses: string[]) => {
    const process = makeOrderProcessor({ client: database.documents });
    await invoke(process, placed(orderId));
    for (const status of statuses) {
      const detail = { orderId, status, metadata: { eventId: `${orderId}-${status}` } };
      await invoke(process, { ...created, 'detail-type': 'OrderStatusChanged', detail });
    }
  };
  const published = () => aws.inputs('Publish').map(({ Subject, Message }) => [Subject, JSON.parse(Message)]);

  test('tells the customer of an order that waits, with the address that the table has', async () => {
    await place('waiting');
    const { lines, metrics } = await handle(due('waiting'));
    expect([lines.at(-1)?.outcome, metrics]).toEqual(['sent', { RemindersSent: 1 }]);
    expect(published()).toEqual([
      [
        'Order waiting - PENDING',
        {
          ...{ email: 'jane@example.com', subject: 'Order Update: waiting', status: 'PENDING' },
          ...{ body: 'Your order waiting of 2026-02-01 is still PENDING', timestamp: NOW, changedAt: NOW },
        },
      ],
    ]);
  });

  test('tells once, however often it comes', async () => {
    await place('again');
    await handle(due('again'));
    const { lines, metrics } = await handle(due('again'));
    expect([lines.at(-1)?.outcome, metrics]).toEqual(['duplicate', { DuplicateEvents: 1 }]);
    expect(published()).toHaveLength(1);
  });

  test('that SNS refused is sent by the next try', async () => {
    await place('refused');
    aws.answerNext('Publish', () => ({ error: 'AuthorizationError' }));
    expect((await handle(due('refused'))).error).toMatchObject({ message: expect.anything() });
    expect((await handle(due('refused'))).lines.at(-1)?.outcome).toBe('sent');
  });

  test.each([['CONFIRMED'], ['SHIPPED'], ['CANCELLED']])(
    'is not told of an order that is %s',
    async (status) => {
      await place(`order-${status}`, status);
      const { lines } = await handle(due(`order-${status}`));
      expect(lines.at(-1)?.outcome).toBe('not-needed');
      expect(aws.calls).toEqual([]);
    },
  );

  test('of an order that is not in the table fails, and waits in the queue of failed events', async () => {
    expect((await handle(due('unknown'))).error).toMatchObject({ name: 'OrderNotThereError' });
  });
});
