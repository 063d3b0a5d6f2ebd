/** `status`: the stack at a glance. Reads only. */
import { CloudWatchClient, paginateDescribeAlarms } from '@aws-sdk/client-cloudwatch';
import {
  CloudWatchLogsClient,
  paginateFilterLogEvents,
  ResourceNotFoundException,
} from '@aws-sdk/client-cloudwatch-logs';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SQSClient } from '@aws-sdk/client-sqs';
import { reportEventId } from '../../lambdas/analytics/daily-report';
import { EXIT, type ExitCode } from '../cli/errors';
import { formatBytes, formatCount, formatCountOf, type Terminal } from '../cli/terminal';
import { type Archive, readArchive } from './archive';
import { type QueueDepth, queueDepth } from './queue-reader';
import { listStackRules, type StackRule } from './rules';
import type { Session } from './session';
import type { Stack } from './stack';
import { formatAge, formatTime } from './time';

interface AlarmState {
  readonly name: string;
  readonly state: string;
  /** In CloudWatch's words. */
  readonly reason: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly since: number;
}

interface DailyReport {
  /** The day that it counts, `YYYY-MM-DD`. */
  readonly day: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly published: number;
}

interface Status {
  readonly rules: readonly StackRule[];
  readonly queues: readonly ({ readonly name: string } & QueueDepth)[];
  readonly alarms: readonly AlarmState[];
  readonly report: DailyReport | undefined;
  readonly archive: Archive;
}

/** The last report is looked for this far back: they come daily. */
const REPORT_SEARCH_HOURS = 36;
const HOUR_MS = 60 * 60_000;

export async function status({ stack, terminal, now }: Session): Promise<ExitCode> {
  const { clientConfig } = stack;
  const eventBridge = new EventBridgeClient(clientConfig);
  const [rules, queues, alarms, report, archive] = await Promise.all([
    listStackRules(eventBridge, stack),
    readQueues(stack),
    listAlarms(stack),
    lastReport(stack, now() - REPORT_SEARCH_HOURS * HOUR_MS),
    readArchive(eventBridge, stack.output('ArchiveArn')),
  ]);
  const found = { rules, queues, alarms, report, archive };
  const json = {
    stack: stack.name,
    stage: stack.stage,
    ...found,
    alarms: alarms.map((alarm) => ({ ...alarm, since: formatTime(alarm.since) })),
    report: report ? { ...report, published: formatTime(report.published) } : null,
    archive: { ...archive, createdAt: formatTime(archive.createdAt) },
  };
  terminal.print(json, () => describe(terminal, stack, found, now()));
  return EXIT.ok;
}

async function readQueues(stack: Stack): Promise<Status['queues']> {
  const sqs = new SQSClient(stack.clientConfig);
  const urls = [stack.output('DeadLetterQueueUrl'), stack.output('FailedEventsQueueUrl')];
  return Promise.all(
    urls.map(async (url) => ({ name: url.slice(url.lastIndexOf('/') + 1), ...(await queueDepth(sqs, url)) })),
  );
}

/** The alarms that tell the stack's topic: those of another stage may begin with the same name. */
async function listAlarms(stack: Stack): Promise<AlarmState[]> {
  const pages = paginateDescribeAlarms(
    { client: new CloudWatchClient(stack.clientConfig) },
    { AlarmNamePrefix: `${stack.name}-` },
  );
  const alarms: AlarmState[] = [];
  for await (const { MetricAlarms = [] } of pages) {
    for (const alarm of MetricAlarms) {
      if (!alarm.AlarmActions?.some((action) => action.endsWith(`:${stack.name}-alarms`))) continue;
      alarms.push({
        name: alarm.AlarmName ?? '',
        state: alarm.StateValue ?? 'INSUFFICIENT_DATA',
        reason: alarm.StateReason ?? '',
        since: alarm.StateUpdatedTimestamp?.getTime() ?? 0,
      });
    }
  }
  return alarms;
}

/** What the analytics function logged of its last report. The report itself went onto the bus, and is not kept. */
async function lastReport(stack: Stack, startTime: number): Promise<DailyReport | undefined> {
  const pages = paginateFilterLogEvents(
    { client: new CloudWatchLogsClient(stack.clientConfig) },
    {
      logGroupName: `/aws/lambda/${stack.output('AnalyticsName')}`,
      filterPattern: `{ $.eventId = "${reportEventId('*')}" && $.outcome = "published" }`,
      startTime,
    },
  );
  let last: DailyReport | undefined;
  try {
    for await (const { events = [] } of pages) {
      for (const { timestamp = 0, message = '{}' } of events) {
        const { eventId = '' } = JSON.parse(message) as { eventId?: string };
        const day = eventId.slice(reportEventId('').length);
        if (!last || timestamp >= last.published) last = { day, published: timestamp };
      }
    }
  } catch (error) {
    // Lambda makes a group with the first line that it writes.
    if (!(error instanceof ResourceNotFoundException)) throw error;
  }
  return last;
}

function describe(
  terminal: Terminal,
  stack: Stack,
  { rules, queues, alarms, report, archive }: Status,
  now: number,
): string {
  const short = (name: string) => stack.shortName(name);
  const section = (title: string, text: string) => `${terminal.style('bold', title)}\n${text}`;
  return [
    `${terminal.style('bold', stack.name)}, stage ${stack.stage}`,
    section(
      'Rules',
      terminal.table(
        ['RULE', 'STATE', 'FUNCTION', 'WHEN'],
        rules.map(({ name, enabled, consumers, schedule, takesReplays }) => [
          short(name),
          enabled ? terminal.style('green', 'enabled') : terminal.style('red', 'DISABLED'),
          consumers.map(short).join(', '),
          schedule ?? (takesReplays ? 'an event matches' : 'an event matches that is no replay'),
        ]),
      ),
    ),
    section(
      'Failed events',
      terminal.table(
        ['QUEUE', 'WAITING', 'BEING READ'],
        queues.map(({ name, visible, inFlight }) => [
          short(name),
          visible > 0 ? terminal.style('red', formatCount(visible)) : '0',
          formatCount(inFlight),
        ]),
        [1, 2],
      ),
    ),
    section('Alarms', describeAlarms(terminal, stack, alarms, now)),
    section(
      'Daily report',
      report
        ? `of ${report.day}, published ${formatTime(report.published)} (${formatAge(report.published, now)})`
        : terminal.style('yellow', `none in the last ${REPORT_SEARCH_HOURS} hours`),
    ),
    section(
      'Archive',
      `${formatCountOf(archive.events, 'event')}, ${formatBytes(archive.bytes)} (counted with a delay); ` +
        (archive.retentionDays > 0
          ? `kept for ${formatCountOf(archive.retentionDays, 'day')}`
          : 'kept for ever'),
    ),
  ].join('\n\n');
}

/** How many are in each state, and those that are not OK one by one. */
function describeAlarms(
  terminal: Terminal,
  stack: Stack,
  alarms: readonly AlarmState[],
  now: number,
): string {
  if (alarms.length === 0) return 'none';
  const inState = (state: string) => alarms.filter((alarm) => alarm.state === state);
  const firing = inState('ALARM');
  const counts = `${firing.length} in alarm, ${inState('OK').length} OK, ${inState('INSUFFICIENT_DATA').length} without data`;
  if (firing.length === 0) return counts;
  const rows = firing.map(({ name, since, reason }) => [
    terminal.style('red', stack.shortName(name)),
    formatAge(since, now),
    reason,
  ]);
  return `${counts}\n${terminal.table(['ALARM', 'SINCE', 'REASON'], rows)}`;
}
