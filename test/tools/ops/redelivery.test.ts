import {
  NOTIFICATION_INPUT_PATHS,
  NOTIFICATION_INPUT_TEMPLATE,
  parseNotificationInput,
} from '../../../lambdas/notification';
import { UNDESCRIBED } from '../../../tools/app';
import { eventOnBus } from '../../../tools/eventbridge/event';
import { parseExactly } from '../../../tools/eventbridge/exact-json';
import {
  type QueueMessage,
  readFailedEvent,
  type UndeliveredEvent,
  type UnhandledEvent,
  type UnprocessedMessage,
} from '../../../tools/ops/failed-event';
import { isSelected, NotRedeliverableError, parseRuleArn, redelivery } from '../../../tools/ops/redelivery';

const NOTIFIER = 'arn:aws:lambda:eu-central-1:111122223333:function:event-driven-notifier';
const ANALYTICS = 'arn:aws:lambda:eu-central-1:111122223333:function:event-driven-analytics';
const RULE_ARN = 'arn:aws:events:eu-central-1:111122223333:rule/event-driven-bus/event-driven-status';

const published = {
  version: '0',
  id: 'envelope-1',
  'detail-type': 'OrderStatusChanged',
  source: 'app.orders',
  account: '111122223333',
  time: '2026-11-23T09:00:00Z',
  region: 'eu-central-1',
  resources: [],
  detail: { orderId: 'order-1', status: 'SHIPPED', customerEmail: 'jane@example.com' },
};

const undelivered: UndeliveredEvent = {
  kind: 'undelivered',
  messageId: 'message-1',
  consumer: 'event-driven-notifier',
  cause: 'NO_PERMISSIONS',
  reason: '',
  poison: false,
  failedAt: 0,
  event: {},
  ruleArn: RULE_ARN,
  targetArn: NOTIFIER,
  published: eventOnBus(published),
};

const target = {
  Id: 'Notifier',
  Arn: NOTIFIER,
  InputTransformer: {
    InputPathsMap: NOTIFICATION_INPUT_PATHS,
    InputTemplate: NOTIFICATION_INPUT_TEMPLATE,
  },
};

test('numbers are sent again as they were put', () => {
  const put = eventOnBus(published, '{"a":300.0, "b":1e400}');
  const whole = { Id: 'Notifier', Arn: NOTIFIER };
  expect(redelivery({ ...undelivered, published: put }, [whole]).payload).toBe(put.text);
  const record = { requestContext: { requestId: 'r', functionArn: ANALYTICS, condition: 'c' } };
  const body = `${JSON.stringify(record).slice(0, -1)},"requestPayload":${put.text}}`;
  const failed = readFailedEvent({ id: 'm', body, attributes: {}, sentAt: 0 } as QueueMessage, UNDESCRIBED);
  expect(redelivery(failed as UnhandledEvent, []).payload).toBe(put.text.replace(', ', ','));
});

