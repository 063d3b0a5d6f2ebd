/** The fields that a contract's schema names. */
import type * as v from 'valibot';

/** A schema without what makes it optional or adds rules to it. */
function bare(schema: v.GenericSchema): v.GenericSchema {
  const { wrapped, pipe } = schema as { wrapped?: v.GenericSchema; pipe?: readonly v.GenericSchema[] };
  if (wrapped) return bare(wrapped);
  return pipe?.[0] && pipe[0] !== schema ? bare(pipe[0]) : schema;
}

/**
 * The schemas of an object's fields, by name; those of a record whose keys are a closed set, too.
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

/** The schema of an array's elements; undefined if the schema is of no array. */
export function elementSchema(schema: v.GenericSchema): v.GenericSchema | undefined {
  return (bare(schema) as { readonly item?: v.GenericSchema }).item;
}

/** Whether a schema is of a text, a number or a boolean, and so of a value that has no fields. */
export function isScalarSchema(schema: v.GenericSchema): boolean {
  return ['string', 'number', 'boolean', 'picklist', 'literal'].includes(bare(schema).type);
}
