/** JSON Schema (draft 7) of a contract's detail with its metadata, for the catalogue. */
import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import type { Contract } from '../../app';
import { InputError } from '../../cli/errors';

/** A JSON Schema with the keywords that Valibot's schemas are converted to, and others. */
export interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>> | undefined;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly not?: JsonSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly [keyword: string]: unknown;
}

/**
 * Schema of the `detail` that a publisher of this contract sends.
 * @throws InputError if the contract has a check that JSON Schema cannot express and no text describes
 */
export function detailSchema(contract: Contract): JsonSchema {
  const { version } = contract;
  // An event without a version has version 1; any other must be stated.
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

/** Schema of a lenient field: any value, since no event is refused for it. */
function lenientSchema({ description = 'a value of its type' }: JsonSchema): JsonSchema {
  return { description: `${description}; anything else is read as none` };
}

function convert(type: string, schema: v.GenericSchema): JsonSchema {
  try {
    const { $schema, ...converted } = toJsonSchema(schema, {
      typeMode: 'input',
      overrideSchema: ({ valibotSchema, jsonSchema }) => {
        // The library reports an error, but its `propertyNames` is exactly what Valibot checks.
        if (valibotSchema.type === 'record') return jsonSchema;
        // A schema in code is described by its metadata, or by its message.
        const { type, message } = valibotSchema as { type: string; message?: unknown };
        return type === 'custom' && typeof message === 'string' ? { description: message } : undefined;
      },
      // A check in code has no keyword; its message says what it allows.
      overrideAction: ({ valibotAction, jsonSchema, errors }) => {
        if (errors && valibotAction.type !== 'check') return undefined;
        const message = 'message' in valibotAction ? valibotAction.message : undefined;
        if (typeof message !== 'string') return undefined;
        const { description } = jsonSchema;
        return { ...jsonSchema, description: [description, message].filter(Boolean).join('; ') };
      },
    });
    // The library's type differs in what its optional keywords may be.
    return converted as object as JsonSchema;
  } catch (error) {
    throw new InputError(`${type} cannot be written as JSON Schema: ${(error as Error).message}`);
  }
}
