/**
 * `trace`: the history of one entity of the app, or of all events with a correlation id: the log lines of each
 * function, the entity's item in the table, and its messages in the queues of failed events (an event that could not
 * be delivered has no line in any log).
 */

import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import type { App, Entity } from '../app';
import { EXIT, type ExitCode, InputError, oneLine } from '../cli/errors';
import { formatCount, formatCountOf, type Terminal } from '../cli/terminal';
import { defined } from '../defined';
import { type FailedEvent, readFailedEvent } from './failed-event';
import { readFunctionLog } from './function-log';
import { QueueReader, queueDepth } from './queue-reader';
import { interruptSignal, type Session } from './session';
import type { DeployedStack } from './stack';
import { formatTime, parseTime } from './time';

export interface TraceOptions {
  /** Start of the search in the logs: a time, or an age such as `2h`. */
  readonly since: string;
}

/** One line that a function wrote. */
export interface LogLine {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly time: number;
  /** Name of the function. */
  readonly function: string;
  /** Detail-type. This field and the next are absent from a line that the handlers did not write. */
  readonly type?: string;
  readonly outcome?: string;
  /** Event id, correlation id and the entity's id, by field name. */
  readonly ids: Readonly<Record<string, string>>;
  /** Reason why the handler failed; or the whole line, if the handlers did not write it. */
  readonly text?: string;
}

/** A line that a handler wrote about an event. */
export type HandlerLine = LogLine & { readonly type: string; readonly outcome: string };

/** Outcomes of the handlers that are failures. */
export const isFailure = (outcome: string): boolean => outcome === 'failed' || outcome === 'poison';

type Item = Readonly<Record<string, unknown>>;

/** Maximum number of messages of a queue that is searched: each message has to be received. */
const MOST_QUEUED = 1_000;
/** Visibility timeout of received messages, in seconds. */
const VISIBILITY = 30;

export async function trace(
  { app, stack, terminal, now }: Session,
  { since }: TraceOptions,
  [id]: readonly (string | undefined)[],
): Promise<ExitCode> {
  if (id === undefined || !/^[\w.:/#+=-]{1,128}$/.test(id)) {
    throw new InputError(`${JSON.stringify(id)} is neither ${entityId(app)} nor a correlation id.`);
  }
  const startTime = parseTime('--since', since, now());
  terminal.progress('Searching the logs');
  const logs = new CloudWatchLogsClient(stack.clientConfig);
  const found = await Promise.all(stack.functions.map((name) => searchLog(app, logs, name, id, startTime)));
  const lines = found.flat().sort((a, b) => a.time - b.time);
  const items = app.entity ? await readItems(app.entity, stack, id, lines) : [];
  terminal.progress('Searching the queues');
  const signal = interruptSignal();
  const { failures, unsearched } = await searchQueues(app, stack, id, signal);

  const isFound = lines.length + items.length + failures.length > 0;
  const result = {
    id,
    lines: lines.map(({ ids, ...line }) => ({ ...line, ...ids, time: new Date(line.time).toISOString() })),
    items: items.map((item) => redact(item, app) as Item),
    failures: failures.map(({ consumer, cause, reason, failedAt, event }) => ({
      consumer,
      cause,
      reason,
      failedAt: formatTime(failedAt),
      event,
    })),
  };
  terminal.print(result, () =>
    isFound
      ? [
          logTable(terminal, stack, lines),
          ...result.items.map((item) => itemTable(app.entity as Entity, terminal, item)),
          ...(failures.length > 0 ? [failureTable(terminal, stack, failures)] : []),
        ].join('\n\n')
      : `Nothing is known of ${id}: no log line since ${formatTime(startTime)}, no ${app.entity?.name ?? 'item'}, no failed event.`,
  );
  if (unsearched > 0) {
    terminal.note(
      `The queues were not searched: they have ${formatCountOf(unsearched, 'message')}; see failures.`,
    );
  }
  if (signal.aborted) return EXIT.interrupted;
  return isFound ? EXIT.ok : EXIT.failed;
}

/** Name of the id with its article, e.g. `an order id`. */
function entityId({ entity }: App): string {
  const { name } = entity ?? { name: 'event' };
  return `${/^[aeiou]/i.test(name) ? 'an' : 'a'} ${name} id`;
}

async function searchLog(
  app: App,
  logs: CloudWatchLogsClient,
  functionName: string,
  id: string,
  startTime: number,
): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const event of readFunctionLog(logs, functionName, { startTime, filterPattern: `"${id}"` })) {
    const line = readLogLine(app, functionName, event.time, event.message, id);
    if (line) lines.push(line);
  }
  return lines;
}

/** Reads a line as `parseLogLine`. @returns undefined if the id occurs only as a part of another text */
export function readLogLine(
  app: App,
  functionName: string,
  time: number,
  message: string,
  id: string,
): LogLine | undefined {
  const line = parseLogLine(app, functionName, time, message);
  return line.type === undefined || Object.values(line.ids).includes(id) ? line : undefined;
}

