/** Waits until the orders table has caught up with a published event. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { timed } from './call-times';
import { CLIENT_CONFIG } from './client-config';
import { readEnvironment } from './env';
import { type OrderStatus, STATUS_TRANSITIONS } from './events';
import { ORDER_KEY } from './order-table';

export interface WaitOptions {
  /**
   * Status to wait for; a later one ends the waiting, too. @default waits until the order is in the table, with any
   * status
   */
  readonly status?: OrderStatus | undefined;
  /** Timeout in milliseconds. @default 10000 */
  readonly timeout?: number;
  /** Aborts the waiting. */
  readonly signal?: AbortSignal | undefined;
  /** Name of the orders table. @default the environment variable TABLE_NAME */
  readonly tableName?: string | undefined;
  /** @default one client for the process */
  readonly dynamodb?: DynamoDBDocumentClient;
}

/** The order that was waited for. */
export interface AwaitedOrder {
  readonly orderId: string;
  /** Status in the table. One of the other branch (CANCELLED instead of SHIPPED) ends the waiting, too. */
  readonly status: OrderStatus;
}

export class OrderNotCaughtUpError extends Error {
  override readonly name = 'OrderNotCaughtUpError';
  constructor(
    readonly orderId: string,
    /** Status of the order in the table; undefined if there is no such order. */
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
 * Waits until the table has caught up with a `createOrder`, or an `updateOrderStatus` to the given status.
 * @throws OrderNotCaughtUpError after the timeout, or the signal's reason
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

/** Reads the status; undefined until an OrderCreated has created the order, even if a change of status came before. */
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

/** Checks whether a status can come after another, in one step or more. */
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

// Created at first use, since a caller may have its own client.
let dynamodb: DynamoDBDocumentClient | undefined;
function sharedDynamoDB(): DynamoDBDocumentClient {
  dynamodb ??= DynamoDBDocumentClient.from(timed(new DynamoDBClient(CLIENT_CONFIG)));
  return dynamodb;
}
