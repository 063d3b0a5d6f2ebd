import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { makeApp } from '../../lib/event-driven-app';
import { readAssembly } from '../../tools/template/assembly';
import { TYPESCRIPT } from '../typescript';
import { problemsOf } from './proven';
import { allPairs, FACTORS, settingsOf } from './settings';
import { givenUpBy } from './weakening';

const { stages: _, ...flags } = JSON.parse(readFileSync('cdk.json', 'utf8')).context;
/** Stages: two by name, and one by a pattern. */
const STAGES = ['production', 'dev', 'pr-1'] as const;
/** The stage is a factor as well. */
const SIZES = [STAGES.length, ...FACTORS.map(({ values }) => values.length)];

let outdir: string;
beforeEach(() => {
  // Warnings, such as that nobody hears the alarms.
  jest.spyOn(console, 'error').mockImplementation(() => {});
  outdir = mkdtempSync(join(tmpdir(), 'settings-'));
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(outdir, { recursive: true });
});

const contextOf = ([stage = 0, ...choice]: readonly number[]) => {
  const name = STAGES[stage] ?? 'production';
  const isEphemeral = name === 'pr-1';
  // A stage by a pattern keeps no data.
  const settings = { ...settingsOf(choice), ...(isEphemeral && { retainData: false }) };
  const stages = { [isEphemeral ? 'pr-*' : name]: settings };
  return { ...flags, stages, stage: name, 'aws:cdk:bundling-stacks': [] };
};

/** Number of synths of `bin/app.ts` at once; each takes one core for some seconds. */
const PROCESSES = 2;

/** Runs the real `bin/app.ts`. @returns what it failed with; undefined if it passed, warnings or not */
async function synthesize(choice: readonly number[], folder: string): Promise<string | undefined> {
  const env = { ...process.env, CDK_OUTDIR: folder, CDK_CONTEXT_JSON: JSON.stringify(contextOf(choice)) };
  try {
    const { stderr } = await promisify(execFile)(process.execPath, [...TYPESCRIPT, 'bin/app.ts'], {
      env,
    });
    return /ERROR.*/.exec(stderr)?.[0];
  } catch (error) {
    return String(error);
  }
}

/** Synthesizes with the app's own validators; CloudFormation's are left to the synths of `bin/app.ts`. */
function passes(choice: readonly number[], folder = outdir): void {
  const context = contextOf(choice);
  const synth = () => makeApp({ outdir: folder, context, builtinCloudFormationValidation: false }).synth();
  expect(synth).not.toThrow();
}

/** The proofs find what the settings are documented to give up, all of it and nothing else. */
function expectGivenUp(folder: string, settings: object): void {
  const assembly = readAssembly(folder, { region: 'us-east-1' });
  const problems = problemsOf(assembly).sort();
  const expected = givenUpBy(settings, assembly).sort();
  const isExpected = problems.map((problem, index) => problem.startsWith(expected[index] ?? '\n'));
  const asExpected = problems.map((problem, index) => (isExpected[index] ? expected[index] : problem));
  expect({ settings: JSON.stringify(settings), problems: asExpected }).toEqual({
    settings: JSON.stringify(settings),
    problems: expected,
  });
}

test('every value of every setting alone passes the validators', () => {
  for (const [factor, { values }] of FACTORS.entries()) {
    for (let value = 1; value < values.length; value++) {
      passes([value % STAGES.length, ...FACTORS.map((_each, index) => (index === factor ? value : 0))]);
    }
  }
}, 600_000);

test('random combinations pass the validators', () => {
  const combination = fc.tuple(...SIZES.map((size) => fc.nat(size - 1)));
  fc.assert(
    fc.property(combination, (choice) => passes(choice)),
    { numRuns: 200 },
  );
}, 600_000);

test('every pair of values is in a synth of bin/app.ts, and every one passes the validators and routes, and the audit tells what is given up', async () => {
  const choices = allPairs(SIZES);
  const left = choices.entries();
  const work = async () => {
    for (const [index, choice] of left) {
      const settings = JSON.stringify(settingsOf(choice.slice(1)));
      const folder = join(outdir, `${index}`);
      expect({ settings, problem: await synthesize(choice, folder) }).toEqual({ settings });
      expectGivenUp(folder, settingsOf(choice.slice(1)));
      rmSync(folder, { recursive: true });
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, work));
  console.log(`${choices.length} synths hold every pair of ${SIZES.length} factors.`);
}, 900_000);
