/**
 * The local run as its user has it: `npm start` with the live log on, and an SDK client in this process. Runs that are
 * compared take turns on the same machine.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { BatchGetItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import { OrderCreated } from '../../lambdas/events';
import { type Figures, median } from './figures';

/** Physical names at the default stage. */
const [BUS, TABLE] = ['event-driven-bus', 'event-driven-orders'];
/** Events of one measurement, and how often it is done. */
const [EVENTS, ROUNDS] = [1_000, 5];
/** Requests of ten entries that are under way at once. */
const AT_ONCE = 20;
/** Keys of one BatchGetItem, at most. */
const KEYS_AT_ONCE = 100;
/** Events that wait at once at most, where many are put. */
const ORDERS_AT_ONCE = 2_000;
const STEADY_SECONDS = 15;

/** One `npm start`, stopped between its turns. */
export class Run {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #clients: { events: EventBridgeClient; table: DynamoDBClient };
  #orders = 0;
  #stored = 0;

  private constructor(child: ChildProcess, lines: Interface, endpoint: string) {
    this.#process = child;
    this.#lines = lines;
    const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
    const options = { endpoint, region: 'us-east-1', credentials };
    this.#clients = { events: new EventBridgeClient(options), table: new DynamoDBClient(options) };
  }

  /** @param checkout the folder of this project, or of another version of it */
  static async start(checkout: string, ...args: string[]): Promise<Run> {
    const child = spawn('npm', ['start', '--', '--no-samples', '--port', '0', ...args], {
      cwd: checkout,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface(child.stdout as NodeJS.ReadableStream);
    const endpoint = new Promise<string>((resolve, reject) => {
      lines.on('line', (line) => {
        const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
        if (url) resolve(url);
      });
      lines.once('close', () => reject(new Error(`npm start in ${checkout} ended before it was ready.`)));
    });
    return new Run(child, lines, await endpoint);
  }

  onLine(listener: (line: string) => void): void {
    this.#lines.on('line', listener);
  }

  /** @returns ids of the events, in the order of the orders */
  async put(count: number): Promise<string[]> {
    const Entries = Array.from({ length: count }, () => entryOf(this.#orders++));
    const { Entries: results = [] } = await this.#clients.events.send(new PutEventsCommand({ Entries }));
    return results.map(({ EventId = '' }) => EventId);
  }

  /** @returns events a second, from the first request until the last order is in the table */
  async measure(events: number): Promise<number> {
    const start = performance.now();
    let left = events / 10;
    const client = async () => {
      while (left-- > 0) await this.put(10);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, client));
    while (this.#stored < this.#orders) {
      const next = Math.min(this.#stored + KEYS_AT_ONCE, this.#orders);
      // The last one is asked for alone until it is there: a hundred keys each time would cost more than the events.
      const isStored = (await this.#has(next - 1, next)) && (await this.#has(this.#stored, next));
      if (isStored) this.#stored = next;
      else await pause(20);
    }
    return (1_000 * events) / (performance.now() - start);
  }

  /** Puts events of the first orders over and over, and then one of a new order, whose storing ends it. */
  async again(events: number, orders: number): Promise<void> {
    for (let put = 0; put < events; put += ORDERS_AT_ONCE) {
      const last = this.#orders;
      const count = Math.min(ORDERS_AT_ONCE, events - put);
      const client = async (from: number) => {
        for (let i = from; i < count; i += 10 * AT_ONCE) {
          const ids = Array.from({ length: Math.min(10, count - i) }, (_, each) => (put + i + each) % orders);
          const Entries = ids.map((id) => entryOf(id));
          await this.#clients.events.send(new PutEventsCommand({ Entries }));
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, (_, each) => client(10 * each)));
      await this.put(1);
      while (!(await this.#has(last, last + 1))) await pause(20);
      this.#stored = this.#orders;
    }
  }

  /** Whether all of these orders are in the table. Asked by key: a scan costs more than the events, the longer it runs. */
  async #has(from: number, to: number): Promise<boolean> {
    const Keys = Array.from({ length: to - from }, (_, i) => ({ orderId: { S: `order-${from + i}` } }));
    const request = { Keys, ProjectionExpression: 'orderId' };
    const answer = await this.#clients.table.send(
      new BatchGetItemCommand({ RequestItems: { [TABLE]: request } }),
    );
    return answer.Responses?.[TABLE]?.length === Keys.length;
  }

  /** Id of the group of its processes. */
  get group(): number {
    return this.#process.pid as number;
  }

  /** Lets the run's processes work, or have none of the machine while another one is measured. */
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGINT'): void {
    process.kill(-(this.#process.pid as number), signal);
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'close');
    this.signal('SIGINT');
    await ended;
    for (const client of Object.values(this.#clients)) client.destroy();
  }
}

/** The same event each time, so that putting it again is a repetition, which stores nothing. */
function entryOf(order: number): PutEventsRequestEntry {
  const metadata = { eventId: `created-${order}` };
  const Detail = JSON.stringify({ ...OrderCreated.example, orderId: `order-${order}`, metadata });
  const { source: Source, detailType: DetailType } = OrderCreated;
  return { EventBusName: BUS, Source, DetailType, Detail };
}

/** @param against folder of another version of the project, installed, to compare with */
export async function benchDesk(onProgress: (text: string) => void, against?: string): Promise<Figures> {
  const here = process.cwd();
  const ways: readonly (readonly [string, string, ...string[]])[] = [
    ...(against === undefined ? [] : [[versionOf(against), against] as const]),
    ['a process for each environment (the default)', here],
    ['functions within the run (--in-process)', here, '--in-process'],
  ];
  const runs: { name: string; run: Run; perSecond: number[] }[] = [];
  try {
    for (const [name, checkout, ...args] of ways) {
      onProgress(`desk: starting ${name}`);
      const run = await Run.start(checkout, ...args);
      runs.push({ name, run, perSecond: [] });
      await run.measure(100);
      run.signal('SIGSTOP');
    }
    for (let round = 1; round <= ROUNDS; round++) {
      for (const { name, run, perSecond } of runs) {
        onProgress(`desk: round ${round} of ${ROUNDS}, ${name}`);
        run.signal('SIGCONT');
        perSecond.push(await run.measure(EVENTS));
        run.signal('SIGSTOP');
      }
    }
  } finally {
    for (const { run } of runs) {
      run.signal('SIGCONT');
      await run.stop();
    }
  }
  const medians = runs.map(({ name, perSecond }) => ({ name, perSecond: median(perSecond) }));
  const [first] = medians;
  const base = against === undefined ? undefined : first?.perSecond;
  const rows = medians.map(({ name, perSecond }) => [
    name,
    `${Math.round(perSecond)}`,
    ...(base === undefined ? [] : [(perSecond / base).toFixed(2)]),
  ]);
  const own = medians.find(({ name }) => name.includes('default'))?.perSecond ?? 0;
  const delays = await steadyDelays(own / 2, onProgress);
  const head = [
    'a client of the AWS SDK, the live log on',
    'events/s',
    ...(base === undefined ? [] : ['ratio']),
  ];
  const steady = delays.map(({ share, ms }) => [
    `put to handled by both functions, ${share}% of the events at half of that rate`,
    `${Math.round(ms)} ms`,
  ]);
  return {
    name: 'desk',
    title: 'Events a second at the desk',
    notes: [
      `Medians of ${ROUNDS} times ${EVENTS} new orders, from the first request until the last is in the table, in turns.`,
    ],
    tables: [
      { head, rows },
      { head: ['', 'time'], rows: steady },
    ],
    data: { runs: runs.map(({ name, perSecond }) => ({ name, perSecond })), delays },
  };
}

/** Time from a put until both functions have handled the event, at a steady rate. */
async function steadyDelays(
  perSecond: number,
  onProgress: (text: string) => void,
): Promise<{ share: number; ms: number }[]> {
  const run = await Run.start(process.cwd(), '--json');
  const sentAt = new Map<string, number>();
  const handledAt = new Map<string, number[]>();
  run.onLine((line) => {
    if (!line.includes('"invocation-succeeded"')) return;
    const { kind, eventId } = JSON.parse(line);
    if (kind === 'invocation-succeeded')
      handledAt.set(eventId, [...(handledAt.get(eventId) ?? []), Date.now()]);
  });
  try {
    await run.measure(100);
    onProgress(`desk: ${STEADY_SECONDS} s at ${Math.round(perSecond)} events a second`);
    const puts: Promise<unknown>[] = [];
    const start = Date.now();
    for (let sent = 0; sent < perSecond * STEADY_SECONDS; ) {
      const due = ((Date.now() - start) * perSecond) / 1_000;
      for (; sent < due; sent++) {
        const at = Date.now();
        puts.push(run.put(1).then(([id = '']) => sentAt.set(id, at)));
      }
      await pause(2);
    }
    await Promise.all(puts);
    while ([...sentAt.keys()].some((id) => (handledAt.get(id)?.length ?? 0) < 2)) await pause(50);
  } finally {
    await run.stop();
  }
  const delays = [...sentAt]
    .map(([id, at]) => (handledAt.get(id)?.[1] ?? Number.NaN) - at)
    .sort((a, b) => a - b);
  return [50, 99].map((share) => ({
    share,
    ms: delays[Math.ceil((delays.length * share) / 100) - 1] ?? Number.NaN,
  }));
}

/** The commit that is checked out in the folder, otherwise the folder's name. */
function versionOf(checkout: string): string {
  const { stdout } = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: checkout, encoding: 'utf8' });
  return stdout.trim() === '' ? basename(checkout) : `commit ${stdout.trim()}`;
}
