/** Shrinks a failing plan: the fewest of its parts with which the same invariant is broken. */
import { only, type Plan, partsOf } from './plan';
import type { SimulationResult } from './simulation';

export interface Shrunk {
  readonly plan: Plan;
  readonly result: SimulationResult;
  /** Number of simulations that it took. */
  readonly runs: number;
}

/**
 * Delta debugging (Zeller's ddmin) over commands and faults.
 * @param run simulates a plan
 * @param mostRuns ends the search early, with the smallest plan so far
 */
export async function shrink(
  plan: Plan,
  first: SimulationResult,
  run: (plan: Plan) => Promise<SimulationResult>,
  mostRuns = 200,
): Promise<Shrunk> {
  let best = { plan, result: first };
  let runs = 0;
  const fails = async (ids: readonly string[]): Promise<boolean> => {
    if (runs >= mostRuns) return false;
    runs++;
    const smaller = only(plan, new Set(ids));
    const result = await run(smaller);
    if (result.violation?.invariant !== first.violation?.invariant) return false;
    best = { plan: smaller, result };
    return true;
  };
  let parts = partsOf(plan);
  for (let pieces = 2; parts.length > 1; ) {
    const size = Math.ceil(parts.length / pieces);
    const chunks = Array.from({ length: Math.ceil(parts.length / size) }, (_, index) =>
      parts.slice(index * size, (index + 1) * size),
    );
    let smaller: string[] | undefined;
    for (const chunk of pieces === 2 ? chunks : []) if (!smaller && (await fails(chunk))) smaller = chunk;
    for (const chunk of chunks) {
      const rest = parts.filter((part) => !chunk.includes(part));
      if (!smaller && rest.length > 0 && (await fails(rest))) smaller = rest;
    }
    if (smaller) {
      pieces = Math.max(2, smaller.length < parts.length / 2 ? 2 : pieces - 1);
      parts = smaller;
    } else if (pieces >= parts.length) break;
    else pieces = Math.min(parts.length, 2 * pieces);
  }
  return { ...best, runs };
}
