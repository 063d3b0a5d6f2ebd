/** One seed: a stack in a world of its own, what is done to it, the faults that strike, and what is checked. */
import type { LocalStack } from '../local/stack';
import type { TimedStep } from '../local/steps';
import type { Assembly } from '../template/assembly';
import { AlarmWatch } from './alarm-watch';
import { type FaultKind, FaultPlan, type PlannedFault } from './faults';
import { FaultyParts } from './faulty-parts';
import { Ledger } from './ledger';
import { LogDigest } from './log-digest';
import type { Checks, Command, Model, PlannedEvent, Violation } from './model';
import { Network } from './network';
import { Operator } from './operator';
import { tooWide } from './permissions';
import type { Plan } from './plan';
import { Publishers } from './publishers';
import type { CodeOf } from './release';
import { SimWorld } from './sim-world';
import { SimulatedStack } from './simulated-stack';

export interface SimulationOptions {
  readonly assembly: Assembly;
  readonly model: Model;
  readonly codeOf: CodeOf;
  /** Code of the app's next release. @default a deployment gives the same again */
  readonly nextCodeOf?: CodeOf;
  /** Folder with the code of the publisher. */
  readonly publisherCode: string;
  /** Takes each line of the log. @default only their digest is kept */
  readonly onLine?: (line: string) => void;
  readonly onStep?: (step: TimedStep) => void;
  /** Looks at the stack before it ends; not if it is down. */
  readonly onEnd?: (stack: LocalStack) => Promise<void>;
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

function personalData(step: TimedStep, { personal }: Model): Violation | undefined {
  if (step.kind !== 'log-line' || !personal.test(step.message)) return undefined;
  return { invariant: 'personal data', message: `In the log: ${step.message.slice(0, 300)}` };
}

class Simulation {
  readonly #plan: Plan;
  readonly #options: SimulationOptions;
  readonly #world: SimWorld;
  readonly #faults: FaultPlan;
  readonly #network: Network;
  readonly #digest = new LogDigest();
  readonly #parts: FaultyParts;
  #steps = 0;
  #violation: Violation | undefined;
  #pending = 0;
  #stack!: SimulatedStack;
  #alarms!: AlarmWatch;
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
    run.#alarms = new AlarmWatch(assembly);
    run.#stack = await SimulatedStack.start({
      ...{ assembly, world: run.#world, parts: run.#parts, codeOf: options.codeOf },
      maxEnvironments: 1 + (plan.seed % 3),
      isKilled: plan.commands.some(({ kind }) => kind === 'restart'),
      onStep: (step) => run.#onStep(step),
    });
    run.#ledger = new Ledger(model.app, await run.#stack.up());
    run.#checks = model.checks({
      invocation: (requestId) => run.#ledger.invocation(requestId),
      requestOfTrace: (trace) => run.#ledger.requestOfTrace(trace),
      struck: (requestId, kinds) => run.#parts.struck(requestId, kinds),
      damaged: (entity) => run.#stack.damagedAttributes(entity),
      lost: (consumer) => run.#ledger.losses.of(consumer),
    });
    run.#operator = new Operator(model.app, run.#world, run.#ledger, run.#stack);
    run.#publishers = new Publishers({
      ...{ world: run.#world, network: run.#network, busName: model.busName, code: options.publisherCode },
      ...{ endpoint: run.#stack.endpoint, life: () => run.#stack.life },
      onEnd: (events, isPublished) => run.#published(events, isPublished),
    });
    return run;
  }

  async run(): Promise<SimulationResult> {
    let end = START;
    this.#violation ??= tooWide(this.#options.model.app, this.#options.assembly);
    try {
      for (const command of this.#plan.commands) {
        this.#pending++;
        this.#world.after(command.at, () => this.#perform(command));
      }
      await this.#settle();
      // The faults are off now; what they left behind is brought home.
      this.#faults.isOff = true;
      this.#stack.heal();
      // Events that are in no queue any more are replayed, as the runbook says.
      if (!this.#ledger.losses.isEmpty && this.#operator.replay(false)) await this.#settle();
      for (let round = 0; round < REDRIVES && !this.#violation; round++) {
        await this.#pass(REDRIVE_WAIT_MS);
        this.#pending++;
        this.#world.defer(() => void this.#operator.redrive().finally(() => this.#pending--));
        await this.#settle();
      }
      await this.#pass(this.#alarms.waitMs(this.#world.now()));
      if (!this.#violation) {
        const stack = await this.#stack.up();
        for (const stream of stack.deliveryStreams) await stream.flush();
        this.#violation = this.#checkEnd() ?? this.#alarms.atEnd() ?? (await this.#checks.atEnd(stack));
      }
    } finally {
      end = this.#world.now();
      const { current } = this.#stack;
      if (current) await this.#options.onEnd?.(current);
      await this.#stop();
    }
    return {
      seed: this.#plan.seed,
      ...(this.#violation && { violation: this.#violation }),
      digest: this.#digest.end(),
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
    if (this.#stack.current) this.#violation ??= this.#ledger.check(this.#stack.current);
    return went;
  }

  #onStep(step: TimedStep): void {
    this.#steps++;
    this.#line(step);
    this.#options.onStep?.(step);
    if (!this.#ledger) return;
    this.#alarms.onStep(step);
    this.#violation ??=
      personalData(step, this.#options.model) ?? this.#ledger.onStep(step) ?? this.#checks.onStep(step);
  }

  #line(line: object): void {
    const text = JSON.stringify(line);
    this.#digest.add(text);
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
        this.#violation ??= { invariant: 'no crash', message: String((error as Error).stack) };
      })
      .finally(() => this.#pending--);
  }

  async #do(command: Command): Promise<void> {
    switch (command.kind) {
      case 'publish':
        this.#planned.push(...command.events);
        return this.#publishers.publish(command.events, command.clockOffsetMs);
      case 'put': {
        const { source, detailType, detail } = command;
        const entry = { Source: source, DetailType: detailType, Detail: detail };
        const { eventBridge } = await this.#stack.up();
        eventBridge.putEvents([{ ...entry, EventBusName: this.#options.model.busName }]);
        return;
      }
      case 'redrive':
        return this.#redrive(command);
      case 'replay':
        return this.#replay(command);
      case 'deploy': {
        const { codeOf, nextCodeOf = codeOf } = this.#options;
        return this.#stack.deploy(command.release === 'next' ? nextCodeOf : codeOf);
      }
      case 'restart':
        await this.#stack.restart(command.downMs);
        this.#alarms.restarted(this.#world.now());
        return;
      case 'damage': {
        const damage = this.#options.model.damages[command.damage];
        if (damage) await this.#stack.damage(damage, command.nth, command.forMs);
        return;
      }
      case 'revoke':
        return this.#revoke(command.consumer, command.forMs);
      case 'throttle': {
        const stack = await this.#stack.up();
        const name = this.#functionOf(command.consumer);
        if (name !== undefined) stack.faults.add(name, 'throttle', command.invocations);
        return;
      }
    }
  }

  async #redrive({ againAfterMs, ...how }: { stopAfter?: number; againAfterMs?: number }): Promise<void> {
    await this.#operator.redrive(how);
    if (againAfterMs === undefined) return;
    await this.#world.sleep(againAfterMs);
    await this.#operator.redrive();
  }

  async #replay({ toAll, cancelAfterMs, againAfterMs }: Command & { kind: 'replay' }): Promise<void> {
    const name = this.#operator.replay(toAll);
    if (name === undefined || cancelAfterMs === undefined) return;
    await this.#world.sleep(cancelAfterMs);
    this.#operator.cancel(name);
    if (againAfterMs === undefined) return;
    await this.#world.sleep(againAfterMs);
    this.#operator.replay(toAll);
  }

  async #revoke(consumer: string, forMs: number): Promise<void> {
    const name = this.#functionOf(consumer);
    if (name === undefined) return;
    this.#ledger.revoked.add(consumer);
    await this.#stack.revoke(name, forMs);
    this.#ledger.revoked.delete(consumer);
  }

  #functionOf(consumer: string): string | undefined {
    const functions = this.#stack.current?.functions ?? [];
    return functions.find(({ name }) => this.#ledger.consumerOf(name) === consumer)?.name;
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
