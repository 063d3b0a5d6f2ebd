import { APP } from '../../../bin/app-description';
/**
 * Test of the proofs: the template is broken in one place at a time, and `npm run routes` or `npm run audit`
 * must tell, by name, what was broken.
 */
import { auditHops } from '../../../tools/proof/audit/audit';
import { proveRoutes } from '../../../tools/proof/routes/routes';
import { synthesize } from '../../lib/synthesize';
import { assemblyOf } from './assembly';

// biome-ignore lint/suspicious/noExplicitAny: templates have no static type
type Json = any;

/** The stack's template, to be broken. Resources are found by their physical names. */
class Stack {
  constructor(readonly template: Json) {}

  /** Logical id of the resource whose property says so. */
  idOf(type: string, property: string, value: string): string {
    const [id] = this.ids(type, (properties) => JSON.stringify(properties[property])?.includes(`${value}"`));
    if (!id) throw new Error(`There is no ${type} with ${property} ${value}.`);
    return id;
  }

  ids(type: string, isMeant: (properties: Json) => boolean | undefined = () => true): string[] {
    return Object.entries<Json>(this.template.Resources)
      .filter(([, resource]) => resource.Type === type && isMeant(resource.Properties))
      .map(([id]) => id);
  }

  properties(id: string): Json {
    return this.template.Resources[id].Properties;
  }

  delete(id: string): void {
    delete this.template.Resources[id];
    // CloudFormation refuses a template that names what is not there: a cause forgets the alarm, too.
    for (const cause of this.ids('AWS::CloudWatch::CompositeAlarm')) {
      const { AlarmRule } = this.properties(cause);
      const [, parts] = AlarmRule?.['Fn::Join'] ?? [];
      const at = parts?.findIndex((part: Json) => part?.['Fn::GetAtt']?.[0] === id) ?? -1;
      if (at >= 0) parts.splice(at, 1, 'forgotten');
    }
  }

  ruleId = (name: string) => this.idOf('AWS::Events::Rule', 'Name', `event-driven-${name}`);
  rule = (name: string) => this.properties(this.ruleId(name));
  pattern = (name: string) => this.rule(name).EventPattern;
  target = (name: string) => this.rule(name).Targets[0];
  functionId = (name: string) => this.idOf('AWS::Lambda::Function', 'FunctionName', `event-driven-${name}`);
  function = (name: string) => this.properties(this.functionId(name));
  queueId = (name: string) => this.idOf('AWS::SQS::Queue', 'QueueName', `event-driven-${name}`);
  queue = (name: string) => this.properties(this.queueId(name));
  topicId = (name: string) => this.idOf('AWS::SNS::Topic', 'TopicName', `event-driven-${name}`);
  topic = (name: string) => this.properties(this.topicId(name));
  table = (name: string) =>
    this.properties(this.idOf('AWS::DynamoDB::Table', 'TableName', `event-driven-${name}`));
  alarmId = (name: string) => this.idOf('AWS::CloudWatch::Alarm', 'AlarmName', `event-driven-${name}`);
  alarm = (name: string) => this.properties(this.alarmId(name));
  cause = (name: string) =>
    this.properties(this.idOf('AWS::CloudWatch::CompositeAlarm', 'AlarmName', `event-driven-${name}`));

  permissionId = (rule: string) =>
    this.idOf('AWS::Lambda::Permission', 'SourceArn', `${this.ruleId(rule)}","Arn`);
  permission = (rule: string) => this.properties(this.permissionId(rule));
  invokeConfig = (name: string) =>
    this.properties(this.idOf('AWS::Lambda::EventInvokeConfig', 'FunctionName', this.functionId(name)));
  only = (type: string) => this.properties(this.ids(type)[0] as string);
  queuePolicy = (name: string) =>
    this.properties(this.idOf('AWS::SQS::QueuePolicy', 'Queues', this.queueId(name)));
  topicPolicy = (name: string) =>
    this.properties(this.idOf('AWS::SNS::TopicPolicy', 'Topics', this.topicId(name)));

