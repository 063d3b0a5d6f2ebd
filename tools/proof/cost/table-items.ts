/** What DynamoDB costs: writes and reads, on demand or by capacity, and what is kept. */
import { findConsumer } from '../../app';
import type { Resource } from '../../template/assembly';
import type { Write } from './measurement';
import { isOnDemand, ProvisionedUse } from './table-capacity';
import { GB, type Item, item, KB, MONTH_DAYS, sum } from './units';
import type { Times, Usage } from './usage';

/** Stored with each item. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html */
const ITEM_OVERHEAD = 100;

export function tableItems(usage: Usage, times: Times): Item[] {
  let [writes, indexWrites, reads, stored, recoverable] = [0, 0, 0, 0, 0];
  const provisioned = new ProvisionedUse();
  const newItems = new Map<Resource, { count: number; indexBytes: Map<string, number> }>();
  for (const call of usage.calls) {
    for (const write of call.measured.writes) {
      const table = usage.tableOf(call, write.table);
      const bytes = sum(Object.values(write.attributes), (each) => each);
      const units = times(call) * Math.ceil(bytes / KB);
      if (isOnDemand(table)) writes += units;
      else provisioned.add(table, undefined, 'Write', units);
      const indexes = indexesOf(table).map((index) => ({
        index,
        attributes: projected(index, table, write),
      }));
      for (const { index, attributes } of indexes) {
        if (!attributes.some((name) => write.changed.includes(name))) continue;
        const indexUnits = times(call) * Math.ceil(bytesOf(attributes, write) / KB);
        if (isOnDemand(table)) indexWrites += indexUnits;
        else provisioned.add(table, index.IndexName, 'Write', indexUnits);
      }
      if (!write.isNew) continue;
      const months = Math.min(
        usage.assumptions.months,
        (write.livesDays ?? Number.POSITIVE_INFINITY) / MONTH_DAYS,
      );
      const inIndexes = sum(indexes, ({ attributes }) =>
        attributes.length > 0 ? bytesOf(attributes, write) + ITEM_OVERHEAD : 0,
      );
      const gigabytes = (times(call) * months * (bytes + ITEM_OVERHEAD + inIndexes)) / GB;
      stored += gigabytes;
      if (table.properties.PointInTimeRecoverySpecification?.PointInTimeRecoveryEnabled)
        recoverable += gigabytes;
      const known = newItems.get(table) ?? { count: 0, indexBytes: new Map<string, number>() };
      known.count += times(call);
      for (const { index, attributes } of indexes)
        known.indexBytes.set(index.IndexName, bytesOf(attributes, write));
      newItems.set(table, known);
    }
  }
  // A report reads the index's entries of one day.
  for (const call of usage.calls) {
    for (const { on, index, actions } of findConsumer(usage.app, call.service)?.calls ?? []) {
      if (call.perMonth === 0 || !index || !actions.includes('dynamodb:Query')) continue;
      const table = usage.tableOf(call, on);
      const { count = 0, indexBytes } = newItems.get(table) ?? {};
      const bytes = (count / MONTH_DAYS) * (indexBytes?.get(index) ?? 0);
      const units = (times(call) * Math.ceil(bytes / (4 * KB))) / 2;
      if (isOnDemand(table)) reads += units;
      else provisioned.add(table, index, 'Read', units);
    }
  }
  return [
    item('DynamoDB: writes', 'dynamodb.write', writes),
    item('DynamoDB: writes to indexes', 'dynamodb.write', indexWrites),
    item('DynamoDB: reads', 'dynamodb.read', reads),
    ...provisioned.items(usage.assembly),
    item('DynamoDB: storage', 'dynamodb.storage', stored),
    item('DynamoDB: point-in-time recovery', 'dynamodb.recovery', recoverable),
  ];
}

const indexesOf = ({ properties }: Resource): Resource['properties'][] =>
  properties.GlobalSecondaryIndexes ?? [];

/** The written item's attributes that the index holds, too; none if it lacks a key of the index. */
function projected(
  { KeySchema: keys, Projection: projection }: Resource['properties'],
  { properties }: Resource,
  { attributes }: Write,
): string[] {
  const own = Object.keys(attributes);
  const nameOf = ({ AttributeName }: Resource['properties']): string => AttributeName;
  if (!keys.map(nameOf).every((key: string) => own.includes(key))) return [];
  if (projection.ProjectionType === 'ALL') return own;
  const held = [
    ...keys.map(nameOf),
    ...properties.KeySchema.map(nameOf),
    ...(projection.NonKeyAttributes ?? []),
  ];
  return own.filter((name) => held.includes(name));
}

const bytesOf = (names: readonly string[], { attributes }: Write): number =>
  sum(names, (name) => attributes[name] ?? 0);
