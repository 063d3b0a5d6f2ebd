/**
 * The steps of a run as a schema, of which `npm run schema` makes the JSON Schema in docs/. The compiler holds it equal to
 * the type `TimedStep`; a test holds the steps of the samples to it.
 */
import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import type { TimedStep } from './steps';

/** Path of the JSON Schema, from the root of the project. */
export const STEP_SCHEMA_FILE = 'docs/steps.schema.json';

const text = v.string();
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const ms = v.pipe(v.number(), v.minValue(0), v.description('Milliseconds.'));
const attempt = v.pipe(v.number(), v.integer(), v.minValue(1));
const values = v.record(text, v.unknown());
const texts = v.record(text, text);
const eventId = v.pipe(text, v.description('EventBridge id of the event.'));

const common = {
  at: v.pipe(text, v.isoTimestamp(), v.description("Time of the stack's clock.")),
  trace: v.exactOptional(v.pipe(text, v.description('Trace header of the request that it belongs to.'))),
  eventId: v.exactOptional(v.pipe(text, v.description('The event that it happened for, if it is known.'))),
  dueAt: v.exactOptional(v.pipe(text, v.isoTimestamp(), v.description('When it is tried again.'))),
  allowedBy: v.exactOptional(
    v.pipe(
      text,
      v.description('The action, and the statement of a policy that allowed the delivery or the call.'),
    ),
  ),
  callMs: v.exactOptional(
    v.pipe(
      v.number(),
      v.minValue(0),
      v.description('Milliseconds from the begin of the call that it is a part of.'),
    ),
  ),
  account: v.exactOptional(
    v.pipe(text, v.description('Account of the stack, if it runs beside the first one (`--beside`).')),
  ),
  region: v.exactOptional(v.pipe(text, v.description('Its region, likewise.'))),
};

const event = v.strictObject({
  ...{ version: text, id: text, 'detail-type': text, source: text, account: text, time: text, region: text },
  resources: v.array(text),
  detail: v.unknown(),
  'replay-name': v.exactOptional(text),
});

function step<const Kind extends string, const Fields extends v.ObjectEntries>(
  kind: Kind,
  description: string,
  fields: Fields,
) {
  // A spread of a type parameter does not leave out what it overwrites.
  const entries = { ...common, kind: v.literal(kind), ...fields } as Omit<typeof common, keyof Fields> & {
    kind: v.LiteralSchema<Kind, undefined>;
  } & Fields;
  return v.pipe(v.strictObject(entries), v.title(kind), v.description(description));
}

const delivery = { eventId, rule: text, target: text, targetArn: text };
const invocation = { function: text, requestId: text };
const execution = { machine: text, execution: text };

