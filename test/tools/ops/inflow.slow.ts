/**
 * Events from another bus, and those that a schedule asks for: if one cannot get there, the operator sees it and
 * brings it home, as far as AWS lets anybody.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Builds, Deployment } from './deployment';

jest.setTimeout(60_000);

const SETTINGS = {
  serviceEvents: {
    uploads: { source: ['aws.s3'], 'detail-type': ['Object Created'] },
    legacy: { source: ['aws.ec2'] },
  },
  dailyReportSchedule: 'cron(0 7 * * ? *)',
  dailyReportScheduler: { timezone: 'Europe/Berlin', flexibleMinutes: 5 },
};

let builds: Builds;
let folder: string;
let deployment: Deployment;
beforeAll(async () => {
  builds = new Builds(SETTINGS);
  folder = mkdtempSync(join(tmpdir(), 'inflow-'));
  deployment = await Deployment.start(build('forbidden', 'events:PutRule'), 1);
});
afterAll(async () => {
  await deployment.stop();
  builds.remove();
  rmSync(folder, { recursive: true });
});

/** A build whose inflow roles may do an action; the rule `legacy` takes the events of an application. */
function build(name: string, action: string): string {
  const directory = join(folder, name);
  cpSync(builds.intact, directory, { recursive: true });
  const file = join(directory, 'event-driven.template.json');
  const template = JSON.parse(readFileSync(file, 'utf8'));
  // biome-ignore lint/suspicious/noExplicitAny: a template has no static type
  for (const { Type, Properties } of Object.values<any>(template.Resources)) {
    if (Type === 'AWS::Events::Rule' && /from-legacy$/.test(Properties.Name)) {
      Properties.EventPattern.source = ['legacy.shop'];
    }
    const [policy] = (Type === 'AWS::IAM::Role' && Properties.Policies) || [];
    for (const statement of policy?.PolicyDocument.Statement ?? []) {
      if (statement.Action === 'events:PutEvents') statement.Action = action;
    }
  }
  writeFileSync(file, JSON.stringify(template));
  return directory;
}

const entry = (Source: string) => ({
  ...{
    Source,
    DetailType: 'Object Created',
    EventBusName: 'default',
    Detail: '{"total": 300.0, "big": 1e400}',
  },
});

test('the status has the schedule, its state and its next time, and the rules of the other bus', async () => {
  const { stdout } = await deployment.ops('status');
  expect(stdout).toMatch(
    /daily-report +enabled +analytics +cron\(0 7 \* \* \? \*\) in Europe\/Berlin, within 5 minutes, next\s+\d{4}-.*Z/,
  );
  expect(stdout).toMatch(/from-uploads +enabled +bus +an event matches/);
  const { json } = await deployment.ops('status', '--json');
  const [schedule] = json.schedules;
  expect(schedule).toMatchObject({ timezone: 'Europe/Berlin', enabled: true, flexibleMinutes: 5 });
  // 07:00 in Berlin, in winter or in summer.
  expect(schedule.next).toMatch(/T0[56]:00:00/);
});

test('what could not be put on the bus is shown, and put there once it may be, but for what only AWS may put', async () => {
  deployment.stack.eventBridge.putEvents([entry('legacy.shop'), entry('aws.s3')], 'service');
  await deployment.settle();
  const { json: failures } = await deployment.ops('failures', '--json');
  expect(failures.groups).toMatchObject([
    { consumer: 'event-driven-bus', cause: 'NO_PERMISSIONS', count: 2 },
  ]);

  const outcomes = (json: { groups: { outcome: string; reason?: string; count: number }[] }) =>
    json.groups.map(({ outcome, reason, count }) => [outcome, reason, count]).sort();
  const expected = [
    ['left', 'EventBridge takes events of aws.s3 from nobody but AWS, who can send it again', 1],
    ['sent', undefined, 1],
  ];
  const { json: preview } = await deployment.ops('redrive', '--dry-run', '--consumer', 'bus', '--json');
  expect(outcomes(preview)).toEqual(expected);
  const onBus = () => deployment.stepsOf('event-put').filter(({ bus }) => bus === 'event-driven-bus');
  expect(onBus()).toEqual([]);

  deployment.deploy(build('mended', 'events:PutEvents'));
  const { json: redriven } = await deployment.ops('redrive', '--json');
  expect(outcomes(redriven)).toEqual(expected);
  await deployment.settle();
  expect(onBus()).toMatchObject([{ event: { source: 'legacy.shop', 'detail-type': 'Object Created' } }]);
  const archived = deployment.stepsOf('event-archived').map(({ eventId }) => eventId);
  expect(archived).toEqual(onBus().map(({ eventId }) => eventId));
  const { json: after } = await deployment.ops('failures', '--json');
  expect(after.groups).toMatchObject([{ count: 1 }]);
});
