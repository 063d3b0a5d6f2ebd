/** The command on models with a mistake of their own, in this process: what it says, and how it ends. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { APP } from '../../../bin/app-description';
import { MODEL } from '../../../bin/order-model';
import { BUNDLE_FILE, ESBUILD_OPTIONS, entryOf, LOADER } from '../../../lib/bundling';
import type { App } from '../../../tools/app';
import { simCommand } from '../../../tools/sim/command';
import type { FuzzedParser } from '../../../tools/sim/fuzz';
import type { Model } from '../../../tools/sim/model';
import { readMutantTable, writeMutantTable } from '../../../tools/sim/mutant-search';
import type { Mutant, TemplateChange } from '../../../tools/sim/mutants';
import { planOf } from '../../../tools/sim/plan';
import type { SourceChange } from '../../../tools/sim/release';
import type { SimSetting } from '../../../tools/sim/setting';
import { builtAssembly } from '../../built';
import { runInProcess } from '../../in-process';

const cdkOut = builtAssembly();
const folder = mkdtempSync(path.join(os.tmpdir(), 'sim-command-'));
const page = path.join(folder, 'page.html');

const SETTING: SimSetting = {
  model: () => MODEL,
  mutants: () => [],
  fuzzed: () => [],
  picture: () => {
    let steps = 0;
    return { onStep: () => steps++, html: async () => `<p>${steps > 0 ? 'steps' : 'none'}</p>` };
  },
  bundling: {
    project: process.cwd(),
    options: ESBUILD_OPTIONS,
    entryOf,
    bundleFile: BUNDLE_FILE,
    files: { [LOADER.file]: LOADER.code },
  },
  workerFile: path.join(process.cwd(), 'bin', 'sim-worker.ts'),
};

const NOTHING: Mutant = { name: 'nothing', seed: 1, change: () => false };

/** Takes every log line for personal data. */
const BROKEN: Model = { ...MODEL, personal: /./ };

async function sim(setting: Partial<SimSetting>, args: readonly string[], now?: () => number) {
  const command = simCommand({ ...SETTING, ...setting }, now);
  const { exitCode, stdout, stderr } = await runInProcess(command, ['--assembly', cdkOut, ...args]);
  return { exitCode, stdout: stdout.trimEnd(), stderr };
}

describe('bad input is told in one line:', () => {
  const SEED = ['--seed', '1'];
  test.each<[readonly string[], RegExp]>([
    [['--seed', 'x'], /--seed.*whole number/],
    [['--seeds', '9-1'], /from-to/],
    [['--seeds', 'all'], /from-to/],
    [[...SEED, '--seeds', '1-2'], /--seed and --seeds/],
    [['--html', page], /--html needs --seed/],
    [[...SEED, '--html', page, '--mutants'], /--html needs --seed/],
    [['--write', 'figures.md'], /--write needs --mutants/],
    [['--write', 'figures.md', '--mutants', '--no-shrink'], /--write needs --mutants/],
    [['--keep', 'c1'], /--keep needs --seed/],
    [[...SEED, '--events', '2', '--keep', 'c1,z9'], /z9.*seed 1 with 2 events/],
    [['--soak', '--json'], /--soak/],
    [[...SEED, '--soak', '--keep', 'c1'], /--soak/],
    [['--fuzz', '5', '--json'], /--fuzz/],
    [['--fuzz', '5', '--soak'], /--fuzz/],
    [[...SEED, '--fuzz', '5', '--keep', 'c1'], /--fuzz/],
    [['--fuzz', '5', '--mutants'], /--fuzz/],
    [['--fuzz', '5', '--workers', '2'], /--fuzz/],
    [['--workers', '0'], /--workers.*from 1 to 64/],
    [['--mutants', '--soak'], /--mutants takes neither/],
    [['--mutants', '--json'], /--mutants takes neither/],
    [['--mutants', 'no such mistake'], /no such mistake/],
  ])('%j', async (args, line) => {
    const { exitCode, stdout, stderr } = await sim({}, args);
    expect([exitCode, stdout, stderr.trim().split('\n')]).toEqual([2, '', [expect.stringMatching(line)]]);
  });
});

