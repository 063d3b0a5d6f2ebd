/**
 * A Lambda function: its asynchronous queue with retries, age limit and failure destination, its concurrency, and
 * the environments that run its bundled code.
 *
 * A handler's own time (its timeout, its duration) is the machine's, whatever clock the stack runs on: real work
 * cannot be sped up.
 */

import { defined } from '../../defined';
import { parseExactly, stringifyExactly } from '../../eventbridge/exact-json';
import { ASYNC_INVOCATION, throttleDelayMs } from '../../eventbridge/service-facts';
import type { Resource } from '../../template/assembly';
import { expectKnown } from '../../template/placeholder';
import type { StepListener } from '../steps';
import { EnvironmentPool, type EnvironmentPoolOptions } from './environment-pool';
import { brokenOutcome, type Faults } from './faults';
import type { InFlight } from './in-flight';
import { checkDefinition, type FunctionDefinition } from './lambda-definition';
import type { InvocationOutcome } from './lambda-environment';
import type { Run } from './logged-environment';
import { ServiceError } from './service-error';
import type { Kept, Unfinished } from './unfinished';
import type { World } from './world';

export interface InvocationResult {
  readonly statusCode: 200;
  /** JSON text: what the handler returned, or `{errorType, errorMessage, trace}`. */
  readonly payload: string;
  readonly functionError?: 'Unhandled';
  /** The last 4 KiB of what the invocation logged, as `LogType: Tail` gives it (not base64). */
  readonly logTail: string;
  readonly requestId: string;
  /** Milliseconds that the handler took, of the machine. */
  readonly durationMs: number;
}

export interface LambdaOptions extends EnvironmentPoolOptions {
  /** Takes the invocations that run or wait for a free environment, but no retry that waits for its time. */
  readonly inFlight: InFlight;
  /** Calls that are broken on purpose. @default none */
  readonly faults?: Faults;
  /** Keeps the asynchronous queue. @default it is gone when the process ends */
  readonly unfinished?: Unfinished<AsyncEvent>;
}

/** An event in the function's asynchronous queue. */
export interface AsyncEvent {
  readonly requestId: string;
  readonly payload: string;
  readonly trace: string | undefined;
  readonly acceptedAt: number;
  /** Completed attempts; a throttle is none. */
  attempts: number;
  throttles: number;
  lastOutcome?: InvocationOutcome;
  /** The delay before the next attempt, and when it is over. Absent when it is under way, or is to be at once. */
  wait?: { readonly until: number; readonly delayMs: number };
}

export class LambdaFunction {
  readonly name: string;
  readonly arn: string;
  /** Value of PutFunctionConcurrency: 0 throttles everything, undefined is no limit. */
  reservedConcurrency: number | undefined;

  readonly #options: LambdaOptions;
  readonly #environments: EnvironmentPool;
  #definition: FunctionDefinition;
  /** Retries that wait for their time. */
  readonly #timers = new Set<{ cancel(): void }>();
  #stopped = false;

  /** @throws AssemblyError for what would change how the function runs and is not known here */
  constructor(definition: FunctionDefinition, options: LambdaOptions) {
    this.name = definition.resource.name;
    this.arn = definition.resource.arn;
    this.#options = options;
    this.#definition = checkDefinition(definition);
    this.#environments = new EnvironmentPool(this.name, this.#definition, options);
    this.reservedConcurrency = definition.resource.properties.ReservedConcurrentExecutions;
  }

  /** Starts an environment before the first event, so that a debugger finds it. */
  warmUp(): void {
    this.#environments.warmUp();
  }

  get definition(): FunctionDefinition {
    return this.#definition;
  }

  get resource(): Resource {
    return this.#definition.resource;
  }

  /**
   * New code or configuration: what runs ends as it began, and the next event meets the new.
   * @throws AssemblyError, and then nothing has changed
   */
  update(definition: FunctionDefinition): void {
    this.#definition = checkDefinition(definition);
    this.reservedConcurrency = definition.resource.properties.ReservedConcurrentExecutions;
    this.#environments.update(this.#definition);
  }

