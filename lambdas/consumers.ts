/**
 * What each function wants, accepts and may know: the other side of the contracts in `events.ts`. No handler
 * reads this; it is for those who ask about the routing without running anything (`npm run routes`, tests). So it
 * holds the handlers' own parsers and nothing that has an effect.
 */
import { isReportRequest, reportedDay } from './analytics/daily-report';
import { analyticsRecord } from './analytics/record';
import {
  CONTRACTS,
  DailyReportGenerated,
  type EventSelection,
  NOTIFIED_STATUSES,
  OrderCreated,
  OrderStatusChanged,
} from './events';
import { parseNotificationInput } from './notification';
import { orderUpdate } from './order-processor/order';

export interface Consumer {
  /** The events it is there for: it is given each of them by one rule, and no others. */
  readonly receives: readonly EventSelection[];
  /** Whether a replay of the archive brings them again. */
  readonly replayed: boolean;
  /** Whether a schedule calls it, too. */
  readonly scheduled: boolean;
  /**
   * Reads what a rule's target gives the function, as its handler does.
   * @throws PoisonEventError if the handler would.
   */
  accepts(payload: unknown): void;
  /** The personal fields of the contracts (`personalData`) that it may be given. */
  readonly personalData: readonly string[];
  /** The contracts whose events it publishes. */
  readonly publishes: readonly { readonly type: string }[];
}

/** By the folder of the handler, which is the function's POWERTOOLS_SERVICE_NAME. */
export const CONSUMERS: Readonly<Record<string, Consumer>> = {
  'order-processor': {
    receives: [OrderCreated, OrderStatusChanged],
    replayed: true,
    scheduled: false,
    accepts: (payload) => {
      orderUpdate(payload, new Date(0).toISOString());
    },
    // Keeps the address with the order, from where a later change of status takes it.
    personalData: ['customerEmail'],
    publishes: [],
  },
  notifier: {
    receives: [OrderStatusChanged.where({ status: NOTIFIED_STATUSES })],
    // A replay must not tell customers again what they were told when it happened.
    replayed: false,
    scheduled: false,
    accepts: (payload) => {
      parseNotificationInput(payload);
    },
    // Writes to that address.
    personalData: ['customerEmail'],
    publishes: [],
  },
  analytics: {
    receives: CONTRACTS,
    replayed: true,
    scheduled: true,
    accepts: (payload) => {
      if (isReportRequest(payload)) reportedDay(payload);
      else analyticsRecord(payload);
    },
    // Is given whole events of every type, and no transformer can take one field out of those: it removes the
    // address itself before it records anything (`analytics/record.ts`).
    personalData: ['customerEmail'],
    publishes: [DailyReportGenerated],
  },
};
