import { StatusOrder } from '../../lambdas/status-order';

const order = new StatusOrder({ PENDING: ['SENT', 'LOST'], SENT: [] });

describe('a status that no transition begins at', () => {
  test('may be reached, and leads nowhere', () => {
    expect(order.allows('PENDING', 'LOST')).toBe(true);
    expect(order.allows('LOST', 'PENDING')).toBe(false);
    expect(order.isBefore('PENDING', 'LOST')).toBe(true);
  });
});

describe('a status that the state machine does not have', () => {
  test('comes before none, follows none, and is on no other branch', () => {
    expect(order.allows('UNHEARD', 'SENT')).toBe(false);
    expect(order.isBefore('UNHEARD', 'SENT')).toBe(false);
    expect(order.isBefore('PENDING', 'UNHEARD')).toBe(false);
    expect(order.areApart('UNHEARD', 'SENT')).toBe(false);
  });
});
