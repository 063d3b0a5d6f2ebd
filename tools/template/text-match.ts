/** Matches text against patterns with wildcards, where either may hold placeholders: yes, no, or cannot tell. */
import { hasPlaceholder, reasonsOf, replacePlaceholders } from './placeholder';

/** True, false, or the reason why it cannot be told, as part of a sentence. */
export type Truth = boolean | string;

export const isUndecided = (truth: Truth): truth is string => typeof truth === 'string';

/** Logical or: the result is true if one of them is. */
export function anyTrue(truths: Iterable<Truth>): Truth {
  let undecided: string | undefined;
  for (const truth of truths) {
    if (truth === true) return true;
    if (isUndecided(truth)) undecided ??= truth;
  }
  return undecided ?? false;
}

export const negated = (truth: Truth): Truth => (isUndecided(truth) ? truth : !truth);

/** Stand for `*` and `?` themselves, as a policy's `${*}` and `${?}` do. */
const LITERALS = { '*': '\ue000', '?': '\ue001' } as const;

export const withoutWildcards = (text: string): string =>
  text.replace(/[*?]/g, (character) => LITERALS[character as keyof typeof LITERALS]);

const restored = (text: string): string => text.replaceAll(LITERALS['*'], '*').replaceAll(LITERALS['?'], '?');

const ANY_TEXT = Symbol('*');
const ANY_CHARACTER = Symbol('?');
type Part = string | typeof ANY_TEXT | typeof ANY_CHARACTER;

/** Exactly the same text. */
export function equal(wanted: string, actual: string): Truth {
  if (restored(wanted) === actual) return true;
  if (!hasPlaceholder(wanted) && !hasPlaceholder(actual)) return false;
  return overlap(literal(wanted), literal(actual)) ? reasonsOf([wanted, actual]) : false;
}

/** `*` in the pattern stands for any text, `?` for one character. */
export function like(pattern: string, actual: string): Truth {
  if (!/[*?]/.test(pattern)) return equal(pattern, actual);
  if (surelyMatches(pattern, actual)) return true;
  if (!hasPlaceholder(pattern) && !hasPlaceholder(actual)) return false;
  return overlap(wildcards(pattern), literal(actual)) ? reasonsOf([pattern, actual]) : false;
}

/** Parts of an ARN. */
const ARN_PARTS = 6;

/** Compares the six parts of an ARN one by one: `*` does not match a colon, except in the last part. */
export function arnLike(pattern: string, actual: string): Truth {
  if (pattern === '*' || pattern === actual) return true;
  const split = (arn: string) => {
    const parts = arn.split(':');
    return [...parts.slice(0, ARN_PARTS - 1), parts.slice(ARN_PARTS - 1).join(':')];
  };
  const [wanted, parts] = [split(pattern), split(actual)];
  const areWhole = [pattern, actual].every((arn) => arn.split(':').length >= ARN_PARTS);
  const fits = areWhole && wanted.every((part, index) => like(part, parts[index] ?? '') === true);
  // A placeholder may hold colons, which matters in all parts but the last.
  if (fits && !hasPlaceholder([wanted.slice(0, -1), parts.slice(0, -1)])) return true;
  if (!hasPlaceholder([pattern, actual])) return false;
  return overlap(wildcards(pattern), literal(actual)) ? reasonsOf([pattern, actual]) : false;
}

/** Checks whether the pattern matches for all values of the placeholders: only `*` and an equal placeholder match one. */
function surelyMatches(pattern: string, actual: string): boolean {
  const known: string[] = [];
  const masked = (text: string) =>
    replacePlaceholders(text, (found) => {
      if (!known.includes(found)) known.push(found);
      return String.fromCharCode(FIRST_MASK + known.indexOf(found));
    });
  const source = masked(pattern)
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', `[^\\u${FIRST_MASK.toString(16)}-\\u${LAST_MASK.toString(16)}]`)
    .replaceAll(LITERALS['*'], '\\*')
    .replaceAll(LITERALS['?'], '\\?');
  return new RegExp(`^${source}$`, 's').test(masked(actual));
}

/** First of the private-use characters that stand for placeholders. */
const FIRST_MASK = 0xe100;
const LAST_MASK = 0xe4ff;

const UNKNOWN = '\u0000';

function literal(text: string): Part[] {
  return [...replacePlaceholders(restored(text), () => UNKNOWN)].map((part) =>
    part === UNKNOWN ? ANY_TEXT : part,
  );
}

function wildcards(pattern: string): Part[] {
  const parts = [...replacePlaceholders(pattern, () => UNKNOWN)];
  return parts.map((part) =>
    part === '*' || part === UNKNOWN ? ANY_TEXT : part === '?' ? ANY_CHARACTER : restored(part),
  );
}

/** Checks whether there is a text that both patterns match. */
function overlap(left: readonly Part[], right: readonly Part[]): boolean {
  // reachable[j]: the first i parts of left and the first j parts of right can match the same text.
  let reachable = right.map(() => false);
  reachable.unshift(true);
  for (let j = 1; j <= right.length; j++)
    reachable[j] = Boolean(reachable[j - 1]) && right[j - 1] === ANY_TEXT;
  for (const part of left) {
    const next = [Boolean(reachable[0]) && part === ANY_TEXT];
    for (const [index, other] of right.entries()) {
      const either = part === ANY_TEXT || other === ANY_TEXT;
      const same = part === other || part === ANY_CHARACTER || other === ANY_CHARACTER;
      const diagonal = Boolean(reachable[index]) && (same || either);
      next.push(diagonal || (either && (Boolean(reachable[index + 1]) || Boolean(next[index]))));
    }
    reachable = next;
  }
  return Boolean(reachable[right.length]);
}
