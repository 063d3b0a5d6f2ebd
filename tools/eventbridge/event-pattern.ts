/**
 * Which events an event pattern matches, as EventBridge decides it.
 *
 * An event is a set of fields: each scalar in it, under its dotted path. A pattern matches if each of its fields has a
 * value that passes one of the field's conditions, and if all those values can be found together: values that lie in
 * the same array of objects must lie in the same element of it. Nothing else of the event counts: empty objects and
 * arrays are no fields, `{"a.b": 1}` and `{"a": {"b": 1}}` are the same event, and the order of an array is nothing.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
 * @see https://github.com/aws/event-ruler (the matcher that the service runs)
 */
import {
  type Branch,
  checkPatternLength,
  InvalidEventPatternError,
  parseAddress,
  parsePattern,
  type Scalar,
  type Test,
} from './event-pattern-syntax';
import { MAX_NESTING } from './service-facts';

export { checkPatternLength, InvalidEventPatternError };

/** A field that kept a pattern from matching. */
export interface Miss {
  /** Dotted path, e.g. `detail.status`. */
  field: string;
  /** The field's list in the pattern. */
  allowed: unknown[];
  /** What the event has there: left out if it has no such field, a list if it has several values. */
  actual?: Scalar | Scalar[];
  /** In words: `is "PENDING", allowed: "SHIPPED", "DELIVERED"`. */
  reason: string;
}

export interface Explanation {
  matched: boolean;
  /** The fewest fields that would have to be different, empty if it matched. With `$or`: of the closest alternative. */
  misses: Miss[];
}

/**
 * @param pattern its JSON text, or what that text means
 * @throws InvalidEventPatternError if the service would refuse it
 */
export function compile(pattern: string | object): EventPattern {
  const text = typeof pattern === 'string' ? pattern : JSON.stringify(pattern);
  return new EventPattern(parsePattern(text).map((branch) => new BranchMatcher(branch)));
}

/** A pattern that has been checked and can be asked about any number of events. */
export class EventPattern {
  constructor(
    /** The alternatives that the pattern's `$or`s make; one without them. It matches if one of them does. */
    readonly branches: readonly BranchMatcher[],
  ) {}

  /** @param event as parsed from JSON; what is not an object matches nothing */
  matches(event: unknown): boolean {
    if (!isObject(event)) return false;
    for (const branch of this.branches) if (branch.matches(event)) return true;
    return false;
  }

  /** Why it matches or not. Slower than `matches`. */
  explain(event: unknown): Explanation {
    let closest: { misses: Miss[]; hits: number } | undefined;
    for (const branch of this.branches) {
      const misses = branch.misses(isObject(event) ? event : {});
      const hits = branch.fields.length - misses.length;
      const isCloser = closest && (misses.length - closest.misses.length || closest.hits - hits) < 0;
      if (!closest || isCloser) closest = { misses, hits };
    }
    const misses = closest?.misses ?? [];
    return { matched: misses.length === 0, misses };
  }
}

/** The event given to TestEventPattern is none; `message` is the one that the service answers with. */
export class InvalidEventError extends Error {
  override readonly name = 'InvalidEventError';
  /** The service's error code. */
  readonly code = 'ValidationException';

  constructor() {
    super('Parameter Event is not valid.');
  }
}

/** What TestEventPattern demands of an event. Its documentation adds `resources`; the service takes events without. */
const MANDATORY_FIELDS = ['id', 'account', 'source', 'time', 'region', 'detail-type'];

/**
 * The TestEventPattern operation.
 *
 * @param pattern JSON text
 * @param event JSON text of a whole event
 * @throws InvalidEventPatternError, InvalidEventError
 */
export function testEventPattern(pattern: string, event: string): boolean {
  const compiled = compile(pattern);
  let parsed: unknown;
  try {
    parsed = JSON.parse(event);
  } catch {
    throw new InvalidEventError();
  }
  if (!isObject(parsed) || !MANDATORY_FIELDS.every((name) => Object.hasOwn(parsed, name))) {
    throw new InvalidEventError();
  }
  return compiled.matches(parsed);
}