describe('seeds that hold', () => {
  test('are shown in figures; one of them as a page as well', async () => {
    const { exitCode, stdout } = await sim({}, ['--seed', '1', '--events', '2', '--html', page]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^✓ Everything held: 1 seeds/);
    expect(stdout).toContain(`The steps as a page: ${page}`);
    expect(readFileSync(page, 'utf8')).toBe('<p>steps</p>');
  });

  test('are each a line of JSON with plan, log and result, of the kept parts alone', async () => {
    const keep = ['--events', '2', '--keep', 'c1'];
    const { stdout } = await sim({}, ['--seed', '3', '--json', ...keep]);
    const { plan, log, result } = JSON.parse(stdout);
    expect(plan.commands.map(({ id }: { id: string }) => id)).toEqual(['c1']);
    expect(log.map(({ kind }: { kind: string }) => kind)).toEqual(
      expect.arrayContaining(['command', 'event-put']),
    );
    expect(result).toMatchObject({ seed: 3, struck: {} });
    expect(result).not.toHaveProperty('violation');
  });

  test('follow each other in a soak until its time is over, with progress twice a minute', async () => {
    let ms = 0;
    const twelveSeconds = () => (ms += 12_000);
    const { exitCode, stdout } = await sim({}, ['--soak', '--minutes', '1', '--events', '1'], twelveSeconds);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^\d seeds.*\n✓ Everything held: \d seeds/s);
  });

  test('are not reached in a soak if a parser of outside input breaks', async () => {
    const reads: string[] = [];
    const refuses = [SyntaxError];
    const careless = (text: string) => {
      reads.push(text);
      throw reads.length > 9 ? new RangeError('too many') : new SyntaxError('not this');
    };
    const parser: FuzzedParser = { name: 'careless', examples: ['{"a":1}'], refuses, read: careless };
    const { exitCode, stdout } = await sim({ fuzzed: () => [parser] }, ['--soak', '--minutes', '1']);
    expect([exitCode, reads.length > 9]).toEqual([1, true]);
    expect(stdout).toMatch(/^✗ careless crashed: RangeError/);
    expect(stdout).not.toContain('seeds');
  });
});

describe('a seed that fails', () => {
  test('is shrunk to what is needed, and shown with the command that repeats it', async () => {
    const args = ['--seed', '2', '--events', '1', '--html', page];
    const { exitCode, stdout } = await sim({ model: () => BROKEN }, args);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^✗ Seed 2: personal data: In the log: /);
    expect(stdout).toMatch(/Shrunk from \d+ parts to 1, by \d+ runs/);
    expect(readFileSync(page, 'utf8')).toBe('<p>steps</p>');
    const [, again = ''] = /^Again: npm run sim -- (.*)$/m.exec(stdout) ?? [];
    const repeated = await sim({ model: () => BROKEN }, [...again.split(' '), '--no-shrink']);
    expect(repeated).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining(`Again: npm run sim -- ${again}`),
    });
    expect(repeated.stdout).not.toContain('Shrunk');
  });

  test('is one document in JSON, and ends a soak', async () => {
    const { exitCode, stdout } = await sim({ model: () => BROKEN }, [
      '--seeds',
      '2-9',
      '--events',
      '2',
      '--json',
    ]);
    expect([exitCode, JSON.parse(stdout).result.violation.invariant]).toEqual([1, 'personal data']);
    const soak = await sim({ model: () => BROKEN }, ['--soak', '--events', '2', '--no-shrink']);
    expect(soak).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/^✗ Seed 1:/) });
  });

  const undescribed: App = {
    ...APP,
    consumers: Object.fromEntries(
      Object.entries(APP.consumers).map(([name, consumer]) => [name, { ...consumer, calls: [] }]),
    ),
  };
  test('names the invariant: a role that allows what nobody describes', async () => {
    const model = () => ({ ...MODEL, app: undescribed });
    const { exitCode, stdout } = await sim({ model }, ['--seed', '1', '--events', '1', '--no-shrink']);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/least privilege: the role of \S+ allows \w+:\w+/);
  });
});

