/**
 * Reads all messages of a queue, once each, without deleting any.
 *
 * SQS has no operation to list messages: they can only be received, and each receive samples its servers. A received
 * message is hidden from all readers until its visibility timeout ends. So the reader receives until a wait returns
 * nothing new, extends the timeouts meanwhile, and makes the messages visible when it is closed. If it is killed, they
 * stay hidden for the rest of their timeout.
 */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { defined } from '../defined';
import { required } from './answers';
import type { QueueMessage } from './failed-event';

/** SQS's maximum for a receive and for a batch. */
const BATCH = 10;
/** Seconds that a receive waits for messages, so that it asks all of SQS's servers and not some. */
const WAIT_SECONDS = 1;
/** Receives in a row without a new message, apart from those that return held messages, until the queue counts as read. */
const IDLE_RECEIVES = 4;

export interface ApproximateDepth {
  /** Number of messages that can be received. Both figures are SQS's own approximations. */
  readonly visible: number;
  /** Number of messages that were received, and neither deleted nor made visible again. */
  readonly inFlight: number;
}

export async function queueDepth(sqs: SQSClient, queueUrl: string): Promise<ApproximateDepth> {
  const AttributeNames = [
    ...(['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesDelayed'] as const),
    'ApproximateNumberOfMessagesNotVisible' as const,
  ];
  const answer = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames }));
  const count = (name: (typeof AttributeNames)[number]) =>
    Number(required(required(answer, 'Attributes'), name));
  return {
    visible: count('ApproximateNumberOfMessages') + count('ApproximateNumberOfMessagesDelayed'),
    inFlight: count('ApproximateNumberOfMessagesNotVisible'),
  };
}

export class QueueReader {
  /** Latest receipt handle of each message that is held back. */
  readonly #held = new Map<string, string>();
  readonly #seen = new Set<string>();

  /** @param visibilitySeconds visibility timeout of received messages */
  constructor(
    private readonly sqs: SQSClient,
    readonly queueUrl: string,
    private readonly visibilitySeconds: number,
  ) {}

  /** Number of messages seen so far. */
  get seen(): number {
    return this.#seen.size;
  }

  /**
   * Yields each message once, in batches of at most 10, until the queue has no other, `limit` are seen, or the signal
   * is aborted. Messages that are not deleted stay hidden until `close`.
   */
  async *batches(signal: AbortSignal, limit = Number.POSITIVE_INFINITY): AsyncGenerator<QueueMessage[]> {
    const isIdle = (receives: number) => receives >= IDLE_RECEIVES + this.#held.size / BATCH;
    for (let idle = 0; !isIdle(idle) && this.seen < limit && !signal.aborted; ) {
      const messages = await this.#receive(Math.min(BATCH, limit - this.seen));
      const fresh = messages.map(queueMessage).filter(({ id }) => !this.#seen.has(id));
      for (const message of messages) {
        const id = required(message, 'MessageId');
        this.#seen.add(id);
        this.#held.set(id, required(message, 'ReceiptHandle'));
      }
      if (fresh.length > 0) {
        idle = 0;
        yield fresh;
      } else if (messages.length === 0 && (await queueDepth(this.sqs, this.queueUrl)).visible === 0) {
        return;
      } else {
        idle++;
      }
    }
  }

  /** Deletes the message from the queue. */
  async delete(message: QueueMessage): Promise<void> {
    const ReceiptHandle = this.#held.get(message.id);
    await this.sqs.send(new DeleteMessageCommand({ QueueUrl: this.queueUrl, ReceiptHandle }));
    this.#held.delete(message.id);
  }

  /**
   * Makes the held messages visible to other readers again.
   * @returns the approximate number of messages that the queue has besides those seen: held by other readers, or new
   */
  async close(): Promise<number> {
    const { visible, inFlight } = await queueDepth(this.sqs, this.queueUrl);
    const others = Math.max(0, visible + inFlight - this.#held.size);
    const entries = [...this.#held.values()].map((ReceiptHandle, index) => ({
      Id: String(index),
      ReceiptHandle,
      VisibilityTimeout: 0,
    }));
    for (let start = 0; start < entries.length; start += BATCH) {
      // An entry fails if the message is already visible again, so there is nothing left to do.
      await this.sqs.send(
        new ChangeMessageVisibilityBatchCommand({
          QueueUrl: this.queueUrl,
          Entries: entries.slice(start, start + BATCH),
        }),
      );
    }
    this.#held.clear();
    return others;
  }

  async #receive(max: number): Promise<Message[]> {
    const { Messages = [] } = await this.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: this.queueUrl,
        MaxNumberOfMessages: max,
        VisibilityTimeout: this.visibilitySeconds,
        WaitTimeSeconds: WAIT_SECONDS,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['SentTimestamp', 'DeadLetterQueueSourceArn', 'MessageGroupId'],
      }),
    );
    return Messages;
  }
}

function queueMessage(message: Message): QueueMessage {
  const { SentTimestamp, DeadLetterQueueSourceArn, MessageGroupId } = required(message, 'Attributes');
  return {
    id: required(message, 'MessageId'),
    body: required(message, 'Body'),
    // One of numbers or bytes is a text of the sender's, or none.
    attributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue = '' }]) => [
        name,
        StringValue,
      ]),
    ),
    sentAt: Number(SentTimestamp),
    ...defined({ movedFrom: DeadLetterQueueSourceArn, groupId: MessageGroupId }),
  };
}
