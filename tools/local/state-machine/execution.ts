/** An execution of a state machine: its status, its history, and how it is ended from outside. */
import type { InFlight } from '../services/in-flight';
import { Activity } from './activity';
import type { States } from './definition';
import { type Failure, Interpreter, type InterpreterParts, type Position, timeOf } from './interpreter';
import { StatesError } from './states-error';

export type Status = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** Event of an execution's history; `details` are named as in the API, with times left out. */
export interface HistoryEvent {
  readonly id: number;
  readonly previousId: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  /** E.g. `TaskStateEntered`. */
  readonly type: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface ExecutionParts extends Pick<InterpreterParts, 'world' | 'runTask' | 'onFailure'> {
  readonly inFlight: InFlight;
  readonly onEvent: (event: HistoryEvent) => void;
  /** Called when the execution is over. */
  readonly onEnd: () => void;
}

/** Events of a history. https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
const MAX_EVENTS = 25_000;

/** Ends an execution from outside. */
class Ended extends Error {
  override readonly name = 'Ended';
  constructor(
    readonly status: 'TIMED_OUT' | 'ABORTED' | 'RUNNING',
    readonly failure?: Partial<Failure>,
  ) {
    super(`The execution ended: ${status}.`);
  }
}

export class Execution {
  status: Status = 'RUNNING';
  readonly history: HistoryEvent[] = [];
  output: string | undefined;
  failure: Partial<Failure> = {};
  /** Milliseconds since 1970-01-01 UTC, as all times here. */
  readonly startedAt: number;
  endedAt: number | undefined;
  redrivenAt: number | undefined;
  redriveCount = 0;
  /** Resolves when it is over, or over again. */
  ended: Promise<void> = Promise.resolve();
  readonly #activity: Activity;
  #controller = new AbortController();
  /** State of the outermost level, and its input: a redrive goes on there. */
  #position: Position;

  constructor(
    readonly arn: string,
    readonly name: string,
    /** JSON text. */
    readonly input: string,
    private readonly machine: {
      readonly arn: string;
      readonly name: string;
      readonly role: string;
      readonly states: States;
    },
    private readonly parts: ExecutionParts,
  ) {
    this.startedAt = parts.world.now();
    this.#activity = new Activity(parts.world, parts.inFlight);
    this.#position = { state: machine.states.startAt, input: JSON.parse(input) };
  }

  start(): void {
    this.#record('ExecutionStarted', { input: this.input, roleArn: this.machine.role });
    this.ended = this.#run();
  }

  /** True if it waits for its time. */
  get isAsleep(): boolean {
    return this.#activity.isAsleep;
  }

  /** Goes on at the state that failed; a Parallel or a Map begins again as a whole. */
  /** @returns its time */
  redrive(): number {
    const now = this.parts.world.now();
    this.redriveCount++;
    this.redrivenAt = now;
    this.status = 'RUNNING';
    this.endedAt = undefined;
    this.failure = {};
    this.#controller = new AbortController();
    this.#record('ExecutionRedriven', { redriveCount: this.redriveCount });
    this.ended = this.#run();
    return now;
  }

  stop(failure: Partial<Failure>): void {
    this.#controller.abort(new Ended('ABORTED', failure));
  }

  /** Ends it without a trace, with the run. */
  drop(): void {
    this.#controller.abort(new Ended('RUNNING'));
  }

  /** Never rejects but for a defect of the run. */
  async #run(): Promise<void> {
    const { world } = this.parts;
    const { states } = this.machine;
    this.#activity.begin();
    const timeout =
      states.timeoutSeconds === undefined
        ? undefined
        : world.after(1_000 * states.timeoutSeconds, () => {
            this.#controller.abort(new Ended('TIMED_OUT'));
            return this.#activity.idle;
          });
    try {
      // Whoever started it is told of that before anything of it happens.
      await null;
      const onState = (position: Position) => {
        this.#position = position;
      };
      const output = await this.#interpreter().run(
        ...([states, this.#position, {}, this.#controller.signal, onState] as const),
      );
      this.output = JSON.stringify(output);
      this.#end('SUCCEEDED', { output: this.output });
    } catch (error) {
      this.#fail(error);
    } finally {
      timeout?.cancel();
      this.#activity.end();
    }
  }

  /** @throws the error, if it is a defect */
  #fail(error: unknown): void {
    if (error instanceof StatesError) {
      // A Fail state may have neither.
      this.failure = {
        ...(error.error && { error: error.error }),
        ...(error.cause && { cause: error.cause }),
      };
      this.#end('FAILED', this.failure);
    } else if (error instanceof Ended) {
      if (error.status === 'RUNNING') return;
      this.failure = error.failure ?? {};
      this.#end(error.status, this.failure);
    } else {
      throw error;
    }
  }

  #end(status: Exclude<Status, 'RUNNING'>, details: object): void {
    this.status = status;
    this.endedAt = this.parts.world.now();
    const word = { SUCCEEDED: 'Succeeded', FAILED: 'Failed', TIMED_OUT: 'TimedOut', ABORTED: 'Aborted' }[
      status
    ];
    this.#record(`Execution${word}`, { ...details });
    this.parts.onEnd();
  }

  #record(type: string, details: Readonly<Record<string, unknown>>): void {
    const id = this.history.length + 1;
    const event = { id, previousId: id - 1, at: this.parts.world.now(), type, details };
    this.history.push(event);
    this.parts.onEvent(event);
  }

  #interpreter(): Interpreter {
    const { world, runTask, onFailure } = this.parts;
    return new Interpreter({
      ...{ world, runTask, onFailure, activity: this.#activity },
      context: () => this.#context(),
      record: (type, details) => {
        if (this.history.length >= MAX_EVENTS)
          throw new StatesError(
            'States.Runtime',
            `The execution has reached ${MAX_EVENTS} events of its history.`,
          );
        this.#record(type, details);
      },
    });
  }

  /** https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html */
  #context(): object {
    const { arn, name, role } = this.machine;
    return {
      Execution: {
        ...{ Id: this.arn, Input: JSON.parse(this.input), Name: this.name, RoleArn: role },
        ...{ StartTime: timeOf(this.startedAt), RedriveCount: this.redriveCount },
        ...(this.redrivenAt !== undefined && { RedriveTime: timeOf(this.redrivenAt) }),
      },
      StateMachine: { Id: arn, Name: name },
    };
  }
}
