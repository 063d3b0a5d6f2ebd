import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { CfnRule } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Alias,
  ApplicationLogLevel,
  Architecture,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { EnvironmentVariable } from '../lambdas/env';
import type { MetricName } from '../lambdas/metrics';
import type { StageConfig } from './config';
import { handlerBundle } from './handler-bundle';
import { EVENTS, type RuleTarget, type TargetParameters } from './rule-target';

export interface EventHandlerProps {
  /** Folder under `lambdas/` whose `handler.ts` exports `handler`; also the suffix of the function's name. */
  readonly entry: string;
  readonly config: StageConfig;
  /** Memory in MB; the setting `memory` has precedence. @default 256 */
  readonly memorySize?: number;
  readonly timeout: Duration;
  /** Custom metrics of the handler for the dashboard, besides poison events. @default none */
  readonly counts?: readonly MetricName[];
  /** Failure destination: queue for events, with the reason, after the handler's last failure. */
  readonly failedEvents: IQueue;
}

/**
 * A function that handles events: bundled by esbuild together with the SDK, with a log group, a role of its own and a
 * failure destination. EventBridge only delivers an event to Lambda's queue; a failure of the handler is retried by
 * Lambda, not by the rule. So the failure destination is not optional.
 */
export class EventHandler extends Construct implements RuleTarget {
  readonly function: LambdaFunction;
  readonly logGroup: LogGroup;
  readonly role: Role;
  /** Alias that rules and schedules call where code is deployed in steps; undefined: the function itself. */
  readonly alias: Alias | undefined;
  /** Permissions of its role. Monitoring reads from them which operations handlers may call on a table. */
  readonly allowed: { readonly actions: readonly string[]; readonly resources: readonly string[] }[] = [];

  constructor(
    scope: Construct,
    id: string,
    readonly props: EventHandlerProps,
  ) {
    super(scope, id);
    const { config, failedEvents, memorySize = 256 } = props;
    const { [props.entry]: reservedConcurrency } = config.reservedConcurrency;
    const functionName = `${config.prefix}-${props.entry}`;
    const logLevel = config.logLevels[props.entry] ?? config.logLevel;

    // Create the log group first: Lambda would create one without an expiry.
    this.logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/lambda/${functionName}`,
      retention: config.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Instead of the default role, whose managed policy allows writing to every log group of the account.
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });

    this.function = new LambdaFunction(this, 'Function', {
      functionName,
      code: handlerBundle(props.entry),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: config.memory[props.entry] ?? memorySize,
      timeout: props.timeout,
      role: this.role,
      logGroup: this.logGroup,
      loggingFormat: LoggingFormat.JSON,
      systemLogLevelV2: SystemLogLevel.WARN,
      // Lambda drops lines below this level, and treats metrics (which have none) as INFO. The handlers' own
      // level is POWERTOOLS_LOG_LEVEL.
      applicationLogLevelV2: logLevel === 'DEBUG' ? ApplicationLogLevel.DEBUG : ApplicationLogLevel.INFO,
      tracing: config.tracingPercent > 0 ? Tracing.ACTIVE : Tracing.DISABLED,
      ...(reservedConcurrency && { reservedConcurrentExecutions: reservedConcurrency }),
      retryAttempts: config.processing.retryAttempts,
      maxEventAge: Duration.seconds(config.processing.maxEventAge),
      onFailure: { bind: () => ({ destination: failedEvents.queueArn }) },
      environment: {
        POWERTOOLS_SERVICE_NAME: props.entry,
        POWERTOOLS_METRICS_NAMESPACE: config.prefix,
        POWERTOOLS_LOG_LEVEL: logLevel,
      },
    });

    this.alias = liveAlias(this);
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

  /** Allows the function's role exactly these actions on exactly these resources. */
  allow(actions: readonly string[], ...resources: readonly string[]): void {
    this.allowed.push({ actions, resources });
    this.function.addToRolePolicy(new PolicyStatement({ actions: [...actions], resources: [...resources] }));
  }

  get targetArn(): string {
    return (this.alias ?? this.function).functionArn;
  }

  /** Lets the rule call the function. */
  allowRule(rule: CfnRule): TargetParameters {
    (this.alias ?? this.function).addPermission(`AllowEventBridge-${rule.node.id}`, {
      principal: EVENTS,
      sourceArn: rule.attrArn,
    });
    return {};
  }

  /**
   * Custom metric of the handler (sum of 5 minutes), published by Powertools.
   * @param dimensions dimensions besides `service`
   */
  metric(metricName: MetricName, dimensions: Readonly<Record<string, string>> = {}): Metric {
    return new Metric({
      namespace: this.props.config.prefix,
      metricName,
      dimensionsMap: { service: this.props.entry, ...dimensions },
      statistic: 'Sum',
      period: Duration.minutes(5),
    });
  }

  /** Sets a variable that the handler reads through `lambdas/env.ts`. */
  setEnvironment(variable: EnvironmentVariable, value: string): void {
    this.function.addEnvironment(variable, value);
  }
}

/** An alias does not have the function's configuration of asynchronous calls. @returns undefined without gradual deployment */
function liveAlias(handler: EventHandler): Alias | undefined {
  const { config, failedEvents } = handler.props;
  if (config.gradualDeployment === 'OFF') return undefined;
  return new Alias(handler, 'Live', {
    aliasName: 'live',
    version: handler.function.currentVersion,
    retryAttempts: config.processing.retryAttempts,
    maxEventAge: Duration.seconds(config.processing.maxEventAge),
    onFailure: { bind: () => ({ destination: failedEvents.queueArn }) },
  });
}
