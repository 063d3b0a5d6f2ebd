/** Schedules of EventBridge Scheduler, which hand over by a role of their own. */
import type { MetricIdentity } from '../../template/alarms';
import { hasPlaceholder, isKnown, reasonsOf } from '../../template/placeholder';
import { SCHEDULER_SERVICE, type SchedulerSchedule, schedulesOf } from '../../template/schedules';
import { duration, times } from './durations';
import type { AuditedHop } from './hops';
import type { Scene } from './scene';

export function auditSchedules(scene: Scene): void {
  for (const schedule of schedulesOf(scene.assembly)) auditSchedule(scene, schedule);
}

function auditSchedule(scene: Scene, schedule: SchedulerSchedule): void {
  const { resource, target, targetArn, roleArn, action, retries, ageSeconds, expression } = schedule;
  const hop = scene.hop('schedule', expression, target.resource ?? targetArn);
  hop.retry = isKnown(retries) ? times(retries) : 'not known';
  hop.ageLimit = isKnown(ageSeconds) ? duration(ageSeconds) : 'not known';
  if (!schedule.enabled) hop.gap('place', resource, 'it is disabled: it never fires');
  if (hasPlaceholder([expression, schedule.timezone]))
    hop.cannotTell('place', resource, `when it fires: ${reasonsOf([expression, schedule.timezone])}`);
  const done = target.resource && scene.consumer(target.resource)?.scheduled;
  if (target.resource && done)
    hop.watch(resource, { ...scene.ownMetric(target.resource, done.metric), below: true });
  if (retries === 0) hop.gap('retry', resource, 'it has no retry: MaximumRetryAttempts is 0');
  const isCall = /^arn:[^:]*:scheduler:::aws-sdk:/.test(targetArn);
  if (!target.resource && !isCall) scene.missing(hop, 'place', resource, 'its target', targetArn);
  const role = scene.role(roleArn);
  if (!role) scene.missing(hop, 'permission', resource, 'its role', roleArn);
  else {
    // Scheduler acts for the group: https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    const assumed = scene.permissions.mayAssume(SCHEDULER_SERVICE, role, schedule.groupArn);
    hop.needs('sts:AssumeRole', assumed, resource, `for ${SCHEDULER_SERVICE}, by its role`);
  }
  if (isCall || action === undefined) {
    const why = isCall ? 'the parameters of the call say on what' : 'it is of no known type';
    hop.cannotTell('permission', resource, `what its role needs for ${targetArn}: ${why}`);
  } else if (role) {
    hop.needs(action, scene.permissions.roleMay(roleArn, action, targetArn), resource, 'for its role');
  }
  auditDeadLetters(scene, hop, schedule);
  const metric = (metricName: string): MetricIdentity => ({
    namespace: 'AWS/Scheduler',
    name: metricName,
    dimensions: { ScheduleGroup: schedule.group },
  });
  hop.watch(
    resource,
    metric('InvocationDroppedCount'),
    metric('InvocationsSentToDeadLetterCount'),
    // Each of these is lost.
    { ...metric('InvocationsFailedToBeSentToDeadLetterCount'), at: 1 },
  );
}

/** https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html */
function auditDeadLetters(
  scene: Scene,
  hop: AuditedHop,
  { resource, deadLetterArn, roleArn }: SchedulerSchedule,
): void {
  if (deadLetterArn === undefined) {
    const reason = scene.unknownPart(resource, 'Target', 'DeadLetterConfig');
    hop.whenAllFails = 'lost';
    const lost = 'what cannot be delivered is lost';
    if (reason === undefined)
      hop.gap('failure-destination', resource, `it has no dead-letter queue: ${lost}`);
    else hop.cannotTell('failure-destination', resource, `which dead-letter queue it has: ${reason}`);
    return;
  }
  const queue = scene.find(deadLetterArn);
  hop.whenAllFails = queue?.name ?? deadLetterArn;
  if (queue?.type !== 'AWS::SQS::Queue') {
    scene.missing(hop, 'failure-destination', resource, 'its dead-letter queue', deadLetterArn);
    return;
  }
  scene.failureQueues.add(queue);
  if (String(queue.properties.FifoQueue) === 'true')
    hop.gap('failure-destination', queue, 'Scheduler takes no FIFO queue for dead letters');
  const decision = scene.permissions.roleMay(roleArn, 'sqs:SendMessage', queue.arn);
  hop.needs('sqs:SendMessage', decision, resource, 'for its role, on its dead-letter queue');
  scene.encryption.of(hop, queue, [{ role: roleArn }]);
}
