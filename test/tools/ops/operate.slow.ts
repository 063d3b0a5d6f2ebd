/**
 * Promises to operators, shown on the project's own stack with the tool that they use: nothing is lost,
 * nothing is done twice, whatever fails and whenever a command is killed.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Builds, Deployment, type Outcome } from './deployment';

jest.setTimeout(120_000);

const ORDERS = 500;
const NEXT = ['SHIPPED', 'SHIPPED', 'SHIPPED', 'CANCELLED', 'CONFIRMED'] as const;

const idOf = (index: number) => `order-${String(index).padStart(4, '0')}`;

/** Two events an order: it is placed, and moves on. Their ids and times are fixed, so that runs can be compared. */
function eventsOf(orders: number): string {
  const lines = Array.from({ length: orders }, (_, index) => {
    const orderId = idOf(index);
    const event = (DetailType: string, detail: object) => ({
      Source: 'app.orders',
      DetailType,
      Detail: { orderId, ...detail, metadata: { eventId: `${orderId}-${DetailType}` } },
    });
    return [
      event('OrderCreated', {
        customerId: `customer-${index % 50}`,
        customerEmail: `customer-${index % 50}@example.com`,
        total: index,
        createdAt: '2026-11-23T09:00:00Z',
      }),
      event('OrderStatusChanged', {
        status: NEXT[index % NEXT.length],
        customerEmail: `customer-${index % 50}@example.com`,
        updatedAt: '2026-11-23T10:00:00Z',
      }),
    ];
  });
  return lines
    .flat()
    .map((event) => JSON.stringify(event))
    .join('\n');
}

/** The subjects of the notifications that customers must get of those events, each once. */
const notificationsOf = (orders: number): string[] =>
  Array.from({ length: orders }, (_, index) => `Order ${idOf(index)} - ${NEXT[index % NEXT.length]}`).filter(
    (subject) => !subject.endsWith('CONFIRMED'),
  );

let builds: Builds;
let file: string;
/** The orders table after the same events, without any failure. */
let flawless: Awaited<ReturnType<Deployment['orders']>>;

beforeAll(async () => {
  builds = new Builds();
  file = join(tmpdir(), `events-${process.pid}.jsonl`);
  writeFileSync(file, eventsOf(ORDERS));
  const deployment = await Deployment.start(builds.intact);
  // Nothing but its table is asked for.
  for (const rule of deployment.stack.eventBridge.rules) {
    if (/all-events|order-status-changed/.test(rule.name)) rule.disable();
  }
  expect((await deployment.ops('publish', file)).exitCode).toBe(0);
  await deployment.settle();
  flawless = await deployment.orders();
  expect(flawless.size).toBe(ORDERS);
  await deployment.stop();
});
afterAll(() => {
  rmSync(file, { force: true });
  builds?.remove();
});

/** Orders without the time at which their events happened to be handled. */
const timeless = (orders: Awaited<ReturnType<Deployment['orders']>>) =>
  [...orders.values()].map((order) => ({ ...order, processedAt: undefined }));

/** Failures that the engine saw, as `failures` groups them. */
function engineFailures({ steps }: Deployment): Record<string, number> {
  const counts: Record<string, number> = {};
  const errors = new Map<string, string>();
  for (const step of steps) {
    let failure: string | undefined;
    if (step.kind === 'invocation-failed') errors.set(step.requestId, step.errorType);
    if (step.kind === 'invocation-given-up') failure = `${step.function} ${errors.get(step.requestId)}`;
    if (step.kind === 'dead-lettered') {
      failure = `${step.targetArn.split(':').at(-1)} ${step.attributes.ERROR_CODE}`;
    }
    if (failure) counts[failure] = (counts[failure] ?? 0) + 1;
  }
  return counts;
}

/** Ids of the events that a function logged as handled with the outcome, sorted. */
function handled({ stack }: Deployment, functionName: string, outcome: string): unknown[] {
  const { events } = stack.logGroups.filter(`/aws/lambda/${functionName}`, {
    pattern: `{ $.outcome = "${outcome}" }`,
  });
  return events.map(({ message }) => JSON.parse(message).eventId).sort();
}

const toldFailures = ({ json }: Outcome): Record<string, number> =>
  Object.fromEntries(
    json.groups.map((group: { consumer: string; cause: string; count: number }) => [
      `${group.consumer} ${group.cause}`,
      group.count,
    ]),
  );

