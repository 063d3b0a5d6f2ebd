/** Metrics that tell of a failure, which an alarm must watch. */
import type { HandlerCalls } from '../../app';
import type { MetricIdentity, Symptom } from '../../template/alarms';
import type { Resource } from '../../template/assembly';

/** A function's, in seconds. */
export const timeoutOf = ({ properties }: Resource): number => {
  const timeout = Number(properties.Timeout ?? 3);
  return Number.isNaN(timeout) ? 3 : timeout;
};

export function lambdaMetric({ name: FunctionName }: Resource, name: string): MetricIdentity {
  return { namespace: 'AWS/Lambda', name, dimensions: { FunctionName } };
}

/** Symptoms of the table itself: the handler that fails for it has alarms of its own, which do not say why. */
export function tableSymptoms(table: Resource, { actions, index }: HandlerCalls): Symptom[] {
  const metric = (name: string, dimensions: MetricIdentity['dimensions'] = {}): Symptom => ({
    namespace: 'AWS/DynamoDB',
    name,
    dimensions: { TableName: table.name, ...dimensions },
  });
  const ofIndex = (GlobalSecondaryIndexName: string) => ({ GlobalSecondaryIndexName });
  const operations = actions.map((action) => action.slice('dynamodb:'.length));
  const reads = operations.some((operation) => /^(Get|Query|Scan|BatchGet)/.test(operation));
  const writes = operations.some((operation) => /^(Put|Update|Delete|BatchWrite)/.test(operation));
  const read = reads ? [index ? ofIndex(index) : {}] : [];
  // A write goes to each index as well, and is refused if one of them refuses it.
  const written = writes ? [{}, ...indexesOf(table).map(ofIndex)] : [];
  return [
    ...read.map((dimensions) => metric('ReadThrottleEvents', dimensions)),
    ...written.map((dimensions) => metric('WriteThrottleEvents', dimensions)),
    ...operations.map((Operation) => metric('SystemErrors', { Operation })),
  ];
}

export const indexesOf = ({ properties }: Resource): string[] =>
  (properties.GlobalSecondaryIndexes ?? []).map(({ IndexName }: Resource['properties']) => IndexName);
