/**
 * The page beside a stream of events: how long from a step to its pixels, how much a run is slowed with nobody looking
 * and with the page open, and what memory and processor time the page takes. The run and the browser share one machine.
 *
 * `npm run bench:page -- [events a second] [seconds] [rounds]`
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { APP } from '../../bin/app-description';
import { SystemWorld } from '../../tools/local/services/world';
import { LocalStack } from '../../tools/local/stack';
import type { TimedStep } from '../../tools/local/steps';
import { PageAttachment } from '../../tools/page/attachment';
import { CAPACITY } from '../../tools/page/recorder';
import { readAssembly } from '../../tools/template/assembly';
import { synthesize } from '../../tools/template/source/synthesize';
import { launchBrowser } from '../browser';
import { LOADER } from '../typescript';

const [rate = 200, seconds = 20, rounds = 9] = process.argv.slice(2).map(Number);
/** Events of one measurement of the run's speed, and those that are put at once. */
const EVENTS = 600;
const BATCH = 50;
/** Events whose steps are recorded for the stream. */
const RECORDED = 20;

/** The local run with the page attached, in a process of its own, so that its processor time is its own. */
class Run {
  /** Steps reach the page only while it is true. */
  isAttached = false;
  readonly #attachment = new PageAttachment({ app: () => APP, measurement: () => undefined });
  #recording: TimedStep[] | undefined;
  #sources: TimedStep[][] = [];
  #stack: LocalStack | undefined;
  #count = 0;

