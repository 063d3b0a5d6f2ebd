/**
 * What each handler does to the world: the calls that it makes and what it counts. No template says that; a test
 * runs the handlers and compares.
 */
import type { EnvironmentVariable } from '../lambdas/env';
import { METRICS, type MetricName } from '../lambdas/metrics';
import { DAY_INDEX } from '../lambdas/order-table';

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

export interface Handler {
  readonly calls: readonly HandlerCalls[];
  /** What it counts when a schedule has called it and it has done its work. */
  readonly scheduled?: MetricName;
}

/** By the folder of the handler, which is the function's POWERTOOLS_SERVICE_NAME. */
export const HANDLERS: Readonly<Record<string, Handler>> = {
  'order-processor': {
    calls: [{ on: 'TABLE_NAME', actions: ['dynamodb:UpdateItem', 'dynamodb:GetItem'], isStore: true }],
  },
  notifier: {
    calls: [
      {
        on: 'IDEMPOTENCY_TABLE_NAME',
        actions: ['dynamodb:PutItem', 'dynamodb:GetItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
      },
      { on: 'SNS_TOPIC_ARN', actions: ['sns:Publish'] },
    ],
  },
  analytics: {
    calls: [
      { on: 'FIREHOSE_STREAM', actions: ['firehose:PutRecordBatch'] },
      { on: 'TABLE_NAME', index: DAY_INDEX.name, actions: ['dynamodb:Query'], isStore: true },
      { on: 'EVENT_BUS_NAME', actions: ['events:PutEvents'] },
    ],
    scheduled: METRICS.dailyReportsPublished,
  },
};
