/**
 * The project's own stack, synthesized and run: what happens to an event, from PutEvents through the bundled
 * handlers to what is stored. Time is moved by hand; nothing here waits for it.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { OrderCreated, OrderStatusChanged } from '../../../lambdas/events';
import { ESBUILD_OPTIONS, entryOf } from '../../../lib/bundling';
import { Bundler } from '../../../tools/local/bundler';
import { ManualClock } from '../../../tools/local/services/clock';
import { SystemWorld } from '../../../tools/local/services/world';
import { nameSources } from '../../../tools/local/source-trace';
import { LocalStack } from '../../../tools/local/stack';
import type { TimedStep } from '../../../tools/local/steps';
import { readAssembly } from '../../../tools/template/assembly';
import { builtAssembly } from '../../built';

const MINUTE = 60_000;
// Each test starts a process for each function, and the machine may be busy.
jest.setTimeout(60_000);

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'flow-'));
const cdkOut = builtAssembly();
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

// biome-ignore lint/suspicious/noExplicitAny: a template has no static type
type Template = { Resources: Record<string, { Type: string; Properties: any }> };

/** A copy of the synthesized assembly, with a change in its template. */
function changed(change: (resources: Template['Resources']) => void): string {
  const copy = fs.mkdtempSync(path.join(root, 'changed-'));
  fs.cpSync(cdkOut, copy, { recursive: true });
  const file = path.join(copy, 'event-driven.template.json');
  const template: Template = JSON.parse(fs.readFileSync(file, 'utf8'));
  change(template.Resources);
  fs.writeFileSync(file, JSON.stringify(template));
  return copy;
}

class Run {
  private constructor(
    readonly stack: LocalStack,
    readonly clock: ManualClock,
    readonly steps: TimedStep[],
  ) {}

  static async start(options: { directory?: string; at?: string; data?: string } = {}): Promise<Run> {
    const { directory = cdkOut, at = '2026-01-15T10:00:00Z', data } = options;
    const clock = new ManualClock(Date.parse(at));
    const steps: TimedStep[] = [];
    const stack = await LocalStack.start({
      assembly: readAssembly(directory, { region: 'us-east-1' }),
      world: new SystemWorld(clock),
      port: 0,
      maxEnvironments: 1,
      onStep: (step) => void steps.push(step),
      ...(data && { dataDirectory: data }),
    });
    const run = new Run(stack, clock, steps);
    running.push(run);
    return run;
  }

  /** Publishes as a client of AWS does, and waits until all is done that is done at once. */
  async publish(detailType: string, detail: object, source = 'app.orders'): Promise<void> {
    const client = new EventBridgeClient({
      endpoint: this.stack.url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'developer', secretAccessKey: 'any' },
    });
    const Detail = JSON.stringify(detail);
    const entry = { EventBusName: 'event-driven-bus', Source: source, DetailType: detailType, Detail };
    const { FailedEntryCount } = await client.send(new PutEventsCommand({ Entries: [entry] }));
    client.destroy();
    expect(FailedEntryCount).toBe(0);
    await this.stack.settled();
  }

  create(order: object = {}): Promise<void> {
    return this.publish('OrderCreated', OrderCreated.create({ ...OrderCreated.example, ...order }));
  }

  ship(order: object = {}): Promise<void> {
    return this.publish(
      'OrderStatusChanged',
      OrderStatusChanged.create({ ...OrderStatusChanged.example, ...order }),
    );
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.stack.settled();
  }

  /** The order as it is stored, in DynamoDB's JSON, without its type tags. */
  async order(orderId = 'order-1001'): Promise<Record<string, unknown> | undefined> {
    const { Item } = await this.stack.tables.request('GetItem', {
      TableName: 'event-driven-orders',
      Key: { orderId: { S: orderId } },
    });
    return (
      Item &&
      Object.fromEntries(Object.entries<object>(Item).map(([name, value]) => [name, Object.values(value)[0]]))
    );
  }

  /** Messages in a queue: the body, parsed, and the text of the attributes. */
  queue(name: string) {
    const queue = this.stack.queues.find((each) => each.name === `event-driven-${name}`);
    return (queue?.peek() ?? []).map(({ body, attributes }) => ({
      body: JSON.parse(body),
      attributes: Object.fromEntries(
        Object.entries(attributes).map(([key, { StringValue }]) => [key, StringValue]),
      ),
    }));
  }

  get notifications(): string[] {
    const ofCustomers = this.stepsOf('message-published').filter(({ topic }) =>
      topic.endsWith('-notifications'),
    );
    return ofCustomers.map(({ subject = '' }) => subject);
  }

  stepsOf<Kind extends TimedStep['kind']>(kind: Kind): Extract<TimedStep, { kind: Kind }>[] {
    return this.steps.filter((step): step is Extract<TimedStep, { kind: Kind }> => step.kind === kind);
  }

  functionNamed(name: string) {
    const found = this.stack.functions.find((each) => each.name === `event-driven-${name}`);
    if (!found) throw new Error(`no function ${name}`);
    return found;
  }
}

