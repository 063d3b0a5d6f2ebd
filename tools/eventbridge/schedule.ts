/**
 * Times at which a scheduled rule fires, and the event that it sends. All times are UTC.
 *
 * Follows the EventBridge user guide, "Setting a schedule pattern for scheduled rules" (eb-scheduled-rule-pattern),
 * and recorded answers of the service. Anything that neither allows is refused: lower-case names, blanks next to the
 * brackets, `L-3`, lists with `L`, `W` or `#`, steps in the day of the week. PutRule has been seen to take years
 * after 2199; the guide's range holds here. Not known: what `31W` does in a shorter month (here: nothing), and how
 * soon after its creation a rate first fires (here: after one interval).
 *
 * The usual cron packages do not read this dialect: `?` in exactly one field, `L` alone for Saturday, ranges that
 * wrap. Once it is read, and without time zones, finding the next time is the smaller part.
 */
import { randomUUID } from 'node:crypto';
import type { BusEvent } from './event';

export interface Schedule {
  /** The first time strictly after `after` at which the rule fires, or undefined if it never does again. */
  next(after: Date): Date | undefined;
}

/** A schedule expression that PutRule refuses (a ValidationException), with the service's message. */
export class InvalidScheduleError extends Error {
  override readonly name = 'InvalidScheduleError';

  /** @param reason What is wrong and what is allowed, which the service does not say. */
  constructor(readonly reason: string) {
    super('Parameter ScheduleExpression is not valid.');
  }
}

/**
 * @param expression `cron(minutes hours day-of-month month day-of-week year)` or `rate(value unit)`.
 * @param createdAt When the rule was created: a rate counts from there, and first fires one interval later. A cron
 *   expression does not depend on it.
 *   @default the start of 1970, so that a rate fires at whole multiples of its interval
 * @throws InvalidScheduleError if PutRule would refuse the expression.
 */
export function parseSchedule(expression: string, createdAt: Date = new Date(0)): Schedule {
  const [, kind, text = ''] = /^(cron|rate)\((.*)\)$/.exec(expression) ?? [];
  if (kind === 'cron') return parseCron(text);
  if (kind === 'rate') return parseRate(text, createdAt);
  throw new InvalidScheduleError(`'${expression}' is neither cron(...) nor rate(...)`);
}

/** The event that a scheduled rule sends to its targets at `time`; its id is new at every call unless it is given. */
export function scheduledEvent({
  ruleArn,
  time,
  account,
  region,
  id = randomUUID(),
}: {
  readonly ruleArn: string;
  readonly time: Date;
  readonly account: string;
  readonly region: string;
  readonly id?: string;
}): BusEvent {
  return {
    version: '0',
    id,
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account,
    time: `${time.toISOString().slice(0, 19)}Z`,
    region,
    resources: [ruleArn],
    detail: {},
  };
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS = new Map([
  ['minute', MINUTE],
  ['hour', HOUR],
  ['day', DAY],
]);

function parseRate(text: string, createdAt: Date): Schedule {
  const [, value, unit = '', plural] = /^([1-9]\d*) ([a-z]+?)(s?)$/.exec(text) ?? [];
  const length = UNITS.get(unit);
  if (length === undefined || (value === '1') === (plural === 's')) {
    throw new InvalidScheduleError(
      `rate(${text}): a positive number and minutes, hours or days are allowed, singular for 1 only`,
    );
  }
  const interval = Number(value) * length;
  return {
    next(after) {
      const elapsed = Math.floor((after.getTime() - createdAt.getTime()) / interval);
      const next = new Date(createdAt.getTime() + Math.max(elapsed + 1, 1) * interval);
      // Beyond what a Date can hold there is no next time.
      return Number.isNaN(next.getTime()) ? undefined : next;
    },
  };
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Names of the values from `min` on. */
  readonly names?: readonly string[];
  /** A range may run over the end, as in 20-2. @default true */
  readonly wraps?: boolean;
  /** @default true */
  readonly steps?: boolean;
}

const MINUTES: Field = { name: 'minutes', min: 0, max: 59 };
const HOURS: Field = { name: 'hours', min: 0, max: 23 };
const DAYS_OF_MONTH: Field = { name: 'day of month', min: 1, max: 31 };
const MONTHS: Field = {
  name: 'month',
  min: 1,
  max: 12,
  names: ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'],
};
const DAYS_OF_WEEK: Field = {
  name: 'day of week',
  min: 1,
  max: 7,
  names: ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'],
  steps: false,
};
const YEARS: Field = { name: 'year', min: 1970, max: 2199, wraps: false };

function parseCron(text: string): Schedule {
  const fields = text.split(/ +/);
  if (fields.length !== 6) throw new InvalidScheduleError(`cron(${text}) has not six fields`);
  const [minute, hour, dayOfMonth, month, dayOfWeek, year] = fields as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    throw new InvalidScheduleError('exactly one of day of month and day of week must be ?');
  }
  const minutes = parseList(minute, MINUTES);
  const times = parseList(hour, HOURS).flatMap((h) => minutes.map((m) => h * HOUR + m * MINUTE));
  const months = parseList(month, MONTHS);
  const years = parseList(year, YEARS);
  const fires = dayOfWeek === '?' ? parseDayOfMonth(dayOfMonth) : parseDayOfWeek(dayOfWeek);

  return {
    next(after) {
      const earliest = (Math.floor(after.getTime() / MINUTE) + 1) * MINUTE;
      for (const year of years) {
        for (const month of months) {
          if (Date.UTC(year, month) <= earliest) continue;
          for (const date of datesOf(year, month)) {
            if (date.midnight + DAY <= earliest || !fires(date)) continue;
            const time = times.find((time) => date.midnight + time >= earliest);
            if (time !== undefined) return new Date(date.midnight + time);
          }
        }
      }
      return undefined;
    },
  };
}

