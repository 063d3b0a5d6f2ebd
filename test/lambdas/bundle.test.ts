/**
 * The code that is deployed: each handler bundled by the app itself and run, as Lambda would, in a Node process
 * of its own, against a DynamoDB-compatible server and the other services' wire formats on loopback.
 */
import './environment';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { CONTRACTS } from '../../lambdas/events';
import { METRICS } from '../../lambdas/metrics';
import { NOTIFICATION_INPUT_PATHS } from '../../lambdas/notification';
import { AwsEndpoint } from './aws-endpoint';
import { startDatabase, type TestDatabase } from './dynamodb';

const outdir = mkdtempSync(join(tmpdir(), 'bundle-'));
/** File of each bundle, by function name. */
const bundles = new Map<string, string>();
/** Variables that Powertools reads of each function's environment, by function name. */
const powertools = new Map<string, Record<string, string>>();
/** Resources of the template. */
// biome-ignore lint/suspicious/noExplicitAny: a template's properties have no static type
let resources: Record<string, any>;
let database: TestDatabase;
let databaseUrl: string;
let aws: AwsEndpoint;

interface FunctionResource {
  readonly Type: string;
  readonly Properties: {
    readonly FunctionName: string;
    readonly Code: { readonly S3Key: string };
    readonly Environment: { readonly Variables: Readonly<Record<string, unknown>> };
  };
}

const readJson = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

beforeAll(async () => {
  const { app, context } = readJson('cdk.json');
  const env = { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify(context) };
  await promisify(execFile)('sh', ['-c', app], { env });
  ({ Resources: resources } = readJson(join(outdir, 'event-driven.template.json')));
  const { files } = readJson(join(outdir, 'event-driven.assets.json'));
  for (const { Type, Properties } of Object.values<FunctionResource>(resources)) {
    if (Type !== 'AWS::Lambda::Function') continue;
    const asset = files[Properties.Code.S3Key.replace('.zip', '')].source.path;
    bundles.set(Properties.FunctionName, join(outdir, asset, 'index.mjs'));
    const ofPowertools = Object.entries(Properties.Environment.Variables).filter(
      (entry): entry is [string, string] =>
        entry[0].startsWith('POWERTOOLS_') && typeof entry[1] === 'string',
    );
    powertools.set(Properties.FunctionName, Object.fromEntries(ofPowertools));
  }
  database = await startDatabase();
  const endpoint = await database.client.config.endpoint?.();
  databaseUrl = `http://${endpoint?.hostname}:${endpoint?.port}`;
  aws = await AwsEndpoint.start();
}, 60_000);
afterAll(async () => {
  await database?.stop();
  await aws?.stop();
  rmSync(outdir, { recursive: true, force: true });
});
beforeEach(() => aws.reset());

// What Lambda's runtime does: loads the module, calls its handler, reports what came of it.
const CALL = `
  const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 30000 };
  import(process.argv[1])
    .then(({ handler }) => handler(JSON.parse(process.argv[2]), context))
    .then((result) => ({ result }), ({ name, message }) => ({ error: name + ': ' + message }))
    .then((outcome) => process.send(outcome, () => process.exit()));
`;

interface Outcome {
  readonly result?: unknown;
  readonly error?: string;
  /** Output, line by line: JSON, or the test fails. */
  readonly lines: Record<string, unknown>[];
}

async function invoke(functionName: string, event: unknown): Promise<Outcome> {
  const args = ['-e', CALL, bundles.get(functionName) ?? '', JSON.stringify(event)];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...process.env,
      ...powertools.get(functionName),
      AWS_ENDPOINT_URL: aws.url,
      AWS_ENDPOINT_URL_DYNAMODB: databaseUrl,
    },
  });
  // Listening from the start: what ends before it is read is lost.
  const message = once(child, 'message');
  const exit = once(child, 'exit').then(([code]) => {
    if (code !== 0) throw new Error(`the process ended with ${code}`);
  });
  const [stdout, stderr] = await Promise.all([
    text(child.stdout as Readable),
    text(child.stderr as Readable),
    exit,
  ]);
  const [outcome] = await message;
  return {
    ...outcome,
    lines: (stdout + stderr)
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  };
}

