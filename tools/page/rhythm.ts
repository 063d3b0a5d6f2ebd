/**
 * Rhythm of the messages to a reader. Drawing changes takes more of the machine than making them: where a run at full
 * speed needs all processors, it goes first.
 */
import { cpus } from 'node:os';

/** Minimum time between two messages, in milliseconds: a frame of the page costs more than a message. */
export const FRAME_MS = 100;
/** The same while the run needs the processors. */
const BUSY_FRAME_MS = 600;
/** Share of one processor that the run's own process takes, from which on it is at work. */
const AT_WORK = 0.2;
/** Changed events a second, from which on drawing them takes a share of the machine that the run could miss. */
const MANY = 60;
/** Share of all processors' time that is idle, below which the machine is busy, and above which it is no longer. */
const BUSY = 0.4;
const FREE = 0.6;
/** Minimum time over which they are measured, in milliseconds. */
const WINDOW_MS = 300;

/** Processor time so far, in milliseconds. */
export interface ProcessorTime {
  /** All processors, since the start of the machine. */
  readonly all: number;
  /** The part of it in which they had nothing to do. */
  readonly idle: number;
  /** Time of the run's own process. */
  readonly own: number;
}

export class Rhythm {
  #frameMs = FRAME_MS;
  #events = 0;
  #before: ProcessorTime;
  #at: number;

  /** @param clock time in milliseconds, from any moment on */
  constructor(
    private readonly processors: () => ProcessorTime = processorTime,
    private readonly clock: () => number = () => performance.now(),
  ) {
    this.#before = processors();
    this.#at = clock();
  }

  /** Minimum time until the next message, in milliseconds. */
  get frameMs(): number {
    return this.#frameMs;
  }

  /** @param events number of changed events in the message */
  sent(events: number): void {
    this.#events += events;
    const passed = this.clock() - this.#at;
    if (passed < WINDOW_MS) return;
    const now = this.processors();
    const idle = (now.idle - this.#before.idle) / Math.max(1, now.all - this.#before.all);
    const isAtWork = (now.own - this.#before.own) / passed >= AT_WORK;
    const isMany = (1_000 * this.#events) / passed >= MANY;
    const isBusy = idle < (this.#frameMs === BUSY_FRAME_MS ? FREE : BUSY);
    this.#frameMs = isMany && isAtWork && isBusy ? BUSY_FRAME_MS : FRAME_MS;
    this.#before = now;
    this.#at += passed;
    this.#events = 0;
  }
}

function processorTime(): ProcessorTime {
  let [idle, all] = [0, 0];
  for (const { times } of cpus()) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  const { user, system } = process.cpuUsage();
  return { idle, all, own: (user + system) / 1_000 };
}
