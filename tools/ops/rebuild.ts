/**
 * `rebuild`: rebuilds damaged items of the app's entities from the events in the archive.
 *
 * Only whole windows of an archive can be replayed, to rules. So the items are emptied and the window is replayed to
 * the rules whose consumers write the table; for all other items those events are duplicates. An emptied item keeps
 * the time of its first processing, so that the handlers do not count it twice.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { DynamoDBDocumentClient, GetCommand, paginateScan, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { type App, type Entity, findConsumer, type Rebuild } from '../app';
import { EXIT, type ExitCode, InputError } from '../cli/errors';
import { formatCountOf } from '../cli/terminal';
import { REPLAY } from '../eventbridge/service-facts';
import { elementsOf } from './answers';
import { type ArchiveState, archiveStart, estimateReplay, readArchive, type Window } from './archive';
import { describeReplayPlan, runReplay } from './replay';
import { listStackRules, type StackRule } from './rules';
import { interruptSignal, type Session } from './session';
import type { DeployedStack } from './stack';
import { formatTime, parseTime } from './time';

export interface RebuildOptions {
  readonly order?: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly backup?: string;
  readonly allowRecent?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

type Item = Readonly<Record<string, unknown>>;

interface Damaged {
  readonly id: string;
  /** The item; undefined if the table has none. */
  readonly item: Item | undefined;
  /** Ids of the events that the item records; undefined if it is too damaged. */
  readonly eventIds: readonly string[] | undefined;
}

type RebuildableEntity = Entity & { readonly rebuild: Rebuild };

/** Maximum time to wait for the rebuilt items, in milliseconds. */
const CATCH_UP_TIMEOUT = 120_000;
const CATCH_UP_POLL = 500;

export async function rebuild(session: Session, options: RebuildOptions): Promise<ExitCode> {
  const { app, stack, terminal, now } = session;
  const entity = rebuildable(app);
  const readAt = now();
  const eventBridge = new EventBridgeClient(stack.clientConfig);
  const table = new Table(stack, entity);
  const archive = await readArchive(eventBridge, stack.output('ArchiveArn'));
  const { from, chosen } = await choose(table, options, archive, readAt);
  const { damaged, lost } = splitByArchive(chosen, entity, Math.max(from, archiveStart(archive, readAt)));
  // An item that changed since it was read is not emptied, so no later event is needed.
  const window = { from, to: Math.max(readAt, from + 60_000) };
  const rules = projectionRules(app, stack, await listStackRules(eventBridge, stack));
  const plan = {
    window: { from: formatTime(window.from), to: formatTime(window.to) },
    rules: rules.map(({ name }) => name),
    rebuild: damaged.map(({ id }) => id),
    notInArchive: lost.map(({ id }) => id),
    estimate: estimateReplay(archive, window, readAt),
  };
  const description = () =>
    [...describeItems(entity, damaged, lost), describeReplayPlan(stack, window, rules, plan.estimate)].join(
      '\n',
    );
  if (options.dryRun) {
    terminal.print({ dryRun: true, ...plan }, description);
    return EXIT.ok;
  }
  if (damaged.length === 0) {
    terminal.note(description());
    return EXIT.failed;
  }
  const signal = interruptSignal();
  if (!(await confirmed(session, description(), options, signal))) {
    terminal.note('Nothing was changed.');
    return signal.aborted ? EXIT.interrupted : EXIT.ok;
  }
  if (!options.allowRecent && !(await archiveHasAll(session, readAt, signal))) return EXIT.interrupted;

  const backup = options.backup ?? `rebuild-${formatTime(readAt).replaceAll(/[-:Z]/g, '')}.jsonl`;
  for (const { item } of damaged)
    if (item) appendFileSync(backup, `${JSON.stringify(item)}\n`, { mode: 0o600 });
  terminal.note(`Their items, as they were, with all personal data: ${backup}`);
  const emptied: Damaged[] = [];
  for (const each of damaged) {
    if (await table.empty(each)) emptied.push(each);
    else terminal.note(`${each.id} has changed meanwhile and is left as it is: try again.`);
  }
  const { name, ended } = await runReplay(session, eventBridge, window, rules, signal);
  if (ended?.State !== 'COMPLETED') {
    terminal.note(
      `Replay ${name} has not completed: run it again with the same window, then compare ${backup}.`,
    );
    return signal.aborted ? EXIT.interrupted : EXIT.failed;
  }
  const missing = await catchUp(session, table, emptied, signal);
  terminal.print(
    { replay: name, backup, rebuilt: emptied.length - missing.size, missing: Object.fromEntries(missing) },
    () => describeResult(entity, emptied.length, missing, backup),
  );
  return missing.size === 0 && emptied.length === damaged.length && lost.length === 0 ? EXIT.ok : EXIT.failed;
}

