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
    succeeded,
  );
  expect(lines.filter((line) => line.includes('logs'))).toEqual(['              logs      plain']);
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
