/** Alarm of the daily report. */
import { Duration } from 'aws-cdk-lib';
import {
  type CompositeAlarm,
  MathExpression,
  type Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { METRICS } from '../lambdas/metrics';
import type { AlarmSet } from './alarm-set';
import { reportTimes, type StageConfig } from './config';
import { constructsOf } from './constructs';
import type { EventBus } from './event-bus';
import type { EventHandler } from './event-handler';
import { ruleMetric } from './metrics';
import { ZonedSchedule } from './zoned-schedule';

interface Watched {
  readonly config: StageConfig;
  readonly bus: EventBus;
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
export function watchReport(
  alarms: AlarmSet,
  { bus, config }: Watched,
  handler: EventHandler,
  consumer: CompositeAlarm,
): void {
  const minutes = config.alarms.dailyReportMinutes;
  const timer = timerOf(bus, handler);
  const times = reportTimes(config);
  const counts = handler.props.counts?.includes(METRICS.dailyReportsPublished);
  if (minutes === false || times.length === 0 || !timer || !counts) return;

  const period = Duration.hours(1);
  const day = Duration.days(1).toMinutes();
  const began = 'FILL(minute, 0)';
  const ranges = times.map((scheduled) => {
    const first = (scheduled + minutes - period.toMinutes() + day) % day;
    return `${began} >= ${first} ${first <= scheduled ? 'AND' : 'OR'} ${began} <= ${scheduled}`;
  });
  // In summer no period of the winter's range has the call in it, and the other way round.
  const range = ranges.length === 1 ? ranges[0] : ranges.map((each) => `(${each})`).join(' OR ');
  const deadlines = times.map((scheduled) => clock((scheduled + minutes) % day));
  const calls = timer.calls.with({ period });
  const missing = alarms.symptom('daily-report-missing', {
    runbookEntry: 'daily-report-missing',
    says: `The daily report was not published by ${deadlines.join(' or ')} UTC.`,
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
  const alarm = alarms.cause('daily-report', {
    runbookEntry: 'daily-report-missing',
    says: 'The daily report is missing, and not because its function fails, which would have been told.',
    of: [missing],
    unless: consumer,
  });
  alarms.tell('ticket', 'daily-report', alarm);
  const silent = alarms.symptom('daily-report-uncalled', {
    runbookEntry: 'daily-report-missing',
    says: `The ${timer.label} has not called its function for more than a day.`,
    metric: calls,
    // Never breached: only missing data is notified.
    threshold: 0,
    below: true,
    periods: day / period.toMinutes(),
    missingData: TreatMissingData.MISSING,
  });
  alarms.tellOfSilence('daily-report-uncalled', silent);
}

/** The rule or the schedule that calls the handler, and the metric of its calls. */
function timerOf(bus: EventBus, handler: EventHandler): { label: string; calls: Metric } | undefined {
  const schedule = constructsOf(bus, ZonedSchedule).find(({ props }) => props.handler === handler);
  if (schedule)
    return { label: `schedule ${schedule.groupName}`, calls: schedule.metric('InvocationAttemptCount') };
  const rule = bus.subscriptions.find(
    ({ rule: { scheduleExpression }, targets }) => targets.includes(handler) && scheduleExpression,
  )?.rule;
  return rule && { label: `rule ${rule.name}`, calls: ruleMetric(rule, 'Invocations') };
}

/** Formats minutes after midnight as `HH:MM`. */
function clock(minutes: number): string {
  const pad = (n: number) => String(n).padStart(2, '0');
  return `${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}
