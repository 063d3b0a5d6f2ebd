/**
 * Types of `/_page/api`, shared by the server and the page. All times are ISO 8601 in UTC, all durations milliseconds.
 */
import type { TimedStep } from '../local/steps';
import type { PlacedFlow } from '../proof/routes/flow-layout';

/**
 * A step with its number in the run (1, 2, 3, …) and the machine's time, which does not stop with the stack's clock.
 */
export type NumberedStep = TimedStep & { readonly seq: number; readonly wall: string };

/**
 * `on-its-way`: a hop is running. `waiting`: none is running, and at least one is retried later. `failed`: a target
 * failed for the last time. `unmatched`: no rule matched.
 */
export type EventState = 'on-its-way' | 'handled' | 'waiting' | 'failed' | 'unmatched';

/** A rule's delivery of an event to one of its targets, up to the end of what the target did with it. */
export interface Hop {
  readonly rule: string;
  /** Physical name of the target. */
  readonly target: string;
  readonly state: Exclude<EventState, 'unmatched'>;
  /** Number of attempts of the delivery, or of the invocation once it was delivered. */
  readonly attempt: number;
  /** Time of the next retry, by the stack's clock. */
  readonly retryAt?: string;
  /** Reason why it failed or waits. One line. */
  readonly reason?: string;
  /** Name of the queue where the event ended. */
  readonly queue?: string;
}

export interface EventSummary {
  readonly eventId: string;
  /** Increases with each change of the summary. */
  readonly revision: number;
  /** Time when it was put, by the stack's clock. */
  readonly at: string;
  /** Time when it was put, by the machine's clock. */
  readonly wall: string;
  readonly source: string;
  readonly detailType: string;
  /** Id of the entity that the app describes, e.g. an order's. */
  readonly entity?: string;
  readonly correlationId?: string;
  /** Value of the detail that distinguishes events of a type, e.g. `SHIPPED`. */
  readonly label?: string;
  /** Name of the replay that brought it. */
  readonly replay?: string;
  readonly state: EventState;
  readonly hops: readonly Hop[];
  /** Time from the put to the end of the last step. */
  readonly tookMs: number;
}

export interface EventDetail {
  readonly summary: EventSummary;
  /** The event as it was on the bus. */
  readonly event: object;
  /** Steps that are still kept, in order. */
  readonly steps: readonly NumberedStep[];
  /** True if earlier steps were dropped to limit memory. */
  readonly incomplete: boolean;
}

/** A table's item before and after a write of the event. */
export interface ItemChange {
  /** Number of the step that wrote it. */
  readonly seq: number;
  /** Item before the write; null: there was none; undefined: not known to this run. */
  readonly before?: object | null;
}

export interface MissedField {
  /** Dotted path, e.g. `detail.status`. */
  readonly path: string;
  /** The event's value: absent if it has no such field, a list if it has several. */
  readonly value?: unknown;
  /** The field's list in the pattern. */
  readonly allowed: readonly unknown[];
  /** Pattern and event in words. */
  readonly reason: string;
}

/** A rule of the event's bus that did not match. */
export interface Miss {
  readonly rule: string;
  /** Fields that did not match. Empty if the rule was disabled. */
  readonly fields: readonly MissedField[];
  /** Number of alternatives of a pattern with `$or`; the fields are those of the closest one. */
  readonly alternatives?: number;
}

/** Input transformer of a rule's target, as in the template. */
export interface Transform {
  readonly rule: string;
  /** Physical name of the target. */
  readonly target: string;
  /** Paths of the variables, by name, e.g. `$.detail.status`. */
  readonly paths: Readonly<Record<string, string>>;
  readonly template: string;
}

export interface EventPage extends EventDetail {
  readonly misses: readonly Miss[];
  readonly transforms: readonly Transform[];
  readonly items: readonly ItemChange[];
  /** Fields of the detail with personal data. */
  readonly personalData: readonly string[];
}

