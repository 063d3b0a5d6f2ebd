/**
 * All targets of `docs/targets.md` in one stack, running on this machine: an event comes in, its effect is seen, and what
 * fails is kept and brought home by the operator's tool.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DailyReportGenerated, OrderCreated, OrderStatusChanged } from '../../lambdas/events';
import { Deployment } from '../tools/ops/deployment';
import { documentedProject, sections, synthesizeProject } from './documented-project';

jest.setTimeout(120_000);

interface TemplateResource {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a template's properties have no static type
  readonly Properties: any;
}

let build: string;
/** The same, but nothing lets the rules of these targets in. */
let forbidden: string;
let deployment: Deployment;
beforeAll(() => {
  const project = documentedProject(sections());
  synthesizeProject(project);
  build = join(project, 'cdk.out');
  forbidden = join(project, 'forbidden');
  cpSync(build, forbidden, { recursive: true });
  const file = join(forbidden, 'event-driven.template.json');
  const template = JSON.parse(readFileSync(file, 'utf8'));
  for (const [id, { Type, Properties }] of Object.entries<TemplateResource>(template.Resources)) {
    const isOfTarget = id !== 'BusDeadLetterQueuePolicy' && /^AWS::(SQS::Queue|SNS::Topic)Policy$/.test(Type);
    if (isOfTarget) {
      const { Statement } = Properties.PolicyDocument;
      Properties.PolicyDocument.Statement = Statement.filter(
        ({ Sid = '' }: { Sid?: string }) => !Sid.startsWith('AllowRule'),
      );
    }
    if (Type === 'AWS::Logs::ResourcePolicy') delete template.Resources[id];
    if (Type === 'AWS::IAM::Role' && Properties.Policies?.[0]?.PolicyName === 'deliver' && !/Stream/.test(id))
      Properties.Policies = [];
  }
  writeFileSync(file, JSON.stringify(template));
});
beforeEach(async () => {
  deployment = await Deployment.start(build, 1);
});
afterEach(() => deployment.stop());

async function publish(
  { source, detailType, example }: { source: string; detailType: string; example: object },
  detail: object = {},
): Promise<void> {
  const Detail = JSON.stringify({ ...example, ...detail });
  deployment.stack.eventBridge.putEvents([
    { EventBusName: 'event-driven-bus', Source: source, DetailType: detailType, Detail },
  ]);
  await deployment.stack.settled();
}

