/**
 * What a month costs: the template's fan-out, with what the handlers were measured to use, at the prices of
 * `prices.json`. Before free tiers.
 */
import { type App, consumerName, findConsumer } from '../../app';
import { InputError } from '../../cli/errors';
import { type BusEvent, entrySize } from '../../eventbridge/event';
import { type Schedule, scheduledEvent } from '../../eventbridge/schedule';
import { ASYNC_INVOCATION } from '../../eventbridge/service-facts';
import { Alarms } from '../../template/alarms';
import type { Assembly, Resource } from '../../template/assembly';
import { invokeConfigOf } from '../../template/invoke-config';
import { isKnown } from '../../template/placeholder';
import { qualifiersCalled, rulesOf } from '../../template/rules';
import { exampleEvent } from '../contracts/variants';
import { type Routing, type Rule, readRouting } from '../routes/routing';
import type { MixedEvent } from './event-mix';
import {
  type CallMeasurement,
  type FunctionMeasurement,
  loggingKey,
  type Measurement,
  type Write,
} from './measurement';
import priceTable from './prices.json';

export type PriceKey = keyof typeof priceTable.prices;

/** What nobody can read in a template. */
export interface Assumptions {
  readonly mix: readonly MixedEvent[];
  /** Months that the stack has run: what it keeps by then is what is stored. */
  readonly months: number;
  /** How many times as long a call takes in AWS as it took where it was measured. */
  readonly slowdown: number;
  /** Percent of calls that begin with loading the code. */
  readonly coldStarts: number;
  /** Percent of calls that fail at every retry, and whose event then waits in a queue. */
  readonly failures: number;
}

export interface Item {
  /** E.g. `Lambda: calls`. */
  readonly name: string;
  readonly price: PriceKey;
  /** How many of the price's unit. */
  readonly quantity: number;
  readonly usd: number;
}

export interface Bill {
  /** Published in the month by applications. */
  readonly events: number;
  readonly items: readonly Item[];
  readonly usd: number;
}

/** A rule's target, and how often it is given an event. */
export interface Delivery {
  readonly rule: string;
  readonly target: string;
  /** The event as the mix has it, or the schedule. */
  readonly event: string;
  /** For each event that is published by applications. */
  readonly perEvent: number;
  /** Beside those. */
  readonly perMonth: number;
  readonly payloadBytes: number;
  /** Of a function. */
  readonly call?: {
    readonly memoryMb: number;
    readonly measuredMs: number;
    /** Whole milliseconds. */
    readonly billedMs: number;
    readonly logBytes: number;
  };
}

export interface Cost {
  readonly bills: readonly Bill[];
  readonly deliveries: readonly Delivery[];
}

export const MONTH_DAYS = 30;
const MONTH_SECONDS = MONTH_DAYS * 24 * 60 * 60;
const KB = 1_024;
const GB = 2 ** 30;
/** Events, messages and requests are billed by the 64 KB. */
const CHUNK = 64 * KB;
/** By X-Ray's default rule the first request of each second is traced and 5% of the others. https://docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html */
const TRACED_SHARE = 0.05;
/** Stored with each item. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html */
const ITEM_OVERHEAD = 100;
const FIREHOSE_ROUNDING = 5 * KB;
/** Smaller objects are not moved to infrequent access. https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html */
const LEAST_TRANSITION = 128 * KB;
/** What becomes of a message: it is sent, received and deleted. */
const REQUESTS_OF_MESSAGE = 3;
/** Of both Lambda and Powertools. */
const LOG_LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'CRITICAL', 'SILENT'];

/**
 * @param events published in a month; a bill for each
 * @throws InputError if a handler was not measured, or the template has what is not known here
 */
export function costOf(
  assembly: Assembly,
  app: App,
  measurement: Measurement,
  events: readonly number[],
  assumptions: Assumptions,
): Cost {
  const model = new CostModel(assembly, app, measurement, assumptions);
  return { bills: events.map((count) => model.bill(count)), deliveries: model.deliveries };
}

/** What the original design says that a month costs, by events. It is of 2024 and says `~`. */
const SEED_TABLE: Readonly<Record<number, number>> = { 1000000: 2, 10000000: 15, 100000000: 130 };

