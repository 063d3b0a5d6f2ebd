/** Schedules of EventBridge Scheduler, which hand over by a role of their own. */
import type { MadeSchedules } from '../../app';
import { defined } from '../../defined';
import type { MetricIdentity } from '../../template/alarms';
import type { Resource } from '../../template/assembly';
import { hasPlaceholder, isKnown, reasonsOf } from '../../template/placeholder';
import { SCHEDULER_SERVICE, type SchedulerSchedule, schedulesOf } from '../../template/schedules';
import { duration, times } from './durations';
import type { AuditedHop } from './hops';
import { tellUnknown } from './rules';
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
  tellUnknown(hop, schedule);
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
  watchGroup(hop, resource, schedule.group);
}

function watchGroup(hop: AuditedHop, resource: Resource, group: string): void {
  const metric = (name: string): MetricIdentity => ({
    ...{ namespace: 'AWS/Scheduler', name },
    dimensions: { ScheduleGroup: group },
  });
  hop.watch(
    resource,
    metric('InvocationDroppedCount'),
    metric('InvocationsSentToDeadLetterCount'),
    // Each of these is lost.
    { ...metric('InvocationsFailedToBeSentToDeadLetterCount'), at: 1 },
  );
}

/**
 * Schedules that a described function makes while it runs: the template has their group, their role, the bus and the queue,
 * and the function's code the rest.
 */
export function auditMadeSchedules(
  scene: Scene,
  maker: Resource,
  group: Resource,
  made: MadeSchedules,
): void {
  const variables = maker.properties.Environment?.Variables ?? {};
  const of = (variable: string) => ({ variable, value: variables[variable] as string | undefined });
  const bus = scene.find(of(made.target).value ?? '');
  const hop = scene.hop('schedule', group, bus ?? made.target);
  hop.retry = 'by its code';
  hop.ageLimit = 'by its code';
  const missing = [made.role, made.target, made.deadLetterQueue]
    .map(of)
    .find(({ value }) => value === undefined);
  if (missing) {
    hop.gap('place', maker, `its variable ${missing.variable} is not set: it cannot start`);
    return;
  }
  const roleArn = of(made.role).value ?? '';
  const role = scene.role(roleArn);
  if (!bus) scene.missing(hop, 'place', maker, `its variable ${made.target}`, of(made.target).value ?? '');
  if (!role) {
    scene.missing(hop, 'permission', maker, `its variable ${made.role}`, roleArn);
    return;
  }
  const passed = { 'iam:PassedToService': SCHEDULER_SERVICE };
  const mayPass = scene.permissions.roleMay(maker.properties.Role, 'iam:PassRole', roleArn, passed);
  hop.needs('iam:PassRole', mayPass, maker, `for its role, on ${roleArn}`);
  const assumed = scene.permissions.mayAssume(SCHEDULER_SERVICE, role, group.arn);
  hop.needs('sts:AssumeRole', assumed, role, `for ${SCHEDULER_SERVICE}`);
  if (bus) {
    const mayPut = scene.permissions.roleMay(roleArn, 'events:PutEvents', bus.arn);
    hop.needs('events:PutEvents', mayPut, role, `on ${bus.arn}`);
    hop.encryption = scene.encryption.of(hop, bus, []);
  }
  const deadLetterArn = of(made.deadLetterQueue).value;
  auditDeadLetters(scene, hop, { resource: maker, roleArn, ...defined({ deadLetterArn }) });
  watchGroup(hop, group, group.name);
}

/** https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html */
function auditDeadLetters(
  scene: Scene,
  hop: AuditedHop,
  { resource, deadLetterArn, roleArn }: Pick<SchedulerSchedule, 'resource' | 'deadLetterArn' | 'roleArn'>,
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
