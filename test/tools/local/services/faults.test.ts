/** Faults that are injected into calls: which calls they break, and how. */
import { brokenOutcome, Faults } from '../../../../tools/local/services/faults';

const faults = () => {
  let last = 0;
  return new Faults({ uuid: () => `fault-${++last}` });
};

test('a fault breaks so many calls of its function, or all until it is removed', () => {
  const some = faults();
  some.add('work', 'throttle', 2);
  const always = some.add('work', 'fail');
  const take = (...kinds: ('throttle' | 'fail')[]) => some.take('work', ...kinds)?.kind;
  expect([take('throttle'), take('throttle'), take('throttle')]).toEqual(['throttle', 'throttle', undefined]);
  expect([take('fail'), take('throttle', 'fail'), some.take('other', 'fail')]).toEqual([
    'fail',
    'fail',
    undefined,
  ]);
  expect([some.remove(always.id), some.remove(always.id), some.list()]).toEqual([true, false, []]);
});

test('a function whose calls are denied is one with such a fault', () => {
  const some = faults();
  some.add('work', 'deny');
  expect([some.denies('work'), some.denies('other')]).toEqual([true, false]);
});

test.each([
  ['fail', { status: 'error', durationMs: 0, error: { errorType: 'BrokenOnPurpose' } }],
  [
    'time-out',
    {
      ...{ status: 'timeout', durationMs: 3_000 },
      error: {
        errorType: 'Sandbox.Timedout',
        errorMessage: 'RequestId: r Error: Task timed out after 3.00 seconds',
      },
    },
  ],
] as const)('a call that is broken by %s ends as Lambda would end it', (kind, outcome) => {
  const broken = brokenOutcome({ id: 'f', hop: 'work', kind }, 'r', 3_000);
  expect(broken).toMatchObject(outcome);
  expect(JSON.parse(broken.payload)).toEqual(broken.error);
});
