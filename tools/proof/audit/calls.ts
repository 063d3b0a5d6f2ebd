/** Hops of the calls that a described handler makes. */
import { type Consumer, callsOf, type HandlerCalls } from '../../app';
import type { Resource } from '../../template/assembly';
import { duration, times } from './durations';
import type { Scene } from './scene';
import { auditMadeSchedules } from './schedules';
import { indexesOf, lambdaMetric, tableSymptoms, timeoutOf } from './symptoms';

export function auditCalls(scene: Scene, resource: Resource, consumer: Consumer, destination: string): void {
  const calls = callsOf(consumer, resource.properties.Environment?.Variables);
  for (const each of calls) auditCall(scene, resource, each, consumer.attempts, destination);
}

function auditCall(
  scene: Scene,
  resource: Resource,
  calls: HandlerCalls,
  attempts: number,
  destination: string,
): void {
  const { Environment, Role: role } = resource.properties;
  const value = Environment?.Variables?.[calls.on];
  const service = String(calls.actions[0]?.split(':')[0]);
  const called = value === undefined ? undefined : scene.find(value, service);
  const hop = scene.hop('call', resource, called ?? calls.on);
  hop.retry = `${times(attempts - 1)}, then by the queue`;
  hop.ageLimit = `${duration(timeoutOf(resource))} a call`;
  hop.whenAllFails = destination;
  hop.watch(resource, lambdaMetric(resource, 'Errors'));
  if (value === undefined) {
    hop.gap('place', resource, `its variable ${calls.on} is not set: it cannot start`);
    return;
  }
  if (!called) {
    scene.missing(hop, 'place', resource, `its variable ${calls.on}`, value);
    return;
  }
  if (calls.index && !indexesOf(called).includes(calls.index)) {
    hop.gap('place', called, `it has no index ${calls.index}`);
  }
  const arn = arnOfCalls(called, calls);
  for (const action of calls.actions) {
    const decision = scene.permissions.roleMay(role, action, arn);
    hop.needs(action, decision, resource, `for its role, on ${arn}`);
    // An action or a resource that does not exist: only a wildcard allows it.
    const wide = [
      [`${service}:AnyOtherAction`, arn, `any action of ${service} on ${called.name}`],
      [action, arn.replace(called.name, 'any-other'), `${action} on more than ${called.name}`],
    ] as const;
    for (const [otherAction, otherArn, what] of wide) {
      const { allowed } = scene.permissions.roleMay(role, otherAction, otherArn);
      if (allowed) hop.gap('too-wide', resource, `its role allows ${what}`);
    }
  }
  if (calls.schedules) auditMadeSchedules(scene, resource, called, calls.schedules);
  else hop.encryption = scene.encryption.of(hop, called, [{ role }]);
  if (/^AWS::DynamoDB::/.test(called.type)) hop.watch(called, ...tableSymptoms(called, calls));
}

/** ARN that the actions are on: an index of a table, a schedule of a group, or the resource itself. */
function arnOfCalls({ arn }: Resource, { index, schedules }: HandlerCalls): string {
  if (schedules) return `${arn.replace(':schedule-group/', ':schedule/')}/any`;
  return index ? `${arn}/index/${index}` : arn;
}
