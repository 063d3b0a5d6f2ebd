import type {
  GetSubscriptionAttributesCommandInput,
  GetTopicAttributesCommandInput,
  ListSubscriptionsByTopicCommandInput,
  ListSubscriptionsCommandInput,
  ListTopicsCommandInput,
  PublishBatchCommandInput,
  PublishBatchRequestEntry,
  PublishCommandInput,
  SetSubscriptionAttributesCommandInput,
  SubscribeCommandInput,
  UnsubscribeCommandInput,
} from '@aws-sdk/client-sns';
import { defined } from '../../defined';
import { FilterPolicy } from '../services/filter-policy';
import { ServiceError } from '../services/service-error';
import type { Notification, Topic, TopicSubscription } from '../services/topic';
import type { Input } from './input';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services, validationError } from './service';
import { readAttributes } from './sqs-message';

export function sns(services: Services): Service {
  return {
    name: 'sns',
    namespace: 'http://sns.amazonaws.com/doc/2010-03-31/',
    model: MODELS.sns,
    invalid: validationError('ValidationError'),
    accessDenied: { code: 'AuthorizationError', status: 403 },
    operations: { ...publishOperations(services), ...subscriptionOperations(services) },
  };
}

/** @throws ServiceError (InvalidParameter, NotFound) */
function findTopic({ topics, assembly }: Services, arn: string): Topic {
  const parts = arn.split(':');
  if (parts.length < 6) {
    throw invalid(
      `Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not ${parts.length}`,
    );
  }
  if (parts[3] !== assembly.region) throw invalid('Invalid parameter: TopicArn');
  const topic = topics.find((candidate) => candidate.arn === arn);
  if (!topic) throw new ServiceError('NotFound', 'Topic does not exist', 404);
  return topic;
}

const MAX_BATCH = 10;

function publishOperations(services: Services): Service['operations'] {
  const { topics, policies, assembly } = services;
  const publish = (
    topic: Topic,
    {
      Message,
      Subject,
      MessageStructure,
      MessageAttributes = {},
    }: Input<Omit<PublishBatchRequestEntry, 'Id'>>,
  ) => {
    const MessageId = topic.publish({
      message: MessageStructure === 'json' ? byProtocol(Message) : Message,
      attributes: readAttributes(MessageAttributes),
      ...defined({ subject: Subject }),
    });
    return { MessageId };
  };
  return {
    Publish: operation<PublishCommandInput>({
      resources: ({ TopicArn, TargetArn }) => [TopicArn ?? TargetArn ?? '*'],
      run({ TopicArn, TargetArn, PhoneNumber, ...message }) {
        if (PhoneNumber !== undefined)
          throw invalid('Invalid parameter: PhoneNumber Reason: the local run sends no text messages');
        const arn = TopicArn ?? TargetArn;
        if (arn === undefined) {
          throw invalid('Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter');
        }
        return publish(findTopic(services, arn), message);
      },
    }),
    PublishBatch: operation<PublishBatchCommandInput>({
      action: 'Publish',
      resources: ({ TopicArn }) => [TopicArn],
      run({ TopicArn, PublishBatchRequestEntries: entries }) {
        const topic = findTopic(services, TopicArn);
        if (entries.length === 0) {
          throw new ServiceError('EmptyBatchRequest', "The batch request doesn't contain any entries.");
        }
        if (entries.length > MAX_BATCH) {
          const message = 'The batch request contains more entries than permissible.';
          throw new ServiceError('TooManyEntriesInBatchRequest', message);
        }
        if (new Set(entries.map(({ Id }) => Id)).size < entries.length) {
          const message = 'Two or more batch entries in the request have the same Id.';
          throw new ServiceError('BatchEntryIdsNotDistinct', message);
        }
        const Successful: object[] = [];
        const Failed: object[] = [];
        for (const { Id, ...message } of entries) {
          try {
            Successful.push({ Id, ...publish(topic, message) });
          } catch (error) {
            if (!(error instanceof ServiceError)) throw error;
            Failed.push({ Id, Code: error.code, Message: error.message, SenderFault: true });
          }
        }
        return { Successful, Failed };
      },
    }),
    ListTopics: operation<ListTopicsCommandInput>({
      run({ NextToken }) {
        const shown = page(topics, 100, NextToken, 'InvalidParameter');
        return { Topics: shown.items.map(({ arn }) => ({ TopicArn: arn })), NextToken: shown.next };
      },
    }),
    GetTopicAttributes: operation<GetTopicAttributesCommandInput>({
      resources: ({ TopicArn }) => [TopicArn],
      run({ TopicArn }) {
        const { arn, resource, subscriptions } = findTopic(services, TopicArn);
        const { DisplayName = '', KmsMasterKeyId } = resource.properties;
        const Statement = policies().ofResource(arn);
        return {
          Attributes: new Map<string, string | undefined>([
            ['TopicArn', arn],
            ['Owner', assembly.account],
            ['DisplayName', DisplayName],
            ['SubscriptionsConfirmed', String(subscriptions.filter(isConfirmed).length)],
            ['SubscriptionsPending', String(subscriptions.filter((each) => !isConfirmed(each)).length)],
            ['SubscriptionsDeleted', '0'],
            [
              'Policy',
              Statement.length > 0 ? JSON.stringify({ Version: '2012-10-17', Statement }) : undefined,
            ],
            ['KmsMasterKeyId', KmsMasterKeyId],
          ]),
        };
      },
    }),
  };
}

/** Whoever gets a mail has to follow the link in it first, and the local run sends no mail. */
const isConfirmed = ({ protocol }: TopicSubscription) => !protocol.startsWith('email');

