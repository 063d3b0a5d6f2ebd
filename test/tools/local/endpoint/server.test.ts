/** The endpoint as a server: its port, and requests that no client of AWS's would send. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAnswer } from '../../../../tools/local/endpoint/answer';
import { decodeCbor, encodeCbor } from '../../../../tools/local/endpoint/cbor';
import { type Endpoint, startEndpoint } from '../../../../tools/local/endpoint/server';
import { SystemWorld } from '../../../../tools/local/services/world';
import { Policies } from '../../../../tools/template/policies';
import { type RunningStack, startStack } from './stack';

let running: RunningStack;
let endpoints: Endpoint[] = [];
beforeAll(async () => {
  running = await startStack();
});
afterEach(async () => {
  await Promise.all(endpoints.map((endpoint) => endpoint.close()));
  endpoints = [];
});
afterAll(() => running.stop());

async function start(port?: number): Promise<Endpoint> {
  const { stack } = running;
  const endpoint = await startEndpoint(
    {
      ...stack,
      ...{ assembly: stack.assembly, eventBridge: stack.eventBridge, tables: stack.tables },
      world: new SystemWorld({ now: Date.now, after: () => ({ cancel() {} }) }),
      startedAt: Date.now(),
      policies: () => new Policies(stack.assembly),
    },
    port === undefined ? {} : { port },
  );
  endpoints.push(endpoint);
  return endpoint;
}
const portOf = ({ url }: Endpoint) => Number(new URL(url).port);

interface Answer {
  status: number | undefined;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

const signedFor = (service: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=developer/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=x`,
});

function send(
  options: http.RequestOptions,
  body: string | Buffer = '',
  url = running.stack.url,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST', ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}
const json = ({ body }: Answer) => JSON.parse(body.toString());

describe('the port', () => {
  test('is the next free one from 4566 if none is asked for', async () => {
    const first = await start();
    const second = await start();
    expect(portOf(first)).toBeGreaterThanOrEqual(4566);
    expect(portOf(second)).toBeGreaterThan(portOf(first));
  });

  test('that is asked for and taken is an error that says so', async () => {
    const other = http.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(start(port)).rejects.toThrow(`Port ${port} on 127.0.0.1 is in use.`);
    await new Promise((resolve) => other.close(resolve));
    expect(portOf(await start(port))).toBe(port);
  });

  test('is free again after the end, and whoever waits for a message is answered before', async () => {
    const endpoint = await start(0);
    const headers = { ...signedFor('sqs'), 'x-amz-target': 'AmazonSQS.ReceiveMessage' };
    const body = JSON.stringify({ QueueUrl: 'failed', WaitTimeSeconds: 20 });
    const waiting = send({ headers }, body, endpoint.url);
    await send({ headers: { ...headers, 'x-amz-target': 'AmazonSQS.ListQueues' } }, '{}', endpoint.url);
    endpoints = [];
    await endpoint.close();
    expect(json(await waiting)).toEqual({});
    expect(portOf(await start(portOf(endpoint)))).toBe(portOf(endpoint));
  });
});

test('a request without credentials is refused, as by AWS', async () => {
  const answer = await send({ headers: { 'x-amz-target': 'AmazonSQS.ListQueues' } }, '{}');
  expect(answer.status).toBe(403);
  expect(json(answer)).toMatchObject({ __type: 'MissingAuthenticationTokenException' });
});

test('credentials in the query of a presigned URL count', async () => {
  const credential = 'X-Amz-Credential=developer%2F20260101%2Fus-east-1%2Fsns%2Faws4_request';
  const signed = 'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60';
  const signature = 'X-Amz-SignedHeaders=host&X-Amz-Signature=abc';
  const path = `/?Action=ListTopics&${credential}`;
  const answer = await send({ method: 'GET', path: `${path}&${signed}&${signature}` });
  expect(answer.status).toBe(200);
  expect(answer.body.toString()).toContain('<TopicArn>arn:aws:sns:us-east-1:000000000000:news</TopicArn>');
  expect((await send({ method: 'GET', path })).status).toBe(403);
});

test.each([
  [{ 'x-amz-target': 'AmazonSQS.ListQueues' }, '{"a":', 'SerializationException', 400],
  [{ 'x-amz-target': 'AmazonSQS.ListQueues' }, '[]', 'SerializationException', 400],
  [{ 'x-amz-target': 'AmazonSQS.constructor' }, '{}', 'UnknownOperationException', 400],
  [{ 'x-amz-target': 'AmazonSQS' }, '{}', 'UnknownOperationException', 400],
  [{ 'x-amz-target': 'Kinesis_20131202.ListStreams' }, '{}', 'UnknownOperationException', 400],
  [{ 'x-amz-target': 'DynamoDB_20120810.GetItem' }, '{}', 'ValidationException', 400],
])('%j with %s is %s', async (headers, body, type, status) => {
  const answer = await send({ headers: { ...signedFor('sqs'), ...headers } }, body);
  expect(answer.status).toBe(status);
  expect(json(answer).__type).toBe(type);
  expect(answer.headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/);
});

test('an operation of a service that the endpoint has not by CBOR is named', async () => {
  const headers = { ...signedFor('x'), 'content-type': 'application/cbor' };
  const answer = await send({ path: '/service/Unknown/operation/Do', headers });
  expect([answer.status, decodeCbor(answer.body)]).toEqual([
    ...[400, expect.objectContaining({ message: expect.stringContaining('Unknown.Do') })],
  ]);
});

test('an action of a service that is not signed for is named', async () => {
  const headers = { ...signedFor('iam'), 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await send({ headers }, 'Action=ListRoles&Version=2010-05-08');
  expect(answer.body.toString()).toContain(
    '<Message>The local run does not know the operation iam:ListRoles</Message>',
  );
});

test('a path with a malformed part is refused in the words of a service of REST', async () => {
  const path = '/2015-03-31/functions/%zz/invocations';
  const answer = await send({ path, headers: signedFor('lambda') }, '{}');
  expect([answer.status, answer.headers['x-amzn-errortype']]).toEqual([
    400,
    'InvalidRequestContentException',
  ]);
});

describe('a defect of the local run is an answer, by each protocol', () => {
  /** Services without a part that the operations below need. */
  const broken = () => {
    const { stack } = running;
    const parts = { assembly: stack.assembly, eventBridge: stack.eventBridge, tables: stack.tables };
    const services = {
      ...{ ...stack, ...parts, queues: undefined, topics: undefined, functions: undefined },
      ...{ world: new SystemWorld({ now: Date.now, after: () => ({ cancel() {} }) }), startedAt: Date.now() },
      policies: () => new Policies(stack.assembly),
    };
    return createAnswer(services as never, {
      handlers: {
        '/page': () => Promise.reject(new TypeError('a handler of the page')),
      },
    });
  };
  const ask = async (path: string, headers: Record<string, string>, body = '') => {
    const [name = '', search = ''] = path.split('?');
    const method = name === '/' || name === '/page' ? 'POST' : 'GET';
    const request = { method, path: name, query: new URLSearchParams(search), body: Buffer.from(body) };
    const context = { requestId: 'r', signal: new AbortController().signal };
    return broken()({ ...request, headers: { host: 'localhost', ...headers } }, context);
  };

  test.each<[string, string, Record<string, string>, string | RegExp]>([
    [
      'JSON',
      '/',
      { ...signedFor('sqs'), 'x-amz-target': 'AmazonSQS.ListQueues' },
      /"__type":"InternalFailure"/,
    ],
    ['query', '/?Action=ListTopics', signedFor('sns'), /<Type>Receiver<\/Type><Code>InternalFailure</],
    ['REST', '/2015-03-31/functions/', signedFor('lambda'), /"Type":"Service"/],
    ['the page', '/page', {}, /a handler of the page/],
  ])('%s', async (_, path, headers, body) => {
    const reply = await ask(path, headers, path === '/' ? '{}' : '');
    expect(reply).toMatchObject({ status: 500, body: expect.stringMatching(body) });
  });

  test('a request that names no host is not answered', async () => {
    expect(await ask('/', { host: undefined as never })).toMatchObject({ status: 403 });
  });
});