  /** Statements of a policy, for whoever wants to change them. */
  statements = ({ PolicyDocument }: Json): Json[] => PolicyDocument.Statement;
  /** The role's policies of a function. */
  rolePolicy(name: string): Json {
    const [roleId] = this.function(name).Role['Fn::GetAtt'];
    return this.properties(this.idOf('AWS::IAM::Policy', 'Roles', roleId));
  }
  /** Takes an action away from a function's role. */
  forbid(name: string, action: string): void {
    const policy = this.rolePolicy(name).PolicyDocument;
    for (const statement of policy.Statement) {
      statement.Action = [statement.Action].flat().filter((each: string) => each !== action);
    }
    policy.Statement = policy.Statement.filter(({ Action }: Json) => Action.length > 0);
  }
  firehoseRole = () => this.properties(this.ids('AWS::IAM::Role', ({ Policies }) => Policies)[0] as string);

  /** A key that lets its account's policies decide, and nobody else in. */
  addKey(): Json {
    const root = { 'Fn::Join': ['', ['arn:aws:iam::', { Ref: 'AWS::AccountId' }, ':root']] };
    const statement = { Effect: 'Allow', Principal: { AWS: root }, Action: 'kms:*', Resource: '*' };
    this.template.Resources.NewKey = {
      Type: 'AWS::KMS::Key',
      Properties: { KeyPolicy: { Statement: [statement] } },
    };
    return { 'Fn::GetAtt': ['NewKey', 'Arn'] };
  }
}

/** An ARN of this account in another region. @param resource e.g. `sqs` and `event-driven-dlq` */
const inIreland = (service: string, resource: string) => ({
  'Fn::Join': [':', ['arn:aws', service, 'eu-west-1', { Ref: 'AWS::AccountId' }, resource]],
});

type Mutation = (stack: Stack) => void;

/** Each with what must be told of it. */
const TOLD_BY_ROUTES: readonly (readonly [RegExp, Mutation])[] = [
  [
    /order-created matches no event.*source is "app\.orders", allowed: "app\.order"/,
    function aTypoInASource(stack) {
      stack.pattern('order-created').source = ['app.order'];
    },
  ],
  [
    /order-status-projection matches no event.*detail-type/,
    function aTypoInADetailType(stack) {
      stack.pattern('order-status-projection')['detail-type'] = ['OrderStatusChange'];
    },
  ],
  [
    /SHIPED/,
    function aMisspeltStatus(stack) {
      stack.pattern('order-status-changed').detail.status[0] = 'SHIPED';
    },
  ],
  [
    /order-created matches no event.*detail\.orderid/,
    function aFieldInTheWrongCase(stack) {
      stack.pattern('order-created').detail = { orderid: [{ exists: true }] };
    },
  ],
  [
    /No rule gives order-processor app\.orders\/OrderCreated/,
    function aNarrowedPattern(stack) {
      stack.pattern('order-created').detail = { total: [{ numeric: ['>', 100] }] };
    },
  ],
  [
    /order-status-changed gives notifier app\.orders\/OrderStatusChanged, which it does not ask for.*replayed/,
    function aReplayExclusionRemoved(stack) {
      delete stack.pattern('order-status-changed')['replay-name'];
    },
  ],
  [
    /order-status-changed gives notifier app\.orders\/OrderStatusChanged, which it does not ask for/,
    function aWidenedPattern(stack) {
      delete stack.pattern('order-status-changed').detail;
    },
  ],
  [
    /No rule gives analytics app\.analytics\/DailyReportGenerated/,
    function aNarrowedPrefix(stack) {
      stack.pattern('all-events').source = [{ prefix: 'app.orders' }];
    },
  ],
  [
    /order-created.*prefx/,
    function aMisspeltOperator(stack) {
      stack.pattern('order-created').source = [{ prefx: 'app.' }];
    },
  ],
  [
    /order-created: The event pattern has \d+ characters, more than the 2048/,
    function aPatternOverTheLimit(stack) {
      stack.pattern('order-created').source = Array.from({ length: 200 }, (_, i) => `app.orders.${i}.`);
    },
  ],
  [
    /order-status-changed: Invalid InputTemplate for target Notifier.*Unexpected token 's'/,
    function anUnquotedWordInATransformer(stack) {
      const { InputTransformer: transformer } = stack.target('order-status-changed');
      transformer.InputTemplate = transformer.InputTemplate.replace(
        '"Your order <orderId> has been <status>"',
        'shipped',
      );
    },
  ],
  [
    /notifier refuses what rule .*order-status-changed.*detail/,
    function aTransformerReadingAWrongPath(stack) {
      stack.target('order-status-changed').InputTransformer.InputPathsMap.detail = '$.details';
    },
  ],
  [
    /notifier refuses what rule .*order-status-changed.*detail/,
    function aTransformerWithoutAField(stack) {
      const { InputTransformer: transformer } = stack.target('order-status-changed');
      transformer.InputTemplate = transformer.InputTemplate.replace(/,\s*"detail": <detail>/, '');
    },
  ],
  [
    /order-status-changed.*Only one of Input, InputPath, or InputTransformer/,
    function twoKindsOfInput(stack) {
      stack.target('order-status-changed').InputPath = '$.detail';
    },
  ],
  [
    /order-created.*order-processor|order-processor.*order-created/,
    function anInputPathForAConsumerOfWholeEvents(stack) {
      stack.target('order-created').InputPath = '$.detail';
    },
  ],
  [
    /analytics refuses what rule event-driven-daily-report gives it.*"yesterday"/,
    function aLiteralDateForTheDailyReport(stack) {
      const target = stack.target('daily-report');
      delete target.InputTransformer;
      target.Input = '{"type": "daily_report", "date": "yesterday"}';
    },
  ],
  [
    /daily-report: Parameter ScheduleExpression is not valid/,
    function aScheduleOfFiveFields(stack) {
      stack.rule('daily-report').ScheduleExpression = 'cron(0 9 * * *)';
    },
  ],
  [
    /order-status-changed gives order-processor|No rule gives notifier/,
    function aSwappedConsumer(stack) {
      stack.target('order-status-changed').Arn = stack.target('order-created').Arn;
    },
  ],
  [
    /order-created has no target/,
    function aRuleWithoutATarget(stack) {
      stack.rule('order-created').Targets = [];
    },
  ],
  [
    /give order-processor the same app\.orders\/OrderCreated/,
    function aRuleTwice(stack) {
      const copy = { ...stack.rule('order-created'), Name: 'event-driven-order-created-again' };
      stack.template.Resources.Again = { Type: 'AWS::Events::Rule', Properties: copy };
    },
  ],
  [
    /No rule gives order-processor app\.orders\/OrderCreated/,
    function aRuleRemoved(stack) {
      stack.delete(stack.permissionId('order-created'));
      stack.queuePolicy('dlq').PolicyDocument.Statement = [];
      for (const id of stack.ids('AWS::CloudWatch::Alarm')) stack.delete(id);
      stack.delete(stack.ruleId('order-created'));
    },
  ],
];

