/** Rhythm of the page: as fast as it can be drawn, unless the run needs the processors. */
import { FRAME_MS, Rhythm } from '../../../tools/page/rhythm';

/** A machine of which a share is idle, and a run that takes a share of one processor. */
class Machine {
  readonly rhythm: Rhythm;
  #now = 0;
  #idle = 0;
  #own = 0;

  constructor() {
    this.rhythm = new Rhythm(
      () => ({ idle: this.#idle, all: this.#now, own: this.#own }),
      () => this.#now,
    );
  }

  /** @returns the time between two frames after it */
  pass(ms: number, { idle, run, events = 250 }: { idle: number; run: number; events?: number }): number {
    for (let passed = 0; passed < ms; passed += 100) {
      this.#now += 100;
      this.#idle += 100 * idle;
      this.#own += 100 * run;
      this.rhythm.sent(events / 10);
    }
    return this.rhythm.frameMs;
  }
}

test('a run on a machine with idle processors is drawn at once', () => {
  expect(new Machine().pass(2_000, { idle: 0.7, run: 0.5 })).toBe(FRAME_MS);
});

test('a run at full speed goes before the page', () => {
  expect(new Machine().pass(2_000, { idle: 0.05, run: 0.5 })).toBeGreaterThan(4 * FRAME_MS);
});

test('a run with little to do is drawn at once, whatever else the machine does', () => {
  expect(new Machine().pass(2_000, { idle: 0, run: 0.07 })).toBe(FRAME_MS);
});

test('few events are drawn at once, whatever the run does beside them', () => {
  expect(new Machine().pass(2_000, { idle: 0, run: 0.9, events: 20 })).toBe(FRAME_MS);
});

test('the rhythm stays while the page that is drawn less often leaves processors idle', () => {
  const machine = new Machine();
  const busy = machine.pass(1_000, { idle: 0.1, run: 0.5 });
  expect(machine.pass(1_000, { idle: 0.5, run: 0.5 })).toBe(busy);
  expect(machine.pass(1_000, { idle: 0.8, run: 0.5 })).toBe(FRAME_MS);
});

test('the page is drawn as usual again when the work is over', () => {
  const machine = new Machine();
  machine.pass(1_000, { idle: 0.1, run: 0.5 });
  expect(machine.pass(1_000, { idle: 0.1, run: 0 })).toBe(FRAME_MS);
});

test('the processors of this machine have a time', () => {
  const rhythm = new Rhythm();
  expect(() => rhythm.sent(1)).not.toThrow();
  expect(rhythm.frameMs).toBe(FRAME_MS);
});
