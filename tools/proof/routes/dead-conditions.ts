/** Conditions of rules that hold for no event of any contract, decided for all that the contracts' schemas allow. */
import type { Contract } from '../../app';
import { BranchMatcher } from '../../eventbridge/branch-matcher';
import { takes } from '../../eventbridge/decide';
import type { BusEvent } from '../../eventbridge/event';
import { EventPattern } from '../../eventbridge/event-pattern';
import { contractDomain } from '../contracts/domain';
import { witnessOf } from '../contracts/witness';
import type { RoutedEvent } from './routed-event';
import type { Finding, RoutedRule } from './routing';

/**
 * Finds values in the pattern of a rule with matches that no event of a contract can have, such as a misspelt status.
 * @param rules that the contracts' events can reach
 * @param events that were tried
 */
export function deadConditions(
  rules: readonly RoutedRule[],
  examples: ReadonlyMap<Contract, BusEvent>,
  events: readonly RoutedEvent[],
): { readonly findings: Finding[]; readonly unknown: Finding[] } {
  const found = { findings: [] as Finding[], unknown: [] as Finding[] };
  const isKnownAlive = (pattern: EventPattern) =>
    events.some(({ event }) => pattern.matches(event)) ||
    [...examples].some(([contract, example]) => witnessOf(contract, example, pattern));
  for (const { name: rule, pattern } of rules) {
    if (!pattern || !isKnownAlive(pattern)) continue;
    for (const [text, alone] of conditionsOf(pattern)) {
      if (alone.some(isKnownAlive)) continue;
      const answers = [...examples].flatMap(([contract, example]) => {
        const domain = contractDomain(contract, example);
        return alone.map((each) => takes(each, domain));
      });
      const asks = `Rule ${rule} asks for ${text}`;
      const undecided = answers.find((answer) => answer.verdict === 'cannot tell');
      if (answers.every(({ verdict }) => verdict === 'none')) {
        found.findings.push({
          kind: 'dead-condition',
          rule,
          message: `${asks}, which no event of any contract has.`,
        });
      } else if (
        undecided?.verdict === 'cannot tell' &&
        !answers.some(({ verdict }) => verdict === 'some' || verdict === 'every')
      ) {
        const message = `${asks}; whether an event of a contract has it cannot be told: ${undecided.reason}.`;
        found.unknown.push({ kind: 'dead-condition', rule, message });
      }
    }
  }
  return found;
}

/** Each condition of a pattern, with the patterns that ask for it alone: with `$or` it is in several branches, and can hold in one of them. */
function conditionsOf(pattern: EventPattern): Map<string, EventPattern[]> {
  const byText = new Map<string, EventPattern[]>();
  for (const { fields } of pattern.branches) {
    for (const field of fields) {
      for (const test of field.tests) {
        const narrowed = fields.map(({ path, tests }) => ({
          path,
          tests: path === field.path ? [test] : [...tests],
          allowed: [],
        }));
        const text = `${field.path} ${test.op === 'equals' ? JSON.stringify(test.value) : JSON.stringify(test)}`;
        byText.set(text, [...(byText.get(text) ?? []), new EventPattern([new BranchMatcher(narrowed)])]);
      }
    }
  }
  return byText;
}
