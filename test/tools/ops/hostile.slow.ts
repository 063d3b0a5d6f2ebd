/**
 * Events whose publisher has put control characters into every field: no command, in text or in JSON, lets one of them
 * reach the terminal.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OrderCreated } from '../../../lambdas/events';
import { TYPESCRIPT } from '../../typescript';
import { Builds, Deployment } from './deployment';

jest.setTimeout(60_000);

/** A title of the window, a colour, C1 controls, a forged line, and text that is shown backwards. */
const EVIL = '\u001b]0;owned\u0007\u001b[31m\u009b2J\u0085\u0008\r\nFORGED line\u2028\u202eesrever\u2066';
const RAW = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const { orderId } = OrderCreated.example;

/**
 * Texts that come from the publisher, with the hostile text at their end, names of fields of other objects included.
 */
const spoilt = (value: unknown, keep: readonly string[] = []): unknown => {
  if (typeof value === 'string') return value + EVIL;
  if (Array.isArray(value)) return value.map((each) => spoilt(each, keep));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, keep.includes(key) ? each : spoilt(each, keep)]),
  );
};

const entry = (detail: unknown, more: object = {}) => ({
  ...{ EventBusName: 'event-driven-bus', Source: 'app.orders', DetailType: 'OrderCreated' },
  ...{ Resources: [`arn:aws:any${EVIL}`], Detail: JSON.stringify(detail), ...more },
});
const created = { ...OrderCreated.example };
const ENTRIES = [
  // Handled: only what a contract lets through is spoilt.
  entry({ ...created, customerId: `customer${EVIL}`, [`more${EVIL}`]: EVIL }),
  // An address that cannot be one is left out, and a warning says so.
  entry({ ...created, customerEmail: `jane@example.com${EVIL}` }),
  // Poison: every function that reads it fails, and it waits with its error.
  entry(spoilt(created)),
  entry(spoilt(created, ['orderId'])),
  // Of nobody.
  entry(spoilt(created), { Source: `other${EVIL}`, DetailType: `Other${EVIL}` }),
  entry(created, { Source: `app.orders${EVIL}` }),
];

let builds: Builds;
let deployment: Deployment;
let folder: string;
beforeAll(async () => {
  builds = new Builds();
  folder = mkdtempSync(join(tmpdir(), 'hostile-'));
  deployment = await Deployment.start(builds.faulty({ forbidden: ['order-status-changed'] }), 1);
  for (const each of ENTRIES) deployment.stack.eventBridge.putEvents([each]);
  // What somebody else put into the queue of failed events, and an error that a service says of it.
  deployment.queue('dlq').send({
    body: JSON.stringify(
      spoilt({
        ...{ version: '0', id: 'i', 'detail-type': 't', source: 's', account: '1', region: 'r' },
        ...{ time: 't', resources: ['r'], detail: { orderId, metadata: { eventId: 'e' } } },
      }),
    ),
    attributes: {
      ERROR_CODE: { DataType: 'String', StringValue: `CODE${EVIL}` },
      ERROR_MESSAGE: { DataType: 'String', StringValue: `message${EVIL}` },
      RULE_ARN: { DataType: 'String', StringValue: `arn:aws:events:us-east-1:0:rule/x${EVIL}` },
      TARGET_ARN: { DataType: 'String', StringValue: `arn:aws:lambda:us-east-1:0:function:f${EVIL}` },
    },
  });
  deployment.queue('failed-events').send({
    body: JSON.stringify({
      requestContext: {
        requestId: `r${EVIL}`,
        functionArn: `arn:aws:lambda:us-east-1:0:function:g${EVIL}`,
        condition: `c${EVIL}`,
      },
      requestPayload: spoilt({ id: 'i', metadata: { eventId: 'e' } }),
      responsePayload: { errorType: `Error${EVIL}`, errorMessage: `failed${EVIL}` },
    }),
    attributes: {},
  });
  await deployment.settle();
  writeFileSync(join(folder, 'entries.json'), JSON.stringify(ENTRIES));
  writeFileSync(join(folder, 'event.json'), JSON.stringify(ENTRIES[4]));
});
afterAll(async () => {
  await deployment.stop();
  builds.remove();
  rmSync(folder, { recursive: true });
});

/** Expects nothing raw, and no line that the publisher wrote. */
function expectPrintable(output: string): void {
  for (const line of output.split('\n')) {
    expect([line, RAW.test(line)]).toEqual([line, false]);
    expect(line).not.toMatch(/^FORGED/);
  }
}

const ever = ['--since', '2026-01-01'];
test.each<[string, string[]]>([
  ['trace', ['trace', orderId]],
  ['trace of a hostile id', ['trace', `${orderId}${EVIL}`]],
  ['failures', ['failures']],
  ['tail', ['tail', ...ever]],
  ['tail of one order', ['tail', ...ever, '--only', `order=${orderId}`]],
  ['status', ['status']],
  ['redrive in advance', ['redrive', '--dry-run', '--include-poison']],
  ['redrive to a hostile name', ['redrive', '--consumer', EVIL]],
  ['replay in advance', ['replay', '--from', '1d', '--to', 'now', '--allow-recent', '--dry-run']],
  ['replay for a hostile name', ['replay', '--from', '1d', '--to', 'now', '--rule', EVIL, '--dry-run']],
  ['rebuild in advance', ['rebuild', '--order', orderId, '--dry-run']],
  ['publish in advance', ['publish', 'entries.json', '--dry-run']],
  ['publish', ['publish', 'entries.json']],
  ['report of a hostile day', ['report', '--date', EVIL]],
])('ops %s', async (_, args) => {
  const given = args.map((each) => (each === 'entries.json' ? join(folder, each) : each));
  const told = await deployment.ops(...given);
  expectPrintable(told.stdout + told.stderr);
  const json = await deployment.ops(...given, '--json');
  expectPrintable(json.stdout + json.stderr);
  if (json.stdout !== '') {
    for (const line of args[0] === 'tail' ? json.stdout.trim().split('\n') : [json.stdout]) JSON.parse(line);
  }
});

test('failures and trace have shown the hostile events, escaped', async () => {
  const { stdout } = await deployment.ops('failures');
  expect(stdout).toContain('PoisonEventError');
  expect(stdout).toMatch(/CODE\\x1b/);
});

test.each([
  ['routes --event', ['bin/routes.ts', '--assembly', 'BUILD', '--event', 'EVENT']],
  ['routes --event --json', ['bin/routes.ts', '--assembly', 'BUILD', '--event', 'EVENT', '--json']],
  ['routes --pattern', ['bin/routes.ts', '--assembly', 'BUILD', '--pattern', 'EVENT']],
])('%s', (_, args) => {
  const files: Readonly<Record<string, string>> = { BUILD: builds.intact, EVENT: join(folder, 'event.json') };
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [...TYPESCRIPT, ...args.map((each) => files[each] ?? each)],
    { encoding: 'utf8' },
  );
  expect(stdout + stderr).not.toBe('');
  expectPrintable(stdout + stderr);
});

test('every command of the tool is tried', () => {
  const tried = readFileSync(__filename, 'utf8');
  const commands = [...readFileSync('tools/ops/cli.ts', 'utf8').matchAll(/\.command\('(\w+)/g)];
  expect(commands.length).toBeGreaterThan(0);
  for (const [, name] of commands) expect(tried).toContain(`['${name}'`);
});
