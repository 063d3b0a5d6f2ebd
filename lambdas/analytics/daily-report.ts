/** Counts and revenue of one day's orders. */
import * as v from 'valibot';
import { check, type DailyReportGenerated, Timestamp } from '../events';

const DAY_MS = 24 * 60 * 60 * 1_000;

const Request = v.object({ type: v.literal('daily_report'), date: Timestamp });

/** True for what the schedule's rule sends, well-formed or not, as opposed to an event. */
export function isReportRequest(event: unknown): boolean {
  return typeof event === 'object' && event !== null && 'type' in event && event.type === 'daily_report';
}

/**
 * The day that a report is about: the one before its schedule's time.
 * @param request `{type: 'daily_report', date: <time of the scheduled event>}`
 * @returns `YYYY-MM-DD`, UTC
 * @throws PoisonEventError if `date` is no timestamp.
 */
export function reportedDay(request: unknown): string {
  const { date } = check('daily_report', '', Request, request);
  return new Date(Date.parse(date) - DAY_MS).toISOString().slice(0, 'YYYY-MM-DD'.length);
}

/** A day is reported once: asked for twice, it gives an event with the same id. */
export const reportEventId = (day: string): string => `daily-report-${day}`;

export interface CountedOrder {
  readonly status: string;
  readonly total: number;
}

/**
 * Totals are summed as whole ten-thousandths, which every currency's smallest unit is a multiple of (ISO 4217),
 * so that the sum is exact and does not depend on the order in which a query returns the orders.
 */
const UNITS = 10_000;

export class DailyTally {
  readonly #byStatus = new Map<string, { orders: number; units: bigint }>();

  add({ status, total }: CountedOrder): void {
    const tally = this.#byStatus.get(status) ?? { orders: 0, units: 0n };
    this.#byStatus.set(status, {
      orders: tally.orders + 1,
      units: tally.units + BigInt(Math.round(total * UNITS)),
    });
  }

  /**
   * @param day `YYYY-MM-DD`
   * @param generatedAt ISO 8601
   */
  report(day: string, generatedAt: string): typeof DailyReportGenerated.example {
    const tallies = [...this.#byStatus.values()];
    return {
      date: day,
      orders: tallies.reduce((sum, { orders }) => sum + orders, 0),
      revenue: amount(tallies.reduce((sum, { units }) => sum + units, 0n)),
      byStatus: Object.fromEntries(
        [...this.#byStatus]
          .sort()
          .map(([status, { orders, units }]) => [status, { orders, revenue: amount(units) }]),
      ),
      generatedAt,
    };
  }
}

const amount = (units: bigint): number => Number(units) / UNITS;
