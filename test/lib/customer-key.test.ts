/** A key of the account: what is under it, and that everybody who needs it has it, and nobody less. */
import type { Template } from 'aws-cdk-lib/assertions';
import { APP } from '../../bin/app-description';
import { requireSupported } from '../../tools/local/supported';
import { auditHops } from '../../tools/proof/audit/audit';
import { assemblyOf } from '../tools/proof/assembly';
import { problemsOf } from './proven';
import { synthesize } from './synthesize';

/** Untyped, as the template is. */
type Json = ReturnType<Template['toJSON']>[string];

const template = synthesize('production', {
  ...{ customerManagedKey: true, alarmEmail: 'a@example.com', notificationEmail: 'b@example.com' },
  ...{ busLogLevel: 'ERROR', analyticsAccessLogs: true, dailyReportScheduler: {} },
  serviceEvents: { uploads: { source: ['aws.s3'] } },
}).toJSON();
const resources = Object.entries<Json>(template.Resources);
const [keyId = ''] = resources.flatMap(([id, { Type }]) =>
  Type === 'AWS::KMS::Key' && id.startsWith('CustomerKey') ? [id] : [],
);

test('holds every rule of the house', () => {
  const problems = problemsOf(assemblyOf(template));
  expect(problems.filter((each) => !each.startsWith('not looked at'))).toEqual([]);
});

test('is no reason for the local run to refuse the stack', () => {
  expect(() => requireSupported(assemblyOf(template))).not.toThrow();
});

test('lets each service in by its source or by what is encrypted, on no condition that is for roles', () => {
  const { Statement } = template.Resources[keyId].Properties.KeyPolicy;
  const ofServices = Statement.filter(
    ({ Principal, Action }: Json) => Principal.Service && Action !== 'kms:DescribeKey',
  );
  expect(ofServices.length).toBeGreaterThan(2);
  for (const { Sid, Condition } of ofServices) {
    const keys = Object.values<object>(Condition).flatMap(Object.keys).join();
    expect([Sid, keys]).toEqual([Sid, expect.stringMatching(/aws:SourceArn|kms:EncryptionContext/)]);
    expect([Sid, keys]).toEqual([Sid, expect.not.stringContaining('kms:ViaService')]);
  }
});

test('is on everything that holds events, but the queue for what it cannot encrypt', () => {
  const property: Record<string, (of: Json) => Json> = {
    'AWS::DynamoDB::Table': ({ SSESpecification }) => SSESpecification.KMSMasterKeyId,
    'AWS::Events::Archive': ({ KmsKeyIdentifier }) => KmsKeyIdentifier,
    'AWS::Events::EventBus': ({ KmsKeyIdentifier }) => KmsKeyIdentifier,
    'AWS::KinesisFirehose::DeliveryStream': (of) => of.DeliveryStreamEncryptionConfigurationInput.KeyARN,
    'AWS::Logs::LogGroup': ({ KmsKeyId }) => KmsKeyId,
    'AWS::S3::Bucket': ({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [rule],
      },
    }) => rule.ServerSideEncryptionByDefault.KMSMasterKeyID,
    'AWS::SNS::Topic': ({ KmsMasterKeyId }) => KmsMasterKeyId,
    'AWS::SQS::Queue': ({ KmsMasterKeyId }) => KmsMasterKeyId,
  };
  const without = resources.flatMap(([id, { Type, Properties }]) => {
    const key = property[Type]?.(Properties);
    return property[Type] && key?.['Fn::GetAtt']?.[0] !== keyId ? [id.replace(/[0-9A-F]{8}$/, '')] : [];
  });
  // Alarms have a key that lets CloudWatch in; S3 writes access logs under no key of KMS.
  expect(without.sort()).toEqual(
    [
      'AnalyticsStreamAccessLogs',
      'CustomerKeyBusDeadLetterQueue',
      'MonitoringTicketsTopic',
      'MonitoringTopic',
    ].sort(),
  );
});

/** Gaps that the audit finds, or cannot tell, in a template that is changed. */
function gapsAfter(change: (resources: Record<string, Json>) => void): string[] {
  const changed = structuredClone(template);
  change(changed.Resources);
  const { gaps, unknown } = auditHops(assemblyOf(changed), APP);
  return [...gaps, ...unknown].map(({ message }) => message);
}

const policyOfKey = (of: Record<string, Json>): Json[] => of[keyId].Properties.KeyPolicy.Statement;
const services = policyOfKey(template.Resources).flatMap(({ Sid }) =>
  Sid && Sid !== 'AllowBusToDescribe' ? [Sid] : [],
);

test.each(services)('without the statement %s the audit finds who may not use it', (sid) => {
  const gaps = gapsAfter((of) => {
    const statements = policyOfKey(of);
    statements.splice(
      statements.findIndex(({ Sid }) => Sid === sid),
      1,
    );
  });
  expect(gaps.filter((message) => /may (not )?use its key/.test(message))).not.toEqual([]);
});

const usesKey = (statement: Json) => JSON.stringify(statement.Action).includes('kms:Decrypt');
const policies = resources.flatMap(([id, { Type, Properties }]) =>
  Type === 'AWS::IAM::Policy' && Properties.PolicyDocument.Statement.some(usesKey) ? [id] : [],
);

test.each(policies)('without it in %s the audit finds the role that may not use it', (id) => {
  const gaps = gapsAfter((of) => {
    const { PolicyDocument } = of[id].Properties;
    PolicyDocument.Statement = PolicyDocument.Statement.filter((each: Json) => !usesKey(each));
  });
  expect(gaps.filter((message) => /may (not )?use its key/.test(message))).not.toEqual([]);
});

test('the bus has a dead-letter queue of its own, which it may send to, and which is under no key of the account', () => {
  const bus = (of: Record<string, Json>) =>
    Object.values(of).find(({ Type }) => Type === 'AWS::Events::EventBus').Properties;
  const queue = (of: Record<string, Json>) => of[bus(of).DeadLetterConfig.Arn['Fn::GetAtt'][0]].Properties;
  expect(gapsAfter((of) => delete bus(of).DeadLetterConfig)).toContainEqual(
    expect.stringContaining('it has a key, and no dead-letter queue'),
  );
  expect(
    gapsAfter((of) => Object.assign(queue(of), { KmsMasterKeyId: bus(of).KmsKeyIdentifier })),
  ).toContainEqual(expect.stringContaining('it is under the key of its bus'));
});
