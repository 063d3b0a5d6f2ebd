/**
 * Physical name, ARN, `Ref` and attributes by resource type, as in the return values of CloudFormation's resource
 * reference. https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
 */
import { createHash } from 'node:crypto';
import type { DeploymentEnvironment } from './intrinsics';
import { placeholder } from './placeholder';
import type { Resource } from './resource';
import type { Json } from './template';

export interface Identity {
  /** The property that gives the physical name. */
  readonly name?: string;
  /**
   * ARN without `arn:<partition>:`; `*R` stands for region and account, `*A` for the account.
   * @param property reads a single property: the others may refer to this resource again
   */
  arn(name: string, property: (name: string) => Json, logicalId: string): string;
  /** Value of `Ref`. @default the name */
  ref?(resource: Resource, environment: DeploymentEnvironment): string;
  /** Attributes for `Fn::GetAtt`, besides `Arn`. */
  readonly attributes?: Readonly<
    Record<string, (resource: Resource, environment: DeploymentEnvironment) => string>
  >;
  /** Longest generated name, in characters. @default 63 */
  readonly maxLength?: number;
}

/** The name of a bus, whether the template gives the name or the ARN. */
export const busName = (nameOrArn: unknown): string =>
  String(nameOrArn ?? 'default')
    .split(':event-bus/')
    .at(-1) as string;

const name = (resource: Resource) => resource.name;
const arn = (resource: Resource) => resource.arn;

const queueUrl = ({ name: queue }: Resource, { region, urlSuffix, account }: DeploymentEnvironment) =>
  `https://sqs.${region}.${urlSuffix}/${account}/${queue}`;

/** Part of an ARN that AWS generates. */
const madeUp = (logicalId: string) => placeholder('attribute', `${logicalId}.Arn`);

/** ARN of the stream of a table's changes. */
const streamArn = (resource: Resource) =>
  `${resource.arn}/stream/${placeholder('attribute', `${resource.logicalId}.StreamArn`)}`;

/** `*R:function:NAME` for a property that names a function by name or ARN. */
function functionPart(reference: string): string {
  const [, part = reference] = /:function:(.*)$/.exec(reference) ?? [];
  return `*R:function:${part}`;
}

const versionOf = ({ logicalId }: Resource) => placeholder('attribute', `${logicalId}.Version`);

const EVENTS: Readonly<Record<string, Identity>> = {
  'AWS::Events::ApiDestination': {
    name: 'Name',
    arn: (id, _, logicalId) => `events:*R:api-destination/${id}/${madeUp(logicalId)}`,
  },
  'AWS::Events::Archive': {
    name: 'ArchiveName',
    arn: (id) => `events:*R:archive/${id}`,
    attributes: { ArchiveName: name },
    maxLength: 48,
  },
  'AWS::Events::Connection': {
    name: 'Name',
    arn: (id, _, logicalId) => `events:*R:connection/${id}/${madeUp(logicalId)}`,
  },
  'AWS::Events::EventBus': {
    name: 'Name',
    arn: (id) => `events:*R:event-bus/${id}`,
    attributes: { Name: name },
  },
  'AWS::Events::Rule': {
    name: 'Name',
    arn: (id, property) => {
      const bus = busName(property('EventBusName'));
      return `events:*R:rule/${bus === 'default' ? '' : `${bus}/`}${id}`;
    },
    ref: (rule) => {
      const bus = busName(rule.properties.EventBusName);
      return bus === 'default' ? rule.name : `${bus}|${rule.name}`;
    },
  },
  'AWS::Pipes::Pipe': { name: 'Name', arn: (id) => `pipes:*R:pipe/${id}` },
  'AWS::Scheduler::Schedule': {
    name: 'Name',
    arn: (id, property) => `scheduler:*R:schedule/${property('GroupName') ?? 'default'}/${id}`,
  },
  'AWS::Scheduler::ScheduleGroup': { name: 'Name', arn: (id) => `scheduler:*R:schedule-group/${id}` },
};

