import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { APP } from '../../../../bin/app-description';
import { UNDESCRIBED } from '../../../../tools/app';
import { costCommand } from '../../../../tools/proof/cost/command';
import { type Bill, costOf } from '../../../../tools/proof/cost/cost';
import { costText } from '../../../../tools/proof/cost/cost-report';
import { parseMix } from '../../../../tools/proof/cost/event-mix';
import type { CallMeasurement, MeasuredWrite, Measurement } from '../../../../tools/proof/cost/measurement';
import priceTable from '../../../../tools/proof/cost/prices.json';
import { savingsOf } from '../../../../tools/proof/cost/savings';
import type { Assumptions } from '../../../../tools/proof/cost/usage';
import { runInProcess } from '../../../in-process';
import { synthesize } from '../../../lib/synthesize';
import { assemblyOf, writeAssembly } from '../assembly';

// biome-ignore lint/suspicious/noExplicitAny: templates have no static type
type Json = any;

const MEASUREMENTS = 'samples/measurements.json';
const MILLION = 1_000_000;
const GB = 2 ** 30;

const nothing: CallMeasurement = {
  durationMs: 10,
  lines: [],
  metrics: [],
  writes: [],
  messages: [],
  records: [],
  published: 0,
  calls: {},
};
const order: MeasuredWrite = {
  table: 'TABLE_NAME',
  isNew: true,
  attributes: { orderId: 20, dayShard: 20, status: 10, total: 10, items: 440 },
  changed: ['orderId', 'dayShard', 'status', 'total', 'items'],
};
const notified: MeasuredWrite = {
  table: 'IDEMPOTENCY_TABLE_NAME',
  isNew: true,
  attributes: { id: 100 },
  changed: ['id'],
};

/** Round figures, so that a bill can be worked out by hand. */
const measurement: Measurement = {
  date: '2026-01-15',
  machine: 'a machine',
  rounds: 1,
  compression: 0.1,
  functions: {
    'order-processor': {
      initMs: 100,
      systemLines: { 'JSON WARN': 0, 'JSON INFO': 400, Text: 300 },
      events: {
        OrderCreated: {
          ...nothing,
          lines: [{ level: 'INFO', bytes: 500, metricBytes: 200 }],
          metrics: ['OrdersProcessed'],
          writes: [order],
        },
        OrderStatusChanged: {
          ...nothing,
          lines: [{ level: 'INFO', bytes: 300 }],
          writes: [{ ...order, isNew: false, changed: ['status'] }],
        },
      },
    },
    notifier: {
      initMs: 100,
      systemLines: { 'JSON WARN': 0, 'JSON INFO': 400, Text: 300 },
      events: {
        OrderStatusChanged: {
          ...nothing,
          writes: [
            { ...notified, livesDays: 15 },
            { ...notified, isNew: false, changed: ['status'] },
          ],
          messages: [200],
        },
      },
    },
    analytics: {
      initMs: 100,
      systemLines: { 'JSON WARN': 0, 'JSON INFO': 400, Text: 300 },
      events: {
        OrderCreated: { ...nothing, records: [300] },
        OrderStatusChanged: { ...nothing, records: [300] },
        DailyReportGenerated: { ...nothing, records: [300] },
        'Scheduled Event': { ...nothing, metrics: ['DailyReportsPublished'], published: 1 },
      },
    },
  },
};

const assumptions: Assumptions = {
  mix: parseMix(APP.mix ?? '', APP.contracts),
  months: 1,
  slowdown: 1,
  coldStarts: 0,
  failures: 0,
};
const template = synthesize('production', { tracingPercent: 5 }).toJSON();

interface Given {
  readonly change?: (copy: Json) => void;
  readonly measured?: Measurement;
  readonly events?: number;
  readonly assumed?: Partial<Assumptions>;
}

function costWith({ change = () => {}, measured = measurement, events = MILLION, assumed = {} }: Given = {}) {
  const copy = structuredClone(template);
  change(copy);
  return costOf(assemblyOf(copy), APP, measured, [events], { ...assumptions, ...assumed });
}
const billWith = (given?: Given) => costWith(given).bills[0] as Bill;
const usd = ({ items }: Bill, name: string) => items.find((each) => each.name === name)?.usd ?? 0;
const quantity = ({ items }: Bill, name: string) => items.find((each) => each.name === name)?.quantity ?? 0;
const resourcesOf = (copy: Json, type: string): Json[] =>
  Object.values<Json>(copy.Resources).filter(({ Type }) => Type === type);

/** Memory of a function of the template, in GB. */
function gigabytesOf(entry: string): number {
  const functions = resourcesOf(template, 'AWS::Lambda::Function').map(({ Properties }) => Properties);
  return functions.find(({ FunctionName }) => FunctionName === `event-driven-${entry}`).MemorySize / 1024;
}
/** The measurement with another call of a handler. */
const withCall = (service: string, detailType: string, call: Partial<CallMeasurement>): Measurement => {
  const changed = structuredClone(measurement) as Json;
  Object.assign(changed.functions[service].events[detailType], call);
  return changed;
};

describe('a table of the class for infrequent access', () => {
  const infrequent = (copy: Json) => {
    for (const { Properties } of resourcesOf(copy, 'AWS::DynamoDB::Table'))
      if (/-orders$/.test(Properties.TableName)) Properties.TableClass = 'STANDARD_INFREQUENT_ACCESS';
  };

  test('takes the same, at prices of its own, on demand', () => {
    const [before, after] = [billWith(), billWith({ change: infrequent })];
    for (const name of ['writes', 'writes to indexes', 'reads', 'storage'].map(
      (each) => `DynamoDB: ${each}`,
    )) {
      const all = quantity(after, name) + quantity(after, `${name}, infrequent access`);
      expect(all).toBeCloseTo(quantity(before, name), 6);
      expect(quantity(after, `${name}, infrequent access`)).toBeGreaterThan(0);
    }
  });

  test('and by the hour', () => {
    const change = (copy: Json) => {
      infrequent(copy);
      for (const { Properties } of resourcesOf(copy, 'AWS::DynamoDB::Table')) {
        Properties.BillingMode = 'PROVISIONED';
        Properties.ProvisionedThroughput = { ReadCapacityUnits: 1, WriteCapacityUnits: 2 };
      }
    };
    const bill = billWith({ change });
    const hours = 30 * 24;
    // Two tables of the class Standard; the third one's index has no capacity here.
    expect(quantity(bill, 'DynamoDB: capacity for writes')).toBe(2 * 2 * hours);
    expect(quantity(bill, 'DynamoDB: capacity for writes, infrequent access')).toBe(2 * hours);
    expect(quantity(bill, 'DynamoDB: capacity for reads, infrequent access')).toBe(hours);
  });
});

