/** Definition of a function in the template. */
import fs from 'node:fs';
import path from 'node:path';
import { AssemblyError, type Resource } from '../../template/assembly';
import type { InvokeConfig } from '../../template/invoke-config';
import { requireKnownProperties } from './known-properties';

/** Destination for the envelope of a failed event. */
export interface FailureDestination {
  readonly arn: string;
  /** @throws Error if it may not or cannot be sent there */
  send(envelope: string): void;
}

/** Code and configuration of a function; replaced as a whole when either changes. */
export interface FunctionDefinition {
  /** AWS::Lambda::Function */
  readonly resource: Resource;
  /** The folder of its bundled code. */
  readonly code: string;
  /** Retries of its asynchronous events. */
  readonly invokeConfig: InvokeConfig;
  readonly onFailure?: FailureDestination;
}

export interface FunctionSettings {
  readonly memorySizeMb: number;
  readonly timeoutSeconds: number;
  readonly isJson: boolean;
  readonly applicationLevel: string;
  readonly systemLevel: string;
  readonly logGroup: string;
}

export function settingsOf({ name, properties }: Resource): FunctionSettings {
  const logging = properties.LoggingConfig ?? {};
  return {
    memorySizeMb: Number(properties.MemorySize ?? 128),
    timeoutSeconds: Number(properties.Timeout ?? 3),
    isJson: logging.LogFormat === 'JSON',
    applicationLevel: logging.ApplicationLogLevel ?? 'INFO',
    systemLevel: logging.SystemLogLevel ?? 'INFO',
    logGroup: logging.LogGroup ?? `/aws/lambda/${name}`,
  };
}

/** @throws AssemblyError for what would change how the function runs and is not known here */
export function checkDefinition(definition: FunctionDefinition): FunctionDefinition {
  const { resource, invokeConfig } = definition;
  requireKnownProperties(resource, resource.properties, [
    ...['Code', 'FunctionName', 'Handler', 'Runtime', 'Role', 'MemorySize', 'Timeout', 'Environment'],
    ...['LoggingConfig', 'ReservedConcurrentExecutions', 'PackageType'],
    // These change nothing of what the function does: words, the processor, encryption at rest, tracing, disk space.
    ...['Description', 'Tags', 'Architectures', 'KmsKeyArn', 'TracingConfig', 'EphemeralStorage'],
  ]);
  const { Runtime, PackageType = 'Zip' } = resource.properties;
  if (PackageType !== 'Zip' || !/^nodejs\d+\.x$/.test(Runtime)) {
    throw new AssemblyError(
      `${resource.type} ${resource.logicalId}: the local run cannot run ${PackageType === 'Zip' ? `the runtime ${Runtime}` : 'images'}; it runs bundled code of nodejs*.x.`,
    );
  }
  const { resource: config } = invokeConfig;
  if (config) {
    const known = ['FunctionName', 'Qualifier', 'MaximumRetryAttempts', 'MaximumEventAgeInSeconds'];
    requireKnownProperties(config, config.properties, [...known, 'DestinationConfig']);
    const destinations = config.properties.DestinationConfig ?? {};
    requireKnownProperties(config, destinations, ['OnFailure'], 'DestinationConfig');
  }
  return definition;
}

/** Extensions of the file that Lambda loads, in the order in which it looks for them. */
const LOADED = ['.js', '.mjs', '.cjs'];

/**
 * The file with the code that `<base>.<handler>` names. Where Lambda finds an ES module beside a CommonJS one of the
 * same name, the former can only be there to load the latter, which has the code.
 * @returns undefined if there is none
 */
export function codeFileAt(base: string): string | undefined {
  const found = LOADED.map((extension) => base + extension).filter((each) => fs.existsSync(each));
  return found[0]?.endsWith('.mjs') ? found.at(-1) : found[0];
}

/** The file with a function's code: `src/index.handler` is in `src/index.js`, `.mjs` or `.cjs`. */
export function codeFile({ resource, code }: FunctionDefinition): string {
  const handler: string = resource.properties.Handler;
  const base = path.join(code, handler.replace(/\.[^./]+$/, ''));
  return codeFileAt(base) ?? `${base}.js`;
}
