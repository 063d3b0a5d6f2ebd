/** Routing of events by the app's description, as opposed to the rules of the template. */
import type { App } from '../app';
import type { BusEvent } from '../eventbridge/event';
import { compile, type EventPattern } from '../eventbridge/event-pattern';

export class DescribedRouting {
  readonly #app: App;
  /** Patterns by consumer. */
  readonly #patterns: ReadonlyMap<string, readonly EventPattern[]>;

  constructor(app: App) {
    this.#app = app;
    this.#patterns = new Map(
      Object.entries(app.consumers).map(([name, { receives }]) => [
        name,
        receives.map(({ pattern }) => compile(JSON.stringify(pattern))),
      ]),
    );
  }

  /** Names of the consumers that receive the event, sorted. */
  receivers(event: BusEvent, isReplayed: boolean): string[] {
    return Object.entries(this.#app.consumers)
      .filter(([name, { replayed }]) => {
        const isTaken = this.#patterns.get(name)?.some((pattern) => pattern.matches(event));
        return isTaken && (replayed || !isReplayed);
      })
      .map(([name]) => name)
      .sort();
  }

  /** True if a replay reaches the consumer. */
  isReplayed(consumer: string): boolean {
    return this.#app.consumers[consumer]?.replayed === true;
  }

  /** The contract refuses it. */
  isPoison(event: BusEvent): boolean {
    const contract = this.#app.contracts.find(
      ({ source, detailType }) => source === event.source && detailType === event['detail-type'],
    );
    return contract?.problem(event) !== undefined;
  }
}
