/** Interpreter of the states language: states one after the other, with retries, catches and branches. */
import type { World } from '../services/world';
import type { Activity } from './activity';
import type { State, States, Work } from './definition';
import type { Scope, StateJson } from './json-path';
import { matchesError, type Retrier, retryDelayMs, StatesError } from './states-error';
import type { TaskResult } from './tasks';

export interface InterpreterParts {
  readonly world: World;
  readonly activity: Activity;
  /** Does the work of a Task. @throws StatesError */
  readonly runTask: (resource: string, parameters: StateJson) => Promise<TaskResult>;
  /** Fields of the context object but for `State` and `Map`. */
  readonly context: () => object;
  /** Something for the history happened, e.g. `TaskStateEntered`. @throws StatesError if the history is full */
  readonly record: (type: string, details: Readonly<Record<string, unknown>>) => void;
  /** A state failed: it is tried again, or another state catches it, or neither. */
  readonly onFailure: (
    state: string,
    failure: Failure,
    then: { readonly retryInMs?: number; readonly caughtBy?: string },
  ) => void;
}

/** A failure, as Retry and Catch see it, and as the execution ends with it. */
export interface Failure {
  readonly error: string;
  readonly cause: string;
}

/** Bytes of a state's output. https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
const MAX_BYTES = 262_144;

export class Interpreter {
  constructor(private readonly parts: InterpreterParts) {}

  /**
   * Runs states to their end.
   * @param from state, and its input
   * @param context fields of the context object, of the Map that they are in
   * @param onState called before each state
   * @returns the last one's output
   * @throws StatesError, and the signal's reason
   */
  async run(
    { states }: States,
    from: Position,
    context: object,
    signal: AbortSignal,
    onState?: (position: Position) => void,
  ): Promise<StateJson> {
    let [name, data]: [string | undefined, StateJson] = [from.state, from.input];
    while (name !== undefined) {
      const state = states.get(name) as State;
      onState?.({ state: name, input: data });
      await this.parts.world.turn();
      signal.throwIfAborted();
      [data, name] = await this.#runState(state, data, context, signal);
      if (Buffer.byteLength(JSON.stringify(data)) > MAX_BYTES)
        throw new StatesError(
          'States.DataLimitExceeded',
          `The output of ${state.name} is over ${MAX_BYTES} bytes.`,
        );
    }
    return data;
  }

  /** @returns the state's output and the name of the next one */
  async #runState(
    state: State,
    raw: StateJson,
    context: object,
    signal: AbortSignal,
  ): Promise<[StateJson, string | undefined]> {
    const { name, work } = state;
    const enteredAt = this.parts.world.now();
    const retries = new Map<Retrier, number>();
    this.parts.record(`${work.type}StateEntered`, { name, input: JSON.stringify(raw) });
    for (let retryCount = 0; ; retryCount++) {
      const of = this.#context(context, {
        Name: name,
        EnteredTime: timeOf(enteredAt),
        RetryCount: retryCount,
      });
      try {
        const [output, next] = await this.#attempt(state, raw, of, signal);
        this.parts.record(`${work.type}StateExited`, { name, output: JSON.stringify(output) });
        return [output, next];
      } catch (error) {
        if (!(error instanceof StatesError)) throw error;
        const retrier = state.retriers.find(({ errors }) => matchesError(errors, error.error));
        const retry = retrier && (retries.get(retrier) ?? 0) + 1;
        if (retrier && retry && retry <= retrier.maxAttempts) {
          retries.set(retrier, retry);
          const retryInMs = retryDelayMs(retrier, retry, this.parts.world.random());
          this.parts.onFailure(name, error, { retryInMs });
          await this.parts.activity.sleep(retryInMs, signal);
          continue;
        }
        const catcher = state.catchers.find(({ errors }) => matchesError(errors, error.error));
        this.parts.onFailure(name, error, { ...(catcher && { caughtBy: catcher.next }) });
        if (!catcher) throw error;
        const output = catcher.writeResult(raw, { Error: error.error, Cause: error.cause });
        this.parts.record(`${work.type}StateExited`, { name, output: JSON.stringify(output) });
        return [output, catcher.next];
      }
    }
  }

  async #attempt(
    state: State,
    raw: StateJson,
    context: StateJson,
    signal: AbortSignal,
  ): Promise<[StateJson, string | undefined]> {
    const { world } = this.parts;
    const scope = (input: StateJson): Scope => ({
      ...{ input, context, uuid: () => world.uuid(), random: () => world.random() },
    });
    const selected = state.input(scope(raw));
    const input = state.parameters ? state.parameters(scope(selected)) : selected;
    const { result, next = state.next, isResult } = await this.#work(state.work, scope(input), signal);
    const chosen = isResult && state.selectResult ? state.selectResult(scope(result)) : result;
    const written = isResult ? state.writeResult(raw, chosen) : input;
    return [state.output(scope(written)), next];
  }

  /** @returns `isResult`: it goes where the ResultPath says; otherwise the input is the output */
  async #work(
    work: Work,
    scope: Scope,
    signal: AbortSignal,
  ): Promise<{ result: StateJson; isResult: boolean; next?: string }> {
    const { input } = scope;
    const passedOn = { result: input, isResult: false };
    switch (work.type) {
      case 'Pass':
        return { result: work.result ?? input, isResult: true };
      case 'Task':
        return { result: await this.#task(work, scope, signal), isResult: true };
      case 'Choice': {
        const next = work.rules.find(({ holds }) => holds(scope))?.next ?? work.otherwise;
        if (next === undefined)
          throw new StatesError('States.NoChoiceMatched', 'No rule holds, and there is no Default.');
        return { ...passedOn, next };
      }
      case 'Wait':
        await this.parts.activity.sleep(this.#waitMs(work.until(scope)), signal);
        return passedOn;
      case 'Succeed':
        return passedOn;
      case 'Fail': {
        const [error, cause] = [work.error?.(scope), work.cause?.(scope)];
        throw new StatesError(String(error ?? ''), String(cause ?? ''));
      }
      case 'Parallel': {
        const branches = work.branches.map(
          (branch) => (of: AbortSignal) =>
            this.run(branch, { state: branch.startAt, input }, scope.context as object, of),
        );
        return { result: await this.parts.activity.all(branches, signal), isResult: true };
      }
      case 'Map':
        return { result: await this.#map(work, scope, signal), isResult: true };
    }
  }

  #waitMs(until: StateJson): number {
    if (typeof until === 'number') return 1_000 * until;
    return Math.max(0, Date.parse(String(until)) - this.parts.world.now());
  }

  async #task(work: Extract<Work, { type: 'Task' }>, scope: Scope, signal: AbortSignal): Promise<StateJson> {
    const { resource, timeoutSeconds } = work;
    const parameters = JSON.stringify(scope.input);
    this.parts.record('TaskScheduled', { resource, parameters });
    const seconds = timeoutSeconds?.(scope);
    try {
      const running = this.parts.runTask(resource, scope.input);
      const { value, durationMs = 0 } = await orAborted(running, signal);
      // A handler's time is the machine's, whatever clock the run has: it is known when it ends.
      if (typeof seconds === 'number' && durationMs > 1_000 * seconds)
        throw new StatesError('States.Timeout', `The task took longer than ${seconds} seconds.`);
      this.parts.record('TaskSucceeded', { resource, output: JSON.stringify(value) });
      return value;
    } catch (error) {
      if (!(error instanceof StatesError)) throw error;
      const type = error.error === 'States.Timeout' ? 'TaskTimedOut' : 'TaskFailed';
      this.parts.record(type, { resource, error: error.error, cause: error.cause });
      throw error;
    }
  }

  async #map(work: Extract<Work, { type: 'Map' }>, scope: Scope, signal: AbortSignal): Promise<StateJson> {
    const items = work.items(scope);
    if (!Array.isArray(items)) throw new StatesError('States.Runtime', 'The items of a Map are no array.');
    const { processor, selectItem } = work;
    const results: StateJson[] = [];
    const queue = [...items.entries()];
    const worker = async (of: AbortSignal) => {
      for (let taken = queue.shift(); taken; taken = queue.shift()) {
        const [index, item] = taken;
        const context = { ...(scope.context as object), Map: { Item: { Index: index, Value: item } } };
        const input = selectItem ? selectItem({ ...scope, context }) : item;
        results[index] = await this.run(processor, { state: processor.startAt, input }, context, of);
      }
    };
    const most = Number(work.maxConcurrency(scope)) || items.length;
    await this.parts.activity.all(
      Array.from({ length: Math.min(most, items.length) }, () => worker),
      signal,
    );
    return results;
  }

  #context(outer: object, state: { readonly [field: string]: StateJson }): StateJson {
    return { ...outer, ...this.parts.context(), State: state } as StateJson;
  }
}

/** A state, and its input. */
export interface Position {
  readonly state: string;
  readonly input: StateJson;
}

export const timeOf = (at: number): string => new Date(at).toISOString();

/** The work's result, unless the signal is aborted first. @throws the signal's reason */
function orAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const broken = () => reject(signal.reason);
    signal.addEventListener('abort', broken);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', broken));
  });
}
