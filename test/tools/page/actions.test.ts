/** Actions and views of the page, in a small stack whose targets are queues. */
import { UNDESCRIBED } from '../../../tools/app';
import { SystemWorld } from '../../../tools/local/services/world';
import { LocalStack } from '../../../tools/local/stack';
import { Actions } from '../../../tools/page/actions';
import { dryRun, eventPage, stackState } from '../../../tools/page/inspect';
import { Recorder } from '../../../tools/page/recorder';
import { ARN, assemblyOf, functionResources } from '../template/template';

const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const queue = (properties: object = {}) => ({ Type: 'AWS::SQS::Queue', Properties: properties });
const rule = (Name: string, pattern: object, targets: object[], more: object = {}) => ({
  Type: 'AWS::Events::Rule',
  Properties: { Name, EventBusName: { Ref: 'Bus' }, EventPattern: pattern, Targets: targets, ...more },
});
const RESOURCES = {
  ...functionResources('Worker'),
  Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'bus' } },
  Archive: {
    Type: 'AWS::Events::Archive',
    Properties: { ArchiveName: 'archive', SourceArn: arn('Bus') },
  },
  Dead: queue({ QueueName: 'dead' }),
  Inbox: queue({
    QueueName: 'inbox.fifo',
    FifoQueue: true,
    ContentBasedDeduplication: true,
    RedrivePolicy: { deadLetterTargetArn: arn('Dead'), maxReceiveCount: 3 },
  }),
  QueuePolicy: {
    Type: 'AWS::SQS::QueuePolicy',
    Properties: {
      Queues: [{ Ref: 'Inbox' }, { Ref: 'Dead' }],
      PolicyDocument: {
        Statement: [
          {
            ...{ Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' } },
            ...{ Action: 'sqs:SendMessage', Resource: '*' },
          },
        ],
      },
    },
  },
  Placed: rule('placed', { source: ['shop'] }, [
    {
      ...{ Id: 'inbox', Arn: arn('Inbox'), SqsParameters: { MessageGroupId: 'all' } },
      DeadLetterConfig: { Arn: arn('Dead') },
      InputTransformer: { InputPathsMap: { what: '$.detail.what' }, InputTemplate: '{"item": <what>}' },
    },
  ]),
  Large: rule('large', { source: ['shop'], detail: { size: [{ numeric: ['>', 9] }] } }, []),
  Either: rule('either', { $or: [{ source: ['a'] }, { source: ['b'] }] }, []),
  Off: rule('off', { source: ['shop'] }, [], { State: 'DISABLED' }),
};
const ASSEMBLY = assemblyOf(RESOURCES, { Worker: { 'index.js': 'exports.handler = async () => {};' } });

let stack: LocalStack;
let recorder: Recorder;
let actions: Actions;
beforeAll(async () => {
  recorder = new Recorder();
  recorder.name({ idField: 'id', labels: [], beganEmpty: true });
  stack = await LocalStack.start({
    assembly: ASSEMBLY,
    world: new SystemWorld(),
    port: 0,
    onStep: recorder.onStep,
  });
  actions = new Actions(stack, UNDESCRIBED, recorder);
});
afterAll(() => stack.stop());
afterEach(() => {
  for (const each of stack.queues) for (const { id } of each.peek()) each.remove(id);
});

const EVENT = { source: 'shop', detailType: 'Placed', detail: { what: 'pen', size: 3 } };
const put = async (entry: object = EVENT) => {
  const { eventId } = await actions.put(entry);
  await stack.settled();
  return eventId;
};
const queueOf = (name: string) => {
  const found = stack.queues.find((each) => each.name === name);
  if (!found) throw new Error(name);
  return found;
};
const bodies = (name: string) =>
  queueOf(name)
    .peek()
    .map(({ body }) => body);

/** A dead letter of the rule `placed`, as EventBridge writes it. */
const deadLetter = (targetArn: string) => {
  const event = {
    ...{ version: '0', id: 'lost-1', 'detail-type': 'Placed', source: 'shop', account: '000000000000' },
    ...{ time: '2026-01-15T10:00:00Z', region: 'us-east-1', resources: [], detail: EVENT.detail },
  };
  const text = (StringValue: string) => ({ DataType: 'String', StringValue });
  queueOf('dead').send({
    body: JSON.stringify(event),
    attributes: {
      RULE_ARN: text(ARN('events', 'rule/bus/placed')),
      TARGET_ARN: text(targetArn),
      ERROR_CODE: text('NO_PERMISSIONS'),
      ERROR_MESSAGE: text('may not'),
    },
    senderId: 'events.amazonaws.com',
  });
};

