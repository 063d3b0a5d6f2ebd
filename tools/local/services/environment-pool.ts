/**
 * A function's execution environments: those that run an event, those that wait for the next, and who waits for one.
 */
import os from 'node:os';
import type { InFlight } from './in-flight';
import type { FunctionDefinition } from './lambda-definition';
import { LoggedEnvironment, type LoggedEnvironmentOptions } from './logged-environment';

export interface EnvironmentPoolOptions extends LoggedEnvironmentOptions {
  /** Takes the end of environments. */
  readonly inFlight: InFlight;
  /**
   * The most environments that run at once; events wait for a free one. This is the machine's limit, and not a
   * throttle as `reservedConcurrency` is.
   * @default as many as the machine has processors, but at least 2
   */
  readonly maxEnvironments?: number;
}

export class EnvironmentPool {
  readonly #functionName: string;
  readonly #options: EnvironmentPoolOptions;
  readonly #maxEnvironments: number;
  #definition: FunctionDefinition;
  #idle: LoggedEnvironment[] = [];
  readonly #busy = new Set<LoggedEnvironment>();
  /** Invocations that wait for an environment, first come, first served. */
  readonly #waiting: ((environment: LoggedEnvironment | undefined) => void)[] = [];
  #stopped = false;

  constructor(functionName: string, definition: FunctionDefinition, options: EnvironmentPoolOptions) {
    this.#functionName = functionName;
    this.#options = options;
    this.#definition = definition;
    // One port is one process: a function that is debugged handles one event at a time.
    this.#maxEnvironments =
      options.inspectPort === undefined
        ? (options.maxEnvironments ?? Math.max(2, os.availableParallelism()))
        : 1;
  }

  /** Number of events that have an environment, or wait for one. */
  get wanted(): number {
    return this.#busy.size + this.#waiting.length;
  }

  /** Starts an environment before the first event, so that a debugger finds it. */
  warmUp(): void {
    if (this.#idle.length + this.#busy.size === 0) this.#idle.push(this.#newEnvironment());
  }

  /** Takes over new code or configuration for the next event; invocations that run end with the old one. */
  update(definition: FunctionDefinition): void {
    this.#definition = definition;
    const retired = this.#idle;
    this.#idle = [];
    const gone = Promise.all(retired.map((environment) => environment.stop()));
    this.#options.inFlight.track(
      gone.then(() => {
        if (this.#options.inspectPort !== undefined && !this.#stopped) this.warmUp();
      }),
    );
  }

  /** @returns undefined if the pool was stopped before there was one */
  acquire(): Promise<LoggedEnvironment | undefined> | LoggedEnvironment | undefined {
    if (this.#stopped) return undefined;
    let environment = this.#idle.pop();
    while (environment && !environment.isAlive) environment = this.#idle.pop();
    if (!environment && this.#busy.size < this.#maxEnvironments) environment = this.#newEnvironment();
    if (!environment) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#busy.add(environment);
    return environment;
  }

  release(environment: LoggedEnvironment): void {
    if (this.#stopped || (environment.isAlive && environment.definition === this.#definition)) {
      this.#handOn(environment, environment);
      return;
    }
    const gone = environment.stop();
    this.#options.inFlight.track(gone);
    // The debugger's port is free only when the process is gone.
    if (this.#options.inspectPort === undefined) this.#handOn(environment, undefined);
    else void gone.then(() => this.#handOn(environment, this.#stopped ? undefined : this.#newEnvironment()));
  }

  /** Ends all environments at once and resolves when they are gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const giveUp of this.#waiting.splice(0)) giveUp(undefined);
    await Promise.all([...this.#idle, ...this.#busy].map((environment) => environment.stop()));
  }

  /** @param successor what takes the place of the environment; a new one is made if somebody waits */
  #handOn(environment: LoggedEnvironment, successor: LoggedEnvironment | undefined): void {
    this.#busy.delete(environment);
    if (this.#stopped) return;
    const next = this.#waiting.shift();
    if (next) {
      const used = successor ?? this.#newEnvironment();
      this.#busy.add(used);
      next(used);
    } else if (successor) {
      this.#idle.push(successor);
    }
  }

  #newEnvironment(): LoggedEnvironment {
    return new LoggedEnvironment(this.#functionName, this.#definition, this.#options);
  }
}
