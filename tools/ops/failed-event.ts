/**
 * Messages in the queues of failed events, in five shapes:
 *
 * - EventBridge could not deliver: the event is the message's body, and the message's attributes say which rule,
 *   which target and why (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html). It is the
 *   event as it was published: the rule's input transformer has not been applied.
 * - EventBridge Scheduler could not call the function: the body is what it was to get
 *   (https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html).
 * - The handler failed: Lambda's record of the invocation, with the payload that the function was given
 *   (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html).
 * - The function behind a queue failed: the queue's message, moved by its redrive policy. SQS says from which queue, and
 *   nothing of the error.
 * - A pipe gave up records of a stream: their places in the stream, and nothing of what is in them
 *   (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-error-troubleshooting.html).
 */

import * as v from 'valibot';
import type { App } from '../app';
import { oneLine } from '../cli/errors';
import { defined } from '../defined';
import type { BusEvent, EventOnBus } from '../eventbridge/event';
import { parseExactly } from '../eventbridge/exact-json';

/** A message as received from a queue. */
export interface QueueMessage {
  readonly id: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly sentAt: number;
  /** ARN of the queue that moved it here by its redrive policy. */
  readonly movedFrom?: string;
  /** Message group, as FIFO queues have. */
  readonly groupId?: string;
}

/**
 * Fields of an event that may be shown, if present: `type` (its detail-type, or `type` of another payload),
 * `eventId`, `correlationId`, and the entity's id under the name of `App.entity.idField`.
 */
export type EventIdentity = Readonly<Partial<Record<string, string>>>;

interface Failure {
  readonly messageId: string;
  /** Name of the target that did not get the event, of the function that could not handle it, or of the function's queue. */
  readonly consumer: string;
  /** EventBridge's ERROR_CODE, or the type of the error that the handler threw. */
  readonly cause: string;
  /** The error in words, in one line, without e-mail addresses. */
  readonly reason: string;
  /** True if the code cannot read the event at all, so that sending it again cannot help. */
  readonly poison: boolean;
  /** Time when it came into the queue, in milliseconds since 1970-01-01 UTC. */
  readonly failedAt: number;
  readonly event: EventIdentity;
}

/** EventBridge could not deliver the event. */
export interface UndeliveredEvent extends Failure {
  readonly kind: 'undelivered';
  readonly ruleArn: string;
  readonly targetArn: string;
  /** The event as it was published. */
  readonly published: EventOnBus;
}

/** The function failed on the payload, or a schedule could not hand it over to its target. */
export interface UnhandledEvent extends Failure {
  readonly kind: 'unhandled';
  /** ARN, with the qualifier if Lambda's record has one; of a schedule the target's, which may be a bus. */
  readonly functionArn: string;
  /** Type of the event that the payload is the detail of; only of a schedule that a handler made for a bus. */
  readonly scheduled?: { readonly source: string; readonly detailType: string };
  /** Request id of the last failed invocation; empty if there was none. */
  readonly requestId: string;
  /** Payload of the function; numbers keep their spelling (`ExactNumber`). */
  readonly payload: unknown;
}

/** A queue gave the message out as often as its redrive policy allows, and its function failed each time. */
export interface UnprocessedMessage extends Failure {
  readonly kind: 'unprocessed';
  /** ARN of the queue that it comes from. */
  readonly queueArn: string;
  /** The message's body. */
  readonly payload: string;
  readonly groupId?: string;
}

export type FailedEvent = UndeliveredEvent | UnhandledEvent | UnprocessedMessage;

/**
 * A message that neither a rule nor Lambda wrote, and that no redrive policy moved: it has no event. It is shown, but never
 * sent.
 */
export interface UnreadableMessage {
  readonly kind: 'unreadable';
  readonly messageId: string;
  /** Name of the pipe that wrote it. */
  readonly pipe?: string;
  readonly reason: string;
  readonly failedAt: number;
}

const FailureRecord = v.object({
  requestContext: v.object({
    requestId: v.string(),
    functionArn: v.string(),
    condition: v.string(),
  }),
  requestPayload: v.unknown(),
  responseContext: v.optional(v.nullable(v.object({ functionError: v.optional(v.string()) }))),
  responsePayload: v.optional(v.unknown()),
});

const PipeRecord = v.object({
  context: v.object({
    partnerResourceArn: v.pipe(v.string(), v.regex(/^arn:[\w-]+:pipes:/)),
    condition: v.string(),
  }),
  DDBStreamBatchInfo: v.object({
    shardId: v.string(),
    startSequenceNumber: v.string(),
    endSequenceNumber: v.string(),
    batchSize: v.number(),
  }),
});

