/** Work that was started and not waited for, so that whoever wants its end can wait for all of it. */
export class InFlight {
  readonly #work = new Set<Promise<unknown>>();

  /** The work must handle its own failures: a rejection is a defect, and rejects `settled`, or ends the process. */
  track(work: Promise<unknown>): void {
    const tracked = work.finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }

  /** Resolves when none is left, also none that was added meanwhile. @throws what a work was rejected with */
  async settled(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }
}
