/** Requests as they come over the wire, and what AWS answers: identity, validation before any effect, no 500. */
import fc from 'fast-check';
import { MODELS } from '../../../../tools/local/endpoint/models/models';
import { type RunningStack, startStack } from './stack';

let running: RunningStack;
beforeAll(async () => {
  running = await startStack();
});
afterAll(() => running.stop());

const TARGETS: Readonly<Record<string, string>> = {
  events: 'AWSEvents',
  sqs: 'AmazonSQS',
  firehose: 'Firehose_20150804',
  logs: 'Logs_20140328',
  dynamodb: 'DynamoDB_20120810',
  cloudwatch: 'GraniteServiceVersion20100801',
  kms: 'TrentService',
};

interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: each operation has a result of its own
  body: any;
}

const authorization = (service: string) =>
  `AWS4-HMAC-SHA256 Credential=developer/20260101/us-east-1/${service === 'cloudwatch' ? 'monitoring' : service}/aws4_request, SignedHeaders=host, Signature=x`;

async function call(operation: string, input: unknown): Promise<Answer> {
  const [service = '', name = ''] = operation.split(':');
  const response = await fetch(running.stack.url, {
    method: 'POST',
    headers: { authorization: authorization(service), 'x-amz-target': `${TARGETS[service]}.${name}` },
    body: typeof input === 'string' ? input : JSON.stringify(input),
  });
  return { status: response.status, body: await response.json() };
}

async function query(
  service: string,
  form: Record<string, string>,
): Promise<{ status: number; text: string }> {
  const response = await fetch(running.stack.url, {
    method: 'POST',
    headers: { authorization: authorization(service) },
    body: new URLSearchParams(form),
  });
  return { status: response.status, text: await response.text() };
}

async function invoke(name: string, options: RequestInit = {}, search = ''): Promise<Answer> {
  const url = `${running.stack.url}/2015-03-31/functions/${encodeURIComponent(name)}/invocations${search}`;
  const headers = { authorization: authorization('lambda'), 'x-amz-invocation-type': 'Event' };
  const response = await fetch(url, { method: 'POST', headers, body: '{}', ...options });
  return { status: response.status, body: await response.text() };
}

const entry = (more: object = {}) => ({
  EventBusName: 'bus',
  Source: 'app',
  DetailType: 'Created',
  Detail: '{}',
  ...more,
});
/** Steps that it led to, but for lines of logs, which may come late from what was before. */
const stepsOf = async (work: () => Promise<unknown>) => {
  await running.stack.settled();
  const before = running.steps.length;
  await work();
  await running.stack.settled();
  return running.steps.slice(before).filter(({ kind }) => kind !== 'log-line');
};

