/**
 * Reads what an operation takes by its API model: converts what the protocols carry as text, and refuses what is
 * wrong in the words that AWS's services use for it, before any of the request takes effect.
 */
import * as v from 'valibot';
import { ServiceError } from '../services/service-error';
import type { ApiModel, ModelShape } from './models/model';

/** A value that breaks one of the constraints of its member. */
export interface InputProblem {
  /** E.g. `destination.arn` */
  readonly at: string;
  /** Name of the constraint: `required`, or valibot's (`regex`, `values`, ...). */
  readonly constraint: string;
  readonly value: unknown;
  /** Sentence that AWS's services say of it. */
  readonly text: string;
}

/** Type of an operation's input after it was read: what the model requires is there. */
export type Input<T> = T extends string | number | boolean | Date | Uint8Array
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Input<Item>[]
    : T extends object
      ? {
          readonly [K in keyof T]: Record<never, never> extends Pick<T, K>
            ? Input<T[K]>
            : Input<Exclude<T[K], undefined>>;
        }
      : T;

/** `text`: the protocol has nothing else, so that numbers, booleans and dates are read from it. */
export type Form = 'typed' | 'text';

type Schema = v.GenericSchema<unknown, unknown>;
type Issue = v.BaseIssue<unknown>;

/** First time whose year has five digits, which no service takes. */
const MAX_TIME = Date.UTC(10_000, 0);
const MIN_TIME = Date.UTC(0, 0);

/** Members that the services print and no model has. */
const INTERNAL_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  PutEventsRequestEntry: ['kmsKeyIdentifier', 'internalMetadata'],
};

export class InputReader {
  readonly #model: ApiModel;
  /** Schemas by operation, each created when it is first called. */
  readonly #schemas = new Map<string, Schema>();

  constructor(model: ApiModel) {
    this.#model = model;
  }

  /**
   * Members that the model does not know are passed over, as the services do.
   * @throws ServiceError (SerializationException) for a value of another type than the model's
   */
  read(operation: string, value: unknown, form: Form): { input: unknown; problems: readonly InputProblem[] } {
    const root = this.#model.operations[operation]?.input;
    if (root === undefined) return { input: {}, problems: [] };
    const { output: input, issues = [] } = v.safeParse(this.#schema(root, form), value);
    for (const issue of issues) {
      if (issue.kind === 'schema' && (issue.input != null || !issue.path)) throw wrongType(issue);
    }
    return { input, problems: issues.map((issue) => this.#problem(root, issue)) };
  }

  #shape(name: string): ModelShape {
    const shape = this.#model.shapes[name];
    if (!shape) throw new Error(`The API model has no shape ${name}.`);
    return shape;
  }

  #schema(name: string, form: Form): Schema {
    const key = `${form} ${name}`;
    const schema = this.#schemas.get(key) ?? this.#compile(this.#shape(name), form);
    this.#schemas.set(key, schema);
    return schema;
  }

  #compile(shape: ModelShape, form: Form): Schema {
    switch (shape.type) {
      case 'structure':
        return this.#structure(shape, form);
      case 'list':
        return this.#list(shape, form);
      case 'map':
        return this.#map(shape, form);
      case 'string':
        return string(shape);
      case 'integer':
      case 'long':
        return number(shape, form, 'an integer');
      case 'double':
      case 'float':
        return number(shape, form, 'a number');
      case 'boolean':
        return boolean(form);
      case 'timestamp':
        return timestamp(form);
      case 'blob':
        return blob(shape);
      default:
        throw new Error(`The API model has a shape of the type ${shape.type}.`);
    }
  }

  /** Lazily, since shapes may hold themselves. */
  #member(name: string, form: Form): Schema {
    return v.lazy(() => this.#schema(name, form));
  }

  #structure({ members = {}, required = [] }: ModelShape, form: Form): Schema {
    const entries = Object.entries(members).map(([name, { shape }]): [string, Schema] => {
      const member = this.#member(shape, form);
      if (required.includes(name)) return [name, member];
      const withoutNull = v.transform((value: unknown) => value ?? undefined);
      return [name, v.pipe(v.nullish(member), withoutNull)];
    });
    return v.pipe(v.custom<object>(isObject, 'an object'), v.object(Object.fromEntries(entries)));
  }

  #list({ member, min = 0, max = Number.POSITIVE_INFINITY }: ModelShape, form: Form): Schema {
    return v.pipe(
      v.unknown(),
      // The query protocol writes an empty list as an empty value.
      v.transform((value) => (form === 'text' && value === '' ? [] : value)),
      v.array(this.#member(member?.shape ?? '', form), 'a list'),
      v.minLength(min, `Member must have length greater than or equal to ${min}`),
      v.maxLength(max, `Member must have length less than or equal to ${max}`),
    );
  }

  /**
   * Schema of a map. It reads a `Map`, since valibot's record leaves out keys such as `constructor`, which clients
   * may use.
   */
  #map({ value }: ModelShape, form: Form): Schema {
    return v.pipe(
      v.custom<object>(isObject, 'a map'),
      v.transform((members) => new Map<unknown, unknown>(Object.entries(members))),
      v.map(v.string(), this.#member(value?.shape ?? '', form)),
      v.transform((members) => Object.fromEntries(members)),
    );
  }

  #problem(root: string, issue: Issue): InputProblem {
    const at = pathOf(issue);
    const isMissing = issue.kind === 'schema';
    const text = isMissing ? 'Member must not be null' : issue.message;
    const shown = isMissing ? 'null' : `'${this.#show(root, issue)}'`;
    return {
      at,
      constraint: isMissing ? 'required' : issue.type,
      value: issue.input,
      text: `Value ${shown} at '${at}' failed to satisfy constraint: ${text}`,
    };
  }

  /** A list of structures is shown as the services' own Java prints it: `[Entry(id=1, body=null)]`. */
  #show(root: string, { input, path }: Issue): string {
    if (!Array.isArray(input)) return String(input);
    let name = root;
    for (const { key } of path ?? []) {
      const { members, member, value } = this.#shape(name);
      name = (members?.[String(key)] ?? member ?? value)?.shape ?? name;
    }
    const itemName = this.#shape(name).member?.shape ?? name;
    const { members } = this.#shape(itemName);
    const items = input.map((item: unknown) => {
      if (!members || !isObject(item)) return String(item);
      const names = [...Object.keys(members).map(lowerFirst), ...(INTERNAL_MEMBERS[itemName] ?? [])];
      const values = new Map(Object.entries(item).map(([field, value]) => [lowerFirst(field), value]));
      const fields = names.map((field) => `${field}=${values.get(field) ?? null}`);
      return `${itemName}(${fields.join(', ')})`;
    });
    return `[${items.join(', ')}]`;
  }
}

