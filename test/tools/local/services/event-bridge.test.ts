import fc from 'fast-check';
import type { BusEvent } from '../../../../tools/eventbridge/event';
import { ManualClock } from '../../../../tools/local/services/clock';
import type { TargetService } from '../../../../tools/local/services/delivery';
import { EventBridge, type EventBridgeOptions } from '../../../../tools/local/services/event-bridge';
import { InFlight } from '../../../../tools/local/services/in-flight';
import type { PutEventsEntry } from '../../../../tools/local/services/put-entry';
import { Queue } from '../../../../tools/local/services/queue';
import { ServiceError } from '../../../../tools/local/services/service-error';
import { SystemWorld } from '../../../../tools/local/services/world';
import type { Step } from '../../../../tools/local/steps';
import { Policies } from '../../../../tools/template/policies';
import { ARN, assemblyOf, temporaryDirectory } from '../../template/template';

const START = Date.UTC(2026, 0, 15, 8, 59, 30);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A bus `shop`, a queue `jobs` as target and a queue `dead` behind it, and whatever else is given. */
function template(resources: Readonly<Record<string, object>>) {
  const letIn = (queue: string) => ({
    Type: 'AWS::SQS::QueuePolicy',
    Properties: {
      Queues: [{ Ref: queue }],
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: 'events.amazonaws.com' },
            Action: 'sqs:SendMessage',
            Resource: { 'Fn::GetAtt': [queue, 'Arn'] },
          },
        ],
      },
    },
  });
  return assemblyOf({
    Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'shop' } },
    Jobs: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'jobs' } },
    Dead: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'dead' } },
    JobsPolicy: letIn('Jobs'),
    DeadPolicy: letIn('Dead'),
    ...resources,
  });
}

const JOBS = ARN('sqs', 'jobs');
const DEAD = ARN('sqs', 'dead');
const toJobs = (more: object = {}) => ({ Id: 'Jobs', Arn: JOBS, DeadLetterConfig: { Arn: DEAD }, ...more });

const ruleOn = (bus: string | undefined, properties: object) => ({
  Type: 'AWS::Events::Rule',
  Properties: { ...(bus && { EventBusName: bus }), State: 'ENABLED', ...properties },
});

const placed = (target: object = toJobs(), properties: object = {}) => ({
  Placed: ruleOn('shop', {
    Name: 'placed',
    EventPattern: { source: ['app'], 'detail-type': ['Placed'] },
    Targets: [target],
    ...properties,
  }),
});

class Harness {
  readonly steps: Step[] = [];

  private constructor(
    readonly bridge: EventBridge,
    readonly clock: ManualClock,
    readonly queues: readonly Queue[],
    readonly inFlight: InFlight,
    steps: Step[],
  ) {
    this.steps = steps;
  }

  static async start(
    resources: Readonly<Record<string, object>> = placed(),
    {
      service,
      random = () => 1,
      ...options
    }: Partial<EventBridgeOptions> & { service?: TargetService; random?: () => number } = {},
  ): Promise<Harness> {
    const assembly = options.assembly ?? template(resources);
    const clock = new ManualClock(START);
    const world = Object.assign(new SystemWorld(clock), { random });
    const steps: Step[] = [];
    const queues = assembly.ofType('AWS::SQS::Queue').map((resource) => new Queue(resource, world));
    const inFlight = new InFlight();
    const targets = new Map<string, TargetService>(
      queues.map((queue) => [
        queue.arn,
        { action: 'sqs:SendMessage', takesJson: false, deliver: (body) => void queue.send({ body }) },
      ]),
    );
    if (service) targets.set(JOBS, service);
    const bridge = await EventBridge.start({
      assembly,
      rules: assembly.ofType('AWS::Events::Rule'),
      world,
      policies: new Policies(assembly),
      targets,
      queues: new Map(queues.map((queue) => [queue.arn, queue])),
      directory: temporaryDirectory(),
      inFlight,
      onStep: (step) => void steps.push(step),
      ...options,
    });
    started.push(bridge);
    return new Harness(bridge, clock, queues, inFlight, steps);
  }

  put(entry: Partial<PutEventsEntry> = {}) {
    const [result] = this.bridge.putEvents([
      { EventBusName: 'shop', Source: 'app', DetailType: 'Placed', Detail: '{"id": 7}', ...entry },
    ]);
    return result;
  }

  messages(name: string) {
    return this.queues.find((queue) => queue.name === name)?.peek() ?? [];
  }

  bodies(name: string) {
    return this.messages(name).map(({ body }) => JSON.parse(body));
  }

  /** Text attributes of the messages in the dead-letter queue. */
  get reasons() {
    return this.messages('dead').map(({ attributes }) =>
      Object.fromEntries(Object.entries(attributes).map(([name, { StringValue }]) => [name, StringValue])),
    );
  }