export type { NodeKind } from '../proof/routes/flow';
export type { PlacedEdge, PlacedFlow, PlacedNode } from '../proof/routes/flow-layout';

/** Counts by physical name. */
export type Counts = Readonly<Record<string, number>>;

export interface Broken {
  readonly id: string;
  /** Physical name of the function or rule. */
  readonly hop: string;
  readonly kind: 'throttle' | 'fail' | 'time-out' | 'deny';
  /** Number of calls that are still to fail; absent: until the fault is removed. */
  readonly left?: number;
}

/** Events that are new or changed, and the state beside them. */
export interface PageUpdate {
  /** Number of the newest step that it includes. */
  readonly seq: number;
  /** Time of the stack's clock. */
  readonly now: string;
  readonly events: readonly EventSummary[];
  /** Number of events at each node, by physical name. */
  readonly met: Counts;
  /** Number of times that an edge was passed, by the physical names of its ends, `from to`; `* to` from any node. */
  readonly passed: Counts;
  /** Number of visible messages of each queue. */
  readonly queues: Counts;
  /** Due time of the next retry, schedule or other timer, if there is one. */
  readonly nextDue?: string;
  /** Names of disabled rules. */
  readonly disabled: readonly string[];
  readonly broken: readonly Broken[];
  /** Number of events that were dropped to limit memory. */
  readonly dropped: number;
}

/**
 * Message of the stream of changes: the events that changed since the last message, and of the rest only what changed
 * since then. Of counts, that is the entries that changed. `nextDue` is null when nothing is due any more.
 */
export type Delta = Pick<PageUpdate, 'seq' | 'now' | 'events'> &
  Partial<Omit<PageUpdate, 'nextDue'>> & {
    readonly nextDue?: string | null;
    /** Minimum time from one message to the next, in milliseconds: longer while the run needs the processors. */
    readonly frameMs?: number;
  };

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

export interface Snapshot extends PageUpdate {
  readonly stackName: string;
  readonly endpoint: string;
  readonly speed: number;
  /** Start of the run. */
  readonly startedAt: string;
  readonly flow: PlacedFlow;
  readonly contracts: readonly ContractForm[];
  /** Names of the custom buses. */
  readonly buses: readonly string[];
  readonly entityName: string;
  /** Maximum number of events that are kept. */
  readonly capacity: number;
  /** Stacks of other accounts or regions that run beside it, which the page does not show. */
  readonly beside: readonly StackBeside[];
}

export interface StackBeside {
  readonly stackName: string;
  readonly account: string;
  readonly region: string;
  readonly endpoint: string;
}

