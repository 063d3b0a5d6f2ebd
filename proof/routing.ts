/**
 * The template's routing as it can be asked about: which rule takes an event, what its target is then given, and
 * whether the function there accepts that. Nothing runs, nothing is deployed.
 */
import { CONSUMERS, type Consumer } from '../lambdas/consumers';
import { type Assembly, busName, type Resource } from '../local/assembly';
import {
  checkPatternLength,
  compile,
  type EventPattern,
  InvalidEventPatternError,
} from '../local/event-pattern';
import {
  type CompiledInput,
  compileInput,
  InvalidTargetInputError,
  type TargetInput,
} from '../local/input-transformer';
import { InvalidScheduleError, parseSchedule, type Schedule } from '../local/schedule';
import type { BusEvent } from '../local/steps';

/** What a proof found wrong. */
export interface Finding {
  /** A short name of the kind of problem, for scripts. */
  readonly kind: FindingKind;
  /** One line: what, where, and what would be right. */
  readonly message: string;
  /** Name of the rule or archive. */
  readonly rule?: string;
  /** Id of the target in the rule. */
  readonly target?: string;
  /** `source/detail-type`. */
  readonly contract?: string;
  /** The function's handler folder. */
  readonly consumer?: string;
}

export type FindingKind =
  /** The service refuses the pattern, the target's input, or the schedule. */
  | 'invalid-pattern'
  | 'invalid-input'
  | 'invalid-schedule'
  /** More or longer than the service takes. */
  | 'over-limit'
  | 'unknown-bus'
  /** The target's ARN is not that of a function of the template, or there is no target. */
  | 'unknown-target'
  | 'no-target'
  /** The target is a function that `lambdas/consumers.ts` says nothing about. */
  | 'no-parser'
  /** No event of any contract, or no moment, can ever match. */
  | 'dead-rule'
  /** A value in a rule's pattern that no event of any contract can have. */
  | 'dead-condition'
  /** No rule takes any event of the contract. */
  | 'unrouted-contract'
  /** A consumer's own events that no rule brings to it, or the schedule that should call it. */
  | 'not-delivered'
  /** Events that a consumer does not ask for, or asks for once, and gets twice. */
  | 'unwanted-delivery'
  | 'double-delivery'
  /** What the target would be given is not JSON, or not what its consumer reads. */
  | 'invalid-payload'
  | 'refused-payload'
  /** The rule takes events of no contract, which its consumer refuses. */
  | 'loose-pattern'
  /** A target is given a personal field that it may not know. */
  | 'personal-data';

export interface Target {
  readonly id: string;
  readonly arn: string;
  /** Name of the function; undefined if the target is none of the template. */
  readonly functionName?: string;
  /** The handler's folder, if `CONSUMERS` has it. */
  readonly consumer?: string;
  /** Undefined if the service refuses it. */
  readonly input?: CompiledInput;
}

export interface Rule {
  readonly name: string;
  readonly arn: string;
  /** Name of the bus. */
  readonly bus: string;
  readonly description?: string;
  readonly enabled: boolean;
  /** Undefined if it has none, or one that the service refuses. */
  readonly pattern?: EventPattern;
  /** As it stands in the template. */
  readonly eventPattern?: unknown;
  readonly schedule?: Schedule;
  readonly scheduleExpression?: string;
  readonly targets: readonly Target[];
}

/** An archive takes events from a bus as a rule does. */
export interface Archive {
  readonly name: string;
  readonly bus: string;
  readonly pattern?: EventPattern;
}

/** What one target of a rule is given of an event. */
export interface Delivery {
  readonly rule: string;
  readonly target: string;
  /** The handler's folder. */
  readonly consumer?: string;
  /** The exact text; undefined if nothing is delivered. */
  readonly payload?: string;
  /** Why the event does not arrive there as it should; undefined if it does. */
  readonly problem?: { readonly kind: 'invalid-payload' | 'refused-payload'; readonly reason: string };
}

