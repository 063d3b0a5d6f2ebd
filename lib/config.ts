/**
 * Settings of a stage, the only place where stages differ. They are in `cdk.json` under `context.stages`, one object for
 * each stage, or for all stages whose names match a pattern such as `pr-*`; `-c stage=dev` selects one. Every setting has a
 * default.
 * `npm run schema` writes their descriptions into the JSON Schema that editors read.
 */
import type { Node } from 'constructs';
import * as v from 'valibot';
import { offsetsOf } from '../tools/eventbridge/time-zone';
import { OPTION_SETTINGS, orderDaysProblem } from './option-settings';
import {
  documented,
  email,
  flag,
  integer,
  oneOf,
  record,
  schedule,
  settings,
  textMatching,
} from './setting-types';
import { SOURCE_SETTINGS } from './source-settings';

/** Stage of `cdk synth` without `-c stage=…`. Its physical names have no stage. */
export const DEFAULT_STAGE = 'production';
export const DEFAULT_PROJECT = 'event-driven';

/** Values that CloudWatch Logs accepts: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653,
] as const;

/** Tag of every resource with the stage. AWS allows 50 tags per resource. */
export const STAGE_TAG = 'Environment';
const MAX_TAGS = 50;

const count = integer(0, 1_000_000);
const falseOrMinutes = 'must be false or a whole number from 10 to 45';
const falseOrCount = 'must be false or a whole number from 1 to 1000000';

/** Settings by function, named by its handler's folder under `lambdas/`. The stack checks the names. */
const byFunction = <const Value extends v.GenericSchema>(value: Value) =>
  record(
    textMatching(/^[a-z][a-z0-9-]*$/, 'the folder of a handler under lambdas/'),
    value,
    'must be an object of settings by function',
  );

const falseOrBounds =
  'must be false or {"least": 5, "most": 1000}, whole numbers from 1 to 40000, least first';
const units = integer(1, 40_000);

/** Units of capacity of a table, of reads and of writes, between which it scales. */
const capacityBounds = v.pipe(
  settings({
    least: documented('The least, at any time.', units),
    most: documented('The most, after a while of much use.', units),
  }),
  v.check(({ least, most }) => least <= most, falseOrBounds),
);

const tags = v.pipe(
  record(
    textMatching(/^(?!aws:)[\w .:/=+@-]{1,128}$/, 'a tag key that does not start with aws:'),
    textMatching(/^[\w .:/=+@-]{0,256}$/, 'a string of at most 256 letters, digits, spaces or _.:/=+-@'),
    'must be an object of strings',
  ),
  v.check(
    (given) => Object.keys(given).length < MAX_TAGS,
    `must have at most ${MAX_TAGS - 1} tags: AWS takes ${MAX_TAGS} a resource, and one is ${STAGE_TAG}`,
  ),
  v.check((given) => !Object.hasOwn(given, STAGE_TAG), `must not have ${STAGE_TAG}, which is the stage`),
);

