import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { ManualClock } from '../../../../tools/local/services/clock';
import { JournalError } from '../../../../tools/local/services/journal';
import { Queue, type QueueOptions, type ReceivedMessage } from '../../../../tools/local/services/queue';
import { SystemWorld } from '../../../../tools/local/services/world';
import type { Step } from '../../../../tools/local/steps';
import { resource } from '../../template/resource';

const START = Date.parse('2026-01-01T00:00:00Z');
let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock(START);
});

const makeQueue = (properties: object = {}, options: QueueOptions = {}) =>
  new Queue(resource('AWS::SQS::Queue', 'work', properties), new SystemWorld(clock), options);
const seconds = (n: number) => clock.advance(1000 * n);
const bodies = (messages: readonly { body: string }[]) => messages.map(({ body }) => body);

async function receiveOne(queue: Queue): Promise<ReceivedMessage> {
  const [message] = await queue.receive();
  if (!message) throw new Error('There is no message to receive.');
  return message;
}

describe('a FIFO queue', () => {
  const fifo = (properties: object = {}, options: QueueOptions = {}) =>
    makeQueue({ FifoQueue: true, ContentBasedDeduplication: true, ...properties }, options);

  test('gives no message of a group while an earlier one is in flight, but those of other groups', async () => {
    const queue = fifo({ VisibilityTimeout: 30 });
    for (const body of ['a1', 'a2']) queue.send({ body, groupId: 'a' });
    queue.send({ body: 'b1', groupId: 'b' });
    const first = await receiveOne(queue);
    expect(first).toMatchObject({ body: 'a1', groupId: 'a' });
    expect(bodies(await queue.receive({ max: 10 }))).toEqual(['b1']);
    queue.delete(first.receiptHandle);
    expect(bodies(await queue.receive({ max: 10 }))).toEqual(['a2']);
  });

  test('gives what failed again before what came later', async () => {
    const queue = fifo({ VisibilityTimeout: 30 });
    for (const body of ['a1', 'a2']) queue.send({ body, groupId: 'a' });
    await queue.receive();
    await seconds(30);
    expect(bodies(await queue.receive({ max: 10 }))).toEqual(['a1', 'a2']);
  });

  test('takes a duplicate within 5 minutes without keeping it, and later as a message', async () => {
    const queue = fifo();
    const id = queue.send({ body: 'a', groupId: 'g' });
    expect(queue.send({ body: 'a', groupId: 'g' })).toBe(id);
    await seconds(300);
    expect(queue.send({ body: 'a', groupId: 'g' })).not.toBe(id);
    expect(bodies(queue.peek())).toEqual(['a', 'a']);
  });

  test('takes no message without a group or a deduplication id', () => {
    expect(() => fifo().send({ body: 'a' })).toThrow('MessageGroupId');
    const queue = makeQueue({ FifoQueue: true });
    expect(() => queue.send({ body: 'a', groupId: 'g' })).toThrow('ContentBasedDeduplication');
    queue.send({ body: 'a', groupId: 'g', deduplicationId: 'd' });
    expect(bodies(queue.peek())).toEqual(['a']);
  });

  test('gives each group in the order of sending, whatever is received, deleted and waited for between', async () => {
    const action = fc.oneof(
      fc.record({ send: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ receive: fc.integer({ min: 1, max: 10 }) }),
      fc.record({ handle: fc.boolean() }),
      fc.record({ wait: fc.integer({ min: 1, max: 40 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
        const queue = fifo({ VisibilityTimeout: 30 });
        const handled: Record<string, number[]> = { a: [], b: [], c: [] };
        let sent = 0;
        let held: ReceivedMessage[] = [];
        for (const each of actions) {
          if ('send' in each) queue.send({ body: String(sent++), groupId: each.send });
          if ('receive' in each) held.push(...(await queue.receive({ max: each.receive })));
          // A consumer handles what it was given in order, and leaves the rest of a group after a failure.
          if ('handle' in each) {
            const failed = new Set<string>();
            for (const { groupId = '', body, receiptHandle } of held) {
              if (!each.handle) failed.add(groupId);
              if (failed.has(groupId)) continue;
              handled[groupId]?.push(Number(body));
              queue.delete(receiptHandle);
            }
            held = [];
          }
          if ('wait' in each) {
            await seconds(each.wait);
            if (each.wait >= 30) held = [];
          }
        }
        for (const order of Object.values(handled)) {
          const unique = [...new Set(order)];
          expect(unique).toEqual([...unique].sort((x, y) => x - y));
        }
      }),
      { numRuns: 50 },
    );
  });
});

test('a message that a redrive policy moved says from where', async () => {
  const dead = makeQueue({}, {});
  const policy = { deadLetterTargetArn: 'arn:dead', maxReceiveCount: 1 };
  const queue = makeQueue({ RedrivePolicy: policy, VisibilityTimeout: 1 }, { findQueue: () => dead });
  queue.send({ body: 'a', groupId: 'g' });
  await queue.receive();
  await seconds(1);
  await queue.receive();
  expect(dead.peek()).toMatchObject([{ body: 'a', groupId: 'g', deadLetterSourceArn: queue.arn }]);
});

describe('receiving', () => {
  test('gives messages in the order of sending, as many as are asked for', async () => {
    const queue = makeQueue();
    for (const body of ['a', 'b', 'c']) queue.send({ body });
    expect(bodies(await queue.receive({ max: 2 }))).toEqual(['a', 'b']);
    expect(bodies(await queue.receive({ max: 2 }))).toEqual(['c']);
  });

  test('hides a message for the visibility timeout, then gives it again with a new handle and a higher count', async () => {
    const queue = makeQueue({ VisibilityTimeout: 30 });
    queue.send({ body: 'a' });
    const first = await receiveOne(queue);
    await seconds(29.999);
    expect(await queue.receive()).toEqual([]);
    await seconds(0.001);
    const second = await receiveOne(queue);
    expect(second.id).toBe(first.id);
    expect(second.receiptHandle).not.toBe(first.receiptHandle);
    expect([first.receiveCount, second.receiveCount]).toEqual([1, 2]);
    expect(second.firstReceivedAt).toBe(START);
  });

  test('a delayed message cannot be received before its time', async () => {
    const queue = makeQueue({ DelaySeconds: 5 });
    queue.send({ body: 'by the queue' });
    queue.send({ body: 'by itself', delaySeconds: 2 });
    expect(await queue.receive({ max: 10 })).toEqual([]);
    await seconds(2);
    expect(bodies(await queue.receive({ max: 10 }))).toEqual(['by itself']);
    await seconds(3);
    expect(bodies(await queue.receive({ max: 10 }))).toEqual(['by the queue']);
  });

  test('a message is gone after the retention period, received or not', async () => {
    const queue = makeQueue({ MessageRetentionPeriod: 60 });
    queue.send({ body: 'a' });
    await queue.receive();
    await seconds(60);
    expect(await queue.receive({ max: 10 })).toEqual([]);
    expect(queue.peek()).toEqual([]);
  });

  test('a message that was moved here is gone as long after it was sent as any other', async () => {
    const dead = makeQueue({ MessageRetentionPeriod: 60 });
    const policy = { deadLetterTargetArn: 'arn:dead', maxReceiveCount: 1 };
    const queue = makeQueue({ RedrivePolicy: policy, VisibilityTimeout: 1 }, { findQueue: () => dead });
    queue.send({ body: 'moved' });
    await queue.receive();
    await seconds(10);
    dead.send({ body: 'sent' });
    await queue.receive();
    await seconds(50);
    expect(dead.peek().map(({ body }) => body)).toEqual(['sent']);
    await seconds(10);
    expect(dead.peek()).toEqual([]);
  });

  test.each([
    ['a standard queue is as old as its stay there, and is kept by the time when it was sent', {}, 50],
    ['a FIFO queue is kept by the time when it was moved', { FifoQueue: true }, 60],
  ])('a message that was moved to %s', async (_, kind, keptSeconds) => {
    const dead = makeQueue({ ...kind, MessageRetentionPeriod: 60 });
    const policy = { deadLetterTargetArn: 'arn:dead', maxReceiveCount: 1 };
    const properties = { ...kind, RedrivePolicy: policy, VisibilityTimeout: 1 };
    const queue = makeQueue(properties, { findQueue: () => dead });
    queue.send({ body: 'moved', groupId: 'a', deduplicationId: '1' });
    await queue.receive();
    await seconds(10);
    await queue.receive();
    expect(dead.depth().oldestAgeSeconds).toBe(0);
    await seconds(keptSeconds - 1);
    expect(dead.depth().oldestAgeSeconds).toBe(keptSeconds - 1);
    await seconds(1);
    await dead.receive();
    expect(dead.peek()).toEqual([]);
  });

  test('peeking shows every message and receives none', async () => {
    const queue = makeQueue();
    queue.send({ body: 'a', attributes: { CODE: 'x' } });
    expect(queue.peek()).toMatchObject([
      { body: 'a', attributes: { CODE: { DataType: 'String', StringValue: 'x' } }, receiveCount: 0 },
    ]);
    expect(queue.depth()).toMatchObject({ visible: 1, inFlight: 0 });
  });
});

describe('waiting for a message', () => {
  test('ends when one is sent', async () => {
    const queue = makeQueue();
    const waiting = queue.receive({ waitSeconds: 20 });
    await seconds(10);
    queue.send({ body: 'a' });
    expect(bodies(await waiting)).toEqual(['a']);
  });

  test('ends with nothing after its time', async () => {
    const queue = makeQueue({ ReceiveMessageWaitTimeSeconds: 3 });
    const waiting = queue.receive();
    await seconds(3);
    expect(await waiting).toEqual([]);
  });

  test('ends when a delayed or a received message becomes visible', async () => {
    const queue = makeQueue({ VisibilityTimeout: 4 });
    queue.send({ body: 'delayed', delaySeconds: 2 });
    const first = queue.receive({ waitSeconds: 20 });
    await seconds(2);
    expect(bodies(await first)).toEqual(['delayed']);
    const second = queue.receive({ waitSeconds: 20 });
    await seconds(4);
    expect(bodies(await second)).toEqual(['delayed']);
  });

  test('one message goes to one of those who wait, the one who came first', async () => {
    const queue = makeQueue();
    const first = queue.receive({ waitSeconds: 5 });
    const second = queue.receive({ waitSeconds: 5 });
    queue.send({ body: 'a' });
    await seconds(5);
    expect(bodies(await first)).toEqual(['a']);
    expect(await second).toEqual([]);
  });

  test('whoever has gone away is not given a message', async () => {
    const queue = makeQueue();
    const gone = new AbortController();
    const waiting = queue.receive({ waitSeconds: 20, signal: gone.signal });
    gone.abort();
    queue.send({ body: 'a' });
    expect(await waiting).toEqual([]);
    expect(await queue.receive({ signal: gone.signal })).toEqual([]);
    expect(queue.depth().visible).toBe(1);
  });

  test('ends when the queue is closed', async () => {
    const queue = makeQueue();
    const waiting = queue.receive({ waitSeconds: 20 });
    queue.close();
    expect(await waiting).toEqual([]);
  });
});

describe('deleting', () => {
  test('takes the message away for good, and doing it again is no error', async () => {
    const queue = makeQueue({ VisibilityTimeout: 1 });
    queue.send({ body: 'a' });
    const { receiptHandle } = await receiveOne(queue);
    queue.delete(receiptHandle);
    queue.delete(receiptHandle);
    await seconds(2);
    expect(await queue.receive()).toEqual([]);
  });

  test('with the handle of an earlier receive deletes nothing', async () => {
    const queue = makeQueue({ VisibilityTimeout: 1 });
    queue.send({ body: 'a' });
    const stale = await receiveOne(queue);
    await seconds(1);
    await queue.receive();
    queue.delete(stale.receiptHandle);
    expect(queue.peek()).toHaveLength(1);
  });

  test('after the visibility timeout is over still deletes, if nobody received it since', async () => {
    const queue = makeQueue({ VisibilityTimeout: 1 });
    queue.send({ body: 'a' });
    const { receiptHandle } = await receiveOne(queue);
    await seconds(5);
    queue.delete(receiptHandle);
    expect(queue.peek()).toEqual([]);
  });

  test.each(['', 'x', 'x.y.z'])('a handle that no queue ever gave (%j) is an error', (handle) => {
    expect(() => makeQueue().delete(handle)).toThrow(
      expect.objectContaining({ code: 'ReceiptHandleIsInvalid' }),
    );
  });

  test("another queue's handle is an error", async () => {
    const other = new Queue(resource('AWS::SQS::Queue', 'other'), new SystemWorld(clock));
    other.send({ body: 'a' });
    const { receiptHandle } = await receiveOne(other);
    expect(() => makeQueue().delete(receiptHandle)).toThrow(
      expect.objectContaining({ code: 'ReceiptHandleIsInvalid' }),
    );
  });
});

describe('changing the visibility', () => {
  test('to zero gives the message back at once, also to who waits', async () => {
    const queue = makeQueue();
    queue.send({ body: 'a' });
    const { receiptHandle } = await receiveOne(queue);
    const waiting = queue.receive({ waitSeconds: 20 });
    queue.changeVisibility(receiptHandle, 0);
    expect(bodies(await waiting)).toEqual(['a']);
  });

  test('lengthens the time that the message is hidden', async () => {
    const queue = makeQueue({ VisibilityTimeout: 10 });
    queue.send({ body: 'a' });
    const { receiptHandle } = await receiveOne(queue);
    await seconds(5);
    queue.changeVisibility(receiptHandle, 60);
    await seconds(59);
    expect(await queue.receive()).toEqual([]);
  });

  test('of a message that is not in flight is an error', async () => {
    const queue = makeQueue({ VisibilityTimeout: 1 });
    queue.send({ body: 'a' });
    const { receiptHandle } = await receiveOne(queue);
    await seconds(1);
    expect(() => queue.changeVisibility(receiptHandle, 5)).toThrow(
      expect.objectContaining({ code: 'MessageNotInflight' }),
    );
  });

  test('beyond 12 hours from the first receive is an error', async () => {
    const queue = makeQueue({ VisibilityTimeout: 3600 });
    queue.send({ body: 'a' });
    const { receiptHandle } = await receiveOne(queue);
    await seconds(60);
    expect(() => queue.changeVisibility(receiptHandle, 43_200)).toThrow(/beyond the limit \[43200 seconds\]/);
    queue.changeVisibility(receiptHandle, 43_140);
  });
});

test('purging empties the queue, once a minute', async () => {
  const queue = makeQueue();
  queue.send({ body: 'a' });
  queue.purge();
  expect(queue.peek()).toEqual([]);
  expect(() => queue.purge()).toThrow(expect.objectContaining({ code: 'PurgeQueueInProgress' }));
  await seconds(60);
  queue.purge();
});

test('the depth counts messages by what can be done with them, and knows the age of the oldest', async () => {
  const queue = makeQueue();
  expect(queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0, oldestAgeSeconds: 0 });
  for (const body of ['a', 'b', 'c']) queue.send({ body });
  queue.send({ body: 'd', delaySeconds: 100 });
  await queue.receive();
  await seconds(7);
  expect(queue.depth()).toEqual({ visible: 2, inFlight: 1, delayed: 1, oldestAgeSeconds: 7 });
});

test('each message that is sent is a step', () => {
  const steps: Step[] = [];
  const queue = makeQueue({}, { onStep: (step) => steps.push(step) });
  const messageId = queue.send({ body: 'a', attributes: { CODE: 'x' } });
  expect(steps).toEqual([
    { kind: 'message-sent', queue: 'work', messageId, body: 'a', attributes: { CODE: 'x' } },
  ]);
});

test('a property that would change what the queue does stops the start with its name', () => {
  expect(() => makeQueue({ FifoThroughputLimit: 'perQueue' })).toThrow(
    /AWS::SQS::Queue Thework: the local run does not know its property FifoThroughputLimit/,
  );
});

describe('with a file', () => {
  let file: string;
  beforeEach(() => {
    file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'queue-')), 'work.jsonl');
  });
  afterEach(() => fs.rmSync(path.dirname(file), { recursive: true }));

  test('a restart finds the messages again, those in flight visible, those deleted gone', async () => {
    const queue = makeQueue({}, { file });
    for (const body of ['in flight', 'deleted', 'untouched']) {
      queue.send({ body, attributes: { N: { DataType: 'Number', StringValue: '1' } } });
    }
    const [, second] = await queue.receive({ max: 2 });
    queue.delete(second?.receiptHandle ?? '');
    queue.close();
    await seconds(10);
    const again = makeQueue({}, { file });
    expect(again.peek()).toMatchObject([
      { body: 'in flight', sentAt: START, attributes: { N: { DataType: 'Number', StringValue: '1' } } },
      { body: 'untouched', sentAt: START },
    ]);
    expect(bodies(await again.receive({ max: 10 }))).toEqual(['in flight', 'untouched']);
  });

  test('a purge is remembered', () => {
    const queue = makeQueue({}, { file });
    queue.send({ body: 'a' });
    queue.purge();
    queue.send({ body: 'b' });
    expect(bodies(makeQueue({}, { file }).peek())).toEqual(['b']);
  });

  test('the file does not grow with messages that are gone', async () => {
    const queue = makeQueue({}, { file });
    for (let n = 0; n < 3000; n++) {
      queue.send({ body: 'x'.repeat(100) });
      queue.delete((await receiveOne(queue)).receiptHandle);
    }
    queue.send({ body: 'last' });
    expect(fs.readFileSync(file, 'utf8').split('\n').length).toBeLessThan(1100);
    expect(bodies(makeQueue({}, { file }).peek())).toEqual(['last']);
  });

  test.each([
    ['{"sent":{"id":"1"', 'JSON'],
    ['{"something":"else"}', 'it is not an entry of a queue'],
    ['7', 'it is not an entry of a queue'],
  ])('a line that is none of its own (%s) is an error with file and line', (line, reason) => {
    makeQueue({}, { file }).send({ body: 'a' });
    fs.appendFileSync(file, `${line}\n`);
    const start = () => makeQueue({}, { file });
    expect(start).toThrow(JournalError);
    expect(start).toThrow(`${file}, line 2: `);
    expect(start).toThrow(reason);
  });
});

