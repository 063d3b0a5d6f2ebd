import fs from 'node:fs';
import path from 'node:path';
import { type Assembly, type NotCovered, readAssembly } from '../../../tools/template/assembly';
import { deliveryPermission } from '../../../tools/template/delivery-permission';
import { eventSourceMappingsOf, pipesOf } from '../../../tools/template/event-source-mappings';
import { functionsOf } from '../../../tools/template/functions';
import { invokeConfigOf } from '../../../tools/template/invoke-config';
import { isKnown } from '../../../tools/template/placeholder';
import { Policies } from '../../../tools/template/policies';
import { readQueue, subscriptionsOf } from '../../../tools/template/queues';
import { archivesOf, qualifiersCalled, rulesOf } from '../../../tools/template/rules';
import { schedulesOf } from '../../../tools/template/schedules';
import { targetTypeOf } from '../../../tools/template/targets';
import { ARN, temporaryDirectory } from './template';

/** @param text resources of the template, in YAML, each line indented by two */
function read(text: string, parameters = ''): Assembly {
  const file = path.join(temporaryDirectory(), 'shop.yaml');
  fs.writeFileSync(file, `${parameters}\nResources:\n${text}`);
  return readAssembly(file, { region: 'us-east-1' });
}

const WORKER = `
  Fn: {Type: AWS::Lambda::Function, Properties: {FunctionName: worker, Role: 'arn:aws:iam::000000000000:role/r'}}
  Live: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Fn, Name: live}}`;

describe('a rule', () => {
  test('has the defaults of the service', () => {
    const [rule] = rulesOf(
      read(`${WORKER}
  Rule: {Type: AWS::Events::Rule, Properties: {EventPattern: {source: [shop]}, Targets: [{Id: T, Arn: !GetAtt Fn.Arn}]}}`),
    );
    expect(rule).toMatchObject({ bus: 'default', state: 'ENABLED', enabled: true });
    expect(rule?.targets).toMatchObject([{ id: 'T', retries: 185, ageSeconds: 86_400 }]);
    expect(rule?.targets[0]?.reference.resource?.logicalId).toBe('Fn');
  });

  test('names the alias of a function that it calls', () => {
    const assembly = read(`${WORKER}
  Rule: {Type: AWS::Events::Rule, Properties: {Targets: [{Id: A, Arn: !Ref Live}, {Id: B, Arn: !GetAtt Fn.Arn}]}}`);
    const rules = rulesOf(assembly);
    expect(rules[0]?.targets.map(({ reference }) => reference.qualifier)).toEqual(['live', undefined]);
    expect(qualifiersCalled(rules, assembly.resources.get('Fn') as never)).toEqual(['live', undefined]);
  });

  test.each([
    ['{Targets: {}}', /^AWS::Events::Rule Rule: Targets: /],
    ['{Targets: [{Id: T}]}', /^AWS::Events::Rule Rule: Targets\.0\.Arn: /],
    [
      '{Targets: [{Id: T, Arn: a, RetryPolicy: {MaximumRetryAttempts: many}}]}',
      /^AWS::Events::Rule Rule: Targets\.0\.RetryPolicy\.MaximumRetryAttempts: expected a number/,
    ],
  ])('%s is refused by resource and element', (properties, message) => {
    expect(() => rulesOf(read(`  Rule: {Type: AWS::Events::Rule, Properties: ${properties}}`))).toThrow(
      message,
    );
  });

  test('numbers may be text, and what only AWS knows stays unknown with its reason', () => {
    const [rule] = rulesOf(
      read(
        `  Rule:
    Type: AWS::Events::Rule
    Properties:
      Targets:
        - Id: T
          Arn: a
          RetryPolicy: {MaximumRetryAttempts: '3', MaximumEventAgeInSeconds: !Ref Age}`,
        'Parameters: {Age: {Type: Number}}',
      ),
    );
    const [target] = rule?.targets ?? [];
    expect(target?.retries).toBe(3);
    expect(target && isKnown(target.ageSeconds)).toBe(false);
    expect(target?.ageSeconds).toMatchObject({ reason: 'parameter Age has no default' });
  });

  test('leaves out a part that only AWS knows, and says so', () => {
    const notCovered: NotCovered[] = [];
    const rules = rulesOf(
      read(
        `  Rule:
    Type: AWS::Events::Rule
    Properties: {Targets: [{Id: T, Arn: a, RetryPolicy: !If [Keen, {MaximumRetryAttempts: 1}, {MaximumRetryAttempts: 2}]}]}`,
        "Parameters: {P: {Type: String}}\nConditions: {Keen: !Equals [!Ref P, 'yes']}",
      ),
      notCovered,
    );
    expect(rules[0]?.targets).toMatchObject([{ id: 'T', retries: 185 }]);
    expect(notCovered).toMatchObject([
      { resource: 'Rule', message: expect.stringMatching(/^Targets\.0\.RetryPolicy is not known: /) },
    ]);
  });

  test('keeps every key of its pattern', () => {
    const [rule] = rulesOf(
      read(
        '  Rule: {Type: AWS::Events::Rule, Properties: {EventPattern: {detail: {constructor: [a]}, constructor: [b]}}}',
      ),
    );
    expect(JSON.stringify(rule?.eventPattern)).toBe('{"detail":{"constructor":["a"]},"constructor":["b"]}');
  });
});