const running: Run[] = [];
afterEach(() => Promise.all(running.splice(0).map(({ stack }) => stack.stop())));

test('an order that was created is in the table', async () => {
  const run = await Run.start();
  await run.publish('OrderCreated', { orderId: '123', customerId: '456', total: 99.99 });
  expect(await run.order('123')).toMatchObject({
    customerId: '456',
    total: '99.99',
    status: 'PENDING',
    createdAt: '2026-01-15T10:00:00.000Z',
  });
  expect(run.stepsOf('records-put')).toEqual([expect.objectContaining({ count: 1 })]);
});

test('an order that was shipped is SHIPPED in the table, and its customer is notified', async () => {
  const run = await Run.start();
  await run.create();
  await run.ship();
  expect(await run.order()).toMatchObject({ status: 'SHIPPED', total: '99.99' });
  expect(run.notifications).toEqual(['Order order-1001 - SHIPPED']);
  const [notification] = run
    .stepsOf('message-published')
    .filter(({ topic }) => topic.endsWith('-notifications'));
  expect(JSON.parse(notification?.body ?? '')).toMatchObject({
    email: 'jane@example.com',
    body: 'Your order order-1001 has been SHIPPED',
  });
});

test('a status that no customer hears of notifies nobody, and the log says which field decided', async () => {
  const run = await Run.start();
  await run.ship({ status: 'CONFIRMED' });
  expect(await run.order()).toMatchObject({ status: 'CONFIRMED' });
  expect(run.notifications).toEqual([]);
  expect(run.stepsOf('rule-missed')).toContainEqual(
    expect.objectContaining({ rule: 'event-driven-order-status-changed', field: 'detail.status' }),
  );
});

test('what a handler does is told with the trace of its invocation', async () => {
  const run = await Run.start();
  await run.create();
  const [started] = run
    .stepsOf('invocation-started')
    .filter((step) => step.function === 'event-driven-order-processor');
  const [delivered] = run.stepsOf('delivered').filter((step) => step.target === 'OrderProcessor');
  const [written] = run.stepsOf('item-written');
  expect(delivered?.requestId).toBe(started?.requestId);
  expect(written?.trace).toBe(started?.callTrace);
});

test('a poison event ends in the failed-events queue with its reason, and harms nobody else', async () => {
  const run = await Run.start();
  await run.publish('OrderCreated', { orderId: 'bad-1', customerId: '1', total: 'twelve' });
  await run.pass(3 * MINUTE);
  expect(run.queue('failed-events')).toEqual([
    {
      attributes: {},
      body: expect.objectContaining({
        requestContext: expect.objectContaining({
          condition: 'RetriesExhausted',
          approximateInvokeCount: 3,
          functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:event-driven-order-processor:$LATEST',
        }),
        requestPayload: expect.objectContaining({
          detail: { orderId: 'bad-1', customerId: '1', total: 'twelve' },
        }),
        responsePayload: expect.objectContaining({
          errorType: 'PoisonEventError',
          errorMessage: expect.stringContaining('detail.total'),
        }),
      }),
    },
  ]);
  expect(await run.order('bad-1')).toBeUndefined();
  expect(run.stepsOf('records-put')).toHaveLength(1);
  expect(run.queue('dlq')).toEqual([]);
});

test('a throttled handler gets its event a little later', async () => {
  const run = await Run.start();
  run.functionNamed('order-processor').reservedConcurrency = 0;
  await run.create();
  expect(await run.order()).toBeUndefined();
  expect(run.stepsOf('invocation-throttled')).toEqual([expect.objectContaining({ retryInMs: 1000 })]);
  run.functionNamed('order-processor').reservedConcurrency = undefined;
  await run.pass(1000);
  expect(await run.order()).toMatchObject({ status: 'PENDING' });
  expect(run.queue('failed-events')).toEqual([]);
});

