import { APP } from '../../../bin/app-description';
import { archiveStart, estimateReplay } from '../../../tools/ops/archive';
import { chooseRules, replayWindow } from '../../../tools/ops/replay';
import type { StackRule } from '../../../tools/ops/rules';
import { clientConfig, DeployedStack } from '../../../tools/ops/stack';

const NOW = Date.parse('2026-11-23T12:00:00.000Z');
const HOUR = 3_600_000;

describe('the window', () => {
  test('is read from two times', () => {
    expect(replayWindow({ from: '3h', to: '2026-11-23T11:50:00Z' }, NOW)).toEqual({
      from: NOW - 3 * HOUR,
      to: NOW - 600_000,
    });
  });

  test.each([
    [{}, 'A replay needs its window: --from TIME --to TIME'],
    [{ from: '3h' }, 'A replay needs its window'],
    [{ from: '1h', to: '3h' }, 'The window is upside down: --from is 2026-11-23T11:00:00Z, --to is'],
    [{ from: '3h', to: '3h' }, 'The window is upside down'],
    [
      { from: '3h', to: '9m' },
      '--to is 2026-11-23T11:51:00Z, but the archive may lack events of the last 10 minutes',
    ],
    [{ from: '3h', to: '2026-11-24' }, 'the archive may lack events of the last 10 minutes'],
  ])('%j is refused', (options, message) => {
    expect(() => replayWindow(options, NOW)).toThrow(message);
  });

  test('may end now if that is asked for', () => {
    expect(replayWindow({ from: '3h', to: 'now', allowRecent: true }, NOW).to).toBe(NOW);
  });
});

describe('the rules of a replay', () => {
  const stack = new DeployedStack(
    'production',
    'event-driven',
    clientConfig({ endpointUrl: 'http://127.0.0.1:4566' }, {}),
    new Map(),
    [],
    'npx cdk deploy',
  );
  const rule = (name: string, consumer: string, more: Partial<StackRule> = {}): StackRule => ({
    name: `event-driven-${name}`,
    arn: `arn:${name}`,
    enabled: true,
    consumers: [`event-driven-${consumer}`],
    targetArns: [`arn:aws:lambda:us-east-1:000000000000:function:event-driven-${consumer}`],
    takesReplays: true,
    detailTypes: [],
    ...more,
  });
  const created = rule('order-created', 'order-processor');
  const changed = rule('order-status-changed', 'notifier');
  const all = rule('all-events', 'analytics');
  const daily = rule('daily-report', 'analytics', { schedule: 'rate(1 day)' });
  const rules = [created, changed, all, daily];

  test('are all of the bus but the one that notifies customers', () => {
    expect(chooseRules(APP, stack, rules, {})).toEqual([created, all]);
  });

  test('are also that one if it is asked for in words', () => {
    expect(chooseRules(APP, stack, rules, { notifyCustomers: true })).toEqual([created, changed, all]);
  });

  test('are those that are named, each once, with or without the prefix', () => {
    const names = ['all-events', 'event-driven-all-events'];
    expect(chooseRules(APP, stack, rules, { rule: names })).toEqual([all]);
  });

  test.each([
    [['nothing'], '--rule is "nothing", but must be one of order-created, order-status-changed, all-events.'],
    [['daily-report'], '--rule is "daily-report", but must be one of'],
    [['order-status-changed'], 'notifies customers, who would hear of old changes again'],
  ])('cannot be %j', (names, message) => {
    expect(() => chooseRules(APP, stack, rules, { rule: names })).toThrow(message);
  });

  test('cannot be one that takes no replayed events: the replay would do nothing', () => {
    const deaf = { ...changed, takesReplays: false };
    expect(chooseRules(APP, stack, [created, deaf], {})).toEqual([created]);
    expect(() => chooseRules(APP, stack, [created, deaf], { notifyCustomers: true })).toThrow(
      'Rule event-driven-order-status-changed takes no replayed events',
    );
  });
});

describe('the preview', () => {
  const archive = {
    name: 'archive',
    events: 1_000_000,
    bytes: 1_000_000_000,
    retentionDays: 30,
    createdAt: NOW - 100 * 24 * HOUR,
  };
  const estimate = (from: number, to: number, fields = {}) =>
    estimateReplay({ ...archive, ...fields }, { from: NOW - from, to: NOW - to }, NOW);

  test("is the window's share of the days that the archive keeps", () => {
    expect(estimate(6 * 24 * HOUR, 3 * 24 * HOUR)).toEqual({
      events: 100_000,
      bytes: 100_000_000,
      dollars: 0.1,
      basis: "the window is 10% of the archive's time, which has 1,000,000 events in all",
    });
  });

  test('counts from the creation of a young archive', () => {
    expect(estimate(5 * HOUR, 0, { createdAt: NOW - 10 * HOUR }).events).toBe(500_000);
  });

  test('begins with the second in which the archive was made, as an event of that second does', () => {
    expect(archiveStart({ ...archive, createdAt: NOW - HOUR + 999 }, NOW)).toBe(NOW - HOUR);
  });

  test('counts nothing before the archive begins', () => {
    expect(estimate(60 * 24 * HOUR, 30 * 24 * HOUR)).toEqual({
      events: 0,
      bytes: 0,
      dollars: 0,
      basis: 'the archive begins at 2026-10-24T12:00:00Z',
    });
  });

  test('bills each started 64 KB of an event', () => {
    const dollars = (bytes: number) => estimate(30 * 24 * HOUR, 0, { events: 1, bytes }).dollars * 1e6;
    expect([1, 65_536, 65_537, 1_000_000].map(dollars).map(Math.round)).toEqual([1, 1, 2, 16]);
  });

  test('of an empty archive is nothing', () => {
    expect(estimate(HOUR, 0, { events: 0, bytes: 0 })).toMatchObject({ events: 0, bytes: 0, dollars: 0 });
  });

  test('does not end with an archive that is kept for ever', () => {
    expect(estimate(50 * 24 * HOUR, 0, { retentionDays: 0 }).events).toBe(500_000);
  });
});
