/** Lambda's asynchronous invocation of a function: retries, maximum age, and failure destination. */

import * as v from 'valibot';
import { defined } from '../defined';
import { ASYNC_INVOCATION } from '../eventbridge/service-facts';
import { functionReference, readFunction } from './functions';
import type { Maybe } from './placeholder';
import { number, readProperties } from './read';
import type { Assembly, NotCovered, Resource } from './resource';

/** Qualifier of an unqualified call. */
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
  /** The configuration's resource; undefined if the defaults hold. */
  readonly resource?: Resource;
  readonly retries: Maybe<number>;
  readonly ageSeconds: Maybe<number>;
  /** ARN of the failure destination; otherwise of the function's dead-letter queue. */
  readonly onFailure?: string;
  readonly onSuccess?: string;
}

interface NamedConfig extends InvokeConfig {
  readonly resource: Resource;
  /** The function; undefined if the template does not have it. */
  readonly function?: Resource;
  /** Name of an alias or number of a version; undefined: $LATEST. */
  readonly qualifier?: string;
}

/** All invoke configurations of the template. */
export const invokeConfigsOf = (assembly: Assembly, notCovered?: NotCovered[]): NamedConfig[] =>
  assembly.ofType('AWS::Lambda::EventInvokeConfig').map((resource) => {
    const read = readProperties(InvokeConfigProperties, resource, notCovered);
    const { function: named, qualifier } = functionReference(assembly, read.FunctionName, read.Qualifier);
    const onFailure = read.DestinationConfig.OnFailure?.Destination;
    const onSuccess = read.DestinationConfig.OnSuccess?.Destination;
    return {
      resource,
      ...(named && { function: named }),
      ...defined({ qualifier }),
      retries: read.MaximumRetryAttempts,
      ageSeconds: read.MaximumEventAgeInSeconds,
      ...defined({ onFailure, onSuccess }),
    };
  });

/**
 * The configuration for calls of a function by a qualifier. Each alias and version has its own; an unqualified call
 * has that of $LATEST.
 * https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
 * @param qualifier as the caller names it. @default none
 */
export function invokeConfigOf(assembly: Assembly, lambda: Resource, qualifier?: string): InvokeConfig {
  const { deadLetterArn } = readFunction(lambda);
  const config: InvokeConfig = invokeConfigsOf(assembly).find(
    (each) => each.function?.logicalId === lambda.logicalId && each.qualifier === qualifier,
  ) ?? { retries: ASYNC_INVOCATION.defaultRetries, ageSeconds: ASYNC_INVOCATION.defaultAgeSeconds };
  const onFailure = config.onFailure ?? deadLetterArn;
  return { ...config, ...defined({ onFailure }) };
}
