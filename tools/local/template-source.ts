/** Source of the local run's template: this project, synthesized, or an assembly or template that is given. */
import { InputError } from '../cli/errors';
import { type Assembly, readAssembly } from '../template/assembly';
import { type AssemblySource, loadAssembly, readerOptions } from '../template/source/assembly-option';
import { type Synthesis, synthesize } from '../template/source/synthesize';

export interface LoadedStack {
  readonly assembly: Assembly;
  /** Undefined if nothing was synthesized: the template is not this project's, nor are its samples and handlers. */
  readonly synthesis?: Synthesis;
}

export const isGiven = ({ assembly, template }: AssemblySource): boolean =>
  assembly !== undefined || template !== undefined;

/** @throws InputError if the template is given, and is to be synthesized again as well */
export function checkSource(source: AssemblySource & { readonly watch: boolean }): void {
  if (!isGiven(source) || !source.watch) return;
  throw new InputError('--watch synthesizes this project; it goes with neither --assembly nor --template.');
}

/** @throws InputError */
export async function loadStack(source: AssemblySource, project: string): Promise<LoadedStack> {
  if (isGiven(source)) return { assembly: await loadAssembly(source) };
  const synthesis = await synthesize(project);
  return { assembly: readAssembly(synthesis.directory, readerOptions(source)), synthesis };
}
