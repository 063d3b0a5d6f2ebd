/** Sources of events, through the engine of `npm start` and the real bundles: event in, effect seen, failure kept. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '../../tools/local/services/clock';
import { SystemWorld } from '../../tools/local/services/world';
import { LocalStack } from '../../tools/local/stack';
import type { TimedStep } from '../../tools/local/steps';
import { readAssembly } from '../../tools/template/assembly';
import { TYPESCRIPT } from '../typescript';

jest.setTimeout(120_000);

const PARTNER = 'aws.partner/shopify.com/123/orders';
const SETTINGS = {
  serviceEvents: { uploads: { source: ['aws.s3'], 'detail-type': ['Object Created'] } },
  partnerBuses: { shop: PARTNER },
  outboxes: { shipping: 'OrderStatusChanged' },
  dailyReportSchedule: 'cron(0 7 * * ? *)',
  dailyReportScheduler: { timezone: 'Europe/Berlin' },
  // Rules and the schedule call aliases then.
  gradualDeployment: 'CANARY_10PERCENT_5MINUTES',
};
const root = mkdtempSync(join(tmpdir(), 'sources-'));
const intact = join(root, 'intact');
beforeAll(() => {
  const { stages: _, ...flags } = JSON.parse(readFileSync('cdk.json', 'utf8')).context;
  const context = { ...flags, stages: { production: SETTINGS } };
  const env = { ...process.env, CDK_OUTDIR: intact, CDK_CONTEXT_JSON: JSON.stringify(context) };
  const { status, stderr } = spawnSync(process.execPath, [...TYPESCRIPT, 'bin/app.ts'], { env });
  expect([status, String(stderr)]).toEqual([0, expect.any(String)]);
});
afterAll(() => rmSync(root, { recursive: true }));

// biome-ignore lint/suspicious/noExplicitAny: a template has no static type
type Resources = Record<string, { Type: string; Properties: any }>;

/** The stack, running; `change` is made to its template first. */
async function running(
  run: (local: Local) => Promise<void>,
  change: (resources: Resources) => void = () => {},
) {
  const directory = mkdtempSync(join(root, 'changed-'));
  cpSync(intact, directory, { recursive: true });
  const file = join(directory, 'event-driven.template.json');
  const template = JSON.parse(readFileSync(file, 'utf8'));
  change(template.Resources);
  writeFileSync(file, JSON.stringify(template));
  const steps: TimedStep[] = [];
  const clock = new ManualClock(Date.UTC(2026, 0, 16, 5, 58));
  const assembly = readAssembly(directory, { region: 'us-east-1' });
  const stack = await LocalStack.start({
    ...{ assembly, world: new SystemWorld(clock), port: 0, maxEnvironments: 1 },
    onStep: (step) => void steps.push(step),
  });
  try {
    await run({ stack, clock, steps });
  } finally {
    await stack.stop();
  }
}

interface Local {
  readonly stack: LocalStack;
  readonly clock: ManualClock;
  readonly steps: readonly TimedStep[];
}

const messages = ({ stack }: Local, name: string) =>
  (stack.queues.find((queue) => queue.name === `event-driven-${name}`)?.peek() ?? []).map(
    ({ body, attributes }) => ({
      body: JSON.parse(body),
      attributes: Object.fromEntries(
        Object.entries(attributes).map(([key, { StringValue }]) => [key, StringValue]),
      ),
    }),
  );

