import type { ListTopicsCommandInput, PublishCommandInput, SubscribeCommandInput } from '@aws-sdk/client-sns';
import { ServiceError } from '../services/service-error';
import type { Notification } from '../services/topic';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services, validationError } from './service';
import { readAttributes } from './sqs';

export function sns({ topics, assembly }: Services): Service {
  const find = (arn: string) => {
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
  };

  return {
    name: 'sns',
    namespace: 'http://sns.amazonaws.com/doc/2010-03-31/',
    model: MODELS.sns,
    invalid: validationError('ValidationError'),
    accessDenied: { code: 'AuthorizationError', status: 403 },
    operations: {
      Publish: operation<PublishCommandInput>({
        resources: ({ TopicArn, TargetArn }) => [TopicArn ?? TargetArn ?? '*'],
        run({
          TopicArn,
          TargetArn,
          PhoneNumber,
          Message,
          Subject,
          MessageStructure,
          MessageAttributes = {},
        }) {
          if (PhoneNumber !== undefined)
            throw invalid('Invalid parameter: PhoneNumber Reason: the local run sends no text messages');
          const arn = TopicArn ?? TargetArn;
          if (arn === undefined) {
            throw invalid('Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter');
          }
          const messageId = find(arn).publish({
            message: MessageStructure === 'json' ? byProtocol(Message) : Message,
            attributes: readAttributes(MessageAttributes),
            ...(Subject !== undefined && { subject: Subject }),
          });
          return { MessageId: messageId };
        },
      }),
      ListTopics: operation<ListTopicsCommandInput>({
        run({ NextToken }) {
          const shown = page(topics, 100, NextToken, 'InvalidParameter');
          return { Topics: shown.items.map(({ arn }) => ({ TopicArn: arn })), NextToken: shown.next };
        },
      }),
      Subscribe: operation<SubscribeCommandInput>({
        resources: ({ TopicArn }) => [TopicArn],
        run({ TopicArn, Protocol, Endpoint = '', Attributes = {} }) {
          const topic = find(TopicArn);
          if (Protocol !== 'sqs') {
            throw invalid(
              `Invalid parameter: Protocol Reason: the local run delivers to sqs only, not ${Protocol}`,
            );
          }
          const { RawMessageDelivery: raw = 'false', ...others } = Attributes;
          const [other] = Object.keys(others);
          if (other) {
            throw invalid(
              `Invalid parameter: Attributes Reason: the local run does not know the attribute ${other}`,
            );
          }
          if (raw !== 'true' && raw !== 'false') {
            throw invalid(
              `Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [${raw}]. Must be true or false.`,
            );
          }
          return { SubscriptionArn: topic.subscribe(Endpoint, raw === 'true').arn };
        },
      }),
    },
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
