/**
 * Rates at which a stack meets the quotas on an event's way: the template's fan-out of a mix of events, with what the
 * handlers were measured to use, against the quotas of `quotas.json`.
 */
import type { Resource } from '../../template/assembly';
import quotaTable from './quotas.json';
import { writesOf } from './table-items';
import { groupBy, sum } from './units';
import type { CallUsage, Usage } from './usage';

export type QuotaKey = keyof typeof quotaTable.quotas;

export interface Limit {
  /** Resource that is limited, e.g. `table event-driven-orders`. */
  readonly what: string;
  readonly quota: QuotaKey;
  /** The quota's value, or the template's own, if it sets one. */
  readonly value: number;
  /** Unit of the value. */
  readonly unit: string;
  /** Share of it that one published event takes; undefined if that is not known. */
  readonly perEvent: number | undefined;
  /** Published events a second at which it is met; undefined if that cannot be told. */
  readonly eventsPerSecond: number | undefined;
  /** Consequence of more. */
  readonly above: string;
  /** Metrics that show it coming. */
  readonly signals: readonly Signal[];
  readonly remedy: string;
}

export interface Signal {
  /** E.g. `AWS/Lambda Throttles`. */
  readonly metric: string;
  /** Names of the template's alarms that watch it. */
  readonly alarms: readonly string[];
}

/** @property metrics each with its namespace, e.g. `AWS/Lambda Throttles` */
type Part = Omit<Limit, 'eventsPerSecond' | 'value' | 'unit' | 'signals'> & {
  readonly value?: number;
  /** Unit of the value, if it is not the quota's own. */
  readonly unit?: string;
  readonly metrics: readonly string[];
};

const quotaOf = (quota: QuotaKey): number => quotaTable.quotas[quota].value;

const perEventOf = (calls: readonly CallUsage[], of: (call: CallUsage) => number = () => 1): number =>
  sum(calls, (call) => call.perEvent * of(call));

const secondsOf = ({ call }: CallUsage): number => call.billedMs / 1_000;

/** @returns the limits, the one that is met first at the head, and those that cannot be told at the end */
export function limitsOf(usage: Usage): Limit[] {
  const parts = [
    ...busLimits(usage),
    ...functionLimits(usage),
    ...tableLimits(usage),
    ...topicLimits(usage),
    ...streamLimits(usage),
    ...scheduleLimits(usage),
    ...madeScheduleLimits(usage),
  ];
  return parts
    .map((part): Limit => {
      const {
        quota,
        perEvent,
        metrics,
        value = quotaOf(quota),
        unit = quotaTable.quotas[quota].unit,
        ...rest
      } = part;
      const signals = metrics.map((metric) => ({ metric, alarms: alarmsOf(usage, metric) }));
      return {
        ...rest,
        quota,
        value,
        unit,
        perEvent,
        signals,
        eventsPerSecond: perEvent ? value / perEvent : undefined,
      };
    })
    .filter(({ perEvent }) => perEvent !== 0)
    .sort(
      (one, other) =>
        (one.eventsPerSecond ?? Number.POSITIVE_INFINITY) -
        (other.eventsPerSecond ?? Number.POSITIVE_INFINITY),
    );
}

/** Alarms of the template that read a metric, whatever its dimensions. */
function alarmsOf({ assembly }: Usage, metric: string): string[] {
  const [namespace, name] = metric.split(' ');
  return assembly
    .ofType('AWS::CloudWatch::Alarm')
    .filter(({ properties: { Namespace, MetricName, Metrics = [] } }) =>
      [
        { Namespace, MetricName },
        ...Metrics.map(({ MetricStat }: Resource['properties']) => MetricStat?.Metric),
      ].some((watched) => watched?.Namespace === namespace && watched?.MetricName === name),
    )
    .map((alarm) => alarm.name);
}

function busLimits({ calls, direct, published, assembly }: Usage): Part[] {
  const isDescribed = published.length > 0;
  return [
    {
      ...{
        what: 'PutEvents',
        quota: 'events.putEvents',
        perEvent: isDescribed ? sum(published, (each) => each.perEvent) : 1,
      },
      above: 'PutEvents refuses entries, and publishers try them again',
      metrics: ['AWS/Events PutEventsApproximateThrottledCount'],
      remedy: 'ask for a higher quota; publish ten entries a request',
    },
    {
      ...{ what: 'targets of rules', quota: 'events.invocations' },
      perEvent: isDescribed ? sum([...calls, ...direct], (each) => each.perEvent) : undefined,
      above: 'deliveries wait; nothing is dropped',
      metrics: ['AWS/Events ThrottledRules', 'AWS/Events IngestionToInvocationStartLatency'],
      remedy: 'ask for a higher quota; fewer rules for each event',
    },
    ...assembly.ofType('AWS::Events::Archive').map(
      ({ name }): Part => ({
        ...{ what: `replay of archive ${name}`, quota: 'events.replays', perEvent: undefined },
        above: 'StartReplay is refused',
        metrics: [],
        remedy: 'replay for fewer rules, or shorter times; how fast AWS replays is not published',
      }),
    ),
  ];
}

