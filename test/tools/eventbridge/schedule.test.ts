import fc from 'fast-check';
import { InvalidScheduleError, parseSchedule, scheduledEvent } from '../../../tools/eventbridge/schedule';

/** The next `count` firings after `from`, as `YYYY-MM-DDTHH:MM`. */
function firings(expression: string, from: string, count = 3): string[] {
  const schedule = parseSchedule(expression);
  const times: string[] = [];
  let time: Date | undefined = new Date(from);
  while (times.length < count) {
    time = schedule.next(time);
    if (time === undefined) break;
    times.push(time.toISOString().replace(':00.000Z', ''));
  }
  return times;
}

/** The days (`MM-DD`) of a year on which the day fields fire, at midnight. */
function days(dayOfMonth: string, dayOfWeek: string, year: number, month = '*'): string[] {
  const expression = `cron(0 0 ${dayOfMonth} ${month} ${dayOfWeek} ${year})`;
  return firings(expression, `${year - 1}-12-31T23:59:59Z`, 366).map((time) => time.slice(5, 10));
}

describe('cron: times', () => {
  test('cron(0 9 * * ? *) fires every day at 09:00 UTC', () => {
    expect(firings('cron(0 9 * * ? *)', '2026-02-27T09:00:00Z')).toEqual([
      '2026-02-28T09:00',
      '2026-03-01T09:00',
      '2026-03-02T09:00',
    ]);
  });

  test('a firing is strictly after the time asked for, also by a millisecond', () => {
    expect(firings('cron(0 9 * * ? *)', '2026-05-01T08:59:59.999Z', 1)).toEqual(['2026-05-01T09:00']);
    expect(firings('cron(0 9 * * ? *)', '2026-05-01T09:00:00.000Z', 1)).toEqual(['2026-05-02T09:00']);
    expect(firings('cron(0 9 * * ? *)', '2026-05-01T09:00:00.001Z', 1)).toEqual(['2026-05-02T09:00']);
  });

  test('a list fires at each of its values, in any order of writing', () => {
    expect(firings('cron(50,10,30 7 * * ? *)', '2026-05-01T00:00:00Z', 4)).toEqual([
      '2026-05-01T07:10',
      '2026-05-01T07:30',
      '2026-05-01T07:50',
      '2026-05-02T07:10',
    ]);
  });

  test('a step starts at its first value and begins anew in each hour', () => {
    expect(firings('cron(1/25 * * * ? *)', '2026-05-01T00:00:00Z', 4)).toEqual([
      '2026-05-01T00:01',
      '2026-05-01T00:26',
      '2026-05-01T00:51',
      '2026-05-01T01:01',
    ]);
  });

  test('*/20 steps through the whole field, 10-50/20 through the range', () => {
    expect(firings('cron(*/20 6 * * ? *)', '2026-05-01T00:00:00Z').map((time) => time.slice(11))).toEqual([
      '06:00',
      '06:20',
      '06:40',
    ]);
    expect(firings('cron(10-50/20 6 * * ? *)', '2026-05-01T00:00:00Z').map((time) => time.slice(11))).toEqual(
      ['06:10', '06:30', '06:50'],
    );
  });

  test('a range of hours that runs over midnight covers both ends of the same day', () => {
    expect(firings('cron(30 22-1 ? * MON *)', '2026-05-03T00:00:00Z', 5)).toEqual([
      '2026-05-04T00:30',
      '2026-05-04T01:30',
      '2026-05-04T22:30',
      '2026-05-04T23:30',
      '2026-05-11T00:30',
    ]);
  });

  test('a step goes on across the end of a wrapping range', () => {
    expect(firings('cron(0 21-4/3 * * ? *)', '2026-05-01T00:30:00Z').map((time) => time.slice(11))).toEqual([
      '03:00',
      '21:00',
      '00:00',
    ]);
  });
});

