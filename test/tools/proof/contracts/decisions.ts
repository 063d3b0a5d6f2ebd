/** Decisions about all events of a schema, held against the events themselves. */
import Ajv, { type ValidateFunction } from 'ajv';
import fc from 'fast-check';
import type * as decideModule from '../../../../tools/eventbridge/decide';
import type * as patternModule from '../../../../tools/eventbridge/event-pattern';
import type { JsonSchema } from '../../../../tools/proof/contracts/detail-schema';
import type * as domainModule from '../../../../tools/proof/contracts/domain';

export type Implementation = Pick<typeof decideModule, 'takes' | 'overlap' | 'inside'> &
  Pick<typeof domainModule, 'schemaDomain'> &
  Pick<typeof patternModule, 'compile'>;

export interface Case {
  /** Schema of the event's `detail`. */
  readonly schema: JsonSchema;
  readonly a: object;
  readonly b: object;
}

export interface Tally {
  readonly contradictions: string[];
  readonly verdicts: Record<string, number>;
  readonly undecided: Record<string, number>;
}

export const newTally = (): Tally => ({ contradictions: [], verdicts: {}, undecided: {} });

const POOL = [
  ...['', 'a', 'b', 'ab', 'ba', 'A', 'aB', 'ß', 'SS', '😀', 'a😀', '1', 'abab'],
  ...['10.0.0.1', '10.0.1.1', '10.200.0.010', '::ffff:a00:1', 'fd00::1', 'fd00:0:0:0:0:0:0:1'],
  ...[0, 1, 2, 3, 0.5, 1.5, -1, 1e300, null, true, false],
] as const;

// Without a precision, ajv reads the quotient of a large number as text, and finds 1e300 no multiple of 2.
const ajv = new Ajv({ strict: false, multipleOfPrecision: 9 });

/** Values of the pool that a schema allows, by its JSON. */
const POOL_OF = new Map<string, readonly unknown[]>();

/** The leaf's values of the pool, and whether these are all. */
function valuesOf(schema: JsonSchema): { values: readonly unknown[]; isAll: boolean } {
  const key = JSON.stringify(schema);
  const values =
    POOL_OF.get(key) ?? [...new Set([...POOL, ...named(schema)])].filter((value) => isValid(schema, value));
  POOL_OF.set(key, values);
  const hasFinitelyMany = ({ const: only, enum: list, anyOf, oneOf, type }: JsonSchema): boolean =>
    only !== undefined ||
    list !== undefined ||
    type === 'boolean' ||
    type === 'null' ||
    !!(anyOf ?? oneOf)?.every(hasFinitelyMany);
  return { values, isAll: hasFinitelyMany(schema) };
}

const VALIDATORS = new Map<string, ValidateFunction>();

const isOfObjects = ({ type, anyOf = [] }: JsonSchema): boolean =>
  type === 'object' || type === 'array' || anyOf.some(isOfObjects);

/** Objects and arrays by hand, so that ajv compiles the few schemas of plain values only. */
function isValid(schema: JsonSchema, value: unknown): boolean {
  if (schema.anyOf && isOfObjects(schema)) return schema.anyOf.some((each) => isValid(each, value));
  if (schema.type === 'object') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const { properties = {}, required = [], propertyNames, additionalProperties } = schema;
    return (
      required.every((name) => Object.hasOwn(value, name)) &&
      Object.entries(value).every(([name, child]) => {
        const declared =
          properties[name] ?? (propertyNames?.enum?.includes(name) ? additionalProperties : undefined);
        return typeof declared === 'object' && isValid(declared, child);
      })
    );
  }
  if (schema.type === 'array') {
    const {
      minItems = 0,
      maxItems = Infinity,
      items,
    } = schema as { minItems?: number; maxItems?: number } & JsonSchema;
    const isWithin = Array.isArray(value) && value.length >= minItems && value.length <= maxItems;
    return isWithin && value.every((each) => isValid(items as JsonSchema, each));
  }
  const key = JSON.stringify(schema);
  const validate = VALIDATORS.get(key) ?? ajv.compile(schema);
  VALIDATORS.set(key, validate);
  return validate(value) === true;
}

/** Values that the schema names. */
function named({ const: only, enum: list = [], anyOf = [], oneOf = [] }: JsonSchema): unknown[] {
  return [...(only === undefined ? [] : [only]), ...list, ...[...anyOf, ...oneOf].flatMap(named)];
}

interface Events {
  readonly events: readonly object[];
  readonly isAll: boolean;
}

