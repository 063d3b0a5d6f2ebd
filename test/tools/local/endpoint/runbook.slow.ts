/**
 * Every command of the runbook, typed as it stands there against a running stack that has the entry's alarm: `aws` by
 * the real AWS CLI, which is skipped where there is none, and the operator's tool. A block is typed line by line, up
 * to the first line that the local run cannot do: it then says why.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { type Assembly, readAssembly } from '../../../../tools/template/assembly';
import { documentedProject, sections, synthesizeProject } from '../../../targets/documented-project';
import { LOADER } from '../../../typescript';
import { Builds, Deployment } from '../../ops/deployment';
import { readRunbook } from './runbook';

jest.setTimeout(60_000);

/** Settings that bring alarms and resources that the stack otherwise has not. */
const SETTINGS = {
  ...{
    alarmEmail: 'ops@example.com',
    ticketEmail: 'tickets@example.com',
    notificationEmail: 'shop@example.com',
  },
  serviceEvents: { uploads: { source: ['aws.s3'], 'detail-type': ['Object Created'] } },
  partnerBuses: { shop: 'aws.partner/shopify.com/123/orders' },
  outboxes: { shipping: 'OrderStatusChanged' },
  dailyReportScheduler: { timezone: 'Europe/Berlin', flexibleMinutes: 9 },
  customerManagedKey: true,
  alarms: { trafficFloor: 1 },
};
/** Says that there is no such thing in a local run, and why. */
const NOT_HERE = /The local run has what the template has: \S+ (is|needs|would) /;

/** A stack that commands are typed against. */
class Typing {
  #deployment: Deployment | undefined;
  readonly directory = mkdtempSync(join(tmpdir(), 'runbook-'));

  /** @param project folder of the operator's tool */
  constructor(
    readonly build: string,
    readonly project: string,
  ) {}

  /** Entries of the runbook that the stack's alarms name. */
  get entries(): ReadonlySet<string> {
    return new Set(alarmsOf(readAssembly(this.build)).map(({ entry }) => entry));
  }

  async #started(): Promise<Deployment> {
    if (!this.#deployment) {
      this.#deployment = await Deployment.start(this.build);
      this.#deployment.stack.eventBridge.putEvents([sampleEntry()]);
      await this.#deployment.settle();
    }
    return this.#deployment;
  }

  async stop(): Promise<void> {
    await this.#deployment?.stop();
    rmSync(this.directory, { recursive: true });
  }

  /** Lets seconds pass. */
  async pass(seconds: number): Promise<void> {
    await this.#deployment?.advance(seconds);
    await this.#deployment?.settle();
  }

  async type(command: string): Promise<{ exitCode: number | null; output: string }> {
    const deployment = await this.#started();
    const { PATH, HOME } = process.env;
    const child = spawn('bash', ['--norc', '-eo', 'pipefail', '-c', this.#typed(command, deployment)], {
      cwd: this.directory,
      env: {
        ...{ PATH, HOME, AWS_ENDPOINT_URL: deployment.stack.url, AWS_REGION: 'us-east-1' },
        ...{ AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', AWS_DEFAULT_REGION: 'us-east-1' },
        ...{ AWS_CONFIG_FILE: '/none', AWS_SHARED_CREDENTIALS_FILE: '/none', AWS_MAX_ATTEMPTS: '1' },
      },
    });
    child.stdin.end();
    const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    ended.then(over, over);
    // A second of the stack's time passes in some milliseconds: some commands wait for minutes.
    while (!isOver) {
      await deployment.advance(1);
      await pause(5);
    }
    const [stdout, stderr, [exitCode]] = await ended;
    return { exitCode, output: `${stdout}${stderr}` };
  }

  #typed(command: string, { stack: { url } }: Deployment): string {
    if (!command.startsWith('npm run ops')) return cli === '1' ? forVersion1(command, url) : command;
    const file = join(this.directory, 'lost-events.jsonl');
    writeFileSync(file, `${JSON.stringify(sampleEntry())}\n`);
    const program = [LOADER, 'bin/ops.ts'];
    const tool = `cd ${this.project} && node -r ${program.join(' ')} --endpoint-url ${url}`;
    // What asks first is answered: there is no terminal here.
    return command
      .replace('npm run ops --', tool)
      .replace(' lost-events.jsonl', ` ${file}`)
      .replace(/ +#.*$/, '')
      .replace(/(\b(?:replay|rebuild) (?!.*--dry-run).*)$/, '$1 --yes');
  }
}

function alarmsOf(assembly: Assembly): { name: string; entry: string }[] {
  return ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm']
    .flatMap(assembly.ofType)
    .map(({ name, properties: { AlarmDescription } }) => ({
      name,
      entry: String(AlarmDescription).split('docs/runbook.md#')[1] ?? '',
    }));
}

function versionOfCli(): string | undefined {
  try {
    return /aws-cli\/(\d+)/.exec(
      execFileSync('aws', ['--version'], { encoding: 'utf8', stdio: 'pipe' }),
    )?.[1];
  } catch {
    return undefined;
  }
}

/**
 * Version 1 of the CLI has no `logs tail`, which asks for the same as this does, takes a payload as it is, and has a
 * name of its own for SQS, which wins over the variable.
 */
