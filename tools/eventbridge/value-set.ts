/** Sets of values that a field of an event can have, closed under and, or, not; and their smallest members. */

import { type Bound, isWithin, type Scalar, type Test } from './field-test';
import { isAddressIn, isInNetwork } from './ip-address';
import { dottedAddresses, type IpNetwork, regionsOf, spelled, WITH_COLON } from './network-set';
import { LAST_UNIT, type Piece, sequence, type TextMachine, WELL_FORMED } from './text-machine';

/** A value of a field; undefined if there is no such field. */
export type Value = Scalar | undefined;

type ValueType = 'absent' | 'null' | 'boolean' | 'number' | 'string';

type Atom =
  | { readonly of: 'types'; readonly types: readonly ValueType[] }
  | { readonly of: 'literal'; readonly value: null | boolean }
  | {
      readonly of: 'numbers';
      readonly lower?: Bound;
      readonly upper?: Bound;
      readonly integer?: boolean;
      /** A positive integer. */
      readonly multipleOf?: number;
    }
  | { readonly of: 'texts'; readonly machine: TextMachine }
  | ({ readonly of: 'network' } & IpNetwork);

export type ValueSet =
  | Atom
  | { readonly of: 'all'; readonly sets: readonly ValueSet[] }
  | { readonly of: 'any'; readonly sets: readonly ValueSet[] }
  | { readonly of: 'not'; readonly set: ValueSet };

/** Error of a question that cannot be decided; the message has the reason. */
export class UndecidedError extends Error {
  override readonly name = 'UndecidedError';
}

/** Maximum number of states for a question; not a time limit, so that the answer is reproducible. */
export class Budget {
  #left: number;

  constructor(private readonly states: number) {
    this.#left = states;
  }