test('an item is stored with what its changes add, by the share of items that are changed', () => {
  const grown = {
    ...order,
    isNew: false,
    changed: ['status'],
    attributes: { ...order.attributes, items: 940 },
  };
  const measured = withCall('order-processor', 'OrderStatusChanged', { writes: [grown] });
  const stored = (mix: string) => {
    const assumed = { mix: parseMix(mix, APP.contracts) };
    const of = (given: Given) => quantity(billWith({ ...given, assumed }), 'DynamoDB: storage');
    return ((of({ measured }) - of({})) * GB) / MILLION;
  };
  const changed = 'OrderStatusChanged status=CONFIRMED';
  expect(stored(`1 OrderCreated, 1 ${changed}`)).toBeCloseTo(500 / 2, 6);
  expect(stored(`1 OrderCreated, 3 ${changed}`)).toBeCloseTo(500 / 4, 6);
  expect(stored(`4 OrderCreated, 1 ${changed}`)).toBeCloseTo(500 / 5, 6);
  expect(stored('1 OrderCreated')).toBe(0);
});

describe('reads of single items', () => {
  const measured = withCall('notifier', 'OrderStatusChanged', { calls: { GetItem: 2, PutItem: 1 } });

  test('are a unit each on demand, beside those of the report', () => {
    const more =
      quantity(billWith({ measured }), 'DynamoDB: reads') - quantity(billWith(), 'DynamoDB: reads');
    expect(more).toBeCloseTo(MILLION, 6);
  });

  test('are spread over the tables that the function may read: half of them need capacity, if one has it', () => {
    const change = (copy: Json) => {
      for (const { Properties } of resourcesOf(copy, 'AWS::DynamoDB::Table'))
        if (/-orders$/.test(Properties.TableName)) Properties.BillingMode = 'PROVISIONED';
    };
    const more = (name: string) =>
      quantity(billWith({ measured, change }), name) - quantity(billWith({ change }), name);
    expect(more('DynamoDB: reads')).toBeCloseTo(MILLION / 2, 6);
  });
});

test('a schedule that a handler makes for an order is paid when it fires, as are its event and what is done with it', () => {
  const reminders = {
    initMs: 100,
    systemLines: { 'JSON WARN': 0 },
    events: {
      OrderCreated: { ...nothing, calls: { CreateSchedule: 1 } },
      OrderReminderDue: { ...nothing, calls: { GetItem: 1 } },
    },
  };
  const measured = structuredClone(measurement) as Json;
  Object.assign(measured.functions, { reminders });
  measured.functions.analytics.events.OrderReminderDue = { ...nothing, records: [300] };
  const assembly = assemblyOf(synthesize('production', { orderReminderDays: 3, tracingPercent: 5 }).toJSON());
  const [bill] = costOf(assembly, APP, measured, [MILLION], assumptions).bills as [Bill];
  const more = (name: string) => quantity(bill, name) - quantity(billWith(), name);
  const orders = MILLION / 4;
  expect(more('EventBridge: Scheduler')).toBeCloseTo(orders, 6);
  expect(more('EventBridge: events')).toBeCloseTo(orders, 6);
  // The function twice, analytics once.
  expect(more('Lambda: calls')).toBeCloseTo(3 * orders, 6);
  expect(more('DynamoDB: reads')).toBeCloseTo(orders, 6);
});

