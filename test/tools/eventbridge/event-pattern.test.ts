import {
  compile,
  InvalidEventError,
  InvalidEventPatternError,
  testEventPattern,
} from '../../../tools/eventbridge/event-pattern';

function matches(pattern: string | object, event: unknown): boolean {
  return compile(pattern).matches(event);
}

/** Asks about one field: which of the values pass its list? */
function passing(list: unknown[], values: unknown[]): unknown[] {
  const pattern = compile({ field: list });
  return values.filter((field) => pattern.matches({ field }));
}

const ORDER_SHIPPED = {
  version: '0',
  id: '7bf73129-1428-4cd3-a780-95db273d1602',
  'detail-type': 'OrderStatusChanged',
  source: 'app.orders',
  account: '111122223333',
  time: '2026-11-23T09:00:00Z',
  region: 'us-east-1',
  resources: [
    'arn:aws:dynamodb:us-east-1:111122223333:table/orders',
    'arn:aws:sns:us-east-1:111122223333:sales',
  ],
  detail: {
    orderId: 'ORD-1',
    status: 'SHIPPED',
    total: 99.5,
    customer: { email: null, address: { city: 'Graz' } },
    items: [
      { sku: 'A', quantity: 1, tags: ['red', 'sale'] },
      { sku: 'B', quantity: 5, tags: [] },
    ],
  },
};

describe('the fields of a pattern', () => {
  test('all must match', () => {
    expect(matches({ source: ['app.orders'], detail: { status: ['SHIPPED'] } }, ORDER_SHIPPED)).toBe(true);
    expect(matches({ source: ['app.orders'], detail: { status: ['PENDING'] } }, ORDER_SHIPPED)).toBe(false);
    expect(matches({ source: ['app.billing'], detail: { status: ['SHIPPED'] } }, ORDER_SHIPPED)).toBe(false);
  });

  test('match if one value of their list does', () => {
    expect(matches({ detail: { status: ['PENDING', { prefix: 'SH' }] } }, ORDER_SHIPPED)).toBe(true);
    expect(matches({ detail: { status: ['PENDING', { prefix: 'X' }] } }, ORDER_SHIPPED)).toBe(false);
  });

  test('leave the rest of the event alone', () => {
    expect(matches({ detail: { customer: { address: { city: ['Graz'] } } } }, ORDER_SHIPPED)).toBe(true);
  });

  test('may be written with dots, and so may those of an event', () => {
    expect(matches({ 'detail.status': ['SHIPPED'] }, ORDER_SHIPPED)).toBe(true);
    expect(matches({ 'detail.customer.address': { city: ['Graz'] } }, ORDER_SHIPPED)).toBe(true);
    const dotted = { 'detail.customer': { 'address.city': 'Graz' } };
    expect(matches({ detail: { customer: { address: { city: ['Graz'] } } } }, dotted)).toBe(true);
    expect(matches({ detail: { 'customer.address.city': ['Graz'] } }, dotted)).toBe(true);
    expect(matches({ detail: { status: ['new'] } }, { 'detail.status': 'new' })).toBe(true);
    expect(matches({ detail: { status: ['new'] } }, { 'detail.status': { status: 'new' } })).toBe(false);
  });

  test('have all values that lie at their path, however it is written', () => {
    const both = { detail: { status: 'old' }, 'detail.status': 'new' };
    expect(matches({ detail: { status: ['old'] } }, both)).toBe(true);
    expect(matches({ detail: { status: ['new'] } }, both)).toBe(true);
    const deep = { a: { b: { c: 1 }, 'b.c': 2 }, 'a.b': { c: 3 }, 'a.b.c': 4 };
    expect([1, 2, 3, 4, 5].filter((value) => matches({ a: { b: { c: [value] } } }, deep))).toEqual([
      1, 2, 3, 4,
    ]);
  });

  test('are not found in what every object has', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      expect(matches(`{"${name}": [{"exists": true}]}`, {})).toBe(false);
      expect(matches(`{"detail": {"${name}": {"name": [{"exists": true}]}}}`, { detail: {} })).toBe(false);
      expect(matches(`{"${name}": [{"exists": false}]}`, {})).toBe(true);
      expect(matches(`{"${name}": ["own"]}`, JSON.parse(`{"${name}": "own"}`))).toBe(true);
    }
  });

  test('of the same path: the last one counts', () => {
    const pattern = '{"detail": {"status": ["PENDING"], "status": ["SHIPPED"]}}';
    expect(matches(pattern, ORDER_SHIPPED)).toBe(true);
    expect(matches('{"detail": {"status": ["SHIPPED"], "status": ["PENDING"]}}', ORDER_SHIPPED)).toBe(false);
    expect(matches('{"detail.status": ["PENDING"], "detail": {"status": ["SHIPPED"]}}', ORDER_SHIPPED)).toBe(
      true,
    );
  });

  test('match nothing that is not an object', () => {
    for (const event of [undefined, null, 'text', 1, [], [ORDER_SHIPPED]]) {
      expect(matches({ source: [{ exists: false }] }, event)).toBe(false);
    }
  });
});

