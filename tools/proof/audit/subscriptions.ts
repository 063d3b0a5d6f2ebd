/** A topic hands its messages to its subscribers. */
import type { Resource } from '../../template/assembly';
import { subscriptionsOf } from '../../template/queues';
import type { AuditedHop } from './hops';
import type { Scene } from './scene';

/** Action that a topic needs on each type of subscriber. */
const SUBSCRIBER_ACTIONS: Readonly<Record<string, string>> = {
  'AWS::Lambda::Function': 'lambda:InvokeFunction',
  'AWS::SQS::Queue': 'sqs:SendMessage',
};

const SNS = 'sns.amazonaws.com';

export function auditSubscriptions(scene: Scene, topic: Resource): void {
  const subscriptions = subscriptionsOf(scene.assembly).filter(({ topicArn }) => topicArn === topic.arn);
  const unknown = scene.unknownPart(topic, 'Subscription');
  if (typeof topic.properties.Subscription === 'string' && unknown !== undefined)
    scene
      .hop('subscription', topic, 'subscribers')
      .cannotTell('place', topic, `who subscribes to it: ${unknown}`);
  else if (subscriptions.length === 0) {
    scene.notes.push(
      `Topic ${topic.name} has no subscription in this template: unless one is made elsewhere, its messages reach nobody.`,
    );
  }
  for (const { resource: subscription, protocol, endpoint, deadLetterArn: queueArn } of subscriptions) {
    const hop = scene.hop('subscription', topic, `${protocol} ${endpoint}`);
    hop.retry = 'by SNS';
    hop.whenAllFails = 'lost';
    const queue = queueArn === undefined ? undefined : scene.find(queueArn);
    const reason = scene.unknownPart(subscription, 'RedrivePolicy');
    if (queue) {
      hop.whenAllFails = queue.name;
      scene.failureQueues.add(queue);
      needsSubscriber(scene, hop, topic, queue);
    } else if (queueArn) {
      scene.missing(hop, 'failure-destination', subscription, 'its dead-letter queue', queueArn);
    } else if (reason !== undefined && subscription.type === 'AWS::SNS::Subscription') {
      hop.cannotTell('failure-destination', subscription, `what its RedrivePolicy is: ${reason}`);
    } else if (/^email/.test(protocol)) {
      scene.notes.push(`A mail of topic ${topic.name} that SNS cannot send within 6 hours is lost.`);
    } else {
      const lost = 'it has no RedrivePolicy: what SNS cannot deliver is lost';
      hop.gap('failure-destination', subscription, lost);
    }
    const subscriber = scene.find(endpoint) ?? scene.assembly.find(endpoint);
    if (subscriber) needsSubscriber(scene, hop, topic, subscriber);
    else if (/^(sqs|lambda|firehose)$/.test(protocol))
      scene.missing(hop, 'place', subscription, 'its endpoint', endpoint);
  }
}

function needsSubscriber(scene: Scene, hop: AuditedHop, topic: Resource, subscriber: Resource): void {
  const action = SUBSCRIBER_ACTIONS[subscriber.type];
  if (!action) return;
  const decision = scene.permissions.serviceMay(SNS, topic.arn, action, subscriber.arn);
  hop.needs(action, decision, subscriber, `for topic ${topic.name}`);
  if (subscriber.type !== 'AWS::Lambda::Function')
    scene.encryption.of(hop, subscriber, [{ service: SNS, sourceArn: topic.arn }]);
}
