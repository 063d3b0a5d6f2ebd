import type {
  CancelMessageMoveTaskCommandInput,
  ChangeMessageVisibilityBatchCommandInput,
  ChangeMessageVisibilityCommandInput,
  DeleteMessageBatchCommandInput,
  DeleteMessageCommandInput,
  GetQueueAttributesCommandInput,
  GetQueueUrlCommandInput,
  ListDeadLetterSourceQueuesCommandInput,
  ListMessageMoveTasksCommandInput,
  ListQueuesCommandInput,
  PurgeQueueCommandInput,
  ReceiveMessageCommandInput,
  SendMessageBatchCommandInput,
  SendMessageBatchRequestEntry,
  SendMessageCommandInput,
  StartMessageMoveTaskCommandInput,
} from '@aws-sdk/client-sqs';
import { defined } from '../../defined';
import { type MessageMove, MessageMoves } from '../services/message-moves';
import { messageBytes, type Queue } from '../services/queue';
import { ServiceError } from '../services/service-error';
import type { Input, InputProblem } from './input';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services } from './service';
import {
  checkMessage,
  describe,
  invalid,
  md5,
  md5OfAttributes,
  missing,
  readAttributes,
} from './sqs-message';

const MAX_BATCH = 10;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const MAX_BATCH_BYTES = 1024 * 1024;
const MAX_VISIBILITY_SECONDS = 12 * 60 * 60;

/**
 * Codes of the query protocol, which SQS spoke until November 2023 and its clients still go by. Those of the API
 * model's errors are its `awsQueryError`s; the first two have none, and were recorded from the service.
 */
const OLD = 'AWS.SimpleQueueService';
const QUERY_CODES: Readonly<Record<string, string>> = {
  MissingRequiredParameterException: 'MissingParameter',
  InvalidParameterValueException: 'InvalidParameterValue',
  QueueDoesNotExist: `${OLD}.NonExistentQueue`,
  MessageNotInflight: `${OLD}.MessageNotInflight`,
  PurgeQueueInProgress: `${OLD}.PurgeQueueInProgress`,
  TooManyEntriesInBatchRequest: `${OLD}.TooManyEntriesInBatchRequest`,
  EmptyBatchRequest: `${OLD}.EmptyBatchRequest`,
  BatchEntryIdsNotDistinct: `${OLD}.BatchEntryIdsNotDistinct`,
  InvalidBatchEntryId: `${OLD}.InvalidBatchEntryId`,
  BatchRequestTooLong: `${OLD}.BatchRequestTooLong`,
  UnsupportedOperation: `${OLD}.UnsupportedOperation`,
};

/** The queues by the URLs and names that requests give. */
class QueueNames {
  readonly #services: Services;

  constructor(services: Services) {
    this.#services = services;
  }

  /**
   * A queue's URL ends with account and name. Its host is wherever the client has the URL from, but one of AWS's
   * names the region.
   */
  arn(url: string): string {
    const { partition, account: own, region: ownRegion } = this.#services.assembly;
    const [name, account = own] = url.split('/').reverse();
    const [, region = ownRegion] = /^https?:\/\/sqs\.([\w-]+)\.amazonaws\./.exec(url) ?? [];
    return `arn:${partition}:sqs:${region}:${account}:${name}`;
  }

  /** @throws ServiceError (QueueDoesNotExist) */
  find(url: string): Queue {
    const arn = this.arn(url);
    const queue = this.#services.queues.find((each) => each.arn === arn);
    if (!queue) throw new ServiceError('QueueDoesNotExist', 'The specified queue does not exist.');
    return queue;
  }

  url(name: string, base: string): string {
    return `${base}/${this.#services.assembly.account}/${name}`;
  }
}

const onQueue =
  (names: QueueNames) =>
  ({ QueueUrl }: { readonly QueueUrl: string }) => [names.arn(QueueUrl)];

