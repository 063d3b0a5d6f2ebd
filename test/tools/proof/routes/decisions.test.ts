import * as v from 'valibot';
import { APP } from '../../../../bin/app-description';
import type { App } from '../../../../tools/app';
import { decisionLines } from '../../../../tools/proof/routes/decisions-report';
import { proveRoutes } from '../../../../tools/proof/routes/routes';
import { synthesize } from '../../../lib/synthesize';
import { assemblyOf } from '../assembly';

// biome-ignore lint/suspicious/noExplicitAny: a template is JSON that these tests change
type Template = any;

const TEMPLATE: Template = synthesize().toJSON();
const CREATED = 'app.orders/OrderCreated';

/** The decisions of the stack with rules of these patterns beside its own, which send to the analytics function. */
function decide(patterns: Record<string, object>, target: object = {}, app: App = APP) {
  const template = structuredClone(TEMPLATE);
  const [, model] = Object.entries<Template>(template.Resources).find(
    ([, { Type, Properties }]) => Type === 'AWS::Events::Rule' && /all-events/.test(Properties.Name),
  ) as [string, Template];
  for (const [name, EventPattern] of Object.entries(patterns)) {
    const [first] = model.Properties.Targets;
    const Targets = [{ ...first, ...target }];
    template.Resources[name] = {
      ...model,
      Properties: { ...model.Properties, Name: name, EventPattern, Targets },
    };
  }
  const proof = proveRoutes(assemblyOf(template), app);
  const { decisions } = proof;
  return {
    proof,
    rule: (name: string, contract = CREATED) =>
      decisions.rules.find((each) => each.rule === name && each.contract === contract),
    pair: (one: string, other: string) =>
      decisions.pairs.find(({ rules: [a, b], contract }) => a === one && b === other && contract === CREATED),
    input: (name: string) =>
      decisions.inputs.find(({ rule, contract }) => rule === name && contract === CREATED),
    text: (verbose: boolean) => decisionLines(decisions, (name) => name, verbose).join('\n'),
  };
}

const created = (detail: object) => ({ source: ['app.orders'], 'detail-type': ['OrderCreated'], detail });

