/** `rebuild`, on the project's own stack with the tool that operators use. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { Builds, Deployment } from './deployment';

jest.setTimeout(180_000);

let builds: Builds;
let deployment: Deployment;
let folder: string;
let documents: DynamoDBDocumentClient;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rebuild-'));
  builds = new Builds();
  deployment = await Deployment.start(builds.intact, 1);
  documents = DynamoDBDocumentClient.from(
    new DynamoDBClient({
      endpoint: deployment.stack.url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    }),
  );
  for (const rule of deployment.stack.eventBridge.rules) {
    if (!rule.managedBy && !/order-created|order-status/.test(rule.name)) rule.disable();
  }
});
afterAll(async () => {
  documents?.destroy();
  await deployment?.stop();
  builds?.remove();
  rmSync(folder, { recursive: true, force: true });
});

const publish = async (type: string, ...details: object[]) => {
  const lines = details.map((detail) => JSON.stringify(detail)).join('\n');
  expect((await deployment.run(['publish', '-', '--type', type], lines)).exitCode).toBe(0);
  await deployment.settle();
};
const place = (...ids: string[]) =>
  publish(
    'OrderCreated',
    ...ids.map((orderId) => ({
      orderId,
      customerId: 'c',
      total: 5,
      metadata: { eventId: `${orderId}-created` },
    })),
  );
const move = (orderId: string, status: string) =>
  publish('OrderStatusChanged', { orderId, status, metadata: { eventId: `${orderId}-${status}` } });

/** Writes what no handler would. */
const damage = (orderId: string) =>
  documents.send(
    new UpdateCommand({
      TableName: 'event-driven-orders',
      Key: { orderId },
      UpdateExpression: 'SET #status = :status, #total = :total REMOVE customerId, #fact',
      ExpressionAttributeNames: { '#status': 'status', '#total': 'total', '#fact': 'fact_SHIPPED' },
      ExpressionAttributeValues: { ':status': 'BROKEN', ':total': 'many' },
    }),
  );

/** Sum of a metric that the order processor counted. */
const counted = (name: string): number => {
  const { events } = deployment.stack.logGroups.filter('/aws/lambda/event-driven-order-processor', {
    pattern: '{ $.service = "order-processor" }',
  });
  return events.reduce((sum, { message }) => sum + Number(JSON.parse(message)[name] ?? 0), 0);
};
const backup = () => join(folder, 'backup.jsonl');
const rebuild = async (...args: string[]) => {
  const outcome = await deployment.ops('rebuild', '--allow-recent', '--backup', backup(), ...args);
  await deployment.settle();
  return outcome;
};

test('a damaged order is made again of the archive; others, counts and customers see nothing of it', async () => {
  await place('damaged', 'intact');
  for (const status of ['CONFIRMED', 'SHIPPED']) await move('damaged', status);
  await move('intact', 'CANCELLED');
  const before = await deployment.orders();
  const { notifications } = deployment;
  const counts = ['OrdersProcessed', 'Revenue', 'OrderConflicts'].map(counted);
  expect(counts.slice(0, 2)).toEqual([2, 10]);
  await damage('damaged');

  const preview = await rebuild('--order', 'damaged', '--dry-run');
  expect(preview.stdout).toContain('Rebuild 1 order:');
  expect(preview.stdout).toMatch(/damaged: \d events, first processed /);
  expect(preview.stdout).toMatch(/order-created -> order-processor/);
  expect(preview.stdout).toMatch(/order-status-projection -> order-processor/);
  expect(preview.stdout).not.toContain('notifier');
  expect((await deployment.orders()).get('damaged')).toMatchObject({ status: 'BROKEN' });

  const { exitCode, stdout } = await rebuild('--order', 'damaged', '--yes');
  expect(stdout).toContain('Rebuilt 1 order.');
  expect(exitCode).toBe(0);
  expect(await deployment.orders()).toEqual(before);
  expect(deployment.notifications).toEqual(notifications);
  expect(['OrdersProcessed', 'Revenue', 'OrderConflicts'].map(counted)).toEqual(counts);
  expect(JSON.parse(readFileSync(backup(), 'utf8'))).toMatchObject({
    orderId: 'damaged',
    status: 'BROKEN',
    total: 'many',
  });
});

test('all orders first processed in a window are made again', async () => {
  const before = await deployment.orders();
  for (const orderId of before.keys()) await damage(orderId);
  const { json, exitCode } = await rebuild('--from', '1h', '--to', 'now', '--yes', '--json');
  expect(json).toMatchObject({ rebuilt: before.size, missing: {} });
  expect(exitCode).toBe(0);
  expect(await deployment.orders()).toEqual(before);
});

test('an order that is older than what the archive has is left as it is, and told', async () => {
  await place('older');
  await documents.send(
    new UpdateCommand({
      TableName: 'event-driven-orders',
      Key: { orderId: 'older' },
      UpdateExpression: 'SET processedAt = :long',
      ExpressionAttributeValues: { ':long': '2020-01-01T00:00:00.000Z' },
    }),
  );
  const before = await deployment.orders();
  const { stderr, exitCode } = await rebuild('--order', 'older', '--yes');
  expect(stderr).toContain("older: LEFT AS IT IS, older than the archive's window");
  expect(exitCode).toBe(1);
  expect(await deployment.orders()).toEqual(before);
});