const TOLD_BY_AUDIT: readonly (readonly [RegExp, Mutation])[] = [
  // Delivery: rule -> target
  [
    /event-driven-order-processor: lambda:InvokeFunction is not allowed for rule event-driven-order-created/,
    function aMissingLambdaPermission(stack) {
      stack.delete(stack.permissionId('order-created'));
    },
  ],
  [
    /lambda:InvokeFunction is not allowed for rule event-driven-order-status-changed.*rule\/event-driven-bus\/event-driven-all-events/,
    function aPermissionForAnotherRule(stack) {
      stack.permission('order-status-changed').SourceArn = {
        'Fn::GetAtt': [stack.ruleId('all-events'), 'Arn'],
      };
    },
  ],
  [
    /lambda:InvokeFunction is not allowed for rule event-driven-all-events/,
    function aPermissionForAnotherService(stack) {
      stack.permission('all-events').Principal = 'sns.amazonaws.com';
    },
  ],
  [
    /lambda:InvokeFunction is not allowed for rule event-driven-order-created/,
    function aPermissionForAnotherAction(stack) {
      stack.permission('order-created').Action = 'lambda:GetFunction';
    },
  ],
  [
    /event-driven-notifier: it lets any rule in/,
    function aPermissionWithoutASource(stack) {
      delete stack.permission('order-status-changed').SourceArn;
    },
  ],
  [
    /lambda:InvokeFunction is not allowed for rule event-driven-order-created.*eu-west-1/,
    function aPermissionInAWrongRegion(stack) {
      const source = 'rule/event-driven-bus/event-driven-order-created';
      stack.permission('order-created').SourceArn = inIreland('events', source);
    },
  ],
  [
    /event-driven-order-created: target OrderProcessor is .*in the region eu-west-1; this stack is in us-east-1/,
    function aTargetInAWrongRegion(stack) {
      stack.target('order-created').Arn = inIreland('lambda', 'function:event-driven-order-processor');
    },
  ],
  [
    /event-driven-all-events: target Analytics has no dead-letter queue/,
    function aDroppedDeadLetterQueue(stack) {
      delete stack.target('all-events').DeadLetterConfig;
    },
  ],
  [
    /dead-letter queue of target Notifier is .*in the region eu-west-1/,
    function aDeadLetterQueueInAWrongRegion(stack) {
      stack.target('order-status-changed').DeadLetterConfig.Arn = inIreland('sqs', 'event-driven-dlq');
    },
  ],
  [
    /event-driven-dlq: sqs:SendMessage is not allowed for rule event-driven-daily-report/,
    function aDroppedStatementOfTheQueuePolicy(stack) {
      const { PolicyDocument: policy } = stack.queuePolicy('dlq');
      const rule = stack.ruleId('daily-report');
      policy.Statement = policy.Statement.filter((each: Json) => !JSON.stringify(each).includes(rule));
    },
  ],
  [
    /event-driven-dlq: sqs:SendMessage is not allowed for rule event-driven-order-created.*denies/,
    function anExplicitDenyOnTheQueue(stack) {
      const Resource = { 'Fn::GetAtt': [stack.queueId('dlq'), 'Arn'] };
      stack
        .statements(stack.queuePolicy('dlq'))
        .push({ Effect: 'Deny', Principal: '*', Action: 'sqs:SendMessage', Resource });
    },
  ],
  [
    /event-driven-dlq: events\.amazonaws\.com may not use its key/,
    function aDeadLetterQueueWhoseKeyKeepsEventBridgeOut(stack) {
      stack.queue('dlq').KmsMasterKeyId = stack.addKey();
    },
  ],
  [
    /event-driven-dlq: events\.amazonaws\.com may not use its key.*alias\/aws\/sqs/,
    function aDeadLetterQueueUnderAKeyOfAws(stack) {
      stack.queue('dlq').KmsMasterKeyId = 'alias/aws/sqs';
    },
  ],
  [
    /event-driven-order-created: target OrderProcessor has no retry/,
    function aRetryOfZero(stack) {
      stack.target('order-created').RetryPolicy.MaximumRetryAttempts = 0;
    },
  ],
  // Bus, archive, rules
  [
    /event-driven-bus: its policy lets every AWS account put events/,
    function aBusPolicyOpenToEveryone(stack) {
      stack.only('AWS::Events::EventBusPolicy').Statement.Principal = '*';
    },
  ],
  [
    /event-driven-bus: events:PutEvents is not allowed for this account/,
    function aBusPolicyThatRefusesTheAccount(stack) {
      stack.only('AWS::Events::EventBusPolicy').Statement.Effect = 'Deny';
    },
  ],
  [
    /event-driven-archive: its pattern leaves out app\.analytics\/DailyReportGenerated/,
    function aNarrowedArchivePattern(stack) {
      stack.only('AWS::Events::Archive').EventPattern = { source: ['app.orders'] };
    },
  ],
  [
    /event-driven-archive: it keeps events for 7 days, but queue event-driven-dlq failures for 14/,
    function anArchiveShorterThanItsQueues(stack) {
      stack.only('AWS::Events::Archive').RetentionDays = 7;
    },
  ],
  [
    /event-driven-bus: it has no archive.*in the region eu-west-1/,
    function anArchiveOfABusInAWrongRegion(stack) {
      stack.only('AWS::Events::Archive').SourceArn = inIreland('events', 'event-bus/event-driven-bus');
    },
  ],
  [
    /event-driven-order-status-projection: it is disabled/,
    function aDisabledRule(stack) {
      stack.rule('order-status-projection').State = 'DISABLED';
    },
  ],
  [
    /event-driven-all-events: it listens on the bus default/,
    function aRuleOnTheDefaultBus(stack) {
      delete stack.rule('all-events').EventBusName;
    },
  ],
  [
    /event-driven-daily-report: its schedule never fires/,
    function aScheduleThatNeverFires(stack) {
      stack.rule('daily-report').ScheduleExpression = 'cron(0 9 31 2 ? *)';
    },
  ],
  // Functions
  [
    /event-driven-notifier: what its handler throws is not tried again/,
    function anAsynchronousRetryOfZero(stack) {
      stack.invokeConfig('notifier').MaximumRetryAttempts = 0;
    },
  ],
  [
    /event-driven-analytics: Lambda gives an event up after 1 min, but the last of 2 retries may come 5 min after/,
    function anAgeLimitBeforeTheLastRetry(stack) {
      stack.invokeConfig('analytics').MaximumEventAgeInSeconds = 60;
    },
  ],
  [
    /event-driven-order-processor: it has no on-failure destination/,
    function aDroppedOnFailureDestination(stack) {
      delete stack.invokeConfig('order-processor').DestinationConfig;
    },
  ],
  [
    /event-driven-order-processor: it has no on-failure destination/,
    function anOnFailureDestinationOfAnotherVersion(stack) {
      stack.invokeConfig('order-processor').Qualifier = '1';
    },
  ],
  [
    /event-driven-notifier: its on-failure destination is .*in the region eu-west-1/,
    function anOnFailureDestinationInAWrongRegion(stack) {
      const queue = inIreland('sqs', 'event-driven-failed-events');
      stack.invokeConfig('notifier').DestinationConfig.OnFailure.Destination = queue;
    },
  ],
  [
    /event-driven-analytics: sqs:SendMessage is not allowed for its role, on its on-failure destination/,
    function anOnFailureDestinationWithoutPermission(stack) {
      stack.forbid('analytics', 'sqs:SendMessage');
    },
  ],
  [
    /event-driven-failed-events: .*OrderProcessorRole.* may not use its key/,
    function aFailureQueueWhoseKeyKeepsTheFunctionsOut(stack) {
      stack.queue('failed-events').KmsMasterKeyId = stack.addKey();
    },
  ],
  [
    /event-driven-order-processor: dynamodb:UpdateItem is not allowed for its role, on .*table\/event-driven-orders/,
    function aMissingTableAction(stack) {
      stack.forbid('order-processor', 'dynamodb:UpdateItem');
    },
  ],
  [
    /event-driven-analytics: dynamodb:Query is not allowed for its role, on .*\/index\/orders-by-day/,
    function aPermissionForTheTableInsteadOfItsIndex(stack) {
      const [query] = stack
        .statements(stack.rolePolicy('analytics'))
        .filter(({ Action }) => Action === 'dynamodb:Query');
      query.Resource = query.Resource['Fn::Join'][1][0];
    },
  ],
  [
    /event-driven-notifier: sns:Publish is not allowed for its role/,
    function aMissingTopicAction(stack) {
      stack.forbid('notifier', 'sns:Publish');
    },
  ],
  [
    /event-driven-analytics: firehose:PutRecordBatch is not allowed for its role/,
    function aMissingStreamAction(stack) {
      stack.forbid('analytics', 'firehose:PutRecordBatch');
    },
  ],
  [
    /event-driven-analytics: events:PutEvents is not allowed for its role/,
    function aMissingBusAction(stack) {
      stack.forbid('analytics', 'events:PutEvents');
    },
  ],
  [
    /event-driven-order-processor: its role allows any action of dynamodb on event-driven-orders/,
    function everyActionOnATable(stack) {
      stack.statements(stack.rolePolicy('order-processor')).push({
        Effect: 'Allow',
        Action: 'dynamodb:*',
        Resource: { 'Fn::GetAtt': [stack.ids('AWS::DynamoDB::Table')[0], 'Arn'] },
      });
    },
  ],
  [
    /event-driven-notifier: its role allows sns:Publish on more than event-driven-notifications/,
    function everyTopic(stack) {
      stack
        .statements(stack.rolePolicy('notifier'))
        .push({ Effect: 'Allow', Action: 'sns:Publish', Resource: '*' });
    },
  ],
  [
    /event-driven-notifier: logs:PutLogEvents is not allowed for its role/,
    function logsToTheGroupOfAnother(stack) {
      const [logs] = stack
        .statements(stack.rolePolicy('notifier'))
        .filter(({ Action }) => Action.includes('logs:PutLogEvents'));
      const [others] = stack
        .statements(stack.rolePolicy('analytics'))
        .filter(({ Action }) => Action.includes('logs:PutLogEvents'));
      logs.Resource = others.Resource;
    },
  ],
  [
    /OrderProcessorRole.*: sts:AssumeRole is not allowed for lambda\.amazonaws\.com/,
    function aRoleThatLambdaMayNotTake(stack) {
      const [roleId] = stack.function('order-processor').Role['Fn::GetAtt'];
      stack.properties(roleId).AssumeRolePolicyDocument.Statement[0].Principal.Service = 'ec2.amazonaws.com';
    },
  ],
  [
    /event-driven-notifier: .*is not allowed for its role/,
    function theRoleOfAnotherFunction(stack) {
      stack.function('notifier').Role = stack.function('analytics').Role;
    },
  ],
  [
    /event-driven-order-processor: its variable TABLE_NAME is not set/,
    function aMissingVariable(stack) {
      delete stack.function('order-processor').Environment.Variables.TABLE_NAME;
    },
  ],
  [
    /event-driven-order-processor: its variable TABLE_NAME is orders, which is not in this template/,
    function aVariableThatNamesNoTable(stack) {
      stack.function('order-processor').Environment.Variables.TABLE_NAME = 'orders';
    },
  ],
  [
    /event-driven-orders: it has no index orders-by-day/,
    function aRenamedIndex(stack) {
      stack.table('orders').GlobalSecondaryIndexes[0].IndexName = 'by-day';
    },
  ],
  [
    /event-driven-analytics: ReservedConcurrentExecutions is 0/,
    function aFunctionThatIsNeverRun(stack) {
      stack.function('analytics').ReservedConcurrentExecutions = 0;
    },
  ],
  [
    /event-driven-notifier: its log group event-driven-notifier is not in this template/,
    function aLogGroupThatDoesNotExist(stack) {
      stack.function('notifier').LoggingConfig.LogGroup = 'event-driven-notifier';
    },
  ],
  // Stream, topics, queues
  [
    /s3:PutObject is not allowed on .*/,
    function aFirehoseRoleWithoutPutObject(stack) {
      const [{ PolicyDocument: policy }] = stack.firehoseRole().Policies;
      for (const statement of policy.Statement)
        statement.Action = [statement.Action].flat().filter((action: string) => action !== 's3:PutObject');
    },
  ],
  [
    /sts:AssumeRole is not allowed for firehose\.amazonaws\.com/,
    function aRoleThatFirehoseMayNotTake(stack) {
      stack.firehoseRole().AssumeRolePolicyDocument.Statement[0].Principal.Service = 'lambda.amazonaws.com';
    },
  ],
  [
    /s3:PutObject is not allowed on .*denies/,
    function aBucketPolicyThatDeniesWriting(stack) {
      const [{ Resource }] = stack.statements(stack.only('AWS::S3::BucketPolicy'));
      stack
        .statements(stack.only('AWS::S3::BucketPolicy'))
        .push({ Effect: 'Deny', Principal: '*', Action: 's3:Put*', Resource });
    },
  ],
  [
    /event-driven-analytics: its bucket is arn:aws:s3:::elsewhere/,
    function aBucketThatIsNotThere(stack) {
      stack.only('AWS::KinesisFirehose::DeliveryStream').ExtendedS3DestinationConfiguration.BucketARN =
        'arn:aws:s3:::elsewhere';
    },
  ],
  [
    /event-driven-analytics: it has no DeliveryStreamEncryptionConfigurationInput/,
    function aStreamWithoutEncryption(stack) {
      delete stack.only('AWS::KinesisFirehose::DeliveryStream').DeliveryStreamEncryptionConfigurationInput;
    },
  ],
  [
    /analyticsstreambucket.*: it does not block all public access/,
    function aBucketThatMayBePublic(stack) {
      stack.only('AWS::S3::Bucket').PublicAccessBlockConfiguration.BlockPublicPolicy = false;
    },
  ],
  [
    /event-driven-notifications: its policy does not deny requests without TLS/,
    function aTopicWithoutTls(stack) {
      stack.delete(stack.idOf('AWS::SNS::TopicPolicy', 'Topics', stack.topicId('notifications')));
    },
  ],
  [
    /event-driven-notifications: it has no KmsMasterKeyId/,
    function aTopicWithoutEncryption(stack) {
      delete stack.topic('notifications').KmsMasterKeyId;
    },
  ],
  [
    /event-driven-failed-events: SqsManagedSseEnabled is false/,
    function aQueueWithoutEncryption(stack) {
      stack.queue('failed-events').SqsManagedSseEnabled = false;
    },
  ],
  [
    /event-driven-dlq: it keeps failures for 24 h/,
    function aQueueThatForgets(stack) {
      stack.queue('dlq').MessageRetentionPeriod = 86_400;
    },
  ],
  [
    /event-driven-failed-events: its policy allows sqs:ReceiveMessage to every AWS account/,
    function aQueueThatEveryoneMayRead(stack) {
      const Resource = { 'Fn::GetAtt': [stack.queueId('failed-events'), 'Arn'] };
      stack
        .statements(stack.queuePolicy('failed-events'))
        .push({ Effect: 'Allow', Principal: '*', Action: 'sqs:ReceiveMessage', Resource });
    },
  ],
  [
    /Subscription: it has no RedrivePolicy/,
    function aSubscriptionThatLosesMessages(stack) {
      const TopicArn = { Ref: stack.topicId('notifications') };
      const Properties = { TopicArn, Protocol: 'https', Endpoint: 'https://example.com/orders' };
      stack.template.Resources.Subscription = { Type: 'AWS::SNS::Subscription', Properties };
    },
  ],
  // Alarms
  [
    /event-driven-alarms: cloudwatch\.amazonaws\.com may not use its key/,
    function anAlarmKeyThatKeepsCloudWatchOut(stack) {
      const { KeyPolicy: policy } = stack.only('AWS::KMS::Key');
      policy.Statement = policy.Statement.filter(({ Sid }: Json) => Sid !== 'AllowAlarms');
    },
  ],
  [
    /event-driven-alarms: cloudwatch\.amazonaws\.com may not use its key.*alias\/aws\/sns/,
    function anAlarmTopicUnderAKeyOfAws(stack) {
      stack.topic('alarms').KmsMasterKeyId = 'alias/aws/sns';
    },
  ],
  [
    /event-driven-alarms: sns:Publish is not allowed for alarm/,
    function anAlarmTopicThatKeepsCloudWatchOut(stack) {
      const { PolicyDocument: policy } = stack.topicPolicy('alarms');
      policy.Statement = policy.Statement.filter(({ Effect }: Json) => Effect === 'Deny');
    },
  ],
  [
    /event-driven-dlq: no alarm watches ApproximateNumberOfMessagesVisible of AWS\/SQS with QueueName=event-driven-dlq/,
    function aRemovedAlarm(stack) {
      stack.delete(stack.alarmId('dlq-depth'));
    },
  ],
  [
    /no alarm watches Errors of AWS\/Lambda with FunctionName=event-driven-notifier/,
    function anAlarmOfAnotherFunction(stack) {
      stack.alarm('notifier-errors').Dimensions = stack.alarm('analytics-errors').Dimensions;
    },
  ],
  [
    /no alarm watches InvocationsFailedToBeSentToDlq .*: event-driven-order-created-lost watches it with RuleName=event-driven-order-created/,
    function anAlarmWithoutTheBus(stack) {
      stack.alarm('order-created-lost').Dimensions = [
        { Name: 'RuleName', Value: 'event-driven-order-created' },
      ];
    },
  ],
  [
    /event-driven-orders: no alarm watches WriteThrottleEvents.*GlobalSecondaryIndexName=orders-by-day/,
    function anAlarmExpressionThatForgetsAMetric(stack) {
      const [expression] = stack.alarm('orders-throttled').Metrics;
      expression.Expression = expression.Expression.replace(' + FILL(index0Writes, 0)', '');
    },
  ],
  [
    /event-driven-analytics-duration does not go off at 60000, only above 240000/,
    function anAlarmAboveTheTimeout(stack) {
      stack.alarm('analytics-duration').Threshold = 240_000;
    },
  ],
  [
    /event-driven-stream-failing goes off when it is large/,
    function anAlarmInTheWrongDirection(stack) {
      stack.alarm('stream-failing').ComparisonOperator = 'GreaterThanThreshold';
    },
  ],
  [
    /event-driven-failed-events-depth watches its Minimum/,
    function anAlarmOfTheSmallestValue(stack) {
      stack.alarm('failed-events-depth').Statistic = 'Minimum';
    },
  ],
  [
    /event-driven-stream-late: it has no action, or they are not enabled/,
    function anAlarmWithoutAction(stack) {
      // It tells by the cause that gathers it.
      stack.cause('stream').ActionsEnabled = false;
    },
  ],
  [
    /event-driven-dlq-age: its action is .*in the region eu-west-1/,
    function anAlarmThatTellsAWrongRegion(stack) {
      stack.alarm('dlq-age').AlarmActions = [inIreland('sns', 'event-driven-alarms')];
    },
  ],
  [
    /event-driven-daily-report: no alarm watches DailyReportsPublished/,
    function aReportThatNobodyMisses(stack) {
      stack.delete(stack.alarmId('daily-report-missing'));
    },
  ],
];

