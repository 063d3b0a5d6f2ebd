import { readFileSync } from 'node:fs';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import * as v from 'valibot';
import { StageSettings } from '../../lib/config';
import { evaluate, type Statement } from '../../tools/template/policy';
import { assemblyOf } from '../tools/proof/assembly';
import { synthesize } from './synthesize';

/** Untyped, as the template is. */
type Json = ReturnType<Template['toJSON']>[string];

let template: Template;
beforeAll(() => {
  template = synthesize();
});

const attribute = (idPattern: RegExp, name: string) => ({
  'Fn::GetAtt': [Match.stringLikeRegexp(idPattern.source), name],
});

/** Logical id of the one resource of this type with these properties. */
function idOf(type: string, properties: object, of = template): string {
  const ids = Object.keys(of.findResources(type, { Properties: properties }));
  expect(ids).toHaveLength(1);
  return ids[0] as string;
}

describe('the bus', () => {
  test("has the project's name and is tagged with its stage", () => {
    template.hasResourceProperties('AWS::Events::EventBus', {
      Name: 'event-driven-bus',
      Tags: [{ Key: 'Environment', Value: 'production' }],
    });
  });

  test('lets the own account publish, and no other', () => {
    template.hasResourceProperties('AWS::Events::EventBusPolicy', {
      Statement: {
        Effect: 'Allow',
        Action: 'events:PutEvents',
        Resource: attribute(/^Bus/, 'Arn'),
        Principal: {
          AWS: [
            {
              'Fn::Join': [
                '',
                ['arn:', { Ref: 'AWS::Partition' }, ':iam::', { Ref: 'AWS::AccountId' }, ':root'],
              ],
            },
          ],
        },
      },
    });
  });

  test('lets the configured accounts publish, each its own sources', () => {
    const accounts = { '111122223333': ['partner.billing', 'partner.stock'], '444455556666': ['other.mail'] };
    const assembly = assemblyOf(synthesize('production', { publisherAccounts: accounts }).toJSON());
    const statements: Statement[] = assembly
      .ofType('AWS::Events::EventBusPolicy')
      .map(({ properties: { StatementId: Sid, Statement } }) => ({ Sid, ...Statement }));
    const [bus] = assembly.ofType('AWS::Events::EventBus');
    const may = (account: string, ...sources: string[]) =>
      evaluate(statements, {
        principal: { aws: `arn:aws:iam::${account}:root` },
        action: 'events:PutEvents',
        resource: bus?.arn ?? '',
        context: sources.length > 0 ? { 'events:source': sources } : {},
      }).allowed;
    expect(may('111122223333', 'partner.billing')).toBe(true);
    expect(may('111122223333', 'partner.billing', 'partner.stock')).toBe(true);
    expect(may('444455556666', 'other.mail')).toBe(true);
    expect(may(assembly.account, 'app.orders', 'partner.billing')).toBe(true);
    // Forged, one forged entry among others, none at all, and nobody's.
    expect(may('111122223333', 'app.orders')).toBe(false);
    expect(may('111122223333', 'partner.billing', 'app.orders')).toBe(false);
    expect(may('444455556666', 'partner.billing')).toBe(false);
    expect(may('111122223333')).toBe(false);
    expect(may('777788889999', 'partner.billing')).toBe(false);
  });

  test('has an archive of every event for 30 days', () => {
    template.hasResourceProperties('AWS::Events::Archive', {
      ArchiveName: 'event-driven-archive',
      SourceArn: attribute(/^Bus/, 'Arn'),
      EventPattern: { source: [{ prefix: '' }] },
      RetentionDays: 30,
    });
  });
});

