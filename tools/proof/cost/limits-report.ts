/** Report of `npm run cost -- --limits`, printed or written into a document. */
import { readFileSync, writeFileSync } from 'node:fs';
import { InputError } from '../../cli/errors';
import { formatCount, Terminal } from '../../cli/terminal';
import type { Limit } from './limits';
import quotaTable from './quotas.json';
import { MONTH_SECONDS } from './units';

const HEAD = ['what is limited', 'limit', 'met at events/s', 'events a month, even', 'what shows it coming'];

/** Two digits: the durations behind a rate were measured on some machine. */
const rate = (value: number): string => formatCount(Number(value.toPrecision(2)));

function monthly(eventsPerSecond: number): string {
  const millions = (eventsPerSecond * MONTH_SECONDS) / 1_000_000;
  return `${formatCount(Number(millions.toPrecision(2)))}M`;
}

/** A metric, starred if an alarm of the template watches it. */
const shown = (
  { metric, alarms }: Limit['signals'][number],
  index: number,
  all: Limit['signals'],
): string => {
  const [namespace, name] = metric.split(' ') as [string, string];
  const isSame = index > 0 && all[index - 1]?.metric.startsWith(`${namespace} `);
  return `${isSame ? name : metric}${alarms.length > 0 ? '*' : ''}`;
};

function row({ what, value, unit, eventsPerSecond, signals }: Limit): string[] {
  return [
    what,
    `${formatCount(value)} ${unit}`,
    eventsPerSecond === undefined ? 'cannot tell' : rate(eventsPerSecond),
    eventsPerSecond === undefined ? '' : monthly(eventsPerSecond),
    signals.map(shown).join(', ') || 'none',
  ];
}

const NOTES = [
  '* An alarm of the template watches it.',
  'Calls take as long as they were measured to; --slowdown takes another factor, --mix another mix of events.',
  `Quotas: tools/proof/cost/quotas.json, of an account in ${quotaTable.region} that never asked for more.`,
];

/** Report for people. */
export function limitsText(title: string, limits: readonly Limit[]): string {
  const ways = limits.map(({ what, above, remedy }) => `  - ${what}: above it ${above}. Then: ${remedy}.`);
  const terminal = new Terminal();
  return [
    `${title}: the rates at which it meets the quotas on an event's way, the lowest first`,
    terminal.table(HEAD, limits.map(row), [2, 3]),
    `What comes above, and what to change:\n${ways.join('\n')}`,
    NOTES.join('\n'),
  ].join('\n\n');
}

/** Report for documents. */
export function limitsMarkdown(limits: readonly Limit[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('*', '\\*')).join(' | ')} |`;
  const head = [...HEAD, 'above it', 'then'];
  return [
    line(head),
    line(head.map((_, column) => (column === 2 || column === 3 ? '--:' : '---'))),
    ...limits.map((limit) => line([...row(limit), limit.above, limit.remedy])),
    '',
    ...NOTES.map((note) => note.replaceAll('*', '\\*')),
  ].join('\n');
}

const [START, END] = ['<!-- limits -->', '<!-- end of limits -->'];

/** The part of a document that `limitsMarkdown` writes; undefined if it has none. */
export function limitsIn(document: string): string | undefined {
  const [from, to] = [document.indexOf(START), document.indexOf(END)];
  return from < 0 || to < from ? undefined : document.slice(from + START.length, to).trim();
}

/** @throws InputError for a file that has no place for them */
export function writeLimits(file: string, limits: readonly Limit[]): void {
  let before: string;
  try {
    before = readFileSync(file, 'utf8');
  } catch (error) {
    throw new InputError(`--write ${file}: ${(error as Error).message}`);
  }
  if (limitsIn(before) === undefined) {
    throw new InputError(`--write ${file}: it has no line ${START}, and after it ${END}.`);
  }
  const [from, to] = [before.indexOf(START) + START.length, before.indexOf(END)];
  writeFileSync(file, `${before.slice(0, from)}\n${limitsMarkdown(limits)}\n${before.slice(to)}`);
}

/** Report for scripts. */
export const limitsJson = (stackName: string, limits: readonly Limit[]): string =>
  JSON.stringify(
    {
      stackName,
      quotas: { date: quotaTable.date, region: quotaTable.region },
      limits: limits.map((limit) => ({
        ...limit,
        source: quotaTable.quotas[limit.quota].source,
      })),
      gaps: [],
      unknown: [],
    },
    null,
    2,
  );
