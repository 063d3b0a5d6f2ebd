import '../lambdas/environment';
import { readFileSync } from 'node:fs';
import { App, Stack as CdkStack, Duration } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { APP } from '../../bin/app-description';
import { STAGES } from '../../bin/stages';
import { PoisonEventError } from '../../lambdas/contract';
import { METRICS } from '../../lambdas/metrics';
import { observed } from '../../lambdas/telemetry';
import { AnalyticsStream } from '../../lib/analytics-stream';
import { ConfigError, parseStage } from '../../lib/config';
import { DeadLetterQueue } from '../../lib/dead-letter-queue';
import { EventBus } from '../../lib/event-bus';
import { EventHandler } from '../../lib/event-handler';
import { Monitoring } from '../../lib/monitoring';
import { parseQuery } from '../../tools/local/services/insights-query';
import { opsCommand } from '../../tools/ops/cli';
import { invoke } from '../lambdas/invocation';
import { documentedProject, sections, templateOf } from '../targets/documented-project';
import { type Json, type Metric, Stack } from './resolved-stack';
import { synthesize } from './synthesize';

/** Settings with which the stack has all of its queues and alarms. */
const EVERYTHING = {
  alarmEmail: 'ops@example.com',
  notificationEmail: 'shop@example.com',
  alarms: { trafficFloor: 10 },
  serviceEvents: { uploads: { source: ['aws.s3'] } },
  orderReminderDays: 3,
};

const RUNBOOK = readFileSync('docs/runbook.md', 'utf8');

let stack: Stack;
beforeAll(() => {
  stack = new Stack(synthesize('production', EVERYTHING));
});

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
    case 'AWS/Scheduler':
      return { ScheduleGroup: dimensions.ScheduleGroup };
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
    default: {
      const { eventType } = dimensions;
      return { service: dimensions.service, ...(eventType && { eventType }) };
    }
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
    case 'ScheduleGroup':
      return names('AWS::Scheduler::ScheduleGroup', 'Name');
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
      return namesOf('TableName').flatMap((table) => tableActions(String(table)));
    case 'service':
      return names('AWS::Lambda::Function', 'Environment').map(
        ({ Variables }) => Variables.POWERTOOLS_SERVICE_NAME,
      );
    case 'eventType':
      return names('AWS::Events::Rule', 'EventPattern').flatMap(
        (pattern: Json) => pattern?.['detail-type'] ?? [],
      );
    default:
      return [];
  }
}

/** The operations that the functions' roles allow on a table or its indexes. */
function tableActions(table: string): string[] {
  const statements = stack
    .ofType('AWS::IAM::Policy')
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
    .filter(({ Resource }) => JSON.stringify(Resource).includes(`${table}#Arn`));
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
      expect(watched('AWS/Events', 'RuleName', Name)).toEqual(
        expect.arrayContaining([
          'FailedInvocations',
          'InvocationsFailedToBeSentToDlq',
          'InvocationsSentToDlq',
        ]),
      );
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

  test('every table has them on throttles of table and indexes, and on errors of each operation that a role allows', () => {
    const tables = stack.ofType('AWS::DynamoDB::Table');
    expect(tables.length).toBeGreaterThan(1);
    for (const { TableName, GlobalSecondaryIndexes = [] } of tables) {
      const name = TableName.replace('event-driven-', '');
      const throttled = Object.values(stack.alarmNamed(`${name}-throttled`).metrics);
      expect(throttled.map(({ name: metric, dimensions }) => ({ metric, ...dimensions }))).toEqual(
        [
          {},
          ...GlobalSecondaryIndexes.map(({ IndexName }: Json) => ({ GlobalSecondaryIndexName: IndexName })),
        ].flatMap((index) =>
          ['ReadThrottleEvents', 'WriteThrottleEvents'].map((metric) => ({ metric, TableName, ...index })),
        ),
      );
      const errors = Object.values(stack.alarmNamed(`${name}-errors`).metrics);
      expect(errors.map(({ dimensions }) => dimensions.Operation).sort()).toEqual(tableActions(TableName));
    }
  });

  test('every topic has one on what could not be delivered', () => {
    for (const { TopicName } of stack.ofType('AWS::SNS::Topic')) {
      expect(watched('AWS/SNS', 'TopicName', TopicName)).toEqual(['NumberOfNotificationsFailed']);
    }
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
    const [poison] = Object.values(stack.alarmNamed('order-processor-poison').metrics);
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
      const missing =
        { 'event-driven-daily-report-missing': 'ignore', 'event-driven-daily-report-uncalled': 'missing' }[
          name
        ] ?? 'notBreaching';
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
      ...['orders-throttled', 'orders-errors', 'stream-late', 'stream-failing', 'notifier-poison'],
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
      ['notifier-poison', 9],
    ]);
  });
});