/** Metadata of CloudWatch's embedded metric format. */
interface EmbeddedMetrics {
  readonly CloudWatchMetrics: readonly {
    readonly Namespace: string;
    readonly Dimensions: readonly (readonly string[])[];
    readonly Metrics: readonly { readonly Name: string }[];
  }[];
}

/** An entry of PutEvents as EventBridge delivers it. */
function delivered(entry: { Source: string; DetailType: string; Detail: string }, id: string) {
  return {
    version: '0',
    id,
    'detail-type': entry.DetailType,
    source: entry.Source,
    account: '123456789012',
    time: '2026-11-23T10:00:00Z',
    region: 'us-east-1',
    resources: [],
    detail: JSON.parse(entry.Detail),
  };
}

/** Entry of `aws events put-events --entries file://samples/entries/minimal-order.json`. */
const [entry] = readJson('samples/entries/minimal-order.json');
const order = async () =>
  (await database.documents.send(new GetCommand({ TableName: 'orders', Key: { orderId: '123' } }))).Item;

const byName = (dimensions: readonly { Name: string; Value: string }[]) =>
  Object.fromEntries(dimensions.map(({ Name, Value }) => [Name, Value]));

function fail(type: string): never {
  throw new Error(`No contract has the type ${type}.`);
}

/** Namespace and dimensions under which CloudWatch gets a metric from the embedded format, one for each set. */
function countedIn(lines: Outcome['lines'], name: string): object[] {
  return lines
    .filter((line) => '_aws' in line)
    .flatMap((line) =>
      (line._aws as EmbeddedMetrics).CloudWatchMetrics.filter(({ Metrics }) =>
        Metrics.some(({ Name }) => Name === name),
      ).flatMap(({ Namespace, Dimensions }) =>
        Dimensions.map((set) => ({
          Namespace,
          ...Object.fromEntries(set.map((dimension) => [dimension, line[dimension]])),
        })),
      ),
    );
}

/** The AWS calls whose times are in the handler's line. */
const timedCalls = (lines: Outcome['lines']) =>
  Object.keys(lines.find((line) => 'outcome' in line)?.callMs ?? {});

const statusChanged = (status: string) =>
  delivered(
    {
      Source: 'app.orders',
      DetailType: 'OrderStatusChanged',
      Detail: JSON.stringify({ orderId: '123', status, customerEmail: 'jane@example.com' }),
    },
    `id-${status}`,
  );

test('the order processor puts the order of the put-events example into the table', async () => {
  const { result, lines } = await invoke('event-driven-order-processor', delivered(entry, 'id-1'));
  expect(result).toEqual({ statusCode: 200, body: '{"orderId":"123"}' });
  expect(await order()).toMatchObject({
    orderId: '123',
    customerId: '456',
    items: [],
    total: 99.99,
    status: 'PENDING',
    createdAt: '2026-11-23T10:00:00.000Z',
    processedAt: expect.any(String),
  });
  expect(lines[0]).toMatchObject({ level: 'INFO', eventId: 'id-1', orderId: '123', outcome: 'stored' });
  expect(timedCalls(lines)).toContain('UpdateItem');
});

test('the same event again changes nothing', async () => {
  const before = await order();
  const { result, lines } = await invoke('event-driven-order-processor', delivered(entry, 'id-1'));
  expect(result).toEqual({ statusCode: 200, body: '{"orderId":"123"}' });
  expect(lines[0]).toMatchObject({ outcome: 'duplicate' });
  expect(await order()).toEqual(before);
});

test('the order ships, and the first event again does not reset its status', async () => {
  await invoke('event-driven-order-processor', statusChanged('SHIPPED'));
  const shipped = await order();
  expect(shipped).toMatchObject({ status: 'SHIPPED', total: 99.99 });
  await invoke('event-driven-order-processor', delivered(entry, 'id-1'));
  expect(await order()).toEqual(shipped);
});

