/** The CDK app: `cdk synth`, `cdk deploy`, `-c stage=…` for another stage than the default. */
import { ConfigError } from '../lib/config';
import { makeApp } from '../lib/event-driven-app';

try {
  makeApp().synth();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
