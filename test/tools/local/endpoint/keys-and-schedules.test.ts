/** Keys, and schedules of EventBridge Scheduler, as an operator looks at them; and what only a deployment can do. */
import { DescribeEventBusCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import {
  CreateScheduleCommand,
  DeleteScheduleCommand,
  GetScheduleCommand,
  GetScheduleGroupCommand,
  ListScheduleGroupsCommand,
  ListSchedulesCommand,
  SchedulerClient,
} from '@aws-sdk/client-scheduler';
import { type RunningStack, startStack } from './stack';

let running: RunningStack;
beforeAll(async () => {
  running = await startStack();
});
afterAll(() => running.stop());

const configuration = () => ({
  endpoint: running.stack.url,
  region: 'us-east-1',
  credentials: { accessKeyId: 'developer', secretAccessKey: 'any' },
});

/** A request of a service with AWS JSON. */
async function call(target: string, input: object) {
  const response = await fetch(running.stack.url, {
    method: 'POST',
    headers: {
      authorization:
        'AWS4-HMAC-SHA256 Credential=developer/20260101/us-east-1/any/aws4_request, SignedHeaders=host, Signature=x',
      'x-amz-target': target,
    },
    body: JSON.stringify(input),
  });
  // biome-ignore lint/suspicious/noExplicitAny: each operation has a result of its own
  const body: any = await response.json();
  return { status: response.status, ...body };
}

describe('KMS', () => {
  const kms = (operation: string, input: object = {}) => call(`TrentService.${operation}`, input);
  const keyOfBus = async () => {
    const { KmsKeyIdentifier = '' } = await new EventBridgeClient(configuration()).send(
      new DescribeEventBusCommand({ Name: 'bus' }),
    );
    return KmsKeyIdentifier;
  };

  test('the key of the bus, by its ARN, its id and its alias', async () => {
    const arn = await keyOfBus();
    const id = arn.slice(arn.indexOf('/') + 1);
    for (const KeyId of [arn, id, 'alias/events', arn.replace(/key\/.*/, 'alias/events')]) {
      expect(await kms('DescribeKey', { KeyId })).toMatchObject({
        KeyMetadata: { KeyId: id, Arn: arn, Enabled: true, KeyState: 'Enabled', Description: 'Events' },
      });
    }
    expect(await kms('ListKeys')).toMatchObject({ Keys: [{ KeyId: id, KeyArn: arn }], Truncated: false });
    expect(await kms('ListAliases', { KeyId: id })).toMatchObject({
      Aliases: [{ AliasName: 'alias/events', TargetKeyId: id }],
    });
  });

  test('its policy and its rotation', async () => {
    const { Policy } = await kms('GetKeyPolicy', { KeyId: 'alias/events' });
    expect(JSON.parse(Policy).Statement).toMatchObject([{ Effect: 'Allow', Action: 'kms:*' }]);
    expect(await kms('ListKeyPolicies', { KeyId: 'alias/events' })).toMatchObject({
      PolicyNames: ['default'],
    });
    expect(await kms('GetKeyRotationStatus', { KeyId: 'alias/events' })).toMatchObject({
      ...{ KeyRotationEnabled: true, RotationPeriodInDays: 365 },
    });
    expect(await kms('GetKeyPolicy', { KeyId: 'alias/events', PolicyName: 'other' })).toMatchObject({
      __type: 'NotFoundException',
    });
  });

  test('is enabled, so that there is nothing to enable and no deletion to cancel', async () => {
    expect((await kms('EnableKey', { KeyId: 'alias/events' })).status).toBe(200);
    expect(await kms('CancelKeyDeletion', { KeyId: 'alias/events' })).toMatchObject({
      __type: 'KMSInvalidStateException',
      message: expect.stringMatching(/ is not pending deletion\.$/),
    });
  });

  test.each([
    ['other', "Key 'arn:aws:kms:us-east-1:000000000000:key/other' does not exist"],
    ['alias/other', 'Alias arn:aws:kms:us-east-1:000000000000:alias/other is not found.'],
    [
      'arn:aws:kms:eu-west-1:000000000000:alias/events',
      'Alias arn:aws:kms:eu-west-1:000000000000:alias/events is not found.',
    ],
  ])('%s is not there', async (KeyId, message) => {
    expect(await kms('DescribeKey', { KeyId })).toMatchObject({ __type: 'NotFoundException', message });
  });
});

describe('EventBridge Scheduler', () => {
  const client = () => new SchedulerClient(configuration());

  test('a schedule, with its group, its time zone, its window and its target', async () => {
    const found = await client().send(new GetScheduleCommand({ GroupName: 'reports', Name: 'weekly' }));
    expect(found).toMatchObject({
      Arn: 'arn:aws:scheduler:us-east-1:000000000000:schedule/reports/weekly',
      ...{ GroupName: 'reports', Name: 'weekly', State: 'ENABLED' },
      ...{ ScheduleExpression: 'cron(0 9 ? * MON *)', ScheduleExpressionTimezone: 'Europe/Berlin' },
      FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 5 },
      Target: { Input: '{"a":1}' },
    });
    expect(found.CreationDate).toBeInstanceOf(Date);
  });

  test('is of its group only', async () => {
    await expect(client().send(new GetScheduleCommand({ Name: 'weekly' }))).rejects.toMatchObject({
      ...{ name: 'ResourceNotFoundException', message: 'Schedule weekly does not exist.' },
    });
  });

  test('schedules and groups are listed, and filtered', async () => {
    const names = async (filter: object) =>
      (await client().send(new ListSchedulesCommand(filter))).Schedules?.map(({ Name }) => Name);
    expect(await names({})).toEqual(['weekly']);
    expect(await names({ GroupName: 'default' })).toEqual([]);
    expect(await names({ NamePrefix: 'x' })).toEqual([]);
    expect(await names({ State: 'DISABLED' })).toEqual([]);
    await expect(names({ GroupName: 'none' })).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    const { ScheduleGroups } = await client().send(new ListScheduleGroupsCommand({}));
    expect(ScheduleGroups?.map(({ Name }) => Name)).toEqual(['default', 'reports']);
    expect(await client().send(new GetScheduleGroupCommand({ Name: 'reports' }))).toMatchObject({
      ...{ Name: 'reports', State: 'ACTIVE' },
    });
  });
});