  stepsOf<Kind extends Step['kind']>(kind: Kind): Extract<Step, { kind: Kind }>[] {
    return this.steps.filter((step): step is Extract<Step, { kind: Kind }> => step.kind === kind);
  }
}

const started: EventBridge[] = [];
afterEach(() => Promise.all(started.splice(0).map((each) => each.stop())));

describe('PutEvents', () => {
  test('gives each event an envelope and an id, and brings it to the targets of the rules that match', async () => {
    const harness = await Harness.start();
    const result = harness.put({ Time: 1_768_000_000.9, Resources: ['arn:x'] });
    expect(harness.bodies('jobs')).toEqual([
      {
        version: '0',
        id: (result as { EventId: string }).EventId,
        'detail-type': 'Placed',
        source: 'app',
        account: '000000000000',
        time: '2026-01-09T23:06:40Z',
        region: 'us-east-1',
        resources: ['arn:x'],
        detail: { id: 7 },
      },
    ]);
  });

  test('takes the time as text too, and the time of arrival if there is none', async () => {
    const harness = await Harness.start();
    harness.put({ Time: '2026-01-02T03:04:05.678Z' });
    harness.put();
    expect(harness.bodies('jobs').map(({ time }) => time)).toEqual([
      '2026-01-02T03:04:05Z',
      '2026-01-15T08:59:30Z',
    ]);
  });

  test.each(['soon', Number.NaN, 1e300])('refuses the time %p', async (Time) => {
    const harness = await Harness.start();
    expect(() => harness.put({ Time })).toThrow(expect.objectContaining({ code: 'SerializationException' }));
    expect(harness.messages('jobs')).toEqual([]);
  });

  test('takes the name of a bus or its ARN', async () => {
    const harness = await Harness.start();
    harness.put({ EventBusName: ARN('events', 'event-bus/shop') });
    expect(harness.messages('jobs')).toHaveLength(1);
  });

  test('brings an event to no rule of another bus', async () => {
    const harness = await Harness.start();
    harness.put({ EventBusName: undefined });
    expect(harness.messages('jobs')).toEqual([]);
  });

  test('takes an event for a bus that is not there, as the service does, and nobody gets it', async () => {
    const harness = await Harness.start();
    expect(harness.put({ EventBusName: 'shops' })).toEqual({ EventId: expect.any(String) });
    expect(harness.steps).toEqual([
      expect.objectContaining({
        kind: 'event-dropped',
        bus: 'shops',
        reason: 'There is no event bus shops in this stack.',
      }),
    ]);
  });

  test.each([
    [
      { Source: undefined },
      'InvalidArgument',
      'Parameter Source is not valid. Reason: Source is a required argument.',
    ],
    [
      { Source: '' },
      'InvalidArgument',
      'Parameter Source is not valid. Reason: Source is a required argument.',
    ],
    [
      { DetailType: undefined },
      'InvalidArgument',
      'Parameter DetailType is not valid. Reason: DetailType is a required argument.',
    ],
    [
      { Detail: undefined },
      'InvalidArgument',
      'Parameter Detail is not valid. Reason: Detail is a required argument.',
    ],
    [{ Detail: 'text' }, 'MalformedDetail', 'Detail is malformed.'],
    [{ Detail: '[1]' }, 'MalformedDetail', 'Detail is malformed.'],
    [{ Detail: '"a"' }, 'MalformedDetail', 'Detail is malformed.'],
    [{ Source: 'aws.s3' }, 'NotAuthorizedForSourceException', 'Not authorized for the source.'],
  ])('refuses the entry %j, and takes the others', async (entry, ErrorCode, ErrorMessage) => {
    const harness = await Harness.start();
    const good = { EventBusName: 'shop', Source: 'app', DetailType: 'Placed', Detail: '{}' };
    expect(harness.bridge.putEvents([good, { ...good, ...entry }, good])).toEqual([
      { EventId: expect.any(String) },
      { ErrorCode, ErrorMessage },
      { EventId: expect.any(String) },
    ]);
    expect(harness.messages('jobs')).toHaveLength(2);
    expect(harness.stepsOf('event-refused')).toEqual([expect.objectContaining({ code: ErrorCode })]);
  });

  test('refuses no entries and more than ten', async () => {
    const { bridge } = await Harness.start();
    expect(() => bridge.putEvents([])).toThrow(
      "1 validation error detected: Value '[]' at 'entries' failed to satisfy constraint: Member must have length greater than or equal to 1",
    );
    expect(() => bridge.putEvents(Array(11).fill({}))).toThrow(
      'Member must have length less than or equal to 10',
    );
  });

  test('refuses a request of more than 1 MB in all, and takes one of exactly that', async () => {
    const { bridge } = await Harness.start();
    const entries = (bytes: number) => {
      const fixed = 2 * Buffer.byteLength('app' + 'Plätze' + '{"a":""}') + 14;
      const [one = 0, two = 0] = [Math.floor((bytes - fixed) / 2), Math.ceil((bytes - fixed) / 2)];
      return [one, two].map((length, index) => ({
        Source: 'app',
        DetailType: 'Plätze',
        Detail: JSON.stringify({ a: 'x'.repeat(length) }),
        ...(index === 0 && { Time: 0 }),
      }));
    };
    expect(bridge.putEvents(entries(1024 * 1024))).toHaveLength(2);
    expect(() => bridge.putEvents(entries(1024 * 1024 + 1))).toThrow(
      'Total size of the entries in the request is over the limit.',
    );
  });
});

