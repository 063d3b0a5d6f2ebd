/** Operations that a user's next command needs, by the SDK. */
import http from 'node:http';
import { text } from 'node:stream/consumers';
import {
  CloudFormationClient,
  DescribeStackEventsCommand,
  ListStackResourcesCommand,
  ListStacksCommand,
} from '@aws-sdk/client-cloudformation';
import {
  CloudWatchClient,
  DescribeAlarmHistoryCommand,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  ListMetricsCommand,
  PutMetricDataCommand,
} from '@aws-sdk/client-cloudwatch';
import {
  CloudWatchLogsClient,
  DescribeLogGroupsCommand,
  DescribeLogStreamsCommand,
  GetLogEventsCommand,
  GetQueryResultsCommand,
  StartQueryCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import {
  DeleteRuleCommand,
  EventBridgeClient,
  ListRuleNamesByTargetCommand,
  ListTargetsByRuleCommand,
  PutEventsCommand,
  PutRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { FirehoseClient, ListDeliveryStreamsCommand, PutRecordCommand } from '@aws-sdk/client-firehose';
import {
  AddPermissionCommand,
  DeleteFunctionConcurrencyCommand,
  GetAccountSettingsCommand,
  GetFunctionCommand,
  GetFunctionConcurrencyCommand,
  GetFunctionEventInvokeConfigCommand,
  GetPolicyCommand,
  InvokeCommand,
  LambdaClient,
  PutFunctionConcurrencyCommand,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  GetSubscriptionAttributesCommand,
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  ListSubscriptionsCommand,
  PublishBatchCommand,
  PublishCommand,
  SetSubscriptionAttributesCommand,
  SNSClient,
  SubscribeCommand,
  UnsubscribeCommand,
} from '@aws-sdk/client-sns';
import {
  ListMessageMoveTasksCommand,
  PurgeQueueCommand,
  SendMessageBatchCommand,
  SQSClient,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { LocalStack } from '../../../../tools/local/stack';
import { type RunningStack, startStack } from './stack';

let running: RunningStack;
let stack: LocalStack;
beforeAll(async () => {
  running = await startStack();
  stack = running.stack;
});
afterAll(() => running.stop());

const configuration = () => ({
  endpoint: stack.url,
  region: 'us-east-1',
  credentials: { accessKeyId: 'developer', secretAccessKey: 'any' },
});
const arn = (service: string, resource: string) => `arn:aws:${service}:us-east-1:000000000000:${resource}`;
const queue = (name: string) => {
  const found = stack.queues.find((each) => each.name === name);
  if (!found) throw new Error(`no queue ${name}`);
  return found;
};
/** Bodies of what waits in a queue, which is empty then. */
function drain(name: string): string[] {
  return queue(name)
    .takeAway(100)
    .map(({ body }) => body);
}

test('STS: who a key belongs to', async () => {
  expect(await new STSClient(configuration()).send(new GetCallerIdentityCommand({}))).toMatchObject({
    Account: '000000000000',
    Arn: 'arn:aws:iam::000000000000:user/developer',
  });
});

describe('EventBridge: a rule that taps the bus', () => {
  const client = () => new EventBridgeClient(configuration());
  const put = (DetailType: string) =>
    client().send(
      new PutEventsCommand({
        Entries: [{ EventBusName: 'bus', Source: 'tap', DetailType, Detail: '{"n":1}' }],
      }),
    );
  const names = { Rule: 'tap', EventBusName: 'bus' };

  test('is put, gets targets, delivers, and is taken away', async () => {
    const pattern = JSON.stringify({ source: ['tap'], 'detail-type': [{ prefix: 'Wanted' }] });
    const made = await client().send(
      new PutRuleCommand({ Name: 'tap', EventBusName: 'bus', EventPattern: pattern }),
    );
    expect(made.RuleArn).toBe(arn('events', 'rule/bus/tap'));
    const target = { Id: 'inbox', Arn: arn('sqs', 'inbox'), InputPath: '$.detail' };
    expect(await client().send(new PutTargetsCommand({ ...names, Targets: [target] }))).toMatchObject({
      FailedEntryCount: 0,
    });
    await put('Wanted');
    await put('Other');
    await stack.settled();
    expect(drain('inbox')).toEqual(['{"n":1}']);
    const byTarget = new ListRuleNamesByTargetCommand({ TargetArn: target.Arn, EventBusName: 'bus' });
    expect((await client().send(byTarget)).RuleNames).toEqual(['created', 'tap']);

    // A change of the rule leaves its targets.
    const changed = new PutRuleCommand({
      Name: 'tap',
      EventBusName: 'bus',
      EventPattern: '{"source":["tap"]}',
    });
    await client().send(changed);
    expect((await client().send(new ListTargetsByRuleCommand(names))).Targets).toEqual([target]);
    await put('Other');
    await stack.settled();
    expect(drain('inbox')).toEqual(['{"n":1}']);

    const deletion = new DeleteRuleCommand({ Name: 'tap', EventBusName: 'bus' });
    await expect(client().send(deletion)).rejects.toThrow('since it has targets');
    const removal = await client().send(new RemoveTargetsCommand({ ...names, Ids: ['inbox', 'other'] }));
    expect(removal).toMatchObject({ FailedEntryCount: 1, FailedEntries: [{ TargetId: 'other' }] });
    await client().send(deletion);
    await client().send(deletion);
    await put('Wanted');
    await stack.settled();
    expect(drain('inbox')).toEqual([]);
  });

  test.each<[object, string]>([
    [{ EventPattern: '{"source":"x"}' }, 'Event pattern is not valid'],
    [{ ScheduleExpression: 'rate(5 minutes)' }, 'only on the default event bus'],
    [{}, 'EventPattern or ScheduleExpression'],
  ])('is refused with %j', async (input, message) => {
    const command = new PutRuleCommand({ Name: 'bad', EventBusName: 'bus', ...input });
    await expect(client().send(command)).rejects.toThrow(message);
  });

  test('gets no target of elsewhere, and no sixth one, and then keeps what it had', async () => {
    await client().send(
      new PutRuleCommand({ Name: 'tap', EventBusName: 'bus', EventPattern: '{"source":["tap"]}' }),
    );
    const put = (Targets: { Id: string; Arn: string }[]) =>
      client().send(new PutTargetsCommand({ ...names, Targets }));
    const good = { Id: 'a', Arn: arn('sqs', 'inbox') };
    await expect(put([good, { Id: 'b', Arn: arn('kinesis', 'stream/x') }])).rejects.toThrow('no such target');
    await expect(put([good, { Id: 'b', Arn: 'a-bucket' }])).rejects.toThrow(
      'Parameter a-bucket is not valid. Reason: Provided Arn is not in correct format.',
    );
    await expect(put([good, { Id: 'b', Arn: arn('sqs', 'inbox.fifo') }])).rejects.toThrow(
      'Parameter(s) SqsParameters must be specified for target: b.',
    );
    const six = ['1', '2', '3', '4', '5', '6'].map((Id) => ({ ...good, Id }));
    await expect(put(six)).rejects.toMatchObject({ name: 'LimitExceededException' });
    expect((await client().send(new ListTargetsByRuleCommand(names))).Targets).toEqual([]);
    await client().send(new DeleteRuleCommand({ Name: 'tap', EventBusName: 'bus' }));
  });
});

describe('Lambda', () => {
  const client = () => new LambdaClient(configuration());
  const FunctionName = 'echo';

  test('a function, its configuration and its defaults', async () => {
    expect(await client().send(new GetFunctionCommand({ FunctionName }))).toMatchObject({
      Configuration: { FunctionName: 'echo', Handler: 'index.handler' },
    });
    await expect(
      client().send(new GetFunctionEventInvokeConfigCommand({ FunctionName })),
    ).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    const { AccountLimit } = await client().send(new GetAccountSettingsCommand({}));
    expect(AccountLimit).toMatchObject({ ConcurrentExecutions: 1000 });
  });

  test('a permission lets a rule call the function from then on, and until it is removed', async () => {
    const events = new EventBridgeClient(configuration());
    const names = { Rule: 'call', EventBusName: 'bus' };
    await events.send(
      new PutRuleCommand({ Name: 'call', EventBusName: 'bus', EventPattern: '{"source":["call"]}' }),
    );
    const Targets = [
      { Id: 'echo', Arn: arn('lambda', 'function:echo'), DeadLetterConfig: { Arn: arn('sqs', 'failed') } },
    ];
    await events.send(new PutTargetsCommand({ ...names, Targets }));
    const failures = async () => {
      const Entries = [{ EventBusName: 'bus', Source: 'call', DetailType: 'Any', Detail: '{}' }];
      const before = running.steps.length;
      await events.send(new PutEventsCommand({ Entries }));
      await stack.settled();
      return running.steps
        .slice(before)
        .flatMap((step) => (step.kind === 'delivery-failed' ? [step.code] : []));
    };
    await expect(client().send(new GetPolicyCommand({ FunctionName }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
    expect(await failures()).toEqual(['NO_PERMISSIONS']);
    const permission = new AddPermissionCommand({
      FunctionName,
      StatementId: 'restored',
      Action: 'lambda:InvokeFunction',
      Principal: 'events.amazonaws.com',
      SourceArn: arn('events', 'rule/bus/call'),
    });
    const { Statement } = await client().send(permission);
    expect(JSON.parse(Statement ?? '')).toMatchObject({ Sid: 'restored', Effect: 'Allow' });
    await expect(client().send(permission)).rejects.toMatchObject({ name: 'ResourceConflictException' });
    expect(await failures()).toEqual([]);
    const { Policy } = await client().send(new GetPolicyCommand({ FunctionName }));
    expect(JSON.parse(Policy ?? '').Statement).toEqual([JSON.parse(Statement ?? '')]);
    await client().send(new RemovePermissionCommand({ FunctionName, StatementId: 'restored' }));
    expect(await failures()).toEqual(['NO_PERMISSIONS']);
    await events.send(new RemoveTargetsCommand({ ...names, Ids: ['echo'] }));
    await events.send(new DeleteRuleCommand({ Name: 'call', EventBusName: 'bus' }));
  });

  test('reserved concurrency of 0 throttles everything', async () => {
    await client().send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }));
    expect(await client().send(new GetFunctionConcurrencyCommand({ FunctionName }))).toMatchObject({
      ReservedConcurrentExecutions: 0,
    });
    const once = new LambdaClient({ ...configuration(), maxAttempts: 1 });
    await expect(once.send(new InvokeCommand({ FunctionName }))).rejects.toMatchObject({
      name: 'TooManyRequestsException',
    });
    await client().send(new DeleteFunctionConcurrencyCommand({ FunctionName }));
    expect((await once.send(new InvokeCommand({ FunctionName }))).StatusCode).toBe(200);
    await expect(
      client().send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 950 })),
    ).rejects.toMatchObject({ name: 'InvalidParameterValueException' });
  });
});