export const StepSchema = v.variant('kind', [
  step('event-put', 'A bus took the event.', { bus: text, eventId, event }),
  step('event-refused', 'PutEvents refused the entry.', {
    ...{ source: text, detailType: text, code: text, message: text },
  }),
  step('event-dropped', 'The entry was taken, but there is no such bus.', {
    bus: text,
    eventId,
    reason: text,
  }),
  step('event-archived', 'An archive took the event.', { archive: text, eventId }),
  step('rule-matched', 'The rule takes the event.', { eventId, rule: text }),
  step('rule-missed', 'The rule nearly took the event.', { eventId, rule: text, field: text, reason: text }),
  step('schedule-fired', 'A schedule made an event.', { rule: text, eventId, event }),
  step('delivery-resumed', 'It waited to be tried again when an earlier run ended.', { event, ...delivery }),
  step('delivered', 'The target took the payload.', {
    ...delivery,
    payload: text,
    requestId: v.exactOptional(v.pipe(text, v.description('The invocation, if the target is a function.'))),
    attempt,
    isRecorded: v.exactOptional(v.pipe(v.boolean(), v.description('Nothing runs the target here.'))),
  }),
  step('delivery-failed', 'The target did not take the payload.', {
    ...{ ...delivery, code: text, message: text, attempt },
    retryInMs: v.exactOptional(ms),
  }),
  step('dead-lettered', 'The event is in a dead-letter queue.', {
    ...delivery,
    queue: text,
    attributes: texts,
  }),
  step('delivery-lost', 'The event reached neither its target nor a dead-letter queue.', {
    ...{ ...delivery, code: text, message: text },
  }),
  step('rule-changed', 'The rule was enabled or disabled.', {
    rule: text,
    state: v.picklist(['ENABLED', 'DISABLED']),
  }),
  step('clock-moved', "The stack's clock was moved forward.", { from: text, to: text }),
  step('replay-changed', 'The state of a replay.', {
    ...{ replay: text, state: text, replayed: count, reason: v.exactOptional(text) },
  }),
  step('invocation-started', 'The handler begins.', {
    ...{ ...invocation, attempt, coldStart: v.boolean() },
    callTrace: v.pipe(text, v.description("Trace header that the handler's own calls carry.")),
  }),
  step('invocation-succeeded', 'The handler returned.', {
    ...{ ...invocation, attempt, durationMs: ms },
    result: v.pipe(text, v.description('JSON text.')),
  }),
  step('invocation-failed', 'The handler threw, timed out, or its process ended.', {
    ...{ ...invocation, attempt, durationMs: ms, errorType: text, errorMessage: text },
    frames: v.exactOptional(
      v.pipe(v.array(text), v.description('Stack trace, in the source where there is a source map.')),
    ),
    retryInMs: v.exactOptional(ms),
  }),
  step('invocation-throttled', 'No environment was free.', { ...invocation, retryInMs: ms }),
  step('invocation-given-up', 'All attempts are used up; the envelope went to the destination.', {
    ...{ ...invocation, condition: text, destination: text },
  }),
  step('invocation-lost', 'All attempts are used up, and no destination took the envelope.', {
    ...{ ...invocation, condition: text, message: text },
  }),
  step('egress-refused', 'The handler may not reach the host.', {
    ...{ function: text, requestId: v.exactOptional(text), host: text },
  }),
  step('log-line', "A line of the function's log.", {
    ...{ function: text, requestId: v.exactOptional(text), logGroup: text, message: text },
  }),
  step('execution-started', 'An execution of a state machine begins.', { ...execution, input: text }),
  step('state-entered', 'A state of an execution begins.', { ...execution, state: text }),
  step('state-exited', 'A state of an execution is done.', { ...execution, state: text }),
  step('state-failed', 'A state of an execution failed.', {
    ...{ ...execution, state: text, error: text, cause: text, retryInMs: v.exactOptional(ms) },
    caughtBy: v.exactOptional(v.pipe(text, v.description('The state that is next.'))),
  }),
  step('execution-ended', 'An execution of a state machine is over.', {
    ...{ ...execution, status: v.picklist(['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']), durationMs: ms },
    output: v.exactOptional(v.pipe(text, v.description('JSON text, if it succeeded.'))),
    ...{ error: v.exactOptional(text), cause: v.exactOptional(text) },
  }),
  step('item-written', 'The item as it is after the write.', { table: text, key: values, item: values }),
  step('item-deleted', 'By a request, or expired.', { table: text, key: values, expired: v.boolean() }),
  step('message-published', 'A topic took the message.', {
    ...{ topic: text, subject: v.exactOptional(text), body: text, subscribers: count },
  }),
  step('notification-undelivered', 'The subscriber is not in the stack.', {
    ...{ topic: text, messageId: text, protocol: text, endpoint: text, reason: text },
  }),
  step('message-sent', 'A queue took the message.', {
    queue: text,
    messageId: text,
    body: text,
    attributes: texts,
  }),
  step('message-received', 'A reader received the message.', {
    queue: text,
    messageId: text,
    receiveCount: attempt,
  }),
  step('message-deleted', 'A reader deleted the message.', { queue: text, messageId: text }),
  step('message-moved', 'It was received as often as the queue lets it be, and moved.', {
    ...{ queue: text, to: text, messageId: text, body: text, receiveCount: count },
  }),
  step('batch-handled', "A batch of a queue's messages was handed to a function.", {
    ...{ queue: text, function: text, messages: count, failed: count },
  }),
  step('messages-filtered', "The function's filters do not let the messages through; they are deleted.", {
    ...{ queue: text, function: text, messages: count },
  }),
  step('pipe-failed', 'A pipe could not put a batch of records on its bus.', {
    ...{ pipe: text, records: count, message: text },
    retryInMs: v.exactOptional(ms),
  }),
  step('pipe-given-up', 'A pipe gave records up; their place in the stream is in its dead-letter queue.', {
    ...{ pipe: text, records: count, condition: text, queue: text },
  }),
  step('pipe-lost', 'A pipe gave records up, and no dead-letter queue took their place in the stream.', {
    ...{ pipe: text, records: count, condition: text, message: text },
  }),
  step('records-put', 'A delivery stream took the records.', { stream: text, count, bytes: count }),
  step('object-written', 'A delivery stream wrote the records that it had collected.', {
    ...{ bucket: text, key: text, records: count, bytes: count },
  }),
  step('alarm-changed', 'A state of an alarm.', { alarm: text, from: text, to: text, reason: text }),
  step('access-denied', "The function's role does not allow the call.", {
    ...{ principal: text, action: text, resource: text, reason: text },
  }),
]);

type Read = v.InferOutput<typeof StepSchema>;
/** True if each of both has all the other's kinds and fields. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
type FieldsOf<Each extends { kind: string }> = {
  [Kind in Each['kind']]: keyof Extract<Each, { kind: Kind }>;
};

/** The compiler's check that the schema and the type are one. */
export const isType: Same<Read, TimedStep> & Same<FieldsOf<Read>, FieldsOf<TimedStep>> = true;

/** @returns JSON text */
export function stepSchema(): string {
  const schema = {
    ...toJsonSchema(StepSchema),
    title: 'Step of a local run',
    description:
      'A line of `npm start -- --json`. Written by `npm run schema`. The stream of the page, `/_page/api/steps`, adds `seq`, the number of the step, and `wall`, the time of the machine.',
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}
