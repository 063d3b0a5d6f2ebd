/** How Lambda handles asynchronous events of a function: retries, age, and where they go in the end. */
import * as v from 'valibot';
import { ASYNC_INVOCATION } from '../eventbridge/service-facts';
import { functionReference, readFunction } from './functions';
import type { Maybe } from './placeholder';
import { number, readProperties } from './read';
import type { Assembly, NotCovered, Resource } from './resource';

/** What a call without a qualifier is one of. */
const LATEST = '$LATEST';

const Destination = v.optional(v.looseObject({ Destination: v.optional(v.string()) }));
const InvokeConfigProperties = v.looseObject({
  FunctionName: v.string(),
  Qualifier: v.optional(v.string(), LATEST),
  MaximumRetryAttempts: v.optional(number, ASYNC_INVOCATION.defaultRetries),
  MaximumEventAgeInSeconds: v.optional(number, ASYNC_INVOCATION.defaultAgeSeconds),
  DestinationConfig: v.optional(v.looseObject({ OnFailure: Destination, OnSuccess: Destination }), {}),
});

export interface InvokeConfig {
  /** Undefined if the defaults hold. */
  readonly resource?: Resource;
  readonly retries: Maybe<number>;
  readonly ageSeconds: Maybe<number>;
  /** ARN of where an event goes that failed for the last time; the function's dead-letter queue if no destination is set. */
  readonly onFailure?: string;
  readonly onSuccess?: string;
}

interface NamedConfig extends InvokeConfig {
  readonly resource: Resource;
  /** Undefined if the template does not have it. */
  readonly function?: Resource;
  /** Name of an alias or number of a version; undefined: $LATEST. */
  readonly qualifier?: string;
}

/** All that the template configures. */
export const invokeConfigsOf = (assembly: Assembly, notCovered?: NotCovered[]): NamedConfig[] =>
  assembly.ofType('AWS::Lambda::EventInvokeConfig').map((resource) => {
    const read = readProperties(InvokeConfigProperties, resource, notCovered);
    const { function: named, qualifier } = functionReference(assembly, read.FunctionName, read.Qualifier);
    const onFailure = read.DestinationConfig.OnFailure?.Destination;
    const onSuccess = read.DestinationConfig.OnSuccess?.Destination;
    return {
      resource,
      ...(named && { function: named }),
      ...(qualifier !== undefined && { qualifier }),
      retries: read.MaximumRetryAttempts,
      ageSeconds: read.MaximumEventAgeInSeconds,
      ...(onFailure !== undefined && { onFailure }),
      ...(onSuccess !== undefined && { onSuccess }),
    };
  });

/**
 * The configuration that holds for calls of a function by a qualifier. Each alias and version has its own, and a
 * call without a qualifier is one of $LATEST.
 * https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
 * @param qualifier as the caller names it. @default none
 */
export function invokeConfigOf(assembly: Assembly, lambda: Resource, qualifier?: string): InvokeConfig {
  const { deadLetterArn } = readFunction(lambda);
  const config: InvokeConfig = invokeConfigsOf(assembly).find(
    (each) => each.function === lambda && each.qualifier === qualifier,
  ) ?? { retries: ASYNC_INVOCATION.defaultRetries, ageSeconds: ASYNC_INVOCATION.defaultAgeSeconds };
  const onFailure = config.onFailure ?? deadLetterArn;
  return { ...config, ...(onFailure !== undefined && { onFailure }) };
}
