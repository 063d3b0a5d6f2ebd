import { Stack } from 'aws-cdk-lib';
import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import type { CfnRule } from 'aws-cdk-lib/aws-events';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

/** Service that delivers to targets. */
export const EVENTS = new ServicePrincipal('events.amazonaws.com');

/** Properties of a rule's target that depend on the target's type. */
export type TargetParameters = Pick<CfnRule.TargetProperty, 'roleArn' | 'sqsParameters' | 'httpParameters'>;

/** Input of the target instead of the event. */
export interface InputTransformer {
  /** JSON paths into the event, by name of the variable. */
  readonly paths: Readonly<Record<string, string>>;
  /** JSON text with `<variable>` in place of values. */
  readonly template: string;
}

export interface TargetProps {
  /** Id of the target, unique in the rule. */
  readonly targetId: string;
  /** @default the whole event */
  readonly input?: InputTransformer;
}

/** Anything that a rule can deliver events to. */
export interface RuleTarget {
  readonly targetArn: string;
  /** Lets the rule deliver to the target. @returns properties of the rule's target besides its ARN */
  allowRule(rule: CfnRule): TargetParameters;
  /** True if the target keeps or hands on what it gets, out of reach of the handlers' redaction. @default false */
  readonly keepsData?: boolean;
  /**
   * Checks what the target would get.
   * @throws ConfigError for an input that it does not take
   */
  checkInput?(props: TargetProps): void;
}

/** A symptom of lost or failed events behind a target. */
export interface TargetSymptom {
  /** Last part of the alarm's name. */
  readonly kind: string;
  /** Heading of the entry in the runbook. */
  readonly runbookEntry: string;
  /** Description of the failure for the reader of the alarm's mail. */
  readonly says: string;
  readonly metric: IMetric;
  /** Value above which the alarm goes off. @default 0 */
  readonly threshold?: number;
  /** Goes off below the threshold instead. @default false */
  readonly below?: boolean;
}

/** A target other than a function. `Monitoring` adds one page for all symptoms of each, and its row of the dashboard. */
export abstract class WatchedTarget extends Construct implements RuleTarget {
  /** Physical name without the stack's prefix; its alarms have it in their names. */
  abstract readonly name: string;
  /** Type and name of the target in texts, e.g. `queue event-driven-warehouse`. */
  abstract readonly label: string;
  abstract readonly targetArn: string;
  abstract allowRule(rule: CfnRule): TargetParameters;
  readonly keepsData: boolean = false;

  /** @throws ConfigError for an input that the target does not take. @default it takes any */
  checkInput(_props: TargetProps): void {}

  /** Symptoms besides failed deliveries. @default none */
  symptoms(): readonly TargetSymptom[] {
    return [];
  }

  /** Metrics for the dashboard: what the target took, what failed. @default none */
  metrics(): { readonly taken: readonly IMetric[]; readonly failed: readonly IMetric[] } {
    return { taken: [], failed: [] };
  }
}

/** Name of a rule; every one in this stack has one. */
export const ruleName = ({ name = '' }: CfnRule): string => name;

/** Lets the rule publish to the topic. */
export function allowPublishing(topic: Topic, rule: CfnRule): void {
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: `AllowRule${rule.node.id.replaceAll('-', '')}`,
      principals: [EVENTS],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { ArnEquals: { 'aws:SourceArn': rule.attrArn } },
    }),
  );
}

/**
 * Creates the role that EventBridge assumes to deliver to a target that takes a role instead of a policy: for this rule
 * only, and these actions on this resource only.
 */
export function deliveryRole(
  scope: Construct,
  rule: CfnRule,
  actions: readonly string[],
  resource: string,
): string {
  const stack = Stack.of(scope);
  const { eventBusName } = rule;
  const name = ruleName(rule);
  // By name, since the rule needs the role first.
  const ruleArn = stack.formatArn({
    service: 'events',
    resource: 'rule',
    resourceName: eventBusName === undefined ? name : `${eventBusName}/${name}`,
  });
  const role = new Role(scope, `Role-${rule.node.id}`, {
    assumedBy: new ServicePrincipal('events.amazonaws.com', {
      conditions: {
        StringEquals: { 'aws:SourceAccount': stack.account },
        ArnEquals: { 'aws:SourceArn': ruleArn },
      },
    }),
    inlinePolicies: {
      deliver: new PolicyDocument({
        statements: [new PolicyStatement({ actions: [...actions], resources: [resource] })],
      }),
    },
  });
  return role.roleArn;
}
