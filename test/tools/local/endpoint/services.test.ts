/** The endpoint as AWS's own clients see it. */
import zlib from 'node:zlib';
import {
  CloudFormationClient,
  DescribeStacksCommand,
  GetTemplateCommand,
  ListStackResourcesCommand,
} from '@aws-sdk/client-cloudformation';
import { CloudWatchClient, DescribeAlarmsCommand, ListDashboardsCommand } from '@aws-sdk/client-cloudwatch';
import {
  CloudWatchLogsClient,
  DeleteLogGroupCommand,
  FilterLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import {
  ConditionalCheckFailedException,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import {
  CancelReplayCommand,
  CreateConnectionCommand,
  DescribeArchiveCommand,
  DescribeEventBusCommand,
  DescribeReplayCommand,
  DescribeRuleCommand,
  DisableRuleCommand,
  EnableRuleCommand,
  EventBridgeClient,
  ListArchivesCommand,
  ListEventBusesCommand,
  ListReplaysCommand,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  PutEventsCommand,
  StartReplayCommand,
  TestEventPatternCommand,
} from '@aws-sdk/client-eventbridge';
import {
  DeleteDeliveryStreamCommand,
  DescribeDeliveryStreamCommand,
  FirehoseClient,
  PutRecordBatchCommand,
  PutRecordCommand,
} from '@aws-sdk/client-firehose';
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  ListAliasesCommand,
  ListFunctionsCommand,
} from '@aws-sdk/client-lambda';
import {
  CreateTopicCommand,
  ListTopicsCommand,
  PublishCommand,
  SNSClient,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  PurgeQueueCommand,
  QueueDoesNotExist,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
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

describe('EventBridge', () => {
  const client = () => new EventBridgeClient(configuration());
  const created = (detail: unknown = {}) => ({
    EventBusName: 'bus',
    Source: 'app',
    DetailType: 'Created',
    Detail: typeof detail === 'string' ? detail : JSON.stringify(detail),
  });

  test('an event that is put reaches the target of its rule', async () => {
    const { Entries } = await client().send(new PutEventsCommand({ Entries: [created({ n: 1 })] }));
    const [inbox] = stack.queues;
    await stack.settled();
    expect(JSON.parse(inbox?.peek()[0]?.body ?? '')).toMatchObject({
      id: Entries?.[0]?.EventId,
      'detail-type': 'Created',
      detail: { n: 1 },
    });
    inbox?.purge();
  });

  test('entries fail one by one, and the call succeeds', async () => {
    const { FailedEntryCount, Entries } = await client().send(
      new PutEventsCommand({
        Entries: [
          created('no JSON'),
          { ...created(), Source: 'aws.mine' },
          { ...created(), Detail: undefined },
          { ...created(), DetailType: 'Other' },
          { ...created(), EventBusName: 'nowhere' },
        ],
      }),
    );
    expect(FailedEntryCount).toBe(3);
    expect(Entries?.map(({ ErrorCode }) => ErrorCode)).toEqual([
      'MalformedDetail',
      'NotAuthorizedForSourceException',
      'InvalidArgument',
      undefined,
      undefined,
    ]);
  });

  test('more than 10 entries, or more than 1 MB of them, are refused as a whole', async () => {
    await expect(
      client().send(new PutEventsCommand({ Entries: Array.from({ length: 11 }, () => created()) })),
    ).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining('less than or equal to 10'),
    });
    await expect(
      client().send(new PutEventsCommand({ Entries: [created({ text: 'x'.repeat(1024 * 1024) })] })),
    ).rejects.toMatchObject({ name: 'ValidationException', message: expect.stringContaining('size') });
  });

  test('a pattern is tried on an event', async () => {
    const event = {
      id: '1',
      account: '1',
      source: 'app',
      time: '2026-01-01T00:00:00Z',
      region: 'r',
      resources: [],
      'detail-type': 't',
      detail: {},
    };
    const tried = (pattern: string, tested: unknown = event) =>
      client().send(new TestEventPatternCommand({ EventPattern: pattern, Event: JSON.stringify(tested) }));
    expect(await tried('{"source":["app"]}')).toMatchObject({ Result: true });
    expect(await tried('{"source":["other"]}')).toMatchObject({ Result: false });
    await expect(tried('{"source":"app"}')).rejects.toMatchObject({ name: 'InvalidEventPatternException' });
    await expect(tried('{"source":["app"]}', {})).rejects.toMatchObject({ name: 'ValidationException' });
  });

  test('rules are listed, described with their targets, disabled and enabled', async () => {
    const { Rules } = await client().send(new ListRulesCommand({ EventBusName: 'bus', NamePrefix: 'c' }));
    expect(Rules).toEqual([
      expect.objectContaining({
        Name: 'created',
        State: 'ENABLED',
        EventBusName: 'bus',
        Arn: arn('events', 'rule/bus/created'),
      }),
    ]);
    const { Targets } = await client().send(
      new ListTargetsByRuleCommand({ Rule: 'created', EventBusName: arn('events', 'event-bus/bus') }),
    );
    expect(Targets).toEqual([{ Id: 'Inbox', Arn: arn('sqs', 'inbox') }]);
    await client().send(new DisableRuleCommand({ Name: 'created', EventBusName: 'bus' }));
    await client().send(new PutEventsCommand({ Entries: [created()] }));
    await stack.settled();
    expect(stack.queues[0]?.peek()).toEqual([]);
    await client().send(new EnableRuleCommand({ Name: 'created', EventBusName: 'bus' }));
    const described = await client().send(new DescribeRuleCommand({ Name: 'daily' }));
    expect(described).toMatchObject({ ScheduleExpression: 'cron(0 9 * * ? *)', EventBusName: 'default' });
  });

  test("the archive's own rule is listed and cannot be changed", async () => {
    const { Rules = [] } = await client().send(new ListRulesCommand({ EventBusName: 'bus' }));
    const managed = Rules.find(({ ManagedBy }) => ManagedBy);
    expect(JSON.parse(managed?.EventPattern ?? '')).toEqual({ 'replay-name': [{ exists: false }] });
    await expect(
      client().send(new DisableRuleCommand({ Name: managed?.Name, EventBusName: 'bus' })),
    ).rejects.toMatchObject({ name: 'ManagedRuleException' });
  });

  test('lists come in pages', async () => {
    const first = await client().send(new ListRulesCommand({ EventBusName: 'bus', Limit: 1 }));
    const second = await client().send(
      new ListRulesCommand({ EventBusName: 'bus', Limit: 1, NextToken: first.NextToken }),
    );
    expect(first.Rules).toHaveLength(1);
    expect(second.Rules).toHaveLength(1);
    expect(second.Rules).not.toEqual(first.Rules);
    expect(second.NextToken).toBeUndefined();
  });

  test('buses and archives are listed and described', async () => {
    const { EventBuses } = await client().send(new ListEventBusesCommand({}));
    expect(EventBuses?.map(({ Name }) => Name)).toEqual(['default', 'bus']);
    expect(await client().send(new DescribeEventBusCommand({ Name: 'bus' }))).toMatchObject({
      Description: 'The bus',
    });
    const { Archives } = await client().send(
      new ListArchivesCommand({ EventSourceArn: arn('events', 'event-bus/bus') }),
    );
    expect(Archives).toMatchObject([{ ArchiveName: 'archive', State: 'ENABLED', RetentionDays: 7 }]);
    const archive = await client().send(new DescribeArchiveCommand({ ArchiveName: 'archive' }));
    expect(archive).toMatchObject({
      ArchiveArn: arn('events', 'archive/archive'),
      CreationTime: expect.any(Date),
    });
    expect(archive.EventCount).toBeGreaterThan(0);
    await expect(
      client().send(new ListArchivesCommand({ NamePrefix: 'a', State: 'ENABLED' })),
    ).rejects.toMatchObject({ name: 'ValidationException' });
  });

  test('a replay is started, described, listed and cancelled', async () => {
    const request = {
      ReplayName: 'again',
      EventSourceArn: arn('events', 'archive/archive'),
      EventStartTime: new Date(Date.now() - 60_000),
      EventEndTime: new Date(Date.now() - 1000),
      Destination: { Arn: arn('events', 'event-bus/bus'), FilterArns: [arn('events', 'rule/bus/created')] },
    };
    const started = await client().send(new StartReplayCommand(request));
    expect(started).toMatchObject({ State: 'STARTING', ReplayArn: arn('events', 'replay/again') });
    expect(await client().send(new DescribeReplayCommand({ ReplayName: 'again' }))).toMatchObject({
      Destination: request.Destination,
      EventStartTime: request.EventStartTime,
    });
    const { Replays } = await client().send(new ListReplaysCommand({ NamePrefix: 'ag' }));
    expect(Replays).toMatchObject([{ ReplayName: 'again' }]);
    expect(await client().send(new CancelReplayCommand({ ReplayName: 'again' }))).toMatchObject({
      State: expect.stringMatching(/^CANCEL/),
    });
    await expect(client().send(new StartReplayCommand(request))).rejects.toMatchObject({
      name: 'ResourceAlreadyExistsException',
    });
  });

  test.each([
    [
      new DescribeRuleCommand({ Name: 'nothing', EventBusName: 'bus' }),
      /Rule nothing does not exist on EventBus bus/,
    ],
    [new ListRulesCommand({ EventBusName: 'nowhere' }), /Event bus nowhere does not exist/],
    [new DescribeArchiveCommand({ ArchiveName: 'nothing' }), /Archive nothing does not exist/],
    [new DescribeReplayCommand({ ReplayName: 'nothing' }), /Replay nothing does not exist/],
  ])('what is not there is a ResourceNotFoundException (%#)', async (command, message) => {
    await expect((client().send as (c: unknown) => Promise<unknown>)(command)).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: expect.stringMatching(message),
    });
  });

  test('every broken constraint is told at once', async () => {
    await expect(
      client().send(new ListRulesCommand({ NamePrefix: 'a b', Limit: 500 })),
    ).rejects.toMatchObject({
      name: 'ValidationException',
      message:
        "2 validation errors detected: Value 'a b' at 'namePrefix' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+; Value '500' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100",
    });
    await expect(client().send(new DescribeRuleCommand({ Name: undefined }))).rejects.toMatchObject({
      message:
        "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null",
    });
  });
});

