import { stripVTControlCharacters } from 'node:util';
import { formatBytes, formatCountOf, Terminal } from '../../../tools/cli/terminal';
import { capture } from '../../in-process';

describe('a table', () => {
  const table = (rows: string[][]) =>
    new Terminal().table(['NAME', 'COUNT', 'REASON'], rows, [1]).split('\n');

  test('has columns as wide as their content', () => {
    expect(
      table([
        ['a', '7', 'short'],
        ['longer', '1,000', 'other'],
      ]),
    ).toEqual(['NAME    COUNT  REASON', 'a           7  short', 'longer  1,000  other']);
  });

  test('wraps its last column between words, so that a line has at most 100 characters', () => {
    const [, first = '', second = ''] = table([['name', '1', 'word '.repeat(30)]]);
    expect(first).toMatch(/^name {6}1 {2}word word .* word$/);
    expect(second).toMatch(/^ {13}word .*word$/);
    expect(first.length).toBeLessThanOrEqual(100);
    expect(`${first.slice(13)} ${second.trim()}`).toBe('word '.repeat(30).trim());
  });

  test('breaks a word that is longer than a line, and loses nothing of it', () => {
    const word = Array.from({ length: 250 }, (_, index) => index % 10).join('');
    const lines = table([['name', '1', `see ${word}`]]).slice(1);
    expect(
      lines
        .map((line) => line.slice(13))
        .join('')
        .replace('see ', '')
        .replace('see', ''),
    ).toBe(word);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
  });

  test('cuts a text that is too long for a screen, says by how much and where all of it is', () => {
    const text = 'word '.repeat(400);
    expect(table([['name', '1', text]]).join('\n')).not.toContain('…');
    const lines = table([['name', '1', `${text}${'😀'.repeat(50_000)}`]]);
    expect(lines.join(' ')).toMatch(/word … \(100,000 more characters with --json\)$/);
    expect(table([['n'.repeat(1_400), '1', 'why']])[1]).toMatch(
      /^n{400}… \(1,000 more characters with --json\) /,
    );
  });

  test('cuts no character in two', () => {
    const [, cell = ''] = table([[`n${'😀'.repeat(500)}`, '1', 'why']]);
    expect(cell).toMatch(/^n(😀)+… \(602 more/u);
    expect(cell).not.toMatch(/\p{Cs}/u);
  });

  test('takes a time that grows with its rows and lines', () => {
    const start = process.cpuUsage();
    const rows = Array.from({ length: 300 }, () => ['n'.repeat(20_000), '1', 'word '.repeat(20_000)]);
    expect(table(rows).length).toBeGreaterThan(300);
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(2_000);
  });

  test('without rows has its head', () => {
    expect(table([])).toEqual(['NAME  COUNT  REASON']);
  });
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [1_234_567, '1.2 MB'],
  [5e15, '5000.0 TB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, '0 events'],
  [1, '1 event'],
  [1_234, '1,234 events'],
])('%d of a noun: %s', (count, text) => {
  expect(formatCountOf(count, 'event')).toBe(text);
});

describe('what others have written', () => {
  const EVIL = 'a\x1b[31mred\x1b]0;title\x07\u202eb';
  const SAFE = 'a\\x1b[31mred\\x1b]0;title\\x07\\u202eb';

  const printed = (work: (terminal: Terminal) => void, json = false) => {
    let output = '';
    const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
      output += text;
      return true;
    });
    try {
      work(new Terminal({ json }));
    } finally {
      write.mockRestore();
    }
    return output;
  };

  test.each([false, true])('cannot do anything to the terminal; with colours: %j', (isTTY) => {
    const before = Object.getOwnPropertyDescriptor(process.stdout, 'isTTY');
    Object.defineProperty(process.stdout, 'isTTY', { value: isTTY, configurable: true });
    try {
      const output = printed((terminal) =>
        terminal.print({}, () =>
          [
            terminal.table(['A', 'B'], [[EVIL, terminal.style('red', EVIL)]]),
            terminal.style('bold', EVIL),
          ].join('\n'),
        ),
      );
      expect(output.split(SAFE)).toHaveLength(4);
      expect(output.split('\x1b').length > 1).toBe(
        isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb',
      );
      expect(output).not.toContain('\x1b[31mred');
      const long = printed((terminal) =>
        terminal.print({}, () => terminal.table(['A', 'B'], [[terminal.style('red', 'x'.repeat(500)), 'y']])),
      );
      expect(stripVTControlCharacters(long)).toContain('… (100 more characters with --json)  y');
    } finally {
      if (before) Object.defineProperty(process.stdout, 'isTTY', before);
      else Reflect.deleteProperty(process.stdout, 'isTTY');
    }
  });

  test('is JSON of printable characters with --json', () => {
    const output = printed((terminal) => terminal.print({ [EVIL]: EVIL }, () => ''), true);
    expect(output).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
    expect(JSON.parse(output)).toEqual({ [EVIL]: EVIL });
  });
});

describe('a terminal', () => {
  const on = (isTerminal: boolean, work: (terminal: Terminal) => void) =>
    capture(
      async () => {
        const terminal = new Terminal();
        work(terminal);
        terminal.close();
      },
      { isTerminal },
    );

  test('shows progress in one line, which the result takes the place of', async () => {
    const work = (terminal: Terminal) => {
      terminal.progress('1 read');
      terminal.progress('2 read');
      terminal.print({}, () => 'done');
    };
    expect((await on(true, work)).stderr).toBe('\r\x1b[K1 read\r\x1b[K2 read\r\x1b[K');
    expect((await on(false, work)).stderr).toBe('');
  });

  test('can be asked only where both ends are one', async () => {
    const seen: boolean[] = [];
    for (const isTerminal of [true, false])
      await on(isTerminal, (terminal) => seen.push(Boolean(terminal.canAsk)));
    expect(seen).toEqual([true, false]);
  });
});