function rebuildable({ entity }: App): RebuildableEntity {
  if (!entity?.rebuild) throw new InputError('The app is not described as one whose items can be rebuilt.');
  return { ...entity, rebuild: entity.rebuild };
}

/** Chooses the items, and the start of the archive's window. */
async function choose(
  table: Table,
  { order, from, to }: RebuildOptions,
  archive: ArchiveState,
  now: number,
): Promise<{ from: number; chosen: Damaged[] }> {
  const start = archiveStart(archive, now);
  if (order) {
    if (to !== undefined) {
      throw new InputError('--to goes with --from alone: the events of an --order are read up to now.');
    }
    const chosen = await Promise.all([...new Set(order)].map((id) => table.read(id)));
    return { from: from === undefined ? start : Math.max(start, parseTime('--from', from, now)), chosen };
  }
  if (from === undefined || to === undefined) {
    throw new InputError('Name what to rebuild: --order ID, or --from TIME --to TIME.');
  }
  const window = { from: parseTime('--from', from, now), to: parseTime('--to', to, now) };
  if (window.from >= window.to) {
    throw new InputError(
      `--from is ${formatTime(window.from)}, but must be before --to, ${formatTime(window.to)}.`,
    );
  }
  // An event is older than its processing, by up to the time that Lambda may retry.
  return {
    from: Math.max(start, window.from - LONGEST_PROCESSING_MS),
    chosen: await table.processedIn(window),
  };
}

/** Maximum time between the bus and the handler (`processing.maxEventAge`), in milliseconds. */
const LONGEST_PROCESSING_MS = 6 * 60 * 60_000;

/** Separates the items that were first processed before the archive begins: they cannot be rebuilt. */
function splitByArchive(
  chosen: readonly Damaged[],
  { rebuild: { processedAt } }: RebuildableEntity,
  start: number,
) {
  const isLost = ({ item }: Damaged) => Date.parse(String(item?.[processedAt])) < start;
  return { damaged: chosen.filter((each) => !isLost(each)), lost: chosen.filter(isLost) };
}

/**
 * Rules whose consumers store the outcome of events in a table.
 * @throws InputError if one takes no replays, or there is none
 */
function projectionRules(app: App, stack: DeployedStack, rules: readonly StackRule[]): StackRule[] {
  const writes = (name: string) =>
    findConsumer(app, stack.shortName(name))?.calls.some(
      ({ isStore, actions }) =>
        isStore && actions.some((action) => /^dynamodb:(Put|Update)Item$/.test(action)),
    );
  const chosen = rules.filter(({ consumers, schedule }) => schedule === undefined && consumers.some(writes));
  if (chosen.length === 0)
    throw new InputError('No rule of the stack is described as one that writes the table.');
  const deaf = chosen.find(({ takesReplays, enabled }) => !takesReplays || !enabled);
  if (deaf)
    throw new InputError(
      `Rule ${deaf.name} is disabled or takes no replayed events, so nothing can be rebuilt.`,
    );
  return chosen;
}

function describeItems(
  { name, rebuild: { processedAt } }: RebuildableEntity,
  damaged: readonly Damaged[],
  lost: readonly Damaged[],
): string[] {
  const lines = damaged.map(({ id, item, eventIds }) => {
    if (!item) return `  ${id}: not in the table; what comes back is counted as new`;
    const events = eventIds ? formatCountOf(eventIds.length, 'event') : 'too damaged to tell its events';
    return `  ${id}: ${events}, first processed ${item[processedAt] ?? 'at an unknown time'}`;
  });
  return [
    `Rebuild ${formatCountOf(damaged.length, name)}:`,
    ...lines,
    ...lost.map(
      ({ id }) =>
        `  ${id}: LEFT AS IT IS, older than the archive's window: restore it from a backup of the table`,
    ),
  ];
}

function describeResult(
  { name }: RebuildableEntity,
  emptied: number,
  missing: ReadonlyMap<string, readonly string[]>,
  backup: string,
): string {
  return [
    `Rebuilt ${formatCountOf(emptied - missing.size, name)}.`,
    ...[...missing].map(
      ([id, events]) =>
        `  ${id} lacks ${events.join(', ') || 'its first event'}: not in the archive, or still on the way; it was: ${backup}`,
    ),
  ].join('\n');
}

