/** Payloads that a target refuses even with permission: a message without a group, an event that is too large. */
import { PUT_EVENTS } from '../../eventbridge/service-facts';
import { isKnown } from '../../template/placeholder';
import { readQueue } from '../../template/queues';
import type { RuleModel, TargetModel } from '../../template/rules';
import type { AuditedHop } from './hops';
import type { Scene } from './scene';

const KB = 1_024;

/**
 * Bytes that one message has at most, where they are less than an event may have.
 * https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html
 * https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
const MAX_BYTES: Readonly<Record<string, number>> = { topic: 256 * KB, 'state machine': 256 * KB };

export function auditPayload(scene: Scene, hop: AuditedHop, rule: RuleModel, target: TargetModel): void {
  const { resource: queue, type } = target.reference;
  if (queue?.type === 'AWS::SQS::Queue') auditFifo(hop, rule, target);
  const ofQueue = Number(queue?.properties.MaximumMessageSize ?? PUT_EVENTS.maxBytes);
  const limit =
    type?.name === 'queue' && queue ? ofQueue : (MAX_BYTES[type?.name ?? ''] ?? PUT_EVENTS.maxBytes);
  const largest = scene.eventBytes;
  // A target that is not given the event as it is, is given less of it.
  const isWhole = ['Input', 'InputPath', 'InputTransformer'].every(
    (key) => target.parameters[key] === undefined,
  );
  if (!isWhole || limit >= largest || Number.isNaN(limit)) return;
  const where = target.deadLetterArn === undefined ? 'are lost' : 'go to its dead-letter queue';
  scene.notes.push(
    `Target ${target.id} of rule ${rule.name} takes ${limit / KB} KB, an event may have ${largest / KB} KB: larger ones ${where}.`,
  );
}

/** https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_SqsParameters.html */
function auditFifo(
  hop: AuditedHop,
  { resource }: RuleModel,
  { id, reference, parameters }: TargetModel,
): void {
  const queue = reference.resource;
  if (!queue) return;
  const { isFifo } = readQueue(queue);
  const group = parameters.SqsParameters?.MessageGroupId;
  if (!isKnown(isFifo)) return;
  if (isFifo && group === undefined) {
    const lost = 'its queue is FIFO, which takes no message without one';
    hop.gap('delivery', resource, `target ${id} has no SqsParameters.MessageGroupId: ${lost}`);
  }
  if (isFifo && String(queue.properties.ContentBasedDeduplication) !== 'true') {
    const lost = 'EventBridge sends no deduplication id, and a FIFO queue then takes no message';
    hop.gap('delivery', queue, `ContentBasedDeduplication is not on: ${lost}`);
  }
}
