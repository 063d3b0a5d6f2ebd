import './environment';
import { PoisonEventError } from '../../lambdas/contract';
import { METRICS } from '../../lambdas/metrics';
import { observed } from '../../lambdas/telemetry';
import { invoke } from './invocation';

const event = {
  id: 'envelope-1',
  'detail-type': 'OrderCreated',
  detail: {
    orderId: 'order-1',
    customerEmail: 'jane@example.com',
    metadata: { eventId: 'e1', correlationId: 'k1' },
  },
};
const failing = (error: unknown) => observed<never>(() => Promise.reject(error));

test('what a handler returns is returned, and one line says what it did', async () => {
  const handler = observed(async () => ({ outcome: 'stored', response: 'answer' }));
  const { response, lines, metrics } = await invoke(handler, event);
  expect(response).toBe('answer');
  expect(lines).toEqual([
    {
      level: 'INFO',
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      service: 'service-under-test',
      message: 'OrderCreated',
      eventId: 'e1',
      correlationId: 'k1',
      orderId: 'order-1',
      outcome: 'stored',
    },
  ]);
  expect(metrics).toEqual({});
});

test('a line carries the trace that X-Ray knows the call by, and none that it does not keep', async () => {
  process.env._X_AMZN_TRACE_ID = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=557abcec3ee5a047;Sampled=1';
  const { lines } = await invoke(failing(new Error('no')), {});
  process.env._X_AMZN_TRACE_ID = process.env._X_AMZN_TRACE_ID.replace('Sampled=1', 'Sampled=0');
  const { lines: unsampled } = await invoke(failing(new Error('no')), {});
  delete process.env._X_AMZN_TRACE_ID;
  expect(lines).toMatchObject([{ xray_trace_id: '1-5759e988-bd862e3fe1be46a994272793' }]);
  expect(unsampled[0]).not.toHaveProperty('xray_trace_id');
});

test('an event without metadata is known by its envelope, and any event by what its handler calls it', async () => {
  const named = observed(async () => ({ outcome: 'published', eventId: 'report-1', response: undefined }));
  const detail = { orderId: 'order-1' };
  expect((await invoke(failing(new Error('no')), { ...event, detail })).lines).toMatchObject([
    { eventId: 'envelope-1', orderId: 'order-1' },
  ]);
  expect((await invoke(named, { type: 'daily_report' })).lines).toMatchObject([
    { message: 'daily_report', eventId: 'report-1' },
  ]);
});

test('a correlation id is logged if it is another than the id of the event', async () => {
  const logged = async (metadata: object) =>
    (await invoke(failing(new Error('no')), { ...event, detail: { metadata } })).lines[0]?.correlationId;
  expect(await logged({ eventId: 'e1', correlationId: 'k1' })).toBe('k1');
  expect(await logged({ eventId: 'e1', correlationId: 'e1' })).toBeUndefined();
  expect(await logged({ eventId: 'e1' })).toBeUndefined();
});

test('an event with metrics has one line, of which a higher log level leaves the metrics', async () => {
  const counting = observed(async () => ({
    outcome: 'recorded',
    metrics: { [METRICS.eventsReceived]: 1 },
    dimensions: { eventType: 'OrderCreated' },
    response: undefined,
  }));
  const written = async () => (await invoke(counting, event)).output.split('\n').filter(Boolean);
  const [line, ...more] = await written();
  process.env.POWERTOOLS_LOG_LEVEL = 'WARN';
  const [quiet, ...others] = await written();
  delete process.env.POWERTOOLS_LOG_LEVEL;
  expect([...more, ...others]).toEqual([]);
  const metrics = {
    _aws: { Timestamp: expect.any(Number), CloudWatchMetrics: expect.any(Array) },
    ...{ service: 'service-under-test', eventType: 'OrderCreated', EventsReceived: 1 },
  };
  expect(JSON.parse(line ?? '')).toMatchObject({
    ...metrics,
    level: 'INFO',
    outcome: 'recorded',
    eventId: 'e1',
  });
  expect(JSON.parse(quiet ?? '')).toEqual(metrics);
});

