import { CfnOutput, Duration, Validations } from 'aws-cdk-lib';
import type { CfnRule } from 'aws-cdk-lib/aws-events';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { ConfigError, type StageConfig } from './config';
import { DeadLetterQueue } from './dead-letter-queue';
import type { EventHandler } from './event-handler';
import { PERIOD } from './metrics';
import { dataRemovalPolicy } from './removal';
import { EVENTS, type TargetParameters, type TargetSymptom, WatchedTarget } from './rule-target';

export interface EventQueueProps {
  readonly config: StageConfig;
  /** Physical name without the stack's prefix, and without `.fifo`. */
  readonly name: string;
  /** Function that gets the messages in batches; its handler is wrapped by `inBatches`. */
  readonly consumer: EventHandler;
  /** Number of messages of a batch, at most 10. @default 10 */
  readonly batchSize?: number;
  /** Number of tries of a message before it goes to the queue's dead-letter queue. @default 5 */
  readonly tries?: number;
  /** Makes it a FIFO queue with all messages in this group: one batch at a time. @default a standard queue */
  readonly groupId?: string;
}

/** Minimum of a mapping's `MaximumConcurrency`. */
const LEAST_CONCURRENCY = 2;

/**
 * Queue between a rule and its function: it takes peaks, and a message that fails does not hold up the others of its
 * batch. A message that fails for the last time goes to a dead-letter queue of its own.
 */
export class EventQueue extends WatchedTarget {
  readonly name: string;
  readonly label: string;
  readonly queue: Queue;
  readonly deadLetterQueue: DeadLetterQueue;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: EventQueueProps,
  ) {
    super(scope, id);
    const { config, consumer, tries = 5, groupId, batchSize = 10 } = props;
    if (groupId?.startsWith('$')) {
      throw new ConfigError(
        `Queue ${props.name}: the group is ${groupId}, but EventBridge takes a group as it stands and reads no path: ` +
          'all messages would be in one group of that name. Give a constant, or leave it out.',
      );
    }
    const fifo = groupId !== undefined;
    const suffix = fifo ? '.fifo' : '';
    this.name = `${props.name}-queue`;
    this.label = `queue ${config.prefix}-${props.name}${suffix}`;
    this.deadLetterQueue = new DeadLetterQueue(this, 'DeadLetterQueue', {
      config,
      name: `${props.name}-dlq${suffix}`,
      holds: `Messages of the ${this.label} that failed for the last time`,
      runbookEntry: 'queue-failures',
    });
    this.queue = new Queue(this, 'Queue', {
      queueName: `${config.prefix}-${props.name}${suffix}`,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      removalPolicy: dataRemovalPolicy(config),
      // Less than the dead-letter queue's, which counts from when a message was first sent.
      retentionPeriod: Duration.days(4),
      // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
      visibilityTimeout: Duration.seconds(6 * consumer.props.timeout.toSeconds()),
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: tries },
      // EventBridge sends no deduplication id.
      ...(fifo && { fifo, contentBasedDeduplication: true }),
    });
    consumer.allow(
      ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
      this.queue.queueArn,
    );
    const concurrency = this.#concurrency();
    const mapping = new CfnEventSourceMapping(this, 'Mapping', {
      eventSourceArn: this.queue.queueArn,
      functionName: consumer.alias?.functionArn ?? consumer.function.functionName,
      batchSize,
      functionResponseTypes: ['ReportBatchItemFailures'],
      ...(concurrency && { scalingConfig: { maximumConcurrency: concurrency } }),
    });
    Validations.of(mapping).acknowledge({
      id: 'Serverless-LambdaEventSourceMappingDestination',
      reason:
        "It is for streams: a queue's failed messages go to the dead-letter queue of its redrive policy.",
    });
    // Lambda checks the role's permissions when the mapping is created.
    mapping.node.addDependency(consumer.role);
    // For `npm run ops`, which finds the queue by the end of this name.
    const output = new CfnOutput(this, 'Output', { value: this.deadLetterQueue.queueUrl });
    output.overrideLogicalId(`${id}DeadLetterQueueUrl`);
  }

  get targetArn(): string {
    return this.queue.queueArn;
  }

  allowRule(rule: CfnRule): TargetParameters {
    this.queue.addToResourcePolicy(
      new PolicyStatement({
        sid: `AllowRule${rule.node.id.replaceAll('-', '')}`,
        principals: [EVENTS],
        actions: ['sqs:SendMessage'],
        resources: [this.queue.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': rule.attrArn } },
      }),
    );
    const { groupId } = this.props;
    return groupId === undefined ? {} : { sqsParameters: { messageGroupId: groupId } };
  }

  override symptoms(): readonly TargetSymptom[] {
    const { config } = this.props;
    const age = (config.processing.maxEventAge * config.alarms.eventAgePercent) / 100;
    const failed = `${config.prefix}-${this.deadLetterQueue.props.name}`;
    return [
      {
        kind: 'failed',
        runbookEntry: 'queue-failures',
        says: `Messages of the ${this.label} failed for the last time. They are in the queue ${failed}.`,
        metric: this.deadLetterQueue.metricApproximateNumberOfMessagesVisible({
          statistic: 'Maximum',
          period: PERIOD,
        }),
      },
      {
        kind: 'waiting',
        runbookEntry: 'queue-waiting',
        says: `A message in the ${this.label} has waited for its function for more than ${age} s. SQS deletes it 4 days after it came.`,
        metric: this.queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum', period: PERIOD }),
        threshold: age,
      },
    ];
  }

  override metrics() {
    const period = { period: PERIOD };
    return {
      taken: [
        this.queue.metricNumberOfMessagesSent(period),
        this.queue.metricNumberOfMessagesDeleted(period),
      ],
      failed: [this.queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum', ...period })],
    };
  }

  /**
   * Number of batches at once: as many as the function's reserved concurrency. More would be throttled, and each throttled
   * batch counts as a try of its messages.
   */
  #concurrency(): number | undefined {
    const { config, consumer, groupId } = this.props;
    const { entry } = consumer.props;
    const { [entry]: reserved } = config.reservedConcurrency;
    if (reserved === undefined || groupId !== undefined) return undefined;
    if (reserved < LEAST_CONCURRENCY) {
      throw new ConfigError(
        `Queue ${this.name}: reservedConcurrency of ${entry} is ${reserved}, but Lambda reads a queue by ${LEAST_CONCURRENCY} batches at once, ` +
          'and what it throttles goes to the dead-letter queue unhandled. Set 2 or more, or give the queue a groupId.',
      );
    }
    return Math.min(reserved, 1000);
  }
}
