import * as v from 'valibot';
import { APP, describeContract } from '../../../../bin/app-description';
import { EventContract } from '../../../../lambdas/contract';
import { OrderCreated } from '../../../../lambdas/events';
import type { App } from '../../../../tools/app';
import { proveRoutes } from '../../../../tools/proof/routes/routes';
import type { Finding } from '../../../../tools/proof/routes/routing';
import { synthesize } from '../../../lib/synthesize';
import { assemblyOf } from '../assembly';

// biome-ignore lint/suspicious/noExplicitAny: a template is JSON that these tests break in many places
type Template = any;

const NOW = new Date('2026-03-01T00:00:00Z');
let template: Template;
beforeAll(() => {
  template = synthesize().toJSON();
});

/** The proof of the stack's template after a change of it. */
function prove(
  change: (rules: Record<string, Template>, template: Template) => void,
  subject: Partial<App> = {},
) {
  const changed = structuredClone(template);
  const rules: Record<string, Template> = {};
  for (const { Type, Properties } of Object.values<Template>(changed.Resources)) {
    if (Type === 'AWS::Events::Rule') rules[Properties.Name.replace('event-driven-', '')] = Properties;
  }
  change(rules, changed);
  return proveRoutes(assemblyOf(changed), { ...APP, ...subject }, { now: NOW });
}

/** The findings of that proof, `kind: message`. */
function findings(...args: Parameters<typeof prove>): string[] {
  return prove(...args).findings.map(({ kind, message }: Finding) => `${kind}: ${message}`);
}

const resources = (changed: Template, type: string): Template[] =>
  Object.values<Template>(changed.Resources).filter(({ Type }) => Type === type);

test("the stack's own template has no finding", () => {
  expect(findings(() => {})).toEqual([]);
});

test('every contract is tried with its example, its variations and near misses', () => {
  const { events } = prove(() => {});
  for (const { type } of APP.contracts) {
    const kinds = events.filter(({ contract }) => contract === type).map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['example', 'absent', 'extreme', 'replayed', 'near-miss']));
  }
});

test('each verdict tells the field that decided', () => {
  const { events } = prove(() => {});
  const pending = events.find(({ label }) => label === 'status = "PENDING"');
  const reason = 'is "PENDING", allowed: "SHIPPED", "DELIVERED", "CANCELLED"';
  expect(pending?.verdicts).toContainEqual({
    rule: 'event-driven-order-status-changed',
    matched: false,
    misses: [{ field: 'detail.status', reason }],
    deliveries: [],
  });
});

test('each match tells the exact payload and whether its consumer accepts it', () => {
  const { events } = prove(() => {});
  const example = events.find(
    ({ contract, kind }) => contract.endsWith('StatusChanged') && kind === 'example',
  );
  const verdict = example?.verdicts.find(({ rule }) => rule === 'event-driven-order-status-changed');
  expect(verdict?.deliveries).toEqual([
    {
      rule: 'event-driven-order-status-changed',
      target: 'Notifier',
      consumer: 'notifier',
      payload: `{
  "orderId": "order-1001",
  "status": "SHIPPED",
  "email": "jane@example.com",
  "message": "Your order order-1001 has been SHIPPED",
  "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
  "time": "2026-01-15T10:00:00Z",
  "detail": {"orderId":"order-1001","status":"SHIPPED","previousStatus":"PENDING","customerEmail":"jane@example.com","updatedAt":"2026-01-16T08:30:00.000Z","metadata":{"eventId":"event-1","version":1,"correlationId":"request-1","causationId":"event-0"}}
}`,
    },
  ]);
});

test('a schedule is followed through its input to the consumer', () => {
  expect(prove(() => {}).schedules).toEqual([
    {
      rule: 'event-driven-daily-report',
      expression: 'cron(0 9 * * ? *)',
      next: '2026-03-01T09:00:00.000Z',
      deliveries: [
        {
          rule: 'event-driven-daily-report',
          target: 'DailyReport',
          consumer: 'analytics',
          payload: '{"type": "daily_report", "date": "2026-03-01T09:00:00Z"}',
        },
      ],
    },
  ]);
});