describe('cron: days of the month', () => {
  test('the 31st fires only in months that have one', () => {
    expect(days('31', '?', 2026)).toEqual(['01-31', '03-31', '05-31', '07-31', '08-31', '10-31', '12-31']);
  });

  test('the 29th of February fires in leap years, not in 2100', () => {
    expect(firings('cron(0 0 29 2 ? *)', '2095-01-01T00:00:00Z')).toEqual([
      '2096-02-29T00:00',
      '2104-02-29T00:00',
      '2108-02-29T00:00',
    ]);
  });

  test('L is the last day of the month, in leap years too', () => {
    expect(days('L', '?', 2026).slice(0, 4)).toEqual(['01-31', '02-28', '03-31', '04-30']);
    expect(days('L', '?', 2028, '2')).toEqual(['02-29']);
  });

  test('LW is the last day from Monday to Friday of the month', () => {
    // 2026: 31 January is a Saturday, 28 February a Saturday, 31 March a Tuesday, 31 May a Sunday.
    expect(days('LW', '?', 2026).slice(0, 5)).toEqual(['01-30', '02-27', '03-31', '04-30', '05-29']);
  });

  test('15W is the weekday nearest to the 15th', () => {
    // 2026: a Thursday in January; a Sunday in February, so Monday; a Saturday in August, so Friday.
    expect(days('15W', '?', 2026, 'JAN,FEB,AUG')).toEqual(['01-15', '02-16', '08-14']);
  });

  test('W never leaves the month: 1W on a Saturday is the 3rd, 31W on a Sunday is the 29th', () => {
    expect(days('1W', '?', 2026, '8')).toEqual(['08-03']);
    expect(days('31W', '?', 2026, '5')).toEqual(['05-29']);
    expect(days('28W', '?', 2027, '2')).toEqual(['02-26']);
  });

  test('31W does not fire in a month without a 31st', () => {
    // 30 April 2027 is a Friday: it would be nearest to a 31st.
    expect(days('31W', '?', 2027, '2,4,6,9,11')).toEqual([]);
  });

  test('a range may run over the end of the month, and over the end of the year', () => {
    expect(days('30-2', '?', 2026, 'APR')).toEqual(['04-01', '04-02', '04-30']);
    expect(days('1', '?', 2026, 'NOV-FEB')).toEqual(['01-01', '02-01', '11-01', '12-01']);
  });

  test('months count from 1 and their names are JAN to DEC', () => {
    expect(days('1', '?', 2026, '1,6,12')).toEqual(['01-01', '06-01', '12-01']);
    expect(days('1', '?', 2026, 'JAN,JUN,DEC')).toEqual(['01-01', '06-01', '12-01']);
    expect(days('1', '?', 2026, 'MAR/4')).toEqual(['03-01', '07-01', '11-01']);
  });
});

describe('cron: days of the week', () => {
  test('1 is Sunday and 7 is Saturday', () => {
    expect(days('?', '1', 2026)[0]).toBe('01-04');
    expect(days('?', '7', 2026)[0]).toBe('01-03');
    expect(days('?', 'SUN', 2026)).toEqual(days('?', '1', 2026));
    expect(days('?', 'SAT', 2026)).toEqual(days('?', '7', 2026));
  });

  test('MON-FRI leaves the weekend out; FRI-MON runs over it', () => {
    // 5 January 2026 is a Monday.
    expect(days('?', 'MON-FRI', 2026).slice(0, 4)).toEqual(['01-01', '01-02', '01-05', '01-06']);
    expect(days('?', 'FRI-MON', 2026).slice(0, 5)).toEqual(['01-02', '01-03', '01-04', '01-05', '01-09']);
    expect(days('?', '6-2', 2026)).toEqual(days('?', 'FRI-MON', 2026));
  });

  test('L alone is Saturday, the last day of the week', () => {
    expect(days('?', 'L', 2026)).toEqual(days('?', 'SAT', 2026));
  });

  test('6L is the last Friday of each month', () => {
    expect(days('?', '6L', 2026).slice(0, 5)).toEqual(['01-30', '02-27', '03-27', '04-24', '05-29']);
    expect(days('?', 'FRIL', 2026)).toEqual(days('?', '6L', 2026));
  });

  test('3#2 is the second Tuesday of each month', () => {
    expect(days('?', '3#2', 2026).slice(0, 4)).toEqual(['01-13', '02-10', '03-10', '04-14']);
    expect(days('?', 'TUE#2', 2026)).toEqual(days('?', '3#2', 2026));
  });

  test('a fifth weekday fires only in months that have one', () => {
    expect(days('?', 'SAT#5', 2026)).toEqual(['01-31', '05-30', '08-29', '10-31']);
  });
});

