/** Mistakes that somebody could make in this app, each with a seed of 40 events that finds it. */
import type { Mutant, Resources, TemplateChange } from '../tools/sim/mutants';

type Properties = Resources[string]['Properties'];

/** Changes the first resource of the type whose logical id has this in it. */
const change =
  (type: string, id: string, apply: (properties: Properties) => void): TemplateChange =>
  (resources) => {
    const found = Object.entries(resources).find(
      ([logicalId, { Type }]) => Type === type && logicalId.includes(id),
    );
    if (found) apply(found[1].Properties);
    return found !== undefined;
  };

const remove =
  (type: string, id: string): TemplateChange =>
  (resources) => {
    const found = Object.keys(resources).find((each) => resources[each]?.Type === type && each.includes(id));
    if (found) delete resources[found];
    return found !== undefined;
  };

/** Takes an action away from a role. */
const deny = (id: string, action: string): TemplateChange =>
  change('AWS::IAM::Policy', id, ({ PolicyDocument }) => {
    PolicyDocument.Statement = PolicyDocument.Statement.flatMap(
      (statement: { Action: string | string[] }) => {
        const actions = [statement.Action].flat().filter((each) => each !== action);
        return actions.length > 0 ? { ...statement, Action: actions } : [];
      },
    );
  });

const allow = (id: string, action: string): TemplateChange =>
  change('AWS::IAM::Policy', id, ({ PolicyDocument }) => {
    const [statement] = PolicyDocument.Statement;
    PolicyDocument.Statement.push({ ...statement, Action: action });
  });

const rule = (id: string, apply: (properties: Properties) => void) => change('AWS::Events::Rule', id, apply);
const invoking = (id: string, apply: (properties: Properties) => void) =>
  change('AWS::Lambda::EventInvokeConfig', id, apply);
/** Text of the notifier's source. */
const KEY = ['tellOnce(`', '{orderId}#', '{status}`,'].join('$');

const source = (file: string, from: string, to: string) => ({ file: `lambdas/${file}`, from, to });

