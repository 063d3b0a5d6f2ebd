import { toJsonSchema } from '@valibot/to-json-schema';
import { CfnDiscoverer, CfnRegistry, CfnSchema } from 'aws-cdk-lib/aws-eventschemas';
import { Construct } from 'constructs';
import * as v from 'valibot';
import { type EventContract, Metadata } from '../lambdas/contract';
import { CONTRACTS } from '../lambdas/events';
import { ConfigError, type StageConfig } from './config';
import type { EventBus } from './event-bus';

/** The parts of a contract's version that its schema needs. */
type Version = Pick<EventContract, 'source' | 'detailType' | 'version' | 'schema'>;

/**
 * EventBridge's schema registry with every version of every contract, from which IDEs make types for other teams. Each
 * version is a schema of its own name, so that a new one never changes what somebody has generated code of.
 */
export class ContractRegistry extends Construct {
  constructor(scope: Construct, id: string, { config, bus }: { config: StageConfig; bus: EventBus }) {
    super(scope, id);
    const registry = new CfnRegistry(this, 'Registry', {
      registryName: config.prefix,
      description: `Contracts of the events of ${config.prefix}`,
    });
    for (const version of CONTRACTS.flatMap((contract): readonly Version[] => contract.versions)) {
      const name = `${version.source}@${version.detailType}-v${version.version}`;
      new CfnSchema(this, name, {
        registryName: registry.attrRegistryName,
        schemaName: name,
        type: 'OpenApi3',
        description: `Version ${version.version} of ${version.source}/${version.detailType}`,
        content: JSON.stringify(documentOf(version)),
      });
    }
    if (config.schemaRegistry === 'CONTRACTS_AND_DISCOVERY') {
      new CfnDiscoverer(this, 'Discoverer', {
        sourceArn: bus.bus.eventBusArn,
        description: `Finds the schemas of what comes to ${config.prefix}-bus`,
        crossAccount: false,
      });
    }
  }
}

/**
 * Checks that discovery can read the bus.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-cmkey.html
 * @throws ConfigError
 */
export function requireReadableBus({ stage, schemaRegistry, customerManagedKey }: StageConfig): void {
  if (schemaRegistry !== 'CONTRACTS_AND_DISCOVERY' || !customerManagedKey) return;
  throw new ConfigError(
    `cdk.json: stages.${stage}.schemaRegistry is "CONTRACTS_AND_DISCOVERY", but EventBridge discovers no schemas on a bus ` +
      'under a customer-managed key. Choose "CONTRACTS", or customerManagedKey false.',
  );
}

/** An OpenAPI document of one event, in the form of those that EventBridge discovers. */
function documentOf({ source, detailType, version, schema }: Version): object {
  const whole = v.object({ ...schema.entries, metadata: Metadata });
  const { $schema, ...detail } = toJsonSchema(whole, {
    ...{ target: 'openapi-3.0', typeMode: 'input', errorMode: 'ignore' },
  });
  const text = { type: 'string' };
  const envelope = {
    version: text,
    id: text,
    source: text,
    account: text,
    region: text,
    'detail-type': text,
  };
  const properties = {
    ...envelope,
    time: { ...text, format: 'date-time' },
    resources: { type: 'array', items: text },
    detail: { $ref: `#/components/schemas/${detailType}` },
  };
  const AWSEvent = {
    type: 'object',
    required: Object.keys(properties),
    'x-amazon-events-detail-type': detailType,
    'x-amazon-events-source': source,
    properties,
  };
  return {
    openapi: '3.0.0',
    info: { version: `${version}.0.0`, title: detailType },
    paths: {},
    components: { schemas: { AWSEvent, [detailType]: detail } },
  };
}