test('whatever is done in whatever order: no message is lost, invented, or received while it is hidden', async () => {
  const action = fc.oneof(
    fc.constant({ kind: 'send' as const }),
    fc.record({ kind: fc.constant('receive' as const), max: fc.integer({ min: 1, max: 10 }) }),
    fc.record({ kind: fc.constant('delete' as const), which: fc.nat() }),
    fc.record({ kind: fc.constant('return' as const), which: fc.nat() }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
    fc.constant({ kind: 'restart' as const }),
  );
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'queue-'));
  const file = path.join(folder, 'work.jsonl');
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
      fs.rmSync(file, { force: true });
      clock = new ManualClock(START);
      let queue = makeQueue({ VisibilityTimeout: 10 }, { file });
      const alive = new Set<string>();
      let held: { handle: string; id: string; until: number }[] = [];
      for (const step of actions) {
        if (step.kind === 'send') alive.add(queue.send({ body: 'x' }));
        else if (step.kind === 'wait') await clock.advance(step.ms);
        else if (step.kind === 'restart') {
          queue.close();
          queue = makeQueue({ VisibilityTimeout: 10 }, { file });
          held = [];
        } else if (step.kind === 'receive') {
          for (const { id, receiptHandle } of await queue.receive({ max: step.max })) {
            expect(alive.has(id)).toBe(true);
            expect(held.filter((each) => each.id === id && each.until > clock.now())).toEqual([]);
            held = held.filter((each) => each.id !== id);
            held.push({ handle: receiptHandle, id, until: clock.now() + 10_000 });
          }
        } else {
          const one = held[step.which % held.length];
          if (!one) continue;
          if (step.kind === 'delete') {
            queue.delete(one.handle);
            alive.delete(one.id);
            held = held.filter((each) => each !== one);
          } else if (one.until > clock.now()) {
            queue.changeVisibility(one.handle, 0);
            one.until = clock.now();
          }
        }
        expect(new Set(queue.peek().map(({ id }) => id))).toEqual(alive);
      }
      queue.close();
    }),
    { numRuns: 100 },
  );
  fs.rmSync(folder, { recursive: true });
});
