/**
 * Reminders of orders, through the engine of `npm start` and the real bundles: an order comes, days go by, its customer is
 * told; what fails on the way is kept, and brought home by the operator's tool.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { OrderCreated, OrderStatusChanged } from '../../lambdas/events';
import { Builds, Deployment } from '../tools/ops/deployment';

jest.setTimeout(120_000);

/** The shortest: each hour that passes has alarms evaluated 60 times. */
const DAYS = 1;
const HOUR_SECONDS = 60 * 60;

let builds: Builds;
let folder: string;
let deployment: Deployment;
beforeAll(() => {
  builds = new Builds({ orderReminderDays: DAYS });
  folder = mkdtempSync(join(tmpdir(), 'reminders-'));
});
afterAll(() => {
  builds.remove();
  rmSync(folder, { recursive: true });
});
afterEach(() => deployment.stop());

/** A build whose schedules may put no event on the bus. */
function forbidden(): string {
  const directory = join(folder, 'forbidden');
  cpSync(builds.intact, directory, { recursive: true });
  const file = join(directory, 'event-driven.template.json');
  const template = JSON.parse(readFileSync(file, 'utf8'));
  // biome-ignore lint/suspicious/noExplicitAny: a template has no static type
  for (const [id, { Type, Properties }] of Object.entries<any>(template.Resources)) {
    if (Type !== 'AWS::IAM::Role' || !id.includes('Schedules')) continue;
    for (const statement of Properties.Policies[0].PolicyDocument.Statement)
      if (statement.Action === 'events:PutEvents') statement.Action = 'events:PutRule';
  }
  writeFileSync(file, JSON.stringify(template));
  return directory;
}

const entry = ({ source, detailType }: { source: string; detailType: string }, detail: object) => ({
  ...{ EventBusName: 'event-driven-bus', Source: source, DetailType: detailType },
  Detail: JSON.stringify(detail),
});
const place = (orderId: string) =>
  entry(OrderCreated, { orderId, customerId: 'c', customerEmail: 'jane@example.com', total: 1 });

async function publish(...entries: ReturnType<typeof entry>[]): Promise<void> {
  deployment.stack.eventBridge.putEvents(entries);
  await deployment.settle();
}

async function schedules(): Promise<(string | undefined)[]> {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
  const client = new SchedulerClient({ endpoint: deployment.stack.url, region: 'us-east-1', credentials });
  const { Schedules = [] } = await client.send(
    new ListSchedulesCommand({ GroupName: 'event-driven-order-reminders' }),
  );
  client.destroy();
  return Schedules.map(({ Name }) => Name);
}

async function hoursLater(hours: number): Promise<void> {
  await deployment.advance(hours * HOUR_SECONDS);
  await deployment.settle();
}

test('an order that still waits after its days is told once, and one that went on is not; no schedule is left', async () => {
  deployment = await Deployment.start(builds.intact, 1);
  await publish(place('waits'), place('goes-on'));
  // Again, as a publisher does that got no answer.
  await publish(place('waits'));
  expect(await schedules()).toHaveLength(2);
  await publish(entry(OrderStatusChanged, { orderId: 'goes-on', status: 'CONFIRMED' }));
  await hoursLater(24 * DAYS - 1);
  expect(deployment.notifications).toEqual([]);
  await hoursLater(2);
  expect(deployment.notifications).toEqual(['Order waits - PENDING']);
  expect(await schedules()).toEqual([]);
  const archived = deployment
    .stepsOf('event-put')
    .filter(({ event }) => event['detail-type'] === 'OrderReminderDue');
  expect(archived).toHaveLength(2);
  expect(JSON.stringify(archived)).not.toContain('jane@example.com');
});

test('a reminder that Scheduler may not put on the bus is seen by the operator, and redriven onto it', async () => {
  deployment = await Deployment.start(forbidden(), 1);
  await publish(place('waits'));
  await hoursLater(24 * DAYS + 1);
  expect(deployment.notifications).toEqual([]);
  const { json } = await deployment.ops('failures', '--json');
  expect(json.groups).toMatchObject([{ cause: 'NO_PERMISSIONS', count: 1 }]);
  deployment.deploy(builds.intact);
  const redriven = await deployment.ops('redrive');
  expect([redriven.exitCode, redriven.stdout]).toEqual([0, expect.stringContaining('1 sent')]);
  await deployment.settle();
  expect(deployment.notifications).toEqual(['Order waits - PENDING']);
  expect(deployment.queue('dlq').peek()).toEqual([]);
});
