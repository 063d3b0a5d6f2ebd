/** A topic of SNS, and its delivery to queues. */
import { defined } from '../../defined';
import { AssemblyError, type Resource } from '../../template/assembly';
import type { StepListener } from '../steps';
import { FilterPolicy } from './filter-policy';
import { requireKnownProperties } from './known-properties';
import type { MessageAttribute, OutgoingMessage, Queue } from './queue';
import { ServiceError } from './service-error';
import type { World } from './world';

export interface Notification {
  /** Text, or one text for each protocol. */
  readonly message: string | { readonly default: string; readonly sqs?: string };
  readonly subject?: string;
  readonly attributes?: Readonly<Record<string, MessageAttribute>>;
}

export interface TopicSubscription {
  readonly arn: string;
  readonly protocol: string;
  /** The queue's ARN, or the address. */
  readonly endpoint: string;
  readonly rawMessageDelivery: boolean;
  /** @default it gets every message */
  readonly filterPolicy?: FilterPolicy;
}

interface SubscriberQueues {
  /** Absent for a protocol that is not delivered here. */
  readonly queue?: Queue | undefined;
  /** Queue of the subscription's redrive policy. */
  readonly deadLetters?: Queue | undefined;
  readonly ofTemplate: boolean;
}

export interface TopicOptions {
  /** All `AWS::SNS::Subscription` of the template; those of other topics are passed over. */
  readonly subscriptions: readonly Resource[];
  readonly queues: readonly Queue[];
  /** Decides whether the queue's policy lets the topic send to it. Checked for the template's subscriptions. */
  readonly maySend: (queue: Queue, topicArn: string) => { allowed: boolean; reason: string };
  readonly onStep?: StepListener;
}

/** Maximum size of message and attributes together, in bytes. https://docs.aws.amazon.com/general/latest/gr/sns.html */
const MAX_BYTES = 256 * 1024;
const ATTRIBUTE_TYPE = /^(String|Number|Binary)(\..+)?$|^String\.Array$/;

export class Topic {
  readonly name: string;
  readonly arn: string;
  readonly #world: World;
  readonly #queues: ReadonlyMap<string, Queue>;
  readonly #maySend: TopicOptions['maySend'];
  readonly #onStep: StepListener | undefined;
  readonly #subscriptions: ({ subscription: TopicSubscription } & SubscriberQueues)[] = [];

  /** @throws AssemblyError for a property or a protocol that is not known here, or a queue that is not there */
  constructor(
    readonly resource: Resource,
    world: World,
    options: TopicOptions,
  ) {
    requireKnownProperties(resource, resource.properties, [
      ...['TopicName', 'DisplayName', 'Subscription', 'KmsMasterKeyId', 'TracingConfig', 'Tags'],
    ]);
    this.name = resource.name;
    this.arn = resource.arn;
    this.#world = world;
    this.#queues = new Map(options.queues.map((queue) => [queue.arn, queue]));
    this.#maySend = options.maySend;
    this.#onStep = options.onStep;
    for (const inline of resource.properties.Subscription ?? []) this.#subscribeByTemplate(resource, inline);
    for (const subscription of options.subscriptions) {
      if (subscription.properties.TopicArn !== this.arn) continue;
      this.#subscribeByTemplate(subscription, subscription.properties);
    }
  }

  get subscriptions(): readonly TopicSubscription[] {
    return this.#subscriptions.map(({ subscription }) => subscription);
  }