function string({ min = 0, max = Number.POSITIVE_INFINITY, pattern, enum: values }: ModelShape): Schema {
  // Characters are counted only where their number could matter: payloads are long.
  const isLong = (text: string) => text.length > max && [...text].length > max;
  const isShort = (text: string) => text.length < 2 * min && [...text].length < min;
  return v.pipe(
    v.string('a string'),
    v.check((text) => !isShort(text), `Member must have length greater than or equal to ${min}`),
    v.check((text) => !isLong(text), `Member must have length less than or equal to ${max}`),
    pattern === undefined
      ? v.check(() => true)
      : v.regex(whole(pattern), `Member must satisfy regular expression pattern: ${pattern}`),
    values
      ? v.values([...values], `Member must satisfy enum value set: [${values.join(', ')}]`)
      : v.check(() => true),
  );
}

/** The services' patterns are Java's, which match the whole text. */
function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, pattern.includes('\\p{') ? 'u' : '');
}

function number(
  { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: ModelShape,
  form: Form,
  wanted: string,
): Schema {
  const isNumber = wanted === 'an integer' ? Number.isSafeInteger : Number.isFinite;
  return v.pipe(
    v.unknown(),
    v.transform((value) => {
      const isText = form === 'text' && typeof value === 'string' && value.trim() !== '';
      return isText || typeof value === 'bigint' ? Number(value) : value;
    }),
    v.custom<number>(isNumber, wanted),
    v.minValue(min, `Member must have value greater than or equal to ${min}`),
    v.maxValue(max, `Member must have value less than or equal to ${max}`),
  );
}

function boolean(form: Form): Schema {
  if (form === 'typed') return v.boolean('a boolean');
  return v.pipe(
    v.picklist(['true', 'false'], 'a boolean'),
    v.transform((text) => text === 'true'),
  );
}

/** Seconds since 1970-01-01 UTC in JSON, these as CBOR's tag 1, or ISO 8601 in text. */
function timestamp(form: Form): Schema {
  return v.pipe(
    v.unknown(),
    v.transform((value) => {
      if (form === 'text') return typeof value === 'string' ? Date.parse(value) : value;
      const seconds = isObject(value) && value.tag === 1 ? value.value : value;
      return typeof seconds === 'number' ? Math.round(seconds * 1000) : value;
    }),
    v.custom<number>(
      (time) => typeof time === 'number' && time >= MIN_TIME && time < MAX_TIME,
      'a timestamp',
    ),
    v.transform((time) => new Date(time)),
  );
}

/** Base64 in JSON and in text, bytes in CBOR and as a body. */
function blob({ min = 0, max = Number.POSITIVE_INFINITY }: ModelShape): Schema {
  return v.pipe(
    v.unknown(),
    v.transform((value) => {
      const isBase64 = typeof value === 'string' && value.length % 4 === 0 && /^[\w+/-]*={0,2}$/.test(value);
      return isBase64 ? Buffer.from(value, 'base64') : value;
    }),
    v.instance(Uint8Array, 'base64'),
    v.minLength(min, `Member must have length greater than or equal to ${min}`),
    v.maxLength(max, `Member must have length less than or equal to ${max}`),
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

const lowerFirst = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);

/** E.g. `destination.arn`, `entries.1.member.time`, `tags.name.member`. */
function pathOf({ path }: Issue): string {
  return (path ?? [])
    .map(({ type, key }) => {
      if (type === 'array') return `${Number(key) + 1}.member`;
      return type === 'map' ? `${key}.member` : lowerFirst(String(key));
    })
    .join('.');
}

function wrongType(issue: Issue): ServiceError {
  const { input, message: wanted } = issue;
  const at = pathOf(issue) || 'The request';
  const given = Array.isArray(input) ? 'a list' : input === null ? 'null' : `a value of type ${typeof input}`;
  const reason =
    wanted === 'a timestamp' && typeof input === 'string' ? ' STRING_VALUE cannot be converted to Date.' : '';
  return new ServiceError('SerializationException', `${at} must be ${wanted}, not ${given}.${reason}`);
}
