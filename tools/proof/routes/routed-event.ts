/** An event with the results of all rules. */
import type { FieldMismatch } from '../../eventbridge/branch-matcher';
import type { BusEvent } from '../../eventbridge/event';
import type { Variant } from '../contracts/variants';
import type { RoutedDelivery } from './routing';

/** Result of one rule for one event. */
export interface RuleResult {
  readonly rule: string;
  readonly matched: boolean;
  /** Fields that kept the rule from matching. */
  readonly misses: readonly Pick<FieldMismatch, 'field' | 'reason'>[];
  readonly deliveries: readonly RoutedDelivery[];
}

/** One event and its verdicts. */
export interface RoutedEvent {
  /**
   * `source/detail-type` of its contract, also for a near miss; with the version if several are read.
   */
  readonly contract: string;
  readonly kind: Variant['kind'] | 'near-miss';
  /** Difference from the example, in words. */
  readonly label: string;
  /** Dotted path of the field that differs from the example; empty if there is none. */
  readonly field: string;
  readonly event: BusEvent;
  /** Verdicts of all rules with a pattern, in the template's order. */
  readonly verdicts: readonly RuleResult[];
  /** Names of the archives that store it. */
  readonly archives: readonly string[];
}

/** Events that each rule takes, by the rule's name: asked of every event once, since both can be thousands. */
export function eventsByRule(events: readonly RoutedEvent[]): ReadonlyMap<string, readonly RoutedEvent[]> {
  const taken = new Map<string, RoutedEvent[]>();
  for (const event of events) {
    for (const { rule, matched } of event.verdicts) {
      if (!matched) continue;
      const others = taken.get(rule);
      if (others) others.push(event);
      else taken.set(rule, [event]);
    }
  }
  return taken;
}