/** All values of the schema, as far as the paths can tell them apart; no more than `limit`. */
function valuesAt(
  schema: JsonSchema,
  path: string,
  paths: readonly string[],
  limit: number,
): { values: readonly unknown[]; isAll: boolean } {
  const isAsked = path === '' || paths.some((each) => each === path || each.startsWith(`${path}.`));
  if (schema.anyOf && isOfObjects(schema)) {
    const each = schema.anyOf.map((one) => valuesAt(one, path, paths, limit));
    const values = each.flatMap((one) => one.values);
    return { values: thin(values, limit), isAll: each.every(({ isAll }) => isAll) && values.length <= limit };
  }
  if (schema.type === 'object') {
    let made: Record<string, unknown>[] = [{}];
    let isAll = true;
    const keys = (schema.propertyNames?.enum ?? []) as string[];
    const record = Object.fromEntries(keys.map((key) => [key, schema.additionalProperties as JsonSchema]));
    for (const [name, child] of Object.entries(schema.properties ?? record)) {
      const isRequired = schema.required?.includes(name) ?? false;
      const childPath = path === '' ? name : `${path}.${name}`;
      const isChildAsked = paths.some((each) => each === childPath || each.startsWith(`${childPath}.`));
      if (!isChildAsked && !isRequired) continue;
      const choices = valuesAt(child, childPath, paths, limit);
      isAll &&= choices.isAll;
      const options: unknown[] = [...choices.values, ...(isRequired ? [] : [undefined])];
      const product = made.flatMap((each) =>
        options.map((value) => (value === undefined ? each : { ...each, [name]: value })),
      );
      isAll &&= product.length <= limit;
      made = thin(product, limit);
    }
    return { values: made, isAll };
  }
  if (schema.type === 'array') {
    const { minItems = 0, maxItems = 2 } = schema as { minItems?: number; maxItems?: number };
    const { values, isAll } = valuesAt(schema.items as JsonSchema, path, paths, Math.ceil(Math.sqrt(limit)));
    const lists: unknown[][] = [[], ...values.map((value) => [value])];
    lists.push(...values.flatMap((one) => values.map((two) => [one, two])));
    const fitting = lists.filter(({ length }) => length >= minItems && length <= maxItems);
    return { values: thin(fitting, limit), isAll: isAll && fitting.length <= limit && maxItems <= 2 };
  }
  const { values, isAll } = valuesOf(schema);
  return isAsked ? { values, isAll } : { values: values.slice(0, 1), isAll: true };
}

/** Picks at most `limit` of the list, from all over it. */
function thin<Item>(list: readonly Item[], limit: number): Item[] {
  if (list.length <= limit) return [...list];
  return Array.from({ length: limit }, (_, i) => list[Math.floor((i * list.length) / limit)] as Item);
}

function eventsOf({ schema, a, b }: Case, limit: number): Events {
  const paths = [a, b].flatMap((pattern) => pathsOf(pattern));
  const { values, isAll } = valuesAt(
    schema,
    '',
    paths.map((path) => path.replace(/^detail\./, '')),
    limit,
  );
  return { events: values.map((detail) => ({ source: 's', detail })), isAll };
}

function pathsOf(pattern: object, prefix = ''): string[] {
  return Object.entries(pattern).flatMap(([key, value]): string[] => {
    if (key === '$or') return (value as object[]).flatMap((each) => pathsOf(each, prefix));
    const path = prefix === '' ? key : `${prefix}.${key}`;
    return Array.isArray(value) ? [path] : pathsOf(value as object, path);
  });
}

/** Decides the case in all ways, and notes what does not agree with its events. */
export function check(implementation: Implementation, each: Case, tally: Tally, limit = 400): void {
  const { compile, takes, overlap, inside, schemaDomain } = implementation;
  const [a, b] = [compile(each.a), compile(each.b)];
  const whole: JsonSchema = {
    type: 'object',
    properties: { source: { const: 's' }, detail: each.schema },
    required: ['source', 'detail'],
  };
  const isOfSchema = (event: object) => isValid(whole, event);
  const domain = schemaDomain(whole, undefined, () => true);
  const { events, isAll } = eventsOf(each, limit);
  const wrong = (what: string, event?: unknown) =>
    tally.contradictions.push(`${what}\n  ${JSON.stringify(each)}\n  ${JSON.stringify(event)}`);
  const judge = (
    question: string,
    answer: decideModule.SetAnswer<string>,
    truths: { readonly [verdict: string]: boolean },
    witnesses: { readonly taken: (event: object) => boolean; readonly missed: (event: object) => boolean },
  ) => {
    const key = `${question}: ${answer.verdict}`;
    tally.verdicts[key] = (tally.verdicts[key] ?? 0) + 1;
    if (answer.verdict === 'cannot tell') {
      const reason = (answer as { reason: string }).reason.replace(/(of|beside) detail[\w.]*/g, '$1 …');
      tally.undecided[reason] = (tally.undecided[reason] ?? 0) + 1;
      return;
    }
    if (truths[answer.verdict] === false) wrong(`${key}, but the events say otherwise`);
    const { taken, missed } = answer as { taken?: object; missed?: object };
    for (const [event, isRight] of [
      [taken, witnesses.taken],
      [missed, witnesses.missed],
    ] as const) {
      if (event && !(isOfSchema(event) && isRight(event))) wrong(`${key} shows a wrong event`, event);
    }
  };
  const matched = events.map((event) => [a.matches(event), b.matches(event)] as const);
  const some = (of: (pair: readonly [boolean, boolean]) => boolean) => matched.some(of);
  judge(
    'takes',
    takes(a, domain),
    {
      every: !some(([inA]) => !inA),
      none: !some(([inA]) => inA),
      some: !isAll || (some(([inA]) => inA) && some(([inA]) => !inA)),
    },
    { taken: (event) => a.matches(event), missed: (event) => !a.matches(event) },
  );
  judge(
    'overlap',
    overlap(a, b, domain),
    { apart: !some(([inA, inB]) => inA && inB), overlap: !isAll || some(([inA, inB]) => inA && inB) },
    { taken: (event) => a.matches(event) && b.matches(event), missed: () => false },
  );
  judge(
    'inside',
    inside(a, b, domain),
    { inside: !some(([inA, inB]) => inA && !inB), outside: !isAll || some(([inA, inB]) => inA && !inB) },
    { taken: () => false, missed: (event) => a.matches(event) && !b.matches(event) },
  );
}

