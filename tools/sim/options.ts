/** Options of the command. */
import { InputError } from '../cli/errors';
import type { AssemblySource } from '../template/source/assembly-option';
import type { Model } from './model';
import { type Plan, partsOf, planOf, withParts } from './plan';

export interface SimOptions extends AssemblySource {
  readonly seed?: number;
  readonly seeds?: readonly [number, number];
  readonly events: number;
  readonly workers: number;
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

/** First and last seed of a run. */
export const seedsOf = ({ seed, seeds }: SimOptions): readonly [number, number] =>
  seed === undefined ? (seeds ?? DEFAULT_SEEDS) : [seed, seed];

/** @throws InputError if two of them do not go together */
export function checkOptions(options: SimOptions): void {
  const { write, html, shrink: isShrunk, seed, seeds, soak, keep, mutants, json, fuzz: inputs } = options;
  if (seed !== undefined && seeds) throw new InputError('--seed and --seeds exclude each other.');
  if (html !== undefined && (seed === undefined || mutants !== undefined))
    throw new InputError('--html needs --seed: a page shows one run.');
  if (write !== undefined && (mutants === undefined || !isShrunk))
    throw new InputError('--write needs --mutants, shrunk: it writes their sizes.');
  if (keep && seed === undefined) throw new InputError('--keep needs --seed: parts are those of one plan.');
  if (soak && (json || keep))
    throw new InputError('--soak tells figures, and takes neither --json nor --keep.');
  if (inputs !== undefined && (soak || json || keep || mutants !== undefined || options.workers > 1))
    throw new InputError('--fuzz takes no other option but --seed.');
  if (mutants !== undefined && (soak || json))
    throw new InputError('--mutants takes neither --soak nor --json.');
}

/** @throws InputError if the plan has no such part to keep */
export function planFor(model: Model, seed: number, { events, keep }: SimOptions): Plan {
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
