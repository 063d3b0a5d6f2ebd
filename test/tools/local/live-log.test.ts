import { stripVTControlCharacters } from 'node:util';
import type { BusEvent } from '../../../tools/eventbridge/event';
import { LiveLog, type LiveLogOptions } from '../../../tools/local/live-log';
import type { Step } from '../../../tools/local/steps';
import { ARN } from '../template/template';

const AT = '2026-01-15T10:00:00.000Z';

const event = (more: Partial<BusEvent> = {}): BusEvent => ({
  version: '0',
  id: 'e1',
  'detail-type': 'Placed',
  source: 'app',
  account: '000000000000',
  time: '2026-01-15T10:00:00Z',
  region: 'us-east-1',
  resources: [],
  detail: { id: 7 },
  ...more,
});

const CALLS = 'Root=1-a;Parent=b;Sampled=1';
const delivery = {
  eventId: 'e1',
  rule: 'shop-placed',
  target: 'T',
  targetArn: ARN('lambda', 'function:shop-worker'),
};
const invocation = { function: 'shop-worker', requestId: 'r1', attempt: 1 };
const put: Step = { kind: 'event-put', bus: 'shop-bus', eventId: 'e1', event: event() };
const matched: Step = { kind: 'rule-matched', eventId: 'e1', rule: 'shop-placed' };
const delivered: Step = {
  kind: 'delivered',
  ...delivery,
  payload: JSON.stringify(event()),
  requestId: 'r1',
  attempt: 1,
};
const started: Step = { kind: 'invocation-started', ...invocation, coldStart: true, callTrace: CALLS };
const succeeded: Step = {
  kind: 'invocation-succeeded',
  ...invocation,
  durationMs: 12.4,
  result: '{"ok":true}',
};
const failed: Step = {
  kind: 'invocation-failed',
  ...invocation,
  durationMs: 3,
  errorType: 'TypeError',
  errorMessage: 'no luck',
};

class Screen {
  text = '';
  readonly log: LiveLog;

  constructor(options: Partial<LiveLogOptions> = {}) {
    const write = (text: string) => {
      this.text += text;
    };
    this.log = new LiveLog({ write, color: false, columns: 100, prefix: 'shop-', ...options });
  }

  /** Shows the steps, as if all had happened at once. */
  async show(...steps: (Step & { trace?: string })[]): Promise<string[]> {
    this.text = '';
    for (const step of steps) this.log.onStep({ at: AT, ...step });
    await new Promise((resolve) => setImmediate(resolve));
    return this.text.split('\n');
  }
}

test('an event is one block: who took it, who nearly did, what the handler did, and what that led to', async () => {
  const missed: Step = {
    kind: 'rule-missed',
    eventId: 'e1',
    rule: 'shop-cancelled',
    field: 'detail-type',
    reason: 'is "Placed", allowed: "Cancelled"',
  };
  const lines = await new Screen().show(
    put,
    matched,
    missed,
    { ...delivered, payload: '{"job":\n  7}' },
    started,
    {
      kind: 'item-written',
      table: 'shop-jobs',
      key: { id: '7' },
      item: { id: '7', long: 'x'.repeat(9), n: 1 },
      trace: CALLS,
    },
    {
      kind: 'message-published',
      topic: 'shop-news',
      subject: 'Hi',
      body: 'There',
      subscribers: 0,
      trace: CALLS,
    },
    { kind: 'records-put', stream: 'shop-all', count: 2, bytes: 30, trace: CALLS },
    { kind: 'message-sent', queue: 'shop-q', messageId: 'm', body: 'B', attributes: {}, trace: CALLS },
    {
      kind: 'log-line',
      function: 'shop-worker',
      requestId: 'r1',
      logGroup: 'g',
      message: '{"level":"WARN","message":"odd","a":1}',
    },
    succeeded,
  );
  expect(lines).toEqual([
    '10:00:00  Placed  app',
    '          {"id":7}',
    '          ✓ placed → worker  12 ms, cold start',
    '              receives  {"job": 7}',
    '              table     jobs  id=7 n=1 long=xxxxxxxxx',
    '              topic     news  "Hi"  There',
    '              stream    all  2 records, 30 bytes',
    '              queue     q  B',
    '              logs      WARN  odd  a=1',
    '              returns   {"ok":true}',
    '          · cancelled: detail-type is "Placed", allowed: "Cancelled"',
    '',
    '',
  ]);
});