describe('a plain value', () => {
  test('matches the same value of the same type', () => {
    const values = ['1', 1, 'true', true, 'null', null, '', 'a', 'A', ' a', 'aa'];
    for (const value of values) expect(passing([value], values)).toEqual([value]);
  });

  test('matches a number however it is spelled', () => {
    for (const pattern of ['300', '300.0', '3e2', '3.0E+2', '30000e-2']) {
      for (const event of ['300', '300.0', '3e2', '3.0E+2', '30000e-2']) {
        expect(matches(`{"total": [${pattern}]}`, JSON.parse(`{"total": ${event}}`))).toBe(true);
      }
      expect(matches(`{"total": [${pattern}]}`, { total: 300.1 })).toBe(false);
    }
    expect(passing([-0], [0])).toEqual([0]);
  });

  test('matches an IP address however it is spelled', () => {
    const addresses = ['10.0.0.1', '::ffff:a00:1', '2001:db8::1', '2001:0DB8:0:0:0:0:0:1', '10.0.0.2', '::1'];
    expect(passing(['10.0.0.1'], addresses)).toEqual(['10.0.0.1', '::ffff:a00:1']);
    expect(passing(['2001:db8::1'], addresses)).toEqual(['2001:db8::1', '2001:0DB8:0:0:0:0:0:1']);
    expect(passing(['10.0.0.256'], ['10.0.0.256', '10.0.0.1'])).toEqual(['10.0.0.256']);
  });

  test('exactly: is the same, for strings', () => {
    expect(passing([{ exactly: '10.0.0.1' }], ['10.0.0.1', '::ffff:a00:1'])).toEqual(['10.0.0.1']);
  });
});

describe('exists', () => {
  const leaves = ['x', '', 0, false, null, ['x'], [null], [[[0]]]];
  const none = [[], {}, { inner: 1 }, [{ inner: 1 }], [[]], [{}]];

  test('true matches any leaf, also null and the empty string', () => {
    expect(passing([{ exists: true }], [...leaves, ...none])).toEqual(leaves);
    expect(matches({ field: [{ exists: true }] }, {})).toBe(false);
  });

  test('false matches where there is no leaf', () => {
    expect(passing([{ exists: false }], [...leaves, ...none])).toEqual(none);
    expect(matches({ field: [{ exists: false }] }, {})).toBe(true);
    expect(matches({ detail: { a: { b: [{ exists: false }] } } }, { detail: { a: 'leaf' } })).toBe(true);
  });

  test('false is one of the values of a list', () => {
    expect(passing([{ exists: false }, 'x'], ['x', 'y', []])).toEqual(['x', []]);
    expect(matches({ field: [{ exists: false }, 'x'] }, {})).toBe(true);
  });

  test('false excludes replayed events', () => {
    const pattern = compile({ source: ['app.orders'], 'replay-name': [{ exists: false }] });
    expect(pattern.matches(ORDER_SHIPPED)).toBe(true);
    expect(pattern.matches({ ...ORDER_SHIPPED, 'replay-name': 'again' })).toBe(false);
  });
});