test('an archive without a number of days keeps for ever', () => {
  const [archive] = archivesOf(
    read(
      `  Archive: {Type: AWS::Events::Archive, Properties: {SourceArn: '${ARN('events', 'event-bus/shop')}'}}`,
    ),
  );
  expect(archive).toMatchObject({ bus: 'shop', retentionDays: 0 });
});

describe("a function's configuration of asynchronous events", () => {
  const config = (qualifier: string, name = '!Ref Fn') =>
    read(`${WORKER}
  Config:
    Type: AWS::Lambda::EventInvokeConfig
    Properties:
      FunctionName: ${name}
      Qualifier: ${qualifier}
      MaximumRetryAttempts: 1
      DestinationConfig: {OnFailure: {Destination: '${ARN('sqs', 'failed')}'}}`);
  const of = (assembly: Assembly, qualifier?: string) =>
    invokeConfigOf(assembly, assembly.resources.get('Fn') as never, qualifier);

  test('holds for the calls of its qualifier only', () => {
    const live = config('live');
    expect(of(live)).toEqual({ retries: 2, ageSeconds: 21_600 });
    expect(of(live, 'live')).toMatchObject({ retries: 1, onFailure: ARN('sqs', 'failed') });
    const latest = config("'$LATEST'");
    expect(of(latest)).toMatchObject({ retries: 1 });
    expect(of(latest, 'live')).toEqual({ retries: 2, ageSeconds: 21_600 });
  });

  test.each(['worker', '!GetAtt Fn.Arn', "'000000000000:function:worker'"])(
    'may name the function as %s',
    (name) => {
      expect(of(config("'$LATEST'", name))).toMatchObject({ retries: 1 });
    },
  );

  test("is the function's dead-letter queue, where there is no destination", () => {
    const assembly = read(`
  Fn:
    Type: AWS::Lambda::Function
    Properties: {Role: r, DeadLetterConfig: {TargetArn: '${ARN('sqs', 'dead')}'}}`);
    expect(of(assembly)).toMatchObject({ onFailure: ARN('sqs', 'dead') });
  });
});

test('a function has the defaults of the service', () => {
  expect(functionsOf(read(WORKER))).toMatchObject([
    {
      name: 'worker',
      timeoutSeconds: 3,
      memoryMb: 128,
      architecture: 'x86_64',
      environment: {},
      isTraced: false,
      logGroup: '/aws/lambda/worker',
    },
  ]);
});

