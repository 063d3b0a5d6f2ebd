import '../lambdas/environment';
import { readFileSync } from 'node:fs';
import type { Template } from 'aws-cdk-lib/assertions';
import { APP } from '../../bin/app-description';
import { STAGES } from '../../bin/stages';
import { PoisonEventError } from '../../lambdas/contract';
import { METRICS } from '../../lambdas/metrics';
import { observed } from '../../lambdas/telemetry';
import { opsCommand } from '../../tools/ops/cli';
import { invoke } from '../lambdas/invocation';
import { synthesize } from './synthesize';

/** Untyped, as the template is. */
type Json = ReturnType<Template['toJSON']>[string];

interface Metric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly statistic: string;
  readonly period: number;
}

interface Alarm {
  readonly name: string;
  readonly properties: Json;
  /** By their id in the alarm's expressions; a single metric has the id `metric`. */
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly expressions: Readonly<Record<string, string>>;
}

/** With them the stack has all of its queues. */
const ADDRESSES = { alarmEmail: 'ops@example.com', notificationEmail: 'shop@example.com' };

const RUNBOOK = readFileSync('docs/runbook.md', 'utf8');

let stack: Stack;
beforeAll(() => {
  stack = new Stack(synthesize('production', ADDRESSES));
});

/** A template with its references resolved to physical names. */
class Stack {
  readonly resources: Record<string, Json>;
  readonly alarms: readonly Alarm[];

  constructor(template: Template) {
    this.resources = template.toJSON().Resources;
    this.alarms = this.ofType('AWS::CloudWatch::Alarm').map((properties) => this.alarm(properties));
  }

  /** Properties of all resources of a type. */
  ofType(type: string): Json[] {
    return Object.values(this.resources)
      .filter((resource) => resource.Type === type)
      .map((resource) => this.resolve(resource.Properties));
  }

  /** The one alarm of this name, without the stack's prefix. */
  alarmNamed(name: string): Alarm {
    const found = this.alarms.filter((alarm) => alarm.name === `event-driven-${name}`);
    expect(found).toHaveLength(1);
    return found[0] as Alarm;
  }

  get metrics(): Metric[] {
    return this.alarms.flatMap((alarm) => Object.values(alarm.metrics));
  }

  get dashboard(): Json {
    const [{ DashboardBody }] = this.ofType('AWS::CloudWatch::Dashboard');
    return JSON.parse(DashboardBody);
  }

  private resolve(value: Json): Json {
    if (Array.isArray(value)) return value.map((each) => this.resolve(each));
    if (typeof value !== 'object' || value === null) return value;
    if (typeof value.Ref === 'string') return PSEUDO[value.Ref] ?? this.nameOf(value.Ref);
    const attribute = value['Fn::GetAtt'];
    if (attribute) {
      const [id, name] = attribute;
      return name.endsWith('Name') ? this.nameOf(id) : `${this.nameOf(id)}#${name}`;
    }
    const join = value['Fn::Join'];
    if (join) return this.resolve(join[1]).join(join[0]);
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.resolve(each)]));
  }

  /** As CloudWatch knows it: `Ref` gives it for every type here but rules, whose `Ref` is `<bus>|<rule>`. */
  private nameOf(id: string): string {
    const { Type, Properties = {} } = this.resources[id];
    if (Type === 'AWS::Events::Rule') return `${Properties.EventBusName ? 'bus|' : ''}${Properties.Name}`;
    const key = Object.keys(Properties).find((name) => /^(\w+Name|Name)$/.test(name));
    return key && typeof Properties[key] === 'string' ? Properties[key] : id;
  }

  private alarm(properties: Json): Alarm {
    const queries: Json[] = properties.Metrics ?? [
      {
        Id: 'metric',
        MetricStat: { Metric: properties, Period: properties.Period, Stat: properties.Statistic },
      },
    ];
    const metrics = queries
      .filter((query) => query.MetricStat)
      .map(({ Id, MetricStat: { Metric: metric, Period, Stat } }): [string, Metric] => [
        Id,
        {
          namespace: metric.Namespace,
          name: metric.MetricName,
          dimensions: Object.fromEntries(metric.Dimensions.map((each: Json) => [each.Name, each.Value])),
          statistic: Stat,
          period: Period,
        },
      ]);
    const expressions = queries
      .filter((query) => query.Expression)
      .map((query) => [query.Id, query.Expression]);
    return {
      name: properties.AlarmName,
      properties,
      metrics: Object.fromEntries(metrics),
      expressions: Object.fromEntries(expressions),
    };
  }
}

