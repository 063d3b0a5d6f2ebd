import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { synthesize } from '../../../lib/synthesize';
import { TYPESCRIPT } from '../../../typescript';
import { writeAssembly } from '../assembly';

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
  spawnSync(process.execPath, [...TYPESCRIPT, 'bin/routes.ts', ...args], {
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
  expect(Object.keys(proof)).toEqual([
    ...['rules', 'archives', 'events', 'schedules', 'decisions'],
    ...['gaps', 'unknown', 'notCovered', 'absent', 'warnings', 'notLookedAt'],
  ]);
  const rules = Object.values<{ Type: string }>(template.Resources).filter(
    ({ Type }) => Type === 'AWS::Events::Rule',
  );
  expect(proof.rules).toHaveLength(rules.length);
  expect(status).toBe(0);
});

test('--verbose prints every event by itself', () => {
  const { stdout } = routes('--assembly', folder, '--verbose');
  expect(stdout).toContain('app.orders/OrderCreated: customerId containing a double quote');
});

test('--svg writes the picture', () => {
  const file = join(folder, 'flow.svg');
  expect(routes('--assembly', folder, '--svg', file).status).toBe(0);
  expect(readFileSync(file, 'utf8')).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
});

describe('bad input is one line and exit code 2', () => {
  test.each([
    ['an unknown flag', ['--foo'], "error: unknown option '--foo'"],
    ['an argument', ['README.md'], 'error: too many arguments. Expected 0 arguments but got 1.'],
    ['an assembly that is not there', ['--assembly', 'nowhere'], '--assembly nowhere is not a folder'],
    [
      'two outputs at once',
      ['--json', '--svg', 'flow.svg'],
      "error: option '--svg <file>' cannot be used with option '--json'",
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
      'has no AWS::Events::Rule, AWS::Pipes::Pipe or AWS::Scheduler::Schedule.',
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

  test('a picture that cannot be written', () => {
    const { status, stderr } = routes('--assembly', folder, '--svg', join(folder, 'no', 'flow.svg'));
    expect(stderr).toMatch(/^--svg .* cannot be written \(ENOENT\)\.\n$/);
    expect(status).toBe(2);
  });
});

describe('--event', () => {
  const CORPUS = join(__dirname, '..', 'corpus');
  const event = { source: 'shop', 'detail-type': 'Refund', detail: { id: 1 } };
  const ask = (input: string, ...args: string[]) =>
    spawnSync(process.execPath, [...TYPESCRIPT, 'bin/routes.ts', ...args], {
      encoding: 'utf8',
      input,
    });
  const template = ['--template', join(CORPUS, 'function-permission-of-another-rule.yaml')];

  test('says who gets an event of stdin, of which payload, of a stack that nobody described', () => {
    const { status, stdout } = ask(JSON.stringify(event), ...template, '--event', '-');
    expect(stdout).toMatch(/function-permission-of-another-rule\.yaml, stack .*: who gets shop\/Refund\n/);
    expect(stdout).toMatch(/● Other .* on default\n {4}→ T\n {6}\{.*"detail":\{"id":1\}/);
    expect(status).toBe(0);
  });

  test('says which field kept the others, and a pattern that is tried, as JSON', () => {
    const file = join(folder, 'pattern.json');
    writeFileSync(file, '{"detail":{"id":[2]}}');
    const entry = { Source: 'shop', DetailType: 'Order', Detail: '{"id":1}' };
    const { stdout } = ask(JSON.stringify(entry), ...template, '--event', '-', '--pattern', file, '--json');
    expect(JSON.parse(stdout).recipients).toMatchObject([
      { resource: '--pattern', takes: 'no', misses: [{ field: 'detail.id' }] },
      { resource: 'Rule', takes: 'yes' },
      { resource: 'Other', takes: 'no', misses: [{ field: 'detail-type' }] },
    ]);
  });

  test('never prints control characters of an event', () => {
    const odd = { source: 'shop', 'detail-type': '\u001b[2J', detail: { a: '\u009b' } };
    expect(ask(JSON.stringify(odd), ...template, '--event', '-').stdout).not.toMatch(/(?!\n)\p{Cc}/u);
  });

  test.each([
    ['{', [], /^--event - is not JSON/],
    ['{"source": 1}', [], /^--event: source: .*expected an event with source/],
    ['{"Source":"a","DetailType":"b","Detail":"[]"}', [], /^--event: Detail is not the JSON of an object/],
    [
      JSON.stringify(event),
      ['--pattern', 'nowhere.json'],
      /^--pattern nowhere\.json cannot be read \(ENOENT\)/,
    ],
  ])('%s is one line and exit code 2', (input, more, told) => {
    const { status, stderr, stdout } = ask(input, ...template, '--event', '-', ...more);
    expect(stderr).toMatch(told);
    expect(stderr.trim()).not.toContain('\n');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});

test('--strict also counts what cannot be told, and what is not looked at', () => {
  const template = ['--template', join(__dirname, '..', 'corpus', 'bus-of-another-stack.yaml')];
  const plain = routes(...template);
  expect(plain.stdout).toContain('? unknown-bus: ');
  expect(plain.stdout).toMatch(/\n {6}Rule \(AWS::Events::Rule\)/);
  expect(plain.status).toBe(0);
  expect(routes(...template, '--strict').status).toBe(1);
});

describe('--pattern alone', () => {
  const ask = (pattern: string, ...args: string[]) =>
    spawnSync(process.execPath, [...TYPESCRIPT, 'bin/routes.ts', '--pattern', '-', ...args], {
      encoding: 'utf8',
      input: pattern,
    });

  test('says what it takes of each contract, and in common with each rule', () => {
    const pattern = {
      source: ['app.orders'],
      'detail-type': ['OrderStatusChanged'],
      detail: { status: ['SHIPPED'] },
    };
    const { status, stdout } = ask(JSON.stringify(pattern), '--assembly', folder);
    expect(stdout).toContain('    app.orders/OrderCreated: none\n');
    expect(stdout).toMatch(/ ◐ app\.orders\/OrderStatusChanged: some\n +takes \{.*"SHIPPED".*\n +not {3}\{/);
    expect(stdout).toMatch(
      /\(event-driven-all-events\) on event-driven-bus: takes all that the pattern takes, and more\n/,
    );
    expect(stdout).toMatch(/\(event-driven-order-created\) on event-driven-bus: takes none in common\n/);
    expect(status).toBe(0);
  });

  test('warns of what AWS gets wrong of it, as JSON', () => {
    const pattern = { $or: [{ source: ['a'] }, { source: ['a', 'b'] }] };
    const { stdout } = ask(JSON.stringify(pattern), '--assembly', folder, '--json');
    const { warnings, contracts } = JSON.parse(stdout);
    expect(warnings).toEqual([expect.stringMatching(/^source: two alternatives of \$or share a value/)]);
    expect(new Set(contracts.map(({ verdict }: { verdict: string }) => verdict))).toEqual(new Set(['none']));
  });

  test.each([
    ['{"source":"a"}', [], /^--pattern: Event pattern is not valid\. Reason: "source" must be/],
    ['{}', ['--event', '-'], /^--event and --pattern cannot both be read of stdin/],
  ])('%s %j is one line and exit code 2', (pattern, more, told) => {
    const { status, stdout, stderr } = ask(pattern, '--assembly', folder, ...more);
    expect(stderr).toMatch(told);
    expect(stderr.trim()).not.toContain('\n');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});
