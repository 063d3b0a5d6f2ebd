/**
 * A queue of SQS, standard (at least once, in nearly the order of sending) or FIFO (`fifo.ts`).
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
 */
import { defined } from '../../defined';
import { AssemblyError, type Resource } from '../../template/assembly';
import type { StepListener } from '../steps';
import { BlockedGroups, Deduplication, type FifoParameters } from './fifo';
import { Journal } from './journal';
import { requireKnownProperties } from './known-properties';
import { LongPolls } from './long-polls';
import { ServiceError } from './service-error';
import type { World } from './world';

export interface MessageAttribute {
  /** String, Number or Binary, each with an optional `.label`. */
  readonly DataType: string;
  readonly StringValue?: string;
  /** base64 */
  readonly BinaryValue?: string;
}

export interface OutgoingMessage extends FifoParameters {
  readonly body: string;
  /** A string stands for an attribute of type String. */
  readonly attributes?: Readonly<Record<string, string | MessageAttribute>>;
  /** Id of the principal that sends it. */
  readonly senderId?: string;
  /** @default the queue's */
  readonly delaySeconds?: number;
}

export interface StoredMessage extends Pick<FifoParameters, 'groupId'> {
  readonly id: string;
  readonly body: string;
  /** ARN of the queue that moved it here by its redrive policy. */
  readonly deadLetterSourceArn?: string;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  readonly senderId: string;
  /** Milliseconds since 1970-01-01 UTC, as all times here. */
  readonly sentAt: number;
  /** Time at which it came from another queue. */
  readonly movedAt?: number;
  /** Receivable from then on. */
  readonly visibleAt: number;
  readonly receiveCount: number;
  readonly firstReceivedAt?: number;
}

export interface ReceivedMessage extends StoredMessage {
  readonly receiptHandle: string;
}

export interface ReceiveOptions {
  /** @default 1 */
  readonly max?: number;
  /** @default the queue's */
  readonly visibilityTimeoutSeconds?: number;
  /** Time to wait for a first message, in seconds. @default the queue's */
  readonly waitSeconds?: number;
  /** Ends the wait: the one who asked is gone, and must not be given a message. */
  readonly signal?: AbortSignal;
}

export interface QueueDepth {
  readonly visible: number;
  /** Received and neither deleted nor visible again. */
  readonly inFlight: number;
  readonly delayed: number;
  /** Age of the oldest message of all, 0 without one. */
  readonly oldestAgeSeconds: number;
}

export interface QueueOptions {
  /** File in which messages outlive the process. @default in memory only */
  readonly file?: string;
  /** Finds the queue that a redrive policy names. */
  readonly findQueue?: (arn: string) => Queue | undefined;
  readonly onStep?: StepListener;
}

interface RedrivePolicy {
  /** ARN. */
  readonly deadLetterTargetArn: string;
  /** A message that was received so often is moved instead of being received again. */
  readonly maxReceiveCount: number;
}

/** One thing that the journal keeps. Receives are not in it: after a restart every message is visible again. */
interface Entry {
  readonly sent?: Omit<StoredMessage, 'receiveCount' | 'firstReceivedAt'>;
  readonly deleted?: string;
}

type Message = { -readonly [Key in keyof StoredMessage]: StoredMessage[Key] } & { receipt?: string };

/** The longest that a message can stay invisible after it was received. */
const MAX_INVISIBLE_SECONDS = 12 * 60 * 60;
/** Dead lines that a journal may hold before it is written anew. */
const MAX_DEAD_LINES = 1000;

const HANDLE = /^[\w-]{36}\.[\w-]{36}\./;

const receiptOf = ({ id, receiveCount }: Message) => ({ messageId: id, receiveCount });

export class Queue {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: number;
  readonly visibilityTimeoutSeconds: number;
  readonly retentionSeconds: number;
  readonly delaySeconds: number;
  readonly waitSeconds: number;
  /** Maximum size of body plus attributes, in bytes. */
  readonly maximumMessageBytes: number;

  readonly redrivePolicy: RedrivePolicy | undefined;

  /** Undefined for a standard queue. */
  readonly #deduplication: Deduplication | undefined;
  readonly #world: World;
  readonly #findQueue: QueueOptions['findQueue'];
  readonly #onStep: StepListener | undefined;
  /** Messages by id, in the order of sending. */
  readonly #messages = new Map<string, Message>();
  readonly #longPolls: LongPolls<ReceivedMessage>;
  readonly #journal: Journal<Entry> | undefined;
  /** False once a message came from another queue: it keeps the time when it was sent. */
  #isInOrder = true;
  #deadLines = 0;
  #lastPurge = Number.NEGATIVE_INFINITY;

