/**
 * EventBridge as far as the template uses it: buses, rules by pattern and by schedule, archives and replays.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-what-is.html
 */
import path from 'node:path';
import { type BusEvent, type EventOnBus, entrySize, eventOnBus } from '../../eventbridge/event';
import { InvalidEventPatternError } from '../../eventbridge/event-pattern';
import { InvalidTargetInputError } from '../../eventbridge/input-transformer';
import { RuleIndex } from '../../eventbridge/rule-index';
import { InvalidScheduleError, scheduledEvent } from '../../eventbridge/schedule';
import { PUT_EVENTS } from '../../eventbridge/service-facts';
import { type Assembly, AssemblyError, busName, type Resource } from '../../template/assembly';
import { schedulesOf } from '../../template/schedules';
import { currentRequest } from '../steps';
import { Archive } from './archive';
import type { Delivery, DeliveryOptions } from './delivery';
import type { InFlight } from './in-flight';
import { requireKnownProperties } from './known-properties';
import { discarded, type PutEventsEntry, parseDetail, readTime, refuse } from './put-entry';
import { type Replay, Replays, type ReplaysOptions, type StartReplayRequest } from './replays';
import { archiveRule, defineRule, defineSchedule, Rule, type RuleDefinition } from './rule';
import { RuleSchedules } from './rule-schedules';
import { ServiceError } from './service-error';

export type PutEventsResult =
  | { readonly EventId: string }
  | { readonly ErrorCode: string; readonly ErrorMessage: string };

export interface BusDefinition {
  readonly name: string;
  readonly arn: string;
  readonly description?: string;
  /** The resource policy document, if the template has one. */
  readonly policy?: object;
  /** Milliseconds since 1970-01-01 UTC; the default bus has none. */
  readonly createdAt?: number;
  /** The key of its events, and where those go that it cannot encrypt. */
  readonly encryption?: {
    readonly KmsKeyIdentifier?: string;
    readonly DeadLetterConfig?: { readonly Arn: string };
  };
}

export interface EventBridgeOptions extends DeliveryOptions {
  readonly assembly: Assembly;
  /** The template's rules that run. */
  readonly rules: readonly Resource[];
  /** Folder of the archives. */
  readonly directory: string;
  /** Remembers the replays that have not ended. */
  readonly unfinishedReplays?: ReplaysOptions['unfinished'];
  /** Takes the replays that are at work. */
  readonly inFlight: InFlight;
}

export class EventBridge {
  /** Buses by name; always with `default`. */
  readonly buses: ReadonlyMap<string, BusDefinition>;
  /** Archives by name. */
  readonly archives: ReadonlyMap<string, Archive>;
  #rules: readonly Rule[] = [];
  /** Deliveries of removed rules with events that wait for a retry. */
  #retired: readonly Delivery[] = [];
  /** Patterns by the rule's ARN, by bus; rules that are disabled are not in it. */
  readonly #indexes = new Map<string, RuleIndex>();
  readonly #rulesByArn = new Map<string, Rule>();
  readonly #schedules: RuleSchedules;
  readonly #replays: Replays;
  #options: EventBridgeOptions;

