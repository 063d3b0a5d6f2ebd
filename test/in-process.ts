/** Runs a command as its entry point does, without a process of its own: a start of one takes a second. */
import { PassThrough, Readable } from 'node:stream';
import { format } from 'node:util';
import type { Command } from 'commander';
import { runCommand } from '../tools/cli/command';

export interface InProcess {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  /** All variables of the environment. @default those of the tests, on a terminal with colours */
  readonly env?: NodeJS.ProcessEnv;
  /** Parameter of `runCommand`. */
  readonly explain?: Parameters<typeof runCommand>[1];
  /** Text that is typed or piped; null: none, and its end does not come. @default '' */
  readonly stdin?: string | null;
  /** Whether all streams are a terminal. @default false */
  readonly isTerminal?: boolean;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Variables without what whoever runs the tests says of colours. */
function coloured(): NodeJS.ProcessEnv {
  const { NO_COLOR, FORCE_COLOR, ...others } = process.env;
  return { ...others, TERM: 'xterm-256color' };
}

export function runInProcess(
  command: Command,
  args: readonly string[],
  { explain, ...surroundings }: Surroundings = {},
): Promise<InProcess> {
  return capture(() => runCommand(command, explain, args), surroundings);
}

/**
 * Captures what the work writes, and the exit code that it sets. One work at a time: what it has of the process, another
 * would have too.
 */
export async function capture(
  work: () => Promise<unknown>,
  { env = coloured(), stdin = '', isTerminal = false }: Omit<Surroundings, 'explain'> = {},
): Promise<InProcess> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    jest.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += text;
      return true;
    }),
  );
  // Jest has a console of its own, which does not write to the streams.
  const log =
    (name: 'stdout' | 'stderr') =>
    (...args: unknown[]) => {
      written[name] += `${format(...args)}\n`;
    };
  spies.push(
    jest.spyOn(console, 'log').mockImplementation(log('stdout')) as never,
    jest.spyOn(console, 'error').mockImplementation(log('stderr')) as never,
  );
  const restore = [
    replace(process, 'env', env),
    replace(
      process,
      'stdin',
      Object.assign(stdin === null ? new PassThrough() : Readable.from([stdin]), { isTTY: isTerminal }),
    ),
    replace(process.stdout, 'isTTY', isTerminal),
    replace(process.stderr, 'isTTY', isTerminal),
    ...SIGNALS.map((name) => keepListeners(process, name)),
    keepListeners(process.stdout, 'error'),
  ];
  try {
    await work();
    return { exitCode: Number(process.exitCode), ...written };
  } finally {
    for (const each of restore) each();
    process.exitCode = undefined;
    for (const spy of spies) spy.mockRestore();
  }
}

/** @returns what puts the property back */
function replace(owner: object, name: string, value: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
  return () => {
    if (own) Object.defineProperty(owner, name, own);
    else Reflect.deleteProperty(owner, name);
  };
}

/** @returns what removes the listeners that have come since */
function keepListeners(emitter: NodeJS.EventEmitter, event: string): () => void {
  const before = emitter.rawListeners(event);
  return () => {
    for (const each of emitter.rawListeners(event))
      if (!before.includes(each)) emitter.removeListener(event, each as () => void);
  };
}
