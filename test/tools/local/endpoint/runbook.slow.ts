/**
 * Every command of the runbook, typed as it stands there, against the running stack: `aws` by the real AWS CLI, which
 * is skipped where there is none, and the operator's tool.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { Builds, Deployment } from '../../ops/deployment';

/** Sections of what is not here: a deployment, which only CloudFormation changes, and what settings bring that are off. */
const NOT_HERE = [
  ...['Deploy', 'mail-undelivered', 'inflow-failing', 'schedule-failing', 'bus-dlq-depth'],
  'workflow-failed', // Typed by the test of the targets, which has one.
];
/** Quotas are of an account, which the local run is not. */
const OF_ACCOUNT = /^aws service-quotas /;
/** Waits for the archive for ten minutes of the machine's time; the operator's own tests have it. */
const WAITS = /rebuild --order \S+(?!.*--dry-run)/;

interface Command {
  readonly section: string;
  readonly command: string;
}

function readCommands(): Command[] {
  const commands: Command[] = [];
  for (const section of readFileSync('docs/runbook.md', 'utf8').split(/^## /m)) {
    const name = section.split('\n')[0] ?? '';
    if (NOT_HERE.includes(name)) continue;
    for (const [, block = ''] of section.matchAll(/^```sh\n(.*?)^```/gms)) {
      // Lines that go on, or that set a variable for those after them, are one command.
      const joined = block.replaceAll('\\\n', ' ').replaceAll(/^(\w+=.*)\n/gm, '$1; ');
      for (const line of joined.split(/\n(?! )/)) {
        if (line.trim() !== '' && !line.startsWith('npx cdk'))
          commands.push({ section: name, command: line });
      }
    }
  }
  return commands;
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

/** The first of the project's samples. */
function sampleEntry() {
  const [file = ''] = readdirSync('samples/entries').sort();
  const content = JSON.parse(readFileSync(join('samples/entries', file), 'utf8'));
  return Array.isArray(content) ? content[0] : content;
}

const cli = versionOfCli();
const commands = readCommands();
const byCli = commands.filter(({ command }) => /\baws /.test(command) && !OF_ACCOUNT.test(command));
const byTool = commands.filter(({ command }) => command.startsWith('npm run ops') && !WAITS.test(command));

const builds = new Builds();
let deployment: Deployment;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'runbook-'));
  deployment = await Deployment.start(builds.intact);
  deployment.stack.eventBridge.putEvents([sampleEntry()]);
  await deployment.settle();
});
afterAll(async () => {
  await deployment.stop();
  builds.remove();
  rmSync(directory, { recursive: true });
});

async function type(command: string): Promise<{ exitCode: number | null; output: string }> {
  const { PATH, HOME } = process.env;
  const child = spawn('bash', ['--norc', '-eo', 'pipefail', '-c', command], {
    cwd: directory,
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

/**
 * Version 1 of the CLI has no `logs tail`, which asks for the same as this does, and a name of its own for SQS, which
 * wins over the variable.
 */
function forVersion(command: string): string {
  if (cli !== '1') return command;
  return command
    .replace(/aws logs tail (\S+) --since \S+/, 'aws logs filter-log-events --log-group-name $1')
    .replaceAll('aws sqs ', `aws --endpoint-url ${deployment.stack.url} sqs `);
}

test('the runbook has commands of both kinds', () => {
  expect(byCli.length).toBeGreaterThan(0);
  expect(byTool.length).toBeGreaterThan(0);
});

if (!cli) test('the commands of the AWS CLI are skipped, since there is no aws on the PATH', () => undefined);

(cli ? describe : describe.skip)('the AWS CLI gets an answer to', () => {
  test.each(byCli)('$section: $command', async ({ command }) => {
    const { exitCode, output } = await type(forVersion(command));
    expect({ exitCode, output: exitCode === 0 ? '' : output }).toEqual({ exitCode: 0, output: '' });
  });

  test('and who did it is in the event history', async () => {
    const { output } = await type(
      'aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=DisableRule',
    );
    expect(output).toContain('"Username": "local"');
  });
});

describe('the operator’s tool does', () => {
  test.each(byTool)('$section: $command', async ({ command }) => {
    const file = join(directory, 'lost-events.jsonl');
    writeFileSync(file, `${JSON.stringify(sampleEntry())}\n`);
    const tool = `cd ${resolve('.')} && node -r esbuild-register bin/ops.ts --endpoint-url ${deployment.stack.url}`;
    const typed = command.replace('npm run ops --', tool).replace(' lost-events.jsonl', ` ${file}`);
    // What asks first is answered: there is no terminal here.
    const answered = typed
      .replace(/ +#.*$/, '')
      .replace(/(\b(?:replay|rebuild) (?!.*--dry-run).*)$/, '$1 --yes');
    const { exitCode, output } = await type(answered);
    // 1 is a finding: an alarm, or something that was not found.
    expect({ exitCode, output }).toMatchObject({ exitCode: exitCode === 1 ? 1 : 0 });
    expect(output).not.toMatch(/does not know|InternalFailure|at .*\.ts:\d+/);
  });
});
