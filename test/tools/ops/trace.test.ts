import { APP } from '../../../bin/app-description';
import { readLogLine } from '../../../tools/ops/trace';

const line = {
  level: 'INFO',
  timestamp: '2026-11-23T09:00:00.000Z',
  service: 'order-processor',
  message: 'OrderCreated',
  eventId: 'event-1',
  correlationId: 'checkout-1',
  orderId: 'order-1',
  outcome: 'stored',
};
const read = (message: object | string, id = 'order-1') =>
  readLogLine(APP, 'f', 7, typeof message === 'string' ? message : JSON.stringify(message), id);

test.each(['order-1', 'checkout-1', 'event-1'])("a handler's line is found by its id %s", (id) => {
  expect(read(line, id)).toEqual({
    time: 7,
    function: 'f',
    type: 'OrderCreated',
    outcome: 'stored',
    ids: { eventId: 'event-1', correlationId: 'checkout-1', orderId: 'order-1' },
  });
});

test('an id that is only the beginning of another is not taken for it', () => {
  expect(read({ ...line, orderId: 'order-10' })).toBeUndefined();
});

test('a failure is told with its reason, without e-mail addresses', () => {
  const failed = { ...line, outcome: 'failed', error: 'Error', reason: 'jane@example.com is\n unknown' };
  expect(read(failed)).toMatchObject({ outcome: 'failed', text: 'Error: [redacted] is unknown' });
});

test.each([
  ['plain text', 'order-1: Task timed out for jane@example.com\n', 'order-1: Task timed out for [redacted]'],
  [
    'a line of Lambda',
    { type: 'platform.report', requestId: 'order-1' },
    '{"type":"platform.report","requestId":"order-1"}',
  ],
  ['a number', '1', '1'],
  ['null', 'null', 'null'],
])('%s that has the id is shown as it is', (_, message, text) => {
  expect(read(message)).toEqual({ time: 7, function: 'f', ids: {}, text });
});