async function confirmed(
  { terminal }: Session,
  description: string,
  { yes }: RebuildOptions,
  signal: AbortSignal,
): Promise<boolean> {
  if (!yes && !terminal.canAsk) {
    throw new InputError(
      'A rebuild must be confirmed, and there is no terminal to ask on: look at --dry-run, then add --yes.',
    );
  }
  terminal.note(description);
  return yes === true || terminal.confirm('Empty these items and replay?', signal);
}

/** Waits until the archive holds all events that were on the bus when the items were read. @returns false if interrupted */
async function archiveHasAll(
  { terminal, now }: Session,
  readAt: number,
  signal: AbortSignal,
): Promise<boolean> {
  const until = readAt + REPLAY.archiveDelayMs;
  terminal.note(
    `Events reach the archive within 10 minutes: this goes on at ${formatTime(until)}. Nothing is changed yet.`,
  );
  try {
    await sleep(Math.max(0, until - now()), undefined, { signal });
    return true;
  } catch {
    return false;
  }
}

/** Waits until each item records the same events as before. @returns the missing ones, by item */
async function catchUp(
  { terminal, now }: Session,
  table: Table,
  emptied: readonly Damaged[],
  signal: AbortSignal,
): Promise<Map<string, readonly string[]>> {
  const end = now() + CATCH_UP_TIMEOUT;
  const missing = new Map<string, readonly string[]>();
  for (const { id, eventIds = [] } of emptied) {
    for (;;) {
      const { eventIds: rebuilt = [] } = await table.read(id);
      const lacking = eventIds.filter((event) => !rebuilt.includes(event));
      missing.set(id, lacking);
      if (lacking.length === 0 && rebuilt.length > 0) missing.delete(id);
      if (!missing.has(id) || now() >= end || signal.aborted) break;
      terminal.progress(`${id}: ${formatCountOf(rebuilt.length, 'event')} of ${eventIds.length}`);
      await sleep(CATCH_UP_POLL);
    }
  }
  return missing;
}

/** The table of the entities. */
class Table {
  readonly #documents: DynamoDBDocumentClient;
  readonly #name: string;

  constructor(
    stack: DeployedStack,
    private readonly entity: RebuildableEntity,
  ) {
    this.#documents = DynamoDBDocumentClient.from(new DynamoDBClient(stack.clientConfig));
    this.#name = stack.output(entity.tableOutput);
  }

  async read(id: string): Promise<Damaged> {
    const { Item: item } = await this.#documents.send(
      new GetCommand({ TableName: this.#name, Key: { [this.entity.idField]: id }, ConsistentRead: true }),
    );
    return this.#describe(id, item);
  }

  /** Scans the table for items first processed in the window: no index has that time. */
  async processedIn({ from, to }: Window): Promise<Damaged[]> {
    const pages = paginateScan(
      { client: this.#documents },
      {
        TableName: this.#name,
        ConsistentRead: true,
        FilterExpression: '#at BETWEEN :from AND :to',
        ExpressionAttributeNames: { '#at': this.entity.rebuild.processedAt },
        ExpressionAttributeValues: {
          ':from': new Date(from).toISOString(),
          ':to': new Date(to).toISOString(),
        },
      },
    );
    const found: Damaged[] = [];
    for await (const item of elementsOf(pages, ({ Items }) => Items))
      found.push(this.#describe(String(item[this.entity.idField]), item));
    return found;
  }

  /** Removes all but the key and the time of the first processing. @returns false if the item has changed since it was read */
  async empty({ id, item }: Damaged): Promise<boolean> {
    const { idField, rebuild } = this.entity;
    if (!item) return true;
    const attributes = Object.keys(item).filter((name) => name !== idField && name !== rebuild.processedAt);
    if (attributes.length === 0) return true;
    const revision = item[rebuild.revision];
    const isSame = revision === undefined ? 'attribute_not_exists(#revision)' : '#revision = :revision';
    try {
      await this.#documents.send(
        new UpdateCommand({
          TableName: this.#name,
          Key: { [idField]: id },
          UpdateExpression: `REMOVE ${attributes.map((_, index) => `#${index}`).join(', ')}`,
          ConditionExpression: isSame,
          ExpressionAttributeNames: {
            ...Object.fromEntries(attributes.map((name, index) => [`#${index}`, name])),
            '#revision': rebuild.revision,
          },
          ...(revision !== undefined && { ExpressionAttributeValues: { ':revision': revision } }),
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }

  #describe(id: string, item: Item | undefined): Damaged {
    try {
      return { id, item, eventIds: item ? this.entity.rebuild.eventIds(item) : [] };
    } catch {
      return { id, item, eventIds: undefined };
    }
  }
}
