import { ManualClock } from '../../../../tools/local/services/clock';
import { FilterPolicy } from '../../../../tools/local/services/filter-policy';
import { Queue } from '../../../../tools/local/services/queue';
import { type Notification, Topic, type TopicOptions } from '../../../../tools/local/services/topic';
import { SystemWorld } from '../../../../tools/local/services/world';
import type { Step } from '../../../../tools/local/steps';
import { resource } from '../../template/resource';

const world = new SystemWorld(new ManualClock(Date.parse('2026-01-02T03:04:05.678Z')));
const topicResource = resource('AWS::SNS::Topic', 'news');
const text = (value: string) => ({ DataType: 'String', StringValue: value });

let queue: Queue;
let steps: Step[];
beforeEach(() => {
  queue = new Queue(resource('AWS::SQS::Queue', 'inbox'), world);
  steps = [];
});

function makeTopic(
  subscriptions: object[] = [],
  options: Partial<TopicOptions> = {},
  properties: object = {},
): Topic {
  return new Topic(resource('AWS::SNS::Topic', 'news', properties), world, {
    subscriptions: subscriptions.map((subscription) =>
      resource('AWS::SNS::Subscription', 'subscription', { TopicArn: topicResource.arn, ...subscription }),
    ),
    queues: [queue],
    maySend: () => ({ allowed: true, reason: '' }),
    onStep: (step) => steps.push(step),
    ...options,
  });
}

