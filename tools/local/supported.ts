/**
 * What the local run knows of a template. All else stops the start with its name: it would do something in AWS
 * that would silently not happen here.
 */
import { type Assembly, AssemblyError } from '../template/assembly';
import { functionsOf } from '../template/functions';
import { invokeConfigsOf } from '../template/invoke-config';
import { reasonsOf } from '../template/placeholder';
import { Policies } from '../template/policies';
import { rulesOf } from '../template/rules';

/** Types that are run. Each is read by the part that runs it, which refuses properties that it does not know. */
const RUN: readonly string[] = [
  ...['AWS::Events::Archive', 'AWS::Events::EventBus', 'AWS::Events::EventBusPolicy', 'AWS::Events::Rule'],
  ...['AWS::Lambda::EventInvokeConfig', 'AWS::Lambda::Function', 'AWS::Lambda::Permission'],
  ...['AWS::SQS::Queue', 'AWS::SQS::QueuePolicy'],
  ...['AWS::SNS::Subscription', 'AWS::SNS::Topic', 'AWS::SNS::TopicPolicy'],
  ...['AWS::DynamoDB::GlobalTable', 'AWS::DynamoDB::Table', 'AWS::KinesisFirehose::DeliveryStream'],
  ...['AWS::IAM::ManagedPolicy', 'AWS::IAM::Policy', 'AWS::IAM::Role', 'AWS::IAM::RolePolicy'],
  ...['AWS::Logs::LogGroup'],
];

/** Types that no event meets on its way, and why. */
export const INERT: Readonly<Record<string, string>> = {
  'AWS::CDK::Metadata': 'tells AWS which constructs are used',
  'AWS::CloudWatch::Alarm': 'watches; it handles no event',
  'AWS::CloudWatch::CompositeAlarm': 'watches; it handles no event',
  'AWS::CloudWatch::Dashboard': 'shows; it handles no event',
  'AWS::KMS::Alias': 'encryption at rest is not seen by those who may read',
  'AWS::KMS::Key': 'encryption at rest is not seen by those who may read',
  'AWS::Logs::Delivery': 'hands on what a service says about itself; it handles no event',
  'AWS::Logs::DeliveryDestination': 'hands on what a service says about itself; it handles no event',
  'AWS::Logs::DeliverySource': 'hands on what a service says about itself; it handles no event',
  'AWS::Logs::LogStream': 'log streams are made when they are written to',
  'AWS::Logs::MetricFilter': 'counts log lines; it handles no event',
  'AWS::Logs::QueryDefinition': 'a saved query',
  'AWS::S3::Bucket': 'objects become files, of the delivery stream that writes them',
  'AWS::S3::BucketPolicy': 'nobody but the delivery stream reaches the files through the stack',
  'AWS::XRay::SamplingRule': 'traces; it handles no event',
  'Custom::S3AutoDeleteObjects': 'acts only when the stack is deleted',
};

/** @throws AssemblyError that names the first resource which is not known */
export function requireSupported(assembly: Assembly): void {
  const [left] = assembly.notCovered;
  if (left) throw new AssemblyError(`${left.type} ${left.resource}: ${left.message}`);
  for (const { type, logicalId, properties, uncertain } of assembly.resources.values()) {
    if (Object.hasOwn(INERT, type)) continue;
    if (!RUN.includes(type)) {
      throw new AssemblyError(`${type} ${logicalId}: the local run does not know this type of resource.`);
    }
    const unknown = uncertain ?? reasonsOf(properties);
    if (unknown)
      throw new AssemblyError(`${type} ${logicalId}: the local run needs all of it, but ${unknown}.`);
  }
  for (const { resource, qualifier } of invokeConfigsOf(assembly)) {
    if (qualifier === undefined) continue;
    throw new AssemblyError(
      `${resource.type} ${resource.logicalId}: the local run knows no version or alias (${qualifier}).`,
    );
  }
  const targets = rulesOf(assembly).flatMap((rule) =>
    rule.targets.flatMap(({ reference }) => reference.resource ?? []),
  );
  const roles = functionsOf(assembly)
    .filter(({ resource }) => targets.includes(resource))
    .map(({ role }) => role);
  const isUsed = (id: string) => roles.includes(assembly.resources.get(id)?.arn ?? '');
  for (const { resource, type, message } of new Policies(assembly).notCovered) {
    if (!RUN.includes(type) || (type === 'AWS::IAM::Role' && !isUsed(resource))) continue;
    throw new AssemblyError(`${type} ${resource}: the local run cannot tell what it allows, for ${message}`);
  }
}
