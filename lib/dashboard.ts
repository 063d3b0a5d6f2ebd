import { Stack } from 'aws-cdk-lib';
import {
  type Alarm,
  AlarmStatusWidget,
  type CfnDashboard,
  Dashboard,
  GraphWidget,
  type GraphWidgetProps,
  type IMetric,
  type IWidget,
  type Metric,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { METRICS } from '../lambdas/metrics';
import type { AnalyticsStream } from './analytics-stream';
import type { StageConfig } from './config';
import { constructsOf } from './constructs';
import { DeadLetterQueue } from './dead-letter-queue';
import type { EventBus } from './event-bus';
import type { EventHandler } from './event-handler';
import {
  busMetric,
  consumedWritesMetric,
  functionMetric,
  latencyMetrics,
  PERIOD,
  putEventsMetric,
  ruleMetric,
  streamMetric,
  systemErrorMetrics,
  throttleMetrics,
  topicMetric,
} from './metrics';
import type { Notifications } from './notifications';
import type { OrderStore } from './order-store';

export interface OperatorDashboardProps {
  readonly config: StageConfig;
  /** With all of its rules: the functions that they call are watched, too. */
  readonly bus: EventBus;
  readonly orderProcessor: EventHandler;
  readonly notifier: EventHandler;
  readonly analytics: EventHandler;
  readonly orders: OrderStore;
  readonly notifications: Notifications;
  readonly analyticsStream: AnalyticsStream;
  readonly alarms: readonly Alarm[];
}

const WIDTH = 24;
const PERCENTILES = ['p50', 'p95', 'p99'] as const;

/** One page that is read from top to bottom as an event goes, with what fails at each step beside it. */
export class OperatorDashboard extends Construct {
  constructor(scope: Construct, id: string, props: OperatorDashboardProps) {
    super(scope, id);
    const dashboard = new Dashboard(this, 'Dashboard', {
      // Dashboards are of the account, not of a region: the same stack in two regions needs two names.
      dashboardName: `${props.config.prefix}-${Stack.of(this).region}`,
      widgets: [
        [new AlarmStatusWidget({ title: 'Alarms', alarms: [...props.alarms], width: WIDTH, height: 8 })],
        ...published(props),
        ...matched(props),
        ...delivered(props),
        ...handled(props),
        ...stored(props),
        ...waiting(props),
        ...business(props),
      ],
    });
    // Tags on dashboards came in 2026: validators that are older, such as cfn-lint 1.51, refuse the template.
    (dashboard.node.defaultChild as CfnDashboard).addPropertyDeletionOverride('Tags');
  }
}

function published({ bus }: OperatorDashboardProps): IWidget[][] {
  return [
    heading('1. Published', 'What publishers send. Failures: what PutEvents did not take.'),
    row(
      graph('Events published', [
        // The archive's rule matches every event, so this counts all of the bus.
        busMetric(bus, 'MatchedEvents').with({ label: 'This bus' }),
        putEventsMetric('PutEventsEntriesCount').with({ label: 'All buses of the account' }),
      ]),
      graph('Not taken, all buses of the account', [
        putEventsMetric('PutEventsFailedEntriesCount').with({ label: 'Failed entries' }),
        putEventsMetric('PutEventsApproximateThrottledCount').with({ label: 'Throttled calls' }),
      ]),
    ),
  ];
}

function matched({ bus }: OperatorDashboardProps): IWidget[][] {
  return [
    heading('2. Matched', 'Which rules took an event. Failures: rules that had to wait.'),
    row(
      graph('Events matched, by rule', byRule(bus.rules, 'MatchedEvents')),
      graph('Throttled, by rule', byRule(bus.rules, 'ThrottledRules')),
    ),
  ];
}

function delivered({ bus }: OperatorDashboardProps): IWidget[][] {
  return [
    heading(
      '3. Delivered',
      "What EventBridge handed to a rule's target. Failures: tried again, given up, lost.",
    ),
    row(
      graph('Delivered, by rule', byRule(bus.rules, 'Invocations')),
      graph('Not delivered, by rule', [
        ...byRule(bus.rules, 'FailedInvocations', 'given up'),
        ...byRule(bus.rules, 'InvocationsSentToDlq', 'to the dead-letter queue'),
        ...byRule(bus.rules, 'InvocationsFailedToBeSentToDlq', 'LOST'),
      ]),
      graph('From the bus to the target', [
        ...PERCENTILES.map((p) =>
          busMetric(bus, 'IngestionToInvocationSuccessLatency', p).with({ label: `${p} (ms)` }),
        ),
        busMetric(bus, 'RetryInvocationAttempts').with({ label: 'Tried again (count)' }),
      ]),
    ),
  ];
}

function handled({ bus }: OperatorDashboardProps): IWidget[][] {
  const handlers = [...bus.handlers];
  const each = (metricName: string, says: string, statistic?: string) =>
    handlers.map((handler) =>
      functionMetric(handler, metricName, statistic).with({ label: `${handler.props.entry} ${says}`.trim() }),
    );
  return [
    heading('4. Handled', 'What the functions did. Failures: failed, put off, given up, lost.'),
    row(
      graph('Calls, by function', each('Invocations', '')),
      graph('Failures, by function', [
        ...each('Errors', 'failed'),
        ...each('Throttles', 'put off'),
        ...each('AsyncEventsDropped', 'given up'),
        ...each('DestinationDeliveryFailures', 'LOST'),
      ]),
      graph('Longest wait for a function (ms)', each('AsyncEventAge', '', 'Maximum')),
    ),
    row(
      ...handlers.map((handler) =>
        graph(
          `Duration of ${handler.props.entry} (ms)`,
          PERCENTILES.map((p) => functionMetric(handler, 'Duration', p).with({ label: p })),
          {
            leftAnnotations: [{ value: handler.props.timeout.toMilliseconds(), label: 'Timeout' }],
          },
        ),
      ),
    ),
  ];
}

function stored({ orders, notifications, analyticsStream }: OperatorDashboardProps): IWidget[][] {
  return [
    heading(
      '5. Stored and sent',
      'The orders table, the analytics stream to S3, and the notifications topic.',
    ),
    row(
      graph('Orders table: writes (capacity units)', [
        consumedWritesMetric(orders.table).with({ label: 'Writes' }),
      ]),
      graph('Orders table: failures', [
        ...labelled(throttleMetrics(orders.table), 'throttled'),
        ...labelled(systemErrorMetrics(orders.table), 'system errors'),
      ]),
      graph(
        'Orders table: latency (ms)',
        PERCENTILES.flatMap((p) => labelled(latencyMetrics(orders.table, p), p)),
      ),
    ),
    row(
      graph('Stream: records', [
        streamMetric(analyticsStream, 'IncomingRecords', 'Sum').with({ label: 'Put' }),
        streamMetric(analyticsStream, 'DeliveryToS3.Records', 'Sum').with({ label: 'Written to S3' }),
      ]),
      graph(
        'Stream: failures',
        [
          streamMetric(analyticsStream, 'DeliveryToS3.DataFreshness', 'Maximum').with({
            label: 'Oldest record (s)',
          }),
          streamMetric(analyticsStream, 'ThrottledRecords', 'Sum').with({ label: 'Throttled records' }),
        ],
        {
          right: [
            streamMetric(analyticsStream, 'DeliveryToS3.Success', 'Average').with({
              label: 'Share of writes that succeed',
            }),
          ],
          rightYAxis: { min: 0, max: 1 },
        },
      ),
      graph('Notifications topic', [
        topicMetric(notifications.topic, 'NumberOfMessagesPublished').with({ label: 'Published' }),
        topicMetric(notifications.topic, 'NumberOfNotificationsDelivered').with({ label: 'Delivered' }),
        topicMetric(notifications.topic, 'NumberOfNotificationsFailed').with({ label: 'Failed' }),
      ]),
    ),
  ];
}

function waiting({ bus }: OperatorDashboardProps): IWidget[][] {
  const queues = constructsOf(bus, DeadLetterQueue);
  const options = ({ props: { holds: label } }: DeadLetterQueue) => ({
    statistic: 'Maximum',
    period: PERIOD,
    label,
  });
  return [
    heading('6. Waiting for an operator', 'The queues are empty on a good day. `npm run ops -- failures`'),
    row(
      graph(
        'Messages',
        queues.map((queue) => queue.metricApproximateNumberOfMessagesVisible(options(queue))),
      ),
      graph(
        'Oldest message (s)',
        queues.map((queue) => queue.metricApproximateAgeOfOldestMessage(options(queue))),
      ),
    ),
  ];
}

function business({ bus, orderProcessor, notifier, analytics }: OperatorDashboardProps): IWidget[][] {
  return [
    heading('7. Business', 'What the handlers count.'),
    row(
      graph(
        'Orders and revenue',
        [orderProcessor.metric(METRICS.ordersProcessed).with({ label: 'Orders processed' })],
        {
          right: [orderProcessor.metric(METRICS.revenue).with({ label: 'Revenue' })],
          rightYAxis: { min: 0 },
        },
      ),
      graph('Notifications and reports', [
        notifier.metric(METRICS.notificationsSent).with({ label: 'Notifications sent' }),
        analytics.metric(METRICS.dailyReportsPublished).with({ label: 'Daily reports published' }),
      ]),
      graph('Duplicates, conflicts and poison', [
        orderProcessor.metric(METRICS.duplicateEvents).with({ label: 'Duplicates, order-processor' }),
        notifier.metric(METRICS.duplicateEvents).with({ label: 'Duplicates, notifier' }),
        notifier.metric(METRICS.staleNotifications).with({ label: 'Stale notifications' }),
        orderProcessor.metric(METRICS.orderConflicts).with({ label: 'Conflicts' }),
        orderProcessor.metric(METRICS.unusableEmails).with({ label: 'Unusable e-mail addresses' }),
        ...[...bus.handlers].map((handler) =>
          handler.metric(METRICS.poisonEvents).with({ label: `Poison, ${handler.props.entry}` }),
        ),
      ]),
    ),
  ];
}

const heading = (title: string, text: string): IWidget[] => [
  new TextWidget({ markdown: `## ${title}\n${text}`, width: WIDTH, height: 2 }),
];

type Graph = (width: number) => IWidget;

const graph =
  (title: string, left: IMetric[], more: Partial<GraphWidgetProps> = {}): Graph =>
  (width) =>
    new GraphWidget({ title, left, leftYAxis: { min: 0 }, ...more, width });

/** Graphs side by side, each as wide as the others. */
const row = (...graphs: Graph[]): IWidget[] => graphs.map((make) => make(WIDTH / graphs.length));

const byRule = (rules: OperatorDashboardProps['bus']['rules'], metricName: string, says = ''): Metric[] =>
  rules.map((rule) => ruleMetric(rule, metricName).with({ label: `${rule.node.id} ${says}`.trim() }));

const labelled = (metrics: Record<string, Metric>, says: string): Metric[] =>
  Object.entries(metrics).map(([name, metric]) => metric.with({ label: `${name} ${says}` }));
