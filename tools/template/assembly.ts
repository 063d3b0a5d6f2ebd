/**
 * A cloud assembly (`cdk.out`) as a small model: the resources of its stack, with every reference resolved as
 * CloudFormation would. Knows nothing of this project's names.
 */
import fs from 'node:fs';
import path from 'node:path';
import {
  AssemblyError,
  type Environment,
  Intrinsics,
  type Json,
  type ResourceValues,
  type Template,
} from './intrinsics';

export { AssemblyError };

export interface Resource {
  readonly logicalId: string;
  /** E.g. `AWS::SQS::Queue`. */
  readonly type: string;
  /** The physical name: as in the properties, otherwise made of the logical id. */
  readonly name: string;
  readonly arn: string;
  /** As in the template, intrinsic functions resolved. Reading them throws an AssemblyError if one cannot be. */
  readonly properties: Json;
  /** The resource's `Metadata`. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface Assembly {
  readonly directory: string;
  readonly stackName: string;
  readonly account: string;
  readonly region: string;
  /** `aws`, or `aws-cn` or `aws-us-gov` by the region. */
  readonly partition: string;
  /** By logical id. */
  readonly resources: ReadonlyMap<string, Resource>;
  /** All resources of a type, e.g. `AWS::SQS::Queue`, in the template's order. */
  ofType(type: string): Resource[];
  /** Resolved values, by output key. */
  readonly outputs: Readonly<Record<string, string>>;
  /**
   * The folder of a function's bundled code.
   * @throws AssemblyError if the assembly does not have it
   */
  assetPath(functionResource: Resource): string;
}

export interface AssemblyOptions {
  /** Which stack, if the assembly has several. @default its only one */
  readonly stackName?: string;
  /** @default 000000000000 */
  readonly account?: string;
  /** @default AWS_REGION, otherwise us-east-1 */
  readonly region?: string;
}

/**
 * Reads the assembly that `cdk synth` wrote.
 * @throws AssemblyError if there is none, or it cannot be evaluated
 */
export function readAssembly(directory: string, options: AssemblyOptions = {}): Assembly {
  const manifest = readJson(path.join(directory, 'manifest.json'), 'Run `npx cdk synth` first.');
  const artifacts = Object.entries<Json>(manifest.artifacts ?? {});
  const stacks = artifacts.filter(([, { type }]) => type === 'aws:cloudformation:stack');
  const nameOf = ([id, { properties }]: [string, Json]): string => properties.stackName ?? id;
  const [stack, ...others] = options.stackName
    ? stacks.filter((each) => nameOf(each) === options.stackName)
    : stacks;
  if (!stack || others.length > 0) {
    const names = stacks.map(nameOf).join(', ') || 'none';
    throw new AssemblyError(
      `${directory}: expected one stack${options.stackName ? ` ${options.stackName}` : ''}; it has: ${names}.`,
    );
  }
  const template: Template = readJson(path.join(directory, stack[1].properties.templateFile));
  const assets = artifacts
    .filter(([, { type }]) => type === 'cdk:asset-manifest')
    .map(([, { properties }]) => readJson(path.join(directory, properties.file)));

  const region = options.region ?? process.env.AWS_REGION ?? 'us-east-1';
  const account = options.account ?? '000000000000';
  const partition = region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
  const urlSuffix = partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com';
  const stackName = nameOf(stack);
  const environment: Environment = {
    account,
    region,
    partition,
    urlSuffix,
    stackName,
    stackId: `arn:${partition}:cloudformation:${region}:${account}:stack/${stackName}/local`,
  };

  const resolver = new ResourceResolver(template, environment);
  const resources = new Map<string, Resource>();
  for (const [logicalId, { Condition }] of Object.entries(template.Resources ?? {})) {
    if (Condition && !resolver.intrinsics.holds(Condition, logicalId)) continue;
    resources.set(logicalId, resolver.resource(logicalId));
  }
  const outputs: Record<string, string> = {};
  for (const [key, { Value, Condition }] of Object.entries(template.Outputs ?? {})) {
    if (Condition && !resolver.intrinsics.holds(Condition, `Outputs.${key}`)) continue;
    outputs[key] = String(resolver.intrinsics.resolve(Value, `Outputs.${key}`));
  }

  return {
    directory,
    stackName,
    account,
    region,
    partition,
    resources,
    outputs,
    ofType: (type) => [...resources.values()].filter((resource) => resource.type === type),
    assetPath: (resource) => findAsset(directory, assets, resource),
  };
}

