/**
 * The stack of a simulation: started, killed and started again on what it kept, given other code, refused its
 * permissions, and its items damaged.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createAnswer } from '../local/endpoint/answer';
import type { Endpoint } from '../local/endpoint/server';
import type { ReachableEndpoint } from '../local/in-process';
import type { LambdaFunction } from '../local/services/lambda';
import { LocalStack } from '../local/stack';
import type { TimedStep } from '../local/steps';
import type { Assembly } from '../template/assembly';
import type { FaultyParts } from './faulty-parts';
import { Life } from './life';
import { MemoryTables, type TableData } from './memory-tables';
import type { Damage } from './model';
import type { CodeOf } from './release';
import type { SimWorld } from './sim-world';

export interface SimulatedStackOptions {
  readonly assembly: Assembly;
  readonly world: SimWorld;
  readonly parts: FaultyParts;
  readonly codeOf: CodeOf;
  readonly maxEnvironments: number;
  /** True if it is going to be killed: what it holds lies in a folder. */
  readonly isKilled: boolean;
  readonly onStep: (step: TimedStep) => void;
}

interface Damaged {
  readonly items: Map<string, unknown>;
  readonly key: string;
  readonly damage: Damage;
  /** Undefined if the item had no such attribute. */
  readonly before: object | undefined;
}

type Item = Record<string, object>;

export class SimulatedStack {
  readonly #options: SimulatedStackOptions;
  #life = new Life();
  #stack: LocalStack | undefined;
  #endpoint: ReachableEndpoint | undefined;
  #tables: TableData = new Map();
  #directory: string | undefined;
  readonly #folders: string[] = [];
  /** Ends of the stacks that were killed. */
  readonly #ends: Promise<void>[] = [];
  #waiting: (() => void)[] = [];
  #codeOf: CodeOf;
  #damaged: Damaged[] = [];
  #isOver = false;
  /** Times of the starts, the first one included. */
  readonly starts: number[] = [];

  private constructor(options: SimulatedStackOptions) {
    this.#options = options;
    this.#codeOf = options.codeOf;
    if (options.isKilled) this.#directory = this.#newFolder();
  }

  static async start(options: SimulatedStackOptions): Promise<SimulatedStack> {
    const stack = new SimulatedStack(options);
    await stack.#start();
    return stack;
  }

  /** Undefined while it is down. */
  get current(): LocalStack | undefined {
    return this.#stack;
  }

