/**
 * The limit on wildcards in an event pattern.
 *
 * The service refuses a pattern with too many wildcards, or with too many repeated characters after one, and does not
 * publish where the limit lies. Its matcher is open source and measures the patterns of a field by the most wildcard
 * prefixes that a single value can match at the same time (event-ruler's MachineComplexityEvaluator).
 */

// Ten is the limit that agrees with each acceptance and refusal by the service that could be found. Refused: one
// *:*:*:*:*:event-bus/* (measure 11), four like *:stack/NAME/* (12), four like */datasync/*.tif (12). Accepted: three
// like *:stack/NAME/* (9), four like *.tif (8), one /Users/*/dir/dir/dir/dir/dir/doc.txt (7).
const MAX_COMPLEXITY = 10;

/** The first part of a wildcard pattern, and how it goes on. */
interface Prefix {
  /** Id; equal for prefixes that count as one. */
  readonly id: number;
  readonly isAfterWildcard: boolean;
  readonly next?: { readonly token: Token; readonly prefix: Prefix };
}

/** A byte, or a wildcard. */
type Token = number | '*';

/**
 * @param patterns patterns of a field. Each is a list of alternatives (an anything-but may have several), and each of
 * those the literal parts between its wildcards.
 */
export function isTooComplex(patterns: readonly (readonly string[][])[]): boolean {
  const ids = new Map<string, number>();
  const start = patterns.flatMap((alternatives, p) =>
    alternatives.map((parts, a) => toPrefixes(tokenize(parts), `${p}`, `${a}`, ids)),
  );

  // Reads all values at once: a state is the set of prefixes that some value matches.
  const seen = new Set<string>();
  const pending = [new Set(start)];
  for (let state = pending.pop(); state; state = pending.pop()) {
    // Any byte that no prefix goes on with leads to the same state as `*`.
    for (const byte of new Set<Token>(['*', ...[...state].flatMap(({ next }) => next?.token ?? [])])) {
      const after = step(state, byte);
      const reached = [...new Set([...after].map(({ id }) => id))].sort();
      if (reached.length > MAX_COMPLEXITY) return true;
      const key = reached.join();
      if (!seen.has(key)) pending.push(after);
      seen.add(key);
    }
  }
  return false;
}

/** The matcher compares the bytes of the quoted text. */
function tokenize(parts: readonly string[]): Token[] {
  const literals = parts.map((part) => [...Buffer.from(part)]);
  const quote = '"'.charCodeAt(0);
  return [quote, ...literals.flatMap((bytes, i): Token[] => (i > 0 ? ['*', ...bytes] : bytes)), quote];
}

/**
 * @param ids receives the ids of the prefixes
 * @returns the empty prefix, from which the others follow
 */
function toPrefixes(
  tokens: readonly Token[],
  pattern: string,
  alternative: string,
  ids: Map<string, number>,
): Prefix {
  const idOf = (name: string): number => {
    const id = ids.get(name) ?? ids.size;
    ids.set(name, id);
    return id;
  };
  const text = tokens.map((token) => (token === '*' ? '*' : String.fromCharCode(256 + token))).join('');
  // Alternatives of one pattern share their beginning, up to and including the first wildcard, and their end.
  const shared = text.includes('*') ? text.indexOf('*') + 1 : text.length;
  return tokens.reduceRight<Prefix>(
    (prefix, token, length) => ({
      id: idOf(
        length <= shared ? `${pattern} ${text.slice(0, length)}` : `${pattern} ${alternative} ${length}`,
      ),
      isAfterWildcard: tokens[length - 1] === '*',
      next: { token, prefix },
    }),
    { id: idOf(`${pattern} end`), isAfterWildcard: false },
  );
}

/** Prefixes that match after one more byte. The byte `*` stands for any byte that no pattern has. */
function step(state: ReadonlySet<Prefix>, byte: Token): Set<Prefix> {
  const after = new Set<Prefix>();
  for (const prefix of state) {
    if (prefix.isAfterWildcard) after.add(prefix);
    if (prefix.next?.token !== byte || byte === '*') continue;
    const longer = prefix.next.prefix;
    after.add(longer);
    // A wildcard may stand for nothing.
    if (longer.next?.token === '*') after.add(longer.next.prefix);
  }
  return after;
}