test('a body over 16 MB is refused', async () => {
  const headers = { ...signedFor('dynamodb'), 'x-amz-target': 'DynamoDB_20120810.PutItem' };
  const answer = await send({ headers }, Buffer.alloc(16 * 1024 * 1024 + 1, ' '));
  expect(answer.status).toBe(413);
});

test('a service of the query protocol that is not here is named', async () => {
  const headers = { ...signedFor('sts'), 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
  const answer = await send({ headers }, 'Action=AssumeRole&Version=2011-06-15');
  expect(answer.status).toBe(400);
  expect(answer.body.toString()).toContain(
    '<Code>InvalidAction</Code><Message>The local run does not know the operation sts:AssumeRole</Message>',
  );
});

test.each(['s3', 'apigateway'])('what is not here of a service of REST is named: %s', async (service) => {
  const answer = await send({ method: 'PUT', path: '/bucket/key', headers: signedFor(service) }, 'x');
  expect(answer.status).toBe(501);
  expect(answer.body.toString()).toContain(`${service}: PUT /bucket/key`);
});

test('a path that is no URL is answered', async () => {
  expect((await send({ path: '//', headers: signedFor('s3') })).status).toBe(501);
});

describe('CloudWatch by the protocols that boto3 and older clients speak', () => {
  const cbor = async (operation: string, input: unknown) => {
    const headers = {
      ...signedFor('monitoring'),
      'smithy-protocol': 'rpc-v2-cbor',
      'content-type': 'application/cbor',
    };
    const path = `/service/GraniteServiceVersion20100801/operation/${operation}`;
    const answer = await send({ path, headers }, Buffer.isBuffer(input) ? input : encodeCbor(input));
    expect(answer.headers['smithy-protocol']).toBe('rpc-v2-cbor');
    return { status: answer.status, headers: answer.headers, output: decodeCbor(answer.body) };
  };

  test('CBOR', async () => {
    const { status, output } = await cbor('DescribeAlarms', { AlarmNames: ['inbox-depth'] });
    expect(status).toBe(200);
    expect(output).toMatchObject({
      MetricAlarms: [
        {
          AlarmName: 'inbox-depth',
          StateUpdatedTimestamp: { tag: 1, value: expect.any(Number) },
          Threshold: 1,
        },
      ],
    });
  });

  test('errors in CBOR', async () => {
    const { status, headers, output } = await cbor('DescribeAlarms', { MaxRecords: 1000 });
    expect(status).toBe(400);
    expect(headers['x-amzn-query-error']).toBe('ValidationError;Sender');
    expect(output).toMatchObject({
      __type: 'ValidationError',
      message: expect.stringContaining('maxRecords'),
    });
    expect(await cbor('ListDashboards', {})).toMatchObject({
      output: { __type: 'UnknownOperationException' },
    });
    for (const body of [Buffer.from([0x81]), Buffer.from(`${'81'.repeat(300)}00`, 'hex')])
      expect(await cbor('DescribeAlarms', body)).toMatchObject({
        output: { __type: 'SerializationException' },
      });
  });

  test('query', async () => {
    const headers = { ...signedFor('monitoring'), 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await send(
      { headers },
      'Action=DescribeAlarms&Version=2010-08-01&AlarmNames.member.1=echo-errors&MaxRecords=5',
    );
    expect(answer.status).toBe(200);
    expect(answer.body.toString()).toMatch(
      /^<DescribeAlarmsResponse xmlns="http:\/\/monitoring\.amazonaws\.com\/doc\/2010-08-01\/"><DescribeAlarmsResult><MetricAlarms><member><AlarmName>echo-errors<\/AlarmName>/,
    );
  });
});

test('a connection that breaks off in the middle of a request does no harm', async () => {
  const request = http.request(running.stack.url, {
    method: 'POST',
    headers: { ...signedFor('sqs'), 'content-length': 1000 },
  });
  request.on('error', () => {});
  await new Promise((resolve) => request.write('{', resolve));
  request.destroy();
  const headers = { ...signedFor('sqs'), 'x-amz-target': 'AmazonSQS.ListQueues' };
  expect((await send({ headers }, '{}')).status).toBe(200);
});
