import { ArnFormat, type Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  type AlarmBase,
  AlarmRule,
  AlarmState,
  ComparisonOperator,
  CompositeAlarm,
  type IMetric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { RULE } from '../tools/eventbridge/service-facts';
import type { StageConfig } from './config';
import { subscribeEmail } from './email-subscription';
import type { EventBus } from './event-bus';
import { PERIOD } from './metrics';

/** Urgency of an alarm: a page needs action now, a ticket by tomorrow. Each has a topic. */
export type Severity = 'page' | 'ticket';

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
/** Maximum number of alarms in the rule of a composite alarm. */
const MOST_CHILDREN = 100;
/** Maximum length of the rule, in characters, without its parentheses. */
const RULE_LENGTH = 10_240 - '()'.length;
/** Maximum length of what stands around an alarm's name without the stack's prefix. */
const TERM_LENGTH = ' OR ALARM("arn:aws-us-gov:cloudwatch:ap-southeast-1:111122223333:alarm:-")'.length;

const SEVERITIES: readonly Severity[] = ['page', 'ticket'];

/** Rule that notifies when one of its alarms is over. */
interface RecoveryRule {
  /** Name without the stack's prefix. */
  readonly id: string;
  readonly severity: Severity;
  readonly pattern: object;
}

export interface AlarmText {
  /** Heading of the entry in the runbook. */
  readonly runbookEntry: string;
  /** Description of the event for the reader of the alarm's mail. */
  readonly says: string;
}

export interface MetricAlarmProps extends AlarmText {
  readonly metric: IMetric;
  /** Value above which the alarm goes off. */
  readonly threshold: number;
  /** Goes off below the threshold instead. @default false */
  readonly below?: boolean;
  /** Number of evaluated periods. @default 1 */
  readonly periods?: number;
  /** Number of them that must be over the threshold. @default all */
  readonly breaching?: number;
  /**
   * Treatment of a period without data. Nearly all metrics here are published only when there is something to count, so no
   * data is good.
   * @default notBreaching
   */
  readonly missingData?: TreatMissingData;
}

export interface CauseProps extends AlarmText {
  /** Alarms of which any one sets it off. */
  readonly of: readonly AlarmBase[];
  /** Alarm that suppresses this one while it is in alarm, since both have the same cause. */
  readonly unless?: AlarmBase;
  /** Time to wait for `unless` to go off. */
  readonly wait?: Duration;
}

/**
 * Alarms and their notifications. A metric alarm watches one symptom; a composite alarm, the cause, combines the symptoms
 * of one fault, and only it notifies: one fault, one mail. No alarm has OK actions, since a new alarm becomes OK by
 * itself: a rule on CloudWatch's own events notifies when an alarm with a notification is over.
 */
export class AlarmSet {
  readonly symptoms: Alarm[] = [];
  readonly causes: CompositeAlarm[] = [];
  readonly #topics: Readonly<Record<Severity, Topic>>;
  readonly #told: Readonly<Record<Severity, string[]>> = { page: [], ticket: [] };

  constructor(
    private readonly scope: Construct,
    private readonly config: StageConfig,
  ) {
    const key = this.#key();
    const { alarmEmail, ticketEmail = alarmEmail } = config;
    this.#topics = {
      page: this.#topic(scope, 'alarms', key, alarmEmail),
      ticket: this.#topic(new Construct(scope, 'Tickets'), 'tickets', key, ticketEmail),
    };
  }

  /** Adds an alarm for one symptom, without a notification. */
  symptom(name: string, props: MetricAlarmProps): Alarm {
    const { below = false, periods = 1, missingData = TreatMissingData.NOT_BREACHING } = props;
    const alarm = new Alarm(this.scope, name, {
      ...this.#named(name, props),
      metric: props.metric,
      threshold: props.threshold,
      comparisonOperator: below
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: periods,
      datapointsToAlarm: props.breaching ?? periods,
      treatMissingData: missingData,
    });
    this.symptoms.push(alarm);
    return alarm;
  }

  /**
   * Adds a composite alarm for the symptoms of one fault. If they are more than one takes, it is one of several, each of
   * some of the symptoms.
   */
  cause(name: string, { of, unless, wait, ...text }: CauseProps): CompositeAlarm {
    const parts = this.#parts(of);
    const alarms =
      parts.length > 1
        ? parts.map((part, index) => this.cause(`${name}-${index + 1}`, { ...text, of: part }))
        : of;
    const alarm = new CompositeAlarm(this.scope, name, {
      compositeAlarmName: `${this.config.prefix}-${name}`,
      alarmDescription: this.#described(text),
      alarmRule: AlarmRule.anyOf(...alarms.map((each) => AlarmRule.fromAlarm(each, AlarmState.ALARM))),
      ...(unless && {
        actionsSuppressor: unless,
        actionsSuppressorWaitPeriod: wait ?? PERIOD,
        // Time for the leftovers of the fault to be resolved with it.
        actionsSuppressorExtensionPeriod: PERIOD,
      }),
    });
    this.causes.push(alarm);
    return alarm;
  }

  /** Divides alarms into as few parts as composite alarms can name them. */
  #parts(alarms: readonly AlarmBase[]): AlarmBase[][] {
    const parts: AlarmBase[][] = [];
    let length = 0;
    for (const alarm of alarms) {
      const term = TERM_LENGTH + this.config.prefix.length + alarm.node.id.length;
      const part = parts.at(-1);
      if (!part || part.length === MOST_CHILDREN || length + term > RULE_LENGTH) {
        parts.push([alarm]);
        length = term;
      } else {
        part.push(alarm);
        length += term;
      }
    }
    return parts;
  }

  /** Notifies when an alarm goes off, and when it is over. */
  tell(severity: Severity, name: string, alarm: AlarmBase): void {
    alarm.addAlarmAction(new SnsAction(this.#topics[severity]));
    this.#told[severity].push(`${this.config.prefix}-${name}`);
  }

  /** Notifies when a metric has no data any more; not of a metric that never had any. */
  tellOfSilence(name: string, alarm: Alarm): void {
    alarm.addInsufficientDataAction(new SnsAction(this.#topics.ticket));
    this.#told.ticket.push(`${this.config.prefix}-${name}`);
  }

  /** Recovery rules for the alarms so far: as few for each severity as the length of a pattern allows. */
  recoveryRules(): RecoveryRule[] {
    return SEVERITIES.flatMap((severity) =>
      recoveriesOf(this.#told[severity]).map((pattern, index) => ({
        id: index === 0 ? `${severity}-over` : `${severity}-over-${index + 1}`,
        severity,
        pattern,
      })),
    );
  }

  /** Completes the topics' policies and the recovery rules, once all alarms are there. */
  finish(bus: EventBus): void {
    for (const severity of SEVERITIES) {
      const topic = this.#topics[severity];
      const names = this.#told[severity];
      // Exactly these alarms: those of another stage may have the same prefix.
      topic.addToResourcePolicy(
        new PolicyStatement({
          sid: 'AllowAlarms',
          principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
          actions: ['sns:Publish'],
          resources: [topic.topicArn],
          conditions: {
            StringEquals: { 'aws:SourceAccount': Stack.of(topic).account },
            ArnEquals: { 'aws:SourceArn': names.map((name) => this.#arnOf(name)) },
          },
        }),
      );
    }
    for (const { id, severity, pattern } of this.recoveryRules()) {
      bus.forward(id, pattern, this.#topics[severity], {
        targetId: 'Topic',
        description: `Whoever was told of an alarm (${severity}) hears when it is over`,
        input: {
          paths: { alarm: '$.detail.alarmName', time: '$.time' },
          template: '"Over since <time>: <alarm>"',
        },
      });
    }
  }

  #arnOf(alarmName: string): string {
    return Stack.of(this.scope).formatArn({
      service: 'cloudwatch',
      resource: 'alarm',
      resourceName: alarmName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  }

  #named(name: string, text: AlarmText) {
    return { alarmName: `${this.config.prefix}-${name}`, alarmDescription: this.#described(text) };
  }

  #described({ says, runbookEntry }: AlarmText): string {
    return `${says} What to do: ${this.config.runbookUrl}#${runbookEntry}`;
  }

  /**
   * Key of the topics. SNS's own key has a fixed policy that excludes services, so that alarms would send nothing.
   * https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
   */
  #key(): Key {
    const key = new Key(this.scope, 'Key', {
      description: `Alarms of ${this.config.prefix}`,
      enableKeyRotation: true,
      // No lasting data is encrypted with it.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AllowAlarms',
        principals: [
          new ServicePrincipal('cloudwatch.amazonaws.com'),
          new ServicePrincipal('events.amazonaws.com'),
        ],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(key).account } },
      }),
    );
    return key;
  }

  #topic(scope: Construct, name: string, key: Key, address: string | undefined): Topic {
    const topic = new Topic(scope, 'Topic', {
      topicName: `${this.config.prefix}-${name}`,
      masterKey: key,
      enforceSSL: true,
    });
    if (address) subscribeEmail(scope, topic, address, { name, config: this.config });
    return topic;
  }
}

/**
 * Patterns of alarms that are over and had a notification: neither new alarms nor suppressed ones. Alarms are named one
 * by one, so a stack with many has several patterns.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
 */
function recoveriesOf(names: readonly string[]): object[] {
  const patternOf = (alarmName: readonly string[]) => ({
    source: ['aws.cloudwatch'],
    'detail-type': ['CloudWatch Alarm State Change'],
    detail: {
      alarmName,
      state: { value: ['OK'] },
      previousState: { value: ['ALARM'], actionsSuppressedBy: [{ exists: false }] },
    },
  });
  const groups: string[][] = [];
  for (const name of names) {
    const group = groups.at(-1);
    const isFull = !group || JSON.stringify(patternOf([...group, name])).length > RULE.maxPatternLength;
    if (isFull) groups.push([name]);
    else group.push(name);
  }
  return groups.map(patternOf);
}
