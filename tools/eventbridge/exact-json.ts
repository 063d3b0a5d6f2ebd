/**
 * JSON whose numbers keep their spelling, as in EventBridge: `JSON.parse` would change `300.0`, integers of twenty
 * digits and `1e400`.
 */

/** A number that JavaScript would write in another way. */
export class ExactNumber {
  constructor(readonly spelling: string) {}
}

const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/gs;

/**
 * Parses JSON like `JSON.parse`, but with an `ExactNumber` for each number that JavaScript would write in another way.
 * @throws SyntaxError
 */
export function parseExactly(text: string): unknown {
  const plain: unknown = JSON.parse(text);
  const numbers: (number | ExactNumber)[] = [];
  const numbered = text.replace(STRING_OR_NUMBER, (token) => {
    if (token.startsWith('"')) return token;
    const value = Number(token);
    numbers.push(JSON.stringify(value) === token ? value : new ExactNumber(token));
    return String(numbers.length - 1);
  });
  if (!numbers.some((each) => each instanceof ExactNumber)) return plain;
  return JSON.parse(numbered, (_, value) => (typeof value === 'number' ? numbers[value] : value));
}

/** Writes JSON like `JSON.stringify`, without blanks and with each `ExactNumber` as it was spelled. */
export function stringifyExactly(value: unknown): string {
  if (value instanceof ExactNumber) return value.spelling;
  if (Array.isArray(value)) return `[${value.map(stringifyExactly).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${stringifyExactly(field)}`).join()}}`;
}

/** Checks whether arrays and objects are nested deeper than the limit. */
export function isNestedDeeper(value: unknown, maxNesting: number): boolean {
  let level = [value].filter(isContainer);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === maxNesting) return true;
    level = level.flatMap((each) => Object.values(each)).filter(isContainer);
  }
  return false;
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
