/** An event with the results of all rules. */
import type { FieldMismatch } from '../../eventbridge/branch-matcher';
import type { BusEvent } from '../../eventbridge/event';
import type { MatchExplanation } from '../../eventbridge/event-pattern';
import type { Variant } from '../contracts/variants';
import type { RoutedDelivery } from './routing';

/** A field that kept a rule from matching, with the reason in words. */
export type MissReason = Pick<FieldMismatch, 'field' | 'reason'>;

/** Alternatives of a pattern's `$or`s that kept the event out, beside the one that came closest. */
export interface OtherAlternatives {
  /** Fields of each that did not match, closest first. At most `MOST_TOLD`. */
  readonly told: readonly (readonly MissReason[])[];
  /** Number of further ones, and in how many of them each field did not match. */
  readonly untold?: { readonly count: number; readonly byField: Readonly<Record<string, number>> };
}

/** Alternatives that are told with their fields: a pattern may have 1,000. */
const MOST_TOLD = 9;

/** @returns undefined if the pattern has no other alternative */
export function otherAlternatives(others: MatchExplanation['others']): OtherAlternatives | undefined {
  if (others.length === 0) return undefined;
  const told = others.slice(0, MOST_TOLD).map((misses) => misses.map(missedField));
  const rest = others.slice(MOST_TOLD);
  if (rest.length === 0) return { told };
  const byField: Record<string, number> = {};
  for (const { field } of rest.flat()) byField[field] = (byField[field] ?? 0) + 1;
  return { told, untold: { count: rest.length, byField } };
}

export const missedField = ({ field, reason }: MissReason): MissReason => ({ field, reason });

/** Fields that did not match, in words; with the number of alternatives, of which these are of the closest one. */
export function missesText(misses: readonly MissReason[], others?: OtherAlternatives): string {
  const text = misses.map(({ field, reason }) => `${field} ${reason}`).join('; ');
  if (!others) return text;
  return `${text} (the closest of ${countAlternatives(others)} alternatives)`;
}

/** Number of alternatives, the closest one included. */
export const countAlternatives = ({ told, untold }: OtherAlternatives): number =>
  1 + told.length + (untold?.count ?? 0);

/** A line for each other alternative, and one that counts those that are left out. */
export function otherLines({ told, untold }: OtherAlternatives): string[] {
  const lines = told.map((misses) => `or ${missesText(misses)}`);
  if (!untold) return lines;
  const fields = Object.entries(untold.byField).map(([field, count]) => `${field} (${count})`);
  return [...lines, `or one of ${untold.count} more, kept out by ${fields.join(', ')}`];
}

/** Result of one rule for one event. */
export interface RuleResult {
  readonly rule: string;
  readonly matched: boolean;
  /** Fields that kept the rule from matching: of a pattern with `$or`, those of the closest alternative. */
  readonly misses: readonly MissReason[];
  /** Further alternatives of its pattern. */
  readonly others?: OtherAlternatives;
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