test('it is told for each contract whether a rule takes every event, some or none', () => {
  const { rule, text } = decide({
    every: created({ total: [{ numeric: ['>=', 0] }] }),
    some: created({ total: [{ numeric: ['>', 1_000_000] }] }),
    none: created({ total: [{ numeric: ['<', 0] }] }),
    long: created({ orderId: [{ prefix: 'x'.repeat(129) }] }),
    network: created({ customerId: [{ cidr: '10.0.0.0/8' }] }),
    network6: created({ customerId: [{ cidr: '2001:db8::/32' }] }),
  });
  expect(rule('every')).toMatchObject({ verdict: 'every' });
  expect(rule('some')).toMatchObject({
    verdict: 'some',
    taken: { detail: { total: 1_000_001 } },
    missed: { source: 'app.orders' },
  });
  expect(rule('none')).toMatchObject({ verdict: 'none' });
  expect(rule('long')).toMatchObject({ verdict: 'none' });
  expect(rule('network')).toMatchObject({ verdict: 'some', taken: { detail: { customerId: '10.0.0.0' } } });
  expect(rule('network6')).toMatchObject({ taken: { detail: { customerId: '2001:db8:0:0:0:0:0:0' } } });
  expect(text(true)).toMatch(/some takes \{.*"total":1000001/);
});

test('a rule that takes rare events only is not called dead', () => {
  const { proof } = decide({ rare: created({ customerId: [{ wildcard: 'a*b*c*d' }], total: [12_345.678] }) });
  expect(proof.findings.filter(({ rule, kind }) => rule === 'rare' && kind === 'dead-rule')).toEqual([]);
});

test('it is told which rules take the same events', () => {
  const { pair, text } = decide({
    large: created({ total: [{ numeric: ['>', 100] }] }),
    larger: created({ total: [{ numeric: ['>', 1_000] }] }),
    small: created({ total: [{ numeric: ['<=', 100] }] }),
    named: created({ customerId: [{ prefix: 'a' }] }),
    again: created({ total: [{ numeric: ['>', 100] }] }),
  });
  expect(pair('larger', 'large')).toMatchObject({ verdict: 'inside' });
  expect(pair('large', 'again')).toMatchObject({ verdict: 'same' });
  expect(pair('large', 'named')).toMatchObject({
    verdict: 'overlap',
    taken: { detail: { customerId: 'a' } },
  });
  expect(pair('large', 'small') ?? pair('small', 'large')).toBeUndefined();
  expect(text(false)).toContain('large takes all that these take: larger');
});

test('a transformer that makes no JSON of some event is found by such an event', () => {
  const input = (template: string) => ({
    InputTransformer: {
      InputPathsMap: {
        orderId: '$.detail.orderId',
        customerId: '$.detail.customerId',
        items: '$.detail.items',
      },
      InputTemplate: template,
    },
  });
  const safe = decide({ safe: created({ total: [0] }) }, input('{"a":"<orderId>","b":<customerId>}'));
  expect(safe.input('safe')).toMatchObject({ verdict: 'valid' });
  const spoiled = decide({ spoiled: created({ total: [0] }) }, input('{"a":"<customerId>"}'));
  expect(spoiled.input('spoiled')).toMatchObject({ verdict: 'invalid', variable: 'customerId' });
  expect(spoiled.proof.findings.map(({ kind, rule }) => `${kind} ${rule}`)).toContain(
    'invalid-payload spoiled',
  );
  const list = decide({ list: created({ total: [0] }) }, input('{"a":"<items>"}'));
  expect(list.input('list')).toMatchObject({ verdict: 'cannot tell' });
});

test('the fields that a transformer makes are accepted for each event, or refused for one that is shown', () => {
  const payload = v.object({
    id: v.pipe(v.string(), v.regex(/^[0-9a-f-]{36}$/)),
    customer: v.pipe(v.string(), v.maxLength(20)),
    created: v.pipe(v.string(), v.minLength(1)),
    text: v.pipe(v.string(), v.maxLength(2_000)),
    short: v.pipe(v.string(), v.maxLength(40)),
    time: v.pipe(v.string(), v.isoTimestamp()),
    total: v.pipe(v.number(), v.maxValue(1e9)),
    detail: v.pipe(v.custom<object>(Boolean), v.metadata({ type: 'object' })),
  });
  const accepts = (given: unknown) => void v.parse(payload, given);
  const consumers = {
    ...APP.consumers,
    analytics: { ...APP.consumers.analytics, payload, accepts },
  } as App['consumers'];
  const asked = {
    id: '$.id',
    customer: '$.detail.customerId',
    created: '$.detail.createdAt',
    total: '$.detail.total',
  };
  const InputTransformer = {
    InputPathsMap: { ...asked, time: '$.time', detail: '$.detail' },
    InputTemplate: `{${[...Object.keys(asked), 'time', 'detail'].map((name) => `"${name}":<${name}>`).join()},"text":"<id> <time>","short":"<id>.","other":<id>}`,
  };
  const { proof, text } = decide(
    { all: created({ total: [{ numeric: ['>', 5] }] }) },
    { InputTransformer },
    { ...APP, consumers },
  );
  const fields = proof.decisions.fields.filter(({ rule }) => rule === 'all');
  expect(Object.fromEntries(fields.map(({ field, verdict }) => [field, verdict]))).toEqual({
    id: 'accepted',
    customer: 'refused',
    created: 'refused',
    total: 'refused',
    text: 'accepted',
    short: 'cannot tell',
    time: 'cannot tell',
    detail: 'accepted',
  });
  const shown = (name: string) => fields.find(({ field }) => field === name);
  expect(shown('customer')).toMatchObject({
    taken: { detail: { customerId: expect.stringMatching(/^.{21}$/) } },
  });
  expect(shown('total')).toMatchObject({ taken: { detail: { total: 1_000_000_001 } } });
  expect(shown('time')).toMatchObject({ reason: expect.stringContaining('time is checked by code') });
  expect(text(false)).toMatch(/these fields are accepted for each: id, detail, text\n/);
});

test('what AWS gets wrong of a pattern is a warning', () => {
  const { proof } = decide({
    shared: {
      source: ['app.orders'],
      $or: [{ 'detail-type': ['OrderCreated'] }, { 'detail-type': ['OrderCreated', 'X'] }],
    },
  });
  expect(proof.warnings).toEqual([expect.stringMatching(/^Rule shared: detail-type: two alternatives/)]);
});

test('that many rules are not compared with each other is told', () => {
  const rules = Array.from({ length: 46 }, (_, i) => [
    `rule${i}`,
    created({ total: [{ numeric: ['>', i] }] }),
  ]);
  const { proof } = decide(Object.fromEntries(rules));
  expect(proof.decisions.pairs.filter(({ contract }) => contract === CREATED)).toEqual([]);
  expect(proof.notLookedAt).toContainEqual(
    expect.stringMatching(/^which of the \d+ rules that take events of app.orders\/OrderCreated/),
  );
});

test('a value that a pattern lists is dead if no event that the schema allows can have it, however unlike the examples', () => {
  const { proof } = decide({
    // No example is like any of these; only the last two never come.
    living: created({
      orderId: ['order-1', { wildcard: 'a*b*c*d' }],
      total: [{ numeric: ['>', 7, '<', 7.25] }],
    }),
    dead: created({ orderId: ['order-1', 'x'.repeat(129)], customerId: [{ 'anything-but': [''] }, 5] }),
  });
  const dead = proof.findings.filter(({ kind }) => kind === 'dead-condition').map(({ message }) => message);
  expect(dead.sort()).toEqual([
    expect.stringContaining('Rule dead asks for detail.customerId 5,'),
    expect.stringContaining('Rule dead asks for detail.orderId "xxx'),
  ]);
  expect(proof.unknown.filter(({ kind }) => kind === 'dead-condition')).toEqual([]);
});

test('where the schema cannot be told, neither can it be whether a condition is dead', () => {
  const [contract] = APP.contracts.filter(({ detailType }) => detailType === 'OrderCreated');
  const other = {
    ...contract,
    schema: v.looseObject({ orderId: v.string(), total: v.pipe(v.number(), v.multipleOf(0.5)) }),
  };
  const { proof } = decide(
    { half: created({ total: [0, 'many'] }) },
    {},
    {
      ...APP,
      contracts: APP.contracts.map((each) =>
        each === contract ? { ...each, ...other } : each,
      ) as App['contracts'],
    },
  );
  expect(proof.unknown.filter(({ kind }) => kind === 'dead-condition').map(({ message }) => message)).toEqual(
    [expect.stringMatching(/Rule half asks for detail\.total "many"; whether .* multipleOf, of 0\.5/)],
  );
});
