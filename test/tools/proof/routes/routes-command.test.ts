import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { APP } from '../../../../bin/app-description';
import { drawFlow, withDiagram } from '../../../../tools/proof/routes/diagram';
import { synthesize } from '../../../lib/synthesize';
import { assemblyOf, writeAssembly } from '../assembly';

let folder: string;
// biome-ignore lint/suspicious/noExplicitAny: a template is JSON
let template: any;
beforeAll(() => {
  template = synthesize().toJSON();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'routes-'));
  writeAssembly(folder, template);
});
afterEach(() => rmSync(folder, { recursive: true }));

const routes = (...args: string[]): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, ['-r', 'esbuild-register', 'bin/routes.ts', ...args], {
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  });

test('prints the matrix and the payloads, and ends well, if nothing is wrong', () => {
  const { status, stdout, stderr } = routes('--assembly', folder);
  expect(stderr).toBe('');
  expect(stdout).toContain('│   status = "PENDING", "CONFIRMED"');
  expect(stdout).toContain('"message": "Your order order-1001 has been SHIPPED"');
  expect(stdout).toMatch(/No findings\.\n$/);
  expect(status).toBe(0);
});

test('ends with exit code 1 and names the finding if something is wrong', () => {
  const broken = JSON.parse(JSON.stringify(template).replaceAll('"OrderCreated"', '"OrderCreate"'));
  writeAssembly(folder, broken);
  const { status, stdout } = routes('--assembly', folder);
  expect(stdout).toContain('✗ dead-rule: Rule event-driven-order-created matches no event of any contract.');
  expect(status).toBe(1);
});

test('--json prints the whole proof as one document', () => {
  const { status, stdout } = routes('--assembly', folder, '--json');
  const proof = JSON.parse(stdout);
  expect(Object.keys(proof)).toEqual(['rules', 'archives', 'events', 'schedules', 'findings', 'notLookedAt']);
  expect(proof.rules).toHaveLength(5);
  expect(status).toBe(0);
});

test('--verbose prints every event by itself', () => {
  const { stdout } = routes('--assembly', folder, '--verbose');
  expect(stdout).toContain('app.orders/OrderCreated: customerId containing a double quote');
});

test('--mermaid prints the picture', () => {
  const { stdout } = routes('--assembly', folder, '--mermaid');
  expect(stdout).toBe(drawFlow(assemblyOf(template), APP));
});

test('--readme puts the picture between its markers and leaves the rest alone', () => {
  const file = join(folder, 'README.md');
  writeFileSync(file, '# Title\n\n<!-- routes:start -->\nold\n<!-- routes:end -->\n\nText\n');
  expect(routes('--assembly', folder, '--readme', file).status).toBe(0);
  const picture = drawFlow(assemblyOf(template), APP);
  const block = `<!-- routes:start -->\n\n\`\`\`mermaid\n${picture}\`\`\`\n\n<!-- routes:end -->`;
  expect(readFileSync(file, 'utf8')).toBe(`# Title\n\n${block}\n\nText\n`);
});

describe('bad input is one line and exit code 2', () => {
  test.each([
    ['an unknown flag', ['--foo'], "error: unknown option '--foo'"],
    ['an argument', ['README.md'], 'error: too many arguments. Expected 0 arguments but got 1.'],
    ['an assembly that is not there', ['--assembly', 'nowhere'], '--assembly nowhere is not a folder'],
    [
      'two outputs at once',
      ['--json', '--mermaid'],
      "error: option '--mermaid' cannot be used with option '--json'",
    ],
  ])('%s', (_, args, message) => {
    const { status, stdout, stderr } = routes(...args);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(status).toBe(2);
  });

  test.each([
    ['no manifest', { 'manifest.json': undefined }, 'manifest.json (ENOENT)'],
    ['a manifest that is not JSON', { 'manifest.json': '{' }, 'manifest.json is not JSON'],
    ['a manifest of something else', { 'manifest.json': 'null' }, 'is not a cloud assembly'],
    ['no stack', { 'manifest.json': '{}' }, 'has no stack; it has: none.'],
    ['a template that is none', { 'event-driven.template.json': '[]' }, 'is a template without resources.'],
    [
      'a template without rules',
      { 'event-driven.template.json': '{"Resources":{"T":{"Type":"AWS::SNS::Topic"}}}' },
      'has no AWS::Events::Rule.',
    ],
  ])('an assembly with %s', (_, files, message) => {
    for (const [name, text] of Object.entries(files)) {
      if (text === undefined) rmSync(join(folder, name));
      else writeFileSync(join(folder, name), text);
    }
    const { status, stderr } = routes('--assembly', folder);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(status).toBe(2);
  });

  test('a file without the markers, which stays as it is', () => {
    const file = join(folder, 'README.md');
    writeFileSync(file, '# Title\n');
    const { status, stderr } = routes('--assembly', folder, '--readme', file);
    expect(stderr).toContain('has no lines <!-- routes:start --> and <!-- routes:end -->');
    expect(status).toBe(2);
    expect(readFileSync(file, 'utf8')).toBe('# Title\n');
  });
});

describe('the picture', () => {
  test("in the README is that of the stack's template (`npm run routes -- --readme README.md`)", () => {
    const readme = readFileSync('README.md', 'utf8');
    expect(withDiagram(readme, drawFlow(assemblyOf(template), APP), 'README.md')).toBe(readme);
  });

  test('shows the way from publisher to store, with the condition of each rule', () => {
    expect(
      drawFlow(assemblyOf(template), APP)
        .split('\n')
        .map((line) => line.trim()),
    ).toEqual(
      expect.arrayContaining([
        'publisher_app_orders -->|"OrderCreated<br>OrderStatusChanged"| eventbus_bus',
        'rule_order_status_changed["order-status-changed<br>source: app.orders<br>detail-type: OrderStatusChanged<br>detail.status: SHIPPED, DELIVERED, CANCELLED<br>replay-name: absent"]',
        'eventbus_bus --> rule_order_status_changed',
        'rule_order_status_changed -->|"transformed"| function_notifier',
        'function_notifier -->|"publishes"| topic_notifications',
        'function_notifier -.->|"fails 3 times"| queue_failed_events',
        'function_order_processor -->|"writes"| table_orders',
        'table_orders -->|"reads"| function_analytics',
        'function_analytics -->|"DailyReportGenerated"| eventbus_bus',
        'rules -.->|"not delivered<br>in 4 tries or 1 h"| queue_dlq',
        'schedule_daily_report --> rule_daily_report',
      ]),
    );
  });

  test('changes with a rule, a permission and a retry of the template', () => {
    const before = drawFlow(assemblyOf(template), APP);
    const changes = [
      (text: string) => text.replace('"CANCELLED"', '"LOST"'),
      (text: string) => text.replaceAll('sns:Publish', 'sns:GetTopicAttributes'),
      (text: string) => text.replace('"MaximumRetryAttempts":3', '"MaximumRetryAttempts":5'),
    ];
    const pictures = changes.map((change) =>
      drawFlow(assemblyOf(JSON.parse(change(JSON.stringify(template)))), APP),
    );
    expect(new Set([before, ...pictures]).size).toBe(4);
  });
});
