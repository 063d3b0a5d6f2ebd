/** Report of `npm run audit`. */
import Table, { type Cell } from 'cli-table3';
import { aboutText, absentText, notCoveredText } from '../verdicts';
import type { Audit } from './audit';
import type { AuditedHop, Gap } from './hops';

export interface AuditReportOptions {
  readonly stackName: string;
  /** Path and stacks that were read. */
  readonly title: string;
  /** Columns of the terminal. */
  readonly width: number;
}

/** Narrower than this, a table of six columns is not readable; a terminal then wraps its lines. */
const LEAST_WIDTH = 100;
/** Characters that cli-table3 puts around the text of each of the six columns, and at the end. */
const FRAME = 6 * 3 + 1;
const HEAD = ['hop', 'retry, age limit', 'when all fails', 'permissions', 'encryption', 'alarms'];
/** Shares of the columns in the rest of the width. */
const SHARES = [0.22, 0.16, 0.13, 0.19, 0.12, 0.18];

/**
 * Report for people: a row for each hop, then what is wrong.
 */
export function auditText(
  { hops, gaps, unknown, notCovered, absent, warnings, notes }: Audit,
  { stackName, title, width }: AuditReportOptions,
): string {
  const room = Math.max(width, LEAST_WIDTH) - FRAME;
  const widths = SHARES.map((share) => Math.floor(room * share));
  const short = (text: string) => text.replaceAll(`${stackName}-`, '');
  const table = new Table({
    head: HEAD.map((text, column) => wrap(text, widths[column] as number)),
    style: { head: [], border: [] },
  });
  for (const hop of hops) {
    table.push(
      ...rowOfEachLine(cells(hop).map((text, column) => wrap(short(text), widths[column] as number))),
    );
  }
  return [
    `${title}: ${count(hops.length, 'hop')} from publisher to store. ` +
      `Names are without the ${stackName}- that they all start with.`,
    ...(hops.length > 0 ? [table.toString()] : []),
    ...warnings.map((warning) => `Warning: ${warning}`),
    ...notes.map((note) => `Note: ${note}`),
    ...notCoveredText(notCovered),
    ...absentText(absent),
    ...(gaps.length === 0
      ? [hops.length === 0 ? 'Nothing here hands events on: there is nothing to audit.' : 'No gaps.']
      : [[`${count(gaps.length, 'gap')}:`, ...entries('✗', gaps)].join('\n')]),
    ...(unknown.length === 0 ? [] : [['Cannot tell:', ...entries('?', unknown)].join('\n')]),
  ].join('\n\n');
}

/** No rule between a row and the one before. */
const JOINED = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };

/**
 * Makes a row of each line of the cells, without a rule between them. cli-table3 would draw the same of one row with
 * several lines, in a time that grows with the cube of their length: for each line it measures the whole cell again,
 * once for each of its characters.
 */
function rowOfEachLine(cells: readonly string[]): Cell[][] {
  const lines = cells.map((cell) => cell.split('\n'));
  return Array.from({ length: Math.max(...lines.map(({ length }) => length)) }, (_, index) =>
    lines.map(
      (each): Cell => (index === 0 ? (each[0] ?? '') : { content: each[index] ?? '', chars: JOINED }),
    ),
  );
}

function cells({
  kind,
  from,
  to,
  retry,
  ageLimit,
  whenAllFails,
  permissions,
  encryption,
  alarms,
}: AuditedHop): string[] {
  return [
    `${kind}:\n${from}\n→ ${to}`,
    [retry, ageLimit].filter((text) => text !== '-').join('\n') || '-',
    whenAllFails,
    permissions.map(({ needed }) => needed).join('\n') || '-',
    encryption,
    alarms.join('\n') || '-',
  ];
}

/** Entries of the gaps; those of one kind, on one hop and resource, stand together. */
function entries(mark: string, gaps: readonly Gap[]): string[] {
  const groups = new Map<string, Gap[]>();
  for (const gap of gaps) {
    const key = [gap.kind, gap.hop, gap.resource].join('\n');
    groups.set(key, [...(groups.get(key) ?? []), gap]);
  }
  return [...groups.values()].map((group) => {
    const { kind, hop, name, message: _, ...about } = group[0] as Gap;
    const head = `  ${mark} ${kind}: ${name}: `;
    const messages = group.map(({ message }, i) => `${i === 0 ? head : ' '.repeat(head.length)}${message}`);
    return [...messages, `      on ${hop}`, `      ${aboutText(about)}`].join('\n');
  });
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Breaks lines between words and after the hyphens and colons of names; cli-table3 would cut names off. */
function wrap(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => {
      let [result, room] = ['', width];
      for (const [part] of line.matchAll(/[^\s:/-]*[:/-]+|[^\s:/-]+|\s+/g)) {
        for (let rest = part; rest; rest = rest.slice(width)) {
          const piece = rest.slice(0, width);
          const isBlank = piece.trim() === '';
          // No blank at either end of a line.
          if (isBlank && (room === width || room <= piece.length)) {
            if (room < width) room = 0;
            continue;
          }
          if (piece.length > room) {
            result += '\n';
            room = width;
          }
          result += piece;
          room -= piece.length;
        }
      }
      return result;
    })
    .join('\n');
}