describe('SQS', () => {
  const client = () => new SQSClient(configuration());
  const url = () => `${stack.url}/000000000000/failed`;
  const queue = () => stack.queues[1];
  const send = (MessageBody: string, more: object = {}) =>
    client().send(new SendMessageCommand({ QueueUrl: url(), MessageBody, ...more }));
  const receive = async (more: object = {}) => {
    const { Messages = [] } = await client().send(new ReceiveMessageCommand({ QueueUrl: url(), ...more }));
    return Messages;
  };
  afterEach(async () => {
    for (const { ReceiptHandle } of await receive({ MaxNumberOfMessages: 10 })) {
      await client().send(new DeleteMessageCommand({ QueueUrl: url(), ReceiptHandle }));
    }
  });

  test('queues are listed and found by name; their URLs are on the endpoint', async () => {
    const { QueueUrls } = await client().send(new ListQueuesCommand({ QueueNamePrefix: 'f' }));
    expect(QueueUrls).toEqual([url()]);
    expect(await client().send(new GetQueueUrlCommand({ QueueName: 'failed' }))).toMatchObject({
      QueueUrl: url(),
    });
  });

  test('a message is sent with attributes, received with them and deleted', async () => {
    const MessageAttributes = {
      CODE: { DataType: 'String', StringValue: 'é' },
      N: { DataType: 'Number', StringValue: '1.5' },
      BIN: { DataType: 'Binary.png', BinaryValue: Buffer.from([0, 255]) },
    };
    const sent = await send('héllo', { MessageAttributes });
    const [message] = await receive({ MessageAttributeNames: ['All'], MessageSystemAttributeNames: ['All'] });
    expect(message).toMatchObject({
      MessageId: sent.MessageId,
      Body: 'héllo',
      MD5OfBody: sent.MD5OfMessageBody,
      MD5OfMessageAttributes: sent.MD5OfMessageAttributes,
      Attributes: {
        ApproximateReceiveCount: '1',
        SenderId: 'developer',
        SentTimestamp: expect.stringMatching(/^\d{13}$/),
      },
    });
    expect(message?.MessageAttributes?.BIN?.BinaryValue).toEqual(new Uint8Array([0, 255]));
    await client().send(new DeleteMessageCommand({ QueueUrl: url(), ReceiptHandle: message?.ReceiptHandle }));
    expect(queue()?.peek()).toEqual([]);
  });

  test.each([
    // boto's tests of the documented algorithm have this value.
    [{ timestamp: { DataType: 'Number', StringValue: '1493147359900' } }, '235c5c510d26fb653d073faed50ae77c'],
    // By the documented algorithm in another language.
    [
      {
        b: { DataType: 'Binary', BinaryValue: Buffer.from([0, 255]) },
        a: { DataType: 'String', StringValue: 'é' },
      },
      '8ed215b7ffae53a0b0f0a2ee4aeece7c',
    ],
  ])("attributes' digest is that of the documented algorithm (%#)", async (MessageAttributes, digest) => {
    expect((await send('x', { MessageAttributes })).MD5OfMessageAttributes).toBe(digest);
  });

  test('only the attributes that were asked for are given', async () => {
    const attribute = { DataType: 'String', StringValue: 'x' };
    await send('x', { MessageAttributes: { 'a.one': attribute, 'a.two': attribute, b: attribute } });
    const [message] = await receive({ MessageAttributeNames: ['a.*'], VisibilityTimeout: 0 });
    expect(Object.keys(message?.MessageAttributes ?? {})).toEqual(['a.one', 'a.two']);
    expect(message?.Attributes).toBeUndefined();
    expect((await receive({ VisibilityTimeout: 0 }))[0]?.MessageAttributes).toBeUndefined();
  });

  test('a long poll ends when a message is sent', async () => {
    const waiting = receive({ WaitTimeSeconds: 20, VisibilityTimeout: 0 });
    await send('at last');
    expect((await waiting).map(({ Body }) => Body)).toEqual(['at last']);
  });

  test('a client that goes away during a long poll takes no message with it', async () => {
    const gone = new AbortController();
    const waiting = client().send(new ReceiveMessageCommand({ QueueUrl: url(), WaitTimeSeconds: 20 }), {
      abortSignal: gone.signal,
    });
    await client().send(new GetQueueAttributesCommand({ QueueUrl: url() }));
    gone.abort();
    await expect(waiting).rejects.toThrow();
    await client().send(new GetQueueAttributesCommand({ QueueUrl: url() }));
    await send('for another');
    expect(queue()?.depth()).toMatchObject({ visible: 1, inFlight: 0 });
  });

  test('visibility is changed, one by one and in a batch', async () => {
    await send('x');
    const [first] = await receive({ VisibilityTimeout: 60 });
    await client().send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: url(),
        ReceiptHandle: first?.ReceiptHandle,
        VisibilityTimeout: 0,
      }),
    );
    const [second] = await receive({ VisibilityTimeout: 60 });
    expect(second?.MessageId).toBe(first?.MessageId);
    const { Successful, Failed } = await client().send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl: url(),
        Entries: [
          { Id: 'good', ReceiptHandle: second?.ReceiptHandle, VisibilityTimeout: 0 },
          { Id: 'stale', ReceiptHandle: first?.ReceiptHandle, VisibilityTimeout: 0 },
        ],
      }),
    );
    expect([Successful, Failed]).toMatchObject([
      [{ Id: 'good' }],
      [{ Id: 'stale', Code: 'AWS.SimpleQueueService.MessageNotInflight' }],
    ]);
  });

  test('a batch of deletes tells which failed', async () => {
    await send('x');
    const [message] = await receive();
    const { Successful, Failed } = await client().send(
      new DeleteMessageBatchCommand({
        QueueUrl: url(),
        Entries: [
          { Id: 'good', ReceiptHandle: message?.ReceiptHandle },
          { Id: 'bad', ReceiptHandle: 'none' },
        ],
      }),
    );
    expect(Successful).toEqual([{ Id: 'good' }]);
    expect(Failed).toMatchObject([{ Id: 'bad', Code: 'ReceiptHandleIsInvalid', SenderFault: true }]);
    expect(queue()?.peek()).toEqual([]);
  });

  test('attributes tell depth and settings', async () => {
    await send('x');
    const { Attributes } = await client().send(
      new GetQueueAttributesCommand({ QueueUrl: `${stack.url}/000000000000/inbox`, AttributeNames: ['All'] }),
    );
    expect(Attributes).toMatchObject({
      QueueArn: arn('sqs', 'inbox'),
      VisibilityTimeout: '30',
      MessageRetentionPeriod: '345600',
      MaximumMessageSize: '1048576',
      Policy: expect.stringContaining('events.amazonaws.com'),
    });
    const depth = await client().send(
      new GetQueueAttributesCommand({ QueueUrl: url(), AttributeNames: ['ApproximateNumberOfMessages'] }),
    );
    expect(depth.Attributes).toEqual({ ApproximateNumberOfMessages: '1' });
  });

  test('a queue is purged', async () => {
    await send('x');
    await client().send(new PurgeQueueCommand({ QueueUrl: url() }));
    expect(queue()?.peek()).toEqual([]);
    await expect(client().send(new PurgeQueueCommand({ QueueUrl: url() }))).rejects.toMatchObject({
      name: 'PurgeQueueInProgress',
    });
  });

  test('a queue that is not there is QueueDoesNotExist, with the code of old', async () => {
    const error = await client()
      .send(new GetQueueUrlCommand({ QueueName: 'nowhere' }))
      .catch((caught) => caught);
    expect(error).toBeInstanceOf(QueueDoesNotExist);
    expect(error).toMatchObject({
      Code: 'AWS.SimpleQueueService.NonExistentQueue',
      message: 'The specified queue does not exist.',
    });
  });

  test.each<[string, object, string, RegExp]>([
    ['an empty body', { MessageBody: '' }, 'MissingParameter', /MessageBody/],
    ['a control character', { MessageBody: 'a\u0001' }, 'InvalidMessageContents', /Invalid characters/],
    [
      'more than 1 MB',
      { MessageBody: 'x'.repeat(1024 * 1024 + 1) },
      'InvalidParameterValue',
      /must be shorter than 1048576 bytes/,
    ],
    [
      'a delay of an hour',
      { DelaySeconds: 3600 },
      'InvalidParameterValue',
      /DelaySeconds.*between 0 and 900/,
    ],
    [
      'an attribute without value',
      { MessageAttributes: { a: { DataType: 'String', StringValue: '' } } },
      'InvalidParameterValue',
      /'a' must contain a non-empty value of type 'String'/,
    ],
    [
      'a number that is none',
      { MessageAttributes: { a: { DataType: 'Number', StringValue: 'one' } } },
      'InvalidParameterValue',
      /Can't cast/,
    ],
    [
      'what only FIFO queues have',
      { MessageDeduplicationId: 'd' },
      'InvalidParameterValue',
      /^Value d for parameter MessageDeduplicationId is invalid. Reason: .* for this queue type\.$/,
    ],
    [
      'a group whose name has a space',
      { MessageGroupId: 'a b' },
      'InvalidParameterValue',
      /^Value a b for parameter MessageGroupId is invalid\. Reason: .* 1 to 128 in length\.$/,
    ],
  ])('a message with %s is refused', async (_, more, code, message) => {
    await expect(send('x', more)).rejects.toMatchObject({
      Code: code,
      message: expect.stringMatching(message),
    });
  });

  test('a batch is as long as its bodies and attributes are', async () => {
    const batch = (length: number) =>
      client().send(
        new SendMessageBatchCommand({
          QueueUrl: url(),
          Entries: ['a', 'b'].map((Id) => ({
            ...{ Id, MessageBody: 'x' },
            MessageAttributes: { n: { DataType: 'Binary', BinaryValue: Buffer.alloc(length) } },
          })),
        }),
      );
    // Body, name and type of the attribute take 8 bytes of each message.
    expect((await batch(512 * 1024 - 8)).Successful).toHaveLength(2);
    await expect(batch(512 * 1024 - 7)).rejects.toMatchObject({
      name: 'BatchRequestTooLong',
      message: 'Batch requests cannot be longer than 1048576 bytes. You have sent 1048578 bytes.',
    });
    queue()
      ?.peek()
      .forEach(({ id }) => void queue()?.remove(id));
  });

  test.each<[object, RegExp]>([
    [{ MaxNumberOfMessages: 11 }, /MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10/],
    [{ WaitTimeSeconds: 21 }, /WaitTimeSeconds/],
    [{ VisibilityTimeout: 43_201 }, /VisibilityTimeout/],
  ])('receiving with %j is refused', async (more, message) => {
    await expect(receive(more)).rejects.toMatchObject({
      Code: 'InvalidParameterValue',
      message: expect.stringMatching(message),
    });
  });

  test.each<[string, { Id: string; ReceiptHandle: string }[]]>([
    ['EmptyBatchRequest', []],
    [
      'TooManyEntriesInBatchRequest',
      Array.from({ length: 11 }, (_, n) => ({ Id: `${n}`, ReceiptHandle: 'x' })),
    ],
    [
      'BatchEntryIdsNotDistinct',
      [
        { Id: 'a', ReceiptHandle: 'x' },
        { Id: 'a', ReceiptHandle: 'y' },
      ],
    ],
    ['InvalidBatchEntryId', [{ Id: 'a b', ReceiptHandle: 'x' }]],
  ])('a batch is refused as a whole: %s', async (name, Entries) => {
    await expect(
      client().send(new DeleteMessageBatchCommand({ QueueUrl: url(), Entries })),
    ).rejects.toMatchObject({ name });
  });
});

