/**
 * Output of commands: the result on stdout (tables, or one JSON document with `--json`), everything else (notes,
 * progress, questions) on stderr. Colours and progress only on a terminal.
 */
import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';
import stringWidth from 'string-width';
import { escapeControl, printableJson } from './escape-control';

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow';

/** Columns of a table when the output is no terminal. */
const WIDTH = 100;
/** Minimum width of the last column, in characters. */
const LEAST_LAST_COLUMN = 20;
const GAP = 2;
/** Characters that are printed of a cell in the last column, and in any other: anybody may write a long text. */
const MOST_IN_CELL = { last: 2_000, other: 400 };

export class Terminal {
  readonly #json: boolean;
  readonly #colours: boolean;
  readonly #width: number;
  #progressShown = false;
  /** Texts in a style of ours, by what they are printed as; the sequences in any other are somebody else's. */
  readonly #styled = new Map<string, { readonly style: Style; readonly text: string }>();

  constructor({ json = false } = {}) {
    this.#json = json;
    this.#colours = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
    this.#width = process.stdout.columns || WIDTH;
  }

  /**
   * Prints the command's result.
   * @param result what `--json` prints
   * @param text what is printed otherwise
   */
  print(result: object, text: () => string): void {
    this.#clearProgress();
    process.stdout.write(`${this.#json ? printableJson(result, 2) : this.#printable(text())}\n`);
  }

  /** Prints a note to stderr. */
  note(text: string): void {
    this.#clearProgress();
    process.stderr.write(`${this.#printable(text)}\n`);
  }

  /** Shows the progress of long work, in place of the previous one. */
  progress(text: string): void {
    if (!process.stderr.isTTY) return;
    process.stderr.write(`\r\x1b[K${text}`);
    this.#progressShown = true;
  }

  get canAsk(): boolean {
    return process.stdin.isTTY && process.stderr.isTTY;
  }

  /** Asks a question on the terminal; any answer but yes is no. */
  async confirm(question: string, signal: AbortSignal): Promise<boolean> {
    this.#clearProgress();
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim());
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    } finally {
      terminal.close();
    }
  }

  /** A text of anybody's, made printable, in a style of ours. */
  style(style: Style, text: string): string {
    const printable = escapeControl(text);
    if (!this.#colours) return printable;
    const styled = styleText(style, printable);
    this.#styled.set(styled, { style, text: printable });
    return styled;
  }

  /** Escapes all control characters but line breaks and our own styles. */
  #printable(text: string): string {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that set our styles
    const kept = this.#colours ? /(\n|\x1b\[\d+m)/ : /(\n)/;
    return text
      .split(kept)
      .map((part, index) => (index % 2 === 1 ? part : escapeControl(part)))
      .join('');
  }

  /**
   * Formats columns as wide as their content; the last one is wrapped to the rest of the line. A text that is too long
   * for a screen is cut, with the number of characters that are left out.
   */
  table(
    head: readonly string[],
    cells: readonly (readonly string[])[],
    right: readonly number[] = [],
  ): string {
    const last = head.length - 1;
    const rows = cells.map((row) =>
      row.map((cell, column) => this.#cell(cell, MOST_IN_CELL[column === last ? 'last' : 'other'])),
    );
    const widths = head.map((title, column) =>
      rows.reduce((width, row) => Math.max(width, stringWidth(row[column] ?? '')), stringWidth(title)),
    );
    const taken = widths.slice(0, last).reduce((sum, width) => sum + width + GAP, 0);
    const room = Math.max(LEAST_LAST_COLUMN, this.#width - taken);
    const lines = [head.map((title) => this.style('dim', title)), ...rows].flatMap((row) => {
      const start = row.slice(0, last).map((cell, column) => {
        const blanks = ' '.repeat((widths[column] ?? 0) - stringWidth(cell));
        return right.includes(column) ? blanks + cell : cell + blanks;
      });
      const [first = '', ...others] = wrap(row[last] ?? '', room).split('\n');
      return [
        [...start, first].join(' '.repeat(GAP)),
        ...others.map((other) => `${' '.repeat(taken)}${other}`),
      ];
    });
    return lines.map((line) => line.trimEnd()).join('\n');
  }

  /** A cell's text, printable and not too long, in its style. */
  #cell(cell: string, most: number): string {
    const styled = this.#styled.get(cell);
    const text = styled?.text ?? cell;
    if (text.length <= most) return styled ? cell : escapeControl(text);
    // No half of a surrogate pair at the end.
    const kept = text.slice(0, most).replace(/[\ud800-\udbff]$/, '');
    const cut = escapeControl(
      `${kept}… (${formatCount(text.length - kept.length)} more characters with --json)`,
    );
    return styled ? this.style(styled.style, cut) : cut;
  }

  /** Clears the progress line. */
  close(): void {
    this.#clearProgress();
  }

  #clearProgress(): void {
    if (!this.#progressShown) return;
    process.stderr.write('\r\x1b[K');
    this.#progressShown = false;
  }
}

/** Breaks a text into lines between words, and within a word that is longer than a line. */
function wrap(text: string, width: number): string {
  return text.replaceAll(new RegExp(`(.{1,${width}})(?:\\s+|$)|(.{${width}})`, 'gu'), '$1$2\n').trimEnd();
}

/** `1,234`. */
export const formatCount = (count: number): string =>
  Number.isInteger(count) && Math.abs(count) < 1_000 ? String(count) : count.toLocaleString('en-US');

/** `1 event`, `1,234 events`. */
export const formatCountOf = (count: number, noun: string): string =>
  `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;

/** `1.2 MB`, in powers of 1,000. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1_000 ** power).toFixed(1)} ${units[power - 1]}`;
}