function functionLimits({ calls, assembly }: Usage): Part[] {
  const own = [...groupBy(calls, ({ resource }) => resource)].filter(([, of]) => perEventOf(of) > 0);
  const together = own.flatMap(([, of]) => of);
  // Reserved concurrency is taken from the account's, whatever it is used for.
  const reserved = (lambda: Resource) => Number(lambda.properties.ReservedConcurrentExecutions ?? 0);
  const free = quotaOf('lambda.concurrency') - sum(assembly.ofType('AWS::Lambda::Function'), reserved);
  const unreserved = together.filter(({ resource }) => reserved(resource) === 0);
  const above = 'events wait in their queue for up to its maximum age, then go to the failure destination';
  const concurrency = 'lambda.concurrency';
  const shared: Part[] = [
    {
      ...{ what: 'all functions at once', quota: concurrency, value: free, above },
      perEvent: perEventOf(unreserved, secondsOf),
      metrics: ['AWS/Lambda ConcurrentExecutions', 'AWS/Lambda Throttles'],
      remedy: 'ask for a higher quota, which new accounts need at once: many begin with 10',
    },
    {
      ...{ what: 'all functions, calls a second', quota: 'lambda.callsOfEnvironment', above },
      value: free * quotaOf('lambda.callsOfEnvironment'),
      unit: `calls a second, ${quotaOf('lambda.callsOfEnvironment')} for each unit of concurrency`,
      perEvent: perEventOf(unreserved),
      metrics: ['AWS/Lambda Throttles', 'AWS/Lambda ConcurrentExecutions'],
      remedy: 'ask for more concurrency, of which it is ten times',
    },
  ];
  const each = own.flatMap(([lambda, of]): Part[] => {
    const { name } = lambda;
    const perEvent = perEventOf(of, secondsOf);
    const bound: Part = {
      ...{ what: `${name}, as reserved`, quota: concurrency, value: reserved(lambda), perEvent, above },
      metrics: ['AWS/Lambda Throttles', 'AWS/Lambda AsyncEventAge'],
      remedy: 'reserve more',
    };
    const jump: Part = {
      ...{ what: `${name}, from nothing`, quota: 'lambda.scaling', above },
      // Each event of the first moments finds no environment, and its own is busy with starting.
      perEvent: perEventOf(of, (call) => (call.function.initMs + call.call.billedMs) / 1_000),
      metrics: ['AWS/Lambda Throttles', 'AWS/Lambda AsyncEventAge'],
      remedy: 'nothing: the events wait for seconds',
    };
    return reserved(lambda) > 0 ? [bound, jump] : [jump];
  });
  return [...(together.length > 0 ? shared : []), ...each];
}

function tableLimits(usage: Usage): Part[] {
  const above = 'writes are throttled; the SDK tries them again, then Lambda';
  const parts: Part[] = [];
  const written = groupBy(writesOf(usage), ({ table, index }) => `${table.logicalId}/${index ?? ''}`);
  for (const writes of written.values()) {
    const [{ table, index }] = writes as [(typeof writes)[0] & object];
    const units = sum(writes, (each) => each.call.perEvent * each.units);
    const what = index === undefined ? `table ${table.name}` : `index ${index}`;
    parts.push({
      ...{ what, quota: 'dynamodb.table', perEvent: units, above, ...provisionedMost(usage, table, index) },
      metrics: ['AWS/DynamoDB WriteThrottleEvents', 'AWS/DynamoDB ConsumedWriteCapacityUnits'],
      remedy: 'ask for a higher quota; warm throughput before a peak that is known',
    });
    if (index === undefined) continue;
    const partitions = usage.app.indexPartitions?.[index];
    parts.push({
      ...{ what: `partitions of index ${index}`, quota: 'dynamodb.partition', above },
      value: quotaOf('dynamodb.partition') * (partitions ?? 1),
      unit: `units of writes a second of ${partitions ?? 'an unknown number of'} partition keys`,
      perEvent: partitions === undefined ? undefined : units,
      metrics: ['AWS/DynamoDB WriteThrottleEvents'],
      remedy: 'more partitions, by a key with more values',
    });
  }
  return parts;
}

/** The most that a provisioned table scales to, or has if it does not scale. */
function provisionedMost(
  { assembly }: Usage,
  table: Resource,
  index: string | undefined,
): { value?: number } {
  if (table.properties.BillingMode === 'PAY_PER_REQUEST') return {};
  const id = index === undefined ? `table/${table.name}` : `table/${table.name}/index/${index}`;
  const target = assembly
    .ofType('AWS::ApplicationAutoScaling::ScalableTarget')
    .find(({ properties }) => properties.ResourceId === id && /Write/.test(properties.ScalableDimension));
  const fixed =
    index === undefined
      ? table.properties
      : table.properties.GlobalSecondaryIndexes?.find(
          ({ IndexName }: Resource['properties']) => IndexName === index,
        );
  return {
    value: Number(target?.properties.MaxCapacity ?? fixed?.ProvisionedThroughput?.WriteCapacityUnits ?? 0),
  };
}

