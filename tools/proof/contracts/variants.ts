/**
 * Variants of a contract's example that a rule, a transformer or a parser may treat differently: each changes one field
 * to a value of its closed set, leaves it out, or takes an extreme of its schema. The contract's parser decides which of
 * the generated events are valid.
 */
import type { Contract } from '../../app';
import { InputError } from '../../cli/errors';
import { type BusEvent, sampleEvent } from '../../eventbridge/event';
import { isObject } from '../../eventbridge/field-reader';
import { detailSchema, type JsonSchema } from './detail-schema';

/** One event of a contract, and its difference from the event that it was made from. */
export interface Variant {
  /**
   * `value`: a field has another value of its closed set. `absent`: an optional field is left out. `extreme`: a
   * field has the shortest, longest, smallest, largest or oddest value that the contract allows.
   */
  readonly kind: 'example' | 'value' | 'absent' | 'extreme' | 'replayed' | 'witness';
  /** Dotted path in the detail; empty if it concerns the whole event. */
  readonly field: string;
  /** The difference in words. Unique among the variants of an event. */
  readonly label: string;
  readonly event: BusEvent;
}

/** An event that violates the contract in one place. */
export interface NearMiss {
  /** Place of the error: `source` or `detail-type`, or the detail. */
  readonly in: 'envelope' | 'detail';
  readonly label: string;
  readonly event: BusEvent;
}

export interface Place {
  readonly account: string;
  readonly region: string;
}

/** Ids of example events. */
const EXAMPLE_IDS = { eventId: 'event-1', correlationId: 'request-1', causationId: 'event-0' };

/**
 * The contract's example as EventBridge would deliver it.
 * @throws InputError if the contract has no valid example
 */
export function exampleEvent(contract: Contract, place: Place): BusEvent {
  const { source, detailType, version } = contract;
  const event = (detail: object): BusEvent =>
    sampleEvent({ source, 'detail-type': detailType, detail }, place);
  if (typeof contract.example !== 'object' || contract.example === null) {
    throw new InputError(`${contract.type} has no example; a contract needs one, a valid detail.`);
  }
  const problem = contract.problem(event({ ...contract.example, metadata: { version } }));
  if (problem) throw new InputError(`The example of a contract must be an event of it: ${problem.message}`);
  return event(contract.create(contract.example, EXAMPLE_IDS));
}

/** @param event a valid event of the contract */
export function variantsOf(contract: Contract, event: BusEvent): Variant[] {
  const isValid = (detail: unknown) => isEventOf(contract, { ...event, detail });
  const variants = new Map<string, Variant>();
  const replayed = { ...event, 'replay-name': 'replay-1' };
  variants.set('replayed', { kind: 'replayed', field: '', label: 'replayed', event: replayed });
  const schema = detailSchema(contract);
  const minimal = requiredOnly(schema, event.detail);
  const changes: Iterable<Variation> = [
    ...changesOf(schema, event.detail, '', isValid),
    ...(isValid(minimal)
      ? [{ kind: 'absent', field: '', text: 'only required fields', value: minimal } as const]
      : []),
  ];
  for (const { kind, field, text, value } of changes) {
    const label = [field, text].filter(Boolean).join(' ');
    if (!variants.has(label)) variants.set(label, { kind, field, label, event: { ...event, detail: value } });
  }
  return [...variants.values()];
}

/** Checks an event by the contract's own parser. */
export function isEventOf(contract: Contract, event: object): boolean {
  return contract.problem(event) === undefined;
}

/** @param event a valid event of the contract */
export function nearMissesOf(contract: Contract, event: BusEvent): NearMiss[] {
  const wrong = (field: 'source' | 'detail-type', value: string): NearMiss => ({
    in: 'envelope',
    label: `${field} ${JSON.stringify(value)}`,
    event: { ...event, [field]: value },
  });
  const envelope = (['source', 'detail-type'] as const).flatMap((field) => {
    const right = event[field];
    return [otherCase(right), right.slice(0, -1), `${right}2`].map((value) => wrong(field, value));
  });
  const detail: NearMiss[] = [];
  for (const [field, { enum: values }] of Object.entries(detailSchema(contract).properties ?? {})) {
    const [value] = values ?? [];
    if (typeof value !== 'string') continue;
    const changed = { ...event, detail: { ...(event.detail as object), [field]: otherCase(value) } };
    if (!isEventOf(contract, changed)) {
      detail.push({ in: 'detail', label: `${field} ${JSON.stringify(otherCase(value))}`, event: changed });
    }
  }
  const elsewhere: NearMiss = {
    in: 'envelope',
    label: 'source "com.example"',
    event: { ...event, source: 'com.example' },
  };
  return [...envelope, elsewhere, ...detail];
}