describe('an event that could not be delivered', () => {
  test("goes to its function as the rule's input transformer makes it", () => {
    const { targetArn, payload } = redelivery(undelivered, [target]);
    expect(targetArn).toBe(NOTIFIER);
    expect(JSON.parse(payload)).toMatchObject({ email: 'jane@example.com' });
    expect(parseNotificationInput(JSON.parse(payload))).toMatchObject({
      orderId: 'order-1',
      status: 'SHIPPED',
      message: 'Your order order-1 has been SHIPPED',
      metadata: { eventId: 'envelope-1' },
    });
  });

  test('goes whole to a target without a transformer', () => {
    const { payload } = redelivery(undelivered, [{ Id: 'Notifier', Arn: NOTIFIER }]);
    expect(JSON.parse(payload)).toEqual(published);
  });

  test('goes to the target that failed, and to no other of the same rule', () => {
    const other = { Id: 'Analytics', Arn: ANALYTICS, Input: '{"other": true}' };
    expect(redelivery(undelivered, [other, target]).targetArn).toBe(NOTIFIER);
  });

  test('gets a scheduled report its own date, from the time of the event', () => {
    const scheduled = { ...published, 'detail-type': 'Scheduled Event', detail: {} };
    const report = {
      Id: 'DailyReport',
      Arn: ANALYTICS,
      InputTransformer: {
        InputPathsMap: { time: '$.time' },
        InputTemplate: '{"type": "daily_report", "date": <time>}',
      },
    };
    const { payload } = redelivery(
      { ...undelivered, targetArn: ANALYTICS, published: eventOnBus(scheduled) },
      [report],
    );
    expect(JSON.parse(payload)).toEqual({ type: 'daily_report', date: '2026-11-23T09:00:00Z' });
  });

  describe('that a rule of another bus could not put on the bus', () => {
    const BUS = 'arn:aws:events:eu-central-1:111122223333:event-bus/event-driven-bus';
    const inflow: UndeliveredEvent = {
      ...undelivered,
      ruleArn: 'arn:aws:events:eu-central-1:111122223333:rule/event-driven-from-shop',
      targetArn: BUS,
      published: eventOnBus({
        ...{ ...published, source: 'legacy.shop' },
        detail: parseExactly('{"total":300.0, "big":1e400}'),
      }),
    };
    const from = (source: string) => ({ ...inflow, published: eventOnBus({ ...published, source }) });

    test('is put on it as it was, numbers too', () => {
      expect(redelivery(inflow, [{ Id: 'Bus', Arn: BUS }])).toMatchObject({
        targetArn: BUS,
        entry: {
          ...{ EventBusName: BUS, Source: 'legacy.shop', DetailType: 'OrderStatusChanged' },
          ...{ Detail: '{"total":300.0,"big":1e400}', Time: new Date('2026-11-23T09:00:00Z') },
        },
      });
    });

    test.each([
      [
        'of AWS',
        from('aws.s3'),
        'EventBridge takes events of aws.s3 from nobody but AWS, who can send it again',
      ],
      [
        'of a partner',
        from('aws.partner/shop'),
        'EventBridge takes events of aws.partner/shop from nobody but the partner, who can send it again',
      ],
      [
        'to a bus of another account',
        { ...inflow, targetArn: BUS.replace('111122223333', '444455556666') },
        'its target is a bus of another account or region; replay the archive for its rule instead',
      ],
      [
        'of a rule that has the bus no more',
        { ...inflow, targetArn: `${BUS}-2` },
        'its rule no longer has the target',
      ],
    ])('but not %s', (_, failed, message) => {
      const send = () => redelivery(failed, [{ Id: 'Bus', Arn: BUS }]);
      expect(send).toThrow(NotRedeliverableError);
      expect(send).toThrow(message);
    });
  });

  test('stays, if a schedule has another target than a function or a queue', () => {
    const failed = { ...undelivered, kind: 'unhandled', requestId: '', payload: {} } as const;
    expect(() =>
      redelivery(
        { ...failed, functionArn: 'arn:aws:events:eu-central-1:1:event-bus/b' } as UnhandledEvent,
        [],
      ),
    ).toThrow('its target is neither a function nor a queue; make what its schedule asks for by hand');
  });

  test.each([
    ['the rule is gone', undelivered, [], 'its rule no longer has the target'],
    [
      'the rule has another target now',
      undelivered,
      [{ Id: 'Analytics', Arn: ANALYTICS }],
      'its rule no longer has the target',
    ],
    [
      'two targets at the same function get different inputs',
      undelivered,
      [target, { Id: 'Other', Arn: NOTIFIER }],
      'its rule has several targets at the function, with different inputs',
    ],
    [
      'the target is neither a function nor a queue',
      { ...undelivered, targetArn: 'arn:aws:sns:eu-central-1:111122223333:topic' },
      [{ Id: 'Topic', Arn: 'arn:aws:sns:eu-central-1:111122223333:topic' }],
      'its target is neither a function nor a queue; replay the archive for its rule instead',
    ],
    [
      'the input path finds nothing',
      undelivered,
      [{ Id: 'Notifier', Arn: NOTIFIER, InputPath: '$.detail.nothing' }],
      'InputPath $.detail.nothing finds nothing in the event',
    ],
    [
      'the transformer makes no JSON of it',
      { ...undelivered, published: eventOnBus({ ...published, detail: { orderId: 'a "quoted" id' } }) },
      [
        {
          Id: 'Notifier',
          Arn: NOTIFIER,
          InputTransformer: {
            InputPathsMap: { id: '$.detail.orderId' },
            InputTemplate: '{"text": "order <id>"}',
          },
        },
      ],
      /JSON/,
    ],
    [
      'the transformer makes a text of it that is no JSON, which no function takes',
      { ...undelivered, published: eventOnBus({ ...published, detail: { orderId: 'a "quoted" id' } }) },
      [
        {
          ...{ Id: 'Notifier', Arn: NOTIFIER },
          InputTransformer: { InputPathsMap: { id: '$.detail.orderId' }, InputTemplate: '"order <id>"' },
        },
      ],
      "the rule's input transformer makes no JSON of it",
    ],
    [
      'the transformer is one that cannot be read',
      undelivered,
      [{ Id: 'Notifier', Arn: NOTIFIER, InputTransformer: { InputTemplate: '{"id": <nothing>}' } }],
      'InputTemplate for target Notifier contains invalid placeholder nothing',
    ],
    [
      'two targets at the same queue get different inputs',
      { ...undelivered, targetArn: 'arn:aws:sqs:eu-central-1:111122223333:q' },
      ['a', 'b'].map((Id) => ({ Id, Arn: 'arn:aws:sqs:eu-central-1:111122223333:q', Input: `"${Id}"` })),
      'its rule has several targets at the queue, with different inputs',
    ],
  ])('stays where it is if %s', (_, failed, targets, reason) => {
    expect(() => redelivery(failed, targets)).toThrow(NotRedeliverableError);
    expect(() => redelivery(failed, targets)).toThrow(reason);
  });
});

