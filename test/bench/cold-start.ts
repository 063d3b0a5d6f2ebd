/**
 * Cold start of the handlers beside the original Terraform design's, in turns, each in a fresh process: what the code
 * takes to load, what the first event costs, and what each later one costs.
 *
 * Lambda loads a function at the full speed of a core (or more), and gives each call the share of a core that its
 * memory buys: 1,769 MB are one core (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). So the
 * model of a cold start is the CPU time of loading plus that of the first call x 1,769 / memory. CPU time, since the
 * wall time of a machine with other work to do is that of the others; what it leaves out is waiting for the network.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { buildSync } from 'esbuild';
import { OrderCreated, OrderStatusChanged } from '../../lambdas/events';
import { BUNDLE_FILE, ESBUILD_OPTIONS, LOADER } from '../../lib/bundling';
import { type AwsAnswers, startAwsAnswers } from './aws-answers';
import { type Figures, median } from './figures';
import { findNode24 } from './node-24';

const ROOT = join(__dirname, '..', '..');
const CORE_MB = 1_769;
const MEMORIES = [128, 256, 512, CORE_MB];

/** Maximum ratios to the original's figures. */
const GOAL = { coldStart: 0.5, init: 1.25, warm: 1 };

const CUSTOMER = { customerId: 'customer-1', customerEmail: 'jane@example.com' };
const ITEMS = [
  { sku: 'book-1', quantity: 2, price: 49.995 },
  { sku: 'pen-7', quantity: 1, price: 50 },
];

const CREATED = delivered(OrderCreated, {
  ...{ orderId: 'ORD-2026-1', ...CUSTOMER, items: ITEMS, total: 149.99 },
  createdAt: '2026-11-23T10:00:00.000Z',
});
const SHIPPED = delivered(OrderStatusChanged, {
  ...{ orderId: 'ORD-2026-1', status: 'SHIPPED', previousStatus: 'CONFIRMED' },
  ...{ customerEmail: CUSTOMER.customerEmail, updatedAt: '2026-11-23T10:01:00.000Z' },
});

interface Subject {
  /** Folder of our handler under `lambdas/`. */
  readonly entry: string;
  /** Folder of the original one under `baseline/`. */
  readonly original: string;
  /** Memory of the function by default, in MB. */
  readonly memory: number;
  readonly event: object;
}

/** Handlers that have an original, with an event for each. */
export const SUBJECTS: readonly Subject[] = [
  { entry: 'order-processor', original: 'order_processor', memory: 256, event: CREATED },
  {
    ...{ entry: 'notifier', original: 'notifier', memory: 144 },
    event: {
      ...{ orderId: 'ORD-2026-1', status: 'SHIPPED', email: CUSTOMER.customerEmail },
      message: 'Your order ORD-2026-1 has been SHIPPED',
      ...{ id: SHIPPED.id, time: SHIPPED.time, detail: SHIPPED.detail },
    },
  },
  { entry: 'analytics', original: 'analytics', memory: 256, event: CREATED },
];

interface Run {
  readonly init: { readonly wallMs: number; readonly cpuMs: number };
  readonly first: { readonly wallMs: number; readonly cpuMs: number };
  readonly peakMb: number;
  /** CPU of a later call; only if warm calls were asked for. */
  readonly warmCpuMs?: number;
  /** AWS calls of one event. */
  readonly awsCalls: number;
}

/** Medians of a handler's runs. */
export interface Measured {
  readonly initMs: number;
  readonly initCpuMs: number;
  readonly firstCpuMs: number;
  readonly peakMb: number;
  /** CPU of a warm call for each AWS call that it makes, in milliseconds. */
  readonly warmCpuPerCallMs: number;
  readonly awsCalls: number;
}

export interface ColdStart {
  readonly entry: string;
  readonly memory: number;
  readonly ours: Measured;
  readonly original: Measured;
}

/** Modelled cold start in milliseconds. */
export const modelled = ({ initCpuMs, firstCpuMs }: Measured, memory: number): number =>
  initCpuMs + (firstCpuMs * CORE_MB) / memory;

export interface ColdStartOptions {
  /** Cold starts of each handler. */
  readonly rounds: number;
  /** Processes of each handler in which warm calls are measured as well. */
  readonly warmRounds?: number;
  readonly warmCalls?: number;
  readonly onProgress?: (text: string) => void;
}

