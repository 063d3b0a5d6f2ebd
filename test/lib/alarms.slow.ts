import {
  at,
  DAY,
  every,
  fails,
  HOUR,
  MINUTE,
  type Point,
  SimulatedAlarms,
  START,
  waiting,
} from './simulated-alarms';
import { synthesize } from './synthesize';

const alarms = new SimulatedAlarms(
  synthesize('production', { alarmEmail: 'ops@example.com', notificationEmail: 'shop@example.com' }),
);
const FUNCTIONS = alarms.names('AWS::Lambda::Function');
const RULES = alarms.names('AWS::Events::Rule');

/** The day's report is asked for and published. */
const reports = (...days: number[]): Point[] =>
  days.flatMap((day) => [
    { metric: 'Invocations', of: 'event-driven-daily-report', time: at(day, '09:00'), value: 1 },
    { metric: 'DailyReportsPublished', of: 'analytics', time: at(day, '09:00') + 2_000, value: 1 },
  ]);
const HEALTHY = reports(15, 16);

const told = (points: readonly Point[], options?: Parameters<SimulatedAlarms['mails']>[1]) =>
  alarms
    .mails([...HEALTHY, ...points], options)
    .map(({ alarm, topic, says }) => `${topic}: ${alarm} ${says}`);

describe('nobody hears', () => {
  test('of a first deployment, with or without traffic', () => {
    expect(alarms.mails([])).toEqual([]);
    expect(told([])).toEqual([]);
    const traffic = FUNCTIONS.flatMap((name) =>
      every('Duration', name, { from: START, to: START + DAY, value: 40 }),
    );
    expect(told(traffic)).toEqual([]);
  });

  test('of a table or a stream that works', () => {
    const stream = every('DeliveryToS3.Success', 'event-driven-analytics', { from: START, to: START + HOUR });
    expect(told(stream)).toEqual([]);
  });
});

describe('one fault is one mail, and one when it is over', () => {
  const from = at(15, '10:00');
  const to = from + 3 * HOUR;

  describe.each(FUNCTIONS)('the function %s fails', (name) => {
    const mail = `${name.replace('event-driven-', '')}-failing`;

    test.each([1, 10, 45])('at an event every %s minutes', (minutes) => {
      const points: Point[] = [];
      let last = from;
      for (let time = from; time < to; time += minutes * MINUTE) {
        points.push(...fails(name, time));
        last = time;
      }
      points.push(...waiting('event-driven-failed-events', from + 3 * MINUTE, last + 30 * MINUTE));
      expect(told(points)).toEqual([`alarms: ${mail} alarm`, `alarms: ${mail} over`]);
    });

    test('at one poison event', () => {
      const service = name.replace('event-driven-', '');
      const points = [
        ...fails(name, from),
        ...[0, 1, 3].map((minutes) => ({
          metric: 'PoisonEvents',
          of: service,
          time: from + minutes * MINUTE,
          value: 1,
        })),
        ...waiting('event-driven-failed-events', from + 3 * MINUTE, from + 40 * MINUTE),
      ];
      expect(told(points)).toEqual([`alarms: ${mail} alarm`, `alarms: ${mail} over`]);
    });

    test('since it is throttled until Lambda gives its events up', () => {
      const points = [
        ...every('Throttles', name, { from, to, value: 20 }),
        ...every('AsyncEventAge', name, { from: from + 20 * MINUTE, to, value: 1_200_000 }),
      ];
      expect(told(points)).toEqual(['tickets: late alarm', 'tickets: late over']);
    });
  });

  test.each(RULES.filter((rule) => !rule.endsWith('-over')))(
    'the rule %s may not call its target',
    (rule) => {
      const points = [
        ...every('FailedInvocations', rule, { from, to }),
        ...every('InvocationsSentToDlq', rule, { from, to }),
        ...waiting('event-driven-dlq', from, to + 30 * MINUTE),
      ];
      const mails = told(points);
      expect(mails).toHaveLength(2);
      expect(mails[0]).toMatch(/^alarms: .*-failing alarm$/);
      expect(mails[1]).toBe(mails[0]?.replace(/alarm$/, 'over'));
    },
  );

  test.each(alarms.names('AWS::DynamoDB::Table'))('the table %s refuses writes', (table) => {
    const throttled = every('WriteThrottleEvents', table, { from, to, value: 100 });
    expect(told(throttled)).toEqual(['tickets: late alarm', 'tickets: late over']);
    // If calls fail for it, that is told instead.
    const failing = every('Errors', 'event-driven-order-processor', { from: from + MINUTE, to, value: 10 });
    expect(told([...throttled, ...failing])).toEqual([
      'alarms: order-processor-failing alarm',
      'alarms: order-processor-failing over',
    ]);
  });

  test('the stream does not reach S3', () => {
    const points = [
      ...every('DeliveryToS3.Success', 'event-driven-analytics', { from, to, value: 0 }),
      ...every('DeliveryToS3.Success', 'event-driven-analytics', { from: to, to: to + HOUR }),
      ...every('DeliveryToS3.DataFreshness', 'event-driven-analytics', { from, to, value: 5_000 }),
    ];
    expect(told(points)).toEqual(['tickets: stream alarm', 'tickets: stream over']);
  });

  test.each(alarms.names('AWS::SNS::Topic'))('SNS cannot deliver messages of %s', (topic) => {
    const points = [
      ...every('NumberOfNotificationsFailed', topic, { from, to }),
      ...waiting(`${topic}-undelivered`, from, to + 30 * MINUTE),
    ];
    const name = `${topic.replace('event-driven-', '')}-failed`;
    expect(told(points)).toEqual([`tickets: ${name} alarm`, `tickets: ${name} over`]);
  });

  test('PutEvents is throttled, by whomever in the account', () => {
    const points = every('PutEventsApproximateThrottledCount', 'account', { from, to });
    expect(told(points)).toEqual(['tickets: put-events-refused alarm', 'tickets: put-events-refused over']);
  });

  test('the function of the daily report fails when it is asked, and the request is redriven', () => {
    const points = [
      { metric: 'Invocations', of: 'event-driven-daily-report', time: at(15, '09:00'), value: 1 },
      ...fails('event-driven-analytics', at(15, '09:00')),
      ...waiting('event-driven-failed-events', at(15, '09:03'), at(15, '10:00')),
      { metric: 'DailyReportsPublished', of: 'analytics', time: at(15, '10:00'), value: 1 },
      ...reports(16),
    ];
    expect(alarms.mails(points, { end: START + DAY }).map(({ alarm, says }) => `${alarm} ${says}`)).toEqual([
      'analytics-failing alarm',
      'analytics-failing over',
    ]);
  });
});

