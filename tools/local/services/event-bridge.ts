/**
 * EventBridge as far as the template uses it: buses, rules by pattern and by schedule, archives and replays.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-what-is.html
 */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { type BusEvent, entrySize } from '../../eventbridge/event';
import { InvalidEventPatternError } from '../../eventbridge/event-pattern';
import { InvalidTargetInputError } from '../../eventbridge/input-transformer';
import { RuleIndex } from '../../eventbridge/rule-index';
import { InvalidScheduleError, type Schedule, scheduledEvent } from '../../eventbridge/schedule';
import { PUT_EVENTS } from '../../eventbridge/service-facts';
import { type Assembly, AssemblyError, busName, type Resource } from '../../template/assembly';
import { requireKnownProperties } from '../../template/properties';
import { currentTrace } from '../steps';
import { Archive } from './archive';
import type { Delivery, DeliveryOptions } from './delivery';
import type { InFlight } from './in-flight';
import { archiveRule, Rule, readRule } from './rule';
import { ServiceError } from './service-error';

/** One entry of PutEvents, as it stands in the request. */
export interface PutEventsEntry {
  /** Seconds since 1970-01-01 UTC (the JSON protocol's timestamp) or ISO 8601. @default now */
  readonly Time?: number | string;
  readonly Source?: string;
  readonly Resources?: readonly string[];
  readonly DetailType?: string;
  /** JSON text of an object. */
  readonly Detail?: string;
  /** Name or ARN. @default the default bus */
  readonly EventBusName?: string;
  readonly TraceHeader?: string;
}

export type PutEventsResult =
  | { readonly EventId: string }
  | { readonly ErrorCode: string; readonly ErrorMessage: string };

export interface EventBus {
  readonly name: string;
  readonly arn: string;
  readonly description?: string;
  /** The resource policy document, if the template has one. */
  readonly policy?: object;
}

/** Field names and values are those of DescribeReplay; times are seconds since 1970-01-01 UTC. */
export interface Replay {
  readonly ReplayName: string;
  readonly ReplayArn: string;
  readonly Description?: string;
  readonly State: 'STARTING' | 'RUNNING' | 'CANCELLING' | 'COMPLETED' | 'CANCELLED' | 'FAILED';
  readonly StateReason?: string;
  readonly EventSourceArn: string;
  readonly Destination: { readonly Arn: string; readonly FilterArns?: readonly string[] };
  readonly EventStartTime: number;
  readonly EventEndTime: number;
  readonly EventLastReplayedTime?: number;
  readonly ReplayStartTime: number;
  readonly ReplayEndTime?: number;
}

export interface StartReplayRequest {
  readonly ReplayName: string;
  readonly Description?: string;
  /** ARN of the ARCHIVE. */
  readonly EventSourceArn: string;
  /** Seconds since 1970-01-01 UTC. */
  readonly EventStartTime: number;
  readonly EventEndTime: number;
  readonly Destination: { readonly Arn: string; readonly FilterArns?: readonly string[] };
}

export interface EventBridgeOptions extends DeliveryOptions {
  readonly assembly: Assembly;
  /** Where archives are kept. */
  readonly directory: string;
  /** Takes the replays that are at work. */
  readonly inFlight: InFlight;
}

/** So many events of a replay are sent before other work has its turn. */
const REPLAY_BATCH = 100;
/** The service takes its time to begin a replay; so there is one to cancel it in. */
const REPLAY_START_MS = 1000;

export class EventBridge {
  /** By name; always with `default`. */
  readonly buses: ReadonlyMap<string, EventBus>;
  /** By name. */
  readonly archives: ReadonlyMap<string, Archive>;
  #rules: readonly Rule[] = [];
  /** Of rules that are no more, with events that wait to be delivered again. */
  #retired: readonly Delivery[] = [];
  /** Patterns by the rule's ARN, by bus; rules that are disabled are not in it. */
  readonly #indexes = new Map<string, RuleIndex>();
  readonly #rulesByArn = new Map<string, Rule>();
  /** The next time of each rule that has a schedule and is enabled. */
  readonly #schedules = new Map<Rule, { cancel(): void }>();
  readonly #replays = new Map<string, RunningReplay>();
  readonly #options: EventBridgeOptions;