test('one in 20 events fails and for a while a permission is missing: all come home, none twice', async () => {
  const failsOneIn = 20;
  const lines = readFileSync(file, 'utf8').split('\n');
  const half = lines.length / 2;
  const deployment = await Deployment.start(
    builds.faulty({ failsOneIn, forbidden: ['order-created', 'order-status-changed'] }),
  );
  try {
    await deployment.run(['publish', '-'], lines.slice(0, half).join('\n'));
    deployment.deploy(builds.faulty({ failsOneIn }));
    await deployment.run(['publish', '-'], lines.slice(half).join('\n'));
    // Nobody who publishes by the contracts can send this one.
    const poison = { orderId: 'order-poison', customerId: 'c', total: -1, metadata: { eventId: 'poison' } };
    deployment.stack.eventBridge.putEvents([
      {
        EventBusName: 'event-driven-bus',
        Source: 'app.orders',
        DetailType: 'OrderCreated',
        Detail: JSON.stringify(poison),
      },
    ]);
    await deployment.settle();

    const told = await deployment.ops('failures', '--json');
    const seen = engineFailures(deployment);
    expect(seen).toEqual({
      'event-driven-order-processor NO_PERMISSIONS': half / 2,
      'event-driven-notifier NO_PERMISSIONS': expect.any(Number),
      'event-driven-order-processor DownstreamError': expect.any(Number),
      'event-driven-notifier DownstreamError': expect.any(Number),
      // Of orders whose own event failed: nobody is told of those.
      'event-driven-notifier OrderNotThereError': expect.any(Number),
      'event-driven-analytics DownstreamError': expect.any(Number),
      'event-driven-order-processor PoisonEventError': 1,
    });
    expect(toldFailures(told)).toEqual(seen);
    expect(told.json.unseen).toBe(0);
    expect(deployment.queue('dlq').depth()).toMatchObject({ inFlight: 0 });

    const traced = await deployment.ops('trace', 'order-0000');
    expect(traced.stdout).toMatch(/order-processor +OrderCreated +NO_PERMISSIONS/);

    deployment.deploy(builds.intact);
    const redriven = await deployment.ops('redrive', '--rate', '1000', '--json');
    await deployment.settle();
    const failures = Object.values(seen).reduce((sum, count) => sum + count, 0);
    expect(redriven.json).toMatchObject({ sent: failures - 1, left: 1, failed: 0, others: 0 });
    expect(redriven.exitCode).toBe(0);

    expect(timeless(await deployment.orders())).toEqual(timeless(flawless));
    expect(deployment.notifications).toEqual(notificationsOf(ORDERS));
    const recorded = handled(deployment, 'event-driven-analytics', 'recorded');
    expect(recorded).toEqual([
      ...lines.map((line) => JSON.parse(line).Detail.metadata.eventId).sort(),
      'poison',
    ]);
    expect(toldFailures(await deployment.ops('failures', '--json'))).toEqual({
      'event-driven-order-processor PoisonEventError': 1,
    });
  } finally {
    await deployment.stop();
  }
});

test('a redrive that is killed ten times and started again ends as one that is not', async () => {
  const orders = 60;
  const forbidden = ['order-created', 'order-status-projection', 'order-status-changed'];
  const deployment = await Deployment.start(builds.faulty({ forbidden }));
  try {
    await deployment.run(['publish', '-'], eventsOf(orders));
    await deployment.settle();
    const failures = Object.values(engineFailures(deployment)).reduce((sum, count) => sum + count, 0);
    expect(deployment.queue('dlq').depth().visible).toBe(failures);
    deployment.deploy(builds.intact);

    // Each is some time after some invocation: about as often before the delete that follows it as after.
    const points = Array.from({ length: 10 }, () => ({
      invocations: Math.ceil(Math.random() * 15),
      ms: Math.random() * 10,
    }));
    for (const { invocations, ms } of points) {
      const redrive = deployment.start(['redrive', '--rate', '1000']);
      await deployment.until('invocation-started', invocations, redrive.ended);
      await pause(ms);
      redrive.process.kill('SIGKILL');
      await redrive.ended;
      // Until what it had received is visible again.
      await deployment.advance(60);
    }
    const last = await deployment.ops('redrive', '--rate', '1000');
    await deployment.settle();
    // Some were sent twice, or the kills would show nothing.
    const invocations = deployment.stepsOf('invocation-started').length;
    expect(invocations).toBeGreaterThan(2 * orders + failures);

    const end = {
      exitCode: last.exitCode,
      orders: timeless(await deployment.orders()),
      notifications: deployment.notifications,
    };
    expect({ points, ...end }).toEqual({
      points,
      exitCode: 0,
      orders: timeless(flawless).slice(0, orders),
      notifications: notificationsOf(orders),
    });
    expect(deployment.queue('dlq').peek()).toEqual([]);
    expect(deployment.queue('failed-events').peek()).toEqual([]);
  } finally {
    await deployment.stop();
  }
});

test('a replay of the whole archive changes no order and notifies nobody', async () => {
  const orders = 50;
  const deployment = await Deployment.start(builds.intact);
  try {
    await deployment.run(['publish', '-'], eventsOf(orders));
    await deployment.settle();
    const before = { orders: await deployment.orders(), notifications: deployment.notifications };
    expect(before.orders.size).toBe(orders);
    expect(before.notifications).toEqual(notificationsOf(orders));
    const matches = deployment.stepsOf('rule-matched').length;

    const replay = await deployment.ops(
      ...['replay', '--from', '1d', '--to', '2100-01-01', '--allow-recent', '--yes', '--json'],
    );
    await deployment.settle();

    expect(replay.json).toMatchObject({ state: 'COMPLETED', estimate: { events: 2 * orders } });
    expect(replay.exitCode).toBe(0);
    // Each event reached the order processor and analytics once more.
    expect(deployment.stepsOf('rule-matched').length - matches).toBe(2 * 2 * orders);
    expect({ orders: await deployment.orders(), notifications: deployment.notifications }).toEqual(before);
  } finally {
    await deployment.stop();
  }
});
