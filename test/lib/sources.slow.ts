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
