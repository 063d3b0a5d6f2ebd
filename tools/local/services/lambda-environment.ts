/** An execution environment of a function: it handles one event at a time and stays warm for the next. */

export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

export interface InvocationOutcome {
  /** `error`: the handler threw. `failure`: the process ended or could not start. */
  readonly status: 'success' | 'error' | 'failure' | 'timeout';
  /** JSON text: what the handler returned, or the FunctionError. */
  readonly payload: string;
  readonly error?: FunctionError;
  readonly durationMs: number;
  readonly memoryBytes: number;
}

export interface InvocationRequest {
  readonly requestId: string;
  /** JSON text. */
  readonly payload: string;
  readonly functionArn: string;
  /** X-Amzn-Trace-Id of the invocation's own calls. */
  readonly trace: string;
  /** Time of the run's clock, in milliseconds since 1970-01-01 UTC. @default the machine's */
  readonly now?: number;
}

export interface EnvironmentSettings {
  /** The folder of the function's code. */
  readonly taskRoot: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly memorySizeMb: number;
  readonly timeoutSeconds: number;
  /** A debugger may attach at this port; no time limit holds then. @default none */
  readonly inspectPort?: number | undefined;
  /** Each line that the handler writes. */
  readonly onOutput: (line: string) => void;
  /** The host and port that the handler may not reach and tried to. */
  readonly onEgressRefused: (host: string) => void;
}

export interface ExecutionEnvironment {
  /** False once it has ended or was told to: it takes no more events. */
  readonly isAlive: boolean;
  /** Milliseconds until its handler was loaded; undefined before. */
  readonly initDurationMs: number | undefined;
  /** Runs one event; never rejects. Waits for the handler to be loaded first. Not to be called while one runs. */
  invoke(invocation: InvocationRequest): Promise<InvocationOutcome>;
  /** Ends it at once, whatever it does, and resolves when it is gone. */
  stop(): Promise<void>;
}

/** Messages from the runtime. */
export type Message =
  | { kind: 'ready' }
  | { kind: 'succeeded'; payload: string; memoryBytes: number }
  | { kind: 'failed'; error: FunctionError; memoryBytes: number }
  | { kind: 'init-failed' | 'crashed'; error: FunctionError };

/** End of the present initialization or invocation. */
export type RuntimeResult = Message | { kind: 'exited'; reason: string } | { kind: 'timed-out' };

export interface InitFailure {
  readonly message: RuntimeResult;
  readonly durationMs: number;
}

/** Time that Lambda gives a function's code to load before the first event. */
export const INIT_TIMEOUT_MS = 10_000;

/** Outcome of an invocation that ended so. */
export function outcomeOf(
  message: RuntimeResult,
  run: { readonly requestId: string; readonly durationMs: number; readonly timeoutSeconds: number },
): InvocationOutcome {
  const { requestId, durationMs, timeoutSeconds } = run;
  const finish = (
    status: InvocationOutcome['status'],
    error: FunctionError,
    memoryBytes = 0,
  ): InvocationOutcome => ({
    status,
    payload: JSON.stringify(error),
    error,
    durationMs,
    memoryBytes,
  });
  switch (message.kind) {
    case 'succeeded': {
      const { payload, memoryBytes } = message;
      return { status: 'success', payload, durationMs, memoryBytes };
    }
    case 'failed':
      return finish('error', message.error, message.memoryBytes);
    case 'timed-out':
      return finish('timeout', {
        errorType: 'Sandbox.Timedout',
        errorMessage: `RequestId: ${requestId} Error: Task timed out after ${timeoutSeconds.toFixed(2)} seconds`,
      });
    case 'exited':
      return finish('failure', {
        errorType: 'Runtime.ExitError',
        errorMessage: `RequestId: ${requestId} Error: Runtime ${message.reason}`,
      });
    default:
      return finish('failure', 'error' in message ? message.error : unexpected(message.kind));
  }
}

/** Outcome of an invocation whose handler could not be loaded. */
export function initFailed({ message, durationMs }: InitFailure, requestId: string): InvocationOutcome {
  const error: FunctionError =
    'error' in message
      ? message.error
      : {
          errorType: message.kind === 'timed-out' ? 'Sandbox.Timedout' : 'Runtime.ExitError',
          errorMessage: `RequestId: ${requestId} Error: ${
            message.kind === 'exited' ? `Runtime ${message.reason}` : 'Task timed out after 10.00 seconds'
          }`,
        };
  return { status: 'failure', payload: JSON.stringify(error), error, durationMs, memoryBytes: 0 };
}

const unexpected = (kind: string): FunctionError => ({
  errorType: 'Runtime.Unknown',
  errorMessage: `unexpected message ${kind}`,
});
