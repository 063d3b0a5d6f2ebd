/** Expressions of DynamoDB that are parsed once: their result is that of dynalite's parsers. */
import { createRequire } from 'node:module';
import path from 'node:path';
import fc from 'fast-check';
import { remembering } from '../../../../tools/local/services/parsed-expressions.cjs';

const load = createRequire(__filename);
const DYNALITE = path.dirname(load.resolve('dynalite/package.json'));
const { compare } = load(path.join(DYNALITE, 'db')) as { compare: (...values: unknown[]) => boolean };

const VALUES = fc.oneof(
  fc.string().map((S) => ({ S })),
  fc.integer().map((N) => ({ N: String(N) })),
  fc.boolean().map((BOOL) => ({ BOOL })),
  fc.array(fc.constant({ S: 'x' })).map((L) => ({ L })),
  fc.constantFrom('S', 'N', 'nothing').map((S) => ({ S })),
);
const PATH = fc.constantFrom('#a', '#b.#a', 'total', 'lines[0]', '#a[1].#b', '#unknown', 'status');
const OPERAND = fc.oneof(PATH, fc.constantFrom(':x', ':y', ':unknown', 'size(#a)'));
const CONDITION = fc.oneof(
  fc.tuple(PATH, fc.constantFrom('=', '<', '<>', '>='), OPERAND).map((all) => all.join(' ')),
  fc.tuple(PATH, OPERAND, OPERAND).map(([of, from, to]) => `${of} BETWEEN ${from} AND ${to}`),
  fc.tuple(PATH, OPERAND, OPERAND).map(([of, one, other]) => `${of} IN (${one}, ${other})`),
  fc
    .tuple(fc.constantFrom('attribute_exists', 'attribute_not_exists', 'nothing'), OPERAND)
    .map(([name, of]) => `${name}(${of})`),
  fc
    .tuple(fc.constantFrom('begins_with', 'contains', 'attribute_type'), PATH, OPERAND)
    .map(([name, of, value]) => `${name}(${of}, ${value})`),
);
const EXPRESSIONS = {
  conditionParser: fc
    .tuple(CONDITION, fc.constantFrom('AND', 'OR', 'AND NOT', 'nor'), CONDITION)
    .map((all) => all.join(' ')),
  updateParser: fc.oneof(
    fc.tuple(PATH, OPERAND, PATH).map(([to, value, gone]) => `SET ${to} = ${value} REMOVE ${gone}`),
    fc.tuple(PATH, PATH, OPERAND).map(([to, or, value]) => `SET ${to} = if_not_exists(${or}, ${value})`),
    fc.tuple(PATH, OPERAND, OPERAND).map(([to, one, other]) => `SET ${to} = ${one} + ${other}`),
    fc.tuple(PATH, OPERAND, OPERAND).map(([to, one, other]) => `SET ${to} = list_append(${one}, ${other})`),
    fc.tuple(fc.constantFrom('ADD', 'DELETE'), PATH, OPERAND).map((all) => all.join(' ')),
  ),
  projectionParser: fc.array(PATH, { minLength: 1, maxLength: 3 }).map((all) => all.join(', ')),
};

type Values = Readonly<Record<string, object>>;
type Parse = Parameters<typeof remembering>[0];

/** Result of an expression, and the names and values that it did not use. */
function outcome(parse: Parse, text: string, attrNames: Record<string, string>, attrVals: Values) {
  const unused = (of: object): Record<string, true> =>
    Object.fromEntries(Object.keys(of).map((name) => [name, true]));
  const [unusedAttrNames, unusedAttrVals] = [unused(attrNames), unused(attrVals)];
  const isReserved = (name: string) => name === 'status';
  const context = { attrNames, attrVals, unusedAttrNames, unusedAttrVals, isReserved, compare };
  try {
    return { parsed: parse(text, { context }), unusedAttrNames, unusedAttrVals };
  } catch (error) {
    return { error: (error as Error).message, unusedAttrNames, unusedAttrVals };
  }
}

test.each(Object.entries(EXPRESSIONS))('%s: the same, whatever was parsed before', (name, expressions) => {
  const { parse } = load(path.join(DYNALITE, 'db', name)) as { parse: Parse };
  const remembers = remembering(parse);
  const values = fc.dictionary(fc.constantFrom(':x', ':y'), VALUES, { noNullPrototype: true });
  const names = fc.dictionary(fc.constantFrom('#a', '#b'), fc.constantFrom('p', 'q'), {
    noNullPrototype: true,
  });
  fc.assert(
    fc.property(expressions, names, fc.array(values, { minLength: 2, maxLength: 4 }), (text, given, all) => {
      for (const each of all)
        expect(outcome(remembers, text, given, each)).toEqual(outcome(parse, text, given, each));
    }),
    { numRuns: 300 },
  );
});

test('what is made of one parsing changes nothing in the next', () => {
  const { parse } = load(path.join(DYNALITE, 'db', 'conditionParser')) as { parse: Parse };
  const remembers = remembering(parse);
  const first = () =>
    outcome(remembers, 'total = :x', {}, { ':x': { N: '1' } }).parsed as { args?: unknown[] };
  const before = JSON.stringify(first());
  for (const part of Object.values(Object(first())))
    if (part && typeof part === 'object') Object.assign(part, { args: [], type: 'changed' });
  expect(JSON.stringify(first())).toBe(before);
});
