/** JSON Schema of the payload that a consumer reads, as far as it says exactly what the consumer accepts. */
import { toJsonSchema } from '@valibot/to-json-schema';
import type * as v from 'valibot';
import { UndecidedError } from '../../eventbridge/value-set';
import type { JsonSchema } from './detail-schema';
import { WITHIN_BOTH_LENGTHS } from './domain';

/** Keyword of a schema that code decides; the value is the check's message. */
const BY_CODE = 'x-checked-by-code';

/** A field's schema, with a mark where a check in code decides, which has no language of its own. */
export function payloadSchema(schema: v.GenericSchema): JsonSchema {
  return toJsonSchema(schema, {
    typeMode: 'input',
    errorMode: 'ignore',
    overrideSchema: ({ valibotSchema, jsonSchema, errors }) => {
      if (!errors) return undefined;
      return { ...jsonSchema, [BY_CODE]: messageOf(valibotSchema) };
    },
    overrideAction: ({ valibotAction, jsonSchema, errors }) => {
      if (valibotAction.type === 'metadata')
        return withoutMark(valibotAction, jsonSchema as object as JsonSchema) as object as typeof jsonSchema;
      if (/_?length$/.test(valibotAction.type)) return { ...jsonSchema, [WITHIN_BOTH_LENGTHS]: true };
      // A format is a name for a check in code, too.
      const isFormat = 'format' in jsonSchema;
      if (!errors && !isFormat) return undefined;
      return { ...jsonSchema, [BY_CODE]: messageOf(valibotAction) };
    },
  }) as object as JsonSchema;
}

/** Metadata with a type is the JSON Schema of a schema in code. */
function withoutMark(action: object, { [BY_CODE]: mark, ...jsonSchema }: JsonSchema): JsonSchema {
  const { metadata } = action as { readonly metadata: JsonSchema };
  return { ...jsonSchema, ...metadata, ...(mark !== undefined && !metadata.type && { [BY_CODE]: mark }) };
}

function messageOf({ message, type }: { readonly message?: unknown; readonly type: string }): string {
  return typeof message === 'string' ? message : type;
}

/**
 * The schema at a dotted path; undefined if the consumer does not ask for such a field.
 * @throws UndecidedError if code decides
 */
export function fieldSchema(schema: JsonSchema, path: string): JsonSchema | undefined {
  let at: JsonSchema | undefined = schema;
  for (const name of path.split('.')) {
    at = at?.properties && Object.hasOwn(at.properties, name) ? at.properties[name] : undefined;
  }
  const check = at?.[BY_CODE];
  if (check !== undefined) throw new UndecidedError(`${path} is checked by code (${check})`);
  return at;
}