describe('cron: years', () => {
  test('a list and a range of years fire in those years only', () => {
    expect(firings('cron(0 0 1 1 ? 2027,2031-2032)', '2026-06-01T00:00:00Z', 5)).toEqual([
      '2027-01-01T00:00',
      '2031-01-01T00:00',
      '2032-01-01T00:00',
    ]);
  });

  test('a step of years counts from its first year', () => {
    expect(firings('cron(0 0 1 1 ? 2020/5)', '2026-06-01T00:00:00Z', 2)).toEqual([
      '2030-01-01T00:00',
      '2035-01-01T00:00',
    ]);
  });

  test('a schedule that has run out never fires again', () => {
    const schedule = parseSchedule('cron(15 10 ? * 6L 2020-2025)');
    expect(schedule.next(new Date('2025-12-26T10:14:59Z'))).toEqual(new Date('2025-12-26T10:15:00Z'));
    expect(schedule.next(new Date('2025-12-26T10:15:00Z'))).toBeUndefined();
  });

  test('a day that no month has never fires', () => {
    expect(parseSchedule('cron(0 0 31 2 ? *)').next(new Date('2026-01-01T00:00:00Z'))).toBeUndefined();
  });

  test('every year ends with 2199 and begins with 1970', () => {
    const schedule = parseSchedule('cron(59 23 31 12 ? *)');
    expect(schedule.next(new Date('2199-12-31T23:58:00Z'))).toEqual(new Date('2199-12-31T23:59:00Z'));
    expect(schedule.next(new Date('2199-12-31T23:59:00Z'))).toBeUndefined();
    expect(schedule.next(new Date('1950-06-01T00:00:00Z'))).toEqual(new Date('1970-12-31T23:59:00Z'));
  });
});

describe('cron: what PutRule refuses', () => {
  test.each([
    ['no ? in the day fields', 'cron(0 9 * * * *)'],
    ['? in both day fields', 'cron(0 9 ? * ? *)'],
    ['a ? elsewhere', 'cron(? 9 * * ? *)'],
    ['five fields', 'cron(0 9 * * ?)'],
    ['seven fields', 'cron(0 9 * * ? * *)'],
    ['a minute of 60', 'cron(60 9 * * ? *)'],
    ['an hour of 24', 'cron(0 24 * * ? *)'],
    ['a day 0', 'cron(0 9 0 * ? *)'],
    ['a day 32', 'cron(0 9 32 * ? *)'],
    ['a month 0', 'cron(0 9 1 0 ? *)'],
    ['a month 13', 'cron(0 9 1 13 ? *)'],
    ['a weekday 0', 'cron(0 9 ? * 0 *)'],
    ['a weekday 8', 'cron(0 9 ? * 8 *)'],
    ['a year before 1970', 'cron(0 9 * * ? 1969)'],
    ['a year after 2199', 'cron(0 9 * * ? 2200)'],
    ['an unknown month', 'cron(0 9 1 JANUARY ? *)'],
    ['the name of a day as a month', 'cron(0 9 1 MON ? *)'],
    ['a name in lower case', 'cron(0 9 ? * mon *)'],
    ['years that run backwards', 'cron(0 9 * * ? 2030-2026)'],
    ['a step of 0', 'cron(0/0 9 * * ? *)'],
    ['a step longer than the field', 'cron(0/60 9 * * ? *)'],
    ['a step without a length', 'cron(0/ 9 * * ? *)'],
    ['a step without a start', 'cron(/5 9 * * ? *)'],
    ['a step in the day of the week', 'cron(0 9 ? * 2/2 *)'],
    ['a range of two dashes', 'cron(0-10-20 9 * * ? *)'],
    ['a range that starts with *', 'cron(*-5 9 * * ? *)'],
    ['an empty item of a list', 'cron(0,,5 9 * * ? *)'],
    ['a negative value', 'cron(-5 9 * * ? *)'],
    ['a fraction', 'cron(1.5 9 * * ? *)'],
    ['W without a day', 'cron(0 9 W * ? *)'],
    ['32W', 'cron(0 9 32W * ? *)'],
    ['a list with W', 'cron(0 9 1W,15W * ? *)'],
    ['a list with L', 'cron(0 9 15,L * ? *)'],
    ['an offset from L', 'cron(0 9 L-3 * ? *)'],
    ['W in the day of the week', 'cron(0 9 ? * 3W *)'],
    ['# in the day of the month', 'cron(0 9 3#2 * ? *)'],
    ['a # of 0', 'cron(0 9 ? * 3#0 *)'],
    ['a # of 6', 'cron(0 9 ? * 3#6 *)'],
    ['two # in a list', 'cron(0 9 ? * 3#1,6#3 *)'],
    ['a range with #', 'cron(0 9 ? * MON-FRI#2 *)'],
    ['a list with a last weekday', 'cron(0 9 ? * 2,6L *)'],
    ['blanks inside the brackets', 'cron( 0 9 * * ? * )'],
    ['a blank before', ' cron(0 9 * * ? *)'],
    ['text after', 'cron(0 9 * * ? *) '],
    ['no brackets', 'cron 0 9 * * ? *'],
    ['another kind', 'at(2026-01-01T00:00:00)'],
    ['upper case', 'CRON(0 9 * * ? *)'],
    ['nothing', ''],
  ])('%s', (_what, expression) => {
    expect(() => parseSchedule(expression)).toThrow(InvalidScheduleError);
    expect(() => parseSchedule(expression)).toThrow('Parameter ScheduleExpression is not valid.');
  });

  test('the error says which field is wrong and what it may be', () => {
    expect(() => parseSchedule('cron(0 25 * * ? *)')).toThrow(
      expect.objectContaining({ reason: "hours: '25' is not allowed; values are 0-23" }),
    );
    expect(() => parseSchedule('cron(0 9 ? * MUN-FRI *)')).toThrow(
      expect.objectContaining({ reason: "day of week: 'MUN-FRI' is not allowed; values are 1-7 or SUN-SAT" }),
    );
  });
});

