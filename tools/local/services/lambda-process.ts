/**
 * An execution environment of a function that is a process of its own.
 *
 * A process and not a worker thread, although a thread starts in 20 ms where a process takes 60 ms (Node 20, two
 * cores): a thread shares the time zone, the working directory, the signals and all memory outside of the heap
 * with the engine, and a crash below JavaScript would take the engine along.
 */
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { SystemClock } from './clock';
import {
  type EnvironmentSettings,
  type ExecutionEnvironment,
  INIT_TIMEOUT_MS,
  type InitFailure,
  type InvocationOutcome,
  type InvocationRequest,
  initFailed,
  type Message,
  outcomeOf,
  type RuntimeResult,
} from './lambda-environment';
import { stopwatch } from './world';

/** Message that does not end the present invocation. */
type Notice = { kind: 'egress-refused'; host: string };

/** Time limit while debugging. */
const DEBUGGING_MS = 24 * 60 * 60 * 1000;
/** A process's limits are measured in the machine's time, whatever the stack's. */
const MACHINE = new SystemClock();
/** Node's own output with --inspect. */
const DEBUGGER_NOTICE =
  /^(Debugger (listening|attached|ending) ?|For help, see: https:\/\/nodejs\.org|Waiting for the debugger)/;

export class ProcessEnvironment implements ExecutionEnvironment {
  readonly #child: ChildProcess;
  readonly #settings: EnvironmentSettings;
  readonly #sinceStart = stopwatch();
  readonly #exited: Promise<void>;
  /** Resolves when the handler is loaded, with what kept it from being loaded if anything did. */
  readonly #initialized: Promise<InitFailure | undefined>;
  /** Undefined until the handler is loaded. */
  #initDurationMs: number | undefined;
  #partialLine = '';
  /** Takes the message that ends what is under way: the loading of the handler, or an invocation. */
  #settle: ((message: Message | { kind: 'exited'; reason: string }) => void) | undefined;
  #ended = false;
  /** The last invocation whose output is read to its end. */
  #heardOf: string | undefined;
  #onHeard: (() => void) | undefined;

  constructor(settings: EnvironmentSettings) {
    this.#settings = settings;
    this.#child = fork(path.join(__dirname, 'lambda-runtime.cjs'), [], {
      cwd: settings.taskRoot,
      env: settings.variables,
      // A module that is preloaded so also guards the worker threads and the processes that the handler forks.
      execArgv: [
        `--max-old-space-size=${settings.memorySizeMb}`,
        ...(settings.inspectPort === undefined ? [] : [`--inspect=127.0.0.1:${settings.inspectPort}`]),
        ...['--require', path.join(__dirname, 'lambda-egress.cjs')],
      ],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child.on('message', (message: Message | Notice) => {
      if (message.kind === 'egress-refused') settings.onEgressRefused(message.host);
      else this.#settle?.(message);
    });
    // The second is what is written past the runtime, such as V8's last words when the heap is full.
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#output(text));
    }
    this.#exited = new Promise((resolve) => {
      const exit = (reason: string) => {
        this.#ended = true;
        this.#flushOutput();
        this.#settle?.({ kind: 'exited', reason });
        resolve();
      };
      this.#child.on('error', (error) => {
        // For a running process the error is a failed send; its end is reported by `close`.
        if (this.#child.pid === undefined) exit(`could not be started: ${error.message}`);
      });
      this.#child.once('close', (code, signal) => exit(exitReason(code, signal)));
    });
    this.#initialized = this.#initialize();
  }

  /** False once the process has ended or was told to: it takes no more events. */
  get isAlive(): boolean {
    return !this.#ended;
  }

  /** Milliseconds from the start of the process until its handler was loaded. */
  get initDurationMs(): number | undefined {
    return this.#initDurationMs;
  }

  /** Runs one event; never rejects. Waits for the handler to be loaded first. Not to be called while one runs. */
  async invoke(invocation: InvocationRequest): Promise<InvocationOutcome> {
    const failure = await this.#initialized;
    if (failure) return initFailed(failure, invocation.requestId);
    const { timeoutSeconds, inspectPort } = this.#settings;
    const elapsed = stopwatch();
    const timeoutMs = inspectPort === undefined ? 1000 * timeoutSeconds : DEBUGGING_MS;
    const answer = this.#answer(timeoutMs);
    this.#child.send({ ...invocation, deadline: MACHINE.now() + timeoutMs });
    const message = await answer;
    const durationMs = elapsed();
    if (message.kind === 'succeeded' || message.kind === 'failed') await this.#outputOf(invocation.requestId);
    this.#flushOutput();
    if (message.kind !== 'succeeded' && message.kind !== 'failed') await this.stop();
    return outcomeOf(message, { requestId: invocation.requestId, durationMs, timeoutSeconds });
  }

  /** Ends the process at once, whatever it does, and resolves when it is gone. */
  async stop(): Promise<void> {
    this.#ended = true;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async #initialize(): Promise<InitFailure | undefined> {
    const isInspected = this.#settings.inspectPort !== undefined;
    const message = await this.#answer(isInspected ? DEBUGGING_MS : INIT_TIMEOUT_MS);
    const durationMs = this.#sinceStart();
    this.#flushOutput();
    if (message.kind === 'ready') {
      this.#initDurationMs = durationMs;
      return undefined;
    }
    await this.stop();
    return { message, durationMs };
  }

  #answer(timeoutMs: number) {
    return new Promise<RuntimeResult>((resolve) => {
      const settle = (message: Parameters<typeof resolve>[0]) => {
        timer.cancel();
        this.#settle = undefined;
        resolve(message);
      };
      const timer = MACHINE.after(timeoutMs, () => settle({ kind: 'timed-out' }));
      this.#settle = settle;
    });
  }

  #output(text: string): void {
    const lines = (this.#partialLine + text).split('\n');
    this.#partialLine = lines.pop() as string;
    for (const line of lines) {
      if (line.startsWith('\0')) this.#outputEnded(line.slice(1));
      else if (this.#settings.inspectPort !== undefined && DEBUGGER_NOTICE.test(line)) continue;
      else if (line !== '') this.#settings.onOutput(line);
    }
  }

  #outputEnded(requestId: string): void {
    this.#heardOf = requestId;
    this.#onHeard?.();
  }

  /** The output comes another way than the answer: resolves when all that the invocation wrote is read. */
  async #outputOf(requestId: string): Promise<void> {
    if (this.#heardOf === requestId) return;
    const heard = new Promise<void>((resolve) => {
      this.#onHeard = resolve;
    });
    await Promise.race([heard, this.#exited]);
  }

  #flushOutput(): void {
    if (this.#partialLine !== '') this.#output('\n');
  }
}

function exitReason(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal) return `exited with error: signal: ${signal === 'SIGABRT' ? 'aborted' : signal}`;
  return code === 0 ? 'exited without providing a reason' : `exited with error: exit status ${code}`;
}
