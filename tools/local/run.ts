/**
 * `npm start`: synthesizes the stack, runs it, sends the samples, and shows each event's way until Ctrl-C.
 */
import fs from 'node:fs';
import path from 'node:path';
import { InputError } from '../cli/errors';
import { readAssembly } from '../template/assembly';
import { SYNTHESIS_INPUTS, synthesize } from '../template/source/synthesize';
import type { Handler } from './endpoint/answer';
import { openInBrowser } from './open';
import { JsonLog, type RunLog, TerminalLog } from './run-log';
import { missingSteps, readSamples, type Sample } from './samples';
import { type Clock, ManualClock, SystemClock } from './services/clock';
import { LocalStack } from './stack';
import type { TimedStep } from './steps';

/** What goes with a run: it is told each step, and answers on the endpoint's port. */
export interface Attachment {
  readonly onStep: (step: TimedStep) => void;
  readonly handlers: Readonly<Record<string, Handler>>;
  /** @returns the address to tell the user */
  attach(stack: LocalStack): string;
}

export interface RunOptions {
  /** A page of the run. @default none */
  readonly page?: Attachment;
  /** Open the page in the browser. */
  readonly open?: boolean;
  /** The folder with `cdk.json` and `samples`. */
  readonly project: string;
  /** Run the samples and end. */
  readonly once: boolean;
  /** One JSON object a step instead of the log for people. */
  readonly json: boolean;
  /** Synthesize again and swap the code when a source file changes. */
  readonly watch: boolean;
  /** Send the samples at the start. */
  readonly samples: boolean;
  /** @default 4566, or the next free one */
  readonly port?: number;
  /** Origins of web apps that may call the endpoint. @default none */
  readonly allowOrigin?: readonly string[];
  /** Names besides localhost by which the endpoint may be called. @default none */
  readonly allowHost?: readonly string[];
  /** Seconds of the stack's time in one second. */
  readonly speed: number;
  /** Names of hosts that handlers may reach beside the endpoint. @default none */
  readonly allowEgress?: readonly string[];
  /** Where the state outlives the run. @default in memory */
  readonly data?: string;
}

/** Steps after which an event is nowhere: no target, no queue, no destination has it. */
const LOSSES: readonly string[] = ['event-refused', 'event-dropped', 'delivery-lost', 'invocation-lost'];
/** What a shell says of a process that Ctrl-C ended. */
const INTERRUPTED = 130;
/** Editors write a file in several steps, and several files at once. */
const WATCH_DELAY_MS = 150;

/**
 * @returns the process's exit code: with `once` 1 if an event was lost or a sample's effect is missing
 * @throws InputError
 */
export async function run(options: RunOptions): Promise<number> {
  const { project, once } = options;
  if (once && options.data !== undefined && !isEmpty(options.data)) {
    throw new InputError(
      `--data ${options.data} is not empty. With --once the samples must have their effects again, so it needs a new folder.`,
    );
  }
  const samples = options.samples ? readSamples(path.join(project, 'samples')) : [];
  const log: RunLog = options.json ? new JsonLog() : new TerminalLog(process.stdout);
  log.synthesizing();
  const synthesis = await synthesize(project);
  const assembly = readAssembly(synthesis.directory);
  log.synthesized(synthesis, assembly);

  // With `once` time stands still, but for what waits to be tried again, so that nobody else waits for it.
  const manual = once ? new ManualClock(Date.now()) : undefined;
  const clock: Clock = manual ?? new SystemClock(options.speed);
  const steps: TimedStep[] = [];
  const stack = await LocalStack.start({
    assembly,
    clock,
    ...(options.data !== undefined && { dataDirectory: options.data }),
    ...(options.port !== undefined && { port: options.port }),
    ...(options.allowEgress && { allowEgress: options.allowEgress }),
    ...(options.page && { handlers: options.page.handlers }),
    guard: { allowedOrigins: options.allowOrigin ?? [], allowedHosts: options.allowHost ?? [] },
    onStep: (step) => {
      if (once) steps.push(step);
      options.page?.onStep(step);
      log.step(step);
    },
  });
  const interrupted = interruption();
  try {
    const address = options.page?.attach(stack);
    log.ready(stack, address);
    if (address !== undefined && options.open) openInBrowser(address);
    const left = stack.resume();
    log.resumed(stack.waitingForRetry, left);
    const stopWatching = options.watch ? watch(project, stack, log) : undefined;
    const work = async () => {
      await sendSamples(stack, samples, log, interrupted);
      if (manual) await settleAll(stack, manual, interrupted);
    };
    await Promise.race([once ? work() : work().then(() => aborted(interrupted)), aborted(interrupted)]);
    stopWatching?.();
    if (interrupted.aborted) {
      log.stopping(stack, options.data !== undefined);
      return once ? INTERRUPTED : 0;
    }
    const failures = verdict(samples, steps);
    await log.finished(stack, failures);
    return failures.length > 0 ? 1 : 0;
  } finally {
    await stack.stop();
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve());
  });

/** Aborted at the first Ctrl-C, or when whoever reads the log is gone; a second Ctrl-C ends the process at once. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.stdout.on('error', () => controller.abort());
  return controller.signal;
}

/** One event after the other, each followed to its end, so that the log reads from top to bottom. */
async function sendSamples(
  stack: LocalStack,
  samples: readonly Sample[],
  log: RunLog,
  interrupted: AbortSignal,
): Promise<void> {
  let isFirst = true;
  for (const { name, entries } of samples) {
    log.sample(name);
    for (const entry of entries) {
      stack.eventBridge.putEvents([entry]);
      await stack.settled();
      // What the last invocation led to is printed before the next event begins.
      await new Promise((resolve) => setImmediate(resolve));
      if (interrupted.aborted) return;
      if (isFirst) log.firstEvent();
      isFirst = false;
    }
  }
  if (samples.length > 0) await log.samplesSent(stack);
}

/** Lets the time run until nothing waits to be tried again, and writes what is still collected. */
async function settleAll(stack: LocalStack, clock: ManualClock, interrupted: AbortSignal): Promise<void> {
  await stack.settled();
  while (stack.waitingForRetry > 0 && !interrupted.aborted) {
    await clock.advance(1000);
    await stack.settled();
  }
  for (const stream of stack.deliveryStreams) await stream.flush();
}

const isEmpty = (directory: string): boolean =>
  !fs.existsSync(directory) || fs.readdirSync(directory).length === 0;

function verdict(samples: readonly Sample[], steps: readonly TimedStep[]): string[] {
  const lost = steps
    .filter(({ kind }) => LOSSES.includes(kind))
    .map((step) => `An event was lost: ${JSON.stringify(step)}`);
  const missing = samples.flatMap((sample) =>
    missingSteps(sample, steps).map(
      (step) => `Sample ${sample.name}: this did not happen: ${JSON.stringify(step)}`,
    ),
  );
  return [...lost, ...missing];
}

/** @returns what ends it */
function watch(project: string, stack: LocalStack, log: RunLog): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isBusy = false;
  const changed = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      if (isBusy) return changed();
      isBusy = true;
      try {
        const synthesis = await synthesize(project);
        if (!synthesis.isUnchanged) {
          const { needRestart } = stack.update(readAssembly(synthesis.directory));
          log.updated(synthesis, needRestart);
        }
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        log.notUpdated(error);
      }
      isBusy = false;
    }, WATCH_DELAY_MS);
  };
  const watchers = SYNTHESIS_INPUTS.map((name) => path.join(project, name))
    .filter((place) => fs.existsSync(place))
    .map((place) => fs.watch(place, { recursive: fs.statSync(place).isDirectory() }, changed));
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