const PSEUDO: Readonly<Record<string, string>> = {
  'AWS::AccountId': '123456789012',
  'AWS::Partition': 'aws',
  'AWS::Region': 'eu-west-1',
};

/** Names of the metrics of a namespace that have this dimension, and no alarm twice. */
function watched(namespace: string, dimension: string, value: string): string[] {
  return stack.metrics
    .filter((metric) => metric.namespace === namespace && metric.dimensions[dimension] === value)
    .map(({ name }) => name)
    .sort();
}

/** The dimensions that a metric of AWS needs, or there is no data under it. */
function expectedDimensions(metric: Metric): Record<string, string | undefined> {
  const { namespace, name, dimensions } = metric;
  switch (namespace) {
    case 'AWS/SQS':
      return { QueueName: dimensions.QueueName };
    case 'AWS/Lambda':
      return { FunctionName: dimensions.FunctionName };
    case 'AWS/Firehose':
      return { DeliveryStreamName: dimensions.DeliveryStreamName };
    case 'AWS/SNS':
      return { TopicName: dimensions.TopicName };
    case 'AWS/DynamoDB': {
      if (/SystemErrors|Latency/.test(name))
        return { TableName: dimensions.TableName, Operation: dimensions.Operation };
      const index = dimensions.GlobalSecondaryIndexName;
      return { TableName: dimensions.TableName, ...(index && { GlobalSecondaryIndexName: index }) };
    }
    case 'AWS/Events': {
      if (name.startsWith('PutEvents')) return {};
      if (!dimensions.RuleName) return { EventBusName: dimensions.EventBusName };
      const rule = stack.ofType('AWS::Events::Rule').find(({ Name }) => Name === dimensions.RuleName);
      return { ...(rule?.EventBusName && { EventBusName: rule.EventBusName }), RuleName: rule?.Name };
    }
    default:
      return { service: dimensions.service };
  }
}

/** Every name that a dimension may have. */
function namesOf(dimension: string): unknown[] {
  const names = (type: string, key: string) => stack.ofType(type).map((properties) => properties[key]);
  switch (dimension) {
    case 'QueueName':
      return names('AWS::SQS::Queue', 'QueueName');
    case 'FunctionName':
      return names('AWS::Lambda::Function', 'FunctionName');
    case 'RuleName':
      return names('AWS::Events::Rule', 'Name');
    case 'EventBusName':
      return names('AWS::Events::EventBus', 'Name');
    case 'TableName':
      return names('AWS::DynamoDB::Table', 'TableName');
    case 'GlobalSecondaryIndexName':
      return names('AWS::DynamoDB::Table', 'GlobalSecondaryIndexes').flatMap((indexes) =>
        (indexes ?? []).map((index: Json) => index.IndexName),
      );
    case 'DeliveryStreamName':
      return names('AWS::KinesisFirehose::DeliveryStream', 'DeliveryStreamName');
    case 'TopicName':
      return names('AWS::SNS::Topic', 'TopicName');
    case 'Operation':
      return tableActions();
    case 'service':
      return names('AWS::Lambda::Function', 'Environment').map(
        ({ Variables }) => Variables.POWERTOOLS_SERVICE_NAME,
      );
    default:
      return [];
  }
}

/** The operations that the functions' roles allow on the orders table or its index. */
function tableActions(): string[] {
  const statements = stack
    .ofType('AWS::IAM::Policy')
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
    .filter(({ Resource }) => JSON.stringify(Resource).includes('event-driven-orders#Arn'));
  const actions = statements.flatMap(({ Action }) => Action).map((action) => action.replace('dynamodb:', ''));
  return [...new Set(actions)].sort();
}

