/** Matches the fields of a pattern together, and finds the fields that keep it from matching. */
import type { Branch } from './event-pattern-syntax';
import {
  type ArrayElement,
  type ChosenElements,
  choose,
  FieldReader,
  isSingle,
  type JsonRecord,
  outerElement,
  type Reading,
} from './field-reader';
import { anyTest, type Scalar, type Test } from './field-test';

/** A field that kept a pattern from matching. */
export interface FieldMismatch {
  /** Dotted path, e.g. `detail.status`. */
  field: string;
  /** The field's list in the pattern. */
  allowed: unknown[];
  /** The event's value: absent if it has no such field, a list if it has several values. */
  actual?: Scalar | Scalar[];
  /** Explanation in words: `is "PENDING", allowed: "SHIPPED", "DELIVERED"`. */
  reason: string;
}

/** The fields that must match together. */
export class BranchMatcher {
  /** Sorted by path. */
  readonly fields: readonly FieldMatcher[];
  #shared: SharedSegments | undefined;

  constructor(branch: Branch) {
    this.fields = branch.map(({ path, tests, allowed }) => new FieldMatcher(path, tests, allowed));
  }

  matches(event: JsonRecord): boolean {
    for (const field of this.fields) {
      const reading = field.reader.read(event);
      if (isSingle(reading)) {
        if (!field.accepts(reading)) return false;
      } else {
        if (reading.isInElements) {
          const readings = this.fields.map(({ reader }) => reader.read(event));
          return this.#search(readings).run(0) !== undefined;
        }
        if (!reading.values.some(field.test)) return false;
      }
    }
    return true;
  }

  /**
   * The fewest fields that keep the event from matching.
   * @param read cache of readings of the same event, by path
   */
  misses(event: JsonRecord, read: Map<string, Reading>): FieldMismatch[] {
    const readings = this.fields.map(({ path, reader }) => {
      const known = read.get(path);
      if (known !== undefined || read.has(path)) return known;
      const reading = reader.read(event);
      read.set(path, reading);
      return reading;
    });
    const isHopeless = this.fields.map((field, i) => !field.mayPass(readings[i]));
    if (readings.some((reading) => !isSingle(reading) && reading.isInElements)) {
      const search = this.#search(readings);
      for (let allowance = isHopeless.filter(Boolean).length; ; allowance++) {
        const misses = search.run(allowance, isHopeless);
        if (misses) return misses;
      }
    }
    return this.fields.flatMap((field, i) => (isHopeless[i] ? field.miss(readings[i]) : []));
  }

  #search(readings: readonly Reading[]): ElementSearch {
    this.#shared ??= sharedSegments(this.fields);
    return new ElementSearch(this.fields, this.#shared, readings);
  }
}

/** Number of leading path segments that each field shares with fields before and after it. */
interface SharedSegments {
  /** Maximum number of segments shared with a later field. */
  readonly behind: readonly number[];
  /** Maximum number of segments that it or a later field shares with an earlier one. */
  readonly before: readonly number[];
}

function sharedSegments(fields: readonly FieldMatcher[]): SharedSegments {
  const segments = fields.map(({ path }) => path.split('.'));
  const shared = segments.map((own) => segments.map((other) => commonStart(own, other)));
  return {
    behind: shared.map((row, i) => Math.max(0, ...row.slice(i + 1))),
    before: shared.map((_, i) => Math.max(0, ...shared.slice(i).flatMap((row) => row.slice(0, i)))),
  };
}

function commonStart(own: readonly string[], other: readonly string[]): number {
  const end = own.findIndex((segment, i) => segment !== other[i]);
  return end === -1 ? own.length : end;
}

/**
 * Searches a value for each field, all in the same elements of arrays. Fields are searched in the order of their
 * paths, as in the service's matcher. That matters for `exists: false`, which holds if no value is in the elements
 * chosen so far.
 */
class ElementSearch {
  readonly #chosen: ChosenElements = new Map();
  readonly #missed: number[] = [];
  #allowance = 0;
  #isHopeless: readonly boolean[] = [];
  /** States of the search that are known to fail: field and chosen elements. */
  readonly #failed = new Set<string>();
  readonly #arrays = new Map<readonly unknown[], number>();

  constructor(
    private readonly fields: readonly FieldMatcher[],
    private readonly shared: SharedSegments,
    private readonly readings: readonly Reading[],
  ) {}

