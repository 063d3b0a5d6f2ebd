/**
 * Test of the audit on other people's stacks: a template of the corpus in which nothing is wrong is broken in one
 * place at a time, and the audit must tell what was broken.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { UNDESCRIBED } from '../../../tools/app';
import { auditHops } from '../../../tools/proof/audit/audit';
import { readAssembly } from '../../../tools/template/assembly';

const CORPUS = path.join(__dirname, 'corpus');
let directory: string;
beforeAll(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mutation-'));
});
afterAll(() => fs.rmSync(directory, { recursive: true }));

/** Findings of the audit on a template in which a text is replaced, and those on the template as it is. */
function told(name: string, replaced: string, by: string): string[] {
  const text = fs.readFileSync(path.join(CORPUS, `${name}.yaml`), 'utf8');
  expect(text).toContain(replaced);
  const say = (content: string) => {
    const file = path.join(directory, `${name}.yaml`);
    fs.writeFileSync(file, content);
    const { gaps } = auditHops(readAssembly(file, { region: 'us-east-1' }), UNDESCRIBED);
    return gaps.map(({ resource, message }) => `${resource}: ${message}`);
  };
  const before = say(text);
  return say(text.replaceAll(replaced, by)).filter((line) => !before.includes(line));
}

/** Variable of `Fn::Sub`. */
const variable = (name: string) => `\${${name}}`;

const EVENTS_MAY = 'Principal: {Service: events.amazonaws.com}';
const OTHERS_MAY = 'Principal: {Service: s3.amazonaws.com}';
const ASSUMED = "Principal: {Service: events.amazonaws.com}, Action: 'sts:AssumeRole'";
const NOT_ASSUMED = "Principal: {Service: ec2.amazonaws.com}, Action: 'sts:AssumeRole'";
const NO_DEAD_LETTERS = ['          DeadLetterConfig: {Arn: !GetAtt Dead.Arn}\n', ''] as const;
const ROLE_ARN = '          RoleArn: !GetAtt Role.Arn\n';

/** Targets that a role lets EventBridge call: template, action, and what is to be told. */
const BY_ROLE: readonly (readonly [name: string, action: string])[] = [
  ['stream-of-kinesis', 'kinesis:PutRecord'],
  ['delivery-stream', 'firehose:PutRecord'],
  ['state-machine', 'states:StartExecution'],
  ['task-of-ecs', 'ecs:RunTask'],
  ['task-of-ecs', 'iam:PassRole'],
  ['job-of-batch', 'batch:SubmitJob'],
  ['build-and-pipeline', 'codebuild:StartBuild'],
  ['command-of-ssm', 'ssm:SendCommand'],
  ['stop-of-an-instance', 'ec2:StopInstances'],
  ['api-destination', 'events:InvokeApiDestination'],
  ['bus-to-bus', 'events:PutEvents'],
  ['rest-api', 'execute-api:Invoke'],
  ['redshift-and-sagemaker', 'redshift-data:ExecuteStatement'],
  ['redshift-and-sagemaker', 'sagemaker:StartPipelineExecution'],
];

test.each(BY_ROLE)('%s: a role without %s', (name, action) => {
  expect(told(name, action, 'iam:GetUser')).toContainEqual(
    expect.stringContaining(`${action} is not allowed`),
  );
});

test.each([...new Set(BY_ROLE.map(([name]) => name))])(
  '%s: a role that EventBridge may not assume',
  (name) => {
    expect(told(name, ASSUMED, NOT_ASSUMED)).toContainEqual(
      expect.stringContaining('sts:AssumeRole is not allowed for events.amazonaws.com'),
    );
  },
);

test.each(['state-machine', 'stream-of-kinesis', 'task-of-ecs', 'api-destination', 'bus-to-bus'])(
  '%s: no role',
  (name) => {
    expect(told(name, ROLE_ARN, '')).toContainEqual(expect.stringContaining('The target has no RoleArn'));
  },
);

