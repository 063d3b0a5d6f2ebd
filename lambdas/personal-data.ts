/** Keeps e-mail addresses out of logs, error messages and analytics. */

const REDACTED = '[redacted]';

/**
 * Matches e-mail addresses broadly: with a quoted part before the @, without a dot after it, in any alphabet. Each part
 * has an upper bound (RFC 5321: 64 before the @, 255 after it), so that a long text is searched in linear time. `%40` is
 * the @ of an address in a URL.
 */
const EMAIL =
  /(?:"(?:[^"\\\r\n]|\\.){1,64}"|[^\s"(),:;<>@[\]\\{}=&?]{1,64})(?:@|%40)[^\s"'(),:;<>@[\]\\{}/&?=]{1,255}/giu;

/** Maximum length of a match of `EMAIL`, in characters, rounded up. */
const LONGEST_MATCH = 400;

/** Replaces everything that looks like an e-mail address by `[redacted]`. */
export function redactEmails(text: string): string {
  return text.includes('@') || text.includes('%40') ? text.replace(EMAIL, REDACTED) : text;
}

/** Redacts the beginning of a text. The rest is not searched, since the text can have megabytes. */
export function redactedStart(text: string, length: number): string {
  return redactEmails(text.slice(0, length + LONGEST_MATCH)).slice(0, length);
}
