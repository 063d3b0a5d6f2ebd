/** Checks a change against the orders table before the customer is notified. */
import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { ORDER_STATUSES, type OrderStatus, STATUS_TRANSITIONS } from '../events';
import { type OrderState, orderAttributes, readOrderItem, textOf } from '../order-item';
import { ORDER_KEY } from '../order-table';
import { StatusOrder } from '../status-order';

/** Error of an order that is not in the table (yet): Lambda retries twice. */
class OrderNotThereError extends Error {
  override readonly name = 'OrderNotThereError';
  constructor(readonly orderId: string) {
    super(
      `Order ${orderId} is not in the table, so nobody is told of its change. Its OrderCreated is late, failed, or was ` +
        'never published.',
    );
  }
}

/** Error of a status in the table from a newer version of this code: it cannot be told whether the change is stale. */
class UndecidedNotificationError extends Error {
  override readonly name = 'UndecidedNotificationError';
  constructor(orderId: string, status: string) {
    super(
      `Order ${orderId} has the status ${JSON.stringify(status)}, which this code does not know: ` +
        'deploy the code that does, then redrive.',
    );
  }
}

const ORDER = new StatusOrder(STATUS_TRANSITIONS);

export interface KnownOrder extends OrderState {
  readonly email?: string | undefined;
}

/** Reads an order with strong consistency. @throws OrderNotThereError, DamagedItemError */
export async function readOrder(
  dynamodb: DynamoDBClient,
  table: string,
  orderId: string,
): Promise<KnownOrder> {
  const attributes = ['customerEmail', ...orderAttributes(ORDER_STATUSES)];
  const { Item: found = {} } = await dynamodb.send(
    new GetItemCommand({
      TableName: table,
      Key: { [ORDER_KEY]: { S: orderId } },
      ConsistentRead: true,
      ProjectionExpression: attributes.map((_, index) => `#${index}`).join(', '),
      ExpressionAttributeNames: Object.fromEntries(attributes.map((name, index) => [`#${index}`, name])),
    }),
  );
  const item = unmarshall(found);
  const order = readOrderItem(item);
  if (!order.creation) throw new OrderNotThereError(orderId);
  return { ...order, email: textOf(item, 'customerEmail') };
}

/**
 * Checks whether the table contradicts a status: the order is further on, or on the other branch. A status that the
 * table does not have yet is no contradiction.
 * @throws UndecidedNotificationError
 */
export function isStale(orderId: string, { status: standing }: OrderState, status: OrderStatus): boolean {
  if (standing === undefined) return false;
  if (!ORDER.statuses.includes(standing)) throw new UndecidedNotificationError(orderId, standing);
  return ORDER.isBefore(status, standing) || ORDER.areApart(status, standing);
}