describe('--workers', () => {
  /** A worker with answers of its own, which starts at once. */
  function workers(answer: string): Partial<SimSetting> {
    const workerFile = path.join(folder, 'worker.cjs');
    writeFileSync(
      workerFile,
      `process.on('disconnect', () => process.exit());
       process.on('message', ({ kind, job }) => kind && (${answer}));`,
    );
    return { workerFile };
  }
  const args = ['--seeds', '1-9', '--events', '1', '--workers', '3', '--no-shrink'];
  const held = '{ digest: "", steps: 5, virtualMs: 0, struck: {}, called: {} }';
  const replying = (violation: string) =>
    workers(
      `setTimeout(() => process.send({
         reply: { heapBytes: 1, result: { seed: job, ...${held}, ...(${violation}) } }, cpuMs: 60_000,
       }), job === 1 ? 200 : 0)`,
    );

  test('counts what all of them did, and their CPU', async () => {
    const { exitCode, stdout } = await sim(replying('{}'), args);
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^✓ Everything held: 9 seeds /)]);
    expect(stdout).toMatch(/, 1 a minute of CPU\), .* 45 steps checked/);
  });

  test('tells the first seed that fails, as one worker does, though a later one has failed before', async () => {
    const failing = replying(
      'job === 1 || job === 3 ? { violation: { invariant: "lost", message: "x" } } : {}',
    );
    const { exitCode, stdout } = await sim(failing, args);
    expect([exitCode, stdout.split('\n')[0]]).toEqual([1, '✗ Seed 1: lost: x']);
    expect(stdout).not.toContain('Seed 3');
  });

  test('says which seed has no result, if a process ends', async () => {
    const { exitCode, stdout } = await sim(workers('job === 2 ? process.exit(7) : 0'), [
      ...['--seed', '2', '--workers', '2'],
    ]);
    expect([exitCode, stdout]).toEqual([1, '✗ seed 2: no result, since its process ended by exit code 7']);
  });

  test('tells bad input that a process finds', async () => {
    const setting = { ...workers('process.send({ badInput: "No." })'), mutants: () => [NOTHING] };
    expect(await sim(setting, ['--mutants', '--workers', '2'])).toMatchObject({
      exitCode: 2,
      stderr: 'No.\n',
    });
  });
});

describe('--fuzz', () => {
  const careful: FuzzedParser = {
    name: 'careful',
    examples: ['{"a":1}'],
    refuses: [SyntaxError],
    read: (text: string) => JSON.parse(text),
  };
  const careless: FuzzedParser = { ...careful, name: 'careless', refuses: [] };

  test('shows a parser that holds, and what broke one', async () => {
    expect(await sim({ fuzzed: () => [careful] }, ['--fuzz', '50'])).toMatchObject({
      ...{ exitCode: 0, stdout: '✓ careful: 50 inputs' },
    });
    const { exitCode, stdout } = await sim({ fuzzed: () => [careful, careless] }, [
      '--fuzz',
      '50',
      '--seed',
      '4',
    ]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^✓ careful: 50 inputs\n✗ careless crashed: SyntaxError.*\n {2}by /s);
  });
});

