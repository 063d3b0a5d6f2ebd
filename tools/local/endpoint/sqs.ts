import { createHash } from 'node:crypto';
import type {
  ChangeMessageVisibilityBatchCommandInput,
  ChangeMessageVisibilityCommandInput,
  DeleteMessageBatchCommandInput,
  DeleteMessageCommandInput,
  GetQueueAttributesCommandInput,
  GetQueueUrlCommandInput,
  ListQueuesCommandInput,
  MessageAttributeValue,
  PurgeQueueCommandInput,
  ReceiveMessageCommandInput,
  SendMessageCommandInput,
} from '@aws-sdk/client-sqs';
import type { MessageAttribute, Queue, ReceivedMessage } from '../services/queue';
import { ServiceError } from '../services/service-error';
import type { Input, Problem } from './input';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services } from './service';

type AttributeValues = Readonly<Record<string, Input<MessageAttributeValue>>>;
const MAX_BATCH = 10;
const MAX_VISIBILITY_SECONDS = 12 * 60 * 60;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const MAX_ATTRIBUTES = 10;
const MESSAGE_TEXT = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;

/** SQS spoke the query protocol until November 2023, and its clients still go by the codes of that time. */
const OLD = 'AWS.SimpleQueueService';
const QUERY_CODES = {
  MissingRequiredParameterException: 'MissingParameter',
  InvalidParameterValueException: 'InvalidParameterValue',
  QueueDoesNotExist: `${OLD}.NonExistentQueue`,
  MessageNotInflight: `${OLD}.MessageNotInflight`,
  PurgeQueueInProgress: `${OLD}.PurgeQueueInProgress`,
  TooManyEntriesInBatchRequest: `${OLD}.TooManyEntriesInBatchRequest`,
  EmptyBatchRequest: `${OLD}.EmptyBatchRequest`,
  BatchEntryIdsNotDistinct: `${OLD}.BatchEntryIdsNotDistinct`,
  InvalidBatchEntryId: `${OLD}.InvalidBatchEntryId`,
};