test('a block is printed when all of its handlers are done, so that events do not run into each other', async () => {
  const screen = new Screen();
  expect(await screen.show(put, matched, delivered, started)).toEqual(['']);
  const other: Step = {
    kind: 'event-put',
    bus: 'b',
    eventId: 'e2',
    event: event({ id: 'e2', 'detail-type': 'Other' }),
  };
  expect(await screen.show(other)).toEqual([
    '10:00:00  Other  app',
    '          {"id":7}',
    '          ! no rule took it',
    '',
    '',
  ]);
  expect((await screen.show(succeeded))[0]).toBe('10:00:00  Placed  app');
});

test('what is tried again is told when it fails, and again when it ends', async () => {
  const screen = new Screen();
  expect(await screen.show(put, matched, delivered, started, { ...failed, retryInMs: 60_000 })).toEqual([
    '10:00:00  Placed  app',
    '          {"id":7}',
    '          ↻ placed → worker  3 ms, cold start, again in 60 s',
    '              throws    TypeError: no luck',
    '',
    '',
  ]);
  const second = { attempt: 2, coldStart: false };
  const givenUp: Step = {
    kind: 'invocation-given-up',
    function: 'shop-worker',
    requestId: 'r1',
    condition: 'RetriesExhausted',
    destination: ARN('sqs', 'shop-failed'),
  };
  expect(await screen.show({ ...started, ...second }, { ...failed, ...second }, givenUp)).toEqual([
    '10:00:00  Placed  app',
    '          ✗ placed → worker  3 ms, attempt 2',
    '              throws    TypeError: no luck',
    '              queue     failed  the event and the error, RetriesExhausted',
    '',
    '',
  ]);
});

test('a delivery that failed says why, and where the event is now', async () => {
  const attributes = { ERROR_CODE: 'NO_PERMISSIONS' };
  expect(
    await new Screen().show(
      put,
      matched,
      {
        kind: 'delivery-failed',
        ...delivery,
        code: 'NO_PERMISSIONS',
        message: 'No statement allows it.',
        attempt: 0,
      },
      { kind: 'dead-lettered', ...delivery, queue: 'shop-dlq', attributes },
    ),
  ).toEqual([
    '10:00:00  Placed  app',
    '          {"id":7}',
    '          ✗ placed → worker  not delivered: NO_PERMISSIONS',
    '              because   No statement allows it.',
    '              queue     dlq  the event, with NO_PERMISSIONS',
    '',
    '',
  ]);
});

test.each<[string, Step[], string]>([
  [
    'a delivery',
    [{ kind: 'delivery-lost', ...delivery, code: 'NO_RESOURCE', message: 'no queue' }],
    'no queue',
  ],
  [
    'an invocation',
    [
      delivered,
      started,
      failed,
      { kind: 'invocation-lost', ...invocation, condition: 'RetriesExhausted', message: 'no destination' },
    ],
    'no destination',
  ],
])('%s that is lost is told loudly', async (_, steps, message) => {
  const lines = await new Screen().show(put, matched, ...steps);
  expect(lines).toContain(`              LOST      ${message}`);
});

test('a throttled invocation waits', async () => {
  const throttled: Step = {
    kind: 'invocation-throttled',
    function: 'shop-worker',
    requestId: 'r1',
    retryInMs: 4000,
  };
  const lines = await new Screen().show(put, matched, delivered, throttled);
  expect(lines[2]).toBe('          ↻ placed → worker  throttled, again in 4 s');
});

