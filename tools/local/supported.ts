/**
 * Parts of a template that the local run supports. Resources of an unknown type are reported at the start, and do not run;
 * an unknown property of a resource that runs stops the start with its name.
 */
import { type Assembly, AssemblyError, type Resource } from '../template/assembly';
import { functionsOf } from '../template/functions';
import { invokeConfigsOf } from '../template/invoke-config';
import { reasonsOf } from '../template/placeholder';
import { Policies } from '../template/policies';
import { rulesOf } from '../template/rules';

/** Types that are run. Each is read by the part that runs it, which refuses properties that it does not know. */
const RUN: readonly string[] = [
  ...['AWS::Events::Archive', 'AWS::Events::EventBus', 'AWS::Events::EventBusPolicy', 'AWS::Events::Rule'],
  ...['AWS::Lambda::EventInvokeConfig', 'AWS::Lambda::EventSourceMapping'],
  ...['AWS::Lambda::Function', 'AWS::Lambda::Permission'],
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

const inputOf = ({ Input, InputPath, InputTransformer }: Record<string, unknown>) => ({
  ...{ Input, InputPath, InputTransformer },
});

/** Checks whether the function's code can be run: a bundle for Node.js. */
export function isRunnable({ properties }: Resource): boolean {
  const { PackageType = 'Zip', Runtime } = properties;
  return PackageType === 'Zip' && /^nodejs\d+\.x$/.test(String(Runtime));
}

/** Checks whether the mapping is from a queue of the template to a function that can be run. */
export function isRunMapping({ properties }: Resource, assembly: Assembly): boolean {
  const { EventSourceArn, FunctionName } = properties;
  const isQueue = assembly.ofType('AWS::SQS::Queue').some(({ arn }) => arn === EventSourceArn);
  const functions = assembly.ofType('AWS::Lambda::Function').filter(isRunnable);
  return isQueue && functions.some(({ arn, name }) => arn === FunctionName || name === FunctionName);
}

/** Resources that do not run here, a line each: what they would do in AWS does not happen. */
export function notRun(assembly: Assembly): string[] {
  return [...assembly.resources.values()].flatMap((resource) => {
    const { type, logicalId, properties } = resource;
    if (Object.hasOwn(INERT, type)) return [];
    if (!RUN.includes(type)) return `${type} ${logicalId} does not run here.`;
    if (type === 'AWS::Lambda::Function' && !isRunnable(resource)) {
      return `${type} ${logicalId} does not run here: it is ${properties.PackageType === 'Image' ? 'an image' : `of the runtime ${properties.Runtime}`}, and only Node.js is run.`;
    }
    if (type === 'AWS::Lambda::EventSourceMapping' && !isRunMapping(resource, assembly)) {
      return `${type} ${logicalId} does not run here: it is not from a queue of this stack to a function that runs.`;
    }
    return [];
  });
}

/** @throws AssemblyError that names the first resource of which something must be known and is not */
export function requireSupported(assembly: Assembly): void {
  const [left] = assembly.notCovered;
  if (left) throw new AssemblyError(`${left.type} ${left.resource}: ${left.message}`);
  const targets = ['AWS::SQS::Queue', 'AWS::SNS::Topic', 'AWS::Events::EventBus'].flatMap(assembly.ofType);
  const run = new Set(
    [...targets, ...assembly.ofType('AWS::Lambda::Function').filter(isRunnable)].map(({ arn }) => arn),
  );
  const isRecorded = ({ Arn }: { Arn?: unknown }) => typeof Arn === 'string' && !run.has(Arn);
  for (const { type, logicalId, properties, uncertain } of assembly.resources.values()) {
    if (Object.hasOwn(INERT, type)) continue;
    if (!RUN.includes(type)) continue;
    // Targets that do not run only need a known payload.
    const needed =
      type === 'AWS::Events::Rule'
        ? {
            ...properties,
            Targets: properties.Targets?.map((each: Record<string, unknown>) =>
              isRecorded(each) ? inputOf(each) : each,
            ),
          }
        : properties;
    const unknown = uncertain ?? reasonsOf(needed);
    if (unknown)
      throw new AssemblyError(`${type} ${logicalId}: the local run needs all of it, but ${unknown}.`);
  }
  for (const { resource, qualifier } of invokeConfigsOf(assembly)) {
    if (qualifier === undefined) continue;
    throw new AssemblyError(
      `${resource.type} ${resource.logicalId}: the local run knows no version or alias (${qualifier}).`,
    );
  }
  const targeted = rulesOf(assembly).flatMap((rule) =>
    rule.targets.flatMap(({ reference }) => reference.resource ?? []),
  );
  const roles = functionsOf(assembly)
    .filter(({ resource }) => targeted.includes(resource))
    .map(({ role }) => role);
  const isUsed = (id: string) => roles.includes(assembly.resources.get(id)?.arn ?? '');
  for (const { resource, type, message } of new Policies(assembly).notCovered) {
    if (!RUN.includes(type) || (type === 'AWS::IAM::Role' && !isUsed(resource))) continue;
    throw new AssemblyError(`${type} ${resource}: the local run cannot tell what it allows, for ${message}`);
  }
}
