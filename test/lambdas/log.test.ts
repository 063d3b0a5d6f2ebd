import { writeLog } from '../../lambdas/log';

let lines: string[];
beforeEach(() => {
  lines = [];
  jest.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
});
afterEach(() => {
  jest.restoreAllMocks();
  delete process.env.POWERTOOLS_LOG_LEVEL;
});

const levelsThatAreWritten = (lowest?: string) => {
  if (lowest !== undefined) process.env.POWERTOOLS_LOG_LEVEL = lowest;
  lines = [];
  for (const level of ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const) writeLog(level, 'said', {});
  return lines.map((line) => JSON.parse(line).level);
};

test.each([
  ['DEBUG', ['DEBUG', 'INFO', 'WARN', 'ERROR']],
  ['warn', ['WARN', 'ERROR']],
  ['SILENT', []],
  ['LOUD', ['INFO', 'WARN', 'ERROR']],
  [undefined, ['INFO', 'WARN', 'ERROR']],
])('with the lowest level %s the levels %j are written', (lowest, written) => {
  expect(levelsThatAreWritten(lowest)).toEqual(written);
});

test('a line has no field without a value, and keeps 0 and false', () => {
  writeLog('INFO', 'said', { none: undefined, nothing: null, empty: '', zero: 0, no: false });
  expect(Object.keys(JSON.parse(lines[0] ?? ''))).toEqual(['level', 'timestamp', 'message', 'zero', 'no']);
});
