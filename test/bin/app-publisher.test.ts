/** Publishing of any contract's events by the app's own publisher, in parts, between which it may end. */
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { APP } from '../../bin/app-description';
import { publishContractEvents } from '../../bin/app-publisher';
import { Refusal, type Script, ScriptedAws } from '../tools/ops/scripted-aws';

const [contract] = APP.contracts as [(typeof APP.contracts)[number]];
const events = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    contract,
    detail: contract.example,
    ids: index % 2 === 0 ? { eventId: `e-${index}` } : {},
  }));
const published = {
  PutEvents: ({ Entries }: { Entries: object[] }) => ({
    FailedEntryCount: 0,
    Entries: Entries.map((_, index) => ({ EventId: `id-${index}` })),
  }),
};

async function publish(
  script: Script,
  count: number,
  onSent: (sent: number, abort: () => void) => void = () => {},
) {
  const aws = new ScriptedAws(script);
  const controller = new AbortController();
  const outcomes = await publishContractEvents(events(count), {
    ...{ busName: 'bus', signal: controller.signal },
    client: new EventBridgeClient({ ...aws.clientConfig, maxAttempts: 1 }),
    onSent: (sent) => onSent(sent, () => controller.abort()),
  });
  return { outcomes, aws };
}

test('all are sent, each under the id that it has or is given', async () => {
  const { outcomes, aws } = await publish(published, 12);
  expect(outcomes).toHaveLength(12);
  expect(outcomes[0]).toEqual({ eventId: 'e-0', envelopeId: 'id-0' });
  expect(outcomes[1]?.eventId).toMatch(/^[0-9a-f-]{36}$/);
  expect(aws.inputsOf('PutEvents')).toHaveLength(2);
});

test('what is interrupted is not sent, and said so', async () => {
  const { outcomes } = await publish(published, 12, (_, abort) => abort());
  expect(outcomes.slice(0, 10).every((outcome) => 'envelopeId' in outcome)).toBe(true);
  expect(outcomes.slice(10)).toMatchObject(Array(2).fill({ code: 'NotSent', message: 'interrupted' }));
});

test('a call that fails keeps those after it from being sent', async () => {
  const { outcomes } = await publish(
    {
      PutEvents: (input, call) =>
        call === 0 ? published.PutEvents(input) : new Refusal('AccessDeniedException', 'may not'),
    },
    25,
  );
  expect(outcomes.slice(0, 10).every((outcome) => 'envelopeId' in outcome)).toBe(true);
  expect(outcomes.slice(10, 20)).toMatchObject(Array(10).fill({ code: expect.any(String) }));
  expect(outcomes.slice(20)).toMatchObject(
    Array(5).fill({ code: 'NotSent', message: 'the call before it failed' }),
  );
});

test('what keeps all from being sent is thrown as it is', async () => {
  await expect(publish({ PutEvents: new Refusal('AccessDeniedException', 'may not') }, 12)).rejects.toThrow(
    'may not',
  );
});

test('a mistake in an event is thrown as it is', async () => {
  const client = new EventBridgeClient({ region: 'us-east-1' });
  const to = { busName: 'bus', client, signal: new AbortController().signal, onSent: () => {} };
  await expect(publishContractEvents([{ contract, detail: {}, ids: {} }], to)).rejects.toThrow(contract.type);
});
