/** Sizes along the way of an event: whether a queue that keeps failures takes the largest of them. */
import type { Resource } from '../../template/assembly';
import { reasonsOf } from '../../template/placeholder';
import type { AuditedHop } from './hops';

/**
 * Default, and most, of a queue's MaximumMessageSize, in bytes: body and attributes.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
 */
const QUEUE_BYTES = 1_048_576;

/**
 * Bytes that a failure adds to an event: its envelope and, from Lambda, the record with error and stack, rounded
 * up; from EventBridge, the attributes of the message.
 */
const FAILURE_BYTES = 8 * 1_024;

/**
 * Reports a queue that is too small for some event that fails: that one is lost.
 * @param eventBytes of an event, at most
 */
export function auditQueueSize(hop: AuditedHop, queue: Resource, eventBytes: number): void {
  const reason = reasonsOf(queue.properties.MaximumMessageSize);
  if (reason !== '') hop.cannotTell('size', queue, `whether it takes the largest event: ${reason}`);
  const taken = Number(queue.properties.MaximumMessageSize ?? QUEUE_BYTES);
  // An event larger than this fits nowhere, which no setting of a queue can change.
  const needed = Math.min(eventBytes + FAILURE_BYTES, QUEUE_BYTES);
  if (!(taken < needed)) return;
  const message =
    `it takes messages of ${taken} bytes, but an event with the record of its failure can have ${needed}: ` +
    'larger ones are lost. Leave out MaximumMessageSize, or raise it';
  hop.gap('size', queue, message);
}
