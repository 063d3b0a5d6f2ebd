/**
 * An archive of a bus: the events that its pattern takes, kept for replay.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html
 */
import fs from 'node:fs';
import path from 'node:path';
import type { EventOnBus } from '../../eventbridge/event';
import { compile } from '../../eventbridge/event-pattern';
import type { Resource } from '../../template/assembly';
import { JournalError } from './journal';
import { requireKnownProperties } from './known-properties';
import type { World } from './world';

/** A line of the archive's file. */
interface Entry {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly archivedAt: number;
  /** JSON text, with the detail as it was put. */
  readonly event: string;
}

interface ArchivedEvent {
  readonly archivedAt: number;
  readonly archived: EventOnBus;
}

const toLine = (entry: Entry): Buffer => Buffer.from(`${JSON.stringify(entry)}\n`);

const DAY_MS = 24 * 60 * 60 * 1000;
const MINUTE_MS = 60_000;
const NEWLINE = 10;
const CHUNK_BYTES = 64 * 1024;

/** The events lie in a file, a line each, so that the archive of a long run takes no memory. */
export class Archive {
  readonly name: string;
  readonly arn: string;
  readonly eventSourceArn: string;
  readonly description?: string;
  /** JSON text. */
  readonly eventPattern?: string;
  /** 0: kept for ever. */
  readonly retentionDays: number;
  /** Seconds since 1970-01-01 UTC. */
  readonly creationTime: number;
  /** Rule of the archive on the bus. It takes what the pattern takes, but never what a replay sends. */
  readonly managedRule: { readonly name: string; readonly eventPattern: string };
  readonly #world: World;
  #file: number | undefined;
  #eventCount = 0;
  #sizeBytes = 0;

  private constructor(
    resource: Resource,
    world: World,
    readonly file: string,
  ) {
    requireKnownProperties(resource, resource.properties, [
      ...['ArchiveName', 'Description', 'EventPattern', 'RetentionDays', 'SourceArn'],
      'KmsKeyIdentifier', // Encryption at rest changes nothing of what is archived.
    ]);
    const { SourceArn, Description, EventPattern, RetentionDays = 0 } = resource.properties;
    this.name = resource.name;
    this.arn = resource.arn;
    this.eventSourceArn = SourceArn;
    this.description = Description;
    this.eventPattern = EventPattern && JSON.stringify(EventPattern);
    this.retentionDays = Number(RetentionDays);
    this.creationTime = world.now() / 1000;
    if (EventPattern) compile(EventPattern); // Refused here, it is told of the archive and not of its rule.
    this.managedRule = {
      name: `Events-Archive-${this.name}`,
      eventPattern: JSON.stringify({ ...EventPattern, 'replay-name': [{ exists: false }] }),
    };
    this.#world = world;
  }

  /**
   * Opens the archive in `file`, which may hold events of an earlier run: those that the retention has outlived
   * are dropped, and so is a last line that was not written whole.
   * @throws AssemblyError, InvalidEventPatternError, JournalError
   */
  static async open(resource: Resource, world: World, file: string): Promise<Archive> {
    const archive = new Archive(resource, world, file);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    if (fs.existsSync(file)) await archive.#compact();
    archive.#file = fs.openSync(file, 'a');
    return archive;
  }

  /** Number of kept events; those that expire during a run are counted until it ends. */
  get eventCount(): number {
    return this.#eventCount;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The event is with the operating system when this returns. */
  add({ text: event }: EventOnBus): void {
    const line = toLine({ archivedAt: this.#world.now(), event });
    if (this.#file === undefined) throw new Error(`The archive ${this.name} is closed.`);
    fs.writeSync(this.#file, line);
    this.#eventCount++;
    this.#sizeBytes += line.length;
  }

  /**
   * The events whose time lies in the window (milliseconds, both ends included), minute after minute; those of
   * one minute in the order of their arrival.
   */
  async *replay(
    from: number,
    to: number,
  ): AsyncGenerator<{ readonly minute: number; readonly events: EventOnBus[] }> {
    const places = new Map<number, { offset: number; length: number }[]>();
    for await (const { archivedAt, archived, offset, length } of this.#read()) {
      const time = Date.parse(archived.event.time);
      if (time < from || time > to || this.#isExpired(archivedAt)) continue;
      const minute = Math.floor(time / MINUTE_MS) * MINUTE_MS;
      const place = { offset, length };
      const others = places.get(minute);
      if (others) others.push(place);
      else places.set(minute, [place]);
    }
    const file = fs.openSync(this.file, 'r');
    try {
      for (const minute of [...places.keys()].sort((a, b) => a - b)) {
        const events = (places.get(minute) ?? []).map(({ offset, length }) => {
          const line = Buffer.alloc(length);
          fs.readSync(file, line, 0, length, offset);
          return this.#parse(line.toString('utf8'), offset).archived;
        });
        yield { minute, events };
      }
    } finally {
      fs.closeSync(file);
    }
  }

  close(): void {
    if (this.#file !== undefined) fs.closeSync(this.#file);
    this.#file = undefined;
  }

  #isExpired(archivedAt: number): boolean {
    return this.retentionDays > 0 && archivedAt < this.#world.now() - this.retentionDays * DAY_MS;
  }

  async #compact(): Promise<void> {
    const next = `${this.file}.next`;
    const kept = fs.openSync(next, 'w');
    try {
      for await (const { archivedAt, archived } of this.#read()) {
        if (this.#isExpired(archivedAt)) continue;
        const line = toLine({ archivedAt, event: archived.text });
        fs.writeSync(kept, line);
        this.#eventCount++;
        this.#sizeBytes += line.length;
      }
    } finally {
      fs.closeSync(kept);
    }
    fs.renameSync(next, this.file);
  }

  /** Whole lines only: the process may have ended within its last write. */
  async *#read(): AsyncGenerator<ArchivedEvent & { offset: number; length: number }> {
    let offset = 0;
    let rest = Buffer.alloc(0);
    for await (const chunk of this.#chunks()) {
      const bytes = Buffer.concat([rest, chunk]);
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
        const length = end - start;
        yield { ...this.#parse(bytes.toString('utf8', start, end), offset), offset, length };
        offset += length + 1;
        start = end + 1;
      }
      rest = bytes.subarray(start);
    }
  }

  /** The file's bytes. Read at once and not by a stream, whose thread would decide what comes first. */
  async *#chunks(): AsyncGenerator<Buffer> {
    const file = fs.openSync(this.file, 'r');
    try {
      for (;;) {
        const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
        const length = fs.readSync(file, chunk);
        if (length === 0) return;
        yield chunk.subarray(0, length);
        await this.#world.turn();
      }
    } finally {
      fs.closeSync(file);
    }
  }

  #parse(line: string, offset: number): ArchivedEvent {
    try {
      const { archivedAt, event: text }: Entry = JSON.parse(line);
      return { archivedAt, archived: { event: JSON.parse(text), text } };
    } catch (error) {
      throw new JournalError(
        `${this.file}, at byte ${offset}: ${(error as Error).message}. Mend the line, or move the file away.`,
      );
    }
  }
}