describe('an ARN is account, region and name', () => {
  const OTHERS = ['us-east-1:999999999999', 'eu-west-1:000000000000', 'eu-west-1:111111111111'];

  test.each(OTHERS)(
    'PutEvents to a bus of %s is taken, delivered to nobody, and shown as that',
    async (place) => {
      let answer: Answer | undefined;
      const steps = await stepsOf(async () => {
        const EventBusName = `arn:aws:events:${place}:event-bus/bus`;
        answer = await call('events:PutEvents', { Entries: [entry({ EventBusName })] });
      });
      expect(answer).toMatchObject({
        status: 200,
        body: { FailedEntryCount: 0, Entries: [{ EventId: expect.any(String) }] },
      });
      const [region, account] = place.split(':');
      expect(steps).toEqual([
        expect.objectContaining({
          kind: 'event-dropped',
          bus: `arn:aws:events:${place}:event-bus/bus`,
          reason: `The event bus is of account ${account} in ${region}; this stack runs as account 000000000000 in us-east-1.`,
        }),
      ]);
    },
  );

  test.each(OTHERS)('of %s no bus, rule or queue is here', async (place) => {
    const EventBusName = `arn:aws:events:${place}:event-bus/bus`;
    for (const operation of ['DescribeRule', 'DisableRule', 'EnableRule']) {
      expect(await call(`events:${operation}`, { Name: 'created', EventBusName })).toMatchObject({
        status: 400,
        body: { __type: 'ResourceNotFoundException', message: 'Event bus bus does not exist.' },
      });
    }
    expect(await call('events:DescribeEventBus', { Name: EventBusName })).toMatchObject({ status: 400 });
    const [region, account] = place.split(':');
    const urls = [`https://sqs.${region}.amazonaws.com/${account}/inbox`];
    if (account !== '000000000000') urls.push(`${running.stack.url}/${account}/inbox`);
    for (const QueueUrl of urls) {
      expect(await call('sqs:PurgeQueue', { QueueUrl })).toMatchObject({
        body: { __type: 'QueueDoesNotExist' },
      });
    }
    const logGroupIdentifier = `arn:aws:logs:${place}:log-group:/aws/lambda/echo`;
    expect(await call('logs:FilterLogEvents', { logGroupIdentifier })).toMatchObject({
      body: { __type: 'ResourceNotFoundException' },
    });
  });

  test('the same bus and queue by their own ARN and URL are here', async () => {
    const EventBusName = 'arn:aws:events:us-east-1:000000000000:event-bus/bus';
    expect(await call('events:DescribeRule', { Name: 'created', EventBusName })).toMatchObject({
      status: 200,
    });
    const QueueUrl = 'https://sqs.us-east-1.amazonaws.com/000000000000/inbox';
    expect(await call('sqs:GetQueueAttributes', { QueueUrl })).toMatchObject({ status: 200 });
  });

  test('a queue of another owner', async () => {
    expect(
      await call('sqs:GetQueueUrl', { QueueName: 'inbox', QueueOwnerAWSAccountId: '111111111111' }),
    ).toMatchObject({ status: 400, body: { __type: 'QueueDoesNotExist' } });
  });

  test.each([
    'arn:aws:lambda:us-east-1:999999999999:function:echo',
    'arn:aws:lambda:eu-west-1:000000000000:function:echo',
    '999999999999:function:echo',
    'echo:prod',
    'arn:aws:lambda:us-east-1:000000000000:function:echo:prod',
  ])('Invoke of %s finds no function', async (name) => {
    const steps = await stepsOf(async () => {
      const { status, body } = await invoke(name);
      expect(status).toBe(404);
      expect(body).toContain('Function not found: arn:aws:lambda:');
    });
    expect(steps).toEqual([]);
  });

  test.each([
    'echo',
    'echo:$LATEST',
    'function:echo',
    '000000000000:function:echo',
    'arn:aws:lambda:us-east-1:000000000000:function:echo',
    'arn:aws:lambda:us-east-1:000000000000:function:echo:$LATEST',
  ])('Invoke of %s finds it', async (name) => {
    expect((await invoke(name)).status).toBe(202);
  });

  test('an alias as parameter that is none, or another one than that of the name', async () => {
    expect((await invoke('echo', {}, '?Qualifier=prod')).status).toBe(404);
    expect((await invoke('echo:$LATEST', {}, '?Qualifier=prod')).status).toBe(400);
  });

  test('a topic of another region or account', async () => {
    const publish = (place: string) =>
      query('sns', { Action: 'Publish', TopicArn: `arn:aws:sns:${place}:news`, Message: 'hi' });
    const elsewhere = await publish('eu-west-1:000000000000');
    expect(elsewhere.status).toBe(400);
    expect(elsewhere.text).toContain(
      '<Code>InvalidParameter</Code><Message>Invalid parameter: TopicArn</Message>',
    );
    expect((await publish('us-east-1:111111111111')).status).toBe(404);
  });
});

describe('a request is validated whole before any of it takes effect', () => {
  test.each<[string, object]>([
    ['a time that is none', { Time: 'yesterday' }],
    ['a time as text', { Time: '2026-01-01T00:00:00Z' }],
    ['a time in milliseconds', { Time: 1_767_225_600_000 }],
    ['a source that is no text', { Source: 1 }],
    ['resources that are no list', { Resources: 'r' }],
  ])('%s in the second entry: nothing is put', async (_, wrong) => {
    const steps = await stepsOf(async () => {
      expect(await call('events:PutEvents', { Entries: [entry(), entry(wrong)] })).toMatchObject({
        status: 400,
        body: { __type: 'SerializationException', message: expect.stringContaining('entries.2.member.') },
      });
    });
    expect(steps).toEqual([]);
  });

  test('more than 10 entries, each shown as the service does', async () => {
    const Entries = Array.from({ length: 11 }, () => entry());
    const { body } = await call('events:PutEvents', { Entries });
    const shown =
      'PutEventsRequestEntry(time=null, source=app, resources=null, detailType=Created, detail={}, eventBusName=bus, traceHeader=null, kmsKeyIdentifier=null, internalMetadata=null)';
    expect(body.message).toContain(`1 validation error detected: Value '[${shown}, ${shown}, `);
    expect(body.message).toContain('Member must have length less than or equal to 10');
  });

  test('a batch of records of which one is too long', async () => {
    const Data = Buffer.from('{}').toString('base64');
    const tooLong = Buffer.alloc(1_024_001).toString('base64');
    const input = { DeliveryStreamName: 'stream', Records: [{ Data }, { Data: tooLong }] };
    const steps = await stepsOf(async () => {
      expect(await call('firehose:PutRecordBatch', input)).toMatchObject({
        status: 400,
        body: { __type: 'ValidationException', message: expect.stringContaining('records.2.member.data') },
      });
    });
    expect(steps).toEqual([]);
  });
});

