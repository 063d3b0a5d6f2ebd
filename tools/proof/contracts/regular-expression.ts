/** Regular expressions as automata. */
import { CharSet, type Concatenation, DFA, type Element, JS, NFA, type NoParent } from 'refa';
import { type Edge, LAST_UNIT, NondeterministicMachine } from '../../eventbridge/text-machine';
import { UndecidedError } from '../../eventbridge/value-set';

/**
 * The texts that the expression matches. JSON Schema evaluates it with the flag `u`, code often without: where they
 * differ, the texts of both are included.
 * @throws UndecidedError for assertions but `^` and `$` at the edges, and for backreferences
 */
export function languageOf(source: string): readonly NondeterministicMachine[] {
  const known = LANGUAGES.get(source) ?? readLanguage(source);
  LANGUAGES.set(source, known);
  return known;
}

/** Machines by expression; contracts share theirs. */
const LANGUAGES = new Map<string, readonly NondeterministicMachine[]>();

function readLanguage(source: string): NondeterministicMachine[] {
  const readings = ['u', ''].flatMap((flags) => {
    try {
      return [new RegExp(source, flags)];
    } catch {
      return [];
    }
  });
  if (readings.length === 0) throw new UndecidedError(`/${source}/ is no regular expression`);
  const [first, ...others] = readings.map((expression) => toAutomaton(expression));
  const machines = [first, ...others].filter((each) => each !== undefined);
  const distinct = new Map(
    machines.map((edges) => [JSON.stringify([edges.edges, [...edges.finals]]), edges]),
  );
  return [...distinct.values()].map(({ edges, finals }) => new NondeterministicMachine(edges, finals));
}

interface Automaton {
  readonly edges: Edge[][];
  readonly finals: ReadonlySet<number>;
}

/** Maximum number of states of the minimal deterministic automaton. */
const MAX_STATES = 20_000;

function toAutomaton(expression: RegExp): Automaton {
  try {
    const parser = JS.Parser.fromLiteral(expression);
    const parsed = parser.parse({ assertions: 'parse', backreferences: 'throw', maxBackreferenceWords: 0 });
    const { maxCharacter } = parsed;
    const alternatives = parsed.expression.alternatives.map(({ elements }) =>
      withoutEdges(elements, maxCharacter),
    );
    const nfa = NFA.fromRegex(
      alternatives,
      { maxCharacter },
      { assertions: 'throw' },
      new NFA.LimitedNodeFactory(MAX_STATES),
    );
    const dfa = DFA.fromFA(nfa, new DFA.LimitedNodeFactory(MAX_STATES));
    dfa.minimize();
    return toUnits(dfa);
  } catch (error) {
    throw new UndecidedError(`of /${expression.source}/: ${(error as Error).message}`);
  }
}

/** Removes `^` and `$` at the edges; where they are missing, any text is added. */
function withoutEdges(elements: readonly NoParent<Element>[], maxCharacter: number): NoParent<Concatenation> {
  const inner = [...elements];
  const isStart = (element: NoParent<Element> | undefined) => isEdge(element, 'behind');
  const isEnd = (element: NoParent<Element> | undefined) => isEdge(element, 'ahead');
  const [hasStart, hasEnd] = [isStart(inner[0]), isEnd(inner.at(-1))];
  while (isStart(inner[0])) inner.shift();
  while (isEnd(inner.at(-1))) inner.pop();
  const anything = (): NoParent<Element> => ({
    type: 'Quantifier',
    alternatives: [
      {
        type: 'Concatenation',
        elements: [{ type: 'CharacterClass', characters: CharSet.all(maxCharacter) }],
      },
    ],
    min: 0,
    max: Number.POSITIVE_INFINITY,
    lazy: false,
  });
  return {
    type: 'Concatenation',
    elements: [...(hasStart ? [] : [anything()]), ...inner, ...(hasEnd ? [] : [anything()])],
  };
}

function isEdge(element: NoParent<Element> | undefined, kind: 'ahead' | 'behind'): boolean {
  if (element?.type !== 'Assertion' || !element.negate || element.kind !== kind) return false;
  const [only, ...more] = element.alternatives;
  const [character, ...others] = only?.elements ?? [];
  return (
    more.length === 0 &&
    others.length === 0 &&
    character?.type === 'CharacterClass' &&
    character.characters.isAll
  );
}

/** A character beyond U+FFFF becomes its two UTF-16 units. */
function toUnits(automaton: DFA): Automaton {
  const nodes = [...automaton.nodes()];
  const numbers = new Map(nodes.map((node, i) => [node, i]));
  const edges: Edge[][] = nodes.map(() => []);
  for (const [source, node] of nodes.entries()) {
    for (const [{ min, max }, next] of node.out) {
      const target = numbers.get(next) as number;
      if (min <= LAST_UNIT) edges[source]?.push({ from: min, to: Math.min(max, LAST_UNIT), target });
      for (const { high, low } of surrogates(Math.max(min, FIRST_ASTRAL), max)) {
        const middle = edges.push([{ ...low, target }]) - 1;
        edges[source]?.push({ ...high, target: middle });
      }
    }
  }
  return { edges, finals: new Set([...automaton.finals].map((node) => numbers.get(node) as number)) };
}

const FIRST_ASTRAL = 0x10000;

interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * The surrogate pairs of a range of characters beyond U+FFFF, in parts whose high units all go with the same low
 * ones.
 */
function* surrogates(from: number, to: number): Generator<{ readonly high: Range; readonly low: Range }> {
  const high = (point: number) => 0xd800 + ((point - FIRST_ASTRAL) >> 10);
  const low = (point: number) => 0xdc00 + (point & 0x3ff);
  for (let at = from; at <= to; ) {
    const endOfBlock = Math.min(to, at | 0x3ff);
    const wholeBlocks = low(at) === 0xdc00 ? (to + 1 - at) >> 10 : 0;
    const end = wholeBlocks > 0 ? at + (wholeBlocks << 10) - 1 : endOfBlock;
    yield { high: { from: high(at), to: high(end) }, low: { from: low(at), to: low(end) } };
    at = end + 1;
  }
}
