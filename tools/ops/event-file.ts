/**
 * Input of `publish`: one JSON document (an event, or an array of them) or JSON lines. Each event is one of
 * - an entry of PutEvents: `{"Source", "DetailType", "Detail"}`, the detail as JSON text or as an object,
 * - an event as EventBridge delivers it: `{"source", "detail-type", "detail"}`,
 * - a bare detail, if the command names its type.
 */
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { type App, type Contract, type EventToPublish, versionsOf } from '../app';
import { InputError, oneLine } from '../cli/errors';
import { resolveGiven } from '../cli/path';
import { sampleEvent } from '../eventbridge/event';

export interface EventSource {
  /** Path of a file, or `-` for stdin. */
  readonly file?: string | undefined;
  /** Detail-type of the contract whose example is published. */
  readonly example?: string | undefined;
  /** Detail-type of bare details. */
  readonly type?: string | undefined;
}

/** An event, and its place in the input: `line 3`, `event 3`. */
export interface PlacedEvent {
  readonly place: string;
  readonly event: EventToPublish;
}

/** JSON object; valibot's `record` accepts arrays, too. */
const Detail = v.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
);

const PutEventsEntry = v.strictObject({
  EventBusName: v.optional(v.string()),
  Source: v.string(),
  DetailType: v.string(),
  Detail: v.union([Detail, v.string()]),
});

const DeliveredEvent = v.looseObject({ source: v.string(), 'detail-type': v.string(), detail: Detail });

/**
 * @param busNames name and ARN of the stack's bus; an entry that names another bus is refused
 * @throws InputError naming the first event that violates its contract, and their number
 */
export async function eventsToPublish(
  { file, example, type }: EventSource,
  busNames: readonly string[],
  { contracts }: App,
): Promise<PlacedEvent[]> {
  if (file === undefined && example !== undefined) {
    const contract = contractOfType(contracts, '--example', example);
    return [{ place: 'the example', event: newEvent(contract, contract.example, contract.version) }];
  }
  if (file === undefined || example !== undefined) {
    throw new InputError('Name one thing to publish: a FILE, - for stdin, or --example TYPE.');
  }
  const contract = type === undefined ? undefined : contractOfType(contracts, '--type', type);
  const name = file === '-' ? 'stdin' : file;
  const values = parseValues(name, await readText(file));
  if (values.length === 0) throw new InputError(`${name} has no events.`);

  const events: PlacedEvent[] = [];
  const problems: string[] = [];
  for (const { place, value } of values) {
    try {
      events.push({
        place,
        event: contract ? newEvent(contract, value, contract.version) : readEvent(value, busNames, contracts),
      });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(`${place}: ${error.message}`);
    }
  }
  if (problems.length > 0) {
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more like it)` : '';
    throw new InputError(`${name}, ${problems[0]}${more} Nothing was published.`);
  }
  return events;
}

/** Fields of an entry of PutEvents that are not taken. */
const othersOf = (value: object): string[] =>
  Object.keys(value).filter((name) => !Object.hasOwn(PutEventsEntry.entries, name));

function readEvent(
  value: unknown,
  busNames: readonly string[],
  contracts: readonly Contract[],
): EventToPublish {
  const entry = v.safeParse(PutEventsEntry, value);
  if (entry.success) {
    const { EventBusName, Source, DetailType, Detail: detail } = entry.output;
    if (EventBusName !== undefined && !busNames.includes(EventBusName)) {
      throw new InputError(`EventBusName is ${EventBusName}, but the stack's bus is ${busNames[0]}.`);
    }
    return newEvent(
      contractOf(contracts, Source, DetailType),
      typeof detail === 'string' ? parseDetail(detail) : detail,
    );
  }
  const others = v.is(Detail, value) && 'Source' in value ? othersOf(value) : [];
  if (others.length > 0) {
    const what = 'the application publishes by its contracts, which set no such field';
    throw new InputError(`${others.join(' and ')}: ${what}. Take ${others.length > 1 ? 'them' : 'it'} out.`);
  }
  const event = v.safeParse(DeliveredEvent, value);
  if (event.success)
    return newEvent(
      contractOf(contracts, event.output.source, event.output['detail-type']),
      event.output.detail,
    );
  throw new InputError(
    'no event. Expected {"Source", "DetailType", "Detail"} or {"source", "detail-type", "detail"} and nothing else, ' +
      'or a detail whose type --type names.',
  );
}

/**
 * @param version version of a detail without metadata
 * @throws InputError if the contract does not allow it
 */
function newEvent(newest: Contract, value: unknown, version = 1): EventToPublish {
  const detail = v.safeParse(Detail, value);
  if (!detail.success) throw new InputError('the detail is no JSON object.');
  const { metadata = { version }, ...fields } = detail.output;
  const { version: given = version } = metadata as { version?: unknown };
  const contract = versionsOf(newest).find((each) => each.version === given) ?? newest;
  const { source, detailType } = contract;
  const event = { source, 'detail-type': detailType, detail: { ...fields, metadata } };
  const problem = contract.problem(sampleEvent(event, PLACE));
  if (problem) throw new InputError(problem.message);
  const { eventId, correlationId, causationId } = metadata as Record<string, string | undefined>;
  const ids = { eventId, correlationId, causationId };
  try {
    // `create` is stricter than `problem`: it refuses fields that the contract does not have.
    contract.create(fields, ids);
  } catch (error) {
    throw new InputError((error as Error).message);
  }
  return { contract, detail: fields, ids };
}

/** Account and region for the check; no contract depends on them. */
const PLACE = { account: '123456789012', region: 'us-east-1' };

function parseDetail(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new InputError(`Detail is no JSON: ${(error as SyntaxError).message}.`);
  }
}

function contractOf(contracts: readonly Contract[], source: string, detailType: string): Contract {
  const contract = contracts.find((each) => each.source === source && each.detailType === detailType);
  if (contract) return contract;
  const known = contracts.map(({ type }) => type).join(', ');
  throw new InputError(`no event of type ${source}/${detailType} is known; known are ${known}.`);
}

function contractOfType(contracts: readonly Contract[], option: string, detailType: string): Contract {
  const contract = contracts.find((candidate) => candidate.detailType === detailType);
  if (contract) return contract;
  const known = contracts.map((candidate) => candidate.detailType).join(', ');
  throw new InputError(`${option} is ${JSON.stringify(detailType)}, but must be one of ${known}.`);
}

/** @throws InputError if it cannot be read */
async function readText(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : readFileSync(resolveGiven(file), 'utf8');
  } catch (error) {
    throw new InputError(`${file} cannot be read: ${(error as Error).message}.`);
  }
}

/** @throws InputError if it is neither JSON nor JSON lines */
function parseValues(name: string, content: string): { place: string; value: unknown }[] {
  const json = content.replace(/^\ufeff/, '');
  try {
    const values: unknown = JSON.parse(json);
    return [values].flat().map((value, index) => ({ place: `event ${index + 1}`, value }));
  } catch {
    // Not one document: each line is one.
  }
  const lines = json.split('\n').map((line, index) => ({ line, place: `line ${index + 1}` }));
  return lines
    .filter(({ line }) => line.trim() !== '')
    .map(({ line, place }) => {
      try {
        return { place, value: JSON.parse(line) };
      } catch (error) {
        const reason = oneLine((error as SyntaxError).message);
        throw new InputError(`${name}, ${place} is no JSON: ${reason}. Nothing was published.`);
      }
    });
}
