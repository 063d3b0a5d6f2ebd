/**
 * Hosts that a handler can reach: the endpoint, the hosts that were allowed, and nothing of the developer's settings.
 */
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { ManualClock } from '../../../../tools/local/services/clock';
import { SystemWorld } from '../../../../tools/local/services/world';
import { LocalStack } from '../../../../tools/local/stack';
import type { TimedStep } from '../../../../tools/local/steps';
import { assemblyOf, functionResources, temporaryDirectory } from '../../template/template';

const running: LocalStack[] = [];
afterEach(() => Promise.all(running.splice(0).map((stack) => stack.stop())));

async function start(code: string, properties: object = {}, allowEgress: readonly string[] = []) {
  const table = {
    Type: 'AWS::DynamoDB::Table',
    Properties: {
      TableName: 'orders',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    },
  };
  const statements = [{ Effect: 'Allow', Action: 'dynamodb:PutItem', Resource: '*' }];
  const assembly = assemblyOf(
    { ...functionResources('Worker', properties, statements), Orders: table },
    { Worker: { 'index.js': code } },
  );
  const steps: TimedStep[] = [];
  const stack = await LocalStack.start({
    assembly,
    world: new SystemWorld(new ManualClock(Date.UTC(2026, 0, 15))),
    port: 0,
    allowEgress,
    onStep: (step) => void steps.push(step),
  });
  running.push(stack);
  const [worker] = stack.functions;
  const call = async (event: object = {}) => {
    const { payload } = (await worker?.invoke(JSON.stringify(event))) ?? { payload: 'null' };
    return JSON.parse(payload);
  };
  return { stack, steps, call };
}

/** Ways of a program to a host; each gives the message of what it fails with. */
const WAYS = `
  const message = (work) => new Promise((resolve) => work(resolve)).then((each) => each.message ?? each, (each) => each.message);
  const cause = (error) => error.cause ?? error;
  const ways = {
    fetch: (host, done) => fetch('https://' + host + '/').then(() => done('reached'), (error) => done(cause(error))),
    https: (host, done) => require('node:https').get('https://' + host + '/', () => done('reached')).on('error', done),
    http2: (host, done) => require('node:http2').connect('https://' + host).on('error', done),
    tls: (host, done) => require('node:tls').connect({ host, port: 443 }).on('error', done),
    net: (host, done) => require('node:net').connect(443, host, () => done('reached')).on('error', done),
    udp: (host, done) => {
      const socket = require('node:dgram').createSocket('udp4');
      socket.send('hello', 443, host, (error) => { socket.close(); done(error ?? 'reached'); });
    },
    thread: (host, done) => {
      const source = 'fetch("https://' + host + ':443/").catch((error) => require("node:worker_threads").parentPort.postMessage(error.cause.message))';
      new (require('node:worker_threads').Worker)(source, { eval: true }).on('message', done);
    },
    fork: (host, done) => {
      require('node:fs').writeFileSync('/tmp/' + process.pid + '.js', 'fetch("https://' + host + ':443/").catch((error) => process.send(error.cause.message, () => process.disconnect()))');
      require('node:child_process').fork('/tmp/' + process.pid + '.js').on('message', (text) => { require('node:fs').rmSync('/tmp/' + process.pid + '.js'); done(text); });
    },
  };`;

describe('a handler', () => {
  test('reaches no host but the endpoint, whichever way it tries, and is told which', async () => {
    const { call, steps } = await start(
      `${WAYS} exports.handler = async ({ host }) => Object.fromEntries(await Promise.all(
        Object.entries(ways).map(async ([name, way]) => [name, await message((done) => way(host, done))])));`,
      { Timeout: 20 },
    );
    const messages: Record<string, string> = await call({ host: 'tracker.example.com' });
    for (const [way, message] of Object.entries(messages)) {
      const expected = `The local run lets no handler reach tracker.example.com${way === 'udp' ? '' : ':443'}. Start it with --allow-egress tracker.example.com to allow it.`;
      expect({ way, message }).toEqual({ way, message: expected });
    }
    expect(Object.keys(messages)).toHaveLength(8);
    expect(steps).toContainEqual(
      expect.objectContaining({
        kind: 'egress-refused',
        function: 'worker',
        host: 'tracker.example.com:443',
        requestId: expect.any(String),
      }),
    );
  });

  test('reaches a host that was allowed, by that name alone', async () => {
    const server = http.createServer((_, response) => response.end('hello')).listen(0);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const { call } = await start(
        `exports.handler = async ({ hosts }) => Promise.all(hosts.map((host) =>
          fetch('http://' + host + '/').then((response) => response.text(), (error) => error.cause.message)));`,
        {},
        ['localhost'],
      );
      expect(await call({ hosts: [`localhost:${port}`, `127.0.0.1:${port}`] })).toEqual([
        'hello',
        `The local run lets no handler reach 127.0.0.1:${port}. Start it with --allow-egress 127.0.0.1 to allow it.`,
      ]);
    } finally {
      server.close();
    }
  });

  test("writes to the local table, however hostile the developer's or the template's AWS settings are", async () => {
    const home = temporaryDirectory();
    const config = path.join(home, '.aws', 'config');
    fs.mkdirSync(path.dirname(config));
    fs.writeFileSync(
      config,
      '[default]\nignore_configured_endpoint_urls = true\nregion = eu-west-1\nuse_fips_endpoint = true\n' +
        'endpoint_url = https://evil.example.com\n[profile work]\nignore_configured_endpoint_urls = true\n',
    );
    const hostile = {
      AWS_CONFIG_FILE: config,
      AWS_SHARED_CREDENTIALS_FILE: config,
      AWS_PROFILE: 'work',
      AWS_ENDPOINT_URL: 'https://evil.example.com',
      AWS_ENDPOINT_URL_DYNAMODB: 'https://dynamodb.us-east-1.amazonaws.com',
      AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true',
      AWS_USE_FIPS_ENDPOINT: 'true',
    };
    const before = { ...process.env };
    Object.assign(process.env, hostile, { HOME: home });
    try {
      const sdk = JSON.stringify(require.resolve('@aws-sdk/client-dynamodb'));
      const { call, stack } = await start(
        `const { DynamoDBClient, PutItemCommand } = require(${sdk});
        exports.handler = async () => {
          await new DynamoDBClient({ maxAttempts: 1 }).send(
            new PutItemCommand({ TableName: 'orders', Item: { id: { S: '1' } } }));
          return require('node:fs').existsSync(require('node:os').homedir());
        };`,
        { Environment: { Variables: hostile }, Timeout: 20 },
      );
      expect(await call()).toBe(false);
      expect(await stack.tables.request('Scan', { TableName: 'orders' })).toMatchObject({ Count: 1 });
    } finally {
      for (const name of Object.keys(hostile)) delete process.env[name];
      Object.assign(process.env, before);
    }
  });

  test("sees no variable of the developer's shell but PATH", async () => {
    process.env.MY_SECRET_TOKEN = 'abc';
    const { call } = await start('exports.handler = async () => Object.entries(process.env);');
    delete process.env.MY_SECRET_TOKEN;
    const same = (await call()).filter(([name, value]: [string, string]) => process.env[name] === value);
    expect(same.filter(([name]: [string]) => !/^(LANG|AWS_SDK_JS_NODE_VERSION.*)$/.test(name))).toEqual([
      ['PATH', process.env.PATH],
    ]);
  });
});