describe('rate', () => {
  const createdAt = new Date('2026-03-01T10:07:31.250Z');

  test.each([
    ['rate(1 minute)', '2026-03-01T10:08:31.250Z'],
    ['rate(5 minutes)', '2026-03-01T10:12:31.250Z'],
    ['rate(1 hour)', '2026-03-01T11:07:31.250Z'],
    ['rate(7 hours)', '2026-03-01T17:07:31.250Z'],
    ['rate(1 day)', '2026-03-02T10:07:31.250Z'],
    ['rate(30 days)', '2026-03-31T10:07:31.250Z'],
  ])('%s first fires one interval after the rule was created', (expression, first) => {
    expect(parseSchedule(expression, createdAt).next(createdAt)).toEqual(new Date(first));
  });

  test('it goes on from the time of creation, however late it is asked', () => {
    const schedule = parseSchedule('rate(5 minutes)', createdAt);
    expect(schedule.next(new Date('2026-03-01T12:00:00Z'))).toEqual(new Date('2026-03-01T12:02:31.250Z'));
    expect(schedule.next(new Date('2026-03-01T12:02:31.250Z'))).toEqual(new Date('2026-03-01T12:07:31.250Z'));
  });

  test('it does not fire before it was created', () => {
    const schedule = parseSchedule('rate(5 minutes)', createdAt);
    expect(schedule.next(new Date('2020-01-01T00:00:00Z'))).toEqual(new Date('2026-03-01T10:12:31.250Z'));
  });

  test('an interval beyond all dates never fires', () => {
    expect(parseSchedule('rate(999999999999 days)', createdAt).next(createdAt)).toBeUndefined();
  });

  test.each([
    'rate(0 minutes)',
    'rate(1 minutes)',
    'rate(2 minute)',
    'rate(11 hour)',
    'rate(1 days)',
    'rate(05 minutes)',
    'rate(1.5 hours)',
    'rate(-1 days)',
    'rate(5 Minutes)',
    'rate(5 weeks)',
    'rate(5 days )',
    'rate(5  days)',
    'rate(5days)',
    'rate(minutes)',
    'Rate(5 minutes)',
  ])('%s is refused', (expression) => {
    expect(() => parseSchedule(expression)).toThrow('Parameter ScheduleExpression is not valid.');
  });

  test('for all intervals and times: the next firing is a whole number of intervals after creation, and the first such', () => {
    const time = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2090, 0) });
    const units = { minutes: 60_000, hours: 3_600_000, days: 86_400_000 };
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 400 }),
        fc.constantFrom('minutes', 'hours', 'days'),
        time,
        time,
        (value, unit, created, after) => {
          const interval = value * units[unit];
          const next = parseSchedule(`rate(${value} ${unit})`, new Date(created)).next(new Date(after));
          const since = (next?.getTime() ?? NaN) - created;
          expect(since % interval).toBe(0);
          expect(since).toBeGreaterThanOrEqual(interval);
          expect(since).toBeGreaterThan(after - created);
          if (since > interval) expect(since - interval).toBeLessThanOrEqual(after - created);
        },
      ),
    );
  });
});

