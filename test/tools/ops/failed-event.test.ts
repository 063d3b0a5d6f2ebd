import { APP } from '../../../bin/app-description';
import { OrderReminderDue } from '../../../lambdas/events';
import type { App, Consumer } from '../../../tools/app';
import {
  type FailedEvent,
  FailureGroups,
  type QueueMessage,
  readFailedEvent,
} from '../../../tools/ops/failed-event';
import { redelivery } from '../../../tools/ops/redelivery';

const EVENT = {
  version: '0',
  id: 'b2ba4a8e-0a5b-4f5e-8a24-0d2c4a0e7f11',
  'detail-type': 'OrderCreated',
  source: 'app.orders',
  account: '111122223333',
  time: '2026-11-23T09:00:00Z',
  region: 'eu-central-1',
  resources: [],
  detail: {
    orderId: 'order-1',
    customerEmail: 'jane@example.com',
    metadata: { eventId: 'event-1', version: 1, correlationId: 'checkout-1' },
  },
};

const FUNCTION_ARN = 'arn:aws:lambda:eu-central-1:111122223333:function:event-driven-order-processor';

const message = (fields: Partial<QueueMessage>): QueueMessage => ({
  id: 'message-1',
  body: '',
  attributes: {},
  sentAt: 1_000,
  ...fields,
});

const undelivered = (attributes: Record<string, string> = {}, body: unknown = EVENT) =>
  message({
    body: JSON.stringify(body),
    attributes: {
      RULE_ARN: 'arn:aws:events:eu-central-1:111122223333:rule/event-driven-bus/event-driven-order-created',
      TARGET_ARN: FUNCTION_ARN,
      ERROR_CODE: 'NO_PERMISSIONS',
      ERROR_MESSAGE: 'No permissions to invoke the function.',
      ...attributes,
    },
  });

const record = (fields: object = {}) => ({
  version: '1.0',
  timestamp: '2026-11-23T09:04:00.000Z',
  requestContext: {
    requestId: 'request-1',
    functionArn: `${FUNCTION_ARN}:$LATEST`,
    condition: 'RetriesExhausted',
    approximateInvokeCount: 3,
  },
  requestPayload: EVENT,
  responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
  responsePayload: {
    errorType: 'ThrottlingException',
    errorMessage: 'Slow down,\n  please',
    trace: ['at x'],
  },
  ...fields,
});

const unhandled = (fields: object = {}) => message({ body: JSON.stringify(record(fields)) });

describe("a rule's dead letter", () => {
  test('says which function did not get which event, and why', () => {
    expect(readFailedEvent(undelivered(), APP)).toEqual({
      kind: 'undelivered',
      messageId: 'message-1',
      consumer: 'event-driven-order-processor',
      cause: 'NO_PERMISSIONS',
      reason: 'No permissions to invoke the function.',
      poison: false,
      failedAt: 1_000,
      event: { type: 'OrderCreated', eventId: 'event-1', correlationId: 'checkout-1', orderId: 'order-1' },
      ruleArn: 'arn:aws:events:eu-central-1:111122223333:rule/event-driven-bus/event-driven-order-created',
      targetArn: FUNCTION_ARN,
      published: { event: EVENT, text: undelivered().body },
    });
  });

  test('whose body is no event is unreadable', () => {
    expect(readFailedEvent(undelivered({}, { orderId: 'order-1' }), APP)).toMatchObject({
      kind: 'unreadable',
      reason: 'RULE_ARN and TARGET_ARN are there, but the body is no event',
    });
  });

  test('of a scheduled rule has an event without ids of an order', () => {
    const scheduled = { ...EVENT, 'detail-type': 'Scheduled Event', source: 'aws.events', detail: {} };
    expect(readFailedEvent(undelivered({}, scheduled), APP)).toMatchObject({
      event: { type: 'Scheduled Event', eventId: EVENT.id, correlationId: EVENT.id },
    });
  });
});

