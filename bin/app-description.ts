/** Description of this application for the tools: the one place where they and `lambdas` meet. */

import { callCountsOf } from '../lambdas/call-times';
import { CLIENT_CONFIG } from '../lambdas/client-config';
import { CONSUMERS } from '../lambdas/consumers';
import { type EventContract, Metadata, PoisonEventError } from '../lambdas/contract';
import { CONTRACTS } from '../lambdas/events';
import { METRICS } from '../lambdas/metrics';
import { eventIdsOf } from '../lambdas/order-item';
import { DAY_INDEX, DAY_KEY_INDEX, DAY_SHARDS, ORDER_KEY } from '../lambdas/order-table';
import { redactEmails } from '../lambdas/personal-data';
import { EVENT_SIZE } from '../lambdas/publisher';
import { TARGETS } from '../lambdas/targets';
import { version } from '../package.json';
import type { App, Contract } from '../tools/app';
import { publishContractEvents } from './app-publisher';

export const APP: App = {
  contracts: CONTRACTS.map(describeContract),
  catalogue: { title: 'Events of the order backend', version, defaultBus: 'event-driven-bus' },
  consumers: Object.fromEntries(
    Object.entries(CONSUMERS).map(([name, consumer]) => [
      name,
      { ...consumer, attempts: CLIENT_CONFIG.maxAttempts },
    ]),
  ),
  targets: TARGETS,
  variables: {
    consumer: 'POWERTOOLS_SERVICE_NAME',
    metricsNamespace: 'POWERTOOLS_METRICS_NAMESPACE',
    logLevel: 'POWERTOOLS_LOG_LEVEL',
  },
  poison: { error: PoisonEventError.name, metric: METRICS.poisonEvents },
  entity: {
    name: 'order',
    idField: ORDER_KEY,
    tableOutput: 'OrdersTableName',
    rebuild: { processedAt: 'processedAt', revision: 'revision', eventIds: eventIdsOf },
  },
  // An order is placed, confirmed, shipped and delivered; its customer hears of the last two.
  mix:
    '1 OrderCreated, 1 OrderStatusChanged status=CONFIRMED, 1 OrderStatusChanged status=SHIPPED, ' +
    '1 OrderStatusChanged status=DELIVERED',
  // A day's orders; changes of older orders spread over more.
  indexPartitions: { [DAY_INDEX.name]: DAY_SHARDS, [DAY_KEY_INDEX.name]: DAY_SHARDS },
  savings: {
    orderDays: '"orderDays": 90',
    reportIndex: '"reportIndex": "KEYS", on a deployed stack by way of "STATUS_AND_KEYS"',
    tableCapacity: '"tableCapacity": {"least": 5, "most": 1000}',
    tableClass: '"orderTableClass": "STANDARD_INFREQUENT_ACCESS"',
    pointInTimeRecovery: '"pointInTimeRecovery": false',
    logLevel: '"logLevel": "WARN", or single functions in "logLevels"',
    tracingPercent: '"tracingPercent": 0',
  },
  callCountsOf,
  redact: redactEmails,
  maxEventBytes: EVENT_SIZE,
  publish: publishContractEvents,
};

/** The parts of an event contract that a description needs. */
type AnyContract = Pick<
  EventContract,
  | 'source'
  | 'detailType'
  | 'version'
  | 'type'
  | 'schema'
  | 'personalData'
  | 'lenient'
  | 'example'
  | 'create'
  | 'parse'
  | 'versions'
>;

export function describeContract(contract: AnyContract): Contract {
  const earlier = contract.versions.slice(0, -1).map(describeVersion);
  return { ...describeVersion(contract), ...(earlier.length > 0 && { earlier }) };
}

function describeVersion(contract: Omit<AnyContract, 'versions'>): Contract {
  const { source, detailType, version, type, schema, personalData, lenient, example } = contract;
  return {
    ...{ source, detailType, version, type, schema, metadata: Metadata, personalData, lenient, example },
    create: (detail, ids) => contract.create(detail as never, ids),
    problem: (event) => {
      try {
        contract.parse(event);
        return undefined;
      } catch (error) {
        if (!(error instanceof PoisonEventError)) throw error;
        return { field: error.field, message: error.message };
      }
    },
  };
}
