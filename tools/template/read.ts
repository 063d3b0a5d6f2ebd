/** Reads a resource's properties by a schema, and reports those that only AWS knows. */
import * as v from 'valibot';
import { hasPlaceholder, reasonsOf, Unknown } from './placeholder';
import type { NotCovered, Resource } from './resource';
import { AssemblyError, type Json } from './template';

const unknownOf = v.pipe(
  v.string(),
  v.check((text) => hasPlaceholder(text)),
  v.transform((text) => new Unknown(reasonsOf(text))),
);

/** A number; CloudFormation takes it as text, too. `Unknown` if only AWS knows it. */
export const number = v.union(
  [v.number(), unknownOf, v.pipe(v.string(), v.trim(), v.regex(/^-?\d+(\.\d+)?$/), v.transform(Number))],
  'expected a number',
);

/** A boolean, also as text. */
export const boolean = v.union(
  [
    v.boolean(),
    unknownOf,
    v.pipe(
      v.string(),
      v.regex(/^(true|false)$/i),
      v.transform((text) => text.toLowerCase() === 'true'),
    ),
  ],
  'expected true or false',
);

export const text = v.union([
  v.string(),
  v.pipe(v.number(), v.transform(String)),
  v.pipe(v.boolean(), v.transform(String)),
]);

/** A list; CloudFormation takes a single item, too. */
export const listOf = <Item extends v.GenericSchema>(item: Item) =>
  v.union([
    v.array(item),
    v.pipe(
      item,
      v.transform((one): v.InferOutput<Item>[] => [one]),
    ),
  ]);

/** An object, or its JSON: `RedrivePolicy` takes either. */
export const json = v.union([
  // A record of valibot's would drop keys such as `constructor`.
  v.custom<Readonly<Record<string, unknown>>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'expected an object',
  ),
  v.string(),
]);

/** Maximum number of properties that are left out because of a placeholder. */
const MAX_LEFT_OUT = 20;

/**
 * @param notCovered collects properties that are left out, since their placeholder does not fit the schema
 * @throws AssemblyError that names resource and property
 */
export function readProperties<Schema extends v.GenericSchema>(
  schema: Schema,
  resource: Resource,
  notCovered: NotCovered[] = [],
): v.InferOutput<Schema> {
  const { logicalId, type } = resource;
  let { properties } = resource;
  for (let leftOut = 0; ; leftOut++) {
    const read = v.safeParse(schema, properties);
    if (read.success) return read.output;
    const [issue] = read.issues;
    const path = (issue.path ?? []).map(({ key }) => key as string | number);
    const where = path.join('.');
    const value = path.reduce<Json>((part, key) => part?.[key], properties);
    const isUnknown = typeof value === 'string' && hasPlaceholder(value);
    if (!isUnknown || path.length === 0 || leftOut === MAX_LEFT_OUT) {
      throw new AssemblyError(`${type} ${logicalId}: ${where ? `${where}: ` : ''}${issue.message}.`);
    }
    notCovered.push({ resource: logicalId, type, message: `${where} is not known: ${reasonsOf(value)}.` });
    properties = without(properties, path);
  }
}

/**
 * Parts of a resource that only AWS knows, each as a clause.
 * @param leftOut by `readProperties`
 * @param state value of the property by which the resource is turned off
 */
export function unknownParts(leftOut: readonly NotCovered[], property: string, state: string): string[] {
  const parts = leftOut.map(({ message }) => message.replace(/\.$/, ''));
  return hasPlaceholder(state) ? [...parts, `${property} is not known: ${reasonsOf(state)}`] : parts;
}

/** A copy without the property at a path. */
function without(value: Json, [key, ...rest]: readonly (string | number)[]): Json {
  if (key === undefined || value === null || typeof value !== 'object') return value;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  if (rest.length > 0) copy[key] = without(copy[key], rest);
  else if (Array.isArray(copy)) copy.splice(Number(key), 1);
  else delete copy[key];
  return copy;
}
