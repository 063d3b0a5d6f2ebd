import { CfnOutput, Duration, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { NOTIFIED_STATUSES, OrderCreated, OrderStatusChanged } from '../lambdas/events';
import { METRICS } from '../lambdas/metrics';
import { NOTIFICATION_INPUT_PATHS, NOTIFICATION_INPUT_TEMPLATE } from '../lambdas/notification';
import { AnalyticsStream } from './analytics-stream';
import { requireKnownFunctions, STAGE_TAG, type StageConfig } from './config';
import { constructsOf } from './constructs';
import { ContractRegistry, requireReadableBus } from './contract-registry';
import { CustomerKey } from './customer-key';
import { DeadLetterQueue } from './dead-letter-queue';
import { leaveNothing } from './ephemeral';
import { EventBus } from './event-bus';
import { EventHandler } from './event-handler';
import { EventSources, sourcesFromOutside } from './event-sources';
import { GradualDeployment } from './gradual-deployment';
import { Monitoring } from './monitoring';
import { Notifications } from './notifications';
import { OrderReminders } from './order-reminders';
import { OrderStore, reportTimeout } from './order-store';
import { Outbox, requireNoLoop } from './outbox';
import { outboxContract } from './outbox-contract';
import { ReportStore } from './report-store';
import { requireNoThirdBus } from './third-bus';
import { sampleTraces } from './trace-sampling';
import { ZonedSchedule } from './zoned-schedule';

export interface EventDrivenStackProps extends StackProps {
  readonly config: StageConfig;
}

/** Types that CDK tags, but whose schema in CloudFormation's registry, as cfn-lint has it, knows no tags. */
const UNTAGGED = ['AWS::ApplicationAutoScaling::ScalableTarget'];

/** The picture: publishers -> bus -> rules -> handlers -> table, topic, stream. */
export class EventDrivenStack extends Stack {
  readonly #bus: EventBus;
  readonly #orders: OrderStore;

  constructor(scope: Construct, id: string, { config, ...props }: EventDrivenStackProps) {
    super(scope, id, props);

    const bus = new EventBus(this, 'Bus', config);
    this.#bus = bus;
    const failedEvents = new DeadLetterQueue(this, 'FailedEvents', {
      config,
      name: 'failed-events',
      holds: 'Events that a function failed to handle for the last time',
      runbookEntry: 'failed-events-depth',
    });
    const orders = new OrderStore(this, 'Orders', config);
    this.#orders = orders;
    const reports = new ReportStore(this, 'Reports', config);
    const notifications = new Notifications(this, 'Notifications', config);
    const analyticsStream = new AnalyticsStream(this, 'AnalyticsStream', config);

    const orderProcessor = new EventHandler(this, 'OrderProcessor', {
      entry: 'order-processor',
      counts: [
        METRICS.ordersProcessed,
        METRICS.revenue,
        METRICS.orderConflicts,
        METRICS.unusableEmails,
        METRICS.duplicateEvents,
      ],
      timeout: Duration.seconds(30),
      failedEvents,
      config,
    });
    const notifier = new EventHandler(this, 'Notifier', {
      entry: 'notifier',
      counts: [METRICS.notificationsSent, METRICS.duplicateEvents, METRICS.staleNotifications],
      // Twice what it takes at most (docs/figures.md).
      memorySize: 144,
      timeout: Duration.seconds(40),
      failedEvents,
      config,
    });
    const analytics = new EventHandler(this, 'Analytics', {
      entry: 'analytics',
      counts: [METRICS.dailyReportsPublished, METRICS.eventsReceived],
      timeout: reportTimeout(config),
      failedEvents,
      config,
    });

    new EventSources(this, 'Sources', { config, bus });
    for (const [name, detailType] of Object.entries(config.outboxes)) {
      new Outbox(this, `Outbox-${name}`, { config, bus, name, contract: outboxContract(detailType) });
    }
    requireReadableBus(config);
    if (config.schemaRegistry !== 'OFF') new ContractRegistry(this, 'Contracts', { config, bus });

    orders.grantFold(orderProcessor);
    orders.grantLook(notifier);
    orders.grantReport(analytics);
    reports.grantRemember(analytics);
    notifications.grantNotify(notifier);
    analyticsStream.grantPut(analytics, config);
    bus.grantPublish(analytics);

    bus.subscribe('order-created', OrderCreated, orderProcessor, {
      targetId: 'OrderProcessor',
      description: 'A new order goes into the table',
    });
    bus.subscribe('order-status-projection', OrderStatusChanged, orderProcessor, {
      targetId: 'OrderProcessor',
      description: "Every change of an order's status goes into the table",
    });
    bus.subscribe('order-status-changed', OrderStatusChanged.where({ status: NOTIFIED_STATUSES }), notifier, {
      targetId: 'Notifier',
      description: 'The customer hears that the order is shipped, delivered or cancelled',
      input: { paths: NOTIFICATION_INPUT_PATHS, template: NOTIFICATION_INPUT_TEMPLATE },
      replayed: false,
    });
    bus.subscribe('all-events', { pattern: { source: [{ prefix: 'app.' }] } }, analytics, {
      targetId: 'Analytics',
      description: 'Every event of our own applications becomes an analytics record',
    });
    const outside = sourcesFromOutside(config);
    if (outside.length > 0) {
      bus.subscribe('events-from-outside', { pattern: { source: outside } }, analytics, {
        targetId: 'Analytics',
        description: 'Every event of others becomes an analytics record',
      });
    }
    const dailyReport = { description: 'The orders of the day before are counted' };
    if (config.dailyReportScheduler) {
      new ZonedSchedule(this, 'DailyReport', {
        ...{ config, bus, handler: analytics, name: 'daily-report', ...dailyReport },
        ...config.dailyReportScheduler,
        expression: config.dailyReportSchedule,
        input: '{"type": "daily_report", "date": "<aws.scheduler.scheduled-time>"}',
      });
    } else {
      bus.schedule('daily-report', config.dailyReportSchedule, analytics, {
        ...dailyReport,
        targetId: 'DailyReport',
        input: { paths: { time: '$.time' }, template: '{"type": "daily_report", "date": <time>}' },
      });
    }

    if (config.orderReminderDays !== false) {
      new OrderReminders(this, 'OrderReminders', {
        ...{ config, bus, orders, notifications, failedEvents, days: config.orderReminderDays },
      });
    }

    requireNoThirdBus(config, bus);
    requireNoLoop(bus);
    const handlers = constructsOf(this, EventHandler);
    requireKnownFunctions(
      config,
      handlers.map(({ props: { entry } }) => entry),
    );
    if (config.tracingPercent > 0) sampleTraces(this, config);
    const customerKey = config.customerManagedKey && new CustomerKey(this, 'CustomerKey', config, bus);
    new Monitoring(this, 'Monitoring', { config, bus, analyticsStream });
    new GradualDeployment(this, 'Deployment', config);

    if (config.isEphemeral) leaveNothing(this, config);
    if (customerKey) customerKey.encrypt();

    for (const [key, value] of Object.entries({ [STAGE_TAG]: config.stage, ...config.tags })) {
      Tags.of(this).add(key, value, { excludeResourceTypes: UNTAGGED });
    }

    // Outputs for the README's commands and `npm run ops`.
    const outputs = {
      EventBusName: bus.bus.eventBusName,
      EventBusArn: bus.bus.eventBusArn,
      ArchiveArn: bus.archive.attrArn,
      DeadLetterQueueUrl: bus.deadLetterQueue.queueUrl,
      ...(customerKey && { BusDeadLetterQueueUrl: customerKey.busDeadLetterQueue.queueUrl }),
      FailedEventsQueueUrl: failedEvents.queueUrl,
      OrdersTableName: orders.table.tableName,
      NotifiedEventsTableName: notifications.notifiedEvents.tableName,
      NotificationsTopicArn: notifications.topic.topicArn,
      AnalyticsStreamName: analyticsStream.stream.ref,
      AnalyticsBucketName: analyticsStream.bucket.bucketName,
      ...Object.fromEntries(handlers.map((each) => [`${each.node.id}Name`, each.function.functionName])),
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }

  /**
   * Lets a function of any stack of this app place orders and change their status with `client/`, and sets the bus and
   * the table in its environment.
   */
  grantPublish(publisher: LambdaFunction): void {
    this.#orders.grantPublish(publisher, this.#bus);
  }
}
