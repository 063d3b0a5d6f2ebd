/** The hops of an event on its way from publisher to store, and what is found missing on them. */

import type { Symptom, TemplateAlarms } from '../../template/alarms';
import type { Resource } from '../../template/assembly';
import type { Construct } from '../../template/constructs';
import type { Decision } from '../../template/policy';
import { targetTypeOf } from '../../template/targets';

export type HopKind =
  /** A publisher puts an event on the bus. */
  | 'publish'
  | 'archive'
  /** The bus gives an event to a rule. */
  | 'rule'
  /** The clock sets a rule off, or a schedule. */
  | 'schedule'
  /** EventBridge hands the event to the rule's target. */
  | 'delivery'
  /** Lambda's own queue in front of a function. */
  | 'asynchronous queue'
  | 'handler'
  /** Call of a handler on a table, a topic, a stream or a bus. */
  | 'call'
  /** A function reads from a queue or a stream. */
  | 'mapping'
  /** Firehose writes to S3. */
  | 'stream'
  /** A topic hands its messages on. */
  | 'subscription'
  /** Queue in which failed events wait for an operator. */
  | 'failure queue'
  /** CloudWatch tells of a failure. */
  | 'alarm';

/** Subject of a gap: a column of the table, or a place. */
export type GapKind =
  | 'place'
  | 'coverage'
  | 'retry'
  | 'age-limit'
  | 'failure-destination'
  | 'size'
  /** The target does not take what it is given. */
  | 'delivery'
  | 'permission'
  /** An event makes another one without end. */
  | 'loop'
  | 'too-wide'
  | 'encryption'
  | 'alarm';

/** Something that would lose events, or lose them unnoticed, or let in whom it should not. */
export interface Gap {
  readonly kind: GapKind;
  /** E.g. `delivery: rule event-driven-all-events -> function event-driven-analytics`. */
  readonly hop: string;
  /** Logical id of the resource to mend. */
  readonly resource: string;
  /** E.g. `AWS::SQS::Queue`. */
  readonly type: string;
  /** Physical name. */
  readonly name: string;
  /** Construct of a CDK app that made it, and its place in the code. */
  readonly construct?: Construct;
  /** One line: what is wrong, and what would be right. */
  readonly message: string;
}

/** Filled by the hops. */
export interface Findings {
  readonly gaps: Gap[];
  readonly unknown: Gap[];
}

/** Texts are for people; `-`: there is no such thing on this hop. */
export class AuditedHop {
  readonly from: string;
  readonly to: string;
  retry = '-';
  ageLimit = '-';
  /** Place in which the event is when nothing helped. */
  whenAllFails = '-';
  encryption = '-';
  /** Required actions, each with the statement that allows it. */
  readonly permissions: { readonly needed: string; readonly reason: string }[] = [];
  /** Names of the alarms that tell of a failure on this hop. */
  readonly alarms: string[] = [];
  readonly #found: Findings;
  readonly #alarms: TemplateAlarms;

  /**
   * @param from a resource, or what the template does not have
   * @param found takes what is found missing, or cannot be told
   */
  constructor(
    readonly kind: HopKind,
    from: Resource | string,
    to: Resource | string,
    found: Findings,
    alarms: TemplateAlarms,
  ) {
    this.from = labelOf(from);
    this.to = labelOf(to);
    this.#found = found;
    this.#alarms = alarms;
  }

  /** @param message without its end */
  gap(kind: GapKind, resource: Resource, message: string): void {
    this.#add(this.#found.gaps, kind, resource, message);
  }

  /** Something that may be a gap, but depends on what the template does not say. @param message without its end */
  cannotTell(kind: GapKind, resource: Resource, message: string): void {
    this.#add(this.#found.unknown, kind, resource, message);
  }

  #add(list: Gap[], kind: GapKind, resource: Resource, message: string): void {
    const { logicalId, type, name, construct, uncertain } = resource;
    // A resource that may not exist cannot be wrong for certain.
    const target = uncertain === undefined ? list : this.#found.unknown;
    const gap = {
      kind,
      hop: hopName(this.kind, this.from, this.to),
      resource: logicalId,
      type,
      name,
      ...(construct && { construct }),
      message: uncertain === undefined ? `${message}.` : `${message}; ${uncertain}.`,
    };
    // A queue or a key that several hops use is to be mended once.
    const isKnown = target.some((each) => each.resource === logicalId && each.message === gap.message);
    if (!isKnown) target.push(gap);
  }

  /** @param resource to mend if it is not allowed */
  needs(needed: string, decision: Decision, resource: Resource, forWhom: string): void {
    const { allowed, unknown, reason } = decision;
    this.permissions.push({ needed, reason });
    if (unknown) this.cannotTell('permission', resource, `${needed} ${forWhom}. ${withoutEnd(reason)}`);
    else if (!allowed)
      this.gap('permission', resource, `${needed} is not allowed ${forWhom}. ${withoutEnd(reason)}`);
  }

  /** Each of the symptoms must set an alarm off. */
  watch(resource: Resource, ...symptoms: readonly Symptom[]): void {
    for (const symptom of symptoms) {
      const { alarms, problem, unknown } = this.#alarms.telling(symptom);
      if (problem) this.gap('alarm', resource, problem);
      if (unknown) this.cannotTell('alarm', resource, unknown);
      for (const { name } of alarms) if (!this.alarms.includes(name)) this.alarms.push(name);
    }
  }
}

/** Name of a hop in the gaps on it. */
export const hopName = (kind: HopKind, from: string, to: string): string => `${kind}: ${from} -> ${to}`;

/** Names of the resources on an event's way, one word each. */
const LABELS: Readonly<Record<string, string>> = {
  'AWS::DynamoDB::Table': 'table',
  'AWS::DynamoDB::GlobalTable': 'table',
  'AWS::Events::Archive': 'archive',
  'AWS::Events::EventBus': 'bus',
  'AWS::Events::Rule': 'rule',
  'AWS::KinesisFirehose::DeliveryStream': 'stream',
  'AWS::Lambda::Function': 'function',
  'AWS::Pipes::Pipe': 'pipe',
  'AWS::S3::Bucket': 'bucket',
  'AWS::SNS::Topic': 'topic',
  'AWS::Scheduler::ScheduleGroup': 'schedules',
  'AWS::SQS::Queue': 'queue',
};

/** Checks whether a hop can begin or end at a resource. */
export const isHopEnd = ({ type }: Resource): boolean => type in LABELS;

function labelOf(end: Resource | string): string {
  if (typeof end === 'string') return end;
  const label = LABELS[end.type] ?? targetTypeOf(end.arn)?.name ?? end.type.split('::').at(-1);
  return `${label} ${end.name}`;
}

export const withoutEnd = (sentence: string): string => sentence.replace(/\.$/, '');
