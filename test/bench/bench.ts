/**
 * Measures what this machine makes of the project: `npm run bench -- [parts] [--json] [--write]`. Parts that take a
 * browser have a script of their own (`npm run bench:page`).
 */
import { join } from 'node:path';
import { createCommand, runCommand } from '../../tools/cli/command';
import { InputError } from '../../tools/cli/errors';
import { Terminal } from '../../tools/cli/terminal';
import { benchColdStart } from './cold-start';
import { benchEndToEndFigures } from './end-to-end';
import { type Figures, machine, writeFigures } from './figures';
import { benchPatternsFigures } from './patterns';

const FIGURES = join(__dirname, '..', '..', 'docs', 'figures.md');

const PARTS: Readonly<Record<string, (onProgress: (text: string) => void) => Promise<Figures>>> = {
  patterns: benchPatternsFigures,
  'end-to-end': benchEndToEndFigures,
  'cold-start': benchColdStart,
};

const command = createCommand('npm run bench --')
  .description('Measures the rules, the local run and the cold start of the handlers on this machine.')
  .argument('[parts...]', `which of ${Object.keys(PARTS).join(', ')}; all without any`)
  .option('--json', 'print all digits as JSON')
  .option('--write', 'put the tables into docs/figures.md')
  .action(async (names: string[], { json = false, write = false }) => {
    const unknown = names.find((name) => !Object.hasOwn(PARTS, name));
    if (unknown !== undefined)
      throw new InputError(`${unknown}: no such part; there are ${Object.keys(PARTS).join(', ')}.`);
    const terminal = new Terminal({ json });
    const all: Figures[] = [];
    for (const [name, run] of Object.entries(PARTS)) {
      if (names.length > 0 && !names.includes(name)) continue;
      const figures = await run((text) => terminal.progress(text));
      all.push(figures);
      if (write) writeFigures(FIGURES, figures);
      if (!json) terminal.print({}, () => asText(terminal, figures));
    }
    if (json) terminal.print({ machine: machine(), parts: all }, () => '');
    terminal.close();
  });

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
