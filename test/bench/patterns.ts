/**
 * Rate at which events are matched with rules: `npm run bench -- patterns`. Figures that are compared
 * with each other are measured in turns, in one process.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { compile } from '../../tools/eventbridge/event-pattern';
import { RuleIndex } from '../../tools/eventbridge/rule-index';
import type { Figures } from './figures';

/** The patterns of the stack's rules at the default stage. */
const STACK_RULES: Readonly<Record<string, object>> = {
  'event-driven-order-created': { source: ['app.orders'], 'detail-type': ['OrderCreated'] },
  'event-driven-order-status-changed': {
    source: ['app.orders'],
    'detail-type': ['OrderStatusChanged'],
    detail: { status: ['SHIPPED', 'DELIVERED', 'CANCELLED'] },
    'replay-name': [{ exists: false }],
  },
  'event-driven-order-status-projection': { source: ['app.orders'], 'detail-type': ['OrderStatusChanged'] },
  'event-driven-all-events': { source: [{ prefix: 'app.' }] },
  'event-driven-archive': { source: [{ prefix: '' }], 'replay-name': [{ exists: false }] },
};

/** The most that 300 rules may cost of what 5 do, where they name sources or detail-types of their own. */
const MAX_RATIO = 5;
/** The most that the explanation of all 300 may take for one event, in milliseconds. */
const MAX_EXPLANATION_MS = 1;

/** Rules that fill a bus up to 300, its quota, and name a source or a detail-type. */
const NAMING_RULES: Readonly<Record<string, (i: number) => object>> = {
  'a detail-type each': (i) => ({ source: ['app.orders'], 'detail-type': [`Order${i}`] }),
  'a source each': (i) => ({ source: [`app.service-${i}`] }),
  'a source and a detail-type each': (i) => ({ source: [`app.s-${i % 20}`], 'detail-type': [`Order${i}`] }),
  'two detail-types each, and a field': (i) => ({
    'detail-type': [`Order${i}`, `Order${i + 1}`],
    detail: { status: ['SHIPPED'] },
  }),
};

/** Rules that only other fields tell from each other: they are asked one by one. */
const OTHER_RULES: Readonly<Record<string, (i: number) => object>> = {
  'a customer each': (i) => ({
    source: ['app.orders'],
    'detail-type': ['OrderCreated'],
    detail: { customerId: [`customer-${i}`] },
  }),
  'a field each': (i) => ({ source: ['app.orders'], detail: { [`field${i}`]: ['yes'] } }),
  'all operators': (i) => ({
    source: [{ prefix: 'app.' }],
    detail: [
      { customerId: [{ prefix: `c-${i}` }] },
      { customerId: [{ suffix: `-${i}x` }] },
      { customerId: [{ wildcard: `c*-${i}x` }] },
      { status: [{ 'equals-ignore-case': `status-${i}` }] },
      { total: [{ numeric: ['>', i * 1_000, '<=', (i + 1) * 1_000] }] },
      { orderId: [`ORD-${i}`] },
    ][i % 6],
  }),
};

/** Three kinds of order events in turns, each a little different, filled with items up to 1 KB. */
function makeEvents(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const items: object[] = [];
    const event = {
      version: '0',
      id: `6a7e8feb-b491-4cf7-a9f1-${String(i).padStart(12, '0')}`,
      'detail-type': ['OrderCreated', 'OrderStatusChanged', 'DailyReportGenerated'][i % 3],
      source: 'app.orders',
      account: '111122223333',
      time: '2026-11-23T18:43:48Z',
      region: 'us-east-1',
      resources: [],
      detail: {
        orderId: `ORD-2026-${i}`,
        customerId: `customer-${i % 1_000}`,
        customerEmail: `customer-${i % 1_000}@example.com`,
        status: ['PENDING', 'SHIPPED', 'DELIVERED', 'CANCELLED'][i % 4],
        total: 20 + (i % 500) / 4,
        items,
        createdAt: '2026-11-23T18:43:47.123Z',
        metadata: { eventId: `evt-${i}`, version: 1, correlationId: `corr-${i}` },
      },
    };
    while (JSON.stringify(event).length < 1_000) {
      items.push({ sku: `SKU-${i % 97}-${items.length}`, quantity: 1 + (i % 3), price: 9.99 });
    }
    return JSON.stringify(event);
  });
}