type Scalar = (typeof POOL)[number];

const text = fc.constantFrom('a', 'b', 'ab', 'A', 'aB', '😀', 'ß');
const number = fc.constantFrom(-1, 0, 0.5, 1, 1.5, 2, 3);

/** @param value those of which the case is made, so that schema and patterns have some in common */
const finiteOf = (value: fc.Arbitrary<Scalar>): fc.Arbitrary<JsonSchema> =>
  fc.oneof(
    fc.uniqueArray(value, { minLength: 1, maxLength: 3 }).map((list) => ({ enum: list })),
    value.map((only) => ({ const: only })),
    fc.constant<JsonSchema>({ type: 'boolean' }),
  );
const infinite: fc.Arbitrary<JsonSchema> = fc.oneof(
  fc.constantFrom<JsonSchema>(
    { type: 'string' },
    { type: 'string', pattern: '^[ab]*$' },
    { type: 'string', pattern: 'b' },
    { type: 'string', pattern: '^a|b$' },
    { type: 'string', pattern: '^[^a]$' },
    { type: 'string', minLength: 1, maxLength: 2 },
    { type: 'string', maxLength: 1 },
    { type: 'number' },
    { type: 'integer' },
    { type: 'integer', minimum: 1, maximum: 2 },
    { type: 'number', exclusiveMinimum: 0, maximum: 1.5 },
    { type: 'number', minimum: 1, exclusiveMaximum: 2 },
    { anyOf: [{ type: 'null' }, { type: 'string', pattern: '^a' }] },
    { anyOf: [{ type: 'integer', minimum: 0, maximum: 1 }, { const: 'a' }] },
    { type: 'integer', multipleOf: 2 },
    { type: 'number', multipleOf: 3, exclusiveMinimum: -1, maximum: 9 },
    {
      anyOf: [
        { type: 'integer', multipleOf: 2, maximum: 9 },
        { type: 'number', multipleOf: 3, maximum: 9, minimum: 1 },
      ],
    },
    { type: 'string', not: { enum: ['a', 'ab', 1] } },
    { type: 'number', not: { const: 1 } },
    { type: 'integer', minimum: 0, maximum: 3, not: { multipleOf: 2, type: 'integer' } },
    { oneOf: [{ enum: ['a', 'b', 1] }, { enum: ['b', null] }] },
  ),
);

/** @param leaf of single values */
function detailOf(leaf: fc.Arbitrary<JsonSchema>): fc.Arbitrary<JsonSchema> {
  const object = (names: readonly string[]) =>
    fc.tuple(fc.tuple(...names.map(() => leaf)), fc.subarray([...names])).map(
      ([leaves, required]): JsonSchema => ({
        type: 'object',
        properties: Object.fromEntries(names.map((name, i) => [name, leaves[i] as JsonSchema])),
        required,
      }),
    );
  const array = (items: fc.Arbitrary<JsonSchema>) =>
    fc
      .tuple(items, fc.constantFrom({}, { minItems: 1 }, { maxItems: 1 }, { minItems: 2 }))
      .map(([each, bounds]): JsonSchema => ({ type: 'array', items: each, maxItems: 2, ...bounds }));
  const alternatives = fc
    .tuple(object(['x', 'y']), object(['x']), fc.constantFrom<JsonSchema>({ type: 'null' }, { const: 'a' }))
    .chain((list) => fc.shuffledSubarray(list, { minLength: 2 }))
    .map((anyOf): JsonSchema => ({ anyOf }));
  return fc
    .tuple(
      object(['a', 'b']),
      fc.oneof({ weight: 2, arbitrary: object(['x', 'y']) }, { weight: 1, arbitrary: alternatives }),
      array(object(['x', 'y'])),
      array(leaf),
      fc.subarray(['o', 'r', 't']),
    )
    .map(([{ properties, required = [] }, o, r, t, also]) => ({
      type: 'object',
      properties: { ...properties, o, r, t },
      required: [...required, ...also],
    }));
}

