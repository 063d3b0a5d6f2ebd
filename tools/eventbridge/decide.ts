/**
 * Decides questions about all events of a domain: whether a pattern matches every, some or none of them, whether two
 * patterns match a common event, whether one matches all events of the other.
 *
 * A pattern is a disjunction of branches, a branch a conjunction of fields, a field a set of values. Fields are
 * independent but for the optional parents that they share, so that events are searched for field by field. One element
 * of each array is enough: an event that matches still does if the other elements are taken away, and it is the smaller
 * event that the domain is asked for. That does not hold of absence within arrays of objects, which is told apart.
 *
 * Each event in an answer has been checked by the real matcher. An undecided question is answered with the reason.
 */
import type { EventPattern } from './event-pattern';
import {
  ABSENT,
  ANYTHING,
  all,
  any,
  Budget,
  complement,
  members,
  passing,
  types,
  UndecidedError,
  type Value,
  type ValueSet,
} from './value-set';

/** Possible values of the events of a domain at one dotted path. */
export interface FieldDomain {
  /** Values if all optional parents exist; includes absence if the field itself is optional. */
  readonly values: ValueSet;
  /** Dotted paths of the optional objects above it, and of arrays above it that may be empty, outermost first. */
  readonly optionalParents: readonly string[];
  /** Dotted paths of the arrays that it lies in, outermost first. */
  readonly arrays: readonly string[];
  /** True if the outermost array may have two elements. */
  readonly takesSecond: boolean;
  /** True if only scalars can be at the path: no object, and no list. */
  readonly isPlain: boolean;
}

/** Field values of one event. A field in none of the maps is free. */
export interface FieldValues {
  readonly values: ReadonlyMap<string, Value>;
  /** Values in a second element of the field's outermost array. */
  readonly second: ReadonlyMap<string, Value>;
  /** Existence of optional parents. */
  readonly parents: ReadonlyMap<string, boolean>;
}

/** A set of events. */
export interface EventDomain {
  /** @throws UndecidedError */
  field(path: string): FieldDomain;
  /** @returns an event with these fields; undefined if none exists, or a check in code refuses it */
  build(fields: FieldValues): object | undefined;
  /**
   * Domains that have these events together, in each of which the paths have one domain of values each.
   * @default the domain itself
   * @throws UndecidedError
   */
  cases?(paths: readonly string[]): readonly EventDomain[];
}

export type SetAnswer<Verdict extends string> =
  | { readonly verdict: Verdict; readonly taken?: object; readonly missed?: object }
  | { readonly verdict: 'cannot tell'; readonly reason: string };

/** Maximum number of states for one question. */
const BUDGET = 30_000;
/** Maximum number of events that are built in search of one that passes the checks in code. */
const MAX_WITNESSES = 8;

/** Decides whether the pattern matches every, some or none of the domain's events, with an example of each case. */
export function takes(pattern: EventPattern, domain: EventDomain): SetAnswer<'every' | 'some' | 'none'> {
  return answer(() => {
    const branches = branchesOf(pattern);
    const taken = firstOf(branches, (branch) =>
      find([branch], [], domain, (event) => pattern.matches(event)),
    );
    if (!taken) return { verdict: 'none' };
    const missed = find([], branches, domain, (event) => !pattern.matches(event));
    return missed ? { verdict: 'some', taken, missed } : { verdict: 'every', taken };
  });
}

/** Decides whether some event of the domain matches both patterns, with an example. */
export function overlap(
  a: EventPattern,
  b: EventPattern,
  domain: EventDomain,
): SetAnswer<'overlap' | 'apart'> {
  return answer(() => {
    const isTaken = (event: object) => a.matches(event) && b.matches(event);
    const taken = firstOf(branchesOf(a), (one) =>
      firstOf(branchesOf(b), (other) => {
        const together = find([one, other], [], domain, isTaken);
        return (
          together ?? inCases(domain, [one, other], (each) => findInTwoElements(one, other, each, isTaken))
        );
      }),
    );
    return taken ? { verdict: 'overlap', taken } : { verdict: 'apart' };
  });
}

/** Decides whether `b` matches all events of the domain that `a` matches, with a counterexample if not. */
export function inside(
  a: EventPattern,
  b: EventPattern,
  domain: EventDomain,
): SetAnswer<'inside' | 'outside'> {
  return answer(() => {
    const others = branchesOf(b);
    const isMissed = (event: object) => a.matches(event) && !b.matches(event);
    const missed = firstOf(branchesOf(a), (branch) => find([branch], others, domain, isMissed));
    return missed ? { verdict: 'outside', missed } : { verdict: 'inside' };
  });
}

