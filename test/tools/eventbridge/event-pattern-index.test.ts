import { compile } from '../../../tools/eventbridge/event-pattern';
import { RuleIndex } from '../../../tools/eventbridge/rule-index';

function indexOf(patterns: Record<string, object>): RuleIndex {
  const index = new RuleIndex();
  for (const [name, pattern] of Object.entries(patterns)) index.add(name, compile(pattern));
  return index;
}

/** Enough rules that match nothing here for an index to be worth while. */
const OTHERS = Object.fromEntries(
  Array.from({ length: 40 }, (_, i) => [
    `other-${i}`,
    { source: ['other'], detail: { [`field${i % 5}`]: [i] } },
  ]),
);

describe.each([
  ['a few rules', {}],
  ['many rules', OTHERS],
  [
    'rules on many fields',
    {
      ...OTHERS,
      ...Object.fromEntries(
        Array.from({ length: 40 }, (_, i) => [`wide-${i}`, { [`f${i}`]: [{ exists: true }] }]),
      ),
    },
  ],
])('among %s', (_, others) => {
  test('those that match are found, in the order in which they were added', () => {
    const index = indexOf({
      last: { source: ['app.orders'], 'detail-type': ['OrderCreated'] },
      ...others,
      first: { source: [{ prefix: 'app.' }] },
      none: { source: ['app.orders'], 'detail-type': ['OrderDeleted'] },
      middle: { 'detail-type': ['OrderCreated', 'OrderChanged'] },
    });
    expect(index.lookup({ source: 'app.orders', 'detail-type': 'OrderCreated' })).toEqual([
      'last',
      'first',
      'middle',
    ]);
    expect(index.lookup({ source: 'app.billing', 'detail-type': 'OrderChanged' })).toEqual([
      'first',
      'middle',
    ]);
    expect(index.lookup({ source: 'else' })).toEqual([]);
    expect(index.lookup({})).toEqual([]);
  });

  test.each<[string, unknown[], unknown[], unknown[]]>([
    ['values', ['a', 1, true, null], ['a', 1, true, null], ['b', 2, false, 'null', '1']],
    ['prefixes', [{ prefix: 'ab' }], ['ab', 'abc'], ['a', 'ba', '']],
    ['suffixes', [{ suffix: 'ab' }], ['ab', 'cab'], ['b', 'ba', '']],
    ['prefixes without case', [{ prefix: { 'equals-ignore-case': 'ab' } }], ['AB', 'aBc'], ['ba']],
    ['suffixes without case', [{ suffix: { 'equals-ignore-case': 'ab' } }], ['AB', 'caB'], ['ba']],
    ['texts without case', [{ 'equals-ignore-case': 'aB' }], ['ab', 'AB'], ['abc', 'a']],
    ['texts without case beyond ASCII', [{ 'equals-ignore-case': 'ß' }], ['ß', 'SS'], ['ss', 's']],
    ['wildcards', [{ wildcard: 'a*b' }], ['ab', 'axb'], ['a', 'b', 'abc']],
    ['wildcards at both ends', [{ wildcard: '*ab*' }], ['ab', 'xaby'], ['a', 'b']],
    ['wildcards at the beginning', [{ wildcard: '*ab' }], ['ab', 'xab'], ['abx']],
    ['wildcards without any', [{ wildcard: 'a\\*' }], ['a*'], ['a', 'ab']],
    ['numbers', [{ numeric: ['>', 1, '<=', 2] }], [1.5, 2], [1, 3, '2']],
    ['numbers without a bottom', [{ numeric: ['<', 1] }], [-1e300, 0], [1]],
    ['numbers without a top', [{ numeric: ['>=', 1] }], [1, 1e300], [0]],
    ['addresses', ['::1', { cidr: '10.0.0.0/8' }], ['0:0:0:0:0:0:0:1', '10.1.1.1'], ['11.0.0.1']],
    ['what they are not', [{ 'anything-but': 'a' }], ['b', 1, null], ['a']],
    ['presence', [{ exists: true }], ['a', null, 0], []],
    ['several operators', ['a', { prefix: 'b' }, { numeric: ['=', 1] }], ['a', 'bc', 1], ['ab', 2]],
  ])('rules are found by %s', (_name, list, passing, failing) => {
    const index = indexOf({ ...others, rule: { detail: { value: list } } });
    for (const value of passing) {
      expect(index.lookup({ detail: { value } })).toEqual(['rule']);
      expect(index.lookup({ detail: { value: ['-', value] } })).toEqual(['rule']);
      expect(index.lookup({ detail: [{ value: [] }, { value }] })).toEqual(['rule']);
      expect(index.lookup({ 'detail.value': value })).toEqual(['rule']);
    }
    for (const value of failing) expect(index.lookup({ detail: { value } })).toEqual([]);
    expect(index.lookup({ detail: {} })).toEqual([]);
  });

  test('rules of one kind on one field are told from each other', () => {
    const twenty = Array.from({ length: 20 }, (_, i) => 20 - i);
    const rulesOf = (kind: string, list: (i: number) => unknown) =>
      Object.fromEntries(twenty.map((i) => [`${kind}-${i}`, { detail: { value: [list(i)] } }]));
    const index = indexOf({
      ...others,
      ...rulesOf('value', (i) => `value ${i}`),
      ...rulesOf('prefix', (i) => ({ prefix: `${i}/` })),
      ...rulesOf('suffix', (i) => ({ suffix: `/${i}` })),
      ...rulesOf('without-case', (i) => ({ 'equals-ignore-case': `Value ${i}` })),
      ...rulesOf('range', (i) => ({ numeric: ['>=', i, '<=', i + 1] })),
    });
    const find = (value: unknown) => index.lookup({ detail: { value } });
    expect(find('value 7')).toEqual(['value-7', 'without-case-7']);
    expect(find('VALUE 7')).toEqual(['without-case-7']);
    expect(find('12/x/3')).toEqual(['prefix-12', 'suffix-3']);
    expect(find('1/')).toEqual(['prefix-1']);
    expect(find('1/2')).toEqual(['prefix-1', 'suffix-2']);
    expect(find('/20')).toEqual(['suffix-20']);
    expect(find('1')).toEqual([]);
    expect(find(['12/', 'VALUE 7', 20.5])).toEqual(['prefix-12', 'without-case-7', 'range-20']);
    const all = find(twenty.flatMap((i) => [`value ${i}`, `value ${i}`]));
    expect(all).toEqual(['value', 'without-case'].flatMap((kind) => twenty.map((i) => `${kind}-${i}`)));
    expect(find(7)).toEqual(['range-7', 'range-6']);
    expect(find(20.5)).toEqual(['range-20']);
    expect(find(0)).toEqual([]);
  });

  test('a rule that asks for nothing but absence is found', () => {
    const index = indexOf({ ...others, rule: { 'replay-name': [{ exists: false }] } });
    expect(index.lookup({ source: 'a' })).toEqual(['rule']);
    expect(index.lookup({ source: 'a', 'replay-name': 'r' })).toEqual([]);
  });

  test('a rule is found once, however many of its alternatives and values match', () => {
    const index = indexOf({
      ...others,
      either: { $or: [{ a: [1, 2] }, { b: [{ exists: true }] }, { c: [{ exists: false }] }] },
      array: { a: [{ prefix: 'x' }, { prefix: 'xy' }, { exists: true }] },
    });
    expect(index.lookup({ a: [1, 2, 1], b: 1 })).toEqual(['either', 'array']);
    expect(index.lookup({ a: 'xyz', c: 1 })).toEqual(['array']);
  });

  test('an array of many values brings up each rule once', () => {
    const index = indexOf({
      ...others,
      yes: { tags: [{ exists: true }] },
      no: { tags: [{ 'anything-but': 'x' }], a: [1] },
    });
    expect(index.lookup({ tags: Array.from({ length: 100 }, (_, i) => `tag ${i}`) })).toEqual(['yes']);
  });

  test('fields of an array must meet in one of its elements', () => {
    const index = indexOf({ ...others, rule: { items: { sku: ['A'], quantity: [2] } } });
    expect(
      index.lookup({
        items: [
          { sku: 'A', quantity: 1 },
          { sku: 'B', quantity: 2 },
        ],
      }),
    ).toEqual([]);
    expect(
      index.lookup({
        items: [
          { sku: 'A', quantity: 1 },
          { sku: 'A', quantity: 2 },
        ],
      }),
    ).toEqual(['rule']);
  });

  test('a removed rule is not found any more, and a changed one only by its new pattern', () => {
    const index = indexOf({ ...others, a: { source: ['a'] }, b: { source: ['a'] }, c: { source: ['a'] } });
    expect(index.lookup({ source: 'a' })).toEqual(['a', 'b', 'c']);
    index.remove('a');
    expect(index.lookup({ source: 'a' })).toEqual(['b', 'c']);
    index.add('b', compile({ source: ['b'] }));
    expect(index.lookup({ source: 'a' })).toEqual(['c']);
    expect(index.lookup({ source: 'b' })).toEqual(['b']);
    index.add('a', compile({ source: ['a'] }));
    expect(index.lookup({ source: 'a' })).toEqual(['c', 'a']);
    index.remove('unknown');
    expect(index.lookup({ source: 'a' })).toEqual(['c', 'a']);
  });

  test('what is no event matches no rule', () => {
    const index = indexOf({ ...others, rule: { a: [{ exists: false }] } });
    for (const event of [undefined, null, 'text', 1, [], [{}]]) expect(index.lookup(event)).toEqual([]);
  });

  test('names of fields that come and go do no harm', () => {
    const index = indexOf({ ...others, rule: { detail: { x: { y: [1] } } } });
    for (let i = 0; i < 3_000; i++)
      expect(index.lookup({ detail: { [`n${i}`]: 1, [`m${i}.y`]: 1 } })).toEqual([]);
    expect(index.lookup({ detail: { 'x.y': 1 } })).toEqual(['rule']);
    expect(index.lookup({ detail: { x: { y: 1 }, n1: 1 } })).toEqual(['rule']);
  });

  test('an event nested without end does no harm', () => {
    const index = indexOf({ ...others, rule: { a: [1] } });
    const deep = JSON.parse(`{"a": ${'['.repeat(100_000)}1${']'.repeat(100_000)}}`);
    expect(index.lookup(deep)).toEqual([]);
  });
});

