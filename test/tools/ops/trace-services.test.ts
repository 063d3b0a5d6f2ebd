/** `trace` and `tail`, by what AWS's services answer. */
import { marshall } from '@aws-sdk/util-dynamodb';
import { UNDESCRIBED } from '../../../tools/app';
import { tail } from '../../../tools/ops/tail';
import { trace } from '../../../tools/ops/trace';
import {
  functionArn,
  message,
  NOW,
  OUTPUTS,
  operate,
  queues,
  Refusal,
  rule,
  rules,
  type Script,
  type Surroundings,
} from './scripted-aws';

interface Line {
  readonly eventId: string;
  readonly timestamp: number;
  readonly message: string;
}
const logged = (id: string, fields: object, timestamp = NOW - 60_000): Line => ({
  ...{ eventId: id, timestamp },
  message: JSON.stringify({ message: 'OrderCreated', eventId: id, orderId: 'order-1', ...fields }),
});
/** Script of the functions' logs. */
const logs = (linesOf: Readonly<Record<string, readonly Line[]>>): Script => ({
  FilterLogEvents: ({ logGroupName }) => {
    const name = logGroupName.slice('/aws/lambda/event-driven-'.length);
    return { events: linesOf[name] ?? [] };
  },
});

const deadLetter = (id: string, orderId: string) =>
  message(
    id,
    JSON.stringify({
      ...{ version: '0', id, 'detail-type': 'OrderCreated', source: 'app.orders', account: '1' },
      ...{ time: '2026-11-23T11:00:00Z', region: 'us-east-1', resources: [] },
      detail: { orderId, customerEmail: 'jane@example.com' },
    }),
    {
      RULE_ARN: 'arn:aws:events:us-east-1:1:rule/event-driven-bus/event-driven-order-created',
      TARGET_ARN: functionArn('order-processor'),
      ERROR_CODE: 'NO_PERMISSIONS',
      ERROR_MESSAGE: 'may not tell jane@example.com',
    },
  );

describe('trace', () => {
  const search = (script: Script, surroundings: Surroundings = {}, id: string | undefined = 'order-1') =>
    operate(
      { ...logs({}), ...queues({}), GetItem: {}, ...script },
      (session) => trace(session, { since: '14d' }, [id]),
      surroundings,
    );

  test('of an order that was never delivered shows what waits of it, in no log', async () => {
    const waiting = {
      dlq: [deadLetter('m-1', 'order-1'), deadLetter('m-2', 'order-2'), message('m-3', 'x')],
    };
    const { stdout, exitCode } = await search(queues(waiting));
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^No function has logged anything of it\.\n\n1 of it in the queues of failed events:\n/,
    );
    expect(stdout).toMatch(
      /2026-11-23T11:59:00Z +order-processor +OrderCreated +NO_PERMISSIONS +may not tell \[redacted\]\n/,
    );
    const { json } = await search(queues(waiting), { json: true });
    expect(json.failures).toHaveLength(1);
    expect(json.failures[0]).toMatchObject({
      failedAt: '2026-11-23T11:59:00Z',
      event: { orderId: 'order-1' },
    });
  });

  test('shows failures in red, lines that no handler wrote as they are, and one line for each day', async () => {
    const lines = [
      logged('a', { outcome: 'failed', error: 'Error', reason: 'timeout' }, NOW - 30 * 3_600_000),
      logged('b', { outcome: 'stored' }),
      { ...logged('c', {}), message: 'order-1: Task timed out' },
      logged('d', { outcome: 'stored', orderId: 'order-10' }),
    ];
    const { stdout } = await search(logs({ 'order-processor': lines }), { isTerminal: true });
    expect(stdout).toContain('\x1b[31mfailed\x1b[39m');
    expect(stdout).toContain('\x1b[32mstored\x1b[39m');
    expect(stdout).toContain('order-1: Task timed out');
    expect(stdout).not.toContain('order-10');
    expect(stdout.match(/^2026-11-2\d/gm)).toEqual(['2026-11-22', '2026-11-23']);
  });

  test('finds the items of all orders that a correlation id names, without personal data', async () => {
    const lines = [
      logged('a', { outcome: 'stored', correlationId: 'checkout-7', orderId: 'order-1' }),
      logged('b', { outcome: 'stored', correlationId: 'checkout-7', orderId: 'order-2' }),
    ];
    const items: Script = {
      GetItem: ({ Key }) =>
        Key.orderId.S === 'checkout-7'
          ? {}
          : {
              Item: marshall({
                orderId: Key.orderId.S,
                total: 7,
                mails: ['a@b.example', null],
                of: { x: 'c@d.example' },
              }),
            },
    };
    const { stdout } = await search({ ...logs({ notifier: lines }), ...items }, {}, 'checkout-7');
    expect(stdout).toMatch(/ORDER order-1\n +total +7\n +mails +\["\[redacted\]",null\]\n/);
    expect(stdout).toContain('ORDER order-2');
    expect(stdout).not.toContain('@');
  });

  test('says that it has not searched a queue of so many messages', async () => {
    const many = { Attributes: { ...attributes(2_000) } };
    const { stderr, aws } = await search({ ...queues({}), GetQueueAttributes: many });
    expect(stderr).toContain('The queues were not searched: they have 4,000 messages; see failures.');
    expect(aws.inputsOf('ReceiveMessage')).toEqual([]);
  });

  test('ends with Ctrl-C while it searches the queues', async () => {
    const { exitCode } = await search({
      ...queues({ dlq: [deadLetter('m-1', 'order-1')] }),
      ReceiveMessage: () => {
        process.emit('SIGINT');
        return {};
      },
    });
    expect(exitCode).toBe(130);
  });

  test('of an app without an entity has no items', async () => {
    const app = { ...UNDESCRIBED };
    const { stdout, exitCode, aws } = await search(logs({ notifier: [] }), { app }, 'event-1');
    expect(exitCode).toBe(1);
    expect(stdout).toBe(
      'Nothing is known of event-1: no log line since 2026-11-09T12:00:00Z, no item, no failed event.\n',
    );
    expect(aws.inputsOf('GetItem')).toEqual([]);
    await expect(search({}, { app }, 'a b')).rejects.toThrow(
      '"a b" is neither an event id nor a correlation id.',
    );
    await expect(search({}, { app: { ...app, entity: { ...ENTITY, name: 'parcel' } } }, '')).rejects.toThrow(
      '"" is neither a parcel id nor a correlation id.',
    );
  });
});

