/**
 * An execution environment of a function within this process. It starts in a millisecond where a process takes 60, and
 * time and chance in it are those of a `World`. The isolation of a process is given up: the handler shares memory,
 * signals and unhandled rejections with the engine, and one that never returns to the event loop stops everything.
 */
import { globalsOf, type HandlerWorld, modulesOf } from './handler-globals';
import { type HandlerReply, httpModules, type Transport } from './handler-http';
import { HandlerModules } from './handler-modules';
import { codeFileAt } from './lambda-definition';
import {
  type EnvironmentSettings,
  type ExecutionEnvironment,
  INIT_TIMEOUT_MS,
  type InitFailure,
  type InvocationOutcome,
  type InvocationRequest,
  initFailed,
  outcomeOf,
  type RuntimeResult,
} from './lambda-environment';
import runtime, { type HandlerLog } from './lambda-handler.cjs';

export interface InProcessOptions {
  readonly world: HandlerWorld;
  /** Takes the handler's calls. A host that it does not know is a rejection. */
  readonly transport: Transport;
  /** Leave the frames out of stack traces: files and lines depend on the machine. @default false */
  readonly withoutFrames?: boolean;
}

type Handler = (event: unknown, context: object) => unknown;

export class InProcessEnvironment implements ExecutionEnvironment {
  readonly #settings: EnvironmentSettings;
  readonly #options: InProcessOptions;
  readonly #variables: Record<string, string | undefined>;
  readonly #log: HandlerLog;
  #requestId: string | undefined;
  #partialLine = '';
  #isAlive = true;
  #initDurationMs: number | undefined;
  #loaded: Promise<Handler | InitFailure> | undefined;
  /** Takes what ends the present invocation. */
  #settle: ((answer: RuntimeResult) => void) | undefined;

