/** Sources of events besides this account's publishers: what the settings make, and what is refused. */
import { readFileSync } from 'node:fs';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { AttributeType, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { CfnEventBus, CfnRule } from 'aws-cdk-lib/aws-events';
import { CfnPipe } from 'aws-cdk-lib/aws-pipes';
import { OrderStatusChanged } from '../../lambdas/events';
import { parseStage } from '../../lib/config';
import { EventBus } from '../../lib/event-bus';
import { EventHandler } from '../../lib/event-handler';
import { requireNoLoop } from '../../lib/outbox';
import { OUTBOX_TYPES, outboxContract, outboxFields } from '../../lib/outbox-contract';
import { requireNoThirdBus } from '../../lib/third-bus';
import { evaluate, type Statement } from '../../tools/template/policy';
import { assemblyOf } from '../tools/proof/assembly';
import { problemsOf } from './proven';
import { synthesize } from './synthesize';

const SETTINGS = {
  publisherAccounts: { '111122223333': ['partner.billing'] },
  organizations: { 'o-a1b2c3d4e5': ['partner.stock', 'partner.billing'] },
  serviceEvents: { uploads: { source: ['aws.s3'], 'detail-type': ['Object Created'] } },
  partnerBuses: { shop: 'aws.partner/shopify.com/123/orders' },
  outboxes: { shipping: 'OrderStatusChanged' },
  dailyReportScheduler: { timezone: 'Europe/Berlin', flexibleMinutes: 15 },
};
const assembly = assemblyOf(synthesize('production', SETTINGS).toJSON());

test('all of them together hold every rule of the house', () => {
  expect(problemsOf(assembly)).toEqual([]);
});

test('members of an organization publish its sources, and nobody else does', () => {
  const statements: Statement[] = assembly
    .ofType('AWS::Events::EventBusPolicy')
    .map(({ properties: { StatementId: Sid, Statement } }) => ({ Sid, ...Statement }));
  const bus = assembly.ofType('AWS::Events::EventBus').find(({ name }) => name === 'event-driven-bus');
  const may = (organization: string | undefined, ...sources: string[]) =>
    evaluate(statements, {
      principal: { aws: 'arn:aws:iam::999988887777:role/publisher' },
      action: 'events:PutEvents',
      resource: bus?.arn ?? '',
      context: {
        ...(organization !== undefined && { 'aws:PrincipalOrgID': organization }),
        ...(sources.length > 0 && { 'events:source': sources }),
      },
    }).allowed;
  expect(may('o-a1b2c3d4e5', 'partner.stock')).toBe(true);
  expect(may('o-a1b2c3d4e5', 'partner.stock', 'partner.billing')).toBe(true);
  // Forged, one forged entry among others, none at all; another organization, and none.
  expect(may('o-a1b2c3d4e5', 'app.orders')).toBe(false);
  expect(may('o-a1b2c3d4e5', 'partner.stock', 'app.orders')).toBe(false);
  expect(may('o-a1b2c3d4e5')).toBe(false);
  expect(may('o-zzzzzzzzzz', 'partner.stock')).toBe(false);
  expect(may(undefined, 'partner.stock')).toBe(false);
});

describe('an outbox', () => {
  test('is offered for the events whose required fields are all texts', () => {
    expect(OUTBOX_TYPES.length).toBeGreaterThan(0);
    for (const detailType of OUTBOX_TYPES) {
      const { example } = outboxContract(detailType);
      for (const field of outboxFields(outboxContract(detailType)))
        expect(typeof example[field]).toBe('string');
    }
  });

  test('reads its own stream, fills its own queue and puts on this bus, and no other pipe has its role', () => {
    const pipes = assembly.ofType('AWS::Pipes::Pipe');
    expect(pipes.length).toBeGreaterThan(0);
    for (const { arn, properties } of pipes) {
      const role = assembly.find(properties.RoleArn)?.properties;
      const [{ Condition }] = role?.AssumeRolePolicyDocument.Statement ?? [{}];
      expect(Condition.ArnEquals).toEqual({ 'aws:SourceArn': arn });
      const { DeadLetterConfig } = properties.SourceParameters.DynamoDBStreamParameters;
      const resources = role?.Policies.flatMap(
        ({ PolicyDocument }: { PolicyDocument: { Statement: { Resource: string }[] } }) =>
          PolicyDocument.Statement.map(({ Resource }) => Resource),
      );
      // ListStreams has no resource to name.
      expect(resources).toEqual([properties.Source, '*', properties.Target, DeadLetterConfig.Arn]);
    }
  });

  describe('is no table that a handler of the bus writes', () => {
    const refusal = (action: string, isSubscribed: boolean) => {
      const stack = new Stack(new App({ builtinCloudFormationValidation: false }), 'S');
      const config = parseStage('dev', {});
      const bus = new EventBus(stack, 'Bus', config);
      const table = new Table(stack, 'Orders', {
        ...{ tableName: 'orders', stream: StreamViewType.NEW_IMAGE },
        partitionKey: { name: 'orderId', type: AttributeType.STRING },
      });
      const handler = new EventHandler(stack, 'Notifier', {
        ...{ entry: 'notifier', config, timeout: Duration.seconds(30), failedEvents: bus.deadLetterQueue },
      });
      handler.allow([action], table.tableArn);
      if (isSubscribed)
        bus.subscribe('changed', OrderStatusChanged, handler, { targetId: 'Notifier', description: 'd' });
      new CfnPipe(stack, 'Pipe', {
        ...{ name: 'orders', roleArn: 'arn:aws:iam::111122223333:role/pipe' },
        source: table.tableStreamArn as string,
        target: bus.bus.eventBusArn,
      });
      return () => requireNoLoop(bus);
    };

    test('since each event would make the next one', () => {
      expect(refusal('dynamodb:UpdateItem', true)).toThrow(
        'Pipe orders: the table orders is written by notifier, which the bus calls: each event would make the next one. ' +
          'Give the pipe an outbox, a table that no handler of the bus writes.',
      );
    });

    test('but may be one that handlers read, or that one writes which the bus does not call', () => {
      expect(refusal('dynamodb:GetItem', true)).not.toThrow();
      expect(refusal('dynamodb:UpdateItem', false)).not.toThrow();
    });
  });
});

describe('two buses in a row', () => {
  const refusal = (pattern: object, target: (other: CfnEventBus) => string) => {
    const stack = new Stack(new App({ builtinCloudFormationValidation: false }), 'S');
    const config = parseStage('dev', {});
    const bus = new EventBus(stack, 'Bus', config);
    bus.receive({ name: 'uploads', description: 'd', pattern: { source: ['aws.s3'] } });
    const other = new CfnEventBus(stack, 'Other', { name: 'other' });
    const rule = new CfnRule(stack, 'Onward', {
      name: 'onward',
      eventBusName: bus.bus.eventBusName,
      eventPattern: pattern,
      targets: [{ id: 'Other', arn: target(other) }],
    });
    bus.rules.push(rule);
    return () => requireNoThirdBus(config, bus);
  };
  const MESSAGE =
    'cdk.json: stages.dev: the rule onward would hand on to another bus the events of uploads, which came from a bus ' +
    'themselves: EventBridge drops them. Choose a rule on their own bus with both buses as its targets, or a pattern ' +
    'that leaves them out.';

  test('and a third are refused, in one line that says what to choose', () => {
    expect(refusal({ source: [{ prefix: 'aws.' }] }, (other) => other.attrArn)).toThrow(MESSAGE);
    expect(
      refusal({ 'detail-type': ['Any'] }, () => 'arn:aws:events:eu-west-1:111122223333:event-bus/x'),
    ).toThrow(MESSAGE);
  });

  test('are fine if the second rule leaves out what came from a bus, or has another target', () => {
    expect(refusal({ source: [{ prefix: 'app.' }] }, (other) => other.attrArn)).not.toThrow();
    expect(
      refusal({ source: [{ prefix: 'aws.' }] }, () => 'arn:aws:sqs:eu-west-1:111122223333:q'),
    ).not.toThrow();
  });
});

test.each<[object, string]>([
  [
    { organizations: { 'r-root': ['a.b'] } },
    'cdk.json: stages.dev.organizations.r-root is "r-root", but must be the id of an organization, such as o-a1b2c3d4e5.',
  ],
  [
    { organizations: ['o-a1b2c3d4e5'] },
    'but must name for each organization the sources that it may publish: write {"o-a1b2c3d4e5": ["partner.billing"]}.',
  ],
  [
    { serviceEvents: { s3: ['aws.s3'] } },
    'cdk.json: stages.dev.serviceEvents.s3.source is undefined, but must be an event pattern with the AWS services as its source, such as {"source": ["aws.s3"]}.',
  ],
  [
    { serviceEvents: { s3: { source: ['s3'] } } },
    'cdk.json: stages.dev.serviceEvents.s3.source.0 is "s3", but must be the name of an AWS service, such as aws.s3.',
  ],
  [
    { serviceEvents: { s3: { source: ['aws.s3'], 'detail-type': 'Object Created' } } },
    'but must be a pattern that EventBridge takes: Event pattern is not valid. Reason: ',
  ],
  [
    { serviceEvents: { 'A b': { source: ['aws.s3'] } } },
    'cdk.json: stages.dev.serviceEvents.A b is "A b", but must be 1 to 16 lower-case letters, digits or hyphens, a letter first.',
  ],
  [
    { partnerBuses: { shop: 'shopify.com/123' } },
    'cdk.json: stages.dev.partnerBuses.shop is "shopify.com/123", but must be the name of a partner event source, such as aws.partner/shopify.com/123/orders.',
  ],
  [
    {
      serviceEvents: { shop: { source: ['aws.s3'] } },
      partnerBuses: { shop: 'aws.partner/shopify.com/123/orders' },
    },
    'cdk.json: stages.dev.partnerBuses.shop has a name that serviceEvents has already: the two would be one rule. Choose another name.',
  ],
  [
    { outboxes: { shipping: 'OrderCreated' } },
    'cdk.json: stages.dev.outboxes.shipping is "OrderCreated", but must be one of OrderStatusChanged, OrderReminderDue.',
  ],
  [
    { dailyReportScheduler: { timezone: 'Berlin' } },
    'cdk.json: stages.dev.dailyReportScheduler.timezone is "Berlin", but must be a time zone of the IANA database, such as Europe/Berlin.',
  ],
  [
    { dailyReportScheduler: { flexibleMinutes: 30 } },
    'cdk.json: stages.dev.alarms.dailyReportMinutes is 30, but must be false, or more than dailyReportScheduler.flexibleMinutes, which is 30.',
  ],
  [
    { dailyReportScheduler: { timezone: 'Australia/Lord_Howe' } },
    'cdk.json: stages.dev.alarms.dailyReportMinutes is 30, but must be false: the clock of Australia/Lord_Howe is not moved by an hour twice a year.',
  ],
])('%j is refused with what is allowed', (settings, message) => {
  expect(() => parseStage('dev', settings)).toThrow(message);
});

describe('docs/sources.md', () => {
  const text = readFileSync('docs/sources.md', 'utf8');
  const entries = [...text.matchAll(/^```json\n(.*?)^```/gms)].map(([, block = '']) => block);

  test.each(entries)('has an entry of at most 15 lines that a stage takes: %s', (entry) => {
    expect(entry.trim().split('\n').length).toBeLessThanOrEqual(15);
    expect(() => parseStage('dev', JSON.parse(`{${entry}}`))).not.toThrow();
  });

  test('has an entry for every setting of a source', () => {
    const written = new Set(entries.flatMap((entry) => Object.keys(JSON.parse(`{${entry}}`))));
    expect([...written].sort()).toEqual(expect.arrayContaining(Object.keys(SETTINGS).sort()));
  });
});
