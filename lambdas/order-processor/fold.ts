/**
 * The rules by which events become what is known of an order.
 *
 * - A status that the order can reach from where it is moves it, even over statuses that no event has said: those may
 *   be late. One that it has passed is kept as a fact and moves nothing. So any order of arrival ends the same.
 * - Two statuses of different branches (SHIPPED and CANCELLED) contradict each other, and two OrderCreated do. What is
 *   known stays, what arrives is kept as a conflict. Only there the arrival decides; no publisher's clock does.
 * - Each event counts once, whoever brings it again.
 */
import type { Conflict, Creation, Fact, OrderState } from '../order-item';
import type { StatusOrder } from '../status-order';

export interface StatusChange {
  readonly status: string;
  readonly fact: Fact;
}

/**
 * What came of an event.
 * - `stored`: the order is new, or moved by one step.
 * - `ahead`: it moved by more than one step; the events in between may be late.
 * - `superseded`: it had passed the status already; the fact is kept.
 * - `repeated`: another event has said the same.
 * - `conflict`: it contradicts what is known, and is kept as a conflict.
 * - `duplicate`: this very event was known.
 */
export type Outcome = 'stored' | 'ahead' | 'superseded' | 'repeated' | 'conflict' | 'duplicate';

export interface Folded {
  readonly outcome: Outcome;
  readonly state: OrderState;
}

/** The status of an order that only its OrderCreated is known of. */
export const INITIAL_STATUS = 'PENDING';

/** Conflicts that an item keeps: with the largest items that an order may have, there is room for no more. */
export const MOST_CONFLICTS = 8;

/** The table holds a status of a newer version of this code. Taking the order on from there would be a guess. */
export class UnknownStatusError extends Error {
  override readonly name = 'UnknownStatusError';
  constructor(readonly status: string) {
    super(
      `The order has the status ${JSON.stringify(status)}, which this code does not know: ` +
        'deploy the code that does, then redrive.',
    );
  }
}

/** @throws UnknownStatusError */
export function foldStatus(state: OrderState, { status, fact }: StatusChange, order: StatusOrder): Folded {
  const { facts, conflicts } = state;
  const standing = facts[status];
  const isKnown = conflicts.some((conflict) =>
    sameKey(conflict, { type: 'OrderStatusChanged', status, ...fact }),
  );
  if (standing?.by === fact.by || isKnown) return { outcome: 'duplicate', state };
  if (state.status !== undefined && !order.statuses.includes(state.status)) {
    throw new UnknownStatusError(state.status);
  }
  if (standing) {
    const changed = goesBefore(fact, standing) ? { ...state, facts: { ...facts, [status]: fact } } : state;
    return { outcome: 'repeated', state: changed };
  }
  if (Object.keys(facts).some((other) => order.areApart(other, status))) {
    return contradict(state, { type: 'OrderStatusChanged', status, ...fact });
  }
  const known = { ...facts, [status]: fact };
  const current = order.furthest(Object.keys(known), state.status) ?? INITIAL_STATUS;
  return {
    outcome: current === status ? moved(state.status, status, order) : 'superseded',
    state: { ...state, facts: known, status: current, revision: state.revision + 1 },
  };
}

/** What came of a move to another status. @param from undefined if nothing was known of the order */
export function moved(from: string | undefined, to: string, order: StatusOrder): Outcome {
  const isNext = from === to || order.allows(from ?? INITIAL_STATUS, to);
  return isNext ? 'stored' : 'ahead';
}

/** The first creation by the publishers' revision stands, or, without one, by arrival. */
export function foldCreation(state: OrderState, creation: Creation): Folded {
  const { creation: standing, conflicts } = state;
  const lost: Conflict = { type: 'OrderCreated', ...creation };
  if (standing?.by === creation.by || conflicts.some((conflict) => sameKey(conflict, lost))) {
    return { outcome: 'duplicate', state };
  }
  if (standing) {
    if (revisionOf(creation) >= revisionOf(standing)) return contradict(state, lost);
    return contradict({ ...state, creation }, { type: 'OrderCreated', ...standing });
  }
  const status = state.status ?? INITIAL_STATUS;
  return { outcome: 'stored', state: { ...state, creation, status, revision: state.revision + 1 } };
}

function contradict(state: OrderState, lost: Conflict): Folded {
  const kept = [...state.conflicts, lost].sort(byKey).slice(0, MOST_CONFLICTS);
  const revision = state.revision + kept.length - state.conflicts.length;
  return { outcome: 'conflict', state: { ...state, conflicts: kept, revision } };
}

/** Of two events that say the same status, the one decided on the older revision stands; else either, but always it. */
function goesBefore(fact: Fact, other: Fact): boolean {
  const difference = revisionOf(fact) - revisionOf(other);
  // Both infinite: not a number.
  return difference === 0 || Number.isNaN(difference) ? fact.by < other.by : difference < 0;
}

const revisionOf = ({ revision = Number.POSITIVE_INFINITY }: Fact): number => revision;

/** An event may say something of each kind once. */
const keyOf = (conflict: Conflict): string =>
  `${conflict.type === 'OrderCreated' ? '' : conflict.status}#${conflict.by}`;
const sameKey = (one: Conflict, other: Conflict): boolean => keyOf(one) === keyOf(other);
const byKey = (one: Conflict, other: Conflict): number => (keyOf(one) < keyOf(other) ? -1 : 1);
