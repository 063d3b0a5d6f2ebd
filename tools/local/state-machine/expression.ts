/**
 * Payload templates of the Amazon States Language, and the intrinsic functions in them.
 * https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
 */
import { createHash } from 'node:crypto';
import { compilePath, isStateObject, type Reader, type Scope, type StateJson } from './json-path';
import { DefinitionError, StatesError, UnknownInDefinitionError } from './states-error';

type Intrinsic = (values: StateJson[], scope: Scope) => StateJson;

const failed = (message: string) => new StatesError('States.IntrinsicFailure', message);

const text = (value: StateJson | undefined): string => {
  if (typeof value !== 'string') throw failed('An argument must be a string.');
  return value;
};
const list = (value: StateJson | undefined): StateJson[] => {
  if (!Array.isArray(value)) throw failed('An argument must be an array.');
  return value;
};
const whole = (value: StateJson | undefined): number => {
  if (typeof value !== 'number') throw failed('An argument must be a number.');
  return Math.round(value);
};

/** Checks whether two values are the same JSON, whatever the order of an object's fields. */
function isSame(a: StateJson, b: StateJson): boolean {
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => isSame(item, b[i] as StateJson));
  if (!isStateObject(a) || !isStateObject(b)) return a === b;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSame(a[name] as StateJson, b[name] as StateJson))
  );
}

