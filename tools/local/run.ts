/**
 * `npm start`: synthesizes the stack, runs it, sends the samples, and shows each event's way until Ctrl-C.
 */
import path from 'node:path';
import type { Entity } from '../app';
import { InputError } from '../cli/errors';
import type { Only } from '../cli/only';
import type { AssemblySource } from '../template/source/assembly-option';
import { Bundler, type ProjectBundling } from './bundler';
import { checkDataDirectory } from './data-directory';
import type { Handler } from './endpoint/answer';
import { openInBrowser } from './open';
import { inspectPorts, requireFreePort } from './ports';
import { Reloader } from './reload';
import { JsonLog, type RunLog, TerminalLog } from './run-log';
import { RunningStack } from './running-stack';
import { missingSteps, readSamples, type Sample } from './samples';
import { ManualClock, SystemClock } from './services/clock';
import { SystemWorld } from './services/world';
import type { LocalStack, LocalStackOptions } from './stack';
import { type AssemblyBeside, readBeside, StacksBeside } from './stacks-beside';
import type { TimedStep } from './steps';
import { checkSource, isGiven, loadStack } from './template-source';

/** Extension of a run: it receives each step, and answers requests on the endpoint's port. */
export interface Attachment {
  readonly onStep: (step: TimedStep) => void;
  readonly handlers: Readonly<Record<string, Handler>>;
  /**
   * @param beside stacks of other accounts or regions that run beside it
   * @returns the address to tell the user
   */
  attach(stack: LocalStack, beside: readonly LocalStack[]): string;
}

export interface RunOptions extends AssemblySource {
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
  /**
   * Let a debugger attach to the function of that name (its end will do), or to all; they have no time limit then.
   * @default no function
   */
  readonly inspect?: string | true;
  /** Bundler of the project's functions. @default not known: every change is synthesized */
  readonly bundling?: ProjectBundling;
  /** Filter of the human-readable log. @default all */
  readonly only?: readonly Only[];
  /** Entity of most events. Loaded on demand. */
  readonly entity?: () => Entity | undefined;
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
  /** Run the functions within this process: faster, without isolation. */
  readonly inProcess: boolean;
  /** Assemblies of other accounts or regions that run beside this one. @default none */
  readonly beside?: readonly AssemblyBeside[];
  /** Folder in which the state outlives the run. @default in memory */
  readonly data?: string;
}

/** Steps after which an event is nowhere: no target, no queue, no destination has it. */
const LOSSES: readonly string[] = ['event-refused', 'event-dropped', 'delivery-lost', 'invocation-lost'];
/** Exit code that a shell reports for a process ended by Ctrl-C. */
const INTERRUPTED = 130;

// A run with processes of their own needs nothing of it.
const loadInProcess = () => (require('./in-process') as typeof import('./in-process')).inProcess;

/**
 * @returns the process's exit code: with `once` 1 if an event was lost or a sample's effect is missing
 * @throws InputError
 */
export async function run(options: RunOptions): Promise<number> {
  const { project, once } = options;
  await checkOptions(options);
  // A template that is given is none of this project's, and neither are its events and handlers.
  const isOwn = !isGiven(options);
  const samples = options.samples && isOwn ? readSamples(path.join(project, 'samples')) : [];
  const log: RunLog = options.json ? new JsonLog() : new TerminalLog(process.stdout, shownBy(options));
  if (isOwn) log.synthesizing();
  const { assembly, synthesis } = await loadStack(options, project);
  log.synthesized(synthesis, assembly);
  const inspected = options.inspect === undefined ? new Map() : await inspectPorts(assembly, options.inspect);
  const { bundling } = isOwn ? options : {};
  const bundler = bundling && new Bundler(project, bundling, new Set(inspected.keys()));

  // With `once` time stands still, but for what waits to be tried again, so that nobody else waits for it.
  const manual = once ? new ManualClock(Date.now()) : undefined;
  const steps: TimedStep[] = [];
  let isOver = false;
  const others = new StacksBeside(() => running.current, await readBeside(assembly, options.beside ?? []));
  const stackOptions: LocalStackOptions = {
    assembly,
    world: new SystemWorld(manual ?? new SystemClock(options.speed)),
    ...settingsOf(options),
    ...(bundler && { sourceMapOf: (name, code) => bundler.mapOf(name, code) }),
    ...{ inspect: inspected, otherBuses: others.buses },
    onStep: (step) => {
      // The verdict is the last line, though a handler may go on to write until its process is stopped.
      if (isOver) return;
      if (once) steps.push(step);
      if (step.account === undefined) options.page?.onStep(step);
      log.step(step);
    },
  };
  const running: RunningStack = await RunningStack.start({ ...stackOptions, isReplaceable: options.watch });
  const interrupted = interruption();
  let reloader: Reloader | undefined;
  try {
    await others.start(stackOptions);
    tellReady({ running, others }, log, options, synthesis?.warnings ?? []);
    await startDebugging(running.current, bundler, inspected);
    if (inspected.size > 0) log.inspecting(inspected);
    log.resumed(running.current.resume());
    if (options.watch) {
      const onRestart = (stack: LocalStack) => void options.page?.attach(stack, others.stacks);
      reloader = new Reloader({ project, running, bundler, log, onRestart });
    }
    const work = async () => {
      await sendSamples({ running, others }, samples, log, interrupted);
      if (options.watch) void bundler?.warmUp(running.current.functions.map(({ name }) => name));
      if (manual) await settleAll({ running, others }, manual, interrupted);
    };
    await Promise.race([once ? work() : work().then(() => aborted(interrupted)), aborted(interrupted)]);
    if (interrupted.aborted) return interruptedRun(running.current, log, options);
    const failures = verdict(samples, steps);
    isOver = true;
    await log.finished(running.current, failures);
    return failures.length > 0 ? 1 : 0;
  } finally {
    await reloader?.stop();
    await others.stop();
    await running.stop();
    await bundler?.stop();
  }
}