const NOT_REPLAYED = [{ exists: false }];
const RULES: [rule: string, target: { id: string; entry: string }, properties: object][] = [
  [
    'order-created',
    { id: 'OrderProcessor', entry: 'order-processor' },
    { EventPattern: { source: ['app.orders'], 'detail-type': ['OrderCreated'] } },
  ],
  [
    'order-status-projection',
    { id: 'OrderProcessor', entry: 'order-processor' },
    { EventPattern: { source: ['app.orders'], 'detail-type': ['OrderStatusChanged'] } },
  ],
  [
    'order-status-changed',
    { id: 'Notifier', entry: 'notifier' },
    {
      EventPattern: {
        source: ['app.orders'],
        'detail-type': ['OrderStatusChanged'],
        detail: { status: ['SHIPPED', 'DELIVERED', 'CANCELLED'] },
        'replay-name': NOT_REPLAYED,
      },
    },
  ],
  ['all-events', { id: 'Analytics', entry: 'analytics' }, { EventPattern: { source: [{ prefix: 'app.' }] } }],
  [
    'daily-report',
    { id: 'DailyReport', entry: 'analytics' },
    { ScheduleExpression: 'cron(0 9 * * ? *)', EventPattern: Match.absent() },
  ],
];

describe.each(RULES)('the rule event-driven-%s', (name, target, properties) => {
  test('matches what the design says', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      Name: `event-driven-${name}`,
      State: 'ENABLED',
      // EventBridge has scheduled rules on the default bus only.
      EventBusName: name === 'daily-report' ? Match.absent() : { Ref: Match.stringLikeRegexp('^Bus') },
      ...properties,
    });
  });

  test(`has ${target.id} as its one target, with 3 attempts in an hour and the dead-letter queue`, () => {
    const fn = idOf('AWS::Lambda::Function', { FunctionName: `event-driven-${target.entry}` });
    const queue = idOf('AWS::SQS::Queue', { QueueName: 'event-driven-dlq' });
    template.hasResourceProperties('AWS::Events::Rule', {
      Name: `event-driven-${name}`,
      Targets: [
        {
          Id: target.id,
          Arn: { 'Fn::GetAtt': [fn, 'Arn'] },
          RetryPolicy: { MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: 3600 },
          DeadLetterConfig: { Arn: { 'Fn::GetAtt': [queue, 'Arn'] } },
        },
      ],
    });
  });

  test('alone may invoke its function, and put what it cannot deliver into the dead-letter queue', () => {
    const rule = { 'Fn::GetAtt': [idOf('AWS::Events::Rule', { Name: `event-driven-${name}` }), 'Arn'] };
    const fn = idOf('AWS::Lambda::Function', { FunctionName: `event-driven-${target.entry}` });
    template.hasResourceProperties('AWS::Lambda::Permission', {
      Action: 'lambda:InvokeFunction',
      FunctionName: { 'Fn::GetAtt': [fn, 'Arn'] },
      Principal: 'events.amazonaws.com',
      SourceArn: rule,
    });
    template.hasResourceProperties('AWS::SQS::QueuePolicy', {
      Queues: [{ Ref: idOf('AWS::SQS::Queue', { QueueName: 'event-driven-dlq' }) }],
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Allow',
            Action: 'sqs:SendMessage',
            Principal: { Service: 'events.amazonaws.com' },
            Condition: { ArnEquals: { 'aws:SourceArn': rule } },
          }),
        ]),
      },
    });
  });
});

test('each rule has one permission for its function, and there is no other permission', () => {
  const rules = Object.entries(template.findResources('AWS::Events::Rule'));
  // A topic, by `Ref`, has a policy instead.
  const pairs = rules.flatMap(([rule, { Properties }]) => {
    const called = Properties.Targets[0].Arn['Fn::GetAtt'];
    return called ? [[rule, called[0]]] : [];
  });
  const permissions = Object.values(template.findResources('AWS::Lambda::Permission')).map(
    ({ Properties: { SourceArn, FunctionName } }) =>
      [SourceArn, FunctionName].map((reference) => reference['Fn::GetAtt'][0]),
  );
  expect(permissions.sort()).toEqual(pairs.sort());
});

test('the notifier receives the fields it needs instead of the event', () => {
  template.hasResourceProperties('AWS::Events::Rule', {
    Name: 'event-driven-order-status-changed',
    Targets: [
      {
        InputTransformer: {
          InputPathsMap: Match.objectLike({
            orderId: '$.detail.orderId',
            status: '$.detail.status',
            email: '$.detail.customerEmail',
          }),
          InputTemplate: Match.stringLikeRegexp('"message": "Your order <orderId> has been <status>"'),
        },
      },
    ],
  });
});

