/** Templates that nobody here wrote: each holds one thing that is right, wrong, or cannot be told. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UNDESCRIBED } from '../../../../tools/app';
import { type Audit, auditHops } from '../../../../tools/proof/audit/audit';
import { readAssembly } from '../../../../tools/template/assembly';
import { Policies } from '../../../../tools/template/policies';
import { assemblyOf } from '../assembly';

const FIXTURES = join(__dirname, '..', '..', 'template', 'fixtures');
const CORPUS = join(__dirname, '..', 'corpus');
const audit = (name: string): Audit =>
  auditHops(readAssembly(join(FIXTURES, `${name}.json`), { region: 'us-east-1' }), UNDESCRIBED);
const of = (name: string, ...kinds: readonly string[]) =>
  audit(name)
    .gaps.filter(({ kind }) => kinds.includes(kind))
    .map(({ message }) => message);

test.each([
  ['a state machine of the template, by a role', 'state-machine-not-in-template'],
  ['an API destination, by a role', 'api-destination'],
  ['a second bus, by a role', 'bus-target-unknown'],
  ['events of AWS on the default bus', 'default-bus-aws-source'],
  ['managed policies', 'managed-policy-ignored'],
  ['a bus without a policy, within one account', 'putevents-denied-without-bus-policy'],
  ['an output that only AWS knows', 'output-attribute'],
  ['a parameter without a default, of a mail address', 'parameter-without-default'],
  ['a condition on a date', 'unrelated-condition-operator'],
])('%s: nothing is said to be missing or forbidden', (_, name) => {
  expect(of(name, 'permission', 'place')).toEqual([]);
});

test("a key without a policy of its own has AWS's default policy, which leaves services out", () => {
  expect(of('kms-key-without-key-policy', 'permission', 'place')).toEqual([
    expect.stringMatching(/^events\.amazonaws\.com may not use its key\. .*the default key policy/),
  ]);
});

test('a role that EventBridge may not assume is a gap, whatever else it allows', () => {
  expect(of('role-not-assumable', 'permission')[0]).toMatch(
    /^sts:AssumeRole is not allowed for events\.amazonaws\.com, by the role of target T\./,
  );
});

test('two rules with long logical ids are two: what one may do, the other may not', () => {
  const rules = audit('name-collision-hides-rule').hops.filter(({ kind }) => kind === 'delivery');
  expect(new Set(rules.map(({ from }) => from)).size).toBe(2);
  expect(of('name-collision-hides-rule', 'permission')).toEqual([
    expect.stringMatching(/^sns:Publish is not allowed for rule .*-f83b9b24\./),
  ]);
});

test('a bus whose name AWS looks up cannot be told, and is no gap', () => {
  expect(of('dynamic-reference-in-sub', 'place')).toEqual([]);
  expect(audit('dynamic-reference-in-sub').unknown).toMatchObject([
    { kind: 'place', message: expect.stringContaining('AWS looks up the dynamic reference to ssm ') },
  ]);
});

test('what comes after a queue is a hop: its reader may not receive, and nothing takes what it fails at', () => {
  expect(of('hop-after-queue', 'permission')).toEqual([
    expect.stringMatching(/^sqs:ReceiveMessage is not allowed for its role/),
    expect.stringMatching(/^sqs:DeleteMessage is not allowed for its role/),
    expect.stringMatching(/^sqs:GetQueueAttributes is not allowed for its role/),
  ]);
  expect(of('hop-after-queue', 'failure-destination')).toContainEqual(
    expect.stringMatching(/^it has no RedrivePolicy: /),
  );
});

test('what an event meets and nobody looks at is named', () => {
  const named = (name: string) => audit(name).notCovered.map(({ resource, type }) => `${resource} ${type}`);
  expect(named('state-machine-not-in-template')).toEqual(['Sm AWS::StepFunctions::StateMachine']);
  expect(named('api-destination')).toEqual(['Ad AWS::Events::ApiDestination']);
  expect(named('cost-of-unpriced-template')).toEqual(['Kin AWS::Kinesis::Stream']);
  expect(named('hop-after-queue')).toEqual([]);
});

test('alarms publish to a topic without a policy, rules do not: such is its default policy', () => {
  const read = readAssembly(join(CORPUS, 'topic-without-policy.yaml'), { region: 'us-east-1' });
  const [topic] = read.ofType('AWS::SNS::Topic');
  const policies = new Policies(read);
  const may = (service: string) =>
    policies.serviceMay(service, 'arn:aws:x', 'sns:Publish', topic?.arn ?? '').allowed;
  expect([may('cloudwatch.amazonaws.com'), may('events.amazonaws.com')]).toEqual([true, false]);
});

test('alarms are asked for where there is something to watch: without a dead-letter queue nothing gets there', () => {
  const watched = (template: string) =>
    auditHops(readAssembly(join(CORPUS, template), { region: 'us-east-1' }), UNDESCRIBED)
      .gaps.filter(({ kind }) => kind === 'alarm')
      .map(({ message }) => /no alarm watches (\w+) /.exec(message)?.[1]);
  const [withQueue, without] = [watched('queue-by-policy.yaml'), watched('dead-letters-missing.yaml')];
  expect(withQueue).toEqual(
    expect.arrayContaining(['InvocationsSentToDlq', 'InvocationsFailedToBeSentToDlq']),
  );
  expect(without).toContain('FailedInvocations');
  expect(without).not.toContain('InvocationsSentToDlq');
  expect(without).not.toContain('InvocationsFailedToBeSentToDlq');
  expect(watched('function-without-destination.yaml')).not.toContain('DestinationDeliveryFailures');
});

describe('what neither the template nor an option says', () => {
  const Rule = {
    Type: 'AWS::Events::Rule',
    Properties: {
      EventPattern: { source: ['shop'] },
      Targets: [{ Id: 'T', Arn: 'arn:aws:sns:eu-west-1:000000000000:told' }],
    },
  };
  const place = (region?: string) => {
    const before = process.env.AWS_REGION;
    delete process.env.AWS_REGION;
    const file = join(mkdtempSync(join(tmpdir(), 'foreign-')), 'told.json');
    writeFileSync(file, JSON.stringify({ Resources: { Rule } }));
    const { gaps, unknown } = auditHops(readAssembly(file, region ? { region } : {}), UNDESCRIBED);
    if (before !== undefined) process.env.AWS_REGION = before;
    const ofPlace = (list: Audit['gaps']) =>
      list.filter(({ kind }) => kind === 'place').map(({ message }) => message);
    return { gaps: ofPlace(gaps), unknown: ofPlace(unknown) };
  };

  test('is no gap: a target in another region than the one that is only assumed', () => {
    expect(place()).toEqual({
      gaps: [],
      unknown: [expect.stringContaining('this stack is in us-east-1, as no --region is given')],
    });
  });

  test('is a gap once it is said', () => {
    expect(place('us-east-1').gaps).toEqual([expect.stringContaining('in the region eu-west-1')]);
  });
});

describe('a function without a log group', () => {
  const said = (...statements: object[]) => {
    const role = {
      Type: 'AWS::IAM::Role',
      Properties: {
        AssumeRolePolicyDocument: {
          Statement: {
            Effect: 'Allow',
            Principal: { Service: 'lambda.amazonaws.com' },
            Action: 'sts:AssumeRole',
          },
        },
        Policies: [{ PolicyName: 'own', PolicyDocument: { Statement: statements } }],
      },
    };
    const Resources = {
      Role: role,
      Worker: {
        Type: 'AWS::Lambda::Function',
        Properties: {
          FunctionName: 'worker',
          Code: { ZipFile: '' },
          Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
        },
      },
      Rule: {
        Type: 'AWS::Events::Rule',
        Properties: {
          EventPattern: { source: ['shop'] },
          Targets: [{ Id: 'T', Arn: { 'Fn::GetAtt': ['Worker', 'Arn'] } }],
        },
      },
    };
    const { gaps } = auditHops(assemblyOf({ Resources }), UNDESCRIBED);
    return gaps.find(({ kind }) => kind === 'coverage')?.message;
  };
  const create = (Resource: string) => ({ Effect: 'Allow', Action: 'logs:CreateLogGroup', Resource });

  test.each([
    '*',
    'arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/worker',
    'arn:aws:logs:*:*:log-group:/aws/lambda/worker:log-stream:*',
  ])('gets one of Lambda if its role may create it: %s', (resource) => {
    expect(said(create(resource))).toContain('Lambda would make one that keeps its lines for ever');
  });

  test.each([[[]], [[create('arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/other')]]])(
    'loses its lines if its role may not: %j',
    (statements) => {
      expect(said(...statements)).toContain('its role may not make one (logs:CreateLogGroup)');
    },
  );
});

test('who reads where a failed record of a stream stands has a day to read the record itself', () => {
  const { notes, gaps } = auditHops(readAssembly(join(CORPUS, 'failures-of-streams.yaml')), UNDESCRIBED);
  expect(notes.join('\n')).toMatch(
    /Positions.* gets where a failed record of table .*Orders.* stands, not the record/,
  );
  expect(gaps.filter(({ kind }) => kind === 'age-limit')).toEqual([]);
});
