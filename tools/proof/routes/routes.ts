/**
 * Proves the routing of a template: checks the events that the contracts allow, and near misses of them, against every
 * rule, through the rule's transformer, up to the consumer's parser.
 */

import { type App, type Consumer, type Contract, findConsumer } from '../../app';
import { defined } from '../../defined';
import type { BusEvent } from '../../eventbridge/event';
import { compile, type EventPattern } from '../../eventbridge/event-pattern';
import { scheduledEvent } from '../../eventbridge/schedule';
import type { Assembly, NotCovered } from '../../template/assembly';
import { type KeptOut, keptOut, requireSenders } from '../../template/coverage';
import { consumersIn } from '../../template/described-consumers';
import { hasPlaceholder } from '../../template/placeholder';
import { exampleEvent, nearMissesOf, type Variant, variantsOf } from '../contracts/variants';
import { eachVersion } from '../contracts/versions';
import { witnessOf } from '../contracts/witness';
import { located, notCovered } from './coverage';
import { deadConditions } from './dead-conditions';
import {
  decideRoutes,
  patternWarnings,
  type RouteDecisions,
  refusedFields,
  spoiledInputs,
} from './decisions';
import { personalDataFindings } from './personal-data';
import {
  eventsByRule,
  missedField,
  missesText,
  otherAlternatives,
  type RoutedEvent,
  type RuleResult,
} from './routed-event';
import {
  type Finding,
  isForFunctions,
  type RoutedDelivery,
  type RoutedRule,
  type Routing,
  readRouting,
} from './routing';

export interface RoutedSchedule {
  readonly rule: string;
  readonly expression: string;
  /** Next time, ISO 8601; undefined if it never fires. */
  readonly next?: string;
  readonly deliveries: readonly RoutedDelivery[];
}

export interface RoutesProof {
  readonly routing: Routing;
  readonly events: readonly RoutedEvent[];
  readonly schedules: readonly RoutedSchedule[];
  /** Statements about all events of the contracts. */
  readonly decisions: RouteDecisions;
  /** Problems; empty if there are none. */
  readonly findings: readonly Finding[];
  /** Statements that depend on what the template does not say. */
  readonly unknown: readonly Finding[];
  /** Resources that hand events on and are not looked at. */
  readonly notCovered: readonly NotCovered[];
  /** Resources that a condition keeps out. */
  readonly absent: readonly KeptOut[];
  /** Patterns that AWS's matcher is known to get wrong. */
  readonly warnings: readonly string[];
  /** Checks that were not made, since the app is not described or there is too much to check. */
  readonly notLookedAt: readonly string[];
}

/**
 * @param now time from which the next time of a schedule is computed
 * @throws InputError if nothing in the template hands events on, or a contract has no valid example
 * @throws AssemblyError if a rule refers to what the template does not have
 */
export function proveRoutes(
  assembly: Assembly,
  app: App,
  { now = new Date() }: { readonly now?: Date } = {},
): RoutesProof {
  const consumers = consumersIn(assembly, app);
  const contracts = app.contracts.flatMap(eachVersion);
  requireSenders(assembly);
  const routing = readRouting(assembly, app);
  const examples = new Map(contracts.map((contract) => [contract, exampleEvent(contract, routing)]));
  const events = contracts.flatMap((contract) => {
    const example = examples.get(contract) as BusEvent;
    return routeContract(routing, contract, example);
  });
  const schedules = [...routing.rules, ...routing.schedules].flatMap((rule) =>
    routeSchedule(routing, rule, now),
  );
  const own = events.filter(({ kind }) => kind !== 'near-miss');
  const decisions = decideRoutes(routing, app, examples, (rule) => isReachable(routing, rule));
  const conditions = deadConditions(
    routing.rules.filter((rule) => isReachable(routing, rule)),
    examples,
    own,
  );
  const findings = [
    ...routing.findings,
    ...disabledRules(routing),
    ...(contracts.length > 0 ? [...deadRules(routing, own, decisions), ...conditions.findings] : []),
    ...scheduleFindings(schedules, app),
    ...contracts.flatMap((contract) => contractFindings(contract, events, consumers)),
    ...personalDataFindings(routing, app, contracts, events),
  ];
  findings.push(...spoiledInputs(decisions, findings), ...refusedFields(decisions, findings));
  const warnings = patternWarnings(routing);
  return {
    routing,
    events,
    schedules,
    decisions,
    findings: findings.map((finding) => located(routing, finding)),
    unknown: [...routing.unknown, ...conditions.unknown].map((finding) => located(routing, finding)),
    notCovered: notCovered(assembly),
    absent: keptOut(assembly),
    warnings,
    notLookedAt: [...notLookedAt(app, routing), ...decisions.notLookedAt],
  };
}

