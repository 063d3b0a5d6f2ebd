/**
 * Parts of a template that the local run supports. Resources of an unknown type are reported at the start, and do not run;
 * an unknown property of a resource that runs stops the start with its name.
 */
import { type Assembly, AssemblyError, busName, type Resource } from '../template/assembly';
import { functionReference, functionsOf } from '../template/functions';
import { invokeConfigsOf } from '../template/invoke-config';
import { hasPlaceholder, reasonsOf } from '../template/placeholder';
import { Policies } from '../template/policies';
import { rulesOf } from '../template/rules';
import { hasStream } from './services/table-streams';
import { STREAMS } from './services/tables';
import { whyStateMachineNotRun } from './state-machine/state-machine';

/** Types that are run. Each is read by the part that runs it, which refuses properties that it does not know. */
const RUN: readonly string[] = [
  ...['AWS::Events::Archive', 'AWS::Events::EventBus', 'AWS::Events::EventBusPolicy', 'AWS::Events::Rule'],
  ...['AWS::Lambda::EventInvokeConfig', 'AWS::Lambda::EventSourceMapping'],
  ...['AWS::Lambda::Function', 'AWS::Lambda::Permission'],
  ...['AWS::SQS::Queue', 'AWS::SQS::QueuePolicy'],
  ...['AWS::SNS::Subscription', 'AWS::SNS::Topic', 'AWS::SNS::TopicPolicy'],
  ...['AWS::DynamoDB::GlobalTable', 'AWS::DynamoDB::Table', 'AWS::KinesisFirehose::DeliveryStream'],
  ...['AWS::IAM::ManagedPolicy', 'AWS::IAM::Policy', 'AWS::IAM::Role', 'AWS::IAM::RolePolicy'],
  ...['AWS::Logs::LogGroup', 'AWS::Logs::ResourcePolicy', 'AWS::Scheduler::Schedule', 'AWS::Pipes::Pipe'],
  'AWS::StepFunctions::StateMachine',
];

/** Types that no event meets on its way, and why. */
export const INERT: Readonly<Record<string, string>> = {
  'AWS::ApplicationAutoScaling::ScalableTarget': 'no request is refused here for want of capacity',
  'AWS::ApplicationAutoScaling::ScalingPolicy': 'no request is refused here for want of capacity',
  'AWS::CDK::Metadata': 'tells AWS which constructs are used',
  'AWS::CloudWatch::Alarm': 'watches; it handles no event',
  'AWS::CloudWatch::CompositeAlarm': 'watches; it handles no event',
  'AWS::CloudWatch::Dashboard': 'shows; it handles no event',
  'AWS::CodeDeploy::Application': 'moves events between versions, of which there is one here',
  'AWS::CodeDeploy::DeploymentGroup': 'moves events between versions, of which there is one here',
  'AWS::EventSchemas::Discoverer': 'reads events; it changes none',
  'AWS::EventSchemas::Registry': 'describes events; it handles none',
  'AWS::EventSchemas::Schema': 'describes events; it handles none',
  'AWS::Events::ApiDestination': 'is called with --allow-egress of its host; otherwise its target records',
  'AWS::Events::Connection': 'has the credentials of API destinations',
  'AWS::KMS::Alias': 'encryption at rest is not seen by those who may read',
  'AWS::KMS::Key': 'encryption at rest is not seen by those who may read',
  'AWS::Lambda::Alias': 'names the only version of its function here',
  'AWS::Lambda::Version': 'is the function itself here',
  'AWS::Logs::Delivery': 'hands on what a service says about itself; it handles no event',
  'AWS::Logs::DeliveryDestination': 'hands on what a service says about itself; it handles no event',
  'AWS::Logs::DeliverySource': 'hands on what a service says about itself; it handles no event',
  'AWS::Logs::LogStream': 'log streams are made when they are written to',
  'AWS::Logs::MetricFilter': 'counts log lines; it handles no event',
  'AWS::Logs::QueryDefinition': 'a saved query',
  'AWS::S3::Bucket': 'objects become files, of the delivery stream that writes them',
  'AWS::S3::BucketPolicy': 'nobody but the delivery stream reaches the files through the stack',
  'AWS::Scheduler::ScheduleGroup': 'a name under which schedules are counted',
  'AWS::XRay::SamplingRule': 'traces; it handles no event',
  'Custom::S3AutoDeleteObjects': 'acts only when the stack is deleted',
};