const operator: fc.Arbitrary<unknown> = fc.oneof(
  text.map((prefix) => ({ prefix })),
  text.map((suffix) => ({ suffix })),
  text.map((each) => ({ prefix: { 'equals-ignore-case': each } })),
  text.map((each) => ({ 'equals-ignore-case': each })),
  fc.constantFrom('a*', '*b', 'a*b', '*', '*a*').map((wildcard) => ({ wildcard })),
  fc.tuple(fc.constantFrom('>', '>=', '<', '<=', '='), number).map((numeric) => ({ numeric })),
  fc
    .tuple(fc.constantFrom('>', '>='), number, fc.constantFrom('<', '<='), number)
    .filter(([, low, , high]) => low < high)
    .map((numeric) => ({ numeric })),
  fc.boolean().map((exists) => ({ exists })),
  fc
    .constantFrom('10.0.0.0/8', '10.0.0.0/24', '10.0.0.0/30', 'fd00::/8', 'fd00::/120')
    .map((cidr) => ({ cidr })),
  fc.uniqueArray(text, { minLength: 1, maxLength: 2 }).map((list) => ({ 'anything-but': list })),
  number.map((each) => ({ 'anything-but': each })),
  text.map((each) => ({ 'anything-but': { prefix: each } })),
  text.map((each) => ({ 'anything-but': { 'equals-ignore-case': each } })),
);

const PATHS = [
  ...['a', 'b', 'o.x', 'o.y', 'r.x', 'r.y', 't'],
  ...['a', 'b', 'o.x', 'r.x', 't'],
  'o',
  'missing',
];

function patternOf(value: fc.Arbitrary<Scalar>): fc.Arbitrary<object> {
  const test = fc.oneof(
    { weight: 2, arbitrary: value as fc.Arbitrary<unknown> },
    { weight: 3, arbitrary: operator },
  );
  const path = fc.constantFrom(...PATHS);
  const field = fc.tuple(path, fc.array(test, { minLength: 1, maxLength: 3 }));
  const fields = fc
    .uniqueArray(field, { minLength: 1, maxLength: 3, selector: ([name]) => name })
    .map((list) => Object.fromEntries(list.map(([name, tests]) => [`detail.${name}`, tests])));
  return fc.oneof(
    { weight: 3, arbitrary: fields },
    fc.tuple(fields, fields).map(([one, two]) => ({ $or: [one, two] })),
    fc.tuple(fields, fields, fields).map(([all, one, two]) => ({ ...all, $or: [one, two] })),
  );
}

/** Cases whose events are finitely many, and cases of any values. */
export const cases: fc.Arbitrary<Case> = fc
  .uniqueArray(fc.constantFrom(...POOL), { minLength: 2, maxLength: 4 })
  .chain((vocabulary) => {
    const value = fc.constantFrom(...vocabulary);
    const [finite, pattern] = [finiteOf(value), patternOf(value)];
    return fc.tuple(
      fc.oneof(detailOf(finite), detailOf(fc.oneof(finite, infinite))),
      pattern,
      fc.option(pattern, { nil: undefined }),
      fc.constantFrom(0, 1, 2),
    );
  })
  .map(([schema, a, other, change]) => ({ schema, a, b: other ?? changed(a, change) }));

/** A pattern that has something in common with another. */
function changed(pattern: object, change: number): object {
  const [[path = '', tests = []] = [], ...rest] = Object.entries(pattern) as [string, unknown[]][];
  if (change === 0 || path === '$or') return pattern;
  if (change === 1 && rest.length > 0) return Object.fromEntries(rest);
  return { ...pattern, [path]: [...tests, { prefix: 'a' }, null] };
}

/** Decides random cases, the same ones each time. */
export function checkRandom(
  implementation: Implementation,
  numRuns: number,
  seed: number,
  tally: Tally,
): void {
  for (const each of fc.sample(cases, { numRuns, seed })) check(implementation, each, tally);
}

const CLOSED = { one: { const: 1 }, oneOrTwo: { enum: [1, 2] }, textOrNull: { enum: ['a', null] } } as const;

/** All cases of a small space: two fields of some kinds in some places, and patterns on them. */
export function* smallSpace(): Generator<Case> {
  const leaves: JsonSchema[] = [CLOSED.one, CLOSED.oneOrTwo, CLOSED.textOrNull];
  const places: ((x: JsonSchema, y: JsonSchema, required: readonly string[]) => JsonSchema)[] = [
    (x, y, required) => ({ type: 'object', properties: { x, y }, required }),
    (x, y, required) => inObject('o', { type: 'object', properties: { x, y }, required }, false),
    (x, y, required) =>
      inObject(
        'o',
        { type: 'array', maxItems: 2, items: { type: 'object', properties: { x, y }, required } },
        true,
      ),
  ];
  const lists = [[1], [2, null], [{ exists: false }], [{ 'anything-but': 1 }], [{ exists: true }]];
  for (const [i, place] of places.entries()) {
    const at = i === 0 ? 'detail' : 'detail.o';
    for (const [x, y] of [
      [leaves[1], leaves[0]],
      [leaves[2], leaves[1]],
    ] as [JsonSchema, JsonSchema][]) {
      for (const required of [[], ['x'], ['x', 'y']]) {
        const schema = place(x, y, required);
        const fields = lists.flatMap((list) => [{ [`${at}.x`]: list }, { [`${at}.y`]: list }]);
        const patterns: object[] = [
          ...fields,
          ...lists.map((list) => ({ [`${at}.x`]: [1, { exists: false }], [`${at}.y`]: list })),
          { $or: [fields[0], fields[1]] },
        ];
        for (const a of patterns) for (const b of patterns) yield { schema, a, b };
      }
    }
  }
}

