/**
 * Events that a pattern under test takes: of the events of each contract every, some or none, and which events in
 * common with the rules of the template.
 */
import type { Contract } from '../../app';
import { InputError } from '../../cli/errors';
import { ANY_EVENT, compare, type Relation, type SetAnswer, takes } from '../../eventbridge/decide';
import {
  checkPatternLength,
  compile,
  type EventPattern,
  InvalidEventPatternError,
} from '../../eventbridge/event-pattern';
import { rulerBugs } from '../../eventbridge/ruler-bugs';
import { hasPlaceholder, reasonsOf } from '../../template/placeholder';
import { contractDomain } from '../contracts/domain';
import { exampleEvent } from '../contracts/variants';
import { eachVersion } from '../contracts/versions';
import type { RoutedRule, Routing } from './routing';

export interface PatternDecisions {
  readonly contracts: readonly ({ readonly contract: string } & SetAnswer<'every' | 'some' | 'none'>)[];
  readonly rules: readonly ({
    /** Logical id. */
    readonly resource: string;
    readonly rule: string;
    /** Name of the bus. */
    readonly bus: string;
  } & Relation)[];
  /** Known mistakes of AWS's matcher with this pattern. */
  readonly warnings: readonly string[];
}

/**
 * @param text JSON of the pattern
 * @throws InputError for a pattern that EventBridge refuses
 */
export function decidePattern(
  routing: Routing,
  contracts: readonly Contract[],
  text: string,
): PatternDecisions {
  const pattern = compileGiven(text);
  return {
    contracts: contracts.flatMap(eachVersion).map((contract) => ({
      contract: contract.type,
      ...takes(pattern, contractDomain(contract, exampleEvent(contract, routing))),
    })),
    rules: routing.rules.flatMap((rule) => {
      const { name, bus, model } = rule;
      const relation = relate(pattern, rule);
      return relation ? [{ resource: model.resource.logicalId, rule: name, bus, ...relation }] : [];
    }),
    warnings: rulerBugs(pattern),
  };
}

/** @throws InputError for a pattern that EventBridge refuses */
export function compileGiven(text: string): EventPattern {
  try {
    checkPatternLength(text);
    return compile(text);
  } catch (error) {
    if (!(error instanceof InvalidEventPatternError)) throw error;
    throw new InputError(`--pattern: ${error.message}.`);
  }
}

/** @returns undefined for a rule without a pattern, or with one that EventBridge refuses */
function relate(given: EventPattern, { pattern, eventPattern }: RoutedRule): Relation | undefined {
  if (!pattern) return undefined;
  if (hasPlaceholder(eventPattern)) return { verdict: 'cannot tell', reason: reasonsOf(eventPattern) };
  return compare(given, pattern, ANY_EVENT);
}