describe('what the service takes and delivers to nobody is shown', () => {
  test('a detail type of more than 128 characters', async () => {
    const steps = await stepsOf(async () => {
      const { status } = await call('events:PutEvents', {
        Entries: [entry({ DetailType: 'a'.repeat(200) })],
      });
      expect(status).toBe(200);
    });
    expect(steps).toEqual([
      expect.objectContaining({ kind: 'event-dropped', reason: expect.stringContaining('200 characters') }),
    ]);
  });
});

describe('quotas and checks of EventBridge', () => {
  test('an endpoint that is none', async () => {
    for (const EndpointId of ['bad!!', 'abcde.veo']) {
      expect(await call('events:PutEvents', { EndpointId, Entries: [entry()] })).toMatchObject({
        status: 400,
        body: { __type: 'ValidationException' },
      });
    }
  });

  test('at most 10 replays at a time', async () => {
    const start = (index: number) =>
      call('events:StartReplay', {
        ReplayName: `replay-${index}`,
        EventSourceArn: 'arn:aws:events:us-east-1:000000000000:archive/archive',
        EventStartTime: 0,
        EventEndTime: 1,
        Destination: { Arn: 'arn:aws:events:us-east-1:000000000000:event-bus/bus' },
      });
    for (let index = 0; index < 10; index++) expect((await start(index)).status).toBe(200);
    expect(await start(10)).toEqual({
      status: 400,
      body: {
        __type: 'LimitExceededException',
        message: 'The requested resource exceeds the maximum number allowed.',
      },
    });
    for (let index = 0; index < 10; index++)
      await call('events:CancelReplay', { ReplayName: `replay-${index}` });
  });

  test('archives of a bus that is not there', async () => {
    const EventSourceArn = 'arn:aws:events:us-east-1:000000000000:event-bus/nope';
    expect(await call('events:ListArchives', { EventSourceArn })).toEqual({
      status: 400,
      body: { __type: 'ResourceNotFoundException', message: 'Event bus nope does not exist.' },
    });
  });

  test('who made a rule, and when a bus was made', async () => {
    expect((await call('events:DescribeRule', { Name: 'created', EventBusName: 'bus' })).body).toMatchObject({
      CreatedBy: '000000000000',
    });
    const { body } = await call('events:ListEventBuses', {});
    expect(body.EventBuses).toContainEqual(
      expect.objectContaining({
        Name: 'bus',
        CreationTime: expect.any(Number),
        LastModifiedTime: expect.any(Number),
      }),
    );
  });
});

describe('SNS checks what is published', () => {
  const publish = (name: string) =>
    query('sns', {
      Action: 'Publish',
      TopicArn: 'arn:aws:sns:us-east-1:000000000000:news',
      Message: 'hi',
      'MessageAttributes.entry.1.Name': name,
      'MessageAttributes.entry.1.Value.DataType': 'String',
      'MessageAttributes.entry.1.Value.StringValue': 'x',
    });

  test.each([
    [
      'a^b',
      "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.",
    ],
    ['.a', "Invalid message attribute name starting with character '.' was found."],
    ['a.', "Invalid message attribute name ending with character '.' was found."],
    ['a..b', 'Message attribute name can not have successive dots.'],
    ['a'.repeat(257), 'Length of message attribute name must be less than 256 bytes.'],
  ])('an attribute called %s', async (name, message) => {
    const { status, text } = await publish(name);
    expect(status).toBe(400);
    expect(text).toContain('<Code>ParameterValueInvalid</Code>');
    expect(text).toContain(message);
  });

  test('an attribute called constructor is one as any other', async () => {
    expect((await publish('constructor')).status).toBe(200);
  });

  test('RawMessageDelivery that is neither true nor false', async () => {
    const { status, text } = await query('sns', {
      Action: 'Subscribe',
      TopicArn: 'arn:aws:sns:us-east-1:000000000000:news',
      Protocol: 'sqs',
      Endpoint: 'arn:aws:sqs:us-east-1:000000000000:inbox',
      'Attributes.entry.1.key': 'RawMessageDelivery',
      'Attributes.entry.1.value': 'wrongvalue',
    });
    expect(status).toBe(400);
    expect(text).toContain(
      'Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [wrongvalue]. Must be true or false.',
    );
  });
});

