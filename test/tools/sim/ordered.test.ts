/** Replies of workers, in the order of their jobs, whatever each takes. */
import fc from 'fast-check';
import { inOrder, type Worker } from '../../../tools/sim/ordered';

/** Workers that share a list of what was begun, and each of whose jobs takes as many turns as it says. */
function workersOf(count: number, turns: readonly number[], fails: (job: number) => boolean = () => false) {
  const begun: number[] = [];
  const stopped = new Set<number>();
  const workers = Array.from({ length: count }, (_, index): Worker<number, number> => {
    let isBusy = false;
    return {
      stop: () => void stopped.add(index),
      run: async (job) => {
        expect(isBusy).toBe(false);
        isBusy = true;
        begun.push(job);
        for (let turn = turns[job] ?? 0; turn > 0; turn--) await undefined;
        isBusy = false;
        if (fails(job)) throw new Error(`job ${job}`);
        return job;
      },
    };
  });
  return { workers, begun, stopped };
}

const work = fc.record({
  count: fc.integer({ min: 1, max: 5 }),
  turns: fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 20 }),
});
const jobsOf = (turns: readonly number[]) => turns.map((_, job) => job);

test('replies come in the order of the jobs, each once, and every worker is stopped at the end', async () => {
  await fc.assert(
    fc.asyncProperty(work, async ({ count, turns }) => {
      const { workers, begun, stopped } = workersOf(count, turns);
      const replies: number[] = [];
      for await (const reply of inOrder(jobsOf(turns), workers, () => false)) replies.push(reply);
      expect(replies).toEqual(jobsOf(turns));
      expect(begun).toEqual(jobsOf(turns));
      expect(stopped.size).toBe(count);
    }),
  );
});

test('after a last reply no job begins, and those before it still reply', async () => {
  await fc.assert(
    fc.asyncProperty(work, fc.nat(19), async ({ count, turns }, last) => {
      const { workers, begun } = workersOf(count, turns);
      const replies: number[] = [];
      for await (const reply of inOrder(jobsOf(turns), workers, (each) => each >= last)) {
        replies.push(reply);
        if (reply >= last) break;
      }
      // As with one worker.
      expect(replies).toEqual(jobsOf(turns).filter((job) => job <= last));
      expect(begun.filter((job) => job > last).length).toBeLessThan(count);
    }),
  );
});

test('a worker that fails ends it after the replies before, and stops the others', async () => {
  await fc.assert(
    fc.asyncProperty(work, fc.nat(19), async ({ count, turns }, broken) => {
      const { workers, stopped } = workersOf(count, turns, (job) => job === broken);
      const replies: number[] = [];
      const all = async () => {
        for await (const reply of inOrder(jobsOf(turns), workers, () => false)) replies.push(reply);
      };
      const failure = await all().then(
        () => undefined,
        (error: Error) => error.message,
      );
      expect(failure).toBe(broken < turns.length ? `job ${broken}` : undefined);
      expect(replies).toEqual(jobsOf(turns).filter((job) => job < broken));
      expect(stopped.size).toBe(count);
    }),
  );
});