  private constructor(options: EventBridgeOptions, archives: readonly Archive[]) {
    this.#options = options;
    this.#schedules = new RuleSchedules(options.world, (rule, time) => this.#fire(rule, time));
    const { assembly, world } = options;
    this.archives = new Map(archives.map((archive) => [archive.name, archive]));
    const own = assembly.ofType('AWS::Events::EventBus').map((each) => readBus(assembly, each, world.now()));
    const standard = { name: 'default', arn: `${arnPrefix(assembly)}:event-bus/default` };
    this.buses = new Map([standard, ...own].map((bus) => [bus.name, bus]));
    this.#replays = new Replays({
      ...{ world, inFlight: options.inFlight, arnPrefix: arnPrefix(assembly) },
      ...(options.onStep && { onStep: options.onStep }),
      ...(options.unfinishedReplays && { unfinished: options.unfinishedReplays }),
      buses: this.buses,
      archives: this.archives,
      busOfRule: (arn) => this.#rulesByArn.get(arn)?.busName,
      send: (bus, replayed, only) => {
        const { event } = replayed;
        options.onStep?.({ kind: 'event-put', bus, eventId: event.id, event });
        this.#route(bus, replayed, undefined, only);
      },
    });
    this.#load(options);
  }

  /** @throws AssemblyError for what the service would refuse, and for what is not known here */
  static async start(options: EventBridgeOptions): Promise<EventBridge> {
    const archives: Archive[] = [];
    for (const resource of options.assembly.ofType('AWS::Events::Archive')) {
      const file = path.join(options.directory, `${resource.name}.jsonl`);
      try {
        archives.push(await Archive.open(resource, options.world, file));
      } catch (error) {
        throw refusalOf(resource, error);
      }
    }
    return new EventBridge(options, archives);
  }

  /**
   * Resumes the deliveries of an earlier run.
   * @returns deliveries that cannot be resumed, a line each
   */
  resume(): string[] {
    const left: string[] = [];
    for (const [waiting, kept] of this.#options.unfinished?.restored() ?? []) {
      const rule = this.#rulesByArn.get(waiting.ruleArn);
      const delivery = rule?.deliveries.find(({ target }) => target.Id === waiting.target);
      if (delivery) {
        delivery.resume(waiting, kept);
        continue;
      }
      const { id, source, 'detail-type': type } = waiting.shipment.event;
      left.push(
        `${type} of ${source} (${id}) waited to be delivered by ${waiting.ruleArn} to ${waiting.target}, which is no longer in the template.`,
      );
      kept.finish();
    }
    for (const [{ ReplayName }, kept] of this.#options.unfinishedReplays?.restored() ?? []) {
      left.push(
        `The replay ${ReplayName} was under way and does not go on. Start it again under another name.`,
      );
      kept.finish();
    }
    return left;
  }

  /** Rules, and schedules of EventBridge Scheduler, which are on no bus. */
  get rules(): readonly Rule[] {
    return this.#rules;
  }

  /**
   * Takes the rules of a new template; buses and archives stay as they are, and so do deliveries on their way.
   * @throws AssemblyError, and then nothing has changed
   */
  update(options: Pick<EventBridgeOptions, 'assembly' | 'rules' | 'policies' | 'targets'>): void {
    const changed = { ...this.#options, ...options };
    this.#load(changed);
    this.#options = changed;
  }

  /** Options as they are now: the template, and what deliveries need that are created while the stack runs. */
  get options(): EventBridgeOptions {
    return this.#options;
  }

  /**
   * Puts a rule in place of the one with its ARN, if there is one.
   * @throws InvalidEventPatternError, InvalidScheduleError, and then nothing has changed
   */
  setRule(definition: RuleDefinition): void {
    const rule = new Rule(definition, new Date(this.#options.world.now()), this.#changed);
    this.removeRule(definition.arn);
    this.#retired = this.#retired.filter((each) => !definition.deliveries.includes(each));
    this.#rules = [...this.#rules, rule];
    this.#rulesByArn.set(rule.arn, rule);
    this.#file(rule);
  }

  /** Events that wait to be delivered again by it are still delivered. */
  removeRule(arn: string): void {
    const rule = this.#rulesByArn.get(arn);
    if (!rule) return;
    this.#indexes.get(rule.busName)?.remove(arn);
    this.#schedules.remove(rule);
    this.#rulesByArn.delete(arn);
    this.#rules = this.#rules.filter((each) => each !== rule);
    this.#retired = this.#retired.concat(rule.deliveries.filter(({ waitingForRetry: count }) => count > 0));
  }

  /** Files a rule that was enabled or disabled, and reports it. */
  readonly #changed = (rule: Rule): void => {
    this.#file(rule);
    this.#options.onStep?.({ kind: 'rule-changed', rule: rule.name, state: rule.state });
  };

  #load(options: EventBridgeOptions): void {
    const { assembly, world, rules: resources } = options;
    const createdAt = new Date(world.now());
    const made = (resource: Resource, define: () => RuleDefinition) => {
      try {
        return new Rule(define(), createdAt, this.#changed);
      } catch (error) {
        throw refusalOf(resource, error);
      }
    };
    const rules = resources.map((each) => made(each, () => defineRule(each, assembly, options)));
    for (const archive of this.archives.values()) {
      rules.push(new Rule(archiveRule(archive), createdAt, this.#changed));
    }
    for (const model of schedulesOf(assembly)) {
      rules.push(made(model.resource, () => defineSchedule(model, options)));
    }
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
    if (isEnabled) this.#schedules.set(rule);
    else this.#schedules.remove(rule);
  }

  #fire(rule: Rule, time: Date): void {
    const { assembly, onStep, world } = this.#options;
    const event = scheduledEvent({ ruleArn: rule.arn, time, ...placeOf(assembly), id: world.uuid() });
    onStep?.({ kind: 'schedule-fired', rule: rule.name, eventId: event.id, event });
    for (const delivery of rule.deliveries) delivery.start(eventOnBus(event), undefined);
    if (rule.scheduler?.isTransient && !rule.schedule?.next(time)) this.removeRule(rule.arn);
    rule.scheduler?.onFired?.(time);
  }

  /**
   * One result for each entry, in their order.
   * @param by `service`: AWS itself puts them, a service on the default bus or a partner on its own
   * @throws ServiceError (ValidationException) if the request as a whole is refused
   */
  putEvents(entries: readonly PutEventsEntry[], by: 'client' | 'service' = 'client'): PutEventsResult[] {
    checkRequest(entries);
    // Nothing is put before all of the request is known to be well-formed.
    const times = entries.map(({ Time }) =>
      Time === undefined ? this.#options.world.now() : readTime(Time),
    );
    return entries.map((entry, index) => this.#put(entry, times[index] as number, by));
  }

  #put(entry: PutEventsEntry, time: number, by: 'client' | 'service'): PutEventsResult {
    const { Source = '', DetailType = '', EventBusName = 'default', Resources = [], TraceHeader } = entry;
    const detail = parseDetail(entry.Detail);
    const refusal = refuse(entry, detail, by === 'service');
    const { assembly, onStep } = this.#options;
    if (refusal) {
      const what = { source: Source, detailType: DetailType };
      onStep?.({ kind: 'event-refused', ...what, code: refusal.ErrorCode, message: refusal.ErrorMessage });
      return refusal;
    }
    const event: BusEvent = {
      version: '0',
      id: this.#options.world.uuid(),
      'detail-type': DetailType,
      source: Source,
      account: assembly.account,
      time: `${new Date(time).toISOString().slice(0, 19)}Z`,
      region: assembly.region,
      resources: [...Resources],
      detail,
    };
    const bus = this.findBus(EventBusName);
    const reason = bus ? discarded(DetailType) : this.#missing(EventBusName);
    if (bus && !reason) {
      onStep?.({ kind: 'event-put', bus: bus.name, eventId: event.id, event });
      this.#route(bus.name, eventOnBus(event, entry.Detail), TraceHeader ?? currentRequest()?.trace);
    } else {
      const shown = bus?.name ?? EventBusName;
      onStep?.({ kind: 'event-dropped', bus: shown, eventId: event.id, reason: reason ?? '' });
    }
    return { EventId: event.id };
  }

  /**
   * Puts an event on another bus of this stack, as a rule does that has it as its target. An event that came to its bus
   * in the same way is dropped: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html
   */
  forward(busArn: string, on: EventOnBus, trace: string | undefined): void {
    const bus = this.findBus(busArn);
    if (!bus) throw new ServiceError('ResourceNotFoundException', `Event bus ${busArn} does not exist.`);
    const { event, isForwarded } = on;
    const about = { bus: bus.name, eventId: event.id };
    this.#options.onStep?.(
      isForwarded
        ? { kind: 'event-dropped', ...about, reason: THIRD_BUS }
        : { kind: 'event-put', ...about, event },
    );
    if (!isForwarded) this.#route(bus.name, { ...on, isForwarded: true }, trace);
  }

  /** @param nameOrArn of another account or region it is no bus of this stack, whatever its name */
  findBus(nameOrArn: string): BusDefinition | undefined {
    if (!nameOrArn.startsWith('arn:')) return this.buses.get(nameOrArn);
    return [...this.buses.values()].find(({ arn }) => arn === nameOrArn);
  }

  /** Says why an event is on no bus here. */
  #missing(nameOrArn: string): string {
    const { account, region } = this.#options.assembly;
    const [, , , busRegion = region, busAccount = account] = nameOrArn.split(':');
    const isElsewhere = busRegion !== region || busAccount !== account;
    if (!isElsewhere) return `There is no event bus ${busName(nameOrArn)} in this stack.`;
    return `The event bus is of account ${busAccount} in ${busRegion}; this stack runs as account ${account} in ${region}.`;
  }

  /** @param only ARNs of the rules that may have it. @default all of the bus */
  #route(bus: string, accepted: EventOnBus, trace: string | undefined, only?: ReadonlySet<string>): void {
    const { event } = accepted;
    const matched = this.#indexes.get(bus)?.lookup(event) ?? [];
    const { onStep } = this.#options;
    if (onStep) {
      const asked = this.#rules.filter(({ arn, busName: of }) => of === bus && (!only || only.has(arn)));
      reportMatches(asked, event, new Set(matched), onStep);
    }
    for (const arn of matched) {
      if (only && !only.has(arn)) continue;
      const rule = this.#rulesByArn.get(arn);
      if (rule?.archive) {
        rule.archive.add(accepted);
        onStep?.({ kind: 'event-archived', archive: rule.archive.name, eventId: event.id });
      }
      for (const delivery of rule?.deliveries ?? []) delivery.start(accepted, trace);
    }
  }

  /** @throws ServiceError as StartReplay does */
  startReplay(request: StartReplayRequest): Replay {
    return this.#replays.start(request);
  }

  /** @throws ServiceError (ResourceNotFoundException) */
  describeReplay(name: string): Replay {
    return this.#replays.describe(name);
  }

  listReplays(): Replay[] {
    return this.#replays.list();
  }

  /** @throws ServiceError (ResourceNotFoundException, IllegalStatusException) */
  cancelReplay(name: string): Replay {
    return this.#replays.cancel(name);
  }

  /** Number of events that wait to be delivered again. */
  get waitingForRetry(): number {
    return this.#deliveries.reduce((sum, { waitingForRetry }) => sum + waitingForRetry, 0);
  }

  /** No rule fires any more, what waits is dropped, and the archives let go of their files. */
  async stop(): Promise<void> {
    this.#schedules.clear();
    for (const delivery of this.#deliveries) delivery.stop();
    this.#replays.stop();
    await this.#options.inFlight.settled();
    for (const archive of this.archives.values()) archive.close();
  }
}

