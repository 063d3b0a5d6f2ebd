/** A synthesized stack, running on this machine: every part of the template, wired as the template says. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { defined } from '../defined';
import type { Assembly, Resource } from '../template/assembly';
import { Policies } from '../template/policies';
import { Authorizer } from './authorizer';
import type { AnswerOptions } from './endpoint/answer';
import type { GuardOptions } from './endpoint/guard';
import { type Endpoint, startEndpoint } from './endpoint/server';
import type { ReachableEndpoint } from './in-process';
import { messaging } from './messaging';
import { startReaders } from './readers';
import { targetServices } from './rule-targets';
import { AlarmMonitor } from './services/alarms';
import { type ApiDestination, apiDestinations } from './services/api-destination';
import { ClientSchedules } from './services/client-schedules';
import { SystemClock } from './services/clock';
import type { TargetService, WaitingDelivery } from './services/delivery';
import type { DeliveryStream } from './services/delivery-stream';
import { EventBridge } from './services/event-bridge';
import { Faults } from './services/faults';
import { InFlight } from './services/in-flight';
import type { AsyncEvent, LambdaFunction } from './services/lambda';
import type { EnvironmentSettings, ExecutionEnvironment } from './services/lambda-environment';
import { LogGroups } from './services/log-groups';
import { MetricRecorder } from './services/metric-recorder';
import { Metrics } from './services/metrics';
import type { Queue } from './services/queue';
import { type SourceMapOf, SourcePositions } from './services/source-positions';
import type { TableStore, TableStoreOptions } from './services/table-store';
import { TableStreams } from './services/table-streams';
import { Tables } from './services/tables';
import type { Topic } from './services/topic';
import { Unfinished } from './services/unfinished';
import { SystemWorld, type World } from './services/world';
import { needingRestart, orphanedInvocations } from './stack-changes';
import { StackFunctions } from './stack-functions';
import { type StateMachine, startableMachines } from './state-machine/state-machine';
import { clockMoved, StepLinks } from './step-links';
import { currentRequest, type StepListener, type TimedStep } from './steps';
import { knownInPart, notRun, requireSupported, rulesToRun, runMachines } from './supported';

export interface LocalStackOptions {
  readonly assembly: Assembly;
  /** Clock, chance and ids of the stack. */
  readonly world: World;
  /**
   * Folder in which tables, queues, archives, logs and objects outlive the process.
   * @default in memory, archives in a temporary file
   */
  readonly dataDirectory?: string;
  /** 0 for any free port. @default 4566, or the next free one */
  readonly port?: number;
  /** Web pages and host names that may call the endpoint. @default none but localhost */
  readonly guard?: GuardOptions;
  readonly onStep?: (step: TimedStep) => void;
  /** Answer requests under path prefixes of their own. @default none */
  readonly handlers?: AnswerOptions['handlers'];
  /** Names of hosts that handlers may reach beside the endpoint. @default none */
  readonly allowEgress?: readonly string[];
  /** Buses of other accounts that run beside this one, as targets of rules by ARN. @default none */
  readonly otherBuses?: ReadonlyMap<string, TargetService>;
  /** Ports at which a debugger may attach to functions, by the functions' names. @default none */
  readonly inspect?: ReadonlyMap<string, number>;
  /** Names stack traces by the source. @default they name positions in the bundle */
  readonly sourceMapOf?: SourceMapOf;
  /** Parts that are made otherwise than for a run with sockets, processes and threads. */
  readonly parts?: StackParts;
  /** The most environments of each function. @default as many as the machine has processors, but at least 2 */
  readonly maxEnvironments?: number;
}

/** Ways to make parts of a stack. */
export interface StackParts {
  /** @default at a port of this machine */
  readonly openEndpoint?: typeof startEndpoint;
  /** Starts an environment of the function of that name. @default a process of its own */
  readonly startEnvironment?: (
    functionName: string,
    settings: EnvironmentSettings,
    endpoint: () => ReachableEndpoint,
  ) => ExecutionEnvironment;
  /** @default dynalite in a thread of its own */
  readonly openTableStore?: (options: TableStoreOptions) => TableStore;
  /** The folder with a function's code. @default a copy of its asset */
  readonly codeOf?: (resource: Resource) => string;
  /** Stands between rules and a target. @default nothing */
  readonly aroundTarget?: (arn: string, target: TargetService) => TargetService;
  /** Evaluate alarms each minute. @default true */
  readonly isWatched?: boolean;
  /** Compresses an object of a delivery stream. @default gzip */
  readonly compress?: (content: Buffer) => Buffer;
}

