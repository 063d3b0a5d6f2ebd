/** Reports of `npm run routes`, line by line, of decisions that the project's own stack does not have. */

import { APP } from '../../../../bin/app-description';
import { UNDESCRIBED } from '../../../../tools/app';
import type { RouteDecisions } from '../../../../tools/proof/routes/decisions';
import { decisionLines } from '../../../../tools/proof/routes/decisions-report';
import type { PatternDecisions } from '../../../../tools/proof/routes/pattern-decisions';
import { patternText } from '../../../../tools/proof/routes/pattern-report';
import type { Recipient } from '../../../../tools/proof/routes/recipients';
import { recipientsText } from '../../../../tools/proof/routes/recipients-report';
import { proveRoutes } from '../../../../tools/proof/routes/routes';
import { routesJson, routesText } from '../../../../tools/proof/routes/routes-report';
import { assemblyOf } from '../assembly';

describe('what a pattern takes', () => {
  const lineOf = (decisions: Partial<PatternDecisions>) =>
    patternText('cdk.out', { contracts: [], rules: [], warnings: [], ...decisions }).split('\n');

  test('without contracts and rules says what was not looked at', () => {
    expect(lineOf({ warnings: ['a \x1b warning'] })).toEqual([
      ...['cdk.out: what the pattern takes', '', 'Warning: a \\x1b warning.', ''],
      ...['Not looked at: events of contracts, none is described.', '', 'There is no rule with a pattern.'],
    ]);
  });

  test.each<[object, readonly string[]]>([
    [{ verdict: 'every' }, ['  ● shop/Sold: every']],
    [{ verdict: 'none' }, ['    shop/Sold: none']],
    [{ verdict: 'some' }, ['  ◐ shop/Sold: some']],
    [
      { verdict: 'some', taken: { a: 1 }, missed: { a: 2 } },
      ['  ◐ shop/Sold: some', '      takes {"a":1}', '      not   {"a":2}'],
    ],
    [{ verdict: 'cannot tell', reason: 'it is odd' }, ['  ? shop/Sold: cannot tell: it is odd']],
  ])('of a contract: %j', (decision, lines) => {
    const contracts = [{ contract: 'shop/Sold', ...decision }] as unknown as PatternDecisions['contracts'];
    expect(lineOf({ contracts })).toEqual(expect.arrayContaining([...lines]));
  });

  test.each<[object, string]>([
    [{ verdict: 'same' }, 'takes the same events'],
    [{ verdict: 'inside' }, 'takes all that the pattern takes, and more'],
    [{ verdict: 'around' }, 'takes a part of what the pattern takes'],
    [{ verdict: 'overlap' }, 'takes some in common'],
    [{ verdict: 'overlap', taken: { source: 'a', id: '' } }, 'takes some in common, e.g. {"source":"a"}'],
    [{ verdict: 'apart' }, 'takes none in common'],
    [{ verdict: 'cannot tell', reason: 'it is odd' }, 'cannot tell: it is odd'],
  ])('beside a rule: %j', (relation, text) => {
    const named = (resource: string) =>
      [{ resource, rule: 'sold', bus: 'shop', ...relation }] as unknown as PatternDecisions['rules'];
    expect(lineOf({ rules: named('Sold1') })).toContain(`  Sold1 (sold) on shop: ${text}`);
    expect(lineOf({ rules: named('sold') })).toContain(`  sold on shop: ${text}`);
  });
});