  /**
   * @param allowance maximum number of fields that may miss
   * @param isHopeless fields that miss for any choice of elements
   * @returns the fields that miss, or undefined if there are more
   */
  run(allowance: number, isHopeless: readonly boolean[] = []): FieldMismatch[] | undefined {
    this.#chosen.clear();
    this.#missed.length = 0;
    this.#allowance = allowance;
    this.#isHopeless = isHopeless;
    if (!this.#searchFrom(0)) return undefined;
    return this.#missed.flatMap((i) => this.fields[i]?.miss(this.readings[i], this.#chosen) ?? []);
  }

  #searchFrom(i: number): boolean {
    // After leaving an array, the search would reach the same state from each of its elements.
    const hasLeftArray = i > 0 && (this.shared.before[i] ?? 0) < (this.shared.before[i - 1] ?? 0);
    const state = hasLeftArray ? this.#describe(i) : undefined;
    if (state !== undefined && this.#failed.has(state)) return false;
    const found = this.#search(i);
    if (!found && state !== undefined) this.#failed.add(state);
    return found;
  }

  #search(i: number): boolean {
    const field = this.fields[i];
    if (!field) return true;
    const reading = this.readings[i];
    if (this.#isHopeless[i]) {
      // Misses for any choice.
    } else if (isSingle(reading)) {
      if (field.accepts(reading) && this.#searchFrom(i + 1)) return true;
    } else {
      const candidates = reading.agreeingWith(this.#chosen);
      // Later fields depend only on the chosen elements of arrays that they are in, too. Values in the same element
      // follow each other, and trying one of them is enough.
      let tried: ArrayElement | 'nothing' | undefined = 'nothing';
      for (const candidate of candidates) {
        if (!field.test(reading.values[candidate] as Scalar)) continue;
        const element = outerElement(reading.elements[candidate], this.shared.behind[i] ?? 0);
        if (tried !== 'nothing' && tried?.array === element?.array && tried?.index === element?.index)
          continue;
        tried = element;
        const added = choose(element, this.#chosen);
        if (this.#searchFrom(i + 1)) return true;
        for (const array of added) this.#chosen.delete(array);
      }
      if (candidates.length === 0 && field.acceptsAbsence && this.#searchFrom(i + 1)) return true;
    }
    if (this.#missed.length === this.#allowance) return false;
    this.#missed.push(i);
    if (this.#searchFrom(i + 1)) return true;
    this.#missed.pop();
    return false;
  }

  /** Key of the chosen elements that the fields from `i` on depend on. */
  #describe(i: number): string {
    const parts = [i, this.#allowance - this.#missed.length];
    for (const { array, index, depth } of this.#chosen.values()) {
      if (depth > (this.shared.before[i] ?? 0)) continue;
      const known = this.#arrays.get(array) ?? this.#arrays.size;
      this.#arrays.set(array, known);
      parts.push(known, index);
    }
    return parts.join();
  }
}

const NOTHING_CHOSEN: ChosenElements = new Map();

/** One field of a pattern. */
class FieldMatcher {
  readonly reader: FieldReader;
  /** Tests a present value. */
  readonly test: (value: Scalar) => boolean;
  readonly acceptsAbsence: boolean;
  /** The only value that passes; undefined if there are several. */
  readonly #only: Scalar | undefined;
  #allowedText: string | undefined;

  constructor(
    readonly path: string,
    readonly tests: readonly Test[],
    private readonly allowed: unknown[],
  ) {
    this.reader = new FieldReader(path);
    this.test = anyTest(tests);
    this.#only = tests.length === 1 && tests[0]?.op === 'equals' ? tests[0].value : undefined;
    this.acceptsAbsence = tests.some((test) => test.op === 'exists' && !test.exists);
  }

  accepts(value: Scalar | undefined): boolean {
    // Inlined for the most common test, since a call costs more than the comparison.
    if (this.#only !== undefined) return value === this.#only;
    return value === undefined ? this.acceptsAbsence : this.test(value);
  }

  /** False if no choice of elements makes it pass. */
  mayPass(reading: Reading): boolean {
    if (isSingle(reading)) return this.accepts(reading);
    return (this.acceptsAbsence && reading.isInElements) || reading.values.some(this.test);
  }

  miss(reading: Reading, chosen: ChosenElements = NOTHING_CHOSEN): FieldMismatch {
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
    this.#allowedText ??= allowed.map((each) => JSON.stringify(each)).join(', ');
    const reason = `${is}, allowed: ${this.#allowedText}`;
    return { field: path, allowed, ...(actual !== undefined && { actual }), reason };
  }
}