describe('a target', () => {
  test.each([
    [ARN('lambda', 'function:worker'), 'function', 'role or policy'],
    [ARN('sqs', 'jobs'), 'queue', 'role or policy'],
    [ARN('sns', 'news'), 'topic', 'role or policy'],
    [ARN('kinesis', 'stream/s'), 'stream', 'role'],
    [ARN('firehose', 'deliverystream/s'), 'delivery stream', 'role'],
    [ARN('states', 'stateMachine:m'), 'state machine', 'role'],
    [ARN('ecs', 'cluster/c'), 'cluster', 'role'],
    [ARN('batch', 'job-queue/q'), 'job queue', 'role'],
    [ARN('codebuild', 'project/p'), 'build project', 'role'],
    [ARN('codepipeline', 'p'), 'pipeline', 'role'],
    [ARN('ssm', 'document/d'), 'document', 'role'],
    [ARN('ssm', 'automation-definition/d:$DEFAULT'), 'automation', 'role'],
    [ARN('events', 'api-destination/d/1'), 'API destination', 'role'],
    [ARN('events', 'event-bus/b'), 'event bus', 'role'],
    [ARN('events', 'target/stop-instance'), 'stop', 'role'],
    [ARN('execute-api', 'a1/prod/POST/x'), 'REST API', 'role or policy'],
    [ARN('logs', 'log-group:/shop'), 'log group', 'policy'],
    [ARN('redshift', 'cluster:c'), 'cluster', 'role'],
    [ARN('redshift-serverless', 'workgroup/w'), 'workgroup', 'role'],
    [ARN('sagemaker', 'pipeline/p'), 'SageMaker pipeline', 'role'],
    [ARN('inspector', 'target/t/template/x'), 'assessment', 'role'],
    [ARN('appsync', 'endpoints/graphql-api/a'), 'GraphQL API', 'role'],
    [ARN('glue', 'workflow/w'), 'workflow', 'role'],
  ])('%s is a %s, allowed by %s', (arn, name, allowedBy) => {
    expect(targetTypeOf(arn)).toMatchObject({ name, allowedBy });
  });

  test('of a service that no rule can have is of no type', () => {
    expect(targetTypeOf(ARN('dynamodb', 'table/t'))).toBeUndefined();
    expect(targetTypeOf('constructor')).toBeUndefined();
  });

  const decide = (target: string, resources: string) => {
    const assembly = read(`
  Rule: {Type: AWS::Events::Rule, Properties: {Name: placed, Targets: [${target}]}}
${resources}`);
    const [rule] = rulesOf(assembly);
    return deliveryPermission(new Policies(assembly), rule as never, rule?.targets[0] as never);
  };
  const role = (service: string, action: string) => `
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Statement: {Effect: Allow, Principal: {Service: ${service}}, Action: sts:AssumeRole}}
      Policies: [{PolicyDocument: {Statement: {Effect: Allow, Action: '${action}', Resource: '*'}}}]`;
  const allowed = ({ checks }: ReturnType<typeof decide>) =>
    Object.fromEntries(checks.map(({ action, decision }) => [action, decision.allowed]));

  test('with a role is allowed by the trust and the policies of that role', () => {
    const queue = `{Id: T, Arn: '${ARN('sqs', 'jobs')}', RoleArn: !GetAtt Role.Arn}`;
    expect(allowed(decide(queue, role('events.amazonaws.com', 'sqs:SendMessage')))).toEqual({
      'sts:AssumeRole': true,
      'sqs:SendMessage': true,
    });
    expect(allowed(decide(queue, role('lambda.amazonaws.com', 'sns:Publish')))).toEqual({
      'sts:AssumeRole': false,
      'sqs:SendMessage': false,
    });
  });

  test('of a type that no rule can have is not looked at', () => {
    expect(decide(`{Id: T, Arn: '${ARN('dynamodb', 'table/t')}'}`, '')).toEqual({ checks: [] });
  });

  test('of a task without a definition is allowed on its cluster', () => {
    const { checks } = decide(
      `{Id: T, Arn: '${ARN('ecs', 'cluster/c')}', RoleArn: !GetAtt Role.Arn}`,
      role('events.amazonaws.com', 'ecs:RunTask'),
    );
    expect(checks.at(-1)).toMatchObject({ action: 'ecs:RunTask', resource: ARN('ecs', 'cluster/c') });
  });

  test('that needs a role, and has none, is not allowed', () => {
    const { by, checks } = decide(`{Id: T, Arn: '${ARN('states', 'stateMachine:m')}'}`, '');
    expect(by).toBe('role');
    expect(checks[0]?.decision).toEqual({ allowed: false, reason: 'The target has no RoleArn.' });
  });

  test('of a task is allowed on the definition of the task', () => {
    const task = `{Id: T, Arn: !GetAtt Cluster.Arn, RoleArn: !GetAtt Role.Arn, EcsParameters: {TaskDefinitionArn: !Ref Task}}`;
    const resources = `
  Cluster: {Type: AWS::ECS::Cluster}
  Task: {Type: AWS::ECS::TaskDefinition}
${role('events.amazonaws.com', 'ecs:RunTask').replace("Resource: '*'", 'Resource: !Ref Task')}`;
    expect(allowed(decide(task, resources))).toEqual({ 'sts:AssumeRole': true, 'ecs:RunTask': true });
  });

  test('that is a log group is allowed by a policy of CloudWatch Logs', () => {
    const group = "{Id: T, Arn: !Sub 'arn:aws:logs:us-east-1:000000000000:log-group:/shop'}";
    const resources = (principal: string) => `
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /shop}}
  Policy:
    Type: AWS::Logs::ResourcePolicy
    Properties:
      PolicyDocument: '{"Statement":{"Effect":"Allow","Principal":{"Service":"${principal}"},"Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":"arn:aws:logs:us-east-1:000000000000:log-group:/shop:*"}}'`;
    const yes = { 'logs:CreateLogStream': true, 'logs:PutLogEvents': true };
    expect(allowed(decide(group, resources('events.amazonaws.com')))).toEqual(yes);
    expect(allowed(decide(group, resources('sns.amazonaws.com')))['logs:PutLogEvents']).toBe(false);
  });
});