describe('a million events of four to an order', () => {
  const bill = billWith();

  test('are a million events, and 30 daily reports', () => {
    expect(usd(bill, 'EventBridge: events')).toBeCloseTo(1.00003, 9);
  });

  test('call the order processor and analytics for each, and the notifier for half of them', () => {
    // And 30 times the schedule, 30 times its report.
    expect(quantity(bill, 'Lambda: calls')).toBe(2.5 * MILLION + 60);
    expect(usd(bill, 'Lambda: calls')).toBeCloseTo(0.5, 4);
  });

  test('take the functions their memory times their duration, at the price of arm64', () => {
    expect(usd(bill, 'Lambda: duration of order-processor')).toBeCloseTo(
      MILLION * 0.01 * gigabytesOf('order-processor') * 0.0000133334,
      9,
    );
    expect(usd(bill, 'Lambda: duration of notifier')).toBeCloseTo(
      (MILLION / 2) * 0.01 * gigabytesOf('notifier') * 0.0000133334,
      9,
    );
  });

  test('write the table once each, its index once each, and the memory of notifications twice for each of them', () => {
    expect(quantity(bill, 'DynamoDB: writes')).toBe(2 * MILLION);
    expect(quantity(bill, 'DynamoDB: writes to indexes')).toBe(MILLION);
  });

  test('are kept: 250,000 orders with their entries in the index, half a million notifications for half a month', () => {
    const orders = 250_000 * (500 + 100 + 60 + 100);
    expect(quantity(bill, 'DynamoDB: point-in-time recovery')).toBeCloseTo(orders / GB, 9);
    expect(quantity(bill, 'DynamoDB: storage')).toBeCloseTo(
      (orders + 0.5 * (MILLION / 2) * (100 + 100)) / GB,
      9,
    );
  });

  test('are notified in half a million messages', () => {
    expect(usd(bill, 'SNS: messages')).toBeCloseTo(0.25, 9);
  });

  test('are records that Firehose counts as 5 KB each', () => {
    expect(usd(bill, 'Firehose: records')).toBeCloseTo(((MILLION + 30) * 5_120 * 0.029) / GB, 9);
  });

  test('become an object each minute', () => {
    expect(quantity(bill, 'S3: writes')).toBe(30 * 24 * 60);
  });

  test('are logged: a line for each, and one of metrics for each order', () => {
    expect(quantity(bill, 'CloudWatch: log lines')).toBeCloseTo(
      (MILLION * 300 + (MILLION / 4) * 200) / GB,
      9,
    );
  });

  test('are all traced, for no function is called more than once a second', () => {
    expect(usd(bill, 'X-Ray: traces')).toBeCloseTo(12.5, 3);
  });

  test('cost what watches them whatever their number', () => {
    const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(
      ({ Properties: { Metrics: metrics } }) =>
        metrics ? metrics.filter(({ MetricStat }: Json) => MetricStat).length : 1,
    );
    expect(quantity(bill, 'CloudWatch: alarms')).toBe(alarms.reduce((sum, metrics) => sum + metrics, 0));
    expect(usd(bill, 'CloudWatch: dashboards')).toBe(3);
    expect(usd(bill, 'KMS: keys')).toBe(1);
    // A metric of the daily report has values in 30 of 720 hours.
    expect(quantity(bill, 'CloudWatch: metrics of the handlers')).toBeCloseTo(1 + 30 / 720, 9);
  });

  test('cost what their items cost, each at the price of the table', () => {
    for (const { price, quantity, usd } of bill.items) {
      const { usd: each, per } = priceTable.prices[price];
      expect(usd).toBeCloseTo((quantity / per) * each, 9);
    }
    expect(bill.usd).toBeCloseTo(
      bill.items.reduce((sum, item) => sum + item.usd, 0),
      9,
    );
  });
});

