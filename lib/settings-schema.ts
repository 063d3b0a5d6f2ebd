/** JSON Schema of `cdk.json`, with which editors complete and check the stages. */
import { toJsonSchema } from '@valibot/to-json-schema';
import { App } from 'aws-cdk-lib';
import { DEFAULT_STAGE, parseStage, StageSettings } from './config';
import { constructsOf } from './constructs';
import { EventDrivenStack } from './event-driven-stack';
import { EventHandler } from './event-handler';

/** Path of the schema, as in `cdk.json`. */
export const SCHEMA_FILE = 'cdk.schema.json';

/** @returns the text of the file */
export function settingsSchema(): string {
  const stage = toJsonSchema(StageSettings, { typeMode: 'input', errorMode: 'ignore' });
  const { $schema, ...stageSchema } = stage;
  const functions = { propertyNames: { enum: functionNames() } };
  const { memory, reservedConcurrency, logLevels, ...properties } = stageSchema.properties ?? {};
  const schema = {
    $schema,
    title: 'cdk.json',
    description: 'Written by `npm run schema`.',
    type: 'object',
    properties: {
      context: {
        type: 'object',
        properties: {
          stages: {
            description: 'One object of settings for each stage; -c stage=… picks one.',
            type: 'object',
            propertyNames: { pattern: '^[a-z][a-z0-9-]{0,14}$|^[a-z][a-z0-9-]{0,12}\\*$' },
            additionalProperties: {
              ...stageSchema,
              properties: {
                ...properties,
                memory: { ...(memory as object), ...functions },
                reservedConcurrency: { ...(reservedConcurrency as object), ...functions },
                logLevels: { ...(logLevels as object), ...functions },
              },
            },
          },
        },
      },
    },
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** The entries of the stack's functions. */
function functionNames(): string[] {
  const app = new App({
    builtinCloudFormationValidation: false,
    context: { 'aws:cdk:bundling-stacks': [] },
  });
  const config = parseStage(DEFAULT_STAGE, {});
  return constructsOf(new EventDrivenStack(app, config.prefix, { config }), EventHandler).map(
    ({ props: { entry } }) => entry,
  );
}
