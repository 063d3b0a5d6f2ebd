/** Checks of the order model in a simulation: each violation that a run may show, by the steps that show it. */
import { MODEL } from '../../bin/order-model';
import { MUTANTS } from '../../bin/order-mutants';
import type { LocalStack } from '../../tools/local/stack';
import type { TimedStep } from '../../tools/local/steps';
import type { RunView } from '../../tools/sim/model';
import { synthesize } from '../lib/synthesize';

interface World {
  readonly invocations: Record<string, { consumer: string; payload: unknown }>;
  readonly lost: Record<string, readonly unknown[]>;
  readonly struck: boolean;
  readonly damaged: readonly string[];
}

/** The request of a trace has the trace's name. */
function checksOf({ invocations = {}, lost = {}, struck = false, damaged = [] }: Partial<World>) {
  const view: RunView = {
    invocation: (requestId) => invocations[requestId],
    requestOfTrace: (trace) => trace,
    struck: () => struck,
    damaged: () => damaged,
    lost: (consumer) => lost[consumer] ?? [],
  };
  const checks = MODEL.checks(view);
  /** @returns the first violation, as `invariant: message` */
  const see = (...steps: object[]): string | undefined => {
    for (const step of steps) {
      const found = checks.onStep(step as TimedStep);
      if (found) return `${found.invariant}: ${found.message}`;
    }
    return undefined;
  };
  const end = async (...records: string[]): Promise<string | undefined> => {
    const stored = () => records.map((text) => ({ read: () => Buffer.from(text) }));
    const found = await checks.atEnd({ deliveryStreams: [{ stored }] } as unknown as LocalStack);
    return found && `${found.invariant}: ${found.message}`;
  };
  return { see, end };
}

const EMAIL = 'c1@customers.example';
const created = (id = 'order-1-e1') => ({
  consumer: 'order-processor',
  payload: {
    'detail-type': 'OrderCreated',
    detail: { orderId: 'order-1', total: 7, customerEmail: EMAIL, metadata: { eventId: id } },
  },
});
const moved = (status: string, id = 'order-1-e2') => ({
  consumer: 'order-processor',
  payload: {
    'detail-type': 'OrderStatusChanged',
    detail: { orderId: 'order-1', status, metadata: { eventId: id } },
  },
});
const told = (status: string) => ({ consumer: 'notifier', payload: { orderId: 'order-1', status } });
const item = (more: object = {}) => ({
  ...{ status: 'PENDING', createdBy: 'order-1-e1', customerEmail: EMAIL, total: 7, revision: 1 },
  ...more,
});
const written = (trace: string | undefined, fields: object) => ({
  ...{ kind: 'item-written', trace, key: { orderId: 'order-1' }, item: fields },
});
const shipped = item({ status: 'SHIPPED', revision: 2, fact_SHIPPED: { by: 'order-1-e2' } });
const message = (trace: string, status: string, email = EMAIL) => ({
  ...{ kind: 'message-published', trace, body: JSON.stringify({ email, status }) },
});
const begins = (requestId: string) => ({ kind: 'invocation-started', requestId });
const remembered = (trace: string) => ({
  ...{ kind: 'item-written', trace, key: { id: 'x' }, item: { status: 'COMPLETED' } },
});

const invocations = {
  create: created(),
  again: created('order-1-e9'),
  ship: moved('SHIPPED'),
  cancel: moved('CANCELLED', 'order-1-e3'),
  deliver: moved('DELIVERED', 'order-1-e4'),
  tell: told('SHIPPED'),
  tellAgain: told('SHIPPED'),
  other: { consumer: 'analytics', payload: {} },
  empty: { consumer: 'notifier', payload: {} },
  strange: { consumer: 'order-processor', payload: {} },
};
const placedAndShipped = [written('create', item()), written('ship', shipped)];

test('an order that is placed, shipped and told of once is as it must be', async () => {
  const { see, end } = checksOf({ invocations });
  expect(
    see(
      { kind: 'event-put', event: created().payload },
      ...placedAndShipped,
      { kind: 'invocation-succeeded', requestId: 'ship' },
      { kind: 'invocation-succeeded', requestId: 'other' },
      ...[begins('tell'), message('tell', 'SHIPPED'), remembered('tell'), remembered('other')],
      { kind: 'item-deleted', key: { id: 'x' } },
      { kind: 'something-else' },
    ),
  ).toBeUndefined();
  expect(await end('{"eventId":"order-1-e1"}\n')).toBeUndefined();
});