export function sqs(services: Services): Service {
  return {
    name: 'sqs',
    target: 'AmazonSQS',
    jsonVersion: '1.0',
    queryCodes: QUERY_CODES,
    model: MODELS.sqs,
    invalid: refuseInput,
    accessDenied: { code: 'AccessDenied', status: 403 },
    operations: {
      ...queueOperations(services),
      ...messageOperations(services),
      ...moveOperations(services),
    },
  };
}

function queueOperations(services: Services): Service['operations'] {
  const { queues, assembly, policies } = services;
  const names = new QueueNames(services);
  const resources = onQueue(names);
  const queueAttributes = (queue: Queue): Record<string, string | undefined> => {
    const { visible, inFlight, delayed } = queue.depth();
    const { properties } = queue.resource;
    const created = String(Math.floor(queue.createdAt / 1000));
    const Statement = policies().ofResource(queue.arn);
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
      Policy: Statement.length > 0 ? JSON.stringify({ Version: '2012-10-17', Statement }) : undefined,
      RedrivePolicy: queue.redrivePolicy && JSON.stringify(queue.redrivePolicy),
      RedriveAllowPolicy: properties.RedriveAllowPolicy && JSON.stringify(properties.RedriveAllowPolicy),
      KmsMasterKeyId: properties.KmsMasterKeyId,
      FifoQueue: isTrue(properties.FifoQueue) ? 'true' : undefined,
      ContentBasedDeduplication: isTrue(properties.FifoQueue)
        ? String(isTrue(properties.ContentBasedDeduplication))
        : undefined,
      SqsManagedSseEnabled: String(properties.SqsManagedSseEnabled ?? !properties.KmsMasterKeyId),
    };
  };

  return {
    ListQueues: operation<ListQueuesCommandInput>({
      run({ QueueNamePrefix = '', MaxResults = 1000, NextToken }, { url }) {
        requireRange('MaxResults', MaxResults, 1, 1000);
        const found = queues.map(({ name }) => name).filter((name) => name.startsWith(QueueNamePrefix));
        const shown = page(found, MaxResults, NextToken, 'InvalidParameterValueException');
        return { QueueUrls: shown.items.map((name) => names.url(name, url)), NextToken: shown.next };
      },
    }),
    GetQueueUrl: operation<GetQueueUrlCommandInput>({
      resources: ({ QueueName, QueueOwnerAWSAccountId: owner = assembly.account }) => [
        names.arn(`${owner}/${QueueName}`),
      ],
      run({ QueueName, QueueOwnerAWSAccountId: owner = assembly.account }, { url }) {
        return { QueueUrl: names.url(names.find(`${owner}/${QueueName}`).name, url) };
      },
    }),
    GetQueueAttributes: operation<GetQueueAttributesCommandInput>({
      resources,
      run({ QueueUrl, AttributeNames = [] }) {
        const all = queueAttributes(names.find(QueueUrl));
        const wanted = AttributeNames.includes('All') ? Object.keys(all) : AttributeNames;
        return { Attributes: Object.fromEntries(wanted.map((name) => [name, all[name]])) };
      },
    }),
    PurgeQueue: operation<PurgeQueueCommandInput>({
      isChange: true,
      resources,
      run({ QueueUrl }) {
        names.find(QueueUrl).purge();
        return undefined;
      },
    }),
  };
}

const isTrue = (value: unknown): boolean => String(value) === 'true';

type Outgoing = Omit<SendMessageBatchRequestEntry, 'Id'>;