test("the daily report receives the schedule's time, not the word today", () => {
  template.hasResourceProperties('AWS::Events::Rule', {
    Name: 'event-driven-daily-report',
    Targets: [
      {
        InputTransformer: {
          InputPathsMap: { time: '$.time' },
          InputTemplate: '{"type": "daily_report", "date": <time>}',
        },
      },
    ],
  });
});

const FUNCTIONS: [entry: string, memory: number, timeout: number, variables: object][] = [
  ['order-processor', 256, 30, { TABLE_NAME: { Ref: Match.stringLikeRegexp('^OrdersTable') } }],
  [
    'notifier',
    144,
    40,
    {
      TABLE_NAME: { Ref: Match.stringLikeRegexp('^OrdersTable') },
      SNS_TOPIC_ARN: { Ref: Match.stringLikeRegexp('^NotificationsTopic') },
      IDEMPOTENCY_TABLE_NAME: { Ref: Match.stringLikeRegexp('^NotificationsNotifiedEvents') },
    },
  ],
  [
    'analytics',
    256,
    60,
    {
      FIREHOSE_STREAM: { Ref: Match.stringLikeRegexp('^AnalyticsStream') },
      REPORTS_TABLE_NAME: { Ref: Match.stringLikeRegexp('^ReportsTable') },
      TABLE_NAME: { Ref: Match.stringLikeRegexp('^OrdersTable') },
      EVENT_BUS_NAME: { Ref: Match.stringLikeRegexp('^Bus') },
    },
  ],
];

describe.each(FUNCTIONS)('the function event-driven-%s', (entry, memory, timeout, variables) => {
  test(`runs nodejs24.x on arm64 with ${memory} MB for at most ${timeout} s, logging JSON`, () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: `event-driven-${entry}`,
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      MemorySize: memory,
      Timeout: timeout,
      TracingConfig: Match.absent(),
      LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'INFO', SystemLogLevel: 'WARN' },
      Environment: { Variables: Match.objectLike(variables) },
      ReservedConcurrentExecutions: Match.absent(),
    });
  });

  test('logs to an explicit group that keeps lines for 14 days', () => {
    const group = idOf('AWS::Logs::LogGroup', {
      LogGroupName: `/aws/lambda/event-driven-${entry}`,
      RetentionInDays: 14,
    });
    template.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: `event-driven-${entry}`,
      LoggingConfig: { LogGroup: { Ref: group } },
    });
  });

  test('is retried twice within an hour, then the event goes to the failed-events queue', () => {
    const fn = idOf('AWS::Lambda::Function', { FunctionName: `event-driven-${entry}` });
    const queue = idOf('AWS::SQS::Queue', { QueueName: 'event-driven-failed-events' });
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: fn },
      MaximumRetryAttempts: 2,
      MaximumEventAgeInSeconds: 3600,
      DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': [queue, 'Arn'] } } },
    });
  });
});