describe('the template decides:', () => {
  const plain = billWith();

  test('a rule less takes away its calls and what they do', () => {
    const change = (copy: Json) => {
      for (const { Properties } of resourcesOf(copy, 'AWS::Events::Rule')) {
        if (Properties.Name === 'event-driven-order-status-changed') Properties.State = 'DISABLED';
      }
    };
    const bill = billWith({ change });
    expect(quantity(plain, 'Lambda: calls') - quantity(bill, 'Lambda: calls')).toBe(MILLION / 2);
    expect(usd(bill, 'SNS: messages')).toBe(0);
  });

  test('memory costs what it is more', () => {
    const change = (copy: Json) => {
      for (const { Properties } of resourcesOf(copy, 'AWS::Lambda::Function')) Properties.MemorySize *= 2;
    };
    const name = 'Lambda: duration of analytics';
    expect(usd(billWith({ change }), name)).toBeCloseTo(2 * usd(plain, name), 9);
  });

  test('x86 costs a quarter more than arm64', () => {
    const change = (copy: Json) => {
      for (const { Properties } of resourcesOf(copy, 'AWS::Lambda::Function'))
        delete Properties.Architectures;
    };
    const name = 'Lambda: duration of order-processor';
    expect(usd(billWith({ change }), name) / usd(plain, name)).toBeCloseTo(1.25, 4);
  });

  test.each([
    ['lines of Lambda itself', { LogFormat: 'JSON', SystemLogLevel: 'INFO' }, 400],
    ['lines of Lambda itself as text', { LogFormat: 'Text' }, 300],
    [
      'no lines below ERROR',
      { LogFormat: 'JSON', SystemLogLevel: 'WARN', ApplicationLogLevel: 'ERROR' },
      -300,
    ],
  ])('%s change the logs', (_, logging, bytes) => {
    const change = (copy: Json) => {
      for (const { Properties } of resourcesOf(copy, 'AWS::Lambda::Function')) {
        const { LogGroup } = Properties.LoggingConfig;
        Properties.LoggingConfig = { ...logging, LogGroup };
      }
    };
    const deliveries = costWith({ change }).deliveries.filter(({ target }) =>
      target.endsWith('order-processor'),
    );
    const [created, changed] = deliveries;
    expect(created?.call?.logBytes).toBe(bytes < 0 ? 0 : 500 + bytes);
    expect(changed?.call?.logBytes).toBe(300 + bytes);
  });

  test('a log level of WARN leaves metrics, and no line for an event', () => {
    const quiet = assemblyOf(synthesize('production', { logLevel: 'WARN' }).toJSON());
    const { deliveries } = costOf(quiet, APP, measurement, [MILLION], assumptions);
    const ofProcessor = deliveries.filter(({ target }) => target.endsWith('order-processor'));
    expect(ofProcessor.map(({ call }) => call?.logBytes)).toEqual([200, 0, 0, 0]);
  });

  test('an index on more attributes is written more, one on none of the changed ones less', () => {
    const projecting = (attributes: string[]) => (copy: Json) => {
      const [table] = resourcesOf(copy, 'AWS::DynamoDB::Table');
      table.Properties.GlobalSecondaryIndexes[0].Projection.NonKeyAttributes = attributes;
    };
    const writes = (attributes: string[]) =>
      quantity(billWith({ change: projecting(attributes) }), 'DynamoDB: writes to indexes');
    expect(writes(['status', 'items'])).toBe(MILLION);
    expect(writes(['total'])).toBe(MILLION / 4);
  });

  test('a mail for each notification costs more than the notification', () => {
    const subscribed = assemblyOf(synthesize('production', { notificationEmail: 'a@example.com' }).toJSON());
    const [bill] = costOf(subscribed, APP, measurement, [MILLION], assumptions).bills as [Bill];
    expect(usd(bill, 'SNS: mails')).toBeCloseTo(10, 9);
  });

  test('a rule straight to the stream needs no function, and records the whole event', () => {
    const change = (copy: Json) => {
      for (const { Properties } of resourcesOf(copy, 'AWS::Events::Rule')) {
        if (Properties.Name === 'event-driven-all-events')
          Properties.Targets[0].Arn = { 'Fn::GetAtt': ['AnalyticsStreamCD64CA05', 'Arn'] };
      }
    };
    const bill = billWith({ change });
    expect(quantity(bill, 'Lambda: calls')).toBe(1.5 * MILLION + 30);
    expect(quantity(bill, 'Firehose: records')).toBe(quantity(plain, 'Firehose: records'));
  });

  test('what is kept longer is stored longer, up to the age of the stack', () => {
    const stored = (days: number, months: number) => {
      const change = (copy: Json) => {
        resourcesOf(copy, 'AWS::Events::Archive')[0].Properties.RetentionDays = days;
      };
      return quantity(billWith({ change, assumed: { months } }), 'EventBridge: archive, kept');
    };
    expect(stored(60, 12)).toBeCloseTo(2 * stored(30, 12), 9);
    expect(stored(60, 1)).toBeCloseTo(stored(30, 1), 9);
  });

  test('large objects move to infrequent access after 30 days, small ones never', () => {
    const large = withCall('analytics', 'OrderCreated', { records: [400_000] });
    const year = { months: 12 };
    const bill = billWith({ measured: large, assumed: year });
    const [standard, infrequent] = ['S3: storage', 'S3: storage, infrequent access'].map((name) =>
      quantity(bill, name),
    );
    expect(infrequent).toBeCloseTo(11 * (standard ?? 0), 6);
    expect(quantity(bill, 'S3: moves to infrequent access')).toBe(quantity(bill, 'S3: writes'));
    expect(quantity(billWith({ assumed: year }), 'S3: storage, infrequent access')).toBe(0);
  });

  test('a schedule of Scheduler is paid for by the call, and a rule by what it hands to an API destination', () => {
    const change = (copy: Json) => {
      copy.Resources.Shop = {
        Type: 'AWS::Events::ApiDestination',
        Properties: { ConnectionArn: 'a', HttpMethod: 'POST', InvocationEndpoint: 'https://example.com' },
      };
      const target = { Id: 'Shop', Arn: { 'Fn::GetAtt': ['Shop', 'Arn'] }, RoleArn: 'arn:aws:iam::1:role/r' };
      for (const { Properties } of resourcesOf(copy, 'AWS::Events::Rule')) {
        if (/all-events/.test(Properties.Name)) Properties.Targets.push(target);
      }
      copy.Resources.Hourly = {
        Type: 'AWS::Scheduler::Schedule',
        Properties: {
          ScheduleExpression: 'rate(1 hour)',
          FlexibleTimeWindow: { Mode: 'OFF' },
          Target: { Arn: target.Arn, RoleArn: target.RoleArn },
        },
      };
    };
    const bill = billWith({ change });
    expect(quantity(bill, 'EventBridge: Scheduler')).toBe(30 * 24);
    // The events of the month, the reports of the month, and what the schedule hands over.
    expect(quantity(bill, 'EventBridge: API destinations')).toBeGreaterThanOrEqual(MILLION + 30 * 24);
    expect(quantity(billWith({}), 'EventBridge: Scheduler')).toBe(0);
  });

  /** Ratio of an item to what it is without the change, with a year of what is kept. */
  const ratioOf = (name: string, change: (copy: Json) => void) => {
    const assumed = { months: 12 };
    return quantity(billWith({ change, assumed }), name) / quantity(billWith({ assumed }), name);
  };
  const each = (type: string, change: (properties: Json) => void) => (copy: Json) => {
    for (const { Properties } of resourcesOf(copy, type)) change(Properties);
  };

  test.each<[string, string, (copy: Json) => void]>([
    [
      'logs without a retention are kept for as long as the stack has run',
      'CloudWatch: log lines, kept',
      each('AWS::Logs::LogGroup', (group) => delete group.RetentionInDays),
    ],
    [
      'as are events of an archive without one',
      'EventBridge: archive, kept',
      each('AWS::Events::Archive', (archive) => delete archive.RetentionDays),
    ],
    [
      'records that are not compressed are stored whole',
      'S3: storage',
      each('AWS::KinesisFirehose::DeliveryStream', ({ ExtendedS3DestinationConfiguration: to }) => {
        delete to.CompressionFormat;
      }),
    ],
    [
      'an index of all attributes takes what an item takes',
      'DynamoDB: storage',
      each('AWS::DynamoDB::Table', ({ GlobalSecondaryIndexes = [] }) => {
        for (const index of GlobalSecondaryIndexes) index.Projection = { ProjectionType: 'ALL' };
      }),
    ],
  ])('%s', (_, name, change) => {
    expect(ratioOf(name, change)).toBeGreaterThan(1);
  });

  test.each<[string, string, (copy: Json) => void]>([
    [
      'an index of keys alone takes less',
      'DynamoDB: storage',
      each('AWS::DynamoDB::Table', ({ GlobalSecondaryIndexes = [] }) => {
        for (const index of GlobalSecondaryIndexes) index.Projection = { ProjectionType: 'KEYS_ONLY' };
      }),
    ],
    [
      'a stream without hints of its own buffers for 5 minutes',
      'S3: writes',
      each('AWS::KinesisFirehose::DeliveryStream', ({ ExtendedS3DestinationConfiguration: to }) => {
        delete to.BufferingHints;
      }),
    ],
    [
      'a function without a size of its own has 128 MB',
      'Lambda: duration of order-processor',
      each('AWS::Lambda::Function', (lambda) => delete lambda.MemorySize),
    ],
  ])('%s', (_, name, change) => {
    expect(ratioOf(name, change)).toBeLessThan(1);
  });

  test('an item that lacks a key of an index is not in it', () => {
    const change = each('AWS::DynamoDB::Table', ({ GlobalSecondaryIndexes = [] }) => {
      for (const index of GlobalSecondaryIndexes)
        index.KeySchema = [{ AttributeName: 'no', KeyType: 'HASH' }];
    });
    expect(ratioOf('DynamoDB: writes to indexes', change)).toBe(0);
  });

  test('a bucket without a rule keeps everything, and a stream to a bucket of elsewhere is billed alike', () => {
    const bare = each('AWS::S3::Bucket', (bucket) => delete bucket.LifecycleConfiguration);
    const elsewhere = each('AWS::KinesisFirehose::DeliveryStream', (stream) => {
      stream.ExtendedS3DestinationConfiguration.BucketARN = 'arn:aws:s3:::elsewhere';
    });
    expect(ratioOf('S3: storage', elsewhere)).toBe(ratioOf('S3: storage', bare));
  });

  test('a request for each notification by HTTP is billed, one of another topic is not', () => {
    const change = (copy: Json) => {
      const [topic] = Object.entries<Json>(copy.Resources).find(
        ([, { Type, Properties }]) =>
          Type === 'AWS::SNS::Topic' && /-notifications$/.test(Properties.TopicName),
      ) as [string, Json];
      for (const [id, TopicArn] of Object.entries({
        Hook: { Ref: topic },
        Other: 'arn:aws:sns:us-east-1:1:other',
      }))
        copy.Resources[id] = {
          Type: 'AWS::SNS::Subscription',
          Properties: { Protocol: 'https', Endpoint: 'https://example.com', TopicArn },
        };
    };
    expect(quantity(billWith({ change }), 'SNS: HTTP requests')).toBe(MILLION / 2);
  });

  test('a target that is a topic is a message, one that is a queue leaves out who reads it', () => {
    const change = (copy: Json) => {
      copy.Resources.Jobs = { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'jobs' } };
      copy.Resources.News = { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'news' } };
      const [processor] = Object.entries<Json>(copy.Resources).find(
        ([, { Properties }]) => Properties?.FunctionName === 'event-driven-order-processor',
      ) as [string, Json];
      const mapping = (EventSourceArn: object, FunctionName: object | string) => ({
        ...{ Type: 'AWS::Lambda::EventSourceMapping', Properties: { EventSourceArn, FunctionName } },
      });
      copy.Resources.Reads = mapping({ 'Fn::GetAtt': ['Jobs', 'Arn'] }, { Ref: processor });
      copy.Resources.Elsewhere = mapping({ 'Fn::GetAtt': ['Jobs', 'Arn'] }, 'of-another-stack');
      for (const { Properties } of resourcesOf(copy, 'AWS::Events::Rule')) {
        if (!/all-events/.test(Properties.Name)) continue;
        Properties.Targets = [
          { Id: 'News', Arn: { Ref: 'News' } },
          { Id: 'Jobs', Arn: { 'Fn::GetAtt': ['Jobs', 'Arn'] } },
        ];
      }
    };
    const { bills, notCovered } = costWith({ change });
    expect(quantity(bills[0] as Bill, 'SNS: messages')).toBeGreaterThan(MILLION);
    expect(notCovered.map(({ message }) => message)).toContain(
      'what it takes to handle the messages of jobs is not priced.',
    );
  });

  test('a memory that only AWS knows leaves out the calls, by its reason', () => {
    const change = (copy: Json) => {
      copy.Parameters = { ...copy.Parameters, Memory: { Type: 'Number' } };
      for (const { Properties } of resourcesOf(copy, 'AWS::Lambda::Function')) {
        if (/-notifier$/.test(Properties.FunctionName)) Properties.MemorySize = { Ref: 'Memory' };
      }
    };
    const { bills, notCovered } = costWith({ change });
    expect(bills[0]?.usd).toBeGreaterThan(0);
    expect(notCovered).toContainEqual(
      expect.objectContaining({ message: 'its memory is not known: parameter Memory has no default.' }),
    );
  });

  test('another kind of target is named, and not guessed', () => {
    const change = (copy: Json) => {
      resourcesOf(copy, 'AWS::Events::Rule')[0].Properties.Targets[0].Arn =
        'arn:aws:states:us-east-1:000000000000:stateMachine:x';
    };
    expect(costWith({ change }).notCovered).toMatchObject([
      {
        type: 'AWS::Events::Rule',
        message: expect.stringMatching(
          /^what rule event-driven-order-created hands to arn:aws:states:.* is not priced/,
        ),
      },
    ]);
  });

  test.each<[string, (copy: Json) => void, RegExp]>([
    [
      'a handler that was not measured',
      (copy) => {
        const [, rule] = resourcesOf(copy, 'AWS::Events::Rule');
        rule.Properties.Targets[0].Arn = { 'Fn::GetAtt': ['NotifierFunctionAF3DBB87', 'Arn'] };
        rule.Properties.EventPattern = { source: ['app.orders'] };
      },
      /^There is no measurement of notifier handling OrderCreated; `npm run cost -- --measure` makes one\.$/,
    ],
  ])('%s is refused, not guessed', (_, change, told) => {
    expect(() => billWith({ change })).toThrow(told);
  });
});