test('replays and scheduled events are told as such', async () => {
  const again = { ...put, event: event({ 'replay-name': 'again' }) };
  expect((await new Screen().show(again))[0]).toBe('10:00:00  Placed  app  replayed by again');
  const fired: Step = {
    kind: 'schedule-fired',
    rule: 'shop-nightly',
    eventId: 'e1',
    event: event({ 'detail-type': 'Scheduled Event', detail: {} }),
  };
  const lines = await new Screen().show(fired, { ...delivered, rule: 'shop-nightly' }, started, succeeded);
  expect(lines.slice(0, 3)).toEqual([
    '10:00:00  Scheduled Event  app',
    '          {}',
    '          ✓ nightly → worker  12 ms, cold start',
  ]);
});

test.each<[Step, string]>([
  [{ kind: 'item-deleted', table: 'shop-t', key: { id: '7' }, expired: true }, 'table     t  id=7 expired'],
  [
    { kind: 'object-written', bucket: 'b', key: 'a/b.gz', records: 1, bytes: 9 },
    'bucket    a/b.gz  1 record, 9 bytes',
  ],
  [{ kind: 'event-refused', source: 's', detailType: 'd', code: 'C', message: 'm' }, 'REFUSED   s d: C m'],
  [{ kind: 'event-dropped', bus: 'b', eventId: 'e9', reason: 'no bus' }, 'DROPPED   e9: no bus'],
  [
    { kind: 'replay-changed', replay: 'r', state: 'COMPLETED', replayed: 2 },
    'replay    r  COMPLETED, 2 events sent',
  ],
  [
    {
      kind: 'notification-undelivered',
      topic: 'shop-n',
      messageId: 'm',
      protocol: 'email',
      endpoint: 'a@b',
      reason: 'no mail',
    },
    'topic     n  not sent to a@b: no mail',
  ],
])('what no invocation did has a line of its own: %j', async (step, line) => {
  expect(await new Screen().show(step)).toEqual([`10:00:00  ${line}`, '']);
});

test('an event that the last run left goes on as one that waits', async () => {
  const screen = new Screen();
  const lines = await screen.show({ kind: 'delivery-resumed', event: event(), ...delivery });
  expect(lines.slice(0, 3)).toEqual([
    '10:00:00  Placed  app  left by the last run',
    '          {"id":7}',
    '          ↻ placed → worker',
  ]);
  expect(await screen.show(delivered, started, { ...succeeded, result: 'null' })).toEqual([
    '10:00:00  Placed  app  left by the last run',
    '          ✓ placed → worker  12 ms, cold start',
    '',
    '',
  ]);
});

test('what nothing runs here is told as recorded, and so is a call to a host that is refused', async () => {
  const recorded: Step = { ...delivered, isRecorded: true };
  delete (recorded as { requestId?: string }).requestId;
  const lines = await new Screen().show(put, matched, recorded);
  expect(lines[2]).toBe('          ✓ placed → worker  recorded: it does not run here');
  const refused: Step = { kind: 'egress-refused', function: 'shop-worker', host: 'a.example:443' };
  const text = 'a call to a.example:443; --allow-egress allows it';
  expect(await new Screen().show(refused)).toEqual([`10:00:00  REFUSED   shop-worker: ${text}`, '']);
  const within = await new Screen().show(
    put,
    matched,
    delivered,
    started,
    { ...refused, requestId: 'r1' },
    succeeded,
  );
  expect(within).toContain(`              REFUSED   ${text}`);
});

test('a delivery that is tried again waits; what belongs to no event that is shown is passed over', async () => {
  const again: Step = {
    kind: 'delivery-failed',
    ...delivery,
    code: 'THROTTLING',
    message: 'busy',
    attempt: 1,
    retryInMs: 2_000,
  };
  expect((await new Screen().show(put, matched, again))[2]).toBe(
    '          ↻ placed → worker  not delivered: THROTTLING, again in 2 s',
  );
  expect(await new Screen().show(again, succeeded)).toEqual(['']);
});

