/** The CDK app: `cdk synth`, `cdk deploy`, `-c stage=…` for another stage than the default. */
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { ConfigError, readConfig } from '../lib/config';
import { EventDrivenStack } from '../lib/event-driven-stack';

try {
  const app = new App();
  const config = readConfig(app.node);
  new EventDrivenStack(app, config.prefix, {
    config,
    description: `Event-driven order backend, stage ${config.stage}`,
    terminationProtection: config.retainData,
  });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(), new ServerlessChecks());
  app.synth();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