/**
 * Properties of which the run needs nothing, or for which a part will do that only AWS knows: a handler gets the
 * placeholder in its environment, and what a statement with one allows is denied.
 */
const MAY_BE_UNKNOWN: Readonly<Record<string, readonly string[]>> = {
  'AWS::DynamoDB::GlobalTable': ['SSESpecification', 'Tags'],
  'AWS::DynamoDB::Table': ['KinesisStreamSpecification', 'ResourcePolicy', 'SSESpecification', 'Tags'],
  'AWS::Events::Archive': ['Description', 'KmsKeyIdentifier'],
  'AWS::Events::EventBus': ['Description', 'KmsKeyIdentifier', 'LogConfig', 'Policy', 'Tags'],
  'AWS::Events::EventBusPolicy': ['Condition', 'Principal', 'Statement'],
  'AWS::IAM::ManagedPolicy': ['Description', 'PolicyDocument'],
  'AWS::IAM::Policy': ['PolicyDocument'],
  'AWS::IAM::Role': ['AssumeRolePolicyDocument', 'Description', 'ManagedPolicyArns', 'Policies', 'Tags'],
  'AWS::IAM::RolePolicy': ['PolicyDocument'],
  'AWS::KinesisFirehose::DeliveryStream': ['DeliveryStreamEncryptionConfigurationInput', 'Tags'],
  'AWS::Lambda::Function': [
    ...['CodeSigningConfigArn', 'Description', 'Environment', 'FileSystemConfigs', 'KmsKeyArn', 'Layers'],
    ...['Tags', 'VpcConfig'],
  ],
  'AWS::Lambda::Permission': ['SourceAccount', 'SourceArn'],
  'AWS::Logs::LogGroup': ['KmsKeyId', 'Tags'],
  // A stream's ARN has the time in it at which AWS made the stream.
  'AWS::Pipes::Pipe': ['KmsKeyIdentifier', 'LogConfiguration', 'Source', 'Tags'],
  // Where it is a queue, the topic refuses one that it does not know.
  'AWS::SNS::Subscription': ['Endpoint'],
  'AWS::SNS::Topic': ['DisplayName', 'KmsMasterKeyId', 'Subscription', 'Tags'],
  'AWS::SNS::TopicPolicy': ['PolicyDocument'],
  'AWS::SQS::Queue': ['KmsMasterKeyId', 'Tags'],
  'AWS::StepFunctions::StateMachine': ['EncryptionConfiguration', 'Tags', 'TracingConfiguration'],
  'AWS::SQS::QueuePolicy': ['PolicyDocument'],
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
  const { function: called } = functionReference(assembly, String(FunctionName));
  return isQueue && called?.type === 'AWS::Lambda::Function' && isRunnable(called);
}

/** Resources that do not run here, a line each: what they would do in AWS does not happen. */
export function notRun(assembly: Assembly): string[] {
  const left = assembly.notCovered.map(
    ({ type, resource, message }) => `${type} ${resource} does not run here: ${message}`,
  );
  const resources = [...assembly.resources.values()].flatMap((resource) => {
    const { type, logicalId } = resource;
    const why = Object.hasOwn(INERT, type) ? undefined : whyNotRun(resource, assembly);
    return why === undefined ? [] : `${type} ${logicalId} does not run here${why && `: ${why}`}.`;
  });
  return [...left, ...resources];
}

/** @returns the reason why a resource does not run, empty for a type that is not known; undefined if it runs */
function whyNotRun(resource: Resource, assembly: Assembly): string | undefined {
  const { type, properties } = resource;
  if (!RUN.includes(type)) return '';
  if (type === 'AWS::Lambda::Function' && !isRunnable(resource)) {
    return `it is ${properties.PackageType === 'Image' ? 'an image' : `of the runtime ${properties.Runtime}`}, and only Node.js is run`;
  }
  if (type === 'AWS::Lambda::EventSourceMapping' && !isRunMapping(resource, assembly)) {
    return 'it is not from a queue of this stack to a function that runs';
  }
  if (type === 'AWS::StepFunctions::StateMachine') return whyStateMachineNotRun(resource);
  if (type === 'AWS::Pipes::Pipe') return whyPipeNotRun(resource, assembly);
  return type === 'AWS::Events::Rule' ? whyRuleNotRun(resource, assembly) : undefined;
}