function expectToBePublished(metrics: readonly Metric[]): void {
  for (const metric of metrics) {
    expect({ name: metric.name, ...metric.dimensions }).toEqual({
      name: metric.name,
      ...expectedDimensions(metric),
    });
    for (const [dimension, value] of Object.entries(metric.dimensions)) {
      expect(namesOf(dimension)).toContain(value);
    }
  }
}

describe('alarms', () => {
  test('every one watches a metric that its resource publishes under exactly those dimensions', () => {
    expect(stack.metrics.length).toBeGreaterThan(40);
    expectToBePublished(stack.metrics);
  });

  test('every queue has one on its depth and one on its age', () => {
    const queues = stack.ofType('AWS::SQS::Queue');
    expect(queues.length).toBeGreaterThan(2);
    for (const { QueueName } of queues) {
      expect(watched('AWS/SQS', 'QueueName', QueueName)).toEqual([
        'ApproximateAgeOfOldestMessage',
        'ApproximateNumberOfMessagesVisible',
      ]);
    }
  });

  test('every rule, also the scheduled one, has them on what it could not deliver and what it lost', () => {
    const rules = stack.ofType('AWS::Events::Rule');
    expect(rules.length).toBeGreaterThan(4);
    for (const { Name } of rules) {
      expect(watched('AWS/Events', 'RuleName', Name)).toEqual([
        'FailedInvocations',
        'InvocationsFailedToBeSentToDlq',
        'InvocationsSentToDlq',
      ]);
      const short = Name.replace('event-driven-', '');
      expect(Object.keys(stack.alarmNamed(`${short}-undelivered`).metrics)).toEqual(['failed', 'sentToDlq']);
      expect(stack.alarmNamed(`${short}-lost`).metrics.metric?.name).toBe('InvocationsFailedToBeSentToDlq');
    }
  });

  test('every function has them on errors, throttles, duration, age, what it gave up and what it lost', () => {
    const functions = stack.ofType('AWS::Lambda::Function');
    expect(functions).not.toEqual([]);
    for (const { FunctionName, Timeout } of functions) {
      expect(watched('AWS/Lambda', 'FunctionName', FunctionName)).toEqual([
        'AsyncEventAge',
        'AsyncEventsDropped',
        'DestinationDeliveryFailures',
        'Duration',
        'Errors',
        'Throttles',
      ]);
      const short = FunctionName.replace('event-driven-', '');
      // 80% of the timeout and 25% of an hour, in milliseconds.
      expect(stack.alarmNamed(`${short}-duration`).properties).toMatchObject({
        Statistic: 'Maximum',
        Threshold: Timeout * 800,
      });
      expect(stack.alarmNamed(`${short}-event-age`).properties).toMatchObject({
        Statistic: 'Maximum',
        Threshold: 900_000,
      });
    }
  });

  test('the orders table has them on throttles of table and index, and on errors of each operation allowed', () => {
    const throttled = stack.alarmNamed('orders-throttled');
    expect(Object.values(throttled.metrics).map(({ name, dimensions }) => ({ name, ...dimensions }))).toEqual(
      [{}, { GlobalSecondaryIndexName: 'orders-by-day' }].flatMap((index) =>
        ['ReadThrottleEvents', 'WriteThrottleEvents'].map((name) => ({
          name,
          TableName: 'event-driven-orders',
          ...index,
        })),
      ),
    );
    const errors = Object.values(stack.alarmNamed('orders-errors').metrics);
    expect(errors.map(({ dimensions }) => dimensions.Operation).sort()).toEqual(tableActions());
  });

  test('the stream has them on age and success', () => {
    expect(watched('AWS/Firehose', 'DeliveryStreamName', 'event-driven-analytics')).toEqual([
      'DeliveryToS3.DataFreshness',
      'DeliveryToS3.Success',
    ]);
    expect(stack.alarmNamed('stream-failing').properties).toMatchObject({
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      EvaluationPeriods: 3,
    });
  });

  test('what a handler counts is watched under the namespace and dimension that it publishes', async () => {
    const [poison] = Object.values(stack.alarmNamed('poison-events').metrics);
    const { Variables } = stack
      .ofType('AWS::Lambda::Function')
      .map(({ Environment }) => Environment)
      .find(
        ({ Variables: { POWERTOOLS_SERVICE_NAME } }) =>
          POWERTOOLS_SERVICE_NAME === poison?.dimensions.service,
      );
    const poisoned = observed(() => Promise.reject(new PoisonEventError('app/Event', 'detail', 'is odd')));
    const { output } = await invoke(poisoned, {});
    const published = output.split('\n').find((line) => line.includes('_aws')) as string;

    const [{ Namespace, Dimensions, Metrics }] = JSON.parse(published)._aws.CloudWatchMetrics;
    expect(Namespace).toBe(process.env.POWERTOOLS_METRICS_NAMESPACE);
    expect(poison?.namespace).toBe(Variables.POWERTOOLS_METRICS_NAMESPACE);
    expect(Dimensions).toEqual([Object.keys(poison?.dimensions ?? {})]);
    expect(Metrics[0].Name).toBe(poison?.name);
  });

  test('no period without data is taken for a failure, or keeps an alarm of DynamoDB on', () => {
    for (const { name, properties, metrics, expressions } of stack.alarms) {
      const missing = name === 'event-driven-daily-report-missing' ? 'ignore' : 'notBreaching';
      expect([name, properties.TreatMissingData]).toEqual([name, missing]);
      for (const [id, { namespace }] of Object.entries(metrics)) {
        if (namespace === 'AWS/DynamoDB') expect(Object.values(expressions)[0]).toContain(`FILL(${id}, 0)`);
      }
    }
  });

  test('thresholds are what the configuration says', () => {
    const changed = new Stack(
      synthesize('production', {
        alarms: {
          queueDepth: 1,
          queueAge: 60,
          undelivered: 2,
          errors: 3,
          throttles: 4,
          durationPercent: 50,
          eventAgePercent: 10,
          dropped: 5,
          tableThrottles: 6,
          tableErrors: 7,
          streamAge: 8000,
          streamFailurePercent: 25,
          poisonEvents: 9,
        },
      }),
    );
    const names = [
      ...['dlq-depth', 'failed-events-age', 'daily-report-undelivered', 'daily-report-lost'],
      ...['errors', 'throttles', 'duration', 'event-age', 'dropped', 'lost'].map(
        (kind) => `notifier-${kind}`,
      ),
      ...['orders-throttled', 'orders-errors', 'stream-late', 'stream-failing', 'poison-events'],
    ];
    expect(names.map((name) => [name, changed.alarmNamed(name).properties.Threshold])).toEqual([
      ['dlq-depth', 1],
      ['failed-events-age', 60],
      ['daily-report-undelivered', 2],
      ['daily-report-lost', 0],
      ['notifier-errors', 3],
      ['notifier-throttles', 4],
      ['notifier-duration', 20_000],
      ['notifier-event-age', 360_000],
      ['notifier-dropped', 5],
      ['notifier-lost', 0],
      ['orders-throttled', 6],
      ['orders-errors', 7],
      ['stream-late', 8000],
      ['stream-failing', 0.75],
      ['poison-events', 9],
    ]);
  });
});

