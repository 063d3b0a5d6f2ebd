/**
 * Escapes untrusted text for a terminal. A control character in an event could move the cursor, recolour or hide
 * output, change the window's title or send input; a bidirectional override shows a line in another order.
 */

/** Control characters (C0, DEL, C1), line and paragraph separators, and bidirectional controls. */
const CONTROL = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** @returns the text on one line, with control characters as escape sequences: `\n`, `\x1b`, `\u202e` */
export function escapeControl(text: string): string {
  return text.replace(CONTROL, (character) => {
    const code = character.charCodeAt(0);
    const hex = code.toString(16);
    return SHORT[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`);
  });
}

/** JSON with none of these has no control character: JSON.stringify writes C0 as escape sequences. */
const MAY_HAVE_CONTROL = new RegExp(`\\\\[bfnrtu]|${CONTROL.source}`, 'u');

/**
 * Applies `change` to every text in a JSON value, names of fields included.
 * @param change leaves a text without control characters as it is
 * @returns the value itself if it has none
 */
export function escapeAllControl<Value>(value: Value, change = escapeControl): Value {
  if (!MAY_HAVE_CONTROL.test(JSON.stringify(value) ?? '')) return value;
  const mapped = (each: unknown): unknown => {
    if (typeof each === 'string') return change(each);
    if (Array.isArray(each)) return each.map(mapped);
    if (typeof each !== 'object' || each === null) return each;
    return Object.fromEntries(Object.entries(each).map(([key, child]) => [change(key), mapped(child)]));
  };
  return mapped(value) as Value;
}

/** @returns JSON with only printable characters, which parses to the same value as that of JSON.stringify */
export function printableJson(value: unknown, indent?: number): string {
  // JSON.stringify escapes C0 itself; the remaining line breaks are its indentation.
  return JSON.stringify(value, null, indent).replace(CONTROL, (character) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
