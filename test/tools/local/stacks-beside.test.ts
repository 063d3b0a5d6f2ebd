/** Stacks of several accounts and regions in one run: what goes from bus to bus, and what does not. */
import { InputError } from '../../../tools/cli/errors';
import { localCommand } from '../../../tools/local/command';
import { ManualClock } from '../../../tools/local/services/clock';
import { SystemWorld } from '../../../tools/local/services/world';
import { LocalStack, type LocalStackOptions } from '../../../tools/local/stack';
import { readBeside, StacksBeside } from '../../../tools/local/stacks-beside';
import type { TimedStep } from '../../../tools/local/steps';
import { readAssembly } from '../../../tools/template/assembly';
import { ARN, writeAssembly } from '../template/template';
import { ACCOUNT, allow, arnOf, OF_APP, ours, PARTNER, theirs } from './two-accounts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of running.splice(0)) await each.stop();
});

async function start(
  first: object,
  second: object,
  place = { account: '111122223333', region: 'eu-central-1' },
) {
  const steps: TimedStep[] = [];
  const assembly = readAssembly(writeAssembly(first), { region: 'us-east-1' });
  const beside = await readBeside(assembly, [{ directory: writeAssembly(second, {}, 'partner'), ...place }]);
  const others = new StacksBeside(() => stack, beside);
  const options: LocalStackOptions = {
    ...{ assembly, world: new SystemWorld(new ManualClock(Date.UTC(2026, 0, 15, 10))), port: 0 },
    ...{ otherBuses: others.buses, parts: { isWatched: false } },
    onStep: (step) => steps.push(step),
  };
  const stack: LocalStack = await LocalStack.start(options);
  running.push(others, stack);
  await others.start(options);
  const of = (kind: TimedStep['kind'], account?: string) =>
    steps.filter((step) => step.kind === kind && step.account === account);
  return {
    ...{ stack, others, of },
    put: async (Source = 'app') => {
      stack.eventBridge.putEvents([{ Source, DetailType: 'Placed', Detail: '{"id": 7}' }]);
      await stack.settled();
      await others.settled();
    },
    theirs: (kind: TimedStep['kind']) => of(kind, '111122223333'),
  };
}

test('an event goes to the bus of another account, with the account that it came from', async () => {
  const { put, theirs: of, others } = await start(ours(), theirs(allow(ACCOUNT, OF_APP)));
  await put();
  expect(of('event-put')).toMatchObject([
    { bus: 'partner', region: 'eu-central-1', event: { account: '000000000000', region: 'us-east-1' } },
  ]);
  expect(of('message-sent')).toMatchObject([
    { queue: 'inbox', body: expect.stringContaining('"detail":{"id": 7}') },
  ]);
  expect(others.notices.join('\n')).toMatch(
    /partner of account 111122223333 in eu-central-1 runs beside it and listens/,
  );
});

test('an event is not handed on to a third bus', async () => {
  const ofPartner = { ...allow('111122223333'), Resource: ARN('events', 'event-bus/default') };
  const policy = { EventBusName: 'default', StatementId: 's', Statement: ofPartner };
  const { Resources } = ours();
  const first = {
    Resources: { ...Resources, Policy: { Type: 'AWS::Events::EventBusPolicy', Properties: policy } },
  };
  const { put, of } = await start(first, theirs(allow(ACCOUNT)));
  await put();
  expect(of('event-dropped')).toMatchObject([
    { bus: 'default', reason: expect.stringContaining('third bus') },
  ]);
  expect(of('event-put')).toHaveLength(1);
});

test('the default bus of an account lets no other account in', async () => {
  const { others, of, stack, theirs: ofPartner } = await start(ours(), theirs());
  others.stacks[0]?.eventBridge.putEvents([
    { EventBusName: 'partner', Source: 'x', DetailType: 'y', Detail: '{}' },
  ]);
  await others.settled();
  await stack.settled();
  expect(of('event-put')).toEqual([]);
  expect(ofPartner('delivery-failed')).toMatchObject([{ rule: 'back', code: 'NO_PERMISSIONS' }]);
});

test.each<[string, object, object, RegExp]>([
  ['the bus has no policy', ours(), theirs(), /No statement allows events:PutEvents/],
  ['its policy is for another account', ours(), theirs(allow('444455556666')), /it is for .*444455556666/],
  [
    'its policy wants another source',
    ours(),
    theirs(allow(ACCOUNT, { StringEquals: { 'events:source': 'billing' } })),
    /wants events:source billing, but it is app/,
  ],
  [
    'its policy denies it',
    ours(),
    theirs(allow(ACCOUNT), { ...allow(ACCOUNT), Effect: 'Deny' }),
    /denies events:PutEvents/,
  ],
  [
    'the role may not put events there',
    ours(undefined, ARN('events', 'event-bus/other')),
    theirs(allow(ACCOUNT)),
    /it is for .*other/,
  ],
  [
    'it cannot be told whether the account is of the organization',
    ours(),
    theirs({ ...allow('*', { StringEquals: { 'aws:PrincipalOrgID': 'o-a1b2c3d4e5' } }), Principal: '*' }),
    /the value of aws:PrincipalOrgID is not known/,
  ],
])('an event stays in the dead-letter queue if %s', async (_, first, second, reason) => {
  const { put, stack, theirs: of } = await start(first, second);
  await put();
  expect(of('event-put')).toEqual([]);
  const [message] = stack.queues[0]?.peek() ?? [];
  expect(message?.attributes.ERROR_CODE).toMatchObject({ StringValue: 'NO_PERMISSIONS' });
  expect(message?.attributes.ERROR_MESSAGE).toMatchObject({ StringValue: expect.stringMatching(reason) });
});

test('without a role it is the account that puts the event', async () => {
  const { put, theirs: of } = await start(ours({}), theirs(allow('000000000000')));
  await put();
  expect(of('event-put')).toHaveLength(1);
});

test('within an account, to another region, the role is enough', async () => {
  const bus = PARTNER.replace('111122223333', '000000000000');
  const { put, of } = await start(ours({ Arn: bus, RoleArn: arnOf('Role') }, bus), theirs(), {
    ...{ account: '000000000000', region: 'eu-central-1' },
  });
  await put();
  expect(of('event-put', '000000000000')).toMatchObject([{ bus: 'partner' }]);
});

describe('the option --beside', () => {
  test.each<[string, object]>([
    ['../cdk.out', { directory: '../cdk.out' }],
    ['111122223333=b', { directory: 'b', account: '111122223333' }],
    ['111122223333/eu-west-1=b', { directory: 'b', account: '111122223333', region: 'eu-west-1' }],
  ])('reads %s', (text, read) => {
    const command = localCommand({ project: '.' }).action(() => undefined);
    command.parse(['--beside', text], { from: 'user' });
    expect(command.opts().beside).toEqual([read]);
  });

  test('refuses an account that is none', () => {
    const command = localCommand({ project: '.' })
      .exitOverride()
      .configureOutput({ writeErr: () => undefined });
    expect(() => command.parse(['--beside', '1234=b'], { from: 'user' })).toThrow(
      /111122223333\/eu-central-1=/,
    );
  });

  test('wants another account or region than those that run already', async () => {
    const first = readAssembly(writeAssembly(ours()), { region: 'us-east-1' });
    const directory = writeAssembly(theirs());
    await expect(readBeside(first, [{ directory, region: 'us-east-1' }])).rejects.toThrow(InputError);
    await expect(readBeside(first, [{ directory, region: 'us-east-1' }])).rejects.toThrow(
      /Say of which account it is/,
    );
  });
});
