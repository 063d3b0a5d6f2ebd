import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { makeApp } from '../../lib/event-driven-app';
import { allPairs, FACTORS, settingsOf } from './settings';

const { stages: _, ...flags } = JSON.parse(readFileSync('cdk.json', 'utf8')).context;
const STAGES = ['production', 'dev'] as const;
/** The stage is a factor as well. */
const SIZES = [STAGES.length, ...FACTORS.map(({ values }) => values.length)];

let outdir: string;
beforeEach(() => {
  outdir = mkdtempSync(join(tmpdir(), 'settings-'));
});
afterEach(() => rmSync(outdir, { recursive: true }));

const contextOf = ([stage = 0, ...choice]: readonly number[]) => {
  const name = STAGES[stage] ?? 'production';
  const stages = { [name]: settingsOf(choice) };
  return { ...flags, stages, stage: name, 'aws:cdk:bundling-stacks': [] };
};

/** Synthesizes with the app's own validators; CloudFormation's are left to the synths of `bin/app.ts`. */
function passes(choice: readonly number[]): void {
  const context = contextOf(choice);
  const synth = () => makeApp({ outdir, context, builtinCloudFormationValidation: false }).synth();
  expect(synth).not.toThrow();
}

test('every value of every setting alone passes the validators', () => {
  for (const [factor, { values }] of FACTORS.entries()) {
    for (let value = 1; value < values.length; value++) {
      passes([value % STAGES.length, ...FACTORS.map((_each, index) => (index === factor ? value : 0))]);
    }
  }
}, 600_000);

test('200 random combinations pass the validators', () => {
  const combination = fc.tuple(...SIZES.map((size) => fc.nat(size - 1)));
  fc.assert(fc.property(combination, passes), { numRuns: 200 });
}, 600_000);

test('every pair of values is in a synth of bin/app.ts, and every one passes', () => {
  const choices = allPairs(SIZES);
  for (const choice of choices) {
    const { status, stderr } = spawnSync(process.execPath, ['-r', 'esbuild-register', 'bin/app.ts'], {
      encoding: 'utf8',
      env: { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify(contextOf(choice)) },
    });
    const settings = JSON.stringify(settingsOf(choice.slice(1)));
    // A warning, such as that nobody hears the alarms, is no failure.
    expect({ settings, status, errors: /ERROR.*/.exec(stderr)?.[0] }).toEqual({ settings, status: 0 });
  }
  console.log(`${choices.length} synths hold every pair of ${SIZES.length} factors.`);
}, 900_000);
