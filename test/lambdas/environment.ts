/**
 * The environment that the stack gives to the functions. Handlers read it while they load, so a test imports
 * this file before them.
 */
Object.assign(process.env, {
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  TABLE_NAME: 'orders',
  REPORTS_TABLE_NAME: 'reports',
  IDEMPOTENCY_TABLE_NAME: 'idempotency',
  SNS_TOPIC_ARN: 'arn:aws:sns:us-east-1:123456789012:notifications',
  FIREHOSE_STREAM: 'analytics',
  EVENT_BUS_NAME: 'bus',
  REMINDER_DAYS: '3',
  REMINDER_GROUP_NAME: 'order-reminders',
  REMINDER_ROLE_ARN: 'arn:aws:iam::123456789012:role/reminders',
  REMINDER_BUS_ARN: 'arn:aws:events:us-east-1:123456789012:event-bus/bus',
  REMINDER_DEAD_LETTER_QUEUE_ARN: 'arn:aws:sqs:us-east-1:123456789012:dlq',
  REMINDER_RETRIES: '3/3600',
  POWERTOOLS_SERVICE_NAME: 'service-under-test',
  POWERTOOLS_METRICS_NAMESPACE: 'namespace-under-test',
});
