/**
 * Changes that would make a template cheaper, each with what it gives up. Each is made in a copy of the template, and
 * the copy is priced like the template itself, so that what a change saves is never a guess.
 */
import { type App, callsOf, findConsumer } from '../../app';
import type { Assembly, Resource } from '../../template/assembly';
import { costOf } from './cost';
import type { Measurement } from './measurement';
import { isOnDemand, scalingOf } from './table-capacity';
import { type Assumptions, Usage } from './usage';

/** A change to one property of resources of one type. */
interface SettingChange {
  /** Key under which an app names its own setting (`App.savings`). */
  readonly id: string;
  readonly change: string;
  readonly givesUp: string;
  /** Property of the template that is another then. */
  readonly property: string;
  /** Properties of the resource that are others then; undefined if it has nothing to change. */
  readonly of: (resource: Resource, context: Context) => Resource['properties'] | undefined;
  /** Resources that the change adds for one that it changes. @default none */
  readonly adds?: (resource: Resource) => readonly Resource[];
}

interface Context {
  readonly app: App;
  /** Indexes that handlers read, each with the one of keys alone that they read by another value of a variable. */
  readonly indexes: readonly KeyIndex[];
  readonly kept: readonly Expiring[];
  /** Tables that events are written to. */
  readonly written: ReadonlySet<string>;
}

/** Days of the change that lets items expire. */
const KEPT_DAYS = 90;

const CHANGES: readonly SettingChange[] = [
  {
    id: 'reportIndex',
    change: 'an index that is not written again at each change',
    givesUp: 'reading a report of the index alone: it reads each item by its key, which takes minutes',
    property: 'AWS::DynamoDB::Table GlobalSecondaryIndexes',
    of: readByKeys,
  },
  {
    id: 'tableCapacity',
    change: 'tables with provisioned capacity that scales',
    givesUp:
      'a peak that comes faster than the scaling, in minutes, is throttled; its events are tried again',
    property: 'AWS::DynamoDB::Table BillingMode',
    of: (table, { written }) =>
      written.has(table.logicalId) && isOnDemand(table) ? { BillingMode: 'PROVISIONED' } : undefined,
    adds: scalingOf,
  },
  {
    id: 'orderDays',
    change: `items that expire after ${KEPT_DAYS} days`,
    givesUp: 'items that have not changed for longer',
    property: 'AWS::DynamoDB::Table TimeToLiveSpecification',
    of: expiring,
  },
  {
    id: 'tableClass',
    change: 'tables of the class for infrequent access',
    givesUp:
      'nothing; but writes cost a quarter more, so that it is a loss while the table holds few months, and not in the total where items expire',
    property: 'AWS::DynamoDB::Table TableClass',
    // A table whose items expire holds little for what is written to it.
    of: ({ type, logicalId, properties }, { written }) =>
      type === 'AWS::DynamoDB::Table' &&
      written.has(logicalId) &&
      (properties.TableClass ?? 'STANDARD') === 'STANDARD' &&
      properties.TimeToLiveSpecification === undefined
        ? { TableClass: 'STANDARD_INFREQUENT_ACCESS' }
        : undefined,
  },
  {
    id: 'pointInTimeRecovery',
    change: 'tables without point-in-time recovery',
    givesUp: 'restoring a table as it was at a second of the last 35 days',
    property: 'AWS::DynamoDB::Table PointInTimeRecoverySpecification',
    of: ({ type, properties }) =>
      type === 'AWS::DynamoDB::Table' &&
      properties.PointInTimeRecoverySpecification?.PointInTimeRecoveryEnabled
        ? { PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: false } }
        : undefined,
  },
  {
    id: 'logLevel',
    change: 'log lines from WARN on',
    givesUp: 'the line of each event that was handled, by which it is followed through the functions',
    property: 'AWS::Lambda::Function Environment',
    of: (
      { type, properties: { Environment } },
      {
        app: {
          variables: { logLevel },
        },
      },
    ) =>
      type === 'AWS::Lambda::Function' &&
      logLevel !== undefined &&
      ['TRACE', 'DEBUG', 'INFO'].includes(Environment?.Variables?.[logLevel])
        ? { Environment: { Variables: { ...Environment.Variables, [logLevel]: 'WARN' } } }
        : undefined,
  },
  {
    id: 'systemLogLevel',
    change: "no lines of Lambda's own for each call",
    givesUp: "the report of each call's duration and memory, of which CloudWatch has the metrics",
    property: 'AWS::Lambda::Function LoggingConfig',
    of: ({ type, properties: { LoggingConfig = {} } }) =>
      type === 'AWS::Lambda::Function' &&
      (LoggingConfig.LogFormat !== 'JSON' ||
        ['INFO', 'DEBUG', undefined].includes(LoggingConfig.SystemLogLevel))
        ? { LoggingConfig: { ...LoggingConfig, LogFormat: 'JSON', SystemLogLevel: 'WARN' } }
        : undefined,
  },
  {
    id: 'tracingPercent',
    change: 'functions without X-Ray',
    givesUp: 'traces',
    property: 'AWS::Lambda::Function TracingConfig',
    of: ({ type, properties }) =>
      type === 'AWS::Lambda::Function' && properties.TracingConfig?.Mode === 'Active'
        ? { TracingConfig: { Mode: 'PassThrough' } }
        : undefined,
  },
  {
    id: 'architecture',
    change: 'functions on arm64',
    givesUp: 'native packages for x86',
    property: 'AWS::Lambda::Function Architectures',
    of: ({ type, properties }) =>
      type === 'AWS::Lambda::Function' && properties.Architectures?.[0] !== 'arm64'
        ? { Architectures: ['arm64'] }
        : undefined,
  },
];

