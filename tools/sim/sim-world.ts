/**
 * The world of a simulation. What is ready to run stands in one set, of which the seed picks the next; the time moves
 * only when nothing is ready. Promises and ticks are drained after each pick, before the next.
 */
import { AsyncResource } from 'node:async_hooks';
import type { World } from '../local/services/world';
import { Random } from './random';

interface Task {
  readonly due: number;
  /** Among those that are ready the least goes first. */
  readonly priority: number;
  readonly run: () => unknown;
  isCancelled: boolean;
}

export class SimWorld implements World {
  #now: number;
  /** A heap by due time, then priority. */
  readonly #tasks: Task[] = [];
  /** Two streams, so that another order does not change all ids. */
  readonly #order: Random;
  readonly #chance: Random;
  /** Picks so far. */
  picks = 0;

  /** @param start milliseconds since 1970-01-01 UTC */
  constructor(seed: string, start: number) {
    this.#now = start;
    this.#order = new Random(`${seed} order`);
    this.#chance = new Random(`${seed} chance`);
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void | Promise<void>): { cancel(): void } {
    const context = new AsyncResource('SimTask');
    const task: Task = {
      due: this.#now + Math.max(0, Math.ceil(ms)),
      priority: this.#order.uint32(),
      run: () => context.runInAsyncScope(run),
      isCancelled: false,
    };
    push(this.#tasks, task);
    return {
      cancel: () => {
        task.isCancelled = true;
      },
    };
  }

  random(): number {
    return this.#chance.next();
  }

  uuid(): string {
    const hex = this.randomBytes(16).toString('hex');
    const variant = '89ab'[Number.parseInt(hex.charAt(16), 16) % 4];
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  randomBytes(count: number): Buffer {
    const bytes = Buffer.alloc(count);
    for (let index = 0; index < count; index++) bytes[index] = this.#chance.uint32() & 0xff;
    return bytes;
  }

  defer(task: () => void): void {
    this.after(0, task);
  }

  turn(): Promise<void> {
    return new Promise((resolve) => this.defer(resolve));
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }

  /**
   * Runs the next task, and all that follows from it without waiting.
   * @param until latest time that the world may move to
   * @returns false if there is none until then
   */
  async step(until: number): Promise<boolean> {
    for (;;) {
      const [next] = this.#tasks;
      if (!next || next.due > until) return false;
      pop(this.#tasks);
      if (next.isCancelled) continue;
      this.#now = Math.max(this.#now, next.due);
      this.picks++;
      next.run();
      await drained();
      return true;
    }
  }
}

/** Resolves when all microtasks and ticks have run. */
const drained = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const isBefore = (one: Task, other: Task): boolean =>
  one.due < other.due || (one.due === other.due && one.priority < other.priority);

function push(heap: Task[], task: Task): void {
  let index = heap.length;
  heap.push(task);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (!isBefore(task, heap[parent] as Task)) break;
    heap[index] = heap[parent] as Task;
    index = parent;
  }
  heap[index] = task;
}

function pop(heap: Task[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Task, heap[child] as Task)) child++;
    if (!isBefore(heap[child] as Task, last)) break;
    heap[index] = heap[child] as Task;
    index = child;
  }
  heap[index] = last;
}
