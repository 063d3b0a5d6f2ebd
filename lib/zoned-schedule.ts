import { Stack } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnSchedule, CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import type { StageConfig } from './config';
import type { EventBus } from './event-bus';
import type { EventHandler } from './event-handler';
import { PERIOD } from './metrics';

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

/**
 * A schedule of EventBridge Scheduler that calls the handler, in a group of its own, by which Scheduler counts. Its
 * role may call this function and use this dead-letter queue, and only Scheduler for this group may assume it.
 */
export class ZonedSchedule extends Construct {
  readonly groupName: string;
  readonly role: Role;

  constructor(
    scope: Construct,
    id: string,
    readonly props: ZonedScheduleProps,
  ) {
    super(scope, id);
    const { config, bus, handler, name, flexibleMinutes } = props;
    const { account } = Stack.of(this);
    this.groupName = `${config.prefix}-${name}`;
    const group = new CfnScheduleGroup(this, 'Group', { name: this.groupName });
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': account, 'aws:SourceArn': group.attrArn } },
      }),
      inlinePolicies: {
        call: new PolicyDocument({
          statements: [
            new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [handler.targetArn] }),
            new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [bus.deadLetterQueue.queueArn] }),
          ],
        }),
      },
    });
    new CfnSchedule(this, 'Schedule', {
      name: this.groupName,
      groupName: group.ref,
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

  metric(metricName: string): Metric {
    return new Metric({
      namespace: 'AWS/Scheduler',
      metricName,
      dimensionsMap: { ScheduleGroup: this.groupName },
      statistic: 'Sum',
      period: PERIOD,
    });
  }
}
