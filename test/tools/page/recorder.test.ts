import type { TimedStep } from '../../../tools/local/steps';
import { changes } from '../../../tools/page/changes';
import type { PageUpdate } from '../../../tools/page/model';
import { CAPACITY, Recorder } from '../../../tools/page/recorder';
import { Rhythm } from '../../../tools/page/rhythm';

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:worker';
const at = (second: number) => new Date(Date.UTC(2026, 0, 15, 10, 0, second)).toISOString();

function put(eventId: string, detail: object = {}): TimedStep {
  const event = {
    ...{ version: '0', id: eventId, 'detail-type': 'Placed', source: 'shop', account: '0' },
    ...{ time: at(0), region: 'us-east-1', resources: [], detail },
  };
  return { at: at(0), kind: 'event-put', bus: 'bus', eventId, event };
}

const hop = { rule: 'placed', target: 'Worker', targetArn: ARN };
const delivered = (eventId: string, requestId?: string): TimedStep => ({
  ...{ at: at(1), kind: 'delivered', eventId, payload: '{}', attempt: 1, ...hop },
  ...(requestId !== undefined && { requestId }),
});
const invocation = { function: 'worker', requestId: 'r', attempt: 1 };
const started: TimedStep = {
  ...{ at: at(1), kind: 'invocation-started', coldStart: false, callTrace: 'Root=1' },
  ...invocation,
};
const failed = (retryInMs?: number): TimedStep => ({
  ...{ at: at(2), kind: 'invocation-failed', durationMs: 5, errorType: 'Error', errorMessage: 'no\nstack' },
  ...invocation,
  ...(retryInMs !== undefined && { retryInMs }),
});

function record(...steps: TimedStep[]): Recorder {
  const recorder = new Recorder();
  recorder.name({ idField: 'id', labels: ['status'], beganEmpty: true });
  for (const step of steps) recorder.onStep(step);
  return recorder;
}

