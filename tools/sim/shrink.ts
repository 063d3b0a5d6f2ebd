/** Shrinks a failing plan: the fewest of its parts with which the same invariant is broken. */
import { type Plan, partsOf, withParts } from './plan';
import type { SimulationResult } from './simulation';

export interface Shrunk {
  readonly plan: Plan;
  readonly result: SimulationResult;
  /** Number of simulations that it took. */
  readonly runs: number;
}

/**
 * Delta debugging (Zeller's ddmin): first over faults, each of which then strikes the first call if that will do, so that
 * fewer commands are needed to come to it; then over commands, and over all once more.
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
  const fails = async (parts: readonly string[]): Promise<boolean> => {
    if (runs >= mostRuns) return false;
    runs++;
    const smaller = withParts(plan, parts);
    const result = await run(smaller);
    if (result.violation?.invariant !== first.violation?.invariant) return false;
    best = { plan: smaller, result };
    return true;
  };
  const commands = () => best.plan.commands.map(({ id }) => id);
  const faults = () => best.plan.faults.map(({ id }) => id);

  const all = commands();
  // Most failures need no fault.
  if (faults().length > 0 && !(await fails(all)))
    await minimize(faults(), (some) => fails([...all, ...some]));
  for (const id of faults()) {
    const others = faults().filter((other) => other !== id);
    await fails([...all, ...others, `${id}@1`]);
  }
  const kept = faults();
  await minimize(all, (some) => fails([...some, ...kept]));
  await minimize(partsOf(best.plan), fails);
  return { ...best, runs };
}

/** Leaves out parts for as long as the rest fails. */
async function minimize(
  given: readonly string[],
  fails: (parts: readonly string[]) => Promise<boolean>,
): Promise<void> {
  let parts = given;
  for (let pieces = 2; parts.length > 1; ) {
    const size = Math.ceil(parts.length / pieces);
    const chunks = Array.from({ length: Math.ceil(parts.length / size) }, (_, index) =>
      parts.slice(index * size, (index + 1) * size),
    );
    let smaller: readonly string[] | undefined;
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
}
