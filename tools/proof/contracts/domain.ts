/**
 * The domain of a contract: all events that its JSON Schema allows. Gives the possible values at each path of a pattern,
 * and builds an event with given values.
 *
 * Events have only the declared fields, without dotted keys. Formats and checks in code are ignored, so the schema may
 * allow more than the contract's parser, which checks each event that is built.
 */
import type { Contract } from '../../app';
import type { EventDomain, FieldDomain, FieldValues } from '../../eventbridge/decide';
import type { BusEvent } from '../../eventbridge/event';
import type { Bound, Scalar } from '../../eventbridge/field-test';
import { lengthBetween } from '../../eventbridge/text-machine';
import {
  ABSENT,
  all,
  any,
  Budget,
  complement,
  contains,
  exactly,
  members,
  texts,
  types,
  UndecidedError,
  type Value,
  type ValueSet,
} from '../../eventbridge/value-set';
import { detailSchema, type JsonSchema } from './detail-schema';
import { languageOf } from './regular-expression';

const text = (pattern: string): JsonSchema => ({ type: 'string', pattern });

/**
 * The events of a contract on a bus of the account and region, including replayed ones.
 * @param example an event of the contract, whose values fill the fields without conditions
 */
export function contractDomain(contract: Contract, example: BusEvent): EventDomain {
  const schema: JsonSchema = {
    type: 'object',
    properties: {
      version: { const: example.version },
      id: text('^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
      'detail-type': { const: contract.detailType },
      source: { const: contract.source },
      account: { const: example.account },
      time: text('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$'),
      region: { const: example.region },
      resources: { type: 'array', items: { type: 'string' } },
      detail: detailSchema(contract),
      'replay-name': text('^[.\\-_A-Za-z0-9]{1,64}$'),
    },
    required: ['version', 'id', 'detail-type', 'source', 'account', 'time', 'region', 'resources', 'detail'],
    additionalProperties: false,
  };
  return schemaDomain(schema, example, (event) => contract.problem(event) === undefined);
}

/**
 * The events of a schema.
 * @param accepts checks beyond the schema
 */
export function schemaDomain(
  schema: JsonSchema,
  example: unknown,
  accepts: (event: object) => boolean,
): EventDomain {
  const fields = new Map<string, FieldDomain>();
  const domain: EventDomain = {
    cases(paths) {
      const schemas = alternatives(
        schema,
        paths.map((path) => path.split('.')),
        '',
      );
      return schemas.length === 1 && schemas[0] === schema
        ? [domain]
        : schemas.map((each) => schemaDomain(each, example, accepts));
    },
    field(path) {
      const known = fields.get(path) ?? locate(schema, path.split('.'), START);
      fields.set(path, known);
      return known;
    },
    build(values) {
      const event = new Builder(values).make(schema, '', example);
      return typeof event === 'object' && event !== null && accepts(event) ? event : undefined;
    },
  };
  return domain;
}

/** Maximum number of ways to choose among the alternatives on a pattern's paths. */
const MAX_CASES = 64;

/**
 * Schemas that have the values of a schema together, none of them with alternatives of objects on one of the paths.
 * Those within arrays stay: elements may differ.
 * @param paths from the schema on
 * @param at path of the schema, for errors
 * @throws UndecidedError
 */
function alternatives(schema: JsonSchema, paths: readonly (readonly string[])[], at: string): JsonSchema[] {
  if (paths.length === 0) return [schema];
  const deeper = paths.filter(({ length }) => length > 0);
  const choice = schema.anyOf ?? schema.oneOf;
  if (choice && !isScalar(schema)) {
    const other = Object.keys(schema).find(
      (key) => !(ANNOTATIONS.has(key) || key === 'anyOf' || key === 'oneOf'),
    );
    if (other !== undefined || (schema.anyOf && schema.oneOf))
      throw new UndecidedError(
        `${at || 'the schema'} has alternatives beside the keyword ${other ?? 'oneOf'}`,
      );
    return choice.flatMap((each) => alternatives(each, deeper, at));
  }
  let cases = [schema];
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const below = deeper.filter(([first]) => first === name).map(([, ...rest]) => rest);
    const chosen = alternatives(child, below, pathOf(at, name));
    if (chosen.length === 1 && chosen[0] === child) continue;
    cases = cases.flatMap((each) =>
      chosen.map((one) => ({ ...each, properties: { ...each.properties, [name]: one } })),
    );
    if (cases.length > MAX_CASES)
      throw new UndecidedError(`there are more than ${MAX_CASES} ways to choose among the alternatives`);
  }
  return cases;
}

