/**
 * A version of a contract, raised in a copy of the project: what its author sees, and what becomes of the events of
 * the version before, those in the archive included.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { ManualClock } from '../../../../tools/local/services/clock';
import { SystemWorld } from '../../../../tools/local/services/world';
import { LocalStack } from '../../../../tools/local/stack';
import { readAssembly } from '../../../../tools/template/assembly';
import { synthesize } from '../../../../tools/template/source/synthesize';
import { LOADER } from '../../../typescript';

jest.setTimeout(300_000);

const root = mkdtempSync(join(tmpdir(), 'raised-version-'));
const project = join(root, 'project');
const data = join(root, 'data');
/** The stack with version 2. */
const cdkOut = join(root, 'v2');
afterAll(() => rmSync(root, { recursive: true, force: true }));

beforeAll(() => {
  mkdirSync(project);
  const parts = ['bin', 'lib', 'lambdas', 'tools', 'contracts', 'samples', 'docs', 'client'];
  const files = [
    'cdk.json',
    'cdk.schema.json',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'README.md',
  ];
  for (const part of [...parts, ...files]) cpSync(part, join(project, part), { recursive: true });
  symlinkSync(join(process.cwd(), 'node_modules'), join(project, 'node_modules'));
});

const command = (name: string, ...args: string[]) =>
  spawnSync(process.execPath, ['-r', LOADER, `bin/${name}.ts`, ...args], {
    cwd: project,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });

/** Rewrites the contracts of the copy. */
function edit(change: (source: string) => string): void {
  const file = join(project, 'lambdas/events.ts');
  const before = readFileSync(file, 'utf8');
  const after = change(before);
  expect(after).not.toBe(before);
  writeFileSync(file, after);
}

const PREVIOUS = `
  previous: {
    contract: OrderCreatedV1,
    upcast: (detail) => ({ ...detail, channel: 'UNKNOWN' as const }),
  },`;

/** OrderCreated as version 2: it must say through which channel the order came. */
function raise(source: string): string {
  const start = source.indexOf('/** An order was placed.');
  const end = source.indexOf('/** An order moved to another status. */');
  const first = source.slice(start, end);
  const second = first
    .replace('version: 1,', `version: 2,${PREVIOUS}`)
    .replace(
      '    orderId: OrderId,',
      "    orderId: OrderId,\n    channel: v.picklist(['WEB', 'STORE', 'UNKNOWN']),",
    )
    .replace("    orderId: 'order-1001',", "    orderId: 'order-1001',\n    channel: 'WEB',");
  const kept = first.replace('export const OrderCreated =', 'const OrderCreatedV1 =');
  return source.slice(0, start) + kept + second + source.slice(end);
}

async function run(
  directory: string,
  at: string,
  work: (stack: LocalStack, clock: ManualClock) => Promise<void>,
) {
  const clock = new ManualClock(Date.parse(at));
  const stack = await LocalStack.start({
    assembly: readAssembly(directory, { region: 'us-east-1' }),
    world: new SystemWorld(clock),
    port: 0,
    maxEnvironments: 1,
    dataDirectory: data,
  });
  try {
    await work(stack, clock);
  } finally {
    await stack.stop();
  }
}

async function put(stack: LocalStack, detail: object): Promise<void> {
  const credentials = { accessKeyId: 'developer', secretAccessKey: 'any' };
  const client = new EventBridgeClient({ endpoint: stack.url, region: 'us-east-1', credentials });
  const entry = { EventBusName: 'event-driven-bus', Source: 'app.orders', DetailType: 'OrderCreated' };
  await client.send(new PutEventsCommand({ Entries: [{ ...entry, Detail: JSON.stringify(detail) }] }));
  client.destroy();
  await stack.settled();
}

async function orders(stack: LocalStack): Promise<string[]> {
  const { Items = [] } = await stack.tables.request('Scan', { TableName: 'event-driven-orders' });
  return (Items as { orderId: { S: string } }[]).map(({ orderId }) => orderId.S).sort();
}

const failed = (stack: LocalStack) =>
  stack.queues.find(({ name }) => name === 'event-driven-failed-events')?.peek() ?? [];