const ENTITY = { name: 'order', idField: 'orderId', tableOutput: 'OrdersTableName' };
const attributes = (visible: number) => ({
  ApproximateNumberOfMessages: String(visible),
  ApproximateNumberOfMessagesDelayed: '0',
  ApproximateNumberOfMessagesNotVisible: '0',
});

describe('tail', () => {
  const read = (linesOf: Parameters<typeof logs>[0], options: object = {}, surroundings: Surroundings = {}) =>
    operate(
      {
        ...logs(linesOf),
        ...rules([
          [rule('order-created', { 'detail-type': ['OrderCreated'] }), 'order-processor'],
          [rule('all-events', { source: ['app.orders'] }), 'analytics', 'order-processor'],
        ]),
      },
      (session) => tail(session, { since: '5m', ...options }),
      surroundings,
    );
  const lines = [
    logged('a', { outcome: 'stored' }),
    logged('b', { outcome: 'failed', reason: 'the table is\x1b[2J gone', message: 'OrderChanged' }),
    { ...logged('c', {}), message: 'START RequestId' },
  ];

  test('shows the lines of handlers, failures in red and with their reason, control characters escaped', async () => {
    const { stdout } = await read({ 'order-processor': lines }, {}, { isTerminal: true });
    expect(stdout.trimEnd().split('\n')).toHaveLength(lines.length - 1);
    expect(stdout).not.toContain('START');
    expect(stdout).toContain('\x1b[31mfailed    \x1b[39m');
    expect(stdout).toContain('the table is\\x1b[2J gone');
    expect(stdout).toMatch(/order-1 {2}\S*a/);
  });

  test.each([
    [[{ kind: 'failed' }], ['b']],
    [[{ kind: 'rule', value: 'order-created' }], ['a']],
    [[{ kind: 'rule', value: 'all-events' }], ['a', 'b']],
    [[{ kind: 'entity', value: 'order-1' }, { kind: 'failed' }], ['b']],
    [[{ kind: 'entity', value: 'b' }], []],
  ])('of %j shows %j', async (only, ids) => {
    const { stdout } = await read({ 'order-processor': lines }, { only, json: true });
    const shown = stdout.split('\n').filter(Boolean);
    expect(shown.map((line) => JSON.parse(line).eventId)).toEqual(ids);
  });

  test('shows a line that comes late, and none twice', async () => {
    const first = logged('a', { outcome: 'stored' }, NOW - 60_000);
    const next = logged('b', { outcome: 'stored' }, NOW - 20_000);
    const late = logged('late', { outcome: 'stored' }, NOW - 30_000);
    const answers = [[first], [first, next], [next, late]];
    const starts: number[] = [];
    const script: Script = {
      FilterLogEvents: ({ logGroupName, startTime }) => {
        if (!logGroupName.endsWith('notifier')) return {};
        starts.push(startTime);
        if (starts.length === 4) process.emit('SIGINT');
        return { events: answers[starts.length - 1] ?? [] };
      },
    };
    const { stdout, exitCode } = await operate(script, (session) =>
      tail(session, { since: '5m', follow: true, json: true }, [], 1),
    );
    expect(exitCode).toBe(130);
    const shown = stdout.split('\n').filter(Boolean);
    expect(shown.map((line) => JSON.parse(line).eventId)).toEqual(['a', 'b', 'late']);
    // So far back as CloudWatch may show a line late.
    expect(starts).toEqual([300, 75, 35, 35].map((seconds) => NOW - 1_000 * seconds));
  });

  test('ends with what a service refuses', async () => {
    const refused = { FilterLogEvents: new Refusal('AccessDeniedException', 'may not') };
    await expect(operate(refused, (session) => tail(session, { since: '5m' }))).rejects.toThrow('may not');
  });

  test('of a stack whose outputs are gone says what to do', async () => {
    const { EventBusName: _, ...outputs } = OUTPUTS;
    await expect(read({}, { only: [{ kind: 'rule', value: 'x' }] }, { outputs })).rejects.toThrow(
      'Stack event-driven has no output EventBusName: deploy it again with npx cdk deploy.',
    );
  });
});
