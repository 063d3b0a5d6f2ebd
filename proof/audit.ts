/**
 * Every hop of an event from its publisher to where its effect is stored, as the template has it, and what each
 * hop lacks for nothing to be lost in silence: a retry that has time to happen, a place for what failed for the
 * last time, a policy that lets exactly this sender in, encryption that the sender may use, an alarm that tells.
 */
import { CLIENT_CONFIG } from '../lambdas/client-config';
import { CONTRACTS } from '../lambdas/events';
import { METRICS } from '../lambdas/metrics';
import type { Assembly, Resource } from '../local/assembly';
import type { Decision } from '../local/policy';
import { type Alarm, Alarms, type Metric, type Symptom } from './alarms';
import { InputError } from './command';
import { HANDLERS, type Handler, type HandlerCalls } from './handlers';
import { isKeyOfAws, Permissions } from './permissions';
import { type Routing, type Rule, readRouting } from './routing';
import { exampleEvent } from './variants';

export type HopKind =
  /** A publisher puts an event on the bus. */
  | 'publish'
  | 'archive'
  /** The bus gives an event to a rule. */
  | 'rule'
  /** The clock sets a rule off. */
  | 'schedule'
  /** EventBridge hands the event to the rule's target. */
  | 'delivery'
  /** Lambda's own queue in front of a function. */
  | 'asynchronous queue'
  | 'handler'
  /** What the handler does to a table, a topic, a stream or a bus. */
  | 'call'
  /** Firehose writes to S3. */
  | 'stream'
  /** A topic hands its messages on. */
  | 'subscription'
  /** Where failed events wait for an operator. */
  | 'failure queue'
  /** CloudWatch tells of a failure. */
  | 'alarm';

/** Texts are for people; `-`: there is no such thing on this hop. */
export interface Hop {
  readonly kind: HopKind;
  readonly from: string;
  readonly to: string;
  readonly retry: string;
  readonly ageLimit: string;
  /** Where the event is when nothing helped. */
  readonly whenAllFails: string;
  /** What must be allowed to whom, and the statement that allows it. */
  readonly permissions: readonly { readonly needed: string; readonly reason: string }[];
  readonly encryption: string;
  /** Names of the alarms that tell of a failure on this hop. */
  readonly alarms: readonly string[];
}

/** What a gap is about: the table's columns, and where a thing is. */
export type GapKind =
  | 'place'
  | 'retry'
  | 'age-limit'
  | 'failure-destination'
  | 'permission'
  | 'too-wide'
  | 'encryption'
  | 'alarm'
  | 'coverage';

/** Something that would lose events, or lose them unnoticed, or let in whom it should not. */
export interface Gap {
  readonly kind: GapKind;
  /** E.g. `delivery event-driven-all-events -> event-driven-analytics`. */
  readonly hop: string;
  /** Name of the resource to mend. */
  readonly resource: string;
  /** One line: what is wrong, and what would be right. */
  readonly message: string;
}

export interface Audit {
  readonly hops: readonly Hop[];
  /** Empty if all is well. */
  readonly gaps: readonly Gap[];
  /** What is as the configuration wants it, but good to know. */
  readonly notes: readonly string[];
}

/**
 * @throws InputError if the template has no rule
 * @throws AssemblyError for what cannot be evaluated
 */
