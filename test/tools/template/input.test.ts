import fs from 'node:fs';
import path from 'node:path';
import { type Assembly, type AssemblyOptions, readAssembly } from '../../../tools/template/assembly';
import { temporaryDirectory } from './template';

/** An assembly of several stacks, by artifact id. */
function writeStacks(stacks: Readonly<Record<string, object>>, properties: object = {}): string {
  const directory = temporaryDirectory();
  const artifacts = Object.keys(stacks).map((id) => [
    id,
    {
      type: 'aws:cloudformation:stack',
      properties: { templateFile: `${id}.template.json`, ...properties },
    },
  ]);
  fs.writeFileSync(
    path.join(directory, 'manifest.json'),
    JSON.stringify({ artifacts: Object.fromEntries(artifacts) }),
  );
  for (const [id, template] of Object.entries(stacks)) {
    fs.writeFileSync(path.join(directory, `${id}.template.json`), JSON.stringify(template));
  }
  return directory;
}

function readText(text: string, name = 'shop.yaml', options: AssemblyOptions = {}): Assembly {
  const file = path.join(temporaryDirectory(), name);
  fs.writeFileSync(file, text);
  return readAssembly(file, { region: 'us-east-1', ...options });
}

describe('several stacks', () => {
  const bus = {
    Resources: { Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'orders' } } },
    Outputs: { BusName: { Value: { Ref: 'Bus' }, Export: { Name: 'shared-bus' } } },
  };
  const rules = {
    Resources: {
      Bus: { Type: 'AWS::SNS::Topic' },
      Rule: {
        Type: 'AWS::Events::Rule',
        Properties: { EventBusName: { 'Fn::ImportValue': 'shared-bus' } },
      },
    },
  };

  test('are all read, each resource by its stack and logical id', () => {
    const assembly = readAssembly(writeStacks({ Rules: rules, Core: bus }));
    expect([...assembly.resources.keys()]).toEqual(['Rules/Bus', 'Rules/Rule', 'Core/Bus']);
    expect(assembly.title).toMatch(/, stacks Rules, Core$/);
  });

  test('know what the others export, whichever comes first', () => {
    const assembly = readAssembly(writeStacks({ Rules: rules, Core: bus }));
    expect(assembly.resources.get('Rules/Rule')?.properties.EventBusName).toBe('orders');
  });

  test('can be one by its name, which knows of the others only that they export', () => {
    const assembly = readAssembly(writeStacks({ Rules: rules, Core: bus }), { stackName: 'Rules' });
    expect([...assembly.resources.keys()]).toEqual(['Bus', 'Rule']);
    expect(assembly.resources.get('Rule')?.properties.EventBusName).toBe('⟨import shared-bus⟩');
    expect(assembly.title).toMatch(/, stack Rules$/);
  });

  test('of the same name are told apart by their artifacts', () => {
    const assembly = readAssembly(writeStacks({ Europe: bus, America: bus }, { stackName: 'shop' }));
    expect([...assembly.resources.keys()]).toEqual(['Europe/Bus', 'America/Bus']);
  });

  test('in a stage are read with those outside of it', () => {
    const directory = writeStacks({ Core: bus });
    const manifest = JSON.parse(fs.readFileSync(path.join(directory, 'manifest.json'), 'utf8'));
    const stage = writeStacks({ Rules: rules });
    fs.cpSync(stage, path.join(directory, 'assembly-Stage'), { recursive: true });
    manifest.artifacts.Stage = {
      type: 'cdk:cloud-assembly',
      properties: { directoryName: 'assembly-Stage' },
    };
    fs.writeFileSync(path.join(directory, 'manifest.json'), JSON.stringify(manifest));
    expect([...readAssembly(directory).resources.keys()]).toContain('Rules/Rule');
  });

  test('have the account and region that the app gives them, unless they are given here', () => {
    const directory = writeStacks({ Core: bus });
    const file = path.join(directory, 'manifest.json');
    const text = fs.readFileSync(file, 'utf8');
    fs.writeFileSync(
      file,
      text.replace('"properties"', '"environment":"aws://111122223333/eu-west-1","properties"'),
    );
    const arn = (options: AssemblyOptions) => readAssembly(directory, options).resources.get('Bus')?.arn;
    expect(arn({})).toBe('arn:aws:events:eu-west-1:111122223333:event-bus/orders');
    expect(arn({ region: 'us-west-2', account: '444455556666' })).toBe(
      'arn:aws:events:us-west-2:444455556666:event-bus/orders',
    );
  });
});

