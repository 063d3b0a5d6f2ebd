/** The template's DynamoDB tables: what is answered here, and what their store answers. */
import { AssemblyError, type Resource } from '../../template/assembly';
import type { StepListener } from '../steps';
import type { Clock } from './clock';
import { DeletionProtection } from './deletion-protection';
import { requireKnownProperties } from './known-properties';
import { ServiceError } from './service-error';
import { TableChanges } from './table-changes';
import type { TableStore, TableStoreOptions } from './table-store';
import type { TableStreams } from './table-streams';
import { TableThread } from './table-thread';

export interface TablesOptions extends TableStoreOptions {
  /** Holds the items. @default dynalite in a thread of its own */
  readonly openStore?: (options: TableStoreOptions) => TableStore;
  readonly onStep?: StepListener;
  /** Streams of changes. @default nobody gets them */
  readonly streams?: TableStreams;
  /** Called when a request was answered, for the metrics. */
  readonly onRequest?: (request: TableRequest) => void;
}

/** An answered request of the DynamoDB API. */
export interface TableRequest {
  readonly operation: string;
  readonly tables: readonly string[];
  /** Name of the index that was read. */
  readonly index?: string;
  /** Milliseconds, by the stack's clock. */
  readonly durationMs: number;
  /** Capacity units by table. */
  readonly consumed: Readonly<Record<string, number>>;
  /** Present if it failed. */
  readonly error?: { readonly code: string; readonly status: number };
}

/** A request or a response of the DynamoDB API; values are in DynamoDB's JSON, e.g. `{"S": "text"}`. */
// biome-ignore lint/suspicious/noExplicitAny: what dynalite validates is not validated a second time here
type Message = Record<string, any>;
type AttributeMap = Record<string, Record<string, unknown>>;

/** Interval at which expired items are looked for. AWS promises no more than "within a few days". */
const EXPIRY_MS = 60 * 60 * 1000;
/** Items that expired earlier are taken for a mistake and stay. */
const EXPIRY_HORIZON_SECONDS = 5 * 365 * 24 * 60 * 60;

/** All of DynamoDB that dynalite has, and what is answered here. */
export const TABLE_OPERATIONS = [
  ...['BatchGetItem', 'BatchWriteItem', 'CreateTable', 'DeleteItem', 'DeleteTable', 'DescribeTable'],
  ...['DescribeTimeToLive', 'GetItem', 'ListTables', 'ListTagsOfResource', 'PutItem', 'Query', 'Scan'],
  ...['TagResource', 'UntagResource', 'UpdateItem', 'UpdateTable'],
] as const;

export class Tables {
  readonly #store: TableStore;
  readonly #clock: Clock;
  readonly #options: TablesOptions;
  /** Tables by physical name. */
  readonly #resources: ReadonlyMap<string, Resource>;
  readonly #protection: DeletionProtection;
  readonly #keys = new Map<string, readonly string[]>();
  readonly #changes: TableChanges | undefined;
  #expiry: { cancel(): void } | undefined;

