/**
 * Every hop of an event from its publisher to where its effect is stored, as the template has it, and what each
 * hop lacks for nothing to be lost in silence: a retry that has time to happen, a place for what failed for the
 * last time, a policy that lets exactly this sender in, encryption that the sender may use, an alarm that tells.
 */

import { type App, type Consumer, consumerName, findConsumer, type HandlerCalls } from '../../app';
import { InputError } from '../../cli/errors';
import { sampleEvent } from '../../eventbridge/event';
import { ASYNC_INVOCATION, PUT_EVENTS } from '../../eventbridge/service-facts';
import { type Alarm, Alarms, type Metric } from '../../template/alarms';
import type { Assembly, NotCovered, Resource } from '../../template/assembly';
import { notLookedAt } from '../../template/coverage';
import { invokeConfigOf } from '../../template/invoke-config';
import { hasPlaceholder, isKnown, reasonsOf, Unknown } from '../../template/placeholder';
import { subscriptionsOf } from '../../template/queues';
import { qualifiersCalled, type RuleModel, type TargetModel } from '../../template/rules';
import { exampleEvent } from '../contracts/variants';
import { type Routing, type Rule, readRouting } from '../routes/routing';
import { Encryption } from './encryption';
import { type Findings, type Gap, Hop, type HopKind, isHopEnd } from './hops';
import { auditMappings } from './mappings';
import { Permissions } from './permissions';
import { auditQueueSize } from './sizes';
import { functionMetric, indexesOf, tableSymptoms } from './symptoms';
import { auditTargetPermission } from './target-permission';

export interface Audit {
  readonly hops: readonly Hop[];
  /** Empty if all is well. */
  readonly gaps: readonly Gap[];
  /** What may be a gap, but depends on what the template does not say. */
  readonly unknown: readonly Gap[];
  /** Resources on or near an event's way that are not looked at. */
  readonly notCovered: readonly NotCovered[];
  /** What is as the configuration wants it, but good to know. */
  readonly notes: readonly string[];
}

/**
 * @throws InputError if the template has no rule
 * @throws AssemblyError for what cannot be evaluated
 */
