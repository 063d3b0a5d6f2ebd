/** Messages of SQS: what is refused, their digests, and how a client sees them. */

import { createHash } from 'node:crypto';
import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import { defined } from '../../defined';
import {
  type MessageAttribute,
  messageBytes,
  type Queue,
  type ReceivedMessage,
  requireBytes,
} from '../services/queue';
import { ServiceError } from '../services/service-error';
import type { Input } from './input';

type AttributeValues = Readonly<Record<string, Input<MessageAttributeValue>>>;

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const MAX_ATTRIBUTES = 10;
const MESSAGE_TEXT = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;

export const invalid = (message: string) => new ServiceError('InvalidParameterValueException', message);

export const missing = (message: string) => new ServiceError('MissingRequiredParameterException', message);

/** Attributes as queues and topics keep them: what is binary is base64. */
export function readAttributes(given: AttributeValues = {}): Record<string, MessageAttribute> {
  return Object.fromEntries(
    Object.entries(given).map(([name, { DataType, StringValue, BinaryValue }]) => [
      name,
      {
        DataType,
        ...defined({ StringValue }),
        ...(BinaryValue !== undefined && { BinaryValue: Buffer.from(BinaryValue).toString('base64') }),
      },
    ]),
  );
}

/** @throws ServiceError for what SQS does not take */
export function checkMessage(
  queue: Queue,
  body: string,
  attributes: Readonly<Record<string, MessageAttribute>>,
): void {
  if (body === '') {
    throw missing('The request must contain the parameter MessageBody.');
  }
  if (!MESSAGE_TEXT.test(body)) {
    throw new ServiceError(
      'InvalidMessageContents',
      'Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.',
    );
  }
  const entries = Object.entries(attributes);
  if (entries.length > MAX_ATTRIBUTES) {
    throw invalid(
      `Number of message attributes [${entries.length}] exceeds the allowed maximum [${MAX_ATTRIBUTES}].`,
    );
  }
  for (const [name, { DataType, StringValue = '', BinaryValue = '' }] of entries) {
    const type = /^(String|Number|Binary)(\..+)?$/.exec(DataType)?.[1];
    if (!/^(?!aws\.|amazon\.|\.)[\w.-]{1,256}(?<!\.)$/i.test(name) || name.includes('..')) {
      throw invalid(`The message attribute name '${name}' is invalid.`);
    }
    if (!type) {
      throw invalid(
        `The type of message (user) attribute '${name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String.`,
      );
    }
    if ((type === 'Binary' ? BinaryValue : StringValue) === '') {
      throw invalid(`Message (user) attribute '${name}' must contain a non-empty value of type '${type}'.`);
    }
    if (type === 'Number' && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(StringValue)) {
      throw invalid(`Can't cast the value of message (user) attribute '${name}' to a number.`);
    }
  }
  requireBytes(messageBytes(body, attributes), queue.maximumMessageBytes);
}

/** A received message with the attributes that were asked for. */
export function describe(
  message: ReceivedMessage,
  systemNames: readonly string[],
  wanted: readonly string[] = [],
): Record<string, unknown> {
  const system: Record<string, string> = {
    SenderId: message.senderId,
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
  };
  const { groupId, deadLetterSourceArn } = message;
  if (groupId !== undefined) system.MessageGroupId = groupId;
  if (deadLetterSourceArn !== undefined) system.DeadLetterQueueSourceArn = deadLetterSourceArn;
  const shown = Object.entries(system).filter(
    ([name]) => systemNames.includes('All') || systemNames.includes(name),
  );
  const attributes = Object.fromEntries(
    Object.entries(message.attributes).filter(([name]) =>
      wanted.some(
        (pattern) =>
          pattern === 'All' ||
          pattern === name ||
          (pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -2))),
      ),
    ),
  );
  const any = Object.keys(attributes).length > 0;
  return {
    MessageId: message.id,
    ReceiptHandle: message.receiptHandle,
    MD5OfBody: md5(message.body),
    Body: message.body,
    ...(shown.length > 0 && { Attributes: Object.fromEntries(shown) }),
    ...(any && { MessageAttributes: attributes, MD5OfMessageAttributes: md5OfAttributes(attributes) }),
  };
}

export const md5 = (data: string | Buffer) => createHash('md5').update(data).digest('hex');

/**
 * Clients check it.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation
 */
export function md5OfAttributes(attributes: Readonly<Record<string, MessageAttribute>>): string | undefined {
  const names = Object.keys(attributes).sort();
  if (names.length === 0) return undefined;
  const parts: Buffer[] = [];
  const add = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    parts.push(length, bytes);
  };
  for (const name of names) {
    const { DataType, StringValue = '', BinaryValue = '' } = attributes[name] as MessageAttribute;
    const isBinary = DataType.startsWith('Binary');
    add(Buffer.from(name));
    add(Buffer.from(DataType));
    parts.push(Buffer.from([isBinary ? 2 : 1]));
    add(isBinary ? Buffer.from(BinaryValue, 'base64') : Buffer.from(StringValue));
  }
  return md5(Buffer.concat(parts));
}
