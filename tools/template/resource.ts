/** The model of a template that all tools ask: an assembly and its resources. */
import type { Json } from './template';

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

/** What the model does not look at, or cannot tell. */
export interface NotCovered {
  /** Logical id, or what else it is named by. */
  readonly resource: string;
  /** Of the resource, or e.g. `Transform`. */
  readonly type: string;
  /** One sentence. */
  readonly message: string;
}

export interface Assembly {
  /** The folder or file that was read. */
  readonly directory: string;
  /** Of the only stack; of several, their names with commas between. */
  readonly stackName: string;
  /** Which stacks of which file, for the first line of a report: `cdk.out, stack shop`. */
  readonly title: string;
  /** Of the first stack. */
  readonly account: string;
  readonly region: string;
  /** `aws`, or `aws-cn` or `aws-us-gov` by the region. */
  readonly partition: string;
  /** By logical id, as in `Resource`. */
  readonly resources: ReadonlyMap<string, Resource>;
  /** All resources of a type, e.g. `AWS::SQS::Queue`, in the templates' order. */
  ofType(type: string): Resource[];
  /**
   * The resource that a reference names.
   * @param reference its ARN (also of a function's version or alias, or a log group without `:*`), what `Ref` gives
   * for it, or its name
   * @param service whose resource it is, e.g. `dynamodb`; needed for a name, which is unique within a service only
   */
  find(reference: string, service?: string): Resource | undefined;
  /** Values by output key, evaluated when read. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly notCovered: readonly NotCovered[];
  /**
   * The folder of a function's bundled code.
   * @throws AssemblyError if the assembly does not have it
   */
  assetPath(functionResource: Resource): string;
}
