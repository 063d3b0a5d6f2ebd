import { Duration, Validations } from 'aws-cdk-lib';
import { AttributeType, ProjectionType, Table, TableClass, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { EnvironmentVariable } from '../lambdas/env';
import { DAY_INDEX, DAY_KEY_INDEX, ORDER_EXPIRY, ORDER_KEY } from '../lambdas/order-table';
import type { StageConfig } from './config';
import type { EventBus } from './event-bus';
import type { EventHandler } from './event-handler';
import { dataRemovalPolicy } from './removal';
import { capacityOf, scale } from './table-capacity';

/** The orders table: a projection of the events, rebuilt by a replay. */
export class OrderStore extends Construct {
  readonly table: Table;
  readonly #config: StageConfig;

  constructor(scope: Construct, id: string, config: StageConfig) {
    super(scope, id);
    this.#config = config;
    this.table = new Table(this, 'Table', {
      tableName: `${config.prefix}-orders`,
      partitionKey: { name: ORDER_KEY, type: AttributeType.STRING },
      ...capacityOf(config),
      ...(config.orderDays !== false && { timeToLiveAttribute: ORDER_EXPIRY }),
      ...(config.orderTableClass !== 'STANDARD' && { tableClass: TableClass[config.orderTableClass] }),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: config.pointInTimeRecovery },
      encryption: TableEncryption.AWS_MANAGED,
      deletionProtection: config.retainData,
      removalPolicy: dataRemovalPolicy(config),
    });
    const indexes = [
      ...(config.reportIndex === 'KEYS' ? [] : [DAY_INDEX]),
      ...(config.reportIndex === 'STATUS' ? [] : [DAY_KEY_INDEX]),
    ];
    for (const { name, partitionKey, sortKey, projected } of indexes) {
      this.table.addGlobalSecondaryIndex({
        indexName: name,
        partitionKey: { name: partitionKey, type: AttributeType.STRING },
        sortKey: { name: sortKey, type: AttributeType.STRING },
        ...(projected.length > 0
          ? { projectionType: ProjectionType.INCLUDE, nonKeyAttributes: [...projected] }
          : { projectionType: ProjectionType.KEYS_ONLY }),
      });
    }
    scale(
      this.table,
      config,
      indexes.map(({ name }) => name),
    );
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
    this.#setDays(handler);
  }

  #setDays(handler: EventHandler): void {
    const { orderDays } = this.#config;
    if (orderDays !== false) handler.setEnvironment('ORDER_DAYS', String(orderDays));
  }

  /** Lets the handler read single orders, and sets the table in its environment. */
  grantLook(handler: EventHandler): void {
    handler.allow(['dynamodb:GetItem'], this.table.tableArn);
    handler.setEnvironment('TABLE_NAME', this.table.tableName);
  }

  /** Lets the handler count a day's orders, and sets the table in its environment. */
  grantReport(handler: EventHandler): void {
    const isByKey = this.#config.reportIndex === 'KEYS';
    const { name } = isByKey ? DAY_KEY_INDEX : DAY_INDEX;
    this.#setDays(handler);
    handler.allow(['dynamodb:Query'], `${this.table.tableArn}/index/${name}`);
    handler.setEnvironment('TABLE_NAME', this.table.tableName);
    if (!isByKey) return;
    handler.allow(['dynamodb:BatchGetItem'], this.table.tableArn);
    handler.setEnvironment('REPORT_INDEX_NAME', name);
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

/**
 * Time that a report may take: in 60 s a function of 256 MB counts a million orders of the index, and in 5 minutes as many
 * by key.
 */
export const reportTimeout = ({ reportIndex }: Pick<StageConfig, 'reportIndex'>): Duration =>
  Duration.seconds(reportIndex === 'KEYS' ? 300 : 60);
