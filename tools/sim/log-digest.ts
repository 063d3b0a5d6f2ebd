/** Digest of a run's log, by which two runs are told to be the same. */
import { createHash } from 'node:crypto';

/** Characters. */
const AT_ONCE = 65_536;

export class LogDigest {
  readonly #hash = createHash('sha256');
  /** Lines that the hash is without. */
  #waiting = '';

  add(line: string): void {
    this.#waiting += `${line}\n`;
    if (this.#waiting.length > AT_ONCE) this.#update();
  }

  /** @returns the digest as hex; nothing may be added then */
  end(): string {
    this.#update();
    return this.#hash.digest('hex');
  }

  #update(): void {
    this.#hash.update(this.#waiting);
    this.#waiting = '';
  }
}