  private constructor(options: EventBridgeOptions, archives: readonly Archive[]) {
    this.#options = options;
    const { assembly } = options;
    this.archives = new Map(archives.map((archive) => [archive.name, archive]));
    const own = assembly.ofType('AWS::Events::EventBus').map((resource) => readBus(assembly, resource));
    const standard = { name: 'default', arn: `${arnPrefix(assembly)}:event-bus/default` };
    this.buses = new Map([standard, ...own].map((bus) => [bus.name, bus]));
    this.#load(options);
  }

  /** @throws AssemblyError for what the service would refuse, and for what is not known here */
  static async start(options: EventBridgeOptions): Promise<EventBridge> {
    const archives: Archive[] = [];
    for (const resource of options.assembly.ofType('AWS::Events::Archive')) {
      const file = path.join(options.directory, `${resource.name}.jsonl`);
      try {
        archives.push(await Archive.open(resource, options.clock, file));
      } catch (error) {
        throw refusalOf(resource, error);
      }
    }
    return new EventBridge(options, archives);
  }

  get rules(): readonly Rule[] {
    return this.#rules;
  }

  /**
   * Takes the rules of a new template; buses and archives stay as they are, and so do deliveries on their way.
   * @throws AssemblyError, and then nothing has changed
   */
  update(options: Pick<EventBridgeOptions, 'assembly' | 'policies' | 'targets'>): void {
    this.#load({ ...this.#options, ...options });
  }

  #load(options: EventBridgeOptions): void {
    const { assembly, clock } = options;
    const createdAt = new Date(clock.now());
    const changed = (rule: Rule) => this.#file(rule);
    const rules = assembly.ofType('AWS::Events::Rule').map((resource) => {
      try {
        return new Rule(readRule(resource, assembly, options), createdAt, changed);
      } catch (error) {
        throw refusalOf(resource, error);
      }
    });
    const homeless = rules.find(({ busName: bus }) => !this.buses.has(bus));
    if (homeless) {
      throw new AssemblyError(
        `Rule ${homeless.name}: there is no event bus ${homeless.busName} in this stack.`,
      );
    }
    for (const archive of this.archives.values()) {
      rules.push(new Rule(archiveRule(archive), createdAt, changed));
    }
    for (const timer of this.#schedules.values()) timer.cancel();
    this.#schedules.clear();
    this.#retired = this.#deliveries.filter(({ waitingForRetry }) => waitingForRetry > 0);
    this.#rules = rules;
    this.#rulesByArn.clear();
    for (const bus of this.buses.keys()) this.#indexes.set(bus, new RuleIndex());
    for (const rule of rules) {
      this.#rulesByArn.set(rule.arn, rule);
      this.#file(rule);
    }
  }

  get #deliveries(): readonly Delivery[] {
    return [...this.#retired, ...this.#rules.flatMap(({ deliveries }) => deliveries)];
  }

