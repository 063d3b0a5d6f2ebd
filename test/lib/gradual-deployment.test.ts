import { APP } from '../../bin/app-description';
import { auditHops } from '../../tools/proof/audit/audit';
import { rulesOf } from '../../tools/template/rules';
import { assemblyOf } from '../tools/proof/assembly';
import { problemsOf } from './proven';
import { synthesize } from './synthesize';

const template = synthesize('production', {
  gradualDeployment: 'CANARY_10PERCENT_5MINUTES',
  dailyReportScheduler: {},
}).toJSON();
const assembly = assemblyOf(template);
type Resource = { Type: string; Properties: Record<string, unknown>; UpdatePolicy?: object };
const resources = Object.entries<Resource>(template.Resources);

test('holds every rule of the house', () => {
  expect(problemsOf(assembly)).toEqual([]);
});

test('every rule calls a function by its alias', () => {
  const functions = rulesOf(assembly).flatMap(({ targets }) =>
    targets.filter(({ reference }) => reference.resource?.type === 'AWS::Lambda::Function'),
  );
  expect(functions.length).toBeGreaterThan(0);
  for (const { reference } of functions) expect(reference.qualifier).toBe('live');
});

test('every alias moves by CodeDeploy, in steps, and back if an alarm of its function goes off', () => {
  const aliases = resources.filter(([, { Type }]) => Type === 'AWS::Lambda::Alias');
  const groups = assembly.ofType('AWS::CodeDeploy::DeploymentGroup');
  expect(groups).toHaveLength(aliases.length);
  for (const [id, { UpdatePolicy }] of aliases) {
    expect([id, Object.keys(UpdatePolicy ?? {})]).toEqual([id, ['CodeDeployLambdaAliasUpdate']]);
  }
  for (const { name, properties } of groups) {
    const entry = properties.DeploymentGroupName.replace('event-driven-', '');
    const alarms = properties.AlarmConfiguration.Alarms.map(({ Name }: { Name: string }) => Name).sort();
    expect([name, alarms]).toEqual([
      name,
      ['dropped', 'errors', 'poison'].map((kind) => `event-driven-${entry}-${kind}`),
    ]);
    expect(properties.DeploymentConfigName).toBe('CodeDeployDefault.LambdaCanary10Percent5Minutes');
    expect(properties.AutoRollbackConfiguration.Events).toContain('DEPLOYMENT_STOP_ON_ALARM');
  }
});

test('an alias has the failure destination of its function: without it the audit finds a gap', () => {
  const changed = structuredClone(template);
  for (const [id, { Type, Properties }] of Object.entries<Resource>(changed.Resources)) {
    if (Type === 'AWS::Lambda::EventInvokeConfig' && Properties.Qualifier !== '$LATEST')
      delete changed.Resources[id];
  }
  const messages = auditHops(assemblyOf(changed), APP).gaps.map(({ message }) => message);
  expect(messages).toContainEqual(
    expect.stringContaining('it has no on-failure destination for calls as live'),
  );
});
