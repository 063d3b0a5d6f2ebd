import fc from 'fast-check';
import { generatedNames } from '../../../tools/template/identity';
import { placeholder } from '../../../tools/template/placeholder';
import { arnLike, equal, like } from '../../../tools/template/text-match';

const X = placeholder('parameter', 'X');
/** Texts of few characters, so that they often match; `X` becomes a placeholder. */
const pattern = fc.string({ unit: fc.constantFrom('a', 'b', ':', '*', '?', 'X'), maxLength: 8 });
const text = fc.string({ unit: fc.constantFrom('a', 'b', ':', 'X'), maxLength: 8 });
const value = fc.string({ unit: fc.constantFrom('a', 'b', ':'), maxLength: 4 });
const withPlaceholders = (given: string) => given.replaceAll('X', X);

test.each([
  ['like', like],
  ['equal', equal],
  ['arnLike', arnLike],
] as const)('%s never says no where a value of the placeholder would match', (_, matches) => {
  fc.assert(
    fc.property(pattern, text, value, (wanted, actual, known) => {
      const told = matches(withPlaceholders(wanted), withPlaceholders(actual));
      const real = matches(wanted.replaceAll('X', known), actual.replaceAll('X', known));
      if (told !== real) expect(typeof told).toBe('string');
    }),
    { numRuns: 3_000 },
  );
});

test('without placeholders there is always an answer', () => {
  fc.assert(
    fc.property(pattern, text, (wanted, actual) => {
      expect(typeof like(wanted.replaceAll('X', 'a'), actual.replaceAll('X', 'a'))).toBe('boolean');
    }),
  );
});

test('generated names are unique, whatever the logical ids and the names that the template gives', () => {
  const id = fc.string({ unit: fc.constantFrom('A', 'a', 'B', '1'), minLength: 1, maxLength: 90 });
  fc.assert(
    fc.property(fc.uniqueArray(id, { maxLength: 12 }), fc.array(id, { maxLength: 4 }), (ids, taken) => {
      const given = new Set(taken.map((name) => `shop-${name}`.toLowerCase()));
      const names = [
        ...generatedNames(
          'shop',
          ids.map((each) => [each, 'AWS::S3::Bucket']),
          given,
        ).values(),
      ];
      expect(new Set(names).size).toBe(ids.length);
      for (const name of names) {
        expect(given).not.toContain(name);
        expect(name.length).toBeLessThanOrEqual(63);
      }
    }),
  );
});
