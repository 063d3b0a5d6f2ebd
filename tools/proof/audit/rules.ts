/** A rule, and how EventBridge hands events to its targets. */
import type { MetricIdentity } from '../../template/alarms';
import type { Resource } from '../../template/assembly';
import { hasPlaceholder, isKnown, reasonsOf } from '../../template/placeholder';
import { readQueue } from '../../template/queues';
import type { RuleModel, TargetModel } from '../../template/rules';
import { EVENTS_SERVICE } from '../../template/targets';
import { exampleEvent } from '../contracts/variants';
import type { RoutedRule } from '../routes/routing';
import { auditBuckets } from './buckets';
import { duration, times } from './durations';
import { type AuditedHop, isHopEnd } from './hops';
import type { Scene } from './scene';
import { auditQueueSize } from './sizes';
import { auditPayload } from './target-payload';
import { auditTargetPermission } from './target-permission';

export function auditRule(scene: Scene, rule: RoutedRule): void {
  const { resource } = rule.model;
  if (rule.scheduleExpression !== undefined) auditSchedule(scene, rule, resource);
  if (rule.eventPattern !== undefined) auditMatching(scene, rule, resource);
  for (const target of rule.model.targets) auditDelivery(scene, rule.model, target);
}

function auditMatching(scene: Scene, rule: RoutedRule, resource: Resource): void {
  const { routing } = scene;
  const hop = scene.hop('rule', `bus ${rule.bus}`, resource);
  hop.whenAllFails = scene.inArchive;
  if (!rule.enabled) hop.gap('place', resource, 'it is disabled: it takes no event');
  tellUnknown(hop, rule.model);
  if (!rule.pattern && hasPlaceholder(rule.eventPattern))
    hop.cannotTell('place', resource, `which events it takes: ${reasonsOf(rule.eventPattern)}`);
  auditBuckets(scene, hop, rule);
  if (hasPlaceholder(rule.bus)) {
    hop.cannotTell('place', resource, `which bus it listens on: ${reasonsOf(rule.bus)}`);
    return;
  }
  // Every account has a default bus, to which AWS's services publish; the app's events go to the template's own.
  const isRight = (rule.bus === 'default' && !takesOwnEvents(scene, rule)) || rule.isForeign;
  if (routing.buses.includes(rule.bus) || isRight) return;
  const own = routing.buses.join(', ') || 'none';
  const published = `events are published to the buses of this template: ${own}`;
  if (scene.isDescribed) hop.gap('place', resource, `it listens on the bus ${rule.bus}; ${published}`);
  else hop.cannotTell('place', resource, `it listens on the bus ${rule.bus}, which is not in this template`);
}

/** Says what only AWS knows of a rule or a schedule; of its dead-letter queues the hops to its targets do. */
export function tellUnknown(
  hop: AuditedHop,
  { resource, unknown }: Pick<RuleModel, 'resource' | 'unknown'>,
): void {
  for (const part of unknown)
    if (!/\bDeadLetterConfig is not known/.test(part)) hop.cannotTell('place', resource, part);
}

/** Checks whether a rule takes events of the app that the template has buses of its own for. */
function takesOwnEvents({ app, assembly, routing }: Scene, { pattern }: RoutedRule): boolean {
  if (routing.buses.length === 0) return false;
  const examples = app.contracts.map((contract) => exampleEvent(contract, assembly));
  return examples.some((event) => pattern?.matches(event));
}

function auditSchedule(scene: Scene, rule: RoutedRule, resource: Resource): void {
  const expression = String(rule.scheduleExpression);
  const hop = scene.hop('schedule', expression, resource);
  hop.retry = 'at its next time';
  hop.whenAllFails = 'to be invoked by hand';
  if (!rule.enabled) hop.gap('place', resource, 'it is disabled: it never fires');
  tellUnknown(hop, rule.model);
  if (hasPlaceholder(expression))
    hop.cannotTell('place', resource, `when its schedule fires: ${reasonsOf(expression)}`);
  else if (!rule.schedule?.next(new Date())) hop.gap('place', resource, 'its schedule never fires');
  for (const { model } of rule.targets) {
    const target = model.reference.resource;
    const done = target && scene.consumer(target)?.scheduled;
    if (done) hop.watch(resource, { ...scene.ownMetric(target, done.metric), below: true });
  }
}

