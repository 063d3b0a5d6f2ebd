import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { APP } from '../../../../bin/app-description';
import { type Audit, auditHops } from '../../../../tools/proof/audit/audit';
import { auditText } from '../../../../tools/proof/audit/audit-report';
import type { AuditedHop } from '../../../../tools/proof/audit/hops';
import { synthesize } from '../../../lib/synthesize';
import { TYPESCRIPT } from '../../../typescript';
import { assemblyOf, writeAssembly } from '../assembly';

// biome-ignore lint/suspicious/noExplicitAny: templates have no static type
type Json = any;

const template = synthesize().toJSON();
const resourcesOf = (copy: Json, type: string): Json[] =>
  Object.values<Json>(copy.Resources).filter(({ Type }) => Type === type);

/** The audit of the template with these changes. */
function auditOf(change: (copy: Json) => void = () => {}): Audit {
  const copy = structuredClone(template);
  change(copy);
  return auditHops(assemblyOf(copy), APP);
}

const hopOf = ({ hops }: Audit, to: string, kind: AuditedHop['kind']) =>
  hops.find((hop) => hop.kind === kind && hop.to.endsWith(to));

describe('the hops of an event', () => {
  const audit = auditOf();

  test('lead from the publisher to the table', () => {
    const way = [
      ['publish', 'bus event-driven-bus'],
      ['archive', 'archive event-driven-archive'],
      ['rule', 'rule event-driven-order-created'],
      ['delivery', 'function event-driven-order-processor'],
      ['asynchronous queue', 'function event-driven-order-processor'],
      ['handler', 'handler order-processor'],
      ['call', 'table event-driven-orders'],
    ];
    const hops = audit.hops.map(({ kind, to }) => [kind, to]);
    expect(hops).toEqual(expect.arrayContaining(way));
  });

  test('a delivery is tried 3 times within an hour, then waits in the dead-letter queue, and two alarms tell', () => {
    expect(hopOf(audit, 'event-driven-notifier', 'delivery')).toMatchObject({
      from: 'rule event-driven-order-status-changed',
      retry: '3 retries',
      ageLimit: '1 h',
      whenAllFails: 'event-driven-dlq',
      permissions: [{ needed: 'lambda:InvokeFunction' }, { needed: 'sqs:SendMessage' }],
      alarms: ['event-driven-order-status-changed-undelivered', 'event-driven-order-status-changed-lost'],
    });
  });

  test('what a handler throws is tried twice within an hour, then waits in the failed-events queue', () => {
    expect(hopOf(audit, 'event-driven-analytics', 'asynchronous queue')).toMatchObject({
      retry: '2 retries',
      ageLimit: '1 h',
      whenAllFails: 'event-driven-failed-events',
      permissions: [{ needed: 'sqs:SendMessage' }],
    });
  });

  test('a stream writes to its bucket for a day, under the key of S3, and is missed when it is late', () => {
    const stream = audit.hops.find(({ kind }) => kind === 'stream');
    expect(stream).toMatchObject({
      from: 'stream event-driven-analytics',
      ageLimit: '24 h',
      whenAllFails: 'in the archive',
      encryption: 'S3 key, TLS only',
      alarms: ['event-driven-stream-late', 'event-driven-stream-failing'],
    });
    expect(stream?.permissions).toContainEqual({ needed: 's3:PutObject', reason: expect.any(String) });
  });

  test('a stream and a function of the same name are told apart', () => {
    expect(hopOf(audit, 'stream event-driven-analytics', 'call')).toMatchObject({
      from: 'function event-driven-analytics',
      permissions: [{ needed: 'firehose:PutRecordBatch' }],
    });
  });

  test('what the template leaves to defaults is told as AWS has it', () => {
    const bare = auditOf((copy) => {
      for (const { Properties } of resourcesOf(copy, 'AWS::Events::Rule'))
        delete Properties.Targets[0].RetryPolicy;
      for (const { Properties } of resourcesOf(copy, 'AWS::Lambda::EventInvokeConfig'))
        delete Properties.MaximumEventAgeInSeconds;
    });
    expect(hopOf(bare, 'event-driven-notifier', 'delivery')).toMatchObject({
      retry: '185 retries',
      ageLimit: '24 h',
    });
    expect(hopOf(bare, 'event-driven-notifier', 'asynchronous queue')).toMatchObject({ ageLimit: '6 h' });
  });

  test('a topic that reaches nobody is a note, and no gap', () => {
    expect(audit.notes).toEqual([
      'Topic event-driven-notifications has no subscription in this template: unless one is made elsewhere, its messages reach nobody.',
      'Topic event-driven-alarms has no subscription in this template: unless one is made elsewhere, its messages reach nobody.',
      'Topic event-driven-tickets has no subscription in this template: unless one is made elsewhere, its messages reach nobody.',
    ]);
    expect(audit.gaps).toEqual([]);
  });

  test.each([
    ['an e-mail address that is told', { notificationEmail: 'a@example.com', alarmEmail: 'b@example.com' }],
    ['longer retries', { delivery: { retryAttempts: 185, maxEventAge: 86_400 } }],
    ['another account that publishes', { publisherAccounts: { '111122223333': ['partner.billing'] } }],
    ['other thresholds', { alarms: { queueDepth: 10, errors: 100, durationPercent: 99, streamAge: 86_000 } }],
  ])('%s leaves no gap', (_, settings) => {
    expect(auditHops(assemblyOf(synthesize('production', settings).toJSON()), APP).gaps).toEqual([]);
  });

  test('another stage leaves no gap', () => {
    expect(auditHops(assemblyOf(synthesize('dev').toJSON(), 'event-driven-dev'), APP).gaps).toEqual([]);
  });
});

