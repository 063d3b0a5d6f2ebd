import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { METRICS } from '../lambdas/metrics';
import { dailyTime } from './config';
import { constructsOf } from './constructs';
import { OperatorDashboard, type OperatorDashboardProps } from './dashboard';
import { DeadLetterQueue } from './dead-letter-queue';
import { subscribeEmail } from './email-subscription';
import { LogQueries } from './log-queries';
import {
  functionMetric,
  PERIOD,
  ruleMetric,
  streamMetric,
  systemErrorMetrics,
  throttleMetrics,
} from './metrics';

/** All that is watched. */
export type MonitoringProps = Omit<OperatorDashboardProps, 'alarms'>;

interface AlarmProps {
  /** Heading of the entry in the runbook. */
  readonly runbookEntry: string;
  /** What happened, for the one who gets the mail. */
  readonly says: string;
  readonly metric: IMetric;
  /** The alarm goes off above it. */
  readonly threshold: number;
  /** Goes off below the threshold instead. @default false */
  readonly below?: boolean;
  /** Periods in a row that are over the threshold. @default 1 */
  readonly periods?: number;
  /**
   * What a period without any data is. Nearly every metric here is published only when there is something to
   * count, so no data is good news.
   * @default notBreaching
   */
  readonly missingData?: TreatMissingData;
}

/**
 * Alarms with their topic, the dashboard, and the saved log queries. Every alarm says what happened and where the
 * runbook goes on.
 */
export class Monitoring extends Construct {
  private readonly topic: Topic;
  private readonly alarms: Alarm[] = [];

  constructor(
    scope: Construct,
    id: string,
    private readonly props: MonitoringProps,
  ) {
    super(scope, id);
    this.topic = this.alarmsTopic();
    this.watchQueues();
    this.watchRules();
    this.watchFunctions();
    this.watchTable();
    this.watchStream();
    this.watchDailyReport();
    new OperatorDashboard(this, 'Dashboard', { ...props, alarms: this.alarms });
    new LogQueries(this, 'LogQueries', props);
  }

