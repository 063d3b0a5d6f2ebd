import { APP } from '../../../bin/app-description';
import { stagesOf } from '../../../bin/stages';
import { parseStage } from '../../../lib/config';
import { type Entity, UNDESCRIBED } from '../../../tools/app';
import { EXIT, explain, InputError } from '../../../tools/cli/errors';
import { explainFailure, opsCommand } from '../../../tools/ops/cli';
import { clientConfig, findStack, type StackOptions } from '../../../tools/ops/stack';
import { Refusal, type Script, ScriptedAws } from './scripted-aws';

const cdkJson = {
  context: { stages: { production: {}, dev: { logLevel: 'DEBUG' }, eu: { projectName: 'shop' } } },
};

test.each(Object.entries(cdkJson.context.stages))(
  'stage %s is looked for under the name it is deployed with',
  (stage, settings) => {
    expect(stagesOf(cdkJson).stackName(stage)).toBe(parseStage(stage, settings).prefix);
  },
);

test('without stages in cdk.json there is the default one', () => {
  expect(stagesOf({}).stackName('production')).toBe('event-driven');
});

test.each(['staging', 'constructor', ''])('stage %j, which cdk.json does not have, is refused', (stage) => {
  expect(() => stagesOf(cdkJson).stackName(stage)).toThrow(
    new InputError(`--stage is "${stage}", but must be one of cdk.json's stages: production, dev, eu.`),
  );
});

describe('an address on this machine', () => {
  test.each(['http://127.0.0.1:4566', 'http://localhost:4566', 'http://[::1]:4566', 'http://127.9.9.9'])(
    '%s needs neither credentials nor a region',
    (endpointUrl) => {
      expect(clientConfig({ endpointUrl }, {})).toMatchObject({
        endpoint: endpointUrl,
        region: 'us-east-1',
        credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      });
    },
  );

  test('may come from the environment', () => {
    expect(clientConfig({}, { AWS_ENDPOINT_URL: 'http://localhost:4566' })).toMatchObject({
      endpoint: 'http://localhost:4566',
      region: 'us-east-1',
    });
  });

  test('gets the credentials that stand in the environment, and no others', () => {
    const config = clientConfig({ endpointUrl: 'http://localhost:4566' }, { AWS_ACCESS_KEY_ID: 'id' });
    expect(config).not.toHaveProperty('credentials');
  });
});

test.each(['http://sqs.example.com', 'https://127.0.0.1.example.com', 'https://localhost.example.com'])(
  '%s is no address on this machine',
  (endpointUrl) => {
    const config = clientConfig({ endpointUrl }, {});
    expect(config).not.toHaveProperty('credentials');
    expect(config).not.toHaveProperty('region');
  },
);

test('AWS itself is called with what the SDK finds', () => {
  const config = clientConfig({}, { AWS_ENDPOINT_URL: '' });
  for (const key of ['endpoint', 'region', 'credentials', 'profile']) expect(config).not.toHaveProperty(key);
});

test("the region is the option's, then AWS_REGION, then AWS_DEFAULT_REGION", () => {
  const env = { AWS_REGION: 'eu-west-1', AWS_DEFAULT_REGION: 'eu-west-2' };
  expect(clientConfig({ region: 'eu-central-1' }, env).region).toBe('eu-central-1');
  expect(clientConfig({}, env).region).toBe('eu-west-1');
  expect(clientConfig({}, { AWS_DEFAULT_REGION: 'eu-west-2' }).region).toBe('eu-west-2');
});

test.each(['127.0.0.1:4566', 'ftp://127.0.0.1', 'nowhere'])('the address %s is refused', (endpointUrl) => {
  expect(() => clientConfig({ endpointUrl }, {})).toThrow('--endpoint-url is');
});

describe('an error is told in one line', () => {
  const named = (name: string, message: string, fields: object = {}) =>
    Object.assign(new Error(message), { name }, fields);

  test.each([
    [named('CredentialsProviderError', 'Could not load'), 'No AWS credentials were found: set AWS_PROFILE'],
    [named('Error', 'Region is missing'), 'No AWS region is set: add --region'],
    [
      named('ExpiredTokenException', 'expired'),
      'AWS refuses the credentials (ExpiredTokenException): renew them',
    ],
    [
      named('AccessDeniedException', 'User x may not\n  do y'),
      'The credentials do not allow it: User x may not do y',
    ],
    [
      named('Error', 'connect', { code: 'ECONNREFUSED' }),
      'Nothing answers at http://127.0.0.1:1: start the local run',
    ],
    [
      named('AggregateError', '', { errors: [named('Error', '', { code: 'ECONNREFUSED' })] }),
      'Nothing answers at http://127.0.0.1:1',
    ],
    [new InputError('--from is wrong'), '--from is wrong'],
  ])('%s is for the operator to mend: exit code 2', (error, line) => {
    const explanation = explain(error, 'http://127.0.0.1:1');
    expect(explanation).toEqual({ line: expect.stringContaining(line), exitCode: EXIT.input });
    expect(explanation.line).not.toContain('\n');
  });

  test('without an address of its own, AWS cannot be reached', () => {
    expect(explain(named('Error', 'x', { code: 'ENOTFOUND' })).line).toBe(
      'AWS cannot be reached (ENOTFOUND): check the network and the region.',
    );
  });

  test.each([
    [named('InternalFailure', 'broken\nagain'), 'InternalFailure: broken again'],
    ['text', 'text'],
  ])('%s is a failure: exit code 1', (error, line) => {
    expect(explain(error)).toEqual({ line, exitCode: EXIT.failed });
  });
});