  /**
   * Synchronous invocation (`RequestResponse`).
   * @param payload JSON text
   * @param trace the caller's X-Amzn-Trace-Id
   * @throws ServiceError (TooManyRequestsException when throttled, ServiceException when stopped)
   */
  async invoke(payload: string, trace?: string): Promise<InvocationResult> {
    if (this.#isThrottled()) {
      throw new ServiceError('TooManyRequestsException', 'Rate Exceeded.', 429, {
        Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
      });
    }
    const requestId = this.#options.world.uuid();
    const run = await this.#run(requestId, payload, trace, 1);
    if (!run) throw new ServiceError('ServiceException', 'The function was stopped.', 500);
    const { outcome, logTail } = run;
    this.#reportOutcome(requestId, 1, outcome);
    return {
      statusCode: 200,
      payload: outcome.payload,
      ...(outcome.error && { functionError: 'Unhandled' }),
      ...{ logTail, requestId, durationMs: outcome.durationMs },
    };
  }

  /**
   * Asynchronous invocation (`Event`): the event is queued, and retried by the function's configuration.
   * @returns the request id
   */
  invokeAsync(payload: string, trace?: string): string {
    const event: AsyncEvent = {
      requestId: this.#options.world.uuid(),
      payload,
      trace,
      acceptedAt: this.#options.world.now(),
      attempts: 0,
      throttles: 0,
    };
    this.#track(event, this.#options.unfinished?.keep(event));
    return event.requestId;
  }

  /**
   * Takes up the events that an earlier run left in the queue; what was under way then is tried again.
   * @returns how many there are
   */
  resume(): number {
    const left = this.#options.unfinished?.restored() ?? [];
    for (const [event, kept] of left) {
      const { wait } = event;
      if (wait) this.#retryAfter(Math.min(wait.delayMs, wait.until - this.#options.world.now()), event, kept);
      else this.#track(event, kept);
    }
    return left.length;
  }

  /** Number of events that wait to be tried again. */
  get waitingForRetry(): number {
    return this.#timers.size;
  }

