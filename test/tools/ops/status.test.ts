/** `status` of stacks that the project's own is not, by what AWS's services answer. */
import { UNDESCRIBED } from '../../../tools/app';
import { status } from '../../../tools/ops/status';
import {
  ARCHIVE,
  FUNCTIONS,
  functionArn,
  NOW,
  operate,
  queues,
  Refusal,
  rule,
  rules,
  type Script,
  type Surroundings,
} from './scripted-aws';

const MINUTE = 60_000;

const alarm = (name: string, StateValue: string, age = 5 * MINUTE) => ({
  AlarmName: name,
  StateValue,
  StateReason: `Threshold Crossed: ${name}`,
  StateUpdatedTimestamp: (NOW - age) / 1_000,
});

const own = (...names: string[]) => names.map((id) => ({ type: 'AWS::CloudWatch::Alarm', id }));

const script: Script = {
  ...rules([[rule('order-created', { source: ['app.orders'] }), 'order-processor']]),
  ...queues({}),
  DescribeAlarms: { MetricAlarms: [] },
  FilterLogEvents: { events: [] },
  DescribeArchive: ARCHIVE,
};

const show = (more: Script = {}, surroundings: Surroundings = {}) =>
  operate({ ...script, ...more }, status, surroundings);

test('a stack without alarms, without work on a schedule and without an end of its archive says so', async () => {
  const { stdout, exitCode } = await show({ DescribeArchive: { ...ARCHIVE, RetentionDays: undefined } });
  expect(exitCode).toBe(0);
  expect(stdout).toContain('Alarms\nnone\n');
  expect(stdout).toContain('Daily report\nnone in the last 36 hours\n');
  expect(stdout).toContain('1,000 events, 2.0 MB (counted with a delay); kept for ever\n');
  expect(stdout).not.toContain('Schedules');
});

test('alarms of all pages are counted, those of another stage are not', async () => {
  const { stdout } = await show(
    {
      DescribeAlarms: ({ NextToken }) =>
        NextToken
          ? { CompositeAlarms: [alarm('event-driven-all', 'OK')] }
          : {
              MetricAlarms: [
                alarm('event-driven-dlq', 'INSUFFICIENT_DATA'),
                alarm('event-driven-dev-dlq', 'ALARM'),
              ],
              NextToken: 'next',
            },
    },
    {
      resources: [
        ...FUNCTIONS,
        ...own('event-driven-dlq'),
        { type: 'AWS::CloudWatch::CompositeAlarm', id: 'event-driven-all' },
      ],
    },
  );
  expect(stdout).toContain('Alarms\n0 in alarm, 1 OK, 1 without data\n');
  expect(stdout).not.toContain('REASON');
});

test('an alarm that fires is shown with its age and reason, in red on a terminal', async () => {
  const firing = { DescribeAlarms: { MetricAlarms: [alarm('event-driven-dlq', 'ALARM')] } };
  const resources = [...FUNCTIONS, ...own('event-driven-dlq')];
  const { stdout } = await show(firing, { resources });
  expect(stdout).toMatch(/\ndlq +5 min ago +Threshold Crossed: event-driven-dlq\n/);
  const coloured = await show(firing, { resources, isTerminal: true });
  expect(coloured.stdout).toContain('\x1b[31mdlq\x1b[39m');
  const { json } = await show(firing, { resources, json: true });
  expect(json.alarms).toEqual([
    {
      name: 'event-driven-dlq',
      state: 'ALARM',
      reason: 'Threshold Crossed: event-driven-dlq',
      since: '2026-11-23T11:55:00Z',
    },
  ]);
});