describe('SNS', () => {
  const client = () => new SNSClient(configuration());
  const TopicArn = arn('sns', 'news');

  test('a subscriber gets what its filter policy lets through, until it leaves', async () => {
    const Endpoint = arn('sqs', 'inbox');
    const { SubscriptionArn } = await client().send(
      new SubscribeCommand({
        ...{ TopicArn, Endpoint, Protocol: 'sqs' },
        Attributes: {
          RawMessageDelivery: 'true',
          FilterPolicy: '{"kind":["a"],"size":[{"numeric":[">",5]}]}',
        },
      }),
    );
    const publish = (kind: string, size: string) =>
      client().send(
        new PublishCommand({
          ...{ TopicArn, Message: `{"kind":"${kind}"}` },
          MessageAttributes: {
            kind: { DataType: 'String', StringValue: kind },
            size: { DataType: 'Number', StringValue: size },
          },
        }),
      );
    await publish('a', '6');
    await publish('a', '5');
    await publish('b', '6');
    expect(drain('inbox')).toEqual(['{"kind":"a"}']);

    const set = (AttributeName: string, AttributeValue: string) =>
      client().send(new SetSubscriptionAttributesCommand({ SubscriptionArn, AttributeName, AttributeValue }));
    await set('FilterPolicy', '{"kind":["b"]}');
    await set('FilterPolicyScope', 'MessageBody');
    await publish('a', '6');
    await publish('b', '1');
    expect(drain('inbox')).toEqual(['{"kind":"b"}']);
    const { Attributes } = await client().send(new GetSubscriptionAttributesCommand({ SubscriptionArn }));
    expect(Attributes).toMatchObject({ FilterPolicy: '{"kind":["b"]}', FilterPolicyScope: 'MessageBody' });
    await expect(set('FilterPolicy', '{"kind":"b"}')).rejects.toMatchObject({
      name: 'InvalidParameterException',
    });

    const subscription = { SubscriptionArn, TopicArn, Protocol: 'sqs', Endpoint };
    for (const command of [
      new ListSubscriptionsCommand({}),
      new ListSubscriptionsByTopicCommand({ TopicArn }),
    ]) {
      const { Subscriptions } = await client().send(command as ListSubscriptionsCommand);
      expect(Subscriptions).toEqual([expect.objectContaining(subscription)]);
    }
    expect((await client().send(new GetTopicAttributesCommand({ TopicArn }))).Attributes).toMatchObject({
      TopicArn,
      SubscriptionsConfirmed: '1',
    });
    await client().send(new UnsubscribeCommand({ SubscriptionArn }));
    await publish('b', '1');
    expect(drain('inbox')).toEqual([]);
  });

  test('of a batch each entry succeeds or fails for itself', async () => {
    const PublishBatchRequestEntries = [
      { Id: 'good', Message: 'hi' },
      { Id: 'bad', Message: 'hi', Subject: 'a\nb' },
    ];
    expect(
      await client().send(new PublishBatchCommand({ TopicArn, PublishBatchRequestEntries })),
    ).toMatchObject({
      Successful: [{ Id: 'good', MessageId: expect.any(String) }],
      Failed: [{ Id: 'bad', Code: 'InvalidParameter', SenderFault: true }],
    });
  });
});

