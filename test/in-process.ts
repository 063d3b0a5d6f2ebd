/** Runs a command as its entry point does, without a process of its own: a start of one takes a second. */
import type { Command } from 'commander';
import { runCommand } from '../tools/cli/command';

export interface InProcess {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * @param env all variables of the environment. @default those of the tests
 * @param explain as `runCommand` takes it
 */
export async function runInProcess(
  command: Command,
  args: readonly string[],
  {
    env = process.env,
    explain,
  }: { env?: NodeJS.ProcessEnv; explain?: Parameters<typeof runCommand>[1] } = {},
): Promise<InProcess> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    jest.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += text;
      return true;
    }),
  );
  const own = process.env;
  const listeners = process.stdout.listeners('error');
  process.env = env;
  try {
    await runCommand(command, explain, args);
    return { exitCode: Number(process.exitCode), ...written };
  } finally {
    process.env = own;
    process.exitCode = undefined;
    for (const each of process.stdout.listeners('error'))
      if (!listeners.includes(each)) process.stdout.removeListener('error', each as () => void);
    for (const spy of spies) spy.mockRestore();
  }
}
