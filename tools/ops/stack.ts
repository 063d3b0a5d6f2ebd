/**
 * The deployed stack that a command works on: found by its stage's name, known by its outputs. Against the local
 * run it is found the same way, at the address of `--endpoint-url`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { InputError } from '../cli/errors';

const CDK_JSON = join(__dirname, '..', '..', 'cdk.json');
/** As in `lib/config.ts`, which a test holds this file to. */
const DEFAULT_STAGE = 'production';
const DEFAULT_PROJECT = 'event-driven';

export interface StackOptions {
  /** @default production */
  readonly stage?: string;
  /** @default AWS_ENDPOINT_URL, else AWS itself */
  readonly endpointUrl?: string;
  /** @default AWS_REGION, AWS_DEFAULT_REGION, the profile's */
  readonly region?: string;
  /** @default AWS_PROFILE */
  readonly profile?: string;
}

/** Settings of every AWS client of the tool. */
export type ClientConfig = ReturnType<typeof clientConfig>;

/**
 * The outputs of `lib/event-driven-stack.ts` that the tool uses; all of them are text.
 */
export type OutputName =
  | 'EventBusName'
  | 'EventBusArn'
  | 'ArchiveArn'
  | 'DeadLetterQueueUrl'
  | 'FailedEventsQueueUrl'
  | 'OrdersTableName'
  | 'OrderProcessorName'
  | 'NotifierName'
  | 'AnalyticsName';

export class Stack {
  constructor(
    readonly stage: string,
    /** Also the start of every physical name. */
    readonly name: string,
    readonly clientConfig: ClientConfig,
    private readonly outputs: ReadonlyMap<string, string>,
  ) {}

  /** @throws InputError if the deployed stack is too old, or too broken, to have it. */
  output(name: OutputName): string {
    const value = this.outputs.get(name);
    if (value === undefined) {
      throw new InputError(
        `Stack ${this.name} has no output ${name}: deploy it again with ${deployCommand(this.stage)}.`,
      );
    }
    return value;
  }

  /** Full names of the stack's functions. */
  get functions(): string[] {
    return [this.output('OrderProcessorName'), this.output('NotifierName'), this.output('AnalyticsName')];
  }

  /** A physical name without the part that all have: `event-driven-notifier` -> `notifier`. */
  shortName(name: string): string {
    return name.startsWith(`${this.name}-`) ? name.slice(this.name.length + 1) : name;
  }
}

/**
 * Finds the stage's stack.
 * @throws InputError for an unknown stage, a malformed address, and a stack that is not deployed
 */
export async function findStack(options: StackOptions, env = process.env): Promise<Stack> {
  const stage = options.stage ?? DEFAULT_STAGE;
  const name = stackName(stage, JSON.parse(readFileSync(CDK_JSON, 'utf8')));
  const config = clientConfig(options, env);
  const cloudFormation = new CloudFormationClient(config);
  try {
    const { Stacks: [stack] = [] } = await cloudFormation.send(
      new DescribeStacksCommand({ StackName: name }),
    );
    const outputs = (stack?.Outputs ?? []).map(
      ({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue] as const,
    );
    return new Stack(stage, name, config, new Map(outputs));
  } catch (error) {
    if (!(error instanceof Error && /does not exist/.test(error.message))) throw error;
    const where = config.endpoint ?? (await cloudFormation.config.region());
    throw new InputError(
      `Stack ${name} (stage ${stage}) is not deployed at ${where}: deploy it with ${deployCommand(stage)}, ` +
        'or name another --stage, --region or --endpoint-url.',
    );
  }
}

const deployCommand = (stage: string) =>
  stage === DEFAULT_STAGE ? 'npx cdk deploy' : `npx cdk deploy -c stage=${stage}`;

/**
 * The name that the stage's stack is deployed under.
 * @param cdkJson the parsed `cdk.json`
 * @throws InputError if it has no such stage
 */
export function stackName(stage: string, cdkJson: unknown): string {
  const { context } = cdkJson as { context?: { stages?: Record<string, { projectName?: string }> } };
  const stages = context?.stages ?? { [DEFAULT_STAGE]: {} };
  if (!Object.hasOwn(stages, stage)) {
    throw new InputError(
      `--stage is ${JSON.stringify(stage)}, but must be one of cdk.json's stages: ${Object.keys(stages).join(', ')}.`,
    );
  }
  const project = stages[stage]?.projectName ?? DEFAULT_PROJECT;
  return stage === DEFAULT_STAGE ? project : `${project}-${stage}`;
}

/**
 * Where and as whom the clients call. At an address on this machine region and credentials mean nothing, so none
 * need be set there; and a developer's real ones are not sent there, unless they stand in the environment.
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
    /** ms */
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