describe('prefix and suffix', () => {
  const values = [
    'app.orders',
    'app.',
    'app',
    'App.orders',
    'my.app.orders',
    'orders',
    'app.orders.',
    '',
    7,
    null,
  ];

  test('compare the beginning and the end of strings', () => {
    expect(passing([{ prefix: 'app.' }], values)).toEqual(['app.orders', 'app.', 'app.orders.']);
    expect(passing([{ suffix: 'orders' }], values)).toEqual([
      'app.orders',
      'App.orders',
      'my.app.orders',
      'orders',
    ]);
  });

  test('when empty, match every string and nothing else', () => {
    const strings = values.filter((value) => typeof value === 'string');
    expect(passing([{ prefix: '' }], values)).toEqual(strings);
    expect(passing([{ suffix: '' }], values)).toEqual(strings);
  });

  test('can ignore case', () => {
    expect(passing([{ prefix: { 'equals-ignore-case': 'APP.' } }], values)).toEqual([
      'app.orders',
      'app.',
      'App.orders',
      'app.orders.',
    ]);
    expect(passing([{ suffix: { 'equals-ignore-case': 'P.oRDERS' } }], values)).toEqual([
      'app.orders',
      'App.orders',
      'my.app.orders',
    ]);
    expect(passing([{ prefix: { 'equals-ignore-case': '' } }], ['a', 1])).toEqual(['a']);
  });
});

describe('equals-ignore-case', () => {
  test('compares the whole of a string', () => {
    const values = ['shipped', 'SHIPPED', 'Shipped', 'shipped ', 'not shipped', 'SHIPPE', 1, null];
    expect(passing([{ 'equals-ignore-case': 'sHiPpEd' }], values)).toEqual(['shipped', 'SHIPPED', 'Shipped']);
    expect(passing([{ 'equals-ignore-case': '' }], ['', 'a', null])).toEqual(['']);
  });

  test('takes the characters of regular expressions as they are', () => {
    expect(
      passing([{ 'equals-ignore-case': 'a.*(b)[c]|$^\\d+?{2}/-' }], ['A.*(B)[C]|$^\\D+?{2}/-', 'axb']),
    ).toEqual(['A.*(B)[C]|$^\\D+?{2}/-']);
  });

  test('knows letters beyond ASCII, each by itself', () => {
    expect(passing([{ 'equals-ignore-case': 'größe' }], ['GRÖSSE', 'GRÖßE', 'größe', 'grosse'])).toEqual([
      'GRÖSSE',
      'GRÖßE',
      'größe',
    ]);
    // A Kelvin sign is no k: its lower case is one, but not the other way round.
    expect(passing([{ 'equals-ignore-case': 'k' }], ['k', 'K', '\u212a'])).toEqual(['k', 'K']);
  });
});

describe('wildcard', () => {
  test('matches any characters, also none', () => {
    expect(passing([{ wildcard: 'a*c' }], ['ac', 'abc', 'abcabc', 'a*c', 'abcd', 'xac', 'a', ''])).toEqual([
      'ac',
      'abc',
      'abcabc',
      'a*c',
    ]);
    expect(passing([{ wildcard: '*.png' }], ['.png', 'x.png', 'x.png.png', 'x.pngs'])).toEqual([
      '.png',
      'x.png',
      'x.png.png',
    ]);
    expect(passing([{ wildcard: 'x*' }], ['x', 'xy', 'yx'])).toEqual(['x', 'xy']);
    expect(passing([{ wildcard: '*' }], ['', 'x', 1, null])).toEqual(['', 'x']);
  });

  test('finds its parts one behind the other, without overlap', () => {
    expect(passing([{ wildcard: '*ab*ab*' }], ['abab', 'xabyabz', 'aab', 'ab'])).toEqual(['abab', 'xabyabz']);
    expect(passing([{ wildcard: 'aba*aba' }], ['aba', 'ababa', 'abaaba', 'abaxaba'])).toEqual([
      'abaaba',
      'abaxaba',
    ]);
    expect(passing([{ wildcard: 'a*b*c' }], ['abc', 'aXbYc', 'acb', 'abcb', 'abbc'])).toEqual([
      'abc',
      'aXbYc',
      'abbc',
    ]);
    expect(passing([{ wildcard: 'a*bc*c' }], ['abc', 'abcc'])).toEqual(['abcc']);
  });

  test('without a wildcard is the string itself', () => {
    expect(passing([{ wildcard: 'abc' }], ['abc', 'ab', 'abcd', 1])).toEqual(['abc']);
    expect(passing([{ wildcard: '' }], ['', 'a'])).toEqual(['']);
  });

  test('takes an escaped asterisk or backslash as it is', () => {
    expect(passing([{ wildcard: 'a\\*b' }], ['a*b', 'axb', 'a\\*b'])).toEqual(['a*b']);
    expect(passing([{ wildcard: 'a\\\\*' }], ['a\\', 'a\\x', 'a*', 'ax'])).toEqual(['a\\', 'a\\x']);
    expect(passing([{ wildcard: '\\**\\*' }], ['**', '*x*', 'x'])).toEqual(['**', '*x*']);
  });
});