/**
 * The alarm of the missing report, evaluated as CloudWatch documents it: once a minute, on periods that end now
 * and slide; on more of them than asked for; the latest with a value decides; without any the state stays.
 */
describe('the daily report is missed', () => {
  const MINUTE = 60_000;
  const HOUR = 60 * MINUTE;
  const DAY = 24 * HOUR;
  const START = Date.parse('2026-01-15T00:00:00Z');
  const at = (day: number, time: string) => START + (day - 15) * DAY + Date.parse(`1970-01-01T${time}:05Z`);

  /** When the alarm changed its state, with reports published at these times. */
  function changes(reports: readonly number[], settings: object = {}, retrieved = 5): string[] {
    const alarm = new Stack(synthesize('production', settings)).alarmNamed('daily-report-missing');
    const { Threshold, ComparisonOperator, EvaluationPeriods } = alarm.properties;
    expect({ Threshold, ComparisonOperator, EvaluationPeriods }).toEqual({
      Threshold: 1,
      ComparisonOperator: 'LessThanThreshold',
      EvaluationPeriods: 1,
    });
    expect(alarm.metrics.published).toEqual({
      namespace: 'event-driven',
      name: METRICS.dailyReportsPublished,
      dimensions: { service: 'analytics' },
      statistic: 'Sum',
      period: HOUR / 1_000,
    });
    const [minuteId, minuteExpression] = Object.entries(alarm.expressions).find(([, text]) =>
      text.includes('MINUTE('),
    ) as [string, string];
    const [, expression] = Object.entries(alarm.expressions).find(([id]) => id !== minuteId) as [
      string,
      string,
    ];
    const minute = compile(minuteExpression, ['HOUR', 'MINUTE', 'published']);
    const value = compile(expression, ['IF', minuteId, 'published']);

    const evaluate = (start: number): number | undefined => {
      const inPeriod = reports.filter((report) => report >= start && report < start + HOUR).length;
      // A metric has no value, instead of 0, in a period without any.
      const published = inPeriod || undefined;
      const date = new Date(start);
      const minuteOfDay = minute(
        () => date.getUTCHours(),
        () => date.getUTCMinutes(),
        published,
      );
      return value(
        // 0 for a value that is not there if the condition holds, otherwise no value.
        (condition: boolean, result?: number) => (condition ? (result ?? 0) : undefined),
        minuteOfDay,
        published,
      );
    };

    const states: string[] = [];
    let state = 'INSUFFICIENT_DATA';
    for (let now = START; now < START + 4 * DAY; now += MINUTE) {
      const values = Array.from({ length: retrieved }, (_, back) => evaluate(now - (back + 1) * HOUR));
      const latest = values.find((each) => each !== undefined);
      const next = latest === undefined ? state : latest < Threshold ? 'ALARM' : 'OK';
      if (next !== state) states.push(`${new Date(now).toISOString().slice(8, 16)} ${next}`);
      state = next;
    }
    return states;
  }

  const compile = (expression: string, names: string[]): ((...values: unknown[]) => number | undefined) =>
    new Function(
      ...names,
      `return ${expression.replaceAll(' AND ', ' && ').replaceAll(' OR ', ' || ')}`,
    ) as never;

  const onTime = [15, 16, 17, 18].map((day) => at(day, '09:00'));

  test.each([1, 3, 5, 10])(
    'never, if it comes every day (CloudWatch looking back %s periods)',
    (retrieved) => {
      expect(changes(onTime, {}, retrieved)).toEqual(['15T09:01 OK']);
    },
  );

  test.each([1, 3, 5, 10])('at 09:30, until the next one comes (looking back %s periods)', (retrieved) => {
    const reports = onTime.filter((report) => report !== at(16, '09:00'));
    expect(changes(reports, {}, retrieved)).toEqual(['15T09:01 OK', '16T09:30 ALARM', '17T09:01 OK']);
  });

  test('at 09:30, until it comes late', () => {
    const reports = [at(15, '09:00'), at(16, '11:00'), at(17, '09:00'), at(18, '09:29')];
    expect(changes(reports)).toEqual(['15T09:01 OK', '16T09:30 ALARM', '16T11:01 OK']);
  });

  test('a late one, or one made by hand, does not hide that the next is missing', () => {
    const reports = [at(15, '09:00'), at(16, '23:00'), at(18, '09:00')];
    expect(changes(reports)).toEqual([
      '15T09:01 OK',
      '16T09:30 ALARM',
      '16T23:01 OK',
      '17T09:30 ALARM',
      '18T09:01 OK',
    ]);
  });

  test('also if there never was one', () => {
    expect(changes([])).toEqual(['15T09:30 ALARM']);
  });

  test.each([
    ['cron(15 6 * * ? *)', 45, '06:15', '07:00'],
    ['cron(10 0 * * ? *)', 30, '00:10', '00:40'],
    ['cron(50 23 ? * * *)', 20, '23:50', '00:10'],
  ])(
    'with the schedule %s, %s minutes after it',
    (dailyReportSchedule, dailyReportMinutes, fires, missed) => {
      const settings = { dailyReportSchedule, alarms: { dailyReportMinutes } };
      const day = fires > missed ? 17 : 16;
      const reports = [14, 15, 17, 18].map((each) => at(each, fires));
      expect(changes(reports, settings)).toContain(`${day}T${missed} ALARM`);
      expect(changes(reports, settings).filter((change) => change.endsWith('ALARM'))).toHaveLength(1);
      expect(
        new Stack(synthesize('production', settings)).alarmNamed('daily-report-missing').properties
          .AlarmDescription,
      ).toContain(`by ${missed} UTC`);
    },
  );

  test('never, if the configuration wants no such alarm', () => {
    const { alarms } = new Stack(synthesize('production', { alarms: { dailyReportMinutes: false } }));
    expect(alarms.map(({ name }) => name)).not.toContain('event-driven-daily-report-missing');
    expect(alarms.length).toBeGreaterThan(30);
  });
});

