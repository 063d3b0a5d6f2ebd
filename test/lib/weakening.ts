/** Settings that at some values give up what the audit asks for, as `lib/config.ts` documents, each with the gaps of it. */
import { ASYNC_INVOCATION } from '../../tools/eventbridge/service-facts';
import type { Assembly, Resource } from '../../tools/template/assembly';
import { rulesOf } from '../../tools/template/rules';
import { schedulesOf } from '../../tools/template/schedules';

// biome-ignore lint/suspicious/noExplicitAny: settings of a stage, of which a test gives some
type Settings = any;

interface Weakening {
  /** Path of the setting. */
  readonly setting: string;
  isGivenUp(settings: Settings): boolean;
  /** Beginnings of the audit's lines, for each resource of the template that the setting is about. */
  gaps(assembly: Assembly, settings: Settings): string[];
}

const QUEUE = 'AWS::SQS::Queue';
/** Days that the queues of failures keep them. */
const FAILURE_DAYS = 14;
const DAY = 86_400;

const PROCESSING_RETRIES = 2;

/** Functions to which events are handed, and which have the settings of `processing`. */
const handlersOf = (assembly: Assembly): Resource[] =>
  assembly
    .ofType('AWS::Lambda::Function')
    .filter(({ arn }) =>
      [...rulesOf(assembly).flatMap(({ targets }) => targets), ...schedulesOf(assembly)].some(
        (each) =>
          ('arn' in each ? each.arn : each.targetArn) === arn ||
          ('arn' in each ? each.arn : each.targetArn).startsWith(`${arn}:`),
      ),
    );

const WEAKENINGS: readonly Weakening[] = [
  {
    setting: 'archiveRetentionDays',
    isGivenUp: ({ archiveRetentionDays: days = FAILURE_DAYS }) => days < FAILURE_DAYS,
    gaps: (assembly, { archiveRetentionDays: days }) =>
      assembly
        .ofType('AWS::Events::Archive')
        .flatMap(({ name }) =>
          assembly
            .ofType(QUEUE)
            .map(
              (queue) =>
                `age-limit: ${name}: it keeps events for ${days} days, but queue ${queue.name} failures`,
            ),
        ),
  },
  {
    setting: 'delivery.retryAttempts',
    isGivenUp: ({ delivery }) => delivery?.retryAttempts === 0,
    gaps: (assembly) => [
      ...rulesOf(assembly).flatMap(({ name, targets }) =>
        targets.map(({ id }) => `retry: ${name}: target ${id} has no retry: MaximumRetryAttempts is 0`),
      ),
      ...[...schedulesOf(assembly), ...assembly.ofType('AWS::Pipes::Pipe')].map(
        ({ name }) => `retry: ${name}: it has no retry: MaximumRetryAttempts is 0`,
      ),
    ],
  },
  {
    setting: 'processing.retryAttempts',
    isGivenUp: ({ processing }) => processing?.retryAttempts === 0,
    gaps: (assembly) =>
      handlersOf(assembly).map(({ name }) => `retry: ${name}: what its handler throws is not tried again`),
  },
  {
    setting: 'processing.maxEventAge',
    isGivenUp: ({ processing }) => {
      const { maxEventAge = 3_600, retryAttempts = PROCESSING_RETRIES } = processing ?? {};
      const [first = 0] = ASYNC_INVOCATION.retryDelaysSeconds;
      return retryAttempts > 0 && maxEventAge <= first;
    },
    gaps: (assembly, { processing }) =>
      handlersOf(assembly).map(
        ({ name }) =>
          `age-limit: ${name}: Lambda gives an event up after ${processing.maxEventAge / 60} min, but the last of`,
      ),
  },
  {
    setting: 'alarms.queueAge',
    isGivenUp: ({ alarms }) => alarms?.queueAge > (FAILURE_DAYS - 1) * DAY,
    gaps: (assembly) =>
      assembly
        .ofType(QUEUE)
        .map(
          ({ name }) =>
            `alarm: ${name}: no alarm watches ApproximateAgeOfOldestMessage of AWS/SQS with QueueName=${name}:`,
        ),
  },
  {
    setting: 'alarms.streamAge',
    isGivenUp: ({ alarms }) => alarms?.streamAge >= DAY,
    gaps: (assembly) =>
      assembly
        .ofType('AWS::KinesisFirehose::DeliveryStream')
        .map(({ name }) => `alarm: ${name}: no alarm watches DeliveryToS3.DataFreshness of AWS/Firehose`),
  },
  {
    setting: 'alarms.dailyReportMinutes',
    isGivenUp: ({ alarms }) => alarms?.dailyReportMinutes === false,
    gaps: (assembly) =>
      [
        ...rulesOf(assembly).filter(({ scheduleExpression }) => scheduleExpression),
        ...schedulesOf(assembly),
      ].map(({ name }) => `alarm: ${name}: no alarm watches DailyReportsPublished of`),
  },
];

/** Beginnings of the lines that an audit has to say of a stack with these settings: no others, and each of them. */
export const givenUpBy = (settings: object, assembly: Assembly): string[] =>
  WEAKENINGS.flatMap((each) => (each.isGivenUp(settings) ? each.gaps(assembly, settings) : [])).map(
    (line) => `audit: ${line}`,
  );