export interface SeedComparison {
  /** What its table says; undefined for a number of events that is not in it. */
  readonly table?: number;
  /** What it counts, in this bill: the events, and one call of a function for each. */
  readonly counted: number;
  /** All else in this bill, the largest first. */
  readonly leftOut: readonly { readonly name: string; readonly usd: number }[];
}

/** The bill beside the table of the original design. */
export function besideSeed({ bills, deliveries }: Cost): SeedComparison[] {
  return bills.map(({ events, items, usd }) => {
    const calls = sum(deliveries, ({ call, perEvent, perMonth }) =>
      call ? events * perEvent + perMonth : 0,
    );
    // No call is like the other; the one that it counts is their mean.
    const countedShare = (name: string) => (/^Lambda: (calls|duration)/.test(name) ? events / calls : 0);
    const leftOut = items
      .filter(({ name }) => name !== 'EventBridge: events')
      .map((each) => ({
        name: countedShare(each.name) ? `${each.name}, but for one call an event` : each.name,
        usd: each.usd * (1 - countedShare(each.name)),
      }));
    const table = SEED_TABLE[events];
    return {
      ...(table !== undefined && { table }),
      counted: usd - sum(leftOut, (each) => each.usd),
      leftOut: leftOut.sort((a, b) => b.usd - a.usd),
    };
  });
}

/** An event on the bus, and how often. */
interface PublishedEvent {
  readonly event: BusEvent;
  readonly label: string;
  readonly perEvent: number;
  readonly perMonth: number;
}

/** A delivery to what is no function. */
interface DirectDelivery extends Delivery {
  readonly resource: Resource;
}

/** What else than functions rules can have as targets here. */
const DIRECT_TARGETS = ['AWS::SQS::Queue', 'AWS::SNS::Topic', 'AWS::KinesisFirehose::DeliveryStream'];

/** How often something happens in the month of a bill. */
type Times = (each: Pick<Delivery, 'perEvent' | 'perMonth'>) => number;

/** A delivery to a function. */
interface Call extends Delivery {
  readonly call: NonNullable<Delivery['call']>;
  readonly resource: Resource;
  readonly service: string;
  readonly function: FunctionMeasurement;
  readonly measured: CallMeasurement;
}

class CostModel {
  readonly #calls: Call[] = [];
  readonly #direct: DirectDelivery[] = [];
  readonly #published: PublishedEvent[] = [];
  readonly #assembly: Assembly;
  readonly #app: App;
  readonly #routing: Routing;
  readonly #measurement: Measurement;
  readonly #assumptions: Assumptions;

  constructor(assembly: Assembly, app: App, measurement: Measurement, assumptions: Assumptions) {
    this.#assembly = assembly;
    this.#app = app;
    this.#routing = readRouting(assembly, app);
    this.#measurement = measurement;
    this.#assumptions = assumptions;
    const total = assumptions.mix.reduce((sum, { count }) => sum + count, 0);
    for (const { contract, detail, count, label } of assumptions.mix) {
      const event = { ...exampleEvent(contract, assembly), detail: contract.create(detail, EXAMPLE_IDS) };
      this.#publish({ event, label, perEvent: count / total, perMonth: 0 });
    }
    for (const rule of this.#routing.rules) this.#fire(rule);
  }

  #publish(published: PublishedEvent): void {
    this.#published.push(published);
    for (const rule of this.#routing.rules) {
      const takes = rule.enabled && this.#routing.buses.includes(rule.bus);
      if (takes && rule.pattern?.matches(published.event)) this.#deliver(rule, published);
    }
  }