export function auditHops(assembly: Assembly, app: App): Audit {
  if (assembly.ofType('AWS::Events::Rule').length === 0) {
    throw new InputError(
      `${assembly.directory}: the template of ${assembly.stackName} has no AWS::Events::Rule.`,
    );
  }
  return new Auditor(assembly, app).run();
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** So long Firehose tries to write to S3. https://docs.aws.amazon.com/firehose/latest/dev/retry.html */
const STREAM_AGE = 24 * HOUR;
/** CreateQueue's default. */
const QUEUE_RETENTION = 4 * DAY;
/** What failed on a Friday evening is still there when someone is back from a week off. */
const USEFUL_RETENTION = 10 * DAY;

/** What a topic needs of its subscribers. */
const SUBSCRIBER_ACTIONS: Readonly<Record<string, string>> = {
  'AWS::Lambda::Function': 'lambda:InvokeFunction',
  'AWS::SQS::Queue': 'sqs:SendMessage',
};

const LOOKS_AT: readonly string[] = [
  ...['AWS::Events::Archive', 'AWS::Events::EventBus', 'AWS::Events::Rule', 'AWS::SQS::Queue'],
  ...['AWS::SNS::Subscription', 'AWS::SNS::Topic', 'AWS::KinesisFirehose::DeliveryStream'],
  ...['AWS::DynamoDB::GlobalTable', 'AWS::DynamoDB::Table', 'AWS::Lambda::EventSourceMapping'],
  'AWS::Lambda::Function',
];

const EVENTS = 'events.amazonaws.com';
const SNS = 'sns.amazonaws.com';
const CLOUDWATCH = 'cloudwatch.amazonaws.com';

class Auditor {
  readonly #assembly: Assembly;
  readonly #app: App;
  readonly #routing: Routing;
  readonly #permissions: Permissions;
  readonly #encryption: Encryption;
  readonly #alarms: Alarms;
  readonly #hops: Hop[] = [];
  readonly #found: Findings = { gaps: [], unknown: [] };
  readonly #notes: string[] = [];
  /** Queues that failures end in. */
  readonly #failureQueues = new Set<Resource>();
  /** Where an event still is when nothing else has it. */
  readonly #inArchive: string;

  constructor(assembly: Assembly, app: App) {
    this.#assembly = assembly;
    this.#app = app;
    this.#routing = readRouting(assembly, app);
    this.#permissions = new Permissions(assembly);
    this.#encryption = new Encryption(this.#permissions);
    this.#alarms = new Alarms(assembly);
    this.#inArchive = this.#routing.archives.length > 0 ? 'in the archive' : 'lost';
  }

  run(): Audit {
    for (const bus of this.#assembly.ofType('AWS::Events::EventBus')) this.#auditBus(bus);
    for (const rule of this.#routing.rules) this.#auditRule(rule);
    for (const each of this.#assembly.ofType('AWS::Lambda::Function')) this.#auditFunction(each);
    for (const stream of this.#assembly.ofType('AWS::KinesisFirehose::DeliveryStream'))
      this.#auditStream(stream);
    for (const topic of this.#assembly.ofType('AWS::SNS::Topic')) this.#auditSubscriptions(topic);
    auditMappings(this.#assembly, this.#permissions, (...ends) => this.#hop(...ends));
    for (const queue of this.#failureQueues) this.#auditFailureQueue(queue);
    this.#auditAlarms();
    return {
      hops: this.#hops,
      ...this.#found,
      notCovered: notLookedAt(this.#assembly, LOOKS_AT),
      notes: [...this.#notes, ...this.#notLookedAt()],
    };
  }

  #notLookedAt(): string[] {
    if (Object.keys(this.#app.consumers).length > 0) return [];
    return ['Not looked at: what the functions call, with which permissions: no consumer is described.'];
  }

  #hop(kind: HopKind, from: Resource | string, to: Resource | string): Hop {
    const hop = new Hop(kind, from, to, this.#found, this.#alarms);
    this.#hops.push(hop);
    return hop;
  }

  #auditBus(bus: Resource): void {
    const hop = this.#hop('publish', 'publishers', bus);
    hop.retry = 'by the publisher';
    hop.whenAllFails = 'the publisher gets the error';
    const decision = this.#permissions.accountMay(bus, 'events:PutEvents');
    hop.needs('events:PutEvents', decision, bus, 'for this account');
    if (this.#permissions.isOpenToStrangers(bus, 'events:PutEvents')) {
      hop.gap('too-wide', bus, 'its policy lets every AWS account put events');
    }
    hop.encryption = this.#encryption.of(hop, bus, []);

    const archives = this.#assembly.ofType('AWS::Events::Archive');
    const own = archives.filter(({ properties }) => properties.SourceArn === bus.arn);
    for (const archive of own) this.#auditArchive(bus, archive);
    if (own.length === 0) {
      const others = archives.map(
        ({ name, properties: { SourceArn: source } }) =>
          ` (archive ${name} is of ${source}, ${this.#whereIs(source)})`,
      );
      hop.gap('coverage', bus, `it has no archive: nothing could be replayed${others.join('')}`);
    }
  }

  #auditArchive(bus: Resource, archive: Resource): void {
    const hop = this.#hop('archive', bus, archive);
    const days = Number(archive.properties.RetentionDays ?? 0);
    hop.retry = 'by EventBridge';
    hop.ageLimit = days === 0 ? 'kept for ever' : `kept ${days} days`;
    hop.encryption = this.#encryption.of(hop, archive, []);

    const { pattern } = this.#routing.archives.find(({ name }) => name === archive.name) ?? {};
    const examples = this.#app.contracts.map((contract) => exampleEvent(contract, this.#assembly));
    const unknown = sampleEvent(
      { source: 'com.example', 'detail-type': 'Unknown', detail: {} },
      this.#assembly,
    );
    const missed = [...examples, unknown].filter((event) => !pattern?.matches(event));
    if (missed.length > 0) {
      const types = missed.map((event) => `${event.source}/${event['detail-type']}`).join(', ');
      hop.gap('coverage', archive, `its pattern leaves out ${types}: those could not be replayed`);
    }
    for (const queue of this.#assembly.ofType('AWS::SQS::Queue')) {
      const kept = retentionOf(queue) / DAY;
      if (days === 0 || days >= kept) continue;
      hop.gap(
        'age-limit',
        archive,
        `it keeps events for ${days} days, but queue ${queue.name} failures for ${kept}`,
      );
    }
  }

  #auditRule(rule: Rule): void {
    const { resource } = rule.model;
    if (rule.scheduleExpression !== undefined) this.#auditSchedule(rule, resource);
    if (rule.eventPattern !== undefined) this.#auditMatching(rule, resource);
    for (const target of rule.model.targets) this.#auditDelivery(rule.model, target);
  }

  #auditMatching(rule: Rule, resource: Resource): void {
    const hop = this.#hop('rule', `bus ${rule.bus}`, resource);
    hop.whenAllFails = this.#inArchive;
    if (!rule.enabled) hop.gap('place', resource, 'it is disabled: it takes no event');
    if (hasPlaceholder(rule.bus)) {
      hop.cannotTell('place', resource, `which bus it listens on: ${reasonsOf(rule.bus)}`);
      return;
    }
    // Every account has a default bus, to which AWS's services publish; the app's events go to the template's own.
    const isRight = rule.bus === 'default' && !this.#takesOwnEvents(rule);
    if (!this.#routing.buses.includes(rule.bus) && !isRight) {
      const own = this.#routing.buses.join(', ') || 'none';
      const published = `events are published to the buses of this template: ${own}`;
      hop.gap('place', resource, `it listens on the bus ${rule.bus}; ${published}`);
    }
  }

  /** Whether a rule takes events of the app, and the template has buses of its own for them. */
  #takesOwnEvents({ pattern }: Rule): boolean {
    if (this.#routing.buses.length === 0) return false;
    const examples = this.#app.contracts.map((contract) => exampleEvent(contract, this.#assembly));
    return examples.some((event) => pattern?.matches(event));
  }

  #auditSchedule(rule: Rule, resource: Resource): void {
    const hop = this.#hop('schedule', rule.scheduleExpression ?? '', resource);
    hop.retry = 'at its next time';
    hop.whenAllFails = 'to be invoked by hand';
    if (!rule.enabled) hop.gap('place', resource, 'it is disabled: it never fires');
    if (!rule.schedule?.next(new Date())) hop.gap('place', resource, 'its schedule never fires');
    for (const { arn } of rule.targets) {
      const target = this.#find(arn);
      const done = target && this.#consumer(target)?.scheduled;
      if (done) hop.watch(resource, { ...this.#ownMetric(target, done.metric), below: true });
    }
  }

  #auditDelivery(rule: RuleModel, target: TargetModel): void {
    const { resource } = rule;
    const { id, arn, reference, retries, ageSeconds, deadLetterArn } = target;
    const found = reference.resource;
    const hop = this.#hop('delivery', resource, found ?? arn);
    hop.retry = isKnown(retries) ? times(retries) : 'not known';
    hop.ageLimit = isKnown(ageSeconds) ? duration(ageSeconds) : 'not known';
    if (retries === 0) hop.gap('retry', resource, `target ${id} has no retry: MaximumRetryAttempts is 0`);
    const senders = [{ service: EVENTS, sourceArn: rule.arn }];
    if (found) {
      const isKept = found.type !== 'AWS::Lambda::Function' && isHopEnd(found);
      hop.encryption = isKept ? this.#encryption.of(hop, found, senders) : 'TLS';
    } else if (hasPlaceholder(arn)) {
      hop.cannotTell('place', resource, `what target ${id} is: ${reasonsOf(arn)}`);
    } else {
      hop.gap('place', resource, `target ${id} is ${arn}, ${this.#whereIs(arn)}`);
    }
    auditTargetPermission(hop, this.#permissions, rule, target);

    const queueArn = deadLetterArn;
    const queue = queueArn === undefined ? undefined : this.#find(queueArn);
    if (!queueArn) {
      const lost = 'what cannot be delivered is lost';
      hop.gap('failure-destination', resource, `target ${id} has no dead-letter queue: ${lost}`);
      hop.whenAllFails = 'lost';
    } else if (queue?.type !== 'AWS::SQS::Queue') {
      const wrong = `the dead-letter queue of target ${id} is ${queueArn}, ${this.#whereIs(queueArn)}`;
      hop.gap('failure-destination', resource, wrong);
      hop.whenAllFails = 'lost';
    } else {
      hop.whenAllFails = queue.name;
      this.#failureQueues.add(queue);
      if (queue.properties.FifoQueue)
        hop.gap('failure-destination', queue, 'EventBridge takes no FIFO queue for dead letters');
      auditQueueSize(hop, queue, this.#eventBytes);
      const decision = this.#permissions.serviceMay(EVENTS, rule.arn, 'sqs:SendMessage', queue.arn);
      hop.needs('sqs:SendMessage', decision, queue, `for rule ${rule.name}`);
      this.#encryption.of(hop, queue, senders);
    }

    const dimensions = { ...(rule.bus !== 'default' && { EventBusName: rule.bus }), RuleName: rule.name };
    const metric = (name: string): Metric => ({ namespace: 'AWS/Events', name, dimensions });
    hop.watch(
      resource,
      metric('FailedInvocations'),
      metric('InvocationsSentToDlq'),
      // Each of these is lost.
      { ...metric('InvocationsFailedToBeSentToDlq'), at: 1 },
    );
  }

  /** Of an event, at most. */
  get #eventBytes(): number {
    return this.#app.maxEventBytes ?? PUT_EVENTS.maxBytes;
  }

  #auditFunction(resource: Resource): void {
    const rules = this.#routing.rules.map(({ model }) => model);
    const called = qualifiersCalled(rules, resource);
    const handler = this.#consumer(resource);
    if (called.length === 0 && !handler) return;
    const [first, ...others] = called;
    const destination = this.#auditAsynchronousQueue(resource, first);
    for (const qualifier of others) this.#auditAsynchronousQueue(resource, qualifier);
    this.#auditHandler(resource, destination);
    if (handler) this.#auditCalls(resource, handler, destination);
  }

  /** @returns where Lambda puts what failed for the last time */
  #auditAsynchronousQueue(resource: Resource, qualifier?: string): string {
    const { properties } = resource;
    const hop = this.#hop('asynchronous queue', 'Lambda', resource);
    const { retries: tries, ageSeconds, onFailure } = invokeConfigOf(this.#assembly, resource, qualifier);
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

    const destinationArn = onFailure;
    const destination = destinationArn === undefined ? undefined : this.#find(destinationArn);
    if (!destinationArn) {
      const lost = 'an event that fails for the last time is lost';
      const which = qualifier === undefined ? '' : ` for calls as ${qualifier}`;
      hop.gap('failure-destination', resource, `it has no on-failure destination${which}: ${lost}`);
      hop.whenAllFails = 'lost';
    } else if (destination?.type !== 'AWS::SQS::Queue') {
      const wrong = destination ? 'which keeps nothing: only a queue does' : this.#whereIs(destinationArn);
      hop.gap('failure-destination', resource, `its on-failure destination is ${destinationArn}, ${wrong}`);
      hop.whenAllFails = 'lost';
    } else {
      hop.whenAllFails = destination.name;
      this.#failureQueues.add(destination);
      if (destination.properties.FifoQueue)
        hop.gap('failure-destination', destination, 'Lambda takes no FIFO queue for failures');
      auditQueueSize(hop, destination, this.#eventBytes);
      const decision = this.#permissions.roleMay(properties.Role, 'sqs:SendMessage', destination.arn);
      hop.needs('sqs:SendMessage', decision, resource, 'for its role, on its on-failure destination');
      this.#encryption.of(hop, destination, [{ role: properties.Role }]);
    }
    hop.encryption = 'by Lambda';
    hop.watch(
      resource,
      { ...functionMetric(resource, 'AsyncEventAge'), at: age * 1_000 },
      functionMetric(resource, 'AsyncEventsDropped'),
      // Each of these is lost.
      { ...functionMetric(resource, 'DestinationDeliveryFailures'), at: 1 },
    );
    return hop.whenAllFails;
  }

  #auditHandler(resource: Resource, destination: string): void {
    const { name, properties } = resource;
    const service = this.#consumerName(resource) ?? name;
    const hop = this.#hop('handler', resource, `handler ${service}`);
    hop.retry = 'by its queue';
    hop.ageLimit = `${duration(timeoutOf(resource))} a call`;
    hop.whenAllFails = destination;
    const known = Object.keys(this.#app.consumers);
    if (!this.#consumer(resource) && known.length > 0) {
      const named = `its ${this.#app.variables.consumer}, ${this.#consumerName(resource) ?? 'unknown'},`;
      const why = `${named} is none of the functions that are described (${known.join(', ')})`;
      hop.gap('coverage', resource, `${why}: what it calls is not known`);
    }
    if (properties.ReservedConcurrentExecutions === 0)
      hop.gap('retry', resource, 'ReservedConcurrentExecutions is 0: it is never run');

    const role = this.#assembly.ofType('AWS::IAM::Role').find(({ arn }) => arn === properties.Role);
    if (!role) {
      hop.gap('permission', resource, `its role ${properties.Role} is ${this.#whereIs(properties.Role)}`);
    } else {
      const assumed = this.#permissions.mayAssume('lambda.amazonaws.com', role, resource.arn);
      hop.needs('sts:AssumeRole', assumed, role, 'for lambda.amazonaws.com');
      if (properties.TracingConfig?.Mode === 'Active') {
        for (const action of ['xray:PutTraceSegments', 'xray:PutTelemetryRecords']) {
          hop.needs(action, this.#permissions.roleMay(role.arn, action, '*'), resource, 'for its role');
        }
      }
    }
    const { poison } = this.#app;
    const logGroupName = properties.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`;
    const logGroup = this.#logGroup(logGroupName);
    if (!logGroup) {
      const made = 'Lambda would make one that keeps its lines for ever';
      hop.gap('coverage', resource, `its log group ${logGroupName} is not in this template: ${made}`);
    } else {
      for (const action of ['logs:CreateLogStream', 'logs:PutLogEvents']) {
        const decision = this.#permissions.roleMay(properties.Role, action, logStreamArn(logGroup, 'any'));
        hop.needs(action, decision, resource, 'for its role, on its log group');
      }
      const logs = { service: `logs.${this.#assembly.region}.amazonaws.com`, sourceArn: logGroup.arn };
      const key = this.#encryption.withKey(hop, logGroup, logGroup.properties.KmsKeyId, [logs]);
      hop.encryption = `logs: ${key}`;
    }
    hop.watch(
      resource,
      functionMetric(resource, 'Errors'),
      functionMetric(resource, 'Throttles'),
      { ...functionMetric(resource, 'Duration'), at: timeoutOf(resource) * 1_000 },
      ...(poison && this.#consumer(resource) ? [this.#ownMetric(resource, poison.metric)] : []),
    );
  }

  #auditCalls(resource: Resource, { calls, attempts }: Consumer, destination: string): void {
    for (const each of calls) this.#auditCall(resource, each, attempts, destination);
  }

  #auditCall(resource: Resource, calls: HandlerCalls, attempts: number, destination: string): void {
    const { Environment, Role: role } = resource.properties;
    const value = Environment?.Variables?.[calls.on];
    const [service = ''] = calls.actions[0]?.split(':') ?? [];
    const called = value === undefined ? undefined : this.#find(value, service);
    const hop = this.#hop('call', resource, called ?? calls.on);
    hop.retry = `${times(attempts - 1)}, then by the queue`;
    hop.ageLimit = `${duration(timeoutOf(resource))} a call`;
    hop.whenAllFails = destination;
    hop.watch(resource, functionMetric(resource, 'Errors'));
    if (value === undefined) {
      hop.gap('place', resource, `its variable ${calls.on} is not set: it cannot start`);
      return;
    }
    if (!called) {
      hop.gap('place', resource, `its variable ${calls.on} is ${value}, ${this.#whereIs(value)}`);
      return;
    }
    if (calls.index && !indexesOf(called).includes(calls.index)) {
      hop.gap('place', called, `it has no index ${calls.index}`);
    }
    const arn = calls.index ? `${called.arn}/index/${calls.index}` : called.arn;
    for (const action of calls.actions) {
      const decision = this.#permissions.roleMay(role, action, arn);
      hop.needs(action, decision, resource, `for its role, on ${arn}`);
      // An action or a resource that does not exist: only a wildcard allows it.
      const wide = [
        [`${service}:AnyOtherAction`, arn, `any action of ${service} on ${called.name}`],
        [action, arn.replace(called.name, 'any-other'), `${action} on more than ${called.name}`],
      ] as const;
      for (const [otherAction, otherArn, what] of wide) {
        const { allowed } = this.#permissions.roleMay(role, otherAction, otherArn);
        if (allowed) hop.gap('too-wide', resource, `its role allows ${what}`);
      }
    }
    hop.encryption = this.#encryption.of(hop, called, [{ role }]);
    if (calls.isStore) hop.watch(called, ...tableSymptoms(called, calls));
  }

  #auditStream(stream: Resource): void {
    const destination = stream.properties.ExtendedS3DestinationConfiguration;
    const bucket = destination && this.#find(destination.BucketARN);
    const hop = this.#hop('stream', stream, bucket ?? destination?.BucketARN ?? 'nowhere');
    hop.retry = 'by Firehose';
    hop.ageLimit = duration(STREAM_AGE);
    hop.whenAllFails = this.#inArchive;
    const metric = (name: string): Metric => ({
      namespace: 'AWS/Firehose',
      name,
      dimensions: { DeliveryStreamName: stream.name },
    });
    hop.watch(
      stream,
      { ...metric('DeliveryToS3.DataFreshness'), at: STREAM_AGE },
      { ...metric('DeliveryToS3.Success'), at: 0, below: true },
    );
    if (!destination) {
      const known = 'ExtendedS3DestinationConfiguration, the only destination that this audit knows';
      hop.gap('place', stream, `it has no ${known}`);
      return;
    }
    const { BucketARN: bucketArn, RoleARN: roleArn, CloudWatchLoggingOptions: logging } = destination;
    const role = this.#assembly.ofType('AWS::IAM::Role').find(({ arn }) => arn === roleArn);
    const logGroup = logging?.Enabled && this.#logGroup(logging.LogGroupName);
    if (!bucket) hop.gap('place', stream, `its bucket is ${bucketArn}, ${this.#whereIs(bucketArn)}`);
    if (!role) hop.gap('permission', stream, `its role is ${roleArn}, ${this.#whereIs(roleArn)}`);
    if (!logGroup) {
      const unknown = 'nobody could tell why a write failed';
      hop.gap('alarm', stream, `it does not log to a log group of this template: ${unknown}`);
    }
    if (bucket) {
      const block = Object.values(bucket.properties.PublicAccessBlockConfiguration ?? {});
      if (block.filter((each) => each === true).length < 4)
        hop.gap('too-wide', bucket, 'it does not block all public access');
      hop.encryption = this.#encryption.of(hop, bucket, role ? [{ role: role.arn }] : []);
    }
    if (!role) return;
    const assumed = this.#permissions.mayAssume('firehose.amazonaws.com', role, stream.arn);
    hop.needs('sts:AssumeRole', assumed, role, 'for firehose.amazonaws.com');
    for (const [action, arn] of bucket ? deliveryActions(bucket) : []) {
      hop.needs(action, this.#permissions.roleMay(role.arn, action, arn), role, `on ${arn}`);
    }
    if (logGroup) {
      const arn = logStreamArn(logGroup, logging.LogStreamName);
      const decision = this.#permissions.roleMay(role.arn, 'logs:PutLogEvents', arn);
      hop.needs('logs:PutLogEvents', decision, role, `on ${logGroup.name}`);
    }
  }

  #auditSubscriptions(topic: Resource): void {
    const subscriptions = subscriptionsOf(this.#assembly).filter(({ topicArn }) => topicArn === topic.arn);
    if (subscriptions.length === 0) {
      this.#notes.push(
        `Topic ${topic.name} has no subscription in this template: its messages reach nobody.`,
      );
    }
    for (const { resource: subscription, protocol, endpoint, deadLetterArn: queueArn } of subscriptions) {
      const hop = this.#hop('subscription', topic, `${protocol} ${endpoint}`);
      hop.retry = 'by SNS';
      hop.whenAllFails = 'lost';
      const queue = queueArn === undefined ? undefined : this.#find(queueArn);
      if (queue) {
        hop.whenAllFails = queue.name;
        this.#failureQueues.add(queue);
        this.#needsSubscriber(hop, topic, queue);
      } else if (queueArn) {
        const wrong = `its dead-letter queue is ${queueArn}, ${this.#whereIs(queueArn)}`;
        hop.gap('failure-destination', subscription, wrong);
      } else if (/^email/.test(protocol)) {
        this.#notes.push(`A mail of topic ${topic.name} that SNS cannot send within 6 hours is lost.`);
      } else {
        hop.gap(
          'failure-destination',
          subscription,
          'it has no RedrivePolicy: what SNS cannot deliver is lost',
        );
      }
      const subscriber = this.#find(endpoint);
      if (subscriber) this.#needsSubscriber(hop, topic, subscriber);
      else if (/^(sqs|lambda|firehose)$/.test(protocol))
        hop.gap('place', subscription, `it is of ${endpoint}, ${this.#whereIs(endpoint)}`);
    }
  }

  #needsSubscriber(hop: Hop, topic: Resource, subscriber: Resource): void {
    const action = SUBSCRIBER_ACTIONS[subscriber.type];
    if (!action) return;
    const decision = this.#permissions.serviceMay(SNS, topic.arn, action, subscriber.arn);
    hop.needs(action, decision, subscriber, `for topic ${topic.name}`);
    if (subscriber.type !== 'AWS::Lambda::Function')
      this.#encryption.of(hop, subscriber, [{ service: SNS, sourceArn: topic.arn }]);
  }

  #auditFailureQueue(queue: Resource): void {
    const hop = this.#hop('failure queue', queue, 'operator');
    const retention = retentionOf(queue);
    hop.retry = 'by the operator';
    hop.ageLimit = `kept ${duration(retention)}`;
    hop.whenAllFails = this.#inArchive;
    hop.encryption = this.#encryption.of(hop, queue, []);
    if (retention < USEFUL_RETENTION) {
      const useful = `${duration(USEFUL_RETENTION)} or more leave time to find and mend the cause`;
      hop.gap('age-limit', queue, `it keeps failures for ${duration(retention)}; ${useful}`);
    }
    for (const action of ['sqs:SendMessage', 'sqs:ReceiveMessage']) {
      if (this.#permissions.isOpenToStrangers(queue, action))
        hop.gap('too-wide', queue, `its policy allows ${action} to every AWS account`);
    }
    const metric = (name: string): Metric => ({
      namespace: 'AWS/SQS',
      name,
      dimensions: { QueueName: queue.name },
    });
    hop.watch(
      queue,
      metric('ApproximateNumberOfMessagesVisible'),
      // While there is still time.
      { ...metric('ApproximateAgeOfOldestMessage'), at: retention - DAY },
    );
  }

  /** An alarm that tells nobody is none. */
  #auditAlarms(): void {
    const told = new Map<string, Alarm[]>();
    for (const alarm of this.#alarms.all) {
      for (const action of alarm.actions) told.set(action, [...(told.get(action) ?? []), alarm]);
      if (alarm.actions.length > 0) continue;
      const hop = this.#hop('alarm', 'CloudWatch', 'nobody');
      hop.gap('alarm', alarm.resource, 'it has no action, or they are not enabled: it tells nobody');
    }
    for (const [arn, alarms] of told) {
      const topic = this.#find(arn);
      const hop = this.#hop('alarm', 'CloudWatch', topic ?? arn);
      hop.retry = 'by CloudWatch';
      hop.whenAllFails = 'its state stays visible';
      if (topic?.type !== 'AWS::SNS::Topic') {
        for (const { resource } of alarms)
          hop.gap('place', resource, `its action is ${arn}, ${this.#whereIs(arn)}`);
        continue;
      }
      const decisions = alarms.map(({ name, resource }) => ({
        name,
        resource,
        decision: this.#permissions.serviceMay(CLOUDWATCH, resource.arn, 'sns:Publish', topic.arn),
      }));
      // The first that is not allowed stands for all: they share the statement that does not let them in.
      const [first] = [...decisions].sort((a, b) => Number(a.decision.allowed) - Number(b.decision.allowed));
      if (!first) continue;
      hop.needs('sns:Publish', first.decision, topic, `for alarm ${first.name}`);
      const sender = { service: CLOUDWATCH, sourceArn: first.resource.arn };
      hop.encryption = this.#encryption.of(hop, topic, [sender]);
    }
  }

  #consumerName({ properties }: Resource): string | undefined {
    return consumerName(this.#app, properties.Environment?.Variables);
  }

  #consumer(resource: Resource): Consumer | undefined {
    return findConsumer(this.#app, this.#consumerName(resource));
  }

  /** A metric that the handler counts itself. */
  #ownMetric(resource: Resource, name: string): Metric {
    const { metricsNamespace = '' } = this.#app.variables;
    const namespace = resource.properties.Environment?.Variables?.[metricsNamespace] ?? '';
    return { namespace, name, dimensions: { service: this.#consumerName(resource) ?? '' } };
  }

  #logGroup(logGroupName: string): Resource | undefined {
    return this.#assembly.ofType('AWS::Logs::LogGroup').find(({ name }) => name === logGroupName);
  }

  /**
   * A resource of the event's way.
   * @param reference its ARN, or its name, as handlers are given those of tables, streams and buses
   * @param service whose resource it is, e.g. `dynamodb`: names are unique within a service only
   */
  #find(reference: string, service?: string): Resource | undefined {
    const resources = [...this.#assembly.resources.values()].filter(isHopEnd);
    return (
      resources.find(({ arn }) => arn === reference) ??
      resources.find(({ name, arn }) => name === reference && arn.split(':')[2] === service)
    );
  }

  /** Why nothing is found by a reference. */
  #whereIs(reference: string): string {
    const [, , , region, account] = reference.split(':');
    const own = this.#assembly;
    if (region && region !== own.region) return `in the region ${region}; this stack is in ${own.region}`;
    if (account && account !== own.account) return `in the account ${account}, not in this one`;
    return 'which is not in this template';
  }
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

const logStreamArn = (logGroup: Resource, stream: string): string =>
  logGroup.arn.replace(/:\*$/, `:log-stream:${stream}`);

/** Seconds. */
const timeoutOf = ({ properties }: Resource): number => Number(properties.Timeout ?? 3);
const retentionOf = ({ properties }: Resource): number =>
  Number(properties.MessageRetentionPeriod ?? QUEUE_RETENTION);

const times = (retries: number): string => (retries === 1 ? '1 retry' : `${retries} retries`);

/** E.g. `14 days`, `1 h`, `90 s`. */
function duration(seconds: number): string {
  const units = [
    ['days', DAY, 2],
    ['h', HOUR, 1],
    ['min', MINUTE, 1],
  ] as const;
  const fits = units.find(([, size, least]) => seconds % size === 0 && seconds >= least * size);
  return fits ? `${seconds / fits[1]} ${fits[0]}` : `${seconds} s`;
}
