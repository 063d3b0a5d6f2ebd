/**
 * Places orders and changes their status from any service: the entry of the package `event-driven-orders`. Its README
 * says which permissions and variables a service needs.
 *
 * `createOrder` and `updateOrderStatus` publish one event each; the orders table follows it within a moment, which
 * `waitForOrder` waits for.
 */
export { type EventIds, type EventMetadata, PoisonEventError } from '../lambdas/contract';
export {
  DailyReportGenerated,
  ORDER_STATUSES,
  OrderCreated,
  type OrderStatus,
  OrderStatusChanged,
  STATUS_TRANSITIONS,
} from '../lambdas/events';
export {
  createOrder,
  EventTooLargeError,
  ImpossibleTransitionError,
  type NewEvent,
  OrderNotFoundError,
  OrderNotPlacedError,
  OrderNotReadError,
  type OrderOptions,
  type OrderStatusOptions,
  PublishError,
  type PublishedEvent,
  type PublishFailure,
  type PublishOptions,
  publishEvent,
  publishEvents,
  updateOrderStatus,
} from '../lambdas/publisher';
export {
  type AwaitedOrder,
  OrderNotCaughtUpError,
  type WaitOptions,
  waitForOrder,
} from '../lambdas/wait-for-order';