  spend(): void {
    if (this.#left-- <= 0) throw new UndecidedError(`it takes more than ${this.states} states to tell`);
  }
}

export const types = (...list: ValueType[]): ValueSet => ({ of: 'types', types: list });
export const texts = (machine: TextMachine): ValueSet => ({ of: 'texts', machine });
export const all = (...sets: ValueSet[]): ValueSet => ({ of: 'all', sets });
export const any = (...sets: ValueSet[]): ValueSet => ({ of: 'any', sets });
export const complement = (set: ValueSet): ValueSet => ({ of: 'not', set });
export const ABSENT = types('absent');
export const ANYTHING = types('absent', 'null', 'boolean', 'number', 'string');

export function exactly(value: Scalar): ValueSet {
  if (typeof value === 'string') return texts(sequence(value === '' ? [] : [[value]]));
  if (typeof value === 'number') {
    return { of: 'numbers', lower: { value, inclusive: true }, upper: { value, inclusive: true } };
  }
  return { of: 'literal', value };
}

/**
 * The values that pass one of a field's conditions.
 * @throws UndecidedError
 */
export function passing(tests: readonly Test[]): ValueSet {
  return any(...tests.map(passingOne));
}

function passingOne(test: Test): ValueSet {
  switch (test.op) {
    case 'equals':
      return exactly(test.value);
    case 'prefix':
      return texts(sequence([...letters(test.text, test.ignoreCase), 'anything']));
    case 'suffix':
      return texts(sequence(['anything', ...letters(test.text, test.ignoreCase)]));
    case 'equals-ignore-case':
      return texts(sequence(letters(test.text, true)));
    case 'wildcard':
      return texts(
        sequence(
          test.parts.flatMap((part, i) => [
            ...(i > 0 ? (['anything'] as const) : []),
            ...letters(part, false),
          ]),
        ),
      );
    case 'numeric':
      return {
        of: 'numbers',
        ...(test.lower && { lower: test.lower }),
        ...(test.upper && { upper: test.upper }),
      };
    case 'exists':
      return test.exists ? complement(ABSENT) : ABSENT;
    case 'anything-but':
      return all(complement(ABSENT), complement(passing(test.but)));
    case 'cidr':
      return { of: 'network', network: test.network, bits: test.bits };
  }
}

/** One piece a UTF-16 unit, as the matcher compares case. */
function letters(text: string, ignoreCase: boolean): Piece[] {
  return text.split('').map((char) => (ignoreCase ? [char.toLowerCase(), char.toUpperCase()] : [char]));
}

export function contains(set: ValueSet, value: Value): boolean {
  return evaluate(set, (atom) => containsAtom(atom, value)) === true;
}

function containsAtom(atom: Atom, value: Value): boolean {
  switch (atom.of) {
    case 'types':
      return atom.types.includes(typeOf(value));
    case 'literal':
      return value === atom.value;
    case 'numbers':
      return (
        typeof value === 'number' &&
        isWithin(value, atom) &&
        (!atom.integer || Number.isInteger(value)) &&
        (atom.multipleOf === undefined || value % atom.multipleOf === 0)
      );
    case 'texts': {
      if (typeof value !== 'string') return false;
      const { machine } = atom;
      let state = machine.start;
      for (let i = 0; i < value.length; i++) state = machine.next(state, value.charCodeAt(i));
      return machine.accepts(state);
    }
    case 'network':
      return typeof value === 'string' && isInNetwork(value, atom.network, atom.bits);
  }
}

function typeOf(value: Value): ValueType {
  if (value === undefined) return 'absent';
  return value === null ? 'null' : (typeof value as 'boolean' | 'number' | 'string');
}

/** @param ofAtom undefined if it is open */
function evaluate(set: ValueSet, ofAtom: (atom: Atom) => boolean | undefined): boolean | undefined {
  if (set.of === 'not') {
    const value = evaluate(set.set, ofAtom);
    return value === undefined ? undefined : !value;
  }
  if (set.of !== 'all' && set.of !== 'any') return ofAtom(set);
  const decisive = set.of === 'any';
  let result: boolean | undefined = !decisive;
  for (const each of set.sets) {
    const value = evaluate(each, ofAtom);
    if (value === decisive) return decisive;
    if (value === undefined) result = undefined;
  }
  return result;
}

function atomsOf(set: ValueSet): Atom[] {
  if (set.of === 'not') return atomsOf(set.set);
  return set.of === 'all' || set.of === 'any' ? set.sets.flatMap(atomsOf) : [set];
}

/**
 * Members of the set, the simplest first: none if and only if it is empty.
 * @throws UndecidedError if the budget is spent before the set is known to be empty
 */
export function* members(set: ValueSet, budget: Budget): Generator<Value> {
  const atoms = atomsOf(set);
  for (const value of [undefined, null, true, false]) if (contains(set, value)) yield value;
  for (const number of candidates(atoms)) if (contains(set, number)) yield number;
  const found = new Set<string>();
  const networks = atoms.flatMap((atom) => (atom.of === 'network' ? [atom] : []));
  for (const address of regionsOf(networks).map(spelled)) {
    if (found.has(address) || !contains(set, address)) continue;
    found.add(address);
    yield address;
  }
  for (const visits of [1, MORE_VISITS]) {
    for (const text of textsIn(set, atoms, budget, visits)) {
      if (!found.has(text)) yield text;
      found.add(text);
    }
    if (found.size === 0) return;
  }
}

/** Maximum number of visits to a state in search of further texts. */
const MORE_VISITS = 8;

/** Numbers among which there is one of each kind that the bounds can tell apart. */
function candidates(atoms: readonly Atom[]): number[] {
  const bounds = atoms.flatMap((atom) =>
    atom.of === 'numbers' ? [atom.lower?.value, atom.upper?.value] : [],
  );
  const cuts = [...new Set(bounds.filter((value) => value !== undefined))].sort((a, b) => a - b);
  const edges = [-Infinity, ...cuts, Infinity];
  const factors = factorsOf(atoms);
  const between = edges.slice(1).flatMap((high, i) => {
    const low = edges[i] as number;
    const near = [Math.floor(low) + 1, Math.ceil(high) - 1, low + 0.5, high - 0.5, (low + high) / 2, 0, 0.5];
    // The neighbours, and theirs: of two that follow each other, one at least is no integer where there are fractions.
    const neighbours = [
      adjacent(low, 1),
      adjacent(adjacent(low, 1), 1),
      adjacent(high, -1),
      adjacent(adjacent(high, -1), -1),
    ];
    return [...near, ...neighbours, ...factors.flatMap((factor) => multiples(factor, low, high))].filter(
      (value) => low < value && value < high && Number.isFinite(value),
    );
  });
  return [...new Set([...cuts, ...between])].sort((a, b) => simplicity(a) - simplicity(b));
}

/** Numbers of which multiples may be asked for: more of them take too long to tell apart. */
const MAX_FACTORS = 4;
/**
 * Number of successive multiples of one number that are tried: among so many, one at least is a multiple of none of the
 * other numbers, unless all are.
 */
const MULTIPLES = 64;

/**
 * The least common multiples of each choice of the numbers that the atoms ask for multiples of, with 1 for none.
 * @throws UndecidedError
 */
function factorsOf(atoms: readonly Atom[]): number[] {
  const asked = atoms.flatMap((atom) => (atom.of === 'numbers' ? (atom.multipleOf ?? []) : []));
  const distinct = [...new Set(asked)];
  if (distinct.length === 0) return [];
  if (distinct.length > MAX_FACTORS)
    throw new UndecidedError(`multiples of more than ${MAX_FACTORS} numbers are asked for`);
  const factors = [1];
  for (const factor of distinct) factors.push(...factors.map((each) => leastCommonMultiple(each, factor)));
  if (Math.max(...factors) > MAX_EXACT / MULTIPLES) throw new UndecidedError(INEXACT);
  return [...new Set(factors)];
}

function leastCommonMultiple(a: number, b: number): number {
  let [divisor, rest] = [a, b];
  while (rest > 0) [divisor, rest] = [rest, divisor % rest];
  return (a / divisor) * b;
}

/** Largest integer up to which each is a number of its own. */
const MAX_EXACT = Number.MAX_SAFE_INTEGER;
const INEXACT = 'multiples are asked for among numbers that are not exact';

/**
 * Multiples of a number at one end of an open interval, and in its part of inexact numbers.
 * @throws UndecidedError for an interval of inexact numbers that is too short to have one for certain
 */
function multiples(factor: number, low: number, high: number): number[] {
  const [near, far] = [low, high].map(Math.abs).sort((a, b) => a - b) as [number, number];
  if (low * high > 0 && near > MAX_EXACT - MULTIPLES * factor && far < 4 * near)
    throw new UndecidedError(INEXACT);
  const isExact = (end: number) => Math.abs(end) <= MAX_EXACT;
  const start = isExact(low)
    ? Math.floor(low / factor)
    : isExact(high)
      ? Math.ceil(high / factor) - MULTIPLES
      : -1;
  // Twice a multiple is one, and exact.
  const doublings = Math.max(
    0,
    Math.ceil(Math.log2(Math.max(low * high > 0 ? near : 0, MAX_EXACT) / factor)),
  );
  const large = [1, 2].map((more) => factor * 2 ** (doublings + more)).filter(Number.isFinite);
  return [
    ...Array.from({ length: MULTIPLES + 1 }, (_, i) => (start + i) * factor + 0),
    ...large.flatMap((each) => [each, -each]),
  ];
}

/** Integers before fractions, small ones before large ones. */
function simplicity(number: number): number {
  return (
    Math.abs(number) + (Number.isInteger(number) ? 0 : 1e15 * String(number).length) + (number < 0 ? 0.5 : 0)
  );
}

/** The next double above (1) or below (-1). */
function adjacent(number: number, direction: 1 | -1): number {
  if (!Number.isFinite(number)) return Number.NaN;
  if (number === 0) return direction * Number.MIN_VALUE;
  const [float, bits] = [new Float64Array([number]), BigInt(number > 0 ? direction : -direction)];
  const integer = new BigInt64Array(float.buffer);
  integer[0] = (integer[0] as bigint) + bits;
  return float[0] as number;
}

/** States in which a text is looked for that is no address in another spelling, once one of these may be a member. */
const MAX_OPEN_STATES = 2_000;

interface ProductState {
  readonly states: readonly number[];
  readonly text: string;
}

/**
 * Breadth first over the product of the machines: the first text found is one of the shortest.
 * @throws UndecidedError if none is found, but an address in another spelling may be one
 */
function* textsIn(set: ValueSet, atoms: readonly Atom[], budget: Budget, visits: number): Generator<string> {
  const product = new Product(all(set, texts(WELL_FORMED)), atoms);
  const { machines } = product;
  const start: ProductState = { states: machines.map((machine) => machine.start), text: '' };
  const seen = new Map([[start.states.join(), 1]]);
  const queue = [start];
  let isFound = false;
  /** States since another spelling of an address might be a member. */
  let open = 0;
  for (const { states, text } of queue) {
    budget.spend();
    if (open > 0 && ++open > MAX_OPEN_STATES) break;
    if (product.isHopeless(states)) continue;
    const isMember = product.verdict(states) ?? (product.mayHaveAddress(states, true) ? undefined : false);
    if (isMember ?? contains(set, text)) {
      isFound = true;
      yield text;
    } else if (isMember === undefined && open === 0) open = 1;
    for (const unit of unitsToTry(machines.flatMap((machine, i) => machine.cuts(states[i] as number)))) {
      const next = machines.map((machine, i) => machine.next(states[i] as number, unit));
      const key = next.join();
      const times = (seen.get(key) ?? 0) + 1;
      if (times > visits) continue;
      seen.set(key, times);
      queue.push({ states: next, text: text + String.fromCharCode(unit) });
    }
  }
  if (open > 0 && !isFound) throw new UndecidedError('an IPv6 address is compared, in all its spellings');
}

/** The automata of a set's texts, side by side. */
class Product {
  readonly machines: readonly TextMachine[];
  readonly #indexes: ReadonlyMap<TextMachine, number>;
  readonly #networks: ReadonlyMap<Atom, TextMachine>;
  readonly #regions: readonly Uint8Array[];

