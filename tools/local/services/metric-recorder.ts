/**
 * Records the metrics that AWS's services would publish for the run, and the embedded metrics in the handlers' logs.
 */
import type { Metric } from '../../cloudwatch/alarm';
import { embeddedMetrics } from '../../cloudwatch/embedded-metrics';
import type { Step } from '../steps';
import type { Clock } from './clock';
import type { DeliveryStream } from './delivery-stream';
import type { Metrics } from './metrics';
import type { Queue } from './queue';
import type { Rule } from './rule';
import type { TableRequest } from './tables';

export interface RecordedParts {
  readonly queues: readonly Queue[];
  readonly deliveryStreams: readonly DeliveryStream[];
  /** ARN of the state machine of that name. */
  machineArn(name: string): string;
  /** A rule, or a schedule of EventBridge Scheduler. */
  ruleNamed(name: string): Pick<Rule, 'busName' | 'scheduler'> | undefined;
}

/** Metrics of services that are counted here, by namespace. */
const COUNTED: Readonly<Record<string, readonly string[]>> = {
  'AWS/Events': [
    ...['MatchedEvents', 'TriggeredRules', 'Invocations', 'FailedInvocations', 'InvocationsSentToDlq'],
    'InvocationsFailedToBeSentToDlq',
  ],
  'AWS/DynamoDB': [
    ...['SuccessfulRequestLatency', 'ConsumedReadCapacityUnits', 'ConsumedWriteCapacityUnits', 'UserErrors'],
    ...['ReadThrottleEvents', 'WriteThrottleEvents', 'ThrottledRequests', 'SystemErrors'],
    'ConditionalCheckFailedRequests',
  ],
  'AWS/EventBridge/Pipes': ['ExecutionFailed'],
  'AWS/Lambda': [
    ...['Invocations', 'Errors', 'Throttles', 'Duration', 'ConcurrentExecutions', 'AsyncEventAge'],
    ...['AsyncEventsDropped', 'DestinationDeliveryFailures'],
  ],
  'AWS/Scheduler': [
    ...['InvocationAttemptCount', 'InvocationDroppedCount', 'InvocationsSentToDeadLetterCount'],
    'InvocationsFailedToBeSentToDeadLetterCount',
  ],
  'AWS/SQS': [
    ...[
      'ApproximateNumberOfMessagesVisible',
      'ApproximateNumberOfMessagesNotVisible',
      'NumberOfMessagesSent',
    ],
    ...['ApproximateNumberOfMessagesDelayed', 'ApproximateAgeOfOldestMessage'],
  ],
  'AWS/SNS': ['NumberOfMessagesPublished'],
  'AWS/States': [
    ...['ExecutionsStarted', 'ExecutionsSucceeded', 'ExecutionsFailed', 'ExecutionsTimedOut'],
    ...['ExecutionsAborted', 'ExecutionTime'],
  ],
  'AWS/Firehose': [
    ...['IncomingRecords', 'IncomingBytes', 'DeliveryToS3.Success', 'DeliveryToS3.Records'],
    'DeliveryToS3.DataFreshness',
  ],
};

/** Names of Scheduler's metrics for those of a rule. */
const SCHEDULER_NAMES: Readonly<Record<string, string>> = {
  Invocations: 'InvocationAttemptCount',
  FailedInvocations: 'InvocationDroppedCount',
  InvocationsSentToDlq: 'InvocationsSentToDeadLetterCount',
  InvocationsFailedToBeSentToDlq: 'InvocationsFailedToBeSentToDeadLetterCount',
};

/** Metrics of Step Functions for the end of an execution. */
const EXECUTION_ENDS = {
  ...{ SUCCEEDED: 'ExecutionsSucceeded', FAILED: 'ExecutionsFailed', TIMED_OUT: 'ExecutionsTimedOut' },
  ABORTED: 'ExecutionsAborted',
} as const;

/** Codes of DynamoDB for requests over a limit of their rate. */
const THROTTLES: readonly string[] = [
  ...['ProvisionedThroughputExceededException', 'RequestLimitExceeded', 'ThrottlingException'],
];
/** Answers with status 400 that have metrics of their own. */
const NO_USER_ERRORS = [...THROTTLES, 'ConditionalCheckFailedException'];

