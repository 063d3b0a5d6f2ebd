/** A map with its keys in order, as the tables in memory read it. */
import fc from 'fast-check';
import { OrderedMap } from '../../../../tools/local/services/ordered-map.cjs';

const key = fc.integer({ min: 0, max: 3_000 }).map((number) => number.toString(36));
const bound = fc.option(key, { nil: undefined });
const range = fc
  .record({ gt: bound, gte: bound, lt: bound, lte: bound, reverse: fc.boolean() })
  .map((each) => each as object);

test('keys of a range come in order, whatever was set and deleted before, over many blocks', () => {
  const map = new OrderedMap<number>();
  const model = new Map<string, number>();
  for (let i = 0; i < 3_000; i++) {
    const name = ((i * 1_871) % 3_001).toString(36);
    map.set(name, i);
    model.set(name, i);
  }
  fc.assert(
    fc.property(fc.array(key), fc.array(key), range, (set, deleted, { ...bounds }) => {
      for (const [i, name] of set.entries()) {
        map.set(name, i);
        model.set(name, i);
      }
      for (const name of deleted) {
        map.delete(name);
        model.delete(name);
      }
      const { gt, gte, lt, lte, reverse } = bounds as Record<string, string | undefined>;
      const expected = [...model.keys()]
        .sort((one, other) => (one < other ? -1 : 1))
        .filter(
          (each) =>
            (gt === undefined || each > gt) &&
            (gte === undefined || each >= gte) &&
            (lt === undefined || each < lt) &&
            (lte === undefined || each <= lte),
        );
      expect([...map.keys(bounds)]).toEqual(reverse ? expected.reverse() : expected);
      for (const name of [...set, ...deleted]) expect(map.get(name)).toBe(model.get(name));
    }),
    { numRuns: 50 },
  );
});

test('a map from which everything was deleted is empty, and takes keys again', () => {
  const map = new OrderedMap<string>();
  map.set('a', 'one');
  map.delete('a');
  map.delete('b');
  expect([...map.keys()]).toEqual([]);
  map.set('b', 'two');
  expect([...map.keys({ gte: 'a' })]).toEqual(['b']);
});