  private constructor(resources: readonly Resource[], clock: Clock, options: TablesOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#resources = new Map(resources.map((resource) => [resource.name, resource]));
    this.#protection = new DeletionProtection(this.#resources);
    const { openStore = (each) => new TableThread(each) } = options;
    this.#store = openStore(options);
    const item = async (table: string, key: AttributeMap) => (await this.#item(table, key)).Item;
    this.#changes = options.streams && new TableChanges(options.streams, item);
  }

  /**
   * Starts the tables; those that a directory already holds keep their items.
   * @param resources the template's `AWS::DynamoDB::Table` and `AWS::DynamoDB::GlobalTable`
   * @throws AssemblyError for a property that is not known here, or if the directory's table has other keys
   */
  static async start(resources: readonly Resource[], clock: Clock, options: TablesOptions): Promise<Tables> {
    const requests = resources.map(createRequest);
    const tables = new Tables(resources, clock, options);
    try {
      if (options.directory) await tables.#open(options.directory);
      for (const request of requests) await tables.#create(request);
    } catch (error) {
      await tables.stop();
      throw error;
    }
    tables.#scheduleExpiry();
    return tables;
  }

  get names(): readonly string[] {
    return [...this.#resources.keys()];
  }

  /**
   * Does one operation of the DynamoDB API.
   * @throws ServiceError with DynamoDB's own code and message
   */
  async request(operation: (typeof TABLE_OPERATIONS)[number], given: Message): Promise<Message> {
    const input = byName(this.#resources, given);
    const { onRequest } = this.#options;
    if (!onRequest || !USES_CAPACITY.test(operation)) return this.#answer(operation, input);
    const started = this.#clock.now();
    const told = (more: Pick<TableRequest, 'consumed' | 'error'>) =>
      onRequest({
        operation,
        tables: input.RequestItems ? Object.keys(input.RequestItems) : [String(input.TableName)],
        ...(typeof input.IndexName === 'string' && { index: input.IndexName }),
        durationMs: this.#clock.now() - started,
        ...more,
      });
    try {
      const wanted = input.ReturnConsumedCapacity;
      const answer = await this.#answer(operation, { ...input, ReturnConsumedCapacity: wanted ?? 'TOTAL' });
      const { ConsumedCapacity: consumed, ...rest } = answer;
      const each: Message[] = [consumed ?? []].flat();
      told({
        consumed: Object.fromEntries(each.map(({ TableName, CapacityUnits }) => [TableName, CapacityUnits])),
      });
      return wanted === undefined || wanted === 'NONE' ? rest : answer;
    } catch (error) {
      if (error instanceof ServiceError)
        told({ consumed: {}, error: { code: error.code, status: error.status } });
      throw error;
    }
  }

  async #answer(operation: (typeof TABLE_OPERATIONS)[number], input: Message): Promise<Message> {
    switch (operation) {
      case 'DescribeTimeToLive':
        await this.#send('DescribeTable', { TableName: input.TableName });
        return { TimeToLiveDescription: this.#timeToLive(input.TableName) };
      case 'DeleteTable':
        if (this.#protection.isOn(input.TableName)) {
          throw new ServiceError(
            'ValidationException',
            'Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.',
          );
        }
        return this.#send(operation, input);
      case 'DescribeTable':
        return this.#protection.shown((await this.#send(operation, input)).Table);
      case 'UpdateTable':
        return this.#updateTable(input);
      case 'PutItem':
      case 'UpdateItem':
      case 'DeleteItem':
      case 'BatchWriteItem':
        return this.#recorded(operation, input, () =>
          this.#options.onStep
            ? this.#write(operation, input, this.#options.onStep)
            : this.#send(operation, input),
        );
      default:
        return this.#send(operation, input);
    }
  }

  /** Ends the tables once every request that was made is answered. */
  async stop(): Promise<void> {
    this.#expiry?.cancel();
    await this.#store.stop();
  }

  async #send(operation: string, input: Message): Promise<Message> {
    const { status, body } = await this.#store.request(operation, JSON.stringify(input));
    const output: Message = JSON.parse(body);
    if (status === 200) return output;
    const code = String(output.__type).split('#')[1] ?? 'InternalServerError';
    throw new ServiceError(
      code,
      output.message ?? output.Message ?? '',
      status,
      // dynalite leaves out the item that the condition failed on.
      code === 'ConditionalCheckFailedException' && input.ReturnValuesOnConditionCheckFailure === 'ALL_OLD'
        ? await this.#item(input.TableName, await this.#keyOf(input))
        : {},
    );
  }

  /** Does a write, and records in their streams what it changes. */
  async #recorded(operation: string, input: Message, write: () => Promise<Message>, isExpired = false) {
    const read = writesOf(operation, input).filter(({ TableName }) => this.#changes?.isRead(TableName));
    if (!this.#changes || read.length === 0) return write();
    const keysOf = () =>
      Promise.all(read.map(async (each) => ({ table: each.TableName, key: await this.#keyOf(each) })));
    return this.#changes.during(keysOf, write, isExpired);
  }

  /** Does a write and reports each item as it is afterwards. */
  async #write(operation: string, input: Message, onStep: StepListener): Promise<Message> {
    if (operation === 'BatchWriteItem') {
      const output = await this.#send(operation, input);
      for (const [table, requests] of Object.entries<Message[]>(input.RequestItems)) {
        for (const { PutRequest, DeleteRequest } of requests) {
          const key = DeleteRequest?.Key ?? (await this.#pickKey(table, PutRequest.Item));
          this.#report(onStep, table, key, PutRequest?.Item);
        }
      }
      return output;
    }
    const table: string = input.TableName;
    const silent = (input.ReturnValues ?? 'NONE') === 'NONE';
    const wanted = { UpdateItem: 'ALL_NEW', DeleteItem: 'ALL_OLD' }[operation];
    const output = await this.#send(operation, silent && wanted ? { ...input, ReturnValues: wanted } : input);
    const { Attributes: attributes, ...rest } = output;
    const key = await this.#keyOf(input);
    if (operation === 'DeleteItem') {
      if (attributes) this.#report(onStep, table, key, undefined);
    } else if (operation === 'PutItem') {
      this.#report(onStep, table, key, input.Item);
    } else {
      const isNew = silent || input.ReturnValues === 'ALL_NEW';
      this.#report(onStep, table, key, isNew ? attributes : (await this.#item(table, key)).Item);
    }
    return silent ? rest : output;
  }

  #report(onStep: StepListener, table: string, key: AttributeMap, item: AttributeMap | undefined): void {
    if (item) onStep({ kind: 'item-written', table, key: plain(key), item: plain(item) });
    else onStep({ kind: 'item-deleted', table, key: plain(key), expired: false });
  }

  #item(table: string, key: AttributeMap): Promise<Message> {
    return this.#send('GetItem', { TableName: table, Key: key, ConsistentRead: true });
  }

  async #keyOf({ TableName, Key, Item }: Message): Promise<AttributeMap> {
    return Key ?? this.#pickKey(TableName, Item);
  }

  async #pickKey(table: string, item: AttributeMap | undefined): Promise<AttributeMap> {
    let names = this.#keys.get(table);
    if (!names) {
      const { Table } = await this.#send('DescribeTable', { TableName: table });
      names = Table.KeySchema.map(({ AttributeName }: Message) => AttributeName) as string[];
      this.#keys.set(table, names);
    }
    return Object.fromEntries(names.map((name) => [name, item?.[name] ?? {}]));
  }

  /** dynalite opens a directory with its first request, whatever that is. */
  async #open(directory: string): Promise<void> {
    try {
      await this.#send('DescribeTable', { TableName: 'none' });
    } catch (error) {
      if (error instanceof ServiceError) return; // There is no such table: the directory is open.
      const { message } = error as Error;
      throw new AssemblyError(`${directory} cannot be opened (${message}). Is another run using it?`);
    }
  }

  async #create(request: Message): Promise<void> {
    const describe = () => this.#send('DescribeTable', { TableName: request.TableName });
    try {
      await this.#send('CreateTable', request);
    } catch (error) {
      if (!(error instanceof ServiceError && error.code === 'ResourceInUseException')) throw error;
      const { Table: kept } = await describe();
      if (schema(kept) !== schema(request)) {
        throw new AssemblyError(
          `${this.#options.directory} holds the table ${request.TableName} with other keys or indexes than the template's. Move the folder away.`,
        );
      }
    }
    // dynalite takes a turn of its event loop to make a table ACTIVE.
    for (let turns = 0; (await describe()).Table.TableStatus !== 'ACTIVE'; turns++) {
      if (turns > 1000) {
        throw new AssemblyError(
          `${this.#options.directory}: the table ${request.TableName} was made halfway. Move the folder away.`,
        );
      }
    }
  }

