/** Resources that a condition keeps out are named, with the option that turns it on, and nothing is claimed of it. */
import path from 'node:path';
import { UNDESCRIBED } from '../../../tools/app';
import { auditHops } from '../../../tools/proof/audit/audit';
import { auditText } from '../../../tools/proof/audit/audit-report';
import { proveRoutes } from '../../../tools/proof/routes/routes';
import { routesText } from '../../../tools/proof/routes/routes-report';
import { exitCodeOf } from '../../../tools/proof/verdicts';
import { type AssemblyOptions, readAssembly } from '../../../tools/template/assembly';
import { loadAssembly } from '../../../tools/template/source/assembly-option';
import { assemblyOf } from './assembly';

const FILE = path.join(__dirname, 'corpus', 'rules-under-a-condition.yaml');
const read = (parameters: AssemblyOptions['parameters'] = {}, region = 'us-east-1') =>
  readAssembly(FILE, { region, parameters });

test.each([
  ['Rule', 'IsOn', '--parameter Alarms=on turns it on'],
  ['Topic', 'IsOn', '--parameter Alarms=on turns it on'],
  ['Mailed', 'HasMail', '--parameter Mail=VALUE turns it on'],
  ['All', 'HasAll', 'it depends on the parameters Mail and Both'],
  ['Europe', 'IsEurope', '--region eu-west-1 turns it on'],
  ['Nowhere', 'Never', 'no parameter turns it on'],
])('%s is under the condition %s: %s', (resource, condition, turnedOn) => {
  const { absent } = auditHops(read(), UNDESCRIBED);
  expect(absent.find((each) => each.resource === resource)).toMatchObject({ condition, turnedOn });
});

test('each option that is named does turn its resource on', () => {
  for (const { resource, turnedOn } of read().absent) {
    const [, name, value] = /^--parameter (\w+)=(\S+) turns/.exec(turnedOn) ?? [];
    const [, region] = /^--region (\S+) turns/.exec(turnedOn) ?? [];
    if (name !== undefined && value !== undefined)
      expect(read({ [name]: value }).resources.has(resource)).toBe(true);
    if (region !== undefined) expect(read({}, region).resources.has(resource)).toBe(true);
  }
});

test('policies and roles, which go with what they are for, are not listed', () => {
  const { absent } = auditHops(read(), UNDESCRIBED);
  expect(absent.map(({ resource }) => resource)).toEqual([
    'Rule',
    'Topic',
    'Mailed',
    'All',
    'Europe',
    'Nowhere',
  ]);
});

test('a template of which all is kept out is no bad input: both reports say so, and exit code 0', async () => {
  const assembly = await loadAssembly({ template: FILE, region: 'us-east-1' });
  const { stackName, title } = assembly;
  const named = 'Only under the condition IsOn, which is false here (--parameter Alarms=on turns it on):';
  const audited = auditHops(assembly, UNDESCRIBED);
  const audit = auditText(audited, { stackName, title, width: 120 });
  expect(audit).toContain(`${named}\n  Rule (AWS::Events::Rule)\n  Topic (AWS::SNS::Topic)`);
  expect(audit).toContain('Nothing here hands events on: there is nothing to audit.');
  expect(exitCodeOf(audited, {})).toBe(0);
  const proof = proveRoutes(assembly, UNDESCRIBED);
  expect(routesText(proof, { stackName, title, verbose: false })).toContain(named);
  expect(exitCodeOf({ ...proof, gaps: proof.findings }, {})).toBe(0);
});

test('what is turned on is audited', () => {
  const { hops, absent } = auditHops(read({ Alarms: 'on' }), UNDESCRIBED);
  expect(hops.length).toBeGreaterThan(0);
  expect(absent.map(({ resource }) => resource)).not.toContain('Rule');
});

test('a template with only a pipe or a schedule has routes, none of them by a rule', () => {
  const Schedule = {
    Type: 'AWS::Scheduler::Schedule',
    Properties: {
      ScheduleExpression: 'rate(1 hour)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: { Arn: 'arn:aws:sqs:us-east-1:000000000000:jobs', RoleArn: 'arn:aws:iam::000000000000:role/r' },
    },
  };
  const { schedules } = proveRoutes(assemblyOf({ Resources: { Schedule } }), UNDESCRIBED);
  expect(schedules).toMatchObject([{ expression: 'rate(1 hour)' }]);
  const Pipe = {
    Type: 'AWS::Pipes::Pipe',
    Properties: {
      Source: 'arn:aws:sqs:us-east-1:000000000000:jobs',
      Target: 'arn:aws:sqs:us-east-1:000000000000:others',
      RoleArn: 'arn:aws:iam::000000000000:role/r',
    },
  };
  const { notCovered, findings } = proveRoutes(assemblyOf({ Resources: { Pipe } }), UNDESCRIBED);
  expect(notCovered).toMatchObject([{ resource: 'Pipe', type: 'AWS::Pipes::Pipe' }]);
  expect(findings).toEqual([]);
});

test('a nested stack gets its parameters from its parent', () => {
  const nested = path.join(__dirname, 'corpus', 'nested-stacks');
  expect(readAssembly(nested, { region: 'us-east-1' }).absent).toEqual([]);
});
