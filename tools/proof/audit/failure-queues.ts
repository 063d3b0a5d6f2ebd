/** The queues where failed events wait for an operator. */
import type { MetricIdentity } from '../../template/alarms';
import type { Resource } from '../../template/assembly';
import { DAY, duration } from './durations';
import type { Scene } from './scene';

/** CreateQueue's default. */
const QUEUE_RETENTION = 4 * DAY;
/** Minimum retention of a failure queue, in seconds: a failure of Friday evening must outlast a week off. */
const USEFUL_RETENTION = 10 * DAY;

/** Seconds. */
export const retentionOf = ({ properties }: Resource): number =>
  Number(properties.MessageRetentionPeriod ?? QUEUE_RETENTION);

export function auditFailureQueue(scene: Scene, queue: Resource): void {
  const hop = scene.hop('failure queue', queue, 'operator');
  hop.retry = 'by the operator';
  hop.whenAllFails = scene.inArchive;
  hop.encryption = scene.encryption.of(hop, queue, []);
  const reason = scene.unknownPart(queue, 'MessageRetentionPeriod');
  const retention = reason === undefined ? retentionOf(queue) : QUEUE_RETENTION;
  if (reason !== undefined) {
    hop.cannotTell('age-limit', queue, `how long it keeps failures: ${reason}`);
  } else {
    hop.ageLimit = `kept ${duration(retention)}`;
    // Beyond a day, a stream no longer has the record that the message tells of.
    const isOfFailures = scene.failureQueues.has(queue);
    if (isOfFailures && retention < USEFUL_RETENTION) {
      const useful = `${duration(USEFUL_RETENTION)} or more leave time to find and mend the cause`;
      hop.gap('age-limit', queue, `it keeps failures for ${duration(retention)}; ${useful}`);
    }
  }
  for (const action of ['sqs:SendMessage', 'sqs:ReceiveMessage']) {
    if (scene.permissions.isOpenToStrangers(queue, action))
      hop.gap('too-wide', queue, `its policy allows ${action} to every AWS account`);
  }
  const metric = (name: string): MetricIdentity => ({
    namespace: 'AWS/SQS',
    name,
    dimensions: { QueueName: queue.name },
  });
  hop.watch(
    queue,
    metric('ApproximateNumberOfMessagesVisible'),
    // While there is still time.
    { ...metric('ApproximateAgeOfOldestMessage'), at: retention - DAY },
  );
}
