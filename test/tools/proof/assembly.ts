import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Assembly, readAssembly } from '../../../tools/template/assembly';

/** The assembly of a template that only is in memory: what reads a `cdk.out` can be asked about it. */
export function assemblyOf(template: object, stackName = 'event-driven'): Assembly {
  const directory = mkdtempSync(join(tmpdir(), 'assembly-'));
  try {
    writeAssembly(directory, template, stackName);
    return readAssembly(directory, { region: 'us-east-1' });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Writes the assembly as `cdk synth` would, as far as it is read. */
export function writeAssembly(directory: string, template: object, stackName = 'event-driven'): void {
  const templateFile = `${stackName}.template.json`;
  const stack = { type: 'aws:cloudformation:stack', properties: { templateFile } };
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ artifacts: { [stackName]: stack } }));
  writeFileSync(join(directory, templateFile), JSON.stringify(template));
}
