/**
 * The README's "Add an event", followed in a copy of the project: an event `InvoiceSent` with a new function `billing`.
 * What has to be written beside contract and handler stays small, all tools know the new event and function, and no
 * test breaks but the snapshot and the picture, each of which a command renews.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

jest.setTimeout(900_000);

const CONTRACT = `
/** A customer was sent an invoice. */
export const InvoiceSent = new EventContract({
  source: 'app.billing',
  detailType: 'InvoiceSent',
  version: 1,
  schema: v.object({
    invoiceId: v.pipe(v.string(), v.regex(/^[\\w-]{1,64}$/, '1 to 64 letters, digits, _ or -')),
    amount: v.pipe(v.number(), v.minValue(0, 'at least 0')),
  }),
  complete: (detail) => detail,
  personalData: [],
  example: { invoiceId: 'invoice-1', amount: 12.5 },
});
`;

const HANDLER = `/** Books an invoice that was sent. */
import { InvoiceSent } from '../events';
import { type Handled, observed } from '../telemetry';

export const makeHandler = () =>
  observed(async (event): Promise<Handled<{ booked: number }>> => {
    const { detail } = InvoiceSent.parse(event);
    return { outcome: 'booked', response: { booked: detail.amount } };
  }, InvoiceSent.detailType);

export const handler = makeHandler();
`;

/** Lines that are written beside contract and handler: in which file, before which line. */
const EDITS: readonly [file: string, before: string, lines: string][] = [
  ['lambdas/consumers.ts', 'import { METRICS,', "import { InvoiceSent } from './events';\n"],
  [
    'lambdas/consumers.ts',
    '  analytics: {\n',
    `  billing: {
    receives: [InvoiceSent],
    replayed: true,
    accepts: (payload) => {
      InvoiceSent.parse(payload);
    },
    personalData: [],
    publishes: [],
    calls: [],
  },
`,
  ],
  [
    'lib/event-driven-stack.ts',
    'import { NOTIFICATION_INPUT_PATHS',
    "import { InvoiceSent } from '../lambdas/events';\n",
  ],
  [
    'lib/event-driven-stack.ts',
    '    orders.grantFold(',
    `    const billing = new EventHandler(this, 'Billing', {
      entry: 'billing',
      timeout: Duration.seconds(30),
      failedEvents,
      config,
    });
`,
  ],
  [
    'lib/event-driven-stack.ts',
    "    bus.schedule('daily-report'",
    `    bus.subscribe('invoice-sent', InvoiceSent, billing, {
      targetId: 'Billing',
      description: 'An invoice is booked',
    });
