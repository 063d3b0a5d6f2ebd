/**
 * Recipients of one event: for each rule the payloads of its targets, or the field that keeps it from taking the
 * event.
 */

import type { BusEvent } from '../../eventbridge/event';
import { hasPlaceholder, reasonsOf } from '../../template/placeholder';
import type { GivenEvent } from './given-event';
import { compileGiven } from './pattern-decisions';
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
  /** Fields that keep the event from the rule, or may do so. */
  readonly misses: readonly { readonly field: string; readonly reason: string }[];
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
  if (!pattern) return [];
  const about = { resource: model.resource.logicalId, rule: name, bus: rule.bus };
  const no = (field: string, reason: string): Recipient[] => [
    { ...about, takes: 'no', misses: [{ field, reason }], deliveries: [] },
  ];
  if (!rule.enabled) return no('state', 'is DISABLED');
  const { uncertain } = model.resource;
  if (bus !== undefined && rule.bus !== bus && !hasPlaceholder(rule.bus))
    return no('bus', `is ${rule.bus}, the event is put on ${bus}`);
  const { misses } = pattern.explain(event);
  const unsure = misses.filter(({ allowed }) => hasPlaceholder(allowed));
  const isExcluding = hasPlaceholder(eventPattern) && JSON.stringify(eventPattern).includes('anything-but');
  if (misses.length > unsure.length) {
    const told = misses.filter((miss) => !unsure.includes(miss));
    return [{ ...about, takes: 'no', misses: told.map(pick), deliveries: [] }];
  }
  const reasons = [
    ...unsure.map(({ field, allowed }) => ({ field, reason: `cannot be compared: ${reasonsOf(allowed)}` })),
    ...(isExcluding && unsure.length === 0 ? [{ field: 'pattern', reason: reasonsOf(eventPattern) }] : []),
    ...(bus !== undefined && hasPlaceholder(rule.bus) ? [{ field: 'bus', reason: reasonsOf(rule.bus) }] : []),
    ...(uncertain === undefined ? [] : [{ field: 'rule', reason: uncertain }]),
  ];
  const deliveries = routing.deliver(rule, event);
  return [{ ...about, takes: reasons.length > 0 ? 'unknown' : 'yes', misses: reasons, deliveries }];
}

const pick = ({ field, reason }: { readonly field: string; readonly reason: string }) => ({ field, reason });

function tried(text: string, event: BusEvent): Recipient {
  const about = { resource: '--pattern', rule: '--pattern', bus: '-', deliveries: [] };
  const pattern = compileGiven(text);
  if (pattern.matches(event)) return { ...about, takes: 'yes', misses: [] };
  return { ...about, takes: 'no', misses: pattern.explain(event).misses.map(pick) };
}
