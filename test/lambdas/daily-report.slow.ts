/**
 * A day of a million orders, by the bundled handler in a process that has what Lambda gives to 256 MB: about 0.15 of a
 * core, held by stopping the process for 85 of every 100 ms.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { DAY_KEY_INDEX, DAY_SHARDS } from '../../lambdas/order-table';
import { ESBUILD_OPTIONS } from '../../lib/bundling';

const ORDERS = 1_000_000;
/** A part of them, by the CPU of which that of all is told. */
const ORDERS_BY_KEY = 80_000;
/** Bytes of items that DynamoDB reads for a page. */
const PAGE_SIZE = 1_024 * 1_024;
/** Bytes of an item in the index: keys, status and total, with their names. */
const ITEM_SIZE = 85;
const PAGE_ORDERS = Math.floor(PAGE_SIZE / ITEM_SIZE);
const STATUSES = ['PENDING', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED'];

/** ms */
const PERIOD = 100;
const SHARE = 0.15;

const directory = mkdtempSync(join(tmpdir(), 'daily-report-'));
const bundle = join(directory, 'index.js');
let server: Server;
const reports: Record<string, unknown>[] = [];
let pages = 0;

/** Orders of one shard are numbered; the last page is shorter. */
const totalOf = (index: number) => ((index * 37) % 100_000) / 100;
const orderOf = (index: number) => ({
  status: { S: STATUSES[index % STATUSES.length] },
  total: { N: String(totalOf(index)) },
});
const page = (from: number, to: number) =>
  JSON.stringify(Array.from({ length: to - from }, (_, offset) => orderOf(from + offset)));

beforeAll(async () => {
  const perShard = ORDERS / DAY_SHARDS;
  const bodies: string[] = [];
  for (let from = 0; from < perShard; from += PAGE_ORDERS) {
    const to = Math.min(perShard, from + PAGE_ORDERS);
    const next = to < perShard ? `,"LastEvaluatedKey":{"orderId":{"S":"${bodies.length + 1}"}}` : '';
    bodies.push(`{"Count":${to - from},"Items":${page(from, to)}${next}}`);
  }
  server = createServer(async (request, response) => {
    const input = JSON.parse(await text(request));
    const operation = String(request.headers['x-amz-target']).split('.').at(-1);
    response.setHeader('content-type', 'application/x-amz-json-1.0');
    if (operation === 'BatchGetItem') {
      const { Keys: keys } = input.RequestItems.orders;
      const orders = keys.map(({ orderId }: { orderId: { S: string } }) => orderOf(Number(orderId.S)));
      response.end(JSON.stringify({ Responses: { orders }, UnprocessedKeys: {} }));
    } else if (operation === 'Query' && input.IndexName === DAY_KEY_INDEX.name) {
      const Items = Array.from({ length: ORDERS_BY_KEY / DAY_SHARDS }, (_, n) => ({
        orderId: { S: String(n).padStart(36, '0') },
      }));
      response.end(JSON.stringify({ Items }));
    } else if (operation === 'Query') {
      pages++;
      response.end(bodies[Number(input.ExclusiveStartKey?.orderId.S ?? 0)]);
    } else if (operation === 'PutEvents') {
      for (const { Detail } of input.Entries) reports.push(JSON.parse(Detail));
      response.end(JSON.stringify({ FailedEntryCount: 0, Entries: [{ EventId: 'event-1' }] }));
    } else {
      response.end('{}');
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await build({
    ...ESBUILD_OPTIONS,
    entryPoints: ['lambdas/analytics/handler.ts'],
    outfile: bundle,
  });
});
afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

const CALL = `
  const { handler } = require(process.argv[1]);
  const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 60000 };
  handler({ type: 'daily_report', date: '2026-01-15' }, context).then(() => {
    const { user, system } = process.cpuUsage();
    process.send({ cpu: (user + system) / 1e6, memory: process.resourceUsage().maxRSS / 1024 }, () => process.exit());
  });
`;

/** Starts the report in a process of its own. */
function startReport(variables: NodeJS.ProcessEnv = {}) {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return spawn(process.execPath, ['--max-old-space-size=200', '-e', CALL, bundle], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      PATH: process.env.PATH,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_ENDPOINT_URL: url,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      TABLE_NAME: 'orders',
      REPORTS_TABLE_NAME: 'reports',
      FIREHOSE_STREAM: 'analytics',
      EVENT_BUS_NAME: 'bus',
      POWERTOOLS_SERVICE_NAME: 'analytics',
      POWERTOOLS_METRICS_NAMESPACE: 'test',
      ...variables,
    },
  });
}

test('a million orders that are read by key take less than the 300 s that such a report has, in 256 MB', async () => {
  const child = startReport({ REPORT_INDEX_NAME: DAY_KEY_INDEX.name });
  const [used] = (await once(child, 'message')) as [{ cpu: number; memory: number }];
  expect(used.cpu * (ORDERS / ORDERS_BY_KEY)).toBeLessThan(300 * SHARE);
  expect(used.memory).toBeLessThan(256);
  expect(reports.pop()).toMatchObject({ orders: ORDERS_BY_KEY, cancelled: ORDERS_BY_KEY / 5 });
}, 60_000);

test('a million orders are reported within 60 s and 256 MB at 0.15 of a core, exactly', async () => {
  const started = performance.now();
  const child = startReport();
  let used: { cpu: number; memory: number } | undefined;
  child.on('message', (message) => {
    used = message as typeof used;
  });
  const exit = once(child, 'exit');
  while (child.exitCode === null && child.signalCode === null && performance.now() - started < 90_000) {
    await sleep(PERIOD * SHARE);
    child.kill('SIGSTOP');
    await sleep(PERIOD * (1 - SHARE));
    child.kill('SIGCONT');
  }
  child.kill('SIGKILL');
  await exit;
  const seconds = (performance.now() - started) / 1_000;
  expect(used).toBeDefined();
  expect(seconds).toBeLessThan(60);
  // Whatever the machine's load made of the stops: this much CPU is what a function of 256 MB has in 60 s.
  expect(used?.cpu).toBeLessThan(60 * SHARE);
  expect(used?.memory).toBeLessThan(256);

  expect(pages).toBe(DAY_SHARDS * Math.ceil(ORDERS / DAY_SHARDS / PAGE_ORDERS));
  let cents = 0;
  for (let index = 0; index < ORDERS / DAY_SHARDS; index++)
    cents += DAY_SHARDS * Math.round(totalOf(index) * 100);
  expect(reports).toMatchObject([{ orders: ORDERS, grossRevenue: cents / 100, cancelled: ORDERS / 5 }]);
}, 120_000);