function otherCase(text: string): string {
  return text === text.toLowerCase() ? text.toUpperCase() : text.toLowerCase();
}

/** A change of one field of the detail. */
interface Variation {
  readonly kind: 'value' | 'absent' | 'extreme';
  /** Dotted path. */
  readonly field: string;
  readonly text: string;
  readonly value: unknown;
}

type Accepts = (value: unknown) => boolean;

/** Yields every change that `accepts` allows. @param sample a value of the schema */
export function* changesOf(
  schema: JsonSchema,
  sample: unknown,
  field: string,
  accepts: Accepts,
): Generator<Variation> {
  if (schema.anyOf) {
    for (const option of schema.anyOf) yield* changesOf(option, sample, field, accepts);
    return;
  }
  const closedSet = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (closedSet) {
    for (const value of closedSet) {
      const isOther = value !== sample && accepts(value);
      if (isOther) yield { kind: 'value', field, text: `= ${JSON.stringify(value)}`, value };
    }
    return;
  }
  if (schema.type === 'object' && isObject(sample)) {
    yield* objectChanges(schema, sample, field, accepts);
    return;
  }
  for (const [text, value] of extremes(schema, sample, accepts)) {
    if (accepts(value)) yield { kind: 'extreme', field, text, value };
  }
  if (schema.type === 'array' && Array.isArray(sample) && sample.length > 0) {
    const [first, ...rest] = sample;
    const put = (value: unknown) => [value, ...rest];
    const nested = changesOf(schema.items ?? {}, first, `${field}[0]`, (value) => accepts(put(value)));
    for (const change of nested) yield { ...change, value: put(change.value) };
  }
}

function* objectChanges(
  schema: JsonSchema,
  sample: Readonly<Record<string, unknown>>,
  field: string,
  accepts: Accepts,
): Generator<Variation> {
  const { properties = {}, additionalProperties: others, propertyNames } = schema;
  // A record has no properties of its own; the sample's keys show what it may hold.
  const keys = new Set([...Object.keys(properties), ...(others ? Object.keys(sample) : [])]);
  const schemaOf = (key: string) => properties[key] ?? (typeof others === 'object' ? others : {});
  const at = (key: string) => (field ? `${field}.${key}` : key);

  for (const key of keys) {
    const { [key]: value, ...rest } = sample;
    if (value === undefined) {
      for (const given of valuesFor(schemaOf(key))) {
        const changed = { ...sample, [key]: given };
        if (accepts(changed)) {
          yield { kind: 'extreme', field: at(key), text: `= ${JSON.stringify(given)}`, value: changed };
        }
      }
      continue;
    }
    if (accepts(rest)) yield { kind: 'absent', field: '', text: `without ${at(key)}`, value: rest };
    const put = (changed: unknown) => ({ ...sample, [key]: changed });
    for (const change of changesOf(schemaOf(key), value, at(key), (changed) => accepts(put(changed)))) {
      yield { ...change, value: put(change.value) };
    }
  }
  if (!others) return;
  const [value] = Object.values(sample);
  for (const key of [...(propertyNames?.enum ?? []).map(String), 'a "key"']) {
    const changed = { ...sample, [key]: value ?? valuesFor(schemaOf(key))[0] };
    if (!(key in sample) && accepts(changed)) {
      yield { kind: 'extreme', field, text: `with the key ${JSON.stringify(key)}`, value: changed };
    }
  }
  if (accepts({})) yield { kind: 'extreme', field, text: '= {}', value: {} };
}

/** Characters that are special in JSON, in an input template or in a regular expression. */
const SPECIAL_CHARACTERS: Readonly<Record<string, string>> = {
  'a double quote': '"',
  'a backslash': '\\',
  'a line feed': '\n',
  'a tab': '\t',
  'a NUL character': '\u0000',
  'a DEL character': '\u007f',
  'a single quote': "'",
  '<': '<',
  '>': '>',
  '{': '{',
  '}': '}',
  'a dollar sign': '$',
  'a comma': ',',
  'a blank': ' ',
  'an accented letter': 'é',
  'a line separator': '\u2028',
  'an emoji': '😀',
  'half a surrogate pair': '\ud800',
};

