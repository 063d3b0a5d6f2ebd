import { Stack } from 'aws-cdk-lib';
import type { CfnRule } from 'aws-cdk-lib/aws-events';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription, UrlSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import { ConfigError, type StageConfig } from './config';
import { DeadLetterQueue } from './dead-letter-queue';
import { topicMetric } from './metrics';
import { dataRemovalPolicy } from './removal';
import { allowPublishing, EVENTS, type TargetParameters, WatchedTarget } from './rule-target';

export interface EventTopicProps {
  readonly config: StageConfig;
  /** Physical name without the stack's prefix. */
  readonly name: string;
  /** E-mail addresses and `https:` URLs that get each message; an HTTPS endpoint must confirm its subscription. */
  readonly subscribers: readonly string[];
}

/** Topic for people and endpoints that get what a rule takes. What SNS cannot deliver goes to a queue of the topic. */
export class EventTopic extends WatchedTarget {
  readonly name: string;
  readonly label: string;
  readonly topic: Topic;
  override readonly keepsData = true;

  constructor(scope: Construct, id: string, { config, name, subscribers }: EventTopicProps) {
    super(scope, id);
    this.name = `${name}-topic`;
    this.label = `topic ${config.prefix}-${name}`;
    if (subscribers.length === 0)
      throw new ConfigError(
        `Topic ${name} has no subscriber: SNS drops each message. Name an e-mail address or an https: URL.`,
      );
    this.topic = new Topic(this, 'Topic', {
      topicName: `${config.prefix}-${name}`,
      enforceSSL: true,
      masterKey: this.#key(config),
    });
    const deadLetterQueue = new DeadLetterQueue(this, 'Undelivered', {
      config,
      name: `${name}-undelivered`,
      holds: `Messages of the ${this.label} that SNS could not deliver`,
      runbookEntry: 'topic-undelivered',
    });
    for (const subscriber of subscribers)
      this.topic.addSubscription(subscription(subscriber, deadLetterQueue));
  }

  get targetArn(): string {
    return this.topic.topicArn;
  }

  allowRule(rule: CfnRule): TargetParameters {
    allowPublishing(this.topic, rule);
    return {};
  }

  override metrics() {
    return {
      taken: ['NumberOfMessagesPublished', 'NumberOfNotificationsDelivered'].map((name) =>
        topicMetric(this.topic, name),
      ),
      failed: [topicMetric(this.topic, 'NumberOfNotificationsFailed')],
    };
  }

  /** A key of its own: SNS's own key lets no service publish. */
  #key(config: StageConfig): Key {
    const key = new Key(this, 'Key', {
      description: `Messages of the ${this.label}`,
      enableKeyRotation: true,
      removalPolicy: dataRemovalPolicy(config),
    });
    key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AllowRules',
        principals: [EVENTS],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    return key;
  }
}

function subscription(subscriber: string, deadLetterQueue: DeadLetterQueue) {
  if (/^https:\/\/[^\s]+$/.test(subscriber)) return new UrlSubscription(subscriber, { deadLetterQueue });
  if (/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(subscriber))
    return new EmailSubscription(subscriber, { deadLetterQueue });
  throw new ConfigError(
    `Subscriber ${JSON.stringify(subscriber)} is neither an e-mail address nor an https: URL.`,
  );
}
