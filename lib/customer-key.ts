/** A customer-managed key for everything of the stack that holds events. */
import { ArnFormat, Duration, Stack } from 'aws-cdk-lib';
import { CfnTable } from 'aws-cdk-lib/aws-dynamodb';
import { CfnArchive, type CfnEventBus } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, type Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnDeliveryStream } from 'aws-cdk-lib/aws-kinesisfirehose';
import { Key } from 'aws-cdk-lib/aws-kms';
import { CfnLogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnBucket } from 'aws-cdk-lib/aws-s3';
import { CfnTopic } from 'aws-cdk-lib/aws-sns';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct, type IConstruct } from 'constructs';
import { AnalyticsStream } from './analytics-stream';
import type { StageConfig } from './config';
import { constructsOf } from './constructs';
import { DeadLetterQueue } from './dead-letter-queue';
import type { EventBus } from './event-bus';
import { EventHandler } from './event-handler';
import { Outbox } from './outbox';
import { dataRemovalPolicy } from './removal';
import { EVENTS } from './rule-target';
import { ScheduleGroup } from './schedule-group';

/** Actions of whoever writes to, and reads from, what the key encrypts. */
const USE = ['kms:Decrypt', 'kms:GenerateDataKey'];
/** Further actions of whoever uses a table: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html */
const TABLE_USE = ['kms:DescribeKey', 'kms:Encrypt', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'];

/**
 * The key, on the bus, its archive, and all queues, topics, tables, buckets and log groups of the stack, with what each role
 * and service needs to use it. Alarms have a key of their own already. What the bus cannot encrypt or decrypt goes to a
 * queue that this key does not encrypt.
 */
export class CustomerKey extends Construct {
  readonly key: Key;
  readonly busDeadLetterQueue: DeadLetterQueue;

  constructor(scope: Construct, id: string, config: StageConfig, bus: EventBus) {
    super(scope, id);
    this.key = new Key(this, 'Key', {
      description: `Events of ${config.prefix}`,
      enableKeyRotation: true,
      removalPolicy: dataRemovalPolicy(config),
      // KMS deletes no key at once.
      pendingWindow: Duration.days(config.retainData ? 30 : 7),
    });
    this.busDeadLetterQueue = new DeadLetterQueue(this, 'BusDeadLetterQueue', {
      config,
      name: 'bus-dlq',
      holds: 'Events that the bus could not encrypt or decrypt',
      runbookEntry: 'bus-dlq-depth',
    });
    this.busDeadLetterQueue.addToResourcePolicy(
      new PolicyStatement({
        principals: [EVENTS],
        actions: ['sqs:SendMessage'],
        resources: [this.busDeadLetterQueue.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': bus.bus.eventBusArn } },
      }),
    );
    const cfnBus = bus.bus.node.defaultChild as CfnEventBus;
    cfnBus.kmsKeyIdentifier = this.key.keyArn;
    cfnBus.deadLetterConfig = { arn: this.busDeadLetterQueue.queueArn };
    this.#allowServices(bus);
    this.#allowRoles();
  }

  /** Encrypts everything that is in the stack now. */
  encrypt(): void {
    const { keyArn } = this.key;
    const of = <Kind extends IConstruct>(kind: new (...args: never[]) => Kind) =>
      constructsOf(this, kind as new (...args: unknown[]) => Kind);
    for (const archive of of(CfnArchive)) archive.kmsKeyIdentifier = keyArn;
    for (const queue of of(CfnQueue)) {
      if (queue === this.busDeadLetterQueue.node.defaultChild) continue;
      queue.kmsMasterKeyId = keyArn;
      queue.sqsManagedSseEnabled = undefined;
    }
    // Alarms' topics have a key that lets CloudWatch in.
    for (const topic of of(CfnTopic)) if (!this.#hasKey(topic)) topic.kmsMasterKeyId = keyArn;
    for (const table of of(CfnTable)) {
      table.sseSpecification = { sseEnabled: true, sseType: 'KMS', kmsMasterKeyId: keyArn };
    }
    for (const bucket of of(CfnBucket)) {
      // S3 delivers no access logs to a bucket under a key of KMS.
      if (of(CfnBucket).some((other) => logsTo(other, bucket))) continue;
      bucket.bucketEncryption = {
        serverSideEncryptionConfiguration: [
          {
            bucketKeyEnabled: true,
            serverSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: keyArn },
          },
        ],
      };
    }
    for (const logGroup of of(CfnLogGroup)) logGroup.kmsKeyId = keyArn;
    for (const stream of of(CfnDeliveryStream)) {
      stream.deliveryStreamEncryptionConfigurationInput = { keyType: 'CUSTOMER_MANAGED_CMK', keyArn };
    }
  }

  #hasKey(topic: CfnTopic): boolean {
    const given = JSON.stringify(Stack.of(this).resolve(topic.kmsMasterKeyId)) ?? '';
    return given.includes('Fn::GetAtt');
  }

  #allowServices(bus: EventBus): void {
    const { account, region } = Stack.of(this);
    // By name, since the bus needs the key first.
    const { name } = bus.bus.node.defaultChild as CfnEventBus;
    const eventBusArn = Stack.of(this).formatArn({
      service: 'events',
      resource: 'event-bus',
      resourceName: name,
    });
    const own = { 'aws:SourceAccount': account };
    const allow = (sid: string, service: ServicePrincipal, actions: string[], conditions: object) =>
      this.key.addToResourcePolicy(
        new PolicyStatement({ sid, principals: [service], actions, resources: ['*'], conditions }),
      );
    // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-cmkey.html
    allow('AllowBusToDescribe', EVENTS, ['kms:DescribeKey'], { StringEquals: own });
    allow('AllowBusAndArchive', EVENTS, USE, {
      StringEquals: { ...own, 'kms:EncryptionContext:aws:events:event-bus:arn': eventBusArn },
    });
    // A queue's messages; EventBridge names the rule as the source, which may be on another bus, and SNS the topic. Not by
    // `kms:ViaService`, of which no documentation says that it holds for a service that acts for itself.
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html#compatibility-with-aws-services
    const rules = Stack.of(this).formatArn({ service: 'events', resource: 'rule', resourceName: '*' });
    allow('AllowRulesToSend', EVENTS, USE, { StringEquals: own, ArnLike: { 'aws:SourceArn': rules } });
    const topics = Stack.of(this).formatArn({ service: 'sns', resource: '*' });
    allow('AllowTopicsToSend', new ServicePrincipal('sns.amazonaws.com'), USE, {
      StringEquals: own,
      ArnLike: { 'aws:SourceArn': topics },
    });
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    const logs = Stack.of(this).formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: '*',
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    allow('AllowLogs', new ServicePrincipal(`logs.${region}.amazonaws.com`), [...USE, ...TABLE_USE], {
      ArnLike: { 'kms:EncryptionContext:aws:logs:arn': logs },
    });
  }

  #allowRoles(): void {
    for (const { role } of constructsOf(this, EventHandler)) {
      this.#allowRole(role, [...USE, ...TABLE_USE], ['dynamodb', 'sns', 'sqs']);
    }
    for (const { role } of constructsOf(this, AnalyticsStream)) this.#allowRole(role, USE, ['s3']);
    for (const { role } of constructsOf(this, ScheduleGroup)) this.#allowRole(role, USE, ['sqs']);
    for (const { role } of constructsOf(this, Outbox)) this.#allowRole(role, USE, ['dynamodb', 'sqs']);
  }

  /** Lets the role use the key through these services only. */
  #allowRole(role: Role, actions: readonly string[], services: readonly string[]): void {
    const { region } = Stack.of(this);
    role.addToPolicy(
      new PolicyStatement({
        actions: [...actions],
        resources: [this.key.keyArn],
        conditions: {
          StringEquals: { 'kms:ViaService': services.map((each) => `${each}.${region}.amazonaws.com`) },
        },
      }),
    );
  }
}

function logsTo(bucket: CfnBucket, logs: CfnBucket): boolean {
  const stack = Stack.of(bucket);
  const { destinationBucketName } = stack.resolve(bucket.loggingConfiguration) ?? {};
  return destinationBucketName?.Ref === stack.getLogicalId(logs);
}
