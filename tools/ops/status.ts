/** `status`: the stack at a glance. Reads only. */
import {
  CloudWatchClient,
  type CompositeAlarm,
  type DescribeAlarmsCommandOutput,
  type MetricAlarm,
  paginateDescribeAlarms,
} from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SQSClient } from '@aws-sdk/client-sqs';
import { type App, findConsumer } from '../app';
import { EXIT, type ExitCode } from '../cli/errors';
import { formatBytes, formatCount, formatCountOf, type Terminal } from '../cli/terminal';
import { elementsOf, required } from './answers';
import { type ArchiveState, readArchive } from './archive';
import { readFunctionLog } from './function-log';
import { type ApproximateDepth, queueDepth } from './queue-reader';
import { listStackRules, type StackRule } from './rules';
import { listStackSchedules, nextTime, type StackSchedule } from './schedules';
import type { Session } from './session';
import type { DeployedStack } from './stack';
import { formatAge, formatTime } from './time';

interface AlarmState {
  readonly name: string;
  readonly state: string;
  /** CloudWatch's reason for the state. */
  readonly reason: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly since: number;
}

/** Scheduled work of a function. */
interface ScheduledWork {
  /** Name of the result, e.g. `daily report`. */
  readonly product: string;
  /** Name of the function. */
  readonly function: string;
  /** The last finished work; absent if none was found. */
  readonly last?: {
    /** Name of the run, e.g. the day of a daily report. */
    readonly run: string;
    /** Milliseconds since 1970-01-01 UTC. */
    readonly published: number;
  };
}

interface Status {
  readonly rules: readonly StackRule[];
  readonly schedules: readonly StackSchedule[];
  readonly queues: readonly ({ readonly name: string } & ApproximateDepth)[];
  readonly alarms: readonly AlarmState[];
  readonly scheduled: readonly ScheduledWork[];
  readonly archive: ArchiveState;
}

/** Hours of logs that are searched for the last work of a schedule; enough for daily work. */
const WORK_SEARCH_HOURS = 36;
const HOUR_MS = 60 * 60_000;
/** Time zone of the schedules of rules. */
const RULE_TIME_ZONE = 'UTC';

export async function status({ app, stack, terminal, now }: Session): Promise<ExitCode> {
  const { clientConfig } = stack;
  const eventBridge = new EventBridgeClient(clientConfig);
  const [rules, schedules, queues, alarms, scheduled, archive] = await Promise.all([
    listStackRules(eventBridge, stack, [stack.output('EventBusName')]),
    listStackSchedules(stack),
    readQueues(stack),
    listAlarms(stack),
    scheduledWork(app, stack, now() - WORK_SEARCH_HOURS * HOUR_MS),
    readArchive(eventBridge, stack.output('ArchiveArn')),
  ]);
  const found = { rules, schedules, queues, alarms, scheduled, archive };
  const json = {
    stack: stack.name,
    stage: stack.stage,
    ...found,
    rules: rules.map((rule) => ({ ...rule, ...nextIn(rule.enabled, rule.schedule, RULE_TIME_ZONE, now()) })),
    schedules: schedules.map((each) => ({
      ...each,
      ...nextIn(each.enabled, each.expression, each.timezone, now()),
    })),
    alarms: alarms.map((alarm) => ({ ...alarm, since: formatTime(alarm.since) })),
    scheduled: scheduled.map(({ last, ...work }) => ({
      ...work,
      last: last ? { ...last, published: formatTime(last.published) } : null,
    })),
    archive: { ...archive, createdAt: formatTime(archive.createdAt) },
  };
  terminal.print(json, () => describe(terminal, stack, found, now()));
  return EXIT.ok;
}

/** The next time of what is enabled and has one, for `--json`. */
function nextIn(enabled: boolean, expression: string | undefined, timezone: string, now: number) {
  const next = enabled && expression !== undefined ? nextTime({ expression, timezone }, now) : undefined;
  return next === undefined ? {} : { next: formatTime(next) };
}

async function readQueues(stack: DeployedStack): Promise<Status['queues']> {
  const sqs = new SQSClient(stack.clientConfig);
  return Promise.all(
    stack.failureQueueUrls.map(async (url) => ({
      name: url.slice(url.lastIndexOf('/') + 1),
      ...(await queueDepth(sqs, url)),
    })),
  );
}

