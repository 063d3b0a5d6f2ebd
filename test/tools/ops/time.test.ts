import fc from 'fast-check';
import { InputError } from '../../../tools/cli/errors';
import { formatAge, formatTime, parseTime } from '../../../tools/ops/time';

const NOW = Date.parse('2026-11-23T12:00:00.000Z');
const parse = (text: string) => parseTime('--from', text, NOW);

describe('a point in time', () => {
  test.each([
    ['2026-11-23T09:00Z', '2026-11-23T09:00:00.000Z'],
    ['2026-11-23T10:00:30+01:00', '2026-11-23T09:00:30.000Z'],
    ['2026-11-23 09:00:00.5Z', '2026-11-23T09:00:00.500Z'],
    ['2026-11-23', '2026-11-23T00:00:00.000Z'],
    ['now', '2026-11-23T12:00:00.000Z'],
    ['90s', '2026-11-23T11:58:30.000Z'],
    ['30m', '2026-11-23T11:30:00.000Z'],
    ['2h', '2026-11-23T10:00:00.000Z'],
    ['7d', '2026-11-16T12:00:00.000Z'],
  ])('%s is %s', (text, time) => {
    expect(new Date(parse(text)).toISOString()).toBe(time);
  });

  test.each([
    ['a time without its zone, which would mean another time on another machine', '2026-11-23T09:00'],
    ['a day that does not exist', '2026-02-30'],
    ['a month that does not exist', '2026-13-01'],
    ['an hour that does not exist', '2026-11-23T25:00Z'],
    ['a number of nothing', '5'],
    ['an unknown unit', '2w'],
    ['words', 'yesterday'],
    ['nothing', ''],
  ])('%s is refused with the option, the value and what is allowed', (_, text) => {
    expect(() => parse(text)).toThrow(InputError);
    expect(() => parse(text)).toThrow(
      `--from is ${JSON.stringify(text)}: give a time with its zone (2026-11-23T09:00Z), a day`,
    );
  });

  test('what is printed is read as the same time, to the second', () => {
    const time = fc.integer({ min: 0, max: Date.parse('2199-12-31') });
    fc.assert(
      fc.property(time, (at) => {
        expect(parse(formatTime(at))).toBe(Math.floor(at / 1000) * 1000);
      }),
    );
  });
});

test.each([
  [0, '0 s ago'],
  [59_999, '59 s ago'],
  [60_000, '1 min ago'],
  [7_199_000, '1 h ago'],
  [14 * 86_400_000, '14 d ago'],
  // The clocks of AWS and of this machine differ a little.
  [-500, '0 s ago'],
])('%d ms before now are told as %s', (age, text) => {
  expect(formatAge(NOW - age, NOW)).toBe(text);
});
