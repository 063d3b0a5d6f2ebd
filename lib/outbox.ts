import { CfnOutput, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import {
  AttributeType,
  BillingMode,
  CfnTable,
  StreamViewType,
  Table,
  TableEncryption,
} from 'aws-cdk-lib/aws-dynamodb';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { CfnPipe } from 'aws-cdk-lib/aws-pipes';
import { Construct } from 'constructs';
import type { EventContract } from '../lambdas/contract';
import { ConfigError, type StageConfig } from './config';
import { constructsOf } from './constructs';
import { DeadLetterQueue } from './dead-letter-queue';
import type { EventBus } from './event-bus';
import { EventHandler } from './event-handler';
import { PERIOD } from './metrics';
import { outboxFields } from './outbox-contract';
import { dataRemovalPolicy } from './removal';

/** Key of an item, and identity of its event. */
export const OUTBOX_KEY = 'eventId';
/** Attribute with the time at which an item is deleted, in seconds since 1970-01-01 UTC. */
const EXPIRY = 'expiresAt';

/** Maximum number of entries of one PutEvents. */
const BATCH_SIZE = 10;

export interface OutboxProps {
  readonly config: StageConfig;
  readonly bus: EventBus;
  /** Physical name without the stack's prefix and `outbox-`. */
  readonly name: string;
  /** Contract whose events its items are. */
  readonly contract: Pick<EventContract, 'source' | 'detailType' | 'version' | 'schema'>;
}

/**
 * Outbox of a service: a table whose items are events. An EventBridge Pipe reads the table's stream and puts each new
 * or changed item on the bus, so that the write and its event cannot part. An item has the contract's required fields
 * as attributes beside its key, the event's id, by which consumers know an event that comes twice.
 */
export class Outbox extends Construct {
  readonly name: string;
  readonly table: Table;
  readonly deadLetterQueue: DeadLetterQueue;
  readonly role: Role;
  readonly pipeName: string;

  constructor(scope: Construct, id: string, props: OutboxProps) {
    super(scope, id);
    const { config, bus, contract } = props;
    this.name = `outbox-${props.name}`;
    this.pipeName = `${config.prefix}-${this.name}`;
    this.table = new Table(this, 'Table', {
      tableName: this.pipeName,
      partitionKey: { name: OUTBOX_KEY, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      stream: StreamViewType.NEW_IMAGE,
      timeToLiveAttribute: EXPIRY,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: TableEncryption.AWS_MANAGED,
      removalPolicy: dataRemovalPolicy(config),
    });
    this.deadLetterQueue = new DeadLetterQueue(this, 'DeadLetterQueue', {
      config,
      name: `${this.name}-dlq`,
      holds: 'Places in the stream of items that the pipe could not put on the bus',
      runbookEntry: 'outbox-depth',
    });
    this.role = this.#role(bus);
    const logs = new LogGroup(this, 'Logs', {
      // A prefix without a resource policy of its own, of which an account can have ten.
      logGroupName: `/aws/vendedlogs/pipes/${this.pipeName}`,
      retention: config.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    new CfnPipe(this, 'Pipe', {
      name: this.pipeName,
      description: `Items of the outbox ${props.name} become events ${contract.detailType}`,
      roleArn: this.role.roleArn,
      source: this.#streamArn,
      sourceParameters: {
        // Not what is deleted, by its time to live or by hand.
        filterCriteria: { filters: [{ pattern: JSON.stringify({ eventName: ['INSERT', 'MODIFY'] }) }] },
        dynamoDbStreamParameters: {
          startingPosition: 'TRIM_HORIZON',
          batchSize: BATCH_SIZE,
          maximumRetryAttempts: config.delivery.retryAttempts,
          maximumRecordAgeInSeconds: Math.min(config.delivery.maxEventAge, LONGEST_AGE),
          // One bad item does not take the others of its batch along.
          onPartialBatchItemFailure: 'AUTOMATIC_BISECT',
          deadLetterConfig: { arn: this.deadLetterQueue.queueArn },
        },
      },
      target: bus.bus.eventBusArn,
      targetParameters: {
        eventBridgeEventBusParameters: { source: contract.source, detailType: contract.detailType },
        inputTemplate: templateOf(contract),
      },
      // Without the items, whose fields may be personal.
      logConfiguration: { level: 'ERROR', cloudwatchLogsLogDestination: { logGroupArn: logs.logGroupArn } },
    });
    // For the service that writes to it, and for `npm run ops`, which finds the queue by the end of its output's name.
    const outputs = { TableName: this.table.tableName, DeadLetterQueueUrl: this.deadLetterQueue.queueUrl };
    for (const [suffix, value] of Object.entries(outputs)) {
      new CfnOutput(this, suffix, { value }).overrideLogicalId(`${id.replaceAll('-', '')}${suffix}`);
    }
  }

  /** Metric of the pipe, a sum. */
  metric(metricName: string): Metric {
    return new Metric({
      namespace: 'AWS/EventBridge/Pipes',
      metricName,
      dimensionsMap: { PipeName: this.pipeName },
      statistic: 'Sum',
      period: PERIOD,
    });
  }

  get #streamArn(): string {
    return (this.table.node.defaultChild as CfnTable).attrStreamArn;
  }

  /**
   * The role may read this stream, put events on this bus and use this dead-letter queue; only this pipe may assume
   * it.
   */
  #role(bus: EventBus): Role {
    const stack = Stack.of(this);
    const pipeArn = stack.formatArn({ service: 'pipes', resource: 'pipe', resourceName: this.pipeName });
    const allow = (resource: string, ...actions: string[]) =>
      new PolicyStatement({ actions, resources: [resource] });
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'dynamodb:ListStreams, which Pipes needs, has no resource to name.',
    });
    return new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('pipes.amazonaws.com', {
        conditions: {
          StringEquals: { 'aws:SourceAccount': stack.account },
          ArnEquals: { 'aws:SourceArn': pipeArn },
        },
      }),
      inlinePolicies: {
        hand: new PolicyDocument({
          statements: [
            allow(
              this.#streamArn,
              ...['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
            ),
            // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-permissions.html
            allow('*', 'dynamodb:ListStreams'),
            allow(bus.bus.eventBusArn, 'events:PutEvents'),
            allow(this.deadLetterQueue.queueArn, 'sqs:SendMessage'),
          ],
        }),
      },
    });
  }
}

