/** A rule on a bus: what it takes, when it fires by itself, and where it delivers. */

import { checkPatternLength, compile, type EventPattern } from '../../eventbridge/event-pattern';
import { parseSchedule, type Schedule } from '../../eventbridge/schedule';
import { compileScheduleInput } from '../../eventbridge/schedule-input';
import { TARGET } from '../../eventbridge/service-facts';
import { type Assembly, AssemblyError, busName, type Resource } from '../../template/assembly';
import { isKnown } from '../../template/placeholder';
import { readRule } from '../../template/rules';
import { SCHEDULE_TARGET, type SchedulerSchedule, timesOf } from '../../template/schedules';
import type { Archive } from './archive';
import { Delivery, type DeliveryOptions, type TargetDefinition } from './delivery';
import { requireKnownProperties } from './known-properties';

/** Properties of a target that have an effect here. */
export const TARGET_PROPERTIES: readonly string[] = [
  ...['Id', 'Arn', 'Input', 'InputPath', 'InputTransformer', 'RetryPolicy', 'DeadLetterConfig', 'RoleArn'],
  ...['SqsParameters', 'HttpParameters'],
];

export interface RuleDefinition {
  readonly name: string;
  readonly arn: string;
  readonly busName: string;
  readonly description?: string | undefined;
  /** JSON text. */
  readonly eventPattern?: string | undefined;
  readonly scheduleExpression?: string | undefined;
  readonly state: 'ENABLED' | 'DISABLED';
  readonly deliveries: readonly Delivery[];
  /** The rule is this archive's own. */
  readonly archive?: Archive;
  /** Present if it is a schedule of EventBridge Scheduler, which is on no bus. */
  readonly scheduler?: {
    readonly group: string;
    readonly times: Schedule;
    /** Minutes within which it fires after its time. */
    readonly flexibleMinutes: number;
    /** True if it is deleted after its last time. */
    readonly isTransient: boolean;
    /** Time after which it has not fired: a time since then that is over is made up for. @default the present time */
    readonly firedAt?: number;
    /** Called when it has fired at a time, and is gone if it is deleted then. */
    readonly onFired?: (time: Date) => void;
  };
}

export class Rule {
  readonly name: string;
  readonly arn: string;
  readonly busName: string;
  readonly description: string | undefined;
  /** JSON text. */
  readonly eventPattern: string | undefined;
  readonly scheduleExpression: string | undefined;
  /** The service that made the rule: an archive's is not the template's. */
  readonly managedBy: string | undefined;
  readonly archive: Archive | undefined;
  readonly deliveries: readonly Delivery[];
  readonly pattern: EventPattern | undefined;
  readonly schedule: Schedule | undefined;
  readonly scheduler: RuleDefinition['scheduler'];
  #state: 'ENABLED' | 'DISABLED';

  /**
   * @param createdAt when a rate begins to count
   * @param changed is told when the rule was enabled or disabled
   * @throws InvalidEventPatternError, InvalidScheduleError
   */
  constructor(
    definition: RuleDefinition,
    createdAt: Date,
    private readonly changed: (rule: Rule) => void,
  ) {
    this.name = definition.name;
    this.arn = definition.arn;
    this.busName = definition.busName;
    this.description = definition.description;
    this.eventPattern = definition.eventPattern;
    this.scheduleExpression = definition.scheduleExpression;
    this.managedBy = definition.archive && 'prod.vhs.events.aws.internal';
    this.archive = definition.archive;
    this.deliveries = definition.deliveries;
    this.pattern = this.eventPattern === undefined ? undefined : compile(this.eventPattern);
    this.scheduler = definition.scheduler;
    const { scheduleExpression } = this;
    this.schedule =
      definition.scheduler?.times ??
      (scheduleExpression === undefined ? undefined : parseSchedule(scheduleExpression, createdAt));
    this.#state = definition.state;
  }

  get state(): 'ENABLED' | 'DISABLED' {
    return this.#state;
  }

  get targets(): readonly TargetDefinition[] {
    return this.deliveries.map(({ target }) => target);
  }

  enable(): void {
    this.#state = 'ENABLED';
    this.changed(this);
  }

  /** Events that wait to be delivered again are still delivered. */
  disable(): void {
    this.#state = 'DISABLED';
    this.changed(this);
  }
}

