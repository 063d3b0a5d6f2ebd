import { Duration } from 'aws-cdk-lib';
import {
  type Alarm,
  type CompositeAlarm,
  type IMetric,
  MathExpression,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Table } from 'aws-cdk-lib/aws-dynamodb';
import { type CfnTopic, Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { METRICS, type MetricName } from '../lambdas/metrics';
import { AlarmSet, type AlarmText, RECOVERY_RULES } from './alarm-set';
import type { AnalyticsStream } from './analytics-stream';
import { dailyTime, type StageConfig } from './config';
import { constructsOf } from './constructs';
import { OperatorDashboard } from './dashboard';
import { DeadLetterQueue } from './dead-letter-queue';
import type { EventBus, Subscription } from './event-bus';
import { EventHandler } from './event-handler';
import { LogQueries } from './log-queries';
import {
  busMetric,
  functionMetric,
  nameOfTable,
  PERIOD,
  putEventsMetric,
  ruleMetric,
  streamMetric,
  systemErrorMetrics,
  throttleMetrics,
  topicMetric,
} from './metrics';

export interface MonitoringProps {
  readonly config: StageConfig;
  readonly bus: EventBus;
  readonly analyticsStream: AnalyticsStream;
}

interface WatchedRule {
  readonly id: string;
  readonly name: string;
  /** Name of the bus, if it is the stack's. */
  readonly eventBusName?: string | undefined;
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

    const consumers = this.#handlers.map((handler) => this.#watchConsumer(handler));
    const topics = constructsOf(this, Topic).map((topic) => this.#watchTopic(topic));
    const failing = this.#alarms.cause('failing', {
      runbookEntry: 'failing',
      says: 'Something has been told already of which late events and full queues are the consequence.',
      of: [...consumers, ...topics],
    });
    this.#watchLateness(failing);
    this.#watchQueues(failing);
    this.#watchStream();
    this.#watchPublishers();
    this.#watchSilentRules();
    for (const [index, handler] of this.#handlers.entries()) {
      this.#watchReport(handler, consumers[index] as CompositeAlarm);
      this.#watchCounts(handler);
    }
    this.#watchRecoveries();
    this.#alarms.finish(bus);
    new OperatorDashboard(this, 'Dashboard', { ...props, alarms: this.#alarms });
    new LogQueries(this, 'LogQueries', props);
  }

  /** Adds one page for all symptoms of lost or failed events of a function, or on the way to it. */
  #watchConsumer(handler: EventHandler): CompositeAlarm {
    const { config, bus } = this.props;
    const { entry } = handler.props;
    const { errors, dropped, poisonEvents } = config.alarms;
    const name = `${config.prefix}-${entry}`;
    const failure = (kind: string, text: AlarmText, metric: IMetric, threshold: number) =>
      this.#alarms.symptom(`${entry}-${kind}`, { ...text, metric, threshold, ...this.#remembered });
    const rules = bus.subscriptions.filter((each) => each.handler === handler);
    const alarm = this.#alarms.cause(`${entry}-failing`, {
      runbookEntry: 'consumer-failing',
      says: `Events for the function ${name} are not handled. Which symptom: see the reason, an alarm's name.`,
      of: [
        failure(
          'errors',
          {
            runbookEntry: 'errors',
            says: `More than ${errors} calls of the function ${name} failed within 5 minutes.`,
          },
          functionMetric(handler, 'Errors'),
          errors,
        ),
        failure(
          'poison',
          {
            runbookEntry: 'poison-events',
            says: `The function ${name} met an event that it cannot read, which no retry can help.`,
          },
          handler.metric(METRICS.poisonEvents),
          poisonEvents,
        ),
        failure(
          'dropped',
          {
            runbookEntry: 'dropped',
            says:
              `The function ${name} failed to handle events for the last time. ` +
              `They are in the queue ${config.prefix}-failed-events.`,
          },
          functionMetric(handler, 'AsyncEventsDropped'),
          dropped,
        ),
        failure(
          'lost',
          {
            runbookEntry: 'lost-by-function',
            says:
              `The function ${name} failed to handle events and Lambda could not put them into the queue ` +
              `${config.prefix}-failed-events. Only the archive may have them now.`,
          },
          functionMetric(handler, 'DestinationDeliveryFailures'),
          0,
        ),
        ...rules.flatMap(({ rule: { node, name: ruleName = '', eventBusName } }) =>
          this.#watchDelivery({ id: node.id, name: ruleName, eventBusName }),
        ),
      ],
    });
    this.#alarms.tell('page', `${entry}-failing`, alarm);
    return alarm;
  }

  #watchDelivery({ id, ...rule }: WatchedRule): Alarm[] {
    const { config } = this.props;
    return [
      this.#alarms.symptom(`${id}-undelivered`, {
        runbookEntry: 'undelivered',
        says:
          `EventBridge gave up delivering events to the target of the rule ${rule.name}. ` +
          `They are in the queue ${config.prefix}-dlq.`,
        // Half of both: each event counts as a failed invocation, and then as a message.
        metric: new MathExpression({
          expression: 'MAX([failed, sentToDlq])',
          label: 'Events not delivered',
          usingMetrics: {
            failed: ruleMetric(rule, 'FailedInvocations'),
            sentToDlq: ruleMetric(rule, 'InvocationsSentToDlq'),
          },
          period: PERIOD,
        }),
        threshold: config.alarms.undelivered,
        ...this.#remembered,
      }),
      this.#alarms.symptom(`${id}-lost`, {
        runbookEntry: 'lost-in-delivery',
        says:
          `EventBridge could neither deliver events to the target of the rule ${rule.name} nor put them ` +
          `into the queue ${config.prefix}-dlq. ` +
          (rule.eventBusName ? 'Only the archive has them now.' : 'They are lost.'),
        metric: ruleMetric(rule, 'InvocationsFailedToBeSentToDlq'),
        threshold: 0,
        ...this.#remembered,
      }),
    ];
  }

  /** Adds alarms for the recovery rules, which are created later and notify of these alarms, too. */
  #watchRecoveries(): void {
    const { config } = this.props;
    for (const id of RECOVERY_RULES) {
      for (const alarm of this.#watchDelivery({ id, name: `${config.prefix}-${id}` })) {
        this.#alarms.tell('ticket', alarm.node.id, alarm);
      }
    }
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

  /**
   * Adds alarms for rules that match nothing while events of their type arrive. EventBridge's metrics have no types, so the
   * handler that records all events counts them. Only for rules that match every event of their types. Two consecutive
   * hours, since an event may be recorded an hour after it was matched.
   */
  #watchSilentRules(): void {
    const { bus, config } = this.props;
    const recorder = this.#handlers.find(({ props }) => props.counts?.includes(METRICS.eventsReceived));
    if (!recorder) return;
    const period = Duration.hours(1);
    for (const { rule, types } of bus.subscriptions.flatMap(wholeTypes)) {
      const received = Object.fromEntries(
        types.map((eventType, index) => [
          `type${index}`,
          recorder.metric(METRICS.eventsReceived, { eventType }).with({ period }),
        ]),
      );
      const come = Object.keys(received).map((id) => `FILL(${id}, 0)`);
      const name = `${rule.node.id}-silent`;
      const alarm = this.#alarms.symptom(name, {
        runbookEntry: 'silent-rule',
        says: `The rule ${config.prefix}-${rule.node.id} has matched nothing for two hours, though ${types.join(' and ')} came.`,
        metric: new MathExpression({
          expression: `IF((${come.join(' + ')}) > 0 AND FILL(matched, 0) == 0, 1, 0)`,
          label: 'Events came, none was matched',
          usingMetrics: { ...received, matched: ruleMetric(rule, 'MatchedEvents').with({ period }) },
          period,
        }),
        threshold: 0,
        periods: 2,
      });
      this.#alarms.tell('page', name, alarm);
    }
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

  /**
   * Adds an alarm that goes off when the schedule's rule called the function and no report was published in time, and ends
   * when one is.
   *
   * A period of an alarm slides: it ends now and began an hour ago (its timestamp). A period has a value only if the
   * rule's call is in it, and it ends after the deadline: for the default times those that begin from 08:30 to 09:00 and
   * are evaluated from 09:30 to 10:00. So a stack that was deployed after 09:00 misses no report. In all other periods a
   * report still counts, since a late one ends the alarm, but its absence is missing data, and the alarm keeps its state.
   * A rule that does not call at all, since somebody disabled it, is noticed a day after its last call, when its metric
   * has no data any more. A new rule has no data yet, which does not change the state.
   * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html
   */
  #watchReport(handler: EventHandler, consumer: CompositeAlarm): void {
    const { bus, config } = this.props;
    const minutes = config.alarms.dailyReportMinutes;
    const rule = bus.subscriptions.find(
      (each) => each.handler === handler && each.rule.scheduleExpression,
    )?.rule;
    const scheduled = dailyTime(config.dailyReportSchedule);
    const counts = handler.props.counts?.includes(METRICS.dailyReportsPublished);
    if (minutes === false || scheduled === undefined || !rule || !counts) return;

    const period = Duration.hours(1);
    const day = Duration.days(1).toMinutes();
    const first = (scheduled + minutes - period.toMinutes() + day) % day;
    const began = 'FILL(minute, 0)';
    const range = `${began} >= ${first} ${first <= scheduled ? 'AND' : 'OR'} ${began} <= ${scheduled}`;
    const calls = ruleMetric(rule, 'Invocations').with({ period });
    const missing = this.#alarms.symptom('daily-report-missing', {
      runbookEntry: 'daily-report-missing',
      says: `The daily report was not published by ${clock((scheduled + minutes) % day)} UTC.`,
      metric: new MathExpression({
        expression: `IF((FILL(calls, 0) > 0 AND (${range})) OR FILL(published, 0) > 0, FILL(published, 0))`,
        label: 'Daily reports',
        usingMetrics: {
          published: handler.metric(METRICS.dailyReportsPublished).with({ period }),
          calls,
          minute: new MathExpression({
            expression: 'HOUR(calls) * 60 + MINUTE(calls)',
            usingMetrics: { calls },
            period,
          }),
        },
        period,
      }),
      threshold: 1,
      below: true,
      missingData: TreatMissingData.IGNORE,
    });
    const alarm = this.#alarms.cause('daily-report', {
      runbookEntry: 'daily-report-missing',
      says: 'The daily report is missing, and not because its function fails, which would have been told.',
      of: [missing],
      unless: consumer,
    });
    this.#alarms.tell('ticket', 'daily-report', alarm);
    const silent = this.#alarms.symptom('daily-report-uncalled', {
      runbookEntry: 'daily-report-missing',
      says: `The rule ${config.prefix}-${rule.node.id} has not called its function for more than a day.`,
      metric: calls,
      // Never breached: only missing data is notified.
      threshold: 0,
      below: true,
      periods: day / period.toMinutes(),
      missingData: TreatMissingData.MISSING,
    });
    this.#alarms.tellOfSilence('daily-report-uncalled', silent);
  }

  /** Evaluation of alarms that stay on for the quiet periods after a failure. */
  get #remembered() {
    return { periods: this.#quietPeriods, breaching: 1 };
  }
}

/** A rule with its event types, if it matches every event of these types, replayed ones included. */
function wholeTypes({
  rule,
  pattern,
  replayed,
}: Subscription): { rule: Subscription['rule']; types: string[] }[] {
  const { source, 'detail-type': types, ...more } = (pattern ?? {}) as Record<string, unknown>;
  const isWhole =
    replayed &&
    Object.keys(more).length === 0 &&
    Array.isArray(source) &&
    Array.isArray(types) &&
    types.every((type) => typeof type === 'string');
  return isWhole ? [{ rule, types: types as string[] }] : [];
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

/** Formats minutes after midnight as `HH:MM`. */
function clock(minutes: number): string {
  const pad = (n: number) => String(n).padStart(2, '0');
  return `${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}
