/** `npm run sim`: the app under faults of every kind, each run decided by a seed. */
import fs from 'node:fs';
import path from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { createCommand, exitWith, wholeNumberFrom } from '../cli/command';
import { EXIT, type ExitCode, InputError } from '../cli/errors';
import { printableJson } from '../cli/escape-control';
import { loadAssembly, withAssemblyOptions } from '../template/source/assembly-option';
import { FAULT_KINDS } from './faults';
import { type FuzzedParser, fuzz } from './fuzz';
import { runOf, type SimRun } from './jobs';
import { writeMutantTable } from './mutant-search';
import { checkOptions, type SimOptions } from './options';
import { prepare } from './prepared';
import { runSeeds } from './seeds';
import type { SimSetting } from './setting';
import { Tally } from './tally';
import { replies, WorkerEndedError } from './workers';

/** Inputs of each parser in a soak: all of them together take one and a half minutes of CPU. */
const SOAKED_INPUTS = 100_000;

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
    .option(
      '--workers <number>',
      'processes that share seeds or mutants; what is told is the same',
      wholeNumberFrom(1, 64),
      1,
    )
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
    .action(exitWith((options: SimOptions) => sim(setting, options, now)));
}

function readRange(text: string): readonly [number, number] {
  const [, from, to] = /^(\d{1,9})-(\d{1,9})$/.exec(text) ?? [];
  if (from === undefined || Number(from) > Number(to))
    throw new InvalidArgumentError('Expected from-to, as in 1-100.');
  return [Number(from), Number(to)];
}

async function sim(setting: SimSetting, options: SimOptions, now: () => number): Promise<ExitCode> {
  checkOptions(options);
  const inputs = options.fuzz ?? (options.soak ? SOAKED_INPUTS : 0);
  const fuzzed = inputs > 0 ? fuzzParsers(setting.fuzzed(), inputs, options.seed ?? 1) : EXIT.ok;
  if (options.fuzz !== undefined || fuzzed !== EXIT.ok) return fuzzed;
  // A world that waits for something outside of itself ends the process without a result.
  process.exitCode = EXIT.failed;
  const assembly = await loadAssembly(options);
  // Workers need not look whether the stack is to be synthesized.
  const { template, assembly: directory = path.join(setting.bundling.project, 'cdk.out') } = options;
  const placed = template === undefined ? { ...options, assembly: directory } : options;
  const prepared = await prepare(setting, assembly, options.mutants === undefined);
  try {
    const run = runOf(setting, placed, assembly, prepared);
    return await (options.mutants === undefined ? runSeeds(run, new Tally(now)) : findMutants(run));
  } catch (error) {
    if (!(error instanceof WorkerEndedError)) throw error;
    console.log(`✗ ${error.message}`);
    return EXIT.failed;
  } finally {
    fs.rmSync(prepared.folder, { recursive: true, force: true });
  }
}

function fuzzParsers(parsers: readonly FuzzedParser[], runs: number, seed: number): ExitCode {
  const findings = parsers.flatMap((parser) => {
    const finding = fuzz(parser, runs, seed);
    if (finding) console.log(`✗ ${parser.name} ${finding.problem}\n  by ${printableJson(finding.input)}`);
    else console.log(`✓ ${parser.name}: ${runs} inputs`);
    return finding ?? [];
  });
  return findings.length === 0 ? EXIT.ok : EXIT.failed;
}

async function findMutants(run: SimRun): Promise<ExitCode> {
  const { mutants, write } = run.options;
  const names = run.setting.mutants().map(({ name }) => name);
  const wanted = names.filter((name) => mutants === true || name.includes(String(mutants)));
  if (wanted.length === 0)
    throw new InputError(`--mutants is ${mutants}, but no mutant has that in its name.`);
  let missed = 0;
  for await (const { name, found } of replies('mutant', wanted, run)) {
    if (!found) {
      missed++;
      console.log(`✗ ${name}: not found by any of its seeds`);
      continue;
    }
    const { seed, invariant, size } = found;
    const shrunk = size ? `, shrunk to ${size.commands} commands and ${size.faults} faults` : '';
    console.log(`✓ ${name}: seed ${seed}, ${invariant}${shrunk}`);
    if (write !== undefined) writeMutantTable(write, names, [found]);
  }
  console.log(`${wanted.length - missed} of ${wanted.length} mutants were found.`);
  return missed === 0 ? EXIT.ok : EXIT.failed;
}
