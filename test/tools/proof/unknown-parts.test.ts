/** Parts of a template that only AWS knows, by a parameter that nobody gave or as every account has them: what is said of them is never more than is known. */
import { UNDESCRIBED } from '../../../tools/app';
import { auditHops } from '../../../tools/proof/audit/audit';
import { notPricedIn } from '../../../tools/proof/cost/not-priced';
import { readEvent } from '../../../tools/proof/routes/given-event';
import { recipientsOf } from '../../../tools/proof/routes/recipients';
import { proveRoutes } from '../../../tools/proof/routes/routes';
import { assemblyOf } from './assembly';

const either = (yes: unknown, no: unknown) => ({ 'Fn::If': ['IsProduction', yes, no] });
const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const rule = (properties: object) => ({
  Type: 'AWS::Events::Rule',
  Properties: {
    EventBusName: { Ref: 'Bus' },
    EventPattern: { source: ['app.orders'] },
    Targets: [{ Id: 'Queue', Arn: arn('Queue'), DeadLetterConfig: { Arn: arn('Dead') } }],
    ...properties,
  },
});
const NOTHING = { Ref: 'AWS::NoValue' };
const assembly = (resources: object) =>
  assemblyOf({
    Parameters: { Stage: { Type: 'String' } },
    Conditions: { IsProduction: { 'Fn::Equals': [{ Ref: 'Stage' }, 'production'] } },
    Resources: {
      Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'orders' } },
      Queue: { Type: 'AWS::SQS::Queue' },
      Dead: { Type: 'AWS::SQS::Queue' },
      ...resources,
    },
  });
const REASON = /it depends on condition IsProduction .*, which cannot be evaluated/;
const SCHEDULE = {
  ScheduleExpression: 'rate(1 day)',
  FlexibleTimeWindow: { Mode: 'OFF' },
  Target: { Arn: arn('Queue'), RoleArn: 'arn:aws:iam::000000000000:role/any' },
};

describe.each<[what: string, resource: object, part: RegExp]>([
  ['the state of a rule', rule({ State: either('ENABLED', 'DISABLED') }), /State is not known/],
  [
    'all targets of a rule',
    rule({ Targets: either([{ Id: 'A', Arn: arn('Queue') }], NOTHING) }),
    /Targets is/,
  ],
  [
    'one target of a rule',
    rule({ Targets: [either({ Id: 'A', Arn: arn('Queue') }, NOTHING)] }),
    /Targets.0 is/,
  ],
  [
    'the retries of a target',
    rule({
      Targets: [{ Id: 'A', Arn: arn('Queue'), RetryPolicy: either({ MaximumRetryAttempts: 0 }, NOTHING) }],
    }),
    /Targets.0.RetryPolicy is not known/,
  ],
  [
    'the pattern of a rule',
    rule({ EventPattern: either({ source: ['a'] }, { source: ['b'] }) }),
    /which events it takes/,
  ],
  [
    'a field of the pattern',
    rule({ EventPattern: { source: either(['a'], ['b']) } }),
    /which events it takes/,
  ],
  [
    'the state of a schedule',
    { Type: 'AWS::Scheduler::Schedule', Properties: { ...SCHEDULE, State: either('ENABLED', 'DISABLED') } },
    /State is not known/,
  ],
  [
    'the state of a pipe',
    {
      Type: 'AWS::Pipes::Pipe',
      Properties: {
        DesiredState: either('RUNNING', 'STOPPED'),
        ...{ Source: arn('Queue'), Target: arn('Bus'), RoleArn: 'arn:aws:iam::000000000000:role/any' },
      },
    },
    /DesiredState is not known/,
  ],
])('%s', (what, resource, part) => {
  const given = assembly({ Tested: resource });
  const isOfTested = (each: { resource?: string }) => each.resource === 'Tested';

  test('cannot be told by the audit', () => {
    const { unknown, gaps } = auditHops(given, UNDESCRIBED);
    const messages = unknown.filter(isOfTested).map(({ message }) => message);
    expect(messages.filter((message) => part.test(message) && REASON.test(message))).toHaveLength(1);
    expect(gaps.filter(isOfTested).map(({ message }) => message)).not.toContainEqual(
      expect.stringMatching(/disabled/),
    );
  });

  test('cannot be told by routes, and is no finding', () => {
    const { unknown, findings, notCovered } = proveRoutes(given, UNDESCRIBED);
    expect(findings).toEqual([]);
    const isPipe = what.includes('pipe');
    const told = [...unknown, ...(isPipe ? notCovered : [])].filter(isOfTested).map(({ message }) => message);
    expect(told).toContainEqual(expect.stringMatching(isPipe ? /routes end/ : part));
  });
});

