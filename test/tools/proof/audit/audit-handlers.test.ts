/** The handlers make exactly the calls that `npm run audit` wants their roles to allow. */
import { CONSUMERS } from '../../../../lambdas/consumers';
import '../../../lambdas/environment';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { FirehoseClient } from '@aws-sdk/client-firehose';
import { SNSClient } from '@aws-sdk/client-sns';
import { makeHandler as makeAnalytics } from '../../../../lambdas/analytics/handler';
import { CLIENT_CONFIG } from '../../../../lambdas/client-config';
import { makeHandler as makeNotifier } from '../../../../lambdas/notifier/handler';
import { makeHandler as makeOrderProcessor } from '../../../../lambdas/order-processor/handler';
import { DAY_INDEX, DAY_KEY_INDEX } from '../../../../lambdas/order-table';
import orderCreated from '../../../../samples/events/order-created.json';
import reportRequest from '../../../../samples/inputs/daily-report.json';
import notification from '../../../../samples/inputs/notifier.json';
import { callsOf } from '../../../../tools/app';
import { AwsEndpoint } from '../../../lambdas/aws-endpoint';
import { startDatabase, type TestDatabase } from '../../../lambdas/dynamodb';
import { invoke } from '../../../lambdas/invocation';

let database: TestDatabase;
let aws: AwsEndpoint;
let clients: { sns: SNSClient; firehose: FirehoseClient; eventBridge: EventBridgeClient };
beforeAll(async () => {
  [database, aws] = await Promise.all([startDatabase(), AwsEndpoint.start()]);
  const config = { ...CLIENT_CONFIG, endpoint: aws.url };
  clients = {
    sns: new SNSClient(config),
    firehose: new FirehoseClient(config),
    eventBridge: new EventBridgeClient(config),
  };
  for (const client of [database.client, ...Object.values(clients)]) record(client);
});
afterAll(async () => {
  for (const client of Object.values(clients)) client.destroy();
  await Promise.all([database.stop(), aws.stop()]);
});
beforeEach(() => {
  calls.clear();
  aws.reset();
});

/** `<variable> <action> <index>` of each call, as CONSUMERS has them. */
const calls = new Set<string>();

/** Input of a call that names the resource, and the variable that holds that name. */
const RESOURCES = ['TableName', 'TopicArn', 'DeliveryStreamName', 'EventBusName'];
const VARIABLES = [
  'TABLE_NAME',
  'REPORTS_TABLE_NAME',
  'IDEMPOTENCY_TABLE_NAME',
  'SNS_TOPIC_ARN',
  'FIREHOSE_STREAM',
  'EVENT_BUS_NAME',
];
const SERVICES: Readonly<Record<string, string>> = {
  DynamoDBClient: 'dynamodb',
  EventBridgeClient: 'events',
  FirehoseClient: 'firehose',
  SNSClient: 'sns',
};

/** Every client has such a stack, with types of its own. */
function record({ middlewareStack }: { readonly middlewareStack: object }): void {
  (middlewareStack as DynamoDBClient['middlewareStack']).add(
    (next, { clientName = '', commandName = '' }) =>
      (args) => {
        const input = args.input as Record<string, unknown> & { Entries?: Record<string, unknown>[] };
        const named: Readonly<Record<string, unknown>> = {
          ...input,
          ...input.Entries?.[0],
          TableName: input.TableName ?? Object.keys(input.RequestItems ?? {})[0],
        };
        const resource = RESOURCES.map((name) => named[name]).find((name) => name !== undefined);
        const variable = VARIABLES.find((name) => process.env[name] === resource);
        const action = `${SERVICES[clientName]}:${commandName.replace(/Command$/, '')}`;
        calls.add([variable, action, named.IndexName].filter(Boolean).join(' '));
        return next(args);
      },
    { step: 'initialize' },
  );
}

/** @param variables of the function, on which some of its calls depend */
const declared = (name: string, variables: Readonly<Record<string, string>> = {}) =>
  callsOf(CONSUMERS[name] ?? { calls: [] }, variables).flatMap(({ on, actions, index }) =>
    actions.map((action) => [on, action, index].filter(Boolean).join(' ')),
  );

test('the order processor, given an event and the same again', async () => {
  const handler = makeOrderProcessor({ client: database.documents });
  for (const _ of [1, 2]) expect((await invoke(handler, orderCreated)).error).toBeUndefined();
  expect([...calls].sort()).toEqual(declared('order-processor').sort());
});

test('the notifier, given an event, the same again, and one that the topic refuses', async () => {
  await invoke(makeOrderProcessor({ client: database.documents }), orderCreated);
  calls.clear();
  const handler = makeNotifier({ sns: clients.sns, dynamodb: database.client });
  for (const _ of [1, 2]) expect((await invoke(handler, notification)).error).toBeUndefined();
  aws.answerNext('Publish', () => ({ error: 'AuthorizationError' }));
  const another = { ...notification, detail: { ...notification.detail, status: 'DELIVERED' } };
  expect((await invoke(handler, another)).error).toBeDefined();
  expect([...calls].sort()).toEqual(declared('notifier').sort());
});

test.each<[what: string, variables: Readonly<Record<string, string>>, day: string]>([
  ['by an index with the status', {}, '2026-01-15'],
  ['by an index of keys', { REPORT_INDEX_NAME: DAY_KEY_INDEX.name }, '2026-02-15'],
])('analytics, given an event and asked for the report %s', async (_, variables, day) => {
  const { firehose, eventBridge } = clients;
  const { REPORT_INDEX_NAME: index = DAY_INDEX.name } = variables;
  const handler = makeAnalytics({ firehose, eventBridge, dynamodb: database.client, index });
  const detail = { ...orderCreated.detail, orderId: `of-${day}`, createdAt: `${day}T10:00:00Z` };
  await invoke(makeOrderProcessor({ client: database.documents }), { ...orderCreated, detail });
  calls.clear();
  expect((await invoke(handler, orderCreated)).error).toBeUndefined();
  const { error, metrics } = await invoke(handler, { ...reportRequest, date: day });
  expect(error).toBeUndefined();
  expect([...calls].sort()).toEqual(declared('analytics', variables).sort());
  expect(Object.keys(metrics)).toEqual([CONSUMERS.analytics?.scheduled?.metric]);
});
