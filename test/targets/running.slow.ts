/**
 * All targets of `docs/targets.md` in one stack, running on this machine: an event comes in, its effect is seen, and what
 * fails is kept and brought home by the operator's tool.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
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
/** The same, but the workflow's event that confirms an order is refused by the bus. */
let unconfirmed: string;
/** The same, but the workflow's role allows nothing. */
let powerless: string;
let deployment: Deployment;
beforeAll(() => {
  const project = documentedProject(sections());
  synthesizeProject(project);
  build = join(project, 'cdk.out');
  forbidden = changedCopy(project, 'forbidden', ([id, { Type, Properties }]) => {
    const isOfTarget = id !== 'BusDeadLetterQueuePolicy' && /^AWS::(SQS::Queue|SNS::Topic)Policy$/.test(Type);
    if (isOfTarget) {
      const { Statement } = Properties.PolicyDocument;
      Properties.PolicyDocument.Statement = Statement.filter(
        ({ Sid = '' }: { Sid?: string }) => !Sid.startsWith('AllowRule'),
      );
    }
    if (Type === 'AWS::IAM::Role' && Properties.Policies?.[0]?.PolicyName === 'deliver' && !/Stream/.test(id))
      Properties.Policies = [];
    return Type !== 'AWS::Logs::ResourcePolicy';
  });
  unconfirmed = changedCopy(project, 'unconfirmed', ([, { Type, Properties }]) => {
    if (Type !== 'AWS::StepFunctions::StateMachine') return true;
    const definition = JSON.stringify(Properties.DefinitionString);
    const changed = definition.replace(/(CONFIRMED.{0,80}?DetailType[\\":]+)\w+/, '$1');
    expect(changed).not.toBe(definition);
    Properties.DefinitionString = JSON.parse(changed);
    return true;
  });
  powerless = changedCopy(project, 'powerless', ([id, { Type, Properties }]) => {
    if (Type === 'AWS::IAM::Policy' && /Fulfilment/.test(id)) {
      const { Statement } = Properties.PolicyDocument;
      Properties.PolicyDocument.Statement = Statement.filter(
        ({ Action }: { Action: string | string[] }) => ![Action].flat().includes('events:PutEvents'),
      );
    }
    return true;
  });
});

/**
 * Copies the project's assembly.
 * @param change changes a resource; the copy does not have it if it returns false
 */
function changedCopy(
  project: string,
  name: string,
  change: (resource: [string, TemplateResource]) => boolean,
): string {
  const copy = join(project, name);
  cpSync(build, copy, { recursive: true });
  const file = join(copy, 'event-driven.template.json');
  const template = JSON.parse(readFileSync(file, 'utf8'));
  template.Resources = Object.fromEntries(
    Object.entries<TemplateResource>(template.Resources).filter(change),
  );
  writeFileSync(file, JSON.stringify(template));
  return copy;
}

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
    const kept = [
      'ChangeLog',
      'Fulfilment',
      'ReportLog',
      'ReportRecords',
      'ReportTopic',
      'Sales',
      'Warehouse',
    ];
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

describe('a state machine', () => {
  const ended = () => deployment.stepsOf('execution-ended');
  const orderOf = async () => (await deployment.orders()).get(OrderCreated.example.orderId);

  test('confirms a new order after 10 minutes', async () => {
    await publish(OrderCreated);
    await deployment.advance(590);
    expect(await orderOf()).toMatchObject({ status: 'PENDING' });
    await deployment.advance(20);
    await deployment.stack.settled();
    expect(ended()).toMatchObject([
      { machine: 'event-driven-fulfilment', status: 'SUCCEEDED', durationMs: 600_000 },
    ]);
    expect(await orderOf()).toMatchObject({ status: 'CONFIRMED' });
    // All of it happened for the event that started it.
    const [{ eventId } = {}] = delivered('Fulfilment');
    expect(
      deployment.steps.filter((step) => 'execution' in step).every((step) => step.eventId === eventId),
    ).toBe(true);
  });

  test('cancels the order if it cannot be confirmed at any try, logs it, and sets an alarm off', async () => {
    await deployment.stop();
    deployment = await Deployment.start(unconfirmed, 1);
    await publish(OrderCreated);
    await deployment.advance(620);
    await deployment.stack.settled();
    const tries = deployment.stepsOf('state-failed').filter(({ state }) => state === 'Confirm');
    expect(tries.map(({ error, retryInMs, caughtBy }) => [error, retryInMs ?? caughtBy])).toEqual(
      [2_000, 4_000, 8_000, 'Cancel'].map((then) => ['EventBridge.FailedEntry', then]),
    );
    expect(ended()).toMatchObject([{ status: 'FAILED', error: 'NotConfirmed', durationMs: 614_000 }]);
    expect(await orderOf()).toMatchObject({ status: 'CANCELLED' });

    const lines = deployment.stack.logGroups.events('/aws/vendedlogs/states/event-driven-fulfilment');
    const types = lines.map(({ message }) => JSON.parse(message).type);
    expect(types).toEqual(
      expect.arrayContaining(['ExecutionStarted', 'WaitStateEntered', 'TaskFailed', 'ExecutionFailed']),
    );
    // Without the states' data.
    expect(lines.map(({ message }) => message).join()).not.toContain(OrderCreated.example.orderId);

    await deployment.advance(600);
    expect(deployment.stepsOf('alarm-changed')).toContainEqual(
      expect.objectContaining({ alarm: expect.stringMatching(/fulfilment.*failed/), to: 'ALARM' }),
    );
  });

  test('is asked by the commands of the runbook, and goes on where it failed', async () => {
    await deployment.stop();
    deployment = await Deployment.start(unconfirmed, 1);
    await publish(OrderCreated);
    await deployment.advance(620);
    const [, section = ''] = readFileSync('docs/runbook.md', 'utf8').split(/^## workflow-failed$/m);
    const [text = ''] = section.split(/^## /m);
    const script = [...text.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block]) => block).join('');
    const { exitCode, output } = await type(script);
    expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
    expect(output).toContain('"error": "NotConfirmed"');
    expect(output).toContain('redriveDate');
    await deployment.stack.settled();
    const started = deployment.stepsOf('execution-started');
    expect(started).toHaveLength(2);
    expect(started[1]?.input).toBe(started[0]?.input);
  });

  test('may do only what its role allows', async () => {
    await deployment.stop();
    deployment = await Deployment.start(powerless, 1);
    await publish(OrderCreated);
    await deployment.advance(640);
    await deployment.stack.settled();
    expect(ended()).toMatchObject([{ status: 'FAILED', error: 'EventBridge.AmazonEventBridgeException' }]);
    expect(ended()[0]?.cause).toMatch(/not authorized to perform: events:PutEvents/);
  });
});

/** Types commands into a shell, as an operator does. Time stands still meanwhile. */
async function type(script: string): Promise<{ exitCode: number | null; output: string }> {
  const { PATH, HOME } = process.env;
  const child = spawn('bash', ['--norc', '-eo', 'pipefail', '-c', script], {
    env: {
      ...{ PATH, HOME, AWS_ENDPOINT_URL: deployment.stack.url, AWS_DEFAULT_REGION: 'us-east-1' },
      ...{ AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', AWS_PAGER: '' },
      ...{ AWS_CONFIG_FILE: '/none', AWS_SHARED_CREDENTIALS_FILE: '/none', AWS_MAX_ATTEMPTS: '1' },
    },
  });
  child.stdin.end();
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { exitCode, output: `${stdout}${stderr}` };
}