  #timeToLive(table: string): { TimeToLiveStatus: string; AttributeName?: string } {
    const { Enabled, AttributeName } = this.#resources.get(table)?.properties.TimeToLiveSpecification ?? {};
    return String(Enabled) === 'true'
      ? { TimeToLiveStatus: 'ENABLED', AttributeName }
      : { TimeToLiveStatus: 'DISABLED' };
  }

  /** Deletion protection is here, the rest is the store's. */
  async #updateTable({ DeletionProtectionEnabled, ...input }: Message): Promise<Message> {
    if (typeof DeletionProtectionEnabled !== 'boolean') return this.#send('UpdateTable', input);
    const { Table } = await this.#send('DescribeTable', { TableName: input.TableName });
    const others = Object.keys(input).filter((name) => name !== 'TableName');
    const { TableDescription = Table } = others.length > 0 ? await this.#send('UpdateTable', input) : {};
    this.#protection.change(Table.TableName, DeletionProtectionEnabled);
    return { TableDescription: { ...TableDescription, DeletionProtectionEnabled } };
  }

  #scheduleExpiry(): void {
    if (!this.names.some((table) => this.#timeToLive(table).AttributeName)) return;
    this.#expiry = this.#clock.after(EXPIRY_MS, async () => {
      this.#scheduleExpiry();
      const { TableNames } = await this.#send('ListTables', {});
      for (const table of this.names) if (TableNames.includes(table)) await this.#expire(table);
    });
  }

  async #expire(table: string): Promise<void> {
    const { AttributeName } = this.#timeToLive(table);
    if (!AttributeName) return;
    const now = Math.floor(this.#clock.now() / 1000);
    const expired = {
      TableName: table,
      ExpressionAttributeNames: { '#expiry': AttributeName },
      ExpressionAttributeValues: {
        ':from': { N: String(now - EXPIRY_HORIZON_SECONDS) },
        ':to': { N: String(now) },
      },
    };
    let from: Message = {};
    do {
      const page = await this.#send('Scan', {
        ...expired,
        ...from,
        FilterExpression: '#expiry BETWEEN :from AND :to',
      });
      for (const item of page.Items) await this.#delete(table, await this.#pickKey(table, item), expired);
      from = page.LastEvaluatedKey && { ExclusiveStartKey: page.LastEvaluatedKey };
    } while (from);
  }

  async #delete(table: string, key: AttributeMap, expired: Message): Promise<void> {
    const input = { ...expired, Key: key, ConditionExpression: '#expiry BETWEEN :from AND :to' };
    try {
      await this.#recorded('DeleteItem', input, () => this.#send('DeleteItem', input), true);
    } catch (error) {
      // It was written again since it was read.
      if (error instanceof ServiceError && error.code === 'ConditionalCheckFailedException') return;
      throw error;
    }
    this.#options.onStep?.({ kind: 'item-deleted', table, key: plain(key), expired: true });
  }
}

