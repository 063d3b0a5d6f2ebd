/**
 * Bundles the project's own functions with esbuild like the deployment, but incrementally (some hundredths of a second
 * after a change), and with a source map.
 */
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildContext, BuildOptions, BuildResult } from 'esbuild';
import { InputError } from '../cli/errors';

/** Bundling of the project's functions, which the template does not have. */
export interface ProjectBundling {
  /** Entry point of a function's code, relative to the project; undefined for code from elsewhere. */
  readonly entryOf: (functionName: string) => string | undefined;
  /** All options but those for input and output. */
  readonly options: BuildOptions;
  /** Entry point of the CDK app, relative to the project. */
  readonly app: string;
}

export interface Bundle {
  readonly code: Uint8Array;
  /** JSON; sources are relative to the project. */
  readonly map: string;
}

/** Error of code that cannot be bundled. One line for each error: file, line and message. */
class BundleError extends InputError {
  override readonly name = 'BundleError';
}

/** State of a function between two bundles. */
interface Incremental {
  readonly context: BuildContext;
  /** Absolute paths of the files that the last bundle was made of. */
  inputs: ReadonlySet<string>;
  /** True if the last bundle failed: any file may correct it. */
  isBroken: boolean;
}

const CODE = /\.[cm]?[jt]sx?$/;

// Only a run that bundles waits for it.
const loadEsbuild = () => import('esbuild');

export class Bundler {
  readonly #contexts = new Map<string, Promise<Incremental>>();
  #appInputs: ReadonlySet<string> = new Set();
  #warm: Promise<void> | undefined;

  constructor(
    private readonly project: string,
    private readonly bundling: ProjectBundling,
    /** Functions that are debugged: their code keeps its names and carries its source map. */
    private readonly debugged: ReadonlySet<string> = new Set(),
  ) {}

  isKnown(functionName: string): boolean {
    return this.bundling.entryOf(functionName) !== undefined;
  }

  /** Bundles all functions once, so that the first change is as quick as the others. */
  warmUp(functionNames: readonly string[]): Promise<void> {
    this.#warm ??= this.#warmUp(functionNames);
    return this.#warm;
  }

  /** Checks whether the inputs of the app and of all functions are known. */
  knowsAll(functionNames: readonly string[]): boolean {
    return this.#appInputs.size > 0 && functionNames.every((name) => this.isKnown(name));
  }

