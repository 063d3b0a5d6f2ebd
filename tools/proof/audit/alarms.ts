/** An alarm that tells nobody is none. */
import type { Alarm } from '../../template/alarms';
import { hasPlaceholder } from '../../template/placeholder';
import type { Scene } from './scene';

const CLOUDWATCH = 'cloudwatch.amazonaws.com';

export function auditAlarms(scene: Scene): void {
  const told = new Map<string, Alarm[]>();
  for (const alarm of scene.alarms.all) {
    for (const action of alarm.actions) told.set(action, [...(told.get(action) ?? []), alarm]);
    if (alarm.tells) continue;
    const hop = scene.hop('alarm', 'CloudWatch', 'nobody');
    const reason = scene.unknownPart(alarm.resource, 'AlarmActions');
    if (reason !== undefined) {
      hop.cannotTell('alarm', alarm.resource, `whether it tells anybody: ${reason}`);
      continue;
    }
    const missing = 'it has no action, or they are not enabled, and no composite alarm tells of it';
    hop.gap('alarm', alarm.resource, `${missing}: it tells nobody`);
  }
  for (const [arn, alarms] of told) auditAction(scene, arn, alarms);
}

function auditAction(scene: Scene, arn: string, alarms: readonly Alarm[]): void {
  const topic = scene.find(arn);
  // Actions beside topics (EC2, Auto Scaling, Systems Manager, functions) tell nobody, but are what the alarm is for.
  if (!topic && !/^arn:[^:]*:sns:/.test(arn) && !hasPlaceholder(arn) && !scene.isDescribed) return;
  const hop = scene.hop('alarm', 'CloudWatch', topic ?? arn);
  hop.retry = 'by CloudWatch';
  hop.whenAllFails = 'its state stays visible';
  if (topic?.type !== 'AWS::SNS::Topic') {
    for (const { resource } of alarms) scene.missing(hop, 'place', resource, 'its action', arn);
    return;
  }
  const decisions = alarms.map(({ name, resource }) => ({
    name,
    resource,
    decision: scene.permissions.serviceMay(CLOUDWATCH, resource.arn, 'sns:Publish', topic.arn),
  }));
  // The first that is not allowed stands for all: they share the statement that does not let them in.
  const first =
    decisions.find(({ decision }) => !decision.allowed) ?? (decisions[0] as (typeof decisions)[0]);
  hop.needs('sns:Publish', first.decision, topic, `for alarm ${first.name}`);
  const sender = { service: CLOUDWATCH, sourceArn: first.resource.arn };
  hop.encryption = scene.encryption.of(hop, topic, [sender]);
}
