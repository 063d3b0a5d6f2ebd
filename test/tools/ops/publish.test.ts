/** `publish`, by what AWS's services answer. */
import { APP } from '../../../bin/app-description';
import { OrderCreated } from '../../../lambdas/events';
import type { Contract } from '../../../tools/app';
import { publish } from '../../../tools/ops/publish';
import { operate, type Script, type Surroundings } from './scripted-aws';

const details = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      orderId: `order-${index}`,
      customerId: 'c',
      total: 1,
      metadata: { eventId: `e-${index}` },
    }),
  ).join('\n');

const put = (script: Script, stdin: string, surroundings: Surroundings = {}) =>
  operate(script, (session) => publish(session, { type: 'OrderCreated' }, ['-']), { stdin, ...surroundings });

const refusing = (reason: string): Script => ({
  PutEvents: ({ Entries }) => ({
    FailedEntryCount: Entries.length,
    Entries: Entries.map(() => ({ ErrorCode: reason, ErrorMessage: 'no' })),
  }),
});

test('of many events that are refused the first 20 are told, and --json has all', async () => {
  const { stderr, exitCode } = await put(refusing('NotAuthorized'), details(25));
  expect(exitCode).toBe(1);
  expect(stderr.match(/^line \d+: NotAuthorized: no$/gm)).toHaveLength(20);
  expect(stderr).toContain('0 of 25 events published to event-driven-bus; 25 not, --json lists them all.\n');
  const { json } = await put(refusing('NotAuthorized'), details(25), { json: true });
  expect(json.failed).toHaveLength(25);
});

test('Ctrl-C keeps what is not yet sent from being sent', async () => {
  const { exitCode, stderr, json, aws } = await put(
    {
      PutEvents: ({ Entries }) => {
        process.emit('SIGINT');
        return {
          FailedEntryCount: 0,
          Entries: Entries.map((_: object, index: number) => ({ EventId: `id-${index}` })),
        };
      },
    },
    details(25),
    { json: true, isTerminal: true },
  );
  expect(exitCode).toBe(130);
  const sent = aws.inputsOf('PutEvents').flatMap(({ Entries }) => Entries).length;
  expect(sent).toBeLessThan(25);
  expect(json).toMatchObject({ interrupted: true });
  expect(json.published).toHaveLength(sent);
  expect(stderr).toContain(`${sent} of 25 sent`);
});

test('an event that is larger than the app allows is refused before the first is sent', async () => {
  const { maxEventBytes: _, ...unlimited } = APP;
  const app = { ...unlimited, maxEventBytes: 100 };
  await expect(put({}, details(1), { app })).rejects.toThrow(
    /^event 1 has \d+ bytes, but an event may have 100\. Nothing was published\.$/,
  );
  // Without a limit of its own an app has EventBridge's.
  const { exitCode } = await put(
    { PutEvents: { FailedEntryCount: 0, Entries: [{ EventId: 'id' }] } },
    details(1),
    { app: unlimited },
  );
  expect(exitCode).toBe(0);
});

test('an app that is not described with a way to publish cannot', async () => {
  const { publish: _, ...app } = APP;
  await expect(put({}, details(1), { app })).rejects.toThrow(
    'This app is not described with a way to publish its events.',
  );
});

test('an app that loses sight of an event is a defect', async () => {
  const app = { ...APP, publish: async () => [] };
  await expect(put({}, details(1), { app })).rejects.toThrow('no outcome of event 1');
});

test('a contract whose check breaks is a defect, and no mistake in the input', async () => {
  const contract = {
    ...(APP.contracts.find(({ detailType }) => detailType === OrderCreated.detailType) as object),
    create: () => {
      throw new RangeError('broken');
    },
  };
  const app = { ...APP, contracts: [contract as unknown as Contract] };
  await expect(put({}, details(1), { app })).rejects.toThrow('broken');
});
