/** Requests that a web page could send to the endpoint, and their answers. */
import { createAnswer, type Handler } from '../../../../tools/local/endpoint/answer';
import { encodeCbor } from '../../../../tools/local/endpoint/cbor';
import type { HttpRequest, Reply } from '../../../../tools/local/endpoint/http';
import { SystemWorld } from '../../../../tools/local/services/world';
import { Policies } from '../../../../tools/template/policies';
import { type RunningStack, startStack } from './stack';

let running: RunningStack;
let answer: Handler;
const page = jest.fn(async (): Promise<Reply> => ({ status: 200, headers: {}, body: 'a page' }));
beforeAll(async () => {
  running = await startStack();
  const { stack } = running;
  answer = createAnswer(
    {
      ...stack,
      ...{ assembly: stack.assembly, eventBridge: stack.eventBridge, tables: stack.tables },
      world: new SystemWorld({ now: Date.now, after: () => ({ cancel() {} }) }),
      startedAt: Date.now(),
      policies: () => new Policies(stack.assembly),
    },
    {
      allowedOrigins: ['https://shop.example'],
      allowedHosts: ['Stack.internal'],
      handlers: { '/_page': page },
    },
  );
});
afterEach(() => page.mockClear());
afterAll(() => running.stop());

const AUTHORIZATION =
  'AWS4-HMAC-SHA256 Credential=developer/20260101/us-east-1/SERVICE/aws4_request, SignedHeaders=host, Signature=x';

interface Sent {
  method?: string;
  url?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

function send({ method = 'POST', url = '/', headers = {}, body = '' }: Sent): Promise<Reply> {
  const { pathname, searchParams } = new URL(url, 'http://127.0.0.1');
  const request: HttpRequest = {
    ...{ method, path: pathname, query: searchParams, body: Buffer.from(body) },
    headers: { host: '127.0.0.1:4566', ...headers },
  };
  return answer(request, { requestId: 'id', signal: new AbortController().signal });
}

/** Lists queues, as every client does it. */
const LIST: Sent = {
  headers: { authorization: AUTHORIZATION, 'x-amz-target': 'AmazonSQS.ListQueues' },
  body: '{}',
};
const listWith = (headers: Record<string, string>) =>
  send({ ...LIST, headers: { ...LIST.headers, ...headers } });

test('a client of AWS that is no browser is answered', async () => {
  expect((await send(LIST)).status).toBe(200);
});

describe('a page is refused', () => {
  test.each([
    [{ origin: 'https://evil.example' }],
    [{ origin: 'null' }],
    [{ origin: 'http://127.0.0.1:3000' }],
    [{ origin: 'http://localhost:4566' }],
    [{ origin: 'https://127.0.0.1:4566' }],
    [{ origin: 'https://shop.example.evil.example' }],
    [{ origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }],
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site' }],
    [{ host: 'evil.example' }],
    [{ host: 'evil.example:4566', origin: 'http://evil.example:4566', 'sec-fetch-site': 'same-origin' }],
    [{ host: '127.0.0.1.evil.example' }],
    [{ host: '' }],
  ])('%j', async (headers) => {
    const { status, body } = await listWith(headers);
    expect(status).toBe(403);
    expect(JSON.parse(String(body)).__type).toBe('AccessDeniedException');
  });

  test('also if it asks for nothing but a page of the endpoint itself', async () => {
    const { status } = await send({ url: '/_page/state', headers: { origin: 'https://evil.example' } });
    expect(status).toBe(403);
    expect(page).not.toHaveBeenCalled();
  });
});

describe('what a page can send without a preflight has no effect, even from a browser that names no site', () => {
  const credential = (service: string) => `X-Amz-Credential=x/1/us-east-1/${service}/aws4_request`;
  test.each<[string, Sent]>([
    [
      'CBOR as text/plain',
      {
        url: `/service/GraniteServiceVersion20100801/operation/DescribeAlarms`,
        headers: { authorization: AUTHORIZATION, 'content-type': 'text/plain' },
        body: encodeCbor({}),
      },
    ],
    [
      'CBOR with the credential in the URL',
      {
        url: `/service/DynamoDB_20120810/operation/DeleteTable?${credential('SVC')}`,
        headers: { 'content-type': 'text/plain' },
        body: encodeCbor({ TableName: 'orders' }),
      },
    ],
    [
      'an image whose URL publishes',
      {
        method: 'GET',
        url: `/?Action=Publish&TopicArn=arn:aws:sns:us-east-1:000000000000:news&Message=hi&${credential('sns')}`,
      },
    ],
    [
      'an invocation with a payload of its own',
      {
        url: `/2015-03-31/functions/echo/invocations?${credential('lambda')}`,
        headers: { 'content-type': 'text/plain' },
        body: '{"evil":1}',
      },
    ],
    [
      'a form that purges a queue',
      {
        url: `/?${credential('sqs')}`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'Action=PurgeQueue&QueueUrl=http://127.0.0.1:4566/000000000000/inbox',
      },
    ],
  ])('%s', async (_, request) => {
    const before = running.steps.length;
    expect((await send(request)).status).toBeGreaterThanOrEqual(400);
    await running.stack.settled();
    expect(running.steps.slice(before)).toEqual([]);
    const withSite = { ...request.headers, 'sec-fetch-site': 'cross-site' };
    expect((await send({ ...request, headers: withSite })).status).toBe(403);
  });
});

describe('let in are', () => {
  test.each(['localhost', 'localhost:4566', '[::1]:4566', 'lake.localhost:4566', 'stack.internal:80'])(
    'the host %s',
    async (host) => {
      expect((await listWith({ host })).status).toBe(200);
    },
  );

  test("a page of the endpoint's own, and what a user types into the address bar", async () => {
    const own = { origin: 'http://127.0.0.1:4566', 'sec-fetch-site': 'same-origin' };
    for (const headers of [own, { 'sec-fetch-site': 'none' }] as Record<string, string>[]) {
      expect(await send({ method: 'GET', url: '/_page/state', headers })).toMatchObject({
        status: 200,
        body: 'a page',
      });
    }
    expect((await send({ method: 'GET', url: '/_pages' })).status).toBe(403);
  });

  test('a web app whose origin is allowed, which can read the answer', async () => {
    const origin = 'https://shop.example';
    const headers = { origin, 'sec-fetch-site': 'cross-site' };
    expect(await listWith(headers)).toMatchObject({
      status: 200,
      headers: { 'access-control-allow-origin': origin },
    });
    const preflight = {
      ...headers,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,x-amz-target',
    };
    expect(await send({ method: 'OPTIONS', headers: preflight })).toMatchObject({
      status: 204,
      headers: {
        'access-control-allow-origin': origin,
        'access-control-allow-headers': 'authorization,x-amz-target',
      },
    });
  });
});

test('a refusal says which option would allow it', async () => {
  const message = async (headers: Record<string, string>) =>
    JSON.parse(String((await listWith(headers)).body)).message;
  expect(await message({ origin: 'https://evil.example' })).toContain('--allow-origin https://evil.example');
  expect(await message({ host: 'devbox:4566' })).toContain('--allow-host devbox');
});
