/**
 * Routing of the template: which rules match an event, which payload their targets get, and whether the target's
 * function accepts it. Nothing runs, nothing is deployed.
 */

import { type App, consumerName, findConsumer } from '../../app';
import { defined } from '../../defined';
import type { BusEvent } from '../../eventbridge/event';
import {
  checkPatternLength,
  compile,
  type EventPattern,
  InvalidEventPatternError,
} from '../../eventbridge/event-pattern';
import {
  type CompiledInput,
  compileInput,
  InvalidTargetInputError,
} from '../../eventbridge/input-transformer';
import { InvalidScheduleError, parseSchedule, type Schedule } from '../../eventbridge/schedule';
import { compileScheduleInput } from '../../eventbridge/schedule-input';
import { ARCHIVE, RULE, TARGET } from '../../eventbridge/service-facts';
import type { Assembly, Resource } from '../../template/assembly';
import type { Construct } from '../../template/constructs';
import { eventSourceMappingsOf } from '../../template/event-source-mappings';
import { ForeignEvents, isPartnerBus } from '../../template/foreign-events';
import { hasPlaceholder, reasonsOf } from '../../template/placeholder';
import {
  type ArchiveModel,
  archivesOf,
  type RuleModel,
  rulesOf,
  type TargetModel,
} from '../../template/rules';
import { asRule, type SchedulerSchedule, schedulesOf, timesOf } from '../../template/schedules';
import { isBusElsewhere, isDefaultBus } from '../../template/targets';

/** A problem that a proof found. */
export interface Finding {
  /** Short name of the kind of problem, for scripts. */
  readonly kind: FindingKind;
  /** One line: the problem, its place, and the correction. */
  readonly message: string;
  /** Logical id; of a contract, its type. */
  readonly resource?: string;
  /** E.g. `AWS::Events::Rule`, or `contract`. */
  readonly type?: string;
  readonly construct?: Construct;
  /** Name of the rule or archive. */
  readonly rule?: string;
  /** Id of the target in the rule. */
  readonly target?: string;
  /** `source/detail-type`. */
  readonly contract?: string;
  /** Name of the function's consumer. */
  readonly consumer?: string | undefined;
}

export type FindingKind =
  /** The service refuses the pattern, the target's input, or the schedule. */
  | 'invalid-pattern'
  | 'invalid-input'
  | 'invalid-schedule'
  /** Exceeds a limit of the service. */
  | 'over-limit'
  | 'unknown-bus'
  /** The template does not have the target's resource, or there is no target. */
  | 'unknown-target'
  | 'no-target'
  /** Part of the rule that only AWS knows, such as its state. */
  | 'unknown-part'
  /** The description of the app has no consumer for the target. */
  | 'no-parser'
  /** No event of any contract, or no moment, can ever match. */
  | 'dead-rule'
  /** A value in a rule's pattern that no event of any contract can have. */
  | 'dead-condition'
  /** No rule matches any event of the contract. */
  | 'unrouted-contract'
  /** A consumer does not get events that it receives by its description, or no schedule calls it. */
  | 'not-delivered'
  /** A consumer gets events that it does not receive by its description, or gets them twice. */
  | 'unwanted-delivery'
  | 'double-delivery'
  /** The target's payload is not JSON, or its consumer refuses it. */
  | 'invalid-payload'
  | 'refused-payload'
  /** The rule matches events of no contract, which its consumer refuses. */
  | 'loose-pattern'
  /** A target gets a personal field that its consumer may not have. */
  | 'personal-data';

export interface Target {
  /** The template's model, with defaults. */
  readonly model: TargetModel;
  readonly id: string;
  readonly arn: string;
  /** Name of the function; undefined if the target is no function of the template. */
  readonly functionName?: string;
  /** Name of the consumer, if the app describes it. */
  readonly consumer?: string | undefined;
  /** Compiled input; undefined if the service refuses it. */
  readonly input?: CompiledInput;
}

export interface RoutedRule {
  /** The template's model, with defaults. */
  readonly model: RuleModel;
  readonly name: string;
  readonly arn: string;
  /** Name of the bus. */
  readonly bus: string;
  readonly description?: string;
  readonly enabled: boolean;
  /** True if it takes only events that others publish: AWS's services, partners, other accounts. No contract describes them. */
  readonly isForeign: boolean;
  /** Compiled pattern; undefined if there is none, or the service refuses it. */
  readonly pattern?: EventPattern;
  /** Pattern as in the template. */
  readonly eventPattern?: unknown;
  readonly schedule?: Schedule;
  readonly scheduleExpression?: string;
  readonly targets: readonly Target[];
}

/** An archive, which selects events of a bus as a rule does. */
export interface RoutedArchive {
  readonly name: string;
  readonly bus: string;
  readonly pattern?: EventPattern;
}