/** Checks whether the run records the metric: a handler's own, or one of those above. */
export function isCounted({ Namespace, MetricName }: Metric): boolean {
  return !Namespace.startsWith('AWS/') || (COUNTED[Namespace] ?? []).includes(MetricName);
}

export class MetricRecorder {
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #parts: RecordedParts;
  /** Times at which events came into a function's queue, by request id. */
  readonly #accepted = new Map<string, number>();
  /** Calls that run, by function. */
  readonly #running = new Map<string, number>();

  constructor(metrics: Metrics, clock: Clock, parts: RecordedParts) {
    this.#metrics = metrics;
    this.#clock = clock;
    this.#parts = parts;
  }

  record(step: Step): void {
    switch (step.kind) {
      case 'rule-matched':
        this.#ofRule(step.rule, ['MatchedEvents', 'TriggeredRules']);
        break;
      case 'delivered':
        this.#ofRule(step.rule, ['Invocations']);
        if (step.requestId !== undefined) this.#accepted.set(step.requestId, this.#clock.now());
        break;
      case 'dead-lettered':
        this.#ofRule(step.rule, ['FailedInvocations', 'InvocationsSentToDlq']);
        break;
      case 'delivery-lost':
        this.#ofRule(step.rule, ['FailedInvocations', 'InvocationsFailedToBeSentToDlq']);
        break;
      case 'pipe-failed':
        this.#add('AWS/EventBridge/Pipes', 'ExecutionFailed', 1, { PipeName: step.pipe });
        break;
      case 'message-sent':
        this.#add('AWS/SQS', 'NumberOfMessagesSent', 1, { QueueName: step.queue });
        break;
      case 'message-published':
        this.#add('AWS/SNS', 'NumberOfMessagesPublished', 1, { TopicName: step.topic });
        break;
      case 'records-put':
        this.#add('AWS/Firehose', 'IncomingRecords', step.count, { DeliveryStreamName: step.stream });
        this.#add('AWS/Firehose', 'IncomingBytes', step.bytes, { DeliveryStreamName: step.stream });
        break;
      case 'object-written':
        this.#wroteObject(step.bucket, step.records);
        break;
      case 'log-line':
        this.#embedded(step.message);
        break;
      case 'execution-started':
        this.#ofMachine(step.machine, 'ExecutionsStarted', 1);
        break;
      case 'execution-ended':
        this.#ofMachine(step.machine, EXECUTION_ENDS[step.status], 1);
        this.#ofMachine(step.machine, 'ExecutionTime', step.durationMs);
        break;
      default:
        this.#ofFunction(step);
    }
  }

  /** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html */
  recordTableRequest({ operation, tables, index, durationMs, consumed, error }: TableRequest): void {
    const kind = /^(Get|BatchGet|Query|Scan)/.test(operation) ? 'Read' : 'Write';
    const add = (name: string, value: number, dimensions: Readonly<Record<string, string>>) =>
      this.#add('AWS/DynamoDB', name, value, dimensions);
    for (const [TableName, units] of Object.entries(consumed))
      add(`Consumed${kind}CapacityUnits`, units, { TableName });
    for (const TableName of tables) {
      const ofOperation = { TableName, Operation: operation };
      if (!error) add('SuccessfulRequestLatency', durationMs, ofOperation);
      else if (error.status >= 500) add('SystemErrors', 1, ofOperation);
      else if (THROTTLES.includes(error.code)) {
        add('ThrottledRequests', 1, ofOperation);
        add(`${kind}ThrottleEvents`, 1, { TableName, ...(index && { GlobalSecondaryIndexName: index }) });
      } else if (error.code === 'ConditionalCheckFailedException') {
        add('ConditionalCheckFailedRequests', 1, { TableName });
      }
    }
    const isOfUser = error && error.status < 500 && !NO_USER_ERRORS.includes(error.code);
    if (isOfUser) add('UserErrors', 1, {});
  }