/** Writes of single items that a request asks for. */
function writesOf(operation: string, input: Message): Message[] {
  if (operation !== 'BatchWriteItem') return [input];
  return Object.entries<Message[]>(input.RequestItems ?? {}).flatMap(([TableName, requests]) =>
    requests.map(({ PutRequest, DeleteRequest }) => ({ TableName, ...DeleteRequest, ...PutRequest })),
  );
}

/** Operations on items. */
const USES_CAPACITY = /Item$|^(Query|Scan)$/;

/** Streams of changes, which no reader but a pipe gets here; the start tells. */
export const STREAMS: readonly string[] = ['StreamSpecification', 'KinesisStreamSpecification'];

/** Input of CreateTable. Capacity is not limited here, so it does not matter how it is paid for. */
function createRequest(resource: Resource): Message {
  const { properties } = resource;
  const index = ['IndexName', 'KeySchema', 'Projection'];
  // Only TimeToLiveSpecification and DeletionProtectionEnabled have an effect here.
  const settings = ['BillingMode', 'DeletionProtectionEnabled', 'PointInTimeRecoverySpecification'].concat(
    ...['SSESpecification', 'ContributorInsightsSpecification', 'TableClass', 'Tags'],
  );
  const capacity = ['ProvisionedThroughput', 'OnDemandThroughput', 'WarmThroughput'].concat(
    ...['WriteProvisionedThroughputSettings', 'WriteOnDemandThroughputSettings'],
    ...['ReadProvisionedThroughputSettings', 'ReadOnDemandThroughputSettings'],
  );
  requireKnownProperties(resource, properties, [
    ...['TableName', 'KeySchema', 'AttributeDefinitions', 'GlobalSecondaryIndexes', 'LocalSecondaryIndexes'],
    ...['TimeToLiveSpecification', 'Replicas', ...settings, ...capacity, ...STREAMS],
    ...(resource.type === 'AWS::DynamoDB::Table' ? ['ResourcePolicy'] : []),
  ]);
  for (const replica of properties.Replicas ?? []) {
    requireKnownProperties(resource, replica, ['Region', ...settings, ...capacity], 'Replicas');
  }
  const indexes: Message = {};
  for (const kind of ['GlobalSecondaryIndexes', 'LocalSecondaryIndexes']) {
    if (!properties[kind]?.length) continue;
    indexes[kind] = properties[kind].map((definition: Message) => {
      const known = [...index, ...capacity, 'ContributorInsightsSpecification'];
      requireKnownProperties(resource, definition, known, kind);
      return Object.fromEntries(index.map((property) => [property, definition[property]]));
    });
  }
  return {
    TableName: resource.name,
    KeySchema: properties.KeySchema,
    AttributeDefinitions: properties.AttributeDefinitions,
    BillingMode: 'PAY_PER_REQUEST',
    ...indexes,
  };
}