function topicLimits({ calls, assembly }: Usage): Part[] {
  const publishing = calls.filter(({ measured }) => measured.messages.length > 0);
  const perEvent = perEventOf(publishing, ({ measured }) => measured.messages.length);
  const mails = assembly
    .ofType('AWS::SNS::Subscription')
    .filter(({ properties }) => /^email/.test(properties.Protocol));
  return [
    {
      ...{ what: 'messages to topics', quota: 'sns.publish', perEvent },
      above: 'Publish is throttled; the SDK tries again, then Lambda',
      metrics: ['AWS/SNS NumberOfMessagesPublished', 'AWS/Lambda Errors'],
      remedy: 'ask for a higher quota',
    },
    ...(mails.length > 0 && perEvent > 0
      ? [
          {
            ...{ what: 'mails to a subscriber of the topic', quota: 'sns.email' as const, perEvent },
            above: 'SNS ends the subscription',
            metrics: ['AWS/SNS NumberOfNotificationsDelivered'],
            remedy: 'subscribe a queue or a function instead of an address',
          },
        ]
      : []),
  ];
}

function streamLimits(usage: Usage): Part[] {
  const type = 'AWS::KinesisFirehose::DeliveryStream';
  return usage.assembly.ofType(type).flatMap((stream): Part[] => {
    const calls = usage.calls.filter(
      (call) => call.measured.records.length > 0 && usage.named(call.resource, type).includes(stream),
    );
    const direct = usage.direct.filter(({ resource }) => resource === stream);
    const bytes = (records: readonly number[]) => sum(records, (each) => each);
    const above = 'records are refused; the function tries them again, then Lambda';
    const remedy = 'ask for a higher quota; several records a request';
    return [
      {
        ...{ what: `requests to stream ${stream.name}`, quota: 'firehose.requests', above, remedy },
        perEvent: perEventOf(calls) + sum(direct, (each) => each.perEvent),
        metrics: ['AWS/Firehose ThrottledRecords', 'AWS/Firehose PutRequestsPerSecondLimit'],
      },
      {
        ...{ what: `bytes to stream ${stream.name}`, quota: 'firehose.bytes', above, remedy },
        perEvent:
          perEventOf(calls, ({ measured }) => bytes(measured.records)) +
          sum(direct, (each) => each.perEvent * each.payloadBytes),
        metrics: ['AWS/Firehose ThrottledRecords', 'AWS/Firehose BytesPerSecondLimit'],
      },
    ];
  });
}

/** Calls by a schedule that read what has come since the last one. */
function scheduleLimits({ calls }: Usage): Part[] {
  return calls
    .filter(({ perEvent, perMonth, measured }) => perEvent === 0 && perMonth > 0 && measured.published > 0)
    .map(({ rule, resource }) => ({
      ...{ what: `${rule}, in one call`, quota: 'lambda.timeout' as const, perEvent: undefined },
      value: Number(resource.properties.Timeout ?? 3),
      above: 'the call is cut off, and tried again from the start',
      metrics: ['AWS/Lambda Duration'],
      remedy: 'a longer timeout, or more memory, which is more of a core',
    }));
}

/** Schedules that handlers make for events, each of which fires once. */
function madeScheduleLimits({ scheduled }: Usage): Part[] {
  const perEvent = sum(scheduled, (each) => each.perEvent);
  if (perEvent === 0) return [];
  return [
    {
      ...{ what: 'making of schedules', quota: 'scheduler.createSchedule', perEvent },
      above: 'CreateSchedule is throttled; the SDK tries again, then Lambda',
      metrics: ['AWS/Lambda Errors', 'AWS/Lambda AsyncEventAge'],
      remedy: 'ask for a higher quota',
    },
    {
      ...{ what: 'schedules that wait', quota: 'scheduler.schedules' },
      perEvent: scheduled.some(({ perEvent, days }) => perEvent > 0 && days === undefined)
        ? undefined
        : sum(scheduled, (each) => each.perEvent * (each.days ?? 0) * 24 * 60 * 60),
      above:
        'CreateSchedule is refused; the SDK tries again, then Lambda, then the failure destination has the event',
      metrics: ['AWS/Lambda Errors'],
      remedy: 'ask for a higher quota, or have less days between an event and its schedule',
    },
    {
      ...{ what: 'schedules that fire', quota: 'scheduler.invocations', perEvent },
      above: 'invocations are throttled, and tried again by the retry policy',
      metrics: ['AWS/Scheduler InvocationThrottleCount', 'AWS/Scheduler InvocationDroppedCount'],
      remedy: 'ask for a higher quota',
    },
  ];
}