/** Lets time pass until the condition holds. */
async function until(condition: () => boolean, seconds = 10): Promise<void> {
  for (let waited = 0; !condition(); waited += seconds) {
    if (waited > 3_600) throw new Error('It did not come true within an hour.');
    await deployment.advance(seconds);
    await deployment.stack.settled();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const handledBy = (name: string) =>
  deployment.stepsOf('invocation-succeeded').filter((step) => step.function === `event-driven-${name}`);

const undelivered = () =>
  deployment
    .stepsOf('dead-lettered')
    .map(({ target, attributes }) => [target, attributes.ERROR_CODE])
    .sort();

describe('a queue', () => {
  const batches = () => deployment.stepsOf('batch-handled');

  test('hands events to its function in batches', async () => {
    await publish(OrderCreated);
    await until(() => batches().length > 0);
    expect(batches()).toMatchObject([{ queue: 'event-driven-warehouse', messages: 1, failed: 0 }]);
    expect(handledBy('warehouse')).toMatchObject([{ result: '{"batchItemFailures":[]}' }]);
  });

  test('keeps the message that its function cannot read, and no other of the batch', async () => {
    const queue = deployment.queue('warehouse');
    await publish(OrderCreated, { orderId: 'order-1' });
    await publish(OrderCreated, { total: 'none' });
    await publish(OrderCreated, { orderId: 'order-2' });
    await until(() => deployment.queue('warehouse-dlq').depth().visible > 0);
    expect(queue.depth()).toMatchObject({ visible: 0, inFlight: 0 });
    expect(deployment.queue('warehouse-dlq').peek()).toMatchObject([{ receiveCount: 5 }]);
  });

  test('has what failed at every try in a queue of its own, until it is redriven', async () => {
    const fault = deployment.stack.faults.add('event-driven-warehouse', 'fail');
    await publish(OrderCreated);
    const dead = deployment.queue('warehouse-dlq');
    await until(() => dead.depth().visible > 0);
    const { json } = await deployment.ops('failures', '--json');
    expect(json.groups).toMatchObject([
      {
        consumer: 'event-driven-warehouse',
        cause: 'MaxReceiveCount',
        count: 1,
        sample: { orderId: OrderCreated.example.orderId, type: 'OrderCreated' },
      },
    ]);

    deployment.stack.faults.remove(fault.id);
    const redriven = await deployment.ops('redrive', '--json', '--consumer', 'warehouse');
    expect(redriven.json).toMatchObject({ sent: 1, left: 0, failed: 0 });
    await until(() => handledBy('warehouse').length > 0);
    expect(dead.peek()).toEqual([]);
  });

  test('gets what could not be delivered to it by a redrive', async () => {
    deployment.deploy(forbidden);
    await publish(OrderCreated);
    expect(undelivered()).toContainEqual(['Warehouse', 'NO_PERMISSIONS']);
    deployment.deploy(build);
    const redriven = await deployment.ops('redrive', '--json', '--consumer', 'warehouse');
    expect(redriven.json).toMatchObject({ sent: 1, left: 0 });
    await until(() => handledBy('warehouse').length > 0);
  });
});

describe('what could not be delivered', () => {
  test('waits in the dead-letter queue, which says for each what is to be done', async () => {
    deployment.deploy(forbidden);
    for (const contract of [OrderCreated, OrderStatusChanged, DailyReportGenerated]) await publish(contract);
    // The bus of another account is recorded, and has no policy here that could keep the rule out.
    const kept = ['ChangeLog', 'ReportLog', 'ReportRecords', 'ReportTopic', 'Sales', 'Warehouse'];
    expect(undelivered()).toEqual(kept.map((target) => [target, 'NO_PERMISSIONS']));

    const { json } = await deployment.ops('redrive', '--json', '--dry-run');
    expect(json).toMatchObject({ sent: 1, failed: 0 });
    for (const { outcome, reason } of json.groups) {
      if (outcome === 'left') expect(reason).toMatch(/neither a function nor a queue; replay the archive/);
    }
  });

  test('is brought home by a replay of the archive for its rule', async () => {
    deployment.deploy(forbidden);
    const publishedAt = deployment.stack.now;
    await publish(OrderStatusChanged);
    deployment.deploy(build);
    await deployment.advance(900);
    // The tool's clock is the machine's.
    const at = (ms: number) => new Date(publishedAt + ms).toISOString();
    const window = ['--from', at(-60_000), '--to', at(60_000), '--allow-recent', '--yes'];
    const replayed = await deployment.ops('replay', ...window, '--rule', 'order-changes-logged');
    expect(replayed).toMatchObject({ exitCode: 0 });
    await until(() => delivered('ChangeLog').length > 0);
    expect(handledBy('order-processor')).toHaveLength(1);
  });
});

const delivered = (target: string) =>
  deployment.stepsOf('delivered').filter((step) => step.target === target);

test('a topic publishes what it is given to its subscribers', async () => {
  await publish(DailyReportGenerated);
  const [message] = deployment.stepsOf('message-published').filter(({ topic }) => topic.endsWith('-reports'));
  expect(message).toMatchObject({ subscribers: 1 });
  expect(JSON.parse(message?.body ?? '')).toMatchObject({
    detail: { date: DailyReportGenerated.example.date },
  });
});

test('a log group has a line with the time and the text of the input', async () => {
  await publish(OrderStatusChanged, { status: 'SHIPPED' });
  const { orderId } = OrderStatusChanged.example;
  expect(deployment.stack.logGroups.events('/aws/events/event-driven-changes')).toMatchObject([
    { message: `${orderId} is SHIPPED`, timestamp: expect.any(Number) },
  ]);
});

test('a stream writes a line for each event, without personal data', async () => {
  for (const orderId of ['order-1', 'order-2']) await publish(OrderCreated, { orderId });
  const stream = deployment.stack.deliveryStreams.find(({ name }) => name === 'event-driven-sales');
  await stream?.flush();
  const [object] = stream?.objects ?? [];
  const lines = gunzipSync(object?.body ?? '').toString();
  expect(lines).toMatch(/^\{"orderId": "order-1".*\}\n\{"orderId": "order-2".*\}\n$/);
  expect(lines).not.toContain('@');
});

test('a bus of another account gets the whole event, which is recorded', async () => {
  await publish(DailyReportGenerated);
  const [step] = delivered('Partner');
  expect(step).toMatchObject({ isRecorded: true, targetArn: expect.stringContaining(':111122223333:') });
  expect(JSON.parse(step?.payload ?? '')).toMatchObject({ 'detail-type': 'DailyReportGenerated' });
});

test('each target of a rule gets the event', async () => {
  await publish(DailyReportGenerated);
  expect(delivered('ReportLog')).toHaveLength(1);
  expect(delivered('ReportRecords')).toHaveLength(1);
});

test('an HTTP endpoint that may not be called has its requests recorded, without personal data', async () => {
  await publish(OrderCreated);
  const [step] = delivered('Carrier');
  expect(step).toMatchObject({ isRecorded: true });
  expect(JSON.parse(step?.payload ?? '')).toEqual({ ship: OrderCreated.example.orderId });
});

test('the start of a state machine is recorded with its input', async () => {
  await publish(OrderCreated);
  const [step] = delivered('Fulfilment');
  expect(step).toMatchObject({ isRecorded: true });
  expect(JSON.parse(step?.payload ?? '')).toEqual({ orderId: OrderCreated.example.orderId });
});
