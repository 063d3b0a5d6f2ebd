/**
 * Streams of tables: a record of each change, in the order of the changes, with the images that the stream has.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
 */
import type { Resource } from '../../template/assembly';
import type { World } from './world';

type AttributeMap = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** A write that a table has done. */
export interface TableChange {
  readonly table: string;
  readonly key: AttributeMap;
  readonly before: AttributeMap | undefined;
  readonly after: AttributeMap | undefined;
  /** True if the item's time to live was over. */
  readonly isExpired: boolean;
}

export interface StreamRecord {
  readonly eventID: string;
  readonly eventName: 'INSERT' | 'MODIFY' | 'REMOVE';
  readonly eventVersion: '1.1';
  readonly eventSource: 'aws:dynamodb';
  readonly awsRegion: string;
  readonly dynamodb: {
    /** Seconds since 1970-01-01 UTC. */
    readonly ApproximateCreationDateTime: number;
    readonly Keys: AttributeMap;
    readonly NewImage?: AttributeMap;
    readonly OldImage?: AttributeMap;
    readonly SequenceNumber: string;
    readonly SizeBytes: number;
    readonly StreamViewType: string;
  };
  /** Present if DynamoDB itself deleted the item. */
  readonly userIdentity?: { readonly type: 'Service'; readonly principalId: 'dynamodb.amazonaws.com' };
  readonly eventSourceARN: string;
}

type Reader = (record: StreamRecord) => void;

/** Checks whether a table has a stream. */
export const hasStream = ({ properties }: Resource): boolean =>
  properties.StreamSpecification?.StreamViewType !== undefined;

export class TableStreams {
  readonly #world: World;
  readonly #region: string;
  readonly #tables: ReadonlyMap<string, Resource>;
  readonly #readers = new Map<string, Reader[]>();
  #records = 0;

  /** @param tables those of the template; only their streams are made */
  constructor(tables: readonly Resource[], world: World, region: string) {
    this.#world = world;
    this.#region = region;
    this.#tables = new Map(tables.filter(hasStream).map((table) => [table.name, table]));
  }

  /** Checks whether anybody reads the table's stream. */
  isRead(table: string): boolean {
    return this.#readers.has(table);
  }

  /** @param table one with a stream, by its physical name */
  read(table: string, reader: Reader): void {
    this.#readers.set(table, [...(this.#readers.get(table) ?? []), reader]);
  }

  /** Hands a change to the readers. A write that changes nothing leaves no record. */
  readonly take = (change: TableChange): void => {
    const { table, before, after } = change;
    const resource = this.#tables.get(table);
    const readers = this.#readers.get(table);
    if (!resource || !readers || sorted(before) === sorted(after)) return;
    const record = this.#record(resource, change);
    for (const reader of readers) reader(record);
  };

  #record(resource: Resource, { key, before, after, isExpired }: TableChange): StreamRecord {
    const view: string = resource.properties.StreamSpecification.StreamViewType;
    const images = {
      ...(after && /NEW/.test(view) && { NewImage: after }),
      ...(before && /OLD/.test(view) && { OldImage: before }),
    };
    const number = ++this.#records;
    return {
      eventID: this.#world.uuid().replaceAll('-', ''),
      eventName: before ? (after ? 'MODIFY' : 'REMOVE') : 'INSERT',
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: this.#region,
      dynamodb: {
        ApproximateCreationDateTime: Math.floor(this.#world.now() / 1000),
        Keys: key,
        ...images,
        SequenceNumber: `${this.#world.now()}${String(number).padStart(12, '0')}`,
        SizeBytes: Buffer.byteLength(JSON.stringify({ key, images })),
        StreamViewType: view,
      },
      ...(isExpired && { userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' } }),
      eventSourceARN: streamArn(resource),
    };
  }
}

/** ARN of the local stream; AWS puts the time in it at which the stream was made. */
const streamArn = ({ arn }: Resource): string => `${arn}/stream/local`;

/** JSON text that does not depend on the order of keys. */
const sorted = (item: AttributeMap | undefined): string =>
  JSON.stringify(item, (_, value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  ) ?? '';
