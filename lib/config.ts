/**
 * The settings of a stage: the only place where stages differ. They stand in `cdk.json` under
 * `context.stages`, one object for each stage; `-c stage=dev` picks one. Every setting has a default.
 */
import type { Node } from 'constructs';
import * as v from 'valibot';

/** The stage of `cdk synth` without `-c stage=…`. Its physical names are the bare project name's. */
export const DEFAULT_STAGE = 'production';
export const DEFAULT_PROJECT = 'event-driven';

/** An object whose keys are all known; what is not is named, with the keys that are. */
const settings = <const Entries extends v.ObjectEntries>(entries: Entries) =>
  v.strictObject(entries, (issue) =>
    issue.expected === 'never'
      ? `is not a setting; allowed are ${Object.keys(entries).join(', ')}`
      : 'must be an object of settings',
  );
const integer = (min: number, max: number, message = `must be a whole number from ${min} to ${max}`) =>
  v.pipe(
    v.number(message),
    v.check((n) => Number.isInteger(n) && n >= min && n <= max, message),
  );
const text = (allowed: RegExp, message: string) =>
  v.pipe(v.string(`must be ${message}`), v.regex(allowed, `must be ${message}`));
const oneOf = <const Values extends readonly (string | number)[]>(values: Values) =>
  v.picklist(values, `must be one of ${values.join(', ')}`);
const flag = v.boolean('must be true or false');
const email = v.pipe(v.string('must be an e-mail address'), v.email('must be an e-mail address'));

// What CloudWatch Logs accepts: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653,
] as const;

const lambdaMemory = integer(128, 10240);
const count = integer(0, 1_000_000);
const falseOrMinutes = 'must be false or a whole number from 10 to 45';
const reservedConcurrency = v.optional(integer(1, 1000));

