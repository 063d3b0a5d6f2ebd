/** Findings of a benchmark, for the terminal and for `docs/figures.md`. */
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { dirname, join } from 'node:path';
import { type Bars, barsSvg } from './plot';

export interface FiguresTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Figures {
  /** Name of the part, as on the command line. */
  readonly name: string;
  readonly title: string;
  readonly notes: readonly string[];
  readonly tables: readonly FiguresTable[];
  /** Charts of the picture beside the document, if there is one. */
  readonly plots?: readonly Bars[];
  /** The figures with all their digits, for `--json`. */
  readonly data: unknown;
}

/** The machine and the Node that runs this, which no figure is worth anything without. */
export function machine(): string {
  const [cpu] = os.cpus();
  return `${os.availableParallelism()} cores of ${cpu?.model.trim()}, Node ${process.version}`;
}

/** The figures as Markdown. */
export function asMarkdown({ title, notes, tables, name, plots = [] }: Figures, on = machine()): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    `## ${title}`,
    `\`npm run bench -- ${name}\`, on ${on}. ${notes.join(' ')}`,
    ...tables.map(({ head, rows }) =>
      [line(head), line(head.map((_, column) => (column === 0 ? '---' : '--:'))), ...rows.map(line)].join(
        '\n',
      ),
    ),
    ...(plots.length > 0 ? [`![${plots.map((plot) => plot.title).join('; ')}](${plotFile(name)})`] : []),
  ].join('\n\n');
}

const plotFile = (name: string): string => `${name}.svg`;

/** Replaces the section of these figures in a document; appends it if there is none. */
export function writeFigures(file: string, figures: Figures): void {
  const [start, end] = [`<!-- bench ${figures.name} -->`, `<!-- end ${figures.name} -->`];
  const section = `${start}\n${asMarkdown(figures)}\n${end}`;
  const before = readFileSync(file, 'utf8');
  const from = before.indexOf(start);
  const to = before.indexOf(end);
  const after =
    from >= 0 && to > from
      ? before.slice(0, from) + section + before.slice(to + end.length)
      : `${before.trimEnd()}\n\n${section}\n`;
  writeFileSync(file, after);
  if (figures.plots) writeFileSync(join(dirname(file), plotFile(figures.name)), barsSvg(figures.plots));
}

/** @returns NaN if there are no values */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low = Number.NaN, high = low] = [
    sorted[Math.ceil(sorted.length / 2) - 1],
    sorted[Math.floor(sorted.length / 2)],
  ];
  return (low + high) / 2;
}
