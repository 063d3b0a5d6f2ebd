/**
 * Description of an application for the tools: the facts that its template does not hold. `bin` puts it together.
 * Without one the tools take `UNDESCRIBED`, and report the checks that need a description as not looked at.
 */
import type { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type * as v from 'valibot';

/** Ids that a publisher may give to an event. */
export type Ids = { readonly [Id in 'eventId' | 'correlationId' | 'causationId']?: string | undefined };

/** Reason why an event violates its contract. */
export interface Problem {
  /** Dotted path of the first field that is wrong, e.g. `detail.total`. */
  readonly field: string;
  /** One line: the event's type, the field, and the error. */
  readonly message: string;
}

type Fields = v.ObjectSchema<v.ObjectEntries, undefined>;

export interface Contract {
  readonly source: string;
  readonly detailType: string;
  /** Version of the details that `create` returns. */
  readonly version: number;
  /** `source/detail-type`. */
  readonly type: string;
  /** The detail's own fields, without its metadata. */
  readonly schema: Fields;
  readonly metadata: Fields;
  /** A valid detail, without its metadata. */
  readonly example: object;
  /** Fields of the detail with personal data. */
  readonly personalData: readonly string[];
  /** Fields that may hold anything: consumers leave out what they cannot use. */
  readonly lenient?: readonly string[];
  /**
   * Creates the detail to publish, with its metadata.
   * @throws Error if `detail` or an id violates the contract
   */
  create(detail: object, ids?: Ids): { readonly metadata: { readonly eventId: string } };
  /** Checks an event as EventBridge delivers it. @returns undefined if it is valid */
  problem(event: unknown): Problem | undefined;
  /**
   * Earlier versions that `problem` accepts, too, oldest first. Each one's own `problem` accepts no later version.
   */
  readonly earlier?: readonly Contract[];
}

/** All versions of a contract that can be read, oldest first. */
export const versionsOf = (contract: Contract): readonly Contract[] => [
  ...(contract.earlier ?? []),
  contract,
];

/** Calls to AWS that a handler makes on one resource. */
export interface HandlerCalls {
  /** Environment variable of the function that names the resource. */
  readonly on: string;
  /** E.g. `dynamodb:GetItem`. */
  readonly actions: readonly string[];
  /** Name of the table's index that is read. */
  readonly index?: string;
  /** Present if the handler makes the calls only with this value of a variable; undefined: where it is not set. */
  readonly onlyIf?: { readonly variable: string; readonly is: string | undefined };
  /** Present if items may expire: the variable with their days (unset: never), and the attribute with the time. */
  readonly keeps?: { readonly days: string; readonly expiry: string };
  /** True if the outcome of the events is stored there. */
  readonly isStore?: boolean;
  /** Present if the calls make schedules in that group of EventBridge Scheduler. */
  readonly schedules?: MadeSchedules;
}

/** One-time schedules that a handler makes, which no template has. Each puts an event on a bus. */
export interface MadeSchedules {
  /** Environment variable with the ARN of the role that the schedules have. */
  readonly role: string;
  /** Environment variable with the ARN of the bus. */
  readonly target: string;
  /** Environment variable with the ARN of the queue for what Scheduler cannot put on the bus. */
  readonly deadLetterQueue: string;
  /** Environment variable with the days from the event to the time of its schedule. */
  readonly days?: string;
  readonly publishes: { readonly source: string; readonly detailType: string };
}

/** A function that handles events. */
export interface Consumer {
  /** Patterns of the events that it handles: it must get each of them by exactly one rule, and no others. */
  readonly receives: readonly { readonly pattern: object }[];
  /** True if it takes events that a replay of the archive sends again. */
  readonly replayed: boolean;
  /** True if a setting makes its function: a template without it lacks nothing. @default false */
  readonly isOptional?: boolean;
  /** Present if a schedule calls it. */
  readonly scheduled?: ScheduledWork | undefined;
  /**
   * Reads the payload of a rule's target as the function's handler does.
   * @throws Error if the handler would reject it
   */
  accepts(payload: unknown): void;
  /**
   * Schema of what a rule's transformer makes for it. What `accepts` checks beyond it, it checks by code.
   * @default not known: what a transformer makes is tried, and not decided for all events
   */
  readonly payload?: v.GenericSchema;
  /** Fields of personal data that it may be given. */
  readonly personalData: readonly string[];
  /** Contracts whose events it publishes. */
  readonly publishes: readonly { readonly type: string }[];
  readonly calls: readonly HandlerCalls[];
  /** Maximum number of attempts of a call to AWS, including the first. */
  readonly attempts: number;
}

export interface ScheduledWork {
  /** Name of the metric that counts the finished work. */
  readonly metric: string;
  /** Prefix of the id of the event that it then publishes; the rest names the run. */
  readonly eventIdPrefix: string;
  /** Name of the result, e.g. `daily report`. */
  readonly product: string;
  /**
   * Creates the payload that makes the function do the work of one day; undefined if it takes no such requests.
   * @param day `YYYY-MM-DD`, UTC
   */
  readonly request?: (day: string, options: DayOptions) => object;
}

export interface DayOptions {
  /** Do the work even if it was done before. */
  readonly again: boolean;
  /** Do the work although the day is not over. */
  readonly partial: boolean;
}

/** Heading of the event catalogue. */
export interface CatalogueInfo {
  readonly title: string;
  /** Version of the whole catalogue, e.g. `1.2.0`. */
  readonly version: string;
  /** Name of the bus in a deployment with defaults. */
  readonly defaultBus?: string;
}

export interface App {
  readonly contracts: readonly Contract[];
  /** @default title `Events`, version `0.0.0` */
  readonly catalogue?: CatalogueInfo;
  /** Consumers by name; a function's environment variable `variables.consumer` has the name. */
  readonly consumers: Readonly<Record<string, Consumer>>;
  /** Personal fields that targets other than functions may have, by the target's id in its rule. @default none */
  readonly targets?: Readonly<Record<string, readonly string[]>>;
  /** Names of a function's environment variables that the tools read. */
  readonly variables: {
    /** Variable with the name of the consumer. */
    readonly consumer?: string;
    /** Variable with the namespace of its metrics. */
    readonly metricsNamespace?: string;
    /** Variable with the lowest level that it logs. */
    readonly logLevel?: string;
  };
  /** Names of the error and the metric of an event that no retry can help. */
  readonly poison?: { readonly error: string; readonly metric: string };
  /** Entity that most events are about, and the table with its state. */
  readonly entity?: Entity;
  /** Events of an average month, in the syntax of `cost --mix`. */
  readonly mix?: string;
  /** Number of partition keys of an index that are written to at the same time, by the index's name. */
  readonly indexPartitions?: Readonly<Record<string, number>>;
  /** Own settings for the changes that `cost` proposes, by the change's id, e.g. `stages.<stage>.logLevel: "WARN"`. */
  readonly savings?: Readonly<Record<string, string>>;
  /**
   * Number of calls to AWS of each operation, e.g. `GetItem`, by a log line of a handler.
   * @default not known: reads of single items are not priced
   */
  callCountsOf?(line: Readonly<Record<string, unknown>>): Readonly<Record<string, number>>;
  /** Removes personal data from a text before it is shown. */
  redact(text: string): string;
  /** Maximum size of an event for `publish`, in bytes as PutEvents counts them. @default EventBridge's own limit */
  readonly maxEventBytes?: number;
  /** Publishes events. @returns an outcome for each event, in order */
  publish?(events: readonly EventToPublish[], to: Sending): Promise<readonly PublishOutcome[]>;
}

export interface Entity {
  /** E.g. `order`. */
  readonly name: string;
  /** Field with its id in details and in log lines; also the table's key. */
  readonly idField: string;
  /** Key of the stack's output with the table's name. */
  readonly tableOutput: string;
  /** Present if an item can be rebuilt from the archived events. */
  readonly rebuild?: Rebuild;
}

export interface Rebuild {
  /**
   * Attribute with the time (ISO 8601) when the first event was processed. It is kept when an item is emptied, so that
   * the handlers do not count the entity twice.
   */
  readonly processedAt: string;
  /** Attribute that every change of the item changes. */
  readonly revision: string;
  /** Ids of the events that an item records. @throws Error if the item is too damaged */
  eventIds(item: Readonly<Record<string, unknown>>): readonly string[];
}

/** An event to publish, already checked by its contract. */
export interface EventToPublish {
  readonly contract: Contract;
  /** Without its metadata. */
  readonly detail: object;
  readonly ids: Ids;
}

export interface Sending {
  readonly busName: string;
  readonly client: EventBridgeClient;
  /** Stops the sending between two calls. */
  readonly signal: AbortSignal;
  /** Called after each call of PutEvents with its number of entries. */
  onSent(entries: number): void;
}

/** Result for one event: EventBridge's id for it, or the reason why it was not published. */
export type PublishOutcome = { readonly eventId: string } & (
  | { readonly envelopeId: string }
  | { readonly code: string; readonly message: string }
);

/** An application of which only the template is known. */
export const UNDESCRIBED: App = { contracts: [], consumers: {}, variables: {}, redact: (text) => text };

/** Name of the consumer in a function's environment variables; undefined if they have none. */
export function consumerName(
  app: App,
  variables: Readonly<Record<string, unknown>> = {},
): string | undefined {
  const name = app.variables.consumer && variables[app.variables.consumer];
  return typeof name === 'string' ? name : undefined;
}

/** The consumer with that name, if the app describes it. */
export function findConsumer({ consumers }: App, name: string | undefined): Consumer | undefined {
  return name !== undefined && Object.hasOwn(consumers, name) ? consumers[name] : undefined;
}

/** Calls that a handler makes with these environment variables of its function. */
export function callsOf(
  { calls }: Pick<Consumer, 'calls'>,
  variables: Readonly<Record<string, unknown>> = {},
): HandlerCalls[] {
  return calls.filter(({ onlyIf }) => !onlyIf || variables[onlyIf.variable] === onlyIf.is);
}