describe('the alarms topic', () => {
  test('every alarm tells somebody: by itself, or by a cause that names it', () => {
    const named = stack.composites.map(({ AlarmRule }) => AlarmRule).join(' ');
    for (const { name, properties } of stack.alarms) {
      const { AlarmActions = [], InsufficientDataActions = [] } = properties;
      const tells =
        AlarmActions.length + InsufficientDataActions.length > 0 || named.includes(`"${name}#Arn"`);
      expect([name, tells]).toEqual([name, true]);
    }
  });

  test('no alarm tells when it becomes OK, as a new one does by itself: a rule tells of those that were told', () => {
    for (const { OKActions } of [...stack.composites, ...stack.alarms.map(({ properties }) => properties)]) {
      expect(OKActions).toBeUndefined();
    }
    const rules = stack
      .ofType('AWS::Events::Rule')
      .filter(({ EventPattern }) => EventPattern?.source?.includes('aws.cloudwatch'));
    const recovering = rules.flatMap(({ EventPattern }) => EventPattern.detail.alarmName);
    const telling = [...stack.composites, ...stack.alarms.map(({ properties }) => properties)]
      .filter(
        ({ AlarmActions = [], InsufficientDataActions = [] }) =>
          AlarmActions.length + InsufficientDataActions.length > 0,
      )
      .map(({ AlarmName }) => AlarmName);
    expect(recovering.sort()).toEqual(telling.sort());
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
      Principal: { Service: ['cloudwatch.amazonaws.com', 'events.amazonaws.com'] },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      Resource: '*',
      Condition: { StringEquals: { 'aws:SourceAccount': '123456789012' } },
    });
  });

  test.each(['alarms', 'tickets'])(
    '%s lets exactly its own alarms publish, the rule of their recoveries, and nobody without TLS',
    (name) => {
      const topic = `event-driven-${name}`;
      const [policy] = stack.ofType('AWS::SNS::TopicPolicy').filter(({ Topics }) => Topics.includes(topic));
      const telling = [...stack.composites, ...stack.alarms.map(({ properties }) => properties)]
        .filter(({ AlarmActions = [], InsufficientDataActions = [] }) =>
          [...AlarmActions, ...InsufficientDataActions].includes(topic),
        )
        .map(({ AlarmName }) => `arn:aws:cloudwatch:eu-west-1:123456789012:alarm:${AlarmName}`);
      expect(telling.length).toBeGreaterThan(2);
      const [tls, alarms, rule, ...others] = policy.PolicyDocument.Statement;
      expect(others).toEqual([]);
      expect(tls).toMatchObject({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } });
      expect(alarms).toMatchObject({
        Effect: 'Allow',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: 'sns:Publish',
        Resource: topic,
        Condition: { StringEquals: { 'aws:SourceAccount': '123456789012' } },
      });
      expect(alarms.Condition.ArnEquals['aws:SourceArn'].sort()).toEqual(telling.sort());
      expect(rule).toMatchObject({
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: 'sns:Publish',
        Condition: { ArnEquals: { 'aws:SourceArn': expect.stringMatching(/-over#Arn$/) } },
      });
    },
  );

  test('mails to the configured address, and to nobody without one', () => {
    const mailed = (settings: object) =>
      new Stack(synthesize('production', settings))
        .ofType('AWS::SNS::Subscription')
        .map(({ Protocol, Endpoint, TopicArn }) => [Protocol, Endpoint, TopicArn]);
    expect(mailed({})).toEqual([]);
    expect(mailed({ alarmEmail: 'ops@example.com' })).toEqual([
      ['email', 'ops@example.com', 'event-driven-alarms'],
      ['email', 'ops@example.com', 'event-driven-tickets'],
    ]);
    expect(mailed({ alarmEmail: 'ops@example.com', ticketEmail: 'dev@example.com' })).toEqual([
      ['email', 'ops@example.com', 'event-driven-alarms'],
      ['email', 'dev@example.com', 'event-driven-tickets'],
    ]);
  });
});

