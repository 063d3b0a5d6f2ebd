/** Targets that a rule may have, and those that synthesis refuses, in one line that says what to do. */
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { OrderCreated } from '../../lambdas/events';
import { AnalyticsStream } from '../../lib/analytics-stream';
import { ConfigError, parseStage } from '../../lib/config';
import { DeadLetterQueue } from '../../lib/dead-letter-queue';
import { EventBus } from '../../lib/event-bus';
import { EventHandler } from '../../lib/event-handler';
import { EventLog } from '../../lib/event-log';
import { EventQueue } from '../../lib/event-queue';
import { EventTopic } from '../../lib/event-topic';
import { type EndpointAuthorization, HttpEndpoint, type HttpEndpointProps } from '../../lib/http-endpoint';
import { Monitoring } from '../../lib/monitoring';
import { orderFulfilment } from '../../lib/order-fulfilment';
import { OrderStore } from '../../lib/order-store';
import { OtherBus } from '../../lib/other-bus';
import type { InputTransformer, RuleTarget } from '../../lib/rule-target';
import { Workflow } from '../../lib/workflow';

function parts(settings: object = {}) {
  const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'event-driven');
  const config = parseStage('production', settings);
  const bus = new EventBus(stack, 'Bus', config);
  const failedEvents = new DeadLetterQueue(stack, 'FailedEvents', {
    config,
    name: 'failed-events',
    holds: 'Events',
    runbookEntry: 'failed-events-depth',
  });
  const timeout = Duration.seconds(30);
  const handler = new EventHandler(stack, 'Notifier', { entry: 'notifier', timeout, failedEvents, config });
  return { stack, config, bus, handler };
}

/** A target that keeps what it gets. */
const KEEPER: RuleTarget = { targetArn: 'arn:aws:any', keepsData: true, allowRule: () => ({}) };

describe('a rule with several targets', () => {
  test('has each of them with its own retries and dead-letter queue', () => {
    const { stack, bus, handler } = parts();
    const input: InputTransformer = { paths: { id: '$.detail.orderId' }, template: '{"orderId": <id>}' };
    const targets = [
      { target: handler, targetId: 'Whole' },
      { target: handler, targetId: 'Part', input },
    ];
    bus.subscribe('orders', OrderCreated, targets, { description: 'An order' });
    const [rule] = Object.values(Template.fromStack(stack).findResources('AWS::Events::Rule'));
    expect(rule?.Properties.Targets).toMatchObject([
      { Id: 'Whole', DeadLetterConfig: expect.anything(), RetryPolicy: { MaximumRetryAttempts: 3 } },
      {
        Id: 'Part',
        DeadLetterConfig: expect.anything(),
        InputTransformer: { InputTemplate: input.template },
      },
    ]);
  });

  test.each([
    ['none', [], '0 targets; a rule has 1 to 5'],
    ['a sixth', ['1', '2', '3', '4', '5', '6'], '6 targets; a rule has 1 to 5. Give the others a rule'],
    ['two of the same id', ['1', '1'], 'two targets with the id 1: the second would replace the first'],
  ])('is refused with %s', (_, ids, message) => {
    const { bus, handler } = parts();
    const targets = ids.map((targetId) => ({ target: handler, targetId }));
    const subscribe = () => bus.subscribe('orders', OrderCreated, targets, { description: 'An order' });
    expect(subscribe).toThrow(ConfigError);
    expect(subscribe).toThrow(message);
  });
});

