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
  POWERTOOLS_SERVICE_NAME: 'service-under-test',
  POWERTOOLS_METRICS_NAMESPACE: 'namespace-under-test',
});
