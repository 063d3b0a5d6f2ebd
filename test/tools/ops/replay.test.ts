import { APP } from '../../../bin/app-description';
import { archiveStart, estimateReplay } from '../../../tools/ops/archive';
import { chooseRules, type ReplayOptions, replay, replayWindow } from '../../../tools/ops/replay';
import type { StackRule } from '../../../tools/ops/rules';
import { clientConfig, DeployedStack } from '../../../tools/ops/stack';
import {
  ARCHIVE,
  rule as listed,
  rules as listedRules,
  NOW,
  OUTPUTS,
  operate,
  Refusal,
  type Script,
  type Surroundings,
} from './scripted-aws';

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

describe('by what EventBridge answers', () => {
  const script: Script = {
    ...listedRules([
      [listed('order-created', { source: ['app.orders'] }), 'order-processor'],
      [listed('all-events', { source: ['app.orders'] }), 'analytics'],
    ]),
    DescribeArchive: ARCHIVE,
    StartReplay: {},
    CancelReplay: {},
    DescribeReplay: { State: 'COMPLETED' },
  };
  const WINDOW = { from: '3h', to: '1h' };
  const run = (more: Script, options: ReplayOptions, surroundings: Surroundings = {}) =>
    operate({ ...script, ...more }, (session) => replay(session, options), surroundings);

  test.each([
    ['y', 0, 1],
    ['yes', 0, 1],
    ['no', 0, 0],
    ['', 0, 0],
  ])('the answer %j at the terminal: exit code %d, %d replays', async (answer, code, replays) => {
    const { exitCode, stderr, aws } = await run({}, WINDOW, { stdin: `${answer}\n`, isTerminal: true });
    expect(exitCode).toBe(code);
    expect(aws.inputsOf('StartReplay')).toHaveLength(replays);
    expect(stderr.includes('Nothing was replayed.')).toBe(replays === 0);
  });

  test('Ctrl-C at the question starts nothing', async () => {
    const { exitCode, aws } = await run(
      {
        DescribeArchive: () => {
          setImmediate(() => process.emit('SIGINT'));
          return ARCHIVE;
        },
      },
      WINDOW,
      { isTerminal: true, stdin: null },
    );
    expect(exitCode).toBe(130);
    expect(aws.inputsOf('StartReplay')).toEqual([]);
  });

  test('goes only to the rules of the plan, and shows how far it is', async () => {
    const { stdout, stderr, aws } = await run(
      {
        DescribeReplay: (_, call) =>
          call === 0
            ? { State: 'RUNNING', EventLastReplayedTime: NOW / 1_000 - 7_200 }
            : { State: 'COMPLETED' },
      },
      { ...WINDOW, yes: true },
      { isTerminal: true },
    );
    expect(stdout).toMatch(/^Replay event-driven-20261123T120000-[0-9a-f]{4}: COMPLETED\n$/);
    expect(stderr).toMatch(/RUNNING, events up to 2026-11-23T10:00:00Z/);
    expect(stderr).toContain('Rules   order-created -> order-processor\n        all-events -> analytics\n');
    const [{ Destination }] = aws.inputsOf('StartReplay');
    expect(Destination.FilterArns).toHaveLength(2);
  });

  test('of many events costs what it says', async () => {
    const { stdout } = await run(
      { DescribeArchive: { ...ARCHIVE, EventCount: 1e9, SizeBytes: 1e12 } },
      { from: '10d', to: '1d', dryRun: true },
    );
    expect(stdout).toMatch(/^Cost +about \$300\.00, and what the functions cost$/m);
  });

  test('that fails is a failure with its reason', async () => {
    const failed = { DescribeReplay: { State: 'FAILED', StateReason: 'no such archive' } };
    const { stdout, exitCode } = await run(failed, { ...WINDOW, yes: true });
    expect(stdout).toMatch(/: FAILED: no such archive\n$/);
    expect(exitCode).toBe(1);
  });

  describe('cancelling', () => {
    const running = { State: 'RUNNING', EventSourceArn: OUTPUTS.ArchiveArn };
    const cancel = (DescribeReplay: Script[string], surroundings: Surroundings = {}) =>
      run({ DescribeReplay }, { cancel: 'r-1' }, surroundings);

    test('a replay that ends before it is cancelled is a failure', async () => {
      const { stdout, exitCode } = await cancel((_, call) =>
        call === 0 ? running : { ...running, State: 'COMPLETED' },
      );
      expect(stdout).toBe('Replay r-1: COMPLETED\n');
      expect(exitCode).toBe(1);
    });

    test('may be left with Ctrl-C, and goes on', async () => {
      const { json, exitCode } = await cancel(
        (_, call) => {
          if (call > 0) setImmediate(() => process.emit('SIGINT'));
          return running;
        },
        { json: true },
      );
      expect(json).toEqual({ name: 'r-1', state: 'CANCELLING' });
      expect(exitCode).toBe(130);
    });

    test('is not known of a replay that may not be looked at', async () => {
      await expect(cancel(new Refusal('AccessDeniedException', 'may not'))).rejects.toThrow('may not');
    });
  });
});
