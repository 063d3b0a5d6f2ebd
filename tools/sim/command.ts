/** `npm run sim`: the app under faults of every kind, each run decided by a seed. */
import fs from 'node:fs';
import path from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { createCommand, exitWith, wholeNumberFrom } from '../cli/command';
import { EXIT, type ExitCode, InputError } from '../cli/errors';
import { printableJson } from '../cli/escape-control';
import type { LocalStack } from '../local/stack';
import type { TimedStep } from '../local/steps';
import type { Assembly, Resource } from '../template/assembly';
import { consumersIn } from '../template/described-consumers';
import { type AssemblySource, loadAssembly, withAssemblyOptions } from '../template/source/assembly-option';
import { bundlePublisher } from './bundle';
import { FAULT_KINDS } from './faults';
import { type FuzzedParser, fuzz } from './fuzz';
import type { Model } from './model';
import { findMutant, type MutantSearch, writeMutantTable } from './mutant-search';
import { changedCode, type Mutant, type MutantBundling } from './mutants';
import { type Plan, partsOf, planOf, withParts } from './plan';
import { shrink } from './shrink';
import { type SimulationOptions, type SimulationResult, simulate } from './simulation';
import { Tally } from './tally';

export interface SimSetting {
  readonly model: () => Model;
  readonly bundling: MutantBundling;
  readonly mutants: () => readonly Mutant[];
  readonly fuzzed: () => readonly FuzzedParser[];
  readonly picture: () => Picture;
}

/** Draws a run as a page without a server. */
export interface Picture {
  readonly onStep: (step: TimedStep) => void;
  html(stack: LocalStack): Promise<string>;
}

interface Options extends AssemblySource {
  readonly seed?: number;
  readonly seeds?: readonly [number, number];
  readonly events: number;
  readonly minutes: number;
  readonly soak?: boolean;
  readonly json?: boolean;
  readonly keep?: readonly string[];
  readonly mutants?: string | true;
  readonly write?: string;
  readonly html?: string;
  readonly fuzz?: number;
  readonly shrink: boolean;
}

/** Seeds of a run without any option that says how many. */
const DEFAULT_SEEDS = [1, 20] as const;
/** Inputs of each parser in a soak: all of them together take one and a half minutes of CPU. */
const SOAKED_INPUTS = 100_000;
/** Lines of the log that a failure shows. */
const SHOWN_LINES = 25;
/** A soak whose memory is larger than that has a leak. */
const MOST_HEAP_BYTES = 2 ** 30;

/** @param now milliseconds of a clock that never goes back, by which a soak ends */
export function simCommand(setting: SimSetting, now = () => performance.now()): Command {
  return withAssemblyOptions(createCommand('npm run sim --'))
    .description(
      'Runs the stack in a simulated world, in which calls fail, answers are lost, handlers are killed, events come ' +
        'twice and late. A seed decides everything. Checked after every step: nothing is lost, nobody is told twice, ' +
        'the table is what the events say.',
    )
    .option('--seed <number>', 'this seed only', wholeNumberFrom(0, 2 ** 31))
    .option('--seeds <from-to>', 'these seeds, e.g. 1-100 (default: 1-20)', readRange)
    .option('--events <number>', 'events of each seed', wholeNumberFrom(1, 10_000), 40)
    .option('--keep <parts>', 'of the plan only these commands and faults, e.g. c3,f1', (text) =>
      text.split(','),
    )
    .option(
      '--soak',
      `${SOAKED_INPUTS} inputs of chance for each parser, then seed after seed, with progress, until the time is over or one fails`,
      false,
    )
    .option('--minutes <number>', 'time of a soak', wholeNumberFrom(1, 100_000), 10)
    .option('--mutants [name]', 'plant mistakes in the app, one at a time, and find each')
    .option(
      '--fuzz <number>',
      'so many inputs of chance for each parser of outside input, and no simulation',
      wholeNumberFrom(1, 10_000_000),
    )
    .option('--write <file>', 'with --mutants: writes their seeds and sizes into the table of this document')
    .option(
      '--html <file>',
      'with --seed: writes its steps as a page, of a failure those of the smallest plan',
    )
    .option('--no-shrink', 'tell a failure, and not the least that brings it about')
    .option('--json', 'each seed as one JSON document: its plan, its log and its result', false)
    .addHelpText(
      'after',
      '\nExit codes: 0 everything held, 1 something is broken (or a mutant was not found), 2 bad input.\n\nFaults:\n' +
        Object.entries(FAULT_KINDS)
          .map(([kind, what]) => `  ${kind.padEnd(18)}${what}`)
          .join('\n'),
    )
    .action(exitWith((options: Options) => sim(setting, options, now)));
}

