/** The option `orderReminderDays`: what it makes, what it may do, and what the audit finds if a part of it is missing. */
import { APP } from '../../bin/app-description';
import { parseStage } from '../../lib/config';
import { auditHops } from '../../tools/proof/audit/audit';
import { proveRoutes } from '../../tools/proof/routes/routes';
import { assemblyOf } from '../tools/proof/assembly';
import { problemsOf } from './proven';
import { synthesize } from './synthesize';

const template = synthesize('production', { orderReminderDays: 3 }).toJSON();

// biome-ignore lint/suspicious/noExplicitAny: a template has no static type
type Resources = Record<string, { Type: string; Properties: any }>;

/** Messages of the audit's gaps in the template with a change. */
function gaps(change: (resources: Resources) => void): string[] {
  const changed = structuredClone(template);
  change(changed.Resources);
  return auditHops(assemblyOf(changed), APP).gaps.map(({ message }) => message);
}

const find = (resources: Resources, type: string, id: RegExp) => {
  const [found] = Object.entries(resources).filter(([name, { Type }]) => Type === type && id.test(name));
  if (!found) throw new Error(`no ${type} ${id}`);
  return found[1];
};
const schedulesRole = (resources: Resources) =>
  find(resources, 'AWS::IAM::Role', /^OrderRemindersSchedules/).Properties;
const functionPolicy = (resources: Resources) =>
  find(resources, 'AWS::IAM::Policy', /^RemindersRole/).Properties.PolicyDocument;
const variables = (resources: Resources) =>
  find(resources, 'AWS::Lambda::Function', /^RemindersFunction/).Properties.Environment.Variables;

test('holds every rule of the house', () => {
  expect(problemsOf(assemblyOf(template))).toEqual([]);
});

test('makes schedules in its own group only, and hands over one role, to Scheduler only', () => {
  const assembly = assemblyOf(template);
  const [lambda] = assembly.ofType('AWS::Lambda::Function').filter(({ name }) => name.endsWith('-reminders'));
  const policies = assembly
    .ofType('AWS::IAM::Policy')
    .filter(({ logicalId }) => logicalId.startsWith('RemindersRole'));
  // biome-ignore lint/suspicious/noExplicitAny: a statement has no static type
  const statements: any[] = policies.flatMap(({ properties }) => properties.PolicyDocument.Statement);
  const of = (action: string) => statements.filter(({ Action }) => [Action].flat().includes(action));
  const group = lambda?.properties.Environment.Variables.REMINDER_GROUP_NAME;
  expect(of('scheduler:CreateSchedule')).toMatchObject([
    { Resource: expect.stringMatching(new RegExp(`:schedule/${group}/\\*$`)) },
  ]);
  expect(of('iam:PassRole')).toMatchObject([
    {
      Resource: lambda?.properties.Environment.Variables.REMINDER_ROLE_ARN,
      Condition: { StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } },
    },
  ]);
  expect(statements.filter(({ Resource }) => [Resource].flat().includes('*'))).toEqual([]);
});

test('a replay neither makes schedules nor reminds', () => {
  const rules = assemblyOf(template)
    .ofType('AWS::Events::Rule')
    .filter(({ properties }) => properties.Targets.some(({ Id }: { Id: string }) => Id === 'Reminders'));
  expect(rules.length).toBeGreaterThan(0);
  for (const { properties } of rules)
    expect(properties.EventPattern['replay-name']).toEqual([{ exists: false }]);
});

test('a rule that is gone leaves the function without its events', () => {
  const { Resources, ...more } = structuredClone(template);
  const left = Object.entries<Resources[string]>(Resources).filter(
    ([, { Properties }]) => !/order-created-reminder$/.test(String(Properties.Name)),
  );
  const { findings } = proveRoutes(assemblyOf({ ...more, Resources: Object.fromEntries(left) }), APP);
  expect(findings.map(({ kind, consumer }) => [kind, consumer])).toEqual([['not-delivered', 'reminders']]);
});

test.each<[string, (resources: Resources) => void, RegExp]>([
  [
    'the schedules may not put events on the bus',
    (all) => (schedulesRole(all).Policies[0].PolicyDocument.Statement[0].Action = 'events:PutRule'),
    /events:PutEvents is not allowed on arn:.*event-bus/,
  ],
  [
    'the schedules may not use their dead-letter queue',
    (all) => (schedulesRole(all).Policies[0].PolicyDocument.Statement[1].Action = 'sqs:ReceiveMessage'),
    /sqs:SendMessage is not allowed for its role, on its dead-letter queue/,
  ],
  [
    'Scheduler may not assume their role',
    (all) =>
      (schedulesRole(all).AssumeRolePolicyDocument.Statement[0].Principal.Service = 'events.amazonaws.com'),
    /sts:AssumeRole is not allowed for scheduler.amazonaws.com/,
  ],
  [
    'the function may not hand the role over',
    (all) => {
      const policy = functionPolicy(all);
      policy.Statement = policy.Statement.filter(
        ({ Action }: { Action: string }) => Action !== 'iam:PassRole',
      );
    },
    /iam:PassRole is not allowed for its role/,
  ],
  [
    'the function may make schedules in any group',
    (all) => {
      for (const statement of functionPolicy(all).Statement)
        if (statement.Action === 'scheduler:CreateSchedule') statement.Resource = '*';
    },
    /its role allows scheduler:CreateSchedule on more than event-driven-order-reminders/,
  ],
  [
    'a variable with their role is not set',
    (all) => delete variables(all).REMINDER_ROLE_ARN,
    /its variable REMINDER_ROLE_ARN is not set: it cannot start/,
  ],
  [
    'they have a role that the template does not have',
    (all) => (variables(all).REMINDER_ROLE_ARN = 'arn:aws:iam::123456789012:role/other'),
    /its variable REMINDER_ROLE_ARN is arn:aws:iam::123456789012:role\/other/,
  ],
  [
    'they have a bus that the template does not have',
    (all) => (variables(all).REMINDER_BUS_ARN = 'arn:aws:sns:us-east-1:123456789012:other'),
    /its variable REMINDER_BUS_ARN is arn:aws:sns:us-east-1:123456789012:other/,
  ],
  [
    'nobody is told of what they lose',
    (all) => {
      for (const [id, { Type, Properties }] of Object.entries(all))
        if (Type === 'AWS::CloudWatch::Alarm' && /order-reminders-lost$/.test(Properties.AlarmName))
          delete all[id];
      const composite = find(all, 'AWS::CloudWatch::CompositeAlarm', /orderremindersnotmade/).Properties;
      composite.AlarmRule = 'ALARM("event-driven-order-reminders-undelivered")';
    },
    /InvocationsFailedToBeSentToDeadLetterCount/,
  ],
])('the audit finds that %s', (_what, change, message) => {
  expect(gaps(change)).toEqual([expect.stringMatching(message)]);
});

test.each([
  [0, 'cdk.json: stages.dev.orderReminderDays is 0, but must be false or a whole number from 1 to 365.'],
  [366, 'cdk.json: stages.dev.orderReminderDays is 366, but must be false or a whole number from 1 to 365.'],
  ['3', 'cdk.json: stages.dev.orderReminderDays is "3", but must be false or a whole number from 1 to 365.'],
])('%j days are refused with what is allowed', (orderReminderDays, message) => {
  expect(() => parseStage('dev', { orderReminderDays })).toThrow(message);
});
