import { DailyReportGenerated, OrderCreated, OrderStatusChanged } from '../../../../lambdas/events';
import { synthesize } from '../../../lib/synthesize';
import { type RoutingUnderTest, routingOf } from './routing';

let routing: RoutingUnderTest;
beforeAll(() => {
  routing = routingOf(synthesize());
});

test('a new order goes to the order processor and to analytics, whole', () => {
  const event = expect.objectContaining({
    'detail-type': 'OrderCreated',
    detail: expect.objectContaining(OrderCreated.example),
  });
  expect(routing.deliver(OrderCreated)).toEqual({ 'order-processor': event, analytics: event });
});

test.each(['SHIPPED', 'DELIVERED', 'CANCELLED'])('the notifier is told that an order is %s', (status) => {
  expect(routing.deliver(OrderStatusChanged, { status })).toMatchObject({
    notifier: {
      orderId: 'order-1001',
      status,
      email: 'jane@example.com',
      message: `Your order order-1001 has been ${status}`,
      id: expect.any(String),
      time: expect.any(String),
      detail: { status, metadata: { eventId: 'event-1', version: 1, correlationId: 'request-1' } },
    },
    'order-processor': { detail: { status } },
    analytics: { detail: { status } },
  });
});

test('the notifier is given the same detail as the order processor, so that both judge it alike', () => {
  const { notifier, 'order-processor': event } = routing.deliver(OrderStatusChanged) as Record<
    string,
    { detail: object }
  >;
  expect(notifier?.detail).toEqual(event?.detail);
});

test('an order without an e-mail address reaches the notifier with an empty one', () => {
  expect(routing.deliver(OrderStatusChanged, { customerEmail: undefined })).toMatchObject({
    notifier: { email: '' },
  });
});

test.each(['PENDING', 'CONFIRMED'])('a status of %s changes the table and notifies nobody', (status) => {
  expect(Object.keys(routing.deliver(OrderStatusChanged, { status }))).toEqual([
    'order-processor',
    'analytics',
  ]);
  expect(routing.missed(OrderStatusChanged, { status })).toMatchObject({
    'event-driven-order-status-changed': `detail.status is "${status}", allowed: "SHIPPED", "DELIVERED", "CANCELLED"`,
  });
});

test('a replay reaches the order processor and analytics, but no customer', () => {
  const replay = { 'replay-name': 'rebuild-orders' };
  expect(Object.keys(routing.deliver(OrderStatusChanged, {}, replay))).toEqual([
    'order-processor',
    'analytics',
  ]);
});

test('the daily report goes to analytics only', () => {
  expect(Object.keys(routing.deliver(DailyReportGenerated))).toEqual(['analytics']);
});

test('an event of another application reaches nobody', () => {
  expect(routing.deliver(OrderCreated, {}, { source: 'com.example' })).toEqual({});
});

test('a type spelt in another case reaches no consumer but analytics, which records everything', () => {
  expect(Object.keys(routing.deliver(OrderCreated, {}, { 'detail-type': 'ordercreated' }))).toEqual([
    'analytics',
  ]);
});

test('an event that breaks its contract fails the test that expects it to be delivered', () => {
  expect(() => routing.deliver(OrderCreated, { total: -1 })).toThrow(
    'event-driven-order-created -> order-processor: app.orders/OrderCreated: detail.total: expected at least 0',
  );
});
