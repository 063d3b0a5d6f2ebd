/**
 * Buckets whose events a rule takes: they come to EventBridge only where the bucket says so.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-event-notifications-eventbridge.html
 */
import type { Assembly, Resource } from '../../template/assembly';
import type { Json } from '../../template/template';
import type { RoutedRule } from '../routes/routing';
import type { AuditedHop } from './hops';
import type { Scene } from './scene';

/** Resource of the CDK that sets a bucket's notifications. */
const NOTIFICATIONS = 'Custom::S3BucketNotifications';

export function auditBuckets(scene: Scene, hop: AuditedHop, { eventPattern, name }: RoutedRule): void {
  for (const bucket of bucketsOf(scene.assembly, eventPattern)) {
    const reason = scene.unknownPart(bucket, 'NotificationConfiguration');
    const sends = 'whether it sends its events to EventBridge';
    if (reason !== undefined) hop.cannotTell('place', bucket, `${sends}: ${reason}`);
    else if (!sendsEvents(scene.assembly, bucket)) {
      const missing = 'its NotificationConfiguration has no EventBridgeConfiguration';
      hop.gap(
        'place',
        bucket,
        `it sends no events to EventBridge, and rule ${name} waits for them: ${missing}`,
      );
    }
  }
}

/** Buckets of the template that a pattern names as the source of S3's own events. */
function bucketsOf(assembly: Assembly, pattern: Json): Resource[] {
  const { source, 'detail-type': types, detail } = pattern ?? {};
  const isOfS3 = Array.isArray(source) && source.every((each) => each === 'aws.s3');
  // CloudTrail tells of calls, whatever the bucket says.
  const isOwn =
    Array.isArray(types) && types.every((type) => typeof type === 'string' && !/ via CloudTrail$/.test(type));
  const names: Json = detail?.bucket?.name;
  if (!isOfS3 || !isOwn || !Array.isArray(names)) return [];
  return assembly.ofType('AWS::S3::Bucket').filter(({ name }) => names.includes(name));
}

function sendsEvents(assembly: Assembly, bucket: Resource): boolean {
  const own: Json = bucket.properties.NotificationConfiguration?.EventBridgeConfiguration;
  if (own !== undefined) return String(own.EventBridgeEnabled ?? true) === 'true';
  return assembly
    .ofType(NOTIFICATIONS)
    .some(
      ({ properties: { BucketName, NotificationConfiguration } }) =>
        BucketName === bucket.ref && NotificationConfiguration?.EventBridgeConfiguration !== undefined,
    );
}