`,
  ],
  [
    'docs/runbook.md',
    '| `daily-report`, `analytics`',
    '| `invoice-sent`, `billing` | An invoice that was sent is not booked. |\n',
  ],
];

/** The commands of the README that renew what is made of the code. */
const RENEW = [
  'npm run -s contracts',
  'npm run -s schema',
  'npm run -s routes -- --svg docs/flow.svg',
  'npx jest --coverage=false -u test/lib/event-driven-stack.test.ts',
];

/** Tests of what the app consists of. The others use stacks of their own, or start this one a second time. */
const APP_TESTS = [
  'test/lib/event-driven',
  'test/lib/monitoring.test.ts',
  'test/lib/settings.test.ts',
  'test/lambdas/consumers.test.ts',
  'test/lambdas/events.test.ts',
  'test/lambdas/samples.test.ts',
  'test/lambdas/start.test.ts',
  'test/lambdas/bundle.test.ts',
  'test/tools/proof/routes',
  'test/tools/proof/audit',
  'test/tools/proof/contracts',
  'test/tools/ops/event-file.test.ts',
  'test/lint.test.ts',
];

const SAMPLE = {
  Source: 'app.billing',
  DetailType: 'InvoiceSent',
  Detail: { invoiceId: 'invoice-7', amount: 3 },
};

let copy: string;
let written = 0;

function edit(file: string, before: string, lines: string): void {
  const text = readFileSync(join(copy, file), 'utf8');
  const [head, ...rest] = text.split(before);
  if (rest.length !== 1) throw new Error(`${file} has ${rest.length} times ${before}`);
  writeFileSync(join(copy, file), `${head}${lines}${before}${rest[0]}`);
}

function run(command: string): { status: number | null; output: string } {
  const { CI, CDK_OUTDIR, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(command, { cwd: copy, shell: true, encoding: 'utf8', env });
  return { status, output: `${stdout}${stderr}` };
}

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'extension-'));
  const left = ['node_modules', 'cdk.out', 'coverage', '.git'];
  for (const name of readdirSync('.').filter((each) => !left.includes(each)))
    cpSync(name, join(copy, name), { recursive: true });
  symlinkSync(join(process.cwd(), 'node_modules'), join(copy, 'node_modules'));

  edit('lambdas/events.ts', '/** All contracts. */', `${CONTRACT.trimStart()}\n`);
  mkdirSync(join(copy, 'lambdas', 'billing'));
  writeFileSync(join(copy, 'lambdas', 'billing', 'handler.ts'), HANDLER);

  for (const [file, before, lines] of EDITS) {
    edit(file, before, lines);
    written += lines.trimEnd().split('\n').length;
  }
  const events = join(copy, 'lambdas', 'events.ts');
  writeFileSync(
    events,
    readFileSync(events, 'utf8').replace(/(export const CONTRACTS = \[[^\]]*?),?\s*\]/, '$1, InvoiceSent]'),
  );
  written++;
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

test('it takes at most 40 lines beside contract and handler', () => {
  expect(written).toBeLessThanOrEqual(40);
});

test.each(['npx tsc', 'npm run -s structure'])('%s passes', (command) => {
  expect(run(command)).toMatchObject({ status: 0 });
});

test('npm run routes proves the new event up to the new function', () => {
  const { status, output } = run('npm run -s routes');
  expect(output).toMatch(/app\.billing\/InvoiceSent[\s\S]*No findings\./);
  expect(status).toBe(0);
});

test('npm run audit finds no gap on the way of the new function', () => {
  const { status, output } = run('npm run -s audit -- --json');
  const { gaps, hops } = JSON.parse(output);
  expect(gaps).toEqual([]);
  expect(JSON.stringify(hops)).toContain('billing');
  expect(status).toBe(0);
});

test('npm start delivers the event, and the function handles it', () => {
  for (const folder of ['entries', 'expected'])
    for (const name of readdirSync(join(copy, 'samples', folder)))
      rmSync(join(copy, 'samples', folder, name));
  const entry = { ...SAMPLE, EventBusName: 'event-driven-bus', Detail: JSON.stringify(SAMPLE.Detail) };
  writeFileSync(join(copy, 'samples', 'entries', 'invoice.json'), JSON.stringify([entry]));
  writeFileSync(join(copy, 'samples', 'expected', 'invoice.json'), '[]');
  const { status, output } = run('npm start -s -- --once --json --port 0');
  const steps = output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  expect(steps).toContainEqual(
    expect.objectContaining({ kind: 'invocation-succeeded', function: 'event-driven-billing' }),
  );
  expect(steps.map(({ message = '' }) => message).join('\n')).toContain('"outcome":"booked"');
  expect(status).toBe(0);
  for (const folder of ['entries', 'expected'])
    cpSync(join('samples', folder), join(copy, 'samples', folder), { recursive: true });
});

test('no test breaks when what is made of the code is renewed', () => {
  for (const command of RENEW)
    expect([command, run(command)]).toEqual([command, expect.objectContaining({ status: 0 })]);
  const { output } = run(`npx jest --coverage=false --silent ${APP_TESTS.join(' ')}`);
  expect(output.split('\n').filter((line) => /^\s+● /.test(line))).toEqual([]);
  expect(output).toMatch(/^Tests: +\d+ passed/m);
});
