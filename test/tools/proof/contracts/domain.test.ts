/** Domain of the events that a schema allows: what it says of a field, and what it cannot tell, by the keyword. */
import { contains } from '../../../../tools/eventbridge/value-set';
import type { JsonSchema } from '../../../../tools/proof/contracts/detail-schema';
import { schemaDomain } from '../../../../tools/proof/contracts/domain';

const domainOf = (schema: object) => schemaDomain(schema as JsonSchema, undefined, () => true);
const text = { type: 'string' };
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });
const pair = { anyOf: [object({ a: text }), object({ a: { type: 'number' } })] };

test.each<[object, string, string]>([
  [{ ...text, contentEncoding: 'base64' }, 'f', 'f has the keyword contentEncoding'],
  [{ type: 'array' }, 'f', 'f has no schema for all its items'],
  [{ type: 'array', items: [text] }, 'f', 'f has no schema for all its items'],
  [pair, 'f.a', 'f has alternatives that are not all plain values'],
  [{ not: text, type: 'object' }, 'f.a', 'f has the keyword not, of type'],
  [{ type: 'string', not: { pattern: 'a' } }, 'f', 'f has the keyword not, of pattern'],
  [{}, 'f', 'f may have any value'],
  [object({ 'a.b': text }), 'f.a.b', 'f.a.b has a dot in its name'],
  [
    { type: 'object', additionalProperties: object({ b: text }) },
    'f.a.b',
    'f may have any fields, among them ones with dots in their names',
  ],
])('of %j field %s cannot be told: %s', (schema, path, reason) => {
  expect(() => domainOf(object({ f: schema })).field(path)).toThrow(reason);
});

test('a keyword that is not known is told of the schema itself, too', () => {
  expect(() => domainOf({ type: 'object', if: {} }).field('f')).toThrow('the schema has the keyword if');
  expect(() => domainOf({ type: 'object', not: {} }).field('f')).toThrow(
    'the schema has the keyword not, of ',
  );
});

test.each<[object, boolean, boolean]>([
  [object({ f: text }, { required: ['f'] }), true, false],
  [object({ f: text }), true, true],
  [object({}), false, true],
  [{ type: 'object', additionalProperties: text }, true, true],
  [{ type: 'object', additionalProperties: text, required: ['f'] }, true, false],
  [{ type: 'object', additionalProperties: text, propertyNames: { enum: ['f'] } }, true, true],
  [{ type: 'object', additionalProperties: text, propertyNames: { enum: ['g'] } }, false, true],
  [object({ f: { enum: ['x', 'y'] } }, { required: ['f'] }), true, false],
  [object({ f: { oneOf: [text, { const: 'x' }] } }, { required: ['f'] }), false, false],
  [object({ f: { enum: [{}, 'x'] } }, { required: ['f'] }), true, true],
])('of %j: f may be x: %s, may be left out: %s', (schema, mayBe, mayBeLeftOut) => {
  const { values } = domainOf(schema).field('f');
  expect(contains(values, 'x')).toBe(mayBe);
  expect(contains(values, undefined)).toBe(mayBeLeftOut);
});

describe('alternatives of objects', () => {
  test('are cases of their own, if a path leads through them', () => {
    expect(domainOf(pair).cases?.(['a'])).toHaveLength(2);
    expect(domainOf(object({ f: pair })).cases?.(['f.a'])).toHaveLength(2);
    const plain = domainOf(object({ f: text }));
    expect(plain.cases?.(['f'])).toEqual([plain]);
  });

  test.each<[object, string, string]>([
    [{ ...pair, required: ['a'] }, 'a', 'the schema has alternatives beside the keyword required'],
    [{ ...pair, oneOf: pair.anyOf }, 'a', 'the schema has alternatives beside the keyword oneOf'],
    [
      object({ f: { ...pair, minProperties: 1 } }),
      'f.a',
      'f has alternatives beside the keyword minProperties',
    ],
    [
      object(Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => [name, pair]))),
      'a.a',
      'there are more than 64 ways to choose among the alternatives',
    ],
  ])('of %j cannot be told: %s: %s', (schema, path, reason) => {
    const paths = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `${name}.a`);
    expect(() => domainOf(schema).cases?.([path, ...paths])).toThrow(reason);
  });
});

describe('lists', () => {
  const list = (items: object, more: object = {}) => ({ type: 'array', items, ...more });

  test('within lists are told apart from those around them', () => {
    const inner = domainOf(object({ f: list(list(text)) }, { required: ['f'] })).field('f');
    expect(inner).toMatchObject({ arrays: ['f', 'f[]'], isPlain: false });
  });

  test('take a second element, unless at most one is allowed', () => {
    const field = (more: object) => domainOf(object({ f: list(text, more) })).field('f');
    expect(field({}).takesSecond).toBe(true);
    expect(field({ maxItems: 1 }).takesSecond).toBe(false);
    const both = domainOf(object({ f: list(object({ g: list(text) }), { maxItems: 1 }) })).field('f.g');
    expect(both.takesSecond).toBe(false);
  });
});