  constructor(settings: EnvironmentSettings, options: InProcessOptions) {
    this.#settings = settings;
    this.#options = options;
    // By it a function tells that it is started, and may prepare itself: here it is a part of what runs already.
    const { AWS_LAMBDA_INITIALIZATION_TYPE: _, ...variables } = settings.variables;
    this.#variables = variables;
    this.#log = runtime.makeLog({
      environment: this.#variables,
      write: (text) => this.#write(text),
      now: () => options.world.now(),
      requestId: () => this.#requestId,
      describe: (error) => this.#describe(error),
    });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get initDurationMs(): number | undefined {
    return this.#initDurationMs;
  }

  async invoke(invocation: InvocationRequest): Promise<InvocationOutcome> {
    const { requestId } = invocation;
    this.#loaded ??= this.#load();
    const loaded = await this.#loaded;
    if (typeof loaded !== 'function') return initFailed(loaded, requestId);
    const { world } = this.#options;
    const { timeoutSeconds } = this.#settings;
    const start = world.now();
    const message = await this.#run(loaded, invocation, start + 1000 * timeoutSeconds);
    const durationMs = world.now() - start;
    if (message.kind !== 'succeeded' && message.kind !== 'failed') this.#end();
    this.#flush();
    this.#requestId = undefined;
    return outcomeOf(message, { requestId, durationMs, timeoutSeconds });
  }

  /** Ends it as a signal ends a process: whatever runs in it goes nowhere from now on. */
  kill(): void {
    this.#settle?.({ kind: 'exited', reason: 'exited with error: signal: SIGKILL' });
    this.#end();
  }

  async stop(): Promise<void> {
    this.kill();
  }

  #end(): void {
    this.#isAlive = false;
    this.#settle = undefined;
  }

  async #load(): Promise<Handler | InitFailure> {
    const { world } = this.#options;
    const start = world.now();
    try {
      const { _HANDLER: reference = '', LAMBDA_TASK_ROOT: root = '' } = this.#variables;
      const { base, exportName } = runtime.readReference(reference, root);
      const file = codeFileAt(base);
      if (!file) throw runtime.notFound(base);
      const module = await this.#within(INIT_TIMEOUT_MS, importModule(this.#modules(), file));
      if (!module) return this.#notLoaded({ kind: 'timed-out' }, start);
      const handler = runtime.exportedHandler(module.exports, exportName, reference);
      this.#initDurationMs = world.now() - start;
      return handler;
    } catch (error) {
      this.#log.error('Uncaught Exception', error);
      return this.#notLoaded({ kind: 'init-failed', error: this.#describe(error) }, start);
    }
  }

  #notLoaded(message: RuntimeResult, start: number): InitFailure {
    this.#end();
    return { message, durationMs: this.#options.world.now() - start };
  }

  /** @returns undefined if the time is over, or the environment has ended, before the work is done */
  #within<Result>(ms: number, work: Promise<Result>): Promise<Result | undefined> {
    const { world } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = world.after(ms, () => resolve(undefined));
      this.#settle = () => resolve(undefined);
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  #modules(): HandlerModules {
    const { world, transport } = this.#options;
    const globals = globalsOf({
      ...{ world, variables: this.#variables, console: this.#log.console },
      write: (text) => this.#write(text),
      onExit: (code) => this.#exit(code),
      isAlive: () => this.#isAlive,
    });
    const builtins = {
      ...modulesOf(world),
      ...httpModules((request) => this.#call(() => transport(request))),
      // Their own, since the engine's stream and variables are not the handler's.
      process: globals.process,
    };
    return new HandlerModules({ globals, builtins });
  }

  #run(handler: Handler, invocation: InvocationRequest, deadline: number): Promise<RuntimeResult> {
    const { world } = this.#options;
    const { requestId, payload, trace } = invocation;
    this.#requestId = requestId;
    this.#variables._X_AMZN_TRACE_ID = trace;
    return new Promise((resolve) => {
      const timer = world.after(deadline - world.now(), () => settle({ kind: 'timed-out' }));
      const settle = (answer: RuntimeResult) => {
        timer.cancel();
        // An answer that comes later is of an invocation that has ended.
        if (this.#settle !== settle) return;
        this.#settle = undefined;
        resolve(answer);
      };
      this.#settle = settle;
      const context = runtime.contextOf(this.#variables, { ...invocation, deadline }, () => world.now());
      const succeed = (result: unknown) =>
        settle({ kind: 'succeeded', payload: runtime.serialize(result), memoryBytes: 0 });
      const fail = (error: unknown) => {
        if (this.#settle !== settle) return;
        this.#log.error('Invoke Error', error);
        settle({ kind: 'failed', error: this.#describe(error), memoryBytes: 0 });
      };
      new Promise((run) => run(handler(JSON.parse(payload), context))).then(succeed).catch(fail);
    });
  }

  /** A call whose answer nobody gets once the environment has ended. */
  async #call(call: () => Promise<HandlerReply>): Promise<HandlerReply> {
    if (!this.#isAlive) return new Promise(() => {});
    try {
      const reply = await call();
      return this.#isAlive ? reply : await new Promise<never>(() => {});
    } catch (error) {
      if (this.#isAlive) throw error;
      return new Promise(() => {});
    }
  }

  #exit(code: number): void {
    const reason =
      code === 0 ? 'exited without providing a reason' : `exited with error: exit status ${code}`;
    this.#settle?.({ kind: 'exited', reason });
    this.#end();
  }

  #describe(error: unknown) {
    const described = runtime.describe(error);
    if (!this.#options.withoutFrames) return described;
    return { ...described, trace: described.trace?.filter((line) => !/^\s+at /.test(line)) ?? [] };
  }

  #write(text: string): void {
    if (!this.#isAlive) return;
    const lines = (this.#partialLine + text).split('\n');
    this.#partialLine = lines.pop() as string;
    for (const line of lines) if (line !== '') this.#settings.onOutput(line);
  }

  #flush(): void {
    if (this.#partialLine !== '') this.#settings.onOutput(this.#partialLine);
    this.#partialLine = '';
  }
}

async function importModule(modules: HandlerModules, file: string): Promise<{ exports: unknown }> {
  try {
    return { exports: await modules.import(file) };
  } catch (error) {
    throw runtime.loadError(error);
  }
}