describe('a target that keeps what it gets', () => {
  const subscribe = (selection: { pattern: object }, paths?: Record<string, string>, template = '<a>') =>
    parts().bus.subscribe('kept', selection, KEEPER, {
      targetId: 'Keeper',
      description: 'Something is kept',
      ...(paths && { input: { paths, template } }),
    });
  const REFUSED =
    'Rule kept gives customerEmail of app.orders/OrderCreated, which is personal data, to target Keeper, which keeps what it gets: name the fields that it needs in input.paths, without $.detail.customerEmail, or let it have the field in lambdas/targets.ts.';

  test.each<[string, Parameters<typeof subscribe>]>([
    ['the whole event', [OrderCreated]],
    ['the whole detail', [OrderCreated, { a: '$.detail' }]],
    ['the field', [OrderCreated, { a: '$.detail.customerEmail' }]],
    ['the whole event as a variable', [OrderCreated, { a: '$.id' }, '<aws.events.event.json>']],
    ['whole events of a wide pattern', [{ pattern: { source: [{ prefix: 'app.' }] } }]],
    ['whole events of a pattern of details', [{ pattern: { detail: { total: [1] } } }]],
  ])('gets no personal data: %s is refused', (_, given) => {
    expect(() => subscribe(...given)).toThrow(REFUSED);
  });

  test.each<[string, Parameters<typeof subscribe>]>([
    ['named fields', [OrderCreated, { a: '$.detail.orderId', b: '$.detail.metadata' }]],
    ['events without personal data', [{ pattern: { source: ['app.analytics'] } }]],
    ['events of others', [{ pattern: { source: ['partner.billing'] } }]],
  ])('gets %s', (_, given) => {
    expect(() => subscribe(...given)).not.toThrow();
  });
});

describe('a queue', () => {
  const queue = (settings: object = {}, more: object = {}) => {
    const { stack, config, handler: consumer } = parts(settings);
    new EventQueue(stack, 'Queue', { name: 'mails', consumer, config, ...more });
    return Template.fromStack(stack);
  };

  test('is read by as many batches at once as its function may have calls', () => {
    const mapping = (template: Template) =>
      Object.values(template.findResources('AWS::Lambda::EventSourceMapping'))[0]?.Properties;
    expect(mapping(queue())).not.toHaveProperty('ScalingConfig');
    expect(mapping(queue({ reservedConcurrency: { notifier: 3 } })).ScalingConfig).toEqual({
      MaximumConcurrency: 3,
    });
  });

  test('hands batches to the code that other events go to, where it is deployed in steps', () => {
    const template = queue({ gradualDeployment: 'LINEAR_10PERCENT_EVERY_1MINUTE' });
    const [alias] = Object.keys(template.findResources('AWS::Lambda::Alias'));
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', { FunctionName: { Ref: alias } });
  });

  test('of one batch at once must be FIFO: others would be throttled into the dead-letter queue', () => {
    const settings = { reservedConcurrency: { notifier: 1 } };
    expect(() => queue(settings)).toThrow(/reservedConcurrency of notifier is 1.*Set 2 or more/);
    expect(() => queue(settings, { groupId: 'mails' })).not.toThrow();
  });

  test('takes a constant group, and no path, which EventBridge would take for one', () => {
    expect(() => queue({}, { groupId: '$.detail.orderId' })).toThrow(/the group is \$\.detail\.orderId/);
    queue({}, { groupId: 'mails' }).hasResourceProperties('AWS::SQS::Queue', {
      QueueName: 'event-driven-mails.fifo',
      FifoQueue: true,
      ContentBasedDeduplication: true,
    });
  });
});

const DESCRIBED = { targetId: 'T', description: 'Something is handed on' };

describe('a topic', () => {
  const topic = (...subscribers: string[]) => {
    const { stack, config } = parts();
    new EventTopic(stack, 'Topic', { name: 'news', subscribers, config });
    return Template.fromStack(stack);
  };

  test('has a dead-letter queue for each subscriber', () => {
    const found = Object.values(
      topic('a@example.com', 'https://example.com/hook').findResources('AWS::SNS::Subscription'),
    );
    expect(found.map(({ Properties }) => Properties.Protocol)).toEqual(['email', 'https']);
    for (const { Properties } of found) expect(Properties.RedrivePolicy.deadLetterTargetArn).toBeDefined();
  });

  test.each([
    [[], 'Topic news has no subscriber: SNS drops each message.'],
    [['http://example.com'], '"http://example.com" is neither an e-mail address nor an https: URL.'],
  ])('with the subscribers %j is refused', (subscribers, message) => {
    expect(() => topic(...subscribers)).toThrow(message);
  });
});