export interface Routing {
  readonly rules: readonly Rule[];
  readonly archives: readonly Archive[];
  /** Names of the template's own buses, which contracts are published to. */
  readonly buses: readonly string[];
  readonly account: string;
  readonly region: string;
  /** What is wrong with the rules as they stand, whatever the events. */
  readonly findings: readonly Finding[];
  /** What the rule's targets are given of an event that it takes. */
  deliver(rule: Rule, event: BusEvent): Delivery[];
}

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html and the API reference of PutRule,
// PutTargets and CreateArchive.
const RULES_OF_BUS = 300;
const TARGETS_OF_RULE = 5;
const RULE_NAME_LENGTH = 64;
const RULE_DESCRIPTION_LENGTH = 512;
const TARGET_ID_LENGTH = 64;
const SCHEDULE_LENGTH = 256;
const ARCHIVE_NAME_LENGTH = 48;

/** When the events of this proof enter the bus. */
const INGESTION_TIME = '2026-01-15T10:00:01Z';

/** @throws AssemblyError if a rule refers to what the template does not have */
export function readRouting(
  assembly: Assembly,
  consumers: Readonly<Record<string, Consumer>> = CONSUMERS,
): Routing {
  const findings: Finding[] = [];
  const functions = new Map(assembly.ofType('AWS::Lambda::Function').map((each) => [each.arn, each]));
  const buses = assembly.ofType('AWS::Events::EventBus').map(({ name }) => name);

  const readTarget = (rule: string, properties: Resource['properties']): Target => {
    const { Id: id, Arn: arn } = properties;
    const at = { rule, target: id };
    const named = `Target ${id} of rule ${rule}`;
    checkLength(`The id of a target of rule ${rule}`, id, TARGET_ID_LENGTH, at, findings);
    const resource = functions.get(arn);
    const consumer = resource?.properties.Environment?.Variables?.POWERTOOLS_SERVICE_NAME;
    if (!resource) {
      findings.push({
        kind: 'unknown-target',
        ...at,
        message: `${named} is ${arn}, which is no function of the template.`,
      });
    } else if (!consumers[consumer]) {
      const known = Object.keys(consumers).join(', ');
      findings.push({
        kind: 'no-parser',
        ...at,
        message: `${named} is the function ${resource.name}, whose POWERTOOLS_SERVICE_NAME (${consumer}) is none of lambdas/consumers.ts: ${known}.`,
      });
    }
    let input: CompiledInput | undefined;
    try {
      input = compileInput(properties as TargetInput);
    } catch (error) {
      if (!(error instanceof InvalidTargetInputError)) throw error;
      findings.push({ kind: 'invalid-input', ...at, message: `Rule ${rule}: ${error.message}` });
    }
    return {
      id,
      arn,
      ...(resource && { functionName: resource.name }),
      ...(resource && consumers[consumer] && { consumer }),
      ...(input && { input }),
    };
  };

  const readPattern = (
    kind: 'Rule' | 'Archive',
    rule: string,
    pattern: unknown,
  ): EventPattern | undefined => {
    if (pattern === undefined) return undefined;
    try {
      checkPatternLength(pattern as object);
      return compile(pattern as object);
    } catch (error) {
      if (!(error instanceof InvalidEventPatternError)) throw error;
      const isTooLong = error.code === 'LimitExceededException';
      findings.push({
        kind: isTooLong ? 'over-limit' : 'invalid-pattern',
        rule,
        message: `${kind} ${rule}: ${error.message}.`,
      });
      return undefined;
    }
  };

  const readSchedule = (rule: string, expression: string | undefined, bus: string): Schedule | undefined => {
    if (expression === undefined) return undefined;
    const finding = (message: string) => findings.push({ kind: 'invalid-schedule', rule, message });
    if (bus !== 'default') {
      finding(`Rule ${rule} has a schedule on the bus ${bus}; only the default bus has schedules.`);
    }
    try {
      return parseSchedule(expression);
    } catch (error) {
      if (!(error instanceof InvalidScheduleError)) throw error;
      finding(`Rule ${rule}: ${error.message} ${error.reason}.`);
      return undefined;
    }
  };

  const readRule = ({ name, arn, properties }: Resource): Rule => {
    const { Description, EventPattern, ScheduleExpression, State = 'ENABLED', Targets = [] } = properties;
    const bus = busName(properties.EventBusName);
    const at = { rule: name };
    checkLength(`The name of rule ${name}`, name, RULE_NAME_LENGTH, at, findings);
    checkLength(`The description of rule ${name}`, Description, RULE_DESCRIPTION_LENGTH, at, findings);
    checkLength(`The schedule of rule ${name}`, ScheduleExpression, SCHEDULE_LENGTH, at, findings);
    if (bus !== 'default' && !buses.includes(bus)) {
      findings.push({
        kind: 'unknown-bus',
        ...at,
        message: `Rule ${name} is on the bus ${bus}, which the template does not have: ${buses.join(', ')}.`,
      });
    }
    if (Targets.length === 0) {
      findings.push({
        kind: 'no-target',
        ...at,
        message: `Rule ${name} has no target: its events go nowhere.`,
      });
    }
    if (Targets.length > TARGETS_OF_RULE) {
      findings.push({
        kind: 'over-limit',
        ...at,
        message: `Rule ${name} has ${Targets.length} targets; EventBridge takes ${TARGETS_OF_RULE}.`,
      });
    }
    if (EventPattern === undefined && ScheduleExpression === undefined) {
      const message = `Rule ${name} has neither an event pattern nor a schedule.`;
      findings.push({ kind: 'invalid-pattern', ...at, message });
    }
    const pattern = readPattern('Rule', name, EventPattern);
    const schedule = readSchedule(name, ScheduleExpression, bus);
    return {
      name,
      arn,
      bus,
      description: Description,
      enabled: State !== 'DISABLED',
      ...(pattern && { pattern }),
      eventPattern: EventPattern,
      ...(schedule && { schedule }),
      scheduleExpression: ScheduleExpression,
      targets: Targets.map((target: Resource['properties']) => readTarget(name, target)),
    };
  };

  const rules = assembly.ofType('AWS::Events::Rule').map(readRule);
  for (const [bus, count] of countBy(rules, ({ bus }) => bus)) {
    if (count <= RULES_OF_BUS) continue;
    const message = `The bus ${bus} has ${count} rules; EventBridge takes ${RULES_OF_BUS}.`;
    findings.push({ kind: 'over-limit', message });
  }
  const archives = assembly.ofType('AWS::Events::Archive').map(({ name, properties }): Archive => {
    checkLength(`The name of archive ${name}`, name, ARCHIVE_NAME_LENGTH, { rule: name }, findings);
    const pattern = readPattern('Archive', name, properties.EventPattern ?? { source: [{ prefix: '' }] });
    return { name, bus: busName(properties.SourceArn), ...(pattern && { pattern }) };
  });

  return {
    rules,
    archives,
    buses,
    account: assembly.account,
    region: assembly.region,
    findings,
    deliver: (rule, event) => rule.targets.map((target) => deliver(rule, target, event, consumers)),
  };
}

