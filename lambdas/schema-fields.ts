/** Fields of a contract's schema. */
import type * as v from 'valibot';

/** A schema without its wrappers (optional, pipe). */
function bare(schema: v.GenericSchema): v.GenericSchema {
  const { wrapped, pipe } = schema as { wrapped?: v.GenericSchema; pipe?: readonly v.GenericSchema[] };
  if (wrapped) return bare(wrapped);
  return pipe?.[0] && pipe[0] !== schema ? bare(pipe[0]) : schema;
}

/**
 * Schemas of the fields of an object, or of a record with a closed set of keys, by name.
 * @returns undefined if the schema names no fields
 */
export function fieldSchemas(schema: v.GenericSchema): Readonly<Record<string, v.GenericSchema>> | undefined {
  const { entries, key, value, type } = bare(schema) as {
    readonly type: string;
    readonly entries?: Readonly<Record<string, v.GenericSchema>>;
    readonly key?: { readonly options?: readonly string[] };
    readonly value?: v.GenericSchema;
  };
  if (entries) return entries;
  if (type !== 'record' || !key?.options || !value) return undefined;
  return Object.fromEntries(key.options.map((name) => [name, value]));
}

/** Schema of an array's elements; undefined for another schema. */
export function elementSchema(schema: v.GenericSchema): v.GenericSchema | undefined {
  return (bare(schema) as { readonly item?: v.GenericSchema }).item;
}

/** Checks whether a schema is of a text, a number or a boolean. */
export function isScalarSchema(schema: v.GenericSchema): boolean {
  return ['string', 'number', 'boolean', 'picklist', 'literal'].includes(bare(schema).type);
}

/** Checks whether a schema is of a text. */
export function isTextSchema(schema: v.GenericSchema | undefined): boolean {
  return schema !== undefined && ['string', 'picklist'].includes(bare(schema).type);
}
