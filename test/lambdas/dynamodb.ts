/** A DynamoDB-compatible server on loopback, with the stack's tables. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import dynalite from 'dynalite';
import { CLIENT_CONFIG } from '../../lambdas/client-config';
import { DAY_INDEX, DAY_KEY_INDEX, IDEMPOTENCY_KEY, ORDER_KEY, REPORT_KEY } from '../../lambdas/order-table';

const TABLES: CreateTableCommandInput[] = [
  {
    TableName: 'orders',
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      { AttributeName: ORDER_KEY, AttributeType: 'S' },
      { AttributeName: DAY_INDEX.partitionKey, AttributeType: 'S' },
    ],
    KeySchema: [{ AttributeName: ORDER_KEY, KeyType: 'HASH' }],
    GlobalSecondaryIndexes: [DAY_INDEX, DAY_KEY_INDEX].map(({ name, partitionKey, sortKey, projected }) => ({
      IndexName: name,
      KeySchema: [
        { AttributeName: partitionKey, KeyType: 'HASH' },
        { AttributeName: sortKey, KeyType: 'RANGE' },
      ],
      Projection:
        projected.length > 0
          ? { ProjectionType: 'INCLUDE', NonKeyAttributes: [...projected] }
          : { ProjectionType: 'KEYS_ONLY' },
    })),
  },
  {
    TableName: 'idempotency',
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: IDEMPOTENCY_KEY, AttributeType: 'S' }],
    KeySchema: [{ AttributeName: IDEMPOTENCY_KEY, KeyType: 'HASH' }],
  },
  {
    TableName: 'reports',
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: REPORT_KEY, AttributeType: 'S' }],
    KeySchema: [{ AttributeName: REPORT_KEY, KeyType: 'HASH' }],
  },
];

export interface TestDatabase {
  readonly client: DynamoDBClient;
  readonly documents: DynamoDBDocumentClient;
  stop(): Promise<void>;
}

export async function startDatabase(): Promise<TestDatabase> {
  const server = dynalite({ createTableMs: 0 }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new DynamoDBClient({ ...CLIENT_CONFIG, endpoint: `http://127.0.0.1:${port}` });
  for (const table of TABLES) {
    await client.send(new CreateTableCommand(table));
    const describe = new DescribeTableCommand({ TableName: table.TableName });
    while ((await client.send(describe)).Table?.TableStatus !== 'ACTIVE') await new Promise(setImmediate);
  }
  return {
    client,
    documents: DynamoDBDocumentClient.from(client),
    stop: async () => {
      client.destroy();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
