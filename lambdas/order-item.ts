/**
 * An order's item in the table. It holds facts, one for each status that the order reached: when, and said by which
 * event. `status`, for whoever reads the table, is derived from them by the state machine that is in force; no number
 * is stored whose meaning lies in the code.
 *
 * An ordinary item: `orderId`, `customerId`, `customerEmail`, `items`, `total`, `createdAt`, `createdBy`,
 * `processedAt`, `correlationId`, `dayShard`, `status`, `updatedAt`, `revision`, and of each status that an event said
 * `fact_<status>`: `{at, by}`.
 */

/** An event said it. */
export interface Fact {
  /** When it happened, by the publisher's clock: ISO 8601 with milliseconds, UTC. */
  readonly at: string;
  /** The event's id. */
  readonly by: string;
  /** The order's revision that the publisher decided on, if the event names one. */
  readonly revision?: number | undefined;
}

/** An OrderCreated, as far as it is needed to tell it from another. */
export interface Creation extends Fact {
  readonly customerId: string;
  readonly total: number;
  readonly correlationId: string;
}

/** A fact that contradicts what the table held when it arrived, and lost. */
export type Conflict =
  | ({ readonly type: 'OrderCreated' } & Creation)
  | ({ readonly type: 'OrderStatusChanged'; readonly status: string } & Fact);

/** What is known of an order. */
export interface OrderState {
  /** Undefined until its OrderCreated has arrived. */
  readonly creation?: Creation | undefined;
  /** By status. */
  readonly facts: Readonly<Record<string, Fact>>;
  readonly conflicts: readonly Conflict[];
  /** The derived status, as it stands in the item. */
  readonly status?: string | undefined;
  /** Number of facts and conflicts; 0 if nothing is known. A change of the order raises it. */
  readonly revision: number;
}

type Item = Readonly<Record<string, unknown>>;

/** Attribute of the fact about a status. */
export const factAttribute = (status: string): string => `fact_${status}`;

/**
 * Attributes of items that were written before the facts were: `<rank>#<updatedAt>#<event id>`, or `0` for none, and
 * `<createdAt>#<event id>`. The rank is of a state machine that may have changed, and is not read; the status that it
 * belongs to stands in `status`.
 */
export const LEGACY_ATTRIBUTES = ['statusVersion', 'createdVersion'] as const;

const LEGACY_STATUS = /^\d+#(?<at>[^#]+)#(?<by>.+)$/s;
const LEGACY_CREATION = /^(?<at>[^#]+)#(?<by>.+)$/s;

/** Attributes that `readOrderItem` reads, of the given statuses. */
export function orderAttributes(statuses: readonly string[]): string[] {
  const creation = ['customerId', 'total', 'correlationId', 'createdAt', 'createdBy', 'createdRevision'];
  const facts = statuses.map(factAttribute);
  return ['status', 'revision', 'conflicts', ...creation, ...facts, ...LEGACY_ATTRIBUTES];
}

/**
 * Reads an item, or as much of it as `orderAttributes` names, written by this code or by the code before it.
 * @param item undefined if there is none
 */
export function readOrderItem(item: Item = {}): OrderState {
  const prefix = factAttribute('');
  const facts: Record<string, Fact> = {};
  for (const [name, value] of Object.entries(item)) {
    if (name.startsWith(prefix)) facts[name.slice(prefix.length)] = value as Fact;
  }
  const status = item.status as string | undefined;
  const legacy = LEGACY_STATUS.exec(String(item.statusVersion ?? ''))?.groups as Fact | undefined;
  // An item has both only if the code before wrote to it while this was being deployed.
  if (legacy && status !== undefined) facts[status] ??= { at: legacy.at, by: legacy.by };
  const creation = readCreation(item);
  const conflicts = (item.conflicts ?? []) as readonly Conflict[];
  const known = (creation ? 1 : 0) + Object.keys(facts).length + conflicts.length;
  return { creation, facts, conflicts, status, revision: (item.revision as number | undefined) ?? known };
}

/** Ids of the events that an item names: those that made it what it is, and those that lost. */
export function eventIdsOf(item: Item): string[] {
  const { creation, facts, conflicts } = readOrderItem(item);
  return [...(creation ? [creation] : []), ...Object.values(facts), ...conflicts].map(({ by }) => by);
}

function readCreation(item: Item): Creation | undefined {
  const legacy = LEGACY_CREATION.exec(String(item.createdVersion ?? ''))?.groups as Fact | undefined;
  const by = legacy?.by ?? (item.createdBy as string | undefined);
  if (by === undefined) return undefined;
  const { createdAt: at, createdRevision: revision, customerId, total, correlationId } = item;
  const given = { at, by, customerId, total, correlationId, ...(revision !== undefined && { revision }) };
  return given as unknown as Creation;
}
