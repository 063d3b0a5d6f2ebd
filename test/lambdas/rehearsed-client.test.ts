/** A rehearsal seen from within: what a handler's client is answered, and what nobody else sees of it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { writeLog } from '../../lambdas/log';
import { isRehearsed, rehearsable, rehearse } from '../../lambdas/rehearsal';

let server: Server;
let requests: IncomingMessage[];
beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request);
    response.end(request.method === 'GET' ? 'healthy' : '{"Item":{"id":{"S":"real"}}}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  requests = [];
  process.env.AWS_LAMBDA_INITIALIZATION_TYPE = 'on-demand';
});
afterEach(() => {
  jest.restoreAllMocks();
  delete process.env.AWS_LAMBDA_INITIALIZATION_TYPE;
});

const config = () => ({
  endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  region: 'us-east-1',
  credentials: { accessKeyId: 'a', secretAccessKey: 's' },
});
const getItem = new GetItemCommand({ TableName: 'orders', Key: { id: { S: '1' } } });

test('a call is answered by what is made up, and sends nothing but an unsigned ping', async () => {
  const dynamodb = rehearsable(new DynamoDBClient(config()));
  const sns = rehearsable(new SNSClient(config()));
  const seen: unknown[] = [];
  const handler = async () => {
    const { Item } = await dynamodb.send(getItem);
    const { MessageId } = await sns.send(new PublishCommand({ TopicArn: 'arn:aws:sns:a:1:t', Message: 'm' }));
    seen.push(Item, MessageId, isRehearsed());
  };
  const answers = {
    GetItem: '{"Item":{"id":{"S":"made up"}}}',
    Publish: '<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>',
  };
  expect(await rehearse(handler, [{}], answers)).toBe(true);
  expect(seen).toEqual([{ id: { S: 'made up' } }, 'm-1', true]);
  expect(requests.map(({ method, url, headers }) => [method, url, headers.authorization])).toEqual([
    ['GET', '/ping', undefined],
    ['GET', '/ping', undefined],
  ]);
});

test('an operation without an answer gets an empty one, and a call outside of a rehearsal the real one', async () => {
  const dynamodb = rehearsable(new DynamoDBClient(config()));
  let item: unknown = 'unasked';
  const handler = async () => {
    item = (await dynamodb.send(getItem)).Item;
  };
  expect(await rehearse(handler, [{}])).toBe(true);
  expect(item).toBeUndefined();
  expect(isRehearsed()).toBe(false);
  expect((await dynamodb.send(getItem)).Item).toEqual({ id: { S: 'real' } });
});

test('a failure is nobody else’s, and no line of it is written', async () => {
  const write = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
  const handler = async () => {
    writeLog('ERROR', 'failed', {});
    throw new Error('failed');
  };
  expect(await rehearse(handler, [{}])).toBe(false);
  expect(write).not.toHaveBeenCalled();
});

test('nothing is rehearsed outside of Lambda, or while somebody debugs', async () => {
  const handler = jest.fn();
  const execArgv = process.execArgv;
  try {
    process.execArgv = [...execArgv, '--inspect=9229'];
    expect(await rehearse(handler, [{}])).toBe(false);
  } finally {
    process.execArgv = execArgv;
  }
  delete process.env.AWS_LAMBDA_INITIALIZATION_TYPE;
  expect(await rehearse(handler, [{}])).toBe(false);
  expect(handler).not.toHaveBeenCalled();
});
