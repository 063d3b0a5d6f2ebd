/** Recipients of an event where the template does not say all: a value that only AWS knows may decide either way. */
import { UNDESCRIBED } from '../../../../tools/app';
import { defined } from '../../../../tools/defined';
import { readEvent } from '../../../../tools/proof/routes/given-event';
import { recipientsOf } from '../../../../tools/proof/routes/recipients';
import { recipientsText } from '../../../../tools/proof/routes/recipients-report';
import { readRouting } from '../../../../tools/proof/routes/routing';
import { assemblyOf } from '../assembly';

const PLACE = { account: '123456789012', region: 'us-east-1' };
const UNKNOWN = { 'Fn::ImportValue': 'elsewhere' };
const event = { source: 'shop', 'detail-type': 'Sold', detail: { kind: 'a' } };
const recipients = (
  properties: object,
  { given = event as object, more = {}, pattern = undefined as string | undefined } = {},
) => {
  const Rule = { Type: 'AWS::Events::Rule', Properties: { Name: 'r', Targets: [], ...properties }, ...more };
  const Parameters = { On: { Type: 'String' } };
  const Conditions = { IsOn: { 'Fn::Equals': [{ Ref: 'On' }, 'yes'] } };
  const assembly = assemblyOf({ Resources: { Rule }, Parameters, Conditions });
  return recipientsOf(readRouting(assembly, UNDESCRIBED), readEvent(given, assembly), pattern);
};
const judge = (...[properties, options]: Parameters<typeof recipients>) => {
  const found = recipients(properties, options);
  return found.map(({ rule, takes, misses }) => [rule, takes, ...misses.map(({ field }) => field)]);
};

test.each<[string, object, readonly string[]]>([
  ['takes it', { EventPattern: { source: ['shop'] } }, ['r', 'yes']],
  ['names another source', { EventPattern: { source: ['depot'] } }, ['r', 'no', 'source']],
  ['names a source that is not known', { EventPattern: { source: [UNKNOWN] } }, ['r', 'unknown', 'source']],
  [
    'leaves out a kind that is not known',
    { EventPattern: { source: ['shop'], detail: { kind: [{ 'anything-but': [UNKNOWN] }] } } },
    ['r', 'unknown', 'pattern'],
  ],
  [
    'names another source beside an unknown kind',
    { EventPattern: { source: ['depot'], detail: { kind: [UNKNOWN] } } },
    ['r', 'no', 'source'],
  ],
  ['is disabled', { EventPattern: { source: ['shop'] }, State: 'DISABLED' }, ['r', 'no', 'state']],
])('a rule that %s', (_, properties, recipient) => {
  expect(judge(properties)).toEqual([recipient]);
});

test('a rule that fires by a schedule gets no event', () => {
  expect(judge({ ScheduleExpression: 'rate(1 hour)' })).toEqual([]);
});

test('a rule that only a parameter turns on cannot be told', () => {
  expect(judge({ EventPattern: { source: ['shop'] } }, { more: { Condition: 'IsOn' } })).toEqual([
    ['r', 'unknown', 'rule'],
  ]);
});

test('a rule on a bus that is not known cannot be told, if the event names one', () => {
  const entry = { Source: 'shop', DetailType: 'Sold', Detail: '{"kind":"a"}', EventBusName: 'front' };
  const properties = { EventPattern: { source: ['shop'] } };
  expect(judge({ ...properties, EventBusName: UNKNOWN }, { given: entry })).toEqual([
    ['r', 'unknown', 'bus'],
  ]);
  expect(judge({ ...properties, EventBusName: 'back' }, { given: entry })).toEqual([['r', 'no', 'bus']]);
  expect(judge(properties, { given: { ...entry, Detail: { kind: 'a' }, EventBusName: 'default' } })).toEqual([
    ['r', 'yes'],
  ]);
});