describe('the alarms topic', () => {
  test('gets every alarm, when it goes off and when it is over', () => {
    for (const { properties } of stack.alarms) {
      expect(properties.AlarmActions).toEqual(['event-driven-alarms']);
      expect(properties.OKActions).toEqual(['event-driven-alarms']);
    }
  });

  test('is encrypted with a key of its own that rotates, and that CloudWatch may use for alarms of this account', () => {
    const [topic] = stack
      .ofType('AWS::SNS::Topic')
      .filter(({ TopicName }) => TopicName === 'event-driven-alarms');
    const [key] = stack.ofType('AWS::KMS::Key');
    expect(topic.KmsMasterKeyId).toMatch(/^MonitoringKey\w*#Arn$/);
    expect(key.EnableKeyRotation).toBe(true);
    expect(key.KeyPolicy.Statement).toContainEqual({
      Sid: 'AllowAlarms',
      Effect: 'Allow',
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      Resource: '*',
      Condition: { StringEquals: { 'aws:SourceAccount': '123456789012' } },
    });
  });

  test('lets CloudWatch publish for alarms of this stack, and nobody without TLS', () => {
    const [policy] = stack
      .ofType('AWS::SNS::TopicPolicy')
      .filter(({ Topics }) => Topics.includes('event-driven-alarms'));
    expect(policy.PolicyDocument.Statement).toEqual([
      expect.objectContaining({
        Effect: 'Deny',
        Principal: '*',
        Action: 'sns:Publish',
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      }),
      {
        Sid: 'AllowAlarms',
        Effect: 'Allow',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: 'sns:Publish',
        Resource: 'event-driven-alarms',
        Condition: {
          StringEquals: { 'aws:SourceAccount': '123456789012' },
          ArnLike: { 'aws:SourceArn': 'arn:aws:cloudwatch:eu-west-1:123456789012:alarm:event-driven-*' },
        },
      },
    ]);
  });

  test('mails to the configured address, and to nobody without one', () => {
    const mailed = (settings: object) =>
      new Stack(synthesize('production', settings))
        .ofType('AWS::SNS::Subscription')
        .map(({ Protocol, Endpoint, TopicArn }) => [Protocol, Endpoint, TopicArn]);
    expect(mailed({})).toEqual([]);
    expect(mailed({ alarmEmail: 'ops@example.com' })).toEqual([
      ['email', 'ops@example.com', 'event-driven-alarms'],
    ]);
  });
});

describe('the runbook', () => {
  const entries = [...RUNBOOK.matchAll(/^## ([a-z-]+)$/gm)].map(([, heading]) => heading);
  const LINK = /^(\S.*\.) What to do: docs\/runbook\.md#([a-z-]+)$/;

  test('every alarm says what happened, in a sentence, and where its entry is', () => {
    for (const { name, properties } of stack.alarms) {
      const [, says = '', entry] = LINK.exec(properties.AlarmDescription) ?? [];
      expect([name, entries.includes(entry ?? '')]).toEqual([name, true]);
      expect(says.split(' ').length).toBeGreaterThan(7);
      expect(says).not.toMatch(/undefined|NaN|\$\{|Token/);
      expect(properties.AlarmDescription.length).toBeLessThan(1_024);
    }
    expect(new Set(stack.alarms.map(({ properties }) => properties.AlarmDescription)).size).toBe(
      stack.alarms.length,
    );
  });

  test('every entry belongs to an alarm, once', () => {
    const linked = stack.alarms.map(({ properties }) => LINK.exec(properties.AlarmDescription)?.[2]);
    expect([...entries].sort()).toEqual([...new Set(linked)].sort());
  });

  test('every entry says what it means, what to look at first, how to mend it, and when it is over', () => {
    const texts = RUNBOOK.split(/^## /m).filter((text) => entries.includes(text.split('\n')[0]));
    expect(texts).toHaveLength(entries.length);
    for (const text of texts) {
      const parts = [...text.matchAll(/^\*\*(What it means|Look first, mend|Look first|Mend|Over when)\b/gm)];
      expect(
        parts
          .map(([, part]) => part)
          .join(', ')
          .toLowerCase(),
      ).toBe('what it means, look first, mend, over when');
    }
  });

  test('every rule and function is in the table of who is affected, and every link leads somewhere', () => {
    const table = /## Who is affected\n(.*?)\n## /s.exec(RUNBOOK)?.[1] ?? '';
    for (const name of [...namesOf('RuleName'), ...namesOf('FunctionName')]) {
      expect(table).toContain(`\`${String(name).replace('event-driven-', '')}\``);
    }
    const anchors = [...RUNBOOK.matchAll(/^## (.+)$/gm)].map(([, heading = '']) =>
      heading.toLowerCase().replaceAll(' ', '-'),
    );
    for (const [, anchor] of RUNBOOK.matchAll(/\]\(#([^)]*)\)/g)) expect(anchors).toContain(anchor);
  });

  test('what it names exists: resources of the stack, commands of the tool', () => {
    const names = JSON.stringify([...Object.values(stack.resources), ...stack.alarms]);
    const named = [...RUNBOOK.matchAll(/event-driven-[a-z]+(?:-[a-z]+)*/g)].map(([name]) => name);
    const unknown = named.filter((name) => !names.includes(name) && name !== 'event-driven-dev');
    expect(unknown).toEqual([]);
    const commands = [...RUNBOOK.matchAll(/npm run ops -- (\w+)/g)].map(([, command]) => command);
    const known = opsCommand(APP, STAGES).commands.map((command) => command.name());
    expect(known).toEqual(expect.arrayContaining(commands));
  });

  test('alarms link to wherever the configuration says it is', () => {
    const { alarms } = new Stack(
      synthesize('production', { runbookUrl: 'https://wiki.example.com/runbook' }),
    );
    expect(alarms[0]?.properties.AlarmDescription).toMatch(
      /https:\/\/wiki\.example\.com\/runbook#dlq-depth$/,
    );
  });
});

describe('the dashboard', () => {
  /** Metrics of a widget, with CloudWatch's `.` for "as above" not used by CDK. */
  const metricsOf = (widget: Json): Metric[] =>
    (widget.properties.metrics ?? []).map((row: Json[]) => {
      const [namespace, name, ...rest] = row;
      const options = rest.pop();
      const dimensions: Record<string, string> = {};
      for (let index = 0; index < rest.length; index += 2) dimensions[rest[index]] = rest[index + 1];
      return { namespace, name, dimensions, statistic: options.stat, period: options.period };
    });

  test('has a name of its own in every region', () => {
    expect(stack.ofType('AWS::CloudWatch::Dashboard').map(({ DashboardName }) => DashboardName)).toEqual([
      'event-driven-eu-west-1',
    ]);
  });

  test('reads from top to bottom as an event goes, after the state of all alarms', () => {
    const { widgets } = stack.dashboard;
    expect(widgets[0]).toMatchObject({ type: 'alarm', y: 0 });
    expect(widgets[0].properties.alarms).toHaveLength(stack.alarms.length);
    const headings = widgets.filter((widget: Json) => widget.type === 'text');
    const titles = headings.map((widget: Json) => widget.properties.markdown.split('\n')[0]);
    expect(titles).toEqual([
      '## 1. Published',
      '## 2. Matched',
      '## 3. Delivered',
      '## 4. Handled',
      '## 5. Stored and sent',
      '## 6. Waiting for an operator',
      '## 7. Business',
    ]);
    const tops: number[] = headings.map((widget: Json) => widget.y);
    expect(tops).toEqual([...tops].sort((a, b) => a - b));
  });

  test('fills every row, and shows nothing but what is published', () => {
    const { widgets } = stack.dashboard;
    const widths = new Map<number, number>();
    for (const { y, width } of widgets) widths.set(y, (widths.get(y) ?? 0) + width);
    expect([...new Set(widths.values())]).toEqual([24]);
    const metrics = widgets.flatMap(metricsOf);
    expect(metrics.length).toBeGreaterThan(60);
    expectToBePublished(metrics);
  });

  test('shows everything that alarms watch and that handlers count, and percentiles of every duration', () => {
    const shown: Metric[] = stack.dashboard.widgets.flatMap(metricsOf);
    const key = ({ namespace, name, dimensions }: Metric) => JSON.stringify([namespace, name, dimensions]);
    const keys = new Set(shown.map(key));
    expect(stack.metrics.map(key).filter((each) => !keys.has(each))).toEqual([]);
    const counted = new Set(
      shown.filter(({ namespace }) => namespace === 'event-driven').map(({ name }) => name),
    );
    expect([...counted].sort()).toEqual(Object.values(METRICS).sort());
    for (const FunctionName of namesOf('FunctionName')) {
      const durations = shown.filter(
        ({ name, dimensions }) => name === 'Duration' && dimensions.FunctionName === FunctionName,
      );
      expect(durations.map(({ statistic }) => statistic)).toEqual(['p50', 'p95', 'p99']);
    }
  });
});

describe('the saved log queries', () => {
  test('are one for an order, one for a correlation id, one for failures, over all functions', () => {
    const queries = stack.ofType('AWS::Logs::QueryDefinition');
    expect(queries.map(({ Name }) => Name).sort()).toEqual([
      'event-driven/correlation-id',
      'event-driven/failures',
      'event-driven/order',
    ]);
    const groups = namesOf('FunctionName').map((name) => `/aws/lambda/${name}`);
    for (const { LogGroupNames } of queries) expect(LogGroupNames).toEqual(expect.arrayContaining(groups));
  });

  test('ask for fields that are in the lines of the handlers, of Lambda or of Firehose', async () => {
    const event = { id: 'e', 'detail-type': 'OrderCreated', detail: { orderId: 'o' } };
    const done = await invoke(
      observed(async () => ({ outcome: 'stored', response: 1 })),
      event,
    );
    const failed = await invoke(
      observed(() => Promise.reject(new Error('no'))),
      event,
    );
    const logged = [...done.lines, ...failed.lines].flatMap((line) => Object.keys(line));
    const ofLambda = ['type', 'record.status', 'record.errorType'];
    const ofFirehose = ['errorCode', 'message'];
    const fields = new Set([...logged, ...ofLambda, ...ofFirehose, '@timestamp', '@log']);
    const LANGUAGE =
      /^(fields|filter|stats|sort|limit|as|by|or|and|in|like|asc|desc|coalesce|count|count_distinct|ispresent|min|max|latest|\d+)$/;

    for (const { QueryString } of stack.ofType('AWS::Logs::QueryDefinition')) {
      const query = QueryString.replace(/^#.*$/gm, '').replace(/"[^"]*"|\/[^/]*\//g, '');
      const aliases = [...query.matchAll(/ as (\w+)/g)].map(([, alias]) => alias);
      const words: string[] = query.match(/[@\w][\w.]*/g) ?? [];
      const unknown = words.filter(
        (word) => !LANGUAGE.test(word) && !aliases.includes(word) && !fields.has(word),
      );
      expect(unknown).toEqual([]);
    }
  });

  test('find the lines that handlers write of a failure', async () => {
    const { lines } = await invoke(
      observed(() => Promise.reject(new Error('no'))),
      {},
    );
    const poison = await invoke(
      observed(() => Promise.reject(new PoisonEventError('app/Event', 'detail', 'is odd'))),
      {},
    );
    const [{ QueryString }] = stack
      .ofType('AWS::Logs::QueryDefinition')
      .filter(({ Name }) => Name === 'event-driven/failures');
    const outcomes = JSON.parse(/outcome in (\[[^\]]*\])/.exec(QueryString)?.[1] ?? '[]');
    expect([lines[0]?.outcome, poison.lines[0]?.outcome]).toEqual(outcomes);
  });
});
