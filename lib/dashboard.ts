import { Stack } from 'aws-cdk-lib';
import {
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
import { Table } from 'aws-cdk-lib/aws-dynamodb';
import { type CfnTopic, Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { METRICS, type MetricName } from '../lambdas/metrics';
import type { AlarmSet } from './alarm-set';
import type { AnalyticsStream } from './analytics-stream';
import type { StageConfig } from './config';
import { constructsOf } from './constructs';
import { DeadLetterQueue } from './dead-letter-queue';
import type { EventBus } from './event-bus';
import { EventHandler } from './event-handler';
import {
  busMetric,
  consumedWritesMetric,
  functionMetric,
  latencyMetrics,
  nameOfTable,
  PERIOD,
  putEventsMetric,
  ruleMetric,
  streamMetric,
  systemErrorMetrics,
  throttleMetrics,
  topicMetric,
} from './metrics';
import { Outbox } from './outbox';
import { WatchedTarget } from './rule-target';
import { ScheduleGroup } from './schedule-group';

export interface OperatorDashboardProps {
  readonly config: StageConfig;
  readonly bus: EventBus;
  readonly analyticsStream: AnalyticsStream;
  readonly alarms: AlarmSet;
}

const WIDTH = 24;
const PERCENTILES = ['p50', 'p95', 'p99'] as const;

/** Dashboard that follows an event's way from top to bottom, with the failures of each step beside it. */
export class OperatorDashboard extends Construct {
  constructor(scope: Construct, id: string, props: OperatorDashboardProps) {
    super(scope, id);
    const dashboard = new Dashboard(this, 'Dashboard', {
      // Dashboards belong to the account, not to a region: the same stack in two regions needs two names.
      dashboardName: `${props.config.prefix}-${Stack.of(this).region}`,
      widgets: [
        [
          new AlarmStatusWidget({
            title: 'Alarms',
            alarms: [...props.alarms.causes, ...props.alarms.symptoms],
            width: WIDTH,
            height: 10,
          }),
        ],
        ...published(props),
        ...matched(props),
        ...delivered(props),
        ...handled(props),
        ...taken(props),
        ...stored(props),
        ...waiting(props),
        ...business(props),
      ],
    });
    // Dashboards have tags since 2026: older validators, such as cfn-lint 1.51, refuse the template.
    (dashboard.node.defaultChild as CfnDashboard).addPropertyDeletionOverride('Tags');
  }
}

function published({ bus }: OperatorDashboardProps): IWidget[][] {
  return [
    heading('1. Published', 'What publishers send. Failures: what PutEvents did not take.'),
    row(
      graph('Events published', [
        // The archive's rule matches every event, so this counts all events of the bus.
        busMetric(bus, 'MatchedEvents').with({ label: 'This bus' }),
        putEventsMetric('PutEventsEntriesCount').with({ label: 'All buses of the account' }),
      ]),
      graph('Not taken, all buses of the account', [
        putEventsMetric('PutEventsFailedEntriesCount').with({ label: 'Failed entries' }),
        putEventsMetric('PutEventsApproximateThrottledCount').with({ label: 'Throttled calls' }),
      ]),
    ),
    ...outboxes(bus),
  ];
}

/** Graphs of the pipes of outboxes; none without one. */
function outboxes(bus: EventBus): IWidget[][] {
  const each = (metricName: string, says: string) =>
    constructsOf(bus, Outbox).map((outbox) =>
      outbox.metric(metricName).with({ label: `${outbox.name} ${says}` }),
    );
  if (each('EventCount', '').length === 0) return [];
  return [
    row(
      graph('Outboxes: records of the table', each('EventCount', 'read')),
      graph('Outboxes: failures', [
        ...each('ExecutionFailed', 'failed tries'),
        ...each('ExecutionPartiallyFailed', 'failed in part'),
        ...each('ExecutionThrottled', 'put off'),
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
      graph('Delivered, by rule', [
        ...byRule(bus.rules, 'Invocations'),
        ...bySchedule(bus, 'InvocationAttemptCount', 'by schedule'),
      ]),
      graph('Not delivered, by rule', [
        ...byRule(bus.rules, 'FailedInvocations', 'given up'),
        ...byRule(bus.rules, 'InvocationsSentToDlq', 'to the dead-letter queue'),
        ...byRule(bus.rules, 'InvocationsFailedToBeSentToDlq', 'LOST'),
        ...bySchedule(bus, 'InvocationDroppedCount', 'given up'),
        ...bySchedule(bus, 'InvocationsSentToDeadLetterCount', 'to the dead-letter queue'),
        ...bySchedule(bus, 'InvocationsFailedToBeSentToDeadLetterCount', 'LOST'),
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
  const handlers = constructsOf(bus, EventHandler);
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

/** A row for each target that is no function; none without one. */
function taken({ bus }: OperatorDashboardProps): IWidget[][] {
  const targets = constructsOf(bus, WatchedTarget).map((target) => ({
    ...target.metrics(),
    label: target.label,
  }));
  const shown = targets.filter((each) => each.taken.length > 0);
  if (shown.length === 0) return [];
  return [
    heading('Other targets', 'What targets that are no functions took, and what they did not.'),
    ...shown.map(({ label, taken, failed }) =>
      row(
        graph(`${label}: taken`, [...taken]),
        ...(failed.length > 0 ? [graph(`${label}: waiting or failed`, [...failed])] : []),
      ),
    ),
  ];
}

function stored({ analyticsStream, config }: OperatorDashboardProps): IWidget[][] {
  return [
    heading('5. Stored and sent', 'The tables, the analytics stream to S3, and the topics.'),
    ...constructsOf(analyticsStream, Table).map((table) => {
      const name = nameOfTable(table).slice(config.prefix.length + 1);
      return row(
        graph(`Table ${name}: writes (capacity units)`, [
          consumedWritesMetric(table).with({ label: 'Writes' }),
        ]),
        graph(`Table ${name}: failures`, [
          ...labelled(throttleMetrics(table), 'throttled'),
          ...labelled(systemErrorMetrics(table), 'system errors'),
        ]),
        graph(
          `Table ${name}: latency (ms)`,
          PERCENTILES.flatMap((p) => labelled(latencyMetrics(table, p), p)),
        ),
      );
    }),
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
    ),
    row(
      ...constructsOf(analyticsStream, Topic).map((topic) =>
        graph(`Topic ${(topic.node.defaultChild as CfnTopic).topicName?.slice(config.prefix.length + 1)}`, [
          topicMetric(topic, 'NumberOfMessagesPublished').with({ label: 'Published' }),
          topicMetric(topic, 'NumberOfNotificationsDelivered').with({ label: 'Delivered' }),
          topicMetric(topic, 'NumberOfNotificationsFailed').with({ label: 'Failed' }),
        ]),
      ),
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

/** Graphs of the handlers' custom metrics; revenue has an axis of its own. */
function business({ bus }: OperatorDashboardProps): IWidget[][] {
  return [
    heading('7. Business', 'What the handlers count.'),
    row(
      ...constructsOf(bus, EventHandler).map((handler) => {
        const counts = handler.props.counts ?? [];
        const drawn = (names: readonly MetricName[]) =>
          names.map((name) => handler.metric(name).with({ label: inWords(name) }));
        const money = drawn(counts.filter((name) => name === METRICS.revenue));
        return graph(
          `Counted by ${handler.props.entry}`,
          drawn([...counts.filter((name) => name !== METRICS.revenue), METRICS.poisonEvents]),
          money.length > 0 ? { right: money, rightYAxis: { min: 0 } } : {},
        );
      }),
    ),
    ...types(bus),
  ];
}

/** Graph of events by type, for rules that match all events of their types. */
function types(bus: EventBus): IWidget[][] {
  const recorder = constructsOf(bus, EventHandler).find(({ props }) =>
    props.counts?.includes(METRICS.eventsReceived),
  );
  const known = new Set(
    bus.subscriptions.flatMap(({ pattern }) => {
      const { 'detail-type': given } = (pattern ?? {}) as { 'detail-type'?: unknown };
      return Array.isArray(given) ? given.filter((type): type is string => typeof type === 'string') : [];
    }),
  );
  if (!recorder || known.size === 0) return [];
  return [
    row(
      graph(
        'Events, by type',
        [...known].map((eventType) =>
          recorder.metric(METRICS.eventsReceived, { eventType }).with({ label: eventType }),
        ),
      ),
    ),
  ];
}

/** Formats a metric's name: `OrdersProcessed` as `Orders processed`. */
const inWords = (name: string): string =>
  name.replace(/[A-Z]/g, (letter, at: number) => (at === 0 ? letter : ` ${letter.toLowerCase()}`));

const heading = (title: string, text: string): IWidget[] => [
  new TextWidget({ markdown: `## ${title}\n${text}`, width: WIDTH, height: 2 }),
];

type Graph = (width: number) => IWidget;

const graph =
  (title: string, left: IMetric[], more: Partial<GraphWidgetProps> = {}): Graph =>
  (width) =>
    new GraphWidget({ title, left, leftYAxis: { min: 0 }, ...more, width });

/** Graphs side by side, of the same width. */
const row = (...graphs: Graph[]): IWidget[] => graphs.map((make) => make(WIDTH / graphs.length));

const byRule = (rules: OperatorDashboardProps['bus']['rules'], metricName: string, says = ''): Metric[] =>
  rules.map((rule) => ruleMetric(rule, metricName).with({ label: `${rule.node.id} ${says}`.trim() }));

const bySchedule = (bus: EventBus, metricName: string, says: string): Metric[] =>
  constructsOf(bus, ScheduleGroup).map((schedule) =>
    schedule.metric(metricName).with({ label: `${schedule.name} ${says}` }),
  );

const labelled = (metrics: Record<string, Metric>, says: string): Metric[] =>
  Object.entries(metrics).map(([name, metric]) => metric.with({ label: `${name} ${says}` }));
