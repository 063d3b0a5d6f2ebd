/** Smithy's RPC v2 protocol writes CBOR, by the library that the SDK brings. https://www.rfc-editor.org/rfc/rfc8949 */

// Few clients speak it: only their first request waits for the library.
const library = () => require('@smithy/core/cbor') as typeof import('@smithy/core/cbor');

/** A Date becomes a timestamp; members that are undefined are left out. */
export const encodeCbor = (value: unknown): Buffer => Buffer.from(library().cbor.serialize(encodable(value)));

/**
 * A timestamp becomes `{ tag: 1, value: <seconds> }`.
 * @throws Error if the bytes are no CBOR
 */
export const decodeCbor = (bytes: Uint8Array): unknown => library().cbor.deserialize(bytes);

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