describe('a log group', () => {
  const subscribe = (template?: string) => {
    const { stack, config, bus } = parts();
    const log = new EventLog(stack, 'Log', { name: 'changes', config });
    const input = template === undefined ? undefined : { paths: { time: '$.time', id: '$.id' }, template };
    bus.subscribe('logged', { pattern: { source: ['partner.x'] } }, log, {
      ...DESCRIBED,
      ...(input && { input }),
    });
    return stack;
  };

  test('lets only its rules write', () => {
    const stack = subscribe('{"timestamp": <time>, "message": "It was <id>"}');
    const [policy] = Object.values(Template.fromStack(stack).findResources('AWS::Logs::ResourcePolicy'));
    expect(JSON.stringify(policy)).toMatch(/PutLogEvents.*aws:SourceArn/);
  });

  test('takes whole events', () => {
    expect(() => subscribe()).not.toThrow();
  });

  test.each(['{"id": <id>}', '"<id>"', '{"message": "<id>"}'])('does not take the input %s', (template) => {
    expect(() => subscribe(template)).toThrow(/takes a time and a text: write the input's template as/);
  });
});

describe('another bus', () => {
  const ARN = 'arn:aws:events:eu-central-1:111122223333:event-bus/partner';
  const subscribe = (busArn: string, input?: InputTransformer) => {
    const { stack, bus } = parts();
    const other = new OtherBus(stack, 'Other', { name: 'other', from: bus, busArn });
    const selection = { pattern: { source: ['app.analytics'] } };
    bus.subscribe('shared', selection, other, { ...DESCRIBED, ...(input && { input }) });
    return stack;
  };

  test('is reached by a role of this rule only, which may only put events there', () => {
    const roles = Object.values(Template.fromStack(subscribe(ARN)).findResources('AWS::IAM::Role'));
    const role = roles.find(({ Properties }) => JSON.stringify(Properties).includes('events:PutEvents'));
    const { AssumeRolePolicyDocument: trust, Policies } = role?.Properties ?? {};
    expect(trust.Statement).toMatchObject([
      {
        Principal: { Service: 'events.amazonaws.com' },
        Condition: {
          StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
          ArnEquals: { 'aws:SourceArn': expect.anything() },
        },
      },
    ]);
    expect(Policies[0].PolicyDocument.Statement).toMatchObject([
      { Action: 'events:PutEvents', Resource: ARN },
    ]);
  });

  test('gets whole events: an input is refused', () => {
    const input = { paths: { id: '$.id' }, template: '{"id": <id>}' };
    expect(() => subscribe(ARN, input)).toThrow(
      'Target T is a bus, which gets whole events: leave the input out',
    );
  });

  test.each(['partner', 'arn:aws:sqs:eu-central-1:111122223333:queue'])('cannot be %s', (busArn) => {
    expect(() => subscribe(busArn)).toThrow('is no ARN of a bus, such as');
  });

  test('cannot be the bus of its rule', () => {
    const { stack, bus } = parts();
    const make = () =>
      new OtherBus(stack, 'Other', { name: 'other', from: bus, busArn: bus.bus.eventBusArn });
    expect(make).toThrow('its events would go round for ever');
  });
});

describe('an HTTP endpoint', () => {
  const endpoint = (given: Partial<HttpEndpointProps> = {}) => {
    const { stack, config } = parts();
    const authorization = { kind: 'api-key', header: 'X-Api-Key', secret: 'shop/carrier' } as const;
    const url = 'https://example.com/orders';
    new HttpEndpoint(stack, 'Carrier', { name: 'carrier', url, authorization, config, ...given });
    const [connection] = Object.values(Template.fromStack(stack).findResources('AWS::Events::Connection'));
    return connection?.Properties;
  };
  const tokenUrl = 'https://example.com/token';
  const secret = 'shop/carrier';

  test.each<[EndpointAuthorization, string]>([
    [{ kind: 'api-key', header: 'X-Api-Key', secret }, 'API_KEY'],
    [{ kind: 'basic', user: 'shop', secret }, 'BASIC'],
    [{ kind: 'oauth', tokenUrl, clientId: 'shop', secret }, 'OAUTH_CLIENT_CREDENTIALS'],
  ])('has its secret in Secrets Manager: %j', (authorization, type) => {
    const { AuthorizationType, AuthParameters } = endpoint({ authorization });
    expect(AuthorizationType).toBe(type);
    expect(JSON.stringify(AuthParameters)).toContain('{{resolve:secretsmanager:shop/carrier:');
  });

  test.each<[string, Partial<HttpEndpointProps>, string]>([
    [
      'a plain address',
      { url: 'http://example.com' },
      'url is "http://example.com", but EventBridge calls https:',
    ],
    [
      'a plain address of tokens',
      { authorization: { kind: 'oauth', tokenUrl: 'example.com', clientId: 'shop', secret } },
      'tokenUrl is "example.com"',
    ],
    ['no request', { rate: 0 }, 'rate is 0, but EventBridge takes 1 to 300 requests a second'],
    ['more than EventBridge makes', { rate: 301 }, 'rate is 301'],
  ])('is refused with %s', (_, given, message) => {
    expect(() => endpoint(given)).toThrow(message);
  });
});

describe('a state machine', () => {
  const workflow = (type?: StateMachineType) => {
    const { stack, config, bus } = parts();
    const definition = orderFulfilment(stack, bus);
    const made = new Workflow(stack, 'Work', { name: 'work', definition, config, ...(type && { type }) });
    const input = { paths: { order: '$.detail.orderId' }, template: '{"orderId": <order>}' };
    bus.subscribe('work', OrderCreated, made, { ...DESCRIBED, input });
    return Template.fromStack(stack);
  };
  const machine = (template: Template) =>
    Object.values(template.findResources('AWS::StepFunctions::StateMachine'))[0]?.Properties;

  test('retries, and compensates what fails at every retry, before it fails', () => {
    const definition = JSON.stringify(machine(workflow()).DefinitionString);
    expect(definition).toMatch(/Retry.*MaxAttempts.*3/);
    expect(definition).toMatch(/Catch.*Cancel/);
    expect(definition).toMatch(/NotConfirmed/);
  });

  test.each([
    [undefined, 'STANDARD', 3_600],
    [StateMachineType.EXPRESS, 'EXPRESS', 300],
  ])('of type %s has logs without data and a time limit', (type, StateMachineType, seconds) => {
    const properties = machine(workflow(type));
    expect(properties).toMatchObject({
      StateMachineType,
      LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: false },
    });
    expect(JSON.stringify(properties.DefinitionString)).toMatch(
      new RegExp(`TimeoutSeconds[^\\d]*${seconds}\\b`),
    );
  });

  test('is started by a role of its rule only', () => {
    workflow().hasResourceProperties('AWS::IAM::Role', {
      Policies: [{ PolicyDocument: { Statement: [{ Action: 'states:StartExecution', Effect: 'Allow' }] } }],
    });
  });
});

