/** One seed: a stack in a world of its own, what is done to it, the faults that strike, and what is checked. */
import { createHash } from 'node:crypto';
import { createAnswer } from '../local/endpoint/answer';
import type { Endpoint } from '../local/endpoint/server';
import type { ReachableEndpoint } from '../local/in-process';
import { LocalStack } from '../local/stack';
import type { TimedStep } from '../local/steps';
import type { Assembly, Resource } from '../template/assembly';
import { type FaultKind, FaultPlan, type PlannedFault } from './faults';
import { FaultyParts } from './faulty-parts';
import { Ledger } from './ledger';
import { MemoryTables } from './memory-tables';
import type { Checks, Command, Model, PlannedEvent, Violation } from './model';
import { Network } from './network';
import { Operator } from './operator';
import type { Plan } from './plan';
import { Publishers } from './publishers';
import { SimWorld } from './sim-world';

export interface SimulationOptions {
  readonly assembly: Assembly;
  readonly model: Model;
  /** Folder with a function's code. */
  readonly codeOf: (resource: Resource) => string;
  /** Folder with the code of the publisher. */
  readonly publisherCode: string;
  /** Takes each line of the log. @default only their digest is kept */
  readonly onLine?: (line: string) => void;
}

export interface SimulationResult {
  readonly seed: number;
  readonly violation?: Violation;
  /** Digest of the whole log, as hex. */
  readonly digest: string;
  /** Steps of the log, all of which were checked. */
  readonly steps: number;
  readonly virtualMs: number;
  readonly struck: Readonly<Partial<Record<FaultKind, number>>>;
  /** IAM actions that were called, by consumer. */
  readonly called: Readonly<Record<string, readonly string[]>>;
}

/** Shortly before what runs once a day. */
const START = Date.parse('2026-01-15T08:50:00Z');
const DAY_MS = 24 * 60 * 60 * 1000;
/** Longer than EventBridge and Lambda try for, and a redrive after each. */
const DRAIN_MS = 3 * DAY_MS;
const REDRIVES = 4;
const REDRIVE_WAIT_MS = 61_000;

export async function simulate(plan: Plan, options: SimulationOptions): Promise<SimulationResult> {
  const run = await Simulation.start(plan, options);
  return run.run();
}

class Simulation {
  readonly #plan: Plan;
  readonly #options: SimulationOptions;
  readonly #world: SimWorld;
  readonly #faults: FaultPlan;
  readonly #network: Network;
  readonly #digest = createHash('sha256');
  readonly #parts: FaultyParts;
  #steps = 0;
  #violation: Violation | undefined;
  #pending = 0;
  #stack!: LocalStack;
  #ledger!: Ledger;
  #checks!: Checks;
  #operator!: Operator;
  #publishers!: Publishers;
  #planned: PlannedEvent[] = [];

