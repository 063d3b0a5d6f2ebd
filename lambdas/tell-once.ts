/**
 * Tells a customer of something once, however often it is asked to: Powertools keeps what was told in the idempotency table.
 */
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Context } from 'aws-lambda';

/**
 * Seconds that what was told is stored: longer than a failed event can wait in its queue (14 days), so that a late redrive
 * does not tell again.
 */
const REMEMBERED_SECONDS = 15 * 24 * 60 * 60;

/** Fixed prefix of keys: the default one has the function's name in the code, which minifying changes. */
export const KEY_PREFIX = 'notification';

/**
 * Tells by `tell`, unless it was done for this key.
 * @param key the order and what its customer is told, e.g. `order-1001#SHIPPED`
 * @returns true if it told now
 */
export type TellOnce = (key: string, context: Context, tell: () => Promise<unknown>) => Promise<boolean>;

export function tellOnceBy(dynamodb: DynamoDBClient, tableName: string): TellOnce {
  const persistenceStore = new DynamoDBPersistenceLayer({ tableName, awsSdkV3Client: dynamodb });
  return async (key, context, tell) => {
    const config = new IdempotencyConfig({ expiresAfterSeconds: REMEMBERED_SECONDS });
    // Needed for a retry after a timeout to take over from the attempt that was cut off.
    config.registerLambdaContext(context);
    let told = false;
    const once = makeIdempotent(
      async (_key: string) => {
        await tell();
        told = true;
      },
      { persistenceStore, config, keyPrefix: KEY_PREFIX },
    );
    await once(key);
    return told;
  };
}