/** The table whose stream a pipe reads; undefined if its source is anything else. */
export function tableOfPipe({ properties }: Resource, assembly: Assembly): Resource | undefined {
  const arn = String(properties.Source);
  const tables = ['AWS::DynamoDB::Table', 'AWS::DynamoDB::GlobalTable'].flatMap(assembly.ofType);
  return tables.find((table) => arn.startsWith(`${table.arn}/stream/`) && hasStream(table));
}

function whyPipeNotRun(resource: Resource, assembly: Assembly): string | undefined {
  const { Enrichment, SourceParameters, Target } = resource.properties;
  if (!tableOfPipe(resource, assembly)) return 'its source is not the stream of a table of this stack';
  if (Enrichment !== undefined) return 'it has an enrichment';
  const buses = assembly.ofType('AWS::Events::EventBus').map(({ arn }) => arn);
  const standard = `arn:${assembly.partition}:events:${assembly.region}:${assembly.account}:event-bus/default`;
  if (![...buses, standard].includes(Target)) return 'its target is not an event bus of this stack';
  const dead = SourceParameters?.DynamoDBStreamParameters?.DeadLetterConfig?.Arn;
  if (dead === undefined || assembly.ofType('AWS::SQS::Queue').some(({ arn }) => arn === dead))
    return undefined;
  return 'its dead-letter queue is not a queue of this stack';
}

/** The pipes that run. */
export function pipesToRun(assembly: Assembly): Resource[] {
  return assembly.ofType('AWS::Pipes::Pipe').filter((pipe) => whyPipeNotRun(pipe, assembly) === undefined);
}

function whyRuleNotRun({ properties }: Resource, assembly: Assembly): string | undefined {
  const { EventBusName, Targets = [], ...others } = properties;
  const bus = busName(EventBusName);
  const targets = ['AWS::SQS::Queue', 'AWS::SNS::Topic', 'AWS::Events::EventBus'].flatMap(assembly.ofType);
  const runnable = [...assembly.ofType('AWS::Lambda::Function').filter(isRunnable), ...runMachines(assembly)];
  const run = new Set([...targets, ...runnable].map(({ arn }) => arn));
  const isRecorded = ({ Arn }: { Arn?: unknown }) => typeof Arn === 'string' && !run.has(Arn);
  // Targets that do not run only need a known payload.
  const needed = Targets.map((each: Record<string, unknown>) => (isRecorded(each) ? inputOf(each) : each));
  const unknown = reasonsOf([bus, needed, others]);
  if (unknown) return unknown;
  const buses = assembly.ofType('AWS::Events::EventBus').map(({ name }) => name);
  return bus === 'default' || buses.includes(bus) ? undefined : `its bus ${bus} is not in this stack`;
}

/** The state machines that run. */
export const runMachines = (assembly: Assembly): Resource[] =>
  assembly.ofType('AWS::StepFunctions::StateMachine').filter((each) => !whyStateMachineNotRun(each));

/** The rules that run. */
export function rulesToRun(assembly: Assembly): Resource[] {
  return assembly.ofType('AWS::Events::Rule').filter((rule) => !whyRuleNotRun(rule, assembly));
}

