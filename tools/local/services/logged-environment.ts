/** An execution environment of a function with its log stream, and the lines that Lambda itself writes there. */
import type { StepListener } from '../steps';
import { type FunctionDefinition, type FunctionSettings, settingsOf } from './lambda-definition';
import type {
  EnvironmentSettings,
  ExecutionEnvironment,
  InvocationOutcome,
  InvocationRequest,
} from './lambda-environment';
import { ProcessEnvironment } from './lambda-process';
import { type Surroundings, variablesOf } from './lambda-variables';
import type { SourcePositions } from './source-positions';
import type { World } from './world';

export interface Run {
  readonly outcome: InvocationOutcome;
  readonly logTail: string;
}

export interface LoggedEnvironmentOptions extends Surroundings {
  readonly world: World;
  /** Starts the environment in which the handler runs. @default a process of its own */
  readonly startEnvironment?: (settings: EnvironmentSettings) => ExecutionEnvironment;
  /** A debugger may attach to the function at this port. @default none */
  readonly inspectPort?: number | undefined;
  /** Names positions in the bundle, in what the function writes and throws, by the files that it was made of. */
  readonly positions?: SourcePositions;
  /** Takes each line of the function's log. */
  readonly log?: (group: string, stream: string, timestamp: number, message: string) => void;
  readonly onStep?: StepListener;
}

/** Size of `LogType: Tail`, in characters. */
const MAX_LOG_TAIL = 4096;

const SYSTEM_LEVELS = ['DEBUG', 'INFO', 'WARN'];

/** An execution environment with its log stream. */
export class LoggedEnvironment {
  readonly #environment: ExecutionEnvironment;
  readonly #settings: FunctionSettings;
  readonly #logStream: string;
  readonly #options: LoggedEnvironmentOptions;
  #requestId: string | undefined;
  #tail = '';

  constructor(
    readonly functionName: string,
    readonly definition: FunctionDefinition,
    options: LoggedEnvironmentOptions,
  ) {
    this.#options = options;
    this.#settings = settingsOf(definition.resource);
    const today = new Date(options.world.now()).toISOString().slice(0, 10).replaceAll('-', '/');
    this.#logStream = `${today}/[$LATEST]${options.world.randomBytes(16).toString('hex')}`;
    const { memorySizeMb, timeoutSeconds } = this.#settings;
    const { startEnvironment = (each) => new ProcessEnvironment(each) } = options;
    this.#environment = startEnvironment({
      taskRoot: definition.code,
      variables: variablesOf(definition, this.#logStream, options),
      memorySizeMb,
      timeoutSeconds,
      inspectPort: options.inspectPort,
      onOutput: (line) => this.#log(this.#named(line)),
      onEgressRefused: (host) =>
        options.onStep?.({
          kind: 'egress-refused',
          function: functionName,
          host,
          ...(this.#requestId && { requestId: this.#requestId }),
        }),
    });
  }

  get isAlive(): boolean {
    return this.#environment.isAlive;
  }

  get isCold(): boolean {
    return this.#environment.initDurationMs === undefined;
  }

  async invoke(invocation: InvocationRequest): Promise<Run> {
    const { requestId } = invocation;
    this.#requestId = requestId;
    this.#tail = '';
    const wasCold = this.isCold;
    this.#logPlatform('start', 'success', { requestId, version: '$LATEST' });
    const outcome = this.#namedOutcome(await this.#environment.invoke(invocation));
    this.#logReport(requestId, outcome, wasCold);
    this.#requestId = undefined;
    return { outcome, logTail: this.#tail };
  }

  stop(): Promise<void> {
    return this.#environment.stop();
  }

  #named(text: string): string {
    return this.#options.positions?.named(text, this.functionName, this.definition.code) ?? text;
  }

  #namedOutcome(outcome: InvocationOutcome): InvocationOutcome {
    if (!outcome.error) return outcome;
    const payload = this.#named(outcome.payload);
    return { ...outcome, payload, error: JSON.parse(payload) };
  }

  #logReport(
    requestId: string,
    { status, durationMs, memoryBytes, error }: InvocationOutcome,
    wasCold: boolean,
  ): void {
    const initDurationMs = wasCold ? this.#environment.initDurationMs : undefined;
    const metrics = {
      durationMs: Number(durationMs.toFixed(3)),
      billedDurationMs: Math.ceil(durationMs + (initDurationMs ?? 0)),
      memorySizeMB: this.#settings.memorySizeMb,
      maxMemoryUsedMB: Math.ceil(memoryBytes / 2 ** 20),
      ...(initDurationMs !== undefined && { initDurationMs: Number(initDurationMs.toFixed(3)) }),
    };
    const errorType = error && { errorType: error.errorType };
    this.#logPlatform('runtimeDone', status, { requestId, status, ...errorType, metrics: { durationMs } });
    this.#logPlatform('report', status, { requestId, metrics, status, ...errorType });
  }

  /** Lines of Lambda itself: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html */
  #logPlatform(
    type: 'start' | 'runtimeDone' | 'report',
    status: InvocationOutcome['status'],
    record: Record<string, unknown> & { metrics?: Record<string, number> },
  ): void {
    const { isJson, systemLevel } = this.#settings;
    if (isJson) {
      const level = status !== 'success' ? 'WARN' : type === 'runtimeDone' ? 'DEBUG' : 'INFO';
      if (SYSTEM_LEVELS.indexOf(level) < SYSTEM_LEVELS.indexOf(systemLevel)) return;
      const time = new Date(this.#options.world.now()).toISOString();
      this.#log(JSON.stringify({ time, type: `platform.${type}`, record }));
      return;
    }
    const { requestId, metrics } = record;
    if (type === 'start') this.#log(`START RequestId: ${requestId} Version: $LATEST`);
    else if (type === 'runtimeDone') this.#log(`END RequestId: ${requestId}`);
    else {
      const init =
        metrics?.initDurationMs === undefined ? '' : `Init Duration: ${metrics.initDurationMs} ms\t`;
      const failed = status === 'success' || status === 'error' ? '' : `Status: ${status}\t`;
      this.#log(
        `REPORT RequestId: ${requestId}\tDuration: ${metrics?.durationMs} ms\tBilled Duration: ${metrics?.billedDurationMs} ms\tMemory Size: ${metrics?.memorySizeMB} MB\tMax Memory Used: ${metrics?.maxMemoryUsedMB} MB\t${init}${failed}`,
      );
    }
  }

  #log(line: string): void {
    const { logGroup } = this.#settings;
    this.#tail = `${this.#tail}${line}\n`.slice(-MAX_LOG_TAIL);
    this.#options.log?.(logGroup, this.#logStream, this.#options.world.now(), line);
    this.#options.onStep?.({
      kind: 'log-line',
      function: this.functionName,
      logGroup,
      message: line,
      ...(this.#requestId && { requestId: this.#requestId }),
    });
  }
}