  /** @returns the page's address */
  async start(): Promise<string> {
    const { directory } = await synthesize(process.cwd());
    this.#stack = await LocalStack.start({
      assembly: readAssembly(directory),
      world: new SystemWorld(),
      port: 0,
      handlers: this.#attachment.handlers,
      onStep: (step) => {
        this.#recording?.push(step);
        if (this.isAttached) this.#attachment.onStep(step);
      },
    });
    await this.#handle(EVENTS);
    this.#recording = [];
    await this.#handle(RECORDED);
    this.#sources = split(this.#recording);
    this.#recording = undefined;
    return this.#attachment.attach(this.#stack);
  }

  async #handle(events: number): Promise<void> {
    const stack = this.#stack;
    if (!stack) throw new Error('The run has not started.');
    const bus = [...stack.eventBridge.buses.keys()].find((name) => name !== 'default') ?? '';
    for (let left = events; left > 0; left -= BATCH) {
      for (let i = Math.min(BATCH, left); i > 0; i--) {
        const detail = { orderId: `order-${this.#count++}`, customerId: 'c', total: 1 };
        const entry = { EventBusName: bus, Source: 'app.orders', DetailType: 'OrderCreated' };
        stack.eventBridge.putEvents([{ ...entry, Detail: JSON.stringify(detail) }]);
      }
      await stack.settled();
    }
  }

  /** Handles events at full speed. */
  async measure(isAttached: boolean): Promise<Measured> {
    this.isAttached = isAttached;
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    await this.#handle(EVENTS);
    const { user, system } = process.cpuUsage(cpu);
    const perSecond = (EVENTS * 1_000) / (performance.now() - start);
    return { perSecond, cpuMs: (user + system) / 1_000 / EVENTS };
  }

  /** Fills the page to its capacity. */
  async hold(): Promise<void> {
    this.isAttached = false;
    for (let i = 0; i < CAPACITY; i++)
      for (const step of renamed(this.#sources, i, `held-${i}`)) this.#attachment.onStep(step);
  }

  /** Streams recorded events at the rate. */
  async stream(): Promise<Streamed> {
    // Made before, so that the processor time is that of taking and sending them.
    const made = Array.from({ length: rate * seconds }, (_, i) => renamed(this.#sources, i, `stream-${i}`));
    const sent: [string, number][] = [];
    let steps = 0;
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    for (let i = 0; i < made.length; ) {
      const due = Math.min(made.length, Math.floor(((performance.now() - start) * rate) / 1_000));
      for (; i < due; i++) {
        const at = new Date().toISOString();
        sent.push([`event-stream-${i}`, Date.now()]);
        for (const step of made[i] ?? []) this.#attachment.onStep({ ...step, at });
        steps += made[i]?.length ?? 0;
      }
      await pause(2);
    }
    const { user, system } = process.cpuUsage(cpu);
    return { sent, steps, cpuMs: (user + system) / 1_000 };
  }

  async stop(): Promise<void> {
    await this.#stack?.stop();
  }
}

interface Measured {
  /** Handled events a second. */
  readonly perSecond: number;
  /** Processor time of the run's own process for each event, in milliseconds. */
  readonly cpuMs: number;
}

interface Streamed {
  /** Time of the first step of each event, by the id of its row. */
  readonly sent: readonly (readonly [string, number])[];
  readonly steps: number;
  readonly cpuMs: number;
}

type Ask = <Result>(
  method: 'start' | 'measure' | 'hold' | 'stream' | 'stop',
  ...given: unknown[]
) => Promise<Result>;

/** Does in this process what the parent asks for, one after the other. */
function serve(): void {
  const run = new Run() as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>;
  process.on('message', async ([method, ...given]: [string, ...unknown[]]) => {
    const result = await run[method]?.(...given);
    process.send?.({ result });
    if (method === 'stop') process.exit();
  });
}

function startRun(): Ask {
  const child = fork(__filename, process.argv.slice(2), { execArgv: ['-r', LOADER] });
  child.on('exit', (code) => code && process.exit(code));
  return async (...asked) => {
    child.send(asked);
    const [{ result }] = await once(child, 'message');
    return result;
  };
}

async function main(): Promise<void> {
  // A run of its own without the page: what is recorded in a run takes part in its later garbage collections.
  const [alone, ask] = [startRun(), startRun()];
  await alone<string>('start');
  const address = await ask<string>('start');
  const browser = await launchBrowser('--enable-precise-memory-info');
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  if (rounds > 0) await slowdown({ alone, ask }, browser, page, address);
  await alone('stop');
  await latency(ask, browser, page, address);
  await browser.close();
  await ask('stop');
}

/** Compares the run alone, recorded, and watched; in turn, so that a slow moment of the machine meets each of them. */
async function slowdown(
  { alone, ask }: { readonly alone: Ask; readonly ask: Ask },
  browser: Browser,
  page: Page,
  address: string,
): Promise<void> {
  const kinds = ['alone', 'recorded', 'watched'] as const;
  const runs = { alone: [] as Measured[], recorded: [] as Measured[], watched: [] as Measured[] };
  const watching: Record<string, number>[] = [];
  for (let round = 0; round < rounds; round++) {
    // Another order in each round: none of them always comes first.
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[(round + i) % kinds.length] as (typeof kinds)[number];
      await page.goto(kind === 'watched' ? address : 'about:blank');
      if (kind === 'watched') await page.getByRole('region', { name: 'Events', exact: true }).waitFor();
      await pause(500);
      const before = await cpuOf(browser);
      runs[kind].push(await (kind === 'alone' ? alone : ask)<Measured>('measure', kind !== 'alone'));
      if (kind === 'watched') watching.push(difference(before, await cpuOf(browser)));
    }
  }
  console.log(`\nhandled at full speed, ${EVENTS} events at a time, ${rounds} rounds in turn; medians`);
  for (const kind of kinds) {
    const speed = median(runs[kind].map(({ perSecond }) => perSecond));
    const ratio = median(runs[kind].map(({ perSecond }, i) => perSecond / (runs.alone[i]?.perSecond ?? 1)));
    const cpu = median(runs[kind].map(({ cpuMs }) => cpuMs));
    console.log(
      `  ${kind.padEnd(9)} ${speed.toFixed(0).padStart(5)} events/s, in its round ${ratio.toFixed(3)} of alone; ` +
        `npm start's own process ${cpu.toFixed(2)} ms of processor time an event`,
    );
  }
  const types = [...new Set(watching.flatMap(Object.keys))];
  const each = types.map(
    (type) => `${type} ${(median(watching.map((cpu) => cpu[type] ?? 0)) / EVENTS).toFixed(2)}`,
  );
  console.log(`  the browser's processes, ms an event: ${each.join(', ')}`);
}

/** Measures the time from a step to its pixels, with a full list and a stream of recorded events. */
async function latency(ask: Ask, browser: Browser, page: Page, address: string): Promise<void> {
  await ask('hold');
  await page.goto(address);
  await page.getByRole('option').first().waitFor();
  await pause(1_000);
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const before = { heap: await heapOf(session), cpu: await cpuOf(browser) };
  const metrics = await metricsOf(session);
  await watchRows(page);
  const { sent, steps, cpuMs } = await ask<Streamed>('stream');
  const cpu = difference(before.cpu, await cpuOf(browser));
  const spent = difference(metrics, await metricsOf(session));
  await pause(1_000);
  const frames = Number(await page.evaluate('window.frames'));
  const seen = new Map((await page.evaluate('[...window.seen]')) as [string, number | undefined][]);
  const latencies = sent.flatMap(([id, at]) => {
    const shown = seen.get(id);
    return shown === undefined ? [] : [shown - at];
  });
  latencies.sort((a, b) => a - b);
  const at = (share: number) => (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(0);
  console.log(
    `\n${CAPACITY.toLocaleString('en-US')} events held, ${(sent.length / seconds).toFixed(0)} more a second ` +
      `(${(steps / seconds).toFixed(0)} steps a second) for ${seconds} s`,
  );
  console.log(
    `  from step to pixel: median ${at(0.5)} ms, 99% ${at(0.99)} ms, longest ${at(0.9999)} ms ` +
      `(${latencies.length} rows seen, ${(frames / seconds).toFixed(1)} frames with new rows a second)`,
  );
  console.log(
    `  the page's heap after collection: ${before.heap.toFixed(0)} MB at the start, ${(await heapOf(session)).toFixed(0)} MB after`,
  );
  const share = (ms: number) => `${((100 * ms) / (seconds * 1_000)).toFixed(0)}%`;
  const list = (times: Record<string, number>) =>
    Object.entries(times)
      .map(([name, ms]) => `${name} ${share(ms)}`)
      .join(', ');
  console.log(`  of one processor: npm start ${share(cpuMs)}, ${list(cpu)}`);
  console.log(`  the page's main thread: ${list(spent)}`);
}

/** The steps of each recorded event. */
function split(recorded: readonly TimedStep[]): TimedStep[][] {
  const events = new Map<string, TimedStep[]>();
  const owner = new Map<string, string>();
  for (const step of recorded) {
    const own = step as { eventId?: string; requestId?: string; callTrace?: string };
    const eventId = own.eventId ?? owner.get(own.requestId ?? step.trace ?? '');
    if (eventId === undefined) continue;
    if (own.requestId !== undefined) owner.set(own.requestId, eventId);
    if (own.callTrace !== undefined) owner.set(own.callTrace, eventId);
    events.set(eventId, [...(events.get(eventId) ?? []), step]);
  }
  return [...events.values()];
}

/** The steps of a recorded event as those of another: with ids of its own, at this moment. */
function renamed(sources: readonly TimedStep[][], index: number, id: string): TimedStep[] {
  const source = sources[index % sources.length] ?? [];
  const eventId = source.flatMap((step) => (step.kind === 'event-put' ? [step.eventId] : []))[0] ?? '';
  let text = JSON.stringify(source).replaceAll(eventId, id);
  for (const step of source) {
    if (step.kind !== 'invocation-started') continue;
    text = text
      .replaceAll(step.requestId, `${id}-${step.function}`)
      .replaceAll(step.callTrace, `${id}-${step.function}-trace`);
  }
  const at = new Date().toISOString();
  return (JSON.parse(text) as TimedStep[]).map((step) => ({ ...step, at }));
}

/** Lets the page tell when it has painted a row for the first time; its clock is the machine's, as the run's. */
async function watchRows(page: Page): Promise<void> {
  await page.evaluate(`
    window.seen = new Map(); window.frames = 0;
    new MutationObserver(() => requestAnimationFrame(() => {
      const fresh = [...document.querySelectorAll('[role=option]')].filter(({ id }) => !window.seen.has(id));
      if (fresh.length === 0) return;
      for (const { id } of fresh) window.seen.set(id, undefined);
      // The first task after a frame's callbacks is after its paint.
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => { window.frames++; for (const { id } of fresh) window.seen.set(id, Date.now()); };
      port2.postMessage(0);
    })).observe(document.querySelector('.rows'), { childList: true, subtree: true });
  `);
}

/** Processor time of the browser's processes by type, in milliseconds. */
async function cpuOf(browser: Browser): Promise<Record<string, number>> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const times: Record<string, number> = {};
  for (const { type, cpuTime } of processInfo) times[type] = (times[type] ?? 0) + cpuTime * 1_000;
  return times;
}

/** Time of the page's main thread by kind of work, in milliseconds. */
async function metricsOf(session: CDPSession): Promise<Record<string, number>> {
  const { metrics } = await session.send('Performance.getMetrics');
  const names = ['TaskDuration', 'ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration'];
  return Object.fromEntries(
    metrics.filter(({ name }) => names.includes(name)).map(({ name, value }) => [name, value * 1_000]),
  );
}

/** Size of the page's heap after a garbage collection, in MB. */
async function heapOf(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  return usedSize / 1e6;
}

function difference(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]),
  );
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
if (process.send) serve();
else void main();
