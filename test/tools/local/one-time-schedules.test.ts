/** One-time schedules that a handler makes, in the local run: they fire on its clock, and leave nothing behind. */
import fs from 'node:fs';
import path from 'node:path';
import {
  CreateScheduleCommand,
  DeleteScheduleCommand,
  ListSchedulesCommand,
  SchedulerClient,
} from '@aws-sdk/client-scheduler';
import { ManualClock } from '../../../tools/local/services/clock';
import { SystemWorld } from '../../../tools/local/services/world';
import { LocalStack } from '../../../tools/local/stack';
import type { TimedStep } from '../../../tools/local/steps';
import { assemblyOf } from '../proof/assembly';
import { temporaryDirectory } from '../template/template';

const DAY = 24 * 60 * 60_000;
const START = Date.UTC(2026, 0, 15, 10);

/** @param actions of the role that the schedules have */
function template(actions: readonly string[]) {
  const lambda = (role: string) => ({
    Type: 'AWS::Lambda::Function',
    Properties: {
      ...{ Handler: 'index.handler', Runtime: 'nodejs24.x', Code: { ZipFile: 'exports.handler = () => {}' } },
      Role: { 'Fn::GetAtt': [role, 'Arn'] },
    },
  });
  const role = (Service: string, Action: readonly string[], PassRole?: object) => ({
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: {
        Statement: [{ Effect: 'Allow', Principal: { Service }, Action: 'sts:AssumeRole' }],
      },
      Policies: [
        {
          PolicyName: 'p',
          PolicyDocument: {
            Statement: Action.map((each) => ({
              ...{ Effect: 'Allow', Action: each, Resource: '*' },
              ...(each === 'iam:PassRole' && PassRole && { Condition: PassRole }),
            })),
          },
        },
      ],
    },
  });
  return {
    Resources: {
      Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'bus' } },
      Dead: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'dead' } },
      Group: { Type: 'AWS::Scheduler::ScheduleGroup', Properties: { Name: 'reminders' } },
      Reminding: role('scheduler.amazonaws.com', actions),
      Allowed: role(
        'lambda.amazonaws.com',
        ['scheduler:CreateSchedule', 'scheduler:ListSchedules', 'iam:PassRole'],
        {
          StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' },
        },
      ),
      Refused: role('lambda.amazonaws.com', ['scheduler:CreateSchedule']),
      Reminder: lambda('Allowed'),
      Intruder: lambda('Refused'),
    },
  };
}

/** @param caller the access key that makes the schedule */
async function running(
  actions: readonly string[],
  run: (local: {
    stack: LocalStack;
    clock: ManualClock;
    steps: TimedStep[];
    client: SchedulerClient;
  }) => Promise<void>,
  caller = 'LOCAL.event-driven-Reminder',
) {
  const steps: TimedStep[] = [];
  const clock = new ManualClock(START);
  const assembly = assemblyOf(template(actions));
  const stack = await LocalStack.start({
    ...{ assembly, world: new SystemWorld(clock), port: 0 },
    onStep: (step) => void steps.push(step),
  });
  const client = new SchedulerClient({
    ...{ endpoint: stack.url, region: 'us-east-1' },
    credentials: { accessKeyId: caller, secretAccessKey: 'any' },
  });
  const find = (id: string) =>
    [...assembly.resources.values()].find(({ logicalId }) => logicalId === id)?.arn;
  try {
    await client.send(
      new CreateScheduleCommand({
        ...{ Name: 'order-1001', GroupName: 'reminders', ScheduleExpression: 'at(2026-01-18T11:00:00)' },
        ScheduleExpressionTimezone: 'Europe/Berlin',
        FlexibleTimeWindow: { Mode: 'OFF' },
        ActionAfterCompletion: 'DELETE',
        Target: {
          ...{ Arn: find('Bus'), RoleArn: find('Reminding'), DeadLetterConfig: { Arn: find('Dead') } },
          EventBridgeParameters: { Source: 'app.orders', DetailType: 'OrderReminderDue' },
          Input: '{"orderId": "order-1001", "at": "<aws.scheduler.scheduled-time>"}',
        },
      }),
    );
    await run({ stack, clock, steps, client });
  } finally {
    client.destroy();
    await stack.stop();
  }
}

test('a reminder in three days is an event of the bus, once, and its schedule is gone', () =>
  running(['events:PutEvents', 'sqs:SendMessage'], async ({ stack, clock, steps, client }) => {
    const put = () => steps.flatMap((step) => (step.kind === 'event-put' ? [step.event] : []));
    await clock.advance(3 * DAY - 1000);
    await stack.settled();
    expect(put()).toEqual([]);
    await clock.advance(4 * DAY);
    await stack.settled();
    expect(put()).toMatchObject([
      {
        ...{ source: 'app.orders', 'detail-type': 'OrderReminderDue' },
        detail: { orderId: 'order-1001', at: '2026-01-18T10:00:00Z' },
      },
    ]);
    expect((await client.send(new ListSchedulesCommand({}))).Schedules).toEqual([]);
  }));

test('what its role may not put is in its dead-letter queue', () =>
  running(['sqs:SendMessage'], async ({ stack, clock, steps }) => {
    await clock.advance(4 * DAY);
    await stack.settled();
    expect(steps.filter(({ kind }) => kind === 'event-put')).toEqual([]);
    const [dead] = stack.queues.flatMap((queue) => queue.peek());
    expect(JSON.parse(dead?.body ?? '')).toMatchObject({ orderId: 'order-1001' });
    expect(dead?.attributes).toMatchObject({
      ERROR_CODE: { StringValue: 'NO_PERMISSIONS' },
      SCHEDULE_ARN: { StringValue: expect.stringMatching(/schedule\/reminders\/order-1001$/) },
    });
  }));