describe('a policy is understood, not only seen:', () => {
  const dlq = { 'Fn::GetAtt': ['BusDeadLetterQueue4287E546', 'Arn'] };
  /** Puts the dead-letter queue under a key of its own, with this statement beside the account's. */
  const underKey = (statement: Json) =>
    auditOf((copy) => {
      const root = { Effect: 'Allow', Principal: { AWS: '000000000000' }, Action: 'kms:*', Resource: '*' };
      const KeyPolicy = { Statement: [root, statement] };
      copy.Resources.QueueKey = { Type: 'AWS::KMS::Key', Properties: { KeyPolicy } };
      const [queue] = resourcesOf(copy, 'AWS::SQS::Queue');
      queue.Properties.KmsMasterKeyId = { Ref: 'QueueKey' };
    }).gaps;
  const forEventBridge = {
    Effect: 'Allow',
    Principal: { Service: 'events.amazonaws.com' },
    Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
    Resource: '*',
  };

  test('a key that lets EventBridge in leaves no gap', () => {
    expect(underKey(forEventBridge)).toEqual([]);
  });

  test('a key that lets EventBridge in for this account only leaves no gap', () => {
    const Condition = { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } };
    expect(underKey({ ...forEventBridge, Condition })).toEqual([]);
  });

  test.each([
    ['for another action', { Action: 'kms:Encrypt' }],
    ['for another service', { Principal: { Service: 'sns.amazonaws.com' } }],
    ['for another account', { Condition: { StringEquals: { 'aws:SourceAccount': '111122223333' } } }],
    ['by refusing it', { Effect: 'Deny' }],
  ])('a key %s is a gap', (_, change) => {
    expect(underKey({ ...forEventBridge, ...change })).toContainEqual({
      kind: 'permission',
      hop: expect.stringMatching(/^delivery: rule .* -> function /),
      resource: expect.any(String),
      type: 'AWS::SQS::Queue',
      name: 'event-driven-dlq',
      message: expect.stringMatching(/^events\.amazonaws\.com may not use its key\. .*kms:/),
    });
  });

  test('whether a key that is not in the template may be used cannot be told', () => {
    const { gaps, unknown } = auditOf((copy) => {
      const key = 'arn:aws:kms:us-east-1:000000000000:key/elsewhere';
      resourcesOf(copy, 'AWS::SQS::Queue')[0].Properties.KmsMasterKeyId = key;
    });
    expect(unknown[0]?.message).toMatch(/The key arn:.*key\/elsewhere is not in this template\./);
    expect(gaps).toEqual([]);
  });

  test('a key of the bus is used by EventBridge, for this bus, and not by those who put events', () => {
    const gapsFor = (bus: string) =>
      auditOf((copy) => {
        const arn = {
          'Fn::Join': [':', ['arn:aws:events', { Ref: 'AWS::Region' }, { Ref: 'AWS::AccountId' }, bus]],
        };
        const Condition = { StringEquals: { 'kms:EncryptionContext:aws:events:event-bus:arn': arn } };
        const KeyPolicy = { Statement: [{ ...forEventBridge, Condition }] };
        copy.Resources.BusKey = { Type: 'AWS::KMS::Key', Properties: { KeyPolicy } };
        resourcesOf(copy, 'AWS::Events::EventBus')[0].Properties.KmsKeyIdentifier = { Ref: 'BusKey' };
        resourcesOf(copy, 'AWS::Events::Archive')[0].Properties.KmsKeyIdentifier = { Ref: 'BusKey' };
      }).gaps.map(({ kind, name }) => [kind, name]);
    // What it cannot encrypt is lost: it has no dead-letter queue.
    const lost = ['failure-destination', 'event-driven-bus'];
    expect(gapsFor('event-bus/event-driven-bus')).toEqual([lost]);
    expect(gapsFor('event-bus/another')).toEqual([
      ['permission', 'event-driven-bus'],
      lost,
      ['permission', 'event-driven-archive'],
    ]);
  });

  test('a role may use a key by its own policy if the key leaves it to the account', () => {
    const gapsWith = (statements: Json[]) =>
      auditOf((copy) => {
        const Principal = { AWS: { Ref: 'AWS::AccountId' } };
        const KeyPolicy = { Statement: [{ Effect: 'Allow', Principal, Action: 'kms:*', Resource: '*' }] };
        copy.Resources.QueueKey = { Type: 'AWS::KMS::Key', Properties: { KeyPolicy } };
        const [, failedEvents] = resourcesOf(copy, 'AWS::SQS::Queue');
        failedEvents.Properties.KmsMasterKeyId = { Ref: 'QueueKey' };
        for (const { Properties } of resourcesOf(copy, 'AWS::IAM::Policy'))
          Properties.PolicyDocument.Statement.push(...statements);
      }).gaps;
    const Action = ['kms:GenerateDataKey', 'kms:Decrypt'];
    const Resource = { 'Fn::GetAtt': ['QueueKey', 'Arn'] };
    expect(gapsWith([{ Effect: 'Allow', Action, Resource }])).toEqual([]);
    expect(gapsWith([])).toHaveLength(resourcesOf(template, 'AWS::Lambda::Function').length);
  });

  test('one statement for all rules of the bus lets each of them in', () => {
    const { gaps } = auditOf((copy) => {
      const [policy] = resourcesOf(copy, 'AWS::SQS::QueuePolicy');
      const arn = { 'Fn::Join': [':', ['arn:aws:events', { Ref: 'AWS::Region' }, '*', 'rule/*']] };
      const [tls] = policy.Properties.PolicyDocument.Statement;
      const send = {
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: dlq,
        Condition: { ArnLike: { 'aws:SourceArn': arn } },
      };
      policy.Properties.PolicyDocument.Statement = [tls, send];
    });
    expect(gaps).toEqual([]);
  });

  test('a Deny that is for other rules refuses none of these', () => {
    const { gaps } = auditOf((copy) => {
      const [policy] = resourcesOf(copy, 'AWS::SQS::QueuePolicy');
      policy.Properties.PolicyDocument.Statement.push({
        Effect: 'Deny',
        Principal: '*',
        Action: 'sqs:*',
        Resource: dlq,
        Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:events:*:*:rule/other-bus/*' } },
      });
    });
    expect(gaps).toEqual([]);
  });

  test('a rule that writes to a stream does so by a role of its own', () => {
    const direct = (Policies: Json[]) =>
      auditOf((copy) => {
        const rule = resourcesOf(copy, 'AWS::Events::Rule').find(
          ({ Properties }) => Properties.Name === 'event-driven-all-events',
        );
        const AssumeRolePolicyDocument = {
          Statement: [
            { Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' }, Action: 'sts:AssumeRole' },
          ],
        };
        copy.Resources.Direct = {
          Type: 'AWS::IAM::Role',
          Properties: { RoleName: 'direct', AssumeRolePolicyDocument, Policies },
        };
        Object.assign(rule.Properties.Targets[0], {
          Arn: { 'Fn::GetAtt': ['AnalyticsStreamCD64CA05', 'Arn'] },
          RoleArn: { 'Fn::GetAtt': ['Direct', 'Arn'] },
        });
      }).gaps;
    const Statement = [
      { Effect: 'Allow', Action: ['firehose:PutRecord', 'firehose:PutRecordBatch'], Resource: '*' },
    ];
    expect(direct([{ PolicyName: 'put', PolicyDocument: { Statement } }])).toEqual([]);
    expect(direct([])).toContainEqual(
      expect.objectContaining({
        kind: 'permission',
        name: 'event-driven-all-events',
        message: expect.stringMatching(/^firehose:PutRecord is not allowed for the role of target Analytics/),
      }),
    );
  });
});

describe('the report', () => {
  const report = (width: number, audit = auditOf()) =>
    auditText(audit, { stackName: 'event-driven', title: 'cdk.out, stack event-driven', width });

  test.each([100, 120, 200])('fits into %i columns, and cuts no name off', (width) => {
    const text = report(width);
    expect(
      Math.max(
        ...text
          .split('\n')
          .filter((line) => /^[│┌├└]/.test(line))
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(width);
    expect(text).not.toContain('…');
    const letters = (string: string) => string.replaceAll(/[^a-z]/gi, '');
    const alarmColumn = text
      .split('\n')
      .map((line) => line.split('│').at(-2) ?? '')
      .join('');
    expect(letters(alarmColumn)).toContain(letters('order-status-projection-undelivered'));
  });

  test('ends with each gap: its kind, the resource, what is wrong, and the hop', () => {
    const audit = auditOf((copy) => {
      delete copy.Resources.OrderProcessorFunctionAllowEventBridgeordercreatedCF9D7397;
    });
    expect(report(120, audit)).toMatch(
      /1 gap:\n {2}✗ permission: event-driven-order-processor: lambda:InvokeFunction is not allowed for rule event-driven-order-created\. .*\n {6}on delivery: rule event-driven-order-created -> function event-driven-order-processor\n {6}OrderProcessorFunction6A10E4C8 \(AWS::Lambda::Function\)$/,
    );
  });
});

describe('npm run audit', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'audit-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const run = (...args: string[]) =>
    spawnSync(process.execPath, [...TYPESCRIPT, 'bin/audit.ts', ...args], { encoding: 'utf8' });

  test('prints the hops and ends with 0 if there is no gap', () => {
    writeAssembly(directory, template);
    const { status, stdout, stderr } = run('--assembly', directory);
    expect(stdout).toContain('No gaps.');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('prints JSON and ends with 1 if there is a gap', () => {
    const copy = structuredClone(template);
    resourcesOf(copy, 'AWS::Events::Rule')[0].Properties.State = 'DISABLED';
    writeAssembly(directory, copy);
    const { status, stdout } = run('--assembly', directory, '--json');
    const { hops, gaps } = JSON.parse(stdout);
    expect(hops[0]).toMatchObject({ kind: 'publish', from: 'publishers', to: 'bus event-driven-bus' });
    expect(gaps).toEqual([
      {
        kind: 'place',
        hop: 'rule: bus event-driven-bus -> rule event-driven-order-created',
        resource: 'Busordercreated668F067F',
        type: 'AWS::Events::Rule',
        name: 'event-driven-order-created',
        message: 'it is disabled: it takes no event.',
      },
    ]);
    expect(status).toBe(1);
  });

  test.each<[string, (directory: string) => string[], RegExp]>([
    ['a folder that is not there', () => ['--assembly', 'nowhere'], /^--assembly nowhere is not a folder/],
    [
      'a folder without an assembly',
      (folder) => ['--assembly', folder],
      /^Cannot read .*manifest\.json \(ENOENT\)/,
    ],
    [
      'a template without rules',
      (folder) => {
        writeAssembly(folder, { Resources: { Queue: { Type: 'AWS::SQS::Queue', Properties: {} } } });
        return ['--assembly', folder];
      },
      /has no AWS::Events::Rule, AWS::Pipes::Pipe or AWS::Scheduler::Schedule\.$/,
    ],
    [
      'a template that is not JSON',
      (folder) => {
        writeAssembly(folder, {});
        writeFileSync(join(folder, 'event-driven.template.json'), 'Resources:');
        return ['--assembly', folder];
      },
      /is not JSON/,
    ],
    ['an unknown flag', () => ['--asembly', 'cdk.out'], /unknown option '--asembly'/],
    ['an argument', () => ['cdk.out'], /too many arguments/],
  ])('%s is one line and exit code 2', (_, prepare, told) => {
    const { status, stdout, stderr } = run(...prepare(directory));
    expect(stderr.trim()).toMatch(told);
    expect(stderr.trim()).not.toContain('\n');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});

describe('the size of an event', () => {
  const queueNamed = (copy: Json, name: string) =>
    resourcesOf(copy, 'AWS::SQS::Queue').find(({ Properties }) => Properties.QueueName === name);

  test.each(['event-driven-dlq', 'event-driven-failed-events'])(
    'that fails fits into %s, unless that takes less',
    (name) => {
      const sizes = ({ gaps }: Audit) => gaps.filter(({ kind }) => kind === 'size');
      expect(sizes(auditOf())).toEqual([]);
      const smaller = auditOf((copy) => {
        queueNamed(copy, name).Properties.MaximumMessageSize = 262_144;
      });
      expect(sizes(smaller)).toContainEqual(
        expect.objectContaining({
          name,
          message: expect.stringMatching(
            /^it takes messages of 262144 bytes, but an event with the record of its failure can have \d+: larger ones are lost/,
          ),
        }),
      );
    },
  );

  test('that an application publishes at most is what its queues have to take', () => {
    const copy = structuredClone(template);
    queueNamed(copy, 'event-driven-failed-events').Properties.MaximumMessageSize = 262_144;
    const { gaps } = auditHops(assemblyOf(copy), { ...APP, maxEventBytes: 200_000 });
    expect(gaps.filter(({ kind }) => kind === 'size')).toEqual([]);
  });

  test('and its failure are put into a standard queue: a FIFO queue is no failure destination', () => {
    const { gaps } = auditOf((copy) => {
      queueNamed(copy, 'event-driven-failed-events').Properties.FifoQueue = true;
    });
    expect(gaps).toContainEqual(
      expect.objectContaining({
        kind: 'failure-destination',
        message: 'Lambda takes no FIFO queue for failures.',
      }),
    );
  });
});

test("a pattern that AWS's matcher gets wrong is a warning, where a rule or an archive has it", () => {
  expect(auditOf().warnings).toEqual([]);
  const { warnings } = auditOf((copy) => {
    const $or = [{ 'detail-type': ['OrderCreated'] }, { 'detail-type': ['OrderCreated', 'X'] }];
    for (const type of ['AWS::Events::Rule', 'AWS::Events::Archive']) {
      const [first] = resourcesOf(copy, type).filter(({ Properties }) => !Properties.ScheduleExpression);
      first.Properties.EventPattern = { source: ['app.orders'], $or };
    }
  });
  expect(warnings).toEqual([
    expect.stringMatching(/^Rule \S+: detail-type: two alternatives of \$or share a value/),
    expect.stringMatching(/^Archive \S+: detail-type: two alternatives/),
  ]);
});
