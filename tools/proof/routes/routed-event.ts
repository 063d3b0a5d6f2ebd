/** An event with the results of all rules. */
import type { Miss } from '../../eventbridge/branch-matcher';
import type { BusEvent } from '../../eventbridge/event';
import type { Variant } from '../contracts/variants';
import type { RoutedDelivery } from './routing';

/** Result of one rule for one event. */
export interface Verdict {
  readonly rule: string;
  readonly matched: boolean;
  /** Fields that kept the rule from matching. */
  readonly misses: readonly Pick<Miss, 'field' | 'reason'>[];
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
  readonly verdicts: readonly Verdict[];
  /** Names of the archives that store it. */
  readonly archives: readonly string[];
}
