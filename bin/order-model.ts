/**
 * The app in a simulation: what its publishers do, and what must hold. The model of an order is written down here once
 * more, in the plainest way and without any code of the handlers, so that each shows what is wrong in the other.
 */
import { OrderCreated, OrderStatusChanged } from '../lambdas/events';
import { ORDER_KEY } from '../lambdas/order-table';
import type { LocalStack } from '../tools/local/stack';
import type { TimedStep } from '../tools/local/steps';
import type { Checks, Damage, Model, PlannedEvent, RunView, Violation } from '../tools/sim/model';
import type { Random } from '../tools/sim/random';
import { APP } from './app-description';
import { NEXT_RELEASE } from './order-next-release';

/** Ranks of the statuses; SHIPPED and CANCELLED are on different branches. */
const RANK: Readonly<Record<string, number>> = {
  PENDING: 0,
  CONFIRMED: 1,
  SHIPPED: 2,
  CANCELLED: 2,
  DELIVERED: 3,
};
const NOTIFIED = ['SHIPPED', 'DELIVERED', 'CANCELLED'];
const areApart = (one: string, other: string) =>
  (one === 'CANCELLED') !== (other === 'CANCELLED') &&
  RANK[one] !== undefined &&
  isLate(one) &&
  isLate(other);
const isLate = (status: string) => (RANK[status] ?? 0) >= 2;

const LIVES = [
  ['CONFIRMED', 'SHIPPED', 'DELIVERED'],
  ['SHIPPED', 'DELIVERED'],
  ['CONFIRMED', 'CANCELLED'],
  ['CANCELLED'],
  ['CONFIRMED'],
  [],
];

/** Orders with their changes, mostly in order, some late, some twice, some in contradiction, some never placed. */
function plan(random: Random, events: number): { at: number; event: PlannedEvent }[] {
  const planned: { at: number; event: PlannedEvent }[] = [];
  const spanMs = events * 3_000;
  for (let order = 1; planned.length < events; order++) {
    const orderId = `order-${order}`;
    const base = random.next() * spanMs;
    let count = 0;
    const add = (at: number, type: string, detail: object) => {
      const ids = { eventId: `${orderId}-e${++count}` };
      planned.push({ at, event: { type, detail: { orderId, ...detail }, ids } });
    };
    const create = () =>
      add(base, OrderCreated.type, {
        customerId: `customer-${1 + random.below(9)}`,
        ...(random.chance(0.9) && { customerEmail: `c${order}.${random.below(99)}@customers.example` }),
        items: random.chance(0.5) ? [{ sku: `book-${random.below(9)}`, quantity: 1 + random.below(5) }] : [],
        total: random.below(100_000) / 100,
        ...(random.chance(0.5) && {
          createdAt: new Date(Date.UTC(2026, 0, 15, 9) + random.below(9e6)).toISOString(),
        }),
      });
    if (random.chance(0.95)) create();
    if (random.chance(0.05)) create();
    let at = base;
    const life = [...random.pick(LIVES)];
    if (random.chance(0.15)) life.push(random.pick(['CONFIRMED', ...NOTIFIED]));
    if (random.chance(0.1)) life.reverse();
    for (const status of life) {
      at += random.chance(0.5) ? random.below(50) : random.below(120_000);
      const change = { status, ...(random.chance(0.3) && { customerEmail: `other@customers.example` }) };
      add(at, OrderStatusChanged.type, change);
      // Another publisher says the same.
      if (random.chance(0.1)) add(at + random.below(2_000), OrderStatusChanged.type, { status });
    }
  }
  return planned.slice(0, events).sort((one, other) => one.at - other.at);
}

interface KnownOrder {
  createdBy?: string;
  email?: string | undefined;
  total?: number;
  /** Id of the event that counts, by status. */
  readonly facts: Map<string, string>;
  /** `<status or empty>#<event id>` */
  readonly conflicts: Set<string>;
}

