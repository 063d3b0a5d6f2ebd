import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, ProjectionType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { DAY_INDEX, ORDER_KEY } from '../lambdas/order-table';
import type { StageConfig } from './config';
import type { EventHandler } from './event-handler';

/** The orders table: a projection of the events, rebuilt by a replay. */
export class OrderStore extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string, config: StageConfig) {
    super(scope, id);
    this.table = new Table(this, 'Table', {
      tableName: `${config.prefix}-orders`,
      partitionKey: { name: ORDER_KEY, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: TableEncryption.AWS_MANAGED,
      deletionProtection: config.retainData,
      removalPolicy: config.retainData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    this.table.addGlobalSecondaryIndex({
      indexName: DAY_INDEX.name,
      partitionKey: { name: DAY_INDEX.partitionKey, type: AttributeType.STRING },
      sortKey: { name: DAY_INDEX.sortKey, type: AttributeType.STRING },
      projectionType: ProjectionType.INCLUDE,
      nonKeyAttributes: [...DAY_INDEX.projected],
    });
  }

  /** Lets the handler fold events into the table, and tells it which table. */
  grantFold(handler: EventHandler): void {
    handler.allow(['dynamodb:UpdateItem', 'dynamodb:GetItem'], this.table.tableArn);
    handler.setEnvironment('TABLE_NAME', this.table.tableName);
  }

  /** Lets the handler count a day's orders, and tells it which table. */
  grantReport(handler: EventHandler): void {
    handler.allow(['dynamodb:Query'], `${this.table.tableArn}/index/${DAY_INDEX.name}`);
    handler.setEnvironment('TABLE_NAME', this.table.tableName);
  }
}
