/** An event, or a pattern, that a user hands to a command: in a file, or on stdin. */

import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { InputError } from '../../cli/errors';
import { resolveGiven } from '../../cli/path';
import { defined } from '../../defined';
import { type BusEvent, sampleEvent } from '../../eventbridge/event';

export interface GivenEvent {
  readonly event: BusEvent;
  /** Name of the bus on which it is put; undefined if it does not say: then every bus is asked. */
  readonly bus?: string;
}

const Detail = v.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'expected an object',
);
const Entry = v.looseObject({
  EventBusName: v.optional(v.string()),
  Source: v.string(),
  DetailType: v.string(),
  Detail: v.union([Detail, v.string()], 'expected an object, or its JSON'),
  Resources: v.optional(v.array(v.string()), []),
});
const Delivered = v.looseObject({
  EventBusName: v.optional(v.string()),
  source: v.string(),
  'detail-type': v.string(),
  detail: Detail,
});

/**
 * @param given an event as EventBridge delivers it, an entry of PutEvents, or a list of one, as the AWS CLI takes it
 * @throws InputError that names the field
 */
export function readEvent(given: unknown, place: { account: string; region: string }): GivenEvent {
  if (Array.isArray(given)) {
    if (given.length === 1) return readEvent(given[0], place);
    throw new InputError(`--event is a list of ${given.length}; expected one event, or a list of one.`);
  }
  const isEntry = typeof given === 'object' && given !== null && 'Source' in given;
  const read = v.safeParse(isEntry ? Entry : Delivered, given);
  if (!read.success) {
    const [issue] = read.issues;
    const where = v.getDotPath(issue);
    const expected = 'an event with source, detail-type and detail, or an entry of PutEvents';
    throw new InputError(`--event: ${where ? `${where}: ` : ''}${issue.message}; expected ${expected}.`);
  }
  const { EventBusName, ...rest } = read.output;
  const event = { ...sampleEvent({ source: '', 'detail-type': '', detail: {} }, place), ...fieldsOf(rest) };
  const bus = EventBusName?.split(':event-bus/').at(-1);
  return { event, ...defined({ bus }) };
}

function fieldsOf(read: object): Partial<BusEvent> {
  if (!v.is(Entry, read)) return read;
  const { Source: source, DetailType, Detail: given, Resources: resources = [] } = read;
  const detail = typeof given === 'string' ? parse('--event: Detail', given) : given;
  if (!v.is(Detail, detail)) throw new InputError('--event: Detail is not the JSON of an object.');
  return { source, 'detail-type': DetailType, detail, resources };
}

/** @param file a path, or `-` for stdin */
export function readGiven(option: string, file: string): string {
  try {
    return readFileSync(file === '-' ? process.stdin.fd : resolveGiven(file), 'utf8');
  } catch (error) {
    throw new InputError(`${option} ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

export function parse(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`${what} is not JSON (${(error as Error).message}).`);
  }
}