/** Facts about the path to a field. */
interface Way {
  readonly path: string;
  readonly optionalParents: readonly string[];
  readonly arrays: readonly string[];
  readonly takesSecond: boolean;
  /** True if the field at the path may be left out. */
  readonly isOptional: boolean;
}

const START: Way = { path: '', optionalParents: [], arrays: [], takesSecond: false, isOptional: false };

function locate(schema: JsonSchema, segments: readonly string[], way: Way): FieldDomain {
  requireKnown(schema, way.path);
  if (schema.type === 'array') return locateInArray(schema, segments, way);
  const [, ...rest] = segments;
  if (segments.length === 0) {
    const values = scalars(schema, way.path);
    const { optionalParents, arrays, takesSecond } = way;
    const isPlain = isScalar(schema) && !arrays.includes(way.path);
    return {
      values: way.isOptional ? any(values, ABSENT) : values,
      ...{ optionalParents, arrays, takesSecond, isPlain },
    };
  }
  if ((schema.anyOf || schema.oneOf) && !isScalar(schema)) {
    throw new UndecidedError(`${way.path} has alternatives that are not all plain values`);
  }
  const parent = way.isOptional ? { ...way, optionalParents: [...way.optionalParents, way.path] } : way;
  const child = childOf(schema, segments, way.path);
  if (!child) return { ...parent, values: ABSENT, isPlain: true };
  const path = pathOf(way.path, segments[0] as string);
  return locate(child.schema, rest, { ...parent, path, isOptional: !child.isRequired });
}

/** An empty array counts as a missing field. */
function locateInArray(schema: JsonSchema, segments: readonly string[], way: Way): FieldDomain {
  const { items, minItems = 0, maxItems = Number.POSITIVE_INFINITY } = schema;
  if (!items || Array.isArray(items)) throw new UndecidedError(`${way.path} has no schema for all its items`);
  const mayBeEmpty = way.isOptional || minItems === 0;
  const id = way.arrays.includes(way.path) ? `${way.arrays.at(-1)}[]` : way.path;
  return locate(items, segments, {
    path: way.path,
    optionalParents: mayBeEmpty ? [...way.optionalParents, id] : way.optionalParents,
    arrays: [...way.arrays, id],
    takesSecond: way.arrays.length === 0 ? (maxItems as number) > 1 : way.takesSecond,
    isOptional: false,
  });
}

function childOf(
  schema: JsonSchema,
  [name = '', ...rest]: readonly string[],
  path: string,
): { readonly schema: JsonSchema; readonly isRequired: boolean } | undefined {
  const { properties = {}, required = [], additionalProperties, propertyNames } = schema;
  const dotted = Object.keys(properties).find(
    (key) => key.includes('.') && `${[name, ...rest].join('.')}.`.startsWith(`${key}.`),
  );
  if (dotted !== undefined) throw new UndecidedError(`${pathOf(path, dotted)} has a dot in its name`);
  if (Object.hasOwn(properties, name)) {
    return { schema: properties[name] as JsonSchema, isRequired: required.includes(name) };
  }
  if (typeof additionalProperties !== 'object') return undefined;
  if (rest.length > 0 && !propertyNames?.enum) {
    throw new UndecidedError(`${path} may have any fields, among them ones with dots in their names`);
  }
  if (propertyNames && !contains(scalars(propertyNames, path), name)) return undefined;
  return { schema: additionalProperties, isRequired: required.includes(name) };
}

const pathOf = (parent: string, name: string): string => (parent === '' ? name : `${parent}.${name}`);

const isScalar = ({ type, anyOf, oneOf, const: only, enum: list }: JsonSchema): boolean =>
  (anyOf ?? oneOf)
    ? [...(anyOf ?? []), ...(oneOf ?? [])].every(isScalar)
    : only !== undefined || list !== undefined || SCALAR_TYPES.includes(String(type));

const SCALAR_TYPES: readonly string[] = ['string', 'number', 'integer', 'boolean', 'null'];

/** Keywords that allow and forbid nothing. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  ...['title', 'description', 'default', 'examples', '$schema', '$id', '$comment'],
  ...['deprecated', 'readOnly', 'writeOnly'],
]);

/** Keywords of `not` that are told exactly, so that their contrary is, too. */
const NEGATED: ReadonlySet<string> = new Set([
  ...['enum', 'const', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'type'],
]);