describe('numeric', () => {
  const values = [-1, 0, 0.5, 1, 1.5, 2, '1', true, null];

  test.each([
    [['=', 1], [1]],
    [
      ['<', 1],
      [-1, 0, 0.5],
    ],
    [
      ['<=', 1],
      [-1, 0, 0.5, 1],
    ],
    [
      ['>', 1],
      [1.5, 2],
    ],
    [
      ['>=', 1],
      [1, 1.5, 2],
    ],
    [
      ['>', 0, '<', 1.5],
      [0.5, 1],
    ],
    [
      ['>=', 0, '<=', 1.5],
      [0, 0.5, 1, 1.5],
    ],
    [
      ['>', 0, '<=', 1.5],
      [0.5, 1, 1.5],
    ],
    [
      ['>=', 0, '<', 1.5],
      [0, 0.5, 1],
    ],
  ])('%j compares numbers only', (numeric, expected) => {
    expect(passing([{ numeric }], values)).toEqual(expected);
  });

  test('compares as doubles do', () => {
    expect(passing([{ numeric: ['>', 5e9 - 1, '<=', 5e9] }], [5e9, 5e9 + 1])).toEqual([5e9]);
    expect(passing([{ numeric: ['<', -4e-6] }], [-4e-6, -4.1e-6])).toEqual([-4.1e-6]);
    expect(passing([{ numeric: ['>', 1628872008] }], [1.628872008e9, 1.628872009e9])).toEqual([
      1.628872009e9,
    ]);
  });
});

describe('cidr', () => {
  test('matches the IPv4 addresses of a network, whatever the host bits', () => {
    const addresses = [
      '10.0.0.0',
      '10.0.3.255',
      '10.0.4.0',
      '9.255.255.255',
      '::ffff:a00:1',
      '::1',
      '10.0.0',
      'x',
      167772160,
    ];
    const inside = ['10.0.0.0', '10.0.3.255', '::ffff:a00:1'];
    expect(passing([{ cidr: '10.0.0.0/22' }], addresses)).toEqual(inside);
    expect(passing([{ cidr: '10.0.2.77/22' }], addresses)).toEqual(inside);
    expect(passing([{ cidr: '0.0.0.0/0' }], addresses)).toEqual(addresses.slice(0, 5));
    expect(passing([{ cidr: '10.0.0.0/31' }], ['10.0.0.0', '10.0.0.1', '10.0.0.2'])).toEqual([
      '10.0.0.0',
      '10.0.0.1',
    ]);
    expect(passing([{ cidr: '128.0.0.0/1' }], ['127.255.255.255', '128.0.0.0'])).toEqual(['128.0.0.0']);
  });

  test('matches the IPv6 addresses of a network', () => {
    const addresses = [
      '2001:db8::',
      '2001:DB8:0:7fff::1',
      '2001:db8:0:8000::1',
      '2001:db9::',
      '10.0.0.1',
      '1::2::3',
      ':',
    ];
    expect(passing([{ cidr: '2001:db8::/49' }], addresses)).toEqual(['2001:db8::', '2001:DB8:0:7fff::1']);
    expect(passing([{ cidr: '::/0' }], addresses)).toHaveLength(4);
  });

  test('matches no text that is only like an address', () => {
    const texts = [
      '10.0.0.256',
      '10.0.0.1 ',
      '10.0.0.1/8',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7:8::',
      '::1:2:3:4:5:6:7:8',
      '12345::',
      'g::',
      '',
    ];
    expect(passing([{ cidr: '0.0.0.0/0' }, { cidr: '::/0' }], texts)).toEqual([]);
    const complete = ['1:2:3:4:5:6:7::', '::2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'];
    expect(passing([{ cidr: '::/0' }], complete)).toEqual(complete);
  });
});

