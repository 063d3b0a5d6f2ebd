/** Automata over UTF-16 units, to decide questions about all texts. */

/** A deterministic automaton whose states are created on demand. */
export interface TextMachine {
  readonly start: number;
  accepts(state: number): boolean;
  /** Checks whether no further text changes the result. */
  isSettled(state: number): boolean;
  /** Units at which the transition may differ from that of the unit before. */
  cuts(state: number): readonly number[];
  next(state: number, unit: number): number;
}

/** Units `from` to `to` lead to the state `target`. */
export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly target: number;
}

export const LAST_UNIT = 0xffff;

/** A nondeterministic automaton without empty steps. States are numbered from 0, which is the start. */
export class NondeterministicMachine implements TextMachine {
  readonly start: number;
  readonly #edges: readonly (readonly Edge[])[];
  readonly #finals: ReadonlySet<number>;
  /** States from which every text is accepted. */
  readonly #universal: ReadonlySet<number>;
  readonly #sets: (readonly number[])[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #cuts = new Map<number, readonly number[]>();

  constructor(edges: readonly (readonly Edge[])[], finals: ReadonlySet<number>) {
    const useful = leadingTo(edges, finals);
    this.#edges = edges.map((list) => list.filter(({ target }) => useful.has(target)));
    this.#finals = finals;
    const isUniversal = (state: number) =>
      this.#edges[state]?.some((edge) => edge.target === state && edge.from === 0 && edge.to === LAST_UNIT);
    this.#universal = new Set([...finals].filter(isUniversal));
    this.start = this.#number(useful.has(0) ? [0] : []);
  }

  accepts(state: number): boolean {
    return this.#set(state).some((each) => this.#finals.has(each));
  }

  isSettled(state: number): boolean {
    const set = this.#set(state);
    return set.length === 0 || set.some((each) => this.#universal.has(each));
  }

  cuts(state: number): readonly number[] {
    const known = this.#cuts.get(state);
    if (known) return known;
    const edges = this.#set(state).flatMap((each) => this.#edges[each] as Edge[]);
    const cuts = edges.flatMap(({ from, to }) => [from, to + 1]);
    this.#cuts.set(state, cuts);
    return cuts;
  }

  next(state: number, unit: number): number {
    const targets = new Set<number>();
    for (const each of this.#set(state)) {
      for (const { from, to, target } of this.#edges[each] as Edge[]) {
        if (from <= unit && unit <= to) targets.add(target);
      }
    }
    return this.#number([...targets].sort((a, b) => a - b));
  }

  #set(state: number): readonly number[] {
    return this.#sets[state] as number[];
  }

  #number(set: readonly number[]): number {
    const key = set.join();
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.#sets.length);
    return this.#sets.push(set) - 1;
  }
}

/** The states from which a final one can be reached. */
function leadingTo(edges: readonly (readonly Edge[])[], finals: ReadonlySet<number>): ReadonlySet<number> {
  const sources = new Map<number, number[]>();
  for (const [source, list] of edges.entries()) {
    for (const { target } of list) sources.set(target, [...(sources.get(target) ?? []), source]);
  }
  const found = new Set(finals);
  for (const state of found) for (const source of sources.get(state) ?? []) found.add(source);
  return found;
}

/** One of these texts, or any text at all. */
export type Piece = readonly string[] | 'anything';

/** Texts made of these pieces, one after the other. */
export function sequence(pieces: readonly Piece[]): TextMachine {
  const edges: Edge[][] = [[]];
  const add = (state: number, from: number, to: number, target: number) =>
    edges[state]?.push({ from, to, target });
  let state = 0;
  for (const piece of pieces) {
    if (piece === 'anything') {
      add(state, 0, LAST_UNIT, state);
      continue;
    }
    const end = edges.push([]) - 1;
    for (const text of piece) {
      let at = state;
      for (let i = 0; i < text.length; i++) {
        const target = i === text.length - 1 ? end : edges.push([]) - 1;
        add(at, text.charCodeAt(i), text.charCodeAt(i), target);
        at = target;
      }
    }
    state = end;
  }
  return new NondeterministicMachine(edges, new Set([state]));
}

const LOW_SURROGATES = { from: 0xdc00, to: 0xdfff } as const;

/** @param counting unit of the length: UTF-16 units, or code points of well-formed text */
export function lengthBetween(min: number, max: number, counting: 'units' | 'points'): TextMachine {
  const last = Number.isFinite(max) ? max + 1 : min;
  const { from, to } = LOW_SURROGATES;
  return {
    start: 0,
    accepts: (state) => state >= min && state <= max,
    isSettled: (state) => state === last,
    cuts: () => (counting === 'points' ? [from, to + 1] : []),
    next: (state, unit) =>
      counting === 'points' && unit >= from && unit <= to ? state : Math.min(state + 1, last),
  };
}

/** Texts without half a surrogate pair: a character beyond U+FFFF has two units. */
export const WELL_FORMED: TextMachine = new NondeterministicMachine(
  [
    [
      { from: 0, to: 0xd7ff, target: 0 },
      { from: 0xd800, to: 0xdbff, target: 1 },
      { from: 0xe000, to: LAST_UNIT, target: 0 },
    ],
    [{ ...LOW_SURROGATES, target: 0 }],
  ],
  new Set([0]),
);