test.each([
  'state-machine',
  'task-of-ecs',
  'bus-to-bus',
  'log-group',
  'topic-to-queue',
  'pattern-with-operators',
])('%s: no dead-letter queue', (name) => {
  expect(told(name, ...NO_DEAD_LETTERS)).toContainEqual(expect.stringMatching(/has no dead-letter queue/));
});

const OTHER: readonly (readonly [name: string, what: string, replaced: string, by: string, told: RegExp])[] =
  [
    [
      'function-by-permission',
      'another caller',
      'Principal: events.amazonaws.com, Source',
      'Principal: s3.amazonaws.com, Source',
      /^Fn: lambda:InvokeFunction is not allowed/,
    ],
    [
      'function-by-permission',
      'another action',
      "Action: 'lambda:InvokeFunction', Principal",
      "Action: 'lambda:GetFunction', Principal",
      /^Fn: lambda:InvokeFunction is not allowed/,
    ],
    [
      'function-by-permission',
      'no destination',
      'DestinationConfig: {OnFailure: {Destination: !GetAtt Failed.Arn}}',
      'MaximumEventAgeInSeconds: 3600',
      /^Fn: it has no on-failure destination/,
    ],
    [
      'function-by-permission',
      'no retry',
      'MaximumRetryAttempts: 2',
      'MaximumRetryAttempts: 0',
      /^Fn: what its handler throws is not tried again/,
    ],
    [
      'function-by-permission',
      'an age that ends before the last retry',
      'MaximumRetryAttempts: 2',
      'MaximumEventAgeInSeconds: 60',
      /^Fn: Lambda gives an event up after 1 min/,
    ],
    [
      'function-by-permission',
      'a role that may not write to its destination',
      "Action: 'sqs:SendMessage', Resource: !GetAtt Failed.Arn",
      "Action: 'sqs:SendMessage', Resource: !GetAtt Dead.Arn",
      /^Fn: sqs:SendMessage is not allowed for its role/,
    ],
    [
      'function-by-permission',
      'a role that Lambda may not assume',
      'lambda.amazonaws.com',
      'ec2.amazonaws.com',
      /^FnRole: sts:AssumeRole is not allowed for lambda/,
    ],
    [
      'function-by-permission',
      'never run',
      'Runtime: nodejs22.x',
      'ReservedConcurrentExecutions: 0',
      /^Fn: ReservedConcurrentExecutions is 0/,
    ],
    [
      'alias-of-function',
      'a permission of another alias',
      'FunctionName: !Ref Live, Action',
      `FunctionName: !Sub '${variable('Fn')}:dev', Action`,
      /^Fn: lambda:InvokeFunction is not allowed/,
    ],
    [
      'alias-of-function',
      'a configuration of another alias',
      'Qualifier: live',
      'Qualifier: dev',
      /^Fn: it has no on-failure destination for calls as live/,
    ],
    ['queue-by-policy', 'another service', EVENTS_MAY, OTHERS_MAY, /^Jobs: sqs:SendMessage is not allowed/],
    [
      'queue-by-policy',
      'another action',
      'Action: sqs:SendMessage',
      'Action: sqs:ReceiveMessage',
      /^Jobs: sqs:SendMessage is not allowed/,
    ],
    [
      'queue-by-policy',
      'every rule',
      "            Condition: {ArnEquals: {'aws:SourceArn': [!GetAtt Rule.Arn]}}\n",
      '',
      /^Jobs: it lets any rule in/,
    ],
    [
      'queue-by-policy',
      'failures that are kept for a day',
      '1209600',
      '86400',
      /^Dead: it keeps failures for 24 h/,
    ],
    [
      'queue-by-policy',
      'a region of its own',
      'Arn: !GetAtt Jobs.Arn\n          Dead',
      `Arn: !Sub 'arn:aws:sqs:eu-west-1:${variable('AWS::AccountId')}:jobs'\n          Dead`,
      /^Rule: target T is .* in the region eu-west-1/,
    ],
    [
      'queue-by-policy',
      'small dead letters',
      'MessageRetentionPeriod: 1209600',
      'MessageRetentionPeriod: 1209600, MaximumMessageSize: 1024',
      /^Dead: it takes messages of 1024 bytes/,
    ],
    [
      'queue-by-policy',
      'a disabled rule',
      'EventPattern: {source: [shop]}',
      'EventPattern: {source: [shop]}\n      State: DISABLED',
      /^Rule: it is disabled/,
    ],
    [
      'queue-fifo',
      'no message group',
      '          SqsParameters: {MessageGroupId: orders}\n',
      '',
      /^Rule: target T has no SqsParameters\.MessageGroupId/,
    ],
    [
      'queue-fifo',
      'no deduplication',
      ', ContentBasedDeduplication: true',
      '',
      /^Jobs: ContentBasedDeduplication is not on/,
    ],
    [
      'queue-under-own-key',
      'a key for another service',
      '{Effect: Allow, Principal: {Service: events.amazonaws.com}',
      '{Effect: Allow, Principal: {Service: sns.amazonaws.com}',
      /^Jobs: events\.amazonaws\.com may not use its key/,
    ],
    [
      'queue-under-own-key',
      'a key only to decrypt',
      "['kms:GenerateDataKey', 'kms:Decrypt']",
      "'kms:Decrypt'",
      /^Jobs: events\.amazonaws\.com may not use its key.*GenerateDataKey/,
    ],
    [
      'queue-under-own-key',
      'a disabled key',
      '    Properties:\n      KeyPolicy',
      '    Properties:\n      Enabled: false\n      KeyPolicy',
      /^Jobs: .*The key Key is disabled/,
    ],
    [
      'topic-to-queue',
      'a topic that keeps the rule out',
      `${EVENTS_MAY}, Action: 'sns:Publish'`,
      `${OTHERS_MAY}, Action: 'sns:Publish'`,
      /^News: sns:Publish is not allowed/,
    ],
    [
      'topic-to-queue',
      'a queue that keeps the topic out',
      'sns.amazonaws.com',
      's3.amazonaws.com',
      /^Jobs: sqs:SendMessage is not allowed for topic/,
    ],
    [
      'topic-to-queue',
      'no redrive',
      ', RedrivePolicy: {deadLetterTargetArn: !GetAtt Undelivered.Arn}',
      '',
      /^Subscription: it has no RedrivePolicy/,
    ],
    [
      'delivery-stream',
      'a role that Firehose may not assume',
      'firehose.amazonaws.com',
      'ec2.amazonaws.com',
      /^Writer: sts:AssumeRole is not allowed for firehose/,
    ],
    [
      'delivery-stream',
      'a role that may not put objects',
      's3:PutObject, ',
      '',
      /^Writer: s3:PutObject is not allowed/,
    ],
    [
      'delivery-stream',
      'a bucket that may be public',
      'Bucket: {Type: AWS::S3::Bucket}',
      'Bucket: {Type: AWS::S3::Bucket, Properties: {PublicAccessBlockConfiguration: {BlockPublicAcls: true}}}',
      /^Bucket: it does not block all public access/,
    ],
    [
      'bus-without-policy',
      'a policy that denies',
      '  Rule:\n    Type',
      "  Deny: {Type: AWS::Events::EventBusPolicy, Properties: {EventBusName: !Ref Shop, StatementId: no, Statement: {Effect: Deny, Principal: '*', Action: 'events:PutEvents', Resource: !GetAtt Shop.Arn}}}\n  Rule:\n    Type",
      /^Shop: events:PutEvents is not allowed for this account/,
    ],
    [
      'role-by-managed-policies',
      'a managed policy of something else',
      "'states:Start*'",
      "'states:Stop*'",
      /^Rule: states:StartExecution is not allowed/,
    ],
    [
      'role-by-managed-policies',
      'a policy that is not attached',
      '      ManagedPolicyArns: [!Ref Starts]\n',
      '',
      /^Rule: states:StartExecution is not allowed/,
    ],
    [
      'pipe-behind-queue',
      'a role that pipes may not assume',
      'pipes.amazonaws.com',
      'events.amazonaws.com',
      /^Pipe: sts:AssumeRole is not allowed for pipes/,
    ],
    [
      'pipe-behind-queue',
      'a role that may not receive',
      'sqs:ReceiveMessage, ',
      '',
      /^Pipe: sqs:ReceiveMessage is not allowed for its role/,
    ],
    [
      'pipe-behind-queue',
      'a role that may not hand over',
      'states:StartExecution',
      'states:StopExecution',
      /^Pipe: states:StartExecution is not allowed for its role/,
    ],
    [
      'pipe-behind-queue',
      'no redrive',
      ', RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}',
      '',
      /^Jobs: it has no RedrivePolicy/,
    ],
    [
      'pipe-behind-queue',
      'stopped',
      'Type: AWS::Pipes::Pipe, Properties: {',
      'Type: AWS::Pipes::Pipe, Properties: {DesiredState: STOPPED, ',
      /^Pipe: it is stopped/,
    ],
    [
      'schedule-of-scheduler',
      'a role that Scheduler may not assume',
      'scheduler.amazonaws.com',
      'events.amazonaws.com',
      /^Nightly: sts:AssumeRole is not allowed for scheduler/,
    ],
    [
      'schedule-of-scheduler',
      'a role that may not send',
      '[!GetAtt Jobs.Arn, !GetAtt Dead.Arn]',
      '[!GetAtt Dead.Arn]',
      /^Nightly: sqs:SendMessage is not allowed for its role/,
    ],
    [
      'schedule-of-scheduler',
      'dead letters that the role may not send',
      '[!GetAtt Jobs.Arn, !GetAtt Dead.Arn]',
      '[!GetAtt Jobs.Arn]',
      /^Nightly: sqs:SendMessage is not allowed for its role, on its dead-letter queue/,
    ],
    [
      'schedule-of-scheduler',
      'no dead-letter queue',
      ', DeadLetterConfig: {Arn: !GetAtt Dead.Arn}}',
      '}',
      /^Nightly: it has no dead-letter queue/,
    ],
    [
      'schedule-of-scheduler',
      'disabled',
      "FlexibleTimeWindow: {Mode: 'OFF'}",
      "FlexibleTimeWindow: {Mode: 'OFF'}\n      State: DISABLED",
      /^Nightly: it is disabled/,
    ],
    [
      'schedule-of-scheduler',
      'no retry',
      "Input: '{}'",
      "Input: '{}', RetryPolicy: {MaximumRetryAttempts: 0}",
      /^Nightly: it has no retry/,
    ],
    [
      'mapping-behind-queue',
      'a role that may not receive',
      ", 'arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole'",
      '',
      /^Fn: sqs:ReceiveMessage is not allowed for its role/,
    ],
    [
      'mapping-behind-queue',
      'no redrive',
      ', RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}',
      '',
      /^Jobs: it has no RedrivePolicy/,
    ],
    [
      'mapping-behind-queue',
      'not enabled',
      'FunctionName: !Ref Fn}',
      'FunctionName: !Ref Fn, Enabled: false}',
      /^Mapping: it is not enabled/,
    ],
    [
      'mapping-behind-queue',
      'a call longer than a message is hidden',
      'Runtime: nodejs22.x',
      'Timeout: 60',
      /^Jobs: its VisibilityTimeout of 30 s is less than the 60 s/,
    ],
    [
      'mapping-behind-queue',
      'a dead-letter queue of another kind',
      'RedrivePolicy: {',
      'FifoQueue: true, ContentBasedDeduplication: true, RedrivePolicy: {',
      /^Jobs: its dead-letter queue must be a FIFO queue/,
    ],
  ];

test.each(OTHER)('%s: %s', (name, _, replaced, by, expected) => {
  expect(told(name, replaced, by)).toContainEqual(expect.stringMatching(expected));
});