const HASHES: Readonly<Record<string, string>> = {
  ...{ MD5: 'md5', 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' },
};

const INTRINSICS: Readonly<Record<string, Intrinsic>> = {
  Format: ([template, ...values]) => {
    let next = 0;
    const filled = text(template).replace(/\{\}/g, () => {
      const value = values[next++];
      if (value === undefined) throw failed('States.Format has fewer values than places.');
      return typeof value === 'string' ? value : JSON.stringify(value);
    });
    if (next !== values.length) throw failed('States.Format has more values than places.');
    return filled;
  },
  StringToJson: ([value]) => {
    try {
      return JSON.parse(text(value));
    } catch (error) {
      if (error instanceof SyntaxError) throw failed(`States.StringToJson: ${error.message}`);
      throw error;
    }
  },
  JsonToString: ([value]) => JSON.stringify(value),
  Array: (values) => values,
  ArrayPartition: ([items, size]) => {
    const [all, length] = [list(items), whole(size)];
    if (length < 1) throw failed('The size of a part must be at least 1.');
    return Array.from({ length: Math.ceil(all.length / length) }, (_, i) =>
      all.slice(i * length, (i + 1) * length),
    );
  },
  ArrayContains: ([items, wanted]) => list(items).some((item) => isSame(item, wanted as StateJson)),
  ArrayRange: ([first, last, step]) => {
    const [from, to, by] = [whole(first), whole(last), whole(step)];
    const length = Math.floor((to - from) / by) + 1;
    if (by === 0 || length > 1_000) throw failed('A range has at most 1000 numbers.');
    return Array.from({ length: Math.max(0, length) }, (_, i) => from + i * by);
  },
  ArrayGetItem: ([items, index]) => {
    const item = list(items)[whole(index)];
    if (item === undefined) throw failed(`The array has no item ${index}.`);
    return item;
  },
  ArrayLength: ([items]) => list(items).length,
  ArrayUnique: ([items]) =>
    list(items).filter((item, index, all) => all.findIndex((other) => isSame(other, item)) === index),
  Base64Encode: ([value]) => Buffer.from(text(value)).toString('base64'),
  Base64Decode: ([value]) => Buffer.from(text(value), 'base64').toString('utf8'),
  Hash: ([value, algorithm]) => {
    const name = HASHES[text(algorithm)];
    if (!name) throw failed(`There is no algorithm ${algorithm}.`);
    return createHash(name)
      .update(typeof value === 'string' ? value : JSON.stringify(value))
      .digest('hex');
  },
  JsonMerge: ([first, second, isDeep]) => {
    if (isDeep !== false)
      throw failed('States.JsonMerge merges only the first level: its third argument is false.');
    if (!isStateObject(first) || !isStateObject(second)) throw failed('An argument must be an object.');
    return { ...first, ...second };
  },
  MathRandom: ([first, last, seed], { random }) => {
    if (seed !== undefined) throw failed('The local run knows no States.MathRandom with a seed.');
    const [from, to] = [whole(first), whole(last)];
    return from + Math.floor(random() * (to - from));
  },
  MathAdd: ([first, second]) => whole(first) + whole(second),
  StringSplit: ([value, splitters]) => {
    const ends = new Set(text(splitters));
    const parts = [''];
    for (const character of text(value)) {
      if (ends.has(character)) parts.push('');
      else parts.push(`${parts.pop()}${character}`);
    }
    return parts.filter((part) => part !== '');
  },
  UUID: (_, { uuid }) => uuid(),
};

/** Text of an intrinsic function, read from left to right. */
class Parser {
  #at = 0;

  constructor(private readonly source: string) {}

  parse(): Reader {
    const read = this.#call();
    this.#blank();
    if (this.#at < this.source.length) throw this.#wrong();
    return read;
  }

  #call(): Reader {
    const [head, name = ''] = this.#take(/States\.(\w+)\(/y) ?? [];
    if (head === undefined) throw this.#wrong();
    const run = Object.hasOwn(INTRINSICS, name) ? INTRINSICS[name] : undefined;
    if (!run) throw new UnknownInDefinitionError(`the intrinsic function States.${name}`);
    const values: Reader[] = [];
    this.#blank();
    while (!this.#take(/\)/y)) {
      if (values.length > 0 && !this.#take(/,/y)) throw this.#wrong();
      values.push(this.#value());
      this.#blank();
    }
    return (scope) =>
      run(
        values.map((read) => read(scope)),
        scope,
      );
  }

  #value(): Reader {
    this.#blank();
    if (this.source.startsWith('States.', this.#at)) return this.#call();
    const [quoted, inner = ''] = this.#take(/'((?:[^'\\]|\\.)*)'/y) ?? [];
    if (quoted !== undefined) {
      const value = inner.replace(/\\(.)/g, '$1');
      return () => value;
    }
    const [path] = this.#take(/\$(?:\[[^\]]*\]|[^,()[\]\s])*/y) ?? [];
    if (path !== undefined) return compilePath(path);
    const [literal] = this.#take(/-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y) ?? [];
    if (literal === undefined) throw this.#wrong();
    return () => JSON.parse(literal);
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.source);
    if (found) this.#at += found[0].length;
    return found;
  }

  #blank(): void {
    this.#take(/\s*/y);
  }

  #wrong(): DefinitionError {
    return new DefinitionError(`${this.source} is no intrinsic function (at ${this.#at})`);
  }
}

/** Compiles a path, or an intrinsic function. */
export const compileExpression = (text: string): Reader =>
  text.startsWith('States.') ? new Parser(text).parse() : compilePath(text);

/**
 * Compiles a payload template: a field `x.$` has the value of its path or intrinsic function.
 * @throws DefinitionError, UnknownInDefinitionError
 */
export function compileTemplate(template: StateJson): Reader {
  if (Array.isArray(template)) {
    const items = template.map(compileTemplate);
    return (scope) => items.map((item) => item(scope));
  }
  if (!isStateObject(template)) return () => template;
  const fields = Object.entries(template).map(([name, value]): [string, Reader] => {
    if (!name.endsWith('.$')) return [name, compileTemplate(value)];
    if (typeof value !== 'string' || !/^(\$|States\.)/.test(value))
      throw new DefinitionError(`the value of ${name} must be a path or an intrinsic function`);
    const read = compileExpression(value);
    return [name.slice(0, -2), (scope) => asParameter(read, scope)];
  });
  return (scope) => Object.fromEntries(fields.map(([name, read]) => [name, read(scope)]));
}

/** A path that finds nothing in a template has an error of its own, which a Catch may name. */
function asParameter(read: Reader, scope: Scope): StateJson {
  try {
    return read(scope);
  } catch (error) {
    if (!(error instanceof StatesError) || error.error !== 'States.Runtime') throw error;
    throw new StatesError('States.ParameterPathFailure', error.cause);
  }
}