/** Adds the resource to an error of the service's checks. */
function refusalOf(resource: Resource, error: unknown): unknown {
  const isRefusal =
    error instanceof InvalidEventPatternError ||
    error instanceof InvalidScheduleError ||
    error instanceof InvalidTargetInputError;
  if (!isRefusal) return error;
  const reason = error instanceof InvalidScheduleError ? ` ${error.reason}` : '';
  return new AssemblyError(`${resource.type} ${resource.logicalId}: ${error.message}${reason}`);
}

function readBus(assembly: Assembly, resource: Resource, createdAt: number): BusDefinition {
  requireKnownProperties(resource, resource.properties, [
    ...['Name', 'Description', 'Tags', 'Policy'],
    'KmsKeyIdentifier', // Encryption at rest changes nothing of how events are routed.
    'DeadLetterConfig', // For what cannot be encrypted.
    'LogConfig', // Nor does what is logged about it.
    'EventSourceName', // A partner's; its name is the bus's.
  ]);
  const { Description: description, Policy, KmsKeyIdentifier, DeadLetterConfig } = resource.properties;
  const statements = assembly
    .ofType('AWS::Events::EventBusPolicy')
    .filter(({ properties }) => busName(properties.EventBusName) === resource.name)
    .map(({ properties: { StatementId: Sid, Statement } }) => ({ Sid, ...Statement }));
  const policy =
    Policy ?? (statements.length > 0 ? { Version: '2012-10-17', Statement: statements } : undefined);
  return {
    name: resource.name,
    arn: resource.arn,
    createdAt,
    ...(description && { description }),
    ...(policy && { policy }),
    encryption: { KmsKeyIdentifier, DeadLetterConfig },
  };
}

