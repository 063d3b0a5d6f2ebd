/** Recipients of an event where the template does not say all: a value that only AWS knows may decide either way. */
import { UNDESCRIBED } from '../../../../tools/app';
import { readEvent } from '../../../../tools/proof/routes/given-event';
import { recipientsOf } from '../../../../tools/proof/routes/recipients';
import { readRouting } from '../../../../tools/proof/routes/routing';
import { assemblyOf } from '../assembly';

const UNKNOWN = { 'Fn::ImportValue': 'elsewhere' };
const event = { source: 'shop', 'detail-type': 'Sold', detail: { kind: 'a' } };
const judge = (
  properties: object,
  { given = event as object, more = {}, pattern = undefined as string | undefined } = {},
) => {
  const Rule = { Type: 'AWS::Events::Rule', Properties: { Name: 'r', Targets: [], ...properties }, ...more };
  const Parameters = { On: { Type: 'String' } };
  const Conditions = { IsOn: { 'Fn::Equals': [{ Ref: 'On' }, 'yes'] } };
  const assembly = assemblyOf({ Resources: { Rule }, Parameters, Conditions });
  const found = recipientsOf(readRouting(assembly, UNDESCRIBED), readEvent(given, assembly), pattern);
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

test.each<[unknown, string]>([
  [7, '--event: Invalid type: Expected Object but received 7; expected an event'],
  [{ source: 7 }, '--event: source: '],
  [{ Source: 'a', DetailType: 'b', Detail: 'no JSON' }, '--event: Detail'],
])('%j is no event', (given, message) => {
  expect(() => readEvent(given, assemblyOf({ Resources: {} }))).toThrow(message);
});
