/** Changes that writes make in tables whose stream is read. */
import { ServiceError } from './service-error';
import type { TableChange, TableStreams } from './table-streams';

type AttributeMap = TableChange['key'];

interface ItemKey {
  readonly table: string;
  readonly key: AttributeMap;
}

export class TableChanges {
  readonly #streams: TableStreams;
  readonly #item: (table: string, key: AttributeMap) => Promise<AttributeMap | undefined>;
  /** The writes before, so that nothing else changes an item between its two images. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param item reads an item of a table */
  constructor(
    streams: TableStreams,
    item: (table: string, key: AttributeMap) => Promise<AttributeMap | undefined>,
  ) {
    this.#streams = streams;
    this.#item = item;
  }

  isRead(table: string): boolean {
    return this.#streams.isRead(table);
  }

  /**
   * Does a write after those before it, and hands its changes to the streams.
   * @param keysOf keys of the items that it may change
   */
  during<Output>(
    keysOf: () => Promise<readonly ItemKey[]>,
    write: () => Promise<Output>,
    isExpired: boolean,
  ): Promise<Output> {
    const done = this.#last.then(async () => {
      const items = await this.#images(keysOf);
      const output = await write();
      for (const { table, key, image: before } of items) {
        const after = await this.#item(table, key);
        this.#streams.take({ table, key, before, after, isExpired });
      }
      return output;
    });
    // A write that is refused does not hold up the next one.
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** @returns none for a request that names no items: the write itself says what is wrong with it */
  async #images(keysOf: () => Promise<readonly ItemKey[]>) {
    try {
      const keys = await keysOf();
      return await Promise.all(
        keys.map(async ({ table, key }) => ({ table, key, image: await this.#item(table, key) })),
      );
    } catch (error) {
      if (error instanceof ServiceError) return [];
      throw error;
    }
  }
}
