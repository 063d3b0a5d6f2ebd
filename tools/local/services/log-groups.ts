/** CloudWatch Logs: what the functions wrote, by log group. */
import path from 'node:path';
import type { Resource } from '../../template/assembly';
import type { Clock } from './clock';
import { Journal } from './journal';
import { compileFilterPattern } from './log-filter-pattern';
import { ServiceError } from './service-error';

export interface LogEvent {
  /** Unique in its group, and in the order of `timestamp`, then of arrival. */
  readonly id: string;
  readonly stream: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestamp: number;
  readonly ingestionTime: number;
  readonly message: string;
}

export interface LogQuery {
  readonly streams?: readonly string[];
  readonly streamPrefix?: string;
  /** Milliseconds, inclusive. */
  readonly startTime?: number;
  /** Milliseconds, inclusive. */
  readonly endTime?: number;
  readonly pattern?: string;
  /** @default 10,000 */
  readonly limit?: number;
  /** Token of the page before, at whose end this one begins. */
  readonly nextToken?: string;
}

export interface LogPage {
  readonly events: readonly LogEvent[];
  readonly nextToken?: string;
}

export interface LogGroupSummary {
  readonly name: string;
  /** @default events are kept for ever */
  readonly retentionDays?: number;
  /** Characters of what is kept. */
  readonly storedBytes: number;
}

export interface LogStreamSummary {
  readonly name: string;
  /** Milliseconds since 1970-01-01 UTC, as all times here. */
  readonly firstEventTime: number;
  readonly lastEventTime: number;
  readonly lastIngestionTime: number;
}

export interface LogGroupsOptions {
  /** Folder in which log events outlive the process. @default in memory only */
  readonly directory?: string;
  /** Maximum size of a group's messages in bytes; the oldest are dropped first. @default 8 MiB */
  readonly maxBytes?: number;
}

type Entry = Omit<LogEvent, 'id'>;

const DAY_MS = 24 * 60 * 60 * 1000;
/** Maximum number of events in a page of FilterLogEvents. */
const PAGE_EVENTS = 10_000;
const PAGE_BYTES = 1024 * 1024;

class LogGroup {
  /** Sorted as they are shown. */
  #events: LogEvent[] = [];
  /** Index of the first event that is still kept: taking away the first of an array is slow, so it waits. */
  #first = 0;
  #bytes = 0;
  #sequence = 0;
  #deadLines = 0;
  readonly #journal: Journal<Entry> | undefined;

