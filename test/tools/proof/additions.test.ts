/** The shipped stack, to which one thing is added that it does not have: each tool names it. */
import { APP } from '../../../bin/app-description';
import measurements from '../../../samples/measurements.json';
import { notRun } from '../../../tools/local/supported';
import { auditHops } from '../../../tools/proof/audit/audit';
import { costOf } from '../../../tools/proof/cost/cost';
import { parseMix } from '../../../tools/proof/cost/event-mix';
import type { Measurement } from '../../../tools/proof/cost/measurement';
import { proveRoutes } from '../../../tools/proof/routes/routes';
import { synthesize } from '../../lib/synthesize';
import { assemblyOf } from './assembly';

// biome-ignore lint/suspicious/noExplicitAny: templates have no static type
type Json = any;

const template: Json = synthesize().toJSON();
const idOf = (type: string): string =>
  Object.entries<Json>(template.Resources).find(([, { Type }]) => Type === type)?.[0] ?? '';
const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const QUEUE = arnOf(idOf('AWS::SQS::Queue'));
const FUNCTION = { Ref: idOf('AWS::Lambda::Function') };
const ROLE = arnOf(idOf('AWS::IAM::Role'));

const ADDED: readonly (readonly [what: string, type: string, properties: Json])[] = [
  [
    'a schedule',
    'AWS::Scheduler::Schedule',
    { ScheduleExpression: 'rate(1 day)', Target: { Arn: QUEUE, RoleArn: ROLE } },
  ],
  [
    'a pipe',
    'AWS::Pipes::Pipe',
    { Source: QUEUE, Target: arnOf(idOf('AWS::Events::EventBus')), RoleArn: ROLE },
  ],
  [
    'an event source mapping',
    'AWS::Lambda::EventSourceMapping',
    { EventSourceArn: QUEUE, FunctionName: FUNCTION },
  ],
  ['a state machine', 'AWS::StepFunctions::StateMachine', { RoleArn: ROLE, DefinitionString: '{}' }],
  [
    'an API destination',
    'AWS::Events::ApiDestination',
    { ConnectionArn: 'a', HttpMethod: 'POST', InvocationEndpoint: 'https://example.com' },
  ],
  ['a second bus', 'AWS::Events::EventBus', { Name: 'second' }],
];

/** Free by itself: what it makes others do, or what is handed to it, is in the bill, or named there. */
const FREE = ['AWS::Lambda::EventSourceMapping', 'AWS::Events::EventBus', 'AWS::Events::ApiDestination'];

/** The local run runs these, an API destination as far as it may reach its host; it names the others. */
const RUN = [
  'AWS::Scheduler::Schedule',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Events::ApiDestination',
  'AWS::Events::EventBus',
  'AWS::StepFunctions::StateMachine',
];

test.each(ADDED)('%s', (_, type, Properties) => {
  const changed = structuredClone(template);
  changed.Resources.Added = { Type: type, Properties };
  const assembly = assemblyOf(changed);
  const audit = auditHops(assembly, APP);
  const named = (entries: readonly { readonly resource: string }[]) =>
    entries.map(({ resource }) => resource);
  const { name } = assembly.resources.get('Added') ?? { name: '' };
  const hops = audit.hops.filter(({ from, to }) => /\bAdded\b|\bsecond\b/.test(`${from} ${to}`)).length;
  expect([
    ...named([...audit.gaps, ...audit.unknown, ...audit.notCovered]),
    ...Array(hops).fill('Added'),
  ]).toContain('Added');

  const routes = proveRoutes(assembly, APP);
  const schedules = routes.routing.schedules.map(({ model }) => model.resource.logicalId);
  expect([...named(routes.notCovered), ...routes.routing.buses, ...schedules]).toContain(
    name === 'second' ? 'second' : 'Added',
  );

  const isNamed = notRun(assembly).some((line) => line.startsWith(`${type} Added does not run here`));
  expect(isNamed).toBe(!RUN.includes(type));

  if (FREE.includes(type)) return;
  const mix = parseMix(APP.mix ?? '', APP.contracts);
  const assumptions = { mix, months: 1, slowdown: 1, coldStarts: 0, failures: 0 };
  const cost = costOf(assembly, APP, measurements as unknown as Measurement, [1_000], assumptions);
  // A day in the month for each of its calls, at a dollar a million.
  const scheduled = cost.bills[0]?.items.find(({ name }) => name === 'EventBridge: Scheduler');
  if (type === 'AWS::Scheduler::Schedule') expect(scheduled).toMatchObject({ quantity: 30 });
  else expect(named(cost.notCovered)).toContain('Added');
});
