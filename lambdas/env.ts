/**
 * Names of the environment variables that connect the stack to the handlers: `lib` sets them, the handlers read them.
 */
export type EnvironmentVariable =
  /** Name of the orders table. */
  | 'TABLE_NAME'
  /** Days after its last change that an order is kept. Unset: for ever. */
  | 'ORDER_DAYS'
  /** Name of the table with the latest daily reports. */
  | 'REPORTS_TABLE_NAME'
  /** Name of the index by which the report finds a day's orders. Unset: the one with each order's status. */
  | 'REPORT_INDEX_NAME'
  /** ARN of the topic that notifications are published to. */
  | 'SNS_TOPIC_ARN'
  /** Name of the Firehose delivery stream that analytics records are put to. */
  | 'FIREHOSE_STREAM'
  /** Recording of an event without a contract: `NAMES` of its fields, or its whole detail, `REDACTED`. */
  | 'UNKNOWN_EVENT_DETAIL'
  /** Name (or ARN) of the bus that events are published to. */
  | 'EVENT_BUS_NAME'
  /** Name of the table with the notifications that were already sent. */
  | 'IDEMPOTENCY_TABLE_NAME'
  /** Days after an order's creation at which its reminder is due. */
  | 'REMINDER_DAYS'
  /** Name of the group that the schedules of reminders are made in. */
  | 'REMINDER_GROUP_NAME'
  /** ARN of the role by which Scheduler puts reminders on the bus. */
  | 'REMINDER_ROLE_ARN'
  /** ARN of the bus that reminders are put on. */
  | 'REMINDER_BUS_ARN'
  /** ARN of the queue for reminders that Scheduler could not put on the bus. */
  | 'REMINDER_DEAD_LETTER_QUEUE_ARN'
  /** Tries of Scheduler after the first, and the seconds within which it makes them: `3/3600`. */
  | 'REMINDER_RETRIES';

export class MissingEnvironmentVariableError extends Error {
  override readonly name = 'MissingEnvironmentVariableError';
  constructor(readonly variable: EnvironmentVariable) {
    super(`Environment variable ${variable} is not set; it must be a non-empty string.`);
  }
}

/** Days after its last change that an order is kept; undefined: for ever. */
export function readOrderDays(): number | undefined {
  const name: EnvironmentVariable = 'ORDER_DAYS';
  return process.env[name] ? Number(process.env[name]) : undefined;
}

/**
 * Reads one variable. Handlers call it while their module loads, so that a missing one fails the start of the
 * function instead of a later event.
 * @throws MissingEnvironmentVariableError if it is unset or empty
 */
export function readEnvironment(variable: EnvironmentVariable): string {
  const value = process.env[variable];
  if (!value) throw new MissingEnvironmentVariableError(variable);
  return value;
}