/** Relation of the events of two patterns. */
export type Relation =
  | { readonly verdict: 'same' }
  /** The other pattern takes all that this one does, and more. */
  | { readonly verdict: 'inside' }
  /** The pattern takes all that the other one does, and more. */
  | { readonly verdict: 'around' }
  | { readonly verdict: 'overlap'; readonly taken?: object }
  | { readonly verdict: 'apart' }
  | { readonly verdict: 'cannot tell'; readonly reason: string };

/** Decides how the events of two patterns go together. */
export function compare(a: EventPattern, b: EventPattern, domain: EventDomain): Relation {
  const [there, back] = [inside(a, b, domain), inside(b, a, domain)];
  if (there.verdict === 'inside') return { verdict: back.verdict === 'inside' ? 'same' : 'inside' };
  if (back.verdict === 'inside') return { verdict: 'around' };
  const common = overlap(a, b, domain);
  if (common.verdict !== 'overlap') return common;
  // That neither is inside of the other may be what is not known.
  const undecided = [there, back].find((each) => each.verdict === 'cannot tell');
  if (undecided?.verdict === 'cannot tell') return undecided;
  return { verdict: 'overlap', ...(common.taken && { taken: common.taken }) };
}

/**
 * Finds an event of the domain that the pattern matches, with one of these values at the path.
 * @throws UndecidedError
 */
export function findTaken(
  pattern: EventPattern,
  domain: EventDomain,
  path: string,
  values: ValueSet,
  confirm: (event: object) => boolean,
): object | undefined {
  const wanted: Field = { path, values, acceptsAbsence: false };
  return firstOf(branchesOf(pattern), (branch) =>
    find([branch, [wanted]], [], domain, (event) => pattern.matches(event) && confirm(event)),
  );
}

interface Field {
  readonly path: string;
  readonly values: ValueSet;
  readonly acceptsAbsence: boolean;
}

type Branch = readonly Field[];

function answer<Verdict extends string>(ask: () => SetAnswer<Verdict>): SetAnswer<Verdict> {
  try {
    return ask();
  } catch (error) {
    if (error instanceof UndecidedError) return { verdict: 'cannot tell', reason: error.message };
    throw error;
  }
}

function firstOf<Item, Result>(
  items: readonly Item[],
  of: (item: Item) => Result | undefined,
): Result | undefined {
  for (const item of items) {
    const result = of(item);
    if (result !== undefined) return result;
  }
  return undefined;
}

function branchesOf({ branches }: EventPattern): Branch[] {
  return branches.map(({ fields }) =>
    fields.map(({ path, tests, acceptsAbsence }) => ({ path, values: passing(tests), acceptsAbsence })),
  );
}

/**
 * Finds an event that passes all fields of `every` and misses a field of each of `none`, checked by the matcher.
 * @returns undefined if there is none
 * @throws UndecidedError
 */
function find(
  every: readonly Branch[],
  none: readonly Branch[],
  domain: EventDomain,
  confirm: (event: object) => boolean,
): object | undefined {
  return inCases(domain, [...every, ...none], (each) => {
    if (every.length + none.length > 1) requireNoAbsenceInArrays([...every, ...none], each);
    return confirmed(
      new Search(each).run(every, none),
      (values) => each.build({ ...values, second: new Map() }),
      confirm,
    );
  });
}

/**
 * An event of one of the domain's cases: that one of them cannot be told matters only if none of the others has one.
 */
function inCases(
  domain: EventDomain,
  branches: readonly Branch[],
  findIn: (domain: EventDomain) => object | undefined,
): object | undefined {
  const paths = branches.flat().map(({ path }) => path);
  let undecided: UndecidedError | undefined;
  for (const each of domain.cases?.(paths) ?? [domain]) {
    try {
      const found = findIn(each);
      if (found) return found;
    } catch (error) {
      if (!(error instanceof UndecidedError)) throw error;
      undecided ??= error;
    }
  }
  if (undecided) throw undecided;
  return undefined;
}