  /** Puts a rule where it is found, or takes it away from there, by its state. */
  #file(rule: Rule): void {
    const index = this.#indexes.get(rule.busName);
    const isEnabled = rule.state === 'ENABLED';
    if (rule.pattern && isEnabled) index?.add(rule.arn, rule.pattern);
    else index?.remove(rule.arn);
    this.#schedules.get(rule)?.cancel();
    this.#schedules.delete(rule);
    if (rule.schedule && isEnabled) this.#scheduleNext(rule, rule.schedule, this.#options.clock.now());
  }

  #scheduleNext(rule: Rule, schedule: Schedule, after: number): void {
    const { clock } = this.#options;
    const time = schedule.next(new Date(after));
    if (!time) return;
    const timer = clock.after(time.getTime() - clock.now(), () => {
      // What a sleeping machine missed is not made up for.
      this.#scheduleNext(rule, schedule, Math.max(time.getTime(), clock.now()));
      this.#fire(rule, time);
    });
    this.#schedules.set(rule, timer);
  }

  #fire(rule: Rule, time: Date): void {
    const { assembly, onStep } = this.#options;
    const { account, region } = assembly;
    const event = scheduledEvent({ ruleArn: rule.arn, time, account, region });
    onStep?.({ kind: 'schedule-fired', rule: rule.name, eventId: event.id, event });
    for (const delivery of rule.deliveries) delivery.start(event, undefined);
  }

  /**
   * One result for each entry, in their order.
   * @throws ServiceError (ValidationException) if the request as a whole is refused
   */
  putEvents(entries: readonly PutEventsEntry[]): PutEventsResult[] {
    if (entries.length === 0 || entries.length > PUT_EVENTS.maxEntries) {
      const value = `[${entries.map(() => 'PutEventsRequestEntry').join(', ')}]`;
      const limit =
        entries.length === 0
          ? 'greater than or equal to 1'
          : `less than or equal to ${PUT_EVENTS.maxEntries}`;
      throw validation(
        `1 validation error detected: Value '${value}' at 'entries' failed to satisfy constraint: Member must have length ${limit}`,
      );
    }
    const bytes = entries.reduce((sum, entry) => sum + entrySize(entry), 0);
    if (bytes > PUT_EVENTS.maxBytes) {
      throw validation('Total size of the entries in the request is over the limit.');
    }
    return entries.map((entry) => this.#put(entry));
  }

  #put(entry: PutEventsEntry): PutEventsResult {
    const { Source = '', DetailType = '', EventBusName, Resources = [], Time, TraceHeader } = entry;
    const detail = parseDetail(entry.Detail);
    const refusal = refuse(entry, detail);
    const { assembly, clock, onStep } = this.#options;
    if (refusal) {
      const { ErrorCode: code, ErrorMessage: message } = refusal;
      onStep?.({ kind: 'event-refused', source: Source, detailType: DetailType, code, message });
      return refusal;
    }
    const time = Time === undefined ? clock.now() : readTime(Time);
    const event: BusEvent = {
      version: '0',
      id: randomUUID(),
      'detail-type': DetailType,
      source: Source,
      account: assembly.account,
      time: `${new Date(time).toISOString().slice(0, 19)}Z`,
      region: assembly.region,
      resources: [...Resources],
      detail,
    };
    const bus = busName(EventBusName);
    if (this.buses.has(bus)) {
      onStep?.({ kind: 'event-put', bus, eventId: event.id, event });
      this.#route(bus, event, TraceHeader ?? currentTrace());
    } else {
      const reason = `There is no event bus ${bus} in this stack.`;
      onStep?.({ kind: 'event-dropped', bus, eventId: event.id, reason });
    }
    return { EventId: event.id };
  }

  /** @param only ARNs of the rules that may have it. @default all of the bus */
  #route(bus: string, event: BusEvent, trace: string | undefined, only?: ReadonlySet<string>): void {
    const matched = this.#indexes.get(bus)?.lookup(event) ?? [];
    const { onStep } = this.#options;
    if (onStep) this.#reportMatches(bus, event, new Set(matched), only);
    for (const arn of matched) {
      if (only && !only.has(arn)) continue;
      const rule = this.#rulesByArn.get(arn);
      if (rule?.archive) {
        rule.archive.add(event);
        onStep?.({ kind: 'event-archived', archive: rule.archive.name, eventId: event.id });
      }
      for (const delivery of rule?.deliveries ?? []) delivery.start(event, trace);
    }
  }

  /** Tells the rules that took the event, and those that would have if one more field had been right. */
  #reportMatches(
    bus: string,
    event: BusEvent,
    matched: ReadonlySet<string>,
    only?: ReadonlySet<string>,
  ): void {
    const read = new Map();
    for (const { arn, name, busName: of, archive, pattern, state } of this.#rules) {
      if (of !== bus || archive || !pattern || state === 'DISABLED' || (only && !only.has(arn))) continue;
      if (matched.has(arn)) {
        this.#options.onStep?.({ kind: 'rule-matched', eventId: event.id, rule: name });
        continue;
      }
      const { misses } = pattern.explain(event, read);
      const [miss] = misses;
      const asksForMore = pattern.branches.every(({ fields }) => fields.length > 1);
      if (miss && misses.length === 1 && asksForMore) {
        const { field, reason } = miss;
        this.#options.onStep?.({ kind: 'rule-missed', eventId: event.id, rule: name, field, reason });
      }
    }
  }

  /** @throws ServiceError as StartReplay does */
  startReplay(request: StartReplayRequest): Replay {
    const { ReplayName, EventSourceArn, Destination, EventStartTime, EventEndTime } = request;
    const bus = [...this.buses.values()].find(({ arn }) => arn === Destination.Arn);
    if (!/:event-bus\//.test(Destination.Arn)) {
      throw validation('Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN.');
    }
    if (!bus) {
      throw new ServiceError(
        'ResourceNotFoundException',
        `Event bus ${busName(Destination.Arn)} does not exist.`,
      );
    }
    const archiveName = EventSourceArn.split('archive/').at(-1) ?? '';
    const archive = this.archives.get(archiveName);
    if (!archive || archive.arn !== EventSourceArn) {
      throw validation(
        `Parameter EventSourceArn is not valid. Reason: Archive ${archiveName} does not exist.`,
      );
    }
    if (archive.eventSourceArn !== bus.arn) {
      throw validation(
        'Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.',
      );
    }
    if (EventEndTime <= EventStartTime) {
      throw validation(
        'Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.',
      );
    }
    for (const arn of Destination.FilterArns ?? []) {
      if (this.#rulesByArn.get(arn)?.busName === bus.name) continue;
      throw validation(
        `Parameter Destination.FilterArns is not valid. Reason: Rule ${arn} does not exist on ${bus.name}.`,
      );
    }
    if (this.#replays.has(ReplayName)) {
      throw new ServiceError('ResourceAlreadyExistsException', `Replay ${ReplayName} already exists.`);
    }
    const { assembly, clock } = this.#options;
    const replay: RunningReplay = {
      ...request,
      ReplayArn: `${arnPrefix(assembly)}:replay/${ReplayName}`,
      State: 'STARTING',
      ReplayStartTime: clock.now() / 1000,
      replayed: 0,
    };
    this.#replays.set(ReplayName, replay);
    this.#change(replay, 'STARTING');
    clock.after(REPLAY_START_MS, () => {
      const run = this.#replay(replay, archive, bus.name);
      this.#options.inFlight.track(run);
      return run;
    });
    return describe(replay);
  }

  /** @throws ServiceError (ResourceNotFoundException) */
  describeReplay(name: string): Replay {
    return describe(this.#findReplay(name));
  }

  listReplays(): Replay[] {
    return [...this.#replays.values()].map(describe);
  }

  /** @throws ServiceError (ResourceNotFoundException, IllegalStatusException) */
  cancelReplay(name: string): Replay {
    const replay = this.#findReplay(name);
    if (replay.State !== 'STARTING' && replay.State !== 'RUNNING') {
      throw new ServiceError(
        'IllegalStatusException',
        `Replay ${name} is not in a valid state for this operation.`,
      );
    }
    this.#change(replay, 'CANCELLING');
    return describe(replay);
  }

  /** How many events wait to be delivered again. */
  get waitingForRetry(): number {
    return this.#deliveries.reduce((sum, { waitingForRetry }) => sum + waitingForRetry, 0);
  }

  /** No rule fires any more, what waits is dropped, and the archives let go of their files. */
  async stop(): Promise<void> {
    for (const timer of this.#schedules.values()) timer.cancel();
    for (const delivery of this.#deliveries) delivery.stop();
    for (const replay of this.#replays.values()) {
      if (replay.State === 'STARTING' || replay.State === 'RUNNING') this.#change(replay, 'CANCELLING');
    }
    await this.#options.inFlight.settled();
    for (const archive of this.archives.values()) archive.close();
  }

  #findReplay(name: string): RunningReplay {
    const replay = this.#replays.get(name);
    if (!replay) throw new ServiceError('ResourceNotFoundException', `Replay ${name} does not exist.`);
    return replay;
  }

  async #replay(replay: RunningReplay, archive: Archive, bus: string): Promise<void> {
    const { FilterArns } = replay.Destination;
    const only = FilterArns && FilterArns.length > 0 ? new Set(FilterArns) : undefined;
    if (replay.State === 'STARTING') this.#change(replay, 'RUNNING');
    try {
      const window = [1000 * replay.EventStartTime, 1000 * replay.EventEndTime] as const;
      for await (const { events } of archive.replay(...window)) {
        for (const event of events) {
          if (replay.State === 'CANCELLING') break;
          const replayed = { ...event, 'replay-name': replay.ReplayName };
          this.#options.onStep?.({ kind: 'event-put', bus, eventId: event.id, event: replayed });
          this.#route(bus, replayed, undefined, only);
          replay.EventLastReplayedTime = Date.parse(event.time) / 1000;
          replay.replayed++;
          if (replay.replayed % REPLAY_BATCH === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        if (replay.State === 'CANCELLING') break;
      }
    } catch (error) {
      replay.StateReason = (error as Error).message;
      this.#change(replay, 'FAILED');
      return;
    }
    this.#change(replay, replay.State === 'CANCELLING' ? 'CANCELLED' : 'COMPLETED');
  }

  #change(replay: RunningReplay, state: Replay['State']): void {
    replay.State = state;
    const isOver = state === 'COMPLETED' || state === 'CANCELLED' || state === 'FAILED';
    if (isOver) replay.ReplayEndTime = this.#options.clock.now() / 1000;
    this.#options.onStep?.({
      kind: 'replay-changed',
      replay: replay.ReplayName,
      state,
      replayed: replay.replayed,
      ...(replay.StateReason !== undefined && { reason: replay.StateReason }),
    });
  }
}

type RunningReplay = { -readonly [Key in keyof Replay]: Replay[Key] } & { replayed: number };

function describe({ replayed: _, ...replay }: RunningReplay): Replay {
  return replay;
}

/** What the service's own checks say, with the resource that they say it of. */
function refusalOf(resource: Resource, error: unknown): unknown {
  const isRefusal =
    error instanceof InvalidEventPatternError ||
    error instanceof InvalidScheduleError ||
    error instanceof InvalidTargetInputError;
  if (!isRefusal) return error;
  const reason = error instanceof InvalidScheduleError ? ` ${error.reason}` : '';
  return new AssemblyError(`${resource.type} ${resource.logicalId}: ${error.message}${reason}`);
}

function readBus(assembly: Assembly, resource: Resource): EventBus {
  requireKnownProperties(resource, resource.properties, [
    ...['Name', 'Description', 'Tags', 'Policy'],
    'KmsKeyIdentifier', // Encryption at rest changes nothing of how events are routed.
  ]);
  const { Description: description, Policy } = resource.properties;
  const statements = assembly
    .ofType('AWS::Events::EventBusPolicy')
    .filter(({ properties }) => busName(properties.EventBusName) === resource.name)
    .map(({ properties: { StatementId: Sid, Statement } }) => ({ Sid, ...Statement }));
  const policy =
    Policy ?? (statements.length > 0 ? { Version: '2012-10-17', Statement: statements } : undefined);
  return {
    name: resource.name,
    arn: resource.arn,
    ...(description && { description }),
    ...(policy && { policy }),
  };
}

const arnPrefix = ({ partition, region, account }: Assembly) =>
  `arn:${partition}:events:${region}:${account}`;

const validation = (message: string) => new ServiceError('ValidationException', message);

/** Milliseconds since 1970-01-01 UTC. */
function readTime(time: number | string): number {
  const ms = typeof time === 'number' ? 1000 * time : Date.parse(time);
  if (Math.abs(ms) <= 8.64e15) return ms;
  throw new ServiceError('SerializationException', `The Time ${time} of an entry is no timestamp.`);
}

/** undefined if it is not the JSON text of an object */
function parseDetail(text: string | undefined): object | undefined {
  try {
    const detail = JSON.parse(text ?? '');
    return typeof detail === 'object' && detail !== null && !Array.isArray(detail) ? detail : undefined;
  } catch {
    return undefined;
  }
}

function refuse(entry: PutEventsEntry, detail: object | undefined) {
  for (const field of ['Source', 'DetailType', 'Detail'] as const) {
    if (entry[field]) continue;
    return {
      ErrorCode: 'InvalidArgument',
      ErrorMessage: `Parameter ${field} is not valid. Reason: ${field} is a required argument.`,
    };
  }
  if (entry.Source?.startsWith('aws.')) {
    return {
      ErrorCode: 'NotAuthorizedForSourceException',
      ErrorMessage: 'Not authorized for the source.',
    };
  }
  return detail ? undefined : { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
}
