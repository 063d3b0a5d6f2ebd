/**
 * The project's own stack, running on this machine, and the operator's tool as its user starts it. A deployment may
 * have faults (a handler that fails on some events, a permission that is missing) and be mended later, as in AWS by
 * deploying again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, paginateScan } from '@aws-sdk/lib-dynamodb';
import { APP } from '../../../bin/app-description';
import { STAGES } from '../../../bin/stages';
import { ManualClock } from '../../../tools/local/services/clock';
import type { Queue } from '../../../tools/local/services/queue';
import { SystemWorld } from '../../../tools/local/services/world';
import { LocalStack } from '../../../tools/local/stack';
import type { TimedStep } from '../../../tools/local/steps';
import { explainFailure, opsCommand } from '../../../tools/ops/cli';
import { readAssembly } from '../../../tools/template/assembly';
import { builtAssembly } from '../../built';
import { runInProcess } from '../../in-process';
import { TYPESCRIPT } from '../../typescript';

export interface Faults {
  /** Each handler fails on one in so many events, at every attempt. */
  readonly failsOneIn?: number;
  /** Rules, without the prefix, that lack the permission to invoke their function. */
  readonly forbidden?: readonly string[];
  /** Retries of a handler that fails. @default the stack's */
  readonly retries?: number;
}

interface TemplateResource {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a template's properties have no static type
  readonly Properties: any;
}

/** The stack's template and bundles, and copies of them with faults. */
export class Builds {
  readonly #directory = mkdtempSync(join(tmpdir(), 'ops-'));
  readonly intact: string;

  /** @param settings of the stage besides those of `cdk.json` */
  constructor(settings: object = {}) {
    this.intact = builtAssembly(settings);
  }

  /** @returns the folder of a copy with faults */
  faulty({ failsOneIn, forbidden = [], retries }: Faults): string {
    const directory = mkdtempSync(join(this.#directory, 'faulty-'));
    cpSync(this.intact, directory, { recursive: true });
    const file = join(directory, 'event-driven.template.json');
    const template = JSON.parse(readFileSync(file, 'utf8'));
    const resources: Record<string, TemplateResource> = template.Resources;
    for (const [id, { Type, Properties }] of Object.entries(resources)) {
      if (Type === 'AWS::Lambda::Permission') {
        const rule = resources[Properties.SourceArn['Fn::GetAtt'][0]]?.Properties.Name;
        if (forbidden.some((name) => rule === `event-driven-${name}`)) delete resources[id];
      }
      if (Type === 'AWS::Lambda::EventInvokeConfig' && retries !== undefined) {
        Properties.MaximumRetryAttempts = retries;
      }
      if (Type === 'AWS::Lambda::Function' && failsOneIn !== undefined) {
        const code = join(directory, `asset.${Properties.Code.S3Key.replace('.zip', '')}`);
        renameSync(join(code, 'index.cjs'), join(code, 'intact.cjs'));
        writeFileSync(join(code, 'index.cjs'), failing(Properties.FunctionName, failsOneIn));
      }
    }
    writeFileSync(file, JSON.stringify(template));
    return directory;
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** The handler, but for one in so many events, by a hash of their ids. */
const failing = (functionName: string, oneIn: number) => `
  const { createHash } = require('node:crypto');
  const { handler } = require('./intact.cjs');
  exports.handler = async (event, context) => {
    const { eventId } = (event.detail ?? event).metadata;
    const hash = createHash('sha1').update('${functionName}' + eventId).digest();
    if (hash.readUInt32BE() % ${oneIn} > 0) return handler(event, context);
    throw Object.assign(new Error('The warehouse does not answer.'), { name: 'DownstreamError' });
  };
`;

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Output with `--json`. */
  // biome-ignore lint/suspicious/noExplicitAny: each command has a result of its own
  readonly json: any;
}

/** A tool that was started. */
export interface RunningTool {
  readonly process: ChildProcess;
  readonly ended: Promise<Outcome>;
}

/** Environment with neither credentials nor a region, whoever runs the tests. */
export const NO_AWS = {
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/none',
  AWS_SHARED_CREDENTIALS_FILE: '/none',
};

/** Starts the tool as `npm run ops --` does. */
export function startTool(args: readonly string[], env: NodeJS.ProcessEnv = {}, stdin = ''): RunningTool {
  const child = spawn(process.execPath, [...TYPESCRIPT, 'bin/ops.ts', ...args], { env: surroundings(env) });
  child.stdin.end(stdin);
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]).then(
    ([stdout, stderr, [exitCode]]) => outcome(exitCode, stdout, stderr),
  );
  return { process: child, ended };
}

const surroundings = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, ...NO_AWS, ...env };
};

const outcome = (exitCode: number | null, stdout: string, stderr: string): Outcome => ({
  exitCode,
  stdout,
  stderr,
  get json() {
    return JSON.parse(stdout);
  },
});

