/** Partial order of the statuses of a state machine. */
export class StatusOrder {
  /** Statuses that can follow each status, in one step or more. */
  readonly #after: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #transitions: Readonly<Record<string, readonly string[]>>;

  /** @param transitions statuses that may follow each status; every status is a key, and there are no cycles */
  constructor(transitions: Readonly<Record<string, readonly string[]>>) {
    this.#transitions = transitions;
    const after = new Map<string, ReadonlySet<string>>();
    const follow = (status: string): ReadonlySet<string> => {
      const known = after.get(status);
      if (known) return known;
      const found = new Set((transitions[status] ?? []).flatMap((next) => [next, ...follow(next)]));
      after.set(status, found);
      return found;
    };
    for (const status of Object.keys(transitions)) follow(status);
    this.#after = after;
  }

  get statuses(): readonly string[] {
    return [...this.#after.keys()];
  }

  /** Checks whether a transition is allowed. */
  allows(from: string, to: string): boolean {
    return this.#transitions[from]?.includes(to) ?? false;
  }

  /** Checks whether a status can come before another, in one step or more. */
  isBefore(one: string, other: string): boolean {
    return this.#after.get(one)?.has(other) ?? false;
  }

  /** Checks whether two statuses are on different branches, so that no order can have both. */
  areApart(one: string, other: string): boolean {
    const areKnown = this.#after.has(one) && this.#after.has(other);
    return areKnown && one !== other && !this.isBefore(one, other) && !this.isBefore(other, one);
  }

  /**
   * The last status of the list.
   * @param held status to prefer if the list has several branches
   * @returns undefined if the list has no status of this state machine
   */
  furthest(statuses: readonly string[], held?: string): string | undefined {
    const known = this.statuses.filter((status) => statuses.includes(status));
    const last = known.filter((status) => !known.some((other) => this.isBefore(status, other)));
    return held !== undefined && last.includes(held) ? held : last[0];
  }
}