interface CalendarDate {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly midnight: number;
  /** 1 to `lastDay`. */
  readonly day: number;
  readonly lastDay: number;
  /** 1 = Sunday. */
  readonly weekday: number;
}

/** @param month 1 to 12 */
function* datesOf(year: number, month: number): Generator<CalendarDate> {
  const first = new Date(Date.UTC(year, month - 1));
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  for (let day = 1; day <= lastDay; day++) {
    const weekday = ((first.getUTCDay() + day - 1) % 7) + 1;
    yield { midnight: first.getTime() + (day - 1) * DAY, day, lastDay, weekday };
  }
}

const SUNDAY = 1;
const SATURDAY = 7;

function parseDayOfMonth(text: string): (date: CalendarDate) => boolean {
  if (text === 'L') return ({ day, lastDay }) => day === lastDay;
  if (text === 'LW') return (date) => date.day === nearestWeekday(date.lastDay, date);
  const [, near] = /^(.+)W$/.exec(text) ?? [];
  if (near !== undefined) {
    const wanted = parseValue(near, DAYS_OF_MONTH);
    return (date) => wanted <= date.lastDay && date.day === nearestWeekday(wanted, date);
  }
  const days = new Set(parseList(text, DAYS_OF_MONTH));
  return ({ day }) => days.has(day);
}

/** The day from Monday to Friday nearest to `wanted` in the month of `date`; it never leaves the month. */
function nearestWeekday(wanted: number, { day, weekday, lastDay }: CalendarDate): number {
  const wantedWeekday = ((((weekday - 1 + wanted - day) % 7) + 7) % 7) + 1;
  if (wantedWeekday === SATURDAY) return wanted === 1 ? wanted + 2 : wanted - 1;
  if (wantedWeekday === SUNDAY) return wanted === lastDay ? wanted - 2 : wanted + 1;
  return wanted;
}

function parseDayOfWeek(text: string): (date: CalendarDate) => boolean {
  if (text === 'L') return ({ weekday }) => weekday === SATURDAY;
  const [, last] = /^(.+)L$/.exec(text) ?? [];
  if (last !== undefined) {
    const wanted = parseValue(last, DAYS_OF_WEEK);
    return ({ day, lastDay, weekday }) => weekday === wanted && day + 7 > lastDay;
  }
  const [, nth, instance] = /^(.+)#([1-5])$/.exec(text) ?? [];
  if (nth !== undefined) {
    const wanted = parseValue(nth, DAYS_OF_WEEK);
    return ({ day, weekday }) => weekday === wanted && Math.ceil(day / 7) === Number(instance);
  }
  const weekdays = new Set(parseList(text, DAYS_OF_WEEK));
  return ({ weekday }) => weekdays.has(weekday);
}

/** The values of a list like `1,5-10,20/15`, in ascending order. */
function parseList(text: string, field: Field): number[] {
  return text
    .split(',')
    .flatMap((item) => parseItem(item, field))
    .sort((a, b) => a - b);
}

/** `*`, `a`, `a-b`, and each with `/step`; `a/step` runs from a to the field's end. */
function parseItem(item: string, field: Field): number[] {
  const { name, min, max, wraps = true, steps = true } = field;
  const [, start = '', end, step] = /^([^-/]+)(?:-([^-/]+))?(?:\/(\d+))?$/.exec(item) ?? [];
  const first = start === '*' && end === undefined ? min : parseValue(start, field, item);
  let last = first;
  if (end !== undefined) last = parseValue(end, field, item);
  else if (start === '*' || step !== undefined) last = max;

  const size = max - min + 1;
  if (last < first) {
    if (!wraps) throw new InvalidScheduleError(`${name}: the range ${item} runs backwards`);
    last += size;
  }
  const by = Number(step ?? 1);
  if (step !== undefined && (!steps || by < 1 || by > max)) {
    throw new InvalidScheduleError(`${name}: ${item} has a step that is not allowed`);
  }
  const values = [];
  for (let value = first; value <= last; value += by) values.push(value > max ? value - size : value);
  return values;
}

function parseValue(text: string, { name, min, max, names = [] }: Field, item = text): number {
  const named = names.indexOf(text);
  const value = named >= 0 ? min + named : Number(/^\d{1,4}$/.test(text) ? text : NaN);
  if (!(value >= min && value <= max)) {
    const allowed = names.length > 0 ? `${min}-${max} or ${names[0]}-${names.at(-1)}` : `${min}-${max}`;
    throw new InvalidScheduleError(`${name}: '${item}' is not allowed; values are ${allowed}`);
  }
  return value;
}