function readRange(text: string): readonly [number, number] {
  const [, from, to] = /^(\d{1,9})-(\d{1,9})$/.exec(text) ?? [];
  if (from === undefined || Number(from) > Number(to))
    throw new InvalidArgumentError('Expected from-to, as in 1-100.');
  return [Number(from), Number(to)];
}

async function sim(setting: SimSetting, options: Options, now: () => number): Promise<ExitCode> {
  checkOptions(options);
  const inputs = options.fuzz ?? (options.soak ? SOAKED_INPUTS : 0);
  const fuzzed = inputs > 0 ? fuzzParsers(setting.fuzzed(), inputs, options.seed ?? 1) : EXIT.ok;
  if (options.fuzz !== undefined || fuzzed !== EXIT.ok) return fuzzed;
  // A world that waits for something outside of itself ends the process without a result.
  process.exitCode = EXIT.failed;
  const assembly = await loadAssembly(options);
  const whole = setting.model();
  const model = { ...whole, app: { ...whole.app, consumers: consumersIn(assembly, whole.app) } };
  const publisherCode = bundlePublisher(model.publisher, setting.bundling.options);
  const base = {
    assembly,
    model,
    publisherCode,
    codeOf: (resource: Resource) => assembly.assetPath(resource),
    ...(options.mutants === undefined && {
      nextCodeOf: await changedCode('The next release', model.next, assembly, setting.bundling),
    }),
  };
  if (options.mutants !== undefined) return findMutants(setting, options, base, assembly);
  return runSeeds(options, base, setting, new Tally(now));
}

function checkOptions({
  write,
  html,
  shrink: isShrunk,
  seed,
  seeds,
  soak,
  keep,
  mutants,
  json,
  fuzz: inputs,
}: Options): void {
  if (seed !== undefined && seeds) throw new InputError('--seed and --seeds exclude each other.');
  if (html !== undefined && (seed === undefined || mutants !== undefined))
    throw new InputError('--html needs --seed: a page shows one run.');
  if (write !== undefined && (mutants === undefined || !isShrunk))
    throw new InputError('--write needs --mutants, shrunk: it writes their sizes.');
  if (keep && seed === undefined) throw new InputError('--keep needs --seed: parts are those of one plan.');
  if (soak && (json || keep))
    throw new InputError('--soak tells figures, and takes neither --json nor --keep.');
  if (inputs !== undefined && (soak || json || keep || mutants !== undefined))
    throw new InputError('--fuzz takes no other option but --seed.');
  if (mutants !== undefined && (soak || json))
    throw new InputError('--mutants takes neither --soak nor --json.');
}

function planFor(model: Model, seed: number, { events, keep }: Options): Plan {
  const plan = planOf(model, seed, events);
  if (!keep) return plan;
  const unknown = keep.filter((id) => !partsOf(plan).includes(id.replace(/^(f\d+|q\d+)@1$/, '$1')));
  if (unknown.length > 0) {
    throw new InputError(
      `--keep names ${unknown.join(', ')}, but seed ${seed} with ${events} events has no such part.`,
    );
  }
  return withParts(plan, keep);
}

async function runSeeds(
  options: Options,
  base: SimulationOptions,
  setting: SimSetting,
  tally: Tally,
): Promise<ExitCode> {
  const { seed, soak, json, minutes } = options;
  const [from, to] = seed === undefined ? (options.seeds ?? DEFAULT_SEEDS) : [seed, seed];
  const last = soak ? Number.POSITIVE_INFINITY : to;
  for (let each = from; each <= last; each++) {
    if (soak && tally.minutes >= minutes) break;
    const plan = planFor(base.model, each, options);
    const lines: string[] = [];
    const result = await simulate(plan, json ? { ...base, onLine: (line) => lines.push(line) } : base);
    if (json) console.log(printableJson({ plan, log: lines.map((line) => JSON.parse(line)), result }));
    tally.add(plan, result);
    if (result.violation) {
      const shown = json ? plan : await report(plan, result, options, base);
      if (options.html !== undefined) await draw(shown, options.html, base, setting);
      return EXIT.failed;
    }
    if (soak && tally.isTimeToTell()) console.log(tally.line);
    if (process.memoryUsage().heapUsed > MOST_HEAP_BYTES) {
      console.log(`✗ Memory: more than ${MOST_HEAP_BYTES} bytes are in use after seed ${each}.`);
      return EXIT.failed;
    }
  }
  if (!json) console.log(tally.summary(base.model.app));
  if (options.html !== undefined) await draw(planFor(base.model, from, options), options.html, base, setting);
  return EXIT.ok;
}

