/**
 * Frame of every command. Invalid input is one line on stderr and exit code 2, a finding is exit code 1; any other
 * error is a defect of this program and keeps its stack trace.
 */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { EXIT, type ExitCode, type Explanation, InputError } from './errors';
import { escapeControl } from './escape-control';

/**
 * @param name as in the help's usage line
 * @param hint appended to the line about invalid arguments
 */
export function createCommand(name: string, hint = ''): Command {
  return new Command(name)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`${printable(text.trim().replaceAll('\n', ' '))}${hint}\n`),
    });
}

/** An error may quote what was typed, or what is in a file. Another program's output keeps its lines. */
const printable = (text: string): string => text.split('\n').map(escapeControl).join('\n');

/** Turns a function that returns an exit code into a command's action. */
export function exitWith<Parameters extends unknown[]>(
  work: (...parameters: Parameters) => ExitCode | Promise<ExitCode>,
): (...parameters: Parameters) => Promise<void> {
  return async (...parameters) => {
    process.exitCode = await work(...parameters);
  };
}

/**
 * Runs the command on the arguments after the script's name, and sets the process's exit code.
 * @param explain turns an error into its line and exit code; returns undefined for a defect
 */
export async function runCommand(
  command: Command,
  explain: (error: unknown) => Explanation | undefined = explainInput,
  args: readonly string[] = process.argv.slice(2),
): Promise<void> {
  // `npm run routes | head` closes the pipe early, which is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  try {
    await command.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has written its line; --help has exit code 0.
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.input;
      return;
    }
    const explanation = explain(error);
    if (!explanation) throw error;
    process.stderr.write(`${printable(explanation.line)}\n`);
    process.exitCode = explanation.exitCode;
  }
}

function explainInput(error: unknown): Explanation | undefined {
  return error instanceof InputError ? { line: error.message, exitCode: EXIT.input } : undefined;
}

/** Parser for an option that is a number. Commander adds the option's name to the error. */
export function numberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
  };
}

/** Parser for an option that is a whole number. */
export function wholeNumberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** Collects the values of an option that may be repeated. */
export function repeated<Value = string>(
  read: (text: string) => Value = (text) => text as Value,
): (text: string, before?: readonly Value[]) => readonly Value[] {
  return (text, before = []) => [...before, read(text)];
}
