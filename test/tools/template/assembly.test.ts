import fs from 'node:fs';
import path from 'node:path';
import { knownInPart, notRun, requireSupported, rulesToRun } from '../../../tools/local/supported';
import { AssemblyError, readAssembly } from '../../../tools/template/assembly';
import { ARN, assemblyOf, functionResources, temporaryDirectory, writeAssembly } from './template';

/** The value as it comes out of a queue's property, in a template with a few other things. */
function resolve(value: unknown, template: object = {}): unknown {
  const Resources = {
    Subject: { Type: 'AWS::SQS::Queue', Properties: { Tags: value } },
    Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'jobs' } },
    Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'shop' } },
    Rule: { Type: 'AWS::Events::Rule', Properties: { Name: 'placed', EventBusName: { Ref: 'Bus' } } },
    Nightly: { Type: 'AWS::Events::Rule', Properties: { Name: 'nightly' } },
    Topic: { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'news' } },
    Table: { Type: 'AWS::DynamoDB::Table', Properties: { TableName: 'orders' } },
    Fn: { Type: 'AWS::Lambda::Function', Properties: { FunctionName: 'worker' } },
    Files: { Type: 'AWS::S3::Bucket', Properties: {} },
    Key: { Type: 'AWS::KMS::Key', Properties: {} },
    Logs: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: '/aws/lambda/worker' } },
  };
  const assembly = readAssembly(writeAssembly({ Resources, ...template }), { region: 'us-east-1' });
  return assembly.resources.get('Subject')?.properties.Tags;
}

describe('references', () => {
  test.each([
    [{ Ref: 'Queue' }, 'https://sqs.us-east-1.amazonaws.com/000000000000/jobs'],
    [{ 'Fn::GetAtt': ['Queue', 'Arn'] }, ARN('sqs', 'jobs')],
    [{ 'Fn::GetAtt': 'Queue.QueueName' }, 'jobs'],
    [{ Ref: 'Bus' }, 'shop'],
    [{ 'Fn::GetAtt': ['Bus', 'Arn'] }, ARN('events', 'event-bus/shop')],
    [{ Ref: 'Rule' }, 'shop|placed'],
    [{ 'Fn::GetAtt': ['Rule', 'Arn'] }, ARN('events', 'rule/shop/placed')],
    [{ Ref: 'Nightly' }, 'nightly'],
    [{ 'Fn::GetAtt': ['Nightly', 'Arn'] }, ARN('events', 'rule/nightly')],
    [{ Ref: 'Topic' }, ARN('sns', 'news')],
    [{ 'Fn::GetAtt': ['Topic', 'TopicName'] }, 'news'],
    [{ Ref: 'Table' }, 'orders'],
    [{ 'Fn::GetAtt': ['Table', 'Arn'] }, ARN('dynamodb', 'table/orders')],
    [{ 'Fn::GetAtt': ['Fn', 'Arn'] }, ARN('lambda', 'function:worker')],
    [{ 'Fn::GetAtt': ['Logs', 'Arn'] }, ARN('logs', 'log-group:/aws/lambda/worker:*')],
    [{ Ref: 'Files' }, 'shop-files'],
    [{ 'Fn::GetAtt': ['Files', 'Arn'] }, 'arn:aws:s3:::shop-files'],
    [{ 'Fn::GetAtt': ['Files', 'RegionalDomainName'] }, 'shop-files.s3.us-east-1.amazonaws.com'],
    [{ 'Fn::GetAtt': ['Key', 'Arn'] }, ARN('kms', 'key/shop-Key')],
  ])('%j is %s', (value, expected) => {
    expect(resolve(value)).toBe(expected);
  });

  test('pseudo parameters are those of the environment', () => {
    const names = ['AccountId', 'Region', 'Partition', 'URLSuffix', 'StackName'];
    expect(resolve(names.map((name) => ({ Ref: `AWS::${name}` })))).toEqual([
      ...['000000000000', 'us-east-1', 'aws', 'amazonaws.com', 'shop'],
    ]);
  });

  test('a region of the US government has its own partition', () => {
    const directory = writeAssembly({
      Resources: { Queue: { Type: 'AWS::SQS::Queue' } },
      Outputs: { Arn: { Value: { 'Fn::GetAtt': ['Queue', 'Arn'] } }, Url: { Value: { Ref: 'Queue' } } },
    });
    expect(readAssembly(directory, { region: 'us-gov-west-1' }).outputs).toEqual({
      Arn: 'arn:aws-us-gov:sqs:us-gov-west-1:000000000000:shop-Queue',
      Url: 'https://sqs.us-gov-west-1.amazonaws.com/000000000000/shop-Queue',
    });
  });

  test('a parameter that the template does not have is refused, and those that it has are named', () => {
    const read = (Parameters?: object) =>
      readAssembly(writeAssembly({ Resources: {}, ...(Parameters && { Parameters }) }), {
        parameters: { Mail: 'a' },
      });
    expect(() => read()).toThrow('There is no parameter Mail; there is none.');
    expect(() => read({ Size: { Type: 'Number' } })).toThrow('There is no parameter Mail; there is Size.');
  });

  test('a region in China has its own partition', () => {
    const directory = writeAssembly({
      Resources: { Queue: { Type: 'AWS::SQS::Queue' } },
      Outputs: { Arn: { Value: { 'Fn::GetAtt': ['Queue', 'Arn'] } }, Url: { Value: { Ref: 'Queue' } } },
    });
    expect(readAssembly(directory, { region: 'cn-north-1', account: '123456789012' }).outputs).toEqual({
      Arn: 'arn:aws-cn:sqs:cn-north-1:123456789012:shop-Queue',
      Url: 'https://sqs.cn-north-1.amazonaws.com.cn/123456789012/shop-Queue',
    });
  });

  test('parameters have their defaults', () => {
    const Parameters = {
      Size: { Type: 'Number', Default: 3 },
      Zones: { Type: 'CommaDelimitedList', Default: 'a,b' },
    };
    expect(resolve([{ Ref: 'Size' }, { 'Fn::Join': ['-', { Ref: 'Zones' }] }], { Parameters })).toEqual([
      3,
      'a-b',
    ]);
  });
});

