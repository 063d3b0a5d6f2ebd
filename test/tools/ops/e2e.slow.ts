/** `npm run e2e` against the engine of `npm start`, on an ephemeral stage. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { OrderCreated } from '../../../lambdas/events';
import { SystemClock } from '../../../tools/local/services/clock';
import { SystemWorld } from '../../../tools/local/services/world';
import { LocalStack } from '../../../tools/local/stack';
import { readAssembly } from '../../../tools/template/assembly';
import { TYPESCRIPT } from '../../typescript';

jest.setTimeout(240_000);

const root = mkdtempSync(join(tmpdir(), 'e2e-'));
let stack: LocalStack;
beforeAll(async () => {
  const { context } = JSON.parse(readFileSync('cdk.json', 'utf8'));
  const { code, stderr } = await run(['bin/app.ts'], {
    CDK_OUTDIR: root,
    CDK_CONTEXT_JSON: JSON.stringify({ ...context, stage: 'pr-1' }),
  });
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  addWorkflow();
  stack = await LocalStack.start({
    assembly: readAssembly(root, { region: 'us-east-1' }),
    // A minute in a second: what fails is tried again for three.
    world: new SystemWorld(new SystemClock(60)),
    port: 0,
    maxEnvironments: 1,
  });
});
afterAll(async () => {
  await stack?.stop();
  rmSync(root, { recursive: true });
});

/** Adds a state machine that a new order starts, and that waits for longer than the test. */
function addWorkflow(): void {
  const file = join(root, 'event-driven-pr-1.template.json');
  const template = JSON.parse(readFileSync(file, 'utf8'));
  const role = (service: string) => ({
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: {
        Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
      },
      Policies: [
        {
          PolicyName: 'p',
          PolicyDocument: {
            Statement: [{ Effect: 'Allow', Action: 'states:StartExecution', Resource: '*' }],
          },
        },
      ],
    },
  });
  const states = { Wait: { Type: 'Wait', Seconds: 86_400, End: true } };
  const { source, detailType } = OrderCreated;
  Object.assign(template.Resources, {
    FlowRole: role('states.amazonaws.com'),
    StartRole: role('events.amazonaws.com'),
    Flow: {
      Type: 'AWS::StepFunctions::StateMachine',
      Properties: {
        StateMachineName: 'event-driven-pr-1-flow',
        RoleArn: { 'Fn::GetAtt': ['FlowRole', 'Arn'] },
        DefinitionString: JSON.stringify({ StartAt: 'Wait', States: states }),
      },
    },
    FlowRule: {
      Type: 'AWS::Events::Rule',
      Properties: {
        Name: 'event-driven-pr-1-flow',
        EventBusName: 'event-driven-pr-1-bus',
        EventPattern: { source: [source], 'detail-type': [detailType] },
        Targets: [{ Id: 'Flow', Arn: { Ref: 'Flow' }, RoleArn: { 'Fn::GetAtt': ['StartRole', 'Arn'] } }],
      },
    },
  });
  writeFileSync(file, JSON.stringify(template));
}

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [...TYPESCRIPT, ...args], { env: { ...process.env, ...env } });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  return { code, stdout, stderr };
}
const e2e = (...args: string[]) =>
  run(['bin/e2e.ts', '--stage', 'pr-1', '--endpoint-url', stack.url, '--json', ...args]);

const orders = async () => {
  const { Items } = await stack.tables.request('Scan', { TableName: 'event-driven-pr-1-orders' });
  return Items as object[];
};

test('an order is followed to table, topic, bucket, queue and state machine, and nothing of it stays but its records', async () => {
  const { code, stdout, stderr } = await e2e('--timeout', '60');
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  const { reached, missing } = JSON.parse(stdout);
  expect(missing).toEqual([]);
  expect(reached.map(({ place }: { place: string }) => place)).toEqual([
    ...['table: OrderCreated', 'table: OrderStatusChanged', 'state machine: flow', 'topic', 'bucket'],
    'queue of failed events',
  ]);
  // It would go on with an order that is no more.
  const statuses = stack.stateMachines.flatMap(({ executions }) => executions.map(({ status }) => status));
  expect(statuses).toContain('ABORTED');
  expect(await orders()).toEqual([]);
  for (const queue of stack.queues) expect([queue.name, queue.peek()]).toEqual([queue.name, []]);
});

test('what is not reached is named, and fails the run', async () => {
  const fault = stack.faults.add('event-driven-pr-1-order-processor', 'deny');
  const { code, stdout } = await e2e('--timeout', '3', '--no-failing');
  stack.faults.remove(fault.id);
  expect(code).toBe(1);
  expect(JSON.parse(stdout).missing).toContain('table: OrderCreated');
});

test('a stage that is not there is one line', async () => {
  const { code, stderr } = await run(['bin/e2e.ts', '--stage', 'dev', '--endpoint-url', stack.url]);
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/Stack event-driven-dev \(stage dev\) is not deployed at /),
  ]);
});