function readJson(file: string, hint = ''): Json {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new AssemblyError(`Cannot read ${file} (${(error as NodeJS.ErrnoException).code}). ${hint}`.trim());
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AssemblyError(`${file} is not JSON: ${(error as Error).message}`);
  }
}

function findAsset(directory: string, assets: Json[], { logicalId, properties }: Resource): string {
  const key = properties.Code?.S3Key;
  if (typeof key !== 'string') {
    throw new AssemblyError(
      `${logicalId}: its code is not an asset (Code.S3Key), which is all that can be run.`,
    );
  }
  for (const { files } of assets) {
    for (const { source, destinations } of Object.values<Json>(files ?? {})) {
      if (!Object.values<Json>(destinations).some(({ objectKey }) => objectKey === key)) continue;
      const folder = path.join(directory, source.path);
      if (source.packaging !== 'zip' || !fs.existsSync(folder)) {
        throw new AssemblyError(
          `${logicalId}: its code is not in the assembly at ${folder}. Run \`npx cdk synth\` again.`,
        );
      }
      return folder;
    }
  }
  throw new AssemblyError(`${logicalId}: the assembly has no asset for its code ${key}.`);
}

/** How a type's name, ARN, `Ref` and attributes are made. */
interface Identity {
  /** The property that gives the physical name. */
  readonly name?: string;
  /** Without `arn:<partition>:`; `*R` stands for region and account. */
  arn(name: string, properties: Json): string;
  /** @default the name */
  ref?(resource: Resource, environment: Environment): string;
  /** Beside `Arn`. */
  readonly attributes?: Readonly<Record<string, (resource: Resource, environment: Environment) => string>>;
}

const name = (resource: Resource) => resource.name;
const arn = (resource: Resource) => resource.arn;

const queueUrl = ({ name: queue }: Resource, { region, urlSuffix, account }: Environment) =>
  `https://sqs.${region}.${urlSuffix}/${account}/${queue}`;

/** The bus of a rule or policy: its name, whether the template gives the name or the ARN. */
export const busName = (nameOrArn: string | undefined): string =>
  nameOrArn?.split(':event-bus/').at(-1) ?? 'default';

const IDENTITIES: Readonly<Record<string, Identity>> = {
  'AWS::CloudWatch::Alarm': { name: 'AlarmName', arn: (id) => `cloudwatch:*R:alarm:${id}` },
  'AWS::CloudWatch::CompositeAlarm': { name: 'AlarmName', arn: (id) => `cloudwatch:*R:alarm:${id}` },
  'AWS::CloudWatch::Dashboard': { name: 'DashboardName', arn: (id) => `cloudwatch:*R:dashboard/${id}` },
  'AWS::DynamoDB::Table': { name: 'TableName', arn: (id) => `dynamodb:*R:table/${id}` },
  'AWS::DynamoDB::GlobalTable': { name: 'TableName', arn: (id) => `dynamodb:*R:table/${id}` },
  'AWS::Events::Archive': {
    name: 'ArchiveName',
    arn: (id) => `events:*R:archive/${id}`,
    attributes: { ArchiveName: name },
  },
  'AWS::Events::EventBus': {
    name: 'Name',
    arn: (id) => `events:*R:event-bus/${id}`,
    attributes: { Name: name },
  },
  'AWS::Events::Rule': {
    name: 'Name',
    arn: (id, { EventBusName }) => {
      const bus = busName(EventBusName);
      return `events:*R:rule/${bus === 'default' ? '' : `${bus}/`}${id}`;
    },
    ref: (rule) => {
      const bus = busName(rule.properties.EventBusName);
      return bus === 'default' ? rule.name : `${bus}|${rule.name}`;
    },
  },
  'AWS::IAM::Role': { name: 'RoleName', arn: (id) => `iam::*A:role/${id}`, attributes: { RoleId: name } },
  'AWS::IAM::Policy': { name: 'PolicyName', arn: (id) => `iam::*A:policy/${id}` },
  'AWS::KMS::Key': { arn: (id) => `kms:*R:key/${id}`, attributes: { KeyId: name } },
  'AWS::KMS::Alias': { name: 'AliasName', arn: (id) => `kms:*R:${id}` },
  'AWS::KinesisFirehose::DeliveryStream': {
    name: 'DeliveryStreamName',
    arn: (id) => `firehose:*R:deliverystream/${id}`,
  },
  'AWS::Lambda::Function': { name: 'FunctionName', arn: (id) => `lambda:*R:function:${id}` },
  'AWS::Logs::LogGroup': { name: 'LogGroupName', arn: (id) => `logs:*R:log-group:${id}:*` },
  'AWS::Logs::LogStream': {
    name: 'LogStreamName',
    arn: (id, { LogGroupName }) => `logs:*R:log-group:${LogGroupName}:log-stream:${id}`,
  },
  'AWS::S3::Bucket': {
    name: 'BucketName',
    arn: (id) => `s3:::${id}`,
    attributes: {
      DomainName: ({ name: bucket }, { urlSuffix }) => `${bucket}.s3.${urlSuffix}`,
      RegionalDomainName: ({ name: bucket }, { region, urlSuffix }) => `${bucket}.s3.${region}.${urlSuffix}`,
    },
  },
  'AWS::SNS::Topic': {
    name: 'TopicName',
    arn: (id) => `sns:*R:${id}`,
    ref: arn,
    attributes: { TopicArn: arn, TopicName: name },
  },
  'AWS::SQS::Queue': {
    name: 'QueueName',
    arn: (id) => `sqs:*R:${id}`,
    ref: queueUrl,
    attributes: {
      QueueName: name,
      QueueUrl: queueUrl,
    },
  },
};

