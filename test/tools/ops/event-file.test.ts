import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { APP } from '../../../bin/app-description';
import { OrderCreated } from '../../../lambdas/events';
import { InputError } from '../../../tools/cli/errors';
import { eventsToPublish } from '../../../tools/ops/event-file';

const directory = mkdtempSync(join(tmpdir(), 'event-file-'));
const file = join(directory, 'events.json');
afterAll(() => rmSync(directory, { recursive: true }));

const described = (type: string) => APP.contracts.find((contract) => contract.type === type);

const BUSES = ['event-driven-bus', 'arn:aws:events:us-east-1:000000000000:event-bus/event-driven-bus'];
const detail = { orderId: 'order-1', customerId: 'customer-1', total: 9.99 };
const entry = { Source: 'app.orders', DetailType: 'OrderCreated', Detail: JSON.stringify(detail) };

const read = (content: unknown, type?: string) => {
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return eventsToPublish({ file, type }, BUSES, APP);
};
const refusal = async (content: unknown, type?: string) => {
  const error = await read(content, type).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message;
};
const NO_IDS = { eventId: undefined, correlationId: undefined, causationId: undefined };

describe('a file of events', () => {
  test.each([
    ['an entry of put-events', entry],
    ['an array of entries', [entry]],
    ['an entry with its detail as an object', { ...entry, Detail: detail }],
    ["an entry that names the stack's bus", { ...entry, EventBusName: BUSES[0] }],
    ["an entry that names the stack's bus by its ARN", { ...entry, EventBusName: BUSES[1] }],
    [
      'an event as it was delivered',
      { id: 'x', source: 'app.orders', 'detail-type': 'OrderCreated', detail },
    ],
    ['a file that begins with a byte order mark', `\ufeff${JSON.stringify(entry)}`],
  ])('may be %s', async (_, content) => {
    expect(await read(content)).toEqual([
      { place: 'event 1', event: { contract: described(OrderCreated.type), detail, ids: NO_IDS } },
    ]);
  });

  test('may be JSON lines, some of them empty', async () => {
    const lines = `${JSON.stringify(entry)}\n\n${JSON.stringify(entry)}\r\n`;
    expect((await read(lines)).map(({ place }) => place)).toEqual(['line 1', 'line 3']);
  });

  test('may be bare details if their type is named', async () => {
    const [placed] = await read(detail, 'OrderCreated');
    expect(placed?.event).toMatchObject({ contract: described(OrderCreated.type), detail });
  });

  test('keeps the ids that an event has, so that publishing it again changes nothing', async () => {
    const metadata = { eventId: 'event-1', version: 1, correlationId: 'checkout-1' };
    const [placed] = await read({ ...detail, metadata }, 'OrderCreated');
    expect(placed?.event.detail).toEqual(detail);
    expect(placed?.event.ids).toEqual({ ...NO_IDS, eventId: 'event-1', correlationId: 'checkout-1' });
  });

  test.each([
    ['line 2 is no JSON', `${JSON.stringify(entry)}\n{"Source"`],
    ['line 1 is no JSON', 'Source: app.orders'],
    ['event 1: no event. Expected {"Source", "DetailType", "Detail"}', { orderId: 'order-1' }],
    ['event 2: no event.', [entry, 7]],
    ['event 1: Time: the application publishes by its contracts', { ...entry, Time: '2026-11-23T09:00:00Z' }],
    ['event 1: Time and Resources: ', { ...entry, Time: '2026-11-23T09:00:00Z', Resources: ['r'] }],
    ['event 1: Detail is no JSON', { ...entry, Detail: '{' }],
    ['event 1: the detail is no JSON object', { ...entry, Detail: '[]' }],
    [
      "EventBusName is other-bus, but the stack's bus is event-driven-bus",
      { ...entry, EventBusName: 'other-bus' },
    ],
    [
      'no event of type app.orders/OrderLost is known; known are app.orders/OrderCreated',
      { ...entry, DetailType: 'OrderLost' },
    ],
    [
      'app.orders/OrderCreated: detail.customerId: expected',
      { ...entry, Detail: { orderId: 'order-1', total: 1 } },
    ],
    [
      'detail.metadata.version: is 2, newer than 1',
      { ...entry, Detail: { ...detail, metadata: { version: 2 } } },
    ],
    ['detail.metadata.eventId: expected', { ...entry, Detail: { ...detail, metadata: { eventId: 'a b' } } }],
    ['has no events', ''],
    ['has no events', []],
  ])('is refused with: %s', async (message, content) => {
    expect(await refusal(content)).toContain(message);
  });

  test('is refused as a whole for one mistake, and says how many there are', async () => {
    const wrong = { ...entry, Detail: '{}' };
    expect(await refusal([entry, wrong, entry, wrong, wrong])).toMatch(
      /, event 2: app\.orders\/OrderCreated: detail\.orderId: .* \(and 2 more like it\) Nothing was published\.$/,
    );
  });

  test('that is not there is refused', async () => {
    await expect(eventsToPublish({ file: join(directory, 'none') }, BUSES, APP)).rejects.toThrow(
      /none cannot be read: ENOENT/,
    );
  });
});

test.each(APP.contracts.map((contract) => [contract.detailType, contract] as const))(
  'the example of %s can be published',
  async (example, contract) => {
    const [placed] = await eventsToPublish({ example }, BUSES, APP);
    expect(placed?.event).toMatchObject({ contract, detail: contract.example });
  },
);

test.each([
  [{}, 'Name one thing to publish: a FILE, - for stdin, or --example TYPE.'],
  [{ file: '-', example: 'OrderCreated' }, 'Name one thing to publish'],
  [{ example: 'OrderLost' }, '--example is "OrderLost", but must be one of OrderCreated, OrderStatusChanged'],
  [{ file, type: 'OrderLost' }, '--type is "OrderLost", but must be one of OrderCreated, OrderStatusChanged'],
])('%j is refused', async (source, message) => {
  await expect(eventsToPublish(source, BUSES, APP)).rejects.toThrow(message);
});