describe('what is measured decides:', () => {
  test('a record of 6 KB counts as 10 KB', () => {
    const bill = billWith({ measured: withCall('analytics', 'OrderCreated', { records: [6_000] }) });
    const rounded = ((MILLION / 4) * 10_240 + ((3 * MILLION) / 4 + 30) * 5_120) / GB;
    expect(quantity(bill, 'Firehose: records')).toBeCloseTo(rounded, 9);
  });

  test('an item of 1.5 KB takes two writes', () => {
    const attributes = { ...order.attributes, items: 1_500 };
    const measured = withCall('order-processor', 'OrderCreated', { writes: [{ ...order, attributes }] });
    expect(quantity(billWith({ measured }), 'DynamoDB: writes')).toBe(2 * MILLION + MILLION / 4);
  });

  test('a duration is billed in whole milliseconds', () => {
    const [delivery] = costWith({
      measured: withCall('order-processor', 'OrderCreated', { durationMs: 7.01 }),
    }).deliveries;
    expect(delivery?.call).toMatchObject({ measuredMs: 7.01, billedMs: 8 });
  });
});

describe('what is assumed decides:', () => {
  test('an event of more than 64 KB counts twice', () => {
    const mix = parseMix(
      `1 OrderCreated items=${JSON.stringify([{ note: 'x'.repeat(66_000) }])}`,
      APP.contracts,
    );
    expect(quantity(billWith({ assumed: { mix } }), 'EventBridge: events')).toBe(2 * MILLION + 30);
  });

  test('failures are called again, and read from their queue', () => {
    const bill = billWith({ assumed: { failures: 1 } });
    expect(quantity(bill, 'Lambda: calls')).toBeCloseTo((2.5 * MILLION + 60) * 1.02, 3);
    expect(quantity(bill, 'SQS: requests')).toBeCloseTo((2.5 * MILLION + 60) * 0.01 * 3, 3);
  });

  test('cold starts take the time of loading the code', () => {
    const bill = billWith({ assumed: { coldStarts: 10 } });
    const gigabytes =
      MILLION * gigabytesOf('order-processor') +
      (MILLION + 60) * gigabytesOf('analytics') +
      (MILLION / 2) * gigabytesOf('notifier');
    expect(quantity(bill, 'Lambda: cold starts')).toBeCloseTo(gigabytes * 0.1 * 0.1, 3);
  });

  test('above one call a second of a function, one trace in twenty is recorded', () => {
    const events = 100 * MILLION;
    const seconds = 30 * 24 * 3_600;
    const traces = (calls: number) => seconds + 0.05 * (calls - seconds);
    const expected = traces(events) + traces(events + 60) + traces(events / 2);
    expect(quantity(billWith({ events }), 'X-Ray: traces')).toBeCloseTo(expected, 0);
  });

  test('with any number of events, more events never cost less, and no item is negative', () => {
    const number = fc.integer({ min: 1, max: 10_000 * MILLION });
    fc.assert(
      fc.property(number, number, (a, b) => {
        const [fewer, more] = costOf(
          assemblyOf(template),
          APP,
          measurement,
          [Math.min(a, b), Math.max(a, b)],
          assumptions,
        ).bills as [Bill, Bill];
        expect(more.usd).toBeGreaterThanOrEqual(fewer.usd);
        for (const item of fewer.items) expect(item.usd).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 20 },
    );
  });
});

describe('a mix', () => {
  test('has counts, detail-types, and fields that differ from the example', () => {
    expect(
      parseMix('2 OrderCreated total=5, OrderStatusChanged status=SHIPPED', APP.contracts),
    ).toMatchObject([
      { count: 2, detail: { orderId: 'order-1001', total: 5 }, contract: { detailType: 'OrderCreated' } },
      { count: 1, detail: { status: 'SHIPPED' }, label: 'OrderStatusChanged status=SHIPPED' },
    ]);
  });

  test.each([
    [
      '',
      '--mix: "" is none of the contracts: OrderCreated, OrderStatusChanged, OrderReminderDue, DailyReportGenerated.',
    ],
    ['OrderCreatd', '--mix: "OrderCreatd" is none of the contracts'],
    ['0 OrderCreated', '--mix: OrderCreated: its count is 0, not above 0.'],
    ['OrderStatusChanged SHIPPED', '"SHIPPED" is not <field>=<value>'],
    ['OrderStatusChanged state=SHIPPED', 'state is no field of OrderStatusChanged: orderId, status'],
    ['OrderStatusChanged status=SHIPED', 'detail.status: expected'],
  ])('%p is refused', (text, told) => {
    expect(() => parseMix(text, APP.contracts)).toThrow(told);
  });
});

test('every price names its page, where the number was read, and what it is for', () => {
  for (const price of Object.values(priceTable.prices)) {
    expect(price).toEqual({
      usd: expect.any(Number),
      per: expect.any(Number),
      unit: expect.any(String),
      source: expect.stringMatching(/^https:\/\/aws\.amazon\.com\/[a-z0-9-]+\/pricing\//),
      read: expect.stringMatching(/^(aws|secondary|unchecked)$/),
    });
    expect(price.usd).toBeGreaterThan(0);
  }
  expect(priceTable.date).toMatch(/^\d{4}-\d{2}-\d{2}$/);
});

describe('the report', () => {
  const report = {
    ...{ stackName: 'event-driven', title: 'cdk.out', cost: costWith(), assumptions, measurement },
    savings: savingsOf(assemblyOf(template), APP, measurement, [MILLION], assumptions),
  };

  test('says what is assumed, and where figures are from', () => {
    const text = costText(report);
    expect(text).toContain('0% of calls fail at every retry (--failures)');
    for (const { setting, givesUp } of report.savings.each)
      expect(text).toContain(`${setting}. Gives up ${givesUp}.`);
    expect(text).toContain('on 2026-01-15, 1 times each, on a machine (samples/measurements.json');
    expect(text).toContain(`tools/proof/cost/prices.json of ${priceTable.date}`);
  });
});

describe('npm run cost', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'cost-'));
    writeAssembly(directory, template);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const run = (...args: string[]) => runInProcess(costCommand(APP, MEASUREMENTS), args);

  test('computes a bill for each number of events, with what was measured last', async () => {
    const {
      exitCode: status,
      stdout,
      stderr,
    } = await run('--assembly', directory, '--events', '500k,2.5M', '--json');
    expect(stderr).toBe('');
    const { bills, measurement, assumptions } = JSON.parse(stdout);
    expect(bills.map(({ events }: Bill) => events)).toEqual([500_000, 2_500_000]);
    expect(measurement).toEqual({
      date: expect.any(String),
      machine: expect.any(String),
      rounds: expect.any(Number),
    });
    expect(assumptions).toMatchObject({ months: 12, slowdown: 1, coldStarts: 0.5, failures: 0.1 });
    expect(status).toBe(0);
  });

  test('says what a change of the template costs', async () => {
    const other = join(directory, 'other.json');
    const copy = structuredClone(template);
    for (const { Properties } of resourcesOf(copy, 'AWS::Lambda::Function')) Properties.TracingConfig = {};
    writeFileSync(other, JSON.stringify(copy));
    const { exitCode: status, stdout } = await run(
      '--assembly',
      directory,
      '--compare',
      other,
      '--events',
      '1M',
    );
    expect(stdout).toMatch(/The difference to .*other\.json, \+ for what costs more here:/);
    expect(stdout).toMatch(/│ X-Ray: traces +│ +\+12\.5\d │/);
    expect(stdout).toMatch(/│ Difference +│ +\+12\.5\d │/);
    expect(status).toBe(0);
  });

  test('finds no difference to the same assembly', async () => {
    const { stdout } = await run('--assembly', directory, '--compare', directory, '--events', '1M');
    expect(stdout).toMatch(/│ Difference +│ +0\.00 │/);
  });

  test.each<[string, string[], RegExp]>([
    ['a number of events that is none', ['--events', '1G'], /It must be numbers above 0 with k or M/],
    ['no events', ['--events', '0'], /It must be numbers above 0/],
    ['a share over 100%', ['--failures', '101'], /It must be a number from 0 to 100/],
    ['a mix of nothing known', ['--mix', 'Order'], /--mix: "Order" is none of the contracts/],
    ['a template that is not there', ['--compare', 'nowhere'], /^--compare nowhere does not exist/],
    ['a template that is none', ['--compare', 'README.md'], /README\.md is not/],
    ['a template without resources', ['--compare', 'package.json'], /is a template without resources\.$/],
    ['an unknown flag', ['--event', '1M'], /unknown option '--event'/],
    ['a file for a table that is not asked for', ['--write', 'a.md'], /^--write goes with --limits\.$/],
    ['a file that is not there', ['--limits', '--write', 'none.md'], /^--write none\.md: ENOENT/],
    [
      'a file without a place for the table',
      ['--limits', '--write', 'README.md'],
      /^--write README\.md: it has no line <!-- limits -->, and after it <!-- end of limits -->\.$/,
    ],
    ['a mix without a mix', ['--mix', ''], /^--mix: "" is none of the contracts/],
  ])('%s is one line and exit code 2', async (_, args, told) => {
    const { exitCode: status, stdout, stderr } = await run('--assembly', directory, ...args);
    expect(stderr.trim()).toMatch(told);
    expect(stderr.trim()).not.toContain('\n');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});

describe('npm run cost --limits', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'limits-'));
    writeAssembly(directory, template);
  });
  afterAll(() => rmSync(directory, { recursive: true }));
  const run = (...args: string[]) =>
    runInProcess(costCommand(APP, MEASUREMENTS), ['--assembly', directory, '--limits', ...args]);

  test('has the table, and as one document', async () => {
    expect((await run()).stdout).toContain('met at events/s');
    const { stackName, limits } = JSON.parse((await run('--json')).stdout);
    expect(stackName).toBe('event-driven');
    expect(limits.length).toBeGreaterThan(0);
  });

  test('writes the table into a file, where its place is', async () => {
    const file = join(directory, 'scale.md');
    writeFileSync(file, 'before\n<!-- limits -->\nold\n<!-- end of limits -->\nafter\n');
    const { exitCode } = await run('--write', file);
    expect(exitCode).toBe(0);
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/^before\n<!-- limits -->\n\|.*<!-- end of limits -->\nafter\n$/s);
    expect(text).not.toContain('old');
  });
});