  constructor(
    readonly retentionMs: number,
    readonly maxBytes: number,
    file: string | undefined,
  ) {
    if (!file) return;
    this.#journal = Journal.open<Entry>(file, (entry) => {
      if (typeof entry?.message !== 'string' || typeof entry.timestamp !== 'number') {
        throw new Error('it is not a log event');
      }
      this.#insert(entry);
    });
  }

  append(entry: Entry): void {
    this.#journal?.append(entry);
    this.#insert(entry);
    this.#trim(entry.ingestionTime);
  }

  /** @returns the events from the first one that is not before `timestamp`, or after the event of that id */
  *from(timestamp: number, after: string | undefined, now: number): Generator<LogEvent> {
    this.#trim(now);
    let [low, high] = [this.#first, this.#events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const event = this.#events[middle] as LogEvent;
      if (event.timestamp < timestamp || (after !== undefined && event.id <= after)) low = middle + 1;
      else high = middle;
    }
    for (let index = low; index < this.#events.length; index++) yield this.#events[index] as LogEvent;
  }

  get storedBytes(): number {
    return this.#bytes;
  }

  close(): void {
    this.#journal?.close();
  }

  #insert(entry: Entry): void {
    // Fixed widths, so that the order of the ids as text is that of timestamps and arrival.
    const id = String(entry.timestamp).padStart(16, '0') + String(this.#sequence++).padStart(16, '0');
    let index = this.#events.length;
    while (index > this.#first && (this.#events[index - 1] as LogEvent).timestamp > entry.timestamp) index--;
    this.#events.splice(index, 0, { id, ...entry });
    this.#bytes += entry.message.length;
  }

  #trim(now: number): void {
    for (; this.#first < this.#events.length; this.#first++) {
      const { timestamp, message } = this.#events[this.#first] as LogEvent;
      if (this.#bytes <= this.maxBytes && timestamp > now - this.retentionMs) break;
      this.#bytes -= message.length;
      this.#deadLines++;
    }
    if (this.#first > 1000 && this.#first > this.#events.length / 2) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
    if (this.#journal && this.#deadLines > 1000 + this.#events.length) {
      this.#journal.rewrite(this.#events.slice(this.#first).map(({ id: _, ...entry }) => entry));
      this.#deadLines = 0;
    }
  }
}

export class LogGroups {
  readonly #groups = new Map<string, LogGroup>();
  readonly #clock: Clock;
  readonly #options: LogGroupsOptions;

  /** @param resources the template's `AWS::Logs::LogGroup` */
  constructor(resources: readonly Resource[], clock: Clock, options: LogGroupsOptions = {}) {
    this.#clock = clock;
    this.#options = options;
    for (const { name, properties } of resources) this.#add(name, properties.RetentionInDays);
  }

  get names(): readonly string[] {
    return [...this.#groups.keys()];
  }

  /**
   * A group that is not there is made, as Lambda makes that of a function which has none.
   * @param timestamp milliseconds since 1970-01-01 UTC. @default the present time
   */
  append(group: string, stream: string, timestamp: number | undefined, message: string): void {
    (this.#groups.get(group) ?? this.#add(group, undefined)).append({
      stream,
      timestamp: Math.floor(timestamp ?? this.#clock.now()),
      ingestionTime: this.#clock.now(),
      message,
    });
  }

  /** @throws ServiceError (ResourceNotFoundException, InvalidParameterException) */
  filter(name: string, query: LogQuery = {}): LogPage {
    const group = this.#find(name);
    const {
      streams,
      streamPrefix = '',
      startTime = 0,
      endTime = Number.POSITIVE_INFINITY,
      nextToken,
    } = query;
    if (nextToken !== undefined && !/^\d{32}$/.test(nextToken)) {
      throw new ServiceError('InvalidParameterException', 'The specified nextToken is invalid.');
    }
    const matches = compileFilterPattern(query.pattern ?? '');
    const limit = Math.min(query.limit ?? PAGE_EVENTS, PAGE_EVENTS);
    const events: LogEvent[] = [];
    let bytes = 0;
    for (const event of group.from(startTime, nextToken, this.#clock.now())) {
      if (event.timestamp > endTime) break;
      if (streams && !streams.includes(event.stream)) continue;
      if (!event.stream.startsWith(streamPrefix) || !matches(event.message)) continue;
      bytes += Buffer.byteLength(event.message);
      const last = events.at(-1);
      if (last && (events.length === limit || bytes > PAGE_BYTES)) return { events, nextToken: last.id };
      events.push(event);
    }
    return { events };
  }

  /** Log groups in the order of their names. */
  describe(prefix = ''): LogGroupSummary[] {
    const groups = [...this.#groups].filter(([name]) => name.startsWith(prefix));
    return groups
      .map(([name, { retentionMs, storedBytes }]) => ({
        name,
        storedBytes,
        ...(Number.isFinite(retentionMs) && { retentionDays: retentionMs / DAY_MS }),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws ServiceError (ResourceNotFoundException) */
  describeStreams(name: string): LogStreamSummary[] {
    const streams = new Map<string, LogStreamSummary>();
    for (const { stream, timestamp, ingestionTime } of this.events(name)) {
      const { firstEventTime = timestamp } = streams.get(stream) ?? {};
      streams.set(stream, {
        ...{ name: stream, firstEventTime, lastEventTime: timestamp, lastIngestionTime: ingestionTime },
      });
    }
    return [...streams.values()];
  }

  /**
   * All events of a group between two times, both inclusive, in their order.
   * @throws ServiceError (ResourceNotFoundException)
   */
  events(name: string, startTime = 0, endTime = Number.POSITIVE_INFINITY): LogEvent[] {
    const events: LogEvent[] = [];
    for (const event of this.#find(name).from(startTime, undefined, this.#clock.now())) {
      if (event.timestamp > endTime) break;
      events.push(event);
    }
    return events;
  }

  /** Lets go of the files. */
  close(): void {
    for (const group of this.#groups.values()) group.close();
  }

  #find(name: string): LogGroup {
    const group = this.#groups.get(name);
    if (group) return group;
    throw new ServiceError('ResourceNotFoundException', 'The specified log group does not exist.');
  }

  #add(name: string, retentionDays: number | undefined): LogGroup {
    const { directory, maxBytes = 8 * 1024 * 1024 } = this.#options;
    const group = new LogGroup(
      retentionDays === undefined ? Number.POSITIVE_INFINITY : retentionDays * DAY_MS,
      maxBytes,
      directory && path.join(directory, `${encodeURIComponent(name)}.jsonl`),
    );
    this.#groups.set(name, group);
    return group;
  }
}