  async #warmUp(functionNames: readonly string[]): Promise<void> {
    await this.readApp();
    for (const name of functionNames) {
      // An error is reported when the bundle is used.
      if (this.isKnown(name)) await this.bundle(name).catch(() => undefined);
    }
  }

  /** Updates the set of files that the app imports. */
  async readApp(): Promise<void> {
    const { build } = await loadEsbuild();
    const entry = this.bundling.app;
    if (!fs.existsSync(path.join(this.project, entry))) return;
    try {
      const result = await build({
        ...this.#optionsFor(entry),
        ...{ alias: {}, packages: 'external', sourcemap: false, minify: false },
      });
      this.#appInputs = this.#inputsOf(result);
    } catch {
      // The app cannot be bundled: the next synthesis reports the error, and the set stays as it is.
    }
  }

  /** Functions among these whose bundle the files are, or may be, a part of. */
  async affected(functionNames: readonly string[], files: ReadonlySet<string>): Promise<string[]> {
    const found: string[] = [];
    for (const name of functionNames.filter((each) => this.isKnown(each))) {
      const { inputs, isBroken } = await this.#incremental(name);
      if (isBroken || inputs.size === 0 || [...files].some((file) => inputs.has(file))) found.push(name);
    }
    return found;
  }

  /**
   * Checks whether the template may depend on the file: the app imports it, or it is no code and may be read. A new or
   * removed code file without importers does not matter, since a new importer changes, too.
   */
  async decidesTemplate(functionNames: readonly string[], file: string): Promise<boolean> {
    if (this.#appInputs.has(file)) return true;
    if (!fs.existsSync(file)) return false;
    const ofFunctions = await Promise.all(
      functionNames.filter((each) => this.isKnown(each)).map((each) => this.#incremental(each)),
    );
    return !ofFunctions.some(({ inputs }) => inputs.has(file)) && !CODE.test(file);
  }

  /** @throws BundleError */
  async bundle(functionName: string): Promise<Bundle> {
    const incremental = await this.#incremental(functionName);
    try {
      const result = await incremental.context.rebuild();
      incremental.inputs = this.#inputsOf(result);
      incremental.isBroken = false;
      const bundle = bundleOf(result);
      return this.debugged.has(functionName) ? this.#withMap(bundle) : bundle;
    } catch (error) {
      incremental.isBroken = true;
      throw await readable(error);
    }
  }

  /**
   * Rebuilds the source map of code that was bundled elsewhere.
   * @param code code that the function runs
   * @returns undefined if it was not made of the project's files as they are
   */
  mapOf(functionName: string, code: Uint8Array): string | undefined {
    const entry = this.bundling.entryOf(functionName);
    if (entry === undefined) return undefined;
    // Asked for once a function, at its first error, by someone who cannot wait for a promise.
    const { buildSync } = require('esbuild') as typeof import('esbuild');
    try {
      const bundle = bundleOf(buildSync(this.#optionsFor(entry)));
      return Buffer.compare(bundle.code, code) === 0 ? bundle.map : undefined;
    } catch {
      return undefined; // The files are broken by now, so they are not those that the code was made of.
    }
  }

  async stop(): Promise<void> {
    for (const incremental of this.#contexts.values()) await (await incremental).context.dispose();
  }

  #incremental(functionName: string): Promise<Incremental> {
    let incremental = this.#contexts.get(functionName);
    if (!incremental) {
      incremental = loadEsbuild().then(async ({ context }) => ({
        context: await context({
          ...this.#optionsFor(this.bundling.entryOf(functionName) ?? ''),
          ...(this.debugged.has(functionName) && { minify: false }),
        }),
        inputs: new Set<string>(),
        isBroken: false,
      }));
      this.#contexts.set(functionName, incremental);
    }
    return incremental;
  }

  #optionsFor(entry: string): BuildOptions {
    return {
      ...this.bundling.options,
      absWorkingDir: this.project,
      entryPoints: [entry],
      // In memory; the folder is the one that the map's sources are relative to.
      outfile: path.join(this.project, 'index.cjs'),
      ...{ write: false, metafile: true, logLevel: 'silent', bundle: true, platform: 'node' },
      sourcemap: this.bundling.options.sourcemap ?? 'external',
    };
  }

  /** Debuggers find the map in the code, and the sources by their whole path. */
  #withMap({ code, map }: Bundle): Bundle {
    const relative: { sources: string[] } = JSON.parse(map);
    const sources = relative.sources.map((each) => pathToFileURL(path.resolve(this.project, each)).href);
    const complete = JSON.stringify({ ...relative, sources });
    const comment = `\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(complete).toString('base64')}\n`;
    return { code: Buffer.concat([code, Buffer.from(comment)]), map: complete };
  }

  #inputsOf({ metafile }: BuildResult): ReadonlySet<string> {
    const names = Object.keys(metafile?.inputs ?? {});
    return new Set(names.map((name) => path.resolve(this.project, name)));
  }
}

function bundleOf({ outputFiles = [] }: BuildResult): Bundle {
  const code = outputFiles.find((file) => file.path.endsWith('.cjs'));
  const map = outputFiles.find((file) => file.path.endsWith('.map'));
  if (!code || !map) throw new Error('esbuild has made no code or no map.');
  return { code: code.contents, map: map.text };
}

async function readable(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('errors' in error)) return error;
  const errors = error.errors as {
    text: string;
    location: { file: string; line: number; column: number } | null;
  }[];
  const lines = errors.map(({ text, location }) =>
    location ? `${location.file}:${location.line}:${location.column + 1}: ${text}` : text,
  );
  return new BundleError(lines.join('\n'));
}
