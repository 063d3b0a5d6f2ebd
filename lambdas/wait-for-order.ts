/** Waits until the orders table has followed what was published. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { CLIENT_CONFIG } from './client-config';
import { readEnvironment } from './env';
import { type OrderStatus, STATUS_TRANSITIONS } from './events';
import { ORDER_KEY } from './order-table';

export interface WaitOptions {
  /**
   * Wait until the order has this status or has left it behind. Default: wait until the order is in the table,
   * whatever its status.
   */
  readonly status?: OrderStatus | undefined;
  /** ms. @default 10000 */
  readonly timeout?: number;
  /** Ends the waiting when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** The orders table. Default: the environment variable TABLE_NAME. */
  readonly tableName?: string | undefined;
  /** Default: one client for the process. */
  readonly dynamodb?: DynamoDBDocumentClient;
}

/** An order as far as waiting for it tells. */
export interface AwaitedOrder {
  readonly orderId: string;
  /** A status of the other branch (CANCELLED where SHIPPED was waited for) ends the waiting, too. */
  readonly status: OrderStatus;
}

export class OrderNotCaughtUpError extends Error {
  override readonly name = 'OrderNotCaughtUpError';
  constructor(
    readonly orderId: string,
    /** Status of the order in the table; undefined if it is not there. */
    readonly status: string | undefined,
    timeout: number,
  ) {
    const found = status === undefined ? 'is not in the table' : `is still ${status}`;
    super(
      `Order ${orderId} ${found} after ${timeout} ms. Its event is late, or failed: npm run ops -- trace ${orderId}`,
    );
  }
}

const TIMEOUT_MS = 10_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/**
 * Waits until the table has followed a `createOrder`, or an `updateOrderStatus` to the given status.
 * @throws OrderNotCaughtUpError after the timeout, and the signal's reason
 */
export async function waitForOrder(
  orderId: string,
  {
    status: awaited,
    timeout = TIMEOUT_MS,
    signal,
    tableName = readEnvironment('TABLE_NAME'),
    dynamodb = sharedDynamoDB(),
  }: WaitOptions = {},
): Promise<AwaitedOrder> {
  const end = performance.now() + timeout;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    signal?.throwIfAborted();
    const status = await readStatus(orderId, tableName, dynamodb, signal);
    if (status !== undefined && (awaited === undefined || !follows(awaited, status)))
      return { orderId, status };
    const left = end - performance.now();
    if (left <= 0) throw new OrderNotCaughtUpError(orderId, status, timeout);
    await sleep(Math.min(pause, left), signal);
  }
}

/** Undefined as long as no OrderCreated has made the order, even if a change of its status came before. */
async function readStatus(
  orderId: string,
  tableName: string,
  dynamodb: DynamoDBDocumentClient,
  signal: AbortSignal | undefined,
): Promise<OrderStatus | undefined> {
  const { Item: item } = await dynamodb.send(
    new GetCommand({
      TableName: tableName,
      Key: { [ORDER_KEY]: orderId },
      ConsistentRead: true,
      ProjectionExpression: '#status, createdAt',
      ExpressionAttributeNames: { '#status': 'status' },
    }),
    { ...(signal && { abortSignal: signal }) },
  );
  return item?.createdAt === undefined ? undefined : item.status;
}

/** Whether a status can still come after another, in one step or more. */
function follows(later: OrderStatus, earlier: OrderStatus): boolean {
  const next = STATUS_TRANSITIONS[earlier] ?? [];
  return next.includes(later) || next.some((status) => follows(later, status));
}

/** @throws the signal's reason */
function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

// Made at first use: a caller that brings its own client pays for no other.
let dynamodb: DynamoDBDocumentClient | undefined;
function sharedDynamoDB(): DynamoDBDocumentClient {
  dynamodb ??= DynamoDBDocumentClient.from(new DynamoDBClient(CLIENT_CONFIG));
  return dynamodb;
}
