import fc from 'fast-check';
import { parseSchedule } from '../../../tools/eventbridge/schedule';
import { inTimeZone, isTimeZone, offsetsOf, zoneOffset } from '../../../tools/eventbridge/time-zone';

const after = (expression: string, timeZone: string, from: string, count = 3) => {
  const schedule = inTimeZone(parseSchedule(expression), timeZone);
  let time: Date | undefined = new Date(from);
  return Array.from({ length: count }, () => {
    time = time && schedule.next(time);
    return time?.toISOString();
  });
};

test('fires by the wall clock, in winter and in summer', () => {
  expect(after('cron(0 9 * * ? *)', 'Europe/Berlin', '2026-03-27T12:00:00Z')).toEqual([
    '2026-03-28T08:00:00.000Z',
    '2026-03-29T07:00:00.000Z',
    '2026-03-30T07:00:00.000Z',
  ]);
});

test('fires after an hour that the clock skips, and the first time in one that it shows twice', () => {
  expect(after('cron(30 2 * * ? *)', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual([
    '2026-03-29T01:30:00.000Z',
    '2026-03-30T00:30:00.000Z',
  ]);
  expect(after('cron(30 2 * * ? *)', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)).toEqual([
    '2026-10-25T00:30:00.000Z',
    '2026-10-26T01:30:00.000Z',
  ]);
});

test('shows the time of the schedule on every day, in every zone', () => {
  const zones = [
    'UTC',
    'America/New_York',
    'Asia/Kolkata',
    'Australia/Lord_Howe',
    'Pacific/Auckland',
    'Europe/London',
  ];
  const minuteOf = (hour: number, minute: number) => hour * 60 + minute;
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: 4, max: 23 }),
      fc.integer({ min: 0, max: 59 }),
      fc.date({ min: new Date('2026-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }),
      (zone, hour, minute, from) => {
        const next = inTimeZone(parseSchedule(`cron(${minute} ${hour} * * ? *)`), zone).next(from) as Date;
        const wall = new Date(next.getTime() + zoneOffset(zone, next));
        expect(minuteOf(wall.getUTCHours(), wall.getUTCMinutes())).toBe(minuteOf(hour, minute));
        expect(next.getTime() - from.getTime()).toBeGreaterThan(0);
        expect(next.getTime() - from.getTime()).toBeLessThanOrEqual(25 * 3_600_000);
      },
    ),
  );
});

test('knows the zones, and their offsets of a year', () => {
  expect(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5'].every(isTimeZone)).toBe(
    true,
  );
  expect(['', 'Berlin', 'Europe/Nowhere', '+02:00', 'Europe/Berlin '].some(isTimeZone)).toBe(false);
  expect(offsetsOf('Europe/Berlin', 2026)).toEqual([60, 120]);
  expect(offsetsOf('Asia/Kolkata', 2026)).toEqual([330]);
});