  /** The topic that CloudWatch publishes to; whoever else may comes with a policy of their own. */
  private alarmsTopic(): Topic {
    const { config } = this.props;
    const { account } = Stack.of(this);
    const cloudWatch = new ServicePrincipal('cloudwatch.amazonaws.com');
    const ofThisAccount = { StringEquals: { 'aws:SourceAccount': account } };
    // Not SNS's own key: its policy, which nobody can change, keeps CloudWatch out, and alarms would be silent.
    // https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    const key = new Key(this, 'Key', {
      description: `Alarms of ${config.prefix}`,
      enableKeyRotation: true,
      // Nothing lasting is encrypted with it.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AllowAlarms',
        principals: [cloudWatch],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
        conditions: ofThisAccount,
      }),
    );
    const topic = new Topic(this, 'Topic', {
      topicName: `${config.prefix}-alarms`,
      masterKey: key,
      enforceSSL: true,
    });
    // A topic with a policy of its own has lost the default one, which lets the account's services publish.
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AllowAlarms',
        principals: [cloudWatch],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: {
          ...ofThisAccount,
          ArnLike: {
            'aws:SourceArn': Stack.of(this).formatArn({
              service: 'cloudwatch',
              resource: 'alarm',
              resourceName: `${config.prefix}-*`,
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          },
        },
      }),
    );
    if (config.alarmEmail) subscribeEmail(this, topic, config.alarmEmail, { name: 'alarms', config });
    return topic;
  }

  /** Watches every dead-letter queue of the stack. */
  private watchQueues(): void {
    const { alarms, prefix } = this.props.config;
    for (const queue of constructsOf(this, DeadLetterQueue)) {
      const { name, holds, runbookEntry } = queue.props;
      this.alarm(`${name}-depth`, {
        runbookEntry,
        says: `${holds} are waiting in the queue ${prefix}-${name}.`,
        metric: queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: PERIOD }),
        threshold: alarms.queueDepth,
      });
      this.alarm(`${name}-age`, {
        runbookEntry: 'queue-age',
        says:
          `A message in the queue ${prefix}-${name} has waited for more than ${inWords(alarms.queueAge)}. ` +
          'SQS deletes it 14 days after it came.',
        metric: queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum', period: PERIOD }),
        threshold: alarms.queueAge,
      });
    }
  }

  private watchRules(): void {
    const { bus, config } = this.props;
    for (const rule of bus.rules) {
      this.alarm(`${rule.node.id}-undelivered`, {
        runbookEntry: 'undelivered',
        says:
          `EventBridge gave up delivering events to the target of the rule ${rule.name}. ` +
          `They are in the queue ${config.prefix}-dlq.`,
        // The same events twice: each is a failed invocation, and then a message.
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
      });
      this.alarm(`${rule.node.id}-lost`, {
        runbookEntry: 'lost-in-delivery',
        says:
          `EventBridge could neither deliver events to the target of the rule ${rule.name} nor put them ` +
          `into the queue ${config.prefix}-dlq. ` +
          (rule.scheduleExpression ? 'They are lost.' : 'Only the archive has them now.'),
        metric: ruleMetric(rule, 'InvocationsFailedToBeSentToDlq'),
        threshold: 0,
      });
    }
  }

  private watchFunctions(): void {
    const { bus, config } = this.props;
    const { alarms, prefix, processing } = config;
    for (const handler of bus.handlers) {
      const { entry, timeout } = handler.props;
      const name = `${prefix}-${entry}`;
      this.alarm(`${entry}-errors`, {
        runbookEntry: 'errors',
        says: `More than ${alarms.errors} calls of the function ${name} failed within 5 minutes.`,
        metric: functionMetric(handler, 'Errors'),
        threshold: alarms.errors,
      });
      this.alarm(`${entry}-throttles`, {
        runbookEntry: 'throttles',
        says:
          `The concurrency limit put off more than ${alarms.throttles} calls of the function ${name} ` +
          'within 5 minutes.',
        metric: functionMetric(handler, 'Throttles'),
        threshold: alarms.throttles,
      });
      this.alarm(`${entry}-duration`, {
        runbookEntry: 'duration',
        says:
          `A call of the function ${name} took more than ${alarms.durationPercent}% of its timeout ` +
          `of ${timeout.toSeconds()} s.`,
        // Not a percentile: one call that is cut off is one event that is not handled.
        metric: functionMetric(handler, 'Duration', 'Maximum'),
        threshold: (timeout.toMilliseconds() * alarms.durationPercent) / 100,
      });
      const eventAge = (processing.maxEventAge * alarms.eventAgePercent) / 100;
      this.alarm(`${entry}-event-age`, {
        runbookEntry: 'event-age',
        says:
          `An event has waited for the function ${name} for more than ${inWords(eventAge)}. ` +
          `Lambda gives it up after ${inWords(processing.maxEventAge)}.`,
        metric: functionMetric(handler, 'AsyncEventAge', 'Maximum'),
        threshold: eventAge * 1_000,
      });
      this.alarm(`${entry}-dropped`, {
        runbookEntry: 'dropped',
        says:
          `The function ${name} failed to handle events for the last time. ` +
          `They are in the queue ${prefix}-failed-events.`,
        metric: functionMetric(handler, 'AsyncEventsDropped'),
        threshold: alarms.dropped,
      });
      this.alarm(`${entry}-lost`, {
        runbookEntry: 'lost-by-function',
        says:
          `The function ${name} failed to handle events and Lambda could not put them into the queue ` +
          `${prefix}-failed-events. Only the archive may have them now.`,
        metric: functionMetric(handler, 'DestinationDeliveryFailures'),
        threshold: 0,
      });
    }
    const poison = Object.fromEntries(
      [...bus.handlers].map((handler, i) => [`poison${i}`, handler.metric(METRICS.poisonEvents)]),
    );
    this.alarm('poison-events', {
      runbookEntry: 'poison-events',
      says: 'A function met an event that it cannot read, which no retry can help.',
      metric: new MathExpression({
        expression: `SUM([${Object.keys(poison).join(', ')}])`,
        label: 'Poison events',
        usingMetrics: poison,
        period: PERIOD,
      }),
      threshold: alarms.poisonEvents,
    });
  }

  /**
   * Missing data is filled with zeros here: by the API reference an alarm on AWS/DynamoDB stays as it is when data
   * is missing, whatever `treatMissingData` says, and so would not end when throttling does.
   * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
   */
  private watchTable(): void {
    const { orders, config } = this.props;
    const { alarms, prefix } = config;
    const throttles = throttleMetrics(orders.table);
    this.alarm('orders-throttled', {
      runbookEntry: 'orders-throttled',
      says:
        `DynamoDB refused more than ${alarms.tableThrottles} reads or writes of the table ${prefix}-orders ` +
        'within 5 minutes for their rate.',
      metric: sumOf(throttles, 'Throttled reads and writes'),
      threshold: alarms.tableThrottles,
    });
    const errors = systemErrorMetrics(orders.table);
    this.alarm('orders-errors', {
      runbookEntry: 'orders-errors',
      says:
        `DynamoDB failed to answer more than ${alarms.tableErrors} requests for the table ${prefix}-orders ` +
        'within 5 minutes.',
      metric: sumOf(errors, 'System errors'),
      threshold: alarms.tableErrors,
    });
  }

  private watchStream(): void {
    const { analyticsStream, config } = this.props;
    const { alarms, prefix } = config;
    this.alarm('stream-late', {
      runbookEntry: 'stream-late',
      says: `A record in the stream ${prefix}-analytics has waited for S3 for more than ${inWords(alarms.streamAge)}.`,
      metric: streamMetric(analyticsStream, 'DeliveryToS3.DataFreshness', 'Maximum'),
      threshold: alarms.streamAge,
    });
    this.alarm('stream-failing', {
      runbookEntry: 'stream-failing',
      says: `The stream ${prefix}-analytics has failed to write to S3 for 15 minutes.`,
      // Firehose tries each write again, for 24 hours.
      metric: streamMetric(analyticsStream, 'DeliveryToS3.Success', 'Average'),
      threshold: 1 - alarms.streamFailurePercent / 100,
      below: true,
      periods: 3,
    });
  }

  /**
   * Goes off when today's report has not been published in time, and is over when it is.
   *
   * A period of an alarm slides: it ends now and began an hour ago (its timestamp). The only hours that can tell
   * are those that began before the schedule fired and end after the deadline, so for the default times those that
   * begin from 08:30 to 09:00 and are looked at from 09:30 to 10:00. In such an hour no report counts as 0 - `IF`
   * gives 0 for a value that is not there. In all other hours a report still counts, as a late one ends the alarm,
   * but its absence is no data, and the alarm stays as it is. So a report that was late or published by hand cannot
   * hide that the next one is missing, which a sum over 24 hours would let it do; and plain missing data treated as
   * breaching would go off several periods late. Only if one made by hand shortly before the next is due is followed
   * by none does the alarm go on and off for some hours: CloudWatch looks back further than at one period.
   * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html
   * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#using-IF-expressions
   */
  private watchDailyReport(): void {
    const { analytics, config } = this.props;
    const minutes = config.alarms.dailyReportMinutes;
    const scheduled = dailyTime(config.dailyReportSchedule);
    if (minutes === false || scheduled === undefined) return;

    const period = Duration.hours(1);
    const day = Duration.days(1).toMinutes();
    const first = (scheduled + minutes - period.toMinutes() + day) % day;
    const range = `minute >= ${first} ${first <= scheduled ? 'AND' : 'OR'} minute <= ${scheduled}`;
    const published = analytics.metric(METRICS.dailyReportsPublished).with({ period });
    this.alarm('daily-report-missing', {
      runbookEntry: 'daily-report-missing',
      says: `The daily report was not published by ${clock((scheduled + minutes) % day)} UTC.`,
      metric: new MathExpression({
        expression: `IF((${range}) OR published > 0, published)`,
        label: 'Daily reports',
        usingMetrics: {
          published,
          minute: new MathExpression({
            expression: 'HOUR(published) * 60 + MINUTE(published)',
            usingMetrics: { published },
            period,
          }),
        },
        period,
      }),
      threshold: 1,
      below: true,
      missingData: TreatMissingData.IGNORE,
    });
  }

  private alarm(name: string, props: AlarmProps): void {
    const { config } = this.props;
    const { below = false, periods = 1, missingData = TreatMissingData.NOT_BREACHING } = props;
    const alarm = new Alarm(this, name, {
      alarmName: `${config.prefix}-${name}`,
      alarmDescription: `${props.says} What to do: ${config.runbookUrl}#${props.runbookEntry}`,
      metric: props.metric,
      threshold: props.threshold,
      comparisonOperator: below
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: periods,
      treatMissingData: missingData,
    });
    const mail = new SnsAction(this.topic);
    alarm.addAlarmAction(mail);
    alarm.addOkAction(mail);
    this.alarms.push(alarm);
  }
}

function sumOf(metrics: Record<string, IMetric>, label: string): MathExpression {
  const expression = Object.keys(metrics)
    .map((id) => `FILL(${id}, 0)`)
    .join(' + ');
  return new MathExpression({ expression, label, usingMetrics: metrics, period: PERIOD });
}

/** E.g. `24 h`, `12 min`, `90 s`. */
function inWords(seconds: number): string {
  if (seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/** `HH:MM` of minutes after midnight. */
function clock(minutes: number): string {
  const pad = (n: number) => String(n).padStart(2, '0');
  return `${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}