describe('rules', () => {
  test('report who took the event, and who would have but for one field', async () => {
    const harness = await Harness.start({
      ...placed(),
      Shipped: ruleOn('shop', {
        Name: 'shipped',
        EventPattern: { source: ['app'], 'detail-type': ['Placed'], detail: { status: ['SHIPPED'] } },
      }),
      Either: ruleOn('shop', {
        Name: 'either',
        EventPattern: { source: ['app'], $or: [{ detail: { a: [1], b: [1] } }, { region: ['r'] }] },
      }),
      Other: ruleOn('shop', { Name: 'other', EventPattern: { source: ['else'], 'detail-type': ['Else'] } }),
      Wide: ruleOn('shop', { Name: 'wide', EventPattern: { source: ['nobody'] } }),
    });
    harness.put({ Detail: '{"status": "PENDING"}' });
    expect(harness.stepsOf('rule-matched').map(({ rule }) => rule)).toEqual(['placed']);
    expect(harness.stepsOf('rule-missed')).toEqual([
      expect.objectContaining({
        rule: 'shipped',
        field: 'detail.status',
        reason: 'is "PENDING", allowed: "SHIPPED"',
      }),
      expect.objectContaining({
        rule: 'either',
        field: 'region',
        reason: expect.stringMatching(/^is ".*", allowed: "r" \(the closest of 2 alternatives\)$/),
      }),
    ]);
  });

  test('that are disabled take nothing until they are enabled', async () => {
    const harness = await Harness.start(placed(toJobs(), { State: 'DISABLED' }));
    const [rule] = harness.bridge.rules;
    harness.put();
    rule?.enable();
    harness.put();
    rule?.disable();
    harness.put();
    expect(harness.messages('jobs')).toHaveLength(1);
    expect(rule?.state).toBe('DISABLED');
  });

  test('bring one event to all of their targets', async () => {
    const targets = [toJobs(), { Id: 'Copy', Arn: DEAD, InputPath: '$.detail' }];
    const harness = await Harness.start(placed(toJobs(), { Targets: targets }));
    harness.put();
    expect([harness.bodies('jobs').length, harness.bodies('dead')]).toEqual([1, [{ id: 7 }]]);
  });

  test('change with a new template, while what is on its way is still delivered', async () => {
    let isDown = true;
    const service: TargetService = {
      action: 'sqs:SendMessage',
      takesJson: false,
      deliver: () => {
        if (isDown) throw new ServiceError('ServiceUnavailable', 'down', 503);
        return undefined;
      },
    };
    const harness = await Harness.start(placed(), { service });
    harness.put();
    const assembly = template({
      Cancelled: ruleOn('shop', {
        Name: 'cancelled',
        EventPattern: { source: ['app'] },
        Targets: [{ Id: 'D', Arn: DEAD }],
      }),
    });
    const [jobs] = harness.queues;
    harness.bridge.update({
      assembly,
      rules: assembly.ofType('AWS::Events::Rule'),
      policies: new Policies(assembly),
      targets: new Map([
        [
          DEAD,
          { action: 'sqs:SendMessage', takesJson: false, deliver: () => void jobs?.send({ body: 'new' }) },
        ],
      ]),
    });
    harness.put();
    expect(harness.messages('jobs').map(({ body }) => body)).toEqual(['new']);
    expect(harness.bridge.waitingForRetry).toBe(1);
    isDown = false;
    await harness.clock.advance(MINUTE);
    expect(harness.bridge.waitingForRetry).toBe(0);
    expect(harness.stepsOf('delivered').map(({ rule }) => rule)).toEqual(['cancelled', 'placed']);
  });
});

