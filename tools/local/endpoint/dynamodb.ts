import { TABLE_OPERATIONS } from '../services/tables';
import { type Operation, operation, type Service, type Services, validationError } from './service';

/** DynamoDB: what is validated and done is dynalite's, whose tables `services/tables.ts` holds. */
export function dynamodb({ tables, assembly }: Services): Service {
  const arnOf = (table: string, index?: string) => {
    const arn = table.startsWith('arn:')
      ? table
      : `arn:${assembly.partition}:dynamodb:${assembly.region}:${assembly.account}:table/${table}`;
    return index === undefined ? arn : `${arn}/index/${index}`;
  };
  const resources = ({ TableName, IndexName, RequestItems, ResourceArn }: Record<string, unknown>) => {
    if (typeof ResourceArn === 'string') return [ResourceArn];
    if (typeof RequestItems === 'object') return Object.keys(RequestItems ?? {}).map((table) => arnOf(table));
    if (typeof TableName !== 'string') return ['*'];
    return [arnOf(TableName, typeof IndexName === 'string' ? IndexName : undefined)];
  };

  return {
    name: 'dynamodb',
    target: 'DynamoDB_20120810',
    jsonVersion: '1.0',
    invalid: validationError('ValidationException'),
    accessDenied: { code: 'AccessDeniedException', status: 400 },
    operations: Object.fromEntries(
      TABLE_OPERATIONS.map((name): [string, Operation] => [
        name,
        operation<Record<string, unknown>>({
          isChange: /^(Create|Update|Delete)Table$/.test(name),
          resources,
          run: (input) => tables.request(name, input),
        }),
      ]),
    ),
  };
}