/** Prediction for an entry; nothing is sent. */
export interface DryRun {
  /** Reason why the contract refuses it. */
  readonly problem?: { readonly field: string; readonly message: string };
  readonly rules: readonly {
    readonly rule: string;
    /** Present if the rule would match. */
    readonly targets?: readonly { readonly name: string; readonly refuses?: string }[];
    readonly misses?: readonly MissedField[];
    /** Number of alternatives of a pattern with `$or`; the misses are those of the closest one. */
    readonly alternatives?: number;
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
  /** The oldest messages, at most 200. */
  readonly messages: readonly FailedMessage[];
}

export interface StackState {
  readonly queues: readonly QueueContents[];
  readonly tables: readonly {
    readonly name: string;
    readonly key: readonly string[];
    readonly count: number;
    /** Items, at most 200. */
    readonly items: readonly Readonly<Record<string, unknown>>[];
  }[];
  readonly topics: readonly {
    readonly name: string;
    readonly subscribers: number;
    readonly messages: readonly {
      readonly at: string;
      readonly subject?: string;
      readonly body: string;
      /** Text for the reader: `body` of a JSON body, an alarm's description, otherwise the whole body. */
      readonly text: string;
    }[];
  }[];
  readonly streams: readonly {
    readonly name: string;
    readonly records: number;
    readonly objects: readonly { readonly key: string; readonly records: number; readonly bytes: number }[];
  }[];
  readonly alarms: readonly {
    readonly name: string;
    readonly state: string;
    readonly reason: string;
    /** Description from the template; it names the entry of the runbook. */
    readonly description: string;
  }[];
  readonly rules: readonly string[];
  readonly functions: readonly string[];
}

export interface RedriveResult {
  readonly sent: number;
  readonly left: readonly { readonly messageId: string; readonly why: string }[];
}

/** A statement of a proof about a resource of the template. */
export interface ReportEntry {
  /** Short name of the kind, e.g. `dead-rule` or `permission`; absent if there is only one. */
  readonly kind?: string;
  /** One sentence. */
  readonly message: string;
  /** Logical id and type of the resource, and the construct that made it. */
  readonly about?: string;
}

export interface RouteRule {
  readonly name: string;
  /** Name of the bus. */
  readonly bus: string;
  readonly isEnabled: boolean;
  readonly description?: string;
  /** Pattern as in the template. */
  readonly pattern: unknown;
  /** Consumer, function or id of each target. */
  readonly targets: readonly string[];
}

export interface RouteDelivery {
  readonly target: string;
  /** Payload; absent if it is the event as it is, or nothing is delivered. */
  readonly payload?: string;
  /** Reason why the payload cannot be delivered, or is refused. */
  readonly problem?: string;
}

/** Result of a rule for the event of a row. `refused`: it matches, and a target refuses the payload. */
export interface RouteCell {
  readonly outcome: 'accepted' | 'refused' | 'missed';
  /** Fields that kept the rule from matching. */
  readonly misses: readonly { readonly field: string; readonly reason: string }[];
  /** Number of alternatives of a pattern with `$or`; the misses are those of the closest one. */
  readonly alternatives?: number;
  readonly deliveries: readonly RouteDelivery[];
}

/** Events of a contract that have the same results. */
export interface RouteRow {
  /** `source/detail-type`. */
  readonly contract: string;
  readonly label: string;
  /** True for events that no contract allows, but nearly. */
  readonly isNearMiss: boolean;
  /** The first of them. */
  readonly event: object;
  /** Results in the order of the rules. */
  readonly cells: readonly RouteCell[];
  /** Names of the archives that store them. */
  readonly archives: readonly string[];
}

export interface RoutesReport {
  /** Rules with a pattern. */
  readonly rules: readonly RouteRule[];
  /** Names of the archives. */
  readonly archives: readonly string[];
  /** Empty if no contract is described. */
  readonly rows: readonly RouteRow[];
  readonly schedules: readonly {
    readonly rule: string;
    readonly expression: string;
    /** Absent if it never fires. */
    readonly next?: string;
    readonly deliveries: readonly RouteDelivery[];
  }[];
  /** Statements about all events that the contracts allow, as lines of `npm run routes`. */
  readonly decisions: readonly string[];
  readonly findings: readonly ReportEntry[];
  readonly unknown: readonly ReportEntry[];
  readonly notLookedAt: readonly ReportEntry[];
  readonly warnings: readonly string[];
}

export interface AuditHop {
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  /** `-`: there is no such thing on this hop. */
  readonly retry: string;
  readonly ageLimit: string;
  readonly whenAllFails: string;
  readonly encryption: string;
  readonly permissions: readonly { readonly needed: string; readonly reason: string }[];
  /** Names of the alarms that tell of a failure. */
  readonly alarms: readonly string[];
  readonly gaps: readonly ReportEntry[];
  readonly unknown: readonly ReportEntry[];
}

export interface AuditReport {
  readonly hops: readonly AuditHop[];
  readonly notLookedAt: readonly ReportEntry[];
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
}

export interface BillReport {
  readonly months: readonly {
    readonly events: number;
    readonly usd: number;
    /** Largest first. */
    readonly items: readonly { readonly name: string; readonly usd: number }[];
  }[];
  /** Reason why there is no bill. */
  readonly missing?: string;
  /** Resources whose cost is not in the bill. */
  readonly notPriced: readonly ReportEntry[];
}