export function sqs({ queues, assembly }: Services): Service {
  const byName = new Map(queues.map((queue) => [queue.name, queue]));
  const nonExistent = () => new ServiceError('QueueDoesNotExist', 'The specified queue does not exist.');
  /**
   * A queue's URL ends with account and name. Its host is wherever the client has the URL from, but one of AWS's
   * names the region.
   */
  const arnOfUrl = (url: string) => {
    const [name = '', account = assembly.account] = url.split('/').reverse();
    const [, region = assembly.region] = /^https?:\/\/sqs\.([\w-]+)\.amazonaws\./.exec(url) ?? [];
    return `arn:${assembly.partition}:sqs:${region}:${account}:${name}`;
  };
  const find = (url: string): Queue => {
    const arn = arnOfUrl(url);
    const queue = queues.find((each) => each.arn === arn);
    if (!queue) throw nonExistent();
    return queue;
  };
  const urlOf = (name: string, base: string) => `${base}/${assembly.account}/${name}`;
  const resources = ({ QueueUrl }: { readonly QueueUrl: string }) => [arnOfUrl(QueueUrl)];
  const policyOf = (queue: Queue) =>
    assembly
      .ofType('AWS::SQS::QueuePolicy')
      .find(({ properties }) => properties.Queues.some((url: string) => arnOfUrl(url) === queue.arn))
      ?.properties.PolicyDocument;

  const queueAttributes = (queue: Queue): Record<string, string | undefined> => {
    const { visible, inFlight, delayed } = queue.depth();
    const { properties } = queue.resource;
    const created = String(Math.floor(queue.createdAt / 1000));
    const policy = policyOf(queue);
    return {
      ApproximateNumberOfMessages: String(visible),
      ApproximateNumberOfMessagesNotVisible: String(inFlight),
      ApproximateNumberOfMessagesDelayed: String(delayed),
      CreatedTimestamp: created,
      LastModifiedTimestamp: created,
      QueueArn: queue.arn,
      VisibilityTimeout: String(queue.visibilityTimeoutSeconds),
      MessageRetentionPeriod: String(queue.retentionSeconds),
      MaximumMessageSize: String(queue.maximumMessageBytes),
      DelaySeconds: String(queue.delaySeconds),
      ReceiveMessageWaitTimeSeconds: String(queue.waitSeconds),
      Policy: policy && JSON.stringify(policy),
      RedriveAllowPolicy: properties.RedriveAllowPolicy && JSON.stringify(properties.RedriveAllowPolicy),
      KmsMasterKeyId: properties.KmsMasterKeyId,
      SqsManagedSseEnabled: String(properties.SqsManagedSseEnabled ?? !properties.KmsMasterKeyId),
    };
  };

  return {
    name: 'sqs',
    target: 'AmazonSQS',
    jsonVersion: '1.0',
    queryCodes: QUERY_CODES,
    model: MODELS.sqs,
    invalid: refuseInput,
    accessDenied: { code: 'AccessDenied', status: 403 },
    operations: {
      ListQueues: operation<ListQueuesCommandInput>({
        run({ QueueNamePrefix = '', MaxResults, NextToken }, { url }) {
          if (MaxResults !== undefined) requireRange('MaxResults', MaxResults, 1, 1000);
          const names = [...byName.keys()].filter((name) => name.startsWith(QueueNamePrefix));
          const shown = page(names, MaxResults ?? 1000, NextToken, 'InvalidParameterValueException');
          return { QueueUrls: shown.items.map((name) => urlOf(name, url)), NextToken: shown.next };
        },
      }),
      GetQueueUrl: operation<GetQueueUrlCommandInput>({
        resources: ({ QueueName, QueueOwnerAWSAccountId: owner = assembly.account }) => [
          arnOfUrl(`${owner}/${QueueName}`),
        ],
        run({ QueueName, QueueOwnerAWSAccountId: owner = assembly.account }, { url }) {
          const queue = owner === assembly.account ? byName.get(QueueName) : undefined;
          if (!queue) throw nonExistent();
          return { QueueUrl: urlOf(queue.name, url) };
        },
      }),
      GetQueueAttributes: operation<GetQueueAttributesCommandInput>({
        resources,
        run({ QueueUrl, AttributeNames = [] }) {
          const all = queueAttributes(find(QueueUrl));
          const wanted = AttributeNames.includes('All') ? Object.keys(all) : AttributeNames;
          return { Attributes: Object.fromEntries(wanted.map((name) => [name, all[name]])) };
        },
      }),
      SendMessage: operation<SendMessageCommandInput>({
        resources,
        run(input, { accessKeyId }) {
          const queue = find(input.QueueUrl);
          const { MessageBody: body, DelaySeconds: delaySeconds } = input;
          const attributes = readAttributes(input.MessageAttributes);
          for (const name of [
            'MessageGroupId',
            'MessageDeduplicationId',
            'MessageSystemAttributes',
          ] as const) {
            if (input[name] !== undefined) {
              throw invalid(`The local run's queues do not know the parameter ${name}.`);
            }
          }
          if (delaySeconds !== undefined) requireRange('DelaySeconds', delaySeconds, 0, 900);
          checkMessage(queue, body, attributes);
          const messageId = queue.send({
            body,
            attributes,
            senderId: accessKeyId,
            ...(delaySeconds !== undefined && { delaySeconds }),
          });
          return {
            MessageId: messageId,
            MD5OfMessageBody: md5(body),
            MD5OfMessageAttributes: md5OfAttributes(attributes),
          };
        },
      }),
      ReceiveMessage: operation<ReceiveMessageCommandInput>({
        resources,
        async run(input, { signal }) {
          const queue = find(input.QueueUrl);
          const { MaxNumberOfMessages: max, VisibilityTimeout: timeout, WaitTimeSeconds: wait } = input;
          if (max !== undefined) requireRange('MaxNumberOfMessages', max, 1, MAX_BATCH);
          if (timeout !== undefined) requireRange('VisibilityTimeout', timeout, 0, MAX_VISIBILITY_SECONDS);
          if (wait !== undefined) requireRange('WaitTimeSeconds', wait, 0, 20, '>= 0 and <= 20');
          const systemNames = [...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])];
          const messages = await queue.receive({
            signal,
            ...(max !== undefined && { max }),
            ...(timeout !== undefined && { visibilityTimeoutSeconds: timeout }),
            ...(wait !== undefined && { waitSeconds: wait }),
          });
          if (messages.length === 0) return {};
          return {
            Messages: messages.map((message) => describe(message, systemNames, input.MessageAttributeNames)),
          };
        },
      }),
      DeleteMessage: operation<DeleteMessageCommandInput>({
        resources,
        run({ QueueUrl, ReceiptHandle }) {
          find(QueueUrl).delete(ReceiptHandle);
          return undefined;
        },
      }),
      DeleteMessageBatch: operation<DeleteMessageBatchCommandInput>({
        action: 'DeleteMessage',
        resources,
        run({ QueueUrl, Entries }) {
          const queue = find(QueueUrl);
          return eachOf(Entries, ({ ReceiptHandle }) => queue.delete(ReceiptHandle));
        },
      }),
      ChangeMessageVisibility: operation<ChangeMessageVisibilityCommandInput>({
        resources,
        run({ QueueUrl, ReceiptHandle, VisibilityTimeout }) {
          const queue = find(QueueUrl);
          requireRange('VisibilityTimeout', VisibilityTimeout, 0, MAX_VISIBILITY_SECONDS);
          queue.changeVisibility(ReceiptHandle, VisibilityTimeout);
          return undefined;
        },
      }),
      ChangeMessageVisibilityBatch: operation<ChangeMessageVisibilityBatchCommandInput>({
        action: 'ChangeMessageVisibility',
        resources,
        run({ QueueUrl, Entries }) {
          const queue = find(QueueUrl);
          return eachOf(Entries, ({ ReceiptHandle, VisibilityTimeout = queue.visibilityTimeoutSeconds }) => {
            requireRange('VisibilityTimeout', VisibilityTimeout, 0, MAX_VISIBILITY_SECONDS);
            queue.changeVisibility(ReceiptHandle, VisibilityTimeout);
          });
        },
      }),
      PurgeQueue: operation<PurgeQueueCommandInput>({
        resources,
        run({ QueueUrl }) {
          find(QueueUrl).purge();
          return undefined;
        },
      }),
    },
  };
}

