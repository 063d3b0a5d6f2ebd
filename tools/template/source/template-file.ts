/** A template by itself, without the assembly that CDK writes around it. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { InputError } from '../../cli/command';
import { type Assembly, AssemblyError, readAssembly } from '../assembly';

/**
 * Reads a folder that `cdk synth` wrote, or a file with a template in JSON; the latter has no assets.
 * @param option what gave the path, e.g. `--compare`, for errors
 * @throws InputError, AssemblyError
 */
export function readTemplate(path: string, option: string): Assembly {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new InputError(`${option} ${path} does not exist; expected a cdk.out or a template.`);
  try {
    const read = stat.isDirectory()
      ? readAssembly(path)
      : assemblyOf(
          JSON.parse(readFileSync(path, 'utf8')),
          basename(path).replace(/(\.template)?\.json$/, ''),
        );
    if (read.resources.size > 0) return read;
  } catch (error) {
    if (error instanceof AssemblyError) throw error;
    // Not JSON, or JSON of another shape, which fails wherever it is first looked into.
    throw new InputError(`${option} ${path} is not a template in JSON (${(error as Error).message}).`);
  }
  throw new InputError(`${option} ${path} is a template without resources.`);
}

function assemblyOf(template: object, stackName: string): Assembly {
  const directory = mkdtempSync(join(tmpdir(), 'template-'));
  try {
    const stack = { type: 'aws:cloudformation:stack', properties: { templateFile: 'template.json' } };
    writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ artifacts: { [stackName]: stack } }));
    writeFileSync(join(directory, 'template.json'), JSON.stringify(template));
    return readAssembly(directory);
  } finally {
    // The assembly has read what it needs.
    rmSync(directory, { recursive: true });
  }
}
