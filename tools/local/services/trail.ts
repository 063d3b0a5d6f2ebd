/** Changes of the run by calls, as in CloudTrail's event history: management events, no data events. */
import type { World } from './world';

export interface TrailEvent {
  readonly id: string;
  /** E.g. `DisableRule` */
  readonly name: string;
  /** E.g. `events.amazonaws.com` */
  readonly source: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  readonly accessKeyId: string;
  /** ARNs. */
  readonly resources: readonly string[];
  readonly request: unknown;
}

const MAX_EVENTS = 1_000;

export class Trail {
  readonly #world: World;
  readonly #events: TrailEvent[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  record(event: Omit<TrailEvent, 'id' | 'at'>): void {
    this.#events.unshift({ ...event, id: this.#world.uuid(), at: this.#world.now() });
    if (this.#events.length > MAX_EVENTS) this.#events.pop();
  }

  /** The latest first. */
  get events(): readonly TrailEvent[] {
    return this.#events;
  }
}
