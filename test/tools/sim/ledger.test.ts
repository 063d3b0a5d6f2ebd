/** The ledger alone: steps of a run that cannot be, each named by the invariant that it breaks. */
import { APP } from '../../../bin/app-description';
import { OrderCreated } from '../../../lambdas/events';
import { consumerName } from '../../../tools/app';
import type { BusEvent } from '../../../tools/eventbridge/event';
import type { LocalStack } from '../../../tools/local/stack';
import type { TimedStep } from '../../../tools/local/steps';
import { Ledger } from '../../../tools/sim/ledger';
import type { Violation } from '../../../tools/sim/model';
import { readAssembly } from '../../../tools/template/assembly';
import { rulesOf } from '../../../tools/template/rules';
import { builtAssembly } from '../../built';

const assembly = readAssembly(builtAssembly());
const functions = assembly
  .ofType('AWS::Lambda::Function')
  .filter(({ properties }) => consumerName(APP, properties.Environment?.Variables) !== undefined)
  .map((resource) => ({ name: resource.name, arn: resource.arn, resource }));
const [called] = functions.filter(
  ({ resource }) => consumerName(APP, resource.properties.Environment?.Variables) === 'order-processor',
);
const CONSUMER = 'order-processor';
const RULE =
  rulesOf(assembly).find(({ targets }) => targets.some(({ arn }) => arn === called?.arn))?.name ?? '';
const QUEUE = 'failed';
const FUNCTION = called?.name ?? '';

const event: BusEvent = {
  ...{ version: '0', id: 'e-1', account: '000000000000', time: '2026-01-15T09:00:00Z', region: 'us-east-1' },
  ...{ source: OrderCreated.source, 'detail-type': OrderCreated.detailType, resources: [] },
  detail: { ...OrderCreated.create(OrderCreated.example, { eventId: 'order-1-e1' }) },
};

/** Parts of a stack that the ledger reads. */
const stackWith = (depth = 0, archives = 1) =>
  ({
    ...{
      assembly,
      functions,
      eventBridge: { archives: new Map(Array.from({ length: archives }, () => ['a', {}])) },
    },
    queues: [{ name: QUEUE, size: depth }],
  }) as unknown as LocalStack;

const at = { at: '2026-01-15T09:00:00.000Z' };
const step = (kind: string, more: object = {}) => ({ ...at, kind, ...more }) as TimedStep;
const of = { eventId: 'e-1', rule: RULE, target: 'Target0', targetArn: called?.arn ?? '' };
const put = step('event-put', { bus: 'bus', eventId: 'e-1', event });
const archived = step('event-archived', { archive: 'a', eventId: 'e-1' });
const matched = step('rule-matched', of);
const delivered = step('delivered', { ...of, requestId: 'r-1', payload: JSON.stringify(event), attempt: 1 });
const invocation = { function: FUNCTION, requestId: 'r-1', attempt: 1 };
const started = step('invocation-started', { ...invocation, callTrace: 't-1' });
const succeeded = step('invocation-succeeded', invocation);
const givenUp = step('invocation-given-up', {
  ...{
    ...invocation,
    condition: 'RetriesExhausted',
    destination: `arn:aws:sqs:us-east-1:000000000000:${QUEUE}`,
  },
});
const failed = (attempt: number) => step('invocation-failed', { ...invocation, attempt });
const deadLettered = (attributes: object) => step('dead-lettered', { ...of, queue: QUEUE, attributes });

/** @returns the violation of the last step; none of those before may be one */
function follow(steps: readonly TimedStep[], ledger = new Ledger(APP, stackWith())): Violation | undefined {
  const violations = steps.map((each) => ledger.onStep(each));
  expect(violations.slice(0, -1).filter((each) => each !== undefined)).toEqual([]);
  return violations.at(-1);
}
const shown = ({ invariant, message }: Partial<Violation> = {}) => `${invariant}: ${message}`;

test('an event that is archived, goes by its rules and is handled is as it should be', () => {
  const ledger = new Ledger(APP, stackWith());
  expect(
    follow([put, archived, matched, delivered, started, failed(1), started, succeeded], ledger),
  ).toBeUndefined();
  expect(ledger.published(['order-1-e1'])).toBeUndefined();
  expect(ledger.isSettled).toBe(true);
  expect(ledger.requestOfTrace('t-1')).toBe('r-1');
  expect(ledger.requestOfTrace(undefined)).toBeUndefined();
  expect(ledger.invocation('r-1')).toMatchObject({ consumer: CONSUMER, eventId: 'e-1', state: 'handled' });
  expect(ledger.atEnd(() => false)).toBeUndefined();
});

