import { at, DAY, MINUTE, SimulatedAlarms, START } from './simulated-alarms';
import { synthesize } from './synthesize';

test('nobody is told of a missing report after a first deployment at any minute of a day', () => {
  const alarms = new SimulatedAlarms(synthesize());
  for (let minute = 0; minute < 1_440; minute++) {
    const start = START + minute * MINUTE;
    const points = [15, 16].flatMap((day) => {
      const time = at(day, '09:00');
      if (time <= start) return [];
      return [
        { metric: 'Invocations', of: 'event-driven-daily-report', time, value: 1 },
        { metric: 'DailyReportsPublished', of: 'analytics', time: time + 2_000, value: 1 },
      ];
    });
    const mails = alarms.mails(points, {
      start,
      end: START + 1.5 * DAY,
      only: /daily-report/,
      // A false alarm would last half an hour; the minutes of the starts shift the steps over every minute.
      step: 10 * MINUTE,
    });
    expect([minute, mails]).toEqual([minute, []]);
  }
}, 600_000);

test.each([
  ['Europe/Berlin', '06:00', '06:30'],
  ['Europe/Berlin', '05:00', '05:30'],
  ['Asia/Kolkata', '01:30', '02:00'],
])('by the clock of %s, on days when it fires at %s UTC', (timezone, fires, missed) => {
  const settings = {
    dailyReportSchedule: 'cron(0 7 * * ? *)',
    dailyReportScheduler: { timezone, flexibleMinutes: 10 },
  };
  const of = new SimulatedAlarms(synthesize('production', settings));
  const attempts = [15, 16, 17, 18].map((day, index) => ({
    ...{ metric: 'InvocationAttemptCount', of: 'event-driven-daily-report', value: 1 },
    time: at(day, fires) + index * 3 * MINUTE,
  }));
  const published = [15, 17, 18].map((day) => ({
    ...{ metric: 'DailyReportsPublished', of: 'analytics', value: 1 },
    time: at(day, fires) + 9 * MINUTE,
  }));
  const points = [...attempts, ...published];
  const off = of
    .run(points, { only: /daily-report-missing$/, step: MINUTE, end: START + 3.6 * DAY })
    .filter(({ state }) => state === 'ALARM')
    .map(({ time }) => new Date(time).toISOString().slice(8, 16));
  expect(off).toEqual([`16T${missed}`]);
});