describe('anything-but', () => {
  const values = ['PENDING', 'pending', 'SHIPPED', 'PEN', 1, 2, true, null, ''];
  const without = (...excluded: unknown[]) => values.filter((value) => !excluded.includes(value));

  test('matches any other value that is there, of whatever type', () => {
    expect(passing([{ 'anything-but': 'PENDING' }], values)).toEqual(without('PENDING'));
    expect(passing([{ 'anything-but': 1 }], values)).toEqual(without(1));
    expect(passing([{ 'anything-but': ['PENDING', 'SHIPPED'] }], values)).toEqual(
      without('PENDING', 'SHIPPED'),
    );
    expect(passing([{ 'anything-but': [1, 2] }], values)).toEqual(without(1, 2));
    expect(passing([{ 'anything-but': '' }], values)).toEqual(without(''));
    expect(matches({ field: [{ 'anything-but': 'PENDING' }] }, {})).toBe(false);
  });

  test('excludes by prefix', () => {
    expect(passing([{ 'anything-but': { prefix: 'PEN' } }], values)).toEqual(without('PENDING', 'PEN'));
    expect(passing([{ 'anything-but': { prefix: ['pen', 'SH'] } }], values)).toEqual(
      without('pending', 'SHIPPED'),
    );
  });

  test('excludes by suffix', () => {
    expect(passing([{ 'anything-but': { suffix: 'ING' } }], values)).toEqual(without('PENDING'));
    expect(passing([{ 'anything-but': { suffix: ['ing', 'EN'] } }], values)).toEqual(
      without('pending', 'PEN'),
    );
  });

  test('excludes ignoring case', () => {
    expect(passing([{ 'anything-but': { 'equals-ignore-case': 'Pending' } }], values)).toEqual(
      without('PENDING', 'pending'),
    );
    expect(passing([{ 'anything-but': { 'equals-ignore-case': ['pen', 'shipped'] } }], values)).toEqual(
      without('PEN', 'SHIPPED'),
    );
  });

  test('excludes by wildcard', () => {
    expect(passing([{ 'anything-but': { wildcard: 'P*N*' } }], values)).toEqual(without('PENDING', 'PEN'));
    expect(passing([{ 'anything-but': { wildcard: ['*ING', '*PP*'] } }], values)).toEqual(
      without('PENDING', 'SHIPPED'),
    );
  });

  test('is met by an array with another value beside the excluded one', () => {
    expect(matches({ tags: [{ 'anything-but': 'red' }] }, { tags: ['red', 'sale'] })).toBe(true);
    expect(matches({ tags: [{ 'anything-but': 'red' }] }, { tags: ['red', 'red'] })).toBe(false);
    expect(matches({ tags: [{ 'anything-but': 'red' }] }, { tags: [] })).toBe(false);
  });
});

describe('$or', () => {
  const either = {
    source: ['app.orders'],
    $or: [{ detail: { status: ['NEW'] } }, { detail: { total: [{ numeric: ['>', 50] }] } }],
  };

  test('is met by one of its alternatives', () => {
    expect(matches(either, ORDER_SHIPPED)).toBe(true);
    expect(matches(either, { source: 'app.orders', detail: { status: 'NEW', total: 1 } })).toBe(true);
    expect(matches(either, { source: 'app.orders', detail: { status: 'OLD', total: 1 } })).toBe(false);
    expect(matches(either, { source: 'other', detail: { status: 'NEW', total: 99 } })).toBe(false);
  });

  test('can be nested, and stand beside another', () => {
    const pattern = compile({
      $or: [{ a: [1] }, { b: [1], $or: [{ c: [1] }, { d: [1] }] }],
      detail: { $or: [{ e: [1] }, { f: [1] }] },
    });
    const e = { e: 1 };
    expect(pattern.matches({ a: 1, detail: e })).toBe(true);
    expect(pattern.matches({ b: 1, c: 1, detail: { f: 1 } })).toBe(true);
    expect(pattern.matches({ b: 1, d: 1, detail: e })).toBe(true);
    expect(pattern.matches({ b: 1, detail: e })).toBe(false);
    expect(pattern.matches({ c: 1, d: 1, detail: e })).toBe(false);
    expect(pattern.matches({ a: 1, detail: {} })).toBe(false);
    expect(pattern.matches({ a: 1, e: 1 })).toBe(false);
  });

  test('overrides a field written before it, and is overridden by one behind it', () => {
    const before = '{"a": [1], "$or": [{"a": [2]}, {"b": [1]}]}';
    expect([1, 2].filter((a) => matches(before, { a }))).toEqual([2]);
    expect(matches(before, { a: 1, b: 1 })).toBe(true);
    const behind = '{"$or": [{"a": [2]}, {"b": [1]}], "a": [1]}';
    expect([1, 2].filter((a) => matches(behind, { a }))).toEqual([1]);
  });
});