const ThrownError = v.object({
  errorType: v.optional(v.string()),
  errorMessage: v.optional(v.string()),
});

const PublishedEvent = v.looseObject({
  version: v.string(),
  id: v.string(),
  'detail-type': v.string(),
  source: v.string(),
  account: v.string(),
  time: v.string(),
  region: v.string(),
  resources: v.array(v.string()),
  detail: v.unknown(),
});

/** Maximum length of a reason, in characters. */
const REASON_LENGTH = 300;

export function readFailedEvent(message: QueueMessage, app: App): FailedEvent | UnreadableMessage {
  const { RULE_ARN: ruleArn, SCHEDULE_ARN: scheduleArn, TARGET_ARN: targetArn } = message.attributes;
  const body = parseJson(message.body);
  if (ruleArn && targetArn) {
    const event = v.safeParse(PublishedEvent, body);
    if (event.success) return undelivered(message, ruleArn, targetArn, event.output as BusEvent, app);
    return unreadable(message, 'RULE_ARN and TARGET_ARN are there, but the body is no event');
  }
  if (scheduleArn && targetArn && body !== undefined) return uncalled(message, targetArn, body, app);
  // Before its body is looked at: what a function behind a queue is given may be anything.
  if (message.movedFrom) return unprocessed(message, message.movedFrom, body, app);
  const places = v.safeParse(PipeRecord, body);
  if (places.success) return ofPipe(message, places.output);
  const record = v.safeParse(FailureRecord, body);
  if (record.success) return unhandled(message, record.output, app);
  return unreadable(message, "neither a rule's dead letter nor a function's failure record");
}

function undelivered(
  message: QueueMessage,
  ruleArn: string,
  targetArn: string,
  published: BusEvent,
  app: App,
): UndeliveredEvent {
  const { ERROR_CODE: cause = 'UNKNOWN', ERROR_MESSAGE: reason = '' } = message.attributes;
  return {
    kind: 'undelivered',
    messageId: message.id,
    consumer: nameInArn(targetArn),
    cause,
    reason: showable(reason, app),
    poison: false,
    failedAt: message.sentAt,
    event: identify(published, app),
    ruleArn,
    targetArn,
    published: { event: published, text: message.body },
  };
}

function uncalled(message: QueueMessage, functionArn: string, payload: unknown, app: App): UnhandledEvent {
  const { ERROR_CODE: cause = 'UNKNOWN', ERROR_MESSAGE: reason = '' } = message.attributes;
  return {
    kind: 'unhandled',
    messageId: message.id,
    consumer: nameInArn(functionArn),
    cause,
    reason: showable(reason, app),
    poison: false,
    failedAt: message.sentAt,
    event: identify(payload, app),
    ...{ functionArn, requestId: '', payload },
    ...defined({ scheduled: scheduledType(JSON.parse(message.body), app) }),
  };
}

/** Type of the only event which a handler makes schedules for and whose detail this is: Scheduler's message names none. */
function scheduledType(detail: unknown, app: App): UnhandledEvent['scheduled'] {
  const made = Object.values(app.consumers).flatMap(({ calls }) =>
    calls.flatMap(({ schedules }) => schedules?.publishes ?? []),
  );
  const [type, another] = made.filter(({ source, detailType }) => {
    const contract = app.contracts.find((each) => each.source === source && each.detailType === detailType);
    const event = { ...ANY_EVENT, source, 'detail-type': detailType, detail };
    return contract !== undefined && contract.problem(event) === undefined;
  });
  return another ? undefined : type;
}

/** An envelope, to have a detail checked. */
const ANY_EVENT = {
  ...{ version: '0', id: 'any', account: '', time: '2026-01-15T10:00:00Z', region: '', resources: [] },
};

function unhandled(
  message: QueueMessage,
  record: v.InferOutput<typeof FailureRecord>,
  app: App,
): UnhandledEvent {
  const { requestContext, requestPayload, responseContext, responsePayload } = record;
  const thrown = v.safeParse(ThrownError, responsePayload);
  const { errorType, errorMessage } = thrown.success ? thrown.output : {};
  // A timeout or a crash of the runtime may have only a message; an event that became too old has neither.
  const cause = errorType ?? responseContext?.functionError ?? requestContext.condition;
  return {
    kind: 'unhandled',
    messageId: message.id,
    consumer: nameInArn(requestContext.functionArn),
    cause,
    reason: showable(errorMessage ?? requestContext.condition, app),
    poison: errorType !== undefined && errorType === app.poison?.error,
    failedAt: message.sentAt,
    event: identify(requestPayload, app),
    functionArn: requestContext.functionArn,
    requestId: requestContext.requestId,
    payload: requestPayload,
  };
}