function subscriptionOperations(services: Services): Service['operations'] {
  const { topics, assembly } = services;
  const find = (arn: string) => {
    const topic = topics.find((each) => arn.startsWith(`${each.arn}:`));
    const subscription = topic?.subscriptions.find((each) => each.arn === arn);
    if (!topic || !subscription) throw new ServiceError('NotFound', 'Subscription does not exist', 404);
    return { topic, subscription };
  };
  const listed = (subscriptions: readonly TopicSubscription[], token: string | undefined) => {
    const { items, next } = page(subscriptions, 100, token, 'InvalidParameter');
    return {
      Subscriptions: items.map((subscription) => ({
        SubscriptionArn: isConfirmed(subscription) ? subscription.arn : 'PendingConfirmation',
        Owner: assembly.account,
        Protocol: subscription.protocol,
        Endpoint: subscription.endpoint,
        TopicArn: subscription.arn.slice(0, subscription.arn.lastIndexOf(':')),
      })),
      NextToken: next,
    };
  };
  return {
    Subscribe: operation<SubscribeCommandInput>({
      isChange: true,
      resources: ({ TopicArn }) => [TopicArn],
      run({ TopicArn, Protocol, Endpoint = '', Attributes = {} }) {
        const topic = findTopic(services, TopicArn);
        if (Protocol !== 'sqs') {
          throw invalid(
            `Invalid parameter: Protocol Reason: the local run delivers to sqs only, not ${Protocol}`,
          );
        }
        return { SubscriptionArn: topic.subscribe(Endpoint, readSettings(Attributes)).arn };
      },
    }),
    Unsubscribe: operation<UnsubscribeCommandInput>({
      isChange: true,
      resources: ({ SubscriptionArn }) => [SubscriptionArn],
      run({ SubscriptionArn }) {
        // As in AWS, it is no error if it is not there any more.
        for (const topic of topics) topic.unsubscribe(SubscriptionArn);
        return undefined;
      },
    }),
    ListSubscriptions: operation<ListSubscriptionsCommandInput>({
      run: ({ NextToken }) =>
        listed(
          topics.flatMap(({ subscriptions }) => subscriptions),
          NextToken,
        ),
    }),
    ListSubscriptionsByTopic: operation<ListSubscriptionsByTopicCommandInput>({
      resources: ({ TopicArn }) => [TopicArn],
      run: ({ TopicArn, NextToken }) => listed(findTopic(services, TopicArn).subscriptions, NextToken),
    }),
    GetSubscriptionAttributes: operation<GetSubscriptionAttributesCommandInput>({
      resources: ({ SubscriptionArn }) => [SubscriptionArn],
      run({ SubscriptionArn }) {
        const { topic, subscription } = find(SubscriptionArn);
        return {
          Attributes: new Map<string, string | undefined>([
            ['SubscriptionArn', subscription.arn],
            ['TopicArn', topic.arn],
            ['Owner', assembly.account],
            ['Protocol', subscription.protocol],
            ['Endpoint', subscription.endpoint],
            ['PendingConfirmation', String(!isConfirmed(subscription))],
            ['ConfirmationWasAuthenticated', 'true'],
            ['RawMessageDelivery', String(subscription.rawMessageDelivery)],
            ['FilterPolicy', subscription.filterPolicy?.text],
            ['FilterPolicyScope', subscription.filterPolicy?.scope],
          ]),
        };
      },
    }),
    SetSubscriptionAttributes: operation<SetSubscriptionAttributesCommandInput>({
      isChange: true,
      resources: ({ SubscriptionArn }) => [SubscriptionArn],
      run({ SubscriptionArn, AttributeName, AttributeValue = '' }) {
        const { topic, subscription } = find(SubscriptionArn);
        const { rawMessageDelivery, filterPolicy } = subscription;
        topic.setSubscription(
          SubscriptionArn,
          readSettings({
            RawMessageDelivery: String(rawMessageDelivery),
            ...(filterPolicy && { FilterPolicy: filterPolicy.text, FilterPolicyScope: filterPolicy.scope }),
            [AttributeName]: AttributeValue,
          }),
        );
        return undefined;
      },
    }),
  };
}

/** @throws ServiceError (InvalidParameter) */
function readSettings(
  attributes: Readonly<Record<string, string>>,
): Pick<TopicSubscription, 'rawMessageDelivery' | 'filterPolicy'> {
  const {
    RawMessageDelivery: raw = 'false',
    FilterPolicy: filter = '',
    FilterPolicyScope: scope,
  } = attributes;
  const known = ['RawMessageDelivery', 'FilterPolicy', 'FilterPolicyScope'];
  const other = Object.keys(attributes).find((name) => !known.includes(name));
  if (other) {
    throw invalid(`Invalid parameter: Attributes Reason: the local run does not know the attribute ${other}`);
  }
  if (raw !== 'true' && raw !== 'false') {
    throw invalid(
      `Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [${raw}]. Must be true or false.`,
    );
  }
  return {
    rawMessageDelivery: raw === 'true',
    ...(filter !== '' && { filterPolicy: new FilterPolicy(filter, scope) }),
  };
}

const invalid = (message: string) => new ServiceError('InvalidParameter', message);

function byProtocol(message: string): Notification['message'] {
  let texts: Record<string, unknown>;
  try {
    texts = JSON.parse(message);
  } catch {
    throw invalid('Invalid parameter: Message Structure - JSON message body failed to parse');
  }
  if (typeof texts?.default !== 'string') {
    throw invalid('Invalid parameter: Message Structure - No default entry in JSON message body');
  }
  return { default: texts.default, ...(typeof texts.sqs === 'string' && { sqs: texts.sqs }) };
}
