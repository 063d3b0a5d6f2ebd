/** Queues and subscriptions of topics, with their redrive policies. */

import * as v from 'valibot';
import { defined } from '../defined';
import type { Maybe } from './placeholder';
import { boolean, json, number, readProperties } from './read';
import type { Assembly, NotCovered, Resource } from './resource';

/** Defaults of SQS's CreateQueue. */
const RETENTION_SECONDS = 345_600;
const VISIBILITY_SECONDS = 30;

const QueueProperties = v.looseObject({
  FifoQueue: v.optional(boolean, false),
  MessageRetentionPeriod: v.optional(number, RETENTION_SECONDS),
  VisibilityTimeout: v.optional(number, VISIBILITY_SECONDS),
  RedrivePolicy: v.optional(json),
  KmsMasterKeyId: v.optional(v.string()),
  SqsManagedSseEnabled: v.optional(boolean, true),
});
const Redrive = v.looseObject({
  deadLetterTargetArn: v.optional(v.string()),
  maxReceiveCount: v.optional(number),
});

export interface QueueModel {
  readonly resource: Resource;
  readonly isFifo: Maybe<boolean>;
  readonly retentionSeconds: Maybe<number>;
  readonly visibilitySeconds: Maybe<number>;
  /** Redrive policy; undefined if a message stays until its retention ends. */
  readonly redrive?: RedriveModel;
  /** KMS key, as the queue names it: id, ARN or alias. */
  readonly key?: string;
  /** True if encrypted by SQS's own key. */
  readonly isManaged: Maybe<boolean>;
}

export interface RedriveModel {
  readonly deadLetterArn: string;
  readonly maxReceiveCount?: Maybe<number>;
}

export function readQueue(resource: Resource, notCovered?: NotCovered[]): QueueModel {
  const read = readProperties(QueueProperties, resource, notCovered);
  const redrive = readRedrive(read.RedrivePolicy);
  return {
    resource,
    isFifo: read.FifoQueue,
    retentionSeconds: read.MessageRetentionPeriod,
    visibilitySeconds: read.VisibilityTimeout,
    ...(redrive && { redrive }),
    ...(read.KmsMasterKeyId !== undefined && { key: read.KmsMasterKeyId }),
    isManaged: read.SqsManagedSseEnabled,
  };
}

function readRedrive(policy: unknown): RedriveModel | undefined {
  if (policy === undefined) return undefined;
  let value = policy;
  try {
    if (typeof policy === 'string') value = JSON.parse(policy);
  } catch {
    return undefined; // The whole policy is a placeholder.
  }
  const read = v.safeParse(Redrive, value);
  if (!read.success || read.output.deadLetterTargetArn === undefined) return undefined;
  const { deadLetterTargetArn: deadLetterArn, maxReceiveCount } = read.output;
  return { deadLetterArn, ...defined({ maxReceiveCount }) };
}

const SubscriptionProperties = v.looseObject({
  TopicArn: v.optional(v.string()),
  Protocol: v.string(),
  Endpoint: v.optional(v.string()),
  RawMessageDelivery: v.optional(boolean, false),
  RedrivePolicy: v.optional(json),
});
const TopicProperties = v.looseObject({ Subscription: v.optional(v.array(SubscriptionProperties), []) });

export interface SubscriptionModel {
  /** The subscription, or the topic that has it in its properties. */
  readonly resource: Resource;
  readonly topicArn: string;
  /** E.g. `sqs`, `email`. */
  readonly protocol: string;
  readonly endpoint: string;
  readonly isRaw: Maybe<boolean>;
  /** ARN of the queue for messages that could not be delivered. */
  readonly deadLetterArn?: string;
}

/** All subscriptions: those that are resources, and those in the properties of topics. */
export function subscriptionsOf(assembly: Assembly, notCovered?: NotCovered[]): SubscriptionModel[] {
  const model = (
    resource: Resource,
    topicArn: string,
    read: v.InferOutput<typeof SubscriptionProperties>,
  ): SubscriptionModel => {
    const redrive = readRedrive(read.RedrivePolicy);
    return {
      resource,
      topicArn,
      protocol: read.Protocol,
      endpoint: read.Endpoint ?? '',
      isRaw: read.RawMessageDelivery,
      ...(redrive && { deadLetterArn: redrive.deadLetterArn }),
    };
  };
  return [
    ...assembly.ofType('AWS::SNS::Topic').flatMap((topic) => {
      const { Subscription } = readProperties(TopicProperties, topic, notCovered);
      return Subscription.map((read) => model(topic, topic.arn, read));
    }),
    ...assembly.ofType('AWS::SNS::Subscription').map((resource) => {
      const read = readProperties(SubscriptionProperties, resource, notCovered);
      return model(resource, read.TopicArn ?? '', read);
    }),
  ];
}
