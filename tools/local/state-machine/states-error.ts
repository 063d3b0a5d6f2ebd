/** Errors of the states language: of an execution, and of a definition. */

/** An error of a state, which Retry and Catch go by. */
export class StatesError extends Error {
  override readonly name = 'StatesError';

  /**
   * @param error name, e.g. `States.Timeout` or a handler's own `OrderNotFound`
   * @param cause text for people; JSON where the error is a function's
   */
  constructor(
    readonly error: string,
    override readonly cause: string,
  ) {
    super(`${error}: ${cause}`);
  }
}

/** Part of a definition that Step Functions would refuse. */
export class DefinitionError extends Error {
  override readonly name = 'DefinitionError';
}

/** Part of a definition that the local run does not know, as a part of a sentence. */
export class UnknownInDefinitionError extends Error {
  override readonly name = 'UnknownInDefinitionError';
}

/** Names that end an execution whatever it catches. */
const TERMINAL = ['States.Runtime', 'States.DataLimitExceeded'];

/**
 * Checks whether an `ErrorEquals` matches the name of an error.
 * https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
 */
export function matchesError(names: readonly string[], error: string): boolean {
  if (names.includes(error)) return true;
  if (TERMINAL.includes(error)) return false;
  if (names.includes('States.ALL')) return true;
  return error !== 'States.Timeout' && names.includes('States.TaskFailed');
}

/** A `Retry` entry, with its defaults. */
export interface Retrier {
  readonly errors: readonly string[];
  readonly intervalSeconds: number;
  readonly backoffRate: number;
  readonly maxAttempts: number;
  readonly maxDelaySeconds: number;
  readonly isJittered: boolean;
}

/**
 * Wait before the next attempt.
 * @param retry number of the retry, from 1 on
 * @param random in [0, 1)
 * @returns milliseconds
 */
export function retryDelayMs(retrier: Retrier, retry: number, random: number): number {
  const { intervalSeconds, backoffRate, maxDelaySeconds, isJittered } = retrier;
  const seconds = Math.min(intervalSeconds * backoffRate ** (retry - 1), maxDelaySeconds);
  return 1_000 * seconds * (isJittered ? random : 1);
}
