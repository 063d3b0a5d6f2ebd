/** Metrics for alarms and the dashboard, with the dimensions under which each is published. */
import { Duration, Stack, Token } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { CfnTable, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { AnalyticsStream } from './analytics-stream';
import { constructsOf } from './constructs';
import type { EventBus } from './event-bus';
import { EventHandler } from './event-handler';

export const PERIOD = Duration.minutes(5);

/** Metric of the whole account and region: EventBridge publishes `PutEvents…` without dimensions. */
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
 * Metric of a rule, by bus and rule, or by the rule alone on the default bus
 * (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html). The rule's name is the given one:
 * the `Ref` of a rule on a custom bus is `<bus>|<rule>`.
 */
export const ruleMetric = (
  { eventBusName, name }: { readonly eventBusName?: string | undefined; readonly name?: string | undefined },
  metricName: string,
): Metric =>
  new Metric({
    namespace: 'AWS/Events',
    metricName,
    dimensionsMap: { ...(eventBusName && { EventBusName: eventBusName }), RuleName: name as string },
    statistic: 'Sum',
    period: PERIOD,
  });

export const functionMetric = (handler: EventHandler, metricName: string, statistic = 'Sum'): Metric =>
  handler.function.metric(metricName, { statistic, period: PERIOD });

/** Physical name of a table, instead of a reference to it; its id if CloudFormation names it. */
export function nameOfTable(table: Table): string {
  const { tableName } = table.node.defaultChild as CfnTable;
  return tableName === undefined || Token.isUnresolved(tableName) ? table.node.id : tableName;
}

/** Throttled reads and writes of the table and of its indexes, which the table's metrics do not include. */
export const throttleMetrics = (table: Table): Record<string, Metric> => {
  const ofTable = { TableName: table.tableName };
  const metrics: Record<string, Metric> = {
    tableReads: tableMetric('ReadThrottleEvents', ofTable),
    tableWrites: tableMetric('WriteThrottleEvents', ofTable),
  };
  for (const [index, GlobalSecondaryIndexName] of indexesOf(table).entries()) {
    const ofIndex = { ...ofTable, GlobalSecondaryIndexName };
    metrics[`index${index}Reads`] = tableMetric('ReadThrottleEvents', ofIndex);
    metrics[`index${index}Writes`] = tableMetric('WriteThrottleEvents', ofIndex);
  }
  return metrics;
};

function indexesOf(table: Table): string[] {
  const { globalSecondaryIndexes } = table.node.defaultChild as CfnTable;
  const indexes: { indexName: string }[] = Stack.of(table).resolve(globalSecondaryIndexes) ?? [];
  return indexes.map(({ indexName }) => indexName);
}

export const systemErrorMetrics = (table: Table): Record<string, Metric> =>
  byOperation(table, (Operation) => tableMetric('SystemErrors', { TableName: table.tableName, Operation }));

export const latencyMetrics = (table: Table, statistic: string): Record<string, Metric> =>
  byOperation(table, (Operation) =>
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

/** Metrics that a table publishes by operation, for those that handlers may call on it. */
const byOperation = (table: Table, metric: (operation: string) => Metric): Record<string, Metric> =>
  Object.fromEntries(
    operationsOn(table).map((operation) => [
      `${operation.charAt(0).toLowerCase()}${operation.slice(1)}`,
      metric(operation),
    ]),
  );

function operationsOn(table: Table): string[] {
  const isOfTable = (arn: string) => arn === table.tableArn || arn.startsWith(`${table.tableArn}/`);
  const actions = constructsOf(table, EventHandler)
    .flatMap(({ allowed }) => allowed)
    .filter(({ resources }) => resources.some(isOfTable))
    .flatMap((each) => each.actions);
  return [...new Set(actions)].map((action) => action.replace('dynamodb:', '')).sort();
}
