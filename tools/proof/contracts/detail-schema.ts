/** A contract's detail, with its metadata, as JSON Schema (draft 7): what the catalogue publishes. */
import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import type { Contract } from '../../app';
import { InputError } from '../../cli/errors';

/** The keywords that Valibot's schemas turn into, and whatever else stands beside them. */
export interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly [keyword: string]: unknown;
}

/**
 * The schema of what a publisher of this contract sends as `detail`.
 * @throws InputError if the contract uses what JSON Schema cannot say and no text describes
 */
export function detailSchema(contract: Contract): JsonSchema {
  const { version } = contract;
  // Without a version an event is of version 1: every other has to be said.
  const isDefault = version === 1;
  const metadata = v.object({ ...contract.metadata.entries, version: v.literal(version) });
  const { properties: strict = {}, required = [], ...rest } = convert(contract.type, contract.schema);
  const properties = Object.fromEntries(
    Object.entries(strict).map(([field, schema]) => [
      field,
      contract.lenient?.includes(field) ? lenientSchema(schema) : schema,
    ]),
  );
  const metadataSchema = convert(contract.type, metadata);
  return {
    ...rest,
    properties: {
      ...properties,
      metadata: {
        type: 'object',
        properties: {
          ...metadataSchema.properties,
          version: { const: version, ...(isDefault && { default: version }) },
        },
        ...(!isDefault && { required: ['version'] }),
      },
    },
    required: isDefault ? required : [...required, 'metadata'],
  };
}

/** Anything: nobody refuses an event for it. */
function lenientSchema({ description = 'a value of its type' }: JsonSchema): JsonSchema {
  return { description: `${description}; anything else is read as none` };
}

function convert(type: string, schema: v.GenericSchema): JsonSchema {
  try {
    const { $schema, ...converted } = toJsonSchema(schema, {
      typeMode: 'input',
      overrideSchema: ({ valibotSchema, jsonSchema }) => {
        // Converted to `propertyNames` all the same, which says just what Valibot checks.
        if (valibotSchema.type === 'record') return jsonSchema;
        // What a schema that is code allows stands in its metadata, or in its message.
        const { type, message } = valibotSchema as { type: string; message?: unknown };
        return type === 'custom' && typeof message === 'string' ? { description: message } : undefined;
      },
      // A rule that is code (`check`) has no keyword; its message says what it allows, like that of any other.
      overrideAction: ({ valibotAction, jsonSchema, errors }) => {
        if (errors && valibotAction.type !== 'check') return undefined;
        const message = 'message' in valibotAction ? valibotAction.message : undefined;
        if (typeof message !== 'string') return undefined;
        const { description } = jsonSchema;
        return { ...jsonSchema, description: [description, message].filter(Boolean).join('; ') };
      },
    });
    return converted as JsonSchema;
  } catch (error) {
    throw new InputError(`${type} cannot be written as JSON Schema: ${(error as Error).message}`);
  }
}