describe('a nested stack', () => {
  const child = {
    Parameters: { BusName: { Type: 'String' } },
    Resources: {
      Rule: { Type: 'AWS::Events::Rule', Properties: { EventBusName: { Ref: 'BusName' } } },
      Queue: { Type: 'AWS::SQS::Queue' },
    },
    Outputs: { QueueArn: { Value: { 'Fn::GetAtt': ['Queue', 'Arn'] } } },
  };
  const parent = (nested: object) => ({
    Resources: {
      Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'orders' } },
      Child: { Type: 'AWS::CloudFormation::Stack', ...nested },
      Topic: {
        Type: 'AWS::SNS::Topic',
        Properties: { DisplayName: { 'Fn::GetAtt': ['Child', 'Outputs.QueueArn'] } },
      },
    },
  });

  test('is read with the parameters that it is given, and gives its outputs', () => {
    const directory = writeStacks({
      Shop: parent({
        Properties: { TemplateURL: 'https://x', Parameters: { BusName: { Ref: 'Bus' } } },
        Metadata: { 'aws:asset:path': 'child.json' },
      }),
    });
    fs.writeFileSync(path.join(directory, 'child.json'), JSON.stringify(child));
    const { resources, notCovered } = readAssembly(directory, { region: 'us-east-1' });
    expect(resources.get('Child/Rule')?.properties.EventBusName).toBe('orders');
    expect(resources.get('Topic')?.properties.DisplayName).toBe(resources.get('Child/Queue')?.arn);
    expect(notCovered).toEqual([]);
  });

  test('that is not here is not covered, by name', () => {
    const assembly = readAssembly(
      writeStacks({ Shop: parent({ Properties: { TemplateURL: 'https://x/y.json' } }) }),
    );
    expect(assembly.notCovered).toEqual([
      {
        resource: 'Child',
        type: 'AWS::CloudFormation::Stack',
        message: 'its template https://x/y.json is not here.',
      },
    ]);
    expect(assembly.resources.get('Topic')?.properties.DisplayName).toBe(
      '⟨attribute Child.Outputs.QueueArn⟩',
    );
  });
});

