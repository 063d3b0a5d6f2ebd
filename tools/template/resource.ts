/** The model of a template for all tools: an assembly and its resources. */
import type { AbsentResource } from './absent';
import type { Construct } from './constructs';
import type { Json } from './template';

export interface Resource {
  /** Logical id, with the stack if several are read: `Orders/Queue`. Unique in the assembly. */
  readonly logicalId: string;
  readonly stackName: string;
  /** E.g. `AWS::SQS::Queue`. */
  readonly type: string;
  /** Physical name, from the properties or generated from the logical id. Not always unique. */
  readonly name: string;
  /** ARN; a placeholder if the type is not modelled. */
  readonly arn: string;
  /** Value of `Ref`: CloudFormation's physical id. */
  readonly ref: string;
  /** Properties with intrinsic functions resolved. Reading them throws an AssemblyError if one is wrong. */
  readonly properties: Json;
  /** The resource's `Metadata`. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Construct of a CDK app that made it, if the assembly says. */
  readonly construct?: Construct;
  /** Reason why it cannot be told whether the resource will exist, as part of a sentence. */
  readonly uncertain?: string;
}

/** Something that the model does not look at, or cannot tell. */
export interface NotCovered {
  /** Logical id, or another name. */
  readonly resource: string;
  /** Type of the resource, or e.g. `Transform`. */
  readonly type: string;
  /** One sentence. */
  readonly message: string;
}

export interface Assembly {
  /** The folder or file that was read. */
  readonly directory: string;
  /** Names of the stacks, separated by commas. */
  readonly stackName: string;
  /** File and stacks, for the first line of a report: `cdk.out, stack shop`. */
  readonly title: string;
  /** Account of the first stack. */
  readonly account: string;
  readonly region: string;
  /** `aws`, or `aws-cn` or `aws-us-gov` by the region. */
  readonly partition: string;
  /** Resources by logical id, as in `Resource`. */
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
  /** Resources whose condition is false; evaluated when read. */
  readonly absent: readonly AbsentResource[];
  /** Properties that neither the input nor an option says. */
  readonly assumed: ReadonlySet<'region' | 'stackName'>;
  /**
   * The folder of a function's bundled code.
   * @throws AssemblyError if the assembly does not have it
   */
  assetPath(functionResource: Resource): string;
}