describe('who gets an event', () => {
  const event = { source: 'shop', 'detail-type': 'Sold' } as Parameters<typeof recipientsText>[1];
  const recipient: Recipient = {
    ...{ resource: 'Sold1', rule: 'sold', bus: 'shop', takes: 'yes', misses: [], deliveries: [] },
  };
  const linesOf = (...recipients: Partial<Recipient>[]) =>
    recipientsText(
      'cdk.out',
      event,
      recipients.map((each) => ({ ...recipient, ...each })),
    ).split('\n');

  test('is nobody without a rule', () => {
    expect(linesOf()).toEqual([
      ...['cdk.out: who gets shop/Sold', '', 'There is no rule with a pattern.', '', 'No rule takes it.'],
    ]);
  });

  test.each<[Partial<Recipient>, readonly string[]]>([
    [{}, ['● Sold1 (sold) on shop', '', '1 of 1 take it.']],
    [{ rule: 'Sold1', from: 'front' }, ['● Sold1 on shop, handed on by front']],
    [{ rule: '--pattern', bus: '-' }, ['● Sold1 (--pattern)', '', 'No rule takes it.']],
    [
      { takes: 'unknown', misses: [{ field: 'bus', reason: 'is odd' }] },
      ['? Sold1 (sold) on shop: cannot tell: bus is odd'],
    ],
    [
      {
        takes: 'no',
        misses: [
          { field: 'source', reason: 'is other' },
          { field: 'time', reason: 'is late' },
        ],
      },
      ['  Sold1 (sold) on shop: source is other; time is late'],
    ],
    [
      {
        deliveries: [
          { target: 'T', payload: '{\n}' },
          { target: 'U', consumer: 'mailer', problem: { kind: 'invalid-payload', reason: 'no \x07 JSON' } },
        ] as unknown as Recipient['deliveries'],
      },
      ['    → T', '      {', '      }', '    → mailer: ✗ no \\x07 JSON'],
    ],
  ])('by %j', (given, lines) => {
    const text = linesOf(given);
    for (const line of lines) expect(text).toContain(line);
  });
});

describe('what holds for all events', () => {
  const linesOf = (decisions: Partial<RouteDecisions>, verbose = false) =>
    decisionLines(
      { rules: [], pairs: [], inputs: [], fields: [], notLookedAt: [], ...decisions },
      (name) => name.replace('shop-', ''),
      verbose,
    )
      .join('\n')
      .split('\n')
      .map((line) => line.trim());
  const contract = 'shop/Sold';
  const rules = [{ contract, rule: 'shop-a', verdict: 'some', taken: { a: 1 }, missed: { a: 2 } }] as const;
  const of = { contract, rule: 'shop-a', target: 'T' };

  test('is nothing without rules', () => {
    expect(linesOf({})).toEqual(['']);
  });

  test('of rules without contracts is what they take in common', () => {
    expect(
      linesOf(
        {
          pairs: [
            { rules: ['shop-a', 'shop-b'], verdict: 'same' },
            { rules: ['shop-a', 'shop-c'], verdict: 'same' },
            { rules: ['shop-b', 'shop-c'], verdict: 'same' },
            { rules: ['shop-a', 'shop-d'], verdict: 'inside' },
            { rules: ['shop-a', 'shop-e'], verdict: 'overlap', taken: { x: 1 } },
            { rules: ['shop-a', 'shop-f'], verdict: 'overlap' },
            { rules: ['shop-b', 'shop-f'], verdict: 'overlap' },
            { rules: ['shop-a', 'shop-g'], verdict: 'cannot tell', reason: 'it is odd' },
          ],
        },
        true,
      ).slice(1),
    ).toEqual([
      'a, b, c take the same events',
      'd takes all that these take: a',
      'a takes some in common with e ({"x":1}), f',
      'cannot tell what a and g take in common: it is odd',
    ]);
  });

  test('of a rule is told with an event of each kind, if that is asked for', () => {
    const every = { contract, rule: 'shop-b', verdict: 'every' } as const;
    const odd = { contract, rule: 'shop-c', verdict: 'cannot tell', reason: 'it is odd' } as const;
    const lines = linesOf({ rules: [...rules, every, odd] }, true);
    expect(lines.slice(1)).toEqual([
      ...['shop/Sold', 'every: b', 'some: a', 'a takes {"a":1}', 'a does not take {"a":2}'],
      'cannot tell what c takes: it is odd',
    ]);
    expect(linesOf({ rules })).not.toContain('a takes {"a":1}');
  });

  test('of what a target is given', () => {
    const inputs: RouteDecisions['inputs'] = [
      { ...of, verdict: 'valid' },
      { ...of, verdict: 'invalid', variable: 'id', taken: { a: '"' } },
      { ...of, verdict: 'cannot tell', reason: 'it is odd' },
    ];
    const fields = [
      { ...of, field: 'id', verdict: 'accepted' },
      { ...of, field: 'name', verdict: 'refused', taken: { a: '' } },
      { ...of, field: 'note', verdict: 'cannot tell', reason: 'it is odd' },
      { ...of, target: 'U', field: 'id', verdict: 'refused', taken: { a: '' } },
    ] as unknown as RouteDecisions['fields'];
    expect(linesOf({ rules, inputs, fields }).slice(3)).toEqual([
      'what a gives to its target T is JSON for each',
      'what a gives to its target T is no JSON for some, by <id>: {"a":"\\""}',
      'cannot tell whether what a gives to its target T is JSON for each: it is odd',
      'of what a gives to its target T, these fields are accepted for each: id',
      'of what a gives to its target T, name is refused for some: {"a":""}',
      'cannot tell whether note, of what a gives to its target T, is accepted for each: it is odd',
      'of what a gives to its target U, id is refused for some: {"a":""}',
    ]);
  });
});

