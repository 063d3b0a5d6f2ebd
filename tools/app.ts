/**
 * The description of an application that the tools are handed: what its template does not say. `bin` puts it
 * together; an application that nobody has described is `UNDESCRIBED`, and what would need a description is then
 * told as not looked at.
 */
import type { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type * as v from 'valibot';

/** Ids that a publisher may give to an event. */
export type Ids = { readonly [Id in 'eventId' | 'correlationId' | 'causationId']?: string | undefined };

/** Why an event is not one of its contract. */
export interface Problem {
  /** Dotted path of the first field that is wrong, e.g. `detail.total`. */
  readonly field: string;
  /** One line: the event's type, the field, what is wrong with it. */
  readonly message: string;
}

type Fields = v.ObjectSchema<v.ObjectEntries, undefined>;

export interface Contract {
  readonly source: string;
  readonly detailType: string;
  /** The version that `create` makes. */
  readonly version: number;
  /** `source/detail-type`. */
  readonly type: string;
  /** The detail's own fields, without its metadata. */
  readonly schema: Fields;
  readonly metadata: Fields;
  /** A valid detail, without its metadata. */
  readonly example: object;
  /** Fields of the detail that tell who a person is. */
  readonly personalData: readonly string[];
  /** Fields that may hold anything: consumers leave out what they cannot use. */
  readonly lenient?: readonly string[];
  /**
   * Makes the detail to publish.
   * @throws Error if `detail` or an id is not as the contract says
   */
  create(detail: object, ids?: Ids): { readonly metadata: { readonly eventId: string } };
  /** Checks an event as EventBridge delivers it. @returns undefined if it is one of this contract */
  problem(event: unknown): Problem | undefined;
  /**
   * The versions before it that `problem` takes as well, oldest first, each as it was: its own `problem` takes none
   * after it.
   */
  readonly earlier?: readonly Contract[];
}

/** Every version of a contract that is read, oldest first. */
export const versionsOf = (contract: Contract): readonly Contract[] => [
  ...(contract.earlier ?? []),
  contract,
];

/** Calls of AWS that a handler makes on one resource. */
export interface HandlerCalls {
  /** Environment variable of the function that names the resource. */
  readonly on: string;
  /** E.g. `dynamodb:GetItem`. */
  readonly actions: readonly string[];
  /** Name of the table's index that is read. */
  readonly index?: string;
  /** Whether the outcome of the events is stored there. */
  readonly isStore?: boolean;
}

/** A function that handles events. */
export interface Consumer {
  /** Patterns of the events that it is there for: one rule gives it each of them, and no others. */
  readonly receives: readonly { readonly pattern: object }[];
  /** Whether it takes events that a replay of the archive sends again. */
  readonly replayed: boolean;
  /** Present if a schedule calls it. */
  readonly scheduled?: ScheduledWork | undefined;
  /**
   * Reads what a rule's target gives the function, as its handler does.
   * @throws Error if the handler would refuse it
   */
  accepts(payload: unknown): void;
  /** Fields of personal data that it may be given. */
  readonly personalData: readonly string[];
  /** Contracts whose events it publishes. */
  readonly publishes: readonly { readonly type: string }[];
  readonly calls: readonly HandlerCalls[];
  /** How often it tries a call of AWS, the first time included. */
  readonly attempts: number;
}

export interface ScheduledWork {
  /** What it counts when it has done the work. */
  readonly metric: string;
  /** Start of the id of the event that it publishes then; the rest says of which run. */
  readonly eventIdPrefix: string;
  /** What the work makes, e.g. `daily report`. */
  readonly product: string;
  /**
   * Makes what the function is given to do the work of one day, if it can be asked for that.
   * @param day `YYYY-MM-DD`, UTC
   */
  readonly request?: (day: string, options: DayOptions) => object;
}

export interface DayOptions {
  /** Do the work even if it was done before. */
  readonly again: boolean;
  /** Do it though the day is not over. */
  readonly partial: boolean;
}

export interface App {
  readonly contracts: readonly Contract[];
  /** By name, which each function has in its variable `variables.consumer`. */
  readonly consumers: Readonly<Record<string, Consumer>>;
  /** Environment variables of a function that the tools read. */
  readonly variables: {
    /** Name of the consumer that the function is. */
    readonly consumer?: string;
    /** Namespace of the metrics that it counts. */
    readonly metricsNamespace?: string;
    /** Lowest level that it logs. */
    readonly logLevel?: string;
  };
  /** Name of the error, and metric, of an event that no retry can help. */
  readonly poison?: { readonly error: string; readonly metric: string };
  /** What most events are about, and the table where its present state is. */
  readonly entity?: Entity;
  /** Events that a month is made of, as `cost --mix` takes them. */
  readonly mix?: string;
  /** Removes personal data from a text that is shown. */
  redact(text: string): string;
  /** Bytes of an event, as PutEvents counts them, that `publish` takes at most. Default: what EventBridge takes. */
  readonly maxEventBytes?: number;
  /** Publishes events. @returns an outcome for each event, in the order given */
  publish?(events: readonly NewEvent[], to: Sending): Promise<readonly Outcome[]>;
}

export interface Entity {
  /** E.g. `order`. */
  readonly name: string;
  /** Field of details and of log lines that has its id; also the table's key. */
  readonly idField: string;
  /** Output of the stack that names the table. */
  readonly tableOutput: string;
  /** Present if an item can be made again of the events in the archive. */
  readonly rebuild?: Rebuild;
}

export interface Rebuild {
  /**
   * Attribute with the time, ISO 8601, at which the first event was processed. It stays when an item is emptied, and
   * tells the handlers that the entity was counted before.
   */
  readonly processedAt: string;
  /** Attribute that every change of the item changes. */
  readonly revision: string;
  /** Ids of the events that an item names. @throws Error if it is too damaged to tell */
  eventIds(item: Readonly<Record<string, unknown>>): readonly string[];
}

/** An event to publish; `contract.problem` has taken it. */
export interface NewEvent {
  readonly contract: Contract;
  /** Without its metadata. */
  readonly detail: object;
  readonly ids: Ids;
}

export interface Sending {
  readonly busName: string;
  readonly client: EventBridgeClient;
  /** Ends the sending between two calls. */
  readonly signal: AbortSignal;
  /** Is told after each call how many entries it had. */
  onSent(entries: number): void;
}

/** What became of one event: EventBridge's id for it, or why it was not published. */
export type Outcome = { readonly eventId: string } & (
  | { readonly envelopeId: string }
  | { readonly code: string; readonly message: string }
);

/** An application of which only the template is known. */
export const UNDESCRIBED: App = { contracts: [], consumers: {}, variables: {}, redact: (text) => text };

/** Name of the consumer that a function with these environment variables is; undefined if they do not say. */
export function consumerName(
  app: App,
  variables: Readonly<Record<string, unknown>> = {},
): string | undefined {
  const name = app.variables.consumer && variables[app.variables.consumer];
  return typeof name === 'string' ? name : undefined;
}

/** The described consumer of that name. */
export function findConsumer({ consumers }: App, name: string | undefined): Consumer | undefined {
  return name !== undefined && Object.hasOwn(consumers, name) ? consumers[name] : undefined;
}
