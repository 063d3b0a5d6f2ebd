import { DamagedItemError, eventIdsOf, readOrderItem } from '../../lambdas/order-item';

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

test.each([
  ['conflicts', 'none'],
  ['conflicts', [7]],
  ['revision', 'three'],
  ['fact_CONFIRMED', 1],
  ['fact_SHIPPED', { at: '2026-01-15T11:00:00.000Z' }],
  ['fact_SHIPPED', null],
  ['status', 7],
  ['createdBy', 5],
])('an item whose %s is %j is damaged, and nothing is read from it', (attribute, value) => {
  const item = { createdBy: 'created', status: 'SHIPPED', revision: 1, [attribute]: value };
  expect(() => readOrderItem(item)).toThrow(DamagedItemError);
  expect(() => readOrderItem(item)).toThrow(
    new RegExp(`damaged: ${attribute} is not .* Repair it, then redrive`),
  );
});
