/**
 * Tells the customer of a status by SNS, once for each event.
 *
 * Runs on what the rule's input transformer made of an OrderStatusChanged (`../notification.ts`), at least once:
 * EventBridge and Lambda deliver again now and then, and operators redrive. Powertools remembers the event ids
 * in a table. Twice would be possible only if the function died between SNS's answer and the next write.
 */
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { CLIENT_CONFIG } from '../client-config';
import { readEnvironment } from '../env';
import { OrderStatusChanged } from '../events';
import { METRICS } from '../metrics';
import { parseNotificationInput } from '../notification';
import { type Handled, observed } from '../telemetry';
import { notification } from './message';

/**
 * How long an event id is remembered, in seconds: longer than a failed event can wait in its queue (14 days), so
 * that none is notified again by a late redrive.
 */
const REMEMBERED_SECONDS = 15 * 24 * 60 * 60;

export const makeHandler = ({
  topicArn = readEnvironment('SNS_TOPIC_ARN'),
  idempotencyTable = readEnvironment('IDEMPOTENCY_TABLE_NAME'),
  sns = new SNSClient(CLIENT_CONFIG),
  dynamodb = new DynamoDBClient(CLIENT_CONFIG),
  now = () => new Date(),
} = {}) => {
  const persistenceStore = new DynamoDBPersistenceLayer({
    tableName: idempotencyTable,
    awsSdkV3Client: dynamodb,
  });

  return observed(async (event, context): Promise<Handled<{ statusCode: 200 }>> => {
    const input = parseNotificationInput(event);
    const config = new IdempotencyConfig({ expiresAfterSeconds: REMEMBERED_SECONDS });
    // With it a try that the timeout cut off gives way to the next one.
    config.registerLambdaContext(context);

    let sent = false;
    const sendOnce = makeIdempotent(
      async (_eventId: string) => {
        const message = notification(input, now().toISOString());
        await sns.send(new PublishCommand({ TopicArn: topicArn, ...message }));
        sent = true;
      },
      // The default prefix holds the function's name in the code, which minifying changes.
      { persistenceStore, config, keyPrefix: 'notification' },
    );
    await sendOnce(input.metadata.eventId);

    return {
      outcome: sent ? 'sent' : 'duplicate',
      metrics: { [sent ? METRICS.notificationsSent : METRICS.duplicateEvents]: 1 },
      response: { statusCode: 200 },
    };
  }, OrderStatusChanged.detailType);
};

export const handler = makeHandler();