/**
 * Reads a line of a log: a JSON object with `message` (the event's type), `outcome`, ids and, if it failed, `error` and
 * `reason`.
 */
export function parseLogLine(app: App, functionName: string, time: number, message: string): LogLine {
  const { message: type, outcome, error, reason, ...fields } = parseObject(message);
  if (typeof type !== 'string' || typeof outcome !== 'string') {
    return { time, function: functionName, ids: {}, text: app.redact(oneLine(message)) };
  }
  const names = ['eventId', 'correlationId', ...(app.entity ? [app.entity.idField] : [])];
  const ids: Record<string, string> = {};
  for (const name of names) {
    const value = fields[name];
    if (typeof value === 'string') ids[name] = value;
  }
  const text = [error, reason].filter((part) => typeof part === 'string').join(': ');
  return {
    time,
    function: functionName,
    type,
    outcome,
    ids,
    ...(text && { text: app.redact(oneLine(text)) }),
  };
}

/** Parses a JSON object; any other text gives an empty object. */
function parseObject(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/** Reads the item of the id, and those of the entities that the lines name. */
async function readItems(
  { idField, tableOutput }: Entity,
  stack: DeployedStack,
  id: string,
  lines: readonly LogLine[],
): Promise<Item[]> {
  const ids = [id, ...lines.flatMap((line) => line.ids[idField] ?? [])];
  const table = DynamoDBDocumentClient.from(new DynamoDBClient(stack.clientConfig));
  const TableName = stack.output(tableOutput);
  const answers = await Promise.all(
    [...new Set(ids)].map((id) =>
      table.send(new GetCommand({ TableName, Key: { [idField]: id }, ConsistentRead: true })),
    ),
  );
  return answers.flatMap(({ Item }) => Item ?? []);
}

async function searchQueues(
  app: App,
  stack: DeployedStack,
  id: string,
  signal: AbortSignal,
): Promise<{ failures: FailedEvent[]; unsearched: number }> {
  const sqs = new SQSClient(stack.clientConfig);
  const failures: FailedEvent[] = [];
  let unsearched = 0;
  for (const url of stack.failureQueueUrls) {
    const { visible } = await queueDepth(sqs, url);
    if (visible > MOST_QUEUED) unsearched += visible;
    if (visible === 0 || visible > MOST_QUEUED) continue;
    const reader = new QueueReader(sqs, url, VISIBILITY);
    for await (const batch of reader.batches(signal)) {
      for (const failed of batch.map((message) => readFailedEvent(message, app))) {
        if (failed.kind === 'unreadable') continue;
        const { type, ...ids } = failed.event;
        if (Object.values(ids).includes(id)) failures.push(failed);
      }
    }
    await reader.close();
  }
  return { failures, unsearched };
}

function logTable(terminal: Terminal, stack: DeployedStack, lines: readonly LogLine[]): string {
  if (lines.length === 0) return 'No function has logged anything of it.';
  const rows: string[][] = [];
  let day = '';
  for (const { time, function: name, type = '', outcome = '', text, ids } of lines) {
    const iso = new Date(time).toISOString();
    const date = iso.slice(0, 'YYYY-MM-DD'.length);
    if (date !== day) rows.push([date, '', '', '', '']);
    day = date;
    rows.push([
      iso.slice('YYYY-MM-DDT'.length, -1),
      stack.shortName(name),
      type,
      terminal.style(isFailure(outcome) ? 'red' : 'green', outcome),
      text ?? ids.eventId ?? '',
    ]);
  }
  return terminal.table(['TIME (UTC)', 'FUNCTION', 'EVENT', 'OUTCOME', 'EVENT ID OR REASON'], rows);
}

/** @param entity what the item is */
function itemTable({ name, idField }: Entity, terminal: Terminal, item: Item): string {
  const { [idField]: id, status, ...rest } = item;
  const rows = Object.entries({ ...defined({ status }), ...rest }).map(([field, value]) => [
    `  ${field}`,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return terminal.table([`${name.toUpperCase()} ${id}`, ''], rows);
}

function failureTable(terminal: Terminal, stack: DeployedStack, failures: readonly FailedEvent[]): string {
  const rows = failures.map(({ failedAt, consumer, event, cause, reason }) => [
    formatTime(failedAt),
    stack.shortName(consumer),
    event.type ?? '',
    terminal.style('red', cause),
    reason,
  ]);
  const title = `${formatCount(failures.length)} of it in the queues of failed events:`;
  return `${title}\n${terminal.table(['FAILED', 'FUNCTION', 'EVENT', 'CAUSE', 'REASON'], rows)}`;
}

/** Removes personal data from a value: output of the tool is pasted into tickets and chats. */
function redact(value: unknown, app: App): unknown {
  if (typeof value === 'string') return app.redact(value);
  if (Array.isArray(value)) return value.map((each) => redact(each, app));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [app.redact(key), redact(child, app)]),
  );
}
