/**
 * The store of the tables: dynalite in a thread of its own. It takes its own share of the two cores, and a request that
 * it cannot stand ends the thread, not the run. It is given requests as messages, so that no second port is open.
 */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { TableStore, TableStoreOptions } from './table-store';

/**
 * Code of the thread: each message is one request to dynalite's listener, without a socket. Plain text, since a thread has
 * no loader for TypeScript and starts in half the time without one.
 */
const WORKER = `
const { EventEmitter } = require('node:events');
const { parentPort, workerData } = require('node:worker_threads');
const path = require('node:path');
require(workerData.expressions).rememberExpressions(path.dirname(workerData.dynalite));
const server = require(workerData.dynalite)(workerData.options);
const headers = {
  'content-type': 'application/x-amz-json-1.0',
  'x-amz-date': '-',
  authorization: 'AWS4-HMAC-SHA256 Credential=local, SignedHeaders=host, Signature=none',
};
parentPort.on('message', ({ id, operation, body }) => {
  const target = { 'x-amz-target': 'DynamoDB_20120810.' + operation };
  const request = Object.assign(new EventEmitter(), {
    method: 'POST',
    url: '/',
    headers: { ...headers, ...target },
  });
  const response = {
    setHeader() {},
    end(text) { parentPort.postMessage({ id, status: this.statusCode, body: text }); },
  };
  server.emit('request', request, response);
  request.emit('data', Buffer.from(body));
  request.emit('end');
});
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
        dynalite: require.resolve('dynalite'),
        expressions: require.resolve('./parsed-expressions.cjs'),
        options: {
          createTableMs: 0,
          deleteTableMs: 0,
          updateTableMs: 0,
          ...(directory && { path: path.resolve(directory) }),
        },
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