/** Actions by resource of the policy of a function's own role. */
function permissions(entry: string): Record<string, string[]> {
  const fn = idOf('AWS::Lambda::Function', { FunctionName: `event-driven-${entry}` });
  const role = template.toJSON().Resources[fn].Properties.Role['Fn::GetAtt'][0];
  const policies = template.findResources('AWS::IAM::Policy', { Properties: { Roles: [{ Ref: role }] } });
  const statements = Object.values(policies).flatMap((policy) => policy.Properties.PolicyDocument.Statement);
  return Object.fromEntries(
    statements.map(({ Action, Resource, Effect }) => {
      expect(Effect).toBe('Allow');
      const resource = JSON.stringify(Resource).replace(/[0-9A-F]{8}(?=")/, '');
      return [resource, [Action].flat()];
    }),
  );
}

const base = (id: string) => ({
  [`{"Fn::GetAtt":["${id}Logs","Arn"]}`]: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  '{"Fn::GetAtt":["FailedEvents","Arn"]}': ['sqs:SendMessage'],
});

describe('least privilege', () => {
  test('the order processor may read and update the table, nothing else', () => {
    expect(permissions('order-processor')).toEqual({
      ...base('OrderProcessor'),
      '{"Fn::GetAtt":["OrdersTable","Arn"]}': ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
    });
  });

  test('the notifier may look at orders, publish to its topic and remember what it notified, nothing else', () => {
    expect(permissions('notifier')).toEqual({
      ...base('Notifier'),
      '{"Fn::GetAtt":["OrdersTable","Arn"]}': ['dynamodb:GetItem'],
      '{"Ref":"NotificationsTopic"}': ['sns:Publish'],
      '{"Fn::GetAtt":["NotificationsNotifiedEvents","Arn"]}': [
        'dynamodb:DeleteItem',
        'dynamodb:GetItem',
        'dynamodb:PutItem',
        'dynamodb:UpdateItem',
      ],
    });
  });

  test('analytics may put records, query the index of days, remember and publish the report, nothing else', () => {
    expect(permissions('analytics')).toEqual({
      ...base('Analytics'),
      '{"Fn::Join":["",[{"Fn::GetAtt":["OrdersTable","Arn"]},"/index/orders-by-day"]]}': ['dynamodb:Query'],
      '{"Fn::GetAtt":["ReportsTable","Arn"]}': ['dynamodb:GetItem', 'dynamodb:PutItem'],
      '{"Fn::GetAtt":["AnalyticsStream","Arn"]}': ['firehose:PutRecordBatch'],
      '{"Fn::GetAtt":["Bus","Arn"]}': ['events:PutEvents'],
    });
  });

  test('no role has a managed policy, an action with a wildcard, or two functions', () => {
    for (const role of Object.values(template.findResources('AWS::IAM::Role'))) {
      expect(role.Properties.ManagedPolicyArns).toBeUndefined();
    }
    const documents = JSON.stringify(template.findResources('AWS::IAM::Policy'));
    expect(documents).not.toMatch(/"Action":"?[^\]}]*\*/);
    const roles = Object.values(template.findResources('AWS::Lambda::Function')).map((fn) =>
      JSON.stringify(fn.Properties.Role),
    );
    expect(new Set(roles).size).toBe(roles.length);
  });
});

test.each(['event-driven-dlq', 'event-driven-failed-events'])(
  'the queue %s keeps messages for 14 days, encrypted, and refuses plain HTTP',
  (name) => {
    const queue = idOf('AWS::SQS::Queue', {
      QueueName: name,
      MessageRetentionPeriod: 1209600,
      SqsManagedSseEnabled: true,
    });
    template.hasResourceProperties('AWS::SQS::QueuePolicy', {
      Queues: [{ Ref: queue }],
      PolicyDocument: { Statement: Match.arrayWith([DENY_PLAIN_HTTP]) },
    });
  },
);
const DENY_PLAIN_HTTP = Match.objectLike({
  Effect: 'Deny',
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
});

describe('the orders table', () => {
  test('is keyed by order id, on demand, encrypted, restorable to any point in time', () => {
    template.hasResourceProperties('AWS::DynamoDB::Table', {
      TableName: 'event-driven-orders',
      KeySchema: [{ AttributeName: 'orderId', KeyType: 'HASH' }],
      AttributeDefinitions: Match.arrayWith([{ AttributeName: 'orderId', AttributeType: 'S' }]),
      BillingMode: 'PAY_PER_REQUEST',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      SSESpecification: { SSEEnabled: true },
    });
  });

  test('cannot be deleted at the default stage, and goes with the stack elsewhere', () => {
    template.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'RetainExceptOnCreate',
      UpdateReplacePolicy: 'Retain',
      Properties: { TableName: 'event-driven-orders', DeletionProtectionEnabled: true },
    });
    synthesize('dev').hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'Delete',
      Properties: { TableName: 'event-driven-dev-orders', DeletionProtectionEnabled: false },
    });
  });

  test('spreads the orders of one day over the partitions of an index', () => {
    template.hasResourceProperties('AWS::DynamoDB::Table', {
      GlobalSecondaryIndexes: [
        {
          IndexName: 'orders-by-day',
          KeySchema: [
            { AttributeName: 'dayShard', KeyType: 'HASH' },
            { AttributeName: 'orderId', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['status', 'total'] },
        },
      ],
    });
  });
});

