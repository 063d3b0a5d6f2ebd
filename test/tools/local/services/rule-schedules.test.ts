import { parseSchedule } from '../../../../tools/eventbridge/schedule';
import type { Rule } from '../../../../tools/local/services/rule';
import { RuleSchedules } from '../../../../tools/local/services/rule-schedules';

const START = Date.UTC(2026, 0, 15, 10, 59, 30);
const HOUR = 60 * 60 * 1000;

/** A clock that may be set: what waits is run by hand, as a timer would that does not notice. */
function settable() {
  const waiting: { run: () => void }[] = [];
  const clock = {
    time: START,
    random: () => 0,
    now: () => clock.time,
    after: (_: number, run: () => void) => {
      const timer = { run };
      waiting.push(timer);
      return { cancel: () => void waiting.splice(waiting.indexOf(timer), 1) };
    },
  };
  return { clock, ring: () => waiting.shift()?.run() };
}

test('a schedule fires at its times after the clock was set back, and none of them twice', () => {
  const { clock, ring } = settable();
  const fired: string[] = [];
  const schedules = new RuleSchedules(clock, (_, time) => void fired.push(time.toISOString().slice(11, 16)));
  schedules.set({ schedule: parseSchedule('cron(0 * * * ? *)', new Date(START)) } as Rule);

  clock.time = START - HOUR; // The wait for 11:00 ends by the time that the process has run.
  ring();
  expect(fired).toEqual([]);
  clock.time = Date.UTC(2026, 0, 15, 10);
  ring();
  clock.time = Date.UTC(2026, 0, 15, 11);
  ring();
  expect(fired).toEqual(['10:00', '11:00']);
});

test('times that were slept through are not made up for', () => {
  const { clock, ring } = settable();
  const fired: string[] = [];
  const schedules = new RuleSchedules(clock, (_, time) => void fired.push(time.toISOString().slice(11, 16)));
  schedules.set({ schedule: parseSchedule('cron(0 * * * ? *)', new Date(START)) } as Rule);
  clock.time = START + 8 * HOUR;
  ring();
  clock.time = Date.UTC(2026, 0, 15, 19);
  ring();
  expect(fired).toEqual(['11:00', '19:00']);
});