describe('delivery', () => {
  test('sends what the input transformer makes', async () => {
    const InputTransformer = {
      InputPathsMap: { id: '$.detail.id' },
      InputTemplate:
        '{"job": <id>, "rule": "<aws.events.rule-name>", "at": <aws.events.event.ingestion-time>}',
    };
    const harness = await Harness.start(placed(toJobs({ InputTransformer })));
    harness.put();
    expect(harness.bodies('jobs')).toEqual([{ job: 7, rule: 'placed', at: '2026-01-15T08:59:30.000Z' }]);
  });

  test('sends an input that is no JSON to the dead-letter queue, with the event as it was', async () => {
    const InputTransformer = { InputPathsMap: { all: '$.detail' }, InputTemplate: '{"text": "<all>"}' };
    const harness = await Harness.start(placed(toJobs({ InputTransformer })));
    harness.put();
    expect(harness.messages('jobs')).toEqual([]);
    expect(harness.bodies('dead')[0].detail).toEqual({ id: 7 });
    expect(harness.reasons[0]).toMatchObject({ ERROR_CODE: 'INVALID_JSON', RETRY_ATTEMPTS: '0' });
  });

  test('drops it if there is no dead-letter queue, and says so', async () => {
    const InputTransformer = { InputPathsMap: { all: '$.detail' }, InputTemplate: '{"text": "<all>"}' };
    const harness = await Harness.start(placed({ Id: 'Jobs', Arn: JOBS, InputTransformer }));
    harness.put();
    expect(harness.stepsOf('delivery-lost')).toEqual([
      expect.objectContaining({
        code: 'INVALID_JSON',
        message: expect.stringContaining('no dead-letter queue'),
      }),
    ]);
  });

  test('knows that a function takes only JSON, where a queue takes any text', async () => {
    const InputTransformer = { InputPathsMap: { id: '$.detail.id' }, InputTemplate: '"job <id>"\n"done"' };
    const queue = await Harness.start(placed(toJobs({ InputTransformer })));
    queue.put();
    expect(queue.messages('jobs').map(({ body }) => body)).toEqual(['"job 7"\n"done"']);
    const service = { action: 'sqs:SendMessage', takesJson: true, deliver: () => undefined };
    const harness = await Harness.start(placed(toJobs({ InputTransformer })), { service });
    harness.put();
    expect(harness.reasons[0]).toMatchObject({ ERROR_CODE: 'INVALID_JSON' });
  });

  test('without permission goes to the dead-letter queue at once', async () => {
    const harness = await Harness.start({ ...placed(), JobsPolicy: { Type: 'AWS::CDK::Metadata' } });
    harness.put();
    expect(harness.messages('jobs')).toEqual([]);
    expect(harness.reasons).toEqual([
      {
        RULE_ARN: ARN('events', 'rule/shop/placed'),
        TARGET_ARN: JOBS,
        ERROR_CODE: 'NO_PERMISSIONS',
        ERROR_MESSAGE: `No statement allows sqs:SendMessage on ${JOBS} for events.amazonaws.com.`,
        RETRY_ATTEMPTS: '0',
      },
    ]);
    expect(harness.bodies('dead')[0]).toMatchObject({ source: 'app', detail: { id: 7 } });
  });

  test('to a target that is not there goes to the dead-letter queue at once', async () => {
    const harness = await Harness.start(placed(toJobs({ Arn: ARN('lambda', 'function:gone') })));
    harness.put();
    expect(harness.reasons).toEqual([
      expect.objectContaining({
        ERROR_CODE: 'NO_RESOURCE',
        TARGET_ARN: ARN('lambda', 'function:gone'),
        RETRY_ATTEMPTS: '0',
      }),
    ]);
  });

  test.each([
    ['does not let the rule in', { DeadPolicy: { Type: 'AWS::CDK::Metadata' } }, DEAD],
    ['does not exist', {}, ARN('sqs', 'nowhere')],
  ])('is lost, loudly, when the dead-letter queue %s', async (reason, resources, queue) => {
    const target = toJobs({ Arn: ARN('lambda', 'function:gone'), DeadLetterConfig: { Arn: queue } });
    const harness = await Harness.start({ ...placed(target), ...resources });
    harness.put();
    expect(harness.messages('dead')).toEqual([]);
    expect(harness.stepsOf('delivery-lost')).toEqual([
      expect.objectContaining({ code: 'NO_RESOURCE', message: expect.stringContaining(reason) }),
    ]);
  });
});

