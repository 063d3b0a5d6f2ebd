/** Schedules in a time zone, as EventBridge Scheduler has them. */
import type { Schedule } from './schedule';

/** Checks for a name of the IANA time zone database, such as Europe/Berlin. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]+(\/[\w+-]+)*$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();

type WallClockPart = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second';

/** Milliseconds that the wall clock of the zone is ahead of UTC at that time. */
export function zoneOffset(timeZone: string, at: Date): number {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    });
    formats.set(timeZone, format);
  }
  const parts = format.formatToParts(at).map(({ type, value }) => [type, Number(value)]);
  const { year, month, day, hour, minute, second }: Record<WallClockPart, number> = Object.fromEntries(parts);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at.getTime() / 1000) * 1000;
}

/** Offsets that the zone has in a year, in minutes, each once. */
export function offsetsOf(timeZone: string, year: number): number[] {
  const months = Array.from({ length: 12 }, (_, month) => new Date(Date.UTC(year, month, 1)));
  return [...new Set(months.map((at) => zoneOffset(timeZone, at) / 60_000))].sort((a, b) => a - b);
}

/**
 * The schedule by the wall clock of a zone. A time that the clock skips in spring fires after the skip, one that it shows
 * twice in autumn fires the first time.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
 */
export function inTimeZone(schedule: Schedule, timeZone: string): Schedule {
  if (timeZone === 'UTC') return schedule;
  const toUtc = (wall: Date): Date => {
    // The larger offset is the earlier time; a skipped time has neither and is moved by the skip.
    const guesses = [-1, 1].map((days) => zoneOffset(timeZone, new Date(wall.getTime() + days * 86_400_000)));
    const [earlier, later] = [Math.max(...guesses), Math.min(...guesses)].map(
      (each) => new Date(wall.getTime() - each),
    );
    const isShown = (at: Date) => at.getTime() + zoneOffset(timeZone, at) === wall.getTime();
    return [earlier, later].find((at): at is Date => at !== undefined && isShown(at)) ?? (later as Date);
  };
  return {
    next(after) {
      let wall: Date | undefined = new Date(after.getTime() + zoneOffset(timeZone, after) - 1);
      do {
        wall = schedule.next(wall);
        const time = wall && toUtc(wall);
        if (time && time > after) return time;
      } while (wall);
      return undefined;
    },
  };
}
