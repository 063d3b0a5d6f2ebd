/** Buses in a row: EventBridge drops what a rule would hand on to a third. */
import { UNDESCRIBED } from '../../../../tools/app';
import { auditHops } from '../../../../tools/proof/audit/audit';
import { assemblyOf } from '../../template/template';

const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const busOf = (Name: string) => ({ Type: 'AWS::Events::EventBus', Properties: { Name } });
const ruleOf = (bus: object | undefined, EventPattern: object, to: unknown, more: object = {}) => ({
  Type: 'AWS::Events::Rule',
  Properties: {
    ...bus,
    EventPattern,
    Targets: [{ Id: 'T', Arn: to, RoleArn: 'arn:aws:iam::0:role/r' }],
    ...more,
  },
});

/** Messages about a third bus, of rules that hand on from the default bus to `second`, and from there on. */
const found = (first: object, second: object, to: unknown = arnOf('Third'), more: object = {}) => {
  const assembly = assemblyOf({
    Second: busOf('second'),
    Third: busOf('third'),
    First: ruleOf(undefined, first, arnOf('Second'), more),
    Onward: ruleOf({ EventBusName: { Ref: 'Second' } }, second, to),
  });
  const { gaps, unknown } = auditHops(assembly, UNDESCRIBED);
  return [...gaps, ...unknown]
    .filter(({ message }) => message.includes('came to its own by rule'))
    .map((each) => each.resource);
};

test('the second of two rules that hand an event on is a gap', () => {
  expect(found({ source: ['app'] }, { source: [{ prefix: 'ap' }] })).toEqual(['Onward']);
  expect(
    found({ source: ['app'] }, { 'detail-type': ['A'] }, 'arn:aws:events:eu-west-1:111122223333:event-bus/x'),
  ).toEqual(['Onward']);
});

test('it is none if no event takes both, if a rule is disabled, or if the second is for no bus', () => {
  expect(found({ source: ['app'] }, { source: ['other'] })).toEqual([]);
  expect(found({ source: ['app'] }, { source: ['app'] }, arnOf('Third'), { State: 'DISABLED' })).toEqual([]);
  expect(found({ source: ['app'] }, { source: ['app'] }, 'arn:aws:sqs:us-east-1:000000000000:q')).toEqual([]);
});
