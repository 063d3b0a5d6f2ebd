/** `report`, on the project's own stack with the tool that operators use. */
import { UNDESCRIBED } from '../../../tools/app';
import { report } from '../../../tools/ops/report';
import { Builds, Deployment } from './deployment';
import { FunctionError, operate } from './scripted-aws';

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
  expect(stdout).toContain('To count it and publish it again: --again');

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

describe('by what Lambda answers', () => {
  const answer = (payload: object, more: object = {}) =>
    operate({ Invoke: JSON.stringify(payload) }, (session) => report(session, { date: DAY }), more);

  test('shows the figures, and which report this one replaces', async () => {
    const body = { date: DAY, outcome: 'published', eventId: 'r2', replaces: 'r1', figures: { orders: 1 } };
    const { stdout, aws } = await answer({ body: JSON.stringify(body) });
    expect(stdout).toBe(`${DAY}: published, as event r2, which replaces r1\n  orders: 1\n`);
    expect(aws.calls).toHaveLength(1);
  });

  test('of an app without such work says so', async () => {
    await expect(answer({}, { app: UNDESCRIBED })).rejects.toThrow(
      'No function of the stack is described as one that reports a day.',
    );
  });
});

test.each([
  [{ errorType: 'Error', errorMessage: 'no table' }, 'analytics failed: Error: no table'],
  [{ errorMessage: 'Task timed out' }, 'analytics failed: Unhandled: Task timed out'],
])('of a function that fails with %j is a failure', async (error, line) => {
  const { stderr, exitCode } = await operate({ Invoke: new FunctionError(error) }, (session) =>
    report(session, { date: DAY }),
  );
  expect({ stderr, exitCode }).toEqual({ stderr: `${line}\n`, exitCode: 1 });
});
