/** Destination of the envelopes of events that a function failed to handle: a queue, if the function's role may send there. */
import { AssemblyError, type Resource } from '../template/assembly';
import type { Policies } from '../template/policies';
import type { FailureDestination } from './services/lambda-definition';
import type { Queue } from './services/queue';

/** Asked for at each envelope, since they may change while the stack runs. */
export interface DestinationParts {
  readonly queues: () => readonly Queue[];
  readonly policies: () => Policies;
}

/** @throws AssemblyError for a destination that is no queue */
export function failureDestination(
  { type, logicalId, properties }: Resource,
  arn: string,
  { queues, policies }: DestinationParts,
): FailureDestination {
  if (arn.split(':')[2] !== 'sqs') {
    throw new AssemblyError(
      `${type} ${logicalId}: the local run does not know its destination for failures ${arn}; it knows queues.`,
    );
  }
  return {
    arn,
    send: (envelope) => {
      const queue = queues().find((each) => each.arn === arn);
      if (!queue) throw new Error('there is no such queue');
      const { allowed, reason } = policies().roleMay(properties.Role, 'sqs:SendMessage', arn);
      if (!allowed) throw new Error(reason);
      const bytes = Buffer.byteLength(envelope);
      if (bytes > queue.maximumMessageBytes) {
        throw new Error(`the record has ${bytes} bytes; the queue takes ${queue.maximumMessageBytes}`);
      }
      queue.send({ body: envelope, senderId: properties.Role });
    },
  };
}
