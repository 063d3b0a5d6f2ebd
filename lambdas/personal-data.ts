/** Keeps e-mail addresses out of logs, error messages and analytics. */

const REDACTED = '[redacted]';

/**
 * An address, generously: with a quoted part before the @, without a dot after it, in any alphabet. Each part has an
 * upper bound (RFC 5321: 64 before the @, 255 after it), so that a long text is searched in linear time. `%40` is the @
 * of an address in a URL.
 */
const EMAIL =
  /(?:"(?:[^"\\\r\n]|\\.){1,64}"|[^\s"(),:;<>@[\]\\{}=&?]{1,64})(?:@|%40)[^\s"'(),:;<>@[\]\\{}/&?=]{1,255}/giu;

/** Longest match of `EMAIL`, in characters, rounded up. */
const LONGEST_MATCH = 400;

/** The text with `[redacted]` for whatever looks like an e-mail address. */
export function redactEmails(text: string): string {
  return text.includes('@') || text.includes('%40') ? text.replace(EMAIL, REDACTED) : text;
}

/** The beginning of a redacted text. What is cut off costs nothing: the text can have megabytes. */
export function redactedStart(text: string, length: number): string {
  return redactEmails(text.slice(0, length + LONGEST_MATCH)).slice(0, length);
}