describe('an event', () => {
  test('that no rule took is told so', () => {
    expect(record(put('e')).events).toMatchObject([{ eventId: 'e', state: 'unmatched', hops: [] }]);
  });

  test('is on its way while its function runs, and handled when that has ended', () => {
    const steps = [put('e'), delivered('e', 'r'), started];
    expect(record(...steps).events).toMatchObject([{ state: 'on-its-way' }]);
    const ended: TimedStep = {
      at: at(3),
      kind: 'invocation-succeeded',
      durationMs: 1,
      result: 'null',
      ...invocation,
    };
    expect(record(...steps, ended).events).toMatchObject([
      { state: 'handled', tookMs: 3_000, hops: [{ rule: 'placed', target: 'worker', state: 'handled' }] },
    ]);
  });

  test('that a queue took is handled', () => {
    expect(record(put('e'), delivered('e')).events).toMatchObject([{ state: 'handled' }]);
  });

  test('waits until the time of its retry, with the first line of the error', () => {
    const recorder = record(put('e'), delivered('e', 'r'), started, failed(60_000));
    expect(recorder.events).toMatchObject([
      { state: 'waiting', hops: [{ retryAt: at(62), reason: 'Error: no', attempt: 1 }] },
    ]);
    expect(recorder.retries).toEqual([Date.parse(at(62))]);
  });

  test('has failed when it is given up, and tells in which queue it is', () => {
    const destination = 'arn:aws:sqs:us-east-1:000000000000:failed';
    const givenUp: TimedStep = {
      ...{ at: at(3), kind: 'invocation-given-up', condition: 'RetriesExhausted', destination },
      ...{ function: 'worker', requestId: 'r' },
    };
    const recorder = record(put('e'), delivered('e', 'r'), started, failed(), givenUp);
    expect(recorder.events).toMatchObject([
      { state: 'failed', hops: [{ queue: 'failed', reason: 'Error: no' }] },
    ]);
    expect(recorder.retries).toEqual([]);
  });

  test('is named by its entity, its correlation id and the field that rules tell it by', () => {
    const detail = { id: 'order-1', status: 'SHIPPED', metadata: { correlationId: 'checkout-1' } };
    expect(record(put('e', detail)).events).toMatchObject([
      { entity: 'order-1', label: 'SHIPPED', correlationId: 'checkout-1' },
    ]);
  });

  test('has the steps of its invocations, and of the calls that these made', () => {
    const written: TimedStep = {
      at: at(2),
      trace: 'Root=1',
      kind: 'item-written',
      table: 't',
      key: { id: 1 },
      item: { id: 1 },
    };
    const other: TimedStep = { ...written, trace: 'Root=2' };
    const recorder = record(put('e'), delivered('e', 'r'), started, written, other);
    expect(recorder.event('e')?.steps.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });
});

test('an item before a write is what the last write left, or nothing', () => {
  const write = (item: object): TimedStep => ({
    ...{ at: at(2), kind: 'item-written', table: 't', key: { id: 1 }, item: { id: 1, ...item } },
  });
  const recorder = record(write({ a: 1 }), write({ a: 2 }));
  expect(recorder.before(1)).toEqual({ before: null });
  expect(recorder.before(2)).toEqual({ before: { id: 1, a: 1 } });
});

test('only events with later steps have changed', () => {
  const recorder = record(put('a'), put('b'));
  const watch = recorder.watch(1);
  expect(watch.take().map(({ eventId }) => eventId)).toEqual(['b']);
  expect(watch.take()).toEqual([]);
  recorder.onStep(delivered('a'));
  expect(watch.take().map(({ eventId }) => eventId)).toEqual(['a']);
});

test('the newest events are kept, and the others counted', () => {
  const recorder = record(...Array.from({ length: CAPACITY + 5 }, (_, i) => put(`e${i}`)));
  expect(recorder.events).toHaveLength(CAPACITY);
  expect(recorder.dropped).toBe(5);
  expect(recorder.event('e0')).toBeUndefined();
});

test('each node counts the events that it has met', () => {
  const recorder = record(put('a'), put('b'), delivered('a', 'r'));
  expect(recorder.counters.met).toMatchObject({ shop: 2, bus: 2, worker: 1 });
});

test('each edge counts by what it was passed: a call by the function that made it', () => {
  const written: TimedStep = {
    at: at(2),
    trace: 'Root=1',
    kind: 'item-written',
    table: 't',
    key: {},
    item: {},
  };
  const recorder = record(put('a'), delivered('a', 'r'), started, written, { ...written, trace: 'Root=2' });
  expect(recorder.counters.passed).toEqual({ 'shop bus': 1, 'placed worker': 1, 'worker t': 1 });
});

describe('what became of a delivery', () => {
  const common = { at: at(2), eventId: 'e', ...hop };
  test.each<[string, TimedStep[], object]>([
    [
      'it is tried again',
      [
        {
          ...common,
          kind: 'delivery-failed',
          attempt: 1,
          code: 'THROTTLING',
          message: 'busy',
          retryInMs: 1_000,
        },
      ],
      { state: 'waiting', hops: [{ reason: 'THROTTLING: busy', retryAt: at(3) }] },
    ],
    [
      'it is in the dead-letter queue',
      [
        { ...common, kind: 'delivery-failed', attempt: 2, code: 'NO_PERMISSIONS', message: 'may not' },
        { ...common, kind: 'dead-lettered', queue: 'dead', attributes: { ERROR_CODE: 'NO_PERMISSIONS' } },
      ],
      { state: 'failed', hops: [{ attempt: 2, queue: 'dead' }] },
    ],
    [
      'it is lost',
      [{ ...common, kind: 'delivery-lost', message: 'no queue' }],
      { state: 'failed', hops: [{ reason: 'no queue' }] },
    ],
    [
      'its function is throttled',
      [delivered('e', 'r'), { ...invocation, at: at(2), kind: 'invocation-throttled', retryInMs: 2_000 }],
      { state: 'waiting', hops: [{ reason: 'throttled', retryAt: at(4) }] },
    ],
    [
      'its function fails for the last time, and nothing keeps the event',
      [
        delivered('e', 'r'),
        {
          at: at(2),
          kind: 'invocation-lost',
          function: 'worker',
          requestId: 'r',
          condition: 'RetriesExhausted',
          message: 'gone',
        },
      ],
      { state: 'failed', hops: [{ reason: 'gone' }] },
    ],
  ] as [string, TimedStep[], object][])('%s', (_, steps, expected) => {
    expect(record(put('e'), ...steps).events).toMatchObject([expected]);
  });
});

test('a step that names no known event or item is about none', () => {
  const recorder = record(put('e'), delivered('other', 'r'));
  expect(recorder.events).toMatchObject([{ state: 'unmatched' }]);
  expect(recorder.before(1)).toEqual({});
  expect(recorder.steps(1).map(({ seq }) => seq)).toEqual([2]);
});

test('an item that was deleted was nothing before its next write', () => {
  const key = { table: 't', key: { id: 1 } };
  const recorder = record(
    { at: at(1), kind: 'item-written', ...key, item: { id: 1 } },
    { at: at(1), kind: 'item-deleted', ...key, expired: false },
    { at: at(2), kind: 'item-written', table: 'other', key: { id: 1 }, item: {} },
    { at: at(2), kind: 'item-written', ...key, item: { id: 1, a: 1 } },
  );
  expect(recorder.before(4)).toEqual({ before: null });
});

test('the messages of a topic are shown newest first', () => {
  const message = (topic: string, body: string): TimedStep => ({
    ...{ at: at(1), kind: 'message-published', topic, body, subscribers: 0 },
  });
  const recorder = record(message('news', 'a'), message('other', 'b'), message('news', 'c'));
  expect(recorder.published('news').map(({ body }) => body)).toEqual(['c', 'a']);
  expect(recorder.published('news', 1).map(({ body }) => body)).toEqual(['c']);
});

test('a reader is sent only what has changed', async () => {
  const recorder = record(put('a'));
  const state = {
    now: at(0),
    met: {},
    passed: {},
    queues: { dead: 0 },
    disabled: [],
    broken: [],
    dropped: 0,
  };
  let read: Omit<PageUpdate, 'events'> = { ...state, seq: 1 };
  const stop = new AbortController();
  const still = new Rhythm(
    () => ({ all: 0, idle: 0, own: 0 }),
    () => 0,
  );
  const stream = changes(recorder, 0, () => read, stop.signal, still);
  const next = async () => {
    const { value = '' } = await stream.next();
    return JSON.parse(value.slice('data: '.length));
  };
  expect(await next()).toMatchObject({
    seq: 1,
    queues: { dead: 0 },
    nextDue: null,
    events: [{ eventId: 'a' }],
  });
  recorder.onStep(put('b'));
  const broken: PageUpdate['broken'] = [{ id: '1', hop: 'worker', kind: 'fail' }];
  read = {
    ...{ ...state, seq: 2, nextDue: at(9), disabled: ['placed'], dropped: 3, broken },
    ...{ queues: { dead: 1, other: 0 }, met: { shop: 1 } },
  };
  const { events, now, ...rest } = await next();
  expect(rest).toEqual({
    ...{ seq: 2, nextDue: at(9), disabled: ['placed'], dropped: 3, broken },
    ...{ queues: { dead: 1, other: 0 }, met: { shop: 1 } },
  });
  expect([events.length, now]).toEqual([1, at(0)]);
  recorder.onStep(put('c'));
  read = { ...read, seq: 3 };
  expect(Object.keys(await next()).sort()).toEqual(['events', 'now', 'seq']);
  stop.abort();
  expect((await stream.next()).done).toBe(true);
});