type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The fields that must match together. */
export class BranchMatcher {
  /** Sorted by path. */
  readonly fields: readonly FieldMatcher[];

  constructor(branch: Branch) {
    this.fields = branch.map(({ path, tests, allowed }) => new FieldMatcher(path, tests, allowed));
  }

  matches(event: JsonObject): boolean {
    for (const field of this.fields) {
      const reading = field.reader.read(event);
      if (isSingle(reading)) {
        if (!field.accepts(reading)) return false;
      } else {
        if (reading.isInElements) return new ElementSearch(this.fields, event).run(0) !== undefined;
        if (!reading.values.some(field.test)) return false;
      }
    }
    return true;
  }

  /** The fewest fields that keep the event from matching. */
  misses(event: JsonObject): Miss[] {
    const search = new ElementSearch(this.fields, event);
    for (let allowance = 0; ; allowance++) {
      const misses = search.run(allowance);
      if (misses) return misses;
    }
  }
}

/**
 * Looks for a value for each field, all in elements that agree. Fields are taken in the order of their paths, as the
 * service's matcher does. That can be told from `exists: false`: it holds if no value agrees with what was chosen so far.
 */
class ElementSearch {
  private readonly readings: readonly Reading[];
  /** For each field, how many leading segments of its path it has in common with one behind it. */
  private readonly sharedBehind: readonly number[];
  /** For each field, how many leading segments it or one behind it has in common with one before it. */
  private readonly sharedBefore: readonly number[];
  private readonly chosen: ChosenElements = new Map();
  private readonly missed: number[] = [];
  private allowance = 0;
  /** Where the search had come to, with what choices, when it failed from there. */
  private readonly failed = new Set<string>();
  private readonly arrays = new Map<readonly unknown[], number>();

  constructor(
    private readonly fields: readonly FieldMatcher[],
    event: JsonObject,
  ) {
    this.readings = fields.map((field) => field.reader.read(event));
    const segments = fields.map(({ path }) => path.split('.'));
    const shared = segments.map((own) => segments.map((other) => commonStart(own, other)));
    this.sharedBehind = shared.map((row, i) => Math.max(0, ...row.slice(i + 1)));
    this.sharedBefore = shared.map((_, i) =>
      Math.max(0, ...shared.slice(i).flatMap((row) => row.slice(0, i))),
    );
  }

  /**
   * @param allowance how many fields may miss
   * @returns those that do, or undefined if there are more
   */
  run(allowance: number): Miss[] | undefined {
    this.chosen.clear();
    this.missed.length = 0;
    this.allowance = allowance;
    if (!this.searchFrom(0)) return undefined;
    return this.missed.flatMap((i) => this.fields[i]?.miss(this.readings[i], this.chosen) ?? []);
  }

  private searchFrom(i: number): boolean {
    // Having left an array, the search would come to the same place again from each of its elements.
    const hasLeftArray = i > 0 && (this.sharedBefore[i] ?? 0) < (this.sharedBefore[i - 1] ?? 0);
    const state = hasLeftArray ? this.describe(i) : undefined;
    if (state !== undefined && this.failed.has(state)) return false;
    const found = this.search(i);
    if (!found && state !== undefined) this.failed.add(state);
    return found;
  }

  private search(i: number): boolean {
    const field = this.fields[i];
    if (!field) return true;
    const reading = this.readings[i];
    if (isSingle(reading)) {
      if (field.accepts(reading) && this.searchFrom(i + 1)) return true;
    } else {
      const candidates = reading.agreeingWith(this.chosen);
      // Fields behind see of a choice only the elements of arrays that they lie in, too. Values that lie in the same one
      // follow each other, and trying one of them is enough.
      let tried: ArrayElement | 'nothing' | undefined = 'nothing';
      for (const candidate of candidates) {
        if (!field.test(reading.values[candidate] as Scalar)) continue;
        const element = outerElement(reading.elements[candidate], this.sharedBehind[i] ?? 0);
        if (tried !== 'nothing' && tried?.array === element?.array && tried?.index === element?.index)
          continue;
        tried = element;
        const added = choose(element, this.chosen);
        if (this.searchFrom(i + 1)) return true;
        for (const array of added) this.chosen.delete(array);
      }
      if (candidates.length === 0 && field.acceptsAbsence && this.searchFrom(i + 1)) return true;
    }
    if (this.missed.length === this.allowance) return false;
    this.missed.push(i);
    if (this.searchFrom(i + 1)) return true;
    this.missed.pop();
    return false;
  }

