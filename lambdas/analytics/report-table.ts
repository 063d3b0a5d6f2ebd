/** Tables of the daily report: reads the orders of a day, reads and stores its latest report. */
import {
  type AttributeValue,
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { DAY_INDEX, DAY_KEY_INDEX, dayShards, ORDER_KEY, REPORT_KEY } from '../order-table';
import { type Backoff, hasFailed, sendWithRetries } from '../partial-retry';
import type { IndexedOrder, Revision } from './daily-report';

/** Number of index partitions that are read in parallel; more would not be faster on the function's share of a core. */
const READERS = 4;
/** Maximum number of keys of one BatchGetItem. */
const BATCH_KEYS = 100;

/** Place of the orders that a report counts. */
export interface OrdersByDay {
  readonly dynamodb: DynamoDBClient;
  readonly table: string;
  /** Name of the index; one of keys alone has each order read by its key. */
  readonly index: string;
  readonly backoff: Backoff;
}

type Key = Record<string, AttributeValue>;
type OnOrder = (order: IndexedOrder) => void;

const COUNTED = {
  ProjectionExpression: '#status, #total',
  ExpressionAttributeNames: { '#status': 'status', '#total': 'total' },
};

/**
 * Reads the orders created on a day.
 * @param day `YYYY-MM-DD`, UTC
 * @throws UnreadOrdersError
 */
export async function readDay(orders: OrdersByDay, day: string, onOrder: OnOrder): Promise<void> {
  const shards = dayShards(day);
  const readShards = async () => {
    for (let shard = shards.shift(); shard !== undefined; shard = shards.shift()) {
      await readShard(orders, shard, onOrder);
    }
  };
  await Promise.all(Array.from({ length: READERS }, readShards));
}

async function readShard(orders: OrdersByDay, shard: string, onOrder: OnOrder): Promise<void> {
  const { dynamodb, table, index } = orders;
  const hasStatus = index !== DAY_KEY_INDEX.name;
  const read = hasStatus
    ? COUNTED
    : { ProjectionExpression: '#order', ExpressionAttributeNames: { '#order': ORDER_KEY } };
  let start: Key | undefined;
  do {
    const query = new QueryCommand({
      TableName: table,
      IndexName: index,
      KeyConditionExpression: '#shard = :shard',
      ProjectionExpression: read.ProjectionExpression,
      ExpressionAttributeNames: { '#shard': DAY_INDEX.partitionKey, ...read.ExpressionAttributeNames },
      ExpressionAttributeValues: { ':shard': { S: shard } },
      ExclusiveStartKey: start,
    });
    let items: readonly (IndexedOrder & Key)[] = [];
    takeBody(query, ({ Items = [], ...rest }) => {
      items = Items;
      return rest;
    });
    ({ LastEvaluatedKey: start } = await dynamodb.send(query));
    if (hasStatus) for (const order of items) onOrder(order);
    else
      for (let at = 0; at < items.length; at += BATCH_KEYS)
        await readByKey(orders, items.slice(at, at + BATCH_KEYS), onOrder);
  } while (start);
}

/** Error of orders that DynamoDB left unread four times, although the calls succeeded. Lambda tries the report again. */
export class UnreadOrdersError extends Error {
  override readonly name = 'UnreadOrdersError';
  constructor(
    readonly table: string,
    readonly count: number,
  ) {
    super(`Table ${table} left ${count} orders of a report unread.`);
  }
}

const UNPROCESSED = { code: 'UnprocessedKeys', message: 'the order was not read' };

/** Reads orders by key; one that is gone since the index was read is not counted. */
async function readByKey(
  { dynamodb, table, backoff }: OrdersByDay,
  keys: readonly Key[],
  onOrder: OnOrder,
): Promise<void> {
  const get = async (open: readonly Key[]) => {
    const command = new BatchGetItemCommand({ RequestItems: { [table]: { Keys: [...open], ...COUNTED } } });
    let orders: readonly IndexedOrder[] = [];
    let unread: readonly Key[] = [];
    takeBody(command, ({ Responses = {}, UnprocessedKeys = {}, ...rest }) => {
      orders = Responses[table] ?? [];
      unread = UnprocessedKeys[table]?.Keys ?? [];
      return rest;
    });
    await dynamodb.send(command);
    for (const order of orders) onOrder(order);
    const ids = new Set(unread.map(({ [ORDER_KEY]: id }) => id?.S));
    return open.map(({ [ORDER_KEY]: id }) => (ids.has(id?.S) ? UNPROCESSED : { id: id?.S ?? '' }));
  };
  const { results, error } = await sendWithRetries(keys, get, () => true, backoff);
  if (error) throw error;
  const unread = results.filter(hasFailed).length;
  if (unread > 0) throw new UnreadOrdersError(table, unread);
}

/** Body of a response of Query or BatchGetItem, as far as it is taken. */
interface Body {
  readonly Items?: readonly (IndexedOrder & Key)[];
  readonly Responses?: Readonly<Record<string, readonly IndexedOrder[]>>;
  readonly UnprocessedKeys?: Readonly<Record<string, { readonly Keys?: readonly Key[] }>>;
}

interface Response {
  readonly statusCode: number;
  readonly body: AsyncIterable<Uint8Array>;
}

type Next = (args: never) => Promise<unknown>;

/** A command of the SDK, as far as its response can be taken. */
interface Command {
  readonly middlewareStack: {
    add(
      middleware: (next: Next) => Next,
      options: { readonly step: 'deserialize'; readonly priority: 'low'; readonly name: string },
    ): void;
  };
}

/**
 * Parses a response before the SDK deserializes it. The SDK checks every attribute against its schema, which takes about
 * four fifths of the time of a report of a million orders.
 * @param take gets the body, and returns what is left for the SDK; called again, with the whole body, when the SDK
 *   repeats the call
 */
function takeBody(command: Command, take: (body: Body) => object): void {
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { response } = result as { response: Response };
      if (response.statusCode !== 200) return result;
      const chunks: Uint8Array[] = [];
      for await (const chunk of response.body) chunks.push(chunk);
      const rest = take(JSON.parse(Buffer.concat(chunks).toString()));
      Object.assign(response, { body: Buffer.from(JSON.stringify(rest)) });
      return result;
    },
    // Between the SDK's own deserializer, which has the normal priority, and the connection.
    { step: 'deserialize', priority: 'low', name: 'takeBody' },
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
