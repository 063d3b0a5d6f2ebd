/** Effects and words of each command, on the project's own stack with the tool that operators use. */
import { setTimeout as pause } from 'node:timers/promises';
import { OrderCreated, OrderStatusChanged } from '../../../lambdas/events';
import { Builds, Deployment, type Faults, interrupt, runTool } from './deployment';
import { FaultyEndpoint, type Interceptor } from './faulty-endpoint';

jest.setTimeout(60_000);

let builds: Builds;
let deployment: Deployment;

beforeAll(() => {
  builds = new Builds();
});
afterAll(() => builds?.remove());
afterEach(() => deployment?.stop());

const ALL_RULES = /./;

/**
 * @param rules those that are enabled; the fewer, the fewer functions have to start
 * @param at the stack's time when it starts
 */
const deploy = async (faults?: Faults, rules = /order-created/, at?: number) => {
  deployment = await Deployment.start(faults ? builds.faulty(faults) : builds.intact, 1, at);
  for (const rule of deployment.stack.eventBridge.rules) {
    if (!rule.managedBy && !rules.test(rule.name)) rule.disable();
  }
};

/** Runs the tool with services that fail between it and the stack. */
const opsBehind = async (intercept: Interceptor, args: readonly string[], stdin?: string) => {
  const endpoint = await FaultyEndpoint.start(deployment.stack.url, intercept);
  try {
    return await deployment.run(args, stdin, endpoint.url);
  } finally {
    await endpoint.stop();
  }
};

const DENIED = { status: 403, body: { __type: 'AccessDeniedException', message: 'may not' } };

const details = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      orderId: `order-${index}`,
      customerId: 'c',
      total: 1,
      metadata: { eventId: `e-${index}` },
    }),
  ).join('\n');

/** Puts events on the bus and waits until each is at its end. */
const publish = async (count: number) => {
  const { exitCode } = await deployment.run(['publish', '-', '--type', 'OrderCreated'], details(count));
  expect(exitCode).toBe(0);
  await deployment.settle();
};

const depths = () => ['dlq', 'failed-events'].map((name) => deployment.queue(name).depth());

describe('publish', () => {
  test('puts an example on the bus and prints its event id', async () => {
    await deploy();
    const { exitCode, stdout, stderr } = await deployment.ops('publish', '--example', 'OrderCreated');
    await deployment.settle();
    const [, eventId] = /^OrderCreated {2}([0-9a-f-]{36})\n$/.exec(stdout) ?? [];
    expect(exitCode).toBe(0);
    expect(stderr).toContain('1 event published to event-driven-bus.');
    const order = (await deployment.orders()).get(OrderCreated.example.orderId);
    expect(order).toMatchObject({
      status: 'PENDING',
      createdBy: eventId,
    });
  });

  test('checks with --dry-run and sends nothing', async () => {
    await deploy();
    const { exitCode, stdout } = await deployment.ops('publish', '--example', 'OrderCreated', '--dry-run');
    expect(exitCode).toBe(0);
    expect(stdout).toBe('1 event would be published to event-driven-bus: OrderCreated.\n');
    expect(deployment.stepsOf('event-put')).toEqual([]);
  });

  test('lists the events that the bus refused, by their place in the input, and says so by its exit code', async () => {
    await deploy();
    const { exitCode, stderr, json } = await opsBehind(
      async ({ operation, input }, forward) => {
        if (operation !== 'PutEvents') return undefined;
        const { status, body } = await forward();
        const Entries = input.Entries.map(({ Detail }: { Detail: string }, index: number) =>
          /"order-(3|11)"/.test(Detail)
            ? { ErrorCode: 'InternalFailure', ErrorMessage: 'try\n later' }
            : (body as { Entries: object[] }).Entries[index],
        );
        return { status, body: { FailedEntryCount: 1, Entries } };
      },
      ['publish', '-', '--type', 'OrderCreated', '--json'],
      details(12),
    );
    expect(exitCode).toBe(1);
    expect(json.published.map(({ eventId }: { eventId: string }) => eventId)).toEqual(
      [0, 1, 2, 4, 5, 6, 7, 8, 9, 10].map((index) => `e-${index}`),
    );
    expect(json.failed).toMatchObject([
      { place: 'line 4', eventId: 'e-3', code: 'InternalFailure' },
      { place: 'line 12', eventId: 'e-11', code: 'InternalFailure' },
    ]);
    expect(stderr).toContain('line 4: InternalFailure: try later\n');
    expect(stderr).toContain('10 of 12 events published to event-driven-bus; 2 not.');
  });
});

