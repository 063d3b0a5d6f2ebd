/**
 * The environment variables of a function: Lambda's, the template's, and those that keep its calls on this machine.
 * Nothing of the developer's own environment is among them but PATH.
 */
import os from 'node:os';
import { type FunctionDefinition, settingsOf } from './lambda-definition';

/** Places to which a function's calls may go. */
export interface Surroundings {
  /** E.g. `http://127.0.0.1:4566`; asked for at each start of an environment. */
  readonly endpoint: () => string;
  /** Names of hosts that handlers may reach beside the endpoint. @default none */
  readonly allowEgress?: readonly string[];
}

/** The key id that a function's calls are signed with, so that the endpoint knows whose role decides. */
const accessKeyIdOf = (functionName: string): string => `LOCAL.${functionName}`;
export const functionOfAccessKeyId = (accessKeyId: string): string | undefined =>
  /^LOCAL\.(.+)$/.exec(accessKeyId)?.[1];

/** Lambda's home folder, which is not there: neither is the developer's, with the settings of its SDKs. */
const HOME = '/home/sbx_user1051';

/**
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 * @returns all variables of a function's process, and no other
 */
export function variablesOf(
  { resource, code }: FunctionDefinition,
  logStream: string,
  { endpoint, allowEgress = [] }: Surroundings,
): Record<string, string> {
  const { isJson, applicationLevel, logGroup, memorySizeMb } = settingsOf(resource);
  const region = String(resource.arn.split(':')[3]);
  const url = endpoint();
  return {
    PATH: process.env.PATH ?? '',
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    HOME,
    ...templateVariables(resource.properties.Environment?.Variables ?? {}, url),
    ...endpointVariables(url),
    LOCAL_RUN_EGRESS: [new URL(url).host, ...allowEgress].join(' '),
    _HANDLER: resource.properties.Handler,
    AWS_ACCESS_KEY_ID: accessKeyIdOf(resource.name),
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_SESSION_TOKEN: 'local',
    AWS_DEFAULT_REGION: region,
    AWS_EXECUTION_ENV: `AWS_Lambda_${resource.properties.Runtime}`,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memorySizeMb),
    AWS_LAMBDA_FUNCTION_NAME: resource.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_FORMAT: isJson ? 'JSON' : 'Text',
    ...(isJson && { AWS_LAMBDA_LOG_LEVEL: applicationLevel }),
    AWS_LAMBDA_LOG_GROUP_NAME: logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: logStream,
    AWS_REGION: region,
    LAMBDA_TASK_ROOT: code,
  };
}

/**
 * Everything from which the SDKs tell where AWS is. They would otherwise read `~/.aws/config`, where
 * `ignore_configured_endpoint_urls = true` or a profile's `endpoint_url` sends the calls elsewhere.
 */
const endpointVariables = (url: string): Record<string, string> => ({
  AWS_ENDPOINT_URL: url,
  AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'false',
  AWS_CONFIG_FILE: os.devNull,
  AWS_SHARED_CREDENTIALS_FILE: os.devNull,
  AWS_EC2_METADATA_DISABLED: 'true',
  // With an endpoint of one's own the SDKs refuse both.
  AWS_USE_DUALSTACK_ENDPOINT: 'false',
  AWS_USE_FIPS_ENDPOINT: 'false',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
});

/**
 * The template's own variables, without those that name another endpoint for one service or a profile. Some SDKs
 * send a queue's messages to the host of its URL, whatever endpoint they were given, so the host is the endpoint's.
 */
function templateVariables(
  variables: Readonly<Record<string, unknown>>,
  url: string,
): Record<string, string> {
  const kept = Object.entries(variables).filter(
    ([name]) => !/^AWS_(ENDPOINT_URL_\w+|PROFILE|DEFAULT_PROFILE)$/.test(name),
  );
  return Object.fromEntries(
    kept.map(([name, value]) => [
      name,
      String(value).replace(/^https:\/\/sqs\.[\w-]+\.amazonaws\.com(\.cn)?(?=\/)/, url),
    ]),
  );
}