describe('a dead rule is found', () => {
  test('by a type that no contract has', () => {
    expect(
      findings((rules) => (rules['order-created'].EventPattern['detail-type'] = ['OrderCreate'])),
    ).toEqual([
      'dead-rule: Rule event-driven-order-created matches no event of any contract. Closest is app.orders/OrderCreated: detail-type is "OrderCreated", allowed: "OrderCreate".',
      expect.stringMatching(
        /^not-delivered: No rule gives order-processor app\.orders\/OrderCreated, which it is there for: all of its \d+ events here\.$/,
      ),
      expect.stringMatching(/^loose-pattern: /),
    ]);
  });

  test('by a field that the contract does not have', () => {
    expect(
      findings((rules) => (rules['order-status-changed'].EventPattern.detail = { stauts: ['SHIPPED'] })),
    ).toContainEqual(
      expect.stringMatching(/^dead-rule: Rule event-driven-order-status-changed .*detail\.stauts is absent/),
    );
  });

  test('by the bus that it listens on', () => {
    expect(findings((rules) => delete rules['all-events'].EventBusName)).toContain(
      'dead-rule: Rule event-driven-all-events listens on the bus default, contracts are published to event-driven-bus.',
    );
  });

  test('when it is disabled', () => {
    expect(findings((rules) => (rules['all-events'].State = 'DISABLED'))).toContain(
      'dead-rule: Rule event-driven-all-events is disabled: it takes no event.',
    );
  });

  test('when its schedule never comes again', () => {
    expect(
      findings((rules) => (rules['daily-report'].ScheduleExpression = 'cron(0 9 1 1 ? 2020)')),
    ).toContain('dead-rule: Rule event-driven-daily-report never fires again: cron(0 9 1 1 ? 2020).');
  });

  test('when it is an archive', () => {
    const change = (_: unknown, changed: Template) => {
      for (const { Properties } of resources(changed, 'AWS::Events::Archive'))
        Properties.EventPattern = { source: ['app.invoices'] };
    };
    expect(findings(change)).toContainEqual(
      expect.stringMatching(/^dead-rule: Archive event-driven-archive keeps no event of any contract\./),
    );
  });
});

test.each([
  ['a number that no example has', { total: [{ numeric: ['>', 1000, '<=', 1000.5] }] }],
  ['a prefix', { orderId: [{ prefix: 'vip-' }] }],
  ['two fields at once', { orderId: [{ prefix: 'vip-' }], customerEmail: [{ suffix: '@example.org' }] }],
  ['a field of an element', { items: { sku: ['gift'] } }],
  ['the absence of a field', { customerEmail: [{ exists: false }] }],
  ['one of two alternatives', { $or: [{ total: [0] }, { orderId: ['nobody has blanks'] }] }],
])('a rule that asks for %s is not taken for dead', (_, detail) => {
  const kinds = prove((rules) => (rules['order-created'].EventPattern.detail = detail)).findings.map(
    ({ kind }) => kind,
  );
  expect(kinds).not.toContain('dead-rule');
});

test('a value that no event can have is found in the list of a living rule', () => {
  expect(
    findings((rules) => (rules['order-status-changed'].EventPattern.detail.status = ['SHIPPED', 'CANCELED'])),
  ).toContain(
    'dead-condition: Rule event-driven-order-status-changed asks for detail.status "CANCELED", which no event of any contract has.',
  );
});

test('a contract that no rule takes is found', () => {
  const InvoiceSent = new EventContract({
    source: 'billing',
    detailType: 'InvoiceSent',
    version: 1,
    schema: v.object({ invoiceId: v.string() }),
    complete: (detail) => detail,
    personalData: [],
    example: { invoiceId: 'invoice-1' },
  });
  expect(findings(() => {}, { contracts: [...APP.contracts, describeContract(InvoiceSent)] })).toEqual([
    'unrouted-contract: No rule takes any event of billing/InvoiceSent.',
  ]);
});

