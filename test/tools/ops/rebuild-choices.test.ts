/** `rebuild`, by what AWS's services answer: what it chooses, asks, keeps and cannot do. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { marshall } from '@aws-sdk/util-dynamodb';
import { UNDESCRIBED } from '../../../tools/app';
import { type RebuildOptions, rebuild } from '../../../tools/ops/rebuild';
import { ARCHIVE, NOW, operate, Refusal, rule, rules, type Script, type Surroundings } from './scripted-aws';

const folder = mkdtempSync(join(tmpdir(), 'rebuild-choices-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** An item that records one event, as the order processor stores it. */
const item = (orderId: string, more: object = {}) => ({
  ...{ orderId, status: 'PENDING', revision: 1, processedAt: '2026-11-23T10:00:00.000Z' },
  createdBy: 'e-1',
  ...more,
});
const found = (...items: readonly object[]): Script => ({
  GetItem: ({ Key }) => {
    const one = items.find((each) => (each as { orderId: string }).orderId === Key.orderId.S);
    return one ? { Item: marshall(one, { removeUndefinedValues: true }) } : {};
  },
  Scan: ({ ExclusiveStartKey }) =>
    ExclusiveStartKey
      ? { Items: [] }
      : {
          Items: items.map((each) => marshall(each, { removeUndefinedValues: true })),
          LastEvaluatedKey: marshall({ orderId: 'last' }),
        },
});

const script: Script = {
  ...rules([
    [rule('order-created', { source: ['app.orders'] }), 'order-processor'],
    [rule('all-events', { source: ['app.orders'] }), 'analytics'],
  ]),
  ...found(item('order-1')),
  DescribeArchive: ARCHIVE,
  StartReplay: {},
  DescribeReplay: { State: 'COMPLETED' },
  UpdateItem: {},
};

let runs = 0;
const run = (more: Script, options: RebuildOptions = {}, surroundings: Surroundings = {}) => {
  const backup = join(folder, `backup-${runs++}.jsonl`);
  const all = { order: ['order-1'], yes: true, allowRecent: true, backup, ...options };
  return operate({ ...script, ...more }, (session) => rebuild(session, all), surroundings);
};

/** A clock that passes in great steps, so that nothing is waited for. */
const hasty = () => {
  let time = NOW;
  return () => {
    time += 700_000;
    return time;
  };
};

test('only rules that write the table are replayed, and the item is kept before', async () => {
  const backup = join(folder, 'kept.jsonl');
  const { json, exitCode, aws } = await run({}, { backup }, { json: true });
  expect(exitCode).toBe(0);
  expect(json).toMatchObject({ rebuilt: 1, missing: {} });
  expect(JSON.parse(readFileSync(backup, 'utf8'))).toMatchObject({ orderId: 'order-1', status: 'PENDING' });
  expect(aws.inputsOf('StartReplay')[0].Destination.FilterArns).toEqual([
    expect.stringContaining('event-driven-order-created'),
  ]);
  expect(aws.inputsOf('UpdateItem')).toMatchObject([{ ConditionExpression: '#revision = :revision' }]);
});

test.each([
  [
    'an app without items that can be rebuilt',
    {},
    { app: UNDESCRIBED },
    'not described as one whose items can be rebuilt',
  ],
  [
    'a stack without a rule that writes the table',
    rules([[rule('all-events', {}), 'analytics']]),
    {},
    'No rule of the stack is described as one that writes the table.',
  ],
  [
    'a rule that is disabled',
    rules([[rule('order-created', {}, { State: 'DISABLED' }), 'order-processor']]),
    {},
    'Rule event-driven-order-created is disabled or takes no replayed events',
  ],
  [
    'a rule that takes no replays',
    rules([[rule('order-created', { 'replay-name': [{ exists: false }] }), 'order-processor']]),
    {},
    'Rule event-driven-order-created is disabled or takes no replayed events',
  ],
])('%s cannot be rebuilt from', async (_, more, surroundings, message) => {
  await expect(run(more as Script, {}, surroundings)).rejects.toThrow(message);
});

test('a window that is upside down is refused', async () => {
  const { order: _, ...window } = { order: [], from: '1h', to: '3h' };
  await expect(operate(script, (session) => rebuild(session, { ...window, yes: true }))).rejects.toThrow(
    '--from is 2026-11-23T11:00:00Z, but must be before --to, 2026-11-23T09:00:00Z.',
  );
});

test('--from of an --order is where its events begin', async () => {
  const { stdout } = await run({}, { from: '2026-11-20', dryRun: true });
  expect(stdout).toContain('Window  2026-11-20T00:00:00Z to 2026-11-23T12:00:00Z');
});

test('all items first processed in a window are found on all pages', async () => {
  const { json } = await operate(
    { ...script, ...found(item('order-1'), item('order-2')) },
    (session) => rebuild(session, { from: '3h', to: 'now', dryRun: true }),
    { json: true },
  );
  expect(json).toMatchObject({ dryRun: true, rebuild: ['order-1', 'order-2'] });
  // Its event may be older than its processing, by as long as Lambda may retry.
  expect(json.window.from).toBe('2026-11-23T03:00:00Z');
});

test.each([
  ['that is not there', [], 'order-1: not in the table; what comes back is counted as new'],
  [
    'of an unknown time',
    [item('order-1', { processedAt: undefined })],
    'order-1: 1 event, first processed at an unknown time',
  ],
  ['that tells no events', [item('order-1', { fact_SHIPPED: 7 })], 'order-1: too damaged to tell its events'],
])('the preview tells of an item %s', async (_, stored, line) => {
  const { stdout } = await run(found(...stored), { dryRun: true });
  expect(stdout).toContain(line);
});