/** @returns the exit code */
function interruptedRun(stack: LocalStack, log: RunLog, { data, once }: RunOptions): number {
  log.stopping(stack, data !== undefined);
  return once ? INTERRUPTED : 0;
}

function tellReady(
  { running: { current: stack }, others }: Stacks,
  log: RunLog,
  options: RunOptions,
  warnings: readonly string[],
): void {
  const address = options.page?.attach(stack, others.stacks);
  log.ready(stack, address);
  if (address !== undefined && options.open) openInBrowser(address);
  log.notices([...warnings, ...others.notices, ...stack.notices]);
}

const shownBy = ({ only = [], entity }: RunOptions) => ({
  only,
  idField: only.length > 0 ? entity?.()?.idField : undefined,
});

/** Checks options that can be checked before the synthesis, which takes seconds. */
async function checkOptions(options: RunOptions): Promise<void> {
  const { once, data, port } = options;
  checkSource(options);
  if (options.inProcess && (options.inspect !== undefined || options.allowEgress)) {
    const other = options.inspect === undefined ? '--allow-egress' : '--inspect';
    throw new InputError(
      `--in-process and ${other} exclude each other: that needs a process for each function.`,
    );
  }
  if (data !== undefined) checkDataDirectory(data, once);
  if (port) await requireFreePort(port);
}

/** Functions to be debugged get code that a debugger can show, and a process to attach to. */
async function startDebugging(
  stack: LocalStack,
  bundler: Bundler | undefined,
  inspected: ReadonlyMap<string, number>,
): Promise<void> {
  for (const each of stack.functions.filter(({ name }) => inspected.has(name))) {
    if (bundler?.isKnown(each.name)) stack.replaceCode(each.name, (await bundler.bundle(each.name)).code);
    else each.warmUp();
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
  { running, others }: Stacks,
  samples: readonly Sample[],
  log: RunLog,
  interrupted: AbortSignal,
): Promise<void> {
  let isFirst = true;
  for (const { name, entries } of samples) {
    log.sample(name);
    for (const entry of entries) {
      running.current.eventBridge.putEvents([entry]);
      await settled({ running, others });
      // Let the log print the effects of the last invocation before the next event.
      await new Promise((resolve) => setImmediate(resolve));
      if (interrupted.aborted) return;
      if (isFirst) log.firstEvent();
      isFirst = false;
    }
  }
  if (samples.length > 0) await log.samplesSent(running.current);
}

/** Lets the time run until nothing waits to be tried again, and writes what is still collected. */
async function settleAll(stacks: Stacks, clock: ManualClock, interrupted: AbortSignal): Promise<void> {
  const { current } = stacks.running;
  await settled(stacks);
  while (current.waitingForRetry + stacks.others.waitingForRetry > 0 && !interrupted.aborted) {
    await clock.advance(1000);
    await settled(stacks);
  }
  for (const stream of current.deliveryStreams) await stream.flush();
}

interface Stacks {
  readonly running: RunningStack;
  readonly others: StacksBeside;
}

async function settled({ running, others }: Stacks): Promise<void> {
  await running.current.settled();
  await others.settled();
}

/** Settings that all stacks of the run have. */
function settingsOf(options: RunOptions): Partial<LocalStackOptions> {
  return {
    ...(options.inProcess && { parts: { startEnvironment: loadInProcess()({ world: new SystemWorld() }) } }),
    ...(options.data !== undefined && { dataDirectory: options.data }),
    ...(options.port !== undefined && { port: options.port }),
    ...(options.allowEgress && { allowEgress: options.allowEgress }),
    ...(options.page && { handlers: options.page.handlers }),
    guard: { allowedOrigins: options.allowOrigin ?? [], allowedHosts: options.allowHost ?? [] },
  };
}

function verdict(samples: readonly Sample[], steps: readonly TimedStep[]): string[] {
  const lost = steps
    .filter(({ kind }) => LOSSES.includes(kind))
    .map((step) => `An event was lost: ${JSON.stringify(step)}`);
  const own = steps.filter(({ account }) => account === undefined);
  const missing = samples.flatMap((sample) =>
    missingSteps(sample, own).map(
      (step) => `Sample ${sample.name}: this did not happen: ${JSON.stringify(step)}`,
    ),
  );
  return [...lost, ...missing];
}
