/** The metrics that alarms watch and the dashboard draws, under the dimensions with which each is published. */
import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { CfnRule } from 'aws-cdk-lib/aws-events';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { DAY_INDEX } from '../lambdas/order-table';
import type { AnalyticsStream } from './analytics-stream';
import type { EventBus } from './event-bus';
import type { EventHandler } from './event-handler';

export const PERIOD = Duration.minutes(5);

/** Of the whole account and region: EventBridge publishes these (`PutEvents…`) without any dimension. */
export const putEventsMetric = (metricName: string): Metric =>
  new Metric({ namespace: 'AWS/Events', metricName, statistic: 'Sum', period: PERIOD });

export const busMetric = ({ bus }: EventBus, metricName: string, statistic = 'Sum'): Metric =>
  new Metric({
    namespace: 'AWS/Events',
    metricName,
    dimensionsMap: { EventBusName: bus.eventBusName },
    statistic,
    period: PERIOD,
  });

/**
 * Under the bus and the rule, but under the rule alone if it is on the default bus
 * (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html). The rule's name is the given one:
 * the `Ref` of a rule on a custom bus is `<bus>|<rule>`.
 */
export const ruleMetric = ({ eventBusName, name }: CfnRule, metricName: string): Metric =>
  new Metric({
    namespace: 'AWS/Events',
    metricName,
    dimensionsMap: { ...(eventBusName && { EventBusName: eventBusName }), RuleName: name as string },
    statistic: 'Sum',
    period: PERIOD,
  });

export const functionMetric = (handler: EventHandler, metricName: string, statistic = 'Sum'): Metric =>
  handler.function.metric(metricName, { statistic, period: PERIOD });

/** Reads and writes refused for their rate, of the table and, which the table's own do not hold, of its index. */
export const throttleMetrics = (table: Table): Record<string, Metric> => {
  const ofTable = { TableName: table.tableName };
  const ofIndex = { ...ofTable, GlobalSecondaryIndexName: DAY_INDEX.name };
  return {
    tableReads: tableMetric('ReadThrottleEvents', ofTable),
    tableWrites: tableMetric('WriteThrottleEvents', ofTable),
    indexReads: tableMetric('ReadThrottleEvents', ofIndex),
    indexWrites: tableMetric('WriteThrottleEvents', ofIndex),
  };
};

/** The operations of the handlers on the orders table: its system errors and latency are published by operation. */
const OPERATIONS = ['UpdateItem', 'GetItem', 'Query'] as const;

export const systemErrorMetrics = (table: Table): Record<string, Metric> =>
  byOperation((Operation) => tableMetric('SystemErrors', { TableName: table.tableName, Operation }));

export const latencyMetrics = (table: Table, statistic: string): Record<string, Metric> =>
  byOperation((Operation) =>
    tableMetric('SuccessfulRequestLatency', { TableName: table.tableName, Operation }, statistic),
  );

export const consumedWritesMetric = (table: Table): Metric =>
  tableMetric('ConsumedWriteCapacityUnits', { TableName: table.tableName });

export const streamMetric = ({ stream }: AnalyticsStream, metricName: string, statistic: string): Metric =>
  new Metric({
    namespace: 'AWS/Firehose',
    metricName,
    dimensionsMap: { DeliveryStreamName: stream.ref },
    statistic,
    period: PERIOD,
  });

export const topicMetric = (topic: ITopic, metricName: string): Metric =>
  topic.metric(metricName, { statistic: 'Sum', period: PERIOD });

const tableMetric = (metricName: string, dimensionsMap: Record<string, string>, statistic = 'Sum'): Metric =>
  new Metric({ namespace: 'AWS/DynamoDB', metricName, dimensionsMap, statistic, period: PERIOD });

const byOperation = (metric: (operation: string) => Metric): Record<string, Metric> =>
  Object.fromEntries(
    OPERATIONS.map((operation) => [
      `${operation.charAt(0).toLowerCase()}${operation.slice(1)}`,
      metric(operation),
    ]),
  );