describe('the deployed stack', () => {
  const described = (outputs = '') =>
    `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>s</StackName>${outputs}</member></Stacks></DescribeStacksResult></DescribeStacksResponse>`;
  const output = (key: string, value: string) =>
    `<Outputs><member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member></Outputs>`;
  const resource = (type: string, id: string) =>
    `<member><ResourceType>${type}</ResourceType>${id && `<PhysicalResourceId>${id}</PhysicalResourceId>`}</member>`;
  const listed = (members: string, next = '') =>
    `<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>${members}</StackResourceSummaries>${next && `<NextToken>${next}</NextToken>`}</ListStackResourcesResult></ListStackResourcesResponse>`;
  const find = (script: Script, options: StackOptions = {}) =>
    findStack(options, stagesOf(cdkJson), {}, new ScriptedAws(script).clientConfig);

  test('has what CloudFormation lists on all pages, and nothing whose creation failed', async () => {
    const stack = await find({
      DescribeStacks: described(output('EventBusName', 'bus')),
      ListStackResources: (_, call) =>
        call === 0
          ? listed(resource('AWS::Lambda::Function', 'f') + resource('AWS::Lambda::Function', ''), 'next')
          : listed(resource('AWS::SQS::Queue', 'https://sqs/1/event-driven-q')),
    });
    expect(stack.name).toBe('event-driven');
    expect(stack.output('EventBusName')).toBe('bus');
    expect(stack.functions).toEqual(['f']);
    expect(stack.queueUrl('event-driven-q')).toBe('https://sqs/1/event-driven-q');
    expect(stack.shortName('event-driven-q')).toBe('q');
    expect(stack.shortName('other-q')).toBe('other-q');
  });

  test('without outputs names the first that is needed, and the command of its stage that makes it', async () => {
    const script = { DescribeStacks: described(), ListStackResources: listed('') };
    const stack = await find(script, { stage: 'dev' });
    expect(() => stack.output('EventBusName')).toThrow(
      'Stack event-driven-dev has no output EventBusName: deploy it again with npx cdk deploy -c stage=dev.',
    );
  });

  test('that is not there is told with the region that was looked in', async () => {
    const script = { DescribeStacks: new Refusal('ValidationError', 'Stack s does not exist') };
    await expect(find(script)).rejects.toThrow(
      'Stack event-driven (stage production) is not deployed at us-east-1: deploy it with npx cdk deploy, or name',
    );
  });

  test('that may not be looked at is another error', async () => {
    const script = { DescribeStacks: new Refusal('AccessDenied', 'may not') };
    await expect(find(script)).rejects.toThrow('may not');
  });
});

test('a profile is taken', () => {
  expect(clientConfig({ profile: 'dev' }, {})).toMatchObject({ profile: 'dev' });
});

describe('the help', () => {
  test('names the entity of the app', () => {
    const app = { ...APP, entity: { ...(APP.entity as Entity), name: 'parcel' } };
    const trace = opsCommand(app, stagesOf(cdkJson)).commands.find((each) => each.name() === 'trace');
    expect(trace?.helpInformation()).toContain('parcel id or correlation id');
  });

  test('of an app without one speaks of events', () => {
    const command = opsCommand(UNDESCRIBED, stagesOf(cdkJson));
    const help = (name: string) => command.commands.find((each) => each.name() === name)?.helpInformation();
    expect(help('trace')).toContain('event id or correlation id');
    expect(help('tail')).toMatch(/failed, rule=NAME, function=NAME; of several/);
  });
});

describe('a failure of a command', () => {
  const command = opsCommand(APP, stagesOf(cdkJson));
  test.each([
    ['a type error', new TypeError('x is not a function'), undefined],
    ['bad input', new InputError('no'), { line: 'error: no', exitCode: 2 }],
    [
      'an answer that the SDK cannot read',
      Object.assign(new SyntaxError('Unexpected token <'), { $metadata: {} }),
      { line: 'error: SyntaxError: Unexpected token <', exitCode: 1 },
    ],
  ])('%s is a defect of the program only if no service answered', (_, error, explanation) => {
    expect(explainFailure(command, error)).toEqual(explanation);
  });
});
