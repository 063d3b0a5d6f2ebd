import { CfnResource, Stack } from 'aws-cdk-lib';
import { EventBus as CdkEventBus, CfnArchive, type CfnEventBus, CfnRule } from 'aws-cdk-lib/aws-events';
import { AccountPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { checkPatternLength, compile, InvalidEventPatternError } from '../tools/eventbridge/event-pattern';
import { TARGET } from '../tools/eventbridge/service-facts';
import { BusLogs, busLogConfig } from './bus-logs';
import { ConfigError, type StageConfig } from './config';
import { DeadLetterQueue } from './dead-letter-queue';
import type { EventHandler } from './event-handler';
import { requireNoPersonalData } from './personal-data';
import { dataRemovalPolicy } from './removal';
import { allowPublishing, deliveryRole, EVENTS, type RuleTarget, type TargetProps } from './rule-target';

/** Pattern of events without `replay-name`, which only replayed events have. */
const NOT_REPLAYED = { 'replay-name': [{ exists: false }] };

/** Selection of a rule's events: a contract, a selection of one, or any EventBridge pattern. */
export interface Selection {
  readonly pattern: object;
}

export interface RuleProps {
  readonly description: string;
  /** True if replayed events reach the rule's targets. @default true */
  readonly replayed?: boolean;
}

export type SubscriptionProps = RuleProps & TargetProps;

/** One of several targets of a rule. */
export interface FanOutTarget extends TargetProps {
  readonly target: RuleTarget;
}

/** A rule and its targets. */
export interface Subscription {
  readonly rule: CfnRule;
  readonly targets: readonly RuleTarget[];
  /** Pattern of a rule on the bus; a schedule has none. */
  readonly pattern?: object;
  readonly replayed?: boolean;
}

/** Principal and condition of a statement of the bus's policy that lets somebody publish. */
interface Publishers {
  readonly principal: unknown;
  readonly condition?: object;
}

const ofAccount = (account: string): Publishers => ({
  principal: { AWS: [new AccountPrincipal(account).arn] },
});

/** Events that come from another bus of this account and region. */
export interface Inflow {
  /** Suffix of the rule's name: `<prefix>-from-<name>`. */
  readonly name: string;
  readonly description: string;
  readonly pattern: object;
  /** Name of the bus they come from. @default the account's default bus */
  readonly from?: string;
}

/** A rule on another bus that puts events on this one. */
export interface InflowRule extends Inflow {
  readonly rule: CfnRule;
}

/**
 * The bus, its archive, its policy, and its rules. One call creates a rule with its targets, and for each its
 * permission, retry policy and dead-letter queue: none exists without the others.
 */
export class EventBus extends Construct {
  readonly bus: CdkEventBus;
  readonly archive: CfnArchive;
  /** Queue for events that EventBridge could not deliver, with the reason in the message's attributes. */
  readonly deadLetterQueue: DeadLetterQueue;
  /** Rules in order of creation; scheduled ones and those of AWS's events are on the default bus. */
  readonly rules: CfnRule[] = [];
  /** Rules with their targets. */
  readonly subscriptions: Subscription[] = [];
  /** Rules on other buses that put events on this one. */
  readonly inflows: InflowRule[] = [];

  constructor(
    scope: Construct,
    id: string,
    private readonly config: StageConfig,
  ) {
    super(scope, id);
    this.bus = new CdkEventBus(this, 'Bus', {
      eventBusName: `${config.prefix}-bus`,
      ...busLogConfig(config.busLogLevel),
    });
    const removal = dataRemovalPolicy(config);
    this.bus.applyRemovalPolicy(removal);
    if (config.busLogLevel !== 'OFF') {
      new BusLogs(this, 'Logs', this.bus.node.defaultChild as CfnEventBus, config.busLogLevel, config);
    }
    // A policy that names the publishers is required by Security Hub EventBridge.3.
    const { publisherAccounts, organizations } = config;
    this.#allowPublishing('Policy', 'AllowPublishers', ofAccount(Stack.of(this).account));
    for (const [account, sources] of Object.entries(publisherAccounts)) {
      this.#allowPublishing(`Publisher${account}`, `AllowPublisher${account}`, ofAccount(account), sources);
    }
    for (const [organization, sources] of Object.entries(organizations)) {
      const members = { principal: '*', condition: { StringEquals: { 'aws:PrincipalOrgID': organization } } };
      this.#allowPublishing(
        `Organization${organization}`,
        `AllowOrganization${organization}`,
        members,
        sources,
      );
    }
    this.archive = new CfnArchive(this, 'Archive', {
      archiveName: `${config.prefix}-archive`,
      description: `Every event of ${config.prefix}, for replay`,
      sourceArn: this.bus.eventBusArn,
      eventPattern: { source: [{ prefix: '' }] },
      retentionDays: config.archiveRetentionDays,
    });
    // The same policy as the bus: an archive has a managed rule on it, and a bus with rules cannot be deleted.
    this.archive.applyRemovalPolicy(removal);
    this.deadLetterQueue = new DeadLetterQueue(this, 'DeadLetterQueue', {
      config,
      name: 'dlq',
      holds: 'Events that EventBridge could not deliver',
      runbookEntry: 'dlq-depth',
    });
  }

  /**
   * @param sources sources that they may publish. `ForAllValues` checks every entry of a request, but alone would
   *   also hold for a request without entries. @default all
   */
  #allowPublishing(
    id: string,
    statementId: string,
    { principal, condition = {} }: Publishers,
    sources?: readonly string[],
  ): void {
    const conditions = {
      ...condition,
      ...(sources && {
        'ForAllValues:StringEquals': { 'events:source': sources },
        Null: { 'events:source': 'false' },
      }),
    };
    // Not CDK's own class, which prints a warning about its deprecated `principal`, although nothing sets it.
    new CfnResource(this, id, {
      type: 'AWS::Events::EventBusPolicy',
      properties: {
        EventBusName: this.bus.eventBusName,
        StatementId: statementId,
        Statement: {
          Effect: 'Allow',
          Principal: principal,
          Action: 'events:PutEvents',
          Resource: this.bus.eventBusArn,
          ...(Object.keys(conditions).length > 0 && { Condition: conditions }),
        },
      },
    });
  }

  /** Sends the selected events to the target, by a rule `<prefix>-<name>` on this bus. */
  subscribe(name: string, selection: Selection, target: RuleTarget, props: SubscriptionProps): void;
  /**
   * Sends the selected events to up to five targets, by one rule. Its metrics and alarms do not say which target
   * failed; a message in the dead-letter queue does. A rule for each target costs the same.
   */
  subscribe(name: string, selection: Selection, targets: readonly FanOutTarget[], props: RuleProps): void;
  subscribe(
    name: string,
    selection: Selection,
    given: RuleTarget | readonly FanOutTarget[],
    props: RuleProps & Partial<TargetProps>,
  ): void {
    const { replayed = true, targetId = '', input, description } = props;
    const targets = isFanOut(given) ? given : [{ target: given, targetId, ...(input && { input }) }];
    requireTargets(name, targets);
    for (const { target, ...more } of targets) {
      target.checkInput?.(more);
      if (target.keepsData) requireNoPersonalData(name, selection.pattern, more);
    }
    const rule = this.#rule(name, description, targets, {
      eventBusName: this.bus.eventBusName,
      eventPattern: { ...selection.pattern, ...(!replayed && NOT_REPLAYED) },
    });
    const pattern = selection.pattern;
    this.subscriptions.push({ rule, targets: targets.map(({ target }) => target), pattern, replayed });
  }

  /**
   * Calls the handler on a schedule (UTC), by a rule `<prefix>-<name>` on the account's default bus, the only one with
   * scheduled rules.
   */
  schedule(name: string, expression: string, handler: EventHandler, props: SubscriptionProps): void {
    const { description, ...target } = props;
    const rule = this.#rule(name, description, [{ target: handler, ...target }], {
      scheduleExpression: expression,
    });
    this.subscriptions.push({ rule, targets: [handler] });
  }

  /** Forwards matching events of AWS's services to the topic, by a rule `<prefix>-<name>` on the default bus. */
  forward(name: string, pattern: object, topic: Topic, props: SubscriptionProps): void {
    const { description, ...more } = props;
    const target: RuleTarget = {
      targetArn: topic.topicArn,
      allowRule: (rule) => {
        allowPublishing(topic, rule);
        return {};
      },
    };
    this.#rule(name, description, [{ target, ...more }], { eventPattern: pattern });
  }

  /**
   * Takes events over from another bus, by a rule `<prefix>-from-<name>` there. EventBridge puts them on this bus by a
   * role that may do only that, and only for this rule.
   */
  receive(inflow: Inflow): InflowRule {
    const { name, description, pattern: eventPattern, from } = inflow;
    const { eventBusArn } = this.bus;
    const target: RuleTarget = {
      targetArn: eventBusArn,
      allowRule: (rule) => ({ roleArn: deliveryRole(this, rule, ['events:PutEvents'], eventBusArn) }),
    };
    const rule = this.#rule(`from-${name}`, description, [{ target, targetId: 'Bus' }], {
      eventPattern,
      ...(from !== undefined && { eventBusName: from }),
    });
    const made = { ...inflow, rule };
    this.inflows.push(made);
    return made;
  }

  /** Lets the handler publish events, and sets the bus in its environment. */
  grantPublish(handler: EventHandler): void {
    handler.allow(['events:PutEvents'], this.bus.eventBusArn);
    handler.setEnvironment('EVENT_BUS_NAME', this.bus.eventBusName);
  }

  // L1, since the L2 rule has no `replay-name`, numbers its targets, and has optional retry policies.
  #rule(
    name: string,
    description: string,
    targets: readonly FanOutTarget[],
    trigger: { eventBusName?: string; eventPattern?: object; scheduleExpression?: string },
  ): CfnRule {
    const { delivery, prefix } = this.config;
    const { eventPattern } = trigger;
    if (eventPattern) requirePattern(name, eventPattern);
    const rule = new CfnRule(this, name, {
      name: `${prefix}-${name}`,
      description,
      state: 'ENABLED',
      ...trigger,
    });
    const distinct = [...new Set(targets.map(({ target }) => target))];
    const parameters = new Map(distinct.map((target) => [target, target.allowRule(rule)]));
    rule.targets = targets.map(({ target, targetId, input }) => ({
      id: targetId,
      arn: target.targetArn,
      ...parameters.get(target),
      retryPolicy: {
        maximumRetryAttempts: delivery.retryAttempts,
        maximumEventAgeInSeconds: delivery.maxEventAge,
      },
      deadLetterConfig: { arn: this.deadLetterQueue.queueArn },
      ...(input && {
        inputTransformer: { inputPathsMap: input.paths, inputTemplate: input.template },
      }),
    }));
    this.rules.push(rule);
    this.deadLetterQueue.addToResourcePolicy(
      new PolicyStatement({
        principals: [EVENTS],
        actions: ['sqs:SendMessage'],
        resources: [this.deadLetterQueue.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': rule.attrArn } },
      }),
    );
    return rule;
  }
}

const isFanOut = (given: RuleTarget | readonly FanOutTarget[]): given is readonly FanOutTarget[] =>
  Array.isArray(given);

/** @throws ConfigError for a pattern that EventBridge would refuse at deployment */
function requirePattern(name: string, pattern: object): void {
  try {
    checkPatternLength(pattern);
    compile(pattern);
  } catch (error) {
    if (error instanceof InvalidEventPatternError) throw new ConfigError(`Rule ${name}: ${error.message}.`);
    throw error;
  }
}

/** @throws ConfigError for a number of targets or for ids that EventBridge refuses */
function requireTargets(name: string, targets: readonly FanOutTarget[]): void {
  const { maxTargetsOfRule: most } = TARGET;
  if (targets.length === 0 || targets.length > most) {
    throw new ConfigError(
      `Rule ${name} has ${targets.length} targets; a rule has 1 to ${most}. Give the others a rule of their own with the same pattern.`,
    );
  }
  const ids = targets.map(({ targetId }) => targetId);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) {
    throw new ConfigError(
      `Rule ${name} has two targets with the id ${twice}: the second would replace the first. Give each an id of its own.`,
    );
  }
}
