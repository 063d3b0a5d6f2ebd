/** CBOR, as far as Smithy's RPC v2 protocol uses it. https://www.rfc-editor.org/rfc/rfc8949 */

const TIMESTAMP = 1;

/** A Date becomes a timestamp; members that are undefined are left out. */
export function encodeCbor(value: unknown): Buffer {
  if (value === null || value === undefined) return Buffer.from([0xf6]);
  if (typeof value === 'boolean') return Buffer.from([value ? 0xf5 : 0xf4]);
  if (typeof value === 'number') return encodeNumber(value);
  if (typeof value === 'string')
    return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Date) return Buffer.concat([head(6, TIMESTAMP), float(value.getTime() / 1000)]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(encodeCbor)]);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Buffer.concat([head(5, members.length), ...members.flat().map(encodeCbor)]);
}

function encodeNumber(value: number): Buffer {
  if (!Number.isSafeInteger(value)) return float(value);
  return value >= 0 ? head(0, value) : head(1, -1 - value);
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(9, 0xfb);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

/** The first bytes of an item: its major type and its number, which is a value, a length or a tag. */
function head(major: number, number: number): Buffer {
  const first = major << 5;
  if (number < 24) return Buffer.from([first | number]);
  if (number < 2 ** 8) return Buffer.from([first | 24, number]);
  const bytes = Buffer.alloc(9);
  bytes[0] = first | 27;
  bytes.writeBigUInt64BE(BigInt(number), 1);
  return bytes;
}

/** @throws RangeError or Error if the bytes are not one item of CBOR */
export function decodeCbor(bytes: Buffer): unknown {
  const decoder = new Decoder(bytes);
  const value = decoder.item();
  if (decoder.at !== bytes.length)
    throw new Error(`${bytes.length - decoder.at} bytes follow the first item`);
  return value;
}

const BREAK = Symbol('break');

class Decoder {
  at = 0;
  constructor(readonly bytes: Buffer) {}

  item(): unknown {
    const first = this.bytes.readUInt8(this.at++);
    const [major, low] = [first >> 5, first & 31];
    if (major === 7) return this.#simple(low);
    const length = low === 31 ? Number.POSITIVE_INFINITY : this.#number(low);
    switch (major) {
      case 0:
        return length;
      case 1:
        return -1 - length;
      case 2:
        return length === Number.POSITIVE_INFINITY
          ? Buffer.concat(this.#until<Buffer>())
          : this.#take(length);
      case 3:
        return length === Number.POSITIVE_INFINITY
          ? this.#until<string>().join('')
          : this.#take(length).toString('utf8');
      case 4:
        return this.#until(length);
      case 5: {
        const flat = this.#until(2 * length);
        return Object.fromEntries(
          flat.flatMap((key, index) => (index % 2 ? [] : [[String(key), flat[index + 1]]])),
        );
      }
      default: {
        const content = this.item();
        return length === TIMESTAMP ? new Date(Math.round(Number(content) * 1000)) : content;
      }
    }
  }

  #until<Item>(count = Number.POSITIVE_INFINITY): Item[] {
    const items: Item[] = [];
    while (items.length < count) {
      const item = this.item();
      if (item === BREAK) break;
      items.push(item as Item);
    }
    return items;
  }

  #take(length: number): Buffer {
    if (this.at + length > this.bytes.length) throw new RangeError('the input ends within an item');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  #number(low: number): number {
    if (low < 24) return low;
    const size = { 24: 1, 25: 2, 26: 4, 27: 8 }[low];
    if (size === undefined) throw new Error(`additional information ${low} is reserved`);
    const bytes = this.#take(size);
    return size === 8 ? Number(bytes.readBigUInt64BE()) : bytes.readUIntBE(0, size);
  }

  #simple(low: number): unknown {
    switch (low) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
      case 23:
        return null;
      case 26:
        return this.#take(4).readFloatBE();
      case 27:
        return this.#take(8).readDoubleBE();
      case 31:
        return BREAK;
      default:
        throw new Error(`simple value ${low} is not used here`);
    }
  }
}
