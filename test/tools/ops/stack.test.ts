import { stagesOf } from '../../../bin/stages';
import { parseStage } from '../../../lib/config';
import { EXIT, explain, InputError } from '../../../tools/cli/errors';
import { clientConfig } from '../../../tools/ops/stack';

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
