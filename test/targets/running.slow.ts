/**
 * All targets of `docs/targets.md` in one stack, running on this machine: an event comes in, its effect is seen, and what
 * fails is kept and brought home by the operator's tool.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OrderCreated } from '../../lambdas/events';
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
    expect(deployment.stepsOf('dead-lettered')).toMatchObject([{ target: 'Warehouse' }]);
    deployment.deploy(build);
    expect((await deployment.ops('redrive', '--json')).json).toMatchObject({ sent: 1 });
    await until(() => handledBy('warehouse').length > 0);
  });
});
