import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { GuardOptions } from '../../../../tools/local/endpoint/guard';
import { SystemWorld } from '../../../../tools/local/services/world';
import { LocalStack } from '../../../../tools/local/stack';
import type { TimedStep } from '../../../../tools/local/steps';
import { readAssembly } from '../../../../tools/template/assembly';

const ref = (id: string) => ({ Ref: id });
const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const allow = (service: string, queue: string) => ({
  PolicyDocument: {
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: service },
        Action: 'sqs:SendMessage',
        Resource: arnOf(queue),
      },
    ],
  },
  Queues: [ref(queue)],
});

/** One of everything that the endpoint speaks for. */
const TEMPLATE = {
  Resources: {
    Bus: {
      Type: 'AWS::Events::EventBus',
      Properties: { Name: 'bus', Description: 'The bus', KmsKeyIdentifier: arnOf('Key') },
    },
    Key: {
      Type: 'AWS::KMS::Key',
      Properties: {
        Description: 'Events',
        EnableKeyRotation: true,
        KeyPolicy: { Statement: [{ Effect: 'Allow', Principal: '*', Action: 'kms:*', Resource: '*' }] },
      },
    },
    KeyAlias: { Type: 'AWS::KMS::Alias', Properties: { AliasName: 'alias/events', TargetKeyId: ref('Key') } },
    Group: { Type: 'AWS::Scheduler::ScheduleGroup', Properties: { Name: 'reports' } },
    WallClock: {
      Type: 'AWS::Scheduler::Schedule',
      Properties: {
        Name: 'weekly',
        GroupName: ref('Group'),
        ScheduleExpression: 'cron(0 9 ? * MON *)',
        ScheduleExpressionTimezone: 'Europe/Berlin',
        FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 5 },
        Target: { Arn: arnOf('Inbox'), RoleArn: arnOf('Role'), Input: '{"a":1}' },
      },
    },
    Archive: {
      Type: 'AWS::Events::Archive',
      Properties: { ArchiveName: 'archive', SourceArn: arnOf('Bus'), RetentionDays: 7 },
    },
    Rule: {
      Type: 'AWS::Events::Rule',
      Properties: {
        Name: 'created',
        EventBusName: ref('Bus'),
        EventPattern: { source: ['app'], 'detail-type': ['Created'] },
        State: 'ENABLED',
        Targets: [{ Id: 'Inbox', Arn: arnOf('Inbox') }],
      },
    },
    Schedule: {
      Type: 'AWS::Events::Rule',
      Properties: {
        Name: 'daily',
        ScheduleExpression: 'cron(0 9 * * ? *)',
        Targets: [{ Id: 'Inbox', Arn: arnOf('Inbox') }],
      },
    },
    Inbox: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'inbox', VisibilityTimeout: 30 } },
    InboxPolicy: { Type: 'AWS::SQS::QueuePolicy', Properties: allow('events.amazonaws.com', 'Inbox') },
    Failed: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'failed' } },
    // Of the alarm alone: it is evaluated each minute, whatever other tests have left in their queues by then.
    Watched: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'watched' } },
    Topic: { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'news' } },
    Table: {
      Type: 'AWS::DynamoDB::Table',
      Properties: {
        TableName: 'orders',
        KeySchema: [{ AttributeName: 'orderId', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'orderId', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      },
    },
    Stream: {
      Type: 'AWS::KinesisFirehose::DeliveryStream',
      Properties: {
        DeliveryStreamName: 'stream',
        DeliveryStreamType: 'DirectPut',
        ExtendedS3DestinationConfiguration: {
          BucketARN: 'arn:aws:s3:::lake',
          RoleARN: arnOf('Role'),
          CompressionFormat: 'GZIP',
          BufferingHints: { IntervalInSeconds: 900, SizeInMBs: 128 },
        },
      },
    },
    Role: {
      Type: 'AWS::IAM::Role',
      Properties: {
        RoleName: 'echo-role',
        AssumeRolePolicyDocument: {},
        Policies: [
          {
            PolicyName: 'own',
            PolicyDocument: {
              Statement: [{ Effect: 'Allow', Action: 'dynamodb:PutItem', Resource: arnOf('Table') }],
            },
          },
        ],
      },
    },
    Function: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        FunctionName: 'echo',
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Role: arnOf('Role'),
        Timeout: 10,
        MemorySize: 128,
        Code: { S3Bucket: 'assets', S3Key: 'echo.zip' },
      },
    },
    DepthAlarm: {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        AlarmName: 'inbox-depth',
        AlarmDescription: 'Events lie in the inbox.',
        Namespace: 'AWS/SQS',
        MetricName: 'ApproximateNumberOfMessagesVisible',
        Dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': ['Watched', 'QueueName'] } }],
        Statistic: 'Maximum',
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 1,
        ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        AlarmActions: [ref('Topic')],
      },
    },
    ErrorsAlarm: {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        AlarmName: 'echo-errors',
        Namespace: 'AWS/Lambda',
        MetricName: 'Errors',
        Statistic: 'Sum',
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 0,
        ComparisonOperator: 'GreaterThanThreshold',
      },
    },
  },
  Outputs: { BusName: { Value: ref('Bus') }, InboxUrl: { Value: ref('Inbox') } },
};

const HANDLER = `
exports.handler = async (event, context) => {
  console.log('got ' + JSON.stringify(event));
  if (event.fail) throw new TypeError(event.fail);
  return { echo: event };
};
`;

export interface RunningStack {
  readonly stack: LocalStack;
  readonly steps: TimedStep[];
  stop(): Promise<void>;
}

/** Runs the template above on a port of the system's choice. */
export async function startStack(guard: GuardOptions = {}): Promise<RunningStack> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'endpoint-'));
  const write = (file: string, content: unknown) =>
    fs.writeFileSync(
      path.join(directory, file),
      typeof content === 'string' ? content : JSON.stringify(content),
    );
  fs.mkdirSync(path.join(directory, 'asset'));
  write('asset/index.js', HANDLER);
  write('template.json', TEMPLATE);
  write('assets.json', {
    files: {
      echo: {
        source: { path: 'asset', packaging: 'zip' },
        destinations: { here: { objectKey: 'echo.zip' } },
      },
    },
  });
  write('manifest.json', {
    artifacts: {
      shop: { type: 'aws:cloudformation:stack', properties: { templateFile: 'template.json' } },
      'shop.assets': { type: 'cdk:asset-manifest', properties: { file: 'assets.json' } },
    },
  });
  const steps: TimedStep[] = [];
  const stack = await LocalStack.start({
    assembly: readAssembly(directory, { region: 'us-east-1' }),
    world: new SystemWorld(),
    port: 0,
    guard,
    onStep: (step) => steps.push(step),
  });
  return {
    stack,
    steps,
    async stop() {
      await stack.stop();
      fs.rmSync(directory, { recursive: true });
    },
  };
}
