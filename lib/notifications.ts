import { Validations } from 'aws-cdk-lib';
import { AttributeType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { Alias } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { IDEMPOTENCY_EXPIRY, IDEMPOTENCY_KEY } from '../lambdas/order-table';
import type { StageConfig } from './config';
import { subscribeEmail } from './email-subscription';
import type { EventHandler } from './event-handler';
import { dataRemovalPolicy } from './removal';
import { capacityOf, scale } from './table-capacity';

/** Topic of the customers' notifications, and the idempotency table with those already sent. */
export class Notifications extends Construct {
  readonly topic: Topic;
  readonly notifiedEvents: Table;

  constructor(scope: Construct, id: string, config: StageConfig) {
    super(scope, id);
    this.topic = new Topic(this, 'Topic', {
      topicName: `${config.prefix}-notifications`,
      enforceSSL: true,
      // SNS's own key, since messages have e-mail addresses; all publishers of this account may use it.
      masterKey: Alias.fromAliasName(this, 'Key', 'alias/aws/sns'),
    });
    if (config.notificationEmail) {
      subscribeEmail(this, this.topic, config.notificationEmail, { name: 'notifications', config });
    }

    this.notifiedEvents = new Table(this, 'NotifiedEvents', {
      tableName: `${config.prefix}-notified-events`,
      partitionKey: { name: IDEMPOTENCY_KEY, type: AttributeType.STRING },
      timeToLiveAttribute: IDEMPOTENCY_EXPIRY,
      ...capacityOf(config),
      encryption: TableEncryption.AWS_MANAGED,
      removalPolicy: dataRemovalPolicy(config),
    });
    scale(this.notifiedEvents, config);
    Validations.of(this.notifiedEvents).acknowledge({
      id: 'AwsSolutions-DDB3',
      reason: 'Its items only suppress duplicates and expire within days: there is nothing to restore.',
    });
  }

  /** Lets the handler publish notifications and use the idempotency table, and sets both in its environment. */
  grantNotify(handler: EventHandler): void {
    handler.allow(['sns:Publish'], this.topic.topicArn);
    handler.setEnvironment('SNS_TOPIC_ARN', this.topic.topicArn);
    // The four calls of Powertools' DynamoDB persistence layer.
    handler.allow(
      ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
      this.notifiedEvents.tableArn,
    );
    handler.setEnvironment('IDEMPOTENCY_TABLE_NAME', this.notifiedEvents.tableName);
  }
}