/** An event's payload for one target of a rule. */
export interface RoutedDelivery {
  readonly rule: string;
  readonly target: string;
  /** Name of the consumer. */
  readonly consumer?: string | undefined;
  /** Exact text; undefined if nothing is delivered. */
  readonly payload?: string;
  /** Reason why the payload cannot be delivered or is refused; undefined if it is accepted. */
  readonly problem?: { readonly kind: 'invalid-payload' | 'refused-payload'; readonly reason: string };
}

export interface Routing {
  readonly rules: readonly RoutedRule[];
  /** Schedules of EventBridge Scheduler, as scheduled rules that do the same. */
  readonly schedules: readonly RoutedRule[];
  readonly archives: readonly RoutedArchive[];
  /** Names of the template's own buses, to which contracts are published. */
  readonly buses: readonly string[];
  readonly account: string;
  readonly region: string;
  /** Problems of the rules that do not depend on events. */
  readonly findings: readonly Finding[];
  /** Statements that depend on what the template does not say. */
  readonly unknown: readonly Finding[];
  /** Payloads for the rule's targets of an event that it matches. */
  deliver(rule: RoutedRule, event: BusEvent): RoutedDelivery[];
}

/** Pattern of an archive without one. */
const EVERYTHING = { source: [{ prefix: '' }] };

/** Ingestion time of the events in this proof. */
const INGESTION_TIME = '2026-01-15T10:00:01Z';

/**
 * @throws AssemblyError if a rule has not the shape of one, or refers to what the template does not have
 */
export function readRouting(assembly: Assembly, app: App): Routing {
  const reader = new RoutingReader(assembly, app);
  const rules = rulesOf(assembly).map((rule) => reader.rule(rule));
  const schedules = schedulesOf(assembly).map((schedule) => reader.schedule(schedule));
  const archives = archivesOf(assembly).map((archive) => reader.archive(archive));
  reader.checkCounts(rules);
  return {
    rules,
    schedules,
    archives,
    buses: reader.buses,
    account: assembly.account,
    region: assembly.region,
    findings: reader.findings,
    unknown: reader.unknown,
    deliver: (rule, event) => rule.targets.map((target) => deliver(rule, target, event, app)),
  };
}

/** Checks whether functions of the template are to handle what the target gets: itself, or readers of the queue. */
export const isForFunctions = ({ reference: { resource, type } }: TargetModel): boolean =>
  ['function', 'queue'].includes(type?.name ?? '') || resource?.type === 'AWS::SQS::Queue';

/** Reads rules as far as the service accepts them, and records findings where it does not. */
class RoutingReader {
  readonly findings: Finding[] = [];
  readonly unknown: Finding[] = [];
  /** Names of the template's own buses, without those of partners. */
  readonly buses: readonly string[];
  readonly #partnerBuses: readonly string[];
  readonly #foreign: ForeignEvents;

  /** Functions that read queues, by the queue's logical id. */
  readonly #readers: ReadonlyMap<string, Resource>;