export function auditHops(assembly: Assembly): Audit {
  if (assembly.ofType('AWS::Events::Rule').length === 0) {
    throw new InputError(
      `${assembly.directory}: the template of ${assembly.stackName} has no AWS::Events::Rule.`,
    );
  }
  return new Auditor(assembly).run();
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Lambda tries an asynchronous event again after 1 minute, and after 2 more. https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html */
const ASYNCHRONOUS_DELAYS = [1 * MINUTE, 2 * MINUTE];
/** Defaults of PutEventInvokeConfig. */
const ASYNCHRONOUS_RETRIES = 2;
const ASYNCHRONOUS_AGE = 6 * HOUR;
/** Defaults of PutTargets. */
const DELIVERY_RETRIES = 185;
const DELIVERY_AGE = 24 * HOUR;
/** For so long Firehose tries to write to S3. https://docs.aws.amazon.com/firehose/latest/dev/retry.html */
const STREAM_AGE = 24 * HOUR;
/** CreateQueue's default. */
const QUEUE_RETENTION = 4 * DAY;
/** A failure of Friday evening is still there when someone is back from a week off. */
const USEFUL_RETENTION = 10 * DAY;

/** What lets a rule use a target: the resource's policy, or a role of the rule's own. */
const TARGET_ACTIONS: Readonly<Record<string, { readonly action: string; readonly byRole?: boolean }>> = {
  'AWS::Lambda::Function': { action: 'lambda:InvokeFunction' },
  'AWS::SQS::Queue': { action: 'sqs:SendMessage' },
  'AWS::SNS::Topic': { action: 'sns:Publish' },
  'AWS::KinesisFirehose::DeliveryStream': { action: 'firehose:PutRecord', byRole: true },
};

const EVENTS = 'events.amazonaws.com';
const CLOUDWATCH = 'cloudwatch.amazonaws.com';

/** What a hop is made of; what is left out is `-`. */
interface HopParts extends Partial<Omit<Hop, 'kind' | 'from' | 'to' | 'permissions'>> {
  readonly permissions?: Hop['permissions'];
}

class Auditor {
  readonly #hops: Hop[] = [];
  readonly #gaps: Gap[] = [];
  readonly #notes: string[] = [];
  readonly #permissions: Permissions;
  readonly #alarms: Alarms;
  readonly #routing: Routing;
  /** Queues and topics that failures end in. */
  readonly #failureDestinations = new Set<Resource>();

  constructor(private readonly assembly: Assembly) {
    this.#permissions = new Permissions(assembly);
    this.#alarms = new Alarms(assembly);
    this.#routing = readRouting(assembly);
  }

  run(): Audit {
    for (const bus of this.assembly.ofType('AWS::Events::EventBus')) this.#auditBus(bus);
    for (const rule of this.#routing.rules) this.#auditRule(rule);
    for (const each of this.assembly.ofType('AWS::Lambda::Function')) this.#auditFunction(each);
    for (const stream of this.assembly.ofType('AWS::KinesisFirehose::DeliveryStream'))
      this.#auditStream(stream);
    for (const topic of this.assembly.ofType('AWS::SNS::Topic')) this.#auditSubscriptions(topic);
    for (const destination of this.#failureDestinations) this.#auditFailureDestination(destination);
    this.#auditAlarms();
    return { hops: this.#hops, gaps: this.#gaps, notes: this.#notes };
  }

  #auditBus(bus: Resource): void {
    const hop = this.#hop('publish', 'publishers', bus.name);
    const policy = this.#permissions.accountMay(bus, 'events:PutEvents');
    const permissions = [hop.allows('events:PutEvents', policy, bus, 'for this account')];
    if (this.#permissions.isOpenToStrangers(bus, 'events:PutEvents')) {
      hop.gap('too-wide', bus, 'its policy lets every AWS account put events');
    }
    hop.add({
      retry: 'by the publisher',
      whenAllFails: 'the publisher gets the error',
      permissions,
      encryption: this.#keyOf(hop, bus, bus.properties.KmsKeyIdentifier, [
        { service: EVENTS, sourceArn: bus.arn },
      ]),
    });

    const archives = this.assembly
      .ofType('AWS::Events::Archive')
      .filter(({ properties }) => properties.SourceArn === bus.arn);
    if (archives.length === 0) {
      hop.gap('coverage', bus, `it has no archive: nothing could be replayed${this.#misplacedArchives()}`);
    }
    for (const archive of archives) this.#auditArchive(bus, archive);
  }

  #misplacedArchives(): string {
    const misplaced = this.assembly.ofType('AWS::Events::Archive').map(({ name, properties }) => {
      return ` (archive ${name} is of ${properties.SourceArn}, ${this.#whereIs(properties.SourceArn)})`;
    });
    return misplaced.join('');
  }

  #auditArchive(bus: Resource, archive: Resource): void {
    const hop = this.#hop('archive', bus.name, archive.name);
    const { RetentionDays: days = 0, KmsKeyIdentifier: key } = archive.properties;
    const { pattern } = this.#routing.archives.find(({ name }) => name === archive.name) ?? {};
    const examples = CONTRACTS.map((contract) => exampleEvent(contract, this.assembly));
    const [first] = examples;
    const unknown = { ...first, source: 'com.example', 'detail-type': 'Unknown', detail: {} };
    const missed = [...examples, unknown].filter((event) => !pattern?.matches(event));
    if (missed.length > 0) {
      const types = missed.map((event) => `${event.source}/${event['detail-type']}`).join(', ');
      hop.gap('coverage', archive, `its pattern leaves out ${types}: those could not be replayed`);
    }
    for (const queue of this.assembly.ofType('AWS::SQS::Queue')) {
      const kept = retentionOf(queue) / DAY;
      if (days === 0 || days >= kept) continue;
      hop.gap(
        'age-limit',
        archive,
        `it keeps events for ${days} days, but ${queue.name} failures for ${kept}`,
      );
    }
    hop.add({
      retry: 'by EventBridge',
      ageLimit: days === 0 ? 'kept for ever' : `kept ${days} days`,
      encryption: this.#keyOf(hop, archive, key, [{ service: EVENTS, sourceArn: archive.arn }]),
    });
  }

  #auditRule(rule: Rule): void {
    const resource = this.assembly
      .ofType('AWS::Events::Rule')
      .find(({ arn }) => arn === rule.arn) as Resource;
    if (rule.scheduleExpression !== undefined) this.#auditSchedule(rule, resource);
    if (rule.eventPattern !== undefined) this.#auditMatching(rule, resource);
    for (const target of resource.properties.Targets ?? []) this.#auditDelivery(rule, resource, target);
  }

  #auditMatching(rule: Rule, resource: Resource): void {
    const hop = this.#hop('rule', rule.bus, rule.name);
    if (!rule.enabled) hop.gap('place', resource, 'it is disabled: it takes no event');
    if (!this.#routing.buses.includes(rule.bus)) {
      const own = this.#routing.buses.join(', ') || 'none';
      const published = `the buses of this template, which events are published to, are: ${own}`;
      hop.gap('place', resource, `it listens on the bus ${rule.bus}; ${published}`);
    }
    hop.add({ whenAllFails: 'in the archive' });
  }

  #auditSchedule(rule: Rule, resource: Resource): void {
    const hop = this.#hop('schedule', rule.scheduleExpression ?? '', rule.name);
    if (!rule.enabled) hop.gap('place', resource, 'it is disabled: it never fires');
    if (!rule.schedule?.next(new Date())) hop.gap('place', resource, 'its schedule never fires');
    const alarms = rule.targets.flatMap(({ arn }) => {
      const target = this.#find(arn);
      const counted = target && handlerOf(target)?.scheduled;
      if (!target || !counted) return [];
      return hop.telling(resource, { ...ownMetric(target, counted), below: true });
    });
    hop.add({ retry: 'fires again at its next time', whenAllFails: 'publish or invoke by hand', alarms });
  }

  #auditDelivery(rule: Rule, resource: Resource, target: Resource['properties']): void {
    const { Arn: arn, RetryPolicy = {}, DeadLetterConfig, RoleArn: role } = target;
    const found = this.#find(arn);
    const hop = this.#hop('delivery', rule.name, found?.name ?? arn);
    const attempts = Number(RetryPolicy.MaximumRetryAttempts ?? DELIVERY_RETRIES);
    const age = Number(RetryPolicy.MaximumEventAgeInSeconds ?? DELIVERY_AGE);
    if (attempts === 0)
      hop.gap('retry', resource, `target ${target.Id} has no retry: MaximumRetryAttempts is 0`);

    const permissions: Hop['permissions'][number][] = [];
    const how = found && TARGET_ACTIONS[found.type];
    if (!found) {
      hop.gap('place', resource, `target ${target.Id} is ${arn}, ${this.#whereIs(arn)}`);
    } else if (!how) {
      hop.gap(
        'permission',
        resource,
        `target ${target.Id} is a ${found.type}, which this audit does not know`,
      );
    } else if (how.byRole) {
      const decision = role
        ? this.#permissions.roleMay(role, how.action, arn)
        : { allowed: false, reason: 'The target has no RoleArn.' };
      permissions.push(hop.allows(how.action, decision, resource, `for the role of target ${target.Id}`));
    } else {
      const decision = this.#permissions.serviceMay(EVENTS, rule.arn, how.action, arn);
      permissions.push(hop.allows(how.action, decision, found, `for rule ${rule.name}`));
    }
    // A topic's and a queue's own key; a function is given the event by TLS.
    const senders = [{ service: EVENTS, sourceArn: rule.arn }];
    const encryption =
      found && how && found.type !== 'AWS::Lambda::Function' ? this.#encryption(hop, found, senders) : 'TLS';

    let whenAllFails = 'lost';
    const queue = DeadLetterConfig?.Arn && this.#find(DeadLetterConfig.Arn);
    if (!DeadLetterConfig?.Arn) {
      hop.gap(
        'failure-destination',
        resource,
        `target ${target.Id} has no dead-letter queue: what cannot be delivered is lost`,
      );
    } else if (queue?.type !== 'AWS::SQS::Queue') {
      const where = this.#whereIs(DeadLetterConfig.Arn);
      hop.gap(
        'failure-destination',
        resource,
        `the dead-letter queue of target ${target.Id} is ${DeadLetterConfig.Arn}, ${where}`,
      );
    } else {
      whenAllFails = queue.name;
      this.#failureDestinations.add(queue);
      if (queue.properties.FifoQueue)
        hop.gap('failure-destination', queue, 'EventBridge takes no FIFO queue for dead letters');
      const decision = this.#permissions.serviceMay(EVENTS, rule.arn, 'sqs:SendMessage', queue.arn);
      permissions.push(hop.allows('sqs:SendMessage', decision, queue, `for rule ${rule.name}`));
      this.#encryption(hop, queue, senders);
    }

    const dimensions = {
      ...(rule.bus !== 'default' && { EventBusName: rule.bus }),
      RuleName: rule.name,
    };
    const metric = (name: string, at?: number): Symptom => ({
      namespace: 'AWS/Events',
      name,
      dimensions,
      ...(at !== undefined && { at }),
    });
    const alarms = hop.telling(
      resource,
      metric('FailedInvocations'),
      metric('InvocationsSentToDlq'),
      metric('InvocationsFailedToBeSentToDlq', 1),
    );
    hop.add({
      retry: times(attempts),
      ageLimit: duration(age),
      whenAllFails,
      permissions,
      encryption,
      alarms,
    });
  }

  #auditFunction(resource: Resource): void {
    const isTarget = this.#routing.rules.some(({ targets }) =>
      targets.some(({ arn }) => arn === resource.arn),
    );
    const handler = handlerOf(resource);
    if (!isTarget && !handler) return;
    const role = this.assembly.ofType('AWS::IAM::Role').find(({ arn }) => arn === resource.properties.Role);
    const destination = this.#auditAsynchronousQueue(resource);
    const errors = this.#auditHandler(resource, role, destination);
    for (const calls of handler?.calls ?? []) this.#auditCalls(resource, calls, destination, errors);
  }

  /** @returns where Lambda puts what failed for the last time */
  #auditAsynchronousQueue(resource: Resource): string {
    const { name, arn, properties } = resource;
    const hop = this.#hop('asynchronous queue', name, name);
    const config = this.assembly.ofType('AWS::Lambda::EventInvokeConfig').find(({ properties: of }) => {
      // Rules call the function without a version: only the configuration of $LATEST is theirs.
      return of.Qualifier === '$LATEST' && (of.FunctionName === name || of.FunctionName === arn);
    });
    const retries = Number(config?.properties.MaximumRetryAttempts ?? ASYNCHRONOUS_RETRIES);
    const age = Number(config?.properties.MaximumEventAgeInSeconds ?? ASYNCHRONOUS_AGE);
    if (retries === 0)
      hop.gap('retry', resource, 'what its handler throws is not tried again: MaximumRetryAttempts is 0');
    const needed = ASYNCHRONOUS_DELAYS.slice(0, retries).reduce(
      (sum, delay) => sum + delay + timeoutOf(resource),
      0,
    );
    if (age < needed) {
      const last = `the last of ${times(retries)} may come ${duration(needed)} after the event`;
      hop.gap('age-limit', resource, `Lambda gives an event up after ${duration(age)}, but ${last}`);
    }

    const destinationArn = config?.properties.DestinationConfig?.OnFailure?.Destination;
    const destination = destinationArn && this.#find(destinationArn);
    const permissions: Hop['permissions'][number][] = [];
    let encryption = 'by Lambda';
    if (!destinationArn) {
      hop.gap(
        'failure-destination',
        resource,
        'it has no on-failure destination: an event that fails for the last time is lost',
      );
    } else if (destination?.type !== 'AWS::SQS::Queue' && destination?.type !== 'AWS::SNS::Topic') {
      hop.gap(
        'failure-destination',
        resource,
        `its on-failure destination is ${destinationArn}, ${this.#whereIs(destinationArn)}`,
      );
    } else {
      this.#failureDestinations.add(destination);
      const action = destination.type === 'AWS::SQS::Queue' ? 'sqs:SendMessage' : 'sns:Publish';
      const decision = this.#permissions.roleMay(properties.Role, action, destination.arn);
      permissions.push(hop.allows(action, decision, resource, 'for its role, on its on-failure destination'));
      encryption += `; ${this.#encryption(hop, destination, [{ role: properties.Role }])}`;
    }
    const metric = (metricName: string, at?: number): Symptom => ({
      ...functionMetric(resource, metricName),
      ...(at !== undefined && { at }),
    });
    const alarms = hop.telling(
      resource,
      metric('AsyncEventAge', age * 1_000),
      metric('AsyncEventsDropped'),
      metric('DestinationDeliveryFailures', 1),
    );
    const whenAllFails = destination?.name ?? 'lost';
    hop.add({
      retry: times(retries),
      ageLimit: duration(age),
      whenAllFails,
      permissions,
      encryption,
      alarms,
    });
    return whenAllFails;
  }

  /** @returns names of the alarms that tell of a handler that throws */
  #auditHandler(resource: Resource, role: Resource | undefined, destination: string): readonly string[] {
    const { name, properties } = resource;
    const hop = this.#hop(
      'handler',
      name,
      properties.Environment?.Variables?.POWERTOOLS_SERVICE_NAME ?? name,
    );
    if (!handlerOf(resource)) {
      const known = Object.keys(HANDLERS).join(', ');
      hop.gap(
        'coverage',
        resource,
        `its POWERTOOLS_SERVICE_NAME is none of proof/handlers.ts (${known}): what it calls is not known`,
      );
    }
    if (properties.ReservedConcurrentExecutions === 0) {
      hop.gap('retry', resource, 'ReservedConcurrentExecutions is 0: it is never run');
    }
    const permissions: Hop['permissions'][number][] = [];
    const logGroupName = properties.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`;
    const logGroup = this.assembly.ofType('AWS::Logs::LogGroup').find((each) => each.name === logGroupName);
    let encryption = '-';
    if (!role) {
      hop.gap(
        'permission',
        resource,
        `its role ${properties.Role} is not in this template: nobody can tell what it may do`,
      );
    } else {
      permissions.push(
        hop.allows(
          'sts:AssumeRole',
          this.#permissions.mayAssume('lambda.amazonaws.com', role),
          role,
          'for lambda.amazonaws.com',
        ),
      );
      if (properties.TracingConfig?.Mode === 'Active') {
        const decision = this.#permissions.roleMay(role.arn, 'xray:PutTraceSegments', '*');
        permissions.push(hop.allows('xray:PutTraceSegments', decision, resource, 'for its role'));
      }
    }
    if (!logGroup) {
      hop.gap(
        'coverage',
        resource,
        `its log group ${logGroupName} is not in this template: Lambda would make one that keeps its lines for ever`,
      );
    } else {
      const stream = logGroup.arn.replace(/:\*$/, ':log-stream:2026/01/15/[$LATEST]0');
      for (const action of ['logs:CreateLogStream', 'logs:PutLogEvents']) {
        const decision = this.#permissions.roleMay(properties.Role, action, stream);
        permissions.push(hop.allows(action, decision, resource, 'for its role, on its log group'));
      }
      encryption = `logs: ${this.#keyOf(hop, logGroup, logGroup.properties.KmsKeyId, [
        { service: `logs.${this.assembly.region}.amazonaws.com`, sourceArn: logGroup.arn },
      ])}`;
    }
    const errors = hop.telling(resource, functionMetric(resource, 'Errors'));
    const others = hop.telling(
      resource,
      functionMetric(resource, 'Throttles'),
      { ...functionMetric(resource, 'Duration'), at: timeoutOf(resource) * 1_000 },
      ownMetric(resource, METRICS.poisonEvents),
    );
    hop.add({
      retry: 'by its queue',
      ageLimit: `${duration(timeoutOf(resource))} a call`,
      whenAllFails: destination,
      permissions,
      encryption,
      alarms: [...errors, ...others],
    });
    return errors;
  }

  #auditCalls(resource: Resource, calls: HandlerCalls, destination: string, errors: readonly string[]): void {
    const { name, properties } = resource;
    const value = properties.Environment?.Variables?.[calls.on];
    const called = value === undefined ? undefined : this.#find(value);
    const hop = this.#hop('call', name, called?.name ?? calls.on);
    const role: string = properties.Role;
    const permissions: Hop['permissions'][number][] = [];
    let encryption = '-';
    let alarms: readonly string[] = [];
    if (value === undefined) {
      hop.gap('place', resource, `its variable ${calls.on} is not set: it cannot start`);
    } else if (!called) {
      hop.gap('place', resource, `its variable ${calls.on} is ${value}, ${this.#whereIs(value)}`);
    } else {
      const arn = calls.index ? `${called.arn}/index/${calls.index}` : called.arn;
      if (calls.index && !indexesOf(called).includes(calls.index)) {
        hop.gap('place', called, `it has no index ${calls.index}`);
      }
      for (const action of calls.actions) {
        const decision = this.#permissions.roleMay(role, action, arn);
        permissions.push(hop.allows(action, decision, resource, `for its role, on ${arn}`));
        // An action that is not there, and a resource that is not there: only a wildcard allows them.
        const [service] = action.split(':');
        const wide = [
          [`${service}:AnyOtherAction`, arn, `every action of ${service} on ${called.name}`],
          [action, arn.replace(called.name, 'another'), `${action} on others than ${called.name}`],
        ] as const;
        for (const [otherAction, otherArn, what] of wide) {
          if (!this.#permissions.roleMay(role, otherAction, otherArn).allowed) continue;
          hop.gap('too-wide', resource, `its role allows ${what}`);
        }
      }
      encryption = this.#encryption(hop, called, [{ role }]);
      if (calls.isStore) alarms = this.#tableAlarms(hop, called, calls);
    }
    hop.add({
      retry: `${times(CLIENT_CONFIG.maxAttempts - 1)} a call, then by the queue`,
      ageLimit: `${duration(timeoutOf(resource))} a call`,
      whenAllFails: destination,
      permissions,
      encryption,
      alarms: [...errors, ...alarms],
    });
  }

  /** Of the table itself: a handler that fails for it has its own, which do not say why. */
  #tableAlarms(hop: OpenHop, table: Resource, { actions, index }: HandlerCalls): readonly string[] {
    const metric = (name: string, dimensions: Symptom['dimensions'] = {}): Symptom => ({
      namespace: 'AWS/DynamoDB',
      name,
      dimensions: { TableName: table.name, ...dimensions },
    });
    const operations = actions.map((action) => action.slice('dynamodb:'.length));
    const reads = operations.some((operation) => /^(Get|Query|Scan|BatchGet)/.test(operation));
    const writes = operations.some((operation) => /^(Put|Update|Delete|BatchWrite)/.test(operation));
    const read = index ? [{ GlobalSecondaryIndexName: index }] : [{}];
    // A write goes to each index as well, and is refused if one of them refuses it.
    const written = [{}, ...indexesOf(table).map((name) => ({ GlobalSecondaryIndexName: name }))];
    return hop.telling(
      table,
      ...(reads ? read : []).map((dimensions) => metric('ReadThrottleEvents', dimensions)),
      ...(writes ? written : []).map((dimensions) => metric('WriteThrottleEvents', dimensions)),
      ...operations.map((Operation) => metric('SystemErrors', { Operation })),
    );
  }

  #auditStream(stream: Resource): void {
    const destination = stream.properties.ExtendedS3DestinationConfiguration;
    const bucket = destination && this.#find(destination.BucketARN);
    const hop = this.#hop('stream', stream.name, bucket?.name ?? destination?.BucketARN ?? '?');
    const role =
      destination && this.assembly.ofType('AWS::IAM::Role').find(({ arn }) => arn === destination.RoleARN);
    const permissions: Hop['permissions'][number][] = [];
    let encryption = '-';
    if (!destination) {
      hop.gap(
        'place',
        stream,
        'it has no ExtendedS3DestinationConfiguration, the only destination that this audit knows',
      );
    } else if (!bucket) {
      hop.gap(
        'place',
        stream,
        `its bucket is ${destination.BucketARN}, ${this.#whereIs(destination.BucketARN)}`,
      );
    } else if (!role) {
      hop.gap(
        'permission',
        stream,
        `its role ${destination.RoleARN} is not in this template: nobody can tell what it may do`,
      );
    } else {
      permissions.push(
        hop.allows(
          'sts:AssumeRole',
          this.#permissions.mayAssume('firehose.amazonaws.com', role),
          role,
          'for firehose.amazonaws.com',
        ),
      );
      for (const [action, arn] of deliveryActions(bucket)) {
        const decision = this.#permissions.roleMay(role.arn, action, arn);
        permissions.push(hop.allows(action, decision, role, `on ${bucket.name}`));
      }
      const logging = destination.CloudWatchLoggingOptions;
      const logGroup = this.assembly
        .ofType('AWS::Logs::LogGroup')
        .find(({ name }) => name === logging?.LogGroupName);
      if (!logging?.Enabled || !logGroup) {
        hop.gap(
          'alarm',
          stream,
          'it does not log to a log group of this template: nobody could tell why a write failed',
        );
      } else {
        const logStream = logGroup.arn.replace(/:\*$/, `:log-stream:${logging.LogStreamName}`);
        const decision = this.#permissions.roleMay(role.arn, 'logs:PutLogEvents', logStream);
        permissions.push(hop.allows('logs:PutLogEvents', decision, role, `on ${logGroup.name}`));
      }
      encryption = this.#encryption(hop, bucket, [{ role: role.arn }]);
    }
    const metric = (name: string): Omit<Symptom, 'at'> => ({
      namespace: 'AWS/Firehose',
      name,
      dimensions: { DeliveryStreamName: stream.name },
    });
    const alarms = hop.telling(
      stream,
      { ...metric('DeliveryToS3.DataFreshness'), at: STREAM_AGE },
      { ...metric('DeliveryToS3.Success'), at: 0, below: true },
    );
    hop.add({
      retry: 'by Firehose',
      ageLimit: duration(STREAM_AGE),
      whenAllFails: 'in the archive',
      permissions,
      encryption,
      alarms,
    });
  }

  #auditSubscriptions(topic: Resource): void {
    const subscriptions = this.assembly
      .ofType('AWS::SNS::Subscription')
      .filter(({ properties }) => properties.TopicArn === topic.arn);
    if (subscriptions.length === 0) {
      this.#notes.push(
        `Topic ${topic.name} has no subscription in this template: its messages reach nobody.`,
      );
    }
    for (const subscription of subscriptions) {
      const { Protocol: protocol, Endpoint: endpoint, RedrivePolicy } = subscription.properties;
      const queue = RedrivePolicy?.deadLetterTargetArn && this.#find(RedrivePolicy.deadLetterTargetArn);
      const hop = this.#hop('subscription', topic.name, `${protocol} ${endpoint}`);
      const permissions: Hop['permissions'][number][] = [];
      if (queue) {
        this.#failureDestinations.add(queue);
        const decision = this.#permissions.serviceMay(
          'sns.amazonaws.com',
          topic.arn,
          'sqs:SendMessage',
          queue.arn,
        );
        permissions.push(hop.allows('sqs:SendMessage', decision, queue, `for topic ${topic.name}`));
      } else if (/^email/.test(protocol)) {
        this.#notes.push(
          `Mail of topic ${topic.name} to ${endpoint} is lost if SNS cannot send it within 6 hours.`,
        );
      } else {
        hop.gap(
          'failure-destination',
          subscription,
          'it has no RedrivePolicy: what SNS cannot deliver is lost',
        );
      }
      const target = /^(sqs|lambda)$/.test(protocol) ? this.#find(endpoint) : undefined;
      const action = target && TARGET_ACTIONS[target.type]?.action;
      if (target && action) {
        const decision = this.#permissions.serviceMay('sns.amazonaws.com', topic.arn, action, target.arn);
        permissions.push(hop.allows(action, decision, target, `for topic ${topic.name}`));
      }
      hop.add({ retry: 'by SNS', ageLimit: '-', whenAllFails: queue?.name ?? 'lost', permissions });
    }
  }

  #auditFailureDestination(destination: Resource): void {
    const hop = this.#hop('failure queue', destination.name, 'operator');
    // A topic keeps nothing: its subscriptions are hops of their own.
    if (destination.type !== 'AWS::SQS::Queue') return;
    const retention = retentionOf(destination);
    if (retention < USEFUL_RETENTION) {
      const useful = `less than ${duration(USEFUL_RETENTION)} are too short to find and mend the cause`;
      hop.gap('age-limit', destination, `it keeps failures for ${duration(retention)}; ${useful}`);
    }
    if (this.#permissions.isOpenToStrangers(destination, 'sqs:ReceiveMessage')) {
      hop.gap('too-wide', destination, 'its policy lets every AWS account read its messages');
    }
    const metric = (name: string, at?: number): Symptom => ({
      namespace: 'AWS/SQS',
      name,
      dimensions: { QueueName: destination.name },
      ...(at !== undefined && { at }),
    });
    const alarms = hop.telling(
      destination,
      metric('ApproximateNumberOfMessagesVisible'),
      metric('ApproximateAgeOfOldestMessage', retention - HOUR),
    );
    hop.add({
      retry: 'by the operator',
      ageLimit: `kept ${duration(retention)}`,
      whenAllFails: 'in the archive',
      encryption: this.#encryption(hop, destination, []),
      alarms,
    });
  }

  /** An alarm that tells nobody is none. */
  #auditAlarms(): void {
    const told = new Map<string, Alarm[]>();
    const silent = this.#hop('alarm', 'CloudWatch', 'nobody');
    for (const alarm of this.#alarms.all) {
      if (alarm.actions.length === 0) {
        silent.gap(
          'alarm',
          alarm.resource,
          `${alarm.name} has no action, or they are not enabled: it tells nobody`,
        );
      }
      for (const action of alarm.actions) told.set(action, [...(told.get(action) ?? []), alarm]);
    }
    for (const [arn, alarms] of told) {
      const topic = this.#find(arn);
      const hop = this.#hop('alarm', 'CloudWatch', topic?.name ?? arn);
      const [{ resource: first }] = alarms as [Alarm];
      if (topic?.type !== 'AWS::SNS::Topic') {
        hop.gap('place', first, `its action is ${arn}, ${this.#whereIs(arn)}`);
        continue;
      }
      const decisions = alarms.map(({ resource }) =>
        this.#permissions.serviceMay(CLOUDWATCH, resource.arn, 'sns:Publish', topic.arn),
      );
      const refused = decisions.findIndex(({ allowed }) => !allowed);
      const alarm = alarms[Math.max(refused, 0)] as Alarm;
      const decision = decisions[Math.max(refused, 0)] as Decision;
      hop.add({
        retry: 'by CloudWatch',
        whenAllFails: 'the state stays visible',
        permissions: [hop.allows('sns:Publish', decision, topic, `for alarm ${alarm.name}`)],
        encryption: this.#encryption(hop, topic, [{ service: CLOUDWATCH, sourceArn: alarm.resource.arn }]),
      });
    }
  }

  #hop(kind: HopKind, from: string, to: string): OpenHop {
    const name = `${kind} ${from} -> ${to}`;
    const gap: OpenHop['gap'] = (kindOfGap, { name: resource }, message) => {
      const isKnown = this.#gaps.some((each) => each.message === `${message}.` && each.resource === resource);
      if (!isKnown) this.#gaps.push({ kind: kindOfGap, hop: name, resource, message: `${message}.` });
    };
    return {
      gap,
      allows: (needed, { allowed, reason }, resource, forWhom) => {
        if (!allowed)
          gap('permission', resource, `${needed} is not allowed ${forWhom}. ${reason.replace(/\.$/, '')}`);
        return { needed, reason };
      },
      telling: (resource, ...symptoms) => {
        const found = symptoms.map((symptom) => this.#alarms.telling(symptom));
        for (const { problem } of found) if (problem) gap('alarm', resource, problem);
        return [...new Set(found.flatMap(({ alarms }) => alarms.map((alarm) => alarm.name)))];
      },
      add: (parts) => {
        const none = {
          retry: '-',
          ageLimit: '-',
          whenAllFails: '-',
          permissions: [],
          encryption: '-',
          alarms: [],
        };
        this.#hops.push({ kind, from, to, ...none, ...parts });
      },
    };
  }

  /** Encryption at rest of what is written to, whether the writers may use the key, and TLS on the way. */
  #encryption(hop: OpenHop, resource: Resource, senders: readonly Sender[]): string {
    const { properties, type } = resource;
    const missing = (what: string) => {
      hop.gap('encryption', resource, `${what}: what it holds is not encrypted`);
      return 'none';
    };
    const tls = (action: string) => {
      if (this.#permissions.isTlsOnly(resource, action)) return ', TLS only';
      hop.gap('encryption', resource, 'its policy does not deny requests without TLS (aws:SecureTransport)');
      return '';
    };
    switch (type) {
      case 'AWS::SQS::Queue': {
        const { KmsMasterKeyId: key, SqsManagedSseEnabled: managed = true } = properties;
        const atRest =
          key || managed
            ? this.#keyOf(hop, resource, key, senders, 'SQS key')
            : missing('SqsManagedSseEnabled is false');
        return atRest + tls('sqs:SendMessage');
      }
      case 'AWS::SNS::Topic': {
        const key = properties.KmsMasterKeyId;
        const atRest = key ? this.#keyOf(hop, resource, key, senders) : missing('it has no KmsMasterKeyId');
        return atRest + tls('sns:Publish');
      }
      case 'AWS::S3::Bucket': {
        const [rule] = properties.BucketEncryption?.ServerSideEncryptionConfiguration ?? [];
        const { KMSMasterKeyID: key } = rule?.ServerSideEncryptionByDefault ?? {};
        const blocked = Object.values(properties.PublicAccessBlockConfiguration ?? {});
        if (blocked.length < 4 || !blocked.every(Boolean))
          hop.gap('too-wide', resource, 'it does not block all public access');
        return this.#keyOf(hop, resource, key, senders, 'S3 key') + tls('s3:PutObject');
      }
      case 'AWS::KinesisFirehose::DeliveryStream': {
        const input = properties.DeliveryStreamEncryptionConfigurationInput;
        if (!input) return missing('it has no DeliveryStreamEncryptionConfigurationInput');
        return this.#keyOf(hop, resource, input.KeyARN, senders, 'Firehose key');
      }
      case 'AWS::DynamoDB::Table': {
        const { SSEEnabled: managed, KMSMasterKeyId: key } = properties.SSESpecification ?? {};
        return this.#keyOf(hop, resource, key, senders, managed ? 'alias/aws/dynamodb' : 'DynamoDB key');
      }
      default:
        return this.#keyOf(hop, resource, properties.KmsKeyIdentifier, senders);
    }
  }

  /** @param otherwise the key that the service uses when none is given */
  #keyOf(
    hop: OpenHop,
    resource: Resource,
    key: string | undefined,
    senders: readonly Sender[],
    otherwise = 'AWS key',
  ): string {
    if (key === undefined) return otherwise;
    for (const sender of senders) {
      const { allowed, reason } = this.#permissions.maySendUnderKey(sender, key);
      const who = 'role' in sender ? sender.role : sender.service;
      if (!allowed)
        hop.gap('encryption', resource, `${who} may not use its key. ${reason.replace(/\.$/, '')}`);
    }
    return isKeyOfAws(key) ? `alias/${key.split('alias/').at(-1)}` : 'own key';
  }

  /** A resource by its ARN, its name (a bus, table, or stream in a variable), or a queue by its URL. */
  #find(reference: string): Resource | undefined {
    const isEventPath = ({ type }: Resource) =>
      /^AWS::(SQS::Queue|SNS::Topic|Lambda::Function|DynamoDB::\w*Table|Events::EventBus|KinesisFirehose::DeliveryStream|S3::Bucket)$/.test(
        type,
      );
    const resources = [...this.assembly.resources.values()].filter(isEventPath);
    return resources.find(({ arn }) => arn === reference) ?? resources.find(({ name }) => name === reference);
  }

  /** Why an ARN is not found. */
  #whereIs(reference: string): string {
    const [, , , region, account] = reference.split(':');
    const { assembly } = this;
    if (region && region !== assembly.region)
      return `which is in the region ${region}; this stack is in ${assembly.region}`;
    if (account && account !== assembly.account) return `which is in the account ${account}, not in this one`;
    return 'which is not in this template';
  }
}