  #fire(rule: Rule): void {
    const time = rule.schedule?.next(new Date());
    if (!rule.enabled || !rule.schedule || !time) return;
    const event = scheduledEvent({ ruleArn: rule.arn, time, ...this.#routing });
    const perMonth = timesInMonth(rule.schedule, time);
    this.#deliver(rule, { event, label: rule.scheduleExpression ?? '', perEvent: 0, perMonth });
  }

  #deliver(rule: Rule, { event, label, perEvent, perMonth }: PublishedEvent): void {
    for (const { target: id, payload = '' } of this.#routing.deliver(rule, event)) {
      const arn = rule.targets.find((target) => target.id === id)?.arn ?? '';
      const resource = [...this.#assembly.resources.values()].find((each) => each.arn === arn);
      const delivery = {
        rule: rule.name,
        target: resource?.name ?? arn,
        event: label,
        perEvent,
        perMonth,
        payloadBytes: Buffer.byteLength(payload),
      };
      if (resource?.type === 'AWS::Lambda::Function') {
        this.#call(resource, event['detail-type'], delivery);
      } else if (resource && DIRECT_TARGETS.includes(resource.type)) {
        this.#direct.push({ ...delivery, resource });
      } else {
        throw new InputError(`Rule ${rule.name}: what its target ${arn} costs is not known here.`);
      }
    }
  }

  #call(resource: Resource, detailType: string, delivery: Delivery): void {
    const { properties } = resource;
    const service = consumerName(this.#app, properties.Environment?.Variables) ?? resource.name;
    const measuredFunction = this.#measurement.functions[service];
    const measured = measuredFunction?.events[detailType];
    if (!measured) {
      throw new InputError(
        `There is no measurement of ${service} handling ${detailType}; \`npm run cost -- --measure\` makes one.`,
      );
    }
    const memoryMb = Number(properties.MemorySize ?? 128);
    this.#calls.push({
      ...delivery,
      resource,
      service,
      function: measuredFunction,
      measured,
      call: {
        memoryMb,
        measuredMs: measured.durationMs,
        billedMs: Math.ceil(measured.durationMs * this.#assumptions.slowdown),
        logBytes: logBytes(resource, measuredFunction, measured, this.#app),
      },
    });
    if (measured.published === 0) return;
    for (const { type } of findConsumer(this.#app, service)?.publishes ?? []) {
      const contract = this.#app.contracts.find((each) => each.type === type);
      if (!contract) continue;
      const { perEvent, perMonth } = delivery;
      const event = exampleEvent(contract, this.#assembly);
      this.#publish({ event, label: contract.detailType, perEvent, perMonth });
    }
  }

  get deliveries(): Delivery[] {
    return [...this.#calls, ...this.#direct].map(
      ({ rule, target, event, perEvent, perMonth, payloadBytes, call }: Delivery) => ({
        ...{ rule, target, event, perEvent, perMonth, payloadBytes },
        ...(call && { call }),
      }),
    );
  }

  bill(events: number): Bill {
    const times: Times = ({ perEvent, perMonth }) => events * perEvent + perMonth;
    const items = [
      ...this.#eventBridge(times),
      ...this.#lambda(times),
      ...this.#tables(times),
      ...this.#messages(times),
      ...this.#streams(times),
      ...this.#logs(times),
      ...this.#tracing(times),
      ...this.#fixed(),
    ].filter(({ quantity }) => quantity > 0);
    return { events, items, usd: items.reduce((sum, { usd }) => sum + usd, 0) };
  }

  #eventBridge(times: Times): Item[] {
    const chunks = sum(this.#published, (each) => times(each) * Math.ceil(publishedSize(each.event) / CHUNK));
    const archives = this.#assembly.ofType('AWS::Events::Archive').map(({ name, properties }) => {
      const { pattern } = this.#routing.archives.find((each) => each.name === name) ?? {};
      const kept = this.#published.filter(({ event }) => pattern?.matches(event));
      const bytes = sum(kept, (each) => times(each) * jsonBytes(each.event));
      const { RetentionDays: days = 0 } = properties;
      return { bytes, stored: bytes * this.#monthsKept(Number(days)) };
    });
    return [
      item('EventBridge: events', 'eventbridge.event', chunks),
      item('EventBridge: archive', 'eventbridge.archive', sum(archives, ({ bytes }) => bytes) / GB),
      item(
        'EventBridge: archive, kept',
        'eventbridge.archive-storage',
        sum(archives, ({ stored }) => stored) / GB,
      ),
    ];
  }

  /** Calls with those that retry what fails every time. */
  #attempts(call: Call, times: Times): number {
    const { retries } = asynchronousFailure(this.#assembly, call.resource);
    return times(call) * (1 + (this.#assumptions.failures / 100) * retries);
  }

  #lambda(times: Times): Item[] {
    const attempts = (call: Call) => this.#attempts(call, times);
    const seconds = (call: Call, ms: number) => (ms / 1_000) * (call.call.memoryMb / 1_024);
    const price = ({ resource }: Call): PriceKey =>
      resource.properties.Architectures?.[0] === 'arm64' ? 'lambda.arm64' : 'lambda.x86_64';
    const cold = this.#assumptions.coldStarts / 100;
    const durations = [...groupBy(this.#calls, ({ service }) => service)].map(([service, calls]) =>
      item(
        `Lambda: duration of ${service}`,
        price(calls[0] as Call),
        sum(calls, (call) => attempts(call) * seconds(call, call.call.billedMs)),
      ),
    );
    const starts = [...groupBy(this.#calls, price)].map(([key, calls]) =>
      item(
        'Lambda: cold starts',
        key,
        sum(calls, (call) => attempts(call) * cold * seconds(call, call.function.initMs)),
      ),
    );
    return [item('Lambda: calls', 'lambda.request', sum(this.#calls, attempts)), ...durations, ...starts];
  }

  #tables(times: Times): Item[] {
    let [writes, indexWrites, reads, stored, recoverable] = [0, 0, 0, 0, 0];
    const newItems = new Map<Resource, { count: number; indexBytes: Map<string, number> }>();
    for (const call of this.#calls) {
      for (const write of call.measured.writes) {
        const table = this.#tableOf(call, write.table);
        const bytes = sum(Object.values(write.attributes), (each) => each);
        writes += times(call) * Math.ceil(bytes / KB);
        const indexes = indexesOf(table).map((index) => ({
          index,
          attributes: projected(index, table, write),
        }));
        for (const { attributes } of indexes) {
          if (!attributes.some((name) => write.changed.includes(name))) continue;
          indexWrites += times(call) * Math.ceil(bytesOf(attributes, write) / KB);
        }
        if (!write.isNew) continue;
        const months = Math.min(
          this.#assumptions.months,
          (write.livesDays ?? Number.POSITIVE_INFINITY) / MONTH_DAYS,
        );
        const inIndexes = sum(indexes, ({ attributes }) =>
          attributes.length > 0 ? bytesOf(attributes, write) + ITEM_OVERHEAD : 0,
        );
        const gigabytes = (times(call) * months * (bytes + ITEM_OVERHEAD + inIndexes)) / GB;
        stored += gigabytes;
        if (table.properties.PointInTimeRecoverySpecification?.PointInTimeRecoveryEnabled)
          recoverable += gigabytes;
        const known = newItems.get(table) ?? { count: 0, indexBytes: new Map<string, number>() };
        known.count += times(call);
        for (const { index, attributes } of indexes)
          known.indexBytes.set(index.IndexName, bytesOf(attributes, write));
        newItems.set(table, known);
      }
    }
    // A report reads the index's entries of one day.
    for (const call of this.#calls) {
      for (const { on, index, actions } of findConsumer(this.#app, call.service)?.calls ?? []) {
        if (call.perMonth === 0 || !index || !actions.includes('dynamodb:Query')) continue;
        const { count = 0, indexBytes } = newItems.get(this.#tableOf(call, on)) ?? {};
        const bytes = (count / MONTH_DAYS) * (indexBytes?.get(index) ?? 0);
        reads += (times(call) * Math.ceil(bytes / (4 * KB))) / 2;
      }
    }
    return [
      item('DynamoDB: writes', 'dynamodb.write', writes),
      item('DynamoDB: writes to indexes', 'dynamodb.write', indexWrites),
      item('DynamoDB: reads', 'dynamodb.read', reads),
      item('DynamoDB: storage', 'dynamodb.storage', stored),
      item('DynamoDB: point-in-time recovery', 'dynamodb.recovery', recoverable),
    ];
  }

  #messages(times: Times): Item[] {
    let [published, mails, requests, queued] = [0, 0, 0, 0];
    for (const call of this.#calls) {
      const topics = this.#named(call.resource, 'AWS::SNS::Topic');
      for (const bytes of call.measured.messages) {
        published += times(call) * Math.ceil(bytes / CHUNK);
        for (const { properties } of this.#assembly.ofType('AWS::SNS::Subscription')) {
          if (!topics.some(({ arn }) => arn === properties.TopicArn)) continue;
          if (/^email/.test(properties.Protocol)) mails += times(call);
          if (/^https?$/.test(properties.Protocol)) requests += times(call);
        }
      }
      const { queue } = asynchronousFailure(this.#assembly, call.resource);
      if (queue) queued += (times(call) * this.#assumptions.failures) / 100;
    }
    for (const { resource, payloadBytes, ...delivery } of this.#direct) {
      const chunks = times(delivery) * Math.ceil(payloadBytes / CHUNK);
      if (resource.type === 'AWS::SQS::Queue') queued += chunks;
      if (resource.type === 'AWS::SNS::Topic') published += chunks;
    }
    return [
      item('SNS: messages', 'sns.publish', published),
      item('SNS: mails', 'sns.email', mails),
      item('SNS: HTTP requests', 'sns.http', requests),
      item('SQS: requests', 'sqs.request', queued * REQUESTS_OF_MESSAGE),
    ];
  }

  #streams(times: Times): Item[] {
    let [rounded, puts, transitions, standard, infrequent] = [0, 0, 0, 0, 0];
    for (const stream of this.#assembly.ofType('AWS::KinesisFirehose::DeliveryStream')) {
      const calls = this.#calls.filter(({ resource }) =>
        this.#named(resource, 'AWS::KinesisFirehose::DeliveryStream').includes(stream),
      );
      const records = [
        ...calls.flatMap((call) => call.measured.records.map((bytes) => ({ bytes, count: times(call) }))),
        ...this.#direct
          .filter(({ resource }) => resource === stream)
          .map((delivery) => ({ bytes: delivery.payloadBytes, count: times(delivery) })),
      ];
      const bytes = sum(records, (record) => record.count * record.bytes);
      const count = sum(records, (record) => record.count);
      rounded += sum(
        records,
        (record) => record.count * Math.ceil(record.bytes / FIREHOSE_ROUNDING) * FIREHOSE_ROUNDING,
      );

      const {
        BufferingHints: hints = {},
        CompressionFormat: format,
        BucketARN: bucketArn,
      } = stream.properties.ExtendedS3DestinationConfiguration ?? {};
      const { IntervalInSeconds: interval = 300, SizeInMBs: size = 5 } = hints;
      // Full before its time, or else at each interval in which there is anything.
      const objects = Math.max(bytes / (size * 2 ** 20), Math.min(count, MONTH_SECONDS / interval));
      const kept = bytes * (format === 'GZIP' ? this.#measurement.compression : 1);
      const bucket = this.#assembly.ofType('AWS::S3::Bucket').find(({ arn }) => arn === bucketArn);
      const rules = bucket?.properties.LifecycleConfiguration?.Rules ?? [];
      const [rule = {}] = rules.filter(({ Status }: Resource['properties']) => Status === 'Enabled');
      const months = this.#monthsKept(Number(rule.ExpirationInDays ?? 0));
      const moved = rule.Transitions?.find(
        ({ StorageClass }: Resource['properties']) => StorageClass === 'STANDARD_IA',
      );
      const isMoved = moved && kept / objects >= LEAST_TRANSITION;
      const asStandard = isMoved ? Math.min(months, moved.TransitionInDays / MONTH_DAYS) : months;
      puts += objects;
      standard += (kept * asStandard) / GB;
      infrequent += (kept * (months - asStandard)) / GB;
      if (months > asStandard) transitions += objects;
    }
    return [
      item('Firehose: records', 'firehose.ingestion', rounded / GB),
      item('S3: writes', 's3.put', puts),
      item('S3: moves to infrequent access', 's3.transition', transitions),
      item('S3: storage', 's3.standard', standard),
      item('S3: storage, infrequent access', 's3.infrequent', infrequent),
    ];
  }

  #logs(times: Times): Item[] {
    const written = this.#calls.map((call) => {
      const bytes = this.#attempts(call, times) * call.call.logBytes;
      const name = call.resource.properties.LoggingConfig?.LogGroup;
      const group = this.#assembly.ofType('AWS::Logs::LogGroup').find((each) => each.name === name);
      return { bytes, stored: bytes * this.#monthsKept(Number(group?.properties.RetentionInDays ?? 0)) };
    });
    return [
      item('CloudWatch: log lines', 'logs.ingestion', sum(written, ({ bytes }) => bytes) / GB),
      item('CloudWatch: log lines, kept', 'logs.storage', sum(written, ({ stored }) => stored) / GB),
    ];
  }

  #tracing(times: Times): Item[] {
    const [sampling] = this.#assembly.ofType('AWS::XRay::SamplingRule');
    const share = Number(sampling?.properties.SamplingRule.FixedRate ?? TRACED_SHARE);
    const traced = this.#calls.filter(({ resource }) => resource.properties.TracingConfig?.Mode === 'Active');
    const traces = sum([...groupBy(traced, ({ service }) => service).values()], (calls) => {
      const perSecond = sum(calls, (call) => this.#attempts(call, times)) / MONTH_SECONDS;
      return MONTH_SECONDS * (Math.min(1, perSecond) + share * Math.max(0, perSecond - 1));
    });
    return [item('X-Ray: traces', 'xray.trace', traces)];
  }

  /** What does not depend on the number of events. */
  #fixed(): Item[] {
    // A metric is billed for the hours in which it has values; one that a schedule counts has few.
    const hours = MONTH_DAYS * 24;
    const metrics = new Map<string, number>();
    for (const { service, measured, perEvent, perMonth } of this.#calls) {
      const share = perEvent > 0 ? 1 : Math.min(1, perMonth / hours);
      for (const name of measured.metrics) {
        const key = `${service} ${name}`;
        metrics.set(key, Math.max(share, metrics.get(key) ?? 0));
      }
    }
    const { all: alarms } = new Alarms(this.#assembly);
    return [
      item(
        'CloudWatch: metrics of the handlers',
        'cloudwatch.metric',
        sum([...metrics.values()], (share) => share),
      ),
      item(
        'CloudWatch: alarms',
        'cloudwatch.alarm',
        sum(alarms, ({ metricCount }) => metricCount),
      ),
      item(
        'CloudWatch: composite alarms',
        'cloudwatch.compositeAlarm',
        this.#assembly.ofType('AWS::CloudWatch::CompositeAlarm').length,
      ),
      item(
        'CloudWatch: dashboards',
        'cloudwatch.dashboard',
        this.#assembly.ofType('AWS::CloudWatch::Dashboard').length,
      ),
      item('KMS: keys', 'kms.key', this.#assembly.ofType('AWS::KMS::Key').length),
    ];
  }

  /** For how many months' worth of data is there. @param days 0: for ever */
  #monthsKept(days: number): number {
    return Math.min(this.#assumptions.months, days === 0 ? Number.POSITIVE_INFINITY : days / MONTH_DAYS);
  }

  #tableOf({ resource, service }: Call, variable: string): Resource {
    const name = resource.properties.Environment?.Variables?.[variable];
    const table = this.#assembly.ofType('AWS::DynamoDB::Table').find((each) => each.name === name);
    if (!table)
      throw new InputError(
        `${service} writes to the table in ${variable}, which the template does not have.`,
      );
    if (table.properties.BillingMode !== 'PAY_PER_REQUEST')
      throw new InputError(
        `Table ${table.name} is not on demand: what its capacity costs is not known here.`,
      );
    return table;
  }

  /** What the function is told of in its variables. */
  #named(resource: Resource, type: string): Resource[] {
    const values = Object.values(resource.properties.Environment?.Variables ?? {});
    return this.#assembly
      .ofType(type)
      .filter(({ arn, name }) => values.includes(arn) || values.includes(name));
  }
}

function item(name: string, price: PriceKey, quantity: number): Item {
  const { usd, per } = priceTable.prices[price];
  return { name, price, quantity, usd: (quantity * usd) / per };
}

/** Size of the PutEvents entry that the event was published by, in bytes. */
function publishedSize({ time, source, 'detail-type': DetailType, resources, detail }: BusEvent): number {
  return entrySize({
    Time: time,
    Source: source,
    DetailType,
    Resources: resources,
    Detail: JSON.stringify(detail),
  });
}

const jsonBytes = (value: object): number => Buffer.byteLength(JSON.stringify(value));

/** Ids as publishers make them: a UUID, which also correlates. */
const EXAMPLE_UUID = '6a7e8feb-b491-4cf7-a9f1-bf3703467718';
const EXAMPLE_IDS = { eventId: EXAMPLE_UUID, correlationId: EXAMPLE_UUID };

/** How often the schedule fires in the month that begins with one of its times. */
function timesInMonth(schedule: Schedule, first: Date): number {
  const end = first.getTime() + MONTH_SECONDS * 1_000;
  let count = 0;
  for (let time: Date | undefined = first; time && time.getTime() < end; time = schedule.next(time)) count++;
  return count;
}

/** What becomes of an event that a function fails to handle. */
function asynchronousFailure(assembly: Assembly, lambda: Resource): { retries: number; queue?: Resource } {
  const [qualifier] = qualifiersCalled(rulesOf(assembly), lambda);
  const { retries, onFailure } = invokeConfigOf(assembly, lambda, qualifier);
  const queue = assembly.ofType('AWS::SQS::Queue').find((each) => each.arn === onFailure);
  return {
    retries: isKnown(retries) ? retries : ASYNC_INVOCATION.defaultRetries,
    ...(queue && { queue }),
  };
}

/** Of one call: the handler's own lines that its levels let through, and Lambda's. */
function logBytes(
  { properties }: Resource,
  { systemLines }: FunctionMeasurement,
  { lines }: CallMeasurement,
  { variables: { logLevel = '' } }: App,
): number {
  const { LoggingConfig: logging = {}, Environment } = properties;
  const rank = (level: string) => LOG_LEVELS.indexOf(level.toUpperCase());
  const own = rank(Environment?.Variables?.[logLevel] ?? 'INFO');
  // Lambda drops by level in its JSON format only, and takes lines without a level, as of metrics, for INFO.
  const lambda = logging.LogFormat === 'JSON' ? rank(logging.ApplicationLogLevel ?? 'INFO') : 0;
  const written = lines.filter(
    ({ level }) => rank(level ?? 'INFO') >= lambda && (level === undefined || rank(level) >= own),
  );
  return sum(written, ({ bytes }) => bytes) + (systemLines[loggingKey(logging)] ?? 0);
}

const indexesOf = ({ properties }: Resource): Resource['properties'][] =>
  properties.GlobalSecondaryIndexes ?? [];

/** The written item's attributes that the index holds, too; none if it lacks a key of the index. */
function projected(
  { KeySchema: keys, Projection: projection }: Resource['properties'],
  { properties }: Resource,
  { attributes }: Write,
): string[] {
  const own = Object.keys(attributes);
  const nameOf = ({ AttributeName }: Resource['properties']): string => AttributeName;
  if (!keys.map(nameOf).every((key: string) => own.includes(key))) return [];
  if (projection.ProjectionType === 'ALL') return own;
  const held = [
    ...keys.map(nameOf),
    ...properties.KeySchema.map(nameOf),
    ...(projection.NonKeyAttributes ?? []),
  ];
  return own.filter((name) => held.includes(name));
}

const bytesOf = (names: readonly string[], { attributes }: Write): number =>
  sum(names, (name) => attributes[name] ?? 0);

function sum<Value>(values: Iterable<Value>, of: (value: Value) => number): number {
  let total = 0;
  for (const value of values) total += of(value);
  return total;
}

function groupBy<Value, Key>(values: readonly Value[], of: (value: Value) => Key): Map<Key, Value[]> {
  const groups = new Map<Key, Value[]>();
  for (const value of values) groups.set(of(value), [...(groups.get(of(value)) ?? []), value]);
  return groups;
}
