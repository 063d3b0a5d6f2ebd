/**
 * Loads a handler's modules into this process: CommonJS, compiled with their globals as parameters. The compiled code is
 * shared by all environments that run the same file; its state is not.
 */
import fs from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import path from 'node:path';
import vm from 'node:vm';

/** A module that cannot run in this process. */
export class OwnProcessNeededError extends Error {
  override readonly name = 'OwnProcessNeededError';
  constructor(what: string) {
    super(`${what} needs a process of its own: run without --in-process.`);
  }
}

/** They reach beyond this process, past what is handed in. */
const REFUSED = ['child_process', 'cluster', 'dgram', 'http2', 'inspector', 'net', 'tls', 'worker_threads'];

const PARAMETERS = ['exports', 'require', 'module', '__filename', '__dirname', '__import'];
type Compiled = (...values: unknown[]) => void;
/** By file and names of the globals; a function's code has a folder of its own for each version. */
const compiled = new Map<string, Compiled>();

export interface ModulesOptions {
  readonly globals: Readonly<Record<string, unknown>>;
  /** Modules of Node that are replaced, by their names without `node:`. */
  readonly builtins: Readonly<Record<string, unknown>>;
}

export class HandlerModules {
  readonly #options: ModulesOptions;
  readonly #loaded = new Map<string, { exports: unknown }>();

  constructor(options: ModulesOptions) {
    this.#options = options;
  }

  /** @throws what the module throws, SyntaxError, OwnProcessNeededError */
  load(file: string): unknown {
    const known = this.#loaded.get(file);
    if (known) return known.exports;
    if (file.endsWith('.mjs')) throw new OwnProcessNeededError(`The ES module ${path.basename(file)}`);
    if (file.endsWith('.node')) throw new OwnProcessNeededError(`The native module ${path.basename(file)}`);
    const module = { exports: {} as unknown };
    this.#loaded.set(file, module);
    if (file.endsWith('.json')) {
      module.exports = JSON.parse(fs.readFileSync(file, 'utf8'));
      return module.exports;
    }
    const { globals } = this.#options;
    const load = this.#requireFrom(file);
    const own = [module.exports, load, module, file, path.dirname(file), async (id: string) => load(id)];
    compile(file, Object.keys(globals)).call(module.exports, ...own, ...Object.values(globals));
    return module.exports;
  }

  #requireFrom(file: string): (id: string) => unknown {
    const { resolve } = createRequire(file);
    const load = (id: string) => {
      if (isBuiltin(id)) return this.#builtin(id.replace(/^node:/, ''), file);
      return this.load(resolve(id));
    };
    return Object.assign(load, { resolve });
  }

  #builtin(name: string, file: string): unknown {
    if (Object.hasOwn(this.#options.builtins, name)) return this.#options.builtins[name];
    if (REFUSED.includes(name)) throw new OwnProcessNeededError(`The module ${name}`);
    return createRequire(file)(name);
  }
}

function compile(file: string, globals: readonly string[]): Compiled {
  const key = `${file} ${globals.join(' ')}`;
  let code = compiled.get(key);
  if (!code) {
    // An import() would go round the replaced modules.
    const text = fs.readFileSync(file, 'utf8').replaceAll(/(?<![\w$.])import\(/g, '__import(');
    code = vm.compileFunction(text, [...PARAMETERS, ...globals], { filename: file }) as Compiled;
    compiled.set(key, code);
  }
  return code;
}
