/** One line for each effect of a service, as the live log shows it. */
import { effectLine, logLine } from '../../../tools/local/effect-line';
import type { Step } from '../../../tools/local/steps';

const short = (name: string) => name.replace(/^shop-/, '');
const red = (text: string) => `!${text}!`;
const line = (step: Step, isOfHandler = true) => effectLine(step, isOfHandler, short, red)?.join(' | ');

const machine = { machine: 'shop-flow', execution: 'e' };
const state = {
  kind: 'state-failed',
  ...machine,
  state: 'Pay',
  error: 'Declined',
  cause: 'no money',
} as const;
const ended = { kind: 'execution-ended', ...machine, durationMs: 2_400 } as const;
const batch = { queue: 'shop-jobs', function: 'shop-work', messages: 3 };

test.each<[Step, string]>([
  [{ kind: 'message-published', topic: 'shop-news', body: 'hi', subscribers: 1 }, 'topic | news  hi'],
  [
    { kind: 'message-published', topic: 'shop-news', subject: 'a "b"', body: 'hi', subscribers: 1 },
    'topic | news  "a \\"b\\""  hi',
  ],
  [
    { kind: 'message-sent', queue: 'shop-jobs', messageId: 'm', body: '{}', attributes: {} },
    'queue | jobs  {}',
  ],
  [
    {
      kind: 'message-moved',
      queue: 'shop-jobs',
      to: 'shop-dlq',
      messageId: 'm',
      body: '{}',
      receiveCount: 3,
    },
    'queue | jobs  received 3 times, moved to dlq: {}',
  ],
  [{ kind: 'batch-handled', ...batch, failed: 0 }, 'batch | jobs → work  3 messages'],
  [{ kind: 'batch-handled', ...batch, failed: 1 }, 'batch | jobs → work  3 messages!, 1 failed!'],
  [
    { kind: 'messages-filtered', ...batch, messages: 1 },
    'batch | jobs → work  1 message filtered out, deleted',
  ],
  [state, 'machine | flow  Pay: !Declined no money!'],
  [{ ...state, retryInMs: 1_600 }, 'machine | flow  Pay, again in 2 s: !Declined no money!'],
  [{ ...state, cause: '', caughtBy: 'Refund' }, 'machine | flow  Pay, caught by Refund: !Declined!'],
  [{ ...ended, status: 'SUCCEEDED', output: '{"a":1}' }, 'machine | flow  SUCCEEDED after 2 s  {"a":1}'],
  [{ ...ended, status: 'FAILED', error: 'E', cause: 'C' }, 'machine | !flow  FAILED after 2 s: E C!'],
  [{ ...ended, status: 'ABORTED' }, 'machine | !flow  ABORTED after 2 s!'],
  [
    { kind: 'alarm-changed', alarm: 'shop-errors', from: 'OK', to: 'ALARM', reason: 'r' },
    'alarm | !errors  OK -> ALARM: r!',
  ],
  [
    { kind: 'alarm-changed', alarm: 'shop-errors', from: 'ALARM', to: 'OK', reason: 'r' },
    'alarm | errors  ALARM -> OK: r',
  ],
  [{ kind: 'rule-changed', rule: 'shop-placed', state: 'DISABLED' }, 'rule | placed  DISABLED'],
  [{ kind: 'replay-changed', replay: 'r', state: 'STARTING', replayed: 0 }, 'replay | r  STARTING'],
  [
    { kind: 'replay-changed', replay: 'r', state: 'CANCELLED', replayed: 1, reason: 'asked' },
    'replay | r  CANCELLED, 1 event sent: asked',
  ],
  [{ kind: 'pipe-failed', pipe: 'shop-p', records: 1, message: 'm' }, 'pipe | p  1 record !not put: m!'],
  [
    { kind: 'pipe-given-up', pipe: 'shop-p', records: 2, condition: 'RetriesExhausted', queue: 'shop-dlq' },
    'pipe | p  2 records !given up (RetriesExhausted); their place in the stream is in dlq!',
  ],
  [
    { kind: 'pipe-lost', pipe: 'shop-p', records: 2, condition: 'RetriesExhausted', message: 'no queue' },
    'pipe | p  2 records !LOST (RetriesExhausted): no queue!',
  ],
])('%j', (step, expected) => {
  expect(line(step)).toBe(expected);
});

test('what is told elsewhere has no line', () => {
  expect(
    line({ kind: 'message-sent', queue: 'q', messageId: 'm', body: '', attributes: {} }, false),
  ).toBeUndefined();
  expect(line({ kind: 'message-deleted', queue: 'q', messageId: 'm' })).toBeUndefined();
});

test.each([
  ['plain', 'plain'],
  ['7', '7'],
  ['null', 'null'],
  ['{"level":"INFO","message":"done","service":"s","orderId":"o-1"}', 'done  orderId=o-1'],
  ['{"level":"WARN","message":"done","n":{"a":1}}', 'WARN  done  n={"a":1}'],
  ['{"message":{"errorType":"E"}}', undefined],
  ['{"type":"platform.report"}', undefined],
  ['REPORT RequestId: r', undefined],
])('a handler that logs %s', (text, expected) => {
  expect(logLine(text)).toBe(expected);
});