describe.each([
  ['an AWS service', 'default', { Source: 'aws.s3', DetailType: 'Object Created' }, 'from-uploads'],
  ['a partner', PARTNER, { Source: PARTNER, DetailType: 'Order Paid' }, 'from-shop'],
])('an event of %s', (_whose, bus, event, rule) => {
  const entry = { ...event, Detail: '{"id": 7}', EventBusName: bus };

  test('comes to the bus, is archived, and recorded by analytics', () =>
    running(async (local) => {
      const { stack, clock, steps } = local;
      const [{ EventId: eventId }] = stack.eventBridge.putEvents([entry], 'service') as [{ EventId: string }];
      await stack.settled();
      const of = (kind: TimedStep['kind']) =>
        steps.filter((step) => step.kind === kind && (!('eventId' in step) || step.eventId === eventId));
      expect(of('event-put')).toMatchObject([{ bus }, { bus: 'event-driven-bus' }]);
      expect(of('event-archived')).toMatchObject([{ archive: 'event-driven-archive' }]);
      const delivered = of('delivered').map((step) => 'rule' in step && step.rule);
      expect(delivered.sort()).toEqual(['event-driven-events-from-outside', `event-driven-${rule}`].sort());
      expect(of('records-put')).toHaveLength(1);
      await clock.advance(120_000);
      expect(messages(local, 'dlq')).toEqual([]);
    }));

  test('that cannot be put there is kept in the dead-letter queue with its reason', () =>
    running(
      async (local) => {
        const { stack } = local;
        stack.eventBridge.putEvents([entry], 'service');
        await stack.settled();
        const [dead] = messages(local, 'dlq');
        expect(dead).toMatchObject({
          body: { source: event.Source, detail: { id: 7 } },
          attributes: { ERROR_CODE: 'NO_PERMISSIONS', RULE_ARN: expect.stringContaining(rule) },
        });
      },
      (resources) => {
        for (const [id, { Type, Properties }] of Object.entries(resources)) {
          const isRole = Type === 'AWS::IAM::Role' && id.includes(`Role${rule.replace('-', '')}`);
          if (isRole) Properties.Policies[0].PolicyDocument.Statement[0].Action = 'events:PutRule';
        }
      },
    ));
});

describe('an outbox', () => {
  const TABLE = 'event-driven-outbox-shipping';
  const item = (id: string, status = 'SHIPPED') => ({
    eventId: { S: id },
    orderId: { S: 'order-1001' },
    status: { S: status },
  });
  const putItem = ({ stack }: Local, Item: object) =>
    stack.tables.request('PutItem', { TableName: TABLE, Item });
  const put = (local: Local, id: string, status?: string) => putItem(local, item(id, status));
  const published = ({ steps }: Local) =>
    steps.flatMap((step) =>
      step.kind === 'event-put' && step.event.source === 'app.orders' ? [step.event] : [],
    );

  test('puts what is written into it on the bus, in the same order, and the effects are seen', () =>
    running(async (local) => {
      for (const [id, status] of [
        ['parcel-1', 'SHIPPED'],
        ['parcel-2', 'DELIVERED'],
      ] as const)
        await put(local, id, status);
      await local.stack.tables.request('DeleteItem', {
        TableName: TABLE,
        Key: { eventId: { S: 'parcel-1' } },
      });
      await local.stack.settled();
      expect(published(local)).toMatchObject(
        [
          ['parcel-1', 'SHIPPED'],
          ['parcel-2', 'DELIVERED'],
        ].map(([eventId, status]) => ({
          source: 'app.orders',
          'detail-type': 'OrderStatusChanged',
          detail: { orderId: 'order-1001', status, metadata: { eventId, version: 1 } },
        })),
      );
      const { Item } = await local.stack.tables.request('GetItem', {
        ...{ TableName: 'event-driven-orders', Key: { orderId: { S: 'order-1001' } } },
      });
      expect(Item.status).toEqual({ S: 'DELIVERED' });
      expect(messages(local, 'outbox-shipping-dlq')).toEqual([]);
    }));

  test('tries again what the bus does not take, tells of its place in the end, and sends it again with the item', () =>
    running(async (local) => {
      const { stack, clock, steps } = local;
      // Without a status there is no JSON, and what comes after it waits.
      const { status: _, ...incomplete } = item('parcel-3');
      await putItem(local, incomplete);
      await put(local, 'parcel-4');
      await stack.settled();
      const failed = () => steps.flatMap((step) => (step.kind === 'pipe-failed' ? [step] : []));
      expect(failed().at(-1)).toMatchObject({ message: expect.stringContaining('Detail is malformed') });
      await clock.advance(120_000);
      await stack.settled();
      expect(published(local)).toMatchObject([{ detail: { metadata: { eventId: 'parcel-4' } } }]);
      const [dead] = messages(local, 'outbox-shipping-dlq');
      expect(dead?.body).toMatchObject({
        context: { condition: 'RetryAttemptsExhausted' },
        DDBStreamBatchInfo: { batchSize: 1, startSequenceNumber: expect.stringMatching(/^\d+$/) },
      });
      // Nothing of the item is in the queue.
      expect(JSON.stringify(dead)).not.toContain('parcel-3');
      await put(local, 'parcel-3');
      await stack.tables.request('UpdateItem', {
        TableName: TABLE,
        Key: { eventId: { S: 'parcel-4' } },
        UpdateExpression: 'SET sentAgain = :one',
        ExpressionAttributeValues: { ':one': { N: '1' } },
      });
      await stack.settled();
      const ids = published(local).map(
        ({ detail }) => (detail as { metadata: { eventId: string } }).metadata.eventId,
      );
      expect(ids).toEqual(['parcel-4', 'parcel-3', 'parcel-4']);
    }));

  test('that may not put events keeps the places of its items, however the pipe is hurt', () =>
    running(
      async (local) => {
        await put(local, 'parcel-5');
        await local.stack.settled();
        await local.clock.advance(120_000);
        await local.stack.settled();
        expect(published(local)).toEqual([]);
        expect(messages(local, 'outbox-shipping-dlq')).toHaveLength(1);
      },
      (resources) => {
        for (const [id, { Type, Properties }] of Object.entries(resources)) {
          if (Type !== 'AWS::IAM::Role' || !id.startsWith('Outboxshipping')) continue;
          for (const statement of Properties.Policies[0].PolicyDocument.Statement)
            if (statement.Action === 'events:PutEvents') statement.Action = 'events:PutRule';
        }
      },
    ));
});