test('an event that a rule may not deliver is in the dead-letter queue at once, and its other rules deliver it', async () => {
  const directory = changed((resources) => {
    for (const [id, { Type }] of Object.entries(resources)) {
      if (Type === 'AWS::Lambda::Permission' && id.includes('ordercreated')) delete resources[id];
    }
  });
  const run = await Run.start({ directory });
  await run.create();
  expect(run.queue('dlq')).toEqual([
    {
      body: expect.objectContaining({ 'detail-type': 'OrderCreated' }),
      attributes: {
        RULE_ARN: 'arn:aws:events:us-east-1:000000000000:rule/event-driven-bus/event-driven-order-created',
        TARGET_ARN: 'arn:aws:lambda:us-east-1:000000000000:function:event-driven-order-processor',
        ERROR_CODE: 'NO_PERMISSIONS',
        ERROR_MESSAGE: expect.stringContaining('No statement allows lambda:InvokeFunction'),
        RETRY_ATTEMPTS: '0',
      },
    },
  ]);
  expect(await run.order()).toBeUndefined();
  expect(run.stepsOf('records-put')).toHaveLength(1);
});

test('a grant that is missing fails as it would in AWS', async () => {
  const directory = changed((resources) => {
    for (const { Type, Properties } of Object.values(resources)) {
      if (Type !== 'AWS::IAM::Policy') continue;
      Properties.PolicyDocument.Statement = Properties.PolicyDocument.Statement.filter(
        ({ Action }: { Action: string | string[] }) => !Action.includes('dynamodb:UpdateItem'),
      );
    }
  });
  const run = await Run.start({ directory });
  await run.create();
  await run.pass(3 * MINUTE);
  expect(await run.order()).toBeUndefined();
  expect(run.stepsOf('access-denied')[0]).toMatchObject({
    principal: 'event-driven-order-processor',
    action: 'dynamodb:UpdateItem',
    resource: 'arn:aws:dynamodb:us-east-1:000000000000:table/event-driven-orders',
  });
  expect(run.queue('failed-events')[0]?.body.responsePayload).toMatchObject({
    errorType: 'AccessDeniedException',
    errorMessage: expect.stringContaining('is not authorized to perform: dynamodb:UpdateItem'),
  });
});

test('a replay of everything changes no order and notifies nobody again', async () => {
  const run = await Run.start();
  await run.create();
  await run.ship();
  const before = await run.order();
  run.stack.eventBridge.startReplay({
    ReplayName: 'everything',
    EventSourceArn: 'arn:aws:events:us-east-1:000000000000:archive/event-driven-archive',
    EventStartTime: run.clock.now() / 1000 - 3600,
    EventEndTime: run.clock.now() / 1000 + 3600,
    Destination: { Arn: 'arn:aws:events:us-east-1:000000000000:event-bus/event-driven-bus' },
  });
  await run.pass(1000);
  expect(run.stack.eventBridge.describeReplay('everything').State).toBe('COMPLETED');
  const replayed = run.stepsOf('event-put').filter(({ event }) => event['replay-name'] === 'everything');
  expect(replayed).toHaveLength(2);
  expect(await run.order()).toEqual(before);
  expect(run.notifications).toEqual(['Order order-1001 - SHIPPED']);
});

test('at 09:00 the orders of the day before are counted and the report is published', async () => {
  const run = await Run.start({ at: '2026-01-16T08:59:59Z' });
  await run.create({ createdAt: '2026-01-15T10:00:00.000Z' });
  await run.create({ orderId: 'order-1002', total: 50, createdAt: '2026-01-15T23:00:00.000Z' });
  await run.create({ orderId: 'order-1003', total: 7, createdAt: '2026-01-16T01:00:00.000Z' });
  await run.ship();
  await run.pass(1000);
  expect(run.stepsOf('schedule-fired')).toEqual([
    expect.objectContaining({ rule: 'event-driven-daily-report' }),
  ]);
  const [report] = run
    .stepsOf('event-put')
    .filter(({ event }) => event['detail-type'] === 'DailyReportGenerated');
  expect(report?.event.detail).toMatchObject({
    date: '2026-01-15',
    orders: 2,
    revenue: 149.99,
    byStatus: { SHIPPED: { orders: 1, revenue: 99.99 }, PENDING: { orders: 1, revenue: 50 } },
  });
});

test('with a data folder a restart finds the orders, the queues and the archive again', async () => {
  const data = path.join(root, 'data');
  const before = await Run.start({ data });
  await before.create();
  await before.publish('OrderCreated', { orderId: 'bad-1', customerId: '1', total: 'twelve' });
  await before.pass(3 * MINUTE);
  await before.stack.stop();
  running.pop();

  const after = await Run.start({ data });
  expect(await after.order()).toMatchObject({ status: 'PENDING', total: '99.99' });
  expect(after.queue('failed-events')).toHaveLength(1);
  expect(after.stack.eventBridge.archives.get('event-driven-archive')?.eventCount).toBe(2);
});