function auditDelivery(scene: Scene, rule: RuleModel, target: TargetModel): void {
  const { resource } = rule;
  const { id, arn, reference, retries, ageSeconds, deadLetterArn } = target;
  const found = reference.resource;
  const hop = scene.hop('delivery', resource, found ?? arn);
  hop.retry = isKnown(retries) ? times(retries) : 'not known';
  hop.ageLimit = isKnown(ageSeconds) ? duration(ageSeconds) : 'not known';
  if (retries === 0) hop.gap('retry', resource, `target ${id} has no retry: MaximumRetryAttempts is 0`);
  // An action of EC2's own is a target, and no resource.
  const isAction = /^arn:[^:]*:events:[^:]*:[^:]*:target\//.test(arn);
  if (found) {
    // A target's role acts in place of EventBridge: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    const isByRole = target.roleArn !== undefined && reference.type?.allowedBy !== 'policy';
    const sender = isByRole
      ? { role: target.roleArn as string }
      : { service: EVENTS_SERVICE, sourceArn: rule.arn };
    const isKept = found.type !== 'AWS::Lambda::Function' && isHopEnd(found);
    hop.encryption = isKept ? scene.encryption.of(hop, found, [sender]) : 'TLS';
  } else if (!isAction) {
    scene.missing(hop, 'place', resource, `target ${id}`, arn);
  }
  auditTargetPermission(hop, scene.permissions, rule, target);
  auditPayload(scene, hop, rule, target);
  if (found?.type === 'AWS::SQS::Queue') keepDeadLetters(scene, found);
  auditDeadLetters(scene, hop, rule, target);

  const dimensions = { ...(rule.bus !== 'default' && { EventBusName: rule.bus }), RuleName: rule.name };
  const metric = (name: string): MetricIdentity => ({ namespace: 'AWS/Events', name, dimensions });
  hop.watch(
    resource,
    metric('FailedInvocations'),
    // Without a dead-letter queue there are no such metrics. Each of the latter is an event that is lost.
    ...(deadLetterArn === undefined
      ? []
      : [metric('InvocationsSentToDlq'), { ...metric('InvocationsFailedToBeSentToDlq'), at: 1 }]),
  );
}

/**
 * Counts the dead-letter queue of a queue as one that waits for an operator; its readers need not be in this
 * template.
 */
function keepDeadLetters(scene: Scene, queue: Resource): void {
  const { redrive } = readQueue(queue);
  const dead = redrive && scene.find(redrive.deadLetterArn);
  if (dead?.type === 'AWS::SQS::Queue') scene.failureQueues.add(dead);
}

function auditDeadLetters(
  scene: Scene,
  hop: AuditedHop,
  { resource, arn, name }: RuleModel,
  { id, deadLetterArn }: TargetModel,
): void {
  const queue = deadLetterArn === undefined ? undefined : scene.find(deadLetterArn);
  if (!deadLetterArn) {
    const given = resource.properties.Targets.find((each: { Id?: unknown }) => each.Id === id);
    const reason = reasonsOf(given?.DeadLetterConfig) || undefined;
    hop.whenAllFails = reason === undefined ? 'lost' : 'not known';
    const lost = `target ${id} has no dead-letter queue: what cannot be delivered is lost`;
    if (reason === undefined) hop.gap('failure-destination', resource, lost);
    else
      hop.cannotTell('failure-destination', resource, `which dead-letter queue target ${id} has: ${reason}`);
  } else if (queue?.type === 'AWS::SQS::Queue') {
    hop.whenAllFails = queue.name;
    scene.failureQueues.add(queue);
    if (readQueue(queue).isFifo === true)
      hop.gap('failure-destination', queue, 'EventBridge takes no FIFO queue for dead letters');
    auditQueueSize(hop, queue, scene.eventBytes);
    const decision = scene.permissions.serviceMay(EVENTS_SERVICE, arn, 'sqs:SendMessage', queue.arn);
    hop.needs('sqs:SendMessage', decision, queue, `for rule ${name}`);
    scene.encryption.of(hop, queue, [{ service: EVENTS_SERVICE, sourceArn: arn }]);
  } else if (queue) {
    const what = `the dead-letter queue of target ${id} is ${deadLetterArn}, no queue`;
    hop.gap('failure-destination', resource, what);
    hop.whenAllFails = 'lost';
  } else {
    hop.whenAllFails = deadLetterArn;
    const what = `the dead-letter queue of target ${id}`;
    scene.missing(hop, 'failure-destination', resource, what, deadLetterArn);
  }
}
