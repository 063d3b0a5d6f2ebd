/** `redrive` and `failures`, by what AWS's services answer. */
import { UNDESCRIBED } from '../../../tools/app';
import { failures } from '../../../tools/ops/failures';
import { type RedriveOptions, redrive } from '../../../tools/ops/redrive';
import {
  FUNCTIONS,
  functionArn,
  md5,
  message,
  OUTPUTS,
  operate,
  queues,
  Refusal,
  type Script,
  type Surroundings,
} from './scripted-aws';

const RULE = 'arn:aws:events:us-east-1:111122223333:rule/event-driven-bus/event-driven-order-created';
const QUEUE = 'arn:aws:sqs:us-east-1:111122223333:event-driven-warehouse.fifo';
const QUEUE_URL = 'https://sqs.us-east-1.amazonaws.com/111122223333/event-driven-warehouse.fifo';

const event = (id: string) => ({
  ...{ version: '0', id, 'detail-type': 'OrderCreated', source: 'app.orders', account: '1' },
  ...{ time: '2026-11-23T11:00:00Z', region: 'us-east-1', resources: [], detail: { orderId: id } },
});
const undelivered = (id: string, targetArn = functionArn('order-processor'), ruleArn = RULE) =>
  message(id, JSON.stringify(event(id)), {
    RULE_ARN: ruleArn,
    TARGET_ARN: targetArn,
    ERROR_CODE: 'NO_PERMISSIONS',
  });
const unhandled = (id: string, errorType: string, requestId = `before-${id}`) =>
  message(
    id,
    JSON.stringify({
      requestContext: { requestId, functionArn: functionArn('notifier'), condition: 'RetriesExhausted' },
      requestPayload: event(id),
      responsePayload: { errorType, errorMessage: 'no' },
    }),
  );
const unprocessed = (id: string) =>
  message(id, '{"a":1}', {}, { DeadLetterQueueSourceArn: QUEUE, MessageGroupId: 'group-1' });
const pipeRecord = (id: string, last = '2') =>
  message(
    id,
    JSON.stringify({
      context: {
        partnerResourceArn: 'arn:aws:pipes:us-east-1:111122223333:pipe/event-driven-outbox',
        condition: 'RetryAttemptsExhausted',
      },
      DDBStreamBatchInfo: {
        ...{ shardId: 's', startSequenceNumber: '1', endSequenceNumber: last, batchSize: 1 },
      },
    }),
  );

const script: Script = {
  ListTargetsByRule: { Targets: [{ Id: 'target', Arn: functionArn('order-processor') }] },
  Invoke: { statusCode: 202 },
  SendMessage: ({ MessageBody }) => ({ MessageId: 'moved', MD5OfMessageBody: md5(MessageBody) }),
};
const WITH_QUEUE = [...FUNCTIONS, { type: 'AWS::SQS::Queue', id: QUEUE_URL }];

const send = (more: Script, options: Partial<RedriveOptions> = {}, surroundings: Surroundings = {}) =>
  operate({ ...script, ...more }, (session) => redrive(session, { rate: 1_000, ...options }), {
    resources: WITH_QUEUE,
    json: true,
    ...surroundings,
  });

test('nothing to redrive is no failure', async () => {
  const { stdout, stderr, exitCode } = await send(queues({}), {}, { json: false });
  expect({ stdout, stderr, exitCode }).toEqual({ stdout: 'Nothing to redrive.\n', stderr: '', exitCode: 0 });
});

test('a message that a queue moved goes back to it in its group, as a new one', async () => {
  const { json, aws, exitCode } = await send(queues({ dlq: [unprocessed('m-1')] }));
  expect(exitCode).toBe(0);
  expect(json).toMatchObject({ sent: 1, groups: [{ consumer: 'event-driven-warehouse.fifo' }] });
  expect(aws.inputsOf('SendMessage')).toEqual([
    {
      QueueUrl: QUEUE_URL,
      MessageBody: '{"a":1}',
      MessageGroupId: 'group-1',
      MessageDeduplicationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    },
  ]);
});

