/** What `npm run routes` prints of what holds for all events. */
import { printableJson } from '../../cli/escape-control';
import {
  type InputDecision,
  type PairDecision,
  READING,
  READING_WITHOUT_CONTRACTS,
  type RouteDecisions,
  type RuleDecision,
} from './decisions';

type Shorten = (name: string) => string;

/**
 * @param short the name of a rule as it is shown
 * @param verbose with the events that show it
 */
export function decisionLines(
  { rules, pairs, inputs }: RouteDecisions,
  short: Shorten,
  verbose: boolean,
): string[] {
  if (rules.length === 0) {
    if (pairs.length === 0) return [];
    const lines = pairs.map((pair) => `  ${together(pair, short, verbose)}`);
    return [[`Of any events (${READING_WITHOUT_CONTRACTS}):`, ...lines].join('\n')];
  }
  const blocks = [...new Set(rules.map(({ contract }) => contract))].flatMap((contract) => {
    const isOwn = (each: { readonly contract?: string }) => each.contract === contract;
    const own = rules.filter(isOwn);
    return [
      contract,
      ...[
        ...taken(own, short),
        ...(verbose ? own.flatMap((rule) => examples(rule, short)) : []),
        ...own.flatMap((rule) =>
          rule.verdict === 'cannot tell'
            ? [`cannot tell what ${short(rule.rule)} takes: ${rule.reason}`]
            : [],
        ),
        ...pairs.filter(isOwn).map((pair) => together(pair, short, verbose)),
        ...inputs.filter(isOwn).map((input) => made(input, short)),
      ].map((line) => `  ${line}`),
    ];
  });
  return [[`Of all events that the schemas allow (${READING}), rules take`, ...blocks].join('\n')];
}

function taken(rules: readonly RuleDecision[], short: Shorten): string[] {
  return (['every', 'some', 'none'] as const).flatMap((verdict) => {
    const names = rules.filter((each) => each.verdict === verdict).map(({ rule }) => short(rule));
    return names.length > 0 ? [`${verdict}: ${names.join(', ')}`] : [];
  });
}

function examples(decision: RuleDecision, short: Shorten): string[] {
  if (decision.verdict !== 'some') return [];
  const { rule, taken: yes, missed: no } = decision;
  return [`${short(rule)} takes ${printableJson(yes)}`, `${short(rule)} does not take ${printableJson(no)}`];
}

function together(pair: PairDecision, short: Shorten, verbose: boolean): string {
  const [one, other] = pair.rules.map(short);
  switch (pair.verdict) {
    case 'same':
      return `${one} and ${other} take the same events`;
    case 'inside':
      return `${other} takes all that ${one} takes`;
    case 'overlap':
      return `${one} and ${other} take some in common${verbose ? `: ${printableJson(pair.taken)}` : ''}`;
    case 'cannot tell':
      return `cannot tell what ${one} and ${other} take in common: ${pair.reason}`;
  }
}

function made(input: InputDecision, short: Shorten): string {
  const what = `what ${short(input.rule)} gives to its target ${input.target}`;
  switch (input.verdict) {
    case 'valid':
      return `${what} is JSON for each`;
    case 'invalid':
      return `${what} is no JSON for some, by <${input.variable}>: ${printableJson(input.taken)}`;
    case 'cannot tell':
      return `cannot tell whether ${what} is JSON for each: ${input.reason}`;
  }
}