describe('trace', () => {
  test('shows what every function did of an order, by time, and its item, without the address', async () => {
    await deploy({}, ALL_RULES);
    for (const example of ['OrderCreated', 'OrderStatusChanged'])
      await deployment.ops('publish', '--example', example);
    await deployment.settle();

    const { exitCode, stdout } = await deployment.ops('trace', OrderStatusChanged.example.orderId);
    expect(exitCode).toBe(0);
    for (const line of [
      /order-processor +OrderCreated +stored/,
      /analytics +OrderCreated +recorded/,
      /order-processor +OrderStatusChanged +stored/,
      /notifier +OrderStatusChanged +sent/,
      /analytics +OrderStatusChanged +recorded/,
      /ORDER order-1001\n +status +SHIPPED/,
      /customerEmail +\[redacted\]/,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect(stdout).not.toContain('@');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  test('finds all that shares a correlation id', async () => {
    await deploy({}, ALL_RULES);
    const entries = [OrderCreated, OrderStatusChanged].map((contract) => ({
      Source: contract.source,
      DetailType: contract.detailType,
      Detail: { ...contract.example, metadata: { correlationId: 'checkout-7' } },
    }));
    await deployment.run(['publish', '-'], JSON.stringify(entries));
    await deployment.settle();

    const { json } = await deployment.ops('trace', 'checkout-7', '--json');
    // The notifier may come before the order is stored: it then fails, and succeeds when Lambda tries it again.
    const lines: { function: string; type: string; outcome: string; correlationId: string }[] = json.lines;
    const handled = lines.filter(({ outcome }) => outcome !== 'failed');
    expect(handled.map((line) => `${line.function} ${line.type}`).sort()).toEqual([
      'event-driven-analytics OrderCreated',
      'event-driven-analytics OrderStatusChanged',
      'event-driven-notifier OrderStatusChanged',
      'event-driven-order-processor OrderCreated',
      'event-driven-order-processor OrderStatusChanged',
    ]);
    expect(lines.every(({ correlationId }) => correlationId === 'checkout-7')).toBe(true);
    expect(json.lines.map(({ time }: { time: string }) => time)).toEqual(
      json.lines.map(({ time }: { time: string }) => time).sort(),
    );
    expect(json.items).toMatchObject([{ orderId: 'order-1001', status: 'SHIPPED' }]);
  });

  test('of what nobody has seen says so, with exit code 1', async () => {
    await deploy();
    const { exitCode, stdout } = await deployment.ops('trace', 'order-404');
    expect({ exitCode, stdout }).toEqual({
      exitCode: 1,
      stdout: expect.stringMatching(
        /^Nothing is known of order-404: no log line since \S+, no order, no failed event\.\n$/,
      ),
    });
  });
});

describe('failures', () => {
  test('tells who failed and why, and leaves every message where it was and visible', async () => {
    await deploy({ forbidden: ['order-created'], failsOneIn: 1, retries: 0 }, ALL_RULES);
    await publish(25);
    const before = depths();
    const { exitCode, stdout } = await deployment.ops('failures');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/order-processor +NO_PERMISSIONS +25 +\d+ s ago +order-\d+: No statement allows/);
    expect(stdout).toMatch(
      /analytics +DownstreamError +25 +\d+ s ago +order-\d+: The warehouse does not answer\./,
    );
    expect(stdout).toContain('50 failures. Mend the causes, then: npm run ops -- redrive\n');
    expect(depths()).toMatchObject(before.map(({ visible }) => ({ visible, inFlight: 0 })));
  });

  test('says honestly what it has not seen', async () => {
    await deploy({ forbidden: ['order-created'] });
    await publish(25);
    const { stdout, stderr } = await deployment.ops('failures', '--limit', '10');
    expect(stdout).toContain('10 failures.');
    expect(stderr).toContain('Not all: about 15 more messages could not be read (limit 10 a queue;');
  });

  test('of none says so', async () => {
    await deploy();
    expect(await deployment.ops('failures')).toMatchObject({
      exitCode: 0,
      stdout: 'No failures.\n',
      stderr: '',
    });
  });
});

describe('redrive', () => {
  test('shows with --dry-run what it would send, and sends nothing', async () => {
    await deploy({ forbidden: ['order-created'] });
    await publish(12);
    const invocations = deployment.stepsOf('invocation-started').length;
    const { exitCode, stdout } = await deployment.ops('redrive', '--dry-run');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /order-processor +NO_PERMISSIONS +12 +would be sent\n\n12 would be sent, 0 left, 0 failed\./,
    );
    expect(deployment.stepsOf('invocation-started').length).toBe(invocations);
    expect(depths()).toMatchObject([{ visible: 12, inFlight: 0 }, { visible: 0 }]);
  });

  test('takes only the consumers and causes that are named', async () => {
    await deploy({ forbidden: ['order-created'], failsOneIn: 1, retries: 0 }, ALL_RULES);
    await publish(3);
    deployment.deploy(builds.intact);
    const sent = async (...selection: string[]) =>
      (await deployment.ops('redrive', ...selection, '--json')).json.sent;
    expect(await sent('--consumer', 'notifier')).toBe(0);
    expect(await sent('--consumer', 'analytics', '--cause', 'NO_PERMISSIONS')).toBe(0);
    expect(await sent('--cause', 'DownstreamError')).toBe(3);
    expect(await sent('--consumer', 'event-driven-order-processor')).toBe(3);
    await deployment.settle();
    expect((await deployment.orders()).size).toBe(3);
  });

  test('leaves poison alone unless it is asked to send it', async () => {
    await deploy();
    deployment.stack.eventBridge.putEvents([
      { EventBusName: 'event-driven-bus', Source: 'app.orders', DetailType: 'OrderCreated', Detail: '{}' },
    ]);
    await deployment.settle();
    const left = await deployment.ops('redrive');
    expect(left).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/PoisonEventError +1 +left: poison/),
    });
    const sent = await deployment.ops('redrive', '--include-poison', '--json');
    expect(sent.json).toMatchObject({ sent: 1, left: 0 });
    await deployment.settle();
    expect(deployment.queue('failed-events').depth().visible).toBe(1);
  });

  test('sends what fails again only once, and ends', async () => {
    await deploy({ failsOneIn: 1, retries: 0 });
    await publish(5);
    const invoked = () => deployment.stepsOf('invocation-started').length;
    const failed = () => deployment.stepsOf('invocation-given-up').length;
    const { exitCode, json } = await opsBehind(
      async ({ operation }) => {
        // What was sent has failed again, and is in the queue, before the tool looks for more.
        while (operation === 'ReceiveMessage' && failed() < invoked()) await pause(5);
        return undefined;
      },
      ['redrive', '--json'],
    );
    expect(exitCode).toBe(1);
    expect(json).toMatchObject({ sent: 5, left: 5, failed: 0 });
    expect(json.groups).toContainEqual({
      consumer: 'event-driven-order-processor',
      cause: 'DownstreamError',
      outcome: 'left',
      reason: 'it failed again: its cause is not mended',
      count: 5,
    });
    await deployment.settle();
    expect(deployment.queue('failed-events').depth()).toMatchObject({ visible: 5, inFlight: 0 });
  });

  test('keeps an event that Lambda does not take, and says so by its exit code', async () => {
    await deploy({ forbidden: ['order-created'] });
    await publish(3);
    const { exitCode, stdout } = await opsBehind(
      async ({ operation, input }) =>
        operation.includes('/invocations') && input.detail.orderId === 'order-1'
          ? { status: 404, body: { __type: 'ResourceNotFoundException', message: 'Function not found' } }
          : undefined,
      ['redrive'],
    );
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/NO_PERMISSIONS +1 +failed: ResourceNotFoundException: Function not found/);
    expect(stdout).toContain('2 sent, 0 left, 1 failed.');
    expect(
      deployment
        .queue('dlq')
        .peek()
        .map(({ body }) => JSON.parse(body).detail.orderId),
    ).toEqual(['order-1']);
  });

  test('sends an event again that could not be deleted, which changes nothing', async () => {
    await deploy({ forbidden: ['order-created', 'order-status-changed'] }, /order/);
    for (const example of ['OrderCreated', 'OrderStatusChanged'])
      await deployment.ops('publish', '--example', example);
    await deployment.settle();
    const first = await opsBehind(
      async ({ operation }) => (operation === 'DeleteMessage' ? DENIED : undefined),
      ['redrive'],
    );
    expect(first.exitCode).toBe(1);
    expect(first.stdout).toMatch(/failed: sent, but still in the queue: AccessDenied/);
    await deployment.settle();
    const orders = await deployment.orders();

    expect((await deployment.ops('redrive')).exitCode).toBe(0);
    await deployment.settle();
    expect(await deployment.orders()).toEqual(orders);
    expect(deployment.notifications).toEqual(['Order order-1001 - SHIPPED']);
    expect(depths()).toMatchObject([{ visible: 0 }, { visible: 0 }]);
  });

  test('that breaks off tells what it has sent, and the next one goes on', async () => {
    await deploy({ forbidden: ['order-created'] });
    await publish(15);
    let batches = 0;
    const broken = await opsBehind(
      async ({ operation }) => (operation === 'ReceiveMessage' && batches++ > 0 ? DENIED : undefined),
      ['redrive'],
    );
    expect(broken).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('10 sent, 0 left, 0 failed.'),
      stderr: expect.stringContaining('The run broke off. The credentials do not allow it: may not'),
    });
    deployment.deploy(builds.intact);
    await deployment.advance(60);
    expect((await deployment.ops('redrive', '--json')).json).toMatchObject({ sent: 5, others: 0 });
  });

  test('that cannot begin says why, and nothing else', async () => {
    await deploy();
    const { exitCode, stdout, stderr } = await opsBehind(
      async ({ operation }) => (operation === 'ReceiveMessage' ? DENIED : undefined),
      ['redrive'],
    );
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'error: The credentials do not allow it: may not\n',
    });
  });

  test('stopped by Ctrl-C finishes what it began and makes the rest visible at once', async () => {
    await deploy({ forbidden: ['order-created'] });
    await publish(30);
    const redrive = deployment.start(['redrive', '--rate', '20', '--json']);
    await deployment.until('invocation-started', 3, redrive.ended);
    redrive.process.kill('SIGINT');
    const { exitCode, json } = await redrive.ended;
    expect(exitCode).toBe(130);
    expect(json).toMatchObject({ interrupted: true, left: 0, failed: 0 });
    expect(json.sent).toBeGreaterThanOrEqual(3);
    expect(deployment.queue('dlq').depth()).toMatchObject({ visible: 30 - json.sent, inFlight: 0 });
  });
});