export const MUTANTS: readonly Mutant[] = [
  // Rules
  {
    name: 'a rule is disabled',
    seed: 1,
    change: rule('ordercreated', (p) => {
      p.State = 'DISABLED';
    }),
  },
  {
    name: 'a pattern is too narrow',
    seed: 1,
    change: rule('orderstatuschanged', (p) => {
      p.EventPattern.detail.status = ['SHIPPED'];
    }),
  },
  {
    name: 'a pattern is too wide',
    seed: 1,
    change: rule('orderstatuschanged', (p) => void delete p.EventPattern.detail),
  },
  {
    name: 'replays notify customers',
    seed: 7,
    change: rule('orderstatuschanged', (p) => void delete p.EventPattern['replay-name']),
  },
  {
    name: 'analytics gets the orders only',
    seed: 1,
    change: rule('allevents', (p) => {
      p.EventPattern.source = ['app.orders'];
    }),
  },
  {
    name: 'the archive keeps one type only',
    seed: 1,
    change: change('AWS::Events::Archive', '', (p) => {
      p.EventPattern['detail-type'] = ['OrderCreated'];
    }),
  },
  {
    name: 'the input transformer takes another status',
    seed: 1,
    change: rule('orderstatuschanged', (p) => {
      p.Targets[0].InputTransformer.InputPathsMap.status = '$.detail.previousStatus';
    }),
  },
  // Failure paths
  {
    name: 'a rule has no dead-letter queue',
    seed: 6,
    change: rule('ordercreated', (p) => void delete p.Targets[0].DeadLetterConfig),
  },
  {
    name: 'the dead-letter queue lets no rule in',
    seed: 3,
    change: change(
      'AWS::SQS::QueuePolicy',
      'DeadLetterQueue',
      (p) => void p.PolicyDocument.Statement.splice(1),
    ),
  },
  {
    name: 'Lambda does not try again',
    seed: 2,
    change: invoking('OrderProcessor', (p) => {
      p.MaximumRetryAttempts = 0;
    }),
  },
  {
    name: 'Lambda tries for a minute only',
    seed: 1,
    change: invoking('Notifier', (p) => {
      p.MaximumEventAgeInSeconds = 60;
    }),
  },
  {
    name: 'a function has no failure destination',
    seed: 1,
    change: invoking('Notifier', (p) => void delete p.DestinationConfig),
  },
  {
    name: 'failed events are kept for a minute',
    seed: 1,
    change: change('AWS::SQS::Queue', 'FailedEvents', (p) => {
      p.MessageRetentionPeriod = 60;
    }),
  },
  // Permissions
  {
    name: 'a rule may not call its function',
    seed: 1,
    change: remove('AWS::Lambda::Permission', 'orderstatuschanged'),
  },
  {
    name: 'the order processor may not read',
    seed: 1,
    change: deny('OrderProcessorRole', 'dynamodb:GetItem'),
  },
  {
    name: 'the order processor may not write',
    seed: 1,
    change: deny('OrderProcessorRole', 'dynamodb:UpdateItem'),
  },
  { name: 'the notifier may not publish', seed: 1, change: deny('NotifierRole', 'sns:Publish') },
  { name: 'the notifier may not remember', seed: 1, change: deny('NotifierRole', 'dynamodb:PutItem') },
  { name: 'analytics may not record', seed: 1, change: deny('AnalyticsRole', 'firehose:PutRecordBatch') },
  {
    name: 'analytics may not publish its report',
    seed: 1,
    change: deny('AnalyticsRole', 'events:PutEvents'),
  },
  {
    name: 'a function may not send to its failure destination',
    seed: 1,
    change: deny('NotifierRole', 'sqs:SendMessage'),
  },
  {
    name: 'the notifier may scan its table',
    seed: 1,
    change: allow('NotifierRole', 'dynamodb:Scan'),
  },
  // Alarms
  {
    name: 'a lost invocation raises no alarm',
    seed: 45,
    change: change('AWS::CloudWatch::Alarm', 'processorlost', (p) => {
      p.MetricName = 'DeadLetterErrors';
    }),
  },
  {
    name: 'the alarm of dropped events waits for a thousand',
    seed: 1,
    change: change('AWS::CloudWatch::Alarm', 'notifierdropped', (p) => {
      p.Threshold = 1_000;
    }),
  },
  {
    name: 'the alarm of what is failing tells nobody',
    seed: 1,
    change: change('AWS::CloudWatch::CompositeAlarm', 'notifierfailing', (p) => void delete p.AlarmActions),
  },
  // The projection
  {
    name: 'the first write has no condition on the creation',
    seed: 1,
    change: source(
      'order-processor/write.ts',
      "for (const attribute of ['createdBy', ...LEGACY_ATTRIBUTES])",
      'for (const attribute of LEGACY_ATTRIBUTES)',
    ),
  },
  {
    name: 'the first write has no condition on other facts',
    seed: 1,
    change: source(
      'order-processor/write.ts',
      'for (const other of others) expressions.requireEqual',
      'for (const other of []) expressions.requireEqual',
    ),
  },
  {
    name: 'the status that comes last counts',
    seed: 1,
    change: source(
      'order-processor/fold.ts',
      'const current = order.furthest(Object.keys(known), state.status) ?? INITIAL_STATUS;',
      'const current = status;',
    ),
  },
  {
    name: 'the folded write has no condition',
    seed: 17,
    change: source(
      'order-processor/write.ts',
      "const guarded = ['revision', 'status', ...LEGACY_ATTRIBUTES];",
      'const guarded = LEGACY_ATTRIBUTES;',
    ),
  },
  {
    name: 'the revision does not count',
    seed: 1,
    change: source(
      'order-processor/write.ts',
      "expressions.addOne('revision');",
      "expressions.set('revision', 1);",
    ),
  },
  {
    name: 'statuses of both branches are facts',
    seed: 2,
    change: source(
      'order-processor/fold.ts',
      'if (Object.keys(facts).some((other) => order.areApart(other, status))) {',
      'if (order.areApart(status, status)) {',
    ),
  },
  {
    name: 'of two that say the same the later counts',
    seed: 1,
    change: source(
      'order-processor/fold.ts',
      'const changed = goesBefore(fact, standing)',
      'const changed = goesBefore(standing, fact)',
    ),
  },
  {
    name: 'conflicts are not kept',
    seed: 2,
    change: source(
      'order-processor/fold.ts',
      'export const MOST_CONFLICTS = 8;',
      'export const MOST_CONFLICTS = 0;',
    ),
  },
  {
    name: 'a duplicate is a conflict',
    seed: 1,
    change: source(
      'order-processor/fold.ts',
      'if (standing?.by === creation.by || conflicts.some',
      'if (conflicts.some',
    ),
  },
  {
    name: 'a shipped order can be cancelled',
    seed: 4,
    change: source('events.ts', "SHIPPED: ['DELIVERED'],", "SHIPPED: ['DELIVERED', 'CANCELLED'],"),
  },
  {
    name: 'a late status becomes the status',
    seed: 1,
    change: source(
      'order-processor/write.ts',
      'order.statuses.filter((other) => order.isBefore(other, status))',
      'order.statuses.filter((other) => other !== status)',
    ),
  },
  {
    name: 'totals are rounded',
    seed: 1,
    change: source(
      'order-processor/order.ts',
      '      total,\n      createdAt,',
      '      total: Math.round(total),\n      createdAt,',
    ),
  },
  {
    name: 'the address is not stored',
    seed: 1,
    change: source('order-processor/order.ts', '      customerEmail,\n', ''),
  },
  {
    name: 'failures are swallowed',
    seed: 2,
    change: source('telemetry.ts', 'throw redacted(error);', 'return undefined as never;'),
  },
  // Notifications
  {
    name: 'the idempotency key is the event',
    seed: 1,
    change: source('notifier/handler.ts', KEY, 'tellOnce(metadata.eventId,'),
  },
  {
    name: 'the idempotency key is the order',
    seed: 1,
    change: source('notifier/handler.ts', KEY, 'tellOnce(orderId,'),
  },
  {
    name: 'an in-progress record never expires',
    seed: 2,
    change: source('tell-once.ts', 'config.registerLambdaContext(context);', ''),
  },
  {
    name: 'what the table contradicts is told',
    seed: 2,
    change: source(
      'notifier/handler.ts',
      'if (isStale(orderId, order, status)) {',
      'if (isStale(orderId, order, status) && orderId === "") {',
    ),
  },
  {
    name: 'the other branch is no contradiction',
    seed: 2,
    change: source('notifier/order.ts', ' || ORDER.areApart(status, standing)', ''),
  },
  {
    name: 'orders that are not there are told of',
    seed: 1,
    change: source('notifier/order.ts', 'if (!order.creation) throw new OrderNotThereError(orderId);', ''),
  },
  {
    name: 'nobody is told of a cancellation',
    seed: 1,
    change: source('events.ts', "  'CANCELLED',\n] as const satisfies", '] as const satisfies'),
  },
  {
    name: 'told changes are remembered for a second',
    seed: 1,
    change: source('tell-once.ts', '15 * 24 * 60 * 60', '1'),
  },
  {
    name: 'another address is told',
    seed: 1,
    change: source(
      'notifier/handler.ts',
      'notification({ ...change, email,',
      "notification({ ...change, email: 'a@customers.example',",
    ),
  },
  // The next release
  {
    name: 'the upcaster of the next version leaves out the status',
    seed: 1,
    isInNext: true,
    change: source(
      'events.ts',
      '(detail) => ({ ...detail, changedBy',
      '({ status: _, ...detail }) => ({ ...detail, changedBy',
    ),
  },
  {
    name: 'in the next state machine a shipped order can be cancelled',
    seed: 50,
    isInNext: true,
    change: source('events.ts', "SHIPPED: ['DELIVERED'],", "SHIPPED: ['DELIVERED', 'CANCELLED'],"),
  },
  {
    name: 'a damaged fact counts',
    seed: 2,
    change: source(
      'order-item.ts',
      'if (isFact(value)) return value;',
      'if (value !== null) return value as Fact;',
    ),
  },
  // Analytics, contracts, publisher
  {
    name: 'records have the id of the envelope',
    seed: 1,
    change: source(
      'analytics/record.ts',
      'const eventId = metadata.eventId ?? envelope.id;',
      'const eventId = envelope.id;',
    ),
  },
  {
    name: 'records have the address',
    seed: 1,
    change: source('analytics/record.ts', '!personalData.includes(name) && ', ''),
  },
  {
    name: 'errors tell addresses',
    seed: 89,
    change: source('personal-data.ts', 'text.replace(EMAIL, REDACTED)', 'text'),
  },
  {
    name: 'refused records are forgotten',
    seed: 159,
    change: source(
      'analytics/handler.ts',
      'if (hasFailed(result)) throw',
      'if (hasFailed(result) && false) throw',
    ),
  },
];
