/**
 * The picture of the flow, drawn from the template as a Mermaid flowchart: publishers -> bus -> rules with their
 * condition -> functions -> what they read and write, and where an event goes that gets stuck.
 */
import { type App, consumerName, findConsumer } from '../../app';
import { InputError } from '../../cli/errors';
import { DELIVERY_RETRY } from '../../eventbridge/service-facts';
import type { Assembly, Resource } from '../../template/assembly';
import { busName } from '../../template/assembly';
import { Policies } from '../../template/policies';

const START = '<!-- routes:start -->';
const END = '<!-- routes:end -->';

/**
 * A text with the picture between its markers `<!-- routes:start -->` and `<!-- routes:end -->`.
 * @param name of the file, for the error
 * @throws InputError if it does not have both markers, in this order
 */
export function withDiagram(text: string, diagram: string, name: string): string {
  const [start, end] = [text.indexOf(START), text.indexOf(END)];
  if (start < 0 || end < start) {
    throw new InputError(`${name} has no lines ${START} and ${END}, between which the picture goes.`);
  }
  return `${text.slice(0, start)}${START}\n\n\`\`\`mermaid\n${diagram}\`\`\`\n\n${text.slice(end)}`;
}

/** @returns Mermaid text, lines ending in a line feed; the same for the same template */
export function drawFlow(assembly: Assembly, app: App): string {
  return new FlowChart(assembly, app).draw();
}

