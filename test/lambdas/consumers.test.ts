import './environment';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { FirehoseClient } from '@aws-sdk/client-firehose';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { SNSClient } from '@aws-sdk/client-sns';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { CONSUMERS } from '../../lambdas/consumers';
import { CONTRACTS } from '../../lambdas/events';
import { invoke } from './invocation';

const FOLDERS = readdirSync('lambdas').filter((name) => existsSync(join('lambdas', name, 'handler.ts')));

/** Clients whose requests go nowhere: a handler that has read its event ends at its first one. */
const WENT_ON = 'the handler went on';
const settings = {
  maxAttempts: 1,
  requestHandler: { handle: () => Promise.reject(new Error(WENT_ON)) },
};
const dynamodb = new DynamoDBClient(settings);
const clients = {
  dynamodb,
  client: DynamoDBDocumentClient.from(dynamodb),
  sns: new SNSClient(settings),
  firehose: new FirehoseClient(settings),
  eventBridge: new EventBridgeClient(settings),
  scheduler: new SchedulerClient(settings),
  // Of the examples: a reminder of an order of then is not over.
  now: () => new Date('2026-01-15T12:00:00Z'),
};

type Handler = Parameters<typeof invoke>[0];
const handlerOf = async (folder: string): Promise<Handler> => {
  const { makeHandler } = await import(`../../lambdas/${folder}/handler`);
  return makeHandler(clients);
};

const event = (contract: (typeof CONTRACTS)[number], changes: object = {}, detail: object = {}) => ({
  version: '0',
  id: 'event-1',
  source: contract.source,
  'detail-type': contract.detailType,
  account: '123456789012',
  time: '2026-01-15T10:00:00Z',
  region: 'us-east-1',
  resources: [],
  detail: { ...contract.example, ...detail },
  ...changes,
});
const NOTIFICATION = {
  orderId: 'order-1',
  status: 'SHIPPED',
  email: 'jane@example.com',
  message: 'Your order is on its way',
  id: 'event-1',
  metadata: '',
};
const CHANGE = {
  ...NOTIFICATION,
  metadata: undefined,
  time: '2026-01-15T10:00:00Z',
  detail: { orderId: 'order-1', status: 'SHIPPED' },
};
/** Payloads that some consumers accept and others refuse. */
const PAYLOADS: readonly unknown[] = [
  ...CONTRACTS.map((contract) => event(contract)),
  ...CONTRACTS.map((contract) => event(contract, {}, { metadata: { version: 2 } })),
  ...CONTRACTS.map((contract) => event(contract, { source: 'com.example' })),
  ...CONTRACTS.map((contract) => event(contract, { time: 'today' })),
  event(CONTRACTS[0], {}, { total: -1 }),
  event(CONTRACTS[1], {}, { status: 'LOST' }),
  NOTIFICATION,
  JSON.parse(JSON.stringify(CHANGE)),
  ...[{ status: 'PENDING' }, { status: 'LOST' }, { updatedAt: '' }, { metadata: { version: 99 } }].map(
    (more) => JSON.parse(JSON.stringify({ ...CHANGE, detail: { ...CHANGE.detail, ...more } })),
  ),
  { ...NOTIFICATION, email: '' },
  { ...NOTIFICATION, email: 'nobody' },
  { ...NOTIFICATION, status: 'PENDING' },
  { ...NOTIFICATION, metadata: { version: 2 } },
  { type: 'daily_report', date: '2026-01-15T09:00:00Z' },
  { type: 'daily_report', date: 'today' },
  { type: 'daily_report', date: '2026-01-15', partial: true },
  { type: 'daily_report', date: 'tomorrow' },
  { type: 'daily_report', date: '2026-01-15', partial: 'yes' },
  { type: 'weekly_report' },
  ...[null, 'text', 5, [], {}],
];

test('there is one consumer for each handler', () => {
  expect(Object.keys(CONSUMERS).sort()).toEqual(FOLDERS.sort());
});

/** Error that the consumer throws, if it does. */
function refusal(folder: string, payload: unknown): unknown {
  try {
    CONSUMERS[folder]?.accepts(payload);
    return undefined;
  } catch (error) {
    return error;
  }
}

test.each(FOLDERS)(
  '%s accepts what its handler accepts, and refuses the rest with the same words',
  async (folder) => {
    const handler = await handlerOf(folder);
    const refused = PAYLOADS.filter((payload) => refusal(folder, payload) !== undefined);
    expect([0, PAYLOADS.length]).not.toContain(refused.length);
    for (const payload of PAYLOADS) {
      const { error } = await invoke(handler, payload);
      const expected = refusal(folder, payload);
      if (expected) expect(error).toEqual(expected);
      // A handler that has read its event goes on to its first request, if it makes any.
      else if (CONSUMERS[folder]?.calls.length === 0) expect(error).toBeUndefined();
      else expect(reasons(error)).toContain(WENT_ON);
    }
  },
);

/** The messages of an error and of what caused it. */
function reasons(error: unknown): string {
  return error instanceof Error ? `${error.message} ${reasons(error.cause)}` : '';
}

test('each consumer may know only fields that some contract calls personal data', () => {
  const personal = CONTRACTS.flatMap(({ personalData }) => personalData);
  for (const { personalData } of Object.values(CONSUMERS)) {
    expect(personal).toEqual(expect.arrayContaining([...personalData]));
  }
});