describe('a template by itself', () => {
  test('may be YAML with short forms', () => {
    const { resources, title } = readText(`
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Stage: { Type: String, Default: test }
Conditions:
  IsTest: !Equals [!Ref Stage, test]
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub '\${Stage}-jobs'
      Tags:
        - !GetAtt Queue2.Arn
        - !If [IsTest, !Join ['-', [a, !Ref Stage]], b]
        - !Sub ['\${x}', { x: !Ref Stage }]
        - Fn::Select: [1, !Split [',', 'a,b']]
        - Version: 2012-10-17
  Queue2: { Type: AWS::SQS::Queue }
`);
    expect(resources.get('Queue')?.name).toBe('test-jobs');
    expect(resources.get('Queue')?.properties.Tags).toEqual([
      'arn:aws:sqs:us-east-1:000000000000:shop-Queue2',
      'a-test',
      'test',
      'b',
      { Version: '2012-10-17' },
    ]);
    expect(title).toMatch(/shop\.yaml, stack shop$/);
  });

  test('may be JSON', () => {
    const assembly = readText('{"Resources":{"Q":{"Type":"AWS::SQS::Queue"}}}', 'shop.template.json');
    expect(assembly.resources.get('Q')?.name).toBe('shop-Q');
  });

  test('takes values of its parameters', () => {
    const text =
      'Parameters: {N: {Type: String, AllowedValues: [a, b]}}\nResources: {T: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref N}}}';
    const named = (parameters: Record<string, string>) =>
      readText(text, 'shop.yaml', { parameters }).resources.get('T')?.name;
    expect(named({ N: 'b' })).toBe('b');
    expect(() => named({ N: 'c' })).toThrow('Parameter N is c; allowed are a, b.');
    expect(() => named({ M: 'c' })).toThrow('There is no parameter M; there is N.');
  });

  test.each([
    ['Resources: {A: [', /shop\.yaml is not YAML: /],
    ['just text', /shop\.yaml is not a template/],
    ['Resources: {}\nResources: {}', /shop\.yaml is not YAML: .*unique/],
    ['Resources: {A: {Properties: {}}}', /shop\.yaml: Resources\.A: Type/],
    ['Outputs: {}', /shop\.yaml is a template without resources/],
    [
      'Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: AWS::Serverless::Function}}',
      /is a SAM template .*`aws cloudformation get-template --template-stage Processed/,
    ],
  ])('%j is refused in one line', (text, message) => {
    expect(() => readText(text)).toThrow(message);
    expect(() => readText(text)).not.toThrow(/\n/);
  });

  test('names the macros that it does not evaluate, and reads the rest', () => {
    const { notCovered, resources } = readText(`
Transform: [AWS::LanguageExtensions, Team::Naming]
Resources:
  Fn::ForEach::Queues: [Id, [A, B], {'Queue\${Id}': {Type: AWS::SQS::Queue}}]
  Topic:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !Ref QueueA, Fn::Transform: {Name: AWS::Include}}
`);
    expect(notCovered.map(({ resource }) => resource)).toEqual([
      'Transform Team::Naming',
      'Fn::ForEach::Queues',
      'Topic',
    ]);
    expect(resources.get('Topic')?.properties).toEqual({ DisplayName: '⟨reference QueueA⟩' });
  });
});

describe('generated names', () => {
  const long = 'CheckoutServiceEventsIntegrationSubscriptionsOrderPlacedRule';
  const read = (ids: readonly string[], type: string, Properties: object = {}) =>
    readText(
      JSON.stringify({ Resources: Object.fromEntries(ids.map((id) => [id, { Type: type, Properties }])) }),
    );

  test('are unique, however long the logical ids are', () => {
    const { resources } = read([`${long}Alpha11111111`, `${long}Beta22222222`], 'AWS::Events::Rule');
    const names = [...resources.values()].map(({ name }) => name);
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name.length).toBeLessThanOrEqual(64);
  });

  test('are unique where letters do not count', () => {
    const names = [...read(['Files', 'files'], 'AWS::S3::Bucket').resources.values()].map(({ name }) => name);
    expect(new Set(names).size).toBe(2);
  });

  test('are never one that the template gives to another', () => {
    const { resources } = readText(
      'Resources: {A: {Type: AWS::SQS::Queue}, B: {Type: AWS::SQS::Queue, Properties: {QueueName: shop-A}}}',
    );
    expect(resources.get('A')?.name).not.toBe(resources.get('B')?.name);
  });

  test('of a FIFO queue end as they must', () => {
    expect(read(['Jobs'], 'AWS::SQS::Queue', { FifoQueue: true }).resources.get('Jobs')?.name).toBe(
      'shop-Jobs.fifo',
    );
  });

  test('of an archive fit the service', () => {
    const name = read([long], 'AWS::Events::Archive').resources.get(long)?.name;
    expect(name?.length).toBeLessThanOrEqual(48);
  });
});

describe('a resource is found', () => {
  const assembly = () =>
    readText(`
Resources:
  Fn: {Type: AWS::Lambda::Function, Properties: {FunctionName: worker}}
  Live: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Fn, Name: live}}
  One: {Type: AWS::Lambda::Version, Properties: {FunctionName: !GetAtt Fn.Arn}}
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /shop}}
  Table: {Type: AWS::DynamoDB::Table, Properties: {TableName: jobs}}
  Api: {Type: AWS::ApiGateway::RestApi}
  Subject:
    Type: AWS::SNS::Topic
    Properties:
      Tags: [!Ref Live, !Ref One, !Sub 'arn:aws:execute-api:us-east-1:000000000000:\${Api}/*/POST/x']
`);

  test.each([
    ['arn:aws:lambda:us-east-1:000000000000:function:worker', undefined, 'Fn'],
    ['arn:aws:lambda:us-east-1:000000000000:function:worker:other', undefined, 'Fn'],
    ['worker:live', 'lambda', 'Fn'],
    ['https://sqs.us-east-1.amazonaws.com/000000000000/jobs', undefined, 'Queue'],
    ['jobs', 'sqs', 'Queue'],
    ['jobs', 'dynamodb', 'Table'],
    ['jobs', undefined, undefined],
    ['arn:aws:logs:us-east-1:000000000000:log-group:/shop', undefined, 'Logs'],
    ['arn:aws:logs:us-east-1:000000000000:log-group:/shop:*', undefined, 'Logs'],
    ['arn:aws:sqs:us-east-1:000000000000:other', undefined, undefined],
  ])('by %s of %s', (reference, service, id) => {
    expect(assembly().find(reference, service)?.logicalId).toBe(id);
  });

  test('by its alias, its version, and what an ARN has of a resource that is not modelled', () => {
    const read = assembly();
    const [alias, version, api] = read.resources.get('Subject')?.properties.Tags ?? [];
    expect([alias, version, api].map((each) => read.find(each)?.logicalId)).toEqual(['Live', 'One', 'Api']);
  });
});
