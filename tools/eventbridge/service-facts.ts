/**
 * Quotas, defaults and delays of EventBridge and of Lambda's asynchronous invocation, each with its source. Quotas are
 * those of an account that never asked for more, in us-east-1.
 */

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html */
export const PUT_EVENTS = {
  /** Entries of one request. */
  maxEntries: 10,
  /** Sum of the sizes of a request's entries, in bytes (`entrySize`). A publisher stays below it, as AWS advises. */
  maxBytes: 1_048_576,
  /** Characters. */
  maxDetailTypeLength: 128,
} as const;

/**
 * Nesting of JSON that the service's reader allows, in patterns and in events (Jackson's default).
 * @see https://github.com/FasterXML/jackson-core/wiki/StreamReadConstraints
 */
export const MAX_NESTING = 1_000;

/**
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
 */
export const RULE = {
  maxRulesOfBus: 300,
  /** Characters. */
  maxNameLength: 64,
  maxDescriptionLength: 512,
  maxScheduleLength: 256,
  /** Characters; a quota that can be raised up to the API's own limit. */
  maxPatternLength: 2_048,
  /** Limit of the API, for TestEventPattern too. */
  maxApiPatternLength: 4_096,
  /** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html ($or) */
  maxOrCombinations: 1_000,
} as const;

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html */
export const TARGET = {
  maxTargetsOfRule: 5,
  /** Characters. */
  maxIdLength: 64,
  /** Characters of `Input`, and of `InputTransformer.InputTemplate`. */
  maxInputLength: 8_192,
  maxInputPathLength: 256,
  /** Entries of `InputTransformer.InputPathsMap`. */
  maxInputPaths: 100,
} as const;

/**
 * Retries of EventBridge when a target throttles or fails.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 */
export const DELIVERY_RETRY = {
  defaultAttempts: 185,
  defaultAgeSeconds: 86_400,
  minAgeSeconds: 60,
  /** Maximum, and the default. */
  maxAttempts: 185,
  maxAgeSeconds: 86_400,
} as const;

/**
 * Wait before the next attempt of a delivery: exponential back-off with jitter. The service does not publish its own;
 * with the default policy this one makes 185 attempts in about 24 hours, as the documentation says.
 * @param attempts completed ones, from 1 on
 * @param random in [0, 1)
 * @returns milliseconds
 */
export function deliveryBackOffMs(attempts: number, random: number): number {
  return Math.min(1_000 * 2 ** (attempts - 1), 600_000) * (0.5 + random / 2);
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateArchive.html */
export const ARCHIVE = {
  /** Characters. */
  maxNameLength: 48,
} as const;

/** @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html */
export const REPLAY = {
  /** Replays of an account that are STARTING or RUNNING. */
  maxActive: 10,
  /** Events reach an archive with a delay: wait so long after the last one before replaying it. */
  archiveDelayMs: 600_000,
} as const;

/**
 * Lambda's asynchronous invocation, which is how EventBridge calls a function.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */
export const ASYNC_INVOCATION = {
  /** Retries of what the handler threw; also the most that can be set. */
  defaultRetries: 2,
  /** Wait before each of these retries. */
  retryDelaysSeconds: [60, 120],
  defaultAgeSeconds: 21_600,
  minAgeSeconds: 60,
  maxAgeSeconds: 21_600,
  /** Payload, in bytes. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
  maxPayloadBytes: 1_048_576,
} as const;

/**
 * Wait before a throttled asynchronous event is tried again: from 1 second, doubled up to 5 minutes.
 * @param throttles so far, from 1 on
 * @returns milliseconds
 * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */
export function throttleDelayMs(throttles: number): number {
  return Math.min(1_000 * 2 ** (throttles - 1), 300_000);
}