/** Measures all handlers. @param node program to measure with */
export async function measureColdStarts(
  node: string,
  { rounds, warmRounds = 3, warmCalls = 1_000, onProgress = () => {} }: ColdStartOptions,
): Promise<ColdStart[]> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-cold-'));
  const answers = await startAwsAnswers();
  try {
    const modules = new Map<string, string>();
    const runs = new Map<string, Run[]>();
    for (const { entry, original, event } of SUBJECTS) {
      modules.set(`ours ${entry}`, bundle(entry, directory));
      modules.set(`original ${entry}`, join(__dirname, 'baseline', original, 'index.js'));
      writeFileSync(join(directory, `${entry}.json`), JSON.stringify(event));
    }
    // One round more than counts: the first reads the files from the disk.
    for (let round = 0; round <= rounds; round++) {
      onProgress(`cold start: round ${round} of ${rounds}`);
      const warm = round > 0 && round <= warmRounds ? warmCalls : 0;
      for (const [name, module_] of modules) {
        const event = join(directory, `${name.split(' ')[1]}.json`);
        const run = await measure(node, module_, { event, warm, answers, home: directory });
        if (round > 0) runs.set(name, [...(runs.get(name) ?? []), run]);
      }
    }
    return SUBJECTS.map(({ entry, memory }) => ({
      entry,
      memory,
      ours: medians(runs.get(`ours ${entry}`) ?? []),
      original: medians(runs.get(`original ${entry}`) ?? []),
    }));
  } finally {
    await answers.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Bundles a handler as it is deployed. @returns the module that Lambda loads */
export function bundle(entry: string, directory: string): string {
  buildSync({
    ...ESBUILD_OPTIONS,
    absWorkingDir: ROOT,
    entryPoints: [join(ROOT, 'lambdas', entry, 'handler.ts')],
    outfile: join(directory, entry, BUNDLE_FILE),
    logLevel: 'warning',
  });
  const loader = join(directory, entry, LOADER.file);
  writeFileSync(loader, LOADER.code);
  return loader;
}

interface Measurement {
  readonly event: string;
  readonly warm: number;
  readonly answers: AwsAnswers;
  /** Folder without a configuration of AWS. */
  readonly home: string;
}

async function measure(node: string, module_: string, given: Measurement): Promise<Run> {
  const { event, warm, answers, home } = given;
  answers.takeCount();
  const args = [join(__dirname, 'handler-process.cjs'), module_, event, `${warm}`];
  const { calls, ...run } = await runHandler(node, args, { answers, home });
  return { ...run, awsCalls: answers.takeCount() / calls };
}

/**
 * Runs a handler in a process of its own.
 * @param args of Node, `handler-process.cjs` and its arguments among them
 * @returns the figures of `handler-process.cjs`
 */
export async function runHandler(
  node: string,
  args: readonly string[],
  { answers, home }: Pick<Measurement, 'answers' | 'home'>,
) {
  const child = spawn(node, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: home,
      ...(answers.authority && { NODE_EXTRA_CA_CERTS: answers.authority }),
      ...VARIABLES,
      AWS_ENDPOINT_URL: answers.url,
    },
  });
  const [errors, output] = await Promise.all([
    text(child.stderr as Readable),
    text(child.stdio[3] as Readable),
  ]);
  if (!output) throw new Error(`${args.join(' ')} failed: ${errors}`);
  return JSON.parse(output);
}