describe('SQS', () => {
  const client = () => new SQSClient(configuration());

  test('of a batch each entry is sent or fails for itself', async () => {
    const Entries = [
      { Id: 'a', MessageBody: 'one' },
      { Id: 'b', MessageBody: '\u0000' },
    ];
    const QueueUrl = `${stack.url}/000000000000/inbox`;
    expect(await client().send(new SendMessageBatchCommand({ QueueUrl, Entries }))).toMatchObject({
      Successful: [{ Id: 'a', MD5OfMessageBody: 'f97c5d29941bfb1b2fdab0874906ab82' }],
      Failed: [{ Id: 'b', Code: 'InvalidMessageContents' }],
    });
    expect(drain('inbox')).toEqual(['one']);
    await client().send(new PurgeQueueCommand({ QueueUrl }));
  });

  test('a redrive needs a dead-letter queue of a queue', async () => {
    const SourceArn = arn('sqs', 'failed');
    await expect(client().send(new StartMessageMoveTaskCommand({ SourceArn }))).rejects.toThrow(
      'Source queue must be configured as a Dead Letter Queue.',
    );
    expect((await client().send(new ListMessageMoveTasksCommand({ SourceArn }))).Results).toEqual([]);
  });
});

describe('CloudWatch Logs', () => {
  const client = () => new CloudWatchLogsClient(configuration());
  const logGroupName = '/aws/lambda/query';

  test('groups, streams, events and a query', async () => {
    const now = Date.now();
    for (const n of [1, 2, 3]) {
      stack.logGroups.append(logGroupName, `s/${n % 2}`, now - 10_000 + n, JSON.stringify({ n, kind: 'x' }));
    }
    const { logGroups } = await client().send(
      new DescribeLogGroupsCommand({ logGroupNamePrefix: '/aws/lambda/q' }),
    );
    expect(logGroups).toMatchObject([{ logGroupName, arn: `${arn('logs', `log-group:${logGroupName}`)}:*` }]);
    const { logStreams } = await client().send(
      new DescribeLogStreamsCommand({ logGroupName, orderBy: 'LastEventTime', descending: true }),
    );
    expect(logStreams).toMatchObject([
      { logStreamName: 's/1', firstEventTimestamp: now - 9_999, lastEventTimestamp: now - 9_997 },
      { logStreamName: 's/0' },
    ]);
    const get = (more: object) =>
      client().send(new GetLogEventsCommand({ logGroupName, logStreamName: 's/1', limit: 1, ...more }));
    const latest = await get({});
    expect(latest.events).toMatchObject([{ message: '{"n":3,"kind":"x"}' }]);
    expect((await get({ nextToken: latest.nextBackwardToken })).events).toMatchObject([
      { message: '{"n":1,"kind":"x"}' },
    ]);
    const head = await get({ startFromHead: true });
    expect(head.events).toMatchObject([{ message: '{"n":1,"kind":"x"}' }]);
    expect((await get({ nextToken: head.nextForwardToken })).events).toMatchObject([
      { message: '{"n":3,"kind":"x"}' },
    ]);
    await expect(get({ logStreamName: 'none' })).rejects.toMatchObject({ name: 'ResourceNotFoundException' });

    const range = { startTime: Math.floor(now / 1000) - 60, endTime: Math.ceil(now / 1000) };
    const query = (queryString: string) =>
      client().send(new StartQueryCommand({ logGroupName, queryString, ...range }));
    const { queryId } = await query('filter n > 1 | stats count(*) as c by kind');
    expect(await client().send(new GetQueryResultsCommand({ queryId }))).toMatchObject({
      status: 'Complete',
      statistics: { recordsMatched: 2, recordsScanned: 3 },
      results: [
        [
          { field: 'kind', value: 'x' },
          { field: 'c', value: '2' },
        ],
      ],
    });
    await expect(query('filter n >')).rejects.toMatchObject({ name: 'MalformedQueryException' });
  });
});