describe('a target that fails', () => {
  /** Fails so many times, then takes the event. */
  function flaky(failures: number, error = new ServiceError('ServiceUnavailable', 'down', 503)) {
    const times: number[] = [];
    let harness: Harness | undefined;
    const service: TargetService = {
      action: 'sqs:SendMessage',
      takesJson: false,
      deliver: () => {
        times.push((harness?.clock.now() ?? START) - START);
        if (times.length <= failures) throw error;
        return undefined;
      },
    };
    return {
      times,
      start: async (retry?: object, random?: () => number) => {
        const target = toJobs(retry && { RetryPolicy: retry });
        harness = await Harness.start(placed(target), { service, ...(random && { random }) });
        return harness;
      },
    };
  }

  test('is tried again after longer and longer waits, up to ten minutes', async () => {
    const target = flaky(14);
    const harness = await target.start();
    harness.put();
    await harness.clock.advance(3 * HOUR);
    const waits = target.times.slice(1).map((time, index) => time - (target.times[index] ?? 0));
    expect(waits).toEqual([
      ...[1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000],
      ...[600_000, 600_000, 600_000, 600_000],
    ]);
    expect(harness.stepsOf('delivered')).toEqual([expect.objectContaining({ attempt: 15 })]);
  });

  test('is not tried by all at the same time: each wait is between half of it and all of it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (random) => {
        const target = flaky(3);
        const harness = await target.start(undefined, () => random);
        harness.put();
        await harness.clock.advance(MINUTE);
        const waits = target.times.slice(1).map((time, index) => time - (target.times[index] ?? 0));
        for (const [index, wait] of waits.entries()) {
          expect(wait).toBeGreaterThanOrEqual(500 * 2 ** index);
          expect(wait).toBeLessThanOrEqual(1000 * 2 ** index);
        }
      }),
      { numRuns: 20 },
    );
  });

  test('gets about 185 attempts within a day, as the service documents its default policy', async () => {
    const target = flaky(1000);
    const harness = await target.start(undefined, () => 0.5);
    harness.put();
    await harness.clock.advance(25 * HOUR);
    expect(target.times.length).toBeGreaterThan(170);
    expect(target.times.length).toBeLessThanOrEqual(186);
    expect(harness.reasons).toHaveLength(1);
  });

  test('goes to the dead-letter queue when its attempts are used up', async () => {
    const target = flaky(1000);
    const harness = await target.start({ MaximumRetryAttempts: 3 });
    harness.put();
    await harness.clock.advance(HOUR);
    expect(target.times).toHaveLength(4);
    expect(harness.reasons).toEqual([
      {
        RULE_ARN: ARN('events', 'rule/shop/placed'),
        TARGET_ARN: JOBS,
        ERROR_CODE: 'ERROR_FROM_TARGET',
        ERROR_MESSAGE: 'ServiceUnavailable: down',
        EXHAUSTED_RETRY_CONDITION: 'MaximumRetryAttempts',
        RETRY_ATTEMPTS: '3',
      },
    ]);
  });

  test('goes there when the event is too old', async () => {
    const target = flaky(1000);
    const harness = await target.start({ MaximumEventAgeInSeconds: 60 });
    harness.put();
    await harness.clock.advance(MINUTE - 1);
    expect(harness.reasons).toEqual([]);
    await harness.clock.advance(1);
    expect(harness.reasons).toEqual([
      expect.objectContaining({ EXHAUSTED_RETRY_CONDITION: 'MaximumEventAgeInSeconds', RETRY_ATTEMPTS: '5' }),
    ]);
    expect(target.times.at(-1)).toBe(31_000);
  });

  test('that throttles is told apart', async () => {
    const target = flaky(1, new ServiceError('TooManyRequestsException', 'slow down', 429));
    const harness = await target.start({ MaximumRetryAttempts: 0 });
    harness.put();
    expect(harness.reasons[0]).toMatchObject({ ERROR_CODE: 'THROTTLING' });
  });

  test('for a reason that no retry mends is not tried again', async () => {
    const target = flaky(1, new ServiceError('InvalidParameter', 'Message too long', 400));
    const harness = await target.start();
    harness.put();
    expect(harness.reasons).toEqual([
      expect.objectContaining({ ERROR_CODE: 'ERROR_FROM_TARGET', RETRY_ATTEMPTS: '0' }),
    ]);
  });
});

