/** Mutants: the app with one mistake in its template or its code, each of which a simulation must find. */
import fs from 'node:fs';
import path from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { InputError } from '../cli/errors';
import { type Assembly, type Resource, readAssembly } from '../template/assembly';
import type { CodeOf, SourceChange } from './release';

// biome-ignore lint/suspicious/noExplicitAny: a template has no static type
export type Resources = Record<string, { Type: string; Properties: any }>;

/** A change of the template's resources. @returns false if there is nothing to change */
export type TemplateChange = (resources: Resources) => boolean;

export interface Mutant {
  /** The mistake, in words. */
  readonly name: string;
  readonly change: TemplateChange | SourceChange;
  /** The mistake is in the next release. @default in the present one, and none follows */
  readonly isInNext?: boolean;
  /** Seed that finds it. */
  readonly seed: number;
}

/** Bundling of the functions' code. */
export interface MutantBundling {
  readonly project: string;
  readonly options: BuildOptions;
  /** @returns the file of a function's handler, relative to the project */
  entryOf(functionName: string): string | undefined;
  /** Name of the bundle in the function's folder, and the files beside it. */
  readonly bundleFile: string;
  readonly files: Readonly<Record<string, string>>;
}

export interface MutatedApp {
  readonly assembly: Assembly;
  readonly codeOf: CodeOf;
  readonly nextCodeOf?: CodeOf;
}

/**
 * @param directory folder of the assembly
 * @param next changes that make the next release
 * @param folder where to put what is changed
 * @throws InputError if the mutant changes nothing
 */
export async function mutate(
  { name, change, isInNext = false }: Mutant,
  directory: string,
  assembly: Assembly,
  bundling: MutantBundling,
  next: readonly SourceChange[],
  folder: string,
): Promise<MutatedApp> {
  const codeOf = (resource: Resource) => assembly.assetPath(resource);
  const about = `The mutant "${name}"`;
  if (typeof change !== 'function') {
    const changes = [...(isInNext ? next : []), change];
    const changed = codeIn(await changedCode(about, changes, assembly, bundling, folder), assembly);
    return { assembly, codeOf: isInNext ? codeOf : changed, ...(isInNext && { nextCodeOf: changed }) };
  }
  const copy = fs.mkdtempSync(path.join(folder, 'template-'));
  for (const file of fs.readdirSync(directory).filter((each) => each.endsWith('.json'))) {
    fs.copyFileSync(path.join(directory, file), path.join(copy, file));
  }
  const file = path.join(copy, `${assembly.stackName}.template.json`);
  const template = JSON.parse(fs.readFileSync(file, 'utf8'));
  if (!change(template.Resources)) throw new InputError(`${about} finds nothing to change.`);
  fs.writeFileSync(file, JSON.stringify(template));
  const { account, region } = assembly;
  const byName = new Map(assembly.ofType('AWS::Lambda::Function').map((each) => [each.name, each]));
  return {
    assembly: readAssembly(copy, { account, region }),
    codeOf: (resource) => codeOf(byName.get(resource.name) ?? resource),
  };
}

/**
 * Bundles the functions from changed sources.
 * @param about whose changes they are, for the error
 * @param folder where to put the bundles
 * @returns folders by function
 * @throws InputError if a change finds nothing to change
 */
export async function changedCode(
  about: string,
  changes: readonly SourceChange[],
  assembly: Assembly,
  bundling: MutantBundling,
  folder: string,
): Promise<Record<string, string>> {
  const { project, options, entryOf, bundleFile, files } = bundling;
  const changed = new Map<string, string>();
  for (const { file, from, to } of changes) {
    const whole = path.join(project, file);
    const source = changed.get(whole) ?? fs.readFileSync(whole, 'utf8');
    if (!source.includes(from)) throw new InputError(`${about} finds nothing to change in ${file}.`);
    changed.set(
      whole,
      source.replace(from, () => to),
    );
  }
  const folders: Record<string, string> = {};
  for (const resource of assembly.ofType('AWS::Lambda::Function')) {
    const entry = entryOf(resource.name);
    if (!entry) continue;
    const own = fs.mkdtempSync(path.join(folder, 'code-'));
    await build({
      ...options,
      absWorkingDir: project,
      entryPoints: [entry],
      outfile: path.join(own, bundleFile),
      plugins: [
        {
          name: 'changes',
          setup: ({ onLoad }) =>
            onLoad({ filter: /\.ts$/ }, ({ path: loaded }) => {
              const contents = changed.get(loaded);
              return contents === undefined ? undefined : { contents, loader: 'ts' };
            }),
        },
      ],
    });
    for (const [file, text] of Object.entries(files)) fs.writeFileSync(path.join(own, file), text);
    folders[resource.name] = own;
  }
  return folders;
}

/** Code in these folders; the assembly's own for any other function. */
export const codeIn =
  (folders: Readonly<Record<string, string>>, assembly: Assembly): CodeOf =>
  (resource) =>
    folders[resource.name] ?? assembly.assetPath(resource);
