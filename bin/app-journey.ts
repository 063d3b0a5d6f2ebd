import { randomUUID } from 'node:crypto';
import { OrderCreated, OrderStatusChanged } from '../lambdas/events';
import type { Journey } from '../tools/ops/e2e';

/** An order that is placed and shipped, of which its customer hears; and one that no code can read. */
export function orderJourney(): Journey {
  const id = `e2e-${randomUUID()}`;
  const failing = `e2e-poison-${randomUUID()}`;
  const order = { ...OrderCreated.example, orderId: id };
  const entry = ({ source, detailType }: { source: string; detailType: string }, detail: object) => ({
    ...{ source, detailType, detail },
  });
  return {
    id,
    entries: [
      {
        entry: entry(OrderCreated, OrderCreated.create(order)),
        item: { status: 'PENDING', total: String(order.total) },
      },
      {
        entry: entry(
          OrderStatusChanged,
          OrderStatusChanged.create({ ...OrderStatusChanged.example, orderId: id, status: 'SHIPPED' }),
        ),
        item: { status: 'SHIPPED' },
      },
    ],
    bucketOutput: 'AnalyticsBucketName',
    logged: { reaches: 'topic', function: 'notifier', outcome: 'sent' },
    failing: { id: failing, entry: entry(OrderCreated, { ...order, orderId: failing, total: 'twelve' }) },
  };
}