test('a target that is no function has a page for all that fails behind it, and its graphs on the dashboard', () => {
  const { stack, config, bus, handler } = parts();
  const queue = new EventQueue(stack, 'Queue', { name: 'warehouse', consumer: handler, config });
  const topic = new EventTopic(stack, 'Topic', { name: 'reports', subscribers: ['a@example.com'], config });
  const input: InputTransformer = { paths: { id: '$.detail.orderId' }, template: '<id>' };
  bus.subscribe('stocked', OrderCreated, queue, { targetId: 'Queue', description: 'An order' });
  bus.subscribe('told', OrderCreated, topic, { targetId: 'Topic', description: 'An order', input });
  bus.receive({ name: 'uploads', pattern: { source: ['aws.s3'] }, description: 'An upload' });
  // A table that no function calls yet.
  new OrderStore(stack, 'Orders', config);
  const analyticsStream = new AnalyticsStream(stack, 'AnalyticsStream', config);
  new Monitoring(stack, 'Monitoring', { config, bus, analyticsStream });

  const template = Template.fromStack(stack);
  const pages = Object.values(template.findResources('AWS::CloudWatch::CompositeAlarm'));
  const names = pages.map(({ Properties: { AlarmName } }) => AlarmName);
  const paged = [queue.name, topic.name, 'inflow'].map((name) => `event-driven-${name}-failing`);
  expect(names).toEqual(expect.arrayContaining(paged));
  const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));
  const body = JSON.stringify(dashboard?.Properties.DashboardBody);
  for (const target of [queue, topic]) expect(body).toContain(`${target.label}: taken`);
});
