/**
 * Publishes events: checks them by their contracts, sends them in as few calls as the service allows, and retries
 * single entries that failed.
 *
 * Placing an order is a single write, the event. The table follows (`order-processor/`): no crash can leave an order
 * without its event, but for a moment the table may lack the order.
 */
import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { timed } from './call-times';
import { CLIENT_CONFIG } from './client-config';
import { check, type EventIds } from './contract';
import { readEnvironment } from './env';
import {
  type CONTRACTS,
  ORDER_STATUSES,
  OrderCreated,
  OrderId,
  type OrderStatus,
  OrderStatusChanged,
  STATUS_TRANSITIONS,
} from './events';
import { orderAttributes, readOrderItem } from './order-item';
import { ORDER_KEY } from './order-table';
import {
  BACKOFF,
  type Backoff,
  type BatchOutcome,
  type EntryFailure,
  type EntryResult,
  entryResult,
  hasFailed,
  sendWithRetries,
} from './partial-retry';

type Contract = (typeof CONTRACTS)[number];

type NewEventOf<C> = C extends Contract
  ? { readonly contract: C; readonly detail: C['example']; readonly ids?: EventIds }
  : never;

/** An event to publish. */
export type NewEvent = NewEventOf<Contract>;

export interface PublishedEvent {
  /** `metadata.eventId`, by which consumers identify the event. */
  readonly eventId: string;
  /** The envelope's `id`, given by EventBridge. */
  readonly envelopeId: string;
}

export interface PublishOptions extends Partial<Backoff> {
  /** Name or ARN of the bus. @default the environment variable EVENT_BUS_NAME */
  readonly busName?: string | undefined;
  /** @default one client for the process */
  readonly eventBridge?: EventBridgeClient;
  readonly now?: () => Date;
  /** Aborts the calls, and the pauses between them. */
  readonly signal?: AbortSignal | undefined;
}

export interface OrderOptions extends PublishOptions {
  readonly ids?: EventIds;
}

export interface OrderStatusOptions extends OrderOptions {
  /** Name of the orders table. @default the environment variable TABLE_NAME */
  readonly tableName?: string | undefined;
  /** @default one client for the process */
  readonly dynamodb?: DynamoDBDocumentClient;
}

/** One event that was not published. */
export interface PublishFailure extends EntryFailure {
  /** Index in the given list. */
  readonly index: number;
  /** `source/detail-type`. */
  readonly type: string;
  readonly eventId: string;
}

/** Maximum number of failures in a PublishError's message; `failures` has all. */
const TOLD_FAILURES = 10;

export class PublishError extends Error {
  override readonly name = 'PublishError';
  constructor(
    readonly failures: readonly PublishFailure[],
    /** Events of the same list that were published. */
    readonly published: readonly PublishedEvent[],
    /** Error of a failed call; its events may have been published nevertheless. */
    cause?: unknown,
  ) {
    const told = failures
      .slice(0, TOLD_FAILURES)
      .map(({ index, type, eventId, code, message }) => `#${index} ${type} ${eventId}: ${code}: ${message}`);
    const more = failures.length - told.length;
    super(
      `${failures.length} of ${failures.length + published.length} events were not published: ` +
        told.join('; ') +
        (more > 0 ? `; and ${more} more` : ''),
      { cause },
    );
  }
}

/** Error of an order whose event was not published, or whose answer was lost: it may have been placed nevertheless. */
export class OrderNotPlacedError extends PublishError {
  constructor(
    /** The order that was to be published, with its id. */
    readonly order: typeof OrderCreated.example,
    /** Id of the event. A second `createOrder` with the same order and event id places it only once. */
    readonly eventId: string,
    { failures, published, cause }: PublishError,
  ) {
    super(failures, published, cause);
    this.message = `Order ${order.orderId} may not have been placed: ${this.message}`;
  }
}

export class EventTooLargeError extends Error {
  override readonly name = 'EventTooLargeError';
  constructor(
    /** Index in the given list. */
    readonly index: number,
    readonly type: string,
    /** Size in bytes, as PutEvents counts them. */
    readonly size: number,
  ) {
    super(
      `#${index} ${type} has ${size} bytes; an event may have ${EVENT_SIZE}, so that it can be redriven.`,
    );
  }
}

export class OrderNotFoundError extends Error {
  override readonly name = 'OrderNotFoundError';
  constructor(readonly orderId: string) {
    super(`Order ${orderId} is not in the table (a new order appears there shortly after its OrderCreated).`);
  }
}

export class ImpossibleTransitionError extends Error {
  override readonly name = 'ImpossibleTransitionError';
  constructor(
    readonly orderId: string,
    readonly from: OrderStatus,
    readonly to: string,
    readonly allowed: readonly OrderStatus[],
  ) {
    const next = allowed.length > 0 ? `it can become ${allowed.join(' or ')}` : 'that is its last status';
    super(`Order ${orderId} is ${from} and cannot become ${to}; ${next}.`);
  }
}