  /**
   * Subscribes a queue while the stack runs, for whoever wants to look at what is published: it is not asked
   * whether the queue's policy allows it, since nothing here could change that policy.
   * @throws ServiceError (InvalidParameter) if there is no such queue
   */
  subscribe(
    queueArn: string,
    settings: Pick<TopicSubscription, 'rawMessageDelivery' | 'filterPolicy'>,
  ): TopicSubscription {
    const queue = this.#queues.get(queueArn);
    if (!queue)
      throw invalid(`Invalid parameter: Endpoint Reason: there is no queue ${queueArn} in this stack`);
    return this.#subscribe(
      { protocol: 'sqs', endpoint: queueArn, ...settings },
      { queue, ofTemplate: false },
    );
  }

  /** Changes the settings of a subscription. */
  setSubscription(
    arn: string,
    settings: Pick<TopicSubscription, 'rawMessageDelivery' | 'filterPolicy'>,
  ): void {
    for (const entry of this.#subscriptions) {
      const { filterPolicy: _, ...before } = entry.subscription;
      if (before.arn === arn) entry.subscription = { ...before, ...settings };
    }
  }

  unsubscribe(arn: string): void {
    const index = this.#subscriptions.findIndex(({ subscription }) => subscription.arn === arn);
    if (index >= 0) this.#subscriptions.splice(index, 1);
  }

  /**
   * @returns the message's id
   * @throws ServiceError as SNS does for an empty or too long message, a subject that a mail cannot have, and an
   * attribute without value
   */
  publish({ message, subject, attributes = {} }: Notification): string {
    const text = typeof message === 'string' ? message : message.default;
    if (text === '') throw invalid('Invalid parameter: Empty message');
    if (subject !== undefined && !isSubject(subject)) throw invalid('Invalid parameter: Subject');
    for (const [name, attribute] of Object.entries(attributes)) checkAttribute(name, attribute);
    if (size(message, attributes) > MAX_BYTES) throw invalid('Invalid parameter: Message too long');
    const messageId = this.#world.uuid();
    this.#onStep?.({
      kind: 'message-published',
      topic: this.name,
      ...defined({ subject }),
      body: text,
      subscribers: this.#subscriptions.length,
    });
    for (const entry of this.#subscriptions) {
      const { subscription, queue } = entry;
      if (subscription.filterPolicy && !subscription.filterPolicy.matches(text, attributes)) continue;
      if (!queue) {
        const reason = `the local run does not deliver by ${subscription.protocol}`;
        this.#undelivered(messageId, subscription, reason);
        continue;
      }
      const body = typeof message === 'string' ? message : (message.sqs ?? message.default);
      const sent = subscription.rawMessageDelivery
        ? { body, attributes }
        : { body: this.#envelope(messageId, body, subject, attributes, subscription) };
      const reason = this.#send(queue, sent, entry.ofTemplate);
      if (reason === undefined) continue;
      this.#undelivered(messageId, subscription, reason);
      if (entry.deadLetters) this.#send(entry.deadLetters, sent, true);
    }
    return messageId;
  }

  #subscribeByTemplate(owner: Resource, properties: Resource['properties']): void {
    const within = owner === this.resource ? 'Subscription' : undefined;
    const known = [
      ...['TopicArn', 'Protocol', 'Endpoint', 'RawMessageDelivery', 'Region'],
      ...['FilterPolicy', 'FilterPolicyScope', 'RedrivePolicy'],
    ];
    requireKnownProperties(owner, properties, known, within);
    const { Protocol: protocol, Endpoint: endpoint, RawMessageDelivery: raw = false } = properties;
    if (!['sqs', 'email', 'email-json', 'sms', 'http', 'https'].includes(protocol)) {
      throw new AssemblyError(
        `${owner.type} ${owner.logicalId}: the local run does not know the protocol ${protocol}. Known are sqs, email, email-json, sms, http and https.`,
      );
    }
    const queue = protocol === 'sqs' ? this.#queues.get(endpoint) : undefined;
    if (protocol === 'sqs' && !queue) {
      throw new AssemblyError(
        `${owner.type} ${owner.logicalId}: there is no queue ${endpoint} in this stack.`,
      );
    }
    const { FilterPolicy: filter, FilterPolicyScope: scope } = properties;
    const filterPolicy = filter && new FilterPolicy(JSON.stringify(filter), scope);
    const settings = { rawMessageDelivery: String(raw) === 'true', ...(filterPolicy && { filterPolicy }) };
    const deadLetterArn = deadLetterTarget(properties.RedrivePolicy);
    const deadLetters = deadLetterArn === undefined ? undefined : this.#queues.get(deadLetterArn);
    if (deadLetterArn !== undefined && !deadLetters) {
      throw new AssemblyError(
        `${owner.type} ${owner.logicalId}: there is no queue ${deadLetterArn} in this stack.`,
      );
    }
    this.#subscribe({ protocol, endpoint, ...settings }, { queue, deadLetters, ofTemplate: true });
  }

  #subscribe(
    request: Omit<TopicSubscription, 'arn'>,
    { queue, deadLetters, ofTemplate }: SubscriberQueues,
  ): TopicSubscription {
    const same = this.#subscriptions.find(
      ({ subscription }) =>
        subscription.protocol === request.protocol && subscription.endpoint === request.endpoint,
    );
    if (same) return same.subscription;
    const subscription = { arn: `${this.arn}:${this.#world.uuid()}`, ...request };
    this.#subscriptions.push({ subscription, queue, deadLetters, ofTemplate });
    return subscription;
  }

  /** @returns the reason why the queue does not get it; undefined if it does */
  #send(queue: Queue, message: OutgoingMessage, isChecked: boolean): string | undefined {
    const { allowed, reason } = isChecked ? this.#maySend(queue, this.arn) : { allowed: true, reason: '' };
    if (!allowed) return reason;
    try {
      queue.send({ ...message, senderId: 'AIDASNS' });
      return undefined;
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return error.message;
    }
  }

  #undelivered(messageId: string, { protocol, endpoint }: TopicSubscription, reason: string): void {
    this.#onStep?.({
      kind: 'notification-undelivered',
      topic: this.name,
      messageId,
      protocol,
      endpoint,
      reason,
    });
  }

  /** https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html#http-notification-json */
  #envelope(
    messageId: string,
    message: string,
    subject: string | undefined,
    attributes: Readonly<Record<string, MessageAttribute>>,
    subscription: TopicSubscription,
  ): string {
    const host = `https://sns.${this.arn.split(':')[3]}.amazonaws.com`;
    return JSON.stringify({
      Type: 'Notification',
      MessageId: messageId,
      TopicArn: this.arn,
      ...defined({ Subject: subject }),
      Message: message,
      Timestamp: new Date(this.#world.now()).toISOString(),
      SignatureVersion: '1',
      Signature: Buffer.from('not signed: sent by the local run').toString('base64'),
      SigningCertURL: `${host}/SimpleNotificationService-local.pem`,
      UnsubscribeURL: `${host}/?Action=Unsubscribe&SubscriptionArn=${subscription.arn}`,
      ...(Object.keys(attributes).length > 0 && {
        MessageAttributes: Object.fromEntries(
          Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
            name,
            { Type: DataType, Value: StringValue ?? BinaryValue },
          ]),
        ),
      }),
    });
  }
}

