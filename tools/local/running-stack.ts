/** The stack of a run: the same for as long as the template's changes can be taken over, otherwise a new one. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Assembly } from '../template/assembly';
import { LocalStack, type LocalStackOptions, type Resumed } from './stack';

/** Way in which a new template was taken over. */
export type Takeover =
  | { readonly how: 'in place' }
  /** @member because logical ids of what could not be changed while it ran */
  | ({ readonly how: 'restarted'; readonly because: readonly string[] } & Resumed);

export interface RunningStackOptions extends LocalStackOptions {
  /** The stack may be replaced by another: what it holds lies in a folder, also without a data directory. */
  readonly isReplaceable: boolean;
}

export class RunningStack {
  #current: LocalStack;
  readonly #options: LocalStackOptions;
  readonly #temporaryData: string | undefined;

  private constructor(current: LocalStack, options: LocalStackOptions, temporaryData: string | undefined) {
    this.#current = current;
    this.#options = options;
    this.#temporaryData = temporaryData;
  }

  /** @throws what LocalStack.start does */
  static async start({ isReplaceable, ...options }: RunningStackOptions): Promise<RunningStack> {
    const temporaryData =
      isReplaceable && options.dataDirectory === undefined
        ? fs.mkdtempSync(path.join(os.tmpdir(), `${options.assembly.stackName}-data-`))
        : undefined;
    const complete = { ...options, ...(temporaryData && { dataDirectory: temporaryData }) };
    try {
      return new RunningStack(await LocalStack.start(complete), complete, temporaryData);
    } catch (error) {
      if (temporaryData) fs.rmSync(temporaryData, { recursive: true, force: true });
      throw error;
    }
  }

  get current(): LocalStack {
    return this.#current;
  }

  /**
   * Takes over a new template wholly: while everything runs if that can be, otherwise by a new stack on the same
   * port with what the old one held, also what waits to be tried again.
   * @throws what LocalStack.start does; all is then as it was
   */
  async takeOver(assembly: Assembly): Promise<Takeover> {
    const old = this.#current;
    const because = old.needingRestart(assembly);
    if (because.length === 0) {
      old.update(assembly);
      return { how: 'in place' };
    }
    await this.#tryOut(assembly);
    const port = Number(new URL(old.url).port);
    await old.stop();
    try {
      this.#current = await LocalStack.start({ ...this.#options, assembly, port });
    } catch (error) {
      // Some errors only appear with the data, such as a table with other keys.
      this.#current = await LocalStack.start({ ...this.#options, assembly: old.assembly, port });
      this.#current.resume();
      throw error;
    }
    return { how: 'restarted', because, ...this.#current.resume() };
  }

  async stop(): Promise<void> {
    await this.#current.stop();
    if (this.#temporaryData) fs.rmSync(this.#temporaryData, { recursive: true, force: true });
  }

  /** Starts the template beside the stack that runs, with nothing in it, to find what is not known or refused. */
  async #tryOut(assembly: Assembly): Promise<void> {
    const { world } = this.#options;
    const trial = await LocalStack.start({ assembly, world, port: 0 });
    await trial.stop();
  }
}