const template = synthesize().toJSON();
const broken = (mutation: Mutation) => {
  const stack = new Stack(structuredClone(template));
  mutation(stack);
  return assemblyOf(stack.template);
};
const routes = (assembly: ReturnType<typeof assemblyOf>) =>
  proveRoutes(assembly, APP).findings.map(({ message }) => message);
const audit = (assembly: ReturnType<typeof assemblyOf>) =>
  auditHops(assembly, APP).gaps.map(({ name, message }) => `${name}: ${message}`);

/** `aTypoInASource` -> `a typo in a source`. */
const words = ({ name }: Mutation) => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

test('the template as it is has no finding and no gap', () => {
  const assembly = broken(() => {});
  expect([...routes(assembly), ...audit(assembly)]).toEqual([]);
});

test.each(TOLD_BY_ROUTES.map(([told, mutation]) => [words(mutation), told, mutation] as const))(
  'routes tells of %s',
  (_, told, mutation) => {
    expect(routes(broken(mutation))).toContainEqual(expect.stringMatching(told));
  },
);

test.each(TOLD_BY_AUDIT.map(([told, mutation]) => [words(mutation), told, mutation] as const))(
  'audit tells of %s',
  (_, told, mutation) => {
    expect(audit(broken(mutation))).toContainEqual(expect.stringMatching(told));
  },
);

