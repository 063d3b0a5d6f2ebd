/**
 * What each function wants, accepts, may know and calls: the other side of the contracts in `events.ts`. No handler
 * reads this; it is for those who ask about the flow without running anything (`npm run routes`, `audit`, `cost`).
 * So it holds the handlers' own parsers and nothing that has an effect; tests run the handlers and compare.
 */
import { isReportRequest, parseReportRequest, reportEventId } from './analytics/daily-report';
import { analyticsRecord } from './analytics/record';
import type { EventSelection } from './contract';
import type { EnvironmentVariable } from './env';
import {
  CONTRACTS,
  DailyReportGenerated,
  NOTIFIED_STATUSES,
  OrderCreated,
  OrderStatusChanged,
} from './events';
import { METRICS, type MetricName } from './metrics';
import { parseNotificationInput } from './notification';
import { readOrderEvent } from './order-processor/order';
import { DAY_INDEX } from './order-table';

/** Calls of AWS on one resource. */
export interface HandlerCalls {
  /** The variable that tells the handler which resource. */
  readonly on: EnvironmentVariable;
  /** E.g. `dynamodb:GetItem`. */
  readonly actions: readonly string[];
  /** The index of a table, if it is that which is read. */
  readonly index?: string;
  /** Of a table: whether the outcome of the events stands there, and not only what the handler keeps for itself. */
  readonly isStore?: boolean;
}

export interface Consumer {
  /** The events it is there for: it is given each of them by one rule, and no others. */
  readonly receives: readonly EventSelection[];
  /** Whether a replay of the archive brings them again. */
  readonly replayed: boolean;
  /** Present if a schedule calls it, too. */
  readonly scheduled?: {
    /** What it counts when it has done its work. */
    readonly metric: MetricName;
    /** Start of the id of the event that it publishes then. */
    readonly eventIdPrefix: string;
    /** What it makes, in words. */
    readonly product: string;
    /** Makes the input that asks for the work of one day (`YYYY-MM-DD`, UTC). */
    readonly request?: (
      day: string,
      options: { readonly again: boolean; readonly partial: boolean },
    ) => object;
  };
  /**
   * Reads what a rule's target gives the function, as its handler does.
   * @throws PoisonEventError if the handler would.
   */
  accepts(payload: unknown): void;
  /** The personal fields of the contracts (`personalData`) that it may be given. */
  readonly personalData: readonly string[];
  /** The contracts whose events it publishes. */
  readonly publishes: readonly { readonly type: string }[];
  readonly calls: readonly HandlerCalls[];
}

/** By the folder of the handler, which is the function's POWERTOOLS_SERVICE_NAME. */
export const CONSUMERS: Readonly<Record<string, Consumer>> = {
  'order-processor': {
    receives: [OrderCreated, OrderStatusChanged],
    replayed: true,
    accepts: (payload) => {
      readOrderEvent(payload);
    },
    // Keeps the address with the order, from where a later change of status takes it.
    personalData: ['customerEmail'],
    publishes: [],
    calls: [{ on: 'TABLE_NAME', actions: ['dynamodb:UpdateItem', 'dynamodb:GetItem'], isStore: true }],
  },
  notifier: {
    receives: [OrderStatusChanged.where({ status: NOTIFIED_STATUSES })],
    // A replay must not tell customers again what they were told when it happened.
    replayed: false,
    accepts: (payload) => {
      parseNotificationInput(payload);
    },
    // Writes to that address.
    personalData: ['customerEmail'],
    publishes: [],
    calls: [
      { on: 'TABLE_NAME', actions: ['dynamodb:GetItem'] },
      {
        on: 'IDEMPOTENCY_TABLE_NAME',
        actions: ['dynamodb:PutItem', 'dynamodb:GetItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
      },
      { on: 'SNS_TOPIC_ARN', actions: ['sns:Publish'] },
    ],
  },
  analytics: {
    receives: CONTRACTS,
    replayed: true,
    scheduled: {
      metric: METRICS.dailyReportsPublished,
      eventIdPrefix: reportEventId(''),
      product: 'daily report',
      request: (date, { again, partial }) => ({ type: 'daily_report', date, partial, onlyIfMissing: !again }),
    },
    accepts: (payload) => {
      if (isReportRequest(payload)) parseReportRequest(payload);
      else analyticsRecord(payload);
    },
    // Is given whole events of every type, and no transformer can take one field out of those: it removes the
    // address itself before it records anything (`analytics/record.ts`).
    personalData: ['customerEmail'],
    publishes: [DailyReportGenerated],
    calls: [
      { on: 'FIREHOSE_STREAM', actions: ['firehose:PutRecordBatch'] },
      { on: 'TABLE_NAME', index: DAY_INDEX.name, actions: ['dynamodb:Query'], isStore: true },
      { on: 'REPORTS_TABLE_NAME', actions: ['dynamodb:GetItem', 'dynamodb:PutItem'] },
      { on: 'EVENT_BUS_NAME', actions: ['events:PutEvents'] },
    ],
  },
};