test('the notifier notifies once, however often it is called', async () => {
  const input = {
    orderId: '123',
    status: 'SHIPPED',
    email: 'jane@example.com',
    message: 'Your order 123 has been SHIPPED',
    id: 'id-SHIPPED',
    time: '2026-11-23T10:00:00Z',
    detail: { orderId: '123', status: 'SHIPPED' },
  };
  expect(Object.keys(input)).toEqual(expect.arrayContaining(Object.keys(NOTIFICATION_INPUT_PATHS)));
  const first = await invoke('event-driven-notifier', input);
  expect(first).toMatchObject({ result: { statusCode: 200 } });
  expect(timedCalls(first.lines)).toEqual(['GetItem', 'PutItem', 'Publish', 'UpdateItem']);
  expect(await invoke('event-driven-notifier', input)).toMatchObject({ result: { statusCode: 200 } });
  expect(aws.inputs('Publish')).toHaveLength(1);
  expect(aws.inputs('Publish')[0]).toMatchObject({ Subject: 'Order 123 - SHIPPED' });
});

test('analytics puts the event into the stream without its e-mail address', async () => {
  const { result, lines } = await invoke('event-driven-analytics', statusChanged('SHIPPED'));
  expect(result).toEqual({ statusCode: 200 });
  expect(timedCalls(lines)).toEqual(['PutRecordBatch']);
  const [{ Records: records }] = aws.inputs('PutRecordBatch');
  const line = Buffer.from(records[0].Data, 'base64').toString();
  expect(line).toMatch(/^\{.*\}\n$/);
  expect(JSON.parse(line)).toMatchObject({
    eventId: 'id-SHIPPED',
    detail: { orderId: '123', status: 'SHIPPED' },
  });
  expect(line + JSON.stringify(lines)).not.toContain('jane@example.com');
});

test('analytics counts events of each type exactly where the alarm of a silent rule reads them', async () => {
  const read = Object.values(resources)
    .filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm')
    .flatMap(({ Properties }) => Properties.Metrics ?? [])
    .flatMap(({ MetricStat }) => MetricStat?.Metric ?? [])
    .filter(({ MetricName }) => MetricName === METRICS.eventsReceived)
    .map(({ Namespace, Dimensions }): Record<string, string> => ({ Namespace, ...byName(Dimensions) }));
  expect(read).not.toEqual([]);
  for (const metric of read) {
    const { source, detailType, example } =
      CONTRACTS.find((each) => each.detailType === metric.eventType) ?? fail(`${metric.eventType}`);
    const event = { Source: source, DetailType: detailType, Detail: JSON.stringify(example) };
    const { lines } = await invoke('event-driven-analytics', delivered(event, `counted-${detailType}`));
    expect(countedIn(lines, METRICS.eventsReceived)).toEqual([metric]);
  }
});

test('analytics reports the day before from the table', async () => {
  const { lines } = await invoke('event-driven-analytics', {
    type: 'daily_report',
    date: '2026-11-24T09:00:00Z',
  });
  expect(timedCalls(lines)).toEqual(['GetItem', 'Query', 'PutItem', 'PutEvents']);
  const [{ Entries: entries }] = aws.inputs('PutEvents');
  expect(JSON.parse(entries[0].Detail)).toMatchObject({
    date: '2026-11-23',
    orders: 1,
    revenue: 99.99,
    byStatus: { SHIPPED: { orders: 1, revenue: 99.99 } },
  });
});

test('a poison event fails with the field that is wrong', async () => {
  const poison = delivered({ ...entry, Detail: '{"orderId": "124", "customerId": "456"}' }, 'id-2');
  const { error, lines } = await invoke('event-driven-order-processor', poison);
  expect(error).toMatch(/^PoisonEventError: app\.orders\/OrderCreated: detail\.total: /);
  expect(lines).toContainEqual(
    expect.objectContaining({ level: 'ERROR', eventId: 'id-2', outcome: 'poison' }),
  );
});

