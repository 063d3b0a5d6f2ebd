/** A function that events are handed to: Lambda's queue in front of it, and the handler itself. */
import { ASYNC_INVOCATION } from '../../eventbridge/service-facts';
import type { Resource } from '../../template/assembly';
import { functionReference } from '../../template/functions';
import { type InvokeConfig, invokeConfigOf } from '../../template/invoke-config';
import { isKnown, Unknown } from '../../template/placeholder';
import { subscriptionsOf } from '../../template/queues';
import { qualifiersCalled } from '../../template/rules';
import { schedulesOf } from '../../template/schedules';
import { auditCalls } from './calls';
import { duration, times } from './durations';
import type { AuditedHop } from './hops';
import { logStreamArn } from './log-streams';
import type { Scene } from './scene';
import { auditQueueSize } from './sizes';
import { lambdaMetric, timeoutOf } from './symptoms';

export function auditFunction(scene: Scene, resource: Resource): void {
  const called = asynchronousCalls(scene, resource);
  const handler = scene.consumer(resource);
  if (called.length === 0 && !handler) return;
  const [first, ...others] = called;
  const destination = auditAsynchronousQueue(scene, resource, first);
  for (const qualifier of others) auditAsynchronousQueue(scene, resource, qualifier);
  auditHandler(scene, resource, destination);
  if (handler) auditCalls(scene, resource, handler, destination);
}

/** The qualifiers by which rules, schedules and topics call it: they do not wait for its answer. */
function asynchronousCalls({ assembly, routing }: Scene, resource: Resource): (string | undefined)[] {
  const rules = routing.rules.map(({ model }) => model);
  const targets = [
    ...schedulesOf(assembly).map(({ targetArn }) => targetArn),
    ...subscriptionsOf(assembly).flatMap(({ protocol, endpoint }) => (protocol === 'lambda' ? endpoint : [])),
  ].map((arn) => functionReference(assembly, arn));
  const own = targets.filter((target) => target.function === resource);
  return [...new Set([...qualifiersCalled(rules, resource), ...own.map(({ qualifier }) => qualifier)])];
}

/** @returns where Lambda puts what failed for the last time */
function auditAsynchronousQueue(scene: Scene, resource: Resource, qualifier?: string): string {
  const hop = scene.hop('asynchronous queue', 'Lambda', resource);
  const config = invokeConfigOf(scene.assembly, resource, qualifier);
  const { retries: tries, ageSeconds } = config;
  const retries = isKnown(tries) ? tries : ASYNC_INVOCATION.defaultRetries;
  const age = isKnown(ageSeconds) ? ageSeconds : ASYNC_INVOCATION.defaultAgeSeconds;
  for (const value of [tries, ageSeconds]) {
    if (value instanceof Unknown)
      hop.cannotTell('retry', resource, `how long it is tried again: ${value.reason}`);
  }
  hop.retry = times(retries);
  hop.ageLimit = duration(age);
  if (retries === 0)
    hop.gap('retry', resource, 'what its handler throws is not tried again: MaximumRetryAttempts is 0');
  const needed = ASYNC_INVOCATION.retryDelaysSeconds
    .slice(0, retries)
    .reduce((sum, delay) => sum + delay + timeoutOf(resource), 0);
  if (age < needed) {
    const last = `the last of ${times(retries)} may come ${duration(needed)} after the event`;
    hop.gap('age-limit', resource, `Lambda gives an event up after ${duration(age)}, but ${last}`);
  }
  auditOnFailure(scene, hop, resource, config, qualifier);
  hop.encryption = 'by Lambda';
  hop.watch(
    resource,
    { ...lambdaMetric(resource, 'AsyncEventAge'), at: age * 1_000 },
    lambdaMetric(resource, 'AsyncEventsDropped'),
    // Without a destination there is no such metric. Each is an event that is lost.
    ...(config.onFailure === undefined
      ? []
      : [{ ...lambdaMetric(resource, 'DestinationDeliveryFailures'), at: 1 }]),
  );
  return hop.whenAllFails;
}

