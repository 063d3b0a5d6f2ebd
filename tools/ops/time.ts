/** Parses and formats points in time for an operator. */
import { InputError } from '../cli/errors';

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

const DATE = /^\d{4}-\d\d-\d\d$/;
const DATE_TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/i;

/**
 * Reads `2026-11-23T09:00Z`, `2026-11-23T10:00:00+01:00`, `2026-11-23` (its start, UTC), `now`, or a time ago: `90s`,
 * `30m`, `2h`, `7d`.
 * @param option name of the option, for the error
 * @param now milliseconds since 1970-01-01 UTC, as is the result
 * @throws InputError
 */
export function parseTime(option: string, text: string, now: number): number {
  if (text === 'now') return now;
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (amount && unit) return now - Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
  const time = DATE.test(text) || DATE_TIME.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  if (Number.isNaN(time) || !existsOnCalendar(text)) {
    throw new InputError(
      `${option} is ${JSON.stringify(text)}: give a time with its zone (2026-11-23T09:00Z), a day (2026-11-23), ` +
        'or how long ago (30m, 2h, 7d).',
    );
  }
  return time;
}

/** Checks that a date exists: `Date` reads 30 February as 2 March. */
function existsOnCalendar(text: string): boolean {
  const [year, month, day] = text.split(/[-T ]/i, 3).map(Number) as [number, number, number];
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** `2026-11-23T09:00:00Z`: to the second, UTC. */
export const formatTime = (time: number): string => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');

/** Age in the largest unit that fits: `3 h ago`. */
export function formatAge(time: number, now: number): string {
  const age = Math.max(0, now - time);
  for (const unit of ['d', 'h', 'm'] as const) {
    if (age >= UNIT_MS[unit]) return `${Math.floor(age / UNIT_MS[unit])} ${unit === 'm' ? 'min' : unit} ago`;
  }
  return `${Math.floor(age / 1_000)} s ago`;
}
