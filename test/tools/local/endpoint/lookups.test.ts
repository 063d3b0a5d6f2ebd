/** Whatever is looked up is filtered, ordered and cut into pages as it was asked for, or refused by the service's error. */
import {
  CloudWatchClient,
  DescribeAlarmHistoryCommand,
  type DescribeAlarmHistoryCommandInput,
  DescribeAlarmsCommand,
  type DescribeAlarmsCommandInput,
  GetMetricDataCommand,
  type GetMetricDataCommandInput,
  GetMetricStatisticsCommand,
  type GetMetricStatisticsCommandInput,
  ListMetricsCommand,
  type ListMetricsCommandInput,
  PutMetricDataCommand,
} from '@aws-sdk/client-cloudwatch';
import {
  AddPermissionCommand,
  type AddPermissionCommandInput,
  GetFunctionCommand,
  GetFunctionEventInvokeConfigCommand,
  LambdaClient,
  ListFunctionsCommand,
  PutFunctionConcurrencyCommand,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda';
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import {
  ListSubscriptionsCommand,
  PublishBatchCommand,
  PublishCommand,
  SetSubscriptionAttributesCommand,
  SNSClient,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import { ManualClock } from '../../../../tools/local/services/clock';
import { SystemWorld } from '../../../../tools/local/services/world';
import { LocalStack } from '../../../../tools/local/stack';
import { ARN, assemblyOf, functionResources } from '../../template/template';

const START = Date.UTC(2026, 0, 15, 10);
const MINUTE_MS = 60_000;
const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const resource = (Type: string, Properties: object = {}) => ({ Type, Properties });
const queue = (QueueName: string, more: object = {}) => resource('AWS::SQS::Queue', { QueueName, ...more });
const redriven = { RedrivePolicy: { deadLetterTargetArn: arnOf('Failed'), maxReceiveCount: 1 } };
const metric = { Namespace: 'AWS/SQS', MetricName: 'ApproximateNumberOfMessagesVisible' };
const alarm = (AlarmName: string, QueueName: string, more: object = {}) =>
  resource('AWS::CloudWatch::Alarm', {
    ...{ AlarmName, ...metric, Dimensions: [{ Name: 'QueueName', Value: QueueName }], Statistic: 'Maximum' },
    ...{ Period: 60, EvaluationPeriods: 1, Threshold: 0, ComparisonOperator: 'GreaterThanThreshold' },
    TreatMissingData: 'notBreaching',
    ...more,
  });

const clock = new ManualClock(START);
let stack: LocalStack;
beforeAll(async () => {
  const assembly = assemblyOf(
    {
      Failed: queue('failed', { RedriveAllowPolicy: { redrivePermission: 'allowAll' } }),
      Work: queue('work', redriven),
      Fifo: queue('orders.fifo', { FifoQueue: true, ContentBasedDeduplication: true }),
      Spare: queue('spare'),
      News: resource('AWS::SNS::Topic', { TopicName: 'news' }),
      Mail: resource('AWS::SNS::Subscription', {
        ...{ TopicArn: { Ref: 'News' }, Protocol: 'email', Endpoint: 'jane@customers.example' },
      }),
      ...functionResources('Plain', { ReservedConcurrentExecutions: 5 }),
      Retries: resource('AWS::Lambda::EventInvokeConfig', {
        ...{ FunctionName: { Ref: 'Plain' }, Qualifier: '$LATEST', MaximumRetryAttempts: 1 },
        DestinationConfig: { OnFailure: { Destination: arnOf('Failed') } },
      }),
      SpareAlarm: alarm('spare-depth', 'spare', { AlarmActions: [{ Ref: 'News' }] }),
      FailedAlarm: alarm('failed-depth', 'failed'),
      All: resource('AWS::CloudWatch::CompositeAlarm', {
        ...{ AlarmName: 'all', AlarmRule: 'ALARM("spare-depth") OR ALARM("failed-depth")' },
      }),
      Group: resource('AWS::Logs::LogGroup', { LogGroupName: '/app/orders', RetentionInDays: 7 }),
      Query: resource('AWS::Logs::QueryDefinition', { Name: 'errors', QueryString: 'fields @message' }),
      Other: resource('AWS::Logs::QueryDefinition', {
        ...{ Name: 'slow', QueryString: 'fields @message', LogGroupNames: ['/app/orders'] },
      }),
      Table: resource('AWS::DynamoDB::Table', {
        ...{ TableName: 'orders', KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }] },
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
      Lake: resource('AWS::S3::Bucket', { BucketName: 'lake' }),
      StreamRole: resource('AWS::IAM::Role', { AssumeRolePolicyDocument: {} }),
      ...Object.fromEntries(
        ['Year', 'Day'].map((id) => [
          id,
          resource('AWS::KinesisFirehose::DeliveryStream', {
            DeliveryStreamName: id.toLowerCase(),
            DeliveryStreamEncryptionConfigurationInput: { KeyType: 'AWS_OWNED_CMK' },
            ExtendedS3DestinationConfiguration: {
              ...{ BucketARN: arnOf('Lake'), RoleARN: arnOf('StreamRole'), Prefix: `${id}/a b/` },
            },
          }),
        ]),
      ),
    },
    { Plain: { 'index.js': 'exports.handler = async () => ({});' } },
  );
  stack = await LocalStack.start({
    ...{ assembly, world: new SystemWorld(clock), port: 0, parts: {} },
  });
});
afterAll(() => stack.stop());

const configuration = () => ({
  ...{ endpoint: stack.url, region: 'us-east-1', maxAttempts: 1, forcePathStyle: true },
  credentials: { accessKeyId: 'developer', secretAccessKey: 'any' },
});

/** Calls an operation of a service whose protocol is JSON. */
async function call(target: string, input: object, accessKeyId = 'developer') {
  const response = await fetch(stack.url, {
    method: 'POST',
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20260101/us-east-1/x/aws4_request, Signature=x`,
      'x-amz-target': target,
    },
    body: JSON.stringify(input),
  });
  // biome-ignore lint/suspicious/noExplicitAny: output of any operation
  const { __type: error, ...output }: any = await response.json();
  return error === undefined ? output : { error, message: output.message };
}

describe('CloudTrail', () => {
  const lookup = (input: object = {}) =>
    call('com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents', input);
  const names = async (input: object = {}) =>
    (await lookup(input)).Events.map(({ EventName }: { EventName: string }) => EventName);
  const by = (AttributeKey: string, AttributeValue: string) => ({
    LookupAttributes: [{ AttributeKey, AttributeValue }],
  });

  test('finds changes by each attribute and by time, the latest first, in pages', async () => {
    await call('AWSEvents.PutRule', { Name: 'tap', EventPattern: '{"source":["tap"]}' });
    await clock.advance(MINUTE_MS);
    await call('AmazonSQS.PurgeQueue', { QueueUrl: 'spare' }, 'operator');
    // What only reads, or was refused, changes nothing.
    await call('AmazonSQS.ListQueues', {});
    await call('AmazonSQS.PurgeQueue', { QueueUrl: 'nowhere' });

    expect(await names()).toEqual(['PurgeQueue', 'PutRule']);
    const { Events } = await lookup(by('EventName', 'PutRule'));
    expect(Events).toMatchObject([
      {
        EventSource: 'events.amazonaws.com',
        Username: 'developer',
        Resources: [{ ResourceName: 'tap' }],
      },
    ]);
    for (const [key, value] of [
      ['EventId', Events[0].EventId],
      ['EventSource', 'events.amazonaws.com'],
      ['Username', 'developer'],
      ['AccessKeyId', 'developer'],
      ['ResourceName', ARN('events', 'rule/tap')],
      ['ResourceName', 'tap'],
    ] as const)
      expect([key, await names(by(key, value))]).toEqual([key, ['PutRule']]);
    expect(await names(by('ReadOnly', 'false'))).toHaveLength(2);
    expect(await names(by('ReadOnly', 'true'))).toEqual([]);
    expect(await names(by('ResourceType', 'AWS::Events::Rule'))).toEqual([]);
    const minute = (START + MINUTE_MS / 2) / 1000;
    expect(await names({ EndTime: minute })).toEqual(['PutRule']);
    expect(await names({ StartTime: minute })).toEqual(['PurgeQueue']);

    const { NextToken } = await lookup({ MaxResults: 1 });
    expect(await names({ MaxResults: 1, NextToken })).toEqual(['PutRule']);
    expect(await lookup({ NextToken: 'x' })).toMatchObject({ error: 'InvalidNextTokenException' });
  });
});

describe('CloudWatch', () => {
  const client = () => new CloudWatchClient(configuration());
  const refused = (work: Promise<unknown>) =>
    work.then(
      () => 'taken',
      ({ name }) => name,
    );
  const Namespace = 'shop';
  const at = (minutes: number) => new Date(START + minutes * MINUTE_MS);

  test('alarms are found by name, state, action and type', async () => {
    const names = async (input: DescribeAlarmsCommandInput) => {
      const { MetricAlarms = [], CompositeAlarms = [] } = await client().send(
        new DescribeAlarmsCommand(input),
      );
      return [...MetricAlarms, ...CompositeAlarms].map(({ AlarmName }) => AlarmName);
    };
    expect(await names({})).toEqual(['spare-depth', 'failed-depth']);
    expect(await names({ AlarmTypes: ['CompositeAlarm'] })).toEqual(['all']);
    expect(await names({ AlarmNamePrefix: 'spare' })).toEqual(['spare-depth']);
    expect(await names({ ActionPrefix: 'arn:aws:sns' })).toEqual(['spare-depth']);
    expect(await names({ ActionPrefix: 'arn:aws:lambda' })).toEqual([]);
    expect(await names({ StateValue: 'ALARM' })).toEqual([]);
  });

  test('what alarms did is found by name, type and time, the latest first unless it is asked for otherwise', async () => {
    const [spare] = stack.queues.filter(({ name }) => name === 'spare');
    spare?.send({ body: 'x', senderId: 'x' });
    await clock.advance(2 * MINUTE_MS);
    const history = async (input: DescribeAlarmHistoryCommandInput) =>
      (await client().send(new DescribeAlarmHistoryCommand(input))).AlarmHistoryItems ?? [];
    const all = await history({ ScanBy: 'TimestampAscending' });
    expect(all.map(({ HistoryItemType }) => HistoryItemType)).toEqual(['StateUpdate', 'Action']);
    expect(await history({})).toEqual(all.toReversed());
    expect(await history({ ScanBy: 'TimestampDescending', AlarmName: 'spare-depth' })).toEqual(
      all.toReversed(),
    );
    expect(await history({ HistoryItemType: 'Action' })).toMatchObject([
      { HistorySummary: expect.stringContaining('news') },
    ]);
    expect(await history({ AlarmName: 'failed-depth' })).toEqual([]);
    const composite = await history({ AlarmTypes: ['CompositeAlarm'] });
    expect(composite.map(({ AlarmName }) => AlarmName)).toEqual(['all']);
    expect(await history({ AlarmName: 'all' })).toEqual(composite);
    const [{ Timestamp = at(0) } = {}] = all;
    expect(await history({ StartDate: new Date(Timestamp.getTime() + 1) })).toEqual([]);
    expect(await history({ EndDate: new Date(Timestamp.getTime() - 1) })).toEqual([]);
    expect(await history({ StartDate: Timestamp, EndDate: Timestamp })).toHaveLength(2);
  });

  test('metrics are listed by name and dimensions, and read period by period', async () => {
    const a = [{ Name: 'kind', Value: 'a' }];
    const b = [
      { Name: 'kind', Value: 'b' },
      { Name: 'shop', Value: '1' },
    ];
    await client().send(
      new PutMetricDataCommand({
        Namespace,
        MetricData: [
          { MetricName: 'Took', Dimensions: a, Value: 4, Timestamp: at(0) },
          { MetricName: 'Took', Dimensions: a, Value: 8, Timestamp: at(1) },
          { MetricName: 'Took', Dimensions: b, Values: [1, 2], Timestamp: at(1) },
          { MetricName: 'Plain', Value: 1, Timestamp: at(0) },
        ],
      }),
    );
    await client().send(new PutMetricDataCommand({ Namespace }));
    const list = async (input: ListMetricsCommandInput) =>
      (await client().send(new ListMetricsCommand({ Namespace, ...input }))).Metrics?.map(
        ({ MetricName, Dimensions = [] }) => [MetricName, ...Dimensions.map(({ Value }) => Value)].join(),
      );
    expect(await list({})).toEqual(['Took,a', 'Took,b,1', 'Plain']);
    expect(await list({ Dimensions: [{ Name: 'kind' }] })).toEqual(['Took,a', 'Took,b,1']);
    expect(await list({ Dimensions: [{ Name: 'kind', Value: 'b' }, { Name: 'shop' }] })).toEqual([
      'Took,b,1',
    ]);
    expect(await list({ Dimensions: [{ Name: 'none' }] })).toEqual([]);
    expect(await list({ MetricName: 'Plain' })).toEqual(['Plain']);

    const read = (more: Partial<GetMetricStatisticsCommandInput>) =>
      client().send(
        new GetMetricStatisticsCommand({
          ...{ Namespace, MetricName: 'Took', Dimensions: a, StartTime: at(0), EndTime: at(2), Period: 60 },
          ...more,
        }),
      );
    const { Datapoints } = await read({ ExtendedStatistics: ['p50'], Unit: 'Seconds' });
    expect(Datapoints).toEqual([
      { Timestamp: at(0), ExtendedStatistics: { p50: 4 }, Unit: 'Seconds' },
      { Timestamp: at(1), ExtendedStatistics: { p50: 8 }, Unit: 'Seconds' },
    ]);
    expect((await read({ Statistics: ['Sum'], Dimensions: b })).Datapoints).toMatchObject([{ Sum: 3 }]);
    expect(
      (await read({ Statistics: ['Sum'], Dimensions: undefined, MetricName: 'Plain' })).Datapoints,
    ).toHaveLength(1);
    for (const [more, name] of [
      [{}, 'InvalidParameterCombinationException'],
      [{ Statistics: ['Sum'], EndTime: at(0) }, 'InvalidParameterValueException'],
      [{ Statistics: ['Sum'], Period: 30 }, 'InvalidParameterValueException'],
      [{ Statistics: ['Sum'], Period: 90 }, 'InvalidParameterValueException'],
      [{ Statistics: ['Sum'], EndTime: at(1_441) }, 'InvalidParameterCombinationException'],
      [{ Statistics: ['Sum'], EndTime: at(100_801) }, 'InvalidParameterCombinationException'],
    ] as const)
      expect([more, await refused(read(more as object))]).toEqual([more, name]);

    const MetricStat = {
      ...{ Metric: { Namespace, MetricName: 'Took', Dimensions: a }, Period: 60, Stat: 'Sum' },
    };
    const data = async (query: object, more: Partial<GetMetricDataCommandInput> = {}) => {
      const MetricDataQueries = [{ Id: 'took', ...('Expression' in query ? {} : { MetricStat }), ...query }];
      const input = { MetricDataQueries, StartTime: at(0), EndTime: at(2), ...more };
      return (await client().send(new GetMetricDataCommand(input))).MetricDataResults;
    };
    expect(await data({})).toMatchObject([{ Label: 'Took', Values: [8, 4] }]);
    expect(await data({}, { ScanBy: 'TimestampAscending' })).toMatchObject([{ Values: [4, 8] }]);
    expect(await data({ Label: 'Time' })).toMatchObject([{ Label: 'Time' }]);
    expect(await refused(data({ Expression: 'nothing * 2' }))).toBe('ValidationException');
    const twice = { Id: 'twice', Expression: 'took * 2' };
    const labelled = await data(
      {},
      { MetricDataQueries: [{ Id: 'took', MetricStat, ReturnData: false }, twice] },
    );
    expect(labelled).toMatchObject([{ Id: 'twice', Label: 'twice', Values: [16, 8] }]);
  });
});

describe('CloudWatch Logs', () => {
  const logs = (operation: string, input: object) => call(`Logs_20140328.${operation}`, input);
  const group = { logGroupName: '/app/orders' };
  const wrong = { error: 'InvalidParameterException' };
  beforeAll(() => {
    for (const [stream, minute] of [
      ['b', 0],
      ['a', 1],
      ['c', 2],
    ] as const)
      stack.logGroups.append(group.logGroupName, stream, START + minute * MINUTE_MS, `line of ${stream}`);
  });

  test('groups are found by prefix or by pattern', async () => {
    const names = async (input: object) =>
      (await logs('DescribeLogGroups', input)).logGroups.map(
        (each: { logGroupName: string }) => each.logGroupName,
      );
    expect(await names({ logGroupNamePattern: 'order' })).toEqual(['/app/orders']);
    stack.logGroups.append('/app/billing', 's', START, 'x');
    expect(await names({ logGroupNamePrefix: '/app' })).toEqual(['/app/billing', '/app/orders']);
    const { logGroups } = await logs('DescribeLogGroups', { logGroupNamePrefix: '/app/orders' });
    expect(logGroups).toMatchObject([{ retentionInDays: 7 }]);
    expect(await names({ logGroupNamePrefix: 'order' })).toEqual([]);
    expect(
      await logs('DescribeLogGroups', { logGroupNamePrefix: 'a', logGroupNamePattern: 'a' }),
    ).toMatchObject(wrong);
  });

  test('streams are in the order of their names or of their events', async () => {
    const names = async (input: object) =>
      (await logs('DescribeLogStreams', { ...group, ...input })).logStreams.map(
        ({ logStreamName }: { logStreamName: string }) => logStreamName,
      );
    expect(await names({})).toEqual(['a', 'b', 'c']);
    expect(await names({ descending: true })).toEqual(['c', 'b', 'a']);
    expect(await names({ orderBy: 'LastEventTime' })).toEqual(['b', 'a', 'c']);
    expect(await names({ logStreamNamePrefix: 'b' })).toEqual(['b']);
    const both = { ...group, logStreamNamePrefix: 'b', orderBy: 'LastEventTime' };
    expect(await logs('DescribeLogStreams', both)).toMatchObject(wrong);
    expect(await logs('DescribeLogStreams', { ...group, logGroupIdentifier: 'x' })).toMatchObject(wrong);
  });

  test('events of a stream end before the end time, and a token leads on from an empty page', async () => {
    const get = (input: object) => logs('GetLogEvents', { ...group, logStreamName: 'c', ...input });
    const end = START + 2 * MINUTE_MS;
    expect((await get({ endTime: end })).events).toEqual([]);
    expect((await get({ endTime: end + 1 })).events).toMatchObject([{ message: 'line of c' }]);
    const { nextForwardToken, nextBackwardToken, events } = await get({});
    expect(events).toHaveLength(1);
    expect(await get({ nextToken: nextForwardToken })).toMatchObject({ events: [], nextForwardToken });
    expect(await get({ nextToken: nextBackwardToken })).toMatchObject({ events: [], nextBackwardToken });
    expect(await get({ nextToken: 'x' })).toMatchObject(wrong);
  });

  test('a query is of at least one group, and of so many lines', async () => {
    const query = (input: object) =>
      logs('StartQuery', {
        queryString: 'fields @message',
        startTime: START / 1000,
        endTime: START / 1000 + 600,
        ...input,
      });
    expect(await query({})).toMatchObject(wrong);
    const { queryId } = await query({
      logGroupIdentifiers: [ARN('logs', 'log-group:/app/orders')],
      limit: 2,
    });
    expect((await logs('GetQueryResults', { queryId })).results).toHaveLength(2);
    expect(await query({ logGroupNames: ['/app/none'] })).toMatchObject({
      error: 'ResourceNotFoundException',
    });
    expect(await logs('GetQueryResults', { queryId: 'none' })).toMatchObject({
      error: 'ResourceNotFoundException',
    });
    expect(await logs('StopQuery', { queryId })).toMatchObject(wrong);
  });

  test('fields of a line of JSON are found under their paths', async () => {
    const line = { took: 7, isNew: true, none: null, order: { id: 'o-1', tags: ['x'] } };
    stack.logGroups.append(group.logGroupName, 'json', START + 3 * MINUTE_MS, JSON.stringify(line));
    stack.logGroups.append(group.logGroupName, 'json', START + 4 * MINUTE_MS, '{"cut');
    const range = { startTime: START / 1000 + 150, endTime: START / 1000 + 600 };
    const queryString = 'fields took, isNew, none, order.id, order.tags.0 | sort @timestamp asc';
    const { queryId } = await logs('StartQuery', { ...group, ...range, queryString });
    const { results } = await logs('GetQueryResults', { queryId });
    const rows = results.map((row: { field: string; value: string }[]) =>
      Object.fromEntries(
        row.filter(({ field }) => field !== '@ptr').map(({ field, value }) => [field, value]),
      ),
    );
    expect(rows).toEqual([{ took: '7', isNew: '1', 'order.id': 'o-1', 'order.tags.0': 'x' }, {}]);
  });

  test('saved queries are listed with their groups', async () => {
    expect((await logs('DescribeQueryDefinitions', {})).queryDefinitions).toMatchObject([
      { name: 'errors', logGroupNames: [] },
      { name: 'slow', logGroupNames: ['/app/orders'] },
    ]);
    const { queryDefinitions } = await logs('DescribeQueryDefinitions', { queryDefinitionNamePrefix: 's' });
    expect(queryDefinitions).toHaveLength(1);
  });
});

describe('SQS', () => {
  const sqs = (operation: string, input: object) => call(`AmazonSQS.${operation}`, input);
  const send = (name: string, input: object = {}) =>
    sqs('SendMessage', { QueueUrl: name, MessageBody: 'x', ...input });
  const attributes = async (name: string) =>
    (await sqs('GetQueueAttributes', { QueueUrl: name, AttributeNames: ['All'] })).Attributes;

  test('queues are listed by prefix and in pages, and described with what is theirs', async () => {
    expect((await sqs('ListQueues', { QueueNamePrefix: 'w' })).QueueUrls).toEqual([
      `${stack.url}/000000000000/work`,
    ]);
    const all = (await sqs('ListQueues', {})).QueueUrls;
    const { QueueUrls, NextToken } = await sqs('ListQueues', { MaxResults: all.length - 1 });
    const next = await sqs('ListQueues', { MaxResults: all.length - 1, NextToken });
    expect([QueueUrls, next.QueueUrls]).toEqual([all.slice(0, -1), all.slice(-1)]);
    expect(await sqs('ListQueues', { MaxResults: 1_001 })).toMatchObject({
      error: 'InvalidParameterValueException',
    });
    expect(await attributes('orders.fifo')).toMatchObject({
      FifoQueue: 'true',
      ContentBasedDeduplication: 'true',
    });
    expect(await attributes('failed')).toMatchObject({
      RedriveAllowPolicy: '{"redrivePermission":"allowAll"}',
    });
    expect(await attributes('spare')).not.toHaveProperty('FifoQueue');
    expect(JSON.parse((await attributes('work')).RedrivePolicy)).toEqual({
      ...{ deadLetterTargetArn: ARN('sqs', 'failed'), maxReceiveCount: 1 },
    });
    const QueueUrl = 'failed';
    expect(await sqs('ListDeadLetterSourceQueues', { QueueUrl })).toEqual({
      queueUrls: [`${stack.url}/000000000000/work`],
    });
    expect(await sqs('ListDeadLetterSourceQueues', { QueueUrl, MaxResults: 0 })).toMatchObject({
      error: 'InvalidParameterValueException',
    });
    expect(await sqs('GetQueueAttributes', { QueueUrl, AttributeNames: ['Colour'] })).toEqual({
      ...{ error: 'InvalidAttributeName', message: 'Unknown Attribute Colour.' },
    });
    expect(await sqs('GetQueueAttributes', {})).toMatchObject({ error: 'MissingRequiredParameterException' });
  });

  test('a FIFO queue asks for a group, and delays no message by itself', async () => {
    expect(await sqs('SendMessage', { QueueUrl: 'orders.fifo', MessageBody: 'x' })).toMatchObject({
      ...{
        error: 'MissingRequiredParameterException',
        message: 'The request must contain the parameter MessageGroupId.',
      },
    });
    const delayed = { MessageBody: 'x', MessageGroupId: 'g', DelaySeconds: 2 };
    expect(await sqs('SendMessage', { QueueUrl: 'orders.fifo', ...delayed })).toMatchObject({
      error: 'InvalidParameterValueException',
    });
    const Entries = [{ Id: 'a', ...delayed }];
    expect(await sqs('SendMessageBatch', { QueueUrl: 'orders.fifo', Entries })).toMatchObject({
      Failed: [{ Id: 'a', Code: 'InvalidParameterValue', SenderFault: true }],
    });
  });

  test('a message is received with its group, or with the queue that it failed in', async () => {
    await send('orders.fifo', { MessageGroupId: 'g' });
    const receive = async (QueueUrl: string, more: object = {}) =>
      (await sqs('ReceiveMessage', { QueueUrl, AttributeNames: ['All'], ...more })).Messages?.[0];
    expect((await receive('orders.fifo')).Attributes).toMatchObject({ MessageGroupId: 'g' });
    await send('work');
    await receive('work', { VisibilityTimeout: 0 });
    expect(await receive('work')).toBeUndefined();
    const failed = await receive('failed', { VisibilityTimeout: 0 });
    expect(failed.Attributes).toMatchObject({ DeadLetterQueueSourceArn: ARN('sqs', 'work') });
    const Entries = [{ Id: 'a', ReceiptHandle: failed.ReceiptHandle }];
    expect(await sqs('ChangeMessageVisibilityBatch', { QueueUrl: 'failed', Entries })).toMatchObject({
      Failed: [{ Code: 'AWS.SimpleQueueService.MessageNotInflight' }],
    });
    await sqs('PurgeQueue', { QueueUrl: 'failed' });
  });

  const attribute = (name: string, more: object = {}) => ({
    MessageAttributes: { [name]: { DataType: 'String', StringValue: 'x', ...more } },
  });
  test.each<[object, RegExp]>([
    [
      { MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: 'x' } } },
      /MessageSystemAttributes/,
    ],
    [{ MessageDeduplicationId: 'd' }, /MessageDeduplicationId/],
    [{ DelaySeconds: 901 }, /DelaySeconds/],
    [
      {
        MessageAttributes: Object.fromEntries(
          Array.from({ length: 11 }, (_, n) => [`a${n}`, { DataType: 'String', StringValue: 'x' }]),
        ),
      },
      /Number of message attributes \[11\]/,
    ],
    [attribute('aws.a'), /name 'aws\.a' is invalid/],
    [attribute('a..b'), /name 'a\.\.b' is invalid/],
    [attribute('a', { DataType: 'Text' }), /type of message \(user\) attribute 'a' is invalid/],
    [attribute('a', { StringValue: undefined }), /'a' must contain a non-empty value of type 'String'/],
    [attribute('a', { DataType: 'Number' }), /Can't cast the value of message \(user\) attribute 'a'/],
  ])('a message with %j is refused', async (more, message) => {
    expect(await send('spare', more)).toEqual({
      ...{ error: 'InvalidParameterValueException', message: expect.stringMatching(message) },
    });
  });

  test('a batch is at most 1 MiB', async () => {
    const Entries = ['a', 'b'].map((Id) => ({ Id, MessageBody: 'x'.repeat(600_000) }));
    expect(await sqs('SendMessageBatch', { QueueUrl: 'spare', Entries })).toMatchObject({
      error: 'BatchRequestTooLong',
    });
  });

  test('a redrive goes on second by second, until it is done or cancelled', async () => {
    const SourceArn = ARN('sqs', 'failed');
    const start = (more: object = {}) => sqs('StartMessageMoveTask', { SourceArn, ...more });
    const latest = async () => (await sqs('ListMessageMoveTasks', { SourceArn })).Results[0];
    for (let n = 0; n < 5; n++) await send('failed', { MessageBody: `m${n}` });
    const { TaskHandle } = await start({ MaxNumberOfMessagesPerSecond: 2 });
    expect(await latest()).toMatchObject({
      ...{
        Status: 'RUNNING',
        TaskHandle,
        ApproximateNumberOfMessagesMoved: 2,
        ApproximateNumberOfMessagesToMove: 5,
      },
    });
    expect(await start()).toMatchObject({
      error: 'UnsupportedOperation',
      message: expect.stringContaining('already a task'),
    });
    await clock.advance(1_000);
    expect(await sqs('CancelMessageMoveTask', { TaskHandle })).toEqual({
      ApproximateNumberOfMessagesMoved: 4,
    });
    await clock.advance(10_000);
    expect(await latest()).not.toHaveProperty('TaskHandle');
    expect(await latest()).toMatchObject({ Status: 'CANCELLED', ApproximateNumberOfMessagesMoved: 4 });
    expect((await attributes('failed')).ApproximateNumberOfMessages).toBe('1');
    await start({ DestinationArn: ARN('sqs', 'spare') });
    expect(await latest()).toMatchObject({ Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 1 });
    expect((await attributes('work')).ApproximateNumberOfMessages).toBe('4');

    for (const [input, error] of [
      [{ MaxNumberOfMessagesPerSecond: 501 }, 'InvalidParameterValueException'],
      [{ MaxNumberOfMessagesPerSecond: 0 }, 'InvalidParameterValueException'],
      [{ SourceArn: ARN('sqs', 'spare') }, 'InvalidParameterValueException'],
      [{ SourceArn: ARN('sqs', 'none') }, 'ResourceNotFoundException'],
      [{ DestinationArn: ARN('sqs', 'none') }, 'ResourceNotFoundException'],
    ] as const)
      expect([input, (await start(input)).error]).toEqual([input, error]);
    expect(await sqs('CancelMessageMoveTask', { TaskHandle })).toMatchObject({
      error: 'ResourceNotFoundException',
    });
  });
});

describe('SNS', () => {
  const client = () => new SNSClient(configuration());
  const TopicArn = ARN('sns', 'news');
  const entries = (...ids: string[]) => ids.map((Id) => ({ Id, Message: 'hi' }));
  const refused = (work: Promise<unknown>) =>
    work.then(
      () => 'taken',
      ({ name }) => name,
    );

  test('what cannot be published is refused by its own error', async () => {
    const batch = (PublishBatchRequestEntries: { Id: string; Message: string }[]) =>
      refused(client().send(new PublishBatchCommand({ TopicArn, PublishBatchRequestEntries })));
    expect(await refused(client().send(new PublishCommand({ Message: 'hi' })))).toBe(
      'InvalidParameterException',
    );
    expect(await refused(client().send(new PublishCommand({ Message: 'hi', TargetArn: TopicArn })))).toBe(
      'taken',
    );
    expect(await batch([])).toBe('EmptyBatchRequestException');
    expect(await batch(entries(...'abcdefghijk'))).toBe('TooManyEntriesInBatchRequestException');
    expect(await batch(entries('a', 'a'))).toBe('BatchEntryIdsNotDistinctException');
  });

  test('a subscription by mail waits for its confirmation; a filter is taken away by an empty one', async () => {
    const { Subscriptions } = await client().send(new ListSubscriptionsCommand({}));
    expect(Subscriptions).toMatchObject([{ SubscriptionArn: 'PendingConfirmation', Protocol: 'email' }]);
    const subscribe = new SubscribeCommand({
      ...{ TopicArn, Protocol: 'sqs', Endpoint: ARN('sqs', 'spare') },
      Attributes: { FilterPolicy: '{"kind":["a"]}' },
    });
    const { SubscriptionArn } = await client().send(subscribe);
    const depth = () => stack.queues.find(({ name }) => name === 'spare')?.depth().visible ?? 0;
    const before = depth();
    await client().send(new PublishCommand({ TopicArn, Message: 'hi' }));
    expect(depth()).toBe(before);
    await client().send(
      new SetSubscriptionAttributesCommand({ SubscriptionArn, AttributeName: 'FilterPolicy' }),
    );
    await client().send(new PublishCommand({ TopicArn, Message: 'hi' }));
    expect(depth()).toBe(before + 1);
    const other = new SetSubscriptionAttributesCommand({
      ...{ SubscriptionArn: `${TopicArn}:none`, AttributeName: 'RawMessageDelivery', AttributeValue: 'true' },
    });
    expect(await refused(client().send(other))).toBe('NotFoundException');
    expect(await refused(client().send(new SubscribeCommand({ TopicArn, Protocol: 'sqs' })))).toBe(
      'InvalidParameterException',
    );
  });
});

describe('Lambda', () => {
  const client = () => new LambdaClient(configuration());
  const FunctionName = 'plain';

  test('a function that sets little is shown with the defaults', async () => {
    const { Functions } = await client().send(new ListFunctionsCommand({}));
    expect(Functions).toMatchObject([
      { FunctionName, Timeout: 3, MemorySize: 128, Architectures: ['x86_64'] },
    ]);
    expect(await client().send(new GetFunctionCommand({ FunctionName }))).toMatchObject({
      Concurrency: { ReservedConcurrentExecutions: 5 },
    });
    await client().send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 7 }));
    expect(await client().send(new GetFunctionCommand({ FunctionName }))).toMatchObject({
      Concurrency: { ReservedConcurrentExecutions: 7 },
    });
    expect(await client().send(new GetFunctionEventInvokeConfigCommand({ FunctionName }))).toMatchObject({
      ...{ FunctionArn: `${ARN('lambda', 'function:plain')}:$LATEST`, MaximumRetryAttempts: 1 },
      DestinationConfig: { OnFailure: { Destination: ARN('sqs', 'failed') } },
    });
  });

  test('a permission has the conditions that it was given', async () => {
    const add = async (more: Partial<AddPermissionCommandInput>) => {
      const input = {
        FunctionName,
        StatementId: 's',
        Action: 'lambda:InvokeFunction',
        Principal: '111122223333',
        ...more,
      };
      const { Statement = '' } = await client().send(new AddPermissionCommand(input));
      await client().send(new RemovePermissionCommand({ FunctionName, StatementId: 's' }));
      return JSON.parse(Statement);
    };
    expect(await add({})).toMatchObject({ Principal: { AWS: '111122223333' } });
    expect(await add({})).not.toHaveProperty('Condition');
    expect(await add({ Principal: 's3.amazonaws.com', SourceAccount: '111122223333' })).toMatchObject({
      ...{ Principal: { Service: 's3.amazonaws.com' } },
      Condition: { StringEquals: { 'AWS:SourceAccount': '111122223333' } },
    });
    expect(await add({ Principal: '*', PrincipalOrgID: 'o-1234567890' })).toMatchObject({
      Condition: { StringEquals: { 'aws:PrincipalOrgID': 'o-1234567890' } },
    });
    const removal = new RemovePermissionCommand({ FunctionName, StatementId: 'none' });
    await expect(client().send(removal)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

describe('S3', () => {
  const client = () => new S3Client(configuration());
  const Bucket = 'lake';
  const list = (more: object = {}) => client().send(new ListObjectsV2Command({ Bucket, ...more }));
  const keys = async (more: object = {}) => (await list(more)).Contents?.map(({ Key }) => Key) ?? [];
  beforeAll(async () => {
    for (const stream of [...stack.deliveryStreams, ...stack.deliveryStreams]) {
      stream.put([Buffer.from('0123456789')]);
      await stream.flush();
    }
  });

  test('objects are listed by prefix, place and folder, in pages', async () => {
    const all = await keys();
    expect(all).toHaveLength(4);
    expect(all).toEqual([...all].sort());
    expect(await keys({ Prefix: 'Day/' })).toEqual(all.slice(0, 2));
    expect(await keys({ StartAfter: all[0] })).toEqual(all.slice(1));
    const { NextContinuationToken, IsTruncated } = await list({ MaxKeys: 3 });
    expect(IsTruncated).toBe(true);
    expect(await keys({ ContinuationToken: NextContinuationToken })).toEqual(all.slice(3));
    expect(await list({ MaxKeys: 0 })).toMatchObject({ KeyCount: 0 });
    const { CommonPrefixes } = await list({ Delimiter: '/', EncodingType: 'url', Prefix: 'Day/' });
    expect(CommonPrefixes).toEqual([{ Prefix: 'Day/a%20b/' }]);
    const first = await list({ Delimiter: '/', MaxKeys: 1 });
    expect(first.CommonPrefixes).toEqual([{ Prefix: 'Day/' }]);
    const second = await list({ Delimiter: '/', ContinuationToken: first.NextContinuationToken });
    expect(second.CommonPrefixes).toEqual([{ Prefix: 'Year/' }]);
  });

  // Recorded from S3.
  test.each([
    ...(['0-8', '1-1', '1-', '2-4', '0-100', '0-0'] as const).map(
      (range) => [`bytes=${range}`, 206] as const,
    ),
    ...(['-2', '-9', '-15'] as const).map((range) => [`bytes=${range}`, 206] as const),
    ...['bytes=1-0', 'bytes=-1-', 'bytes=0--1', 'bytes=0-1,3-4,7-9', '0-1', 'bytes=-', 'lines=1-2'].map(
      (range) => [range, 200] as const,
    ),
  ])('the range %s of an object is read with the status %d', async (Range, status) => {
    const [Key] = await keys();
    const text = '0123456789';
    const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(Range) ?? [];
    const part =
      from === '' ? text.slice(-Number(to)) : text.slice(Number(from), to ? Number(to) + 1 : undefined);
    const expected = status === 200 ? text : part;
    const { Body, ContentRange, $metadata } = await client().send(
      new GetObjectCommand({ Bucket, Key, Range }),
    );
    expect([await Body?.transformToString(), $metadata.httpStatusCode]).toEqual([expected, status]);
    const first = text.indexOf(expected);
    expect(ContentRange).toBe(
      status === 200 ? undefined : `bytes ${first}-${first + expected.length - 1}/10`,
    );
    const head = await client().send(new HeadObjectCommand({ Bucket, Key, Range }));
    expect(head).toMatchObject({ ContentLength: expected.length, $metadata: { httpStatusCode: status } });
  });

  test.each(['bytes=10-', 'bytes=100-200', 'bytes=-0'])('the range %s is refused', async (Range) => {
    const [Key] = await keys();
    await expect(client().send(new GetObjectCommand({ Bucket, Key, Range }))).rejects.toMatchObject({
      ...{ name: 'InvalidRange', $metadata: { httpStatusCode: 416 } },
      ...{ RangeRequested: Range, ActualObjectSize: '10' },
    });
  });

  test('a condition on its tag or time decides whether an object is read', async () => {
    const [Key] = await keys();
    const { ETag, LastModified } = await client().send(new HeadObjectCommand({ Bucket, Key }));
    const before = new Date((LastModified as Date).getTime() - 60_000);
    const status = (more: object) =>
      client()
        .send(new GetObjectCommand({ Bucket, Key, ...more }))
        .then(({ $metadata }) => $metadata.httpStatusCode)
        .catch(({ $metadata }) => $metadata.httpStatusCode);
    expect(await status({ IfMatch: ETag, IfUnmodifiedSince: before })).toBe(200);
    expect(await status({ IfMatch: '"other"' })).toBe(412);
    expect(await status({ IfUnmodifiedSince: before })).toBe(412);
    expect(await status({ IfNoneMatch: `"other", ${ETag}` })).toBe(304);
    expect(await status({ IfNoneMatch: '"other"', IfModifiedSince: LastModified })).toBe(200);
    expect(await status({ IfModifiedSince: LastModified })).toBe(304);
    expect(await status({ IfModifiedSince: before })).toBe(200);
  });

  test('an answer has the headers that are asked for, and a parameter that is not known is named', async () => {
    const [Key] = await keys();
    const asked = { ResponseContentType: 'text/plain', ResponseExpires: new Date(0) };
    expect(await client().send(new GetObjectCommand({ Bucket, Key, ...asked }))).toMatchObject({
      ...{ ContentType: 'text/plain', ExpiresString: 'Thu, 01 Jan 1970 00:00:00 GMT' },
    });
    await expect(client().send(new GetObjectCommand({ Bucket, Key, VersionId: 'v' }))).rejects.toMatchObject({
      ...{ name: 'NotImplemented', message: expect.stringContaining('VersionId') },
    });
  });
});

describe('Firehose', () => {
  const firehose = (operation: string, input: object = {}) => call(`Firehose_20150804.${operation}`, input);

  test('streams are listed by type and in pages, and described with their encryption', async () => {
    expect(await firehose('ListDeliveryStreams', { Limit: 1 })).toEqual({
      ...{ DeliveryStreamNames: ['day'], HasMoreDeliveryStreams: true },
    });
    expect(await firehose('ListDeliveryStreams', { ExclusiveStartDeliveryStreamName: 'day' })).toEqual({
      ...{ DeliveryStreamNames: ['year'], HasMoreDeliveryStreams: false },
    });
    const kinesis = { DeliveryStreamType: 'KinesisStreamAsSource' };
    expect((await firehose('ListDeliveryStreams', kinesis)).DeliveryStreamNames).toEqual([]);
    const { DeliveryStreamDescription } = await firehose('DescribeDeliveryStream', {
      DeliveryStreamName: 'day',
    });
    expect(DeliveryStreamDescription).toMatchObject({
      DeliveryStreamEncryptionConfiguration: { KeyType: 'AWS_OWNED_CMK', Status: 'ENABLED' },
    });
  });
});

describe('DynamoDB', () => {
  const dynamodb = (operation: string, input: object = {}) => call(`DynamoDB_20120810.${operation}`, input);

  test('a table is the same by its name, by its ARN and in a batch', async () => {
    const Item = { id: { S: 'o-1' } };
    expect(await dynamodb('PutItem', { TableName: ARN('dynamodb', 'table/orders'), Item })).toEqual({});
    expect(await dynamodb('GetItem', { TableName: 'orders', Key: Item })).toEqual({ Item });
    expect(await dynamodb('BatchGetItem', { RequestItems: { orders: { Keys: [Item] } } })).toMatchObject({
      Responses: { orders: [Item] },
    });
    expect(await dynamodb('BatchGetItem', { RequestItems: null })).toHaveProperty('error');
    const ResourceArn = ARN('dynamodb', 'table/orders');
    expect(await dynamodb('ListTagsOfResource', { ResourceArn })).toEqual({ Tags: [] });
    expect(await dynamodb('GetItem', { TableName: ARN('dynamodb', 'table/none'), Key: Item })).toMatchObject({
      error: 'ResourceNotFoundException',
    });
  });
});

describe('CloudFormation', () => {
  const query = async (search: string) => {
    const authorization =
      'AWS4-HMAC-SHA256 Credential=d/20260101/us-east-1/cloudformation/aws4_request, Signature=x';
    const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' };
    return (await fetch(stack.url, { method: 'POST', headers, body: `Version=2010-05-15&${search}` })).text();
  };

  test('the stack is the only one, and is there', async () => {
    const name = '<StackName>shop</StackName>';
    expect(await query('Action=DescribeStacks')).toContain(name);
    expect(await query('Action=DescribeStackEvents&StackName=shop')).toContain(
      '<ResourceStatus>CREATE_COMPLETE</ResourceStatus>',
    );
    expect(await query('Action=ListStacks')).toContain(name);
    const statuses = 'Action=ListStacks&StackStatusFilter.member.1';
    expect(await query(`${statuses}=DELETE_COMPLETE`)).not.toContain(name);
    expect(await query(`${statuses}=CREATE_COMPLETE`)).toContain(name);
    expect(await query('Action=DescribeStacks&StackName=none')).toContain('<Code>ValidationError</Code>');
  });
});

describe('EventBridge', () => {
  const events = (operation: string, input: object) => call(`AWSEvents.${operation}`, input);
  const rule = (more: object = {}) =>
    events('PutRule', { Name: 'odd', EventPattern: '{"source":["odd"]}', ...more });

  test('a rule may be disabled from the start, and a bus has room for so many', async () => {
    await rule({ State: 'DISABLED' });
    expect(await events('DescribeRule', { Name: 'odd' })).toMatchObject({ State: 'DISABLED' });
    expect(await rule({ Name: 'late', EventPattern: undefined, ScheduleExpression: 'soon' })).toEqual({
      ...{ error: 'ValidationException', message: 'Parameter ScheduleExpression is not valid.' },
    });
    expect(await rule({ EventPattern: '{"source":"odd"}' })).toMatchObject({
      error: 'InvalidEventPatternException',
    });
    const target = (more: object) =>
      events('PutTargets', { Rule: 'odd', Targets: [{ Id: 'a', Arn: ARN('sqs', 'spare'), ...more }] });
    expect(await target({ EcsParameters: { TaskDefinitionArn: ARN('ecs', 'task/t') } })).toMatchObject({
      ...{ error: 'ValidationException', message: expect.stringContaining('EcsParameters of target a') },
    });
    expect(await target({ InputTransformer: { InputTemplate: '{"a": <none>}' } })).toMatchObject({
      ...{ error: 'ValidationException', message: expect.stringContaining('none') },
    });
    expect((await events('ListTargetsByRule', { Rule: 'odd' })).Targets).toEqual([]);
    const { Rules } = await events('ListRules', {});
    for (let n = Rules.length; n < 300; n++)
      expect(await rule({ Name: `r${n}` })).not.toHaveProperty('error');
    expect(await rule({ Name: 'last' })).toMatchObject({ error: 'LimitExceededException' });
    expect(await rule({ Description: 'one that is there' })).not.toHaveProperty('error');
  });
});