/** Part of a table's definition that must not change if its items are kept. */
function schema(table: Message): string {
  const keys = (schema: Message[]) =>
    schema.map(({ AttributeName, KeyType }) => `${KeyType} ${AttributeName}`);
  const indexes = [...(table.GlobalSecondaryIndexes ?? []), ...(table.LocalSecondaryIndexes ?? [])];
  return JSON.stringify([
    keys(table.KeySchema),
    table.AttributeDefinitions.map(
      (definition: Message) => `${definition.AttributeName} ${definition.AttributeType}`,
    ).sort(),
    indexes
      .map(({ IndexName, KeySchema, Projection }) => {
        const { ProjectionType, NonKeyAttributes = [] } = Projection;
        return [IndexName, ...keys(KeySchema), ProjectionType, ...[...NonKeyAttributes].sort()].join(' ');
      })
      .sort(),
  ]);
}

/** DynamoDB's JSON as plain JSON, for reading. Binary values stay base64. */
function plain(item: AttributeMap): Record<string, unknown> {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, plainValue(value)]));
}

function plainValue(value: Record<string, unknown>): unknown {
  const [[type, content] = []] = Object.entries(value);
  switch (type) {
    case 'N':
      return Number(content);
    case 'NS':
      return (content as string[]).map(Number);
    case 'NULL':
      return null;
    case 'L':
      return (content as Record<string, unknown>[]).map(plainValue);
    case 'M':
      return plain(content as AttributeMap);
    default:
      return content;
  }
}

/** A table may be given by its ARN; dynalite knows names alone. */
function byName(resources: ReadonlyMap<string, Resource>, input: Message): Message {
  const { TableName } = input;
  if (typeof TableName !== 'string' || !TableName.startsWith('arn:')) return input;
  const found = [...resources.values()].find(({ arn }) => arn === TableName);
  if (!found) throw new ServiceError('ResourceNotFoundException', 'Requested resource not found');
  return { ...input, TableName: found.name };
}