  /**
   * @throws AssemblyError for a property that would change what the queue does and is not known here
   * @throws JournalError if the file cannot be read back
   */
  constructor(
    readonly resource: Resource,
    world: World,
    options: QueueOptions = {},
  ) {
    requireKnownProperties(resource, resource.properties, [
      ...['QueueName', 'VisibilityTimeout', 'MessageRetentionPeriod', 'DelaySeconds', 'MaximumMessageSize'],
      ...['ReceiveMessageWaitTimeSeconds', 'RedrivePolicy', 'RedriveAllowPolicy', 'Tags'],
      ...['SqsManagedSseEnabled', 'KmsMasterKeyId', 'KmsDataKeyReusePeriodSeconds'],
      ...['FifoQueue', 'ContentBasedDeduplication'],
    ]);
    const setting = (property: string, fallback: number) => Number(resource.properties[property] ?? fallback);
    this.name = resource.name;
    this.arn = resource.arn;
    this.visibilityTimeoutSeconds = setting('VisibilityTimeout', 30);
    this.retentionSeconds = setting('MessageRetentionPeriod', 4 * 24 * 60 * 60);
    this.delaySeconds = setting('DelaySeconds', 0);
    this.waitSeconds = setting('ReceiveMessageWaitTimeSeconds', 0);
    this.maximumMessageBytes = setting('MaximumMessageSize', 1024 * 1024);
    this.#world = world;
    this.#longPolls = new LongPolls(world, () => this.#nextVisible());
    this.#onStep = options.onStep;
    this.#findQueue = options.findQueue;
    this.redrivePolicy = readRedrivePolicy(resource);
    if (String(resource.properties.FifoQueue) === 'true') this.#deduplication = new Deduplication(resource);
    this.createdAt = world.now();
    if (options.file) this.#journal = Journal.open<Entry>(options.file, (entry) => this.#restore(entry));
    this.#compact();
  }

  get isFifo(): boolean {
    return this.#deduplication !== undefined;
  }

