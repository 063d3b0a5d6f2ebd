/**
 * A state machine of Step Functions, Standard or Express. Its executions live as long as the run.
 * https://docs.aws.amazon.com/step-functions/latest/dg/welcome.html
 */
import { type Assembly, AssemblyError, type Resource } from '../../template/assembly';
import { reasonsOf } from '../../template/placeholder';
import type { Policies } from '../../template/policies';
import type { InFlight } from '../services/in-flight';
import { requireKnownProperties } from '../services/known-properties';
import type { LogGroups } from '../services/log-groups';
import { ServiceError } from '../services/service-error';
import type { World } from '../services/world';
import { type StepListener, withRequest } from '../steps';
import { compileDefinition, type States } from './definition';
import { Execution, type HistoryEvent, type Status } from './execution';
import { DefinitionError, UnknownInDefinitionError } from './states-error';
import { runTask, type TaskParts } from './tasks';

export { Execution, type HistoryEvent, type Status } from './execution';

export interface StateMachineOptions extends Omit<TaskParts, 'arnOf' | 'may'> {
  readonly assembly: Assembly;
  /** Policies as they are now. */
  readonly policies: () => Policies;
  readonly inFlight: InFlight;
  readonly logGroups: LogGroups;
  readonly onStep?: StepListener;
}

export interface StartOptions {
  /** JSON text. @default {} */
  readonly input?: string;
  /** @default a new one */
  readonly name?: string;
  readonly trace?: string | undefined;
  /** The event that it is started for. */
  readonly eventId?: string;
}

const SERVICE = 'states.amazonaws.com';
/** Bytes; also of the output. https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html */
const MAX_INPUT_BYTES = 262_144;
/** An Express execution ends then. */
const EXPRESS_SECONDS = 300;
/** Executions that have ended and are remembered. */
const REMEMBERED = 1_000;

/** A failed execution can be redriven for so long. */
const REDRIVABLE_MS = 14 * 24 * 60 * 60 * 1_000;

/** Severities of the log by the type of the event; all others are of ALL only. */
const FATAL = /^Execution(Failed|TimedOut|Aborted)$/;
const ERROR = /(Failed|TimedOut|Aborted)$/;

export class StateMachine {
  readonly name: string;
  readonly arn: string;
  readonly role: string;
  readonly type: 'STANDARD' | 'EXPRESS';
  readonly createdAt: number;
  /** JSON text. */
  readonly definition: string;
  readonly #states: States;
  readonly #executions = new Map<string, Execution>();

  /** @throws AssemblyError for what Step Functions would refuse; what is not known here is `whyNotRun`'s */
  constructor(
    readonly resource: Resource,
    private readonly world: World,
    private readonly options: StateMachineOptions,
  ) {
    const { properties, type, logicalId } = resource;
    requireKnownProperties(resource, properties, [
      ...['StateMachineName', 'StateMachineType', 'DefinitionString', 'Definition', 'RoleArn', 'Tags'],
      ...['LoggingConfiguration', 'TracingConfiguration', 'EncryptionConfiguration'],
      'DefinitionSubstitutions',
    ]);
    this.name = resource.name;
    this.arn = resource.arn;
    this.role = String(properties.RoleArn);
    this.type = properties.StateMachineType ?? 'STANDARD';
    this.createdAt = world.now();
    this.definition = definitionOf(resource);
    try {
      this.#states = compileDefinition(this.definition);
    } catch (error) {
      // Only a refusal gets here: a machine with elements that are unknown here is not started (`whyStateMachineNotRun`).
      const { message } = error as DefinitionError;
      throw new AssemblyError(`${type} ${logicalId}: Step Functions would refuse it, for ${message}.`);
    }
    if (this.type === 'EXPRESS') {
      const { timeoutSeconds = EXPRESS_SECONDS } = this.#states;
      this.#states = { ...this.#states, timeoutSeconds: Math.min(timeoutSeconds, EXPRESS_SECONDS) };
    }
  }