describe("a function's failure record", () => {
  test('says which function failed on which payload, and how', () => {
    expect(readFailedEvent(unhandled(), APP)).toEqual({
      kind: 'unhandled',
      messageId: 'message-1',
      consumer: 'event-driven-order-processor',
      cause: 'ThrottlingException',
      reason: 'Slow down, please',
      poison: false,
      failedAt: 1_000,
      event: { type: 'OrderCreated', eventId: 'event-1', correlationId: 'checkout-1', orderId: 'order-1' },
      functionArn: `${FUNCTION_ARN}:$LATEST`,
      requestId: 'request-1',
      payload: EVENT,
    });
  });

  test('of a poison event is poison', () => {
    const responsePayload = {
      errorType: 'PoisonEventError',
      errorMessage: 'detail.total: expected at least 0',
    };
    expect(readFailedEvent(unhandled({ responsePayload }), APP)).toMatchObject({
      cause: 'PoisonEventError',
      poison: true,
    });
  });

  test('that only quotes a poison event in its message is not poison', () => {
    const responsePayload = { errorType: 'Error', errorMessage: 'PoisonEventError: detail.total' };
    expect(readFailedEvent(unhandled({ responsePayload }), APP)).toMatchObject({
      cause: 'Error',
      poison: false,
    });
  });

  test("of an event that grew too old has Lambda's condition as its cause", () => {
    const requestContext = { ...record().requestContext, condition: 'EventAgeExceeded' };
    const fields = { requestContext, responseContext: undefined, responsePayload: undefined };
    expect(readFailedEvent(unhandled(fields), APP)).toMatchObject({
      cause: 'EventAgeExceeded',
      reason: 'EventAgeExceeded',
    });
  });

  test('of a timeout that has no error type is told by its message', () => {
    const responsePayload = { errorMessage: '2026-11-23 Task timed out after 30.00 seconds' };
    expect(readFailedEvent(unhandled({ responsePayload }), APP)).toMatchObject({
      cause: 'Unhandled',
      reason: '2026-11-23 Task timed out after 30.00 seconds',
    });
  });

  test("knows the ids in what a rule's transformer made", () => {
    const requestPayload = { orderId: 'order-1', status: 'SHIPPED', id: 'envelope-1', metadata: '' };
    expect(readFailedEvent(unhandled({ requestPayload }), APP)).toMatchObject({
      event: { orderId: 'order-1', eventId: 'envelope-1', correlationId: 'envelope-1' },
    });
  });

  test.each([null, 'text', 7, [1], { detail: null }, { detail: { orderId: 7, metadata: [] } }])(
    'of the payload %j is read without ids',
    (requestPayload) => {
      expect(readFailedEvent(unhandled({ requestPayload }), APP)).toMatchObject({
        kind: 'unhandled',
        event: {},
      });
    },
  );
});

test.each(['', 'no JSON', '{}', '[]', 'null', '{"requestContext": {}}'])(
  'a message with the body %j is unreadable, and not lost sight of',
  (body) => {
    expect(readFailedEvent(message({ body }), APP)).toEqual({
      kind: 'unreadable',
      messageId: 'message-1',
      reason: "neither a rule's dead letter nor a function's failure record",
      failedAt: 1_000,
    });
  },
);

test('reasons are shown without e-mail addresses', () => {
  const ERROR_MESSAGE = 'jane@example.com is not known';
  expect(readFailedEvent(undelivered({ ERROR_MESSAGE }), APP)).toMatchObject({
    reason: '[redacted] is not known',
  });
});

test('a call that a schedule could not make is sent to its function with what it was to get', () => {
  const attributes = {
    SCHEDULE_ARN: 'arn:aws:scheduler:eu-central-1:111122223333:schedule/g/event-driven-daily-report',
    TARGET_ARN: FUNCTION_ARN,
    ERROR_CODE: 'AccessDeniedException',
    ERROR_MESSAGE: 'The role may not call it.',
  };
  const payload = { type: 'daily_report', date: '2026-11-23T09:00:00Z' };
  const failed = readFailedEvent(message({ body: JSON.stringify(payload), attributes }), APP);
  expect(failed).toMatchObject({
    kind: 'unhandled',
    consumer: 'event-driven-order-processor',
    cause: 'AccessDeniedException',
  });
  expect(redelivery(failed as FailedEvent, [])).toEqual({
    targetArn: FUNCTION_ARN,
    payload: JSON.stringify(payload),
  });
});