describe('functions', () => {
  const template = {
    Conditions: {
      Here: { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'us-east-1'] },
      There: { 'Fn::Not': [{ Condition: 'Here' }] },
      Either: { 'Fn::Or': [{ Condition: 'There' }, { Condition: 'Here' }] },
      Both: { 'Fn::And': [{ Condition: 'There' }, { Condition: 'Here' }] },
      All: { 'Fn::And': [{ Condition: 'Here' }, { 'Fn::Not': [{ Condition: 'There' }] }] },
      None: { 'Fn::Or': [{ Condition: 'There' }, { 'Fn::Not': [{ Condition: 'Here' }] }] },
    },
    Mappings: { Sizes: { small: { memory: 128 } } },
  };

  test.each([
    [{ 'Fn::Join': ['/', ['a', { Ref: 'Table' }]] }, 'a/orders'],
    [{ 'Fn::Select': [1, { 'Fn::Split': [':', { 'Fn::GetAtt': ['Queue', 'Arn'] }] }] }, 'aws'],
    [
      { 'Fn::Sub': `\${Table}-\${AWS::Region}-\${Queue.QueueName}-\${!Literal}` },
      `orders-us-east-1-jobs-\${Literal}`,
    ],
    [{ 'Fn::Sub': [`\${a}-\${Table}`, { a: { Ref: 'Bus' } }] }, 'shop-orders'],
    [{ 'Fn::If': ['Here', 'yes', 'no'] }, 'yes'],
    [{ 'Fn::If': ['There', 'yes', 'no'] }, 'no'],
    [{ 'Fn::If': ['Either', 'yes', 'no'] }, 'yes'],
    [{ 'Fn::If': ['Both', 'yes', 'no'] }, 'no'],
    [{ 'Fn::FindInMap': ['Sizes', 'small', 'memory'] }, 128],
    [{ 'Fn::If': ['All', 'yes', 'no'] }, 'yes'],
    [{ 'Fn::If': ['None', 'yes', 'no'] }, 'no'],
    [{ 'Fn::Base64': 'hi' }, 'aGk='],
    [{ 'Fn::Length': ['a', { Ref: 'Bus' }] }, 2],
    [{ 'Fn::ToJsonString': { a: { Ref: 'Bus' } } }, '{"a":"shop"}'],
    [{ 'Fn::FindInMap': ['Sizes', 'large', 'memory', { DefaultValue: 256 }] }, 256],
    [
      [1, { Ref: 'AWS::NoValue' }, 2],
      [1, 2],
    ],
    [{ a: 1, b: { Ref: 'AWS::NoValue' } }, { a: 1 }],
    [{ Condition: { StringEquals: { a: { Ref: 'Bus' } } } }, { Condition: { StringEquals: { a: 'shop' } } }],
  ])('%j is %j', (value, expected) => {
    expect(resolve(value, template)).toEqual(expected);
  });

  test.each([
    [{ Ref: 'Nobody' }, 'the template has no resource or parameter Nobody'],
    [{ 'Fn::If': ['Nowhere', 1, 2] }, 'the template has no condition Nowhere'],
    [{ 'Fn::If': ['Here', 1] }, 'Fn::If takes a list of 3 values'],
    [{ 'Fn::Select': [7, ['a']] }, 'finds no value 7'],
    [{ 'Fn::FindInMap': ['Sizes', 'small'] }, 'Fn::FindInMap takes a list of 3 values'],
    [{ 'Fn::Join': ['/', 'text'] }, 'expected a list of strings'],
    [{ 'Fn::FindInMap': ['Sizes', 'large', 'memory'] }, 'there is no mapping Sizes.large.memory'],
  ])('%j, which CloudFormation would refuse, is refused, with its place', (value, message) => {
    expect(() => resolve({ deep: [value] }, template)).toThrow(AssemblyError);
    expect(() => resolve({ deep: [value] }, template)).toThrow(`Subject.Properties.Tags.deep[0]: `);
    expect(() => resolve({ deep: [value] }, template)).toThrow(message);
  });

  test('a name that depends on itself is refused, and not looked for for ever', () => {
    const resources = {
      A: { Type: 'AWS::SQS::Queue', Properties: { QueueName: { 'Fn::GetAtt': ['B', 'QueueName'] } } },
      B: { Type: 'AWS::SQS::Queue', Properties: { QueueName: { 'Fn::GetAtt': ['A', 'QueueName'] } } },
    };
    expect(() => assemblyOf(resources)).toThrow('A: its name depends on itself (A -> B)');
  });

  test('what nobody reads may hold what cannot be resolved', () => {
    const resources = { Odd: { Type: 'AWS::Odd::Thing', Properties: { a: { 'Fn::Join': [] } } } };
    expect(assemblyOf(resources).resources.get('Odd')?.name).toBe('shop-Odd');
  });
});

