/** Events that come from outside of the account, and rules in a row that would hand one on to a third bus. */
import { ForeignEvents, foreignPublishersOf, thirdBusesOf } from '../../../tools/template/foreign-events';
import { ARN, assemblyOf } from './template';

const bus = (Name: string, more: object = {}) => ({
  Type: 'AWS::Events::EventBus',
  Properties: { Name, ...more },
});
const policy = (Statement: object, EventBusName = 'front') => ({
  Type: 'AWS::Events::EventBusPolicy',
  Properties: { EventBusName, StatementId: 's', Statement },
});

describe('publishers of other accounts', () => {
  const publishers = (resources: Record<string, object>) => {
    const assembly = assemblyOf({ Bus: bus('front'), ...resources });
    const [front] = assembly.ofType('AWS::Events::EventBus');
    return foreignPublishersOf(assembly, front as never);
  };
  const allow = { Effect: 'Allow', Action: 'events:PutEvents', Resource: '*' };

  test('are the accounts and organizations that the policy of the bus lets in, with their sources', () => {
    expect(
      publishers({
        Accounts: policy({
          ...{ ...allow, Principal: { AWS: ['111122223333', 'arn:aws:iam::000000000000:root', '*'] } },
          Condition: { StringEquals: { 'events:source': ['partner.a'] }, Null: { 'events:source': 'false' } },
        }),
        Organization: policy({
          ...{ ...allow, Principal: '*' },
          Condition: { StringEquals: { 'aws:PrincipalOrgID': 'o-1' } },
        }),
      }),
    ).toEqual([
      { name: 'account 111122223333', sources: ['partner.a'] },
      { name: 'organization o-1', sources: [] },
    ]);
  });

  test('are also those of a policy in its older form', () => {
    const older = { EventBusName: 'front', StatementId: 's', Action: 'events:PutEvents' };
    const condition = { Type: 'StringEquals', Key: 'aws:PrincipalOrgID', Value: 'o-1' };
    const resource = (more: object) => ({
      Type: 'AWS::Events::EventBusPolicy',
      Properties: { ...older, ...more },
    });
    expect(
      publishers({
        Account: resource({ Principal: '111122223333' }),
        Organization: resource({ Principal: '*', Condition: condition }),
      }),
    ).toEqual([
      { name: 'account 111122223333', sources: [] },
      { name: 'organization o-1', sources: [] },
    ]);
  });

  test.each([
    ['lets another account publish', { Principal: { AWS: '111122223333' } }, true],
    ['lets everybody of an organization publish', { Principal: '*' }, true],
    ['limits this account to', { Principal: { AWS: 'arn:aws:iam::000000000000:root' } }, false],
    ['denies others', { Effect: 'Deny', Principal: '*' }, false],
  ])('are those of the events of a source that a policy %s', (_, more, isForeign) => {
    const Condition = { StringEquals: { 'events:source': 'partner.a' } };
    const assembly = assemblyOf({ Bus: bus('front'), Policy: policy({ ...allow, Condition, ...more }) });
    const rule = { bus: 'front', eventPattern: { source: ['partner.a'] } };
    expect(new ForeignEvents(assembly).isForeign(rule)).toBe(isForeign);
  });

  test('are not those of another bus, nor whom a statement denies', () => {
    const statement = { ...allow, Principal: { AWS: '111122223333' } };
    expect(
      publishers({ Other: policy(statement, 'back'), Denied: policy({ ...statement, Effect: 'Deny' }) }),
    ).toEqual([]);
  });
});

describe('a third bus', () => {
  const rule = (EventBusName: string, EventPattern: unknown, to: string, more: object = {}) => ({
    Type: 'AWS::Events::Rule',
    Properties: {
      ...{ EventBusName, EventPattern, Targets: [{ Id: 'T', Arn: ARN('events', `event-bus/${to}`) }] },
      ...more,
    },
  });
  const third = (first: unknown, second: unknown, more: object = {}) =>
    thirdBusesOf(
      assemblyOf({ First: rule('front', first, 'middle'), Second: rule('middle', second, 'back', more) }),
    ).map(({ bus: name, unknown }) => ({ name, unknown }));
  const source = (name: string) => ({ source: [name] });

  test('is dropped, if an event takes both rules', () => {
    expect(third(source('a'), { detail: { kind: ['b'] } })).toEqual([{ name: 'back', unknown: undefined }]);
  });

  test.each<[string, unknown, unknown, object]>([
    ['if no event takes both', source('a'), source('b'), {}],
    ['if one is disabled', source('a'), source('a'), { State: 'DISABLED' }],
    ['if a pattern is one that EventBridge refuses', source('a'), { source: [] }, {}],
    [
      'if the second hands back to its own bus',
      source('a'),
      source('a'),
      {
        Targets: [{ Id: 'T', Arn: ARN('events', 'event-bus/middle') }],
      },
    ],
  ])('is none %s', (_, first, second, more) => {
    expect(third(first, second, more)).toEqual([]);
  });
});
