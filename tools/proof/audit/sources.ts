/** Reading of a queue or a stream by a mapping or a pipe, and the place to which a message goes that it fails at. */
import type { Resource } from '../../template/assembly';
import type { Source } from '../../template/event-source-mappings';
import { isKnown } from '../../template/placeholder';
import { readQueue } from '../../template/queues';
import type { AuditedHop } from './hops';
import type { Scene } from './scene';

/** Actions that a reader's role needs on the destination of its failures, by type. */
const FAILURE_ACTIONS: Readonly<Record<string, string>> = {
  'AWS::S3::Bucket': 's3:PutObject',
  'AWS::SNS::Topic': 'sns:Publish',
  'AWS::SQS::Queue': 'sqs:SendMessage',
};

/** @param reader the function or the pipe, to mend if its role may not read */
export function auditReading(
  scene: Scene,
  hop: AuditedHop,
  source: Source,
  roleArn: string,
  reader: Resource,
): void {
  const { resource: from, actions, arn } = source;
  if (!actions) {
    hop.cannotTell(
      'permission',
      reader,
      `what its role needs to read from ${arn}: that source is not modelled`,
    );
    return;
  }
  for (const action of actions) {
    const decision = scene.permissions.roleMay(roleArn, action, arn);
    hop.needs(action, decision, reader, `for its role, on ${arn}`);
  }
  if (from?.type === 'AWS::SQS::Queue') {
    scene.encryption.withKey(hop, from, readQueue(from).key, [{ role: roleArn }], 'SQS key');
  }
}

/**
 * The destination of a stream's records after their last failure gets where they stand, and not the records.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-error-troubleshooting.html
 * @param arn of the queue, topic or bucket
 * @param reader the mapping or the pipe
 */
export function auditRecordFailures(
  scene: Scene,
  hop: AuditedHop,
  arn: string,
  roleArn: string,
  reader: Resource,
): void {
  const destination = scene.find(arn) ?? scene.assembly.find(arn);
  hop.whenAllFails = destination?.name ?? arn;
  if (!destination) {
    scene.missing(hop, 'failure-destination', reader, 'the destination of its failures', arn);
    return;
  }
  const isBucket = destination.type === 'AWS::S3::Bucket';
  if (destination.type === 'AWS::SQS::Queue') {
    scene.positionQueues.add(destination);
    if (String(destination.properties.FifoQueue) === 'true')
      hop.gap('failure-destination', destination, 'it takes no failures of a stream: it is a FIFO queue');
  }
  const action = FAILURE_ACTIONS[destination.type];
  if (action === undefined) {
    const wrong = 'it must be a queue, a topic or a bucket';
    hop.gap('failure-destination', reader, `the destination of its failures is ${arn}: ${wrong}`);
    return;
  }
  const on = isBucket ? `${arn}/any` : arn;
  const decision = scene.permissions.roleMay(roleArn, action, on);
  hop.needs(action, decision, reader, 'for its role, on the destination of its failures');
  scene.encryption.of(hop, destination, [{ role: roleArn }]);
  if (isBucket) return;
  scene.notes.push(
    `${destination.name} gets where a failed record of ${hop.from} stands, not the record: ` +
      'it is to be read there before the stream drops it, after 24 hours or, of Kinesis, its RetentionPeriodHours.',
  );
}

/** A queue keeps a message that its reader fails at, and redrives it after some receives. */
export function auditRedrive(scene: Scene, hop: AuditedHop, queue: Resource, reader: string): void {
  const { redrive, isFifo } = readQueue(queue);
  hop.whenAllFails = redrive?.deadLetterArn.split(':').at(-1) ?? 'lost';
  if (!redrive) {
    const reason = scene.unknownPart(queue, 'RedrivePolicy');
    const lost = `a message that its ${reader} fails at comes again until its retention ends, and is lost`;
    if (reason === undefined) hop.gap('failure-destination', queue, `it has no RedrivePolicy: ${lost}`);
    else hop.cannotTell('failure-destination', queue, `what its RedrivePolicy is: ${reason}`);
    return;
  }
  const dead = scene.find(redrive.deadLetterArn);
  if (!dead) {
    scene.missing(hop, 'failure-destination', queue, 'its dead-letter queue', redrive.deadLetterArn);
    return;
  }
  scene.failureQueues.add(dead);
  const other = readQueue(dead).isFifo;
  if (isKnown(isFifo) && isKnown(other) && isFifo !== other) {
    const kind = isFifo ? 'a FIFO queue' : 'a standard queue';
    hop.gap('failure-destination', queue, `its dead-letter queue must be ${kind}, as it is one itself`);
  }
}