/** Result of resuming an earlier run. */
export interface Resumed {
  /** Number of resumed deliveries and invocations. */
  readonly resumed: number;
  /** Deliveries and invocations that cannot be resumed, a line each. */
  readonly left: readonly string[];
}

export class LocalStack {
  readonly queues: readonly Queue[];
  readonly topics: readonly Topic[];
  readonly deliveryStreams: readonly DeliveryStream[];
  readonly apiDestinations: readonly ApiDestination[];
  readonly functions: readonly LambdaFunction[];
  readonly stateMachines: readonly StateMachine[];
  readonly logGroups: LogGroups;
  /** Schedules that clients made. */
  readonly schedules: ClientSchedules;
  readonly metrics: Metrics;
  readonly alarms: AlarmMonitor;
  /** Injected faults. */
  readonly faults: Faults;
  /** Time at which it was created, by its clock. */
  readonly startedAt: number;
  readonly #options: LocalStackOptions;
  readonly #onStep: StepListener;
  readonly #links = new StepLinks();
  readonly #inFlight = new InFlight();
  /** Code and, without a data directory, archives. Gone when the stack stops. */
  readonly #workDirectory: string;
  readonly #stores: { close(): void }[] = [];
  #assembly: Assembly;
  #policies: Policies;
  readonly #authorizer: Authorizer;
  readonly #functions: StackFunctions;
  #readers: readonly { stop(): void }[] = [];
  #recorder: MetricRecorder | undefined;
  #tables: Tables | undefined;
  #eventBridge: EventBridge | undefined;
  #endpoint: Endpoint | undefined;

  private constructor(options: LocalStackOptions, workDirectory: string) {
    const { assembly, world, onStep } = options;
    this.#options = options;
    this.startedAt = world.now();
    this.faults = new Faults(world);
    this.#workDirectory = workDirectory;
    this.#assembly = assembly;
    this.#policies = new Policies(assembly, world);
    this.#onStep = (step) => {
      this.#recorder?.record(step);
      onStep?.(this.#links.complete(step, world.now(), currentRequest()));
    };
    const steps = { onStep: this.#onStep };
    this.#authorizer = new Authorizer({
      policies: () => this.#policies,
      roleOf: (name) => this.#functions.find(name)?.resource.properties.Role,
      isBroken: (name) => this.faults.denies(name),
      ...steps,
    });
    const data = (...segments: string[]) =>
      options.dataDirectory && path.join(options.dataDirectory, ...segments);

