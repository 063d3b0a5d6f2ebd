/** Faults of a simulation. Each is a record of its own: the call of a hop that it strikes, and what happens to it. */
import type { App } from '../app';
import type { Random } from './random';

/** Fault of a call of AWS. */
export const CALL_FAULTS = {
  throttled: 'refused as throttled, without an effect',
  refused: 'refused with an error of the service, without an effect',
  'access-denied': 'refused as if the role did not allow it',
  'connection-lost': 'the connection breaks before the service has the request',
  'answer-lost': 'done, and the connection breaks before the answer',
  'late-effect': 'done after the client has given up waiting',
  'late-answer': 'done, and answered after the client has given up waiting',
  'killed-before': "the function's environment ends before the service has the request",
  'killed-after': 'done, and the environment ends before the answer',
  'partly-failed': 'done for all entries but the first, which fails',
  'entries-refused': 'answered that every entry failed, without an effect, at four calls in a row',
} as const;

/** Fault of an invocation. */
export const INVOKE_FAULTS = {
  throws: 'the handler fails before it does anything',
  'times-out': 'the handler is cut off at its time limit before it does anything',
} as const;

/** Fault of a delivery of a rule. */
export const DELIVERY_FAULTS = {
  duplicated: 'the target gets the event twice',
  'target-throttled': 'the target refuses it as throttled; it is tried again',
  'target-failed': 'the target fails; it is tried again',
  'target-denied': 'the target refuses it for good: it goes to the dead-letter queue',
} as const;

/** Fault of the last place that an event can go to. */
export const QUEUE_FAULTS = {
  'queue-denied': 'the queue for what failed refuses it: the event is lost, which an alarm must say',
} as const;

export const FAULT_KINDS = { ...CALL_FAULTS, ...INVOKE_FAULTS, ...DELIVERY_FAULTS, ...QUEUE_FAULTS };
export type FaultKind = keyof typeof FAULT_KINDS;

export interface PlannedFault {
  /** E.g. `f3`. */
  readonly id: string;
  /** `<who> <action>`, `<consumer> invoke`, `<consumer> deliver`, `<consumer> dead-letter` or `<consumer> give-up`. */
  readonly hop: string;
  /** Number of the call of the hop that it strikes, from 1. */
  readonly call: number;
  readonly kind: FaultKind;
}

/** Name under which whoever publishes calls AWS. */
export const PUBLISHER = 'publisher';

/** Number of times that a client sends an entry. */
const REFUSALS = 4;

/** Actions whose answer can fail for some entries. */
const BATCHES: readonly string[] = ['events:PutEvents', 'firehose:PutRecordBatch'];

/** A random subset of the kinds strikes, each at random calls. */
export function drawFaults(app: App, random: Random, events: number): PlannedFault[] {
  const hops: [hop: string, kinds: FaultKind[]][] = [
    [`${PUBLISHER} events:PutEvents`, callKinds('events:PutEvents', true)],
  ];
  for (const [name, { calls }] of Object.entries(app.consumers)) {
    hops.push([`${name} invoke`, Object.keys(INVOKE_FAULTS) as FaultKind[]]);
    hops.push([`${name} deliver`, Object.keys(DELIVERY_FAULTS) as FaultKind[]]);
    for (const action of calls.flatMap(({ actions }) => actions)) {
      hops.push([`${name} ${action}`, callKinds(action, false)]);
    }
  }
  const on = new Set((Object.keys(FAULT_KINDS) as FaultKind[]).filter(() => random.chance(0.5)));
  const count = Math.ceil(events / 2) + random.below(events + 1);
  const faults: PlannedFault[] = [];
  for (let index = 0; index < count; index++) {
    const [hop, kinds] = random.pick(hops);
    const kind = random.pick(kinds);
    const call = 1 + random.below(Math.ceil(events / 2));
    if (on.has(kind)) faults.push({ id: `f${index + 1}`, hop, call, kind });
  }
  return [...faults, ...drawQueueFaults(app, random)];
}

/** Draws faults of queues. They strike rarely, since little is checked of an event that is lost. */
function drawQueueFaults(app: App, random: Random): PlannedFault[] {
  if (!random.chance(0.15)) return [];
  const hops = Object.keys(app.consumers).flatMap((name) => [`${name} dead-letter`, `${name} give-up`]);
  return hops
    .filter(() => random.chance(0.4))
    .map((hop, index) => ({ id: `q${index + 1}`, hop, call: 1 + random.below(2), kind: 'queue-denied' }));
}

function callKinds(action: string, isPublisher: boolean): FaultKind[] {
  return (Object.keys(CALL_FAULTS) as FaultKind[]).filter(
    (kind) =>
      (BATCHES.includes(action) || (kind !== 'partly-failed' && kind !== 'entries-refused')) &&
      !(isPublisher && kind.startsWith('killed')),
  );
}

/** The faults of a run, each used once. */
export class FaultPlan {
  readonly #byCall = new Map<string, PlannedFault>();
  readonly #calls = new Map<string, number>();
  /** Number of faults that struck, by kind. */
  readonly struck = new Map<FaultKind, number>();
  isOff = false;

  constructor(faults: readonly PlannedFault[]) {
    for (const fault of faults) {
      const calls = fault.kind === 'entries-refused' ? REFUSALS : 1;
      for (let more = 0; more < calls; more++) this.#byCall.set(`${fault.hop} ${fault.call + more}`, fault);
    }
  }

  /** Counts a call of the hop. @returns the fault that strikes it */
  take(hop: string): PlannedFault | undefined {
    const call = (this.#calls.get(hop) ?? 0) + 1;
    this.#calls.set(hop, call);
    const fault = this.isOff ? undefined : this.#byCall.get(`${hop} ${call}`);
    if (fault) this.struck.set(fault.kind, (this.struck.get(fault.kind) ?? 0) + 1);
    return fault;
  }
}
