/** `report`, on the project's own stack with the tool that operators use. */
import { Builds, Deployment } from './deployment';

jest.setTimeout(120_000);

let builds: Builds;
let deployment: Deployment;
beforeAll(async () => {
  builds = new Builds();
  deployment = await Deployment.start(builds.intact, 1);
  for (const rule of deployment.stack.eventBridge.rules) {
    if (!rule.managedBy && !/order-created/.test(rule.name)) rule.disable();
  }
});
afterAll(async () => {
  await deployment?.stop();
  builds?.remove();
});

const DAY = '2026-01-15';

const place = async (orderId: string) => {
  const detail = { orderId, customerId: 'c', total: 10.1, createdAt: `${DAY}T10:00:00Z` };
  const args = ['publish', '-', '--type', 'OrderCreated'];
  expect((await deployment.run(args, JSON.stringify(detail))).exitCode).toBe(0);
  await deployment.settle();
};

test('makes the report that a day lacks, shows it when asked once more, and counts again only if told to', async () => {
  await place('order-1');
  const first = await deployment.ops('report', '--date', DAY, '--json');
  expect(first.json).toMatchObject({
    outcome: 'published',
    eventId: `daily-report-${DAY}`,
    figures: { orders: 1 },
  });

  await place('late-order');
  const { stdout, exitCode } = await deployment.ops('report', '--date', DAY);
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`${DAY}: made before, as event daily-report-${DAY}\n`);
  expect(stdout).toContain('orders: 1');
  expect(stdout).toContain('To count it again: --again');

  const again = await deployment.ops('report', '--date', DAY, '--again');
  expect(again.stdout).toContain(
    `published, as event daily-report-${DAY}-r2, which replaces daily-report-${DAY}\n`,
  );
  expect(again.stdout).toContain('netRevenue: 20.2');
});

test('of a day that is not over is partial, if that is asked for', async () => {
  const today = new Date().toISOString().slice(0, 'YYYY-MM-DD'.length);
  const { json } = await deployment.ops('report', '--date', today, '--partial', '--json');
  expect(json).toMatchObject({ outcome: 'partial', date: today });
});
