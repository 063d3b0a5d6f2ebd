/**
 * The page beside a stream of events: how long from a step to its pixels, what a run costs with nobody looking and with
 * the page open, and what the page keeps. Prints ratios of things measured in one run, in turn.
 *
 * `node -r esbuild-register test/bench/page.ts [events a second] [seconds]`
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { APP } from '../../bin/app-description';
import { SystemWorld } from '../../tools/local/services/world';
import { LocalStack } from '../../tools/local/stack';
import type { TimedStep } from '../../tools/local/steps';
import { PageAttachment } from '../../tools/page/attachment';
import { CAPACITY } from '../../tools/page/recorder';
import { readAssembly } from '../../tools/template/assembly';
import { synthesize } from '../../tools/template/source/synthesize';
import { launchBrowser } from '../browser';

const [rate = 200, seconds = 10] = process.argv.slice(2).map(Number);

async function main(): Promise<void> {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const { directory } = await synthesize(process.cwd());
  const attachment = new PageAttachment({ app: () => APP, measurement: () => undefined });
  let isAttached = false;
  const recorded: TimedStep[] = [];
  const stack = await LocalStack.start({
    assembly: readAssembly(directory),
    world: new SystemWorld(),
    port: 0,
    handlers: attachment.handlers,
    onStep: (step) => {
      if (recorded.length < 40) recorded.push(step);
      if (isAttached) attachment.onStep(step);
    },
  });
  const bus = [...stack.eventBridge.buses.keys()].find((name) => name !== 'default') ?? '';
  let count = 0;
  const put = () => {
    const detail = { orderId: `order-${count++}`, customerId: 'c', total: 1 };
    const [result] = stack.eventBridge.putEvents([
      { EventBusName: bus, Source: 'app.orders', DetailType: 'OrderCreated', Detail: JSON.stringify(detail) },
    ]);
    return result && 'EventId' in result ? result.EventId : '';
  };
  /** @returns events a second that are handled */
  const measure = async (events: number): Promise<number> => {
    const start = performance.now();
    for (let left = events; left > 0; left -= 50) {
      for (let i = 0; i < 50; i++) put();
      await stack.settled();
    }
    return (events * 1_000) / (performance.now() - start);
  };
  await measure(500);

  const browser = await launchBrowser();
  const page = await browser.newPage();
  const runs = { without: [] as number[], attached: [] as number[], open: [] as number[] };
  const address = attachment.attach(stack);
  for (let round = 0; round < 5; round++) {
    isAttached = false;
    await page.goto('about:blank');
    runs.without.push(await measure(500));
    isAttached = true;
    runs.attached.push(await measure(500));
    await page.goto(address);
    await page.locator('header.page').waitFor();
    await pause(500);
    runs.open.push(await measure(500));
  }
  const median = (values: readonly number[]) =>
    [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  const base = median(runs.without);
  console.log(`handled, nobody looking, not recorded   ${base.toFixed(0)} events/s`);
  console.log(`recorded, nobody looking                ${(median(runs.attached) / base).toFixed(3)} of that`);
  console.log(`with the page open                      ${(median(runs.open) / base).toFixed(3)} of that`);

  for (let i = 0; i < CAPACITY; i++) attachment.onStep(fakePut(`held-${i}`));
  await page.goto(address);
  await page.getByRole('option').first().waitFor();
  const latencies = await stream(page, attachment);
  latencies.sort((a, b) => a - b);
  const at = (share: number) => (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(0);
  console.log(
    `from step to pixel at ${rate} events/s, ${CAPACITY.toLocaleString('en-US')} held: median ${at(0.5)} ms, 99% ${at(0.99)} ms`,
  );
  const heap = await page.evaluate('performance.memory?.usedJSHeapSize ?? 0');
  console.log(`the page's heap                         ${(Number(heap) / 1e6).toFixed(0)} MB`);
  await browser.close();
  await stack.stop();
}

const fakePut = (eventId: string): TimedStep => {
  const at = new Date().toISOString();
  const detail = { orderId: eventId, customerId: 'c', total: 1 };
  const event = {
    ...{ version: '0', id: eventId, 'detail-type': 'OrderCreated', source: 'app.orders', account: '0' },
    ...{ time: at, region: 'us-east-1', resources: [], detail },
  };
  return { at, kind: 'event-put', bus: 'event-driven-bus', eventId, event };
};

/** Milliseconds from each step to the frame that shows its row, as the browser sees it; both read one machine's clock. */
async function stream(page: Page, attachment: PageAttachment): Promise<number[]> {
  await page.evaluate(`
    window.seen = new Map();
    new MutationObserver(() => requestAnimationFrame(() => {
      for (const row of document.querySelectorAll('[role=option]'))
        if (!window.seen.has(row.id)) window.seen.set(row.id, Date.now());
    })).observe(document.querySelector('.rows'), { childList: true, subtree: true });
  `);
  const sent = new Map<string, number>();
  const end = performance.now() + seconds * 1_000;
  for (let i = 0; performance.now() < end; i++) {
    const id = `stream-${i}`;
    sent.set(`event-${id}`, Date.now());
    attachment.onStep(fakePut(id));
    await pause(1_000 / rate);
  }
  await pause(1_000);
  const seen: [string, number][] = (await page.evaluate('[...window.seen]')) as [string, number][];
  return seen.flatMap(([id, at]) => {
    const put = sent.get(id);
    return put === undefined ? [] : [at - put];
  });
}

void main();
