/** The same seed is the same log; planted mistakes are found. */
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { synthesize } from '../../../tools/template/source/synthesize';
import { TYPESCRIPT } from '../../typescript';
import { temporaryDirectory } from '../template/template';

jest.setTimeout(300_000);
const cdkOut = path.join(temporaryDirectory(), 'cdk.out');
beforeAll(() => synthesize(process.cwd(), cdkOut), 60_000);

const sim = (...args: string[]) =>
  spawnSync(process.execPath, [...TYPESCRIPT, 'bin/sim.ts', '--assembly', cdkOut, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });

const workers = ['--workers', String(os.availableParallelism())];

test('a seed has the same log, byte for byte, in another process, after other seeds and by a worker', () => {
  const alone = sim('--seed', '7', '--json').stdout;
  const afterOthers = sim('--seeds', '5-7', '--json').stdout;
  expect(afterOthers.endsWith(alone)).toBe(true);
  expect(sim('--seeds', '5-7', '--json', '--workers', '2').stdout).toBe(afterOthers);
});

test('the seeds up to 300 hold, after those of `npm test`', () => {
  const { status, stdout, stderr } = sim('--seeds', '21-300', ...workers);
  expect([status, stderr, stdout.split('\n')[0]]).toEqual([
    0,
    '',
    expect.stringMatching(/Everything held: 280 seeds/),
  ]);
});

test('every planted mistake is found by its seed, and shrunk', () => {
  const { status, stdout } = sim('--mutants', '--no-shrink', ...workers);
  expect(stdout).not.toContain('✗');
  expect(status).toBe(0);
});

test.each([
  ['--seed', '1', '--keep', 'c1,z9'],
  ['--mutants', 'no such mutant'],
])('%s %s is bad input, told in one line', (...args) => {
  const { status, stderr } = sim(...args);
  expect([status, stderr.trim().split('\n').length]).toEqual([2, 1]);
});
