/** Report of `npm run routes -- --pattern`. */
import { escapeAllControl, escapeControl, printableJson } from '../../cli/escape-control';
import { READING, READING_WITHOUT_CONTRACTS } from './decisions';
import type { PatternDecisions } from './pattern-decisions';

/** @param title of what was read: path and stacks */
export function patternText(title: string, { contracts, rules, warnings }: PatternDecisions): string {
  const ofContracts = contracts.flatMap((decision): string[] => {
    const { contract } = decision;
    if (decision.verdict === 'cannot tell') return [`? ${contract}: cannot tell: ${decision.reason}`];
    if (decision.verdict !== 'some')
      return [`${decision.verdict === 'every' ? '●' : ' '} ${contract}: ${decision.verdict}`];
    return [
      `◐ ${contract}: some`,
      ...(decision.taken ? [`    takes ${printableJson(decision.taken)}`] : []),
      ...(decision.missed ? [`    not   ${printableJson(decision.missed)}`] : []),
    ];
  });
  const ofRules = rules.map((decision) => {
    const { resource, rule, bus } = decision;
    const name = resource === rule ? rule : `${resource} (${rule})`;
    return `${name} on ${bus}: ${relationText(decision)}`;
  });
  const lines = [
    [`${title}: what the pattern takes`],
    ...warnings.map((warning) => [`Warning: ${warning}.`]),
    ofContracts.length > 0
      ? [`Of all events that the contracts' schemas allow (${READING}):`, ...ofContracts.map(indent)]
      : ['Not looked at: events of contracts, none is described.'],
    ofRules.length > 0
      ? [`Beside the rules, for any events (${READING_WITHOUT_CONTRACTS}):`, ...ofRules.map(indent)]
      : ['There is no rule with a pattern.'],
  ];
  return lines.map((block) => block.map((line) => escapeControl(line)).join('\n')).join('\n\n');
}

const indent = (line: string): string => `  ${line}`;

function relationText(relation: PatternDecisions['rules'][number]): string {
  switch (relation.verdict) {
    case 'same':
      return 'takes the same events';
    case 'inside':
      return 'takes all that the pattern takes, and more';
    case 'around':
      return 'takes a part of what the pattern takes';
    case 'overlap':
      return `takes some in common${relation.taken ? `, e.g. ${printableJson(asked(relation.taken))}` : ''}`;
    case 'apart':
      return 'takes none in common';
    case 'cannot tell':
      return `cannot tell: ${relation.reason}`;
  }
}

/** An event without the fields that neither pattern asks for, which are empty. */
const asked = (event: object): object =>
  Object.fromEntries(Object.entries(event).filter(([, value]) => value !== ''));

/** Report for scripts. */
export function patternJson(pattern: string, decisions: PatternDecisions): string {
  return JSON.stringify(escapeAllControl({ pattern, ...decisions }), null, 2);
}
