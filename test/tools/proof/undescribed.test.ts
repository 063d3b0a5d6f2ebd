/** A template whose application nobody has described: what needs a description is not looked at, and no finding. */
import { APP } from '../../../bin/app-description';
import { type App, UNDESCRIBED } from '../../../tools/app';
import { auditHops } from '../../../tools/proof/audit/audit';
import { describedBy } from '../../../tools/proof/described';
import { proveRoutes } from '../../../tools/proof/routes/routes';
import { textReport } from '../../../tools/proof/routes/routes-report';
import { synthesize } from '../../lib/synthesize';
import { assemblyOf } from './assembly';

const template = synthesize().toJSON();

test('routes has no finding, and says what it did not look at', () => {
  const proof = proveRoutes(assemblyOf(template), UNDESCRIBED);
  expect(proof.findings).toEqual([]);
  const report = textReport(proof, { stackName: 'event-driven', title: 'cdk.out', verbose: false });
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
