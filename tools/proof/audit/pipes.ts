/** Pipes, which read from a queue or a stream and hand over to any target, all by one role. */
import { PIPES_SERVICE, type Pipe, pipesOf } from '../../template/event-source-mappings';
import { isKnown } from '../../template/placeholder';
import { targetTypeOf } from '../../template/targets';
import { DAY, duration, times } from './durations';
import type { AuditedHop } from './hops';
import { tellUnknown } from './rules';
import type { Scene } from './scene';
import { auditReading, auditRecordFailures, auditRedrive } from './sources';

export function auditPipes(scene: Scene): void {
  for (const pipe of pipesOf(scene.assembly)) auditPipe(scene, pipe);
}

function auditPipe(scene: Scene, pipe: Pipe): void {
  const { resource, source, target, targetArn, roleArn, enrichment } = pipe;
  const reading = scene.hop('mapping', source.resource ?? source.arn, resource);
  reading.retry = 'by its source';
  if (!pipe.enabled) reading.gap('place', resource, 'it is stopped: it hands nothing over');
  tellUnknown(reading, pipe);
  const role = scene.role(roleArn);
  if (!role) scene.missing(reading, 'permission', resource, 'its role', roleArn);
  else {
    const assumed = scene.permissions.mayAssume(PIPES_SERVICE, role, resource.arn);
    reading.needs('sts:AssumeRole', assumed, resource, `for ${PIPES_SERVICE}, by its role`);
  }
  auditReading(scene, reading, source, roleArn, resource);
  if (source.resource?.type === 'AWS::SQS::Queue') auditRedrive(scene, reading, source.resource, 'pipe');
  else auditStreamFailures(scene, reading, pipe);

  if (enrichment !== undefined) {
    const enriching = scene.hop('delivery', resource, scene.assembly.find(enrichment) ?? enrichment);
    handOver(scene, enriching, pipe, enrichment, true);
  }
  const delivery = scene.hop('delivery', resource, target.resource ?? targetArn);
  delivery.retry = 'by its source';
  delivery.whenAllFails = reading.whenAllFails;
  if (!target.resource) scene.missing(delivery, 'place', resource, 'its target', targetArn);
  handOver(scene, delivery, pipe, targetArn, false);
}

/** @param waits for the answer, as an enrichment does */
function handOver(
  scene: Scene,
  hop: AuditedHop,
  { resource, roleArn }: Pipe,
  arn: string,
  waits: boolean,
): void {
  const type = targetTypeOf(arn);
  if (!type) {
    hop.cannotTell('permission', resource, `what ${arn} needs: it is of no known type`);
    return;
  }
  for (const each of type.actions) {
    const action = waits && each === 'states:StartExecution' ? 'states:StartSyncExecution' : each;
    const on = action.startsWith('ecs:')
      ? String(resource.properties.TargetParameters?.EcsTaskParameters?.TaskDefinitionArn ?? arn)
      : arn;
    hop.needs(action, scene.permissions.roleMay(roleArn, action, on), resource, 'for its role');
  }
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-error-troubleshooting.html */
function auditStreamFailures(scene: Scene, hop: AuditedHop, pipe: Pipe): void {
  const { resource, deadLetterArn: arn, retries, ageSeconds } = pipe;
  hop.whenAllFails = 'lost';
  if (arn !== undefined) auditRecordFailures(scene, hop, arn, pipe.roleArn, resource);
  if (!pipe.isOfStream) return;
  if (arn === undefined) {
    const lost = 'a record that fails for the last time is lost';
    hop.gap('failure-destination', resource, `it has no dead-letter queue: ${lost}`);
  }
  hop.retry = retries === undefined ? 'without end' : isKnown(retries) ? times(retries) : 'not known';
  hop.ageLimit = ageSeconds === undefined ? 'none' : isKnown(ageSeconds) ? duration(ageSeconds) : 'not known';
  if (retries === 0) hop.gap('retry', resource, 'it has no retry: MaximumRetryAttempts is 0');
  if (retries !== undefined) return;
  if (ageSeconds === undefined || (isKnown(ageSeconds) && ageSeconds >= DAY)) {
    const dropped = 'all behind it wait, and the stream may drop it before a dead-letter queue hears of it';
    const limit = 'MaximumRetryAttempts, or MaximumRecordAgeInSeconds under a day';
    hop.gap(
      'age-limit',
      resource,
      `it tries a record that fails again without end: ${dropped}; set ${limit}`,
    );
  }
}
