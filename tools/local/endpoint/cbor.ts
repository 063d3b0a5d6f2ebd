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
  requireLengths(bytes);
  return library().cbor.deserialize(bytes);
}

/** Major types whose argument is a length: of bytes, of text, of a list, of a map. */
const BYTES = 2;
const TEXT = 3;
const MAP = 5;
/** Values of the lower five bits of an item's first byte: the argument follows in 1, 2, 4 or 8 bytes. */
const ONE_BYTE = 24;
const EIGHT_BYTES = 27;

/**
 * Refuses lengths beyond the end. The library refuses them as well, but prints a warning with a stack before for one
 * that is no safe integer. Items follow each other whatever holds them, so that no nesting is kept track of.
 * @throws Error
 */
function requireLengths(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const [major, minor] = [view.getUint8(at) >> 5, view.getUint8(at) & 31];
    at += 1;
    const size = minor >= ONE_BYTE && minor <= EIGHT_BYTES ? 2 ** (minor - ONE_BYTE) : 0;
    if (at + size > bytes.length) throw new Error('It ends within an item.');
    const argument = size === 0 ? minor : readUnsigned(view, at, size);
    at += size;
    const hasLength = major >= BYTES && major <= MAP && minor <= EIGHT_BYTES;
    if (hasLength && argument > bytes.length - at) throw new Error('A length goes beyond its end.');
    if (hasLength && major <= TEXT) at += argument;
  }
}

function readUnsigned(view: DataView, at: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + view.getUint8(at + i);
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
