/** Decides how a failed event is redriven, without effects. */
import type { Target } from '@aws-sdk/client-eventbridge';
import { stringifyExactly } from '../eventbridge/exact-json';
import { compileInput, InvalidTargetInputError, type TargetInput } from '../eventbridge/input-transformer';
import type { FailedEvent, UndeliveredEvent } from './failed-event';

/** Filter for the failed events to send again. */
export interface Selection {
  /** Names of functions; undefined: all. */
  readonly consumers?: ReadonlySet<string> | undefined;
  /** Causes of failures; undefined: all. */
  readonly causes?: ReadonlySet<string> | undefined;
  readonly includePoison?: boolean;
}

export function isSelected(failed: FailedEvent, { consumers, causes }: Selection): boolean {
  return (!consumers || consumers.has(failed.consumer)) && (!causes || causes.has(failed.cause));
}

/** The invocation that sends a failed event again, to the function that failed only. */
export interface Redelivery {
  readonly functionArn: string;
  /** Payload as JSON text: the same that the function got, or would have got. */
  readonly payload: string;
}

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
    return { functionArn: failed.functionArn, payload: stringifyExactly(failed.payload) };
  }
  if (!failed.targetArn.includes(':lambda:')) {
    throw new NotRedeliverableError('its target is no Lambda function');
  }
  const payloads = new Set(
    targets.filter(({ Arn }) => Arn === failed.targetArn).map((target) => payloadOf(failed, target)),
  );
  const [payload, another] = payloads;
  if (payload === undefined) throw new NotRedeliverableError('its rule no longer has the target');
  if (another !== undefined) {
    // The dead-letter message names the target by its ARN, not by its id.
    throw new NotRedeliverableError('its rule has several targets at the function, with different inputs');
  }
  return { functionArn: failed.targetArn, payload };
}

function payloadOf({ ruleArn, published: { event, text } }: UndeliveredEvent, target: Target): string {
  const context = {
    ruleArn,
    ruleName: parseRuleArn(ruleArn).ruleName,
    // The ingestion time is not kept. Publishers leave `time` to the bus, or set it just before.
    ingestionTime: event.time,
  };
  try {
    const input = compileInput(target as TargetInput)(event, context, text);
    if (!input.delivered) throw new NotRedeliverableError(input.reason);
    JSON.parse(input.body);
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
  const ruleName = path.at(-1) ?? '';
  // The name of a partner's bus has slashes.
  return path.length > 1 ? { busName: path.slice(0, -1).join('/'), ruleName } : { ruleName };
}