/** A stream keeps a record for 24 hours; a pipe needs some time of it to tell the dead-letter queue. */
const LONGEST_AGE = 82_800;

/**
 * The detail of an event, made of an item. Pipes puts texts in quotes, and looks into no JSON that is text: so each
 * field is an attribute of its own.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html
 */
function templateOf({ schema, version }: OutboxProps['contract']): string {
  const attribute = (name: string) => `<$.dynamodb.NewImage.${name}.S>`;
  const fields = outboxFields({ schema }).map((name) => `"${name}": ${attribute(name)}`);
  return `{${fields.join(', ')}, "metadata": {"eventId": ${attribute(OUTBOX_KEY)}, "version": ${version}}}`;
}

/** Actions that change a table. */
const WRITES = ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem', 'dynamodb:BatchWriteItem'];

/**
 * Checks that no pipe brings to the bus what a handler of the bus writes: each event would make the next one.
 * @throws ConfigError
 */
export function requireNoLoop(bus: EventBus): void {
  const stack = Stack.of(bus);
  const text = (value: unknown) => JSON.stringify(stack.resolve(value));
  const reached = constructsOf(bus, EventHandler).filter((handler) =>
    bus.subscriptions.some(({ pattern, targets }) => pattern && targets.includes(handler)),
  );
  for (const pipe of constructsOf(bus, CfnPipe)) {
    if (text(pipe.target) !== text(bus.bus.eventBusArn)) continue;
    const table = constructsOf(bus, CfnTable).find(
      ({ attrStreamArn }) => text(attrStreamArn) === text(pipe.source),
    );
    const writer = reached.find(({ allowed }) =>
      allowed.some(
        ({ actions, resources }) =>
          actions.some((action) => WRITES.includes(action)) &&
          resources.some((resource) => text(resource) === text(table?.attrArn)),
      ),
    );
    if (!table || !writer) continue;
    throw new ConfigError(
      `Pipe ${pipe.name}: the table ${table.tableName} is written by ${writer.props.entry}, which the bus calls: ` +
        'each event would make the next one. Give the pipe an outbox, a table that no handler of the bus writes.',
    );
  }
}
