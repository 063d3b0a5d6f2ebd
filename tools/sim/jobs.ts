/** The two jobs of the command, which it does itself or leaves to workers: to run a seed, and to look for a mistake. */
import path from 'node:path';
import { printableJson } from '../cli/escape-control';
import type { Assembly } from '../template/assembly';
import { type FoundMutant, findMutant } from './mutant-search';
import { planFor, type SimOptions, seedsOf } from './options';
import { type Prepared, simulationOptions } from './prepared';
import type { SimSetting } from './setting';
import { type SimulationOptions, type SimulationResult, simulate } from './simulation';

export interface SimRun {
  readonly setting: SimSetting;
  readonly options: SimOptions;
  readonly assembly: Assembly;
  readonly prepared: Prepared;
  readonly base: SimulationOptions;
}

export interface SeedReply {
  readonly result: SimulationResult;
  /** Plan, log and result as one JSON document, with `--json`. */
  readonly document?: string;
  /** Bytes in use after it, of the process that ran it. */
  readonly heapBytes: number;
}

export interface MutantReply {
  readonly name: string;
  /** Undefined if none of its seeds finds it. */
  readonly found?: FoundMutant;
}

export function runOf(
  setting: SimSetting,
  options: SimOptions,
  assembly: Assembly,
  prepared: Prepared,
): SimRun {
  return { setting, options, assembly, prepared, base: simulationOptions(setting, assembly, prepared) };
}

async function runSeed(seed: number, { options, base }: SimRun): Promise<SeedReply> {
  const plan = planFor(base.model, seed, options);
  const lines: string[] = [];
  const result = await simulate(plan, options.json ? { ...base, onLine: (line) => lines.push(line) } : base);
  const document = () => printableJson({ plan, log: lines.map((line) => JSON.parse(line)), result });
  return {
    result,
    ...(options.json && { document: document() }),
    heapBytes: process.memoryUsage().heapUsed,
  };
}

/** Looks for a mistake by its listed seed, then by others. */
async function searchMutant(
  name: string,
  { setting, options, assembly, base, prepared }: SimRun,
): Promise<MutantReply> {
  const mutant = setting.mutants().find((each) => each.name === name);
  if (!mutant) throw new Error(`There is no mutant "${name}".`);
  const { bundling } = setting;
  const [from, to] = seedsOf(options);
  const found = await findMutant(mutant, {
    ...{ assembly, bundling, base, next: base.model.next, folder: prepared.folder },
    directory: options.assembly ?? path.join(bundling.project, 'cdk.out'),
    planFor: (seed) => planFor(base.model, seed, options),
    seeds: Array.from({ length: to - from + 1 }, (_, index) => from + index),
    isOnlySeeds: options.seeds !== undefined,
    isShrunk: options.shrink,
  });
  return { name, ...(found && { found }) };
}

export const JOBS = { seed: runSeed, mutant: searchMutant };
export type JobKind = keyof typeof JOBS;
export type Job<Kind extends JobKind> = Parameters<(typeof JOBS)[Kind]>[0];
export type JobReply<Kind extends JobKind> = Awaited<ReturnType<(typeof JOBS)[Kind]>>;