describe('a schedule', () => {
  const nightly = (properties: object = {}) => ({
    Nightly: ruleOn(undefined, {
      Name: 'nightly',
      ScheduleExpression: 'cron(0 9 * * ? *)',
      Targets: [
        toJobs({ InputTransformer: { InputPathsMap: { time: '$.time' }, InputTemplate: '{"at": <time>}' } }),
      ],
      ...properties,
    }),
  });

  test('fires by the clock, day after day', async () => {
    const harness = await Harness.start(nightly());
    await harness.clock.advance(29_999);
    expect(harness.messages('jobs')).toEqual([]);
    await harness.clock.advance(1);
    expect(harness.bodies('jobs')).toEqual([{ at: '2026-01-15T09:00:00Z' }]);
    await harness.clock.advance(48 * HOUR);
    expect(harness.bodies('jobs').map(({ at }) => at.slice(8, 10))).toEqual(['15', '16', '17']);
  });

  test('sends the event of the service, on the default bus, to its own targets', async () => {
    const harness = await Harness.start(nightly({ Targets: [toJobs()] }));
    await harness.clock.advance(MINUTE);
    expect(harness.bodies('jobs')).toEqual([
      expect.objectContaining({
        source: 'aws.events',
        'detail-type': 'Scheduled Event',
        resources: [ARN('events', 'rule/nightly')],
        detail: {},
      }),
    ]);
  });

  test('at a rate counts from the start', async () => {
    const harness = await Harness.start(
      nightly({ ScheduleExpression: 'rate(5 minutes)', Targets: [toJobs()] }),
    );
    await harness.clock.advance(16 * MINUTE);
    expect(harness.bodies('jobs').map(({ time }) => time.slice(11))).toEqual([
      '09:04:30Z',
      '09:09:30Z',
      '09:14:30Z',
    ]);
  });

  test('that is disabled does not fire, and goes on when it is enabled', async () => {
    const harness = await Harness.start(nightly({ State: 'DISABLED' }));
    await harness.clock.advance(24 * HOUR);
    expect(harness.messages('jobs')).toEqual([]);
    harness.bridge.rules[0]?.enable();
    await harness.clock.advance(24 * HOUR);
    expect(harness.bodies('jobs')).toEqual([{ at: '2026-01-16T09:00:00Z' }]);
  });

  test('fires once, however often it was enabled and disabled', async () => {
    const harness = await Harness.start(nightly());
    const [rule] = harness.bridge.rules;
    rule?.enable();
    rule?.disable();
    rule?.enable();
    await harness.clock.advance(MINUTE);
    expect(harness.messages('jobs')).toHaveLength(1);
    rule?.disable();
    await harness.clock.advance(24 * HOUR);
    expect(harness.messages('jobs')).toHaveLength(1);
  });

  test('that is gone from the template fires no more', async () => {
    const harness = await Harness.start(nightly());
    const assembly = template({});
    harness.bridge.update({
      assembly,
      rules: assembly.ofType('AWS::Events::Rule'),
      policies: new Policies(assembly),
      targets: new Map(),
    });
    await harness.clock.advance(24 * HOUR);
    expect(harness.messages('jobs')).toEqual([]);
  });
});

