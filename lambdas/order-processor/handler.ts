/**
 * Projects OrderCreated and OrderStatusChanged onto the orders table. Events may be duplicates or replayed, and come in
 * any order.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { awsClient } from '../aws-client';
import { CLIENT_CONFIG } from '../client-config';
import { isJsonObject } from '../contract';
import { readEnvironment, readOrderDays } from '../env';
import { OrderCreated, OrderStatusChanged } from '../events';
import { METRICS } from '../metrics';
import { rehearsalEvent, rehearse } from '../rehearsal';
import { type Handled, observed } from '../telemetry';
import { INITIAL_STATUS } from './fold';
import { type OrderEvent, readOrderEvent } from './order';
import { OrderRepository, type Stored } from './store';
import { timesAt } from './write';

interface Response {
  readonly statusCode: 200;
  readonly body: string;
}

export const makeHandler = ({
  table = readEnvironment('TABLE_NAME'),
  orderDays = readOrderDays(),
  client = awsClient(new DynamoDBClient(CLIENT_CONFIG)),
  now = () => new Date(),
} = {}) => {
  const orders = new OrderRepository(client, table);

  return observed(async (given): Promise<Handled<Response>> => {
    const event = readOrderEvent(given);
    const { orderId } = event;
    const result = await orders.store(event, timesAt(now(), orderDays));
    const { outcome, isNewOrder } = result;
    return {
      outcome,
      ...(outcome === 'conflict' && { warning: describeConflict(event, result) }),
      details: {
        ...decidedOnAnother(event, result),
        ...(event.dropped && { dropped: event.dropped.join(', ') }),
      },
      metrics: {
        ...(isNewOrder &&
          event.kind === 'created' && {
            [METRICS.ordersProcessed]: 1,
            [METRICS.revenue]: event.creation.total,
          }),
        ...(outcome === 'duplicate' && { [METRICS.duplicateEvents]: 1 }),
        // A replayed event was reported when it happened; one that rebuilds an order decides its conflicts anew.
        ...(!isReplayed(given) && {
          ...(outcome === 'conflict' && { [METRICS.orderConflicts]: 1 }),
          ...(event.dropped?.includes('customerEmail') && { [METRICS.unusableEmails]: 1 }),
        }),
      },
      response: { statusCode: 200, body: JSON.stringify({ orderId }) },
    };
  });
};

/** @param event that was read before */
const isReplayed = (event: unknown): boolean => isJsonObject(event) && event['replay-name'] !== undefined;

function describeConflict(event: OrderEvent, { status = INITIAL_STATUS }: Stored): string {
  return event.kind === 'created'
    ? 'another OrderCreated made this order; one of the two is kept as a conflict in its item'
    : `the order is ${status} and stays it; ${event.change.status} is kept as a conflict in its item`;
}

/** Log fields with both revisions, if the publisher decided on another than the order had. */
function decidedOnAnother(event: OrderEvent, { revision: found }: Stored): Record<string, number> {
  const decidedOn = event.kind === 'status' ? event.change.fact.revision : undefined;
  if (decidedOn === undefined || found === undefined || decidedOn === found) return {};
  return { decidedOn, found };
}

export const handler = makeHandler();
export const ready = rehearse(handler, [rehearsalEvent(OrderCreated), rehearsalEvent(OrderStatusChanged)]);
