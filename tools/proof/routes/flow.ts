/**
 * The template as a graph: publishers and schedules -> bus -> rules -> targets -> stores, and the queues of failed
 * events. `flow-layout.ts` computes positions, `flow-svg.ts` draws it.
 */

import { type App, consumerName, findConsumer } from '../../app';
import { arnName } from '../../eventbridge/arn';
import type { Assembly, Resource } from '../../template/assembly';
import { eventSourceMappingsOf, type Pipe, pipesOf } from '../../template/event-source-mappings';
import { foreignPublishersOf, isPartnerBus } from '../../template/foreign-events';
import { invokeConfigOf } from '../../template/invoke-config';
import { isKnown, type Maybe } from '../../template/placeholder';
import { Policies } from '../../template/policies';
import { readQueue, type SubscriptionModel, subscriptionsOf } from '../../template/queues';
import { archivesOf, qualifiersCalled, type RuleModel, rulesOf } from '../../template/rules';
import { asRule, type SchedulerSchedule, schedulesOf } from '../../template/schedules';

export type NodeKind =
  | 'publisher'
  | 'schedule'
  | 'pipe'
  | 'bus'
  | 'archive'
  | 'rule'
  | 'function'
  | 'queue'
  | 'topic'
  | 'table'
  | 'stream'
  | 'bucket'
  | 'subscriber'
  /** An edge back to a bus, drawn as a node of its own. */
  | 'port'
  | 'other';

/** A node on the way of events. */
export interface FlowNode {
  readonly id: string;
  readonly kind: NodeKind;
  readonly title: string;
  readonly subtitle: string;
  /** Physical name, as in the steps of the local run; for a publisher its source. */
  readonly name: string;
}

export interface FlowEdge {
  readonly from: string;
  readonly to: string;
  /** `reads` points from the function to what it reads. */
  readonly kind: 'event' | 'failure' | 'replay' | 'reads';
  readonly label?: string;
}

export interface Flow {
  readonly nodes: readonly FlowNode[];
  readonly edges: readonly FlowEdge[];
  /** Number of the other resources, by type. */
  readonly beside: readonly { readonly type: string; readonly count: number }[];
}

/** Actions with which a function uses a store, by type. */
const USES: Readonly<Record<string, { writes: readonly string[]; reads: readonly string[] }>> = {
  'AWS::DynamoDB::Table': {
    writes: ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem', 'dynamodb:BatchWriteItem'],
    reads: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:Scan', 'dynamodb:BatchGetItem'],
  },
  'AWS::SNS::Topic': { writes: ['sns:Publish'], reads: [] },
  'AWS::SQS::Queue': { writes: ['sqs:SendMessage'], reads: ['sqs:ReceiveMessage'] },
  'AWS::KinesisFirehose::DeliveryStream': {
    writes: ['firehose:PutRecord', 'firehose:PutRecordBatch'],
    reads: [],
  },
  'AWS::S3::Bucket': { writes: ['s3:PutObject'], reads: ['s3:GetObject'] },
};

const KINDS: Readonly<Record<string, NodeKind>> = {
  'AWS::Events::EventBus': 'bus',
  'AWS::Events::Archive': 'archive',
  'AWS::Events::Rule': 'rule',
  'AWS::Lambda::Function': 'function',
  'AWS::SQS::Queue': 'queue',
  'AWS::SNS::Topic': 'topic',
  'AWS::DynamoDB::Table': 'table',
  'AWS::DynamoDB::GlobalTable': 'table',
  'AWS::KinesisFirehose::DeliveryStream': 'stream',
  'AWS::S3::Bucket': 'bucket',
};

export function readFlow(assembly: Assembly, app: App): Flow {
  return new FlowReader(assembly, app).read();
}

class FlowReader {
  readonly #nodes = new Map<string, FlowNode>();
  readonly #edges: FlowEdge[] = [];
  /** Functions and queues that a mapping joins. */
  readonly #reads = new Set<string>();
  readonly #policies: Policies;
  readonly #rules: readonly RuleModel[];

  constructor(
    private readonly assembly: Assembly,
    private readonly app: App,
  ) {
    this.#policies = new Policies(assembly);
    this.#rules = rulesOf(assembly);
  }