describe('SNS', () => {
  const client = () => new SNSClient(configuration());
  const topic = arn('sns', 'news');

  test('a message that is published reaches a queue that was subscribed, with its attributes', async () => {
    const { Topics } = await client().send(new ListTopicsCommand({}));
    expect(Topics).toEqual([{ TopicArn: topic }]);
    const { SubscriptionArn } = await client().send(
      new SubscribeCommand({
        TopicArn: topic,
        Protocol: 'sqs',
        Endpoint: arn('sqs', 'failed'),
        Attributes: { RawMessageDelivery: 'true' },
      }),
    );
    expect(SubscriptionArn).toMatch(new RegExp(`^${topic}:[0-9a-f-]{36}$`));
    const { MessageId } = await client().send(
      new PublishCommand({
        TopicArn: topic,
        Message: '<&> "quoted" é\r\n',
        Subject: 'Hi & bye',
        MessageAttributes: { email: { DataType: 'String', StringValue: 'a@b.example' } },
      }),
    );
    expect(MessageId).toMatch(/^[0-9a-f-]{36}$/);
    expect(stack.queues[1]?.peek().at(-1)).toMatchObject({
      body: '<&> "quoted" é\r\n',
      attributes: { email: { DataType: 'String', StringValue: 'a@b.example' } },
    });
  });

  test('each protocol gets its own text', async () => {
    const json = (message: string) =>
      client().send(new PublishCommand({ TopicArn: topic, MessageStructure: 'json', Message: message }));
    await json('{"default":"for all","sqs":"for queues"}');
    expect(stack.queues[1]?.peek().at(-1)?.body).toBe('for queues');
    await expect(json('{"sqs":"for queues"}')).rejects.toThrow(/No default entry/);
    await expect(json('{')).rejects.toThrow(/failed to parse/);
  });

  test.each<[object, string, string]>([
    [{ TopicArn: arn('sns', 'nowhere') }, 'NotFoundException', 'Topic does not exist'],
    [
      { TopicArn: 'x' },
      'InvalidParameterException',
      'Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1',
    ],
    [{ Subject: 'x'.repeat(101) }, 'InvalidParameterException', 'Invalid parameter: Subject'],
    [
      { MessageAttributes: { email: { DataType: 'String', StringValue: '' } } },
      'InvalidParameterValueException',
      "The message attribute 'email' must contain non-empty message attribute value for message attribute type 'String'.",
    ],
    [
      { PhoneNumber: '+15550100', TopicArn: undefined },
      'InvalidParameterException',
      'Invalid parameter: PhoneNumber Reason: the local run sends no text messages',
    ],
  ])('publishing with %j is refused', async (more, name, message) => {
    await expect(
      client().send(new PublishCommand({ TopicArn: topic, Message: 'm', ...more })),
    ).rejects.toMatchObject({ name, message });
  });

  test.each([
    [{ Protocol: 'https', Endpoint: 'https://x.example' }, /delivers to sqs only/],
    [{ Protocol: 'sqs', Endpoint: arn('sqs', 'nowhere') }, /there is no queue/],
    [
      { Protocol: 'sqs', Endpoint: arn('sqs', 'failed'), Attributes: { DeliveryPolicy: '{}' } },
      /attribute DeliveryPolicy/,
    ],
  ])('subscribing with %j is refused', async (more, message) => {
    await expect(client().send(new SubscribeCommand({ TopicArn: topic, ...more }))).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message: expect.stringMatching(message),
    });
  });
});