test('metrics of one event are not sent again with the next', async () => {
  const counting = observed(async () => ({
    outcome: 'stored',
    metrics: { [METRICS.ordersProcessed]: 1, [METRICS.revenue]: 9.5 },
    response: undefined,
  }));
  const { metrics, output } = await invoke(counting, {});
  expect(metrics).toEqual({ OrdersProcessed: 1, Revenue: 9.5 });
  expect(output).toContain('{"Name":"Revenue","Unit":"None"}');
  expect((await invoke(failing(new Error('no')), {})).metrics).toEqual({});
});

test('an error is thrown on, and one line at ERROR says which event it was and why', async () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { name: 'TimeoutError' });
  const error = Object.assign(new Error('Failed to save', { cause }), { name: 'PersistenceError' });
  const failed = await invoke(failing(error), event);
  expect(failed.error).toBe(error);
  expect(failed.lines).toEqual([
    {
      level: 'ERROR',
      timestamp: expect.any(String),
      service: 'service-under-test',
      message: 'OrderCreated',
      eventId: 'e1',
      correlationId: 'k1',
      orderId: 'order-1',
      outcome: 'failed',
      error: 'PersistenceError',
      reason: 'Failed to save: connect ECONNREFUSED',
      requestId: 'request-1',
    },
  ]);
  expect(failed.metrics).toEqual({});
});

test('a poison event is counted, although the handler threw', async () => {
  const { lines, metrics } = await invoke(failing(new PoisonEventError('a/b', 'detail.x', 'is wrong.')), {});
  expect(lines).toMatchObject([{ outcome: 'poison', reason: 'a/b: detail.x: is wrong.' }]);
  expect(metrics).toEqual({ PoisonEvents: 1 });
});

test('what is thrown need not be an error', async () => {
  expect((await invoke(failing('just text'), null)).lines).toMatchObject([
    { message: 'unknown', error: 'string', reason: 'just text' },
  ]);
});

test('an event of which nothing can be trusted is logged by nothing', async () => {
  const untrusted = {
    id: 'jane@example.com',
    'detail-type': { jane: 1 },
    detail: { orderId: 'x'.repeat(1_000), metadata: { eventId: 'line\nbreak', correlationId: 7 } },
  };
  const { lines } = await invoke(failing(new Error('no')), untrusted);
  expect(Object.keys(lines[0] ?? {})).toEqual([
    'level',
    'timestamp',
    'service',
    'message',
    'outcome',
    'error',
    'reason',
    'requestId',
  ]);
});

test('no reason is longer than a log can bear, and none holds an e-mail address', async () => {
  const { lines, output } = await invoke(
    failing(new Error(`${'x'.repeat(200)} jane@example.com ${'y'.repeat(9_999)}`)),
    {},
  );
  expect(String(lines[0]?.reason)).toHaveLength(500);
  expect(lines[0]?.reason).toContain('[redacted]');
  expect(output).not.toContain('jane');
});

test('what a handler throws is redacted and cut as what it logs, its cause and its fields too', async () => {
  const thrown = Object.assign(new TypeError(`no room for jane@example.com ${'x'.repeat(1_000_000)}`), {
    recipient: 'joe@localhost',
    cause: new Error('"john doe"@example.com'),
  });
  const { error } = await invoke(
    observed(async () => {
      throw thrown;
    }),
    {},
  );
  expect(error).toBeInstanceOf(TypeError);
  const { message, stack = '', cause, recipient } = error as typeof thrown;
  const texts = [
    message,
    stack,
    String(cause),
    (cause as Error).stack,
    recipient,
    JSON.stringify(error),
  ].join();
  expect(texts).not.toMatch(/jane|joe|john/);
  expect(stack).toMatch(/^TypeError: no room for \[redacted\]/);
  expect(message.length + stack.length).toBeLessThan(3_000);
});

test('what is thrown without a stack, or is no error at all, is thrown on', async () => {
  const withoutStack = Object.assign(new Error('no room'), { stack: undefined });
  expect((await invoke(failing(withoutStack), event)).error).toMatchObject({
    message: 'no room',
    stack: 'Error: no room',
  });
  expect((await invoke(failing(7), event)).error).toBe(7);
});
