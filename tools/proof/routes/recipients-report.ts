/** Report of `npm run routes -- --event`. */
import { escapeAllControl, escapeControl } from '../../cli/escape-control';
import type { BusEvent } from '../../eventbridge/event';
import type { Recipient } from './recipients';
import { missesText, otherLines } from './routed-event';

const MARKS = { yes: '●', no: ' ', unknown: '?' } as const;

/** @param title of what was read: path and stacks */
export function recipientsText(title: string, event: BusEvent, recipients: readonly Recipient[]): string {
  const { source, 'detail-type': type } = event;
  const takers = recipients.filter(({ takes, rule }) => takes === 'yes' && rule !== '--pattern').length;
  const lines = recipients.flatMap((recipient) => describe(recipient));
  return [
    `${title}: who gets ${escapeControl(`${source}/${type}`)}`,
    lines.join('\n') || 'There is no rule with a pattern.',
    takers === 0 ? 'No rule takes it.' : `${takers} of ${recipients.length} take it.`,
  ].join('\n\n');
}

function describe({ resource, rule, bus, takes, misses, others, deliveries, from }: Recipient): string[] {
  const name = resource === rule ? rule : `${resource} (${rule})`;
  const on = bus === '-' ? '' : ` on ${bus}${from === undefined ? '' : `, handed on by ${from}`}`;
  const told = missesText(misses, others);
  const verb = takes === 'unknown' ? 'cannot tell: ' : '';
  const head = escapeControl(`${MARKS[takes]} ${name}${on}${told ? `: ${verb}${told}` : ''}`);
  const alternatives = others ? otherLines(others).map((line) => `      ${escapeControl(line)}`) : [];
  return [head, ...alternatives, ...(takes === 'no' ? [] : deliveries.flatMap(deliveryLines))];
}

function deliveryLines({ target, consumer, payload, problem }: Recipient['deliveries'][number]): string[] {
  const problemText = problem ? `: ✗ ${problem.reason}` : '';
  return [
    `    → ${consumer ?? target}${escapeControl(problemText)}`,
    ...(payload ?? '').split('\n').map((line) => `      ${escapeControl(line)}`),
  ];
}

/** Report for scripts. */
export function recipientsJson(event: BusEvent, recipients: readonly Recipient[]): string {
  return JSON.stringify(escapeAllControl({ event, recipients }), null, 2);
}
