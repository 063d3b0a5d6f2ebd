/**
 * Notifies the customer of a status by SNS, once for each change of an order.
 *
 * Gets the output of the rule's input transformer for an OrderStatusChanged (`../notification.ts`), at least once:
 * EventBridge and Lambda may deliver twice, operators redrive, and two publishers may publish the same change. It reads
 * the order first and sends nothing that the table contradicts. Powertools stores the statuses of each order that were
 * notified. docs/decisions/notifications.md has the remaining cases.
 */
import { createHash } from 'node:crypto';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { awsClient } from '../aws-client';
import { CLIENT_CONFIG } from '../client-config';
import { readEnvironment } from '../env';
import { OrderStatusChanged } from '../events';
import { METRICS } from '../metrics';
import { parseNotificationInput } from '../notification';
import { IDEMPOTENCY_EXPIRY, IDEMPOTENCY_KEY } from '../order-table';
import { rehearsalEvent, rehearse } from '../rehearsal';
import { type Handled, observed } from '../telemetry';
import { KEY_PREFIX, tellOnceBy } from '../tell-once';
import { notification } from './message';
import { isStale, readOrder } from './order';

export const makeHandler = ({
  topicArn = readEnvironment('SNS_TOPIC_ARN'),
  idempotencyTable = readEnvironment('IDEMPOTENCY_TABLE_NAME'),
  ordersTable = readEnvironment('TABLE_NAME'),
  sns = awsClient(new SNSClient(CLIENT_CONFIG)),
  dynamodb = awsClient(new DynamoDBClient(CLIENT_CONFIG)),
  now = () => new Date(),
} = {}) => {
  const tellOnce = tellOnceBy(dynamodb, idempotencyTable);

  /** Checks whether the previous code, which stored event ids instead of changes, has notified of the event. */
  async function wasToldBefore(eventId: string): Promise<boolean> {
    const hash = createHash('md5').update(JSON.stringify(eventId)).digest('base64');
    const { Item: record } = await dynamodb.send(
      new GetItemCommand({
        TableName: idempotencyTable,
        Key: { [IDEMPOTENCY_KEY]: { S: `${KEY_PREFIX}#${hash}` } },
        ConsistentRead: true,
      }),
    );
    const expiry = Number(record?.[IDEMPOTENCY_EXPIRY]?.N ?? 0);
    return record?.status?.S === 'COMPLETED' && expiry > now().getTime() / 1_000;
  }

  return observed(async (event, context): Promise<Handled<{ statusCode: 200 }>> => {
    const change = parseNotificationInput(event);
    const { orderId, status, metadata } = change;
    // One after the other: a second connection would cost a cold start more than the wait.
    const order = await readOrder(dynamodb, ordersTable, orderId);
    const response = { statusCode: 200 } as const;
    if (await wasToldBefore(metadata.eventId))
      return { outcome: 'duplicate', metrics: { [METRICS.duplicateEvents]: 1 }, response };
    if (isStale(orderId, order, status)) {
      return { outcome: 'stale', metrics: { [METRICS.staleNotifications]: 1 }, response };
    }

    const sent = await tellOnce(`${orderId}#${status}`, context, async () => {
      const { email, facts } = order;
      const changedAt = facts[status]?.at ?? change.changedAt;
      const message = notification({ ...change, email, changedAt, timestamp: now().toISOString() });
      await sns.send(new PublishCommand({ TopicArn: topicArn, ...message }));
    });
    return {
      outcome: sent ? 'sent' : 'duplicate',
      metrics: { [sent ? METRICS.notificationsSent : METRICS.duplicateEvents]: 1 },
      response,
    };
  }, OrderStatusChanged.detailType);
};

export const handler = makeHandler();

/** A change that nobody was told of, as the rule's input transformer hands it over. */
const { id, time, detail } = rehearsalEvent(OrderStatusChanged);
const EXAMPLE = { message: 'rehearsal', id, time, detail };
export const ready = rehearse(
  handler,
  // Twice: five calls at a fourteenth of a core are worth it.
  [EXAMPLE, EXAMPLE],
  {
    GetItem: JSON.stringify({
      Item: {
        customerEmail: { S: 'rehearsal@example.com' },
        createdAt: { S: time },
        createdBy: { S: 'rehearsal' },
        customerId: { S: 'rehearsal' },
        total: { N: '1' },
        status: { S: 'SHIPPED' },
      },
    }),
    Publish:
      '<PublishResponse><PublishResult><MessageId>rehearsal</MessageId></PublishResult></PublishResponse>',
  },
);