describe('schedules of EventBridge Scheduler', () => {
  const schedule = { type: 'AWS::Scheduler::Schedule', id: 'event-driven-daily' };
  const withSchedule = (found: object): Script => ({
    ListSchedules: {
      Schedules: [{ Name: 'event-driven-dev-daily' }, { Name: 'event-driven-daily', GroupName: 'default' }],
    },
    GetSchedule: {
      ...{
        State: 'ENABLED',
        ScheduleExpression: 'cron(0 9 * * ? *)',
        Target: { Arn: functionArn('analytics') },
      },
      ...{ ScheduleExpressionTimezone: 'Europe/Berlin', FlexibleTimeWindow: { Mode: 'OFF' } },
      ...found,
    },
  });

  test.each([
    [
      'in its time zone',
      {},
      /daily +enabled +analytics +cron\(0 9 \* \* \? \*\) in Europe\/Berlin, next 2026-11-24T08:00:00Z\n/,
    ],
    [
      'within its minutes, in UTC if it names no zone',
      {
        FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 },
        ScheduleExpressionTimezone: undefined,
      },
      /in UTC, within 15 minutes, next 2026-11-24T09:00:00Z\n/,
    ],
    ['not at all if it is disabled', { State: 'DISABLED' }, /daily +DISABLED .*Europe\/Berlin\n/],
    [
      'at a time unknown if it is a rate',
      { ScheduleExpression: 'rate(1 hour)' },
      /rate\(1 hour\) in Europe\/Berlin\n/,
    ],
    [
      'at a time unknown if it cannot be read',
      { ScheduleExpression: 'cron(never)' },
      /cron\(never\) in Europe\/Berlin\n/,
    ],
    [
      'never again if it is over',
      { ScheduleExpression: 'at(2020-01-01T00:00:00)' },
      /at\(2020-01-01T00:00:00\) in Europe\/Berlin\n/,
    ],
  ])('fire next %s', async (_, found, line) => {
    const { stdout } = await show(withSchedule(found), { resources: [...FUNCTIONS, schedule] });
    expect(stdout).toMatch(line);
    expect(stdout.match(/analytics/g)).toHaveLength(1);
  });

  test('are told with --json', async () => {
    const { json } = await show(withSchedule({}), { resources: [...FUNCTIONS, schedule], json: true });
    expect(json.schedules).toMatchObject([
      { name: 'event-driven-daily', enabled: true, next: '2026-11-24T08:00:00Z', flexibleMinutes: 0 },
    ]);
  });
});

describe('rules', () => {
  test('on the default bus are those that call the stack, of all pages', async () => {
    const daily = (name: string) => rule(name, undefined, { ScheduleExpression: 'cron(0 9 * * ? *)' });
    const { json } = await show(
      rules(
        [
          [rule('managed', {}, { ManagedBy: 'events.amazonaws.com' }), 'order-processor'],
          [rule('one', {}), 'order-processor'],
          [rule('two', { 'detail-type': ['A', 'B'] }, { State: 'DISABLED' }), 'notifier'],
        ],
        [
          [daily('daily'), 'analytics'],
          [daily('dev-daily'), 'dev-analytics'],
          [daily('inflow'), 'arn:aws:events:us-east-1:111122223333:event-bus/event-driven-bus'],
        ],
      ),
      { json: true },
    );
    expect(json.rules).toMatchObject([
      { name: 'event-driven-one', enabled: true, detailTypes: [] },
      { name: 'event-driven-two', enabled: false, detailTypes: ['A', 'B'] },
      { name: 'event-driven-daily', next: '2026-11-24T09:00:00Z' },
      { name: 'event-driven-inflow' },
    ]);
  });
});

describe('work on a schedule', () => {
  const published = (time: number, day: string) => ({
    ...{ eventId: day, timestamp: time },
    message: JSON.stringify({ eventId: `daily-report-${day}`, outcome: 'published' }),
  });

  test('is the latest, whatever the order of the lines', async () => {
    const events = [
      published(NOW - 3 * MINUTE, '2026-11-21'),
      published(NOW - MINUTE, '2026-11-22'),
      published(NOW - 2 * MINUTE, '2026-11-20'),
    ];
    const { stdout } = await show({ FilterLogEvents: { events } });
    expect(stdout).toContain('Daily report\nof 2026-11-22, published 2026-11-23T11:59:00Z (1 min ago)\n');
    const { json } = await show({ FilterLogEvents: { events } }, { json: true });
    expect(json.scheduled).toEqual([
      {
        product: 'daily report',
        function: 'event-driven-analytics',
        last: { run: '2026-11-22', published: '2026-11-23T11:59:00Z' },
      },
    ]);
  });

  test('is none of a function that has never logged', async () => {
    const { json } = await show(
      { FilterLogEvents: new Refusal('ResourceNotFoundException') },
      { json: true },
    );
    expect(json.scheduled).toMatchObject([{ last: null }]);
  });

  test('of an app that describes none is not told', async () => {
    const { stdout, aws } = await show({}, { app: UNDESCRIBED });
    expect(stdout).not.toContain('Daily report');
    expect(aws.inputsOf('FilterLogEvents')).toEqual([]);
  });
});

test('what a service refuses ends the command', async () => {
  const refused = { FilterLogEvents: new Refusal('AccessDeniedException', 'may not') };
  await expect(show(refused)).rejects.toThrow('may not');
});

test('an answer without a field that the service always gives is no answer', async () => {
  await expect(show({ DescribeArchive: {} })).rejects.toThrow('an answer of AWS has no EventCount');
});
