import fc from 'fast-check';
import { any, Budget, contains, members, texts } from '../../../../tools/eventbridge/value-set';
import { languageOf } from '../../../../tools/proof/contracts/regular-expression';

const setOf = (source: string) => any(...languageOf(source).map(texts));

test.each([
  ...['a', '^a', 'a$', '^a$', '^a|b$', '^(a|b)$', '^$', '', '^a{2,3}$', '^[^a]*$', 'a|', '(^a)|b$'],
  ...['^\\p{Lu}+$', '^[\\w.-]{1,4}$', '^\\S+@\\S+$', '^😀$', '^[😀-😂]?$', '^.$', '^..$', '[\\u{1f600}]'],
])('/%s/ is the texts that it matches, with the flag u or without', (source) => {
  const readings = source.includes('😂')
    ? [new RegExp(source, 'u')]
    : [new RegExp(source, 'u'), new RegExp(source)];
  const set = setOf(source);
  const unit = fc.constantFrom('a', 'b', 'A', '.', '@', '😀', '😁', '😃', 'p{Lu}', 'é', '\u2028', ' ');
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 5 }), (units) => {
      const text = units.join('');
      expect(contains(set, text)).toBe(readings.some((reading) => reading.test(text)));
    }),
    { numRuns: 300 },
  );
  const [first] = members(set, new Budget(1_000));
  expect(readings.some((reading) => reading.test(first as string))).toBe(true);
});

test.each(['(?=a)b', '\\bfoo', '(?<!a)b', 'a^b', '(a)\\1', '('])('/%s/ is not told', (source) => {
  expect(() => languageOf(source)).toThrow(expect.objectContaining({ name: 'UndecidedError' }));
});
