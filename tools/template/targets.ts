/**
 * Types of targets of EventBridge rules: the permissions they need, their payload, their own retries after the
 * delivery, and the ways they may lose an event.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html
 */

import { defined } from '../defined';
import { functionReference } from './functions';
import type { Assembly, Resource } from './resource';

export interface TargetType {
  /** E.g. `function`, `state machine`. */
  readonly name: string;
  /** Actions on the target's ARN that EventBridge needs. */
  readonly actions: readonly string[];
  /**
   * Source of the permission: the target's policy, the role of its `RoleArn`, or the role if there is one, otherwise
   * the policy.
   */
  readonly allowedBy: 'policy' | 'role' | 'role or policy';
  /** Form of the payload: JSON only, any text, or `parameters`: only the values that the input maps. */
  readonly payload: 'json' | 'text' | 'parameters';
  /** Retries after the target has accepted the event, in words; undefined if there are none. */
  readonly retries?: string;
  /** Way in which a delivered event may be lost, in words; undefined if the target keeps it. */
  readonly mayLose?: string;
}

const role = (name: string, actions: readonly string[], more: Partial<TargetType> = {}): TargetType => ({
  name,
  actions,
  allowedBy: 'role',
  payload: 'json',
  ...more,
});

const RUNS_ONCE = 'a run that fails is not started again';

/** Types by service and the first word of the ARN's last part, or by the service alone. */
const TARGET_TYPES: Readonly<Record<string, TargetType>> = {
  appsync: role('GraphQL API', ['appsync:GraphQL'], {
    payload: 'parameters',
    mayLose: 'a mutation that answers with an error',
  }),
  'batch:job-queue': role('job queue', ['batch:SubmitJob'], {
    payload: 'parameters',
    retries: 'the attempts of BatchParameters.RetryStrategy',
    mayLose: 'a job that fails for the last time',
  }),
  codebuild: role('build project', ['codebuild:StartBuild'], { payload: 'parameters', mayLose: RUNS_ONCE }),
  codepipeline: role('pipeline', ['codepipeline:StartPipelineExecution'], {
    payload: 'parameters',
    mayLose: RUNS_ONCE,
  }),
  'ecs:cluster': role('cluster', ['ecs:RunTask'], { mayLose: 'a task that stops with an error' }),
  'events:api-destination': role('API destination', ['events:InvokeApiDestination'], {
    mayLose: 'what the endpoint takes and does not keep',
  }),
  'events:event-bus': role('event bus', ['events:PutEvents'], {
    mayLose: 'an event that no rule of that bus takes, and one that came from a third bus',
  }),
  'events:target/create-snapshot': role('snapshot', ['ec2:CreateSnapshot'], { payload: 'parameters' }),
  'events:target/reboot-instance': role('reboot', ['ec2:RebootInstances'], { payload: 'parameters' }),
  'events:target/stop-instance': role('stop', ['ec2:StopInstances'], { payload: 'parameters' }),
  'events:target/terminate-instance': role('termination', ['ec2:TerminateInstances'], {
    payload: 'parameters',
  }),
  'execute-api': {
    name: 'REST API',
    actions: ['execute-api:Invoke'],
    allowedBy: 'role or policy',
    payload: 'json',
    mayLose: 'what the integration takes and does not keep',
  },
  firehose: role('delivery stream', ['firehose:PutRecord'], {
    payload: 'text',
    retries: 'its writes, for the time that its destination sets',
    mayLose: 'a record that it cannot write in that time, unless it is kept in S3',
  }),
  'glue:workflow': role('workflow', ['glue:NotifyEvent'], { payload: 'parameters', mayLose: RUNS_ONCE }),
  inspector: role('assessment', ['inspector:StartAssessmentRun'], {
    payload: 'parameters',
    mayLose: RUNS_ONCE,
  }),
  kinesis: role('stream', ['kinesis:PutRecord'], {
    payload: 'text',
    retries: 'its consumers, until its retention period ends',
    mayLose: 'a record that no consumer has read in the retention period of the stream',
  }),
  lambda: {
    name: 'function',
    actions: ['lambda:InvokeFunction'],
    allowedBy: 'role or policy',
    payload: 'json',
    retries: 'the retries of its asynchronous invocation',
    mayLose: 'an event that fails for the last time, without an on-failure destination',
  },
  logs: {
    name: 'log group',
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    allowedBy: 'policy',
    payload: 'text',
  },
  redshift: role('cluster', ['redshift-data:ExecuteStatement', 'redshift:GetClusterCredentials'], {
    payload: 'parameters',
    mayLose: 'a statement that fails',
  }),
  'redshift-serverless': role(
    'workgroup',
    ['redshift-data:ExecuteStatement', 'redshift-serverless:GetCredentials'],
    {
      payload: 'parameters',
      mayLose: 'a statement that fails',
    },
  ),
  'sagemaker:pipeline': role('SageMaker pipeline', ['sagemaker:StartPipelineExecution'], {
    payload: 'parameters',
    mayLose: RUNS_ONCE,
  }),
  sns: {
    name: 'topic',
    actions: ['sns:Publish'],
    allowedBy: 'role or policy',
    payload: 'text',
    retries: 'its deliveries, by the policy of each protocol',
    mayLose: 'a message without a subscription, or that one without a dead-letter queue does not take',
  },
  sqs: {
    name: 'queue',
    actions: ['sqs:SendMessage'],
    allowedBy: 'role or policy',
    payload: 'text',
    retries: 'its consumers, until maxReceiveCount or its retention period ends',
    mayLose: 'a message that nobody has deleted in its retention period, without a dead-letter queue',
  },
  'ssm:automation-definition': role('automation', ['ssm:StartAutomationExecution'], {
    payload: 'parameters',
    mayLose: RUNS_ONCE,
  }),
  'ssm:document': role('document', ['ssm:SendCommand'], { payload: 'parameters', mayLose: RUNS_ONCE }),
  'ssm:opsitem': {
    name: 'OpsItem',
    actions: ['ssm:CreateOpsItem'],
    allowedBy: 'role',
    payload: 'parameters',
  },
  'ssm-incidents': role('response plan', ['ssm-incidents:StartIncident'], { payload: 'parameters' }),
  states: role('state machine', ['states:StartExecution'], {
    retries: 'the Retry of its states',
    mayLose: 'an execution that fails without a Catch',
  }),
};

