/** Conditions of event patterns, and their tests of a value. */
import { isInNetwork } from './ip-address';

/** A value that a field of an event can have: arrays and objects are never compared, only what lies in them. */
export type Scalar = string | number | boolean | null;

export interface Bound {
  value: number;
  inclusive: boolean;
}

/** One condition of the list that a field's value is tested against. */
export type Test =
  | { op: 'equals'; value: Scalar }
  | { op: 'prefix' | 'suffix'; text: string; ignoreCase: boolean }
  | { op: 'equals-ignore-case'; text: string }
  /** The literal parts between the wildcards, escapes resolved: `a*b` is `['a', 'b']`. */
  | { op: 'wildcard'; parts: string[] }
  | { op: 'numeric'; lower?: Bound; upper?: Bound }
  /** A network of 4 or 16 bytes. A literal address in a pattern is a network of its full length. */
  | { op: 'cidr'; network: Uint8Array; bits: number }
  | { op: 'exists'; exists: boolean }
  /** Matches a present value that none of these matches. */
  | { op: 'anything-but'; but: Test[] };

export function isWithin(
  value: number,
  { lower, upper }: { readonly lower?: Bound; readonly upper?: Bound },
): boolean {
  return (
    (!lower || value > lower.value || (lower.inclusive && value === lower.value)) &&
    (!upper || value < upper.value || (upper.inclusive && value === upper.value))
  );
}

/** @returns whether a present value passes one of the tests */
export function anyTest(tests: readonly Test[]): (value: Scalar) => boolean {
  const exact = tests.flatMap((test) => (test.op === 'equals' ? [test.value] : []));
  const others = tests.filter(({ op }) => op !== 'equals').map(predicate);
  const [first = null] = exact;
  if (exact.length === 1 && others.length === 0) return (value) => value === first;
  if (exact.length === 0 && others.length === 1 && others[0]) return others[0];
  // For few values a set is slower, since it hashes the whole text first.
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
      return (value) => typeof value === 'number' && isWithin(value, test);
    }
    case 'cidr':
      return (value) => typeof value === 'string' && isInNetwork(value, test.network, test.bits);
    case 'exists':
      return () => test.exists;
    case 'anything-but': {
      const passes = anyTest(test.but);
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
  const first = parts[0] as string;
  if (parts.length === 1) return value === first;
  const last = parts.at(-1) as string;
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
