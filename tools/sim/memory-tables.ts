/**
 * A store of tables that answers at once, over maps whose items a simulation may damage. What dynalite keeps in LevelDB,
 * with threads and timers of its own, is no part of a simulated world.
 */
import { Stream } from 'node:stream';
import type { Range } from '../local/services/ordered-map.cjs';
import { tableEngine } from '../local/services/table-engine.cjs';
import type { TableStore } from '../local/services/table-store';

type Done = (error: Error | null, value?: unknown) => void;

/** Data of all tables; it outlives a store that is opened on it. */
export type TableData = Map<string, Map<string, unknown>>;

export class MemoryTables implements TableStore {
  readonly #store: object;
  readonly #data: TableData;
  readonly #engine: ReturnType<typeof tableEngine>;

  constructor(data: TableData) {
    this.#data = data;
    this.#store = {
      options: {
        createTableMs: 0,
        deleteTableMs: 0,
        updateTableMs: 0,
        maxItemSizeKb: 400,
        maxItemSize: 409_600,
      },
      tableDb: { ...this.#open('table'), awsAccountId: '000000000000', awsRegion: 'us-east-1' },
      getTable: (name: string, ...rest: unknown[]) => this.#getTable(name, rest.at(-1) as Done),
      getItemDb: (name: string) => this.#open(`item ${name}`),
      getIndexDb: (kind: string, table: string, index: string) =>
        this.#open(`index ${kind.toLowerCase()} ${table} ${index}`),
    };
    this.#engine = tableEngine(this.#store);
  }

  async request(operation: string, body: string): Promise<{ status: number; body: string }> {
    if (operation === 'CreateTable') return this.#create(JSON.parse(body));
    return new Promise((resolve) => {
      this.#engine(operation, body, (status, text) => resolve({ status, body: text }));
    });
  }

  async stop(): Promise<void> {}

  /** dynalite makes a table after a delay; here it is there at once. */
  #create(request: Readonly<Record<string, unknown>> & { readonly TableName: string }) {
    const tables = this.#mapOf('table');
    if (tables.has(request.TableName)) {
      return {
        status: 400,
        body: JSON.stringify({ __type: 'x#ResourceInUseException', message: 'It exists.' }),
      };
    }
    const indexes = (kind: string) =>
      (request[kind] as object[]).map((index) => ({ ...index, IndexStatus: 'ACTIVE' }));
    const table = {
      ...request,
      ...{ TableStatus: 'ACTIVE', ItemCount: 0, TableSizeBytes: 0 },
      ...(request.GlobalSecondaryIndexes
        ? { GlobalSecondaryIndexes: indexes('GlobalSecondaryIndexes') }
        : {}),
    };
    tables.set(request.TableName, table);
    return { status: 200, body: JSON.stringify({ TableDescription: table }) };
  }

  #getTable(name: string, done: Done): void {
    const table = this.#mapOf('table').get(name);
    if (table) {
      // Operations on items only read it.
      done(null, table);
      return;
    }
    const body = {
      __type: 'com.amazonaws.dynamodb.v20120810#ResourceNotFoundException',
      message: 'Requested resource not found',
    };
    done(Object.assign(new Error('Requested resource not found'), { statusCode: 400, body }));
  }

  #mapOf(name: string): Map<string, unknown> {
    let map = this.#data.get(name);
    if (!map) {
      map = new Map();
      this.#data.set(name, map);
    }
    return map;
  }

  /** One of dynalite's databases. */
  #open(name: string) {
    const map = this.#mapOf(name);
    const values = (range: object) => streamOf(map, range as Range, (key) => copy(map.get(key)));
    return {
      lock: (_: string, run: (release: (done: Done) => Done) => void) => run((done) => done),
      get: (key: string, done: Done) => {
        const value = map.get(key);
        if (value === undefined) done(Object.assign(new Error('NotFound'), { name: 'NotFoundError' }));
        else done(null, copy(value));
      },
      put: (key: string, value: unknown, done: Done) => {
        map.set(key, copy(value));
        done(null);
      },
      del: (key: string, done: Done) => {
        map.delete(key);
        done(null);
      },
      batch: (changes: readonly { type: string; key: string; value?: unknown }[], done: Done) => {
        for (const { type, key, value } of changes) {
          if (type === 'put') map.set(key, copy(value));
          else map.delete(key);
        }
        done(null);
      },
      createValueStream: values,
      createReadStream: values,
      createKeyStream: (range: object) => streamOf(map, range as Range, (key) => key),
    };
  }
}

/** A copy of an item, which is JSON. `structuredClone` takes several times as long. */
function copy<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copy) as Value;
  const copied: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const part = copy((value as Record<string, unknown>)[key]);
    // An attribute that an index projects and the item does not have.
    if (part === undefined) continue;
    // An assignment to it would give the copy another prototype.
    if (key === '__proto__') Object.defineProperty(copied, key, { value: part, enumerable: true });
    else copied[key] = part;
  }
  return copied as Value;
}

/** Stream of what belongs to the keys of a range, in the order of their bytes, as LevelDB streams it. */
function streamOf(
  map: ReadonlyMap<string, unknown>,
  { gt, gte, lt, lte, reverse }: Range,
  read: (key: string) => unknown,
): Stream {
  // dynalite would listen twice to what is no stream of Node, and get each value twice.
  const stream = new Stream();
  const isWithin = (key: string) =>
    (gt === undefined || key > gt) &&
    (gte === undefined || key >= gte) &&
    (lt === undefined || key < lt) &&
    (lte === undefined || key <= lte);
  const keys = [...map.keys()].filter(isWithin).sort((a, b) => (a < b ? -1 : 1));
  if (reverse) keys.reverse();
  const found = keys.map(read);
  queueMicrotask(() => {
    for (const value of found) stream.emit('data', value);
    stream.emit('end');
  });
  return stream;
}
