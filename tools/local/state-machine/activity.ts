/**
 * Progress of an execution as the run sees it: under way while something of it runs, not while all of it sleeps. A branch
 * of a Parallel or a Map counts for itself.
 */
import type { InFlight } from '../services/in-flight';
import type { World } from '../services/world';

export class Activity {
  #open = 0;
  #done: () => void = () => undefined;
  #idle: Promise<void> = Promise.resolve();
  #asleep = 0;

  constructor(
    private readonly world: World,
    private readonly inFlight: InFlight,
  ) {}

  /** True if all of it waits for its time. */
  get isAsleep(): boolean {
    return this.#asleep > 0 && this.#open === 0;
  }

  /** Resolves when nothing of it is under way. */
  get idle(): Promise<void> {
    return this.#idle;
  }

  begin(): void {
    if (this.#open++ > 0) return;
    this.#idle = new Promise((resolve) => {
      this.#done = resolve;
    });
    this.inFlight.track(this.#idle);
  }

  end(): void {
    if (--this.#open === 0) this.#done();
  }

  /** @throws the signal's reason */
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#asleep++;
    this.end();
    await new Promise<void>((resolve, reject) => {
      const wake = () => {
        this.#asleep--;
        signal.removeEventListener('abort', broken);
        this.begin();
      };
      const timer = this.world.after(ms, () => {
        wake();
        resolve();
        // The clock goes on when what it set off has come to rest.
        return this.#idle;
      });
      const broken = () => {
        timer.cancel();
        wake();
        reject(signal.reason);
      };
      signal.addEventListener('abort', broken);
    });
  }

  /** Does all at the same time. The first failure ends it at once and breaks the others off. */
  all<Result>(
    works: readonly ((signal: AbortSignal) => Promise<Result>)[],
    signal: AbortSignal,
  ): Promise<Result[]> {
    const others = new AbortController();
    const each = AbortSignal.any([signal, others.signal]);
    const results: Result[] = [];
    let left = works.length;
    // Each counts for itself, and who comes last, or fails first, for the whole again.
    if (left > 0) this.#open += left - 1;
    return new Promise((resolve, reject) => {
      if (left === 0) resolve([]);
      works.forEach((work, index) => {
        work(each).then(
          (result) => {
            results[index] = result;
            left--;
            if (left === 0 && !others.signal.aborted) resolve(results);
            else this.end();
          },
          (error) => {
            if (others.signal.aborted) {
              this.end();
              return;
            }
            others.abort(error);
            reject(error);
          },
        );
      });
    });
  }
}
