/** Where the commands of `proof/` get the template from: they synthesize it, or read one that is there. */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { type Assembly, AssemblyError, readAssembly } from '../local/assembly';
import { InputError } from './command';

const ROOT = join(__dirname, '..');

export interface AssemblySource {
  /** A folder that `cdk synth` wrote. @default the stack is synthesized first */
  readonly assembly?: string;
  /** Stage to synthesize. @default the default stage of `lib/config.ts` */
  readonly stage?: string;
}

/** Adds the options that `loadAssembly` takes. */
export function withAssemblyOptions(command: Command): Command {
  return command
    .option('--assembly <dir>', 'read this assembly (a cdk.out) instead of synthesizing the stack')
    .addOption(new Option('--stage <name>', 'stage of cdk.json to synthesize').conflicts('assembly'));
}

/**
 * @throws InputError if there is no such assembly, it is none, or the stack cannot be synthesized
 */
export function loadAssembly({ assembly, stage }: AssemblySource): Assembly {
  if (assembly === undefined) return readAssembly(synthesize(stage));
  if (!statSync(assembly, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InputError(`--assembly ${assembly} is not a folder; expected one that \`cdk synth\` wrote.`);
  }
  try {
    const read = readAssembly(assembly);
    if (read.resources.size > 0) return read;
  } catch (error) {
    // A file that is JSON, but of another shape than CDK's, fails wherever it is first looked into.
    const { message } = error as Error;
    throw error instanceof AssemblyError
      ? error
      : new InputError(`--assembly ${assembly} is not a cloud assembly (${message}).`);
  }
  throw new InputError(`--assembly ${assembly} has a template without resources.`);
}

/** @returns the folder of the assembly */
function synthesize(stage?: string): string {
  const output = join(ROOT, 'cdk.out');
  const args = [
    'synth',
    '--quiet',
    '--output',
    output,
    ...(stage === undefined ? [] : ['-c', `stage=${stage}`]),
  ];
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    [require.resolve('aws-cdk/bin/cdk'), ...args],
    { cwd: ROOT, encoding: 'utf8' },
  );
  if (error) throw error;
  if (status !== 0) {
    // Only the app's own words: npm's warnings, esbuild's progress and CDK's last line say nothing about why.
    const noise = /^(npm warn .*|Bundling asset .*|.*Subprocess exited with error \d+)$/gm;
    const reason = `${stdout}${stderr}`
      .replace(noise, '')
      .replace(/\n{2,}/g, '\n')
      .trim();
    throw new InputError(reason || `cdk ${args.join(' ')} failed with exit code ${status}.`);
  }
  return output;
}