test('the code of today archives events of version 1, and refuses version 2 with what to do', async () => {
  const before = join(root, 'v1');
  await synthesize(process.cwd(), before);
  await run(before, '2026-01-15T10:00:00Z', async (stack, clock) => {
    await put(stack, { orderId: 'archived-1', customerId: 'c', total: 1 });
    await put(stack, { orderId: 'archived-2', customerId: 'c', total: 2, metadata: { version: 1 } });
    await put(stack, {
      orderId: 'early',
      channel: 'WEB',
      customerId: 'c',
      total: 3,
      metadata: { version: 2 },
    });
    await clock.advance(3 * 60_000);
    await stack.settled();
    expect(await orders(stack)).toEqual(['archived-1', 'archived-2']);
    expect(failed(stack).map(({ body }) => body)).toEqual([
      expect.stringContaining(
        'is 2, newer than 1, the newest version that this code reads: deploy first, then redrive.',
      ),
    ]);
  });
});

test('a version that is raised without an upcaster is refused', () => {
  edit((source) => raise(source).replace(PREVIOUS, ''));
  const { status, stdout } = command('contracts');
  expect(stdout).toContain('✗ breaking: app.orders/OrderCreated: version 2 has no upcaster from version 1');
  expect(status).toBe(1);
});

test('with one it is released, and routes proves both versions', async () => {
  writeFileSync(join(project, 'lambdas/events.ts'), readFileSync('lambdas/events.ts', 'utf8'));
  edit(raise);
  const contracts = command('contracts');
  expect(contracts.stdout).toContain('● fine: app.orders/OrderCreated: version 2 is new');
  expect(contracts.stdout).not.toContain('breaking');
  expect(contracts.status).toBe(0);
  for (const version of [1, 2]) {
    const file = join(project, `contracts/app.orders.OrderCreated.v${version}.schema.json`);
    expect(JSON.parse(readFileSync(file, 'utf8'))['x-version']).toBe(version);
  }

  await synthesize(project, cdkOut);
  const { status, stdout } = command('routes', '--json', '--assembly', cdkOut);
  const { events, gaps } = JSON.parse(stdout);
  expect(gaps).toEqual([]);
  expect(status).toBe(0);
  for (const version of [1, 2]) {
    const own = events.filter(
      (event: { contract: string; kind: string }) =>
        event.contract === `app.orders/OrderCreated version ${version}` && event.kind !== 'near-miss',
    );
    expect(own.length).toBeGreaterThan(10);
    for (const { verdicts } of own) {
      const deliveries = verdicts.flatMap((verdict: { deliveries: object[] }) => verdict.deliveries);
      expect(deliveries).toContainEqual(expect.objectContaining({ consumer: 'order-processor' }));
      for (const delivery of deliveries) expect(delivery).not.toHaveProperty('problem');
    }
  }
});

test('the archive of version 1 is replayed, both versions are published, and what came too early is redriven', async () => {
  // The table is to be made anew, from the archive alone.
  rmSync(join(data, 'tables'), { recursive: true });
  await run(cdkOut, '2026-01-15T11:00:00Z', async (stack, clock) => {
    expect(await orders(stack)).toEqual([]);
    const arn = (resource: string) => `arn:aws:events:us-east-1:000000000000:${resource}`;
    stack.eventBridge.startReplay({
      ReplayName: 'rebuild',
      EventSourceArn: arn('archive/event-driven-archive'),
      EventStartTime: Date.parse('2026-01-15T09:00:00Z') / 1000,
      EventEndTime: Date.parse('2026-01-15T10:30:00Z') / 1000,
      Destination: { Arn: arn('event-bus/event-driven-bus') },
    });
    await clock.advance(60_000);
    await stack.settled();
    expect(await orders(stack)).toEqual(['archived-1', 'archived-2', 'early']);

    await put(stack, { orderId: 'new-1', customerId: 'c', total: 4 });
    await put(stack, {
      orderId: 'new-2',
      channel: 'STORE',
      customerId: 'c',
      total: 5,
      metadata: { version: 2 },
    });
    expect(await orders(stack)).toEqual(['archived-1', 'archived-2', 'early', 'new-1', 'new-2']);
    // Only what version 1 could not read, from before.
    expect(failed(stack)).toHaveLength(1);
  });
});
