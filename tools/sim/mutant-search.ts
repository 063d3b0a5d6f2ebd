/** Looks for each planted mistake, and keeps the table of those that were found. */
import fs from 'node:fs';
import { InputError } from '../cli/errors';
import type { Assembly } from '../template/assembly';
import { type Mutant, type MutantBundling, type MutatedApp, mutate } from './mutants';
import type { Plan } from './plan';
import type { SourceChange } from './release';
import { shrink } from './shrink';
import { type SimulationOptions, simulate } from './simulation';

export interface MutantSearch {
  readonly assembly: Assembly;
  /** Folder of the assembly. */
  readonly directory: string;
  readonly bundling: MutantBundling;
  /** Folder for what is changed. */
  readonly folder: string;
  /** Changes that make the next release. */
  readonly next: readonly SourceChange[];
  readonly base: SimulationOptions;
  readonly planFor: (seed: number) => Plan;
  /** Seeds to try beside the listed one. */
  readonly seeds: readonly number[];
  /** True if only these seeds are tried, and not the listed one. */
  readonly isOnlySeeds: boolean;
  readonly isShrunk: boolean;
}

export interface FoundMutant {
  readonly name: string;
  readonly seed: number;
  readonly invariant: string;
  /** Number of commands and faults that are left, if it was shrunk. */
  readonly size?: { readonly commands: number; readonly faults: number };
}

/** A mistake is shrunk by so many runs at most. */
const MOST_RUNS = 80;

/** @returns undefined if none of the seeds finds it */
export async function findMutant(mutant: Mutant, search: MutantSearch): Promise<FoundMutant | undefined> {
  const { assembly, directory, bundling, next, folder, planFor, seeds, isOnlySeeds, isShrunk } = search;
  const mutated: MutatedApp = await mutate(mutant, directory, assembly, bundling, next, folder);
  const base = { ...search.base, ...mutated };
  const { name, seed } = mutant;
  for (const each of isOnlySeeds ? seeds : [seed, ...seeds.filter((other) => other !== seed)]) {
    const plan = planFor(each);
    const result = await simulate(plan, base);
    if (!result.violation) continue;
    const found = { name, seed: each, invariant: result.violation.invariant };
    if (!isShrunk) return found;
    const { plan: smallest } = await shrink(plan, result, (smaller) => simulate(smaller, base), MOST_RUNS);
    return { ...found, size: { commands: smallest.commands.length, faults: smallest.faults.length } };
  }
  return undefined;
}

const [START, END] = ['<!-- sim mutants -->', '<!-- end sim mutants -->'];
const HEAD = ['| Mistake | Seed | Invariant | Commands | Faults |', '|---|--:|---|--:|--:|'];
const ROW = /^\| (.+) \| (\d+) \| (.+) \| (\d+) \| (\d+) \|$/;

/** Mistakes in the table of a document, as they were found last. */
export function readMutantTable(text: string): FoundMutant[] {
  const table = text.slice(text.indexOf(START), text.indexOf(END));
  return table.split('\n').flatMap((line) => {
    const [, name, seed, invariant, commands, faults] = ROW.exec(line) ?? [];
    if (name === undefined || invariant === undefined) return [];
    return {
      name,
      seed: Number(seed),
      invariant,
      size: { commands: Number(commands), faults: Number(faults) },
    };
  });
}

/**
 * Writes the table into a document, between its marks. What was not looked for now stays as it was.
 * @param names of all mistakes, in their order
 * @throws InputError if the document has no marks
 */
export function writeMutantTable(
  file: string,
  names: readonly string[],
  found: readonly FoundMutant[],
): void {
  const text = fs.readFileSync(file, 'utf8');
  if (!text.includes(START) || !text.includes(END))
    throw new InputError(`${file} has no line ${START} and ${END}.`);
  const rows = new Map([...readMutantTable(text), ...found].map((each) => [each.name, each]));
  const lines = names.flatMap((name) => {
    const row = rows.get(name);
    if (!row?.size) return [];
    return `| ${name} | ${row.seed} | ${row.invariant} | ${row.size.commands} | ${row.size.faults} |`;
  });
  const [before = ''] = text.split(START);
  const [, after = ''] = text.split(END);
  fs.writeFileSync(file, [`${before}${START}`, ...HEAD, ...lines, `${END}${after}`].join('\n'));
}