const alarms = settings({
  queueDepth: documented(
    'Messages in a dead-letter queue above which it waits for an operator.',
    v.optional(count, 0),
  ),
  queueAge: documented(
    'Seconds that the oldest message of a dead-letter queue has waited. SQS deletes it after 14 days: more than ' +
      '13 leave no day to act.',
    v.optional(integer(60, 1_209_600), 86_400),
  ),
  undelivered: documented(
    'Events that EventBridge gave up delivering to the target of a rule within 5 minutes.',
    v.optional(count, 0),
  ),
  errors: documented(
    'Failed calls of a function within 5 minutes. Lambda tries their events again.',
    v.optional(count, 5),
  ),
  throttles: documented(
    'Calls of a function that the concurrency limit put off within 5 minutes. Lambda tries them again.',
    v.optional(count, 10),
  ),
  durationPercent: documented(
    "Percent of a function's timeout that a call took.",
    v.optional(integer(1, 99), 80),
  ),
  eventAgePercent: documented(
    'Percent of processing.maxEventAge that an event has waited for its function.',
    v.optional(integer(1, 99), 25),
  ),
  dropped: documented(
    'Events within 5 minutes that a function failed to handle for the last time.',
    v.optional(count, 0),
  ),
  tableThrottles: documented(
    'Reads and writes of a table and its indexes within 5 minutes that DynamoDB refused for their rate.',
    v.optional(count, 10),
  ),
  tableErrors: documented(
    'Requests for a table within 5 minutes that DynamoDB failed to answer (HTTP 500).',
    v.optional(count, 5),
  ),
  streamAge: documented(
    'Seconds that the oldest analytics record has waited for S3. About 60 are normal; after 86400, Firehose gives ' +
      'it up, and an alarm at that comes too late.',
    v.optional(integer(60, 86_400), 900),
  ),
  streamFailurePercent: documented(
    "Percent of Firehose's writes to S3 that fail, three times 5 minutes in a row.",
    v.optional(integer(0, 99), 0),
  ),
  poisonEvents: documented(
    'Calls of a function within 5 minutes that met an event which no retry can help. Lambda tries each 3 times.',
    v.optional(count, 0),
  ),
  undeliveredNotifications: documented(
    'Messages of a topic within 5 minutes that SNS failed to deliver to a subscriber.',
    v.optional(count, 0),
  ),
  refusedEvents: documented(
    'Events within 5 minutes that PutEvents refused or throttled, for all buses of the account and region.',
    v.optional(count, 0),
  ),
  trafficFloor: documented(
    'Events an hour on the bus below which something is wrong with its publishers; false for no such alarm. ' +
      'Set it once there is traffic: a new stack without any is below it at once.',
    v.optional(v.union([v.literal(false), integer(1, 1_000_000, falseOrCount)], falseOrCount), false),
  ),
  dailyReportMinutes: documented(
    'Minutes after its schedule that the daily report is missed; false for no such alarm, which a schedule needs ' +
      'that is not one time every day.',
    v.optional(v.union([v.literal(false), integer(10, 45, falseOrMinutes)], falseOrMinutes), 30),
  ),
  quietMinutes: documented(
    'Minutes without a new failure after which the next one counts as another, and is told again. ' +
      'A multiple of 5.',
    v.optional(v.pipe(integer(5, 1_440), v.multipleOf(5, 'must be a multiple of 5 from 5 to 1440')), 60),
  ),
});

