/**
 * Reminds customers of orders that wait: makes a one-time schedule for each new order, and tells the customer when it is
 * due, unless the table has the order further on.
 *
 * Both events may come more than once. A schedule is named by its order, so that there is one; what was told is stored.
 * docs/decisions/reminders.md has the reasons.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ConflictException, CreateScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { awsClient } from '../aws-client';
import { CLIENT_CONFIG } from '../client-config';
import { readEnvironment } from '../env';
import { OrderCreated, OrderReminderDue, REMINDED_STATUS } from '../events';
import { METRICS } from '../metrics';
import { notification } from '../notifier/message';
import { readOrder } from '../notifier/order';
import { rehearsalEvent, rehearse } from '../rehearsal';
import { type Handled, observed } from '../telemetry';
import { tellOnceBy } from '../tell-once';
import { type DueReminder, dueTime, type PlacedOrder, readReminderEvent, scheduleOf } from './reminder';

const RESPONSE = { statusCode: 200 } as const;
type Outcome = Handled<typeof RESPONSE>;

export const makeHandler = ({
  days = Number(readEnvironment('REMINDER_DAYS')),
  schedules = {
    groupName: readEnvironment('REMINDER_GROUP_NAME'),
    roleArn: readEnvironment('REMINDER_ROLE_ARN'),
    busArn: readEnvironment('REMINDER_BUS_ARN'),
    deadLetterQueueArn: readEnvironment('REMINDER_DEAD_LETTER_QUEUE_ARN'),
    retries: readEnvironment('REMINDER_RETRIES'),
  },
  topicArn = readEnvironment('SNS_TOPIC_ARN'),
  idempotencyTable = readEnvironment('IDEMPOTENCY_TABLE_NAME'),
  ordersTable = readEnvironment('TABLE_NAME'),
  scheduler = awsClient(new SchedulerClient(CLIENT_CONFIG)),
  sns = awsClient(new SNSClient(CLIENT_CONFIG)),
  dynamodb = awsClient(new DynamoDBClient(CLIENT_CONFIG)),
  now = () => new Date(),
} = {}) => {
  const tellOnce = tellOnceBy(dynamodb, idempotencyTable);

  async function schedule(placed: PlacedOrder): Promise<Outcome> {
    const due = dueTime(placed.createdAt, days, now());
    if (!due) return { outcome: 'too-late', response: RESPONSE };
    try {
      await scheduler.send(new CreateScheduleCommand(scheduleOf(placed, due, schedules)));
    } catch (error) {
      if (!(error instanceof ConflictException)) throw error;
      return { outcome: 'duplicate', metrics: { [METRICS.duplicateEvents]: 1 }, response: RESPONSE };
    }
    return { outcome: 'scheduled', response: RESPONSE };
  }

  return observed(async (event, context): Promise<Outcome> => {
    const read = readReminderEvent(event);
    return read.kind === 'placed' ? schedule(read.placed) : remind(read.due);

    async function remind({ orderId, createdAt, metadata }: DueReminder): Promise<Outcome> {
      const { status = REMINDED_STATUS, email } = await readOrder(dynamodb, ordersTable, orderId);
      if (status !== REMINDED_STATUS) return { outcome: 'not-needed', response: RESPONSE };
      const sent = await tellOnce(`${orderId}#reminder`, context, async () => {
        const message = `Your order ${orderId} of ${createdAt.slice(0, 'YYYY-MM-DD'.length)} is still ${status}`;
        const told = { orderId, status: REMINDED_STATUS, email, message, changedAt: createdAt, metadata };
        const request = notification({ ...told, timestamp: now().toISOString() });
        await sns.send(new PublishCommand({ TopicArn: topicArn, ...request }));
      });
      const metric = sent ? METRICS.remindersSent : METRICS.duplicateEvents;
      return { outcome: sent ? 'sent' : 'duplicate', metrics: { [metric]: 1 }, response: RESPONSE };
    }
  });
};

export const handler = makeHandler();

/** An order placed now, whose reminder is not over, and a reminder of one that waits. */
const placed = rehearsalEvent({
  ...OrderCreated,
  example: { ...OrderCreated.example, createdAt: new Date().toISOString() },
});
const due = rehearsalEvent(OrderReminderDue);
export const ready = rehearse(handler, [placed, due, due], {
  GetItem: JSON.stringify({
    Item: {
      customerEmail: { S: 'rehearsal@example.com' },
      createdAt: { S: due.time },
      createdBy: { S: 'rehearsal' },
      customerId: { S: 'rehearsal' },
      total: { N: '1' },
      status: { S: REMINDED_STATUS },
    },
  }),
  Publish:
    '<PublishResponse><PublishResult><MessageId>rehearsal</MessageId></PublishResult></PublishResponse>',
});
