/**
 * SHA-256 for the signatures of AWS calls, which the SDK's clients take by their setting `sha256`. A signature takes two
 * keyed hashes with the same keys as the one before: each key is prepared once, which takes longer than hashing with it.
 */
import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';

type Secret = string | ArrayBuffer | ArrayBufferView;

/** Prepared keys: those given as text are credentials, of which a function has one at a time. */
const ofBytes = new WeakMap<object, KeyObject>();
let ofText: { readonly text: string; readonly key: KeyObject } | undefined;

export class Sha256 {
  readonly digestLength = 32;
  readonly #key: KeyObject | undefined;
  #data: Uint8Array = new Uint8Array();

  /** @param secret key of a keyed hash (HMAC); bytes must not change afterwards */
  constructor(secret?: Secret) {
    this.#key = secret ? prepared(secret) : undefined;
  }

  update(data: Uint8Array): void {
    this.#data = this.#data.byteLength > 0 ? Buffer.concat([this.#data, data]) : data;
  }

  async digest(): Promise<Uint8Array> {
    const hash = this.#key ? createHmac('sha256', this.#key) : createHash('sha256');
    return hash.update(this.#data).digest();
  }

  reset(): void {
    this.#data = new Uint8Array();
  }
}

function prepared(secret: Secret): KeyObject {
  if (typeof secret === 'string') {
    if (ofText?.text !== secret) ofText = { text: secret, key: createSecretKey(secret, 'utf8') };
    return ofText.key;
  }
  const known = ofBytes.get(secret);
  if (known) return known;
  const bytes = ArrayBuffer.isView(secret)
    ? Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength)
    : Buffer.from(secret);
  const key = createSecretKey(bytes);
  ofBytes.set(secret, key);
  return key;
}
