/** Messages of `npm start` besides the steps, as people and as programs read them. */
import { stripVTControlCharacters } from 'node:util';
import { JsonLog, type RunLog, TerminalLog } from '../../../tools/local/run-log';
import type { LocalStack } from '../../../tools/local/stack';
import { assemblyOf, functionResources } from '../template/template';

const assembly = assemblyOf(functionResources('Work'));
/** Parts of a stack that the messages name. */
const stackWith = (more: object = {}) =>
  ({
    ...{ url: 'http://localhost:1', assembly, queues: [], functions: [], stateMachines: [], topics: [] },
    ...{ tables: { names: [] }, eventBridge: { rules: [] }, waitingForRetry: 0, ...more },
  }) as unknown as LocalStack;
const machine = (...statuses: string[]) => ({
  name: 'flow',
  executions: statuses.map((status) => ({ status })),
});
const synthesis = { durationMs: 1_234, isUnchanged: false, warnings: [], directory: 'cdk.out' };
const settled = () => new Promise((resolve) => setImmediate(resolve));

interface Screen {
  readonly isTTY?: boolean;
  readonly env?: NodeJS.ProcessEnv;
  readonly only?: ConstructorParameters<typeof TerminalLog>[1]['only'];
}

/** @returns what is written to a terminal of 100 columns, or to a file */
async function shown(
  tell: (log: TerminalLog) => unknown,
  { isTTY = false, env = {}, only = [] }: Screen = {},
) {
  let text = '';
  const before = process.listeners('exit');
  const stream = { isTTY, columns: 100, write: (part: string) => (text += part) };
  await tell(new TerminalLog(stream as unknown as NodeJS.WriteStream, { only, idField: undefined }, env));
  await settled();
  // Each output waits for the end of the process.
  for (const each of process.listeners('exit')) if (!before.includes(each)) process.off('exit', each);
  return text;
}

describe('the start', () => {
  const start = (log: TerminalLog) => {
    log.synthesizing();
    log.synthesized(synthesis, assembly);
  };

  test('is told while it lasts on a terminal, and once in a file', async () => {
    const line = 'shop  2 resources, 0 rules, 1 function; synthesized in 1.2 s\n';
    expect(await shown(start)).toBe(line);
    expect(stripVTControlCharacters(await shown(start, { isTTY: true }))).toBe(`Synthesizing …\r${line}`);
  });

  test.each<[NodeJS.ProcessEnv, boolean, boolean]>([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
  ])('has colours with %j, on a terminal %j: %j', async (env, isTTY, isColoured) => {
    const text = await shown((log) => log.synthesized(undefined, assembly), { env, isTTY });
    expect(text !== stripVTControlCharacters(text)).toBe(isColoured);
    expect(text).toContain('read from ');
  });

  test('says of what was synthesized before that it is the same', async () => {
    const again = { ...synthesis, isUnchanged: true };
    expect(await shown((log) => log.synthesized(again, assembly))).toContain(
      'unchanged since it was synthesized',
    );
  });

  test('shows commands for what the stack has', async () => {
    const stack = stackWith({
      functions: [{ arn: 'f', resource: { properties: { LoggingConfig: { LogGroup: '/logs' } } } }],
      ...{ eventBridge: { rules: [{ targets: [{ Arn: 'f' }] }] }, tables: { names: ['orders'] } },
      queues: [{ name: 'failed' }],
    });
    const own = (log: TerminalLog) => {
      log.synthesized(synthesis, assembly);
      log.ready(stack, 'http://localhost:1/_page');
    };
    expect((await shown(own)).split('\n').filter((line) => / aws |See it/.test(line))).toEqual([
      'See it at http://localhost:1/_page',
      expect.stringContaining('put-events --entries file://samples/entries/minimal-order.json'),
      expect.stringContaining('dynamodb scan --table-name orders'),
      expect.stringContaining('logs tail /logs --follow'),
      expect.stringContaining('--queue-url http://localhost:1/000000000000/failed'),
    ]);
    // Nobody knows the events of a template that is given, and none of its rules takes one.
    const given = (log: TerminalLog) => {
      log.synthesized(undefined, assembly);
      log.ready(stackWith());
    };
    expect((await shown(given)).split('\n').filter((line) => / aws |See it/.test(line))).toEqual([]);
  });
});

