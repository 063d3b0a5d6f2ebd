/**
 * Services that Task states call, by the role of their state machine.
 * https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
 */
import { parseExactly, stringifyExactly } from '../../eventbridge/exact-json';
import type { Decision } from '../../template/policy';
import type { EventBridge } from '../services/event-bridge';
import type { InvocationResult, LambdaFunction } from '../services/lambda';
import type { MessageAttribute, Queue } from '../services/queue';
import { ServiceError } from '../services/service-error';
import type { Tables } from '../services/tables';
import type { Topic } from '../services/topic';
import { currentRequest } from '../steps';
import { isStateObject, type StateJson } from './json-path';
import { StatesError, UnknownInDefinitionError } from './states-error';

export interface TaskParts {
  readonly functions: readonly LambdaFunction[];
  readonly queues: readonly Queue[];
  readonly topics: readonly Topic[];
  /** Asked for at each call: they may start later. */
  readonly tables: () => Tables;
  readonly eventBridge: () => EventBridge;
  /** The ARN of a resource of this account and region, e.g. of `dynamodb` and `table/orders`. */
  readonly arnOf: (service: string, resource: string) => string;
  /** Decides by the role's policies, and whether Step Functions may take it on. */
  readonly may: (role: string, action: string, resource: string) => Decision;
}

export interface TaskCall {
  readonly resource: string;
  readonly parameters: StateJson;
  /** ARN. */
  readonly role: string;
  /** ARNs of the execution and of its state machine. */
  readonly origins: readonly string[];
  readonly trace: string | undefined;
}

/** A result, and how long a function took for it, in milliseconds of the machine. */
export interface TaskResult {
  readonly value: StateJson;
  readonly durationMs?: number;
}

type Parameters = { readonly [name: string]: StateJson };

interface Integration {
  /** Prefix of the names of its errors, e.g. `Lambda`. */
  readonly service: string;
  readonly action: string;
  /** Error of a call that the role does not allow. */
  readonly denied: string;
  /** Parameters that are known here. */
  readonly parameters: readonly string[];
  /** ARNs that the call acts on. */
  targets(parameters: Parameters, parts: TaskParts): readonly string[];
  call(parameters: Parameters, parts: TaskParts, call: TaskCall): TaskResult | Promise<TaskResult>;
}

const FUNCTION = /^arn:[\w-]+:lambda:[\w-]+:\d{12}:function:[\w-]+(:[\w$-]+)?$/;

/** The function of a name, an ARN, or either with an alias or a version, of which there is one here. */
const functionOf = (name: StateJson | undefined, { functions }: TaskParts): LambdaFunction | undefined => {
  const found = functions.find((each) => each.name === name || each.arn === name);
  const bare = String(name).replace(/:[\w$-]+$/, '');
  return found ?? functions.find((each) => each.name === bare || each.arn === bare);
};

const textOf = (value: StateJson | undefined): string =>
  typeof value === 'string' ? value : JSON.stringify(value ?? {});

const INVOKE: Integration = {
  service: 'Lambda',
  action: 'lambda:InvokeFunction',
  denied: 'AWSLambdaException',
  parameters: ['FunctionName', 'Payload', 'Qualifier', 'InvocationType'],
  targets: ({ FunctionName: name }, parts) => {
    const qualified = /:function:/.test(String(name)) ? String(name) : functionOf(name, parts)?.arn;
    return qualified === undefined ? [] : [qualified];
  },
  async call({ FunctionName: name, Payload, InvocationType: type = 'RequestResponse' }, parts, { trace }) {
    const each = functionOf(name, parts);
    if (!each) throw new ServiceError('ResourceNotFoundException', `Function not found: ${name}`, 404);
    const payload = stringifyExactly(Payload ?? {});
    if (type === 'Event') {
      each.invokeAsync(payload, trace);
      return { value: { ExecutedVersion: '$LATEST', Payload: {}, StatusCode: 202 } };
    }
    const { payload: answer, durationMs } = await invoke(each, payload, trace);
    return { value: { ExecutedVersion: '$LATEST', Payload: answer, StatusCode: 200 }, durationMs };
  },
};