/** Actions that a role needs to send a failure to its destination. https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
const DESTINATION_ACTIONS: Readonly<Record<string, string>> = {
  'AWS::Events::EventBus': 'events:PutEvents',
  'AWS::Lambda::Function': 'lambda:InvokeFunction',
  'AWS::S3::Bucket': 's3:PutObject',
  'AWS::SNS::Topic': 'sns:Publish',
  'AWS::SQS::Queue': 'sqs:SendMessage',
};

function auditOnFailure(
  scene: Scene,
  hop: AuditedHop,
  resource: Resource,
  { onFailure: arn, resource: config }: InvokeConfig,
  qualifier: string | undefined,
): void {
  const { Role: role } = resource.properties;
  const destination = arn === undefined ? undefined : (scene.find(arn) ?? scene.assembly.find(arn));
  const action = DESTINATION_ACTIONS[destination?.type ?? ''];
  hop.whenAllFails = 'lost';
  if (!arn) {
    const reason = config && scene.unknownPart(config, 'DestinationConfig');
    const which = qualifier === undefined ? '' : ` for calls as ${qualifier}`;
    const lost = `it has no on-failure destination${which}: an event that fails for the last time is lost`;
    if (reason === undefined) hop.gap('failure-destination', resource, lost);
    else hop.cannotTell('failure-destination', resource, `which on-failure destination it has: ${reason}`);
  } else if (!destination) {
    hop.whenAllFails = arn;
    scene.missing(hop, 'failure-destination', resource, 'its on-failure destination', arn);
  } else if (action === undefined || (scene.isDescribed && destination.type !== 'AWS::SQS::Queue')) {
    const wrong = 'which keeps nothing: only a queue does';
    hop.gap('failure-destination', resource, `its on-failure destination is ${arn}, ${wrong}`);
  } else {
    hop.whenAllFails = destination.name;
    if (destination.type === 'AWS::SQS::Queue') {
      scene.failureQueues.add(destination);
      auditQueueSize(hop, destination, scene.eventBytes);
    }
    if (String(destination.properties.FifoQueue) === 'true')
      hop.gap('failure-destination', destination, 'Lambda takes no FIFO queue for failures');
    const on = destination.type === 'AWS::S3::Bucket' ? `${destination.arn}/any` : destination.arn;
    const decision = scene.permissions.roleMay(role, action, on);
    hop.needs(action, decision, resource, 'for its role, on its on-failure destination');
    if (destination.type !== 'AWS::Lambda::Function') scene.encryption.of(hop, destination, [{ role }]);
  }
}

function auditHandler(scene: Scene, resource: Resource, destination: string): void {
  const { name, properties } = resource;
  const service = scene.consumerName(resource) ?? name;
  const hop = scene.hop('handler', resource, `handler ${service}`);
  hop.retry = 'by its queue';
  const ofTimeout = scene.unknownPart(resource, 'Timeout');
  hop.ageLimit = ofTimeout === undefined ? `${duration(timeoutOf(resource))} a call` : 'not known';
  if (ofTimeout !== undefined)
    hop.cannotTell('age-limit', resource, `how long a call may take: ${ofTimeout}`);
  hop.whenAllFails = destination;
  const known = Object.keys(scene.app.consumers);
  if (!scene.consumer(resource) && known.length > 0) {
    const named = `its ${scene.app.variables.consumer}, ${scene.consumerName(resource) ?? 'unknown'},`;
    const why = `${named} is none of the functions that are described (${known.join(', ')})`;
    hop.gap('coverage', resource, `${why}: what it calls is not known`);
  }
  const ofConcurrency = scene.unknownPart(resource, 'ReservedConcurrentExecutions');
  if (ofConcurrency !== undefined) hop.cannotTell('retry', resource, `whether it is run: ${ofConcurrency}`);
  if (String(properties.ReservedConcurrentExecutions) === '0')
    hop.gap('retry', resource, 'ReservedConcurrentExecutions is 0: it is never run');
  auditRole(scene, hop, resource);
  auditLogs(scene, hop, resource);
  const { poison } = scene.app;
  hop.watch(
    resource,
    lambdaMetric(resource, 'Errors'),
    lambdaMetric(resource, 'Throttles'),
    { ...lambdaMetric(resource, 'Duration'), at: timeoutOf(resource) * 1_000 },
    ...(poison && scene.consumer(resource) ? [scene.ownMetric(resource, poison.metric)] : []),
  );
}

function auditRole(scene: Scene, hop: AuditedHop, resource: Resource): void {
  const { properties } = resource;
  const role = scene.role(properties.Role);
  if (!role) {
    scene.missing(hop, 'permission', resource, 'its role', String(properties.Role));
    return;
  }
  const assumed = scene.permissions.mayAssume('lambda.amazonaws.com', role, resource.arn);
  hop.needs('sts:AssumeRole', assumed, role, 'for lambda.amazonaws.com');
  if (properties.TracingConfig?.Mode !== 'Active') return;
  for (const action of ['xray:PutTraceSegments', 'xray:PutTelemetryRecords']) {
    hop.needs(action, scene.permissions.roleMay(role.arn, action, '*'), resource, 'for its role');
  }
}

function auditLogs(scene: Scene, hop: AuditedHop, resource: Resource): void {
  const { name, properties } = resource;
  const reason = scene.unknownPart(resource, 'LoggingConfig', 'LogGroup');
  if (reason !== undefined) {
    hop.cannotTell('coverage', resource, `which log group it has: ${reason}`);
    return;
  }
  const logGroupName = properties.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`;
  const logGroup = scene.logGroup(logGroupName);
  if (!logGroup) {
    const { account, region, partition } = scene.assembly;
    const group = `arn:${partition}:logs:${region}:${account}:log-group:${logGroupName}`;
    // CloudWatch Logs names the group by either ARN when it asks whether it may be created.
    const decisions = [group, `${group}:log-stream:`].map((on) =>
      scene.permissions.roleMay(properties.Role, 'logs:CreateLogGroup', on),
    );
    const made = decisions.some(({ allowed, unknown }) => allowed || unknown)
      ? 'Lambda would make one that keeps its lines for ever'
      : 'its role may not make one (logs:CreateLogGroup), and without one its lines are lost';
    const message = `its log group ${logGroupName} is not in this template`;
    if (properties.LoggingConfig?.LogGroup === undefined || scene.isDescribed)
      hop.gap('coverage', resource, `${message}: ${made}`);
    else hop.cannotTell('coverage', resource, message);
    return;
  }
  for (const action of ['logs:CreateLogStream', 'logs:PutLogEvents']) {
    const decision = scene.permissions.roleMay(properties.Role, action, logStreamArn(logGroup, 'any'));
    hop.needs(action, decision, resource, 'for its role, on its log group');
  }
  const logs = { service: `logs.${scene.assembly.region}.amazonaws.com`, sourceArn: logGroup.arn };
  const key = scene.encryption.withKey(hop, logGroup, logGroup.properties.KmsKeyId, [logs]);
  hop.encryption = `logs: ${key}`;
}
