/** Alarms of a stack that has grown: what names them one by one stays within what AWS takes. */
import { App, Stack as CdkStack, Duration } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { METRICS } from '../../lambdas/metrics';
import { AnalyticsStream } from '../../lib/analytics-stream';
import { ConfigError, parseStage } from '../../lib/config';
import { DeadLetterQueue } from '../../lib/dead-letter-queue';
import { EventBus } from '../../lib/event-bus';
import { EventHandler } from '../../lib/event-handler';
import { Monitoring } from '../../lib/monitoring';
import { type Json, Stack } from './resolved-stack';

/** The longest prefix of names that a stage can have. */
const config = parseStage('a-stage-of-15-c', { projectName: 'a-name-of-24-characters-' });

const stack = new CdkStack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'many');
const bus = new EventBus(stack, 'Bus', config);
const queue = { config, name: 'failed-events', holds: 'Events', runbookEntry: 'failed-events-depth' };
const handler = new EventHandler(stack, 'Notifier', {
  entry: 'notifier',
  counts: [METRICS.eventsReceived],
  timeout: Duration.seconds(30),
  failedEvents: new DeadLetterQueue(stack, 'FailedEvents', queue),
  config,
});

let grown: Stack;
beforeAll(() => {
  for (let index = 0; index < 40; index++) {
    const pattern = { source: ['app.many'], 'detail-type': [`Type${index}`] };
    bus.subscribe(`something-happened-${index}`, { pattern }, handler, { targetId: 'T', description: 'It' });
  }
  const analyticsStream = new AnalyticsStream(stack, 'Stream', config);
  new Monitoring(stack, 'Monitoring', { config, bus, analyticsStream });
  grown = new Stack(Template.fromStack(stack));
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