  private constructor(plan: Plan, options: SimulationOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#world = new SimWorld(String(plan.seed), START);
    this.#faults = new FaultPlan(plan.faults);
    const onFault = (fault: PlannedFault) => this.#line({ kind: 'fault', at: this.#world.now(), fault });
    this.#network = new Network({
      ...{ world: this.#world, plan: this.#faults },
      onFault,
    });
    this.#parts = new FaultyParts({
      ...{ world: this.#world, plan: this.#faults, network: this.#network, onFault },
      ledger: () => this.#ledger,
    });
  }

  static async start(plan: Plan, options: SimulationOptions): Promise<Simulation> {
    const run = new Simulation(plan, options);
    const { assembly, model } = options;
    const endpoint: { current?: ReachableEndpoint } = {};
    run.#stack = await LocalStack.start({
      ...{ assembly, world: run.#world, maxEnvironments: 1 + (plan.seed % 3) },
      onStep: (step) => run.#onStep(step),
      parts: {
        openEndpoint: async (services, answerOptions = {}): Promise<Endpoint> => {
          const opened = { url: 'http://127.0.0.1:4566', answer: createAnswer(services, answerOptions) };
          endpoint.current = opened;
          return { ...opened, close: async () => {} };
        },
        startEnvironment: (name, settings, reach) => run.#parts.startEnvironment(name, settings, reach),
        openTableStore: () => new MemoryTables(),
        codeOf: options.codeOf,
        isWatched: false,
        compress: (content) => content,
        aroundTarget: (arn, service) => run.#parts.aroundTarget(arn, service),
      },
    });
    run.#ledger = new Ledger(model.app, run.#stack);
    run.#checks = model.checks({
      invocation: (requestId) => run.#ledger.invocation(requestId),
      requestOfTrace: (trace) => run.#ledger.requestOfTrace(trace),
      struck: (requestId, kinds) => run.#parts.struck(requestId, kinds),
    });
    run.#operator = new Operator(model.app, run.#world, run.#ledger, run.#stack);
    run.#publishers = new Publishers({
      ...{ world: run.#world, network: run.#network, busName: model.busName, code: options.publisherCode },
      endpoint: () => endpoint.current as ReachableEndpoint,
      onEnd: (events, isPublished) => run.#published(events, isPublished),
    });
    return run;
  }

  async run(): Promise<SimulationResult> {
    let end = START;
    try {
      for (const command of this.#plan.commands) {
        this.#pending++;
        this.#world.after(command.at, () => this.#perform(command));
      }
      await this.#settle();
      // The faults are off now; what they left behind is brought home.
      this.#faults.isOff = true;
      for (let round = 0; round < REDRIVES && !this.#violation; round++) {
        await this.#pass(REDRIVE_WAIT_MS);
        this.#pending++;
        this.#world.defer(() => void this.#operator.redrive().finally(() => this.#pending--));
        await this.#settle();
      }
      if (!this.#violation) {
        for (const stream of this.#stack.deliveryStreams) await stream.flush();
        this.#violation = this.#checkEnd() ?? (await this.#checks.atEnd(this.#stack));
      }
    } finally {
      end = this.#world.now();
      await this.#stop();
    }
    return {
      seed: this.#plan.seed,
      ...(this.#violation && { violation: this.#violation }),
      digest: this.#digest.digest('hex'),
      steps: this.#steps,
      virtualMs: end - START,
      struck: Object.fromEntries(this.#faults.struck),
      called: this.#parts.called,
    };
  }

  /** Ends the stack; what is still under way in its world goes on until it has seen the end. */
  async #stop(): Promise<void> {
    let isStopped = false;
    const stopping = this.#stack.stop().then(() => {
      isStopped = true;
    });
    const until = this.#world.now() + DRAIN_MS;
    while (!isStopped && (await this.#world.step(until)));
    await stopping;
  }

  /** Lets the world go on until nothing is under way. */
  async #settle(): Promise<void> {
    const until = this.#world.now() + DRAIN_MS;
    while (!this.#violation) {
      if (this.#pending === 0 && this.#ledger.isSettled) return;
      if (!(await this.#step(until))) {
        this.#violation ??= { invariant: 'drain', message: `It does not end: ${this.#ledger.summary}.` };
        return;
      }
    }
  }

  async #pass(ms: number): Promise<void> {
    const until = this.#world.now() + ms;
    this.#world.after(ms, () => {});
    while (!this.#violation && this.#world.now() < until && (await this.#step(until)));
  }

  async #step(until: number): Promise<boolean> {
    const went = await this.#world.step(until);
    this.#violation ??= this.#ledger.check(this.#stack);
    return went;
  }

  #onStep(step: TimedStep): void {
    this.#steps++;
    this.#line(step);
    if (!this.#ledger) return;
    if (step.kind === 'log-line' && this.#options.model.personal.test(step.message)) {
      this.#violation ??= {
        invariant: 'personal data',
        message: `In the log: ${step.message.slice(0, 300)}`,
      };
    }
    this.#violation ??= this.#ledger.onStep(step) ?? this.#checks.onStep(step);
  }

  #line(line: object): void {
    const text = JSON.stringify(line);
    this.#digest.update(`${text}\n`);
    this.#options.onLine?.(text);
  }

  #published(events: readonly PlannedEvent[], isPublished: boolean): void {
    const ids = events.map(({ ids: { eventId } }) => eventId);
    this.#line({ kind: 'published', ids, isPublished });
    if (isPublished) this.#violation ??= this.#ledger.published(ids);
  }

  #perform(command: Command): void {
    this.#line({ kind: 'command', id: command.id, does: command.kind, at: this.#world.now() });
    void this.#do(command)
      .catch((error: unknown) => {
        this.#violation ??= { invariant: 'no crash', message: String((error as Error).stack ?? error) };
      })
      .finally(() => this.#pending--);
  }

  async #do(command: Command): Promise<void> {
    switch (command.kind) {
      case 'publish':
        this.#planned.push(...command.events);
        await this.#publishers.publish(command.events, command.clockOffsetMs);
        return;
      case 'put': {
        const { source, detailType, detail } = command;
        const entry = { Source: source, DetailType: detailType, Detail: detail };
        this.#stack.eventBridge.putEvents([{ ...entry, EventBusName: this.#options.model.busName }]);
        return;
      }
      case 'redrive':
        await this.#operator.redrive(command);
        return;
      case 'replay': {
        const name = this.#operator.replay(command.toAll);
        if (name === undefined || command.cancelAfterMs === undefined) return;
        await this.#world.sleep(command.cancelAfterMs);
        this.#operator.cancel(name);
        return;
      }
      case 'deploy':
        for (const each of this.#stack.functions) each.update(each.definition);
        return;
      case 'throttle': {
        const { consumer, invocations } = command;
        const called = this.#stack.functions.find(({ name }) => this.#ledger.consumerOf(name) === consumer);
        if (called) this.#stack.faults.add(called.name, 'throttle', invocations);
        return;
      }
    }
  }

  /** Handlers call what the app's description says, and nothing else. */
  #undescribedCall(): Violation | undefined {
    const { consumers } = this.#options.model.app;
    for (const [consumer, actions] of Object.entries(this.#parts.called)) {
      const described = (consumers[consumer]?.calls ?? []).flatMap((each) => each.actions);
      const other = actions.find((action) => !described.includes(action));
      if (other)
        return { invariant: 'calls', message: `${consumer} called ${other}, which nobody describes` };
    }
    return undefined;
  }

  #checkEnd(): Violation | undefined {
    const { app, isHopeless } = this.#options.model;
    return (
      this.#undescribedCall() ??
      this.#ledger.atEnd((consumer, event) => {
        const payloads = this.#ledger.payloadsOf(event.id, consumer);
        return payloads.some((payload) => {
          try {
            app.consumers[consumer]?.accepts(payload);
            return isHopeless(consumer, payload, this.#planned);
          } catch {
            return true;
          }
        });
      })
    );
  }
}
