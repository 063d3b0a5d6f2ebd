import './environment';
import { DynamoDBClient, GetItemCommand, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { timed } from '../../lambdas/call-times';
import { CLIENT_CONFIG } from '../../lambdas/client-config';
import { observed } from '../../lambdas/telemetry';
import { AwsEndpoint } from './aws-endpoint';
import { invoke } from './invocation';

let aws: AwsEndpoint;
let dynamodb: DynamoDBClient;
let eventBridge: EventBridgeClient;
beforeAll(async () => {
  aws = await AwsEndpoint.start();
  const config = { ...CLIENT_CONFIG, endpoint: aws.url };
  dynamodb = timed(new DynamoDBClient(config));
  eventBridge = timed(new EventBridgeClient(config));
});
afterAll(async () => {
  dynamodb.destroy();
  eventBridge.destroy();
  await aws.stop();
});
beforeEach(() => aws.reset());

const publish = () => eventBridge.send(new PutEventsCommand({ Entries: [{ Detail: '{}' }] }));
const done = { outcome: 'stored', response: undefined };

test('a line has the time of each AWS call, and how many they were if more than one', async () => {
  aws.answerNext('ListTables', () => ({ body: { TableNames: [] } }));
  const handler = observed(async () => {
    await Promise.all([publish(), publish(), dynamodb.send(new ListTablesCommand({}))]);
    return done;
  });
  const [line] = (await invoke(handler, {})).lines;
  expect(line).toMatchObject({
    callMs: { PutEvents: expect.any(Number), ListTables: expect.any(Number) },
    callCounts: { PutEvents: 2 },
  });
  for (const ms of Object.values(line?.callMs as object)) expect(Number.isInteger(ms)).toBe(true);
});

test('a line of a failure has the time of the call that failed, with its retries', async () => {
  aws.answerNext('GetItem', ...Array.from({ length: 3 }, () => () => ({ error: 'InternalServerError' })));
  const input = { TableName: 't', Key: { id: { S: '1' } } };
  const handler = observed<never>(async () => dynamodb.send(new GetItemCommand(input)) as never);
  const { lines, error } = await invoke(handler, {});
  expect(error).toBeDefined();
  expect(aws.inputs('GetItem').length).toBeGreaterThan(0);
  expect(lines).toEqual([
    expect.objectContaining({ outcome: 'failed', callMs: { GetItem: expect.any(Number) } }),
  ]);
  expect(lines[0]).not.toHaveProperty('callCounts');
});

test('a line has only the calls of its own event, and none if there are none', async () => {
  const first = observed(async () => {
    await publish();
    return done;
  });
  const second = observed(async () => done);
  await publish();
  await Promise.all([invoke(first, {}), dynamodb.send(new ListTablesCommand({})).catch(() => {})]);
  expect((await invoke(second, {})).lines[0]).not.toHaveProperty('callMs');
  expect((await invoke(first, {})).lines[0]?.callMs).toEqual({ PutEvents: expect.any(Number) });
});
