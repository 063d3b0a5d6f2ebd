/** Parts of a template that only AWS knows, by a parameter that nobody gave or as every account has them: what is said of them is never more than is known. */
import { UNDESCRIBED } from '../../../tools/app';
import { InputError } from '../../../tools/cli/errors';
import { auditHops } from '../../../tools/proof/audit/audit';
import { notPricedIn } from '../../../tools/proof/cost/not-priced';
import { readFlow } from '../../../tools/proof/routes/flow';
import { readEvent } from '../../../tools/proof/routes/given-event';
import { recipientsOf } from '../../../tools/proof/routes/recipients';
import { proveRoutes } from '../../../tools/proof/routes/routes';
import { assemblyOf } from './assembly';

const either = (yes: unknown, no: unknown) => ({ 'Fn::If': ['IsProduction', yes, no] });
const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const rule = (properties: object) => ({
  Type: 'AWS::Events::Rule',
  Properties: {
    EventBusName: { Ref: 'Bus' },
    EventPattern: { source: ['app.orders'] },
    Targets: [{ Id: 'Queue', Arn: arn('Queue'), DeadLetterConfig: { Arn: arn('Dead') } }],
    ...properties,
  },
});
const NOTHING = { Ref: 'AWS::NoValue' };
const assembly = (resources: object) =>
  assemblyOf({
    Parameters: { Stage: { Type: 'String' } },
    Conditions: { IsProduction: { 'Fn::Equals': [{ Ref: 'Stage' }, 'production'] } },
    Resources: {
      Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'orders' } },
      Queue: { Type: 'AWS::SQS::Queue' },
      Dead: { Type: 'AWS::SQS::Queue' },
      ...resources,
    },
  });
const REASON = /it depends on condition IsProduction .*, which cannot be evaluated/;
const SCHEDULE = {
  ScheduleExpression: 'rate(1 day)',
  FlexibleTimeWindow: { Mode: 'OFF' },
  Target: { Arn: arn('Queue'), RoleArn: 'arn:aws:iam::000000000000:role/any' },
};

describe.each<[what: string, resource: object, part: RegExp]>([
  ['the state of a rule', rule({ State: either('ENABLED', 'DISABLED') }), /State is not known/],
  [
    'all targets of a rule',
    rule({ Targets: either([{ Id: 'A', Arn: arn('Queue') }], NOTHING) }),
    /Targets is/,
  ],
  [
    'one target of a rule',
    rule({ Targets: [either({ Id: 'A', Arn: arn('Queue') }, NOTHING)] }),
    /Targets.0 is/,
  ],
  [
    'the retries of a target',
    rule({
      Targets: [{ Id: 'A', Arn: arn('Queue'), RetryPolicy: either({ MaximumRetryAttempts: 0 }, NOTHING) }],
    }),
    /Targets.0.RetryPolicy is not known/,
  ],
  [
    'the input of a target',
    rule({
      Targets: [{ Id: 'A', Arn: arn('Queue'), InputTransformer: either({ InputTemplate: '"a"' }, NOTHING) }],
    }),
    /Targets.0.InputTransformer is not known/,
  ],
  [
    'the pattern of a rule',
    rule({ EventPattern: either({ source: ['a'] }, { source: ['b'] }) }),
    /which events it takes/,
  ],
  [
    'a field of the pattern',
    rule({ EventPattern: { source: either(['a'], ['b']) } }),
    /which events it takes/,
  ],
  [
    'the state of a schedule',
    { Type: 'AWS::Scheduler::Schedule', Properties: { ...SCHEDULE, State: either('ENABLED', 'DISABLED') } },
    /State is not known/,
  ],
  [
    'the state of a pipe',
    {
      Type: 'AWS::Pipes::Pipe',
      Properties: {
        DesiredState: either('RUNNING', 'STOPPED'),
        ...{ Source: arn('Queue'), Target: arn('Bus'), RoleArn: 'arn:aws:iam::000000000000:role/any' },
      },
    },
    /DesiredState is not known/,
  ],
])('%s', (what, resource, part) => {
  const given = assembly({ Tested: resource });
  const isOfTested = (each: { resource?: string }) => each.resource === 'Tested';

  test('cannot be told by the audit', () => {
    const { unknown, gaps } = auditHops(given, UNDESCRIBED);
    const messages = unknown.filter(isOfTested).map(({ message }) => message);
    expect(messages.filter((message) => part.test(message) && REASON.test(message))).toHaveLength(1);
    expect(gaps.filter(isOfTested).map(({ message }) => message)).not.toContainEqual(
      expect.stringMatching(/disabled/),
    );
  });

  test('cannot be told by routes, and is no finding', () => {
    const { unknown, findings, notCovered } = proveRoutes(given, UNDESCRIBED);
    expect(findings).toEqual([]);
    const isPipe = what.includes('pipe');
    const told = [...unknown, ...(isPipe ? notCovered : [])].filter(isOfTested).map(({ message }) => message);
    expect(told).toContainEqual(expect.stringMatching(isPipe ? /routes end/ : part));
  });
});

