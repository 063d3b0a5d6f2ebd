/** Description of an app for a simulation: what happens in its world, and what must hold then. */
import type { App } from '../app';
import type { LocalStack } from '../local/stack';
import type { TimedStep } from '../local/steps';
import type { Random } from './random';
import type { SourceChange } from './release';

/** An event to publish, with its ids. */
export interface PlannedEvent {
  readonly type: string;
  readonly detail: object;
  readonly ids: { readonly eventId: string };
}

/** Something that is done to the app's world. */
export type Action =
  | { readonly kind: 'publish'; readonly events: readonly PlannedEvent[]; readonly clockOffsetMs?: number }
  /** Event of a publisher that keeps to no contract. */
  | { readonly kind: 'put'; readonly source: string; readonly detailType: string; readonly detail: string }
  /** Redrives the queues; stops after so many messages, between sending and deleting, and may start again later. */
  | { readonly kind: 'redrive'; readonly stopAfter?: number; readonly againAfterMs?: number }
  /** Replays the archive: to the rules whose consumers take replays, or to all, as whoever names no rule. */
  | {
      readonly kind: 'replay';
      readonly toAll: boolean;
      readonly cancelAfterMs?: number;
      /** Starts another one so long after the end of a cancelled one. */
      readonly againAfterMs?: number;
    }
  /** The functions get this code, one after the other: the app's own, or that of its next release. */
  | { readonly kind: 'deploy'; readonly release: 'same' | 'next' }
  /** The process ends as by SIGKILL, and is started again on its data. */
  | { readonly kind: 'restart'; readonly downMs: number }
  /** The consumer's role allows nothing for a while. */
  | { readonly kind: 'revoke'; readonly consumer: string; readonly forMs: number }
  /** An item of a table is damaged, and repaired after a while. */
  | { readonly kind: 'damage'; readonly damage: number; readonly nth: number; readonly forMs: number }
  /** The function accepts nothing for a while. */
  | { readonly kind: 'throttle'; readonly consumer: string; readonly invocations: number };

export type Command = Action & {
  /** E.g. `c3`. */
  readonly id: string;
  /** Milliseconds from the start. */
  readonly at: number;
};

/** An invariant that does not hold. */
export interface Violation {
  /** Name of the invariant, e.g. `told twice`. */
  readonly invariant: string;
  readonly message: string;
}

/** A wrong value in an item, as somebody brings about who writes to a table by hand. */
export interface Damage {
  readonly attribute: string;
  /** Value in DynamoDB's JSON, e.g. `{"S": "x"}`. */
  readonly value: object;
  /** True for the items that can have it. */
  isOf(item: Readonly<Record<string, object>>): boolean;
  entityOf(item: Readonly<Record<string, object>>): string;
}

/** Checks of one run. */
export interface Checks {
  /** Checks a step of the log. */
  onStep(step: TimedStep): Violation | undefined;
  /** Checks the end, when all is drained and redriven. */
  atEnd(stack: LocalStack): Promise<Violation | undefined>;
}

/** View of a run for the checks, besides its steps. */
export interface RunView {
  /** The event (its payload as the function gets it) of an invocation. */
  invocation(requestId: string): { readonly consumer: string; readonly payload: unknown } | undefined;
  /** Request id of the invocation whose calls carry this trace. */
  requestOfTrace(trace: string | undefined): string | undefined;
  /** True if a fault of that kind struck a call of that invocation. */
  readonly struck: (requestId: string, kinds: readonly string[]) => boolean;
  /** Names of the attributes of the entity's item that are damaged now. */
  readonly damaged: (entity: string) => readonly string[];
  /** Payloads that faults kept from the consumer for good. */
  readonly lost: (consumer: string) => readonly unknown[];
}

export interface Model {
  readonly app: App;
  readonly busName: string;
  /** File of a handler that publishes `{events}`: the app's own publisher. */
  readonly publisher: string;
  /** Plans events, each with its time in milliseconds. */
  plan(random: Random, events: number): { readonly at: number; readonly event: PlannedEvent }[];
  /** Matches personal data that is planned: it must be in no log line and no record. */
  readonly personal: RegExp;
  /** Changes of the sources that make the app's next release. */
  readonly next: readonly SourceChange[];
  /** Ways to damage items. */
  readonly damages: readonly Damage[];
  /** Personal data that contracts refuse. */
  readonly malformedPersonal: string;
  checks(view: RunView): Checks;
  /** Events that stay in a queue for good although the consumer can read them, e.g. of an entity that nobody made. */
  isHopeless(consumer: string, payload: unknown, view: readonly PlannedEvent[]): boolean;
}
