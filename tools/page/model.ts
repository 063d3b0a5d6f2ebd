/**
 * What the page is told: shapes of `/_page/api`, shared by the server and the page itself. All times are ISO 8601 in
 * UTC, all durations milliseconds.
 */
import type { TimedStep } from '../local/steps';
import type { PlacedFlow } from '../proof/routes/flow-layout';

/** A step with its place in the run (1, 2, 3, …) and the time of the machine, which goes on when the stack's stands still. */
export type NumberedStep = TimedStep & { readonly seq: number; readonly wall: string };

/**
 * `on-its-way`: something of it runs. `waiting`: all else is done, and something is tried again later.
 * `failed`: a target did not handle it for good. `unmatched`: no rule took it.
 */
export type EventState = 'on-its-way' | 'handled' | 'waiting' | 'failed' | 'unmatched';

/** A rule's delivery of an event to one of its targets, up to the end of what the target did with it. */
export interface Hop {
  readonly rule: string;
  /** Physical name of the target. */
  readonly target: string;
  readonly state: Exclude<EventState, 'unmatched'>;
  /** Attempts of the last kind: of the delivery, or of the invocation. */
  readonly attempt: number;
  /** When it is tried again, by the stack's clock. */
  readonly retryAt?: string;
  /** Why it failed, or waits. One line. */
  readonly reason?: string;
  /** The queue where the event ended. */
  readonly queue?: string;
}

export interface EventSummary {
  readonly eventId: string;
  /** Grows with each change of the summary. */
  readonly revision: number;
  /** When it was put, by the stack's clock. */
  readonly at: string;
  /** When it was put, by the machine's clock. */
  readonly wall: string;
  readonly source: string;
  readonly detailType: string;
  /** E.g. an order's id, by the app's description. */
  readonly entity?: string;
  readonly correlationId?: string;
  /** A value of the detail that tells the event from others of its type, e.g. `SHIPPED`. */
  readonly label?: string;
  /** Name of the replay that brought it. */
  readonly replay?: string;
  readonly state: EventState;
  readonly hops: readonly Hop[];
  /** From put to the end of its last step. */
  readonly tookMs: number;
}

export interface EventDetail {
  readonly summary: EventSummary;
  /** As it was on the bus. */
  readonly event: object;
  /** All steps of it that are still kept, in their order. */
  readonly steps: readonly NumberedStep[];
  /** Earlier steps were dropped, since so many came after them. */
  readonly incomplete: boolean;
}

/** A table's item before and after a write of the event. */
export interface ItemChange {
  /** Number of the step that wrote it. */
  readonly seq: number;
  /** null: it was not there; undefined: this run has not seen it before. */
  readonly before?: object | null;
}

/** A rule of the event's bus that did not take it. */
export interface Miss {
  readonly rule: string;
  /** Each field that kept it from matching, and why. Empty if the rule was disabled. */
  readonly fields: readonly { readonly field: string; readonly reason: string }[];
}

/** What a rule's input transformer makes of an event, as the template says. */
export interface Transform {
  readonly rule: string;
  /** Names of variables, and the paths that they come from, e.g. `$.detail.status`. */
  readonly paths: Readonly<Record<string, string>>;
  readonly template: string;
}

export interface EventPage extends EventDetail {
  readonly misses: readonly Miss[];
  readonly transforms: readonly Transform[];
  readonly items: readonly ItemChange[];
  /** Fields of the detail that tell who a person is. */
  readonly personalData: readonly string[];
}

export type { NodeKind } from '../proof/routes/flow';
export type { PlacedEdge, PlacedFlow, PlacedNode } from '../proof/routes/flow-layout';

/** Per physical name. */
export type Counts = Readonly<Record<string, number>>;

export interface Broken {
  readonly id: string;
  /** Physical name of the function or rule. */
  readonly hop: string;
  readonly kind: 'throttle' | 'fail' | 'time-out' | 'deny';
  /** How many calls are still to break; absent: until it is undone. */
  readonly left?: number;
}

/** What changes while one looks. */
export interface Change {
  /** The newest step that it holds. */
  readonly seq: number;
  /** The stack's clock. */
  readonly now: string;
  readonly events: readonly EventSummary[];
  /** Events that each node has met, by physical name. */
  readonly met: Counts;
  /** Visible messages of each queue. */
  readonly queues: Counts;
  /** Due time of the next retry, schedule or other timer, if there is one. */
  readonly nextDue?: string;
  /** Rules that are switched off. */
  readonly disabled: readonly string[];
  readonly broken: readonly Broken[];
  /** Events that were dropped since only so many are kept. */
  readonly dropped: number;
}

export interface ContractForm {
  readonly type: string;
  readonly source: string;
  readonly detailType: string;
  readonly version: number;
  /** JSON Schema of the detail. */
  readonly schema: object;
  readonly example: object;
  readonly personalData: readonly string[];
}

export interface Snapshot extends Change {
  readonly stackName: string;
  readonly endpoint: string;
  readonly speed: number;
  /** When the run began. */
  readonly startedAt: string;
  readonly flow: PlacedFlow;
  readonly contracts: readonly ContractForm[];
  /** Names of the custom buses. */
  readonly buses: readonly string[];
  readonly entityName: string;
  /** Most events that are kept. */
  readonly capacity: number;
}

/** What would become of an entry; nothing is sent. */
export interface DryRun {
  /** Why the contract refuses it. */
  readonly problem?: { readonly field: string; readonly message: string };
  readonly rules: readonly {
    readonly rule: string;
    /** Present if the rule would take it. */
    readonly targets?: readonly { readonly name: string; readonly refuses?: string }[];
    readonly misses?: readonly { readonly field: string; readonly reason: string }[];
  }[];
}

export interface FailedMessage {
  readonly messageId: string;
  readonly consumer?: string;
  readonly cause: string;
  readonly reason: string;
  readonly failedAt: string;
  readonly poison: boolean;
  /** EventBridge's id of the event, if the run still knows it. */
  readonly eventId?: string;
  readonly entity?: string;
}

export interface QueueContents {
  readonly name: string;
  readonly visible: number;
  /** The oldest, at most 200. */
  readonly messages: readonly FailedMessage[];
}

export interface StackState {
  readonly queues: readonly QueueContents[];
  readonly tables: readonly {
    readonly name: string;
    readonly key: readonly string[];
    readonly count: number;
    /** At most 200. */
    readonly items: readonly Readonly<Record<string, unknown>>[];
  }[];
  readonly topics: readonly {
    readonly name: string;
    readonly subscribers: number;
    readonly messages: readonly {
      readonly at: string;
      readonly subject?: string;
      readonly body: string;
      /** What a reader would see: a JSON body's `body`, otherwise the body. */
      readonly text: string;
    }[];
  }[];
  readonly streams: readonly {
    readonly name: string;
    readonly records: number;
    readonly objects: readonly { readonly key: string; readonly records: number; readonly bytes: number }[];
  }[];
  readonly alarms: readonly { readonly name: string; readonly state: string; readonly reason: string }[];
  readonly rules: readonly string[];
  readonly functions: readonly string[];
}

export interface RedriveResult {
  readonly sent: number;
  readonly left: readonly { readonly messageId: string; readonly why: string }[];
}

export interface RoutesReport {
  readonly text: string;
  readonly findings: number;
}

export interface AuditReport {
  readonly text: string;
  readonly gaps: number;
}

export interface BillReport {
  readonly months: readonly {
    readonly events: number;
    readonly usd: number;
    /** Largest first. */
    readonly items: readonly { readonly name: string; readonly usd: number }[];
  }[];
}
