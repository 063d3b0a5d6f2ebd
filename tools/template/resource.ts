import type { Json } from './template';

/** A resource of a template, with every reference in it resolved. */
export interface Resource {
  /** As in the template; where several stacks are read, with the stack: `Orders/Queue`. Unique in the assembly. */
  readonly logicalId: string;
  readonly stackName: string;
  /** E.g. `AWS::SQS::Queue`. */
  readonly type: string;
  /** The physical name: as in the properties, otherwise made of the logical id. Not always unique. */
  readonly name: string;
  /** A placeholder if the type is not modelled. */
  readonly arn: string;
  /** What `Ref` gives: CloudFormation's physical id of it. */
  readonly ref: string;
  /** As in the template, intrinsic functions resolved. Reading them throws an AssemblyError if one is wrong. */
  readonly properties: Json;
  /** The resource's `Metadata`. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Why it cannot be told whether the resource will be there, as part of a sentence. */
  readonly uncertain?: string;
}
