/** Time of `cdk synth` beside an empty app's: whole processes in turns, with the same loader, flags and validation. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import cdk from '../../cdk.json';
import { type Figures, median } from './figures';

const ROOT = join(__dirname, '..', '..');
const CDK = join(ROOT, 'node_modules', '.bin', 'cdk');

/** Maximum ratio to the empty app's time. */
const GOAL = 1.5;

/** The command of each app. */
const APPS = {
  empty: cdk.app.replace('bin/app.ts', 'test/bench/baseline/empty-app.ts'),
  ours: cdk.app,
};

/** Medians in milliseconds. */
export interface SynthTimes {
  readonly empty: number;
  /** Time of this app, whose handlers are bundled already. */
  readonly ours: number;
  /** Time of this app into a new folder: the handlers are bundled as well. */
  readonly bundling: number;
}

export async function measureSynth(
  rounds: number,
  onProgress: (text: string) => void = () => {},
): Promise<SynthTimes> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-synth-'));
  const folder = (name: string) => join(directory, name);
  const times: Record<keyof SynthTimes, number[]> = { empty: [], ours: [], bundling: [] };
  try {
    // One round more than counts: the first compiles the TypeScript, and makes the bundles that the others find.
    for (let round = 0; round <= rounds; round++) {
      onProgress(`synth: round ${round} of ${rounds}`);
      const taken = {
        empty: synth(APPS.empty, folder('empty')),
        ours: synth(APPS.ours, folder('ours')),
        bundling: synth(APPS.ours, folder(`new-${round}`)),
      };
      rmSync(folder(`new-${round}`), { recursive: true, force: true });
      if (round === 0) continue;
      for (const name of ['empty', 'ours', 'bundling'] as const) times[name].push(taken[name]);
    }
    return { empty: median(times.empty), ours: median(times.ours), bundling: median(times.bundling) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @returns milliseconds of the whole process */
function synth(app: string, output: string): number {
  const start = performance.now();
  execFileSync(CDK, ['synth', '--quiet', '--no-notices', '--app', app, '--output', output], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return performance.now() - start;
}

export async function benchSynth(onProgress: (text: string) => void, rounds = 9): Promise<Figures> {
  const times = await measureSynth(rounds, onProgress);
  const row = (name: string, ms: number, goal = '') => [
    name,
    `${Math.round(ms)}`,
    (ms / times.empty).toFixed(2),
    goal,
  ];
  return {
    name: 'synth',
    title: '`cdk synth`',
    notes: [
      `Medians of ${rounds} whole processes each, in turns, wall time; loader, flags and CloudFormation’s validation are the same.`,
    ],
    tables: [
      {
        head: ['', 'ms', 'ratio', 'goal'],
        rows: [
          row('an app with an empty stack', times.empty),
          row('this one', times.ours, GOAL.toFixed(2)),
          row('this one into a new folder, its handlers bundled', times.bundling),
        ],
      },
    ],
    data: times,
  };
}