function notLookedAt({ contracts, consumers }: App, { rules }: Routing): string[] {
  const foreign = rules.filter(({ isForeign }) => isForeign).map(({ name }) => name);
  const isDescribed = Object.keys(consumers).length > 0;
  const others = rules
    .filter(({ isForeign }) => isDescribed && !isForeign)
    .flatMap(({ name, targets }) =>
      targets
        .filter(({ model }) => !isForFunctions(model))
        .map(({ arn, model: { reference } }) => {
          const what = `${reference.type?.name ?? 'target'} ${reference.resource?.name ?? arn}`;
          return `what the ${what} makes of what rule ${name} gives it: no function of the template gets it`;
        }),
    );
  return [
    ...(foreign.length > 0 && contracts.length > 0
      ? [`the events that ${foreign.join(' and ')} take: others publish them, no contract describes them`]
      : []),
    ...others,
    ...(contracts.length === 0 ? ['which events the rules take: no contract is described'] : []),
    ...(!isDescribed ? ['whether the targets accept what they are given: no consumer is described'] : []),
  ];
}

/** Checks whether an event on one of the contracts' buses can reach the rule. */
function isReachable({ buses }: Routing, { bus, enabled }: RoutedRule): boolean {
  return enabled && buses.includes(bus);
}

function publishedTo({ buses }: Routing): string {
  return buses.join(', ') || 'no bus of the template';
}

function routeContract(routing: Routing, contract: Contract, example: BusEvent): RoutedEvent[] {
  const variants: Variant[] = [
    { kind: 'example', field: '', label: 'example', event: example },
    ...variantsOf(contract, example),
  ];
  for (const rule of routing.rules) {
    const { pattern } = rule;
    if (!pattern || !isReachable(routing, rule) || pattern.matches(example)) continue;
    let base = variants.find(({ event }) => pattern.matches(event));
    if (!base) {
      const witness = witnessOf(contract, example, pattern);
      if (!witness) continue;
      base = { kind: 'witness', field: '', label: `made for ${rule.name}`, event: witness };
      variants.push(base);
    }
    // The rule does not match the example: take the variants of an event that it matches.
    const { label, event } = base;
    for (const variant of variantsOf(contract, event)) {
      if (variant.kind === 'replayed' || pattern.matches(variant.event)) {
        variants.push({ ...variant, label: `${label}, ${variant.label}` });
      }
    }
  }
  const nearMisses = nearMissesOf(contract, example).map(({ label, event, in: place }) => ({
    kind: 'near-miss' as const,
    field: place === 'detail' ? 'detail' : '',
    label,
    event,
  }));
  return [...variants, ...nearMisses].map(({ event, ...about }) => ({
    contract: contract.type,
    ...about,
    event,
    verdicts: routing.rules.flatMap((rule) => judge(routing, rule, event)),
    archives: routing.archives.flatMap(({ name, bus, pattern }) =>
      routing.buses.includes(bus) && pattern?.matches(event) ? [name] : [],
    ),
  }));
}

/** @returns an empty list if the rule has no pattern */
function judge(routing: Routing, rule: RoutedRule, event: BusEvent): RuleResult[] {
  const { name, bus, pattern } = rule;
  if (!pattern) return [];
  const missed = (field: string, reason: string): RuleResult[] => [
    { rule: name, matched: false, misses: [{ field, reason }], deliveries: [] },
  ];
  if (!rule.enabled) return missed('state', 'is DISABLED');
  if (!isReachable(routing, rule)) {
    return missed('bus', `is ${bus}, contracts are published to ${publishedTo(routing)}`);
  }
  if (pattern.matches(event)) {
    return [{ rule: name, matched: true, misses: [], deliveries: routing.deliver(rule, event) }];
  }
  const explained = pattern.explain(event);
  const misses = explained.misses.map(missedField);
  const others = otherAlternatives(explained.others);
  return [{ rule: name, matched: false, misses, ...defined({ others }), deliveries: [] }];
}

