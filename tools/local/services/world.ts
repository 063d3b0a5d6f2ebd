/**
 * All that a run takes from outside of itself: time, chance, ids, and whose turn it is. It is handed in, so that a test
 * moves the time by hand, and a simulation decides everything by one seed. Nothing else in `tools/local` asks the
 * machine (lint holds that), but for what talks to a socket, a process or a terminal.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { type Clock, SystemClock } from './clock';

export interface World extends Clock {
  /** Random number in [0, 1). */
  random(): number;
  uuid(): string;
  randomBytes(count: number): Buffer;
  /** Starts a task that nobody waits for: at once, or later if the world chooses the order of what is ready. */
  defer(task: () => void): void;
  /** Lets other work have its turn, for long loops to call after each round. */
  turn(): Promise<void>;
}

/** Number of rounds of a loop before other work has its turn. */
const ROUNDS_A_TURN = 100;

/** The system gives a few thousand bytes in the time of a few. */
const POOL_BYTES = 4096;

/** The machine's chance, and a clock: the machine's own, or one that a test moves. */
export class SystemWorld implements World {
  #rounds = 0;
  /** Bytes that were drawn at once, and how many of them are given away. */
  #pool = Buffer.alloc(0);
  #used = 0;

  constructor(readonly clock: Clock = new SystemClock()) {}

  now(): number {
    return this.clock.now();
  }

  after(ms: number, run: () => void | Promise<void>): { cancel(): void } {
    return this.clock.after(ms, run);
  }

  random(): number {
    return Math.random();
  }

  uuid(): string {
    return randomUUID();
  }

  randomBytes(count: number): Buffer {
    if (count > POOL_BYTES) return randomBytes(count);
    if (this.#used + count > this.#pool.length) [this.#pool, this.#used] = [randomBytes(POOL_BYTES), 0];
    this.#used += count;
    return Buffer.from(this.#pool.subarray(this.#used - count, this.#used));
  }

  defer(task: () => void): void {
    task();
  }

  async turn(): Promise<void> {
    if (++this.#rounds % ROUNDS_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Starts to measure the machine's time, whatever the stack's clock. @returns milliseconds since then */
export function stopwatch(): () => number {
  const start = performance.now();
  return () => performance.now() - start;
}
