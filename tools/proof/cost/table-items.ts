/** Items of the bill for DynamoDB: writes and reads, on demand or by capacity, and what is kept. */
import { callsOf, findConsumer, type HandlerCalls } from '../../app';
import type { Resource } from '../../template/assembly';
import type { MeasuredWrite } from './measurement';
import { CLASSES, isOnDemand, ProvisionedUse } from './table-capacity';
import { GB, type Item, item, KB, MONTH_DAYS, sum } from './units';
import type { CallUsage, Times, Usage } from './usage';

/**
 * Stored with each item.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
const ITEM_OVERHEAD = 100;

/** A write of a handler to a table, and what it changes of an index. */
interface TableWrite {
  readonly call: CallUsage;
  readonly write: MeasuredWrite;
  readonly table: Resource;
  /** Undefined for the table itself. */
  readonly index: string | undefined;
  /** Units of 1 KB. */
  readonly units: number;
}

/** All writes of one call of each function. */
export function writesOf(usage: Usage): TableWrite[] {
  return usage.calls.flatMap((call) =>
    call.measured.writes.flatMap((write): TableWrite[] => {
      const table = usage.tableOf(call, write.table);
      const bytes = sizeOf(write);
      const indexes = indexesOf(table).flatMap((index): TableWrite[] => {
        const attributes = projected(index, table, write);
        if (!attributes.some((name) => write.changed.includes(name))) return [];
        const units = Math.ceil(bytesOf(attributes, write) / KB);
        return [{ call, write, table, index: index.IndexName, units }];
      });
      return [{ call, write, table, index: undefined, units: Math.ceil(bytes / KB) }, ...indexes];
    }),
  );
}

export function tableItems(usage: Usage, times: Times): Item[] {
  const uses = CLASSES.map((of) => ({ of, writes: 0, indexWrites: 0, reads: 0, stored: 0 }));
  const useOf = (table: Resource) => uses.find(({ of }) => of.is(table)) as (typeof uses)[0];
  let recoverable = 0;
  const provisioned = new ProvisionedUse();
  const newItems: NewItems = new Map();
  const all = writesOf(usage);
  for (const { call, write, table, index, units } of all) {
    if (!isOnDemand(table)) provisioned.add(table, index, 'Write', times(call) * units);
    else useOf(table)[index === undefined ? 'writes' : 'indexWrites'] += times(call) * units;
    if (index !== undefined || !write.isNew) continue;
    const bytes = grownSize(
      write,
      all.filter((each) => each.table === table && each.index === undefined),
      times,
    );
    const months = Math.min(
      usage.assumptions.months,
      (write.livesDays ?? daysKept(usage, call, write)) / MONTH_DAYS,
    );
    const indexes = indexesOf(table).map((each) => ({
      name: each.IndexName,
      attributes: projected(each, table, write),
    }));
    const inIndexes = sum(indexes, ({ attributes }) =>
      attributes.length > 0 ? bytesOf(attributes, write) + ITEM_OVERHEAD : 0,
    );
    const gigabytes = (times(call) * months * (bytes + ITEM_OVERHEAD + inIndexes)) / GB;
    useOf(table).stored += gigabytes;
    if (table.properties.PointInTimeRecoverySpecification?.PointInTimeRecoveryEnabled)
      recoverable += gigabytes;
    const known = newItems.get(table) ?? { count: 0, bytes, indexBytes: new Map<string, number>() };
    known.count += times(call);
    for (const { name, attributes } of indexes) known.indexBytes.set(name, bytesOf(attributes, write));
    newItems.set(table, known);
  }
  for (const { table, index, units } of [
    ...reportReads(usage, times, newItems),
    ...singleReads(usage, times),
  ]) {
    if (isOnDemand(table)) useOf(table).reads += units;
    else provisioned.add(table, index, 'Read', units);
  }
  return [
    ...uses.flatMap(({ of, writes, indexWrites, reads }) => [
      item(`DynamoDB: writes${of.suffix}`, of.prices.write, writes),
      item(`DynamoDB: writes to indexes${of.suffix}`, of.prices.write, indexWrites),
      item(`DynamoDB: reads${of.suffix}`, of.prices.read, reads),
    ]),
    ...provisioned.items(usage.assembly),
    ...uses.map(({ of, stored }) => item(`DynamoDB: storage${of.suffix}`, of.prices.storage, stored)),
    item('DynamoDB: point-in-time recovery', 'dynamodb.recovery', recoverable),
  ];
}

