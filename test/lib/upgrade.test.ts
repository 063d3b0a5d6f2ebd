/** Upgrade in place of what is deployed by the template as it is now. Fixtures are of version 0.1.0. */
import '../lambdas/environment';
import { readFileSync } from 'node:fs';
import type { Template } from 'aws-cdk-lib/assertions';
import { CONSUMERS } from '../../lambdas/consumers';
import { compile } from '../../tools/eventbridge/event-pattern';
import { synthesize } from './synthesize';

/** Untyped, as the template is. */
type Json = ReturnType<Template['toJSON']>[string];

const deployed: Record<string, Json> = JSON.parse(
  readFileSync('test/lib/fixtures/template-0.1.0.json', 'utf8'),
).Resources;
const now: Record<string, Json> = synthesize().toJSON().Resources;

/**
 * Properties whose change replaces the resource, by the documentation of CloudFormation; the first is the physical
 * name, under which two resources cannot be at once.
 */
const REPLACING: Readonly<Record<string, readonly string[]>> = {
  'AWS::CloudWatch::Alarm': ['AlarmName'],
  'AWS::CloudWatch::CompositeAlarm': ['AlarmName'],
  'AWS::CloudWatch::Dashboard': ['DashboardName'],
  'AWS::DynamoDB::Table': ['TableName', 'KeySchema', 'LocalSecondaryIndexes', 'ImportSourceSpecification'],
  'AWS::Events::Archive': ['ArchiveName', 'SourceArn'],
  'AWS::Events::EventBus': ['Name', 'EventSourceName'],
  'AWS::Events::Rule': ['Name', 'EventBusName'],
  'AWS::KinesisFirehose::DeliveryStream': ['DeliveryStreamName', 'DeliveryStreamType'],
  'AWS::Lambda::Function': ['FunctionName', 'PackageType'],
  'AWS::Logs::LogGroup': ['LogGroupName'],
  'AWS::SNS::Topic': ['TopicName', 'FifoTopic'],
  'AWS::SQS::Queue': ['QueueName', 'FifoQueue'],
};
/** Types that hold data: what is deployed of them stays. */
const DATA = [
  ...['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::SQS::Queue'],
  ...['AWS::Events::EventBus', 'AWS::Events::Archive'],
];

const named = Object.entries(deployed).filter(([, { Type, Properties }]) => {
  const [name] = REPLACING[Type] ?? [];
  return name !== undefined && Properties?.[name] !== undefined;
});

test('every named resource that is still there is updated in place', () => {
  expect(named.length).toBeGreaterThan(20);
  for (const [id, { Type, Properties }] of named) {
    const after = now[id];
    if (!after) continue;
    const replacing = REPLACING[Type] ?? [];
    const pick = (properties: Json) => replacing.map((property) => [property, properties[property]]);
    expect([id, after.Type, pick(after.Properties)]).toEqual([id, Type, pick(Properties)]);
  }
});

test('no physical name moves to another resource, which could not be made beside the old one', () => {
  const nameOf = ({ Type, Properties }: Json) => {
    const [property] = REPLACING[Type] ?? [];
    return property && Properties?.[property] && JSON.stringify([Type, Properties[property]]);
  };
  const before = new Map(Object.entries(deployed).map(([id, resource]) => [nameOf(resource), id]));
  for (const [id, resource] of Object.entries(now)) {
    const name = nameOf(resource);
    if (name) expect([name, before.get(name) ?? id]).toEqual([name, id]);
  }
});

test('nothing that holds data goes', () => {
  const data = Object.entries(deployed).filter(([, { Type }]) => DATA.includes(Type));
  expect(data.length).toBeGreaterThan(5);
  for (const [id, { Type }] of data) expect([id, now[id]?.Type]).toEqual([id, Type]);
});

test('at most one index of a table changes, as CloudFormation makes one such change in an update', () => {
  for (const [id, { Type, Properties }] of Object.entries(deployed)) {
    if (Type !== 'AWS::DynamoDB::Table') continue;
    const indexes = (of: Json) =>
      new Set<string>((of.GlobalSecondaryIndexes ?? []).map((index: Json) => JSON.stringify(index)));
    const before = indexes(Properties);
    const after = indexes(now[id].Properties);
    const names = [...before, ...after]
      .filter((index) => !(before.has(index) && after.has(index)))
      .map((index) => JSON.parse(index).IndexName);
    expect([id, new Set(names).size <= 1]).toEqual([id, true]);
  }
});

describe('the index of the report', () => {
  const [status = {}, both = {}, keys = {}] = ['STATUS', 'STATUS_AND_KEYS', 'KEYS'].map(
    (reportIndex): Record<string, Json> => synthesize('production', { reportIndex }).toJSON().Resources,
  );

  test('is changed on a deployed stack in two updates, each of which makes or deletes one', () => {
    const indexesOf = (resources: Record<string, Json>) =>
      Object.values(resources)
        .flatMap(({ Properties }) => Properties?.GlobalSecondaryIndexes ?? [])
        .map((index: Json) => JSON.stringify(index));
    const [of, ofBoth, ofKeys] = [status, both, keys].map(indexesOf);
    expect([of?.length, ofKeys?.length]).toEqual([1, 1]);
    expect(of).not.toEqual(ofKeys);
    expect(ofBoth).toEqual([...(of ?? []), ...(ofKeys ?? [])]);
  });

  test('is the only one that the report may read, and of keys alone it may read the orders too', () => {
    const granted = (resources: Record<string, Json>) =>
      JSON.stringify(
        Object.values(resources).filter(
          ({ Type, Properties }) =>
            Type === 'AWS::IAM::Policy' && Properties.PolicyName.startsWith('Analytics'),
        ),
      );
    expect(granted(status)).toContain('/index/orders-by-day"');
    expect(granted(both)).toBe(granted(status));
    expect(granted(keys)).not.toContain('/index/orders-by-day"');
    expect(granted(keys)).toContain('/index/orders-by-day-keys"');
    expect([status, keys].map((each) => granted(each).includes('dynamodb:BatchGetItem'))).toEqual([
      false,
      true,
    ]);
  });
});

test('events that the archive has from before still reach a handler that reads them', () => {
  const events: Json[] = readFileSync('test/lib/fixtures/events-0.1.0.jsonl', 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const rules = Object.values(now).filter(
    ({ Type, Properties }) => Type === 'AWS::Events::Rule' && Properties.EventBusName,
  );
  for (const event of events) {
    const taken = rules.filter(({ Properties }) => compile(Properties.EventPattern).matches(event));
    expect([event['detail-type'], taken.length > 0]).toEqual([event['detail-type'], true]);
    for (const { Properties } of taken) {
      const [{ Arn, InputTransformer }] = Properties.Targets;
      // What a transformer makes of it is the notifier's own test.
      if (InputTransformer) continue;
      const { FunctionName } = now[Arn['Fn::GetAtt'][0]].Properties;
      const consumer = CONSUMERS[FunctionName.replace('event-driven-', '')];
      expect(consumer).toBeDefined();
      expect(() => consumer?.accepts(event)).not.toThrow();
    }
  }
});
