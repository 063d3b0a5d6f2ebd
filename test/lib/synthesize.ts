import { readFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { parseStage } from '../../lib/config';
import { EventDrivenStack } from '../../lib/event-driven-stack';

const { stages, ...flags } = JSON.parse(readFileSync('cdk.json', 'utf8')).context;

/**
 * The stack's template with the flags of `cdk.json`, without running esbuild.
 * @param key of the stage in `cdk.json`, which may be a pattern. @default the stage
 */
export function synthesize(stage = 'production', settings: object = {}, key = stage): Template {
  const app = new App({
    builtinCloudFormationValidation: false,
    context: { ...flags, 'aws:cdk:bundling-stacks': [] },
  });
  const config = parseStage(stage, settings, key);
  return Template.fromStack(new EventDrivenStack(app, config.prefix, { config }));
}