/** Keywords that are evaluated, or that allow and forbid nothing. */
const KNOWN: ReadonlySet<string> = new Set([
  ...[
    'type',
    'properties',
    'required',
    'additionalProperties',
    'propertyNames',
    'items',
    'minItems',
    'maxItems',
  ],
  ...['multipleOf', 'oneOf', 'not'],
  ...['enum', 'const', 'anyOf', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  ...['pattern', 'minLength', 'maxLength', 'format'],
  ...ANNOTATIONS,
]);

function requireKnown(schema: JsonSchema, path: string): void {
  const unknown = Object.keys(schema).find((keyword) => !KNOWN.has(keyword) && !keyword.startsWith('x-'));
  if (unknown !== undefined) throw new UndecidedError(`${path || 'the schema'} has the keyword ${unknown}`);
  const { not } = schema;
  const isTold = not === undefined || (isScalar(not) && Object.keys(not).every((key) => NEGATED.has(key)));
  if (!isTold || (not && (schema.type === 'object' || schema.type === 'array'))) {
    const what = Object.keys(Object(not)).join(', ');
    throw new UndecidedError(`${path || 'the schema'} has the keyword not, of ${what}`);
  }
}

/** The scalar values of a schema; an object has none. */
function scalars(schema: JsonSchema, path: string): ValueSet {
  requireKnown(schema, path);
  const { const: only, enum: list, anyOf, oneOf, not, type } = schema;
  const sets: ValueSet[] = [];
  if (only !== undefined) sets.push(plain([only]));
  if (list) sets.push(plain(list));
  if (anyOf) sets.push(any(...anyOf.map((each) => scalars(each, path))));
  if (oneOf) sets.push(exactlyOne(oneOf.map((each) => scalars(each, path))));
  if (type !== undefined) sets.push(ofType(schema, path));
  if (sets.length === 0) throw new UndecidedError(`${path} may have any value`);
  if (not) sets.push(complement(scalars(not, path)));
  return all(...sets);
}

const exactlyOne = (sets: readonly ValueSet[]): ValueSet =>
  any(
    ...sets.map((one) =>
      all(one, ...sets.filter((other) => other !== one).map((other) => complement(other))),
    ),
  );

function plain(values: readonly unknown[]): ValueSet {
  return any(
    ...values.map((value) =>
      typeof value === 'object' && value !== null ? ABSENT : exactly(value as Scalar),
    ),
  );
}

function ofType(schema: JsonSchema, path: string): ValueSet {
  switch (schema.type) {
    case 'string':
      return all(types('string'), ...textConditions(schema));
    case 'number':
    case 'integer':
      return numbers(schema, path);
    case 'boolean':
    case 'null':
      return types(schema.type);
    case 'object':
      return ABSENT;
    default:
      throw new UndecidedError(`${path} has the type ${JSON.stringify(schema.type)} as an alternative`);
  }
}

/** Keyword of a schema whose texts are to be within the limits whichever way they are counted. */
export const WITHIN_BOTH_LENGTHS = 'x-within-both-lengths';

/** `maxLength` counts code points in JSON Schema and UTF-16 units in code; a text within either limit is in the domain. */
function textConditions({ pattern, minLength, maxLength, ...rest }: JsonSchema): ValueSet[] {
  const [min, max] = [Number(minLength ?? 0), Number(maxLength ?? Number.POSITIVE_INFINITY)];
  const isBounded = min > 0 || Number.isFinite(max);
  return [
    ...(typeof pattern === 'string' ? [any(...languageOf(pattern).map(texts))] : []),
    ...(isBounded
      ? [
          (rest[WITHIN_BOTH_LENGTHS] ? all : any)(
            texts(lengthBetween(min, max, 'units')),
            texts(lengthBetween(min, max, 'points')),
          ),
        ]
      : []),
  ];
}

function numbers(schema: JsonSchema, path: string): ValueSet {
  const { multipleOf } = schema;
  // Validators differ in how they round fractions.
  if (multipleOf !== undefined && !(Number.isSafeInteger(multipleOf) && Number(multipleOf) > 0))
    throw new UndecidedError(`${path} has the keyword multipleOf, of ${multipleOf}`);
  const bound = (value: unknown, inclusive: boolean): Bound | undefined =>
    typeof value === 'number' ? { value, inclusive } : undefined;
  const lower = [bound(schema.minimum, true), bound(schema.exclusiveMinimum, false)];
  const upper = [bound(schema.maximum, true), bound(schema.exclusiveMaximum, false)];
  return all(
    {
      of: 'numbers',
      integer: schema.type === 'integer',
      ...(multipleOf !== undefined && { multipleOf: Number(multipleOf) }),
    },
    ...lower.flatMap((each): ValueSet[] => (each ? [{ of: 'numbers', lower: each }] : [])),
    ...upper.flatMap((each): ValueSet[] => (each ? [{ of: 'numbers', upper: each }] : [])),
  );
}

/** Maximum number of states in the search for a value without conditions. */
const BUILD_BUDGET = 30_000;

/** Builds the smallest value of a schema with the given fields; the others come from the example. */
class Builder {
  readonly #fields: FieldValues;
  readonly #paths: readonly string[];

  constructor(fields: FieldValues) {
    this.#fields = fields;
    this.#paths = [...fields.values.keys(), ...fields.second.keys(), ...fields.parents.keys()];
  }

  make(schema: JsonSchema, path: string, example: unknown, from = this.#fields.values): unknown {
    if (schema.type === 'array') return this.#makeArray(schema, path, example, from);
    if (schema.type === 'object') return this.#makeObject(schema, path, example, from);
    const chosen: Value = from.get(path);
    if (chosen !== undefined) return chosen;
    const choice = schema.anyOf ?? schema.oneOf;
    if (choice && !isScalar(schema)) {
      if (example !== undefined) return example;
      // No path leads through it: any will do.
      const [first] = choice;
      return first && this.make(first, path, undefined, from);
    }
    if (example !== undefined && isAllowed(schema, path, example)) return example;
    for (const value of members(scalars(schema, path), new Budget(BUILD_BUDGET))) return value;
    return undefined;
  }

  #makeObject(schema: JsonSchema, path: string, example: unknown, from: ReadonlyMap<string, Value>): object {
    const { properties = {}, required = [] } = schema;
    const given = isRecord(example) ? example : {};
    const prefix = path === '' ? '' : `${path}.`;
    const asked = this.#paths.filter((each) => each.startsWith(prefix) && each !== path);
    const names = new Set([
      ...Object.keys(properties),
      ...asked.map((each) => each.slice(prefix.length).split('.')[0] as string),
    ]);
    const result: Record<string, unknown> = {};
    for (const name of names) {
      const child = Object.hasOwn(properties, name) ? properties[name] : schema.additionalProperties;
      if (typeof child !== 'object') continue;
      const childPath = `${prefix}${name}`;
      const isRequired = required.includes(name);
      if (!this.#isThere(childPath, child, from, isRequired, Object.hasOwn(given, name))) continue;
      const value = this.make(child, childPath, given[name], from);
      if (value !== undefined) result[name] = value;
    }
    return result;
  }

  #isThere(
    path: string,
    { type }: JsonSchema,
    from: ReadonlyMap<string, Value>,
    isRequired: boolean,
    isInExample: boolean,
  ): boolean {
    const isParent = this.#fields.parents.get(path);
    // A required array can be empty.
    if (isParent !== undefined) return isParent || (type === 'array' && isRequired);
    const isPlain = type !== 'array' && type !== 'object';
    if (isPlain && from.has(path)) return from.get(path) !== undefined;
    return isRequired || isInExample || this.#paths.some((each) => each.startsWith(`${path}.`));
  }

  #makeArray(
    schema: JsonSchema,
    path: string,
    example: unknown,
    from: ReadonlyMap<string, Value>,
    id = path,
  ): unknown[] {
    const { items = {}, minItems = 0 } = schema;
    const given: unknown[] = Array.isArray(example) ? example : [];
    const isAskedFor = this.#paths.some((each) => each === path || each.startsWith(`${path}.`));
    if (!isAskedFor) {
      if (Array.isArray(example)) return given;
      return Array.from({ length: Number(minItems) }, () => this.make(items, path, undefined, from));
    }
    if (this.#fields.parents.get(id) === false) return [];
    const element = (values: ReadonlyMap<string, Value>) =>
      items.type === 'array'
        ? this.#makeArray(items, path, given[0], values, `${id}[]`)
        : this.make(items, path, given[0], values);
    const isSecond =
      from === this.#fields.values &&
      [...this.#fields.second.keys()].some((each) => each === path || each.startsWith(`${path}.`));
    const elements = [element(from), ...(isSecond ? [element(this.#fields.second)] : [])];
    while (elements.length < Number(minItems)) elements.push(elements[0]);
    return elements;
  }
}

/** Checks whether the example has a value of the alternative that is looked at. */
function isAllowed(schema: JsonSchema, path: string, example: unknown): boolean {
  try {
    return contains(scalars(schema, path), example as Value);
  } catch (error) {
    if (error instanceof UndecidedError) return true;
    throw error;
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