test('what the stack itself puts into a queue is told once, where it says why', async () => {
  const sent: Step = { kind: 'message-sent', queue: 'shop-dlq', messageId: 'm', body: '{}', attributes: {} };
  expect(await new Screen().show(sent)).toEqual(['']);
});

test("a client's own invocation is a block too", async () => {
  const lines = await new Screen().show(started, succeeded);
  expect(lines.slice(0, 2)).toEqual([
    '10:00:00  Invoke',
    '          ✓ invoked directly → worker  12 ms, cold start',
  ]);
});

test('metrics and lines of Lambda are not told', async () => {
  const counted = {
    _aws: { CloudWatchMetrics: [{ Namespace: 'n', Dimensions: [['kind']], Metrics: [{ Name: 'Orders' }] }] },
    ...{ kind: 'a', Orders: 1 },
  };
  const said = (message: string): Step => ({
    kind: 'log-line',
    function: 'f',
    requestId: 'r1',
    logGroup: 'g',
    message,
  });
  const lines = await new Screen().show(
    ...[put, matched, delivered, started],
    ...[said('{"_aws":{}}'), said('{"type":"platform.report"}'), said('START RequestId: r1'), said('plain')],
    said(JSON.stringify({ message: 'Created', outcome: 'stored', ...counted })),
    succeeded,
  );
  expect(lines.filter((line) => line.includes('logs'))).toEqual([
    '              logs      plain',
    '              logs      Created  outcome=stored',
  ]);
});

test('lines are cut to the width of the terminal, whatever colours they have', async () => {
  const long = { ...put, event: event({ detail: 'y'.repeat(200) }) };
  for (const color of [false, true]) {
    const lines = await new Screen({ columns: 40, color }).show(long);
    const visible = lines.map((line) => stripVTControlCharacters(line));
    expect(visible[1]).toBe(`          "${'y'.repeat(28)}…`);
    expect(lines[1] !== visible[1]).toBe(color);
  }
});

describe('--only', () => {
  const options = { idField: 'id' };
  const title = '10:00:00  Placed  app';
  const passes = [put, matched, delivered, started, succeeded];
  const fails = [put, matched, delivered, started, { ...failed, retryInMs: 60_000 }] as Step[];
  const show = async (only: LiveLogOptions['only'], steps: Step[]) => {
    const event7 = steps.map((step) =>
      step.kind === 'event-put' ? { ...step, event: event({ detail: { id: '7' } }) } : step,
    );
    const lines = await new Screen({ ...options, ...(only && { only }) }).show(...event7);
    return lines.includes(title);
  };

  test.each([
    [[{ kind: 'failed' }], false, true],
    [[{ kind: 'rule', value: 'placed' }], true, true],
    [[{ kind: 'rule', value: 'shop-placed' }], true, true],
    [[{ kind: 'rule', value: 'other' }], false, false],
    [[{ kind: 'function', value: 'worker' }], true, true],
    [[{ kind: 'function', value: 'other' }], false, false],
    [[{ kind: 'entity', value: '7' }], true, true],
    [[{ kind: 'entity', value: '8' }], false, false],
    [[{ kind: 'failed' }, { kind: 'entity', value: '7' }], false, true],
    [[{ kind: 'failed' }, { kind: 'entity', value: '8' }], false, false],
    [undefined, true, true],
  ] as const)(
    '%j shows an event that is handled: %j, one that fails: %j',
    async (only, ofPassing, ofFailing) => {
      expect(await show(only, passes)).toBe(ofPassing);
      expect(await show(only, fails)).toBe(ofFailing);
    },
  );

  test('shows with a later failure the event that was not shown before', async () => {
    const screen = new Screen({ only: [{ kind: 'failed' }] });
    const lost: Step = {
      kind: 'invocation-lost',
      function: 'shop-worker',
      requestId: 'r1',
      condition: 'c',
      message: 'm',
    };
    await screen.show(put, matched, delivered, started);
    expect(screen.text).toBe('');
    const lines = await screen.show(failed, lost);
    expect(lines.slice(0, 2)).toEqual([title, '          {"id":7}']);
  });

  test('shows of what is no event only failures', async () => {
    const denied: Step = { kind: 'access-denied', principal: 'p', action: 'a', resource: 'r', reason: 'no' };
    const deleted: Step = { kind: 'item-deleted', table: 't', key: { id: '7' }, expired: true };
    const screen = new Screen({ only: [{ kind: 'failed' }] });
    expect((await screen.show(denied, deleted)).filter(Boolean)).toEqual(['10:00:00  DENIED    a on r: no']);
  });
});

