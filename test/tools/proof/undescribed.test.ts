/** A template whose application nobody has described: what needs a description is not looked at, and no finding. */
import { APP } from '../../../bin/app-description';
import { type App, UNDESCRIBED } from '../../../tools/app';
import { auditHops } from '../../../tools/proof/audit/audit';
import { describedBy } from '../../../tools/proof/described';
import { proveRoutes } from '../../../tools/proof/routes/routes';
import { routesText } from '../../../tools/proof/routes/routes-report';
import { synthesize } from '../../lib/synthesize';
import { assemblyOf } from './assembly';

const template = synthesize().toJSON();

test('routes has no finding, and says what it did not look at', () => {
  const proof = proveRoutes(assemblyOf(template), UNDESCRIBED);
  expect(proof.findings).toEqual([]);
  const report = routesText(proof, { stackName: 'event-driven', title: 'cdk.out', verbose: false });
  expect(report).toContain('Not looked at: which events the rules take: no contract is described.');
  expect(report).toContain(
    'Not looked at: whether the targets accept what they are given: no consumer is described.',
  );
});

test('routes still finds what needs no description', () => {
  const changed = structuredClone(template);
  const [rule] = Object.values<{ Type: string; Properties: { State: string } }>(changed.Resources).filter(
    ({ Type }) => Type === 'AWS::Events::Rule',
  );
  if (rule) rule.Properties.State = 'DISABLED';
  expect(proveRoutes(assemblyOf(changed), UNDESCRIBED).findings).toMatchObject([{ kind: 'dead-rule' }]);
});

test('audit has no gap, and says what it did not look at', () => {
  const { gaps, notes, hops } = auditHops(assemblyOf(template), UNDESCRIBED);
  expect(gaps).toEqual([]);
  expect(hops.filter(({ kind }) => kind === 'call')).toEqual([]);
  expect(notes).toContain(
    'Not looked at: what the functions call, with which permissions: no consumer is described.',
  );
});

describe('whether the description is of the template', () => {
  test('it is if one of its functions is a described consumer', () => {
    expect(describedBy(APP, assemblyOf(template))).toBe(APP);
  });

  test('it is not if none is: a template of somebody else is undescribed', () => {
    const others: App = { ...APP, consumers: { 'somebody-elses': APP.consumers.notifier as never } };
    expect(describedBy(others, assemblyOf(template))).toBe(UNDESCRIBED);
    expect(describedBy(APP, assemblyOf({ Resources: {} }))).toBe(UNDESCRIBED);
  });
});

test('routes shows the rules, with their targets, and how they go together', () => {
  const rule = (pattern: object) => ({
    Type: 'AWS::Events::Rule',
    Properties: {
      EventPattern: pattern,
      Targets: [
        { Id: 'Jobs', Arn: { 'Fn::GetAtt': ['Queue', 'Arn'] } },
        { Id: 'Elsewhere', Arn: 'arn:aws:sqs:us-east-1:000000000000:other' },
      ],
    },
  });
  const proof = proveRoutes(
    assemblyOf({
      Parameters: { Kind: { Type: 'String' } },
      Resources: {
        Queue: { Type: 'AWS::SQS::Queue' },
        All: rule({ source: ['shop'] }),
        Paid: rule({ source: ['shop'], 'detail-type': ['Paid'] }),
        Again: rule({ source: [{ prefix: 'shop' }, 'shop'], 'detail-type': ['Paid'] }),
        Other: rule({ source: ['bank'] }),
        Unsure: rule({ source: [{ Ref: 'Kind' }] }),
      },
    }),
    UNDESCRIBED,
  );
  const text = routesText(proof, { stackName: 'event-driven', title: 'cdk.out', verbose: false });
  expect(text).toContain(
    'Paid on default\n  takes {"source":["shop"],"detail-type":["Paid"]}\n  → Jobs: queue Queue\n' +
      '  → Elsewhere: queue arn:aws:sqs:us-east-1:000000000000:other',
  );
  expect(text).toContain(
    '\n  All takes all that these take: Paid\n  Again takes all that these take: Paid\n',
  );
  expect(text).toContain('\n  All takes some in common with Again\n');
  expect(text).toMatch(
    /\nNot looked at: what rule \S+Unsure takes in common with others: parameter Kind has no default\.\n/,
  );
  expect(text).not.toMatch(/\b(Other|Unsure)\b.* take (some|all|the same)/);
});
