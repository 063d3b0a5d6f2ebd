/** Timers of rules with a schedule. */
import type { Rule } from './rule';
import type { World } from './world';

/** Maximum difference between a timer and the clock, in milliseconds. */
const CLOCK_TOLERANCE_MS = 1000;

export class RuleSchedules {
  readonly #timers = new Map<Rule, { cancel(): void }>();
  readonly #clock: Pick<World, 'now' | 'after' | 'random'>;
  readonly #fire: (rule: Rule, time: Date) => void;

  /** @param fire called at each time of a rule's schedule */
  constructor(clock: Pick<World, 'now' | 'after' | 'random'>, fire: (rule: Rule, time: Date) => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  /** Starts the schedule of a rule anew, if it has one. */
  set(rule: Rule): void {
    this.remove(rule);
    this.#scheduleNext(rule, rule.scheduler?.firedAt ?? this.#clock.now());
  }

  remove(rule: Rule): void {
    this.#timers.get(rule)?.cancel();
    this.#timers.delete(rule);
  }

  /** Stops all schedules. */
  clear(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #scheduleNext(rule: Rule, after: number): void {
    const time = rule.schedule?.next(new Date(after));
    if (!time) return;
    const clock = this.#clock;
    const late = (rule.scheduler?.flexibleMinutes ?? 0) * 60_000 * clock.random();
    const timer = clock.after(time.getTime() + late - clock.now(), () => {
      if (clock.now() < time.getTime() - CLOCK_TOLERANCE_MS) {
        // The clock was set back meanwhile.
        this.#scheduleNext(rule, clock.now());
        return;
      }
      // Times that were missed while the machine slept are skipped.
      this.#scheduleNext(rule, Math.max(time.getTime(), clock.now() - late));
      this.#fire(rule, time);
    });
    this.#timers.set(rule, timer);
  }
}