describe('the runbook', () => {
  /** Stack with what the first one has not. */
  let another: Stack;
  const entries = [...RUNBOOK.matchAll(/^## ([a-z-]+)$/gm)].map(([, heading]) => heading);
  /** The stack with every target of `docs/targets.md`. */
  let withTargets: Stack;
  beforeAll(() => {
    withTargets = new Stack(templateOf(documentedProject(sections())));
    const outboxes = { shipping: 'OrderStatusChanged' };
    another = new Stack(
      synthesize('production', { dailyReportScheduler: {}, customerManagedKey: true, outboxes }),
    );
  });
  const alarmsOf = ({ alarms, composites }: Stack) => [
    ...alarms.map(({ name, properties }) => ({ name, properties })),
    ...composites.map((properties) => ({ name: properties.AlarmName, properties })),
  ];
  /** All alarms, composite ones too, of a stack with every alarm that there is. */
  const described = () => {
    const known = alarmsOf(stack);
    const others = alarmsOf(withTargets).filter(({ name }) => known.every((each) => each.name !== name));
    return [...known, ...others];
  };
  const LINK = /^(\S.*\.) What to do: docs\/runbook\.md#([a-z-]+)$/;

  test('every alarm says what happened, in a sentence, and where its entry is', () => {
    for (const { name, properties } of described()) {
      const [, says = '', entry] = LINK.exec(properties.AlarmDescription) ?? [];
      expect([name, entries.includes(entry ?? '')]).toEqual([name, true]);
      expect(says.split(' ').length).toBeGreaterThan(7);
      expect(says).not.toMatch(/undefined|NaN|\$\{|Token/);
      expect(properties.AlarmDescription.length).toBeLessThan(1_024);
    }
    expect(new Set(described().map(({ properties }) => properties.AlarmDescription)).size).toBe(
      described().length,
    );
  });

  test('every entry belongs to an alarm, once', () => {
    const others = [...another.alarms, ...another.composites.map((properties) => ({ properties }))];
    const linked = [...described(), ...others].map(
      ({ properties }) => LINK.exec(properties.AlarmDescription)?.[2],
    );
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
    const names = JSON.stringify([stack, another].map(({ resources, alarms }) => [resources, alarms]));
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
    for (const { properties } of alarms) {
      expect(properties.AlarmDescription).toMatch(/ https:\/\/wiki\.example\.com\/runbook#[a-z-]+$/);
    }
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
    expect(widgets[0].properties.alarms).toHaveLength(stack.alarms.length + stack.composites.length);
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
    const detail = { orderId: 'o', metadata: { correlationId: 'c' } };
    const event = { id: 'e', 'detail-type': 'OrderCreated', detail };
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

  test('find, run over the lines of handlers, an order, what one request caused, and failures by reason', async () => {
    const event = (orderId: string, correlationId: string) => ({
      ...{ id: `event-of-${orderId}`, 'detail-type': 'OrderCreated', source: 'app.orders' },
      detail: { orderId, metadata: { eventId: `event-of-${orderId}`, correlationId } },
    });
    const stored = observed(async () => ({ outcome: 'stored', response: 1 }));
    const broken = observed(() => Promise.reject(new Error('no table')));
    const runs = [
      await invoke(stored, event('order-1001', 'request-1001')),
      await invoke(stored, event('order-1002', 'request-1001')),
      // The first of its correlation.
      await invoke(stored, event('order-1004', 'event-of-order-1004')),
      await invoke(broken, event('order-1003', 'request-2')),
      await invoke(broken, event('order-1003', 'request-2')),
    ];
    const rows = runs.flatMap(({ lines }, at) =>
      lines.map((line, i) => ({
        '@timestamp': Date.UTC(2026, 0, 15, 10, at),
        '@message': JSON.stringify(line),
        '@log': '000000000000:/aws/lambda/f',
        '@ptr': `${at}-${i}`,
        ...(line as Record<string, string | number>),
      })),
    );
    const run = (name: string, id = '') => {
      const [query] = stack
        .ofType('AWS::Logs::QueryDefinition')
        .filter(({ Name }) => Name === `event-driven/${name}`);
      const text = query?.QueryString as string;
      return parseQuery(id ? text.replace('request-1001"', `${id}"`) : text).run(rows, 1_000).rows;
    };
    expect(run('order')).toMatchObject([
      { event: 'OrderCreated', outcome: 'stored', eventId: 'event-of-order-1001' },
    ]);
    expect(run('correlation-id').map(({ orderId }) => orderId)).toEqual(['order-1001', 'order-1002']);
    expect(run('correlation-id', 'event-of-order-1004').map(({ orderId }) => orderId)).toEqual([
      'order-1004',
    ]);
    expect(run('failures')).toMatchObject([
      {
        failure: 'failed',
        kind: 'Error',
        why: 'no table',
        calls: '2',
        events: '1',
        sampleEventId: 'event-of-order-1003',
      },
    ]);
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

describe('a stack that has grown', () => {
  /** The longest prefix of names that a stage can have. */
  const config = parseStage('a-stage-of-15-c', { projectName: 'a-name-of-24-characters-' });

  const cdkStack = new CdkStack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'many');
  const bus = new EventBus(cdkStack, 'Bus', config);
  const queue = { config, name: 'failed-events', holds: 'Events', runbookEntry: 'failed-events-depth' };
  const handler = new EventHandler(cdkStack, 'Notifier', {
    entry: 'notifier',
    counts: [METRICS.eventsReceived],
    timeout: Duration.seconds(30),
    failedEvents: new DeadLetterQueue(cdkStack, 'FailedEvents', queue),
    config,
  });

  let grown: Stack;
  beforeAll(() => {
    for (let index = 0; index < 40; index++) {
      const pattern = { source: ['app.many'], 'detail-type': [`Type${index}`] };
      bus.subscribe(`something-happened-${index}`, { pattern }, handler, {
        targetId: 'T',
        description: 'It',
      });
    }
    const analyticsStream = new AnalyticsStream(cdkStack, 'Stream', config);
    new Monitoring(cdkStack, 'Monitoring', { config, bus, analyticsStream });
    grown = new Stack(Template.fromStack(cdkStack));
  });

  const patternOf = ({ EventPattern: pattern }: Json): Json => pattern;

  test('whoever was told of an alarm hears when it is over, by one of rules whose patterns are short enough', () => {
    const told = [...grown.alarms.map(({ properties }) => properties), ...grown.composites]
      .filter(({ AlarmActions, InsufficientDataActions }) => AlarmActions ?? InsufficientDataActions)
      .map(({ AlarmName }) => AlarmName);
    const rules = grown
      .ofType('AWS::Events::Rule')
      .filter((rule) => patternOf(rule).source.includes('aws.cloudwatch'));
    const heard: string[] = rules.flatMap((rule) => patternOf(rule).detail.alarmName);
    expect(heard.sort()).toEqual(told.sort());
    expect(rules.length).toBeGreaterThan(2);
    for (const rule of rules) {
      expect(JSON.stringify(patternOf(rule)).length).toBeLessThanOrEqual(2_048);
      const lost = grown.metrics.filter(({ dimensions }) => dimensions.RuleName === rule.Name);
      expect(lost.map(({ name }) => name)).toContain('InvocationsFailedToBeSentToDlq');
    }
  });

  test('every symptom is in a composite alarm of at most 100 alarms and 10,240 characters', () => {
    const named = grown.composites.flatMap(({ AlarmRule: rule }) => {
      const names = [...rule.matchAll(/ALARM\("([^"#]+)#Arn"\)/g)].map(([, name]) => name);
      expect(names.length).toBeLessThanOrEqual(100);
      const arn = 'arn:aws-us-gov:cloudwatch:us-gov-west-1:111122223333:alarm:';
      const whole = names.map((name) => `ALARM("${arn}${name}")`).join(' OR ');
      expect(`(${whole})`.length).toBeLessThanOrEqual(10_240);
      return names;
    });
    const undelivered = grown.alarms.filter(({ name }) => /something-happened-\d+-undelivered$/.test(name));
    expect(undelivered).toHaveLength(40);
    for (const { name } of undelivered) expect(named.filter((each) => each === name)).toHaveLength(1);
  });

  test('a pattern that EventBridge would refuse is refused with the name of its rule', () => {
    const subscribe = (pattern: object) =>
      bus.subscribe('refused', { pattern }, handler, { targetId: 'T', description: 'It' });
    expect(() => subscribe({ source: ['x'.repeat(2_048)] })).toThrow(ConfigError);
    expect(() => subscribe({ source: ['x'.repeat(2_048)] })).toThrow(
      'Rule refused: The event pattern has 2063 characters, more than the 2048 that a rule may have.',
    );
    expect(() => subscribe({ source: 'app.many' })).toThrow('Rule refused: Event pattern is not valid.');
  });
});