function inObject(name: string, schema: JsonSchema, isRequired: boolean): JsonSchema {
  return { type: 'object', properties: { [name]: schema }, required: isRequired ? [name] : [] };
}

const object = (properties: Record<string, JsonSchema>, required = Object.keys(properties)): JsonSchema => ({
  type: 'object',
  properties,
  required,
});
const elements = (
  properties: Record<string, JsonSchema>,
  required: string[] = [],
  more: object = {},
): JsonSchema => object({ r: { type: 'array', items: object(properties, required), maxItems: 2, ...more } });
const one = (schema: JsonSchema) => object({ a: schema });
const detail = (fields: object) => ({ detail: fields });

export interface DirectedCase extends Case {
  readonly name: string;
  readonly takes?: string;
  readonly overlap?: string;
  readonly inside?: string;
}

const FIVE_AND_ONE = { a: { enum: [5, 6] }, b: { enum: [1, 2] } } as const;

/** Cases in which a decision goes wrong easily, with what is right. */
export const directed: readonly DirectedCase[] = [
  {
    name: 'a multiple of two numbers between two bounds',
    schema: one({
      anyOf: [{ type: 'integer', multipleOf: 4, minimum: 11, maximum: 13 }, { const: 5 }],
    }),
    a: detail({ a: [{ numeric: ['>', 11, '<', 13] }] }),
    b: detail({ a: [12] }),
    ...{ takes: 'some', inside: 'inside', overlap: 'overlap' },
  },
  {
    name: 'no multiple between two bounds',
    schema: one({ type: 'number', multipleOf: 4, minimum: 0, maximum: 8 }),
    a: detail({ a: [{ numeric: ['>', 4, '<', 8] }] }),
    b: detail({ a: [{ numeric: ['>=', 0] }] }),
    ...{ takes: 'none', inside: 'inside', overlap: 'apart' },
  },
  {
    name: 'a multiple far from 0, beyond a bound',
    schema: one({ type: 'integer', multipleOf: 3, minimum: 1000, maximum: 1100 }),
    a: detail({ a: [{ numeric: ['>', 1000, '<=', 1002] }] }),
    b: detail({ a: [{ numeric: ['<', 1002] }] }),
    ...{ takes: 'some', inside: 'outside', overlap: 'apart' },
  },
  {
    name: 'a multiple among numbers that are not exact',
    schema: one({ type: 'integer', multipleOf: 7919, minimum: 1e20 }),
    a: detail({ a: [{ numeric: ['>', 1e20] }] }),
    b: detail({ a: [{ numeric: ['>', 1e20] }] }),
    // 1e20 is none itself.
    ...{ takes: 'every', inside: 'inside', overlap: 'overlap' },
  },
  {
    name: 'a multiple of a fraction is not told',
    schema: one({ type: 'number', multipleOf: 0.01 }),
    a: detail({ a: [{ numeric: ['>', 1] }] }),
    b: detail({ a: [1] }),
    ...{ takes: 'cannot tell' },
  },
  {
    name: 'multiples of two numbers, and of neither',
    schema: one({
      type: 'integer',
      minimum: 1,
      maximum: 12,
      anyOf: [
        { type: 'integer', multipleOf: 4, minimum: 1 },
        { type: 'integer', multipleOf: 6, minimum: 1 },
      ],
      not: { enum: [4, 6, 8] },
    }),
    a: detail({ a: [12] }),
    b: detail({ a: [{ numeric: ['<', 12] }] }),
    ...{ takes: 'every', overlap: 'apart' },
  },
  {
    name: 'a common multiple of two numbers',
    schema: one({
      oneOf: [
        { type: 'integer', multipleOf: 4, minimum: 9, maximum: 15 },
        { type: 'integer', multipleOf: 6, minimum: 9, maximum: 15 },
      ],
    }),
    a: detail({ a: [{ exists: true }] }),
    b: detail({ a: [12] }),
    ...{ takes: 'none', overlap: 'apart' },
  },
  {
    name: 'a common multiple that is far from both',
    schema: one({
      type: 'integer',
      multipleOf: 97,
      anyOf: [{ type: 'integer', multipleOf: 101, minimum: 1 }],
    }),
    a: detail({ a: [{ numeric: ['<', 10_000] }] }),
    b: detail({ a: [9797] }),
    ...{ takes: 'some', inside: 'inside', overlap: 'overlap' },
  },
  {
    name: 'texts but for some',
    schema: one({ type: 'string', not: { enum: ['paid', 'sent'] } }),
    a: detail({ a: ['paid', 'sent'] }),
    b: detail({ a: [{ 'anything-but': ['paid', 'sent'] }] }),
    ...{ takes: 'none', overlap: 'apart' },
  },
  {
    name: 'fields of two alternatives never come together',
    schema: object({
      p: {
        anyOf: [
          object({ kind: { const: 'card' }, number: { type: 'string' } }),
          object({ kind: { const: 'cash' }, drawer: { type: 'integer' } }),
        ],
      },
    }),
    a: detail({ p: { kind: ['card'], drawer: [{ exists: true }] } }),
    b: detail({ p: { drawer: [{ numeric: ['>', 1] }] } }),
    ...{ takes: 'none', overlap: 'apart' },
  },
  {
    name: 'what the second alternative has',
    schema: object({
      p: {
        anyOf: [
          object({ kind: { const: 'card' }, number: { type: 'string' } }),
          object({ kind: { const: 'cash' }, drawer: { type: 'integer' } }),
        ],
      },
    }),
    a: detail({ p: { drawer: [{ exists: true }] } }),
    b: detail({ p: { kind: ['cash'] } }),
    ...{ takes: 'some', overlap: 'overlap', inside: 'inside' },
  },
  {
    name: 'an alternative that cannot be told, and one that has none',
    schema: object({
      p: {
        anyOf: [object({ kind: { const: 'card' } }), object({ kind: { type: 'number', multipleOf: 0.01 } })],
      },
    }),
    a: detail({ p: { kind: [1] } }),
    b: detail({ p: { kind: ['card'] } }),
    ...{ takes: 'cannot tell' },
  },
  {
    name: 'absence beside another field of the same array is not told',
    schema: elements(FIVE_AND_ONE),
    a: detail({ r: { b: [1] } }),
    b: {
      $or: [{ 'detail.r.a': [{ exists: false }] }, { 'detail.r.a': [{ exists: true }], 'detail.r.b': [1] }],
    },
    ...{ takes: 'some', inside: 'cannot tell', overlap: 'cannot tell' },
  },
  {
    name: 'absence in each of two fields of an array, by one rule each',
    schema: elements({ a: { const: 5 }, b: { const: 1 } }),
    a: { $or: [{ 'detail.r.a': [{ exists: false }] }, { 'detail.r.b': [{ exists: false }] }] },
    b: detail({ r: { a: [{ exists: false }] } }),
    ...{ takes: 'cannot tell', inside: 'cannot tell' },
  },
  {
    name: 'absence of the only field that is asked for in an array',
    schema: elements(FIVE_AND_ONE),
    a: detail({ r: { a: [{ exists: false }] } }),
    b: detail({ r: { a: [{ exists: false }, 5, 6] } }),
    ...{ takes: 'some', inside: 'inside', overlap: 'overlap' },
  },
  {
    name: 'presence and absence of one field in an array are apart',
    schema: elements(FIVE_AND_ONE),
    a: detail({ r: { a: [{ exists: false }] } }),
    b: detail({ r: { a: [5] } }),
    ...{ overlap: 'apart', inside: 'outside' },
  },
  {
    name: 'two elements of an array satisfy two rules that one cannot',
    schema: elements(FIVE_AND_ONE, ['a', 'b']),
    a: detail({ r: { a: [5], b: [1] } }),
    b: detail({ r: { a: [6], b: [2] } }),
    ...{ overlap: 'overlap', inside: 'outside' },
  },
  {
    name: 'an array of one element satisfies one of them only',
    schema: elements(FIVE_AND_ONE, ['a', 'b'], { maxItems: 1 }),
    a: detail({ r: { a: [5], b: [1] } }),
    b: detail({ r: { a: [6], b: [2] } }),
    overlap: 'apart',
  },
  {
    name: 'two values of a list of plain values',
    schema: object({ t: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 2 } }),
    a: detail({ t: ['a'] }),
    b: detail({ t: ['b'] }),
    ...{ takes: 'some', overlap: 'overlap', inside: 'outside' },
  },
  {
    name: 'a list that cannot be empty has a value always',
    schema: object({ t: { type: 'array', items: { enum: ['a', 'b'] }, minItems: 1, maxItems: 2 } }),
    a: detail({ t: ['a', 'b'] }),
    b: detail({ t: [{ exists: true }] }),
    ...{ takes: 'every', inside: 'inside' },
  },
  {
    name: 'fields of one optional object are there together',
    schema: object({ o: object({ x: { const: 1 }, y: { const: 2 } }) }, []),
    a: detail({ o: { x: [{ exists: true }] } }),
    b: detail({ o: { y: [2] } }),
    ...{ takes: 'some', inside: 'inside', overlap: 'overlap' },
  },
  {
    name: 'one of them alone is never there',
    schema: object({ o: object({ x: { const: 1 }, y: { const: 2 } }) }, []),
    a: detail({ o: { x: [{ exists: true }], y: [{ exists: false }] } }),
    b: detail({ o: { x: [1] } }),
    ...{ takes: 'none', overlap: 'apart', inside: 'inside' },
  },
  {
    name: 'an object within an optional object',
    schema: object({ o: object({ p: object({ x: { const: 1 } }), y: { const: 1 } }, ['y']) }, []),
    a: detail({ o: { p: { x: [1] } } }),
    b: detail({ o: { y: [1] } }),
    ...{ takes: 'some', inside: 'inside' },
  },
  {
    name: 'anything but takes numbers, null and booleans',
    schema: one({ anyOf: [{ type: 'null' }, { type: 'boolean' }, { type: 'number' }] }),
    a: detail({ a: [{ 'anything-but': ['x', 'y'] }] }),
    b: detail({ a: [{ 'anything-but': { prefix: 'x' } }] }),
    ...{ takes: 'every', inside: 'inside' },
  },
  {
    name: 'anything but needs the field',
    schema: object({ a: { type: 'string' } }, []),
    a: detail({ a: [{ 'anything-but': 'x' }] }),
    b: detail({ a: [{ exists: true }] }),
    ...{ takes: 'some', inside: 'inside' },
  },
  {
    name: 'a constant without a type',
    schema: one({ const: 'x' }),
    a: detail({ a: ['x'] }),
    b: detail({ a: [{ 'anything-but': 'x' }] }),
    ...{ takes: 'every', overlap: 'apart' },
  },
  {
    name: 'integers between two bounds',
    schema: one({ type: 'integer' }),
    a: detail({ a: [{ numeric: ['>', 0, '<', 1] }] }),
    b: detail({ a: [{ numeric: ['>', 0, '<=', 1] }] }),
    ...{ takes: 'none', inside: 'inside' },
  },
  {
    name: 'the ends of intervals',
    schema: one({ type: 'number', minimum: 0, exclusiveMaximum: 1 }),
    a: detail({ a: [{ numeric: ['>=', 0, '<', 1] }] }),
    b: detail({ a: [{ numeric: ['>', 0, '<=', 1] }] }),
    ...{ takes: 'every', overlap: 'overlap', inside: 'outside' },
  },
  {
    name: 'intervals that meet in a gap',
    schema: one({ type: 'number' }),
    a: detail({ a: [{ numeric: ['<', 1] }, { numeric: ['>', 1] }] }),
    b: detail({ a: [{ 'anything-but': 1 }] }),
    ...{ takes: 'some', inside: 'inside' },
  },
  {
    name: 'no number lies between two that follow each other',
    schema: one({ type: 'number' }),
    a: detail({ a: [{ numeric: ['>', 0.1, '<', 0.10000000000000002] }] }),
    b: detail({ a: [0.1] }),
    ...{ takes: 'none', overlap: 'apart' },
  },
  {
    name: 'one character beyond U+FFFF in a text of one code point',
    schema: one({ type: 'string', minLength: 1, maxLength: 1 }),
    a: detail({ a: ['😀'] }),
    b: detail({ a: [{ prefix: '😀' }] }),
    ...{ takes: 'some', inside: 'inside' },
  },
  {
    name: 'a prefix longer than the text may be',
    schema: one({ type: 'string', maxLength: 1 }),
    a: detail({ a: [{ prefix: 'abc' }] }),
    b: detail({ a: [{ exists: true }] }),
    ...{ takes: 'none', inside: 'inside' },
  },
  {
    name: 'letters whose cases differ in length',
    schema: one({ enum: ['ß', 'SS', 'ss'] }),
    a: detail({ a: [{ 'equals-ignore-case': 'ß' }] }),
    b: detail({ a: ['ß', 'SS'] }),
    ...{ takes: 'some', inside: 'inside' },
  },
  {
    name: 'a prefix in any case',
    schema: one({ type: 'string', pattern: '^[aA][bB]' }),
    a: detail({ a: [{ prefix: { 'equals-ignore-case': 'ab' } }] }),
    b: detail({ a: [{ prefix: 'ab' }] }),
    ...{ takes: 'every', inside: 'outside', overlap: 'overlap' },
  },
  {
    name: 'wildcards inside of each other',
    schema: one({ type: 'string' }),
    a: detail({ a: [{ wildcard: 'a*b*c' }] }),
    b: detail({ a: [{ wildcard: 'a*c' }] }),
    ...{ inside: 'inside', takes: 'some' },
  },
  {
    name: 'a prefix and a suffix that overlap in a text',
    schema: one({ type: 'string', pattern: '^(aba|abba)$' }),
    a: detail({ a: [{ wildcard: 'ab*ba' }] }),
    b: detail({ a: ['abba'] }),
    ...{ inside: 'inside', takes: 'some' },
  },
  {
    name: 'an escaped star is a star',
    schema: one({ type: 'string' }),
    a: detail({ a: [{ wildcard: 'a\\*' }] }),
    b: detail({ a: ['a*'] }),
    inside: 'inside',
  },
  {
    name: 'an expression that is not anchored finds its text anywhere',
    schema: one({ type: 'string', pattern: 'ab' }),
    a: detail({ a: [{ wildcard: '*ab*' }] }),
    b: detail({ a: [{ prefix: 'ab' }] }),
    ...{ takes: 'every', inside: 'outside' },
  },
  {
    name: 'an anchor of one alternative only',
    schema: one({ type: 'string', pattern: '^a|b$' }),
    a: detail({ a: [{ prefix: 'a' }, { suffix: 'b' }] }),
    b: detail({ a: [{ prefix: 'a' }] }),
    ...{ takes: 'every', inside: 'outside' },
  },
  {
    name: 'a character beyond U+FFFF is one that is not an a',
    schema: one({ type: 'string', pattern: '^[^a]$' }),
    a: detail({ a: ['😀'] }),
    b: detail({ a: [{ exists: true }] }),
    ...{ takes: 'some', inside: 'inside' },
  },
  {
    name: 'an expression with a look-ahead is not told',
    schema: one({ type: 'string', pattern: '^(?=a)' }),
    a: detail({ a: [{ prefix: 'a' }] }),
    b: detail({ a: ['b'] }),
    ...{ takes: 'cannot tell', inside: 'cannot tell', overlap: 'cannot tell' },
  },
  {
    name: 'an address of a network is one in another spelling, too',
    schema: one({ type: 'string' }),
    a: detail({ a: ['10.0.0.1'] }),
    b: detail({ a: [{ cidr: '10.0.0.0/8' }] }),
    ...{ takes: 'some', inside: 'inside', overlap: 'overlap' },
  },
  {
    name: 'a network is more than one of its addresses',
    schema: one({ type: 'string' }),
    a: detail({ a: [{ cidr: '10.0.0.0/8' }] }),
    b: detail({ a: ['10.0.0.1'] }),
    ...{ takes: 'some', inside: 'outside', overlap: 'overlap' },
  },
  {
    name: 'the halves of a network are all of it',
    schema: one({ type: 'string' }),
    a: detail({ a: [{ cidr: '10.0.0.0/8' }] }),
    b: detail({ a: [{ cidr: '10.0.0.0/9' }, { cidr: '10.128.0.0/9' }] }),
    ...{ takes: 'some', inside: 'inside', overlap: 'overlap' },
  },
  {
    name: 'networks of IPv6 that have nothing in common',
    schema: one({ type: 'string' }),
    a: detail({ a: [{ cidr: '2001:db8::/32' }] }),
    b: detail({ a: [{ cidr: '2001:db9::/32' }] }),
    ...{ takes: 'some', inside: 'outside', overlap: 'apart' },
  },
  {
    name: 'a network ends within the last number',
    schema: one({ type: 'string', pattern: '^10[.]0[.]0[.][4-7]$' }),
    a: detail({ a: [{ cidr: '10.0.0.0/30' }] }),
    b: detail({ a: [{ cidr: '10.0.0.4/30' }] }),
    ...{ takes: 'none', inside: 'inside', overlap: 'apart' },
  },
  {
    name: 'all that a schema allows are addresses of a network',
    schema: one({ type: 'string', pattern: '^10[.](1[0-9]|7)[.]0[.]0?[1-9]$' }),
    a: detail({ a: [{ cidr: '10.0.0.0/11' }] }),
    b: detail({ a: [{ cidr: '10.0.0.0/12' }] }),
    ...{ takes: 'every', inside: 'outside', overlap: 'overlap' },
  },
  {
    name: 'a field that the schema does not declare is not there',
    schema: one({ type: 'string' }),
    a: detail({ b: [{ exists: false }] }),
    b: detail({ b: [{ exists: true }] }),
    ...{ takes: 'every', overlap: 'apart' },
  },
  {
    name: 'a field of a record whose keys are a closed set',
    schema: object({
      m: {
        type: 'object',
        propertyNames: { enum: ['k', 'l'] },
        additionalProperties: { enum: ['a', 'b'] },
      },
    }),
    a: detail({ m: { k: ['a', 'b'] } }),
    b: detail({ m: { k: ['a'] } }),
    ...{ takes: 'some', inside: 'outside', overlap: 'overlap' },
  },
  {
    name: 'an object has no value of its own',
    schema: object({ o: object({ x: { const: 1 } }) }),
    a: detail({ o: [{ exists: false }] }),
    b: detail({ o: { x: [1] } }),
    ...{ takes: 'every', inside: 'inside' },
  },
  {
    name: 'fields that are covered by two rules together',
    schema: object({ a: { enum: [1, 2] }, b: { enum: [1, 2] } }),
    a: { $or: [{ 'detail.a': [1] }, { 'detail.a': [2], 'detail.b': [1] }, { 'detail.b': [2] }] },
    b: detail({ a: [1], b: [1] }),
    ...{ takes: 'every', inside: 'outside' },
  },
];
