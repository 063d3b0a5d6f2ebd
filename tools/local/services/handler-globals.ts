/**
 * Globals of a handler that runs in this process: its own variables, its output, the world's time and
 * chance. They are parameters of its modules (see `handler-modules.ts`), so that the engine's own stay as they are.
 */
import asyncHooks, { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import crypto from 'node:crypto';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import { Writable } from 'node:stream';
import type { World } from './world';

export type HandlerWorld = Pick<World, 'now' | 'after' | 'random' | 'uuid' | 'randomBytes'>;

export interface GlobalsOptions {
  readonly world: HandlerWorld;
  /** Environment variables, which the handler may change. */
  readonly variables: Record<string, string | undefined>;
  readonly console: object;
  /** Takes what the handler writes to stdout and stderr. */
  readonly write: (text: string) => void;
  readonly onExit: (code: number) => void;
  /** False once the environment has ended: its timers do nothing then. */
  readonly isAlive: () => boolean;
}

/** An object with the properties of another, and its own before them; the other's may be read-only. */
const derived = (base: object, own: object): Record<string, unknown> =>
  Object.create(base, Object.getOwnPropertyDescriptors(own));

/** Thrown into the handler by `process.exit`, which does not return. */
class ExitSignal extends Error {
  override readonly name = 'ExitSignal';
}

/** Values of the parameters, by their names. */
export function globalsOf(options: GlobalsOptions): Record<string, unknown> {
  const { world } = options;
  const date = dateOf(world);
  const timers = timersOf(world, options.isAlive);
  const own = {
    process: processOf(options),
    console: derived(console, options.console),
    Date: date,
    Math: derived(Math, { random: () => world.random() }),
    performance: derived(performance, { now: () => world.now(), timeOrigin: 0 }),
    crypto: chanceOf(crypto.webcrypto, world),
    ...timers,
    AbortSignal: derived(AbortSignal, {
      timeout: (ms: number) => {
        const controller = new AbortController();
        world.after(ms, () => controller.abort(new DOMException('The time is over.', 'TimeoutError')));
        return controller.signal;
      },
    }),
    fetch: () => Promise.reject(new Error('fetch is not available to a handler in this process.')),
  };
  const all = derived(globalThis, own);
  all.globalThis = all;
  all.global = all;
  return { ...own, globalThis: all, global: all };
}

/** Read once: some of its properties are getters that take their time. */
const CRYPTO = { ...crypto };

/** Modules of Node that a handler gets otherwise than from Node. */
export function modulesOf(world: HandlerWorld): Record<string, unknown> {
  return {
    async_hooks: { ...asyncHooks, AsyncLocalStorage: SharedStorage },
    crypto: { ...CRYPTO, createHmac, ...methodsOf(world), webcrypto: chanceOf(crypto.webcrypto, world) },
    // Read at once, so that no thread decides what comes first. A refusal is a rejection, as it would be.
    'fs/promises': {
      ...fsPromises,
      readFile: async (...args: Parameters<typeof fs.readFileSync>) => fs.readFileSync(...args),
    },
  };
}

/** Node 24 takes four times as long for bytes as for a key: it throws and catches an error to tell them apart. */
const createHmac = (algorithm: string, key: crypto.BinaryLike | crypto.KeyObject, options?: object) =>
  crypto.createHmac(algorithm, ArrayBuffer.isView(key) ? crypto.createSecretKey(key) : key, options);

/** Stores of all handlers' `AsyncLocalStorage`, by which they are found. */
type Frame = ReadonlyMap<object, unknown>;
const frames = new AsyncLocalStorage<Frame>();

/**
 * `AsyncLocalStorage` of handlers, over one of this process: Node 20 hands on each one that was ever used at every
 * asynchronous call, also when the handler is long gone.
 */
class SharedStorage<Store> {
  static snapshot = AsyncLocalStorage.snapshot;
  static bind = AsyncLocalStorage.bind;

  getStore(): Store | undefined {
    return frames.getStore()?.get(this) as Store | undefined;
  }

  run<Result>(store: Store, work: (...values: never[]) => Result, ...values: never[]): Result {
    return frames.run(this.#with(store), work, ...values);
  }

  exit<Result>(work: (...values: never[]) => Result, ...values: never[]): Result {
    return frames.run(this.#with(undefined), work, ...values);
  }

  enterWith(store: Store): void {
    frames.enterWith(this.#with(store));
  }

  disable(): void {
    frames.enterWith(this.#with(undefined));
  }

  #with(store: Store | undefined): Frame {
    return new Map([...(frames.getStore() ?? []), [this, store]]);
  }
}

function dateOf(world: HandlerWorld): DateConstructor {
  class WorldDate extends Date {
    constructor(...args: [] | [number]) {
      if (args.length === 0) super(world.now());
      else super(...args);
    }
    static override now(): number {
      return world.now();
    }
    static override [Symbol.hasInstance](value: unknown): boolean {
      return Object.prototype.toString.call(value) === '[object Date]';
    }
  }
  return WorldDate as unknown as DateConstructor;
}

function methodsOf(world: HandlerWorld) {
  return {
    randomUUID: () => world.uuid(),
    randomBytes: (count: number) => world.randomBytes(count),
    getRandomValues: <Values extends NodeJS.ArrayBufferView>(values: Values): Values => {
      const bytes = world.randomBytes(values.byteLength);
      new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(bytes);
      return values;
    },
  };
}

const chanceOf = (webcrypto: object, world: HandlerWorld): object =>
  derived(webcrypto, { ...methodsOf(world), subtle: crypto.webcrypto.subtle });

function processOf({ variables, write, onExit }: GlobalsOptions): object {
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk: string | Uint8Array, _, done) => {
      write(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'));
      done();
    },
  });
  return derived(process, {
    env: variables,
    stdout: stream,
    stderr: stream,
    ...{ on: () => undefined, once: () => undefined, emitWarning: () => undefined },
    exit: (code = 0) => {
      onExit(Number(code));
      throw new ExitSignal('process.exit');
    },
  });
}

/** Node's timers on the world's clock. A callback keeps the asynchronous context in which it was given. */
function timersOf(world: HandlerWorld, isAlive: () => boolean): Record<string, unknown> {
  type Callback = (...values: unknown[]) => void;
  const running = new Map<number, { cancel(): void }>();
  let last = 0;
  const start = (callback: Callback, ms: unknown, values: unknown[], repeat: boolean) => {
    const id = ++last;
    const context = new AsyncResource('Timeout');
    const delay = Math.max(1, Number(ms) || 0);
    const arm = () =>
      running.set(
        id,
        world.after(delay, () => {
          running.delete(id);
          if (!isAlive()) return;
          if (repeat) arm();
          context.runInAsyncScope(callback, undefined, ...values);
        }),
      );
    arm();
    const timer = {
      ...{ ref: () => timer, unref: () => timer, hasRef: () => true, refresh: () => timer },
      [Symbol.toPrimitive]: () => id,
    };
    return timer;
  };
  const stop = (timer: unknown) => {
    const id = timer === undefined || timer === null ? 0 : Number(timer);
    running.get(id)?.cancel();
    running.delete(id);
  };
  return {
    setTimeout: (callback: Callback, ms?: number, ...values: unknown[]) => start(callback, ms, values, false),
    setInterval: (callback: Callback, ms?: number, ...values: unknown[]) => start(callback, ms, values, true),
    setImmediate: (callback: Callback, ...values: unknown[]) => start(callback, 0, values, false),
    ...{ clearTimeout: stop, clearInterval: stop, clearImmediate: stop },
  };
}