function checkLength(
  what: string,
  text: string | undefined,
  limit: number,
  at: Partial<Finding>,
  findings: Finding[],
): void {
  if (text === undefined || text.length <= limit) return;
  const message = `${what} has ${text.length} characters; EventBridge takes ${limit}.`;
  findings.push({ kind: 'over-limit', ...at, message });
}

function countBy<Item>(items: readonly Item[], key: (item: Item) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

function deliver(
  { name, arn }: Rule,
  { id, consumer, input }: Target,
  event: BusEvent,
  consumers: Readonly<Record<string, Consumer>>,
): Delivery {
  const delivery = { rule: name, target: id, ...(consumer && { consumer }) };
  // Refused input is a finding of its own.
  if (!input) return delivery;
  const transformed = input(event, { ruleArn: arn, ruleName: name, ingestionTime: INGESTION_TIME });
  if (!transformed.delivered) {
    return { ...delivery, problem: { kind: 'invalid-payload', reason: transformed.reason } };
  }
  const { body } = transformed;
  let payload: unknown;
  try {
    payload = JSON.parse(body);
  } catch (error) {
    const reason = `a function takes JSON only (${(error as Error).message})`;
    return { ...delivery, payload: body, problem: { kind: 'invalid-payload', reason } };
  }
  try {
    if (consumer) consumers[consumer]?.accepts(payload);
    return { ...delivery, payload: body };
  } catch (error) {
    const { message } = error as Error;
    return { ...delivery, payload: body, problem: { kind: 'refused-payload', reason: message } };
  }
}
