import { Stack } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import type { StageConfig } from './config';
import type { EventBus } from './event-bus';
import { PERIOD } from './metrics';

export interface ScheduleGroupProps {
  readonly config: StageConfig;
  /** Bus whose dead-letter queue takes what cannot be delivered. */
  readonly bus: EventBus;
  /** Physical name without the stack's prefix. */
  readonly name: string;
  /** Action of the schedules, which the role allows. */
  readonly action: string;
  /** ARN of their target. */
  readonly targetArn: string;
  /** Verb phrase for the action, before the group's name: `call the function of the schedule`. */
  readonly does: string;
}

/**
 * A group of schedules of EventBridge Scheduler, by which Scheduler counts, and their role: it may do one thing and use this
 * dead-letter queue, and only Scheduler for this group may assume it. A group that goes takes its schedules along.
 */
export class ScheduleGroup extends Construct {
  readonly groupName: string;
  readonly group: CfnScheduleGroup;
  readonly role: Role;
  readonly name: string;
  readonly does: string;

  constructor(scope: Construct, id: string, props: ScheduleGroupProps) {
    super(scope, id);
    const { config, bus, name, action, targetArn, does } = props;
    this.name = name;
    this.does = does;
    this.groupName = `${config.prefix}-${name}`;
    this.group = new CfnScheduleGroup(this, 'Group', { name: this.groupName });
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: {
          StringEquals: { 'aws:SourceAccount': Stack.of(this).account, 'aws:SourceArn': this.group.attrArn },
        },
      }),
      inlinePolicies: {
        call: new PolicyDocument({
          statements: [
            new PolicyStatement({ actions: [action], resources: [targetArn] }),
            new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [bus.deadLetterQueue.queueArn] }),
          ],
        }),
      },
    });
  }

  /** Metric of the group, a sum. */
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
