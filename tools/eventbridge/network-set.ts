/**
 * Texts that are IP addresses of a network, to decide questions about all texts. Those of IPv4 with dots have an
 * automaton. Those with colons have too many spellings for one; but the networks of a question divide the addresses into
 * few regions, in each of which all spellings fare alike.
 */
import type { TextMachine } from './text-machine';

export interface IpNetwork {
  readonly network: Uint8Array;
  readonly bits: number;
}

const [DOT, ZERO, NINE, COLON] = [0x2e, 0x30, 0x39, 0x3a];
const DEAD = 0;
const VALUES = 256;

/** States after an octet's begin: octet, and its value so far; `VALUES` before its first digit. */
const stateOf = (octet: number, value: number) => 1 + octet * (VALUES + 1) + value;

/** Addresses of the network as four decimal numbers, with leading zeros or without; none for a network of IPv6. */
export function dottedAddresses({ network, bits }: IpNetwork): TextMachine {
  const isInside = (octet: number, value: number) => {
    const taken = Math.min(Math.max(bits - 8 * octet, 0), 8);
    return ((value ^ (network[octet] as number)) & 0xff) >> (8 - taken) === 0;
  };
  const parts = (state: number) =>
    [Math.floor((state - 1) / (VALUES + 1)), (state - 1) % (VALUES + 1)] as const;
  return {
    start: network.length === 4 ? stateOf(0, VALUES) : DEAD,
    accepts: (state) => {
      if (state === DEAD) return false;
      const [octet, value] = parts(state);
      return octet === 3 && value < VALUES && isInside(octet, value);
    },
    isSettled: (state) => state === DEAD,
    cuts: (state) => (state === DEAD ? [] : CUTS),
    next: (state, unit) => {
      if (state === DEAD) return DEAD;
      const [octet, value] = parts(state);
      if (unit === DOT) {
        return octet < 3 && value < VALUES && isInside(octet, value) ? stateOf(octet + 1, VALUES) : DEAD;
      }
      if (unit < ZERO || unit > NINE) return DEAD;
      const longer = (value === VALUES ? 0 : 10 * value) + unit - ZERO;
      return longer < VALUES ? stateOf(octet, longer) : DEAD;
    },
  };
}

const CUTS = Array.from({ length: 13 }, (_, i) => DOT + i);

/** Texts with a colon, which all other spellings have. */
export const WITH_COLON: TextMachine = {
  start: 0,
  accepts: (state) => state === 1,
  isSettled: (state) => state === 1,
  cuts: (state) => (state === 1 ? [] : [COLON, COLON + 1]),
  next: (state, unit) => (state === 1 || unit === COLON ? 1 : 0),
};

/** An address of each region into which the networks divide all addresses. */
export function regionsOf(networks: readonly IpNetwork[]): Uint8Array[] {
  return [4, 16].flatMap((length) => {
    const own = networks.filter(({ network }) => network.length === length);
    const borders = own.flatMap(({ network, bits }) => {
      const size = 1n << BigInt(8 * length - bits);
      const first = (numberOf(network) / size) * size;
      return [first, first + size];
    });
    const inside = [...new Set([0n, ...borders])].filter((border) => border < 1n << BigInt(8 * length));
    return inside.map((border) => bytesOf(border, length));
  });
}

const numberOf = (bytes: Uint8Array): bigint => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

function bytesOf(address: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Number((address >> BigInt(8 * (length - 1 - i))) & 0xffn));
}

/** An address as text: four decimal numbers, or eight hexadecimal ones. */
export function spelled(address: Uint8Array): string {
  if (address.length === 4) return address.join('.');
  const groups = Array.from(
    { length: 8 },
    (_, i) => ((address[2 * i] as number) << 8) | (address[2 * i + 1] as number),
  );
  return groups.map((group) => group.toString(16)).join(':');
}