describe('Firehose', () => {
  const client = () => new FirehoseClient(configuration());
  const DeliveryStreamName = 'stream';

  test('records become an object', async () => {
    const stream = stack.deliveryStreams[0];
    await client().send(new PutRecordCommand({ DeliveryStreamName, Record: { Data: Buffer.from('a\n') } }));
    const { FailedPutCount, RequestResponses } = await client().send(
      new PutRecordBatchCommand({
        DeliveryStreamName,
        Records: ['b\n', 'c\n'].map((text) => ({ Data: Buffer.from(text) })),
      }),
    );
    expect(FailedPutCount).toBe(0);
    expect(RequestResponses).toEqual([{ RecordId: expect.any(String) }, { RecordId: expect.any(String) }]);
    await stream?.flush();
    expect(zlib.gunzipSync(stream?.objects[0]?.body ?? '').toString()).toBe('a\nb\nc\n');
  });

  test('a stream is described', async () => {
    const { DeliveryStreamDescription: stream } = await client().send(
      new DescribeDeliveryStreamCommand({ DeliveryStreamName }),
    );
    expect(stream).toMatchObject({ DeliveryStreamStatus: 'ACTIVE', CreateTimestamp: expect.any(Date) });
    expect(stream?.Destinations?.[0]?.ExtendedS3DestinationDescription).toMatchObject({
      BucketARN: 'arn:aws:s3:::lake',
      BufferingHints: { IntervalInSeconds: 900, SizeInMBs: 128 },
    });
  });

  test('what is too much, too large or for nobody is refused', async () => {
    const record = (bytes: number) => ({ Data: Buffer.alloc(bytes) });
    const put = (Records: { Data: Buffer }[], name = DeliveryStreamName) =>
      client().send(new PutRecordBatchCommand({ DeliveryStreamName: name, Records }));
    await expect(put(Array.from({ length: 501 }, () => record(1)))).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringMatching(/at 'records' .*less than or equal to 500/),
    });
    await expect(put([record(1), record(1_024_001)])).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining('records.2.member.data'),
    });
    await expect(put(Array.from({ length: 5 }, () => record(1_000_000)))).rejects.toMatchObject({
      name: 'InvalidArgumentException',
      message: 'Records size exceeds 4 MB limit',
    });
    await expect(put([record(1)], 'nowhere')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

describe('Lambda', () => {
  const client = () => new LambdaClient(configuration());
  const invoke = (more: object = {}) => client().send(new InvokeCommand({ FunctionName: 'echo', ...more }));
  const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

  test('a function is invoked and answers, with the end of its log', async () => {
    const { StatusCode, Payload, LogResult, ExecutedVersion, FunctionError } = await invoke({
      Payload: '{"a":1}',
      LogType: 'Tail',
    });
    expect([StatusCode, ExecutedVersion, FunctionError]).toEqual([200, '$LATEST', undefined]);
    expect(JSON.parse(text(Payload))).toEqual({ echo: { a: 1 } });
    expect(Buffer.from(LogResult ?? '', 'base64').toString()).toContain('got {"a":1}');
  });

  test('an error of the handler is an answer, too', async () => {
    const { StatusCode, FunctionError, Payload } = await invoke({ Payload: '{"fail":"boom"}' });
    expect([StatusCode, FunctionError]).toEqual([200, 'Unhandled']);
    expect(JSON.parse(text(Payload))).toMatchObject({ errorType: 'TypeError', errorMessage: 'boom' });
  });

  test('an event is taken for later, a dry run does nothing', async () => {
    expect(await invoke({ Payload: '{"later":1}', InvocationType: 'Event' })).toMatchObject({
      StatusCode: 202,
    });
    expect(await invoke({ Payload: '{"dry":1}', InvocationType: 'DryRun' })).toMatchObject({
      StatusCode: 204,
    });
    await stack.settled();
    const results = running.steps.flatMap((step) =>
      step.kind === 'invocation-succeeded' ? [step.result] : [],
    );
    expect(results).toContain('{"echo":{"later":1}}');
    expect(results).not.toContain('{"echo":{"dry":1}}');
  });

  test.each(['echo', 'echo:$LATEST', arn('lambda', 'function:echo'), '000000000000:function:echo'])(
    'a function is found as %s',
    async (FunctionName) => {
      expect(await client().send(new GetFunctionConfigurationCommand({ FunctionName }))).toMatchObject({
        FunctionName: 'echo',
        FunctionArn: arn('lambda', 'function:echo'),
        Runtime: 'nodejs24.x',
        MemorySize: 128,
        Timeout: 10,
        State: 'Active',
      });
    },
  );

  test('functions are listed', async () => {
    const { Functions } = await client().send(new ListFunctionsCommand({}));
    expect(Functions?.map(({ FunctionName }) => FunctionName)).toEqual(['echo']);
  });

  test.each<[object, string, number]>([
    [{ FunctionName: 'nowhere' }, 'ResourceNotFoundException', 404],
    [{ Qualifier: '7' }, 'ResourceNotFoundException', 404],
    [{ Payload: '{' }, 'InvalidRequestContentException', 400],
    [{ InvocationType: 'Later' }, 'ValidationException', 400],
    [{ Payload: JSON.stringify('x'.repeat(6 * 1024 * 1024)) }, 'RequestTooLargeException', 413],
    [
      { Payload: JSON.stringify('x'.repeat(1024 * 1024)), InvocationType: 'Event' },
      'RequestTooLargeException',
      413,
    ],
  ])('invoking with what is wrong is refused (%#)', async (more, name, httpStatusCode) => {
    await expect(invoke(more)).rejects.toMatchObject({ name, $metadata: { httpStatusCode } });
  });
});

describe('DynamoDB', () => {
  const client = () => new DynamoDBClient(configuration());
  const TableName = 'orders';

  test('items are written, read and scanned', async () => {
    await client().send(new PutItemCommand({ TableName, Item: { orderId: { S: 'a' }, n: { N: '1' } } }));
    const { Attributes } = await client().send(
      new UpdateItemCommand({
        TableName,
        Key: { orderId: { S: 'a' } },
        UpdateExpression: 'ADD n :one',
        ExpressionAttributeValues: { ':one': { N: '1' } },
        ReturnValues: 'ALL_NEW',
      }),
    );
    expect(Attributes).toEqual({ orderId: { S: 'a' }, n: { N: '2' } });
    const { Items } = await client().send(new ScanCommand({ TableName }));
    expect(Items).toEqual([Attributes]);
  });

  test('a condition that fails is its own error, with the item', async () => {
    await client().send(new PutItemCommand({ TableName, Item: { orderId: { S: 'b' } } }));
    const error = await client()
      .send(
        new PutItemCommand({
          TableName,
          Item: { orderId: { S: 'b' } },
          ConditionExpression: 'attribute_not_exists(orderId)',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      )
      .catch((caught) => caught);
    expect(error).toBeInstanceOf(ConditionalCheckFailedException);
    expect(error.Item).toEqual({ orderId: { S: 'b' } });
  });

  test('time to live is described, and a table that is not there is an error', async () => {
    const { TimeToLiveDescription } = await client().send(new DescribeTimeToLiveCommand({ TableName }));
    expect(TimeToLiveDescription).toEqual({ TimeToLiveStatus: 'DISABLED' });
    await expect(client().send(new ScanCommand({ TableName: 'nowhere' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });
});

describe('CloudWatch Logs', () => {
  const client = () => new CloudWatchLogsClient(configuration());

  test('what a function logged is found by time, stream and pattern, in pages', async () => {
    const group = '/aws/lambda/tail';
    for (let n = 0; n < 5; n++) {
      stack.logGroups.append(
        group,
        n % 2 ? 'odd' : 'even',
        1000 + n,
        JSON.stringify({ n, level: n > 2 ? 'ERROR' : 'INFO' }),
      );
    }
    const filter = async (more: object) => {
      const { events = [], nextToken } = await client().send(
        new FilterLogEventsCommand({ logGroupName: group, ...more }),
      );
      return { found: events.map(({ message }) => JSON.parse(message ?? '').n), nextToken };
    };
    expect(await filter({ startTime: 1001, endTime: 1003 })).toMatchObject({ found: [1, 2, 3] });
    expect(await filter({ logStreamNames: ['odd'] })).toMatchObject({ found: [1, 3] });
    expect(await filter({ logStreamNamePrefix: 'ev' })).toMatchObject({ found: [0, 2, 4] });
    expect(await filter({ filterPattern: '{ $.level = "ERROR" }' })).toMatchObject({ found: [3, 4] });
    const first = await filter({ limit: 3, interleaved: true });
    expect(first.found).toEqual([0, 1, 2]);
    expect(await filter({ limit: 3, nextToken: first.nextToken })).toEqual({
      found: [3, 4],
      nextToken: undefined,
    });
    const byArn = { logGroupName: undefined, logGroupIdentifier: arn('logs', `log-group:${group}`) };
    expect(await filter({ ...byArn, limit: 1 })).toMatchObject({ found: [0] });
  });

  test.each<[object, string, RegExp]>([
    [{ logGroupName: '/nowhere' }, 'ResourceNotFoundException', /does not exist/],
    [{}, 'InvalidParameterException', /Exactly one of/],
    [
      { logGroupName: '/aws/lambda/echo', filterPattern: 'order-1' },
      'InvalidParameterException',
      /Invalid character/,
    ],
    [
      { logGroupName: 'a b' },
      'InvalidParameterException',
      /1 validation error detected: Value 'a b' at 'logGroupName'/,
    ],
    [
      { logGroupName: 'a', logStreamNames: ['b'], logStreamNamePrefix: 'b' },
      'InvalidParameterException',
      /cannot both be given/,
    ],
  ])('filtering with %j is refused', async (input, name, message) => {
    await expect(client().send(new FilterLogEventsCommand(input))).rejects.toMatchObject({
      name,
      message: expect.stringMatching(message),
    });
  });
});

test('CloudFormation gives the stack with its outputs; queues are on the endpoint', async () => {
  const client = new CloudFormationClient(configuration());
  const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: 'shop' }));
  expect(Stacks).toMatchObject([
    {
      StackName: 'shop',
      StackStatus: 'CREATE_COMPLETE',
      CreationTime: expect.any(Date),
      Outputs: [
        { OutputKey: 'BusName', OutputValue: 'bus' },
        { OutputKey: 'InboxUrl', OutputValue: `${stack.url}/000000000000/inbox` },
      ],
    },
  ]);
  await expect(client.send(new DescribeStacksCommand({ StackName: 'other' }))).rejects.toMatchObject({
    name: 'ValidationError',
    message: 'Stack with id other does not exist',
  });
});

test('CloudFormation lists the resources of the stack, each with what Ref gives of it', async () => {
  const client = new CloudFormationClient(configuration());
  const list = async (StackName: string) =>
    (await client.send(new ListStackResourcesCommand({ StackName }))).StackResourceSummaries ?? [];
  const resources = await list('shop');
  for (const queue of stack.queues)
    expect(resources).toContainEqual(
      expect.objectContaining({
        ResourceType: 'AWS::SQS::Queue',
        PhysicalResourceId: `${stack.url}/000000000000/${queue.name}`,
      }),
    );
  for (const { arn } of stack.topics)
    expect(resources).toContainEqual(
      expect.objectContaining({ ResourceType: 'AWS::SNS::Topic', PhysicalResourceId: arn }),
    );
  await expect(list('other')).rejects.toMatchObject({ name: 'ValidationError' });
});

describe('CloudWatch', () => {
  const client = () => new CloudWatchClient(configuration());

  test('an alarm on a queue tells the truth, another that there is no data', async () => {
    const states = async (more: object = {}) => {
      const { MetricAlarms = [] } = await client().send(new DescribeAlarmsCommand(more));
      return Object.fromEntries(MetricAlarms.map(({ AlarmName, StateValue }) => [AlarmName, StateValue]));
    };
    expect(await states()).toEqual({ 'inbox-depth': 'OK', 'echo-errors': 'INSUFFICIENT_DATA' });
    stack.queues.find(({ name }) => name === 'watched')?.send({ body: 'x' });
    expect(await states({ StateValue: 'ALARM' })).toEqual({ 'inbox-depth': 'ALARM' });
    expect(await states({ AlarmNames: ['echo-errors'] })).toEqual({ 'echo-errors': 'INSUFFICIENT_DATA' });
    const { MetricAlarms } = await client().send(new DescribeAlarmsCommand({ AlarmNamePrefix: 'inbox' }));
    expect(MetricAlarms).toMatchObject([
      {
        AlarmDescription: 'Events lie in the inbox.',
        Threshold: 1,
        Dimensions: [{ Name: 'QueueName', Value: 'watched' }],
        StateUpdatedTimestamp: expect.any(Date),
        StateReason: expect.stringMatching(/\[1\] was greater than or equal to the threshold \(1\)/),
      },
    ]);
  });

  test('alarms come in pages', async () => {
    const first = await client().send(new DescribeAlarmsCommand({ MaxRecords: 1 }));
    const second = await client().send(
      new DescribeAlarmsCommand({ MaxRecords: 1, NextToken: first.NextToken }),
    );
    expect([first, second].map(({ MetricAlarms }) => MetricAlarms?.[0]?.AlarmName)).toEqual([
      'inbox-depth',
      'echo-errors',
    ]);
  });
});

describe("an operation that is not there answers with the service's error and its name", () => {
  test.each<[string, () => Promise<unknown>]>([
    [
      'events:CreateConnection',
      () =>
        new EventBridgeClient(configuration()).send(
          new CreateConnectionCommand({ Name: 'x', AuthorizationType: 'API_KEY', AuthParameters: {} }),
        ),
    ],
    [
      'sqs:CreateQueue',
      () => new SQSClient(configuration()).send(new CreateQueueCommand({ QueueName: 'x' })),
    ],
    ['sns:CreateTopic', () => new SNSClient(configuration()).send(new CreateTopicCommand({ Name: 'x' }))],
    [
      'firehose:DeleteDeliveryStream',
      () =>
        new FirehoseClient(configuration()).send(
          new DeleteDeliveryStreamCommand({ DeliveryStreamName: 'x' }),
        ),
    ],
    [
      'lambda: GET /2015-03-31/functions/x/aliases',
      () => new LambdaClient(configuration()).send(new ListAliasesCommand({ FunctionName: 'x' })),
    ],
    [
      'logs:DeleteLogGroup',
      () => new CloudWatchLogsClient(configuration()).send(new DeleteLogGroupCommand({ logGroupName: 'x' })),
    ],
    [
      'dynamodb:TransactWriteItems',
      () => new DynamoDBClient(configuration()).send(new TransactWriteItemsCommand({ TransactItems: [] })),
    ],
    [
      'cloudformation:GetTemplate',
      () => new CloudFormationClient(configuration()).send(new GetTemplateCommand({ StackName: 'x' })),
    ],
    [
      'cloudwatch:ListDashboards',
      () => new CloudWatchClient(configuration()).send(new ListDashboardsCommand({})),
    ],
  ])('%s', async (operation, call) => {
    await expect(call()).rejects.toMatchObject({
      name: expect.stringMatching(/^(UnknownOperationException|InvalidAction)$/),
      message: `The local run does not know the operation ${operation}`,
    });
  });
});

describe("a function's calls are judged by its role", () => {
  const asFunction = () => ({
    ...configuration(),
    credentials: { accessKeyId: 'LOCAL.echo', secretAccessKey: 'x' },
  });

  test('what the role allows is done', async () => {
    await new DynamoDBClient(asFunction()).send(
      new PutItemCommand({ TableName: 'orders', Item: { orderId: { S: 'own' } } }),
    );
  });

  test.each<[string, string, string, () => Promise<unknown>]>([
    [
      'AccessDeniedException',
      'dynamodb:GetItem',
      arn('dynamodb', 'table/orders'),
      () =>
        new DynamoDBClient(asFunction()).send(
          new GetItemCommand({ TableName: 'orders', Key: { orderId: { S: 'a' } } }),
        ),
    ],
    [
      'AuthorizationErrorException',
      'sns:Publish',
      arn('sns', 'news'),
      () =>
        new SNSClient(asFunction()).send(new PublishCommand({ TopicArn: arn('sns', 'news'), Message: 'm' })),
    ],
    [
      'AccessDeniedException',
      'firehose:PutRecordBatch',
      arn('firehose', 'deliverystream/stream'),
      () =>
        new FirehoseClient(asFunction()).send(
          new PutRecordBatchCommand({ DeliveryStreamName: 'stream', Records: [{ Data: Buffer.from('x') }] }),
        ),
    ],
    [
      'AccessDeniedException',
      'events:PutEvents',
      arn('events', 'event-bus/bus'),
      () =>
        new EventBridgeClient(asFunction()).send(
          new PutEventsCommand({
            Entries: [{ EventBusName: 'bus', Source: 'app', DetailType: 't', Detail: '{}' }],
          }),
        ),
    ],
    [
      'AccessDenied',
      'sqs:SendMessage',
      arn('sqs', 'inbox'),
      () =>
        new SQSClient(asFunction()).send(
          new SendMessageCommand({ QueueUrl: `${stack.url}/000000000000/inbox`, MessageBody: 'm' }),
        ),
    ],
    [
      'AccessDeniedException',
      'lambda:InvokeFunction',
      arn('lambda', 'function:echo'),
      () => new LambdaClient(asFunction()).send(new InvokeCommand({ FunctionName: 'echo' })),
    ],
  ])('%s for %s', async (name, action, resource, call) => {
    await expect(call()).rejects.toMatchObject({
      name,
      message: expect.stringContaining(
        `not authorized to perform: ${action} on resource: ${resource} because`,
      ),
    });
    expect(running.steps.at(-1)).toMatchObject({
      kind: 'access-denied',
      principal: 'echo',
      action,
      resource,
    });
  });
});
