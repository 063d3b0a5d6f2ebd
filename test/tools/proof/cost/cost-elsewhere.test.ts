/** Cost of what comes from elsewhere, and of what a template may have besides: pipes, discoverers, state machines. */
import { APP } from '../../../../bin/app-description';
import kept from '../../../../samples/measurements.json';
import { UNDESCRIBED } from '../../../../tools/app';
import type { InputError } from '../../../../tools/cli/errors';
import { type Bill, costOf } from '../../../../tools/proof/cost/cost';
import { parseMix } from '../../../../tools/proof/cost/event-mix';
import type { Measurement } from '../../../../tools/proof/cost/measurement';
import { mostTransitions } from '../../../../tools/proof/cost/state-machine-definition';
import { synthesize } from '../../../lib/synthesize';
import { assemblyOf } from '../assembly';

// biome-ignore lint/suspicious/noExplicitAny: a template has no static type
type Json = any;

const MILLION = 1_000_000;
const template = synthesize('production', {
  outboxes: { shipping: 'OrderStatusChanged' },
  publisherAccounts: { '111122223333': ['partner.billing'] },
  organizations: { 'o-a1b2c3d4e5': ['partner.stock'] },
  serviceEvents: { uploads: { source: ['aws.s3'] } },
  partnerBuses: { shop: 'aws.partner/shopify.com/123/orders' },
  schemaRegistry: 'CONTRACTS_AND_DISCOVERY',
}).toJSON();
const intact = assemblyOf(template);
const WAYS = [
  ...['event-driven-outbox-shipping', 'event-driven-from-uploads', 'event-driven-from-shop'],
  ...['111122223333', 'o-a1b2c3d4e5'],
];

function costWith(
  inflows: Readonly<Record<string, number>>,
  change?: (copy: Json) => void,
  executionSeconds?: number,
) {
  const copy = change && structuredClone(template);
  if (copy) change(copy);
  return costOf(copy ? assemblyOf(copy) : intact, APP, kept as unknown as Measurement, [MILLION], {
    ...{ mix: parseMix(APP.mix ?? '', APP.contracts), months: 1, slowdown: 1, coldStarts: 0, failures: 0 },
    inflows: new Map(Object.entries(inflows)),
    ...(executionSeconds !== undefined && { executionSeconds }),
  });
}
const quantities = ({ bills: [bill] }: { readonly bills: readonly Bill[] }) =>
  new Map(bill?.items.map(({ name, quantity }) => [name, quantity]));
const more = (after: Map<string, number>, before: Map<string, number>, name: string) =>
  (after.get(name) ?? 0) - (before.get(name) ?? 0);

describe('what comes from elsewhere', () => {
  const none = costWith({});
  const before = quantities(none);

  test('is told by its name, with the option that prices it, while nobody says how much it is', () => {
    const told = none.notCovered.map(({ message }) => message);
    for (const way of WAYS) expect(told).toContainEqual(expect.stringContaining(`--inflow ${way}=EVENTS`));
    expect(told).toHaveLength(WAYS.length);
  });

  test.each(WAYS.slice(1))('costs as an event each, by %s, of which no more is known', (way) => {
    const cost = costWith({ [way]: 2 * MILLION });
    const after = quantities(cost);
    expect(more(after, before, 'EventBridge: events of others')).toBe(2 * MILLION);
    expect(more(after, before, 'EventBridge: schema discovery')).toBe(2 * MILLION);
    expect(cost.notCovered).toHaveLength(WAYS.length - 1);
  });

  test('and by a pipe of a known contract costs the pipe, the event, and all that is done with it', () => {
    const after = quantities(costWith({ 'event-driven-outbox-shipping': MILLION }));
    expect(more(after, before, 'EventBridge: pipes')).toBe(MILLION);
    expect(more(after, before, 'EventBridge: events')).toBe(MILLION);
    expect(after.has('EventBridge: events of others')).toBe(false);
    // Projected and recorded, and the customer told: the contract's example is a shipped order.
    expect(more(after, before, 'Lambda: calls')).toBeCloseTo(3 * MILLION, 6);
  });

  test('by a pipe of no known contract costs the pipe and the event', () => {
    const change = (copy: Json) => {
      for (const { Type, Properties } of Object.values<Json>(copy.Resources))
        if (Type === 'AWS::Pipes::Pipe')
          Properties.TargetParameters.EventBridgeEventBusParameters.DetailType = 'Other';
    };
    const after = quantities(costWith({ 'event-driven-outbox-shipping': MILLION }, change));
    expect(after.get('EventBridge: pipes')).toBe(MILLION);
    expect(after.get('EventBridge: events of others')).toBe(MILLION);
    expect(more(after, before, 'Lambda: calls')).toBe(0);
  });

  test('by a way that the template does not have is refused', () => {
    const refusal = (work: () => unknown) => {
      try {
        return work();
      } catch (error) {
        return (error as InputError).message;
      }
    };
    expect(refusal(() => costWith({ other: 1 }))).toBe(
      `--inflow: "other" is no way to a bus from elsewhere: ${WAYS.join(', ')}.`,
    );
    const bus = { Resources: { Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'b' } } } };
    const assumptions = { mix: [], months: 1, slowdown: 1, coldStarts: 0, failures: 0 };
    const inflows = new Map([['other', 1]]);
    const measurement = kept as unknown as Measurement;
    expect(
      refusal(() => costOf(assemblyOf(bus), UNDESCRIBED, measurement, [1], { ...assumptions, inflows })),
    ).toContain('is no way to a bus from elsewhere: none here.');
  });
});

