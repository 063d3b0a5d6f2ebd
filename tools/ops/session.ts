/** What every command has: the stack it works on, the terminal, the time. */
import type { Command } from 'commander';
import type { App } from '../app';
import { type ExitCode, explain } from '../cli/errors';
import { Terminal } from '../cli/terminal';
import { findStack, type Stack, type StackOptions, type Stages } from './stack';

export interface Session {
  readonly app: App;
  readonly stack: Stack;
  readonly terminal: Terminal;
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
}

export interface GlobalOptions extends StackOptions {
  readonly json?: boolean;
}

/**
 * Makes a command's action: finds the stack, does the work, and turns what is thrown into one line on stderr and
 * an exit code.
 */
export function inSession<Options>(
  app: App,
  stages: Stages,
  work: (session: Session, options: Options, args: readonly (string | undefined)[]) => Promise<ExitCode>,
): (...parameters: unknown[]) => Promise<void> {
  return async (...parameters) => {
    const command = parameters.at(-1) as Command;
    const options = command.optsWithGlobals<Options & GlobalOptions>();
    const terminal = new Terminal(options);
    try {
      const stack = await findStack(options, stages);
      process.exitCode = await work({ app, stack, terminal, now: Date.now }, options, command.processedArgs);
    } catch (error) {
      if (isDefect(error)) throw error;
      const { line, exitCode } = explain(error, options.endpointUrl ?? process.env.AWS_ENDPOINT_URL);
      terminal.note(`${terminal.style('red', 'error:')} ${line}`);
      process.exitCode = exitCode;
    }
  };
}

/** A mistake of this program: Node shows where. An answer that the SDK could not read has `$metadata`. */
function isDefect(error: unknown): boolean {
  const defects = [TypeError, RangeError, ReferenceError, SyntaxError];
  return defects.some((kind) => error instanceof kind) && !('$metadata' in (error as Error));
}

/**
 * For work that must be left tidy: the first Ctrl-C (or SIGTERM) aborts the signal, and the command ends by
 * itself; the second one ends the process.
 */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}
