/** Functions of the template: their settings, and the references to them. */
import * as v from 'valibot';
import type { Maybe } from './placeholder';
import { number, readProperties, text } from './read';
import type { Assembly, NotCovered, Resource } from './resource';

const FunctionProperties = v.looseObject({
  Handler: v.optional(v.string()),
  Runtime: v.optional(v.string()),
  Role: v.string(),
  Timeout: v.optional(number, 3),
  MemorySize: v.optional(number, 128),
  ReservedConcurrentExecutions: v.optional(number),
  Architectures: v.optional(v.tuple([v.string()]), ['x86_64']),
  Environment: v.optional(v.looseObject({ Variables: v.optional(v.record(v.string(), text), {}) }), {
    Variables: {},
  }),
  TracingConfig: v.optional(v.looseObject({ Mode: v.optional(v.string()) }), {}),
  LoggingConfig: v.optional(
    v.looseObject({ LogGroup: v.optional(v.string()), LogFormat: v.optional(v.string()) }),
    {},
  ),
  DeadLetterConfig: v.optional(v.looseObject({ TargetArn: v.optional(v.string()) }), {}),
  KmsKeyArn: v.optional(v.string()),
  VpcConfig: v.optional(v.looseObject({})),
  Code: v.optional(v.looseObject({ S3Key: v.optional(v.string()), ZipFile: v.optional(v.string()) }), {}),
});

export interface FunctionModel {
  readonly resource: Resource;
  readonly name: string;
  readonly arn: string;
  readonly handler?: string | undefined;
  readonly runtime?: string | undefined;
  /** ARN of the execution role. */
  readonly role: string;
  readonly timeoutSeconds: Maybe<number>;
  readonly memoryMb: Maybe<number>;
  readonly reservedConcurrency?: Maybe<number> | undefined;
  readonly architecture: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly isTraced: boolean;
  /** Name of the log group. */
  readonly logGroup: string;
  /** ARN of the queue or topic for events after their last failure, if there is no failure destination. */
  readonly deadLetterArn?: string | undefined;
}

/** @throws AssemblyError if it has not the shape of a function */
export function readFunction(resource: Resource, notCovered?: NotCovered[]): FunctionModel {
  const read = readProperties(FunctionProperties, resource, notCovered);
  return {
    resource,
    name: resource.name,
    arn: resource.arn,
    handler: read.Handler,
    runtime: read.Runtime,
    role: read.Role,
    timeoutSeconds: read.Timeout,
    memoryMb: read.MemorySize,
    reservedConcurrency: read.ReservedConcurrentExecutions,
    architecture: read.Architectures[0],
    environment: read.Environment.Variables,
    isTraced: read.TracingConfig.Mode === 'Active',
    logGroup: read.LoggingConfig.LogGroup ?? `/aws/lambda/${resource.name}`,
    deadLetterArn: read.DeadLetterConfig.TargetArn,
  };
}

/** All functions of the template. */
export const functionsOf = (assembly: Assembly, notCovered?: NotCovered[]): FunctionModel[] =>
  assembly.ofType('AWS::Lambda::Function').map((resource) => readFunction(resource, notCovered));

/** A reference to a function, resolved. */
export interface FunctionReference {
  /** The function; undefined if the template does not have it. */
  readonly function?: Resource;
  /** ARN with the qualifier, if there is one. */
  readonly arn: string;
  /** Name of an alias, or number of a version; undefined for an unqualified call, which is one of $LATEST. */
  readonly qualifier?: string;
}

/**
 * @param reference name, ARN, or `account:function:name`, each with or without `:qualifier`
 * @param qualifier given separately, as in an `AWS::Lambda::EventInvokeConfig`
 */
export function functionReference(
  assembly: Assembly,
  reference: string,
  qualifier?: string,
): FunctionReference {
  const [, path = reference] = /(?:^|:)function:(.+)$/.exec(reference) ?? [];
  const [name, ...rest] = path.split(':') as [string, ...string[]];
  const wanted = qualifier ?? rest[0];
  const { account, region, partition } = assembly;
  const isArn = reference.startsWith('arn:');
  const found = assembly.find(isArn ? reference : name, 'lambda') ?? assembly.find(reference);
  const unqualified = isArn
    ? reference.split(':').slice(0, 7).join(':')
    : `arn:${partition}:lambda:${region}:${account}:function:${name}`;
  const isPlain = wanted === undefined || wanted === '$LATEST';
  return {
    ...(found && { function: aliased(assembly, found) }),
    arn: isPlain ? unqualified : `${unqualified}:${wanted}`,
    ...(!isPlain && { qualifier: wanted }),
  };
}

/** The function of an alias or a version. */
function aliased(assembly: Assembly, resource: Resource): Resource {
  if (!/^AWS::Lambda::(Alias|Version)$/.test(resource.type)) return resource;
  return assembly.find(String(resource.properties.FunctionName), 'lambda') ?? resource;
}