/** @throws AssemblyError for a property or a target that is not known here, or that the service refuses */
export function defineRule(resource: Resource, assembly: Assembly, options: DeliveryOptions): RuleDefinition {
  requireKnownProperties(resource, resource.properties, [
    ...[
      'Name',
      'Description',
      'EventBusName',
      'EventPattern',
      'ScheduleExpression',
      'State',
      'Targets',
      'Tags',
    ],
  ]);
  const refuse = (problem: string): never => {
    throw new AssemblyError(`${resource.type} ${resource.logicalId}: ${problem}`);
  };
  const { name, arn, bus, description, state, eventPattern, scheduleExpression, targets } = readRule(
    assembly,
    resource,
  );
  if (state !== 'ENABLED' && state !== 'DISABLED') {
    return refuse(`the local run does not know the state ${state}.`);
  }
  if (!eventPattern && !scheduleExpression) refuse('it has neither EventPattern nor ScheduleExpression.');
  if (scheduleExpression && bus !== 'default') {
    refuse('ScheduleExpression is supported only on the default event bus.');
  }
  if (targets.length > TARGET.maxTargetsOfRule)
    refuse(`it has ${targets.length} targets; EventBridge takes ${TARGET.maxTargetsOfRule}.`);
  if (eventPattern) checkPatternLength(eventPattern);
  const identity = { name, arn };
  const deliveries = targets.map(({ id, arn: targetArn, parameters }) => {
    // Parameters have no effect on a target that only records.
    if (!options.targets.get(targetArn)?.isRecorded) {
      requireKnownProperties(resource, parameters, [...TARGET_PROPERTIES], `Targets[${id}]`);
    }
    return new Delivery(identity, asWritten(parameters as TargetDefinition), options);
  });
  return {
    ...identity,
    busName: bus,
    description,
    eventPattern:
      eventPattern && (typeof eventPattern === 'string' ? eventPattern : JSON.stringify(eventPattern)),
    scheduleExpression,
    state,
    deliveries,
  };
}

/** Properties of a schedule that have an effect here; encryption at rest has none on when it fires. */
const SCHEDULE_PROPERTIES: readonly string[] = [
  ...['Name', 'Description', 'GroupName', 'ScheduleExpression', 'ScheduleExpressionTimezone', 'State'],
  ...['FlexibleTimeWindow', 'Target', 'KmsKeyArn', 'ActionAfterCompletion'],
];

/**
 * Reads a schedule of EventBridge Scheduler.
 * @throws AssemblyError for a property that is not known here
 * @throws InvalidScheduleError, InvalidTargetInputError for what Scheduler would refuse
 */
export function defineSchedule(model: SchedulerSchedule, options: DeliveryOptions): RuleDefinition {
  const { resource, name, expression, group, groupArn, flexibleMinutes, enabled } = model;
  requireKnownProperties(resource, resource.properties, [...SCHEDULE_PROPERTIES]);
  const known = ['Arn', 'RoleArn', 'Input', 'DeadLetterConfig', 'RetryPolicy', 'EventBridgeParameters'];
  if (!options.targets.get(model.targetArn)?.isRecorded)
    requireKnownProperties(resource, resource.properties.Target, known, 'Target');
  const target = { ...resource.properties.Target, Id: SCHEDULE_TARGET };
  const scheduler = { groupArn, input: compileScheduleInput(model.input) };
  return {
    ...{ name, arn: resource.arn, busName: '', scheduleExpression: expression },
    state: enabled ? 'ENABLED' : 'DISABLED',
    deliveries: [new Delivery({ name, arn: resource.arn, scheduler }, target, options)],
    scheduler: {
      group,
      times: timesOf(model),
      flexibleMinutes: isKnown(flexibleMinutes) ? flexibleMinutes : 0,
      isTransient: resource.properties.ActionAfterCompletion === 'DELETE',
    },
  };
}

/** Without the empty objects that reading puts where the template has nothing. */
function asWritten(target: TargetDefinition): TargetDefinition {
  const isEmpty = (value: unknown) => JSON.stringify(value) === '{}';
  return Object.fromEntries(
    Object.entries(target).filter(([, value]) => !isEmpty(value)),
  ) as unknown as TargetDefinition;
}

/** The rule that the service itself puts on the bus for an archive. */
export function archiveRule(archive: Archive): RuleDefinition {
  const bus = busName(archive.eventSourceArn);
  const { name, eventPattern } = archive.managedRule;
  const scope = bus === 'default' ? '' : `${bus}/`;
  return {
    name,
    arn: `${archive.arn.split(':archive/')[0]}:rule/${scope}${name}`,
    busName: bus,
    eventPattern,
    state: 'ENABLED',
    deliveries: [],
    archive,
  };
}