describe('what an event says cannot do anything to the terminal', () => {
  const EVIL = 'a\x1b[2J\x1b]0;owned\x07\x9b31m\r\u202egnp.exe\x7f\nb';
  /** Each step that has texts, with the same hostile text in all of them, names of fields included. */
  const hostile = (value: unknown): unknown => {
    if (typeof value === 'string') return `${value}${EVIL}`;
    if (Array.isArray(value)) return value.map(hostile);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [`${key}${EVIL}`, hostile(each)]));
  };
  /** The texts of a step, but for those by which it is found. */
  const KEPT = ['kind', 'eventId', 'requestId', 'callTrace', 'trace', 'rule', 'targetArn'];
  const spoil = (step: Step): Step =>
    Object.fromEntries(
      Object.entries(step).map(([key, value]) => {
        if (key === 'event') return [key, { ...spoil(value), resources: [EVIL] }];
        return [key, KEPT.includes(key) ? value : hostile(value)];
      }),
    ) as unknown as Step;
  const trace = CALLS;
  const { eventId } = delivery;
  const id = 'r1';
  const steps: (Step & { trace?: string })[] = [
    put,
    matched,
    { kind: 'rule-missed', eventId, rule: 'shop-other', field: 'detail', reason: 'is' },
    delivered,
    started,
    { kind: 'item-written', table: 't', key: { id: '7' }, item: { id: '7', name: 'x' }, trace },
    { kind: 'item-deleted', table: 't', key: { id: '7' }, expired: false, trace },
    { kind: 'message-published', topic: 'shop-news', subject: 'Hi', body: 'There', subscribers: 0, trace },
    { kind: 'message-sent', queue: 'shop-q', messageId: 'm', body: 'B', attributes: {}, trace },
    { kind: 'access-denied', principal: 'p', action: 'a', resource: 'r', reason: 'no' },
    { kind: 'event-refused', source: 's', detailType: 'd', code: 'c', message: 'm' },
    { kind: 'event-dropped', bus: 'b', eventId: 'e2', reason: 'r' },
    { kind: 'egress-refused', function: 'f', requestId: id, host: 'h' },
    { kind: 'log-line', function: 'f', requestId: id, logGroup: 'g', message: 'plain' },
    failed,
    { kind: 'invocation-given-up', function: 'f', requestId: id, condition: 'c', destination: 'd' },
  ];

  test.each([false, true])('with colours: %j', async (color) => {
    const screen = new Screen({ color, columns: 1000 });
    const json = JSON.stringify({ level: 'INFO', message: EVIL, customerId: EVIL, [EVIL]: { deep: EVIL } });
    await screen.show(
      ...steps.slice(0, 5).map(spoil),
      { kind: 'log-line', function: 'f', requestId: id, logGroup: 'g', message: json },
      ...steps.slice(5).map((step) => ({ ...spoil(step), ...('trace' in step && { trace }) })),
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the colours of the log itself
    const text = screen.text.replace(/\x1b\[(1|2|3[1-6]|22|39)m/g, '');
    expect(text).toContain('a\\x1b[2J\\x1b]0;owned\\x07\\x9b31m');
    expect(text.match(/[\u202a-\u202e]|[^\P{Cc}\n]/gu)).toBeNull();
    expect(text).not.toMatch(/^b/m);
  });
});