  read(): Flow {
    const buses = this.assembly.ofType('AWS::Events::EventBus');
    for (const bus of buses) {
      if (!isPartnerBus(bus)) this.#publishers(bus);
      this.#foreignPublishers(bus);
      this.#archives(bus);
    }
    for (const rule of this.#rules) this.#rule(rule, buses);
    for (const schedule of schedulesOf(this.assembly)) this.#schedule(schedule);
    this.#mappings();
    for (const pipe of pipesOf(this.assembly)) this.#pipe(pipe);
    for (const each of this.assembly.ofType('AWS::Lambda::Function')) {
      if (this.#nodes.has(each.logicalId)) this.#function(each, buses);
    }
    for (const stream of this.assembly.ofType('AWS::KinesisFirehose::DeliveryStream')) this.#stream(stream);
    for (const subscription of subscriptionsOf(this.assembly)) this.#subscription(subscription);
    return { nodes: [...this.#nodes.values()], edges: this.#edges, beside: this.#beside() };
  }

  /** Adds publishers of contracts that no function of the template publishes. */
  #publishers(bus: Resource): void {
    const own = Object.values(this.app.consumers).flatMap(({ publishes }) =>
      publishes.map(({ type }) => type),
    );
    const bySource = new Map<string, string[]>();
    for (const { source, detailType, type } of this.app.contracts) {
      if (!own.includes(type)) bySource.set(source, [...(bySource.get(source) ?? []), detailType]);
    }
    for (const [source, types] of bySource) {
      const id = `publisher ${source}`;
      const subtitle = types.length > 1 ? `${types.length} types of events` : types.join();
      this.#nodes.set(id, { id, kind: 'publisher', title: source, subtitle, name: source });
      this.#edge(id, this.#node(bus), 'event', types.join(', '));
    }
  }

  #foreignPublishers(bus: Resource): void {
    for (const { name, sources } of foreignPublishersOf(this.assembly, bus)) {
      const id = `publisher ${name}`;
      const isPartner = isPartnerBus(bus);
      const title = isPartner ? arnName(name.replace(/^aws\.partner\//, '').split('/')[0] ?? name) : name;
      const subtitle = isPartner ? 'SaaS partner' : sources.join(', ');
      this.#nodes.set(id, { id, kind: 'publisher', title, subtitle, name });
      this.#edge(id, this.#node(bus, ...(isPartner ? ["a partner's bus"] : [])), 'event');
    }
  }

  #archives(bus: Resource): void {
    for (const { resource: archive, bus: source, retentionDays: days } of archivesOf(this.assembly)) {
      if (source !== bus.name) continue;
      const kept = days === 0 ? 'kept for ever' : isKnown(days) ? `kept ${days} days` : 'kept for some days';
      this.#edge(this.#node(bus), this.#node(archive, kept), 'replay', 'replay');
    }
  }

  #rule(rule: RuleModel, buses: readonly Resource[]): void {
    const { resource, name, bus: busOfRule, eventPattern, scheduleExpression, targets } = rule;
    const isTransformed = targets.some(
      ({ input: { Input, InputPath, InputTransformer } }) => Input ?? InputPath ?? InputTransformer,
    );
    const wanted = [...conditions(parsed(eventPattern)), ...(isTransformed ? ['transformed'] : [])];
    const id = this.#node(resource, wanted.join(' · ') || 'by schedule');
    const bus = buses.find((each) => each.name === busOfRule);
    if (eventPattern) this.#edge(bus ? this.#node(bus) : this.#foreignBus(busOfRule), id, 'event');
    if (scheduleExpression) {
      const clock = `schedule ${resource.logicalId}`;
      const title = scheduleExpression.replace(/^cron\((.*)\)$/, '$1');
      this.#nodes.set(clock, { id: clock, kind: 'schedule', title, subtitle: 'UTC', name });
      this.#edge(clock, id, 'event');
    }
    this.#targets(id, targets);
  }

  #schedule(schedule: SchedulerSchedule): void {
    const { resource, name, expression, timezone } = schedule;
    const id = resource.logicalId;
    const title = expression.replace(/^cron\((.*)\)$/, '$1');
    this.#nodes.set(id, { id, kind: 'schedule', title, subtitle: timezone, name });
    this.#targets(id, asRule(schedule).targets);
  }

  #pipe({ resource, source, target, targetArn, enrichment, deadLetterArn }: Pipe): void {
    const id = resource.logicalId;
    const title = this.#short(resource);
    const from = source.resource ? this.#short(source.resource) : arnName(source.arn);
    const subtitle = `pipe of ${from}${enrichment === undefined ? '' : ', enriched'}`;
    this.#nodes.set(id, { id, kind: 'pipe', title, subtitle, name: resource.name });
    const [reader] = [source.resource].filter((each) => each && this.#nodes.has(each.logicalId));
    if (reader) this.#edge(reader.logicalId, id, 'event');
    this.#edge(id, target.resource ? this.#node(target.resource) : this.#unknownTarget(targetArn), 'event');
    const queue = this.#find(deadLetterArn);
    if (queue) this.#edge(id, this.#node(queue, 'given up'), 'failure', 'not put');
  }

  #targets(id: string, targets: RuleModel['targets']): void {
    for (const { arn, reference, retries, ageSeconds, deadLetterArn } of targets) {
      const target = reference.resource;
      this.#edge(id, target ? this.#node(target) : this.#unknownTarget(arn), 'event');
      const queue = this.#find(deadLetterArn);
      if (!queue) continue;
      const age = isKnown(ageSeconds) ? ` or ${duration(ageSeconds)}` : '';
      const label = `not delivered in ${attempts(retries)} tries${age}`;
      this.#edge(id, this.#node(queue, 'not delivered'), 'failure', label);
    }
  }