describe('what a consumer asks for is held against what it is given', () => {
  test('a rule that is gone leaves its consumer without events', () => {
    const change = (_: unknown, changed: Template) => {
      for (const [id, { Properties }] of Object.entries<Template>(changed.Resources))
        if (Properties?.Name === 'event-driven-order-status-projection') delete changed.Resources[id];
    };
    expect(findings(change)).toEqual([
      expect.stringMatching(/^not-delivered: No rule gives order-processor app\.orders\/OrderStatusChanged/),
    ]);
  });

  test('a pattern that is too narrow names the events that are missing', () => {
    expect(
      findings((rules) => (rules['order-status-changed'].EventPattern.detail.status = ['SHIPPED'])),
    ).toEqual([
      'not-delivered: No rule gives notifier app.orders/OrderStatusChanged, which it is there for: status = "DELIVERED"; status = "CANCELLED".',
    ]);
  });

  test('a pattern without its exclusion of replays notifies customers again', () => {
    expect(findings((rules) => delete rules['order-status-changed'].EventPattern['replay-name'])).toEqual([
      'unwanted-delivery: Rule event-driven-order-status-changed gives notifier app.orders/OrderStatusChanged, which it does not ask for: replayed.',
    ]);
  });

  test('a pattern that is too wide is found by what comes twice', () => {
    expect(findings((rules) => delete rules['order-created'].EventPattern['detail-type'])).toContainEqual(
      expect.stringMatching(
        /^double-delivery: event-driven-order-created and event-driven-order-status-projection give order-processor the same app\.orders\/OrderStatusChanged/,
      ),
    );
  });

  test('a pattern that takes events of no contract is found when its consumer refuses them', () => {
    expect(findings((rules) => delete rules['order-created'].EventPattern.source)).toEqual([
      'loose-pattern: Rule event-driven-order-created takes events of no contract (app.orders/OrderCreated, but source "APP.ORDERS"), and order-processor refuses them: APP.ORDERS/OrderCreated: detail-type: expected an event of type app.orders/OrderCreated.',
    ]);
  });

  test('a consumer that is made for a schedule and has none', () => {
    const change = (rules: Record<string, Template>) => {
      delete rules['daily-report'].ScheduleExpression;
      Object.assign(rules['daily-report'], rules['all-events'], { Name: 'event-driven-daily-report' });
    };
    expect(findings(change)).toContain(
      'not-delivered: No rule calls analytics on a schedule, which it is made for.',
    );
  });
});

describe('payloads', () => {
  test('a template with a word that is not quoted', () => {
    const change = (rules: Record<string, Template>) => {
      const { InputTransformer } = rules['order-status-changed'].Targets[0];
      InputTransformer.InputTemplate = '{"orderId": <orderId>, "status": shipped}';
    };
    expect(findings(change)).toContainEqual(
      expect.stringMatching(
        /^invalid-input: Rule event-driven-order-status-changed: Invalid InputTemplate for target Notifier/,
      ),
    );
  });

  test('a template that breaks only on characters that the contract allows', () => {
    const change = (rules: Record<string, Template>) => {
      rules['order-created'].Targets[0].InputTransformer = {
        InputPathsMap: { customer: '$.detail.customerId' },
        InputTemplate: '{"text": "by <customer>"}',
      };
    };
    const parserOfAnything = { ...APP.consumers['order-processor'], accepts: () => {} } as never;
    const consumers = { ...APP.consumers, 'order-processor': parserOfAnything };
    expect(findings(change, { consumers })).toEqual([
      expect.stringMatching(
        /^invalid-payload: Rule event-driven-order-created has nothing valid to give to its target OrderProcessor of app\.orders\/OrderCreated: customerId containing a double quote; customerId containing a backslash; .* and \d+ more\. the transformed input is not valid JSON/,
      ),
    ]);
  });

  test('a text template, which a function cannot read', () => {
    const change = (rules: Record<string, Template>) => {
      rules['order-created'].Targets[0].InputTransformer = {
        InputPathsMap: { order: '$.detail.orderId' },
        InputTemplate: '"Order <order>"\n"is placed"',
      };
    };
    expect(findings(change)).toEqual([
      expect.stringMatching(/^invalid-payload: .*: all of its \d+ events here\. a function takes JSON only/),
    ]);
  });

  test('a payload of another shape than its consumer reads', () => {
    expect(
      findings((rules) => delete rules['order-status-changed'].Targets[0].InputTransformer),
    ).toContainEqual(
      expect.stringMatching(
        /^refused-payload: notifier refuses what rule event-driven-order-status-changed gives it of app\.orders\/OrderStatusChanged: .*message: expected .*, received nothing/,
      ),
    );
  });

  test('a schedule whose input its consumer refuses', () => {
    const change = (rules: Record<string, Template>) => {
      delete rules['daily-report'].Targets[0].InputTransformer;
      rules['daily-report'].Targets[0].Input = '{"type": "daily_report", "date": "yesterday"}';
    };
    expect(findings(change)).toEqual([
      expect.stringMatching(
        /^refused-payload: analytics refuses .* of its schedule: daily_report: date: expected/,
      ),
    ]);
  });
});