test('the memory of notified events forgets by itself', () => {
  template.hasResourceProperties('AWS::DynamoDB::Table', {
    TableName: 'event-driven-notified-events',
    TimeToLiveSpecification: { AttributeName: 'expiration', Enabled: true },
  });
});

describe('the notifications topic', () => {
  test('is encrypted and refuses plain HTTP', () => {
    const topic = idOf('AWS::SNS::Topic', {
      TopicName: 'event-driven-notifications',
      KmsMasterKeyId: Match.anyValue(),
    });
    template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      Topics: [{ Ref: topic }],
      PolicyDocument: { Statement: [DENY_PLAIN_HTTP] },
    });
  });

  test('has a subscriber only if one is configured', () => {
    const subscription = {
      Protocol: 'email',
      Endpoint: 'shop@example.com',
      TopicArn: { Ref: Match.stringLikeRegexp('^NotificationsTopic') },
    };
    template.resourcePropertiesCountIs('AWS::SNS::Subscription', subscription, 0);
    synthesize('production', { notificationEmail: 'shop@example.com' }).hasResourceProperties(
      'AWS::SNS::Subscription',
      subscription,
    );
  });
});

describe('the analytics stream', () => {
  test('writes compressed objects by day, errors apart, and says in a log why one failed', () => {
    template.hasResourceProperties('AWS::KinesisFirehose::DeliveryStream', {
      DeliveryStreamName: 'event-driven-analytics',
      DeliveryStreamType: 'DirectPut',
      DeliveryStreamEncryptionConfigurationInput: { KeyType: 'AWS_OWNED_CMK' },
      ExtendedS3DestinationConfiguration: {
        Prefix: 'events/!{timestamp:yyyy/MM/dd}/',
        ErrorOutputPrefix: 'errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/',
        CompressionFormat: 'GZIP',
        BufferingHints: { IntervalInSeconds: 60, SizeInMBs: 5 },
        CloudWatchLoggingOptions: {
          Enabled: true,
          LogGroupName: { Ref: Match.stringLikeRegexp('^AnalyticsStreamErrorLogs') },
        },
      },
    });
  });

  test('lets Firehose act for this stream only', () => {
    template.hasResourceProperties('AWS::IAM::Role', {
      AssumeRolePolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Action: 'sts:AssumeRole',
            Principal: { Service: 'firehose.amazonaws.com' },
            Condition: {
              StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
              ArnEquals: {
                'aws:SourceArn': {
                  'Fn::Join': ['', Match.arrayWith([':deliverystream/event-driven-analytics'])],
                },
              },
            },
          },
        ],
      },
    });
  });

  test('ends in a private, encrypted, TLS-only bucket whose objects expire', () => {
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'RetainExceptOnCreate',
      Properties: {
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        LifecycleConfiguration: {
          Rules: [Match.objectLike({ ExpirationInDays: 365, Status: 'Enabled' })],
        },
      },
    });
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: { Statement: Match.arrayWith([DENY_PLAIN_HTTP]) },
    });
  });
});