/** @returns the ARN of the queue for what could not be delivered */
function deadLetterTarget(policy: unknown): string | undefined {
  if (policy === undefined) return undefined;
  const { deadLetterTargetArn } = typeof policy === 'string' ? JSON.parse(policy) : policy;
  return deadLetterTargetArn;
}

const invalid = (message: string) => new ServiceError('InvalidParameter', message);

/**
 * "UTF-8 text with no line breaks or control characters", up to 100 characters:
 * https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
 */
const isSubject = (subject: string) => /^[^\p{Cc}\u2028\u2029]{1,100}$/u.test(subject);

function checkAttribute(name: string, { DataType, StringValue, BinaryValue }: MessageAttribute): void {
  const refuse = (message: string) => {
    throw new ServiceError('ParameterValueInvalid', message);
  };
  checkAttributeName(name, refuse);
  if (!ATTRIBUTE_TYPE.test(DataType)) {
    refuse(
      `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
    );
  }
  const [field, value, other] = DataType.startsWith('Binary')
    ? ['Binary', BinaryValue, StringValue]
    : ['String', StringValue, BinaryValue];
  if (value === undefined && other) {
    refuse(`The message attribute '${name}' with type '${DataType}' must use field '${field}'.`);
  }
  if (!value) {
    refuse(
      `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${DataType}'.`,
    );
  }
}

/** https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html */
function checkAttributeName(name: string, refuse: (message: string) => void): void {
  if (name === '' || Buffer.byteLength(name) > 256) {
    refuse('Length of message attribute name must be less than 256 bytes.');
  }
  const other = /[^\w.-]/.exec(name)?.[0];
  if (other !== undefined) {
    const code = other.charCodeAt(0).toString(16).toUpperCase();
    refuse(
      `Invalid non-alphanumeric character '#x${code}' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.`,
    );
  }
  if (name.startsWith('.')) refuse("Invalid message attribute name starting with character '.' was found.");
  if (name.endsWith('.')) refuse("Invalid message attribute name ending with character '.' was found.");
  if (name.includes('..')) refuse('Message attribute name can not have successive dots.');
}

function size(
  message: Notification['message'],
  attributes: Readonly<Record<string, MessageAttribute>>,
): number {
  let bytes = Buffer.byteLength(typeof message === 'string' ? message : JSON.stringify(message));
  for (const [name, { DataType, StringValue = '', BinaryValue = '' }] of Object.entries(attributes)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType) + Buffer.byteLength(StringValue);
    bytes += Buffer.byteLength(BinaryValue, 'base64');
  }
  return bytes;
}