describe('npm run cost of a stack that nobody described', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'foreign-cost-'));
    writeAssembly(directory, { Resources: { Queue: { Type: 'AWS::SQS::Queue', Properties: {} } } });
  });
  afterAll(() => rmSync(directory, { recursive: true }));
  const run = (...args: string[]) =>
    runInProcess(costCommand(APP, MEASUREMENTS), ['--assembly', directory, ...args]);

  test('has the price of its events, and says that no more is known', async () => {
    const { stdout, exitCode } = await run('--events', '500,2.5k');
    expect(stdout).toMatch(/│ events a month +│ +500 │ +2\.5k │/);
    expect(stdout).toContain('nobody described this application, so what is done with them is not known.');
    expect(stdout).not.toContain('measured in the local run');
    expect(exitCode).toBe(0);
  });

  test('cannot be measured', async () => {
    expect(await run('--measure')).toMatchObject({
      exitCode: 2,
      stderr: '--measure: none of the functions of event-driven is described.\n',
    });
  });
});

describe('what is not priced', () => {
  const leftOut = (place: object, app = UNDESCRIBED) =>
    costOf(assemblyOf(place), app, measurement, [MILLION], { ...assumptions, mix: [] }).notCovered;

  test('is nothing that the shipped stack has', () => {
    expect(costWith().notCovered).toEqual([]);
  });

  test('is named by logical id and type, whatever a stack has', () => {
    const Resources = {
      Nat: { Type: 'AWS::EC2::NatGateway', Properties: {} },
      Kin: { Type: 'AWS::Kinesis::Stream', Properties: { ShardCount: 10 } },
      Pipe: { Type: 'AWS::Pipes::Pipe', Properties: { Source: 'a', Target: 'b', RoleArn: 'c' } },
      Role: { Type: 'AWS::IAM::Role', Properties: {} },
    };
    expect(leftOut({ Resources })).toEqual([
      { resource: 'Pipe', type: 'AWS::Pipes::Pipe', message: 'it is not priced.' },
      { resource: 'Nat', type: 'AWS::EC2::NatGateway', message: 'it is not priced.' },
      { resource: 'Kin', type: 'AWS::Kinesis::Stream', message: 'it is not priced.' },
    ]);
  });

  test('is what the events use of a stack that nobody described; the events themselves are priced', () => {
    const place = { Resources: { Queue: { Type: 'AWS::SQS::Queue', Properties: {} } } };
    expect(leftOut(place)).toMatchObject([
      { resource: 'Queue', message: expect.stringContaining('not known') },
    ]);
    const { bills } = costOf(assemblyOf(place), UNDESCRIBED, measurement, [MILLION], {
      ...assumptions,
      mix: [],
    });
    expect(bills[0]?.items).toMatchObject([{ name: 'EventBridge: events', usd: 1 }]);
  });
});