test.each<[string, readonly TimedStep[], RegExp]>([
  [
    'a call that no role allows',
    [step('access-denied', { principal: FUNCTION, action: 'sns:Publish', resource: 'x' })],
    /^permission: .*sns:Publish/,
  ],
  [
    'an event for no bus',
    [step('event-dropped', { eventId: 'e-1', reason: 'no bus' })],
    /^lost: e-1: no bus/,
  ],
  [
    'a delivery that is lost',
    [put, matched, step('delivery-lost', { ...of, message: 'gone' })],
    /^lost: e-1 by .*gone/,
  ],
  [
    'a delivery of what no rule matched',
    [put, delivered],
    /^one place: e-1 by .* is delivered, but was nowhere/,
  ],
  [
    'a delivery to both target and dead-letter queue',
    [put, matched, delivered, deadLettered({ ERROR_CODE: 'THROTTLING' })],
    /^one place: .* is dead-lettered, but was delivered/,
  ],
  [
    'a target that is given up for a reason of its own',
    [put, matched, deadLettered({ ERROR_CODE: 'NO_PERMISSIONS', ERROR_MESSAGE: 'not allowed' })],
    /^delivery: .*NO_PERMISSIONS: not allowed/,
  ],
  ['one that is given up for no reason', [put, matched, deadLettered({})], /^delivery: e-1 by .*: : $/],
  [
    'no input for an event that its contract accepts',
    [put, matched, deadLettered({ ERROR_CODE: 'INVALID_JSON' })],
    /^delivery: .*INVALID_JSON/,
  ],
  ['an invocation that nobody began', [started], /^one place: invocation-started of r-1, which is unknown/],
  ['one that nobody began and that succeeds', [succeeded], /^one place: handled of r-1, which is unknown/],
  ['one that goes on after its end', [put, matched, delivered, succeeded, failed(2)], /which is handled/],
  ['one that ends twice', [put, matched, delivered, succeeded, succeeded], /^one place: .* which is handled/],
  [
    'one that is given up without a retry',
    [put, matched, delivered, failed(1), givenUp],
    /^retries: .* 1 attempts/,
  ],
  ['one that is given up without an attempt', [put, matched, delivered, givenUp], /^retries: .* 0 attempts/],
  [
    'one that is lost',
    [put, matched, delivered, step('invocation-lost', { ...invocation, message: 'no destination' })],
    /^lost: .* r-1: no destination/,
  ],
  [
    'one that is lost and that nobody began',
    [step('invocation-lost', { ...invocation, message: 'no destination' })],
    /^lost: .* r-1: no destination/,
  ],
  [
    'a payload that is handled although nobody can read it',
    [put, matched, { ...delivered, payload: '{"id":"e-1"}' } as TimedStep, succeeded],
    /^poison: order-processor handled what it cannot read/,
  ],
])('%s breaks an invariant', (_, steps, expected) => {
  expect(shown(follow(steps))).toMatch(expected);
});

describe('is no violation:', () => {
  test('a fault of the target; and a loss that a fault has brought about', () => {
    for (const code of ['ERROR_FROM_TARGET', 'THROTTLING'])
      expect(follow([put, matched, deadLettered({ ERROR_CODE: code })])).toBeUndefined();
    const ledger = new Ledger(APP, stackWith());
    ledger.losses.allow();
    expect(follow([put, matched, step('delivery-lost', { ...of, message: 'gone' })], ledger)).toBeUndefined();
    ledger.losses.allow();
    const lost = step('invocation-lost', { ...invocation, message: 'gone' });
    expect(follow([matched, delivered, lost], ledger)).toBeUndefined();
    expect(ledger.isSettled).toBe(true);
    expect(ledger.losses.of(CONSUMER)).toHaveLength(2);
    // A replay brings it back to a consumer that takes replays.
    expect(shown(ledger.atEnd(() => false))).toMatch(/^forgotten: .* was put, and order-processor never/);
    const again = { ...delivered, requestId: 'r-2' } as TimedStep;
    follow([matched, again, step('invocation-succeeded', { ...invocation, requestId: 'r-2' })], ledger);
    expect([ledger.isSettled, ledger.atEnd(() => false)]).toEqual([true, undefined]);
  });

  test('a call that is refused while the role is revoked', () => {
    const ledger = new Ledger(APP, stackWith());
    ledger.revoked.add(CONSUMER);
    const denied = step('access-denied', { principal: FUNCTION, action: 'sns:Publish', resource: 'x' });
    expect(ledger.onStep(denied)).toBeUndefined();
    ledger.revoked.delete(CONSUMER);
    expect(ledger.onStep(denied)?.invariant).toBe('permission');
  });

  test('no input for an event that its contract refuses, and that nobody handles', () => {
    const ledger = new Ledger(APP, stackWith());
    const poison = { ...event, detail: { metadata: 'none' } };
    const steps = [step('event-put', { bus: 'bus', eventId: 'e-1', event: poison }), matched];
    expect(follow([...steps, deadLettered({ ERROR_CODE: 'INVALID_JSON' })], ledger)).toBeUndefined();
    expect(ledger.atEnd(() => false)).toBeUndefined();
    expect(ledger.published(['order-1-e1'])).toMatchObject({ invariant: 'lost' });
  });

  test('an invocation after all attempts, whose message a redrive takes from the queue', () => {
    const ledger = new Ledger(APP, stackWith());
    expect(
      follow([put, archived, matched, delivered, failed(1), failed(2), failed(3), givenUp], ledger),
    ).toBeUndefined();
    expect(shown(ledger.atEnd(() => false))).toMatch(
      /^forgotten: OrderCreated e-1 was put, and order-processor never/,
    );
    expect(ledger.atEnd((consumer) => consumer === CONSUMER)).toBeUndefined();
    ledger.invoked('r-2', FUNCTION, JSON.stringify(event));
    ledger.invoked('r-2', FUNCTION, '{"told": "twice"}');
    ledger.deleted(QUEUE);
    expect(ledger.summary).toBe('0 deliveries and 1 invocations are under way');
    expect(follow([{ ...succeeded, requestId: 'r-2' } as TimedStep], ledger)).toBeUndefined();
    expect(ledger.atEnd(() => false)).toBeUndefined();
    expect(ledger.payloadsOf('e-1', CONSUMER)).toEqual([event, event]);
  });
});