/** A table whose items a handler may let expire, by a variable with the days. */
interface Expiring {
  readonly table: Resource;
  readonly function: string;
  readonly days: string;
  readonly expiry: string;
}

const expiringOf = (usage: Usage): Expiring[] =>
  usage.calls.flatMap(({ resource, service, ...call }): Expiring[] => {
    const { Variables = {} } = resource.properties.Environment ?? {};
    const calls = callsOf(findConsumer(usage.app, service) ?? { calls: [] }, Variables);
    return calls.flatMap(({ on, keeps }) => {
      if (!keeps || Variables[keeps.days] !== undefined) return [];
      const table = usage.tableOf({ resource, service, ...call }, on);
      return [{ ...keeps, table, function: resource.logicalId }];
    });
  });

function expiring(
  { logicalId, properties }: Resource,
  { kept }: Context,
): Resource['properties'] | undefined {
  const ofFunction = kept.find((each) => each.function === logicalId);
  if (ofFunction) {
    const Variables = { ...properties.Environment.Variables, [ofFunction.days]: String(KEPT_DAYS) };
    return { Environment: { Variables } };
  }
  const ofTable = kept.find(({ table }) => table.logicalId === logicalId);
  return ofTable && { TimeToLiveSpecification: { AttributeName: ofTable.expiry, Enabled: true } };
}

/** An index that a handler reads, and one in its place from which it reads the items by key. */
interface KeyIndex {
  readonly table: Resource;
  readonly function: string;
  readonly index: string;
  readonly replacement: string;
  /** Variable of the function with the name of the other index. */
  readonly variables: Readonly<Record<string, string>>;
}

function keyIndexesOf(usage: Usage): KeyIndex[] {
  return usage.calls.flatMap((call): KeyIndex[] => {
    const { properties, logicalId } = call.resource;
    const described = findConsumer(usage.app, call.service);
    const now = callsOf(described ?? { calls: [] }, properties.Environment?.Variables);
    return now.flatMap(({ on, index, onlyIf }): KeyIndex[] => {
      const other = described?.calls.find(
        (each) =>
          each.on === on && each.index && each.onlyIf?.variable === onlyIf?.variable && each.onlyIf?.is,
      );
      if (!index || !onlyIf || onlyIf.is !== undefined || !other?.index || !other.onlyIf?.is) return [];
      return [
        {
          table: usage.tableOf(call, on),
          function: logicalId,
          ...{ index, replacement: other.index },
          variables: { [onlyIf.variable]: other.onlyIf.is },
        },
      ];
    });
  });
}

/**
 * Properties with the index of keys alone: of the table, of what scales its index, of the function that reads it, and of an
 * alarm on the operations on the table.
 */
