/** Hops after a queue or a stream: the function that reads from it, and the queue for messages that it fails on. */
import type { EventSourceMapping } from '../../template/event-source-mappings';
import { readFunction } from '../../template/functions';
import { isKnown } from '../../template/placeholder';
import { readQueue } from '../../template/queues';
import type { Scene } from './scene';
import { auditReading, auditRecordFailures, auditRedrive } from './sources';
import { timeoutOf } from './symptoms';

export function auditMapping(
  scene: Scene,
  { resource, source, function: called, enabled, onFailure }: EventSourceMapping,
): void {
  const from = source?.resource;
  const lambda = called.function;
  const hop = scene.hop(
    'mapping',
    from ?? source?.arn ?? 'a source without an ARN',
    `function ${lambda?.name ?? called.arn} by ${resource.logicalId}`,
  );
  hop.retry = 'by its source';
  if (enabled === false) hop.gap('place', resource, 'it is not enabled: its function gets nothing');
  if (!isKnown(enabled)) hop.cannotTell('place', resource, `whether it is enabled: ${enabled.reason}`);
  if (!lambda) scene.missing(hop, 'place', resource, 'its function', called.arn);
  if (!source) {
    hop.cannotTell(
      'permission',
      resource,
      'what its function needs: a source without an ARN is not modelled',
    );
  } else if (lambda) {
    auditReading(scene, hop, source, readFunction(lambda).role, lambda);
  }
  if (from?.type === 'AWS::SQS::Queue') {
    auditRedrive(scene, hop, from, 'function');
    const { visibilitySeconds } = readQueue(from);
    if (lambda && isKnown(visibilitySeconds) && visibilitySeconds < timeoutOf(lambda)) {
      const message = `its VisibilityTimeout of ${visibilitySeconds} s is less than the ${timeoutOf(lambda)} s`;
      hop.gap(
        'age-limit',
        from,
        `${message} that a call of its function may take: Lambda refuses the mapping`,
      );
    }
  } else if (onFailure === undefined) {
    const reason = scene.unknownPart(resource, 'DestinationConfig');
    hop.whenAllFails = reason === undefined ? 'lost' : 'not known';
    const lost = 'a record that fails for the last time is lost, and holds up those behind it until then';
    if (reason === undefined)
      hop.gap('failure-destination', resource, `it has no on-failure destination: ${lost}`);
    else hop.cannotTell('failure-destination', resource, `which on-failure destination it has: ${reason}`);
  } else if (lambda) {
    auditRecordFailures(scene, hop, onFailure, readFunction(lambda).role, resource);
  }
}