describe('what a schedule could not put on a bus', () => {
  const BUS = 'arn:aws:events:eu-central-1:111122223333:event-bus/event-driven-bus';
  const attributes = {
    SCHEDULE_ARN: 'arn:aws:scheduler:eu-central-1:111122223333:schedule/reminders/order-1001',
    TARGET_ARN: BUS,
  };
  const redriven = (body: string, app = APP) =>
    redelivery(readFailedEvent(message({ body, attributes }), app) as FailedEvent, []);
  const detail = OrderReminderDue.create(OrderReminderDue.example);

  test('is put on it as the event that handlers make schedules for, if it is one', () => {
    const payload = JSON.stringify(detail);
    expect(redriven(payload)).toEqual({
      targetArn: BUS,
      payload,
      entry: { EventBusName: BUS, Source: 'app.orders', DetailType: 'OrderReminderDue', Detail: payload },
    });
  });

  test.each<[string, string, App]>([
    ['no detail of it', '{"orderId": "order-1001"}', APP],
    ['of an event that no contract describes', JSON.stringify(detail), { ...APP, contracts: [] }],
    [
      'of two events that have the same fields',
      JSON.stringify(detail),
      { ...APP, consumers: { ...APP.consumers, again: APP.consumers.reminders as Consumer } },
    ],
  ])('is left, if it is %s', (_what, body, app) => {
    expect(() => redriven(body, app)).toThrow('its target is neither a function nor a queue');
  });
});

test('what a pipe gave up has its places in the stream, and the name of the pipe', () => {
  const body = JSON.stringify({
    context: {
      partnerResourceArn: 'arn:aws:pipes:eu-central-1:111122223333:pipe/event-driven-outbox-shipping',
      condition: 'RetryAttemptsExhausted',
    },
    version: '1.0',
    DDBStreamBatchInfo: {
      ...{ shardId: 'shardId-1', startSequenceNumber: '100', endSequenceNumber: '102', batchSize: 3 },
      streamArn: 'arn:aws:dynamodb:eu-central-1:111122223333:table/t/stream/2026-01-15T10:00:00.000',
    },
  });
  const failed = readFailedEvent(message({ body }), APP);
  expect(failed).toMatchObject({
    ...{ kind: 'unreadable', pipe: 'event-driven-outbox-shipping' },
    reason: "RetryAttemptsExhausted: 3 of a table's stream, shard shardId-1, sequence number 100 to 102",
  });
  const groups = new FailureGroups();
  groups.add(failed);
  expect(groups.all).toMatchObject([
    { consumer: 'event-driven-outbox-shipping', cause: 'given up by the pipe' },
  ]);
});

test('failures are grouped by consumer and cause, the largest group first, with the oldest as the sample', () => {
  const groups = new FailureGroups();
  const at = (failedAt: number, read: FailedEvent, orderId: string) =>
    groups.add({ ...read, failedAt, event: { orderId } });
  const throttled = readFailedEvent(unhandled(), APP) as FailedEvent;
  const forbidden = readFailedEvent(undelivered(), APP) as FailedEvent;
  at(3_000, throttled, 'order-3');
  at(1_000, throttled, 'order-1');
  at(2_000, throttled, 'order-2');
  at(5_000, forbidden, 'order-5');
  groups.add(readFailedEvent(message({ body: '?', sentAt: 4_000 }), APP));

  expect(groups.all).toEqual([
    {
      consumer: 'event-driven-order-processor',
      cause: 'ThrottlingException',
      poison: false,
      count: 3,
      oldest: 1_000,
      sample: { orderId: 'order-1', reason: 'Slow down, please' },
    },
    {
      consumer: '?',
      cause: 'unreadable',
      poison: false,
      count: 1,
      oldest: 4_000,
      sample: { reason: "neither a rule's dead letter nor a function's failure record" },
    },
    {
      consumer: 'event-driven-order-processor',
      cause: 'NO_PERMISSIONS',
      poison: false,
      count: 1,
      oldest: 5_000,
      sample: { orderId: 'order-5', reason: 'No permissions to invoke the function.' },
    },
  ]);
});
