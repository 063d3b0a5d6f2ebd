import type {
  DescribeStackEventsCommandInput,
  DescribeStacksCommandInput,
  ListStackResourcesCommandInput,
  ListStacksCommandInput,
} from '@aws-sdk/client-cloudformation';
import { ServiceError } from '../services/service-error';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services, validationError } from './service';

/** CloudFormation, as far as a stack's outputs and resources are read from it. */
export function cloudformation(services: Services): Service {
  const { startedAt } = services;
  const { stackName, partition, region, account } = services.assembly;
  const created = new Date(startedAt);
  const stackId = `arn:${partition}:cloudformation:${region}:${account}:stack/${stackName}/local`;
  const awsQueueUrls = `https://sqs.${region}.amazonaws.com/${account}/`;
  /** Some SDKs send a queue's messages to the host of its URL, whatever endpoint they were given. */
  const atEndpoint = (value: string, url: string) =>
    value.startsWith(awsQueueUrls) ? `${url}/${account}/${value.slice(awsQueueUrls.length)}` : value;

  const requireStack = (nameOrId: string) => {
    if (nameOrId === stackName || nameOrId === stackId) return;
    throw new ServiceError('ValidationError', `Stack with id ${nameOrId} does not exist`);
  };
  /** Stack events: the stack was created at the start. The latest is first. */
  const events = () => {
    const resources = [...services.eventBridge.options.assembly.resources.values()].map(
      ({ logicalId, ref, type }) => ({
        logicalId,
        ref,
        type,
      }),
    );
    const ofStack = { logicalId: stackName, ref: stackId, type: 'AWS::CloudFormation::Stack' };
    return [ofStack, ...resources].map(({ logicalId, ref, type }) => ({
      ...{ StackId: stackId, StackName: stackName, EventId: `${logicalId}-CREATE_COMPLETE` },
      ...{ LogicalResourceId: logicalId, PhysicalResourceId: ref, ResourceType: type },
      ...{ Timestamp: created, ResourceStatus: 'CREATE_COMPLETE' },
    }));
  };

  return {
    name: 'cloudformation',
    namespace: 'http://cloudformation.amazonaws.com/doc/2010-05-15/',
    model: MODELS.cloudformation,
    invalid: validationError('ValidationError'),
    accessDenied: { code: 'AccessDenied', status: 403 },
    notHere: {
      'is of a deployment': [
        ...['CreateStack', 'UpdateStack', 'DeleteStack', 'CreateChangeSet', 'ExecuteChangeSet'],
        'UpdateTerminationProtection',
      ],
    },
    operations: {
      DescribeStacks: operation<DescribeStacksCommandInput>({
        resources: () => [stackId],
        run({ StackName = stackName }, { url }) {
          requireStack(StackName);
          const outputs = Object.entries(services.eventBridge.options.assembly.outputs).map(
            ([key, value]) => ({
              OutputKey: key,
              OutputValue: atEndpoint(value, url),
            }),
          );
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
      ListStacks: operation<ListStacksCommandInput>({
        run({ StackStatusFilter: wanted = ['CREATE_COMPLETE'] }) {
          if (!wanted.includes('CREATE_COMPLETE')) return { StackSummaries: [] };
          const summary = { StackId: stackId, StackName: stackName, CreationTime: created };
          return { StackSummaries: [{ ...summary, StackStatus: 'CREATE_COMPLETE' }] };
        },
      }),
      DescribeStackEvents: operation<DescribeStackEventsCommandInput>({
        resources: () => [stackId],
        run({ StackName, NextToken }) {
          requireStack(StackName);
          const { items, next } = page(events(), PAGE, NextToken, 'ValidationError');
          return { StackEvents: items, NextToken: next };
        },
      }),
      ListStackResources: operation<ListStackResourcesCommandInput>({
        resources: () => [stackId],
        run({ StackName, NextToken }, { url }) {
          requireStack(StackName);
          const { items, next } = page(
            [...services.eventBridge.options.assembly.resources.values()],
            PAGE,
            NextToken,
            'ValidationError',
          );
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
