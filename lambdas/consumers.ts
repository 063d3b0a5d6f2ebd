/**
 * Description of each function: the events it receives, its parser, its personal data and its calls to AWS. Counterpart
 * of the contracts in `events.ts`. Not used by handlers, but by tools that examine the flow without running it
 * (`npm run routes`, `audit`, `cost`). So it refers to the handlers' own parsers and has no effects; tests compare it
 * with the running handlers.
 */
import type { GenericSchema } from 'valibot';
import { isReportRequest, parseReportRequest, reportEventId } from './analytics/daily-report';
import { analyticsRecord } from './analytics/record';
import type { EventSelection } from './contract';
import type { EnvironmentVariable } from './env';
import {
  CONTRACTS,
  DailyReportGenerated,
  NOTIFIED_STATUSES,
  OrderCreated,
  OrderReminderDue,
  OrderStatusChanged,
} from './events';
import { METRICS, type MetricName } from './metrics';
import { NotificationInput, parseNotificationInput } from './notification';
import { readOrderEvent } from './order-processor/order';
import { DAY_INDEX, DAY_KEY_INDEX, ORDER_EXPIRY } from './order-table';
import { readReminderEvent } from './reminders/reminder';

/** Calls to AWS on one resource. */
export interface CallDescription {
  /** Environment variable with the resource's name or ARN. */
  readonly on: EnvironmentVariable;
  /** E.g. `dynamodb:GetItem`. */
  readonly actions: readonly string[];
  /** Name of the table's index that is read. */
  readonly index?: string;
  /** Present if the calls make schedules in that group of EventBridge Scheduler, each of which puts an event on a bus. */
  readonly schedules?: {
    /** Variable with the ARN of the role that the schedules have. */
    readonly role: EnvironmentVariable;
    /** Variable with the ARN of the bus. */
    readonly target: EnvironmentVariable;
    /** Variable with the ARN of the queue for what Scheduler cannot put on the bus. */
    readonly deadLetterQueue: EnvironmentVariable;
    /** Variable with the days from the event to the time of its schedule. */
    readonly days: EnvironmentVariable;
    readonly publishes: { readonly source: string; readonly detailType: string };
  };
  /** Present if the handler makes the calls only with this value of a variable; undefined: where it is not set. */
  readonly onlyIf?: { readonly variable: EnvironmentVariable; readonly is: string | undefined };
  /** Present if items may expire: the variable with their days (unset: never), and the attribute with the time. */
  readonly keeps?: { readonly days: EnvironmentVariable; readonly expiry: string };
  /** True for a table with the outcome of events, as opposed to one for the handler's own bookkeeping. */
  readonly isStore?: boolean;
}

export interface ConsumerDescription {
  /** Events that it handles: it must get each of them by exactly one rule, and no others. */
  readonly receives: readonly EventSelection[];
  /** True if a replay of the archive sends them again. */
  readonly replayed: boolean;
  /** True if a setting makes its function. @default false */
  readonly isOptional?: boolean;
  /** Present if a schedule calls it, too. */
  readonly scheduled?: {
    /** Metric that counts the finished work. */
    readonly metric: MetricName;
    /** Prefix of the id of the event that it then publishes. */
    readonly eventIdPrefix: string;
    /** Name of the result, in words. */
    readonly product: string;
    /** Creates the input that requests the work of one day (`YYYY-MM-DD`, UTC). */
    readonly request?: (
      day: string,
      options: { readonly again: boolean; readonly partial: boolean },
    ) => object;
  };
  /**
   * Reads the payload of a rule's target as the function's handler does.
   * @throws PoisonEventError if the handler would throw one
   */
  accepts(payload: unknown): void;
  /** Schema of what the rule's transformer makes for it; absent if it gets whole events. */
  readonly payload?: GenericSchema;
  /** Personal fields of the contracts (`personalData`) that it may get. */
  readonly personalData: readonly string[];
  /** Contracts whose events it publishes. */
  readonly publishes: readonly { readonly type: string }[];
  readonly calls: readonly CallDescription[];
}

/** Consumers by the folder of their handler, which is the function's POWERTOOLS_SERVICE_NAME. */
export const CONSUMERS: Readonly<Record<string, ConsumerDescription>> = {
  'order-processor': {
    receives: [OrderCreated, OrderStatusChanged],
    replayed: true,
    accepts: (payload) => {
      readOrderEvent(payload);
    },
    // Stores the address with the order, so that a later change of status can use it.
    personalData: ['customerEmail'],
    publishes: [],
    calls: [
      {
        ...{ on: 'TABLE_NAME', actions: ['dynamodb:UpdateItem', 'dynamodb:GetItem'], isStore: true },
        keeps: { days: 'ORDER_DAYS', expiry: ORDER_EXPIRY },
      },
    ],
  },
  notifier: {
    receives: [OrderStatusChanged.where({ status: NOTIFIED_STATUSES })],
    // A replay must not notify customers again.
    replayed: false,
    accepts: (payload) => {
      parseNotificationInput(payload);
    },
    payload: NotificationInput,
    // Sends mail to the address.
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
  reminders: {
    receives: [OrderCreated, OrderReminderDue],
    // A replay must neither remind again nor make schedules of orders that are over.
    replayed: false,
    isOptional: true,
    accepts: (payload) => {
      readReminderEvent(payload);
    },
    // Gets whole OrderCreated events; what it schedules has none of it.
    personalData: ['customerEmail'],
    publishes: [OrderReminderDue],
    calls: [
      { on: 'TABLE_NAME', actions: ['dynamodb:GetItem'] },
      {
        on: 'IDEMPOTENCY_TABLE_NAME',
        actions: ['dynamodb:PutItem', 'dynamodb:GetItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
      },
      { on: 'SNS_TOPIC_ARN', actions: ['sns:Publish'] },
      {
        on: 'REMINDER_GROUP_NAME',
        actions: ['scheduler:CreateSchedule'],
        schedules: {
          role: 'REMINDER_ROLE_ARN',
          target: 'REMINDER_BUS_ARN',
          deadLetterQueue: 'REMINDER_DEAD_LETTER_QUEUE_ARN',
          days: 'REMINDER_DAYS',
          publishes: OrderReminderDue,
        },
      },
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
    // Gets whole events of every type, from which no input transformer can remove a field: it removes the address
    // itself before it records anything (`analytics/record.ts`).
    personalData: ['customerEmail'],
    publishes: [DailyReportGenerated],
    calls: [
      { on: 'FIREHOSE_STREAM', actions: ['firehose:PutRecordBatch'] },
      {
        ...{ on: 'TABLE_NAME', index: DAY_INDEX.name, actions: ['dynamodb:Query'], isStore: true },
        onlyIf: { variable: 'REPORT_INDEX_NAME', is: undefined },
      },
      {
        ...{ on: 'TABLE_NAME', index: DAY_KEY_INDEX.name, actions: ['dynamodb:Query'], isStore: true },
        onlyIf: { variable: 'REPORT_INDEX_NAME', is: DAY_KEY_INDEX.name },
      },
      {
        ...{ on: 'TABLE_NAME', actions: ['dynamodb:BatchGetItem'], isStore: true },
        onlyIf: { variable: 'REPORT_INDEX_NAME', is: DAY_KEY_INDEX.name },
      },
      { on: 'REPORTS_TABLE_NAME', actions: ['dynamodb:GetItem', 'dynamodb:PutItem'] },
      { on: 'EVENT_BUS_NAME', actions: ['events:PutEvents'] },
    ],
  },
};