function routeSchedule(routing: Routing, rule: RoutedRule, now: Date): RoutedSchedule[] {
  const { name, arn, schedule, scheduleExpression } = rule;
  if (!schedule || scheduleExpression === undefined || !rule.enabled) return [];
  const time = schedule.next(now);
  if (!time) return [{ rule: name, expression: scheduleExpression, deliveries: [] }];
  const event = { ...scheduledEvent({ ruleArn: arn, time, ...routing }), id: 'scheduled-event-1' };
  return [
    {
      rule: name,
      expression: scheduleExpression,
      next: time.toISOString(),
      deliveries: routing.deliver(rule, event),
    },
  ];
}

function disabledRules({ rules }: Routing): Finding[] {
  return rules
    .filter(({ enabled }) => !enabled)
    .map(({ name }) => dead(name, `Rule ${name} is disabled: it takes no event.`));
}

const dead = (rule: string, message: string): Finding => ({ kind: 'dead-rule', rule, message });

/** Rules and archives that no event can match. */
function deadRules(routing: Routing, events: readonly RoutedEvent[], decisions: RouteDecisions): Finding[] {
  const taken = eventsByRule(events);
  const rules = routing.rules.flatMap(({ name, bus, enabled, pattern, schedule, isForeign }) => {
    if (!enabled || !pattern || schedule || isForeign) return [];
    if (!routing.buses.includes(bus)) {
      const message = `Rule ${name} listens on the bus ${bus}, contracts are published to ${publishedTo(routing)}.`;
      return [dead(name, message)];
    }
    if (taken.has(name)) return [];
    // None of the events tried is no proof: a rule is dead if none can be.
    if (decisions.rules.some(({ rule, verdict }) => rule === name && verdict !== 'none')) return [];
    return [dead(name, `Rule ${name} matches no event of any contract. ${nearest(pattern, events)}`)];
  });
  const archives = routing.archives.flatMap(({ name, pattern }) => {
    if (!pattern || events.some(({ archives }) => archives.includes(name))) return [];
    return [dead(name, `Archive ${name} keeps no event of any contract. ${nearest(pattern, events)}`)];
  });
  return [...rules, ...archives];
}

/** Describes the event that came closest, and the fields that did not match. */
function nearest(pattern: EventPattern, events: readonly RoutedEvent[]): string {
  const explained = events.map(({ contract, event }) => ({ contract, ...pattern.explain(event) }));
  const [closest] = explained.sort((a, b) => a.misses.length - b.misses.length);
  const { contract, misses = [], others = [] } = closest ?? {};
  return `Closest is ${contract}: ${missesText(misses, otherAlternatives(others))}.`;
}

function scheduleFindings(schedules: readonly RoutedSchedule[], app: App): Finding[] {
  const findings: Finding[] = [];
  for (const { rule, expression, next, deliveries } of schedules) {
    if (next === undefined && !hasPlaceholder(expression)) {
      findings.push({ kind: 'dead-rule', rule, message: `Rule ${rule} never fires again: ${expression}.` });
    }
    for (const { target, consumer, problem } of deliveries) {
      const at = { rule, target, ...(consumer && { consumer }) };
      if (problem) {
        const message = `${deliveryProblem(problem, { rule, target, consumer })} of its schedule: ${problem.reason}`;
        findings.push({ kind: problem.kind, ...at, message });
      }
      const called = findConsumer(app, consumer);
      if (called && !called.scheduled) {
        const message = `Rule ${rule} calls ${consumer} on a schedule, which it does not expect.`;
        findings.push({ kind: 'unwanted-delivery', ...at, message });
      }
    }
  }
  for (const [consumer, { scheduled }] of Object.entries(app.consumers)) {
    if (
      !scheduled ||
      schedules.some(({ deliveries }) => deliveries.some((each) => each.consumer === consumer))
    )
      continue;
    const message = `No rule calls ${consumer} on a schedule, which it is made for.`;
    findings.push({ kind: 'not-delivered', consumer, message });
  }
  return findings;
}

