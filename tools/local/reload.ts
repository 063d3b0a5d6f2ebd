/**
 * `--watch`: takes over what was saved. Code of handlers alone is bundled and swapped at once; what decides the
 * template is synthesized, and taken over wholly or not at all.
 */
import path from 'node:path';
import { InputError } from '../cli/errors';
import { readAssembly } from '../template/assembly';
import { SYNTHESIS_INPUTS, synthesize } from '../template/source/synthesize';
import type { Bundler } from './bundler';
import type { RunLog } from './run-log';
import type { RunningStack } from './running-stack';
import { SourceWatch } from './source-watch';
import type { LocalStack } from './stack';

export interface ReloaderOptions {
  readonly project: string;
  /** Folder for the assembly. @default that of `synthesize` */
  readonly outputFolder?: string;
  readonly running: RunningStack;
  /** @default every change is synthesized */
  readonly bundler: Bundler | undefined;
  readonly log: RunLog;
  /** Takes the stack that was started in the place of the one before. */
  readonly onRestart?: (stack: LocalStack) => void;
}

export class Reloader {
  readonly #options: ReloaderOptions;
  readonly #watch: SourceWatch;
  #changed = new Set<string>();
  #work: Promise<void> | undefined;
  #isStopped = false;
  /** Handlers were swapped since the last synthesis: what runs is not what the assembly has. */
  #isAhead = false;
  /** The last synthesis failed. */
  #isBroken = false;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#watch = new SourceWatch({
      project: options.project,
      places: SYNTHESIS_INPUTS,
      onChange: (files) => this.#onChange(files),
    });
  }

  /** Resolves when what is under way is done. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#watch.stop();
    await this.#work;
  }

  #onChange(files: ReadonlySet<string>): void {
    for (const file of files) this.#changed.add(file);
    this.#work ??= this.#takeAll().finally(() => {
      this.#work = undefined;
    });
  }

  async #takeAll(): Promise<void> {
    while (this.#changed.size > 0 && !this.#isStopped) {
      const files = this.#changed;
      this.#changed = new Set();
      await this.#take(files);
    }
  }

  async #take(files: ReadonlySet<string>): Promise<void> {
    const { project, bundler, running, log } = this.#options;
    const names = running.current.functions.map(({ name }) => name);
    await bundler?.warmUp(names);
    const isFollowed = bundler?.knowsAll(names) ?? false;
    const functions = isFollowed ? ((await bundler?.affected(names, files)) ?? []) : [];
    // After a failure any file may be the one that was missing.
    let decides = !isFollowed || this.#isBroken;
    for (const file of files) decides ||= (await bundler?.decidesTemplate(names, file)) ?? true;
    if (!decides && functions.length === 0) return;
    log.changed(
      [...files].map((file) => path.relative(project, file)),
      functions,
      decides,
    );
    try {
      // Handlers that a change of the template goes with are taken over with it, and not before.
      if (decides) await this.#resynthesize();
      else if (functions.length > 0) await this.#reload(functions);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      log.notUpdated(error);
    }
  }

  /** All of them are bundled before the first is swapped. */
  async #reload(functions: readonly string[]): Promise<void> {
    const { bundler, running, log } = this.#options;
    const start = performance.now();
    const bundles = await Promise.all(
      functions.map(async (name) => ({ name, code: (await bundler?.bundle(name))?.code })),
    );
    for (const { name, code } of bundles) if (code) running.current.replaceCode(name, code);
    this.#isAhead = true;
    log.reloaded(functions, performance.now() - start);
  }

  async #resynthesize(): Promise<void> {
    const { project, running, log, bundler } = this.#options;
    this.#isBroken = true;
    const synthesis = await synthesize(project, this.#options.outputFolder);
    this.#isBroken = false;
    if (synthesis.isUnchanged && !this.#isAhead) {
      log.unchanged();
      return;
    }
    const takeover = await running.takeOver(readAssembly(synthesis.directory));
    if (takeover.how === 'restarted') this.#options.onRestart?.(running.current);
    this.#isAhead = false;
    log.updated(synthesis, takeover, running.current);
    await bundler?.readApp();
  }
}