describe('an assembly', () => {
  test('leaves out resources and outputs whose condition does not hold', () => {
    const directory = writeAssembly({
      Conditions: { Never: { 'Fn::Equals': ['a', 'b'] } },
      Resources: {
        Kept: { Type: 'AWS::SQS::Queue' },
        Gone: { Type: 'AWS::SQS::Queue', Condition: 'Never' },
      },
      Outputs: { Kept: { Value: 'x' }, Gone: { Value: 'y', Condition: 'Never' } },
    });
    const assembly = readAssembly(directory);
    expect(assembly.ofType('AWS::SQS::Queue').map(({ logicalId }) => logicalId)).toEqual(['Kept']);
    expect(assembly.outputs).toEqual({ Kept: 'x' });
  });

  test('finds the folder of a function by its asset', () => {
    const assembly = assemblyOf(functionResources('Worker'), { Worker: { 'index.js': '' } });
    const [worker] = assembly.ofType('AWS::Lambda::Function');
    expect(worker && assembly.assetPath(worker)).toBe(path.join(assembly.directory, 'asset.Worker'));
  });

  test('says which asset is missing', () => {
    const assembly = assemblyOf(functionResources('Worker'));
    expect(() => assembly.assetPath(assembly.ofType('AWS::Lambda::Function')[0] as never)).toThrow(
      'Worker: the assembly has no asset for its code Worker.zip',
    );
    const gone = assemblyOf(functionResources('Worker'), { Worker: { 'index.js': '' } });
    fs.rmSync(path.join(gone.directory, 'asset.Worker'), { recursive: true });
    expect(() => gone.assetPath(gone.ofType('AWS::Lambda::Function')[0] as never)).toThrow(
      'Worker: its code is not in the assembly',
    );
    const inline = assemblyOf(functionResources('Worker', { Code: { ZipFile: 'exports.handler = 1' } }));
    expect(() => inline.assetPath(inline.ofType('AWS::Lambda::Function')[0] as never)).toThrow(
      'its code is not an asset',
    );
  });

  test('must exist', () => {
    const nowhere = path.join(temporaryDirectory(), 'nowhere');
    expect(() => readAssembly(nowhere)).toThrow(
      /^Cannot read .*manifest.json \(ENOENT\). Run `npx cdk synth` first\.$/,
    );
  });

  test('must be JSON', () => {
    const directory = temporaryDirectory();
    fs.writeFileSync(path.join(directory, 'manifest.json'), '{');
    expect(() => readAssembly(directory)).toThrow(/manifest.json is not JSON/);
  });

  test('must have the stack that is asked for', () => {
    const directory = writeAssembly({ Resources: {} });
    expect(() => readAssembly(directory, { stackName: 'three' })).toThrow(
      'has no stack three; it has: shop.',
    );
  });
});