function readByKeys(
  { type, logicalId, properties }: Resource,
  { indexes }: Context,
): Resource['properties'] | undefined {
  const reader = indexes.find((each) => each.function === logicalId);
  if (reader) {
    const { Variables } = properties.Environment;
    return { Environment: { Variables: { ...Variables, ...reader.variables } } };
  }
  const read = indexes.find(({ table }) => table.logicalId === logicalId);
  if (read) {
    const Projection = { ProjectionType: 'KEYS_ONLY' };
    const GlobalSecondaryIndexes = properties.GlobalSecondaryIndexes.map((index: Resource['properties']) =>
      index.IndexName === read.index ? { ...index, IndexName: read.replacement, Projection } : index,
    );
    return { GlobalSecondaryIndexes };
  }
  if (type === 'AWS::CloudWatch::Alarm') return watchingBatches(properties, indexes);
  if (type !== 'AWS::ApplicationAutoScaling::ScalableTarget') return undefined;
  const scaled = indexes.find(({ index }) => String(properties.ResourceId).endsWith(`/index/${index}`));
  return scaled && { ResourceId: properties.ResourceId.replace(/[^/]+$/, scaled.replacement) };
}

/** An alarm with a metric for each operation on one of the tables, and one more for reads by key. */
function watchingBatches(
  { Metrics = [] }: Resource['properties'],
  indexes: readonly KeyIndex[],
): Resource['properties'] | undefined {
  const ofTable = (Metrics as readonly Resource['properties'][]).find(({ MetricStat }) => {
    const dimensions: readonly { Name: string; Value: unknown }[] = MetricStat?.Metric.Dimensions ?? [];
    const dimension = (name: string) => dimensions.find(({ Name }) => Name === name)?.Value;
    return dimension('Operation') && indexes.some(({ table }) => table.name === dimension('TableName'));
  });
  return ofTable && { Metrics: [...Metrics, { ...ofTable, Id: 'batchGetItem' }] };
}

/** A change, and what a month is cheaper by it. */
export interface Saving {
  readonly change: string;
  readonly givesUp: string;
  /** The app's setting, otherwise the property of the template. */
  readonly setting: string;
  /** Amount that each bill is cheaper by, in its currency. */
  readonly saves: readonly number[];
}

export interface Savings {
  /** The largest first; those that save nothing are left out. */
  readonly each: readonly Saving[];
  /** Cost of a month with all of them, for each bill. They do not add up where two change the same item. */
  readonly together: readonly number[];
}

/** @param events published in a month, for each bill */
export function savingsOf(
  assembly: Assembly,
  app: App,
  measurement: Measurement,
  events: readonly number[],
  assumptions: Assumptions,
): Savings {
  const usd = (priced: Assembly) =>
    costOf(priced, app, measurement, events, assumptions).bills.map((bill) => bill.usd);
  const now = usd(assembly);
  const usage = new Usage(assembly, app, measurement, assumptions);
  const tables = usage.calls
    .filter(({ perEvent }) => perEvent > 0)
    .flatMap((call) => call.measured.writes.map(({ table }) => usage.tableOf(call, table).logicalId));
  const context = { app, written: new Set(tables), indexes: keyIndexesOf(usage), kept: expiringOf(usage) };
  const each = CHANGES.map((made) => ({
    made,
    saves: usd(withChanges(assembly, context, [made])).map((then, index) => (now[index] as number) - then),
  }))
    .filter(({ saves }) => saves.some((saved) => saved >= 0.005))
    .sort((one, other) => Math.max(...other.saves) - Math.max(...one.saves));
  return {
    each: each.map(({ made: { id, change, givesUp, property }, saves }) => ({
      ...{ change, givesUp, saves },
      setting: app.savings?.[id] ?? property,
    })),
    together: usd(
      withChanges(
        assembly,
        context,
        each.map(({ made }) => made),
      ),
    ),
  };
}

function withChanges(assembly: Assembly, context: Context, changes: readonly SettingChange[]): Assembly {
  const resources = new Map(assembly.resources);
  for (const { of, adds } of changes) {
    for (const [id, before] of [...resources]) {
      const changed = of(before, context);
      if (!changed) continue;
      const after = { ...before, properties: { ...before.properties, ...changed } };
      resources.set(id, after);
      for (const added of adds?.(after) ?? []) resources.set(added.logicalId, added);
    }
  }
  const ofType = (type: string) => [...resources.values()].filter((resource) => resource.type === type);
  return { ...assembly, resources, ofType };
}
