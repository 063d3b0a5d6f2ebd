/** The orders table as the order processor writes it. */
import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { STATUS_TRANSITIONS } from '../events';
import { orderAttributes, readOrderItem } from '../order-item';
import { ORDER_KEY } from '../order-table';
import { StatusOrder } from '../status-order';
import { type FoldOutcome, foldCreation, foldStatus, moved } from './fold';
import type { OrderEvent } from './order';
import { type ConditionalWrite, firstWrite, foldedWrite, type WriteTimes } from './write';

/** Result of storing an event. */
export interface Stored {
  readonly outcome: FoldOutcome;
  /** True if the event created the order. */
  readonly isNewOrder: boolean;
  /** Status of the order before the event; undefined if nothing was known of it. */
  readonly status?: string | undefined;
  readonly revision?: number | undefined;
}

/** Maximum number of attempts while others write the same item; then the event fails and Lambda retries it. */
const MOST_TRIES = 10;

class ContendedOrderError extends Error {
  override readonly name = 'ContendedOrderError';
  constructor(readonly orderId: string) {
    super(`Order ${orderId} was changed by others ${MOST_TRIES} times between its reading and its writing.`);
  }
}

type Item = Readonly<Record<string, unknown>>;

/** Checks whether the order was created before: an item that is being rebuilt has kept only that time. */
const wasCounted = (item: Item = {}): boolean => item.processedAt !== undefined;

/** Result of a conditional write; `before` has the previous values of the changed attributes. */
type Tried =
  | { readonly isWritten: true; readonly before: Item }
  | { readonly isWritten: false; readonly wasSentBefore: boolean };

export class OrderRepository {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #order: StatusOrder;

  constructor(
    client: DynamoDBClient,
    table: string,
    transitions: Readonly<Record<string, readonly string[]>> = STATUS_TRANSITIONS,
  ) {
    this.#client = client;
    this.#table = table;
    this.#order = new StatusOrder(transitions);
  }

  /**
   * Folds an event into its order's item, with one write if it comes in order.
   * @throws UnknownStatusError, ContendedOrderError
   */
  async store(event: OrderEvent, times: WriteTimes): Promise<Stored> {
    const first = await this.#tryWrite(event.orderId, firstWrite(event, times, this.#order));
    if (!first.isWritten) return this.#fold(event, times, first.wasSentBefore);
    if (event.kind === 'created') return { outcome: 'stored', isNewOrder: !wasCounted(first.before) };
    const { status, revision = 0 } = first.before as { status?: string; revision?: number };
    return { outcome: moved(status, event.change.status, this.#order), isNewOrder: false, status, revision };
  }

  /** @param wasSentBefore true if the first write may have succeeded although its answer was lost */
  async #fold(event: OrderEvent, times: WriteTimes, wasSentBefore: boolean): Promise<Stored> {
    let unanswered: Stored | undefined;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const item = await this.#read(event.orderId);
      const before = readOrderItem(item);
      const { outcome, state: after } =
        event.kind === 'created'
          ? foldCreation(before, event.creation)
          : foldStatus(before, event.change, this.#order);
      const isOwn = wasSentBefore && event.kind === 'created' && item?.processedAt === times.processedAt;
      if (outcome === 'duplicate' && isOwn) return { outcome: 'stored', isNewOrder: true };
      if (outcome === 'duplicate' && unanswered) return unanswered;

      const isNewOrder = event.kind === 'created' && before.creation === undefined && !wasCounted(item);
      const result = { outcome, isNewOrder, status: before.status, revision: before.revision };
      const write = foldedWrite({ item, before, after }, event, times);
      if (!write) return result;
      const tried = await this.#tryWrite(event.orderId, write);
      if (tried.isWritten) return result;
      if (tried.wasSentBefore) unanswered = result;
    }
    throw new ContendedOrderError(event.orderId);
  }

  async #tryWrite(orderId: string, write: ConditionalWrite): Promise<Tried> {
    const { ExpressionAttributeValues: values, ...expressions } = write;
    try {
      const { Attributes: before = {} } = await this.#client.send(
        new UpdateItemCommand({
          TableName: this.#table,
          Key: { [ORDER_KEY]: { S: orderId } },
          ...expressions,
          ExpressionAttributeValues: marshall(values),
          ReturnValues: 'UPDATED_OLD',
        }),
      );
      return { isWritten: true, before: unmarshall(before) };
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      // After a lost answer the SDK repeats the write, and the condition refuses the repetition.
      return { isWritten: false, wasSentBefore: (error.$metadata.attempts ?? 1) > 1 };
    }
  }

  async #read(orderId: string): Promise<Item | undefined> {
    const attributes = ['processedAt', ...orderAttributes(this.#order.statuses)];
    const { Item: item } = await this.#client.send(
      new GetItemCommand({
        TableName: this.#table,
        Key: { [ORDER_KEY]: { S: orderId } },
        ConsistentRead: true,
        ProjectionExpression: attributes.map((_, i) => `#${i}`).join(', '),
        ExpressionAttributeNames: Object.fromEntries(attributes.map((name, i) => [`#${i}`, name])),
      }),
    );
    return item && unmarshall(item);
  }
}
