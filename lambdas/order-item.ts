/**
 * An order's item in the table. It holds facts, one for each status that the order reached: the time and the event.
 * `status`, for readers of the table, is derived from them by the present state machine; no number is stored that only
 * the present code can interpret.
 *
 * Attributes: `orderId`, `customerId`, `customerEmail`, `items`, `total`, `createdAt`, `createdBy`, `processedAt`,
 * `correlationId`, `dayShard`, `status`, `updatedAt`, `revision`, `expiresAt` where orders expire, and `fact_<status>`: `{at, by}` for each status with
 * an event.
 */

/** A fact from an event. */
export interface Fact {
  /** Time of the event, by the publisher's clock: ISO 8601 with milliseconds, UTC. */
  readonly at: string;
  /** Id of the event. */
  readonly by: string;
  /** Revision of the order when the publisher decided, if the event has it. */
  readonly revision?: number | undefined;
}

/** Fields that distinguish an OrderCreated from another one. */
export interface Creation extends Fact {
  readonly customerId: string;
  readonly total: number;
  readonly correlationId: string;
}

/** A fact that contradicted the table when it arrived, and lost. */
export type Conflict =
  | ({ readonly type: 'OrderCreated' } & Creation)
  | ({ readonly type: 'OrderStatusChanged'; readonly status: string } & Fact);

/** Known facts of an order. */
export interface OrderState {
  /** Undefined until its OrderCreated has arrived. */
  readonly creation?: Creation | undefined;
  /** Facts by status. */
  readonly facts: Readonly<Record<string, Fact>>;
  readonly conflicts: readonly Conflict[];
  /** Derived status, as in the item. */
  readonly status?: string | undefined;
  /** Number of facts and conflicts; 0 if nothing is known. Increases with each change of the order. */
  readonly revision: number;
}

type Item = Readonly<Record<string, unknown>>;

/**
 * Error of an item with an attribute that no version of this code writes, e.g. by a hand that mends another. It is not
 * known what the order is, so nothing is decided; a redrive after the repair is.
 */
export class DamagedItemError extends Error {
  override readonly name = 'DamagedItemError';
  constructor(
    readonly attribute: string,
    expected: string,
  ) {
    super(`The order's item is damaged: ${attribute} is not ${expected}. Repair it, then redrive.`);
  }
}

/** Attribute of the fact about a status. */
export const factAttribute = (status: string): string => `fact_${status}`;

/**
 * Attributes of items from before there were facts: `<rank>#<updatedAt>#<event id>`, or `0` for none, and
 * `<createdAt>#<event id>`. The rank is not read, since its state machine may have changed; `status` has its status.
 */
export const LEGACY_ATTRIBUTES = ['statusVersion', 'createdVersion'] as const;

const LEGACY_STATUS = /^\d+#(?<at>[^#]+)#(?<by>.+)$/s;
const LEGACY_CREATION = /^(?<at>[^#]+)#(?<by>.+)$/s;

/** Attributes that `readOrderItem` reads for the given statuses. */
export function orderAttributes(statuses: readonly string[]): string[] {
  const creation = ['customerId', 'total', 'correlationId', 'createdAt', 'createdBy', 'createdRevision'];
  const facts = statuses.map(factAttribute);
  return ['status', 'revision', 'conflicts', ...creation, ...facts, ...LEGACY_ATTRIBUTES];
}

/**
 * Reads an item, or its attributes by `orderAttributes`, written by this code or by the previous code.
 * @param item undefined if there is none
 * @throws DamagedItemError for values that neither writes
 */
export function readOrderItem(item: Item = {}): OrderState {
  const prefix = factAttribute('');
  const facts: Record<string, Fact> = {};
  for (const [name, value] of Object.entries(item)) {
    if (name.startsWith(prefix)) facts[name.slice(prefix.length)] = readFact(name, value);
  }
  const status = textOf(item, 'status');
  const legacy = LEGACY_STATUS.exec(String(item.statusVersion ?? ''))?.groups as Fact | undefined;
  // An item has both only if the previous code wrote to it during the deployment.
  if (legacy && status !== undefined) facts[status] ??= { at: legacy.at, by: legacy.by };
  const creation = readCreation(item);
  const conflicts = readConflicts(item);
  const { revision = (creation ? 1 : 0) + Object.keys(facts).length + conflicts.length } = item;
  if (typeof revision !== 'number') throw new DamagedItemError('revision', 'a number');
  return { creation, facts, conflicts, status, revision };
}

/** @throws DamagedItemError if the attribute is there and no text */
export function textOf(item: Item, attribute: string): string | undefined {
  const value = item[attribute];
  if (value === undefined || typeof value === 'string') return value;
  throw new DamagedItemError(attribute, 'a text');
}

const isFact = (value: unknown): value is Fact =>
  typeof value === 'object' && value !== null && 'by' in value && typeof value.by === 'string';

function readFact(attribute: string, value: unknown): Fact {
  if (isFact(value)) return value;
  throw new DamagedItemError(attribute, 'a fact, {at, by}');
}

function readConflicts({ conflicts = [] }: Item): readonly Conflict[] {
  if (Array.isArray(conflicts) && conflicts.every(isFact)) return conflicts as unknown as Conflict[];
  throw new DamagedItemError('conflicts', 'a list of events that lost');
}

/** Ids of the events in an item, including those of conflicts. */
export function eventIdsOf(item: Item): string[] {
  const { creation, facts, conflicts } = readOrderItem(item);
  return [...(creation ? [creation] : []), ...Object.values(facts), ...conflicts].map(({ by }) => by);
}

function readCreation(item: Item): Creation | undefined {
  const legacy = LEGACY_CREATION.exec(String(item.createdVersion ?? ''))?.groups as Fact | undefined;
  const by = legacy?.by ?? textOf(item, 'createdBy');
  if (by === undefined) return undefined;
  const { createdAt: at, createdRevision: revision, customerId, total, correlationId } = item;
  const given = { at, by, customerId, total, correlationId, ...(revision !== undefined && { revision }) };
  return given as unknown as Creation;
}
