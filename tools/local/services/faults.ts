/** Faults that are injected into calls of functions. */
import { defined } from '../../defined';
import type { InvocationOutcome } from './lambda-environment';
import type { World } from './world';

export interface InjectedFault {
  readonly id: string;
  /** Name of the function. */
  readonly hop: string;
  /** `deny`: its calls of AWS are refused, as if its role allowed nothing. */
  readonly kind: 'throttle' | 'fail' | 'time-out' | 'deny';
  /** Number of calls that are still to fail; absent: until it is removed. */
  readonly left?: number;
}

export class Faults {
  readonly #faults = new Map<string, InjectedFault>();

  constructor(private readonly world: Pick<World, 'uuid'>) {}

  /** @param calls how many calls to break. @default all until it is removed */
  add(hop: string, kind: InjectedFault['kind'], calls?: number): InjectedFault {
    const fault = { id: this.world.uuid(), hop, kind, ...defined({ left: calls }) };
    this.#faults.set(fault.id, fault);
    return fault;
  }

  /** @returns false if there is no such fault */
  remove(id: string): boolean {
    return this.#faults.delete(id);
  }

  list(): readonly InjectedFault[] {
    return [...this.#faults.values()];
  }

  denies(hop: string): boolean {
    return this.list().some((fault) => fault.hop === hop && fault.kind === 'deny');
  }

  /** Uses up one call of a fault of these kinds. @returns undefined if there is none */
  take(hop: string, ...kinds: InjectedFault['kind'][]): InjectedFault | undefined {
    const fault = this.list().find((each) => each.hop === hop && kinds.includes(each.kind));
    if (fault?.left === undefined) return fault;
    if (fault.left > 1) this.#faults.set(fault.id, { ...fault, left: fault.left - 1 });
    else this.#faults.delete(fault.id);
    return fault;
  }
}

/** Outcome of a call with a fault; the handler is not called. */
export function brokenOutcome(
  { kind }: InjectedFault,
  requestId: string,
  timeoutMs: number,
): InvocationOutcome {
  const isTimeout = kind === 'time-out';
  const error = isTimeout
    ? {
        errorType: 'Sandbox.Timedout',
        errorMessage: `RequestId: ${requestId} Error: Task timed out after ${(timeoutMs / 1_000).toFixed(2)} seconds`,
      }
    : { errorType: 'BrokenOnPurpose', errorMessage: 'The call was broken on purpose.' };
  return {
    status: isTimeout ? 'timeout' : 'error',
    payload: JSON.stringify(error),
    error,
    durationMs: isTimeout ? timeoutMs : 0,
    memoryBytes: 0,
  };
}