const WHOLE_TEXTS = ['', ' ', '0', 'null', '<id>', '{"a": 1}'];

/** Texts by the schema's `format`. */
const FORMATTED_TEXTS: Readonly<Record<string, readonly string[]>> = {
  date: ['0000-01-01', '2024-02-29', '9999-12-31'],
  'date-time': [
    '0000-01-01T00:00:00Z',
    '2024-02-29T23:59:59.999Z',
    '2026-01-15T10:00:00.123456789+05:30',
    '9999-12-31T23:59:59Z',
  ],
};

const NUMBERS = [
  ...[0, 1, -1, 0.1, 1e-7, 1e-130, 1e21, Number.MAX_VALUE],
  ...[Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
];

const ANY_VALUES = [null, true, 0, '', 'a "quoted" \\ text', [], {}, [[1], 'x'], { 'a "key"': null }];

/** Maximum length of a generated text, in characters. */
const LONGEST_TEXT = 1_024;

/** Yields extreme values of a schema, each with a label. */
function* extremes(
  schema: JsonSchema,
  sample: unknown,
  accepts: Accepts,
): Generator<[text: string, value: unknown]> {
  const equal = (value: unknown): [string, unknown] => [`= ${JSON.stringify(value)}`, value];
  switch (schema.type) {
    case 'string':
      if (typeof sample === 'string') yield* textExtremes(sample, accepts);
      yield* (FORMATTED_TEXTS[String(schema.format)] ?? WHOLE_TEXTS).map(equal);
      return;
    case 'number':
    case 'integer':
      yield* [schema.minimum, schema.maximum, ...NUMBERS].filter((value) => value !== undefined).map(equal);
      return;
    case 'boolean':
      yield* [true, false].map(equal);
      return;
    case 'array':
      yield equal([]);
      if (Array.isArray(sample)) yield ['with every element twice', [...sample, ...sample]];
      return;
    default:
      yield* ANY_VALUES.map(equal);
  }
}

function* textExtremes(sample: string, accepts: Accepts): Generator<[text: string, value: string]> {
  const middle = Math.ceil(sample.length / 2);
  for (const [name, character] of Object.entries(SPECIAL_CHARACTERS)) {
    const places = [middle, 1, 0, sample.length].map(
      (at) => sample.slice(0, at) + character + sample.slice(at),
    );
    const accepted = places.find(accepts);
    if (accepted !== undefined) yield [`containing ${name}`, accepted];
  }
  const shortened = Array.from({ length: sample.length }, (_, length) => sample.slice(0, length));
  const shortest = shortened.find(accepts);
  if (shortest !== undefined) yield [`of ${characters(shortest.length)}`, shortest];
  const last = sample.at(-1) ?? 'x';
  let [length, tooLong] = [sample.length, LONGEST_TEXT + 1];
  while (tooLong - length > 1) {
    const between = Math.floor((length + tooLong) / 2);
    if (accepts(sample.padEnd(between, last))) length = between;
    else tooLong = between;
  }
  if (length > sample.length) yield [`of ${characters(length)}`, sample.padEnd(length, last)];
}

function characters(count: number): string {
  return `${count} character${count === 1 ? '' : 's'}`;
}

/** Values for a field that the example does not have. */
export function valuesFor(schema: JsonSchema): unknown[] {
  if (schema.enum) return [...schema.enum];
  if (schema.const !== undefined) return [schema.const];
  switch (schema.type) {
    case 'string':
      return ['a', 'a@example.com', 'A-1', '1', ...WHOLE_TEXTS, ...Object.values(FORMATTED_TEXTS).flat()];
    case 'object':
      return [{}];
    default:
      return [...extremes(schema, undefined, () => true)].map(([, value]) => value);
  }
}

function requiredOnly(schema: JsonSchema, sample: unknown): unknown {
  if (!isObject(sample) || !schema.properties) return sample;
  const { properties, required = [] } = schema;
  const fields = required.map((key) => [key, requiredOnly(properties[key] ?? {}, sample[key])] as const);
  return Object.fromEntries(fields);
}