  /** Ends all environments at once and resolves when they are gone; what waits or is under way stays in the store. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    await this.#environments.stop();
  }

  #isThrottled(): boolean {
    if (this.#options.faults?.take(this.name, 'throttle')) return true;
    return this.reservedConcurrency !== undefined && this.#environments.wanted >= this.reservedConcurrency;
  }

  #track(event: AsyncEvent, kept: Kept<AsyncEvent> | undefined): void {
    const { world, inFlight } = this.#options;
    // An event that has not begun when the function stops stays in the store, for the next run.
    world.defer(() => this.#stopped || inFlight.track(this.#attempt(event, kept)));
  }

  async #attempt(event: AsyncEvent, kept: Kept<AsyncEvent> | undefined): Promise<void> {
    const { requestId } = event;
    if (this.#options.world.now() - event.acceptedAt > this.#maxAgeMs) {
      this.#giveUp(event, 'EventAgeExceeded');
      kept?.finish();
      return;
    }
    if (this.#isThrottled()) {
      event.throttles++;
      const retryInMs = throttleDelayMs(event.throttles);
      this.#report({ kind: 'invocation-throttled', function: this.name, requestId, retryInMs });
      this.#retryAfter(retryInMs, event, kept);
      return;
    }
    const run = await this.#run(requestId, event.payload, event.trace, event.attempts + 1);
    if (!run || this.#stopped) return;
    const { outcome } = run;
    event.attempts++;
    event.lastOutcome = outcome;
    const { retryDelaysSeconds } = ASYNC_INVOCATION;
    const retries = expectKnown(this.#definition.invokeConfig.retries);
    const delaySeconds = event.attempts <= retries ? retryDelaysSeconds[event.attempts - 1] : undefined;
    const retryInMs = outcome.error && delaySeconds ? 1000 * delaySeconds : undefined;
    this.#reportOutcome(requestId, event.attempts, outcome, retryInMs);
    if (retryInMs !== undefined) {
      this.#retryAfter(retryInMs, event, kept);
      return;
    }
    if (outcome.error) this.#giveUp(event, 'RetriesExhausted');
    kept?.finish();
  }

  get #maxAgeMs(): number {
    return 1000 * expectKnown(this.#definition.invokeConfig.ageSeconds);
  }

  /** Tries again at that time, or when the event gets too old, whichever is first. */
  #retryAfter(ms: number, event: AsyncEvent, kept: Kept<AsyncEvent> | undefined): void {
    const { world } = this.#options;
    const untilTooOld = event.acceptedAt + this.#maxAgeMs - world.now() + 1;
    const delayMs = Math.min(ms, untilTooOld);
    event.wait = { until: world.now() + delayMs, delayMs };
    kept?.update(event);
    const timer = world.after(delayMs, () => {
      this.#timers.delete(timer);
      delete event.wait;
      const attempt = this.#attempt(event, kept);
      this.#options.inFlight.track(attempt);
      return attempt;
    });
    this.#timers.add(timer);
  }

  /** https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
  #giveUp(event: AsyncEvent, condition: 'RetriesExhausted' | 'EventAgeExceeded'): void {
    const { requestId, lastOutcome } = event;
    const { onFailure } = this.#definition;
    const lost = (message: string) =>
      this.#report({ kind: 'invocation-lost', function: this.name, requestId, condition, message });
    if (!onFailure) {
      lost('The function has no destination for failures.');
      return;
    }
    const envelope = {
      version: '1.0',
      timestamp: new Date(this.#options.world.now()).toISOString(),
      requestContext: {
        requestId,
        functionArn: `${this.arn}:$LATEST`,
        condition,
        approximateInvokeCount: event.attempts,
      },
      requestPayload: parseExactly(event.payload),
      ...(lastOutcome && {
        responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
        responsePayload: parseExactly(lastOutcome.payload),
      }),
    };
    try {
      onFailure.send(stringifyExactly(envelope));
    } catch (error) {
      lost(`${onFailure.arn} could not be reached: ${(error as Error).message}`);
      return;
    }
    this.#report({
      kind: 'invocation-given-up',
      function: this.name,
      requestId,
      condition,
      destination: onFailure.arn,
    });
  }

  /** @returns undefined if the function was stopped before the event had its turn */
  async #run(
    requestId: string,
    payload: string,
    trace: string | undefined,
    attempt: number,
  ): Promise<Run | undefined> {
    const environment = await this.#environments.acquire();
    if (!environment) return undefined;
    const isTraced = this.resource.properties.TracingConfig?.Mode === 'Active';
    const callTrace = continueTrace(trace, this.#options.world, isTraced);
    const coldStart = environment.isCold;
    this.#report({
      kind: 'invocation-started',
      function: this.name,
      requestId,
      attempt,
      coldStart,
      callTrace,
    });
    const fault = this.#options.faults?.take(this.name, 'fail', 'time-out');
    const run = fault
      ? {
          outcome: brokenOutcome(fault, requestId, 1_000 * Number(this.resource.properties.Timeout ?? 3)),
          logTail: '',
        }
      : await environment.invoke({
          ...{ requestId, payload, functionArn: this.arn, trace: callTrace },
          now: this.#options.world.now(),
        });
    this.#environments.release(environment);
    return run;
  }

  #reportOutcome(requestId: string, attempt: number, outcome: InvocationOutcome, retryInMs?: number): void {
    const { error, payload } = outcome;
    const durationMs = Math.round(100 * outcome.durationMs) / 100;
    const common = { function: this.name, requestId, attempt, durationMs };
    if (!error) {
      this.#report({ kind: 'invocation-succeeded', ...common, result: payload });
      return;
    }
    this.#report({
      kind: 'invocation-failed',
      ...common,
      ...failureOf(error),
      ...defined({ retryInMs }),
    });
  }

  #report: StepListener = (step) => this.#options.onStep?.(step);
}

/** The error, with the frames of its stack trace. */
function failureOf({ errorType, errorMessage, trace = [] }: NonNullable<InvocationOutcome['error']>) {
  const frames = trace.filter((line) => /^\s+at /.test(line)).map((line) => line.trim());
  return { errorType, errorMessage, ...(frames.length > 0 && { frames }) };
}

/**
 * The invocation's own segment within the caller's trace, or within a new one. X-Ray keeps it if the caller's is kept, or
 * the function is traced; here that is every call of it, whatever the sampling rule.
 */
function continueTrace(trace: string | undefined, world: World, isTraced: boolean): string {
  const seconds = Math.floor(world.now() / 1000)
    .toString(16)
    .padStart(8, '0');
  const root =
    /Root=([^;]+)/.exec(trace ?? '')?.[1] ?? `1-${seconds}-${world.randomBytes(12).toString('hex')}`;
  const sampled = isTraced || trace?.includes('Sampled=1') ? 1 : 0;
  return `Root=${root};Parent=${world.randomBytes(8).toString('hex')};Sampled=${sampled}`;
}
