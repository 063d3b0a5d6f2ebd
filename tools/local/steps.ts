/**
 * Steps of a run, in the terms of the services, for the live log, `--json` and the tests. A step is a plain JSON
 * object; its consequences are found by its ids: `eventId` (an event on a bus), `requestId` (an invocation) and
 * `trace` (the call that an invocation made). `step-schema.ts` has the same as a JSON Schema.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { BusEvent } from '../eventbridge/event';

/** One delivery of an event by a rule to one of its targets. */
interface Delivery {
  eventId: string;
  rule: string;
  /** The target's `Id` in the rule. */
  target: string;
  targetArn: string;
}

export type Step =
  // EventBridge
  | { kind: 'event-put'; bus: string; eventId: string; event: BusEvent }
  | { kind: 'event-refused'; source: string; detailType: string; code: string; message: string }
  /** The entry was taken, as EventBridge does, but there is no such bus: nobody will ever see the event. */
  | { kind: 'event-dropped'; bus: string; eventId: string; reason: string }
  | { kind: 'event-archived'; archive: string; eventId: string }
  | { kind: 'rule-matched'; eventId: string; rule: string }
  /** The rule nearly took the event: `reason` says which field did not match, and why. */
  | { kind: 'rule-missed'; eventId: string; rule: string; field: string; reason: string }
  | { kind: 'schedule-fired'; rule: string; eventId: string; event: BusEvent }
  /** A delivery that waited to be tried again when an earlier run ended. */
  | ({ kind: 'delivery-resumed'; event: BusEvent } & Delivery)
  /** `isRecorded`: nothing runs the target here. */
  | ({
      kind: 'delivered';
      payload: string;
      requestId?: string;
      attempt: number;
      isRecorded?: boolean;
      /** Permission of the call: the action, and the policy's statement. */
      allowedBy?: string;
    } & Delivery)
  | ({
      kind: 'delivery-failed';
      code: string;
      message: string;
      attempt: number;
      /** Absent when it is not tried again. */
      retryInMs?: number;
    } & Delivery)
  | ({ kind: 'dead-lettered'; queue: string; attributes: Record<string, string> } & Delivery)
  /** The event reached neither its target nor a dead-letter queue. */
  | ({ kind: 'delivery-lost'; code: string; message: string } & Delivery)
  /** The rule was enabled or disabled while the stack runs. */
  | { kind: 'rule-changed'; rule: string; state: 'ENABLED' | 'DISABLED' }
  /** The stack's clock was moved forward; both are times in ISO 8601. */
  | { kind: 'clock-moved'; from: string; to: string }
  | { kind: 'replay-changed'; replay: string; state: string; replayed: number; reason?: string }
  // Lambda
  | {
      kind: 'invocation-started';
      function: string;
      requestId: string;
      attempt: number;
      coldStart: boolean;
      /** The trace header that this invocation's own calls carry. */
      callTrace: string;
    }
  | {
      kind: 'invocation-succeeded';
      function: string;
      requestId: string;
      attempt: number;
      durationMs: number;
      /** JSON text that the handler returned. */
      result: string;
    }
  | {
      kind: 'invocation-failed';
      function: string;
      requestId: string;
      attempt: number;
      durationMs: number;
      errorType: string;
      errorMessage: string;
      /** Lines of the stack trace, with positions in the source where there is a source map. */
      frames?: string[];
      retryInMs?: number;
    }
  | { kind: 'invocation-throttled'; function: string; requestId: string; retryInMs: number }
  /** All attempts are used up; the envelope went to the function's on-failure destination. */
  | {
      kind: 'invocation-given-up';
      function: string;
      requestId: string;
      condition: string;
      destination: string;
    }
  /** All attempts are used up and there is no destination, or it could not be reached. */
  | { kind: 'invocation-lost'; function: string; requestId: string; condition: string; message: string }
  /** A call of the handler to a host (`name:port`) that it may not reach failed. */
  | { kind: 'egress-refused'; function: string; requestId?: string; host: string }
  | { kind: 'log-line'; function: string; requestId?: string; logGroup: string; message: string }
  // Step Functions; `machine` and `execution` are names
  | { kind: 'execution-started'; machine: string; execution: string; eventId?: string; input: string }
  | { kind: 'state-entered'; machine: string; execution: string; eventId?: string; state: string }
  | { kind: 'state-exited'; machine: string; execution: string; eventId?: string; state: string }
  /**
   * A failure that is tried again, or that another state catches; if neither, the execution fails, or the state that
   * has it.
   */
  | {
      kind: 'state-failed';
      machine: string;
      execution: string;
      eventId?: string;
      state: string;
      error: string;
      cause: string;
      retryInMs?: number;
      /** Name of the state that is next. */
      caughtBy?: string;
    }
  | {
      kind: 'execution-ended';
      machine: string;
      execution: string;
      eventId?: string;
      status: 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';
      /** Duration by the stack's clock. */
      durationMs: number;
      /** JSON text, if it succeeded. */
      output?: string;
      error?: string;
      cause?: string;
    }
  // The services that handlers call
  | { kind: 'item-written'; table: string; key: Record<string, unknown>; item: Record<string, unknown> }
  /** `expired`: not by a request, but by the table's time to live. */
  | { kind: 'item-deleted'; table: string; key: Record<string, unknown>; expired: boolean }
  | { kind: 'message-published'; topic: string; subject?: string; body: string; subscribers: number }
  | {
      kind: 'notification-undelivered';
      topic: string;
      messageId: string;
      protocol: string;
      endpoint: string;
      reason: string;
    }
  | {
      kind: 'message-sent';
      queue: string;
      messageId: string;
      body: string;
      attributes: Record<string, string>;
    }
  | { kind: 'message-received'; queue: string; messageId: string; receiveCount: number }
  | { kind: 'message-deleted'; queue: string; messageId: string }
  /** A message that was received as often as the queue lets it be, and moved to another. */
  | {
      kind: 'message-moved';
      queue: string;
      to: string;
      messageId: string;
      body: string;
      receiveCount: number;
    }
  /** A batch of a queue's messages was handed to a function; the failed ones stay in the queue. */
  | { kind: 'batch-handled'; queue: string; function: string; messages: number; failed: number }
  /** Messages that the function's filters do not let through, and that are deleted from the queue. */
  | { kind: 'messages-filtered'; queue: string; function: string; messages: number }
  /** A pipe could not put a batch of records on its bus. */
  | { kind: 'pipe-failed'; pipe: string; records: number; message: string; retryInMs?: number }
  /** A pipe gave records up, and told of their place in its dead-letter queue. */
  | { kind: 'pipe-given-up'; pipe: string; records: number; condition: string; queue: string }
  /** A pipe gave records up, and no dead-letter queue knows of them. */
  | { kind: 'pipe-lost'; pipe: string; records: number; condition: string; message: string }
  | { kind: 'records-put'; stream: string; count: number; bytes: number }
  | { kind: 'object-written'; bucket: string; key: string; records: number; bytes: number }
  /** A state of the stack's own alarm, by the metrics that the run counts. */
  | { kind: 'alarm-changed'; alarm: string; from: string; to: string; reason: string }
  | { kind: 'access-denied'; principal: string; action: string; resource: string; reason: string };