    const { allowEgress, inspect, sourceMapOf, maxEnvironments, parts = {} } = options;
    const logs = defined({ directory: data('logs') });
    this.logGroups = new LogGroups(assembly.ofType('AWS::Logs::LogGroup'), world, logs);
    const { compress } = parts;
    const sent = messaging(assembly, { world, data, compress, policies: () => this.#policies, ...steps });
    [this.queues, this.topics, this.deliveryStreams] = [sent.queues, sent.topics, sent.deliveryStreams];
    this.apiDestinations = apiDestinations(assembly, world, allowEgress ?? []);

    this.metrics = new Metrics(world);
    this.#recorder = new MetricRecorder(this.metrics, world, {
      ...{ queues: this.queues, deliveryStreams: this.deliveryStreams },
      machineArn: (name) => this.stateMachines.find((each) => each.name === name)?.arn ?? name,
      ruleNamed: (name) => this.#eventBridge?.rules.find((rule) => rule.name === name),
    });
    this.alarms = new AlarmMonitor({
      resources: {
        metric: assembly.ofType('AWS::CloudWatch::Alarm'),
        composite: assembly.ofType('AWS::CloudWatch::CompositeAlarm'),
      },
      ...{ metrics: this.metrics, recorder: this.#recorder, clock: world, topics: this.topics, ...steps },
    });

    this.schedules = new ClientSchedules(() => this.eventBridge, this.#unfinished('schedules'));
    this.#functions = new StackFunctions(assembly, {
      ...{ workDirectory, world, inFlight: this.#inFlight, faults: this.faults, queues: this.queues },
      ...{ codeOf: parts.codeOf, startEnvironment: parts.startEnvironment, inspect },
      endpoint: () => started(this.#endpoint),
      policies: () => this.#policies,
      ...defined({ allowEgress, maxEnvironments }),
      ...(sourceMapOf && { positions: new SourcePositions(sourceMapOf) }),
      log: (...line) => this.logGroups.append(...line),
      unfinishedOf: (name) => this.#unfinished<AsyncEvent>('invocations', name),
      ...steps,
    });
    this.functions = this.#functions.all;
    this.stateMachines = startableMachines(runMachines(assembly), world, {
      ...{ assembly, policies: () => this.#policies, inFlight: this.#inFlight, logGroups: this.logGroups },
      ...{ functions: this.functions, queues: this.queues, topics: this.topics, ...steps },
      ...{ tables: () => this.tables, eventBridge: () => this.eventBridge },
    });
  }

  /**
   * Starts everything that the template has, and the endpoint that speaks for it.
   * @throws AssemblyError for what the local run does not know, JournalError for data that cannot be read back,
   * PortInUseError
   */
  static async start(options: LocalStackOptions): Promise<LocalStack> {
    requireSupported(options.assembly);
    const workDirectory = fs.mkdtempSync(path.join(os.tmpdir(), `${options.assembly.stackName}-`));
    let stack: LocalStack | undefined;
    try {
      stack = new LocalStack(options, workDirectory);
      await stack.#start();
      return stack;
    } catch (error) {
      await stack?.stop();
      fs.rmSync(workDirectory, { recursive: true, force: true });
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { assembly, world, dataDirectory, guard, handlers, port, parts = {} } = this.#options;
    const steps = { onStep: this.#onStep };
    const tables = ['AWS::DynamoDB::Table', 'AWS::DynamoDB::GlobalTable'].flatMap(assembly.ofType);
    const streams = new TableStreams(tables, world, assembly.region);
    this.#tables = await Tables.start(tables, world, {
      account: assembly.account,
      region: assembly.region,
      ...(dataDirectory && { directory: path.join(dataDirectory, 'tables') }),
      ...(parts.openTableStore && { openStore: parts.openTableStore }),
      ...{ ...steps, streams },
      onRequest: (request) => this.#recorder?.recordTableRequest(request),
    });
    this.#eventBridge = await EventBridge.start({
      ...{ assembly, rules: rulesToRun(assembly) },
      world,
      policies: this.#policies,
      targets: this.#targets(assembly),
      queues: new Map(this.queues.map((queue) => [queue.arn, queue])),
      directory: path.join(dataDirectory ?? this.#workDirectory, 'archives'),
      unfinished: this.#unfinished<WaitingDelivery>('deliveries'),
      unfinishedReplays: this.#unfinished<{ ReplayName: string }>('replays'),
      inFlight: this.#inFlight,
      ...steps,
    });
    if (parts.isWatched !== false) this.alarms.start();
    const { openEndpoint = startEndpoint } = parts;
    this.#endpoint = await openEndpoint(
      {
        ...{ ...this, assembly, world, startedAt: world.now(), policies: () => this.#policies },
        ...{ eventBridge: this.#eventBridge, tables: this.#tables },
      },
      {
        ...guard,
        ...(handlers && { handlers }),
        ...(port !== undefined && { port }),
        authorize: this.#authorizer.authorize,
      },
    );
    this.#readers = startReaders(assembly, {
      ...{ ...this, world, streams, inFlight: this.#inFlight, eventBridge: this.#eventBridge, ...steps },
      policies: () => this.#policies,
      unfinished: (pipe) => this.#unfinished('pipes', pipe),
    });
  }

  /** Differences of this run from AWS that the user must know, a line each. */
  get notices(): readonly string[] {
    const recorded = [...this.#targets(this.#assembly)].filter(([, { isRecorded }]) => isRecorded);
    return [
      ...notRun(this.#assembly),
      ...knownInPart(this.#assembly),
      ...recorded.map(([arn]) => `${arn} is no target that runs here: what rules deliver to it is recorded.`),
      ...this.#functions.notices,
    ];
  }

  /** Resumes the work of an earlier run in the data directory. */
  resume(): Resumed {
    // Before the deliveries, which may be theirs.
    const left = [...this.schedules.resume(), ...this.eventBridge.resume()];
    let resumed = this.eventBridge.waitingForRetry;
    for (const each of this.functions) resumed += each.resume();
    left.push(...orphanedInvocations(this.#options.dataDirectory, this.functions));
    return { resumed, left };
  }

  /** The store of what a service has not finished; in memory, that is none, without a data directory. */
  #unfinished<Work>(...names: string[]): Unfinished<Work> {
    const { dataDirectory } = this.#options;
    const store = new Unfinished<Work>(dataDirectory && `${path.join(dataDirectory, ...names)}.jsonl`);
    this.#stores.push(store);
    return store;
  }

  /** E.g. `http://127.0.0.1:4566`. */
  get url(): string {
    return started(this.#endpoint).url;
  }

  /** The stack's time, in milliseconds since 1970-01-01 UTC. */
  get now(): number {
    return this.#options.world.now();
  }

  /** Seconds of the stack's time in one second; 0 if it stands still. */
  get speed(): number {
    return this.#systemClock?.speed ?? 0;
  }

  /** True if it began without data of an earlier run. */
  get beganEmpty(): boolean {
    return this.#options.dataDirectory === undefined;
  }

  /** Moves the time forward, if the clock runs by itself. */
  advanceTo(time: number): void {
    const from = this.now;
    if (time <= from || !this.#systemClock) return;
    this.#systemClock.advanceTo(time);
    this.#onStep(clockMoved(from, time));
  }

  /** Undefined if the time stands still. */
  get #systemClock(): SystemClock | undefined {
    const { world } = this.#options;
    return world instanceof SystemWorld && world.clock instanceof SystemClock ? world.clock : undefined;
  }

  get eventBridge(): EventBridge {
    return started(this.#eventBridge);
  }

  get policies(): Policies {
    return this.#policies;
  }

  get tables(): Tables {
    return started(this.#tables);
  }

  get assembly(): Assembly {
    return this.#assembly;
  }

  /** Resolves when nothing is under way. What waits for its time (retries, schedules, buffers) still waits. */
  settled(): Promise<void> {
    return this.#inFlight.settled();
  }

  /** Number of deliveries and invocations that wait for a retry. */
  get waitingForRetry(): number {
    const services = [this.eventBridge, ...this.functions];
    return services.reduce((sum, { waitingForRetry }) => sum + waitingForRetry, 0);
  }

  /** Logical ids of resources whose change a running stack cannot take over. */
  needingRestart(assembly: Assembly): string[] {
    return needingRestart(this.#assembly, assembly);
  }

  /**
   * Takes over what may change while the stack runs: the code and configuration of functions, rules, permissions.
   * @param assembly one that `needingRestart` has nothing against
   * @throws AssemblyError, and then all is as it was
   */
  update(assembly: Assembly): void {
    requireSupported(assembly);
    const policies = new Policies(assembly, this.#options.world);
    const changed = { assembly, policies, targets: this.#targets(assembly) };
    const takeOver = [this.#functions.prepare(assembly), this.schedules.prepare(changed)];
    this.eventBridge.update({ ...changed, rules: rulesToRun(assembly) });
    for (const each of takeOver) each();
    this.#assembly = assembly;
    this.#policies = policies;
    this.#authorizer.forget();
  }

  /**
   * Gives a function other code in the place of its handler's file; its other files stay.
   * @throws Error if there is no such function
   */
  replaceCode(functionName: string, code: Uint8Array): void {
    this.#functions.replaceCode(functionName, code);
  }

  /** Ends everything: functions at once, open requests as they end, and what was collected is written. */
  async stop(): Promise<void> {
    for (const each of [...this.#readers, ...this.stateMachines]) each.stop();
    await Promise.all(this.functions.map((each) => each.stop()));
    this.alarms.stop();
    await this.#endpoint?.close();
    await this.#eventBridge?.stop();
    for (const stream of this.deliveryStreams) await stream.stop();
    for (const store of this.#stores) store.close();
    for (const queue of this.queues) queue.close();
    this.logGroups.close();
    await this.#tables?.stop();
    fs.rmSync(this.#workDirectory, { recursive: true, force: true });
  }

  #targets(assembly: Assembly): ReadonlyMap<string, TargetService> {
    const services = targetServices(assembly, {
      ...{ ...this, newId: () => this.#options.world.uuid(), otherBuses: this.#options.otherBuses },
      eventBridge: () => this.eventBridge,
    });
    const around = this.#options.parts?.aroundTarget;
    return around ? new Map([...services].map(([arn, each]) => [arn, around(arn, each)])) : services;
  }
}

function started<Part>(part: Part | undefined): Part {
  if (part === undefined) throw new Error('The stack has not started yet.');
  return part;
}
