/** Sums decimal numbers exactly, so that the result does not depend on the order in which they come. */

/** Number of decimal digits that a JavaScript number holds exactly. */
const SAFE_DIGITS = 15;
/** Limit at which the sum of small terms is moved to the big integer: below 2^53 by at least one more term. */
const FULL = 2 ** 52;

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/;

/** Sum of integers in one unit, 10^-decimals. */
interface Units {
  small: number;
  big: bigint;
}

export class ExactSum {
  /** Sums by number of decimals. */
  readonly #units = new Map<number, Units>();

  /**
   * Adds a number as DynamoDB writes it, e.g. `99.99` or `1E-7`.
   * @returns false, and adds nothing, if it is no number
   */
  add(text: string): boolean {
    const point = text.indexOf('.');
    const decimals = point < 0 ? 0 : text.length - point - 1;
    const digits = point < 0 ? text : text.slice(0, point) + text.slice(point + 1);
    // Most amounts need no big integers, which are ten times slower.
    if (digits.length <= SAFE_DIGITS && /^\d+$/.test(digits)) {
      const units = this.#of(decimals);
      units.small += Number(digits);
      if (units.small >= FULL) {
        units.big += BigInt(units.small);
        units.small = 0;
      }
      return true;
    }
    const [, sign = '', whole, fraction = '', exponent = '0'] = DECIMAL.exec(text) ?? [];
    if (whole === undefined) return false;
    const shift = fraction.length - Number(exponent);
    const integer = BigInt(`${sign}${whole}${fraction}`) * 10n ** BigInt(Math.max(0, -shift));
    this.#of(Math.max(0, shift)).big += integer;
    return true;
  }

  /** Adds another sum. */
  addSum(other: ExactSum): void {
    for (const [decimals, { small, big }] of other.#units) this.#of(decimals).big += big + BigInt(small);
  }

  /** Subtracts another sum. */
  subtractSum(other: ExactSum): void {
    for (const [decimals, { small, big }] of other.#units) this.#of(decimals).big -= big + BigInt(small);
  }

  /** The number nearest to the sum; equal to the sum if it has at most 15 digits. */
  get value(): number {
    const decimals = Math.max(0, ...this.#units.keys());
    let total = 0n;
    for (const [unit, { small, big }] of this.#units) {
      total += (big + BigInt(small)) * 10n ** BigInt(decimals - unit);
    }
    return Number(`${total}e-${decimals}`);
  }

  #of(decimals: number): Units {
    let units = this.#units.get(decimals);
    if (!units) {
      units = { small: 0, big: 0n };
      this.#units.set(decimals, units);
    }
    return units;
  }
}
