import { entryOf } from '../../lib/bundling';

test("a function's handler is found by the end of its name", () => {
  expect(entryOf('event-driven-dev-order-processor')).toBe('lambdas/order-processor/handler.ts');
  expect(entryOf('event-driven-notifier')).toBe('lambdas/notifier/handler.ts');
});

test('a function of which no folder has the handler has none', () => {
  expect(entryOf('event-driven-somebody-elses')).toBeUndefined();
});
