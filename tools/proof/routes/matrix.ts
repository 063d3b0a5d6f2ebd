/** Rows of the matrix of routes: events against rules, those with the same results together. */
import type { RoutedEvent, RuleResult } from './routed-event';

/** A row of the matrix: all events of a contract with the same verdicts. */
export interface MatrixRow {
  readonly label: string;
  /** The first of them. */
  readonly event: RoutedEvent;
  /** True if its details are the same as those of the contract's example. */
  readonly isAsExample: boolean;
}

/** Events of a contract with the same results make one row. */
export function matrixRows(events: readonly RoutedEvent[]): MatrixRow[] {
  const outcomeOf = ({ verdicts, archives }: RoutedEvent) =>
    JSON.stringify([verdicts.map(cellText), archives]);
  const examples = new Map<string, string>();
  const groups = new Map<string, { group: RoutedEvent[]; isAsExample: boolean }>();
  for (const event of events) {
    const { contract, kind, field } = event;
    const outcome = outcomeOf(event);
    if (kind === 'example') examples.set(contract, outcome);
    const isVariation = kind === 'value' || kind === 'absent' || kind === 'extreme' || kind === 'witness';
    const isAsExample = isVariation && outcome === examples.get(contract);
    // The values of a closed set get rows of their own if their verdicts differ.
    const key = JSON.stringify(
      isAsExample ? [contract] : [contract, kind, kind === 'value' && field, outcome],
    );
    const known = groups.get(key);
    if (known) known.group.push(event);
    else groups.set(key, { group: [event], isAsExample });
  }
  return [...groups.values()].map(({ group, isAsExample }) => {
    const [event] = group as [RoutedEvent];
    return { label: rowLabel(group, event, isAsExample), event, isAsExample };
  });
}

function rowLabel(group: readonly RoutedEvent[], { kind, field }: RoutedEvent, isAsExample: boolean): string {
  const labels = group.map(({ label }) => label);
  if (kind === 'example') return 'example';
  if (kind === 'near-miss') return `near miss: ${byFirstWord(labels).join('; ')}`;
  if (isAsExample) return `${group.length} ${group.length === 1 ? 'variation' : 'variations'} of the example`;
  if (kind === 'value')
    return `${field} = ${labels.map((label) => label.slice(`${field} = `.length)).join(', ')}`;
  const [first] = labels;
  return `${first}${labels.length > 1 ? ` and ${labels.length - 1} more` : ''}`;
}

/** `source "a"` and `source "b"` are `source "a", "b"`. */
function byFirstWord(labels: readonly string[]): string[] {
  const groups = new Map<string, string[]>();
  for (const label of labels) {
    const [word = ''] = label.split(' ');
    groups.set(word, [...(groups.get(word) ?? []), label.slice(word.length + 1)]);
  }
  return [...groups].map(([word, rest]) => `${word} ${rest.join(', ')}`);
}

/** Text of a cell: `●` taken and accepted, `✗` taken and refused, otherwise the field that kept the rule from matching. */
export function cellText({ matched, misses, deliveries }: RuleResult): string {
  if (matched) return deliveries.some(({ problem }) => problem) ? '✗' : '●';
  const [first, ...others] = misses.map(({ field }) => field);
  return `${first}${others.length > 0 ? ` +${others.length}` : ''}`;
}