test.each<[string, readonly object[], string]>([
  [
    'an order is deleted',
    [{ kind: 'item-deleted', key: { orderId: 'order-1' } }],
    'table: order-1 was deleted',
  ],
  ['nobody wrote it', [written(undefined, item())], 'table: order-1 was written by nobody'],
  ['an unknown request wrote it', [written('nobody', item())], 'table: order-1 was written by nobody'],
  [
    'its total is another',
    [written('create', item({ total: 8 }))],
    'table: order-1: total is 8, but must be 7',
  ],
  [
    'a contradiction is stored as a fact',
    [
      ...placedAndShipped,
      written('cancel', { ...shipped, revision: 3, fact_CANCELLED: { by: 'order-1-e3' } }),
    ],
    'table: order-1: conflicts is , but must be CANCELLED#order-1-e3; facts is CANCELLED:order-1-e3,SHIPPED:order-1-e2, but must be SHIPPED:order-1-e2',
  ],
  [
    'what was handled is not stored',
    [written('create', item()), { kind: 'invocation-succeeded', requestId: 'ship' }],
    'table: order-1: order-1-e2 was handled, but not stored',
  ],
  [
    'an event without an order is handled',
    [{ kind: 'invocation-succeeded', requestId: 'strange' }],
    'table: : undefined was handled, but not stored',
  ],
  [
    'the order is not there',
    [begins('tell'), message('tell', 'SHIPPED')],
    'told wrongly: order-1 is not in the table',
  ],
  [
    'the address is another',
    [...placedAndShipped, begins('tell'), message('tell', 'SHIPPED', 'x@y.example')],
    `told wrongly: order-1: {"email":"x@y.example","status":"SHIPPED"}, but its address is ${EMAIL}`,
  ],
  [
    'the table contradicts it',
    [
      ...placedAndShipped,
      written(
        'deliver',
        item({
          ...{ status: 'DELIVERED', revision: 3 },
          ...{ fact_SHIPPED: { by: 'order-1-e2' }, fact_DELIVERED: { by: 'order-1-e4' } },
        }),
      ),
      ...[begins('tell'), message('tell', 'SHIPPED')],
    ],
    'told wrongly: order-1 was told SHIPPED, which the table contradicted',
  ],
  [
    'it was remembered before',
    [...placedAndShipped, message('tell', 'SHIPPED'), remembered('tell'), message('tellAgain', 'SHIPPED')],
    'told twice: order-1 was told SHIPPED again',
  ],
  [
    'one attempt tells it twice',
    [...placedAndShipped, message('tell', 'SHIPPED'), message('tell', 'SHIPPED')],
    'told twice: order-1 was told SHIPPED twice by one attempt',
  ],
])('a run fails when %s', (_, steps, violation) => {
  expect(checksOf({ invocations }).see(...steps)).toBe(violation);
});

test.each<[string, Partial<World>, readonly object[]]>([
  [
    'asks again for want of an answer',
    { struck: true },
    [...placedAndShipped, message('tell', 'SHIPPED'), message('tell', 'SHIPPED')],
  ],
  [
    'tells by another attempt what was not remembered',
    {},
    [...placedAndShipped, message('tell', 'SHIPPED'), message('tellAgain', 'SHIPPED')],
  ],
  ['finds a damaged total', { damaged: ['total'] }, [written('create', item({ total: 'many' }))]],
  ['finds damaged facts', { damaged: ['fact_SHIPPED'] }, [written('create', item({ total: 'many' }))]],
  ['publishes what is no notification', {}, [message('other', 'SHIPPED'), message('empty', 'SHIPPED')]],
  [
    'keeps the second placing as a conflict',
    {},
    [
      written('create', item()),
      written('again', item({ revision: 2, conflicts: [{ type: 'OrderCreated', by: 'order-1-e9' }] })),
    ],
  ],
  [
    'puts an event of another kind',
    {},
    [
      { kind: 'event-put', event: {} },
      { kind: 'event-put', event: { detail: { metadata: { eventId: 'daily' } } } },
    ],
  ],
])('a run holds that %s', (_, world, steps) => {
  expect(checksOf({ invocations, ...world }).see(...steps)).toBeUndefined();
});

describe('at the end', () => {
  const put = { kind: 'event-put', event: created().payload };

  test('each event is in the stream, unless a fault kept it from there', async () => {
    const missing = checksOf({ invocations });
    missing.see(put);
    expect(await missing.end()).toBe('records: order-1-e1 is not in the analytics stream');
    const lost = checksOf({ invocations, lost: { analytics: [undefined, created().payload] } });
    lost.see(put);
    expect(await lost.end()).toBeUndefined();
  });

  test.each([EMAIL, '{"customerEmail":"x"}'])('no record has personal data: %s', async (text) => {
    expect(await checksOf({}).end(text)).toBe('personal data: In the analytics stream.');
  });

  test.each<[string, readonly unknown[], string | undefined]>([
    ['nobody', [], 'told: the customer of order-1 was never told of SHIPPED'],
    ['a fault, of the event', [moved('SHIPPED').payload], undefined],
    ['a fault, of what the rule makes of it', [told('SHIPPED').payload], undefined],
    [
      'a fault, of another order',
      [{ orderId: 'order-2', status: 'SHIPPED' }],
      'told: the customer of order-1 was never told of SHIPPED',
    ],
  ])('a customer was not told because of %s', async (_, notifier, violation) => {
    const checks = checksOf({ invocations, lost: { notifier } });
    checks.see(...placedAndShipped);
    expect(await checks.end()).toBe(violation);
  });

  test('of a status that another has passed nobody need be told, nor of an order that was never placed', async () => {
    const delivered = item({
      ...{ status: 'DELIVERED', revision: 3 },
      ...{ fact_SHIPPED: { by: 'order-1-e2' }, fact_DELIVERED: { by: 'order-1-e4' } },
    });
    const checks = checksOf({
      invocations,
      lost: { notifier: [{ orderId: 'order-1', status: 'DELIVERED' }] },
    });
    checks.see(...placedAndShipped, written('deliver', delivered));
    expect(await checks.end()).toBeUndefined();
    const unplaced = checksOf({ invocations });
    unplaced.see(written('ship', { status: 'SHIPPED', revision: 1, fact_SHIPPED: { by: 'order-1-e2' } }));
    expect(await unplaced.end()).toBeUndefined();
  });
});

test('each mistake in the template changes this stack, and says of another one that it changes nothing', () => {
  const template = synthesize('production').toJSON();
  const changes = MUTANTS.flatMap(({ name, change }) =>
    typeof change === 'function' ? [{ name, change }] : [],
  );
  expect(changes.length).toBeGreaterThan(0);
  for (const { name, change } of changes) {
    const { Resources } = structuredClone(template);
    expect([name, change(Resources)]).toEqual([name, true]);
    expect([name, JSON.stringify(Resources)]).not.toEqual([name, JSON.stringify(template.Resources)]);
    expect([name, change({})]).toEqual([name, false]);
  }
});