describe('--mutants', () => {
  const rule =
    (apply: (properties: Record<string, unknown>) => void): TemplateChange =>
    (resources) => {
      const found = Object.entries(resources).find(
        ([id, { Type }]) => Type === 'AWS::Events::Rule' && id.includes('ordercreated'),
      );
      if (found) apply(found[1].Properties);
      return found !== undefined;
    };
  const handler = (to: string): SourceChange => ({
    file: 'lambdas/order-processor/handler.ts',
    from: 'export const handler = makeHandler();',
    to,
  });
  const disabled: Mutant = {
    name: 'a disabled rule',
    seed: 1,
    change: rule((properties) => {
      properties.State = 'DISABLED';
    }),
  };
  const harmless: Mutant = {
    name: 'a harmless change',
    seed: 1,
    change: rule((properties) => {
      properties.Description = 'Another one';
    }),
  };
  const talkative = handler('export const handler = async () => console.log("jane@customers.example");');
  /** Seed of a plan that publishes an order, deploys the next release, and replays the order then. */
  const nextSeed = Array.from({ length: 1_000 }, (_, seed) => seed).find((seed) => {
    const { commands } = planOf(MODEL, seed, 1);
    const next = commands.find((command) => command.kind === 'deploy' && command.release === 'next');
    const after = (next?.at ?? Number.POSITIVE_INFINITY) + 15_000;
    return commands.some(({ kind, at }) => kind === 'replay' && at > after) && commands.length < 6;
  });

  test('finds a mistake in the template by its seed, shrinks it, and writes it into the table of a document', async () => {
    const file = path.join(folder, 'figures.md');
    const other = '| another mistake | 7 | lost | 2 | 1 |';
    const [start, end] = ['<!-- sim mutants -->', '<!-- end sim mutants -->'];
    writeFileSync(
      file,
      `# Figures\n${start}\n${other}\n| a mistake of old | 1 | lost | 1 | 0 |\n${end}\nThe end\n`,
    );
    const mutants = () => [disabled, { ...harmless, name: 'another mistake' }];
    const args = ['--mutants', 'disabled', '--events', '1', '--write', file];
    const { exitCode, stdout } = await sim({ mutants }, args);
    expect(stdout).toMatch(/^✓ a disabled rule: seed 1, routing, shrunk to 1 commands and 0 faults\n1 of 1 /);
    expect(exitCode).toBe(0);
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(
      /^# Figures\n<!-- sim mutants -->\n\| Mistake .*\n<!-- end sim mutants -->\nThe end\n$/s,
    );
    expect(readMutantTable(text)).toEqual([
      { name: 'a disabled rule', seed: 1, invariant: 'routing', size: { commands: 1, faults: 0 } },
      { name: 'another mistake', seed: 7, invariant: 'lost', size: { commands: 2, faults: 1 } },
    ]);
    expect(() => writeMutantTable(page, [], [])).toThrow(/page\.html has no line <!-- sim mutants -->/);
  });

  test('finds one in the code, in this release or in the next, and says of one that breaks nothing', async () => {
    const mutants: Mutant[] = [
      harmless,
      { name: 'a talkative handler', seed: 2, change: talkative },
      { name: 'a talkative next release', seed: 1, isInNext: true, change: talkative },
    ];
    const args = ['--mutants', '--no-shrink', '--events', '1', '--seeds', `${nextSeed}-${nextSeed}`];
    const { exitCode, stdout } = await sim({ mutants: () => mutants }, args);
    expect(stdout.split('\n')).toEqual([
      '✗ a harmless change: not found by any of its seeds',
      `✓ a talkative handler: seed ${nextSeed}, personal data`,
      `✓ a talkative next release: seed ${nextSeed}, personal data`,
      '2 of 3 mutants were found.',
    ]);
    expect(exitCode).toBe(1);
  });

  test.each<[string, Mutant['change']]>([
    ['finds nothing to change.', () => false],
    [
      'finds nothing to change in lambdas/events.ts.',
      { file: 'lambdas/events.ts', from: 'no such text', to: '' },
    ],
  ])('refuses one that %s', async (refusal, change) => {
    const mutants = () => [{ name: 'idle', seed: 1, change }];
    const { exitCode, stderr } = await sim({ mutants }, ['--mutants', '--events', '1']);
    expect([exitCode, stderr]).toEqual([2, `The mutant "idle" ${refusal}\n`]);
  });
});
