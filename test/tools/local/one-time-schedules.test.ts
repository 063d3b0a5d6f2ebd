/** One-time schedules that a handler makes, in the local run: they fire on its clock, and leave nothing behind. */
import { CreateScheduleCommand, ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { ManualClock } from '../../../tools/local/services/clock';
import { SystemWorld } from '../../../tools/local/services/world';
import { LocalStack } from '../../../tools/local/stack';
import type { TimedStep } from '../../../tools/local/steps';
import { assemblyOf } from '../proof/assembly';

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