describe('settings', () => {
  test.each(['memory', 'reservedConcurrency'])(
    '%s of an unknown function is refused, with those that there are',
    (setting) => {
      const names = Object.values(template.findResources('AWS::Lambda::Function')).map(({ Properties }) =>
        Properties.FunctionName.replace('event-driven-', ''),
      );
      expect(() => synthesize('dev', { [setting]: { notfier: 128 } })).toThrow(
        `cdk.json: stages.dev.${setting}.notfier is not a function of the stack; allowed are ${names.join(', ')}.`,
      );
    },
  );

  test('tracing is off, and on with its rule and its permission', () => {
    template.resourceCountIs('AWS::XRay::SamplingRule', 0);
    const traced = synthesize('production', { tracingPercent: 10 });
    traced.allResourcesProperties('AWS::Lambda::Function', { TracingConfig: { Mode: 'Active' } });
    traced.hasResourceProperties('AWS::XRay::SamplingRule', {
      SamplingRule: { FixedRate: 0.1, ReservoirSize: 1, ServiceName: 'event-driven-*' },
    });
    const policies = Object.values(traced.findResources('AWS::IAM::Policy'));
    expect(policies.length).toBeGreaterThan(2);
    for (const policy of policies) expect(JSON.stringify(policy)).toContain('xray:PutTraceSegments');
  });

  test('the bus logs what it could not deliver, without the content of events', () => {
    template.resourceCountIs('AWS::Logs::DeliverySource', 0);
    const logged = synthesize('production', { busLogLevel: 'ERROR' });
    logged.hasResourceProperties('AWS::Events::EventBus', {
      LogConfig: { Level: 'ERROR', IncludeDetail: 'NONE' },
    });
    logged.hasResourceProperties('AWS::Logs::DeliverySource', {
      LogType: 'ERROR_LOGS',
      ResourceArn: attribute(/^Bus/, 'Arn'),
    });
    logged.hasResourceProperties('AWS::Logs::Delivery', {
      DeliverySourceName: { Ref: idOf('AWS::Logs::DeliverySource', {}, logged) },
      DeliveryDestinationArn: attribute(/^BusLogsDestination/, 'Arn'),
    });
    const all = synthesize('production', { busLogLevel: 'INFO' });
    const sources = Object.entries(all.findResources('AWS::Logs::DeliverySource'));
    expect(sources.map(([, { Properties }]) => Properties.LogType).sort()).toEqual([
      'ERROR_LOGS',
      'INFO_LOGS',
    ]);
    for (const [id] of sources) {
      all.hasResourceProperties('AWS::Logs::Delivery', { DeliverySourceName: { Ref: id } });
    }
  });

  test('the analytics bucket keeps versions and logs its access', () => {
    const changed = synthesize('production', { analyticsVersioning: true, analyticsAccessLogs: true });
    changed.hasResourceProperties('AWS::S3::Bucket', {
      VersioningConfiguration: { Status: 'Enabled' },
      LoggingConfiguration: { DestinationBucketName: { Ref: Match.stringLikeRegexp('AccessLogs') } },
      LifecycleConfiguration: {
        Rules: [Match.objectLike({ NoncurrentVersionExpiration: { NoncurrentDays: 365 } })],
      },
    });
  });

  test('another stage has its own names everywhere', () => {
    const names = JSON.stringify(synthesize('dev').toJSON().Resources).match(/"event-driven-[a-z-]+"/g) ?? [];
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !name.startsWith('"event-driven-dev'))).toEqual([]);
  });

  test('memory, concurrency, log level, retention, retries and tags reach their resources', () => {
    const changed = synthesize('production', {
      tags: { Team: 'orders' },
      memory: { notifier: 512 },
      reservedConcurrency: { notifier: 7 },
      logLevel: 'DEBUG',
      logRetentionDays: 30,
      archiveRetentionDays: 7,
      analyticsRetentionDays: 45,
      delivery: { retryAttempts: 5, maxEventAge: 60 },
      processing: { retryAttempts: 1, maxEventAge: 120 },
      dailyReportSchedule: 'cron(30 6 * * ? *)',
    });
    changed.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'event-driven-notifier',
      MemorySize: 512,
      ReservedConcurrentExecutions: 7,
      LoggingConfig: { ApplicationLogLevel: 'DEBUG' },
      Environment: { Variables: { POWERTOOLS_LOG_LEVEL: 'DEBUG' } },
      Tags: Match.arrayWith([{ Key: 'Team', Value: 'orders' }]),
    });
    changed.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
    changed.hasResourceProperties('AWS::Events::Archive', { RetentionDays: 7 });
    changed.hasResourceProperties('AWS::S3::Bucket', {
      LifecycleConfiguration: { Rules: [{ ExpirationInDays: 45, Transitions: Match.absent() }] },
    });
    changed.allResourcesProperties('AWS::Events::Rule', {
      Targets: [{ RetryPolicy: { MaximumRetryAttempts: 5, MaximumEventAgeInSeconds: 60 } }],
    });
    changed.allResourcesProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 1,
      MaximumEventAgeInSeconds: 120,
    });
    changed.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'cron(30 6 * * ? *)' });
  });
});