const COMPUTE: Readonly<Record<string, Identity>> = {
  'AWS::Batch::JobDefinition': {
    name: 'JobDefinitionName',
    arn: (id, _, logicalId) => `batch:*R:job-definition/${id}:${madeUp(logicalId)}`,
    ref: arn,
  },
  'AWS::Batch::JobQueue': {
    name: 'JobQueueName',
    arn: (id) => `batch:*R:job-queue/${id}`,
    ref: arn,
    attributes: { JobQueueArn: arn },
  },
  'AWS::CodeBuild::Project': { name: 'Name', arn: (id) => `codebuild:*R:project/${id}` },
  'AWS::CodePipeline::Pipeline': { name: 'Name', arn: (id) => `codepipeline:*R:${id}` },
  'AWS::ECS::Cluster': { name: 'ClusterName', arn: (id) => `ecs:*R:cluster/${id}` },
  'AWS::ECS::TaskDefinition': {
    name: 'Family',
    arn: (id, _, logicalId) => `ecs:*R:task-definition/${id}:${madeUp(logicalId)}`,
    ref: arn,
    attributes: { TaskDefinitionArn: arn },
  },
  'AWS::Lambda::Alias': {
    name: 'Name',
    arn: (id, property) => `lambda:${functionPart(String(property('FunctionName')))}:${id}`,
    ref: arn,
    attributes: { AliasArn: arn },
  },
  'AWS::Lambda::Function': { name: 'FunctionName', arn: (id) => `lambda:*R:function:${id}` },
  'AWS::Lambda::Version': {
    arn: (_, property, logicalId) =>
      `lambda:${functionPart(String(property('FunctionName')))}:${placeholder('attribute', `${logicalId}.Version`)}`,
    ref: arn,
    attributes: { Version: versionOf, FunctionArn: arn },
  },
  'AWS::SSM::Document': { name: 'Name', arn: (id) => `ssm:*R:document/${id}` },
  'AWS::SageMaker::Pipeline': { name: 'PipelineName', arn: (id) => `sagemaker:*R:pipeline/${id}` },
  'AWS::StepFunctions::StateMachine': {
    name: 'StateMachineName',
    arn: (id) => `states:*R:stateMachine:${id}`,
    ref: arn,
    attributes: { Name: name },
  },
};

const STORAGE: Readonly<Record<string, Identity>> = {
  'AWS::DynamoDB::GlobalTable': {
    name: 'TableName',
    arn: (id) => `dynamodb:*R:table/${id}`,
    attributes: { StreamArn: streamArn },
  },
  'AWS::DynamoDB::Table': {
    name: 'TableName',
    arn: (id) => `dynamodb:*R:table/${id}`,
    attributes: { StreamArn: streamArn },
  },
  'AWS::KMS::Alias': { name: 'AliasName', arn: (id) => `kms:*R:${id}` },
  'AWS::KMS::Key': { arn: (id) => `kms:*R:key/${id}`, attributes: { KeyId: name } },
  'AWS::Kinesis::Stream': { name: 'Name', arn: (id) => `kinesis:*R:stream/${id}` },
  'AWS::KinesisFirehose::DeliveryStream': {
    name: 'DeliveryStreamName',
    arn: (id) => `firehose:*R:deliverystream/${id}`,
  },
  'AWS::Redshift::Cluster': { name: 'ClusterIdentifier', arn: (id) => `redshift:*R:cluster:${id}` },
  'AWS::S3::Bucket': {
    name: 'BucketName',
    arn: (id) => `s3:::${id}`,
    attributes: {
      DomainName: ({ name: bucket }, { urlSuffix }) => `${bucket}.s3.${urlSuffix}`,
      RegionalDomainName: ({ name: bucket }, { region, urlSuffix }) => `${bucket}.s3.${region}.${urlSuffix}`,
    },
  },
  'AWS::SNS::Topic': {
    name: 'TopicName',
    arn: (id) => `sns:*R:${id}`,
    ref: arn,
    attributes: { TopicArn: arn, TopicName: name },
  },
  'AWS::SQS::Queue': {
    name: 'QueueName',
    arn: (id) => `sqs:*R:${id}`,
    ref: queueUrl,
    attributes: { QueueName: name, QueueUrl: queueUrl },
  },
  'AWS::SSM::Parameter': {
    name: 'Name',
    arn: (id) => `ssm:*R:parameter/${id.replace(/^\//, '')}`,
    attributes: { Value: ({ properties }) => String(properties.Value) },
  },
  'AWS::SecretsManager::Secret': {
    name: 'Name',
    arn: (id, _, logicalId) => `secretsmanager:*R:secret:${id}-${madeUp(logicalId)}`,
    ref: arn,
    attributes: { Id: arn },
  },
};

