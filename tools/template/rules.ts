/** Rules of EventBridge and their targets, with defaults; and archives, which select events as rules do. */
import * as v from 'valibot';
import type { TargetInput } from '../eventbridge/input-transformer';
import { DELIVERY_RETRY } from '../eventbridge/service-facts';
import { busName } from './identity';
import type { Maybe } from './placeholder';
import { json, number, readProperties, unknownParts } from './read';
import type { Assembly, NotCovered, Resource } from './resource';
import { type TargetReference, targetReference } from './targets';
import type { Json } from './template';

const Text = v.optional(v.string());
const TargetProperties = v.looseObject({
  Id: v.string(),
  Arn: v.string(),
  RoleArn: Text,
  Input: Text,
  InputPath: Text,
  InputTransformer: v.optional(
    v.looseObject({ InputPathsMap: v.optional(v.objectWithRest({}, v.string())), InputTemplate: v.string() }),
  ),
  DeadLetterConfig: v.optional(v.looseObject({ Arn: Text }), {}),
  RetryPolicy: v.optional(
    v.looseObject({
      MaximumRetryAttempts: v.optional(number),
      MaximumEventAgeInSeconds: v.optional(number),
    }),
    {},
  ),
});
const RuleProperties = v.looseObject({
  Description: Text,
  EventBusName: Text,
  EventPattern: v.optional(json),
  ScheduleExpression: Text,
  State: v.optional(v.string(), 'ENABLED'),
  Targets: v.optional(v.array(TargetProperties), []),
});
const ArchiveProperties = v.looseObject({
  SourceArn: v.string(),
  EventPattern: v.optional(json),
  RetentionDays: v.optional(number, 0),
});

export interface RuleModel {
  /** Resource; its logical id identifies the rule. */
  readonly resource: Resource;
  readonly name: string;
  readonly arn: string;
  /** Name of the bus; a placeholder if only AWS knows it. */
  readonly bus: string;
  readonly description?: string | undefined;
  /** State as in the template: `ENABLED`, `DISABLED`, `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`. */
  readonly state: string;
  /** True also if only AWS knows its state. */
  readonly enabled: boolean;
  /** Parts that only AWS knows, each as a clause: its state, and what is left out of the model. */
  readonly unknown: readonly string[];
  /** Pattern as in the template: an object or its JSON. */
  readonly eventPattern?: string | Readonly<Record<string, unknown>> | undefined;
  readonly scheduleExpression?: string | undefined;
  readonly targets: readonly TargetModel[];
}

export interface TargetModel {
  readonly id: string;
  readonly arn: string;
  readonly reference: TargetReference;
  /** ARN of the role with which EventBridge delivers, if the target's policy does not allow it. */
  readonly roleArn?: string | undefined;
  /** ARNs of the roles that a task of ECS runs with, which that role passes on. */
  readonly passedRoles: readonly string[];
  /** Number of attempts after the first. */
  readonly retries: Maybe<number>;
  readonly ageSeconds: Maybe<number>;
  /** ARN of the queue for events that cannot be delivered. */
  readonly deadLetterArn?: string | undefined;
  /** Input that the target receives instead of the event. */
  readonly input: TargetInput;
  /** All properties as in the template, e.g. `EcsParameters`. */
  readonly parameters: Json;
}

/** @throws AssemblyError if it has not the shape of a rule */
export function readRule(assembly: Assembly, resource: Resource, notCovered?: NotCovered[]): RuleModel {
  const leftOut: NotCovered[] = [];
  const read = readProperties(RuleProperties, resource, leftOut);
  notCovered?.push(...leftOut);
  return {
    resource,
    name: resource.name,
    arn: resource.arn,
    unknown: unknownParts(leftOut, 'State', read.State),
    bus: busName(read.EventBusName),
    description: read.Description,
    state: read.State,
    enabled: read.State !== 'DISABLED',
    eventPattern: read.EventPattern,
    scheduleExpression: read.ScheduleExpression,
    targets: read.Targets.map((target) => ({
      id: target.Id,
      arn: target.Arn,
      reference: targetReference(assembly, target.Arn),
      roleArn: target.RoleArn,
      passedRoles: passedRoles(assembly, target),
      retries: target.RetryPolicy.MaximumRetryAttempts ?? DELIVERY_RETRY.defaultAttempts,
      ageSeconds: target.RetryPolicy.MaximumEventAgeInSeconds ?? DELIVERY_RETRY.defaultAgeSeconds,
      deadLetterArn: target.DeadLetterConfig.Arn,
      input: target as TargetInput,
      parameters: target,
    })),
  };
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html */
function passedRoles(assembly: Assembly, { EcsParameters: parameters }: Json): string[] {
  const { TaskDefinitionArn: definition, TaskOverride } = parameters ?? {};
  const task = definition === undefined ? undefined : assembly.find(String(definition));
  const { TaskRoleArn, ExecutionRoleArn } = { ...task?.properties, ...TaskOverride };
  return [TaskRoleArn, ExecutionRoleArn].filter((role) => typeof role === 'string');
}

/** All rules of the template, in its order. */
export const rulesOf = (assembly: Assembly, notCovered?: NotCovered[]): RuleModel[] =>
  assembly.ofType('AWS::Events::Rule').map((resource) => readRule(assembly, resource, notCovered));

export interface ArchiveModel {
  readonly resource: Resource;
  readonly name: string;
  /** Name of the bus. */
  readonly bus: string;
  readonly busArn: string;
  readonly eventPattern?: string | Readonly<Record<string, unknown>> | undefined;
  /** Retention in days; 0: without end. */
  readonly retentionDays: Maybe<number>;
}

export const archivesOf = (assembly: Assembly, notCovered?: NotCovered[]): ArchiveModel[] =>
  assembly.ofType('AWS::Events::Archive').map((resource) => {
    const read = readProperties(ArchiveProperties, resource, notCovered);
    return {
      resource,
      name: resource.name,
      bus: busName(read.SourceArn),
      busArn: read.SourceArn,
      eventPattern: read.EventPattern,
      retentionDays: read.RetentionDays,
    };
  });

/** Aliases and versions by which rules call a function; undefined for an unqualified call. */
export function qualifiersCalled(rules: readonly RuleModel[], lambda: Resource): (string | undefined)[] {
  const called = rules.flatMap(({ targets }) =>
    targets.flatMap(({ reference }) =>
      reference.resource?.logicalId === lambda.logicalId ? [reference.qualifier] : [],
    ),
  );
  return [...new Set(called)];
}