/** Does what `find` does, but the fields of `other` may be in another element of their arrays. */
function findInTwoElements(
  one: Branch,
  other: Branch,
  domain: EventDomain,
  confirm: (event: object) => boolean,
): object | undefined {
  const inArrays = (path: string) => domain.field(path).arrays.length > 0;
  const doubled = other.filter(
    ({ path }) => inArrays(path) && one.some((field) => sharesArray(field.path, path, domain)),
  );
  if (doubled.length === 0) return undefined;
  for (const { path } of doubled) {
    const { takesSecond, arrays } = domain.field(path);
    if (takesSecond) continue;
    if (arrays.length > 1)
      throw new UndecidedError(`${path} lies in an array within an array of one element`);
    return undefined;
  }
  const second = (path: string) => `${path}${SECOND}`;
  const twoElements: Pick<EventDomain, 'field'> = { field: (path) => domain.field(path.replace(SECOND, '')) };
  // Absence holds for all elements, so one element decides it.
  const isShared = ({ path }: Field) => doubled.some((each) => sharesArray(path, each.path, domain));
  const present = (field: Field) =>
    isShared(field) ? { ...field, values: all(field.values, complement(ABSENT)) } : field;
  const first = one.map(present);
  const moved = other.map((field) => {
    return isShared(field) ? { ...present(field), path: second(field.path) } : field;
  });
  const build = ({ values, parents }: Omit<FieldValues, 'second'>) => {
    const parts = [...values].map(
      ([path, value]) => [path.replace(SECOND, ''), value, path.endsWith(SECOND)] as const,
    );
    const pick = (ofSecond: boolean) =>
      new Map(parts.filter(([, , isSecond]) => isSecond === ofSecond).map(([path, value]) => [path, value]));
    return domain.build({ values: pick(false), second: pick(true), parents });
  };
  return confirmed(new Search(twoElements).run([first, moved], []), build, confirm);
}

/** Marks the path of a field in the second element. No path of a pattern has this character at its end. */
const SECOND = '\u0000';

function sharesArray(a: string, b: string, domain: EventDomain): boolean {
  const [mine, others] = [domain.field(a).arrays, domain.field(b).arrays];
  return mine[0] !== undefined && mine[0] === others[0];
}

/**
 * `[{"a": 5}, {"b": 1}]` has an element without `a` and still an `a`: with one element for each array, what is asked of
 * absence there beside another field of the same array would be answered wrongly.
 */
function requireNoAbsenceInArrays(branches: readonly Branch[], domain: EventDomain): void {
  const fields = branches.flat();
  for (const { path, acceptsAbsence } of fields) {
    if (!acceptsAbsence || domain.field(path).arrays.length === 0) continue;
    const other = fields.find((each) => each.path !== path && sharesArray(path, each.path, domain));
    if (!other) continue;
    throw new UndecidedError(`the absence of ${path} is asked for beside ${other.path}, in the same array`);
  }
}

function confirmed(
  found: Iterable<Omit<FieldValues, 'second'>>,
  build: (values: Omit<FieldValues, 'second'>) => object | undefined,
  confirm: (event: object) => boolean,
): object | undefined {
  let tried = 0;
  for (const values of found) {
    const event = build(values);
    if (event && confirm(event)) return event;
    if (++tried === MAX_WITNESSES) break;
  }
  if (tried === 0) return undefined;
  throw new UndecidedError('the schema allows such an event, but no event that was made of it is accepted');
}

/** The search for values of all fields. */
class Search {
  readonly #domain: Pick<EventDomain, 'field'>;
  readonly #budget = new Budget(BUDGET);
  readonly #isEmpty = new Map<string, boolean>();
  readonly #ids = new Map<ValueSet, number>();

  constructor(domain: Pick<EventDomain, 'field'>) {
    this.#domain = domain;
  }

