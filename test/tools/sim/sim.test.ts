/** The simulator, as a command: it holds, it repeats itself, and it finds a mistake and shrinks it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { APP } from '../../../bin/app-description';
import { MUTANTS } from '../../../bin/order-mutants';
import { NEXT_RELEASE } from '../../../bin/order-next-release';
import { readMutantTable } from '../../../tools/sim/mutant-search';
import { allowedActions } from '../../../tools/sim/permissions';
import { readAssembly } from '../../../tools/template/assembly';
import { consumersIn } from '../../../tools/template/described-consumers';
import { builtAssembly } from '../../built';
import { TYPESCRIPT } from '../../typescript';

// 20 seeds take 10 s of a core, and more on a busy machine.
jest.setTimeout(180_000);

const cdkOut = builtAssembly();

function sim(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...TYPESCRIPT, 'bin/sim.ts', '--assembly', cdkOut, ...args],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  return { status, stdout, stderr };
}

test('20 seeds of 40 events hold', () => {
  const all = sim('--seeds', '1-20', '--events', '40', '--workers', '2');
  expect(all).toMatchObject({ status: 0, stderr: '' });
  expect(all.stdout).toMatch(/Everything held: 20 seeds/);
  // Every permission that the handlers are given for a call is used.
  expect(all.stdout).toContain('Described calls that were never made: none.');
});

test('each role allows exactly what the code that has it calls, but for what Lambda does by it', () => {
  const assembly = readAssembly(cdkOut);
  const allowed = allowedActions(APP, assembly);
  const described = Object.entries(consumersIn(assembly, APP)).map(
    ([name, { calls }]) => [name, [...new Set(calls.flatMap(({ actions }) => actions))].sort()] as const,
  );
  // The seeds above called each of these at least once.
  expect([...allowed].sort()).toEqual(described.sort());
});

test('the table of mistakes has each of the list, with its seed, shrunk to at most five commands', () => {
  const table = readMutantTable(readFileSync('docs/figures.md', 'utf8'));
  const listed = MUTANTS.map(({ name, seed }) => `${name}: ${seed}`);
  expect(table.map(({ name, seed }) => `${name}: ${seed}`)).toEqual(listed);
  expect(table.filter(({ size }) => (size?.commands ?? 6) > 5)).toEqual([]);
});

test('every mistake has something to change in the sources, or in those of the next release', () => {
  const sources = new Map<string, string>();
  const read = (file: string) => sources.get(file) ?? readFileSync(file, 'utf8');
  const idle = (isInNext: boolean) =>
    MUTANTS.filter((mutant) => (mutant.isInNext ?? false) === isInNext).flatMap(({ name, change }) =>
      typeof change === 'function' || read(change.file).includes(change.from) ? [] : [name],
    );
  expect(idle(false)).toEqual([]);
  for (const { file, from, to } of NEXT_RELEASE)
    sources.set(
      file,
      read(file).replace(from, () => to),
    );
  expect(idle(true)).toEqual([]);
});
