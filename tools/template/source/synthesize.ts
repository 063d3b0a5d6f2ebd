/**
 * Runs the CDK app and writes its assembly where `cdk synth` would, but faster: the app is run directly, only if one of
 * its files has changed since the last run, and without CloudFormation's own validation of the template, which takes
 * four times as long as all the rest. `cdk synth` and `cdk deploy` have it.
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { InputError } from '../../cli/errors';

/** Error of the app; `message` is its output, without the output of its tools. */
class SynthesisError extends InputError {
  override readonly name = 'SynthesisError';
}

export interface Synthesis {
  /** The folder of the assembly. */
  readonly directory: string;
  readonly durationMs: number;
  /** True if nothing had changed: the assembly is that of the last run. */
  readonly isUnchanged: boolean;
  /** Findings of rule packs, a line each: `cdk synth` fails for them. */
  readonly warnings: readonly string[];
}

/** Files and folders that an assembly depends on, relative to the project. Missing ones are skipped. */
export const SYNTHESIS_INPUTS: readonly string[] = [
  ...['bin/app.ts', 'lib', 'lambdas', 'tools/eventbridge', 'cdk.json', 'cdk.context.json'],
  ...['package.json', 'package-lock.json', 'tsconfig.json'],
];

/** File in the assembly's folder with the digests of its inputs and outputs. */
const STAMP = 'local-run.json';

interface Stamp {
  /** Digest of the files that the assembly depends on. */
  readonly inputs: string;
  /** Digest of the assembly: another `cdk synth` may have replaced it. */
  readonly outputs: string;
  readonly warnings?: readonly string[];
}

/**
 * @param project the folder of `cdk.json`
 * @param directory for the assembly. @default CDK_OUTDIR, otherwise `cdk.out` in the project
 * @throws SynthesisError
 */
export async function synthesize(
  project: string,
  directory = process.env.CDK_OUTDIR ?? path.join(project, 'cdk.out'),
): Promise<Synthesis> {
  const start = performance.now();
  const inputs = digest(project, SYNTHESIS_INPUTS, process.version);
  const stamp = readStamp(directory);
  const isUnchanged =
    stamp?.inputs === inputs && stamp.outputs === digestOfAssembly(directory) && hasItsAssets(directory);
  let warnings = stamp?.warnings ?? [];
  if (!isUnchanged) {
    warnings = await runApp(project, directory);
    const made: Stamp = { inputs, outputs: digestOfAssembly(directory), warnings };
    fs.writeFileSync(path.join(directory, STAMP), JSON.stringify(made));
  }
  return { directory, durationMs: performance.now() - start, isUnchanged, warnings };
}

/** @returns the warnings that the app printed */
async function runApp(project: string, directory: string): Promise<string[]> {
  const { app: command, context } = readJson(path.join(project, 'cdk.json'));
  const lookedUp = path.join(project, 'cdk.context.json');
  const all = fs.existsSync(lookedUp) ? { ...context, ...readJson(lookedUp) } : context;
  if (!command) throw new SynthesisError(`${project}/cdk.json does not say how to run the app ("app").`);
  const child = spawn(command, {
    cwd: project,
    shell: true,
    // The same variables as the CDK's command line sets; see its `execProgram`.
    env: {
      CDK_VALIDATION: 'false',
      ...process.env,
      CDK_OUTDIR: directory,
      CDK_CONTEXT_JSON: JSON.stringify({ ...all, 'findings-are-warnings': true }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (status === 0) return output.split('\n').filter((line) => line.startsWith('warning: '));
  const noise = /^(npm warn .*|Bundling asset .*)$/gm;
  const reason = output
    .replace(noise, '')
    .replace(/\n{2,}/g, '\n')
    .trim();
  throw new SynthesisError(reason || `${command} ended with exit code ${status}.`);
}

function readJson(file: string): { readonly app?: string; readonly context?: object } {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SynthesisError(`Cannot read ${file}: ${(error as Error).message.replaceAll(/\s+/g, ' ')}`);
  }
}

function readStamp(directory: string): Stamp | undefined {
  try {
    return JSON.parse(fs.readFileSync(path.join(directory, STAMP), 'utf8'));
  } catch {
    return undefined; // There is no assembly yet, or `cdk synth` made it.
  }
}

/** Checks that the files of the assembly's asset manifests still exist. */
function hasItsAssets(directory: string): boolean {
  const manifests = fs.readdirSync(directory).filter((name) => name.endsWith('.assets.json'));
  return manifests.every((name) => {
    const { files = {} } = readJson(path.join(directory, name)) as AssetManifest;
    return Object.values(files).every(({ source }) =>
      source?.path === undefined ? true : fs.existsSync(path.join(directory, source.path)),
    );
  });
}

interface AssetManifest {
  readonly files?: Readonly<Record<string, { readonly source?: { readonly path?: string } }>>;
}

/** Digest of the manifest and the templates; assets are named by the hash of their content. */
function digestOfAssembly(directory: string): string {
  const names = fs.existsSync(directory)
    ? fs.readdirSync(directory).filter((name) => /^manifest\.json$|\.(template|assets)\.json$/.test(name))
    : [];
  return digest(directory, names.sort());
}

function digest(root: string, names: readonly string[], ...more: string[]): string {
  const hash = createHash('sha256');
  for (const text of more) hash.update(text);
  for (const file of names.flatMap((name) => filesBelow(path.join(root, name)))) {
    hash.update(path.relative(root, file)).update('\0').update(fs.readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

function filesBelow(place: string): string[] {
  const found = fs.statSync(place, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found ? [place] : [];
  return fs
    .readdirSync(place)
    .sort()
    .flatMap((name) => filesBelow(path.join(place, name)));
}