/** The stack with settings; each is synthesized once. */
const assemblies = new Map<string, ReturnType<typeof assemblyOf>>();
function stackWith(settings: object) {
  const key = JSON.stringify(settings);
  const made = assemblies.get(key) ?? assemblyOf(synthesize('production', settings).toJSON());
  assemblies.set(key, made);
  return made;
}

describe('provisioned capacity', () => {
  const bounds = { least: 5, most: 1000 };
  const itemsOf = (settings: object, events: number) => {
    const { bills } = costOf(stackWith(settings), APP, measurement, [events], assumptions);
    return new Map(bills[0]?.items.map(({ name, quantity }) => [name, quantity]));
  };

  test('is paid for by the hour, its least at least, and takes the place of requests', () => {
    const items = itemsOf({ tableCapacity: bounds }, 1);
    // The two tables and the index of one.
    expect(items.get('DynamoDB: capacity for writes')).toBeCloseTo(3 * bounds.least * 720);
    expect(items.get('DynamoDB: capacity for reads')).toBeCloseTo(3 * bounds.least * 720);
    expect(items.has('DynamoDB: writes')).toBe(false);
  });

  test('follows the use up to its most, at 70%', () => {
    const onDemand = itemsOf({}, 100 * MILLION);
    const units = ['DynamoDB: writes', 'DynamoDB: writes to indexes'].map((name) => onDemand.get(name) ?? 0);
    const used = units.reduce((sum, each) => sum + each, 0) / (30 * 24 * 60 * 60);
    const capacity = itemsOf({ tableCapacity: bounds }, 100 * MILLION).get('DynamoDB: capacity for writes');
    expect(capacity).toBeCloseTo((used / 0.7) * 720, 3);
    const least = itemsOf({ tableCapacity: { least: 1, most: 1 } }, 100 * MILLION);
    expect(least.get('DynamoDB: capacity for writes')).toBeCloseTo(3 * 720);
  });

  test('without scaling is what the template says', () => {
    const copy = structuredClone(template);
    const [id] =
      Object.entries<Json>(copy.Resources).find(([, { Type }]) => Type === 'AWS::DynamoDB::Table') ?? [];
    const { Properties } = copy.Resources[id as string];
    Properties.BillingMode = 'PROVISIONED';
    Properties.ProvisionedThroughput = { ReadCapacityUnits: 7, WriteCapacityUnits: 9 };
    delete Properties.GlobalSecondaryIndexes;
    const { bills, notCovered } = costOf(assemblyOf(copy), APP, measurement, [MILLION], assumptions);
    const quantityOf = (name: string) => bills[0]?.items.find((each) => each.name === name)?.quantity;
    expect(quantityOf('DynamoDB: capacity for reads')).toBe(7 * 720);
    expect(quantityOf('DynamoDB: capacity for writes')).toBe(9 * 720);
    expect(notCovered.map(({ resource }) => resource)).not.toContain(id);
  });
});