  /** All that the fields from `i` on depend on. */
  private describe(i: number): string {
    const parts = [i, this.allowance - this.missed.length];
    for (const { array, index, depth } of this.chosen.values()) {
      if (depth > (this.sharedBefore[i] ?? 0)) continue;
      const known = this.arrays.get(array) ?? this.arrays.size;
      this.arrays.set(array, known);
      parts.push(known, index);
    }
    return parts.join();
  }
}

function commonStart(own: readonly string[], other: readonly string[]): number {
  const end = own.findIndex((segment, i) => segment !== other[i]);
  return end === -1 ? own.length : end;
}

/** What an event has at a path: one value outside of all arrays, nothing (undefined), or anything else. */
export type Reading = Scalar | undefined | FieldValues;

/** Cheaper than `instanceof`, and asked for each field of each event. */
function isSingle(reading: Reading): reading is Scalar | undefined {
  return typeof reading !== 'object' || reading === null;
}

/** One field of a pattern. */
export class FieldMatcher {
  readonly reader: FieldReader;
  /** Whether a present value passes. */
  readonly test: (value: Scalar) => boolean;
  readonly acceptsAbsence: boolean;
  /** The only value that passes, or undefined if it is not as simple as that. */
  private readonly only: Scalar | undefined;

  constructor(
    readonly path: string,
    readonly tests: readonly Test[],
    private readonly allowed: unknown[],
  ) {
    this.reader = new FieldReader(path);
    this.test = anyOf(tests);
    this.only = tests.length === 1 && tests[0]?.op === 'equals' ? tests[0].value : undefined;
    this.acceptsAbsence = tests.some((test) => test.op === 'exists' && !test.exists);
  }

  accepts(value: Scalar | undefined): boolean {
    // Spares the most common test a call, which costs more than the test.
    if (this.only !== undefined) return value === this.only;
    return value === undefined ? this.acceptsAbsence : this.test(value);
  }

  miss(reading: Reading, chosen: ChosenElements): Miss {
    const { path, allowed } = this;
    let actual: Scalar | Scalar[] | undefined;
    if (isSingle(reading)) {
      actual = reading;
    } else {
      const candidates = reading.agreeingWith(chosen);
      const values =
        candidates.length > 0 ? candidates.map((i) => reading.values[i] as Scalar) : reading.values;
      actual = values.length === 1 ? values[0] : values;
    }
    const is = actual === undefined ? 'is absent' : `is ${JSON.stringify(actual)}`;
    const reason = `${is}, allowed: ${allowed.map((each) => JSON.stringify(each)).join(', ')}`;
    return { field: path, allowed, ...(actual !== undefined && { actual }), reason };
  }
}

/** An element of an array of objects (or of arrays). */
interface ArrayElement {
  readonly array: readonly unknown[];
  readonly index: number;
  /** How many segments of the path lead to the array. */
  readonly depth: number;
  /** The element of another array that the array lies in. */
  readonly outer: ArrayElement | undefined;
}

/** By array, the element that values are taken from. */
type ChosenElements = Map<readonly unknown[], ArrayElement>;

/** The innermost element that a field with `depth` segments in common can lie in, too. */
function outerElement(element: ArrayElement | undefined, depth: number): ArrayElement | undefined {
  let outer = element;
  while (outer && outer.depth > depth) outer = outer.outer;
  return outer;
}

