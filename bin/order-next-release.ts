/**
 * The next release of the handlers in a simulation, as changes of their sources: an OrderStatusChanged of another version,
 * which tells who changed it, and a state machine in which a delivered order can come back. Publishers stay what they are.
 */
import type { SourceChange } from '../tools/sim/release';

const events = (from: string, to: string): SourceChange => ({ file: 'lambdas/events.ts', from, to });

export const NEXT_RELEASE: readonly SourceChange[] = [
  events("'DELIVERED', 'CANCELLED'] as const", "'DELIVERED', 'RETURNED', 'CANCELLED'] as const"),
  events('DELIVERED: [],', "DELIVERED: ['RETURNED'],\n  RETURNED: [],"),
  events('export const OrderStatusChanged =', 'const OrderStatusChangedV1 ='),
  events(
    '/** The orders of one day were counted. */',
    `export const OrderStatusChanged = new EventContract({
  source: 'app.orders',
  detailType: 'OrderStatusChanged',
  version: 2,
  previous: {
    contract: OrderStatusChangedV1,
    upcast: (detail) => ({ ...detail, changedBy: 'unknown' }),
  },
  schema: v.object({
    orderId: OrderId,
    status: Status,
    previousStatus: v.optional(Status),
    customerEmail: v.optional(Email),
    updatedAt: v.optional(Timestamp),
    revision: v.optional(Revision),
    changedBy: CustomerId,
  }),
  complete: (detail, time) => ({ ...detail, updatedAt: detail.updatedAt ?? time }),
  personalData: ['customerEmail'],
  lenient: ['customerEmail'],
  example: { orderId: 'order-1001', status: 'SHIPPED', changedBy: 'clerk-7' },
});

/** The orders of one day were counted. */`,
  ),
];