  /**
   * @returns the message's id
   * @throws ServiceError (InvalidParameterValueException) if the message is larger than the queue takes
   */
  send(message: OutgoingMessage): string {
    const sentAt = this.#world.now();
    const attributes = typed(message.attributes);
    requireBytes(messageBytes(message.body, attributes), this.maximumMessageBytes);
    const fifo = this.#deduplication?.check(message.body, message, sentAt);
    if (fifo?.repeats !== undefined) return fifo.repeats;
    const { groupId } = message;
    const stored = {
      id: this.#world.uuid(),
      body: message.body,
      attributes,
      ...defined({ groupId }),
      senderId: message.senderId ?? 'AIDALOCAL',
      sentAt,
      visibleAt: sentAt + 1000 * (message.delaySeconds ?? this.delaySeconds),
    };
    if (fifo) this.#deduplication?.remember(fifo.key, stored.id, sentAt);
    this.#journal?.append({ sent: stored });
    this.#messages.set(stored.id, { ...stored, receiveCount: 0 });
    this.#onStep?.({
      kind: 'message-sent',
      queue: this.name,
      messageId: stored.id,
      body: stored.body,
      attributes: asTexts(attributes),
    });
    this.#longPolls.serve();
    return stored.id;
  }

  /** Waits, by the clock, until there is at least one message. */
  async receive(options: ReceiveOptions = {}): Promise<ReceivedMessage[]> {
    const { waitSeconds = this.waitSeconds, signal } = options;
    if (signal?.aborted) return [];
    const taken = this.#take(options);
    if (taken.length > 0 || waitSeconds === 0) return taken;
    return this.#longPolls.wait(() => this.#take(options), 1000 * waitSeconds, signal);
  }

  /**
   * Deletes the message that the handle was received with. A handle that is not the message's latest deletes
   * nothing and is no error, nor is one whose message is gone.
   * @throws ServiceError (ReceiptHandleIsInvalid)
   */
  delete(receiptHandle: string): void {
    const message = this.#find(receiptHandle);
    if (message?.receipt !== receiptHandle || !this.remove(message.id)) return;
    this.#onStep?.({ kind: 'message-deleted', queue: this.name, messageId: message.id });
  }

  /** @throws ServiceError (ReceiptHandleIsInvalid, MessageNotInflight, InvalidParameterValueException) */
  changeVisibility(receiptHandle: string, timeoutSeconds: number): void {
    const message = this.#find(receiptHandle);
    const now = this.#world.now();
    if (message?.receipt !== receiptHandle || message.visibleAt <= now) {
      throw new ServiceError(
        'MessageNotInflight',
        `Value ${receiptHandle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.`,
      );
    }
    const visibleAt = now + 1000 * timeoutSeconds;
    if (visibleAt - (message.firstReceivedAt ?? now) > 1000 * MAX_INVISIBLE_SECONDS) {
      throw new ServiceError(
        'InvalidParameterValueException',
        `Value ${timeoutSeconds} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [${MAX_INVISIBLE_SECONDS} seconds].`,
      );
    }
    message.visibleAt = visibleAt;
    this.#longPolls.serve();
  }

  /** @throws ServiceError (PurgeQueueInProgress) within 60 seconds of the last one */
  purge(): void {
    const now = this.#world.now();
    if (now - this.#lastPurge < 60_000) {
      throw new ServiceError(
        'PurgeQueueInProgress',
        `Only one PurgeQueue operation on ${this.name} is allowed every 60 seconds.`,
        403,
      );
    }
    this.#lastPurge = now;
    this.#messages.clear();
    this.#journal?.rewrite([]);
    this.#deadLines = 0;
  }

  /** Deletes a message by its id, received or not. @returns false if there is none */
  remove(id: string): boolean {
    if (!this.#messages.delete(id)) return false;
    this.#deadLines += 2;
    this.#journal?.append({ deleted: id });
    this.#compact();
    return true;
  }

  /** Takes messages that could be received out of the queue for good, the oldest first. */
  takeAway(max: number): readonly StoredMessage[] {
    const now = this.#world.now();
    const taken = this.peek()
      .filter(({ visibleAt }) => visibleAt <= now)
      .slice(0, max);
    for (const { id } of taken) this.remove(id);
    return taken;
  }

  depth(): QueueDepth {
    this.#expire();
    return depthOf([...this.#messages.values()], this.#world.now());
  }

  /** All messages, also those that cannot be received now, without receiving them. */
  peek(): readonly StoredMessage[] {
    this.#expire();
    return [...this.#messages.values()].map(({ receipt: _, ...message }) => message);
  }

  /** Number of all messages. */
  get size(): number {
    this.#expire();
    return this.#messages.size;
  }

  /** Ends every wait with no message, and lets go of the file. */
  close(): void {
    this.#longPolls.stop();
    this.#journal?.close();
  }

  #take({ max = 1, visibilityTimeoutSeconds = this.visibilityTimeoutSeconds }: ReceiveOptions) {
    this.#expire();
    const now = this.#world.now();
    const taken: ReceivedMessage[] = [];
    const groups = new BlockedGroups();
    for (const message of this.#messages.values()) {
      if (taken.length === max) break;
      const isVisible = message.visibleAt <= now;
      if (this.#deduplication && groups.holds(message, isVisible)) continue;
      if (!isVisible || this.#moveToDeadLetters(message)) continue;
      message.receiveCount++;
      message.firstReceivedAt ??= now;
      message.visibleAt = now + 1000 * visibilityTimeoutSeconds;
      const receiptHandle = `${message.id}.${this.#world.uuid()}.${Buffer.from(this.name).toString('base64url')}`;
      message.receipt = receiptHandle;
      const { receipt: _, ...stored } = message;
      taken.push({ ...stored, receiptHandle });
      this.#onStep?.({ kind: 'message-received', queue: this.name, ...receiptOf(message) });
    }
    return taken;
  }

  /** @returns whether the message was received as often as the redrive policy allows, and is gone from here */
  #moveToDeadLetters(message: Message): boolean {
    const { deadLetterTargetArn: arn, maxReceiveCount } = this.redrivePolicy ?? {};
    if (arn === undefined || maxReceiveCount === undefined || message.receiveCount < maxReceiveCount)
      return false;
    const to = this.#findQueue?.(arn);
    if (!to) return false;
    const { receipt: _, ...stored } = message;
    to.#accept({ ...stored, deadLetterSourceArn: this.arn });
    this.remove(message.id);
    const { id: messageId, body, receiveCount } = message;
    this.#onStep?.({ kind: 'message-moved', queue: this.name, to: to.name, messageId, body, receiveCount });
    return true;
  }

  /**
   * Takes a message over from another queue, with its id. A standard queue keeps it by the time when it was sent, a FIFO
   * queue from now on:
   * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
   */
  #accept(message: StoredMessage): void {
    const { receiveCount, firstReceivedAt: _, ...rest } = message;
    const now = this.#world.now();
    const sent = { ...rest, visibleAt: now, movedAt: now, ...(this.#deduplication && { sentAt: now }) };
    this.#journal?.append({ sent });
    this.#isInOrder = false;
    this.#messages.set(sent.id, { ...sent, receiveCount });
    this.#longPolls.serve();
  }

  #find(receiptHandle: string): Message | undefined {
    const suffix = `.${Buffer.from(this.name).toString('base64url')}`;
    if (!HANDLE.test(receiptHandle) || receiptHandle.slice(73) !== suffix) {
      throw new ServiceError(
        'ReceiptHandleIsInvalid',
        `The input receipt handle "${receiptHandle}" is not a valid receipt handle.`,
        404,
      );
    }
    this.#expire();
    return this.#messages.get(receiptHandle.slice(0, 36));
  }

  #expire(): void {
    const sentBefore = this.#world.now() - 1000 * this.retentionSeconds;
    for (const message of this.#messages.values()) {
      const isKept = message.sentAt > sentBefore;
      if (isKept && this.#isInOrder) return;
      if (isKept) continue;
      this.#messages.delete(message.id);
      this.#deadLines++;
    }
  }

  /** Earliest time at which a message becomes visible. */
  #nextVisible(): number {
    let at = Number.POSITIVE_INFINITY;
    for (const { visibleAt } of this.#messages.values()) at = Math.min(at, visibleAt);
    return at;
  }

  #restore(entry: Entry): void {
    const { sent, deleted } = entry;
    if (typeof sent?.id === 'string' && typeof sent.body === 'string') {
      if (sent.deadLetterSourceArn !== undefined) this.#isInOrder = false;
      this.#messages.set(sent.id, { ...sent, receiveCount: 0 });
    } else if (typeof deleted === 'string') {
      this.#messages.delete(deleted);
      this.#deadLines += 2;
    } else {
      throw new Error('it is not an entry of a queue');
    }
  }

  #compact(): void {
    if (!this.#journal || this.#deadLines <= MAX_DEAD_LINES + this.#messages.size) return;
    this.#journal.rewrite(
      [...this.#messages.values()].map(({ receipt: _, receiveCount: __, firstReceivedAt: ___, ...sent }) => ({
        sent,
      })),
    );
    this.#deadLines = 0;
  }
}