describe('personal data', () => {
  const blind = (name: string) => ({
    consumers: { ...APP.consumers, [name]: { ...APP.consumers[name], personalData: [] } as never },
  });

  test('that reaches a target which may not know it is found, with its place in the payload', () => {
    expect(findings(() => {}, blind('notifier'))).toEqual([
      'personal-data: Rule event-driven-order-status-changed gives customerEmail of app.orders/OrderStatusChanged, which is personal data, to its target Notifier (notifier) in $.email, which its description does not allow.',
    ]);
  });

  test('in a whole event is found, too', () => {
    expect(findings(() => {}, blind('analytics'))).toEqual([
      expect.stringMatching(
        /^personal-data: .*OrderCreated.* to its target Analytics .* in \$\.detail\.customerEmail,/,
      ),
      expect.stringMatching(/^personal-data: .*OrderStatusChanged.* to its target Analytics/),
    ]);
  });

  test('that a transformer leaves out is no finding', () => {
    const change = (rules: Record<string, Template>) => {
      const { InputTransformer } = rules['order-status-changed'].Targets[0];
      InputTransformer.InputTemplate = InputTransformer.InputTemplate.replace('<email>', '""').replace(
        '<detail>',
        '{"orderId": <orderId>, "status": <status>}',
      );
    };
    expect(findings(change, blind('notifier'))).toEqual([]);
  });
});

describe("the service's own rules", () => {
  test('a pattern that EventBridge refuses', () => {
    const change = (rules: Record<string, Template>) => {
      rules['order-created'].EventPattern.source = [{ prefx: 'app.' }];
    };
    expect(findings(change)).toContainEqual(
      expect.stringMatching(
        /^invalid-pattern: Rule event-driven-order-created: Event pattern is not valid\./,
      ),
    );
  });

  test('a pattern of more than 2,048 characters', () => {
    const many = Array.from({ length: 150 }, (_, i) => `an-order-id-${i}`);
    expect(
      findings((rules) => (rules['order-created'].EventPattern.detail = { orderId: many })),
    ).toContainEqual(
      expect.stringMatching(
        /^over-limit: Rule event-driven-order-created: The event pattern has \d+ characters/,
      ),
    );
  });

  test('a transformer of more than 8,192 characters', () => {
    const change = (rules: Record<string, Template>) => {
      rules['order-status-changed'].Targets[0].InputTransformer.InputTemplate =
        `{"text": "${'x'.repeat(8_192)}"}`;
    };
    expect(findings(change)).toContainEqual(
      expect.stringMatching(
        /^invalid-input: Rule event-driven-order-status-changed: .*less than or equal to 8192/,
      ),
    );
  });

  test('more than 5 targets of a rule', () => {
    const change = (rules: Record<string, Template>) => {
      const [target] = rules['all-events'].Targets;
      rules['all-events'].Targets = Array.from({ length: 6 }, (_, i) => ({ ...target, Id: `Analytics${i}` }));
    };
    expect(findings(change)).toContain(
      'over-limit: Rule event-driven-all-events has 6 targets; EventBridge takes 5.',
    );
  });

  test('more than 300 rules on a bus', () => {
    const change = (_: unknown, changed: Template) => {
      const [rule] = resources(changed, 'AWS::Events::Rule');
      for (let i = 0; i < 300; i++) {
        changed.Resources[`Rule${i}`] = { ...rule, Properties: { ...rule.Properties, Name: `rule-${i}` } };
      }
    };
    expect(findings(change)).toContainEqual(
      expect.stringMatching(
        /^over-limit: The bus event-driven-bus has 3\d\d rules; EventBridge takes 300\.$/,
      ),
    );
  });

  test('names that are too long', () => {
    const change = (rules: Record<string, Template>, changed: Template) => {
      rules['all-events'].Name = 'r'.repeat(65);
      rules['all-events'].Targets[0].Id = 't'.repeat(65);
      for (const { Properties } of resources(changed, 'AWS::Events::Archive'))
        Properties.ArchiveName = 'a'.repeat(49);
    };
    expect(findings(change).filter((finding) => finding.startsWith('over-limit'))).toHaveLength(3);
  });

  test('a schedule that EventBridge refuses, or that is on another bus than the default one', () => {
    const change = (rules: Record<string, Template>) => {
      rules['daily-report'].ScheduleExpression = 'cron(0 9 * * *)';
      rules['daily-report'].EventBusName = 'event-driven-bus';
    };
    expect(findings(change)).toEqual([
      'invalid-schedule: Rule event-driven-daily-report has a schedule on the bus event-driven-bus; only the default bus has schedules.',
      'invalid-schedule: Rule event-driven-daily-report: Parameter ScheduleExpression is not valid. cron(0 9 * * *) has not six fields.',
      'not-delivered: No rule calls analytics on a schedule, which it is made for.',
    ]);
  });
});