/** @throws StatesError with the handler's own error */
async function invoke(each: LambdaFunction, payload: string, trace: string | undefined) {
  const result: InvocationResult = await each.invoke(payload, trace);
  const answer = parseExactly(result.payload) as StateJson;
  if (result.functionError === undefined) return { payload: answer, durationMs: result.durationMs };
  const { errorType = 'Lambda.Unknown' } = Object(answer);
  throw new StatesError(String(errorType), result.payload);
}

const attributesOf = (given: StateJson | undefined): Record<string, MessageAttribute> =>
  Object.fromEntries(
    Object.entries((given ?? {}) as Parameters).map(([name, value]) => {
      const { DataType, StringValue, BinaryValue } = Object(value);
      return [
        name,
        {
          DataType: String(DataType),
          ...(StringValue !== undefined && { StringValue: textOf(StringValue) }),
          ...(BinaryValue !== undefined && { BinaryValue: String(BinaryValue) }),
        },
      ];
    }),
  );

const queueOf = (url: StateJson | undefined, { queues }: TaskParts): Queue => {
  const queue = queues.find(({ name }) => name === String(url).split('/').at(-1));
  if (!queue) throw new ServiceError('QueueDoesNotExistException', 'The specified queue does not exist.');
  return queue;
};

const ofTable = (operation: 'PutItem' | 'GetItem' | 'UpdateItem' | 'DeleteItem'): Integration => ({
  service: 'DynamoDB',
  action: `dynamodb:${operation}`,
  denied: 'AmazonDynamoDBException',
  // The table refuses what it does not know.
  parameters: [
    ...['TableName', 'Item', 'Key', 'ConditionExpression', 'ExpressionAttributeNames'],
    ...['ExpressionAttributeValues', 'UpdateExpression', 'ProjectionExpression', 'ConsistentRead'],
    ...['ReturnValues', 'ReturnConsumedCapacity', 'ReturnItemCollectionMetrics'],
  ],
  targets: ({ TableName: name }, { arnOf }) => [
    String(name).startsWith('arn:') ? String(name) : arnOf('dynamodb', `table/${name}`),
  ],
  call: async (parameters, { tables }) => ({ value: await tables().request(operation, { ...parameters }) }),
});

const INTEGRATIONS: Readonly<Record<string, Integration>> = {
  'lambda:invoke': INVOKE,
  'sqs:sendMessage': {
    service: 'SQS',
    action: 'sqs:SendMessage',
    denied: 'AmazonSQSException',
    parameters: [
      ...['QueueUrl', 'MessageBody', 'DelaySeconds', 'MessageAttributes', 'MessageGroupId'],
      'MessageDeduplicationId',
    ],
    targets: ({ QueueUrl }, parts) => [queueOf(QueueUrl, parts).arn],
    call(parameters, parts, { role }) {
      const { QueueUrl, MessageBody, DelaySeconds, MessageAttributes } = parameters;
      const { MessageGroupId: group, MessageDeduplicationId: deduplication } = parameters;
      const id = queueOf(QueueUrl, parts).send({
        body: textOf(MessageBody),
        attributes: attributesOf(MessageAttributes),
        senderId: role,
        ...(typeof DelaySeconds === 'number' && { delaySeconds: DelaySeconds }),
        ...(group !== undefined && { groupId: String(group) }),
        ...(deduplication !== undefined && { deduplicationId: String(deduplication) }),
      });
      return { value: { MessageId: id } };
    },
  },
  'sns:publish': {
    service: 'SNS',
    action: 'sns:Publish',
    denied: 'AmazonSNSException',
    parameters: ['TopicArn', 'Message', 'Subject', 'MessageAttributes'],
    targets: ({ TopicArn }) => [String(TopicArn)],
    call({ TopicArn, Message, Subject, MessageAttributes }, { topics }) {
      const topic = topics.find(({ arn }) => arn === TopicArn);
      if (!topic) throw new ServiceError('NotFoundException', 'Topic does not exist');
      const id = topic.publish({
        message: textOf(Message),
        ...(Subject !== undefined && { subject: String(Subject) }),
        attributes: attributesOf(MessageAttributes),
      });
      return { value: { MessageId: id } };
    },
  },
  'events:putEvents': {
    service: 'EventBridge',
    action: 'events:PutEvents',
    denied: 'AmazonEventBridgeException',
    parameters: ['Entries'],
    targets: ({ Entries }, { arnOf }) =>
      entriesOf(Entries).map(({ EventBusName: bus = 'default' }) =>
        String(bus).startsWith('arn:') ? String(bus) : arnOf('events', `event-bus/${bus}`),
      ),
    call({ Entries }, { eventBridge }, { origins }) {
      const results = eventBridge().putEvents(
        entriesOf(Entries).map(({ Detail, Resources, ...entry }) => ({
          ...entry,
          Detail: textOf(Detail),
          Resources: [...(Array.isArray(Resources) ? Resources.map(String) : []), ...origins],
        })),
      );
      const failed = results.filter((result) => 'ErrorCode' in result).length;
      const value = {
        Entries: results.map((result) => ({ ...result }) as StateJson),
        FailedEntryCount: failed,
      };
      if (failed > 0) throw new StatesError('EventBridge.FailedEntry', JSON.stringify(value));
      return { value };
    },
  },
  'dynamodb:putItem': ofTable('PutItem'),
  'dynamodb:getItem': ofTable('GetItem'),
  'dynamodb:updateItem': ofTable('UpdateItem'),
  'dynamodb:deleteItem': ofTable('DeleteItem'),
};

