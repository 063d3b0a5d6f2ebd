/**
 * A delivery stream of Firehose to S3: records are collected and written as one object when there are enough of
 * them or the first of them has waited long enough. https://docs.aws.amazon.com/firehose/latest/dev/basic-deliver.html
 */
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { AssemblyError, type Resource } from '../../template/assembly';
import type { StepListener } from '../steps';
import { Journal } from './journal';
import { requireKnownProperties } from './known-properties';
import type { World } from './world';

export interface DeliveredObject {
  readonly bucket: string;
  readonly key: string;
  readonly records: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly writtenAt: number;
  /** Content as written, that is compressed if the stream compresses. */
  readonly body: Buffer;
}

/** An object as S3 has it. */
export interface StoredObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly writtenAt: number;
  read(): Buffer;
}

export interface DeliveryStreamOptions {
  /** Objects become files `<directory>/<bucket>/<key>`. @default kept in memory, the latest 32 MiB of them */
  readonly directory?: string;
  /** File in which records that are not yet written outlive the process. @default in memory only */
  readonly file?: string;
  /** Compresses an object, if the stream does. @default gzip */
  readonly compress?: (content: Buffer) => Buffer | Promise<Buffer>;
  readonly onStep?: StepListener;
}

const MEMORY_BYTES = 32 * 1024 * 1024;
const gzip = promisify(zlib.gzip);

export class DeliveryStream {
  readonly name: string;
  readonly arn: string;
  readonly bucket: string;
  readonly createdAt: number;
  /** The template's `ExtendedS3DestinationConfiguration`. */
  readonly destination: Resource['properties'];
  readonly #world: World;
  readonly #options: DeliveryStreamOptions;
  /** Records that are not yet written, as base64. */
  readonly #journal: Journal<string> | undefined;
  /** Text that is appended to each record. */
  readonly #delimiter: Buffer;
  readonly #bufferBytes: number;
  readonly #bufferMs: number;
  #buffer: Buffer[] = [];
  #bytes = 0;
  #oldest = 0;
  #timer: { cancel(): void } | undefined;
  #objects: DeliveredObject[] = [];
  #writing: Promise<unknown> = Promise.resolve();

  /** @throws AssemblyError for a property that would change what is delivered and is not known here */
  constructor(
    readonly resource: Resource,
    world: World,
    options: DeliveryStreamOptions = {},
  ) {
    requireKnownProperties(resource, resource.properties, [
      ...['DeliveryStreamName', 'DeliveryStreamType', 'DeliveryStreamEncryptionConfigurationInput', 'Tags'],
      'ExtendedS3DestinationConfiguration',
    ]);
    const { DeliveryStreamType: type = 'DirectPut', ExtendedS3DestinationConfiguration: destination } =
      resource.properties;
    if (type !== 'DirectPut' || !destination) {
      throw new AssemblyError(
        `${resource.type} ${resource.logicalId}: the local run knows streams of type DirectPut with an ExtendedS3DestinationConfiguration only.`,
      );
    }
    requireKnownProperties(
      resource,
      destination,
      [
        ...['BucketARN', 'RoleARN', 'Prefix', 'ErrorOutputPrefix', 'BufferingHints', 'CompressionFormat'],
        ...[
          'CloudWatchLoggingOptions',
          'EncryptionConfiguration',
          'FileExtension',
          'ProcessingConfiguration',
        ],
      ],
      'ExtendedS3DestinationConfiguration',
    );
    this.#delimiter = delimiterOf(resource);
    const { CompressionFormat: compression = 'UNCOMPRESSED', BufferingHints: hints = {} } = destination;
    if (compression !== 'UNCOMPRESSED' && compression !== 'GZIP') {
      throw new AssemblyError(
        `${resource.type} ${resource.logicalId}: the local run does not know CompressionFormat ${compression}. Known are UNCOMPRESSED and GZIP.`,
      );
    }
    this.name = resource.name;
    this.arn = resource.arn;
    this.bucket = String(destination.BucketARN).replace(/^arn:[^:]*:s3:::/, '');
    this.createdAt = world.now();
    this.destination = destination;
    this.#world = world;
    this.#options = options;
    this.#bufferBytes = 1024 * 1024 * Number(hints.SizeInMBs ?? 5);
    this.#bufferMs = 1000 * Number(hints.IntervalInSeconds ?? 300);
    if (options.file) {
      this.#journal = Journal.open<string>(options.file, (record) => {
        const content = Buffer.from(record, 'base64');
        this.#buffer.push(content);
        this.#bytes += content.length;
      });
      if (this.#buffer.length > 0) this.#startBuffering();
    }
    evaluatePrefix(resource, this.createdAt, world); // An expression that is not known stops the start, not a delivery.
  }

  /** @returns an id for each record */
  put(records: readonly Buffer[]): string[] {
    const bytes = records.reduce((sum, record) => sum + record.length, 0);
    if (this.#buffer.length === 0 && records.length > 0) this.#startBuffering();
    for (const record of records) this.#journal?.append(record.toString('base64'));
    this.#buffer.push(...records);
    this.#bytes += bytes;
    this.#options.onStep?.({ kind: 'records-put', stream: this.name, count: records.length, bytes });
    if (this.#bytes >= this.#bufferBytes) void this.flush();
    return records.map(() => this.#world.randomBytes(48).toString('base64url'));
  }

  /**
   * Writes what has been put so far, without waiting for more. Rejects if a file cannot be written; nobody waits
   * for a flush that the buffer's size or age brought about, so there it ends the process.
   */
  flush(): Promise<void> {
    this.#timer?.cancel();
    const [records, oldest] = [this.#buffer, this.#oldest];
    this.#buffer = [];
    this.#bytes = 0;
    const written = this.#writing.then(async () => {
      await this.#write(records, oldest);
      if (records.length > 0) this.#journal?.rewrite(this.#buffer.map((each) => each.toString('base64')));
    });
    this.#writing = written;
    return written;
  }

  /** Writes what has been put so far, and lets go of the file. */
  async stop(): Promise<void> {
    await this.flush();
    this.#journal?.close();
  }

  #startBuffering(): void {
    this.#oldest = this.#world.now();
    this.#timer = this.#world.after(this.#bufferMs, () => this.flush());
  }

  /** Delivered objects in memory, oldest first. Empty if objects go to a directory. */
  get objects(): readonly DeliveredObject[] {
    return this.#objects;
  }

  /** Delivered objects that still exist, in memory or in the directory. */
  stored(): StoredObject[] {
    const { directory } = this.#options;
    if (!directory) {
      return this.#objects.map(({ key, writtenAt, body }) => ({
        ...{ key, writtenAt, size: body.length },
        read: () => body,
      }));
    }
    const root = path.join(directory, this.bucket);
    if (!fs.existsSync(root)) return [];
    return fs
      .readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((file) => path.basename(file).startsWith(`${this.name}-1-`))
      .map((file) => {
        const { size, mtimeMs } = fs.statSync(path.join(root, file));
        const key = file.split(path.sep).join('/');
        return { key, size, writtenAt: mtimeMs, read: () => fs.readFileSync(path.join(root, file)) };
      });
  }

  /** Age of the oldest record that is not written yet, 0 without one. */
  get oldestAgeSeconds(): number {
    return this.#buffer.length === 0 ? 0 : (this.#world.now() - this.#oldest) / 1000;
  }

  async #write(records: readonly Buffer[], oldest: number): Promise<void> {
    if (records.length === 0) return;
    const { compress = gzip } = this.#options;
    const isCompressed = this.destination.CompressionFormat === 'GZIP';
    const content = Buffer.concat(records.flatMap((record) => [record, this.#delimiter]));
    const body = isCompressed ? await compress(content) : content;
    const extension = this.destination.FileExtension || (isCompressed ? '.gz' : '');
    const time = new Date(oldest).toISOString().slice(0, 19).replaceAll(/[T:]/g, '-');
    const key = `${evaluatePrefix(this.resource, oldest, this.#world)}${this.name}-1-${time}-${this.#world.uuid()}${extension}`;
    const writtenAt = this.#world.now();
    if (this.#options.directory) {
      const file = path.join(this.#options.directory, this.bucket, key);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, body);
    } else {
      this.#objects.push({ bucket: this.bucket, key, records: records.length, writtenAt, body });
      let kept = this.#objects.reduce((sum, object) => sum + object.body.length, 0);
      while (kept > MEMORY_BYTES) kept -= this.#objects.shift()?.body.length ?? 0;
    }
    this.#options.onStep?.({
      kind: 'object-written',
      bucket: this.bucket,
      key,
      records: records.length,
      bytes: body.length,
    });
  }
}

