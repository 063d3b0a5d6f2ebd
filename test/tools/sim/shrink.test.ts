/** The shrinker alone, on plans whose failure is a rule over their parts. */
import fc from 'fast-check';
import type { Plan } from '../../../tools/sim/plan';
import { partsOf } from '../../../tools/sim/plan';
import { shrink } from '../../../tools/sim/shrink';
import type { SimulationResult } from '../../../tools/sim/simulation';

const planOf = (commands: number, faults: number): Plan => ({
  seed: 1,
  commands: Array.from({ length: commands }, (_, n) => ({
    id: `c${n + 1}`,
    at: n,
    kind: 'deploy',
    release: 'same',
  })),
  faults: Array.from({ length: faults }, (_, n) => ({
    id: `f${n + 1}`,
    hop: 'x',
    call: n + 1,
    kind: 'throttled',
  })),
});

const resultOf = (invariant?: string) =>
  ({ ...(invariant && { violation: { invariant, message: '' } }) }) as SimulationResult;

/** Fails with `lost` if it has all of the needed parts, and with another invariant if it has none. */
function shrinkTo(needed: readonly string[], plan: Plan, mostRuns?: number) {
  const run = async (smaller: Plan) => {
    const parts = partsOf(smaller).map((id) => id.replace('@1', ''));
    if (needed.every((id) => parts.includes(id))) return resultOf('lost');
    return resultOf(parts.includes('c2') ? 'told twice' : undefined);
  };
  return shrink(plan, resultOf('lost'), run, mostRuns);
}

const parts = fc
  .tuple(fc.integer({ min: 5, max: 40 }), fc.integer({ min: 0, max: 40 }))
  .chain(([commands, faults]) => {
    const plan = planOf(commands, faults);
    return fc.tuple(fc.constant(plan), fc.subarray(partsOf(plan), { minLength: 1, maxLength: 5 }));
  });

test('what is left is what is needed, and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(parts, async ([plan, needed]) => {
      const { plan: smallest } = await shrinkTo(needed, plan, 10_000);
      expect(
        partsOf(smallest)
          .map((id) => id.replace('@1', ''))
          .sort(),
      ).toEqual([...needed].sort());
    }),
  );
});

test('the same failure is shrunk by the same runs', async () => {
  const [one, other] = [
    await shrinkTo(['c7', 'f3'], planOf(30, 20)),
    await shrinkTo(['c7', 'f3'], planOf(30, 20)),
  ];
  expect(one).toEqual(other);
});

test('it ends after the given runs, with the smallest that it has found', async () => {
  const { plan, runs } = await shrinkTo(['c7', 'f3'], planOf(30, 20), 12);
  expect(runs).toBe(12);
  expect(partsOf(plan)).toEqual(expect.arrayContaining(['c7', 'f3@1']));
  expect(partsOf(plan).length).toBeLessThan(50);
});

test('a fault strikes the first call if that will do, so that no other command has to come before', async () => {
  // As a fault at the third delivery: it needs three commands, or one if it strikes the first.
  const run = async ({ commands, faults }: Plan) => {
    const [fault] = faults.filter(({ hop }) => hop === 'x');
    return resultOf(fault && commands.length >= fault.call ? 'lost' : undefined);
  };
  const { plan } = await shrink(
    { ...planOf(9, 7), faults: planOf(9, 7).faults.slice(4) },
    resultOf('lost'),
    run,
  );
  expect([plan.commands.length, plan.faults.map(({ call }) => call)]).toEqual([1, [1]]);
});

test('a plan that breaks another invariant is not taken for the same failure', async () => {
  const { result } = await shrinkTo(['c2', 'c3'], planOf(4, 0));
  expect(result.violation?.invariant).toBe('lost');
});