describe('nothing is told too little', () => {
  const first = at(15, '10:00');

  test('a second failure in a queue that still holds the first', () => {
    const second = first + 5 * HOUR;
    const points = [
      ...fails('event-driven-notifier', first),
      ...fails('event-driven-notifier', second),
      ...waiting('event-driven-failed-events', first, second + 10 * MINUTE),
    ];
    expect(told(points).filter((mail) => mail === 'alarms: notifier-failing alarm')).toHaveLength(2);
  });

  test('a failure of another function meanwhile', () => {
    const points = [
      ...fails('event-driven-notifier', first),
      ...fails('event-driven-analytics', first + 10 * MINUTE),
      ...waiting('event-driven-failed-events', first, first + 30 * MINUTE),
    ];
    expect(told(points).filter((mail) => mail.endsWith('failing alarm'))).toEqual([
      'alarms: notifier-failing alarm',
      'alarms: analytics-failing alarm',
    ]);
  });

  test('what is left in a queue, once the fault is over and nobody has redriven it', () => {
    const points = [
      ...fails('event-driven-notifier', first),
      ...waiting('event-driven-failed-events', first, first + 20 * HOUR),
    ];
    expect(told(points)).toContain('tickets: waiting alarm');
  });

  test('one slow call that did not fail', () => {
    const slow = { metric: 'Duration', of: 'event-driven-notifier', time: first, value: 39_000 };
    expect(told([slow])).toEqual(['tickets: late alarm', 'tickets: late over']);
  });

  test('a rule that stays silent while events of its type come, also if analytics counts them an hour late', () => {
    const come = every('EventsReceived', 'OrderCreated', { from: first, to: first + 6 * HOUR });
    const matched = (to: number) =>
      every('MatchedEvents', 'event-driven-order-created', { from: first - HOUR, to });
    expect(told([...come, ...matched(first + 5 * HOUR)])).toEqual([]);
    expect(told([...come, ...matched(first + HOUR)])).toEqual([
      'alarms: order-created-silent alarm',
      'alarms: order-created-silent over',
    ]);
  });

  test.each([
    ['OrderConflicts', 'order-processor', 'order-conflicts'],
    ['UnusableEmails', 'order-processor', 'unusable-emails'],
    ['StaleNotifications', 'notifier', 'stale-notifications'],
  ])('%s', (metric, of, alarm) => {
    expect(told([{ metric, of, time: first, value: 1 }])).toEqual([
      `tickets: ${alarm} alarm`,
      `tickets: ${alarm} over`,
    ]);
  });

  test('fewer events than the floor, if there is one', () => {
    const floored = new SimulatedAlarms(synthesize('production', { alarms: { trafficFloor: 30 } }));
    const traffic = every('MatchedEvents', 'event-driven-bus', { from: START - DAY, to: first });
    const mails = floored.mails([...HEALTHY, ...traffic], { end: START + DAY });
    expect(mails.map(({ alarm, says }) => `${alarm} ${says}`)).toEqual(['traffic-low alarm']);
    expect(alarms.names('AWS::CloudWatch::Alarm')).not.toContain('event-driven-traffic-low');
  });
});