describe('an order of its own', () => {
  const item = async (orderId: string) =>
    (await database.documents.send(new GetCommand({ TableName: 'orders', Key: { orderId } }))).Item;
  let events = 0;
  const event = (detailType: string, detail: object) =>
    delivered(
      { Source: 'app.orders', DetailType: detailType, Detail: JSON.stringify(detail) },
      `scenario-${++events}`,
    );
  const processed = async (detailType: string, detail: object) => {
    const { lines, ...outcome } = await invoke('event-driven-order-processor', event(detailType, detail));
    const metrics = lines.filter((line) => '_aws' in line);
    return { ...outcome, line: lines.find((line) => 'message' in line), metrics };
  };

  test('that is shipped and cancelled at the same time has one status, and the other as a conflict', async () => {
    const orderId = 'conflict-1';
    await processed('OrderCreated', { orderId, customerId: 'c', total: 1 });
    const both = await Promise.all(
      ['SHIPPED', 'CANCELLED'].map((status, n) =>
        // One clock is five minutes fast; both decided on the same revision.
        processed('OrderStatusChanged', {
          orderId,
          status,
          updatedAt: `2026-11-23T10:0${5 * n}:00Z`,
          revision: 1,
        }),
      ),
    );
    const { status, conflicts } = (await item(orderId)) ?? {};
    expect(new Set([status, conflicts[0].status])).toEqual(new Set(['SHIPPED', 'CANCELLED']));
    const lost = both.filter(({ line }) => line?.outcome === 'conflict');
    expect(lost).toMatchObject([{ line: { level: 'WARN' }, metrics: [{ OrderConflicts: 1 }] }]);
  });

  test('that was written before there were facts goes on from where it was', async () => {
    const [{ item: old }] = readJson('test/lambdas/items-before-facts.json').filter(
      ({ name }: { name: string }) => name === 'a shipped order',
    );
    await database.documents.send(new PutCommand({ TableName: 'orders', Item: old }));
    const { orderId } = old;
    expect((await processed('OrderStatusChanged', { orderId, status: 'CONFIRMED' })).line).toMatchObject({
      outcome: 'superseded',
    });
    await processed('OrderStatusChanged', { orderId, status: 'DELIVERED' });
    expect(await item(orderId)).toMatchObject({
      status: 'DELIVERED',
      fact_SHIPPED: { at: old.updatedAt },
      createdBy: 'c1',
    });
  });

  test('has its items as they were, whatever their keys, and no address that nobody can use', async () => {
    const orderId = 'odd-1';
    const items = [{ constructor: { prototype: ['x'] } }];
    const { line, metrics } = await processed('OrderCreated', {
      orderId,
      customerId: 'c',
      total: 1,
      items,
      customerEmail: 'nobody',
    });
    expect(await item(orderId)).toMatchObject({ items });
    expect(await item(orderId)).not.toHaveProperty('customerEmail');
    expect(line).toMatchObject({ dropped: 'customerEmail' });
    expect(metrics).toMatchObject([{ UnusableEmails: 1, OrdersProcessed: 1 }]);
  });

  test('is not in the table at all if it cannot be stored', async () => {
    for (const items of [[['an array']], [{ note: '\ud800' }], [JSON.parse('{"__proto__": 1}')]]) {
      const { error } = await processed('OrderCreated', {
        orderId: 'odd-2',
        customerId: 'c',
        total: 1,
        items,
      });
      expect(error).toMatch(/^PoisonEventError: app\.orders\/OrderCreated: detail\.items/);
    }
    expect(await item('odd-2')).toBeUndefined();
  });

  test('of a version that the bundle does not know is poison, with what to do', async () => {
    const { error } = await processed('OrderCreated', {
      orderId: 'v9',
      customerId: 'c',
      total: 1,
      metadata: { version: 9 },
    });
    expect(error).toMatch(
      /detail\.metadata\.version: is 9, newer than \d+, .*: deploy first, then redrive\.$/,
    );
  });
});