test('an empty index finds nothing', () => {
  expect(new RuleIndex().lookup({ source: 'a' })).toEqual([]);
});

describe('of 300 rules, an event is tested against those only that do not name another', () => {
  const event = { source: 'source-7', 'detail-type': 'Type7', detail: { status: 'SHIPPED' } };

  test.each<[string, (i: number) => object]>([
    ['source', (i) => ({ source: [`source-${i}`] })],
    ['detail-type', (i) => ({ 'detail-type': [`Type${i}`] })],
    ['source of one detail-type', (i) => ({ source: [`source-${i}`], 'detail-type': ['Type7'] })],
    ['detail-type of one source', (i) => ({ source: ['source-7'], 'detail-type': [`Type${i}`] })],
    ['list of sources', (i) => ({ source: [`source-${i}`, 'another'], detail: { status: ['SHIPPED'] } })],
    [
      'source in each alternative',
      (i) => ({ $or: ['a', 'b'].map((x) => ({ source: [`source-${i}`], x: [x] })) }),
    ],
  ])('%s', (_name, patternOf) => {
    const index = new RuleIndex();
    const asked = new Set<string>();
    for (let i = 0; i < 300; i++) {
      const name = `rule-${i}`;
      const pattern = compile(patternOf(i));
      const matches = pattern.matches.bind(pattern);
      pattern.matches = (each) => {
        asked.add(name);
        return matches(each);
      };
      index.add(name, pattern);
    }
    for (const x of ['a', 'c']) index.lookup({ ...event, x });
    expect([...asked]).toEqual(['rule-7']);
    expect(index.lookup({ ...event, x: 'a' })).toEqual(['rule-7']);
  });
});

test('events of ever new sources and detail-types do no harm', () => {
  const index = indexOf({ some: { source: ['s-1', 's-2999'] }, all: { source: [{ prefix: 's' }] } });
  for (let i = 0; i < 3_000; i++) {
    const names = index.lookup({ source: `s-${i}`, 'detail-type': `t-${i}` });
    expect(names).toEqual(i === 1 || i === 2_999 ? ['some', 'all'] : ['all']);
  }
});

test('an event whose source or detail-type is no text is tested against all', () => {
  const index = indexOf({ a: { source: ['a'] }, b: { 'detail-type': ['b', 1] }, none: { source: ['c'] } });
  expect(index.lookup({ source: ['x', 'a'], 'detail-type': ['b'] })).toEqual(['a', 'b']);
  expect(index.lookup({ source: 'a' })).toEqual(['a']);
  expect(index.lookup({ source: 'x', 'detail-type': 1 })).toEqual(['b']);
});