/** Service principal of EventBridge deliveries. */
export const EVENTS_SERVICE = 'events.amazonaws.com';

/** The type of an ARN's target; undefined if no rule can have it as a target. */
export function targetTypeOf(arn: string): TargetType | undefined {
  const [, , service = '', , , ...rest] = arn.split(':');
  const path = rest.join(':');
  const [word = ''] = path.split(/[/:]/);
  const keys = [`${service}:${path}`, `${service}:${word}`, service];
  const key = keys.find((each) => Object.hasOwn(TARGET_TYPES, each));
  return key === undefined ? undefined : TARGET_TYPES[key];
}

/** Resource and qualifier of a target's ARN. */
export interface TargetReference {
  /** The target; undefined if the template does not have it. */
  readonly resource?: Resource;
  /** Alias or version of a function. */
  readonly qualifier?: string;
  /** Type of the target; undefined if it is not known. */
  readonly type?: TargetType | undefined;
}

export function targetReference(assembly: Assembly, arn: string): TargetReference {
  const type = targetTypeOf(arn);
  if (type === TARGET_TYPES.lambda) {
    const { function: resource, qualifier } = functionReference(assembly, arn);
    return { type, ...(resource && { resource }), ...defined({ qualifier }) };
  }
  const resource = assembly.find(arn);
  return { ...(type && { type }), ...(resource && { resource }) };
}

/** Checks whether it is the default bus of this account and region, which every account has. */
export function isDefaultBus({ account, region }: Assembly, arn: string): boolean {
  return arn.endsWith(`:events:${region}:${account}:event-bus/default`);
}

/** Checks whether it is a bus of another account or region, which no stack of this account can have. */
export function isBusElsewhere({ account, region }: Assembly, arn: string): boolean {
  const [, , service, ofRegion, ofAccount, resource = ''] = arn.split(':');
  if (service !== 'events' || !resource.startsWith('event-bus/')) return false;
  return ofRegion !== region || ofAccount !== account;
}
