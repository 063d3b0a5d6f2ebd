/** One entry of PutEvents, as it stands in the request. */
export interface PutEventsEntry {
  /** Seconds since 1970-01-01 UTC (the JSON protocol's timestamp) or ISO 8601. @default now */
  readonly Time?: number | string;
  readonly Source?: string;
  readonly Resources?: readonly string[];
  readonly DetailType?: string;
  /** JSON text of an object. */
  readonly Detail?: string;
  /** Name or ARN. @default the default bus */
  readonly EventBusName?: string;
  readonly TraceHeader?: string;
}

export type PutEventsResult =
  | { readonly EventId: string }
  | { readonly ErrorCode: string; readonly ErrorMessage: string };

export interface EventBus {
  readonly name: string;
  readonly arn: string;
  readonly description?: string;
  /** The resource policy document, if the template has one. */
  readonly policy?: object;
}

export interface RuleTarget {
  readonly Id: string;
  readonly Arn: string;
  readonly Input?: string;
  readonly InputPath?: string;
  readonly InputTransformer?: {
    readonly InputPathsMap?: Readonly<Record<string, string>>;
    readonly InputTemplate: string;
  };
  readonly RetryPolicy?: {
    readonly MaximumRetryAttempts?: number;
    readonly MaximumEventAgeInSeconds?: number;
  };
  readonly DeadLetterConfig?: { readonly Arn: string };
}

export declare class Rule {
  readonly name: string;
  readonly arn: string;
  readonly busName: string;
  readonly description?: string;
  /** JSON text. */
  readonly eventPattern?: string;
  readonly scheduleExpression?: string;
  /** The service that made the rule, e.g. an archive's managed rule. */
  readonly managedBy?: string;
  readonly targets: readonly RuleTarget[];
  readonly state: 'ENABLED' | 'DISABLED';
  enable(): void;
  disable(): void;
}

export interface Archive {
  readonly name: string;
  readonly arn: string;
  readonly eventSourceArn: string;
  readonly description?: string;
  /** JSON text. */
  readonly eventPattern?: string;
  /** 0: kept for ever. */
  readonly retentionDays: number;
  /** Seconds since 1970-01-01 UTC. */
  readonly creationTime: number;
  readonly eventCount: number;
  readonly sizeBytes: number;
}

/** Field names and values are those of DescribeReplay; times are seconds since 1970-01-01 UTC. */
export interface Replay {
  readonly ReplayName: string;
  readonly ReplayArn: string;
  readonly Description?: string;
  readonly State: 'STARTING' | 'RUNNING' | 'CANCELLING' | 'COMPLETED' | 'CANCELLED' | 'FAILED';
  readonly StateReason?: string;
  readonly EventSourceArn: string;
  readonly Destination: { readonly Arn: string; readonly FilterArns?: readonly string[] };
  readonly EventStartTime: number;
  readonly EventEndTime: number;
  readonly EventLastReplayedTime?: number;
  readonly ReplayStartTime: number;
  readonly ReplayEndTime?: number;
}

export interface StartReplayRequest {
  readonly ReplayName: string;
  readonly Description?: string;
  /** ARN of the ARCHIVE. */
  readonly EventSourceArn: string;
  /** Seconds since 1970-01-01 UTC. */
  readonly EventStartTime: number;
  readonly EventEndTime: number;
  readonly Destination: { readonly Arn: string; readonly FilterArns?: readonly string[] };
}

/** An error that the service itself would answer; the endpoint gives `code` and `message` to the client as they are. */
export declare class EventBridgeError extends Error {
  /** E.g. ResourceNotFoundException, ValidationException, ResourceAlreadyExistsException, IllegalStatusException. */
  readonly code: string;
  constructor(code: string, message: string);
}

export declare class EventBridge {
  /** By name; always with `default`. */
  readonly buses: ReadonlyMap<string, EventBus>;
  readonly rules: readonly Rule[];
  /** By name. */
  readonly archives: ReadonlyMap<string, Archive>;
  /**
   * One result for each entry, in their order. The limits of the whole request (1 to 10 entries, 1 MB) are
   * checked too.
   * @throws EventBridgeError (ValidationException) if the request as a whole is refused
   */
  putEvents(entries: readonly PutEventsEntry[]): PutEventsResult[];
  /** @throws EventBridgeError */
  startReplay(request: StartReplayRequest): Replay;
  /** @throws EventBridgeError (ResourceNotFoundException) */
  describeReplay(name: string): Replay;
  listReplays(): Replay[];
  /** @throws EventBridgeError */
  cancelReplay(name: string): Replay;
}