describe('after each step', () => {
  const compared = (steps: readonly TimedStep[], depth = 0) => {
    const ledger = new Ledger(APP, stackWith());
    for (const each of steps) ledger.onStep(each);
    return shown(ledger.check(stackWith(depth)));
  };
  const replayed = { ...event, 'replay-name': 'replay-1' };

  test.each<[string, string, RegExp]>([
    ['an event that is not in the archive', compared([put]), /^archive: OrderCreated e-1 is not in it/],
    [
      'one that no rule matched',
      compared([put, archived]),
      /^routing: OrderCreated e-1 went to \[\], but \[.+\] receive it/,
    ],
    [
      'one that a replay sends to nobody',
      compared([step('event-put', { bus: 'bus', eventId: 'e-1', event: replayed })]),
      /^routing: OrderCreated e-1 \(replayed\) went to \[\]/,
    ],
    [
      'one that a rule of nobody matched',
      compared([put, archived, step('rule-matched', { eventId: 'e-1', rule: 'other' })]),
      /^routing: OrderCreated e-1 went to \[other\]/,
    ],
    ['a message that nothing sent', compared([], 1), /^one place: failed has 1 messages, but 0 came to it/],
    [
      'a message that is gone',
      compared([put, matched, delivered, failed(3), givenUp].slice(1), 0),
      /failed has 0 messages, but 1/,
    ],
  ])('%s breaks an invariant', (_, violation, expected) => {
    expect(violation).toMatch(expected);
  });

  test('a bus without an archive keeps nothing', () => {
    const ledger = new Ledger(APP, stackWith(0, 0));
    ledger.onStep(put);
    expect(ledger.check(stackWith(0, 0))?.invariant).toBe('routing');
  });
});

test('at the end nothing may be under way, also of an event that a replay sent while it was on its way', () => {
  const ledger = new Ledger(APP, stackWith());
  for (const each of [put, matched, matched, delivered, succeeded]) ledger.onStep(each);
  expect(ledger.atEnd(() => true)).toEqual({
    ...{ invariant: 'drain', message: 'it does not end: 1 deliveries and 0 invocations are under way' },
  });
  const second = { ...delivered, requestId: 'r-2' } as TimedStep;
  const handled = step('invocation-succeeded', { ...invocation, requestId: 'r-2' });
  expect(follow([second, handled], ledger)).toBeUndefined();
  expect(shown(ledger.onStep(second))).toMatch(/^one place: .* is delivered, but was delivered/);
  const scheduled = new Ledger(APP, stackWith());
  for (const each of [step('schedule-fired', of), delivered, succeeded]) scheduled.onStep(each);
  expect(scheduled.atEnd(() => false)).toBeUndefined();
});

test('an event that a replay sent and nobody handled is told as one', () => {
  const ledger = new Ledger(APP, stackWith());
  const replayed = { ...event, 'replay-name': 'replay-1' };
  follow([step('event-put', { bus: 'bus', eventId: 'e-1', event: replayed }), matched, delivered], ledger);
  follow([failed(3), givenUp], ledger);
  expect(shown(ledger.atEnd(() => false))).toMatch(/^forgotten: .* was replayed, and/);
});