interface OrderEvent {
  readonly 'detail-type'?: string;
  readonly detail?: {
    readonly orderId?: string;
    readonly status?: string;
    readonly customerEmail?: string;
    readonly total?: number;
    readonly metadata?: { readonly eventId?: string };
  };
}

const violation = (invariant: string, message: string): Violation => ({ invariant, message });

class OrderChecks implements Checks {
  readonly #view: RunView;
  readonly #orders = new Map<string, KnownOrder>();
  /** Statuses that the table contradicted when the notifier began, by request id. */
  readonly #contradicted = new Set<string>();
  /** Ids of the events that must have a record. */
  readonly #put = new Set<string>();
  /** The latest notification by `order#status`: the attempt that told it, and whether that is written down. */
  readonly #told = new Map<string, { isRemembered: boolean; trace: string | undefined }>();

  constructor(view: RunView) {
    this.#view = view;
  }

  onStep(step: TimedStep): Violation | undefined {
    switch (step.kind) {
      case 'event-put': {
        const id = (step.event as OrderEvent).detail?.metadata?.eventId;
        if (typeof id === 'string' && /^order-/.test(id)) this.#put.add(id);
        return undefined;
      }
      case 'invocation-succeeded':
        return this.#isStored(step.requestId);
      case 'item-written':
        if (ORDER_KEY in step.key && 'revision' in step.item) return this.#stored(step);
        if (step.item.status === 'COMPLETED') this.#remembered(step.trace);
        return undefined;
      case 'item-deleted':
        return ORDER_KEY in step.key ? violation('table', `${step.key[ORDER_KEY]} was deleted`) : undefined;
      case 'invocation-started':
        return this.#looks(step.requestId);
      case 'message-published':
        return this.#tells(step);
      default:
        return undefined;
    }
  }

  async atEnd(stack: LocalStack): Promise<Violation | undefined> {
    for (const [orderId, known] of this.#orders) {
      if (known.createdBy === undefined) continue;
      for (const status of known.facts.keys()) {
        if (!NOTIFIED.includes(status) || this.#told.has(`${orderId}#${status}`)) continue;
        // Whoever was passed by another status is not told of it.
        if (this.#isLost(orderId, status)) continue;
        const isPassed = [...known.facts.keys()].some((other) => (RANK[other] ?? 0) > (RANK[status] ?? 0));
        if (!isPassed) return violation('told', `the customer of ${orderId} was never told of ${status}`);
      }
    }
    const records = stack.deliveryStreams.flatMap((stream) =>
      stream.stored().map((object) => object.read().toString('utf8')),
    );
    // Neither the value, which is redacted a second time, nor the field; its name may be among those of a detail that no
    // contract describes.
    const personal = records.find((text) => MODEL.personal.test(text) || text.includes('"customerEmail":'));
    const recorded = new Set(
      records.flatMap((text) => [...text.matchAll(/^\{"eventId":"([^"]+)"/gm)].map(([, id]) => id)),
    );
    for (const lost of this.#view.lost('analytics')) {
      recorded.add((lost as OrderEvent | undefined)?.detail?.metadata?.eventId ?? '');
    }
    const unrecorded = [...this.#put].find((id) => !recorded.has(id));
    if (unrecorded !== undefined) return violation('records', `${unrecorded} is not in the analytics stream`);
    return personal === undefined ? undefined : violation('personal data', 'In the analytics stream.');
  }

  /** A fault kept the notifier from hearing of it. */
  #isLost(orderId: string, status: string): boolean {
    return this.#view.lost('notifier').some((payload) => {
      const { detail, ...change } = payload as OrderEvent & { orderId?: string; status?: string };
      const lost = detail ?? change;
      return lost.orderId === orderId && lost.status === status;
    });
  }

  /** Compares an item with the plain fold of the event that wrote it. */
  #stored({ trace, key, item }: TimedStep & { kind: 'item-written' }): Violation | undefined {
    const orderId = String(key[ORDER_KEY]);
    const requestId = this.#view.requestOfTrace(trace);
    const invocation = requestId === undefined ? undefined : this.#view.invocation(requestId);
    if (!invocation) return violation('table', `${orderId} was written by nobody`);
    const known = this.#orders.get(orderId) ?? { facts: new Map(), conflicts: new Set() };
    this.#orders.set(orderId, known);
    apply(known, invocation.payload as OrderEvent);
    const damaged = this.#view.damaged(orderId);
    const wrong = differences(known, item, damaged);
    return wrong.length === 0 ? undefined : violation('table', `${orderId}: ${wrong.join('; ')}`);
  }

  /** The order processor has handled an event: the table must know of it. */
  #isStored(requestId: string): Violation | undefined {
    const invocation = this.#view.invocation(requestId);
    if (invocation?.consumer !== 'order-processor') return undefined;
    const event = invocation.payload as OrderEvent;
    const orderId = event.detail?.orderId ?? '';
    const known = this.#orders.get(orderId);
    const text = (order: KnownOrder | undefined) =>
      order && JSON.stringify({ ...order, facts: [...order.facts], conflicts: [...order.conflicts] });
    const copy = known && { ...known, facts: new Map(known.facts), conflicts: new Set(known.conflicts) };
    if (copy) apply(copy, event);
    return known && text(copy) === text(known)
      ? undefined
      : violation('table', `${orderId}: ${event.detail?.metadata?.eventId} was handled, but not stored`);
  }

