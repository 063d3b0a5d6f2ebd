import { CfnResource, Stack } from 'aws-cdk-lib';
import { EventBus as CdkEventBus, CfnArchive, type CfnEventBus, CfnRule } from 'aws-cdk-lib/aws-events';
import { AccountPrincipal, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { checkPatternLength, compile } from '../tools/eventbridge/event-pattern';
import { BusLogs, busLogConfig } from './bus-logs';
import type { StageConfig } from './config';
import { DeadLetterQueue } from './dead-letter-queue';
import type { EventHandler } from './event-handler';
import { dataRemovalPolicy } from './removal';

/** Pattern of events without `replay-name`, which only replayed events have. */
const NOT_REPLAYED = { 'replay-name': [{ exists: false }] };

/** Selection of a rule's events: a contract, a selection of one, or any EventBridge pattern. */
export interface Selection {
  readonly pattern: object;
}

/** Input of the target instead of the event. */
export interface TargetInput {
  /** JSON paths into the event, by name of the variable. */
  readonly paths: Readonly<Record<string, string>>;
  /** JSON text with `<variable>` in place of values. */
  readonly template: string;
}

export interface SubscriptionProps {
  /** Id of the target, unique in the rule. */
  readonly targetId: string;
  readonly description: string;
  /** @default the whole event */
  readonly input?: TargetInput;
  /** True if replayed events reach this target. @default true */
  readonly replayed?: boolean;
}

/** A rule and the handler that it calls. */
export interface Subscription {
  readonly rule: CfnRule;
  readonly handler: EventHandler;
  /** Pattern of a rule on the bus; a schedule has none. */
  readonly pattern?: object;
  readonly replayed?: boolean;
}

const EVENTS = new ServicePrincipal('events.amazonaws.com');

/**
 * The bus, its archive, its policy, and its rules. One call creates a rule with its target, permission, retry policy and
 * dead-letter queue: none exists without the others.
 */
export class EventBus extends Construct {
  readonly bus: CdkEventBus;
  readonly archive: CfnArchive;
  /** Queue for events that EventBridge could not deliver, with the reason in the message's attributes. */
  readonly deadLetterQueue: DeadLetterQueue;
  /** Rules in order of creation; the scheduled ones are on the default bus. */
  readonly rules: CfnRule[] = [];
  /** Rules with the handlers that they call. */
  readonly subscriptions: Subscription[] = [];

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
    this.#allowPublishing('Policy', 'AllowPublishers', Stack.of(this).account);
    for (const [account, sources] of Object.entries(config.publisherAccounts)) {
      this.#allowPublishing(`Publisher${account}`, `AllowPublisher${account}`, account, sources);
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
   * @param sources sources that the account may publish. `ForAllValues` checks every entry of a request, but alone would
   *   also hold for a request without entries. @default all
   */
  #allowPublishing(id: string, statementId: string, account: string, sources?: readonly string[]): void {
    // Not CDK's own class, which prints a warning about its deprecated `principal`, although nothing sets it.
    new CfnResource(this, id, {
      type: 'AWS::Events::EventBusPolicy',
      properties: {
        EventBusName: this.bus.eventBusName,
        StatementId: statementId,
        Statement: {
          Effect: 'Allow',
          Principal: { AWS: [new AccountPrincipal(account).arn] },
          Action: 'events:PutEvents',
          Resource: this.bus.eventBusArn,
          ...(sources && {
            Condition: {
              'ForAllValues:StringEquals': { 'events:source': sources },
              Null: { 'events:source': 'false' },
            },
          }),
        },
      },
    });
  }

  /** Sends the selected events to the handler, by a rule `<prefix>-<name>` on this bus. */
  subscribe(name: string, selection: Selection, handler: EventHandler, props: SubscriptionProps): void {
    const { replayed = true } = props;
    const rule = this.#rule(name, handler.function.functionArn, props, {
      eventBusName: this.bus.eventBusName,
      eventPattern: { ...selection.pattern, ...(!replayed && NOT_REPLAYED) },
    });
    this.subscriptions.push({ rule, handler, pattern: selection.pattern, replayed });
    handler.allowRule(rule);
  }

  /**
   * Calls the handler on a schedule (UTC), by a rule `<prefix>-<name>` on the account's default bus, the only one with
   * scheduled rules.
   */
  schedule(name: string, expression: string, handler: EventHandler, props: SubscriptionProps): void {
    const rule = this.#rule(name, handler.function.functionArn, props, { scheduleExpression: expression });
    this.subscriptions.push({ rule, handler });
    handler.allowRule(rule);
  }

  /** Forwards matching events of AWS's services to the topic, by a rule `<prefix>-<name>` on the default bus. */
  forward(name: string, pattern: object, topic: Topic, props: SubscriptionProps): void {
    const rule = this.#rule(name, topic.topicArn, props, { eventPattern: pattern });
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

  /** Lets the handler publish events, and sets the bus in its environment. */
  grantPublish(handler: EventHandler): void {
    handler.allow(['events:PutEvents'], this.bus.eventBusArn);
    handler.setEnvironment('EVENT_BUS_NAME', this.bus.eventBusName);
  }

  // L1, since the L2 rule has no `replay-name`, numbers its targets, and has optional retry policies.
  #rule(
    name: string,
    targetArn: string,
    props: SubscriptionProps,
    trigger: { eventBusName?: string; eventPattern?: object; scheduleExpression?: string },
  ): CfnRule {
    const { delivery, prefix } = this.config;
    const { eventPattern } = trigger;
    // Refuse here a pattern that EventBridge would refuse at deployment.
    if (eventPattern) {
      checkPatternLength(eventPattern);
      compile(eventPattern);
    }
    const rule = new CfnRule(this, name, {
      name: `${prefix}-${name}`,
      description: props.description,
      state: 'ENABLED',
      ...trigger,
      targets: [
        {
          id: props.targetId,
          arn: targetArn,
          retryPolicy: {
            maximumRetryAttempts: delivery.retryAttempts,
            maximumEventAgeInSeconds: delivery.maxEventAge,
          },
          deadLetterConfig: { arn: this.deadLetterQueue.queueArn },
          ...(props.input && {
            inputTransformer: { inputPathsMap: props.input.paths, inputTemplate: props.input.template },
          }),
        },
      ],
    });
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