/** Only the first problem is told, in words of SQS's own. */
function refuseInput([problem]: readonly Problem[]): ServiceError {
  if (problem?.constraint === 'required') {
    const name = problem.at.replace(/^./, (first) => first.toUpperCase());
    return missing(`The request must contain the parameter ${name}.`);
  }
  if (problem?.constraint === 'values') {
    return new ServiceError('InvalidAttributeName', `Unknown Attribute ${problem.value}.`);
  }
  return invalid(problem?.text ?? '');
}

const missing = (message: string) => new ServiceError('MissingRequiredParameterException', message);
const invalid = (message: string) => new ServiceError('InvalidParameterValueException', message);

/** A batch request: each entry succeeds or fails for itself. */
function eachOf<Entry extends { readonly Id: string }>(
  entries: readonly Entry[],
  act: (entry: Entry) => void,
): { readonly Successful: readonly object[]; readonly Failed: readonly object[] } {
  checkBatch(entries.map(({ Id }) => Id));
  const Successful: object[] = [];
  const Failed: object[] = [];
  for (const entry of entries) {
    try {
      act(entry);
      Successful.push({ Id: entry.Id });
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      Failed.push({ Id: entry.Id, SenderFault: true, Code: error.code, Message: error.message });
    }
  }
  return { Successful, Failed };
}

function requireRange(
  name: string,
  value: number,
  min: number,
  max: number,
  range = `between ${min} and ${max}`,
): void {
  if (value >= min && value <= max) return;
  throw invalid(`Value ${value} for parameter ${name} is invalid. Reason: Must be ${range}, if provided.`);
}

/** Attributes as queues and topics keep them: what is binary is base64. */
export function readAttributes(given: AttributeValues = {}): Record<string, MessageAttribute> {
  return Object.fromEntries(
    Object.entries(given).map(([name, { DataType, StringValue, BinaryValue }]) => [
      name,
      {
        DataType,
        ...(StringValue !== undefined && { StringValue }),
        ...(BinaryValue !== undefined && { BinaryValue: Buffer.from(BinaryValue).toString('base64') }),
      },
    ]),
  );
}

function checkMessage(
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
  let bytes = Buffer.byteLength(body);
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
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType) + Buffer.byteLength(StringValue);
    bytes += Buffer.byteLength(BinaryValue, 'base64');
  }
  if (bytes > queue.maximumMessageBytes) {
    throw invalid(
      `One or more parameters are invalid. Reason: Message must be shorter than ${queue.maximumMessageBytes} bytes.`,
    );
  }
}

function checkBatch(ids: readonly string[]): void {
  if (ids.length === 0) {
    throw new ServiceError('EmptyBatchRequest', 'There should be at least one entry in the request.');
  }
  if (ids.length > MAX_BATCH) {
    throw new ServiceError(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are ${MAX_BATCH}. You have sent ${ids.length}.`,
    );
  }
  for (const [index, id] of ids.entries()) {
    if (!/^[\w-]{1,80}$/.test(id)) {
      throw new ServiceError(
        'InvalidBatchEntryId',
        'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
      );
    }
    if (ids.indexOf(id) !== index) throw new ServiceError('BatchEntryIdsNotDistinct', `Id ${id} repeated.`);
  }
}

function describe(
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

const md5 = (data: string | Buffer) => createHash('md5').update(data).digest('hex');

/**
 * Clients check it.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation
 */
function md5OfAttributes(attributes: Readonly<Record<string, MessageAttribute>>): string | undefined {
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
