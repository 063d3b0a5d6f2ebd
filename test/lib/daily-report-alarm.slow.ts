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