test('the code that --watch and --inspect make of a handler is that of the deployment, byte by byte', async () => {
  const bundler = new Bundler(process.cwd(), { entryOf, options: ESBUILD_OPTIONS, app: 'bin/app.ts' });
  const assembly = readAssembly(cdkOut, { region: 'us-east-1' });
  const functions = assembly.ofType('AWS::Lambda::Function');
  for (const each of functions) {
    const deployed = fs.readFileSync(path.join(assembly.assetPath(each), 'index.cjs'));
    const { code } = await bundler.bundle(each.name);
    expect([each.name, Buffer.compare(deployed, code)]).toEqual([each.name, 0]);
    expect(bundler.mapOf(each.name, deployed)).toContain(entryOf(each.name));
  }
  expect(functions.length).toBeGreaterThan(0);
  await bundler.stop();
});

test('a stack trace from AWS is named by the TypeScript that was deployed', async () => {
  const bundler = new Bundler(process.cwd(), { entryOf, options: ESBUILD_OPTIONS, app: 'bin/app.ts' });
  const name = 'event-driven-order-processor';
  const { code, map } = await bundler.bundle(name);
  // Where the bundle has what the handler's file says of a missing variable.
  const lines = Buffer.from(code).toString('utf8').split('\n');
  const line = lines.findIndex((each) => each.includes('TABLE_NAME'));
  const column = lines[line]?.indexOf('TABLE_NAME') ?? 0;
  const trace = `    at Xe (/var/task/index.cjs:${line + 1}:${column + 1})\n    at node:internal/x:1:2\n`;
  const named = await nameSources(trace, name, bundler);
  expect(map).toContain('lambdas/order-processor/handler.ts');
  expect(named).toMatch(/^ {4}at Xe \(lambdas\/[\w/-]+\.ts:\d+:\d+\)\n {4}at node:internal\/x:1:2\n$/);
  await expect(nameSources('', 'event-driven-nobody', bundler)).rejects.toThrow(
    'no handler of event-driven-nobody',
  );
});

describe('while the stack runs', () => {
  test('a changed rule and changed code take their places, and the orders stay', async () => {
    const run = await Run.start();
    await run.create();
    const directory = changed((resources) => {
      for (const { Type, Properties } of Object.values(resources)) {
        if (Properties.Name === 'event-driven-order-status-changed') {
          Properties.EventPattern.detail.status = ['DELIVERED'];
        }
        if (Type === 'AWS::Lambda::Function') Properties.Environment.Variables.POWERTOOLS_LOG_LEVEL = 'ERROR';
      }
    });
    const assembly = readAssembly(directory, { region: 'us-east-1' });
    expect(run.stack.needingRestart(assembly)).toEqual([]);
    run.stack.update(assembly);
    await run.ship({ status: 'SHIPPED' });
    await run.ship({ status: 'DELIVERED' });
    expect(run.notifications).toEqual(['Order order-1001 - DELIVERED']);
    expect(await run.order()).toMatchObject({ status: 'DELIVERED', total: '99.99' });
    const cold = run.stepsOf('invocation-started').filter(({ coldStart }) => coldStart);
    expect(cold.filter((step) => step.function === 'event-driven-order-processor')).toHaveLength(2);
  });

  test('a change that a running stack cannot take over is named', async () => {
    const run = await Run.start();
    const directory = changed((resources) => {
      const [queue] = Object.values(resources).filter(
        ({ Properties }) => Properties.QueueName === 'event-driven-dlq',
      );
      if (queue) queue.Properties.VisibilityTimeout = 77;
    });
    expect(run.stack.needingRestart(readAssembly(directory, { region: 'us-east-1' }))).toEqual([
      expect.stringContaining('DeadLetterQueue'),
    ]);
  });

  test('a template that the local run does not know changes nothing', async () => {
    const run = await Run.start();
    const directory = changed((resources) => {
      for (const { Type, Properties } of Object.values(resources)) {
        if (Type === 'AWS::Lambda::Function') Properties.VpcConfig = {};
      }
    });
    expect(() => run.stack.update(readAssembly(directory, { region: 'us-east-1' }))).toThrow(
      'the local run does not know its property VpcConfig',
    );
    await run.create();
    expect(await run.order()).toMatchObject({ status: 'PENDING' });
  });
});

test('what does not run here is named, and the rest runs', async () => {
  const directory = changed((resources) => {
    resources.Pipe = { Type: 'AWS::Pipes::Pipe', Properties: {} };
  });
  const run = await Run.start({ directory });
  expect(run.stack.notices).toEqual([
    'AWS::Pipes::Pipe Pipe does not run here: its source is not the stream of a table of this stack.',
  ]);
  await run.create();
  expect(await run.order()).toMatchObject({ status: 'PENDING' });
});

test('nothing of the stack as it is does not run here', async () => {
  expect((await Run.start()).stack.notices).toEqual([]);
});