function forVersion1(command: string, url: string): string {
  return command
    .replace(/aws logs tail (\S+) --since \S+/, 'aws logs filter-log-events --log-group-name $1')
    .replace(' --cli-binary-format raw-in-base64-out', '')
    .replaceAll('aws sqs ', `aws --endpoint-url ${url} sqs `);
}

/** The first of the project's samples. */
function sampleEntry() {
  const [file = ''] = readdirSync('samples/entries').sort();
  const content = JSON.parse(readFileSync(join('samples/entries', file), 'utf8'));
  return Array.isArray(content) ? content[0] : content;
}

const cli = versionOfCli();
const runbook = readRunbook();
const builds = new Builds();
let plain: Typing;
/** Stack with every setting and every target. */
let everything: Typing;
/** Stack as after a failed deployment: its commands delete. */
let leftOver: Typing;

beforeAll(() => {
  const project = documentedProject(sections());
  synthesizeProject(project, { stages: { production: SETTINGS } });
  plain = new Typing(builds.intact, resolve('.'));
  leftOver = new Typing(builds.intact, resolve('.'));
  everything = new Typing(join(project, 'cdk.out'), project);
});
afterAll(async () => {
  for (const each of [plain, leftOver, everything]) await each.stop();
  builds.remove();
});

/** Commands that create what an entry's commands look at. */
const BEFORE: Readonly<Record<string, string>> = {
  'outbox-depth':
    'aws dynamodb put-item --table-name event-driven-outbox-shipping --item \'{"eventId": {"S": "ID"}, "orderId": {"S": "order-1001"}, "status": {"S": "SHIPPED"}}\'',
  // An execution without an order fails at its first state that asks for it.
  'workflow-failed':
    "aws stepfunctions start-execution --input '{}' --state-machine-arn $(aws stepfunctions list-state-machines --query 'stateMachines[0].stateMachineArn' --output text)",
};

/** The stack that has the alarm of the entry; an entry of no alarm is of every stack. */
function stackFor(section: string): Typing {
  if (section === 'Deploy') return leftOver;
  return !plain.entries.has(section) && everything.entries.has(section) ? everything : plain;
}

test('each alarm has an entry, and each entry of an alarm is typed where there is one', () => {
  const headings = [...readFileSync('docs/runbook.md', 'utf8').matchAll(/^## (.+)$/gm)].map(
    ([, name]) => name,
  );
  const entries = new Set([...plain.entries, ...everything.entries]);
  expect([...entries].filter((entry) => !headings.includes(entry))).toEqual([]);
  const ofAlarms = headings.filter((name = '') => /^[a-z-]+$/.test(name));
  expect(ofAlarms.filter((name = '') => !entries.has(name))).toEqual([]);
});

const typedByCli = runbook.filter(({ commands }) => commands.some((command) => /\baws /.test(command)));
/** Waits for the archive for ten minutes of the machine's time; the operator's own tests have it. */
const WAITS = /rebuild --order \S+(?!.*--dry-run)/;
const typedByTool = runbook.flatMap(({ section, commands }) =>
  commands.flatMap((command) =>
    command.startsWith('npm run ops') && !WAITS.test(command) ? { section, command } : [],
  ),
);

test('the runbook has commands of both kinds', () => {
  expect(typedByCli.length).toBeGreaterThan(0);
  expect(typedByTool.length).toBeGreaterThan(0);
});

if (!cli) test('the commands of the AWS CLI are skipped, since there is no aws on the PATH', () => undefined);

(cli ? describe : describe.skip)('the AWS CLI gets an answer to', () => {
  test.each(typedByCli.map(({ section, commands }) => ({ section, commands, first: commands[0] })))(
    '$section: $first',
    async ({ section, commands }) => {
      const stack = stackFor(section);
      const before = BEFORE[section];
      if (before) {
        expect(await stack.type(before)).toMatchObject({ exitCode: 0 });
        await stack.pass(900);
      }
      for (const command of commands) {
        if (!/\baws /.test(command)) continue;
        const { exitCode, output } = await stack.type(command);
        if (NOT_HERE.test(output)) return;
        expect({ command, exitCode, output: exitCode === 0 ? '' : output }).toEqual({
          ...{ command, exitCode: 0, output: '' },
        });
      }
    },
  );

  test('and who did it is in the event history', async () => {
    const { output } = await plain.type(
      'aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=DisableRule',
    );
    expect(output).toContain('"Username": "local"');
  });
});

describe('the operator’s tool does', () => {
  // Several entries have the same command.
  const typed = new Set<string>();
  test.each(typedByTool)('$section: $command', async ({ section, command }) => {
    const stack = stackFor(section);
    const key = `${stack.build} ${command.replace(/ +#.*$/, '')}`;
    if (typed.has(key)) return;
    typed.add(key);
    const { exitCode, output } = await stack.type(command);
    // The one of the entry before has ended by now.
    if (/--cancel/.test(command) && /cannot be cancelled: it is COMPLETED already/.test(output)) return;
    // 1 is a finding: an alarm, or something that was not found.
    expect({ exitCode, output }).toMatchObject({ exitCode: exitCode === 1 ? 1 : 0 });
    expect(output).not.toMatch(/does not know|InternalFailure|at .*\.ts:\d+/);
  });
});
