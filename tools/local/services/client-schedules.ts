/**
 * Schedules of EventBridge Scheduler that clients make while the stack runs, until they have fired or are deleted. With
 * `--data` they outlive the run.
 */
import { InvalidTargetInputError } from '../../eventbridge/input-transformer';
import { InvalidScheduleError } from '../../eventbridge/schedule';
import { AssemblyError } from '../../template/assembly';
import { readSchedule, type SchedulerSchedule } from '../../template/schedules';
import type { EventBridge, EventBridgeOptions } from './event-bridge';
import { defineSchedule, type RuleDefinition } from './rule';
import { ServiceError } from './service-error';
import type { Kept, Unfinished } from './unfinished';

/** Input of CreateSchedule. */
export interface ScheduleInput {
  readonly Name: string;
  readonly GroupName?: string | undefined;
  readonly Target: { readonly Arn: string };
  readonly [member: string]: unknown;
}

/** A schedule as it is stored. */
export interface StoredSchedule {
  readonly input: ScheduleInput;
  /** Time at which it fired last, otherwise was made. Milliseconds since 1970-01-01 UTC. */
  readonly firedAt: number;
}

interface Made {
  readonly schedule: SchedulerSchedule;
  readonly stored: StoredSchedule;
  readonly kept: Kept<StoredSchedule>;
}

export class ClientSchedules {
  readonly #eventBridge: () => EventBridge;
  readonly #unfinished: Unfinished<StoredSchedule>;
  /** Schedules by ARN. */
  readonly #made = new Map<string, Made>();

  constructor(eventBridge: () => EventBridge, unfinished: Unfinished<StoredSchedule>) {
    this.#eventBridge = eventBridge;
    this.#unfinished = unfinished;
  }

  get all(): SchedulerSchedule[] {
    return [...this.#made.values()].map(({ schedule }) => schedule);
  }

  /**
   * @returns its ARN
   * @throws ServiceError (ValidationException)
   */
  create(input: ScheduleInput): string {
    const { options } = this.#eventBridge();
    const invalid = (problem: string) => new ServiceError('ValidationException', problem);
    if (!options.targets.has(input.Target.Arn))
      throw invalid(`The local run has no target ${input.Target.Arn}.`);
    // Without the members that the request leaves out.
    const stored = { input: JSON.parse(JSON.stringify(input)), firedAt: options.world.now() };
    try {
      const schedule = this.#read(stored.input, options);
      const definition = this.#define(schedule, stored, options);
      this.#eventBridge().setRule(definition);
      this.#made.set(schedule.resource.arn, { schedule, stored, kept: this.#unfinished.keep(stored) });
      return schedule.resource.arn;
    } catch (error) {
      if (error instanceof InvalidScheduleError) throw invalid('Invalid Schedule Expression.');
      if (error instanceof InvalidTargetInputError || error instanceof AssemblyError)
        throw invalid(error.message);
      throw error;
    }
  }

  /** @returns false if no client made it */
  delete(arn: string): boolean {
    const made = this.#made.get(arn);
    if (!made) return false;
    this.#eventBridge().removeRule(arn);
    this.#forget(arn, made);
    return true;
  }

  /**
   * Takes up the schedules of an earlier run. One that was due once, meanwhile, fires now; recurring ones go on with their
   * next time.
   * @returns schedules that cannot go on, a line each
   */
  resume(): string[] {
    const { options } = this.#eventBridge();
    return this.#unfinished.restored().flatMap(([stored, kept]) => {
      try {
        const schedule = this.#read(stored.input, options);
        this.#eventBridge().setRule(this.#define(schedule, stored, options));
        this.#made.set(schedule.resource.arn, { schedule, stored, kept });
        return [];
      } catch (error) {
        if (!isRefusal(error)) throw error;
        kept.finish();
        return `The schedule ${stored.input.Name}, which a client made: ${(error as Error).message}`;
      }
    });
  }

  /**
   * Prepares to take over what an update of the stack brings.
   * @returns puts the schedules in place, once the rules of the new template are
   * @throws AssemblyError, and then nothing has changed
   */
  prepare(changed: Pick<EventBridgeOptions, 'assembly' | 'policies' | 'targets'>): () => void {
    const options = { ...this.#eventBridge().options, ...changed };
    const rules = [...this.#made.values()].map(({ schedule, stored }) =>
      this.#define(schedule, stored, options),
    );
    return () => {
      for (const rule of rules) this.#eventBridge().setRule(rule);
    };
  }

  #read(input: ScheduleInput, { assembly }: EventBridgeOptions): SchedulerSchedule {
    const { Name: name, GroupName = 'default' } = input;
    const { partition, region, account, stackName } = assembly;
    const arn = `arn:${partition}:scheduler:${region}:${account}:schedule/${GroupName}/${name}`;
    return readSchedule(assembly, {
      ...{ logicalId: name, stackName, type: 'AWS::Scheduler::Schedule', name, arn },
      ...{ ref: name, properties: input, metadata: {} },
    });
  }

  #define(schedule: SchedulerSchedule, stored: StoredSchedule, options: EventBridgeOptions): RuleDefinition {
    const defined = defineSchedule(schedule, options);
    const { scheduler } = defined;
    if (!scheduler) return defined;
    const isOnce = schedule.expression.startsWith('at(');
    const { arn } = schedule.resource;
    return {
      ...defined,
      scheduler: {
        ...scheduler,
        ...(isOnce && { firedAt: stored.firedAt }),
        onFired: (time) => this.#fired(arn, time),
      },
    };
  }

  /** Remembers that it has fired, unless Scheduler deletes it then. */
  #fired(arn: string, time: Date): void {
    const made = this.#made.get(arn);
    if (!made) return;
    if (!this.#eventBridge().rules.some((rule) => rule.arn === arn)) {
      this.#forget(arn, made);
      return;
    }
    const stored = { ...made.stored, firedAt: time.getTime() };
    this.#made.set(arn, { ...made, stored });
    made.kept.update(stored);
  }

  #forget(arn: string, { kept }: Made): void {
    this.#made.delete(arn);
    kept.finish();
  }
}

const isRefusal = (error: unknown): boolean =>
  [InvalidScheduleError, InvalidTargetInputError, AssemblyError].some((kind) => error instanceof kind);