const sizeOf = ({ attributes }: MeasuredWrite): number => sum(Object.values(attributes), (each) => each);

/**
 * Computes the bytes that an item has in the end: those that it was made with, and what its changes add. Items that are
 * changed as often as they are made, or more, have the size after the last change that was measured.
 */
function grownSize(made: MeasuredWrite, ofTable: readonly TableWrite[], times: Times): number {
  const [news, changes] = [true, false].map((isNew) =>
    ofTable.filter(({ write }) => write.isNew === isNew),
  ) as [TableWrite[], TableWrite[]];
  const count = (writes: readonly TableWrite[]) => sum(writes, ({ call }) => times(call));
  const share = Math.min(1, count(changes) / count(news));
  const largest = Math.max(...changes.map(({ write }) => sizeOf(write)), sizeOf(made));
  return sizeOf(made) + share * (largest - sizeOf(made));
}

/** Items that are made in the month, the bytes that one grows to, and those of an entry in each index. */
type NewItems = Map<Resource, { count: number; bytes: number; indexBytes: Map<string, number> }>;

interface TableRead {
  readonly table: Resource;
  /** Undefined for the table itself. */
  readonly index: string | undefined;
  /** Units of 4 KB. */
  readonly units: number;
}

/** Days that the function's variables say that an item is kept, by the time to live of its table. */
function daysKept(usage: Usage, call: CallUsage, { table }: MeasuredWrite): number {
  const { TimeToLiveSpecification } = usage.tableOf(call, table).properties;
  const kept = describedCalls(usage, call).find(({ on, keeps }) => on === table && keeps)?.keeps;
  const days = kept && call.resource.properties.Environment?.Variables?.[kept.days];
  const expires = TimeToLiveSpecification?.AttributeName === kept?.expiry && days !== undefined;
  return expires ? Number(days) : Number.POSITIVE_INFINITY;
}

/** Calls of the consumer that the call is one of. */
const describedCalls = ({ app }: Usage, { service, resource }: CallUsage): HandlerCalls[] =>
  callsOf(findConsumer(app, service) ?? { calls: [] }, resource.properties.Environment?.Variables);

/** Reads of a report: the index's entries of one day, and each of its items where it reads them by key. Half price. */
function reportReads(usage: Usage, times: Times, newItems: NewItems): TableRead[] {
  return usage.calls.flatMap((call) => {
    if (call.perMonth === 0) return [];
    return describedCalls(usage, call).flatMap(({ on, index, actions }): TableRead[] => {
      const isQuery = index !== undefined && actions.includes('dynamodb:Query');
      if (!isQuery && !actions.includes('dynamodb:BatchGetItem')) return [];
      const [table, ofDay] = [usage.tableOf(call, on), times(call) / 2];
      const { count = 0, bytes = 0, indexBytes } = newItems.get(table) ?? {};
      const perDay = count / MONTH_DAYS;
      if (isQuery) {
        const read = perDay * (indexBytes?.get(index) ?? 0);
        return [{ table, index, units: ofDay * Math.ceil(read / (4 * KB)) }];
      }
      return [{ table, index: undefined, units: ofDay * perDay * Math.ceil(bytes / (4 * KB)) }];
    });
  });
}

/**
 * Reads of single items, a unit each: strongly consistent, of up to 4 KB. Of which table is not measured: they are spread
 * evenly over those that the function may read.
 */
function singleReads(usage: Usage, times: Times): TableRead[] {
  return usage.calls.flatMap((call) => {
    const count = call.measured.calls.GetItem ?? 0;
    const calls = count === 0 ? [] : describedCalls(usage, call);
    const read = calls.filter(({ actions }) => actions.includes('dynamodb:GetItem'));
    return read.map(({ on }) => ({
      table: usage.tableOf(call, on),
      index: undefined,
      units: (times(call) * count) / read.length,
    }));
  });
}

const indexesOf = ({ properties }: Resource): Resource['properties'][] =>
  properties.GlobalSecondaryIndexes ?? [];

/** The written item's attributes that the index holds, too; none if it lacks a key of the index. */
function projected(
  { KeySchema: keys, Projection: projection }: Resource['properties'],
  { properties }: Resource,
  { attributes }: MeasuredWrite,
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

const bytesOf = (names: readonly string[], { attributes }: MeasuredWrite): number =>
  sum(names, (name) => attributes[name] as number);
