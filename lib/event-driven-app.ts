import { Annotations, App, type AppProps, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { DEFAULT_STAGE, readConfig } from './config';
import { EventDrivenStack } from './event-driven-stack';
import { AsWarnings, FINDINGS_ARE_WARNINGS } from './findings';

/**
 * Creates the app with the stack of one stage, and the validators of every synth: CloudFormation's own and cdk-nag's
 * AwsSolutions and Serverless packs.
 * @param props `context` defaults to that of the CDK's command line: `cdk.json` and `-c key=value`
 * @throws ConfigError for a stage or setting that is not allowed
 */
export function makeApp(props?: AppProps): App {
  const app = new App(props);
  const config = readConfig(app.node);
  const stack = new EventDrivenStack(app, config.prefix, {
    config,
    description: `Event-driven order backend, stage ${config.stage}`,
    terminationProtection: config.retainData,
  });
  if (config.stage === DEFAULT_STAGE && !config.alarmEmail) {
    Annotations.of(stack).addWarningV2(
      'event-driven:nobody-is-told',
      `Nobody hears the alarms: set stages.${config.stage}.alarmEmail in cdk.json, or subscribe somebody to the topic ` +
        `${config.prefix}-alarms.`,
    );
  }
  const packs = [new AwsSolutionsChecks(), new ServerlessChecks()];
  const areWarnings = app.node.tryGetContext(FINDINGS_ARE_WARNINGS) === true;
  Validations.of(app).addPlugins(...(areWarnings ? packs.map((pack) => new AsWarnings(pack)) : packs));
  return app;
}
