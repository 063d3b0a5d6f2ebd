import type { TimedStep } from '../../../tools/local/steps';
import { CAPACITY, Recorder } from '../../../tools/page/recorder';

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
