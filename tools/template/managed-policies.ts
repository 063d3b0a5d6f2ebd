/**
 * AWS managed policies that matter for handling events. Actions that no event's way needs may be left out; none is
 * added: compared with the published documents of February 2025, all but AmazonDynamoDBFullAccess_v2, which is younger.
 * https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
 */
import type { Statement } from './policy-document';

const on = (Resource: string | readonly string[], ...Action: readonly string[]): Statement => ({
  Effect: 'Allow',
  Action,
  Resource,
});
const allow = (...actions: readonly string[]): Statement => on('*', ...actions);

const LOGS = ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'];
const NETWORK = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];

/** Policies by the part of the ARN after `:policy/`. */
const POLICIES: Readonly<Record<string, readonly Statement[]>> = {
  AdministratorAccess: [allow('*')],
  AWSDenyAll: [{ Effect: 'Deny', Action: '*', Resource: '*' }],
  PowerUserAccess: [{ Effect: 'Allow', NotAction: ['iam:*', 'organizations:*', 'account:*'], Resource: '*' }],
  AWSXRayDaemonWriteAccess: [
    allow(
      'xray:PutTraceSegments',
      'xray:PutTelemetryRecords',
      'xray:GetSamplingRules',
      'xray:GetSamplingTargets',
      'xray:GetSamplingStatisticSummaries',
    ),
  ],
  AWSXrayWriteOnlyAccess: [
    allow(
      'xray:PutTraceSegments',
      'xray:PutTelemetryRecords',
      'xray:GetSamplingRules',
      'xray:GetSamplingTargets',
      'xray:GetSamplingStatisticSummaries',
    ),
  ],
  AmazonDynamoDBFullAccess: [allow('dynamodb:*', 'dax:*')],
  AmazonDynamoDBFullAccess_v2: [allow('dynamodb:*', 'dax:*')],
  AmazonDynamoDBReadOnlyAccess: [
    allow(
      'dynamodb:BatchGetItem',
      'dynamodb:Describe*',
      'dynamodb:List*',
      'dynamodb:GetItem',
      'dynamodb:GetResourcePolicy',
      'dynamodb:Query',
      'dynamodb:Scan',
      'dynamodb:PartiQLSelect',
    ),
  ],
  AmazonEventBridgeFullAccess: [allow('events:*', 'schemas:*', 'scheduler:*', 'pipes:*')],
  AmazonKinesisFirehoseFullAccess: [allow('firehose:*')],
  AmazonKinesisFullAccess: [allow('kinesis:*')],
  AmazonS3FullAccess: [allow('s3:*', 's3-object-lambda:*')],
  AmazonS3ReadOnlyAccess: [
    allow('s3:Get*', 's3:List*', 's3:Describe*', 's3-object-lambda:Get*', 's3-object-lambda:List*'),
  ],
  AmazonSNSFullAccess: [allow('sns:*')],
  AmazonSQSFullAccess: [allow('sqs:*')],
  AmazonSQSReadOnlyAccess: [
    allow(
      'sqs:GetQueueAttributes',
      'sqs:GetQueueUrl',
      'sqs:ListDeadLetterSourceQueues',
      'sqs:ListQueues',
      'sqs:ListMessageMoveTasks',
      'sqs:ListQueueTags',
    ),
  ],
  AWSStepFunctionsFullAccess: [allow('states:*')],
  CloudWatchEventsFullAccess: [allow('events:*', 'schemas:*', 'scheduler:*', 'pipes:*')],
  CloudWatchFullAccessV2: [
    allow('cloudwatch:*', 'logs:*', 'xray:*', 'sns:CreateTopic', 'sns:ListTopics', 'sns:Subscribe'),
  ],
  CloudWatchLambdaInsightsExecutionRolePolicy: [
    on('*', 'logs:CreateLogGroup'),
    on('arn:aws:logs:*:*:log-group:/aws/lambda-insights:*', 'logs:CreateLogStream', 'logs:PutLogEvents'),
  ],
  CloudWatchLogsFullAccess: [allow('logs:*')],
  'service-role/AWSLambdaBasicExecutionRole': [allow(...LOGS)],
  'service-role/AWSLambdaVPCAccessExecutionRole': [allow(...LOGS, ...NETWORK)],
  'service-role/AWSLambdaSQSQueueExecutionRole': [
    allow('sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', ...LOGS),
  ],
  'service-role/AWSLambdaKinesisExecutionRole': [
    allow(
      'kinesis:DescribeStream',
      'kinesis:DescribeStreamSummary',
      'kinesis:GetRecords',
      'kinesis:GetShardIterator',
      'kinesis:ListShards',
      'kinesis:ListStreams',
      'kinesis:SubscribeToShard',
      ...LOGS,
    ),
  ],
  'service-role/AWSLambdaDynamoDBExecutionRole': [
    allow(
      'dynamodb:DescribeStream',
      'dynamodb:GetRecords',
      'dynamodb:GetShardIterator',
      'dynamodb:ListStreams',
      ...LOGS,
    ),
  ],
  'service-role/AWSLambdaRole': [allow('lambda:InvokeFunction')],
  'service-role/AmazonEC2ContainerServiceEventsRole': [
    allow('ecs:RunTask'),
    {
      Effect: 'Allow',
      Action: 'iam:PassRole',
      Resource: '*',
      Condition: { StringLike: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    },
  ],
  'service-role/CloudWatchEventsInvocationAccess': [allow('kinesis:PutRecord')],
  'service-role/AWSBatchServiceEventTargetRole': [allow('batch:SubmitJob')],
};

/** @returns the statements of an AWS managed policy; undefined if it is not in the table */
export function managedPolicy(arn: string): readonly Statement[] | undefined {
  const [, name = ''] = /^arn:[^:]*:iam::aws:policy\/(.+)$/.exec(arn) ?? [];
  return Object.hasOwn(POLICIES, name) ? POLICIES[name] : undefined;
}