function deliveryProblem(
  { kind }: NonNullable<RoutedDelivery['problem']>,
  { rule, target, consumer }: Pick<RoutedDelivery, 'rule' | 'target' | 'consumer'>,
): string {
  return kind === 'invalid-payload'
    ? `Rule ${rule} has nothing valid to give to its target ${target}`
    : `${consumer} refuses what rule ${rule} gives it`;
}

/** Findings about the deliveries of one contract's events: one for each rule and target, not for each event. */
function contractFindings(
  { type }: Contract,
  events: readonly RoutedEvent[],
  consumers: Readonly<Record<string, Consumer>>,
): Finding[] {
  const own = events.filter(({ contract, kind }) => contract === type && kind !== 'near-miss');
  const problems = new Map<string, { finding: Finding; labels: string[]; reason?: string | undefined }>();
  const report = (finding: Omit<Finding, 'contract'>, { label }: RoutedEvent, reason?: string) => {
    const known = problems.get(finding.message);
    if (known) known.labels.push(label);
    else problems.set(finding.message, { finding: { ...finding, contract: type }, labels: [label], reason });
  };
  const wanted = new Map(Object.entries(consumers).map(([name, consumer]) => [name, wants(consumer)]));

  for (const event of own) {
    const deliveries = event.verdicts.flatMap((verdict) => verdict.deliveries);
    for (const [consumer, isWanted] of wanted) {
      const its = deliveries.filter((delivery) => delivery.consumer === consumer);
      const rules = its.map(({ rule }) => rule).join(' and ');
      if (isWanted(event.event)) {
        const message = `No rule gives ${consumer} ${type}, which it is there for`;
        if (its.length === 0) report({ kind: 'not-delivered', consumer, message }, event);
        const twice = `${rules} give ${consumer} the same ${type}`;
        if (its.length > 1) report({ kind: 'double-delivery', consumer, message: twice }, event);
      } else {
        for (const { rule, target } of its) {
          const message = `Rule ${rule} gives ${consumer} ${type}, which it does not ask for`;
          report({ kind: 'unwanted-delivery', rule, target, consumer, message }, event);
        }
      }
    }
    for (const { problem, ...delivery } of deliveries) {
      const { consumer } = delivery;
      const isWanted = consumer === undefined || wanted.get(consumer)?.(event.event);
      if (!problem || !isWanted) continue;
      const { payload, ...at } = delivery;
      const message = `${deliveryProblem(problem, at)} of ${type}`;
      report({ kind: problem.kind, ...at, message }, event, problem.reason);
    }
  }

  const findings = [...problems.values()].map(({ finding, labels, reason }) => {
    const told = `${finding.message}: ${list(labels, own.length)}`;
    return { ...finding, message: reason === undefined ? `${told}.` : `${told}. ${reason}` };
  });
  if (own.some(({ verdicts }) => verdicts.some(({ matched }) => matched)))
    return [...findings, ...loose(type, events)];
  const message = `No rule takes any event of ${type}.`;
  return [{ kind: 'unrouted-contract', contract: type, message }, ...findings];
}

/** Tells which events a consumer receives according to its description. */
function wants({ receives, replayed }: Consumer): (event: BusEvent) => boolean {
  const patterns = receives.map(({ pattern }) => compile(pattern));
  return (event) =>
    (replayed || event['replay-name'] === undefined) && patterns.some((pattern) => pattern.matches(event));
}

/** Finds rules that match events of no contract, which their consumer refuses. */
function loose(type: string, events: readonly RoutedEvent[]): Finding[] {
  const found = new Map<string, Finding>();
  for (const { contract, kind, field, label, verdicts } of events) {
    if (contract !== type || kind !== 'near-miss' || field !== '') continue;
    for (const { rule, target, consumer, problem } of verdicts.flatMap(({ deliveries }) => deliveries)) {
      if (!problem || !consumer || found.has(rule)) continue;
      const message = `Rule ${rule} takes events of no contract (${type}, but ${label}), and ${consumer} refuses them: ${problem.reason}`;
      found.set(rule, { kind: 'loose-pattern', rule, target, consumer, contract: type, message });
    }
  }
  return [...found.values()];
}

/** Maximum number of labels in a message. */
const TOLD_LABELS = 3;

function list(labels: readonly string[], total: number): string {
  if (labels.length === total) return `all of its ${total} events here`;
  const more = labels.length - TOLD_LABELS;
  return `${labels.slice(0, TOLD_LABELS).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
