/** Description of an app for a simulation: what happens in its world, and what must hold then. */
import type { App, Contract } from '../app';
import type { LocalStack } from '../local/stack';
import type { TimedStep } from '../local/steps';
import type { Random } from './random';

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
  /** Redrives the queues; stops after so many messages, between sending and deleting. */
  | { readonly kind: 'redrive'; readonly stopAfter?: number }
  /** Replays the archive: to the rules whose consumers take replays, or to all, as whoever names no rule. */
  | { readonly kind: 'replay'; readonly toAll: boolean; readonly cancelAfterMs?: number }
  /** Every function gets new environments. */
  | { readonly kind: 'deploy' }
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

/** Checks of one run. */
export interface Checks {
  /** After each step of the log. */
  onStep(step: TimedStep): Violation | undefined;
  /** When all is drained and redriven. */
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
  /** Personal data that contracts refuse. */
  readonly malformedPersonal: string;
  checks(view: RunView): Checks;
  /** Events that stay in a queue for good although the consumer can read them, e.g. of an entity that nobody made. */
  isHopeless(consumer: string, payload: unknown, view: readonly PlannedEvent[]): boolean;
}

/**
 * Details that the contract refuses, each by one wrong field.
 * @param malformed a value for some of the fields
 */
export function poisonOf(contract: Contract, random: Random, eventId: string, malformed: string): object {
  const detail: Record<string, unknown> = { ...contract.create(contract.example, { eventId }) };
  const values = [
    null,
    7,
    -1,
    '',
    'x'.repeat(2_000),
    true,
    [],
    {},
    [null],
    { a: { b: 1 } },
    1e300,
    '\u0000',
    malformed,
    'ü@',
  ];
  const names = Object.keys(contract.schema.entries);
  for (let tries = 0; tries < 200; tries++) {
    const name = random.pick(names);
    const changed = { ...detail, [name]: random.pick(values) };
    if (random.chance(0.3)) delete changed[name];
    const envelope = envelopeOf(contract, changed);
    if (contract.problem(envelope)) return changed;
  }
  return { metadata: 'none' };
}

const envelopeOf = ({ source, detailType }: Contract, detail: object) => ({
  ...{ version: '0', id: '00000000-0000-4000-8000-000000000000', 'detail-type': detailType, source },
  ...{ account: '000000000000', time: '2026-01-15T10:00:00Z', region: 'us-east-1', resources: [], detail },
});
