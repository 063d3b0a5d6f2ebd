/**
 * Keeps the orders table: folds OrderCreated and OrderStatusChanged into each order's item.
 *
 * Runs for every such event, also for redelivered and replayed ones, in any order. One conditional write an
 * event; a refused condition means that the table already knows as much or more, and is a success.
 */
import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { CLIENT_CONFIG } from '../client-config';
import { readEnvironment } from '../env';
import { METRICS } from '../metrics';
import { ORDER_KEY } from '../order-table';
import { type Handled, observed } from '../telemetry';
import { type OrderUpdate, orderUpdate } from './order';

interface Response {
  readonly statusCode: 200;
  readonly body: string;
}

/** `stored`: the item changed. `duplicate`: this very event stands. `superseded`: a fact that outranks it does. */
type Outcome = 'stored' | 'duplicate' | 'superseded';

export const makeHandler = ({
  table = readEnvironment('TABLE_NAME'),
  client = DynamoDBDocumentClient.from(new DynamoDBClient(CLIENT_CONFIG)),
  now = () => new Date(),
} = {}) => {
  async function store(update: OrderUpdate): Promise<{ outcome: Outcome; isNewOrder: boolean }> {
    const Key = { [ORDER_KEY]: update.orderId };
    try {
      const { Attributes: before } = await client.send(
        new UpdateCommand({ TableName: table, Key, ...update.expressions, ReturnValues: 'UPDATED_OLD' }),
      );
      const isNewOrder = update.total !== undefined && before?.createdVersion === undefined;
      return { outcome: 'stored', isNewOrder };
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      const { Item: item } = await client.send(
        new GetCommand({
          TableName: table,
          Key,
          ConsistentRead: true,
          ProjectionExpression: update.versionAttribute,
        }),
      );
      const isSame = item?.[update.versionAttribute] === update.version;
      return { outcome: isSame ? 'duplicate' : 'superseded', isNewOrder: false };
    }
  }

  return observed(async (event): Promise<Handled<Response>> => {
    const update = orderUpdate(event, now().toISOString());
    const { orderId } = update;
    const { outcome, isNewOrder } = await store(update);
    return {
      outcome,
      metrics: {
        ...(isNewOrder && { [METRICS.ordersProcessed]: 1, [METRICS.revenue]: update.total }),
        ...(outcome === 'duplicate' && { [METRICS.duplicateEvents]: 1 }),
      },
      response: { statusCode: 200, body: JSON.stringify({ orderId }) },
    };
  });
};

export const handler = makeHandler();
