/** Start of a function: its environment, its clients, its credentials. */
import './environment';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { CLIENT_CONFIG } from '../../lambdas/client-config';
import {
  type EnvironmentVariable,
  MissingEnvironmentVariableError,
  readEnvironment,
} from '../../lambdas/env';
import { defaultProvider } from '../../lambdas/environment-credentials';
import { AwsEndpoint } from './aws-endpoint';

const environment = { ...process.env };
afterEach(() => {
  process.env = { ...environment };
});

describe.each<[string, EnvironmentVariable[]]>([
  ['order-processor', ['TABLE_NAME']],
  ['notifier', ['TABLE_NAME', 'SNS_TOPIC_ARN', 'IDEMPOTENCY_TABLE_NAME']],
  ['analytics', ['FIREHOSE_STREAM', 'TABLE_NAME', 'REPORTS_TABLE_NAME', 'EVENT_BUS_NAME']],
  [
    'reminders',
    [
      ...(['TABLE_NAME', 'SNS_TOPIC_ARN', 'IDEMPOTENCY_TABLE_NAME', 'REMINDER_DAYS'] as const),
      ...(['REMINDER_GROUP_NAME', 'REMINDER_ROLE_ARN', 'REMINDER_BUS_ARN'] as const),
      ...(['REMINDER_DEAD_LETTER_QUEUE_ARN', 'REMINDER_RETRIES'] as const),
    ],
  ],
])('%s', (entry, variables) => {
  const load = () => jest.isolateModulesAsync(() => import(`../../lambdas/${entry}/handler`));

  test('starts with its environment', async () => {
    await expect(load()).resolves.toBeUndefined();
  });

  test.each(variables)('does not start without %s, and says so', async (variable) => {
    for (const value of [undefined, '']) {
      process.env = { ...environment };
      if (value === undefined) delete process.env[variable];
      else process.env[variable] = value;
      // Of another module registry than this file's: known by its name.
      await expect(load()).rejects.toMatchObject({
        name: 'MissingEnvironmentVariableError',
        message: `Environment variable ${variable} is not set; it must be a non-empty string.`,
      });
    }
  });
});

test('an environment variable is read as it is', () => {
  process.env.TABLE_NAME = 'some-table';
  expect(readEnvironment('TABLE_NAME')).toBe('some-table');
  delete process.env.TABLE_NAME;
  expect(() => readEnvironment('TABLE_NAME')).toThrow(MissingEnvironmentVariableError);
});

describe('the clients', () => {
  test('give up on a service that does not answer, with an error', async () => {
    const aws = await AwsEndpoint.start();
    aws.answerNext('ListTables', () => undefined);
    const requestHandler = { ...CLIENT_CONFIG.requestHandler, requestTimeout: 50 };
    const client = new DynamoDBClient({
      ...CLIENT_CONFIG,
      requestHandler,
      maxAttempts: 1,
      endpoint: aws.url,
    });
    await expect(client.send(new ListTablesCommand({}))).rejects.toMatchObject({ name: 'TimeoutError' });
    client.destroy();
    await aws.stop();
  });

  test('give up before the function does: the four calls of the notifier fit into its 40 s', () => {
    const { maxAttempts, requestHandler } = CLIENT_CONFIG;
    /** Longest pauses of the SDK between the attempts of a call: 100 and 200 ms. */
    const pauses = 300;
    expect(4 * (maxAttempts * requestHandler.requestTimeout + pauses)).toBeLessThan(40_000);
    expect(requestHandler.connectionTimeout).toBeLessThan(requestHandler.requestTimeout);
  });
});

describe('the credentials', () => {
  test('are those of the environment', async () => {
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' });
    delete process.env.AWS_SESSION_TOKEN;
    expect(await defaultProvider()()).toEqual({ accessKeyId: 'id', secretAccessKey: 'secret' });
    process.env.AWS_SESSION_TOKEN = 'token';
    expect(await defaultProvider()()).toEqual({
      accessKeyId: 'id',
      secretAccessKey: 'secret',
      sessionToken: 'token',
    });
  });

  test('that are missing are an error that names the variables', async () => {
    delete process.env.AWS_SECRET_ACCESS_KEY;
    await expect(defaultProvider()()).rejects.toThrow(
      'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set in the environment.',
    );
  });
});
