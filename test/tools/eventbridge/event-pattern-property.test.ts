/**
 * Event patterns against a second matcher that is as plain as can be: it lists all fields of an event with the array
 * elements that they lie in, and tries every way to choose one for each field of the pattern.
 */
import fc from 'fast-check';
import { compile } from '../../../tools/eventbridge/event-pattern';
import { RuleIndex } from '../../../tools/eventbridge/rule-index';

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

type Pattern = { [name: string]: Json };

/** A scalar of an event: its path, and the index in each array on its way, by the array's place in the event. */
interface Leaf {
  path: string;
  value: Json;
  elements: ReadonlyMap<string, number>;
}

function leavesOf(
  node: Json,
  path = '',
  place = '',
  elements: ReadonlyMap<string, number> = new Map(),
): Leaf[] {
  if (Array.isArray(node)) {
    return node.flatMap((item, i) =>
      item !== null && typeof item === 'object'
        ? leavesOf(item, path, `${place}[${i}]`, new Map([...elements, [place, i]]))
        : [{ path, value: item, elements }],
    );
  }
  if (node !== null && typeof node === 'object') {
    return Object.entries(node).flatMap(([name, child]) =>
      leavesOf(child, place === '' ? name : `${path}.${name}`, `${place}/${name}`, elements),
    );
  }
  return [{ path, value: node, elements }];
}

type Fields = Record<string, Json[]>;

/** The pattern's alternatives: for each of them the lists by path. */
function alternativesOf(
  pattern: { [name: string]: Json },
  path: string[] = [],
  before: Fields[] = [{}],
): Fields[] {
  return Object.entries(pattern).reduce((alternatives, [name, value]) => {
    if (name === '$or') {
      return (value as { [name: string]: Json }[]).flatMap((each) =>
        alternativesOf(
          each,
          path,
          alternatives.map((fields) => ({ ...fields })),
        ),
      );
    }
    if (Array.isArray(value))
      return alternatives.map((fields) => ({ ...fields, [[...path, name].join('.')]: value }));
    return alternativesOf(value as { [name: string]: Json }, [...path, name], alternatives);
  }, before);
}

function agree(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return [...a].every(([array, index]) => (b.get(array) ?? index) === index);
}

function matchesPlainly(pattern: Pattern, event: { [name: string]: Json }): boolean {
  const leaves = leavesOf(event);
  const search = (fields: [string, Json[]][], chosen: ReadonlyMap<string, number>): boolean => {
    const [first, ...rest] = fields;
    if (!first) return true;
    const [path, list] = first;
    const possible = leaves.filter((leaf) => leaf.path === path && agree(leaf.elements, chosen));
    if (possible.length === 0) {
      const isAbsenceAllowed = list.some((test) => isTest(test, 'exists') && test.exists === false);
      return isAbsenceAllowed && search(rest, chosen);
    }
    return possible.some(
      ({ value, elements }) =>
        list.some((test) => passes(test, value)) && search(rest, new Map([...chosen, ...elements])),
    );
  };
  return alternativesOf(pattern).some((fields) =>
    search(
      Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)),
      new Map(),
    ),
  );
}

function isTest<K extends string>(test: Json, operator: K): test is Record<K, Json> {
  return test !== null && typeof test === 'object' && operator in test;
}

function passes(test: Json, value: Json): boolean {
  if (test === null || typeof test !== 'object' || Array.isArray(test)) return test === value;
  const text = typeof value === 'string' ? value : undefined;
  const [[operator, operand] = ['', null]] = Object.entries(test);
  switch (operator) {
    case 'exists':
      return operand === true;
    case 'anything-but': {
      if (operand !== null && typeof operand === 'object' && !Array.isArray(operand)) {
        const [[inner, texts] = ['', null]] = Object.entries(operand);
        return ![texts].flat().some((each) => passes({ [inner]: each ?? null }, value));
      }
      return ![operand].flat().includes(value);
    }
    case 'numeric': {
      if (typeof value !== 'number') return false;
      const [sign, bound, , top] = operand as [string, number, string?, number?];
      if (sign === '=') return value === bound;
      if (sign.startsWith('<')) return value < bound || (sign === '<=' && value === bound);
      if (top !== undefined && value > top) return false;
      return value > bound || (sign === '>=' && value === bound);
    }
    case 'equals-ignore-case':
      return text?.toLowerCase() === String(operand).toLowerCase();
    case 'prefix':
    case 'suffix': {
      const ignoresCase = typeof operand === 'object';
      const fold = (each: string) => (ignoresCase ? each.toLowerCase() : each);
      const edge = fold(ignoresCase ? String(Object.values(operand ?? {})[0]) : String(operand));
      if (text === undefined) return false;
      return operator === 'prefix' ? fold(text).startsWith(edge) : fold(text).endsWith(edge);
    }
    case 'wildcard': {
      const source = String(operand).replace(/\\?./gs, (each) => (each === '*' ? '.*' : `\\x${hex(each)}`));
      return text !== undefined && new RegExp(`^${source}$`, 's').test(text);
    }
    case 'cidr': {
      const [network = '', bits = ''] = String(operand).split('/');
      if (text === undefined || !/^(\d+\.){3}\d+$/.test(text)) return false;
      const start = (address: string) =>
        address
          .split('.')
          .map((byte) => Number(byte).toString(2).padStart(8, '0'))
          .join('')
          .slice(0, Number(bits));
      return start(text) === start(network);
    }
    default:
      throw new Error(`no test: ${JSON.stringify(test)}`);
  }
}

