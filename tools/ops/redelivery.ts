/** Decides how a failed event is redriven, without effects. */

import type { PutEventsRequestEntry, Target } from '@aws-sdk/client-eventbridge';
import { oneLine } from '../cli/errors';
import { defined } from '../defined';
import { stringifyExactly } from '../eventbridge/exact-json';
import { compileInput, InvalidTargetInputError, type TargetInput } from '../eventbridge/input-transformer';
import type { FailedEvent, UndeliveredEvent, UnhandledEvent } from './failed-event';

/** Filter for the failed events to send again. */
export interface RedriveSelection {
  /** Names of functions, targets and queues; undefined: all. */
  readonly consumers?: ReadonlySet<string> | undefined;
  /** Causes of failures; undefined: all. */
  readonly causes?: ReadonlySet<string> | undefined;
  readonly includePoison?: boolean;
}

export function isSelected(failed: FailedEvent, { consumers, causes }: RedriveSelection): boolean {
  return (!consumers || consumers.has(failed.consumer)) && (!causes || causes.has(failed.cause));
}

/** The invocation, message or entry that sends a failed event again, only to the function, queue or bus that missed it. */
export interface Redelivery {
  /** ARN of a function, a queue or a bus. */
  readonly targetArn: string;
  /** The same that the target got, or would have got; for a function JSON text. */
  readonly payload: string;
  /** Message group, as FIFO queues need. */
  readonly groupId?: string;
  /** Present if the target is a bus: the payload as it is put on it. */
  readonly entry?: PutEventsRequestEntry;
}

export const isQueue = (arn: string): boolean => arn.split(':')[2] === 'sqs';

/** Error for an event that cannot or should not be sent again: it stays in its queue. */
export class NotRedeliverableError extends Error {
  override readonly name = 'NotRedeliverableError';
}

/**
 * @param targets present targets of the rule that could not deliver the event; not used for an event that was
 * delivered
 * @throws NotRedeliverableError
 */
export function redelivery(failed: FailedEvent, targets: readonly Target[]): Redelivery {
  if (failed.kind === 'unhandled') {
    if (failed.scheduled && isBus(failed.functionArn)) return ofSchedule(failed, failed.scheduled);
    requireTarget(failed.functionArn, 'make what its schedule asks for by hand');
    return { targetArn: failed.functionArn, payload: stringifyExactly(failed.payload) };
  }
  if (failed.kind === 'unprocessed') {
    const { queueArn, payload, groupId } = failed;
    return { targetArn: queueArn, payload, ...defined({ groupId }) };
  }
  const { targetArn } = failed;
  if (isBus(targetArn)) return { targetArn, ...ontoBus(failed, targets) };
  requireTarget(targetArn, 'replay the archive for its rule instead');
  const own = targets.filter(({ Arn }) => Arn === targetArn);
  const payloads = new Set(own.map((target) => payloadOf(failed, target)));
  const [payload, another] = payloads;
  if (payload === undefined) throw new NotRedeliverableError('its rule no longer has the target');
  if (another !== undefined) {
    // The dead-letter message names the target by its ARN, not by its id.
    const where = isQueue(targetArn) ? 'queue' : 'function';
    throw new NotRedeliverableError(`its rule has several targets at the ${where}, with different inputs`);
  }
  const groupId = own[0]?.SqsParameters?.MessageGroupId;
  return { targetArn, payload, ...defined({ groupId }) };
}

const isBus = (arn: string): boolean => /^arn:[^:]*:events:.*:event-bus\//.test(arn);

/** @throws NotRedeliverableError */
function requireTarget(arn: string, otherwise: string): void {
  if (arn.split(':')[2] === 'lambda' || isQueue(arn)) return;
  throw new NotRedeliverableError(`its target is neither a function nor a queue; ${otherwise}`);
}

/** The event that a schedule had for a bus. */
function ofSchedule(
  { functionArn: targetArn, payload: detail }: UnhandledEvent,
  { source, detailType }: NonNullable<UnhandledEvent['scheduled']>,
): Redelivery {
  const payload = stringifyExactly(detail);
  const entry = { EventBusName: targetArn, Source: source, DetailType: detailType, Detail: payload };
  return { targetArn, payload, entry };
}

/**
 * The event as it came to the rule's bus, to be put on the bus that did not get it. There it has another id of EventBridge's;
 * the detail, and with it the publisher's own id, is the same.
 * @throws NotRedeliverableError
 */
function ontoBus(
  { ruleArn, targetArn, published: { event } }: UndeliveredEvent,
  targets: readonly Target[],
): Pick<Redelivery, 'payload' | 'entry'> {
  const placeOf = (arn: string) => arn.split(':').slice(3, 5).join();
  if (placeOf(ruleArn) !== placeOf(targetArn)) {
    throw new NotRedeliverableError(
      'its target is a bus of another account or region; replay the archive for its rule instead',
    );
  }
  if (event.source.startsWith('aws.')) {
    throw new NotRedeliverableError(
      `EventBridge takes events of ${oneLine(event.source)} from nobody but ${
        event.source.startsWith('aws.partner/') ? 'the partner' : 'AWS'
      }, who can send it again`,
    );
  }
  if (!targets.some(({ Arn }) => Arn === targetArn)) {
    throw new NotRedeliverableError('its rule no longer has the target');
  }
  const payload = stringifyExactly(event.detail);
  const entry = {
    ...{ EventBusName: targetArn, Source: event.source, DetailType: event['detail-type'], Detail: payload },
    ...{ Resources: event.resources, Time: new Date(event.time) },
  };
  return { payload, entry };
}

function payloadOf(
  { ruleArn, targetArn, published: { event, text } }: UndeliveredEvent,
  target: Target,
): string {
  const context = {
    ruleArn,
    ruleName: parseRuleArn(ruleArn).ruleName,
    // The ingestion time is not kept. Publishers leave `time` to the bus, or set it just before.
    ingestionTime: event.time,
  };
  try {
    const input = compileInput(target as TargetInput)(event, context, text);
    if (!input.delivered) throw new NotRedeliverableError(input.reason);
    // Queues take any text.
    if (!isQueue(targetArn)) JSON.parse(input.body);
    return input.body;
  } catch (error) {
    if (error instanceof InvalidTargetInputError) throw new NotRedeliverableError(error.message);
    if (error instanceof SyntaxError) {
      throw new NotRedeliverableError("the rule's input transformer makes no JSON of it");
    }
    throw error;
  }
}

/** `arn:aws:events:region:account:rule/bus/name`; a rule of the default bus has `rule/name`. */
export function parseRuleArn(ruleArn: string): { busName?: string; ruleName: string } {
  const path = ruleArn.split(':').slice(5).join(':').split('/').slice(1);
  const ruleName = path.slice(-1).join();
  // The name of a partner's bus has slashes.
  return path.length > 1 ? { busName: path.slice(0, -1).join('/'), ruleName } : { ruleName };
}
