/**
 * The deployed stack of a command, found by the name of its stage. The local run is found the same way, at the address
 * of `--endpoint-url`.
 */
import {
  CloudFormationClient,
  DescribeStacksCommand,
  paginateListStackResources,
} from '@aws-sdk/client-cloudformation';
import { InputError } from '../cli/errors';
import { elementsOf, required } from './answers';

/** The stages that the app can be deployed as. */
export interface Stages {
  /** Stage of a command without `--stage`. */
  readonly default: string;
  /**
   * Name of the stage's stack.
   * @throws InputError if there is no such stage
   */
  stackName(stage: string): string;
}

export interface StackOptions {
  /** @default the default stage */
  readonly stage?: string;
  /** @default AWS_ENDPOINT_URL, otherwise AWS itself */
  readonly endpointUrl?: string;
  /** @default AWS_REGION, AWS_DEFAULT_REGION, the profile's */
  readonly region?: string;
  /** @default AWS_PROFILE */
  readonly profile?: string;
}

/** Settings of every AWS client of the tool. */
export type ClientConfig = ReturnType<typeof clientConfig>;

/** A resource of the deployed stack. */
export interface StackResource {
  /** E.g. `AWS::Lambda::Function`. */
  readonly type: string;
  /** Physical id: the name of a function or alarm, the ARN of a topic. */
  readonly id: string;
}

export class DeployedStack {
  constructor(
    readonly stage: string,
    /** Name of the stack, also the prefix of its physical names. */
    readonly name: string,
    readonly clientConfig: ClientConfig,
    private readonly outputs: ReadonlyMap<string, string>,
    private readonly resources: readonly StackResource[],
    private readonly deployCommand: string,
  ) {}

  /** @throws InputError if the deployed stack is too old, or too broken, to have it. */
  output(name: string): string {
    const value = this.outputs.get(name);
    if (value === undefined) {
      throw new InputError(
        `Stack ${this.name} has no output ${name}: deploy it again with ${this.deployCommand}.`,
      );
    }
    return value;
  }

  /**
   * URLs of the queues of failed events: those of EventBridge and of Lambda, and the dead-letter queue of each target that
   * is a queue.
   * @throws InputError if the deployed stack is too old, or too broken, to have them
   */
  get failureQueueUrls(): string[] {
    const own = [...this.outputs].filter(([name]) => /.DeadLetterQueueUrl$/.test(name)).map(([, url]) => url);
    return [this.output('DeadLetterQueueUrl'), this.output('FailedEventsQueueUrl'), ...own];
  }

  /** URL of the stack's queue of this name; undefined if there is none. */
  queueUrl(name: string): string | undefined {
    return this.#idsOf('AWS::SQS::Queue').find((each) => each.endsWith(`/${name}`));
  }

  /** Full names of the stack's queues other than those of failed events. */
  get queues(): string[] {
    const failures = this.failureQueueUrls;
    const urls = this.#idsOf('AWS::SQS::Queue').filter((url) => !failures.includes(url));
    return urls.map((url) => url.slice(url.lastIndexOf('/') + 1));
  }

  /** Full names of the stack's functions. */
  get functions(): string[] {
    return this.#idsOf('AWS::Lambda::Function');
  }

  /** Names of the stack's schedules of EventBridge Scheduler. */
  get schedules(): string[] {
    return this.#idsOf('AWS::Scheduler::Schedule');
  }

  /** ARNs of the stack's state machines. */
  get stateMachines(): string[] {
    return this.#idsOf('AWS::StepFunctions::StateMachine');
  }

  /** Names of the stack's alarms. */
  get alarms(): string[] {
    return [...this.#idsOf('AWS::CloudWatch::Alarm'), ...this.#idsOf('AWS::CloudWatch::CompositeAlarm')];
  }

  #idsOf(type: string): string[] {
    return this.resources.filter((each) => each.type === type).map(({ id }) => id);
  }

  /** A physical name without the stack's prefix: `shop-payments` -> `payments`. */
  shortName(name: string): string {
    return name.startsWith(`${this.name}-`) ? name.slice(this.name.length + 1) : name;
  }
}

/**
 * Finds the stage's stack.
 * @param clients settings of the AWS clients that the options do not decide
 * @throws InputError for an unknown stage, a malformed address, and a stack that is not deployed
 */
export async function findStack(
  options: StackOptions,
  stages: Stages,
  env = process.env,
  clients: Partial<ClientConfig> = {},
): Promise<DeployedStack> {
  const stage = options.stage ?? stages.default;
  const name = stages.stackName(stage);
  const deployCommand = stage === stages.default ? 'npx cdk deploy' : `npx cdk deploy -c stage=${stage}`;
  const config = { ...clientConfig(options, env), ...clients };
  const cloudFormation = new CloudFormationClient(config);
  try {
    const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: name }));
    const outputs = Stacks.flatMap(({ Outputs = [] }) => Outputs).map(
      (each) => [required(each, 'OutputKey'), required(each, 'OutputValue')] as const,
    );
    const resources = await listResources(cloudFormation, name);
    return new DeployedStack(stage, name, config, new Map(outputs), resources, deployCommand);
  } catch (error) {
    if (!(error instanceof Error && /does not exist/.test(error.message))) throw error;
    const where = config.endpoint ?? (await cloudFormation.config.region());
    throw new InputError(
      `Stack ${name} (stage ${stage}) is not deployed at ${where}: deploy it with ${deployCommand}, ` +
        'or name another --stage, --region or --endpoint-url.',
    );
  }
}

async function listResources(client: CloudFormationClient, StackName: string): Promise<StackResource[]> {
  const resources: StackResource[] = [];
  const pages = paginateListStackResources({ client }, { StackName });
  for await (const each of elementsOf(pages, (page) => page.StackResourceSummaries)) {
    // A resource whose creation failed has no id.
    if (each.PhysicalResourceId)
      resources.push({ type: required(each, 'ResourceType'), id: each.PhysicalResourceId });
  }
  return resources;
}

/**
 * Settings of the AWS clients. An address on this machine needs neither region nor credentials, and a developer's real
 * ones are not sent there, unless they are in the environment.
 * @throws InputError if the address is malformed
 */
export function clientConfig(options: StackOptions, env: NodeJS.ProcessEnv) {
  const endpoint = options.endpointUrl ?? (env.AWS_ENDPOINT_URL || undefined);
  const isLocal = endpoint !== undefined && isLoopback(endpoint);
  const region =
    options.region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? (isLocal ? 'us-east-1' : undefined);
  return {
    ...(endpoint && { endpoint }),
    ...(region && { region }),
    ...(options.profile && { profile: options.profile }),
    ...(isLocal &&
      !env.AWS_ACCESS_KEY_ID && { credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }),
    maxAttempts: 5,
    /** Timeouts in milliseconds. */
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 30_000, throwOnRequestTimeout: true },
  };
}

function isLoopback(endpoint: string): boolean {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new InputError(
      `--endpoint-url is ${JSON.stringify(endpoint)}, but must be an address such as http://127.0.0.1:4566.`,
    );
  }
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
}