  constructor(
    private readonly assembly: Assembly,
    private readonly app: App,
  ) {
    const buses = assembly.ofType('AWS::Events::EventBus');
    this.buses = buses.filter((bus) => !isPartnerBus(bus)).map(({ name }) => name);
    this.#partnerBuses = buses.filter(isPartnerBus).map(({ name }) => name);
    this.#foreign = new ForeignEvents(assembly);
    const mappings = eventSourceMappingsOf(assembly);
    this.#readers = new Map(
      mappings.flatMap(({ source, function: { function: lambda } }) =>
        source?.resource && lambda ? [[source.resource.logicalId, lambda]] : [],
      ),
    );
    for (const { resource, source, function: reader } of mappings) {
      if (resource.properties.FilterCriteria === undefined) continue;
      const from = `${source?.arn ?? 'its source'} for ${reader.function?.name ?? reader.arn}`;
      const message = `The filter of the mapping ${resource.logicalId} from ${from} is not looked at: it may leave messages out.`;
      this.unknown.push({ kind: 'not-delivered', message });
    }
  }

  rule(model: RuleModel): RoutedRule {
    const { name, arn, bus, description, eventPattern, scheduleExpression, enabled, targets } = model;
    const at = { rule: name };
    this.#tellUnknown('Rule', model);
    this.#checkLength(at, `The name of rule ${name}`, name, RULE.maxNameLength);
    this.#checkLength(at, `The description of rule ${name}`, description, RULE.maxDescriptionLength);
    this.#checkLength(at, `The schedule of rule ${name}`, scheduleExpression, RULE.maxScheduleLength);
    const isHere = [...this.buses, ...this.#partnerBuses, 'default'].includes(bus);
    if (!isHere && !hasPlaceholder(bus)) {
      const known = this.buses.join(', ') || 'none';
      this.#elsewhere('unknown-bus', at, `Rule ${name} is on the bus ${bus}; the template has ${known}.`);
    }
    if (eventPattern === undefined && scheduleExpression === undefined) {
      this.#report('invalid-pattern', at, `Rule ${name} has neither an event pattern nor a schedule.`);
    }
    if (targets.length === 0 && !model.unknown.some((part) => part.startsWith('Targets'))) {
      this.#report('no-target', at, `Rule ${name} has no target: its events go nowhere.`);
    }
    if (targets.length > TARGET.maxTargetsOfRule) {
      const count = `${targets.length} targets; EventBridge takes ${TARGET.maxTargetsOfRule}`;
      this.#report('over-limit', at, `Rule ${name} has ${count}.`);
    }
    const pattern = eventPattern === undefined ? undefined : this.#pattern(`Rule ${name}`, at, eventPattern);
    const schedule =
      scheduleExpression === undefined ? undefined : this.#schedule(name, scheduleExpression, bus);
    const isForeign = this.#foreign.isForeign(model);
    return {
      model,
      name,
      arn,
      bus,
      isForeign,
      ...defined({ description }),
      enabled,
      ...(pattern && { pattern }),
      ...defined({ eventPattern }),
      ...(schedule && { schedule }),
      ...defined({ scheduleExpression }),
      targets: targets.map((target) => this.#target(name, target, isForeign)),
    };
  }

  schedule(read: SchedulerSchedule): RoutedRule {
    const model = asRule(read);
    const { name, arn, bus, enabled, scheduleExpression, targets } = model;
    const at = { rule: name };
    this.#tellUnknown('Schedule', model);
    const times = this.#times(`Schedule ${name}`, at, [read.expression, read.timezone], () => timesOf(read));
    return {
      ...{ model, name, arn, bus, enabled, isForeign: false },
      ...defined({ scheduleExpression }),
      ...(times && { schedule: times }),
      targets: targets.map((target) => this.#target(name, target, false, compileScheduleInput)),
    };
  }

  archive({ name, bus, eventPattern }: ArchiveModel): RoutedArchive {
    const at = { rule: name };
    this.#checkLength(at, `The name of archive ${name}`, name, ARCHIVE.maxNameLength);
    const pattern = this.#pattern(`Archive ${name}`, at, eventPattern ?? EVERYTHING);
    return { name, bus, ...(pattern && { pattern }) };
  }

  checkCounts(rules: readonly RoutedRule[]): void {
    for (const bus of new Set(rules.map((rule) => rule.bus))) {
      const { length } = rules.filter((rule) => rule.bus === bus);
      if (length <= RULE.maxRulesOfBus) continue;
      this.#report(
        'over-limit',
        {},
        `The bus ${bus} has ${length} rules; EventBridge takes ${RULE.maxRulesOfBus}.`,
      );
    }
  }

  /** @param compileIt reads a constant input. @default as that of a rule's target */
  #target(
    rule: string,
    model: TargetModel,
    isForeign: boolean,
    compileIt?: (input: string | undefined) => CompiledInput,
  ): Target {
    const { id, arn, reference } = model;
    const { resource, type } = reference;
    const at = { rule, target: id };
    const named = `Target ${id} of rule ${rule}`;
    this.#checkLength(at, `The id of a target of rule ${rule}`, id, TARGET.maxIdLength);
    const lambda = resource?.type === 'AWS::Lambda::Function' ? resource : undefined;
    const { app } = this;
    const reader = lambda ?? this.#readers.get(resource?.logicalId ?? '');
    const consumer = consumerName(app, reader?.properties.Environment?.Variables);
    const isKnown = findConsumer(app, consumer) !== undefined;
    const known = Object.keys(app.consumers);
    // A target of EventBridge itself (an EC2 action) is no resource, and a placeholder's resource may be anywhere.
    const isAction = /:events:[^:]*:[^:]*:target\//.test(arn);
    const isOther = isBusElsewhere(this.assembly, arn) || isDefaultBus(this.assembly, arn);
    const isElsewhere = !resource && !hasPlaceholder(arn) && !isAction && !isOther;
    if (isElsewhere) {
      this.#elsewhere('unknown-target', at, `${named} is ${arn}, which the template does not have.`);
    } else if (!isKnown && known.length > 0 && !isForeign && isForFunctions(model)) {
      // Without a description there is nothing to compare the target with.
      const what = reader
        ? `${reader.name}, whose ${app.variables.consumer} is ${consumer}`
        : `the ${resource?.type ?? type?.name ?? 'target'} ${resource?.name ?? arn}`;
      this.#report('no-parser', at, `${named} is ${what}; described are the functions ${known.join(', ')}.`);
    }
    const input = this.#input(at, () =>
      compileIt ? compileIt(model.input.Input) : compileInput(model.input),
    );
    return {
      model,
      id,
      arn,
      ...(lambda && { functionName: lambda.name }),
      ...(isKnown && consumer !== undefined && { consumer }),
      ...(input && { input }),
    };
  }

  #input(at: { readonly rule: string }, compiled: () => CompiledInput): CompiledInput | undefined {
    try {
      return compiled();
    } catch (error) {
      if (!(error instanceof InvalidTargetInputError)) throw error;
      this.#report('invalid-input', at, `Rule ${at.rule}: ${error.message}`);
      return undefined;
    }
  }

  #pattern(named: string, at: Partial<Finding>, pattern: string | object): EventPattern | undefined {
    try {
      checkPatternLength(pattern);
      return compile(pattern);
    } catch (error) {
      if (!(error instanceof InvalidEventPatternError)) throw error;
      if (hasPlaceholder(pattern)) {
        const message = `${named}: which events it takes cannot be told: ${reasonsOf(pattern)}.`;
        this.unknown.push({ kind: 'invalid-pattern', ...at, message });
        return undefined;
      }
      const kind = error.code === 'LimitExceededException' ? 'over-limit' : 'invalid-pattern';
      this.#report(kind, at, `${named}: ${error.message}.`);
      return undefined;
    }
  }

  #schedule(rule: string, expression: string, bus: string): Schedule | undefined {
    if (bus !== 'default') {
      const message = `Rule ${rule} has a schedule on the bus ${bus}; only the default bus has schedules.`;
      this.#report('invalid-schedule', { rule }, message);
    }
    return this.#times(`Rule ${rule}`, { rule }, [expression], () => parseSchedule(expression));
  }

  /** @param given what the schedule is made of */
  #times(
    named: string,
    at: Partial<Finding>,
    given: readonly string[],
    parse: () => Schedule,
  ): Schedule | undefined {
    if (hasPlaceholder(given)) {
      const message = `${named}: when it fires cannot be told: ${reasonsOf(given)}.`;
      this.unknown.push({ kind: 'invalid-schedule', ...at, message });
      return undefined;
    }
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof InvalidScheduleError)) throw error;
      this.#report('invalid-schedule', at, `${named}: ${error.message} ${error.reason}.`);
      return undefined;
    }
  }

  #tellUnknown(kind: 'Rule' | 'Schedule', { name, unknown }: RuleModel): void {
    for (const part of unknown)
      this.unknown.push({ kind: 'unknown-part', rule: name, message: `${kind} ${name}: ${part}.` });
  }

  #checkLength(at: Partial<Finding>, what: string, text: string | undefined, limit: number): void {
    if (text === undefined || text.length <= limit || hasPlaceholder(text)) return;
    const { assumed, stackName } = this.assembly;
    // The length of a stack's name that nobody gave says nothing.
    if (assumed.has('stackName') && text.length - stackName.length < limit && text.includes(stackName))
      return;
    this.#report('over-limit', at, `${what} has ${text.length} characters; EventBridge takes ${limit}.`);
  }

  /** A missing resource is a finding if the whole app is described; otherwise another stack may have it. */
  #elsewhere(kind: FindingKind, at: Partial<Finding>, message: string): void {
    const isDescribed = Object.keys(this.app.consumers).length > 0;
    (isDescribed ? this.findings : this.unknown).push({ kind, ...at, message });
  }

  #report(kind: FindingKind, at: Partial<Finding>, message: string): void {
    this.findings.push({ kind, ...at, message });
  }
}

