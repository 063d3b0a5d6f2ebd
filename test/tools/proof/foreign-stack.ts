/** A template by hand, of a stack that nobody has described: each way to hand an event on, with nothing amiss. */
import type { Assembly } from '../../../tools/template/assembly';
import { assemblyOf } from './assembly';

// biome-ignore lint/suspicious/noExplicitAny: templates have no static type
type Json = any;

const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const queue = (properties: object = {}) => ({ Type: 'AWS::SQS::Queue', Properties: properties });
const allow = (Action: string | string[], Resource: unknown) => ({ Effect: 'Allow', Action, Resource });
const role = (Service: string, ...Statement: object[]) => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    AssumeRolePolicyDocument: {
      Statement: [{ Effect: 'Allow', Principal: { Service }, Action: 'sts:AssumeRole' }],
    },
    Policies: [{ PolicyName: 'own', PolicyDocument: { Statement } }],
  },
});
const READ_QUEUE = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];
const READ_STREAM = [
  'kinesis:GetRecords',
  'kinesis:GetShardIterator',
  'kinesis:DescribeStream',
  'kinesis:ListShards',
];

const RESOURCES = {
  Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'parcels' } },
  Archive: {
    Type: 'AWS::Events::Archive',
    Properties: { ArchiveName: 'parcels', SourceArn: arn('Bus'), RetentionDays: 0 },
  },
  Rule: {
    Type: 'AWS::Events::Rule',
    Properties: {
      EventBusName: { Ref: 'Bus' },
      EventPattern: {
        source: ['depot'],
        detail: { kind: [{ suffix: '.crate' }], note: [{ exists: false }] },
      },
      Targets: [
        { Id: 'queue', Arn: arn('Work') },
        { Id: 'topic', Arn: { Ref: 'Topic' } },
      ],
    },
  },
  Dead: queue({ QueueName: 'dead' }),
  Work: queue({
    VisibilityTimeout: 60,
    RedrivePolicy: { deadLetterTargetArn: arn('Dead'), maxReceiveCount: 4 },
  }),
  Topic: { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'news' } },
  Mail: {
    Type: 'AWS::SNS::Subscription',
    Properties: { TopicArn: { Ref: 'Topic' }, Protocol: 'lambda', Endpoint: arn('Worker') },
  },
  Stream: { Type: 'AWS::Kinesis::Stream', Properties: { ShardCount: 1 } },
  Worker: {
    Type: 'AWS::Lambda::Function',
    Properties: {
      FunctionName: 'worker',
      Role: arn('WorkerRole'),
      Code: {},
      Handler: 'index.handler',
      Runtime: 'nodejs22.x',
      Timeout: 10,
    },
  },
  WorkerRole: role(
    'lambda.amazonaws.com',
    allow(READ_QUEUE, arn('Work')),
    allow(READ_STREAM, arn('Stream')),
    allow('sqs:SendMessage', arn('Dead')),
  ),
  WorkerConfig: {
    Type: 'AWS::Lambda::EventInvokeConfig',
    Properties: {
      FunctionName: { Ref: 'Worker' },
      Qualifier: '$LATEST',
      DestinationConfig: { OnFailure: { Destination: arn('Dead') } },
    },
  },
  QueueMapping: {
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: { FunctionName: { Ref: 'Worker' }, EventSourceArn: arn('Work') },
  },
  StreamMapping: {
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: {
      FunctionName: { Ref: 'Worker' },
      EventSourceArn: arn('Stream'),
      DestinationConfig: { OnFailure: { Destination: arn('Dead') } },
    },
  },
  Pipe: {
    Type: 'AWS::Pipes::Pipe',
    Properties: {
      Source: arn('Stream'),
      SourceParameters: { KinesisStreamParameters: { DeadLetterConfig: { Arn: arn('Dead') } } },
      Target: arn('Work'),
      RoleArn: arn('PipeRole'),
    },
  },
  PipeRole: role(
    'pipes.amazonaws.com',
    allow(READ_STREAM, arn('Stream')),
    allow('sqs:SendMessage', arn('Work')),
  ),
  Schedule: {
    Type: 'AWS::Scheduler::Schedule',
    Properties: {
      Name: 'nightly',
      ScheduleExpression: 'cron(0 3 * * ? *)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        Arn: arn('Work'),
        RoleArn: arn('ScheduleRole'),
        Input: '{}',
        DeadLetterConfig: { Arn: arn('Dead') },
      },
    },
  },
  ScheduleRole: role(
    'scheduler.amazonaws.com',
    allow('sqs:SendMessage', arn('Work')),
    allow('sqs:SendMessage', arn('Dead')),
  ),
  Delivery: {
    Type: 'AWS::KinesisFirehose::DeliveryStream',
    Properties: {
      DeliveryStreamName: 'delivery',
      S3DestinationConfiguration: { BucketARN: arn('Bucket'), RoleARN: arn('DeliveryRole') },
    },
  },
  Bucket: { Type: 'AWS::S3::Bucket', Properties: {} },
  DeliveryRole: role('firehose.amazonaws.com', allow('s3:*', '*')),
};

/** The stack, after a change to its resources. */
export function foreignStack(change: (resources: Json) => void = () => {}): Assembly {
  const Resources = structuredClone(RESOURCES);
  change(Resources);
  return assemblyOf({ Resources }, 'depot');
}