/** Error of a status from a newer version of this code, from which no transition is known. */
class UnknownStatusError extends Error {
  override readonly name = 'UnknownStatusError';
  constructor(readonly status: string) {
    super(`its status is ${JSON.stringify(status)}, which this version does not know: update the publisher.`);
  }
}

export class OrderNotReadError extends Error {
  override readonly name = 'OrderNotReadError';
  constructor(orderId: string, tableName: string, cause: unknown) {
    super(`Order ${orderId} could not be read from table ${tableName}: ${cause}`, { cause });
  }
}

/** Maximum number of entries of a PutEvents call. */
const BATCH_ENTRIES = 10;
/** Limit of a PutEvents call in bytes; its size must be less. */
const REQUEST_SIZE = 1_024 * 1_024;
/**
 * Maximum size of an event, in bytes. Lambda and SQS have the same limit of 1,048,576 bytes, but the event grows: by its
 * envelope, and in the queue of failed events by the failure's record, with the error's message and stack. The reserve
 * allows any published event to fail and be redriven whole.
 */
export const EVENT_SIZE = REQUEST_SIZE - 16 * 1_024;
/** Size of a time in an entry, in bytes. */
const TIME_SIZE = 14;

/** Maximum length of `TraceHeader`, by the API reference of PutEventsRequestEntry. */
const TRACE_HEADER_LENGTH = 500;

/** Codes for which a retry may help, by the API reference of PutEventsResultEntry. */
const TRANSIENT_CODES = ['InternalFailure', 'InternalException', 'ThrottlingException'];

const systemTime = () => new Date();

const NOT_TRIED: EntryFailure = { code: 'NotTried', message: 'the call before it failed' };

/**
 * Publishes one event.
 * @throws what `publishEvents` throws
 */
export async function publishEvent<C extends Contract>(
  contract: C,
  detail: C['example'],
  ids: EventIds = {},
  options: PublishOptions = {},
): Promise<PublishedEvent> {
  const [published] = await publishEvents([{ contract, detail, ids } as NewEvent], options);
  return published as PublishedEvent;
}

/**
 * Publishes events in order, in calls of at most 10 entries and under 1 MB. After a failed call no other is made.
 * @returns the published events, in the same order
 * @throws PoisonEventError, EventTooLargeError - before anything is sent
 * @throws MissingEnvironmentVariableError if no bus is named
 * @throws PublishError listing each event that was not published
 */
export async function publishEvents(
  events: readonly NewEvent[],
  {
    busName = readEnvironment('EVENT_BUS_NAME'),
    eventBridge = sharedEventBridge(),
    now = systemTime,
    signal,
    sleep = BACKOFF.sleep,
    random = BACKOFF.random,
  }: PublishOptions = {},
): Promise<PublishedEvent[]> {
  const time = now();
  const trace = traceHeader();
  const outgoing = events.map(({ contract, detail, ids }, index) => {
    // `NewEvent` relates each detail to its contract, which the compiler cannot infer through the union.
    const full = contract.create(detail as never, ids);
    const { source, detailType, type } = contract;
    const text = JSON.stringify(full);
    const size = entrySize(source, detailType, text);
    if (size > EVENT_SIZE) throw new EventTooLargeError(index, type, size);
    const entry = {
      EventBusName: busName,
      Source: source,
      DetailType: detailType,
      Detail: text,
      Time: time,
      ...(trace && { TraceHeader: trace }),
    };
    return { index, type, eventId: full.metadata.eventId, entry, size };
  });

  const send = async (entries: readonly PutEventsRequestEntry[]) => {
    signal?.throwIfAborted();
    const answer = await eventBridge.send(new PutEventsCommand({ Entries: [...entries] }), {
      ...(signal && { abortSignal: signal }),
    });
    return (answer.Entries ?? []).map(({ EventId, ErrorCode, ErrorMessage }) =>
      entryResult(EventId, ErrorCode, ErrorMessage),
    );
  };
  // The pause ends at once when the signal is aborted, and then so does the next call.
  const pause = (ms: number) => Promise.race([sleep(ms), aborted(signal)]);
  const isTransient = ({ code }: EntryFailure) => TRANSIENT_CODES.includes(code);

  const published: PublishedEvent[] = [];
  const failures: PublishFailure[] = [];
  let error: unknown;
  for (const batch of inBatches(outgoing)) {
    const entries = batch.map(({ entry }) => entry);
    const outcome: BatchOutcome = error
      ? { results: entries.map(() => NOT_TRIED), error }
      : await sendWithRetries(entries, send, isTransient, { sleep: pause, random });
    error = outcome.error;
    for (const [position, { index, type, eventId }] of batch.entries()) {
      const result = outcome.results[position] as EntryResult;
      if (hasFailed(result)) failures.push({ index, type, eventId, ...result });
      else published.push({ eventId, envelopeId: result.id });
    }
  }
  if (failures.length > 0) throw new PublishError(failures, published, error);
  return published;
}

/**
 * Places an order by publishing OrderCreated.
 * @param order gets a UUID if it has no id, and the present time if it has no `createdAt`
 * @returns the order as published
 * @throws OrderNotPlacedError with the order's id, and what `publishEvents` throws before anything is sent
 */
