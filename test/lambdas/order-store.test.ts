import './environment';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import fc from 'fast-check';
import { CLIENT_CONFIG } from '../../lambdas/client-config';
import { ORDER_STATUSES, type OrderStatus, STATUS_TRANSITIONS } from '../../lambdas/events';
import { type Conflict, factAttribute, type OrderState, readOrderItem } from '../../lambdas/order-item';
import {
  foldCreation,
  foldStatus,
  INITIAL_STATUS,
  UnknownStatusError,
} from '../../lambdas/order-processor/fold';
import type { OrderEvent } from '../../lambdas/order-processor/order';
import { OrderRepository, type Stored } from '../../lambdas/order-processor/store';
import { StatusOrder } from '../../lambdas/status-order';
import { startDatabase, type TestDatabase } from './dynamodb';
import itemsBeforeFacts from './items-before-facts.json';

const NOW = '2026-02-01T12:00:00.000Z';

let database: TestDatabase;
beforeAll(async () => {
  database = await startDatabase();
});
afterAll(() => database.stop());

type Transitions = Readonly<Record<string, readonly string[]>>;

const storeWith = (transitions: Transitions = STATUS_TRANSITIONS) =>
  new OrderRepository(database.documents, 'orders', transitions);

async function itemOf(orderId: string): Promise<Record<string, unknown>> {
  const answer = await database.documents.send(new GetCommand({ TableName: 'orders', Key: { orderId } }));
  return answer.Item ?? {};
}

/** A fresh order for each run. */
let orders = 0;
const newOrderId = () => `order-${++orders}`;

const day = (n: number) => `2026-01-${String(n).padStart(2, '0')}T00:00:00.000Z`;

/** One event about an order, without the order. */
type Said =
  | { readonly creation: string; readonly total: number; readonly revision?: number | undefined }
  | {
      readonly status: string;
      readonly by: string;
      readonly day: number;
      readonly revision?: number | undefined;
    };

function eventOf(orderId: string, said: Said): OrderEvent {
  const revision = said.revision === undefined ? {} : { revision: said.revision };
  if ('status' in said) {
    const fact = { at: day(said.day), by: said.by, ...revision };
    return { orderId, kind: 'status', change: { status: said.status, fact } };
  }
  const { creation: by, total } = said;
  const creation = { customerId: `customer-of-${by}`, total, at: day(1), by, correlationId: by, ...revision };
  const { customerId, correlationId } = creation;
  const attributes = {
    ...{ customerId, total, correlationId, items: [] },
    ...{ createdAt: day(1), createdBy: by, createdRevision: said.revision, dayShard: '2026-01-01#0' },
    customerEmail: total % 2 === 0 ? `${by}@example.com` : undefined,
  };
  return { orderId, kind: 'created', creation, attributes };
}

/** Stores what was said of a fresh order, in turn or at once. */
async function itemAfter(
  said: readonly Said[],
  { store = storeWith(), atOnce = false, orderId = newOrderId() } = {},
): Promise<{ item: Record<string, unknown>; results: Stored[] }> {
  const results: Stored[] = [];
  const one = async (each: Said) => {
    results.push(await store.store(eventOf(orderId, each), { processedAt: NOW }));
  };
  if (atOnce) await Promise.all(said.map(one));
  else for (const each of said) await one(each);
  return { item: { ...(await itemOf(orderId)), orderId: 'the order' }, results };
}

/** Everything that can be said of an order, at most once each: clocks and revisions as they please. */
const anything = fc
  .tuple(
    fc.array(fc.record({ total: fc.nat(9), revision: fc.option(fc.nat(2), { nil: undefined }) }), {
      maxLength: 3,
    }),
    fc.array(
      fc.record({
        status: fc.constantFrom(...ORDER_STATUSES),
        day: fc.integer({ min: 1, max: 3 }),
        revision: fc.option(fc.nat(2), { nil: undefined }),
      }),
      { maxLength: 6 },
    ),
  )
  .map(([creations, changes]): Said[] => [
    ...creations.map((each, n) => ({ ...each, creation: `c${n}` })),
    ...changes.map((each, n) => ({ ...each, by: `s${n}` })),
  ])
  .filter((said) => said.length > 0);