describe('data', () => {
  const DATA = [
    ...['AWS::DynamoDB::Table', 'AWS::SQS::Queue', 'AWS::S3::Bucket'],
    ...['AWS::Events::EventBus', 'AWS::Events::Archive'],
  ];
  const policies = (settings: object) =>
    Object.values<Json>(synthesize('production', settings).toJSON().Resources)
      .filter(({ Type }) => DATA.includes(Type))
      .map(({ Type, DeletionPolicy, UpdateReplacePolicy }) => [Type, DeletionPolicy, UpdateReplacePolicy]);

  test('stays where it is kept, but nothing of a first deployment that fails', () => {
    for (const [type, onDelete, onReplace] of policies({ analyticsAccessLogs: true })) {
      expect([type, onDelete, onReplace]).toEqual([type, 'RetainExceptOnCreate', 'Retain']);
    }
  });

  test('goes with the stack where it is not kept', () => {
    for (const [type, onDelete] of policies({ retainData: false })) {
      expect([type, onDelete]).toEqual([type, 'Delete']);
    }
  });

  test('is named in the description of the setting and in the runbook, each kind of it that a destroyed stack leaves', () => {
    const kept = Object.values<Json>(
      synthesize('production', { analyticsAccessLogs: true }).toJSON().Resources,
    )
      .filter(({ DeletionPolicy }) => /^Retain/.test(DeletionPolicy))
      .map(({ Type }) => Type);
    expect(new Set(kept)).toEqual(new Set(DATA));
    const [, destroyed] = /^\*\*Destroyed, (.*?)```/ms.exec(readFileSync('docs/runbook.md', 'utf8')) ?? [];
    for (const text of [v.getDescription(StageSettings.entries.retainData), destroyed]) {
      for (const kind of ['table', 'queue', 'bucket', 'bus', 'archive']) expect(text).toContain(kind);
    }
  });
});

test('every setting has a description', () => {
  const undescribed = (schema: v.GenericSchema, path: string): string[] => {
    const inner = (schema as { wrapped?: v.GenericSchema }).wrapped ?? schema;
    const first = (inner as { pipe?: readonly v.GenericSchema[] }).pipe?.[0];
    const entries = Object.entries((schema as { entries?: Record<string, v.GenericSchema> }).entries ?? {});
    const nested = [inner, first].filter(
      (each) => each !== undefined && each !== schema,
    ) as v.GenericSchema[];
    return [
      ...nested.flatMap((each) => undescribed(each, path)),
      ...entries.flatMap(([key, entry]) => [
        ...(v.getDescription(entry) ? [] : [`${path}.${key}`]),
        ...undescribed(entry, `${path}.${key}`),
      ]),
    ];
  };
  expect(undescribed(StageSettings, 'stages')).toEqual([]);
  expect(undescribed(v.strictObject({ odd: v.string() }), 'stages')).toEqual(['stages.odd']);
});

test("the README's commands find what they need in the outputs, and each function by its name", () => {
  const functions = Object.values(template.findResources('AWS::Lambda::Function')).map(
    ({ Properties }) => Properties.FunctionName,
  );
  const outputs = template.toJSON().Outputs as Record<string, { Value: object }>;
  const referred = Object.values(outputs).map(({ Value }) => JSON.stringify(Value));
  for (const name of functions) {
    const id = idOf('AWS::Lambda::Function', { FunctionName: name });
    expect(referred).toContain(JSON.stringify({ Ref: id }));
  }
  expect(Object.keys(outputs)).toEqual(
    expect.arrayContaining([
      'AnalyticsBucketName',
      'AnalyticsStreamName',
      'ArchiveArn',
      'DeadLetterQueueUrl',
      'EventBusArn',
      'EventBusName',
      'FailedEventsQueueUrl',
      'NotificationsTopicArn',
      'NotifiedEventsTableName',
      'OrdersTableName',
    ]),
  );
});

test('the whole template', () => {
  const text = JSON.stringify(template.toJSON(), null, 2).replace(/[0-9a-f]{64}/g, '<hash>');
  expect(JSON.parse(text)).toMatchSnapshot();
});