/** Runs the tool as `bin/ops.ts` does, without a process of its own. */
export async function runTool(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  stdin = '',
): Promise<Outcome> {
  const command = opsCommand(APP, STAGES);
  const { exitCode, stdout, stderr } = await runInProcess(command, args, {
    env: surroundings(env),
    stdin,
    explain: (error) => explainFailure(command, error),
  });
  return outcome(exitCode, stdout, stderr);
}

/** Sends Ctrl-C to a tool that runs in the tests' process. */
export const interrupt = (): boolean => process.emit('SIGINT');

/**
 * Interval of the clock. While a tool runs the stack's time passes 20 times as fast as the machine's, so that its
 * waits are short.
 */
const TICK_MS = 100;
const REAL_TICK_MS = 5;

export class Deployment {
  readonly steps: TimedStep[] = [];
  readonly #clock: ManualClock;
  #stack: LocalStack | undefined;

  /**
   * @param build folder of a cloud assembly
   * @param maxEnvironments of each function
   * @param at its time at first, in milliseconds since 1970-01-01 UTC
   */
  static async start(build: string, maxEnvironments = 2, at = Date.now()): Promise<Deployment> {
    const deployment = new Deployment(at);
    deployment.#stack = await LocalStack.start({
      assembly: readAssembly(build),
      world: new SystemWorld(deployment.#clock),
      port: 0,
      maxEnvironments,
      onStep: (step) => deployment.steps.push(step),
    });
    return deployment;
  }

  private constructor(at: number) {
    this.#clock = new ManualClock(at);
  }

  get stack(): LocalStack {
    if (!this.#stack) throw new Error('not started');
    return this.#stack;
  }

  /** Deploys another build of the same stack. */
  deploy(build: string): void {
    const assembly = readAssembly(build);
    expect(this.stack.needingRestart(assembly)).toEqual([]);
    this.stack.update(assembly);
  }

  /** Lets everything be delivered and handled, retries too, until each event is at its end. */
  async settle(): Promise<void> {
    await this.stack.settled();
    while (this.stack.waitingForRetry > 0) {
      await this.#clock.advance(60_000);
      await this.stack.settled();
    }
  }

  stop(): Promise<void> {
    return this.stack.stop();
  }

  /** Lets time pass. */
  advance(seconds: number): Promise<void> {
    return this.#clock.advance(1_000 * seconds);
  }

  queue(name: string): Queue {
    const queue = this.stack.queues.find((each) => each.name === `event-driven-${name}`);
    if (!queue) throw new Error(`no queue ${name}`);
    return queue;
  }

  /** The orders table, by order id. */
  async orders(): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>> {
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const config = { endpoint: this.stack.url, region: 'us-east-1', credentials };
    const client = DynamoDBDocumentClient.from(new DynamoDBClient(config));
    const orders = new Map<string, Readonly<Record<string, unknown>>>();
    for await (const { Items = [] } of paginateScan({ client }, { TableName: 'event-driven-orders' })) {
      for (const item of Items) orders.set(item.orderId, item);
    }
    client.destroy();
    return new Map([...orders].sort());
  }

  /**
   * Subjects of the customers' notifications, sorted; each is of one order and one status. Alarms have a topic of
   * their own.
   */
  get notifications(): string[] {
    return this.stepsOf('message-published')
      .filter(({ topic }) => topic.endsWith('-notifications'))
      .map(({ subject = '' }) => subject)
      .sort();
  }

  /** The steps of one kind. */
  stepsOf<Kind extends TimedStep['kind']>(kind: Kind): Extract<TimedStep, { kind: Kind }>[] {
    return this.steps.filter((step): step is Extract<TimedStep, { kind: Kind }> => step.kind === kind);
  }

  /** Runs the tool in a process of its own. */
  start(args: readonly string[], stdin?: string): RunningTool {
    const { process, ended } = startTool(['--endpoint-url', this.stack.url, ...args], {}, stdin);
    return { process, ended: this.whileTicking(ended) };
  }

  /** @param url where the tool finds the stack */
  run(args: readonly string[], stdin?: string, url = this.stack.url): Promise<Outcome> {
    return this.whileTicking(runTool(['--endpoint-url', url, ...args], {}, stdin));
  }

  ops(...args: string[]): Promise<Outcome> {
    return this.run(args);
  }

  /** Waits for so many more steps of a kind, unless `end` comes first. */
  async until(kind: TimedStep['kind'], count: number, end: Promise<unknown>): Promise<void> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    end.then(over, over);
    const enough = this.stepsOf(kind).length + count;
    while (!isOver && this.stepsOf(kind).length < enough) await pause(1);
  }

  /** Lets the time pass until the work is done. */
  async whileTicking<Result>(work: Promise<Result>): Promise<Result> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    work.then(over, over);
    while (!isOver) {
      await this.#clock.advance(TICK_MS);
      await pause(REAL_TICK_MS);
    }
    return work;
  }
}