  /** Resolves with the stack, once it is up. */
  async up(): Promise<LocalStack> {
    while (!this.#stack) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#stack;
  }

  /** @throws Error as a socket does, while it is down */
  readonly endpoint = (): ReachableEndpoint => {
    if (this.#endpoint) return this.#endpoint;
    throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' });
  };

  get life(): Life {
    return this.#life;
  }

  /** The process ends as by SIGKILL; what it has written stays. It is started again on that after so long. */
  async restart(downMs: number): Promise<void> {
    const stack = await this.up();
    if (this.#isOver) return;
    const kept = this.#newFolder();
    if (this.#directory) fs.cpSync(this.#directory, kept, { recursive: true });
    this.#directory = kept;
    this.#tables = structuredClone(this.#tables);
    this.#damaged = this.#damaged.map((each) => ({ ...each, items: this.#sameItems(each) }));
    this.#stack = undefined;
    this.#endpoint = undefined;
    this.#life.end();
    this.#life = new Life();
    this.#ends.push(stack.stop());
    await this.#options.world.sleep(downMs);
    if (this.#isOver) return;
    await this.#start();
    (await this.up()).resume();
  }

  /** Gives the functions other code, one after the other, in an order of chance. */
  async deploy(codeOf: CodeOf): Promise<void> {
    const { world } = this.#options;
    this.#codeOf = codeOf;
    const names = (await this.up()).functions.map(({ name }) => name);
    while (names.length > 0) {
      const [name] = names.splice(Math.floor(world.random() * names.length), 1);
      // It may have been started again meanwhile.
      const each = (await this.up()).functions.find((one) => one.name === name);
      if (each) this.#update(each);
      await world.sleep(world.random() * 3_000);
    }
  }

  /** The function's role allows nothing for so long. */
  async revoke(functionName: string, forMs: number): Promise<void> {
    const stack = await this.up();
    const { id } = stack.faults.add(functionName, 'deny');
    await this.#options.world.sleep(forMs);
    stack.faults.remove(id);
  }

  /**
   * Damages an item of a table, and repairs it after so long.
   * @param nth which of the items, counted through if there are fewer
   * @returns a promise of the repair; undefined if there is no item to damage
   */
  damage(damage: Damage, nth: number, forMs: number): Promise<void> | undefined {
    const places = [...this.#tables]
      .filter(([name]) => name.startsWith('item '))
      .flatMap(([, items]) =>
        [...items].filter(([, item]) => damage.isOf(item as Item)).map(([key]) => ({ items, key })),
      )
      .sort((one, other) => (one.key < other.key ? -1 : 1));
    const place = places[nth % places.length];
    if (!place || this.#damaged.some(({ key }) => key === place.key)) return undefined;
    const item = place.items.get(place.key) as Item;
    this.#damaged.push({ ...place, damage, before: item[damage.attribute] });
    place.items.set(place.key, { ...item, [damage.attribute]: damage.value });
    return this.#options.world.sleep(forMs).then(() => this.#heal(place.key));
  }

  /** Names of the damaged attributes of an entity's item. */
  damagedAttributes(entity: string): string[] {
    return this.#damaged
      .filter(({ items, key, damage }) => damage.entityOf(items.get(key) as Item) === entity)
      .map(({ damage }) => damage.attribute);
  }

  /** Repairs all. */
  heal(): void {
    for (const { key } of [...this.#damaged]) this.#heal(key);
  }

  /** Ends it, and what was killed before; resolves when all is gone. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#stack?.stop();
    await Promise.all(this.#ends);
    for (const folder of this.#folders) fs.rmSync(folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const { assembly, world, parts, maxEnvironments, onStep } = this.#options;
    const life = this.#life;
    let endpoint: ReachableEndpoint | undefined;
    const stack = await LocalStack.start({
      ...{ assembly, world, maxEnvironments },
      ...(this.#directory !== undefined && { dataDirectory: this.#directory }),
      onStep: (step) => {
        if (!life.isOver) onStep(step);
      },
      parts: {
        openEndpoint: async (services, answerOptions): Promise<Endpoint> => {
          const opened = { url: 'http://127.0.0.1:4566', answer: createAnswer(services, answerOptions) };
          endpoint = opened;
          return { ...opened, close: async () => {} };
        },
        startEnvironment: (name, settings, reach) => parts.startEnvironment(name, settings, reach, life),
        openTableStore: () => new MemoryTables(this.#tables),
        codeOf: (resource) => this.#codeOf(resource),
        compress: (content) => content,
        aroundTarget: (arn, service) => parts.aroundTarget(arn, service),
      },
    });
    for (const queue of stack.queues) parts.guard(queue);
    this.#endpoint = endpoint;
    this.#stack = stack;
    this.starts.push(world.now());
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #update(each: LambdaFunction): void {
    each.update({ ...each.definition, code: this.#codeOf(each.resource) });
  }

  #heal(damagedKey: string): void {
    const found = this.#damaged.find(({ key }) => key === damagedKey);
    if (!found) return;
    const { items, key, damage, before } = found;
    this.#damaged = this.#damaged.filter((each) => each !== found);
    const { [damage.attribute]: present, ...rest } = (items.get(key) ?? {}) as Item;
    // Unless somebody has written it since.
    if (JSON.stringify(present) !== JSON.stringify(damage.value)) return;
    items.set(key, before === undefined ? rest : { ...rest, [damage.attribute]: before });
  }

  /** The items of the same table, in the data of another life. */
  #sameItems({ key }: Damaged): Map<string, unknown> {
    const found = [...this.#tables].find(([name, items]) => name.startsWith('item ') && items.has(key));
    return found?.[1] ?? new Map();
  }

  #newFolder(): string {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sim-data-'));
    this.#folders.push(folder);
    return folder;
  }
}