/** Lists the stack's own alarms: another stage's names may have the same prefix. */
async function listAlarms(stack: DeployedStack): Promise<AlarmState[]> {
  const own = new Set(stack.alarms);
  const pages = paginateDescribeAlarms(
    { client: new CloudWatchClient(stack.clientConfig) },
    { AlarmNamePrefix: `${stack.name}-` },
  );
  const alarms: AlarmState[] = [];
  for await (const alarm of elementsOf<DescribeAlarmsCommandOutput, MetricAlarm | CompositeAlarm>(
    pages,
    ({ MetricAlarms = [], CompositeAlarms = [] }) => [...MetricAlarms, ...CompositeAlarms],
  )) {
    const name = required(alarm, 'AlarmName');
    if (!own.has(name)) continue;
    alarms.push({
      name,
      state: required(alarm, 'StateValue'),
      reason: required(alarm, 'StateReason'),
      since: required(alarm, 'StateUpdatedTimestamp').getTime(),
    });
  }
  return alarms;
}

function scheduledWork(app: App, stack: DeployedStack, startTime: number): Promise<ScheduledWork[]> {
  const scheduled = stack.functions.flatMap((name) => {
    const work = findConsumer(app, stack.shortName(name))?.scheduled;
    return work ? [{ name, work }] : [];
  });
  return Promise.all(
    scheduled.map(async ({ name, work: { product, eventIdPrefix } }) => {
      const last = await lastWork(stack, name, eventIdPrefix, startTime);
      return { product, function: name, ...(last && { last }) };
    }),
  );
}

/** Finds the function's log line about its last work, since the published event is not kept. */
async function lastWork(
  stack: DeployedStack,
  functionName: string,
  eventIdPrefix: string,
  startTime: number,
): Promise<ScheduledWork['last']> {
  const filterPattern = `{ $.eventId = "${eventIdPrefix}*" && $.outcome = "published" }`;
  const logs = new CloudWatchLogsClient(stack.clientConfig);
  let last: ScheduledWork['last'];
  for await (const { time, message } of readFunctionLog(logs, functionName, { startTime, filterPattern })) {
    if (last && time < last.published) continue;
    // The filter takes only lines that have it.
    const { eventId } = JSON.parse(message) as { eventId: string };
    last = { run: eventId.slice(eventIdPrefix.length), published: time };
  }
  return last;
}

function describe(
  terminal: Terminal,
  stack: DeployedStack,
  { rules, schedules, queues, alarms, scheduled, archive }: Status,
  now: number,
): string {
  const short = (name: string) => stack.shortName(name);
  const section = (title: string, text: string) => `${terminal.style('bold', title)}\n${text}`;
  return [
    `${terminal.style('bold', stack.name)}, stage ${stack.stage}`,
    section('Rules', describeRules(terminal, stack, rules, now)),
    ...(schedules.length > 0
      ? [section('Schedules', describeSchedules(terminal, stack, schedules, now))]
      : []),
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
    ...scheduled.map(({ product, last }) =>
      section(
        `${product.charAt(0).toUpperCase()}${product.slice(1)}`,
        last
          ? `of ${last.run}, published ${formatTime(last.published)} (${formatAge(last.published, now)})`
          : terminal.style('yellow', `none in the last ${WORK_SEARCH_HOURS} hours`),
      ),
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

const stateOf = (terminal: Terminal, enabled: boolean) =>
  enabled ? terminal.style('green', 'enabled') : terminal.style('red', 'DISABLED');

function describeRules(
  terminal: Terminal,
  stack: DeployedStack,
  rules: readonly StackRule[],
  now: number,
): string {
  return terminal.table(
    ['RULE', 'STATE', 'TARGET', 'WHEN'],
    rules.map(({ name, enabled, consumers, schedule, takesReplays }) => [
      stack.shortName(name),
      stateOf(terminal, enabled),
      consumers.map((consumer) => stack.shortName(consumer)).join(', '),
      schedule === undefined
        ? takesReplays
          ? 'an event matches'
          : 'an event matches that is no replay'
        : [schedule, ...next(nextIn(enabled, schedule, RULE_TIME_ZONE, now))].join(', '),
    ]),
  );
}

function describeSchedules(
  terminal: Terminal,
  stack: DeployedStack,
  schedules: readonly StackSchedule[],
  now: number,
): string {
  return terminal.table(
    ['SCHEDULE', 'STATE', 'TARGET', 'WHEN'],
    schedules.map(({ name, enabled, consumer, expression, timezone, flexibleMinutes }) => [
      stack.shortName(name),
      stateOf(terminal, enabled),
      stack.shortName(consumer),
      [
        `${expression} in ${timezone}`,
        ...(flexibleMinutes > 0 ? [`within ${formatCountOf(flexibleMinutes, 'minute')}`] : []),
        ...next(nextIn(enabled, expression, timezone, now)),
      ].join(', '),
    ]),
  );
}

const next = (time: { readonly next?: string }): string[] => (time.next ? [`next ${time.next}`] : []);

/** Number of alarms in each state, and a line for each that is not OK. */
function describeAlarms(
  terminal: Terminal,
  stack: DeployedStack,
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