  /** The latest first. */
  get executions(): readonly Execution[] {
    return [...this.#executions.values()].reverse();
  }

  find(executionArn: string): Execution | undefined {
    return this.#executions.get(executionArn);
  }

  /** @throws ServiceError (InvalidExecutionInput, ExecutionAlreadyExists) */
  start({ input = '{}', name = this.world.uuid(), trace, eventId }: StartOptions): Execution {
    checkInput(input);
    const isExpress = this.type === 'EXPRESS';
    const path = this.arn.replace(':stateMachine:', isExpress ? ':express:' : ':execution:');
    const arn = isExpress ? `${path}:${name}:${this.world.uuid()}` : `${path}:${name}`;
    const before = this.#executions.get(arn);
    if (before?.status === 'RUNNING' && before.input === input) return before;
    if (before) throw new ServiceError('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
    const about = { machine: this.name, execution: name, ...(eventId !== undefined && { eventId }) };
    const report: StepListener = (step) => this.options.onStep?.(step);
    const execution: Execution = new Execution(
      arn,
      name,
      input,
      { arn: this.arn, name: this.name, role: this.role, states: this.#states },
      {
        ...{ world: this.world, inFlight: this.options.inFlight },
        runTask: (resource, parameters) => {
          const call = { resource, parameters, role: this.role, origins: [arn, this.arn], trace };
          return withRequest({ trace, startedAt: this.world.now() }, () => runTask(call, this.#parts()));
        },
        onEvent: (event) => {
          this.#log(execution, event);
          const [, entered, exited] = /^\w+State(?:(Entered)|(Exited))$/.exec(event.type) ?? [];
          const state = String(event.details.name);
          if (entered) report({ kind: 'state-entered', ...about, state });
          if (exited) report({ kind: 'state-exited', ...about, state });
        },
        onFailure: (state, { error, cause }, then) =>
          report({ kind: 'state-failed', ...about, state, error, cause, ...then }),
        onEnd: () => {
          report({ kind: 'execution-ended', ...about, ...ending(execution) });
          this.#forgetOldest();
        },
      },
    );
    this.#executions.set(arn, execution);
    report({ kind: 'execution-started', ...about, input });
    // It goes on when the request that started it is over.
    withRequest({ startedAt: this.world.now() }, () => execution.start());
    return execution;
  }

  /** https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html */
  isRedrivable({ status, endedAt }: Execution): boolean {
    if (this.type !== 'STANDARD' || endedAt === undefined || status === 'SUCCEEDED') return false;
    return this.world.now() - endedAt <= REDRIVABLE_MS;
  }

  /** Number of executions that wait for their time. */
  get asleep(): number {
    return this.executions.filter(({ isAsleep }) => isAsleep).length;
  }

  stop(): void {
    for (const execution of this.#executions.values()) execution.drop();
  }

  #parts(): TaskParts {
    const { assembly, policies } = this.options;
    const { partition, region, account } = assembly;
    return {
      ...this.options,
      arnOf: (service, resource) => `arn:${partition}:${service}:${region}:${account}:${resource}`,
      may: (role, action, resource) => {
        const assumed = policies().mayAssumeArn(SERVICE, role, this.arn);
        return assumed.allowed ? policies().roleMay(role, action, resource) : assumed;
      },
    };
  }

  #forgetOldest(): void {
    const ended = [...this.#executions.values()].filter(({ status }) => status !== 'RUNNING');
    for (const { arn } of ended.slice(0, -REMEMBERED)) this.#executions.delete(arn);
  }

  /** https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html */
  #log(
    { arn, redriveCount, startedAt }: Execution,
    { id, previousId, at, type, details }: HistoryEvent,
  ): void {
    const {
      Level: level = 'OFF',
      IncludeExecutionData: withData = false,
      Destinations = [],
    } = this.resource.properties.LoggingConfiguration ?? {};
    if (
      level === 'OFF' ||
      (level === 'FATAL' && !FATAL.test(type)) ||
      (level === 'ERROR' && !ERROR.test(type))
    )
      return;
    const { input, output, parameters, ...others } = details;
    const shown = withData ? details : others;
    const line = JSON.stringify({
      ...{ id: String(id), type, details: shown, previous_event_id: String(previousId) },
      ...{ event_timestamp: String(at), execution_arn: arn, redrive_count: String(redriveCount) },
    });
    for (const { CloudWatchLogsLogGroup: group } of Destinations) {
      const name = String(group?.LogGroupArn)
        .replace(/^.*:log-group:/, '')
        .replace(/:\*$/, '');
      const minute = new Date(startedAt).toISOString().slice(0, 16).replace(/[T:]/g, '-');
      this.options.logGroups.append(name, `states/${this.name}/${minute}`, at, line);
    }
  }
}

/** Makes the machines of a template's resources. @throws AssemblyError */
export const startableMachines = (
  resources: readonly Resource[],
  world: World,
  options: StateMachineOptions,
): StateMachine[] => resources.map((resource) => new StateMachine(resource, world, options));

const ending = ({ status, startedAt, endedAt = startedAt, output, failure }: Execution) => ({
  status: status as Exclude<Status, 'RUNNING'>,
  durationMs: endedAt - startedAt,
  ...(status === 'SUCCEEDED' && output !== undefined && { output }),
  ...(failure.error !== undefined && { error: failure.error }),
  ...(failure.cause !== undefined && { cause: failure.cause }),
});

function checkInput(input: string): void {
  const invalid = (message: string) => new ServiceError('InvalidExecutionInput', message);
  if (Buffer.byteLength(input) > MAX_INPUT_BYTES)
    throw invalid(`The input is over ${MAX_INPUT_BYTES} bytes.`);
  try {
    JSON.parse(input);
  } catch (error) {
    throw invalid(`Invalid State Machine Execution Input: '${(error as Error).message}'`);
  }
}

function definitionOf({ properties }: Resource): string {
  const { DefinitionString, Definition, DefinitionSubstitutions: values = {} } = properties;
  const text = Definition === undefined ? String(DefinitionString) : JSON.stringify(Definition);
  return text.replace(/\$\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : whole,
  );
}

/** @returns the reason why a state machine does not run here, as a part of a sentence; undefined if it does */
export function whyStateMachineNotRun(resource: Resource): string | undefined {
  const { properties } = resource;
  const { Definition, DefinitionString, DefinitionSubstitutions, RoleArn } = properties;
  const unknown = reasonsOf([Definition, DefinitionString, DefinitionSubstitutions, RoleArn]);
  if (unknown) return unknown;
  if (Definition === undefined && DefinitionString === undefined)
    return properties.DefinitionS3Location === undefined ? 'it has no definition' : 'its definition is in S3';
  try {
    compileDefinition(definitionOf(resource));
    return undefined;
  } catch (error) {
    if (error instanceof UnknownInDefinitionError) return error.message;
    // What Step Functions refuses stops the start.
    if (error instanceof DefinitionError) return undefined;
    throw error;
  }
}