const IN_PRODUCTION = { Condition: 'IsProduction' };
const mayQueue = (more: object = {}) => ({
  Type: 'AWS::SQS::QueuePolicy',
  Properties: {
    Queues: [{ Ref: 'Queue' }],
    PolicyDocument: {
      Statement: [
        {
          ...{ Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' }, Action: 'sqs:SendMessage' },
          ...{ Resource: arn('Queue'), Condition: { ArnEquals: { 'aws:SourceArn': arn('Tested') } } },
        },
      ],
    },
  },
  ...more,
});
const alarm = (properties: object, more: object = {}) => ({
  Type: 'AWS::CloudWatch::Alarm',
  Properties: {
    ...{ Namespace: 'AWS/Events', MetricName: 'FailedInvocations', Statistic: 'Sum', Threshold: 0 },
    ...{ ComparisonOperator: 'GreaterThanThreshold', AlarmActions: [{ Ref: 'Topic' }] },
    Dimensions: [
      { Name: 'EventBusName', Value: { Ref: 'Bus' } },
      { Name: 'RuleName', Value: 'tested' },
    ],
    ...properties,
  },
  ...more,
});
const FUNCTION = {
  Runtime: 'nodejs24.x',
  Handler: 'a.b',
  Code: { ZipFile: 'x' },
  Role: 'arn:aws:iam::0:role/r',
};
const lambda = (properties: object) => ({
  Tested: rule({ Name: 'tested', Targets: [{ Id: 'F', Arn: arn('Function') }] }),
  Function: { Type: 'AWS::Lambda::Function', Properties: { ...FUNCTION, ...properties } },
});
const Topic = { Type: 'AWS::SNS::Topic' };
const Tested = rule({ Name: 'tested' });
const stream = (properties: object, bucket: object = {}) => ({
  Tested: rule({ Targets: [{ Id: 'S', Arn: arn('Stream'), RoleArn: 'arn:aws:iam::0:role/r' }] }),
  Bucket: { Type: 'AWS::S3::Bucket', Properties: bucket },
  Stream: { Type: 'AWS::KinesisFirehose::DeliveryStream', Properties: properties },
});
const toBucket = (more: object = {}) => ({
  ExtendedS3DestinationConfiguration: { BucketARN: arn('Bucket'), RoleARN: 'arn:aws:iam::0:role/r', ...more },
});
const archive = (properties: object, more: object = {}) => ({
  Archive: { Type: 'AWS::Events::Archive', Properties: { SourceArn: arn('Bus'), ...properties }, ...more },
  Tested,
});

test.each<[what: string, resources: object, asked: RegExp, noGap: RegExp]>([
  [
    'a policy',
    { Tested, May: mayQueue(IN_PRODUCTION) },
    /sqs:SendMessage for rule tested/,
    /Queue for events.amazonaws.com/,
  ],
  [
    'an alarm',
    { Tested, Topic, Alarm: alarm({}, IN_PRODUCTION) },
    /whether an alarm watches FailedInvocations/,
    /FailedInv/,
  ],
  [
    'the actions of an alarm',
    { Tested, Topic, Alarm: alarm({ AlarmActions: either([{ Ref: 'Topic' }], NOTHING) }) },
    /whether it tells anybody/,
    /it tells nobody/,
  ],
  [
    'an action of an alarm',
    { Tested, Topic, Alarm: alarm({ AlarmActions: [either({ Ref: 'Topic' }, NOTHING)] }) },
    /what its action is/,
    /it tells nobody/,
  ],
  ['an archive', archive({}, IN_PRODUCTION), /whether it has an archive/, /it has no archive/],
  [
    'the retention of an archive',
    archive({ RetentionDays: { Ref: 'Stage' } }),
    /for how long: parameter Stage/,
    /NaN/,
  ],
  [
    'the dead-letter queue of a bus',
    {
      Tested,
      Bus: {
        Type: 'AWS::Events::EventBus',
        Properties: { KmsKeyIdentifier: 'k', DeadLetterConfig: either({ Arn: arn('Dead') }, NOTHING) },
      },
    },
    /whether it has a key without a dead-letter queue/,
    /it has a key, and no/,
  ],
  ['a timeout', lambda({ Timeout: { Ref: 'Stage' } }), /how long a call may take: parameter Stage/, /NaN/],
  ['concurrency', lambda({ ReservedConcurrentExecutions: either(0, 5) }), /whether it is run/, /never run/],
  [
    'a log group',
    lambda({ LoggingConfig: either({ LogGroup: 'x' }, NOTHING) }),
    /which log group/,
    /its log group/,
  ],
  [
    'the log of a stream',
    stream(toBucket({ CloudWatchLoggingOptions: either({ Enabled: true, LogGroupName: 'x' }, NOTHING) })),
    /whether it logs/,
    /does not log/,
  ],
  [
    'the encryption of a stream',
    stream({
      ...toBucket(),
      DeliveryStreamEncryptionConfigurationInput: either({ KeyType: 'AWS_OWNED_CMK' }, NOTHING),
    }),
    /how what it holds is encrypted/,
    /DeliveryStreamEncryptionConfigurationInput/,
  ],
  [
    'the public access of a bucket',
    stream(toBucket(), { PublicAccessBlockConfiguration: either({ BlockPublicAcls: true }, NOTHING) }),
    /whether it blocks all public access/,
    /it does not block/,
  ],
  [
    'the largest message of a queue',
    { Tested, Dead: { Type: 'AWS::SQS::Queue', Properties: { MaximumMessageSize: { Ref: 'Stage' } } } },
    /whether it takes the largest event: parameter Stage/,
    /it takes messages of/,
  ],
  [
    'the subscriptions of a topic',
    {
      Tested: rule({ Targets: [{ Id: 'T', Arn: { Ref: 'Topic' } }] }),
      Topic: {
        ...Topic,
        Properties: { Subscription: either([{ Protocol: 'email', Endpoint: 'a@b.c' }], NOTHING) },
      },
    },
    /who subscribes to it/,
    /no subscription/,
  ],
])('an audit cannot tell of %s that may not be there', (_, resources, asked, noGap) => {
  const { unknown, gaps, notes } = auditHops(assembly(resources), UNDESCRIBED);
  const messages = unknown.map(({ message }) => message);
  expect(messages).toContainEqual(expect.stringMatching(asked));
  const told = [...gaps.map(({ message }) => message), ...notes];
  expect(told).not.toContainEqual(expect.stringMatching(noGap));
});

test.each([
  ['state', { State: either('ENABLED', 'DISABLED') }, 'State is not known: it depends on'],
  [
    'pattern',
    { EventPattern: either({ source: ['a'] }, { source: ['b'] }) },
    'it depends on condition IsProduction',
  ],
])('whether a rule with an unknown %s takes an event cannot be told', (_, properties, reason) => {
  const { routing } = proveRoutes(assembly({ Tested: rule(properties) }), UNDESCRIBED);
  const event = { source: 'app.orders', 'detail-type': 'OrderPlaced', detail: {} };
  const [recipient] = recipientsOf(routing, readEvent(event, routing));
  expect(recipient).toMatchObject({
    takes: 'unknown',
    misses: [{ reason: expect.stringContaining(reason) }],
    deliveries: [{ target: 'Queue' }],
  });
});

test('the default bus of the account is a target that is there, whatever the template has', () => {
  const Arn = 'arn:aws:events:us-east-1:000000000000:event-bus/default';
  const given = assembly({ Tested: rule({ Targets: [{ Id: 'Default', Arn }] }) });
  expect(proveRoutes(given, UNDESCRIBED)).toMatchObject({ findings: [], unknown: [] });
  const { unknown, gaps } = auditHops(given, UNDESCRIBED);
  const messages = [...unknown, ...gaps].map(({ message }) => message);
  expect(messages).not.toContainEqual(expect.stringContaining('not in this template'));
});

test('a target whose input EventBridge refuses is told to get nothing', () => {
  const InputTransformer = { InputPathsMap: {}, InputTemplate: '{"a": <nowhere>}' };
  const targets = { Targets: [{ Id: 'Queue', Arn: arn('Queue'), InputTransformer }] };
  const { routing } = proveRoutes(assembly({ Tested: rule(targets) }), UNDESCRIBED);
  const given = readEvent({ source: 'app.orders', 'detail-type': 'OrderPlaced', detail: {} }, routing);
  expect(recipientsOf(routing, given)).toMatchObject([
    { takes: 'yes', deliveries: [{ target: 'Queue', problem: { reason: 'EventBridge refuses its input' } }] },
  ]);
});

test('a transformer without a template is refused by its place', () => {
  const target = { Id: 'A', Arn: arn('Queue'), InputTransformer: { InputPathsMap: { id: '$.id' } } };
  const given = assembly({ Tested: rule({ Targets: [target] }) });
  expect(() => proveRoutes(given, UNDESCRIBED)).toThrow(
    /^AWS::Events::Rule Tested: Targets.0.InputTransformer.InputTemplate: /,
  );
});

test('a bill says which rules and schedules it counts without a part', () => {
  const given = assembly({ Tested: rule({ State: either('ENABLED', 'DISABLED') }) });
  expect(notPricedIn(given, [], UNDESCRIBED)).toContainEqual({
    resource: 'Tested',
    type: 'AWS::Events::Rule',
    message: expect.stringMatching(/^its calls are counted without this: State is not known: it depends on/),
  });
});

test.each([
  ['no condition', undefined, true],
  ['the source of the event', { StringEquals: { 'events:source': 'app.orders' } }, true],
  ['the type of the event', { StringLike: { 'events:detail-type': 'Order*' } }, true],
  [
    'the organization',
    { StringEquals: { 'aws:PrincipalOrgID': 'o-a1b2c3d4e5', 'events:source': 'a' } },
    false,
  ],
])('a policy that lets everybody publish, on condition of %s', (_, Condition, isOpen) => {
  const Statement = {
    ...{ Effect: 'Allow', Principal: '*', Action: 'events:PutEvents', Resource: arn('Bus') },
    ...(Condition && { Condition }),
  };
  const Policy = {
    Type: 'AWS::Events::EventBusPolicy',
    Properties: { EventBusName: { Ref: 'Bus' }, StatementId: 'any', Statement },
  };
  const { gaps } = auditHops(assembly({ Policy, Tested: rule({}) }), UNDESCRIBED);
  const isTold = gaps.some(({ message }) => message.includes('its policy lets every AWS account put events'));
  expect(isTold).toBe(isOpen);
});

describe('no property of a template ends a command with a stack trace', () => {
  const resources: Readonly<Record<string, { readonly Type: string; readonly Properties: object }>> = {
    Bus: {
      Type: 'AWS::Events::EventBus',
      Properties: { Name: 'orders', KmsKeyIdentifier: 'key', DeadLetterConfig: { Arn: arn('Dead') } },
    },
    Archive: { Type: 'AWS::Events::Archive', Properties: { SourceArn: arn('Bus'), RetentionDays: 30 } },
    Publishers: {
      Type: 'AWS::Events::EventBusPolicy',
      Properties: {
        ...{ EventBusName: { Ref: 'Bus' }, StatementId: 'any' },
        Statement: {
          ...{ Effect: 'Allow', Principal: '*', Action: 'events:PutEvents', Resource: arn('Bus') },
          Condition: { StringEquals: { 'events:source': 'app.orders' } },
        },
      },
    },
    Queue: { Type: 'AWS::SQS::Queue', Properties: { VisibilityTimeout: 30, KmsMasterKeyId: 'key' } },
    Dead: { Type: 'AWS::SQS::Queue', Properties: { MessageRetentionPeriod: 1, MaximumMessageSize: 1024 } },
    May: mayQueue(),
    Tested: rule({
      Targets: [
        {
          ...{ Id: 'Queue', Arn: arn('Queue'), RetryPolicy: { MaximumRetryAttempts: 1 } },
          InputTransformer: { InputPathsMap: { id: '$.id' }, InputTemplate: '{"id": <id>}' },
          DeadLetterConfig: { Arn: arn('Dead') },
        },
        { Id: 'Stream', Arn: arn('Stream'), RoleArn: 'arn:aws:iam::0:role/r' },
        { Id: 'Function', Arn: arn('Function') },
      ],
    }),
    Function: lambda({ Timeout: 3, LoggingConfig: { LogGroup: 'x' }, TracingConfig: { Mode: 'Active' } })
      .Function,
    Topic: {
      Type: 'AWS::SNS::Topic',
      Properties: { Subscription: [{ Protocol: 'email', Endpoint: 'a@b.c' }] },
    },
    Alarm: alarm({}),
    Schedule: { Type: 'AWS::Scheduler::Schedule', Properties: SCHEDULE },
    Bucket: {
      Type: 'AWS::S3::Bucket',
      Properties: { PublicAccessBlockConfiguration: { BlockPublicAcls: true } },
    },
    Stream: {
      Type: 'AWS::KinesisFirehose::DeliveryStream',
      Properties: toBucket({ CloudWatchLoggingOptions: { Enabled: true, LogGroupName: 'x' } }),
    },
    Pipe: {
      Type: 'AWS::Pipes::Pipe',
      Properties: { Source: arn('Queue'), Target: arn('Bus'), RoleArn: 'arn:aws:iam::0:role/r' },
    },
  };

  /** Copies of a value with one part of it replaced, at any depth. */
  function* replaced(value: unknown, part: (given: unknown) => unknown): Generator<unknown> {
    if (typeof value !== 'object' || value === null || /^(Ref|Fn::)/.test(Object.keys(value)[0] ?? ''))
      return;
    for (const [key, child] of Object.entries(value)) {
      const copy = (by: unknown) =>
        Array.isArray(value) ? value.with(Number(key), by) : { ...value, [key]: by };
      yield copy(part(child));
      for (const changed of replaced(child, part)) yield copy(changed);
    }
  }

  test.each<[string, (given: unknown) => unknown]>([
    ['that may not be there', (given) => either(given, NOTHING)],
    ['that is a number', () => 5],
    ['that is nothing', () => null],
    ['that is a list of nothing', () => [null]],
  ])('%s', (_, part) => {
    expect(auditHops(assembly(resources), UNDESCRIBED).hops.length).toBeGreaterThan(10);
    const problems: string[] = [];
    for (const [id, { Type, Properties }] of Object.entries(resources)) {
      for (const changed of replaced(Properties, part)) {
        try {
          const given = assembly({ ...resources, [id]: { Type, Properties: changed } });
          proveRoutes(given, UNDESCRIBED);
          auditHops(given, UNDESCRIBED);
          readFlow(given, UNDESCRIBED);
        } catch (error) {
          if (error instanceof InputError) continue;
          problems.push(`${id} ${JSON.stringify(changed)}: ${(error as Error).stack}`);
        }
      }
    }
    expect(problems).toEqual([]);
  });
});
