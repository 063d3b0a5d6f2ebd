import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { APP } from '../../../../bin/app-description';
import { type App, UNDESCRIBED } from '../../../../tools/app';
import { parseMix } from '../../../../tools/proof/cost/event-mix';
import { type Limit, limitsOf } from '../../../../tools/proof/cost/limits';
import { limitsIn, limitsMarkdown, limitsText } from '../../../../tools/proof/cost/limits-report';
import type { Measurement } from '../../../../tools/proof/cost/measurement';
import quotaTable from '../../../../tools/proof/cost/quotas.json';
import { Usage } from '../../../../tools/proof/cost/usage';
import { synthesize } from '../../../lib/synthesize';
import { assemblyOf } from '../assembly';

const measurement: Measurement = JSON.parse(readFileSync('samples/measurements.json', 'utf8'));
const assumptions = {
  ...{ mix: parseMix(APP.mix ?? '', APP.contracts), months: 12, slowdown: 1, coldStarts: 0.5, failures: 0.1 },
};
const stackWith = (settings: object = {}) => assemblyOf(synthesize('production', settings).toJSON());
const stack = stackWith();
/** The same, with schedules that a handler makes. */
const reminding = stackWith({ orderReminderDays: 3 });
const limits = (of = stack, more: object = {}, app = APP) =>
  limitsOf(new Usage(of, app, measurement, { ...assumptions, ...more }));
const of = (all: readonly Limit[], what: RegExp) => all.filter((limit) => what.test(limit.what));

test('the lowest rate is the first, and what cannot be told is the last', () => {
  const rates = limits().map(({ eventsPerSecond = Number.POSITIVE_INFINITY }) => eventsPerSecond);
  expect(rates).toEqual([...rates].sort((one, other) => one - other));
  expect(rates.at(-1)).toBe(Number.POSITIVE_INFINITY);
});

test('a rate is what one event takes, as often as the quota allows', () => {
  for (const { value, perEvent, eventsPerSecond } of limits()) {
    if (perEvent === undefined) expect(eventsPerSecond).toBeUndefined();
    else expect(eventsPerSecond).toBeCloseTo(value / perEvent);
  }
});

test('each service on the way of an event has its limit', () => {
  const services = new Set(limits(reminding).map(({ quota }) => quota.split('.')[0]));
  expect(services).toEqual(new Set(Object.keys(quotaTable.quotas).map((quota) => quota.split('.')[0])));
  for (const { logicalId, name, type } of stack.resources.values()) {
    if (!/::(Table|DeliveryStream|Archive)$/.test(type) || /Reports/.test(logicalId)) continue;
    expect([name, of(limits(), new RegExp(` ${name}$`)).length]).toEqual([name, expect.any(Number)]);
    expect(of(limits(), new RegExp(` ${name}$`))).not.toEqual([]);
  }
});

test('a slower call lowers what concurrency takes, and nothing else', () => {
  fc.assert(
    fc.property(fc.double({ min: 1, max: 100, noNaN: true }), (slowdown) => {
      const slow = new Map(limits(stack, { slowdown }).map((limit) => [limit.what, limit.eventsPerSecond]));
      for (const { what, quota, eventsPerSecond = 0 } of limits()) {
        const rate = slow.get(what) ?? 0;
        if (/concurrency|scaling/.test(quota)) expect(rate).toBeLessThanOrEqual(eventsPerSecond);
        else expect(rate).toBe(eventsPerSecond);
      }
    }),
    { numRuns: 20 },
  );
});

test('a setting that bounds a part of the stack is its limit', () => {
  const bounded = limits(
    stackWith({
      reservedConcurrency: { notifier: 5 },
      tableCapacity: { least: 1, most: 7 },
      notificationEmail: 'shop@example.com',
    }),
  );
  expect(of(bounded, /notifier, as reserved/)).toMatchObject([{ value: 5 }]);
  for (const table of of(bounded, /^(table|index) /)) expect(table).toMatchObject({ value: 7 });
  expect(of(bounded, /^mails/)).toMatchObject([{ value: quotaTable.quotas['sns.email'].value }]);
  expect(of(bounded, /^all functions at once/)).toMatchObject([
    { value: quotaTable.quotas['lambda.concurrency'].value - 5 },
  ]);
  expect(of(limits(), /as reserved|^mails/)).toEqual([]);
});

test('schedules wait for the days of their setting, and as many exist at once as an account may have', () => {
  const [made] = of(limits(reminding), /^making of schedules/);
  const [waiting] = of(limits(reminding), /^schedules that wait/);
  expect(waiting?.perEvent).toBeCloseTo(3 * 86_400 * (made?.perEvent ?? 0));
  expect(waiting?.value).toBe(quotaTable.quotas['scheduler.schedules'].value);
});

test('how many schedules wait cannot be told of a handler that does not say for how long', () => {
  const { reminders } = APP.consumers;
  const calls = (reminders?.calls ?? []).map(({ schedules, ...call }) => {
    if (!schedules) return call;
    const { days: _, ...made } = schedules;
    return { ...call, schedules: made };
  });
  const app = { ...APP, consumers: { ...APP.consumers, reminders: { ...reminders, calls } } } as App;
  expect(of(limits(reminding, {}, app), /^schedules that wait/)).toMatchObject([
    { eventsPerSecond: undefined },
  ]);
});

test('alarms that show it coming are those of the template', () => {
  const names = new Set(stack.ofType('AWS::CloudWatch::Alarm').map(({ name }) => name));
  const told = limits().flatMap(({ signals }) => signals.flatMap(({ alarms }) => alarms));
  expect(told).not.toEqual([]);
  for (const alarm of told) expect(names).toContain(alarm);
});

test('what depends on handlers is not told of a stack that nobody described', () => {
  const some = limits(stack, { mix: [] }, UNDESCRIBED);
  expect(of(some, /^PutEvents/)).toMatchObject([
    { eventsPerSecond: quotaTable.quotas['events.putEvents'].value },
  ]);
  expect(of(some, /^targets/)).toMatchObject([{ eventsPerSecond: undefined }]);
  expect(limitsText('a stack', some)).toContain('cannot tell');
});

test('every quota has its source and where it was read', () => {
  for (const quota of Object.values(quotaTable.quotas)) {
    expect(quota).toEqual({
      value: expect.any(Number),
      unit: expect.any(String),
      source: expect.stringMatching(/^https:\/\/docs\.aws\.amazon\.com\//),
      read: expect.stringMatching(/^(aws|secondary|unchecked)$/),
    });
    expect(quota.value).toBeGreaterThan(0);
  }
});

test('docs/scale.md has the table; `npm run cost -- --limits --write docs/scale.md` renews it', () => {
  expect(limitsIn(readFileSync('docs/scale.md', 'utf8'))).toBe(limitsMarkdown(limits()).trim());
});
