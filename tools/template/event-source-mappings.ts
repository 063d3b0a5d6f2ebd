/** Readers of queues and streams: event source mappings (for a function) and pipes (for any target). */

import * as v from 'valibot';
import { defined } from '../defined';
import { type FunctionReference, functionReference } from './functions';
import type { Maybe } from './placeholder';
import { boolean, number, readProperties, unknownParts } from './read';
import type { Assembly, NotCovered, Resource } from './resource';
import { type TargetReference, targetReference } from './targets';

const Text = v.optional(v.string());
const MappingProperties = v.looseObject({
  FunctionName: v.string(),
  EventSourceArn: Text,
  Enabled: v.optional(boolean, true),
  MaximumRetryAttempts: v.optional(number),
  DestinationConfig: v.optional(
    v.looseObject({ OnFailure: v.optional(v.looseObject({ Destination: Text }), {}) }),
    {},
  ),
  FunctionResponseTypes: v.optional(v.array(v.string()), []),
});

/** Actions that the reader's role needs on the source, by service. https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html */
const SOURCE_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  sqs: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
  kinesis: ['kinesis:GetRecords', 'kinesis:GetShardIterator', 'kinesis:DescribeStream', 'kinesis:ListShards'],
  dynamodb: ['dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:DescribeStream'],
};

export interface Source {
  readonly arn: string;
  /** The queue or stream, or the table of a table's stream; undefined if the template does not have it. */
  readonly resource?: Resource;
  /** Actions that the reader's role needs on its ARN; undefined if the kind of source is not modelled. */
  readonly actions?: readonly string[];
}

export interface EventSourceMapping {
  readonly resource: Resource;
  /** Undefined for a source without an ARN, e.g. a Kafka cluster. */
  readonly source?: Source;
  readonly function: FunctionReference;
  readonly enabled: Maybe<boolean>;
  /** Number of retries of a stream's records; undefined: until a record is too old. */
  readonly retries?: Maybe<number>;
  /** ARN of the destination of a stream's records after their last failure. A queue has its own redrive policy. */
  readonly onFailure?: string;
  /** True if the function reports which messages of a batch failed; otherwise the whole batch is retried. */
  readonly reportsFailures: boolean;
}

export const eventSourceMappingsOf = (assembly: Assembly, notCovered?: NotCovered[]): EventSourceMapping[] =>
  assembly.ofType('AWS::Lambda::EventSourceMapping').map((resource) => {
    const read = readProperties(MappingProperties, resource, notCovered);
    const onFailure = read.DestinationConfig.OnFailure?.Destination;
    return {
      resource,
      ...(read.EventSourceArn !== undefined && { source: sourceOf(assembly, read.EventSourceArn) }),
      function: functionReference(assembly, read.FunctionName),
      enabled: read.Enabled,
      ...(read.MaximumRetryAttempts !== undefined && { retries: read.MaximumRetryAttempts }),
      ...defined({ onFailure }),
      reportsFailures: read.FunctionResponseTypes.includes('ReportBatchItemFailures'),
    };
  });

function sourceOf(assembly: Assembly, arn: string): Source {
  const actions = SOURCE_ACTIONS[String(arn.split(':')[2])];
  const resource = assembly.find(arn) ?? assembly.find(arn.replace(/\/(stream|consumer)\/.*$/, ''));
  return { arn, ...(resource && { resource }), ...(actions && { actions }) };
}

const StreamParameters = v.looseObject({
  DeadLetterConfig: v.optional(v.looseObject({ Arn: Text }), {}),
  MaximumRetryAttempts: v.optional(number),
  MaximumRecordAgeInSeconds: v.optional(number),
});

const PipeProperties = v.looseObject({
  Source: v.string(),
  Target: v.string(),
  Enrichment: Text,
  RoleArn: v.string(),
  DesiredState: v.optional(v.string(), 'RUNNING'),
  SourceParameters: v.optional(
    v.looseObject({
      FilterCriteria: v.optional(v.looseObject({})),
      KinesisStreamParameters: v.optional(StreamParameters),
      DynamoDBStreamParameters: v.optional(StreamParameters),
    }),
    {},
  ),
  TargetParameters: v.optional(
    v.looseObject({
      EventBridgeEventBusParameters: v.optional(v.looseObject({ Source: Text, DetailType: Text }), {}),
    }),
    {},
  ),
});

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes.html */
export interface Pipe {
  readonly resource: Resource;
  readonly source: Source;
  readonly targetArn: string;
  readonly target: TargetReference;
  /** ARN of the enrichment, which changes each event on its way. */
  readonly enrichment?: string;
  /** ARN of the role that reads, enriches and delivers. */
  readonly roleArn: string;
  /** True also if only AWS knows its state. */
  readonly enabled: boolean;
  /** Parts that only AWS knows, each as a clause: its state, and what is left out of the model. */
  readonly unknown: readonly string[];
  /** True if it reads a stream, whose records wait for those before them. */
  readonly isOfStream: boolean;
  /** Number of retries of a stream's record; undefined: until it is too old. */
  readonly retries?: Maybe<number>;
  /** Seconds after which a stream's record is given up; undefined: when the stream drops it. */
  readonly ageSeconds?: Maybe<number>;
  /** ARN of the queue or topic that is told of a stream's records that were given up. */
  readonly deadLetterArn?: string;
  /** Source of the events that it puts on a bus, or a path into the record. */
  readonly eventSource?: string;
  /** Detail-type of these events, or a path into the record. */
  readonly detailType?: string;
}

export const PIPES_SERVICE = 'pipes.amazonaws.com';

export const pipesOf = (assembly: Assembly, notCovered?: NotCovered[]): Pipe[] =>
  assembly.ofType('AWS::Pipes::Pipe').map((resource) => {
    const leftOut: NotCovered[] = [];
    const read = readProperties(PipeProperties, resource, leftOut);
    notCovered?.push(...leftOut);
    const { KinesisStreamParameters: kinesis, DynamoDBStreamParameters: table } = read.SourceParameters;
    const stream: v.InferOutput<typeof StreamParameters> = kinesis ?? table ?? { DeadLetterConfig: {} };
    const { Source: eventSource, DetailType: detailType } =
      read.TargetParameters.EventBridgeEventBusParameters;
    const retries = limited(stream.MaximumRetryAttempts);
    const ageSeconds = limited(stream.MaximumRecordAgeInSeconds);
    const deadLetterArn = stream.DeadLetterConfig.Arn;
    return {
      resource,
      isOfStream: kinesis !== undefined || table !== undefined,
      ...(retries !== undefined && { retries }),
      ...(ageSeconds !== undefined && { ageSeconds }),
      ...(deadLetterArn !== undefined && { deadLetterArn }),
      ...(eventSource !== undefined && { eventSource }),
      ...(detailType !== undefined && { detailType }),
      source: sourceOf(assembly, read.Source),
      targetArn: read.Target,
      target: targetReference(assembly, read.Target),
      ...(read.Enrichment !== undefined && { enrichment: read.Enrichment }),
      roleArn: read.RoleArn,
      enabled: read.DesiredState !== 'STOPPED',
      unknown: unknownParts(leftOut, 'DesiredState', read.DesiredState),
    };
  });

/** -1, the default, stands for no limit. */
const limited = (given: Maybe<number> | undefined): Maybe<number> | undefined =>
  given === -1 ? undefined : given;
