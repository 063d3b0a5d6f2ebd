/**
 * Rules by which events change the known facts of an order.
 *
 * - A status that the order can reach becomes its status, even if events of statuses in between are missing: those may
 *   be late. A status that the order has passed is kept as a fact only. So any order of arrival has the same result.
 * - Two statuses of different branches (SHIPPED and CANCELLED) contradict each other, and so do two OrderCreated. The
 *   known fact stays, the later one is kept as a conflict. Only here the order of arrival decides; no clock does.
 * - Each event counts once; duplicates change nothing.
 */
import type { Conflict, Creation, Fact, OrderState } from '../order-item';
import type { StatusOrder } from '../status-order';

export interface StatusChange {
  readonly status: string;
  readonly fact: Fact;
}

/**
 * Outcome of an event.
 * - `stored`: the order is new, or moved by one step.
 * - `ahead`: it moved by more than one step; the events in between may be late.
 * - `superseded`: the order had already passed the status; the fact is kept.
 * - `repeated`: another event had the same status.
 * - `conflict`: it contradicts the known facts, and is kept as a conflict.
 * - `duplicate`: the event was already known.
 */
export type FoldOutcome = 'stored' | 'ahead' | 'superseded' | 'repeated' | 'conflict' | 'duplicate';

export interface Folded {
  readonly outcome: FoldOutcome;
  readonly state: OrderState;
}

/** Status of an order without any event but its OrderCreated. */
export const INITIAL_STATUS = 'PENDING';

/** Maximum number of conflicts in an item, which has no room for more if its `items` have their maximum size. */
export const MOST_CONFLICTS = 8;

/** Error of a status in the table from a newer version of this code, from which no transition is known. */
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

/** Outcome of a transition. @param from undefined if nothing was known of the order */
export function moved(from: string | undefined, to: string, order: StatusOrder): FoldOutcome {
  const isNext = from === to || order.allows(from ?? INITIAL_STATUS, to);
  return isNext ? 'stored' : 'ahead';
}

/** Folds an OrderCreated: the first one by revision counts, or by arrival if they have none. */
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

/** Chooses between two events with the same status: the one with the older revision, otherwise by event id. */
function goesBefore(fact: Fact, other: Fact): boolean {
  const difference = revisionOf(fact) - revisionOf(other);
  // NaN if both are infinite.
  return difference === 0 || Number.isNaN(difference) ? fact.by < other.by : difference < 0;
}

const revisionOf = ({ revision = Number.POSITIVE_INFINITY }: Fact): number => revision;

/** Key of a conflict: each event has at most one of each kind. */
const keyOf = (conflict: Conflict): string =>
  `${conflict.type === 'OrderCreated' ? '' : conflict.status}#${conflict.by}`;
const sameKey = (one: Conflict, other: Conflict): boolean => keyOf(one) === keyOf(other);
const byKey = (one: Conflict, other: Conflict): number => (keyOf(one) < keyOf(other) ? -1 : 1);
