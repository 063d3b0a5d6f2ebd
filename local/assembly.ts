/**
 * A cloud assembly (`cdk.out`) as a small model: the resources of its stack, with every reference resolved as
 * CloudFormation would. Knows nothing of this project's names.
 */

/** The template holds something that cannot be read. One line: what, where, and what is allowed. */
export class AssemblyError extends Error {
  override readonly name = 'AssemblyError';
}

export interface Resource {
  readonly logicalId: string;
  /** E.g. `AWS::SQS::Queue`. */
  readonly type: string;
  /** The physical name: as in the properties, otherwise made of the logical id. */
  readonly name: string;
  readonly arn: string;
  /** As in the template, intrinsic functions resolved. */
  // biome-ignore lint/suspicious/noExplicitAny: a template's properties have no static type; readers check what they read
  readonly properties: any;
  /** The resource's `Metadata`. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface Assembly {
  readonly directory: string;
  readonly stackName: string;
  readonly account: string;
  readonly region: string;
  /** By logical id. */
  readonly resources: ReadonlyMap<string, Resource>;
  /** All resources of a type, e.g. `AWS::SQS::Queue`, in the template's order. */
  ofType(type: string): Resource[];
  /** Resolved values, by output key. */
  readonly outputs: Readonly<Record<string, string>>;
  /** The folder of a function's bundled code. */
  assetPath(functionResource: Resource): string;
}

export interface AssemblyOptions {
  /** @default 000000000000 */
  readonly account?: string;
  /** @default AWS_REGION, otherwise us-east-1 */
  readonly region?: string;
}

export declare function readAssembly(directory: string, options?: AssemblyOptions): Assembly;