export async function createOrder(
  order: Omit<typeof OrderCreated.example, 'orderId'> & { readonly orderId?: string },
  { ids, ...options }: OrderOptions = {},
): Promise<typeof OrderCreated.example> {
  const { now = systemTime } = options;
  const detail = {
    ...order,
    orderId: order.orderId ?? randomUUID(),
    createdAt: order.createdAt ?? now().toISOString(),
  };
  const eventId = ids?.eventId ?? randomUUID();
  try {
    await publishEvent(OrderCreated, detail, { ...ids, eventId }, options);
  } catch (error) {
    throw error instanceof PublishError ? new OrderNotPlacedError(detail, eventId, error) : error;
  }
  return detail;
}

/**
 * Changes an order's status by publishing OrderStatusChanged, with the present status and e-mail address from the table.
 * @returns the change as published
 * @throws OrderNotFoundError, ImpossibleTransitionError, OrderNotReadError, and what `publishEvents` throws
 */
export async function updateOrderStatus(
  orderId: string,
  status: OrderStatus,
  {
    ids,
    tableName = readEnvironment('TABLE_NAME'),
    dynamodb = sharedDynamoDB(),
    ...options
  }: OrderStatusOptions = {},
): Promise<typeof OrderStatusChanged.example> {
  const { now = systemTime } = options;
  check(OrderStatusChanged.type, 'detail.orderId', OrderId, orderId);
  const order = await readOrder(orderId, tableName, dynamodb, options.signal);
  if (!order) throw new OrderNotFoundError(orderId);
  const allowed = STATUS_TRANSITIONS[order.status];
  if (!allowed.includes(status)) throw new ImpossibleTransitionError(orderId, order.status, status, allowed);
  const detail = {
    orderId,
    status,
    previousStatus: order.status,
    ...(order.customerEmail && { customerEmail: order.customerEmail }),
    updatedAt: now().toISOString(),
    revision: order.revision,
  };
  await publishEvent(OrderStatusChanged, detail, ids, options);
  return detail;
}

/** Order in the table. */
interface StoredOrder {
  readonly status: OrderStatus;
  readonly revision: number;
  readonly customerEmail?: string;
}

async function readOrder(
  orderId: string,
  tableName: string,
  dynamodb: DynamoDBDocumentClient,
  signal: AbortSignal | undefined,
): Promise<StoredOrder | undefined> {
  try {
    const attributes = ['customerEmail', ...orderAttributes(ORDER_STATUSES)];
    const { Item } = await dynamodb.send(
      new GetCommand({
        TableName: tableName,
        Key: { [ORDER_KEY]: orderId },
        ConsistentRead: true,
        ProjectionExpression: attributes.map((_, i) => `#${i}`).join(', '),
        ExpressionAttributeNames: Object.fromEntries(attributes.map((name, i) => [`#${i}`, name])),
      }),
      { ...(signal && { abortSignal: signal }) },
    );
    const { status, revision } = readOrderItem(Item);
    // An item that is being rebuilt has no status until its events are replayed.
    if (status === undefined) return undefined;
    if (!Object.hasOwn(STATUS_TRANSITIONS, status)) throw new UnknownStatusError(status);
    return { ...Item, status: status as OrderStatus, revision };
  } catch (error) {
    throw new OrderNotReadError(orderId, tableName, error);
  }
}

/** The trace that Lambda handles an event in, so that the consumers' calls belong to the same one. */
function traceHeader(): string | undefined {
  const { _X_AMZN_TRACE_ID: trace = '' } = process.env;
  // A longer one would be refused, and the event with it.
  return trace !== '' && trace.length <= TRACE_HEADER_LENGTH ? trace : undefined;
}

/** Resolves when the signal is aborted. */
function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) resolve();
    signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Size of an entry in bytes, by the user guide ("Calculating PutEvents event entry size"). */
function entrySize(source: string, detailType: string, detail: string): number {
  return TIME_SIZE + Buffer.byteLength(source) + Buffer.byteLength(detailType) + Buffer.byteLength(detail);
}

function inBatches<Sized extends { readonly size: number }>(entries: readonly Sized[]): Sized[][] {
  const batches: Sized[][] = [];
  let batch: Sized[] = [];
  let size = 0;
  for (const entry of entries) {
    if (batch.length === BATCH_ENTRIES || size + entry.size >= REQUEST_SIZE) {
      batches.push(batch);
      batch = [];
      size = 0;
    }
    batch.push(entry);
    size += entry.size;
  }
  return batch.length > 0 ? [...batches, batch] : batches;
}

// Created at first use, since a caller may have its own client.
let eventBridge: EventBridgeClient | undefined;
function sharedEventBridge(): EventBridgeClient {
  eventBridge ??= timed(new EventBridgeClient(CLIENT_CONFIG));
  return eventBridge;
}

let dynamodb: DynamoDBDocumentClient | undefined;
function sharedDynamoDB(): DynamoDBDocumentClient {
  dynamodb ??= DynamoDBDocumentClient.from(timed(new DynamoDBClient(CLIENT_CONFIG)));
  return dynamodb;
}