describe('SQS says in the words of its JSON protocol', () => {
  test('an empty message', async () => {
    expect(await call('sqs:SendMessage', { QueueUrl: 'inbox', MessageBody: '' })).toMatchObject({
      status: 400,
      body: { __type: 'MissingRequiredParameterException' },
    });
  });

  test('a wait that is too long', async () => {
    expect(await call('sqs:ReceiveMessage', { QueueUrl: 'inbox', WaitTimeSeconds: 21 })).toMatchObject({
      body: {
        __type: 'InvalidParameterValueException',
        message:
          'Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.',
      },
    });
  });
});

describe('no 500 for what a client sent', () => {
  test.each<[string, () => Promise<{ status: number }>]>([
    [
      'a detail of 5,000 nested arrays',
      () => call('events:PutEvents', { Entries: [entry({ Detail: nested(5000) })] }),
    ],
    [
      'a detail of 990 nested arrays',
      () => call('events:PutEvents', { Entries: [entry({ Detail: nested(990) })] }),
    ],
    [
      'an event that is nested',
      () => call('events:TestEventPattern', { EventPattern: '{"a":[1]}', Event: nested(90_000) }),
    ],
    [
      'a request that is nested',
      () =>
        call(
          'dynamodb:PutItem',
          `{"TableName":"orders","Item":{"a":${'{"L":['.repeat(9000)}${']}'.repeat(9000)}}}`,
        ),
    ],
    [
      'a payload that is nested',
      () => invoke('echo', { body: `${'['.repeat(90_000)}${']'.repeat(90_000)}` }),
    ],
    [
      'a key of a form that is nested',
      () => query('sns', { Action: 'Publish', [`A${'.a'.repeat(50_000)}`]: 'x' }),
    ],
    ['a percent sign in a path', () => request('/2015-03-31/functions/%/invocations', 'lambda')],
    ['a percent sign in a path of S3', () => request('/%E0%A4%A', 's3')],
    ['a path of another API', () => request('/2015-03-31/functions//invocations', 'lambda')],
  ])('%s', async (_, send) => {
    expect((await send()).status).not.toBe(500);
  });

  const nested = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  const request = (path: string, service: string) =>
    fetch(`${running.stack.url}${path}`, { headers: { authorization: authorization(service) } });

  test('whatever JSON it is, for every operation', async () => {
    const operations = Object.entries(MODELS).flatMap(([service, { operations: known }]) =>
      service in TARGETS ? Object.keys(known).map((name) => `${service}:${name}`) : [],
    );
    const json = fc.json({ maxDepth: 3 });
    const input = fc.constantFrom(...operations).chain((operation) => {
      const [service = '', name = ''] = operation.split(':');
      const model = MODELS[service as keyof typeof MODELS];
      const members = Object.keys(model.shapes[model.operations[name]?.input ?? '']?.members ?? {});
      const value = fc.oneof(
        ...[fc.jsonValue({ maxDepth: 2 }), fc.string(), fc.constantFrom('bus', 'inbox', 'stream', 'created')],
      );
      const object = fc
        .dictionary(fc.constantFrom(...members, 'x'), value)
        .map((each) => JSON.stringify(each));
      return fc.tuple(fc.constant(operation), fc.oneof(object, json));
    });
    await fc.assert(
      fc.asyncProperty(input, async ([operation, body]) => {
        if (/WaitTimeSeconds/.test(body)) return;
        const answer = await call(operation, body);
        if (answer.status >= 500) throw new Error(`${operation} ${body}: ${JSON.stringify(answer.body)}`);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the API models', () => {
  const known = Object.entries(MODELS).flatMap(([service, { operations }]) =>
    service in TARGETS ? Object.keys(operations).map((name) => `${service}:${name}`) : [],
  );

  test.each(known)('have %s, and the endpoint answers it', async (operation) => {
    const { body } = await call(operation, {});
    expect(body.__type).not.toBe('UnknownOperationException');
  });
});
