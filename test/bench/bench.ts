/**
 * Measures what this machine makes of the project: `npm run bench -- [parts] [--json] [--write]`. Parts that take a
 * browser have a script of their own (`npm run bench:page`).
 */
import { join } from 'node:path';
import { createCommand, runCommand } from '../../tools/cli/command';
import { InputError } from '../../tools/cli/errors';
import { resolveGiven } from '../../tools/cli/path';
import { Terminal } from '../../tools/cli/terminal';
import { benchColdStart } from './cold-start';
import { benchDesk } from './desk';
import { benchEndToEndFigures } from './end-to-end';
import { type Figures, machine, writeFigures } from './figures';
import { benchGrowth } from './growth';
import { benchHeap } from './heap';
import { benchMemory } from './memory';
import { benchPatternsFigures } from './patterns';
import { benchSynth } from './synth';

const FIGURES = join(__dirname, '..', '..', 'docs', 'figures.md');

interface Settings {
  readonly against?: string;
  readonly events: number;
}
type Bench = (onProgress: (text: string) => void, settings: Settings) => Promise<Figures>;

const PARTS: Readonly<Record<string, Bench>> = {
  patterns: benchPatternsFigures,
  'end-to-end': (onProgress) => benchEndToEndFigures(onProgress),
  desk: (onProgress, { against }) => benchDesk(onProgress, against),
  memory: (onProgress, { events }) => benchMemory(onProgress, events),
  growth: (onProgress) => benchGrowth(onProgress),
  'cold-start': (onProgress) => benchColdStart(onProgress),
  heap: (onProgress) => benchHeap(onProgress),
  synth: (onProgress) => benchSynth(onProgress),
};

const command = createCommand('npm run bench --')
  .description('Measures the rules, the local run, the handlers and the synth on this machine.')
  .argument('[parts...]', `which of ${Object.keys(PARTS).join(', ')}; all without any`)
  .option('--json', 'print all digits as JSON')
  .option('--write', 'put the tables into docs/figures.md')
  .option(
    '--against <dir>',
    'compare desk with another version of the project, checked out and installed there',
  )
  .option('--events <n>', 'events of memory, e.g. 1000000', countOf, 20_000)
  .action(async (names: string[], { json = false, write = false, against, events }) => {
    const unknown = names.find((name) => !Object.hasOwn(PARTS, name));
    if (unknown !== undefined)
      throw new InputError(`${unknown}: no such part; there are ${Object.keys(PARTS).join(', ')}.`);
    const terminal = new Terminal({ json });
    const all: Figures[] = [];
    for (const [name, run] of Object.entries(PARTS)) {
      if (names.length > 0 && !names.includes(name)) continue;
      const settings = { events, ...(against && { against: resolveGiven(against) }) };
      const figures = await run((text) => terminal.progress(text), settings);
      all.push(figures);
      if (write) writeFigures(FIGURES, figures);
      if (!json) terminal.print({}, () => asText(terminal, figures));
    }
    if (json) terminal.print({ machine: machine(), parts: all }, () => '');
    terminal.close();
  });

/** @throws InputError for what is no number of events */
function countOf(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new InputError(`--events ${text}: a whole number from 1 is allowed.`);
}

function asText(terminal: Terminal, { title, notes, tables }: Figures): string {
  const numbers = (head: readonly string[]) => head.slice(1).map((_, index) => index + 1);
  return [
    terminal.style('bold', title),
    ...notes,
    ...tables.map(({ head, rows }) => terminal.table(head, rows, numbers(head))),
    '',
  ].join('\n');
}

void runCommand(command);
