/**
 * Records the calls of each command of the operator's tool, and compares the IAM actions that they need with the
 * runbook's table. `WRITE_RUNBOOK=1` writes the table.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { APP } from '../../../bin/app-description';
import { STAGES } from '../../../bin/stages';
import { OrderCreated } from '../../../lambdas/events';
import { opsCommand } from '../../../tools/ops/cli';
import { Builds, Deployment } from './deployment';
import { FaultyEndpoint } from './faulty-endpoint';
import { actionOf, rowsOf, tableInRunbook, writeTable } from './permissions-table';

/** A replay that is under way as long as its status is asked for. */
const RUNNING = 'running';

const DAY_MS = 24 * 60 * 60_000;

let builds: Builds;
let deployment: Deployment;
let folder: string;
beforeAll(() => {
  // A schedule, so that `status` looks at it.
  builds = new Builds({ dailyReportScheduler: {} });
  folder = mkdtempSync(join(tmpdir(), 'permissions-'));
});
afterAll(async () => {
  await deployment?.stop();
  builds?.remove();
  rmSync(folder, { recursive: true });
});

/** Runs of each command that together make all of its calls; a run may fail, as long as it makes them. */
const runsOf = (name: string): readonly (readonly string[])[] => {
  const { orderId } = OrderCreated.example;
  const window = ['--from', '1d', '--to', 'now', '--allow-recent', '--yes'];
  const yesterday = new Date(Date.now() - DAY_MS).toISOString().slice(0, 'YYYY-MM-DD'.length);
  const backup = ['--backup', join(folder, 'backup.jsonl'), '--allow-recent', '--yes'];
  const runs: Readonly<Record<string, readonly (readonly string[])[]>> = {
    publish: [['--example', 'OrderCreated']],
    trace: [[orderId]],
    tail: [
      ['--since', '1d'],
      ['--since', '1d', '--only', 'rule=all-events'],
    ],
    redrive: [['--dry-run'], ['--include-poison']],
    replay: [window, ['--cancel', RUNNING]],
    rebuild: [
      ['--order', orderId, ...backup],
      ['--from', '1d', '--to', 'now', ...backup],
    ],
    report: [['--date', yesterday]],
  };
  return runs[name] ?? [[]];
};

test('the IAM actions of each command in the runbook are those of its calls', async () => {
  // One order is in the table; a second event of it, which fails, waits in the queue of failed events.
  deployment = await Deployment.start(builds.intact, 1);
  await deployment.ops('publish', '--example', 'OrderCreated');
  await deployment.settle();
  deployment.deploy(builds.faulty({ failsOneIn: 1, retries: 0 }));
  await deployment.ops('publish', '--example', 'OrderCreated');
  await deployment.settle();
  deployment.deploy(builds.intact);
  const { ArchiveArn: EventSourceArn } = deployment.stack.assembly.outputs;
  const replay = { ReplayName: RUNNING, EventSourceArn, State: 'RUNNING' };
  // A message that a queue moved to its dead-letter queue, which no queue of the default stack does.
  const movedFrom = deployment.queue('failed-events').arn;
  const message = (Body: string, Attributes: object, more: object = {}) => ({
    ...{ MessageId: Body, ReceiptHandle: 'r', Body, ...more },
    Attributes: { SentTimestamp: String(Date.now()), ...Attributes },
    MD5OfBody: createHash('md5').update(Body).digest('hex'),
  });
  const moved = message('{}', { DeadLetterQueueSourceArn: movedFrom });
  // An event that a rule of another bus could not put on the bus, which no rule of the default stack does.
  const { EventBusArn } = deployment.stack.assembly.outputs;
  const inflow = message(
    JSON.stringify({
      ...{ version: '0', id: 'i', 'detail-type': 'Any', source: 'any', account: '1', region: 'us-east-1' },
      ...{ time: '2026-01-16T08:00:00Z', resources: [], detail: {} },
    }),
    {},
    {
      MessageAttributes: Object.fromEntries(
        Object.entries({
          RULE_ARN: EventBusArn?.replace(/event-bus\/.*/, 'rule/from-other'),
          TARGET_ARN: EventBusArn,
        }).map(([key, StringValue]) => [key, { DataType: 'String', StringValue }]),
      ),
    },
  );
  const recorded = new Map<string, string[]>();
  for (const command of opsCommand(APP, STAGES).commands) {
    const name = command.name();
    const actions = new Set<string>();
    let isGiven = true;
    const endpoint = await FaultyEndpoint.start(deployment.stack.url, async (call) => {
      actions.add(actionOf(call));
      const isOfRunning = call.operation === 'DescribeReplay' && call.input.ReplayName === RUNNING;
      if (isOfRunning) return { status: 200, body: replay };
      if (call.operation === 'ListTargetsByRule' && call.input.Rule === 'from-other')
        return { status: 200, body: { Targets: [{ Id: 'Bus', Arn: EventBusArn }] } };
      if (isGiven || call.operation !== 'ReceiveMessage') return undefined;
      isGiven = true;
      return { status: 200, body: { Messages: [moved, inflow] } };
    });
    for (const run of runsOf(name)) {
      isGiven = name !== 'redrive';
      await deployment.run([name, ...run], undefined, endpoint.url);
      await deployment.settle();
    }
    await endpoint.stop();
    recorded.set(name, [...actions]);
  }
  const rows = rowsOf(recorded);
  if (process.env.WRITE_RUNBOOK) writeTable(rows);
  expect(tableInRunbook()).toBe(rows);
}, 300_000);
