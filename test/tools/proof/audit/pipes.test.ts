/** Pipes of a template that nobody has described: what they may lose, and whether they go round. */
import { UNDESCRIBED } from '../../../../tools/app';
import { auditHops } from '../../../../tools/proof/audit/audit';
import { pipedTable } from '../../piped-table';
import { assemblyOf } from '../assembly';

const gapsOf = (change: Parameters<typeof pipedTable>[0]) =>
  auditHops(assemblyOf(pipedTable(change)), UNDESCRIBED)
    .gaps.filter(({ type }) => type === 'AWS::Pipes::Pipe')
    .map(({ kind, message }) => `${kind}: ${message}`);

test('a pipe with limits, a dead-letter queue and what its role needs has no gap', () => {
  expect(gapsOf({})).toEqual([]);
});

test.each<[string, NonNullable<Parameters<typeof pipedTable>[0]>, string]>([
  [
    'without a dead-letter queue',
    { stream: { DeadLetterConfig: undefined } },
    'failure-destination: it has no dead-letter queue: a record that fails for the last time is lost.',
  ],
  [
    'without a retry',
    { stream: { MaximumRetryAttempts: 0 } },
    'retry: it has no retry: MaximumRetryAttempts is 0.',
  ],
  [
    'without a limit',
    { stream: { MaximumRetryAttempts: -1 } },
    'age-limit: it tries a record that fails again without end: all behind it wait, and the stream may drop it before a dead-letter queue hears of it; set MaximumRetryAttempts, or MaximumRecordAgeInSeconds under a day.',
  ],
  [
    'with the age at which the stream drops it',
    { stream: { MaximumRetryAttempts: undefined, MaximumRecordAgeInSeconds: 86_400 } },
    'age-limit: it tries',
  ],
  [
    'whose role may not send to its queue',
    { actions: ['dynamodb:*', 'events:PutEvents'] },
    'permission: sqs:SendMessage is not allowed for its role, on the destination of its failures.',
  ],
])('one %s has a gap', (_, change, message) => {
  expect(gapsOf(change)).toEqual([expect.stringContaining(message)]);
});

test('an age under a day is a limit', () => {
  expect(gapsOf({ stream: { MaximumRetryAttempts: -1, MaximumRecordAgeInSeconds: 3600 } })).toEqual([]);
});

describe('a function that a rule of the bus calls, and that may write the table of the pipe,', () => {
  const writer = {
    Type: 'AWS::Lambda::Function',
    Properties: {
      ...{ FunctionName: 'projector', Handler: 'index.handler', Runtime: 'nodejs24.x' },
      Role: { 'Fn::GetAtt': ['Writer', 'Arn'] },
      Code: { ZipFile: 'exports.handler = () => {}' },
    },
  };
  const rule = (arn: object, pattern: object = { source: ['app.orders'] }) => ({
    Type: 'AWS::Events::Rule',
    Properties: {
      Name: 'rule',
      EventBusName: { Ref: 'Bus' },
      EventPattern: pattern,
      Targets: [{ Id: 'T', Arn: arn }],
    },
  });
  const toFunction = { 'Fn::GetAtt': ['Function', 'Arn'] };
  const orders = { EventBridgeEventBusParameters: { Source: 'app.orders', DetailType: 'OrderCreated' } };
  const loopsOf = (rules: object, target: object = orders) =>
    gapsOf({ target, resources: { Function: writer, ...rules } }).filter((each) => each.startsWith('loop'));
  const LOOP =
    'loop: it may go round without end: rule rule calls the function projector, which may write the table outbox, which it reads: each event would make the next one.';

  test('makes a loop', () => {
    expect(loopsOf({ Rule: rule(toFunction) })).toEqual([LOOP]);
  });

  test('also by a queue, and with a source out of the record', () => {
    const queue = { 'Fn::GetAtt': ['Queue', 'Arn'] };
    const found = loopsOf(
      {
        Queue: { Type: 'AWS::SQS::Queue', Properties: {} },
        Mapping: {
          Type: 'AWS::Lambda::EventSourceMapping',
          Properties: { EventSourceArn: queue, FunctionName: { Ref: 'Function' } },
        },
        Rule: rule(queue),
      },
      { EventBridgeEventBusParameters: { Source: '$.dynamodb.NewImage.source.S' } },
    );
    expect(found).toEqual([LOOP]);
  });

  test('makes none if the rule takes no event of the pipe', () => {
    expect(loopsOf({ Rule: rule(toFunction, { source: ['app.stock'] }) })).toEqual([]);
    expect(loopsOf({ Rule: rule(toFunction, { 'detail-type': ['OrderStatusChanged'] }) })).toEqual([]);
  });
});