function indexOf(rules: readonly [string, object][]): RuleIndex {
  const index = new RuleIndex();
  for (const [name, pattern] of rules) index.add(name, compile(pattern));
  return index;
}

/**
 * Runs the tasks in turns.
 *
 * @returns for each the nanoseconds of one step, in the fastest tenth of its rounds: the others were disturbed
 */
function measure(steps: number, ...tasks: ((step: number) => unknown)[]): number[] {
  const [warmUp, rounds] = [20, 100];
  const times: number[][] = tasks.map(() => []);
  let kept: unknown;
  for (let round = -warmUp; round < rounds; round++) {
    for (const [t, task] of tasks.entries()) {
      const start = process.hrtime.bigint();
      for (let step = 0; step < steps; step++) kept = task(step);
      const time = Number(process.hrtime.bigint() - start) / steps;
      if (round >= 0) times[t]?.push(time);
    }
  }
  if (kept === measure) throw new Error('a result that is used cannot be optimized away');
  return times.map((own) => own.sort((a, b) => a - b)[rounds / 10] ?? Number.NaN);
}

function usedHeap(): number {
  setFlagsFromString('--expose_gc');
  const collectGarbage: () => void = runInNewContext('gc');
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** @returns lines of figures, each `<what>: <figure>` */
function benchPatterns(): string[] {
  const texts = makeEvents(3_000);
  const events = texts.map((text): unknown => JSON.parse(text));
  const stack = indexOf(Object.entries(STACK_RULES));
  const perSecond = (nanoseconds: number) => `${Math.round(1e9 / nanoseconds).toLocaleString('en')} events/s`;
  const lines: string[] = [];

  const [parsed = 0] = measure(events.length, (i) => stack.lookup(events[i]));
  lines.push(`5 rules, parsed events of 1 KB: ${perSecond(parsed)}`);

  const [parse = 0, parseAndMatch = 0] = measure(
    texts.length,
    (i) => JSON.parse(texts[i] ?? ''),
    (i) => stack.lookup(JSON.parse(texts[i] ?? '')),
  );
  const share = ((100 * parse) / parseAndMatch).toFixed(1);
  lines.push(
    `5 rules, JSON text: ${perSecond(parseAndMatch)}, ${share}% of JSON.parse alone (${perSecond(parse)})`,
  );

  for (const [name, rule] of Object.entries({ ...NAMING_RULES, ...OTHER_RULES })) {
    const others = Array.from({ length: 295 }, (_, i): [string, object] => [`rule-${i}`, rule(i)]);
    const full = indexOf([...Object.entries(STACK_RULES), ...others]);
    const [with5 = 0, with300 = 0] = measure(
      events.length,
      (i) => stack.lookup(events[i]),
      (i) => full.lookup(events[i]),
    );
    const ratio = with300 / with5;
    const verdict = name in NAMING_RULES ? ` (at most ${MAX_RATIO}: ${ratio <= MAX_RATIO})` : '';
    lines.push(
      `and 295 more, ${name}: ${perSecond(with300)}, ${ratio.toFixed(2)} times the cost of 5${verdict}`,
    );
    const patterns = [...Object.values(STACK_RULES), ...others.map(([, pattern]) => pattern)].map(compile);
    const [explained = 0] = measure(20, (i) => {
      const read = new Map();
      return patterns.map((pattern) => pattern.explain(events[i], read));
    });
    const isQuick = explained <= 1e6 * MAX_EXPLANATION_MS;
    lines.push(
      `  and why each matched or not: ${(explained / 1e6).toFixed(2)} ms an event (at most ${MAX_EXPLANATION_MS}: ${isQuick})`,
    );
  }

  const matchAll = (count: number) => {
    for (let i = 0; i < count; i++) stack.lookup(JSON.parse(texts[i % texts.length] ?? ''));
  };
  matchAll(20_000);
  const before = usedHeap();
  matchAll(200_000);
  lines.push(`heap after another 200,000 events: ${((usedHeap() - before) / 1_024).toFixed(0)} KiB more`);
  return lines;
}

export async function benchPatternsFigures(onProgress: (text: string) => void): Promise<Figures> {
  onProgress('patterns');
  const rows = benchPatterns().map((line) => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon).trim(), line.slice(colon + 2)];
  });
  const title = 'Events against rules';
  return { name: 'patterns', title, notes: [], tables: [{ head: ['', 'figure'], rows }], data: rows };
}