test('an event that a function failed on goes to it with the very payload', () => {
  const unhandled: UnhandledEvent = {
    ...undelivered,
    kind: 'unhandled',
    functionArn: `${ANALYTICS}:$LATEST`,
    requestId: 'request-1',
    payload: { type: 'daily_report', date: '2026-11-23T09:00:00Z' },
  };
  expect(redelivery(unhandled, [])).toEqual({
    targetArn: `${ANALYTICS}:$LATEST`,
    payload: '{"type":"daily_report","date":"2026-11-23T09:00:00Z"}',
  });
});

test.each([
  [{}, true],
  [{ consumers: new Set(['event-driven-notifier']) }, true],
  [{ consumers: new Set(['event-driven-analytics']) }, false],
  [{ causes: new Set(['NO_PERMISSIONS', 'Error']) }, true],
  [{ causes: new Set(['Error']) }, false],
  [{ consumers: new Set(['event-driven-notifier']), causes: new Set(['Error']) }, false],
])('the selection %j takes a NO_PERMISSIONS of the notifier: %s', (selection, taken) => {
  expect(isSelected(undelivered, selection)).toBe(taken);
});

test.each([
  [RULE_ARN, { busName: 'event-driven-bus', ruleName: 'event-driven-status' }],
  ['arn:aws:events:eu-central-1:111122223333:rule/daily', { ruleName: 'daily' }],
  [
    'arn:aws:events:eu-central-1:111122223333:rule/aws.partner/shop.com/1/orders',
    { busName: 'aws.partner/shop.com/1', ruleName: 'orders' },
  ],
])('the rule ARN %s is read', (arn, parts) => {
  expect(parseRuleArn(arn)).toEqual(parts);
});

describe('a queue', () => {
  const QUEUE = 'arn:aws:sqs:eu-central-1:111122223333:event-driven-warehouse.fifo';

  test('gets what a rule could not deliver, as its input transformer makes it, in its group', () => {
    const InputTransformer = { InputPathsMap: { id: '$.detail.orderId' }, InputTemplate: '"order <id>"' };
    const SqsParameters = { MessageGroupId: 'warehouse' };
    const target = { Id: 'Warehouse', Arn: QUEUE, InputTransformer, SqsParameters };
    expect(redelivery({ ...undelivered, targetArn: QUEUE }, [target])).toEqual({
      targetArn: QUEUE,
      payload: '"order order-1"',
      groupId: 'warehouse',
    });
  });

  test('gets a message back that its function failed on, whatever is in it', () => {
    const message = { id: 'm', attributes: {}, sentAt: 0, movedFrom: QUEUE, groupId: 'warehouse' };
    // Also what looks like a record of Lambda.
    const requestContext = { requestId: 'r', functionArn: ANALYTICS, condition: 'c' };
    for (const body of ['no JSON', JSON.stringify({ requestContext, requestPayload: {} })]) {
      const failed = readFailedEvent({ ...message, body }, UNDESCRIBED);
      expect(failed).toMatchObject({ kind: 'unprocessed', consumer: 'event-driven-warehouse.fifo' });
      expect(redelivery(failed as UnprocessedMessage, [])).toEqual({
        targetArn: QUEUE,
        payload: body,
        groupId: 'warehouse',
      });
    }
  });
});
