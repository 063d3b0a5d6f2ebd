/** Completes the steps of a run: the event that each happened for, when it is due again, and how long a call took. */
import { defined } from '../defined';
import type { CurrentRequest, Step, TimedStep } from './steps';

/** Invocations and messages that are remembered: what follows them comes within moments, or after a retry. */
const REMEMBERED = 50_000;

export class StepLinks {
  /** Id of the event by the id of an invocation or of a message. */
  readonly #events = new Map<string, string>();
  /** Request id of the invocation whose calls carry a trace header. */
  readonly #callers = new Map<string, string>();

  /** @param now time of the stack's clock, in milliseconds since 1970-01-01 UTC */
  complete(step: Step, now: number, request: CurrentRequest | undefined): TimedStep {
    const { trace, startedAt, allowedBy } = request ?? {};
    const eventId = this.#eventOf(step, trace);
    const retryInMs = 'retryInMs' in step ? step.retryInMs : undefined;
    return {
      at: new Date(now).toISOString(),
      ...defined({ trace }),
      ...(trace !== undefined && startedAt !== undefined && { callMs: now - startedAt }),
      ...defined({ eventId }),
      ...(trace !== undefined && allowedBy !== undefined && { allowedBy }),
      ...(retryInMs !== undefined && { dueAt: new Date(now + retryInMs).toISOString() }),
      ...step,
    };
  }

  #eventOf(step: Step, trace: string | undefined): string | undefined {
    if ('eventId' in step) {
      if (step.kind === 'delivered' && step.requestId !== undefined)
        remember(this.#events, step.requestId, step.eventId);
      return step.eventId;
    }
    if ('requestId' in step && step.requestId !== undefined) {
      if (step.kind === 'invocation-started') remember(this.#callers, step.callTrace, step.requestId);
      return this.#events.get(step.requestId);
    }
    if ('messageId' in step) {
      const known = this.#events.get(step.messageId);
      if (known !== undefined || step.kind !== 'message-sent') return known;
    }
    const caller = trace === undefined ? undefined : this.#callers.get(trace);
    const eventId =
      (caller === undefined ? undefined : this.#events.get(caller)) ??
      (step.kind === 'message-sent' ? this.#eventIn(step.body) : undefined);
    if (step.kind === 'message-sent' && eventId !== undefined)
      remember(this.#events, step.messageId, eventId);
    return eventId;
  }

  /** The event of a message that a service sent: it is the event, or an envelope that names the invocation. */
  #eventIn(body: string): string | undefined {
    let message: unknown;
    try {
      message = JSON.parse(body);
    } catch {
      return undefined;
    }
    const { id, source, requestContext } = Object(message);
    const requestId = Object(requestContext).requestId;
    if (typeof requestId === 'string') return this.#events.get(requestId);
    return typeof id === 'string' && typeof source === 'string' ? id : undefined;
  }
}

/** @param from time before, in milliseconds since 1970-01-01 UTC, as `to` */
export const clockMoved = (from: number, to: number): Step => ({
  ...{ kind: 'clock-moved', from: new Date(from).toISOString(), to: new Date(to).toISOString() },
});

/** Keeps only the newest entries. */
function remember(map: Map<string, string>, key: string, value: string): void {
  map.set(key, value);
  if (map.size <= REMEMBERED) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