describe('replay', () => {
  const WINDOW = ['--from', '1d', '--to', '2100-01-01', '--allow-recent'];

  test('shows with --dry-run what it would do', async () => {
    await deploy();
    await publish(3);
    const { exitCode, stdout } = await deployment.ops('replay', ...WINDOW, '--dry-run');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /Rules {3}order-created -> order-processor\n +order-status-projection -> order-processor\n +all-events -> analytics\nEvents +about 3 events/,
    );
    expect(deployment.stack.eventBridge.listReplays()).toEqual([]);
  });

  test('goes to the named rule only', async () => {
    await deploy({}, ALL_RULES);
    await publish(3);
    const before = deployment.stepsOf('invocation-succeeded').length;
    await deployment.ops('replay', ...WINDOW, '--rule', 'all-events', '--yes');
    await deployment.settle();
    const replayed = deployment.stepsOf('invocation-succeeded').slice(before);
    expect(replayed.map((step) => step.function)).toEqual(Array(3).fill('event-driven-analytics'));
  });

  test('that is under way is cancelled by its name', async () => {
    await deploy();
    const { assembly, eventBridge } = deployment.stack;
    eventBridge.startReplay({
      ReplayName: 'mistake',
      EventSourceArn: assembly.outputs.ArchiveArn ?? '',
      EventStartTime: 0,
      EventEndTime: 4_000_000_000,
      Destination: { Arn: assembly.outputs.EventBusArn ?? '' },
    });
    // The time stands still, so that the replay is still there to be cancelled.
    const cancelled = runTool(['--endpoint-url', deployment.stack.url, 'replay', '--cancel', 'mistake']);
    await deployment.until('replay-changed', 1, cancelled);
    expect(await deployment.whileTicking(cancelled)).toMatchObject({
      exitCode: 0,
      stdout: 'Replay mistake: CANCELLED\n',
    });
    expect(await deployment.ops('replay', '--cancel', 'mistake')).toMatchObject({
      exitCode: 2,
      stderr: 'error: Replay mistake cannot be cancelled: it is CANCELLED already.\n',
    });
  });

  test('whose status cannot be read goes on, and that is no success', async () => {
    await deploy();
    const { exitCode, stderr } = await opsBehind(
      async ({ operation }) => (operation === 'DescribeReplay' ? DENIED : undefined),
      ['replay', ...WINDOW, '--yes'],
    );
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /not allow it: may not\n\S+ goes on in EventBridge\. To stop it: .* --cancel \S+\n$/,
    );
    expect(deployment.stepsOf('replay-changed')[0]).toMatchObject({ state: 'STARTING' });
  });

  test('goes on after Ctrl-C, and the operator is told how to stop it', async () => {
    await deploy();
    await publish(3);
    const replay = runTool(['--endpoint-url', deployment.stack.url, 'replay', ...WINDOW, '--yes']);
    await deployment.until('replay-changed', 1, replay);
    interrupt();
    const { exitCode, stderr } = await replay;
    const [, name = ''] = /To stop it: npm run ops -- replay --cancel (\S+)\n/.exec(stderr) ?? [];
    expect(exitCode).toBe(130);
    await deployment.advance(5);
    await deployment.settle();
    expect(deployment.stack.eventBridge.describeReplay(name).State).toBe('COMPLETED');
  });
});