test.each([
  ['AWSEvents.DeleteEventBus', 'events:DeleteEventBus is of a deployment'],
  ['ServiceQuotasV20190624.GetServiceQuota', 'servicequotas:GetServiceQuota is of an account'],
  ['TrentService.DisableKey', 'kms:DisableKey would do nothing, since keys encrypt nothing here'],
])('%s is refused with the reason', async (target, reason) => {
  expect(await call(target, {})).toMatchObject({
    ...{ status: 400, __type: 'UnsupportedOperationException' },
    message: `The local run has what the template has: ${reason}.`,
  });
});

describe('deletion protection', () => {
  const dynamodb = (operation: string, input: object) => call(`DynamoDB_20120810.${operation}`, input);

  test('is put on and taken off a table, which then may be deleted', async () => {
    const TableName = 'orders';
    const set = (DeletionProtectionEnabled: boolean) =>
      dynamodb('UpdateTable', { TableName, DeletionProtectionEnabled });
    expect(await set(true)).toMatchObject({ TableDescription: { DeletionProtectionEnabled: true } });
    expect(await dynamodb('DescribeTable', { TableName })).toMatchObject({
      Table: { DeletionProtectionEnabled: true },
    });
    expect(await dynamodb('DeleteTable', { TableName })).toMatchObject({ status: 400 });
    expect(await set(false)).toMatchObject({ TableDescription: { DeletionProtectionEnabled: false } });
    expect(await dynamodb('DeleteTable', { TableName })).toMatchObject({ status: 200 });
  });

  test('of a table that is not there', async () => {
    expect(
      await dynamodb('UpdateTable', { TableName: 'none', DeletionProtectionEnabled: true }),
    ).toMatchObject({ __type: 'ResourceNotFoundException' });
  });
});

