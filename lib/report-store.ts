import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { REPORT_KEY } from '../lambdas/order-table';
import type { StageConfig } from './config';
import type { EventHandler } from './event-handler';
import { dataRemovalPolicy } from './removal';

/** Table of the daily reports: the latest revision of each day. */
export class ReportStore extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string, config: StageConfig) {
    super(scope, id);
    this.table = new Table(this, 'Table', {
      tableName: `${config.prefix}-daily-reports`,
      partitionKey: { name: REPORT_KEY, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: TableEncryption.AWS_MANAGED,
      removalPolicy: dataRemovalPolicy(config),
    });
  }

  /** Lets the handler read and store reports, and sets the table in its environment. */
  grantRemember(handler: EventHandler): void {
    handler.allow(['dynamodb:GetItem', 'dynamodb:PutItem'], this.table.tableArn);
    handler.setEnvironment('REPORTS_TABLE_NAME', this.table.tableName);
  }
}