describe('a schedule in a time zone', () => {
  const fired = (steps: readonly TimedStep[]) =>
    steps.flatMap((step) => (step.kind === 'schedule-fired' ? [step.event.time] : []));

  test('calls its function by the wall clock, and the report of the day before is published', () =>
    running(async (local) => {
      const { stack, clock, steps } = local;
      await clock.advance(120_000);
      await stack.settled();
      expect(fired(steps)).toEqual(['2026-01-16T06:00:00Z']);
      const put = steps.flatMap((step) => (step.kind === 'event-put' ? [step.event] : []));
      expect(put).toMatchObject([{ 'detail-type': 'DailyReportGenerated', detail: { date: '2026-01-15' } }]);
      expect(messages(local, 'dlq')).toEqual([]);
    }));

  test('that may not call it keeps what it was to get, which is redriven to the function alone', () =>
    running(
      async (local) => {
        await local.clock.advance(120_000);
        await local.stack.settled();
        const [dead] = messages(local, 'dlq');
        expect(dead).toMatchObject({
          body: { type: 'daily_report', date: '2026-01-16T06:00:00Z' },
          attributes: { ERROR_CODE: 'NO_PERMISSIONS', SCHEDULE_ARN: expect.stringContaining('daily-report') },
        });
      },
      (resources) => {
        const [role] = Object.entries(resources).flatMap(([id, each]) =>
          id.startsWith('DailyReportRole') ? [each] : [],
        );
        role?.Properties.Policies[0].PolicyDocument.Statement.shift();
      },
    ));
});

test('what a function fails at, called by its alias, is tried again and kept', () =>
  running(async (local) => {
    const { stack, clock } = local;
    const poison = { Source: 'app.orders', DetailType: 'OrderCreated', Detail: '{"orderId": 7}' };
    stack.eventBridge.putEvents([{ ...poison, EventBusName: 'event-driven-bus' }]);
    await stack.settled();
    await clock.advance(4 * 60_000);
    await stack.settled();
    expect(messages(local, 'failed-events')).toMatchObject([
      { body: { requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 3 } } },
    ]);
  }));

test('a source under aws. is for AWS alone: nobody else can forge it', () =>
  running(async ({ stack }) => {
    const entry = { Source: 'aws.s3', DetailType: 'Object Created', Detail: '{}', EventBusName: 'default' };
    expect(stack.eventBridge.putEvents([entry])).toMatchObject([
      { ErrorCode: 'NotAuthorizedForSourceException' },
    ]);
  }));
