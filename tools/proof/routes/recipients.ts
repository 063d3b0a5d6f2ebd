/**
 * Recipients of one event: for each rule the payloads of its targets, or the field that keeps it from taking the
 * event.
 */

import { defined } from '../../defined';
import type { BusEvent } from '../../eventbridge/event';
import type { MatchExplanation } from '../../eventbridge/event-pattern';
import { hasPlaceholder, reasonsOf } from '../../template/placeholder';
import type { GivenEvent } from './given-event';
import { compileGiven } from './pattern-decisions';
import { type MissReason, missedField, type OtherAlternatives, otherAlternatives } from './routed-event';
import type { RoutedDelivery, RoutedRule, Routing } from './routing';

/** Result of a rule, or of a pattern under test, for the event. */
export interface Recipient {
  /** Logical id; `--pattern` for the pattern that is tried. */
  readonly resource: string;
  readonly rule: string;
  /** Name of the bus. */
  readonly bus: string;
  /** `unknown` if it depends on what only AWS knows. */
  readonly takes: 'yes' | 'no' | 'unknown';
  /** Fields that keep the event from the rule, or may do so: of a pattern with `$or`, those of one alternative. */
  readonly misses: readonly MissReason[];
  /** Further alternatives of the pattern, of a rule that does not take the event. */
  readonly others?: OtherAlternatives;
  readonly deliveries: readonly RoutedDelivery[];
  /** Name of the bus from which it came, if another rule handed it on. */
  readonly from?: string;
}

/**
 * @param pattern is tried beside the rules
 * @throws InputError for a pattern that EventBridge refuses
 */
export function recipientsOf(routing: Routing, given: GivenEvent, pattern?: string): Recipient[] {
  const { event, bus } = given;
  const first = routing.rules.flatMap((rule) => judge(routing, rule, event, bus));
  // A rule may forward to a second bus with rules of its own; EventBridge does not forward to a third.
  const onward = routing.rules.flatMap((rule) => {
    if (first.find(({ resource }) => resource === rule.model.resource.logicalId)?.takes !== 'yes') return [];
    return rule.targets.flatMap(({ model: { reference } }) =>
      reference.resource?.type === 'AWS::Events::EventBus'
        ? [{ to: reference.resource.name, from: rule.bus }]
        : [],
    );
  });
  const second = onward.flatMap(({ to, from }) =>
    routing.rules
      .filter((rule) => rule.bus === to)
      .flatMap((rule) => judge(routing, rule, event, to).map((each) => ({ ...each, from }))),
  );
  // The event is told of each rule once, and where it was put rather than handed on.
  const known = new Set(second.filter(({ takes }) => takes === 'yes').map(({ resource }) => resource));
  const direct = first.filter(({ resource, takes }) => takes === 'yes' || !known.has(resource));
  const seen = new Set(direct.map(({ resource }) => resource));
  return [
    ...(pattern === undefined ? [] : [tried(pattern, event)]),
    ...direct,
    ...second.filter(({ resource }) => !seen.has(resource)),
  ];
}

function judge(routing: Routing, rule: RoutedRule, event: BusEvent, bus: string | undefined): Recipient[] {
  const { pattern, eventPattern, model, name } = rule;
  if (eventPattern === undefined) return [];
  const about = { resource: model.resource.logicalId, rule: name, bus: rule.bus };
  const no = (field: string, reason: string): Recipient[] => [
    { ...about, takes: 'no', misses: [{ field, reason }], deliveries: [] },
  ];
  if (!rule.enabled) return no('state', 'is DISABLED');
  const { uncertain } = model.resource;
  if (bus !== undefined && rule.bus !== bus && !hasPlaceholder(rule.bus))
    return no('bus', `is ${rule.bus}, the event is put on ${bus}`);
  if (!pattern) {
    // A finding of its own says that EventBridge refuses it.
    if (!hasPlaceholder(eventPattern)) return [];
    const misses = [{ field: 'pattern', reason: reasonsOf(eventPattern) }];
    return [{ ...about, takes: 'unknown', misses, deliveries: deliveriesOf(routing, rule, event) }];
  }
  const { misses, others } = pattern.explain(event);
  // Unless an alternative has something to compare that is known, it may take the event.
  const open = [misses, ...others].find((each) => each.every(({ allowed }) => hasPlaceholder(allowed)));
  const isExcluding = hasPlaceholder(eventPattern) && JSON.stringify(eventPattern).includes('anything-but');
  if (!open) {
    const told = [misses, ...others].map((each) => each.filter(({ allowed }) => !hasPlaceholder(allowed)));
    return [{ ...about, takes: 'no', ...explanation(told), deliveries: [] }];
  }
  const reasons = [
    ...open.map(({ field, allowed }) => ({ field, reason: `cannot be compared: ${reasonsOf(allowed)}` })),
    ...(isExcluding && open.length === 0 ? [{ field: 'pattern', reason: reasonsOf(eventPattern) }] : []),
    ...(bus !== undefined && hasPlaceholder(rule.bus) ? [{ field: 'bus', reason: reasonsOf(rule.bus) }] : []),
    ...(uncertain === undefined ? [] : [{ field: 'rule', reason: uncertain }]),
    ...model.unknown.map((reason) => ({ field: 'rule', reason })),
  ];
  const deliveries = deliveriesOf(routing, rule, event);
  return [{ ...about, takes: reasons.length > 0 ? 'unknown' : 'yes', misses: reasons, deliveries }];
}

/** Deliveries of the rule, also those without a payload because EventBridge refuses the target's input. */
function deliveriesOf(routing: Routing, rule: RoutedRule, event: BusEvent): RoutedDelivery[] {
  const problem = { kind: 'invalid-payload', reason: 'EventBridge refuses its input' } as const;
  return routing
    .deliver(rule, event)
    .map((each) => (each.payload === undefined && !each.problem ? { ...each, problem } : each));
}

/** @param alternatives fields that keep the event out, closest first */
function explanation([misses = [], ...others]: MatchExplanation['others']): Pick<
  Recipient,
  'misses' | 'others'
> {
  return { misses: misses.map(missedField), ...defined({ others: otherAlternatives(others) }) };
}

function tried(text: string, event: BusEvent): Recipient {
  const about = { resource: '--pattern', rule: '--pattern', bus: '-', deliveries: [] };
  const pattern = compileGiven(text);
  const { matched, misses, others } = pattern.explain(event);
  if (matched) return { ...about, takes: 'yes', misses: [] };
  return { ...about, takes: 'no', ...explanation([misses, ...others]) };
}