/** @returns the arrays for which no element had been chosen before */
function choose(element: ArrayElement | undefined, chosen: ChosenElements): (readonly unknown[])[] {
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
  /** For each value the innermost element that it lies in. A scalar in an array lies in no element of that array. */
  readonly elements: (ArrayElement | undefined)[] = [];
  isInElements = false;
  /** For each array where the values of each of its elements begin, and at last where they all end. */
  private readonly bounds = new Map<readonly unknown[], number[]>();

  add(value: Scalar, element: ArrayElement | undefined): void {
    this.values.push(value);
    this.elements.push(element);
    this.isInElements ||= element !== undefined;
  }

  /** To be called before each element of an array, and after the last one. */
  mark(array: readonly unknown[]): void {
    const bounds = this.bounds.get(array);
    if (bounds) bounds.push(this.values.length);
    else this.bounds.set(array, [this.values.length]);
  }

  /** The places of the values that lie in no other element than the chosen one of any array. */
  agreeingWith(chosen: ChosenElements): number[] {
    const end = this.values.length;
    let ranges: [from: number, to: number][] = [[0, end]];
    // The innermost array, chosen last, leaves the fewest. Without it, two fields of a long array cost its square.
    for (const [array, { index }] of chosen) {
      const bounds = this.bounds.get(array);
      const [first = 0, last = 0] = [bounds?.[0], bounds?.at(-1)];
      if (bounds)
        ranges = [
          [0, first],
          [bounds[index] ?? last, bounds[index + 1] ?? last],
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
  private readonly keys: readonly (readonly string[])[];
  private readonly first: string;
  private readonly last: string;
  /** How many segments the path has; 0 if it has to be read with care. */
  private readonly depth: number;

  constructor(private readonly path: string) {
    const segments = path.split('.');
    this.keys = segments.map((_, i) =>
      segments.slice(i).map((_, k) => segments.slice(i, i + k + 1).join('.')),
    );
    [this.first, this.last] = [segments[0] ?? '', segments.at(-1) ?? ''];
    // Names that every object has (`constructor`) would be found in events that lack them.
    this.depth = this.keys.flat().some((key) => key in Object.prototype) ? 0 : segments.length;
  }

  read(event: JsonObject): Reading {
    switch (this.depth) {
      case 0:
        return this.readAll(event);
      case 1: {
        const value = event[this.path];
        return typeof value === 'object' && value !== null
          ? this.readAll(event)
          : (value as Scalar | undefined);
      }
      case 2: {
        const parent = event[this.first];
        if (Array.isArray(parent) || event[this.path] !== undefined) return this.readAll(event);
        if (typeof parent !== 'object' || parent === null) return undefined;
        const value = (parent as JsonObject)[this.last];
        return typeof value === 'object' && value !== null
          ? this.readAll(event)
          : (value as Scalar | undefined);
      }
      default:
        return this.readNested(event);
    }
  }

  /** The common case, without arrays and dotted keys on the way. */
  private readNested(event: JsonObject): Reading {
    let node: unknown = event;
    for (const keys of this.keys) {
      if (typeof node !== 'object' || node === null) return undefined;
      if (Array.isArray(node)) return this.readAll(event);
      for (let k = 1; k < keys.length; k++) {
        if ((node as JsonObject)[keys[k] as string] !== undefined) return this.readAll(event);
      }
      node = (node as JsonObject)[keys[0] as string];
    }
    return typeof node === 'object' && node !== null ? this.readAll(event) : (node as Scalar | undefined);
  }

  private readAll(event: JsonObject): Reading {
    const found = new FieldValues();
    this.collect(event, 0, undefined, found, 0);
    return found.values.length > 1 || found.isInElements ? found : found.values[0];
  }

  private collect(
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
        this.collect(item, depth, own, found, nesting + 1);
      }
      found.mark(node);
    } else if (isObject(node)) {
      for (const [k, key] of (this.keys[depth] ?? []).entries()) {
        if (Object.hasOwn(node, key)) this.collect(node[key], depth + k + 1, element, found, nesting + 1);
      }
    } else if (depth === this.keys.length) {
      found.add(node as Scalar, element);
    }
  }
}

/** @returns whether a present value passes one of the tests */
function anyOf(tests: readonly Test[]): (value: Scalar) => boolean {
  const exact = tests.flatMap((test) => (test.op === 'equals' ? [test.value] : []));
  const others = tests.filter(({ op }) => op !== 'equals').map(predicate);
  const [first = null] = exact;
  if (exact.length === 1 && others.length === 0) return (value) => value === first;
  if (exact.length === 0 && others.length === 1 && others[0]) return others[0];
  // A set would have to read all of a text first, for its hash.
  const values = exact.length > 8 ? new Set(exact) : undefined;
  return (value) => {
    if (values ? values.has(value) : exact.includes(value)) return true;
    for (const passes of others) if (passes(value)) return true;
    return false;
  };
}

/** @returns whether a present value passes the test */
function predicate(test: Test): (value: Scalar) => boolean {
  switch (test.op) {
    case 'equals':
      return (value) => value === test.value;
    case 'prefix':
    case 'suffix': {
      const { op, text } = test;
      if (test.ignoreCase) {
        const source = ignoringCase(text);
        return matchesPattern(op === 'prefix' ? `^${source}` : `${source}$`);
      }
      return op === 'prefix'
        ? (value) => typeof value === 'string' && value.startsWith(text)
        : (value) => typeof value === 'string' && value.endsWith(text);
    }
    case 'equals-ignore-case':
      return matchesPattern(`^${ignoringCase(test.text)}$`);
    case 'wildcard':
      return (value) => typeof value === 'string' && matchesWildcard(test.parts, value);
    case 'numeric': {
      const { lower, upper } = test;
      return (value) =>
        typeof value === 'number' &&
        (!lower || value > lower.value || (lower.inclusive && value === lower.value)) &&
        (!upper || value < upper.value || (upper.inclusive && value === upper.value));
    }
    case 'cidr':
      return (value) => typeof value === 'string' && isInNetwork(value, test.network, test.bits);
    case 'exists':
      return () => test.exists;
    case 'anything-but': {
      const passes = anyOf(test.but);
      return (value) => !passes(value);
    }
  }
}

function matchesPattern(source: string): (value: Scalar) => boolean {
  const pattern = new RegExp(source);
  return (value) => typeof value === 'string' && pattern.test(value);
}

/** A regular expression: each character of the text as its upper or its lower case, as the service's matcher does it. */
function ignoringCase(text: string): string {
  const literally = (part: string) => part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  return text
    .split('')
    .map((char) => `(?:${literally(char.toLowerCase())}|${literally(char.toUpperCase())})`)
    .join('');
}

/** @param parts the literals between the wildcards */
function matchesWildcard(parts: readonly string[], value: string): boolean {
  const first = parts[0] ?? '';
  if (parts.length === 1) return value === first;
  const last = parts.at(-1) ?? '';
  if (!value.startsWith(first) || !value.endsWith(last)) return false;
  // Taking each literal as early as it comes leaves the most for the rest.
  let from = first.length;
  for (const part of parts.slice(1, -1)) {
    const at = value.indexOf(part, from);
    if (at === -1) return false;
    from = at + part.length;
  }
  return from <= value.length - last.length;
}

let lastAddress: { text: string; bytes: Uint8Array | undefined } = { text: '', bytes: undefined };

function isInNetwork(text: string, network: Uint8Array, bits: number): boolean {
  // Many rules ask about the same value.
  if (lastAddress.text !== text) lastAddress = { text, bytes: parseAddress(text) };
  const { bytes } = lastAddress;
  if (bytes?.length !== network.length) return false;
  return network.every((byte, i) => {
    const taken = Math.min(Math.max(bits - 8 * i, 0), 8);
    return ((bytes[i] ?? 0) ^ byte) >> (8 - taken) === 0;
  });
}
