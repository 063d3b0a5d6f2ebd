/** Smithy's RPC v2 protocol writes CBOR, by the library that the SDK brings. https://www.rfc-editor.org/rfc/rfc8949 */

// Few clients speak it: only their first request waits for the library.
const library = () => require('@smithy/core/cbor') as typeof import('@smithy/core/cbor');

/** A Date becomes a timestamp; members that are undefined are left out. */
export const encodeCbor = (value: unknown): Buffer => Buffer.from(library().cbor.serialize(encodable(value)));

/**
 * A timestamp becomes `{ tag: 1, value: <seconds> }`.
 * @throws Error if the bytes are no CBOR
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  if (endOfItem(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0) !== bytes.byteLength)
    throw new Error('More follows.');
  return library().cbor.deserialize(bytes);
}

/** Major types: bytes, text, lists and maps have a length, a tag has an item. */
const [BYTES, TEXT, MAP, TAG] = [2, 3, 5, 6];
/** Values of the lower five bits of an item's first byte: the argument follows in 1, 2, 4 or 8 bytes, or there is no length. */
const [ONE_BYTE, EIGHT_BYTES, INDEFINITE] = [24, 27, 31];
const BREAK = 0xff;
/** More than any request of AWS has, and far from the end of the stack. */
const MOST_LEVELS = 200;

/**
 * Reads over an item, and refuses what the library would misread: it takes any key of a map for a text, and prints a
 * warning with a stack for a length that is no safe integer.
 * @returns where the next item begins
 * @throws Error if it is not well-formed, or nested too deeply
 */
function endOfItem(bytes: Buffer, start: number, level = 0): number {
  if (level > MOST_LEVELS) throw new Error('It is nested too deeply.');
  if (start >= bytes.length) throw new Error('It ends within an item.');
  const [major, minor] = [bytes.readUInt8(start) >> 5, bytes.readUInt8(start) & 31];
  const size = minor >= ONE_BYTE && minor <= EIGHT_BYTES ? 2 ** (minor - ONE_BYTE) : 0;
  let at = start + 1 + size;
  if (at > bytes.length) throw new Error('It ends within an item.');
  if (major === TAG) return endOfItem(bytes, at, level + 1);
  if (major < BYTES || major > MAP) return at;
  const length = size === 0 ? minor : readUnsigned(bytes, start + 1, size);
  const isIndefinite = minor === INDEFINITE;
  if (!isIndefinite && length > bytes.length - at) throw new Error('A length goes beyond its end.');
  if (!isIndefinite && major <= TEXT) return at + length;
  for (let i = 0; isIndefinite ? bytes[at] !== BREAK : i < length; i++) {
    if (major === MAP) {
      if ((bytes[at] ?? 0) >> 5 !== TEXT) throw new Error('A key is no text.');
      at = endOfItem(bytes, at, level + 1);
    }
    at = endOfItem(bytes, at, level + 1);
  }
  return isIndefinite ? at + 1 : at;
}

function readUnsigned(bytes: Buffer, at: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + bytes.readUInt8(at + i);
  return value;
}

function encodable(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (value instanceof Date) return library().dateToTag(value);
  if (Array.isArray(value)) return value.map(encodable);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => [name, encodable(member)]),
  );
}