describe('the objects that a delivery stream wrote', () => {
  test('are listed and read', async () => {
    const firehose = new FirehoseClient(configuration());
    expect((await firehose.send(new ListDeliveryStreamsCommand({}))).DeliveryStreamNames).toEqual(['stream']);
    const Data = Buffer.from('{"n":1}\n');
    await firehose.send(new PutRecordCommand({ DeliveryStreamName: 'stream', Record: { Data } }));
    for (const stream of stack.deliveryStreams) await stream.flush();
    const client = new S3Client(configuration());
    const Bucket = 'lake';
    expect((await client.send(new ListBucketsCommand({}))).Buckets).toMatchObject([{ Name: Bucket }]);
    const { Contents = [], KeyCount } = await client.send(new ListObjectsV2Command({ Bucket }));
    expect(KeyCount).toBe(1);
    const [{ Key = '', Size = 0 } = {}] = Contents;
    expect(Key).toMatch(/^\d{4}\/\d\d\/\d\d\/\d\d\/stream-1-.*\.gz$/);
    const { CommonPrefixes } = await client.send(new ListObjectsV2Command({ Bucket, Delimiter: '/' }));
    expect(CommonPrefixes).toEqual([{ Prefix: `${Key.slice(0, 4)}/` }]);
    expect(await client.send(new HeadObjectCommand({ Bucket, Key }))).toMatchObject({ ContentLength: Size });
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
    expect(bytes).toHaveLength(Size);
    const part = await client.send(new GetObjectCommand({ Bucket, Key, Range: 'bytes=0-1' }));
    expect(Buffer.from((await part.Body?.transformToByteArray()) ?? [])).toEqual(bytes.subarray(0, 2));
    await expect(client.send(new GetObjectCommand({ Bucket, Key: 'none' }))).rejects.toMatchObject({
      name: 'NoSuchKey',
    });
    await expect(client.send(new ListObjectsV2Command({ Bucket: 'none' }))).rejects.toMatchObject({
      name: 'NoSuchBucket',
    });
    // A client that was given a host's name puts the bucket before it.
    const answer = await new Promise<string>((resolve, reject) => {
      const headers = {
        host: `lake.localhost:${new URL(stack.url).port}`,
        authorization: 'AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, Signature=x',
      };
      http
        .get(`${stack.url}/?list-type=2`, { headers }, (response) => text(response).then(resolve, reject))
        .on('error', reject);
    });
    expect(answer).toContain(`<Key>${Key}</Key>`);
  });
});

