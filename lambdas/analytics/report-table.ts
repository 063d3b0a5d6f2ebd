/** Tables of the daily report: reads the orders of a day, reads and stores its latest report. */
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { DAY_INDEX, dayShards, REPORT_KEY } from '../order-table';
import type { IndexedOrder, Revision } from './daily-report';

/** Number of index partitions that are read in parallel; more would not be faster on the function's share of a core. */
const READERS = 4;

/**
 * Reads the orders created on a day.
 * @param day `YYYY-MM-DD`, UTC
 */
export async function readDay(
  dynamodb: DynamoDBClient,
  table: string,
  day: string,
  onOrder: (order: IndexedOrder) => void,
): Promise<void> {
  const shards = dayShards(day);
  const readShards = async () => {
    for (let shard = shards.shift(); shard !== undefined; shard = shards.shift()) {
      await readShard(dynamodb, table, shard, onOrder);
    }
  };
  await Promise.all(Array.from({ length: READERS }, readShards));
}

async function readShard(
  dynamodb: DynamoDBClient,
  table: string,
  shard: string,
  onOrder: (order: IndexedOrder) => void,
): Promise<void> {
  let start: Record<string, AttributeValue> | undefined;
  do {
    const query = new QueryCommand({
      TableName: table,
      IndexName: DAY_INDEX.name,
      KeyConditionExpression: '#shard = :shard',
      ProjectionExpression: '#status, #total',
      ExpressionAttributeNames: { '#shard': DAY_INDEX.partitionKey, '#status': 'status', '#total': 'total' },
      ExpressionAttributeValues: { ':shard': { S: shard } },
      ExclusiveStartKey: start,
    });
    let orders: readonly IndexedOrder[] = [];
    takeItems(query, (items) => {
      orders = items;
    });
    ({ LastEvaluatedKey: start } = await dynamodb.send(query));
    for (const order of orders) onOrder(order);
  } while (start);
}

/**
 * Parses the items of a query's response before the SDK deserializes it. The SDK checks every attribute against its
 * schema, which takes about four fifths of the time of a report of a million orders.
 * @param onItems called again, with all items, when the SDK repeats the call
 */
function takeItems(query: QueryCommand, onItems: (items: readonly IndexedOrder[]) => void): void {
  query.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as {
        statusCode: number;
        body: AsyncIterable<Uint8Array> | Uint8Array;
      };
      if (response.statusCode !== 200) return result;
      const chunks: Uint8Array[] = [];
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) chunks.push(chunk);
      const { Items: items, ...rest } = JSON.parse(Buffer.concat(chunks).toString());
      onItems(items ?? []);
      response.body = Buffer.from(JSON.stringify(rest));
      return result;
    },
    // Between the SDK's own deserializer, which has the normal priority, and the connection.
    { step: 'deserialize', priority: 'low', name: 'takeItems' },
  );
}

/** The latest report of a day, if there is one. */
export async function lastReport(
  dynamodb: DynamoDBClient,
  table: string,
  day: string,
): Promise<Revision | undefined> {
  const { Item: item } = await dynamodb.send(
    new GetItemCommand({ TableName: table, Key: { [REPORT_KEY]: { S: day } }, ConsistentRead: true }),
  );
  if (!item) return undefined;
  return {
    revision: Number(item.revision?.N),
    eventId: item.eventId?.S ?? '',
    replaces: item.replaces?.S,
    figures: item.figures?.S ?? '',
  };
}

/**
 * Stores a report as the latest one of its day.
 * @param last the latest one when the report was made
 * @returns false, and writes nothing, if another call has stored one since
 */
export async function rememberReport(
  dynamodb: DynamoDBClient,
  table: string,
  day: string,
  { revision, eventId, replaces, figures }: Revision,
  last: Revision | undefined,
): Promise<boolean> {
  const condition = last
    ? {
        ConditionExpression: 'revision = :last',
        ExpressionAttributeValues: { ':last': { N: `${last.revision}` } },
      }
    : { ConditionExpression: 'attribute_not_exists(revision)' };
  const item = {
    [REPORT_KEY]: { S: day },
    revision: { N: `${revision}` },
    eventId: { S: eventId },
    ...(replaces && { replaces: { S: replaces } }),
    figures: { S: figures },
  };
  try {
    await dynamodb.send(new PutItemCommand({ TableName: table, Item: item, ...condition }));
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}