/** The same rules a second time, by brute force: a field is its text and a question to ask of a time. */
describe('cron: for all expressions', () => {
  const MINUTE = 60_000;
  const HOUR = 60 * MINUTE;
  const DAY = 24 * HOUR;
  const weekdayOf = (time: number) => new Date(time).getUTCDay() + 1;
  const dayOf = (time: number) => new Date(time).getUTCDate();
  const monthOf = (time: number) => new Date(time).getUTCMonth() + 1;
  const onWorkday = (time: number) => weekdayOf(time) > 1 && weekdayOf(time) < 7;
  const daysOfMonth = (time: number) => {
    const first = time - (dayOf(time) - 1) * DAY;
    return Array.from({ length: 31 }, (_, index) => first + index * DAY).filter(
      (day) => monthOf(day) === monthOf(time),
    );
  };

  interface FieldCase {
    readonly text: string;
    readonly fits: (value: number) => boolean;
  }

  function item(min: number, max: number, { steps = true } = {}): fc.Arbitrary<FieldCase> {
    const size = max - min + 1;
    const value = fc.integer({ min, max });
    const step = steps ? fc.integer({ min: 1, max: size - 1 }) : fc.constant(1);
    const suffix = (by: number) => (by === 1 ? '' : `/${by}`);
    return fc.oneof(
      value.map((only) => ({ text: `${only}`, fits: (n: number) => n === only })),
      step.map((by) => ({ text: `*${suffix(by)}`, fits: (n: number) => (n - min) % by === 0 })),
      fc.tuple(value, value, step).map(([from, to, by]) => ({
        text: `${from}-${to}${suffix(by)}`,
        fits: (n: number) => {
          const offset = (n - from + size) % size;
          return offset <= (to - from + size) % size && offset % by === 0;
        },
      })),
      ...(steps
        ? [
            fc.tuple(value, step).map(([from, by]) => ({
              text: `${from}/${by}`,
              fits: (n: number) => n >= from && (n - from) % by === 0,
            })),
          ]
        : []),
    );
  }

  const list = (...[min, max, options]: Parameters<typeof item>): fc.Arbitrary<FieldCase> =>
    fc.array(item(min, max, options), { minLength: 1, maxLength: 3 }).map((items) => ({
      text: items.map(({ text }) => text).join(','),
      fits: (n) => items.some(({ fits }) => fits(n)),
    }));

  const dayFields: fc.Arbitrary<{
    dayOfMonth: string;
    dayOfWeek: string;
    fits: (time: number) => boolean;
  }> = fc.oneof(
    list(1, 31).map(({ text, fits }) => ({
      dayOfMonth: text,
      dayOfWeek: '?',
      fits: (time: number) => fits(dayOf(time)),
    })),
    fc.constant({
      dayOfMonth: 'L',
      dayOfWeek: '?',
      fits: (time: number) => monthOf(time + DAY) !== monthOf(time),
    }),
    fc.constant({
      dayOfMonth: 'LW',
      dayOfWeek: '?',
      fits: (time: number) => dayOf(time) === Math.max(...daysOfMonth(time).filter(onWorkday).map(dayOf)),
    }),
    fc.integer({ min: 1, max: 31 }).map((wanted) => ({
      dayOfMonth: `${wanted}W`,
      dayOfWeek: '?',
      fits: (time: number) => {
        const distance = (day: number) => Math.abs(dayOf(day) - wanted);
        const all = daysOfMonth(time);
        const nearest = all.filter(onWorkday).sort((a, b) => distance(a) - distance(b))[0] ?? NaN;
        return all.length >= wanted && dayOf(time) === dayOf(nearest);
      },
    })),
    list(1, 7, { steps: false }).map(({ text, fits }) => ({
      dayOfMonth: '?',
      dayOfWeek: text,
      fits: (time: number) => fits(weekdayOf(time)),
    })),
    fc.integer({ min: 1, max: 7 }).map((weekday) => ({
      dayOfMonth: '?',
      dayOfWeek: `${weekday}L`,
      fits: (time: number) => weekdayOf(time) === weekday && monthOf(time + 7 * DAY) !== monthOf(time),
    })),
    fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 5 })).map(([weekday, instance]) => ({
      dayOfMonth: '?',
      dayOfWeek: `${weekday}#${instance}`,
      fits: (time: number) =>
        weekdayOf(time) === weekday &&
        daysOfMonth(time).filter((day) => day <= time && weekdayOf(day) === weekday).length === instance,
    })),
  );

  const years: fc.Arbitrary<FieldCase> = fc.oneof(
    fc.constant({ text: '*', fits: () => true }),
    fc.tuple(fc.integer({ min: 2023, max: 2026 }), fc.integer({ min: 0, max: 2 })).map(([from, more]) => ({
      text: more === 0 ? `${from}` : `${from}-${from + more}`,
      fits: (year: number) => year >= from && year <= from + more,
    })),
  );

  test('the next firing is one by brute force, and no earlier minute is', () => {
    fc.assert(
      fc.property(
        list(0, 59),
        list(0, 23),
        dayFields,
        list(1, 12),
        years,
        fc.integer({ min: Date.UTC(2023, 6), max: Date.UTC(2026, 11) }),
        (minute, hour, day, month, year, after) => {
          const fields = [minute.text, hour.text, day.dayOfMonth, month.text, day.dayOfWeek, year.text];
          const expression = `cron(${fields.join(' ')})`;
          const next = parseSchedule(expression).next(new Date(after))?.getTime();

          const end = after + 400 * DAY;
          let time = (Math.floor(after / MINUTE) + 1) * MINUTE;
          const firesToday = () =>
            year.fits(new Date(time).getUTCFullYear()) && month.fits(monthOf(time)) && day.fits(time);
          const firesNow = () => minute.fits((time / MINUTE) % 60) && hour.fits(Math.floor(time / HOUR) % 24);
          while (time < end) {
            const tomorrow = (Math.floor(time / DAY) + 1) * DAY;
            if (firesToday()) while (time < tomorrow && !firesNow()) time += MINUTE;
            else time = tomorrow;
            if (time < tomorrow) break;
          }

          expect({ expression, next: next === undefined || next >= end ? 'later or never' : next }).toEqual({
            expression,
            next: time >= end ? 'later or never' : time,
          });
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('the scheduled event', () => {
  const firing = {
    ruleArn: 'arn:aws:events:eu-central-1:210987654321:rule/nightly',
    time: new Date('2026-11-29T09:00:00.000Z'),
    account: '210987654321',
    region: 'eu-central-1',
  };

  test('is what EventBridge sends: from aws.events, about the rule, with an empty detail', () => {
    expect(scheduledEvent(firing)).toEqual({
      version: '0',
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      'detail-type': 'Scheduled Event',
      source: 'aws.events',
      account: '210987654321',
      time: '2026-11-29T09:00:00Z',
      region: 'eu-central-1',
      resources: ['arn:aws:events:eu-central-1:210987654321:rule/nightly'],
      detail: {},
    });
  });

  test('has a new id at every firing', () => {
    expect(scheduledEvent(firing).id).not.toBe(scheduledEvent(firing).id);
  });
});