describe('status', () => {
  test('shows the stack at a glance', async () => {
    const now = new Date();
    const nine = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1, 9);
    await deploy({ forbidden: ['order-created'] }, /order|daily/, nine - 60_000);
    await publish(2);
    await deployment.advance(10 * 60);
    await deployment.settle();

    const { exitCode, stdout } = await deployment.ops('status');
    expect(exitCode).toBe(0);
    for (const line of [
      /^event-driven, stage production\n/,
      /order-created +enabled +order-processor +an event matches\n/,
      /order-status-changed +enabled +notifier +an event matches that is no replay\n/,
      /all-events +DISABLED +analytics +an event matches\n/,
      /daily-report +enabled +analytics +cron\(0 9 \* \* \? \*\), next \S+T09:00:00Z\n/,
      /dlq +2 +0\n/,
      /Alarms\n\d+ in alarm, \d+ OK, \d+ without data\nALARM +SINCE +REASON\n(.*\n)*dlq-/,
      /Daily report\nof \d{4}-\d\d-\d\d, published \S+Z \(\d+ s ago\)\n/,
      /Archive\n3 events, \d+\.\d kB \(counted with a delay\); kept for 30 days\n$/,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });
});

describe('tail', () => {
  const tail = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await deployment.ops('--json', 'tail', '--since', '30d', ...args);
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  };

  test('shows what the functions logged of each event, of one order, or of a rule', async () => {
    await deploy();
    await publish(2);
    expect(await tail()).toMatchObject([
      { function: 'event-driven-order-processor', type: 'OrderCreated', outcome: 'stored' },
      { type: 'OrderCreated', outcome: 'stored' },
    ]);
    expect(await tail('--only', 'order=order-1')).toMatchObject([{ orderId: 'order-1', eventId: 'e-1' }]);
    expect(await tail('--only', 'rule=order-created')).toHaveLength(2);
    expect(await tail('--only', 'rule=order-status-changed')).toEqual([]);
    expect(await tail('--only', 'function=notifier')).toEqual([]);
    expect(await tail('--only', 'failed')).toEqual([]);
  });

  test('goes on with --follow, shows each line once, and ends with Ctrl-C', async () => {
    await deploy();
    let reads = 0;
    const running = opsBehind(
      async ({ operation }) => {
        if (operation === 'FilterLogEvents') reads++;
        return undefined;
      },
      ['tail', '--follow', '--since', '30d'],
    );
    // Each time it reads the log of every function.
    const readAgain = async () => {
      for (const end = reads + 2 * deployment.stack.functions.length; reads < end; ) await pause(5);
    };
    await readAgain();
    const { source: Source, detailType: DetailType } = OrderCreated;
    deployment.stack.eventBridge.putEvents([
      { EventBusName: 'event-driven-bus', Source, DetailType, Detail: details(1) },
    ]);
    await deployment.settle();
    await readAgain();
    interrupt();
    const { exitCode, stdout } = await running;
    expect(exitCode).toBe(130);
    expect(stdout.match(/order-processor {2}.*OrderCreated {2}.*stored .*order-0/g)).toHaveLength(1);
  });

  test('names the rules and functions that there are', async () => {
    await deploy();
    const { exitCode, stderr } = await deployment.ops('tail', '--only', 'rule=nope');
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/--only rule=nope: there is no such rule\. There are: .*order-created.*\n$/);
  });
});
