/**
 * Rate of events through the whole stack on this machine: PutEvents at the endpoint, by the SDK, until the
 * order processor and analytics, both warm, have handled them.
 */
import path from 'node:path';
import { EventBridgeClient, PutEventsCommand, PutRuleCommand } from '@aws-sdk/client-eventbridge';
import { OrderCreated } from '../../lambdas/events';
import { SystemWorld } from '../../tools/local/services/world';
import { LocalStack } from '../../tools/local/stack';
import { readAssembly } from '../../tools/template/assembly';
import { synthesize } from '../../tools/template/source/synthesize';
import type { Figures } from './figures';

export interface EndToEndResult {
  readonly events: number;
  /** Rate from the first request until the last event is handled by both functions. */
  readonly eventsPerSecond: number;
  /**
   * Memory of this process (engine and endpoint) and its threads (tables): warm, and after each tenth of the events.
   */
  readonly residentMb: readonly number[];
}

/** A request has ten entries; so many requests are sent before all are waited for. */
const ROUND = 50;
const WARM_UP = 500;

export interface EndToEndOptions {
  /** Rules on the bus besides the stack's, each for a detail-type of its own. @default 0 */
  readonly rules?: number;
  /** The most environments of each function. @default as many as the machine has processors */
  readonly maxEnvironments?: number;
  /** Orders that the events are of; all but the first of each is a duplicate. @default an order each */
  readonly orders?: number;
}

/** @param events a multiple of 100 */
export async function benchEndToEnd(
  events: number,
  { rules = 0, maxEnvironments, orders = events + WARM_UP }: EndToEndOptions = {},
): Promise<EndToEndResult> {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const { directory } = await synthesize(path.join(__dirname, '..', '..'));
  const stack = await LocalStack.start({
    assembly: readAssembly(directory),
    world: new SystemWorld(),
    port: 0,
    ...(maxEnvironments !== undefined && { maxEnvironments }),
  });
  const client = new EventBridgeClient({
    endpoint: stack.url,
    region: stack.assembly.region,
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
  });
  const [bus] = [...stack.eventBridge.buses.keys()].filter((name) => name !== 'default');
  let sent = 0;
  const request = () =>
    new PutEventsCommand({
      Entries: Array.from({ length: 10 }, () => ({
        EventBusName: bus,
        Source: OrderCreated.source,
        DetailType: OrderCreated.detailType,
        Detail: JSON.stringify(event(`order-${sent++ % orders}`)),
      })),
    });
  const send = async (count: number) => {
    for (let left = count / 10; left > 0; left -= ROUND) {
      await Promise.all(Array.from({ length: Math.min(left, ROUND) }, () => client.send(request())));
      await stack.settled();
    }
  };
  try {
    for (let i = 0; i < rules; i++) {
      const EventPattern = JSON.stringify({ source: ['app.orders'], 'detail-type': [`Order${i}`] });
      await client.send(new PutRuleCommand({ Name: `bench-${i}`, EventBusName: bus, EventPattern }));
    }
    await send(WARM_UP);
    const memory = [residentMb()];
    const start = performance.now();
    for (let tenth = 0; tenth < 10; tenth++) {
      await send(events / 10);
      memory.push(residentMb());
    }
    const seconds = (performance.now() - start) / 1000;
    return { events, eventsPerSecond: events / seconds, residentMb: memory };
  } finally {
    client.destroy();
    await stack.stop();
  }
}

/** An event of 1 KB. */
function event(orderId: string): object {
  const items = [{ sku: 'book-1', quantity: 2, price: 49.995, note: 'x'.repeat(600) }];
  return OrderCreated.create({ ...OrderCreated.example, orderId, items });
}

function residentMb(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss() / 2 ** 20;
}

/** @param events to measure with; 5,000 take less than a minute */
export async function benchEndToEndFigures(
  onProgress: (text: string) => void,
  events = 5_000,
): Promise<Figures> {
  onProgress(`end to end: ${events} events`);
  const result = await benchEndToEnd(events);
  const [warm = 0, ...later] = result.residentMb.map(Math.round);
  const rows = [
    [
      'PutEvents at the endpoint until both functions have handled it',
      `${Math.round(result.eventsPerSecond)} events/s`,
    ],
    ['memory, warm', `${warm} MB`],
    [`memory after ${events} events`, `${later.at(-1)} MB`],
  ];
  const title = 'Events through the local run';
  return { name: 'end-to-end', title, notes: [], tables: [{ head: ['', 'figure'], rows }], data: result };
}