describe('audit tells of everything of a kind that is taken away, each by itself:', () => {
  const untold = (changes: readonly (readonly [string, Mutation])[]) =>
    changes.filter(([, mutation]) => audit(broken(mutation)).length === 0).map(([what]) => what);
  const stack = new Stack(structuredClone(template));

  test('alarms', () => {
    const alarms = stack.ids('AWS::CloudWatch::Alarm');
    expect(alarms.length).toBeGreaterThan(30);
    // What the audit does not ask for: it judges an event's way, not what handlers and publishers count, nor whether
    // a topic that nobody subscribes to delivers.
    const isBeyond = (id: string) =>
      /-(silent|uncalled|refused|failed)$|-(order-conflicts|stale-notifications|unusable-emails)$/.test(
        stack.properties(id).AlarmName,
      );
    const asked = alarms.filter((id) => !isBeyond(id));
    expect(asked.length).toBeGreaterThan(30);
    expect(untold(asked.map((id) => [id, (broken) => broken.delete(id)]))).toEqual([]);
  });

  test('statements of policies', () => {
    // Who manages the key is not on an event's way; and CreateKey refuses a policy that locks everyone out.
    const isKeyAdministration = ({ Action }: Json) => Action === 'kms:*';
    const changes = policies(stack).flatMap(({ id, document }) =>
      document(stack).Statement.flatMap((statement: Json, index: number) =>
        isKeyAdministration(statement)
          ? []
          : [
              [
                `${id}: ${JSON.stringify(statement)}`,
                (broken: Stack) => document(broken).Statement.splice(index, 1),
              ],
            ],
      ),
    );
    expect(changes.length).toBeGreaterThan(30);
    expect(untold(changes)).toEqual([]);
  });

  test('actions of statements', () => {
    const changes = policies(stack).flatMap(({ id, document }) =>
      document(stack).Statement.flatMap(({ Action }: Json, index: number) =>
        (Array.isArray(Action) ? Action : []).map((action: string) => [
          `${id}: ${action}`,
          (broken: Stack) => {
            const [statement] = document(broken).Statement.slice(index);
            statement.Action = Action.filter((each: string) => each !== action);
          },
        ]),
      ),
    );
    expect(untold(changes)).toEqual([]);
  });
});

/** Every policy document of the template, in a form that finds it in a copy, too. */
function policies(stack: Stack): { id: string; document: (stack: Stack) => Json }[] {
  const documents = Object.entries<Json>(stack.template.Resources).flatMap(([id, { Properties }]) => [
    ...(Properties.PolicyDocument ? [{ id, path: ['PolicyDocument'] }] : []),
    ...(Properties.KeyPolicy ? [{ id, path: ['KeyPolicy'] }] : []),
    ...(Properties.AssumeRolePolicyDocument ? [{ id, path: ['AssumeRolePolicyDocument'] }] : []),
    ...(Properties.Policies ?? []).map((_: Json, index: number) => ({
      id,
      path: ['Policies', index, 'PolicyDocument'],
    })),
  ]);
  return documents.map(({ id, path }) => ({
    id,
    document: (of) => path.reduce((value: Json, key: string | number) => value[key], of.properties(id)),
  }));
}
