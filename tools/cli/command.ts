/**
 * What the commands of `proof/` have in common: bad input is one line on stderr and exit code 2, a finding is
 * exit code 1 (set by the command), all else that is thrown is a bug and keeps its stack trace.
 */
import { type Command, CommanderError } from 'commander';
import { AssemblyError } from '../template/assembly';

/** What was given cannot be worked with. `message` is one line: what, its value, what is allowed. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** Runs the command on the arguments after the script's name, and sets the process's exit code. */
export async function runCommand(command: Command, args = process.argv.slice(2)): Promise<void> {
  // `npm run routes | head` closes the pipe early: that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  command
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`${text.trim().replaceAll('\n', ' ')}\n`) });
  try {
    await command.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has written its line; --help has exit code 0.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
    } else if (error instanceof InputError || error instanceof AssemblyError) {
      console.error(error.message);
      process.exitCode = 2;
    } else {
      throw error;
    }
  }
}
