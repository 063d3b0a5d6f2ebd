/** Schedules of EventBridge Scheduler. Rules with a schedule are in `rules.ts`. */

import * as v from 'valibot';
import { defined } from '../defined';
import { InvalidScheduleError, parseSchedule, type Schedule } from '../eventbridge/schedule';
import { inTimeZone, isTimeZone } from '../eventbridge/time-zone';
import type { Maybe } from './placeholder';
import { number, readProperties, unknownParts } from './read';
import type { Assembly, NotCovered, Resource } from './resource';
import type { RuleModel } from './rules';
import { type TargetReference, targetReference } from './targets';

const Text = v.optional(v.string());
const ScheduleProperties = v.looseObject({
  ScheduleExpression: v.string(),
  ScheduleExpressionTimezone: v.optional(v.string(), 'UTC'),
  Name: Text,
  GroupName: v.optional(v.string(), 'default'),
  FlexibleTimeWindow: v.optional(
    v.looseObject({ Mode: Text, MaximumWindowInMinutes: v.optional(number) }),
    {},
  ),
  State: v.optional(v.string(), 'ENABLED'),
  Target: v.looseObject({
    Arn: v.string(),
    RoleArn: v.string(),
    Input: Text,
    DeadLetterConfig: v.optional(v.looseObject({ Arn: Text }), {}),
    RetryPolicy: v.optional(
      v.looseObject({
        MaximumRetryAttempts: v.optional(number),
        MaximumEventAgeInSeconds: v.optional(number),
      }),
      {},
    ),
  }),
});

/** Defaults of Scheduler. https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html */
const SCHEDULER_RETRIES = 185;
const SCHEDULER_AGE_SECONDS = 86_400;

/** A schedule of EventBridge Scheduler. */
export interface SchedulerSchedule {
  readonly resource: Resource;
  readonly name: string;
  readonly expression: string;
  readonly timezone: string;
  /** Name of the group, by which Scheduler counts its metrics. */
  readonly group: string;
  /** ARN of the group, which is the source of Scheduler's calls. */
  readonly groupArn: string;
  /** Minutes after its time within which it fires; 0: on time. */
  readonly flexibleMinutes: Maybe<number>;
  /** True also if only AWS knows its state. */
  readonly enabled: boolean;
  /** Parts that only AWS knows, each as a clause: its state, and what is left out of the model. */
  readonly unknown: readonly string[];
  readonly targetArn: string;
  readonly target: TargetReference;
  /** Action that the role needs; undefined if the kind of target is not modelled. */
  readonly action?: string;
  readonly roleArn: string;
  readonly input?: string;
  readonly retries: Maybe<number>;
  readonly ageSeconds: Maybe<number>;
  readonly deadLetterArn?: string;
}

/** Id of a schedule's one target, which has none itself. */
export const SCHEDULE_TARGET = 'Target';

/**
 * Times of a schedule.
 * @throws InvalidScheduleError
 */
export function timesOf({
  expression,
  timezone,
}: Pick<SchedulerSchedule, 'expression' | 'timezone'>): Schedule {
  const [, once] = /^at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)$/.exec(expression) ?? [];
  if (!isTimeZone(timezone)) throw new InvalidScheduleError(`there is no time zone ${timezone}`);
  if (once === undefined) return inTimeZone(parseSchedule(expression), timezone);
  const wall = new Date(`${once}Z`);
  return inTimeZone({ next: (after) => (wall > after ? wall : undefined) }, timezone);
}

/** The schedule as a scheduled rule that does the same, for tools that ask what happens, and not by which permission. */
export function asRule(schedule: SchedulerSchedule): RuleModel {
  const { resource, name, expression, enabled, unknown, target, targetArn, roleArn, retries, ageSeconds } =
    schedule;
  return {
    ...{ resource, name, arn: resource.arn, bus: 'default', enabled, unknown },
    state: enabled ? 'ENABLED' : 'DISABLED',
    scheduleExpression: expression,
    targets: [
      {
        ...{
          id: SCHEDULE_TARGET,
          arn: targetArn,
          reference: target,
          roleArn,
          passedRoles: [],
          retries,
          ageSeconds,
        },
        ...(schedule.deadLetterArn !== undefined && { deadLetterArn: schedule.deadLetterArn }),
        input: { Id: SCHEDULE_TARGET, ...(schedule.input !== undefined && { Input: schedule.input }) },
        parameters: {},
      },
    ],
  };
}

export const SCHEDULER_SERVICE = 'scheduler.amazonaws.com';

export const schedulesOf = (assembly: Assembly, notCovered?: NotCovered[]): SchedulerSchedule[] =>
  assembly.ofType('AWS::Scheduler::Schedule').map((resource) => readSchedule(assembly, resource, notCovered));

/** Reads a schedule of the template, or one that was made later and is given in the template's form. */
export function readSchedule(
  assembly: Assembly,
  resource: Resource,
  notCovered?: NotCovered[],
): SchedulerSchedule {
  const leftOut: NotCovered[] = [];
  const { Target, ...read } = readProperties(ScheduleProperties, resource, leftOut);
  notCovered?.push(...leftOut);
  const target = targetReference(assembly, Target.Arn);
  // A universal target names the call itself: arn:aws:scheduler:::aws-sdk:sqs:sendMessage.
  const [, service, call = ''] = /^arn:[^:]*:scheduler:::aws-sdk:([^:]+):(.+)$/.exec(Target.Arn) ?? [];
  const universal = service && `${service}:${call.charAt(0).toUpperCase()}${call.slice(1)}`;
  const action = universal ?? target.type?.actions[0];
  return {
    resource,
    name: resource.name,
    expression: read.ScheduleExpression,
    timezone: read.ScheduleExpressionTimezone,
    group: read.GroupName,
    groupArn: `arn:${assembly.partition}:scheduler:${assembly.region}:${assembly.account}:schedule-group/${read.GroupName}`,
    flexibleMinutes:
      (read.FlexibleTimeWindow.Mode === 'FLEXIBLE' && read.FlexibleTimeWindow.MaximumWindowInMinutes) || 0,
    enabled: read.State !== 'DISABLED',
    unknown: unknownParts(leftOut, 'State', read.State),
    targetArn: Target.Arn,
    target,
    ...defined({ action }),
    roleArn: Target.RoleArn,
    ...(Target.Input !== undefined && { input: Target.Input }),
    retries: Target.RetryPolicy.MaximumRetryAttempts ?? SCHEDULER_RETRIES,
    ageSeconds: Target.RetryPolicy.MaximumEventAgeInSeconds ?? SCHEDULER_AGE_SECONDS,
    ...(Target.DeadLetterConfig.Arn !== undefined && { deadLetterArn: Target.DeadLetterConfig.Arn }),
  };
}
