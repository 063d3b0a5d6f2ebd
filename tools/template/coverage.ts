/** Resources on or near an event's way that a tool does not look at; each tool reports them. */
import { eventSourceMappingsOf, pipesOf } from './event-source-mappings';
import type { Assembly, NotCovered, Resource } from './resource';
import { rulesOf } from './rules';
import { schedulesOf } from './schedules';
import { targetTypeOf } from './targets';

/** Services whose resources take, keep or hand on events. */
const ON_THE_WAY =
  /^AWS::(AmazonMQ|EventSchemas|Events|EventsV2|Kinesis|KinesisFirehose|Lambda|MSK|Pipes|Scheduler|SNS|SQS|StepFunctions)::/;

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
  return [
    ...assembly.notCovered,
    ...left.map((resource) => ({
      resource: resource.logicalId,
      type: resource.type,
      message: why ?? `it is not looked at${lossOf(resource)}.`,
    })),
  ];
}

function lossOf({ arn }: Resource): string {
  const { mayLose } = targetTypeOf(arn) ?? {};
  return mayLose === undefined ? '' : `; what it may lose: ${mayLose}`;
}