test('a handler that may not hand the role over makes none', async () => {
  const refused = running(['events:PutEvents'], async () => undefined, 'LOCAL.event-driven-Intruder');
  await expect(refused).rejects.toMatchObject({
    name: 'AccessDeniedException',
    message: expect.stringMatching(/iam:PassRole on resource: arn:aws:iam::\d+:role\//),
  });
});

describe('with a data directory', () => {
  const TEMPLATE = template(['events:PutEvents', 'sqs:SendMessage']);

  /** A run in the folder from a time on. */
  async function life(
    dataDirectory: string,
    at: number,
    live: (run: {
      stack: LocalStack;
      client: SchedulerClient;
      left: readonly string[];
      /** Moves the clock, and gives the ids of the orders that were reminded of in this life. */
      until(time: number): Promise<unknown[]>;
      create(
        Name: string,
        ScheduleExpression: string,
        ActionAfterCompletion?: 'DELETE' | 'NONE',
      ): Promise<unknown>;
      names(): Promise<unknown[]>;
    }) => Promise<void>,
  ) {
    const clock = new ManualClock(at);
    const assembly = assemblyOf(TEMPLATE);
    const reminded: unknown[] = [];
    const stack = await LocalStack.start({
      ...{ assembly, world: new SystemWorld(clock), port: 0, dataDirectory },
      onStep: (step) => {
        if (step.kind === 'event-put') reminded.push(Object(step.event.detail).orderId);
      },
    });
    const { left } = stack.resume();
    const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
    const client = new SchedulerClient({ endpoint: stack.url, region: 'us-east-1', credentials });
    const arnOf = (id: string) =>
      [...assembly.resources.values()].find(({ logicalId }) => logicalId === id)?.arn ?? '';
    try {
      await live({
        ...{ stack, client, left },
        until: async (time) => {
          await clock.advance(time - clock.now());
          await stack.settled();
          return reminded;
        },
        create: (Name, ScheduleExpression, ActionAfterCompletion = 'DELETE') =>
          client.send(
            new CreateScheduleCommand({
              ...{ Name, ScheduleExpression, ActionAfterCompletion, FlexibleTimeWindow: { Mode: 'OFF' } },
              Target: {
                ...{
                  Arn: arnOf('Bus'),
                  RoleArn: arnOf('Reminding'),
                  Input: JSON.stringify({ orderId: Name }),
                },
                EventBridgeParameters: { Source: 'app.orders', DetailType: 'OrderReminderDue' },
              },
            }),
          ),
        names: async () => {
          const { Schedules = [] } = await client.send(new ListSchedulesCommand({}));
          return Schedules.map(({ Name }) => Name).sort();
        },
      });
    } finally {
      client.destroy();
      await stack.stop();
    }
  }

  test('schedules outlive a restart: what was due once meanwhile fires then, and nothing fires twice', async () => {
    const folder = temporaryDirectory();
    await life(folder, START, async ({ create, client, until }) => {
      await create('soon', 'at(2026-01-15T10:30:00)');
      await create('meanwhile', 'at(2026-01-16T10:00:00)');
      await create('meanwhile-kept', 'at(2026-01-16T11:00:00)', 'NONE');
      await create('later', 'at(2026-01-20T10:00:00)');
      await create('daily', 'cron(0 12 * * ? *)', 'NONE');
      await create('deleted', 'at(2026-01-16T10:00:00)');
      await client.send(new DeleteScheduleCommand({ Name: 'deleted' }));
      expect(await until(START + DAY / 24)).toEqual(['soon']);
    });
    await life(folder, START + 2.5 * DAY, async ({ until, names, left }) => {
      expect(left).toEqual([]);
      expect(await until(START + 2.6 * DAY)).toEqual(['meanwhile', 'meanwhile-kept']);
      expect(await names()).toEqual(['daily', 'later', 'meanwhile-kept']);
      expect(await until(START + 3.1 * DAY)).toEqual(['meanwhile', 'meanwhile-kept', 'daily']);
    });
    await life(folder, START + 3.2 * DAY, async ({ until, names }) => {
      expect(await until(START + 5.5 * DAY)).toEqual(['daily', 'later', 'daily']);
      expect(await names()).toEqual(['daily', 'meanwhile-kept']);
    });
  });

  test('a schedule that a new template is taken over beside goes on, and fires once', () =>
    life(temporaryDirectory(), START, async ({ stack, create, until, names }) => {
      await create('once', 'at(2026-01-15T11:00:00)', 'NONE');
      await create('later', 'at(2026-01-16T11:00:00)');
      expect(await until(START + DAY / 12)).toEqual(['once']);
      stack.update(assemblyOf(TEMPLATE));
      expect(await names()).toEqual(['later', 'once']);
      expect(await until(START + 2 * DAY)).toEqual(['once', 'later']);
    }));

  test('a schedule that can no longer be is told of', async () => {
    const folder = temporaryDirectory();
    const Target = {
      Arn: 'arn:aws:sqs:us-east-1:000000000000:dead',
      RoleArn: 'arn:aws:iam::000000000000:role/r',
    };
    const input = { Name: 'odd', ScheduleExpression: 'now and then', Target };
    const line = { id: 1, work: { input, firedAt: START } };
    fs.writeFileSync(path.join(folder, 'schedules.jsonl'), `${JSON.stringify(line)}\n`);
    await life(folder, START, async ({ left, names }) => {
      expect(left).toEqual([
        expect.stringMatching(/^The schedule odd, which a client made: .*ScheduleExpression/),
      ]);
      expect(await names()).toEqual([]);
    });
    await life(folder, START, async ({ left }) => expect(left).toEqual([]));
  });
});