  /** Values that are measured at a time rather than counted. */
  sample(at = this.#clock.now()): void {
    for (const queue of this.#parts.queues) {
      const { visible, inFlight, delayed, oldestAgeSeconds } = queue.depth();
      const add = (name: string, value: number) =>
        this.#add('AWS/SQS', name, value, { QueueName: queue.name }, at);
      add('ApproximateNumberOfMessagesVisible', visible);
      add('ApproximateNumberOfMessagesNotVisible', inFlight);
      add('ApproximateNumberOfMessagesDelayed', delayed);
      add('ApproximateAgeOfOldestMessage', oldestAgeSeconds);
    }
    for (const { name, oldestAgeSeconds } of this.#parts.deliveryStreams) {
      this.#add(
        'AWS/Firehose',
        'DeliveryToS3.DataFreshness',
        oldestAgeSeconds,
        { DeliveryStreamName: name },
        at,
      );
    }
  }

  #ofFunction(step: Step): void {
    if (!('function' in step)) return;
    const { function: name } = step;
    const add = (metric: string, value: number) =>
      this.#add('AWS/Lambda', metric, value, { FunctionName: name });
    switch (step.kind) {
      case 'invocation-started': {
        const accepted = this.#accepted.get(step.requestId);
        if (accepted !== undefined) add('AsyncEventAge', this.#clock.now() - accepted);
        this.#changeRunning(name, 1);
        add('Invocations', 1);
        break;
      }
      case 'invocation-succeeded':
      case 'invocation-failed':
        this.#changeRunning(name, -1);
        add('Errors', step.kind === 'invocation-failed' ? 1 : 0);
        add('Duration', step.durationMs);
        if (step.kind === 'invocation-succeeded') this.#accepted.delete(step.requestId);
        break;
      case 'invocation-throttled':
        add('Throttles', 1);
        break;
      case 'invocation-given-up':
        this.#accepted.delete(step.requestId);
        add('AsyncEventsDropped', 1);
        break;
      case 'invocation-lost':
        this.#accepted.delete(step.requestId);
        add('AsyncEventsDropped', 1);
        add('DestinationDeliveryFailures', 1);
        break;
    }
  }

  #changeRunning(name: string, by: number): void {
    const running = Math.max(0, (this.#running.get(name) ?? 0) + by);
    this.#running.set(name, running);
    if (by < 0) return;
    const all = [...this.#running.values()].reduce((sum, count) => sum + count, 0);
    this.#add('AWS/Lambda', 'ConcurrentExecutions', running, { FunctionName: name });
    this.#add('AWS/Lambda', 'ConcurrentExecutions', all, {});
  }

  /** The default bus is no dimension; a schedule is counted by its group, under names of Scheduler's own. */
  #ofRule(rule: string, names: readonly string[]): void {
    const { busName = 'default', scheduler } = this.#parts.ruleNamed(rule) ?? {};
    const dimensions = { ...(busName !== 'default' && { EventBusName: busName }), RuleName: rule };
    for (const name of names) {
      if (!scheduler) this.#add('AWS/Events', name, 1, dimensions);
      else this.#add('AWS/Scheduler', SCHEDULER_NAMES[name] ?? name, 1, { ScheduleGroup: scheduler.group });
    }
  }

  #ofMachine(machine: string, name: string, value: number): void {
    this.#add('AWS/States', name, value, { StateMachineArn: this.#parts.machineArn(machine) });
  }

  #wroteObject(bucket: string, records: number): void {
    for (const stream of this.#parts.deliveryStreams.filter((each) => each.bucket === bucket)) {
      const dimensions = { DeliveryStreamName: stream.name };
      this.#add('AWS/Firehose', 'DeliveryToS3.Success', 1, dimensions);
      this.#add('AWS/Firehose', 'DeliveryToS3.Records', records, dimensions);
    }
  }

  #embedded(message: string): void {
    if (!message.includes('"_aws"')) return;
    let line: Readonly<Record<string, unknown>>;
    try {
      line = JSON.parse(message);
    } catch {
      return; // A line that only looks like it.
    }
    for (const { namespace, name, dimensions, values } of embeddedMetrics(line))
      for (const value of values) this.#add(namespace, name, value, dimensions);
  }

  #add(
    Namespace: string,
    MetricName: string,
    value: number,
    dimensions: Readonly<Record<string, string>>,
    at?: number,
  ): void {
    const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
    this.#metrics.add({ Namespace, MetricName, Dimensions }, value, at);
  }
}