describe('archive and replay', () => {
  const archived = (properties: object = {}) => ({
    ...placed(),
    Again: ruleOn('shop', {
      Name: 'again',
      EventPattern: { source: ['app'] },
      Targets: [{ Id: 'Dead', Arn: DEAD, InputPath: '$.detail' }],
    }),
    Archive: {
      Type: 'AWS::Events::Archive',
      Properties: {
        ArchiveName: 'all',
        SourceArn: { 'Fn::GetAtt': ['Bus', 'Arn'] },
        EventPattern: { source: [{ prefix: '' }] },
        RetentionDays: 30,
        ...properties,
      },
    },
  });
  const BUS = ARN('events', 'event-bus/shop');
  const ARCHIVE = ARN('events', 'archive/all');
  const replayOf = (request: object = {}) => ({
    ReplayName: 'again',
    EventSourceArn: ARCHIVE,
    EventStartTime: START / 1000 - 86_400,
    EventEndTime: START / 1000 + 86_400,
    Destination: { Arn: BUS },
    ...request,
  });
  const finish = async (harness: Harness) => {
    await harness.clock.advance(1000);
    await harness.inFlight.settled();
  };

  test('a replay sends the same events again, with its name', async () => {
    const harness = await Harness.start(archived());
    harness.put({ Time: START / 1000 });
    const started = harness.bridge.startReplay(replayOf());
    expect(started).toMatchObject({ State: 'STARTING', ReplayArn: ARN('events', 'replay/again') });
    await finish(harness);
    const [original, again] = harness.bodies('jobs');
    expect(again).toEqual({ ...original, 'replay-name': 'again' });
    expect(harness.bridge.describeReplay('again')).toEqual({
      ...replayOf(),
      ReplayArn: ARN('events', 'replay/again'),
      State: 'COMPLETED',
      ReplayStartTime: START / 1000,
      ReplayEndTime: START / 1000 + 1,
      EventLastReplayedTime: START / 1000,
    });
    expect(harness.stepsOf('replay-changed').map(({ state }) => state)).toEqual([
      'STARTING',
      'RUNNING',
      'COMPLETED',
    ]);
  });

  test('what a replay sent is not archived again', async () => {
    const harness = await Harness.start(archived());
    harness.put();
    harness.bridge.startReplay(replayOf());
    await finish(harness);
    expect(harness.bridge.archives.get('all')?.eventCount).toBe(1);
    harness.bridge.startReplay(replayOf({ ReplayName: 'once more' }));
    await finish(harness);
    const names = harness.bodies('jobs').map((event) => event['replay-name']);
    expect(names).toEqual([undefined, 'again', 'once more']);
  });

  test('a rule may refuse replays', async () => {
    const harness = await Harness.start({
      ...archived(),
      ...placed(toJobs(), { EventPattern: { source: ['app'], 'replay-name': [{ exists: false }] } }),
    });
    harness.put();
    harness.bridge.startReplay(replayOf());
    await finish(harness);
    expect(harness.messages('jobs')).toHaveLength(1);
    expect(harness.messages('dead')).toHaveLength(2);
  });

  test('a replay may be for some rules only', async () => {
    const harness = await Harness.start(archived());
    harness.put();
    const FilterArns = [ARN('events', 'rule/shop/again')];
    harness.bridge.startReplay(replayOf({ Destination: { Arn: BUS, FilterArns } }));
    await finish(harness);
    expect([harness.messages('jobs').length, harness.messages('dead').length]).toEqual([1, 2]);
  });

  test('a replay has the events of its window, minute after minute', async () => {
    const harness = await Harness.start(archived());
    const at = (seconds: number) => START / 1000 + seconds;
    for (const [id, seconds] of [200, 70, 0, 10, 260, 75].entries()) {
      harness.put({ Time: at(seconds), Detail: JSON.stringify({ id }) });
    }
    harness.bridge.startReplay(replayOf({ EventStartTime: at(10), EventEndTime: at(200) }));
    await finish(harness);
    const replayed = harness.bodies('jobs').filter((event: BusEvent) => event['replay-name']);
    expect(replayed.map(({ detail }: { detail: { id: number } }) => detail.id)).toEqual([3, 1, 5, 0]);
  });

  test('an archive takes what its pattern takes', async () => {
    const harness = await Harness.start(archived({ EventPattern: { 'detail-type': ['Placed'] } }));
    harness.put();
    harness.put({ DetailType: 'Else' });
    const archive = harness.bridge.archives.get('all');
    expect(archive).toMatchObject({ eventCount: 1, retentionDays: 30, eventSourceArn: BUS });
    expect(archive?.sizeBytes).toBeGreaterThan(100);
  });

  test('what the retention has outlived is not replayed', async () => {
    const harness = await Harness.start(archived({ RetentionDays: 1 }));
    harness.put({ Detail: '{"id": 1}' });
    await harness.clock.advance(25 * HOUR);
    harness.put({ Detail: '{"id": 2}', Time: START / 1000 });
    harness.bridge.startReplay(replayOf());
    await finish(harness);
    const replayed = harness.bodies('jobs').filter((event: BusEvent) => event['replay-name']);
    expect(replayed.map(({ detail }: { detail: { id: number } }) => detail.id)).toEqual([2]);
  });

  test('a replay can be cancelled', async () => {
    const harness = await Harness.start(archived());
    harness.put();
    harness.bridge.startReplay(replayOf());
    expect(harness.bridge.cancelReplay('again').State).toBe('CANCELLING');
    await finish(harness);
    expect(harness.bridge.describeReplay('again')).toMatchObject({
      State: 'CANCELLED',
      ReplayEndTime: START / 1000 + 1,
    });
    expect(harness.messages('jobs')).toHaveLength(1);
    expect(() => harness.bridge.cancelReplay('again')).toThrow(
      'Replay again is not in a valid state for this operation.',
    );
  });

  test('the archive has a rule on the bus that nobody else made', async () => {
    const harness = await Harness.start(archived());
    const rule = harness.bridge.rules.find(({ managedBy }) => managedBy);
    expect(rule).toMatchObject({
      name: 'Events-Archive-all',
      arn: ARN('events', 'rule/shop/Events-Archive-all'),
      managedBy: 'prod.vhs.events.aws.internal',
      eventPattern: '{"source":[{"prefix":""}],"replay-name":[{"exists":false}]}',
      targets: [],
    });
  });

  test.each([
    [{ EventSourceArn: BUS }, 'ValidationException', 'Parameter EventSourceArn is not valid.'],
    [
      { EventSourceArn: ARN('events', 'archive/none') },
      'ValidationException',
      'Reason: Archive none does not exist.',
    ],
    [{ Destination: { Arn: ARCHIVE } }, 'ValidationException', 'Reason: Must contain an event bus ARN.'],
    [
      { Destination: { Arn: ARN('events', 'event-bus/none') } },
      'ResourceNotFoundException',
      'Event bus none does not exist.',
    ],
    [
      { Destination: { Arn: ARN('events', 'event-bus/default') } },
      'ValidationException',
      'Reason: Cross event bus replay is not permitted.',
    ],
    [{ EventEndTime: 0 }, 'ValidationException', 'Reason: EventStartTime must be before EventEndTime.'],
    [
      { Destination: { Arn: BUS, FilterArns: [ARN('events', 'rule/other')] } },
      'ValidationException',
      'Parameter Destination.FilterArns is not valid.',
    ],
  ])('a replay with %j is refused', async (request, code, message) => {
    const { bridge } = await Harness.start(archived());
    expect(() => bridge.startReplay(replayOf(request))).toThrow(expect.objectContaining({ code }));
    expect(() => bridge.startReplay(replayOf(request))).toThrow(message);
    expect(bridge.listReplays()).toEqual([]);
  });

  test('a replay has a name of its own', async () => {
    const { bridge } = await Harness.start(archived());
    bridge.startReplay(replayOf());
    expect(() => bridge.startReplay(replayOf())).toThrow('Replay again already exists.');
    expect(() => bridge.describeReplay('other')).toThrow('Replay other does not exist.');
    expect(bridge.listReplays()).toHaveLength(1);
  });
});

