import { eventIdsOf, readOrderItem } from '../../lambdas/order-item';

test('an order that the table does not have has no facts', () => {
  expect(readOrderItem()).toMatchObject({ creation: undefined, facts: {}, conflicts: [], status: undefined });
});

test('the events of an item are those of its creation, its facts and its conflicts', () => {
  const item = {
    createdAt: '2026-01-15T10:00:00.000Z',
    createdBy: 'created',
    status: 'SHIPPED',
    fact_SHIPPED: { at: '2026-01-15T11:00:00.000Z', by: 'shipped' },
    conflicts: [{ at: '2026-01-15T12:00:00.000Z', by: 'cancelled' }],
  };
  expect(eventIdsOf(item)).toEqual(['created', 'shipped', 'cancelled']);
  const { createdAt, createdBy, ...withoutCreation } = item;
  expect(eventIdsOf(withoutCreation)).toEqual(['shipped', 'cancelled']);
});