function deliver(
  { name, arn }: RoutedRule,
  { id, consumer, input, model }: Target,
  event: BusEvent,
  app: App,
): RoutedDelivery {
  const delivery = { rule: name, target: id, ...(consumer && { consumer }) };
  // Invalid input is a finding of its own.
  if (!input) return delivery;
  const transformed = input(event, { ruleArn: arn, ruleName: name, ingestionTime: INGESTION_TIME });
  if (!transformed.delivered) {
    return { ...delivery, problem: { kind: 'invalid-payload', reason: transformed.reason } };
  }
  const { body } = transformed;
  // Queues, topics and streams take any text.
  if (consumer === undefined && model.reference.type?.payload !== 'json')
    return { ...delivery, payload: body };
  let payload: unknown;
  try {
    payload = JSON.parse(body);
  } catch (error) {
    const what = model.reference.type?.name ?? 'target';
    const taker = what === 'queue' ? `${consumer} behind the queue` : `a ${what}`;
    const reason = `${taker} takes JSON only (${(error as Error).message})`;
    return { ...delivery, payload: body, problem: { kind: 'invalid-payload', reason } };
  }
  try {
    findConsumer(app, consumer)?.accepts(payload);
    return { ...delivery, payload: body };
  } catch (error) {
    const { message } = error as Error;
    return { ...delivery, payload: body, problem: { kind: 'refused-payload', reason: message } };
  }
}
