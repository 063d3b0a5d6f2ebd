/** Every command, wrongly asked: one line that says what to do, exit code 2, and nothing has changed. */
import { join } from 'node:path';
import { Builds, Deployment, type Outcome, runTool, startTool } from './deployment';

jest.setTimeout(240_000);

interface Case {
  /** Command as typed; without an address it is the deployment's. */
  readonly command: string;
  /** Environment of a tool that is not told where the deployment is. */
  readonly env?: NodeJS.ProcessEnv;
  readonly stdin?: string;
  /** Rest of the line after `error: `. */
  readonly says: string;
}

const COMMANDS = [
  'status',
  'publish --example OrderCreated',
  'trace order-1001',
  'failures',
  'redrive',
  'replay --from 2h --to 1h --yes',
];

const CASES: Case[] = [
  ...COMMANDS.flatMap((command) => [
    {
      command: `${command} --stage nowhere`,
      says: '--stage is "nowhere", but must be one of cdk.json\'s stages: production, ',
    },
    {
      command: `${command} --stage dev`,
      says: 'Stack event-driven-dev (stage dev) is not deployed at http://127.0.0.1:',
    },
    { command, env: { AWS_REGION: 'us-east-1' }, says: 'No AWS credentials were found: set AWS_PROFILE, or' },
  ]),
  {
    command: 'status',
    env: { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' },
    says: 'No AWS region is set: add --region',
  },
  {
    command: 'status',
    env: { AWS_ENDPOINT_URL: 'http://127.0.0.1:9' },
    says: 'Nothing answers at http://127.0.0.1:9: start the local run with npm start',
  },
  { command: 'status', env: { AWS_ENDPOINT_URL: 'here' }, says: '--endpoint-url is "here", but must be' },
  {
    command: 'report --date yesterday',
    says: '--date is "yesterday", but must be a day such as 2026-01-15.',
  },
  { command: 'report --date 2026-02-30', says: '--date is "2026-02-30", but must be a day' },
  { command: 'report --date 2999-01-01', says: '--date is 2999-01-01, which has not begun (UTC).' },
  {
    command: `report --date ${new Date().toISOString().slice(0, 10)}`,
    says: `--date is ${new Date().toISOString().slice(0, 10)}, which is not over (UTC): ask tomorrow, or add --partial.`,
  },
  { command: 'rebuild --yes', says: 'Name what to rebuild: --order ID, or --from TIME --to TIME.' },
  {
    command: 'rebuild --order order-1 --to 1h --yes',
    says: '--to goes with --from alone: the events of an --order are read up to now.',
  },
  {
    command: 'rebuild --order order-1',
    says: 'A rebuild must be confirmed, and there is no terminal to ask on: look at --dry-run, then add --yes.',
  },
  { command: 'publish', says: 'Name one thing to publish: a FILE, - for stdin, or --example TYPE.' },
  {
    command: 'publish none.json',
    says: `none.json cannot be read: ENOENT: no such file or directory, open '${join(process.cwd(), 'none.json')}'.`,
  },
  { command: 'publish README.md', says: 'README.md, line 1 is no JSON:' },
  {
    command: 'publish package.json',
    says: 'package.json, event 1: no event. Expected {"Source", "DetailType", "Detail"}',
  },
  { command: 'publish --example Order', says: '--example is "Order", but must be one of OrderCreated,' },
  { command: 'publish - --type Order', says: '--type is "Order", but must be one of OrderCreated,' },
  { command: 'trace', says: "missing required argument 'ID' See: npm run ops -- --help" },
  {
    command: 'trace jane@example.com',
    says: '"jane@example.com" is neither an order id nor a correlation id.',
  },
  { command: 'trace order-1001 --since monday', says: '--since is "monday": give a time with its zone' },
  {
    command: 'failures --limit 0',
    says: "option '--limit <n>' argument '0' is invalid. It must be a whole number from 1 to 100000.",
  },
  {
    command: 'redrive --rate fast',
    says: "option '--rate <n>' argument 'fast' is invalid. It must be a whole number from 1 to 1000.",
  },
  {
    command: 'redrive --consumer shop',
    says: '--consumer is "shop", but must be one of order-processor, notifier, analytics, bus.',
  },
  { command: 'replay', says: 'A replay needs its window: --from TIME --to TIME' },
  { command: 'replay --from 1h --to 2h --yes', says: 'The window is upside down: --from is' },
  { command: 'replay --from 1h --to 5m --yes', says: '--to is' },
  {
    command: 'replay --from 2h --to 1h',
    says: 'A replay must be confirmed, and there is no terminal to ask on',
  },
  {
    command: 'replay --from 2h --to 1h --rule none --yes',
    says: '--rule is "none", but must be one of order-created,',
  },
  {
    command: 'replay --from 2h --to 1h --rule order-status-changed --yes',
    says: 'Rule event-driven-order-status-changed notifies customers',
  },
  {
    command: 'replay --from 2h --to 1h --notify-customers --yes',
    says: 'Rule event-driven-order-status-changed takes no replayed events',
  },
  {
    command: 'replay --cancel none',
    says: '--cancel is "none", but the stack\'s archive has no such replay.',
  },
  {
    command: 'replay --cancel none --from 1h',
    says: "option '--cancel <name>' cannot be used with option '--from <time>'",
  },
  {
    command: 'redrive --rat 5',
    says: "unknown option '--rat' (Did you mean --rate?) See: npm run ops -- --help",
  },
  {
    command: 'redirve',
    says: "unknown command 'redirve' (Did you mean redrive?) See: npm run ops -- --help",
  },
  {
    command: 'publish - --type OrderCreated',
    stdin: details({}, { total: -1 }, {}),
    says: 'stdin, line 2: app.orders/OrderCreated: detail.total: expected at least 0, received -1. Nothing',
  },
  {
    // What would make an order's event too large is a field that the contract does not have.
    command: 'publish - --type OrderCreated',
    stdin: details({}, { note: 'x'.repeat(1_100_000) }),
    says: 'stdin, line 2: app.orders/OrderCreated: detail.note: is no field of version 1;',
  },
];

function details(...changes: readonly object[]): string {
  const lines = changes.map((change, index) => ({
    orderId: `order-${index}`,
    customerId: 'customer',
    total: 1,
    ...change,
  }));
  return lines.map((line) => JSON.stringify(line)).join('\n');
}

let builds: Builds;
let deployment: Deployment;
let before: unknown;
const outcomes = new Map<Case, Outcome>();

/** Cases that need an error of Node's that Jest does not wrap. */
const needsProcess = ({ says }: Case) => says.startsWith('Nothing answers');

/** Everything that a command could change. */
const state = async () => ({
  orders: await deployment.orders(),
  queues: deployment.stack.queues.map((queue) =>
    queue.peek().map(({ id, visibleAt }) => ({ id, visibleAt })),
  ),
  published: deployment.stepsOf('event-put').length,
  invoked: deployment.stepsOf('invocation-started').length,
  replays: deployment.stack.eventBridge.listReplays(),
});

beforeAll(async () => {
  builds = new Builds();
  deployment = await Deployment.start(builds.faulty({ forbidden: ['order-created'] }));
  await deployment.ops('publish', '--example', 'OrderCreated');
  await deployment.settle();
  before = await state();

  // Several at a time: they change nothing, so they cannot disturb each other.
  const waiting = CASES.filter(needsProcess);
  const where = ({ command, env }: Case) => [
    ...command.split(' '),
    ...(env ? [] : ['--endpoint-url', deployment.stack.url]),
  ];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      outcomes.set(next, await startTool(where(next), next.env, next.stdin).ended);
    }
  };
  await Promise.all([work(), work(), work()]);
  for (const each of CASES.filter((each) => !needsProcess(each)))
    outcomes.set(each, await runTool(where(each), each.env, each.stdin));
});
afterAll(async () => {
  await deployment?.stop();
  builds?.remove();
});

test.each(CASES)('$command: $says', (each) => {
  const { exitCode, stdout, stderr = '' } = outcomes.get(each) ?? {};
  expect({ exitCode, stdout, lines: stderr.split('\n') }).toEqual({
    exitCode: 2,
    stdout: '',
    lines: [expect.stringContaining(`error: ${each.says}`), ''],
  });
});

test('none of all these has changed anything', async () => {
  expect(await state()).toEqual(before);
});