describe('an event', () => {
  test('goes to the bus of the stack, and once more when it is sent again', async () => {
    const eventId = await put();
    expect(await actions.sendAgain(eventId, {})).toEqual({ sentTo: 'bus' });
    await stack.settled();
    // The queue takes the same payload once in five minutes.
    expect(bodies('inbox.fifo')).toEqual(['{"item": "pen"}']);
    expect(recorder.events.map(({ state }) => state)).toEqual(['handled', 'handled']);
  });

  test.each<[string, object, string]>([
    ['an unknown event', {}, 'The event no-such is not known any more.'],
    ['a function that is not there', { to: 'nobody' }, 'to is nobody, but must be a function of the stack.'],
    ['one that never had the event', { to: 'worker' }, 'was never given to worker.'],
    ['a malformed request', { to: 7 }, 'to: '],
  ])('is not sent again: %s', async (what, body, message) => {
    const eventId = what === 'an unknown event' ? 'no-such' : await put();
    await expect(actions.sendAgain(eventId, body)).rejects.toThrow(message);
  });

  test('that EventBridge refuses is refused with its reason', async () => {
    await expect(actions.put({ ...EVENT, source: '' })).rejects.toThrow('InvalidArgument: ');
    await expect(actions.put({ ...EVENT, detail: 'text' })).rejects.toThrow('detail: ');
  });

  test('of an AWS service is put in its place', async () => {
    const eventId = await put({ ...EVENT, source: 'aws.s3' });
    expect(recorder.event(eventId)?.summary).toMatchObject({ source: 'aws.s3', state: 'unmatched' });
  });

  test('tells which rules did not take it and why, and how its payload was made', async () => {
    const page = eventPage(stack, UNDESCRIBED, recorder, await put());
    expect(page.misses).toEqual([
      { rule: 'large', fields: [expect.objectContaining({ path: 'detail.size', value: 3 })] },
      { rule: 'either', fields: [expect.objectContaining({ path: 'source' })], alternatives: 2 },
      { rule: 'off', fields: [] },
    ]);
    expect(page.transforms).toEqual([
      ...[{ rule: 'placed', target: 'inbox.fifo', paths: { what: '$.detail.what' } }].map((each) => ({
        ...each,
        template: '{"item": <what>}',
      })),
    ]);
    expect(() => eventPage(stack, UNDESCRIBED, recorder, 'gone')).toThrow('gone is not, or no longer, known');
  });

  test('can be tried without being put', () => {
    const { rules } = dryRun(stack, UNDESCRIBED, EVENT);
    expect(rules).toEqual([
      { rule: 'placed', targets: [{ name: 'inbox.fifo' }] },
      { rule: 'large', misses: [expect.objectContaining({ path: 'detail.size' })] },
      { rule: 'either', misses: [expect.objectContaining({ path: 'source' })], alternatives: 2 },
      { rule: 'off', misses: [{ path: 'state', allowed: ['ENABLED'], reason: 'the rule is disabled' }] },
    ]);
    expect(dryRun(stack, UNDESCRIBED, { ...EVENT, bus: 'other' }).rules).toEqual([]);
    const [placed] = dryRun(stack, UNDESCRIBED, { ...EVENT, detail: {} }).rules;
    expect(placed).toEqual({ rule: 'placed', targets: [expect.objectContaining({ name: 'inbox.fifo' })] });
  });
});