describe('what comes after a target', () => {
  test('a queue may redrive, as an object or as text', () => {
    const queue = (policy: string) =>
      readQueue(
        read(`  Q: {Type: AWS::SQS::Queue, Properties: {RedrivePolicy: ${policy}}}`).resources.get(
          'Q',
        ) as never,
      );
    const arn = ARN('sqs', 'dead');
    const expected = { deadLetterArn: arn, maxReceiveCount: 5 };
    expect(queue(`{deadLetterTargetArn: '${arn}', maxReceiveCount: 5}`).redrive).toEqual(expected);
    expect(queue(`'{"deadLetterTargetArn":"${arn}","maxReceiveCount":"5"}'`).redrive).toEqual(expected);
    expect(queue('{}').redrive).toBeUndefined();
    expect(queue('{}')).toMatchObject({ retentionSeconds: 345_600, visibilitySeconds: 30, isFifo: false });
  });

  test('a topic may have its subscriptions inline', () => {
    const subscriptions = subscriptionsOf(
      read(`
  Topic:
    Type: AWS::SNS::Topic
    Properties: {TopicName: news, Subscription: [{Protocol: email, Endpoint: a@example.com}]}
  More: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: x}}`),
    );
    expect(
      subscriptions.map(({ resource, protocol, topicArn }) => [resource.logicalId, protocol, topicArn]),
    ).toEqual([
      ['Topic', 'email', ARN('sns', 'news')],
      ['More', 'sqs', ARN('sns', 'news')],
    ]);
  });

  test('a mapping reads from a queue or a stream for a function', () => {
    const mappings = eventSourceMappingsOf(
      read(`${WORKER}
  Queue: {Type: AWS::SQS::Queue}
  Table: {Type: AWS::DynamoDB::Table}
  A: {Type: AWS::Lambda::EventSourceMapping, Properties: {EventSourceArn: !GetAtt Queue.Arn, FunctionName: !Ref Live}}
  B: {Type: AWS::Lambda::EventSourceMapping, Properties: {EventSourceArn: !GetAtt Table.StreamArn, FunctionName: !Ref Fn, Enabled: 'false', FunctionResponseTypes: [ReportBatchItemFailures]}}`),
    );
    expect(mappings.map(({ source }) => [source?.resource?.logicalId, source?.actions?.[0]])).toEqual([
      ['Queue', 'sqs:ReceiveMessage'],
      ['Table', 'dynamodb:GetRecords'],
    ]);
    expect(mappings.map((each) => [each.function.function?.logicalId, each.function.qualifier])).toEqual([
      ['Fn', 'live'],
      ['Fn', undefined],
    ]);
    expect(mappings.map(({ enabled, reportsFailures }) => [enabled, reportsFailures])).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  test('a pipe reads from a source and hands to a target, by its role', () => {
    const [pipe] = pipesOf(
      read(`
  Queue: {Type: AWS::SQS::Queue}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: shop}}
  Pipe: {Type: AWS::Pipes::Pipe, Properties: {Source: !GetAtt Queue.Arn, Target: !GetAtt Bus.Arn, RoleArn: r}}`),
    );
    expect(pipe?.source.resource?.logicalId).toBe('Queue');
    expect(pipe?.target).toMatchObject({ type: { name: 'event bus', actions: ['events:PutEvents'] } });
    expect(pipe?.enabled).toBe(true);
  });

  test.each([
    ['!GetAtt Fn.Arn', 'lambda:InvokeFunction', 'Fn'],
    ['arn:aws:scheduler:::aws-sdk:sqs:sendMessage', 'sqs:SendMessage', undefined],
  ])('a schedule of Scheduler calls %s by %s', (arn, action, id) => {
    const [schedule] = schedulesOf(
      read(`${WORKER}
  S: {Type: AWS::Scheduler::Schedule, Properties: {ScheduleExpression: rate(1 day), Target: {Arn: ${arn}, RoleArn: r}}}`),
    );
    expect(schedule).toMatchObject({
      action,
      timezone: 'UTC',
      enabled: true,
      retries: 185,
      ageSeconds: 86_400,
    });
    expect(schedule?.target.resource?.logicalId).toBe(id);
  });
});