describe('an array', () => {
  test('matches by any of its elements, also of arrays inside', () => {
    expect(matches({ resources: ['arn:aws:sns:us-east-1:111122223333:sales'] }, ORDER_SHIPPED)).toBe(true);
    expect(matches({ resources: ['arn:other'] }, ORDER_SHIPPED)).toBe(false);
    expect(matches({ a: ['x'] }, { a: [[['w'], 'x'], []] })).toBe(true);
    expect(matches({ a: [null] }, { a: [null] })).toBe(true);
    expect(matches({ a: [{ numeric: ['>', 1] }] }, { a: [1, '2', 2] })).toBe(true);
  });

  test('of objects matches by any of them', () => {
    expect(matches({ detail: { items: { sku: ['B'] } } }, ORDER_SHIPPED)).toBe(true);
    expect(matches({ detail: { items: { sku: ['C'] } } }, ORDER_SHIPPED)).toBe(false);
    expect(matches({ detail: { items: { tags: ['sale'] } } }, ORDER_SHIPPED)).toBe(true);
    expect(matches({ a: { b: ['x'] } }, { a: [1, [{ b: 'x' }], 'y'] })).toBe(true);
  });

  test('of objects must meet all its fields in the same element', () => {
    expect(matches({ detail: { items: { sku: ['B'], quantity: [5] } } }, ORDER_SHIPPED)).toBe(true);
    expect(matches({ detail: { items: { sku: ['A'], quantity: [5] } } }, ORDER_SHIPPED)).toBe(false);
    expect(matches({ detail: { items: { sku: ['A'], quantity: [1], tags: ['sale'] } } }, ORDER_SHIPPED)).toBe(
      true,
    );
    expect(matches({ detail: { items: { quantity: [5], tags: ['sale'] } } }, ORDER_SHIPPED)).toBe(false);
  });

  test('inside of an element must be met in that element', () => {
    const event = {
      songs: [
        {
          name: 'one',
          writers: [
            { first: 'Ann', last: 'Lee' },
            { first: 'Bob', last: 'Ray' },
          ],
        },
        { name: 'two', writers: [{ first: 'Cy', last: 'Ray' }] },
      ],
    };
    expect(matches({ songs: { name: ['one'], writers: { first: ['Bob'], last: ['Ray'] } } }, event)).toBe(
      true,
    );
    expect(matches({ songs: { name: ['one'], writers: { first: ['Ann'], last: ['Ray'] } } }, event)).toBe(
      false,
    );
    expect(matches({ songs: { name: ['two'], writers: { first: ['Bob'], last: ['Ray'] } } }, event)).toBe(
      false,
    );
    expect(matches({ songs: { name: ['two'], writers: { last: ['Ray'] } } }, event)).toBe(true);
  });

  test('inside of an element may be met in another element than the first that fits otherwise', () => {
    const orders = [
      { items: [{ sku: 'A', count: 1 }], payments: [{ by: 'card' }] },
      { items: [{ sku: 'A', count: 1 }], payments: [{ by: 'cash' }] },
    ];
    const pattern = { orders: { items: { sku: ['A'], count: [1] }, payments: { by: ['cash'] } } };
    expect(matches(pattern, { orders })).toBe(true);
    expect(matches(pattern, { orders: orders.slice(0, 1) })).toBe(false);
  });

  test('binds no value that lies beside it under the same path', () => {
    const array = [{ x: 1, y: 1 }, { x: 2 }];
    expect(matches({ a: { x: [2], y: [2] } }, { a: array, 'a.y': 2 })).toBe(true);
    expect(matches({ p: { a: { x: [2], y: [2] } } }, { p: { a: { y: 2 } }, 'p.a': array })).toBe(true);
    expect(matches({ a: { x: [2], y: [1] } }, { a: array, 'a.y': 2 })).toBe(false);
  });

  test('is free of another array beside it', () => {
    const event = { a: [{ x: 1 }, { x: 2 }], b: [{ x: 1 }, { x: 2 }] };
    expect(matches({ a: { x: [1] }, b: { x: [2] } }, event)).toBe(true);
    expect(matches({ a: { x: [1] }, b: { x: [3] } }, event)).toBe(false);
  });

  test('of arrays must be met in the same of these', () => {
    const event = { a: [[{ x: 1 }, { y: 1 }], [{ x: 2, y: 2 }], 'leaf', ['inner', { x: 3 }]] };
    expect(matches({ a: { x: [2], y: [2] } }, event)).toBe(true);
    expect(matches({ a: { x: [1], y: [1] } }, event)).toBe(false);
    expect(matches({ a: ['leaf'], 'a.x': [1] }, event)).toBe(true);
    expect(matches({ a: ['inner'], 'a.x': [3] }, event)).toBe(true);
    expect(matches({ a: ['inner'], 'a.x': [1] }, event)).toBe(false);
  });

  test('of objects: a field is absent if the element that was chosen has none', () => {
    const event = { a: [{ y: 1 }, { x: 1, z: 1 }] };
    expect(matches({ a: { y: [1], z: [{ exists: false }] } }, event)).toBe(true);
    expect(matches({ a: { x: [1], z: [{ exists: false }] } }, event)).toBe(false);
    // In the order of their names: no element is chosen yet when x is looked for.
    expect(matches({ a: { x: [{ exists: false }], y: [1] } }, event)).toBe(false);
    expect(matches({ a: { b: [{ exists: false }], y: [1] } }, event)).toBe(true);
  });

  test('of many objects is matched and explained in a time that grows with its length, not with its square', () => {
    const items = Array.from({ length: 20_000 }, (_, id) => ({ id, kind: 'k' }));
    const pattern = compile({ items: { id: [{ exists: true }], kind: ['k'] }, other: { x: [1], y: [1] } });
    const start = process.cpuUsage();
    expect(pattern.matches({ items, other: items.map(() => ({ x: 1, y: 1 })) })).toBe(true);
    const event = { items, other: items.map(() => ({ x: 1, y: 2 })) };
    expect(pattern.matches(event)).toBe(false);
    expect(pattern.explain(event).misses).toMatchObject([{ field: 'other.y', actual: 2 }]);
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(4_000);
  });

  test('nested beyond the 1,000 levels of the service holds no values', () => {
    const nest = (depth: number) => JSON.parse(`{"a": ${'['.repeat(depth)}"x"${']'.repeat(depth)}}`);
    expect(matches({ a: ['x'] }, nest(900))).toBe(true);
    expect(matches({ a: ['x'] }, nest(100_000))).toBe(false);
  });
});

