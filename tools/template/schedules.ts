/** Schedules of EventBridge Scheduler. Rules with a schedule are in `rules.ts`. */
import * as v from 'valibot';
import type { Maybe } from './placeholder';
import { number, readProperties } from './read';
import type { Assembly, NotCovered, Resource } from './resource';
import { type TargetReference, targetReference } from './targets';

const Text = v.optional(v.string());
const ScheduleProperties = v.looseObject({
  ScheduleExpression: v.string(),
  ScheduleExpressionTimezone: v.optional(v.string(), 'UTC'),
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
  readonly expression: string;
  readonly timezone: string;
  readonly enabled: boolean;
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

export const SCHEDULER_SERVICE = 'scheduler.amazonaws.com';

export const schedulesOf = (assembly: Assembly, notCovered?: NotCovered[]): SchedulerSchedule[] =>
  assembly.ofType('AWS::Scheduler::Schedule').map((resource) => {
    const { Target, ...read } = readProperties(ScheduleProperties, resource, notCovered);
    const target = targetReference(assembly, Target.Arn);
    // A universal target names the call itself: arn:aws:scheduler:::aws-sdk:sqs:sendMessage.
    const [, service, call = ''] = /^arn:[^:]*:scheduler:::aws-sdk:([^:]+):(.+)$/.exec(Target.Arn) ?? [];
    const universal = service && `${service}:${call.charAt(0).toUpperCase()}${call.slice(1)}`;
    const action = universal ?? target.type?.actions[0];
    return {
      resource,
      expression: read.ScheduleExpression,
      timezone: read.ScheduleExpressionTimezone,
      enabled: read.State !== 'DISABLED',
      targetArn: Target.Arn,
      target,
      ...(action !== undefined && { action }),
      roleArn: Target.RoleArn,
      ...(Target.Input !== undefined && { input: Target.Input }),
      retries: Target.RetryPolicy.MaximumRetryAttempts ?? SCHEDULER_RETRIES,
      ageSeconds: Target.RetryPolicy.MaximumEventAgeInSeconds ?? SCHEDULER_AGE_SECONDS,
      ...(Target.DeadLetterConfig.Arn !== undefined && { deadLetterArn: Target.DeadLetterConfig.Arn }),
    };
  });
