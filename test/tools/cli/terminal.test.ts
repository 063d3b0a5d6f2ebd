import { formatBytes, formatCountOf, Terminal } from '../../../tools/cli/terminal';

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
