/** Part of the report of `npm run routes` that says what holds for all events. */
import { printableJson } from '../../cli/escape-control';
import type { FieldDecision } from './accepted-fields';
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
  { rules, pairs, inputs, fields }: RouteDecisions,
  short: Shorten,
  verbose: boolean,
): string[] {
  if (rules.length === 0) {
    if (pairs.length === 0) return [];
    const lines = together(pairs, short, verbose).map((line) => `  ${line}`);
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
        ...together(pairs.filter(isOwn), short, verbose),
        ...inputs.filter(isOwn).map((input) => made(input, short)),
        ...accepted(fields.filter(isOwn), short),
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

/** Rules that take the same events stand together, and those that take some in common with one rule. */
function together(pairs: readonly PairDecision[], short: Shorten, verbose: boolean): string[] {
  const groups: string[][] = [];
  const groupOf = (rule: string) => groups.find((group) => group.includes(rule)) ?? [rule];
  for (const { verdict, rules } of pairs) {
    if (verdict !== 'same') continue;
    const [one, other] = rules;
    const known = groups.find((group) => group.includes(one));
    if (known) known.push(...[other].filter((rule) => !known.includes(rule)));
    else groups.push([one, other]);
  }
  const isFirst = (rule: string) => groupOf(rule)[0] === rule;
  const others = pairs.filter(({ verdict, rules }) => verdict !== 'same' && rules.every(isFirst));
  const collected = (
    verdict: PairDecision['verdict'],
    by: 0 | 1,
    line: (rule: string, rest: string) => string,
  ) => {
    const found = new Map<string, string[]>();
    for (const pair of others) {
      if (pair.verdict !== verdict) continue;
      const rule = pair.rules[by];
      const event =
        pair.verdict === 'overlap' && verbose && pair.taken ? ` (${printableJson(pair.taken)})` : '';
      const rest = `${short(pair.rules[by === 0 ? 1 : 0])}${event}`;
      found.set(rule, [...(found.get(rule) ?? []), rest]);
    }
    return [...found].map(([rule, rest]) => line(short(rule), rest.join(', ')));
  };
  return [
    ...groups.map((group) => `${group.map(short).join(', ')} take the same events`),
    ...collected('inside', 1, (rule, rest) => `${rule} takes all that these take: ${rest}`),
    ...collected('overlap', 0, (rule, rest) => `${rule} takes some in common with ${rest}`),
    ...others.flatMap((pair) => {
      if (pair.verdict !== 'cannot tell') return [];
      const [one, other] = pair.rules.map(short);
      return [`cannot tell what ${one} and ${other} take in common: ${pair.reason}`];
    }),
  ];
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

/** A line for the accepted fields of a target, and one for each other. */
function accepted(fields: readonly FieldDecision[], short: Shorten): string[] {
  const targets = [...new Set(fields.map(({ rule, target }) => JSON.stringify([rule, target])))];
  return targets.flatMap((key) => {
    const own = fields.filter(({ rule, target }) => JSON.stringify([rule, target]) === key);
    const [{ rule, target }] = own as [FieldDecision];
    const what = `of what ${short(rule)} gives to its target ${target}`;
    const fine = own.filter(({ verdict }) => verdict === 'accepted').map(({ field }) => field);
    return [
      ...(fine.length > 0 ? [`${what}, these fields are accepted for each: ${fine.join(', ')}`] : []),
      ...own.flatMap((decision) => {
        if (decision.verdict === 'refused')
          return [`${what}, ${decision.field} is refused for some: ${printableJson(decision.taken)}`];
        return decision.verdict === 'cannot tell'
          ? [`cannot tell whether ${decision.field}, ${what}, is accepted for each: ${decision.reason}`]
          : [];
      }),
    ];
  });
}
