/** Findings of the audit on each way to hand an event on, in a stack that nobody has described. */
import { UNDESCRIBED } from '../../../../tools/app';
import { auditHops } from '../../../../tools/proof/audit/audit';
import { foreignStack } from '../foreign-stack';

// biome-ignore lint/suspicious/noExplicitAny: templates have no static type
type Resources = any;

function findingsOf(change?: (resources: Resources) => void): string[] {
  const { gaps, unknown } = auditHops(foreignStack(change), UNDESCRIBED);
  return [
    ...gaps.map(({ resource, message }) => `gap: ${resource}: ${message}`),
    ...unknown.map(({ resource, message }) => `cannot tell: ${resource}: ${message}`),
  ];
}

const intact = findingsOf();
/** Adds a rule that fires by a schedule. */
const timer = (resources: Resources, properties: object) => {
  resources.Timer = {
    Type: 'AWS::Events::Rule',
    Properties: {
      ScheduleExpression: 'rate(1 hour)',
      Targets: [{ Id: 'queue', Arn: { 'Fn::GetAtt': ['Work', 'Arn'] } }],
      ...properties,
    },
  };
};

const PARAMETER = { 'Fn::ImportValue': 'elsewhere' };
const ELSEWHERE = 'arn:aws:sqs:us-east-1:000000000000:elsewhere';

