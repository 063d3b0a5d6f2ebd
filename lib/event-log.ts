import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { CfnRule } from 'aws-cdk-lib/aws-events';
import { CfnResourcePolicy, LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { ConfigError, type StageConfig } from './config';
import { PERIOD } from './metrics';
import { type TargetParameters, type TargetProps, WatchedTarget } from './rule-target';

export interface EventLogProps {
  readonly config: StageConfig;
  /** Name of the log group behind `/aws/events/<prefix>-`. */
  readonly name: string;
}

/**
 * Log group with a line for each event, without a function. Whoever reads logs reads it, so personal data is refused.
 * Its policy is one of the ten that an account has in a region.
 */
export class EventLog extends WatchedTarget {
  readonly name: string;
  readonly label: string;
  readonly logGroup: LogGroup;
  override readonly keepsData = true;
  readonly #rules: string[] = [];

  constructor(scope: Construct, id: string, { config, name }: EventLogProps) {
    super(scope, id);
    this.name = `${name}-log`;
    const logGroupName = `/aws/events/${config.prefix}-${name}`;
    this.label = `log group ${logGroupName}`;
    this.logGroup = new LogGroup(this, 'Logs', {
      logGroupName,
      retention: config.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const statement = (action: string, condition?: object) => ({
      Effect: 'Allow',
      Principal: { Service: ['events.amazonaws.com', 'delivery.logs.amazonaws.com'] },
      Action: action,
      Resource: this.logGroup.logGroupArn,
      ...(condition && { Condition: condition }),
    });
    // Only the writing names the rule. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    const Statement = [
      statement('logs:CreateLogStream'),
      statement('logs:PutLogEvents', { ArnEquals: { 'aws:SourceArn': this.#rules } }),
    ];
    new CfnResourcePolicy(this, 'Policy', {
      policyName: `${config.prefix}-${name}`,
      policyDocument: Stack.of(this).toJsonString({ Version: '2012-10-17', Statement }),
    });
  }

  /** ARN without the `:*` of CloudFormation's attribute, which EventBridge refuses. */
  get targetArn(): string {
    return Stack.of(this).formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: this.logGroup.logGroupName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  }

  /** EventBridge takes nothing but a whole event, or a time and a text. */
  override checkInput({ targetId, input }: TargetProps): void {
    const template = input?.template.replaceAll(/<[\w.-]+>/g, '0');
    if (template === undefined || /^\s*\{\s*"timestamp"\s*:.*,\s*"message"\s*:.*\}\s*$/s.test(template))
      return;
    throw new ConfigError(
      `Target ${targetId} is a log group, which takes a time and a text: write the input's template as {"timestamp": <time>, "message": "…"}.`,
    );
  }

  allowRule(rule: CfnRule): TargetParameters {
    this.#rules.push(rule.attrArn);
    return {};
  }

  override metrics() {
    const metric = (metricName: string) =>
      new Metric({
        namespace: 'AWS/Logs',
        metricName,
        dimensionsMap: { LogGroupName: this.logGroup.logGroupName },
        statistic: 'Sum',
        period: PERIOD,
      });
    return { taken: [metric('IncomingLogEvents')], failed: [] };
  }
}
