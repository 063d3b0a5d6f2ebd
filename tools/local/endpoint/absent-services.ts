import type { Service } from './service';
import { validationError } from './service';

/** Services that an operator asks and of which a local run has nothing: it says so, with the reason. */
export const ABSENT_SERVICES: readonly Service[] = [
  absent(
    'dynamodbstreams',
    'DynamoDBStreams_20120810',
    {
      'would give what the pipes have read already': [
        ...['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams'],
      ],
    },
    'dynamodb',
  ),
  absent('servicequotas', 'ServiceQuotasV20190624', {
    'is of an account': ['GetAWSDefaultServiceQuota', 'GetServiceQuota', 'ListServiceQuotas'],
  }),
];

function absent(
  name: string,
  target: string,
  notHere: Required<Service>['notHere'],
  signingName = name,
): Service {
  return {
    ...{
      name,
      signingName,
      target,
      notHere,
      operations: {},
      invalid: validationError('ValidationException'),
    },
    accessDenied: { code: 'AccessDeniedException', status: 400 },
  };
}
