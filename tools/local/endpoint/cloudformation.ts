import { ServiceError } from '../services/service-error';
import { string } from './input';
import { operation, type Service, type Services, validationError } from './service';

/** CloudFormation, as far as a stack's outputs are read from it. */
export function cloudformation({ assembly, clock }: Services): Service {
  const { stackName, region, account } = assembly;
  const created = new Date(clock.now());
  const stackId = `arn:aws:cloudformation:${region}:${account}:stack/${stackName}/local`;
  const awsQueueUrls = `https://sqs.${region}.amazonaws.com/${account}/`;

  return {
    name: 'cloudformation',
    namespace: 'http://cloudformation.amazonaws.com/doc/2010-05-15/',
    invalid: validationError('ValidationError'),
    accessDenied: { code: 'AccessDenied', status: 403 },
    operations: {
      DescribeStacks: operation({
        input: { StackName: string(), NextToken: string({ min: 1, max: 1024 }) },
        resources: () => [stackId],
        run({ StackName = stackName }, { url }) {
          if (StackName !== stackName && StackName !== stackId) {
            throw new ServiceError('ValidationError', `Stack with id ${StackName} does not exist`);
          }
          const outputs = Object.entries(assembly.outputs).map(([key, value]) => ({
            OutputKey: key,
            // Some SDKs send a queue's messages to the host of its URL, whatever endpoint they were given.
            OutputValue: value.startsWith(awsQueueUrls)
              ? `${url}/${account}/${value.slice(awsQueueUrls.length)}`
              : value,
          }));
          return {
            Stacks: [
              {
                StackId: stackId,
                StackName: stackName,
                CreationTime: created,
                StackStatus: 'CREATE_COMPLETE',
                DisableRollback: false,
                Outputs: outputs,
                Tags: [],
              },
            ],
          };
        },
      }),
    },
  };
}
