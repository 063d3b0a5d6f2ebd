import fc from 'fast-check';
import * as v from 'valibot';
import { EventContract, PoisonEventError, parseEnvelope, Timestamp } from '../../lambdas/contract';
import {
  CONTRACTS,
  DailyReportGenerated,
  findContract,
  NOTIFIED_STATUSES,
  ORDER_STATUSES,
  OrderCreated,
  OrderStatusChanged,
  STATUS_TRANSITIONS,
} from '../../lambdas/events';
import { NOTIFICATION_INPUT_PATHS, NOTIFICATION_INPUT_TEMPLATE } from '../../lambdas/notification';
import minimalCreated from '../../samples/events/minimal-order-created.json';
import created from '../../samples/events/order-created.json';

const envelope = { ...minimalCreated };

/** A contract's example as it arrives. */
const delivered = (contract: (typeof CONTRACTS)[number]) => ({
  ...envelope,
  source: contract.source,
  'detail-type': contract.detailType,
  detail: contract.create(contract.example as never, { eventId: 'event-1' }),
});

/** An OrderCreated with some fields changed; undefined removes one. */
const orderCreated = (change: Record<string, unknown>) => ({
  ...created,
  detail: JSON.parse(JSON.stringify({ ...created.detail, ...change })),
});
const refusalOf = (parse: () => unknown): PoisonEventError => {
  try {
    parse();
  } catch (error) {
    if (error instanceof PoisonEventError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};

describe.each(CONTRACTS.map((contract) => [contract.type, contract] as const))('%s', (_, contract) => {
  test('reads its own example as it was published', () => {
    expect(contract.parse(delivered(contract))).toEqual({
      id: envelope.id,
      source: contract.source,
      detailType: contract.detailType,
      time: '2026-01-15T09:59:58.000Z',
      metadata: { eventId: 'event-1', version: contract.version, correlationId: 'event-1' },
      detail: contract.example,
    });
  });

  test('has the pattern by which its events are found', () => {
    expect(contract.pattern).toEqual({ source: [contract.source], 'detail-type': [contract.detailType] });
    expect(findContract(contract.source, contract.detailType)).toBe(contract);
  });

  test('refuses the version after its own, by name', () => {
    const event = delivered(contract);
    const next = { ...event, detail: { ...event.detail, metadata: { version: contract.version + 1 } } };
    expect(refusalOf(() => contract.parse(next)).message).toBe(
      `${contract.type}: detail.metadata.version: is 2, newer than 1, the newest version that this code reads: ` +
        'deploy first, then redrive.',
    );
  });

  test('neither makes nor reads an empty detail', () => {
    expect(refusalOf(() => contract.create({} as never)).message).toMatch(/received nothing\.$/);
    expect(refusalOf(() => contract.parse({ ...delivered(contract), detail: {} })).message).toMatch(
      /nothing\.$/,
    );
  });

  test('says of every field that is of a wrong type which it is, what is expected and what was received', () => {
    const fields = Object.keys(contract.example).filter((field) => !contract.lenient.includes(field));
    for (const field of fields) {
      const event = delivered(contract);
      const broken = { ...event, detail: { ...event.detail, [field]: false } };
      const { message } = refusalOf(() => contract.parse(broken));
      expect(message).toMatch(
        new RegExp(`^${contract.type}: detail\\.${field}: expected .+, received .+\\.$`),
      );
    }
  });

  test('keeps fields of later publishers out of what handlers see', () => {
    const event = delivered(contract);
    const { detail } = contract.parse({ ...event, detail: { ...event.detail, later: 1 } });
    expect(detail).not.toHaveProperty('later');
  });
});

describe('what a publisher may leave out', () => {
  test('the example of the put-events command is an order without items, created at the time of its event', () => {
    expect(OrderCreated.parse(minimalCreated)).toEqual({
      id: minimalCreated.id,
      source: 'app.orders',
      detailType: 'OrderCreated',
      time: '2026-01-15T09:59:58.000Z',
      metadata: { eventId: minimalCreated.id, version: 1, correlationId: minimalCreated.id },
      detail: {
        orderId: '123',
        customerId: '456',
        total: 99.99,
        items: [],
        createdAt: '2026-01-15T09:59:58.000Z',
      },
    });
  });

  test('a status change and a report took place at the time of their events', () => {
    const change = {
      ...envelope,
      'detail-type': 'OrderStatusChanged',
      detail: { orderId: '1', status: 'SHIPPED' },
    };
    expect(OrderStatusChanged.parse(change).detail.updatedAt).toBe('2026-01-15T09:59:58.000Z');
    const { generatedAt, ...report } = DailyReportGenerated.example;
    expect(generatedAt).toBeDefined();
    const event = { ...delivered(DailyReportGenerated), detail: report };
    expect(DailyReportGenerated.parse(event).detail.generatedAt).toBe('2026-01-15T09:59:58.000Z');
  });

  test('the correlation id is the event id, given or not', () => {
    const metadataOf = (metadata: object) => OrderCreated.parse(orderCreated({ metadata })).metadata;
    expect(metadataOf({})).toEqual({ eventId: created.id, version: 1, correlationId: created.id });
    expect(metadataOf({ eventId: 'e' })).toEqual({ eventId: 'e', version: 1, correlationId: 'e' });
    expect(metadataOf({ eventId: 'e', correlationId: 'k', causationId: 'c', more: 1 })).toEqual({
      eventId: 'e',
      version: 1,
      correlationId: 'k',
      causationId: 'c',
    });
  });
});

describe('timestamps', () => {
  const createdAt = (text: unknown) => OrderCreated.parse(orderCreated({ createdAt: text })).detail.createdAt;

  test('of one instant have one spelling, so that they compare as text', () => {
    for (const text of ['2026-01-15T10:00:00Z', '2026-01-15T12:30:00+02:30', '2026-01-15T09:00:00.000-01:00'])
      expect(createdAt(text)).toBe('2026-01-15T10:00:00.000Z');
  });

  test('compare as text as they compare in time', () => {
    const instants = fc.date({
      min: new Date('0000-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(instants, instants, (one, other) => {
        expect(createdAt(one.toISOString()) < createdAt(other.toISOString())).toBe(one < other);
      }),
    );
  });

  test.each([
    ['15 January 2026'],
    ['2026-01-15'],
    ['2026-01-15T10:00:00'],
    ['2026-02-30T10:00:00Z'],
    ['2025-02-29T10:00:00Z'],
    ['2026-13-01T10:00:00Z'],
    ['9999-12-31T23:59:59-01:00'],
    [''],
    [1768471200],
    [null],
  ])('%p is none', (text) => {
    expect(refusalOf(() => createdAt(text))).toMatchObject({ field: 'detail.createdAt' });
  });
});

describe('what an order may be', () => {
  test.each<[string, Record<string, unknown>]>([
    ['an id of 128 characters', { orderId: 'a'.repeat(128) }],
    ['an id with punctuation', { orderId: 'shop/2026:01#7_a.b-c' }],
    ['an address with an apostrophe', { customerEmail: "pat.o'hara+news@mail.example.co.uk" }],
    ['an address of another alphabet', { customerEmail: 'jörg@exämple.de' }],
    ['no address', { customerEmail: undefined }],
    ['a nested key constructor', { items: [{ a: { constructor: { prototype: 1 } } }] }],
    ['a total of 0', { total: 0 }],
    ['items of any shape', { items: [{ a: [{ b: null }], c: 'x', d: -1.5e-7 }, {}] }],
  ])('%s', (_, change) => {
    expect(() => OrderCreated.parse(orderCreated(change))).not.toThrow();
  });

  const nested = (levels: number): unknown => (levels === 0 ? 0 : { a: nested(levels - 1) });
  test.each<[string, string, Record<string, unknown>]>([
    ['an empty id', 'orderId', { orderId: '' }],
    ['an id that a template cannot quote', 'orderId', { orderId: 'a"b' }],
    ['an id with a blank', 'orderId', { orderId: 'a b' }],
    ['an id that is an address', 'orderId', { orderId: 'jane@example.com' }],
    ['an id of 129 characters', 'orderId', { orderId: 'a'.repeat(129) }],
    ['an empty customer id', 'customerId', { customerId: '' }],
    ['a customer id of 257 characters', 'customerId', { customerId: 'a'.repeat(257) }],
    ['a negative total', 'total', { total: -0.01 }],
    ['a total as text', 'total', { total: '99.99' }],
    ['a total over what JavaScript counts exactly', 'total', { total: 2 ** 53 }],
    ['a total under what the table keeps', 'total', { total: 1e-200 }],
    ['items that are an object', 'items', { items: {} }],
    ['items that are texts', 'items.0', { items: ['book'] }],
    ['items that are arrays', 'items.0', { items: [['book']] }],
    ['items with a key __proto__', 'items', { items: [{ a: JSON.parse('{"__proto__": {"b": 1}}') }] }],
    ['items with an empty key', 'items', { items: [{ '': 1 }] }],
    ['items with half a surrogate pair', 'items', { items: [{ note: ['\ud800'] }] }],
    ['items with a key that is half a surrogate pair', 'items', { items: [{ '\udc00': 1 }] }],
    ['a customer id with half a surrogate pair', 'customerId', { customerId: 'a\ud800' }],
    ['items with a number that the table cannot keep', 'items', { items: [{ n: 1e300 }] }],
    ['items nested too deeply', 'items', { items: [nested(24)] }],
    ['items over 256 KB', 'items', { items: [{ text: 'x'.repeat(262_144) }] }],
  ])('not %s', (_, field, change) => {
    expect(refusalOf(() => OrderCreated.parse(orderCreated(change)))).toMatchObject({
      field: `detail.${field}`,
    });
  });

  test.each(['', 'a b', 'a@b.example', 'x'.repeat(129), 5])('an event id is not %p', (eventId) => {
    expect(refusalOf(() => OrderCreated.parse(orderCreated({ metadata: { eventId } })))).toMatchObject({
      field: 'detail.metadata.eventId',
    });
    expect(
      refusalOf(() => OrderCreated.create(OrderCreated.example, { eventId: eventId as string })),
    ).toMatchObject({
      field: 'detail.metadata.eventId',
    });
  });
});

describe('a contract with three versions', () => {
  const fields = { source: 'shop', detailType: 'CartLeft', personalData: [] } as const;
  const first = new EventContract({
    ...fields,
    version: 1,
    schema: v.object({ cart: v.string(), leftAt: v.optional(Timestamp) }),
    complete: (detail, time) => ({ ...detail, leftAt: detail.leftAt ?? time }),
    example: { cart: 'c' },
  });
  const second = new EventContract({
    ...fields,
    version: 2,
    previous: { contract: first, upcast: ({ cart, leftAt }) => ({ cartId: cart, leftAt, items: 0 }) },
    schema: v.object({ cartId: v.string(), leftAt: Timestamp, items: v.number() }),
    complete: (detail) => detail,
    example: { cartId: 'c', leftAt: '2026-01-15T10:00:00Z', items: 1 },
  });
  const third = new EventContract({
    ...fields,
    version: 3,
    previous: { contract: second, upcast: (detail) => ({ ...detail, isEmpty: detail.items === 0 }) },
    schema: v.object({ cartId: v.string(), leftAt: Timestamp, isEmpty: v.boolean() }),
    complete: (detail) => detail,
    example: { cartId: 'c', leftAt: '2026-01-15T10:00:00Z', isEmpty: false },
  });
  const event = (detail: object) => ({ ...envelope, source: 'shop', 'detail-type': 'CartLeft', detail });

  test.each([
    ['1', { cart: 'c' }, '2026-01-15T09:59:58.000Z', true],
    [
      '2',
      { cartId: 'c', leftAt: '2026-01-15T10:00:00Z', items: 2, metadata: { version: 2 } },
      '2026-01-15T10:00:00.000Z',
      false,
    ],
    [
      '3',
      { cartId: 'c', leftAt: '2026-01-15T10:00:00Z', isEmpty: false, metadata: { version: 3 } },
      '2026-01-15T10:00:00.000Z',
      false,
    ],
  ])('reads version %s and gives the newest', (version, detail, leftAt, isEmpty) => {
    const { detail: read, metadata } = third.parse(event(detail));
    expect(read).toEqual({ cartId: 'c', leftAt, isEmpty });
    expect(metadata.version).toBe(Number(version));
  });

  test('checks each version by its own schema, and publishes the newest', () => {
    expect(refusalOf(() => third.parse(event({ cartId: 'c' }))).message).toBe(
      'shop/CartLeft: detail.cart: expected "cart", received nothing.',
    );
    expect(third.create(third.example).metadata.version).toBe(3);
    expect(third.versions.map(({ version }) => version)).toEqual([1, 2, 3]);
  });

  test('tells a version after its own what to do, and one before all others that it is too old', () => {
    const of = (version: number) => event({ cart: 'c', metadata: { version } });
    expect(refusalOf(() => third.parse(of(4))).message).toBe(
      'shop/CartLeft: detail.metadata.version: is 4, newer than 3, the newest version that this code reads: deploy first, then redrive.',
    );
    expect(refusalOf(() => third.parse(of(0))).message).toMatch(/is 0, older than 1, the oldest version/);
  });
});

describe('an e-mail address', () => {
  const parsed = (customerEmail: unknown) => OrderCreated.parse(orderCreated({ customerEmail }));

  test.each([
    '"john doe"@example.com',
    'jane@localhost',
    'jo\u0308rg@exa\u0308mple.de',
    '😀@example.com',
    "pat.o'hara+news@mail.example.co.uk",
    'jörg@exämple.de',
  ])('may be %s', (customerEmail) => {
    const { detail, dropped } = parsed(customerEmail);
    expect(detail.customerEmail).toBe(customerEmail);
    expect(dropped).toBeUndefined();
    expect(OrderCreated.create({ ...OrderCreated.example, customerEmail })).toMatchObject({ customerEmail });
  });

  test.each([[''], [null], [undefined]])('that is %p is none', (customerEmail) => {
    const { detail, dropped } = parsed(customerEmail);
    expect(detail).not.toHaveProperty('customerEmail');
    expect(dropped).toBeUndefined();
    expect(() => OrderCreated.create({ ...OrderCreated.example, customerEmail } as never)).not.toThrow();
  });

  test.each<[unknown]>([
    ['jane@'],
    ['Jane Doe, Main Street 1'],
    ['jane@example.com\nBcc: x@y.zz'],
    ['Jane <jane@example.com>'],
    ['jane@example.com,joe@example.com'],
    ['jane@exam\ud800ple.com'],
    ['x'.repeat(400)],
    [42],
    [{ to: 'jane@example.com' }],
    [['jane@example.com']],
  ])('that nobody can use is left out and told, and never costs the order: %p', (customerEmail) => {
    const { detail, dropped } = parsed(customerEmail);
    expect(detail).not.toHaveProperty('customerEmail');
    expect(detail.orderId).toBe('order-1001');
    expect(dropped).toEqual(['customerEmail']);
    expect(() => OrderCreated.create({ ...OrderCreated.example, customerEmail } as never)).not.toThrow();
    const change = {
      ...envelope,
      'detail-type': 'OrderStatusChanged',
      detail: { orderId: '1', status: 'SHIPPED', customerEmail },
    };
    expect(OrderStatusChanged.parse(change).dropped).toEqual(['customerEmail']);
  });
});

describe('what a publisher sends', () => {
  test.each<[string, Record<string, unknown>]>([
    ['customerName', { customerName: 'Jane Doe' }],
    ['metadata', { metadata: {} }],
    ['__proto__', JSON.parse('{"__proto__": 1}')],
  ])('has no field that the contract does not have: %s', (field, change) => {
    const error = refusalOf(() => OrderCreated.create({ ...OrderCreated.example, ...change }));
    expect(error).toMatchObject({ field: `detail.${field}` });
    expect(error.message).not.toContain('Jane');
    expect(error.message).toMatch(/is no field of version 1; those are orderId, customerId, /);
  });

  test('has no such field inside an object, either', () => {
    const byStatus = { SHIPPED: { orders: 1, revenue: 1, by: 'Jane' } };
    const error = refusalOf(() =>
      DailyReportGenerated.create({ ...DailyReportGenerated.example, byStatus } as never),
    );
    expect(error).toMatchObject({ field: 'detail.byStatus.SHIPPED.by' });
  });

  test('may have any field in items, which are objects of any shape', () => {
    const items = [{ anything: { at: ['all'] } }];
    expect(OrderCreated.create({ ...OrderCreated.example, items })).toMatchObject({ items });
  });
});

describe('the message of a refusal', () => {
  const messageOf = (change: Record<string, unknown>) =>
    refusalOf(() => OrderCreated.parse(orderCreated(change))).message;

  test('quotes the value that is wrong', () => {
    expect(messageOf({ total: 'twelve' })).toBe(
      'app.orders/OrderCreated: detail.total: expected number, received "twelve".',
    );
    expect(messageOf({ orderId: 7 })).toMatch(/expected string, received 7\.$/);
    expect(messageOf({ total: null })).toMatch(/received null\.$/);
    expect(messageOf({ total: -1 })).toMatch(/expected at least 0, received -1\.$/);
    expect(messageOf({ total: undefined })).toMatch(/received nothing\.$/);
  });

  test('cuts it to a length that a log can bear', () => {
    expect(messageOf({ total: 'x'.repeat(10_000) }).length).toBeLessThan(200);
  });

  test('does not quote whole objects and arrays', () => {
    expect(messageOf({ total: { street: 'Main Street 1' } })).toMatch(/received an object\.$/);
    expect(messageOf({ total: ['Main Street 1'] })).toMatch(/received an array\.$/);
  });

  test('names the statuses that there are', () => {
    const change = {
      ...envelope,
      'detail-type': 'OrderStatusChanged',
      detail: { orderId: '1', status: 'LOST' },
    };
    const { message } = refusalOf(() => OrderStatusChanged.parse(change));
    for (const status of ORDER_STATUSES) expect(message).toContain(status);
    expect(message).toMatch(/received "LOST"\.$/);
  });

  test('never holds personal data, wherever it was put by mistake', () => {
    const fields = Object.keys(OrderCreated.example);
    for (const field of fields) {
      for (const value of [
        'jane@example.com!',
        'Jane <jane@example.com>',
        ['jane@example.com'],
        { to: 'jane@example.com' },
      ]) {
        if (field === 'customerId' && typeof value === 'string') continue;
        if (OrderCreated.lenient.includes(field)) continue;
        expect(messageOf({ [field]: value })).not.toContain('jane@');
      }
    }
  });
});

describe('the envelope', () => {
  test('of a replayed event is read like any other', () => {
    expect(OrderCreated.parse({ ...created, 'replay-name': 'r' }).detail.orderId).toBe('order-1001');
  });

  test.each(['version', 'id', 'detail-type', 'source', 'account', 'time', 'region', 'resources', 'detail'])(
    'needs its field %s',
    (field) => {
      const rest = Object.fromEntries(Object.entries(created).filter(([name]) => name !== field));
      expect(refusalOf(() => parseEnvelope(rest))).toMatchObject({ eventType: 'event', field });
    },
  );

  test.each([[null], ['text'], [5], [undefined], [[]]])('is not %p', (event) => {
    expect(refusalOf(() => parseEnvelope(event)).message).toMatch(/^event: /);
  });

  test('of an event of another contract is refused by name', () => {
    expect(refusalOf(() => OrderStatusChanged.parse(created)).message).toBe(
      'app.orders/OrderCreated: detail-type: expected an event of type app.orders/OrderStatusChanged.',
    );
  });

  test('of no contract has none', () => {
    expect(findContract('app.orders', 'OrderLost')).toBeUndefined();
    expect(findContract('app.shop', 'OrderCreated')).toBeUndefined();
  });
});

describe('statuses', () => {
  test('only move forward: no way leads back', () => {
    const following = (status: (typeof ORDER_STATUSES)[number]): string[] =>
      STATUS_TRANSITIONS[status].flatMap((next) => [next, ...following(next)]);
    for (const status of ORDER_STATUSES) expect(following(status)).not.toContain(status);
  });

  test('that a customer hears of select the events of a rule', () => {
    expect(OrderStatusChanged.where({ status: NOTIFIED_STATUSES }).pattern).toEqual({
      source: ['app.orders'],
      'detail-type': ['OrderStatusChanged'],
      detail: { status: ['SHIPPED', 'DELIVERED', 'CANCELLED'] },
    });
  });
});

describe('the input of the notifier', () => {
  test('is made of paths that the template uses, all of them', () => {
    const used = [...NOTIFICATION_INPUT_TEMPLATE.matchAll(/<(\w+)>/g)].map(([, name]) => name);
    expect(new Set(used)).toEqual(new Set(Object.keys(NOTIFICATION_INPUT_PATHS)));
  });
});
