/** Names of the custom metrics that the handlers count and that `lib` alarms on and draws. */
export const METRICS = {
  /** Orders that entered the table; each counts once, in spite of duplicate events. */
  ordersProcessed: 'OrdersProcessed',
  /** Sum of those orders' totals, in the currency's unit. */
  revenue: 'Revenue',
  /** Events that contradict the facts in the table, and lost. */
  orderConflicts: 'OrderConflicts',
  /** E-mail addresses of orders that are unusable, and dropped. */
  unusableEmails: 'UnusableEmails',
  /** Events that had already been handled. */
  duplicateEvents: 'DuplicateEvents',
  /** Notifications published to the topic. */
  notificationsSent: 'NotificationsSent',
  /** Changes without a notification, since the order was further on or on another branch. */
  staleNotifications: 'StaleNotifications',
  /** Customers reminded of an order that waits. */
  remindersSent: 'RemindersSent',
  /** Events that no retry can help. */
  poisonEvents: 'PoisonEvents',
  /** Events that reached analytics, by their `eventType`: a contract's detail-type, or `unknown`. */
  eventsReceived: 'EventsReceived',
  /** Daily reports published: one each day. */
  dailyReportsPublished: 'DailyReportsPublished',
} as const;

export type MetricName = (typeof METRICS)[keyof typeof METRICS];