  /** The notifier begins: what the table contradicts now it must not tell. */
  #looks(requestId: string): undefined {
    const { orderId, status } = this.#changeOf(requestId) ?? {};
    const known = orderId === undefined ? undefined : this.#orders.get(orderId);
    if (!known || status === undefined) return;
    const isContradicted = [...known.facts.keys()].some(
      (other) => (RANK[other] ?? 0) > (RANK[status] ?? 0) || areApart(other, status),
    );
    if (isContradicted) this.#contradicted.add(requestId);
  }

  #tells(step: TimedStep & { kind: 'message-published' }): Violation | undefined {
    const requestId = this.#view.requestOfTrace(step.trace) ?? '';
    const change = this.#changeOf(requestId);
    if (!change) return undefined;
    const { orderId, status } = change;
    if (this.#contradicted.has(requestId)) {
      return violation('told wrongly', `${orderId} was told ${status}, which the table contradicted`);
    }
    const known = this.#orders.get(orderId);
    if (known?.createdBy === undefined) return violation('told wrongly', `${orderId} is not in the table`);
    const message = JSON.parse(step.body) as { email?: string; status?: string };
    if (message.email !== known.email || message.status !== status) {
      return violation('told wrongly', `${orderId}: ${step.body}, but its address is ${known.email}`);
    }
    const key = `${orderId}#${status}`;
    const before = this.#told.get(key);
    // A client that had no answer asks again, and what it asked first may be done even later.
    const isUnanswered = before?.trace === step.trace && this.#view.struck(requestId, UNANSWERED);
    if (before?.isRemembered && !isUnanswered)
      return violation('told twice', `${orderId} was told ${status} again`);
    if (before && before.trace === step.trace && !isUnanswered) {
      return violation('told twice', `${orderId} was told ${status} twice by one attempt`);
    }
    this.#told.set(key, { isRemembered: before?.isRemembered === true, trace: step.trace });
    return undefined;
  }

  #remembered(trace: string | undefined): void {
    const change = this.#changeOf(this.#view.requestOfTrace(trace) ?? '');
    const told = change && this.#told.get(`${change.orderId}#${change.status}`);
    if (told) told.isRemembered = true;
  }

  #changeOf(requestId: string): { orderId: string; status: string } | undefined {
    const invocation = this.#view.invocation(requestId);
    if (invocation?.consumer !== 'notifier') return undefined;
    const { orderId, status } = invocation.payload as { orderId?: string; status?: string };
    return orderId !== undefined && status !== undefined ? { orderId, status } : undefined;
  }
}

