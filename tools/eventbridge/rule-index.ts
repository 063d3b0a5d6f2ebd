/**
 * Finds the rules that match an event: rules with other exact sources or detail-types are skipped, the rest are checked
 * one by one.
 */
import type { EventPattern } from './event-pattern';

interface IndexedRule {
  readonly name: string;
  readonly pattern: EventPattern;
  /** Exact values of which an event must have one; undefined if the pattern has other conditions. */
  readonly sources: ReadonlySet<unknown> | undefined;
  readonly detailTypes: ReadonlySet<unknown> | undefined;
}

/** Maximum number of cached pairs of source and detail-type. A bus rarely has a hundred. */
const MAX_PAIRS = 1_000;

/** Patterns by name, with one lookup for all. */
export class RuleIndex {
  readonly #rules = new Map<string, IndexedRule>();
  /** Rules that may match, by detail-type, then by source. */
  readonly #candidates = new Map<string, Map<string, readonly IndexedRule[]>>();
  #pairs = 0;

  /** Adds the pattern, or replaces the one of that name. */
  add(name: string, pattern: EventPattern): void {
    const sources = exactValues(pattern, 'source');
    this.#rules.set(name, { name, pattern, sources, detailTypes: exactValues(pattern, 'detail-type') });
    this.#forget();
  }

  remove(name: string): void {
    this.#rules.delete(name);
    this.#forget();
  }

  /** @returns the names of the patterns that match, in the order in which they were added */
  lookup(event: unknown): string[] {
    if (typeof event !== 'object' || event === null) return [];
    const { source, 'detail-type': detailType } = event as Record<string, unknown>;
    // Events of a bus have both as texts. An array could match by any of its elements.
    const isIndexed = typeof source === 'string' && typeof detailType === 'string';
    const names: string[] = [];
    for (const { name, pattern } of isIndexed ? this.#find(source, detailType) : this.#rules.values()) {
      if (pattern.matches(event)) names.push(name);
    }
    return names;
  }

  #find(source: string, detailType: string): readonly IndexedRule[] {
    const known = this.#candidates.get(detailType)?.get(source);
    if (known) return known;
    if (this.#pairs === MAX_PAIRS) this.#forget();
    const found = [...this.#rules.values()].filter(
      ({ sources, detailTypes }) =>
        (!sources || sources.has(source)) && (!detailTypes || detailTypes.has(detailType)),
    );
    const ofType = this.#candidates.get(detailType) ?? new Map<string, readonly IndexedRule[]>();
    this.#candidates.set(detailType, ofType.set(source, found));
    this.#pairs++;
    return found;
  }

  #forget(): void {
    this.#candidates.clear();
    this.#pairs = 0;
  }
}

function exactValues({ branches }: EventPattern, path: string): ReadonlySet<unknown> | undefined {
  const tests = branches.map(({ fields }) => fields.find((field) => field.path === path)?.tests ?? []);
  const isExact = tests.every((list) => list.length > 0 && list.every(({ op }) => op === 'equals'));
  return isExact
    ? new Set(tests.flat().flatMap((test) => (test.op === 'equals' ? [test.value] : [])))
    : undefined;
}