describe('a change', () => {
  test.each<[string[], string[], boolean, string]>([
    [['a.ts'], ['shop-work'], false, 'a.ts changed: bundling work …\n'],
    [['a.ts', 'b.ts', 'c.ts'], [], false, 'a.ts and 2 other files changed: nothing is made of it …\n'],
    [['a.ts', 'b.ts'], ['shop-work'], true, 'a.ts and 1 other file changed: synthesizing …\n'],
  ])('of %j, of %j: synthesized %j', async (files, functions, decides, line) => {
    const tell = (log: TerminalLog) => {
      log.synthesized(synthesis, assembly);
      log.changed(files, functions, decides);
    };
    expect(await shown(tell)).toMatch(new RegExp(`\\n${line}$`));
  });

  test('of the template is taken over in place, or by a stack that starts again', async () => {
    const stack = stackWith();
    const inPlace = await shown((log) => log.updated(synthesis, { how: 'in place' } as never, stack));
    expect(inPlace).toBe('Synthesized again in 1.2 s; the new code and rules are in place.\n\n');
    const takeover = { how: 'restarted', because: ['Queue', 'Table'], resumed: 2, left: ['an \u001bevent'] };
    const restarted = await shown((log) => log.updated(synthesis, takeover as never, stack));
    expect(restarted).toContain(
      'started again on http://localhost:1 with what it held, because of Queue, Table.',
    );
    expect(restarted).toContain('Going on with 2 events that the last run left.');
    expect(restarted).toMatch(/Not gone on with: an \\\S+event\n/);
  });

  test('that is refused leaves everything as it was', async () => {
    expect(await shown((log) => log.notUpdated(new Error('no such rule')))).toBe(
      'no such rule\nEverything runs on as it was.\n\n',
    );
    expect(await shown((log) => log.unchanged())).toMatch(/no difference/);
    expect(await shown((log) => log.reloaded(['work'], 12.3))).toBe('New code of work in 12 ms.\n\n');
  });
});

test('nothing is told of what there is none of', async () => {
  const tell = (log: RunLog) => {
    log.notices([]);
    log.resumed({ resumed: 0, left: [] });
  };
  expect(await shown(tell)).toBe('');
  expect(await shown((log) => log.notices(['a notice']))).toBe('a notice\n\n');
  expect(await shown((log) => log.resumed({ resumed: 0, left: ['x'] }))).toBe('Not gone on with: x\n\n');
});

describe('the end', () => {
  test.each<[object, boolean, string[]]>([
    [{}, false, ['Stopping.']],
    [
      { waitingForRetry: 2 },
      true,
      ['Stopping. 2 events to be tried again: the next run with this --data goes on with them.'],
    ],
    [
      { waitingForRetry: 1 },
      false,
      ['Stopping. 1 event that waited to be tried again will not be: only --data keeps them.'],
    ],
    [
      { stateMachines: [machine('RUNNING', 'FAILED')] },
      true,
      ['Stopping.', '1 execution of state machines that had not ended will not go on.'],
    ],
  ])('of a stack with %j, kept %j', async (more, isKept, lines) => {
    expect((await shown((log) => log.stopping(stackWith(more), isKept))).trimEnd().split('\n')).toEqual(
      lines,
    );
  });

  test('of the samples sums up what is where now', async () => {
    const stack = stackWith({
      ...{ waitingForRetry: 1, stateMachines: [machine('RUNNING', 'SUCCEEDED', 'TIMED_OUT')] },
      tables: { names: ['orders'], request: async () => ({ Count: 3 }) },
      topics: [{ name: 'news', subscriptions: [{}] }],
      queues: [{ name: 'failed', depth: () => ({ visible: 1, inFlight: 1, delayed: 1 }) }],
    });
    const text = await shown((log) => log.samplesSent(stack));
    for (const line of [
      ...['Now  0 events, 0 invocations', 'orders  3 items', 'news  1 subscription', 'failed  3 messages'],
      ...[
        'flow  3 executions, 1 running, 1 failed',
        '1 event to be tried again, as shown above. Ctrl-C ends the run.',
      ],
    ])
      expect(text).toContain(line);
    const only = [{ kind: 'failed' }] as Screen['only'];
    expect(await shown((log) => log.samplesSent(stack), { only })).toContain(
      '1 event to be tried again. Ctrl-C',
    );
    expect(await shown((log) => log.samplesSent(stackWith()))).toMatch(/\nCtrl-C ends the run\.\n/);
    expect(await shown((log) => log.finished(stackWith(), ['lost']))).toContain('✗ lost\n');
    expect(await shown((log) => log.finished(stackWith(), []))).toContain('✓ Every sample had the effects');
  });
});

test('a stack beside the first one has a log of its own, and counts for itself', async () => {
  const put = (account?: string) => ({
    ...{ kind: 'event-dropped', at: '2026-01-15T10:00:00.000Z', bus: 'b', eventId: 'e', reason: 'none' },
    ...(account && { account, region: 'eu-central-1' }),
  });
  const accounts = [undefined, '111122223333', '111122223333'];
  const tell = async (log: TerminalLog) => {
    for (const account of accounts) log.step(put(account) as never);
    await log.samplesSent(stackWith());
  };
  expect((await shown(tell)).match(/DROPPED/g)).toHaveLength(accounts.length);
});

test('a program reads a JSON object a line', async () => {
  const written: string[] = [];
  const spy = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(...String(text).trim().split('\n'));
    return true;
  });
  const log = new JsonLog();
  log.synthesizing();
  log.synthesized(undefined, assembly);
  log.synthesized(synthesis, assembly);
  log.resumed({ resumed: 0, left: [] });
  log.resumed({ resumed: 0, left: ['x'] });
  log.notices(['n']);
  log.stopping(stackWith({ stateMachines: [machine('RUNNING')] }), true);
  await settled();
  spy.mockRestore();
  const lines = written.map((line) => JSON.parse(line));
  expect(lines.map(({ kind }) => kind)).toEqual([
    ...['run-read', 'run-synthesized', 'run-resumed', 'run-notice', 'run-stopping'],
  ]);
  expect(lines.at(-1)).toMatchObject({ waitingForRetry: 0, isKept: true, executions: 1 });
});
