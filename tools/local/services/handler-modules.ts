/**
 * Loads a handler's modules into this process, compiled with their globals as parameters. The compiled code is shared
 * by all environments that run the same file; its state is not.
 */
import fs from 'node:fs';
import Module, { createRequire, isBuiltin } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { functionBodyOf, IMPORT, IMPORT_META } from './es-module';

/** A module that cannot run in this process. */
export class OwnProcessNeededError extends Error {
  override readonly name = 'OwnProcessNeededError';
  constructor(what: string) {
    super(`${what} needs a process of its own: run without --in-process.`);
  }
}

/** Modules that reach beyond this process, past what is handed in. */
const REFUSED = ['child_process', 'cluster', 'dgram', 'http2', 'inspector', 'net', 'tls', 'worker_threads'];

const PARAMETERS = ['exports', 'require', 'module', '__filename', '__dirname', IMPORT, IMPORT_META];
type Compiled = (...values: unknown[]) => unknown;
/** Compiled modules by file and names of the globals; a function's code has a folder of its own for each version. */
const compiled = new Map<string, Compiled>();

export interface ModulesOptions {
  readonly globals: Readonly<Record<string, unknown>>;
  /** Modules of Node that are replaced, by their names without `node:`. */
  readonly builtins: Readonly<Record<string, unknown>>;
}

export class HandlerModules {
  readonly #options: ModulesOptions;
  readonly #loaded = new Map<string, { exports: unknown }>();
  readonly #imported = new Map<string, Promise<unknown>>();

  constructor(options: ModulesOptions) {
    this.#options = options;
  }

  /**
   * Loads a module of either kind.
   * @throws what the module throws, SyntaxError, OwnProcessNeededError
   */
  async import(file: string): Promise<unknown> {
    if (!file.endsWith('.mjs')) return this.require(file);
    let module = this.#imported.get(file);
    if (!module) {
      module = this.#run(file, { exports: {} }) as Promise<unknown>;
      this.#imported.set(file, module);
    }
    return module;
  }

  /** Loads a CommonJS module. @throws what the module throws, SyntaxError, OwnProcessNeededError */
  require(file: string): unknown {
    const known = this.#loaded.get(file);
    if (known) return known.exports;
    if (file.endsWith('.node')) throw new OwnProcessNeededError(`The native module ${path.basename(file)}`);
    const module = { exports: {} as unknown };
    this.#loaded.set(file, module);
    try {
      if (file.endsWith('.json')) module.exports = JSON.parse(fs.readFileSync(file, 'utf8'));
      else this.#run(file, module);
    } catch (error) {
      // Whoever asks again gets the error again, not what there was of it.
      this.#loaded.delete(file);
      throw error;
    }
    return module.exports;
  }

  #run(file: string, module: { exports: unknown }): unknown {
    const { globals } = this.#options;
    const load = this.#requireFrom(file);
    const own = [
      ...[module.exports, load, module, file, path.dirname(file)],
      ...[
        this.#importFrom(file),
        { url: pathToFileURL(file).href, dirname: path.dirname(file), filename: file },
      ],
    ];
    return compile(file, Object.keys(globals)).call(module.exports, ...own, ...Object.values(globals));
  }

  #requireFrom(file: string): (id: string) => unknown {
    const { resolve } = createRequire(file);
    const load = (id: string) =>
      isBuiltin(id) ? this.#builtin(id.replace(/^node:/, ''), file) : this.require(resolve(id));
    return Object.assign(load, { resolve });
  }

  /** `import()`, also of CommonJS modules and Node's own. */
  #importFrom(file: string): (id: string) => Promise<unknown> {
    const load = this.#requireFrom(file);
    return async (id) => {
      if (!isBuiltin(id)) {
        const found = createRequire(file).resolve(id);
        if (found.endsWith('.mjs')) return this.import(found);
      }
      const exports = load(id);
      return { ...(exports as object), default: exports };
    };
  }

  #builtin(name: string, file: string): unknown {
    if (Object.hasOwn(this.#options.builtins, name)) return this.#options.builtins[name];
    if (REFUSED.includes(name)) throw new OwnProcessNeededError(`The module ${name}`);
    if (name !== 'module') return createRequire(file)(name);
    // A module's own `require` is this one, too.
    const own = (from: string | URL) => this.#requireFrom(fileOf(from));
    return { isBuiltin, builtinModules: Module.builtinModules, createRequire: own };
  }
}

const fileOf = (place: string | URL): string =>
  String(place).startsWith('file:') ? decodeURIComponent(new URL(place).pathname) : String(place);

function compile(file: string, globals: readonly string[]): Compiled {
  const key = `${file} ${globals.join(' ')}`;
  let code = compiled.get(key);
  if (!code) {
    const source = fs.readFileSync(file, 'utf8');
    const text = file.endsWith('.mjs') ? functionBodyOf(source) : source;
    // An import() would go round the replaced modules.
    const guarded = text.replaceAll(/(?<![\w$.])import\(/g, `${IMPORT}(`);
    code = vm.compileFunction(guarded, [...PARAMETERS, ...globals], { filename: file }) as Compiled;
    compiled.set(key, code);
  }
  return code;
}