describe('a one-time schedule that a handler makes', () => {
  const client = () => new SchedulerClient(configuration());
  const at = (hours: number) => new Date(running.stack.now + hours * 3_600_000).toISOString().slice(0, 19);
  const reminder = (more: object = {}) =>
    new CreateScheduleCommand({
      ...{ Name: 'order-1001', GroupName: 'reports', ScheduleExpression: `at(${at(72)})` },
      FlexibleTimeWindow: { Mode: 'OFF' },
      ActionAfterCompletion: 'DELETE',
      Target: {
        ...{
          Arn: `${ARN}:events:us-east-1:000000000000:event-bus/bus`,
          RoleArn: `${ARN}:iam::000000000000:role/role`,
        },
        EventBridgeParameters: { Source: 'app.orders', DetailType: 'OrderReminderDue' },
        Input: '{"orderId": "order-1001"}',
      },
      ...more,
    });
  const ARN = 'arn:aws';
  const find = () => client().send(new GetScheduleCommand({ GroupName: 'reports', Name: 'order-1001' }));

  test('is made once, is listed, and is deleted', async () => {
    await expect(client().send(reminder())).resolves.toMatchObject({
      ScheduleArn: 'arn:aws:scheduler:us-east-1:000000000000:schedule/reports/order-1001',
    });
    await expect(client().send(reminder())).rejects.toMatchObject({ name: 'ConflictException' });
    expect(await find()).toMatchObject({ Name: 'order-1001', State: 'ENABLED' });
    const { Schedules } = await client().send(new ListSchedulesCommand({ GroupName: 'reports' }));
    expect(Schedules?.map(({ Name }) => Name)).toEqual(['weekly', 'order-1001']);
    const deletion = () => new DeleteScheduleCommand({ GroupName: 'reports', Name: 'order-1001' });
    await client().send(deletion());
    await expect(find()).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    await expect(client().send(deletion())).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  test.each<[object, string, string]>([
    [{ GroupName: 'none' }, 'ResourceNotFoundException', 'Schedule group none does not exist.'],
    [{ ScheduleExpression: 'in 3 days' }, 'ValidationException', 'Invalid Schedule Expression.'],
    [
      {
        Target: {
          Arn: 'arn:aws:sqs:us-east-1:000000000000:none',
          RoleArn: 'arn:aws:iam::000000000000:role/role',
        },
      },
      'ValidationException',
      'The local run has no target arn:aws:sqs:us-east-1:000000000000:none.',
    ],
  ])('is refused with %j', async (more, name, message) => {
    await expect(client().send(reminder(more))).rejects.toMatchObject({ name, message });
  });

  test('is of the default group if it names none, and sleeps if it is disabled', async () => {
    const made = await client().send(reminder({ GroupName: undefined, State: 'DISABLED' }));
    expect(made.ScheduleArn).toMatch(/:schedule\/default\/order-1001$/);
    const { Schedules } = await client().send(new ListSchedulesCommand({ State: 'DISABLED' }));
    expect(Schedules).toMatchObject([{ Name: 'order-1001', GroupName: 'default', State: 'DISABLED' }]);
    await client().send(new DeleteScheduleCommand({ Name: 'order-1001' }));
  });

  test.each<[object, RegExp]>([
    [{ ScheduleExpressionTimezone: 'Mars/Olympus' }, /^ValidationException: Invalid Schedule Expression\.$/],
    [
      {
        Target: {
          ...{
            Arn: 'arn:aws:sqs:us-east-1:000000000000:inbox',
            RoleArn: 'arn:aws:iam::000000000000:role/role',
          },
          Input: '{"n": "<aws.scheduler.nothing>"}',
        },
      },
      /^ValidationException: .*no context attribute <aws\.scheduler\.nothing>/,
    ],
    [{ EndDate: new Date(0) }, /^ValidationException: .* does not know its property EndDate/],
  ])('is refused with %j by a validation error', async (more, error) => {
    expect(
      await client()
        .send(reminder({ Name: 'odd', ...more }))
        .then(() => 'made', String),
    ).toMatch(error);
  });

  test('is not for deleting what the template has', async () => {
    const deletion = new DeleteScheduleCommand({ GroupName: 'reports', Name: 'weekly' });
    await expect(client().send(deletion)).rejects.toMatchObject({
      message: "The schedule weekly is the template's: a deployment deletes it.",
    });
  });
});
