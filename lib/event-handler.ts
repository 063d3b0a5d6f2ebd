import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  ApplicationLogLevel,
  Architecture,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { EnvironmentVariable } from '../lambdas/env';
import type { MetricName } from '../lambdas/metrics';
import { BUNDLING } from './bundling';
import type { StageConfig } from './config';

const ROOT = join(__dirname, '..');
const LAMBDAS = join(ROOT, 'lambdas');
const LOCK_FILE = join(ROOT, 'package-lock.json');

export interface EventHandlerProps {
  /** Folder under `lambdas/` whose `handler.ts` exports `handler`; also the end of the function's name. */
  readonly entry: string;
  readonly config: StageConfig;
  /** MB, unless the setting `memory` has another value for this function. @default 256 */
  readonly memorySize?: number;
  readonly timeout: Duration;
  /** Where an event ends, with the reason, when the handler has failed for the last time. */
  readonly failedEvents: IQueue;
}

/**
 * A function that handles events: bundled by esbuild with its SDK inside, with a log group, a role of its own
 * and a failure destination. EventBridge hands an event to Lambda's queue and is done, so what a handler throws
 * is retried by Lambda, not by the rule: the failure destination is not optional.
 */
export class EventHandler extends Construct {
  readonly function: NodejsFunction;
  readonly logGroup: LogGroup;

  constructor(
    scope: Construct,
    id: string,
    readonly props: EventHandlerProps,
  ) {
    super(scope, id);
    const { config, failedEvents, memorySize = 256 } = props;
    const { [props.entry]: reservedConcurrency } = config.reservedConcurrency;
    const functionName = `${config.prefix}-${props.entry}`;

    // Made before the function, which else makes one of its own that never expires.
    this.logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/lambda/${functionName}`,
      retention: config.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Own role instead of the default one, whose managed policy may write to every log group of the account.
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });

    this.function = new NodejsFunction(this, 'Function', {
      functionName,
      entry: join(LAMBDAS, props.entry, 'handler.ts'),
      projectRoot: ROOT,
      depsLockFilePath: LOCK_FILE,
      bundling: { ...BUNDLING, assetHash: sourceHash(props.entry) },
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: config.memory[props.entry] ?? memorySize,
      timeout: props.timeout,
      role,
      logGroup: this.logGroup,
      loggingFormat: LoggingFormat.JSON,
      systemLogLevelV2: SystemLogLevel.WARN,
      // Lambda drops lines below this level, and takes metrics (which have none) for INFO: the handlers' own
      // level is POWERTOOLS_LOG_LEVEL.
      applicationLogLevelV2:
        config.logLevel === 'DEBUG' ? ApplicationLogLevel.DEBUG : ApplicationLogLevel.INFO,
      tracing: config.tracingPercent > 0 ? Tracing.ACTIVE : Tracing.DISABLED,
      awsSdkConnectionReuse: false,
      ...(reservedConcurrency && { reservedConcurrentExecutions: reservedConcurrency }),
      retryAttempts: config.processing.retryAttempts,
      maxEventAge: Duration.seconds(config.processing.maxEventAge),
      onFailure: { bind: () => ({ destination: failedEvents.queueArn }) },
      environment: {
        POWERTOOLS_SERVICE_NAME: props.entry,
        POWERTOOLS_METRICS_NAMESPACE: config.prefix,
        POWERTOOLS_LOG_LEVEL: config.logLevel,
      },
    });

    this.allow(['logs:CreateLogStream', 'logs:PutLogEvents'], this.logGroup.logGroupArn);
    this.allow(['sqs:SendMessage'], failedEvents.queueArn);
    Validations.of(this).acknowledge(
      {
        id: 'AwsSolutions-IAM5[Resource::*]',
        reason: 'xray:PutTraceSegments and xray:PutTelemetryRecords have no resource to name.',
      },
      {
        id: 'Serverless-LambdaDLQ',
        reason: 'The failure destination takes the same events, with the reason and the response besides.',
      },
      {
        id: 'Serverless-LambdaTracing',
        reason:
          'A setting, off by default: traces of functions alone show no more than the log lines, for half the bill.',
      },
    );
  }

  /** Gives the function's role exactly these actions on exactly these resources. */
  allow(actions: readonly string[], ...resources: readonly string[]): void {
    this.function.addToRolePolicy(new PolicyStatement({ actions: [...actions], resources: [...resources] }));
  }

  /** What the handler counts itself (sum of 5 minutes), published by Powertools as the environment tells it. */
  metric(metricName: MetricName): Metric {
    return new Metric({
      namespace: this.props.config.prefix,
      metricName,
      dimensionsMap: { service: this.props.entry },
      statistic: 'Sum',
      period: Duration.minutes(5),
    });
  }

  /** Sets a variable that the handler reads through `lambdas/env.ts`. */
  setEnvironment(variable: EnvironmentVariable, value: string): void {
    this.function.addEnvironment(variable, value);
  }
}

/**
 * The asset's hash, of everything that goes into the bundle: all of `lambdas/`, the locked dependencies and the
 * options. CDK then finds an unchanged bundle in `cdk.out` and does not run esbuild again, and the hash is the
 * same on every machine.
 */
function sourceHash(entry: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([entry, BUNDLING]))
    .update(readFileSync(LOCK_FILE));
  const files = readdirSync(LAMBDAS, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name))
    .sort();
  for (const file of files)
    hash.update(relative(LAMBDAS, file)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}