/** Longest physical name that is made of a logical id; S3's limit, the shortest of all types. */
const MAX_GENERATED_NAME = 63;

class ResourceResolver implements ResourceValues {
  readonly intrinsics: Intrinsics;
  readonly #resources = new Map<string, Resource>();
  /** Logical ids whose names are being resolved, to find references in a circle. */
  readonly #pending = new Set<string>();

  constructor(
    private readonly template: Template,
    private readonly environment: Environment,
  ) {
    this.intrinsics = new Intrinsics(template, environment, this);
  }

  resource(logicalId: string): Resource {
    const known = this.#resources.get(logicalId);
    if (known) return known;
    if (this.#pending.has(logicalId)) {
      throw new AssemblyError(
        `${logicalId}: its name depends on itself (${[...this.#pending].join(' -> ')}).`,
      );
    }
    this.#pending.add(logicalId);
    const made = this.#make(logicalId);
    this.#pending.delete(logicalId);
    this.#resources.set(logicalId, made);
    return made;
  }

  ref(logicalId: string): string {
    const resource = this.resource(logicalId);
    return IDENTITIES[resource.type]?.ref?.(resource, this.environment) ?? resource.name;
  }

  attribute(logicalId: string, attribute: string): string | undefined {
    const resource = this.resource(logicalId);
    const identity = IDENTITIES[resource.type];
    if (attribute === 'Arn') return identity && resource.arn;
    return identity?.attributes?.[attribute]?.(resource, this.environment);
  }

  #make(logicalId: string): Resource {
    const { intrinsics, environment } = this;
    const {
      Type: type,
      Properties = {},
      Metadata = {},
    } = this.template.Resources?.[logicalId] ?? { Type: '' };
    const identity = IDENTITIES[type];
    let resolved: Json;
    // Not resolved before it is read: what nobody reads may hold what nobody here can resolve.
    const properties = (): Json => {
      resolved ??= intrinsics.resolve(Properties, `${logicalId}.Properties`);
      return resolved;
    };
    const given = identity?.name && Properties[identity.name];
    const physicalName: string =
      given === undefined
        ? generatedName(type, environment.stackName, logicalId)
        : String(intrinsics.resolve(given, `${logicalId}.Properties.${identity?.name}`));
    const scope = `${environment.region}:${environment.account}`;
    // Evaluated late, since an ARN may name another resource (a rule's bus).
    const makeArn = () =>
      identity
        ? `arn:${environment.partition}:${identity.arn(physicalName, properties())}`
            .replace('*R', scope)
            .replace('*A', environment.account)
        : `arn:${environment.partition}:cloudformation:${scope}:resource/${environment.stackName}/${logicalId}`;
    return {
      logicalId,
      type,
      name: physicalName,
      metadata: Metadata,
      get arn() {
        return makeArn();
      },
      get properties() {
        return properties();
      },
    };
  }
}

function generatedName(type: string, stackName: string, logicalId: string): string {
  const generated = `${stackName}-${logicalId}`.slice(0, MAX_GENERATED_NAME);
  return type === 'AWS::S3::Bucket' ? generated.toLowerCase() : generated;
}
