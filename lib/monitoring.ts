import { Duration } from 'aws-cdk-lib';
import { type Alarm, type CompositeAlarm, type IMetric, MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import { Table } from 'aws-cdk-lib/aws-dynamodb';
import { type CfnTopic, Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { METRICS, type MetricName } from '../lambdas/metrics';
import { AlarmSet, type AlarmText } from './alarm-set';
import type { AnalyticsStream } from './analytics-stream';
import type { StageConfig } from './config';
import { constructsOf } from './constructs';
import { watchConsumer, watchRecoveries, watchSources, watchTarget } from './consumer-alarms';
import { watchReport } from './daily-report-alarm';
import { OperatorDashboard } from './dashboard';
import { DeadLetterQueue } from './dead-letter-queue';
import type { EventBus } from './event-bus';
import { EventHandler } from './event-handler';
import { SavedQueries } from './log-queries';
import {
  busMetric,
  functionMetric,
  nameOfTable,
  PERIOD,
  putEventsMetric,
  streamMetric,
  systemErrorMetrics,
  throttleMetrics,
  topicMetric,
} from './metrics';
import { WatchedTarget } from './rule-target';
import { watchSilentRules } from './silent-rule-alarms';

export interface MonitoringProps {
  readonly config: StageConfig;
  readonly bus: EventBus;
  readonly analyticsStream: AnalyticsStream;
}

/** Alarms for custom metrics of handlers, by metric. */
const COUNTED: Readonly<Partial<Record<MetricName, AlarmText & { readonly name: string }>>> = {
  [METRICS.orderConflicts]: {
    name: 'order-conflicts',
    runbookEntry: 'order-conflicts',
    says: 'An event contradicts what the table holds of its order, and lost.',
  },
  [METRICS.staleNotifications]: {
    name: 'stale-notifications',
    runbookEntry: 'stale-notifications',
    says: 'A customer was not told of a change, since the table has the order further on or on another branch.',
  },
  [METRICS.unusableEmails]: {
    name: 'unusable-emails',
    runbookEntry: 'unusable-emails',
    says: "An order's e-mail address cannot be used and was left out: its customer will not be told anything.",
  },
};

/** Lambda's delays before the retries of an asynchronous event. */
const RETRY_DELAYS = [Duration.minutes(1), Duration.minutes(2)];

/**
 * Alarms for everything in the stack that can fail, found by class: dead-letter queues, rules, functions, tables, topics.
 * Symptoms of one fault are combined, so that it notifies once.
 */
export class Monitoring extends Construct {
  readonly #alarms: AlarmSet;
  readonly #handlers: readonly EventHandler[];
  /** Number of periods within which another failure has the same cause. */
  readonly #quietPeriods: number;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: MonitoringProps,
  ) {
    super(scope, id);
    const { config, bus } = props;
    this.#handlers = constructsOf(this, EventHandler);
    this.#quietPeriods = Math.max(1, config.alarms.quietMinutes / PERIOD.toMinutes());
    this.#alarms = new AlarmSet(this, config);

    const consumers = this.#handlers.map((handler) => watchConsumer(this.#delivery, bus, handler));
    const targets = constructsOf(this, WatchedTarget).flatMap((each) =>
      watchTarget(this.#delivery, bus, each),
    );
    const topics = constructsOf(this, Topic).map((topic) => this.#watchTopic(topic));
    const failing = this.#alarms.cause('failing', {
      runbookEntry: 'failing',
      says: 'Something has been told already of which late events and full queues are the consequence.',
      of: [...consumers, ...targets, ...topics, ...watchSources(this.#delivery, bus)],
    });
    this.#watchLateness(failing);
    this.#watchQueues(failing);
    this.#watchStream();
    this.#watchPublishers();
    watchSilentRules(this.#alarms, props, this.#handlers);
    for (const [index, handler] of this.#handlers.entries()) {
      watchReport(this.#alarms, props, handler, consumers[index] as CompositeAlarm);
      this.#watchCounts(handler);
    }
    watchRecoveries(this.#delivery);
    this.#alarms.finish(bus);
    new OperatorDashboard(this, 'Dashboard', { ...props, alarms: this.#alarms });
    new SavedQueries(this, 'LogQueries', props);
  }

  /** Adds an alarm for messages that SNS could not deliver to a subscriber. */
  #watchTopic(topic: Topic): Alarm {
    const { config } = this.props;
    const { topicName = '' } = topic.node.defaultChild as CfnTopic;
    const name = `${topicName.slice(config.prefix.length + 1)}-failed`;
    const alarm = this.#alarms.symptom(name, {
      runbookEntry: 'notifications-failed',
      says: `SNS could not deliver messages of the topic ${topicName} to a subscriber.`,
      metric: topicMetric(topic, 'NumberOfNotificationsFailed'),
      threshold: config.alarms.undeliveredNotifications,
      ...this.#remembered,
    });
    this.#alarms.tell('ticket', name, alarm);
    return alarm;
  }

  /**
   * Adds a ticket for late events. A failing function suppresses it: its first symptom may be a long call, minutes before
   * it drops the event.
   */
  #watchLateness(failing: CompositeAlarm): void {
    const { config } = this.props;
    const { alarms, prefix, processing } = config;
    const timeouts = this.#handlers.map(({ props }) => props.timeout.toSeconds());
    const delays = RETRY_DELAYS.slice(0, processing.retryAttempts).map((delay) => delay.toSeconds());
    const tries = Math.max(...timeouts) * (delays.length + 1);
    const wait = Duration.seconds(sum(delays) + tries + PERIOD.toSeconds());
    // A symptom must outlast the wait, or it would never notify.
    const periods = Math.ceil(wait.toSeconds() / PERIOD.toSeconds()) + 1;
    const remembered = { periods, breaching: 1 };
    const symptoms = this.#handlers.flatMap((handler) => {
      const { entry, timeout } = handler.props;
      const name = `${prefix}-${entry}`;
      const eventAge = (processing.maxEventAge * alarms.eventAgePercent) / 100;
      return [
        this.#alarms.symptom(`${entry}-throttles`, {
          runbookEntry: 'throttles',
          says:
            `The concurrency limit put off more than ${alarms.throttles} calls of the function ${name} ` +
            'within 5 minutes.',
          metric: functionMetric(handler, 'Throttles'),
          threshold: alarms.throttles,
          ...remembered,
        }),
        this.#alarms.symptom(`${entry}-duration`, {
          runbookEntry: 'duration',
          says:
            `A call of the function ${name} took more than ${alarms.durationPercent}% of its timeout ` +
            `of ${timeout.toSeconds()} s.`,
          // The maximum, not a percentile: each call that is cut off is an event that is not handled.
          metric: functionMetric(handler, 'Duration', 'Maximum'),
          threshold: (timeout.toMilliseconds() * alarms.durationPercent) / 100,
          ...remembered,
        }),
        this.#alarms.symptom(`${entry}-event-age`, {
          runbookEntry: 'event-age',
          says:
            `An event has waited for the function ${name} for more than ${inWords(eventAge)}. ` +
            `Lambda gives it up after ${inWords(processing.maxEventAge)}.`,
          metric: functionMetric(handler, 'AsyncEventAge', 'Maximum'),
          threshold: eventAge * 1_000,
          ...remembered,
        }),
      ];
    });
    const tables = constructsOf(this, Table).flatMap((table) => this.#watchTable(table, remembered));
    const alarm = this.#alarms.cause('late', {
      runbookEntry: 'late',
      says: 'Events are handled late: a function or a table is slow or refuses calls. Which: see the reason.',
      of: [...symptoms, ...tables],
      unless: failing,
      wait,
    });
    this.#alarms.tell('ticket', 'late', alarm);
  }

  /**
   * Adds alarms for the table. Missing data is filled with zeros: by the API reference an alarm on AWS/DynamoDB keeps its
   * state when data is missing, regardless of `treatMissingData`, and so would not end when throttling ends.
   * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
   */
  #watchTable(table: Table, remembered: { periods: number; breaching: number }): Alarm[] {
    const { alarms, prefix } = this.props.config;
    const tableName = nameOfTable(table);
    const name = tableName.slice(prefix.length + 1);
    const errors = systemErrorMetrics(table);
    const throttled = this.#alarms.symptom(`${name}-throttled`, {
      runbookEntry: 'table-throttled',
      says:
        `DynamoDB refused more than ${alarms.tableThrottles} reads or writes of the table ${tableName} ` +
        'within 5 minutes for their rate.',
      metric: sumOf(throttleMetrics(table), 'Throttled reads and writes'),
      threshold: alarms.tableThrottles,
      ...remembered,
    });
    // A table that no handler calls has no operations to watch.
    if (Object.keys(errors).length === 0) return [throttled];
    return [
      throttled,
      this.#alarms.symptom(`${name}-errors`, {
        runbookEntry: 'table-errors',
        says:
          `DynamoDB failed to answer more than ${alarms.tableErrors} requests for the table ${tableName} ` +
          'within 5 minutes.',
        metric: sumOf(errors, 'System errors'),
        threshold: alarms.tableErrors,
        ...remembered,
      }),
    ];
  }

  /**
   * Adds alarms for dead-letter queues that still hold messages after their senders have stopped failing. The alarm of its
   * sender has already notified of each message.
   */
  #watchQueues(failing: CompositeAlarm): void {
    const { alarms, prefix } = this.props.config;
    const symptoms = constructsOf(this, DeadLetterQueue).flatMap((queue) => {
      const { name, holds, runbookEntry } = queue.props;
      return [
        this.#alarms.symptom(`${name}-depth`, {
          runbookEntry,
          says: `${holds} are waiting in the queue ${prefix}-${name}.`,
          metric: queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: PERIOD }),
          threshold: alarms.queueDepth,
        }),
        this.#alarms.symptom(`${name}-age`, {
          runbookEntry: 'queue-age',
          says:
            `A message in the queue ${prefix}-${name} has waited for more than ${inWords(alarms.queueAge)}. ` +
            'SQS deletes it 14 days after it came.',
          metric: queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum', period: PERIOD }),
          threshold: alarms.queueAge,
        }),
      ];
    });
    const alarm = this.#alarms.cause('waiting', {
      runbookEntry: 'waiting',
      says: 'Failed events wait for somebody to redrive or delete them. In which queue: see the reason.',
      of: symptoms,
      unless: failing,
      wait: Duration.minutes(15),
    });
    this.#alarms.tell('ticket', 'waiting', alarm);
  }

  #watchStream(): void {
    const { analyticsStream, config } = this.props;
    const { alarms, prefix } = config;
    const late = this.#alarms.symptom('stream-late', {
      runbookEntry: 'stream-late',
      says: `A record in the stream ${prefix}-analytics has waited for S3 for more than ${inWords(alarms.streamAge)}.`,
      metric: streamMetric(analyticsStream, 'DeliveryToS3.DataFreshness', 'Maximum'),
      threshold: alarms.streamAge,
      ...this.#remembered,
    });
    const failing = this.#alarms.symptom('stream-failing', {
      runbookEntry: 'stream-failing',
      says: `The stream ${prefix}-analytics has failed to write to S3 for 15 minutes.`,
      // Firehose retries each write for 24 hours.
      metric: streamMetric(analyticsStream, 'DeliveryToS3.Success', 'Average'),
      threshold: 1 - alarms.streamFailurePercent / 100,
      below: true,
      periods: 3,
    });
    const alarm = this.#alarms.cause('stream', {
      runbookEntry: 'stream',
      says: `Analytics records of the stream ${prefix}-analytics do not reach S3. Firehose keeps them for 24 hours.`,
      of: [late, failing],
    });
    this.#alarms.tell('ticket', 'stream', alarm);
  }

  /** Adds alarms for failed PutEvents entries, and, if a minimum is set, for too few published events. */
  #watchPublishers(): void {
    const { bus, config } = this.props;
    const { refusedEvents, trafficFloor } = config.alarms;
    const refused = this.#alarms.symptom('put-events-refused', {
      runbookEntry: 'put-events-refused',
      says: `PutEvents refused or throttled more than ${refusedEvents} events or calls within 5 minutes, of any bus and publisher of this account and region.`,
      metric: sumOf(
        {
          failedEntries: putEventsMetric('PutEventsFailedEntriesCount'),
          throttled: putEventsMetric('PutEventsApproximateThrottledCount'),
        },
        'Events refused or throttled',
      ),
      threshold: refusedEvents,
      ...this.#remembered,
    });
    this.#alarms.tell('ticket', 'put-events-refused', refused);
    if (trafficFloor === false) return;
    const hour = Duration.hours(1);
    const low = this.#alarms.symptom('traffic-low', {
      runbookEntry: 'traffic-low',
      says: `Fewer than ${trafficFloor} events came to the bus ${config.prefix}-bus within an hour.`,
      metric: new MathExpression({
        expression: 'FILL(matched, 0)',
        label: 'Events on the bus',
        // The archive's rule matches every event.
        usingMetrics: { matched: busMetric(bus, 'MatchedEvents').with({ period: hour }) },
        period: hour,
      }),
      threshold: trafficFloor,
      below: true,
    });
    this.#alarms.tell('page', 'traffic-low', low);
  }

  /** Adds alarms for the handler's custom metrics. */
  #watchCounts(handler: EventHandler): void {
    for (const metric of handler.props.counts ?? []) {
      const { name, ...text } = COUNTED[metric] ?? { name: undefined };
      if (name === undefined) continue;
      const alarm = this.#alarms.symptom(name, {
        ...(text as AlarmText),
        metric: handler.metric(metric),
        threshold: 0,
        ...this.#remembered,
      });
      this.#alarms.tell('ticket', name, alarm);
    }
  }

  get #delivery() {
    return { alarms: this.#alarms, config: this.props.config, remembered: this.#remembered };
  }

  /** Evaluation of alarms that stay on for the quiet periods after a failure. */
  get #remembered() {
    return { periods: this.#quietPeriods, breaching: 1 };
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

function sumOf(metrics: Record<string, IMetric>, label: string): MathExpression {
  const expression = Object.keys(metrics)
    .map((id) => `FILL(${id}, 0)`)
    .join(' + ');
  return new MathExpression({ expression, label, usingMetrics: metrics, period: PERIOD });
}

/** Formats a duration: `24 h`, `12 min`, `90 s`. */
function inWords(seconds: number): string {
  if (seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}
