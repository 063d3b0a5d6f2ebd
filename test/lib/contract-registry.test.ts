import { readdirSync, readFileSync } from 'node:fs';
import { APP } from '../../bin/app-description';
import { CONTRACTS } from '../../lambdas/events';
import { ConfigError } from '../../lib/config';
import { auditHops } from '../../tools/proof/audit/audit';
import { assemblyOf } from '../tools/proof/assembly';
import { problemsOf } from './proven';
import { synthesize } from './synthesize';

const template = synthesize('production', { schemaRegistry: 'CONTRACTS_AND_DISCOVERY' }).toJSON();
const assembly = assemblyOf(template);

test('has every released version of every contract, each as a schema of its own', () => {
  const released = readdirSync('contracts').flatMap((file) => {
    const [, source, type, version] = /^(.+)\.(\w+)\.v(\d+)\.schema\.json$/.exec(file) ?? [];
    return source === undefined ? [] : [`${source}@${type}-v${version}`];
  });
  const schemas = assembly.ofType('AWS::EventSchemas::Schema').map(({ properties }) => properties);
  expect(schemas.map(({ SchemaName }) => SchemaName).sort()).toEqual(released.sort());
  for (const { Type, Content } of schemas) {
    const { openapi, components } = JSON.parse(Content);
    expect([Type, openapi]).toEqual(['OpenApi3', '3.0.0']);
    const type = components.schemas.AWSEvent['x-amazon-events-detail-type'];
    const contract = CONTRACTS.find(({ detailType }) => detailType === type);
    const { required, properties } = components.schemas[type];
    const { metadata: _, ...fields } = properties;
    expect(Object.keys(fields)).toEqual(Object.keys(contract?.schema.entries ?? {}));
    const file = `contracts/${contract?.source}.${type}.v${contract?.version}.schema.json`;
    const own = JSON.parse(readFileSync(file, 'utf8')).required.filter(
      (field: string) => field !== 'metadata',
    );
    expect(required.filter((field: string) => field !== 'metadata')).toEqual(own);
  }
});

test('holds every rule of the house', () => {
  expect(problemsOf(assembly)).toEqual([]);
});

test('discovery and a customer-managed key exclude each other, at synth and in the audit', () => {
  const both = () =>
    synthesize('dev', { schemaRegistry: 'CONTRACTS_AND_DISCOVERY', customerManagedKey: true });
  expect(both).toThrow(ConfigError);
  expect(both).toThrow(
    'cdk.json: stages.dev.schemaRegistry is "CONTRACTS_AND_DISCOVERY", but EventBridge discovers no schemas on a bus under a customer-managed key. Choose "CONTRACTS", or customerManagedKey false.',
  );
  const changed = structuredClone(template);
  const bus = Object.values<{ Type: string; Properties: object }>(changed.Resources).find(
    ({ Type }) => Type === 'AWS::Events::EventBus',
  );
  Object.assign(bus?.Properties ?? {}, { KmsKeyIdentifier: 'alias/mine' });
  const { gaps } = auditHops(assemblyOf(changed), APP);
  expect(gaps.map(({ message }) => message)).toContainEqual(expect.stringContaining('it discovers nothing'));
});