  constructor(
    private readonly set: ValueSet,
    atoms: readonly Atom[],
  ) {
    const networks = atoms.flatMap((atom) => (atom.of === 'network' ? [atom] : []));
    this.#networks = new Map(networks.map((atom) => [atom, dottedAddresses(atom)]));
    this.#regions = regionsOf(networks);
    this.machines = [
      ...new Set([
        WELL_FORMED,
        ...atoms.flatMap((atom) => (atom.of === 'texts' ? [atom.machine] : [])),
        ...(networks.length > 0 ? [WITH_COLON, ...this.#networks.values()] : []),
      ]),
    ];
    this.#indexes = new Map(this.machines.map((machine, i) => [machine, i]));
  }

  /** @returns whether a text that ends here is a member; undefined if it depends on which address it is */
  verdict(states: readonly number[]): boolean | undefined {
    return this.#evaluate(states, true, () => undefined);
  }

  /** Checks whether no text that goes on from here is a member. */
  isHopeless(states: readonly number[]): boolean {
    if (this.#evaluate(states, false, () => undefined) === false) return true;
    if (this.#networks.size === 0) return false;
    const dotted = this.#evaluate(
      states,
      false,
      (atom) => this.#read(states, false, this.#dotted(atom)),
      false,
    );
    return dotted === false && !this.mayHaveAddress(states, false);
  }

  /** Checks whether a text with a colon can be a member if it is no address, or one of some region. */
  mayHaveAddress(states: readonly number[], isEnd: boolean): boolean {
    return [undefined, ...this.#regions].some(
      (address) =>
        this.#evaluate(
          states,
          isEnd,
          ({ network, bits }) => address !== undefined && isAddressIn(address, network, bits),
          true,
        ) !== false,
    );
  }

  #dotted(atom: Atom): TextMachine {
    return this.#networks.get(atom) as TextMachine;
  }

  #read(states: readonly number[], isEnd: boolean, machine: TextMachine): boolean | undefined {
    const state = states[this.#indexes.get(machine) as number] as number;
    return isEnd || machine.isSettled(state) ? machine.accepts(state) : undefined;
  }

  /**
   * @param ofAddress whether a text with a colon is an address of the network
   * @param assumed assumes that the text has one, or has none
   */
  #evaluate(
    states: readonly number[],
    isEnd: boolean,
    ofAddress: (network: Atom & { readonly of: 'network' }) => boolean | undefined,
    assumed?: boolean,
  ): boolean | undefined {
    return evaluate(this.set, (atom) => {
      if (atom.of === 'texts') return this.#read(states, isEnd, atom.machine);
      if (atom.of !== 'network') return atom.of === 'types' && atom.types.includes('string');
      const hasColon = this.#read(states, isEnd, WITH_COLON) ?? assumed;
      if (hasColon === undefined) return undefined;
      return hasColon || assumed ? ofAddress(atom) : this.#read(states, isEnd, this.#dotted(atom));
    });
  }
}

/** Units that read well in an example, the best first. */
const LEGIBLE = Array.from('aA0xz-_. ', (char) => char.charCodeAt(0));

/** One unit between each two cuts, legible ones first. */
function unitsToTry(cuts: readonly number[]): number[] {
  const from = [...new Set([0, ...cuts])].filter((cut) => cut <= LAST_UNIT).sort((a, b) => a - b);
  const chosen = from.map((low, i) => {
    const high = (from[i + 1] ?? LAST_UNIT + 1) - 1;
    const legible = LEGIBLE.find((unit) => low <= unit && unit <= high);
    return legible ?? (low < 0x21 && high >= 0x21 ? 0x21 : low);
  });
  const rank = (unit: number) => {
    const place = LEGIBLE.indexOf(unit);
    if (place >= 0) return place;
    return LEGIBLE.length + (unit >= 0x21 && unit < 0x7f ? 0 : LAST_UNIT) + unit;
  };
  return chosen.sort((a, b) => rank(a) - rank(b));
}