/** @returns the smallest plan that fails */
async function report(
  plan: Plan,
  result: SimulationResult,
  options: Options,
  base: SimulationOptions,
): Promise<Plan> {
  console.log(`✗ Seed ${plan.seed}: ${result.violation?.invariant}: ${result.violation?.message}`);
  if (!options.shrink) {
    console.log(`\nAgain: ${repeat(plan, options)}`);
    return plan;
  }
  const all = partsOf(plan).length;
  const smallest = await shrink(plan, result, (each) => simulate(each, base));
  const kept = partsOf(smallest.plan);
  const lines: string[] = [];
  await simulate(smallest.plan, { ...base, onLine: (line) => lines.push(line) });
  console.log(`\nShrunk from ${all} parts to ${kept.length}, by ${smallest.runs} runs:`);
  for (const { at, ...command } of smallest.plan.commands)
    console.log(`  ${at} ms: ${JSON.stringify(command)}`);
  for (const fault of smallest.plan.faults) console.log(`  ${JSON.stringify(fault)}`);
  console.log(`\n${smallest.result.violation?.invariant}: ${smallest.result.violation?.message}`);
  console.log('\nThe last steps:');
  for (const line of lines.slice(-SHOWN_LINES))
    console.log(`  ${printableJson(JSON.parse(line)).slice(0, 240)}`);
  console.log(`\nAgain: ${repeat(smallest.plan, options)}`);
  return smallest.plan;
}

const repeat = (plan: Plan, { events }: Options): string =>
  `npm run sim -- --seed ${plan.seed} --events ${events} --keep ${partsOf(plan).join(',')}`;

function fuzzParsers(parsers: readonly FuzzedParser[], runs: number, seed: number): ExitCode {
  const findings = parsers.flatMap((parser) => {
    const finding = fuzz(parser, runs, seed);
    if (finding) console.log(`✗ ${parser.name} ${finding.problem}\n  by ${printableJson(finding.input)}`);
    else console.log(`✓ ${parser.name}: ${runs} inputs`);
    return finding ?? [];
  });
  return findings.length === 0 ? EXIT.ok : EXIT.failed;
}

/** Looks for each mutant by its listed seed, then by others. */
async function findMutants(
  setting: SimSetting,
  options: Options,
  base: SimulationOptions,
  assembly: Assembly,
): Promise<ExitCode> {
  const { bundling } = setting;
  const all = setting.mutants();
  const wanted = all.filter(({ name }) => options.mutants === true || name.includes(String(options.mutants)));
  if (wanted.length === 0)
    throw new InputError(`--mutants is ${options.mutants}, but no mutant has that in its name.`);
  const [from, to] = options.seeds ?? DEFAULT_SEEDS;
  const search: MutantSearch = {
    ...{ assembly, bundling, base, next: setting.model().next },
    directory: options.assembly ?? path.join(bundling.project, 'cdk.out'),
    planFor: (seed) => planFor(base.model, seed, options),
    seeds: Array.from({ length: to - from + 1 }, (_, index) => from + index),
    isOnlySeeds: options.seeds !== undefined,
    isShrunk: options.shrink,
  };
  const names = all.map(({ name }) => name);
  let missed = 0;
  for (const mutant of wanted) {
    const found = await findMutant(mutant, search);
    if (!found) {
      missed++;
      console.log(`✗ ${mutant.name}: not found by any of its seeds`);
      continue;
    }
    const { seed, invariant, size } = found;
    const shrunk = size ? `, shrunk to ${size.commands} commands and ${size.faults} faults` : '';
    console.log(`✓ ${mutant.name}: seed ${seed}, ${invariant}${shrunk}`);
    if (options.write !== undefined) writeMutantTable(options.write, names, [found]);
  }
  console.log(`${wanted.length - missed} of ${wanted.length} mutants were found.`);
  return missed === 0 ? EXIT.ok : EXIT.failed;
}

/** Runs the plan once more, and writes the page that shows it. */
async function draw(plan: Plan, file: string, base: SimulationOptions, setting: SimSetting): Promise<void> {
  const picture = setting.picture();
  let html: string | undefined;
  await simulate(plan, {
    ...base,
    onStep: picture.onStep,
    onEnd: async (stack) => {
      html = await picture.html(stack);
    },
  });
  if (html === undefined) throw new InputError('--html: the stack was down when the run ended.');
  fs.writeFileSync(file, html);
  console.log(`The steps as a page: ${file}`);
}