describe('a redrive', () => {
  const inbox = ARN('sqs', 'inbox.fifo');

  test('sends a dead letter to its queue, with a key of its own where the queue is FIFO', async () => {
    deadLetter(inbox);
    expect(await actions.redrive('dead', { dryRun: true })).toEqual({ sent: 1, left: [] });
    expect(bodies('inbox.fifo')).toEqual([]);
    expect(await actions.redrive('dead', { dryRun: false })).toEqual({ sent: 1, left: [] });
    expect([bodies('inbox.fifo'), bodies('dead')]).toEqual([['{"item": "pen"}'], []]);
  });

  test('takes only the messages that are chosen', async () => {
    deadLetter(inbox);
    expect(await actions.redrive('dead', { dryRun: false, messageIds: ['other'] })).toEqual({
      sent: 0,
      left: [],
    });
  });

  test('leaves what it cannot read, and what has nowhere to go, and says why', async () => {
    queueOf('dead').send({ body: 'no event' });
    deadLetter(ARN('lambda', 'function:elsewhere'));
    const requestContext = {
      ...{ requestId: 'r', functionArn: ARN('lambda', 'function:elsewhere'), condition: 'RetriesExhausted' },
    };
    queueOf('dead').send({ body: JSON.stringify({ requestContext, requestPayload: {} }) });
    const before = bodies('dead');
    const { sent, left } = await actions.redrive('dead', { dryRun: false });
    expect(sent).toBe(0);
    expect(left.map(({ why }) => why)).toEqual([
      expect.stringContaining('neither'),
      'its rule no longer has the target',
      'its function or queue is not in the stack',
    ]);
    expect(bodies('dead')).toEqual(before);
  });

  test('of a queue that is not there is refused', async () => {
    await expect(actions.redrive('none', { dryRun: true })).rejects.toThrow('The stack has no queue none.');
  });
});

describe('the state of the stack', () => {
  test('names what lies in a queue, readable or not, and by which event it came', async () => {
    queueOf('dead').send({ body: 'no event' });
    deadLetter(ARN('sqs', 'inbox.fifo'));
    recorder.onStep({
      ...{ at: '2026-01-15T10:00:00.000Z', kind: 'event-put', bus: 'bus', eventId: 'lost-1' },
      event: {
        ...{ version: '0', id: 'lost-1', 'detail-type': 'Placed', source: 'shop', account: '0' },
        ...{ time: '2026-01-15T10:00:00Z', region: 'us-east-1', resources: [], detail: { id: 'order-1' } },
      },
    });
    const { queues, rules, functions } = await stackState(stack, UNDESCRIBED, recorder);
    expect(queues.find(({ name }) => name === 'dead')?.messages).toMatchObject([
      { cause: 'unreadable' },
      { cause: 'NO_PERMISSIONS', eventId: 'lost-1', entity: 'order-1' },
    ]);
    expect([rules, functions]).toEqual([['placed', 'large', 'either', 'off'], ['worker']]);
  });

  test('a rule is switched off and on', async () => {
    const [placed] = stack.eventBridge.rules;
    await actions.switchRule('placed', { enabled: false });
    expect(placed?.state).toBe('DISABLED');
    await actions.switchRule('placed', { enabled: true });
    expect(placed?.state).toBe('ENABLED');
    await expect(actions.switchRule('none', { enabled: true })).rejects.toThrow('no rule none');
  });

  test('a replay is of an archive that is there, and of the chosen rules', async () => {
    await expect(actions.replay({ archive: 'none', minutes: 5 })).rejects.toThrow(
      'archive is none, but the stack has archive.',
    );
    const { replay } = await actions.replay({ archive: 'archive', minutes: 5, rules: ['placed'] });
    expect(stack.eventBridge.describeReplay(replay).Destination.FilterArns).toEqual([
      ARN('events', 'rule/bus/placed'),
    ]);
  });

  test('a fault is of a function, and mended once', () => {
    expect(() => actions.breakHop({ hop: 'nobody', kind: 'fail' })).toThrow('hop is nobody');
    const { id } = actions.breakHop({ hop: 'worker', kind: 'fail', calls: 2 });
    expect(actions.mendHop(id)).toEqual({});
    expect(() => actions.mendHop(id)).toThrow(`Nothing is broken by the id ${id}.`);
  });

  test('the clock moves by seconds, and to what is due only where something is', async () => {
    const before = stack.now;
    await actions.moveClock({ seconds: 30 });
    expect(stack.now).toBeGreaterThanOrEqual(before + 30_000);
    await expect(actions.moveClock({ to: 'next' })).rejects.toThrow('Nothing is due');
  });
});
