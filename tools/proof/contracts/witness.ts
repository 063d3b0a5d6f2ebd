/** Finds an event of a contract that a pattern matches. */
import type { Contract } from '../../app';
import type { BusEvent } from '../../eventbridge/event';
import type { EventPattern } from '../../eventbridge/event-pattern';
import { isObject } from '../../eventbridge/field-reader';
import type { Scalar, Test } from '../../eventbridge/field-test';
import { spelled } from '../../eventbridge/network-set';
import { detailSchema, type JsonSchema } from './detail-schema';
import { changesOf, isEventOf, valuesFor } from './variants';

/** Maximum number of values of a field that are combined with those of a pattern's other fields. */
const MAX_CANDIDATES = 4;

/**
 * Finds an event of the contract that the pattern matches: the fields of the pattern get matching values, as far as the
 * contract allows them.
 * @returns undefined if none was found
 */
export function witnessOf(contract: Contract, event: BusEvent, pattern: EventPattern): BusEvent | undefined {
  const isValid = (each: BusEvent) => isEventOf(contract, each);
  const schema = envelopeSchema(contract);
  for (const { fields } of pattern.branches) {
    let events = [event];
    for (const field of fields) {
      const path = field.path.split('.');
      const candidates = candidatesFor(schema, event, path, field.tests).filter((each) => {
        const value = valueAt(each, path);
        return value === undefined ? field.acceptsAbsence : isScalar(value) && field.test(value);
      });
      const values = candidates.filter(isValid).slice(0, MAX_CANDIDATES);
      events = events.flatMap((each) =>
        values.flatMap(
          (candidate) => withValueAt(schema, each, path, valueAt(candidate, path)) as BusEvent[],
        ),
      );
    }
    const found = events.find((each) => pattern.matches(each) && isValid(each));
    if (found) return found;
  }
  return undefined;
}

/** Schema of the whole event; the fields with `const` identify the contract. */
function envelopeSchema(contract: Contract): JsonSchema {
  const text = { type: 'string' };
  return {
    type: 'object',
    properties: {
      ...{ version: text, id: text, account: text, time: text, region: text, 'replay-name': text },
      source: { const: contract.source },
      'detail-type': { const: contract.detailType },
      resources: { type: 'array', items: text },
      detail: detailSchema(contract),
    },
  };
}

/** The event with each value at the path that might pass one of the tests, the value it has first. */
function candidatesFor(
  schema: JsonSchema,
  event: BusEvent,
  path: string[],
  tests: readonly Test[],
): BusEvent[] {
  const current = valueAt(event, path);
  const fieldSchema = schemaAt(schema, path) ?? {};
  const values = [
    ...tests.flatMap((test) => suggestions(test, typeof current === 'string' ? current : 'a')),
    ...(current === undefined
      ? valuesFor(fieldSchema)
      : [...changesOf(fieldSchema, current, '', () => true)].map(({ value }) => value)),
  ];
  const changed = [...values, undefined].flatMap((value) => withValueAt(schema, event, path, value));
  return [event, ...(changed as BusEvent[])];
}

/** Values that would pass, near to the present one. */
function suggestions(test: Test, sample: string): unknown[] {
  switch (test.op) {
    case 'equals':
      return [test.value];
    case 'prefix':
      return [test.text, test.text + sample, test.text + sample.slice(test.text.length), `${test.text}a`];
    case 'suffix':
      return [test.text, sample + test.text, sample.slice(0, -test.text.length) + test.text, `a${test.text}`];
    case 'equals-ignore-case':
      return [test.text, test.text.toUpperCase(), test.text.toLowerCase()];
    case 'wildcard':
      return ['', 'a', '1', sample].map((filling) => test.parts.join(filling));
    case 'numeric': {
      const { lower, upper } = test;
      const bounds = [lower, upper].flatMap((bound) => (bound ? [bound.value] : []));
      const between = bounds.reduce((sum, bound) => sum + bound, 0) / bounds.length;
      return [
        between,
        ...bounds.flatMap((bound) => [bound, bound + 1, bound - 1, bound + 0.01, bound - 0.01]),
      ];
    }
    case 'cidr':
      return [spelled(test.network)];
    case 'exists':
    case 'anything-but':
      return [];
  }
}

function schemaAt(schema: JsonSchema, [key, ...rest]: readonly string[]): JsonSchema | undefined {
  if (schema.type === 'array') return schemaAt(schema.items ?? {}, key === undefined ? [] : [key, ...rest]);
  if (key === undefined) return schema;
  const { properties = {}, additionalProperties: others } = schema;
  const found = Object.hasOwn(properties, key)
    ? properties[key]
    : typeof others === 'object'
      ? others
      : undefined;
  return found && schemaAt(found, rest);
}

/** Value at a path, in the first element of an array, like `withValueAt`. */
function valueAt(node: unknown, path: readonly string[]): unknown {
  if (Array.isArray(node)) return valueAt(node[0], path);
  const [key, ...rest] = path;
  if (key === undefined) return node;
  return isObject(node) && Object.hasOwn(node, key) ? valueAt(node[key], rest) : undefined;
}

/** @returns the node with the value at the path, or nothing if the schema has no such path */
function withValueAt(schema: JsonSchema, node: unknown, path: readonly string[], value: unknown): unknown[] {
  if (!schemaAt(schema, path)) return value === undefined ? [node] : [];
  const put = (at: unknown, [key, ...rest]: readonly string[]): unknown => {
    if (Array.isArray(at)) return [put(at[0], key === undefined ? [] : [key, ...rest]), ...at.slice(1)];
    if (key === undefined) return value;
    const fields = isObject(at) ? at : {};
    const { [key]: child, ...others } = fields;
    const changed = put(child, rest);
    return changed === undefined ? others : { ...fields, [key]: changed };
  };
  return [put(node, path)];
}

function isScalar(value: unknown): value is Scalar {
  return (typeof value !== 'object' && typeof value !== 'undefined') || value === null;
}