test('an item too damaged to tell its events is rebuilt when it has any again', async () => {
  let reads = 0;
  const { json, exitCode } = await run(
    { GetItem: () => ({ Item: marshall(item('order-1', reads++ === 0 ? { fact_SHIPPED: 7 } : {})) }) },
    {},
    { json: true },
  );
  expect({ json, exitCode }).toMatchObject({ json: { rebuilt: 1, missing: {} }, exitCode: 0 });
});

describe('at the terminal', () => {
  test('anything but yes changes nothing', async () => {
    const { exitCode, stderr, aws } = await run({}, { yes: false }, { isTerminal: true, stdin: 'n\n' });
    expect(exitCode).toBe(0);
    expect(stderr).toContain('Nothing was changed.');
    expect(aws.inputsOf('UpdateItem')).toEqual([]);
  });

  test('yes rebuilds', async () => {
    const { exitCode, aws } = await run({}, { yes: false }, { isTerminal: true, stdin: 'y\n' });
    expect(exitCode).toBe(0);
    expect(aws.inputsOf('UpdateItem')).toHaveLength(1);
  });

  test('Ctrl-C changes nothing', async () => {
    const { exitCode, aws } = await run(
      {
        ListTargetsByRule: (_, call) => {
          if (call === 0) setTimeout(() => process.emit('SIGINT'), 20);
          return (script.ListTargetsByRule as (input: object) => object)({
            Rule: 'event-driven-order-created',
          });
        },
      },
      { yes: false },
      { isTerminal: true, stdin: null },
    );
    expect(exitCode).toBe(130);
    expect(aws.inputsOf('UpdateItem')).toEqual([]);
  });
});

test('without --allow-recent it waits until the archive has all events', async () => {
  const late = { now: hasty() };
  const { stderr, aws } = await run({}, { allowRecent: false }, late);
  expect(stderr).toContain(
    'Events reach the archive within 10 minutes: this goes on at 2026-11-23T12:21:40Z.',
  );
  expect(aws.inputsOf('UpdateItem')).toHaveLength(1);
});

test('Ctrl-C while the archive is waited for changes nothing', async () => {
  let reads = 0;
  const { exitCode, aws } = await run(
    {},
    { allowRecent: false },
    {
      now: () => {
        if (reads++ === 1) setTimeout(() => process.emit('SIGINT'), 20);
        return NOW;
      },
    },
  );
  expect(exitCode).toBe(130);
  expect(aws.inputsOf('UpdateItem')).toEqual([]);
});

test('an item that has changed since it was read is left as it is', async () => {
  const { stderr, exitCode, json } = await run(
    { UpdateItem: new Refusal('ConditionalCheckFailedException') },
    {},
    { json: true },
  );
  expect(stderr).toContain('order-1 has changed meanwhile and is left as it is: try again.');
  expect(json).toMatchObject({ rebuilt: 0 });
  expect(exitCode).toBe(1);
});

test('an item without a revision is emptied only if it still has none', async () => {
  const { revision: _, ...bare } = item('order-1');
  const { aws: without } = await run(found(bare));
  expect(without.inputsOf('UpdateItem')).toMatchObject([
    { ConditionExpression: 'attribute_not_exists(#revision)' },
  ]);
});

test('an item that is only its key needs no emptying', async () => {
  const { aws } = await run(found({ orderId: 'order-1' }), {}, { now: hasty() });
  expect(aws.inputsOf('UpdateItem')).toEqual([]);
});

test('what may not be written ends the command', async () => {
  await expect(run({ UpdateItem: new Refusal('AccessDeniedException', 'may not') })).rejects.toThrow(
    'may not',
  );
});

test('a replay that does not complete says what to do', async () => {
  const { stderr, exitCode } = await run({ DescribeReplay: { State: 'FAILED' } });
  expect(stderr).toMatch(/has not completed: run it again with the same window, then compare .*jsonl\.\n$/);
  expect(exitCode).toBe(1);
});

test('Ctrl-C during the replay says what to do', async () => {
  const { exitCode } = await run({
    DescribeReplay: () => {
      setImmediate(() => process.emit('SIGINT'));
      return { State: 'RUNNING' };
    },
  });
  expect(exitCode).toBe(130);
});

test.each([
  ['events that it had', item('order-1', { createdBy: undefined }), 'e-1'],
  ['its first event', undefined, 'its first event'],
])('an item that still lacks %s is told', async (_, after, lacks) => {
  let reads = 0;
  const before = after && item('order-1');
  const { stdout, exitCode } = await run(
    {
      GetItem: () => {
        const stored = reads++ === 0 ? before : after;
        return stored ? { Item: marshall(stored, { removeUndefinedValues: true }) } : {};
      },
    },
    {},
    { now: hasty() },
  );
  expect(stdout).toMatch(
    new RegExp(`Rebuilt 0 orders\\.\\n {2}order-1 lacks ${lacks}: not in the archive, or still on`),
  );
  expect(exitCode).toBe(1);
});

test('looks again until the item has its events', async () => {
  let reads = 0;
  const { exitCode, stderr } = await run(
    {
      GetItem: () => {
        const stored = reads++ === 1 ? { orderId: 'order-1' } : item('order-1');
        return { Item: marshall(stored) };
      },
    },
    {},
    { isTerminal: true },
  );
  expect(exitCode).toBe(0);
  expect(stderr).toContain('order-1: 0 events of 1');
});

test('without --backup the items are kept in a file named by the time', async () => {
  const before = process.cwd();
  process.chdir(folder);
  try {
    await operate(script, (session) =>
      rebuild(session, { order: ['order-1'], yes: true, allowRecent: true }),
    );
    expect(readFileSync('rebuild-20261123T120000.jsonl', 'utf8')).toContain('"order-1"');
  } finally {
    process.chdir(before);
  }
});