type Sender = { readonly service: string; readonly sourceArn: string } | { readonly role: string };

/** A hop while it is being looked at. */
interface OpenHop {
  gap(kind: GapKind, resource: Resource, message: string): void;
  /** Notes a gap if the decision is no. */
  allows(needed: string, decision: Decision, resource: Resource, forWhom: string): Hop['permissions'][number];
  /** Notes a gap for each symptom that no alarm tells of. @returns names of those that do */
  telling(resource: Resource, ...symptoms: readonly Symptom[]): readonly string[];
  add(parts: HopParts): void;
}

function handlerOf({ properties }: Resource): Handler | undefined {
  return HANDLERS[properties.Environment?.Variables?.POWERTOOLS_SERVICE_NAME];
}

const functionMetric = ({ name: FunctionName }: Resource, name: string): Metric => ({
  namespace: 'AWS/Lambda',
  name,
  dimensions: { FunctionName },
});

/** What the handler counts itself, by Powertools. */
function ownMetric({ properties }: Resource, name: string): Metric {
  const { POWERTOOLS_METRICS_NAMESPACE: namespace, POWERTOOLS_SERVICE_NAME: service } =
    properties.Environment.Variables;
  return { namespace, name, dimensions: { service } };
}

/** https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3 */
function deliveryActions(bucket: Resource): [action: string, arn: string][] {
  const object = `${bucket.arn}/events/2026/01/15/object`;
  return [
    ['s3:PutObject', object],
    ['s3:AbortMultipartUpload', object],
    ['s3:GetBucketLocation', bucket.arn],
    ['s3:ListBucket', bucket.arn],
    ['s3:ListBucketMultipartUploads', bucket.arn],
  ];
}

const indexesOf = ({ properties }: Resource): string[] =>
  (properties.GlobalSecondaryIndexes ?? []).map(({ IndexName }: Resource['properties']) => IndexName);

/** Seconds. */
const timeoutOf = ({ properties }: Resource): number => Number(properties.Timeout ?? 3);
const retentionOf = ({ properties }: Resource): number =>
  Number(properties.MessageRetentionPeriod ?? QUEUE_RETENTION);

const times = (retries: number): string => (retries === 1 ? '1 retry' : `${retries} retries`);

function duration(seconds: number): string {
  for (const [unit, size] of [
    ['days', DAY],
    ['h', HOUR],
    ['min', MINUTE],
  ] as const) {
    if (seconds >= size && seconds % size === 0 && !(unit === 'days' && seconds < 2 * DAY))
      return `${seconds / size} ${unit}`;
  }
  return `${seconds} s`;
}
