/** Session of a command: the stack, the terminal, the clock. */
import type { Command } from 'commander';
import type { App } from '../app';
import { exitWith } from '../cli/command';
import type { ExitCode } from '../cli/errors';
import { Terminal } from '../cli/terminal';
import { type DeployedStack, findStack, type StackOptions, type Stages } from './stack';

export interface Session {
  readonly app: App;
  readonly stack: DeployedStack;
  readonly terminal: Terminal;
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
}

export interface GlobalOptions extends StackOptions {
  readonly json?: boolean;
}

/** Creates a command's action, which finds the stack and does the work. */
export function inSession<Options>(
  app: App,
  stages: Stages,
  work: (session: Session, options: Options, args: readonly (string | undefined)[]) => Promise<ExitCode>,
): (...parameters: unknown[]) => Promise<void> {
  return exitWith(async (...parameters) => {
    const command = parameters.at(-1) as Command;
    const options = command.optsWithGlobals<Options & GlobalOptions>();
    const terminal = new Terminal(options);
    try {
      const stack = await findStack(options, stages);
      return await work({ app, stack, terminal, now: Date.now }, options, command.processedArgs);
    } finally {
      terminal.close();
    }
  });
}

/**
 * Signal for work that needs a clean end: the first Ctrl-C (or SIGTERM) aborts the signal, so that the command can
 * finish; the second one ends the process.
 */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}