/**
 * Text that Firehose appends to each record: the only processor that needs no function.
 * @throws AssemblyError for another processor
 */
function delimiterOf({ type, logicalId, properties }: Resource): Buffer {
  const { Enabled, Processors = [] } =
    properties.ExtendedS3DestinationConfiguration.ProcessingConfiguration ?? {};
  if (String(Enabled) !== 'true' || Processors.length === 0) return Buffer.alloc(0);
  const [{ Type, Parameters = [] }] = Processors;
  const named = Parameters.find(
    ({ ParameterName }: { ParameterName: string }) => ParameterName === 'Delimiter',
  );
  if (Processors.length > 1 || Type !== 'AppendDelimiterToRecord' || !named) {
    throw new AssemblyError(
      `${type} ${logicalId}: the local run knows no processor but AppendDelimiterToRecord with a Delimiter.`,
    );
  }
  return Buffer.from(String(named.ParameterValue).replaceAll('\\n', '\n'));
}

/**
 * The start of an object's key at a time. Expressions are `!{timestamp:...}` with the letters below, quoted text
 * and signs, and `!{firehose:random-string}`; a prefix without any gets the hour behind it.
 * https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
 */
function evaluatePrefix(resource: Resource, time: number, world: World): string {
  const { Prefix: prefix = '' } = resource.properties.ExtendedS3DestinationConfiguration;
  const expressions = prefix.includes('!{') ? prefix : `${prefix}!{timestamp:yyyy/MM/dd/HH/}`;
  return expressions.replaceAll(
    /!\{([^:}]*):?([^}]*)\}?/g,
    (expression: string, namespace: string, value: string) => {
      if (namespace === 'timestamp') {
        const formatted = formatTime(value, new Date(time).toISOString());
        if (formatted !== undefined) return formatted;
      }
      if (namespace === 'firehose' && value === 'random-string')
        return world.randomBytes(8).toString('base64url');
      throw new AssemblyError(
        `${resource.type} ${resource.logicalId}: the local run does not know ${expression} in ExtendedS3DestinationConfiguration.Prefix.`,
      );
    },
  );
}

function formatTime(format: string, iso: string): string | undefined {
  const fields: Record<string, string> = {
    yyyy: iso.slice(0, 4),
    MM: iso.slice(5, 7),
    dd: iso.slice(8, 10),
    HH: iso.slice(11, 13),
    mm: iso.slice(14, 16),
    ss: iso.slice(17, 19),
  };
  let text = '';
  for (const [part, quoted, letters] of format.matchAll(/'([^']+)'|(([A-Za-z])\3*)|[^A-Za-z]/g)) {
    const value = quoted ?? (letters ? fields[letters] : part);
    if (value === undefined || value === "'") return undefined;
    text += value;
  }
  return text;
}
