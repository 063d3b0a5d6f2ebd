import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import type { StageConfig } from './config';
import { DeadLetterQueue } from './dead-letter-queue';

/**
 * Subscribes an address to a topic. A message that SNS could not deliver goes to a dead-letter queue of the
 * subscription; without one SNS drops it after its last attempt.
 * https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
 */
export function subscribeEmail(
  scope: Construct,
  topic: ITopic,
  address: string,
  { name, config }: { readonly name: string; readonly config: StageConfig },
): void {
  const deadLetterQueue = new DeadLetterQueue(scope, 'Undelivered', {
    name: `${name}-undelivered`,
    config,
    holds: `Mails of the topic ${config.prefix}-${name} that SNS could not deliver`,
    runbookEntry: 'mail-undelivered',
  });
  topic.addSubscription(new EmailSubscription(address, { deadLetterQueue }));
}