/** The same in two orders of arrival, the second with repetitions. */
const twoArrivals = (said: fc.Arbitrary<Said[]>) =>
  said.chain((all) =>
    fc
      .array(fc.constantFrom(...all), { maxLength: 4 })
      .chain((again) =>
        fc.tuple(
          fc.constant(all),
          fc.shuffledSubarray([...all, ...again], { minLength: all.length + again.length }),
        ),
      ),
  );

/** Whether no two of them contradict each other. */
function isConsistent(said: readonly Said[], order = new StatusOrder(STATUS_TRANSITIONS)): boolean {
  const statuses = said.flatMap((each) => ('status' in each ? each.status : []));
  const creations = said.filter((each) => 'creation' in each);
  return (
    creations.length < 2 && !statuses.some((one) => statuses.some((other) => order.areApart(one, other)))
  );
}

const keyOf = (conflict: Conflict) =>
  'status' in conflict ? `${conflict.status} ${conflict.by}` : conflict.by;

/** Statuses and creations that the item has, those that lost included. */
function saidBy(item: Record<string, unknown>): { statuses: Set<string>; creations: Set<string> } {
  const { creation, facts, conflicts } = readOrderItem(item);
  const lost = conflicts.map((conflict) => ('status' in conflict ? conflict.status : undefined));
  return {
    statuses: new Set([...Object.keys(facts), ...lost.filter((status) => status !== undefined)]),
    creations: new Set([
      ...(creation ? [creation.by] : []),
      ...conflicts.filter(({ type }) => type === 'OrderCreated').map(keyOf),
    ]),
  };
}

