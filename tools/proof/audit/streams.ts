/** Firehose writes to S3. */
import type { MetricIdentity } from '../../template/alarms';
import type { Resource } from '../../template/assembly';
import { reasonsOf } from '../../template/placeholder';
import { duration, HOUR } from './durations';
import type { AuditedHop } from './hops';
import { logStreamArn } from './log-streams';
import type { Scene } from './scene';

/**
 * Time for which Firehose tries to write to S3, in seconds.
 * https://docs.aws.amazon.com/firehose/latest/dev/retry.html
 */
const STREAM_AGE = 24 * HOUR;

export function auditStream(scene: Scene, stream: Resource): void {
  const destination =
    stream.properties.ExtendedS3DestinationConfiguration ?? stream.properties.S3DestinationConfiguration;
  const ofDestination = typeof destination === 'string' ? reasonsOf(destination) : '';
  const bucket = destination && scene.find(String(destination.BucketARN));
  const hop = scene.hop('stream', stream, bucket ?? String(destination?.BucketARN ?? 'nowhere'));
  hop.retry = 'by Firehose';
  hop.ageLimit = duration(STREAM_AGE);
  hop.whenAllFails = scene.inArchive;
  const metric = (name: string): MetricIdentity => ({
    namespace: 'AWS/Firehose',
    name,
    dimensions: { DeliveryStreamName: stream.name },
  });
  if (ofDestination !== '') {
    hop.cannotTell('place', stream, `what becomes of its records: ${ofDestination}`);
    return;
  }
  if (!destination) {
    const known = 'an ExtendedS3DestinationConfiguration, the only destination that is looked at';
    if (scene.isDescribed) hop.gap('place', stream, `it has not ${known}`);
    else hop.cannotTell('place', stream, `what becomes of its records: it has not ${known}`);
    return;
  }
  hop.watch(
    stream,
    { ...metric('DeliveryToS3.DataFreshness'), at: STREAM_AGE },
    { ...metric('DeliveryToS3.Success'), at: 0, below: true },
  );
  const { BucketARN: bucketArn, RoleARN: roleArn, CloudWatchLoggingOptions: logging } = destination;
  const role = scene.role(roleArn);
  const logGroup = logging?.Enabled && scene.logGroup(logging.LogGroupName);
  if (!bucket) scene.missing(hop, 'place', stream, 'its bucket', bucketArn);
  if (!role) scene.missing(hop, 'permission', stream, 'its role', roleArn);
  const ofLogging = reasonsOf(logging);
  if (ofLogging !== '') {
    hop.cannotTell('alarm', stream, `whether it logs why a write failed: ${ofLogging}`);
  } else if (!logGroup) {
    const unknown = 'nobody could tell why a write failed';
    hop.gap('alarm', stream, `it does not log to a log group of this template: ${unknown}`);
  }
  if (bucket) {
    auditBucket(hop, bucket);
    hop.encryption = scene.encryption.of(hop, bucket, role ? [{ role: role.arn }] : []);
  }
  if (!role) return;
  const assumed = scene.permissions.mayAssume('firehose.amazonaws.com', role, stream.arn);
  hop.needs('sts:AssumeRole', assumed, role, 'for firehose.amazonaws.com');
  for (const [action, arn] of bucket ? deliveryActions(bucket) : []) {
    hop.needs(action, scene.permissions.roleMay(role.arn, action, arn), role, `on ${arn}`);
  }
  if (logGroup) {
    const arn = logStreamArn(logGroup, logging.LogStreamName);
    const decision = scene.permissions.roleMay(role.arn, 'logs:PutLogEvents', arn);
    hop.needs('logs:PutLogEvents', decision, role, `on ${logGroup.name}`);
  }
}

/**
 * A new bucket blocks all public access, unless the template says otherwise.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
 */
function auditBucket(hop: AuditedHop, bucket: Resource): void {
  const { PublicAccessBlockConfiguration: block } = bucket.properties;
  const reason = reasonsOf(block);
  if (reason !== '') hop.cannotTell('too-wide', bucket, `whether it blocks all public access: ${reason}`);
  else if (block && Object.values(block).filter((each) => String(each) === 'true').length < 4)
    hop.gap('too-wide', bucket, 'it does not block all public access');
}

/** https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3 */
function deliveryActions(bucket: Resource): [action: string, arn: string][] {
  const object = `${bucket.arn}/any`;
  return [
    ['s3:PutObject', object],
    ['s3:GetObject', object],
    ['s3:AbortMultipartUpload', object],
    ['s3:GetBucketLocation', bucket.arn],
    ['s3:ListBucket', bucket.arn],
    ['s3:ListBucketMultipartUploads', bucket.arn],
  ];
}
