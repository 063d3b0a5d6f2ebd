import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';
import type { StageConfig } from './config';
import type { EventBus } from './event-bus';
import type { EventHandler } from './event-handler';
import { ScheduleGroup } from './schedule-group';

export interface ZonedScheduleProps {
  readonly config: StageConfig;
  /** Bus whose dead-letter queue takes what cannot be delivered. */
  readonly bus: EventBus;
  readonly handler: EventHandler;
  /** Physical name without the stack's prefix. */
  readonly name: string;
  readonly description: string;
  /** `cron(...)` by the wall clock of the time zone, or `rate(...)`. */
  readonly expression: string;
  /** Name of the IANA time zone database. */
  readonly timezone: string;
  /** Minutes within which it fires after its time; 0: on time. */
  readonly flexibleMinutes: number;
  /** JSON text with Scheduler's context attributes, such as `<aws.scheduler.scheduled-time>`. */
  readonly input: string;
}

/** A schedule of EventBridge Scheduler that calls the handler, in a group of its own. */
export class ZonedSchedule extends ScheduleGroup {
  constructor(
    scope: Construct,
    id: string,
    readonly props: ZonedScheduleProps,
  ) {
    const { config, bus, handler, name, flexibleMinutes } = props;
    super(scope, id, {
      ...{ config, bus, name, does: 'call the function of the schedule' },
      ...{ action: 'lambda:InvokeFunction', targetArn: handler.targetArn },
    });
    new CfnSchedule(this, 'Schedule', {
      name: this.groupName,
      groupName: this.group.ref,
      description: props.description,
      scheduleExpression: props.expression,
      scheduleExpressionTimezone: props.timezone,
      flexibleTimeWindow:
        flexibleMinutes > 0 ? { mode: 'FLEXIBLE', maximumWindowInMinutes: flexibleMinutes } : { mode: 'OFF' },
      target: {
        arn: handler.targetArn,
        roleArn: this.role.roleArn,
        input: props.input,
        retryPolicy: {
          maximumRetryAttempts: config.delivery.retryAttempts,
          maximumEventAgeInSeconds: config.delivery.maxEventAge,
        },
        deadLetterConfig: { arn: bus.deadLetterQueue.queueArn },
      },
    });
  }
}