describe('any order of arrival, with any repetitions, at once or in turn', () => {
  test('of what is consistent ends in the same item', async () => {
    await fc.assert(
      fc.asyncProperty(
        twoArrivals(anything.filter((said) => isConsistent(said))),
        fc.boolean(),
        async ([said, again], atOnce) => {
          const { item } = await itemAfter(said);
          expect((await itemAfter(again, { atOnce })).item).toEqual(item);
          expect(item).not.toHaveProperty('conflicts');
        },
      ),
      { numRuns: 60 },
    );
  });

  test('of what contradicts itself keeps all of it, on one branch or as a conflict that was told', async () => {
    const order = new StatusOrder(STATUS_TRANSITIONS);
    await fc.assert(
      fc.asyncProperty(
        twoArrivals(anything.filter((said) => !isConsistent(said))),
        fc.boolean(),
        async ([said, again], atOnce) => {
          for (const arriving of [said, again]) {
            const { item, results } = await itemAfter(arriving, { atOnce });
            expect(saidBy(item)).toEqual({
              statuses: new Set(said.flatMap((each) => ('status' in each ? each.status : []))),
              creations: new Set(said.flatMap((each) => ('creation' in each ? each.creation : []))),
            });
            const { facts, conflicts, status } = readOrderItem(item);
            const statuses = Object.keys(facts);
            expect(status).toBe(order.furthest(statuses) ?? INITIAL_STATUS);
            expect(statuses.some((one) => statuses.some((other) => order.areApart(one, other)))).toBe(false);
            expect(results.filter(({ outcome }) => outcome === 'conflict')).toHaveLength(conflicts.length);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('counts the order once, and gives it a revision for each thing that is known', async () => {
    await fc.assert(
      fc.asyncProperty(twoArrivals(anything), fc.boolean(), async ([said, again], atOnce) => {
        const { item, results } = await itemAfter(again, { atOnce });
        const isCreated = said.some((each) => 'creation' in each);
        expect(results.filter(({ isNewOrder }) => isNewOrder)).toHaveLength(isCreated ? 1 : 0);
        const { creation, facts, conflicts, revision } = readOrderItem(item);
        expect(revision).toBe((creation ? 1 : 0) + Object.keys(facts).length + conflicts.length);
      }),
      { numRuns: 40 },
    );
  });

  test('writes what the rules say, though an event in order is written without a look at the item', async () => {
    const order = new StatusOrder(STATUS_TRANSITIONS);
    await fc.assert(
      fc.asyncProperty(anything, async (said) => {
        const expected = said.reduce<OrderState>(
          (state, each) => {
            const event = eventOf('', each);
            return event.kind === 'created'
              ? foldCreation(state, event.creation).state
              : foldStatus(state, event.change, order).state;
          },
          { facts: {}, conflicts: [], revision: 0 },
        );
        expect(readOrderItem((await itemAfter(said)).item)).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  test('of every legal history, with any clocks, ends in its last status', async () => {
    /** A walk along the transitions. */
    const history = fc.array(fc.nat(2), { maxLength: 4 }).map((choices) => {
      const walk: OrderStatus[] = ['PENDING'];
      for (const choice of choices) {
        const next = STATUS_TRANSITIONS[walk.at(-1) as OrderStatus];
        if (next.length > 0) walk.push(next[choice % next.length] as OrderStatus);
      }
      return walk;
    });
    const walks = history.chain((walk) =>
      fc.tuple(fc.constant(walk), fc.shuffledSubarray(walk, { minLength: walk.length })),
    );
    const days = fc.infiniteStream(fc.integer({ min: 1, max: 28 }));
    await fc.assert(
      fc.asyncProperty(walks, days, async ([walk, arriving], clock) => {
        const said = arriving.map((status) => ({ status, by: status, day: clock.next().value }));
        expect((await itemAfter(said)).item).toMatchObject({ status: walk.at(-1) });
      }),
      { numRuns: 40 },
    );
  });
});

describe('one event that comes in order', () => {
  test('is one call of the table', async () => {
    const calls: string[] = [];
    const client = database.documents;
    const send = jest.spyOn(client, 'send');
    try {
      const said = ['CONFIRMED', 'SHIPPED', 'DELIVERED'].map((status, n) => ({
        status,
        by: status,
        day: 3 - n,
      }));
      await storeWith().store(eventOf('in-order', { creation: 'c', total: 1 }), { processedAt: NOW });
      for (const each of said) await storeWith().store(eventOf('in-order', each), { processedAt: NOW });
      calls.push(...send.mock.calls.map(([command]) => command.constructor.name));
    } finally {
      send.mockRestore();
    }
    expect(calls).toEqual(Array.from({ length: 4 }, () => 'UpdateItemCommand'));
  });
});

describe('an answer of the table that is lost', () => {
  /** A store whose first UpdateItem is done, but answered with an error that the SDK tries again. */
  function storeThatLosesAnAnswer(): OrderRepository {
    const client = new DynamoDBClient({
      ...CLIENT_CONFIG,
      endpoint: database.client.config.endpoint as never,
    });
    let lost = 0;
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const answer = await next(args);
          if (commandName !== 'UpdateItemCommand' || lost++ > 0) return answer;
          throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError', code: 'ECONNRESET' });
        },
      { step: 'deserialize', name: 'lose-an-answer', priority: 'high' },
    );
    return new OrderRepository(DynamoDBDocumentClient.from(client), 'orders');
  }

  test('does not lose the count of the order', async () => {
    const said = { creation: 'c', total: 1 };
    const { item, results } = await itemAfter([said], { store: storeThatLosesAnAnswer() });
    expect(results).toMatchObject([{ outcome: 'stored', isNewOrder: true }]);
    expect(item).toMatchObject({ createdBy: 'c', revision: 1 });
  });

  test('does not count an order that another delivery made', async () => {
    const orderId = newOrderId();
    const event = eventOf(orderId, { creation: 'c', total: 1 });
    await storeWith().store(event, { processedAt: '2026-01-01T00:00:00.000Z' });
    expect(await storeThatLosesAnAnswer().store(event, { processedAt: NOW })).toMatchObject({
      outcome: 'duplicate',
      isNewOrder: false,
    });
  });
});

describe('a state machine that has changed', () => {
  /** Transitions as they might become: PACKED between CONFIRMED and SHIPPED, RETURNED after DELIVERED. */
  const CHANGED: Transitions = {
    PENDING: ['CONFIRMED', 'CANCELLED'],
    CONFIRMED: ['PACKED', 'CANCELLED'],
    PACKED: ['SHIPPED', 'CANCELLED'],
    SHIPPED: ['DELIVERED'],
    DELIVERED: ['RETURNED'],
    RETURNED: [],
    CANCELLED: [],
  };
  const changed = () => storeWith(CHANGED);

  test('takes an order on from where the one before left it, and never back', async () => {
    const orderId = newOrderId();
    const said = (status: string) => ({ status, by: status, day: 1 });
    await itemAfter([{ creation: 'c', total: 1 }, said('SHIPPED')], { orderId });
    const { item, results } = await itemAfter([said('PACKED'), said('CANCELLED'), said('DELIVERED')], {
      orderId,
      store: changed(),
    });
    expect(results.map(({ outcome }) => outcome)).toEqual(['superseded', 'conflict', 'stored']);
    expect(item).toMatchObject({ status: 'DELIVERED', conflicts: [{ status: 'CANCELLED' }] });
  });

  test('knows its own events again, and those of the one before', async () => {
    const orderId = newOrderId();
    const all = [
      { creation: 'c', total: 1 },
      { status: 'SHIPPED', by: 's', day: 1 },
    ];
    const { item } = await itemAfter(all, { orderId });
    const again = await itemAfter(all, { orderId, store: changed() });
    expect(again.results.map(({ outcome }) => outcome)).toEqual(['duplicate', 'duplicate']);
    expect(again.item).toEqual(item);
  });

  test('that leads on from more statuses ends where it would have, had it been there from the start', async () => {
    const NAMES = ['PENDING', 'A', 'B', 'C', 'D', 'E'];
    const machines = fc
      .record({
        edges: fc.array(fc.boolean(), { minLength: 15, maxLength: 15 }),
        unknownBefore: fc.constantFrom('A', 'B', 'C', 'D'),
      })
      .map(({ edges, unknownBefore }) => {
        const pairs = NAMES.flatMap((from, i) => NAMES.slice(i + 1).map((to) => [from, to] as const));
        const led = pairs.filter(([from], n) => from === 'PENDING' || edges[n]);
        const after = Object.fromEntries(
          NAMES.map((name) => [name, led.filter(([from]) => from === name).map(([, to]) => to)]),
        );
        const order = new StatusOrder(after);
        const known = NAMES.filter((name) => name !== unknownBefore);
        // The one before: the same order without one of the statuses.
        const before = Object.fromEntries(
          known.map((name) => [name, known.filter((other) => order.isBefore(name, other))]),
        );
        return { before, after, unknownBefore };
      });
    const said = fc.array(fc.record({ status: fc.constantFrom(...NAMES), day: fc.nat(27) }), {
      minLength: 1,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(
        machines,
        said,
        fc.nat(5),
        async ({ before, after, unknownBefore }, changes, since) => {
          const all = changes.map(({ status, day: n }, index) => ({ status, by: `s${index}`, day: n + 1 }));
          fc.pre(isConsistent(all, new StatusOrder(after)));
          const early = all.slice(0, since).filter(({ status }) => status !== unknownBefore);
          const late = all.filter((each) => !early.includes(each));
          const orderId = newOrderId();
          await itemAfter(early, { orderId, store: storeWith(before) });
          const { item } = await itemAfter(late, { orderId, store: storeWith(after) });
          expect(item).toEqual((await itemAfter(all, { store: storeWith(after) })).item);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('that does not know the status an order has fails, rather than guess', async () => {
    const orderId = newOrderId();
    await itemAfter([{ status: 'PACKED', by: 's1', day: 1 }], { orderId, store: changed() });
    const before = await itemOf(orderId);
    for (const status of ['CONFIRMED', 'SHIPPED']) {
      const event = eventOf(orderId, { status, by: status, day: 1 });
      await expect(storeWith().store(event, { processedAt: NOW })).rejects.toThrow(UnknownStatusError);
    }
    expect(await itemOf(orderId)).toEqual(before);
  });
});

describe('an item written before there were facts', () => {
  interface Given {
    readonly name: string;
    readonly events: readonly { readonly eventId: string; readonly status?: string }[];
    readonly item: Readonly<Record<string, unknown>> & {
      readonly orderId: string;
      readonly status: string;
      readonly updatedAt?: string;
      readonly createdVersion?: string;
      readonly statusVersion: string;
    };
  }
  const given: readonly Given[] = itemsBeforeFacts;
  const eventsOf = ({ events }: Given): Said[] =>
    events.map(({ eventId, status }) =>
      status === undefined ? { creation: eventId, total: 10 } : { status, by: eventId, day: 16 },
    );

  describe.each(given.map((each) => [each.name, each] as const))('%s', (_, old) => {
    const { item } = old;
    const orderId = item.orderId;
    beforeEach(() => database.documents.send(new PutCommand({ TableName: 'orders', Item: item })));

    test('is read as the facts that stand in it', () => {
      const { creation, facts, status, revision } = readOrderItem(item);
      const last = old.events.find((each) => each.status === item.status);
      expect(status).toBe(item.status);
      expect(creation?.by).toBe(item.createdVersion?.slice('2026-01-15T10:00:00.000Z#'.length));
      expect(facts).toEqual(last?.status ? { [last.status]: { at: item.updatedAt, by: last.eventId } } : {});
      expect(revision).toBe((creation ? 1 : 0) + Object.keys(facts).length);
    });

    test('knows the events it was made of again: a replay changes neither status nor count', async () => {
      const { item: after, results } = await itemAfter(eventsOf(old), { orderId });
      expect(results.filter(({ isNewOrder }) => isNewOrder)).toEqual([]);
      expect(after.status).toBe(item.status);
      expect(new Set(results.map(({ outcome }) => outcome))).not.toContain('stored');
    });

    test('goes on as one that was written with its facts', async () => {
      const order = new StatusOrder(STATUS_TRANSITIONS);
      for (const status of ORDER_STATUSES.slice(1)) {
        await database.documents.send(new PutCommand({ TableName: 'orders', Item: item }));
        const before = readOrderItem(item);
        const from = item.status;
        const event = { status, by: 'new', day: 20 };
        const { item: after } = await itemAfter([event, { creation: 'c1', total: 10 }], { orderId });
        const stays = !order.isBefore(from, status);
        expect([status, after.status]).toEqual([status, stays ? from : status]);
        const contradicts = order.areApart(from, status);
        expect(readOrderItem(after).conflicts.some((conflict) => 'status' in conflict)).toBe(contradicts);
        if (!contradicts) expect(after).toHaveProperty(factAttribute(status));
        if (item.statusVersion !== '0') expect(after).toHaveProperty(factAttribute(from));
        expect(after).not.toHaveProperty('statusVersion');
        expect(after).not.toHaveProperty('createdVersion');
        expect(after.createdBy).toBe(before.creation?.by ?? 'c1');
        expect(after.revision).toBe(
          (after.createdBy ? 1 : 0) +
            Object.keys(readOrderItem(after).facts).length +
            readOrderItem(after).conflicts.length,
        );
      }
    });
  });

  test('and written once more by the code before, while this is deployed, is read with both', () => {
    const item = {
      ...{ orderId: 'o', status: 'SHIPPED', updatedAt: day(2), statusVersion: `2#${day(2)}#s2`, revision: 2 },
      ...{ createdBy: 'c', createdAt: day(1), fact_CONFIRMED: { at: day(1), by: 's1' } },
    };
    expect(readOrderItem(item)).toMatchObject({
      status: 'SHIPPED',
      facts: { CONFIRMED: { by: 's1' }, SHIPPED: { at: day(2), by: 's2' } },
    });
  });
});
