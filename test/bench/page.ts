/**
 * The page beside a stream of events: how long from a step to its pixels, how much a run is slowed with nobody looking
 * and with the page open, and what memory and processor time the page takes. The run and the browser share one machine.
 *
 * `npm run bench:page -- [events a second] [seconds] [rounds]`
 */
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

const [rate = 200, seconds = 20, rounds = 7] = process.argv.slice(2).map(Number);
/** Events of one measurement of the run's speed, and those that are put at once. */
const EVENTS = 600;
const BATCH = 50;
/** Events whose steps are recorded for the stream. */
const RECORDED = 20;

/** The local run with the page attached; steps reach the page only while `isAttached`. */
class Run {
  isAttached = false;
  /** Receives the steps while it is set. */
  recording: TimedStep[] | undefined;
  readonly attachment = new PageAttachment({ app: () => APP, measurement: () => undefined });
  #stack: LocalStack | undefined;
  #count = 0;

  async start(): Promise<string> {
    const { directory } = await synthesize(process.cwd());
    this.#stack = await LocalStack.start({
      assembly: readAssembly(directory),
      world: new SystemWorld(),
      port: 0,
      handlers: this.attachment.handlers,
      onStep: (step) => {
        this.recording?.push(step);
        if (this.isAttached) this.attachment.onStep(step);
      },
    });
    return this.attachment.attach(this.#stack);
  }

  get stack(): LocalStack {
    if (!this.#stack) throw new Error('The run has not started.');
    return this.#stack;
  }

  async handle(events: number): Promise<void> {
    const { eventBridge } = this.stack;
    const bus = [...eventBridge.buses.keys()].find((name) => name !== 'default') ?? '';
    for (let left = events; left > 0; left -= BATCH) {
      for (let i = Math.min(BATCH, left); i > 0; i--) {
        const detail = { orderId: `order-${this.#count++}`, customerId: 'c', total: 1 };
        const entry = { EventBusName: bus, Source: 'app.orders', DetailType: 'OrderCreated' };
        eventBridge.putEvents([{ ...entry, Detail: JSON.stringify(detail) }]);
      }
      await this.stack.settled();
    }
  }

  /** @returns handled events a second, and the processor time of this process for each, in milliseconds */
  async measure(): Promise<{ perSecond: number; cpuMs: number }> {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    await this.handle(EVENTS);
    const { user, system } = process.cpuUsage(cpu);
    const perSecond = (EVENTS * 1_000) / (performance.now() - start);
    return { perSecond, cpuMs: (user + system) / 1_000 / EVENTS };
  }
}

async function main(): Promise<void> {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const run = new Run();
  const address = await run.start();
  const browser = await launchBrowser('--enable-precise-memory-info');
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  try {
    await run.handle(EVENTS);
    run.recording = [];
    await run.handle(RECORDED);
    const recorded = run.recording;
    run.recording = undefined;
    if (rounds > 0) await slowdown(run, browser, page, address);
    run.isAttached = false;
    await latency(run, browser, page, { address, recorded });
  } finally {
    await browser.close();
    await run.stack.stop();
  }
}