test.each([
  ['state', { State: either('ENABLED', 'DISABLED') }, 'State is not known: it depends on'],
  [
    'pattern',
    { EventPattern: either({ source: ['a'] }, { source: ['b'] }) },
    'it depends on condition IsProduction',
  ],
])('whether a rule with an unknown %s takes an event cannot be told', (_, properties, reason) => {
  const { routing } = proveRoutes(assembly({ Tested: rule(properties) }), UNDESCRIBED);
  const event = { source: 'app.orders', 'detail-type': 'OrderPlaced', detail: {} };
  const [recipient] = recipientsOf(routing, readEvent(event, routing));
  expect(recipient).toMatchObject({
    takes: 'unknown',
    misses: [{ reason: expect.stringContaining(reason) }],
    deliveries: [{ target: 'Queue' }],
  });
});

test('the default bus of the account is a target that is there, whatever the template has', () => {
  const Arn = 'arn:aws:events:us-east-1:000000000000:event-bus/default';
  const given = assembly({ Tested: rule({ Targets: [{ Id: 'Default', Arn }] }) });
  expect(proveRoutes(given, UNDESCRIBED)).toMatchObject({ findings: [], unknown: [] });
  const { unknown, gaps } = auditHops(given, UNDESCRIBED);
  const messages = [...unknown, ...gaps].map(({ message }) => message);
  expect(messages).not.toContainEqual(expect.stringContaining('not in this template'));
});

test('a target whose input EventBridge refuses is told to get nothing', () => {
  const InputTransformer = { InputPathsMap: {}, InputTemplate: '{"a": <nowhere>}' };
  const targets = { Targets: [{ Id: 'Queue', Arn: arn('Queue'), InputTransformer }] };
  const { routing } = proveRoutes(assembly({ Tested: rule(targets) }), UNDESCRIBED);
  const given = readEvent({ source: 'app.orders', 'detail-type': 'OrderPlaced', detail: {} }, routing);
  expect(recipientsOf(routing, given)).toMatchObject([
    { takes: 'yes', deliveries: [{ target: 'Queue', problem: { reason: 'EventBridge refuses its input' } }] },
  ]);
});

test('a bill says which rules and schedules it counts without a part', () => {
  const given = assembly({ Tested: rule({ State: either('ENABLED', 'DISABLED') }) });
  expect(notPricedIn(given, [], UNDESCRIBED)).toContainEqual({
    resource: 'Tested',
    type: 'AWS::Events::Rule',
    message: expect.stringMatching(/^its calls are counted without this: State is not known: it depends on/),
  });
});

test.each([
  ['no condition', undefined, true],
  ['the source of the event', { StringEquals: { 'events:source': 'app.orders' } }, true],
  ['the type of the event', { StringLike: { 'events:detail-type': 'Order*' } }, true],
  [
    'the organization',
    { StringEquals: { 'aws:PrincipalOrgID': 'o-a1b2c3d4e5', 'events:source': 'a' } },
    false,
  ],
])('a policy that lets everybody publish, on condition of %s', (_, Condition, isOpen) => {
  const Statement = {
    ...{ Effect: 'Allow', Principal: '*', Action: 'events:PutEvents', Resource: arn('Bus') },
    ...(Condition && { Condition }),
  };
  const Policy = {
    Type: 'AWS::Events::EventBusPolicy',
    Properties: { EventBusName: { Ref: 'Bus' }, StatementId: 'any', Statement },
  };
  const { gaps } = auditHops(assembly({ Policy, Tested: rule({}) }), UNDESCRIBED);
  const isTold = gaps.some(({ message }) => message.includes('its policy lets every AWS account put events'));
  expect(isTold).toBe(isOpen);
});
