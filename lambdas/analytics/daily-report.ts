/** The daily report: its request, its figures, and the revisions of a day's report. */
import * as v from 'valibot';
import { check, PoisonEventError, Timestamp } from '../contract';
import { type DailyReportGenerated, ORDER_STATUSES } from '../events';
import { ExactSum } from './exact-sum';

const DAY_MS = 24 * 60 * 60 * 1_000;
const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 'YYYY-MM-DD'.length);

/** Checks that a date exists: `Date` reads 30 February as 2 March. */
const isDay = (text: string): boolean =>
  /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.startsWith(text) === true;

const ReportDate = v.pipe(
  v.string(),
  v.check(
    (text) => text === 'today' || isDay(text) || v.is(Timestamp, text),
    'a time as in 2026-01-16T09:00:00Z, a day as in 2026-01-15, or "today"',
  ),
);

const Request = v.object({
  type: v.literal('daily_report'),
  date: ReportDate,
  /** Report a day that is not over, as a partial report, which is not stored. */
  partial: v.optional(v.boolean(), false),
  /** Do nothing if the day has a report. */
  onlyIfMissing: v.optional(v.boolean(), false),
});

export type ReportRequest = v.InferOutput<typeof Request>;

/** Recognizes the input of the schedule's rule, well-formed or not, as opposed to an event. */
export function isReportRequest(event: unknown): boolean {
  return typeof event === 'object' && event !== null && 'type' in event && event.type === 'daily_report';
}

/**
 * Reads a request for a report.
 * @throws PoisonEventError naming the first field that is wrong
 */
export function parseReportRequest(request: unknown): ReportRequest {
  return check('daily_report', '', Request, request);
}

/**
 * The day of a report. A time, as the schedule sends it, means the day before, and so does `today`. A plain day means
 * that day.
 * @returns `YYYY-MM-DD`, UTC
 * @param orderDays that orders are kept. @default for ever
 * @throws PoisonEventError for a day that is not over, unless a partial report is asked for, and for one of which orders may
 *   be gone
 */
export function reportedDay(
  { date, partial }: ReportRequest,
  now: Date,
  orderDays = Number.POSITIVE_INFINITY,
): string {
  const today = dayOf(now.getTime());
  const day = dayAskedFor(date, now);
  if (day > today || (day === today && !partial)) {
    const problem =
      day > today
        ? `${day} has not begun (UTC).`
        : `${day} is not over (UTC): ask for it tomorrow, or add "partial": true.`;
    throw new PoisonEventError('daily_report', 'date', problem);
  }
  if (now.getTime() >= Date.parse(day) + orderDays * DAY_MS) {
    const problem = `${day} is too long ago: orders are kept for ${orderDays} days after their last change.`;
    throw new PoisonEventError('daily_report', 'date', problem);
  }
  return day;
}

function dayAskedFor(date: string, now: Date): string {
  if (date === 'today') return dayOf(now.getTime() - DAY_MS);
  return isDay(date) ? date : dayOf(Date.parse(date) - DAY_MS);
}

/** Event id of a day's report; later revisions have their number at the end. */
export const reportEventId = (day: string, revision = 1): string =>
  revision === 1 ? `daily-report-${day}` : `daily-report-${day}-r${revision}`;

/** Event id of a partial report, unique for each one. */
export const partialReportEventId = (day: string, generatedAt: string): string =>
  `daily-report-${day}-partial-${generatedAt}`;

/** An order in the table's index, in DynamoDB's notation; each attribute may be missing or of another type. */
export interface IndexedOrder {
  readonly status?: { readonly S?: string };
  readonly total?: { readonly N?: string };
}

/** Figures of a report, without fields that differ between two counts of the same orders. */
export type Figures = Omit<
  typeof DailyReportGenerated.example,
  'date' | 'revision' | 'replaces' | 'partial' | 'generatedAt'
>;

interface Tally {
  orders: number;
  readonly revenue: ExactSum;
}

/** Counts the orders of one day. A damaged item does not keep the others from being counted. */
export class DailyTally {
  readonly #byStatus = new Map<string, Tally>();
  /** Number of orders without a numeric total. */
  #withoutTotal = 0;

  add({ status, total }: IndexedOrder): void {
    const tally = this.#of(status?.S ?? '');
    tally.orders++;
    if (!total?.N || !tally.revenue.add(total.N)) this.#withoutTotal++;
  }

  figures(): Figures {
    const all = sumOf(this.#byStatus.values());
    const cancelled = this.#byStatus.get('CANCELLED') ?? newTally();
    const net = new ExactSum();
    net.addSum(all.revenue);
    net.subtractSum(cancelled.revenue);
    const known = ORDER_STATUSES.filter((status) => this.#byStatus.has(status)).sort();
    const unknown = [...this.#byStatus.keys()].filter(
      (status) => !(ORDER_STATUSES as readonly string[]).includes(status),
    );
    return {
      orders: all.orders,
      revenue: all.revenue.value,
      grossRevenue: all.revenue.value,
      netRevenue: net.value,
      cancelled: cancelled.orders,
      byStatus: Object.fromEntries(known.map((status) => [status, figuresOf(this.#of(status))])),
      ...(unknown.length > 0 && {
        unknownStatus: figuresOf(sumOf(unknown.map((status) => this.#of(status)))),
      }),
      ...(this.#withoutTotal > 0 && { withoutTotal: this.#withoutTotal }),
    };
  }

  #of(status: string): Tally {
    let tally = this.#byStatus.get(status);
    if (!tally) {
      tally = newTally();
      this.#byStatus.set(status, tally);
    }
    return tally;
  }
}

const newTally = (): Tally => ({ orders: 0, revenue: new ExactSum() });

const figuresOf = ({ orders, revenue }: Tally) => ({ orders, revenue: revenue.value });

function sumOf(tallies: Iterable<Tally>): Tally {
  const sum = newTally();
  for (const { orders, revenue } of tallies) {
    sum.orders += orders;
    sum.revenue.addSum(revenue);
  }
  return sum;
}

/** The latest report of a day, as in the reports table. */
export interface Revision {
  /** 1, 2, 3, ... */
  readonly revision: number;
  readonly eventId: string;
  /** Event id of the report that this one replaces. */
  readonly replaces?: string | undefined;
  /** `Figures` as JSON. */
  readonly figures: string;
}

/**
 * Decides on the revision of a day's report: the last one if the figures are the same, so that a repeated request
 * publishes the same event; otherwise the next one.
 */
export function reportRevision(day: string, figures: Figures, last: Revision | undefined): Revision {
  const text = JSON.stringify(figures);
  if (!last) return { revision: 1, eventId: reportEventId(day), figures: text };
  if (last.figures === text) return last;
  const revision = last.revision + 1;
  return { revision, eventId: reportEventId(day, revision), replaces: last.eventId, figures: text };
}
