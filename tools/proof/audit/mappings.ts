/** What comes after a queue or a stream: the function that reads from it, and where a message goes that it fails at. */
import type { Assembly } from '../../template/assembly';
import { type EventSourceMapping, eventSourceMappingsOf } from '../../template/event-source-mappings';
import { readFunction } from '../../template/functions';
import { readQueue } from '../../template/queues';
import type { Hop, HopKind } from './hops';
import type { Permissions } from './permissions';

type NewHop = (kind: HopKind, from: string, to: string) => Hop;

export function auditMappings(assembly: Assembly, permissions: Permissions, newHop: NewHop): void {
  for (const mapping of eventSourceMappingsOf(assembly)) auditMapping(permissions, newHop, mapping);
}

function auditMapping(
  permissions: Permissions,
  newHop: NewHop,
  { resource, source, function: called, enabled, onFailure }: EventSourceMapping,
): void {
  const from = source?.resource;
  const lambda = called.function;
  const hop = newHop(
    'mapping',
    from ? `${from.type.split('::').at(-1)} ${from.name}` : (source?.arn ?? 'a source without an ARN'),
    lambda ? `function ${lambda.name}` : called.arn,
  );
  hop.retry = 'by its source';
  if (enabled === false) hop.gap('place', resource, 'it is not enabled: its function gets nothing');
  if (lambda && source?.actions) {
    const { role } = readFunction(lambda);
    for (const action of source.actions) {
      const decision = permissions.roleMay(role, action, source.arn);
      hop.needs(action, decision, lambda, `for its role, on ${source.arn}`);
    }
  }
  if (from?.type === 'AWS::SQS::Queue') {
    const { redrive } = readQueue(from);
    hop.whenAllFails = redrive?.deadLetterArn.split(':').at(-1) ?? 'lost';
    if (redrive) return;
    const lost = 'a message that its function fails at comes again until its retention ends, and is lost';
    hop.gap('failure-destination', from, `it has no RedrivePolicy: ${lost}`);
  } else if (onFailure === undefined) {
    hop.whenAllFails = 'lost';
    const lost = 'a record that fails for the last time is lost, and holds up those behind it until then';
    hop.gap('failure-destination', resource, `it has no on-failure destination: ${lost}`);
  } else {
    hop.whenAllFails = onFailure.split(':').at(-1) ?? onFailure;
  }
}