describe('explain', () => {
  test('tells that a pattern matched', () => {
    expect(compile({ source: ['app.orders'] }).explain(ORDER_SHIPPED)).toEqual({
      ...{ matched: true, misses: [], others: [] },
    });
  });

  test('names each field that missed, what it allows and what the event has', () => {
    const pattern = compile({
      source: ['app.orders'],
      'replay-name': [{ exists: true }],
      detail: { status: ['PENDING', { prefix: 'X' }], customer: { email: [{ exists: false }] } },
    });
    expect(pattern.explain(ORDER_SHIPPED)).toEqual({
      matched: false,
      misses: [
        {
          field: 'detail.customer.email',
          allowed: [{ exists: false }],
          actual: null,
          reason: 'is null, allowed: {"exists":false}',
        },
        {
          field: 'detail.status',
          allowed: ['PENDING', { prefix: 'X' }],
          actual: 'SHIPPED',
          reason: 'is "SHIPPED", allowed: "PENDING", {"prefix":"X"}',
        },
        { field: 'replay-name', allowed: [{ exists: true }], reason: 'is absent, allowed: {"exists":true}' },
      ],
      others: [],
    });
  });

  test('gives all values of an array', () => {
    const { misses } = compile({ detail: { items: { sku: ['C'] } } }).explain(ORDER_SHIPPED);
    expect(misses).toMatchObject([{ field: 'detail.items.sku', actual: ['A', 'B'] }]);
  });

  test('speaks of the closest alternative of an $or', () => {
    const pattern = compile({
      source: ['app.orders'],
      $or: [
        { detail: { status: ['NEW'], total: [1], orderId: ['ORD-2'] } },
        { detail: { status: ['NEW'] } },
        { detail: { status: ['SHIPPED'], total: [1] } },
      ],
    });
    // One field each in the second and the third: the third has more that matches.
    expect(pattern.explain(ORDER_SHIPPED).misses).toMatchObject([{ field: 'detail.total', actual: 99.5 }]);
    expect(pattern.explain({ source: 'x' }).misses.map(({ field }) => field)).toEqual([
      'detail.status',
      'source',
    ]);
  });

  test('has the other alternatives of an $or, closest first, and none of a pattern that matched', () => {
    const pattern = compile({
      source: ['app.orders'],
      $or: [
        { detail: { status: ['NEW'], total: [1] } },
        { detail: { orderId: ['ORD-2'] } },
        { detail: { status: ['SHIPPED'], total: [1] } },
      ],
    });
    const { misses, others } = pattern.explain(ORDER_SHIPPED);
    expect([misses, ...others].map((each) => each.map(({ field }) => field))).toEqual([
      ['detail.total'],
      ['detail.orderId'],
      ['detail.status', 'detail.total'],
    ]);
    const wide = compile({ $or: [{ source: ['app.orders'] }, { source: ['other'] }] });
    expect(wide.explain(ORDER_SHIPPED)).toEqual({ matched: true, misses: [], others: [] });
  });

  test('speaks of the array element that fits best, where each field alone would match', () => {
    const pattern = compile({ detail: { items: { quantity: [5], sku: ['A'], tags: ['sale'] } } });
    expect(pattern.explain(ORDER_SHIPPED).misses).toEqual([
      { field: 'detail.items.quantity', allowed: [5], actual: 1, reason: 'is 1, allowed: 5' },
    ]);
  });

  test('finds every field missing in what is no event', () => {
    expect(
      compile({ a: [1], b: [2] })
        .explain('text')
        .misses.map(({ field }) => field),
    ).toEqual(['a', 'b']);
  });
});