const StageSettings = settings({
  /** Start of every physical name. Other stages than the default add `-<stage>`. @default 'event-driven' */
  projectName: v.optional(
    text(/^[a-z][a-z0-9-]{0,23}$/, '1 to 24 lower-case letters, digits or hyphens, a letter first'),
    DEFAULT_PROJECT,
  ),
  /** Tags on every resource, beside `Environment` = the stage. @default {} */
  tags: v.optional(
    v.record(
      text(/^(?!aws:)[\w .:/=+@-]{1,128}$/, 'a tag key that does not start with aws:'),
      text(/^[\w .:/=+@-]{0,256}$/, 'a string of at most 256 letters, digits, spaces or _.:/=+-@'),
      'must be an object of strings',
    ),
    {},
  ),
  /**
   * Keep tables and buckets when the stack is deleted, and refuse to delete the orders table.
   * @default true at the default stage, false elsewhere
   */
  retainData: v.optional(flag),
  /** Days that the archive keeps events for replay. @default 30 */
  archiveRetentionDays: v.optional(integer(1, 3650), 30),
  /** Days that log groups keep their lines; one of CloudWatch's values. @default 14 */
  logRetentionDays: v.optional(oneOf(LOG_RETENTION_DAYS), 14),
  /** Days that S3 keeps analytics objects. @default 365 */
  analyticsRetentionDays: v.optional(integer(1, 36500), 365),
  /** What the handlers log. At INFO one line an event. @default 'INFO' */
  logLevel: v.optional(oneOf(['DEBUG', 'INFO', 'WARN', 'ERROR']), 'INFO'),
  /** Memory of each function in MB. @default 256, 128 and 256 */
  memory: v.optional(
    settings({
      orderProcessor: v.optional(lambdaMemory, 256),
      notifier: v.optional(lambdaMemory, 128),
      analytics: v.optional(lambdaMemory, 256),
    }),
    {},
  ),
  /**
   * Upper bound of parallel executions of each function. It also takes that many from the account's pool, and
   * an account must keep 100 unreserved: a new account (limit 10) cannot deploy any.
   * @default none: the account's limit bounds them
   */
  reservedConcurrency: v.optional(
    settings({
      orderProcessor: reservedConcurrency,
      notifier: reservedConcurrency,
      analytics: reservedConcurrency,
    }),
    {},
  ),
  /** EventBridge -> target: when delivery fails. The event then goes to the dead-letter queue. */
  delivery: v.optional(
    settings({
      /** @default 3 */
      retryAttempts: v.optional(integer(0, 185), 3),
      /** Seconds. @default 3600 */
      maxEventAge: v.optional(integer(60, 86400), 3600),
    }),
    {},
  ),
  /** Lambda -> handler: when the handler fails. The event then goes to the failed-events queue. */
  processing: v.optional(
    settings({
      /** @default 2 */
      retryAttempts: v.optional(integer(0, 2), 2),
      /** Seconds. @default 3600 */
      maxEventAge: v.optional(integer(60, 21600), 3600),
    }),
    {},
  ),
  /** When alarms go off: at more than these. Counts are of 5 minutes. */
  alarms: v.optional(
    settings({
      /** Messages in the dead-letter queue, or in the failed-events queue. @default 0 */
      queueDepth: v.optional(count, 0),
      /** Seconds that the oldest message of such a queue has waited; SQS deletes it after 14 days. @default 86400 */
      queueAge: v.optional(integer(60, 1_209_600), 86_400),
      /** Events that EventBridge gave up delivering to the target of a rule. @default 0 */
      undelivered: v.optional(count, 0),
      /** Calls of a function that failed: Lambda tries their events again. @default 5 */
      errors: v.optional(count, 5),
      /** Calls of a function that the concurrency limit put off: Lambda tries them again. @default 10 */
      throttles: v.optional(count, 10),
      /** Percent of a function's timeout that a call took. @default 80 */
      durationPercent: v.optional(integer(1, 99), 80),
      /** Percent of `processing.maxEventAge` that an event has waited for its function. @default 25 */
      eventAgePercent: v.optional(integer(1, 99), 25),
      /** Events that a function failed to handle for the last time. @default 0 */
      dropped: v.optional(count, 0),
      /** Reads and writes of the orders table and its index that DynamoDB refused for their rate. @default 10 */
      tableThrottles: v.optional(count, 10),
      /** Requests for the orders table that DynamoDB failed to answer (HTTP 500). @default 5 */
      tableErrors: v.optional(count, 5),
      /** Seconds that the oldest analytics record has waited for S3; about 60 are normal. @default 900 */
      streamAge: v.optional(integer(60, 86_400), 900),
      /** Percent of Firehose's writes to S3 that fail, three times 5 minutes in a row. @default 0 */
      streamFailurePercent: v.optional(integer(0, 99), 0),
      /** Handler calls that met an event which no retry can help; Lambda tries each such event 3 times. @default 0 */
      poisonEvents: v.optional(count, 0),
      /**
       * Minutes after its schedule that the daily report is missed; false for no such alarm, which a schedule
       * needs that is not one time every day.
       * @default 30
       */
      dailyReportMinutes: v.optional(
        v.union([v.literal(false), integer(10, 45, falseOrMinutes)], falseOrMinutes),
        30,
      ),
    }),
    {},
  ),
  /**
   * Where alarm descriptions say that the runbook is: a URL, or the path in this repository.
   * @default 'docs/runbook.md'
   */
  runbookUrl: v.optional(text(/^[^\s#]{1,300}$/, 'a URL or a path without blanks and #'), 'docs/runbook.md'),
  /** When the daily report of the day before is made. UTC. @default 'cron(0 9 * * ? *)' */
  dailyReportSchedule: v.optional(
    text(/^(cron|rate)\([^()]+\)$/, 'a cron(...) or rate(...) expression of EventBridge'),
    'cron(0 9 * * ? *)',
  ),
  /** Other accounts that may put events on the bus. @default [] */
  publisherAccounts: v.optional(
    v.array(text(/^\d{12}$/, 'an account id of 12 digits'), 'must be an array of account ids'),
    [],
  ),
  /** Receives every notification, after confirming AWS's mail. @default nobody is subscribed */
  notificationEmail: v.optional(email),
  /** Receives every alarm, after confirming AWS's mail. @default nobody is subscribed */
  alarmEmail: v.optional(email),
});

export interface StageConfig extends Omit<v.InferOutput<typeof StageSettings>, 'projectName' | 'retainData'> {
  readonly stage: string;
  /** Start of every physical name, at most 40 characters (an archive's name has 48): the project name, and `-<stage>` at other stages than the default. */
  readonly prefix: string;
  readonly retainData: boolean;
}

/** One line that names the setting, its value and what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the stage that `-c stage=…` names from the app's context.
 * @throws ConfigError for an unknown stage, and for a key, a type or a value that is not allowed.
 */
export function readConfig(node: Node): StageConfig {
  const stages: unknown = node.tryGetContext('stages') ?? { [DEFAULT_STAGE]: {} };
  if (typeof stages !== 'object' || stages === null || Array.isArray(stages)) {
    throw new ConfigError(
      `cdk.json: context.stages is ${JSON.stringify(stages)}, but must be an object of stages.`,
    );
  }
  const stage: unknown = node.tryGetContext('stage') ?? DEFAULT_STAGE;
  if (typeof stage !== 'string' || !Object.hasOwn(stages, stage)) {
    const known = Object.keys(stages).join(', ');
    throw new ConfigError(
      `stage is ${JSON.stringify(stage)}, but must be one of cdk.json's stages: ${known}.`,
    );
  }
  return parseStage(stage, (stages as Record<string, unknown>)[stage]);
}

/**
 * Checks one stage's settings and fills in the defaults.
 * @throws ConfigError
 */
export function parseStage(stage: string, settings: unknown): StageConfig {
  if (!/^[a-z][a-z0-9-]{0,14}$/.test(stage)) {
    throw new ConfigError(
      `stage is ${JSON.stringify(stage)}, but must be 1 to 15 lower-case letters, digits or hyphens, a letter first.`,
    );
  }
  const result = v.safeParse(StageSettings, settings, { abortEarly: true });
  if (!result.success) throw new ConfigError(describe(stage, result.issues[0]));
  const { projectName, retainData = stage === DEFAULT_STAGE, ...rest } = result.output;
  const { alarms, dailyReportSchedule } = rest;
  if (alarms.dailyReportMinutes !== false && dailyTime(dailyReportSchedule) === undefined) {
    throw new ConfigError(
      `cdk.json: stages.${stage}.alarms.dailyReportMinutes is ${alarms.dailyReportMinutes}, but must be false: ` +
        `dailyReportSchedule ${dailyReportSchedule} is not one time every day.`,
    );
  }
  return {
    ...rest,
    stage,
    retainData,
    prefix: stackPrefix(stage, projectName),
  };
}

/** The start of every physical name of a stage, and the name of its stack. */
export function stackPrefix(stage: string, projectName: string): string {
  return stage === DEFAULT_STAGE ? projectName : `${projectName}-${stage}`;
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