/** Parts of resources that run, and that do not: left out, or known to AWS only. A line each. */
export function knownInPart(assembly: Assembly): string[] {
  return [...assembly.resources.values()].flatMap((resource) => {
    const { type, logicalId, properties, uncertain } = resource;
    if (Object.hasOwn(INERT, type) || whyNotRun(resource, assembly) !== undefined) return [];
    const named = `${type} ${logicalId}`;
    const assumed = uncertain === undefined ? [] : [`${named} runs, though ${uncertain}.`];
    const isPiped = pipesToRun(assembly).some((pipe) => tableOfPipe(pipe, assembly) === resource);
    const unread = STREAMS.filter((property) => !(isPiped && property === 'StreamSpecification'));
    const streams = unread
      .filter((property) => properties[property])
      .map((property) => `${named} runs without its ${property}: nobody gets its changes.`);
    const unknown = (MAY_BE_UNKNOWN[type] ?? []).flatMap((property): string[] => {
      const reason = reasonsOf(properties[property]);
      if (!reason) return [];
      if (property === 'Environment') {
        const { Variables = {} } = properties.Environment;
        const names = Object.keys(Variables).filter((name) => hasPlaceholder(Variables[name]));
        return [`${named} runs with a placeholder in its ${names.join(', ')}: ${reason}.`];
      }
      if (type === 'AWS::Pipes::Pipe') return [];
      // Nobody runs here whom the other permissions are for.
      if (type === 'AWS::Lambda::Permission' && !/^(events|sns)\./.test(properties.Principal)) return [];
      const isPolicy = /Polic|Principal|Statement|Condition|Source/.test(property);
      return isPolicy ? [`${named}: what its ${property} allows is denied in part: ${reason}.`] : [];
    });
    return [...assumed, ...streams, ...unknown];
  });
}

/** Checks whether an action is of a service that nothing here answers for. */
const isElsewhere = (action: string): boolean => {
  const [service = ''] = action.toLowerCase().split(':');
  return /^[a-z0-9-]+$/.test(service) && action.includes(':') && !SERVICES.includes(service);
};

/** Prefixes of actions of the services that run. */
const SERVICES: readonly string[] = [
  ...[
    'cloudformation',
    'cloudtrail',
    'cloudwatch',
    'dynamodb',
    'events',
    'firehose',
    'kms',
    'lambda',
    'logs',
  ],
  ...['s3', 'sns', 'sqs', 'states', 'xray'],
];

/** @throws AssemblyError that names the first resource of which something must be known and is not */
export function requireSupported(assembly: Assembly): void {
  for (const resource of assembly.resources.values()) {
    const { type, logicalId, properties } = resource;
    if (Object.hasOwn(INERT, type) || whyNotRun(resource, assembly) !== undefined) continue;
    // A rule whose needed properties are not known does not run.
    if (type === 'AWS::Events::Rule') continue;
    const needed = Object.fromEntries(
      Object.entries(properties).filter(([name]) => !MAY_BE_UNKNOWN[type]?.includes(name)),
    );
    const unknown = reasonsOf(needed);
    if (unknown)
      throw new AssemblyError(`${type} ${logicalId}: the local run needs all of it, but ${unknown}.`);
  }
  for (const { resource, qualifier } of invokeConfigsOf(assembly)) {
    const aliases = assembly.ofType('AWS::Lambda::Alias').map(({ name }) => name);
    if (qualifier === undefined || aliases.includes(qualifier)) continue;
    throw new AssemblyError(
      `${resource.type} ${resource.logicalId}: the local run knows no version or alias (${qualifier}).`,
    );
  }
  const targeted = rulesOf(assembly).flatMap((rule) =>
    rule.targets.flatMap(({ reference }) => reference.resource ?? []),
  );
  const rolesOf = (isMeant: (resource: Resource) => boolean) =>
    functionsOf(assembly)
      .filter(({ resource }) => isRunnable(resource) && isMeant(resource))
      .map(({ role }) => assembly.find(role)?.logicalId);
  const [used, all] = [rolesOf((resource) => targeted.includes(resource)), rolesOf(() => true)];
  for (const { resource, type, message, actions, onlyAllows, roles } of new Policies(assembly).notCovered) {
    if (!RUN.includes(type) || actions?.every(isElsewhere)) continue;
    // The account's own need no policy of a bus, and others do not come here.
    if (type === 'AWS::Events::EventBusPolicy' && onlyAllows) continue;
    const matters = type === 'AWS::IAM::Role' ? used : all;
    if (roles && !roles.some((role) => matters.includes(role))) continue;
    throw new AssemblyError(`${type} ${resource}: the local run cannot tell what it allows, for ${message}`);
  }
}
