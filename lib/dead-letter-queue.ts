import { Duration, Validations } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { StageConfig } from './config';
import { dataRemovalPolicy } from './removal';

export interface DeadLetterQueueProps {
  readonly config: StageConfig;
  /** Physical name after the stack's prefix; its alarms are called after it. */
  readonly name: string;
  /** Names its messages, e.g. `Events that EventBridge could not deliver`. */
  readonly holds: string;
  /** Heading of the entry in the runbook for messages in it. */
  readonly runbookEntry: string;
}

/**
 * Keeps what could not be delivered or handled: 14 days (SQS's most), encrypted, TLS only. `Monitoring` watches the
 * depth and the age of every one in the stack.
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
    });
    const reason = 'It is a dead-letter queue itself; alarms watch its depth and age.';
    Validations.of(this).acknowledge(
      { id: 'AwsSolutions-SQS3', reason },
      { id: 'Serverless-SQSRedrivePolicy', reason },
    );
  }
}
