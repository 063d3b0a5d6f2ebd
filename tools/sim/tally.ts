/** Figures of many seeds. */
import type { App } from '../app';
import type { FaultKind } from './faults';
import type { Plan } from './plan';
import type { SimulationResult } from './simulation';

const YEAR_MS = 365.25 * 24 * 60 * 60 * 1000;
const TELL_MS = 30_000;

export class Tally {
  readonly #now: () => number;
  readonly #start: number;
  readonly #cpu = process.cpuUsage();
  readonly #faults = new Map<string, number>();
  /** `<consumer> <action>` */
  readonly #called = new Set<string>();
  #told: number;
  #seeds = 0;
  #commands = 0;
  #steps = 0;
  /** Milliseconds of CPU of other processes. */
  #cpuElsewhere = 0;
  #virtualMs = 0;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number) {
    this.#now = now;
    this.#start = this.#told = now();
  }

  add({ commands }: Plan, { steps, virtualMs, struck, called }: SimulationResult): void {
    this.#seeds++;
    this.#commands += commands.length;
    this.#steps += steps;
    this.#virtualMs += virtualMs;
    for (const [consumer, actions] of Object.entries(called)) {
      for (const action of actions) this.#called.add(`${consumer} ${action}`);
    }
    for (const [kind, count] of Object.entries(struck) as [FaultKind, number][]) {
      this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + count);
    }
  }

  /** Adds milliseconds of CPU that another process took. */
  addCpu(ms: number): void {
    this.#cpuElsewhere += ms;
  }

  /** Calls that the app describes and that no seed has made. */
  neverCalled({ consumers }: App): string[] {
    const described = Object.entries(consumers).flatMap(([name, { calls }]) =>
      calls.flatMap(({ actions }) => actions.map((action) => `${name} ${action}`)),
    );
    return [...new Set(described)].filter((call) => !this.#called.has(call)).sort();
  }

  get minutes(): number {
    return (this.#now() - this.#start) / 60_000;
  }

  /** True twice a minute. */
  isTimeToTell(): boolean {
    if (this.#now() - this.#told < TELL_MS) return false;
    this.#told = this.#now();
    return true;
  }

  get line(): string {
    const { user, system } = process.cpuUsage(this.#cpu);
    const cpuMinutes = ((user + system) / 1000 + this.#cpuElsewhere) / 60_000;
    const faults = [...this.#faults.values()].reduce((sum, count) => sum + count, 0);
    return (
      `${this.#seeds} seeds (${(this.#seeds / this.minutes).toFixed(0)} a minute, ` +
      `${(this.#seeds / cpuMinutes).toFixed(0)} a minute of CPU), ${this.#commands} commands, ${faults} faults, ` +
      `${this.#steps} steps checked, ${(this.#virtualMs / 3_600_000).toFixed(1)} hours of virtual time`
    );
  }

  summary(app: App): string {
    const never = this.neverCalled(app);
    const faults = [...this.#faults].sort(([, one], [, other]) => other - one);
    const kinds = faults.map(([kind, count]) => `${count} ${kind}`).join(', ');
    return `✓ Everything held: ${this.line} (${(this.#virtualMs / YEAR_MS).toFixed(3)} years).\nFaults: ${kinds || 'none'}.\nDescribed calls that were never made: ${never.join(', ') || 'none'}.`;
  }
}