describe('TestEventPattern', () => {
  const event = JSON.stringify(ORDER_SHIPPED);

  test('answers whether the pattern matches the event', () => {
    expect(testEventPattern('{"source": ["app.orders"]}', event)).toBe(true);
    expect(testEventPattern('{"source": ["app.billing"]}', event)).toBe(false);
  });

  test('refuses a pattern that is not valid', () => {
    expect(() => testEventPattern('{"source": "app.orders"}', event)).toThrow(InvalidEventPatternError);
  });

  test.each([
    'plain text',
    '[]',
    '"text"',
    '{}',
    ...['id', 'account', 'source', 'time', 'region', 'detail-type'].map((missing) =>
      JSON.stringify({ ...ORDER_SHIPPED, [missing]: undefined }),
    ),
  ])('refuses %s as an event', (text) => {
    expect(() => testEventPattern('{"source": ["app.orders"]}', text)).toThrow(InvalidEventError);
    expect(() => testEventPattern('{"source": ["app.orders"]}', text)).toThrow(
      'Parameter Event is not valid.',
    );
  });

  test('takes an event without resources, version and detail', () => {
    const { resources, version, detail, ...rest } = ORDER_SHIPPED;
    expect([resources, version, detail]).not.toContain(undefined);
    expect(testEventPattern('{"source": ["app.orders"]}', JSON.stringify(rest))).toBe(true);
  });
});
