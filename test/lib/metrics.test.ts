import { Stack } from 'aws-cdk-lib';
import { AttributeType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { nameOfTable } from '../../lib/metrics';
import { watchSilentRules } from '../../lib/silent-rule-alarms';

test('a table is named by its name, or by its id where CloudFormation names it', () => {
  const stack = new Stack();
  const partitionKey = { name: 'id', type: AttributeType.STRING };
  expect(nameOfTable(new Table(stack, 'Orders', { partitionKey, tableName: 'shop-orders' }))).toBe(
    'shop-orders',
  );
  expect(nameOfTable(new Table(stack, 'Other', { partitionKey }))).toBe('Other');
});

test('without a function that counts events by type, no rule is compared with what comes', () => {
  const untouched = new Proxy({} as never, {
    get: () => {
      throw new Error('nothing is asked for');
    },
  });
  expect(() => watchSilentRules(untouched, { bus: untouched, config: untouched }, [])).not.toThrow();
});