/** Environment variables that Lambda and the stack set for a function. */
const VARIABLES = {
  ...{ AWS_REGION: 'us-east-1', AWS_DEFAULT_REGION: 'us-east-1' },
  ...{ AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: 'token' },
  ...{ AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x', AWS_LAMBDA_FUNCTION_NAME: 'bench' },
  ...{ AWS_LAMBDA_FUNCTION_VERSION: '$LATEST', AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256' },
  ...{ AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand', AWS_LAMBDA_LOG_FORMAT: 'JSON' },
  ...{
    POWERTOOLS_SERVICE_NAME: 'bench',
    POWERTOOLS_METRICS_NAMESPACE: 'bench',
    POWERTOOLS_LOG_LEVEL: 'INFO',
  },
  ...{ TABLE_NAME: 'bench-orders', REPORTS_TABLE_NAME: 'bench-reports', EVENT_BUS_NAME: 'bench-bus' },
  SNS_TOPIC_ARN: 'arn:aws:sns:us-east-1:123456789012:bench-notifications',
  ...{ FIREHOSE_STREAM: 'bench-analytics', IDEMPOTENCY_TABLE_NAME: 'bench-notified' },
  // The SDK's advice on Node's version is no part of a cold start on Lambda's.
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
};

function medians(runs: readonly Run[]): Measured {
  const of = (read: (run: Run) => number | undefined) =>
    median(runs.map(read).filter((value) => value !== undefined));
  const awsCalls = of((run) => run.awsCalls);
  return {
    initMs: of(({ init }) => init.wallMs),
    initCpuMs: of(({ init }) => init.cpuMs),
    firstCpuMs: of(({ first }) => first.cpuMs),
    peakMb: of(({ peakMb }) => peakMb),
    warmCpuPerCallMs: of(({ warmCpuMs }) => warmCpuMs) / awsCalls,
    awsCalls,
  };
}

const ms = (value: number) => value.toFixed(value < 10 ? 2 : 0);
const ratio = (ours: number, original: number) => (ours / original).toFixed(2);

/** @param rounds cold starts of each handler */
export async function benchColdStart(onProgress: (text: string) => void, rounds = 25): Promise<Figures> {
  onProgress('cold start: looking for Node 24');
  const node = findNode24();
  const measured = await measureColdStarts(node.path, { rounds, onProgress });
  return {
    name: 'cold-start',
    title: 'Cold start of the handlers',
    notes: [
      `Medians of ${rounds} fresh processes each, in turns; Node ${node.version}, which ${
        node.version.startsWith('v24.')
          ? 'is what Lambda runs'
          : 'is not what Lambda runs (24): none was found'
      }. Model of a cold start: CPU time of loading, plus that of the first call x 1,769 / memory.`,
    ],
    tables: [
      {
        head: ['', 'load CPU ms', 'first call CPU ms', 'AWS calls', 'cold start ms', 'ratio', 'goal'],
        rows: measured.flatMap(({ entry, memory, ours, original }) =>
          [['original', original] as const, [entry, ours] as const].map(([name, each]) => [
            name === 'original' ? `${entry}, ${memory} MB: the original` : 'this one',
            ms(each.initCpuMs),
            ms(each.firstCpuMs),
            `${each.awsCalls}`,
            ms(modelled(each, memory)),
            ...(each === ours
              ? [ratio(modelled(ours, memory), modelled(original, memory)), `${GOAL.coldStart.toFixed(2)}`]
              : ['', '']),
          ]),
        ),
      },
      {
        head: ['ratio to the original', ...measured.map(({ entry }) => entry), 'goal'],
        rows: [
          ...MEMORIES.map((memory) => [
            `cold start at ${memory.toLocaleString('en')} MB`,
            ...measured.map((each) => ratio(modelled(each.ours, memory), modelled(each.original, memory))),
            `${GOAL.coldStart.toFixed(2)} at its own`,
          ]),
          [
            'load, CPU',
            ...measured.map((each) => ratio(each.ours.initCpuMs, each.original.initCpuMs)),
            `${GOAL.init}`,
          ],
          ['load, wall', ...measured.map((each) => ratio(each.ours.initMs, each.original.initMs)), ''],
          [
            'warm CPU for each AWS call',
            ...measured.map((each) => ratio(each.ours.warmCpuPerCallMs, each.original.warmCpuPerCallMs)),
            GOAL.warm.toFixed(2),
          ],
          ['peak memory, MB', ...measured.map((each) => each.ours.peakMb.toFixed(0)), 'half of its own'],
        ],
      },
    ],
    plots: [
      {
        title: 'Modelled cold start by memory',
        unit: 'ms',
        names: ['the original', 'this one'],
        groups: measured.flatMap(({ entry, ours, original }) =>
          MEMORIES.map((memory) => ({
            label: `${entry}, ${memory.toLocaleString('en')} MB`,
            values: [modelled(original, memory), modelled(ours, memory)],
          })),
        ),
      },
    ],
    data: measured,
  };
}

/** An event as EventBridge delivers it. */
function delivered<Detail>(
  contract: {
    readonly source: string;
    readonly detailType: string;
    create(detail: Detail, ids: object): object;
  },
  detail: Detail,
) {
  return {
    ...{ version: '0', id: '6a7e8feb-b491-4cf7-a9f1-bf3703467718', 'detail-type': contract.detailType },
    ...{
      source: contract.source,
      account: '123456789012',
      time: '2026-11-23T10:01:01Z',
      region: 'us-east-1',
    },
    resources: [],
    detail: contract.create(detail, { eventId: 'evt-1', correlationId: 'corr-1' }),
  };
}
