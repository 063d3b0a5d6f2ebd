/**
 * The operations of dynalite without its HTTP: JSON text in, JSON text out. Tables that outlive the process are dynalite's,
 * in LevelDB. Tables in memory are kept here: dynalite's own are the interface of LevelDB over a tree, whose layers take
 * longer than the operations. Plain JavaScript, since the thread of the tables has no loader for TypeScript.
 */
'use strict';

const { Stream } = require('node:stream');
const path = require('node:path');
const { OrderedMap } = require('./ordered-map.cjs');
const { rememberExpressions } = require('./parsed-expressions.cjs');

const DYNALITE = path.dirname(require.resolve('dynalite/package.json'));
/** Tables are made, changed and deleted without a delay. */
const OPTIONS = { createTableMs: 0, deleteTableMs: 0, updateTableMs: 0, maxItemSizeKb: 400 };

/**
 * @param store as `memoryStore` makes it, or dynalite's own
 * @returns does an operation: calls back with an HTTP status and JSON text. What is no answer of DynamoDB's is thrown
 */
function tableEngine(store) {
  rememberExpressions(DYNALITE);
  const validations = require(path.join(DYNALITE, 'validations'));
  const operations = new Map();
  const operationOf = (name) => {
    let operation = operations.get(name);
    if (!operation) {
      const file = validations.toLowerFirst(name);
      const { types, custom } = require(path.join(DYNALITE, 'validations', file));
      operation = { run: require(path.join(DYNALITE, 'actions', file)), types, custom };
      operations.set(name, operation);
    }
    return operation;
  };
  return (name, text, done) => {
    const refuse = (error) => {
      if (!error.statusCode) throw error;
      done(error.statusCode, JSON.stringify(error.body));
    };
    const { run, types, custom } = operationOf(name);
    let input;
    try {
      input = validations.checkTypes(JSON.parse(text), types);
      validations.checkValidations(input, types, custom, store);
    } catch (error) {
      refuse(error);
      return;
    }
    run(store, input, (error, value) => (error ? refuse(error) : done(200, JSON.stringify(value))));
  };
}

/** Opens dynalite's own store in a folder, which only one process may have open. */
const directoryStore = (directory) =>
  require(path.join(DYNALITE, 'db')).create({ ...OPTIONS, path: directory });

/**
 * dynalite's store with maps in the place of LevelDB. Each callback comes at once, so that no operation meets another one
 * halfway, and nothing need be locked.
 */
function memoryStore({ account, region }) {
  const databases = new Map();
  const open = (name) => {
    let database = databases.get(name);
    if (!database) {
      database = new MemoryDatabase();
      databases.set(name, database);
    }
    return database;
  };
  const drop = (name, done) => {
    databases.delete(name);
    done(null);
  };
  const index = (kind, table, name) => `index-${kind.toLowerCase()}~${table}~${name}`;
  const tables = Object.assign(open('table'), { awsAccountId: account, awsRegion: region });
  return {
    options: { ...OPTIONS, maxItemSize: OPTIONS.maxItemSizeKb * 1024 },
    tableDb: tables,
    getTable: (name, ...rest) => getTable(tables, name, rest),
    getItemDb: (name) => open(`item-${name}`),
    deleteItemDb: (name, done) => drop(`item-${name}`, done),
    getIndexDb: (...names) => open(index(...names)),
    deleteIndexDb: (kind, table, name, done) => drop(index(kind, table, name), done),
    getTagDb: (name) => open(`tag-${name}`),
    deleteTagDb: (name, done) => drop(`tag-${name}`, done),
  };
}

/** One of dynalite's databases. Values are kept as text: a fraction of what objects take, and out of V8's heap. */
class MemoryDatabase {
  #texts = new OrderedMap();
  /** Values as they were last read by `peek`. */
  #read = new Map();

  lock(_, run) {
    run((done) => done);
  }

  get(key, done) {
    done(null, this.#value(key));
  }

  /** A value that the caller does not change. */
  peek(key) {
    let value = this.#read.get(key);
    if (value === undefined) {
      value = this.#value(key);
      if (value !== undefined) this.#read.set(key, value);
    }
    return value;
  }

  put(key, value, done) {
    this.#read.delete(key);
    this.#texts.set(key, Buffer.from(JSON.stringify(value)));
    done(null);
  }

  del(key, done) {
    this.#read.delete(key);
    this.#texts.delete(key);
    done(null);
  }

  batch(changes, done) {
    for (const { type, key, value } of changes) {
      if (type === 'put') this.put(key, value, () => {});
      else this.del(key, () => {});
    }
    done(null);
  }

  createKeyStream(range) {
    return streamOf(this.#texts.keys(range), (key) => key);
  }

  createValueStream(range) {
    return streamOf(this.#texts.keys(range), (key) => this.#value(key));
  }

  createReadStream(range) {
    return this.createValueStream(range);
  }

  #value(key) {
    const text = this.#texts.get(key);
    return text && JSON.parse(text.toString());
  }
}

/**
 * Looks a table up as dynalite does: operations on the table get a description of their own, which they change, whatever its
 * status is; operations on items read one, and there is no table for them until it is made.
 */
function getTable(tables, name, rest) {
  const done = rest.at(-1);
  const message = 'Requested resource not found';
  if (rest[0] === false) {
    tables.get(name, (_, table) =>
      table ? done(null, table) : done(notFound(`${message}: Table: ${name} not found`)),
    );
    return;
  }
  const table = tables.peek(name);
  if (table && !['CREATING', 'DELETING'].includes(table.TableStatus)) done(null, table);
  else done(notFound(message));
}

const notFound = (message) =>
  Object.assign(new Error(message), {
    statusCode: 400,
    body: { __type: 'com.amazonaws.dynamodb.v20120810#ResourceNotFoundException', message },
  });

/** Stream as far as dynalite looks at it. It would listen twice to one of Node's, and get each value twice. */
function streamOf(keys, read) {
  let isWanted = true;
  const stream = Object.assign(new Stream(), {
    destroy: () => {
      isWanted = false;
    },
  });
  queueMicrotask(() => {
    for (const key of keys) {
      if (!isWanted) return;
      stream.emit('data', read(key));
    }
    stream.emit('end');
  });
  return stream;
}

module.exports = { tableEngine, directoryStore, memoryStore };