  /** Adds the default bus, or one of another stack. */
  #foreignBus(name: string): string {
    const id = `bus ${name}`;
    this.#nodes.set(id, { id, kind: 'bus', title: name, subtitle: 'not in this template', name });
    return id;
  }

  #unknownTarget(text: string): string {
    const id = `target ${text}`;
    const service = text.split(':')[2] ?? 'unknown';
    const name = arnName(text);
    this.#nodes.set(id, {
      id,
      kind: 'other',
      title: name,
      subtitle: `${service}, not in this template`,
      name,
    });
    return id;
  }

  /** Adds the functions that read a target's queue, and the queue for what they fail at. */
  #mappings(): void {
    for (const { source, function: reader } of eventSourceMappingsOf(this.assembly)) {
      const queue = source?.resource;
      if (!queue || !reader.function || !this.#nodes.has(queue.logicalId)) continue;
      this.#edge(this.#node(queue), this.#node(reader.function), 'event', 'in batches');
      this.#reads.add(`${reader.function.logicalId} ${queue.logicalId}`);
      const { redrive } = queue.type === 'AWS::SQS::Queue' ? readQueue(queue) : {};
      const dead = this.#find(redrive?.deadLetterArn);
      if (!dead) continue;
      const { maxReceiveCount: tries } = redrive ?? {};
      const count = tries !== undefined && isKnown(tries) ? `${tries}` : 'several';
      this.#edge(
        this.#node(queue),
        this.#node(dead, `after ${count} tries`),
        'failure',
        `fails ${count} times`,
      );
    }
  }

  #function(resource: Resource, buses: readonly Resource[]): void {
    const id = resource.logicalId;
    const failed = this.#failureDestination(resource);
    for (const [type, { writes, reads }] of Object.entries(USES)) {
      for (const store of this.assembly.ofType(type)) {
        if (store === failed?.queue || this.#reads.has(`${id} ${store.logicalId}`)) continue;
        const may = (action: string) => this.#may(resource, action, store);
        if (writes.some(may)) this.#edge(id, this.#node(store), 'event', 'writes');
        else if (reads.some(may)) this.#edge(id, this.#node(store), 'reads', 'reads');
      }
    }
    this.#published(resource, buses);
    if (failed)
      this.#edge(
        id,
        this.#node(failed.queue, `after ${failed.tries} attempts`),
        'failure',
        `fails ${failed.tries} times`,
      );
  }

  /** Adds what the function puts on buses, at once or by schedules that it makes. */
  #published(resource: Resource, buses: readonly Resource[]): void {
    const id = resource.logicalId;
    for (const bus of buses) {
      const { now, later } = publishedBy(this.app, resource, bus);
      if (later.length === 0 && !this.#may(resource, 'events:PutEvents', bus)) continue;
      const port = `port ${id} ${bus.logicalId}`;
      const subtitle = (later.length > 0 ? later : now).join(', ') || 'publishes';
      this.#nodes.set(port, { id: port, kind: 'port', title: `to ${this.#short(bus)}`, subtitle, name: '' });
      this.#edge(id, port, 'event', subtitle);
    }
  }

  /** Failure destination of calls by rules, or of unqualified calls if no rule calls the function. */
  #failureDestination(lambda: Resource): { queue: Resource; tries: string } | undefined {
    const [qualifier] = qualifiersCalled(this.#rules, lambda);
    const { onFailure, retries } = invokeConfigOf(this.assembly, lambda, qualifier);
    const queue = this.#find(onFailure);
    return queue && { queue, tries: attempts(retries) };
  }

  /** Checks whether the function's role allows the action on the resource, an index of it, or its content. */
  #may({ properties }: Resource, action: string, resource: Resource): boolean {
    const indexes = resource.properties.GlobalSecondaryIndexes ?? [];
    const arns = [
      resource.arn,
      ...indexes.map(({ IndexName }: Resource['properties']) => `${resource.arn}/index/${IndexName}`),
      ...(resource.type === 'AWS::S3::Bucket' ? [`${resource.arn}/object`] : []),
    ];
    return arns.some((arn) => this.#policies.roleMay(properties.Role, action, arn).allowed);
  }

  #stream(stream: Resource): void {
    const bucket = this.#find(stream.properties.ExtendedS3DestinationConfiguration?.BucketARN);
    if (this.#nodes.has(stream.logicalId) && bucket)
      this.#edge(stream.logicalId, this.#node(bucket), 'event', 'writes');
  }

  #subscription({ topicArn, protocol, endpoint }: SubscriptionModel): void {
    const topic = this.#find(topicArn);
    if (!topic || !this.#nodes.has(topic.logicalId)) return;
    const known = this.#find(endpoint);
    if (known) {
      this.#edge(topic.logicalId, this.#node(known), 'event');
      return;
    }
    const id = `subscriber ${topic.logicalId} ${protocol}`;
    this.#nodes.set(id, { id, kind: 'subscriber', title: protocol, subtitle: 'subscriber', name: '' });
    this.#edge(topic.logicalId, id, 'event');
  }

  #beside(): Flow['beside'] {
    const counts = new Map<string, number>();
    for (const { logicalId, type } of this.assembly.resources.values()) {
      if (!this.#nodes.has(logicalId)) counts.set(type, (counts.get(type) ?? 0) + 1);
    }
    return [...counts].map(([type, count]) => ({ type, count })).sort((a, b) => b.count - a.count);
  }

  #find(arn: unknown): Resource | undefined {
    return typeof arn === 'string' ? this.assembly.find(arn) : undefined;
  }

  /** Adds the node unless it exists. @returns its id */
  #node(resource: Resource, subtitle?: string): string {
    const { logicalId: id, type, name } = resource;
    const known = this.#nodes.get(id);
    if (!known || (subtitle !== undefined && known.subtitle !== subtitle)) {
      const kind = KINDS[type] ?? 'other';
      const captions: Partial<Record<NodeKind, string>> = {
        bus: name,
        other: type,
        stream: 'delivery stream',
      };
      const caption = captions[kind] ?? kind;
      this.#nodes.set(id, {
        id,
        kind,
        title: this.#short(resource),
        subtitle: subtitle ?? known?.subtitle ?? caption,
        name,
      });
    }
    return id;
  }

  #edge(from: string, to: string, kind: FlowEdge['kind'], label?: string): void {
    this.#edges.push({ from, to, kind, ...(label && { label }) });
  }

  /** A name without the stack's prefix; the logical id if CloudFormation generates the name. */
  #short({ name, logicalId, type }: Resource): string {
    if (name.toLowerCase().includes(logicalId.toLowerCase())) return KINDS[type] ?? logicalId;
    const prefix = `${this.assembly.stackName}-`;
    return name.startsWith(prefix) ? name.slice(prefix.length) : name;
  }
}

