import { Validations } from 'aws-cdk-lib';
import { AttributeType, ProjectionType, Table, TableClass, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { EnvironmentVariable } from '../lambdas/env';
import { DAY_INDEX, ORDER_KEY } from '../lambdas/order-table';
import type { StageConfig } from './config';
import type { EventBus } from './event-bus';
import type { EventHandler } from './event-handler';
import { dataRemovalPolicy } from './removal';
import { capacityOf, scale } from './table-capacity';

/** The orders table: a projection of the events, rebuilt by a replay. */
export class OrderStore extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string, config: StageConfig) {
    super(scope, id);
    this.table = new Table(this, 'Table', {
      tableName: `${config.prefix}-orders`,
      partitionKey: { name: ORDER_KEY, type: AttributeType.STRING },
      ...capacityOf(config),
      ...(config.orderTableClass !== 'STANDARD' && { tableClass: TableClass[config.orderTableClass] }),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: config.pointInTimeRecovery },
      encryption: TableEncryption.AWS_MANAGED,
      deletionProtection: config.retainData,
      removalPolicy: dataRemovalPolicy(config),
    });
    this.table.addGlobalSecondaryIndex({
      indexName: DAY_INDEX.name,
      partitionKey: { name: DAY_INDEX.partitionKey, type: AttributeType.STRING },
      sortKey: { name: DAY_INDEX.sortKey, type: AttributeType.STRING },
      projectionType: ProjectionType.INCLUDE,
      nonKeyAttributes: [...DAY_INDEX.projected],
    });
    scale(this.table, config, [DAY_INDEX.name]);
    if (!config.pointInTimeRecovery) {
      Validations.of(this.table).acknowledge({
        id: 'AwsSolutions-DDB3',
        reason:
          'A setting: the table is a projection of the events, and a replay of the archive makes it anew.',
      });
    }
  }

  /** Lets the handler fold events into the table, and sets the table in its environment. */
  grantFold(handler: EventHandler): void {
    handler.allow(['dynamodb:UpdateItem', 'dynamodb:GetItem'], this.table.tableArn);
    handler.setEnvironment('TABLE_NAME', this.table.tableName);
  }

  /** Lets the handler read single orders, and sets the table in its environment. */
  grantLook(handler: EventHandler): void {
    handler.allow(['dynamodb:GetItem'], this.table.tableArn);
    handler.setEnvironment('TABLE_NAME', this.table.tableName);
  }

  /** Lets the handler count a day's orders, and sets the table in its environment. */
  grantReport(handler: EventHandler): void {
    handler.allow(['dynamodb:Query'], `${this.table.tableArn}/index/${DAY_INDEX.name}`);
    handler.setEnvironment('TABLE_NAME', this.table.tableName);
  }

  /**
   * Lets any function place orders and change their status (`createOrder`, `updateOrderStatus` and `waitForOrder` of the
   * client), and sets the bus and the table in its environment.
   */
  grantPublish(publisher: LambdaFunction, { bus }: EventBus): void {
    const permissions = [
      { actions: ['events:PutEvents'], resources: [bus.eventBusArn] },
      { actions: ['dynamodb:GetItem'], resources: [this.table.tableArn] },
    ];
    for (const permission of permissions) publisher.addToRolePolicy(new PolicyStatement(permission));
    const variables = {
      EVENT_BUS_NAME: bus.eventBusName,
      TABLE_NAME: this.table.tableName,
    } satisfies { readonly [Name in EnvironmentVariable]?: string };
    for (const [name, value] of Object.entries(variables)) publisher.addEnvironment(name, value);
  }
}