test('a pattern is tried beside the rules', () => {
  const properties = { EventPattern: { source: ['shop'] } };
  const tried = (pattern: object) => judge(properties, { pattern: JSON.stringify(pattern) })[0];
  expect(tried({ source: ['shop'] })).toEqual(['--pattern', 'yes']);
  expect(tried({ source: ['depot'] })).toEqual(['--pattern', 'no', 'source']);
});

describe('a pattern with alternatives', () => {
  const told = (alternatives: readonly object[], pattern?: string) => {
    const EventPattern = { source: ['shop'], $or: alternatives };
    const found = recipients({ EventPattern }, defined({ pattern }));
    return recipientsText('title', readEvent(event, PLACE).event, found).split('\n').slice(2);
  };

  test('is told with each of them, closest first', () => {
    expect(
      told([{ detail: { kind: ['b'], size: [1] } }, { detail: { kind: ['c'] } }, { region: ['eu-west-1'] }]),
    ).toEqual([
      '  Rule (r) on default: detail.kind is "a", allowed: "c" (the closest of 3 alternatives)',
      '      or region is "us-east-1", allowed: "eu-west-1"',
      '      or detail.kind is "a", allowed: "b"; detail.size is absent, allowed: 1',
      '',
      'No rule takes it.',
    ]);
  });

  test('counts by field those that are too many', () => {
    const alternatives = Array.from({ length: 12 }, (_, i) => ({
      detail: { [i % 2 ? 'kind' : 'size']: [i] },
    }));
    const lines = told(alternatives);
    expect(lines[0]).toContain('(the closest of 12 alternatives)');
    expect(lines.filter((line) => line.startsWith('      or '))).toHaveLength(10);
    expect(lines[10]).toBe('      or one of 2 more, kept out by detail.size (1), detail.kind (1)');
  });

  test('is told of a pattern under test, too', () => {
    const pattern = JSON.stringify({ $or: [{ source: ['a'] }, { source: ['b'] }] });
    expect(told([{ source: ['x'] }, { source: ['y'] }], pattern).slice(0, 2)).toEqual([
      '  --pattern: source is "shop", allowed: "a" (the closest of 2 alternatives)',
      '      or source is "shop", allowed: "b"',
    ]);
  });

  test('cannot be told if one of them hangs only on what AWS knows, be another closer or not', () => {
    const open = { detail: { kind: [UNKNOWN], size: [UNKNOWN] } };
    const EventPattern = { source: ['shop'], $or: [{ detail: { kind: ['b'] } }, open] };
    expect(judge({ EventPattern })).toEqual([['r', 'unknown', 'detail.kind', 'detail.size']]);
  });

  test('is told with the rest of what they have to compare, where AWS knows a part', () => {
    const mixed = { detail: { kind: [UNKNOWN], size: [1] } };
    const EventPattern = { source: ['shop'], $or: [{ detail: { kind: ['b'] } }, mixed] };
    expect(recipients({ EventPattern })).toMatchObject([
      { takes: 'no', misses: [{ field: 'detail.kind' }], others: { told: [[{ field: 'detail.size' }]] } },
    ]);
  });
});

test.each<[unknown, string]>([
  [7, '--event: Invalid type: Expected Object but received 7; expected an event'],
  [{ source: 7 }, '--event: source: '],
  [[], '--event is a list of 0'],
  [[event, event], '--event is a list of 2; expected one event'],
  [{ Source: 'a', DetailType: 'b', Detail: 'no JSON' }, '--event: Detail'],
])('%j is no event', (given, message) => {
  expect(() => readEvent(given, assemblyOf({ Resources: {} }))).toThrow(message);
});

test('a list of one entry, as the AWS CLI takes it, is that entry', () => {
  const entry = { Source: 'shop', DetailType: 'Sold', Detail: '{"kind":"a"}', EventBusName: 'orders' };
  expect(readEvent([entry], PLACE)).toMatchObject({ event, bus: 'orders' });
});
