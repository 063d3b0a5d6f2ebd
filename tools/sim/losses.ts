/** Events that are gone for good, which only a fault may bring about. */
export class Losses {
  readonly #lost: { readonly consumer: string; readonly eventId: string | undefined; payload: unknown }[] =
    [];
  #allowed = 0;

  /** The next loss is no violation: a fault has brought it about. */
  allow(): void {
    this.#allowed++;
  }

  get isEmpty(): boolean {
    return this.#lost.length === 0;
  }

  /** @returns false if no fault has brought it about */
  add(consumer: string, eventId: string | undefined, payload: unknown): boolean {
    this.#lost.push({ consumer, eventId, payload });
    return this.#allowed-- > 0;
  }

  /** Payloads that the consumer never got. */
  of(consumer: string): unknown[] {
    return this.#lost.filter((each) => each.consumer === consumer).map(({ payload }) => payload);
  }

  has(consumer: string, eventId: string): boolean {
    return this.#lost.some((each) => each.consumer === consumer && each.eventId === eventId);
  }
}
