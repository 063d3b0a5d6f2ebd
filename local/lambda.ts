import type { Resource } from './assembly';

export interface InvocationResult {
  readonly statusCode: 200;
  /** JSON text: what the handler returned, or `{errorType, errorMessage, trace}`. */
  readonly payload: string;
  readonly functionError?: 'Unhandled';
  /** The last 4 KiB of what the invocation logged, as `LogType: Tail` gives it (not base64). */
  readonly logTail: string;
}

/** The function has as many environments as it may have, and all are busy. */
export declare class TooManyRequestsError extends Error {
  override readonly name: 'TooManyRequestsException';
}

export declare class LambdaFunction {
  readonly name: string;
  readonly arn: string;
  readonly resource: Resource;
  /**
   * Synchronous invocation (`RequestResponse`).
   * @param trace the caller's X-Amzn-Trace-Id
   * @throws TooManyRequestsError when throttled
   */
  invoke(payload: string, trace?: string): Promise<InvocationResult & { requestId: string }>;
  /** Asynchronous invocation (`Event`): queued, and retried by Lambda. Returns the request id. */
  invokeAsync(payload: string, trace?: string): string;
}