describe('routes of a stack that nobody described', () => {
  const rule = (properties: object) => ({ Type: 'AWS::Events::Rule', Properties: properties });
  const reportOf = (Resources: Record<string, object>) => {
    const assembly = assemblyOf({ Resources }, 'shop');
    return routesText(proveRoutes(assembly, UNDESCRIBED), {
      ...{ stackName: 'shop', title: 'cdk.out', verbose: false },
    });
  };

  test('are its rules with their patterns and targets', () => {
    const text = reportOf({
      Queue: { Type: 'AWS::SQS::Queue', Properties: {} },
      Machine: { Type: 'Shop::Own::Machine', Properties: {} },
      Off: rule({ Name: 'shop-off', State: 'DISABLED', EventPattern: { source: ['a'] } }),
      On: rule({
        Name: 'on',
        EventPattern: { source: ['b'] },
        Targets: [
          { Id: 'Q', Arn: { 'Fn::GetAtt': ['Queue', 'Arn'] } },
          { Id: 'E', Arn: 'arn:aws:nothing:us-east-1:000000000000:thing' },
        ],
      }),
      Never: rule({ Name: 'never', ScheduleExpression: 'cron(0 0 31 2 ? *)', Targets: [] }),
    });
    expect(text).toContain('cdk.out: 2 rules with a pattern');
    expect(text).toContain('off on default, disabled\n  takes {"source":["a"]}');
    expect(text).toContain(
      'on on default\n  takes {"source":["b"]}\n  → Q: queue Queue\n  → E: target arn:aws:nothing:',
    );
    expect(text).toContain('never: cron(0 0 31 2 ? *), next at no time');
  });
});

test('rules too many for a table are told by event, those alone that take it; JSON has all', () => {
  const app = { ...UNDESCRIBED, contracts: APP.contracts.slice(0, 1) };
  const rule = (customer: number) => ({
    Type: 'AWS::Events::Rule',
    Properties: {
      Name: `rule-${customer}`,
      EventBusName: { Ref: 'Bus' },
      EventPattern: { source: ['app.orders'], detail: { customerId: [`customer-${customer}`] } },
      Targets: [{ Id: 'Queue', Arn: 'arn:aws:sqs:us-east-1:111111111111:q' }],
    },
  });
  const rules = Array.from({ length: 21 }, (_, customer) => [`Rule${customer}`, rule(customer)]);
  const Bus = { Type: 'AWS::Events::EventBus', Properties: { Name: 'orders' } };
  const proof = proveRoutes(assemblyOf({ Resources: { Bus, ...Object.fromEntries(rules) } }), app);
  const text = routesText(proof, { stackName: 'Test', title: 'cdk.out', verbose: false });
  const lines = text.split('\n');
  expect(text).toContain('21 rules are too many for a table');
  const made = lines.filter((line) => line.startsWith('  made for rule-7'));
  expect(made.length).toBeGreaterThan(0);
  for (const line of made) expect(line).toMatch(/^ {2}made for rule-7\b.*: ● rule-7$/);
  expect(lines.filter((line) => line.includes('customerId is '))).toEqual([]);
  for (const { verdicts } of JSON.parse(routesJson(proof)).events) expect(verdicts).toHaveLength(21);
});