describe('a template that the service would refuse, or that is not known here', () => {
  const badRule = (properties: object, bus?: string) => ({
    Bad: ruleOn(bus, { EventPattern: { source: ['a'] }, ...properties }),
  });
  const fields = Object.fromEntries(
    Array.from({ length: 200 }, (_, i) => [`a-rather-long-field-${i}`, ['x']]),
  );
  test.each<[string, Record<string, object>, string]>([
    [
      'an operator',
      badRule({ EventPattern: { source: [{ sounds: 'like' }] } }),
      'AWS::Events::Rule Bad: Event pattern is not valid.',
    ],
    [
      'a pattern that is too long',
      badRule({ EventPattern: { detail: fields } }),
      'more than the 2048 that a rule may have',
    ],
    [
      'a schedule',
      badRule({ EventPattern: undefined, ScheduleExpression: 'rate(1 minutes)' }),
      'Parameter ScheduleExpression is not valid.',
    ],
    [
      'a schedule on another bus',
      badRule({ ScheduleExpression: 'rate(1 minute)' }, 'shop'),
      'only on the default event bus',
    ],
    [
      'neither pattern nor schedule',
      badRule({ EventPattern: undefined }),
      'it has neither EventPattern nor ScheduleExpression',
    ],
    ['a property', badRule({ RoleArn: 'arn:x' }), 'does not know its property RoleArn'],
    [
      'a state',
      badRule({ State: 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS' }),
      'does not know the state',
    ],
    [
      "a target's property",
      badRule({ Targets: [toJobs({ KinesisParameters: {} })] }),
      'does not know its property Targets[Jobs].KinesisParameters',
    ],
    [
      'six targets',
      badRule({ Targets: Array.from({ length: 6 }, (_, i) => toJobs({ Id: `${i}` })) }),
      'it has 6 targets; EventBridge takes 5',
    ],
    [
      'two kinds of input',
      badRule({ Targets: [toJobs({ Input: '1', InputPath: '$' })] }),
      'Only one of Input, InputPath, or InputTransformer',
    ],
    [
      "an archive's pattern",
      {
        Bad: {
          Type: 'AWS::Events::Archive',
          Properties: { SourceArn: ARN('events', 'event-bus/shop'), EventPattern: { source: 'x' } },
        },
      },
      'AWS::Events::Archive Bad: Event pattern is not valid.',
    ],
    [
      "a bus's property",
      { Bad: { Type: 'AWS::Events::EventBus', Properties: { Mood: 'x' } } },
      'does not know its property Mood',
    ],
  ])('stops the start: %s', async (_, resources, message) => {
    await expect(Harness.start(resources)).rejects.toThrow(
      expect.objectContaining({ name: 'AssemblyError' }),
    );
    await expect(Harness.start(resources)).rejects.toThrow(message);
  });
});

describe('the text of a detail', () => {
  const detail = ' {"a" : 300.0,\n "b": 1e400, "c": 12345678901234567890}';

  test('comes to the target, through the archive and into the dead-letter queue as it was put', async () => {
    const harness = await Harness.start({
      ...placed(),
      Refused: ruleOn('shop', {
        Name: 'refused',
        EventPattern: { source: ['app'] },
        Targets: [{ Id: 'Gone', Arn: ARN('sqs', 'gone'), DeadLetterConfig: { Arn: DEAD } }],
      }),
      Archive: {
        Type: 'AWS::Events::Archive',
        Properties: { ArchiveName: 'all', SourceArn: ARN('events', 'event-bus/shop') },
      },
    });
    harness.put({ Detail: detail });
    harness.bridge.startReplay({
      ReplayName: 'again',
      EventSourceArn: ARN('events', 'archive/all'),
      EventStartTime: START / 1000 - 60,
      EventEndTime: START / 1000 + 60,
      Destination: { Arn: ARN('events', 'event-bus/shop') },
    });
    await harness.clock.advance(MINUTE);
    await harness.inFlight.settled();
    for (const queue of ['jobs', 'dead']) {
      const [first, second, ...more] = harness.messages(queue).map(({ body }) => body);
      expect(first).toContain(`"detail":${detail}}`);
      expect(second).toContain(`"detail":${detail},"replay-name":"again"}`);
      expect(more).toEqual([]);
    }
  });

  test('is malformed if it is nested deeper than the service reads', async () => {
    const harness = await Harness.start();
    const nested = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    expect(harness.put({ Detail: nested(1_000) })).toHaveProperty('EventId');
    for (const depth of [1_001, 100_000]) {
      expect(harness.put({ Detail: nested(depth) })).toMatchObject({ ErrorCode: 'MalformedDetail' });
    }
  });
});