function hex(char: string): string {
  return char.slice(-1).charCodeAt(0).toString(16).padStart(2, '0');
}

// Few names and values, so that patterns and events meet.
const name = fc.constantFrom('a', 'b', 'c', 'a.b', 'b.c', 'b-c', '0');
const text = fc.constantFrom(
  '',
  'a',
  'A',
  'ab',
  'aB',
  'ba',
  'aba',
  '*',
  'a*',
  '10.0.0.1',
  '10.0.0.2',
  '10.0.1.1',
);
const number = fc.constantFrom(-1, 0, 0.5, 1, 2);
const scalar: fc.Arbitrary<Json> = fc.oneof(text, number, fc.constantFrom(true, false, null));

const event = fc.letrec<{ node: Json; object: { [name: string]: Json } }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    scalar,
    fc.array(tie('node'), { maxLength: 3 }),
    tie('object'),
    fc.array(tie('object'), { minLength: 1, maxLength: 3 }),
  ),
  object: fc.dictionary(name, tie('node'), { maxKeys: 4 }),
})).object;

const nonEmpty = text.filter((each) => each !== '');
const wildcard = fc
  .array(fc.constantFrom('a', 'b', '*', '\\*', '\\\\'), { maxLength: 4 })
  .map((parts) => parts.filter((part, i) => part !== '*' || parts[i - 1] !== '*').join(''));
const bounds = fc.tuple(number, number).filter(([bottom, top]) => bottom < top);

const test_: fc.Arbitrary<Json> = fc.oneof(
  { arbitrary: scalar, weight: 6 },
  { arbitrary: fc.boolean().map((exists) => ({ exists })), weight: 3 },
  text.map((prefix) => ({ prefix })),
  text.map((suffix) => ({ suffix })),
  text.map((each) => ({ prefix: { 'equals-ignore-case': each } })),
  text.map((each) => ({ suffix: { 'equals-ignore-case': each } })),
  text.map((each) => ({ 'equals-ignore-case': each })),
  wildcard.map((each) => ({ wildcard: each })),
  fc.tuple(fc.constantFrom('=', '<', '<=', '>', '>='), number).map((numeric) => ({ numeric })),
  bounds.chain(([bottom, top]) =>
    fc.constantFrom('>', '>=').map((sign) => ({ numeric: [sign, bottom, '<=', top] as Json })),
  ),
  fc.constantFrom('10.0.0.0/24', '10.0.0.2/31', '0.0.0.0/0', '10.0.1.77/23').map((cidr) => ({ cidr })),
  fc
    .oneof(text, number, fc.array(text, { minLength: 1 }), fc.array(number, { minLength: 1 }))
    .map((each) => ({
      'anything-but': each,
    })),
  fc
    .tuple(fc.constantFrom('prefix', 'suffix', 'equals-ignore-case'), fc.array(nonEmpty, { minLength: 1 }))
    .map(([operator, texts]) => ({ 'anything-but': { [operator]: texts } })),
  wildcard.map((each) => ({ 'anything-but': { wildcard: each } })),
);

const list = fc.array(test_, { minLength: 1, maxLength: 3 });
const fields = (inner: fc.Arbitrary<Json>) => fc.dictionary(name, inner, { minKeys: 1, maxKeys: 3 });
const flat: fc.Arbitrary<Pattern> = fields(list);
const nested: fc.Arbitrary<Pattern> = fields(fc.oneof(list, fields(fc.oneof(list, flat))));
const or = (alternative: fc.Arbitrary<Pattern>): fc.Arbitrary<Pattern> =>
  fc
    .tuple(fc.array(alternative, { minLength: 2, maxLength: 3 }), flat, flat)
    .map(([$or, before, behind]) => ({ ...before, $or, ...behind }));
const pattern: fc.Arbitrary<Pattern> = fc.oneof(
  flat,
  { arbitrary: nested, weight: 3 },
  or(nested),
  or(fc.oneof(flat, or(flat))),
  fields(or(flat)).filter((each) => Object.keys(each).length < 3),
);

/** A pattern made of what lies in the event, so that it is likely to match. */
function patternFrom(anyEvent: Json): fc.Arbitrary<Pattern> {
  const leaves = leavesOf(anyEvent);
  if (leaves.length === 0) return pattern;
  return fc
    .array(fc.tuple(fc.constantFrom(...leaves), fc.oneof(fc.constant([]), list)), {
      minLength: 1,
      maxLength: 4,
    })
    .map((chosen) => Object.fromEntries(chosen.map(([{ path, value }, more]) => [path, [...more, value]])));
}

