import { at, DAY, HOUR, MINUTE, type Point, SimulatedAlarms, START } from './simulated-alarms';
import { synthesize } from './synthesize';

const alarms = new SimulatedAlarms(synthesize());
const RULE = 'event-driven-daily-report';

/** The rule calls its function at these times. */
const calls = (...times: number[]): Point[] =>
  times.map((time) => ({ metric: 'Invocations', of: RULE, time, value: 1 }));
const published = (...times: number[]): Point[] =>
  times.map((time) => ({ metric: 'DailyReportsPublished', of: 'analytics', time: time + 2_000, value: 1 }));
const days = (time: string, ...given: number[]) => given.map((day) => at(day, time));

interface Options {
  readonly morePeriods?: number;
  readonly start?: number;
  readonly end?: number;
  readonly of?: SimulatedAlarms;
}

/** States of the report's alarms, once a minute. */
const changes = (
  points: readonly Point[],
  { of = alarms, end = START + 3.6 * DAY, ...options }: Options = {},
): string[] =>
  of
    .run(points, { only: /daily-report-missing$/, step: MINUTE, end, ...options })
    .map(({ time, state }) => `${new Date(time).toISOString().slice(8, 16)} ${state}`);

const CALLED = calls(...days('09:00', 15, 16, 17, 18));

test.each([0, 1, 3, 9])(
  'is quiet while reports come (CloudWatch looking at %s more periods)',
  (morePeriods) => {
    const points = [...CALLED, ...published(...days('09:00', 15, 16, 17, 18))];
    expect(changes(points, { morePeriods })).toEqual(['15T09:01 OK']);
  },
);

test.each([0, 1, 3, 9])(
  'goes off at 09:30 of a missing day, until the next report (looking at %s more periods)',
  (morePeriods) => {
    const points = [...CALLED, ...published(...days('09:00', 15, 17, 18))];
    expect(changes(points, { morePeriods })).toEqual(['15T09:01 OK', '16T09:30 ALARM', '17T09:01 OK']);
  },
);

test('is over when the report comes late', () => {
  const points = [
    ...CALLED,
    ...published(at(15, '09:00'), at(16, '11:00'), at(17, '09:00'), at(18, '09:29')),
  ];
  expect(changes(points)).toEqual(['15T09:01 OK', '16T09:30 ALARM', '16T11:01 OK']);
});

test('a late report, or one made by hand, does not hide that the next is missing', () => {
  const points = [...CALLED, ...published(at(15, '09:00'), at(16, '23:00'), at(18, '09:00'))];
  expect(changes(points)).toEqual([
    '15T09:01 OK',
    '16T09:30 ALARM',
    '16T23:01 OK',
    '17T09:30 ALARM',
    '18T09:01 OK',
  ]);
});

test('goes off also if there never was a report', () => {
  expect(changes(CALLED)).toEqual(['15T09:30 ALARM']);
});

/** A stack that is first deployed at this minute of a day: its rule calls from then on. */
function firstDeployment(minute: number): Point[] {
  const deployed = START + minute * MINUTE;
  const called = days('09:00', 15, 16).filter((time) => time > deployed);
  return [...calls(...called), ...published(...called)];
}

test.each([0, 9])(
  'is quiet after a first deployment at any time of a day (%s more periods)',
  (morePeriods) => {
    for (let minute = 0; minute < 1_440; minute += 120) {
      const start = START + minute * MINUTE;
      const off = changes(firstDeployment(minute), { start, end: start + 5 * HOUR, morePeriods });
      expect([minute, off.filter((change) => change.endsWith('ALARM'))]).toEqual([minute, []]);
    }
  },
);

test.each([
  ['cron(15 6 * * ? *)', 45, '06:15', '07:00', 16],
  ['cron(10 0 * * ? *)', 30, '00:10', '00:40', 16],
  ['cron(50 23 ? * * *)', 20, '23:50', '00:10', 17],
])(
  'with the schedule %s, %s minutes after it',
  (dailyReportSchedule, dailyReportMinutes, fires, missed, day) => {
    const settings = { dailyReportSchedule, alarms: { dailyReportMinutes } };
    const of = new SimulatedAlarms(synthesize('production', settings));
    const points = [
      ...calls(...days(fires, 14, 15, 16, 17, 18)),
      ...published(...days(fires, 14, 15, 17, 18)),
    ];
    const seen = changes(points, { of });
    expect(seen.filter((change) => change.endsWith('ALARM'))).toEqual([`${day}T${missed} ALARM`]);
    const [alarm] = of.assembly
      .ofType('AWS::CloudWatch::Alarm')
      .filter(({ name }) => name.endsWith('daily-report-missing'));
    expect(alarm?.properties.AlarmDescription).toContain(`by ${missed} UTC`);
  },
);

test('is not there if the configuration wants none', () => {
  const of = new SimulatedAlarms(synthesize('production', { alarms: { dailyReportMinutes: false } }));
  expect(of.names('AWS::CloudWatch::Alarm').filter((name) => name.includes('daily-report-missing'))).toEqual(
    [],
  );
});

describe('a rule that somebody has disabled', () => {
  const uncalled = (points: readonly Point[]) =>
    alarms
      .mails(points, { only: /daily-report/, end: START + 3 * DAY, step: 10 * MINUTE })
      .map(({ time, alarm, topic }) => `${time} ${topic} ${alarm}`);

  test('is told within a day and some hours of its last call', () => {
    const points = [...calls(at(15, '09:00')), ...published(at(15, '09:00'))];
    const [mail, ...others] = uncalled(points);
    expect(mail).toMatch(/^16T(09|1\d):\d\d tickets daily-report-uncalled$/);
    expect(others).toEqual([]);
  });

  test('is not confused with one that is new', () => {
    expect(uncalled([])).toEqual([]);
    expect(
      uncalled([...calls(...days('09:00', 15, 16, 17)), ...published(...days('09:00', 15, 16, 17))]),
    ).toEqual([]);
  });
});
