/** IP addresses as event patterns compare them. */

/**
 * The bytes of an IPv4 (4) or IPv6 (16) address, or undefined if the text is none. An IPv4-mapped IPv6 address counts
 * as the IPv4 address, as it does for the service (Java's InetAddress).
 */
export function parseAddress(text: string): Uint8Array | undefined {
  // Nearly every string that is tested is no address: let those go at the first characters.
  const first = text.charCodeAt(0) | 32;
  if (!(first >= 48 && first <= 58) && !(first >= 97 && first <= 102)) return undefined;
  if (/^\d+\.\d+\.\d+\.\d+$/.test(text)) {
    const bytes = text.split('.').map(Number);
    return bytes.every((byte) => byte <= 255) ? Uint8Array.from(bytes) : undefined;
  }
  if (!/^[0-9a-fA-F:]*:[0-9a-fA-F:]*$/.test(text)) return undefined;

  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const groupsOf = (half: string) => (half === '' ? [] : half.split(':'));
  const [head, tail] = [groupsOf(halves[0] as string), groupsOf(halves[1] ?? '')];
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (!groups.every((group) => group.length >= 1 && group.length <= 4)) return undefined;

  const bytes = new Uint8Array(16);
  for (const [i, group] of groups.entries()) {
    const value = Number.parseInt(group, 16);
    bytes[2 * i] = value >> 8;
    bytes[2 * i + 1] = value & 0xff;
  }
  const isMappedIPv4 = bytes.every((byte, i) => i >= 12 || byte === (i >= 10 ? 0xff : 0));
  return isMappedIPv4 ? bytes.slice(12) : bytes;
}

let lastAddress: { text: string; bytes: Uint8Array | undefined } = { text: '', bytes: undefined };

/** @returns whether the text is an address of the network: its first `bits` bits are those of `network` */
export function isInNetwork(text: string, network: Uint8Array, bits: number): boolean {
  // Many rules ask about the same value.
  if (lastAddress.text !== text) lastAddress = { text, bytes: parseAddress(text) };
  return lastAddress.bytes !== undefined && isAddressIn(lastAddress.bytes, network, bits);
}

/** Checks whether the first bits of an address are those of a network of its kind. */
export function isAddressIn(bytes: Uint8Array, network: Uint8Array, bits: number): boolean {
  if (bytes.length !== network.length) return false;
  return network.every((byte, i) => {
    const taken = Math.min(Math.max(bits - 8 * i, 0), 8);
    return ((bytes[i] as number) ^ byte) >> (8 - taken) === 0;
  });
}
