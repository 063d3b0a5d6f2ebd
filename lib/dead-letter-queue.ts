import { Duration, Validations } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { StageConfig } from './config';
import { dataRemovalPolicy } from './removal';

export interface DeadLetterQueueProps {
  readonly config: StageConfig;
  /** Physical name without the stack's prefix; its alarms have it in their names. */
  readonly name: string;
  /** Description of its messages, e.g. `Events that EventBridge could not deliver`. */
  readonly holds: string;
  /** Heading of the entry in the runbook for messages in it. */
  readonly runbookEntry: string;
}

/**
 * Queue for events that could not be delivered or handled: keeps them for 14 days (SQS's maximum), encrypted, TLS only.
 * `Monitoring` has alarms on depth and age of every one in the stack.
 */
export class DeadLetterQueue extends Queue {
  constructor(
    scope: Construct,
    id: string,
    readonly props: DeadLetterQueueProps,
  ) {
    super(scope, id, {
      queueName: `${props.config.prefix}-${props.name}`,
      retentionPeriod: Duration.days(14),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      removalPolicy: dataRemovalPolicy(props.config),
      // That of a FIFO queue must be one itself.
      ...(props.name.endsWith('.fifo') && { fifo: true }),
    });
    const reason = 'It is a dead-letter queue itself; alarms watch its depth and age.';
    Validations.of(this).acknowledge(
      { id: 'AwsSolutions-SQS3', reason },
      { id: 'Serverless-SQSRedrivePolicy', reason },
    );
  }
}