/** What a function does with a store, by the actions that its role allows: the first that it may do is drawn. */
const USES: Readonly<Record<string, readonly [verb: string, actions: readonly string[]][]>> = {
  'AWS::DynamoDB::Table': [
    ['writes', ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem', 'dynamodb:BatchWriteItem']],
    ['reads', ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:Scan', 'dynamodb:BatchGetItem']],
  ],
  'AWS::SNS::Topic': [['publishes', ['sns:Publish']]],
  'AWS::SQS::Queue': [['sends', ['sqs:SendMessage']]],
  'AWS::KinesisFirehose::DeliveryStream': [['puts', ['firehose:PutRecord', 'firehose:PutRecordBatch']]],
  'AWS::S3::Bucket': [
    ['writes', ['s3:PutObject']],
    ['reads', ['s3:GetObject']],
  ],
};

/** What a node of each type is called, and its shape. */
const NODES: Readonly<Record<string, [caption: string, open: string, close: string]>> = {
  'AWS::Events::EventBus': ['event bus', '{{', '}}'],
  'AWS::Events::Archive': ['archive', '[(', ')]'],
  'AWS::Events::Rule': ['', '[', ']'],
  'AWS::Lambda::Function': ['function', '[[', ']]'],
  'AWS::DynamoDB::Table': ['table', '[(', ')]'],
  'AWS::SNS::Topic': ['topic', '>', ']'],
  'AWS::SQS::Queue': ['queue', '[/', '/]'],
  'AWS::KinesisFirehose::DeliveryStream': ['delivery stream', '>', ']'],
  'AWS::S3::Bucket': ['bucket', '[(', ')]'],
};

class FlowChart {
  private readonly lines: string[] = [];
  /** Logical ids of what is already drawn. */
  private readonly drawn = new Set<string>();
  private readonly policies: Policies;

  constructor(
    private readonly assembly: Assembly,
    private readonly app: App,
  ) {
    this.policies = new Policies(assembly);
  }

  draw(): string {
    const { assembly } = this;
    const rules = assembly.ofType('AWS::Events::Rule');
    const buses = assembly.ofType('AWS::Events::EventBus');
    for (const bus of buses) {
      this.publishers(bus);
      this.archives(bus);
    }
    this.lines.push('subgraph rules');
    for (const rule of rules)
      this.node(rule, [this.short(rule.name), ...conditions(rule.properties.EventPattern)]);
    this.lines.push('end');
    for (const rule of rules) this.rule(rule, buses);
    this.deadLetterQueues(rules);
    for (const each of assembly.ofType('AWS::Lambda::Function')) {
      if (this.drawn.has(each.logicalId)) this.function(each, buses);
    }
    for (const stream of assembly.ofType('AWS::KinesisFirehose::DeliveryStream')) this.stream(stream);
    for (const { properties } of assembly.ofType('AWS::SNS::Subscription')) this.subscription(properties);
    const [first, ...rest] = this.lines;
    return ['flowchart LR', first, ...rest].map((line, i) => `${i ? '  ' : ''}${line}\n`).join('');
  }

  /** Those of the contracts that no function of the template publishes. */
  private publishers(bus: Resource): void {
    const own = Object.values(this.app.consumers).flatMap(({ publishes }) =>
      publishes.map(({ type }) => type),
    );
    const bySource = new Map<string, string[]>();
    for (const { source, detailType, type } of this.app.contracts) {
      if (!own.includes(type)) bySource.set(source, [...(bySource.get(source) ?? []), detailType]);
    }
    for (const [source, types] of bySource) {
      const id = `publisher_${identifier(source)}`;
      this.lines.push(`${id}(["${source}"])`);
      this.edge(id, this.node(bus), types.join(BREAK));
    }
  }

  private archives(bus: Resource): void {
    for (const archive of this.assembly.ofType('AWS::Events::Archive')) {
      const { SourceArn, RetentionDays } = archive.properties;
      if (busName(SourceArn) !== bus.name) continue;
      const kept = RetentionDays ? `${RetentionDays} days` : 'for ever';
      const id = this.node(archive, [this.short(archive.name), kept]);
      this.edge(this.node(bus), id);
      this.edge(id, this.node(bus), 'replay', 'dotted');
    }
  }

  private rule(rule: Resource, buses: readonly Resource[]): void {
    const { EventBusName, EventPattern, ScheduleExpression, State, Targets = [] } = rule.properties;
    const id = this.id(rule);
    const bus = buses.find(({ name }) => name === busName(EventBusName));
    if (EventPattern && bus && State !== 'DISABLED') this.edge(this.node(bus), id);
    if (ScheduleExpression) {
      const clock = `schedule_${identifier(this.short(rule.name))}`;
      this.lines.push(`${clock}(("${escaped(ScheduleExpression)}"))`);
      this.edge(clock, id);
    }
    for (const { Arn, Input, InputPath, InputTransformer } of Targets) {
      const target = this.find(Arn, 'AWS::Lambda::Function', 'AWS::SQS::Queue', 'AWS::Events::EventBus');
      const isChanged = Input ?? InputPath ?? InputTransformer;
      if (target) this.edge(id, this.node(target), isChanged && 'transformed');
    }
  }

  /** One arrow from all rules, where all have the same. */
  private deadLetterQueues(rules: readonly Resource[]): void {
    const stuck = rules.flatMap((rule) =>
      (rule.properties.Targets ?? []).map(
        ({ DeadLetterConfig, RetryPolicy = {} }: Resource['properties']) => {
          const {
            MaximumRetryAttempts: tries = DELIVERY_RETRY.defaultAttempts,
            MaximumEventAgeInSeconds: age = DELIVERY_RETRY.defaultAgeSeconds,
          } = RetryPolicy;
          const label = `not delivered${BREAK}in ${1 + tries} tries or ${duration(age)}`;
          return { rule, queue: this.find(DeadLetterConfig?.Arn, 'AWS::SQS::Queue'), label };
        },
      ),
    );
    const [first] = stuck;
    const isOne = stuck.every(({ queue, label }) => queue === first?.queue && label === first?.label);
    for (const { rule, queue, label } of isOne ? stuck.slice(0, 1) : stuck) {
      if (queue) this.edge(isOne ? 'rules' : this.id(rule), this.node(queue), label, 'dotted');
    }
  }

  private function(resource: Resource, buses: readonly Resource[]): void {
    const id = this.id(resource);
    const failed = this.failureDestination(resource);
    for (const [type, uses] of Object.entries(USES)) {
      for (const store of this.assembly.ofType(type)) {
        if (store === failed?.queue) continue;
        const verb = uses.find(([, actions]) =>
          actions.some((action) => this.may(resource, action, store)),
        )?.[0];
        if (verb === 'reads') this.edge(this.node(store), id, verb);
        else if (verb) this.edge(id, this.node(store), verb);
      }
    }
    const name = consumerName(this.app, resource.properties.Environment?.Variables);
    const published = findConsumer(this.app, name)?.publishes.map(({ type }) => type.split('/').at(-1)) ?? [];
    for (const bus of buses) {
      const label = published.join(BREAK) || 'publishes';
      if (this.may(resource, 'events:PutEvents', bus)) this.edge(id, this.node(bus), label);
    }
    if (failed) this.edge(id, this.node(failed.queue), `fails ${failed.tries} times`, 'dotted');
  }

  private failureDestination({ name, arn }: Resource): { queue: Resource; tries: number } | undefined {
    for (const { properties } of this.assembly.ofType('AWS::Lambda::EventInvokeConfig')) {
      if (properties.FunctionName !== name && properties.FunctionName !== arn) continue;
      const queue = this.find(properties.DestinationConfig?.OnFailure?.Destination, 'AWS::SQS::Queue');
      if (queue) return { queue, tries: 1 + (properties.MaximumRetryAttempts ?? 2) };
    }
    return undefined;
  }

  /** Whether the function's role allows the action on the resource, an index of it, or what it holds. */
  private may({ properties }: Resource, action: string, resource: Resource): boolean {
    const indexes = resource.properties.GlobalSecondaryIndexes ?? [];
    const arns = [
      resource.arn,
      ...indexes.map(({ IndexName }: Resource['properties']) => `${resource.arn}/index/${IndexName}`),
      ...(resource.type === 'AWS::S3::Bucket' ? [`${resource.arn}/object`] : []),
    ];
    return arns.some((arn) => this.policies.roleMay(properties.Role, action, arn).allowed);
  }

  private stream(stream: Resource): void {
    const bucket = this.find(
      stream.properties.ExtendedS3DestinationConfiguration?.BucketARN,
      'AWS::S3::Bucket',
    );
    if (this.drawn.has(stream.logicalId) && bucket) this.edge(this.id(stream), this.node(bucket));
  }

  private subscription({ TopicArn, Protocol }: Resource['properties']): void {
    const topic = this.find(TopicArn, 'AWS::SNS::Topic');
    if (!topic || !this.drawn.has(topic.logicalId)) return;
    const id = `subscriber_${identifier(this.short(topic.name))}_${identifier(Protocol)}`;
    this.lines.push(`${id}(["${Protocol} subscriber"])`);
    this.edge(this.id(topic), id);
  }

  private find(arn: string | undefined, ...types: readonly string[]): Resource | undefined {
    return types.flatMap((type) => this.assembly.ofType(type)).find((resource) => resource.arn === arn);
  }

  /** Draws the node if it is not there yet. @returns its id */
  private node(resource: Resource, text?: readonly string[]): string {
    const id = this.id(resource);
    if (this.drawn.has(resource.logicalId)) return id;
    this.drawn.add(resource.logicalId);
    const [caption, open, close] = NODES[resource.type] ?? [resource.type, '[', ']'];
    // A name that CloudFormation makes up tells nothing.
    const isGenerated = resource.name.toLowerCase().includes(resource.logicalId.toLowerCase());
    const lines = text ?? [...(isGenerated ? [] : [this.short(resource.name)]), caption];
    this.lines.push(`${id}${open}"${lines.map(escaped).join(BREAK)}"${close}`);
    return id;
  }

  private edge(from: string, to: string, label?: string, line: 'solid' | 'dotted' = 'solid'): void {
    const arrow = line === 'solid' ? '-->' : '-.->';
    this.lines.push(`${from} ${arrow}${label ? `|"${label}"|` : ''} ${to}`);
  }

  private id({ type, name }: Resource): string {
    return `${identifier(type.split('::').at(-1) ?? '').toLowerCase()}_${identifier(this.short(name))}`;
  }

  /** Without what every name of the stack begins with. */
  private short(name: string): string {
    const prefix = `${this.assembly.stackName}-`;
    return name.startsWith(prefix) ? name.slice(prefix.length) : name;
  }
}

const BREAK = '<br>';

function identifier(text: string): string {
  return text.replace(/\W/g, '_');
}

/** Mermaid takes HTML entities, with # for &. */
function escaped(text: string): string {
  return text.replace(/["<>]/g, (character) => `#${character.charCodeAt(0)};`);
}

function duration(seconds: number): string {
  return seconds % 3600 === 0 ? `${seconds / 3600} h` : `${Math.round(seconds / 60)} min`;
}

/** A pattern in words, a line for each field. */
function conditions(pattern: unknown, path = ''): string[] {
  if (typeof pattern !== 'object' || pattern === null) return [];
  return Object.entries(pattern).flatMap(([key, value]) => {
    const field = path ? `${path}.${key}` : key;
    if (!Array.isArray(value)) return conditions(value, field);
    if (key === '$or') return [`${field}: ${JSON.stringify(value)}`];
    return [`${field}: ${value.map(condition).join(', ')}`];
  });
}

function condition(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [operator, operand] = Object.entries(value)[0] ?? [];
  switch (operator) {
    case 'prefix':
      if (typeof operand === 'string') return `${operand}*`;
      break;
    case 'suffix':
      if (typeof operand === 'string') return `*${operand}`;
      break;
    case 'exists':
      return operand ? 'present' : 'absent';
  }
  return JSON.stringify(value);
}