describe('a template with what the local run does not know', () => {
  test('names each resource that does not run', () => {
    const assembly = assemblyOf({
      Machine: { Type: 'AWS::StepFunctions::StateMachine', Properties: {} },
      Old: { Type: 'AWS::Lambda::Function', Properties: { Runtime: 'python3.13', Role: 'r' } },
      Boxed: { Type: 'AWS::Lambda::Function', Properties: { PackageType: 'Image', Role: 'r' } },
    });
    expect(() => requireSupported(assembly)).not.toThrow();
    expect(notRun(assembly)).toEqual([
      'AWS::StepFunctions::StateMachine Machine does not run here: it has no definition.',
      'AWS::Lambda::Function Old does not run here: it is of the runtime python3.13, and only Node.js is run.',
      'AWS::Lambda::Function Boxed does not run here: it is an image, and only Node.js is run.',
    ]);
  });

  test('stops the start at an alias, by the resource that configures it', () => {
    const Config = {
      Type: 'AWS::Lambda::EventInvokeConfig',
      Properties: { FunctionName: { Ref: 'Worker' }, Qualifier: 'live' },
    };
    expect(() => requireSupported(assemblyOf({ ...functionResources('Worker'), Config }))).toThrow(
      'AWS::Lambda::EventInvokeConfig Config: the local run knows no version or alias (live).',
    );
  });

  test('stops the start at what only AWS knows', () => {
    const Queue = { Type: 'AWS::SQS::Queue', Properties: { QueueName: { 'Fn::ImportValue': 'name' } } };
    expect(() => requireSupported(assemblyOf({ Queue }))).toThrow(
      'AWS::SQS::Queue Queue: the local run needs all of it, but name is exported by a stack that is not here.',
    );
  });

  test('runs without what only AWS knows where nothing depends on it, and says so', () => {
    const onlyAws = { 'Fn::GetAtt': ['Api', 'Url'] };
    const rule = (properties: object) => ({
      Type: 'AWS::Events::Rule',
      Properties: { EventPattern: { source: ['a'] }, ...properties },
    });
    const assembly = assemblyOf({
      ...functionResources('Worker', { Environment: { Variables: { URL: onlyAws, MODE: 'fast' } } }),
      Api: { Type: 'AWS::ApiGateway::RestApi', Properties: {} },
      Policy: {
        Type: 'AWS::IAM::Policy',
        Properties: {
          Roles: [{ Ref: 'WorkerRole' }],
          PolicyDocument: { Statement: [{ Effect: 'Allow', Action: 'a:b', Resource: onlyAws }] },
        },
      },
      Table: {
        Type: 'AWS::DynamoDB::Table',
        Properties: { StreamSpecification: { StreamViewType: 'KEYS_ONLY' } },
      },
      Changes: {
        Type: 'AWS::Lambda::EventSourceMapping',
        Properties: {
          EventSourceArn: { 'Fn::GetAtt': ['Table', 'StreamArn'] },
          FunctionName: { Ref: 'Worker' },
        },
      },
      Imported: rule({ EventBusName: { 'Fn::ImportValue': 'bus' } }),
      Elsewhere: rule({ EventBusName: 'others' }),
      Runs: rule({}),
    });
    expect(() => requireSupported(assembly)).not.toThrow();
    expect(rulesToRun(assembly).map(({ logicalId }) => logicalId)).toEqual(['Runs']);
    expect(notRun(assembly)).toEqual([
      'AWS::ApiGateway::RestApi Api does not run here.',
      expect.stringMatching(
        /^AWS::Lambda::EventSourceMapping Changes does not run here: it is not from a queue/,
      ),
      'AWS::Events::Rule Imported does not run here: bus is exported by a stack that is not here.',
      'AWS::Events::Rule Elsewhere does not run here: its bus others is not in this stack.',
    ]);
    expect(knownInPart(assembly)).toEqual([
      'AWS::Lambda::Function Worker runs with a placeholder in its URL: only AWS knows the attribute Api.Url.',
      'AWS::IAM::Policy Policy: what its PolicyDocument allows is denied in part: only AWS knows the attribute Api.Url.',
      'AWS::DynamoDB::Table Table runs without its StreamSpecification: nobody gets its changes.',
    ]);
  });

  test('stops the start at a policy that it cannot evaluate, by name', () => {
    const statement = (Condition: object) => [{ Effect: 'Allow', Action: '*', Resource: '*', Condition }];
    const read = (Condition: object) => {
      const Policy = {
        Type: 'AWS::IAM::Policy',
        Properties: { Roles: [{ Ref: 'WorkerRole' }], PolicyDocument: { Statement: statement(Condition) } },
      };
      return () => requireSupported(assemblyOf({ ...functionResources('Worker'), Policy }));
    };
    expect(read({ 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['123'] } })).toThrow(
      'AWS::IAM::Policy Policy: the local run cannot tell what it allows, for the value of dynamodb:LeadingKeys is not known.',
    );
    const elsewhere = {
      Effect: 'Allow',
      Action: 'iam:PassRole',
      Resource: '*',
      Condition: { StringLike: { 'iam:PassedToService': 'x' } },
    };
    const resources = functionResources('Worker', {}, [elsewhere]);
    expect(() => requireSupported(assemblyOf(resources))).not.toThrow();
    expect(read({ StringNearly: { 'aws:SourceArn': 'x' } })).toThrow('condition operator StringNearly');
    expect(read({ 'ForAnyValue:StringEquals': { 'aws:CalledVia': 'x' } })).not.toThrow();
    expect(read({ Bool: { 'aws:SecureTransport': 'true' } })).not.toThrow();
  });

  test('may have what no event meets on its way', () => {
    const resources = {
      Alarm: { Type: 'AWS::CloudWatch::Alarm', Properties: {} },
      Saved: { Type: 'AWS::Logs::QueryDefinition', Properties: {} },
    };
    expect(() => requireSupported(assemblyOf(resources))).not.toThrow();
  });

  test("stops for a managed policy of a rule's target, but not of other functions", () => {
    const managed = (id: string, policy: string) => {
      const resources = functionResources(id);
      const role = resources[`${id}Role`] as { Properties: object };
      return { ...resources, [`${id}Role`]: { ...role, Properties: { ManagedPolicyArns: [policy] } } };
    };
    const rule = {
      Type: 'AWS::Events::Rule',
      Properties: { Targets: [{ Id: 'T', Arn: { 'Fn::GetAtt': ['Worker', 'Arn'] } }] },
    };
    const full = 'arn:aws:iam::aws:policy/AmazonRDSFullAccess';
    const logs = 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole';
    expect(() => requireSupported(assemblyOf(managed('Worker', full)))).not.toThrow();
    expect(() => requireSupported(assemblyOf({ ...managed('Worker', logs), rule }))).not.toThrow();
    expect(() => requireSupported(assemblyOf({ ...managed('Worker', full), rule }))).toThrow(
      `WorkerRole: the local run cannot tell what it allows, for the managed policy ${full} is not in this template`,
    );
  });
});
