/**
 * The store of the tables: dynalite in a thread of its own. It takes its own share of the two cores, and a request that
 * it cannot stand ends the thread, not the run. It is given requests as messages, so that no second port is open.
 */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { TableStore, TableStoreOptions } from './table-store';

/** Code of the thread. Plain text, since a thread has no loader for TypeScript and starts in half the time without one. */
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads');
const { tableEngine, directoryStore, memoryStore } = require(workerData.engine);
const { directory } = workerData.options;
const request = tableEngine(directory === undefined ? memoryStore(workerData.options) : directoryStore(directory));
parentPort.on('message', ({ id, operation, body }) =>
  request(operation, body, (status, text) => parentPort.postMessage({ id, status, body: text })));
`;

interface Answer {
  readonly status: number;
  readonly body: string;
}

export class TableThread implements TableStore {
  readonly #worker: Worker;
  readonly #pending = new Map<
    number,
    { resolve: (answer: Answer) => void; reject: (error: Error) => void }
  >();
  #requests = 0;
  #failure: Error | undefined;

  constructor({ account, region, directory }: TableStoreOptions) {
    this.#worker = new Worker(WORKER, {
      eval: true,
      workerData: {
        engine: require.resolve('./table-engine.cjs'),
        options: { account, region, ...(directory && { directory: path.resolve(directory) }) },
      },
      env: { ...process.env, AWS_ACCOUNT_ID: account, AWS_REGION: region },
    });
    this.#worker.on('message', ({ id, ...answer }) => {
      this.#pending.get(id)?.resolve(answer);
      this.#pending.delete(id);
    });
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('The tables are closed.')));
  }

  async request(operation: string, body: string): Promise<Answer> {
    if (this.#failure) throw this.#failure;
    const id = this.#requests++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, operation, body });
    });
  }

  async stop(): Promise<void> {
    while (this.#pending.size > 0 && !this.#failure) await new Promise((resolve) => setImmediate(resolve));
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }
}