function unprocessed(
  { id, body, sentAt, groupId }: QueueMessage,
  queueArn: string,
  parsed: unknown,
  app: App,
): UnprocessedMessage {
  return {
    kind: 'unprocessed',
    messageId: id,
    consumer: nameInArn(queueArn),
    cause: 'MaxReceiveCount',
    reason: "its function failed at every try; the function's log says why",
    poison: false,
    failedAt: sentAt,
    event: identify(parsed, app),
    queueArn,
    payload: body,
    ...defined({ groupId }),
  };
}

function ofPipe(
  { id, sentAt }: QueueMessage,
  { context, DDBStreamBatchInfo: places }: v.InferOutput<typeof PipeRecord>,
): UnreadableMessage {
  const { shardId, startSequenceNumber: first, endSequenceNumber: last, batchSize } = places;
  const numbers = first === last ? first : `${first} to ${last}`;
  const reason = oneLine(
    `${context.condition}: ${batchSize} of a table's stream, shard ${shardId}, sequence number ${numbers}`,
  );
  const arn = context.partnerResourceArn;
  const pipe = arn.slice(arn.lastIndexOf('/') + 1);
  return { kind: 'unreadable', messageId: id, pipe, reason, failedAt: sentAt };
}

function unreadable(message: QueueMessage, reason: string): UnreadableMessage {
  return { kind: 'unreadable', messageId: message.id, reason, failedAt: message.sentAt };
}

/**
 * `arn:aws:lambda:region:account:function:name[:qualifier]`, `arn:aws:sqs:region:account:name` and
 * `arn:aws:events:region:account:event-bus/name` -> `name`.
 */
export function nameInArn(arn: string): string {
  const [, , , , , resource, name] = arn.split(':');
  return name ?? resource?.replace(/^event-bus\//, '') ?? arn;
}

const showable = (text: string, app: App): string => app.redact(oneLine(text)).slice(0, REASON_LENGTH);

/**
 * Finds the ids in an event, or in the output of a rule's input transformer. Any field may be missing or invalid: the
 * event may be poison.
 */
function identify(payload: unknown, { entity }: App): EventIdentity {
  const envelope = fieldsOf(payload);
  const detail = fieldsOf(envelope.detail);
  const metadata = fieldsOf(detail.metadata ?? envelope.metadata);
  const identity = {
    type: envelope['detail-type'] ?? envelope.type,
    eventId: metadata.eventId ?? envelope.id,
    correlationId: metadata.correlationId ?? metadata.eventId ?? envelope.id,
    ...(entity && { [entity.idField]: detail[entity.idField] ?? envelope[entity.idField] }),
  };
  return Object.fromEntries(
    Object.entries(identity).filter(
      (entry): entry is [string, string] =>
        typeof entry[1] === 'string' && /^[\w.:/#+= -]{1,128}$/.test(entry[1]),
    ),
  );
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function parseJson(text: string): unknown {
  try {
    return parseExactly(text);
  } catch {
    return undefined;
  }
}

/** All failures of one consumer with one cause. */
export interface FailureGroup {
  /** Name of the function, target, queue or pipe, or `?` for messages that could not be read. */
  readonly consumer: string;
  readonly cause: string;
  readonly poison: boolean;
  readonly count: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly oldest: number;
  /** The oldest failure. */
  readonly sample: EventIdentity & { readonly reason: string };
}

/** Groups failures as they are read, and keeps only one sample of each group. */
export class FailureGroups {
  readonly #groups = new Map<string, FailureGroup>();

  add(failure: FailedEvent | UnreadableMessage): void {
    const { consumer, cause, poison, event } =
      failure.kind === 'unreadable'
        ? {
            ...{ consumer: failure.pipe ?? '?', cause: failure.pipe ? 'given up by the pipe' : 'unreadable' },
            ...{ poison: false, event: {} },
          }
        : failure;
    const key = `${consumer} ${cause}`;
    const group = this.#groups.get(key);
    const count = (group?.count ?? 0) + 1;
    if (group && group.oldest <= failure.failedAt) {
      this.#groups.set(key, { ...group, count });
      return;
    }
    const sample = { ...event, reason: failure.reason };
    this.#groups.set(key, { consumer, cause, poison, count, oldest: failure.failedAt, sample });
  }

  /** All groups, the largest first. */
  get all(): FailureGroup[] {
    return [...this.#groups.values()].sort(
      (a, b) => b.count - a.count || a.consumer.localeCompare(b.consumer) || a.cause.localeCompare(b.cause),
    );
  }
}