describe('what would make it cheaper', () => {
  const EVENTS = [MILLION, 100 * MILLION];
  /** Assumptions with as many months as let every setting save something. */
  const assumed = { ...assumptions, months: 36 };
  const usd = (settings: object) =>
    costOf(stackWith(settings), APP, measurement, EVENTS, assumed).bills.map((bill) => bill.usd);
  const savings = (settings: object = {}) =>
    savingsOf(stackWith(settings), APP, measurement, EVENTS, assumed);

  /** Each of the app's own settings, with the value that the list names. */
  const SETTINGS: Readonly<Record<string, object>> = {
    tableCapacity: { tableCapacity: { least: 5, most: 40_000 } },
    pointInTimeRecovery: { pointInTimeRecovery: false },
    logLevel: { logLevel: 'WARN' },
    tableClass: { orderTableClass: 'STANDARD_INFREQUENT_ACCESS' },
    tracingPercent: { tracingPercent: 0 },
    reportIndex: { reportIndex: 'KEYS' },
    orderDays: { orderDays: 90 },
  };

  test('saves what the stack with the setting costs less', () => {
    expect(Object.keys(APP.savings ?? {}).sort()).toEqual(Object.keys(SETTINGS).sort());
    const traced = { tracingPercent: 5 };
    const now = usd(traced);
    const found = savings(traced).each;
    for (const [id, setting] of Object.entries(SETTINGS)) {
      const { saves = [] } = found.find((each) => each.setting === APP.savings?.[id]) ?? {};
      const then = usd({ ...traced, ...setting });
      expect([id, ...saves.map((saved) => saved.toFixed(4))]).toEqual([
        id,
        ...now.map((before, index) => (before - (then[index] ?? 0)).toFixed(4)),
      ]);
    }
  });

  test('has the whole bill of all changes together', () => {
    // A table whose items expire holds too little for the class of infrequent access.
    const { tableClass: _, ...others } = SETTINGS;
    const all = Object.assign({}, ...Object.values(others));
    const { together } = savings();
    expect(together.map((each) => each.toFixed(4))).toEqual(usd(all).map((each) => each.toFixed(4)));
  });

  test('names nothing that has been done, and nothing that saves nothing', () => {
    const all = Object.assign({}, ...Object.values(SETTINGS));
    expect(savings(all).each).toEqual([]);
    for (const { saves } of savings().each) expect(Math.max(...saves)).toBeGreaterThan(0);
  });

  test('is told by properties of the template where nobody described the application', () => {
    const { each } = savingsOf(assemblyOf(template), UNDESCRIBED, measurement, [MILLION], {
      ...assumptions,
      mix: [],
    });
    for (const { setting } of each) expect(setting).toMatch(/^AWS::/);
  });
});
