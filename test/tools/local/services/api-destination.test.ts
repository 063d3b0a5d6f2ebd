/** Events that EventBridge sends to an HTTP endpoint: what it gets, how often, and what happens to its answers. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { ManualClock } from '../../../../tools/local/services/clock';
import { SystemWorld } from '../../../../tools/local/services/world';
import { LocalStack } from '../../../../tools/local/stack';
import type { TimedStep } from '../../../../tools/local/steps';
import { assemblyOf } from '../../template/template';

interface Received {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let server: Server;
let received: Received[];
/** Answers to the next requests; 200 for all others. */
let answers: number[];
/** Bodies of the next answers; none for all others. */
let texts: string[];
let stack: LocalStack | undefined;
beforeEach(async () => {
  received = [];
  answers = [];
  texts = [];
  server = createServer(async (request, response) => {
    const { url = '', headers } = request;
    received.push({ url, headers, body: await text(request) });
    if (url === '/token') response.end(JSON.stringify({ access_token: `token-${received.length}` }));
    else response.writeHead(answers.shift() ?? 200).end(texts.shift());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  await stack?.stop();
  stack = undefined;
  server.close();
});

const port = () => (server.address() as AddressInfo).port;
const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const SECRET = '{{resolve:secretsmanager:shop/carrier:SecretString:::}}';
const API_KEY = { ApiKeyAuthParameters: { ApiKeyName: 'X-Api-Key', ApiKeyValue: SECRET } };

async function start(
  auth: object,
  options: { rate?: number; allowEgress?: string[]; target?: object; actions?: string } = {},
) {
  const { rate, allowEgress = ['127.0.0.1'], target = {}, actions = 'events:InvokeApiDestination' } = options;
  const clock = new ManualClock(Date.UTC(2026, 0, 15, 10));
  const steps: TimedStep[] = [];
  const trust = { Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const allowed = { Effect: 'Allow', Action: actions, Resource: '*' };
  const assembly = assemblyOf({
    Connection: {
      Type: 'AWS::Events::Connection',
      Properties: { Name: 'carrier', AuthorizationType: 'ANY', AuthParameters: auth },
    },
    Carrier: {
      Type: 'AWS::Events::ApiDestination',
      Properties: {
        Name: 'carrier',
        ConnectionArn: arnOf('Connection'),
        HttpMethod: 'POST',
        InvocationEndpoint: `http://127.0.0.1:${port()}/orders/*`,
        ...(rate !== undefined && { InvocationRateLimitPerSecond: rate }),
      },
    },
    Role: {
      Type: 'AWS::IAM::Role',
      Properties: {
        RoleName: 'delivers',
        AssumeRolePolicyDocument: { Statement: [trust] },
        Policies: [{ PolicyName: 'p', PolicyDocument: { Statement: [allowed] } }],
      },
    },
    Dead: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'dead' } },
    May: {
      Type: 'AWS::SQS::QueuePolicy',
      Properties: {
        Queues: [{ Ref: 'Dead' }],
        PolicyDocument: {
          Statement: [
            {
              ...{ Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' } },
              ...{ Action: 'sqs:SendMessage', Resource: '*' },
            },
          ],
        },
      },
    },
    Placed: {
      Type: 'AWS::Events::Rule',
      Properties: {
        Name: 'placed',
        EventPattern: { source: ['app'] },
        Targets: [
          {
            ...{ Id: 'Carrier', Arn: arnOf('Carrier'), RoleArn: arnOf('Role'), InputPath: '$.detail' },
            RetryPolicy: { MaximumRetryAttempts: 2 },
            DeadLetterConfig: { Arn: arnOf('Dead') },
            ...target,
          },
        ],
      },
    },
  });
  const started = await LocalStack.start({
    assembly,
    world: new SystemWorld(clock),
    port: 0,
    allowEgress,
    onStep: (step) => void steps.push(step),
  });
  stack = started;
  const put = async (...details: object[]) => {
    started.eventBridge.putEvents(
      details.map((detail) => ({ Source: 'app', DetailType: 'Placed', Detail: JSON.stringify(detail) })),
    );
    await started.settled();
  };
  /** Lets the time pass until nothing waits. */
  const settle = async () => {
    while (started.waitingForRetry > 0) {
      await clock.advance(1_000);
      await started.settled();
    }
  };
  const kinds = () => steps.map(({ kind }) => kind);
  return { started, clock, steps, put, settle, kinds };
}

test.each<[string, object, object]>([
  ['an API key', API_KEY, { 'x-api-key': 'local:shop/carrier' }],
  [
    'a user and a password',
    { BasicAuthParameters: { Username: 'shop', Password: SECRET } },
    { authorization: `Basic ${Buffer.from('shop:local:shop/carrier').toString('base64')}` },
  ],
])("the endpoint gets the target's input with %s and EventBridge's headers", async (_, auth, headers) => {
  const { put, steps } = await start(auth, {
    target: {
      HttpParameters: {
        PathParameterValues: ['new'],
        HeaderParameters: { 'X-Shop': 'books' },
        QueryStringParameters: { test: 'yes' },
      },
    },
  });
  await put({ id: 7 });
  expect(received).toMatchObject([
    {
      url: '/orders/new?test=yes',
      body: '{"id":7}',
      headers: {
        ...headers,
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'Amazon/EventBridge/ApiDestinations',
        range: 'bytes=0-1048575',
        'x-shop': 'books',
      },
    },
  ]);
  expect(steps).toContainEqual(expect.objectContaining({ kind: 'delivered', target: 'Carrier', attempt: 1 }));
});

test('a token is fetched once with client credentials, and again when it is refused', async () => {
  const { put, settle } = await start({
    OAuthParameters: {
      AuthorizationEndpoint: `http://127.0.0.1:${port()}/token`,
      ClientParameters: { ClientID: 'shop', ClientSecret: SECRET },
      HttpMethod: 'POST',
    },
  });
  for (const id of [1, 2, 3]) {
    if (id === 3) answers = [401];
    await put({ id });
    await settle();
  }
  expect(received.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ['/token', `Basic ${Buffer.from('shop:local:shop/carrier').toString('base64')}`],
    ['/orders/', 'Bearer token-1'],
    ['/orders/', 'Bearer token-1'],
    ['/orders/', 'Bearer token-1'],
    ['/token', expect.any(String)],
    ['/orders/', 'Bearer token-5'],
  ]);
  expect(Object.fromEntries(new URLSearchParams(received[0]?.body))).toMatchObject({
    grant_type: 'client_credentials',
    client_id: 'shop',
  });
});

test.each([409, 429, 500, 503])('an answer of %d is tried again', async (status) => {
  answers = [status];
  const { put, settle, steps } = await start(API_KEY);
  await put({ id: 7 });
  await settle();
  expect(received).toHaveLength(2);
  expect(steps).toContainEqual(expect.objectContaining({ kind: 'delivered', attempt: 2 }));
});

test('what fails at every try, or is refused, goes to the dead-letter queue', async () => {
  answers = [500, 500, 500, 404];
  const { started, put, settle } = await start(API_KEY);
  await put({ id: 1 });
  await settle();
  await put({ id: 2 });
  expect(received).toHaveLength(4);
  const [queue] = started.queues;
  expect(queue?.peek().map(({ attributes }) => attributes.ERROR_MESSAGE?.StringValue)).toEqual([
    expect.stringContaining('answered 500'),
    expect.stringContaining('answered 404'),
  ]);
});

test('no more requests a second are made than the rate', async () => {
  const { put, clock, started, settle } = await start(API_KEY, { rate: 2 });
  await put({ id: 1 }, { id: 2 }, { id: 3 });
  expect(received).toHaveLength(1);
  await clock.advance(500);
  await started.settled();
  expect(received).toHaveLength(2);
  await settle();
  expect(received.map(({ body }) => body).sort()).toEqual(['{"id":1}', '{"id":2}', '{"id":3}']);
});

test('a host that is not allowed is not called, and the event is recorded', async () => {
  const { put, steps, started } = await start(API_KEY, { allowEgress: [] });
  await put({ id: 7 });
  expect(received).toEqual([]);
  expect(steps).toContainEqual(expect.objectContaining({ kind: 'delivered', isRecorded: true }));
  expect(started.notices.join()).toContain('is no target that runs here');
});

test('an endpoint that the role may not call is not called', async () => {
  const { put, kinds } = await start(API_KEY, { actions: 'events:PutEvents' });
  await put({ id: 7 });
  expect(received).toEqual([]);
  expect(kinds()).toContain('dead-lettered');
});

test('a connection without parameters sends what nobody has to know', async () => {
  const { put } = await start({});
  await put({ id: 7 });
  expect(received.map(({ headers }) => [headers.authorization, headers['x-api-key']])).toEqual([
    [undefined, undefined],
  ]);
});

test.each([['no JSON'], ['{"token": 1}'], ['null']])(
  'an authorization endpoint that answers %s gives no token',
  async (answer) => {
    const { put, settle, steps } = await start({
      OAuthParameters: {
        ...{ AuthorizationEndpoint: `http://127.0.0.1:${port()}/other`, HttpMethod: 'POST' },
        ClientParameters: { ClientID: 'id', ClientSecret: SECRET },
      },
    });
    texts = Array(3).fill(answer);
    await put({ id: 7 });
    await settle();
    expect(received.map(({ url }) => url)).toEqual(Array(3).fill('/other'));
    expect(steps).toContainEqual(expect.objectContaining({ kind: 'dead-lettered' }));
  },
);

test('an endpoint that does not answer is tried again', async () => {
  const { put, settle, steps } = await start(API_KEY);
  server.close();
  server.closeAllConnections();
  await put({ id: 7 });
  await settle();
  expect(steps).toContainEqual(
    expect.objectContaining({
      kind: 'dead-lettered',
      attributes: expect.objectContaining({ RETRY_ATTEMPTS: '2' }),
    }),
  );
});