test.each<[finding: string, change: (resources: Resources) => void]>([
  ['gap: Pipe: it is stopped', ({ Pipe }) => (Pipe.Properties.DesiredState = 'STOPPED')],
  [
    'cannot tell: Pipe: its role is ',
    ({ Pipe }) => (Pipe.Properties.RoleArn = 'arn:aws:iam::000000000000:role/gone'),
  ],
  ['cannot tell: Pipe: its target is ', ({ Pipe }) => (Pipe.Properties.Target = ELSEWHERE)],
  [
    'gap: Pipe: it has no dead-letter queue',
    ({ Pipe }) => (Pipe.Properties.SourceParameters = { KinesisStreamParameters: {} }),
  ],
  [
    'cannot tell: Pipe: what arn:aws:unheard-of:us-east-1:000000000000:thing needs',
    ({ Pipe }) => (Pipe.Properties.Target = 'arn:aws:unheard-of:us-east-1:000000000000:thing'),
  ],
  [
    'gap: Pipe: states:StartSyncExecution is not allowed for its role',
    ({ Pipe }) => (Pipe.Properties.Enrichment = 'arn:aws:states:us-east-1:000000000000:stateMachine:enrich'),
  ],
  [
    'gap: Pipe: ecs:RunTask is not allowed for its role',
    ({ Pipe }) => {
      Pipe.Properties.Target = 'arn:aws:ecs:us-east-1:000000000000:cluster/jobs';
      Pipe.Properties.TargetParameters = {
        EcsTaskParameters: { TaskDefinitionArn: 'arn:aws:ecs:us-east-1:000000000000:task-definition/job' },
      };
    },
  ],
  ['gap: Schedule: it is disabled', ({ Schedule }) => (Schedule.Properties.State = 'DISABLED')],
  [
    'gap: Schedule: it has no retry',
    ({ Schedule }) => (Schedule.Properties.Target.RetryPolicy = { MaximumRetryAttempts: 0 }),
  ],
  ['cannot tell: Schedule: its target is ', ({ Schedule }) => (Schedule.Properties.Target.Arn = ELSEWHERE)],
  [
    'cannot tell: Schedule: its role is ',
    ({ Schedule }) => (Schedule.Properties.Target.RoleArn = 'arn:aws:iam::000000000000:role/gone'),
  ],
  [
    'cannot tell: Schedule: what its role needs for arn:aws:scheduler:::aws-sdk:ec2:stopInstances: the parameters',
    ({ Schedule }) => (Schedule.Properties.Target.Arn = 'arn:aws:scheduler:::aws-sdk:ec2:stopInstances'),
  ],
  [
    'gap: Schedule: it has no dead-letter queue',
    ({ Schedule }) => delete Schedule.Properties.Target.DeadLetterConfig,
  ],
  [
    'cannot tell: Schedule: which dead-letter queue it has',
    ({ Schedule }) => (Schedule.Properties.Target.DeadLetterConfig = PARAMETER),
  ],
  [
    'cannot tell: Schedule: its dead-letter queue is ',
    ({ Schedule }) => (Schedule.Properties.Target.DeadLetterConfig.Arn = ELSEWHERE),
  ],
  ['gap: Dead: Scheduler takes no FIFO queue', ({ Dead }) => (Dead.Properties.FifoQueue = true)],
  ['gap: Dead: Lambda takes no FIFO queue', ({ Dead }) => (Dead.Properties.FifoQueue = true)],
  ['gap: QueueMapping: it is not enabled', ({ QueueMapping }) => (QueueMapping.Properties.Enabled = false)],
  [
    'cannot tell: QueueMapping: whether it is enabled',
    ({ QueueMapping }) => (QueueMapping.Properties.Enabled = PARAMETER),
  ],
  [
    'cannot tell: QueueMapping: its function is ',
    ({ QueueMapping }) => (QueueMapping.Properties.FunctionName = 'gone'),
  ],
  [
    'cannot tell: QueueMapping: what its function needs: a source without an ARN',
    ({ QueueMapping }) => delete QueueMapping.Properties.EventSourceArn,
  ],
  [
    'gap: Work: its VisibilityTimeout of 5 s is less than the 10 s',
    ({ Work }) => (Work.Properties.VisibilityTimeout = 5),
  ],
  ['gap: Work: it has no RedrivePolicy', ({ Work }) => delete Work.Properties.RedrivePolicy],
  [
    'gap: StreamMapping: it has no on-failure destination',
    ({ StreamMapping }) => delete StreamMapping.Properties.DestinationConfig,
  ],
  [
    'cannot tell: StreamMapping: which on-failure destination it has',
    ({ StreamMapping }) => (StreamMapping.Properties.DestinationConfig = PARAMETER),
  ],
  [
    'cannot tell: Delivery: what becomes of its records',
    ({ Delivery }) => delete Delivery.Properties.S3DestinationConfiguration,
  ],
  [
    'cannot tell: Delivery: its bucket is ',
    ({ Delivery }) => (Delivery.Properties.S3DestinationConfiguration.BucketARN = 'arn:aws:s3:::gone'),
  ],
  [
    'cannot tell: Delivery: its role is ',
    ({ Delivery }) =>
      (Delivery.Properties.S3DestinationConfiguration.RoleARN = 'arn:aws:iam::000000000000:role/gone'),
  ],
  [
    'gap: Bucket: it does not block all public access',
    ({ Bucket }) => (Bucket.Properties.PublicAccessBlockConfiguration = { BlockPublicAcls: true }),
  ],
  [
    'cannot tell: Worker: how long it is tried again',
    ({ WorkerConfig }) => (WorkerConfig.Properties.MaximumRetryAttempts = PARAMETER),
  ],
  [
    'gap: Worker: what its handler throws is not tried again',
    ({ WorkerConfig }) => (WorkerConfig.Properties.MaximumRetryAttempts = 0),
  ],
  [
    'gap: Worker: Lambda gives an event up after 2 min',
    ({ WorkerConfig }) => (WorkerConfig.Properties.MaximumEventAgeInSeconds = 120),
  ],
  [
    'cannot tell: Worker: which on-failure destination it has',
    ({ WorkerConfig }) => (WorkerConfig.Properties.DestinationConfig = PARAMETER),
  ],
  [
    'cannot tell: Worker: its on-failure destination is ',
    ({ WorkerConfig }) => (WorkerConfig.Properties.DestinationConfig.OnFailure.Destination = ELSEWHERE),
  ],
  [
    'gap: Worker: s3:PutObject is not allowed for its role',
    ({ WorkerConfig }) =>
      (WorkerConfig.Properties.DestinationConfig.OnFailure.Destination = { 'Fn::GetAtt': ['Bucket', 'Arn'] }),
  ],
  [
    'gap: Worker: ReservedConcurrentExecutions is 0',
    ({ Worker }) => (Worker.Properties.ReservedConcurrentExecutions = 0),
  ],
  [
    'cannot tell: Worker: its role is ',
    ({ Worker }) => (Worker.Properties.Role = 'arn:aws:iam::000000000000:role/gone'),
  ],
  [
    'cannot tell: Worker: its log group /own is not in this template',
    ({ Worker }) => (Worker.Properties.LoggingConfig = { LogGroup: '/own' }),
  ],
  ['gap: Bus: it has no archive', (resources) => delete resources.Archive],
  ['gap: Timer: it is disabled: it never fires', (resources) => timer(resources, { State: 'DISABLED' })],
  [
    'gap: Timer: its schedule never fires',
    (resources) => timer(resources, { ScheduleExpression: 'cron(0 0 31 2 ? *)' }),
  ],
  [
    'cannot tell: Timer: when its schedule fires: elsewhere is exported',
    (resources) => timer(resources, { ScheduleExpression: PARAMETER }),
  ],
  [
    'gap: Rule: target queue has no retry',
    ({ Rule }) => (Rule.Properties.Targets[0].RetryPolicy = { MaximumRetryAttempts: 0 }),
  ],
  [
    'gap: Rule: the dead-letter queue of target queue is arn:aws:sns:us-east-1:000000000000:news, no queue',
    ({ Rule }) => (Rule.Properties.Targets[0].DeadLetterConfig = { Arn: { Ref: 'Topic' } }),
  ],
  [
    'gap: Dead: EventBridge takes no FIFO queue for dead letters',
    ({ Rule, Dead }) => {
      Rule.Properties.Targets[0].DeadLetterConfig = { Arn: { 'Fn::GetAtt': ['Dead', 'Arn'] } };
      Dead.Properties.FifoQueue = 'true';
    },
  ],
  [
    'gap: Dead: it takes no failures of a stream: it is a FIFO queue',
    ({ Dead }) => (Dead.Properties.FifoQueue = true),
  ],
  [
    'gap: Work: its dead-letter queue must be a standard queue, as it is one itself',
    ({ Dead }) => (Dead.Properties.FifoQueue = true),
  ],
  [
    'gap: Work: its dead-letter queue must be a FIFO queue, as it is one itself',
    ({ Work }) => (Work.Properties.FifoQueue = true),
  ],
  [
    'cannot tell: Work: its dead-letter queue is ',
    ({ Work }) => (Work.Properties.RedrivePolicy.deadLetterTargetArn = ELSEWHERE),
  ],
  [
    'cannot tell: Work: what its RedrivePolicy is: ',
    ({ Work }) => (Work.Properties.RedrivePolicy = PARAMETER),
  ],
  [
    'gap: Dead: SqsManagedSseEnabled is false: what it holds',
    ({ Dead }) => (Dead.Properties.SqsManagedSseEnabled = 'false'),
  ],
  [
    'cannot tell: StreamMapping: the destination of its failures is ',
    ({ StreamMapping }) => (StreamMapping.Properties.DestinationConfig.OnFailure.Destination = ELSEWHERE),
  ],
  [
    'gap: StreamMapping: the destination of its failures is arn:aws:kinesis:',
    ({ StreamMapping }) =>
      (StreamMapping.Properties.DestinationConfig.OnFailure.Destination = {
        'Fn::GetAtt': ['Stream', 'Arn'],
      }),
  ],
  [
    'gap: StreamMapping: s3:PutObject is not allowed for its role, on the destination of its failures',
    ({ StreamMapping }) =>
      (StreamMapping.Properties.DestinationConfig.OnFailure.Destination = {
        'Fn::GetAtt': ['Bucket', 'Arn'],
      }),
  ],
  [
    'cannot tell: Worker: what its role needs to read from arn:aws:kafka:us-east-1:000000000000:cluster/c',
    ({ StreamMapping }) =>
      (StreamMapping.Properties.EventSourceArn = 'arn:aws:kafka:us-east-1:000000000000:cluster/c'),
  ],
  [
    'gap: Worker: its on-failure destination is arn:aws:kinesis:',
    ({ WorkerConfig }) =>
      (WorkerConfig.Properties.DestinationConfig.OnFailure.Destination = { 'Fn::GetAtt': ['Stream', 'Arn'] }),
  ],
  [
    'gap: Worker: lambda:InvokeFunction is not allowed for its role, on its on-failure destination',
    ({ WorkerConfig }) =>
      (WorkerConfig.Properties.DestinationConfig.OnFailure.Destination = { 'Fn::GetAtt': ['Worker', 'Arn'] }),
  ],
  [
    'cannot tell: Worker: how long it is tried again: elsewhere is exported',
    ({ WorkerConfig }) => (WorkerConfig.Properties.MaximumEventAgeInSeconds = PARAMETER),
  ],
  [
    'cannot tell: Mail: its dead-letter queue is ',
    ({ Mail }) => (Mail.Properties.RedrivePolicy = { deadLetterTargetArn: ELSEWHERE }),
  ],
  [
    'cannot tell: Mail: what its RedrivePolicy is: ',
    ({ Mail }) => (Mail.Properties.RedrivePolicy = PARAMETER),
  ],
  [
    'cannot tell: Mail: its endpoint is ',
    ({ Mail }) => Object.assign(Mail.Properties, { Protocol: 'sqs', Endpoint: ELSEWHERE }),
  ],
  [
    'gap: Dead: sqs:SendMessage is not allowed for topic news',
    ({ Mail }) =>
      (Mail.Properties.RedrivePolicy = { deadLetterTargetArn: { 'Fn::GetAtt': ['Dead', 'Arn'] } }),
  ],
  [
    'gap: Discoverer: it discovers nothing: its bus is under a customer-managed key',
    (resources) => {
      resources.Bus.Properties.KmsKeyIdentifier = { 'Fn::GetAtt': ['Key', 'Arn'] };
      resources.Key = { Type: 'AWS::KMS::Key', Properties: {} };
      resources.Discoverer = {
        Type: 'AWS::EventSchemas::Discoverer',
        Properties: { SourceArn: { 'Fn::GetAtt': ['Bus', 'Arn'] } },
      };
    },
  ],
  [
    'gap: Work: events.amazonaws.com may not use its key. The key Key is disabled.',
    (resources) => {
      resources.Key = { Type: 'AWS::KMS::Key', Properties: { Enabled: false } };
      resources.Alias = {
        Type: 'AWS::KMS::Alias',
        Properties: { AliasName: 'alias/own', TargetKeyId: { Ref: 'Key' } },
      };
      resources.Work.Properties.KmsMasterKeyId = 'alias/own';
    },
  ],
  [
    'gap: Partner: neither it nor a bus that it hands its events to has an archive',
    (resources) => {
      resources.Partner = {
        Type: 'AWS::Events::EventBus',
        Properties: { Name: 'aws.partner/shop.com/1', EventSourceName: 'aws.partner/shop.com/1' },
      };
    },
  ],
  [
    'gap: Silent: it has no action, or they are not enabled',
    (resources) => {
      resources.Silent = {
        Type: 'AWS::CloudWatch::Alarm',
        Properties: { Namespace: 'AWS/SQS', MetricName: 'Depth', Statistic: 'Sum', AlarmActions: [] },
      };
    },
  ],
  [
    'cannot tell: Told: its action is arn:aws:sns:us-east-1:000000000000:gone',
    (resources) => {
      resources.Told = {
        Type: 'AWS::CloudWatch::Alarm',
        Properties: {
          ...{ Namespace: 'AWS/SQS', MetricName: 'Depth', Statistic: 'Sum' },
          // What restarts an instance tells nobody, and needs no looking at.
          AlarmActions: ['arn:aws:sns:us-east-1:000000000000:gone', 'arn:aws:automate:us-east-1:ec2:reboot'],
        },
      };
    },
  ],
  [
    'cannot tell: Bus: its dead-letter queue is ',
    ({ Bus }) => (Bus.Properties.DeadLetterConfig = { Arn: ELSEWHERE }),
  ],
])('%s', (finding, change) => {
  const found = findingsOf(change).filter((each) => !intact.includes(each));
  expect(found).toContainEqual(expect.stringContaining(finding));
});
