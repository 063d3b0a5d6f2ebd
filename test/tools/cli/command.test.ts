import {
  createCommand,
  exitWith,
  numberFrom,
  repeated,
  runCommand,
  wholeNumberFrom,
} from '../../../tools/cli/command';
import { EXIT, InputError } from '../../../tools/cli/errors';

let stderr: string;
let before: typeof process.exitCode;
beforeEach(() => {
  stderr = '';
  before = process.exitCode;
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
});
afterEach(() => {
  process.exitCode = before;
  jest.restoreAllMocks();
});

/** Runs a command whose work ends like that. */
async function run(work: () => number | Promise<number>, ...args: string[]) {
  const command = createCommand('probe').option('--count <n>', 'how many', wholeNumberFrom(1, 3));
  await runCommand(command.action(exitWith(work as never)), undefined, args);
  return { exitCode: process.exitCode, stderr };
}

test.each([EXIT.ok, EXIT.failed])('the exit code is what the work ends with: %d', async (code) => {
  expect(await run(() => code)).toEqual({ exitCode: code, stderr: '' });
});

test('bad input is one line and exit code 2', async () => {
  const work = () => {
    throw new InputError('--mix is empty');
  };
  expect(await run(work)).toEqual({ exitCode: EXIT.input, stderr: '--mix is empty\n' });
});

test.each([
  [
    ['--count', '4'],
    /^error: option '--count <n>' argument '4' is invalid\. It must be a whole number from 1 to 3\.\n$/,
  ],
  [['--cuont', '3'], /^error: unknown option '--cuont' \(Did you mean --count\?\)\n$/],
  [['more'], /^error: too many arguments.*\n$/],
])('arguments %j are bad input', async (args, line) => {
  expect(await run(() => EXIT.ok, ...args)).toEqual({
    exitCode: EXIT.input,
    stderr: expect.stringMatching(line),
  });
});

test('a defect is thrown on, with its stack', async () => {
  const work = () => {
    throw new TypeError('undefined is not a function');
  };
  await expect(run(work)).rejects.toThrow(TypeError);
});

test.each(['', ' ', 'x', '0', '11', 'NaN'])('%j is no number from 1 to 10', (text) => {
  expect(() => numberFrom(1, 10)(text)).toThrow('It must be a number from 1 to 10.');
});

test('an option that may be repeated has all of its values', () => {
  const read = repeated(Number);
  expect(read('2', read('1'))).toEqual([1, 2]);
});