function send(queue: Queue, input: Input<Outgoing>, senderId: string) {
  const { MessageBody: body, DelaySeconds: delaySeconds } = input;
  const attributes = readAttributes(input.MessageAttributes);
  const { MessageGroupId: groupId, MessageDeduplicationId: deduplicationId } = input;
  if (input.MessageSystemAttributes !== undefined)
    throw invalid("The local run's queues do not know the parameter MessageSystemAttributes.");
  if (deduplicationId !== undefined && !queue.isFifo)
    throw notOfThisType('MessageDeduplicationId', deduplicationId);
  if (delaySeconds !== undefined) requireRange('DelaySeconds', delaySeconds, 0, 900);
  // A FIFO queue delays all of its messages alike.
  if (delaySeconds && queue.isFifo) throw notOfThisType('DelaySeconds', delaySeconds);
  for (const [name, id] of Object.entries({
    MessageGroupId: groupId,
    MessageDeduplicationId: deduplicationId,
  })) {
    if (id === undefined || /^[!-~]{1,128}$/.test(id)) continue;
    throw invalid(
      `Value ${id} for parameter ${name} is invalid. Reason: ${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
    );
  }
  checkMessage(queue, body, attributes);
  const messageId = queue.send({
    ...{ body, attributes, senderId },
    ...defined({ delaySeconds, groupId, deduplicationId }),
  });
  return {
    MessageId: messageId,
    MD5OfMessageBody: md5(body),
    MD5OfMessageAttributes: md5OfAttributes(attributes),
  };
}

const notOfThisType = (name: string, value: string | number) =>
  invalid(
    `Value ${value} for parameter ${name} is invalid. Reason: The request include parameter that is not valid for this queue type.`,
  );

function messageOperations(services: Services): Service['operations'] {
  const names = new QueueNames(services);
  const resources = onQueue(names);
  return {
    SendMessage: operation<SendMessageCommandInput>({
      resources,
      run: ({ QueueUrl, ...message }, { accessKeyId }) => send(names.find(QueueUrl), message, accessKeyId),
    }),
    SendMessageBatch: operation<SendMessageBatchCommandInput>({
      action: 'SendMessage',
      resources,
      run({ QueueUrl, Entries }, { accessKeyId }) {
        const queue = names.find(QueueUrl);
        checkBatch(Entries.map(({ Id }) => Id));
        const bytes = Entries.reduce(
          (sum, { MessageBody, MessageAttributes }) =>
            sum + messageBytes(MessageBody, readAttributes(MessageAttributes)),
          0,
        );
        if (bytes > MAX_BATCH_BYTES) {
          const message = `Batch requests cannot be longer than ${MAX_BATCH_BYTES} bytes. You have sent ${bytes} bytes.`;
          throw new ServiceError('BatchRequestTooLong', message);
        }
        return eachOf(Entries, ({ Id: _, ...message }) => send(queue, message, accessKeyId));
      },
    }),
    ReceiveMessage: operation<ReceiveMessageCommandInput>({
      resources,
      async run(input, { signal }) {
        const queue = names.find(input.QueueUrl);
        const { MaxNumberOfMessages: max, VisibilityTimeout: timeout, WaitTimeSeconds: wait } = input;
        if (max !== undefined) requireRange('MaxNumberOfMessages', max, 1, MAX_BATCH);
        if (timeout !== undefined) requireRange('VisibilityTimeout', timeout, 0, MAX_VISIBILITY_SECONDS);
        if (wait !== undefined) requireRange('WaitTimeSeconds', wait, 0, 20, '>= 0 and <= 20');
        const systemNames = [...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])];
        const messages = await queue.receive({
          signal,
          ...defined({ max, visibilityTimeoutSeconds: timeout, waitSeconds: wait }),
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
        names.find(QueueUrl).delete(ReceiptHandle);
        return undefined;
      },
    }),
    DeleteMessageBatch: operation<DeleteMessageBatchCommandInput>({
      action: 'DeleteMessage',
      resources,
      run({ QueueUrl, Entries }) {
        const queue = names.find(QueueUrl);
        return eachOf(Entries, ({ ReceiptHandle }) => {
          queue.delete(ReceiptHandle);
          return undefined;
        });
      },
    }),
    ChangeMessageVisibility: operation<ChangeMessageVisibilityCommandInput>({
      resources,
      run({ QueueUrl, ReceiptHandle, VisibilityTimeout }) {
        const queue = names.find(QueueUrl);
        requireRange('VisibilityTimeout', VisibilityTimeout, 0, MAX_VISIBILITY_SECONDS);
        queue.changeVisibility(ReceiptHandle, VisibilityTimeout);
        return undefined;
      },
    }),
    ChangeMessageVisibilityBatch: operation<ChangeMessageVisibilityBatchCommandInput>({
      action: 'ChangeMessageVisibility',
      resources,
      run({ QueueUrl, Entries }) {
        const queue = names.find(QueueUrl);
        return eachOf(Entries, ({ ReceiptHandle, VisibilityTimeout = queue.visibilityTimeoutSeconds }) => {
          requireRange('VisibilityTimeout', VisibilityTimeout, 0, MAX_VISIBILITY_SECONDS);
          queue.changeVisibility(ReceiptHandle, VisibilityTimeout);
          return undefined;
        });
      },
    }),
  };
}

function moveOperations({ queues, world, ...services }: Services): Service['operations'] {
  const names = new QueueNames({ queues, world, ...services });
  const moves = new MessageMoves(queues, world);
  const show = ({ TaskHandle, ...move }: MessageMove) => ({
    ...move,
    // The handle is for those that can still be cancelled.
    ...(move.Status === 'RUNNING' && { TaskHandle }),
  });
  return {
    ListDeadLetterSourceQueues: operation<ListDeadLetterSourceQueuesCommandInput>({
      resources: onQueue(names),
      run({ QueueUrl, MaxResults = 1000, NextToken }, { url }) {
        requireRange('MaxResults', MaxResults, 1, 1000);
        const sources = moves.sourcesOf(names.find(QueueUrl).arn);
        const shown = page(sources, MaxResults, NextToken, 'InvalidParameterValueException');
        return { queueUrls: shown.items.map(({ name }) => names.url(name, url)), NextToken: shown.next };
      },
    }),
    StartMessageMoveTask: operation<StartMessageMoveTaskCommandInput>({
      isChange: true,
      resources: ({ SourceArn }) => [SourceArn],
      run: (request) => ({ TaskHandle: moves.start(request).TaskHandle }),
    }),
    ListMessageMoveTasks: operation<ListMessageMoveTasksCommandInput>({
      resources: ({ SourceArn }) => [SourceArn],
      run: ({ SourceArn, MaxResults = 1 }) => ({ Results: moves.list(SourceArn, MaxResults).map(show) }),
    }),
    CancelMessageMoveTask: operation<CancelMessageMoveTaskCommandInput>({
      isChange: true,
      run({ TaskHandle }) {
        const { ApproximateNumberOfMessagesMoved } = moves.cancel(TaskHandle);
        return { ApproximateNumberOfMessagesMoved };
      },
    }),
  };
}

/** Error for the first problem only, in SQS's own words. */
function refuseInput(problems: readonly InputProblem[]): ServiceError {
  const problem = problems[0] as InputProblem;
  if (problem.constraint === 'required') {
    const name = problem.at.replace(/^./, (first) => first.toUpperCase());
    return missing(`The request must contain the parameter ${name}.`);
  }
  if (problem.constraint === 'values') {
    return new ServiceError('InvalidAttributeName', `Unknown Attribute ${problem.value}.`);
  }
  return invalid(problem.text);
}

/** A batch request: each entry succeeds or fails for itself. */
function eachOf<Entry extends { readonly Id: string }>(
  entries: readonly Entry[],
  act: (entry: Entry) => object | undefined,
): { readonly Successful: readonly object[]; readonly Failed: readonly object[] } {
  checkBatch(entries.map(({ Id }) => Id));
  const Successful: object[] = [];
  const Failed: object[] = [];
  for (const entry of entries) {
    try {
      Successful.push({ Id: entry.Id, ...act(entry) });
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      // An entry has the code of the query protocol in JSON as well.
      const Code = QUERY_CODES[error.code] ?? error.code;
      Failed.push({ Id: entry.Id, SenderFault: true, Code, Message: error.message });
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