describe('what is not there', () => {
  test('a target in another region', () => {
    const arn = 'arn:aws:lambda:eu-west-1:000000000000:function:event-driven-notifier';
    expect(findings((rules) => (rules['order-status-changed'].Targets[0].Arn = arn))).toContain(
      `unknown-target: Target Notifier of rule event-driven-order-status-changed is ${arn}, which the template does not have.`,
    );
  });

  test('a rule without a target', () => {
    expect(findings((rules) => (rules['order-created'].Targets = []))).toContain(
      'no-target: Rule event-driven-order-created has no target: its events go nowhere.',
    );
  });

  test('a bus that the template does not have', () => {
    expect(findings((rules) => (rules['order-created'].EventBusName = 'orders-bus'))).toContain(
      'unknown-bus: Rule event-driven-order-created is on the bus orders-bus; the template has event-driven-bus.',
    );
  });

  test('a parser for a target that is no function', () => {
    const change = (rules: Record<string, Template>) => {
      const { Targets } = rules['order-created'];
      Targets.push({ Id: 'Queue', Arn: Targets[0].DeadLetterConfig.Arn });
    };
    expect(findings(change)).toContain(
      `no-parser: Target Queue of rule event-driven-order-created is the AWS::SQS::Queue event-driven-dlq; described are the functions ${Object.keys(APP.consumers).join(', ')}.`,
    );
  });

  test('a consumer without a parser', () => {
    const { notifier, ...consumers } = APP.consumers;
    expect(findings(() => {}, { consumers })).toContain(
      `no-parser: Target Notifier of rule event-driven-order-status-changed is event-driven-notifier, whose POWERTOOLS_SERVICE_NAME is notifier; described are the functions ${Object.keys(consumers).join(', ')}.`,
    );
  });
});

describe('what cannot be worked with is refused in one line', () => {
  test.each([
    ['none', undefined, 'app.orders/OrderCreated has no example; a contract needs one, a valid detail.'],
    [
      'an invalid one',
      { orderId: 'order-1', customerId: 'customer-1', total: -1 },
      'The example of a contract must be an event of it: app.orders/OrderCreated: detail.total: expected at least 0, received -1.',
    ],
  ])('a contract whose example is %s', (_, example, message) => {
    const contract = { ...describeContract(OrderCreated), example: example as never };
    expect(() => prove(() => {}, { contracts: [contract] })).toThrow(message);
  });

  test('a template without rules', () => {
    const assembly = assemblyOf({ Resources: { Topic: { Type: 'AWS::SNS::Topic' } } });
    expect(() => proveRoutes(assembly, APP)).toThrow(
      'the template of event-driven has no AWS::Events::Rule, AWS::Pipes::Pipe or AWS::Scheduler::Schedule.',
    );
  });

  test('a rule that has not the shape of one', () => {
    expect(() => prove((rules) => delete rules['order-created'].Targets[0].Id)).toThrow(
      'Targets.0.Id: Invalid key: Expected "Id" but received undefined.',
    );
  });
});