/** A component calls it for each step that it makes. */
export type StepListener = (step: Step) => void;

/** A step with its time, and with what ties it to others. All times are ISO 8601, of the stack's clock. */
export type TimedStep = {
  at: string;
  /** Trace header of the request that it belongs to. */
  trace?: string;
  /** The event that it happened for, if it is known. */
  eventId?: string;
  /** Time at which it is tried again. */
  dueAt?: string;
  /** Statement that allowed the delivery, or the call that it is a part of, e.g. `sqs:SendMessage by DlqPolicy`. */
  allowedBy?: string;
  /** Milliseconds from the begin of the call that it is a part of. */
  callMs?: number;
  /** Account and region of a stack that runs beside the first one; absent for the first one's own steps. */
  account?: string;
  region?: string;
} & Step;

/** The request at hand. */
export interface CurrentRequest {
  /** Value of `X-Amzn-Trace-Id`. */
  readonly trace?: string | undefined;
  /** Milliseconds since 1970-01-01 UTC, of the stack's clock. */
  readonly startedAt: number;
  /** Set once the caller's policies have allowed it. */
  allowedBy?: string;
}

const requests = new AsyncLocalStorage<CurrentRequest>();

/**
 * Does `work` as part of a request. The SDK sends the trace header with every call that is made inside a function, as
 * the invocation's own, so that the call can be told from the calls of others.
 */
export function withRequest<Result>(request: CurrentRequest, work: () => Result): Result {
  return requests.run(request, work);
}

export function currentRequest(): CurrentRequest | undefined {
  return requests.getStore();
}
