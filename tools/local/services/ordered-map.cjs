/** A map whose keys are in the order of their characters. Plain JavaScript, for the thread of the tables. */
'use strict';

/** Keys of a block; a longer one is cut in two. */
const MOST_KEYS = 512;

class OrderedMap {
  #values = new Map();
  /** Keys in order, none of the blocks empty. */
  #blocks = [];

  get(key) {
    return this.#values.get(key);
  }

  set(key, value) {
    if (!this.#values.has(key)) this.#insert(key);
    this.#values.set(key, value);
  }

  delete(key) {
    if (!this.#values.delete(key)) return;
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    block.splice(firstNotBefore(block, key), 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
  }

  /** @param range bounds as LevelDB has them: `gt`, `gte`, `lt`, `lte`, and `reverse` */
  *keys({ gt, gte, lt, lte, reverse = false } = {}) {
    const isBefore = (key) => (gt !== undefined && key <= gt) || (gte !== undefined && key < gte);
    const isAfter = (key) => (lt !== undefined && key >= lt) || (lte !== undefined && key > lte);
    const [isOutside, isOver] = reverse ? [isAfter, isBefore] : [isBefore, isAfter];
    const first = reverse ? (lt ?? lte) : (gt ?? gte);
    for (const key of this.#from(first, reverse)) {
      if (isOutside(key)) continue;
      if (isOver(key)) return;
      yield key;
    }
  }

  /** Keys of the block with a key, and of all that follow. */
  *#from(key, reverse) {
    const step = reverse ? -1 : 1;
    let at = key === undefined ? (reverse ? this.#blocks.length - 1 : 0) : this.#blockOf(key);
    for (; at >= 0 && at < this.#blocks.length; at += step) {
      const block = this.#blocks[at];
      if (reverse) for (let i = block.length - 1; i >= 0; i--) yield block[i];
      else yield* block;
    }
  }

  #insert(key) {
    if (this.#blocks.length === 0) {
      this.#blocks.push([key]);
      return;
    }
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    block.splice(firstNotBefore(block, key), 0, key);
    if (block.length > MOST_KEYS) this.#blocks.splice(at + 1, 0, block.splice(MOST_KEYS / 2));
  }

  /** Index of the last block that begins with the key or before it; 0 if there is none. */
  #blockOf(key) {
    let [low, high] = [0, this.#blocks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#blocks[middle][0] <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Index of the first key that is not before the given one. */
function firstNotBefore(keys, key) {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

module.exports = { OrderedMap };