test("a subscribed queue gets the service's envelope", () => {
  const topic = makeTopic([{ Protocol: 'sqs', Endpoint: queue.arn }]);
  const messageId = topic.publish({
    message: 'hello',
    subject: 'Hi',
    attributes: { email: text('a@b.example') },
  });
  const [message] = queue.peek();
  expect(JSON.parse(message?.body ?? '')).toEqual({
    Type: 'Notification',
    MessageId: messageId,
    TopicArn: topic.arn,
    Subject: 'Hi',
    Message: 'hello',
    Timestamp: '2026-01-02T03:04:05.678Z',
    SignatureVersion: '1',
    Signature: expect.any(String),
    SigningCertURL: expect.stringMatching(/^https:\/\/sns\.us-east-1\.amazonaws\.com\//),
    UnsubscribeURL: expect.stringContaining(topic.subscriptions[0]?.arn ?? '-'),
    MessageAttributes: { email: { Type: 'String', Value: 'a@b.example' } },
  });
});

test("what a queue does not take goes to the subscription's dead-letter queue, if that lets the topic in", () => {
  const dead = new Queue(resource('AWS::SQS::Queue', 'dead'), world);
  const subscription = {
    Protocol: 'sqs',
    Endpoint: queue.arn,
    RawMessageDelivery: true,
    RedrivePolicy: { deadLetterTargetArn: dead.arn },
  };
  const publish = (refusing: readonly Queue[]) =>
    makeTopic([subscription], {
      queues: [queue, dead],
      maySend: (to) => ({ allowed: !refusing.includes(to), reason: 'no' }),
    }).publish({ message: 'hello' });
  publish([queue]);
  expect(dead.peek()).toMatchObject([{ body: 'hello' }]);
  publish([queue, dead]);
  publish([]);
  expect(dead.peek()).toHaveLength(1);
  expect(queue.peek()).toHaveLength(1);
  expect(steps.filter(({ kind }) => kind === 'notification-undelivered')).toHaveLength(2);
});

test('without subject and attributes the envelope has none', () => {
  makeTopic([{ Protocol: 'sqs', Endpoint: queue.arn }]).publish({ message: 'hello' });
  expect(Object.keys(JSON.parse(queue.peek()[0]?.body ?? ''))).not.toEqual(
    expect.arrayContaining(['Subject', 'MessageAttributes']),
  );
});

test('raw delivery hands the message and its attributes on as they are', () => {
  makeTopic([{ Protocol: 'sqs', Endpoint: queue.arn, RawMessageDelivery: true }]).publish({
    message: 'hello',
    attributes: { email: text('a@b.example') },
  });
  expect(queue.peek()).toMatchObject([{ body: 'hello', attributes: { email: text('a@b.example') } }]);
});

test('a queue gets its own text of a message that has one for each protocol', () => {
  const topic = makeTopic([{ Protocol: 'sqs', Endpoint: queue.arn, RawMessageDelivery: true }]);
  topic.publish({ message: { default: 'for all', sqs: 'for queues' } });
  topic.publish({ message: { default: 'for all' } });
  expect(queue.peek().map(({ body }) => body)).toEqual(['for queues', 'for all']);
});

test('a queue whose policy does not let the topic in gets nothing, and the reason is a step', () => {
  const topic = makeTopic([{ Protocol: 'sqs', Endpoint: queue.arn }], {
    maySend: () => ({ allowed: false, reason: 'no statement allows it' }),
  });
  const messageId = topic.publish({ message: 'hello' });
  expect(queue.peek()).toEqual([]);
  expect(steps).toEqual([
    { kind: 'message-published', topic: 'news', body: 'hello', subscribers: 1 },
    {
      kind: 'notification-undelivered',
      topic: 'news',
      messageId,
      protocol: 'sqs',
      endpoint: queue.arn,
      reason: 'no statement allows it',
    },
  ]);
});

test('an address of mail is subscribed, and what it would have got is a step', () => {
  const topic = makeTopic([{ Protocol: 'email', Endpoint: 'a@b.example' }]);
  topic.publish({ message: 'hello', subject: 'Hi' });
  expect(steps).toMatchObject([
    { kind: 'message-published', subject: 'Hi', subscribers: 1 },
    { kind: 'notification-undelivered', protocol: 'email', endpoint: 'a@b.example' },
  ]);
});

test('subscriptions that stand in the topic itself count too, those of other topics do not', () => {
  const inline = { Subscription: [{ Protocol: 'sqs', Endpoint: queue.arn }] };
  const topic = makeTopic(
    [{ TopicArn: 'arn:aws:sns:us-east-1:000000000000:other', Protocol: 'sqs', Endpoint: 'x' }],
    {},
    inline,
  );
  expect(topic.subscriptions).toMatchObject([{ protocol: 'sqs', endpoint: queue.arn }]);
});

test('a queue can be subscribed while the stack runs, once, whatever its policy says', () => {
  const topic = makeTopic([], { maySend: () => ({ allowed: false, reason: 'no' }) });
  const first = topic.subscribe(queue.arn, { rawMessageDelivery: false });
  expect(topic.subscribe(queue.arn, { rawMessageDelivery: false })).toEqual(first);
  topic.publish({ message: 'hello' });
  expect(queue.peek()).toHaveLength(1);
  expect(() =>
    topic.subscribe('arn:aws:sqs:us-east-1:000000000000:nowhere', { rawMessageDelivery: false }),
  ).toThrow(expect.objectContaining({ code: 'InvalidParameter' }));
});

test.each<[string, Notification, string, RegExp]>([
  ['an empty message', { message: '' }, 'InvalidParameter', /Empty message/],
  ['an empty subject', { message: 'm', subject: '' }, 'InvalidParameter', /Subject/],
  ['a subject of 101 characters', { message: 'm', subject: 'x'.repeat(101) }, 'InvalidParameter', /Subject/],
  ['a subject of two lines', { message: 'm', subject: 'a\nb' }, 'InvalidParameter', /Subject/],
  [
    'an attribute without a value',
    { message: 'm', attributes: { email: text('') } },
    'ParameterValueInvalid',
    /'email' must contain non-empty message attribute value for message attribute type 'String'/,
  ],
  [
    'an attribute of an unknown type',
    { message: 'm', attributes: { email: { DataType: 'Text', StringValue: 'x' } } },
    'ParameterValueInvalid',
    /'email' has an invalid message attribute type/,
  ],
  [
    'an attribute whose value is in the wrong field',
    { message: 'm', attributes: { email: { DataType: 'String', BinaryValue: 'eA==' } } },
    'ParameterValueInvalid',
    /'email' with type 'String' must use field 'String'/,
  ],
  ['more than 256 KB', { message: 'é'.repeat(131_073) }, 'InvalidParameter', /too long/],
])('%s is refused', (_, notification, code, message) => {
  const topic = makeTopic([{ Protocol: 'sqs', Endpoint: queue.arn }]);
  expect(() => topic.publish(notification)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
  expect(queue.peek()).toEqual([]);
});

test('exactly 256 KB and a subject of 100 characters are taken', () => {
  const topic = makeTopic([{ Protocol: 'sqs', Endpoint: queue.arn }]);
  topic.publish({ message: 'é'.repeat(131_072), subject: 'ü'.repeat(100) });
  expect(queue.peek()).toHaveLength(1);
});

test.each([
  [{ Protocol: 'lambda', Endpoint: 'x' }, /does not know the protocol lambda/],
  [{ Protocol: 'sqs', Endpoint: 'arn:nowhere' }, /there is no queue arn:nowhere/],
  [{ Protocol: 'sqs', Endpoint: 'x', DeliveryPolicy: {} }, /does not know its property DeliveryPolicy/],
])('a subscription that cannot be served (%j) stops the start', (subscription, message) => {
  expect(() => makeTopic([subscription])).toThrow(message);
});

describe('a filter policy', () => {
  const filtered = (FilterPolicy: object, FilterPolicyScope?: string) =>
    makeTopic([
      { Protocol: 'sqs', Endpoint: queue.arn, FilterPolicy, ...(FilterPolicyScope && { FilterPolicyScope }) },
    ]);
  const taken = (topic: Topic, ...notifications: Notification[]) => {
    for (const each of notifications) topic.publish(each);
    return queue.peek().map(({ body }) => JSON.parse(body).Message);
  };
  const of = (DataType: string, StringValue: string, message: string): Notification => ({
    ...{ message, attributes: { kind: { DataType, StringValue } } },
  });

  test('reads numbers, lists and text out of the attributes', () => {
    const kinds = { kind: ['a', { numeric: ['=', 7] }] };
    expect(
      taken(
        filtered(kinds),
        ...[of('String', 'a', 'text'), of('String', 'b', 'other'), of('Number', '7.0', 'number')],
        ...[of('String.Array', '["x","a"]', 'list'), of('String.Array', 'a', 'no list'), { message: 'none' }],
        { message: 'bytes', attributes: { kind: { DataType: 'Binary', BinaryValue: 'YQ==' } } },
      ),
    ).toEqual(['text', 'number', 'list', 'no list']);
  });

  test('of the body takes no text, and one that is empty takes everything', () => {
    expect(
      taken(filtered({ kind: ['a'] }, 'MessageBody'), { message: '{"kind":"a"}' }, { message: 'a' }),
    ).toEqual(['{"kind":"a"}']);
    queue.purge();
    expect(taken(filtered({}), { message: 'any' })).toEqual(['any']);
  });

  test.each([
    [() => new FilterPolicy('{'), /failed to parse JSON/],
    [() => new FilterPolicy('{"kind":"a"}'), /FilterPolicy: /],
    [() => new FilterPolicy('{}', 'Header'), /FilterPolicyScope: Invalid value \[Header\]/],
  ])('is refused by its reason (%#)', (make, message) => {
    expect(make).toThrow(
      expect.objectContaining({ code: 'InvalidParameter', message: expect.stringMatching(message) }),
    );
  });
});

test('settings are changed of one subscription only, and what is not there is not taken away', () => {
  const topic = makeTopic([
    { Protocol: 'sqs', Endpoint: queue.arn },
    { Protocol: 'email', Endpoint: 'a@b.example' },
  ]);
  const [first, second] = topic.subscriptions;
  topic.setSubscription(first?.arn ?? '', { rawMessageDelivery: true });
  expect(topic.subscriptions).toEqual([{ ...first, rawMessageDelivery: true }, second]);
  topic.unsubscribe(`${topic.arn}:none`);
  expect(topic.subscriptions).toHaveLength(2);
});

test('a redrive policy may be text, and its queue must be there', () => {
  const arn = 'arn:aws:sqs:us-east-1:000000000000:nowhere';
  const subscription = (RedrivePolicy: unknown) => ({ Protocol: 'sqs', Endpoint: queue.arn, RedrivePolicy });
  for (const policy of [{ deadLetterTargetArn: arn }, JSON.stringify({ deadLetterTargetArn: arn })])
    expect(() => makeTopic([subscription(policy)])).toThrow(`there is no queue ${arn} in this stack.`);
});

test('bytes of an attribute are in the envelope as they were given', () => {
  const topic = makeTopic([{ Protocol: 'sqs', Endpoint: queue.arn }]);
  topic.publish({ message: 'm', attributes: { seal: { DataType: 'Binary', BinaryValue: 'eA==' } } });
  expect(JSON.parse(queue.peek()[0]?.body ?? '').MessageAttributes).toEqual({
    seal: { Type: 'Binary', Value: 'eA==' },
  });
});

test('what a queue refuses is told with its reason', () => {
  queue = new Queue(resource('AWS::SQS::Queue', 'inbox', { MaximumMessageSize: 1024 }), world);
  makeTopic([{ Protocol: 'sqs', Endpoint: queue.arn }]).publish({ message: 'x'.repeat(2_000) });
  expect(steps).toContainEqual(
    expect.objectContaining({ kind: 'notification-undelivered', reason: expect.stringMatching(/1024/) }),
  );
});
