/** Reads the values of an event at a dotted path, through arrays and dotted keys. */
import type { Scalar } from './field-test';
import { MAX_NESTING } from './service-facts';

export type JsonRecord = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Values of an event at a path: one value outside of arrays, none (undefined), or several. */
export type Reading = Scalar | undefined | FieldValues;

/** Cheaper than `instanceof`, since it is called for each field of each event. */
export function isSingle(reading: Reading): reading is Scalar | undefined {
  return typeof reading !== 'object' || reading === null;
}

/** An element of an array of objects (or of arrays). */
export interface ArrayElement {
  readonly array: readonly unknown[];
  readonly index: number;
  /** Number of path segments that lead to the array. */
  readonly depth: number;
  /** Element of an outer array that contains the array. */
  readonly outer: ArrayElement | undefined;
}

/** Chosen elements by array. */
export type ChosenElements = Map<readonly unknown[], ArrayElement>;

/** The innermost element that a field with `depth` segments in common can lie in, too. */
export function outerElement(element: ArrayElement | undefined, depth: number): ArrayElement | undefined {
  let outer = element;
  while (outer && outer.depth > depth) outer = outer.outer;
  return outer;
}

/** @returns the arrays for which no element had been chosen before */
export function choose(element: ArrayElement | undefined, chosen: ChosenElements): (readonly unknown[])[] {
  const added: (readonly unknown[])[] = [];
  for (let each = element; each; each = each.outer) {
    if (chosen.has(each.array)) continue;
    chosen.set(each.array, each);
    added.push(each.array);
  }
  return added;
}

/** All values of an event at one path that leads through arrays, in the order of the event. */
class FieldValues {
  readonly values: Scalar[] = [];
  /** Innermost array element of each value. A scalar in an array lies in no element of that array. */
  readonly elements: (ArrayElement | undefined)[] = [];
  isInElements = false;
  /** Positions of each array at which the values of its elements begin, and at last the one at which they end. */
  readonly #bounds = new Map<readonly unknown[], number[]>();

  add(value: Scalar, element: ArrayElement | undefined): void {
    this.values.push(value);
    this.elements.push(element);
    this.isInElements ||= element !== undefined;
  }

  /** Marks a position; called before each element of an array, and after the last one. */
  mark(array: readonly unknown[]): void {
    const bounds = this.#bounds.get(array);
    if (bounds) bounds.push(this.values.length);
    else this.#bounds.set(array, [this.values.length]);
  }

  /** The places of the values that lie in no other element than the chosen one of any array. */
  agreeingWith(chosen: ChosenElements): number[] {
    const end = this.values.length;
    let ranges: [from: number, to: number][] = [[0, end]];
    // The innermost array, chosen last, leaves the fewest. Without it, two fields of a long array cost its square.
    for (const [array, { index }] of chosen) {
      const bounds = this.#bounds.get(array);
      const [first = 0, last = 0] = [bounds?.[0], bounds?.at(-1)];
      if (bounds)
        ranges = [
          [0, first],
          [bounds[index] as number, bounds[index + 1] as number],
          [last, end],
        ];
    }
    const places: number[] = [];
    for (const [from, to] of ranges) {
      for (let i = from; i < to; i++) if (agrees(this.elements[i], chosen)) places.push(i);
    }
    return places;
  }
}

function agrees(element: ArrayElement | undefined, chosen: ChosenElements): boolean {
  for (let each = element; each; each = each.outer) {
    const other = chosen.get(each.array);
    if (other && other.index !== each.index) return false;
  }
  return true;
}

/** Reads what events have at a dotted path. */
export class FieldReader {
  /** keys[i][k] takes the segments from i to i + k in one step: the dots of a path may be those of a key. */
  readonly #keys: readonly (readonly string[])[];
  readonly #first: string;
  readonly #last: string;
  /** Number of segments of a path without special cases; otherwise 0. */
  readonly #depth: number;
  /** True if a field with an empty name is read. */
  readonly #takesEmptyName: boolean;

  constructor(private readonly path: string) {
    const segments = path.split('.');
    this.#keys = segments.map((_, i) =>
      segments.slice(i).map((_, k) => segments.slice(i, i + k + 1).join('.')),
    );
    [this.#first, this.#last] = [segments[0] as string, segments.at(-1) as string];
    // Names that every object has (`constructor`) would be found in events that lack them.
    const isPlain = this.#keys.flat().every((key) => key !== '' && !(key in Object.prototype));
    this.#depth = isPlain ? segments.length : 0;
    // AWS's matcher skips fields whose names no pattern has, and Java's split drops empty names at the end of a path.
    this.#takesEmptyName = path === '' || path.replace(/\.+$/, '').split('.').slice(0, -1).includes('');
  }

  read(event: JsonRecord): Reading {
    switch (this.#depth) {
      case 0:
        return this.#readAll(event);
      case 1: {
        const value = event[this.path];
        return typeof value === 'object' && value !== null
          ? this.#readAll(event)
          : (value as Scalar | undefined);
      }
      case 2: {
        const parent = event[this.#first];
        if (Array.isArray(parent) || event[this.path] !== undefined) return this.#readAll(event);
        if (typeof parent !== 'object' || parent === null) return undefined;
        const value = (parent as JsonRecord)[this.#last];
        return typeof value === 'object' && value !== null
          ? this.#readAll(event)
          : (value as Scalar | undefined);
      }
      default:
        return this.#readNested(event);
    }
  }

  /** The common case, without arrays and dotted keys on the way. */
  #readNested(event: JsonRecord): Reading {
    let node: unknown = event;
    for (const keys of this.#keys) {
      if (typeof node !== 'object' || node === null) return undefined;
      if (Array.isArray(node)) return this.#readAll(event);
      for (let k = 1; k < keys.length; k++) {
        if ((node as JsonRecord)[keys[k] as string] !== undefined) return this.#readAll(event);
      }
      node = (node as JsonRecord)[keys[0] as string];
    }
    return typeof node === 'object' && node !== null ? this.#readAll(event) : (node as Scalar | undefined);
  }

  #readAll(event: JsonRecord): Reading {
    const found = new FieldValues();
    this.#collect(event, 0, undefined, found, 0);
    return found.values.length > 1 || found.isInElements ? found : found.values[0];
  }

  #collect(
    node: unknown,
    depth: number,
    element: ArrayElement | undefined,
    found: FieldValues,
    nesting: number,
  ): void {
    if (nesting > MAX_NESTING) return;
    if (Array.isArray(node)) {
      for (const [index, item] of node.entries()) {
        found.mark(node);
        const isNested = typeof item === 'object' && item !== null;
        const own = isNested ? { array: node, index, depth, outer: element } : element;
        this.#collect(item, depth, own, found, nesting + 1);
      }
      found.mark(node);
    } else if (isObject(node)) {
      for (const [k, key] of (this.#keys[depth] ?? []).entries()) {
        if (key === '' && !this.#takesEmptyName) continue;
        if (Object.hasOwn(node, key)) this.#collect(node[key], depth + k + 1, element, found, nesting + 1);
      }
    } else if (depth === this.#keys.length) {
      found.add(node as Scalar, element);
    }
  }
}