const THIRD_BUS = 'It came to its bus by a rule, and EventBridge hands no event on to a third bus.';

const placeOf = ({ account, region }: Assembly) => ({ account, region });

const arnPrefix = ({ partition, region, account }: Assembly) =>
  `arn:${partition}:events:${region}:${account}`;

const validation = (message: string) => new ServiceError('ValidationException', message);

/** @throws ServiceError (ValidationException) for too many entries, none, or too large ones */
function checkRequest(entries: readonly PutEventsEntry[]): void {
  if (entries.length === 0 || entries.length > PUT_EVENTS.maxEntries) {
    const value = `[${entries.map(() => 'PutEventsRequestEntry').join(', ')}]`;
    const limit =
      entries.length === 0 ? 'greater than or equal to 1' : `less than or equal to ${PUT_EVENTS.maxEntries}`;
    throw validation(
      `1 validation error detected: Value '${value}' at 'entries' failed to satisfy constraint: Member must have length ${limit}`,
    );
  }
  const bytes = entries.reduce((sum, entry) => sum + entrySize(entry), 0);
  if (bytes > PUT_EVENTS.maxBytes) {
    throw validation('Total size of the entries in the request is over the limit.');
  }
}

/** Reports the rules that matched, and those that missed by one field. */
function reportMatches(
  rules: readonly Rule[],
  event: BusEvent,
  matched: ReadonlySet<string>,
  onStep: NonNullable<EventBridgeOptions['onStep']>,
): void {
  const read = new Map();
  for (const { arn, name, archive, pattern, state } of rules) {
    if (archive || !pattern || state === 'DISABLED') continue;
    if (matched.has(arn)) {
      onStep({ kind: 'rule-matched', eventId: event.id, rule: name });
      continue;
    }
    const { misses, others } = pattern.explain(event, read);
    const [miss] = misses;
    const asksForMore = pattern.branches.every(({ fields }) => fields.length > 1);
    if (miss && misses.length === 1 && asksForMore) {
      const { field } = miss;
      const alternatives = others.length > 0 ? ` (the closest of ${1 + others.length} alternatives)` : '';
      const reason = `${miss.reason}${alternatives}`;
      onStep({ kind: 'rule-missed', eventId: event.id, rule: name, field, reason });
    }
  }
}