  *run(every: readonly Branch[], none: readonly Branch[]): Generator<Omit<FieldValues, 'second'>> {
    const paths = [...new Set([...every, ...none].flat().map(({ path }) => path))];
    const domains = new Map(paths.map((path) => [path, this.#domain.field(path)]));
    const parents = [...new Set([...domains.values()].flatMap(({ optionalParents }) => optionalParents))];
    for (const present of choices(parents)) {
      this.#budget.spend();
      const cells: Cells = new Map(
        [...domains].map(([path, { values, optionalParents }]) => [
          path,
          [optionalParents.every((parent) => present.get(parent)) ? values : ABSENT],
        ]),
      );
      for (const { path, values } of every.flat()) cells.set(path, [...(cells.get(path) ?? []), values]);
      if ([...cells.values()].some((cell) => this.#empty(cell))) continue;
      for (const solved of this.#miss(cells, none)) {
        for (const values of this.#events(solved)) yield { values, parents: present };
      }
    }
  }

  /** Narrows the cells so that each branch misses a field. */
  *#miss(cells: Cells, branches: readonly Branch[]): Generator<Cells> {
    this.#budget.spend();
    const open = branches.flatMap((branch) => {
      const misses = branch.filter(
        ({ path, values }) => !this.#empty([...cellOf(cells, path), complement(values)]),
      );
      const isMissed = branch.some(({ path, values }) => this.#empty([...cellOf(cells, path), values]));
      return isMissed ? [] : [{ branch, misses }];
    });
    if (open.length === 0) {
      yield cells;
      return;
    }
    const [next, ...rest] = open.sort((a, b) => a.misses.length - b.misses.length);
    for (const { path, values } of next?.misses ?? []) {
      const narrowed = new Map(cells).set(path, [...cellOf(cells, path), this.#complement(values)]);
      yield* this.#miss(
        narrowed,
        rest.map(({ branch }) => branch),
      );
    }
  }

  readonly #complements = new Map<ValueSet, ValueSet>();

  #complement(set: ValueSet): ValueSet {
    const known = this.#complements.get(set) ?? complement(set);
    this.#complements.set(set, known);
    return known;
  }

  #empty(cell: readonly ValueSet[]): boolean {
    const key = cell.map((set) => (set.of === 'not' ? `!${this.#id(set.set)}` : this.#id(set))).join();
    const known = this.#isEmpty.get(key);
    if (known !== undefined) return known;
    const isEmpty = members(all(...cell), this.#budget).next().done === true;
    this.#isEmpty.set(key, isEmpty);
    return isEmpty;
  }

  #id(set: ValueSet): number {
    const known = this.#ids.get(set) ?? this.#ids.size;
    this.#ids.set(set, known);
    return known;
  }

  /** Events of the cells, the simplest first: the n-th has the n-th member of each cell, or its last. */
  *#events(cells: Cells): Generator<ReadonlyMap<string, Value>> {
    const lists = [...cells].map(([path, cell]) => ({
      path,
      found: this.#members(cell),
      last: undefined as Value,
    }));
    for (let isNew = true; isNew; ) {
      isNew = false;
      for (const list of lists) {
        const { done, value } = list.found.next();
        if (done) continue;
        list.last = value;
        isNew = true;
      }
      if (isNew) yield new Map(lists.map(({ path, last }) => [path, last]));
    }
  }

  *#members(cell: readonly ValueSet[]): Generator<Value> {
    let isFound = false;
    try {
      for (const value of members(all(...cell), this.#budget)) {
        isFound = true;
        yield value;
      }
    } catch (error) {
      // One event is known; further ones are not needed.
      if (!(error instanceof UndecidedError) || !isFound) throw error;
    }
  }
}

/** Sets by path; the value must be in all of them. */
type Cells = Map<string, readonly ValueSet[]>;

const cellOf = (cells: Cells, path: string): readonly ValueSet[] => cells.get(path) ?? [];

/** Yields each combination of existing optional parents: a child only exists with its parent. */
function* choices(parents: readonly string[]): Generator<ReadonlyMap<string, boolean>> {
  const [parent, ...rest] = [...parents].sort();
  if (parent === undefined) {
    yield new Map();
    return;
  }
  for (const present of [true, false]) {
    for (const choice of choices(rest)) {
      const isOrphan =
        !present && [...choice].some(([path, there]) => there && path.startsWith(`${parent}.`));
      if (!isOrphan) yield new Map(choice).set(parent, present);
    }
  }
}

/** Fields with text that each event has. */
const ENVELOPE: readonly string[] = ['version', 'id', 'detail-type', 'source', 'account', 'time', 'region'];

/**
 * Domain of all events whose fields have one value each, to compare rules without a contract. The detail may have any
 * fields.
 */
export const ANY_EVENT: EventDomain = {
  field: (path) => ({
    values: ENVELOPE.includes(path)
      ? types('string')
      : path === 'replay-name'
        ? any(ABSENT, types('string'))
        : ANYTHING,
    optionalParents: [],
    arrays: [],
    takesSecond: false,
    isPlain: path !== 'detail' && !path.startsWith('detail.'),
  }),
  build({ values }) {
    const event: Record<string, unknown> = Object.fromEntries(ENVELOPE.map((name) => [name, '']));
    const paths = [...values].flatMap(([path, value]) => (value === undefined ? [] : [path]));
    for (const path of paths) {
      // A dotted key is the same field, and can be next to its own parent.
      const names = path.split('.');
      const isParted = !paths.some((each) => each.startsWith(`${path}.`) || path.startsWith(`${each}.`));
      if (isParted && !names.includes('') && !names.includes('__proto__')) {
        putAt(event, names, values.get(path));
      } else event[path] = values.get(path);
    }
    return event;
  },
};

function putAt(
  object: Record<string, unknown>,
  [key = '', ...rest]: readonly string[],
  value: unknown,
): void {
  if (rest.length === 0) {
    object[key] = value;
    return;
  }
  const child = (Object.hasOwn(object, key) ? object[key] : {}) as Record<string, unknown>;
  object[key] = child;
  putAt(child, rest, value);
}
