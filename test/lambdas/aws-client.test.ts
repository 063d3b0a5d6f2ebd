/** Clients of the handlers: what is settled once must not be what changes from call to call. */
import './environment';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { awsClient } from '../../lambdas/aws-client';
import { CLIENT_CONFIG } from '../../lambdas/client-config';
import { Sha256 } from '../../lambdas/sha256';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let server: Server;
let received: Received[] = [];
/** Errors that the next calls are answered with. */
let errors: string[] = [];
let credentials = { accessKeyId: 'AKIDFIRST', secretAccessKey: 'first' };
let client: DynamoDBClient;
const environment = { ...process.env };

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const body = await text(request);
    received.push({ headers: request.headers, body });
    const type = errors.shift();
    response.statusCode = type === 'InternalServerError' ? 500 : type ? 400 : 200;
    response.end(JSON.stringify(type ? { __type: type } : { Item: JSON.parse(body).Key }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = awsClient(
    new DynamoDBClient({
      ...CLIENT_CONFIG,
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      credentialDefaultProvider: () => async () => credentials,
    } as object),
  );
});
afterAll(() => {
  client.destroy();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  received = [];
  errors = [];
});
afterEach(() => {
  process.env = { ...environment };
});

const get = (id: string) => client.send(new GetItemCommand({ TableName: 't', Key: { id: { S: id } } }));

/** Signature of a request, by the description of AWS (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). */
function signatureOf({ headers, body }: Received, secret: string): string {
  const [, scope = '', signed = ''] =
    /Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+)/.exec(headers.authorization ?? '') ?? [];
  const sha256 = (data: string) => createHash('sha256').update(data).digest('hex');
  const lines = signed.split(';').map((name) => `${name}:${headers[name]}\n`);
  const request = ['POST', '/', '', lines.join(''), signed, sha256(body)].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(request)].join('\n');
  const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();
  return hmac(scope.split('/').reduce<string | Buffer>(hmac, `AWS4${secret}`), toSign).toString('hex');
}

test('each call has its own input and its own answer, those at the same time as well', async () => {
  const ids = ['one', 'two', 'three', 'four'];
  const [first, ...others] = ids;
  expect((await get(`${first}`)).Item).toEqual({ id: { S: first } });
  const answers = await Promise.all(others.map(get));
  expect(answers.map(({ Item }) => Item?.id?.S)).toEqual(others);
});

test('each call is signed with the credentials of its time', async () => {
  for (const [accessKeyId, secretAccessKey] of [
    ['AKIDFIRST', 'first'],
    ['AKIDNEXT', 'next'],
    ['AKIDFIRST', 'first'],
  ] as const) {
    credentials = { accessKeyId, secretAccessKey };
    received = [];
    await get('signed');
    const [request] = received as [Received];
    expect(request.headers.authorization).toContain(`Credential=${accessKeyId}/`);
    expect(request.headers.authorization).toMatch(
      new RegExp(`Signature=${signatureOf(request, secretAccessKey)}$`),
    );
  }
});

test('each call has the trace of its event', async () => {
  process.env.AWS_LAMBDA_FUNCTION_NAME = 'some-function';
  for (const trace of ['Root=1-1', 'Root=1-2']) {
    process.env._X_AMZN_TRACE_ID = trace;
    await get('traced');
  }
  expect(received.map(({ headers }) => headers['x-amzn-trace-id'])).toEqual(['Root=1-1', 'Root=1-2']);
});

test('all calls tell the SDK and its version', async () => {
  await get('one');
  await client.send(new PutItemCommand({ TableName: 't', Item: { id: { S: 'one' } } }));
  await get('two');
  const agents = new Set(received.map(({ headers }) => headers['user-agent']));
  expect([...agents]).toEqual([expect.stringMatching(/^aws-sdk-js\/[\d.]+ .*lang\/js .*api\/dynamodb#/)]);
});

test('a call is tried again with a new signature, and fails with the error of the service', async () => {
  errors = ['InternalServerError'];
  expect((await get('again')).$metadata.attempts).toBe(2);
  expect(new Set(received.map(({ headers }) => headers['amz-sdk-request']))).toHaveProperty('size', 2);
  for (const request of received)
    expect(request.headers.authorization).toContain(signatureOf(request, credentials.secretAccessKey));
  errors = ['ConditionalCheckFailedException'];
  await expect(get('refused')).rejects.toBeInstanceOf(ConditionalCheckFailedException);
});

test("the hash is Node's, with any key or none, whatever the parts of its data", async () => {
  const key = fc.oneof(fc.constant(undefined), fc.string(), fc.uint8Array({ maxLength: 100 }));
  await fc.assert(
    fc.asyncProperty(key, fc.array(fc.uint8Array(), { maxLength: 3 }), async (secret, parts) => {
      const expected = secret ? createHmac('sha256', secret) : createHash('sha256');
      const hash = new Sha256(secret);
      for (const part of parts) {
        expected.update(part);
        hash.update(part);
      }
      const digest = expected.digest();
      expect(Buffer.from(await hash.digest())).toEqual(digest);
      // The same prepared key again; and the key of an `ArrayBuffer`.
      const again = new Sha256(secret instanceof Uint8Array ? secret.slice().buffer : secret);
      again.update(Buffer.from('forgotten'));
      again.reset();
      again.update(Buffer.concat(parts));
      expect(Buffer.from(await again.digest())).toEqual(digest);
    }),
  );
});