/** Parses a pattern, which may be JSON text in the template. */
function parsed(pattern: RuleModel['eventPattern']): unknown {
  if (typeof pattern !== 'string') return pattern;
  try {
    return JSON.parse(pattern);
  } catch {
    return undefined; // `routes` reports the error.
  }
}

const attempts = (retries: Maybe<number>): string => (isKnown(retries) ? `${1 + retries}` : 'several');

function duration(seconds: number): string {
  return seconds % 3600 === 0 ? `${seconds / 3600} h` : `${Math.round(seconds / 60)} min`;
}

/** Conditions of a pattern in a few words: without field names where the values suffice. */
function conditions(pattern: unknown, path = ''): string[] {
  if (typeof pattern !== 'object' || pattern === null) return [];
  const entries = Object.entries(pattern);
  return entries.flatMap(([key, value]) => {
    const field = path ? `${path}.${key}` : key;
    if (!Array.isArray(value)) return conditions(value, field);
    // An exact type says more than its source.
    if (field === 'source' && entries.some(([other]) => other === 'detail-type')) return [];
    const values = value.map(condition).join(', ');
    if (key === '$or') return ['one of several conditions'];
    const areWords = field.startsWith('detail.') && value.every((each) => typeof each === 'string');
    if (field === 'detail-type' || areWords) return [values];
    return [field === 'source' ? `source ${values}` : `${key} ${values}`];
  });
}

function condition(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [operator, operand] = Object.entries(value)[0] ?? [];
  if (operator === 'prefix' && typeof operand === 'string') return `${operand}*`;
  if (operator === 'suffix' && typeof operand === 'string') return `*${operand}`;
  if (operator === 'exists') return operand ? 'present' : 'absent';
  return JSON.stringify(value);
}

/** Types of events that a described function puts on the bus, and those that schedules of its making put there. */
function publishedBy(app: App, { properties }: Resource, bus: Resource): { now: string[]; later: string[] } {
  const variables = properties.Environment?.Variables ?? {};
  const { publishes = [], calls = [] } = findConsumer(app, consumerName(app, variables)) ?? {};
  const later = calls.flatMap(({ schedules }) =>
    schedules && variables[schedules.target] === bus.arn ? `${schedules.publishes.detailType}, later` : [],
  );
  return { now: publishes.map(({ type }) => type.split('/').at(-1) ?? type), later };
}
