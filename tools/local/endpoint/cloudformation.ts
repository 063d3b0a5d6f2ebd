import type {
  DescribeStacksCommandInput,
  ListStackResourcesCommandInput,
} from '@aws-sdk/client-cloudformation';
import { ServiceError } from '../services/service-error';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services, validationError } from './service';

/** CloudFormation, as far as a stack's outputs and resources are read from it. */
export function cloudformation({ assembly, clock }: Services): Service {
  const { stackName, region, account } = assembly;
  const created = new Date(clock.now());
  const stackId = `arn:aws:cloudformation:${region}:${account}:stack/${stackName}/local`;
  const awsQueueUrls = `https://sqs.${region}.amazonaws.com/${account}/`;
  /** Some SDKs send a queue's messages to the host of its URL, whatever endpoint they were given. */
  const atEndpoint = (value: string, url: string) =>
    value.startsWith(awsQueueUrls) ? `${url}/${account}/${value.slice(awsQueueUrls.length)}` : value;

  return {
    name: 'cloudformation',
    namespace: 'http://cloudformation.amazonaws.com/doc/2010-05-15/',
    model: MODELS.cloudformation,
    invalid: validationError('ValidationError'),
    accessDenied: { code: 'AccessDenied', status: 403 },
    operations: {
      DescribeStacks: operation<DescribeStacksCommandInput>({
        resources: () => [stackId],
        run({ StackName = stackName }, { url }) {
          if (StackName !== stackName && StackName !== stackId) {
            throw new ServiceError('ValidationError', `Stack with id ${StackName} does not exist`);
          }
          const outputs = Object.entries(assembly.outputs).map(([key, value]) => ({
            OutputKey: key,
            OutputValue: atEndpoint(value, url),
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
      ListStackResources: operation<ListStackResourcesCommandInput>({
        resources: () => [stackId],
        run({ StackName, NextToken }, { url }) {
          if (StackName !== stackName && StackName !== stackId) {
            throw new ServiceError('ValidationError', `Stack with id ${StackName} does not exist`);
          }
          const { items, next } = page([...assembly.resources.values()], PAGE, NextToken, 'ValidationError');
          return {
            StackResourceSummaries: items.map((resource) => ({
              LogicalResourceId: resource.logicalId,
              PhysicalResourceId: atEndpoint(resource.ref, url),
              ResourceType: resource.type,
              LastUpdatedTimestamp: created,
              ResourceStatus: 'CREATE_COMPLETE',
            })),
            NextToken: next,
          };
        },
      }),
    },
  };
}

/** Resources of one answer. */
const PAGE = 100;
