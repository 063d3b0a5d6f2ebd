/**
 * What an operation takes, declared once: it gives the type, converts what the protocols carry as text, and
 * refuses what is wrong in the words that AWS's services use for it.
 */
import { ServiceError } from '../services/service-error';

/** A value that breaks one of the constraints of its member. */
export interface Problem {
  /** E.g. `destination.arn` */
  readonly at: string;
  readonly text: string;
}

interface Reading {
  readonly problems: Problem[];
  /** The protocol has nothing but text: numbers and booleans are read from it. */
  readonly text: boolean;
}

export interface Member<Value, Required extends boolean = boolean> {
  readonly required: Required;
  read(value: unknown, at: string, reading: Reading): Value;
}

export type Shape = Readonly<Record<string, Member<unknown>>>;

export type InputOf<S extends Shape> = {
  readonly [K in keyof S]: S[K] extends Member<infer Value, infer Required>
    ? Required extends true
      ? Value
      : Value | undefined
    : never;
};

/** Checks `value` against the shape; members that are not in the shape are passed over, as the services do. */
export function readInput<S extends Shape>(
  shape: S,
  value: unknown,
  text: boolean,
): { input: InputOf<S>; problems: Problem[] } {
  const reading: Reading = { problems: [], text };
  return { input: readMembers(shape, value, '', reading), problems: reading.problems };
}

export const required = <Value>(member: Member<Value>): Member<Value, true> => ({
  ...member,
  required: true,
});

export function string(
  limits: { min?: number; max?: number; pattern?: RegExp; values?: readonly string[] } = {},
): Member<string, false> {
  return {
    required: false,
    read(value, at, { problems }) {
      if (typeof value !== 'string') throw wrongType(at, 'a string', value);
      const { min = 0, max = Number.POSITIVE_INFINITY, pattern, values } = limits;
      const fail = (text: string) => problems.push({ at, text: constraint(value, at, text) });
      // Characters are counted only where their number could matter: payloads are long.
      const isShort = value.length < min || (value.length < 2 * min && [...value].length < min);
      const isLong = value.length > max && [...value].length > max;
      if (isShort) fail(`Member must have length greater than or equal to ${min}`);
      if (isLong) fail(`Member must have length less than or equal to ${max}`);
      if (pattern && !pattern.test(value)) {
        fail(`Member must satisfy regular expression pattern: ${pattern.source.replace(/^\^|\$$/g, '')}`);
      }
      if (values && !values.includes(value))
        fail(`Member must satisfy enum value set: [${values.join(', ')}]`);
      return value;
    },
  };
}

export function integer(limits: { min?: number; max?: number } = {}): Member<number, false> {
  return {
    required: false,
    read(value, at, { problems, text }) {
      const number = text && typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
      if (typeof number !== 'number' || !Number.isInteger(number)) throw wrongType(at, 'an integer', value);
      const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = limits;
      const fail = (text: string) => problems.push({ at, text: constraint(number, at, text) });
      if (number < min) fail(`Member must have value greater than or equal to ${min}`);
      if (number > max) fail(`Member must have value less than or equal to ${max}`);
      return number;
    },
  };
}

export const boolean: Member<boolean, false> = {
  required: false,
  read(value, at, { text }) {
    if (typeof value === 'boolean') return value;
    if (text && (value === 'true' || value === 'false')) return value === 'true';
    throw wrongType(at, 'a boolean', value);
  },
};

/** Seconds since 1970-01-01 UTC in JSON, a date in CBOR: milliseconds since 1970-01-01 UTC here. */
export const timestamp: Member<number, false> = {
  required: false,
  read(value, at) {
    const milliseconds =
      typeof value === 'number'
        ? value * 1000
        : typeof value === 'string'
          ? new Date(value).getTime()
          : isObject(value) && typeof value.value === 'number'
            ? value.value * 1000
            : Number.NaN;
    if (Number.isNaN(milliseconds)) throw wrongType(at, 'a timestamp', value);
    return milliseconds;
  },
};

/** Checked by the engine behind the operation. */
export const anything: Member<unknown, false> = { required: false, read: (value) => value };

export function list<Value>(
  of: Member<Value>,
  limits: { min?: number; max?: number } = {},
): Member<readonly Value[], false> {
  return {
    required: false,
    read(value, at, reading) {
      const values = reading.text && value === '' ? [] : value;
      if (!Array.isArray(values)) throw wrongType(at, 'a list', value);
      const { min = 0, max = Number.POSITIVE_INFINITY } = limits;
      const fail = (text: string) =>
        reading.problems.push({ at, text: constraint(`[${values.length} members]`, at, text) });
      if (values.length < min) fail(`Member must have length greater than or equal to ${min}`);
      if (values.length > max) fail(`Member must have length less than or equal to ${max}`);
      return values.map((member, index) => of.read(member, `${at}.${index + 1}.member`, reading));
    },
  };
}

export function map<Value>(of: Member<Value>): Member<Readonly<Record<string, Value>>, false> {
  return {
    required: false,
    read(value, at, reading) {
      if (!isObject(value)) throw wrongType(at, 'a map', value);
      return Object.fromEntries(
        Object.entries(value).map(([key, member]) => [key, of.read(member, `${at}.${key}.member`, reading)]),
      );
    },
  };
}

export function structure<S extends Shape>(shape: S): Member<InputOf<S>, false> {
  return { required: false, read: (value, at, reading) => readMembers(shape, value, `${at}.`, reading) };
}

function readMembers<S extends Shape>(
  shape: S,
  value: unknown,
  within: string,
  reading: Reading,
): InputOf<S> {
  if (!isObject(value)) throw wrongType(within.slice(0, -1) || 'The request', 'an object', value);
  const input: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(shape)) {
    const at = `${within}${name.charAt(0).toLowerCase()}${name.slice(1)}`;
    const given = value[name];
    if (given !== undefined && given !== null) input[name] = member.read(given, at, reading);
    else if (member.required)
      reading.problems.push({ at, text: constraint(null, at, 'Member must not be null') });
  }
  return input as InputOf<S>;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function constraint(value: unknown, at: string, text: string): string {
  const shown = value === null ? 'null' : `'${value}'`;
  return `Value ${shown} at '${at}' failed to satisfy constraint: ${text}`;
}

function wrongType(at: string, wanted: string, value: unknown): ServiceError {
  const given = Array.isArray(value) ? 'a list' : value === null ? 'null' : `a value of type ${typeof value}`;
  return new ServiceError('SerializationException', `${at} must be ${wanted}, not ${given}.`);
}