/** Compares the run alone, recorded, and watched; in turn, so that a slow moment of the machine meets each of them. */
async function slowdown(run: Run, browser: Browser, page: Page, address: string): Promise<void> {
  const kinds = ['alone', 'recorded', 'watched'] as const;
  const runs = { alone: [] as Measured[], recorded: [] as Measured[], watched: [] as Measured[] };
  const watching: Record<string, number>[] = [];
  for (let round = 0; round < rounds; round++) {
    // Another order in each round: what comes after the browser's start is not always the same.
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[(round + i) % kinds.length] as (typeof kinds)[number];
      run.isAttached = kind !== 'alone';
      await page.goto(kind === 'watched' ? address : 'about:blank');
      if (kind === 'watched') await page.getByRole('region', { name: 'Events', exact: true }).waitFor();
      await pause(1_000);
      const before = await cpuOf(browser);
      runs[kind].push(await run.measure());
      if (kind === 'watched') watching.push(difference(before, await cpuOf(browser)));
    }
  }
  const alone = median(runs.alone.map(({ perSecond }) => perSecond));
  console.log(`\nhandled at full speed, ${EVENTS} events, median of ${rounds} rounds in turn`);
  for (const kind of kinds) {
    const speed = median(runs[kind].map(({ perSecond }) => perSecond));
    const cpu = median(runs[kind].map(({ cpuMs }) => cpuMs));
    console.log(
      `  ${kind.padEnd(9)} ${speed.toFixed(0).padStart(5)} events/s (${(speed / alone).toFixed(3)}), ` +
        `npm start's own process ${cpu.toFixed(2)} ms an event`,
    );
  }
  const types = [...new Set(watching.flatMap(Object.keys))];
  const each = types.map(
    (type) => `${type} ${(median(watching.map((cpu) => cpu[type] ?? 0)) / EVENTS).toFixed(2)}`,
  );
  console.log(`  the browser's processes, ms an event: ${each.join(', ')}`);
}

interface Measured {
  readonly perSecond: number;
  readonly cpuMs: number;
}

/** From a step to its pixels, with a full list and a stream of recorded events. */
async function latency(
  run: Run,
  browser: Browser,
  page: Page,
  { address, recorded }: { address: string; recorded: readonly TimedStep[] },
): Promise<void> {
  const sources = split(recorded);
  for (let i = 0; i < CAPACITY; i++)
    for (const step of renamed(sources, i, `held-${i}`)) run.attachment.onStep(step);
  await page.goto(address);
  await page.getByRole('option').first().waitFor();
  await pause(1_000);
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const before = { heap: await heapOf(session), cpu: await cpuOf(browser), own: process.cpuUsage() };
  const metrics = await metricsOf(session);
  const { latencies, sent, steps, frames } = await stream(run, page, sources);
  const own = process.cpuUsage(before.own);
  const cpu = difference(before.cpu, await cpuOf(browser));
  const spent = difference(metrics, await metricsOf(session));
  latencies.sort((a, b) => a - b);
  const at = (share: number) => (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(0);
  console.log(
    `\n${CAPACITY.toLocaleString('en-US')} events held, ${(sent / seconds).toFixed(0)} more a second ` +
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
  console.log(
    `  of one processor: npm start (with the stream made in it) ${share((own.user + own.system) / 1_000)}, ` +
      Object.entries(cpu)
        .map(([type, ms]) => `${type} ${share(ms)}`)
        .join(', '),
  );
  console.log(
    `  the page's main thread: ${Object.entries(spent)
      .map(([name, ms]) => `${name} ${share(ms)}`)
      .join(', ')}`,
  );
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

/**
 * Streams events at the rate. The page tells when it has painted a row for the first time; both clocks are the machine's.
 */
async function stream(run: Run, page: Page, sources: readonly TimedStep[][]) {
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
  const sent = new Map<string, number>();
  let steps = 0;
  const start = performance.now();
  for (let i = 0; performance.now() - start < seconds * 1_000; ) {
    const due = Math.floor(((performance.now() - start) * rate) / 1_000);
    for (; i < due; i++) {
      const own = renamed(sources, i, `stream-${i}`);
      sent.set(`event-stream-${i}`, Date.now());
      for (const step of own) run.attachment.onStep(step);
      steps += own.length;
    }
    await pause(2);
  }
  await pause(1_000);
  const seen = (await page.evaluate('[...window.seen]')) as [string, number][];
  const latencies = seen.flatMap(([id, at]) => {
    const put = sent.get(id);
    return put === undefined || at === undefined ? [] : [at - put];
  });
  return { latencies, sent: sent.size, steps, frames: Number(await page.evaluate('window.frames')) };
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

void main();