test('a message of a queue that the stack no longer has stays, and keeps no other from being sent', async () => {
  const waiting = queues({ dlq: [unprocessed('m-1'), undelivered('m-2')] });
  const { json, exitCode } = await send(waiting, {}, { resources: FUNCTIONS });
  expect(exitCode).toBe(1);
  expect(json).toMatchObject({ sent: 1, left: 1 });
  expect(json.groups).toContainEqual({
    ...{ consumer: 'event-driven-warehouse.fifo', cause: 'MaxReceiveCount', outcome: 'left' },
    ...{ reason: 'the stack no longer has its queue', count: 1 },
  });
});

describe('what comes back in the run that sent it is left', () => {
  test.each([
    ['by the request of its invocation', unhandled('m-1', 'Error'), unhandled('m-2', 'Error', 'request-0')],
    ['by the id of its message', unprocessed('m-1'), unprocessed('moved')],
    [
      'by the id of its event',
      undelivered('m-1', OUTPUTS.EventBusArn),
      undelivered('put', OUTPUTS.EventBusArn),
    ],
  ])('%s', async (_, first, back) => {
    const { json, exitCode } = await send({
      ...queues({ dlq: [first], 'failed-events': [back] }),
      ListTargetsByRule: { Targets: [{ Id: 'target', Arn: OUTPUTS.EventBusArn }] },
      PutEvents: { FailedEntryCount: 0, Entries: [{ EventId: 'put' }] },
    });
    expect(exitCode).toBe(1);
    expect(json).toMatchObject({ sent: 1, left: 1 });
    expect(json.groups).toContainEqual(
      expect.objectContaining({ outcome: 'left', reason: 'it failed again: its cause is not mended' }),
    );
  });
});

test('an event that the bus refuses stays, with the reason', async () => {
  const { json, aws, exitCode } = await send({
    ...queues({ dlq: [undelivered('m-1', OUTPUTS.EventBusArn)] }),
    ListTargetsByRule: { Targets: [{ Id: 'target', Arn: OUTPUTS.EventBusArn }] },
    PutEvents: {
      FailedEntryCount: 1,
      Entries: [{ ErrorCode: 'ThrottlingException', ErrorMessage: 'too\nmany' }],
    },
  });
  expect(exitCode).toBe(1);
  expect(json.groups).toMatchObject([
    { consumer: 'event-driven-bus', outcome: 'failed', reason: 'ThrottlingException: too many', count: 1 },
  ]);
  expect(aws.inputsOf('DeleteMessage')).toEqual([]);
});

test.each([
  ['is gone', 'ResourceNotFoundException'],
  ['has a name that no rule can have', 'ValidationException'],
])('events of a rule that %s are left, and its targets are asked for once', async (_, refusal) => {
  const { json, aws } = await send({
    ...queues({ dlq: [undelivered('m-1'), undelivered('m-2')] }),
    ListTargetsByRule: new Refusal(refusal),
  });
  expect(json.groups).toMatchObject([
    { outcome: 'left', reason: 'its rule no longer has the target', count: 2 },
  ]);
  expect(aws.inputsOf('ListTargetsByRule')).toHaveLength(1);
});

test('a call that is refused for all ends the run', async () => {
  const denied = { ListTargetsByRule: new Refusal('AccessDeniedException', 'may not') };
  await expect(send({ ...queues({ dlq: [undelivered('m-1')] }), ...denied })).rejects.toThrow('may not');
});

test('an event that Lambda takes but does not queue is not deleted', async () => {
  const run = send({ ...queues({ dlq: [unhandled('m-1', 'Error')] }), Invoke: { statusCode: 200 } });
  await expect(run).rejects.toThrow('Lambda answered 200, not 202');
});

test.each([
  ['is left and counted', {}, [{ consumer: '?', cause: 'unreadable', outcome: 'left', count: 1 }]],
  ['is not looked at if a consumer is named', { consumer: ['notifier'] }, []],
  ['is not looked at if a cause is named', { cause: ['Error'] }, []],
])('what has no event %s', async (_, options, groups) => {
  const { json } = await send(queues({ dlq: [message('m-1', 'no event')] }), options);
  expect(json.groups).toMatchObject(groups);
});