/** Faults after which a client publishes a message that was published. */
const UNANSWERED = ['sns:Publish answer-lost', 'sns:Publish late-answer', 'sns:Publish late-effect'];

function apply(known: KnownOrder, event: OrderEvent): void {
  const { status, customerEmail, total, metadata } = event.detail ?? {};
  const id = metadata?.eventId ?? '';
  if (event['detail-type'] === 'OrderCreated') {
    if (known.createdBy === undefined) {
      known.createdBy = id;
      known.email = customerEmail;
      if (total !== undefined) known.total = total;
    } else if (known.createdBy !== id) known.conflicts.add(`#${id}`);
    return;
  }
  if (status === undefined || known.conflicts.has(`${status}#${id}`)) return;
  const standing = known.facts.get(status);
  if (standing !== undefined) {
    if (id < standing) known.facts.set(status, id);
  } else if ([...known.facts.keys()].some((other) => areApart(other, status))) {
    known.conflicts.add(`${status}#${id}`);
  } else known.facts.set(status, id);
}

function differences(
  known: KnownOrder,
  item: Readonly<Record<string, unknown>>,
  damaged: readonly string[],
): string[] {
  const ranked = [...known.facts.keys()].sort((one, other) => (RANK[other] ?? 0) - (RANK[one] ?? 0));
  const expected: Record<string, unknown> = {
    status: ranked[0] ?? 'PENDING',
    createdBy: known.createdBy,
    customerEmail: known.email,
    total: known.total,
    revision: (known.createdBy === undefined ? 0 : 1) + known.facts.size + known.conflicts.size,
    conflicts: String([...known.conflicts].sort()),
    facts: String([...known.facts].map(([status, id]) => `${status}:${id}`).sort()),
  };
  if (damaged.some((name) => /^fact_|^conflicts$/.test(name))) return [];
  const conflicts = (item.conflicts ?? []) as { type: string; status?: string; by: string }[];
  const facts = Object.entries(item).filter(([name]) => name.startsWith('fact_'));
  const found: Record<string, unknown> = {
    ...item,
    conflicts: String(conflicts.map(({ status = '', by }) => `${status}#${by}`).sort()),
    facts: String(facts.map(([name, fact]) => `${name.slice(5)}:${(fact as { by: string }).by}`).sort()),
  };
  return Object.keys(expected)
    .filter((name) => found[name] !== expected[name] && !damaged.includes(name))
    .map((name) => `${name} is ${found[name]}, but must be ${expected[name]}`);
}

/** Damages of an item. The handlers must fail by the damaged attribute's name, and take nothing of it for true. */
const DAMAGES: readonly Damage[] = [
  { attribute: 'conflicts', value: { S: 'none' } },
  { attribute: 'revision', value: { S: 'three' } },
  { attribute: 'fact_CONFIRMED', value: { N: '1' } },
  { attribute: 'fact_SHIPPED', value: { S: '2026-01-15' } },
  { attribute: 'status', value: { S: 'LOST' } },
  { attribute: 'customerEmail', value: { N: '7' } },
].map((damage) => ({
  ...damage,
  isOf: (item) => 'revision' in item && ORDER_KEY in item,
  entityOf: (item) => (item[ORDER_KEY] as { S: string }).S,
}));

export const MODEL: Model = {
  app: APP,
  busName: 'event-driven-bus',
  publisher: 'bin/sim-publisher.ts',
  plan,
  personal: /@customers\.example/,
  next: NEXT_RELEASE,
  damages: DAMAGES,
  malformedPersonal: 'one, two@customers.example',
  checks: (view) => new OrderChecks(view),
  // The notifier waits for an order that nobody placed.
  isHopeless: (consumer, payload, planned) =>
    consumer === 'notifier' &&
    !planned.some(
      ({ type, detail }) =>
        type === OrderCreated.type &&
        (detail as { orderId: string }).orderId === (payload as { orderId?: string }).orderId,
    ),
};