function typed(attributes: OutgoingMessage['attributes'] = {}): Record<string, MessageAttribute> {
  const entries = Object.entries(attributes).map(([name, value]) => [
    name,
    typeof value === 'string' ? { DataType: 'String', StringValue: value } : value,
  ]);
  return Object.fromEntries(entries);
}

function asTexts(attributes: Readonly<Record<string, MessageAttribute>>): Record<string, string> {
  const entries = Object.entries(attributes);
  return Object.fromEntries(
    entries.map(([name, { StringValue, BinaryValue }]) => [name, StringValue ?? BinaryValue ?? '']),
  );
}

function depthOf(messages: readonly StoredMessage[], now: number): QueueDepth {
  let [visible, inFlight, delayed] = [0, 0, 0];
  for (const message of messages) {
    if (message.visibleAt <= now) visible++;
    else if (message.receiveCount > 0) inFlight++;
    else delayed++;
  }
  const [oldest] = messages;
  const oldestAt = oldest?.movedAt ?? oldest?.sentAt ?? now;
  return { visible, inFlight, delayed, oldestAgeSeconds: (now - oldestAt) / 1000 };
}

/** Empty for what is no JSON object. */
function parseObject(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** @throws AssemblyError if it is not one that SQS takes */
function readRedrivePolicy(resource: Resource): RedrivePolicy | undefined {
  const given = resource.properties.RedrivePolicy;
  if (given === undefined) return undefined;
  const { deadLetterTargetArn, maxReceiveCount } = typeof given === 'string' ? parseObject(given) : given;
  const count = Number(maxReceiveCount);
  if (typeof deadLetterTargetArn !== 'string' || !Number.isInteger(count) || count < 1 || count > 1000) {
    throw new AssemblyError(
      `${resource.type} ${resource.logicalId}: RedrivePolicy is ${JSON.stringify(given)}; it must have a deadLetterTargetArn, and a maxReceiveCount from 1 to 1000.`,
    );
  }
  return { deadLetterTargetArn, maxReceiveCount: count };
}

/** @throws ServiceError (InvalidParameterValueException) for a message that is larger than its queue takes */
export function requireBytes(bytes: number, most: number): void {
  if (bytes <= most) return;
  throw new ServiceError(
    'InvalidParameterValueException',
    `One or more parameters are invalid. Reason: Message must be shorter than ${most} bytes.`,
  );
}

/**
 * Bytes of a message that SQS counts: its body, and name, type and value of each attribute.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
 */
export function messageBytes(body: string, attributes: Readonly<Record<string, MessageAttribute>>): number {
  let bytes = Buffer.byteLength(body);
  for (const [name, { DataType, StringValue = '', BinaryValue = '' }] of Object.entries(attributes)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType) + Buffer.byteLength(StringValue);
    bytes += Buffer.byteLength(BinaryValue, 'base64');
  }
  return bytes;
}