test('what a pipe gave up is left under the name of the pipe', async () => {
  const { json } = await send(queues({ dlq: [pipeRecord('m-1'), pipeRecord('m-2', '1')] }));
  expect(
    json.groups.map(({ consumer, reason }: { consumer: string; reason: string }) => [consumer, reason]),
  ).toEqual([
    ['event-driven-outbox', "RetryAttemptsExhausted: 1 of a table's stream, shard s, sequence number 1 to 2"],
    ['event-driven-outbox', "RetryAttemptsExhausted: 1 of a table's stream, shard s, sequence number 1"],
  ]);
});

test('messages that others hold are told', async () => {
  const { stderr, json } = await send(queues({}, 2));
  expect(json.others).toBe(4);
  expect(stderr).toContain('4 messages could not be read (about): others read them now,');
});

test('Ctrl-C ends the run before the next event of the batch', async () => {
  const messages = Array.from({ length: 5 }, (_, index) => unhandled(`m-${index}`, 'Error'));
  const { json, exitCode } = await send(
    {
      ...queues({ dlq: messages }),
      Invoke: () => {
        process.emit('SIGINT');
        return { statusCode: 202 };
      },
    },
    { rate: 1 },
  );
  expect(exitCode).toBe(130);
  expect(json).toMatchObject({ interrupted: true, sent: 1, left: 0, failed: 0 });
});

describe('failures', () => {
  const list = (more: Script, surroundings: Surroundings = {}) =>
    operate(more, (session) => failures(session, { limit: 1_000 }), surroundings);

  test('of poison alone are for who published it', async () => {
    const { stdout } = await list(queues({ 'failed-events': [unhandled('m-1', 'PoisonEventError')] }), {
      isTerminal: true,
    });
    expect(stdout).toContain('All poison: fix what published it;');
    expect(stdout).toContain('\x1b[33mPoisonEventError\x1b[39m');
  });

  test('are the most frequent first, then by name and cause, with an order or an event for example', async () => {
    const { json } = await list(
      queues({
        'failed-events': [
          ...[unhandled('m-1', 'B'), unhandled('m-2', 'A'), undelivered('m-3'), unprocessed('m-4')],
          ...[undelivered('m-5'), pipeRecord('m-6')],
        ],
      }),
      { json: true },
    );
    expect(
      json.groups.map(({ consumer, cause, count }: { consumer: string; cause: string; count: number }) => [
        ...[consumer, cause, count],
      ]),
    ).toEqual([
      ['event-driven-order-processor', 'NO_PERMISSIONS', 2],
      ['event-driven-notifier', 'A', 1],
      ['event-driven-notifier', 'B', 1],
      ['event-driven-outbox', 'given up by the pipe', 1],
      ['event-driven-warehouse.fifo', 'MaxReceiveCount', 1],
    ]);
  });

  test('name the event if the app has no entity', async () => {
    const { stdout } = await list(queues({ 'failed-events': [unhandled('m-1', 'Error')] }), {
      app: UNDESCRIBED,
    });
    expect(stdout).toMatch(/notifier +Error +1 +1 min ago +m-1: no\n/);
  });

  test('that others hold could not be read', async () => {
    const { stdout, stderr } = await list(queues({}, 3));
    expect(stdout).toBe('No failure could be read.\n');
    expect(stderr).toContain('Not all: about 6 more messages could not be read (limit 1,000 a queue;');
  });

  test('end with Ctrl-C', async () => {
    const { exitCode } = await list({
      ...queues({}),
      ReceiveMessage: () => {
        process.emit('SIGINT');
        return {};
      },
    });
    expect(exitCode).toBe(130);
  });

  test('of a message that the queue gives out again and again are counted once', async () => {
    let receives = 0;
    const again = unhandled('m-1', 'Error');
    const { json } = await list(
      {
        ...queues({}),
        GetQueueAttributes: {
          Attributes: {
            ...{ ApproximateNumberOfMessages: '1', ApproximateNumberOfMessagesDelayed: '0' },
            ApproximateNumberOfMessagesNotVisible: '0',
          },
        },
        ReceiveMessage: ({ QueueUrl }) => {
          if (QueueUrl === OUTPUTS.DeadLetterQueueUrl) return {};
          receives++;
          return receives % 2 === 1 ? { Messages: [again] } : {};
        },
      },
      { json: true },
    );
    expect(json).toMatchObject({ seen: 1, groups: [{ count: 1 }] });
    expect(receives).toBeGreaterThan(2);
  });
});