/** @throws StatesError (States.Runtime) */
function entriesOf(entries: StateJson | undefined): Parameters[] {
  if (Array.isArray(entries) && entries.every(isStateObject)) return entries;
  throw new StatesError('States.Runtime', "The parameter 'Entries' must be a list of objects.");
}

const nameOf = (resource: string): string => /^arn:[\w-]+:states:[\w-]*:\d*:(.+)$/.exec(resource)?.[1] ?? '';

/** @throws UnknownInDefinitionError for a resource, or a parameter of it, that the local run does not know */
export function requireKnownTask(resource: string, parameters: StateJson | undefined): void {
  if (FUNCTION.test(resource)) return;
  const name = nameOf(resource);
  const integration = Object.hasOwn(INTEGRATIONS, name) ? INTEGRATIONS[name] : undefined;
  if (!integration) throw new UnknownInDefinitionError(`the resource ${resource}`);
  const given = Object.keys(isStateObject(parameters) ? parameters : {}).map((field) =>
    field.replace(/\.\$$/, ''),
  );
  const unknown = given.find((field) => !integration.parameters.includes(field));
  if (unknown !== undefined) throw new UnknownInDefinitionError(`the parameter ${unknown} of ${name}`);
}

/**
 * Does what a Task state asks for.
 * @throws StatesError
 */
export async function runTask(call: TaskCall, parts: TaskParts): Promise<TaskResult> {
  const { resource, parameters } = call;
  if (FUNCTION.test(resource)) {
    // By the function's own ARN the input is the payload, and the result is what the handler returned.
    const asked = { FunctionName: resource, Payload: parameters };
    const { value, durationMs } = await runIntegration(INVOKE, asked, call, parts);
    return {
      value: (value as { Payload: StateJson }).Payload,
      ...(durationMs !== undefined && { durationMs }),
    };
  }
  const integration = INTEGRATIONS[nameOf(resource)] as Integration;
  if (!isStateObject(parameters))
    throw new StatesError('States.Runtime', `The parameters of ${resource} are no object.`);
  return runIntegration(integration, parameters, call, parts);
}

async function runIntegration(
  integration: Integration,
  parameters: Parameters,
  call: TaskCall,
  parts: TaskParts,
): Promise<TaskResult> {
  const { service, action, denied } = integration;
  try {
    for (const target of integration.targets(parameters, parts)) {
      const decision = parts.may(call.role, action, target);
      if (!decision.allowed)
        throw new StatesError(
          `${service}.${denied}`,
          `${call.role} is not authorized to perform: ${action} on resource: ${target} because ${decision.reason}`,
        );
      const request = currentRequest();
      if (request && decision.by !== undefined) request.allowedBy = `${action} by ${decision.by}`;
    }
    return await integration.call(parameters, parts, call);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const code = /Exception$/.test(error.code) ? error.code : `${error.code}Exception`;
    throw new StatesError(`${service}.${code}`, error.message);
  }
}
