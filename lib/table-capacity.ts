import { BillingMode, type Table } from 'aws-cdk-lib/aws-dynamodb';
import type { StageConfig } from './config';

/** The most of its capacity, in percent, that a table uses before it gets more. */
const TARGET_PERCENT = 70;

type Config = Pick<StageConfig, 'tableCapacity'>;

/** Billing of a table that every event is written to, or read from. */
export const capacityOf = ({ tableCapacity }: Config) =>
  tableCapacity
    ? {
        billingMode: BillingMode.PROVISIONED,
        readCapacity: tableCapacity.least,
        writeCapacity: tableCapacity.least,
      }
    : { billingMode: BillingMode.PAY_PER_REQUEST };

/** Lets a provisioned table, and these indexes of it, grow and shrink with their use. */
export function scale(table: Table, { tableCapacity }: Config, indexes: readonly string[] = []): void {
  if (!tableCapacity) return;
  const bounds = { minCapacity: tableCapacity.least, maxCapacity: tableCapacity.most };
  const target = { targetUtilizationPercent: TARGET_PERCENT };
  table.autoScaleReadCapacity(bounds).scaleOnUtilization(target);
  table.autoScaleWriteCapacity(bounds).scaleOnUtilization(target);
  for (const index of indexes) {
    table.autoScaleGlobalSecondaryIndexReadCapacity(index, bounds).scaleOnUtilization(target);
    table.autoScaleGlobalSecondaryIndexWriteCapacity(index, bounds).scaleOnUtilization(target);
  }
}
