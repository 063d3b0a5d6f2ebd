/**
 * Size of a JSON value in DynamoDB, in bytes.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
export function storedSize(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return numberSize(value);
  if (typeof value !== 'object' || value === null) return 1;
  const elements = Array.isArray(value) ? value : Object.entries(value);
  return elements.reduce((size, element) => size + 1 + storedSizeOf(element, Array.isArray(value)), 3);
}

function storedSizeOf(element: unknown, isInList: boolean): number {
  if (isInList) return storedSize(element);
  const [name, value] = element as [string, unknown];
  return Buffer.byteLength(name) + storedSize(value);
}

/** Size of a number: one byte for each two significant digits, one more, and one for a minus. */
function numberSize(value: number): number {
  const digits = value.toExponential().replace(/e.*|\D/g, '').length;
  return Math.ceil(digits / 2) + 1 + (value < 0 ? 1 : 0);
}
