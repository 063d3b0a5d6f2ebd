/** Units of bills, and sums of them. */
import priceTable from './prices.json';

export type PriceKey = keyof typeof priceTable.prices;

export interface Item {
  /** E.g. `Lambda: calls`. */
  readonly name: string;
  readonly price: PriceKey;
  /** Quantity in the price's unit. */
  readonly quantity: number;
  readonly usd: number;
}

/** Bytes that CloudWatch counts for each log event beside its text. */
export const LOG_EVENT_OVERHEAD = 26;
export const MONTH_DAYS = 30;
export const MONTH_SECONDS = MONTH_DAYS * 24 * 60 * 60;
export const KB = 1_024;
export const GB = 2 ** 30;
/** Events, messages and requests are billed by the 64 KB. */
export const CHUNK = 64 * KB;

export function item(name: string, price: PriceKey, quantity: number): Item {
  const { usd, per } = priceTable.prices[price];
  return { name, price, quantity, usd: (quantity * usd) / per };
}

export const jsonBytes = (value: object): number => Buffer.byteLength(JSON.stringify(value));

export function sum<Value>(values: Iterable<Value>, of: (value: Value) => number): number {
  let total = 0;
  for (const value of values) total += of(value);
  return total;
}

export function groupBy<Value, Key>(values: readonly Value[], of: (value: Value) => Key): Map<Key, Value[]> {
  const groups = new Map<Key, Value[]>();
  for (const value of values) groups.set(of(value), [...(groups.get(of(value)) ?? []), value]);
  return groups;
}
