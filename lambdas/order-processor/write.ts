/**
 * Conditional updates of an order's item. `firstWrite` does not read the item: its condition is that the event neither
 * repeats nor contradicts a known fact nor comes late, which holds for every event in order. If it is refused, the item
 * is read, the event is folded into it, and `foldedWrite` writes the difference, on condition that the item has not
 * changed.
 */
import { type Fact, factAttribute, LEGACY_ATTRIBUTES, type OrderState } from '../order-item';
import { ORDER_EXPIRY } from '../order-table';
import type { StatusOrder } from '../status-order';
import { INITIAL_STATUS } from './fold';
import type { OrderEvent } from './order';

const DAY_SECONDS = 24 * 60 * 60;

export interface ConditionalWrite {
  readonly UpdateExpression: string;
  readonly ConditionExpression: string;
  readonly ExpressionAttributeNames: Record<string, string>;
  readonly ExpressionAttributeValues?: Record<string, unknown>;
}

/** Builds an update expression with its placeholders. */
class Expressions {
  readonly #names = new Map<string, string>();
  readonly #values: Record<string, unknown> = {};
  readonly #set: string[] = [];
  readonly #remove: string[] = [];
  readonly #conditions: string[] = [];

  name(attribute: string): string {
    const placeholder = this.#names.get(attribute) ?? `#${this.#names.size}`;
    this.#names.set(attribute, placeholder);
    return placeholder;
  }

  value(value: unknown): string {
    const placeholder = `:${Object.keys(this.#values).length}`;
    this.#values[placeholder] = value;
    return placeholder;
  }

  set(attribute: string, value: unknown): void {
    if (value === undefined) this.#remove.push(this.name(attribute));
    else this.#set.push(`${this.name(attribute)} = ${this.value(value)}`);
  }

  setIfAbsent(attribute: string, value: unknown): void {
    const name = this.name(attribute);
    this.#set.push(`${name} = if_not_exists(${name}, ${this.value(value)})`);
  }

  addOne(attribute: string): void {
    const name = this.name(attribute);
    this.#set.push(`${name} = if_not_exists(${name}, ${this.value(0)}) + ${this.value(1)}`);
  }

  /**
   * @param path an attribute, or a field in it
   * @param value undefined if it must be absent
   */
  requireEqual(path: readonly string[], value: unknown): void {
    const name = path.map((each) => this.name(each)).join('.');
    const condition =
      value === undefined ? `attribute_not_exists(${name})` : `${name} = ${this.value(value)}`;
    this.#conditions.push(condition);
  }

  requireAbsentOrOneOf(attribute: string, values: readonly string[]): void {
    const name = this.name(attribute);
    const list = values.map((value) => this.value(value)).join(', ');
    this.#conditions.push(`(attribute_not_exists(${name}) OR ${name} IN (${list}))`);
  }

  get write(): ConditionalWrite {
    const remove = this.#remove.length > 0 ? ` REMOVE ${this.#remove.join(', ')}` : '';
    return {
      UpdateExpression: `SET ${this.#set.join(', ')}${remove}`,
      ConditionExpression: this.#conditions.join(' AND '),
      ExpressionAttributeNames: Object.fromEntries([...this.#names].map(([name, key]) => [key, name])),
      ExpressionAttributeValues: this.#values,
    };
  }
}

/** Times of a write, by the clock of the function. */
export interface WriteTimes {
  /** ISO 8601. */
  readonly processedAt: string;
  /** Seconds since 1970-01-01 UTC at which the order expires; undefined: never. */
  readonly expiresAt?: number | undefined;
}

/** Times of a write at the present, after which an order without a change is kept for some days, or for ever. */
export function timesAt(now: Date, orderDays: number | undefined): WriteTimes {
  const seconds = Math.floor(now.getTime() / 1_000);
  return {
    processedAt: now.toISOString(),
    ...(orderDays !== undefined && { expiresAt: seconds + orderDays * DAY_SECONDS }),
  };
}

export function firstWrite(event: OrderEvent, times: WriteTimes, order: StatusOrder): ConditionalWrite {
  const expressions = new Expressions();
  setExpiry(expressions, times);
  if (event.kind === 'created') {
    setCreation(expressions, event.attributes, times);
    expressions.setIfAbsent('status', INITIAL_STATUS);
    for (const attribute of ['createdBy', ...LEGACY_ATTRIBUTES])
      expressions.requireEqual([attribute], undefined);
  } else {
    const { status, fact } = event.change;
    expressions.set(factAttribute(status), fact);
    expressions.set('status', status);
    expressions.set('updatedAt', fact.at);
    const before = order.statuses.filter((other) => order.isBefore(other, status));
    const others = order.statuses.filter((other) => !before.includes(other));
    for (const other of others) expressions.requireEqual([factAttribute(other)], undefined);
    // An unknown status is one of a newer version of this code.
    expressions.requireAbsentOrOneOf('status', [...before, status]);
    for (const attribute of LEGACY_ATTRIBUTES) expressions.requireEqual([attribute], undefined);
  }
  expressions.addOne('revision');
  return expressions.write;
}

/** An item as it was read, and the facts after the event. */
export interface Difference {
  readonly item: Readonly<Record<string, unknown>> | undefined;
  readonly before: OrderState;
  readonly after: OrderState;
}

/** @returns undefined if there is nothing to write */
export function foldedWrite(
  { item = {}, before, after }: Difference,
  event: OrderEvent,
  times: WriteTimes,
): ConditionalWrite | undefined {
  if (after === before) return undefined;
  const expressions = new Expressions();
  setExpiry(expressions, times);
  if (event.kind === 'created' && after.creation?.by === event.creation.by) {
    setCreation(expressions, event.attributes, times);
  } else if (item.createdVersion !== undefined) {
    expressions.set('createdBy', after.creation?.by);
  }
  for (const [status, fact] of Object.entries(after.facts)) {
    if (item[factAttribute(status)] !== fact) expressions.set(factAttribute(status), fact);
  }
  if (after.conflicts !== before.conflicts) expressions.set('conflicts', after.conflicts);
  expressions.set('revision', after.revision);
  expressions.set('status', after.status);

  const guarded = ['revision', 'status', ...LEGACY_ATTRIBUTES];
  for (const attribute of guarded) expressions.requireEqual([attribute], item[attribute]);
  for (const attribute of LEGACY_ATTRIBUTES) {
    if (item[attribute] !== undefined) expressions.set(attribute, undefined);
  }
  // A fact can be replaced by one of the same status, without a new revision of the order.
  const said = event.kind === 'status' ? event.change.status : undefined;
  const isAbout = after.status === said || after.status !== before.status;
  const current = isAbout && after.status !== undefined ? after.facts[after.status] : undefined;
  if (current) expressions.set('updatedAt', current.at);
  for (const status of new Set([said, current && after.status])) {
    if (status === undefined) continue;
    const standing = item[factAttribute(status)] as Fact | undefined;
    const path = [factAttribute(status), ...(standing ? ['by'] : [])];
    expressions.requireEqual(path, standing?.by);
  }
  return expressions.write;
}

function setCreation(
  expressions: Expressions,
  attributes: Readonly<Record<string, unknown>>,
  { processedAt }: WriteTimes,
): void {
  for (const [name, value] of Object.entries(attributes)) expressions.set(name, value);
  expressions.setIfAbsent('processedAt', processedAt);
}

/** Each change of an order puts off its end. */
function setExpiry(expressions: Expressions, { expiresAt }: WriteTimes): void {
  if (expiresAt !== undefined) expressions.set(ORDER_EXPIRY, expiresAt);
}
