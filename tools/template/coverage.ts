/**
 * Resources on or near an event's way that a tool does not look at, or that a condition keeps out; each tool reports
 * them.
 */
import { InputError } from '../cli/errors';
import type { AbsentResource } from './absent';
import { eventSourceMappingsOf, pipesOf } from './event-source-mappings';
import type { Assembly, NotCovered, Resource } from './resource';
import { rulesOf } from './rules';
import { schedulesOf } from './schedules';
import { targetTypeOf } from './targets';

/** Services whose resources take, keep or hand on events. */
const ON_THE_WAY =
  /^AWS::(AmazonMQ|EventSchemas|Events|EventsV2|Kinesis|KinesisFirehose|Lambda|MSK|Pipes|Scheduler|SNS|SQS|StepFunctions)::/;

/** A stack for other accounts, whose template is a part of a property. */
const STACK_SET = 'AWS::CloudFormation::StackSet';

/** Types of resources that hand events on; a template without any has nothing to prove. */
const SENDERS = ['AWS::Events::Rule', 'AWS::Pipes::Pipe', 'AWS::Scheduler::Schedule'];

/** @throws InputError if nothing in the template hands events on, under no condition either */
export function requireSenders(assembly: Assembly): void {
  const { directory, stackName, resources, absent, notCovered } = assembly;
  const types = [...resources.values(), ...absent, ...notCovered].map(({ type }) => type);
  if (types.some((type) => SENDERS.includes(type))) return;
  const senders = `${SENDERS.slice(0, -1).join(', ')} or ${SENDERS.at(-1)}`;
  throw new InputError(`${directory}: the template of ${stackName} has no ${senders}.`);
}

/** Types that are read as a part of another resource, or that no event meets. */
const PARTS: readonly string[] = [
  ...['AWS::Events::Connection', 'AWS::Events::EventBusPolicy', 'AWS::EventSchemas::Registry'],
  ...['AWS::EventSchemas::RegistryPolicy', 'AWS::EventSchemas::Schema'],
  ...['AWS::Kinesis::ResourcePolicy', 'AWS::Lambda::Alias', 'AWS::Lambda::CodeSigningConfig'],
  ...['AWS::Lambda::EventInvokeConfig', 'AWS::Lambda::LayerVersion', 'AWS::Lambda::LayerVersionPermission'],
  ...[
    'AWS::Lambda::Permission',
    'AWS::Lambda::Version',
    'AWS::SNS::TopicInlinePolicy',
    'AWS::SNS::TopicPolicy',
  ],
  ...['AWS::SQS::QueueInlinePolicy', 'AWS::SQS::QueuePolicy', 'AWS::Scheduler::ScheduleGroup'],
  ...['AWS::StepFunctions::StateMachineAlias', 'AWS::StepFunctions::StateMachineVersion'],
];

/**
 * @param looksAt types that the tool looks at
 * @param why they are not looked at, as a sentence
 * @returns the others on an event's way, those that rules, pipes, schedules and mappings name among them, and what
 * the assembly itself leaves out
 */
export function notLookedAt(assembly: Assembly, looksAt: readonly string[], why?: string): NotCovered[] {
  const named = new Set<Resource | undefined>([
    ...rulesOf(assembly).flatMap(({ targets }) => targets.map(({ reference }) => reference.resource)),
    ...pipesOf(assembly).flatMap(({ source, target }) => [source.resource, target.resource]),
    ...schedulesOf(assembly).map(({ target }) => target.resource),
    ...eventSourceMappingsOf(assembly).map(({ source }) => source?.resource),
  ]);
  const left = [...assembly.resources.values()].filter(
    (resource) =>
      !looksAt.includes(resource.type) &&
      !PARTS.includes(resource.type) &&
      (ON_THE_WAY.test(resource.type) || named.has(resource)),
  );
  const stackSets = assembly.ofType(STACK_SET).map(({ logicalId: resource, type }) => ({
    resource,
    type,
    message: 'what its own template has is not looked at.',
  }));
  return [
    ...assembly.notCovered,
    ...stackSets,
    ...left.map((resource) => ({
      resource: resource.logicalId,
      type: resource.type,
      message: why ?? `it is not looked at${lossOf(resource)}.`,
    })),
  ];
}

/** A resource on or near an event's way that is there under another condition only. */
export type KeptOut = AbsentResource & { readonly message: string };

/** Resources that hand events on, take them or tell of their loss, and that a condition keeps out. */
export const keptOut = ({ absent }: Assembly): KeptOut[] =>
  absent
    .filter(({ type }) => !PARTS.includes(type))
    .filter(({ type }) => ON_THE_WAY.test(type) || /^AWS::(CloudWatch::.*Alarm|Logs::LogGroup)$/.test(type))
    .map((each) => ({
      ...each,
      message: `It is there only under the condition ${each.condition}, which is false here: ${each.turnedOn}.`,
    }));

function lossOf({ arn }: Resource): string {
  const { mayLose } = targetTypeOf(arn) ?? {};
  return mayLose === undefined ? '' : `; what it may lose: ${mayLose}`;
}