const SUPPORT: Readonly<Record<string, Identity>> = {
  'AWS::CloudWatch::Alarm': { name: 'AlarmName', arn: (id) => `cloudwatch:*R:alarm:${id}` },
  'AWS::CloudWatch::CompositeAlarm': { name: 'AlarmName', arn: (id) => `cloudwatch:*R:alarm:${id}` },
  'AWS::CloudWatch::Dashboard': { name: 'DashboardName', arn: (id) => `cloudwatch:*R:dashboard/${id}` },
  'AWS::IAM::Group': { name: 'GroupName', arn: (id) => `iam::*A:group/${id}` },
  'AWS::IAM::ManagedPolicy': {
    name: 'ManagedPolicyName',
    arn: (id, property) => `iam::*A:policy${property('Path') ?? '/'}${id}`,
    ref: arn,
    attributes: { PolicyArn: arn },
  },
  'AWS::IAM::Policy': { name: 'PolicyName', arn: (id) => `iam::*A:policy/${id}` },
  'AWS::IAM::Role': {
    name: 'RoleName',
    arn: (id, property) => `iam::*A:role${property('Path') ?? '/'}${id}`,
    attributes: { RoleId: name },
  },
  'AWS::IAM::User': { name: 'UserName', arn: (id) => `iam::*A:user/${id}` },
  'AWS::Logs::LogGroup': { name: 'LogGroupName', arn: (id) => `logs:*R:log-group:${id}:*` },
  'AWS::Logs::LogStream': {
    name: 'LogStreamName',
    arn: (id, property) => `logs:*R:log-group:${property('LogGroupName')}:log-stream:${id}`,
  },
};

/** Identities by resource type. `Ref` and attributes of any other type are placeholders. */
export const IDENTITIES: Readonly<Record<string, Identity>> = {
  ...EVENTS,
  ...COMPUTE,
  ...STORAGE,
  ...SUPPORT,
};

/** Shortest limit of all types but archives; S3's. */
const MAX_GENERATED_NAME = 63;
const HASH_LENGTH = 8;

/**
 * Names for the resources of a stack without a name: `<stack>-<logical id>`, cut to the service's maximum length.
 * CloudFormation appends random characters, and shortens both parts, the stack's first; here a hash is appended where the name would not be unique.
 * @param given physical names that the template gives, of any type
 * @returns names by logical id
 */
export function generatedNames(
  stackName: string,
  resources: readonly (readonly [logicalId: string, type: string])[],
  given: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const wholes = resources.map(([logicalId]) => `${stackName}-${logicalId}`.toLowerCase());
  const isTaken = (whole: string) => given.has(whole) || wholes.indexOf(whole) !== wholes.lastIndexOf(whole);
  return new Map(
    resources.map(([logicalId, type]) => {
      const whole = `${stackName}-${logicalId}`;
      const limit = IDENTITIES[type]?.maxLength ?? MAX_GENERATED_NAME;
      const isUnique = whole.length <= limit && !isTaken(whole.toLowerCase());
      const hash = createHash('sha256').update(logicalId).digest('hex').slice(0, HASH_LENGTH);
      const generated = isUnique ? whole : shortened(stackName, logicalId, limit - HASH_LENGTH - 1) + hash;
      return [logicalId, type === 'AWS::S3::Bucket' ? generated.toLowerCase() : generated];
    }),
  );
}

/** The logical id says more than the stack's name, so that is shortened first. */
function shortened(stackName: string, logicalId: string, room: number): string {
  const id = logicalId.slice(0, Math.floor((room * 2) / 3));
  return `${stackName.slice(0, room - id.length - 1)}-${id}-`.replace(/^-/, '');
}