const patternAndEvents = fc
  .array(event, { minLength: 5, maxLength: 10 })
  .chain((events) => fc.tuple(fc.oneof(pattern, patternFrom(events[0] ?? {})), fc.constant(events)));

test('a pattern matches the same events as the plain matcher says', () => {
  let matched = 0;
  fc.assert(
    fc.property(patternAndEvents, ([anyPattern, events]) => {
      const compiled = compile(anyPattern);
      for (const each of events) {
        const expected = matchesPlainly(anyPattern, each);
        expect(compiled.matches(each)).toBe(expected);
        matched += Number(expected);
      }
    }),
    { numRuns: 1_000 },
  );
  // It would be no test if they never did.
  expect(matched).toBeGreaterThan(200);
});

test('an explanation names the fields whose change makes the event match, and no more than needed', () => {
  const counts = [0, 0, 0];
  fc.assert(
    fc.property(patternAndEvents, ([anyPattern, [anyEvent = {}]]) => {
      const compiled = compile(anyPattern);
      const { matched, misses } = compiled.explain(anyEvent);
      expect(matched).toBe(compiled.matches(anyEvent));
      expect(matched).toBe(misses.length === 0);

      // Some alternative matches without the fields that missed, and none with fewer left out.
      const alternatives = alternativesOf(anyPattern);
      const matchesWithout = (paths: string[]) =>
        alternatives.some((fields) => {
          const rest = Object.entries(fields).filter(([path]) => !paths.includes(path));
          return rest.length === 0 || matchesPlainly(Object.fromEntries(rest), anyEvent);
        });
      expect(matchesWithout(misses.map(({ field }) => field))).toBe(true);
      if (misses.length === 1) expect(matchesWithout([])).toBe(false);
      const paths = new Set(alternatives.flatMap((each) => Object.keys(each)));
      if (misses.length === 2) for (const path of paths) expect(matchesWithout([path])).toBe(false);
      if (misses.length < 3) counts[misses.length] = (counts[misses.length] ?? 0) + 1;
    }),
    { numRuns: 1_000 },
  );
  expect(Math.min(...counts)).toBeGreaterThan(20);
});

describe('an index of rules', () => {
  /** Rules that the index finds, and those that it should. */
  function lookUp(patterns: Pattern[], events: Json[]): { found: string[][]; expected: string[][] } {
    const rules = new Map(patterns.map((each, i) => [`rule-${i}`, compile(each)]));
    const index = new RuleIndex();
    for (const [rule, compiled] of rules) index.add(rule, compiled);
    return {
      found: events.map((each) => index.lookup(each)),
      expected: events.map((each) =>
        [...rules].flatMap(([rule, compiled]) => (compiled.matches(each) ? [rule] : [])),
      ),
    };
  }

  test('finds the rules that match when asked one by one', () => {
    let matched = 0;
    fc.assert(
      fc.property(fc.array(patternAndEvents, { maxLength: 30 }), (all) => {
        const { found, expected } = lookUp(
          all.map(([each]) => each),
          all.flatMap(([, [each = {}]]) => [each]),
        );
        expect(found).toEqual(expected);
        matched += expected.flat().length;
      }),
      { numRuns: 100 },
    );
    expect(matched).toBeGreaterThan(100);
  });

  test('finds them among rules on many different fields', () => {
    const field = fc.integer({ min: 0, max: 30 }).map((i) => `f${i}`);
    const value = fc.constantFrom(0, 1, 2);
    const values = fc.array(value, { minLength: 1, maxLength: 2 });
    const wide = fc.tuple(field, field, values, values).map(([a, b, first, second]): Pattern => {
      return { detail: { [a]: first, [`${b}.x`]: second } };
    });
    const found = fc.oneof(value, fc.array(value, { maxLength: 2 }));
    const node = fc.oneof(
      found,
      fc.record({ x: found }),
      fc.array(fc.record({ x: found }), { maxLength: 2 }),
    );
    const wideEvent = fc
      .record({
        detail: fc.dictionary(field, node, { minKeys: 10, maxKeys: 30 }),
        dotted: fc.dictionary(
          field.map((each) => `${each}.x`),
          found,
        ),
        top: fc.dictionary(
          field.map((each) => `detail.${each}`),
          found,
        ),
      })
      .map(({ detail, dotted, top }): Json => ({ ...top, detail: { ...detail, ...dotted } }));

    let matched = 0;
    fc.assert(
      fc.property(
        fc.array(wide, { minLength: 30, maxLength: 60 }),
        fc.array(wideEvent, { minLength: 5, maxLength: 10 }),
        (patterns, events) => {
          const { found, expected } = lookUp(patterns, events);
          expect(found).toEqual(expected);
          matched += expected.flat().length;
        },
      ),
      { numRuns: 50 },
    );
    expect(matched).toBeGreaterThan(200);
  });
});