test('CloudFormation: stacks, resources and what happened to them', async () => {
  const client = new CloudFormationClient(configuration());
  const { StackSummaries } = await client.send(new ListStacksCommand({}));
  expect(StackSummaries).toMatchObject([{ StackName: 'shop', StackStatus: 'CREATE_COMPLETE' }]);
  const { StackResourceSummaries } = await client.send(new ListStackResourcesCommand({ StackName: 'shop' }));
  expect(StackResourceSummaries).toContainEqual(
    expect.objectContaining({ LogicalResourceId: 'Bus', PhysicalResourceId: 'bus' }),
  );
  const { StackEvents } = await client.send(new DescribeStackEventsCommand({ StackName: 'shop' }));
  expect(StackEvents?.[0]).toMatchObject({ ResourceType: 'AWS::CloudFormation::Stack' });
});

describe('CloudWatch', () => {
  const client = () => new CloudWatchClient(configuration());
  const Namespace = 'shop';
  const range = () => ({ StartTime: new Date(Date.now() - 120_000), EndTime: new Date(Date.now() + 60_000) });

  test('metrics are put, listed and read', async () => {
    const Dimensions = [{ Name: 'kind', Value: 'a' }];
    const MetricData = [
      { MetricName: 'Took', Dimensions, Value: 4 },
      { MetricName: 'Took', Dimensions, Values: [1, 2], Counts: [2, 1] },
      {
        ...{ MetricName: 'Took', Dimensions },
        StatisticValues: { SampleCount: 2, Sum: 20, Minimum: 9, Maximum: 11 },
      },
    ];
    await client().send(new PutMetricDataCommand({ Namespace, MetricData }));
    const { Metrics } = await client().send(new ListMetricsCommand({ Namespace }));
    expect(Metrics).toEqual([{ Namespace, MetricName: 'Took', Dimensions }]);
    const statistics = await client().send(
      new GetMetricStatisticsCommand({
        ...{ Namespace, MetricName: 'Took', Dimensions, ...range(), Period: 3600 },
        Statistics: ['Sum', 'Maximum', 'SampleCount'],
      }),
    );
    expect(statistics.Datapoints).toMatchObject([{ Sum: 28, Maximum: 11, SampleCount: 6 }]);
    const { MetricDataResults } = await client().send(
      new GetMetricDataCommand({
        ...range(),
        MetricDataQueries: [
          {
            Id: 'took',
            ReturnData: false,
            MetricStat: { Metric: { Namespace, MetricName: 'Took', Dimensions }, Period: 3600, Stat: 'Sum' },
          },
          { Id: 'twice', Expression: 'took * 2', Label: 'Twice' },
        ],
      }),
    );
    expect(MetricDataResults).toMatchObject([{ Id: 'twice', Label: 'Twice', Values: [56] }]);
  });

  test.each<[object, string]>([
    [{ MetricData: [{ MetricName: 'x', Value: 1 }, { MetricName: 'x' }] }, 'InvalidParameterCombination'],
    [{ MetricData: [{ MetricName: 'x', Values: [1, 2], Counts: [1] }] }, 'InvalidParameterValue'],
    [{ MetricData: [{ MetricName: 'x', Value: 1, Timestamp: new Date(0) }] }, 'InvalidParameterValue'],
    [{ Namespace: 'AWS/Lambda', MetricData: [{ MetricName: 'x', Value: 1 }] }, 'InvalidParameterValue'],
  ])('none of a request counts of which a part is wrong: %j', async (input, name) => {
    const put = new PutMetricDataCommand({ Namespace: 'wrong', MetricData: [], ...input });
    await expect(client().send(put)).rejects.toMatchObject({ name: expect.stringContaining(name) });
    expect((await client().send(new ListMetricsCommand({ Namespace: 'wrong' }))).Metrics).toEqual([]);
  });

  test('what an alarm did is its history', async () => {
    const history = new DescribeAlarmHistoryCommand({ AlarmName: 'inbox-depth' });
    expect((await client().send(history)).AlarmHistoryItems).toEqual([]);
  });
});
