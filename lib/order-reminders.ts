import { Duration, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { OrderCreated, OrderReminderDue } from '../lambdas/events';
import { METRICS } from '../lambdas/metrics';
import type { StageConfig } from './config';
import type { EventBus } from './event-bus';
import { EventHandler } from './event-handler';
import type { Notifications } from './notifications';
import type { OrderStore } from './order-store';
import { ScheduleGroup } from './schedule-group';

export interface OrderRemindersProps {
  readonly config: StageConfig;
  readonly bus: EventBus;
  readonly orders: OrderStore;
  readonly notifications: Notifications;
  readonly failedEvents: IQueue;
  /** Days after an order's creation. */
  readonly days: number;
}

/**
 * Reminders of orders that wait: a function makes a one-time schedule for each new order, whose event comes to the bus when
 * it is due, and tells the customer then. Neither is done for a replay.
 */
export class OrderReminders extends Construct {
  constructor(scope: Construct, id: string, props: OrderRemindersProps) {
    super(scope, id);
    const { config, bus, orders, notifications, failedEvents, days } = props;
    const handler = new EventHandler(scope, 'Reminders', {
      entry: 'reminders',
      counts: [METRICS.remindersSent, METRICS.duplicateEvents],
      memorySize: 128,
      timeout: Duration.seconds(40),
      failedEvents,
      config,
    });
    orders.grantLook(handler);
    notifications.grantNotify(handler);
    const group = new ScheduleGroup(this, 'Schedules', {
      ...{ config, bus, name: 'order-reminders', does: 'put reminders on the bus for the schedules' },
      ...{ action: 'events:PutEvents', targetArn: bus.bus.eventBusArn },
    });
    const { retryAttempts, maxEventAge } = config.delivery;
    handler.setEnvironment('REMINDER_DAYS', `${days}`);
    handler.setEnvironment('REMINDER_GROUP_NAME', group.group.ref);
    handler.setEnvironment('REMINDER_ROLE_ARN', group.role.roleArn);
    handler.setEnvironment('REMINDER_BUS_ARN', bus.bus.eventBusArn);
    handler.setEnvironment('REMINDER_DEAD_LETTER_QUEUE_ARN', bus.deadLetterQueue.queueArn);
    handler.setEnvironment('REMINDER_RETRIES', `${retryAttempts}/${maxEventAge}`);
    const schedules = Stack.of(this).formatArn({
      service: 'scheduler',
      resource: 'schedule',
      resourceName: `${group.groupName}/*`,
    });
    handler.allow(['scheduler:CreateSchedule'], schedules);
    Validations.of(handler.role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:scheduler:<AWS::Region>:<AWS::AccountId>:schedule/${group.groupName}/*]`,
      reason: 'The schedules of its own group, each named by its order.',
    });
    handler.function.addToRolePolicy(
      new PolicyStatement({
        actions: ['iam:PassRole'],
        resources: [group.role.roleArn],
        conditions: { StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } },
      }),
    );

    const once = { targetId: 'Reminders', replayed: false };
    bus.subscribe('order-created-reminder', OrderCreated, handler, {
      ...once,
      description: 'A new order gets a schedule for its reminder',
    });
    bus.subscribe('order-reminder-due', OrderReminderDue, handler, {
      ...once,
      description: 'The customer is reminded of an order that still waits',
    });
  }
}
