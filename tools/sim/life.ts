/** The time of a process between its start and its end, which it may meet at any moment. */
export class Life {
  readonly #listeners = new Set<() => void>();
  #isOver = false;

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    this.#isOver = true;
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  /** A call of the process: its connection breaks if the process ends before it has answered. */
  during<Result>(call: () => Promise<Result>): Promise<Result> {
    if (this.#isOver) return Promise.reject(connectionReset());
    return new Promise((resolve, reject) => {
      const onEnd = () => reject(connectionReset());
      this.#listeners.add(onEnd);
      call()
        .then(resolve, reject)
        .finally(() => this.#listeners.delete(onEnd));
    });
  }
}

export const connectionReset = (): Error =>
  Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' });
