import { ManualClock, SystemClock } from '../../../../tools/local/services/clock';

describe('a clock that is moved by hand', () => {
  test('stands still until it is moved', async () => {
    const clock = new ManualClock(5000);
    expect(clock.now()).toBe(5000);
    await clock.advance(1500);
    expect(clock.now()).toBe(6500);
  });

  test('runs what falls due in the order of time, each at its own time', async () => {
    const clock = new ManualClock(0);
    const runs: [string, number][] = [];
    clock.after(300, () => void runs.push(['late', clock.now()]));
    clock.after(100, () => void runs.push(['early', clock.now()]));
    clock.after(1000, () => void runs.push(['never', clock.now()]));
    await clock.advance(500);
    expect(runs).toEqual([
      ['early', 100],
      ['late', 300],
    ]);
  });

  test('waits for one before it runs the next', async () => {
    const clock = new ManualClock(0);
    const order: string[] = [];
    clock.after(1, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      order.push('first');
    });
    clock.after(2, () => void order.push('second'));
    await clock.advance(2);
    expect(order).toEqual(['first', 'second']);
  });

  test('also runs what is added on the way', async () => {
    const clock = new ManualClock(0);
    const times: number[] = [];
    const again = () => {
      times.push(clock.now());
      clock.after(10, again);
    };
    clock.after(10, again);
    await clock.advance(35);
    expect(times).toEqual([10, 20, 30]);
  });

  test('does not run what was cancelled', async () => {
    const clock = new ManualClock(0);
    const run = jest.fn();
    clock.after(10, run).cancel();
    await clock.advance(20);
    expect(run).not.toHaveBeenCalled();
  });
});

describe("the machine's clock", () => {
  beforeEach(() => jest.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
  afterEach(() => jest.useRealTimers());

  test('runs a minute in a second at speed 60', () => {
    const clock = new SystemClock(60);
    const run = jest.fn();
    clock.after(60_000, run);
    jest.advanceTimersByTime(999);
    expect(run).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledTimes(1);
    expect(clock.now()).toBe(Date.UTC(2026, 0, 1, 0, 1));
  });

  test('waits longer than a timer of Node can', () => {
    const month = 30 * 24 * 60 * 60 * 1000;
    const run = jest.fn();
    new SystemClock().after(month, run);
    jest.advanceTimersByTime(month - 1);
    expect(run).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledTimes(1);
  });

  test('can be told to forget, also a long wait that has been renewed', () => {
    const month = 30 * 24 * 60 * 60 * 1000;
    const run = jest.fn();
    const timer = new SystemClock().after(month, run);
    jest.advanceTimersByTime(month - 1000);
    timer.cancel();
    jest.advanceTimersByTime(2000);
    expect(run).not.toHaveBeenCalled();
  });

  test('follows the wall clock when the machine has slept, and what fell due meanwhile is done', () => {
    const clock = new SystemClock();
    const [due, later] = [jest.fn(), jest.fn()];
    const hour = 60 * 60 * 1000;
    clock.after(2 * hour, due);
    clock.after(20 * hour, later);
    jest.setSystemTime(Date.now() + 8 * hour); // Timers stand still meanwhile.
    expect(clock.now()).toBe(Date.UTC(2026, 0, 1, 8));
    jest.advanceTimersByTime(5001);
    expect(due).toHaveBeenCalledTimes(1);
    expect(later).not.toHaveBeenCalled();
    jest.advanceTimersByTime(12 * hour);
    expect(later).toHaveBeenCalledTimes(1);
  });

  test('follows it backwards too, and no wait gets longer by that', () => {
    const clock = new SystemClock();
    const run = jest.fn();
    clock.after(60_000, run);
    jest.setSystemTime(Date.UTC(2025, 11, 31));
    expect(clock.now()).toBe(Date.UTC(2025, 11, 31));
    jest.advanceTimersByTime(60_000);
    expect(run).toHaveBeenCalledTimes(1);
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses the speed %p', (speed) => {
    expect(() => new SystemClock(speed)).toThrow('must be a positive number');
  });
});
