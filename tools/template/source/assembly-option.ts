/** Where the commands of `proof/` get the template from: they synthesize it, or read one that is there. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { InputError } from '../../cli/command';
import { type Assembly, AssemblyError, readAssembly } from '../assembly';
import { SynthesisError, synthesize } from './synthesize';

const PROJECT = join(__dirname, '..', '..', '..');

export interface AssemblySource {
  /** A folder that `cdk synth` wrote. @default the stack is synthesized first, if anything of it has changed */
  readonly assembly?: string;
}

/** Adds the options that `loadAssembly` takes. */
export function withAssemblyOptions(command: Command): Command {
  return command.option(
    '--assembly <dir>',
    'read this assembly (a cdk.out) instead of synthesizing the stack',
  );
}

/**
 * @throws InputError if there is no such assembly, it is none, or the stack cannot be synthesized
 * @throws AssemblyError if its template cannot be evaluated
 */
export async function loadAssembly({ assembly: given }: AssemblySource): Promise<Assembly> {
  if (given === undefined) return readAssembly(await synthesized());
  if (!statSync(given, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InputError(`--assembly ${given} is not a folder; expected one that \`cdk synth\` wrote.`);
  }
  let assembly: Assembly;
  try {
    assembly = readAssembly(given);
  } catch (error) {
    if (error instanceof AssemblyError) throw error;
    // A file that is JSON, but of another shape than CDK's, fails wherever it is first looked into.
    throw new InputError(`--assembly ${given} is not a cloud assembly (${(error as Error).message}).`);
  }
  if (assembly.resources.size > 0) return assembly;
  throw new InputError(`--assembly ${given} has a template without resources.`);
}

/** @returns the folder of the assembly */
async function synthesized(): Promise<string> {
  try {
    return (await synthesize(PROJECT)).directory;
  } catch (error) {
    throw error instanceof SynthesisError ? new InputError(error.message) : error;
  }
}