test('a discoverer is paid for each event of the bus, by the 8 KB', () => {
  // 30 daily reports besides.
  expect(quantities(costWith({})).get('EventBridge: schema discovery')).toBe(MILLION + 30);
});

describe('a state machine that a rule starts', () => {
  const pass = (Next?: string) => ({ Type: 'Pass', ...(Next ? { Next } : { End: true }) });
  const DEFINITION = { StartAt: 'A', States: { A: pass('B'), B: pass() } };
  const started = (properties: object) => (copy: Json) => {
    copy.Resources.Machine = {
      Type: 'AWS::StepFunctions::StateMachine',
      Properties: { StateMachineName: 'fulfil', RoleArn: 'arn:aws:iam::123456789012:role/r', ...properties },
    };
    for (const { Type, Properties } of Object.values<Json>(copy.Resources)) {
      if (Type !== 'AWS::Events::Rule' || !/-order-created$/.test(Properties.Name)) continue;
      Properties.Targets.push({
        ...{ Id: 'Machine', Arn: { Ref: 'Machine' }, RoleArn: 'arn:aws:iam::123456789012:role/r' },
      });
    }
  };
  const ofMachine = (cost: ReturnType<typeof costWith>) =>
    cost.notCovered.filter(({ resource }) => resource === 'Machine').map(({ message }) => message);

  test('is paid by its transitions, one for each state of its longest way', () => {
    const cost = costWith({}, started({ DefinitionString: JSON.stringify(DEFINITION) }));
    expect(quantities(cost).get('Step Functions: transitions')).toBe((2 * MILLION) / 4);
    expect(ofMachine(cost)).toEqual([
      'what its states call, what they try again, and its log are not priced.',
    ]);
  });

  test('as an Express one by its executions and how long they take', () => {
    const change = started({ Definition: DEFINITION, StateMachineType: 'EXPRESS' });
    const after = quantities(costWith({}, change, 2));
    expect(after.get('Step Functions: Express executions')).toBe(MILLION / 4);
    expect(after.get('Step Functions: duration of Express executions')).toBe((MILLION / 4) * 2 * (64 / 1024));
    expect(quantities(costWith({}, change)).get('Step Functions: duration of Express executions')).toBe(
      (MILLION / 4) * (64 / 1024),
    );
    expect(after.has('Step Functions: transitions')).toBe(false);
  });

  test.each([
    ['in S3', { DefinitionS3Location: { Bucket: 'b', Key: 'k' } }],
    ['no definition', { DefinitionString: '{"StartAt": 5}' }],
    ['no JSON', { DefinitionString: 'StartAt' }],
  ])('whose definition is %s is told of', (_what, properties) => {
    const cost = costWith({}, started(properties));
    expect(ofMachine(cost)).toEqual(['its executions are not priced, since its definition cannot be read.']);
  });

  const inner = { StartAt: 'X', States: { X: pass('Y'), Y: pass() } };
  test.each<[string, object, number]>([
    ['one state', { A: pass() }, 1],
    [
      'the longer branch of a choice',
      {
        A: { Type: 'Choice', Choices: [{ Next: 'B' }, { Next: 'C' }], Default: 'B' },
        ...{ B: pass(), C: pass('B') },
      },
      3,
    ],
    [
      'all branches of a Parallel',
      { A: { Type: 'Parallel', Branches: [inner, inner], Next: 'B' }, B: pass() },
      6,
    ],
    ['one item of a Map', { A: { Type: 'Map', ItemProcessor: inner, End: true } }, 3],
    ['one item of a Map of before', { A: { Type: 'Map', Iterator: inner, End: true } }, 3],
    [
      'each state of a loop once',
      { A: pass('B'), B: { Type: 'Choice', Choices: [{ Next: 'A' }], Default: 'C' }, C: pass() },
      3,
    ],
    ['a state that is not there', { A: pass('Z') }, 1],
  ])('counts %s', (_what, States, expected) => {
    expect(mostTransitions({ StartAt: 'A', States: States as never })).toBe(expected);
  });
});
