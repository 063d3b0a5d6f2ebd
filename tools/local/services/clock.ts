/**
 * Time, passed in: what waits for minutes or days (retries, ages, schedules, visibility, replays) takes a clock,
 * so that tests move it by hand and `--speed 60` runs a minute in a second.
 */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Runs `run` once, `ms` milliseconds of this clock from now (at once if `ms` is not positive). */
  after(ms: number, run: () => void | Promise<void>): { cancel(): void };
}

/** The longest delay that a timer of Node takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Interval at which the wall clock is looked at for a jump, and what counts as one. */
const WATCH_MS = 5000;
const JUMP_MS = 500;

/** Difference between the wall clock and the time that the process has run, in milliseconds. */
const wallDrift = (): number => Date.now() - performance.now();

/**
 * The machine's wall-clock time, or a multiple of it; after the machine has slept, or its clock was set, it goes on
 * from there. A timer alone does not keep the process alive: the endpoint does.
 * A promise that `run` returns is not awaited; its rejection is an unhandled rejection of the process.
 */
export class SystemClock implements Clock {
  #start = Date.now();
  readonly #wallStart = Date.now();
  /** Sets each running timer anew. */
  readonly #rearm = new Set<() => void>();
  /** Looks for jumps of the wall clock while timers run, which do not notice them. */
  #watch: NodeJS.Timeout | undefined;
  #drift = wallDrift();

  /** @param speed seconds of this clock in one second of the machine's, e.g. 60 */
  constructor(readonly speed = 1) {
    if (!(speed > 0 && Number.isFinite(speed)))
      throw new RangeError(`The speed of a clock is ${speed}; it must be a positive number.`);
  }

  now(): number {
    return Math.round(this.#start + (Date.now() - this.#wallStart) * this.speed);
  }

  after(ms: number, run: () => void | Promise<void>): { cancel(): void } {
    const due = this.now() + ms;
    let timer: NodeJS.Timeout | undefined;
    const fire = () => {
      this.#rearm.delete(wait);
      void run();
    };
    const wait = () => {
      clearTimeout(timer);
      const remaining = Math.max(0, (due - this.now()) / this.speed);
      timer = setTimeout(remaining > MAX_TIMER_MS ? wait : fire, Math.min(remaining, MAX_TIMER_MS));
      timer.unref();
    };
    this.#rearm.add(wait);
    wait();
    this.#watchWall();
    return {
      cancel: () => {
        this.#rearm.delete(wait);
        clearTimeout(timer);
      },
    };
  }

  #watchWall(): void {
    this.#watch ??= setInterval(() => {
      const before = this.#drift;
      this.#drift = wallDrift();
      // Forward: the machine slept, and what fell due meanwhile is late. Backward: a wait is no longer for it.
      if (this.#drift - before > JUMP_MS) for (const wait of [...this.#rearm]) wait();
      if (this.#rearm.size > 0) return;
      clearInterval(this.#watch);
      this.#watch = undefined;
    }, WATCH_MS).unref();
  }

  /** Moves the time forward to `time`; what falls due by then fires at once. An earlier time changes nothing. */
  advanceTo(time: number): void {
    this.#start += Math.max(0, time - this.now());
    for (const wait of [...this.#rearm]) wait();
  }
}

interface ManualTimer {
  readonly due: number;
  readonly run: () => void | Promise<void>;
}

/** A clock that stands still until `advance` is called. */
export class ManualClock implements Clock {
  #now: number;
  /** Timers in the order of their creation, which is the order of those due at the same time. */
  readonly #timers = new Set<ManualTimer>();

  /** @param start milliseconds since 1970-01-01 UTC */
  constructor(start: number) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void | Promise<void>): { cancel(): void } {
    const timer = { due: this.#now + Math.max(0, ms), run };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /**
   * Moves the time by `ms`, running what falls due on the way at its own time, one after the other, each awaited
   * before the next; also what they add, if it falls due within `ms`.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (let next = this.#nextDue(end); next; next = this.#nextDue(end)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.due);
      await next.run();
    }
    this.#now = end;
  }

  #nextDue(end: number): ManualTimer | undefined {
    let next: ManualTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.due <= end && (!next || timer.due < next.due)) next = timer;
    }
    return next;
  }
}