export const StageSettings = settings({
  projectName: documented(
    'Start of every physical name. Other stages than the default add -<stage>. A changed name is a new, empty ' +
      'stack beside the old one: the old one keeps its data and runs on until it is destroyed.',
    v.optional(
      textMatching(/^[a-z][a-z0-9-]{0,23}$/, '1 to 24 lower-case letters, digits or hyphens, a letter first'),
      DEFAULT_PROJECT,
    ),
  ),
  tags: documented(
    `Tags on every resource, beside ${STAGE_TAG} = the stage; at most ${MAX_TAGS - 1}.`,
    v.optional(tags, {}),
  ),
  retainData: documented(
    'Keep the data when the stack is deleted: the orders table (which then also refuses to be deleted), the ' +
      'tables of notified events and daily reports, the archive with its bus, the queues of failed events, and the analytics bucket. ' +
      'A failed first deployment leaves nothing of them behind but the protected table. ' +
      'Default: true at the default stage, false elsewhere.',
    v.optional(flag),
  ),
  archiveRetentionDays: documented(
    'Days that the archive keeps events for replay. Less than the 14 that failures are kept leaves some that cannot ' +
      'be replayed.',
    v.optional(integer(1, 3650), 30),
  ),
  logRetentionDays: documented(
    'Days that log groups keep their lines.',
    v.optional(oneOf(LOG_RETENTION_DAYS), 14),
  ),
  analyticsRetentionDays: documented(
    'Days that S3 keeps analytics objects.',
    v.optional(integer(1, 36500), 365),
  ),
  unknownEventDetail: documented(
    'What analytics records of an event that no contract describes: its size and the names of its fields, or all of ' +
      'it, with nothing but e-mail addresses taken out.',
    v.optional(oneOf(['NAMES', 'REDACTED']), 'NAMES'),
  ),
  analyticsVersioning: documented(
    'Keep overwritten and deleted analytics objects as versions, for as long as analyticsRetentionDays.',
    v.optional(flag, false),
  ),
  analyticsAccessLogs: documented(
    'Log who reads and writes the analytics bucket, into a bucket of its own that keeps the log as long as the objects.',
    v.optional(flag, false),
  ),
  logLevel: documented(
    'What the handlers log. At INFO one line an event.',
    v.optional(oneOf(['DEBUG', 'INFO', 'WARN', 'ERROR']), 'INFO'),
  ),
  logLevels: documented(
    'What single functions log, instead of logLevel. At WARN a function that handles what it gets is not heard of: ' +
      '`ops trace` then shows what it did by its effects alone.',
    v.optional(byFunction(oneOf(['DEBUG', 'INFO', 'WARN', 'ERROR'])), {}),
  ),
  busLogLevel: documented(
    'What EventBridge logs about the bus, without the content of events. ERROR is the cheapest way to see what it ' +
      'could not deliver and why. OFF by default, since the GovCloud regions do not have it.',
    v.optional(oneOf(['OFF', 'ERROR', 'INFO', 'TRACE']), 'OFF'),
  ),
  tracingPercent: documented(
    'Percent of requests that X-Ray traces through the functions, beside the first of each second; 0 turns it off. ' +
      'At a million events a month it costs more than all else together, and shows no more than the time that each ' +
      'function took.',
    v.optional(integer(0, 100), 0),
  ),
  memory: documented(
    'Memory of a function in MB, by the folder of its handler.',
    v.optional(byFunction(integer(128, 10240)), {}),
  ),
  reservedConcurrency: documented(
    "Upper bound of a function's parallel executions, by the folder of its handler. It also takes that many from the " +
      "account's pool, and an account must keep 100 unreserved: a new account (limit 10) cannot deploy any. " +
      "Without it the account's limit bounds them.",
    v.optional(byFunction(integer(1, 1000)), {}),
  ),
  delivery: documented(
    'EventBridge to target: when delivery fails. The event then goes to the dead-letter queue.',
    v.optional(
      settings({
        retryAttempts: documented('Tries after the first; 0: no retry.', v.optional(integer(0, 185), 3)),
        maxEventAge: documented('Seconds.', v.optional(integer(60, 86400), 3600)),
      }),
      {},
    ),
  ),
  processing: documented(
    'Lambda to handler: when the handler fails. The event then goes to the failed-events queue.',
    v.optional(
      settings({
        retryAttempts: documented('Tries after the first; 0: no retry.', v.optional(integer(0, 2), 2)),
        maxEventAge: documented(
          'Seconds. Lambda waits 60 before the second try and 120 before the third: fewer than these and the calls ' +
            'take leave tries out.',
          v.optional(integer(60, 21600), 3600),
        ),
      }),
      {},
    ),
  ),
  tableCapacity: documented(
    'Capacity of the tables of orders and of notified events: false pays for each read and write; bounds pay for capacity ' +
      'by the hour, which follows the use within some minutes. Even traffic then costs about 40%; a peak that comes faster ' +
      'is throttled, and its events are tried again.',
    v.optional(v.union([v.literal(false), capacityBounds], falseOrBounds), false),
  ),
  pointInTimeRecovery: documented(
    'Keep 35 days of changes of the orders table, to restore it as it was at any second. Without it, it is made anew ' +
      'by a replay, as far as the archive goes back.',
    v.optional(flag, true),
  ),
  alarms: documented('When alarms go off: at more than these.', v.optional(alarms, {})),
  runbookUrl: documented(
    'Where alarm descriptions say that the runbook is: a URL, or the path in this repository.',
    v.optional(textMatching(/^[^\s#]{1,300}$/, 'a URL or a path without blanks and #'), 'docs/runbook.md'),
  ),
  dailyReportSchedule: documented(
    'When the daily report of the day before is made: cron(...) or rate(...) of EventBridge, in UTC.',
    v.optional(schedule, 'cron(0 9 * * ? *)'),
  ),
  ...SOURCE_SETTINGS,
  ...OPTION_SETTINGS,
  notificationEmail: documented(
    "Receives every notification, after confirming AWS's mail. Without it nobody is subscribed.",
    v.optional(email),
  ),
  alarmEmail: documented(
    "Receives the alarms that cannot wait (pages), after confirming AWS's mail, and without ticketEmail also those " +
      'that can (tickets). Without it nobody is subscribed.',
    v.optional(email),
  ),
  ticketEmail: documented(
    "Receives the alarms that can wait until tomorrow, after confirming AWS's mail. Default: alarmEmail.",
    v.optional(email),
  ),
});

export interface StageConfig extends Omit<v.InferOutput<typeof StageSettings>, 'projectName' | 'retainData'> {
  readonly stage: string;
  /** Prefix of physical names, at most 40 characters (an archive's name has 48): the project name, and `-<stage>` except for the default stage. */
  readonly prefix: string;
  readonly retainData: boolean;
  /** True for a stage of a pattern, such as `pr-*`: `cdk destroy` leaves nothing of it. */
  readonly isEphemeral: boolean;
}

/** One line that names the setting, its value and what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the stage of `-c stage=…` from the app's context, and checks all stages.
 * @throws ConfigError for an unknown stage, for a key, a type or a value that is not allowed, and for two stages
 *   whose physical names would be the same
 */
export function readConfig(node: Node): StageConfig {
  const stages: unknown = node.tryGetContext('stages') ?? { [DEFAULT_STAGE]: {} };
  if (typeof stages !== 'object' || stages === null || Array.isArray(stages)) {
    throw new ConfigError(
      `cdk.json: context.stages is ${JSON.stringify(stages)}, but must be an object of stages.`,
    );
  }
  const stage: unknown = node.tryGetContext('stage') ?? DEFAULT_STAGE;
  const known = Object.keys(stages);
  const key = typeof stage === 'string' ? stageKey(known, stage) : undefined;
  if (typeof stage !== 'string' || key === undefined) {
    throw new ConfigError(
      `stage is ${JSON.stringify(stage)}, but must be one of cdk.json's stages: ${known.join(', ')}.`,
    );
  }
  // Each pattern is checked as the stage that is asked for, or as one of its names.
  const configs = Object.entries(stages).map(([name, given]) =>
    parseStage(name === key ? stage : name.replace(/\*$/, '0'), given, name),
  );
  for (const [index, { stage: name, prefix }] of configs.entries()) {
    const other = configs.slice(0, index).find((each) => each.prefix === prefix);
    if (!other) continue;
    throw new ConfigError(
      `cdk.json: stages.${name}.projectName gives the names ${prefix}-…, but the stage ${other.stage} has them ` +
        'already: the two would be one stack. Each stage needs names of its own.',
    );
  }
  return configs.find((config) => config.stage === stage) as StageConfig;
}

/** Key in `cdk.json` of a stage: its name, or the pattern that it is a name of, such as `pr-*` for `pr-42`. */
export function stageKey(keys: readonly string[], stage: string): string | undefined {
  const isOf = (key: string) =>
    key.endsWith('*') && stage.startsWith(key.slice(0, -1)) && stage.length >= key.length;
  return keys.find((key) => key === stage && !key.endsWith('*')) ?? keys.find(isOf);
}

/**
 * Checks one stage's settings and fills in the defaults.
 * @param key of `cdk.json`; one that ends with `*` is for stages that leave nothing when they are destroyed. @default the stage
 * @throws ConfigError
 */
export function parseStage(stage: string, given: unknown, key: string = stage): StageConfig {
  const isEphemeral = key.endsWith('*');
  if (!/^[a-z][a-z0-9-]{0,14}$/.test(stage)) {
    throw new ConfigError(
      `stage is ${JSON.stringify(stage)}, but must be 1 to 15 lower-case letters, digits or hyphens, a letter first.`,
    );
  }
  const result = v.safeParse(StageSettings, given, { abortEarly: true });
  if (!result.success) throw new ConfigError(describe(key, result.issues[0]));
  const { projectName, retainData = stage === DEFAULT_STAGE, ...rest } = result.output;
  if (isEphemeral && retainData) {
    throw new ConfigError(
      `cdk.json: stages.${key}.retainData is true, but must be false: stages by a pattern leave nothing when they are ` +
        'destroyed. Give a stage that keeps its data a name.',
    );
  }
  checkReportAlarm(stage, rest);
  const problem = orderDaysProblem(rest);
  if (problem) throw new ConfigError(`cdk.json: stages.${stage}.${problem}`);
  const twice = Object.keys(rest.partnerBuses).find((name) => Object.hasOwn(rest.serviceEvents, name));
  if (twice !== undefined) {
    throw new ConfigError(
      `cdk.json: stages.${stage}.partnerBuses.${twice} has a name that serviceEvents has already: the two would be ` +
        'one rule. Choose another name.',
    );
  }
  return {
    ...rest,
    stage,
    retainData,
    isEphemeral,
    prefix: stackPrefix(stage, projectName),
  };
}

type ReportSettings = Pick<StageConfig, 'alarms' | 'dailyReportSchedule' | 'dailyReportScheduler'>;

/** @throws ConfigError if the alarm on the daily report cannot know when it is due */
function checkReportAlarm(stage: string, config: ReportSettings): void {
  const { alarms, dailyReportSchedule, dailyReportScheduler } = config;
  const { dailyReportMinutes: minutes } = alarms;
  if (minutes === false) return;
  const refuse = (why: string) => {
    throw new ConfigError(
      `cdk.json: stages.${stage}.alarms.dailyReportMinutes is ${minutes}, but must be ${why}`,
    );
  };
  const times = reportTimes(config);
  if (times.length === 0)
    refuse(`false: dailyReportSchedule ${dailyReportSchedule} is not one time every day.`);
  const { flexibleMinutes = 0, timezone } = dailyReportScheduler ?? {};
  if (flexibleMinutes >= minutes) {
    refuse(`false, or more than dailyReportScheduler.flexibleMinutes, which is ${flexibleMinutes}.`);
  }
  const [first = 0, second = first, ...more] = times;
  const shift = Math.abs(first - second) % (24 * 60 - 60);
  if (more.length > 0 || (shift !== 0 && shift !== 60))
    refuse(`false: the clock of ${timezone} is not moved by an hour twice a year.`);
}

/**
 * Minutes after midnight, UTC, at which the daily report is due: one time, or one for summer and one for winter.
 * Empty if it is not due once every day.
 */
export function reportTimes({
  dailyReportSchedule,
  dailyReportScheduler,
}: Omit<ReportSettings, 'alarms'>): number[] {
  const wall = dailyTime(dailyReportSchedule);
  if (wall === undefined) return [];
  const { timezone = 'UTC' } = dailyReportScheduler ?? {};
  const day = 24 * 60;
  return offsetsOf(timezone, new Date().getUTCFullYear()).map((offset) => (wall - offset + day) % day);
}

/** Prefix of a stage's physical names, and name of its stack. */
export function stackPrefix(stage: string, projectName: string): string {
  return stage === DEFAULT_STAGE ? projectName : `${projectName}-${stage}`;
}

/**
 * Checks that every setting by function belongs to a function of the stack.
 * @param functions entries of its handlers
 * @throws ConfigError
 */
export function requireKnownFunctions(config: StageConfig, functions: readonly string[]): void {
  for (const setting of ['memory', 'reservedConcurrency', 'logLevels'] as const) {
    const unknown = Object.keys(config[setting]).find((entry) => !functions.includes(entry));
    if (unknown === undefined) continue;
    throw new ConfigError(
      `cdk.json: stages.${config.stage}.${setting}.${unknown} is not a function of the stack; ` +
        `allowed are ${functions.join(', ')}.`,
    );
  }
}

/**
 * Minutes after midnight, UTC, at which a schedule fires once every day; undefined for any other schedule.
 * @param expression an EventBridge cron(...) or rate(...)
 */
export function dailyTime(expression: string): number | undefined {
  const [, minute, hour] = /^cron\((\d{1,2}) (\d{1,2}) (?:\* \* \?|\? \* \*) \*\)$/.exec(expression) ?? [];
  return minute === undefined ? undefined : Number(hour) * 60 + Number(minute);
}

function describe(stage: string, issue: v.BaseIssue<unknown>): string {
  const path = ['stages', stage, v.getDotPath(issue)].filter(Boolean).join('.');
  if (issue.expected === 'never') return `cdk.json: ${path} ${issue.message}.`;
  return `cdk.json: ${path} is ${JSON.stringify(issue.input)}, but ${issue.message}.`;
}
